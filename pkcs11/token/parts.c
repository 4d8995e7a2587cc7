/* parts - the table, and what is done with it. */
#include "pkcs11/token/parts.h"

#include <string.h>

#define EVERY_CURVE (1U << KEY_EC | 1U << KEY_EDWARDS | 1U << KEY_MONTGOMERY)
#define RSA	    (1U << KEY_RSA)
#define EVERY_SET   (1U << KEY_ML_DSA | 1U << KEY_SLH_DSA | 1U << KEY_ML_KEM)

static const struct {
	unsigned kinds;
	CK_ATTRIBUTE_TYPE type;
	size_t at;
	bool secret;
} rows[] = {
	{ RSA, CKA_MODULUS, offsetof(struct key_parts, n), false },
	{ RSA, CKA_PUBLIC_EXPONENT, offsetof(struct key_parts, e), false },
	{ RSA, CKA_PRIVATE_EXPONENT, offsetof(struct key_parts, d), true },
	{ RSA, CKA_PRIME_1, offsetof(struct key_parts, p), true },
	{ RSA, CKA_PRIME_2, offsetof(struct key_parts, q), true },
	{ RSA, CKA_EXPONENT_1, offsetof(struct key_parts, dp), true },
	{ RSA, CKA_EXPONENT_2, offsetof(struct key_parts, dq), true },
	{ RSA, CKA_COEFFICIENT, offsetof(struct key_parts, qinv), true },
	{ EVERY_CURVE, CKA_EC_PARAMS, offsetof(struct key_parts, params), false },
	{ EVERY_CURVE, CKA_EC_POINT, offsetof(struct key_parts, point), false },
	{ EVERY_CURVE, CKA_VALUE, offsetof(struct key_parts, value), true },
	{ EVERY_SET, CKA_VALUE, offsetof(struct key_parts, point), false },
	{ EVERY_SET, CKA_VALUE, offsetof(struct key_parts, value), true },
	{ EVERY_SET, CKA_SEED, offsetof(struct key_parts, seed), true },
};

static struct bytes magnitude(struct bytes v)
{
	while (v.n > 1 && v.p[0] == 0)
		v = BYTES(v.p + 1, v.n - 1);
	return v;
}

static enum inro_err settle_curve(struct key_parts *parts)
{
	const struct curve *curve;
	enum inro_err e = ecname_params(parts->params, &parts->params);

	if (!e)
		e = curve_find(parts->params, &curve);
	if (!e && curve->kind != parts->kind)
		e = err_set(INRO_E_CURVE, "CKA_EC_PARAMS names a curve of another type of key");
	if (!e && parts->point.n > 0)
		e = curve_point(curve, parts->point, &parts->point);
	return e;
}

/* The same attribute has the public or the private key, whichever object it is of. */
static bool other_half(size_t i, const struct object_kind *kind)
{
	return EVERY_SET & 1U << kind->key && rows[i].type == CKA_VALUE &&
	       rows[i].secret != (kind->class == CKO_PRIVATE_KEY);
}

static enum inro_err settle(struct template t, struct key_parts *parts)
{
	if (EVERY_CURVE & 1U << parts->kind)
		return settle_curve(parts);
	if (EVERY_SET & 1U << parts->kind)
		return template_ulong(t, CKA_PARAMETER_SET, &parts->set);
	return INRO_OK;
}

enum inro_err parts_of(struct template t, const struct object_kind *of, struct key_parts *ret)
{
	enum key_kind kind = of->key;
	struct key_parts parts = { .kind = kind };
	enum inro_err e;

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct bytes v;

		if (!(rows[i].kinds & 1U << kind) || other_half(i, of) ||
		    !template_get(t, rows[i].type, &v))
			continue;
		if (kind == KEY_RSA)
			v = magnitude(v);
		memcpy((uint8_t *)&parts + rows[i].at, &v, sizeof v);
	}
	e = settle(t, &parts);
	if (!e)
		*ret = parts;
	return e;
}

bool parts_secret(const struct key_parts *parts, CK_ATTRIBUTE_TYPE type, struct bytes *ret)
{
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		if (rows[i].type != type || !rows[i].secret || !(rows[i].kinds & 1U << parts->kind))
			continue;
		memcpy(ret, (const uint8_t *)parts + rows[i].at, sizeof *ret);
		return ret->n > 0;
	}
	return false;
}
