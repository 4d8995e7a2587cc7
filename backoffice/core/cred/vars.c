/* vars - see vars.h. */
#include "backoffice/core/vars.h"

#include <stdlib.h>
#include <string.h>

#include "backoffice/core/fleet.h"
#include "backoffice/core/internal.h"
#include "backoffice/core/json.h"

struct vars_wanted vars_wanted(const struct profile *p)
{
	return (struct vars_wanted) {
		.group = profile_mentions(p, "${device.group}"),
		.attrs = profile_mentions(p, "${device.attr."),
	};
}

void vars_room_clear(struct vars_room *r)
{
	free(r->group);
	free(r->attrs);
	buf_clear(&r->texts);
	*r = (struct vars_room) { 0 };
}

static enum inro_err load_group(struct core *c, const struct device *d, struct vars_room *room)
{
	SCOPED(device_group) g = { 0 };
	enum inro_err e = d->grp ? group_by_id(c, d->grp, &g) : INRO_OK;

	room->group = g.path;
	g.path = NULL;
	return e;
}

static void add_text(struct buf *b, const char *text)
{
	buf_add_str(b, text);
	buf_add_u8(b, 0);
}

static void add_value(struct buf *b, const json_t *value)
{
	buf_add_json_text(b, value);
	buf_add_u8(b, 0);
}

/* All texts first: the buffer may move while it grows. */
static void point(struct vars_room *room)
{
	const char *at = (const char *)room->texts.p;

	for (size_t i = 0; i < room->attrs_n; i++) {
		room->attrs[i].name = at;
		at += strlen(at) + 1;
		room->attrs[i].value = *at ? at : NULL;
		at += strlen(at) + 1;
	}
}

static enum inro_err load_attrs(const struct device *d, struct vars_room *room)
{
	AUTO(json_drop) json_t *all = NULL;
	enum inro_err e = d->attrs ? json_object_read("the attributes on record", d->attrs,
						      DEVICE_ATTRS_MAX, &all)
				   : INRO_OK;

	if (e != INRO_OK || !json_object_size(all))
		return e;
	room->attrs = calloc(json_object_size(all), sizeof *room->attrs);
	if (!room->attrs)
		return err_set(INRO_E_NO_MEMORY, "no memory for attributes");
	for (void *at = json_object_iter(all); at; at = json_object_iter_next(all, at)) {
		add_text(&room->texts, json_object_iter_key(at));
		add_value(&room->texts, json_object_iter_value(at));
		room->attrs_n++;
	}
	e = buf_err(&room->texts);
	if (e == INRO_OK)
		point(room);
	return e;
}

static const char *set_or_null(const char *s)
{
	return s && *s ? s : NULL;
}

enum inro_err vars_of_device(struct core *c, const struct device *d, struct vars_wanted wanted,
			     struct vars_room *room, struct dn_vars *ret)
{
	enum inro_err e = INRO_OK;

	if (!d->id)
		return INRO_OK;
	if (wanted.group)
		e = load_group(c, d, room);
	if (e == INRO_OK && wanted.attrs)
		e = load_attrs(d, room);
	ret->device_id = d->device_id;
	ret->device_name = set_or_null(d->name);
	ret->device_serial = set_or_null(d->serial);
	ret->device_ip = set_or_null(d->ip);
	ret->device_mac = set_or_null(d->mac);
	ret->device_hostname = set_or_null(d->hostname);
	ret->device_os = set_or_null(d->os);
	ret->device_group = room->group;
	ret->attrs = room->attrs;
	ret->attrs_n = room->attrs_n;
	return e;
}
