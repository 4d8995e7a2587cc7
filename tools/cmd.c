/* cmd - looking things up in the command table and in a call. */
#include "tools/cmd.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/own.h"

const struct cmd_noun *cmd_find_noun(const char *name)
{
	for (const struct cmd_noun *n = cmd_nouns; n->name; n++)
		if (!strcmp(n->name, name))
			return n;
	return NULL;
}

bool cmd_is_bare(const struct cmd_noun *n)
{
	return n->verbs[0].name[0] == '\0';
}

/* The *skip-th of a list; what a shorter list could not skip is left in *skip. */
static const struct cmd_opt *list_at(const struct cmd_opt *list, size_t *skip)
{
	for (; list && list->name; list++) {
		if (!*skip)
			return list;
		--*skip;
	}
	return NULL;
}

const struct cmd_opt *cmd_option(const struct cmd_verb *v, size_t i)
{
	const struct cmd_opt *found = list_at(v->opts, &i);
	for (size_t s = 0; !found && s < ARRAY_LEN(v->shared); s++)
		found = list_at(v->shared[s], &i);
	return found;
}

const struct cmd_opt *cmd_option_named(const struct cmd_verb *v, const char *name)
{
	const struct cmd_opt *o;
	for (size_t i = 0; (o = cmd_option(v, i)); i++)
		if (!strcmp(o->name, name) || (o->also && !strcmp(o->also, name)))
			return o;
	return NULL;
}

const char *call_arg(const struct call *c, size_t i)
{
	return i < c->n_args ? c->args[i] : NULL;
}

const char *call_opt_nth(const struct call *c, const char *name, size_t n)
{
	const struct cmd_opt *o = cmd_option_named(c->verb, name);
	assert(o);
	for (size_t i = 0; i < c->n_opts; i++)
		if (c->opts[i].opt == o && n-- == 0)
			return c->opts[i].value;
	return NULL;
}

const char *call_opt(const struct call *c, const char *name)
{
	return call_opt_nth(c, name, 0);
}

size_t call_opts(const struct call *c, const char *name, const char *out[static CALL_MAX_OPTS])
{
	size_t n = 0;
	for (const char *v; n < CALL_MAX_OPTS && (v = call_opt_nth(c, name, n)); n++)
		out[n] = v;
	return n;
}

bool call_has(const struct call *c, const char *name)
{
	return call_opt(c, name) != NULL;
}

long call_number(const struct call *c, const char *name, long otherwise)
{
	const char *text = call_opt(c, name);
	return text ? strtol(text, NULL, 10) : otherwise;
}
