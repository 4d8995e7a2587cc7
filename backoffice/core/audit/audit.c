/* audit - events are written, and found again. */
#include "backoffice/core/audit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backoffice/core/audit/audit_chain.h"
#include "backoffice/core/where.h"
#include "base/clock.h"

#define SUBJECT_NAME_MAX 255

static enum inro_err fill_event(struct core *c, const struct audit_entry *in, struct event *ev)
{
	SCOPED(buf) none = { 0 };
	SCOPED(buf) subject = { 0 };
	struct buf *detail = in->detail ? in->detail : &none;
	size_t members = detail->n;
	enum inro_err e;

	detail_end(detail);
	buf_addf(&subject, "%s:%s", in->kind, text_or_empty(in->name));
	buf_add_u8(&subject, 0);
	e = buf_err(detail);
	if (e == INRO_OK)
		e = buf_err(&subject);
	if (e == INRO_OK)
		e = text_set(&ev->subject, (const char *)subject.p);
	if (e == INRO_OK)
		e = text_set(&ev->detail, (const char *)detail->p);
	buf_truncate(detail, members); /* the transaction may run again */
	if (e == INRO_OK)
		e = text_set(&ev->action, in->action);
	if (e == INRO_OK)
		e = text_set(&ev->actor, c->actor);
	ev->tenant = c->tenant;
	ev->at_ms = clock_now_ms();
	ev->outcome = in->outcome;
	return e;
}

static enum inro_err read_tip(struct core *c)
{
	SCOPED(audit_head) head = { 0 };
	struct chain_place at;
	enum inro_err e;

	if (c->open.tip.known)
		return INRO_OK;
	e = store_get(c->store, 1, &head);
	/* While changes are deferred this may be said of another row. */
	if (e == INRO_E_NOT_FOUND && !store_defers(c->store))
		return err_set(INRO_E_DAMAGED, "the audit's head record is gone");
	if (e == INRO_OK && !chain_place_set(&at, head.count, &head.hash))
		return err_set(INRO_E_DAMAGED, "the audit's head record has no hash");
	if (e != INRO_OK)
		return e;
	c->open.tip = (struct audit_tip) { .count = at.count, .known = true };
	memcpy(c->open.tip.hash, at.hash, AUDIT_HASH);
	return INRO_OK;
}

static enum inro_err chain_event(struct core *c, struct event *ev)
{
	SCOPED(buf) work = { 0 };
	uint8_t hash[PKI_DIGEST_MAX];
	enum inro_err e;

	ev->id = c->open.tip.count + 1;
	e = chain_event_hash(ev, BYTES(c->open.tip.hash, c->open.tip.count ? AUDIT_HASH : 0), &work, hash);
	if (e == INRO_OK)
		e = blob_set(&ev->hash, BYTES(hash, AUDIT_HASH));
	if (e == INRO_OK)
		e = store_insert(c->store, ev);
	if (e == INRO_E_EXISTS && !store_defers(c->store))
		return err_set(INRO_E_DAMAGED, "the audit's head is behind its events; "
					       "'inro audit verify' says more");
	if (e != INRO_OK)
		return e;
	c->open.tip.count++;
	c->open.tip.added++;
	memcpy(c->open.tip.hash, hash, AUDIT_HASH);
	return INRO_OK;
}

enum inro_err audit_append(struct core *c, const struct audit_entry *in)
{
	SCOPED(event) ev = { 0 };
	enum inro_err e = read_tip(c);

	if (e == INRO_OK)
		e = fill_event(c, in, &ev);
	return e == INRO_OK ? chain_event(c, &ev) : e;
}

enum inro_err audit_flush(struct core *c)
{
	SCOPED(audit_head) head = { .id = 1, .count = c->open.tip.count };
	enum inro_err e;

	if (!c->open.tip.added)
		return INRO_OK;
	e = blob_set(&head.hash, BYTES(c->open.tip.hash, AUDIT_HASH));
	return e == INRO_OK ? store_update(c->store, &head) : e;
}

/* What is about this machine's moment, not about what was asked for. */
static bool worth_recording(enum inro_err e)
{
	return e != INRO_E_BUSY && e != INRO_E_NO_MEMORY && e != INRO_E_FULL &&
	       e != INRO_E_APPROVAL; /* the proposal has its own event */
}

static enum inro_err append_work(struct core *c, void *arg)
{
	const struct audit_entry *entry = arg;

	return audit_append(c, entry);
}

/* What was to be as it was looked at is about the change, not about the record that it was refused. */
static enum inro_err write_refusal(struct core *c, struct audit_entry *entry)
{
	core_expect_fn *expect = c->expect;
	int64_t reply = c->reply;
	void *arg = c->expect_arg;
	enum inro_err e;

	core_expect(c, NULL, NULL);
	c->reply = 0; /* a refusal is not what was asked for */
	e = core_write(c, append_work, entry);
	c->reply = reply;
	core_expect(c, expect, arg);
	return e;
}

enum inro_err audit_refused(struct core *c, const char *action, const char *kind, const char *name,
			    enum inro_err e)
{
	SCOPED(buf) detail = { 0 };
	struct audit_entry entry = { action, kind, name, EVENT_REFUSED, &detail };
	char why[512];

	if (!worth_recording(e))
		return e;
	snprintf(why, sizeof why, "%s", err_detail(e));
	/* A refusal may come before the name was looked at. */
	if (core_check_text("the name", name, SUBJECT_NAME_MAX) != INRO_OK)
		entry.name = "?";
	detail_text(&detail, "error", err_name(e));
	detail_text(&detail, "reason", why);
	/* The refusal stands whether or not the database takes the record of it. */
	if (write_refusal(c, &entry) != INRO_OK)
		return err_set(e, "%s (and this refusal could not be recorded)", why);
	return err_set(e, "%s", why);
}

void event_list_clear(struct event_list *l)
{
	list_free(&event_type, l->items, l->n);
	*l = (struct event_list) { 0 };
}

size_t event_conds(const struct core *c, const struct audit_filter *f,
		   struct store_cond conds[static EVENT_CONDS])
{
	size_t n = 0;

	conds[n++] = (struct store_cond) { .field = "tenant", .number = c->tenant };
	if (f && f->subject)
		conds[n++] = (struct store_cond) { .field = "subject", .text = f->subject };
	if (f && f->actor)
		conds[n++] = (struct store_cond) { .field = "actor", .text = f->actor };
	if (f && f->action)
		conds[n++] = (struct store_cond) { .field = "action", .text = f->action };
	if (f && f->from_ms)
		conds[n++] = (struct store_cond) { .field = "at_ms",
						   .op = STORE_GE,
						   .number = f->from_ms };
	if (f && f->before_ms)
		conds[n++] = (struct store_cond) { .field = "at_ms",
						   .op = STORE_LT,
						   .number = f->before_ms };
	return n;
}

enum inro_err audit_find(struct core *c, const struct audit_filter *f, const struct page *page,
			 struct event_list *ret)
{
	struct store_cond conds[EVENT_CONDS];
	struct store_query q = { .conds = conds };
	struct core_rows rows = { 0 };
	enum inro_err e;

	q.n = event_conds(c, f, conds);
	q.backward = f && f->newest_first;
	e = core_page(c, &event_type, &q, page, &rows);
	if (e == INRO_OK)
		*ret = (struct event_list) { .items = rows.items, .n = rows.n, .next = rows.next };
	return e;
}

void event_found_clear(struct event_found *f)
{
	list_free(&event_type, f->items, f->n);
	free(f->next);
	*f = (struct event_found) { 0 };
}

/* The filter's conditions, all but the tenant's, which each search has. */
static enum inro_err add_filter(struct core *c, void *arg, struct where *w)
{
	const struct audit_filter *f = arg;
	struct store_cond conds[EVENT_CONDS];
	size_t n = event_conds(c, f, conds);
	enum inro_err e = INRO_OK;

	for (size_t i = 1; e == INRO_OK && i < n; i++)
		e = where_add(w, conds[i]);
	return e;
}

enum inro_err audit_search(struct core *c, const struct audit_search *s, struct event_found *ret)
{
	struct audit_filter filter = s->filter;
	const struct where_ask ask = {
		s->where, add_filter, &filter, { s->after, s->sort, s->limit, false }
	};
	struct event_found f = { 0 };
	void *items = NULL;
	enum inro_err e = where_search(c, &where_events, &ask, &items, &f.n, &f.next);

	if (e != INRO_OK)
		return e;
	f.items = items;
	*ret = f;
	return INRO_OK;
}
