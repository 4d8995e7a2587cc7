/*
 * session - the sessions of the process and what each is in the middle of.
 *
 * 1. A session is used under its own lock; session_enter() finds and locks, session_leave() lets
 *    go.  Two threads in one session wait for each other, two sessions do not.
 * 2. A handle is never used twice in a process.
 * 3. A closed session lives until the last thread has left it.
 * Locks are taken in this order: session, token, gate, table.
 */
#ifndef INRO_PKCS11_TOKEN_SESSION_H
#define INRO_PKCS11_TOKEN_SESSION_H

#include "pkcs11/token/op.h"
#include "pkcs11/token/token.h"

#define SESSIONS_MAX 65536

struct search {
	bool active;
	CK_OBJECT_HANDLE *found;
	size_t n, at;
};

struct session {
	CK_SESSION_HANDLE handle;
	struct token *token;
	CK_FLAGS flags;
	pthread_mutex_t lock;
	atomic_uint refs;	 /* of the table and of those inside */
	bool closed;		 /* under `lock` */
	struct op *ops[OP__MAX]; /* NULL until it is first used */
	struct search search;
};

/* Threads in different sessions don't meet: handles next to each other are in different tables. */
#define SESSION_TABLES 16

struct sessions {
	struct session_table {
		pthread_mutex_t lock;
		struct map by_handle;
		char apart[64]; /* no two in one cache line */
	} tables[SESSION_TABLES];
	atomic_size_t n;
};

void sessions_init(struct sessions *all);
/* Closes what is open; nobody may be in one. */
void sessions_clear(struct sessions *all);

MUST_CHECK enum inro_err session_open(struct sessions *all, struct token *t, CK_FLAGS flags,
				      CK_SESSION_HANDLE *ret);
/* INRO_E_SESSION_HANDLE when there is none. */
MUST_CHECK enum inro_err session_enter(struct sessions *all, CK_SESSION_HANDLE handle,
				       struct session **ret);
void session_leave(struct session *s);
MUST_CHECK enum inro_err session_close(struct sessions *all, CK_SESSION_HANDLE handle);
MUST_CHECK enum inro_err session_close_all(struct sessions *all, const struct token *t);

bool session_is_rw(const struct session *s);
/* The token's lock held. */
CK_STATE session_state(const struct session *s);
/* Whether the token's policy lets an object become so: INRO_E_TEMPLATE_INCONSISTENT.  The token's lock
 * held. */
MUST_CHECK enum inro_err session_may_be(const struct session *s, const struct attrs *attrs);
/* The same for a new object; private keys are the user's whatever CKA_PRIVATE says. */
MUST_CHECK enum inro_err session_may_keep(const struct session *s, const struct object *o);
/* Whether it may make or change such an object: INRO_E_TOKEN_WRITE_PROTECTED,
 * INRO_E_SESSION_READ_ONLY, INRO_E_LOGIN.  The token's lock held. */
MUST_CHECK enum inro_err session_may_write(const struct session *s, bool token_object,
					   bool private);

#endif
