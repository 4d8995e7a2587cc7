/*
 * parse - argv against the command table.
 *
 * 1. Words come in the order noun, verb, arguments; options may stand anywhere behind the words
 *    that make them known, as `--name value` or `--name=value`; `--` ends them.  Two have a letter: -h, -y.
 * 2. Every refusal names what is refused, and the near word if there is one.
 */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/bytes.h"
#include "base/clock.h"
#include "base/cryptoki/uri.h"
#include "tools/cmd.h"
#include "tools/near.h"

#define CHOICES_MAX 300
#define ID_DIGITS   18 /* of a record's number; more may not fit */

struct parser {
	char *const *argv;
	int argc, at;
	bool only_words;  /* `--` was seen */
	const char *half; /* the first word of a verb of two */
	struct call call;
};

/* "inro token create", as far as it is known. */
static const char *command_of(const struct call *c)
{
	static _Thread_local char room[96];
	snprintf(room, sizeof room, "inro%s%s%s%s", c->noun ? " " : "",
		 c->noun ? c->noun->name : "", c->verb && c->verb->name[0] ? " " : "",
		 c->verb ? c->verb->name : "");
	return room;
}

/* What ends a refusal before the next step: the near word's question, or a semicolon. */
static const char *question(const struct near *n)
{
	const char *asked = near_question(n);

	return *asked ? asked : ";";
}

static enum inro_err take_noun(struct parser *p, const char *word)
{
	struct call *c = &p->call;
	c->noun = cmd_find_noun(word);
	if (c->noun) {
		c->verb = cmd_is_bare(c->noun) ? c->noun->verbs : NULL;
		return INRO_OK;
	}
	struct near n = near_to(word);
	for (const struct cmd_noun *k = cmd_nouns; k->name; k++)
		near_try(&n, k->name);
	near_try(&n, "--version"); /* a verb of many other programs */
	return err_set(INRO_E_ARG, "there is no '%s'%s see 'inro help'", word, question(&n));
}

static enum inro_err unknown_verb(const struct cmd_noun *noun, const char *word)
{
	struct near n = near_to(word);
	for (const struct cmd_verb *v = noun->verbs; v->name; v++)
		near_try(&n, v->name);
	return err_set(INRO_E_ARG, "'inro %s' has no '%s'%s see 'inro %s'", noun->name, word, question(&n),
		       noun->name);
}

/* Is `word` the whole of a verb's name, or, with `half`, the rest of it? */
static bool names_verb(const struct cmd_verb *v, const char *half, const char *word)
{
	size_t n = half ? strlen(half) : 0;
	if (!half)
		return !strcmp(v->name, word);
	return !strncmp(v->name, half, n) && v->name[n] == ' ' && !strcmp(v->name + n + 1, word);
}

static enum inro_err take_verb(struct parser *p, const char *word)
{
	const struct cmd_noun *noun = p->call.noun;
	size_t n = strlen(word);
	for (const struct cmd_verb *v = noun->verbs; v->name; v++) {
		if (names_verb(v, p->half, word)) {
			p->call.verb = v;
			p->half = NULL;
			return INRO_OK;
		}
		if (!p->half && !strncmp(v->name, word, n) && v->name[n] == ' ') {
			p->half = word;
			return INRO_OK;
		}
	}
	char both[96];
	snprintf(both, sizeof both, "%s%s%s", p->half ? p->half : "", p->half ? " " : "", word);
	return unknown_verb(noun, both);
}

static bool is_id(const char *word)
{
	size_t n = strlen(word);
	return n && n <= ID_DIGITS && strspn(word, "0123456789") == n && strspn(word, "0") < n;
}

static enum inro_err check_uri(const char *text)
{
	SCOPED(p11_uri) uri = { 0 };
	enum inro_err e = p11_uri_parse(text, &uri);

	if (e && e != INRO_E_NO_MEMORY)
		return err_set(INRO_E_ARG, "%s", err_detail(e));
	return e;
}

static enum inro_err check_arg(const struct cmd_arg *a, const char *word)
{
	if (a->number && !is_id(word))
		return err_set(INRO_E_ARG, "'%s' is no %s number", word, a->number);
	return a->uri ? check_uri(word) : INRO_OK;
}

static enum inro_err take_arg(struct parser *p, const char *word)
{
	struct call *c = &p->call;
	size_t known = 0;
	while (c->verb->args && c->verb->args[known].name)
		known++;
	if (c->n_args >= known || c->n_args >= CALL_MAX_ARGS)
		return err_set(INRO_E_ARG, "'%s' is one argument too many; see '%s --help'", word,
			       command_of(c));
	enum inro_err e = check_arg(&c->verb->args[c->n_args], word);
	if (!e)
		c->args[c->n_args++] = word;
	return e;
}

static enum inro_err take_word(struct parser *p, const char *word)
{
	if (!p->call.noun)
		return take_noun(p, word);
	return p->call.verb ? take_arg(p, word) : take_verb(p, word);
}

/* ---- values ---- */

static enum inro_err check_any(const struct cmd_opt *o, const char *value)
{
	(void)o;
	(void)value;
	return INRO_OK;
}

static enum inro_err check_given(const struct cmd_opt *o, const char *value)
{
	if (value[0])
		return INRO_OK;
	return err_set(INRO_E_ARG, "--%s needs a value that is not empty", o->name);
}

static enum inro_err check_file(const struct cmd_opt *o, const char *value)
{
	if (o->makes && !strcmp(value, "-"))
		return err_set(INRO_E_ARG, "--%s: that is written to a file, not to standard output", o->name);
	return check_given(o, value);
}

static enum inro_err check_hex(const struct cmd_opt *o, const char *value)
{
	size_t n = strlen(value);
	if (n && n % 2 == 0 && strspn(value, "0123456789abcdefABCDEF") == n)
		return INRO_OK;
	return err_set(INRO_E_ARG, "--%s takes pairs of hex digits, not '%s'", o->name, value);
}

static enum inro_err check_number(const struct cmd_opt *o, const char *value)
{
	size_t n = strlen(value);
	if (n && n <= 9 && strspn(value, "0123456789") == n && strspn(value, "0") < n)
		return INRO_OK;
	return err_set(INRO_E_ARG, "--%s takes a number from 1 to 999999999, not '%s'%s%s", o->name, value,
		       o->zero && n && strspn(value, "0") == n ? "; for none there is --" : "",
		       o->zero && n && strspn(value, "0") == n ? o->zero : "");
}

/* Seconds, UTC. */
static enum inro_err read_time(const char *name, const char *text, int64_t *ret)
{
	struct tm tm = { 0 };
	char again[32];
	const char *end = strptime(text, strlen(text) > 10 ? "%Y-%m-%dT%H:%M:%SZ" : "%Y-%m-%d", &tm);
	if (!end || *end)
		return err_set(INRO_E_ARG, "--%s takes 2026-11-21 or 2026-11-21T01:09:47Z, not '%s'", name, text);
	time_t t = timegm(&tm);
	/* strptime() takes the 31st of any month. */
	clock_format(t, again, sizeof again);
	if (strncmp(again, text, 10) != 0)
		return err_set(INRO_E_ARG, "--%s: there is no day '%s'", name, text);
	if (t <= 0)
		return err_set(INRO_E_ARG, "--%s takes what is later than 1970-01-01T00:00:00Z, not '%s'", name, text);
	*ret = (int64_t)t;
	return INRO_OK;
}

static enum inro_err check_time(const struct cmd_opt *o, const char *value)
{
	int64_t seconds;
	return read_time(o->name, value, &seconds);
}

static enum inro_err check_key(const struct cmd_opt *o, const char *value)
{
	enum inro_err e = check_uri(value);

	return e ? err_context(e, "--%s", o->name) : INRO_OK;
}

/* As many as an error has room for. */
static void list_choices(const struct cmd_opt *o, struct buf *out)
{
	for (const char *const *k = o->choices; *k; k++) {
		if (out->n + strlen(*k) > CHOICES_MAX) {
			buf_add_str(out, ", ... (--help has all)");
			return;
		}
		buf_addf(out, "%s%s", k == o->choices ? "" : ", ", *k);
	}
}

static enum inro_err check_choice(const struct cmd_opt *o, const char *value)
{
	SCOPED(buf) all = { 0 };
	struct near n = near_to(value);
	for (const char *const *k = o->choices; *k; k++) {
		if (!strcmp(*k, value))
			return INRO_OK;
		near_try(&n, *k);
	}
	list_choices(o, &all);
	return err_set(INRO_E_ARG, "--%s can't be '%s'%s it is one of: %.*s", o->name, value, question(&n),
		       (int)all.n, (const char *)all.p);
}

static enum inro_err (*const checks[OPT__KINDS])(const struct cmd_opt *, const char *) = {
	[OPT_FLAG] = check_any,	     [OPT_TEXT] = check_any, [OPT_FILE] = check_file,
	[OPT_DIR] = check_given,     [OPT_HEX] = check_hex,  [OPT_NUMBER] = check_number,
	[OPT_CHOICE] = check_choice, [OPT_TIME] = check_time,
	[OPT_URI] = check_key,
};

/* ---- options ---- */

static enum inro_err unknown_option(const struct parser *p, const char *name)
{
	struct near n = near_to(name);
	const struct cmd_opt *o;
	for (size_t i = 0; p->call.verb && (o = cmd_option(p->call.verb, i)); i++) {
		near_try(&n, o->name);
		if (o->also)
			near_try(&n, o->also);
	}
	for (o = cmd_global_opts; o->name; o++)
		near_try(&n, o->name);
	const char *known = n.best ? n.best : n.part;
	char meant[64] = ";";
	if (known)
		snprintf(meant, sizeof meant, "; did you mean '--%s'?", known);
	const char *command = command_of(&p->call);
	return err_set(INRO_E_ARG, "'%s' has no option '--%s'%s see '%s --help'", command, name, meant, command);
}

static const struct cmd_opt *find_option(const struct parser *p, const char *name)
{
	const struct cmd_opt *o = p->call.verb ? cmd_option_named(p->call.verb, name) : NULL;
	if (o)
		return o;
	for (o = cmd_global_opts; o->name; o++)
		if (!strcmp(o->name, name))
			return o;
	return NULL;
}

static bool keep_global(struct call *c, const struct cmd_opt *o, const char *value)
{
	const struct {
		const char *name;
		bool *flag;
		const char **text;
	} globals[] = {
		{ "json", &c->json, NULL },	  { "help", &c->help, NULL },
		{ "version", &c->version, NULL }, { "home", NULL, &c->home },
		{ "tenant", NULL, &c->tenant },	  { "as", NULL, &c->as },
		{ "password-source", NULL, &c->password_source },
	};
	for (size_t i = 0; i < ARRAY_LEN(globals); i++) {
		if (strcmp(globals[i].name, o->name) != 0)
			continue;
		if (globals[i].flag)
			*globals[i].flag = true;
		else
			*globals[i].text = value;
		return true;
	}
	return false;
}

/* A number, and that there is none. */
static bool contradicts(const struct cmd_opt *number, const struct cmd_opt *none)
{
	return number->zero && strcmp(number->zero, none->name) == 0;
}

static enum inro_err check_beside(const struct cmd_opt *one, const struct cmd_opt *other)
{
	if (!contradicts(one, other) && !contradicts(other, one))
		return INRO_OK;
	return err_set(INRO_E_ARG, "give either --%s or --%s", one->zero ? one->name : other->name,
		       one->zero ? one->zero : other->zero);
}

static enum inro_err keep_option(struct call *c, const struct cmd_opt *o, const char *value)
{
	if (keep_global(c, o, value))
		return INRO_OK;
	for (size_t i = 0; i < c->n_opts; i++) {
		enum inro_err e = check_beside(o, c->opts[i].opt);
		if (e)
			return e;
		if (c->opts[i].opt == o && !o->repeatable)
			return err_set(INRO_E_ARG, "--%s is given twice", o->name);
	}
	if (c->n_opts == CALL_MAX_OPTS)
		return err_set(INRO_E_ARG, "more than %d options", CALL_MAX_OPTS);
	c->opts[c->n_opts].opt = o;
	c->opts[c->n_opts++].value = value;
	return INRO_OK;
}

/* The value of an option: behind its '=', or the next word. */
static enum inro_err option_value(struct parser *p, const struct cmd_opt *o, const char *attached,
				  const char **ret)
{
	if (o->kind == OPT_FLAG) {
		if (attached)
			return err_set(INRO_E_ARG, "--%s takes no value", o->name);
		*ret = "";
		return INRO_OK;
	}
	if (attached) {
		*ret = attached;
		return INRO_OK;
	}
	if (p->at == p->argc)
		return err_set(INRO_E_ARG, "--%s needs its %s; see '%s --help'", o->name, o->arg,
			       command_of(&p->call));
	*ret = p->argv[p->at++];
	return INRO_OK;
}

static enum inro_err take_option(struct parser *p, const char *word)
{
	const char *attached = strchr(word, '=');
	size_t n = attached ? (size_t)(attached - word) : strlen(word);
	char name[64];
	snprintf(name, sizeof name, "%.*s", n < sizeof name ? (int)n : (int)sizeof name - 1, word);
	const struct cmd_opt *o = find_option(p, name);
	if (!o)
		return unknown_option(p, name);
	const char *value = NULL;
	enum inro_err e = option_value(p, o, attached ? attached + 1 : NULL, &value);
	if (!e)
		e = checks[o->kind](o, value);
	return e ? e : keep_option(&p->call, o, value);
}

static const struct {
	const char *letter, *word;
} letters[] = { { "-h", "--help" }, { "-y", "--yes" } };

static const char *spelled_out(const char *word)
{
	for (size_t i = 0; i < ARRAY_LEN(letters); i++)
		if (!strcmp(letters[i].letter, word))
			return letters[i].word;
	return word;
}

static enum inro_err take(struct parser *p)
{
	const char *word = p->argv[p->at++];
	if (p->only_words || word[0] != '-' || !word[1])
		return take_word(p, word);
	if (!strcmp(word, "--")) {
		p->only_words = true;
		return INRO_OK;
	}
	word = spelled_out(word);
	if (word[1] != '-')
		return err_set(INRO_E_ARG, "'%s': options begin with two dashes; see '%s --help'",
			       word, command_of(&p->call));
	return take_option(p, word + 2);
}

/* ---- what must not be missing ---- */

static enum inro_err check_complete(const struct parser *p)
{
	const struct call *c = &p->call;
	if (p->half)
		return unknown_verb(c->noun, p->half);
	if (!c->verb)
		return INRO_OK; /* `inro` and `inro NOUN` give help */
	const struct cmd_arg *a = c->verb->args;
	for (size_t i = 0; a && a[i].name; i++)
		if (i >= c->n_args && !a[i].optional)
			return err_set(INRO_E_ARG, "%s is missing; see '%s --help'", a[i].name,
				       command_of(c));
	const struct cmd_opt *o;
	for (size_t i = 0; (o = cmd_option(c->verb, i)); i++)
		if (o->required && !call_has(c, o->name))
			return err_set(INRO_E_ARG, "--%s %s is missing; see '%s --help'", o->name,
				       o->arg, command_of(c));
	return c->verb->check ? c->verb->check(c) : INRO_OK;
}

enum inro_err cmd_parse(int argc, char *const *argv, struct call *ret)
{
	struct parser p = { .argv = argv, .argc = argc };
	enum inro_err e = INRO_OK;
	while (!e && p.at < argc && !p.call.help && !p.call.version)
		e = take(&p);
	/* Help stands on what was understood before it was asked for. */
	if (!e && !p.call.help && !p.call.version)
		e = check_complete(&p);
	if (!e)
		*ret = p.call;
	return e;
}

int64_t call_id(const struct call *c)
{
	return strtoll(call_arg(c, 0), NULL, 10);
}

int64_t call_time(const struct call *c, const char *name)
{
	const char *text = call_opt(c, name);
	int64_t seconds = 0;
	if (text && read_time(name, text, &seconds)) /* which the parser has checked */
		return 0;
	return seconds * 1000;
}
