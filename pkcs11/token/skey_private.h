/* skey_private - what is inside a skey; for skey*.c alone. */
#ifndef INRO_PKCS11_TOKEN_SKEY_PRIVATE_H
#define INRO_PKCS11_TOKEN_SKEY_PRIVATE_H

#include <stdatomic.h>

#include "pkcs11/token/libctx.h"
#include "pkcs11/token/skey.h"
#include "pkcs11/token/smech.h"

/* Prepared contexts kept per key: as many threads work at once without making one. */
#define SKEY_POOL 8
#define MAX_MAC	  LIBCTX_MAX_HASH

struct prepared_secret;

struct skey {
	atomic_uint refs;
	CK_KEY_TYPE type;
	struct secret value;
	_Atomic(struct prepared_secret *) pool[SKEY_POOL];
	struct skey *left; /* the next one that outlived libcrypto */
};

/* ---- contexts, skey_context.c ---- */

/* One context with the key set, for one thread from take to give. */
struct prepared_secret {
	const struct smech *m;
	bool encrypt;
	EVP_CIPHER_CTX *cipher;
	EVP_MAC_CTX *mac;
	size_t iv_n, tag_n;    /* what it was set to last */
	struct secret scratch; /* what is decrypted before it is known to be good */
};

/* Taken from the pool, or new. */
MUST_CHECK enum inro_err prepared_take(struct skey *k, const struct smech *m, bool encrypt,
				       struct prepared_secret **ret);
void prepared_give(struct skey *k, struct prepared_secret *p);
void prepared_free(struct prepared_secret *p);
void skey_pool_clear(struct skey *k);

/* A new message: IV and sizes. */
MUST_CHECK enum inro_err prepared_start(struct prepared_secret *p, const struct skey *k,
					const struct use_spec *spec);
/* n bytes of scratch that stay until prepared_done(). */
MUST_CHECK enum inro_err prepared_scratch(struct prepared_secret *p, size_t n, uint8_t **ret);
/* Wipes n bytes of it. */
void prepared_done(struct prepared_secret *p, size_t n);

/* EVP_CipherUpdate for any length; out NULL: additional data.  *ret_n may be NULL. */
MUST_CHECK bool prepared_feed(struct prepared_secret *p, struct bytes in, uint8_t *out,
			      size_t *ret_n);

#endif
