/* rule - what is asked of the tables. */
#include "pkcs11/token/rule.h"

#include <string.h>

#include "pkcs11/token/nest.h"
#include "pkcs11/token/pkey.h"
#include "pkcs11/token/rule_kinds.h"

const struct object_kind *rule_kind_at(size_t i)
{
	return i < rule_kinds_n ? &rule_kinds[i] : NULL;
}

static bool offered(const struct object_kind *k)
{
	return k->key == KEY_NONE || k->key == KEY_SECRET || pkey_kind_offered(k->key);
}

const struct object_kind *rule_kind(CK_OBJECT_CLASS class, CK_KEY_TYPE key_type)
{
	for (size_t i = 0; i < rule_kinds_n; i++) {
		const struct object_kind *k = &rule_kinds[i];

		if (k->class == class && k->key_type == key_type)
			return offered(k) ? k : NULL;
	}
	return NULL;
}

static const struct object_kind *first_of(CK_OBJECT_CLASS class)
{
	for (size_t i = 0; i < rule_kinds_n; i++) {
		if (rule_kinds[i].class == class)
			return &rule_kinds[i];
	}
	return NULL;
}

bool rule_class_known(CK_OBJECT_CLASS class)
{
	return first_of(class) != NULL;
}

bool rule_class_is_typed(CK_OBJECT_CLASS class)
{
	const struct object_kind *k = first_of(class);

	return k && k->key_type != CK_UNAVAILABLE_INFORMATION;
}

const struct attr_rule *rule_at(const struct object_kind *kind, size_t i)
{
	for (size_t l = 0; l < RULE_LISTS; l++) {
		if (i < kind->lists[l].n)
			return &kind->lists[l].rules[i];
		i -= kind->lists[l].n;
	}
	return NULL;
}

const struct attr_rule *rule_find(const struct object_kind *kind, CK_ATTRIBUTE_TYPE type)
{
	const struct attr_rule *r;

	for (size_t i = 0; (r = rule_at(kind, i)) != NULL; i++) {
		if (r->type == type)
			return r;
	}
	return NULL;
}

enum attr_kind rule_form(CK_ATTRIBUTE_TYPE type)
{
	for (size_t i = 0; i < rule_kinds_n; i++) {
		const struct attr_rule *r = rule_find(&rule_kinds[i], type);

		if (r)
			return r->kind;
	}
	return ATTR_KIND__MAX;
}

bool attr_kind_is_ulong(enum attr_kind kind)
{
	return kind == ATTR_ULONG || kind == ATTR_CHOICE || kind == ATTR_TRUST ||
	       kind == ATTR_ULONGS;
}

static bool bool_ok(struct bytes v)
{
	return v.n == sizeof(CK_BBOOL) && v.p[0] <= CK_TRUE;
}

static bool ulong_ok(struct bytes v)
{
	return v.n == sizeof(CK_ULONG);
}

static bool up_to(struct bytes v, CK_ULONG max)
{
	CK_ULONG value;

	if (v.n != sizeof value)
		return false;
	memcpy(&value, v.p, sizeof value);
	return value <= max;
}

static bool choice_ok(struct bytes v)
{
	return up_to(v, 3);
}

static bool trust_ok(struct bytes v)
{
	return up_to(v, CKT_TRUST_MUST_VERIFY_TRUST);
}

static bool ulongs_ok(struct bytes v)
{
	return v.n % sizeof(CK_ULONG) == 0;
}

static bool bytes_ok(struct bytes v)
{
	(void)v;
	return true;
}

static bool date_ok(struct bytes v)
{
	if (v.n != 0 && v.n != sizeof(CK_DATE))
		return false;
	for (size_t i = 0; i < v.n; i++) {
		if (v.p[i] < '0' || v.p[i] > '9')
			return false;
	}
	return true;
}

/* A list, as nest.h writes it; that has looked into it. */
static bool template_ok(struct bytes v)
{
	return v.n <= NEST_MAX;
}

static bool number_ok(struct bytes v)
{
	return v.n > 0;
}

static bool (*const forms[ATTR_KIND__MAX])(struct bytes) = {
	[ATTR_BOOL] = bool_ok,	       [ATTR_ULONG] = ulong_ok,	  [ATTR_CHOICE] = choice_ok,
	[ATTR_TRUST] = trust_ok,       [ATTR_BYTES] = bytes_ok,	  [ATTR_TEXT] = bytes_ok,
	[ATTR_DATE] = date_ok,	       [ATTR_NUMBER] = number_ok, [ATTR_ULONGS] = ulongs_ok,
	[ATTR_TEMPLATE] = template_ok,
};

enum inro_err rule_check_value(const struct attr_rule *rule, struct bytes value)
{
	if (!forms[rule->kind](value))
		return err_set(INRO_E_ATTR_VALUE,
			       "the value of attribute 0x%lx has %zu bytes or a "
			       "form that it can't have",
			       rule->type, value.n);
	return INRO_OK;
}
