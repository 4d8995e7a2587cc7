/*
 * asks - what a device gets that asks for itself, by whatever way it comes (EST, CMP, REST, attestation).
 *
 * 1. No subject has another device's id as its name, also where the profile binds none: the
 *    case of letters (A to Z) and blanks at the ends aside, of those that are registered by then.
 * 2. Where the policy of its group names a profile that wants attested keys, it gets none by a profile that
 *    this does not name for a key that its TPM did not vouch for in this request.
 * 3. By a profile whose certificates are believed of more than their holder it gets none for the asking: a
 *    person gave it, or one before it that it renews.
 */
#ifndef INRO_BACKOFFICE_CORE_ASKS_H
#define INRO_BACKOFFICE_CORE_ASKS_H

#include "backoffice/core/issuing.h"

/* The first.  INRO_E_POLICY. */
MUST_CHECK enum inro_err asks_subject(struct core *c, const struct device *d, const struct csr *csr);
/* The second, for a key that nobody vouched for.  INRO_E_ACCESS. */
MUST_CHECK enum inro_err asks_unattested(struct core *c, const struct policy *p, const char *profile);
/* One that the third is about. */
bool asks_is_trusted(const struct profile *p);
/* The third; renewed: the certificate that it takes over from, 0: none.  INRO_E_ACCESS. */
MUST_CHECK enum inro_err asks_trusted(struct core *c, const struct profile *p, int64_t renewed);
/* The first and the second where a device is at work; `p`: the policy of its group. */
MUST_CHECK enum inro_err asks_check(struct core *c, const struct making *j, const struct policy *p);

#endif
