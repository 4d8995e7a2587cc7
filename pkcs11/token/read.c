/* read - C_GetAttributeValue, C_GetObjectSize. */
#include "pkcs11/token/objects.h"

#include <string.h>

#include "base/cryptoki/admin.h"
#include "pkcs11/token/hardware.h"
#include "pkcs11/token/nest.h"
#include "pkcs11/token/parts.h"
#include "pkcs11/token/policy.h"

/* One value into the caller's attribute (PKCS#11 3.0 5.7.5, points 1 to 5). */
static enum inro_err give(CK_ATTRIBUTE *a, struct bytes value)
{
	CK_ULONG room = a->ulValueLen;

	if (a->pValue && room < value.n) {
		a->ulValueLen = CK_UNAVAILABLE_INFORMATION;
		return err_set(INRO_E_TOO_SMALL,
			       "attribute 0x%lx has %zu bytes, there is room for "
			       "%lu",
			       a->type, value.n, room);
	}
	if (a->pValue && value.n > 0)
		memcpy(a->pValue, value.p, value.n);
	a->ulValueLen = value.n;
	return INRO_OK;
}

/* Its plain form: the bare value, or PKCS#8 of which one part is wanted. */
static enum inro_err give_plain(const struct object *o, struct bytes plain, CK_ATTRIBUTE *a)
{
	struct key_parts parts = { 0 };
	struct bytes value = plain;
	enum inro_err e = INRO_OK;

	if (o->class == CKO_PRIVATE_KEY)
		e = keyder_read_pkcs8(plain, &parts);
	if (!e && o->class == CKO_PRIVATE_KEY && !parts_secret(&parts, a->type, &value))
		e = err_set(INRO_E_ATTR_TYPE, "the key came without attribute 0x%lx", a->type);
	return e ? e : give(a, value);
}

static enum inro_err give_secret(struct object *o, CK_ATTRIBUTE *a)
{
	SCOPED(secret) plain = { 0 };
	struct token *t = o->token;
	struct loaded_key *key;
	enum inro_err e;

	if (!policy_readable(&o->attrs))
		return err_set(INRO_E_ATTR_SENSITIVE, "attribute 0x%lx is never shown", a->type);
	e = object_key(o, &key);
	if (!e)
		e = t->ops->reveal(t->backend, key->key, &plain);
	return e ? e : give_plain(o, secret_bytes(&plain), a);
}

static enum inro_err give_check_value(struct object *o, CK_ATTRIBUTE *a)
{
	uint8_t value[OBJECT_CHECK_VALUE];
	struct loaded_key *key;
	enum inro_err e = object_key(o, &key);

	if (!e)
		e = object_check_value(o, value);
	return e ? e : give(a, BYTES(value, sizeof value));
}

static enum inro_err give_evidence(struct object *o, CK_ATTRIBUTE *a)
{
	static const uint8_t slack[16];
	SCOPED(buf) evidence = { 0 };
	enum inro_err e = hardware_evidence(o, &evidence);

	/* Who asks for the length first gets another signature then. */
	if (!e && !a->pValue)
		buf_add(&evidence, BYTES(slack, sizeof slack));
	if (!e)
		e = buf_err(&evidence);
	return e ? e : give(a, buf_bytes(&evidence));
}

/* Every attribute with RULE_COMPUTED. */
static const struct {
	CK_ATTRIBUTE_TYPE type;
	enum inro_err (*give)(struct object *o, CK_ATTRIBUTE *a);
} computed[] = {
	{ CKA_CHECK_VALUE, give_check_value },
	{ CKA_INRO_EVIDENCE, give_evidence },
};

/* What is not among the attributes: worked out from the key, a part of it, or nothing. */
static enum inro_err give_other(struct object *o, const struct attr_rule *rule, CK_ATTRIBUTE *a)
{
	if (rule && (rule->flags & RULE_SECRET))
		return give_secret(o, a);
	for (size_t i = 0; rule && i < ARRAY_LEN(computed); i++)
		if (computed[i].type == rule->type)
			return computed[i].give(o, a);
	return err_set(INRO_E_ATTR_TYPE, "the object has no attribute 0x%lx", a->type);
}

static enum inro_err give_any(struct object *o, CK_ATTRIBUTE *a)
{
	const struct attr *have = attrs_find(&o->attrs, a->type);
	const struct attr_rule *rule;
	enum inro_err e;

	if (have && !(a->type & CKF_ARRAY_ATTRIBUTE))
		return give(a, attr_value(have));
	rule = rule_find(o->kind, a->type);
	if (have && rule && rule->kind == ATTR_TEMPLATE)
		return nest_give(attr_value(have), a);
	if (have)
		return give(a, attr_value(have));
	e = give_other(o, rule, a);
	if (e)
		a->ulValueLen = CK_UNAVAILABLE_INFORMATION;
	return e;
}

static enum inro_err read_all(struct token *t, CK_OBJECT_HANDLE handle, CK_ATTRIBUTE *attrs,
			      CK_ULONG n)
{
	struct object *o;
	enum inro_err e = objects_get(t, handle, &o);

	if (e)
		return e;
	for (CK_ULONG i = 0; i < n; i++) {
		enum inro_err one = give_any(o, &attrs[i]);

		if (one)
			e = one;
	}
	return e;
}

enum inro_err objects_read(struct session *s, CK_OBJECT_HANDLE handle, CK_ATTRIBUTE *attrs,
			   CK_ULONG n)
{
	if (n > 0 && !attrs)
		return err_set(INRO_E_ARG, "%lu attributes are asked for without a list", n);
	if (n > TEMPLATE_MAX)
		return err_set(INRO_E_ARG, "%lu attributes at once; %d is the most", n,
			       TEMPLATE_MAX);
	token_lock(s->token);
	enum inro_err e = read_all(s->token, handle, attrs, n);

	token_unlock(s->token);
	return e;
}

static CK_ULONG size_of(const struct object *o)
{
	size_t size = sizeof *o;

	for (size_t i = 0; i < o->attrs.n; i++)
		size += sizeof o->attrs.a[i] + (size_t)o->attrs.a[i].n;
	return size;
}

enum inro_err objects_size(struct session *s, CK_OBJECT_HANDLE handle, CK_ULONG *ret)
{
	struct object *o;

	token_lock(s->token);
	enum inro_err e = objects_get(s->token, handle, &o);

	if (!e)
		*ret = size_of(o);
	token_unlock(s->token);
	return e;
}
