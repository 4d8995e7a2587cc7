/*
 * crl - a CA's revocation lists: what is on them, their numbers and their dates.
 *
 * 1. The number is committed before the entries are read: two lists never share one, a crash only
 *    leaves a gap, and whatever was revoked before a list's date is on it.
 * 2. That there is a new list, and since when, is recorded after it was signed and before it
 * leaves.  One whose time was taken back meanwhile is not recorded and does not leave.
 * 3. Entries are read in one steady view, while others may write.
 * 4. A delta has what came, changed or went since the date of the complete list that it names.
 */
#include <stdlib.h>

#include "backoffice/core/authority.h"
#include "backoffice/core/ca_policy.h"
#include "backoffice/core/internal.h"
#include "backoffice/core/issue_time.h"
#include "backoffice/core/ca_signer.h"
#include "backoffice/pki/crl.h"
#include "base/clock.h"

#define HOUR_SECONDS 3600
#define DAY_SECONDS  86400
#define CRL_DAYS_MAX 3650

/* One of the lists that are made together. */
struct part {
	unsigned shard;
	struct crl_scope scope; /* what was published last */
	struct crl *crl;
	struct crl_info info;
	struct buf part_url, delta_url;
};

struct listing {
	const struct crl_wish *in;
	struct ca ca;
	struct ca_policy policy;
	struct cert cert;
	struct ca_signer signer;
	struct part *parts;
	size_t n;
};

static void listing_clear(struct listing *l)
{
	for (size_t i = 0; i < l->n; i++) {
		crl_scope_clear(&l->parts[i].scope);
		buf_clear(&l->parts[i].part_url);
		buf_clear(&l->parts[i].delta_url);
	}
	free(l->parts);
	ca_clear(&l->ca);
	ca_policy_clear(&l->policy);
	cert_clear(&l->cert);
}

typedef enum inro_err part_fn(struct core *c, struct listing *l, struct part *p);

static enum inro_err each_part(struct core *c, struct listing *l, part_fn *fn)
{
	enum inro_err e = INRO_OK;

	for (size_t i = 0; e == INRO_OK && i < l->n; i++)
		e = fn(c, l, &l->parts[i]);
	return e;
}

/* The list on which the serial is; NULL: none of these. */
static struct part *part_of(const struct listing *l, struct bytes serial)
{
	unsigned shard = ca_policy_shard(&l->policy, serial) - l->in->shard;

	return shard < l->n ? &l->parts[shard] : NULL;
}

/* Since when entries are on this list: those that the complete one before it has not had.  That one is from a time that
 * was not there yet where the clock was ahead and that was taken back (`inro db clock --accept`): it was issued past no
 * end, and what has changed since then can't be told, so that all is repeated. */
static int64_t since(const struct part *p)
{
	return p->scope.full_at > p->info.this_update ? ISSUE_TIME_EVER : p->scope.full_at;
}

/* The query is for the list that has the most; of another one it may be too much. */
static bool belongs(const struct listing *l, const struct part *p, const struct listed *rec)
{
	return rec->not_after >= since(p) && (!l->in->delta || rec->listed_at >= since(p));
}

static enum inro_err put_on(struct part *p, const struct listed *rec)
{
	const int64_t left = rec->listed_at < p->info.this_update ? rec->listed_at : p->info.this_update;
	const struct crl_entry entry = {
		.serial = rec->serial,
		.revoked_at = rec->revoked_at ? rec->revoked_at : left,
		.reason = rec->revoked_at ? (enum crl_reason)rec->reason : CRL_REMOVE,
		.invalid_since = rec->invalid_at,
	};

	p->info.entries++;
	return crl_add(p->crl, &entry);
}

static enum inro_err add_entry(void *arg, void *record)
{
	struct listing *l = arg;
	struct part *p = part_of(l, ((struct listed *)record)->serial);

	return p && belongs(l, p, record) ? put_on(p, record) : INRO_OK;
}

/* The one complete list, whose query has no row too many but of what has left the list. */
static enum inro_err add_whole(void *arg, void *record)
{
	struct listing *l = arg;
	const struct listed *rec = record;
	struct part *p = rec->revoked_at ? part_of(l, rec->serial) : NULL;

	return p ? put_on(p, rec) : INRO_OK;
}

static int64_t since_earliest(const struct listing *l)
{
	int64_t at = since(&l->parts[0]);

	for (size_t i = 1; i < l->n; i++)
		if (since(&l->parts[i]) < at)
			at = since(&l->parts[i]);
	return at;
}

/* RFC 5280 3.3: an entry stays until it has been on one list issued past the certificate's end. */
static enum inro_err add_entries(struct core *c, struct listing *l)
{
	int64_t at = since_earliest(l);
	bool whole = l->n == 1 && !l->in->delta;
	const struct store_cond conds[] = {
		{ .field = "ca", .number = l->ca.id },
		{ .field = "ca_generation", .number = l->ca.generation },
		{ .field = "listed_at", .op = STORE_SOME },
		{ .field = "not_after", .op = STORE_GE, .number = at },
		{ .field = l->in->delta ? "listed_at" : "revoked_at",
		  .op = l->in->delta ? STORE_GE : STORE_SOME,
		  .number = at },
	};
	const struct store_query q = { .conds = conds,
				       .n = ARRAY_LEN(conds) - whole,
				       .unordered = true };
	enum inro_err e = store_begin(c->store, STORE_READ);

	if (e != INRO_OK)
		return e;
	e = whole ? store_each(c->store, &listed_entry_type, &q, add_whole, l)
		  : store_each(c->store, &listed_type, &q, add_entry, l);
	store_rollback(c->store);
	return e;
}

/* id 0: nothing was published yet. */
static enum inro_err load_scope(struct core *c, const struct listing *l, const struct part *p,
				struct crl_scope *ret)
{
	const struct store_cond conds[] = {
		{ .field = "ca", .number = l->ca.id },
		{ .field = "generation", .number = l->ca.generation },
		{ .field = "shard", .number = p->shard },
	};
	const struct store_query q = { STORE_WHERE(conds) };
	enum inro_err e = store_find(c->store, &q, ret);

	if (e != INRO_E_NOT_FOUND)
		return e;
	*ret = (struct crl_scope) { .tenant = c->tenant,
				    .ca = l->ca.id,
				    .generation = l->ca.generation,
				    .shard = p->shard };
	return INRO_OK;
}

static int64_t lifetime(const struct listing *l)
{
	if (l->in->days)
		return (int64_t)l->in->days * DAY_SECONDS;
	return (int64_t)l->policy.overlap_hours * HOUR_SECONDS +
	       (l->in->delta ? (int64_t)l->policy.delta_hours * HOUR_SECONDS
			     : (int64_t)l->policy.crl_days * DAY_SECONDS);
}

static enum inro_err check_shard(const struct listing *l)
{
	unsigned shards = l->policy.shards, shard = l->in->shard;

	if (!shards && !shard && l->n == 1)
		return INRO_OK;
	if (!shards)
		return err_set(INRO_E_ARG, "the lists of CA '%s' are not divided", l->ca.name);
	if (!shard || shard > shards || l->n > shards - shard + 1)
		return err_set(INRO_E_ARG, "the lists of CA '%s' are divided into shards: one of 1 "
					   "to %u",
			       l->ca.name, shards);
	return INRO_OK;
}

static enum inro_err check_dates(const struct listing *l, int64_t now)
{
	if (l->ca.not_after <= now)
		return err_set(INRO_E_STATE, "CA '%s' has expired and signs no more lists",
			       l->ca.name);
	return INRO_OK;
}

static enum inro_err load_part(struct core *c, struct listing *l, struct part *p)
{
	enum inro_err e;

	crl_scope_clear(&p->scope);
	e = load_scope(c, l, p, &p->scope);
	if (e == INRO_OK && l->in->base) {
		p->scope.full_number = l->in->base;
		if (!p->scope.full_at || l->in->base_at < p->scope.full_at) /* else it was forgotten as one ahead */
			p->scope.full_at = l->in->base_at;
	}
	if (e == INRO_OK && l->in->delta && !p->scope.full_number)
		e = err_set(INRO_E_STATE,
			    "CA '%s' has made no complete list yet that a delta could continue",
			    l->ca.name);
	return e;
}

/* One count for all keys and shards of a CA. */
static enum inro_err take_numbers(struct core *c, struct listing *l, struct ca *ca)
{
	int64_t now = 0, end;
	enum inro_err e = issue_now(c, &now);

	if (e == INRO_OK)
		e = issue_now_keep(c, now);
	if (e != INRO_OK)
		return e;
	end = now + lifetime(l);
	for (size_t i = 0; i < l->n; i++)
		l->parts[i].info = (struct crl_info) {
			.number = ++ca->crl_number,
			.base = l->in->delta ? l->parts[i].scope.full_number : 0,
			.this_update = now,
			.next_update = end < l->ca.not_after ? end : l->ca.not_after,
		};
	ca->updated_ms = clock_now_ms();
	return store_update(c->store, ca);
}

/* The CA as it was with the key that signs.  What is there stays when this one can't be read: it is
 * compared with the next. */
static enum inro_err load_signer(struct core *c, struct listing *l)
{
	SCOPED(ca) signer = { 0 };
	enum inro_err e = ca_load(c, l->in->ca, &signer);

	if (e == INRO_OK)
		e = ca_as_of(c, (int64_t)l->in->generation, &signer);
	if (e != INRO_OK)
		return e;
	ca_clear(&l->ca);
	l->ca = signer;
	signer = (struct ca) { 0 };
	return INRO_OK;
}

static enum inro_err number_work(struct core *c, void *arg)
{
	struct listing *l = arg;
	SCOPED(ca) ca = { 0 };
	int64_t before = l->ca.generation;
	enum inro_err e;

	ca_policy_clear(&l->policy);
	e = load_signer(c, l);
	if (e == INRO_OK && l->ca.generation != before)
		e = err_set(INRO_E_STATE, "CA '%s' has another key by now; try again", l->ca.name);
	if (e == INRO_OK)
		e = ca_load(c, l->in->ca, &ca);
	if (e == INRO_OK)
		e = ca_policy_read(&l->ca, &l->policy);
	if (e == INRO_OK)
		e = check_shard(l);
	if (e == INRO_OK)
		e = check_dates(l, clock_now());
	if (e == INRO_OK)
		e = each_part(c, l, load_part);
	return e == INRO_OK ? take_numbers(c, l, &ca) : e;
}

/* A list that was made later may have been recorded before. */
static void fill_scope(struct crl_scope *s, const struct crl_info *i)
{
	bool delta = i->base != 0;

	if (i->number <= (delta ? s->delta_number : s->full_number))
		return;
	*(delta ? &s->delta_number : &s->full_number) = i->number;
	*(delta ? &s->delta_at : &s->full_at) = i->this_update;
	*(delta ? &s->delta_next : &s->full_next) = i->next_update;
}

static enum inro_err record_scope(struct core *c, struct listing *l, struct part *p)
{
	SCOPED(crl_scope) s = { 0 };
	enum inro_err e = load_scope(c, l, p, &s);

	if (e != INRO_OK)
		return e;
	fill_scope(&s, &p->info);
	return s.id ? store_update(c->store, &s) : store_insert(c->store, &s);
}

static enum inro_err record_part(struct core *c, struct listing *l, struct part *p)
{
	SCOPED(buf) detail = { 0 };
	const struct audit_entry entry = { "ca.crl", "ca", l->in->ca, EVENT_DONE, &detail };
	enum inro_err e = record_scope(c, l, p);

	detail_int(&detail, "number", p->info.number);
	if (l->in->generation)
		detail_int(&detail, "generation", l->in->generation);
	if (p->info.base)
		detail_int(&detail, "base", p->info.base);
	if (p->shard)
		detail_int(&detail, "shard", p->shard);
	detail_int(&detail, "next_update", p->info.next_update);
	return e == INRO_OK ? audit_append(c, &entry) : e;
}

/* After the signatures. */
static enum inro_err record_work(struct core *c, void *arg)
{
	struct listing *l = arg;
	SCOPED(ca) ca = { 0 };
	enum inro_err e = issue_now_kept(c, l->parts[0].info.this_update);

	if (e == INRO_OK)
		e = ca_load(c, l->in->ca, &ca);
	if (e != INRO_OK)
		return e;
	if (!l->in->delta && ca.generation == l->ca.generation &&
	    (ca.crl_at < l->parts[0].info.this_update || issue_time_is_ahead(ca.crl_at)))
		ca.crl_at = l->parts[0].info.this_update;
	ca.updated_ms = clock_now_ms();
	e = each_part(c, l, record_part);
	return e == INRO_OK ? store_update(c->store, &ca) : e;
}

static enum inro_err make_urls(struct core *c, struct listing *l, struct part *p)
{
	const struct ca_policy *policy = &l->policy;
	enum inro_err e = INRO_OK;

	(void)c;
	if (p->shard)
		e = ca_policy_url(&l->ca, policy->crl_url, p->shard, &p->part_url);
	if (e == INRO_OK && !l->in->delta)
		e = ca_policy_url(&l->ca, policy->delta_url, p->shard, &p->delta_url);
	return e;
}

static struct crl_head head_of(const struct listing *l, const struct part *p)
{
	return (struct crl_head) {
		.issuer = &l->cert,
		.number = (uint64_t)p->info.number,
		.base = (uint64_t)p->info.base,
		.this_update = p->info.this_update,
		.next_update = p->info.next_update,
		.part_url = (const char *)p->part_url.p,
		.delta_url = (const char *)p->delta_url.p,
	};
}

static enum inro_err make_head(struct core *c, struct listing *l, struct part *p)
{
	enum inro_err e = make_urls(c, l, p);
	struct crl_head head = head_of(l, p);

	return e == INRO_OK && l->in->file ? crl_expect(p->crl, &head) : e;
}

static enum inro_err sign(struct core *c, struct listing *l, struct part *p)
{
	const struct crl_head head = head_of(l, p);
	SCOPED(buf) hashed = { 0 };
	SCOPED(buf) signature = { 0 };
	enum inro_err e = crl_frame(p->crl, &head);

	if (e == INRO_OK)
		e = crl_to_sign(p->crl, &hashed);
	if (e == INRO_OK)
		e = ca_sign_hashed(c, &l->signer, p->crl->sig, buf_bytes(&hashed), &signature);
	return e == INRO_OK ? crl_signed(p->crl, buf_bytes(&signature)) : e;
}

static enum inro_err begin_part(struct core *c, struct listing *l, struct part *p)
{
	(void)c;
	return crl_begin(p->crl, l->in->file);
}

/* A missing PIN or temporary file must not cost a number. */
static enum inro_err prepare(struct core *c, struct listing *l)
{
	enum inro_err e = core_require(c, ROLE_OPERATOR, "make a CRL");

	if (e == INRO_OK && l->in->days > CRL_DAYS_MAX)
		e = err_set(INRO_E_ARG, "a CRL lives up to %d days", CRL_DAYS_MAX);
	if (e == INRO_OK)
		e = load_signer(c, l);
	if (e == INRO_OK && !l->ca.cert.n)
		e = err_set(INRO_E_STATE, "CA '%s' has no certificate", l->ca.name);
	if (e == INRO_OK)
		e = cert_read(blob_bytes(&l->ca.cert), &l->cert);
	if (e == INRO_OK)
		e = ca_signer_open(c, &l->ca, &l->cert, &l->signer);
	return e == INRO_OK ? each_part(c, l, begin_part) : e;
}

static enum inro_err make(struct core *c, struct listing *l)
{
	enum inro_err e = prepare(c, l);

	if (e == INRO_OK)
		e = core_write(c, number_work, l);
	if (e == INRO_OK)
		e = each_part(c, l, make_head);
	if (e == INRO_OK)
		e = add_entries(c, l);
	if (e == INRO_OK)
		e = each_part(c, l, sign);
	return e == INRO_OK ? core_write(c, record_work, l) : e;
}

static enum inro_err set_parts(struct listing *l, struct crl *lists, size_t n)
{
	l->parts = calloc(n, sizeof *l->parts);
	if (!l->parts)
		return err_set(INRO_E_NO_MEMORY, "no memory for %zu lists", n);
	for (l->n = 0; l->n < n; l->n++) {
		l->parts[l->n].shard = l->in->shard + (unsigned)l->n;
		l->parts[l->n].crl = &lists[l->n];
	}
	return INRO_OK;
}

enum inro_err ca_crl_shards(struct core *c, const struct crl_wish *w, unsigned *ret)
{
	SCOPED(ca) ca = { 0 };
	SCOPED(ca_policy) p = { 0 };
	enum inro_err e = ca_load(c, w->ca, &ca);

	if (e == INRO_OK)
		e = ca_as_of(c, w->generation, &ca);
	if (e == INRO_OK)
		e = ca_policy_read(&ca, &p);
	if (e == INRO_OK)
		*ret = p.shards;
	return e;
}

enum inro_err ca_crl_lists(struct core *c, const struct crl_wish *w, size_t n, struct crl *lists,
			   struct crl_info *ret)
{
	SCOPED(listing) l = { .in = w };
	enum inro_err e = INRO_OK;

	if (n < 1 || n > CRL_AT_ONCE)
		e = err_set(INRO_E_ARG, "from 1 to %d lists are made at once", CRL_AT_ONCE);
	if (e == INRO_OK)
		e = set_parts(&l, lists, n);
	if (e == INRO_OK)
		e = make(c, &l);
	if (e != INRO_OK)
		return audit_refused(c, "ca.crl", "ca", w->ca, e);
	for (size_t i = 0; i < n; i++)
		ret[i] = l.parts[i].info;
	return INRO_OK;
}

enum inro_err ca_crl_list(struct core *c, const struct crl_wish *w, struct crl *list,
			  struct crl_info *ret_info)
{
	return ca_crl_lists(c, w, 1, list, ret_info);
}

enum inro_err ca_crl(struct core *c, const char *name, unsigned days, struct buf *ret_der,
		     struct crl_info *ret_info)
{
	const struct crl_wish wish = { .ca = name, .days = days };
	SCOPED(crl) list = { 0 };
	enum inro_err e = ca_crl_list(c, &wish, &list, ret_info);

	return e == INRO_OK ? crl_whole(&list, ret_der) : e;
}
