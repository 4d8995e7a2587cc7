/* responder - a question becomes an answer, kept or signed; see ocsp.h. */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backoffice/ocsp/book.h"
#include "backoffice/ocsp/cache.h"
#include "backoffice/ocsp/ocsp.h"
#include "base/clock.h"
#include "base/log.h"

#define MINUTE_SECONDS 60
#define BOOK_MS	       2000	 /* between two looks for other CAs and other signers */
#define PAUSE_MS       2000	 /* after a token failed */
#define PAUSE_PIN_MS   (600 * 1000) /* after it refused the PIN: a few more would lock it */

struct responder {
	pthread_mutex_t lock; /* of which book is open */
	struct book *book;
	struct cache *cache;
	char *tenant;
	/* The watching thread's. */
	int64_t followed, book_at;
	atomic_bool away; /* the database does not answer */
	atomic_uint_fast64_t kept, made, refused;
};

void responder_reply_clear(struct responder_reply *r)
{
	buf_clear(&r->body);
	*r = (struct responder_reply) { 0 };
}

/* ---- the book that is open ---- */

static struct book *open_book(struct responder *r)
{
	struct book *b;

	pthread_mutex_lock(&r->lock);
	b = book_hold(r->book);
	pthread_mutex_unlock(&r->lock);
	return b;
}

static enum inro_err turn_page(struct responder *r, struct core *c)
{
	struct book *next = NULL, *was;
	enum inro_err e = book_read(c, r->book, &next);

	if (e != INRO_OK)
		return e;
	pthread_mutex_lock(&r->lock);
	was = r->book;
	r->book = next;
	pthread_mutex_unlock(&r->lock);
	book_release(was);
	r->book_at = clock_monotonic_ms();
	return INRO_OK;
}

enum inro_err responder_new(const struct responder_options *o, struct core *c,
			    struct responder **ret)
{
	AUTO(responder_free_ptr) struct responder *r = calloc(1, sizeof *r);
	enum inro_err e;

	if (!r)
		return err_set(INRO_E_NO_MEMORY, "no memory for a responder");
	pthread_mutex_init(&r->lock, NULL);
	e = cache_new(o->cache_octets ? o->cache_octets : RESPONDER_CACHE, &r->cache);
	if (e == INRO_OK)
		e = text_set(&r->tenant, o->tenant ? o->tenant : "default");
	if (e == INRO_OK)
		e = status_newest(c, &r->followed);
	if (e == INRO_OK)
		e = turn_page(r, c);
	if (e != INRO_OK)
		return e;
	*ret = r;
	r = NULL;
	return INRO_OK;
}

void responder_free(struct responder *r)
{
	if (!r)
		return;
	book_release(r->book);
	cache_free(r->cache);
	free(r->tenant);
	pthread_mutex_destroy(&r->lock);
	free(r);
}

void responder_free_ptr(struct responder **r)
{
	responder_free(*r);
}

static void drop(void *arg, const struct status_change *change)
{
	struct responder *r = arg;

	cache_drop(r->cache, change->ca, change->generation, blob_bytes(&change->serial));
}

enum inro_err responder_watch(struct responder *r, struct core *c)
{
	bool all = false;
	enum inro_err e = status_follow(c, &r->followed, drop, r, &all);

	if (e == INRO_OK && all)
		cache_drop(r->cache, 0, 0, BYTES_NONE);
	if (e == INRO_OK && clock_monotonic_ms() - r->book_at >= BOOK_MS)
		e = turn_page(r, c);
	r->away = e != INRO_OK;
	return e;
}

/* ---- one question ---- */

struct question {
	struct responder *r;
	struct core *c; /* NULL: no database, no token */
	struct ocsp_request request;
	struct issuer *issuer;
	int64_t now;
	struct responder_reply *reply;
};

static enum inro_err refuse(struct question *q, enum ocsp_refusal why)
{
	q->r->refused++;
	q->reply->keeps = false;
	buf_reset(&q->reply->body);
	ocsp_add_refusal(&q->reply->body, why);
	return buf_err(&q->reply->body);
}

/* "CA" or "~TENANT/CA". */
static bool split_path(const struct responder *r, const char *path, struct bytes *tenant,
		       struct bytes *ca)
{
	const char *slash = strchr(path, '/');

	*tenant = bytes_of(r->tenant);
	*ca = bytes_of(path);
	if (*path != '~')
		return !slash;
	if (!slash)
		return false;
	*tenant = BYTES(path + 1, (size_t)(slash - path - 1));
	*ca = bytes_of(slash + 1);
	return true;
}

/* One key of one CA answers, or none. */
static bool find_issuer(struct question *q, const struct book *b, const char *path)
{
	struct bytes tenant, ca;

	if (!split_path(q->r, path, &tenant, &ca))
		return false;
	q->issuer = book_find(b, tenant, ca, &q->request.asked[0]);
	for (size_t i = 1; q->issuer && i < q->request.n; i++)
		if (!ocsp_is_of(&q->request.asked[i], &q->issuer->names))
			return false;
	return q->issuer;
}

static bool may_be_kept(const struct question *q)
{
	return q->request.n == 1 && !q->request.nonce.n;
}

static struct cache_key key_of(const struct question *q)
{
	return (struct cache_key) { q->issuer->ca, q->issuer->generation, &q->request.asked[0] };
}

static void fill_reply(struct responder_reply *reply, const struct cache_answer *a)
{
	reply->keeps = true;
	reply->this_update = a->this_update;
	reply->next_update = a->next_update;
	reply->fresh_until = a->fresh_until;
	memcpy(reply->etag, a->etag, sizeof reply->etag);
}

/* One that is there; `stale`: also in the last quarter of its time. */
static bool take_kept(struct question *q, bool stale)
{
	struct cache_wish w;
	struct cache_answer a;

	if (!may_be_kept(q))
		return false;
	w = (struct cache_wish) { key_of(q), q->issuer->mark, q->now, buf_bytes(&q->issuer->certs) };
	if (!cache_get(q->r->cache, &w, &a, &q->reply->body))
		return false;
	if (!stale && a.fresh_until <= q->now) {
		buf_reset(&q->reply->body);
		return false;
	}
	fill_reply(q->reply, &a);
	q->r->kept++;
	return true;
}

/* ---- signing ---- */

static const enum ocsp_status statuses[] = {
	[STATUS_UNKNOWN] = OCSP_UNKNOWN,
	[STATUS_GOOD] = OCSP_GOOD,
	[STATUS_REVOKED] = OCSP_REVOKED,
};

/* What has ended is known for as long as the CA is there (RFC 6960 4.4.4). */
static struct ocsp_single single_of(const struct question *q, size_t i, const struct cred_status *s)
{
	return (struct ocsp_single) {
		.cert_id = q->request.asked[i].whole,
		.status = statuses[s->kind],
		.revoked_at = s->revoked_at,
		.reason = (enum crl_reason)s->reason,
		.invalid_since = s->invalid_at,
		.cutoff = s->not_after && s->not_after < q->now ? q->issuer->not_before : 0,
	};
}

static enum inro_err ask_database(struct question *q, struct ocsp_single *singles, bool *ret_known)
{
	enum inro_err e = INRO_OK;

	*ret_known = true;
	for (size_t i = 0; e == INRO_OK && i < q->request.n; i++) {
		struct cred_status s = { .kind = STATUS_UNKNOWN };
		struct bytes serial = q->request.asked[i].serial;

		if (serial.n && serial.n <= CERT_SERIAL_MAX)
			e = status_of(q->c, q->issuer->ca, q->issuer->generation, serial, &s);
		*ret_known = *ret_known && s.kind != STATUS_UNKNOWN;
		singles[i] = single_of(q, i, &s);
	}
	return e;
}

static bool is_pin(enum inro_err e)
{
	return e == INRO_E_PIN_WRONG || e == INRO_E_PIN_LOCKED || e == INRO_E_PIN_MISSING;
}

static enum inro_err sign(struct question *q, const struct ocsp_answer *a, struct buf *ret)
{
	struct issuer *i = q->issuer;
	SCOPED(buf) tbs = { 0 };
	SCOPED(buf) signature = { 0 };
	const struct status_signer who = { i->key_uri, blob_bytes(&i->spki), i->itself, i->ca,
					   i->generation };
	enum inro_err e = ocsp_tbs(a, &tbs);

	if (e == INRO_OK)
		e = status_sign(q->c, &who, i->sig, buf_bytes(&tbs), &signature);
	if (e != INRO_OK) {
		log_debug("who answers for CA '%s': %s", i->name, err_detail(e));
		i->paused_until = clock_monotonic_ms() + (is_pin(e) ? PAUSE_PIN_MS : PAUSE_MS);
		return e;
	}
	return ocsp_signed(buf_bytes(&tbs), i->sig, buf_bytes(&signature), ret);
}

static enum inro_err name_answer(struct bytes is_signed, char ret[static CACHE_ETAG])
{
	uint8_t digest[PKI_DIGEST_MAX];
	SCOPED(buf) hex = { 0 };
	enum inro_err e = pki_digest(PKI_SHA256, is_signed, digest);

	buf_add_hex(&hex, BYTES(digest, 16));
	if (e == INRO_OK)
		e = buf_err(&hex);
	if (e == INRO_OK)
		snprintf(ret, CACHE_ETAG, "\"%.*s\"", (int)hex.n, (const char *)hex.p);
	return e;
}

static enum inro_err keep(struct question *q, const struct ocsp_answer *a, struct bytes is_signed,
			  uint64_t drops)
{
	int64_t life = a->next_update - a->this_update;
	struct cache_answer kept = { .is_signed = is_signed,
				     .mark = q->issuer->mark,
				     .this_update = a->this_update,
				     .next_update = a->next_update,
				     .fresh_until = a->next_update - life / 4 };
	const struct cache_key k = key_of(q);
	enum inro_err e = name_answer(is_signed, kept.etag);

	if (e != INRO_OK)
		return e;
	cache_put(q->r->cache, &k, &kept, drops);
	fill_reply(q->reply, &kept);
	return INRO_OK;
}

static enum inro_err make(struct question *q)
{
	struct ocsp_single singles[OCSP_ASKED_MAX];
	int64_t end = q->now + q->issuer->minutes * MINUTE_SECONDS;
	const struct ocsp_answer a = {
		.responder = buf_bytes(&q->issuer->responder),
		.this_update = q->now,
		.next_update = end < q->issuer->signer_until ? end : q->issuer->signer_until,
		.singles = singles,
		.n = q->request.n,
		.nonce = q->request.nonce,
	};
	SCOPED(buf) is_signed = { 0 };
	uint64_t drops = cache_drops(q->r->cache);
	bool known = false;
	enum inro_err e = ask_database(q, singles, &known);

	if (e == INRO_OK)
		e = sign(q, &a, &is_signed);
	if (e == INRO_OK && known && may_be_kept(q))
		e = keep(q, &a, buf_bytes(&is_signed), drops);
	if (e == INRO_OK)
		e = ocsp_whole(buf_bytes(&is_signed), buf_bytes(&q->issuer->certs),
			       &q->reply->body);
	q->r->made += e == INRO_OK;
	return e;
}

/* Can an answer be made at all? */
static bool is_ready(const struct question *q)
{
	const struct issuer *i = q->issuer;

	return i->key_uri && i->signer_until > q->now && !q->r->away &&
	       i->paused_until <= clock_monotonic_ms();
}

static enum inro_err answer_for(struct question *q)
{
	if (take_kept(q, false))
		return INRO_OK;
	if (is_ready(q)) {
		if (!q->c)
			return INRO_E_BUSY;
		q->reply->fault = make(q);
		if (q->reply->fault == INRO_OK)
			return INRO_OK;
		buf_reset(&q->reply->body);
	}
	return take_kept(q, true) ? INRO_OK : refuse(q, OCSP_TRY_LATER);
}

enum inro_err responder_answer(struct responder *r, struct core *c, const char *path,
			       struct bytes request, struct responder_reply *ret)
{
	AUTO(book_release_ptr) struct book *b = open_book(r);
	struct question q = { .r = r, .c = c, .now = clock_now(), .reply = ret };

	ret->keeps = false;
	if (ocsp_request_read(request, &q.request) != INRO_OK)
		return refuse(&q, OCSP_MALFORMED);
	if (!find_issuer(&q, b, path))
		return refuse(&q, OCSP_UNAUTHORIZED);
	return answer_for(&q);
}

/* ---- what it did ---- */

void responder_stats(struct responder *r, struct responder_stats *ret)
{
	*ret = (struct responder_stats) { .kept = r->kept, .made = r->made, .refused = r->refused };
	cache_size(r->cache, &ret->entries, &ret->octets);
}

void responder_metrics(struct responder *r, struct buf *out)
{
	struct responder_stats s;

	responder_stats(r, &s);
	buf_add_str(out, "# HELP inro_ocsp_answers_total OCSP answers: kept ones, signed ones, and "
			 "those that say why there is none.\n"
			 "# TYPE inro_ocsp_answers_total counter\n");
	buf_addf(out, "inro_ocsp_answers_total{how=\"kept\"} %llu\n", (unsigned long long)s.kept);
	buf_addf(out, "inro_ocsp_answers_total{how=\"signed\"} %llu\n", (unsigned long long)s.made);
	buf_addf(out, "inro_ocsp_answers_total{how=\"refused\"} %llu\n",
		 (unsigned long long)s.refused);
	buf_addf(out,
		 "# HELP inro_ocsp_cache_entries OCSP answers that are kept.\n"
		 "# TYPE inro_ocsp_cache_entries gauge\ninro_ocsp_cache_entries %llu\n"
		 "# HELP inro_ocsp_cache_bytes Memory of them.\n"
		 "# TYPE inro_ocsp_cache_bytes gauge\ninro_ocsp_cache_bytes %llu\n",
		 (unsigned long long)s.entries, (unsigned long long)s.octets);
}
