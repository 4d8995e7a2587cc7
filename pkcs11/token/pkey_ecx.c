/*
 * pkey_ecx - pairs on Edwards and Montgomery curves (RFC 8032, RFC 7748).
 *
 * The public half of a private key is always computed, and what came with it compared.
 * Public Edwards points are checked here, because libcrypto looks at them in a verification only: y
 * below p, on the curve, not of small order.  Every string is a point of a Montgomery curve (RFC
 * 7748 5); those of small order come out in pkey_agree().
 */
#include "pkcs11/token/pkey_private.h"

#include <string.h>

#include <openssl/core_names.h>

#include "base/own.h"

#define MAX_COORDINATE 57

/* -x^2 + y^2 = 1 + d x^2 y^2 over p = 2^255 - 19; x^2 + y^2 = 1 + d x^2 y^2 over
 * p = 2^448 - 2^224 - 1 (RFC 8032 5.1, 5.2). */
struct edwards {
	const char *name, *p, *d;
	bool minus;	      /* d y^2 - a with a = -1, else a = 1 */
	const char *small[5]; /* y of the points of small order, beside 0, 1 and p - 1 */
};

static const struct edwards edwards[] = {
	{ .name = "ED25519",
	  .p = "7fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffed",
	  .d = "52036cee2b6ffe738cc740797779e89800700a4d4141d8ab75eb4dca135978a3",
	  .minus = true,
	  .small = { "7a03ac9277fdc74ec6cc392cfa53202a0f67100d760b3cba4fd84d3d706a17c7",
		     "05fc536d880238b13933c6d305acdfd5f098eff289f4c345b027b2c28f95e826" } },
	{ .name = "ED448",
	  .p = "fffffffffffffffffffffffffffffffffffffffffffffffffffffffe"
	       "ffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
	  .d = "fffffffffffffffffffffffffffffffffffffffffffffffffffffffe"
	       "ffffffffffffffffffffffffffffffffffffffffffffffffffff6756" },
};

static const struct edwards *edwards_of(const struct curve *curve)
{
	for (size_t i = 0; i < ARRAY_LEN(edwards); i++)
		if (strcmp(edwards[i].name, curve->name) == 0)
			return &edwards[i];
	return NULL;
}

static void free_bn_ctx(BN_CTX **p)
{
	BN_CTX_free(*p);
}

static bool equals_hex(const BIGNUM *y, const char *hex)
{
	AUTO(pkey_free_bn) BIGNUM *x = NULL;

	return !BN_hex2bn(&x, hex) || BN_cmp(x, y) == 0;
}

static bool small_order(const struct edwards *c, const BIGNUM *y, const BIGNUM *p)
{
	AUTO(pkey_free_bn) BIGNUM *minus_one = BN_dup(p);

	if (!minus_one || !BN_sub_word(minus_one, 1))
		return true;
	for (size_t i = 0; c->small[i]; i++)
		if (equals_hex(y, c->small[i]))
			return true;
	return BN_is_zero(y) || BN_is_one(y) || BN_cmp(y, minus_one) == 0;
}

/* Whether there is an x: x^2 = (y^2 - 1) / (d y^2 - a), and a quotient is a square where the
 * product is. */
static bool has_x(const struct edwards *c, const BIGNUM *y, const BIGNUM *p)
{
	AUTO(free_bn_ctx) BN_CTX *ctx = BN_CTX_new();
	AUTO(pkey_free_bn) BIGNUM *d = NULL;
	AUTO(pkey_free_bn) BIGNUM *u = BN_new();
	AUTO(pkey_free_bn) BIGNUM *v = BN_new();

	return ctx && u && v && BN_hex2bn(&d, c->d) && BN_mod_sqr(u, y, p, ctx) &&
	       BN_mod_mul(v, d, u, p, ctx) && BN_sub_word(u, 1) &&
	       (c->minus ? BN_add_word(v, 1) : BN_sub_word(v, 1)) && BN_mod_mul(u, u, v, p, ctx) &&
	       BN_kronecker(u, p, ctx) == 1;
}

static bool on_curve(const struct curve *curve, struct bytes point)
{
	const struct edwards *c = edwards_of(curve);
	uint8_t big_endian[MAX_COORDINATE];
	AUTO(pkey_free_bn) BIGNUM *y = NULL;
	AUTO(pkey_free_bn) BIGNUM *p = NULL;

	for (size_t i = 0; i < point.n; i++)
		big_endian[point.n - 1 - i] = point.p[i];
	big_endian[0] &= 0x7f; /* the sign of x */
	y = BN_bin2bn(big_endian, (int)point.n, NULL);
	return c && y && BN_hex2bn(&p, c->p) && BN_cmp(y, p) < 0 && !small_order(c, y, p) &&
	       has_x(c, y, p);
}

static enum inro_err set_curve(struct pkey *k, struct bytes params)
{
	enum inro_err e = curve_find(params, &k->curve);

	if (!e && k->curve->kind != k->kind)
		e = err_set(INRO_E_CURVE, "%s is not a curve for this type of key", k->curve->name);
	if (!e)
		k->algorithm = k->curve->name;
	return e;
}

static enum inro_err raw_from_parts(struct pkey *k, struct key_parts *parts)
{
	struct bytes key = k->is_private ? parts->value : parts->point;
	OSSL_PARAM params[2] = { OSSL_PARAM_construct_end(), OSSL_PARAM_construct_end() };
	enum inro_err e = set_curve(k, parts->params);

	if (e)
		return e;
	if (!k->is_private && k->kind == KEY_EDWARDS && !on_curve(k->curve, key))
		return err_set(INRO_E_ATTR_VALUE, "the point is not one of %s, or of small order",
			       k->curve->name);
	/* OSSL_PARAM has no const; the bytes are only read */
	params[0] = OSSL_PARAM_construct_octet_string(k->is_private ? OSSL_PKEY_PARAM_PRIV_KEY
								    : OSSL_PKEY_PARAM_PUB_KEY,
						      (void *)(uintptr_t)key.p, key.n);
	e = pkey_build(k, params);
	if (!e)
		e = pkey_take_point(k);
	if (!e && parts->point.n && memcmp(parts->point.p, k->point, k->curve->point) != 0)
		e = err_set(INRO_E_ATTR_VALUE, "the public half is not that of the private one");
	parts->point = BYTES(k->point, k->curve->point);
	return e;
}

static enum inro_err raw_to_parts(const struct pkey *k, bool private, struct secret *room,
				  struct key_parts *ret)
{
	struct key_parts parts = pkey_curve_parts(k);
	size_t n = 0;
	enum inro_err e = secret_new(private ? k->curve->field : 0, room);

	if (e)
		return e;
	if (private && (EVP_PKEY_get_octet_string_param(k->evp, OSSL_PKEY_PARAM_PRIV_KEY, room->p,
							room->n, &n) <= 0 ||
			n != room->n))
		return libcrypto_err("reading a private key");
	parts.value = secret_bytes(room);
	*ret = parts;
	return INRO_OK;
}

static enum inro_err raw_generate(struct pkey *k, const struct key_spec *spec)
{
	enum inro_err e = set_curve(k, spec->params);

	if (!e)
		e = pkey_make(k, NULL, true);
	return e ? e : pkey_take_point(k);
}

const struct pkey_type pkey_type_raw_curve = {
	.generate = raw_generate,
	.from_parts = raw_from_parts,
	.to_parts = raw_to_parts,
	.measure = pkey_curve_measure,
	.sample = "X25519",
};
