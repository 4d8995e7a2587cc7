/* noun_profile - what kinds of certificates there are, and checks of files that describe one. */
#include "backoffice/pki/profile.h"

#include <string.h>

#include "base/file.h"
#include "tools/nouns.h"
#include "tools/office.h"
#include "tools/text.h"

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
	}
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
	return sections;
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
			json_array_append_new(list, listed_json(&p));
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
