/*
 * soft_derive - keys from keys: agreement, derivation, key encapsulation.
 *
 * 1. Several keys come from one stream, one behind the other; with SP 800-108 each begins with a
 *    block of the PRF of its own (PKCS#11 3.2 6.42.7).
 * 2. All of them are made, or none is.
 */
#include "pkcs11/soft/soft_private.h"

#include "base/own.h"
#include "pkcs11/soft/soft_envelope.h"
#include "pkcs11/token/kdf.h"
#include "pkcs11/token/kdf_prf.h"

/* More at once than anybody asks for. */
#define MAX_KEYS 64

struct plan {
	const struct outside *pair; /* agrees; NULL: */
	struct bytes base;	    /* a secret key's value */
	struct use_spec spec;	    /* a copy */
	const struct key_spec *made;
	size_t n;
	struct bytes other;
	struct key_spec whole; /* instead of made[0], when that takes as much as there is */
};

/* What a key is made of begins at a multiple of this. */
static size_t step_of(const struct use_spec *spec)
{
	bool blocks =
		spec->mech == CKM_SP800_108_COUNTER_KDF || spec->mech == CKM_SP800_108_FEEDBACK_KDF;
	size_t block = blocks ? prf_size(spec->digest) : 1;

	return block ? block : 1;
}

/* How much of the stream the keys take; *ret_sum: how much they are. */
static size_t reach_of(const struct plan *p, size_t *ret_sum)
{
	size_t step = step_of(&p->spec), at = 0, sum = 0;

	for (size_t i = 0; i < p->n; i++) {
		at = (at + step - 1) / step * step + p->made[i].n;
		sum += p->made[i].n;
	}
	*ret_sum = sum;
	return at;
}

/* For one key that takes as much as there is. */
static enum inro_err take_whole(struct plan *p)
{
	size_t fixed = 0, most = 0;
	enum inro_err e = INRO_OK;

	p->whole = p->made[0];
	if (!p->pair)
		e = kdf_size(&p->spec, p->base, p->other, &fixed, &most);
	else if (p->spec.kdf == CKD_NULL)
		fixed = (pkey_bits(p->pair->public) + 7) / 8;
	if (e)
		return e;
	if (!fixed)
		return err_set(INRO_E_TEMPLATE_INCOMPLETE, "this derivation gives as much as is "
							   "asked for: say how long the key is");
	p->whole.n = fixed;
	p->made = &p->whole;
	return INRO_OK;
}

static enum inro_err stream_of(const struct plan *p, struct secret *ret)
{
	if (p->pair)
		return envelope_agree(p->pair, &p->spec, p->spec.peer, ret);
	return kdf_derive(&p->spec, p->base, p->other, ret);
}

static enum inro_err check_plan(const struct plan *p)
{
	bool agrees = p->spec.mech == CKM_ECDH1_DERIVE || p->spec.mech == CKM_ECDH1_COFACTOR_DERIVE;

	for (size_t i = 0; i < p->n; i++)
		if (p->made[i].kind != KEY_SECRET)
			return err_set(INRO_E_TEMPLATE_INCONSISTENT,
				       "only secret keys are derived");
	if (agrees == (p->pair != NULL))
		return INRO_OK;
	return err_set(INRO_E_KEY_TYPE, "mechanism 0x%lx is not for this type of key",
		       p->spec.mech);
}

/* Keys out of the stream; *ret_n of them were made, also after an error. */
static enum inro_err cut(const struct plan *p, struct bytes stream, struct anykey **made,
			 size_t *ret_n)
{
	size_t step = step_of(&p->spec), at = 0;
	enum inro_err e = INRO_OK;

	for (*ret_n = 0; !e && *ret_n < p->n; *ret_n += !e) {
		const struct key_spec *spec = &p->made[*ret_n];

		at = (at + step - 1) / step * step;
		e = anykey_import(spec, BYTES(stream.p + at, spec->n), &made[*ret_n]);
		at += spec->n;
	}
	return e;
}

static enum inro_err make(struct plan *p, struct anykey **made)
{
	SCOPED(secret) stream = { 0 };
	size_t n = 0, sum = 0;
	enum inro_err e = check_plan(p);

	if (!e && p->n == 1 && !p->made[0].n)
		e = take_whole(p);
	for (size_t i = 0; !e && i < p->n; i++)
		e = skey_check_size(p->made[i].key_type, p->made[i].n);
	if (!e)
		e = secret_new(reach_of(p, &sum), &stream);
	p->spec.data_n = sum;
	if (!e)
		e = stream_of(p, &stream);
	if (!e)
		e = cut(p, secret_bytes(&stream), made, &n);
	while (e && n)
		anykey_unref(made[--n]);
	return e;
}

/* The plan, as far as the base does not matter, carried out. */
static enum inro_err derive(struct backend *b, struct plan *p, backend_key *ret_keys)
{
	AUTO(anykey_unref_ptr) struct anykey *other = NULL;
	struct anykey *keys[MAX_KEYS];
	size_t n = p->n;
	enum inro_err e = soft_check_unlocked(b);

	if (!e && (n < 1 || n > MAX_KEYS))
		e = err_set(INRO_E_ARG, "%zu keys at once are not derived", n);
	if (!e && p->spec.other)
		e = soft_key(b, p->spec.other, &other);
	if (!e && other && !other->secret)
		e = err_set(INRO_E_KEY_TYPE, "the second key is none of a secret kind");
	if (e)
		return e;
	p->other = other ? skey_value(other->secret) : BYTES_NONE;
	e = make(p, keys);
	return e ? e : soft_hold(b, keys, n, ret_keys);
}

enum inro_err soft_derive_by(struct backend *b, const struct outside *by,
			     const struct use_spec *spec, const struct key_spec *made, size_t n,
			     backend_key *ret_keys)
{
	struct plan p = { .pair = by, .spec = *spec, .made = made, .n = n };

	return derive(b, &p, ret_keys);
}

enum inro_err soft_derive(struct backend *b, backend_key base, const struct use_spec *spec,
			  const struct key_spec *made, size_t n, backend_key *ret_keys)
{
	AUTO(anykey_unref_ptr) struct anykey *from = NULL;
	struct plan p = { .spec = *spec, .made = made, .n = n };
	struct outside here;
	enum inro_err e = soft_check_unlocked(b);

	if (!e)
		e = soft_key(b, base, &from);
	if (e)
		return e;
	if (from->secret) {
		p.base = skey_value(from->secret);
	} else {
		here = outside_of(from->pair);
		p.pair = &here;
	}
	return derive(b, &p, ret_keys);
}

/* ---- encapsulation ---- */

static enum inro_err hold_shared(struct backend *b, const struct key_spec *made,
				 struct secret *shared, backend_key *ret)
{
	struct anykey *key;
	enum inro_err e;

	if (made->kind != KEY_SECRET)
		return err_set(INRO_E_TEMPLATE_INCONSISTENT,
			       "what is encapsulated is a secret key");
	/* the leading bytes (PKCS#11 3.2 6.68) */
	if (made->n && made->n < shared->n)
		secret_shrink(shared, made->n);
	e = anykey_import(made, secret_bytes(shared), &key);
	return e ? e : soft_hold(b, &key, 1, ret);
}

enum inro_err soft_encapsulate(struct backend *b, struct bytes spki, const struct use_spec *spec,
			       const struct key_spec *made, struct buf *ret_ciphertext,
			       backend_key *ret_key)
{
	AUTO(pkey_unref_ptr) struct pkey *to = NULL;
	SCOPED(secret) shared = { 0 };
	size_t before = ret_ciphertext->n;
	enum inro_err e = soft_check_unlocked(b);

	if (!e && spec->mech != CKM_ML_KEM)
		e = err_set(INRO_E_MECHANISM, "mechanism 0x%lx encapsulates nothing", spec->mech);
	if (!e)
		e = pkey_from_spki(spki, &to);
	if (!e)
		e = pkey_encapsulate(to, ret_ciphertext, &shared);
	if (!e)
		e = hold_shared(b, made, &shared, ret_key);
	if (e)
		buf_truncate(ret_ciphertext, before);
	return e;
}

enum inro_err soft_decapsulate(struct backend *b, backend_key id, const struct use_spec *spec,
			       struct bytes ciphertext, const struct key_spec *made,
			       backend_key *ret_key)
{
	AUTO(anykey_unref_ptr) struct anykey *key = NULL;
	SCOPED(secret) shared = { 0 };
	enum inro_err e = soft_check_unlocked(b);

	if (!e && spec->mech != CKM_ML_KEM)
		e = err_set(INRO_E_MECHANISM, "mechanism 0x%lx encapsulates nothing", spec->mech);
	if (!e)
		e = soft_key(b, id, &key);
	if (!e && !key->pair)
		e = err_set(INRO_E_KEY_TYPE, "a secret key encapsulates nothing");
	if (!e)
		e = pkey_decapsulate(key->pair, ciphertext, &shared);
	return e ? e : hold_shared(b, made, &shared, ret_key);
}
