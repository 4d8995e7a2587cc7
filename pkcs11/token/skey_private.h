/* skey_private - what is inside a skey, and the table of its mechanisms; for skey*.c alone. */
#ifndef INRO_PKCS11_TOKEN_SKEY_PRIVATE_H
#define INRO_PKCS11_TOKEN_SKEY_PRIVATE_H

#include <stdatomic.h>

#include "pkcs11/token/libctx.h"
#include "pkcs11/token/skey.h"

/* Prepared contexts kept per key: as many threads work at once without making one. */
#define SKEY_POOL 8
#define MAX_BLOCK 16
#define MAX_MAC	  LIBCTX_MAX_HASH

struct prepared_secret;

struct skey {
	atomic_uint refs;
	CK_KEY_TYPE type;
	struct secret value;
	_Atomic(struct prepared_secret *) pool[SKEY_POOL];
	struct skey *left; /* the next one that outlived libcrypto */
};

/* How a mechanism behaves; everything else about it is in its row. */
enum skey_form {
	FORM_HMAC,
	FORM_CMAC,
	FORM_GMAC,
	FORM_BLOCKS, /* whole blocks in, the same out */
	FORM_PADDED, /* anything in, whole blocks out */
	FORM_STREAM, /* as much out as in, byte by byte */
	FORM_WHOLE,  /* as much out as in, but all at once */
	FORM_AEAD,
	FORM_CCM, /* an AEAD that must know the length first */
	FORM_KW,
	FORM_KWP,
	FORM__MAX
};

struct smech {
	CK_MECHANISM_TYPE mech;
	enum skey_form form;
	CK_KEY_TYPE type; /* HMACs: or CKK_GENERIC_SECRET */
	/* libcrypto's: what follows AES-<bits>-, a cipher, or for HMACs a hash */
	const char *aes, *cipher, *hash;
	uint8_t block;		/* bytes; 1: none */
	uint8_t least;		/* bytes of the shortest input to encrypt */
	uint8_t iv_min, iv_max; /* bytes */
	uint8_t counter;	/* CTR: bytes of a block, 0: has no counter */
	uint8_t tag;		/* bytes of a whole MAC or tag */
	uint8_t tag_min;	/* bytes of the shortest that is made; 0: tag_n is not looked at */
	uint8_t tag_step;
	bool old; /* decrypts only */
};

/* NULL: there is none in the table. */
const struct smech *smech_find(CK_MECHANISM_TYPE mech);
/* libcrypto's name of the cipher for a key of n bytes. */
const char *smech_cipher(const struct smech *m, size_t n, char room[24]);

/* That mechanism, use, key type and parameters fit. */
MUST_CHECK enum inro_err smech_check(CK_KEY_TYPE type, const struct use_spec *spec,
				     enum key_use use, const struct smech **ret);
/* Bytes of tag or MAC. */
size_t smech_tag(const struct smech *m, const struct use_spec *spec);
/* Bytes that can be done with this counter before it comes round. */
uint64_t smech_reach(const struct smech *m, const struct use_spec *spec);
/* That n bytes are a whole input: INRO_E_DATA_LENGTH, INRO_E_CIPHERTEXT_LENGTH. */
MUST_CHECK enum inro_err smech_check_length(const struct smech *m, const struct use_spec *spec,
					    enum key_use use, size_t n);
bool smech_is_mac(const struct smech *m);
bool smech_is_aead(const struct smech *m);

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

/* PKCS#7 padding of the last block, looked at in constant time: bytes that are not padding.
 * INRO_E_CIPHERTEXT. */
MUST_CHECK enum inro_err skey_unpad(const uint8_t *last, size_t block, size_t *ret);

#endif
