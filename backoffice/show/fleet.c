/* fleet - devices and groups as documents. */
#include "backoffice/show/doc.h"

#include <stdio.h>
#include <stdlib.h>

#include "backoffice/core/device.h"
#include "backoffice/core/errand.h"
#include "backoffice/core/group.h"
#include "backoffice/core/tally.h"

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

enum inro_err json_of_one_device(struct core *core, const struct device *d, json_t **ret)
{
	AUTO(free_chars) char *before = NULL;
	enum inro_err e = device_anchor_before(core, d, &before);
	if (!e)
		e = json_of_device(core, d, ret);
	if (!e && json_object_set_new(*ret, "anchor_before", json_of_text(before)))
		e = err_set(INRO_E_NO_MEMORY, "no memory for a document");
	return e;
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

enum inro_err json_count_states(struct core *core, const char *member, json_t *list)
{
	enum inro_err e = INRO_OK;
	for (int s = 0; !e && s < DEVICE_STATE__MAX; s++) {
		char name[TALLY_NAME_MAX + 1];
		int64_t n = 0;
		snprintf(name, sizeof name, "device/%s", device_state_names[s]);
		e = tally_get(core, name, &n);
		json_array_append_new(list, json_pack("{s:s s:I}", "what", device_state_names[s],
						      member, (json_int_t)n));
	}
	return e;
}

static enum inro_err count_group(struct core *core, const struct device_group *g,
				 const char *member, json_t *list)
{
	json_t *counts = json_object();
	enum inro_err e = json_add_counts(core, g, counts);
	json_array_append_new(list, json_pack("{s:o s:O?}", "what", json_of_text(g->path), member,
					      json_object_get(counts, "devices")));
	json_decref(counts);
	return e;
}

enum inro_err json_count_groups(struct core *core, const struct page *page, const char *member,
				json_t *list, int64_t *ret_next)
{
	SCOPED(group_list) l = { 0 };
	enum inro_err e = group_find(core, NULL, page, &l);
	for (size_t i = 0; !e && i < l.n; i++)
		e = count_group(core, &l.items[i], member, list);
	*ret_next = l.next;
	return e;
}
