/* pkey_private - what is inside a pkey; for pkey.c and pkey_*.c alone. */
#ifndef INRO_PKCS11_TOKEN_PKEY_PRIVATE_H
#define INRO_PKCS11_TOKEN_PKEY_PRIVATE_H

#include <stdatomic.h>

#include <openssl/bn.h>

#include "pkcs11/token/libctx.h"
#include "pkcs11/token/setkind.h"
#include "pkcs11/token/pkey.h"

/* Prepared contexts kept per key: as many threads use it at once without making one. */
#define PKEY_POOL 8

struct prepared;
struct pkey;

/* One kind of key: a row of the table in pkey.c. */
struct pkey_type {
	/* fills k->evp and what else depends on the kind */
	enum inro_err (*generate)(struct pkey *k, const struct key_spec *spec);
	/* the same; parts->point, if it came without, is filled in */
	enum inro_err (*from_parts)(struct pkey *k, struct key_parts *parts);
	/* the parts, numbers in *room */
	enum inro_err (*to_parts)(const struct pkey *k, bool private, struct secret *room,
				  struct key_parts *ret);
	/* k->sig_len and others, once the public half is known; `public` borrows from k->spki */
	void (*measure)(struct pkey *k, const struct key_parts *public);
	const char *sample; /* libcrypto's name of an algorithm of this kind, to see if it is there
			     */
	enum inro_err (*encapsulate)(struct pkey *k, struct buf *ret_ciphertext,
				     struct secret *ret_shared); /* NULL: does not */
	enum inro_err (*decapsulate)(struct pkey *k, struct bytes ciphertext,
				     struct secret *ret_shared); /* NULL: does not */
};

extern const struct pkey_type pkey_type_rsa, pkey_type_ec, pkey_type_raw_curve, pkey_type_ml_dsa,
	pkey_type_slh_dsa, pkey_type_ml_kem;

struct pkey {
	atomic_uint refs;
	EVP_PKEY *evp;
	OSSL_LIB_CTX *libctx;
	enum key_kind kind;
	const struct pkey_type *type;
	const char *algorithm;	     /* libcrypto's name of the type of key */
	const struct curve *curve;   /* EC, Edwards, Montgomery */
	const struct param_set *set; /* ML-DSA, SLH-DSA, ML-KEM */
	bool is_private;
	CK_ULONG bits;
	size_t sig_len;
	uint8_t point[EC_MAX_POINT]; /* curves: the public half */
	struct bytes modulus;	     /* RSA: in spki */
	struct buf public;	     /* parameter sets: the public half until it is in spki */
	struct buf spki;
	_Atomic(struct prepared *) pool[PKEY_POOL];
	struct pkey *left; /* the next one that outlived libcrypto */
};

/* ---- pkey.c: for the kinds ---- */

void pkey_free_bn(BIGNUM **p);
void pkey_free_ctx(EVP_PKEY_CTX **p);
/* libcrypto's no to a key's content, told apart from having no memory. */
enum inro_err pkey_refuse(const char *why);
/* k->evp from parameters; from libcrypto's generator (quick: no fork waits long for it). */
MUST_CHECK enum inro_err pkey_build(struct pkey *k, OSSL_PARAM *params);
MUST_CHECK enum inro_err pkey_make(struct pkey *k, const OSSL_PARAM *params, bool quick);
/* A number as a parameter, in native byte order in memory that is wiped afterwards, which moves on:
 * an OSSL_PARAM_BLD would leave private numbers in freed memory. */
OSSL_PARAM pkey_number_param(const char *name, struct bytes big_endian, uint8_t **scratch);
/* A number of the key, `width` bytes (0: as few as it has), from room->p + *used on. */
MUST_CHECK enum inro_err pkey_take_number(const struct pkey *k, const char *name, size_t width,
					  struct secret *room, size_t *used, struct bytes *ret);
/* The public point of a new key into k->point. */
MUST_CHECK enum inro_err pkey_take_point(struct pkey *k);
/* The parts of a key's public half that a curve's key has. */
struct key_parts pkey_curve_parts(const struct pkey *k);
/* A public key on the same curve as `like`. */
MUST_CHECK enum inro_err pkey_from_point(const struct pkey *like, struct bytes point,
					 struct pkey **ret);

/* ---- pkey_ec.c: for all curves ---- */

void pkey_curve_measure(struct pkey *k, const struct key_parts *public);

/* ---- pkey_mech.c: what each mechanism is ---- */

/* A raw mechanism with one use of it prepared. */
struct pkey_raw {
	CK_MECHANISM_TYPE mech;
	unsigned kinds; /* 1 << enum key_kind */
	unsigned uses;	/* enum key_use */
	int padding;	/* RSA: of libcrypto */
	bool encoded;	/* ML-DSA, SLH-DSA: the context is in what is signed already */
	/* parameters, and n bytes of input for this use */
	enum inro_err (*check)(const struct pkey *k, const struct use_spec *spec, enum key_use use,
			       size_t n);
};

/* The row for a mechanism that is raw itself or comes down to one: INRO_E_MECHANISM,
 * INRO_E_KEY_TYPE if it is not for this key or a private key is needed. */
MUST_CHECK enum inro_err pkey_raw_find(const struct pkey *k, CK_MECHANISM_TYPE mech,
				       enum key_use use, const struct pkey_raw **ret);
/* What is used in the end: *spec and *in are rewritten if the mechanism hashes, and checked. */
MUST_CHECK enum inro_err pkey_reduce(const struct pkey *k, enum key_use use, struct use_spec *spec,
				     struct bytes *in, struct buf *room,
				     const struct pkey_raw **ret);

/* ---- pkey_pool.c: prepared contexts ---- */

struct prepared {
	EVP_PKEY_CTX *ctx; /* md's, if there is one */
	EVP_MD_CTX *md;	   /* EdDSA, ML-DSA, SLH-DSA */
	enum key_use use;
	struct use_spec spec;
	bool keep;	      /* nothing in it is one operation's alone */
	struct secret secret; /* PKCS#1 decryption: what a bad ciphertext's answer is made from */
};

/* A context of this thread alone until pkey_done() or pkey_spoiled(). */
MUST_CHECK enum inro_err pkey_prepare(struct pkey *k, enum key_use use, const struct use_spec *spec,
				      const struct pkey_raw *raw, struct prepared **ret);
void pkey_done(struct pkey *k, struct prepared *p);
/* After an error of libcrypto's. */
void pkey_spoiled(struct prepared *p);
/* Frees what the pool holds; the key's last owner calls it. */
void pkey_pool_clear(struct pkey *k);

/* ---- pkey_crypt.c, pkey_use.c: what is looked at before the private key is used ---- */

/* `findable`: USE_DECRYPT, or USE_ENCRYPT when the private key is elsewhere. */
MUST_CHECK enum inro_err pkey_decrypt_check(const struct pkey *k, const struct use_spec *spec,
					    enum key_use findable, struct bytes in,
					    const struct pkey_raw **ret);
/* The other's public key in an agreement; whatever is wrong with it is one error. */
MUST_CHECK enum inro_err pkey_take_peer(const struct pkey *k, struct bytes given,
					struct pkey **ret);

/* ---- pkey_pkcs1.c: PKCS#1 v1.5 decryption by implicit rejection ---- */

#define PKCS1_OVERHEAD 11

/* The secret of a private key. */
MUST_CHECK enum inro_err pkey_pkcs1_secret(const struct pkey *k, struct secret *ret);
/* em: what the raw decryption of `ciphertext` gave, overwritten with the message, *ret_n bytes. */
MUST_CHECK enum inro_err pkey_pkcs1_unpad(struct bytes secret, struct bytes ciphertext, uint8_t *em,
					  size_t *ret_n);

#endif
