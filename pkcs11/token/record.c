/* record - writing and reading the attribute list, hashing public keys. */
#include "pkcs11/token/record.h"

#include <string.h>

#include "pkcs11/token/keyder.h"
#include "pkcs11/token/libctx.h"

/* Columns, what is derived and what is secret are kept elsewhere: a list with one of them, or with
 * an attribute twice, was not written here. */
#define NEVER_IN_A_LIST (RULE_COLUMN | RULE_PART | RULE_SECRET | RULE_COMPUTED)

static void write_ulongs(struct bytes value, struct buf *ret)
{
	size_t n = value.n / sizeof(CK_ULONG);

	buf_add_u32(ret, (uint32_t)(n * 8));
	for (size_t i = 0; i < n; i++) {
		CK_ULONG v;

		memcpy(&v, value.p + i * sizeof v, sizeof v);
		buf_add_u64(ret, v);
	}
}

static void write_one(const struct attr *a, enum attr_kind kind, struct buf *ret)
{
	buf_add_u64(ret, a->type);
	if (attr_kind_is_ulong(kind))
		write_ulongs(attr_value(a), ret);
	else
		buf_add_field(ret, attr_value(a));
}

void record_write(const struct object_kind *kind, const struct attrs *attrs, unsigned with,
		  unsigned without, struct buf *ret)
{
	for (size_t i = 0; i < attrs->n; i++) {
		const struct attr *a = &attrs->a[i];
		const struct attr_rule *rule = a->implied ? NULL : rule_find(kind, a->type);

		if (rule && (rule->flags & with) == with && !(rule->flags & without))
			write_one(a, rule->kind, ret);
	}
}

void record_write_all(const struct attrs *attrs, struct buf *ret)
{
	for (size_t i = 0; i < attrs->n; i++)
		write_one(&attrs->a[i], rule_form(attrs->a[i].type), ret);
}

static enum inro_err read_ulongs(const struct attr_rule *rule, struct bytes field,
				 struct attrs *ret)
{
	SCOPED(buf) native = { 0 };
	enum inro_err e = INRO_OK;

	while (!e && field.n > 0) {
		uint64_t portable;

		e = read_u64(&field, &portable);
		if (!e) {
			CK_ULONG v = (CK_ULONG)portable;

			buf_add(&native, BYTES(&v, sizeof v));
		}
	}
	if (!e)
		e = buf_err(&native);
	if (!e && rule_check_value(rule, buf_bytes(&native)))
		e = INRO_E_SYNTAX;
	return e ? e : attrs_set(ret, rule->type, buf_bytes(&native));
}

static enum inro_err read_value(const struct attr_rule *rule, struct bytes field, struct attrs *ret)
{
	if (attrs_has(ret, rule->type))
		return INRO_E_SYNTAX;
	if (attr_kind_is_ulong(rule->kind))
		return read_ulongs(rule, field, ret);
	if (rule_check_value(rule, field))
		return INRO_E_SYNTAX;
	return attrs_set(ret, rule->type, field);
}

static enum inro_err take_field(struct bytes *in, CK_ATTRIBUTE_TYPE *ret_type, struct bytes *ret)
{
	uint64_t type;
	enum inro_err e = read_u64(in, &type);

	if (!e)
		e = read_field(in, ret);
	if (!e)
		*ret_type = (CK_ATTRIBUTE_TYPE)type;
	return e;
}

enum inro_err record_read_any(struct bytes *in, struct attrs *ret)
{
	struct attr_rule rule = { 0 };
	struct bytes field;
	enum inro_err e = take_field(in, &rule.type, &field);

	if (e)
		return e;
	rule.kind = rule_form(rule.type);
	if (rule.kind == ATTR_KIND__MAX || rule.kind == ATTR_TEMPLATE)
		return INRO_E_SYNTAX;
	return read_value(&rule, field, ret);
}

static enum inro_err read_one(const struct object_kind *kind, struct bytes *in, struct attrs *ret)
{
	CK_ATTRIBUTE_TYPE type;
	struct bytes field;
	enum inro_err e = take_field(in, &type, &field);

	if (e)
		return e;
	const struct attr_rule *rule = rule_find(kind, type);

	if (!rule || (rule->flags & NEVER_IN_A_LIST))
		return INRO_E_SYNTAX;
	return read_value(rule, field, ret);
}

enum inro_err record_read(const struct object_kind *kind, struct bytes in, struct attrs *ret)
{
	while (in.n > 0) {
		enum inro_err e = read_one(kind, &in, ret);

		if (e == INRO_E_SYNTAX)
			return err_set(INRO_E_DAMAGED, "an object's attributes are damaged");
		if (e)
			return e;
	}
	return INRO_OK;
}

enum inro_err record_hash(struct bytes value, uint8_t ret[32])
{
	const EVP_MD *md;
	enum inro_err e = libctx_md(CKM_SHA256, &md);

	if (e)
		return e;
	if (!EVP_Digest(value.p, value.n, ret, NULL, md, NULL))
		return libcrypto_err("hashing a public key");
	return INRO_OK;
}

enum inro_err record_hash_spki(struct bytes spki, uint8_t ret[32])
{
	struct key_parts parts = { 0 };
	enum inro_err e = keyder_read_spki(spki, &parts);

	if (e)
		return e;
	return record_hash(parts.kind == KEY_RSA ? parts.n : parts.point, ret);
}
