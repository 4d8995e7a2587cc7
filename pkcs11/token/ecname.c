/* ecname - the table of curves, and the other names in use for them. */
#include "pkcs11/token/ecname.h"

#include <openssl/obj_mac.h>

#include "base/der.h"
#include "base/oids.h"

#define UNCOMPRESSED 4
/* The OID elements by their owners. */
#define SECG(last)	OID_ELEMENT("\x05", OID_SECG(last))
#define BRAINPOOL(last) "\x06\x09\x2b\x24\x03\x03\x02\x08\x01\x01" last /* RFC 5639 */
#define RFC8410(oid)	OID_ELEMENT("\x03", oid)

#define WEIERSTRASS(oid, group, id, size, octets, security)                                        \
	{                                                                                          \
		.kind = KEY_EC, .params = BYTES_LIT(oid), .name = (group), .nid = (id),            \
		.bits = (size), .field = (octets), .point = 1 + 2 * (octets), .sig = 2 * (octets), \
		.strength = (security)                                                             \
	}
/* A key of these is as long as its point. */
#define RAW(type, oid, key, size, octets, signature, security)                                     \
	{                                                                                          \
		.kind = (type), .params = BYTES_LIT(oid), .name = (key), .bits = (size),           \
		.field = (octets), .point = (octets), .sig = (signature), .strength = (security)   \
	}

static const struct curve curves[] = {
	WEIERSTRASS(OID_ELEMENT("\x08", OID_P256), "P-256", NID_X9_62_prime256v1, 256, 32, 128),
	WEIERSTRASS(OID_ELEMENT("\x05", OID_P384), "P-384", NID_secp384r1, 384, 48, 192),
	WEIERSTRASS(OID_ELEMENT("\x05", OID_P521), "P-521", NID_secp521r1, 521, 66, 256),
	WEIERSTRASS(OID_ELEMENT("\x05", OID_P224), "P-224", NID_secp224r1, 224, 28, 112),
	WEIERSTRASS(SECG("\x0a"), "secp256k1", NID_secp256k1, 256, 32, 128),
	WEIERSTRASS(BRAINPOOL("\x05"), "brainpoolP224r1", NID_brainpoolP224r1, 224, 28, 112),
	WEIERSTRASS(BRAINPOOL("\x07"), "brainpoolP256r1", NID_brainpoolP256r1, 256, 32, 128),
	WEIERSTRASS(BRAINPOOL("\x09"), "brainpoolP320r1", NID_brainpoolP320r1, 320, 40, 128),
	WEIERSTRASS(BRAINPOOL("\x0b"), "brainpoolP384r1", NID_brainpoolP384r1, 384, 48, 192),
	WEIERSTRASS(BRAINPOOL("\x0d"), "brainpoolP512r1", NID_brainpoolP512r1, 512, 64, 256),
	RAW(KEY_MONTGOMERY, RFC8410(OID_X25519), "X25519", 255, 32, 0, 128),
	RAW(KEY_MONTGOMERY, RFC8410(OID_X448), "X448", 448, 56, 0, 224),
	RAW(KEY_EDWARDS, RFC8410(OID_ED25519), "ED25519", 255, 32, 64, 128),
	RAW(KEY_EDWARDS, RFC8410(OID_ED448), "ED448", 448, 57, 114, 224),
};

/* Names beside those of the table. */
static const struct {
	const char *name, *curve;
} names[] = {
	{ "secp256r1", "P-256" },  { "prime256v1", "P-256" },	{ "secp384r1", "P-384" },
	{ "secp521r1", "P-521" },  { "secp224r1", "P-224" },	{ "edwards25519", "ED25519" },
	{ "Ed25519", "ED25519" },  { "id-Ed25519", "ED25519" }, { "edwards448", "ED448" },
	{ "Ed448", "ED448" },	   { "id-Ed448", "ED448" },	{ "curve25519", "X25519" },
	{ "id-X25519", "X25519" }, { "curve448", "X448" },	{ "id-X448", "X448" },
};

/* What programs used before RFC 8410: GnuPG's OIDs; and pkcs11-tool 0.23's name of X25519, whose
 * length is wrong by one. */
static const struct {
	struct bytes params;
	const char *curve;
} old_params[] = {
	{ BYTES_LIT("\x06\x09\x2b\x06\x01\x04\x01\xda\x47\x0f\x01"), "ED25519" },
	{ BYTES_LIT("\x06\x0a\x2b\x06\x01\x04\x01\x97\x55\x01\x05\x01"), "X25519" },
	{ BYTES_LIT("\x13\x0b"
		    "curve25519"),
	  "X25519" },
};

const struct curve *curve_at(size_t i)
{
	return i < ARRAY_LEN(curves) ? &curves[i] : NULL;
}

enum inro_err curve_find(struct bytes params, const struct curve **ret)
{
	for (size_t i = 0; i < ARRAY_LEN(curves); i++) {
		if (bytes_equal(params, curves[i].params)) {
			*ret = &curves[i];
			return INRO_OK;
		}
	}
	return err_set(INRO_E_CURVE, "these EC parameters are not a curve offered here: use the "
				     "OID of one, such as P-256, P-384 or Ed25519");
}

static const struct curve *curve_named(struct bytes name)
{
	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		if (bytes_is(name, names[i].name))
			name = bytes_of(names[i].curve);
	for (size_t i = 0; i < ARRAY_LEN(curves); i++)
		if (bytes_is(name, curves[i].name))
			return &curves[i];
	return NULL;
}

static struct bytes current_oid(struct bytes given)
{
	for (size_t i = 0; i < ARRAY_LEN(old_params); i++)
		if (bytes_equal(given, old_params[i].params))
			return curve_named(bytes_of(old_params[i].curve))->params;
	return given;
}

enum inro_err ecname_params(struct bytes given, struct bytes *ret_params)
{
	const struct curve *curve;
	struct bytes name;

	if (der_only(given, DER_PRINTABLE_STRING, &name)) {
		err_reset();
		*ret_params = current_oid(given);
		return INRO_OK;
	}
	curve = curve_named(name);
	if (!curve)
		return err_set(INRO_E_CURVE, "no curve is named '%.*s' here", (int)name.n,
			       (const char *)name.p);
	*ret_params = curve->params;
	return INRO_OK;
}

static bool is_point(const struct curve *curve, struct bytes x)
{
	return x.n == curve->point && (curve->kind != KEY_EC || x.p[0] == UNCOMPRESSED);
}

/* Of this curve, or of any when there is none. */
static bool is_point_of(const struct curve *curve, struct bytes x)
{
	for (size_t i = 0; !curve && i < ARRAY_LEN(curves); i++)
		if (is_point(&curves[i], x))
			return true;
	return curve && is_point(curve, x);
}

/* No curve's bare point has the length of another's in DER. */
enum inro_err curve_point(const struct curve *curve, struct bytes given, struct bytes *ret_point)
{
	struct bytes inner = given, rest = given;

	if (is_point_of(curve, given) ||
	    (der_only(given, DER_OCTET_STRING, &inner) == INRO_OK && is_point_of(curve, inner)) ||
	    (der_take_bits(&rest, &inner) == INRO_OK && rest.n == 0 && is_point_of(curve, inner))) {
		err_reset();
		*ret_point = inner;
		return INRO_OK;
	}
	return err_set(INRO_E_ATTR_VALUE,
		       "this is no point of %s: 04, X and Y, or what RFC 8032 and 7748 say, bare "
		       "or in a DER OCTET STRING",
		       curve ? curve->name : "a curve offered here");
}
