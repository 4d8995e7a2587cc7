/*
 * job_sent - rows that are sent for a job: kept in the database, in pieces, until it is over, and read
 * as a file; and jobs that wait for them.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backoffice/core/job/job_record.h"
#include "backoffice/core/setting.h"
#include "backoffice/pki/alg.h"
#include "base/clock.h"

#define PART_MAX ((size_t)256 << 10)
#define PARTS_A_MEGABYTE 4

/* ---- kept ---- */

static struct store_query parts_of(const struct job *j, struct store_cond *cond)
{
	*cond = (struct store_cond) { .field = "job", .number = j->id };
	return (struct store_query) { .conds = cond, .n = 1 };
}

static enum inro_err check_room(struct core *c, size_t more)
{
	const struct store_cond mine = { .field = "tenant", .number = c->tenant };
	const struct store_query q = { .conds = &mine, .n = 1 };
	int64_t n = 0, megabytes = 0;
	enum inro_err e = setting_number(c, "job.megabytes", &megabytes);

	if (e == INRO_OK)
		e = store_count(c->store, &job_part_type, &q, &n);
	if (e != INRO_OK || n + (int64_t)(more / PART_MAX) < megabytes * PARTS_A_MEGABYTE)
		return e;
	return err_set(INRO_E_FULL,
		       "jobs that are not over have more than %lld MiB of rows; end or cancel some, or "
		       "set job.megabytes", (long long)megabytes);
}

enum inro_err job_rows_keep(struct core *c, struct job *j, struct bytes rows)
{
	enum inro_err e = check_room(c, rows.n);

	for (size_t i = 0; i < rows.n; i++)
		if (rows.p[i] == '\n')
			j->total++;
	while (e == INRO_OK && rows.n) {
		SCOPED(job_part) part = { .tenant = j->tenant, .job = j->id, .at = j->bytes };
		size_t n = rows.n < PART_MAX ? rows.n : PART_MAX;

		e = blob_set(&part.body, BYTES(rows.p, n));
		if (e == INRO_OK)
			e = store_insert(c->store, &part);
		j->bytes += (int64_t)n;
		rows = BYTES(rows.p + n, rows.n - n);
	}
	return e == INRO_OK ? store_update(c->store, j) : e;
}

enum inro_err job_rows_drop(struct core *c, const struct job *j)
{
	struct store_cond cond;
	const struct store_query q = parts_of(j, &cond);
	int64_t n = 0;

	return j->bytes ? store_delete(c->store, &job_part_type, &q, &n) : INRO_OK;
}

/* ---- read as a file ---- */

struct row_stream {
	struct core *c;
	int64_t job, at, end;
	struct job_part part; /* the piece that was read last */
};

static bool holds(const struct row_stream *s)
{
	return s->part.id && s->at >= s->part.at && s->at < s->part.at + (int64_t)s->part.body.n;
}

static enum inro_err load_part(struct row_stream *s)
{
	const struct store_cond conds[] = {
		{ .field = "job", .number = s->job },
		{ .field = "at", .op = STORE_LE, .number = s->at },
	};
	const struct store_query q = { STORE_WHERE(conds), .backward = true, .limit = 1 };
	void *items = NULL;
	size_t n = 0;
	enum inro_err e = core_all(s->c, &job_part_type, &q, &items, &n);

	job_part_clear(&s->part);
	if (e == INRO_OK && n) {
		s->part = *(struct job_part *)items;
		*(struct job_part *)items = (struct job_part) { 0 };
	}
	list_free(&job_part_type, items, n);
	if (e == INRO_OK && !holds(s))
		e = err_set(INRO_E_DAMAGED, "rows of the job are missing");
	return e;
}

static ssize_t read_rows(void *arg, char *to, size_t most)
{
	struct row_stream *s = arg;
	size_t n;

	if (s->at >= s->end)
		return 0;
	if (!holds(s) && load_part(s) != INRO_OK) {
		errno = EIO;
		return -1;
	}
	n = s->part.body.n - (size_t)(s->at - s->part.at);
	n = n < most ? n : most;
	memcpy(to, s->part.body.p + (s->at - s->part.at), n);
	s->at += (int64_t)n;
	return (ssize_t)n;
}

static int seek_rows(void *arg, off64_t *at, int whence)
{
	struct row_stream *s = arg;
	int64_t from = whence == SEEK_CUR ? s->at : whence == SEEK_END ? s->end : 0;

	if (from + *at < 0)
		return -1;
	*at = s->at = from + *at;
	return 0;
}

static int close_rows(void *arg)
{
	struct row_stream *s = arg;

	job_part_clear(&s->part);
	free(s);
	return 0;
}

FILE *job_rows_open(struct job_run *r)
{
	static const cookie_io_functions_t how = { .read = read_rows, .seek = seek_rows, .close = close_rows };
	struct row_stream *s = calloc(1, sizeof *s);
	FILE *f = NULL;

	if (s) {
		*s = (struct row_stream) { .c = r->c, .job = r->job.id, .end = r->job.bytes };
		f = fopencookie(s, "r", how);
	}
	if (!f)
		free(s);
	return f;
}

/* ---- more rows, and the begin ---- */

struct sending {
	int64_t id;
	struct bytes rows;
	struct job *job;
};

bool job_is_given(const struct job *j, const char *name)
{
	char member[32];

	snprintf(member, sizeof member, "\"%s\":", name);
	return strstr(text_or_empty(j->args), member) != NULL;
}

bool job_has_paths(const struct job *j)
{
	return job_is_given(j, "in") || job_is_given(j, "csr-dir") || job_is_given(j, "out-dir");
}

/* It is done in the name of who asked: he knows each row of it. */
static enum inro_err may_send(const struct core *c, const struct job *j)
{
	if (j->state != JOB_QUEUED || j->served || !job_is_given(j, "rows"))
		return err_set(INRO_E_STATE, "job %lld does not wait for rows", (long long)j->id);
	if (j->account != c->account || strcmp(text_or_empty(j->actor), c->actor) != 0)
		return err_set(INRO_E_ACCESS, "rows of job %lld are sent by who asked for it",
			       (long long)j->id);
	return INRO_OK;
}

static enum inro_err note_rows(struct core *c, const struct job *j, struct bytes rows)
{
	uint8_t hash[PKI_DIGEST_MAX];
	SCOPED(buf) detail = { 0 };
	enum inro_err e = pki_digest(PKI_SHA256, rows, hash);

	detail_int(&detail, "bytes", (int64_t)rows.n);
	detail_hex(&detail, "sha256", BYTES(hash, pki_hash_octets(PKI_SHA256)));
	return e == INRO_OK ? job_event(c, j, "job.send", &detail) : e;
}

static enum inro_err send_work(struct core *c, void *arg)
{
	struct sending *x = arg;
	enum inro_err e;

	job_clear(x->job);
	e = job_get(c, x->id, x->job);
	if (e == INRO_OK)
		e = may_send(c, x->job);
	x->job->updated_ms = clock_now_ms();
	if (e == INRO_OK)
		e = job_rows_keep(c, x->job, x->rows);
	return e == INRO_OK ? note_rows(c, x->job, x->rows) : e;
}

static bool is_over(const struct job *j)
{
	return j->state == JOB_DONE || j->state == JOB_CANCELLED;
}

/* Who wants it now is whose rights count. */
static enum inro_err want_work(struct core *c, void *arg)
{
	struct sending *x = arg;
	struct job *j = x->job;
	int to;
	enum inro_err e;

	job_clear(j);
	e = job_get(c, x->id, j);
	if (e == INRO_OK && (is_over(j) || j->state == JOB_FAILED))
		e = lifecycle_move(LIFE_JOB, (int)j->state, VERB_RESUME, c->role, &to);
	if (e == INRO_OK && job_has_paths(j))
		e = err_set(INRO_E_STATE, "job %lld is done with files of a machine: "
			    "'inro job resume %lld' there", (long long)j->id, (long long)j->id);
	if (e != INRO_OK || j->state == JOB_RUNNING)
		return e;
	j->served = 1;
	j->account = c->account;
	j->role = c->role;
	e = text_set(&j->actor, c->actor);
	if (e == INRO_OK)
		e = store_update(c->store, j);
	return e == INRO_OK ? job_event(c, j, "job.want", NULL) : e;
}

static enum inro_err change(struct core *c, const char *action, core_work_fn *work, struct sending *x)
{
	enum inro_err e = core_require(c, ROLE_OPERATOR, "have a job done");

	if (e == INRO_OK)
		e = core_write(c, work, x);
	return e == INRO_OK ? e : job_refused(c, action, x->id, e);
}

enum inro_err job_send(struct core *c, int64_t id, struct bytes rows, struct job *ret)
{
	struct sending x = { .id = id, .rows = rows, .job = ret };

	return change(c, "job.send", send_work, &x);
}

enum inro_err job_want(struct core *c, int64_t id, struct job *ret)
{
	struct sending x = { .id = id, .job = ret };

	return change(c, "job.want", want_work, &x);
}

/* ---- what it gives out ---- */

void job_result_list_clear(struct job_result_list *l)
{
	list_free(&job_result_type, l->items, l->n);
	*l = (struct job_result_list) { 0 };
}

enum inro_err job_results(struct core *c, int64_t id, const struct page *page,
			  struct job_result_list *ret)
{
	struct core_rows rows = { 0 };
	enum inro_err e = job_lines(c, &job_result_type, id, page, &rows);

	if (e == INRO_OK)
		*ret = (struct job_result_list) { .items = rows.items, .n = rows.n, .next = rows.next };
	return e;
}
