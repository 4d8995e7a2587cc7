#include "pkcs11/soft/soft_envelope.h"

#include "base/own.h"
#include "pkcs11/token/kdf.h"

static enum inro_err decrypt_here(void *arg, const struct use_spec *spec, struct bytes in,
				  struct room out, size_t *ret_n)
{
	return pkey_decrypt(arg, spec, in, out, ret_n);
}

static enum inro_err agree_here(void *arg, struct bytes peer, struct secret *ret)
{
	return pkey_agree(arg, peer, ret);
}

struct outside outside_of(struct pkey *pair)
{
	return (struct outside) {
		.public = pair, .arg = pair, .decrypt = decrypt_here, .agree = agree_here
	};
}

static enum inro_err not_wrapped(void)
{
	return err_set(INRO_E_WRAPPED, "the wrapped key can't be unwrapped with this key");
}

/* The world's errors stay; everything else is the blob's fault, and one answer. */
static enum inro_err one_answer(enum inro_err e)
{
	static const enum inro_err ours[] = { INRO_OK,		INRO_E_NO_MEMORY,
					      INRO_E_MECHANISM, INRO_E_MECHANISM_PARAM,
					      INRO_E_KEY_TYPE,	INRO_E_IO,
					      INRO_E_BUSY,	INRO_E_TOKEN };

	for (size_t i = 0; i < ARRAY_LEN(ours); i++)
		if (ours[i] == e)
			return e;
	return not_wrapped();
}

/* ---- the key between ---- */

static enum inro_err check_aes_bits(const struct use_spec *spec)
{
	return skey_check_size(CKK_AES, spec->aes_bits / 8) == INRO_OK && spec->aes_bits % 8 == 0
		       ? INRO_OK
		       : err_set(INRO_E_MECHANISM_PARAM, "an AES key between of %lu bits",
				 spec->aes_bits);
}

static enum inro_err make_between(const struct use_spec *spec, struct skey **ret)
{
	const struct key_spec aes = { .kind = KEY_SECRET,
				      .key_type = CKK_AES,
				      .n = spec->aes_bits / 8 };

	return skey_generate(&aes, ret);
}

static enum inro_err read_between(const struct use_spec *spec, struct bytes value,
				  struct skey **ret)
{
	const struct key_spec aes = { .kind = KEY_SECRET,
				      .key_type = CKK_AES,
				      .n = spec->aes_bits / 8 };

	return skey_new(&aes, value, ret);
}

static const struct use_spec kwp = { .mech = CKM_AES_KEY_WRAP_KWP };

/* ---- RSA ---- */

static enum inro_err rsa_close(struct pkey *to, const struct use_spec *spec, struct bytes plain,
			       struct buf *ret_blob)
{
	size_t n = pkey_crypt_max(to, spec, USE_ENCRYPT), before = ret_blob->n;
	uint8_t *out = buf_extend(ret_blob, n);
	enum inro_err e = out ? pkey_encrypt(to, spec, plain, (struct room) { out, n }, &n)
			      : buf_err(ret_blob);

	if (e && out)
		buf_truncate(ret_blob, before);
	if (e == INRO_E_DATA_LENGTH)
		return err_set(INRO_E_KEY_SIZE, "the key is too long for this RSA key");
	return e;
}

static enum inro_err rsa_open(const struct outside *by, const struct use_spec *spec,
			      struct bytes blob, struct secret *ret_plain)
{
	SCOPED(secret) plain = { 0 };
	size_t n = 0;
	enum inro_err e = secret_new(pkey_crypt_max(by->public, spec, USE_ENCRYPT), &plain);

	if (!e)
		e = one_answer(
			by->decrypt(by->arg, spec, blob, (struct room) { plain.p, plain.n }, &n));
	if (!e && !n)
		e = not_wrapped();
	if (e)
		return e;
	secret_shrink(&plain, n);
	*ret_plain = plain;
	plain = (struct secret) { 0 };
	return INRO_OK;
}

static struct use_spec oaep_of(const struct use_spec *spec)
{
	struct use_spec oaep = *spec;

	oaep.mech = CKM_RSA_PKCS_OAEP;
	return oaep;
}

static enum inro_err rsa_aes_close(struct pkey *to, const struct use_spec *spec, struct bytes plain,
				   struct buf *ret_blob)
{
	AUTO(skey_unref_ptr) struct skey *between = NULL;
	const struct use_spec oaep = oaep_of(spec);
	size_t before = ret_blob->n;
	enum inro_err e = make_between(spec, &between);

	if (!e)
		e = rsa_close(to, &oaep, skey_value(between), ret_blob);
	if (!e)
		e = skey_wrap(between, &kwp, plain, ret_blob);
	if (e)
		buf_truncate(ret_blob, before);
	return e;
}

/* A bad first part goes on with a key that opens nothing: nobody sees by the time which part was
 * bad. */
static enum inro_err rsa_aes_open(const struct outside *by, const struct use_spec *spec,
				  struct bytes blob, struct secret *ret_plain)
{
	AUTO(skey_unref_ptr) struct skey *between = NULL, *decoy = NULL;
	SCOPED(secret) value = { 0 };
	const struct use_spec oaep = oaep_of(spec);
	struct bytes first;
	enum inro_err e = make_between(spec, &decoy);

	if (e)
		return e;
	if (read_bytes(&blob, pkey_crypt_max(by->public, &oaep, USE_ENCRYPT), &first))
		return not_wrapped();
	e = rsa_open(by, &oaep, first, &value);
	if (e && e != INRO_E_WRAPPED)
		return e;
	if (e || read_between(spec, secret_bytes(&value), &between))
		between = skey_ref(decoy);
	return one_answer(skey_unwrap(between, &kwp, blob, ret_plain));
}

/* ---- curves ---- */

enum inro_err envelope_agree(const struct outside *k, const struct use_spec *spec,
			     struct bytes peer, struct secret *ret)
{
	SCOPED(secret) z = { 0 };
	enum inro_err e = k->agree(k->arg, peer, &z);

	return e ? e : kdf_x963(spec, secret_bytes(&z), ret);
}

static enum inro_err agree_between(const struct outside *k, const struct use_spec *spec,
				   struct bytes peer, struct skey **ret)
{
	SCOPED(secret) value = { 0 };
	enum inro_err e = secret_new(spec->aes_bits / 8, &value);

	if (!e)
		e = envelope_agree(k, spec, peer, &value);
	return e ? e : read_between(spec, secret_bytes(&value), ret);
}

static enum inro_err parts_of(struct pkey *k, struct buf *room, struct key_parts *ret)
{
	enum inro_err e = pkey_spki(k, room);

	return e ? e : keyder_read_spki(buf_bytes(room), ret);
}

/* An ephemeral pair on the same curve. */
static enum inro_err ephemeral(const struct key_parts *like, struct pkey **ret)
{
	const struct key_spec spec = { .kind = like->kind, .params = like->params };

	return pkey_generate(&spec, ret);
}

static enum inro_err agree_with(struct pkey *mine, const struct use_spec *spec, struct bytes peer,
				struct skey **ret)
{
	const struct outside here = outside_of(mine);

	return agree_between(&here, spec, peer, ret);
}

static enum inro_err ecdh_aes_close(struct pkey *to, const struct use_spec *spec,
				    struct bytes plain, struct buf *ret_blob)
{
	AUTO(pkey_unref_ptr) struct pkey *mine = NULL;
	AUTO(skey_unref_ptr) struct skey *between = NULL;
	SCOPED(buf) their_spki = { 0 };
	SCOPED(buf) my_spki = { 0 };
	struct key_parts theirs, ours;
	size_t before = ret_blob->n;
	enum inro_err e = parts_of(to, &their_spki, &theirs);

	if (!e)
		e = ephemeral(&theirs, &mine);
	if (!e)
		e = parts_of(mine, &my_spki, &ours);
	if (!e)
		e = agree_with(mine, spec, theirs.point, &between);
	if (e)
		return e;
	buf_add(ret_blob, ours.point);
	e = skey_wrap(between, &kwp, plain, ret_blob);
	if (e)
		buf_truncate(ret_blob, before);
	return e;
}

static enum inro_err ecdh_aes_open(const struct outside *by, const struct use_spec *spec,
				   struct bytes blob, struct secret *ret_plain)
{
	AUTO(skey_unref_ptr) struct skey *between = NULL;
	SCOPED(buf) spki = { 0 };
	struct key_parts mine;
	struct bytes point;
	enum inro_err e = parts_of(by->public, &spki, &mine);

	if (e)
		return e;
	if (read_bytes(&blob, mine.point.n, &point))
		return not_wrapped();
	e = one_answer(agree_between(by, spec, point, &between));
	return e ? e : one_answer(skey_unwrap(between, &kwp, blob, ret_plain));
}

/* ---- which ---- */

struct envelope {
	CK_MECHANISM_TYPE mech;
	bool rsa;
	bool between;
	enum inro_err (*close)(struct pkey *to, const struct use_spec *spec, struct bytes plain,
			       struct buf *ret_blob);
	enum inro_err (*open)(const struct outside *by, const struct use_spec *spec,
			      struct bytes blob, struct secret *ret_plain);
};

static const struct envelope envelopes[] = {
	{ CKM_RSA_PKCS, true, false, rsa_close, rsa_open },
	{ CKM_RSA_PKCS_OAEP, true, false, rsa_close, rsa_open },
	{ CKM_ECDH_AES_KEY_WRAP, false, true, ecdh_aes_close, ecdh_aes_open },
	{ CKM_RSA_AES_KEY_WRAP, true, true, rsa_aes_close, rsa_aes_open },
};

static bool kind_fits(const struct envelope *x, enum key_kind kind)
{
	return x->rsa ? kind == KEY_RSA : kind == KEY_EC || kind == KEY_MONTGOMERY;
}

static enum inro_err find(const struct pkey *k, const struct use_spec *spec,
			  const struct envelope **ret)
{
	const struct envelope *x = NULL;

	for (size_t i = 0; i < ARRAY_LEN(envelopes); i++)
		if (envelopes[i].mech == spec->mech)
			x = &envelopes[i];
	if (!x)
		return err_set(INRO_E_MECHANISM, "mechanism 0x%lx does not wrap with a pair",
			       spec->mech);
	if (!kind_fits(x, pkey_kind(k)))
		return err_set(INRO_E_KEY_TYPE, "mechanism 0x%lx is not for this type of key",
			       spec->mech);
	*ret = x;
	return x->between ? check_aes_bits(spec) : INRO_OK;
}

enum inro_err envelope_close(struct pkey *to, const struct use_spec *spec, struct bytes plain,
			     struct buf *ret_blob)
{
	const struct envelope *x = NULL;
	enum inro_err e = find(to, spec, &x);

	return e ? e : x->close(to, spec, plain, ret_blob);
}

enum inro_err envelope_open(const struct outside *by, const struct use_spec *spec,
			    struct bytes blob, struct secret *ret_plain)
{
	const struct envelope *x = NULL;
	enum inro_err e = find(by->public, spec, &x);

	return e ? e : x->open(by, spec, blob, ret_plain);
}
