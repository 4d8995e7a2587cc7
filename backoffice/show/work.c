/* work - jobs and proposals as documents. */
#include "backoffice/show/doc.h"

#include "backoffice/core/job.h"
#include "backoffice/core/proposal.h"

/* Of the rows that are done: "" or how many others have to do. */
static json_t *noted_json(const struct job *j)
{
	if (!j->wanted)
		return json_string("");
	return json_sprintf(" (%lld of them only noted as wanted: their keys are elsewhere)",
			    (long long)j->wanted);
}

static json_t *left_json(const struct job *j)
{
	if (!job_passed(j))
		return json_string("");
	return json_sprintf(", %lld fitted no more", (long long)job_passed(j));
}

/* Rows a minute since it began, and what is left at that; null: nobody knows. */
static json_t *rate_json(const struct job *j)
{
	int64_t ms = j->started_ms ? j->updated_ms - j->started_ms : 0;
	return ms > 0 ? json_integer((json_int_t)(job_rows(j) * 60000 / ms)) : json_null();
}

static json_t *seconds_left_json(const struct job *j)
{
	int64_t ms = j->updated_ms - j->started_ms, rows = job_rows(j);
	if (j->state != JOB_RUNNING || !rows || j->total < rows)
		return json_null();
	return json_integer((json_int_t)((j->total - rows) * ms / rows / 1000));
}

json_t *json_of_job(const struct job *j)
{
	json_t *args = json_loads(text_or_empty(j->args), 0, NULL);
	return json_pack(
		"{s:I s:s s:s s:o s:I s:I s:I s:I s:I s:I s:o s:o s:o s:o s:o s:o s:o s:o s:o s:o s:I s:I}", "id",
		(json_int_t)j->id, "kind", j->kind, "state", job_state_names[j->state], "args",
		args ? args : json_null(), "total", (json_int_t)j->total, "done",
		(json_int_t)j->done, "wanted", (json_int_t)j->wanted, "same", (json_int_t)j->same,
		"failed", (json_int_t)j->failed, "passed", (json_int_t)job_passed(j), "noted",
		noted_json(j), "left", left_json(j), "said", json_of_text(j->said), "actor",
		json_of_text(j->actor), "by", json_of_text(j->lease_by), "created",
		json_of_time(j->created_ms / 1000), "started", json_of_time(j->started_ms / 1000),
		"updated", json_of_time(j->updated_ms / 1000), "per_minute", rate_json(j),
		"seconds_left", seconds_left_json(j), "bytes", (json_int_t)j->bytes,
		"anchors_of_deleted", (json_int_t)j->anchors_of_deleted);
}

json_t *json_of_proposal(const struct proposal *p)
{
	json_t *decided = json_loads(text_or_empty(p->decided), 0, NULL);
	json_t *body = json_loadb((const char *)p->body.p, p->body.n, 0, NULL);
	if (!body)
		body = p->body.n ? text_json(blob_bytes(&p->body)) : json_null();
	return json_pack("{s:I s:s s:s s:s s:I s:o s:o s:o s:o s:o s:o}", "id", (json_int_t)p->id,
			 "action", p->action, "subject", p->subject, "state",
			 proposal_state_names[p->state], "need", (json_int_t)p->need, "asked_by",
			 json_of_text(p->asked_by), "decided", decided ? decided : json_null(),
			 "why", json_of_text(p->why), "body", body, "created",
			 json_of_time(p->created_ms / 1000), "updated",
			 json_of_time(p->updated_ms / 1000));
}
