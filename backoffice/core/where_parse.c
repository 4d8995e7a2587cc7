/* where_parse - conditions as people write them; see where.h. */
#include "backoffice/core/where.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "backoffice/core/group.h"
#include "backoffice/core/internal.h"
#include "base/clock.h"

/* The longest first: "<" is no beginning of another. */
static const struct {
	const char *text;
	enum store_op op;
} ops[] = {
	{ "!=", STORE_NE }, { "^=", STORE_PREFIX }, { ">=", STORE_GE },
	{ "<", STORE_LT },  { "=", STORE_EQ },
};

void where_clear(struct where *w)
{
	free(w->text);
	*w = (struct where) { 0 };
}

bool where_has(const struct where *w, const char *field)
{
	for (size_t i = 0; i < w->n; i++)
		if (strcmp(w->conds[i].field, field) == 0)
			return true;
	return false;
}

enum inro_err where_add(struct where *w, struct store_cond cond)
{
	if (w->n == ARRAY_LEN(w->conds) - 1) /* the tenant's is one too */
		return err_set(INRO_E_TOO_BIG, "a search has up to %zu conditions",
			       ARRAY_LEN(w->conds) - 1);
	w->conds[w->n++] = cond;
	return INRO_OK;
}

static enum inro_err take_text(struct core *c, struct where *w, const char *value,
			       struct store_cond *cond)
{
	bool sparse = record_field(w->kind->type, cond->field)->kind == FIELD_SPARSE;

	(void)c;
	cond->text = value;
	if (sparse && !*value && cond->op == STORE_EQ)
		cond->op = STORE_NONE;
	if (sparse && !*value && cond->op == STORE_NE)
		cond->op = STORE_SOME;
	return core_check_text("a value to look for", value, 255);
}

static enum inro_err take_name(struct core *c, struct where *w, const char *value,
			       struct store_cond *cond)
{
	const struct field *f = record_field(w->kind->type, cond->field);
	int at = name_index(f->names, f->names_n, value);
	SCOPED(buf) known = { 0 };

	(void)c;
	cond->number = at;
	if (at >= 0 && (cond->op == STORE_EQ || cond->op == STORE_NE))
		return INRO_OK;
	if (at >= 0)
		return err_set(INRO_E_ARG, "'%s' is compared by = and != only", cond->field);
	for (size_t i = 0; i < f->names_n; i++)
		buf_addf(&known, "%s%s", i ? ", " : "", f->names[i]);
	buf_add_u8(&known, 0);
	return err_set(INRO_E_ARG, "no %s is '%s'; there are %s", cond->field, value,
		       buf_err(&known) == INRO_OK ? (const char *)known.p : "others");
}

/* A group with all that is in it. */
static enum inro_err take_subtree(struct core *c, struct where *w, const char *path,
				  struct store_cond *cond)
{
	const struct page page = { .limit = STORE_IN_MAX + 1 };
	SCOPED(group_list) l = { 0 };
	enum inro_err e = group_find(c, path, &page, &l);

	if (e != INRO_OK)
		return e;
	if (l.n == 0 || where_has(w, cond->field))
		return err_set(l.n ? INRO_E_ARG : INRO_E_NOT_FOUND,
			       l.n ? "a search names one group" : "no group '%s'", path);
	if (l.n > STORE_IN_MAX)
		return err_set(INRO_E_TOO_BIG,
			       "group '%s' has more than %d groups in it; name one of them", path,
			       STORE_IN_MAX - 1);
	for (size_t i = 0; i < l.n; i++)
		w->numbers[i] = l.items[i].id;
	cond->op = STORE_IN;
	cond->numbers = w->numbers;
	cond->n = l.n;
	return INRO_OK;
}

static enum inro_err take_group(struct core *c, struct where *w, const char *value,
				struct store_cond *cond)
{
	SCOPED(device_group) g = { 0 };
	enum inro_err e;

	if (cond->op == STORE_PREFIX)
		return take_subtree(c, w, value, cond);
	if (cond->op != STORE_EQ && cond->op != STORE_NE)
		return err_set(INRO_E_ARG, "a group is compared by =, != and ^= only");
	if (!*value) {
		cond->op = cond->op == STORE_EQ ? STORE_NONE : STORE_SOME;
		return INRO_OK;
	}
	e = group_get(c, value, &g);
	cond->number = g.id;
	return e;
}

/* "30d" from now; true when it is such. */
static bool from_now(const char *value, int64_t *ret)
{
	static const struct {
		char unit;
		int64_t seconds;
	} units[] = {
		{ 's', 1 }, { 'm', 60 }, { 'h', 3600 }, { 'd', 86400 }, { 'w', 604800 },
	};
	char *end;
	long long n = strtoll(value, &end, 10);

	if (end == value || !*end || end[1] || n > 1000000000 || n < -1000000000)
		return false;
	for (size_t i = 0; i < ARRAY_LEN(units); i++)
		if (units[i].unit == *end) {
			*ret = clock_now() + n * units[i].seconds;
			return true;
		}
	return false;
}

static bool date(const char *value, int64_t *ret)
{
	static const char *const forms[] = { "%Y-%m-%dT%H:%M:%SZ", "%Y-%m-%d" };

	for (size_t i = 0; i < ARRAY_LEN(forms); i++) {
		struct tm t = { 0 };
		const char *end = strptime(value, forms[i], &t);

		if (end && !*end) {
			*ret = timegm(&t);
			return true;
		}
	}
	return false;
}

static enum inro_err take_time(struct where *w, const char *value, struct store_cond *cond,
			       int64_t unit)
{
	int64_t at;

	(void)w;
	if (cond->op != STORE_LT && cond->op != STORE_GE)
		return err_set(INRO_E_ARG, "a time is compared by < and >= only");
	if (!from_now(value, &at) && !date(value, &at))
		return err_set(
			INRO_E_ARG,
			"a time is like 2026-11-21, 2026-11-21T08:00:00Z, 30d or -12h, not '%s'",
			value);
	cond->number = at * unit;
	return INRO_OK;
}

static enum inro_err take_ms(struct core *c, struct where *w, const char *value,
			     struct store_cond *cond)
{
	(void)c;
	return take_time(w, value, cond, 1000);
}

static enum inro_err take_seconds(struct core *c, struct where *w, const char *value,
				  struct store_cond *cond)
{
	(void)c;
	return take_time(w, value, cond, 1);
}

static enum inro_err (*const takers[WHERE_VALUE__MAX])(struct core *c, struct where *w,
						       const char *value,
						       struct store_cond *cond) = {
	[WHERE_TEXT] = take_text, [WHERE_NAME] = take_name,	  [WHERE_GROUP] = take_group,
	[WHERE_MS] = take_ms,	  [WHERE_SECONDS] = take_seconds,
};

static enum inro_err find_field(const struct where_kind *kind, const char *name, size_t n,
				const struct where_field **ret)
{
	SCOPED(buf) known = { 0 };

	for (const struct where_field *f = kind->fields; f->name; f++) {
		if (strlen(f->name) == n && strncmp(f->name, name, n) == 0) {
			*ret = f;
			return INRO_OK;
		}
		buf_addf(&known, "%s%s", known.n ? ", " : "", f->name);
	}
	buf_add_u8(&known, 0);
	return err_set(INRO_E_ARG, "a %s can't be searched by '%.*s'; its fields are %s",
		       kind->type->what, (int)(n > 64 ? 64 : n), name,
		       buf_err(&known) == INRO_OK ? (const char *)known.p : "others");
}

/* A value up to a blank, or in quotes; it is ended in place.  *at moves behind it. */
static enum inro_err next_value(char **at, const char **ret)
{
	bool quoted = **at == '"';
	char *from = *at + quoted, *end = quoted ? strchr(from, '"') : from + strcspn(from, " ");

	if (!end || (quoted && end[1] && end[1] != ' '))
		return err_set(INRO_E_ARG, "a quoted value ends with a quote and a blank");
	*at = end + (*end != 0);
	*end = 0;
	*ret = from;
	return INRO_OK;
}

static enum inro_err next_cond(struct core *c, struct where *w, char **at)
{
	size_t n = strcspn(*at, "=!^<> "), op = 0;
	const struct where_field *f = NULL;
	struct store_cond cond = { 0 };
	const char *value = NULL;
	enum inro_err e = find_field(w->kind, *at, n, &f);

	if (e != INRO_OK)
		return e;
	while (op < ARRAY_LEN(ops) && strncmp(*at + n, ops[op].text, strlen(ops[op].text)) != 0)
		op++;
	if (op == ARRAY_LEN(ops))
		return err_set(INRO_E_ARG, "behind '%s' comes =, !=, ^=, < or >=", f->name);
	cond.field = f->field;
	cond.op = ops[op].op;
	*at += n + strlen(ops[op].text);
	e = next_value(at, &value);
	if (e == INRO_OK)
		e = takers[f->value](c, w, value, &cond);
	return e == INRO_OK ? where_add(w, cond) : e;
}

enum inro_err where_parse(struct core *c, const struct where_kind *kind, const char *text,
			  struct where *ret)
{
	char *at;
	enum inro_err e;

	*ret = (struct where) { .kind = kind };
	if (strlen(text_or_empty(text)) > WHERE_TEXT_MAX)
		return err_set(INRO_E_TOO_BIG, "a search has up to %d bytes", WHERE_TEXT_MAX);
	e = text_set(&ret->text, text_or_empty(text));
	at = ret->text;
	while (e == INRO_OK && at && *(at += strspn(at, " ")))
		e = next_cond(c, ret, &at);
	if (e != INRO_OK)
		where_clear(ret);
	return e;
}
