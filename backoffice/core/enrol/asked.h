/* asked - a request of a device's, read and held against who sends it; for the files of this room. */
#ifndef INRO_BACKOFFICE_CORE_ENROL_ASKED_H
#define INRO_BACKOFFICE_CORE_ENROL_ASKED_H

#include "backoffice/core/enrol.h"
#include "backoffice/pki/csr.h"

/* INRO_E_POLICY when it names another device. */
MUST_CHECK enum inro_err asked_check(struct core *c, const struct device *d, const struct csr *csr);
/* Read, and that. */
MUST_CHECK enum inro_err asked_read(struct core *c, const struct enrol *in, struct csr *ret);

#endif
