/*
 * soft_move - keys under keys: wrapping and unwrapping.
 *
 * 1. What is wrapped is the key's plain form; what comes out of a blob goes through the checks of
 *    import().
 * 2. One answer, INRO_E_WRAPPED, for everything that can be wrong with a blob or its content;
 *    INRO_E_AEAD where only the tag was looked at.
 */
#include "pkcs11/soft/soft_private.h"

#include "base/own.h"
#include "pkcs11/soft/soft_envelope.h"

/* Mechanisms that put zeros behind what they wrap: not for DER, and whoever unwraps says how long
 * the key is (PKCS#11 3.2 6.10.5). */
static bool fills_with_zeros(CK_MECHANISM_TYPE mech)
{
	return mech == CKM_AES_CBC || mech == CKM_AES_ECB;
}

/* Under a loaded key, or to a public key. */
static enum inro_err wrap_plain(struct backend *b, const struct wrap_key *by,
				const struct use_spec *spec, struct bytes plain,
				struct buf *ret_blob)
{
	AUTO(anykey_unref_ptr) struct anykey *under = NULL;
	AUTO(pkey_unref_ptr) struct pkey *public = NULL;
	enum inro_err e =
		by->key ? soft_key(b, by->key, &under) : pkey_from_spki(by->spki, &public);

	if (e)
		return e;
	if (under && under->secret)
		return skey_wrap(under->secret, spec, plain, ret_blob);
	return envelope_close(under ? under->pair : public, spec, plain, ret_blob);
}

enum inro_err soft_wrap(struct backend *b, const struct wrap_key *by, const struct use_spec *spec,
			backend_key id, struct buf *ret_blob)
{
	AUTO(anykey_unref_ptr) struct anykey *key = NULL;
	SCOPED(secret) plain = { 0 };
	enum inro_err e = soft_key(b, id, &key);

	if (!e && key->pair && fills_with_zeros(spec->mech))
		e = err_set(INRO_E_KEY_NOT_WRAPPABLE, "a private key is not wrapped without "
						      "padding");
	if (!e)
		e = anykey_plain(key, &plain);
	return e ? e : wrap_plain(b, by, spec, secret_bytes(&plain), ret_blob);
}

static enum inro_err unwrap_plain(const struct anykey *by, const struct use_spec *spec,
				  struct bytes blob, struct secret *ret)
{
	if (by->secret)
		return skey_unwrap(by->secret, spec, blob, ret);
	const struct outside here = outside_of(by->pair);

	return envelope_open(&here, spec, blob, ret);
}

/* Takes off the zeros behind a key of a known length; with anything else there, nothing is taken
 * off and the length does not fit. */
static void cut_zeros(const struct key_spec *made, struct secret *plain)
{
	uint8_t rest = 0;

	for (size_t i = made->n; i < plain->n; i++)
		rest |= plain->p[i];
	if (made->n && plain->n > made->n && !rest)
		secret_shrink(plain, made->n);
}

/* The world's errors stay; whatever import() has against the content is one answer. */
static enum inro_err one_answer(enum inro_err e)
{
	if (e == INRO_OK || e == INRO_E_NO_MEMORY || e == INRO_E_LOGIN || e == INRO_E_CRYPTO)
		return e;
	return err_set(INRO_E_WRAPPED, "what was unwrapped is not the key that was asked for");
}

/* What came out of a blob becomes a key. */
static enum inro_err take_plain(struct backend *b, const struct key_spec *made, struct bytes plain,
				backend_key *ret_key, struct buf *ret_spki)
{
	struct anykey *key;
	enum inro_err e = one_answer(anykey_import(made, plain, &key));

	return e ? e : soft_present(b, key, ret_key, ret_spki);
}

enum inro_err soft_unwrap_by(struct backend *b, const struct outside *by,
			     const struct use_spec *spec, struct bytes blob,
			     const struct key_spec *made, backend_key *ret_key,
			     struct buf *ret_spki)
{
	SCOPED(secret) plain = { 0 };
	enum inro_err e = soft_check_unlocked(b);

	if (!e)
		e = envelope_open(by, spec, blob, &plain);
	return e ? e : take_plain(b, made, secret_bytes(&plain), ret_key, ret_spki);
}

enum inro_err soft_unwrap(struct backend *b, backend_key by, const struct use_spec *spec,
			  struct bytes blob, const struct key_spec *made, backend_key *ret_key,
			  struct buf *ret_spki)
{
	AUTO(anykey_unref_ptr) struct anykey *under = NULL;
	SCOPED(secret) plain = { 0 };
	enum inro_err e = soft_check_unlocked(b);

	if (!e)
		e = soft_key(b, by, &under);
	if (!e)
		e = unwrap_plain(under, spec, blob, &plain);
	if (e)
		return e;
	if (fills_with_zeros(spec->mech))
		cut_zeros(made, &plain);
	return take_plain(b, made, secret_bytes(&plain), ret_key, ret_spki);
}
