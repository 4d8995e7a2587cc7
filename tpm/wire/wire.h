/*
 * wire - the structures of TPM 2.0 as bytes: what goes into commands and comes out of responses.
 *
 * 1. The structures and constants are those of tss2_tpm2_types.h (TCG TPM 2.0 Library, part 2);
 *    nothing of tpm2-tss is linked.
 * 2. Writers append to a struct buf, which remembers its first failure.  Only what this program
 *    sends can be written.
 * 3. Readers take from the front of a struct bytes and trust nothing: a size beyond the structure's
 *    array, an unknown selector or too few bytes is INRO_E_SYNTAX and nothing is taken.
 * 4. wire_end() wants the input to end where the structures did.
 */
#ifndef INRO_TPM_WIRE_WIRE_H
#define INRO_TPM_WIRE_WIRE_H

#include <tss2/tss2_tpm2_types.h>

#include "base/bytes.h"
#include "base/secret.h"

void wire_add_u16(struct buf *b, uint16_t x);
/* Any TPM2B: a u16 size and the bytes.  INRO_E_TOO_BIG for more than 65535. */
void wire_add_2b(struct buf *b, struct bytes x);
/* Opens a TPM2B around what is added between begin and end. */
size_t wire_begin_2b(struct buf *b);
void wire_end_2b(struct buf *b, size_t begun);

MUST_CHECK enum inro_err wire_read_u16(struct bytes *in, uint16_t *ret);
/* Borrows from `in`; at most `max` bytes. */
MUST_CHECK enum inro_err wire_read_2b(struct bytes *in, size_t max, struct bytes *ret);
MUST_CHECK enum inro_err wire_end(struct bytes in); /* INRO_E_SYNTAX when something is left */

/* A number as one of the parts that are hashed. */
struct wire_u32 {
	uint8_t octets[4];
};
struct wire_u32 wire_u32_of(uint32_t x);

/* TPMT_PUBLIC with its TPM2B around it: RSA, ECC, KEYEDHASH, SYMCIPHER. */
void wire_add_public(struct buf *b, const TPM2B_PUBLIC *x);	/* TPM2B_PUBLIC */
void wire_add_public_area(struct buf *b, const TPMT_PUBLIC *x); /* TPMT_PUBLIC */
MUST_CHECK enum inro_err wire_read_public(struct bytes *in, TPM2B_PUBLIC *ret);
MUST_CHECK enum inro_err wire_read_public_area(struct bytes *in, TPMT_PUBLIC *ret);

/* TPM2B_SENSITIVE_CREATE: auth and data of a new object. */
void wire_add_sensitive_create(struct buf *b, struct bytes auth, struct bytes data);
/* TPMT_SENSITIVE of an object that is wrapped outside a TPM. */
struct wire_sensitive {
	TPM2_ALG_ID type;
	struct bytes auth, seed, value;
};
void wire_add_sensitive_area(struct buf *b, const struct wire_sensitive *x);
MUST_CHECK enum inro_err wire_read_sensitive_area(struct bytes *in, struct wire_sensitive *ret);

void wire_add_point(struct buf *b, const TPMS_ECC_POINT *x); /* TPM2B_ECC_POINT */
MUST_CHECK enum inro_err wire_read_point(struct bytes *in, TPMS_ECC_POINT *ret);
void wire_add_sig_scheme(struct buf *b, const TPMT_SIG_SCHEME *x);
void wire_add_rsa_decrypt(struct buf *b, const TPMT_RSA_DECRYPT *x);
void wire_add_sym_def(struct buf *b, const TPMT_SYM_DEF *x); /* TPMT_SYM_DEF(_OBJECT) */
MUST_CHECK enum inro_err wire_read_signature(struct bytes *in, TPMT_SIGNATURE *ret);
void wire_add_signature(struct buf *b, const TPMT_SIGNATURE *x);
void wire_add_pcr_selection(struct buf *b, const TPML_PCR_SELECTION *x);
MUST_CHECK enum inro_err wire_read_pcr_selection(struct bytes *in, TPML_PCR_SELECTION *ret);
void wire_add_nv_public(struct buf *b, const TPMS_NV_PUBLIC *x);      /* TPM2B_NV_PUBLIC */
void wire_add_nv_public_area(struct buf *b, const TPMS_NV_PUBLIC *x); /* TPMS_NV_PUBLIC */
MUST_CHECK enum inro_err wire_read_nv_public(struct bytes *in, TPMS_NV_PUBLIC *ret);
void wire_add_digest_list(struct buf *b, const TPML_DIGEST *x);
MUST_CHECK enum inro_err wire_read_capability(struct bytes *in, TPMS_CAPABILITY_DATA *ret);
/* TPMS_ATTEST of TPM2_Certify (and Quote, Creation); magic checked.  Borrows nothing. */
MUST_CHECK enum inro_err wire_read_attest(struct bytes *in, TPMS_ATTEST *ret);
/* The null ticket of TPM2_Sign. */
void wire_add_null_hashcheck(struct buf *b);

#endif
