/* template - bounds, rules, defaults. */
#include "pkcs11/token/template.h"

#include <string.h>

#include "pkcs11/token/nest.h"
#include "pkcs11/token/policy.h"

static struct bytes value_of(const CK_ATTRIBUTE *a)
{
	return BYTES(a->pValue, a->ulValueLen);
}

enum inro_err template_check(struct template t)
{
	if (t.n > 0 && !t.a)
		return err_set(INRO_E_ARG, "a template of %lu attributes without the attributes",
			       t.n);
	if (t.n > TEMPLATE_MAX)
		return err_set(INRO_E_ARG, "a template of %lu attributes; %d is the most", t.n,
			       TEMPLATE_MAX);
	for (CK_ULONG i = 0; i < t.n; i++) {
		if (t.a[i].ulValueLen > TEMPLATE_MAX_VALUE)
			return err_set(INRO_E_ATTR_VALUE,
				       "attribute 0x%lx of %lu bytes is too long", t.a[i].type,
				       t.a[i].ulValueLen);
		if (t.a[i].ulValueLen > 0 && !t.a[i].pValue)
			return err_set(INRO_E_ATTR_VALUE,
				       "attribute 0x%lx has a length but no "
				       "value",
				       t.a[i].type);
	}
	return INRO_OK;
}

bool template_get(struct template t, CK_ATTRIBUTE_TYPE type, struct bytes *ret)
{
	for (CK_ULONG i = 0; i < t.n; i++) {
		if (t.a[i].type != type)
			continue;
		*ret = value_of(&t.a[i]);
		return true;
	}
	return false;
}

enum inro_err template_ulong(struct template t, CK_ATTRIBUTE_TYPE type, CK_ULONG *ret)
{
	struct bytes v;

	if (!template_get(t, type, &v))
		return err_set(INRO_E_TEMPLATE_INCOMPLETE, "attribute 0x%lx is missing", type);
	if (v.n != sizeof *ret)
		return err_set(INRO_E_ATTR_VALUE, "attribute 0x%lx is no CK_ULONG", type);
	memcpy(ret, v.p, sizeof *ret);
	return INRO_OK;
}

static bool is_given_before(struct template t, CK_ULONG at)
{
	for (CK_ULONG i = 0; i < at; i++) {
		if (t.a[i].type == t.a[at].type)
			return true;
	}
	return false;
}

/* The rule of one attribute that may be given here, and its value as objects have it, checked. */
static enum inro_err admit(struct template t, CK_ULONG i, const struct object_kind *kind,
			   unsigned allowed, const struct attr_rule **ret, struct buf *ret_value)
{
	const struct attr_rule *rule = rule_find(kind, t.a[i].type);
	enum inro_err e = INRO_OK;

	if (!rule)
		return err_set(INRO_E_ATTR_TYPE, "an %s has no attribute 0x%lx", kind->name,
			       t.a[i].type);
	if (!(rule->flags & allowed & ~(unsigned)RULE_OFFICER))
		return err_set(INRO_E_ATTR_READ_ONLY,
			       "attribute 0x%lx of an %s can't be given here", rule->type,
			       kind->name);
	if (is_given_before(t, i))
		return err_set(INRO_E_TEMPLATE_INCONSISTENT, "attribute 0x%lx is given twice",
			       rule->type);
	*ret = rule;
	buf_reset(ret_value);
	if (rule->kind == ATTR_TEMPLATE)
		return nest_write(value_of(&t.a[i]), ret_value);
	buf_add(ret_value, value_of(&t.a[i]));
	e = buf_err(ret_value);
	return e ? e : rule_check_value(rule, value_of(&t.a[i]));
}

/* ---- new objects ---- */

/* Whether the caller asks for a use.  Deriving does not count for pairs: programs add it to
 * whatever they make with a curve. */
static bool asks_for_a_use(struct template t, const struct object_kind *kind)
{
	for (CK_ULONG i = 0; i < t.n; i++) {
		const struct attr_rule *rule = rule_find(kind, t.a[i].type);

		if (!rule || !(rule->flags & RULE_USE) || t.a[i].ulValueLen != 1)
			continue;
		if (rule->type == CKA_DERIVE && kind->class != CKO_SECRET_KEY)
			continue;
		if (value_of(&t.a[i]).p[0] != CK_FALSE)
			return true;
	}
	return false;
}

static enum inro_err set_default(const struct attr_rule *rule, bool use, struct attrs *attrs)
{
	switch (rule->def) {
	case DEFAULT_FALSE:
		return attrs_set_bool(attrs, rule->type, false);
	case DEFAULT_TRUE:
		return attrs_set_bool(attrs, rule->type, true);
	case DEFAULT_USE:
		return attrs_set_bool(attrs, rule->type, use);
	case DEFAULT_EMPTY:
		return attrs_set(attrs, rule->type, BYTES_NONE);
	case DEFAULT_ZERO:
		return attrs_set_ulong(attrs, rule->type, 0);
	case DEFAULT_SHA_1:
		return attrs_set_ulong(attrs, rule->type, CKM_SHA_1);
	case DEFAULT_SOFT:
		return attrs_set_ulong(attrs, rule->type, PLACE_SOFT);
	case DEFAULT_NONE:
		break;
	}
	return INRO_OK;
}

/* What must be given is; what may be left out has its default. */
static enum inro_err complete(struct template t, const struct object_kind *kind, unsigned must,
			      struct attrs *attrs)
{
	bool use = !asks_for_a_use(t, kind);
	const struct attr_rule *rule;
	struct bytes given;
	enum inro_err e = INRO_OK;

	for (size_t i = 0; !e && (rule = rule_at(kind, i)) != NULL; i++) {
		if ((rule->flags & must) && !template_get(t, rule->type, &given))
			return err_set(INRO_E_TEMPLATE_INCOMPLETE, "an %s needs attribute 0x%lx",
				       kind->name, rule->type);
		if (!attrs_has(attrs, rule->type))
			e = set_default(rule, use, attrs);
	}
	return e;
}

enum inro_err template_imply(const struct object_kind *kind, struct attrs *attrs)
{
	const struct attr_rule *rule;
	enum inro_err e = INRO_OK;

	for (size_t i = 0; !e && (rule = rule_at(kind, i)) != NULL; i++) {
		if (rule->def == DEFAULT_NONE || attrs_has(attrs, rule->type))
			continue;
		e = set_default(rule, false, attrs);
		attrs_imply(attrs, rule->type);
	}
	return e;
}

static enum inro_err check_officer(const struct attr_rule *rule, const struct attrs *attrs,
				   struct bytes value, unsigned allowed)
{
	if (!(rule->flags & RULE_OFFICER) || (allowed & RULE_OFFICER) || value.p[0] == CK_FALSE ||
	    attrs_bool(attrs, rule->type, false))
		return INRO_OK;
	return err_set(INRO_E_ATTR_READ_ONLY,
		       "attribute 0x%lx is made true by the security officer only", rule->type);
}

static unsigned must_of(unsigned allowed, const struct object_kind *kind)
{
	if (allowed & RULE_CREATE)
		return RULE_CREATE_MUST;
	/* The private half of a pair needs nothing given: all comes from the public template. */
	return (allowed & RULE_GEN) && kind->class != CKO_PRIVATE_KEY ? RULE_GEN_MUST : 0;
}

enum inro_err template_admits(struct template t, const struct object_kind *kind, unsigned allowed)
{
	const struct attrs none = { 0 };
	SCOPED(buf) value = { .secret = true };
	enum inro_err e = INRO_OK;

	for (CK_ULONG i = 0; !e && i < t.n; i++) {
		const struct attr_rule *rule;

		e = admit(t, i, kind, allowed, &rule, &value);
		if (!e)
			e = check_officer(rule, &none, buf_bytes(&value), allowed);
	}
	return e;
}

enum inro_err template_apply(struct template t, const struct object_kind *kind, unsigned allowed,
			     struct attrs *ret)
{
	SCOPED(buf) value = { .secret = true };
	enum inro_err e = INRO_OK;

	for (CK_ULONG i = 0; !e && i < t.n; i++) {
		const struct attr_rule *rule;

		e = admit(t, i, kind, allowed, &rule, &value);
		if (!e)
			e = check_officer(rule, ret, buf_bytes(&value), allowed);
		if (!e && !(rule->flags & (RULE_PART | RULE_SECRET)))
			e = attrs_set(ret, rule->type, buf_bytes(&value));
	}
	if (!e)
		e = complete(t, kind, must_of(allowed, kind), ret);
	if (!e)
		e = attrs_set_ulong(ret, CKA_CLASS, kind->class);
	if (!e && kind->key_type != CK_UNAVAILABLE_INFORMATION)
		e = attrs_set_ulong(ret, CKA_KEY_TYPE, kind->key_type);
	return e;
}

/* ---- changes ---- */

static enum inro_err check_direction(const struct attr_rule *rule, const struct attrs *attrs,
				     struct bytes value, unsigned allowed)
{
	bool old, new;

	if (!(rule->flags & (RULE_RAISE | RULE_LOWER)))
		return INRO_OK;
	old = attrs_bool(attrs, rule->type, false);
	new = value.p[0] != CK_FALSE;
	if ((rule->flags & RULE_USE) && (allowed & RULE_OFFICER) &&
	    (!new || policy_may_gain(attrs, rule->type)))
		return INRO_OK;
	if (old == new || new == ((rule->flags & RULE_RAISE) != 0))
		return INRO_OK;
	return err_set(INRO_E_ATTR_READ_ONLY, "attribute 0x%lx can't be made %s %s", rule->type,
		       new ? "true" : "false",
		       rule->flags & RULE_USE ? "once the key is there" : "again");
}

enum inro_err template_change(struct template t, const struct object_kind *kind, unsigned allowed,
			      struct attrs *attrs)
{
	SCOPED(buf) value = { 0 };
	enum inro_err e = INRO_OK;

	for (CK_ULONG i = 0; !e && i < t.n; i++) {
		const struct attr_rule *rule;

		e = admit(t, i, kind, allowed, &rule, &value);
		if (!e)
			e = check_direction(rule, attrs, buf_bytes(&value), allowed);
		if (!e)
			e = check_officer(rule, attrs, buf_bytes(&value), allowed);
		if (!e)
			e = attrs_set(attrs, rule->type, buf_bytes(&value));
	}
	return e;
}

/* ---- templates of other keys ---- */

enum inro_err template_merge(struct template t, const struct attrs *more,
			     CK_ATTRIBUTE room[TEMPLATE_MERGED_MAX], struct template *ret)
{
	CK_ULONG n = t.n;

	if (t.n + more->n > TEMPLATE_MERGED_MAX)
		return err_set(INRO_E_ARG, "a template of %lu attributes", t.n + more->n);
	if (t.n > 0)
		memcpy(room, t.a, t.n * sizeof *room);
	for (size_t i = 0; i < more->n; i++) {
		const struct attr *a = &more->a[i];
		struct bytes value = attr_value(a), given;

		if (!template_get(t, a->type, &given))
			/* Cryptoki knows no const. */
			room[n++] = (CK_ATTRIBUTE) { a->type, (void *)(uintptr_t)value.p, value.n };
		else if (!bytes_equal(value, given))
			return err_set(INRO_E_TEMPLATE_INCONSISTENT,
				       "attribute 0x%lx is not what the other key's template "
				       "wants",
				       a->type);
	}
	*ret = (struct template) { room, n };
	return INRO_OK;
}
