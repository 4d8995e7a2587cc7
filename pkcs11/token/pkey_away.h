/*
 * pkey_away - a pair whose private half is not in this process: what pkey_sign(), pkey_decrypt()
 * and pkey_agree() do before and after the one step with it, by the public half alone.  The errors
 * are those of these functions.
 */
#ifndef INRO_PKCS11_TOKEN_PKEY_AWAY_H
#define INRO_PKCS11_TOKEN_PKEY_AWAY_H

#include "pkcs11/token/pkey.h"

/* What is left to sign: ret_spec->mech is the raw mechanism (CKM_RSA_PKCS, CKM_RSA_X_509,
 * CKM_RSA_PKCS_PSS, CKM_ECDSA), *in its input, which may have moved to `room`.  For CKM_RSA_X_509
 * it is as long as the modulus. */
MUST_CHECK enum inro_err pkey_away_sign(const struct pkey *public, const struct use_spec *spec,
					struct bytes *in, struct buf *room,
					struct use_spec *ret_spec);

/* Mechanism, parameters and a ciphertext that can be one. */
MUST_CHECK enum inro_err pkey_away_decrypt(const struct pkey *public, const struct use_spec *spec,
					   struct bytes in);
/* em: what the raw decryption of `ciphertext` gave, overwritten with the message of PKCS#1 v1.5,
 * *ret_n bytes; one that `secret` and the ciphertext make when there is none (pkey_pkcs1.c). */
MUST_CHECK enum inro_err pkey_away_pkcs1(struct bytes secret, struct bytes ciphertext, uint8_t *em,
					 size_t *ret_n);

/* The other's point of an agreement, bare; on the curve. */
MUST_CHECK enum inro_err pkey_away_peer(const struct pkey *public, struct bytes peer,
					uint8_t point[EC_MAX_POINT]);
/* Of EC keys. */
const struct curve *pkey_away_curve(const struct pkey *public);

#endif
