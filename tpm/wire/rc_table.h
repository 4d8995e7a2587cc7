/* rc_table - the rows behind rc.h, for it and for the test that walks them. */
#ifndef INRO_TPM_WIRE_RC_TABLE_H
#define INRO_TPM_WIRE_RC_TABLE_H

#include "tpm/wire/rc.h"

struct rc_row {
	uint32_t code;
	enum inro_err err;
	const char *name, *text;
};

/* Sorted by code.  rc_tpm: TPM_RC without numbers; rc_base: what the other layers say, without the
 * layer; rc_layer: the layers themselves (code: its number; text: what it is). */
struct rc_rows {
	const struct rc_row *rows;
	size_t n;
};
extern const struct rc_rows rc_tpm, rc_base, rc_layer;

#endif
