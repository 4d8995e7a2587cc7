/* token_private - what token.c (who they are, their sessions) and token_login.c share. */
#ifndef INRO_PROVIDER_TOKEN_PRIVATE_H
#define INRO_PROVIDER_TOKEN_PRIVATE_H

#include <pthread.h>

#include "provider/token.h"

#define POOL_SESSIONS 64

struct pool {
	struct token *token;
	uint64_t generation; /* of the module */
	pid_t pid;
	uint64_t epoch; /* of this pool */
	CK_SLOT_ID slot;
	atomic_ulong anchor;
	atomic_ulong idle[POOL_SESSIONS]; /* CK_INVALID_HANDLE: an empty place */
	atomic_bool untold;		  /* logged in, and the module's sessions do not tell so */
	atomic_bool stale;
	pthread_mutex_t login;		  /* held during C_Login */
	struct pool *older;
};

/* The PIN of a login, for the children of this process.  One that is replaced stays until the end:
 * another thread may be reading it. */
struct handed_down {
	struct handed_down *before;
	pid_t pid; /* whose login it was */
	struct secret pin;
};

struct token {
	struct prov *prov;
	struct ck_token about;
	_Atomic(struct handed_down *) handed_down;
	_Atomic(struct pool *) pool;
	struct token *next;
};

void handed_down_free(struct handed_down *h); /* and those before; NULL is fine */

#endif
