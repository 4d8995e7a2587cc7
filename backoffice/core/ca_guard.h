/* ca_guard - which CA a key or a token is needed by: asked before something is deleted. */
#ifndef INRO_BACKOFFICE_CORE_CA_GUARD_H
#define INRO_BACKOFFICE_CORE_CA_GUARD_H

#include "base/bytes.h"

struct ca_guard {
	const char *token, *serial; /* label and serial number */
	struct bytes id;	    /* CKA_ID of the key; none: any of the token's */
	const char *label;	    /* of the key */
};
/* The name of a CA, of any tenant, whose present, next or earlier key that is; NULL: none, or there
 * is no back office.  The caller's (free()). */
MUST_CHECK enum inro_err ca_guard(const struct ca_guard *g, char **ret);

#endif
