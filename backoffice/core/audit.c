/*
 * audit - the chain of events.
 *
 * 1. The bytes that are hashed for an event, each field with its u32 length before it, numbers as
 *    u64 big endian: "inro-audit-1", hash of the event before (empty for the first), id, tenant,
 *    at_ms, actor, action, subject, outcome by name, detail.
 */
#include "backoffice/core/audit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backoffice/core/internal.h"
#include "base/clock.h"

#define AUDIT_DOMAIN	 "inro-audit-1"
#define AUDIT_HASH	 32
#define SUBJECT_NAME_MAX 255

static enum inro_err event_hash(const struct event *ev, struct bytes before, struct buf *work,
				uint8_t ret[static PKI_DIGEST_MAX])
{
	enum inro_err e;

	buf_reset(work);
	buf_add_field(work, bytes_of(AUDIT_DOMAIN));
	buf_add_field(work, before);
	buf_add_u64(work, (uint64_t)ev->id);
	buf_add_u64(work, (uint64_t)ev->tenant);
	buf_add_u64(work, (uint64_t)ev->at_ms);
	buf_add_field(work, bytes_of(ev->actor));
	buf_add_field(work, bytes_of(ev->action));
	buf_add_field(work, bytes_of(ev->subject));
	buf_add_field(work, bytes_of(event_outcome_names[ev->outcome]));
	buf_add_field(work, bytes_of(ev->detail));
	e = buf_err(work);
	return e == INRO_OK ? pki_digest(PKI_SHA256, buf_bytes(work), ret) : e;
}

static enum inro_err fill_event(struct core *c, const struct audit_entry *in, struct event *ev)
{
	SCOPED(buf) none = { 0 };
	SCOPED(buf) subject = { 0 };
	struct buf *detail = in->detail ? in->detail : &none;
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
	if (e == INRO_OK)
		e = text_set(&ev->action, in->action);
	if (e == INRO_OK)
		e = text_set(&ev->actor, c->actor);
	ev->tenant = c->tenant;
	ev->at_ms = clock_now_ms();
	ev->outcome = in->outcome;
	return e;
}

static enum inro_err chain_event(struct core *c, struct event *ev, struct audit_head *head)
{
	SCOPED(buf) work = { 0 };
	uint8_t hash[PKI_DIGEST_MAX];
	enum inro_err e;

	ev->id = head->count + 1;
	e = event_hash(ev, blob_bytes(&head->hash), &work, hash);
	if (e == INRO_OK)
		e = blob_set(&ev->hash, BYTES(hash, AUDIT_HASH));
	if (e == INRO_OK)
		e = blob_set(&head->hash, BYTES(hash, AUDIT_HASH));
	if (e != INRO_OK)
		return e;
	head->count = ev->id;
	e = store_insert(c->store, ev);
	if (e == INRO_E_EXISTS)
		return err_set(INRO_E_DAMAGED, "the audit's head is behind its events; "
					       "'inro audit verify' says more");
	return e == INRO_OK ? store_update(c->store, head) : e;
}

enum inro_err audit_append(struct core *c, const struct audit_entry *in)
{
	SCOPED(event) ev = { 0 };
	SCOPED(audit_head) head = { 0 };
	enum inro_err e = store_get(c->store, 1, &head);

	if (e == INRO_E_NOT_FOUND)
		return err_set(INRO_E_DAMAGED, "the audit's head record is gone");
	if (e == INRO_OK)
		e = fill_event(c, in, &ev);
	return e == INRO_OK ? chain_event(c, &ev, &head) : e;
}

/* What is about this machine's moment, not about what was asked for. */
static bool worth_recording(enum inro_err e)
{
	return e != INRO_E_BUSY && e != INRO_E_NO_MEMORY && e != INRO_E_FULL;
}

static enum inro_err append_work(struct core *c, void *arg)
{
	const struct audit_entry *entry = arg;

	return audit_append(c, entry);
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
	if (core_write(c, append_work, &entry) != INRO_OK)
		return err_set(e, "%s (and this refusal could not be recorded)", why);
	return err_set(e, "%s", why);
}

void event_list_clear(struct event_list *l)
{
	list_free(&event_type, l->items, l->n);
	*l = (struct event_list) { 0 };
}

enum inro_err audit_find(struct core *c, const struct audit_filter *f, const struct page *page,
			 struct event_list *ret)
{
	struct store_cond conds[4] = { { .field = "tenant", .number = c->tenant } };
	struct store_query q = { .conds = conds, .n = 1 };
	struct event_list l = { 0 };
	void *items = NULL;
	enum inro_err e;

	if (f && f->subject)
		conds[q.n++] = (struct store_cond) { .field = "subject", .text = f->subject };
	if (f && f->actor)
		conds[q.n++] = (struct store_cond) { .field = "actor", .text = f->actor };
	if (f && f->action)
		conds[q.n++] = (struct store_cond) { .field = "action", .text = f->action };
	q.backward = f && f->newest_first;
	e = core_page(c, &event_type, &q, page, &items, &l.n, &l.next);
	if (e != INRO_OK)
		return e;
	l.items = items;
	*ret = l;
	return INRO_OK;
}

struct verify {
	struct audit_report report;
	uint8_t hash[PKI_DIGEST_MAX];
	struct buf work;
};

static enum inro_err found(struct verify *v, int64_t id, const char *what)
{
	v->report.broken = id;
	v->report.what = what;
	return err_set(INRO_E_DAMAGED, "audit event %lld: %s", (long long)id, what);
}

static enum inro_err verify_row(void *arg, void *record)
{
	struct verify *v = arg;
	const struct event *ev = record;
	struct bytes before = BYTES(v->hash, v->report.count ? AUDIT_HASH : 0);
	enum inro_err e;

	if (ev->id != v->report.count + 1)
		return found(v, v->report.count + 1, "is missing");
	e = event_hash(ev, before, &v->work, v->hash);
	if (e != INRO_OK)
		return e;
	if (!bytes_equal(blob_bytes(&ev->hash), BYTES(v->hash, AUDIT_HASH)))
		return found(v, ev->id, "is not as it was written");
	v->report.count++;
	return INRO_OK;
}

static enum inro_err verify_end(struct verify *v, const struct audit_head *head)
{
	int64_t n = v->report.count;

	if (head->count > n)
		return found(v, n + 1, "is missing: the chain was cut off");
	if (head->count < n)
		return found(v, head->count + 1, "is newer than the chain's head record");
	if (!bytes_equal(blob_bytes(&head->hash), BYTES(v->hash, n ? AUDIT_HASH : 0)))
		return found(v, n, "is not the one that the chain's head record names");
	return INRO_OK;
}

static enum inro_err verify_all(struct core *c, struct verify *v)
{
	const struct store_query all = { 0 };
	SCOPED(audit_head) head = { 0 };
	enum inro_err e = store_each(c->store, &event_type, &all, verify_row, v);

	if (e != INRO_OK)
		return e;
	e = store_get(c->store, 1, &head);
	if (e == INRO_E_NOT_FOUND)
		return found(v, v->report.count,
			     "is the last, but the chain's head record is gone");
	return e == INRO_OK ? verify_end(v, &head) : e;
}

enum inro_err audit_verify(struct core *c, struct audit_report *ret)
{
	struct verify v = { 0 };
	enum inro_err e = store_begin(c->store, STORE_READ);

	if (e != INRO_OK)
		return e;
	e = verify_all(c, &v);
	store_rollback(c->store);
	buf_clear(&v.work);
	if (e == INRO_E_DAMAGED && !v.report.broken) {
		v.report.broken = v.report.count + 1;
		v.report.what = "can't be read";
	}
	if (e == INRO_OK || e == INRO_E_DAMAGED)
		*ret = v.report;
	return e;
}
