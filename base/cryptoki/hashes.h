/*
 * hashes - what PKCS#11 and PKCS#1 call the hashes: one table for the token, the provider and the
 * back office.
 */
#ifndef INRO_BASE_CRYPTOKI_HASHES_H
#define INRO_BASE_CRYPTOKI_HASHES_H

#include "base/bytes.h"
#include "base/cryptoki/cryptoki.h"

struct ck_hash {
	CK_MECHANISM_TYPE mech;
	CK_RSA_PKCS_MGF_TYPE mgf; /* MGF1 with it; 0: Cryptoki has no number for that */
	size_t size;		  /* bytes of its value */
	struct bytes oid;	  /* the whole element */
	struct bytes digest_info; /* what stands before the value in a DigestInfo: RFC 8017 9.2 */
};

/* NULL for what is not in the table. */
const struct ck_hash *ck_hash_find(CK_MECHANISM_TYPE mech);
const struct ck_hash *ck_hash_of_mgf(CK_RSA_PKCS_MGF_TYPE mgf);

#endif
