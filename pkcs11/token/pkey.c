/* pkey - making keys, checking them, and their way from and to DER: what is the same for every
 * kind, and the table of kinds.  pkey_use.c and pkey_crypt.c use them. */
#include "pkcs11/token/pkey_private.h"

#include <stdlib.h>

#include <openssl/core_names.h>

#include "base/forkgate.h"
#include "base/own.h"
#include "pkcs11/token/ownalg.h"

static const struct pkey_type *const types[KEY_KIND__MAX] = {
	[KEY_RSA] = &pkey_type_rsa,	      [KEY_EC] = &pkey_type_ec,
	[KEY_EDWARDS] = &pkey_type_raw_curve, [KEY_MONTGOMERY] = &pkey_type_raw_curve,
	[KEY_ML_DSA] = &pkey_type_ml_dsa,     [KEY_SLH_DSA] = &pkey_type_slh_dsa,
	[KEY_ML_KEM] = &pkey_type_ml_kem,
};

static const struct pkey_type *type_of(enum key_kind kind)
{
	return (size_t)kind < ARRAY_LEN(types) ? types[kind] : NULL;
}

void pkey_free_ctx(EVP_PKEY_CTX **p)
{
	EVP_PKEY_CTX_free(*p);
}

void pkey_free_bn(BIGNUM **p)
{
	BN_clear_free(*p);
}

enum inro_err pkey_refuse(const char *why)
{
	return libcrypto_err("looking at a key") == INRO_E_NO_MEMORY
		       ? INRO_E_NO_MEMORY
		       : err_set(INRO_E_ATTR_VALUE, "%s", why);
}

/* libcrypto's yes is remembered, a fetch is dear; its no may be for want of memory. */
bool pkey_kind_offered(enum key_kind kind)
{
	static _Atomic bool known[KEY_KIND__MAX];
	KEEP_LIBCRYPTO_ERRORS();
	const struct pkey_type *type = type_of(kind);
	AUTO(pkey_free_ctx) EVP_PKEY_CTX *ctx = NULL;
	OSSL_LIB_CTX *libctx;

	if (!type || libctx_get(&libctx))
		return false;
	if (!known[kind]) {
		ctx = ownalg_key_ctx(libctx, type->sample);
		known[kind] = ctx != NULL;
	}
	return known[kind];
}

static enum inro_err pkey_new(enum key_kind kind, bool is_private, struct pkey **ret)
{
	struct pkey *k;
	OSSL_LIB_CTX *libctx;
	enum inro_err e;

	if (!pkey_kind_offered(kind))
		return err_set(INRO_E_KEY_TYPE, "keys of this kind are not offered here");
	e = libctx_get(&libctx);
	if (e)
		return e;
	k = calloc(1, sizeof *k);
	if (!k)
		return INRO_E_NO_MEMORY;
	atomic_init(&k->refs, 1);
	k->libctx = libctx;
	k->kind = kind;
	k->type = type_of(kind);
	k->is_private = is_private;
	*ret = k;
	return INRO_OK;
}

struct pkey *pkey_ref(struct pkey *k)
{
	atomic_fetch_add_explicit(&k->refs, 1, memory_order_relaxed);
	return k;
}

/* What is freed after libcrypto's end stays, where a leak checker finds it; the process ends. */
static void leave_behind(struct pkey *k)
{
	static _Atomic(struct pkey *) left;

	k->left = atomic_exchange(&left, k);
}

void pkey_unref(struct pkey *k)
{
	if (!k || atomic_fetch_sub_explicit(&k->refs, 1, memory_order_acq_rel) != 1)
		return;
	if (libcrypto_gone()) {
		leave_behind(k);
		return;
	}
	pkey_pool_clear(k);
	EVP_PKEY_free(k->evp);
	buf_clear(&k->public);
	buf_clear(&k->spki);
	free(k);
}

void pkey_unref_ptr(struct pkey **k)
{
	pkey_unref(*k);
}

/* The SPKI and the sizes, once. */
static enum inro_err describe(struct pkey *k, const struct key_parts *parts)
{
	struct key_parts public;
	enum inro_err e = keyder_write_spki(parts, &k->spki);

	if (!e)
		e = keyder_read_spki(buf_bytes(&k->spki), &public);
	if (e)
		return e;
	k->bits = public.bits;
	k->type->measure(k, &public);
	return INRO_OK;
}

/* ---- libcrypto's side ---- */

OSSL_PARAM pkey_number_param(const char *name, struct bytes big_endian, uint8_t **scratch)
{
	OSSL_PARAM p = OSSL_PARAM_construct_BN(name, *scratch, big_endian.n);
	const uint16_t probe = 1;
	bool little = *(const uint8_t *)&probe == 1;

	for (size_t i = 0; i < big_endian.n; i++)
		(*scratch)[little ? big_endian.n - 1 - i : i] = big_endian.p[i];
	*scratch += big_endian.n;
	return p;
}

enum inro_err pkey_build(struct pkey *k, OSSL_PARAM *params)
{
	AUTO(pkey_free_ctx)
	EVP_PKEY_CTX *ctx = ownalg_key_ctx(k->libctx, k->algorithm);
	int selection = k->is_private ? EVP_PKEY_KEYPAIR : EVP_PKEY_PUBLIC_KEY, done;

	if (!ctx || EVP_PKEY_fromdata_init(ctx) <= 0)
		return libcrypto_err("preparing a key");
	/* libcrypto holds a lock of the whole process while an EVP_PKEY gets its type */
	fork_gate_enter();
	done = EVP_PKEY_fromdata(ctx, &k->evp, selection, params);
	fork_gate_leave();
	return done > 0 ? INRO_OK : pkey_refuse("these numbers are not a key of this type");
}

enum inro_err pkey_make(struct pkey *k, const OSSL_PARAM *params, bool quick)
{
	AUTO(pkey_free_ctx)
	EVP_PKEY_CTX *ctx = ownalg_key_ctx(k->libctx, k->algorithm);
	bool done;

	if (!ctx || EVP_PKEY_keygen_init(ctx) <= 0 ||
	    (params && EVP_PKEY_CTX_set_params(ctx, params) <= 0))
		return libcrypto_err("preparing to make a key");
	/* RSA takes seconds, of which the lock is held for one instant: not worth a waiting fork */
	if (quick)
		fork_gate_enter();
	done = EVP_PKEY_generate(ctx, &k->evp) > 0;
	if (quick)
		fork_gate_leave();
	return done ? INRO_OK : libcrypto_err("making a key");
}

enum inro_err pkey_take_number(const struct pkey *k, const char *name, size_t width,
			       struct secret *room, size_t *used, struct bytes *ret)
{
	AUTO(pkey_free_bn) BIGNUM *x = NULL;
	size_t n;

	if (EVP_PKEY_get_bn_param(k->evp, name, &x) <= 0)
		return libcrypto_err("reading a key's numbers");
	n = width ? width : (size_t)BN_num_bytes(x);
	if (n > room->n - *used || BN_bn2binpad(x, room->p + *used, (int)n) < 0)
		return err_set(INRO_E_CRYPTO, "a key's number is longer than its size allows");
	*ret = BYTES(room->p + *used, n);
	*used += n;
	return INRO_OK;
}

enum inro_err pkey_take_point(struct pkey *k)
{
	size_t n = 0;

	if (EVP_PKEY_get_octet_string_param(k->evp, OSSL_PKEY_PARAM_PUB_KEY, k->point,
					    sizeof k->point, &n) <= 0 ||
	    n != k->curve->point)
		return libcrypto_err("reading a key's point");
	return INRO_OK;
}

struct key_parts pkey_curve_parts(const struct pkey *k)
{
	return (struct key_parts) { .kind = k->kind,
				    .bits = k->curve->bits,
				    .params = k->curve->params,
				    .point = BYTES(k->point, k->curve->point) };
}

/* ---- from and to DER ---- */

static enum inro_err from_parts(struct key_parts *parts, bool is_private, struct pkey **ret)
{
	KEEP_LIBCRYPTO_ERRORS();
	AUTO(pkey_unref_ptr) struct pkey *k = NULL;
	enum inro_err e = pkey_new(parts->kind, is_private, &k);

	if (!e)
		e = k->type->from_parts(k, parts);
	if (!e)
		e = describe(k, parts);
	if (e)
		return e;
	*ret = k;
	k = NULL;
	return INRO_OK;
}

enum inro_err pkey_from_pkcs8(struct bytes pkcs8, struct pkey **ret)
{
	struct key_parts parts;
	enum inro_err e = keyder_read_pkcs8(pkcs8, &parts);

	return e ? e : from_parts(&parts, true, ret);
}

enum inro_err pkey_from_spki(struct bytes spki, struct pkey **ret)
{
	struct key_parts parts;
	enum inro_err e = keyder_read_spki(spki, &parts);

	return e ? e : from_parts(&parts, false, ret);
}

enum inro_err pkey_from_point(const struct pkey *like, struct bytes point, struct pkey **ret)
{
	struct key_parts parts = { .kind = like->kind,
				   .params = like->curve->params,
				   .point = point };

	return from_parts(&parts, false, ret);
}

enum inro_err pkey_pkcs8(const struct pkey *k, struct secret *ret)
{
	KEEP_LIBCRYPTO_ERRORS();
	SCOPED(secret) room = { 0 };
	struct key_parts parts;
	enum inro_err e;

	if (!k->is_private)
		return err_set(INRO_E_KEY_TYPE, "a public key has no PKCS#8 form");
	e = k->type->to_parts(k, true, &room, &parts);
	return e ? e : keyder_write_pkcs8(&parts, ret);
}

enum inro_err pkey_spki(const struct pkey *k, struct buf *ret)
{
	buf_add(ret, buf_bytes(&k->spki));
	return buf_err(ret);
}

enum inro_err pkey_generate(const struct key_spec *spec, struct pkey **ret)
{
	KEEP_LIBCRYPTO_ERRORS();
	AUTO(pkey_unref_ptr) struct pkey *k = NULL;
	SCOPED(secret) room = { 0 };
	struct key_parts parts;
	enum inro_err e = pkey_new(spec->kind, true, &k);

	if (!e)
		e = k->type->generate(k, spec);
	if (!e)
		e = k->type->to_parts(k, false, &room, &parts);
	if (!e)
		e = describe(k, &parts);
	if (e)
		return e;
	*ret = k;
	k = NULL;
	return INRO_OK;
}

/* ---- questions ---- */

enum inro_err pkey_check(const struct pkey *k)
{
	KEEP_LIBCRYPTO_ERRORS();
	AUTO(pkey_free_ctx) EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_pkey(k->libctx, k->evp, NULL);

	if (!ctx)
		return libcrypto_err("checking a key");
	if ((k->is_private ? EVP_PKEY_check(ctx) : EVP_PKEY_public_check(ctx)) == 1)
		return INRO_OK;
	return pkey_refuse("the parts of the key do not fit together");
}

enum key_kind pkey_kind(const struct pkey *k)
{
	return k->kind;
}

CK_ULONG pkey_bits(const struct pkey *k)
{
	return k->bits;
}

size_t pkey_sig_len(const struct pkey *k)
{
	return k->sig_len;
}

enum inro_err pkey_encapsulate(struct pkey *k, struct buf *ret_ciphertext,
			       struct secret *ret_shared)
{
	if (!k->type->encapsulate)
		return err_set(INRO_E_KEY_TYPE, "this type of key does not encapsulate");
	return k->type->encapsulate(k, ret_ciphertext, ret_shared);
}

enum inro_err pkey_decapsulate(struct pkey *k, struct bytes ciphertext, struct secret *ret_shared)
{
	if (!k->type->decapsulate)
		return err_set(INRO_E_KEY_TYPE, "this type of key does not decapsulate");
	return k->type->decapsulate(k, ciphertext, ret_shared);
}
