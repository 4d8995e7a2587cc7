/* cmd - looking things up in the command table and in a call. */
#include "tools/cmd.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/own.h"

const struct noun *cmd_noun(const char *name)
{
	for (const struct noun *n = cmd_nouns; n->name; n++)
		if (!strcmp(n->name, name))
			return n;
	return NULL;
}

bool cmd_is_bare(const struct noun *n)
{
	return n->verbs[0].name[0] == '\0';
}

/* The *skip-th of a list; what a shorter list could not skip is left in *skip. */
static const struct opt *list_at(const struct opt *list, size_t *skip)
{
	for (; list && list->name; list++) {
		if (!*skip)
			return list;
		--*skip;
	}
	return NULL;
}

const struct opt *cmd_opt(const struct verb *v, size_t i)
{
	const struct opt *found = list_at(v->opts, &i);
	for (size_t s = 0; !found && s < ARRAY_LEN(v->shared); s++)
		found = list_at(v->shared[s], &i);
	return found;
}

const struct opt *cmd_opt_named(const struct verb *v, const char *name)
{
	const struct opt *o;
	for (size_t i = 0; (o = cmd_opt(v, i)); i++)
		if (!strcmp(o->name, name))
			return o;
	return NULL;
}

const char *call_arg(const struct call *c, size_t i)
{
	return i < c->n_args ? c->args[i] : NULL;
}

const char *call_opt_nth(const struct call *c, const char *name, size_t n)
{
	assert(cmd_opt_named(c->verb, name));
	for (size_t i = 0; i < c->n_opts; i++)
		if (!strcmp(c->opts[i].opt->name, name) && n-- == 0)
			return c->opts[i].value;
	return NULL;
}

const char *call_opt(const struct call *c, const char *name)
{
	return call_opt_nth(c, name, 0);
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
