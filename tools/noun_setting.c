/* noun_setting - what holds for a tenant, or for the whole database. */
#include "backoffice/core/setting.h"

#include <stdlib.h>

#include "tools/nouns.h"
#include "tools/office.h"

static enum inro_err list_all(struct core *core, json_t *list)
{
	enum inro_err e = INRO_OK;
	for (const struct setting_rule *r = setting_rules; !e && r->name; r++) {
		json_t *one = NULL;
		e = json_of_setting(core, r, &one);
		json_array_append_new(list, one);
	}
	return e;
}

static enum inro_err setting_list_run(const struct call *c, json_t **ret)
{
	AUTO(core_close_ptr) struct core *core = NULL;
	json_t *list = json_array();
	enum inro_err e = office_open(c, &core);
	if (!e)
		e = list_all(core, list);
	return json_give_or_drop(e, list, ret);
}

/* The setting as it is now. */
static enum inro_err tell(struct core *core, const struct call *c, json_t **ret)
{
	const struct setting_rule *r;
	enum inro_err e = setting_rule_find(call_arg(c, 0), &r);
	return e ? e : json_of_setting(core, r, ret);
}

static enum inro_err setting_get_run(const struct call *c, json_t **ret)
{
	AUTO(core_close_ptr) struct core *core = NULL;
	enum inro_err e = office_open(c, &core);
	return e ? e : tell(core, c, ret);
}

/* `unset` has no second argument. */
static enum inro_err setting_change_run(const struct call *c, json_t **ret)
{
	AUTO(core_close_ptr) struct core *core = NULL;
	enum inro_err e = office_open(c, &core);
	if (!e)
		e = setting_change(core, call_arg(c, 0), call_arg(c, 1),
				   call_number(c, "proposal", 0));
	return e ? e : tell(core, c, ret);
}

#define ARG_SETTING                                                                                \
	{                                                                                          \
		.name = "NAME", .help = "the setting; see 'inro setting list'"                     \
	}

const struct cmd_verb setting_verbs[] = {
	{ .name = "list",
	  .summary = "Lists all settings and their values",
	  .run = setting_list_run,
	  .least = LEAST_AUDITOR,
	  .reads = true,
	  .shape = SHOW_TABLE,
	  .columns = COLUMNS({ "name", "NAME" }, { "value", "VALUE" }, { "set", "SET" },
			     { "scope", "OF" }, { "what", "WHAT" }),
	  .empty = "there is no setting" },
	{ .name = "get",
	  .summary = "Shows one setting",
	  .args = ARGS(ARG_SETTING),
	  .run = setting_get_run,
	  .least = LEAST_AUDITOR,
	  .reads = true,
	  .shape = SHOW_RECORD,
	  .columns = COLUMNS({ "name", "Name" }, { "value", "Value" }, { "set", "Set" },
			     { "scope", "Of" }, { "values", "May be" }, { "what", "What" }) },
	{ .name = "set",
	  .summary = "Sets the value of a setting",
	  .args = ARGS(ARG_SETTING, { .name = "VALUE", .help = "what it is to be" }),
	  .opts = OPTS(OPT_PROPOSAL),
	  .run = setting_change_run,
	  .least = LEAST_ADMIN,
	  .shape = SHOW_SAID,
	  .said = "{name} is {value}" },
	{ .name = "unset",
	  .summary = "Resets a setting to its default",
	  .args = ARGS(ARG_SETTING),
	  .opts = OPTS(OPT_PROPOSAL),
	  .run = setting_change_run,
	  .least = LEAST_ADMIN,
	  .shape = SHOW_SAID,
	  .said = "{name} is no longer set" },
	{ 0 },
};
