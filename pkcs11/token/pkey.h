/*
 * pkey - one RSA or EC key as libcrypto holds it: private ones for soft, public ones for the core.
 *
 * 1. A pkey never changes after it is made; any number of threads may use it at once.
 * 2. It is counted: pkey_ref() gives one more owner, pkey_unref() takes one away.  (pkey_free() is
 *    the C library's, for memory protection keys.)
 * 3. A small pool of prepared operation contexts hangs on each key, taken and given back without a
 *    lock, so that an operation costs the operation: no fetch, no set-up, warm blinding and
 *    Montgomery state.
 * 4. Signatures are Cryptoki's: ECDSA is r || s, both as long as the curve's order (PKCS#11 3.0
 *    2.3.1), RSA as long as the modulus.
 */
#ifndef INRO_PKCS11_TOKEN_PKEY_H
#define INRO_PKCS11_TOKEN_PKEY_H

#include "pkcs11/token/keyder.h"

/* The longest signature, and the longest raw input that pkey_raw_form() makes. */
#define PKEY_MAX_SIG	   (RSA_MAX_BITS / 8)
#define PKEY_MAX_RAW_INPUT 96

struct pkey;

/* A new pair.  RSA 2048 to 4096 bits, exponent odd and at least 65537; the curves of curve_find().
 * INRO_E_KEY_SIZE, INRO_E_ATTR_VALUE (exponent), INRO_E_CURVE. */
MUST_CHECK enum inro_err pkey_generate(const struct key_spec *spec, struct pkey **ret);

/* From DER.  Sizes, curve, exponent and that an EC point is on its curve are checked; whether the
 * private part fits the public one is pkey_check()'s. */
MUST_CHECK enum inro_err pkey_from_pkcs8(struct bytes pkcs8, struct pkey **ret);
MUST_CHECK enum inro_err pkey_from_spki(struct bytes spki, struct pkey **ret);

/* The whole mathematics: primes, exponents, private and public half fit.  Slow for RSA.
 * INRO_E_ATTR_VALUE if something is wrong. */
MUST_CHECK enum inro_err pkey_check(const struct pkey *k);

struct pkey *pkey_ref(struct pkey *k);
void pkey_unref(struct pkey *k);
void pkey_unref_ptr(struct pkey **k); /* for AUTO() */

enum key_kind pkey_kind(const struct pkey *k);
CK_ULONG pkey_bits(const struct pkey *k); /* modulus, curve */
bool pkey_is_private(const struct pkey *k);
size_t pkey_sig_len(const struct pkey *k); /* every signature of this key has this length */

/* Appended to *ret. */
MUST_CHECK enum inro_err pkey_spki(const struct pkey *k, struct buf *ret);
MUST_CHECK enum inro_err pkey_pkcs8(const struct pkey *k, struct secret *ret);

/* Signs a whole input: the message for mechanisms with a hash in the name, the hash (CKM_ECDSA,
 * CKM_RSA_PKCS_PSS) or the DigestInfo (CKM_RSA_PKCS) for the raw ones.  INRO_E_TOO_SMALL with the
 * size in *ret_n when cap is less; INRO_E_DATA_LENGTH, INRO_E_MECHANISM, INRO_E_MECHANISM_PARAM,
 * INRO_E_KEY_TYPE. */
MUST_CHECK enum inro_err pkey_sign(struct pkey *k, const struct use_spec *spec, struct bytes in,
				   uint8_t *out, size_t cap, size_t *ret_n);

/* INRO_E_SIGNATURE if it does not verify, INRO_E_SIGNATURE_LENGTH if it can't. */
MUST_CHECK enum inro_err pkey_verify(struct pkey *k, const struct use_spec *spec, struct bytes in,
				     struct bytes sig);

/* For input hashed in parts: the raw mechanism that a hashed one comes down to and the input it
 * takes for this hash (PKCS#1: the DigestInfo).  PKEY_MAX_RAW_INPUT bytes at most are appended. */
MUST_CHECK enum inro_err pkey_raw_form(const struct use_spec *spec, struct bytes hash,
				       struct use_spec *ret_spec, struct buf *ret_in);

/* The hash in a mechanism's name: CKM_SHA256 for CKM_ECDSA_SHA256; 0 for raw and unknown ones. */
CK_MECHANISM_TYPE pkey_mech_hash(CK_MECHANISM_TYPE mech);

/* What pkey_sign() and pkey_verify() do; sorted, ended by CK_UNAVAILABLE_INFORMATION. */
extern const CK_MECHANISM_TYPE pkey_mechanisms[];

#endif
