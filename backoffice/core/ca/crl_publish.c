/* crl_publish - lists made in time and kept; see crl.h. */
#include "backoffice/core/crl.h"

#include <stdlib.h>

#include "backoffice/core/authority.h"
#include "backoffice/core/ca_policy.h"
#include "backoffice/core/ca_signer.h"
#include "backoffice/core/duty.h"
#include "backoffice/core/internal.h"
#include "backoffice/core/issue_time.h"
#include "backoffice/pki/crl.h"
#include "base/clock.h"

#define HOUR_SECONDS 3600
#define DAY_SECONDS  86400
#define PIECE_OCTETS ((size_t)256 << 10)

/* ---- what there is ---- */

/* number 0: the newest */
static enum inro_err find_piece(struct core *c, const struct record_type *t,
				const struct crl_out *l, int64_t seq, void *ret)
{
	const struct store_cond conds[] = {
		{ .field = "ca", .number = l->ca },
		{ .field = "generation", .number = l->generation },
		{ .field = "shard", .number = l->shard },
		{ .field = "delta", .number = l->delta },
		{ .field = "seq", .number = seq },
		{ .field = "number", .number = l->number },
	};
	const struct store_query q = { .conds = conds,
				       .n = ARRAY_LEN(conds) - !l->number,
				       .order = "number",
				       .backward = true,
				       .limit = 1 };

	return store_find_row(c->store, t, &q, ret);
}

static enum inro_err find_newest(struct core *c, struct crl_out *l)
{
	struct crl_made made = { 0 };
	enum inro_err e = find_piece(c, &crl_made_type, l, 0, &made);

	if (e != INRO_OK)
		return e;
	l->number = made.number;
	l->this_update = made.this_update;
	l->next_update = made.next_update;
	return INRO_OK;
}

/* How long a list is the newest one: what is valid beyond that is there for a server that is away; where
 * the settings have nothing, a tenth of its time is. */
static int64_t time_of(const struct ca_policy *p, bool delta)
{
	int64_t due = delta ? (int64_t)p->delta_hours * HOUR_SECONDS
			    : (int64_t)p->crl_days * DAY_SECONDS;

	return p->overlap_hours ? due : due - due / 10;
}

/* The CA as it was with the key, and which list of it. */
static enum inro_err load_wish(struct core *c, const struct crl_wish *w, struct ca *ca,
			       struct crl_out *l)
{
	enum inro_err e = ca_load(c, w->ca, ca);

	if (e == INRO_OK)
		e = ca_as_of(c, w->generation, ca);
	*l = (struct crl_out) { .ca = ca->id,
				.generation = ca->generation,
				.shard = w->shard,
				.delta = w->delta };
	return e;
}

enum inro_err crl_newest(struct core *c, const struct crl_wish *w, struct crl_out *ret)
{
	SCOPED(ca) ca = { 0 };
	SCOPED(ca_policy) p = { 0 };
	struct crl_out l = { 0 };
	enum inro_err e = load_wish(c, w, &ca, &l);

	if (e == INRO_OK)
		e = ca_policy_read(&ca, &p);
	if (e != INRO_OK)
		return e;
	e = find_newest(c, &l);
	if (e == INRO_E_NOT_FOUND)
		return err_set(e, "no such list of CA '%s' is given out", w->ca);
	l.due_at = l.this_update + time_of(&p, w->delta);
	if (e == INRO_OK)
		*ret = l;
	return e;
}

enum inro_err crl_piece_read(struct core *c, const struct crl_out *l, int64_t seq, struct buf *ret,
			     bool *ret_end)
{
	SCOPED(crl_piece) piece = { 0 };
	enum inro_err e = find_piece(c, &crl_piece_type, l, seq, &piece);

	if (e != INRO_OK)
		return e;
	buf_add(ret, blob_bytes(&piece.body));
	*ret_end = piece.ended != 0;
	return buf_err(ret);
}

enum inro_err crl_published(struct core *c, const struct crl_wish *w, struct crl_out *ret,
			    struct buf *ret_der)
{
	bool end = false;
	enum inro_err e = crl_newest(c, w, ret);

	for (int64_t seq = 0; e == INRO_OK && !end; seq++)
		e = crl_piece_read(c, ret, seq, ret_der, &end);
	return e;
}

/* ---- giving it out ---- */

struct publishing {
	struct crl *list;
	struct crl_out out;
};

/* The one before the newest stays for those who read it. */
static enum inro_err drop_older(struct core *c, const struct crl_out *l)
{
	struct crl_out newest = *l;
	struct store_cond conds[] = {
		{ .field = "ca", .number = l->ca },
		{ .field = "generation", .number = l->generation },
		{ .field = "shard", .number = l->shard },
		{ .field = "delta", .number = l->delta },
		{ .field = "number", .op = STORE_LT },
	};
	const struct store_query q = { STORE_WHERE(conds) };
	int64_t rows;
	enum inro_err e;

	newest.number = 0;
	e = find_newest(c, &newest);
	conds[4].number = newest.number;
	if (e == INRO_E_NOT_FOUND)
		return INRO_OK;
	return e == INRO_OK ? store_delete(c->store, &crl_piece_type, &q, &rows) : e;
}

/* The next piece; *ret_end: nothing came behind it. */
static enum inro_err gather(struct crl *list, struct buf *ret, bool *ret_end)
{
	struct bytes part = BYTES_NONE;
	enum inro_err e = INRO_OK;

	*ret_end = false;
	while (e == INRO_OK && !*ret_end && ret->n < PIECE_OCTETS) {
		e = crl_pull(list, &part);
		*ret_end = !part.n;
		buf_add(ret, part);
	}
	return e == INRO_OK ? buf_err(ret) : e;
}

static enum inro_err write_piece(struct core *c, const struct crl_out *l, int64_t seq,
				 struct bytes body, bool ended)
{
	SCOPED(crl_piece) row = {
		.ca = l->ca,
		.generation = l->generation,
		.shard = l->shard,
		.delta = l->delta,
		.number = l->number,
		.seq = seq,
		.this_update = l->this_update,
		.next_update = l->next_update,
		.ended = ended,
	};
	enum inro_err e = blob_set(&row.body, body);

	return e == INRO_OK ? store_insert(c->store, &row) : e;
}

static enum inro_err publish_work(struct core *c, void *arg)
{
	struct publishing *p = arg;
	bool end = false;
	enum inro_err e = drop_older(c, &p->out);

	crl_rewind(p->list);
	for (int64_t seq = 0; e == INRO_OK && !end; seq++) {
		SCOPED(buf) body = { 0 };

		e = gather(p->list, &body, &end);
		if (e == INRO_OK)
			e = write_piece(c, &p->out, seq, buf_bytes(&body), end);
	}
	return e;
}

/* Who fetches lists has seen those that are given out, not what `inro ca crl` made meanwhile. */
static enum inro_err continue_published(struct core *c, const struct crl_out *l, struct crl_wish *w)
{
	struct crl_out full = { .ca = l->ca, .generation = l->generation, .shard = l->shard };
	enum inro_err e = find_newest(c, &full);

	if (e == INRO_OK) {
		w->base = full.number;
		w->base_at = full.this_update;
	}
	return e == INRO_E_NOT_FOUND ? INRO_OK : e;
}

static enum inro_err publish(struct core *c, const struct crl_wish *w, struct crl_out *l,
			     struct crl_info *ret)
{
	SCOPED(crl) list = { 0 };
	struct publishing p = { .list = &list };
	struct crl_wish wish = *w;
	enum inro_err e = continue_published(c, l, &wish);

	if (e == INRO_OK)
		e = ca_crl_list(c, &wish, &list, ret);
	l->number = ret->number;
	l->this_update = ret->this_update;
	l->next_update = ret->next_update;
	p.out = *l;
	return e == INRO_OK ? core_write_alone(c, publish_work, &p) : e;
}

enum inro_err crl_publish(struct core *c, const struct crl_wish *w, struct crl_info *ret)
{
	SCOPED(ca) ca = { 0 };
	struct crl_out l = { 0 };
	enum inro_err e = load_wish(c, w, &ca, &l);

	return e == INRO_OK ? publish(c, w, &l, ret) : e;
}

/* ---- in time ---- */

static enum inro_err is_due(struct core *c, const struct ca *ca, const struct ca_policy *p,
			    const struct crl_wish *w, bool *ret)
{
	struct crl_out l = { .ca = ca->id,
			     .generation = ca->generation,
			     .shard = w->shard,
			     .delta = w->delta };
	enum inro_err e = find_newest(c, &l);

	*ret = e == INRO_E_NOT_FOUND || l.this_update + time_of(p, w->delta) <= clock_now();
	/* One that ends with the CA is the last one. */
	if (e == INRO_OK && l.next_update >= ca->not_after)
		*ret = false;
	*ret = *ret || issue_time_is_ahead(l.this_update);
	return e == INRO_E_NOT_FOUND ? INRO_OK : e;
}

/* A token that is not open for this process, and a clock that is behind, are no refusals to record each time. */
static enum inro_err can_sign(struct core *c, const struct ca *ca)
{
	SCOPED(cert) cert = { 0 };
	struct ca_signer there;
	int64_t at;
	enum inro_err e = issue_now(c, &at);

	if (e == INRO_OK)
		e = cert_read(blob_bytes(&ca->cert), &cert);
	return e == INRO_OK ? ca_signer_open(c, ca, &cert, &there) : e;
}

static enum inro_err publish_if_due(struct core *c, const struct ca *ca, const struct ca_policy *p,
				    const struct crl_wish *w)
{
	struct crl_info info = { 0 };
	bool due = false;
	enum inro_err e = is_due(c, ca, p, w, &due);

	if (e != INRO_OK || !due)
		return e;
	e = can_sign(c, ca);
	if (e == INRO_OK)
		e = crl_publish(c, w, &info);
	return e == INRO_OK ? duty_goes_on(c) : e;
}

/* All lists of one key: complete ones before the deltas that continue them. */
static enum inro_err publish_key(struct core *c, const struct ca *ca, void *arg)
{
	SCOPED(ca_policy) p = { 0 };
	struct crl_wish w = { .ca = ca->name, .generation = (unsigned)ca->generation };
	enum inro_err e = ca_policy_read(ca, &p);

	(void)arg;
	for (int delta = 0; e == INRO_OK && delta <= (p.delta_url != NULL); delta++) {
		w.delta = delta;
		for (unsigned i = 0; e == INRO_OK && i < (p.shards ? p.shards : 1); i++) {
			w.shard = p.shards ? i + 1 : 0;
			e = publish_if_due(c, ca, &p, &w);
		}
	}
	return e == INRO_OK ? e : err_context(e, "the lists of CA '%s'", ca->name);
}

static enum inro_err publish_ca(struct core *c, const void *ca)
{
	return ca_each_key(c, ca, publish_key, NULL);
}

enum inro_err crl_publish_due(struct core *c)
{
	const struct store_cond mine[] = {
		{ .field = "tenant", .number = c->tenant },
		{ .field = "kind", .number = CA_LOCAL }, /* another's lists are its own to make */
	};
	const struct store_query q = { STORE_WHERE(mine) };

	return duty_each(c, &ca_type, &q, publish_ca);
}
