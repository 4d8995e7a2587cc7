/* internal - what the files of base/cryptoki share. */
#ifndef INRO_BASE_CRYPTOKI_INTERNAL_H
#define INRO_BASE_CRYPTOKI_INTERNAL_H

#include "base/cryptoki/client.h"

/* A return value as our error, without detail.  What is not known is INRO_E_TOKEN. */
enum inro_err ck_rv_err(CK_RV rv);

/* The table's n-th row, for its test; NULL behind the last. */
const char *ck_rv_row(size_t n, CK_RV *ret_rv, enum inro_err *ret_err);

/* Held while a session of the module is opened or closed. */
MUST_CHECK enum inro_err ck_sessions_lock(struct ck_module *m);
void ck_sessions_unlock(struct ck_module *m);

/* Whose a session is that was opened; under that lock.  GIVEN_MAX places, so that a fork finds them
 * whole; more than that many are closed by whoever has their number. */
#define GIVEN_MAX 512
struct given {
	CK_SESSION_HANDLE session;
	uint64_t by; /* 0: a free place */
	uint64_t generation;
};
struct given *ck_module_given(struct ck_module *m);

#endif
