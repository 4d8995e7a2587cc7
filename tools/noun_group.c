/* noun_group - groups of devices and their policies. */
#include "backoffice/core/group.h"

#include "base/file.h"
#include "tools/nouns.h"
#include "tools/office.h"

/* --policy TEXT, or --policy-file FILE. */
static enum inro_err policy_given(const struct call *c, struct buf *file, const char **ret)
{
	const char *path = call_opt(c, "policy-file");
	enum inro_err e;
	*ret = call_opt(c, "policy");
	if (!path)
		return INRO_OK;
	e = file_read(path, POLICY_MAX, file);
	buf_add_u8(file, 0);
	if (!e)
		e = buf_err(file);
	if (!e)
		*ret = (const char *)file->p;
	return e;
}

static enum inro_err in_file(const struct call *c, enum inro_err e)
{
	const char *path = call_opt(c, "policy-file");
	return path && e == INRO_E_SYNTAX ? err_context(e, "%s", path) : e;
}

static enum inro_err group_add_run(const struct call *c, json_t **ret)
{
	AUTO(core_close_ptr) struct core *core = NULL;
	SCOPED(device_group) g = { 0 };
	SCOPED(buf) file = { 0 };
	const char *policy = NULL;
	enum inro_err e = policy_given(c, &file, &policy);
	if (!e)
		e = office_open(c, &core);
	if (!e)
		e = in_file(c, group_add(core, call_arg(c, 0), policy, &g));
	return e ? e : json_give(json_of_group(&g), ret);
}

static enum inro_err group_update_run(const struct call *c, json_t **ret)
{
	AUTO(core_close_ptr) struct core *core = NULL;
	SCOPED(device_group) g = { 0 };
	SCOPED(buf) file = { 0 };
	struct group_change change = { .path = call_opt(c, "path") };
	enum inro_err e = policy_given(c, &file, &change.policy);
	if (!e)
		e = office_open(c, &core);
	if (!e)
		e = in_file(c, group_update(core, call_arg(c, 0), &change, &g));
	return e ? e : json_give(json_of_group(&g), ret);
}

static enum inro_err group_delete_run(const struct call *c, json_t **ret)
{
	AUTO(core_close_ptr) struct core *core = NULL;
	SCOPED(device_group) g = { 0 };
	enum inro_err e = office_open(c, &core);
	if (!e)
		e = group_delete(core, call_arg(c, 0), &g);
	return e ? e
		 : json_give(json_pack("{s:s s:o}", "path", call_arg(c, 0), "deleted",
				       json_of_time(g.deleted_ms / 1000)),
			     ret);
}

/* ---- list, show ---- */

static enum inro_err group_page(struct core *core, const struct call *c, const struct page *page,
				json_t *list, int64_t *ret_next)
{
	SCOPED(group_list) l = { 0 };
	enum inro_err e = group_find(core, call_opt(c, "under"), page, &l);
	for (size_t i = 0; !e && i < l.n; i++) {
		json_t *doc = json_of_group(&l.items[i]);
		json_array_append_new(list, doc);
		e = json_add_counts(core, &l.items[i], doc);
	}
	*ret_next = l.next;
	return e;
}

static enum inro_err group_list_run(const struct call *c, json_t **ret)
{
	return office_list(c, group_page, ret);
}

static enum inro_err add_whole_policy(struct core *core, const struct device_group *g, json_t *doc)
{
	AUTO(free_chars) char *text = NULL;
	enum inro_err e = policy_text(core, g->id, &text);
	if (!e)
		json_object_set_new(doc, "holds", json_of_object(text));
	return e;
}

static enum inro_err group_show_run(const struct call *c, json_t **ret)
{
	AUTO(core_close_ptr) struct core *core = NULL;
	SCOPED(device_group) g = { 0 };
	json_t *doc = NULL;
	enum inro_err e = office_open(c, &core);
	if (!e)
		e = group_get(core, call_arg(c, 0), &g);
	if (!e)
		e = json_give(json_of_group(&g), &doc);
	if (!e)
		e = json_add_counts(core, &g, doc);
	if (!e)
		e = add_whole_policy(core, &g, doc);
	return json_give_or_drop(e, doc, ret);
}

/* ---- the rows ---- */

static enum inro_err check_policy_once(const struct call *c)
{
	if (call_has(c, "policy") && call_has(c, "policy-file"))
		return err_set(INRO_E_ARG, "--policy or --policy-file, not both");
	return INRO_OK;
}

static enum inro_err check_group_update(const struct call *c)
{
	if (c->n_opts)
		return check_policy_once(c);
	return err_set(INRO_E_ARG, "nothing to change; see 'inro group update --help'");
}

#define ARG_GROUP                                                                                  \
	{                                                                                          \
		.name = "GROUP", .help = "its path, as in plant/line1"                             \
	}
#define OPT_POLICY                                                                                 \
	{ .name = "policy",                                                                        \
	  .arg = "JSON",                                                                           \
	  .kind = OPT_TEXT,                                                                        \
	  .help = "its policy, as in {\"renew_days\": 30}" },                                      \
	{                                                                                          \
		.name = "policy-file", .arg = "FILE", .kind = OPT_FILE,                            \
		.help = "the same from a file"                                                     \
	}

const struct cmd_verb group_verbs[] = {
	{ .name = "add",
	  .summary = "Creates a group of devices",
	  .args = ARGS(ARG_GROUP),
	  .opts = OPTS(OPT_POLICY),
	  .check = check_policy_once,
	  .run = group_add_run,
	  .least = LEAST_ADMIN,
	  .shape = SHOW_SAID,
	  .said = "group '{path}' is made" },
	{ .name = "list",
	  .summary = "Lists groups and the number of devices in each",
	  .opts = OPTS({ .name = "under",
			 .arg = "GROUP",
			 .kind = OPT_TEXT,
			 .help = "only this one and those in it" }),
	  .run = group_list_run,
	  .least = LEAST_AUDITOR,
	  .reads = true,
	  .shape = SHOW_TABLE,
	  .columns = COLUMNS({ "path", "GROUP" }, { "devices", "DEVICES" }, { "active", "ACTIVE" },
			     { "policy", "POLICY" }),
	  .empty = "there is no such group; 'inro group add GROUP' makes one" },
	{ .name = "show",
	  .summary = "Shows a group and the policy in force there",
	  .args = ARGS(ARG_GROUP),
	  .run = group_show_run,
	  .least = LEAST_AUDITOR,
	  .reads = true,
	  .shape = SHOW_RECORD,
	  .columns = COLUMNS(
		  { "path", "Group" }, { "devices", "Devices" }, { "registered", "Registered" },
		  { "active", "Active" }, { "disabled", "Disabled" }, { "policy", "Own policy" },
		  { "holds", "What holds" }, { "created", "Created" }, { "updated", "Changed" }) },
	{ .name = "update",
	  .summary = "Changes a group's policy, or moves it",
	  .args = ARGS(ARG_GROUP),
	  .opts = OPTS({ .name = "path",
			 .arg = "GROUP",
			 .kind = OPT_TEXT,
			 .help = "its new path; what is in it moves with it" },
		       OPT_POLICY),
	  .check = check_group_update,
	  .run = group_update_run,
	  .least = LEAST_ADMIN,
	  .shape = SHOW_SAID,
	  .said = "group '{path}' is changed" },
	{ .name = "delete",
	  .summary = "Deletes an empty group",
	  .args = ARGS(ARG_GROUP),
	  .run = group_delete_run,
	  .least = LEAST_ADMIN,
	  .shape = SHOW_SAID,
	  .said = "group '{path}' is deleted" },
	{ 0 },
};
