/*
 * pin_record - the bytes of a PIN's record (docs/adr/0010-tpm-pin.md): what is there of it outside
 * of the TPM.  For pin*.c alone.
 *
 * A hash over everything, the token's serial and the label ends it: a record that was edited, cut
 * or belongs to another token is known as such before a try is spent on it.  It is no protection
 * against somebody who wants to write one: the TPM's objects are.
 */
#ifndef INRO_TPM_TOKEN_PIN_RECORD_H
#define INRO_TPM_TOKEN_PIN_RECORD_H

#include "tpm/token/pin.h"

#define PIN_SALT 16

/* Borrowed from the record. */
struct pin_record {
	uint8_t user;
	uint32_t index;
	struct bytes salt;
	struct bytes name;		    /* of the index, written */
	struct bytes guard_pub, guard_priv; /* the halves of two objects, with their sizes */
	struct bytes sealed_pub, sealed_priv;
	struct bytes box; /* the guard's auth, sealed under the officer's secret */
};

MUST_CHECK enum inro_err pin_record_write(const struct pin_record *r, struct bytes serial,
					  struct buf *ret);
/* INRO_E_DAMAGED. */
MUST_CHECK enum inro_err pin_record_read(struct bytes in, struct bytes serial, CK_USER_TYPE user,
					 struct pin_record *ret);
/* The same without looking whose it is. */
MUST_CHECK enum inro_err pin_record_index(struct bytes in, struct pin_record *ret);

#endif
