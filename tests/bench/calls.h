/*
 * calls - the calls of the module that are measured, each with libcrypto's own way beside it: keys
 * of the token, sessions and contexts that are set up once.
 */
#ifndef INRO_TESTS_BENCH_CALLS_H
#define INRO_TESTS_BENCH_CALLS_H

#include <openssl/evp.h>

#include "tests/bench/bench.h"
#include "tests/lib/module.h"

#define CALL_MOST 16384

struct call {
	const char *name;
	CK_MECHANISM_TYPE mech;
	size_t n; /* bytes of input */
	bool signs;
	CK_OBJECT_HANDLE (*key)(CK_SESSION_HANDLE s); /* NULL: none */
	EVP_PKEY *(*raw_key)(void);		      /* signatures */
	void (*ours)(void *at);
	void (*raw)(void *at); /* NULL: there is nothing to compare it with */
};

extern const struct call calls[];
extern const size_t calls_n;

/* One user of a call: a thread has its own. */
struct caller {
	const struct call *call;
	CK_SLOT_ID slot;
	CK_SESSION_HANDLE session;
	CK_OBJECT_HANDLE key;
	EVP_PKEY_CTX *sign;
	EVP_MD_CTX *digest_sign; /* Ed25519 */
	EVP_MD_CTX *md;
	EVP_CIPHER_CTX *cipher;
	EVP_MAC_CTX *mac;
	uint8_t in[CALL_MOST], out[CALL_MOST + 64], iv[12];
};

/* Both sides; `raw_key` is borrowed, of call->raw_key. */
void caller_open(struct caller *c, const struct call *call, CK_SLOT_ID slot, CK_OBJECT_HANDLE key,
		 EVP_PKEY *raw_key);
void caller_close(struct caller *c);

#endif
