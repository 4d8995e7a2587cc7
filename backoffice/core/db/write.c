/*
 * write - changes in write transactions.
 *
 * 1. Where nothing is wrong, nothing is paid for several in one transaction: only after one of them
 * was refused are they done anew with a savepoint around each, and what is no refusal has each done
 * in a transaction of its own: also when one is in the way of others a second time.
 */
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "backoffice/core/db/change.h"
#include "backoffice/core/network.h"
#include "backoffice/core/reply.h"
#include "backoffice/core/view.h"
#include "base/clock.h"

#define WRITE_TRIES 6

/* ---- several, in one transaction ---- */

struct attempt {
	struct change *first;
	struct store *store;
	struct transaction open;
	bool each;	     /* with a savepoint around each */
	bool began;	     /* whoever waits for his turn in vain has waited long enough */
	struct change *fell; /* ended it by its own error; NULL: none */
};

static void attempt_clear(struct attempt *a)
{
	free(a->open.tallying.items);
	cert_form_clear(&a->open.form);
	*a = (struct attempt) { 0 };
}

/* What a core has of its own while it is lent a transaction. */
struct lent {
	struct attempt *by;
	struct core *to;
	struct store *store;
	struct transaction open;
};

static struct lent lend(struct attempt *a, struct core *to)
{
	struct lent own = { a, to, to->store, to->open };

	to->store = a->store;
	to->open = a->open;
	return own;
}

static void give_back(struct lent *l)
{
	l->by->open = l->to->open;
	l->to->store = l->store;
	l->to->open = l->open;
}

static enum inro_err work_as_it_is(struct core *c, const struct change *m)
{
	enum inro_err e = core_holds(c);

	if (e == INRO_OK && c->expect)
		e = c->expect(c, c->expect_arg);
	if (e == INRO_OK && c->reply)
		e = reply_hold(c);
	return e == INRO_OK ? m->work(c, m->arg) : e;
}

static enum inro_err work(struct change *m)
{
	struct core *c = m->c;
	int64_t before = c->open.tip.added;
	enum inro_err e;

	c->changing = true;
	e = work_as_it_is(c, m);
	c->changing = false;
	m->added = c->open.tip.added - before;
	return e;
}

static void fails(struct change *m, enum inro_err e)
{
	m->error = e;
	m->why = err_keep();
}

static enum inro_err work_apart(struct change *m)
{
	enum inro_err e = core_savepoint(m->c);

	if (e != INRO_OK)
		return e;
	e = work(m);
	if (e == INRO_OK)
		return core_release(m->c);
	if (!core_is_rows_fault(e))
		return e;
	fails(m, e);
	return core_rollback_to(m->c);
}

static enum inro_err one(struct attempt *a, struct change *m)
{
	struct lent lent = lend(a, m->c);
	enum inro_err e;

	m->error = INRO_OK;
	e = a->each ? work_apart(m) : work(m);
	give_back(&lent);
	if (e != INRO_OK)
		a->fell = m;
	return e;
}

/* What was kept beside the rows. */
static enum inro_err flush(struct attempt *a)
{
	struct core *c = a->first->c;
	struct lent lent = lend(a, c);
	enum inro_err e = tally_flush(c);

	if (e == INRO_OK)
		e = audit_flush(c);
	give_back(&lent);
	return e;
}

static enum inro_err run(struct attempt *a)
{
	enum inro_err e = store_begin(a->store, STORE_WRITE);

	a->fell = NULL;
	a->began = e == INRO_OK;
	if (e != INRO_OK)
		return e;
	a->open.tallying.n = 0;
	a->open.tip = (struct audit_tip) { 0 };
	cert_form_clear(&a->open.form);
	for (struct change *m = a->first; e == INRO_OK && m; m = m->next)
		e = one(a, m);
	if (e == INRO_OK)
		e = flush(a);
	if (e == INRO_OK)
		return store_commit(a->store);
	store_rollback(a->store);
	return e;
}

/* Those that were in each other's way don't meet again at the same moment. */
static void breathe(int tries)
{
	nanosleep(&(struct timespec) { .tv_nsec = tries * 5000000L + getpid() % 16 * 1000000L },
		  NULL);
}

/* One that is busy of itself does not hold up those beside it. */
static int tries_of(const struct attempt *a)
{
	return a->fell && a->first->next ? 2 : WRITE_TRIES;
}

static enum inro_err run_tries(struct attempt *a)
{
	enum inro_err e = run(a);

	for (int tries = 1; e == INRO_E_BUSY && a->began && tries < tries_of(a); tries++) {
		breathe(tries);
		e = run(a);
	}
	return e;
}

/* Each as if it had come by itself. */
static void do_apart(struct change *first, struct store *by)
{
	while (first) {
		struct change *next = first->next;

		first->next = NULL;
		changes_do(first, by);
		first->next = next;
		first = next;
	}
}

void changes_do(struct change *first, struct store *by)
{
	SCOPED(attempt) a = { .first = first, .store = by };
	enum inro_err e = run_tries(&a);

	if (first->next && a.fell && core_is_rows_fault(e)) {
		a.each = true;
		e = run_tries(&a);
	}
	if (e == INRO_OK)
		return;
	if (first->next && a.fell)
		do_apart(first, by);
	else
		for (struct change *m = first; m; m = m->next)
			fails(m, e);
}

/* ---- one of them, for its caller ---- */

static void count_events(struct core *c, int64_t added)
{
	if (!c->unmarked)
		c->unmarked_ms = clock_now_ms();
	c->unmarked += added;
	mark_if_due(c, false);
}

static enum inro_err write_change(struct core *c, struct change *m)
{
	m->c = c;
	if (c->changing)
		return err_set(INRO_E_STATE, "a transaction is open already");
	core_view_end(c);
	if (c->writers)
		writers_do(c->writers, m);
	else
		changes_do(m, c->store);
	if (m->error != INRO_OK) {
		err_kept_clear(&m->why);
		return m->error;
	}
	core_expect(c, NULL, NULL); /* what follows is after the change */
	count_events(c, m->added);
	return INRO_OK;
}

enum inro_err core_write(struct core *c, core_work_fn *work_fn, void *arg)
{
	return write_change(c, &(struct change) { .work = work_fn, .arg = arg });
}

enum inro_err core_write_alone(struct core *c, core_work_fn *work_fn, void *arg)
{
	return write_change(c, &(struct change) { .work = work_fn, .arg = arg, .alone = true });
}

void core_expect(struct core *c, core_expect_fn *expect, void *arg)
{
	c->expect = expect;
	c->expect_arg = arg;
}

/* ---- a part of it ---- */

enum inro_err core_savepoint(struct core *c)
{
	c->tip_saved = c->open.tip;
	c->tally_saved = tally_mark(c);
	return store_savepoint(c->store);
}

enum inro_err core_release(struct core *c)
{
	return store_release(c->store);
}

enum inro_err core_rollback_to(struct core *c)
{
	c->open.tip = c->tip_saved;
	cert_form_clear(&c->open.form); /* it may be gone */
	tally_back(c, c->tally_saved);
	return store_rollback_to(c->store);
}
