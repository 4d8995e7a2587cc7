/* errand - see errand.h. */
#include "backoffice/core/errand.h"

#include <stdlib.h>
#include <string.h>

#include "backoffice/core/fleet.h"
#include "base/clock.h"

#define LOT 500

void errand_list_clear(struct errand_list *l)
{
	list_free(&errand_type, l->items, l->n);
	*l = (struct errand_list) { 0 };
}

static enum inro_err note(struct core *c, const char *action, const char *device,
			  const struct errand *e)
{
	SCOPED(buf) detail = { 0 };
	const struct audit_entry entry = { action, "device", device, EVENT_DONE, &detail };

	detail_int(&detail, "errand", e->id);
	detail_text(&detail, "verb", errand_verb_names[e->verb]);
	detail_text(&detail, "argument", e->argument);
	if (e->state != ERRAND_OPEN)
		detail_text(&detail, "state", errand_state_names[e->state]);
	return audit_append(c, &entry);
}

/* ---- sent ---- */

static enum inro_err check(enum errand_verb verb, const char *argument)
{
	if ((unsigned)verb >= ERRAND_VERB__MAX)
		return err_set(INRO_E_ARG, "a device can be asked to renew, run, status or clear");
	if (verb == ERRAND_RUN)
		return core_check_name("the name of a device's command", argument,
				       ERRAND_ARGUMENT_MAX, "._-");
	if (argument && *argument)
		return err_set(INRO_E_ARG, "'%s' takes no name of a command",
			       errand_verb_names[verb]);
	return INRO_OK;
}

struct sending {
	const char *argument;
	enum errand_verb verb;
	const struct device *devices;
	size_t n;
	struct errand out; /* the last */
};

static enum inro_err find_open(struct core *c, const struct sending *s, int64_t device,
			       struct errand *ret)
{
	const struct store_cond conds[] = {
		{ .field = "device", .number = device },
		{ .field = "state", .number = ERRAND_OPEN },
		{ .field = "verb", .number = s->verb },
		{ .field = "argument", .text = text_or_empty(s->argument) },
	};
	const struct store_query q = { STORE_WHERE(conds) };

	return store_find(c->store, &q, ret);
}

static enum inro_err send_one(struct core *c, const struct sending *s, const struct device *d,
			      struct errand *e)
{
	enum inro_err err = find_open(c, s, d->id, e);

	if (err != INRO_E_NOT_FOUND)
		return err;
	*e = (struct errand) { .tenant = c->tenant,
			       .device = d->id,
			       .verb = s->verb,
			       .created_ms = clock_now_ms() };
	err = text_set(&e->argument, text_or_empty(s->argument));
	if (err == INRO_OK)
		err = text_set(&e->actor, c->actor);
	if (err == INRO_OK)
		err = text_set(&e->answer, "");
	if (err == INRO_OK)
		err = store_insert(c->store, e);
	return err == INRO_OK ? note(c, "device.errand", d->device_id, e) : err;
}

static enum inro_err send_work(struct core *c, void *arg)
{
	struct sending *s = arg;
	enum inro_err e = INRO_OK;

	for (size_t i = 0; e == INRO_OK && i < s->n; i++) {
		errand_clear(&s->out);
		e = device_touch(c, &s->devices[i]);
		if (e == INRO_OK)
			e = send_one(c, s, &s->devices[i], &s->out);
	}
	return e;
}

static enum inro_err send_to(struct core *c, const char *device, struct sending *s)
{
	SCOPED(device) d = { 0 };
	enum inro_err e = core_require(c, ROLE_OPERATOR, "send a device on an errand");

	if (e == INRO_OK)
		e = check(s->verb, s->argument);
	if (e == INRO_OK)
		e = device_load(c, device, &d);
	if (e == INRO_OK && d.state == DEVICE_DELETED)
		e = err_set(INRO_E_STATE, "device '%s' is deleted", device);
	s->devices = &d;
	s->n = 1;
	return e == INRO_OK ? core_write(c, send_work, s) : e;
}

enum inro_err errand_add(struct core *c, const char *device, enum errand_verb verb,
			 const char *argument, struct errand *ret)
{
	struct sending s = { .verb = verb, .argument = argument };
	enum inro_err e = send_to(c, device, &s);

	if (e != INRO_OK) {
		errand_clear(&s.out);
		return audit_refused(c, "device.errand", "device", device, e);
	}
	*ret = s.out;
	return INRO_OK;
}

static enum inro_err send_found(struct core *c, struct sending *s, struct device_search *search,
				size_t *total)
{
	SCOPED(device_found) found = { 0 };
	enum inro_err e = device_search(c, search, &found);

	if (e != INRO_OK)
		return e;
	s->devices = found.items;
	s->n = found.n;
	e = found.n ? core_write(c, send_work, s) : INRO_OK;
	if (e != INRO_OK)
		return e;
	*total += found.n;
	free((char *)(uintptr_t)search->after);
	search->after = found.next;
	found.next = NULL;
	return INRO_OK;
}

enum inro_err errand_add_where(struct core *c, const char *where, enum errand_verb verb,
			       const char *argument, size_t *ret_n)
{
	struct sending s = { .verb = verb, .argument = argument };
	struct device_search search = { .where = where, .limit = LOT };
	enum inro_err e = core_require(c, ROLE_OPERATOR, "send devices on an errand");

	*ret_n = 0;
	if (e == INRO_OK)
		e = check(verb, argument);
	if (e == INRO_OK)
		do
			e = send_found(c, &s, &search, ret_n);
		while (e == INRO_OK && search.after);
	free((char *)(uintptr_t)search.after);
	errand_clear(&s.out);
	return e == INRO_OK ? INRO_OK : audit_refused(c, "device.errand", "device", "*", e);
}

/* ---- found ---- */

static enum inro_err find_page(struct core *c, const struct store_cond *conds, size_t n,
			       const struct page *page, struct errand_list *ret)
{
	struct store_query q = { .conds = conds, .n = n };
	struct core_rows rows = { 0 };
	enum inro_err e = core_page(c, &errand_type, &q, page, &rows);

	if (e == INRO_OK)
		*ret = (struct errand_list) { .items = rows.items, .n = rows.n, .next = rows.next };
	return e;
}

enum inro_err errand_find(struct core *c, const char *device, bool only_open,
			  const struct page *page, struct errand_list *ret)
{
	SCOPED(device) d = { 0 };
	struct store_cond conds[3] = { { .field = "tenant", .number = c->tenant } };
	size_t n = 1;
	enum inro_err e = device ? device_load(c, device, &d) : INRO_OK;

	if (e != INRO_OK)
		return e;
	if (device)
		conds[n++] = (struct store_cond) { .field = "device", .number = d.id };
	if (only_open)
		conds[n++] = (struct store_cond) { .field = "state", .number = ERRAND_OPEN };
	return find_page(c, conds, n, page, ret);
}

enum inro_err errand_own(struct core *c, struct errand_list *ret)
{
	const struct store_cond conds[] = {
		{ .field = "tenant", .number = c->tenant },
		{ .field = "device", .number = c->device },
		{ .field = "state", .number = ERRAND_OPEN },
	};

	return find_page(c, conds, ARRAY_LEN(conds), &(struct page) { .limit = ERRANDS_OWN_MAX }, ret);
}

enum inro_err errand_device(struct core *c, const struct errand *e, char **ret)
{
	SCOPED(device) d = { 0 };
	enum inro_err err = store_get(c->store, e->device, &d);

	return err == INRO_OK ? text_set(ret, d.device_id) : err;
}

/* ---- ended ---- */

struct ending {
	int64_t id;
	enum errand_state state;
	const char *answer;
	struct errand out;
};

static enum inro_err may_end(struct core *c, const struct ending *end, const struct device *d)
{
	if (end->state == ERRAND_CANCELLED)
		return device_touch(c, d);
	if (c->device != d->id) /* another's errand is told as none */
		return err_set(INRO_E_NOT_FOUND, "this device has no errand %lld",
			       (long long)end->id);
	return INRO_OK;
}

static enum inro_err end_loaded(struct core *c, struct ending *end, const struct device *d)
{
	struct errand *e = &end->out;
	enum inro_err err;

	if (e->state == end->state)
		return INRO_OK;
	if (e->state != ERRAND_OPEN)
		return err_set(INRO_E_STATE, "errand %lld is %s already", (long long)e->id,
			       errand_state_names[e->state]);
	e->state = end->state;
	e->ended_ms = clock_now_ms();
	err = text_set(&e->answer, text_or_empty(end->answer));
	if (err == INRO_OK)
		err = store_update(c->store, e);
	return err == INRO_OK ? note(c, "device.errand-end", d->device_id, e) : err;
}

static enum inro_err end_work(struct core *c, void *arg)
{
	SCOPED(device) d = { 0 };
	struct ending *end = arg;
	enum inro_err e;

	errand_clear(&end->out);
	e = core_numbered(c, &errand_type, "device errand", end->id, &end->out);
	if (e == INRO_OK)
		e = store_get(c->store, end->out.device, &d);
	if (e == INRO_OK)
		e = may_end(c, end, &d);
	return e == INRO_OK ? end_loaded(c, end, &d) : e;
}

static enum inro_err end_errand(struct core *c, struct ending *end, struct errand *ret)
{
	enum inro_err e = core_write(c, end_work, end);

	if (e != INRO_OK) {
		errand_clear(&end->out);
		return audit_refused(c, "device.errand-end", "device", "*", e);
	}
	*ret = end->out;
	return INRO_OK;
}

enum inro_err errand_cancel(struct core *c, int64_t id, struct errand *ret)
{
	struct ending end = { .id = id, .state = ERRAND_CANCELLED };
	enum inro_err e = core_require(c, ROLE_OPERATOR, "cancel an errand");

	return e == INRO_OK ? end_errand(c, &end, ret) :
			      audit_refused(c, "device.errand-end", "device", "*", e);
}

enum inro_err errand_end(struct core *c, int64_t id, bool done, const char *answer,
			 struct errand *ret)
{
	struct ending end = { .id = id,
			      .state = done ? ERRAND_DONE : ERRAND_FAILED,
			      .answer = answer };
	enum inro_err e;

	if (!c->device)
		return err_set(INRO_E_ACCESS, "an errand is ended by its device");
	e = core_check_text("the answer", answer, ERRAND_ANSWER_MAX);
	return e == INRO_OK ? end_errand(c, &end, ret) : e;
}
