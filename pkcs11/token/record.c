/* record - writing and reading the attribute list, hashing public keys. */
#include "pkcs11/token/record.h"

#include <string.h>

#include "pkcs11/token/keyder.h"
#include "pkcs11/token/libctx.h"

/* Columns, what is derived and what is secret are kept elsewhere: a list with one of them, or with
 * an attribute twice, was not written here. */
#define NEVER_IN_A_LIST (RULE_COLUMN | RULE_PART | RULE_SECRET)

static bool is_ulongs(const struct attr_rule *rule)
{
	return rule->kind == ATTR_ULONG || rule->kind == ATTR_ULONGS;
}

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

void record_write(const struct object_kind *kind, const struct attrs *attrs, unsigned with,
		  unsigned without, struct buf *ret)
{
	for (size_t i = 0; i < attrs->n; i++) {
		const struct attr *a = &attrs->a[i];
		const struct attr_rule *rule = rule_find(kind, a->type);

		if (!rule || (rule->flags & with) != with || (rule->flags & without))
			continue;
		buf_add_u64(ret, a->type);
		if (is_ulongs(rule))
			write_ulongs(attr_value(a), ret);
		else
			buf_add_field(ret, attr_value(a));
	}
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

static enum inro_err read_one(const struct object_kind *kind, struct bytes *in, struct attrs *ret)
{
	uint64_t type;
	struct bytes field;
	enum inro_err e = read_u64(in, &type);

	if (!e)
		e = read_field(in, &field);
	if (e)
		return e;
	const struct attr_rule *rule = rule_find(kind, (CK_ATTRIBUTE_TYPE)type);

	if (!rule || (rule->flags & NEVER_IN_A_LIST) || attrs_has(ret, rule->type))
		return INRO_E_SYNTAX;
	if (is_ulongs(rule))
		return read_ulongs(rule, field, ret);
	if (rule_check_value(rule, field))
		return INRO_E_SYNTAX;
	return attrs_set(ret, rule->type, field);
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
		return libctx_err("hashing a public key");
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
