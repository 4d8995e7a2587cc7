/* keyder - the two DER forms of keys, read and written part by part. */
#include "pkcs11/token/keyder.h"

#include <string.h>

#include <openssl/obj_mac.h>

#include "base/der.h"

/* The content octets of the algorithms' OIDs. */
#define OID_RSA	 "\x2a\x86\x48\x86\xf7\x0d\x01\x01\x01" /* rsaEncryption */
#define OID_EC	 "\x2a\x86\x48\xce\x3d\x02\x01"		/* id-ecPublicKey */
#define OID_P256 "\x06\x08\x2a\x86\x48\xce\x3d\x03\x01\x07"
#define OID_P384 "\x06\x05\x2b\x81\x04\x00\x22"
#define OID_P521 "\x06\x05\x2b\x81\x04\x00\x23"
#define OCTETS(s)                                                                                  \
	{                                                                                          \
		.p = (const uint8_t *)(s), .n = sizeof(s) - 1                                      \
	}
#define RSA_PARTS    8 /* n e d p q dp dq qinv, the order of RFC 8017 A.1.2 */
#define UNCOMPRESSED 4

static const struct curve curves[] = {
	{ .params = OCTETS(OID_P256),
	  .name = "P-256",
	  .nid = NID_X9_62_prime256v1,
	  .bits = 256,
	  .field = 32 },
	{ .params = OCTETS(OID_P384),
	  .name = "P-384",
	  .nid = NID_secp384r1,
	  .bits = 384,
	  .field = 48 },
	{ .params = OCTETS(OID_P521),
	  .name = "P-521",
	  .nid = NID_secp521r1,
	  .bits = 521,
	  .field = 66 },
};

enum inro_err curve_find(struct bytes params, const struct curve **ret)
{
	for (size_t i = 0; i < ARRAY_LEN(curves); i++) {
		if (bytes_equal(params, curves[i].params)) {
			*ret = &curves[i];
			return INRO_OK;
		}
	}
	return err_set(INRO_E_CURVE, "these EC parameters are not a curve offered here: use the "
				     "OID of P-256, P-384 or P-521");
}

static CK_ULONG bits_of(struct bytes magnitude)
{
	CK_ULONG bits = magnitude.n * 8;

	for (unsigned mask = 0x80; magnitude.n && mask && !(magnitude.p[0] & mask); mask >>= 1)
		bits--;
	return bits;
}

/* A magnitude without leading zeros; callers give attributes as they come. */
static struct bytes trimmed(struct bytes x)
{
	while (x.n && x.p[0] == 0)
		x = BYTES(x.p + 1, x.n - 1);
	return x;
}

static enum inro_err check_rsa_public(struct key_parts *parts)
{
	parts->bits = bits_of(parts->n);
	if (parts->bits < RSA_MIN_BITS || parts->bits > RSA_MAX_BITS)
		return err_set(INRO_E_KEY_SIZE, "an RSA modulus of %lu bits: %d to %d are taken",
			       parts->bits, RSA_MIN_BITS, RSA_MAX_BITS);
	/* libcrypto's own bound for large moduli is 64 bits; 3 is the least that is a key */
	if (parts->e.n == 0 || parts->e.n > 8 || !(parts->e.p[parts->e.n - 1] & 1) ||
	    (parts->e.n == 1 && parts->e.p[0] < 3))
		return err_set(INRO_E_ATTR_VALUE, "the RSA public exponent must be odd, at least "
						  "3 and at most 64 bits long");
	return INRO_OK;
}

static enum inro_err check_point(const struct curve *curve, struct bytes point)
{
	if (point.n != 1 + 2 * curve->field || point.p[0] != UNCOMPRESSED)
		return err_set(INRO_E_ATTR_VALUE, "an EC point of %s is 04, X and Y: %zu bytes",
			       curve->name, 1 + 2 * curve->field);
	return INRO_OK;
}

/* The AlgorithmIdentifier that both forms begin with. */
static enum inro_err read_algorithm(struct bytes *in, struct key_parts *parts)
{
	struct bytes alg, oid;
	enum inro_err e = der_take(in, DER_SEQUENCE, &alg);

	if (!e)
		e = der_take(&alg, DER_OID, &oid);
	if (e)
		return e;
	if (bytes_equal(oid, BYTES(OID_RSA, sizeof OID_RSA - 1))) {
		parts->kind = KEY_RSA;
		return der_only(alg, DER_NULL, &oid);
	}
	if (!bytes_equal(oid, BYTES(OID_EC, sizeof OID_EC - 1)))
		return err_set(INRO_E_UNSUPPORTED, "the key is neither RSA nor EC");
	parts->kind = KEY_EC;
	parts->params = alg;
	return INRO_OK;
}

static enum inro_err finish_ec(struct key_parts *parts)
{
	const struct curve *curve;
	enum inro_err e = curve_find(parts->params, &curve);

	if (e)
		return e;
	parts->bits = curve->bits;
	if (parts->value.n && parts->value.n != curve->field)
		return err_set(INRO_E_ATTR_VALUE, "a private value of %s has %zu bytes",
			       curve->name, curve->field);
	return parts->point.n ? check_point(curve, parts->point) : INRO_OK;
}

static enum inro_err nothing_left(struct bytes in)
{
	return in.n ? err_set(INRO_E_SYNTAX, "something follows the end of the key") : INRO_OK;
}

static enum inro_err read_rsa_public(struct bytes der, struct key_parts *parts)
{
	struct bytes seq;
	enum inro_err e = der_only(der, DER_SEQUENCE, &seq);

	if (!e)
		e = der_take_unsigned(&seq, &parts->n);
	if (!e)
		e = der_take_unsigned(&seq, &parts->e);
	if (!e)
		e = nothing_left(seq);
	return e ? e : check_rsa_public(parts);
}

static enum inro_err read_ec_public(struct bytes point, struct key_parts *parts)
{
	if (point.n == 0)
		return err_set(INRO_E_SYNTAX, "a public key without a point");
	parts->point = point;
	return finish_ec(parts);
}

enum inro_err keyder_read_spki(struct bytes spki, struct key_parts *ret)
{
	struct key_parts parts = { 0 };
	struct bytes seq, key;
	enum inro_err e = der_only(spki, DER_SEQUENCE, &seq);

	if (!e)
		e = read_algorithm(&seq, &parts);
	if (!e)
		e = der_take_bits(&seq, &key);
	if (!e)
		e = nothing_left(seq);
	if (!e && parts.kind == KEY_RSA)
		e = read_rsa_public(key, &parts);
	if (!e && parts.kind == KEY_EC)
		e = read_ec_public(key, &parts);
	if (!e)
		*ret = parts;
	return e;
}

static enum inro_err read_rsa_private(struct bytes der, struct key_parts *parts)
{
	struct bytes *const numbers[RSA_PARTS] = {
		&parts->n, &parts->e,  &parts->d,  &parts->p,
		&parts->q, &parts->dp, &parts->dq, &parts->qinv
	};
	struct bytes seq;
	int64_t version = -1;
	enum inro_err e = der_only(der, DER_SEQUENCE, &seq);

	if (!e)
		e = der_take_int(&seq, &version);
	if (!e && version != 0)
		return err_set(INRO_E_UNSUPPORTED, "an RSA key with more than two primes");
	for (size_t i = 0; !e && i < RSA_PARTS; i++)
		e = der_take_unsigned(&seq, numbers[i]);
	if (!e)
		e = nothing_left(seq);
	return e ? e : check_rsa_public(parts);
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
			e = nothing_left(inner);
	}
	return e ? e : nothing_left(seq);
}

static enum inro_err read_ec_private(struct bytes der, struct key_parts *parts)
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
	return e ? e : finish_ec(parts);
}

enum inro_err keyder_read_pkcs8(struct bytes pkcs8, struct key_parts *ret)
{
	struct key_parts parts = { 0 };
	struct bytes seq, key;
	int64_t version = -1;
	enum inro_err e = der_only(pkcs8, DER_SEQUENCE, &seq);

	if (!e)
		e = der_take_int(&seq, &version);
	/* version 1 is RFC 5958's with the public key behind; attributes may follow in both */
	if (!e && (version < 0 || version > 1))
		return err_set(INRO_E_UNSUPPORTED, "PKCS#8 of version %lld", (long long)version);
	if (!e)
		e = read_algorithm(&seq, &parts);
	if (!e)
		e = der_take(&seq, DER_OCTET_STRING, &key);
	if (!e)
		e = parts.kind == KEY_RSA ? read_rsa_private(key, &parts)
					  : read_ec_private(key, &parts);
	if (!e)
		*ret = parts;
	return e;
}

static void write_algorithm(struct buf *b, const struct key_parts *parts)
{
	size_t alg = der_begin(b, DER_SEQUENCE);

	if (parts->kind == KEY_RSA) {
		der_add(b, DER_OID, BYTES(OID_RSA, sizeof OID_RSA - 1));
		der_add(b, DER_NULL, BYTES_NONE);
	} else {
		der_add(b, DER_OID, BYTES(OID_EC, sizeof OID_EC - 1));
		buf_add(b, parts->params);
	}
	der_end(b, alg);
}

static void write_spki(struct buf *b, const struct key_parts *parts)
{
	SCOPED(buf) inner = { 0 };
	size_t seq, key;

	if (parts->kind == KEY_RSA) {
		key = der_begin(&inner, DER_SEQUENCE);
		der_add_unsigned(&inner, parts->n);
		der_add_unsigned(&inner, parts->e);
		der_end(&inner, key);
	}
	seq = der_begin(b, DER_SEQUENCE);
	write_algorithm(b, parts);
	der_add_bits(b, parts->kind == KEY_RSA ? buf_bytes(&inner) : parts->point);
	der_end(b, seq);
}

static enum inro_err check_kind(const struct key_parts *parts)
{
	return parts->kind == KEY_RSA || parts->kind == KEY_EC
		       ? INRO_OK
		       : err_set(INRO_E_KEY_TYPE, "the key is neither RSA nor EC");
}

enum inro_err keyder_write_spki(const struct key_parts *parts, struct buf *ret)
{
	struct key_parts copy = *parts;
	enum inro_err e = check_kind(parts);

	if (e)
		return e;
	copy.n = trimmed(parts->n);
	copy.e = trimmed(parts->e);
	copy.value = BYTES_NONE;
	if (copy.kind == KEY_EC && copy.point.n == 0)
		return err_set(INRO_E_TEMPLATE_INCOMPLETE, "an EC public key needs its point");
	e = copy.kind == KEY_RSA ? check_rsa_public(&copy) : finish_ec(&copy);
	if (e)
		return e;
	write_spki(ret, &copy);
	return buf_err(ret);
}

static enum inro_err write_rsa_private(struct buf *b, const struct key_parts *parts)
{
	const struct bytes numbers[RSA_PARTS] = { parts->n, parts->e,  parts->d,  parts->p,
						  parts->q, parts->dp, parts->dq, parts->qinv };
	struct key_parts public = { .n = trimmed(parts->n), .e = trimmed(parts->e) };
	size_t seq = der_begin(b, DER_SEQUENCE);

	der_add_int(b, 0);
	for (size_t i = 0; i < RSA_PARTS; i++) {
		if (trimmed(numbers[i]).n == 0)
			return err_set(INRO_E_TEMPLATE_INCOMPLETE,
				       "an RSA private key needs modulus, both exponents, both "
				       "primes and the three CRT numbers");
		der_add_unsigned(b, numbers[i]);
	}
	der_end(b, seq);
	return check_rsa_public(&public);
}

/* CKA_VALUE may come without its leading zeros, RFC 5915 wants them. */
static enum inro_err padded_value(struct buf *b, const struct curve *curve, struct bytes value)
{
	struct bytes v = trimmed(value);
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

static enum inro_err write_ec_private(struct buf *b, const struct key_parts *parts)
{
	SCOPED(buf) value = { .secret = true };
	const struct curve *curve;
	size_t seq, option;
	enum inro_err e = curve_find(parts->params, &curve);

	if (!e)
		e = padded_value(&value, curve, parts->value);
	if (!e && parts->point.n)
		e = check_point(curve, parts->point);
	if (e)
		return e;
	seq = der_begin(b, DER_SEQUENCE);
	der_add_int(b, 1);
	der_add(b, DER_OCTET_STRING, buf_bytes(&value));
	if (parts->point.n) {
		option = der_begin(b, DER_CONTEXT_CONSTRUCTED | 1);
		der_add_bits(b, parts->point);
		der_end(b, option);
	}
	der_end(b, seq);
	return INRO_OK;
}

enum inro_err keyder_write_pkcs8(const struct key_parts *parts, struct secret *ret)
{
	SCOPED(buf) b = { .secret = true };
	size_t seq, key;
	enum inro_err e = check_kind(parts);

	if (e)
		return e;
	seq = der_begin(&b, DER_SEQUENCE);
	der_add_int(&b, 0);
	write_algorithm(&b, parts);
	key = der_begin(&b, DER_OCTET_STRING);
	e = parts->kind == KEY_RSA ? write_rsa_private(&b, parts) : write_ec_private(&b, parts);
	der_end(&b, key);
	der_end(&b, seq);
	if (!e)
		e = buf_err(&b);
	return e ? e : secret_copy(buf_bytes(&b), ret);
}

enum inro_err keyder_unwrap_point(struct bytes attribute, struct bytes *ret_point)
{
	struct bytes inner;

	for (size_t i = 0; i < ARRAY_LEN(curves); i++) {
		if (attribute.n == 1 + 2 * curves[i].field && attribute.p[0] == UNCOMPRESSED) {
			*ret_point = attribute;
			return INRO_OK;
		}
	}
	if (der_only(attribute, DER_OCTET_STRING, &inner))
		return err_set(INRO_E_ATTR_VALUE, "CKA_EC_POINT must be an uncompressed point in a "
						  "DER OCTET STRING");
	*ret_point = inner;
	return INRO_OK;
}

void keyder_wrap_point(struct bytes point, struct buf *ret)
{
	der_add(ret, DER_OCTET_STRING, point);
}
