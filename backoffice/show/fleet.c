/* fleet - devices and groups as documents. */
#include "backoffice/show/doc.h"

#include <stdlib.h>

#include "backoffice/core/device.h"
#include "backoffice/core/errand.h"
#include "backoffice/core/group.h"

static json_t *anchor_json(const struct device *d)
{
	SCOPED(buf) text = { 0 };
	device_anchor_text(d, &text);
	return text.n ? text_json(buf_bytes(&text)) : json_null();
}

static json_t *attrs_json(const struct device *d)
{
	json_t *attrs = d->attrs ? json_loads(d->attrs, 0, NULL) : NULL;
	return attrs ? attrs : json_null();
}

enum inro_err json_of_device(struct core *core, const struct device *d, json_t **ret)
{
	AUTO(free_chars) char *group = NULL;
	enum inro_err e = device_group_path(core, d, &group);
	if (e)
		return e;
	return json_give(
		json_pack("{s:o s:o s:s s:o s:o s:o s:o s:o s:o s:o s:o s:s s:s s:o s:o s:o}", "id",
			  json_of_text(d->device_id), "name", json_of_text(d->name), "state",
			  device_state_names[d->state], "group", json_of_text(group), "ip",
			  json_of_text(d->ip), "mac", json_of_text(d->mac), "hostname",
			  json_of_text(d->hostname), "os", json_of_text(d->os), "serial",
			  json_of_text(d->serial), "attrs", attrs_json(d), "anchor", anchor_json(d),
			  "anchor_kind", anchor_kind_names[d->anchor_kind], "anchor_store",
			  anchor_store_names[d->anchor_store], "created",
			  json_of_time(d->created_ms / 1000), "updated",
			  json_of_time(d->updated_ms / 1000), "deleted",
			  json_of_time(d->deleted_ms / 1000)),
		ret);
}

json_t *json_of_group(const struct device_group *g)
{
	return json_pack("{s:o s:o s:o s:o}", "path", json_of_text(g->path), "policy",
			 json_of_object(g->policy), "created", json_of_time(g->created_ms / 1000),
			 "updated", json_of_time(g->updated_ms / 1000));
}

enum inro_err json_add_counts(struct core *core, const struct device_group *g, json_t *doc)
{
	enum inro_err e = INRO_OK;
	json_int_t all = 0;
	for (int s = 0; !e && s < DEVICE_DELETED; s++) {
		int64_t n = 0;
		e = group_count(core, g, (enum device_state)s, &n);
		json_object_set_new(doc, device_state_names[s], json_integer(n));
		all += n;
	}
	json_object_set_new(doc, "devices", json_integer(all));
	return e;
}

enum inro_err json_of_errand(struct core *core, const struct errand *e, json_t **ret)
{
	AUTO(free_chars) char *device = NULL;
	enum inro_err err = errand_device(core, e, &device);

	if (err != INRO_OK)
		return err;
	return json_give(json_pack("{s:I s:o s:s s:o s:s s:o s:o s:o s:o}", "id",
				   (json_int_t)e->id, "device", json_of_text(device), "verb",
				   errand_verb_names[e->verb], "name", json_of_text(e->argument),
				   "state", errand_state_names[e->state], "actor",
				   json_of_text(e->actor), "answer", json_of_text(e->answer),
				   "created", json_of_time(e->created_ms / 1000), "ended",
				   json_of_time(e->ended_ms / 1000)),
			 ret);
}
