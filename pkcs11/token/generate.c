/* generate - C_GenerateKeyPair. */
#include "pkcs11/token/ecname.h"
#include "pkcs11/token/objects.h"

struct pair {
	const struct mech *mech;
	struct key_spec spec;
	struct object *public, *private;
};

static void pair_clear(struct pair *p)
{
	object_unref(p->public);
	object_unref(p->private);
	*p = (struct pair) { 0 };
}

static enum inro_err rsa_spec(struct template t, const struct mech *m, struct key_spec *ret)
{
	enum inro_err e = template_ulong(t, CKA_MODULUS_BITS, &ret->bits);

	if (e)
		return e;
	if (ret->bits < m->min || ret->bits > m->max)
		return err_set(INRO_E_KEY_SIZE, "RSA keys have %lu to %lu bits, not %lu", m->min,
			       m->max, ret->bits);
	if (!template_get(t, CKA_PUBLIC_EXPONENT, &ret->params))
		ret->params = BYTES_NONE;
	while (ret->params.n > 1 && ret->params.p[0] == 0)
		ret->params = BYTES(ret->params.p + 1, ret->params.n - 1);
	return INRO_OK;
}

static enum inro_err ec_spec(struct template t, const struct mech *m, struct key_spec *ret)
{
	(void)m;
	if (!template_get(t, CKA_EC_PARAMS, &ret->params))
		return err_set(INRO_E_TEMPLATE_INCOMPLETE, "CKA_EC_PARAMS is missing");
	return ecname_params(ret->params, &ret->params);
}

static const struct {
	CK_KEY_TYPE key_type;
	enum inro_err (*spec)(struct template t, const struct mech *m, struct key_spec *ret);
} generators[KEY_KIND__MAX] = {
	[KEY_RSA] = { CKK_RSA, rsa_spec },
	[KEY_EC] = { CKK_EC, ec_spec },
};

/* Class and key type may be given but say nothing new. */
static enum inro_err check_says(struct template t, CK_ATTRIBUTE_TYPE type, CK_ULONG must)
{
	struct bytes ignored;
	CK_ULONG given;
	enum inro_err e;

	if (!template_get(t, type, &ignored))
		return INRO_OK;
	e = template_ulong(t, type, &given);
	if (!e && given != must)
		e = err_set(INRO_E_TEMPLATE_INCONSISTENT,
			    "attribute 0x%lx is 0x%lx but this makes "
			    "0x%lx",
			    type, given, must);
	return e;
}

static enum inro_err half(struct session *s, struct template t, const struct object_kind *kind,
			  struct object **ret)
{
	enum inro_err e = check_says(t, CKA_CLASS, kind->class);

	if (!e)
		e = check_says(t, CKA_KEY_TYPE, kind->key_type);
	if (!e)
		e = object_new(s->token, kind, ret);
	if (!e)
		e = template_apply(t, kind, RULE_GEN, &(*ret)->attrs);
	if (e)
		return e;
	token_lock(s->token);
	e = session_may_keep(s, *ret);
	token_unlock(s->token);
	return e;
}

static enum inro_err set_born(struct object *o, CK_MECHANISM_TYPE mech, struct bytes spki)
{
	struct bytes given = attrs_bytes(&o->attrs, CKA_PUBLIC_KEY_INFO);
	enum inro_err e;

	if (given.n > 0)
		return err_set(INRO_E_TEMPLATE_INCONSISTENT,
			       "CKA_PUBLIC_KEY_INFO can't be known before the key is made");
	e = attrs_set(&o->attrs, CKA_PUBLIC_KEY_INFO, spki);
	if (!e)
		e = attrs_set_bool(&o->attrs, CKA_LOCAL, true);
	if (!e)
		e = attrs_set_ulong(&o->attrs, CKA_KEY_GEN_MECHANISM, mech);
	return e ? e : object_set_parts(o);
}

static enum inro_err set_history(struct object *o)
{
	enum inro_err e = attrs_set_bool(&o->attrs, CKA_ALWAYS_SENSITIVE,
					 attrs_bool(&o->attrs, CKA_SENSITIVE, false));

	return e ? e
		 : attrs_set_bool(&o->attrs, CKA_NEVER_EXTRACTABLE,
				  !attrs_bool(&o->attrs, CKA_EXTRACTABLE, true));
}

/* The slow part, without the token's lock. */
static enum inro_err make_key(struct pair *p)
{
	SCOPED(buf) spki = { 0 };
	struct object *key = p->private;
	struct token *t = key->token;
	backend_key made;
	uint64_t epoch;
	enum inro_err e;

	token_enter_gate(t);
	e = t->ops->generate(t->backend, &p->spec, &made, &spki);
	epoch = atomic_load(&t->login_epoch);
	token_leave_gate(t);
	if (!e)
		e = loaded_key_new(t, made, epoch, &key->key);
	if (!e)
		e = set_born(p->public, p->mech->type, buf_bytes(&spki));
	if (!e)
		e = set_born(key, p->mech->type, buf_bytes(&spki));
	return e ? e : set_history(key);
}

static enum inro_err plan(struct session *s, const struct pair_request *what, struct pair *p)
{
	struct token *t = s->token;
	SCOPED(mech_use) use = { 0 };
	enum inro_err e;

	if (!what->mech)
		return err_set(INRO_E_ARG, "no mechanism is given");
	e = template_check(what->public);
	if (!e)
		e = template_check(what->private);
	if (!e)
		e = mech_open(what->mech, USE_GENERATE_PAIR, t->ops->mechanisms(t->backend), &use);
	if (e)
		return e;
	p->mech = use.mech;
	p->spec.kind = p->mech->key;
	CK_KEY_TYPE type = generators[p->mech->key].key_type;

	e = half(s, what->public, rule_kind(CKO_PUBLIC_KEY, type), &p->public);
	if (!e)
		e = half(s, what->private, rule_kind(CKO_PRIVATE_KEY, type), &p->private);
	return e ? e : generators[p->mech->key].spec(what->public, p->mech, &p->spec);
}

enum inro_err objects_generate_pair(struct session *s, const struct pair_request *what,
				    CK_OBJECT_HANDLE *ret_public, CK_OBJECT_HANDLE *ret_private)
{
	SCOPED(pair) p = { 0 };
	enum inro_err e = plan(s, what, &p);

	if (!e)
		e = make_key(&p);
	if (e)
		return e;
	token_lock(s->token);
	if (!loaded_key_is_live(p.private->key))
		e = err_set(INRO_E_LOGIN, "the user logged out while the key was made");
	else
		e = objects_keep(s, (struct object *const[]) { p.public, p.private }, 2);
	token_unlock(s->token);
	if (e)
		return e;
	*ret_public = p.public->handle;
	*ret_private = p.private->handle;
	return INRO_OK;
}
