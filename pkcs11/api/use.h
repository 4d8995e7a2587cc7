/* use - what the chapters of cryptographic functions share: one way in, bad arguments end what is
 * active (5.2). */
#ifndef INRO_PKCS11_API_USE_H
#define INRO_PKCS11_API_USE_H

#include "pkcs11/api/api.h"

/* C_...Init; `mechanism` NULL ends what is active. */
CK_RV use_begin(CK_SESSION_HANDLE session, const struct op_init *what);
/* Into the session; `arguments` is what was wrong with them. */
MUST_CHECK enum inro_err use_enter(CK_SESSION_HANDLE session, struct entered *at, enum op_slot slot,
				   enum inro_err arguments);
/* The input's pointer, and the length's. */
MUST_CHECK enum inro_err use_need(struct bytes in, const CK_ULONG *len);

CK_RV use_once(CK_SESSION_HANDLE session, enum op_slot slot, struct bytes in, struct op_out out);
CK_RV use_update(CK_SESSION_HANDLE session, enum op_slot slot, struct bytes part);
CK_RV use_step(CK_SESSION_HANDLE session, enum op_slot slot, struct bytes part, struct op_out out);
CK_RV use_final(CK_SESSION_HANDLE session, enum op_slot slot, struct op_out out);

#define OUT(ptr, len_ptr) ((struct op_out) { .p = (ptr), .len = (len_ptr) })

#endif
