/*
 * noun_job - bulk work: started, gone on with, looked at, cancelled.
 *
 * What a kind of job takes is the core's to say: here are the options of all of them.
 */
#include "backoffice/core/job.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "tools/anchor_told.h"
#include "tools/confirm.h"
#include "tools/interrupt.h"
#include "tools/nouns.h"
#include "tools/office.h"
#include "tools/progress.h"
#include "tools/text.h"

/* Handed to the job as they are; flags as "yes". */
static const char *const handed[] = { "where",	 "in",	    "why",     "ca",	 "profile", "days",
				      "csr-dir", "out-dir", "devices", "reason", "type",   "encoding" };

/* ---- at work ---- */

static size_t rows_of(const struct job *j)
{
	return (size_t)job_rows(j);
}

struct watching {
	struct progress progress;
	json_t *also; /* numbers */
	json_t *again; /* devices with the trust anchor of a deleted one */
};

static void show_lot(void *arg, const struct job *j)
{
	struct watching *w = arg;
	progress_at(&w->progress, rows_of(j));
}

static void note_also(void *arg, int64_t credential)
{
	struct watching *w = arg;
	json_array_append_new(w->also, json_integer(credential));
}

static void note_again(void *arg, const char *row, const char *id, const char *before)
{
	struct watching *w = arg;
	anchor_told_add(w->again, json_pack("{s:o s:s s:s}", "row", json_of_text(row), "id", id, "before",
					    before));
}

/* Where bad rows are told; NULL: they are only on record. */
static enum inro_err errors_path(const struct call *c, const struct job *j, char **ret)
{
	json_t *args = json_loads(text_or_empty(j->args), 0, NULL);
	const char *in = json_string_value(json_object_get(args, "in"));
	enum inro_err e = INRO_OK;
	if (call_has(c, "errors"))
		e = text_set(ret, call_opt(c, "errors"));
	else if (in && asprintf(ret, "%s.errors", in) < 0)
		e = err_set(INRO_E_NO_MEMORY, "memory is short");
	json_decref(args);
	return e;
}

static enum inro_err tell_errors(const struct call *c, struct core *core, const struct job *j)
{
	AUTO(free_chars) char *path = NULL;
	char command[48];
	enum inro_err e = INRO_OK;
	snprintf(command, sizeof command, "'inro job errors %lld'", (long long)j->id);
	e = errors_path(c, j, &path);
	/* That of an earlier job would be taken for this one's. */
	if (!e && !j->failed && path && !call_has(c, "errors"))
		(void)unlink(path);
	if (!e && !j->failed)
		return INRO_OK;
	if (!e && path)
		e = job_errors_write(core, j->id, path);
	if (e)
		return err_context(e, "%lld %s could not be done; %s says why, as a file can't", (long long)j->failed,
				   j->failed == 1 ? "row" : "rows", command);
	return err_set(INRO_E_POLICY, "%lld %s could not be done; %s says why", (long long)j->failed,
		       j->failed == 1 ? "row" : "rows", path ? path : command);
}

#define ALSO_SHOWN 20

/* In words behind the answer's; all of them are in the document. */
static json_t *also_words(const json_t *also)
{
	SCOPED(buf) text = { 0 };
	size_t n = json_array_size(also);
	for (size_t i = 0; i < n && i < ALSO_SHOWN; i++)
		buf_addf(&text, "%s%lld", i ? ", " : "; with them those of the same keys: ",
			 (long long)json_integer_value(json_array_get(also, i)));
	if (n > ALSO_SHOWN)
		buf_addf(&text, " and %zu more", n - ALSO_SHOWN);
	return text_json(buf_bytes(&text));
}

static json_t *summary(const struct job *j, size_t before, int64_t ms, const struct watching *at)
{
	double seconds = (double)(ms ? ms : 1) / 1e3;
	double rate = (double)(rows_of(j) - before) / seconds;
	char took[64];
	json_t *doc = json_of_job(j);
	snprintf(took, sizeof took, "%.1f s, %.0f a second", seconds, rate);
	json_object_set_new(doc, "seconds", json_real(seconds));
	json_object_set_new(doc, "per_second", json_real(rate));
	json_object_set_new(doc, "took", json_string(took));
	json_object_set(doc, "also_revoked", at->also);
	json_object_set_new(doc, "also", also_words(at->also));
	json_object_set(doc, "anchors_before", at->again);
	json_object_set_new(doc, "anchors", anchor_told_words(j->anchors_of_deleted, at->again));
	return doc;
}

static bool is_interrupted(void *arg)
{
	(void)arg;
	return interrupt_came();
}

/* Between two lots: it is under way, and nobody's. */
static enum inro_err resumable(const struct job *j)
{
	if (j->state != JOB_RUNNING)
		return INRO_OK;
	return err_set(INRO_E_CANCELLED, "interrupted; job %lld stopped after %lld %s, 'inro job resume %lld' goes on",
		       (long long)j->id, (long long)job_rows(j), job_rows(j) == 1 ? "row" : "rows", (long long)j->id);
}

static enum inro_err run_job(const struct call *c, struct core *core, int64_t id, const struct job_watch *w,
			     struct job *ret)
{
	char words[128];
	enum inro_err e;
	snprintf(words, sizeof words,
		 c->json ? "{\"error\":{\"code\":\"INRO_E_CANCELLED\",\"message\":\"interrupted; 'inro job resume "
			   "%lld' goes on\",\"status\":1}}\n"
			 : "inro: interrupted; 'inro job resume %lld' goes on\n",
		 (long long)id);
	interrupt_begin(words);
	e = job_run(core, id, w, ret);
	interrupt_end();
	return e ? e : resumable(ret);
}

static enum inro_err do_job(const struct call *c, struct core *core, int64_t id, json_t **ret)
{
	SCOPED(job) j = { 0 };
	struct watching at = { .also = json_array(), .again = json_array() };
	const struct job_watch w = {
		.told = show_lot, .arg = &at, .ends = is_interrupted, .also = note_also, .again = note_again
	};
	int64_t since = clock_monotonic_ms();
	size_t before = 0;
	enum inro_err e = job_get(core, id, &j);
	if (!e) {
		before = rows_of(&j);
		progress_start(&at.progress, "rows", (size_t)j.total);
		progress_from(&at.progress, before);
		job_clear(&j);
		e = run_job(c, core, id, &w, &j);
		progress_end(&at.progress);
	}
	if (!e)
		e = json_give(summary(&j, before, clock_monotonic_ms() - since, &at), ret);
	json_decref(at.also);
	json_decref(at.again);
	return e ? e : tell_errors(c, core, &j);
}

static size_t take_args(const struct call *c, struct job_arg args[static ARRAY_LEN(handed)])
{
	size_t n = 0;
	for (size_t i = 0; i < ARRAY_LEN(handed); i++)
		if (call_has(c, handed[i])) {
			const struct cmd_opt *o = cmd_option_named(c->verb, handed[i]);
			args[n++] = (struct job_arg) {
				handed[i], o->kind == OPT_FLAG ? "yes" : call_opt(c, handed[i])
			};
		}
	return n;
}

/* Those that end things for good, or stop all devices at once. */
static const char *const grave[] = { "delete", "disable", "revoke" };

static enum inro_err ask_for_all(const struct call *c)
{
	const char *kind = call_arg(c, 0), *where = call_opt(c, "where");
	char what[160];
	if (!where || where[strspn(where, " ")])
		return INRO_OK;
	for (size_t i = 0; i < ARRAY_LEN(grave); i++) {
		if (strcmp(kind, grave[i]) != 0)
			continue;
		snprintf(what, sizeof what, "--where '' is all that there is, and all of it: %s",
			 kind);
		return confirm(c, what);
	}
	return INRO_OK;
}

static enum inro_err job_start_check(const struct call *c)
{
	const char *in = call_opt(c, "in");
	if (!in || strcmp(in, "-"))
		return INRO_OK;
	return err_set(INRO_E_ARG, "--in names a file, not standard input: it is read again when the job is resumed");
}

static enum inro_err job_start_run(const struct call *c, json_t **ret)
{
	AUTO(core_close_ptr) struct core *core = NULL;
	struct job_arg args[ARRAY_LEN(handed)];
	const struct job_order o = { call_arg(c, 0), args, take_args(c, args) };
	SCOPED(job) j = { 0 };
	enum inro_err e = office_open(c, &core);
	if (!e)
		e = ask_for_all(c);
	if (!e)
		e = job_start(core, &o, &j);
	return e ? e : do_job(c, core, j.id, ret);
}

static enum inro_err job_resume_run(const struct call *c, json_t **ret)
{
	AUTO(core_close_ptr) struct core *core = NULL;
	enum inro_err e = office_open(c, &core);
	return e ? e : do_job(c, core, call_id(c), ret);
}

/* ---- looked at ---- */

static enum inro_err job_page(struct core *core, const struct call *c, const struct page *page,
			      json_t *list, int64_t *ret_next)
{
	const char *word = call_opt(c, "state");
	int at = word ? name_index(job_state_names, JOB_STATE__MAX, word) : 0;
	enum job_state state = (enum job_state)at;
	SCOPED(job_list) l = { 0 };
	enum inro_err e = job_find(core, word ? &state : NULL, page, &l);
	for (size_t i = 0; !e && i < l.n; i++)
		json_array_append_new(list, json_of_job(&l.items[i]));
	*ret_next = l.next;
	return e;
}

static enum inro_err job_list_run(const struct call *c, json_t **ret)
{
	return office_list(c, job_page, ret);
}

static enum inro_err job_show_run(const struct call *c, json_t **ret)
{
	AUTO(core_close_ptr) struct core *core = NULL;
	SCOPED(job) j = { 0 };
	enum inro_err e = office_open(c, &core);
	if (!e)
		e = job_get(core, call_id(c), &j);
	return e ? e : json_give(json_of_job(&j), ret);
}

static enum inro_err job_cancel_run(const struct call *c, json_t **ret)
{
	AUTO(core_close_ptr) struct core *core = NULL;
	SCOPED(job) j = { 0 };
	enum inro_err e = office_open(c, &core);
	if (!e)
		e = job_cancel(core, call_id(c), call_opt(c, "why"), &j);
	return e ? e : json_give(json_of_job(&j), ret);
}

static enum inro_err error_page(struct core *core, const struct call *c, const struct page *page,
				json_t *list, int64_t *ret_next)
{
	SCOPED(job_error_list) l = { 0 };
	enum inro_err e = job_errors(core, call_id(c), page, &l);
	for (size_t i = 0; !e && i < l.n; i++)
		json_array_append_new(list, json_pack("{s:o s:s s:o}", "row",
						      json_of_text(l.items[i].name), "error",
						      text_or_empty(l.items[i].error), "reason",
						      json_of_text(l.items[i].why)));
	*ret_next = l.next;
	return e;
}

static enum inro_err job_errors_run(const struct call *c, json_t **ret)
{
	return office_list(c, error_page, ret);
}

/* ---- the rows ---- */

#define ARG_JOB                                                                                    \
	{                                                                                          \
		.name = "JOB", .number = "job's", .help = "its number"                                                \
	}
#define OPT_ERRORS                                                                                 \
	{                                                                                          \
		.name = "errors", .arg = "FILE", .kind = OPT_FILE, .makes = true,                  \
		.help = "file for the rows that can't be done; for --in, default: IN.errors"       \
	}
#define JOB_SAID                                                                                   \
	"job {id} ({kind}) is {state}: {done} {done:row|rows} done{noted}, {same} {same:was|were} so already, {failed} " \
	"could not be{left}{also}{anchors}; {took}"

const struct cmd_verb job_verbs[] = {
	{ .name = "start",
	  .summary = "Makes a change to many devices or credentials at once; an interrupted run "
		     "can be resumed",
	  .args = ARGS(
		  { .name = "KIND",
		    .help = "register, update, enable, disable, delete: devices; issue, renew, "
			    "rekey, revoke, retire, export: certificates" }),
	  .opts = OPTS(
		  OPT_OF(OPT_TEXT, "where", "CONDITIONS",
			 "those that match, as in 'group=line1 state=active'"),
		  OPT_OF(OPT_FILE, "in", "FILE",
			 "a CSV file or, as NAME.jsonl, JSON lines; a device each row"),
		  OPT_ENCODING("for --in: "),
		  OPT_OF(OPT_DIR, "csr-dir", "FOLDER",
			 "folder of requests; for renew and rekey each file is named after its "
			 "device"),
		  OPT_OF(OPT_DIR, "out-dir", "FOLDER", "where certificates are written"),
		  { .name = "devices",
		    .kind = OPT_FLAG,
		    .help = "for issue: each request's file is named after its device" },
		  OPT_OF(OPT_TEXT, "ca", "CA", "for issue: the CA"),
		  OPT_OF(OPT_TEXT, "profile", "PROFILE", "for issue: the profile"),
		  { .name = "type",
		    .arg = "TYPE",
		    .kind = OPT_CHOICE,
		    .choices = KEY_TYPES,
		    .help = "for rekey: kind of the keys made in tokens; default: as before" },
		  OPT_VALID,
		  OPT_REASON("for revoke: the reason in the CRL"),
		  OPT_WHY, OPT_YES, OPT_ERRORS),
	  .shared = { pin_user_opts },
	  .check = job_start_check,
	  .run = job_start_run,
	  .least = LEAST_OPERATOR,
	  .shape = SHOW_SAID,
	  .said = JOB_SAID },
	{ .name = "resume",
	  .summary = "Resumes a job where it was interrupted",
	  .args = ARGS(ARG_JOB),
	  .opts = OPTS(OPT_ERRORS),
	  .shared = { pin_user_opts },
	  .run = job_resume_run,
	  .least = LEAST_OPERATOR,
	  .shape = SHOW_SAID,
	  .said = JOB_SAID },
	{ .name = "list",
	  .summary = "Lists jobs",
	  .opts = OPTS({ .name = "state",
			 .arg = "STATE",
			 .kind = OPT_CHOICE,
			 .choices = WORDS("queued", "running", "done", "failed", "cancelled"),
			 .help = "only those in this state" }),
	  .run = job_list_run,
	  .least = LEAST_AUDITOR,
	  .reads = true,
	  .shape = SHOW_TABLE,
	  .columns = COLUMNS({ "id", "ID" }, { "kind", "KIND" }, { "state", "STATE" },
			     { "total", "ROWS" }, { "done", "DONE" }, { "wanted", "WANTED" },
			     { "same", "SAME" }, { "failed", "FAILED" }, { "passed", "PASSED" },
			     { "actor", "BY" }, { "updated", "LAST" }),
	  .empty = "no job is found; 'inro job start' makes one" },
	{ .name = "show",
	  .summary = "Shows a job and its progress",
	  .args = ARGS(ARG_JOB),
	  .run = job_show_run,
	  .least = LEAST_AUDITOR,
	  .reads = true,
	  .shape = SHOW_RECORD,
	  .columns = COLUMNS({ "id", "Number" }, { "kind", "Kind" }, { "state", "State" },
			     { "args", "What" }, { "total", "Rows" }, { "done", "Done" },
			     { "wanted", "Of them wanted elsewhere" }, { "same", "So already" },
			     { "failed", "Could not be done" }, { "passed", "Fitted no more" },
			     { "anchors_of_deleted", "With a deleted device's trust anchor" },
			     { "said", "Said" }, { "actor", "Started by" }, { "by", "Done by" },
			     { "created", "Created" }, { "started", "Started" },
			     { "updated", "Last changed" }) },
	{ .name = "cancel",
	  .summary = "Cancels a job; what is done stays done",
	  .args = ARGS(ARG_JOB),
	  .opts = OPTS(OPT_WHY),
	  .run = job_cancel_run,
	  .least = LEAST_OPERATOR,
	  .shape = SHOW_SAID,
	  .said = "job {id} ({kind}) is {state} after {done} {done:row|rows}" },
	{ .name = "errors",
	  .summary = "Lists the rows that a job could not do",
	  .args = ARGS(ARG_JOB),
	  .run = job_errors_run,
	  .least = LEAST_AUDITOR,
	  .reads = true,
	  .shape = SHOW_TABLE,
	  .columns = COLUMNS({ "row", "ROW" }, { "error", "ERROR" }, { "reason", "REASON" }),
	  .empty = "no row of it failed" },
	{ 0 },
};
