/*
 * delegate - keys that sign in the place of a CA's key, by a certificate of it: OCSP answers, messages.
 *
 * 1. The key is made in the CA's token, or in the one that the CA's settings name, and stays; another
 *    certificate for it is made when a third of the time of the one before is left.  A key that is
 *    compromised gets none: another one takes its place.
 * 2. A token that is not open for this process costs nothing: there is no refusal to record.
 */
#ifndef INRO_BACKOFFICE_CORE_CA_DELEGATE_H
#define INRO_BACKOFFICE_CORE_CA_DELEGATE_H

#include "backoffice/core/core.h"
#include "backoffice/pki/cert.h"
#include "backoffice/store/record.h"

/* The newest one that has not expired, and the number of its appointment, when it is good now; else they stay as they
 * are. */
MUST_CHECK enum inro_err delegate_find(struct core *c, enum signer_purpose purpose, int64_t ca,
				       int64_t generation, int64_t *ret_id, struct credential *ret);
/* Less than a third of its time is left, and there is more to be had; signer: DER, none: there is none. */
MUST_CHECK enum inro_err delegate_is_due(struct bytes ca, struct bytes signer, bool *ret);
/* Makes one for this key of the CA, as its settings are now.  Of another tenant's CA: nothing.  INRO_E_STATE: somebody
 * changed the settings, or who signs, while the key was made. */
MUST_CHECK enum inro_err delegate_make(struct core *c, enum signer_purpose purpose, int64_t ca,
				       int64_t generation);
/* In a write transaction: the CA's delegates of this purpose are none any more. */
MUST_CHECK enum inro_err delegate_drop(struct core *c, enum signer_purpose purpose, int64_t ca);

#endif
