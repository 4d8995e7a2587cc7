#include "pkcs11/soft/anykey.h"

#include <stdlib.h>

#include "base/own.h"

/* Takes the key that is there. */
static enum inro_err anykey_new(struct pkey *pair, struct skey *secret, struct anykey **ret)
{
	struct anykey *k = calloc(1, sizeof *k);

	if (!k) {
		pkey_unref(pair);
		skey_unref(secret);
		return INRO_E_NO_MEMORY;
	}
	atomic_init(&k->refs, 1);
	k->pair = pair;
	k->secret = secret;
	*ret = k;
	return INRO_OK;
}

enum inro_err anykey_generate(const struct key_spec *spec, struct anykey **ret)
{
	struct pkey *pair = NULL;
	struct skey *secret = NULL;
	enum inro_err e = spec->kind == KEY_SECRET ? skey_generate(spec, &secret)
						   : pkey_generate(spec, &pair);

	return e ? e : anykey_new(pair, secret, ret);
}

enum inro_err anykey_pair(struct bytes pkcs8, struct anykey **ret)
{
	struct pkey *pair = NULL;
	enum inro_err e = pkey_from_pkcs8(pkcs8, &pair);

	return e ? e : anykey_new(pair, NULL, ret);
}

static enum inro_err import_pair(const struct key_spec *spec, struct bytes pkcs8,
				 struct anykey **ret)
{
	AUTO(anykey_unref_ptr) struct anykey *k = NULL;
	enum inro_err e = anykey_pair(pkcs8, &k);

	if (!e && pkey_kind(k->pair) != spec->kind)
		e = err_set(INRO_E_ATTR_VALUE, "the key is of another kind than was said");
	if (!e)
		e = pkey_check(k->pair);
	if (e)
		return e;
	*ret = k;
	k = NULL;
	return INRO_OK;
}

enum inro_err anykey_import(const struct key_spec *spec, struct bytes plain, struct anykey **ret)
{
	struct skey *secret = NULL;
	enum inro_err e;

	if (spec->kind != KEY_SECRET)
		return import_pair(spec, plain, ret);
	e = skey_new(spec, plain, &secret);
	return e ? e : anykey_new(NULL, secret, ret);
}

struct anykey *anykey_ref(struct anykey *k)
{
	atomic_fetch_add_explicit(&k->refs, 1, memory_order_relaxed);
	return k;
}

void anykey_unref(struct anykey *k)
{
	if (!k || atomic_fetch_sub_explicit(&k->refs, 1, memory_order_acq_rel) != 1)
		return;
	pkey_unref(k->pair);
	skey_unref(k->secret);
	free(k);
}

void anykey_unref_ptr(struct anykey **k)
{
	anykey_unref(*k);
}

enum inro_err anykey_plain(const struct anykey *k, struct secret *ret)
{
	return k->secret ? secret_copy(skey_value(k->secret), ret) : pkey_pkcs8(k->pair, ret);
}

enum inro_err anykey_spki(const struct anykey *k, struct buf *ret)
{
	return k->pair ? pkey_spki(k->pair, ret) : INRO_OK;
}

enum inro_err anykey_use(const struct anykey *k, const struct use *what, struct bytes in,
			 struct room out, size_t *ret_n)
{
	if (k->secret)
		return skey_use(k->secret, what->use, what->spec, in, out, ret_n);
	switch (what->use) {
	case USE_SIGN:
	case USE_SIGN_RECOVER:
		return pkey_sign(k->pair, what->spec, in, out.p, out.cap, ret_n);
	case USE_ENCRYPT:
		return pkey_encrypt(k->pair, what->spec, in, out, ret_n);
	case USE_DECRYPT:
		return pkey_decrypt(k->pair, what->spec, in, out, ret_n);
	default:
		return err_set(INRO_E_UNSUPPORTED, "a private key does nothing of this sort");
	}
}
