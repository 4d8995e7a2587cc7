/*
 * generate - C_GenerateKey, C_GenerateKeyPair.
 *
 * The making runs without the token's lock and without the gate: it may take seconds, and neither a
 * logout nor another thread's signature waits for it (backend.h, 4).
 */
#include "pkcs11/token/kdf.h"
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

static enum inro_err open_mech(struct session *s, const CK_MECHANISM *mech, enum key_use use,
			       struct mech_use *ret)
{
	struct token *t = s->token;

	return mech_open(mech, use, t->ops->mechanisms(t->backend), ret);
}

/* The key must be one of this login: what a logout in between has left behind goes. */
static enum inro_err make_key(struct token *t, const struct key_spec *spec, struct adoption *ret,
			      struct buf *ret_spki)
{
	uint64_t epoch = atomic_load(&t->login_epoch);
	enum inro_err e = t->ops->generate(t->backend, spec, &ret->key, ret_spki);

	if (e)
		return e;
	token_enter_gate(t);
	if (epoch != atomic_load(&t->login_epoch)) {
		t->ops->unload(t->backend, ret->key);
		e = err_set(INRO_E_LOGIN, "the user logged out while the key was made");
	}
	token_leave_gate(t);
	ret->epoch = epoch;
	ret->spki = buf_bytes(ret_spki);
	return e;
}

/* ---- pairs ---- */

static const CK_KEY_TYPE pair_types[KEY_KIND__MAX] = {
	[KEY_RSA] = CKK_RSA,
	[KEY_EC] = CKK_EC,
	[KEY_EDWARDS] = CKK_EC_EDWARDS,
	[KEY_MONTGOMERY] = CKK_EC_MONTGOMERY,
	[KEY_ML_DSA] = CKK_ML_DSA,
	[KEY_SLH_DSA] = CKK_SLH_DSA,
	[KEY_ML_KEM] = CKK_ML_KEM,
};

static enum inro_err make_pair(struct pair *p)
{
	SCOPED(buf) spki = { 0 };
	struct adoption made = { .how = { KEY_GENERATED, p->mech->type } };
	enum inro_err e = make_key(p->private->token, &p->spec, &made, &spki);

	if (!e)
		e = object_adopt(p->private, &made);
	return e ? e : object_adopt_public(p->public, &made);
}

static enum inro_err check_bits(const struct pair *p)
{
	if (p->spec.kind == KEY_RSA && !mech_takes_size(p->mech, p->spec.bits))
		return err_set(INRO_E_KEY_SIZE, "RSA keys have %lu to %lu bits, not %lu",
			       p->mech->min, p->mech->max, p->spec.bits);
	return INRO_OK;
}

/* GnuTLS until 3.8 asks for an Edwards pair by the name of what it will do. */
static const CK_MECHANISM *pair_mech(const CK_MECHANISM *asked, CK_MECHANISM *room)
{
	if (asked->mechanism != CKM_EDDSA)
		return asked;
	*room = *asked;
	room->mechanism = CKM_EC_EDWARDS_KEY_PAIR_GEN;
	return room;
}

/* The public template says what the pair is, the private one where it is and what for. */
static void take_wishes(const struct key_spec *private, struct key_spec *spec)
{
	struct key_spec all = *private;

	all.bits = spec->bits;
	all.params = spec->params;
	all.set = spec->set;
	*spec = all;
}

static enum inro_err plan(struct session *s, const struct pair_request *what, struct pair *p)
{
	SCOPED(mech_use) use = { 0 };
	struct draft draft = { .use = RULE_GEN, .t = what->public, .class = CKO_PUBLIC_KEY };
	struct key_spec half;
	CK_MECHANISM room;
	enum inro_err e = template_check(what->public);

	if (!e)
		e = template_check(what->private);
	if (!e)
		e = open_mech(s, pair_mech(what->mech, &room), USE_GENERATE_PAIR, &use);
	if (e)
		return e;
	p->mech = use.mech;
	draft.key_type = pair_types[p->mech->key];
	e = objects_draft(s, &draft, &p->public, &p->spec);
	draft.t = what->private;
	draft.class = CKO_PRIVATE_KEY;
	if (!e)
		e = objects_draft(s, &draft, &p->private, &half);
	if (e)
		return e;
	take_wishes(&half, &p->spec);
	return check_bits(p);
}

enum inro_err objects_generate_pair(struct session *s, const struct pair_request *what,
				    CK_OBJECT_HANDLE *ret_public, CK_OBJECT_HANDLE *ret_private)
{
	SCOPED(pair) p = { 0 };
	enum inro_err e = plan(s, what, &p);

	if (!e)
		e = make_pair(&p);
	if (!e)
		e = objects_keep_new(s, (struct object *const[]) { p.public, p.private }, 2);
	if (e)
		return e;
	*ret_public = p.public->handle;
	*ret_private = p.private->handle;
	return INRO_OK;
}

/* ---- secret keys ---- */

static enum inro_err check_size(const struct mech *m, const struct key_spec *spec)
{
	if (spec->n == 0)
		return err_set(INRO_E_TEMPLATE_INCOMPLETE,
			       "CKA_VALUE_LEN is missing: how many bytes the key shall have");
	if (!mech_takes_size(m, spec->n))
		return err_set(INRO_E_KEY_SIZE, "mechanism 0x%lx makes no key of %zu bytes",
			       m->type, spec->n);
	return INRO_OK;
}

static enum inro_err plan_secret(struct session *s, const struct mech *m, struct template t,
				 struct object **ret, struct key_spec *ret_spec)
{
	/* A password makes a key of any type. */
	const struct draft draft = { .use = RULE_GEN,
				     .t = t,
				     .class = CKO_SECRET_KEY,
				     .key_type = m->types ? m->types[0] : CKK_GENERIC_SECRET,
				     .type_is_free = !m->types };
	enum inro_err e = objects_draft(s, &draft, ret, ret_spec);

	return e ? e : check_size(m, ret_spec);
}

/* CKM_PKCS5_PBKD2: who knows the password knows the key, so that it counts as a derived one and
 * not as one that was made here. */
static enum inro_err make_from_password(struct token *t, const struct mech_use *use,
					const struct key_spec *spec, struct adoption *ret)
{
	SCOPED(secret) value = { 0 };
	SCOPED(buf) nothing = { 0 };
	enum inro_err e = secret_new(spec->n, &value);

	if (!e)
		e = kdf_derive(&use->spec, use->password, BYTES_NONE, &value);
	if (e)
		return e;
	ret->how = (struct key_origin) { .birth = KEY_DERIVED };
	token_enter_gate(t);
	ret->epoch = atomic_load(&t->login_epoch);
	e = t->ops->import(t->backend, spec, secret_bytes(&value), &ret->key, &nothing);
	token_leave_gate(t);
	return e;
}

enum inro_err objects_generate(struct session *s, const CK_MECHANISM *mech, struct template t,
			       CK_OBJECT_HANDLE *ret)
{
	AUTO(object_unref_ptr) struct object *o = NULL;
	SCOPED(mech_use) use = { 0 };
	SCOPED(buf) nothing = { 0 };
	struct adoption made = { 0 };
	struct key_spec spec;
	enum inro_err e = template_check(t);

	if (!e)
		e = open_mech(s, mech, USE_GENERATE, &use);
	if (!e)
		e = plan_secret(s, use.mech, t, &o, &spec);
	if (e)
		return e;
	made.how = (struct key_origin) { KEY_GENERATED, use.mech->type };
	e = use.mech->types ? make_key(s->token, &spec, &made, &nothing)
			    : make_from_password(s->token, &use, &spec, &made);
	if (!e)
		e = object_adopt(o, &made);
	if (!e)
		e = objects_keep_new(s, &o, 1);
	if (!e)
		*ret = o->handle;
	return e;
}
