/* asked - a request of a device's, read and held against who sends it; for the files of this room. */
#ifndef INRO_BACKOFFICE_CORE_ENROL_ASKED_H
#define INRO_BACKOFFICE_CORE_ENROL_ASKED_H

#include "backoffice/core/enrol.h"
#include "backoffice/pki/csr.h"

/* Read.  INRO_E_POLICY when it names another device; INRO_E_ACCESS when the label's profile is not for keys
 * that nobody vouched for (asks_unattested()). */
MUST_CHECK enum inro_err asked_read(struct core *c, const struct enrol *in, struct csr *ret);

#endif
