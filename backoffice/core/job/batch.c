/* batch - see batch.h. */
#include "backoffice/core/batch.h"

#include <stdlib.h>

struct round {
	const struct batch *b;
	bool each;	     /* with a savepoint around each row */
	enum inro_err fault; /* the row's that ended a pass without */
};

enum inro_err batch_result_bad(struct batch_result *r, enum inro_err why)
{
	r->error = why;
	return text_set(&r->why, err_detail(why));
}

void batch_result_clear(struct batch_result *r)
{
	free(r->why);
	*r = (struct batch_result) { 0 };
}

static enum inro_err row_alone(struct core *c, const struct batch *b, size_t i)
{
	enum inro_err e = core_savepoint(c), undone;

	if (e != INRO_OK)
		return e;
	e = b->row(c, b->arg, i);
	if (e == INRO_OK)
		return core_release(c);
	if (!core_is_rows_fault(e))
		return e;
	e = batch_result_bad(&b->results[i], e);
	undone = core_rollback_to(c);
	return e == INRO_OK ? undone : e;
}

static enum inro_err one_row(struct core *c, struct round *p, size_t i)
{
	struct batch_result *r = &p->b->results[i];
	enum inro_err e;

	if (r->skip)
		return INRO_OK;
	batch_result_clear(r);
	if (p->each)
		return row_alone(c, p->b, i);
	e = p->b->row(c, p->b->arg, i);
	if (core_is_rows_fault(e))
		p->fault = e;
	return e;
}

/* A row that fails only now does it anew, and each by itself. */
static enum inro_err settle(struct core *c, struct round *p)
{
	enum inro_err e = store_settle(c->store);

	if (core_is_rows_fault(e))
		p->fault = e;
	return e;
}

static enum inro_err round_work(struct core *c, void *arg)
{
	struct round *p = arg;
	enum inro_err e = p->b->begin ? p->b->begin(c, p->b->arg) : INRO_OK;

	p->fault = INRO_OK;
	if (!p->each)
		store_defer(c->store);
	for (size_t i = 0; e == INRO_OK && i < p->b->n; i++)
		e = one_row(c, p, i);
	if (e == INRO_OK)
		e = settle(c, p);
	return e == INRO_OK && p->b->end ? p->b->end(c, p->b->arg) : e;
}

enum inro_err batch_write(struct core *c, const struct batch *b)
{
	struct round p = { .b = b };
	enum inro_err e = core_write_alone(c, round_work, &p);

	if (e == INRO_OK || !p.fault)
		return e;
	p.each = true;
	return core_write_alone(c, round_work, &p);
}
