/*
 * bulk_record - what came of a lot of requests goes on record: certificates and refusals in one transaction, as long as
 * nothing is in the way of one of them.
 */
#include "backoffice/core/cred/bulk_batch.h"

static enum inro_err record_refusal(struct core *c, const struct work *w)
{
	SCOPED(buf) detail = { 0 };
	const struct audit_entry entry = { "certificate.issue", "ca", w->request.ca, EVENT_REFUSED,
					   &detail };

	detail_text(&detail, "error", err_name(w->row->error));
	detail_text(&detail, "reason", w->row->why);
	detail_text(&detail, "request", w->row->name);
	return audit_append(c, &entry);
}

/* Where something was recorded since they were decided about, their keys are looked at again. */
static enum inro_err foresee_made(struct core *c, const struct batch *b)
{
	const struct making *js[BULK_MAX];
	size_t n = 0;

	for (size_t i = 0; !b->bulk->desk.keys_stand && i < b->n; i++)
		if (b->works[i].made)
			js[n++] = &b->works[i].j;
	return making_foresee(c, js, n, true);
}

static enum inro_err record_all(struct core *c, void *arg)
{
	struct batch *b = arg;
	enum inro_err e = desk_recheck(c, &b->bulk->desk);

	if (e == INRO_OK)
		e = foresee_made(c, b);
	store_defer(c->store);
	for (size_t i = 0; e == INRO_OK && i < b->n; i++) {
		struct work *w = &b->works[i];

		if (w->made)
			e = making_record(c, &w->j);
		else if (w->row->error)
			e = record_refusal(c, w);
	}
	return e == INRO_OK ? store_settle(c->store) : e;
}

/* The reason is this row, and not the database. */
static bool is_of_row(enum inro_err e)
{
	return e == INRO_E_EXISTS || e == INRO_E_STATE || e == INRO_E_NOT_FOUND ||
	       e == INRO_E_POLICY;
}

/* Alone of those in the transaction; why it is not in it is kept with it. */
static enum inro_err record_alone(struct core *c, struct work *w)
{
	enum inro_err e = core_savepoint(c);

	if (e != INRO_OK)
		return e;
	e = w->made ? making_record(c, &w->j) : record_refusal(c, w);
	if (e == INRO_OK)
		return core_release(c);
	if (!is_of_row(e))
		return e;
	w->fell = e;
	e = text_set(&w->row->why, err_detail(e));
	return e == INRO_OK ? core_rollback_to(c) : e;
}

static enum inro_err record_apart(struct core *c, void *arg)
{
	struct batch *b = arg;
	enum inro_err e = desk_recheck(c, &b->bulk->desk);

	for (size_t i = 0; e == INRO_OK && i < b->n; i++) {
		struct work *w = &b->works[i];

		w->fell = INRO_OK;
		if (w->made || w->row->error)
			e = record_alone(c, w);
	}
	return e;
}

/* Another run had the same request, or its device is gone. */
static void settle(struct core *c, struct work *w)
{
	enum inro_err e = INRO_OK;

	w->made = false;
	w->row->error = w->fell;
	if (w->fell != INRO_E_EXISTS || making_again(c, &w->j) != INRO_OK)
		return;
	w->row->error = INRO_OK;
	e = bulk_give_again(w);
	if (e != INRO_OK)
		bulk_row_refused(w->row, e);
}

static enum inro_err record_fallen(struct core *c, void *arg)
{
	struct batch *b = arg;
	enum inro_err e = INRO_OK;

	for (size_t i = 0; e == INRO_OK && i < b->n; i++)
		if (b->works[i].fell && b->works[i].row->error)
			e = record_refusal(c, &b->works[i]);
	return e;
}

/* Those that can be, in one transaction; the refusals of the others in a second. */
static enum inro_err record_each(struct batch *b)
{
	struct core *c = b->bulk->c;
	bool fallen = false;
	enum inro_err e = core_write_alone(c, record_apart, b);

	for (size_t i = 0; e == INRO_OK && i < b->n; i++) {
		if (b->works[i].fell)
			settle(c, &b->works[i]);
		fallen = fallen || (b->works[i].fell && b->works[i].row->error);
	}
	return fallen ? core_write_alone(c, record_fallen, b) : e;
}

static bool has_news(const struct batch *b)
{
	for (size_t i = 0; i < b->n; i++)
		if (b->works[i].made || b->works[i].row->error)
			return true;
	return false;
}

/* What was issued before after all; its new certificate is forgotten. */
static enum inro_err drop_known(struct batch *b)
{
	enum inro_err e = INRO_OK;

	for (size_t i = 0; e == INRO_OK && i < b->n; i++) {
		struct work *w = &b->works[i];

		if (!w->made)
			continue;
		e = bulk_look_up(b->bulk->c, w);
		w->made = e == INRO_OK && !w->row->again;
		if (!is_of_row(e))
			continue;
		bulk_row_refused(w->row, e);
		e = INRO_OK;
	}
	return e;
}

enum inro_err bulk_record(struct batch *b)
{
	enum inro_err e = has_news(b) ? core_write_alone(b->bulk->c, record_all, b) : INRO_OK;

	if (e == INRO_E_EXISTS) {
		e = drop_known(b);
		if (e == INRO_OK && has_news(b))
			e = core_write_alone(b->bulk->c, record_all, b);
	}
	return is_of_row(e) ? record_each(b) : e;
}
