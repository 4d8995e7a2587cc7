/*
 * audit_chain - the walk along the chain, and all that is held against it.
 *
 * 1. The bytes that are hashed for an event, each text with its u32 length before it, numbers as
 *    u64 big endian: "inro-audit-1", hash of the event before (empty for the first), id, tenant,
 *    at_ms, actor, action, subject, outcome by name, detail.
 */
#include "backoffice/core/audit/audit_chain.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define AUDIT_DOMAIN   "inro-audit-1"
#define PROGRESS_EVERY 8192

enum inro_err chain_event_hash(const struct event *ev, struct bytes before, struct buf *work,
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

struct bytes chain_hash(const struct chain_place *p)
{
	return BYTES(p->hash, p->count ? AUDIT_HASH : 0);
}

bool chain_place_set(struct chain_place *p, int64_t count, const struct blob *hash)
{
	*p = (struct chain_place) { .count = count };
	if (count < 0 || hash->n != (count ? AUDIT_HASH : 0))
		return false;
	if (count)
		memcpy(p->hash, hash->p, AUDIT_HASH);
	return true;
}

enum inro_err chain_found(struct audit_report *r, int64_t id, const char *what)
{
	r->broken = id;
	r->what = what;
	return err_set(INRO_E_DAMAGED, "audit event %lld %s", (long long)id, what);
}

enum inro_err chain_step(struct chain_place *p, const struct event *ev, struct buf *work,
			 struct audit_report *r)
{
	uint8_t hash[PKI_DIGEST_MAX];
	enum inro_err e;

	if (ev->id != p->count + 1)
		return chain_found(r, p->count + 1, "is missing");
	e = chain_event_hash(ev, chain_hash(p), work, hash);
	if (e != INRO_OK)
		return e;
	if (!bytes_equal(blob_bytes(&ev->hash), BYTES(hash, AUDIT_HASH)))
		return chain_found(r, ev->id, "is not as it was written");
	memcpy(p->hash, hash, AUDIT_HASH);
	p->count++;
	r->count++;
	return INRO_OK;
}

struct walking {
	struct chain_walk *walk;
	struct buf work;
};

static enum inro_err walk_row(void *arg, void *record)
{
	struct walking *w = arg;
	const struct event *ev = record;
	enum inro_err e = chain_step(&w->walk->at, ev, &w->work, w->walk->report);

	if (e == INRO_OK && w->walk->each)
		e = w->walk->each(w->walk->arg, ev, &w->walk->at);
	return e;
}

enum inro_err chain_walk(struct core *c, struct chain_walk *walk)
{
	const struct store_query all = { .after = walk->at.count };
	struct walking w = { .walk = walk };
	enum inro_err e = store_each(c->store, &event_type, &all, walk_row, &w);

	buf_clear(&w.work);
	if (e == INRO_E_DAMAGED && !walk->report->broken)
		return chain_found(walk->report, walk->at.count + 1, "can't be read");
	return e;
}

enum inro_err chain_check_head(struct core *c, const struct chain_place *at, struct audit_report *r)
{
	SCOPED(audit_head) head = { 0 };
	enum inro_err e = store_get(c->store, 1, &head);

	if (e == INRO_E_NOT_FOUND)
		return chain_found(r, at->count,
				   "is the last, but the chain's head record is gone");
	if (e != INRO_OK)
		return e;
	if (head.count > at->count)
		return chain_found(r, at->count + 1, "is missing: the chain was cut off");
	if (head.count < at->count)
		return chain_found(r, head.count + 1, "is newer than the chain's head record");
	if (!bytes_equal(blob_bytes(&head.hash), chain_hash(at)))
		return chain_found(r, at->count,
				   "is not the one that the chain's head record names");
	return INRO_OK;
}

enum inro_err chain_start(struct core *c, struct chain_place *ret, struct audit_segment *ret_last)
{
	const struct store_query newest = { .limit = 1, .backward = true };
	enum inro_err e = store_find(c->store, &newest, ret_last);

	*ret = (struct chain_place) { 0 };
	if (e == INRO_E_NOT_FOUND)
		return INRO_OK;
	if (e == INRO_OK && !chain_place_set(ret, ret_last->last, &ret_last->hash))
		e = err_set(INRO_E_DAMAGED, "the record of the archived events has no hash");
	return e;
}

/* What is compared with the events on the way. */
struct verifying {
	const struct audit_check *k;
	struct audit_report *report;
	struct mark_list marks;
	size_t mark;		     /* the next one to be met */
	struct audit_segment newest; /* id 0: nothing was archived */
	struct buf told;	     /* what the event about it must say */
	bool seen;		     /* that event */
	int64_t total;
};

static void verifying_clear(struct verifying *v)
{
	mark_list_clear(&v->marks);
	audit_segment_clear(&v->newest);
	buf_clear(&v->told);
}

static bool is_done(const struct event *ev, const char *action)
{
	return ev->outcome == EVENT_DONE && strcmp(text_or_empty(ev->action), action) == 0;
}

static int64_t number_behind(const char *subject, const char *kind)
{
	size_t n = strlen(kind);

	return strncmp(subject, kind, n) == 0 ? strtoll(subject + n, NULL, 10) : 0;
}

static enum inro_err meet_marks(struct verifying *v, const struct chain_place *at)
{
	while (v->mark < v->marks.n && v->marks.items[v->mark].event <= at->count) {
		const struct mark_at *m = &v->marks.items[v->mark++];

		if (m->event == at->count && memcmp(m->hash, at->hash, AUDIT_HASH) != 0)
			return chain_found(v->report, at->count,
					   "is not the one that was signed: the chain was rebuilt");
	}
	return INRO_OK;
}

static enum inro_err meet_event(void *arg, const struct event *ev, const struct chain_place *at)
{
	struct verifying *v = arg;
	const char *subject = text_or_empty(ev->subject);

	if (is_done(ev, "audit.sign") && number_behind(subject, "mark:") > (int64_t)v->marks.n)
		return chain_found(v->report, ev->id, "tells of a signed head that is gone");
	if (is_done(ev, "audit.purge") && number_behind(subject, "segment:") == v->newest.id &&
	    v->newest.id)
		v->seen = strcmp(text_or_empty(ev->detail), (const char *)v->told.p) == 0;
	if (v->k && v->k->progress && ev->id % PROGRESS_EVERY == 0)
		v->k->progress(v->k->arg, v->report->count, v->total);
	return meet_marks(v, at);
}

static enum inro_err check_end(struct core *c, struct verifying *v, const struct chain_place *at)
{
	enum inro_err e = chain_check_head(c, at, v->report);

	if (e == INRO_OK && v->mark < v->marks.n)
		e = chain_found(v->report, at->count + 1,
				"was signed and is missing: the chain was cut off");
	if (e == INRO_OK && v->newest.id && !v->seen)
		e = chain_found(v->report, v->newest.last + 1,
				"is the first, and no event tells where those before went");
	return e;
}

static enum inro_err prepare(struct core *c, struct verifying *v, struct chain_place *at)
{
	SCOPED(audit_head) head = { 0 };
	enum inro_err e = chain_start(c, at, &v->newest);

	if (e != INRO_OK)
		return e == INRO_E_DAMAGED ? chain_found(v->report, 1, "begins at no known place")
					   : e;
	v->report->archived = at->count;
	segment_detail(&v->newest, &v->told);
	detail_end(&v->told);
	e = buf_err(&v->told);
	if (e == INRO_OK && store_get(c->store, 1, &head) == INRO_OK)
		v->total = head.count;
	return e == INRO_OK ? mark_check_all(c, &v->marks, v->report) : e;
}

/* The rest takes long: what is no receipt is told before. */
static enum inro_err look_at_receipt(const struct audit_check *k)
{
	enum inro_err e = mark_read_receipt(k->receipt);

	return e == INRO_OK ? e : err_context(e, "%s", k->receipt_name ? k->receipt_name : "the receipt");
}

static enum inro_err verify_all(struct core *c, struct verifying *v)
{
	struct chain_walk walk = { .report = v->report, .each = meet_event, .arg = v };
	bool receipt = v->k && v->k->receipt.n;
	enum inro_err e = receipt ? look_at_receipt(v->k) : INRO_OK;

	if (e == INRO_OK)
		e = prepare(c, v, &walk.at);
	if (e == INRO_OK && v->k && v->k->archives_n)
		e = archive_check(c, v->k, &v->marks, v->report);
	if (e == INRO_OK)
		e = meet_marks(v, &walk.at);
	if (e == INRO_OK)
		e = chain_walk(c, &walk);
	if (e == INRO_OK)
		e = check_end(c, v, &walk.at);
	if (e == INRO_OK && receipt)
		e = mark_check_receipt(c, v->k->receipt, v->report);
	v->report->marks = (int64_t)v->marks.n;
	v->report->marked = v->marks.n ? v->marks.items[v->marks.n - 1].event : 0;
	return e;
}

enum inro_err audit_verify_with(struct core *c, const struct audit_check *k,
				struct audit_report *ret)
{
	struct audit_report report = { 0 };
	SCOPED(verifying) v = { .k = k, .report = &report };
	enum inro_err e = store_begin(c->store, STORE_READ);

	if (e != INRO_OK)
		return e;
	e = verify_all(c, &v);
	store_rollback(c->store);
	if (e == INRO_OK || (e == INRO_E_DAMAGED && report.broken))
		*ret = report;
	return e;
}

enum inro_err audit_verify(struct core *c, struct audit_report *ret)
{
	return audit_verify_with(c, NULL, ret);
}
