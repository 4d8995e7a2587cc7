/*
 * job_serve - what servers do of jobs: those that they are asked for, and what processes left behind.
 *
 * 1. Which server does a job is settled by the job's lease; none is special.
 * 2. A job is done in the name of who asked for it, with the role that he had; the account is looked at
 *    in every write transaction.  One whose account may no more is put aside, as failed or not begun.
 * 3. Files of a machine are not opened with a server's rights: a job that has some is not a server's.
 */
#include <stdio.h>
#include <string.h>

#include "backoffice/core/duty.h"
#include "backoffice/core/job/job_record.h"
#include "backoffice/core/network.h"

/* The tenant "default" and its administrator, who the core is; and whom the job is of. */
static struct core_who who_is(const struct core *c)
{
	struct core_who who = { .tenant = c->tenant, .role = c->role, .account = c->account };

	snprintf(who.actor, sizeof who.actor, "%s", c->actor);
	return who;
}

static struct core_who who_asked(const struct job *j)
{
	struct core_who who = { .tenant = j->tenant, .role = j->role, .account = j->account };

	snprintf(who.actor, sizeof who.actor, "%s", j->actor);
	return who;
}

struct aside {
	int64_t id;
	const char *why;
	const char *by; /* our lease, when we had begun */
};

static enum inro_err aside_work(struct core *c, void *arg)
{
	const struct aside *x = arg;
	SCOPED(job) j = { 0 };
	SCOPED(buf) detail = { 0 };
	bool at_work = false;
	enum inro_err e = job_get(c, x->id, &j);

	if (e != INRO_OK || !job_is_wanted(&j))
		return e;
	e = job_at_work(c, &j, &at_work);
	if (e != INRO_OK || (at_work && strcmp(j.lease_by, x->by) != 0))
		return e;
	j.served = 0;
	j.lease_until_ms = 0;
	if (j.state == JOB_RUNNING)
		e = job_move(c, &j, VERB_STOP);
	if (e == INRO_OK)
		e = text_set(&j.lease_by, NULL);
	if (e == INRO_OK)
		e = text_set(&j.said, x->why);
	if (e == INRO_OK)
		e = store_update(c->store, &j);
	detail_text(&detail, "reason", x->why);
	return e == INRO_OK ? job_event(c, &j, "job.stop", &detail) : e;
}

/* By the server itself: who asked for it may nothing. */
static enum inro_err put_aside(struct core *c, const struct core_who *own, const struct job *j,
			       const char *by)
{
	struct core_who there = *own;
	char why[ERR_DETAIL_MAX];
	struct aside x = { j->id, why, by };
	enum inro_err e;

	snprintf(why, sizeof why, "%s", err_detail(INRO_E_ACCESS));
	there.tenant = j->tenant;
	e = core_become(c, &there);
	return e == INRO_OK ? core_write(c, aside_work, &x) : e;
}

/* An error of the job is on its record, and is not the next one's. */
static enum inro_err serve_one(struct core *c, const struct job *j, const struct job_watch *w)
{
	const struct core_who own = who_is(c), theirs = who_asked(j);
	SCOPED(job) done = { 0 };
	enum inro_err e = core_become(c, &theirs), back;

	if (e == INRO_OK)
		e = job_run_found(c, j->id, w, &done);
	if (e == INRO_E_ACCESS)
		e = put_aside(c, &own, j, text_or_empty(done.lease_by));
	back = core_become(c, &own);
	if (back != INRO_OK)
		return back;
	return e == INRO_E_CANCELLED || e == INRO_E_STATE || e == INRO_E_BUSY ? INRO_OK : e;
}

static enum inro_err find_wanted(struct core *c, void **ret, size_t *ret_n)
{
	const struct store_cond conds[] = {
		{ .field = "state", .number = JOB_RUNNING },
		{ .op = STORE_OR },
		{ .field = "state", .number = JOB_QUEUED },
		{ .field = "served", .number = 1 },
		{ .op = STORE_OR },
		{ .field = "state", .number = JOB_FAILED },
		{ .field = "served", .number = 1 },
	};
	const struct store_query q = { STORE_WHERE(conds) };

	return core_all(c, &job_type, &q, ret, ret_n);
}

/* Those before it may have taken hours: what it is now counts. */
static enum inro_err serve_next(struct core *c, int64_t id, const struct job_watch *w)
{
	SCOPED(job) now = { 0 };
	bool at_work = false;
	enum inro_err e = store_get(c->store, id, &now);

	if (e != INRO_OK)
		return e == INRO_E_NOT_FOUND ? INRO_OK : e;
	if (!job_is_wanted(&now) || job_has_paths(&now))
		return INRO_OK;
	e = job_at_work(c, &now, &at_work);
	return e == INRO_OK && !at_work ? serve_one(c, &now, w) : e;
}

enum inro_err job_serve(struct core *c, const struct job_watch *w)
{
	void *items = NULL;
	size_t n = 0;
	struct duty_faults faults = { 0 };
	enum inro_err e = find_wanted(c, &items, &n);

	for (size_t i = 0; e == INRO_OK && i < n && !(w && w->ends && w->ends(w->arg)); i++)
		duty_note(&faults, serve_next(c, ((const struct job *)items)[i].id, w));
	list_free(&job_type, items, n);
	return e == INRO_OK ? duty_say(&faults) : e;
}
