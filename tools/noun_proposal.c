/* noun_proposal - what waits for others' approval, and their word about it. */
#include "backoffice/core/proposal.h"

#include <stdlib.h>

#include "tools/nouns.h"
#include "tools/office.h"
#include "tools/text.h"

static enum inro_err proposal_page(struct core *core, const struct call *c,
				   const struct page *page, json_t *list, int64_t *ret_next)
{
	const char *word = call_opt(c, "state");
	int index = word ? name_index(proposal_state_names, PROPOSAL_STATE__MAX, word) : 0;
	enum proposal_state state = (enum proposal_state)index;
	const struct proposal_filter f = { .action = call_opt(c, "action"),
					   .state = word ? &state : NULL };
	SCOPED(proposal_list) l = { 0 };
	enum inro_err e = proposal_find(core, &f, page, &l);
	for (size_t i = 0; !e && i < l.n; i++)
		json_array_append_new(list, json_of_proposal(&l.items[i]));
	*ret_next = l.next;
	return e;
}

static enum inro_err proposal_list_run(const struct call *c, json_t **ret)
{
	return office_list(c, proposal_page, ret);
}

static enum inro_err proposal_show_run(const struct call *c, json_t **ret)
{
	AUTO(core_close_ptr) struct core *core = NULL;
	SCOPED(proposal) p = { 0 };
	enum inro_err e = office_open(c, &core);
	if (!e)
		e = proposal_get(core, call_id(c), &p);
	return e ? e : json_give(json_of_proposal(&p), ret);
}

static enum inro_err decide_run(const struct call *c, enum verb verb, json_t **ret)
{
	AUTO(core_close_ptr) struct core *core = NULL;
	SCOPED(proposal) p = { 0 };
	enum inro_err e = office_open(c, &core);
	if (!e)
		e = proposal_decide(core, call_id(c), verb, call_opt(c, "why"), &p);
	return e ? e : json_give(json_of_proposal(&p), ret);
}

static enum inro_err approve_run(const struct call *c, json_t **ret)
{
	return decide_run(c, VERB_APPROVE, ret);
}

static enum inro_err reject_run(const struct call *c, json_t **ret)
{
	return decide_run(c, VERB_REJECT, ret);
}

static enum inro_err withdraw_run(const struct call *c, json_t **ret)
{
	return decide_run(c, VERB_WITHDRAW, ret);
}

/* ---- the rows ---- */

#define ARG_PROPOSAL                                                                               \
	{                                                                                          \
		.name = "ID", .number = "proposal's", .help = "the proposal's number"                                      \
	}
#define PROPOSAL_STEP(word, does, function)                                                        \
	{                                                                                          \
		.name = word, .summary = does, .args = ARGS(ARG_PROPOSAL), .opts = OPTS(OPT_WHY),  \
		.run = function, .least = LEAST_OPERATOR,                                                    \
		.shape = SHOW_SAID,                                                                  \
		.said = "proposal {id} ({action} {subject}) is {state}"                            \
	}

const struct cmd_verb proposal_verbs[] = {
	{ .name = "list",
	  .summary = "Lists proposals",
	  .opts = OPTS({ .name = "state",
			 .arg = "STATE",
			 .kind = OPT_CHOICE,
			 .choices = WORDS("open", "approved", "done", "refused", "withdrawn"),
			 .help = "only those in this state" },
		       { .name = "action",
			 .arg = "WORD",
			 .kind = OPT_TEXT,
			 .help = "only this action, as in ca.create" }),
	  .run = proposal_list_run,
	  .least = LEAST_AUDITOR,
	  .reads = true,
	  .shape = SHOW_TABLE,
	  .columns = COLUMNS({ "id", "ID" }, { "state", "STATE" }, { "action", "ACTION" },
			     { "subject", "SUBJECT" }, { "asked_by", "ASKED BY" },
			     { "need", "NEEDS" }, { "created", "SINCE" }),
	  .empty = "nothing is proposed" },
	{ .name = "show",
	  .summary = "Shows a proposal and the decisions on it",
	  .args = ARGS(ARG_PROPOSAL),
	  .run = proposal_show_run,
	  .least = LEAST_AUDITOR,
	  .reads = true,
	  .shape = SHOW_RECORD,
	  .columns = COLUMNS({ "id", "Number" }, { "state", "State" }, { "action", "Action" },
			     { "subject", "Subject" }, { "body", "What" }, { "why", "Why" },
			     { "asked_by", "Asked by" }, { "need", "Approvals needed" },
			     { "decided", "Decided" }, { "created", "Since" }) },
	PROPOSAL_STEP("approve", "Approves somebody else's proposal", approve_run),
	PROPOSAL_STEP("reject", "Rejects somebody else's proposal", reject_run),
	PROPOSAL_STEP("withdraw", "Withdraws one's own proposal", withdraw_run),
	{ 0 },
};
