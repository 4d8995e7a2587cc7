/* noun_profile - what kinds of certificates there are, and checks of files that describe one. */
#include "backoffice/pki/profile.h"

#include "base/file.h"
#include "tools/nouns.h"
#include "tools/office.h"
#include "tools/text.h"

static json_t *profile_json(const struct profile *p)
{
	SCOPED(buf) text = { 0 };
	json_t *fields = json_object();
	const struct profile_field *f;
	for (size_t i = 0; (f = profile_field_at(i)); i++) {
		SCOPED(buf) name = { 0 };
		SCOPED(buf) value = { 0 };
		buf_addf(&name, "%s.%s", f->section, f->key);
		buf_add_u8(&name, '\0');
		profile_field_text(p, i, &value);
		if (buf_err(&name) || buf_err(&value))
			continue;
		json_object_set_new(fields, (const char *)name.p, text_json(buf_bytes(&value)));
		buf_addf(&text, "%s%s.%s = %.*s\n", value.n ? "" : "# ", f->section, f->key,
			 (int)value.n, value.n ? (const char *)value.p : "");
	}
	return json_pack("{s:o s:o s:o s:o}", "name", json_of_text(p->name), "title",
			 json_of_text(p->title), "settings", fields, "text",
			 text_json(buf_bytes(&text)));
}

static enum inro_err profile_list_run(const struct call *c, json_t **ret)
{
	(void)c;
	json_t *list = json_array();
	const char *name;
	enum inro_err e = INRO_OK;
	for (size_t i = 0; !e && (name = profile_builtin_at(i)); i++) {
		SCOPED(profile) p = { 0 };
		e = profile_builtin(name, &p);
		if (!e)
			json_array_append_new(list,
					      json_pack("{s:s s:o s:b s:I}", "name", name, "title",
							json_of_text(p.title), "ca", p.ca, "days",
							(json_int_t)(p.seconds / 86400)));
	}
	return json_give_or_drop(e, list, ret);
}

static enum inro_err profile_show_run(const struct call *c, json_t **ret)
{
	SCOPED(profile) p = { 0 };
	enum inro_err e = profile_builtin(call_arg(c, 0), &p);
	return e ? e : json_give(profile_json(&p), ret);
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
		 : json_give(json_pack("{s:o s:s s:b}", "name", json_of_text(p.name), "checked",
				       path, "valid", true),
			     ret);
}

/* ---- the rows ---- */

const struct cmd_verb profile_verbs[] = {
	{ .name = "list",
	  .summary = "Lists the kinds of certificates",
	  .run = profile_list_run,
	  .shape = SHOW_TABLE,
	  .columns = COLUMNS({ "name", "NAME" }, { "ca", "CA" }, { "days", "DAYS" },
			     { "title", "WHAT IT IS FOR" }),
	  .empty = "there is no profile" },
	{ .name = "show",
	  .summary = "Shows all settings of a profile",
	  .args = ARGS({ .name = "PROFILE", .help = "its name" }),
	  .run = profile_show_run,
	  .shape = SHOW_TEXT },
	{ .name = "check",
	  .summary = "Checks a file that describes a profile",
	  .args = ARGS({ .name = "FILE", .help = "an INI file" }),
	  .run = profile_check_run,
	  .shape = SHOW_SAID,
	  .said = "{checked} is a valid profile, '{name}'" },
	{ 0 },
};
