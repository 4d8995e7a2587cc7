/* read - C_GetAttributeValue, C_GetObjectSize. */
#include "pkcs11/token/objects.h"

#include <string.h>

static const struct {
	CK_ATTRIBUTE_TYPE type;
	enum key_kind kind;
	size_t at; /* in struct key_parts */
} secrets[] = {
	{ CKA_PRIVATE_EXPONENT, KEY_RSA, offsetof(struct key_parts, d) },
	{ CKA_PRIME_1, KEY_RSA, offsetof(struct key_parts, p) },
	{ CKA_PRIME_2, KEY_RSA, offsetof(struct key_parts, q) },
	{ CKA_EXPONENT_1, KEY_RSA, offsetof(struct key_parts, dp) },
	{ CKA_EXPONENT_2, KEY_RSA, offsetof(struct key_parts, dq) },
	{ CKA_COEFFICIENT, KEY_RSA, offsetof(struct key_parts, qinv) },
	{ CKA_VALUE, KEY_EC, offsetof(struct key_parts, value) },
};

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

static enum inro_err give_secret(struct object *o, CK_ATTRIBUTE *a)
{
	SCOPED(secret) pkcs8 = { 0 };
	struct token *t = o->token;
	struct key_parts parts = { 0 };
	struct bytes value = BYTES_NONE;
	struct loaded_key *key;
	enum inro_err e = object_key(o, &key);

	if (!e)
		e = t->ops->reveal(t->backend, key->key, &pkcs8);
	if (!e)
		e = keyder_read_pkcs8(secret_bytes(&pkcs8), &parts);
	if (e) {
		a->ulValueLen = CK_UNAVAILABLE_INFORMATION;
		return e;
	}
	for (size_t i = 0; i < ARRAY_LEN(secrets); i++) {
		if (secrets[i].type == a->type && secrets[i].kind == o->kind->key)
			memcpy(&value, (const uint8_t *)&parts + secrets[i].at, sizeof value);
	}
	return give(a, value);
}

static bool may_be_seen(const struct object *o)
{
	return !attrs_bool(&o->attrs, CKA_SENSITIVE, true) &&
	       attrs_bool(&o->attrs, CKA_EXTRACTABLE, false);
}

/* What is not among the attributes: a part of the private key, or nothing. */
static enum inro_err give_other(struct object *o, CK_ATTRIBUTE *a)
{
	const struct attr_rule *rule = rule_find(o->kind, a->type);
	enum inro_err e;

	if (rule && (rule->flags & RULE_SECRET) && may_be_seen(o))
		return give_secret(o, a);
	if (rule && (rule->flags & RULE_SECRET))
		e = err_set(INRO_E_ATTR_SENSITIVE, "attribute 0x%lx is never shown", a->type);
	else
		e = err_set(INRO_E_ATTR_TYPE, "the object has no attribute 0x%lx", a->type);
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
		const struct attr *have = attrs_find(&o->attrs, attrs[i].type);
		enum inro_err one =
			have ? give(&attrs[i], attr_value(have)) : give_other(o, &attrs[i]);

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
		size += sizeof o->attrs.a[i] + o->attrs.a[i].n;
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
