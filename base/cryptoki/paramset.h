/*
 * paramset - the parameter sets of ML-DSA (FIPS 204), SLH-DSA (FIPS 205) and ML-KEM (FIPS 203): one
 * table, by number and by OID, for the token and for who looks at any token's keys.
 */
#ifndef INRO_BASE_CRYPTOKI_PARAMSET_H
#define INRO_BASE_CRYPTOKI_PARAMSET_H

#include "base/bytes.h"
#include "base/cryptoki/cryptoki.h"

/* Bytes of what ML-KEM agrees on (FIPS 203 table 3). */
#define PARAMSET_SHARED 32

struct param_set {
	CK_KEY_TYPE type;
	CK_ULONG set;	   /* CKA_PARAMETER_SET */
	struct bytes oid;  /* the element (RFC 9881, RFC 9909, RFC 9935) */
	const char *name;  /* libcrypto's, of the type of key */
	size_t public;	   /* bytes of CKA_VALUE of a public key */
	size_t private;	   /* and of a private one */
	size_t seed;	   /* of CKA_SEED; 0: has none */
	size_t out;	   /* of a signature or a ciphertext */
	unsigned strength; /* bits of security */
};

/* INRO_E_PARAMETER_SET. */
MUST_CHECK enum inro_err paramset_find(CK_KEY_TYPE type, CK_ULONG set,
				       const struct param_set **ret);
/* Has this type of key parameter sets? */
bool paramset_of_type(CK_KEY_TYPE type);
/* NULL when it is not one of these. */
const struct param_set *paramset_of_oid(struct bytes oid);
/* In order; NULL behind the last. */
const struct param_set *paramset_at(size_t i);

#endif
