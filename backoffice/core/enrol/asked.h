/* asked - a request of a device's, read and held against who sends it; for the files of this room. */
#ifndef INRO_BACKOFFICE_CORE_ENROL_ASKED_H
#define INRO_BACKOFFICE_CORE_ENROL_ASKED_H

#include "backoffice/core/enrol.h"
#include "backoffice/pki/csr.h"

/* INRO_E_POLICY when it names another device. */
MUST_CHECK enum inro_err asked_check(struct core *c, const struct device *d, const struct csr *csr);
/* INRO_E_ACCESS where the policy of the device's group names a profile that wants attested keys, and this is
 * another: what the device's TPM did not vouch for in this request does not get by that. */
MUST_CHECK enum inro_err asked_profile(struct core *c, const struct enrol *in, const struct csr *csr,
				       const char *profile);
/* Read, and both, by the label's profile. */
MUST_CHECK enum inro_err asked_read(struct core *c, const struct enrol *in, struct csr *ret);

#endif
