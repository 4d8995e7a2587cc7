/* derive - plan, make, keep. */
#include "pkcs11/token/derive.h"

#include "base/cryptoki/admin.h"
#include "pkcs11/token/libctx.h"
#include "pkcs11/token/party.h"
#include "pkcs11/token/policy.h"

#define MAX_KEYS (1 + MECH_MORE_KEYS)

/* No leading part of an agreed secret is shorter. */
#define LEAST_PART 16

/* How long the result is by nature. */
struct shape {
	size_t whole; /* 0: as long as is asked for */
	bool fixed;   /* exactly that */
	size_t floor; /* never less */
};

/* One derivation, planned with the token's lock held and done without it. */
struct derivation {
	struct mech_use use;
	struct loaded_key *base, *other; /* references; other may be NULL */
	struct shape shape;
	bool data;
	struct object *made[MAX_KEYS];
	struct key_spec specs[MAX_KEYS];
	backend_key keys[MAX_KEYS];
	size_t n;
	size_t at_fault; /* the key whose template can't be had, from 1; 0: none */
};

static void derivation_clear(struct derivation *d)
{
	loaded_key_unref(d->base);
	loaded_key_unref(d->other);
	for (size_t i = 0; i < d->n; i++)
		object_unref(d->made[i]);
	mech_use_clear(&d->use);
}

/* ---- how long ---- */

static size_t value_n(const struct object *o)
{
	return o ? attrs_ulong(&o->attrs, CKA_VALUE_LEN, 0) : 0;
}

static void shape_joined(const struct mech_use *u, const struct object *base,
			 const struct object *other, struct shape *ret)
{
	ret->whole = value_n(base) + value_n(other) + u->spec.label.n;
	ret->fixed = true;
}

static void shape_hkdf(const struct mech_use *u, const struct object *base,
		       const struct object *other, struct shape *ret)
{
	(void)base;
	(void)other;
	ret->fixed = u->spec.kdf == HKDF_EXTRACT;
	ret->whole = ret->fixed ? libctx_md_size(u->spec.digest) : 0;
}

static void shape_agreed(const struct mech_use *u, const struct object *base,
			 const struct object *other, struct shape *ret)
{
	const struct curve *curve;

	(void)other;
	if (u->spec.kdf != CKD_NULL || curve_find(attrs_bytes(&base->attrs, CKA_EC_PARAMS), &curve))
		return;
	ret->whole = curve->field;
	if (ret->floor < LEAST_PART)
		ret->floor = LEAST_PART;
}

static const struct {
	CK_MECHANISM_TYPE mech;
	void (*shape)(const struct mech_use *u, const struct object *base,
		      const struct object *other, struct shape *ret);
} shapes[] = {
	{ CKM_CONCATENATE_BASE_AND_KEY, shape_joined },
	{ CKM_CONCATENATE_BASE_AND_DATA, shape_joined },
	{ CKM_CONCATENATE_DATA_AND_BASE, shape_joined },
	{ CKM_ECDH1_DERIVE, shape_agreed },
	{ CKM_ECDH1_COFACTOR_DERIVE, shape_agreed },
	{ CKM_HKDF_DERIVE, shape_hkdf },
	{ CKM_HKDF_DATA, shape_hkdf },
};

static size_t floor_of(const struct object *o)
{
	return o && o->class == CKO_SECRET_KEY ? policy_floor(&o->attrs) : 0;
}

static struct shape shape_of(const struct mech_use *u, const struct object *base,
			     const struct object *other)
{
	struct shape s = { .floor = floor_of(base) };

	if (floor_of(other) > s.floor)
		s.floor = floor_of(other);
	for (size_t i = 0; i < ARRAY_LEN(shapes); i++) {
		if (shapes[i].mech == u->mech->type)
			shapes[i].shape(u, base, other, &s);
	}
	return s;
}

static enum inro_err set_size(const struct shape *s, struct key_spec *spec)
{
	if (spec->n == 0)
		spec->n = s->whole;
	if (spec->n == 0)
		return err_set(INRO_E_TEMPLATE_INCOMPLETE, "CKA_VALUE_LEN is missing");
	if ((s->fixed && spec->n != s->whole) || (s->whole && spec->n > s->whole))
		return err_set(INRO_E_KEY_SIZE,
			       "this derivation gives %zu bytes, not %zu: no part of them is taken",
			       s->whole, spec->n);
	if (spec->n < s->floor && spec->n != s->whole)
		return err_set(INRO_E_KEY_SIZE,
			       "%zu bytes of a secret could be found by trying; at least %zu",
			       spec->n, s->floor);
	return INRO_OK;
}

/* ---- plan ---- */

static enum inro_err inherit(const struct object *base, const struct object *other,
			     struct template t, struct object *made)
{
	enum inro_err e = policy_inherit(&base->attrs, t, &made->attrs);

	return e || !other ? e : policy_inherit(&other->attrs, t, &made->attrs);
}

static enum inro_err try_key(struct session *s, const struct object *base,
			     const struct object *other, struct template t, struct derivation *d)
{
	struct key_spec *spec = &d->specs[d->n];
	struct draft draft = { .use = RULE_DERIVE,
			       .t = t,
			       .class = CKO_SECRET_KEY,
			       .key_type = CKK_GENERIC_SECRET,
			       .type_is_free = true,
			       .from = &base->attrs,
			       .from_type = CKA_DERIVE_TEMPLATE };
	enum inro_err e = objects_draft_locked(s, &draft, &d->made[d->n], spec);

	if (e)
		return e;
	d->n++;
	e = set_size(&d->shape, spec);
	if (!e)
		e = inherit(base, other, t, d->made[d->n - 1]);
	/* what the base's own template wished for may not be had */
	spec->duplicable = attrs_bool(&d->made[d->n - 1]->attrs, CKA_INRO_DUPLICABLE, false);
	return e;
}

static enum inro_err plan_key(struct session *s, const struct object *base,
			      const struct object *other, struct template t, struct derivation *d)
{
	size_t which = d->n + 1;
	enum inro_err e = try_key(s, base, other, t, d);

	if (e)
		d->at_fault = which;
	return e;
}

static enum inro_err plan_more(struct session *s, const struct object *base, struct derivation *d)
{
	bool in_token = attrs_bool(&d->made[0]->attrs, CKA_TOKEN, false);
	enum inro_err e = INRO_OK;

	for (size_t i = 0; i < d->use.more_n && !e; i++) {
		const CK_DERIVED_KEY *k = &d->use.more[i];

		if (!k->phKey || (!k->pTemplate && k->ulAttributeCount))
			return err_set(INRO_E_MECHANISM_PARAM,
				       "an additional key without room for its handle or without "
				       "its template");
		e = plan_key(s, base, NULL,
			     (struct template) { .a = k->pTemplate, .n = k->ulAttributeCount }, d);
		if (!e && attrs_bool(&d->made[d->n - 1]->attrs, CKA_TOKEN, false) != in_token) {
			d->at_fault = d->n;
			e = err_set(INRO_E_TEMPLATE_INCONSISTENT,
				    "keys that are derived at once are all in the token or all in "
				    "the session");
		}
	}
	return e;
}

static enum inro_err plan_data(struct session *s, const struct object *base,
			       const struct object *other, struct template t, struct derivation *d)
{
	struct draft draft = { .use = RULE_DERIVE,
			       .t = t,
			       .class = CKO_DATA,
			       .key_type = CK_UNAVAILABLE_INFORMATION };
	CK_ULONG n = 0;
	enum inro_err e;

	if (!policy_readable(&base->attrs) || (other && !policy_readable(&other->attrs)))
		return err_set(INRO_E_KEY_USE, "data are derived from keys that can be read only");
	e = objects_draft_locked(s, &draft, &d->made[0], &d->specs[0]);
	if (e)
		return e;
	d->n = 1;
	e = template_ulong(t, CKA_VALUE_LEN, &n);
	if (e && !d->shape.whole)
		return e;
	d->specs[0] =
		(struct key_spec) { .kind = KEY_SECRET, .key_type = CKK_GENERIC_SECRET, .n = n };
	return set_size(&d->shape, &d->specs[0]);
}

static enum inro_err find_other(struct token *t, struct derivation *d, struct object **ret)
{
	enum inro_err e;

	if (d->use.other == CK_INVALID_HANDLE)
		return INRO_OK;
	e = party_find(t, d->use.other, USE_DERIVE, d->use.mech, ret);
	if (!e && (*ret)->class != CKO_SECRET_KEY)
		e = err_set(INRO_E_KEY_TYPE, "the second key must be a secret one");
	if (e)
		return e;
	d->other = loaded_key_ref((*ret)->key);
	d->use.spec.other = d->other->key;
	return INRO_OK;
}

static enum inro_err plan(struct session *s, const struct derive_request *what,
			  struct derivation *d)
{
	struct object *base, *other = NULL;
	enum inro_err e = party_find(s->token, what->base, USE_DERIVE, d->use.mech, &base);

	if (e)
		return e;
	d->base = loaded_key_ref(base->key);
	e = find_other(s->token, d, &other);
	if (e)
		return e;
	d->shape = shape_of(&d->use, base, other);
	d->data = d->use.mech->type == CKM_HKDF_DATA;
	if (d->data)
		return plan_data(s, base, other, what->t, d);
	e = plan_key(s, base, other, what->t, d);
	return e ? e : plan_more(s, base, d);
}

/* ---- make ---- */

static enum inro_err make(struct token *t, struct derivation *d, uint64_t *ret_epoch)
{
	enum inro_err e;

	token_enter_gate(t);
	*ret_epoch = atomic_load(&t->login_epoch);
	if (!loaded_key_is_live(d->base))
		e = err_set(INRO_E_LOGIN, "the user has logged out");
	else
		e = t->ops->derive(t->backend, d->base->key, &d->use.spec, d->specs, d->n, d->keys);
	token_leave_gate(t);
	return e;
}

/* Every key finds an owner, whatever happens. */
static enum inro_err adopt(struct derivation *d, uint64_t epoch)
{
	enum inro_err first = INRO_OK;

	for (size_t i = 0; i < d->n; i++) {
		struct adoption a = { .key = d->keys[i],
				      .epoch = epoch,
				      .how = { .birth = KEY_DERIVED } };
		enum inro_err e = object_adopt(d->made[i], &a);

		if (e && !first) {
			first = e;
			d->at_fault = i + 1;
		}
	}
	return first;
}

static enum inro_err adopt_data(struct token *t, struct derivation *d, uint64_t epoch)
{
	SCOPED(secret) value = { 0 };
	struct loaded_key *key;
	enum inro_err e = loaded_key_new(t, d->keys[0], epoch, &key);

	if (e)
		return e;
	token_enter_gate(t);
	e = t->ops->reveal(t->backend, key->key, &value);
	token_leave_gate(t);
	loaded_key_unref(key);
	return e ? e : attrs_set(&d->made[0]->attrs, CKA_VALUE, secret_bytes(&value));
}

static enum inro_err keep(struct session *s, struct derivation *d)
{
	if (!loaded_key_is_live(d->base))
		return err_set(INRO_E_LOGIN, "the user logged out while the key was derived");
	return objects_keep(s, d->made, d->n);
}

static enum inro_err derive(struct session *s, const struct derive_request *what,
			    struct derivation *d)
{
	struct token *t = s->token;
	uint64_t epoch;
	enum inro_err e;

	token_lock(t);
	e = plan(s, what, d);
	token_unlock(t);
	if (!e)
		e = make(t, d, &epoch);
	if (!e)
		e = d->data ? adopt_data(t, d, epoch) : adopt(d, epoch);
	if (e)
		return e;
	token_lock(t);
	e = keep(s, d);
	token_unlock(t);
	return e;
}

/* One template of many: its key's handle tells which (SP 800-108, PKCS#11 3.2 6.42.8). */
static void name_the_fault(const struct derivation *d, CK_OBJECT_HANDLE *ret)
{
	if (d->use.more_n == 0)
		return;
	if (d->at_fault == 1)
		*ret = CK_INVALID_HANDLE;
	if (d->at_fault > 1)
		*d->use.more[d->at_fault - 2].phKey = CK_INVALID_HANDLE;
}

enum inro_err derive_key(struct session *s, const struct derive_request *what,
			 CK_OBJECT_HANDLE *ret)
{
	SCOPED(derivation) d = { 0 };
	struct token *t = s->token;
	enum inro_err e = mech_open(what->mech, USE_DERIVE, t->ops->mechanisms(t->backend), &d.use);

	if (!e)
		e = derive(s, what, &d);
	if (e) {
		name_the_fault(&d, ret);
		return e;
	}
	*ret = d.made[0]->handle;
	for (size_t i = 0; i < d.use.more_n; i++)
		*d.use.more[i].phKey = d.made[1 + i]->handle;
	return INRO_OK;
}
