/* born - what follows from a new key: its parts, its length, its history. */
#include <string.h>

#include "base/cryptoki/admin.h"
#include "pkcs11/token/object.h"
#include "pkcs11/token/policy.h"

/* ---- parts of public keys ---- */

static enum inro_err set_rsa(struct object *o, const struct key_parts *parts)
{
	enum inro_err e = attrs_set(&o->attrs, CKA_MODULUS, parts->n);

	if (!e)
		e = attrs_set(&o->attrs, CKA_PUBLIC_EXPONENT, parts->e);
	if (!e && o->class == CKO_PUBLIC_KEY)
		e = attrs_set_ulong(&o->attrs, CKA_MODULUS_BITS, parts->bits);
	return e;
}

static enum inro_err set_curve(struct object *o, const struct key_parts *parts)
{
	SCOPED(buf) point = { 0 };
	enum inro_err e;

	keyder_wrap_point(parts->point, &point);
	e = buf_err(&point);
	if (!e)
		e = attrs_set(&o->attrs, CKA_EC_PARAMS, parts->params);
	return e ? e : attrs_set(&o->attrs, CKA_EC_POINT, buf_bytes(&point));
}

/* The private half's value is never among the attributes. */
static enum inro_err set_set(struct object *o, const struct key_parts *parts)
{
	enum inro_err e = attrs_set_ulong(&o->attrs, CKA_PARAMETER_SET, parts->set);

	return e || o->class != CKO_PUBLIC_KEY ? e : attrs_set(&o->attrs, CKA_VALUE, parts->point);
}

static enum inro_err (*const part_setters[KEY_KIND__MAX])(struct object *,
							  const struct key_parts *) = {
	[KEY_RSA] = set_rsa,	      [KEY_EC] = set_curve,   [KEY_EDWARDS] = set_curve,
	[KEY_MONTGOMERY] = set_curve, [KEY_ML_DSA] = set_set, [KEY_SLH_DSA] = set_set,
	[KEY_ML_KEM] = set_set,
};

enum inro_err object_set_parts(struct object *o)
{
	struct key_parts parts = { 0 };
	enum inro_err e = keyder_read_spki(attrs_bytes(&o->attrs, CKA_PUBLIC_KEY_INFO), &parts);

	if (!e && (parts.kind != o->kind->key || !part_setters[parts.kind]))
		e = err_set(INRO_E_SYNTAX, "the public key is not that of an %s", o->kind->name);
	return e ? e : part_setters[parts.kind](o, &parts);
}

/* CKA_PUBLIC_KEY_INFO as the token makes it; if the caller gave one it must be that. */
static enum inro_err set_public_info(struct object *o, const struct adoption *what)
{
	struct bytes given = attrs_bytes(&o->attrs, CKA_PUBLIC_KEY_INFO);
	enum inro_err e;

	if (given.n > 0 && what->how.birth == KEY_GENERATED)
		return err_set(INRO_E_TEMPLATE_INCONSISTENT,
			       "CKA_PUBLIC_KEY_INFO can't be known before the key is made");
	if (given.n > 0 && !bytes_equal(given, what->spki))
		return err_set(INRO_E_TEMPLATE_INCONSISTENT,
			       "CKA_PUBLIC_KEY_INFO is not that of the key");
	e = attrs_set(&o->attrs, CKA_PUBLIC_KEY_INFO, what->spki);
	return e ? e : object_set_parts(o);
}

/* ---- secret keys ---- */

static enum inro_err set_value_len(struct object *o)
{
	struct token *t = o->token;
	CK_ULONG given = attrs_ulong(&o->attrs, CKA_VALUE_LEN, 0);
	size_t n = 0;
	enum inro_err e;

	token_enter_gate(t);
	if (!loaded_key_is_live(o->key))
		e = err_set(INRO_E_LOGIN, "the user logged out while the key was made");
	else
		e = t->ops->size(t->backend, o->key->key, &n);
	token_leave_gate(t);
	if (!e && given != 0 && given != n)
		e = err_set(INRO_E_TEMPLATE_INCONSISTENT,
			    "CKA_VALUE_LEN says %lu, the value has %zu bytes", given, n);
	return e ? e : attrs_set_ulong(&o->attrs, CKA_VALUE_LEN, n);
}

/* The first bytes of the zero block enciphered (PKCS#11 3.2 4.10.2): ciphers in blocks only.  What
 * the standard has for other secrets, a part of their hash, would let them be guessed. */
static const struct {
	CK_KEY_TYPE type;
	CK_MECHANISM_TYPE mech;
	size_t block;
} check_values[] = {
	{ CKK_AES, CKM_AES_ECB, 16 },
	{ CKK_DES3, CKM_DES3_ECB, 8 },
};

static enum inro_err encipher_zero(struct object *o, size_t i, struct room out)
{
	static const uint8_t zero[16];
	struct token *t = o->token;
	struct use_spec spec = { .mech = check_values[i].mech };
	struct use use = { o->key->key, USE_ENCRYPT, &spec };
	size_t n = 0;
	enum inro_err e;

	token_enter_gate(t);
	if (!loaded_key_is_live(o->key))
		e = err_set(INRO_E_LOGIN, "the user has logged out");
	else
		e = t->ops->use(t->backend, &use, BYTES(zero, check_values[i].block), out, &n);
	token_leave_gate(t);
	return e;
}

enum inro_err object_check_value(struct object *o, uint8_t ret[OBJECT_CHECK_VALUE])
{
	uint8_t block[16];
	enum inro_err e = INRO_E_ATTR_TYPE;

	for (size_t i = 0; i < ARRAY_LEN(check_values); i++) {
		if (check_values[i].type == o->kind->key_type && o->key)
			e = encipher_zero(o, i, (struct room) { block, sizeof block });
	}
	if (!e)
		memcpy(ret, block, OBJECT_CHECK_VALUE);
	wipe(block, sizeof block);
	return e;
}

/* It is not kept: only compared with what the template says. */
static enum inro_err compare_check_value(struct object *o)
{
	struct bytes given = attrs_bytes(&o->attrs, CKA_CHECK_VALUE);
	uint8_t real[OBJECT_CHECK_VALUE];
	enum inro_err e = given.n > 0 ? object_check_value(o, real) : INRO_OK;

	if (!e && given.n > 0 && !bytes_equal(given, BYTES(real, sizeof real)))
		e = err_set(INRO_E_ATTR_VALUE, "CKA_CHECK_VALUE is not that of the key");
	attrs_remove(&o->attrs, CKA_CHECK_VALUE);
	return e == INRO_E_ATTR_TYPE || e == INRO_E_MECHANISM ? INRO_OK : e;
}

/* ---- history ---- */

static enum inro_err set_origin(struct object *o, const struct key_origin *how)
{
	bool made_here = how->birth == KEY_GENERATED;
	enum inro_err e = attrs_set_bool(&o->attrs, CKA_LOCAL, made_here);

	return e ? e
		 : attrs_set_ulong(&o->attrs, CKA_KEY_GEN_MECHANISM,
				   made_here ? how->mech : CK_UNAVAILABLE_INFORMATION);
}

static enum inro_err set_history(struct object *o, enum key_birth birth)
{
	bool sensitive = false, kept = false;
	enum inro_err e;

	if (birth == KEY_DERIVED) {
		sensitive = attrs_bool(&o->attrs, CKA_ALWAYS_SENSITIVE, false);
		kept = attrs_bool(&o->attrs, CKA_NEVER_EXTRACTABLE, false);
	}
	if (birth == KEY_GENERATED) {
		sensitive = attrs_bool(&o->attrs, CKA_SENSITIVE, false);
		kept = !attrs_bool(&o->attrs, CKA_EXTRACTABLE, true);
	}
	kept = kept && !attrs_bool(&o->attrs, CKA_INRO_DUPLICABLE, false);
	e = attrs_set_bool(&o->attrs, CKA_ALWAYS_SENSITIVE, sensitive);
	return e ? e : attrs_set_bool(&o->attrs, CKA_NEVER_EXTRACTABLE, kept);
}

/* Where the backend has put it; memory, where all keys of most tokens are, is not written down. */
static enum inro_err set_place(struct object *o)
{
	struct token *t = o->token;
	enum key_place place = PLACE_SOFT;
	enum inro_err e = INRO_OK;

	if (!t->ops->place)
		return INRO_OK;
	token_enter_gate(t);
	if (!loaded_key_is_live(o->key))
		e = err_set(INRO_E_LOGIN, "the user logged out while the key was made");
	else
		place = t->ops->place(t->backend, o->key->key);
	token_leave_gate(t);
	return e ? e : attrs_set_ulong(&o->attrs, CKA_INRO_PLACE, place);
}

static void imply_usual(struct attrs *attrs)
{
	if (attrs_ulong(attrs, CKA_INRO_PLACE, PLACE_SOFT) == PLACE_SOFT)
		attrs_imply(attrs, CKA_INRO_PLACE);
	if (!attrs_bool(attrs, CKA_INRO_DUPLICABLE, false))
		attrs_imply(attrs, CKA_INRO_DUPLICABLE);
}

enum inro_err object_adopt(struct object *o, const struct adoption *what)
{
	enum inro_err e = loaded_key_new(o->token, what->key, what->epoch, &o->key);

	if (!e && o->class == CKO_SECRET_KEY)
		e = set_value_len(o);
	if (!e && o->class == CKO_SECRET_KEY)
		e = compare_check_value(o);
	if (!e && o->class != CKO_SECRET_KEY)
		e = set_public_info(o, what);
	if (!e)
		e = set_origin(o, &what->how);
	if (!e)
		e = set_history(o, what->how.birth);
	if (!e)
		e = set_place(o);
	if (e)
		return e;
	imply_usual(&o->attrs);
	return policy_set_born(&o->attrs);
}

enum inro_err object_adopt_public(struct object *o, const struct adoption *what)
{
	enum inro_err e = set_public_info(o, what);

	return e ? e : set_origin(o, &what->how);
}
