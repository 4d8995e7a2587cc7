/* trying - how all who come over the network are looked at; network.h says what goes for it. */
#ifndef INRO_BACKOFFICE_CORE_ACCESS_TRYING_H
#define INRO_BACKOFFICE_CORE_ACCESS_TRYING_H

#include "backoffice/core/network.h"

/* "TENANT/ID", or an id of the tenant that the core was opened for.  INRO_E_NOT_FOUND: no such
 * tenant. */
MUST_CHECK enum inro_err trying_split(struct core *c, const char *named, int64_t *ret_tenant,
				      const char **ret_id);
/* From here on refusals are recorded as of the network, in the tenant that was named. */
MUST_CHECK enum inro_err trying_begin(struct core *c, int64_t tenant);
/* One answer for all that is wrong with who asks.  The core is nobody's. */
MUST_CHECK enum inro_err trying_end(struct core *c, enum inro_err e, const char *answer);
/* The same where it is told what is wrong. */
MUST_CHECK enum inro_err trying_tell(struct core *c, enum inro_err e);
void trying_is_device(const struct device *d, struct core_who *ret);
/* *d goes to ret (NULL: not wanted). */
void trying_hand_over(struct device *d, struct device *ret);

#endif
