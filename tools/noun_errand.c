/* noun_errand - what devices are asked to do: sent, listed, cancelled. */
#include <string.h>

#include "backoffice/core/errand.h"
#include "backoffice/show/doc.h"
#include "tools/nouns.h"
#include "tools/office.h"

static enum errand_verb verb_of(const struct call *c)
{
	int verb = 0;

	while (strcmp(errand_verb_names[verb], call_arg(c, 0)) != 0)
		verb++;
	return (enum errand_verb)verb;
}

static enum inro_err check_send(const struct call *c)
{
	bool known = false;

	for (size_t i = 0; i < ERRAND_VERB__MAX; i++)
		known = known || strcmp(errand_verb_names[i], call_arg(c, 0)) == 0;
	if (!known)
		return err_set(INRO_E_ARG, "'%s' is no errand; there are renew, run, status and "
					   "clear", call_arg(c, 0));
	if (!strcmp(call_arg(c, 0), errand_verb_names[ERRAND_RUN]) != call_has(c, "name"))
		return err_set(INRO_E_ARG, call_has(c, "name") ? "--name is for run: it names a command of the device's"
							       : "run needs --name: which of the device's commands");
	if (!call_opt(c, "device") == !call_opt(c, "where"))
		return err_set(INRO_E_ARG, "an errand is for --device or for those of --where");
	return INRO_OK;
}

static enum inro_err errand_send_run(const struct call *c, json_t **ret)
{
	AUTO(core_close_ptr) struct core *core = NULL;
	SCOPED(errand) one = { 0 };
	size_t n = 1;
	enum inro_err e = office_open(c, &core);

	if (e != INRO_OK)
		return e;
	if (call_opt(c, "device"))
		e = errand_add(core, call_opt(c, "device"), verb_of(c), call_opt(c, "name"), &one);
	else
		e = errand_add_where(core, call_opt(c, "where"), verb_of(c), call_opt(c, "name"), &n);
	return e == INRO_OK ? json_give(json_pack("{s:s s:I}", "verb", call_arg(c, 0), "devices",
						  (json_int_t)n),
					ret) :
			      e;
}

static enum inro_err add_page(struct core *core, const struct call *c, const struct page *page,
			      json_t *list, int64_t *ret_next)
{
	SCOPED(errand_list) l = { 0 };
	enum inro_err e =
		errand_find(core, call_opt(c, "device"), call_has(c, "open"), page, &l);

	for (size_t i = 0; e == INRO_OK && i < l.n; i++) {
		json_t *doc = NULL;

		e = json_of_errand(core, &l.items[i], &doc);
		json_array_append_new(list, doc);
	}
	*ret_next = l.next;
	return e;
}

static enum inro_err errand_list_run(const struct call *c, json_t **ret)
{
	return office_list(c, add_page, ret);
}

static enum inro_err errand_cancel_run(const struct call *c, json_t **ret)
{
	AUTO(core_close_ptr) struct core *core = NULL;
	SCOPED(errand) one = { 0 };
	json_t *doc = NULL;
	enum inro_err e = office_open(c, &core);

	if (e == INRO_OK)
		e = errand_cancel(core, call_id(c), &one);
	if (e == INRO_OK)
		e = json_of_errand(core, &one, &doc);
	return json_give_or_drop(e, doc, ret);
}

/* ---- the rows ---- */

const struct cmd_verb errand_verbs[] = {
	{ .name = "send",
	  .summary = "Asks devices to renew, run one of their commands, report their status, or "
		     "enrol anew",
	  .args = ARGS({ .name = "WHAT", .help = "renew, run, status or clear" }),
	  .opts = OPTS({ .name = "device", .arg = "ID", .kind = OPT_TEXT, .help = "this device" },
		       { .name = "where",
			 .arg = "CONDITIONS",
			 .kind = OPT_TEXT,
			 .help = "all these devices, as in 'group=line1 state=active'" },
		       { .name = "name",
			 .arg = "NAME",
			 .kind = OPT_TEXT,
			 .help = "for run: the name that the device's owner gave the command" }),
	  .check = check_send,
	  .run = errand_send_run,
	  .least = LEAST_OPERATOR,
	  .shape = SHOW_SAID,
	  .said = "{devices} {devices:device is|devices are} asked to {verb} when {devices:it comes|they come}" },
	{ .name = "list",
	  .summary = "Lists the errands of devices and their answers",
	  .opts = OPTS({ .name = "device", .arg = "ID", .kind = OPT_TEXT, .help = "only this one's" },
		       { .name = "open",
			 .kind = OPT_FLAG,
			 .help = "only what no device has come for yet" }),
	  .run = errand_list_run,
	  .least = LEAST_AUDITOR,
	  .reads = true,
	  .shape = SHOW_TABLE,
	  .columns = COLUMNS({ "id", "ID" }, { "device", "DEVICE" }, { "verb", "WHAT" },
			     { "name", "NAME" }, { "state", "STATE" }, { "actor", "BY" },
			     { "created", "SENT" }, { "ended", "ENDED" }, { "answer", "ANSWER" }),
	  .empty = "no device is asked to do anything" },
	{ .name = "cancel",
	  .summary = "Withdraws an errand that no device has fetched yet",
	  .args = ARGS({ .name = "ID", .number = "errand's", .help = "the errand's number; see 'inro errand list'" }),
	  .run = errand_cancel_run,
	  .least = LEAST_OPERATOR,
	  .shape = SHOW_SAID,
	  .said = "errand {id} is cancelled" },
	{ 0 },
};
