/* pin_private - what pin.c and pin_make.c share. */
#ifndef INRO_TPM_TOKEN_PIN_PRIVATE_H
#define INRO_TPM_TOKEN_PIN_PRIVATE_H

#include "tpm/token/pin_record.h"
#include "tpm/wire/policy.h"

#define PIN_SECRET 32 /* master key, guard's auth, officer's secret */

/* INRO_E_USER_TYPE, INRO_E_PIN_FORMAT. */
MUST_CHECK enum inro_err pin_check(CK_USER_TYPE user, struct bytes pin);
MUST_CHECK enum inro_err pin_auth(const struct pin_at *at, CK_USER_TYPE user, struct bytes salt,
				  struct bytes pin, struct secret *ret);
/* The two branches of an index's policy. */
MUST_CHECK enum inro_err pin_branches(struct bytes guard_name, TPML_DIGEST *ret);

/* Within a turn, the guard loaded. */
MUST_CHECK enum inro_err pin_guard_session(struct tpm *t, const struct tpm_ref *guard,
					   struct bytes auth, TPM2_CC cc, struct session **ret);
MUST_CHECK enum inro_err pin_write_tries(struct tpm *t, const struct tpm_ref *guard,
					 struct bytes auth, const struct tpm_ref *index);

#endif
