/* noun_profile - what kinds of certificates there are: built-in ones, the tenant's, and files. */
#include "backoffice/core/profile_store.h"

#include <string.h>

#include "base/clock.h"
#include "base/file.h"
#include "tools/nouns.h"
#include "tools/office.h"
#include "tools/text.h"

#define EXT_PIECE 120 /* of a value on one line; a blank at either end of it would be lost */

static void add_ext_line(const char *oid, const char *value, struct buf *out)
{
	const char *more = "";
	while (*value) {
		size_t n = strnlen(value, EXT_PIECE);
		while (n > 1 && value[n] && (value[n] == ' ' || value[n - 1] == ' '))
			n--;
		buf_addf(out, "%s = %s%.*s\n", oid, more, (int)n, value);
		value += n;
		more = "+";
	}
}

/* Extensions of its own stand below the field that speaks of them. */
static void add_ext_lines(const struct profile *p, const struct profile_field *f, struct buf *out)
{
	const char *oid, *value;
	bool here = !strcmp(f->section, "extensions") && !strcmp(f->key, "OID");
	for (size_t i = 0; here && profile_ext_at(p, i, &oid, &value); i++)
		add_ext_line(oid, value, out);
}

/* The settings as a file that 'inro profile check' takes; what is not set is a comment. */
static void add_ini(const struct profile *p, struct buf *out)
{
	const struct profile_field *f;
	const char *section = "";
	for (size_t i = 0; (f = profile_field_at(i)); i++) {
		SCOPED(buf) value = { 0 };
		profile_field_text(p, i, &value);
		if (strcmp(section, f->section) != 0)
			buf_addf(out, "%s[%s]\n", i ? "\n" : "", f->section);
		section = f->section;
		buf_addf(out, "%s%s = ", value.n ? "" : "# ", f->key);
		buf_add(out, buf_bytes(&value));
		buf_add_u8(out, '\n');
		add_ext_lines(p, f, out);
	}
}

static void add_ext_members(const struct profile *p, json_t *section)
{
	const char *oid, *value;
	for (size_t i = 0; profile_ext_at(p, i, &oid, &value); i++)
		json_object_set_new(section, oid, json_string(value));
	json_object_del(section, "OID");
}

/* The settings as an object of sections. */
static json_t *settings_json(const struct profile *p)
{
	const struct profile_field *f;
	json_t *sections = json_object();
	for (size_t i = 0; (f = profile_field_at(i)); i++) {
		SCOPED(buf) value = { 0 };
		profile_field_text(p, i, &value);
		if (!json_object_get(sections, f->section))
			json_object_set_new(sections, f->section, json_object());
		json_object_set_new(json_object_get(sections, f->section), f->key,
				    value.n ? text_json(buf_bytes(&value)) : json_null());
	}
	add_ext_members(p, json_object_get(sections, "extensions"));
	return sections;
}

/* Whose a text is: the tenant's, with its number, or built in. */
static void add_origin(json_t *doc, const struct profile_version *v)
{
	if (!doc)
		return;
	json_object_set_new(doc, "version",
			    v->version ? json_integer(v->version) : json_string("built in"));
	json_object_set_new(doc, "actor", json_of_text(v->actor));
	json_object_set_new(doc, "created", json_of_time(v->created_ms / 1000));
	json_object_set_new(doc, "ended", json_of_time(v->ended_ms / 1000));
}

static json_t *profile_json(const struct profile *p)
{
	SCOPED(buf) ini = { 0 };
	add_ini(p, &ini);
	if (buf_err(&ini))
		return NULL;
	return json_pack("{s:o s:o s:o s:o}", "name", json_of_text(p->name), "title",
			 json_of_text(p->title), "settings", settings_json(p), "text",
			 text_json(buf_bytes(&ini)));
}

static json_t *listed_json(const struct profile *p)
{
	int64_t days = p->seconds / 86400;
	return json_pack("{s:o s:o s:b s:o}", "name", json_of_text(p->name), "title",
			 json_of_text(p->title), "ca", p->ca, "days",
			 days ? json_integer(days) : json_null());
}

static enum inro_err add_listed(const struct profile_version *v, json_t *list)
{
	SCOPED(profile) p = { 0 };
	enum inro_err e = profile_read_record(blob_bytes(&v->body), v->name, &p);
	if (e)
		return e;
	json_t *doc = listed_json(&p);
	add_origin(doc, v);
	json_array_append_new(list, doc);
	return INRO_OK;
}

/* The built-in profiles need no back office: NULL when there is none. */
static enum inro_err open_if_there(const struct call *c, struct core **ret)
{
	enum inro_err e = office_open(c, ret);
	return e == INRO_E_NOT_FOUND && !office_options(c).tenant ? INRO_OK : e;
}

static bool is_listed(const struct profile_list *l, const char *name)
{
	for (size_t i = 0; i < l->n; i++)
		if (!strcmp(l->items[i].name, name))
			return true;
	return false;
}

static enum inro_err profile_list_run(const struct call *c, json_t **ret)
{
	AUTO(core_close_ptr) struct core *core = NULL;
	SCOPED(profile_list) own = { 0 };
	json_t *list = json_array();
	const char *name;
	enum inro_err e = open_if_there(c, &core);
	if (!e && core)
		e = profile_find(core, &own);
	for (size_t i = 0; !e && (name = profile_builtin_at(i)); i++) {
		SCOPED(profile_version) row = { 0 };
		if (is_listed(&own, name))
			continue;
		e = text_set(&row.name, name);
		if (!e)
			e = blob_set(&row.body, bytes_of(profile_builtin_text(name)));
		if (!e)
			e = add_listed(&row, list);
	}
	for (size_t i = 0; !e && i < own.n; i++)
		e = add_listed(&own.items[i], list);
	return json_give_or_drop(e, list, ret);
}

/* The text that the call names: --version N, or what counts. */
static enum inro_err named_text(const struct call *c, struct profile_version *ret)
{
	AUTO(core_close_ptr) struct core *core = NULL;
	const char *name = call_arg(c, 0);
	enum inro_err e = open_if_there(c, &core);
	if (e)
		return e;
	if (core)
		return profile_text(core, name, call_number(c, "revision", -1), ret);
	if (!profile_builtin_text(name)) {
		SCOPED(profile) none = { 0 };
		return profile_builtin(name, &none);
	}
	e = text_set(&ret->name, name);
	return e ? e : blob_set(&ret->body, bytes_of(profile_builtin_text(name)));
}

static enum inro_err profile_show_run(const struct call *c, json_t **ret)
{
	SCOPED(profile_version) row = { 0 };
	SCOPED(profile) p = { 0 };
	json_t *doc;
	enum inro_err e = named_text(c, &row);
	if (!e)
		e = profile_read_record(blob_bytes(&row.body), row.name, &p);
	if (e)
		return e;
	doc = profile_json(&p);
	add_origin(doc, &row);
	return json_give(doc, ret);
}

static enum inro_err profile_export_run(const struct call *c, json_t **ret)
{
	SCOPED(profile_version) row = { 0 };
	const char *path = out_file(c);
	json_t *doc;
	enum inro_err e = named_text(c, &row);
	if (!e)
		e = file_write(path, 0644, blob_bytes(&row.body));
	if (e)
		return e;
	doc = json_pack("{s:o s:o}", "name", json_of_text(row.name), "file", json_of_text(path));
	add_origin(doc, &row);
	return json_give(doc, ret);
}

static enum inro_err profile_history_run(const struct call *c, json_t **ret)
{
	AUTO(core_close_ptr) struct core *core = NULL;
	SCOPED(profile_list) l = { 0 };
	json_t *list = json_array();
	enum inro_err e = office_open(c, &core);
	if (!e)
		e = profile_history(core, call_arg(c, 0), &l);
	for (size_t i = 0; !e && i < l.n; i++) {
		json_t *doc = json_pack("{s:o}", "name", json_of_text(l.items[i].name));
		add_origin(doc, &l.items[i]);
		json_array_append_new(list, doc);
	}
	return json_give_or_drop(e, list, ret);
}

static enum inro_err profile_check_run(const struct call *c, json_t **ret)
{
	SCOPED(profile) p = { 0 };
	SCOPED(buf) text = { 0 };
	const char *path = call_arg(c, 0);
	enum inro_err e = file_read(path, PROFILE_MAX, &text);
	if (!e)
		e = profile_read(buf_bytes(&text), path, &p);
	return e ? e
		 : json_give(json_pack("{s:o s:o s:b}", "name", json_of_text(p.name), "checked",
				       json_of_text(path), "valid", true),
			     ret);
}

static json_t *given_json(const struct profile_version *v)
{
	json_t *doc = json_pack("{s:o}", "name", json_of_text(v->name));
	add_origin(doc, v);
	return doc;
}

static enum inro_err give(const struct call *c, enum profile_giving how, json_t **ret)
{
	AUTO(core_close_ptr) struct core *core = NULL;
	SCOPED(profile_version) row = { 0 };
	SCOPED(buf) text = { 0 };
	const char *path = call_arg(c, 0);
	enum inro_err e = file_read(path, PROFILE_MAX, &text);
	if (!e)
		e = office_open(c, &core);
	if (!e)
		e = profile_give(core, buf_bytes(&text), path, how, &row);
	return e ? e : json_give(given_json(&row), ret);
}

static enum inro_err profile_add_run(const struct call *c, json_t **ret)
{
	return give(c, PROFILE_NEW, ret);
}

static enum inro_err profile_set_run(const struct call *c, json_t **ret)
{
	return give(c, PROFILE_ANOTHER, ret);
}

static enum inro_err profile_remove_run(const struct call *c, json_t **ret)
{
	AUTO(core_close_ptr) struct core *core = NULL;
	SCOPED(profile_version) row = { 0 };
	enum inro_err e = office_open(c, &core);
	if (!e)
		e = profile_remove(core, call_arg(c, 0), call_opt(c, "why"), &row);
	return e ? e : json_give(given_json(&row), ret);
}

/* ---- the rows ---- */

#define ARG_PROFILE                                                                                \
	{                                                                                          \
		.name = "PROFILE", .help = "its name"                                              \
	}
#define ARG_FILE                                                                                   \
	{                                                                                          \
		.name = "FILE", .help = "an INI file"                                              \
	}
#define OPT_VERSION                                                                                \
	{                                                                                          \
		.name = "revision", .arg = "N", .kind = OPT_NUMBER,                                \
		.help = "an earlier text of it; see 'inro profile history'"                        \
	}

const struct cmd_verb profile_verbs[] = {
	{ .name = "add",
	  .summary = "Adds a profile from a file to the database",
	  .args = ARGS(ARG_FILE),
	  .run = profile_add_run,
	  .least = LEAST_ADMIN,
	  .shape = SHOW_SAID,
	  .said = "profile '{name}' is there, version {version}" },
	{ .name = "set",
	  .summary =
		  "Replaces a profile by the one in a file; the earlier version stays readable",
	  .args = ARGS(ARG_FILE),
	  .run = profile_set_run,
	  .least = LEAST_ADMIN,
	  .shape = SHOW_SAID,
	  .said = "profile '{name}' is as in the file, version {version}" },
	{ .name = "remove",
	  .summary = "Removes a profile from the database; a built-in one of the same name applies "
		     "again",
	  .args = ARGS(ARG_PROFILE),
	  .opts = OPTS(OPT_WHY),
	  .run = profile_remove_run,
	  .least = LEAST_ADMIN,
	  .shape = SHOW_SAID,
	  .said = "profile '{name}' is removed; what was issued by it stays" },
	{ .name = "list",
	  .summary = "Lists the kinds of certificates",
	  .run = profile_list_run,
	  .least = LEAST_AUDITOR,
	  .reads = true,
	  .shape = SHOW_TABLE,
	  .columns = COLUMNS({ "name", "NAME" }, { "ca", "CA" }, { "days", "DAYS" },
			     { "version", "VERSION" }, { "title", "WHAT IT IS FOR" }),
	  .empty = "there is no profile" },
	{ .name = "show",
	  .summary = "Shows all settings of a profile",
	  .args = ARGS(ARG_PROFILE),
	  .opts = OPTS(OPT_VERSION),
	  .run = profile_show_run,
	  .least = LEAST_AUDITOR,
	  .reads = true,
	  .shape = SHOW_TEXT },
	{ .name = "history",
	  .summary = "Lists the versions of a profile in the database",
	  .args = ARGS(ARG_PROFILE),
	  .run = profile_history_run,
	  .least = LEAST_AUDITOR,
	  .reads = true,
	  .shape = SHOW_TABLE,
	  .columns = COLUMNS({ "version", "VERSION" }, { "created", "FROM" }, { "ended", "TO" },
			     { "actor", "BY" }),
	  .empty = "it is built in and was never changed" },
	{ .name = "export",
	  .summary = "Writes a profile's text to a file, as it was given",
	  .args = ARGS(ARG_PROFILE, { .name = "FILE", .optional = true, .help = "is made or replaced" }),
	  .opts = OPTS(OPT_OUT_SAME, OPT_VERSION),
	  .check = out_file_check,
	  .run = profile_export_run,
	  .least = LEAST_AUDITOR,
	  .reads = true,
	  .shape = SHOW_SAID,
	  .said = "profile '{name}' is in {file}" },
	{ .name = "check",
	  .summary = "Checks a file with a profile",
	  .args = ARGS(ARG_FILE),
	  .run = profile_check_run,
	  .least = LEAST_NONE,
	  .reads = true,
	  .shape = SHOW_SAID,
	  .said = "{checked} is a valid profile, '{name}'" },
	{ 0 },
};
