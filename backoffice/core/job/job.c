/* job - jobs as records: started, found, cancelled; see job.h. */
#include "backoffice/core/job.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backoffice/core/job/job_kinds.h"
#include "backoffice/core/job/job_record.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/utf8.h"

#define WHY_MAX 255

const struct job_kind *const job_kinds[] = {
	&job_register, &job_update, &job_enable, &job_disable, &job_delete, &job_issue,
	&job_renew,    &job_rekey,  &job_revoke, &job_retire,  &job_export, NULL,
};

static enum inro_err find_kind(const char *name, const struct job_kind **ret)
{
	SCOPED(buf) known = { 0 };

	for (size_t i = 0; job_kinds[i]; i++) {
		if (strcmp(job_kinds[i]->name, text_or_empty(name)) == 0) {
			*ret = job_kinds[i];
			return INRO_OK;
		}
		buf_addf(&known, "%s%s", i ? ", " : "", job_kinds[i]->name);
	}
	buf_add_u8(&known, 0);
	return err_set(INRO_E_ARG, "no kind of job is '%.64s'; there are %s", text_or_empty(name),
		       buf_err(&known) == INRO_OK ? (const char *)known.p : "others");
}

const char *job_arg(const struct job_run *r, const char *name)
{
	return json_string_value(json_object_get(r->args, name));
}

enum inro_err job_arg_set(struct job_run *r, const char *name, const char *value)
{
	if (json_object_set_new(r->args, name, json_string(value)) != 0)
		return err_set(INRO_E_ARG, "'%s' is not UTF-8, or memory is short", name);
	return INRO_OK;
}

enum inro_err job_row_add(struct job_run *r, const char *name)
{
	return job_text_set(&r->lot.names[r->lot.n++], name);
}

enum inro_err job_text_set(char **owned, const char *from)
{
	enum inro_err e = text_set(owned, from);

	if (e == INRO_OK && *owned)
		utf8_defuse(*owned, utf8_is_plain);
	return e;
}

void job_run_clear(struct job_run *r)
{
	job_lot_clear(&r->lot);
	job_clear(&r->job);
	job_clear(&r->next);
	json_decref(r->args);
	r->args = NULL;
}

enum inro_err job_run_open(struct core *c, const struct job *j, struct job_run *ret)
{
	enum inro_err e = find_kind(j->kind, &ret->kind);

	ret->c = c;
	if (e == INRO_OK)
		e = json_object_read("what the job is to do", text_or_empty(j->args), JOB_ARGS_MAX,
				     &ret->args);
	return e == INRO_OK ? e : err_context(e, "job %lld", (long long)j->id);
}

/* ---- what is asked for ---- */

static bool is_one_of(const char *const *names, size_t max, const char *name)
{
	for (size_t i = 0; i < max && names[i]; i++)
		if (strcmp(names[i], name) == 0)
			return true;
	return false;
}

static enum inro_err check_arg(const struct job_kind *k, const struct job_arg *a)
{
	SCOPED(buf) known = { 0 };

	if (is_one_of(k->takes, ARRAY_LEN(k->takes), a->name))
		return core_check_text(a->name, a->value, 4096);
	for (size_t i = 0; i < ARRAY_LEN(k->takes) && k->takes[i]; i++)
		buf_addf(&known, "%s--%s", i ? ", " : "", k->takes[i]);
	buf_add_u8(&known, 0);
	return err_set(INRO_E_ARG, "a job '%s' takes no --%s; it takes %s", k->name, a->name,
		       buf_err(&known) == INRO_OK ? (const char *)known.p : "others");
}

static bool is_there(const struct job_run *r, const char *need)
{
	return job_arg(r, need) || (r->kind->rows && strcmp(need, "in") == 0 && job_has_rows(r));
}

static enum inro_err check_sent(const struct job_run *r, const struct job_sent *s)
{
	if (!s->format && s->rows.n)
		return err_set(INRO_E_ARG, "rows are csv or jsonl");
	if (s->format && !r->kind->rows)
		return err_set(INRO_E_ARG, "a job '%s' takes no rows", r->kind->name);
	return INRO_OK;
}

static enum inro_err read_order(const struct job_order *o, const struct job_sent *s,
				struct job_run *r)
{
	enum inro_err e = find_kind(o->kind, &r->kind);

	r->args = json_object();
	if (e == INRO_OK && s)
		e = check_sent(r, s);
	if (e == INRO_OK && s && s->format)
		e = job_arg_set(r, "rows", s->format);
	for (size_t i = 0; e == INRO_OK && i < o->n; i++) {
		e = check_arg(r->kind, &o->args[i]);
		if (e == INRO_OK)
			e = job_arg_set(r, o->args[i].name, o->args[i].value);
	}
	for (size_t i = 0; e == INRO_OK && i < ARRAY_LEN(r->kind->needs) && r->kind->needs[i]; i++)
		if (!is_there(r, r->kind->needs[i]))
			e = err_set(INRO_E_ARG, "a job '%s' needs --%s", r->kind->name,
				    r->kind->needs[i]);
	return e;
}

static enum inro_err fill_record(struct job_run *r)
{
	struct job *j = &r->job;
	enum inro_err e = text_set(&j->kind, r->kind->name);

	if (e == INRO_OK)
		e = text_set(&j->actor, r->c->actor);
	if (e == INRO_OK)
		e = json_object_write(r->args, &j->args);
	if (e == INRO_OK && strlen(j->args) > JOB_ARGS_MAX)
		e = err_set(INRO_E_TOO_BIG, "what the job is to do has more than %d bytes",
			    JOB_ARGS_MAX);
	j->tenant = r->c->tenant;
	j->account = r->c->account;
	j->role = r->c->role;
	j->state = JOB_QUEUED;
	j->created_ms = j->updated_ms = clock_now_ms();
	return e;
}

enum inro_err job_event(struct core *c, const struct job *j, const char *action, struct buf *detail)
{
	char name[24];
	const struct audit_entry entry = { action, "job", name, EVENT_DONE, detail };

	snprintf(name, sizeof name, "%lld", (long long)j->id);
	return audit_append(c, &entry);
}

struct queueing {
	struct job_run *r;
	const struct job_sent *sent; /* NULL: nothing */
	int64_t planned;
};

static enum inro_err queue_work(struct core *c, void *arg)
{
	const struct queueing *q = arg;
	struct job_run *r = q->r;
	SCOPED(buf) detail = { 0 };
	enum inro_err e;

	r->job.id = 0;
	r->job.bytes = 0;
	r->job.total = q->planned;
	e = store_insert(c->store, &r->job);
	if (e == INRO_OK && q->sent && q->sent->rows.n)
		e = job_rows_keep(c, &r->job, q->sent->rows);
	detail_text(&detail, "kind", r->job.kind);
	detail_text(&detail, "args", r->job.args);
	return e == INRO_OK ? job_event(c, &r->job, "job.queue", &detail) : e;
}

static enum inro_err start(struct core *c, const struct job_order *o, const struct job_sent *s,
			   struct job_run *r)
{
	struct queueing q = { .r = r, .sent = s };
	enum inro_err e = core_require(c, ROLE_OPERATOR, "start a job");

	r->c = c;
	if (e == INRO_OK)
		e = read_order(o, s, r);
	r->asked = s != NULL;
	r->job.served = s && !s->waits;
	if (e == INRO_OK) {
		store_survey(c->store); /* all that it is about may be walked, to tell how many they are */
		e = r->kind->plan(r);
	}
	if (e == INRO_OK)
		e = fill_record(r);
	q.planned = r->job.total;
	return e == INRO_OK ? core_write(c, queue_work, &q) : e;
}

static void run_free(struct job_run **r)
{
	if (*r)
		job_run_clear(*r);
	free(*r);
}

static enum inro_err begin(struct core *c, const struct job_order *o, const struct job_sent *s,
			   struct job *ret)
{
	AUTO(run_free) struct job_run *r = calloc(1, sizeof *r);
	enum inro_err e;

	if (!r)
		return err_set(INRO_E_NO_MEMORY, "no memory for a job");
	e = start(c, o, s, r);
	if (e != INRO_OK)
		return audit_refused(c, "job.queue", "job", text_or_empty(o->kind), e);
	*ret = r->job;
	r->job = (struct job) { 0 };
	return INRO_OK;
}

enum inro_err job_start(struct core *c, const struct job_order *o, struct job *ret)
{
	return begin(c, o, NULL, ret);
}

enum inro_err job_ask(struct core *c, const struct job_order *o, const struct job_sent *s,
		      struct job *ret)
{
	return begin(c, o, s, ret);
}

int64_t job_rows(const struct job *j)
{
	return j->done + j->same + j->failed;
}

int64_t job_passed(const struct job *j)
{
	return j->state == JOB_DONE && j->total > job_rows(j) ? j->total - job_rows(j) : 0;
}

/* ---- found again ---- */

enum inro_err job_get(struct core *c, int64_t id, struct job *ret)
{
	return core_numbered(c, &job_type, "job", id, ret);
}

void job_list_clear(struct job_list *l)
{
	list_free(&job_type, l->items, l->n);
	*l = (struct job_list) { 0 };
}

enum inro_err job_find(struct core *c, const enum job_state *state, const struct page *page,
		       struct job_list *ret)
{
	const struct store_cond conds[] = {
		{ .field = "tenant", .number = c->tenant },
		{ .field = "state", .number = state ? *state : 0 },
	};
	struct store_query q = { .conds = conds, .n = state ? 2 : 1 };
	struct core_rows rows = { 0 };
	enum inro_err e = core_page(c, &job_type, &q, page, &rows);

	if (e == INRO_OK)
		*ret = (struct job_list) { .items = rows.items, .n = rows.n, .next = rows.next };
	return e;
}

void job_error_list_clear(struct job_error_list *l)
{
	list_free(&job_error_type, l->items, l->n);
	*l = (struct job_error_list) { 0 };
}

enum inro_err job_lines(struct core *c, const struct record_type *t, int64_t id,
			const struct page *page, struct core_rows *ret)
{
	const struct store_cond conds[] = {
		{ .field = "tenant", .number = c->tenant },
		{ .field = "job", .number = id },
	};
	struct store_query q = { STORE_WHERE(conds) };
	SCOPED(job) j = { 0 };
	enum inro_err e = job_get(c, id, &j);

	return e == INRO_OK ? core_page(c, t, &q, page, ret) : e;
}

enum inro_err job_errors(struct core *c, int64_t id, const struct page *page,
			 struct job_error_list *ret)
{
	struct core_rows rows = { 0 };
	enum inro_err e = job_lines(c, &job_error_type, id, page, &rows);

	if (e == INRO_OK)
		*ret = (struct job_error_list) { .items = rows.items, .n = rows.n, .next = rows.next };
	return e;
}

struct telling {
	struct core *c;
	int64_t id;
	struct page page;
	bool ended;
	struct buf lines;
};

static enum inro_err pull_errors(void *arg, struct bytes *ret)
{
	struct telling *t = arg;
	SCOPED(job_error_list) l = { 0 };
	enum inro_err e = t->ended ? INRO_OK : job_errors(t->c, t->id, &t->page, &l);

	buf_reset(&t->lines);
	for (size_t i = 0; e == INRO_OK && i < l.n; i++)
		buf_addf(&t->lines, "%s\t%s\t%s\n", text_or_empty(l.items[i].name),
			 l.items[i].error, text_or_empty(l.items[i].why));
	t->page.after = l.next;
	t->ended = l.next == 0;
	if (e == INRO_OK)
		e = buf_err(&t->lines);
	*ret = buf_bytes(&t->lines);
	return e;
}

enum inro_err job_errors_write(struct core *c, int64_t id, const char *path)
{
	struct telling t = { .c = c, .id = id };
	enum inro_err e = file_write_pulled(path, 0600, pull_errors, &t);

	buf_clear(&t.lines);
	return e;
}

/* ---- moved ---- */

enum inro_err job_move(struct core *c, struct job *j, enum verb verb)
{
	int to;
	enum inro_err e = lifecycle_move(LIFE_JOB, (int)j->state, verb, c->role, &to);

	if (e != INRO_OK)
		return err_context(e, "job %lld", (long long)j->id);
	j->state = (enum job_state)to;
	j->updated_ms = clock_now_ms();
	return INRO_OK;
}

struct cancelling {
	int64_t id;
	const char *why;
	struct job job;
};

static enum inro_err cancel_work(struct core *c, void *arg)
{
	struct cancelling *x = arg;
	SCOPED(buf) detail = { 0 };
	enum inro_err e;

	job_clear(&x->job);
	e = job_get(c, x->id, &x->job);
	if (e == INRO_OK)
		e = job_move(c, &x->job, VERB_CANCEL);
	if (e == INRO_OK)
		e = text_set(&x->job.said, x->why);
	if (e == INRO_OK)
		e = store_update(c->store, &x->job);
	if (e == INRO_OK)
		e = job_rows_drop(c, &x->job);
	detail_text(&detail, "why", x->why);
	return e == INRO_OK ? job_event(c, &x->job, "job.cancel", &detail) : e;
}

enum inro_err job_refused(struct core *c, const char *action, int64_t id, enum inro_err e)
{
	char name[24];

	snprintf(name, sizeof name, "%lld", (long long)id);
	return audit_refused(c, action, "job", name, e);
}

enum inro_err job_cancel(struct core *c, int64_t id, const char *why, struct job *ret)
{
	struct cancelling x = { .id = id, .why = why };
	enum inro_err e = core_require(c, ROLE_OPERATOR, "cancel a job");

	if (e == INRO_OK)
		e = core_check_text("the reason", why, WHY_MAX);
	if (e == INRO_OK)
		e = core_write(c, cancel_work, &x);
	if (e != INRO_OK) {
		job_clear(&x.job);
		return job_refused(c, "job.cancel", id, e);
	}
	*ret = x.job;
	return INRO_OK;
}
