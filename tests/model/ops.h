/* ops - one form for the functions of every kind of operation. */
#ifndef INRO_TESTS_MODEL_OPS_H
#define INRO_TESTS_MODEL_OPS_H

#include "tests/model/model.h"

struct io {
	CK_BYTE *in, *out; /* out: of C_Verify the signature */
	CK_ULONG n, *len;
};

struct slot_row {
	const char *name;
	unsigned permits; /* the flag that the key needs */
	CK_FLAGS cancel;
	CK_RV (*init)(CK_SESSION_HANDLE, CK_MECHANISM *, CK_OBJECT_HANDLE);
	CK_RV (*once)(CK_SESSION_HANDLE, struct io *);
	CK_RV (*update)(CK_SESSION_HANDLE, struct io *);
	CK_RV (*final)(CK_SESSION_HANDLE, struct io *);
};
extern const struct slot_row op_slots[S__MAX];

bool op_is_cipher(enum slot slot);
/* NULL: a digest's. */
struct material *op_material(const struct operation *op);
/* The input has been taken. */
void op_fed(struct operation *op, const uint8_t *in, size_t n);
/* Not begun: that is among the answers. */
bool op_is_off(const struct operation *op, struct answers *a);

#endif
