/* where_parse - conditions as people write them; see where.h. */
#include "backoffice/core/where.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "backoffice/core/authority.h"
#include "backoffice/core/cred.h"
#include "backoffice/core/device.h"
#include "backoffice/core/group.h"
#include "backoffice/core/internal.h"
#include "backoffice/pki/crl.h"
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

static bool has(const struct where *w, const struct where_join *of, const char *field)
{
	for (size_t i = 0; i < w->n; i++)
		if (w->of[i] == of && strcmp(w->conds[i].field, field) == 0)
			return true;
	return false;
}

bool where_has(const struct where *w, const char *field)
{
	return has(w, NULL, field);
}

static enum inro_err add_cond(struct where *w, const struct where_join *of, const char *attr,
			      struct store_cond cond)
{
	if (w->n == ARRAY_LEN(w->conds) - 1) /* the tenant's is one too */
		return err_set(INRO_E_TOO_BIG, "a search has up to %zu conditions",
			       ARRAY_LEN(w->conds) - 1);
	w->of[w->n] = of;
	w->attr[w->n] = attr;
	w->conds[w->n++] = cond;
	return INRO_OK;
}

enum inro_err where_add(struct where *w, struct store_cond cond)
{
	return add_cond(w, NULL, NULL, cond);
}

/* One condition on its way in. */
struct taking {
	struct core *c;
	struct where *w;
	const struct where_kind *kind; /* whose field it is */
	const struct where_join *of;
	char *value; /* in the search's text: may be changed in place */
	const char *attr; /* NULL: a field */
	struct store_cond cond;
};

static const struct field *field_of(const struct taking *t)
{
	return record_field(t->kind->type, t->cond.field);
}

static bool is_equal_op(const struct taking *t)
{
	return t->cond.op == STORE_EQ || t->cond.op == STORE_NE;
}

/* "" stands for what is not set. */
static bool take_none(struct taking *t)
{
	if (*t->value || !is_equal_op(t))
		return false;
	t->cond.op = t->cond.op == STORE_EQ ? STORE_NONE : STORE_SOME;
	return true;
}

static enum inro_err take_text(struct taking *t)
{
	t->cond.text = t->value;
	if (field_of(t)->kind == FIELD_SPARSE && take_none(t))
		return INRO_OK;
	return core_check_text("a value to look for", t->value, 255);
}

/* A whole address in its one form, which may be the longer one; else its beginning. */
static enum inro_err take_address(struct taking *t, address_form_fn *form, void (*lower)(char *s))
{
	char *room = t->w->forms[t->w->n];
	enum inro_err e = take_text(t);

	if (form(t->value, room))
		t->cond.text = room;
	else
		lower(t->value);
	return e;
}

static enum inro_err take_ip(struct taking *t)
{
	return take_address(t, address_ip, address_lower);
}

static enum inro_err take_mac(struct taking *t)
{
	return take_address(t, address_mac, address_mac_lower);
}

/* Decoded where it stands: there it has room. */
static enum inro_err take_hex(struct taking *t)
{
	size_t n = strlen(t->value);

	if (take_none(t))
		return INRO_OK;
	if (!is_equal_op(t) && t->cond.op != STORE_PREFIX)
		return err_set(INRO_E_ARG, "hex digits are compared by =, != and ^= only");
	if (!n || n > 128 || hex_decode(bytes_of(t->value), (uint8_t *)t->value, n, &n) != INRO_OK)
		return err_set(INRO_E_ARG, "'%s' is not hex digits, two an octet, up to 128",
			       t->value);
	t->cond.bytes = BYTES(t->value, n);
	return INRO_OK;
}

static enum inro_err take_number(struct taking *t)
{
	if (!number_read(t->value, &t->cond.number) || t->cond.number < 0)
		return err_set(INRO_E_ARG, "'%.64s' is no number from 0 to %lld", t->value, (long long)INT64_MAX);
	if (t->cond.op == STORE_PREFIX)
		return err_set(INRO_E_ARG, "a number has no beginning: compare it by =, !=, < or "
					   ">=");
	return INRO_OK;
}

static enum inro_err take_name(struct taking *t)
{
	const struct field *f = field_of(t);
	int at = name_index(f->names, f->names_n, t->value);
	SCOPED(buf) known = { 0 };

	t->cond.number = at;
	if (at >= 0 && is_equal_op(t))
		return INRO_OK;
	if (at >= 0)
		return err_set(INRO_E_ARG, "'%s' is compared by = and != only", f->name);
	for (size_t i = 0; i < f->names_n; i++)
		buf_addf(&known, "%s%s", i ? ", " : "", f->names[i]);
	buf_add_u8(&known, 0);
	return err_set(INRO_E_ARG, "no %s is '%s'; there are %s", f->name, t->value,
		       buf_err(&known) == INRO_OK ? (const char *)known.p : "others");
}

/* What shows as expired may be recorded otherwise: no index has it. */
struct store_cond where_cred_state(enum cred_state state)
{
	static const int64_t expired[] = { CRED_EXPIRED };
	struct store_cond is = { .field = "state", .number = state };

	if (state == CRED_EXPIRED) {
		is.op = STORE_IN;
		is.numbers = expired;
		is.n = ARRAY_LEN(expired);
	}
	return is;
}

static enum inro_err take_state(struct taking *t)
{
	enum inro_err e = take_name(t);

	if (e == INRO_OK && t->cond.op == STORE_EQ)
		t->cond = where_cred_state((enum cred_state)t->cond.number);
	return e;
}

/* What is named by words and kept by number; *ret_id 0: nothing of it is found. */
typedef enum inro_err id_of_fn(struct core *c, const char *name, int64_t *ret_id);

static enum inro_err take_thing(struct taking *t, id_of_fn *id_of)
{
	if (take_none(t))
		return INRO_OK;
	if (!is_equal_op(t))
		return err_set(INRO_E_ARG, "'%s' is compared by = and != only", t->cond.field);
	return id_of(t->c, t->value, &t->cond.number);
}

static enum inro_err id_of_device(struct core *c, const char *name, int64_t *ret_id)
{
	SCOPED(device) d = { 0 };
	enum inro_err e = device_get(c, name, &d);

	*ret_id = d.id;
	return e;
}

static enum inro_err id_of_ca(struct core *c, const char *name, int64_t *ret_id)
{
	SCOPED(ca) ca = { 0 };
	enum inro_err e = ca_load(c, name, &ca);

	*ret_id = ca.id;
	return e;
}

static enum inro_err id_of_group(struct core *c, const char *name, int64_t *ret_id)
{
	SCOPED(device_group) g = { 0 };
	enum inro_err e = group_get(c, name, &g);

	*ret_id = g.id;
	return e;
}

static enum inro_err take_device(struct taking *t)
{
	return take_thing(t, id_of_device);
}

static enum inro_err take_ca(struct taking *t)
{
	return take_thing(t, id_of_ca);
}

/* It says something of those on the CRL only. */
static enum inro_err take_reason(struct taking *t)
{
	const struct store_cond listed = { .field = "revoked_at", .op = STORE_SOME };
	enum crl_reason reason = CRL_UNSPECIFIED;
	enum inro_err e = crl_reason_find(t->value, &reason);

	if (e == INRO_OK && !is_equal_op(t))
		e = err_set(INRO_E_ARG, "a reason is compared by = and != only");
	t->cond.number = reason;
	return e == INRO_OK ? add_cond(t->w, t->of, NULL, listed) : e;
}

/* A group with all that is in it. */
static enum inro_err take_subtree(struct taking *t)
{
	const struct page page = { .limit = STORE_IN_MAX + 1 };
	SCOPED(group_list) l = { 0 };
	enum inro_err e = group_find(t->c, t->value, &page, &l);

	if (e != INRO_OK)
		return e;
	if (l.n == 0 || t->w->numbers[0])
		return err_set(l.n ? INRO_E_ARG : INRO_E_NOT_FOUND,
			       l.n ? "a search names one group" : "no group '%s'", t->value);
	if (l.n > STORE_IN_MAX)
		return err_set(INRO_E_TOO_BIG,
			       "group '%s' has more than %d groups in it; name one of them",
			       t->value, STORE_IN_MAX - 1);
	for (size_t i = 0; i < l.n; i++)
		t->w->numbers[i] = l.items[i].id;
	t->cond.op = STORE_IN;
	t->cond.numbers = t->w->numbers;
	t->cond.n = l.n;
	return INRO_OK;
}

static enum inro_err take_group(struct taking *t)
{
	if (t->cond.op == STORE_PREFIX)
		return take_subtree(t);
	if (!is_equal_op(t))
		return err_set(INRO_E_ARG, "a group is compared by =, != and ^= only");
	return take_thing(t, id_of_group);
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
	int64_t n;
	const char *end = number_take(value, &n);

	if (!end || !*end || end[1] || n > 1000000000 || n < -1000000000)
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
		const char *end = *value >= '0' && *value <= '9' ? strptime(value, forms[i], &t) : NULL;

		if (end && !*end) {
			int day = t.tm_mday;

			*ret = timegm(&t);
			return t.tm_mday == day; /* 31 February is none */
		}
	}
	return false;
}

static enum inro_err take_time(struct taking *t, int64_t unit)
{
	int64_t at;

	if (field_of(t)->kind == FIELD_REF && take_none(t))
		return INRO_OK;
	if (t->cond.op != STORE_LT && t->cond.op != STORE_GE)
		return err_set(INRO_E_ARG, "a time is compared by < and >= only");
	if (!from_now(t->value, &at) && !date(t->value, &at))
		return err_set(
			INRO_E_ARG,
			"a time is like 2026-11-21, 2026-11-21T08:00:00Z, 30d or -12h, not '%s'",
			t->value);
	t->cond.number = at * unit;
	return INRO_OK;
}

static enum inro_err take_ms(struct taking *t)
{
	return take_time(t, 1000);
}

static enum inro_err take_seconds(struct taking *t)
{
	return take_time(t, 1);
}

static enum inro_err take_attr(struct taking *t)
{
	t->cond.text = t->value;
	if (take_none(t))
		return INRO_OK;
	if (!is_equal_op(t) && t->cond.op != STORE_PREFIX)
		return err_set(INRO_E_ARG, "an attribute is compared by =, != and ^= only");
	return core_check_text("a value to look for", t->value, 255);
}

static enum inro_err (*const takers[WHERE_VALUE__MAX])(struct taking *t) = {
	[WHERE_TEXT] = take_text,	[WHERE_IP] = take_ip,	      [WHERE_MAC] = take_mac,
	[WHERE_HEX] = take_hex,		[WHERE_NUMBER] = take_number, [WHERE_NAME] = take_name,
	[WHERE_STATE] = take_state,	[WHERE_GROUP] = take_group,   [WHERE_DEVICE] = take_device,
	[WHERE_CA] = take_ca,		[WHERE_REASON] = take_reason, [WHERE_MS] = take_ms,
	[WHERE_SECONDS] = take_seconds,
	[WHERE_ATTR] = take_attr,
};

static bool is_field(const struct where_field *f, const char *name, size_t n)
{
	size_t word = strlen(f->name);

	if (strncmp(f->name, name, n < word ? n : word) != 0)
		return false;
	return f->value == WHERE_ATTR ? n > word + 1 && name[word] == '.' : n == word;
}

static enum inro_err find_field(const struct where_kind *kind, const char *name, size_t n,
				const struct where_field **ret)
{
	SCOPED(buf) known = { 0 };

	for (const struct where_field *f = kind->fields; f->name; f++) {
		if (is_field(f, name, n)) {
			*ret = f;
			return INRO_OK;
		}
		buf_addf(&known, "%s%s%s", known.n ? ", " : "", f->name,
			 f->value == WHERE_ATTR ? ".NAME" : "");
	}
	for (const struct where_join *j = kind->joins; j && j->name; j++)
		buf_addf(&known, ", %s.FIELD", j->name);
	buf_add_u8(&known, 0);
	return err_set(INRO_E_ARG, "a%s %s can't be searched by '%.*s'; its fields are %s",
		       strchr("aeiou", *kind->type->what) ? "n" : "", kind->type->what, (int)(n > 64 ? 64 : n), name,
		       buf_err(&known) == INRO_OK ? (const char *)known.p : "others");
}

/* A value up to a blank, or in quotes; it is ended in place.  *at moves behind it. */
static enum inro_err next_value(char **at, char **ret)
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

/* "device." in front of a name: *at and *n shrink to the name behind it. */
static const struct where_join *take_join(const struct where_kind *kind, char **at, size_t *n)
{
	for (const struct where_join *j = kind->joins; j && j->name; j++) {
		size_t word = strlen(j->name);

		if (*n > word && (*at)[word] == '.' && strncmp(*at, j->name, word) == 0) {
			*at += word + 1;
			*n -= word + 1;
			return j;
		}
	}
	return NULL;
}

static enum inro_err next_cond(struct core *c, struct where *w, char **at)
{
	size_t n = strcspn(*at, "=!^<> "), op = 0;
	const struct where_field *f = NULL;
	struct taking t = { .c = c, .w = w, .of = take_join(w->kind, at, &n) };
	char *name = *at;
	enum inro_err e;

	t.kind = t.of ? t.of->kind : w->kind;
	e = find_field(t.kind, *at, n, &f);
	if (e != INRO_OK)
		return e;
	while (op < ARRAY_LEN(ops) && strncmp(*at + n, ops[op].text, strlen(ops[op].text)) != 0)
		op++;
	if (op == ARRAY_LEN(ops))
		return err_set(INRO_E_ARG, "behind '%s' comes =, !=, ^=, < or >=", f->name);
	t.cond.field = f->field;
	t.cond.op = ops[op].op;
	*at += n + strlen(ops[op].text);
	name[n] = 0; /* the operator was read */
	t.attr = f->value == WHERE_ATTR ? name + strlen(f->name) + 1 : NULL;
	e = next_value(at, &t.value);
	if (e == INRO_OK)
		e = takers[f->value](&t);
	return e == INRO_OK ? add_cond(w, t.of, t.attr, t.cond) : e;
}

/* What a join is about, as far as it was not said: certificates that are active. */
static enum inro_err complete(struct where *w)
{
	enum inro_err e = INRO_OK;
	size_t said = w->n;

	for (size_t i = 0; i < said; i++) {
		const struct where_join *j = w->of[i];

		for (size_t k = 0; e == INRO_OK && j && k < j->also_n; k++)
			if (!has(w, j, j->also[k].field))
				e = add_cond(w, j, NULL, j->also[k]);
	}
	return e;
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
	if (e == INRO_OK)
		e = complete(ret);
	if (e != INRO_OK)
		where_clear(ret);
	return e;
}
