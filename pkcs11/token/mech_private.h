/* mech_private - what mech.c, mech_table.c, mech_param.c and mech_derive.c share; for them alone.
 */
#ifndef INRO_PKCS11_TOKEN_MECH_PRIVATE_H
#define INRO_PKCS11_TOKEN_MECH_PRIVATE_H

#include "pkcs11/token/mech.h"

/* The longest label, salt, info or context, and the longest associated data. */
#define MECH_MAX_FIELD ((size_t)64 << 10)
#define MECH_MAX_AD    ((size_t)1 << 20)
/* The shortest MAC of the general-length forms, in bytes. */
#define MIN_MAC 4
/* The shortest tag of GCM in bytes: SP 800-38D 5.2.1.2, without the short ones. */
#define MIN_GCM_TAG 12

extern const struct mech mech_rows[];
extern const size_t mech_rows_n;

/* Room for n bytes in all that mech_keep() will be given. */
MUST_CHECK enum inro_err mech_room(struct mech_use *u, size_t n);
/* The same, never in `small`: for what is secret. */
MUST_CHECK enum inro_err mech_room_big(struct mech_use *u, size_t n);
/* A copy in the room. */
struct bytes mech_keep(struct mech_use *u, struct bytes from);

/* Copies the struct `ret` of n bytes out of the parameter: INRO_E_MECHANISM_PARAM for another
 * size. */
MUST_CHECK enum inro_err mech_struct(struct bytes param, void *ret, size_t n);
/* Bytes of the caller's: INRO_E_MECHANISM_PARAM for more than max, fewer than min, or NULL. */
MUST_CHECK enum inro_err mech_bytes(const void *p, CK_ULONG n, size_t min, size_t max,
				    struct bytes *ret);
/* The hash of a KDF (CKD_SHA256_KDF: CKM_SHA256); 0: none such. */
CK_MECHANISM_TYPE mech_kdf_digest(CK_ULONG kdf);

/* mech_param.c: signatures, ciphers, digests. */
mech_param_fn mech_par_none, mech_par_pss, mech_par_oaep, mech_par_eddsa, mech_par_context,
	mech_par_hash_context, mech_par_mac_n, mech_par_iv16, mech_par_iv8, mech_par_ctr, mech_par_ctr8,
	mech_par_gcm, mech_par_gmac, mech_par_ccm, mech_par_chacha, mech_par_poly1305, mech_par_kw,
	mech_par_kwp;
/* mech_derive.c: derivation, key wrapping, passwords. */
mech_param_fn mech_par_ecdh, mech_par_rsa_aes, mech_par_ecdh_aes, mech_par_hkdf, mech_par_counter,
	mech_par_feedback, mech_par_pbkd2, mech_par_other_key, mech_par_string;
/* For mech_par_rsa_aes. */
MUST_CHECK enum inro_err mech_oaep(const CK_RSA_PKCS_OAEP_PARAMS *p, struct mech_use *u);

#endif
