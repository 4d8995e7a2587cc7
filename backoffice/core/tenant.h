/*
 * tenant - those who share one database and know nothing of each other.
 *
 * 1. Everything that the core reads or writes is of the tenant that it was opened for (core.h).
 * 2. Tenants are made and seen by administrators of the tenant "default"; others see themselves
 * alone.
 */
#ifndef INRO_BACKOFFICE_CORE_TENANT_H
#define INRO_BACKOFFICE_CORE_TENANT_H

#include "backoffice/core/core.h"

#define TENANT_NAME_MAX 64

struct tenant_list {
	struct tenant *items;
	size_t n;
	int64_t next;
};
void tenant_list_clear(struct tenant_list *l);

/* The name: 1 to 64 characters of [A-Za-z0-9._-].  INRO_E_EXISTS, INRO_E_ACCESS. */
MUST_CHECK enum inro_err tenant_add(struct core *c, const char *name, struct tenant *ret);
/* NULL: the one that the core was opened for. */
MUST_CHECK enum inro_err tenant_get(struct core *c, const char *name, struct tenant *ret);
MUST_CHECK enum inro_err tenant_find(struct core *c, const struct page *page,
				     struct tenant_list *ret);

#endif
