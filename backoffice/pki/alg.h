/*
 * alg - the key types, hashes and signature algorithms of certificates, as tables.
 *
 * 1. Everything that names an algorithm (command words, OIDs, profiles, mechanisms) comes from
 * here.
 * 2. A signature algorithm's identifier is kept as finished DER: it is copied, never composed.
 * All data is constant; all functions may be called from any thread.
 */
#ifndef INRO_BACKOFFICE_PKI_ALG_H
#define INRO_BACKOFFICE_PKI_ALG_H

#include <assert.h>

#include "base/bytes.h"

enum pki_key {
	PKI_KEY_NONE,
	PKI_EC_P256,
	PKI_EC_P384,
	PKI_EC_P521,
	PKI_RSA,
	PKI_ED25519,
	PKI_ED448,
	PKI_X25519,
	PKI_X448,
	PKI_ML_DSA_44,
	PKI_ML_DSA_65,
	PKI_ML_DSA_87,
	PKI_ML_KEM_512,
	PKI_ML_KEM_768,
	PKI_ML_KEM_1024,
	PKI_EC_P224,
	PKI_EC_K256,
	PKI_EC_BP224,
	PKI_EC_BP256,
	PKI_EC_BP320,
	PKI_EC_BP384,
	PKI_EC_BP512,
	PKI_RSA_PSS,
	PKI_SLH_DSA_SHA2_128S,
	PKI_SLH_DSA_SHA2_128F,
	PKI_SLH_DSA_SHA2_192S,
	PKI_SLH_DSA_SHA2_192F,
	PKI_SLH_DSA_SHA2_256S,
	PKI_SLH_DSA_SHA2_256F,
	PKI_SLH_DSA_SHAKE_128S,
	PKI_SLH_DSA_SHAKE_128F,
	PKI_SLH_DSA_SHAKE_192S,
	PKI_SLH_DSA_SHAKE_192F,
	PKI_SLH_DSA_SHAKE_256S,
	PKI_SLH_DSA_SHAKE_256F,
	PKI_KEY__MAX
};

/* Sets of key types are uint64_t of these. */
static_assert(PKI_KEY__MAX <= 64, "a set of key types has room for each");
#define PKI_KEY_BIT(key) (UINT64_C(1) << (key))

/* What keys have in common that are read, made and used alike. */
enum pki_family {
	PKI_EC,
	PKI_RSA_KEYS,
	PKI_RSA_PSS_KEYS, /* RFC 4055 1.2: id-RSASSA-PSS; sign by PSS and nothing else */
	PKI_EDWARDS,	/* RFC 8410 */
	PKI_MONTGOMERY, /* RFC 8410: agree, don't sign */
	PKI_ML_DSA,	/* RFC 9881; libcrypto from 3.5 on */
	PKI_ML_KEM,	/* RFC 9935: don't sign; libcrypto from 3.5 on */
	PKI_SLH_DSA,	/* RFC 9909; libcrypto from 3.5 on */
	PKI_FAMILY__MAX
};

enum pki_hash {
	PKI_HASH_NONE,
	PKI_SHA256,
	PKI_SHA384,
	PKI_SHA512,
	PKI_SHA224,
	PKI_SHA3_224,
	PKI_SHA3_256,
	PKI_SHA3_384,
	PKI_SHA3_512,
	PKI_HASH__MAX
};

#define PKI_DIGEST_MAX 64

struct pki_key_type {
	enum pki_key id;
	enum pki_family family;
	const char *name; /* "ec-p256", "rsa" */
	const char
		*group; /* libcrypto's name: of the curve; of raw keys the algorithm's; RSA: NULL */
	struct bytes curve;	/* content octets of the named curve's OID; empty for others */
	struct bytes algorithm; /* content octets of the key algorithm's OID */
	unsigned bits;		/* 0 for RSA: each key has its own */
	unsigned field_octets;	/* of one coordinate; 0 for others */
	unsigned octets;	/* of a public key that is nothing but octets; 0 for EC and RSA */
	unsigned set;		/* CKA_PARAMETER_SET of FIPS 203 to 205; 0 for others */
	enum pki_hash hash;	/* that fits its strength; PKI_HASH_NONE where it hashes itself */
	bool null;		/* NULL follows the algorithm's OID (RFC 3279 2.3.1) */
};

/* "rsa-3072", "rsa-pss-4096": a type that comes in sizes, and one of its sizes; PKI_KEY_NONE for
 * other words. */
enum pki_key pki_key_sized(const char *word, unsigned *ret_bits);

/* NULL for PKI_KEY_NONE and nonsense. */
const struct pki_key_type *pki_key_type(enum pki_key k);

/* Its private key signs. */
bool pki_key_signs(enum pki_key k);

/* What the command line calls a key to be made: a type and, for RSA, a size. */
struct pki_key_kind {
	const char *name; /* "ec-p256" … "rsa-4096", "ed25519" */
	enum pki_key type;
	unsigned bits;
};

/* The kinds in their order; NULL behind the last. */
const struct pki_key_kind *pki_key_kind_at(size_t i);
/* INRO_E_UNSUPPORTED names the ones there are. */
MUST_CHECK enum inro_err pki_key_kind_find(const char *name, const struct pki_key_kind **ret);


const char *pki_hash_name(enum pki_hash h); /* "sha256"; libcrypto knows it too */
size_t pki_hash_octets(enum pki_hash h);
struct bytes pki_hash_oid(enum pki_hash h); /* content octets */
/* PKI_HASH_NONE for one that is not known here. */
enum pki_hash pki_hash_of_oid(struct bytes oid);

enum pki_scheme {
	PKI_SIGN_ECDSA,
	PKI_SIGN_PKCS1,
	PKI_SIGN_PSS,	/* MGF1 and salt of the hash */
	PKI_SIGN_EDDSA, /* of the whole message, as the next */
	PKI_SIGN_ML_DSA,
	PKI_SIGN_SLH_DSA,
	PKI_SCHEME__MAX
};

struct pki_sig {
	const char *name; /* "ecdsa-with-SHA256", as OpenSSL prints it */
	enum pki_family family;
	enum pki_scheme scheme;
	enum pki_key key;	 /* the only one that signs so; PKI_KEY_NONE: any of the family */
	enum pki_hash hash;	 /* PKI_HASH_NONE: of its own */
	struct bytes identifier; /* AlgorithmIdentifier, whole DER */
};

/* The algorithms in their order; NULL behind the last. */
const struct pki_sig *pki_sig_at(size_t i);
/* By the whole DER of an AlgorithmIdentifier; RSA with a missing NULL is taken too, and PSS with a
 * salt of any length.  INRO_E_UNSUPPORTED names the OID. */
MUST_CHECK enum inro_err pki_sig_find(struct bytes identifier, const struct pki_sig **ret);
bool pki_sig_fits(const struct pki_sig *sig, enum pki_key key);
/* How a key of this type signs; PKI_HASH_NONE picks the hash that fits the key's strength.  Which of them a key
 * signs by that may be bound to one: pubkey_sig(). */
MUST_CHECK enum inro_err pki_sig_for(enum pki_key key, enum pki_hash hash,
				     const struct pki_sig **ret);
/* The same, with PSS in place of PKCS#1 1.5 where the key is an RSA one. */
MUST_CHECK enum inro_err pki_sig_for_pss(enum pki_key key, enum pki_hash hash,
					 const struct pki_sig **ret);

/* RSASSA-PSS-params (RFC 4055 3.1), a whole SEQUENCE: one hash for message and mask, which is not
 * SHA-1, and the salt's octets.  Of a key that is the shortest salt. */
MUST_CHECK enum inro_err pki_pss_read(struct bytes params, enum pki_hash *ret_hash,
				      size_t *ret_salt);

/* Digest of public data by libcrypto, in a library context of our own. */
MUST_CHECK enum inro_err pki_digest(enum pki_hash h, struct bytes data,
				    uint8_t ret[static PKI_DIGEST_MAX]);
MUST_CHECK enum inro_err pki_digest_pulled(enum pki_hash h, bytes_pull *pull, void *arg,
					   uint8_t ret[static PKI_DIGEST_MAX]);
/* n octets of SHAKE256 (FIPS 202), which goes with Ed448. */
MUST_CHECK enum inro_err pki_shake256(struct bytes data, uint8_t *ret, size_t n);

/* SEQUENCE { tbs, algorithm, signature BIT STRING }: a certificate, CRL or request made whole
 * (RFC 5280 4.1.1, RFC 2986 4.2).  Appended. */
MUST_CHECK enum inro_err pki_signed(struct bytes tbs, const struct pki_sig *sig,
				    struct bytes signature, struct buf *ret);

#endif
