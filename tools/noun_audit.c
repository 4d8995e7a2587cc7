/* noun_audit - what happened, and the proof that nothing of it was changed since. */
#include "backoffice/core/audit.h"

#include "tools/nouns.h"
#include "tools/office.h"

static enum inro_err event_page(struct core *core, const struct call *c, const struct page *page,
				json_t *list, int64_t *ret_next)
{
	struct audit_filter f = {
		.subject = call_opt(c, "subject"),
		.actor = call_opt(c, "actor"),
		.action = call_opt(c, "action"),
	};
	SCOPED(event_list) l = { 0 };
	enum inro_err e = audit_find(core, &f, page, &l);
	for (size_t i = 0; !e && i < l.n; i++)
		json_array_append_new(list, json_of_event(&l.items[i], !c->json));
	*ret_next = l.next;
	return e;
}

static enum inro_err audit_list_run(const struct call *c, json_t **ret)
{
	return office_list(c, event_page, ret);
}

static enum inro_err audit_verify_run(const struct call *c, json_t **ret)
{
	AUTO(core_close_ptr) struct core *core = NULL;
	struct audit_report report = { 0 };
	enum inro_err e = office_open(c, &core);
	if (!e)
		e = audit_verify(core, &report);
	return e ? e
		 : json_give(json_pack("{s:I s:b}", "events", (json_int_t)report.count, "whole",
				       true),
			     ret);
}

/* ---- the rows ---- */

const struct cmd_verb audit_verbs[] = {
	{ .name = "list",
	  .summary = "Lists what happened",
	  .opts = OPTS(
		  { .name = "subject",
		    .arg = "WHAT",
		    .kind = OPT_TEXT,
		    .help = "only about this, as in device:dev-0001" },
		  { .name = "actor", .arg = "WHO", .kind = OPT_TEXT, .help = "only by this one" },
		  { .name = "action",
		    .arg = "WORD",
		    .kind = OPT_TEXT,
		    .help = "only this action" }),
	  .run = audit_list_run,
	  .reads = true,
	  .shape = SHOW_TABLE,
	  .columns = COLUMNS({ "id", "ID" }, { "at", "AT" }, { "actor", "ACTOR" },
			     { "action", "ACTION" }, { "subject", "SUBJECT" },
			     { "outcome", "OUTCOME" }, { "detail", "DETAIL" }),
	  .empty = "nothing of that kind happened" },
	{ .name = "verify",
	  .summary = "Proves that no record of what happened was changed",
	  .run = audit_verify_run,
	  .reads = true,
	  .shape = SHOW_SAID,
	  .said = "all {events} events are as they were written" },
	{ 0 },
};
