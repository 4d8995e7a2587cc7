/*
 * crl - a CA's revocation lists: what is on them, their numbers and their dates.
 *
 * 1. The number is committed before the entries are read: two lists never share one, a crash only
 *    leaves a gap, and whatever was revoked before a list's date is on it.
 * 2. That there is a new list, and since when, is recorded after it was signed and before it
 * leaves.
 * 3. Entries are read in one steady view, while others may write.
 * 4. A delta has what came, changed or went since the date of the complete list that it names.
 */
#include <stdlib.h>

#include "backoffice/core/ca_policy.h"
#include "backoffice/core/internal.h"
#include "backoffice/pki/crl.h"
#include "base/clock.h"

#define HOUR_SECONDS 3600
#define DAY_SECONDS  86400
#define CRL_DAYS_MAX 3650

struct listing {
	const struct crl_wish *in;
	struct ca ca;
	struct ca_policy policy;
	struct crl_scope scope; /* what was published last */
	struct cert cert;
	struct token_key *key;
	struct crl *crl;
	struct crl_info info;
	struct buf part_url, delta_url;
};

static void listing_clear(struct listing *l)
{
	ca_clear(&l->ca);
	ca_policy_clear(&l->policy);
	crl_scope_clear(&l->scope);
	cert_clear(&l->cert);
	buf_clear(&l->part_url);
	buf_clear(&l->delta_url);
}

static enum inro_err add_entry(void *arg, void *record)
{
	struct listing *l = arg;
	const struct listed *rec = record;
	const struct crl_entry entry = {
		.serial = blob_bytes(&rec->serial),
		.revoked_at = rec->revoked_at ? rec->revoked_at : rec->listed_at,
		.reason = rec->revoked_at ? (enum crl_reason)rec->reason : CRL_REMOVE,
		.invalid_since = rec->invalid_at,
	};

	if (ca_policy_shard(&l->policy, entry.serial) != l->in->shard)
		return INRO_OK;
	l->info.entries++;
	return crl_add(l->crl, &entry);
}

/* RFC 5280 3.3: an entry stays until it has been on one list issued past the certificate's end. */
static enum inro_err add_entries(struct core *c, struct listing *l)
{
	const struct store_cond conds[] = {
		{ .field = "ca", .number = l->ca.id },
		{ .field = "ca_generation", .number = l->ca.generation },
		{ .field = "listed_at", .op = STORE_SOME },
		{ .field = "not_after", .op = STORE_GE, .number = l->scope.full_at },
		{ .field = l->in->delta ? "listed_at" : "revoked_at",
		  .op = l->in->delta ? STORE_GE : STORE_SOME,
		  .number = l->scope.full_at },
	};
	const struct store_query q = { STORE_WHERE(conds) };
	enum inro_err e = store_begin(c->store, STORE_READ);

	if (e != INRO_OK)
		return e;
	e = store_each(c->store, &listed_type, &q, add_entry, l);
	store_rollback(c->store);
	return e;
}

/* id 0: nothing was published yet. */
static enum inro_err load_scope(struct core *c, const struct listing *l, struct crl_scope *ret)
{
	const struct store_cond conds[] = {
		{ .field = "ca", .number = l->ca.id },
		{ .field = "generation", .number = l->ca.generation },
		{ .field = "shard", .number = l->in->shard },
	};
	const struct store_query q = { STORE_WHERE(conds) };
	enum inro_err e = store_find(c->store, &q, ret);

	if (e != INRO_E_NOT_FOUND)
		return e;
	*ret = (struct crl_scope) { .tenant = c->tenant,
				    .ca = l->ca.id,
				    .generation = l->ca.generation,
				    .shard = l->in->shard };
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

	if (shard && !shards)
		return err_set(INRO_E_ARG, "the lists of CA '%s' are not divided", l->ca.name);
	if (shards && (!shard || shard > shards))
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
	if (l->in->delta && !l->scope.full_number)
		return err_set(INRO_E_STATE,
			       "CA '%s' has made no complete list yet that a delta could continue",
			       l->ca.name);
	return INRO_OK;
}

/* One count for all keys of a CA. */
static enum inro_err take_number(struct core *c, struct listing *l, struct ca *ca)
{
	struct crl_info *i = &l->info;

	i->number = ++ca->crl_number;
	i->base = l->in->delta ? l->scope.full_number : 0;
	i->this_update = clock_now();
	i->next_update = i->this_update + lifetime(l);
	if (i->next_update > l->ca.not_after)
		i->next_update = l->ca.not_after;
	ca->updated_ms = clock_now_ms();
	return store_update(c->store, ca);
}

/* The CA as it was with the key that signs. */
static enum inro_err load_signer(struct core *c, struct listing *l)
{
	enum inro_err e;

	ca_clear(&l->ca);
	e = ca_load(c, l->in->ca, &l->ca);
	return e == INRO_OK ? ca_as_of(c, (int64_t)l->in->generation, &l->ca) : e;
}

static enum inro_err number_work(struct core *c, void *arg)
{
	struct listing *l = arg;
	SCOPED(ca) ca = { 0 };
	int64_t before = l->ca.generation;
	enum inro_err e;

	crl_scope_clear(&l->scope);
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
		e = load_scope(c, l, &l->scope);
	if (e == INRO_OK)
		e = check_dates(l, clock_now());
	return e == INRO_OK ? take_number(c, l, &ca) : e;
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

static enum inro_err record_scope(struct core *c, const struct listing *l)
{
	SCOPED(crl_scope) s = { 0 };
	enum inro_err e = load_scope(c, l, &s);

	if (e != INRO_OK)
		return e;
	fill_scope(&s, &l->info);
	return s.id ? store_update(c->store, &s) : store_insert(c->store, &s);
}

/* After the signature. */
static enum inro_err record_work(struct core *c, void *arg)
{
	const struct listing *l = arg;
	SCOPED(buf) detail = { 0 };
	SCOPED(ca) ca = { 0 };
	const struct audit_entry entry = { "ca.crl", "ca", l->in->ca, EVENT_DONE, &detail };
	enum inro_err e = ca_load(c, l->in->ca, &ca);

	if (e != INRO_OK)
		return e;
	if (ca.generation == l->ca.generation && ca.crl_at < l->info.this_update)
		ca.crl_at = l->info.this_update;
	ca.updated_ms = clock_now_ms();
	detail_int(&detail, "number", l->info.number);
	if (l->in->generation)
		detail_int(&detail, "generation", l->in->generation);
	if (l->info.base)
		detail_int(&detail, "base", l->info.base);
	if (l->in->shard)
		detail_int(&detail, "shard", l->in->shard);
	detail_int(&detail, "next_update", l->info.next_update);
	e = record_scope(c, l);
	if (e == INRO_OK)
		e = store_update(c->store, &ca);
	return e == INRO_OK ? audit_append(c, &entry) : e;
}

static enum inro_err make_urls(struct listing *l)
{
	const struct ca_policy *p = &l->policy;
	enum inro_err e = INRO_OK;

	if (l->in->shard)
		e = ca_policy_url(&l->ca, p->crl_url, l->in->shard, &l->part_url);
	if (e == INRO_OK && !l->in->delta)
		e = ca_policy_url(&l->ca, p->delta_url, l->in->shard, &l->delta_url);
	return e;
}

static enum inro_err sign(struct listing *l)
{
	const struct crl_head head = {
		.issuer = &l->cert,
		.number = (uint64_t)l->info.number,
		.base = (uint64_t)l->info.base,
		.this_update = l->info.this_update,
		.next_update = l->info.next_update,
		.part_url = (const char *)l->part_url.p,
		.delta_url = (const char *)l->delta_url.p,
	};
	SCOPED(buf) hashed = { 0 };
	SCOPED(buf) signature = { 0 };
	enum inro_err e = crl_frame(l->crl, &head);

	if (e == INRO_OK)
		e = crl_to_sign(l->crl, &hashed);
	if (e == INRO_OK)
		e = token_key_sign_hashed(l->key, l->crl->sig, buf_bytes(&hashed), &signature);
	return e == INRO_OK ? crl_signed(l->crl, buf_bytes(&signature)) : e;
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
		e = ca_key(c, &l->ca, &l->cert, &l->key);
	return e == INRO_OK ? crl_begin(l->crl) : e;
}

static enum inro_err make(struct core *c, struct listing *l)
{
	enum inro_err e = prepare(c, l);

	if (e == INRO_OK)
		e = core_write(c, number_work, l);
	if (e == INRO_OK)
		e = add_entries(c, l);
	if (e == INRO_OK)
		e = make_urls(l);
	if (e == INRO_OK)
		e = sign(l);
	return e == INRO_OK ? core_write(c, record_work, l) : e;
}

enum inro_err ca_crl_list(struct core *c, const struct crl_wish *w, struct crl *list,
			  struct crl_info *ret_info)
{
	SCOPED(listing) l = { .in = w, .crl = list };
	enum inro_err e = make(c, &l);

	if (e != INRO_OK)
		return audit_refused(c, "ca.crl", "ca", w->ca, e);
	*ret_info = l.info;
	return INRO_OK;
}

enum inro_err ca_crl(struct core *c, const char *name, unsigned days, struct buf *ret_der,
		     struct crl_info *ret_info)
{
	const struct crl_wish wish = { .ca = name, .days = days };
	SCOPED(crl) list = { 0 };
	enum inro_err e = ca_crl_list(c, &wish, &list, ret_info);

	return e == INRO_OK ? crl_whole(&list, ret_der) : e;
}
