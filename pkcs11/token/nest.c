/* nest - between a caller's array and the list. */
#include "pkcs11/token/nest.h"

#include <string.h>

#include "pkcs11/token/record.h"

/* Depth is one, and no secret lies in a template. */
static bool may_nest(CK_ATTRIBUTE_TYPE type)
{
	enum attr_kind form = rule_form(type);

	return form != ATTR_KIND__MAX && form != ATTR_TEMPLATE && form != ATTR_NUMBER &&
	       type != CKA_VALUE && type != CKA_SEED;
}

static enum inro_err take(const CK_ATTRIBUTE *a, struct attrs *to)
{
	struct attr_rule rule = { .type = a->type, .kind = rule_form(a->type) };
	struct bytes value = BYTES(a->pValue, a->ulValueLen);
	enum inro_err e;

	if (!may_nest(a->type))
		return err_set(INRO_E_ATTR_VALUE, "attribute 0x%lx can't be in a template of keys",
			       a->type);
	if (value.n > NEST_MAX || (value.n > 0 && !value.p))
		return err_set(INRO_E_ATTR_VALUE,
			       "attribute 0x%lx in a template is too long or has no value",
			       a->type);
	if (attrs_has(to, a->type))
		return err_set(INRO_E_ATTR_VALUE, "attribute 0x%lx is twice in a template",
			       a->type);
	e = rule_check_value(&rule, value);
	return e ? e : attrs_set(to, a->type, value);
}

enum inro_err nest_write(struct bytes array, struct buf *ret)
{
	SCOPED(attrs) set = { 0 };
	size_t before = ret->n;
	enum inro_err e = INRO_OK;

	if (array.n % sizeof(CK_ATTRIBUTE) != 0 || array.n / sizeof(CK_ATTRIBUTE) > NEST_MAX_ATTRS)
		return err_set(INRO_E_ATTR_VALUE, "a template of %zu bytes in a template", array.n);
	for (size_t at = 0; at < array.n && !e; at += sizeof(CK_ATTRIBUTE)) {
		CK_ATTRIBUTE a;

		memcpy(&a, array.p + at, sizeof a);
		e = take(&a, &set);
	}
	if (e)
		return e;
	record_write_all(&set, ret);
	e = buf_err(ret);
	if (!e && ret->n - before > NEST_MAX)
		e = err_set(INRO_E_ATTR_VALUE, "a template in a template has more than %d bytes",
			    NEST_MAX);
	return e;
}

enum inro_err nest_read(struct bytes list, struct attrs *ret)
{
	enum inro_err e = INRO_OK;

	if (list.n > NEST_MAX)
		return err_set(INRO_E_DAMAGED, "an object's template is damaged");
	while (!e && list.n > 0) {
		e = record_read_any(&list, ret);
		if (!e && ret->n > NEST_MAX_ATTRS)
			e = INRO_E_SYNTAX;
	}
	if (e == INRO_E_SYNTAX)
		e = err_set(INRO_E_DAMAGED, "an object's template is damaged");
	return e;
}

/* One inner attribute: its length, or its value if there is room. */
static enum inro_err give_one(const struct attr *have, CK_ATTRIBUTE *a)
{
	struct bytes value = attr_value(have);
	CK_ULONG room = a->ulValueLen;

	a->type = have->type;
	a->ulValueLen = value.n;
	if (!a->pValue)
		return INRO_OK;
	if (room < value.n) {
		a->ulValueLen = CK_UNAVAILABLE_INFORMATION;
		return err_set(INRO_E_TOO_SMALL,
			       "attribute 0x%lx in a template has %zu bytes, there is room for %lu",
			       have->type, value.n, room);
	}
	if (value.n > 0)
		memcpy(a->pValue, value.p, value.n);
	return INRO_OK;
}

enum inro_err nest_give(struct bytes list, CK_ATTRIBUTE *ret)
{
	SCOPED(attrs) set = { 0 };
	CK_ATTRIBUTE *array = ret->pValue;
	CK_ULONG room = ret->ulValueLen;
	enum inro_err e = nest_read(list, &set);

	if (e)
		return e;
	ret->ulValueLen = set.n * sizeof *array;
	if (!array)
		return INRO_OK;
	if (room < ret->ulValueLen) {
		ret->ulValueLen = CK_UNAVAILABLE_INFORMATION;
		return err_set(INRO_E_TOO_SMALL,
			       "a template has %zu attributes, there is room for %lu", set.n,
			       room / sizeof *array);
	}
	for (size_t i = 0; i < set.n; i++) {
		enum inro_err one = give_one(&set.a[i], &array[i]);

		if (one)
			e = one;
	}
	return e;
}
