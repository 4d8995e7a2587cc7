/*
 * device - the registry of devices.
 *
 * An id is 1 to 64 characters of [A-Za-z0-9._:-]; other fields are UTF-8 without control
 * characters, up to 255 bytes.  A deleted device stays visible and its id can be given again.
 */
#ifndef INRO_BACKOFFICE_CORE_DEVICE_H
#define INRO_BACKOFFICE_CORE_DEVICE_H

#include "backoffice/core/core.h"

#define DEVICE_ID_MAX	 64
#define DEVICE_FIELD_MAX 255

/* NULL: not given. */
struct device_fields {
	const char *name, *ip, *mac, *hostname, *os;
};

struct device_filter {
	const char *id_prefix;		/* NULL: any */
	const enum device_state *state; /* NULL: any but deleted */
	bool with_deleted;
};

struct device_list {
	struct device *items;
	size_t n;
	int64_t next;
};
void device_list_clear(struct device_list *l);

/* INRO_E_EXISTS, INRO_E_ARG (which field and why). */
MUST_CHECK enum inro_err device_add(struct core *c, const char *id, const struct device_fields *f,
				    struct device *ret);
/* The one that is not deleted, else the one deleted last. */
MUST_CHECK enum inro_err device_get(struct core *c, const char *id, struct device *ret);
MUST_CHECK enum inro_err device_find(struct core *c, const struct device_filter *f,
				     const struct page *page, struct device_list *ret);
/* Fields that are not given stay. */
MUST_CHECK enum inro_err device_update(struct core *c, const char *id,
				       const struct device_fields *f, struct device *ret);
/* VERB_ENABLE or VERB_DISABLE.  A disabled device gets no certificates; those it has stay valid. */
MUST_CHECK enum inro_err device_switch(struct core *c, const char *id, enum verb verb,
				       const char *why, struct device *ret);
/* Revokes every certificate of it that is still valid (cessationOfOperation), in the same
 * transaction. */
MUST_CHECK enum inro_err device_delete(struct core *c, const char *id, const char *why,
				       size_t *ret_revoked);

#endif
