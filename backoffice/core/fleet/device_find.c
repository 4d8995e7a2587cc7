/* device_find - searches of the registry; see device.h. */
#include <stdlib.h>

#include "backoffice/core/device.h"
#include "backoffice/core/internal.h"
#include "backoffice/core/where.h"

void device_found_clear(struct device_found *f)
{
	list_free(&device_type, f->items, f->n);
	free(f->next);
	*f = (struct device_found) { 0 };
}

static enum inro_err add_filter(struct core *c, void *arg, struct where *w)
{
	const struct device_filter *f = arg;
	enum inro_err e = INRO_OK;

	(void)c;
	if (f->id_prefix)
		e = where_add(w, (struct store_cond) { .field = "device_id",
						       .op = STORE_PREFIX,
						       .text = f->id_prefix });
	if (e == INRO_OK && f->state)
		e = where_add(w, (struct store_cond) { .field = "state", .number = *f->state });
	else if (e == INRO_OK && !f->with_deleted && !where_has(w, "state") &&
		 !where_has(w, "deleted_ms"))
		e = where_add(w, (struct store_cond) { .field = "state",
						       .op = STORE_NE,
						       .number = DEVICE_DELETED });
	return e;
}

enum inro_err device_search(struct core *c, const struct device_search *s, struct device_found *ret)
{
	struct device_filter filter = s->filter;
	const struct where_ask ask = {
		s->where, add_filter, &filter, { s->after, s->sort, s->limit, false }
	};
	struct device_found f = { 0 };
	void *items = NULL;
	enum inro_err e = where_search(c, &where_devices, &ask, &items, &f.n, &f.next);

	if (e != INRO_OK)
		return e;
	f.items = items;
	*ret = f;
	return INRO_OK;
}
