/* ca_guard - which CA a key or a token is needed by: asked before something is deleted. */
#ifndef INRO_BACKOFFICE_CORE_CA_GUARD_H
#define INRO_BACKOFFICE_CORE_CA_GUARD_H

#include "base/bytes.h"

struct ca_guard {
	const char *token, *serial; /* label and serial number */
	struct bytes id;	    /* CKA_ID of the key; none: any of the token's */
	const char *label;	    /* of the key */
};
/* A CA, of any tenant, whose present, next or earlier key that is; of several the one with the fewest
 * copies. */
struct ca_guarded {
	char *name;    /* NULL: none needs it, or there is no back office */
	size_t copies; /* of the key on record, besides what was asked about */
};
void ca_guarded_clear(struct ca_guarded *g);
MUST_CHECK enum inro_err ca_guard(const struct ca_guard *g, struct ca_guarded *ret);

#endif
