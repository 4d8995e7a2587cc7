/* pkey_ec - pairs on Weierstrass curves (SEC 1, FIPS 186-5, RFC 5639). */
#include "pkcs11/token/pkey_private.h"

#include <string.h>

#include <openssl/core_names.h>
#include <openssl/ec.h>

#include "base/own.h"

static void free_group(EC_GROUP **p)
{
	EC_GROUP_free(*p);
}

static enum inro_err set_curve(struct pkey *k, struct bytes params)
{
	enum inro_err e = curve_find(params, &k->curve);

	if (!e && k->curve->kind != KEY_EC)
		e = err_set(INRO_E_CURVE, "%s is not a curve for CKK_EC", k->curve->name);
	k->algorithm = "EC";
	return e;
}

static OSSL_PARAM group_param(const struct pkey *k)
{
	/* OSSL_PARAM has no const; the name is only read */
	return OSSL_PARAM_construct_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME,
						(char *)(uintptr_t)k->curve->name, 0);
}

/* A libcrypto may be built without some of the curves; asked only when something failed. */
static enum inro_err or_no_curve(const struct pkey *k, enum inro_err e)
{
	AUTO(free_group) EC_GROUP *group = NULL;

	if (!e || e == INRO_E_NO_MEMORY)
		return e;
	group = EC_GROUP_new_by_curve_name_ex(k->libctx, NULL, k->curve->nid);
	if (!group)
		return err_set(INRO_E_CURVE, "this libcrypto has no %s", k->curve->name);
	return e;
}

static bool multiply(const EC_GROUP *group, const BIGNUM *d, struct pkey *k)
{
	EC_POINT *point = EC_POINT_new(group);
	size_t n = k->curve->point;
	bool done = point && EC_POINT_mul(group, point, d, NULL, NULL, NULL) == 1 &&
		    EC_POINT_point2oct(group, point, POINT_CONVERSION_UNCOMPRESSED, k->point, n,
				       NULL) == n;

	EC_POINT_free(point);
	return done;
}

/* The public half of a private key that came without it. */
static enum inro_err find_point(struct pkey *k, struct bytes value)
{
	AUTO(pkey_free_bn) BIGNUM *d = BN_bin2bn(value.p, (int)value.n, NULL);
	AUTO(free_group)
	EC_GROUP *group = EC_GROUP_new_by_curve_name_ex(k->libctx, NULL, k->curve->nid);

	return d && group && multiply(group, d, k)
		       ? INRO_OK
		       : pkey_refuse("the private value is not one of the curve");
}

static enum inro_err build(struct pkey *k, struct key_parts *parts)
{
	SCOPED(secret) room = { 0 };
	OSSL_PARAM params[4], *p = params;
	uint8_t *scratch;
	enum inro_err e = secret_new(k->is_private ? k->curve->field : 0, &room);

	if (e)
		return e;
	*p++ = group_param(k);
	*p++ = OSSL_PARAM_construct_octet_string(OSSL_PKEY_PARAM_PUB_KEY, k->point,
						 k->curve->point);
	scratch = room.p;
	if (k->is_private)
		*p++ = pkey_number_param(OSSL_PKEY_PARAM_PRIV_KEY, parts->value, &scratch);
	*p = OSSL_PARAM_construct_end();
	return pkey_build(k, params);
}

static enum inro_err ec_from_parts(struct pkey *k, struct key_parts *parts)
{
	enum inro_err e = set_curve(k, parts->params);

	if (e)
		return e;
	if (parts->point.n == 0)
		e = find_point(k, parts->value);
	else
		memcpy(k->point, parts->point.p, k->curve->point);
	parts->point = BYTES(k->point, k->curve->point);
	if (!e)
		e = build(k, parts);
	return or_no_curve(k, e);
}

static enum inro_err ec_to_parts(const struct pkey *k, bool private, struct secret *room,
				 struct key_parts *ret)
{
	struct key_parts parts = pkey_curve_parts(k);
	size_t used = 0;
	enum inro_err e = secret_new(private ? k->curve->field : 0, room);

	/* always as long as its curve: its length says nothing about it */
	if (!e && private)
		e = pkey_take_number(k, OSSL_PKEY_PARAM_PRIV_KEY, k->curve->field, room, &used,
				     &parts.value);
	if (!e)
		*ret = parts;
	return e;
}

static enum inro_err ec_generate(struct pkey *k, const struct key_spec *spec)
{
	OSSL_PARAM params[2] = { OSSL_PARAM_construct_end(), OSSL_PARAM_construct_end() };
	enum inro_err e = set_curve(k, spec->params);

	if (e)
		return e;
	params[0] = group_param(k);
	e = or_no_curve(k, pkey_make(k, params, true));
	return e ? e : pkey_take_point(k);
}

void pkey_curve_measure(struct pkey *k, const struct key_parts *public)
{
	(void)public;
	k->sig_len = k->curve->sig;
}

const struct pkey_type pkey_type_ec = {
	.generate = ec_generate,
	.from_parts = ec_from_parts,
	.to_parts = ec_to_parts,
	.measure = pkey_curve_measure,
	.sample = "EC",
};
