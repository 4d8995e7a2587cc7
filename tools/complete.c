/*
 * complete - a bash completion script, and the table as JSON for whoever wants another.
 *
 * The script holds two maps: what may follow "noun verb", and what may be the value of
 * "noun verb --option"; `@file` and `@dir` stand for names of files and folders,
 * `@none` for what only the person knows.
 */
#include "tools/help.h"

#include <string.h>

static const char *const value_words[OPT__KINDS] = {
	[OPT_TEXT] = "@none", [OPT_HEX] = "@none", [OPT_NUMBER] = "@none", [OPT_TIME] = "@none",
	[OPT_URI] = "@none",
	[OPT_FILE] = "@file", [OPT_DIR] = "@dir",
};

static const char *value_word(const struct cmd_opt *o, size_t i)
{
	if (o->known)
		return o->known(i);
	return o->kind == OPT_CHOICE ? o->choices[i] : NULL;
}

static void add_global_words(struct buf *out)
{
	for (const struct cmd_opt *o = cmd_global_opts; o->name; o++)
		buf_addf(out, "--%s ", o->name);
	buf_add_str(out, "' ;;\n");
}

static void add_value_case(const char *command, const char *option, const struct cmd_opt *o, struct buf *out)
{
	if (o->kind == OPT_FLAG)
		return;
	buf_addf(out, "\t'%s --%s') words='", command, option);
	const char *word;
	for (size_t i = 0; (word = value_word(o, i)); i++)
		buf_addf(out, "%s%s", i ? " " : "", word);
	bool none = value_words[o->kind] && !o->known;
	buf_addf(out, "%s' ;;\n", none ? value_words[o->kind] : "");
}

static void add_verb_cases(const struct cmd_noun *n, const struct cmd_verb *v, struct buf *out)
{
	SCOPED(buf) command = { 0 };
	buf_addf(&command, "%s%s%s", n->name, v->name[0] ? " " : "", v->name);
	AUTO(free_chars) char *name = buf_take_str(&command);
	if (!name)
		return;
	const struct cmd_opt *o;
	buf_addf(out, "\t'%s') words='", name);
	for (size_t i = 0; (o = cmd_option(v, i)); i++)
		buf_addf(out, "--%s ", o->name);
	add_global_words(out);
	for (size_t i = 0; (o = cmd_option(v, i)); i++) {
		add_value_case(name, o->name, o, out);
		if (o->also)
			add_value_case(name, o->also, o, out);
	}
}

/* "pin change" and "pin unblock" begin with one word. */
static bool is_first_of_its_word(const struct cmd_noun *n, const struct cmd_verb *v)
{
	size_t word = strcspn(v->name, " ");
	for (const struct cmd_verb *other = n->verbs; other != v; other++)
		if (strcspn(other->name, " ") == word && !strncmp(other->name, v->name, word))
			return false;
	return true;
}

static void add_noun_case(const struct cmd_noun *n, struct buf *out)
{
	if (cmd_is_bare(n))
		return;
	buf_addf(out, "\t'%s') words='", n->name);
	for (const struct cmd_verb *v = n->verbs; v->name; v++)
		if (is_first_of_its_word(n, v))
			buf_addf(out, "%.*s ", (int)strcspn(v->name, " "), v->name);
	buf_add_str(out, "--help' ;;\n");
	/* The second words of verbs of two. */
	for (const struct cmd_verb *v = n->verbs; v->name; v++) {
		size_t first = strcspn(v->name, " ");
		if (v->name[first])
			buf_addf(out, "\t'%s %.*s') words+=' %s' ;;&\n", n->name, (int)first,
				 v->name, v->name + first + 1);
	}
}

static const char script_head[] =
	"# bash completion for inro; made by 'inro help --completion bash'\n"
	"_inro_words()\n{\n\tlocal words=\n\tcase $1 in\n";

static const char script_tail[] =
	"\tesac\n"
	"\tprintf '%s' \"$words\"\n"
	"}\n\n"
	"_inro()\n{\n"
	"\tlocal cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]} command= w i "
	"words\n"
	"\tfor ((i = 1; i < COMP_CWORD; i++)); do\n"
	"\t\tw=${COMP_WORDS[i]}\n"
	"\t\t[[ -n $(_inro_words \"$w\") && $w == -* ]] && { ((i++)); continue; }\n"
	"\t\t[[ $w == -* ]] && continue\n"
	"\t\tif [[ -z $command ]]; then command=$w\n"
	"\t\telif [[ -n $(_inro_words \"$command $w\") ]]; then command+=\" $w\"\n"
	"\t\tfi\n"
	"\tdone\n"
	"\tif [[ $prev == --* ]]; then\n"
	"\t\twords=$(_inro_words \"$command $prev\")\n"
	"\t\t[[ -n $words ]] || words=$(_inro_words \"$prev\")\n"
	"\tfi\n"
	"\t[[ -n $words ]] || words=$(_inro_words \"$command\")\n"
	"\tcase $words in\n"
	"\t@none) COMPREPLY=() ;;\n"
	"\t@*) compopt -o filenames 2>/dev/null ;;&\n"
	"\t@file) mapfile -t COMPREPLY < <(compgen -f -- \"$cur\") ;;\n"
	"\t@dir) mapfile -t COMPREPLY < <(compgen -d -- \"$cur\") ;;\n"
	"\t*) mapfile -t COMPREPLY < <(compgen -W \"$words\" -- \"$cur\") ;;\n"
	"\tesac\n"
	"}\n"
	"complete -F _inro inro\n";

/* They stand before the command, too: there the option's own word is what is asked by. */
static void add_global_value(const struct cmd_opt *o, struct buf *out)
{
	if (o->kind != OPT_FLAG)
		buf_addf(out, "\t'--%s') words='%s' ;;\n", o->name, value_words[o->kind]);
}

void help_add_bash(struct buf *out)
{
	buf_add_str(out, script_head);
	buf_add_str(out, "\t'') words='");
	for (const struct cmd_noun *n = cmd_nouns; n->name; n++)
		buf_addf(out, "%s ", n->name);
	add_global_words(out);
	for (const struct cmd_opt *o = cmd_global_opts; o->name; o++)
		add_global_value(o, out);
	for (const struct cmd_noun *n = cmd_nouns; n->name; n++) {
		add_noun_case(n, out);
		for (const struct cmd_verb *v = n->verbs; v->name; v++)
			add_verb_cases(n, v, out);
	}
	buf_add_str(out, script_tail);
}

/* ---- the table as JSON ---- */

static json_t *option_json(const struct cmd_opt *o)
{
	json_t *choices = json_array();
	for (size_t i = 0; o->kind == OPT_CHOICE && o->choices[i]; i++)
		json_array_append_new(choices, json_string(o->choices[i]));
	return json_pack("{s:s s:s? s:s? s:b s:b s:o s:s}", "name", o->name, "also", o->also, "argument", o->arg,
			 "required", o->required, "repeatable", o->repeatable, "choices", choices,
			 "help", o->help);
}

static const char *const leasts[] = {
	[LEAST_UNSAID] = "administrator", [LEAST_NONE] = "none",
	[LEAST_AUDITOR] = "auditor",	  [LEAST_OPERATOR] = "operator",
	[LEAST_ADMIN] = "administrator",
};

static json_t *verb_json(const struct cmd_verb *v)
{
	json_t *args = json_array(), *opts = json_array();
	for (const struct cmd_arg *a = v->args; a && a->name; a++)
		json_array_append_new(args, json_pack("{s:s s:b s:s}", "name", a->name, "optional",
						      a->optional, "help", a->help));
	const struct cmd_opt *o;
	for (size_t i = 0; (o = cmd_option(v, i)); i++)
		json_array_append_new(opts, option_json(o));
	return json_pack("{s:s s:s s:s s:o s:o}", "verb", v->name, "least", leasts[v->least],
			 "summary", v->summary, "arguments", args, "options", opts);
}

json_t *help_tables(void)
{
	json_t *nouns = json_array();
	for (const struct cmd_noun *n = cmd_nouns; n->name; n++) {
		json_t *verbs = json_array();
		for (const struct cmd_verb *v = n->verbs; v->name; v++)
			json_array_append_new(verbs, verb_json(v));
		json_array_append_new(nouns, json_pack("{s:s s:s s:o}", "noun", n->name, "summary",
						       n->summary, "verbs", verbs));
	}
	return nouns;
}
