/*
 * kdf - key derivation: from secret bytes to n secret bytes.
 *
 * HKDF (RFC 5869; PKCS#11 3.2 6.66), SP 800-108 counter and feedback mode (6.42), PBKDF2 (RFC 8018;
 * 6.25), ANSI X9.63 (SEC 1 3.6.1; 6.3.18), the one-step KDF of SP 800-56C (CKD_..._SP800),
 * concatenation (6.43): spec->label is the data.
 *
 * spec->digest is a hash, for SP 800-108 also CKM_AES_CMAC.
 * SP 800-108: spec->label is what is fed into the PRF for every block, the fields of
 * CK_SP800_108_KDF_PARAMS flattened by the core: see struct kdf_field.  Parameters that can't be
 * right are refused by the core; here sizes are checked, and that a counter or length fits its
 * field.
 */
#ifndef INRO_PKCS11_TOKEN_KDF_H
#define INRO_PKCS11_TOKEN_KDF_H

#include "pkcs11/token/backend.h"

/* How the core writes one CK_PRF_DATA_PARAM into spec->label, one behind the other, with
 * buf_add_u8/u32/field: u8 type, then
 *   KDF_COUNTER      u8 bits (8, 16, 24, 32), u8 little endian
 *   KDF_LENGTH       u8 bits, u8 little endian, u8 method (0: of all keys, 1: of all segments);
 *                    spec->data_n: bytes of all keys, which begin with a segment each and so may be
 *                    less than what is derived; 0: as much
 *   KDF_BYTES        field: the bytes
 *   KDF_FEEDBACK     nothing: K(i-1), feedback mode only; spec->iv is K(0) */
enum kdf_field { KDF_COUNTER = 1, KDF_LENGTH = 2, KDF_BYTES = 3, KDF_FEEDBACK = 4 };

/* Concatenation with data: spec->label is the data. */

/* Derives ret->n bytes (ret made by secret_new()) from `base` by spec->mech.  `other`: the value of
 * spec->other, if there is one.  For the derivation mechanisms of secret keys, and for PBKDF2 where
 * base is the password.  INRO_E_KEY_SIZE when there are not ret->n bytes to give (kdf_size()),
 * INRO_E_MECHANISM, INRO_E_MECHANISM_PARAM. */
MUST_CHECK enum inro_err kdf_derive(const struct use_spec *spec, struct bytes base,
				    struct bytes other, struct secret *ret);
/* How many bytes there are to give: fixed ones (concatenation, HKDF extract: exactly that many and
 * never fewer), or 0 for as many as wanted up to *ret_max. */
MUST_CHECK enum inro_err kdf_size(const struct use_spec *spec, struct bytes base,
				  struct bytes other, size_t *ret_fixed, size_t *ret_max);

/* What kdf_derive() does; sorted, ended by CK_UNAVAILABLE_INFORMATION. */
const CK_MECHANISM_TYPE *kdf_mechanisms(void);

/* X9.63 over an agreed secret: spec->kdf (CKD_...), spec->digest, spec->ad as SharedInfo;
 * CKD_NULL gives the trailing bytes of z (6.3.20), INRO_E_KEY_SIZE when there are not as many. */
/* Its hash; 0: no such KDF. */
CK_MECHANISM_TYPE kdf_x963_digest(CK_ULONG kdf);
MUST_CHECK enum inro_err kdf_x963(const struct use_spec *spec, struct bytes z, struct secret *ret);

#endif
