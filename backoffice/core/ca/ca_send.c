/* ca_send - requests sent to CAs elsewhere, and their answers taken in; see reach.h. */
#include <stdio.h>
#include <stdlib.h>

#include "backoffice/core/ca/ca_end.h"
#include "backoffice/core/ca/ca_reach.h"
#include "backoffice/core/ca/cmp_talk.h"
#include "backoffice/core/authority.h"
#include "backoffice/core/duty.h"
#include "backoffice/core/issue_time.h"
#include "backoffice/core/lease.h"
#include "backoffice/pki/cert.h"
#include "backoffice/pki/pem.h"
#include "base/clock.h"

#define SECOND_MS INT64_C(1000)
#define DAY_MS	  (86400 * SECOND_MS)
/* A request, a word on what came, and polls for what that is answered by. */
#define LEASE_MS ((2 + CMP_TALK_POLLS) * WAY_SECONDS_MAX * SECOND_MS)
/* Tries after failures: from a minute, doubled, up to six hours. */
#define AGAIN_MS     (60 * SECOND_MS)
#define AGAIN_MAX_MS (360 * AGAIN_MS)
/* What a server may put off, and for how long in all. */
#define WAIT_MIN 5
#define WAIT_MAX 86400
#define PATIENCE_MS (30 * DAY_MS)

struct sending {
	struct ca ca;
	struct ca_way way;
	struct ca_reach reach;
	const struct ca_connector *by;
	bool now;
	size_t waiting;	 /* requests in all */
	bool by_request; /* what was wrong came as the answer to one of them */
	char lease[48], holder[LEASE_HOLDER_MAX + 1];
	bool held;
	ca_sent_fn *fn;
	void *arg;
	struct ca_sent done;
};

static void sending_clear(struct sending *s)
{
	ca_reach_clear(&s->reach);
	ca_way_clear(&s->way);
	ca_clear(&s->ca);
}

static int64_t put_off(int64_t tries)
{
	int64_t ms = AGAIN_MS;

	for (int64_t i = 1; i < tries && ms < AGAIN_MAX_MS; i++)
		ms *= 2;
	return ms < AGAIN_MAX_MS ? ms : AGAIN_MAX_MS;
}

/* ---- what came of it is kept ---- */

/* The CA may take its time: somebody may have brought the certificate by hand or rejected the request meanwhile, and
 * another one may have its number. */
static enum inro_err note_order(struct core *c, void *arg)
{
	struct ca_order *order = arg;
	SCOPED(ca_order) now = { 0 };
	enum inro_err e = store_get(c->store, order->id, &now);

	if (e == INRO_E_NOT_FOUND)
		return INRO_OK;
	if (e != INRO_OK || now.credential != order->credential || ca_order_ends(&now) != ca_order_ends(order))
		return e;
	return store_update(c->store, order);
}

static enum inro_err note_way(struct core *c, void *arg)
{
	const struct ca_way *way = arg;
	SCOPED(ca_way) now = { 0 };
	enum inro_err e = store_get(c->store, way->id, &now);

	now.tries = way->tries;
	now.due_ms = way->due_ms;
	if (e == INRO_OK)
		e = text_set(&now.why, way->why);
	return e == INRO_OK ? store_update(c->store, &now) : e;
}

static enum inro_err way_failed(struct core *c, struct ca_way *way, enum inro_err e)
{
	SCOPED(buf) why = { 0 };
	enum inro_err kept;

	buf_add_str(&why, err_detail(e));
	buf_add_u8(&why, 0);
	way->tries++;
	way->due_ms = clock_now_ms() + put_off(way->tries);
	kept = buf_err(&why);
	if (kept == INRO_OK)
		kept = text_set(&way->why, (const char *)why.p);
	if (kept == INRO_OK)
		kept = core_write(c, note_way, way);
	/* What was wrong there is told, and not what was wrong with noting it. */
	(void)kept;
	return err_set(e, "%s", buf_err(&why) == INRO_OK ? (const char *)why.p : "");
}

static enum inro_err way_is_good(struct core *c, struct ca_way *way)
{
	enum inro_err e = INRO_OK;

	if (!way->tries)
		return e;
	way->tries = way->due_ms = 0;
	e = text_set(&way->why, "");
	return e == INRO_OK ? core_write(c, note_way, way) : e;
}

/* ---- one request ---- */

struct turn_of {
	struct sending *s;
	struct ca_order *order;
	struct ca_sent_one one;
	struct buf words;
	enum inro_err taken;
};

static void keep_words(struct turn_of *t, const char *words)
{
	buf_reset(&t->words);
	buf_add_str(&t->words, words);
	buf_add_u8(&t->words, 0);
	t->one.words = buf_err(&t->words) == INRO_OK ? (const char *)t->words.p : "";
}

static void taken(void *arg, const struct ca_collected *one)
{
	struct turn_of *t = arg;

	t->taken = one->error;
	keep_words(t, one->error ? one->why : one->warnings);
}

static void failed(struct turn_of *t)
{
	t->one.what = SENT_FAILED;
	t->order->tries++;
	t->order->due_ms = clock_now_ms() + put_off(t->order->tries);
}

/* An answer that never comes is no answer. */
static void put_off_there(struct turn_of *t, int64_t wait)
{
	int64_t now = clock_now_ms(), s = wait < WAIT_MIN ? WAIT_MIN : wait;

	if (now - t->order->created_ms > PATIENCE_MS) {
		failed(t);
		keep_words(t, ca_order_ends(t->order) ?
				      "the CA has put it off for 30 days" :
				      "the CA has put it off for 30 days; 'inro cert reject' gives it up");
		return;
	}
	t->one.what = SENT_WAITS;
	t->order->tries = 0;
	t->order->due_ms = now + (s > WAIT_MAX ? WAIT_MAX : s) * SECOND_MS;
	keep_words(t, "waits for the CA's approval");
}

/* ---- the way's own certificate, renewed ---- */

struct renewed {
	struct ca_way *way;
	struct blob cert; /* PEM */
};

static void renewed_clear(struct renewed *r)
{
	blob_clear(&r->cert);
}

static enum inro_err renew_work(struct core *c, void *arg)
{
	const struct renewed *r = arg;
	SCOPED(ca_way) now = { 0 };
	const struct audit_entry entry = { "ca.way", "ca", r->way->url, EVENT_DONE, NULL };
	enum inro_err e = store_get(c->store, r->way->id, &now);

	/* Somebody put another one there meanwhile. */
	if (e == INRO_OK && !bytes_equal(blob_bytes(&now.cert), blob_bytes(&r->way->cert)))
		return e;
	if (e == INRO_OK)
		e = blob_set(&now.cert, blob_bytes(&r->cert));
	if (e == INRO_OK)
		e = store_update(c->store, &now);
	return e == INRO_OK ? audit_append(c, &entry) : e;
}

/* The new one in place of the first; those above it stay. */
static enum inro_err put_first(struct bytes der, struct bytes pem, struct blob *ret)
{
	SCOPED(buf) text = { 0 };
	SCOPED(buf) old = { 0 };
	enum inro_err e = pem_next(&pem, PEM_CERT, &old);

	pem_add(&text, PEM_CERT, der);
	buf_add(&text, pem);
	if (e == INRO_OK)
		e = buf_err(&text);
	return e == INRO_OK ? blob_set(ret, buf_bytes(&text)) : e;
}

static enum inro_err renew_way(struct core *c, struct turn_of *t, struct bytes der)
{
	struct ca_way *way = &t->s->way;
	SCOPED(renewed) r = { .way = way };
	bool ours = false;
	enum inro_err e = ca_reach_renews(way, blob_bytes(&t->order->csr), &ours);

	if (e != INRO_OK || !ours)
		return e;
	e = put_first(der, blob_bytes(&way->cert), &r.cert);
	if (e == INRO_OK)
		e = core_write(c, renew_work, &r);
	if (e == INRO_OK)
		e = blob_set(&way->cert, blob_bytes(&r.cert));
	t->s->reach.who.cert_pem = blob_bytes(&way->cert);
	return e;
}

static enum inro_err take(struct core *c, struct turn_of *t, struct bytes der)
{
	enum inro_err e = ca_take(c, &t->s->ca, t->order->credential, der, taken, t);

	if (e != INRO_OK)
		return e;
	if (t->taken == INRO_OK) {
		t->one.what = SENT_CAME;
		return renew_way(c, t, der);
	}
	/* The same question has the same answer; another one may cost there. */
	failed(t);
	t->order->due_ms = clock_now_ms() + DAY_MS;
	return t->s->by->request(c, &t->s->ca, t->order);
}

static enum inro_err note(struct core *c, struct turn_of *t)
{
	enum inro_err e = INRO_OK;

	t->one.due_ms = t->order->due_ms;
	if (t->one.what == SENT_CAME || t->one.what == SENT_TOLD)
		return e;
	e = text_set(&t->order->why, t->one.words);
	return e == INRO_OK ? core_write(c, note_order, t->order) : e;
}

/* ---- one revocation ---- */

static enum inro_err told_work(struct core *c, void *arg)
{
	const struct turn_of *t = arg;
	SCOPED(buf) detail = { 0 };
	char name[24];
	const struct audit_entry entry = { "certificate.told", "certificate", name, EVENT_DONE, &detail };
	enum inro_err e = ca_order_drop(c, t->order->credential);

	snprintf(name, sizeof name, "%lld", (long long)t->order->credential);
	detail_text(&detail, "ca", t->s->ca.name);
	return e == INRO_OK ? audit_append(c, &entry) : e;
}

static enum inro_err tell_end(struct core *c, struct turn_of *t, struct ca_answer *ret)
{
	SCOPED(credential) rec = { 0 };
	SCOPED(cert) cert = { 0 };
	enum inro_err e = core_by_id(c, &credential_type, t->order->credential, &rec);
	struct ca_end what = { .reason = (unsigned)rec.reason };

	if (e == INRO_OK)
		e = cert_read(blob_bytes(&rec.cert), &cert);
	what.issuer = cert.issuer;
	what.serial = cert.serial;
	return e == INRO_OK ? t->s->by->end(&t->s->reach, t->order, &what, ret) : e;
}

static enum inro_err ask_there(struct core *c, struct turn_of *t, struct ca_answer *ret)
{
	return ca_order_ends(t->order) ? tell_end(c, t, ret) : t->s->by->ask(&t->s->reach, t->order, ret);
}

static enum inro_err take_there(struct core *c, struct turn_of *t, const struct ca_answer *a)
{
	if (!ca_order_ends(t->order))
		return take(c, t, buf_bytes(&a->cert));
	t->one.what = SENT_TOLD;
	return core_write(c, told_work, t);
}

static void count(struct sending *s, const struct ca_sent_one *one)
{
	s->done.told += one->what == SENT_TOLD;
	s->done.came += one->what == SENT_CAME;
	s->done.waits += one->what == SENT_WAITS;
	s->done.failed += one->what == SENT_FAILED;
	if (s->fn)
		s->fn(s->arg, one);
}

/* The server is away, or lets us in no more: the others need not be tried. */
static bool is_about_the_way(enum inro_err e)
{
	return e == INRO_E_BUSY || e == INRO_E_CONFIG || e == INRO_E_ACCESS || e == INRO_E_SIGNATURE ||
	       e == INRO_E_TOKEN || e == INRO_E_NO_MEMORY || e == INRO_E_PIN_MISSING;
}

/* It may be this request that the server does not like: the others come before it the next time. */
static enum inro_err way_or_order(struct core *c, struct turn_of *t, enum inro_err e)
{
	enum inro_err kept;

	keep_words(t, err_detail(e));
	failed(t);
	kept = note(c, t);
	(void)kept; /* what was wrong there is told */
	e = err_set(e, "%s", t->one.words);
	buf_clear(&t->words);
	return e;
}

/* The server is there, or it would have been said before any request; who has no such word is asked by the
 * request itself. */
static bool is_by_request(const struct sending *s, enum inro_err e)
{
	return e == INRO_E_ACCESS || e == INRO_E_SIGNATURE ||
	       (!s->by->plain && (e == INRO_E_BUSY || e == INRO_E_CONFIG));
}

static enum inro_err send_one(struct core *c, struct sending *s, struct ca_order *order)
{
	struct turn_of t = { .s = s, .order = order, .one = { .credential = order->credential } };
	struct ca_answer a = { 0 };
	enum inro_err e = ask_there(c, &t, &a);

	if (is_about_the_way(e)) {
		s->by_request = is_by_request(s, e);
		ca_answer_clear(&a);
		return way_or_order(c, &t, e);
	}
	if (e != INRO_OK) {
		keep_words(&t, err_detail(e));
		failed(&t);
		e = INRO_OK;
	} else if (a.waits) {
		put_off_there(&t, a.wait);
	} else {
		e = take_there(c, &t, &a);
	}
	if (e == INRO_OK)
		e = note(c, &t);
	if (e == INRO_OK)
		count(s, &t.one);
	ca_answer_clear(&a);
	buf_clear(&t.words);
	return e;
}

/* ---- all that wait ---- */

static enum inro_err goes_on(struct core *c, struct sending *s)
{
	bool mine = true;
	enum inro_err e = lease_take(c, s->lease, s->holder, LEASE_MS, &mine);

	if (e == INRO_OK && !mine)
		e = err_set(INRO_E_BUSY, "another process sends to CA '%s' by now", s->ca.name);
	return e == INRO_OK ? duty_goes_on(c) : e;
}

static enum inro_err drop_work(struct core *c, void *arg)
{
	return ca_order_drop(c, ((const struct ca_order *)arg)->credential);
}

/* It may have been rejected while others were sent; the end of what has expired is of no use. */
static enum inro_err still_waits(struct core *c, struct ca_order *order, bool *ret)
{
	SCOPED(credential) rec = { 0 };
	enum inro_err e = core_by_id(c, &credential_type, order->credential, &rec);

	*ret = e == INRO_OK &&
	       (ca_order_ends(order) ? ca_end_is_wanted(&rec) : rec.state == CRED_PENDING);
	if (e == INRO_OK && !*ret)
		e = core_write(c, drop_work, order);
	return e == INRO_E_NOT_FOUND ? INRO_OK : e;
}

static enum inro_err send_numbered(struct core *c, struct sending *s, int64_t id)
{
	SCOPED(ca_order) order = { 0 };
	bool waits = false;
	enum inro_err e = core_by_id(c, &ca_order_type, id, &order);

	if (e == INRO_E_NOT_FOUND)
		return INRO_OK;
	if (e == INRO_OK)
		e = still_waits(c, &order, &waits);
	return e == INRO_OK && waits ? send_one(c, s, &order) : e;
}

#define ORDER_CONDS 4

/* Nothing is put off for longer: what is, was put off when the clock was ahead. */
#define PUT_OFF_MAX_MS (DAY_MS + ISSUE_TIME_SLACK * SECOND_MS)

static struct store_cond whose_time_has_come(bool ahead)
{
	int64_t now = clock_now_ms();

	if (ahead)
		return (struct store_cond) { .field = "due_ms", .op = STORE_GT, .number = now + PUT_OFF_MAX_MS };
	return (struct store_cond) { .field = "due_ms", .op = STORE_LE, .number = now };
}

/* Of all of a CA those whose time has come.  What a CA that is out of use has signed may be revoked for
 * years; certificates it makes no more. */
static size_t due_conds(const struct core *c, const struct ca *ca, bool ahead,
			struct store_cond conds[static ORDER_CONDS])
{
	size_t n = 0;

	conds[n++] = (struct store_cond) { .field = "tenant", .number = c->tenant };
	conds[n++] = (struct store_cond) { .field = "ca", .number = ca->id };
	conds[n++] = whose_time_has_come(ahead);
	if (ca->state != CA_ACTIVE)
		conds[n++] = (struct store_cond) { .field = "csr", .op = STORE_NONE };
	return n;
}

/* What is sent, by the orders' numbers: there may be many, and each is read when it is its turn. */
struct queue {
	int64_t *ids;
	size_t n, cap;
};

static void queue_clear(struct queue *q)
{
	free(q->ids);
}

static enum inro_err queue_add(void *arg, void *record)
{
	struct queue *q = arg;
	size_t cap = q->cap ? 2 * q->cap : 64;
	int64_t *more = q->n < q->cap ? q->ids : realloc(q->ids, cap * sizeof *more);

	if (!more)
		return err_set(INRO_E_NO_MEMORY, "no memory for %zu requests", cap);
	q->cap = q->n < q->cap ? q->cap : cap;
	q->ids = more;
	more[q->n++] = ((const struct ca_order *)record)->id;
	return INRO_OK;
}

#define ALL_CONDS 2 /* of ORDER_CONDS: whatever is due */

/* Those that have waited longest come first. */
static enum inro_err read_queue(struct core *c, struct sending *s, struct queue *ret)
{
	struct store_cond conds[ORDER_CONDS];
	struct store_query q = { .conds = conds, .n = ALL_CONDS, .order = "due_ms" };
	int64_t n = 0;
	enum inro_err e;

	(void)due_conds(c, &s->ca, false, conds);
	e = store_count(c->store, &ca_order_type, &q, &n);
	for (int ahead = 0; e == INRO_OK && ahead <= !s->now; ahead++) {
		if (!s->now)
			q.n = due_conds(c, &s->ca, ahead, conds);
		e = store_each(c->store, &ca_order_type, &q, queue_add, ret);
	}
	s->waiting = (size_t)n;
	s->done.later = s->waiting > ret->n ? s->waiting - ret->n : 0;
	return e;
}

static enum inro_err send_all(struct core *c, struct sending *s)
{
	SCOPED(queue) q = { 0 };
	enum inro_err e = read_queue(c, s, &q);

	for (size_t i = 0; e == INRO_OK && i < q.n && !duty_stops(c); i++) {
		e = goes_on(c, s);
		if (e == INRO_OK)
			e = send_numbered(c, s, q.ids[i]);
	}
	return e;
}

/* Is it still the CA that was put on record, before anything is told to it. */
static enum inro_err meet(struct core *c, struct sending *s)
{
	struct est_certs named = { 0 };
	enum inro_err e;

	ca_reach_open(c, s->by, &s->way, &s->reach);
	s->reach.ca = blob_bytes(&s->ca.cert);
	if (s->by->plain) /* each answer says whose it is */
		return ca_reach_who(&s->reach);
	e = s->by->cas(&s->reach, &named);
	if (e == INRO_OK)
		e = ca_reach_has(&named, blob_bytes(&s->ca.cert));
	if (e == INRO_OK)
		e = ca_reach_who(&s->reach);
	est_certs_clear(&named);
	return e;
}

static enum inro_err run(struct core *c, struct sending *s)
{
	enum inro_err e = meet(c, s);

	if (e == INRO_OK)
		e = send_all(c, s);
	if (e == INRO_OK)
		return way_is_good(c, &s->way);
	/* One that is not liked is put off by itself.  What comes after it is not to wait for hours. */
	if (s->by_request && s->waiting == 1)
		return e;
	if (s->by_request || s->done.came || s->done.told || s->done.waits)
		s->way.tries = 0;
	return way_failed(c, &s->way, e);
}

static enum inro_err run_alone(struct core *c, struct sending *s)
{
	enum inro_err left, e = lease_holder(s->holder);

	snprintf(s->lease, sizeof s->lease, "ca-send/%lld", (long long)s->ca.id);
	if (e == INRO_OK)
		e = lease_bury(c, s->lease);
	if (e == INRO_OK)
		e = lease_take(c, s->lease, s->holder, LEASE_MS, &s->held);
	if (e == INRO_OK && !s->held)
		e = err_set(INRO_E_BUSY, "another process sends to CA '%s' now", s->ca.name);
	if (e != INRO_OK)
		return e;
	e = run(c, s);
	left = lease_leave(c, s->lease, s->holder, 0);
	return e != INRO_OK ? e : left;
}

enum inro_err ca_way_of(struct core *c, int64_t ca, struct ca_way *ret)
{
	const struct store_cond conds[] = {
		{ .field = "tenant", .number = c->tenant },
		{ .field = "ca", .number = ca },
	};
	const struct store_query q = { STORE_WHERE(conds) };

	return store_find(c->store, &q, ret);
}

static enum inro_err open_sending(struct core *c, const char *name, struct sending *s)
{
	enum inro_err e = core_require(c, ROLE_OPERATOR, "send requests to a CA elsewhere");

	if (e == INRO_OK)
		e = ca_load(c, name, &s->ca);
	s->by = e == INRO_OK ? ca_connector_of(&s->ca) : NULL;
	if (e == INRO_OK && (!s->by || !s->by->ask))
		e = err_set(INRO_E_STATE, "CA '%s' is not asked over the network%s", name,
			    s->by ? ": 'inro ca requests' gives out what waits" : "");
	return e == INRO_OK ? ca_way_of(c, s->ca.id, &s->way) : e;
}

enum inro_err ca_send(struct core *c, const char *name, bool now, ca_sent_fn *fn, void *arg,
		      struct ca_sent *ret)
{
	SCOPED(sending) s = { .now = now, .fn = fn, .arg = arg };
	enum inro_err e = open_sending(c, name, &s);

	if (e != INRO_OK)
		return audit_refused(c, "ca.send", "ca", name, e);
	e = run_alone(c, &s);
	*ret = s.done;
	return e;
}

/* ---- by itself ---- */

/* Who has nothing to send is not asked for its certificates each time. */
static enum inro_err is_due(struct core *c, const struct ca_way *way, struct ca *ca, bool *ret)
{
	struct store_cond conds[ORDER_CONDS];
	struct store_query q = { .conds = conds, .limit = 1 };
	enum inro_err e;

	*ret = false;
	if (clock_holds(clock_now_ms(), way->due_ms, PUT_OFF_MAX_MS))
		return INRO_OK;
	e = store_get(c->store, way->ca, ca);
	for (int ahead = 0; e == INRO_OK && ahead <= 1 && !*ret; ahead++) {
		SCOPED(ca_order) first = { 0 };

		q.n = due_conds(c, ca, ahead, conds);
		e = store_find(c->store, &q, &first);
		*ret = e == INRO_OK;
		e = e == INRO_E_NOT_FOUND ? INRO_OK : e;
	}
	return e;
}

static enum inro_err send_due(struct core *c, const void *way)
{
	SCOPED(ca) ca = { 0 };
	struct ca_sent done;
	bool due = false;
	enum inro_err e = is_due(c, way, &ca, &due);

	if (e != INRO_OK || !due)
		return e;
	e = ca_send(c, ca.name, false, NULL, NULL, &done);
	return e == INRO_OK ? e : err_context(e, "CA '%s'", ca.name);
}

enum inro_err ca_send_due(struct core *c)
{
	const struct store_cond mine = { .field = "tenant", .number = c->tenant };
	const struct store_query q = { .conds = &mine, .n = 1 };

	return duty_each(c, &ca_way_type, &q, send_due);
}
