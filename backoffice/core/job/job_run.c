/* job_run - a job at work: its lease, its lots of rows, its end; see job.h. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backoffice/core/job/job_record.h"
#include "backoffice/core/lease.h"
#include "base/clock.h"

#define LEASE_MS   120000
#define LEASE_SLACK_MS 60000 /* that the clock may be set back */
#define AT_THE_END "." /* a place behind all rows; no kind has it */

void job_lot_clear(struct job_lot *l)
{
	for (size_t i = 0; i < l->n; i++) {
		free(l->names[i]);
		l->names[i] = NULL;
		l->same[i] = l->wanted[i] = false;
		l->given[i] = 0;
		free(l->before[i]);
		l->before[i] = NULL;
		batch_result_clear(&l->results[i]);
	}
	l->n = 0;
	free(l->cursor);
	l->cursor = NULL;
}

/* ---- the lease: who works at it (lease.h) ---- */

/* Whoever has it may be gone: then a process of this machine has no process by its number. */
enum inro_err job_at_work(struct core *c, const struct job *j, bool *ret)
{
	const char *by = text_or_empty(j->lease_by);
	int64_t now = 0;
	enum inro_err e;

	*ret = false;
	if (!*by || !lease_holder_lives(by))
		return INRO_OK;
	e = store_now(c->store, &now);
	*ret = e == INRO_OK && clock_holds(now, j->lease_until_ms, LEASE_MS + LEASE_SLACK_MS);
	return e;
}

static enum inro_err lease_from_now(struct core *c, struct job *j)
{
	int64_t now = 0;
	enum inro_err e = store_now(c->store, &now);

	if (e == INRO_OK)
		j->lease_until_ms = now + LEASE_MS;
	return e;
}

/* By a clock that nobody sets. */
static void look_later(struct job_run *r)
{
	r->look_ms = clock_monotonic_ms() + LEASE_MS / 3;
}

static enum inro_err take_free(struct core *c, struct job *j)
{
	SCOPED(buf) detail = { 0 };
	bool at_work = false;
	enum inro_err e;

	if (j->state != JOB_RUNNING)
		return INRO_OK;
	e = job_at_work(c, j, &at_work);
	if (e != INRO_OK)
		return e;
	if (at_work)
		return err_set(INRO_E_BUSY, "job %lld is being done by %s", (long long)j->id,
			       j->lease_by);
	detail_text(&detail, "reason", "whoever did it is gone");
	e = job_move(c, j, VERB_STOP);
	return e == INRO_OK ? job_event(c, j, "job.stop", &detail) : e;
}

struct taking {
	int64_t id;
	bool found; /* by a server, which looked at it before */
	char mine[LEASE_HOLDER_MAX + 1];
	struct job *job;
};

bool job_is_wanted(const struct job *j)
{
	return j->state == JOB_RUNNING ||
	       (j->served && (j->state == JOB_QUEUED || j->state == JOB_FAILED));
}

/* What was seen of it may be over by now. */
static enum inro_err still_wanted(const struct core *c, const struct job *j)
{
	if (job_is_wanted(j) && j->account == c->account && j->role == c->role)
		return INRO_OK;
	return err_set(INRO_E_STATE, "job %lld is another's by now", (long long)j->id);
}

static enum inro_err take_work(struct core *c, void *arg)
{
	struct taking *t = arg;
	struct job *j = t->job;
	SCOPED(buf) detail = { 0 };
	bool again;
	enum inro_err e;

	job_clear(j);
	e = job_get(c, t->id, j);
	if (e == INRO_OK && t->found)
		e = still_wanted(c, j);
	if (e == INRO_OK)
		e = take_free(c, j);
	again = j->state == JOB_FAILED;
	if (e == INRO_OK)
		e = job_move(c, j, again ? VERB_RESUME : VERB_START);
	if (e == INRO_OK)
		e = text_set(&j->lease_by, t->mine);
	if (e == INRO_OK)
		e = text_set(&j->said, NULL);
	if (e == INRO_OK)
		e = lease_from_now(c, j);
	if (!j->started_ms)
		j->started_ms = j->updated_ms;
	if (e == INRO_OK)
		e = store_update(c->store, j);
	detail_text(&detail, "kind", j->kind);
	return e == INRO_OK ? job_event(c, j, again ? "job.resume" : "job.start", &detail) : e;
}

/* The record as it is now, when it is still ours to write. */
static enum inro_err reload(struct core *c, struct job_run *r)
{
	struct job *j = &r->next;
	enum inro_err e;

	job_clear(j);
	r->lost = false;
	e = job_get(c, r->job.id, j);
	if (e != INRO_OK)
		return e;
	if (j->state == JOB_CANCELLED)
		e = err_set(INRO_E_CANCELLED, "job %lld was cancelled", (long long)j->id);
	else if (j->state != JOB_RUNNING ||
		 strcmp(text_or_empty(j->lease_by), text_or_empty(r->job.lease_by)) != 0 ||
		 strcmp(text_or_empty(j->cursor), text_or_empty(r->job.cursor)) != 0)
		e = err_set(INRO_E_STATE, "job %lld was taken over by %s", (long long)j->id,
			    *text_or_empty(j->lease_by) ? j->lease_by : "another");
	r->lost = e != INRO_OK;
	return e;
}

static enum inro_err prolong(struct core *c, void *arg)
{
	struct job_run *r = arg;
	enum inro_err e = reload(c, r);

	if (e == INRO_OK)
		e = lease_from_now(c, &r->next);
	return e == INRO_OK ? store_update(c->store, &r->next) : e;
}

enum inro_err job_goes_on(struct job_run *r)
{
	enum inro_err e;

	if (clock_monotonic_ms() < r->look_ms)
		return INRO_OK;
	e = core_write(r->c, prolong, r);
	if (e != INRO_OK)
		return e;
	r->job.lease_until_ms = r->next.lease_until_ms;
	look_later(r);
	return e;
}

/* ---- a lot ---- */

static enum inro_err write_error(struct core *c, const struct job_run *r, size_t i)
{
	SCOPED(job_error) row = { .tenant = c->tenant, .job = r->job.id };
	enum inro_err e = text_set(&row.name, r->lot.names[i]);

	if (e == INRO_OK)
		e = text_set(&row.error, err_name(r->lot.results[i].error));
	if (e == INRO_OK)
		e = job_text_set(&row.why, r->lot.results[i].why);
	return e == INRO_OK ? store_insert(c->store, &row) : e;
}

static enum inro_err write_result(struct core *c, const struct job_run *r, size_t i)
{
	SCOPED(job_result) row = { .tenant = c->tenant,
				   .job = r->job.id,
				   .credential = r->lot.given[i] };
	enum inro_err e = text_set(&row.name, r->lot.names[i]);

	return e == INRO_OK ? store_insert(c->store, &row) : e;
}

static enum inro_err count_rows(struct core *c, struct job_run *r)
{
	enum inro_err e = INRO_OK;

	for (size_t i = 0; e == INRO_OK && i < r->lot.n; i++) {
		bool bad = r->lot.results[i].error != INRO_OK;

		r->next.failed += bad;
		r->next.same += !bad && r->lot.same[i];
		r->next.done += !bad && !r->lot.same[i];
		r->next.wanted += !bad && r->lot.wanted[i];
		r->next.anchors_of_deleted += !bad && r->lot.before[i];
		if (bad)
			e = write_error(c, r, i);
		else if (r->lot.given[i])
			e = write_result(c, r, i);
	}
	return e;
}

/* How far it is, behind the rows of a lot and in their transaction. */
static enum inro_err advance(struct core *c, void *arg)
{
	struct job_run *r = arg;
	enum inro_err e = reload(c, r);

	if (e == INRO_OK)
		e = count_rows(c, r);
	if (e == INRO_OK && (r->lot.cursor || r->lot.ended))
		e = text_set(&r->next.cursor, r->lot.ended ? AT_THE_END : r->lot.cursor);
	r->next.updated_ms = clock_now_ms();
	if (e == INRO_OK)
		e = lease_from_now(c, &r->next);
	return e == INRO_OK ? store_update(c->store, &r->next) : e;
}

static enum inro_err still_ours(struct core *c, void *arg)
{
	return reload(c, arg);
}

static void take_next(struct job_run *r)
{
	job_clear(&r->job);
	r->job = r->next;
	r->next = (struct job) { 0 };
	look_later(r);
}

static enum inro_err write_lot(struct job_run *r)
{
	const struct batch b = { .begin = r->kind->begin,
				 .row = r->kind->row,
				 .end = r->kind->repeats ? still_ours : advance,
				 .arg = r,
				 .results = r->lot.results,
				 .n = r->lot.n };
	enum inro_err e = r->kind->row ? batch_write(r->c, &b) : INRO_OK;

	/* The place is on record by now: what fails behind it stops the job there. */
	if (e == INRO_OK && !r->kind->repeats)
		take_next(r);
	if (e == INRO_OK && r->kind->after)
		e = r->kind->after(r);
	if (e != INRO_OK || !r->kind->repeats)
		return e;
	e = core_write(r->c, advance, r);
	if (e == INRO_OK)
		take_next(r);
	return e;
}

static enum inro_err do_lot(struct job_run *r)
{
	enum inro_err e;

	job_lot_clear(&r->lot);
	e = r->kind->next(r);
	if (e == INRO_OK && r->lot.n && r->kind->ready)
		e = r->kind->ready(r);
	return e == INRO_OK && (r->lot.n || r->lot.cursor) ? write_lot(r) : e;
}

/* ---- the end ---- */

/* How many rows a file or a folder has shows behind the last; of records that were searched some
 * may have come to fit the conditions meanwhile. */
static void settle_total(const struct job_run *r, struct job *j)
{
	int64_t rows = job_rows(j);

	if (!job_arg(r, "where") || j->total < rows)
		j->total = rows;
}

static enum inro_err end_with(struct core *c, struct job_run *r, enum verb verb, const char *why)
{
	struct job *j = &r->next;
	SCOPED(buf) detail = { 0 };
	enum inro_err e = reload(c, r);

	if (e == INRO_OK)
		e = job_move(c, j, verb);
	if (e == INRO_OK)
		e = text_set(&j->said, why);
	if (e == INRO_OK)
		e = text_set(&j->lease_by, NULL);
	j->lease_until_ms = 0;
	j->served = 0; /* what stopped is somebody's to look at */
	if (e == INRO_OK && verb == VERB_FINISH)
		e = job_rows_drop(c, j);
	if (e == INRO_OK && verb == VERB_FINISH)
		settle_total(r, j);
	if (e == INRO_OK)
		e = store_update(c->store, j);
	detail_int(&detail, "done", j->done);
	detail_int(&detail, "same", j->same);
	detail_int(&detail, "wanted", j->wanted);
	detail_int(&detail, "failed", j->failed);
	detail_int(&detail, "passed", job_passed(j));
	if (j->anchors_of_deleted)
		detail_int(&detail, "anchors_of_deleted", j->anchors_of_deleted);
	detail_text(&detail, "reason", why);
	return e == INRO_OK
		       ? job_event(c, j, verb == VERB_FINISH ? "job.finish" : "job.stop", &detail)
		       : e;
}

static enum inro_err finish_work(struct core *c, void *arg)
{
	return end_with(c, arg, VERB_FINISH, NULL);
}

struct stopping {
	struct job_run *r;
	const char *why;
};

static enum inro_err stop_work(struct core *c, void *arg)
{
	struct stopping *s = arg;

	return end_with(c, s->r, VERB_STOP, s->why);
}

/* Whether or not the database takes the word of it, what was done is on record.  A job that is cancelled, or another's
 * by now, is no longer ours to write; that a person gave up on a token's PIN says nothing of the job. */
static enum inro_err stop(struct job_run *r, enum inro_err e)
{
	char why[ERR_DETAIL_MAX];
	struct stopping s = { r, why };
	enum inro_err told;

	if (r->lost)
		return e;
	snprintf(why, sizeof why, "%s", err_detail(e));
	told = core_write(r->c, stop_work, &s);
	if (told == INRO_E_CANCELLED || told == INRO_E_STATE)
		return told;
	if (told == INRO_OK)
		take_next(r);
	if (e == INRO_E_CANCELLED)
		e = INRO_E_PIN_MISSING;
	return err_set(e, "%s; job %lld stopped after %lld %s, 'inro job resume %lld' goes on", why, (long long)r->job.id,
		       (long long)job_rows(&r->job), job_rows(&r->job) == 1 ? "row" : "rows", (long long)r->job.id);
}

/* Under way, and nobody's: whoever comes next goes on. */
static enum inro_err leave_work(struct core *c, void *arg)
{
	struct job_run *r = arg;
	enum inro_err e = reload(c, r);

	if (e == INRO_OK)
		e = text_set(&r->next.lease_by, NULL);
	r->next.lease_until_ms = 0;
	return e == INRO_OK ? store_update(c->store, &r->next) : e;
}

static bool ends(const struct job_watch *w)
{
	return w && w->ends && w->ends(w->arg);
}

static enum inro_err work(struct job_run *r, const struct job_watch *w)
{
	bool left = false;
	enum inro_err e;

	r->lot.ended = strcmp(text_or_empty(r->job.cursor), AT_THE_END) == 0;
	e = r->kind->open(r);
	while (e == INRO_OK && !r->lot.ended && !(left = ends(w))) {
		e = do_lot(r);
		if (e == INRO_OK && w && w->told)
			w->told(w->arg, &r->job);
	}
	r->kind->close(r);
	if (e == INRO_OK)
		e = core_write(r->c, left ? leave_work : finish_work, r);
	if (e == INRO_OK)
		take_next(r);
	return e;
}

static enum inro_err run(struct job_run *r, const struct job_watch *w)
{
	enum inro_err e = job_run_open(r->c, &r->job, r);

	if (e == INRO_OK) {
		store_survey(r->c->store);
		e = work(r, w);
	}
	return e == INRO_OK ? e : stop(r, e);
}

static void run_drop(struct job_run **r)
{
	if (*r)
		job_run_clear(*r);
	free(*r);
}

static enum inro_err take_and_run(struct core *c, struct taking t, const struct job_watch *w,
				  struct job *ret)
{
	AUTO(run_drop) struct job_run *r = calloc(1, sizeof *r);
	enum inro_err e;

	if (!r)
		return err_set(INRO_E_NO_MEMORY, "no memory for a job");
	r->c = c;
	r->watch = w;
	t.job = &r->job;
	e = lease_holder(t.mine);
	if (e == INRO_OK)
		e = core_require(c, ROLE_OPERATOR, "do a job");
	if (e == INRO_OK)
		e = core_write(c, take_work, &t);
	look_later(r);
	if (t.found && (e == INRO_E_STATE || e == INRO_E_BUSY))
		return e;
	if (e != INRO_OK)
		return job_refused(c, "job.start", t.id, e);
	e = run(r, w);
	*ret = r->job;
	r->job = (struct job) { 0 };
	return e;
}

enum inro_err job_run(struct core *c, int64_t id, const struct job_watch *w, struct job *ret)
{
	return take_and_run(c, (struct taking) { .id = id }, w, ret);
}

enum inro_err job_run_found(struct core *c, int64_t id, const struct job_watch *w, struct job *ret)
{
	return take_and_run(c, (struct taking) { .id = id, .found = true }, w, ret);
}
