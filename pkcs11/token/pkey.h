/*
 * pkey - one key of a pair as libcrypto holds it: RSA, EC, Edwards, Montgomery, and with libcrypto
 * 3.5 ML-DSA, SLH-DSA, ML-KEM: private ones for soft, public ones for the core.
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

/* The longest RSA signature, longer than any of a curve, and the longest raw input that
 * pkey_raw_form() makes. */
#define PKEY_MAX_SIG	   (RSA_MAX_BITS / 8)
#define PKEY_MAX_RAW_INPUT 96

struct pkey;

/* A new pair.  RSA 2048 to 4096 bits, exponent odd and at least 65537; the curves of curve_find();
 * parameter sets.  INRO_E_KEY_SIZE, INRO_E_ATTR_VALUE (exponent), INRO_E_CURVE,
 * INRO_E_PARAMETER_SET. */
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
size_t pkey_sig_len(const struct pkey *k); /* every signature that this key makes has this length */

/* What may be verified: that length; of ECDSA any even one up to it, because a program that does
 * not know the group's order cuts the zeros that r and s both begin with (PKCS#11 3.2 6.3.1).
 * INRO_E_SIGNATURE_LENGTH. */
MUST_CHECK enum inro_err pkey_sig_fits(const struct pkey *k, size_t n);

/* Appended to *ret. */
MUST_CHECK enum inro_err pkey_spki(const struct pkey *k, struct buf *ret);
MUST_CHECK enum inro_err pkey_pkcs8(const struct pkey *k, struct secret *ret);

/* Signs a whole input: the message for CKM_EDDSA and mechanisms with a hash in the name, the hash
 * (CKM_ECDSA, CKM_RSA_PKCS_PSS), the DigestInfo (CKM_RSA_PKCS) or a number below the modulus
 * (CKM_RSA_X_509) for the raw ones.  CKM_EDDSA with prehash, has_context or ad needs libcrypto 3.2:
 * INRO_E_MECHANISM_PARAM without.  CKM_HASH_ML_DSA and CKM_HASH_SLH_DSA take the hash
 * that spec->digest names.  Also for USE_SIGN_RECOVER.  INRO_E_TOO_SMALL with the
 * size in *ret_n when cap is less; INRO_E_DATA_LENGTH, INRO_E_MECHANISM, INRO_E_MECHANISM_PARAM,
 * INRO_E_KEY_TYPE. */
MUST_CHECK enum inro_err pkey_sign(struct pkey *k, const struct use_spec *spec, struct bytes in,
				   uint8_t *out, size_t cap, size_t *ret_n);

/* INRO_E_SIGNATURE if it does not verify, INRO_E_SIGNATURE_LENGTH if it can't. */
MUST_CHECK enum inro_err pkey_verify(struct pkey *k, const struct use_spec *spec, struct bytes in,
				     struct bytes sig);

/* The input back from an RSA signature (CKM_RSA_PKCS, CKM_RSA_X_509). */
MUST_CHECK enum inro_err pkey_verify_recover(struct pkey *k, const struct use_spec *spec,
					     struct bytes sig, struct room out, size_t *ret_n);

/* RSA: CKM_RSA_PKCS, CKM_RSA_PKCS_OAEP, CKM_RSA_X_509.  Decryption: bad padding is
 * INRO_E_CIPHERTEXT for OAEP and implicit rejection for PKCS#1 v1.5 (a message that depends on key
 * and ciphertext only), in one time; INRO_E_CIPHERTEXT_LENGTH. */
MUST_CHECK enum inro_err pkey_encrypt(struct pkey *k, const struct use_spec *spec, struct bytes in,
				      struct room out, size_t *ret_n);
MUST_CHECK enum inro_err pkey_decrypt(struct pkey *k, const struct use_spec *spec, struct bytes in,
				      struct room out, size_t *ret_n);
/* The longest output of either. */
size_t pkey_crypt_max(const struct pkey *k, const struct use_spec *spec, enum key_use use);

/* ECDH (cofactor 1 on every curve here), X25519, X448: the shared secret as it is, without a KDF.
 * peer: the other's public point, bare or as CKA_EC_POINT has it.  INRO_E_PUBLIC_KEY for one that
 * is off the curve, at infinity, in another group or of small order. */
MUST_CHECK enum inro_err pkey_agree(struct pkey *k, struct bytes peer, struct secret *ret);

/* ML-KEM. */
MUST_CHECK enum inro_err pkey_encapsulate(struct pkey *k, struct buf *ret_ciphertext,
					  struct secret *ret_shared);
MUST_CHECK enum inro_err pkey_decapsulate(struct pkey *k, struct bytes ciphertext,
					  struct secret *ret_shared);

/* Kinds that this libcrypto has: ML-DSA and its like are there with 3.5. */
bool pkey_kind_offered(enum key_kind kind);

/* For input hashed in parts: the raw mechanism that a hashed one comes down to and the input it
 * takes for this hash (PKCS#1: the DigestInfo).  PKEY_MAX_RAW_INPUT bytes at most are appended. */
MUST_CHECK enum inro_err pkey_raw_form(const struct use_spec *spec, struct bytes hash,
				       struct use_spec *ret_spec, struct buf *ret_in);

/* The hash in a mechanism's name: CKM_SHA256 for CKM_ECDSA_SHA256; 0 for raw and unknown ones. */
CK_MECHANISM_TYPE pkey_mech_hash(CK_MECHANISM_TYPE mech);

/* Whether a hash is one that HASH_ML_DSA and HASH_SLH_DSA name in what they sign; SHA-1 is none. */
bool pkey_hash_is_named(CK_MECHANISM_TYPE hash);

/* Whether a mechanism is one for this kind of key and this use (pairs are made by others). */
bool pkey_mech_fits(CK_MECHANISM_TYPE mech, enum key_kind kind, enum key_use use);

/* What the functions here do on this libcrypto; sorted, ended by CK_UNAVAILABLE_INFORMATION. */
const CK_MECHANISM_TYPE *pkey_mechanisms(void);

#endif
