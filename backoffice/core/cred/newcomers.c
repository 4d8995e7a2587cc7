/*
 * newcomers - many newcomers in one transaction; see newcomer.h.
 *
 * 1. This is for what goes well.  A row that something speaks against is left to its caller, who tries it
 *    by itself; when the transaction fails all are.  So what is refused, and what is said and recorded of
 *    it, is decided in one place.
 * 2. Nothing of a row is handed out before the commit.
 * 3. Where nobody knows whether that was, nothing is tried again: what is there by now would be refused.
 */
#include <stdlib.h>
#include <string.h>

#include "backoffice/core/approval.h"
#include "backoffice/core/authority.h"
#include "backoffice/core/bulk.h"
#include "backoffice/core/connector.h"
#include "backoffice/core/fleet.h"
#include "backoffice/core/issuing.h"
#include "backoffice/core/move.h"
#include "backoffice/core/newcomer.h"
#include "backoffice/core/psk.h"
#include "backoffice/core/view.h"

struct arrival {
	struct newcomer_row *row;
	struct issuing in;
	struct making j;
	bool ready; /* nothing speaks against it so far */
};

struct arrivals {
	struct arrival *items;
	size_t n;
	bool certified;
	bool recorded; /* all of them, in the last run: what failed after that is the commit */
	struct ca ca;
	struct issue_desk desk;
};

static void arrivals_clear(struct arrivals *a)
{
	for (size_t i = 0; i < a->n; i++) {
		making_clear(&a->items[i].j);
		credential_clear(&a->items[i].in.rec);
	}
	free(a->items);
	issue_desk_clear(&a->desk);
	ca_clear(&a->ca);
}

void newcomer_row_clear(struct newcomer_row *row)
{
	newcomer_clear(&row->newcomer);
	cred_clear(&row->cert);
	row->done = row->unsure = false;
}

/* ---- each by itself ---- */

/* No device registers others.  A key that they get may be sealed by a token: no transaction is open. */
static enum inro_err prepare_one(struct core *c, struct arrivals *a, struct arrival *x)
{
	const struct cred_request *r = &x->row->request;
	const struct newcomer *n = &x->row->newcomer;

	if (c->device || x->row->skip || r->request_id || (r->csr.n != 0) != a->certified)
		return INRO_E_ARG;
	return device_add_prepare(c, r->device, n->fields, n->psk);
}

static enum inro_err prove_one(struct core *c, struct arrivals *a, struct arrival *x)
{
	enum inro_err e = making_parse(&x->j);

	(void)c;
	(void)a;
	return e == INRO_OK ? making_verify(&x->j) : e;
}

static enum inro_err plan_one(struct core *c, struct arrivals *a, struct arrival *x)
{
	enum inro_err e = making_device(c, &x->j);

	if (e == INRO_OK)
		e = making_admit(&x->j);
	if (e == INRO_OK)
		e = approval_refuse(c, &a->desk, x->j.device.grp);
	return e == INRO_OK ? making_plan(c, &x->j) : e;
}

static enum inro_err look_one(struct core *c, struct arrivals *a, struct arrival *x)
{
	(void)a;
	return newcomer_is_new(c, x->row->request.device);
}

static enum inro_err sign_one(struct core *c, struct arrivals *a, struct arrival *x)
{
	(void)a;
	return making_sign(c, &x->j);
}

typedef enum inro_err arrival_step(struct core *c, struct arrivals *a, struct arrival *x);

/* Of those that are left; is anybody? */
static bool each(struct core *c, struct arrivals *a, arrival_step *step)
{
	size_t left = 0;

	for (size_t i = 0; i < a->n; i++) {
		struct arrival *x = &a->items[i];

		x->ready = x->ready && step(c, a, x) == INRO_OK;
		left += x->ready;
	}
	return left > 0;
}

/* What is read for them goes into one transaction. */
static bool each_shown(struct core *c, struct arrivals *a, arrival_step *step)
{
	SCOPED(core_view) view = { 0 };

	return core_view(c, &view) == INRO_OK && each(c, a, step);
}

/* ---- all of them ---- */

static enum inro_err begin(struct arrivals *a, struct newcomer_row *rows, size_t n)
{
	if (!n || n > NEWCOMERS_MAX)
		return INRO_E_ARG;
	a->items = calloc(n, sizeof *a->items);
	if (!a->items)
		return INRO_E_NO_MEMORY;
	a->n = n;
	a->certified = rows[0].request.csr.n != 0;
	for (size_t i = 0; i < n; i++) {
		struct arrival *x = &a->items[i];

		x->row = &rows[i];
		x->in = (struct issuing) { .request = &rows[i].request, .ca = &a->ca,
					   .newcomer = &rows[i].newcomer };
		x->j.in = &x->in;
		x->j.desk = &a->desk;
		x->ready = true;
	}
	return INRO_OK;
}

static enum inro_err open_desk(struct core *c, struct arrivals *a)
{
	const struct issuing *in = &a->items[0].in;
	SCOPED(core_view) view = { 0 };
	enum inro_err e = core_view(c, &view);

	if (e == INRO_OK)
		e = ca_load(c, in->request->ca, &a->ca);
	if (e == INRO_OK && ca_connector_of(&a->ca))
		return INRO_E_UNSUPPORTED;
	if (e == INRO_OK)
		e = desk_open(c, in, &a->desk);
	a->desk.verify_each = BULK_VERIFY_EACH;
	return e == INRO_OK ? desk_unlock(c, in, &a->desk) : e;
}

static bool make_certified(struct core *c, struct arrivals *a)
{
	return open_desk(c, a) == INRO_OK && each(c, a, prove_one) && each_shown(c, a, plan_one) &&
	       each(c, a, sign_one);
}

static enum inro_err record_one(struct core *c, struct arrivals *a, struct arrival *x)
{
	const struct cred_request *r = &x->row->request;
	struct newcomer *n = &x->row->newcomer;

	return a->certified ? making_record(c, &x->j)
			    : device_add_keyed(c, r->device, n->fields, n->psk, &n->made);
}

static enum inro_err record_all(struct core *c, void *arg)
{
	struct arrivals *a = arg;
	enum inro_err e = a->certified ? desk_recheck(c, &a->desk) : INRO_OK;

	store_defer(c->store);
	for (size_t i = 0; e == INRO_OK && i < a->n; i++)
		if (a->items[i].ready)
			e = record_one(c, a, &a->items[i]);
	if (e == INRO_OK)
		e = store_settle(c->store);
	a->recorded = e == INRO_OK;
	return e;
}

/* They are on record, whatever becomes of their description. */
static enum inro_err hand_out(struct core *c, struct arrivals *a, struct arrival *x)
{
	const struct cred_names known = { x->row->request.device, a->ca.name };

	x->row->done = true;
	return a->certified ? cred_view_named(c, &x->in.rec, known, &x->row->cert) : INRO_OK;
}

static enum inro_err leave_unsure(struct core *c, struct arrivals *a, struct arrival *x)
{
	(void)c;
	(void)a;
	x->row->unsure = true;
	return INRO_OK;
}

void cred_issue_newcomers(struct core *c, struct newcomer_row *rows, size_t n)
{
	SCOPED(arrivals) a = { 0 };
	bool left = begin(&a, rows, n) == INRO_OK && each(c, &a, prepare_one) &&
		    (a.certified ? make_certified(c, &a) : each_shown(c, &a, look_one));
	enum inro_err e = left ? core_write_alone(c, record_all, &a) : INRO_E_ARG;

	if (e == INRO_OK)
		(void)each(c, &a, hand_out);
	else if (e == INRO_E_IO && a.recorded)
		(void)each(c, &a, leave_unsure);
}
