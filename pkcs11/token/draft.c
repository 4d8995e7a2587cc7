/* draft - from a template to an object that waits for its key. */
#include "base/cryptoki/admin.h"
#include "pkcs11/token/ecname.h"
#include "pkcs11/token/nest.h"
#include "pkcs11/token/objects.h"
#include "pkcs11/token/skey.h"

/* ---- which kind ---- */

/* What a template may say of class or key type: nothing, the same, or anything. */
static enum inro_err say(struct template t, CK_ATTRIBUTE_TYPE type, bool is_free, CK_ULONG *value)
{
	struct bytes ignored;
	CK_ULONG given;
	enum inro_err e;

	if (*value != CK_UNAVAILABLE_INFORMATION && !template_get(t, type, &ignored))
		return INRO_OK;
	e = template_ulong(t, type, &given);
	if (!e && *value != CK_UNAVAILABLE_INFORMATION && given != *value && !is_free)
		e = err_set(INRO_E_TEMPLATE_INCONSISTENT,
			    "attribute 0x%lx is 0x%lx but this makes 0x%lx", type, given, *value);
	if (!e)
		*value = given;
	return e;
}

static enum inro_err kind_of(const struct draft *what, struct template t,
			     const struct object_kind **ret)
{
	CK_OBJECT_CLASS class = what->class;
	CK_KEY_TYPE type = what->key_type;
	enum inro_err e = say(t, CKA_CLASS, false, &class);

	if (!e && !rule_class_known(class))
		e = err_set(INRO_E_ATTR_VALUE, "objects of class 0x%lx are not offered", class);
	if (!e && !rule_class_is_typed(class))
		type = CK_UNAVAILABLE_INFORMATION;
	else if (!e)
		e = say(t, CKA_KEY_TYPE, what->type_is_free, &type);
	if (e)
		return e;
	/* With a known part in it, the rest of three keys of 56 bits is soon found. */
	if (what->use == RULE_DERIVE && type == CKK_DES3)
		return err_set(INRO_E_TEMPLATE_INCONSISTENT,
			       "keys of type 0x%lx decrypt old data and are not derived", type);
	*ret = rule_kind(class, type);
	return *ret ? INRO_OK
		    : err_set(INRO_E_ATTR_VALUE, "keys of type 0x%lx are not offered", type);
}

/* ---- which key ---- */

static enum inro_err rsa_spec(struct template t, struct key_spec *spec)
{
	struct bytes ignored;

	if (!template_get(t, CKA_PUBLIC_EXPONENT, &spec->params))
		spec->params = BYTES_NONE;
	while (spec->params.n > 1 && spec->params.p[0] == 0)
		spec->params = BYTES(spec->params.p + 1, spec->params.n - 1);
	if (!template_get(t, CKA_MODULUS_BITS, &ignored))
		return INRO_OK;
	return template_ulong(t, CKA_MODULUS_BITS, &spec->bits);
}

static enum inro_err curve_spec(struct template t, struct key_spec *spec)
{
	if (!template_get(t, CKA_EC_PARAMS, &spec->params))
		return INRO_OK;
	return ecname_params(spec->params, &spec->params);
}

static enum inro_err set_spec(struct template t, struct key_spec *spec)
{
	struct bytes ignored;

	if (!template_get(t, CKA_PARAMETER_SET, &ignored))
		return INRO_OK;
	return template_ulong(t, CKA_PARAMETER_SET, &spec->set);
}

/* Types that have one size only. */
static size_t only_size(CK_KEY_TYPE type)
{
	return type == CKK_CHACHA20 ? 32 : type == CKK_DES3 ? 24 : 0;
}

static enum inro_err secret_spec(struct template t, struct key_spec *spec)
{
	struct bytes ignored;
	CK_ULONG n = 0;
	enum inro_err e = INRO_OK;

	if (template_get(t, CKA_VALUE_LEN, &ignored)) {
		e = template_ulong(t, CKA_VALUE_LEN, &n);
		if (!e)
			e = skey_check_size(spec->key_type, n);
	}
	spec->n = n ? n : only_size(spec->key_type);
	return e;
}

static enum inro_err (*const specs[KEY_KIND__MAX])(struct template, struct key_spec *) = {
	[KEY_RSA] = rsa_spec,	       [KEY_EC] = curve_spec,	   [KEY_EDWARDS] = curve_spec,
	[KEY_MONTGOMERY] = curve_spec, [KEY_ML_DSA] = set_spec,	   [KEY_SLH_DSA] = set_spec,
	[KEY_ML_KEM] = set_spec,       [KEY_SECRET] = secret_spec,
};

static enum inro_err spec_of(struct template t, const struct object_kind *kind,
			     struct key_spec *ret)
{
	*ret = (struct key_spec) { .kind = kind->key, .key_type = kind->key_type };
	return specs[kind->key] ? specs[kind->key](t, ret) : INRO_OK;
}

/* ---- where it is to be, and what it is for ---- */

static const struct {
	CK_ATTRIBUTE_TYPE type;
	enum key_use use;
} uses[] = {
	{ CKA_SIGN, USE_SIGN },
	{ CKA_VERIFY, USE_VERIFY },
	{ CKA_ENCRYPT, USE_ENCRYPT },
	{ CKA_DECRYPT, USE_DECRYPT },
	{ CKA_DERIVE, USE_DERIVE },
	{ CKA_WRAP, USE_WRAP },
	{ CKA_UNWRAP, USE_UNWRAP },
	{ CKA_SIGN_RECOVER, USE_SIGN_RECOVER },
	{ CKA_VERIFY_RECOVER, USE_VERIFY_RECOVER },
	{ CKA_ENCAPSULATE, USE_ENCAPSULATE },
	{ CKA_DECAPSULATE, USE_DECAPSULATE },
};

static unsigned uses_of(const struct attrs *attrs)
{
	unsigned all = 0;

	for (size_t i = 0; i < ARRAY_LEN(uses); i++)
		if (attrs_bool(attrs, uses[i].type, false))
			all |= uses[i].use;
	return all;
}

/* A template without a place leaves it to the backend; one that has no other place than memory says
 * so itself by having no `place` to tell. */
static enum inro_err place_of(const struct token *t, struct template from, struct key_spec *spec)
{
	struct bytes given;
	CK_ULONG place = PLACE_ANY;
	bool asked = template_get(from, CKA_INRO_PLACE, &given);
	enum inro_err e = asked ? template_ulong(from, CKA_INRO_PLACE, &place) : INRO_OK;

	if (!e && asked && (place < PLACE_SOFT || place > PLACE_TPM))
		e = err_set(INRO_E_ATTR_VALUE, "CKA_INRO_PLACE has no value %lu", place);
	if (!e && !t->ops->place && (place > PLACE_SOFT || spec->duplicable))
		e = err_set(INRO_E_UNSUPPORTED, "this token has no TPM in which a key could be");
	if (!e)
		spec->place = (enum key_place)place;
	return e;
}

/* The caller's own list, which stays as long as the call.  One that is nowhere else (another key's
 * template) or is not where a CK_ULONG may be is as none: the backend then counts with all. */
static void allowed_of(struct template callers, struct key_spec *spec)
{
	struct bytes list = BYTES_NONE;

	if (!template_get(callers, CKA_ALLOWED_MECHANISMS, &list) || list.n == 0 ||
	    (uintptr_t)list.p % _Alignof(CK_MECHANISM_TYPE))
		return;
	spec->allowed = (const CK_MECHANISM_TYPE *)(const void *)list.p;
	spec->allowed_n = list.n / sizeof *spec->allowed;
}

static enum inro_err wishes_of(const struct object *o, struct template from, struct key_spec *spec)
{
	if (!object_has_secret(o))
		return INRO_OK;
	spec->uses = uses_of(&o->attrs);
	spec->extractable = attrs_bool(&o->attrs, CKA_EXTRACTABLE, false);
	spec->kept = attrs_bool(&o->attrs, CKA_TOKEN, false);
	spec->duplicable = attrs_bool(&o->attrs, CKA_INRO_DUPLICABLE, false);
	return place_of(o->token, from, spec);
}

/* ---- the object ---- */

/* 3.2 4.9: only a private object asks for a login each time. */
static enum inro_err check_each_login(const struct attrs *attrs)
{
	if (attrs_bool(attrs, CKA_ALWAYS_AUTHENTICATE, false) &&
	    !attrs_bool(attrs, CKA_PRIVATE, false))
		return err_set(INRO_E_TEMPLATE_INCONSISTENT,
			       "CKA_ALWAYS_AUTHENTICATE is for keys that are CKA_PRIVATE");
	return INRO_OK;
}

static unsigned allowed(const struct session *s, const struct draft *what)
{
	unsigned officer = s->token->login == CKU_SO ? RULE_OFFICER : 0;

	return what->use | officer;
}

static enum inro_err make(struct session *s, const struct draft *what, struct template t,
			  struct object **ret, struct key_spec *ret_spec)
{
	AUTO(object_unref_ptr) struct object *o = NULL;
	const struct object_kind *kind;
	enum inro_err e = kind_of(what, t, &kind);

	if (!e)
		e = object_new(s->token, kind, &o);
	if (!e)
		e = template_apply(t, kind, allowed(s, what), &o->attrs);
	if (!e)
		e = check_each_login(&o->attrs);
	if (!e)
		e = session_may_keep(s, o);
	if (!e)
		e = spec_of(t, kind, ret_spec);
	if (!e)
		e = wishes_of(o, t, ret_spec);
	if (e)
		return e;
	allowed_of(what->t, ret_spec);
	*ret = o;
	o = NULL;
	return INRO_OK;
}

static bool is_of_attribute(enum inro_err e)
{
	return e == INRO_E_ATTR_TYPE || e == INRO_E_ATTR_READ_ONLY || e == INRO_E_ATTR_VALUE;
}

/* What is wrong with the caller's own attributes, whatever the other key's template adds to them. */
static enum inro_err callers_fault(const struct session *s, const struct draft *what,
				   struct template merged)
{
	const struct object_kind *kind;
	struct key_spec ignored = { 0 };
	enum inro_err e = kind_of(what, merged, &kind);

	e = e ? kind_of(what, what->t, &kind) : template_admits(what->t, kind, allowed(s, what));
	if (!e)
		e = place_of(s->token, what->t, &ignored);
	return is_of_attribute(e) ? e : INRO_OK;
}

/* What the other key's template adds is put into the object before the caller's. */
static enum inro_err make_from(struct session *s, const struct draft *what, struct object **ret,
			       struct key_spec *ret_spec)
{
	CK_ATTRIBUTE room[TEMPLATE_MERGED_MAX];
	SCOPED(attrs) more = { 0 };
	struct template merged = { 0 };
	enum inro_err e = nest_read(attrs_bytes(what->from, what->from_type), &more);

	if (!e)
		e = template_merge(what->t, &more, room, &merged);
	if (!e)
		e = make(s, what, merged, ret, ret_spec);
	if (!is_of_attribute(e))
		return e;
	e = callers_fault(s, what, merged);
	if (!e)
		e = err_set(INRO_E_TEMPLATE_INCONSISTENT,
			    "what the other key's template wants can't be had in such a key");
	return e;
}

enum inro_err objects_draft_locked(struct session *s, const struct draft *what, struct object **ret,
				   struct key_spec *ret_spec)
{
	enum inro_err e = template_check(what->t);

	if (e)
		return e;
	return what->from && attrs_has(what->from, what->from_type)
		       ? make_from(s, what, ret, ret_spec)
		       : make(s, what, what->t, ret, ret_spec);
}

enum inro_err objects_draft(struct session *s, const struct draft *what, struct object **ret,
			    struct key_spec *ret_spec)
{
	token_lock(s->token);
	enum inro_err e = objects_draft_locked(s, what, ret, ret_spec);

	token_unlock(s->token);
	return e;
}
