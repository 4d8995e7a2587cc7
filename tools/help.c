/* help - what people read: `inro`, `inro NOUN`, `inro NOUN VERB --help`, `inro help ...`. */
#include "tools/help.h"

#include <stdio.h>
#include <string.h>

#include "tools/nouns.h"

#define HELP_WIDTH 118

void help_add_value(const struct cmd_opt *o, struct buf *out)
{
	if (o->kind != OPT_CHOICE || (o->arg && o->arg[0])) {
		buf_add_str(out, o->arg);
		return;
	}
	for (size_t i = 0; o->choices[i]; i++)
		buf_addf(out, "%s%s", i ? "|" : "", o->choices[i]);
}

void help_add_option(const struct cmd_opt *o, struct buf *out)
{
	buf_addf(out, "--%s", o->name);
	if (o->kind == OPT_FLAG)
		return;
	buf_add_u8(out, ' ');
	help_add_value(o, out);
}

void help_add_usage(const struct cmd_noun *n, const struct cmd_verb *v, struct buf *out)
{
	buf_addf(out, "inro %s%s%s", n->name, v->name[0] ? " " : "", v->name);
	for (const struct cmd_arg *a = v->args; a && a->name; a++)
		buf_addf(out, a->optional ? " [%s]" : " %s", a->name);
	const struct cmd_opt *o;
	for (size_t i = 0; (o = cmd_option(v, i)); i++) {
		buf_add_str(out, o->required ? " " : " [");
		help_add_option(o, out);
		buf_addf(out, "%s%s", o->required ? "" : "]", o->repeatable ? "..." : "");
	}
}

/* `what` from column `indent` on, in lines of up to HELP_WIDTH columns. */
static void add_wrapped(struct buf *out, size_t indent, const char *what)
{
	size_t at = indent;

	for (size_t n; *what; what += n) {
		size_t blanks = strspn(what, " ");

		n = blanks + strcspn(what + blanks, " ");
		if (at > indent && at + n > HELP_WIDTH) {
			buf_addf(out, "\n%*s", (int)indent, "");
			at = indent;
			what += blanks;
			n -= blanks;
		}
		buf_add(out, BYTES(what, n));
		at += n;
	}
	buf_add_u8(out, '\n');
}

/* Octets up to the blank before the next option: what is in brackets, or an option with its value. */
static size_t usage_piece(struct bytes rest)
{
	size_t n = 0;
	int depth = 0;

	for (; n < rest.n; n++) {
		if (rest.p[n] == ' ' && depth == 0 && n + 1 < rest.n && strchr("[-", rest.p[n + 1]))
			break;
		depth += (rest.p[n] == '[') - (rest.p[n] == ']');
	}
	return n;
}

static void add_usage(struct buf *out, size_t indent, struct bytes usage)
{
	size_t at = indent;

	for (size_t n; usage.n; usage = BYTES(usage.p + n, usage.n - n)) {
		if (usage.p[0] == ' ')
			usage = BYTES(usage.p + 1, usage.n - 1);
		n = usage_piece(usage);
		if (at > indent && at + 1 + n > HELP_WIDTH) {
			buf_addf(out, "\n%*s", (int)indent, "");
			at = indent;
		} else if (at > indent) {
			buf_add_u8(out, ' ');
			at++;
		}
		buf_add(out, BYTES(usage.p, n));
		at += n;
	}
}

/* "  name   what it is" with the second column at `indent`. */
static void add_line(struct buf *out, struct bytes name, size_t indent, const char *what)
{
	buf_add_str(out, "  ");
	buf_add(out, name);
	size_t used = name.n + 2;
	if (used + 2 > indent) {
		buf_add_u8(out, '\n');
		used = 0;
	}
	for (; used < indent; used++)
		buf_add_u8(out, ' ');
	add_wrapped(out, indent, what);
}

void help_add_what(const struct cmd_opt *o, struct buf *out)
{
	buf_add_str(out, o->help);
	if (o->also)
		buf_addf(out, "; also --%s", o->also);
}

static void add_option_line(const struct cmd_opt *o, struct buf *out)
{
	SCOPED(buf) name = { 0 };
	SCOPED(buf) what = { 0 };
	help_add_option(o, &name);
	help_add_what(o, &what);
	if (o->kind == OPT_CHOICE && o->arg && o->arg[0]) {
		buf_add_u8(&what, ':');
		for (size_t i = 0; o->choices[i]; i++)
			buf_addf(&what, " %s", o->choices[i]);
	}
	buf_add_u8(&what, '\0');
	add_line(out, buf_bytes(&name), 28, what.err ? o->help : (const char *)what.p);
}

static void add_globals(struct buf *out)
{
	buf_add_str(out, "\nEverywhere:\n");
	for (const struct cmd_opt *o = cmd_global_opts; o->name; o++)
		add_option_line(o, out);
}

static void add_all(struct buf *out)
{
	buf_add_str(out, "usage: inro [--home DIR] [--json] NOUN VERB ...\n\n"
			 "Keeps device keys in tokens, and makes, certifies, renews and retires "
			 "them.\n\n");
	for (const struct cmd_noun *n = cmd_nouns; n->name; n++)
		add_line(out, bytes_of(n->name), 12, n->summary);
	add_globals(out);
	buf_add_str(out, "\n'inro NOUN' lists a noun's verbs; 'inro NOUN VERB --help' says all "
			 "about one.\n");
}

static void add_verb_name(const struct cmd_verb *v, struct buf *out)
{
	buf_add_str(out, v->name);
	for (const struct cmd_arg *a = v->args; a && a->name; a++)
		buf_addf(out, a->optional ? " [%s]" : " %s", a->name);
}

static void add_noun(const struct cmd_noun *n, struct buf *out)
{
	size_t widest = 0;
	buf_addf(out, "inro %s VERB ... - %s\n\n", n->name, n->summary);
	for (const struct cmd_verb *v = n->verbs; v->name; v++) {
		SCOPED(buf) name = { 0 };
		add_verb_name(v, &name);
		widest = name.n > widest ? name.n : widest;
	}
	for (const struct cmd_verb *v = n->verbs; v->name; v++) {
		SCOPED(buf) name = { 0 };
		add_verb_name(v, &name);
		add_line(out, buf_bytes(&name), widest + 4, v->summary);
	}
	buf_addf(out, "\n'inro %s VERB --help' says all about one.\n", n->name);
}

static void add_verb(const struct cmd_noun *n, const struct cmd_verb *v, struct buf *out)
{
	SCOPED(buf) usage = { 0 };
	help_add_usage(n, v, &usage);
	buf_add_str(out, "usage: ");
	add_usage(out, strlen("usage: "), buf_bytes(&usage));
	buf_addf(out, "\n\n%s.\n", v->summary);
	if (v->args && v->args->name)
		buf_add_u8(out, '\n');
	for (const struct cmd_arg *a = v->args; a && a->name; a++)
		add_line(out, bytes_of(a->name), 28, a->help);
	const struct cmd_opt *o;
	for (size_t i = 0; (o = cmd_option(v, i)); i++) {
		buf_add_str(out, i ? "" : "\n");
		add_option_line(o, out);
	}
	add_globals(out);
}

void help_add(const struct cmd_noun *n, const struct cmd_verb *v, struct buf *out)
{
	if (!n)
		add_all(out);
	else if (!v && !cmd_is_bare(n))
		add_noun(n, out);
	else
		add_verb(n, v ? v : n->verbs, out);
}

/* ---- `inro help` ---- */

static enum inro_err give_text(struct buf *text, json_t **ret)
{
	AUTO(free_chars) char *s = buf_take_str(text);
	*ret = s ? json_pack("{s:s}", "text", s) : NULL;
	return *ret ? INRO_OK : err_set(INRO_E_NO_MEMORY, "memory is short");
}

/* The words are those of a command, and are read as one. */
static enum inro_err words_of(const struct call *c, struct call *ret)
{
	char *words[CALL_MAX_ARGS + 1];
	size_t n = 0;
	for (; n < c->n_args; n++)
		words[n] = (char *)(uintptr_t)c->args[n]; /* cmd_parse() only reads them */
	words[n++] = (char *)(uintptr_t) "--help";
	return cmd_parse((int)n, words, ret);
}

static enum inro_err help_check(const struct call *c)
{
	struct call about = { 0 };
	return words_of(c, &about);
}

static enum inro_err help_words(const struct call *c, struct buf *out)
{
	struct call about = { 0 };
	enum inro_err e = words_of(c, &about);
	if (!e)
		help_add(about.noun, about.verb, out);
	return e;
}

static enum inro_err help_run(const struct call *c, json_t **ret)
{
	SCOPED(buf) text = { 0 };
	enum inro_err e = INRO_OK;
	if (call_has(c, "dump-tables")) {
		AUTO(free_chars) char *s = NULL;
		json_t *tables = help_tables();
		s = tables ? json_dumps(tables, JSON_INDENT(1)) : NULL;
		json_decref(tables);
		buf_addf(&text, "%s\n", s ? s : "");
	} else if (call_has(c, "man")) {
		help_add_man(&text);
	} else if (call_has(c, "completion")) {
		help_add_bash(&text);
	} else {
		e = help_words(c, &text);
	}
	return e ? e : give_text(&text, ret);
}

const struct cmd_verb help_verbs[] = {
	{ .name = "",
	  .summary = "Lists the commands, or describes one",
	  .args = ARGS({ .name = "NOUN", .optional = true, .help = "about this noun" },
		       { .name = "VERB", .optional = true, .help = "about this verb" },
		       { .name = "WORD", .optional = true, .help = "a verb's second word" }),
	  .opts = OPTS({ .name = "man", .kind = OPT_FLAG, .help = "the manual page, in roff" },
		       { .name = "completion",
			 .arg = "SHELL",
			 .kind = OPT_CHOICE,
			 .choices = WORDS("bash"),
			 .help = "a completion script" },
		       { .name = "dump-tables",
			 .kind = OPT_FLAG,
			 .help = "the table of commands as JSON" }),
	  .check = help_check,
	  .run = help_run,
	  .least = LEAST_NONE,
	  .reads = true,
	  .shape = SHOW_TEXT },
	{ 0 },
};
