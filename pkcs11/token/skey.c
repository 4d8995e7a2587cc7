/* skey - making secret keys and giving them up.  skey_mech.c knows the mechanisms, skey_context.c
 * libcrypto's contexts, skey_use.c and skey_parts.c what is done with them. */
#include "base/cryptoki/admin.h"
#include "pkcs11/token/skey_private.h"

#include <stdlib.h>

/* Longer than anything that HKDF gives. */
#define MAX_GENERIC 16384

struct stype {
	CK_KEY_TYPE type;
	size_t sizes[3]; /* bytes; none: 1 to MAX_GENERIC */
	bool old;	 /* none is made any more */
};

static const struct stype types[] = {
	{ .type = CKK_GENERIC_SECRET },
	{ .type = CKK_DES3, .sizes = { 24 }, .old = true },
	{ .type = CKK_AES, .sizes = { 16, 24, 32 } },
	{ .type = CKK_SHA_1_HMAC },
	{ .type = CKK_SHA256_HMAC },
	{ .type = CKK_SHA384_HMAC },
	{ .type = CKK_SHA512_HMAC },
	{ .type = CKK_SHA224_HMAC },
	{ .type = CKK_CHACHA20, .sizes = { 32 } },
	{ .type = CKK_AES_XTS, .sizes = { 32, 64 } },
	{ .type = CKK_SHA3_224_HMAC },
	{ .type = CKK_SHA3_256_HMAC },
	{ .type = CKK_SHA3_384_HMAC },
	{ .type = CKK_SHA3_512_HMAC },
	{ .type = CKK_BLAKE2B_512_HMAC },
	{ .type = CKK_HKDF },
	{ .type = CKK_SHA512_224_HMAC },
	{ .type = CKK_SHA512_256_HMAC },
	{ .type = CKK_INRO_TWINE, .sizes = { 10, 16 } },
};

static const struct stype *type_find(CK_KEY_TYPE type)
{
	for (size_t i = 0; i < ARRAY_LEN(types); i++)
		if (types[i].type == type)
			return &types[i];
	return NULL;
}

static bool size_fits(const struct stype *t, size_t n)
{
	if (!t->sizes[0])
		return n >= 1 && n <= MAX_GENERIC;
	for (size_t i = 0; i < ARRAY_LEN(t->sizes); i++)
		if (n && t->sizes[i] == n)
			return true;
	return false;
}

enum inro_err skey_check_size(CK_KEY_TYPE type, size_t n)
{
	const struct stype *t = type_find(type);

	if (!t)
		return err_set(INRO_E_KEY_TYPE, "secret keys of type 0x%lx are not kept here",
			       type);
	return size_fits(t, n)
		       ? INRO_OK
		       : err_set(INRO_E_KEY_SIZE, "no key of type 0x%lx has %zu bytes", type, n);
}

/* XTS with twice the same half is no XTS (SP 800-38E refers to IEEE 1619, FIPS 140 IG A.9). */
static enum inro_err check_halves(CK_KEY_TYPE type, struct bytes value)
{
	size_t half = value.n / 2;

	if (type != CKK_AES_XTS || !secret_equal(BYTES(value.p, half), BYTES(value.p + half, half)))
		return INRO_OK;
	return err_set(INRO_E_ATTR_VALUE, "both halves of an XTS key are the same");
}

/* Takes the value. */
static enum inro_err place(CK_KEY_TYPE type, struct secret *value, struct skey **ret)
{
	enum inro_err e = check_halves(type, secret_bytes(value));
	struct skey *k;

	if (e)
		return e;
	k = calloc(1, sizeof *k);
	if (!k)
		return INRO_E_NO_MEMORY;
	atomic_init(&k->refs, 1);
	k->type = type;
	k->value = *value;
	*value = (struct secret) { 0 };
	*ret = k;
	return INRO_OK;
}

enum inro_err skey_new(const struct key_spec *spec, struct bytes value, struct skey **ret)
{
	SCOPED(secret) copy = { 0 };
	enum inro_err e = skey_check_size(spec->key_type, value.n);

	if (!e && spec->n && spec->n != value.n)
		e = err_set(INRO_E_KEY_SIZE, "the key has %zu bytes, not %zu", value.n, spec->n);
	if (!e)
		e = secret_copy(value, &copy);
	return e ? e : place(spec->key_type, &copy, ret);
}

enum inro_err skey_generate(const struct key_spec *spec, struct skey **ret)
{
	SCOPED(secret) value = { 0 };
	const struct stype *t = type_find(spec->key_type);
	enum inro_err e = skey_check_size(spec->key_type, spec->n);

	if (!e && t && t->old)
		e = err_set(INRO_E_KEY_TYPE,
			    "keys of type 0x%lx decrypt old data and are not made "
			    "any more",
			    spec->key_type);
	if (!e)
		e = secret_random(spec->n, &value);
	return e ? e : place(spec->key_type, &value, ret);
}

struct skey *skey_ref(struct skey *k)
{
	atomic_fetch_add_explicit(&k->refs, 1, memory_order_relaxed);
	return k;
}

/* What is freed after libcrypto's end stays, where a leak checker finds it; the process ends. */
static void leave_behind(struct skey *k)
{
	static _Atomic(struct skey *) left;

	k->left = atomic_exchange(&left, k);
}

void skey_unref(struct skey *k)
{
	if (!k || atomic_fetch_sub_explicit(&k->refs, 1, memory_order_acq_rel) != 1)
		return;
	secret_clear(&k->value);
	if (libcrypto_gone()) {
		leave_behind(k);
		return;
	}
	skey_pool_clear(k);
	free(k);
}

void skey_unref_ptr(struct skey **k)
{
	skey_unref(*k);
}

CK_KEY_TYPE skey_type(const struct skey *k)
{
	return k->type;
}

struct bytes skey_value(const struct skey *k)
{
	return secret_bytes(&k->value);
}
