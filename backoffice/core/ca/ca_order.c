/* ca_order - requests to CAs elsewhere: kept, and shown; see connector.h. */
#include <stdlib.h>

#include "backoffice/core/approval.h"
#include "backoffice/core/authority.h"
#include "backoffice/core/ca/ca_end.h"
#include "backoffice/core/connector.h"
#include "backoffice/core/move.h"
#include "backoffice/core/view.h"
#include "base/clock.h"

struct ordering {
	struct making *j;
	struct ca_order order;
};

/* What was approved before is there, and its approval is used up. */
static enum inro_err use_agreed(struct core *c, const struct agreed *a, struct credential *rec)
{
	const struct proposal *p = a->proposal;
	const struct proposal_plan plan = { .action = p->action,
					    .subject = p->subject,
					    .body = blob_bytes(&p->body) };
	enum inro_err e;

	credential_clear(rec);
	e = store_get(c->store, a->id, rec);
	if (e == INRO_OK && rec->state != CRED_PENDING)
		e = err_set(INRO_E_STATE, "request %lld is %s", (long long)a->id,
			    cred_state_names[rec->state]);
	return e == INRO_OK ? proposal_done(c, p->id, &plan, a->id) : e;
}

static enum inro_err order_work(struct core *c, void *arg)
{
	struct ordering *o = arg;
	struct issuing *i = o->j->in;
	enum inro_err e = desk_recheck(c, o->j->desk);

	if (e == INRO_OK && i->agreed) {
		e = use_agreed(c, i->agreed, &i->rec);
	} else if (e == INRO_OK) {
		i->rec.id = 0;
		e = cred_insert(c, &i->rec);
		if (e == INRO_OK)
			e = approval_tell(c, o->j);
	}
	o->order.id = 0;
	o->order.credential = i->rec.id;
	return e == INRO_OK ? store_insert(c->store, &o->order) : e;
}

static enum inro_err send_order(struct core *c, struct ordering *o)
{
	struct issuing *i = o->j->in;
	enum inro_err e = blob_set(&o->order.csr, buf_bytes(&o->j->csr.der));

	o->order.tenant = c->tenant;
	o->order.ca = i->ca->id;
	o->order.created_ms = clock_now_ms();
	if (e == INRO_OK)
		e = ca_connector_of(i->ca)->request(c, i->ca, &o->order);
	return e == INRO_OK ? core_write(c, order_work, o) : e;
}

enum inro_err order_keep(struct core *c, struct making *j)
{
	struct ordering o = { .j = j };
	enum inro_err e;

	if (!j->in->may_wait && !j->in->agreed)
		return ca_is_elsewhere(j->in->ca);
	e = making_plan(c, j);
	if (e == INRO_OK)
		e = j->in->agreed ? approval_check(j) : approval_fill(c, j);
	if (!j->in->agreed)
		j->in->rec.state = CRED_PENDING;
	if (e == INRO_OK)
		e = send_order(c, &o);
	ca_order_clear(&o.order);
	/* Another may have had the same request meanwhile. */
	return e == INRO_E_EXISTS && !j->in->agreed ? making_again(c, j) : e;
}

/* ---- shown ---- */

void ca_orders_clear(struct ca_orders *l)
{
	for (size_t i = 0; i < l->n; i++) {
		ca_order_clear(&l->items[i].rec);
		free(l->items[i].device_id);
		free(l->items[i].subject);
	}
	free(l->items);
	*l = (struct ca_orders) { 0 };
}

static enum inro_err fill_view(struct core *c, const struct credential *rec, struct ca_order_view *v)
{
	SCOPED(device) d = { 0 };
	enum inro_err e = text_set(&v->subject, rec->subject);

	if (e == INRO_OK && rec->device)
		e = store_get(c->store, rec->device, &d);
	return e == INRO_OK ? text_set(&v->device_id, d.device_id) : e;
}

/* What the order was is the list's then. */
static enum inro_err add_view(struct core *c, struct ca_order *order, struct ca_orders *l)
{
	SCOPED(credential) rec = { 0 };
	struct ca_order_view *more = realloc(l->items, (l->n + 1) * sizeof *more);
	enum inro_err e;

	if (!more)
		return err_set(INRO_E_NO_MEMORY, "no memory for a list of %zu", l->n + 1);
	l->items = more;
	e = store_get(c->store, order->credential, &rec);
	if (e == INRO_E_NOT_FOUND) /* one that is gone hides no others */
		return INRO_OK;
	if (e != INRO_OK || (!ca_order_ends(order) && rec.state != CRED_PENDING))
		return e;
	more[l->n] = (struct ca_order_view) { .rec = *order };
	*order = (struct ca_order) { 0 };
	return fill_view(c, &rec, &more[l->n++]);
}

static enum inro_err add_page(struct core *c, const struct ca *ca, const struct page *page,
			      struct ca_orders *l)
{
	const struct store_cond conds[] = {
		{ .field = "tenant", .number = c->tenant },
		{ .field = "ca", .number = ca->id },
	};
	struct store_query q = { STORE_WHERE(conds) };
	struct core_rows rows = { 0 };
	enum inro_err e = core_page(c, &ca_order_type, &q, page, &rows);

	l->next = rows.next;
	for (size_t i = 0; e == INRO_OK && i < rows.n; i++)
		e = add_view(c, (struct ca_order *)rows.items + i, l);
	list_free(&ca_order_type, rows.items, rows.n);
	return e;
}

/* What does not wait any more leaves no gap. */
static enum inro_err add_pages(struct core *c, const struct ca *ca, const struct page *page,
			       struct ca_orders *l)
{
	size_t wanted = page && page->limit ? page->limit : PAGE_MAX;
	struct page at = { .after = page ? page->after : 0 };
	enum inro_err e;

	do {
		at.limit = wanted - l->n;
		e = add_page(c, ca, &at, l);
		at.after = l->next;
	} while (e == INRO_OK && l->next && l->n < wanted);
	return e;
}

enum inro_err ca_orders(struct core *c, const char *name, const struct page *page, struct ca_orders *ret)
{
	SCOPED(ca) ca = { 0 };
	SCOPED(ca_orders) l = { 0 };
	SCOPED(core_view) view = { 0 };
	enum inro_err e = core_view(c, &view);

	if (e == INRO_OK)
		e = ca_load(c, name, &ca);
	if (e == INRO_OK && !ca_connector_of(&ca))
		e = err_set(INRO_E_STATE, "CA '%s' is here: its requests wait for nobody elsewhere", name);
	if (e == INRO_OK)
		e = add_pages(c, &ca, page, &l);
	if (e != INRO_OK)
		return e;
	*ret = l;
	l = (struct ca_orders) { 0 };
	return INRO_OK;
}

enum inro_err ca_order_of(struct core *c, int64_t credential, struct ca_order *ret)
{
	const struct store_cond conds[] = {
		{ .field = "tenant", .number = c->tenant },
		{ .field = "credential", .number = credential },
	};
	const struct store_query q = { STORE_WHERE(conds) };

	return store_find(c->store, &q, ret);
}
