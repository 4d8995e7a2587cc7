/*
 * keyder_curve - keys of elliptic curves in DER.
 *
 * Weierstrass curves: one algorithm with the curve as its parameter (RFC 5480, RFC 5915).  Edwards
 * and Montgomery curves: the curve's OID is the algorithm, keys are bare bytes (RFC 8410).
 */
#include "pkcs11/token/keyder_private.h"

#include <string.h>

#include "base/oids.h"

#define WEIERSTRASS OID_ELEMENT("\x07", OID_EC)

/* Curve and sizes. */
static enum inro_err check(struct key_parts *parts, const struct curve **ret)
{
	const struct curve *curve;
	enum inro_err e = curve_find(parts->params, &curve);

	if (e)
		return e;
	if (curve->kind != parts->kind)
		return err_set(INRO_E_CURVE, "%s is not a curve for this type of key", curve->name);
	parts->bits = curve->bits;
	if (parts->point.n)
		e = curve_point(curve, parts->point, &parts->point);
	if (!e)
		*ret = curve;
	return e;
}

static enum inro_err finish(struct key_parts *parts)
{
	const struct curve *curve;
	enum inro_err e = check(parts, &curve);

	if (!e && parts->value.n && parts->value.n != curve->field)
		return err_set(INRO_E_ATTR_VALUE, "a private value of %s has %zu bytes",
			       curve->name, curve->field);
	return e;
}

static enum inro_err read_point(struct bytes point, struct key_parts *parts)
{
	const struct curve *curve;
	enum inro_err e;

	parts->point = point;
	e = check(parts, &curve);
	if (!e && point.n != curve->point)
		return err_set(INRO_E_SYNTAX, "a public key without a point of %s", curve->name);
	return e;
}

static enum inro_err write_point(const struct key_parts *parts, struct buf *b)
{
	struct key_parts public = { .kind = parts->kind,
				    .params = parts->params,
				    .point = parts->point };
	enum inro_err e = finish(&public);

	if (!e && public.point.n == 0)
		return err_set(INRO_E_TEMPLATE_INCOMPLETE, "a public key of a curve needs its "
							   "point");
	buf_add(b, public.point);
	return e;
}

/* ---- Weierstrass ---- */

static bool ec_owns(struct bytes oid)
{
	return bytes_equal(oid, BYTES(WEIERSTRASS, sizeof WEIERSTRASS - 1));
}

static enum inro_err ec_read_algorithm(struct bytes oid, struct bytes rest, struct key_parts *parts)
{
	(void)oid;
	parts->kind = KEY_EC;
	parts->params = rest;
	return INRO_OK;
}

/* The optional [0] parameters and [1] publicKey of RFC 5915. */
static enum inro_err read_ec_options(struct bytes seq, struct key_parts *parts)
{
	struct bytes inner;
	enum inro_err e = INRO_OK;

	if (der_peek(seq) == (DER_CONTEXT_CONSTRUCTED | 0)) {
		e = der_take(&seq, DER_CONTEXT_CONSTRUCTED | 0, &inner);
		if (!e && !bytes_equal(inner, parts->params))
			e = err_set(INRO_E_SYNTAX, "a private key that names two curves");
	}
	if (!e && der_peek(seq) == (DER_CONTEXT_CONSTRUCTED | 1)) {
		e = der_take(&seq, DER_CONTEXT_CONSTRUCTED | 1, &inner);
		if (!e)
			e = der_take_bits(&inner, &parts->point);
		if (!e)
			e = keyder_nothing_left(inner);
	}
	return e ? e : keyder_nothing_left(seq);
}

static enum inro_err ec_read_private(struct bytes der, struct key_parts *parts)
{
	struct bytes seq;
	int64_t version = -1;
	enum inro_err e = der_only(der, DER_SEQUENCE, &seq);

	if (!e)
		e = der_take_int(&seq, &version);
	if (!e && version != 1)
		return err_set(INRO_E_SYNTAX, "not an EC private key of version 1");
	if (!e)
		e = der_take(&seq, DER_OCTET_STRING, &parts->value);
	if (!e && parts->value.n == 0)
		return err_set(INRO_E_SYNTAX, "an EC private key without a value");
	if (!e)
		e = read_ec_options(seq, parts);
	return e ? e : finish(parts);
}

static void ec_write_algorithm(const struct key_parts *parts, struct buf *b)
{
	buf_add(b, BYTES(WEIERSTRASS, sizeof WEIERSTRASS - 1));
	buf_add(b, parts->params);
}

/* CKA_VALUE may come without its leading zeros, RFC 5915 wants them. */
static enum inro_err padded_value(const struct curve *curve, struct bytes value, struct buf *b)
{
	struct bytes v = keyder_trimmed(value);
	uint8_t *p;

	if (v.n == 0 || v.n > curve->field)
		return err_set(INRO_E_ATTR_VALUE, "a private value of %s has 1 to %zu bytes",
			       curve->name, curve->field);
	p = buf_extend(b, curve->field);
	if (!p)
		return INRO_E_NO_MEMORY;
	memset(p, 0, curve->field - v.n);
	memcpy(p + curve->field - v.n, v.p, v.n);
	return INRO_OK;
}

static enum inro_err ec_write_private(const struct key_parts *parts, struct buf *b)
{
	SCOPED(buf) value = { .secret = true };
	struct key_parts copy = *parts;
	const struct curve *curve;
	size_t seq, option;
	enum inro_err e = check(&copy, &curve);

	if (!e)
		e = padded_value(curve, parts->value, &value);
	if (e)
		return e;
	seq = der_begin(b, DER_SEQUENCE);
	der_add_int(b, 1);
	der_add(b, DER_OCTET_STRING, buf_bytes(&value));
	if (copy.point.n) {
		option = der_begin(b, DER_CONTEXT_CONSTRUCTED | 1);
		der_add_bits(b, copy.point);
		der_end(b, option);
	}
	der_end(b, seq);
	return INRO_OK;
}

const struct keyder_form keyder_ec = {
	.owns = ec_owns,
	.read_algorithm = ec_read_algorithm,
	.read_public = read_point,
	.read_private = ec_read_private,
	.write_algorithm = ec_write_algorithm,
	.write_public = write_point,
	.write_private = ec_write_private,
};

/* ---- Edwards and Montgomery ---- */

static const struct curve *raw_curve(struct bytes oid)
{
	const struct curve *curve;

	for (size_t i = 0; (curve = curve_at(i)) != NULL; i++)
		if (curve->kind != KEY_EC && bytes_equal(oid, curve->params))
			return curve;
	return NULL;
}

static bool raw_owns(struct bytes oid)
{
	return raw_curve(oid) != NULL;
}

static enum inro_err raw_read_algorithm(struct bytes oid, struct bytes rest,
					struct key_parts *parts)
{
	parts->kind = raw_curve(oid)->kind;
	parts->params = oid;
	return rest.n ? err_set(INRO_E_SYNTAX, "parameters where RFC 8410 forbids them") : INRO_OK;
}

static enum inro_err raw_read_private(struct bytes der, struct key_parts *parts)
{
	enum inro_err e = der_only(der, DER_OCTET_STRING, &parts->value);

	if (!e && parts->value.n == 0)
		return err_set(INRO_E_SYNTAX, "a private key without a value");
	return e ? e : finish(parts);
}

static void raw_write_algorithm(const struct key_parts *parts, struct buf *b)
{
	buf_add(b, parts->params);
}

static enum inro_err raw_write_private(const struct key_parts *parts, struct buf *b)
{
	struct key_parts copy = *parts;
	enum inro_err e = finish(&copy);

	if (!e && copy.value.n == 0)
		return err_set(INRO_E_TEMPLATE_INCOMPLETE, "a private key needs its value");
	der_add(b, DER_OCTET_STRING, copy.value);
	return e;
}

const struct keyder_form keyder_raw_curve = {
	.owns = raw_owns,
	.read_algorithm = raw_read_algorithm,
	.read_public = read_point,
	.read_private = raw_read_private,
	.read_behind = read_point,
	.write_algorithm = raw_write_algorithm,
	.write_public = write_point,
	.write_private = raw_write_private,
};
