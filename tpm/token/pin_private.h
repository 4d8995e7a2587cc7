/* pin_private - what pin.c and pin_make.c share. */
#ifndef INRO_TPM_TOKEN_PIN_PRIVATE_H
#define INRO_TPM_TOKEN_PIN_PRIVATE_H

#include "tpm/token/pin_note.h"
#include "tpm/token/pin_record.h"
#include "tpm/wire/policy.h"

#define PIN_SECRET 32 /* master key, guard's auth, officer's secret */

/* Where indices of ours are: a corner of what is left to owners (TCG registry of reserved handles,
 * 2.2.2).  And what they are, before they are written. */
#define PIN_FIRST_INDEX 0x0180494e
#define PIN_INDICES	0x1000
#define PIN_INDEX_SIZE	8 /* TPMS_NV_PIN_COUNTER_PARAMETERS */
#define PIN_INDEX_ATTRS                                                                            \
	(TPMA_NV_POLICYWRITE | TPMA_NV_AUTHREAD | TPMA_NV_NO_DA |                                  \
	 ((TPMA_NV)TPM2_NT_PIN_FAIL << TPMA_NV_TPM2_NT_SHIFT))

/* A record that somebody has written may name any index, and Names are no secret: one of others'
 * is neither tried, which could count against the whole TPM, nor removed. */
static inline bool pin_index_can_be(uint32_t index)
{
	return index - PIN_FIRST_INDEX < PIN_INDICES;
}

/* INRO_E_USER_TYPE, INRO_E_PIN_FORMAT. */
MUST_CHECK enum inro_err pin_check(CK_USER_TYPE user, struct bytes pin);
MUST_CHECK enum inro_err pin_auth(const struct pin_at *at, CK_USER_TYPE user, struct bytes salt,
				  struct bytes pin, struct secret *ret);
/* What a sealed object wants of who opens it: the index of this Name, and the PCRs of the words as
 * they are now.  Within a turn. */
MUST_CHECK enum inro_err pin_sealed_policy(struct tpm *t, const struct words *w, struct bytes index,
					   TPM2B_DIGEST *ret);
/* The two branches of an index's policy. */
MUST_CHECK enum inro_err pin_branches(struct bytes guard_name, TPML_DIGEST *ret);

/* Both together: the policy itself. */
MUST_CHECK enum inro_err pin_policy(struct bytes guard_name, TPM2B_DIGEST *ret);

/* Within a turn, the guard loaded. */
MUST_CHECK enum inro_err pin_write_tries(struct tpm *t, const struct tpm_ref *guard,
					 struct bytes auth, const struct tpm_ref *index);

#endif
