/* ca_guard - which CA a key or a token is needed by: asked before something is deleted. */
#ifndef INRO_BACKOFFICE_CORE_CA_GUARD_H
#define INRO_BACKOFFICE_CORE_CA_GUARD_H

#include "backoffice/store/store.h"

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
/* Each key of a CA, of any tenant, that is on record. */
typedef enum inro_err ca_guard_fn(void *arg, const char *key_uri, int64_t ca, int64_t generation);
MUST_CHECK enum inro_err ca_guard_each(struct store *store, ca_guard_fn *fn, void *arg);

void ca_guarded_clear(struct ca_guarded *g);
MUST_CHECK enum inro_err ca_guard(const struct ca_guard *g, struct ca_guarded *ret);

#endif
