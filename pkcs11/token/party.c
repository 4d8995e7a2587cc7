/* party - finding and checking keys. */
#include "pkcs11/token/party.h"

#include <stdlib.h>
#include <string.h>

#include "pkcs11/token/record.h"
#include "pkcs11/token/roles.h"

static const struct party {
	enum key_use use;
	CK_ATTRIBUTE_TYPE permits;
	CK_OBJECT_CLASS class, also;
	enum inro_err handle, type, size;
	const char *name;
} parties[] = {
	{ USE_WRAP, CKA_WRAP, CKO_SECRET_KEY, CKO_PUBLIC_KEY, INRO_E_WRAPPING_KEY_HANDLE,
	  INRO_E_WRAPPING_KEY_TYPE, INRO_E_WRAPPING_KEY_SIZE, "wrapping" },
	{ USE_UNWRAP, CKA_UNWRAP, CKO_SECRET_KEY, CKO_PRIVATE_KEY, INRO_E_UNWRAPPING_KEY_HANDLE,
	  INRO_E_UNWRAPPING_KEY_TYPE, INRO_E_UNWRAPPING_KEY_SIZE, "unwrapping" },
	{ USE_DERIVE, CKA_DERIVE, CKO_SECRET_KEY, CKO_PRIVATE_KEY, INRO_E_KEY_HANDLE,
	  INRO_E_KEY_TYPE, INRO_E_KEY_SIZE, "derivation" },
	{ USE_ENCAPSULATE, CKA_ENCAPSULATE, CKO_PUBLIC_KEY, CKO_PUBLIC_KEY, INRO_E_KEY_HANDLE,
	  INRO_E_KEY_TYPE, INRO_E_KEY_SIZE, "encapsulation" },
	{ USE_DECAPSULATE, CKA_DECAPSULATE, CKO_PRIVATE_KEY, CKO_PRIVATE_KEY, INRO_E_KEY_HANDLE,
	  INRO_E_KEY_TYPE, INRO_E_KEY_SIZE, "decapsulation" },
};

static const struct party *party_of(enum key_use use)
{
	size_t i = 0;

	while (i < ARRAY_LEN(parties) - 1 && parties[i].use != use)
		i++;
	return &parties[i];
}

static enum inro_err find(struct token *t, CK_OBJECT_HANDLE handle, enum inro_err none,
			  struct object **ret)
{
	struct object *o;
	enum inro_err e = objects_get(t, handle, &o);

	if (e == INRO_E_OBJECT_HANDLE)
		return err_set(none, "there is no key with handle %lu", handle);
	if (!e && o->kind->key == KEY_NONE)
		return err_set(none, "handle %lu is not that of a key", handle);
	if (!e)
		*ret = o;
	return e;
}

/* As mech_takes_size() has it. */
static CK_ULONG size_of(const struct object *o)
{
	const struct curve *curve;

	if (o->kind->key == KEY_SECRET)
		return attrs_ulong(&o->attrs, CKA_VALUE_LEN, 0);
	if (o->kind->key == KEY_RSA)
		return attrs_bytes(&o->attrs, CKA_MODULUS).n * 8;
	if (curve_find(attrs_bytes(&o->attrs, CKA_EC_PARAMS), &curve))
		return 0;
	return curve->bits;
}

static enum inro_err check(const struct object *o, const struct party *p, const struct mech *m)
{
	if (o->class != p->class && o->class != p->also)
		return err_set(p->type, "%s is not done with an %s", p->name, o->kind->name);
	if (!mech_takes(m, o->kind->key, o->kind->key_type))
		return err_set(p->type, "mechanism 0x%lx does not fit an %s", m->type,
			       o->kind->name);
	if (!attrs_bool(&o->attrs, p->permits, false))
		return err_set(INRO_E_KEY_USE, "the key's attributes do not permit %s", p->name);
	/* There is no operation in between that a login could be for. */
	if (attrs_bool(&o->attrs, CKA_ALWAYS_AUTHENTICATE, false))
		return err_set(INRO_E_LOGIN,
			       "a key that wants a login each time (CKA_ALWAYS_AUTHENTICATE) signs "
			       "and decrypts only");
	if (!policy_mechanism(&o->attrs, m->type))
		return err_set(INRO_E_MECHANISM,
			       "mechanism 0x%lx is not among those allowed for the key", m->type);
	if (!mech_takes_size(m, size_of(o)))
		return err_set(p->size, "mechanism 0x%lx takes no keys of this size", m->type);
	return INRO_OK;
}

enum inro_err party_find(struct token *t, CK_OBJECT_HANDLE handle, enum key_use use,
			 const struct mech *m, struct object **ret)
{
	const struct party *p = party_of(use);
	struct loaded_key *key;
	struct object *o = NULL;
	enum inro_err e = find(t, handle, p->handle, &o);

	if (!e)
		e = check(o, p, m);
	if (!e && o->class != CKO_PUBLIC_KEY)
		e = object_key(o, &key);
	if (!e)
		e = roles_may_use(o, use);
	if (!e)
		*ret = o;
	return e;
}

enum inro_err party_target(struct token *t, CK_OBJECT_HANDLE handle, struct object **ret)
{
	return find(t, handle, INRO_E_KEY_HANDLE, ret);
}

/* ---- the private half ---- */

/* Held and copied: there may be more keys of one public half than are kept in memory. */
struct halves {
	struct buf spki;
	struct object *best;
	bool made_here; /* the best one */
};

static void halves_clear(struct halves *h)
{
	buf_clear(&h->spki);
	object_unref(h->best);
	*h = (struct halves) { 0 };
}

static bool made_here(const struct object *o)
{
	return attrs_bool(&o->attrs, CKA_LOCAL, false);
}

static void consider(struct halves *h, struct object *o)
{
	if (o->class != CKO_PRIVATE_KEY || !object_visible(o) ||
	    !bytes_equal(attrs_bytes(&o->attrs, CKA_PUBLIC_KEY_INFO), buf_bytes(&h->spki)) ||
	    (h->best && (h->made_here || !made_here(o))))
		return;
	object_unref(h->best);
	h->best = object_ref(o);
	h->made_here = made_here(o);
}

static void consider_session_keys(struct token *t, struct halves *h)
{
	size_t at = 0;
	struct object *o;

	while (t->session_objects > 0 && (o = objects_next(t, &at)) != NULL) {
		if (!o->row)
			consider(h, o);
	}
}

static enum inro_err consider_hits(struct token *t, const struct store_hit *hits, size_t n,
				   struct halves *h)
{
	enum inro_err e = INRO_OK;

	for (size_t i = 0; i < n && !e; i++) {
		struct object *o;

		e = objects_of_hit(t, &hits[i], &o);
		if (!e)
			e = object_read(o);
		if (!e)
			consider(h, o);
		if (e == INRO_E_OBJECT_HANDLE) { /* just removed by another process */
			err_reset();
			e = INRO_OK;
		}
	}
	return e;
}

static enum inro_err consider_token_keys(struct token *t, struct halves *h)
{
	uint8_t hash[STORE_HASH];
	struct store_query q = { .by_class = true,
				 .by_public_hash = true,
				 .with_private = true,
				 .class = CKO_PRIVATE_KEY,
				 .public_hash = BYTES(hash, sizeof hash) };
	struct store_hit *hits = NULL;
	size_t n = 0;
	enum inro_err e = record_hash_spki(buf_bytes(&h->spki), hash);

	if (!e)
		e = store_find(t->store, &q, &hits, &n);
	if (!e)
		e = consider_hits(t, hits, n, h);
	free(hits);
	return e;
}

enum inro_err party_half(struct object *public, struct object **ret)
{
	AUTO(object_unref_ptr) struct object *held = object_ref(public);
	SCOPED(halves) h = { 0 };
	struct loaded_key *key;
	enum inro_err e;

	if (public->token->login != CKU_USER) {
		*ret = NULL;
		return INRO_OK;
	}
	buf_add(&h.spki, attrs_bytes(&public->attrs, CKA_PUBLIC_KEY_INFO));
	e = buf_err(&h.spki);
	if (e)
		return e;
	consider_session_keys(public->token, &h);
	e = consider_token_keys(public->token, &h);
	if (!e)
		e = object_read(held);
	if (!e && h.best)
		e = object_read(h.best);
	/* What its record says counts only when its seal was seen to be whole. */
	if (!e && h.best)
		e = object_key(h.best, &key);
	if (!e)
		*ret = h.best;
	return e;
}
