/* tpm_raw - a few whole TPM commands, for tests of the way to a TPM. */
#ifndef INRO_TESTS_LIB_TPM_RAW_H
#define INRO_TESTS_LIB_TPM_RAW_H

#include "tpm/link/link.h"

/* All within a turn; the TPM's answer must be good, or the test fails. */
void tpm_raw_random(struct link *l);
/* A storage primary in the owner hierarchy, and an HMAC session: with will_hold and hold. */
uint32_t tpm_raw_primary(struct link *l);
uint32_t tpm_raw_session(struct link *l);
void tpm_raw_flush(struct link *l, uint32_t handle); /* and drops it */
/* The same without a word to the ledger. */
uint32_t tpm_raw_primary_unlisted(struct link *l);
/* Whether a transient object is there (TPM2_ReadPublic). */
bool tpm_raw_is_there(struct link *l, uint32_t handle);

#endif
