/*
 * wire_private - what the files of wire share: sizes that are checked, and a reader that remembers
 * its first failure.
 *
 * take_*() after a failure do nothing and give zeros, so that a structure is read straight down and
 * asked once, with take_done().
 */
#ifndef INRO_TPM_WIRE_WIRE_PRIVATE_H
#define INRO_TPM_WIRE_WIRE_PRIVATE_H

#include "tpm/wire/wire.h"

struct take {
	struct bytes in;
	enum inro_err err;
};

void take_fail(struct take *t, const char *what);
uint8_t take_u8(struct take *t);
uint16_t take_u16(struct take *t);
uint32_t take_u32(struct take *t);
uint64_t take_u64(struct take *t);
/* An enumeration that selects or is used as one: anything but the n values of `known` fails. */
uint16_t take_one_of(struct take *t, const uint16_t *known, size_t n, const char *what);
void take_raw(struct take *t, size_t n, uint8_t *out);
struct bytes take_2b(struct take *t, size_t max);
/* Into the size and the array of a TPM2B. */
void take_into(struct take *t, uint16_t *size, uint8_t *out, size_t cap);
/* A TPM2B whose content is a structure: what is within, as a reader of its own. */
struct take take_open(struct take *t);
void take_close(struct take *t, const struct take *inner); /* nothing may be left within */
/* Moves *in only when all went well. */
MUST_CHECK enum inro_err take_done(const struct take *t, struct bytes *in);

#define TAKE_TPM2B(t, x, member) take_into(t, &(x)->size, (x)->member, sizeof(x)->member)
#define ADD_TPM2B(b, x, member)	 wire_add_array(b, (x)->member, (x)->size, sizeof(x)->member)

/* Fails the buffer: a structure that can't be sent. */
void wire_fail(struct buf *b, enum inro_err e, const char *what);
void wire_add_array(struct buf *b, const uint8_t *p, size_t size, size_t cap);

/* TPM2_ALG_NULL, where it is allowed, is taken too. */
TPM2_ALG_ID take_hash(struct take *t);
TPM2_ALG_ID take_hash_or_null(struct take *t);
/* Bytes of a TPMU_HA; 0 for what is no hash. */
size_t wire_hash_size(TPM2_ALG_ID hash);

/* Which schemes may stand where. */
enum scheme_place {
	SCHEME_RSA = 1,
	SCHEME_ECC = 2,
	SCHEME_SIGN = 4,
	SCHEME_DECRYPT = 8,
	SCHEME_KDF = 16,
	SCHEME_KEYEDHASH = 32,
};
struct scheme {
	TPM2_ALG_ID id, hash;
	uint16_t more; /* the count of ECDAA, the KDF of XOR */
};
void add_scheme(struct buf *b, enum scheme_place where, struct scheme x);
struct scheme take_scheme(struct take *t, enum scheme_place where);
void add_sym(struct buf *b, const TPMT_SYM_DEF_OBJECT *x);
void take_sym(struct take *t, TPMT_SYM_DEF_OBJECT *x);

void add_point(struct buf *b, const TPMS_ECC_POINT *x); /* TPMS_ECC_POINT */
void take_point(struct take *t, TPMS_ECC_POINT *x);
void take_pcr_selection(struct take *t, TPML_PCR_SELECTION *x);

#endif
