/*
 * tpm_move - keys under keys, and keys from keys.
 *
 * 1. A key in the TPM is never wrapped, and wraps nothing.  What it unwraps or agrees on comes out
 *    of the TPM and becomes a key in the soft instance.
 * 2. Where such a key belongs into the TPM, it goes there from there.
 */
#include "tpm/token/tpm_backend.h"
#include "tpm/token/tpm_private.h"

#include "base/own.h"

static enum inro_err decrypt_there(void *arg, const struct use_spec *spec, struct bytes in,
				   struct room out, size_t *ret_n)
{
	const struct use what = { .use = USE_DECRYPT, .spec = spec };

	return tkey_use(arg, &what, in, out, ret_n);
}

static enum inro_err agree_there(void *arg, struct bytes peer, struct secret *ret)
{
	return tkey_agree(arg, peer, ret);
}

/* A pair in the TPM with its public half; the caller gives that up. */
static enum inro_err outside_of_tkey(struct tkey *key, struct outside *ret)
{
	SCOPED(buf) spki = { 0 };
	struct pkey *public;
	enum inro_err e;

	if (tkey_kind(key) == KEY_SECRET)
		return err_set(INRO_E_KEY_TYPE, "a secret key in the TPM derives and unwraps "
						"nothing: make it with the place tpm-sealed");
	e = tkey_spki(key, &spki);
	if (!e)
		e = pkey_from_spki(buf_bytes(&spki), &public);
	if (e)
		return e;
	*ret = (struct outside) {
		.public = public, .arg = key, .decrypt = decrypt_there, .agree = agree_there
	};
	return INRO_OK;
}

static enum inro_err outside(struct backend *b, backend_key id, struct tkey **ret_key,
			     struct outside *ret)
{
	enum inro_err e = tpm_key(b, id, ret_key);

	return e ? e : outside_of_tkey(*ret_key, ret);
}

/* ---- wrapping ---- */

/* To its public half: that is all that wrapping needs of a pair. */
static enum inro_err wrap_by(struct backend *b, backend_key id, const struct use_spec *spec,
			     backend_key key, struct buf *ret_blob)
{
	AUTO(tkey_unref_ptr) struct tkey *under = NULL;
	SCOPED(buf) spki = { 0 };
	enum inro_err e = tpm_key(b, id, &under);

	if (!e && tkey_kind(under) == KEY_SECRET)
		e = err_set(INRO_E_KEY_TYPE, "a secret key in the TPM wraps nothing: make it with "
					     "the place tpm-sealed");
	if (!e)
		e = tkey_spki(under, &spki);
	if (e)
		return e;
	return backend_soft.wrap(b->soft, &(struct wrap_key) { .spki = buf_bytes(&spki) }, spec,
				 key, ret_blob);
}

enum inro_err tpm_wrap(struct backend *b, const struct wrap_key *by, const struct use_spec *spec,
		       backend_key key, struct buf *ret_blob)
{
	if (tpm_is_ours(key))
		return err_set(INRO_E_KEY_UNEXTRACTABLE, "the key is in the TPM and stays there");
	return tpm_is_ours(by->key) ? wrap_by(b, by->key, spec, key, ret_blob)
				    : backend_soft.wrap(b->soft, by, spec, key, ret_blob);
}

/* A key of the soft instance that belongs into the TPM. */
static enum inro_err move_in(struct backend *b, const struct key_spec *spec, backend_key *key)
{
	SCOPED(secret) plain = { 0 };
	SCOPED(buf) spki = { 0 };
	struct key_spec known = *spec;
	struct tkey *moved;
	backend_key now = 0;
	enum inro_err e = backend_soft.reveal(b->soft, *key, &plain);

	if (known.kind == KEY_SECRET)
		known.n = plain.n;
	if (!e)
		e = tkey_import(b->tpm, b->words.caps.can, &known, secret_bytes(&plain), &moved);
	if (e == INRO_E_UNSUPPORTED && spec->place == PLACE_ANY && !b->words.no_sealed)
		return INRO_OK;
	if (!e)
		e = tpm_present(b, moved, &now, &spki);
	backend_soft.unload(b->soft, *key);
	*key = e ? 0 : now;
	return e;
}

enum inro_err tpm_unwrap(struct backend *b, backend_key by, const struct use_spec *spec,
			 struct bytes blob, const struct key_spec *made, backend_key *ret_key,
			 struct buf *ret_spki)
{
	AUTO(tkey_unref_ptr) struct tkey *key = NULL;
	AUTO(pkey_unref_ptr) struct pkey *public = NULL;
	struct outside there = { 0 };
	enum key_place place = PLACE_ANY;
	backend_key got = 0;
	size_t before = ret_spki->n;
	enum inro_err e = tpm_check_unlocked(b);

	if (!e)
		e = place_choose(&b->words, made, PLACE_UNWRAPPED, &place);
	if (!e && tpm_is_ours(by)) {
		e = outside(b, by, &key, &there);
		public = there.public;
		if (!e)
			e = soft_unwrap_by(b->soft, &there, spec, blob, made, &got, ret_spki);
	} else if (!e) {
		e = backend_soft.unwrap(b->soft, by, spec, blob, made, &got, ret_spki);
	}
	if (!e && place == PLACE_TPM)
		e = move_in(b, made, &got);
	if (e)
		buf_truncate(ret_spki, before);
	else
		*ret_key = got;
	return e;
}

/* ---- deriving ---- */

static enum inro_err derive_there(struct backend *b, backend_key base, const struct use_spec *spec,
				  const struct key_spec *made, size_t n, backend_key *ret_keys)
{
	AUTO(tkey_unref_ptr) struct tkey *key = NULL;
	AUTO(pkey_unref_ptr) struct pkey *public = NULL;
	struct outside there = { 0 };
	enum inro_err e = outside(b, base, &key, &there);

	public = there.public;
	return e ? e : soft_derive_by(b->soft, &there, spec, made, n, ret_keys);
}

static enum inro_err check_places(struct backend *b, const struct key_spec *made, size_t n)
{
	enum key_place place;
	enum inro_err e = INRO_OK;

	for (size_t i = 0; !e && i < n; i++)
		e = place_choose(&b->words, &made[i], PLACE_DERIVED, &place);
	return e;
}

/* Those that belong into the TPM. */
static enum inro_err move_all(struct backend *b, const struct key_spec *made, size_t n,
			      backend_key *keys)
{
	enum inro_err e = INRO_OK;

	for (size_t i = 0; !e && i < n; i++) {
		enum key_place place = PLACE_ANY;

		e = place_choose(&b->words, &made[i], PLACE_DERIVED, &place);
		if (!e && place == PLACE_TPM)
			e = move_in(b, &made[i], &keys[i]);
	}
	return e;
}

static void drop_all(struct backend *b, size_t n, backend_key *keys)
{
	for (size_t i = 0; i < n; i++) {
		if (keys[i])
			backend_tpm.unload(b, keys[i]);
		keys[i] = 0;
	}
}

enum inro_err tpm_derive(struct backend *b, backend_key base, const struct use_spec *spec,
			 const struct key_spec *made, size_t n, backend_key *ret_keys)
{
	enum inro_err e = tpm_check_unlocked(b);

	if (!e && tpm_is_ours(spec->other))
		e = err_set(INRO_E_KEY_TYPE, "the second key is in the TPM: make it with the place "
					     "tpm-sealed");
	if (!e)
		e = check_places(b, made, n);
	if (e)
		return e;
	e = tpm_is_ours(base) ? derive_there(b, base, spec, made, n, ret_keys)
			      : backend_soft.derive(b->soft, base, spec, made, n, ret_keys);
	if (e)
		return e;
	e = move_all(b, made, n, ret_keys);
	if (e)
		drop_all(b, n, ret_keys);
	return e;
}

enum inro_err tpm_encapsulate(struct backend *b, struct bytes spki, const struct use_spec *spec,
			      const struct key_spec *made, struct buf *ret_ciphertext,
			      backend_key *ret_key)
{
	size_t before = ret_ciphertext->n;
	enum inro_err e = tpm_check_unlocked(b);

	if (!e)
		e = check_places(b, made, 1);
	if (!e)
		e = backend_soft.encapsulate(b->soft, spki, spec, made, ret_ciphertext, ret_key);
	if (!e)
		e = move_all(b, made, 1, ret_key);
	if (e)
		buf_truncate(ret_ciphertext, before);
	return e;
}

enum inro_err tpm_decapsulate(struct backend *b, backend_key key, const struct use_spec *spec,
			      struct bytes ciphertext, const struct key_spec *made,
			      backend_key *ret_key)
{
	enum inro_err e = tpm_check_unlocked(b);

	if (!e && tpm_is_ours(key))
		e = err_set(INRO_E_KEY_TYPE, "the TPM encapsulates nothing");
	if (!e)
		e = check_places(b, made, 1);
	if (!e)
		e = backend_soft.decapsulate(b->soft, key, spec, ciphertext, made, ret_key);
	return e ? e : move_all(b, made, 1, ret_key);
}
