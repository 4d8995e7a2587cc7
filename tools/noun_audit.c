/* noun_audit - what happened, and the proof that nothing of it was changed since. */
#include "backoffice/core/audit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backoffice/core/where.h"
#include "base/clock.h"
#include "base/file.h"
#include "tools/nouns.h"
#include "tools/office.h"
#include "tools/progress.h"

static struct audit_filter filter_of(const struct call *c)
{
	return (struct audit_filter) {
		.subject = call_opt(c, "subject"),
		.actor = call_opt(c, "actor"),
		.action = call_opt(c, "action"),
		.from_ms = call_time(c, "from"),
		.before_ms = call_time(c, "before"),
	};
}

static enum inro_err event_page(struct core *core, const struct call *c,
				const struct where_page *page, json_t *list, char **ret_next)
{
	const struct audit_search s = {
		.filter = filter_of(c),
		.where = call_opt(c, "where"),
		.sort = page->sort,
		.after = page->after,
		.limit = page->limit,
	};
	SCOPED(event_found) l = { 0 };
	enum inro_err e = audit_search(core, &s, &l);
	for (size_t i = 0; !e && i < l.n; i++)
		json_array_append_new(list, json_of_event(&l.items[i], !c->json));
	*ret_next = l.next;
	l.next = NULL;
	return e;
}

static enum inro_err audit_list_run(const struct call *c, json_t **ret)
{
	return office_search(c, event_page, ret);
}

static void show_progress(void *arg, int64_t done, int64_t total)
{
	struct progress *p = arg;
	p->total = (size_t)total;
	progress_at(p, (size_t)done);
}

static json_t *verified(const struct audit_report *r)
{
	if (!r->marks)
		return json_sprintf("all %lld events are as they were written; none is signed yet, so who "
				    "can write to the database could rewrite them all: see 'inro audit sign'",
				    (long long)r->count);
	return json_sprintf("all %lld events are as they were written; %lld signed %s, the last at event %lld",
			    (long long)r->count, (long long)r->marks, r->marks == 1 ? "head" : "heads",
			    (long long)r->marked);
}

static enum inro_err read_receipt(const struct call *c, struct buf *ret)
{
	const char *path = call_opt(c, "receipt");
	enum inro_err e = path ? file_read(path, AUDIT_RECEIPT_MAX, ret) : INRO_OK;
	if (!e && path && !ret->n)
		e = err_set(INRO_E_SYNTAX, "%s: that is no receipt of 'inro audit sign'", path);
	return e;
}

/* Whoever finds a broken chain must not mend it. */
static enum inro_err what_to_do(enum inro_err e, const struct audit_report *r)
{
	if (e != INRO_E_DAMAGED || !r->broken)
		return e;
	return err_set(e, "%.300s; stop all writing, keep a copy of the database as it is, and compare it with the newest "
			  "backup that verifies", err_detail(e));
}

static enum inro_err audit_verify_run(const struct call *c, json_t **ret)
{
	AUTO(core_close_ptr) struct core *core = NULL;
	struct progress progress;
	const char *archives[CALL_MAX_OPTS];
	SCOPED(buf) receipt = { 0 };
	struct audit_check k = { .progress = show_progress,
				 .arg = &progress,
				 .archives = archives,
				 .archives_n = call_opts(c, "archive", archives) };
	struct audit_report report = { 0 };
	enum inro_err e = read_receipt(c, &receipt);
	k.receipt = buf_bytes(&receipt);
	k.receipt_name = call_opt(c, "receipt");
	if (!e)
		e = office_open(c, &core);
	progress_start(&progress, "events", 0);
	if (!e)
		e = audit_verify_with(core, &k, &report);
	progress_end(&progress);
	if (e)
		return what_to_do(e, &report);
	return json_give(json_pack("{s:I s:b s:I s:I s:I s:o}", "events", (json_int_t)report.count,
				   "whole", true, "archived", (json_int_t)report.archived, "marks",
				   (json_int_t)report.marks, "signed_to",
				   (json_int_t)report.marked, "summary", verified(&report)),
			 ret);
}

#define NOT_DUE "no signature is due"

static enum inro_err audit_sign_run(const struct call *c, json_t **ret)
{
	AUTO(core_close_ptr) struct core *core = NULL;
	const char *out = call_opt(c, "receipt");
	SCOPED(audit_mark) m = { 0 };
	SCOPED(buf) receipt = { 0 };
	bool due = true;
	enum inro_err e = office_open(c, &core);
	if (!e && call_has(c, "if-due"))
		e = audit_is_due(core, &due);
	if (!e && !due)
		return json_give(json_pack("{s:b s:s}", "signed", false, "summary", NOT_DUE), ret);
	if (!e)
		e = audit_sign(core, call_opt(c, "key"), &m, &receipt);
	if (e)
		return e;
	if (out)
		e = file_write(out, 0644, buf_bytes(&receipt));
	if (e)
		return err_context(e, "head %lld is signed, but --receipt is not written", (long long)m.id);
	return json_give(json_pack("{s:b s:o s:I s:I s:o s:o s:o}", "signed", true, "summary",
				   json_sprintf("signed head %lld: all until event %lld",
						(long long)m.id, (long long)m.event),
				   "mark", (json_int_t)m.id, "event", (json_int_t)m.event, "key",
				   json_of_text(m.key_uri), "hash",
				   json_of_hex(blob_bytes(&m.hash)), "receipt", json_of_text(out)),
			 ret);
}

static enum inro_err audit_export_run(const struct call *c, json_t **ret)
{
	AUTO(core_close_ptr) struct core *core = NULL;
	const char *word = call_opt(c, "format"), *path = out_file(c);
	bool fresh = !call_has(c, "force");
	int format = word ? name_index(audit_format_names, AUDIT_FORMAT__MAX, word) : AUDIT_JSONL;
	const struct audit_filter f = filter_of(c);
	int64_t n = 0;
	enum inro_err e = office_open(c, &core);
	if (!e && fresh)
		e = out_file_is_new(c);
	if (!e)
		e = audit_export(core, &f, (struct audit_target) { path, (enum audit_format)format, fresh }, &n);
	return e ? e
		 : json_give(json_pack("{s:I s:o}", "events", (json_int_t)n, "file",
				       json_of_text(path)),
			     ret);
}

static enum inro_err audit_purge_run(const struct call *c, json_t **ret)
{
	AUTO(core_close_ptr) struct core *core = NULL;
	SCOPED(audit_segment) s = { 0 };
	enum inro_err e = office_open(c, &core);
	if (!e)
		e = audit_purge(core, call_time(c, "before"), out_file(c), &s);
	if (e)
		return e;
	return json_give(json_pack("{s:I s:I s:I s:o s:o}", "segment", (json_int_t)s.id, "first",
				   (json_int_t)s.first, "last", (json_int_t)s.last, "file",
				   json_of_text(s.file), "sha256",
				   json_of_hex(blob_bytes(&s.digest))),
			 ret);
}

/* ---- the rows ---- */

#define OPT_OUT_TO(what)                                                                           \
	{                                                                                          \
		.name = "out", .also = "to", .arg = "FILE", .kind = OPT_FILE, .required = true,    \
		.help = what                                                                       \
	}

static const struct cmd_opt filter_opts[] = {
	{ .name = "subject",
	  .arg = "WHAT",
	  .kind = OPT_TEXT,
	  .help = "only about this, as in device:dev-0001" },
	{ .name = "actor", .arg = "WHO", .kind = OPT_TEXT, .help = "only by this account" },
	{ .name = "action", .arg = "WORD", .kind = OPT_TEXT, .help = "only this action" },
	{ .name = "from",
	  .arg = "TIME",
	  .kind = OPT_TIME,
	  .help = "only from this time on: 2026-11-21 or 2026-11-21T01:09:47Z" },
	{ .name = "before", .arg = "TIME", .kind = OPT_TIME, .help = "only what is older" },
	{ 0 },
};

const struct cmd_verb audit_verbs[] = {
	{ .name = "list",
	  .summary = "Lists the events of the audit log",
	  .opts = OPTS(OPT_SEARCH("action^=certificate. outcome=refused at>=-1d", "id", "at")),
	  .shared = { filter_opts },
	  .run = audit_list_run,
	  .least = LEAST_AUDITOR,
	  .reads = true,
	  .shape = SHOW_TABLE,
	  .columns = COLUMNS({ "id", "ID" }, { "at", "AT" }, { "actor", "ACTOR" },
			     { "action", "ACTION" }, { "subject", "SUBJECT" },
			     { "outcome", "OUTCOME" }, { "detail", "DETAIL" }),
	  .empty = "nothing of that kind happened" },
	{ .name = "verify",
	  .summary = "Verifies that no event of the audit log was changed or removed",
	  .opts = OPTS({ .name = "archive",
			 .arg = "FILE",
			 .kind = OPT_FILE,
			 .repeatable = true,
			 .help = "events that were moved into a file, too; every file, oldest "
				 "first" },
		       { .name = "receipt",
			 .arg = "FILE",
			 .kind = OPT_FILE,
			 .help = "a receipt of 'inro audit sign': was the database set back?" }),
	  .run = audit_verify_run,
	  .least = LEAST_AUDITOR,
	  .reads = true,
	  .shape = SHOW_PEM },
	{ .name = "sign",
	  .summary = "Signs the audit log up to now with a key in a token",
	  .opts = OPTS({ .name = "key",
			 .arg = "URI",
			 .kind = OPT_URI,
			 .help = "the key that signs from now on; default: the one before" },
		       { .name = "receipt",
			 .arg = "FILE",
			 .kind = OPT_FILE,
			 .makes = true,
			 .help = "write a receipt to keep elsewhere" },
		       { .name = "if-due",
			 .kind = OPT_FLAG,
			 .help = "only when the settings audit.every and audit.minutes ask for it" }),
	  .shared = { pin_user_opts },
	  .run = audit_sign_run,
	  .least = LEAST_OPERATOR,
	  .shape = SHOW_SAID,
	  .said = "{summary}" },
	{ .name = "export",
	  .summary = "Exports the audit log to a file, one event per line",
	  .opts = OPTS({ .name = "format",
			 .arg = "FORMAT",
			 .kind = OPT_CHOICE,
			 .choices = WORDS("jsonl", "cef"),
			 .help = "JSON lines (default), or the Common Event Format" },
		       OPT_OUT_TO("the new file"),
		       { .name = "force",
			 .kind = OPT_FLAG,
			 .help = "replace a file that is there" }),
	  .shared = { filter_opts },
	  .check = out_file_check,
	  .run = audit_export_run,
	  .least = LEAST_AUDITOR,
	  .shape = SHOW_SAID,
	  .said = "{events} {events:event is|events are} in {file}" },
	{ .name = "purge",
	  .summary = "Moves old, signed events from the database into a file",
	  .opts = OPTS({ .name = "before",
			 .arg = "TIME",
			 .kind = OPT_TIME,
			 .required = true,
			 .help = "what is older than 2026-11-21 or 2026-11-21T01:09:47Z" },
		       OPT_OUT_TO("the archive, a new file")),
	  .check = out_file_check,
	  .run = audit_purge_run,
	  .least = LEAST_ADMIN,
	  .shape = SHOW_SAID,
	  .said = "events {first} to {last} are in {file}, SHA-256 {sha256}" },
	{ 0 },
};
