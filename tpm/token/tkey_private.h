/* tkey_private - what is inside a key in the TPM; for tkey*.c and tparts.c alone. */
#ifndef INRO_TPM_TOKEN_TKEY_PRIVATE_H
#define INRO_TPM_TOKEN_TKEY_PRIVATE_H

#include <stdatomic.h>

#include "pkcs11/token/libctx.h"
#include "pkcs11/token/pkey_away.h"
#include "pkcs11/token/smech.h"
#include "tpm/talk/root.h"
#include "tpm/token/tkey.h"

#define TKEY_AUTH 32 /* bytes of an authValue */
#define TKEY_CHUNK    1024 /* TPM2_MAX_DIGEST_BUFFER */
/* The longest input of a signature or MAC that is collected here. */
#define TKEY_MAX_COLLECTED ((size_t)16 << 20)

struct tkey {
	atomic_uint refs;
	uint32_t caps;
	enum key_kind kind;
	CK_KEY_TYPE type;
	size_t n;    /* of a secret key's value */
	bool agrees; /* EC: the TPM lets it */
	struct secret auth;
	struct resident *object;
	struct pkey *public; /* of a pair */
};

/* ---- tkey.c ---- */

/* What a key is made from; the blob and the auth are taken over. */
struct tkey_made {
	struct tpm *tpm;
	uint32_t caps;
	CK_KEY_TYPE type; /* of a KEYEDHASH object; of others it follows from the blob */
	size_t n;
	struct secret *auth;
	struct blob *blob;
};
/* INRO_E_UNSUPPORTED for an object that is no such key as ours. */
MUST_CHECK enum inro_err tkey_new(const struct tkey_made *m, struct tkey **ret);

/* ---- tkey_can.c: what a TPM can do ---- */

struct tkey_curve {
	int nid;
	TPM2_ECC_CURVE id;
	TPM2_ALG_ID hash; /* of TPM2_Sign: as many bits as the order has, or the most there are */
	size_t hash_n;
	uint32_t caps;
};
/* NULL: not one of a TPM's. */
const struct tkey_curve *tkey_curve_find(const struct curve *curve);

/* TPM2_ALG_NULL when it is not a hash that this TPM has. */
TPM2_ALG_ID tkey_hash(uint32_t caps, CK_MECHANISM_TYPE hash);
/* The name algorithm with which a TPM makes HMAC keys of n bytes; TPM2_ALG_NULL: none. */
TPM2_ALG_ID tkey_hmac_name(uint32_t caps, size_t n);
/* A secret key's mechanism as the TPM's hash or mode; TPM2_ALG_NULL: it does not do it. */
TPM2_ALG_ID tkey_secret_alg(uint32_t caps, CK_MECHANISM_TYPE mech);
bool tkey_is_hmac(CK_KEY_TYPE type);

/* ---- one step with the key each ---- */

MUST_CHECK enum inro_err tkey_rsa_sign(struct tkey *k, const struct use_spec *spec, struct bytes in,
				       struct room out, size_t *ret_n);
MUST_CHECK enum inro_err tkey_rsa_decrypt(struct tkey *k, const struct use_spec *spec,
					  struct bytes in, struct room out, size_t *ret_n);
MUST_CHECK enum inro_err tkey_ec_sign(struct tkey *k, const struct use_spec *spec, struct bytes in,
				      struct room out, size_t *ret_n);
/* 64 bytes at most go to out. */
MUST_CHECK enum inro_err tkey_mac(struct tkey *k, TPM2_ALG_ID hash, struct bytes in, uint8_t *out);

/* ---- tkey_aes.c: a cipher on its way ---- */

struct tkey_stream {
	struct tkey *k;
	const struct smech *m;
	TPM2_ALG_ID mode;
	bool decrypt;
	uint8_t iv[MAX_BLOCK];
	/* a stream's last block when the text so far does not fill it */
	uint8_t key[MAX_BLOCK], fed[MAX_BLOCK]; /* key stream, ciphertext */
	size_t used;				/* bytes of it; 0: there is none */
};

void tkey_stream_start(struct tkey_stream *s, struct tkey *k, const struct smech *m,
		       const struct use *what);
void tkey_stream_clear(struct tkey_stream *s);
/* As many bytes out as in: whole blocks, or of FORM_STREAM any number.  out may be in's place. */
MUST_CHECK enum inro_err tkey_stream_feed(struct tkey_stream *s, struct bytes in, uint8_t *out);

/* ---- tkey_secret.c ---- */

/* That mechanism, parameters and key fit, and that the TPM does it; the errors of skey_use(). */
MUST_CHECK enum inro_err tkey_secret_check(const struct tkey *k, const struct use *what,
					   const struct smech **ret);
MUST_CHECK enum inro_err tkey_secret_use(struct tkey *k, const struct use *what, struct bytes in,
					 struct room out, size_t *ret_n);
/* n bytes to out, or INRO_E_TOO_SMALL with n in *ret_n. */
MUST_CHECK enum inro_err tkey_give(struct bytes from, struct room out, size_t *ret_n);

#endif
