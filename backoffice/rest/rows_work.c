/* rows_work - jobs, proposals, the audit, batches, and the document of all this. */
#include <string.h>

#include <stdio.h>

#include "backoffice/core/audit.h"
#include "backoffice/core/cred.h"
#include "backoffice/core/job.h"
#include "backoffice/core/proposal.h"
#include "backoffice/rest/creds.h"
#include "backoffice/rest/lists.h"
#include "backoffice/rest/rest.h"
#include "backoffice/show/doc.h"

/* ---- jobs ---- */

static enum inro_err list_jobs(struct rest *r, json_t **ret)
{
	int at = rest_word(r, "state", job_state_names, JOB_STATE__MAX);
	enum job_state state = (enum job_state)at;
	SCOPED(job_list) l = { 0 };
	struct page page;
	json_t *items = json_array();
	enum inro_err e = rest_page(r, &page);

	if (e == INRO_OK)
		e = job_find(r->core, at < 0 ? NULL : &state, &page, &l);
	for (size_t i = 0; e == INRO_OK && i < l.n; i++)
		json_array_append_new(items, json_of_job(&l.items[i]));
	return rest_give_numbered(e, items, l.next, ret);
}

/* Files of the server are nobody's over the network: no argument names one. */
static const char *const job_args[] = { "where", "why", "ca", "profile", "days", "reason", "type",
				      "encoding" };

/* Of the member `args`, or of the request itself, which is the query where rows are the body. */
static enum inro_err take_args(const struct rest *r, struct job_arg args[static ARRAY_LEN(job_args)],
			       size_t *ret_n)
{
	const json_t *given = json_object_get(r->in, "args");
	size_t known = 0;

	for (size_t i = 0; i < ARRAY_LEN(job_args); i++) {
		const char *value = json_string_value(json_object_get(given, job_args[i]));

		known += value != NULL;
		value = value ? value : rest_text(r, job_args[i]);
		if (value)
			args[(*ret_n)++] = (struct job_arg) { job_args[i], value };
	}
	if (known == json_object_size(given))
		return INRO_OK;
	return err_set(INRO_E_ARG, "the member 'args' has texts for where, why, ca, profile, days, "
				   "reason, type and encoding");
}

static enum inro_err start_job(struct rest *r, json_t **ret)
{
	struct job_arg args[ARRAY_LEN(job_args)];
	struct job_order o = { rest_text(r, "kind"), args, 0 };
	const char *rows = rest_text(r, "rows");
	const struct job_sent sent = { r->rows_format ? r->rows_format : rows, r->rows,
				       rest_true(r, "wait") };
	SCOPED(job) j = { 0 };
	enum inro_err e = take_args(r, args, &o.n);

	if (e == INRO_OK && rows && !sent.waits)
		e = err_set(INRO_E_ARG, "a job whose rows come later has the member 'wait'");
	if (e == INRO_OK)
		e = job_ask(r->core, &o, &sent, &j);
	return e == INRO_OK ? json_give(json_of_job(&j), ret) : e;
}

typedef enum inro_err job_work(struct rest *r, int64_t id, struct job *ret);

static enum inro_err with_job(struct rest *r, job_work *work, json_t **ret)
{
	SCOPED(job) j = { 0 };
	int64_t id = 0;
	enum inro_err e = rest_id(r, 0, &id);

	if (e == INRO_OK)
		e = work(r, id, &j);
	return e == INRO_OK ? json_give(json_of_job(&j), ret) : e;
}

static enum inro_err get_work(struct rest *r, int64_t id, struct job *ret)
{
	return job_get(r->core, id, ret);
}

static enum inro_err run_work(struct rest *r, int64_t id, struct job *ret)
{
	return job_want(r->core, id, ret);
}

static enum inro_err send_work(struct rest *r, int64_t id, struct job *ret)
{
	return job_send(r->core, id, r->rows, ret);
}

static enum inro_err cancel_work(struct rest *r, int64_t id, struct job *ret)
{
	return job_cancel(r->core, id, rest_text(r, "why"), ret);
}

#define JOB_STEP(what)                                                                             \
	static enum inro_err what##_job(struct rest *r, json_t **ret)                              \
	{                                                                                          \
		return with_job(r, what##_work, ret);                                              \
	}
JOB_STEP(get)
JOB_STEP(run)
JOB_STEP(send)
JOB_STEP(cancel)
#undef JOB_STEP

/* Puts a page of what a job says row by row into `items`. */
typedef enum inro_err (*rows_fn)(struct rest *r, int64_t id, const struct page *page, json_t *items,
				 int64_t *ret_next);

static enum inro_err rows_of_job(struct rest *r, rows_fn read, json_t **ret)
{
	struct page page;
	json_t *items = json_array();
	int64_t id = 0, next = 0;
	enum inro_err e = rest_id(r, 0, &id);

	if (e == INRO_OK)
		e = rest_page(r, &page);
	if (e == INRO_OK)
		e = read(r, id, &page, items, &next);
	return rest_give_numbered(e, items, next, ret);
}

static enum inro_err read_errors(struct rest *r, int64_t id, const struct page *page, json_t *items,
				 int64_t *ret_next)
{
	SCOPED(job_error_list) l = { 0 };
	enum inro_err e = job_errors(r->core, id, page, &l);

	for (size_t i = 0; e == INRO_OK && i < l.n; i++)
		json_array_append_new(items, json_pack("{s:o s:s s:o}", "row", json_of_text(l.items[i].name),
						       "error", text_or_empty(l.items[i].error),
						       "reason", json_of_text(l.items[i].why)));
	*ret_next = l.next;
	return e;
}

static enum inro_err errors_of_job(struct rest *r, json_t **ret)
{
	return rows_of_job(r, read_errors, ret);
}

static enum inro_err give_result(struct rest *r, const struct job_result *given, json_t *items)
{
	SCOPED(cred) cert = { 0 };
	char ref[32];
	json_t *item = NULL;
	enum inro_err e;

	snprintf(ref, sizeof ref, "id:%lld", (long long)given->credential);
	e = cred_get(r->core, ref, &cert);
	if (e == INRO_OK)
		e = json_give(json_pack("{s:o s:o}", "row", json_of_text(given->name), "certificate",
					json_of_cred(&cert)), &item);
	if (e == INRO_OK)
		json_array_append_new(items, item);
	return e;
}

static enum inro_err read_results(struct rest *r, int64_t id, const struct page *page,
				  json_t *items, int64_t *ret_next)
{
	SCOPED(job_result_list) l = { 0 };
	enum inro_err e = job_results(r->core, id, page, &l);

	for (size_t i = 0; e == INRO_OK && i < l.n; i++)
		e = give_result(r, &l.items[i], items);
	*ret_next = l.next;
	return e;
}

static enum inro_err results_of_job(struct rest *r, json_t **ret)
{
	return rows_of_job(r, read_results, ret);
}

/* ---- proposals ---- */

static enum inro_err list_proposals(struct rest *r, json_t **ret)
{
	int at = rest_word(r, "state", proposal_state_names, PROPOSAL_STATE__MAX);
	enum proposal_state state = (enum proposal_state)at;
	const struct proposal_filter f = { rest_text(r, "action"), at < 0 ? NULL : &state };
	SCOPED(proposal_list) l = { 0 };
	struct page page;
	json_t *items = json_array();
	enum inro_err e = rest_page(r, &page);

	if (e == INRO_OK)
		e = proposal_find(r->core, &f, &page, &l);
	for (size_t i = 0; e == INRO_OK && i < l.n; i++)
		json_array_append_new(items, json_of_proposal(&l.items[i]));
	return rest_give_numbered(e, items, l.next, ret);
}

static enum inro_err show_proposal(struct rest *r, json_t **ret)
{
	SCOPED(proposal) p = { 0 };
	int64_t id = 0;
	enum inro_err e = rest_id(r, 0, &id);

	if (e == INRO_OK)
		e = proposal_get(r->core, id, &p);
	return e == INRO_OK ? json_give(json_of_proposal(&p), ret) : e;
}

static enum inro_err decide(struct rest *r, enum verb verb, json_t **ret)
{
	SCOPED(proposal) p = { 0 };
	int64_t id = 0;
	enum inro_err e = rest_id(r, 0, &id);

	if (e == INRO_OK)
		e = proposal_decide(r->core, id, verb, rest_text(r, "why"), &p);
	return e == INRO_OK ? json_give(json_of_proposal(&p), ret) : e;
}

static enum inro_err approve(struct rest *r, json_t **ret)
{
	return decide(r, VERB_APPROVE, ret);
}

static enum inro_err reject(struct rest *r, json_t **ret)
{
	return decide(r, VERB_REJECT, ret);
}

static enum inro_err withdraw(struct rest *r, json_t **ret)
{
	return decide(r, VERB_WITHDRAW, ret);
}

/* ---- the audit ---- */

static enum inro_err find_events(const struct rest *r, struct event_found *ret)
{
	const struct audit_search s = {
		.where = rest_text(r, "where"),
		.filter = { .subject = rest_text(r, "subject"),
			    .actor = rest_text(r, "actor"),
			    .action = rest_text(r, "action"),
			    .from_ms = rest_time(r, "from"),
			    .before_ms = rest_time(r, "before") },
		.sort = rest_text(r, "sort"),
		.after = rest_text(r, "after"),
		.limit = (size_t)rest_number(r, "limit", 0),
	};

	return audit_search(r->core, &s, ret);
}

static enum inro_err list_events(struct rest *r, json_t **ret)
{
	SCOPED(event_found) l = { 0 };
	json_t *items = json_array();
	enum inro_err e = find_events(r, &l);

	for (size_t i = 0; e == INRO_OK && i < l.n; i++)
		json_array_append_new(items, json_of_event(&l.items[i], false));
	return rest_give_page(e, items, l.next, ret);
}

static enum inro_err export_events(struct rest *r, json_t **ret)
{
	int at = rest_word(r, "format", audit_format_names, AUDIT_FORMAT__MAX);
	enum audit_format format = at < 0 ? AUDIT_JSONL : (enum audit_format)at;
	SCOPED(event_found) l = { 0 };
	SCOPED(buf) line = { 0 };
	json_t *items = json_array();
	enum inro_err e = find_events(r, &l);

	for (size_t i = 0; e == INRO_OK && i < l.n; i++) {
		buf_reset(&line);
		audit_line(format, &l.items[i], &line);
		e = buf_err(&line);
		json_array_append_new(items, text_json(BYTES(line.p, line.n ? line.n - 1 : 0)));
	}
	return rest_give_page(e, items, l.next, ret);
}

static enum inro_err verify_audit(struct rest *r, json_t **ret)
{
	AUTO(free_chars) char *receipt = json_dumps(json_object_get(r->in, "receipt"), JSON_COMPACT);
	const struct audit_check k = { .receipt = bytes_of(text_or_empty(receipt)) };
	struct audit_report report = { 0 };
	enum inro_err e = audit_verify_with(r->core, &k, &report);

	if (e != INRO_OK && e != INRO_E_DAMAGED)
		return e;
	return json_give(json_pack("{s:I s:b s:I s:I s:I s:o s:o}", "events", (json_int_t)report.count,
				   "whole", e == INRO_OK, "archived", (json_int_t)report.archived,
				   "marks", (json_int_t)report.marks, "signed_to",
				   (json_int_t)report.marked, "broken",
				   report.broken ? json_integer((json_int_t)report.broken) : json_null(),
				   "what", json_of_text(report.what)),
			 ret);
}

static enum inro_err sign_audit(struct rest *r, json_t **ret)
{
	SCOPED(audit_mark) m = { 0 };
	SCOPED(buf) receipt = { 0 };
	enum inro_err e = audit_sign(r->core, rest_text(r, "key"), &m, &receipt);

	if (e != INRO_OK)
		return e;
	return json_give(json_pack("{s:I s:I s:o s:o s:o}", "mark", (json_int_t)m.id, "event",
				   (json_int_t)m.event, "key", json_of_text(m.key_uri), "hash",
				   json_of_hex(blob_bytes(&m.hash)), "receipt",
				   json_loadb((const char *)receipt.p, receipt.n, 0, NULL)),
			 ret);
}

/* ---- of the API itself ---- */

/* Lines are taken one by one (lines.c), the document is kept (openapi.c). */
static enum inro_err not_alone(struct rest *r, json_t **ret)
{
	(void)ret;
	return err_set(INRO_E_ARG, "%s is not for lines of a batch", r->row->pattern);
}

/* ---- the rows ---- */

static const struct rest_shape job = {
	"Job", FIELDS(OUT_COUNT("id"), OUT_HAS("kind"), OUT_HAS("state"), OUT_OBJECT("args"),
		      OUT_COUNT("total"), OUT_COUNT("done"), OUT_COUNT("wanted"), OUT_COUNT("same"),
		      OUT_COUNT("failed"), OUT_COUNT("passed"), OUT_TEXT("noted"), OUT_TEXT("left"),
		      OUT_TEXT("said"), OUT_TEXT("actor"), OUT_TEXT("by"), OUT_TIME("created"),
		      OUT_TIME("started"), OUT_TIME("updated"), OUT_NUMBER("per_minute"),
		      OUT_NUMBER("seconds_left"), OUT_COUNT("bytes"), OUT_COUNT("anchors_of_deleted"))
};
static const struct rest_shape job_result = { "JobResult",
					      FIELDS(OUT_TEXT("row"), OUT_A("certificate", rest_certificate)) };
static const struct rest_shape job_error = { "JobError", FIELDS(OUT_TEXT("row"), OUT_TEXT("error"),
								OUT_TEXT("reason")) };
static const struct rest_shape decision = {
	"Decision", FIELDS(OUT_HAS("by"), OUT_HAS("said"), OUT_COUNT("at"), OUT_TEXT("why"))
};
static const struct rest_shape proposal = {
	"Proposal", FIELDS(OUT_COUNT("id"), OUT_HAS("action"), OUT_HAS("subject"), OUT_HAS("state"),
			   OUT_COUNT("need"), OUT_TEXT("asked_by"), OUT_LIST("decided", decision), OUT_TEXT("why"),
			   OUT_ANY("body"), OUT_TIME("created"), OUT_TIME("updated"))
};
static const struct rest_shape exported = {
	"ExportedEvent",
	FIELDS(OUT_COUNT("id"), OUT_TIME("at"), OUT_COUNT("at_ms"), OUT_TEXT("actor"), OUT_TEXT("action"),
	       OUT_TEXT("subject"), OUT_HAS("outcome"), OUT_OBJECT("detail"), OUT_TEXT("hash"))
};
static const struct rest_shape report = {
	"AuditReport", FIELDS(OUT_COUNT("events"), OUT_BOOL("whole"), OUT_COUNT("archived"),
			      OUT_COUNT("marks"), OUT_COUNT("signed_to"), OUT_NUMBER("broken"),
			      OUT_TEXT("what"))
};
static const struct rest_shape mark = { "AuditMark", FIELDS(OUT_COUNT("mark"), OUT_COUNT("event"),
							    OUT_TEXT("key"), OUT_TEXT("hash"),
							    OUT_OBJECT("receipt")) };
static const struct rest_shape line = { "Line", FIELDS(OUT_COUNT("line"), OUT_COUNT("status"),
						       OUT_TEXT("detail"), OUT_OBJECT("answer")) };
static const struct rest_shape openapi = {
	"OpenAPI", FIELDS(OUT_HAS("openapi"), OUT_OBJECT("info"), OUT_ARRAY("servers"), OUT_OBJECT("paths"),
			  OUT_OBJECT("components"), OUT_ARRAY("security"))
};

#define WHICH_EVENTS                                                                               \
	IN_TEXT("where", "only those, as 'outcome=refused'"), IN_TEXT("subject", "as device:dev-1"), \
		IN_TEXT("actor", "only by this one"), IN_TEXT("action", "only this action"),       \
		IN_TIME("from", "not what is older"), IN_TIME("before", "only what is older")

const struct rest_row rest_work_rows[] = {
	{ "GET", "/v1/jobs", "job list", "Lists jobs", ROLE_AUDITOR, REST_LIST, 0,
	  FIELDS(IN_WORD("state", "only those in this state", "queued", "running", "done", "failed",
			 "cancelled"),
		 IN_PAGE),
	  &job, list_jobs },
	{ "POST", "/v1/jobs", "job start",
	  "Starts a job that a server carries out", ROLE_OPERATOR, REST_ROWS, 202,
	  FIELDS(IN_MUST("kind", "as 'inro job start' has them"),
		 { .name = "args", .kind = REST_OBJECT, .help = "where to type may stand in here, too" },
		 IN_WORD("rows", "of a job that waits: what they will be", "csv", "jsonl"),
		 IN_BOOL("wait", "it begins by /run, and takes more rows before"),
		 IN_TEXT("where", "those that are like this"), IN_WHY, IN_TEXT("ca", "for issue: by whom"),
		 IN_TEXT("profile", "for issue: what kind"), IN_TEXT("days", "how long a certificate is valid"),
		 IN_TEXT("reason", "for revoke: why, as the CRL will say"),
		 IN_TEXT("type", "for rekey: of keys made in tokens"),
		 IN_WORD("encoding", "of the rows; default: utf-8", "utf-8", "shift_jis")),
	  &job, start_job },
	{ "POST", "/v1/jobs/{id}/rows", "job send", "Sends more rows for a job that waits", ROLE_OPERATOR,
	  REST_ROWS_ONLY, 0, NULL, &job, send_job },
	{ "GET", "/v1/jobs/{id}", "job show", "Shows a job", ROLE_AUDITOR, 0, 0, NULL, &job, get_job },
	{ "POST", "/v1/jobs/{id}/run", "job resume", "Starts a waiting job, or resumes one",
	  ROLE_OPERATOR, 0, 202,
	  NULL, &job, run_job },
	{ "POST", "/v1/jobs/{id}/cancel", "job cancel",
	  "Cancels a job; what is done stays done", ROLE_OPERATOR, 0, 0,
	  FIELDS(IN_WHY), &job, cancel_job },
	{ "GET", "/v1/jobs/{id}/errors", "job errors", "Lists the rows that a job could not do",
	  ROLE_AUDITOR, REST_LIST, 0, FIELDS(IN_PAGE), &job_error, errors_of_job },
	{ "GET", "/v1/jobs/{id}/result", "job result", "Lists the certificates that a job gives out",
	  ROLE_AUDITOR, REST_LIST, 0, FIELDS(IN_PAGE), &job_result, results_of_job },
	{ "GET", "/v1/proposals", "proposal list", "Lists proposals", ROLE_AUDITOR,
	  REST_LIST, 0,
	  FIELDS(IN_TEXT("action", "as in the audit"),
		 IN_WORD("state", "only those in this state", "open", "approved", "done", "refused",
			 "withdrawn"),
		 IN_PAGE),
	  &proposal, list_proposals },
	{ "GET", "/v1/proposals/{id}", "proposal show", "Shows a proposal", ROLE_AUDITOR, 0, 0, NULL,
	  &proposal, show_proposal },
	{ "POST", "/v1/proposals/{id}/approve", "proposal approve", "Approves somebody else's proposal",
	  ROLE_OPERATOR, 0, 0, FIELDS(IN_WHY), &proposal, approve },
	{ "POST", "/v1/proposals/{id}/reject", "proposal reject", "Rejects somebody else's proposal",
	  ROLE_OPERATOR, 0, 0, FIELDS(IN_WHY), &proposal, reject },
	{ "POST", "/v1/proposals/{id}/withdraw", "proposal withdraw", "Withdraws one's own proposal",
	  ROLE_OPERATOR, 0, 0, FIELDS(IN_WHY), &proposal, withdraw },
	{ "GET", "/v1/events", "audit list", "Lists events of the audit",
	  ROLE_AUDITOR, REST_LIST, 0,
	  FIELDS(WHICH_EVENTS, IN_WORD("sort", "in this order", "id", "at"), IN_PAGE), &rest_event,
	  list_events },
	{ "GET", "/v1/audit/export", "audit export",
	  "Gives the events as 'inro audit export' writes them, one per line", ROLE_AUDITOR, REST_EXPORT, 0,
	  FIELDS(IN_WORD("format", "JSON lines when not said, or the Common Event Format", "jsonl", "cef"),
		 WHICH_EVENTS),
	  &exported, export_events },
	{ "POST", "/v1/audit/verify", "audit verify", "Verifies that no event was changed or removed",
	  ROLE_AUDITOR, 0, 0,
	  FIELDS({ .name = "receipt", .kind = REST_OBJECT,
		   .help = "of `audit sign`, kept elsewhere: was the database set back?" }),
	  &report, verify_audit },
	{ "POST", "/v1/audit/sign", "audit sign", "Signs the head of the audit", ROLE_OPERATOR, 0, 0,
	  FIELDS(IN_KEY("key", false, "the URI of the key that signs from now on, by an administrator")),
	  &mark, sign_audit },
	{ "POST", "/v1/batch", "batch",
	  "Carries out many requests, one line of JSON each", ROLE_AUDITOR, REST_STREAM,
	  0,
	  FIELDS({ .name = "command", .kind = REST_TEXT, .required = true,
		   .help = "an operation, as 'device add'" },
		 { .name = "args", .kind = REST_TEXTS, .help = "what stands in {...} of its path" },
		 { .name = "in", .kind = REST_OBJECT, .help = "its body, or its query" }),
	  &line, not_alone },
	{ "GET", "/v1/openapi.json", "openapi", "Gives the OpenAPI description", ROLE_AUDITOR,
	  REST_OPEN | REST_KEPT, 0, NULL, &openapi, not_alone },
	{ 0 },
};
