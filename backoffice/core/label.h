/*
 * label - what EST and CMP call a CA and a profile by in a path: CA, or CA.PROFILE.
 *
 * 1. A name of a CA may have dots, a profile's has none: what is a CA's name as a whole is that CA;
 *    else what follows the last dot is the profile.
 * 2. Without a profile it is the one that the policy of the device's group names, else tls-client.
 */
#ifndef INRO_BACKOFFICE_CORE_LABEL_H
#define INRO_BACKOFFICE_CORE_LABEL_H

#include "backoffice/core/core.h"

#define LABEL_PART 65

struct label {
	char ca[LABEL_PART];
	char profile[LABEL_PART]; /* "": none was said */
};

/* Of the tenant that the core is of.  INRO_E_NOT_FOUND: there is no such CA or no such profile. */
MUST_CHECK enum inro_err label_parse(struct core *c, const char *text, struct label *ret);
/* For a device (NULL: not known who asks): a label without a profile gets one, and NULL as `text`
 * means the CA that the policy of its group names.  INRO_E_NOT_FOUND. */
MUST_CHECK enum inro_err label_for(struct core *c, const char *text, const struct device *d,
				   struct label *ret);

#endif
