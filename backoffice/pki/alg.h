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
	PKI_KEY__MAX
};

/* What keys have in common that are read, made and used alike. */
enum pki_family {
	PKI_EC,
	PKI_RSA_KEYS,
	PKI_EDWARDS,	/* RFC 8410 */
	PKI_MONTGOMERY, /* RFC 8410: agree, don't sign */
	PKI_ML_DSA,	/* RFC 9881; libcrypto from 3.5 on */
	PKI_ML_KEM,	/* RFC 9935: don't sign; libcrypto from 3.5 on */
	PKI_FAMILY__MAX
};

struct pki_key_type {
	enum pki_key id;
	enum pki_family family;
	const char *name; /* "ec-p256", "rsa" */
	const char
		*group; /* libcrypto's name: of the curve; of raw keys the algorithm's; RSA: NULL */
	struct bytes curve;	/* content octets of the named curve's OID; empty for others */
	struct bytes algorithm; /* content octets of the key algorithm's OID */
	unsigned bits;		/* 0 for RSA */
	unsigned field_octets;	/* of one coordinate; 0 for others */
	unsigned octets;	/* of a public key that is nothing but octets; 0 for EC and RSA */
};

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

enum pki_hash { PKI_HASH_NONE, PKI_SHA256, PKI_SHA384, PKI_SHA512, PKI_HASH__MAX };

#define PKI_DIGEST_MAX 64

const char *pki_hash_name(enum pki_hash h); /* "sha256"; libcrypto knows it too */
size_t pki_hash_octets(enum pki_hash h);

enum pki_scheme {
	PKI_SIGN_ECDSA,
	PKI_SIGN_PKCS1,
	PKI_SIGN_PSS,	/* MGF1 and salt of the hash */
	PKI_SIGN_EDDSA, /* of the whole message, as the next */
	PKI_SIGN_ML_DSA,
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
/* By the whole DER of an AlgorithmIdentifier; RSA with a missing NULL is taken too.
 * INRO_E_UNSUPPORTED names the OID. */
MUST_CHECK enum inro_err pki_sig_find(struct bytes identifier, const struct pki_sig **ret);
bool pki_sig_fits(const struct pki_sig *sig, enum pki_key key);
/* How a key of this type signs; PKI_HASH_NONE picks the hash that fits the key's strength. */
MUST_CHECK enum inro_err pki_sig_for(enum pki_key key, enum pki_hash hash,
				     const struct pki_sig **ret);
/* The same, with PSS in place of PKCS#1 1.5 where the key is an RSA one. */
MUST_CHECK enum inro_err pki_sig_for_pss(enum pki_key key, enum pki_hash hash,
					 const struct pki_sig **ret);

/* Digest of public data by libcrypto, in a library context of our own. */
MUST_CHECK enum inro_err pki_digest(enum pki_hash h, struct bytes data,
				    uint8_t ret[static PKI_DIGEST_MAX]);
MUST_CHECK enum inro_err pki_digest_pulled(enum pki_hash h, bytes_pull *pull, void *arg,
					   uint8_t ret[static PKI_DIGEST_MAX]);

/* SEQUENCE { tbs, algorithm, signature BIT STRING }: a certificate, CRL or request made whole
 * (RFC 5280 4.1.1, RFC 2986 4.2).  Appended. */
MUST_CHECK enum inro_err pki_signed(struct bytes tbs, const struct pki_sig *sig,
				    struct bytes signature, struct buf *ret);

#endif
