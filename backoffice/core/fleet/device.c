/* device - the registry; see device.h. */
#include "backoffice/core/device.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backoffice/core/address.h"
#include "backoffice/core/device_row.h"
#include "backoffice/core/fleet.h"
#include "backoffice/core/group.h"
#include "backoffice/core/internal.h"
#include "backoffice/core/psk.h"
#include "backoffice/pki/san.h"
#include "base/clock.h"
#include "base/secret.h"

static enum inro_err check_id(const char *id)
{
	return core_check_name("a device's id", id, DEVICE_ID_MAX, "._:-");
}

enum inro_err device_id_new(char ret[static DEVICE_ID_MADE])
{
	uint64_t number;
	enum inro_err e = random_fill(&number, sizeof number);

	if (e == INRO_OK)
		snprintf(ret, DEVICE_ID_MADE, "%016" PRIx64, number);
	return e;
}

/* The fields that people give: where each is in the request and in the record.  An empty one is
 * taken away from the record. */
static const struct given {
	const char *what;
	size_t from, to;
	address_form_fn *form; /* as it is kept; NULL: any text */
	const char *like;
} given[] = {
	{ "the name", offsetof(struct device_fields, name), offsetof(struct device, name), NULL,
	  NULL },
	{ "the IP address", offsetof(struct device_fields, ip), offsetof(struct device, ip),
	  address_ip, "192.0.2.7 or 2001:db8::7" },
	{ "the MAC address", offsetof(struct device_fields, mac), offsetof(struct device, mac),
	  address_mac, "00:11:22:33:44:55" },
	{ "the host name", offsetof(struct device_fields, hostname),
	  offsetof(struct device, hostname), NULL, NULL },
	{ "the OS name", offsetof(struct device_fields, os), offsetof(struct device, os), NULL,
	  NULL },
	{ "the serial number", offsetof(struct device_fields, serial),
	  offsetof(struct device, serial), NULL, NULL },
};

static const char *given_value(const struct device_fields *f, const struct given *g)
{
	const char *v = NULL;

	if (f)
		memcpy(&v, (const char *)f + g->from, sizeof v);
	return v;
}

static enum inro_err check_fields(const struct device_fields *f)
{
	enum inro_err e = INRO_OK;

	for (size_t i = 0; e == INRO_OK && i < ARRAY_LEN(given); i++) {
		const char *v = given_value(f, &given[i]);
		char form[ADDRESS_MAX];

		e = core_check_text(given[i].what, v, DEVICE_FIELD_MAX);
		if (e == INRO_OK && v && *v && given[i].form && !given[i].form(v, form))
			e = err_set(INRO_E_ARG, "%s is like %s, not '%s'", given[i].what,
				    given[i].like, v);
	}
	return e;
}

static enum inro_err set_given(struct device *d, const struct device_fields *f)
{
	enum inro_err e = INRO_OK;

	for (size_t i = 0; e == INRO_OK && i < ARRAY_LEN(given); i++) {
		const char *v = given_value(f, &given[i]);
		char **to = (char **)(void *)((char *)d + given[i].to);
		char form[ADDRESS_MAX];

		if (v)
			e = text_set(to, given[i].form && given[i].form(v, form) ? form : v);
	}
	return e;
}

static enum inro_err set_group(struct core *c, struct device *d, const char *path)
{
	SCOPED(device_group) g = { 0 };
	enum inro_err e = INRO_OK;

	if (!path)
		return INRO_OK;
	if (*path)
		e = group_get(c, path, &g);
	if (e == INRO_OK)
		d->grp = g.id;
	return e;
}

static enum inro_err set_attrs(struct device *d, const char *more)
{
	char *merged = NULL;
	enum inro_err e;

	if (!more)
		return INRO_OK;
	e = attrs_merge(d->attrs, more, &merged);
	if (e != INRO_OK)
		return e;
	free(d->attrs);
	d->attrs = merged;
	return INRO_OK;
}

enum inro_err device_set_fields(struct core *c, struct device *d, const struct device_fields *f)
{
	enum inro_err e = check_fields(f);

	if (e == INRO_OK && d->id)
		e = device_touch(c, d);
	if (e == INRO_OK)
		e = set_given(d, f);
	if (e == INRO_OK && f)
		e = set_group(c, d, f->group);
	if (e == INRO_OK)
		e = device_touch(c, d); /* where it comes to */
	if (e != INRO_OK || !f)
		return e;
	e = set_attrs(d, f->attrs);
	return e == INRO_OK ? anchor_set(c, d, f->anchor) : e;
}

enum inro_err device_count(struct core *c, const struct device *d, int64_t delta)
{
	const char *state = device_state_names[d->state];
	enum inro_err e = tally_add(c, delta, "device/%s", state);

	if (e == INRO_OK && d->grp)
		e = tally_add(c, delta, "group/%lld/%s", (long long)d->grp, state);
	return e;
}

enum inro_err device_group_path(struct core *c, const struct device *d, char **ret)
{
	SCOPED(device_group) g = { 0 };
	enum inro_err e = d->grp ? group_by_id(c, d->grp, &g) : INRO_OK;

	return e == INRO_OK ? text_set(ret, text_or_empty(g.path)) : e;
}

static enum inro_err describe(struct core *c, const struct device *d, struct buf *detail)
{
	AUTO(free_chars) char *group = NULL;
	enum inro_err e = device_group_path(c, d, &group);

	if (e != INRO_OK)
		return e;
	detail_text(detail, "group", group);
	detail_text(detail, "serial", d->serial);
	detail_text(detail, "attrs", d->attrs);
	if (d->anchor_kind != ANCHOR_NONE) {
		detail_text(detail, "anchor_kind", anchor_kind_names[d->anchor_kind]);
		detail_text(detail, "anchor_store", anchor_store_names[d->anchor_store]);
		detail_hex(detail, "anchor", blob_bytes(&d->anchor));
	}
	detail_text(detail, "name", d->name);
	detail_text(detail, "ip", d->ip);
	detail_text(detail, "mac", d->mac);
	detail_text(detail, "hostname", d->hostname);
	detail_text(detail, "os", d->os);
	return INRO_OK;
}

enum inro_err device_event(struct core *c, const char *action, const struct device *d,
			   struct buf *detail)
{
	const struct audit_entry entry = { action, "device", d->device_id, EVENT_DONE, detail };

	return audit_append(c, &entry);
}

/* live: not the deleted ones; otherwise the one that was deleted last. */
static enum inro_err load(struct core *c, const char *id, bool live, struct device *ret)
{
	const struct store_cond conds[] = {
		{ .field = "tenant", .number = c->tenant },
		{ .field = "device_id", .text = id },
		{ .field = "state", .op = live ? STORE_NE : STORE_EQ, .number = DEVICE_DELETED },
	};
	/* Of those that live there is one at most. */
	const struct store_query q = {
		STORE_WHERE(conds), .limit = 1, .backward = !live, .any_first = live
	};
	enum inro_err e = check_id(id);

	if (e == INRO_OK)
		e = store_find(c->store, &q, ret);
	if (e == INRO_E_NOT_FOUND)
		return err_set(e, "no device '%s'; 'inro device list' shows the ones there are",
			       id);
	return e;
}

enum inro_err device_foresee(struct core *c, const char *const *ids, size_t n)
{
	const struct store_cond conds[] = {
		{ .field = "tenant", .number = c->tenant },
		{ .field = "device_id" },
		{ .field = "state", .op = STORE_NE, .number = DEVICE_DELETED },
	};
	const struct store_query q = { STORE_WHERE(conds) };
	struct store_place *places = calloc(n ? n : 1, sizeof *places);
	const struct store_alike alike = { &q, 1, places, n };
	enum inro_err e = places ? INRO_OK : err_set(INRO_E_NO_MEMORY, "no memory for %zu ids", n);

	/* What can't be an id is told when it is looked for. */
	for (size_t i = 0; e == INRO_OK && i < n; i++)
		places[i].text = ids[i] && check_id(ids[i]) == INRO_OK ? ids[i] : NULL;
	if (e == INRO_OK)
		e = store_foresee(c->store, &device_type, &alike);
	free(places);
	return e;
}

/* The device at work, by its number: in one transaction that is read once. */
static enum inro_err load_self(struct core *c, const char *id, struct device *ret)
{
	SCOPED(device) d = { 0 };
	enum inro_err e = core_is_device(c, id) ? store_get(c->store, c->device, &d)
						: INRO_E_NOT_FOUND;

	if (e == INRO_OK && (d.tenant != c->tenant || d.state == DEVICE_DELETED ||
			     strcmp(d.device_id, id) != 0))
		e = INRO_E_NOT_FOUND;
	if (e != INRO_OK)
		return e;
	*ret = d;
	d = (struct device) { 0 };
	return INRO_OK;
}

enum inro_err device_load(struct core *c, const char *id, struct device *ret)
{
	enum inro_err e = load_self(c, id, ret);

	return e == INRO_E_NOT_FOUND ? load(c, id, true, ret) : e;
}

enum inro_err device_get(struct core *c, const char *id, struct device *ret)
{
	enum inro_err e = load(c, id, true, ret);

	return e == INRO_E_NOT_FOUND ? load(c, id, false, ret) : e;
}

enum inro_err device_called(struct core *c, const char *name, int64_t but, struct device *ret)
{
	char small[DEVICE_ID_MAX + 1];
	struct store_cond conds[] = {
		{ .field = "tenant", .number = c->tenant },
		{ .field = "device_id", .text = small },
		{ .field = "state", .op = STORE_NE, .number = DEVICE_DELETED },
		{ .field = "id", .op = STORE_NE, .number = but },
	};
	const struct store_query q = { STORE_WHERE(conds), .limit = 1, .any_first = true };
	enum inro_err e = check_id(name);

	if (e != INRO_OK)
		return e;
	/* A to Z alone, as the database's lower() with the ids that have any. */
	snprintf(small, sizeof small, "%s", name);
	address_lower(small);
	e = store_find(c->store, &q, ret);
	conds[1].op = STORE_SMALL;
	return e == INRO_E_NOT_FOUND ? store_find(c->store, &q, ret) : e;
}

enum inro_err device_names(const struct device *d, unsigned kinds, struct buf *sans)
{
	const struct {
		enum san_kind kind;
		const char *value;
	} names[] = { { SAN_DNS, d->hostname }, { SAN_IP, d->ip } };
	enum inro_err e = INRO_OK;

	for (size_t i = 0; e == INRO_OK && i < ARRAY_LEN(names); i++)
		if (names[i].value && kinds >> names[i].kind & 1)
			e = san_add_value(sans, names[i].kind, bytes_of(names[i].value));
	return e == INRO_OK ? e : err_context(e, "the record of device '%s'", d->device_id);
}

/* Whatever the group's policy says. */
static bool may_touch_any_how(const struct core *c, const struct device *d)
{
	return c->role >= ROLE_ADMIN || (c->device && c->device == d->id);
}

enum inro_err device_touch(struct core *c, const struct device *d)
{
	SCOPED(policy) p = { 0 };
	enum inro_err e;

	if (may_touch_any_how(c, d)) /* no policy need be read */
		return INRO_OK;
	e = policy_of_device(c, d, &p);
	return e == INRO_OK ? device_touch_by(c, d, &p) : e;
}

enum inro_err device_touch_by(const struct core *c, const struct device *d, const struct policy *p)
{
	if (may_touch_any_how(c, d) || policy_takes_account(p, c->actor))
		return INRO_OK;
	return err_set(INRO_E_ACCESS,
		       "the policy of the group of device '%s' says who may work on it, and %s may "
		       "not",
		       d->device_id, c->actor);
}

enum inro_err device_may_have(const struct device *d)
{
	if (d->state == DEVICE_REGISTERED || d->state == DEVICE_ACTIVE)
		return INRO_OK;
	return err_set(INRO_E_STATE, "device '%s' is %s and gets no certificates", d->device_id,
		       device_state_names[d->state]);
}

struct add {
	const char *id;
	const struct device_fields *fields;
	struct device *out;
	struct psk_new *psk; /* recorded with it; NULL: none */
};

/* A record that was written becomes the caller's, with its event. */
static enum inro_err written(struct core *c, const char *action, struct device *d,
			     const struct device_fields *f, struct device *ret)
{
	SCOPED(buf) detail = { 0 };
	AUTO(free_chars) char *before = NULL;
	enum inro_err e = describe(c, d, &detail);

	if (e == INRO_OK && f && f->anchor)
		e = device_anchor_before(c, d, &before);
	if (before)
		detail_text(&detail, "anchor_before", before);
	if (e == INRO_OK)
		e = device_event(c, action, d, &detail);
	if (e != INRO_OK)
		return e;
	*ret = *d;
	*d = (struct device) { 0 };
	return INRO_OK;
}

enum inro_err device_add_as(struct core *c, const char *id, const struct device_fields *f,
			    enum device_state state, struct device *ret)
{
	SCOPED(device) d = { .tenant = c->tenant, .state = state };
	enum inro_err e = check_id(id);

	d.created_ms = d.updated_ms = clock_now_ms();
	if (e == INRO_OK)
		e = text_set(&d.device_id, id);
	if (e == INRO_OK)
		e = device_set_fields(c, &d, f);
	if (e != INRO_OK)
		return e;
	e = store_insert(c->store, &d);
	if (e == INRO_E_EXISTS)
		return err_set(e, "there is a device '%s' already", id);
	if (e == INRO_OK)
		e = device_count(c, &d, 1);
	return e == INRO_OK ? written(c, "device.add", &d, f, ret) : e;
}

enum inro_err device_add_inside(struct core *c, const char *id, const struct device_fields *f,
				struct device *ret)
{
	return device_add_as(c, id, f, DEVICE_REGISTERED, ret);
}

enum inro_err device_add_keyed(struct core *c, const char *id, const struct device_fields *f,
			       struct psk_new *psk, struct device *ret)
{
	enum inro_err e;

	device_clear(ret);
	e = device_add_inside(c, id, f, ret);
	return e == INRO_OK && psk ? psk_issue_in(c, ret, psk) : e;
}

static enum inro_err add_work(struct core *c, void *arg)
{
	struct add *a = arg;

	return device_add_keyed(c, a->id, a->fields, a->psk, a->out);
}

enum inro_err device_commit(struct core *c, core_work_fn *work, void *arg, struct device *made,
			    struct device *ret)
{
	enum inro_err e = core_write(c, work, arg);

	if (e != INRO_OK) {
		device_clear(made);
		return e;
	}
	*ret = *made;
	return INRO_OK;
}

enum inro_err device_add(struct core *c, const char *id, const struct device_fields *f,
			 struct device *ret)
{
	return device_add_with(c, id, f, NULL, ret);
}

/* As the group that it comes into wants it. */
static enum inro_err prepare_psk(struct core *c, const char *id, const struct device_fields *f,
				 struct psk_new *ret)
{
	SCOPED(device_group) g = { 0 };
	SCOPED(policy) p = { 0 };
	enum inro_err e = INRO_OK;

	if (f && f->group && *f->group)
		e = group_get(c, f->group, &g);
	if (e == INRO_OK)
		e = policy_of_group(c, g.id, &p);
	return e == INRO_OK ? psk_prepare(c, &p, id, BYTES_NONE, ret) : e;
}

static enum inro_err check_new(const char *id, const struct device_fields *f)
{
	enum inro_err e = check_id(id);

	return e == INRO_OK ? check_fields(f) : e;
}

enum inro_err device_add_prepare(struct core *c, const char *id, const struct device_fields *f,
				 struct psk_new *psk)
{
	enum inro_err e = core_require(c, ROLE_OPERATOR, "add a device");

	if (e == INRO_OK)
		e = check_new(id, f);
	return e == INRO_OK && psk ? prepare_psk(c, id, f, psk) : e;
}

enum inro_err device_add_with(struct core *c, const char *id, const struct device_fields *f,
			      struct psk_new *psk, struct device *ret)
{
	struct device made = { 0 };
	struct add a = { .id = id, .fields = f, .out = &made, .psk = psk };
	enum inro_err e = check_new(id, f);

	if (e != INRO_OK)
		return e;
	e = device_add_prepare(c, id, f, psk);
	if (e == INRO_OK)
		e = device_commit(c, add_work, &a, &made, ret);
	return e == INRO_OK ? e : audit_refused(c, "device.add", "device", id, e);
}

enum inro_err device_update_inside(struct core *c, const char *id, const struct device_fields *f,
				   struct device *ret)
{
	SCOPED(device) d = { 0 };
	enum inro_err e = device_load(c, id, &d);

	if (e == INRO_OK)
		e = device_count(c, &d, -1);
	if (e == INRO_OK)
		e = device_set_fields(c, &d, f);
	d.updated_ms = clock_now_ms();
	if (e == INRO_OK)
		e = store_update(c->store, &d);
	if (e == INRO_OK)
		e = device_count(c, &d, 1);
	return e == INRO_OK ? written(c, "device.update", &d, f, ret) : e;
}

static enum inro_err update_work(struct core *c, void *arg)
{
	struct add *a = arg;

	device_clear(a->out);
	return device_update_inside(c, a->id, a->fields, a->out);
}

enum inro_err device_update(struct core *c, const char *id, const struct device_fields *f,
			    struct device *ret)
{
	struct device made = { 0 };
	struct add a = { .id = id, .fields = f, .out = &made };
	enum inro_err e = check_fields(f);

	if (e != INRO_OK)
		return e;
	e = core_require(c, ROLE_OPERATOR, "update a device");
	if (e == INRO_OK)
		e = device_commit(c, update_work, &a, &made, ret);
	return e == INRO_OK ? e : audit_refused(c, "device.update", "device", id, e);
}
