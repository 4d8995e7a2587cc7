/* pkey - making keys, checking them, and their way from and to DER.  pkey_use.c uses them. */
#include "pkcs11/token/pkey_private.h"

#include <stdlib.h>
#include <string.h>

#include <openssl/core_names.h>
#include <openssl/ec.h>

#include "base/forkgate.h"
#include "base/own.h"
#include "pkcs11/token/ownalg.h"

#define F4		   65537
#define RSA_NUMBERS	   8
#define RSA_PUBLIC_NUMBERS 2
#define RSA_MAX_NUMBER	   ((size_t)RSA_MAX_BITS / 8)
#define RSA_ROOM	   (RSA_NUMBERS * RSA_MAX_NUMBER)

struct number {
	const char *name;
	size_t offset; /* in struct key_parts */
};

/* The public ones first. */
static const struct number rsa_numbers[RSA_NUMBERS] = {
	{ .name = OSSL_PKEY_PARAM_RSA_N, .offset = offsetof(struct key_parts, n) },
	{ .name = OSSL_PKEY_PARAM_RSA_E, .offset = offsetof(struct key_parts, e) },
	{ .name = OSSL_PKEY_PARAM_RSA_D, .offset = offsetof(struct key_parts, d) },
	{ .name = OSSL_PKEY_PARAM_RSA_FACTOR1, .offset = offsetof(struct key_parts, p) },
	{ .name = OSSL_PKEY_PARAM_RSA_FACTOR2, .offset = offsetof(struct key_parts, q) },
	{ .name = OSSL_PKEY_PARAM_RSA_EXPONENT1, .offset = offsetof(struct key_parts, dp) },
	{ .name = OSSL_PKEY_PARAM_RSA_EXPONENT2, .offset = offsetof(struct key_parts, dq) },
	{ .name = OSSL_PKEY_PARAM_RSA_COEFFICIENT1, .offset = offsetof(struct key_parts, qinv) },
};

static const struct number ec_value = { .name = OSSL_PKEY_PARAM_PRIV_KEY,
					.offset = offsetof(struct key_parts, value) };

static struct bytes *part(struct key_parts *parts, const struct number *number)
{
	return (struct bytes *)(void *)((char *)parts + number->offset);
}

static void free_ctx(EVP_PKEY_CTX **p)
{
	EVP_PKEY_CTX_free(*p);
}

static void free_bn(BIGNUM **p)
{
	BN_clear_free(*p);
}

/* libcrypto's no to a key's content, told apart from having no memory. */
static enum inro_err refuse(const char *why)
{
	return libctx_err("looking at a key") == INRO_E_NO_MEMORY
		       ? INRO_E_NO_MEMORY
		       : err_set(INRO_E_ATTR_VALUE, "%s", why);
}

static enum inro_err pkey_new(bool is_private, struct pkey **ret)
{
	struct pkey *k;
	OSSL_LIB_CTX *libctx;
	enum inro_err e = libctx_get(&libctx);

	if (e)
		return e;
	k = calloc(1, sizeof *k);
	if (!k)
		return INRO_E_NO_MEMORY;
	atomic_init(&k->refs, 1);
	k->libctx = libctx;
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
	if (libctx_gone()) {
		leave_behind(k);
		return;
	}
	pkey_pool_clear(k);
	EVP_PKEY_free(k->evp);
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
	k->sig_len = k->curve ? 2 * k->curve->field : public.n.n;
	return INRO_OK;
}

/* ---- from parts ---- */

/* One number as a parameter, in native byte order in memory that is wiped afterwards: an
 * OSSL_PARAM_BLD would leave private numbers in freed memory. */
static OSSL_PARAM number_param(const char *name, struct bytes big_endian, uint8_t **scratch)
{
	OSSL_PARAM p = OSSL_PARAM_construct_BN(name, *scratch, big_endian.n);
	const uint16_t probe = 1;
	bool little = *(const uint8_t *)&probe == 1;

	for (size_t i = 0; i < big_endian.n; i++)
		(*scratch)[little ? big_endian.n - 1 - i : i] = big_endian.p[i];
	*scratch += big_endian.n;
	return p;
}

static enum inro_err from_params(struct pkey *k, OSSL_PARAM *params)
{
	AUTO(free_ctx)
	EVP_PKEY_CTX *ctx = ownalg_key_ctx(k->libctx, k->curve ? "EC" : "RSA");
	int selection = k->is_private ? EVP_PKEY_KEYPAIR : EVP_PKEY_PUBLIC_KEY, done;

	if (!ctx || EVP_PKEY_fromdata_init(ctx) <= 0)
		return libctx_err("preparing a key");
	/* libcrypto holds a lock of the whole process while an EVP_PKEY gets its type */
	fork_gate_enter();
	done = EVP_PKEY_fromdata(ctx, &k->evp, selection, params);
	fork_gate_leave();
	if (done <= 0)
		return refuse(k->curve ? "these numbers are not an EC key"
				       : "these numbers are not an RSA key");
	return INRO_OK;
}

static enum inro_err from_rsa_parts(struct pkey *k, struct key_parts *parts)
{
	SCOPED(secret) room = { 0 };
	OSSL_PARAM params[RSA_NUMBERS + 1];
	size_t n = k->is_private ? RSA_NUMBERS : RSA_PUBLIC_NUMBERS;
	uint8_t *scratch;
	enum inro_err e = secret_new(RSA_ROOM, &room);

	if (e)
		return e;
	scratch = room.p;
	for (size_t i = 0; i < n; i++) {
		struct bytes x = *part(parts, &rsa_numbers[i]);

		if (x.n > RSA_MAX_NUMBER)
			return err_set(INRO_E_TOO_BIG, "an RSA key with a part of %zu bytes", x.n);
		params[i] = number_param(rsa_numbers[i].name, x, &scratch);
	}
	params[n] = OSSL_PARAM_construct_end();
	return from_params(k, params);
}

static bool multiply(const EC_GROUP *group, const BIGNUM *d, struct pkey *k)
{
	EC_POINT *point = EC_POINT_new(group);
	size_t n = 1 + 2 * k->curve->field;
	bool done = point && EC_POINT_mul(group, point, d, NULL, NULL, NULL) == 1 &&
		    EC_POINT_point2oct(group, point, POINT_CONVERSION_UNCOMPRESSED, k->point, n,
				       NULL) == n;

	EC_POINT_free(point);
	return done;
}

/* The public half of a private key that came without it. */
static enum inro_err find_point(struct pkey *k, struct bytes value)
{
	AUTO(free_bn) BIGNUM *d = BN_bin2bn(value.p, (int)value.n, NULL);
	EC_GROUP *group = EC_GROUP_new_by_curve_name_ex(k->libctx, NULL, k->curve->nid);
	bool done = d && group && multiply(group, d, k);

	EC_GROUP_free(group);
	return done ? INRO_OK : refuse("the private value is not one of the curve");
}

static enum inro_err from_ec_parts(struct pkey *k, struct key_parts *parts)
{
	SCOPED(secret) room = { 0 };
	OSSL_PARAM params[4], *p = params;
	uint8_t *scratch;
	enum inro_err e = secret_new(k->curve->field, &room);

	if (e)
		return e;
	if (parts->point.n == 0)
		e = find_point(k, parts->value);
	else
		memcpy(k->point, parts->point.p, parts->point.n);
	if (e)
		return e;
	parts->point = BYTES(k->point, 1 + 2 * k->curve->field);
	/* OSSL_PARAM has no const; the name is only read */
	*p++ = OSSL_PARAM_construct_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME,
						(char *)(uintptr_t)k->curve->name, 0);
	*p++ = OSSL_PARAM_construct_octet_string(OSSL_PKEY_PARAM_PUB_KEY, k->point, parts->point.n);
	scratch = room.p;
	if (k->is_private)
		*p++ = number_param(ec_value.name, parts->value, &scratch);
	*p = OSSL_PARAM_construct_end();
	return from_params(k, params);
}

static enum inro_err from_parts(struct key_parts *parts, bool is_private, struct pkey **ret)
{
	KEEP_LIBCTX_ERRORS();
	AUTO(pkey_unref_ptr) struct pkey *k = NULL;
	enum inro_err e = pkey_new(is_private, &k);

	if (!e && parts->kind == KEY_EC)
		e = curve_find(parts->params, &k->curve);
	if (!e)
		e = parts->kind == KEY_EC ? from_ec_parts(k, parts) : from_rsa_parts(k, parts);
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

/* ---- to parts ---- */

static enum inro_err take_number(const struct pkey *k, const char *name, struct secret *room,
				 size_t *used, struct bytes *ret)
{
	AUTO(free_bn) BIGNUM *x = NULL;
	size_t n;

	if (EVP_PKEY_get_bn_param(k->evp, name, &x) <= 0)
		return libctx_err("reading a key's numbers");
	/* an EC value always as long as its curve: its length says nothing about it */
	n = k->curve ? k->curve->field : (size_t)BN_num_bytes(x);
	if (n > room->n - *used || BN_bn2binpad(x, room->p + *used, (int)n) < 0)
		return err_set(INRO_E_CRYPTO, "a key's number is longer than its size allows");
	*ret = BYTES(room->p + *used, n);
	*used += n;
	return INRO_OK;
}

static enum inro_err take_point(struct pkey *k)
{
	size_t n = 0;

	if (EVP_PKEY_get_octet_string_param(k->evp, OSSL_PKEY_PARAM_PUB_KEY, k->point,
					    sizeof k->point, &n) <= 0 ||
	    n != 1 + 2 * k->curve->field)
		return libctx_err("reading a key's point");
	return INRO_OK;
}

/* The parts, the numbers in *room. */
static enum inro_err to_parts(const struct pkey *k, bool private, struct secret *room,
			      struct key_parts *ret)
{
	struct key_parts parts = { .kind = pkey_kind(k), .bits = k->bits };
	size_t n = private ? RSA_NUMBERS : RSA_PUBLIC_NUMBERS, used = 0;
	size_t size = private && k->curve ? k->curve->field : 0;
	enum inro_err e = secret_new(k->curve ? size : RSA_ROOM, room);

	if (!e && k->curve) {
		parts.params = k->curve->params;
		parts.point = BYTES(k->point, 1 + 2 * k->curve->field);
		if (private)
			e = take_number(k, ec_value.name, room, &used, &parts.value);
	}
	for (size_t i = 0; !e && !k->curve && i < n; i++)
		e = take_number(k, rsa_numbers[i].name, room, &used, part(&parts, &rsa_numbers[i]));
	if (!e)
		*ret = parts;
	return e;
}

enum inro_err pkey_pkcs8(const struct pkey *k, struct secret *ret)
{
	KEEP_LIBCTX_ERRORS();
	SCOPED(secret) room = { 0 };
	struct key_parts parts;
	enum inro_err e;

	if (!k->is_private)
		return err_set(INRO_E_KEY_TYPE, "a public key has no PKCS#8 form");
	e = to_parts(k, true, &room, &parts);
	return e ? e : keyder_write_pkcs8(&parts, ret);
}

enum inro_err pkey_spki(const struct pkey *k, struct buf *ret)
{
	buf_add(ret, buf_bytes(&k->spki));
	return buf_err(ret);
}

/* ---- generation ---- */

/* The exponent as a number; 0 if it is none that a key is made with. */
static uint64_t exponent_of(struct bytes e)
{
	uint64_t x = 0;

	if (e.n == 0)
		return F4;
	for (size_t i = 0; i < e.n; i++) {
		if (x >> 56)
			return 0;
		x = x << 8 | e.p[i];
	}
	return x >= F4 && (x & 1) ? x : 0;
}

static enum inro_err generate_with(struct pkey *k, const OSSL_PARAM *params)
{
	AUTO(free_ctx)
	EVP_PKEY_CTX *ctx = ownalg_key_ctx(k->libctx, k->curve ? "EC" : "RSA");

	bool done;

	if (!ctx || EVP_PKEY_keygen_init(ctx) <= 0 || EVP_PKEY_CTX_set_params(ctx, params) <= 0)
		return libctx_err("preparing to make a key");
	/* RSA takes seconds, of which the lock is held for one instant: not worth a waiting fork */
	if (k->curve)
		fork_gate_enter();
	done = EVP_PKEY_generate(ctx, &k->evp) > 0;
	if (k->curve)
		fork_gate_leave();
	return done ? INRO_OK : libctx_err("making a key");
}

static enum inro_err generate_rsa(struct pkey *k, const struct key_spec *spec)
{
	uint64_t exponent = exponent_of(spec->params);
	size_t bits = spec->bits;
	OSSL_PARAM params[] = {
		OSSL_PARAM_construct_size_t(OSSL_PKEY_PARAM_RSA_BITS, &bits),
		OSSL_PARAM_construct_uint64(OSSL_PKEY_PARAM_RSA_E, &exponent),
		OSSL_PARAM_construct_end(),
	};

	if (bits < RSA_MIN_BITS || bits > RSA_MAX_BITS || bits % 8)
		return err_set(INRO_E_KEY_SIZE, "an RSA key of %zu bits: %d to %d, in steps of 8",
			       bits, RSA_MIN_BITS, RSA_MAX_BITS);
	if (!exponent)
		return err_set(INRO_E_ATTR_VALUE, "an RSA key is made with an odd public exponent "
						  "of 65537 to 2^64");
	return generate_with(k, params);
}

static enum inro_err generate_ec(struct pkey *k, const struct key_spec *spec)
{
	enum inro_err e = curve_find(spec->params, &k->curve);
	OSSL_PARAM params[2];

	if (e)
		return e;
	params[0] = OSSL_PARAM_construct_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME,
						     (char *)(uintptr_t)k->curve->name, 0);
	params[1] = OSSL_PARAM_construct_end();
	return generate_with(k, params);
}

/* The public half of a new key. */
static enum inro_err read_off(struct pkey *k)
{
	SCOPED(secret) room = { 0 };
	struct key_parts parts;
	enum inro_err e = k->curve ? take_point(k) : INRO_OK;

	if (!e)
		e = to_parts(k, false, &room, &parts);
	return e ? e : describe(k, &parts);
}

enum inro_err pkey_generate(const struct key_spec *spec, struct pkey **ret)
{
	KEEP_LIBCTX_ERRORS();
	AUTO(pkey_unref_ptr) struct pkey *k = NULL;
	enum inro_err e = pkey_new(true, &k);

	if (!e && spec->kind == KEY_RSA)
		e = generate_rsa(k, spec);
	else if (!e && spec->kind == KEY_EC)
		e = generate_ec(k, spec);
	else if (!e)
		e = err_set(INRO_E_KEY_TYPE, "keys are made as RSA or EC");
	if (!e)
		e = read_off(k);
	if (e)
		return e;
	*ret = k;
	k = NULL;
	return INRO_OK;
}

/* ---- questions ---- */

enum inro_err pkey_check(const struct pkey *k)
{
	KEEP_LIBCTX_ERRORS();
	AUTO(free_ctx) EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_pkey(k->libctx, k->evp, NULL);

	if (!ctx)
		return libctx_err("checking a key");
	if ((k->is_private ? EVP_PKEY_check(ctx) : EVP_PKEY_public_check(ctx)) == 1)
		return INRO_OK;
	return refuse("the parts of the key do not fit together");
}

enum key_kind pkey_kind(const struct pkey *k)
{
	return k->curve ? KEY_EC : KEY_RSA;
}

CK_ULONG pkey_bits(const struct pkey *k)
{
	return k->bits;
}

bool pkey_is_private(const struct pkey *k)
{
	return k->is_private;
}

size_t pkey_sig_len(const struct pkey *k)
{
	return k->sig_len;
}
