/*
 * public - the SubjectPublicKeyInfo of whatever object a module has for a key.
 *
 * The object itself is asked first (CKA_PUBLIC_KEY_INFO, then its parts), then the public key and
 * the certificate that share its CKA_ID: old modules keep an EC private key's point only there.
 * EC parameters other than a named curve are refused: what is certified with them no verifier
 * takes.  CKA_VALUE is read of public keys and certificates only: a private key's is its secret.
 */
#include "base/cryptoki/internal.h"
#include "base/cryptoki/paramset.h"

#include "base/x509.h"

struct object {
	struct ck_module *m;
	CK_SESSION_HANDLE session;
	CK_OBJECT_HANDLE handle;
};

static enum inro_err get(const struct object *o, CK_ATTRIBUTE_TYPE type, struct buf *ret)
{
	enum inro_err e = ck_attr(o->m, o->session, o->handle, type, ret);

	if (e == INRO_OK && ret->n == 0)
		e = err_set(INRO_E_NOT_FOUND, "attribute 0x%lx is empty", type);
	return e;
}

static enum inro_err from_info(const struct object *o, struct buf *ret)
{
	SCOPED(buf) info = { 0 };
	struct bytes inside;
	enum inro_err e = get(o, CKA_PUBLIC_KEY_INFO, &info);

	if (e == INRO_OK)
		e = der_only(buf_bytes(&info), DER_SEQUENCE, &inside);
	if (e == INRO_OK)
		buf_add(ret, buf_bytes(&info));
	return e == INRO_OK ? buf_err(ret) : e;
}

static enum inro_err from_rsa(const struct object *o, struct buf *ret)
{
	SCOPED(buf) modulus = { 0 };
	SCOPED(buf) exponent = { 0 };
	size_t spki, part, key;
	enum inro_err e = get(o, CKA_MODULUS, &modulus);

	if (e == INRO_OK)
		e = get(o, CKA_PUBLIC_EXPONENT, &exponent);
	if (e != INRO_OK)
		return e;
	spki = der_begin(ret, DER_SEQUENCE);
	part = der_begin(ret, DER_SEQUENCE);
	der_add_oid(ret, "1.2.840.113549.1.1.1");
	der_add(ret, DER_NULL, BYTES_NONE);
	der_end(ret, part);
	part = der_begin(ret, DER_BIT_STRING);
	buf_add_u8(ret, 0);
	key = der_begin(ret, DER_SEQUENCE);
	der_add_unsigned(ret, buf_bytes(&modulus));
	der_add_unsigned(ret, buf_bytes(&exponent));
	der_end(ret, key);
	der_end(ret, part);
	der_end(ret, spki);
	return buf_err(ret);
}

/* As many octets as 04, X and Y have, or 02 or 03 and X; no named curve has fields of another size.
 */
static bool is_ec_point(struct bytes x)
{
	bool whole = x.n > 2 && x.n % 2 == 1 && x.p[0] == 4;
	size_t field = whole ? x.n / 2 : x.n - 1;

	return (whole || (x.n > 2 && (x.p[0] == 2 || x.p[0] == 3))) &&
	       (field % 4 == 0 || field == 66);
}

/* CKA_EC_POINT is an OCTET STRING with the point in it; some modules leave the wrapping out.  04
 * begins both: a bare point in which the length of the rest comes next is told by its own length.
 */
static struct bytes unwrap_point(struct bytes value)
{
	struct bytes point;

	return der_only(value, DER_OCTET_STRING, &point) == INRO_OK && is_ec_point(point) ? point
											  : value;
}

static enum inro_err from_ec(const struct object *o, struct buf *ret)
{
	SCOPED(buf) params = { 0 };
	SCOPED(buf) point = { 0 };
	struct bytes curve;
	size_t spki, algorithm;
	enum inro_err e = get(o, CKA_EC_PARAMS, &params);

	if (e == INRO_OK)
		e = get(o, CKA_EC_POINT, &point);
	if (e != INRO_OK)
		return e;
	if (der_only(buf_bytes(&params), DER_OID, &curve) != INRO_OK)
		return err_set(INRO_E_CURVE, "the key's curve is not a named one");
	spki = der_begin(ret, DER_SEQUENCE);
	algorithm = der_begin(ret, DER_SEQUENCE);
	der_add_oid(ret, "1.2.840.10045.2.1");
	der_add(ret, DER_OID, curve);
	der_end(ret, algorithm);
	der_add_bits(ret, unwrap_point(buf_bytes(&point)));
	der_end(ret, spki);
	return buf_err(ret);
}

static enum inro_err add_spki(struct bytes oid, struct bytes key, struct buf *ret)
{
	size_t spki = der_begin(ret, DER_SEQUENCE), algorithm = der_begin(ret, DER_SEQUENCE);

	buf_add(ret, oid);
	der_end(ret, algorithm);
	der_add_bits(ret, key);
	der_end(ret, spki);
	return buf_err(ret);
}

/* Edwards and Montgomery curves (RFC 8410).  Modules differ in how they write CKA_EC_PARAMS for
 * them; the length of the point tells the curve. */
static enum inro_err from_curve(const struct object *o, CK_KEY_TYPE type, struct buf *ret)
{
	static const struct {
		CK_KEY_TYPE type;
		struct bytes oid;
		size_t n;
	} curves[] = {
		{ CKK_EC_EDWARDS, BYTES_LIT("\x06\x03\x2b\x65\x70"), 32 },
		{ CKK_EC_EDWARDS, BYTES_LIT("\x06\x03\x2b\x65\x71"), 57 },
		{ CKK_EC_MONTGOMERY, BYTES_LIT("\x06\x03\x2b\x65\x6e"), 32 },
		{ CKK_EC_MONTGOMERY, BYTES_LIT("\x06\x03\x2b\x65\x6f"), 56 },
	};
	SCOPED(buf) point = { 0 };
	enum inro_err e = get(o, CKA_EC_POINT, &point);
	struct bytes bare = buf_bytes(&point), inner = BYTES_NONE;

	if (der_only(bare, DER_OCTET_STRING, &inner) != INRO_OK)
		inner = BYTES_NONE;
	for (size_t i = 0; e == INRO_OK && i < ARRAY_LEN(curves); i++)
		if (curves[i].type == type && (curves[i].n == bare.n || curves[i].n == inner.n))
			return add_spki(curves[i].oid, curves[i].n == bare.n ? bare : inner, ret);
	if (e == INRO_OK)
		e = err_set(INRO_E_CURVE, "the key's curve is not a named one");
	return e;
}

/* ML-DSA, SLH-DSA, ML-KEM. */
static enum inro_err from_set(const struct object *o, CK_KEY_TYPE type, struct buf *ret)
{
	SCOPED(buf) key = { 0 };
	CK_ULONG number = 0;
	const struct param_set *set;
	enum inro_err e = ck_attr_ulong(o->m, o->session, o->handle, CKA_PARAMETER_SET, &number);

	if (e == INRO_OK)
		e = paramset_find(type, number, &set);
	if (e == INRO_OK)
		e = get(o, CKA_VALUE, &key);
	if (e != INRO_OK)
		return e;
	if (key.n != set->public)
		return err_set(INRO_E_PUBLIC_KEY, "a public key of %s has %zu bytes, not %zu",
			       set->name, set->public, key.n);
	return add_spki(set->oid, buf_bytes(&key), ret);
}

static enum inro_err from_certificate(const struct object *o, struct buf *ret)
{
	SCOPED(buf) value = { 0 };
	struct x509 cert;
	enum inro_err e = get(o, CKA_VALUE, &value);

	if (e == INRO_OK)
		e = x509_read(buf_bytes(&value), &cert);
	if (e == INRO_OK)
		buf_add(ret, cert.spki);
	return e == INRO_OK ? buf_err(ret) : e;
}

static enum inro_err from_parts(const struct object *o, struct buf *ret)
{
	CK_KEY_TYPE type = 0;
	CK_OBJECT_CLASS class = 0;
	enum inro_err e = ck_attr_ulong(o->m, o->session, o->handle, CKA_KEY_TYPE, &type);

	if (e != INRO_OK)
		return e;
	if (type == CKK_RSA)
		return from_rsa(o, ret);
	if (type == CKK_EC)
		return from_ec(o, ret);
	if (type == CKK_EC_EDWARDS || type == CKK_EC_MONTGOMERY)
		return from_curve(o, type, ret);
	e = ck_attr_ulong(o->m, o->session, o->handle, CKA_CLASS, &class);
	if (e != INRO_OK)
		return e;
	if (class == CKO_PUBLIC_KEY && paramset_of_type(type))
		return from_set(o, type, ret);
	return err_set(INRO_E_UNSUPPORTED, "a key of type 0x%lx has no public key here", type);
}

/* Nothing half-written stays behind. */
static enum inro_err try(enum inro_err (*from)(const struct object *, struct buf *),
			 const struct object *o, struct buf *ret)
{
	size_t before = ret->n;
	enum inro_err e = from(o, ret);

	if (e != INRO_OK && ret->err == INRO_OK)
		buf_truncate(ret, before);
	return e;
}

static enum inro_err from_object(const struct object *o, CK_OBJECT_CLASS class, struct buf *ret)
{
	enum inro_err e;

	if (class == CKO_CERTIFICATE)
		return try(from_certificate, o, ret);
	e = try(from_info, o, ret);
	return e == INRO_OK ? e : try(from_parts, o, ret);
}

static enum inro_err from_peer(const struct object *o, struct bytes id, CK_OBJECT_CLASS class,
			       struct buf *ret)
{
	SCOPED(buf) id_copy = { 0 }; /* a template is not const */
	struct object peer = *o;
	CK_ULONG n = 0;
	CK_ATTRIBUTE template[] = { { CKA_CLASS, &class, sizeof class }, { CKA_ID, NULL, id.n } };
	enum inro_err e;

	buf_add(&id_copy, id);
	template[1].pValue = id_copy.p;
	e = buf_err(&id_copy);
	if (e == INRO_OK)
		e = ck_find(o->m, o->session, template, ARRAY_LEN(template), &peer.handle, 1, &n);
	if (e == INRO_OK && n == 0)
		e = err_set(INRO_E_NOT_FOUND, "the token has no public part of this key");
	return e == INRO_OK ? from_object(&peer, class, ret) : e;
}

enum inro_err ck_public_key(struct ck_module *m, CK_SESSION_HANDLE session, CK_OBJECT_HANDLE object,
			    struct buf *ret_spki)
{
	static const CK_OBJECT_CLASS peers[] = { CKO_PUBLIC_KEY, CKO_CERTIFICATE };
	const struct object o = { m, session, object };
	SCOPED(buf) id = { 0 };
	CK_OBJECT_CLASS class = 0;
	enum inro_err e = ck_attr_ulong(m, session, object, CKA_CLASS, &class);

	if (e != INRO_OK)
		return e;
	e = from_object(&o, class, ret_spki);
	if (e == INRO_OK || class != CKO_PRIVATE_KEY || get(&o, CKA_ID, &id) != INRO_OK)
		return e;
	for (size_t i = 0; e != INRO_OK && i < ARRAY_LEN(peers); i++)
		e = from_peer(&o, buf_bytes(&id), peers[i], ret_spki);
	return e;
}
