/* keyder: keys to DER and back, and what is refused on the way. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "base/der.h"
#include "pkcs11/token/keyder.h"

#define OCTETS(s) BYTES(s, sizeof(s) - 1)
#define P256	  OCTETS("\x06\x08\x2a\x86\x48\xce\x3d\x03\x01\x07")
#define P384	  OCTETS("\x06\x05\x2b\x81\x04\x00\x22")
#define P521	  OCTETS("\x06\x05\x2b\x81\x04\x00\x23")
#define P224	  OCTETS("\x06\x05\x2b\x81\x04\x00\x21")
#define P192	  OCTETS("\x06\x08\x2a\x86\x48\xce\x3d\x03\x01\x01")
#define ED25519	  OCTETS("\x06\x03\x2b\x65\x70")
#define X448	  OCTETS("\x06\x03\x2b\x65\x6f")
#define F4	  OCTETS("\x01\x00\x01")

static uint8_t modulus[512], number[512], point[133];

static int fill(void **state)
{
	(void)state;
	memset(modulus, 0x9d, sizeof modulus);
	memset(number, 0x21, sizeof number);
	memset(point, 0x33, sizeof point);
	point[0] = 4;
	return 0;
}

static struct key_parts rsa(size_t bytes)
{
	struct bytes half = BYTES(number, bytes / 2);

	return (struct key_parts) { .kind = KEY_RSA,
				    .n = BYTES(modulus, bytes),
				    .e = F4,
				    .d = BYTES(number, bytes),
				    .p = half,
				    .q = half,
				    .dp = half,
				    .dq = half,
				    .qinv = half };
}

static struct key_parts ec(struct bytes params, size_t field)
{
	return (struct key_parts) { .kind = KEY_EC,
				    .params = params,
				    .point = BYTES(point, 1 + 2 * field),
				    .value = BYTES(number, field) };
}

static struct key_parts raw(enum key_kind kind, struct bytes params, size_t n)
{
	return (struct key_parts) {
		.kind = kind, .params = params, .point = BYTES(number, n), .value = BYTES(number, n)
	};
}

static void assert_same(struct bytes a, struct bytes b)
{
	assert_int_equal(a.n, b.n);
	if (a.n)
		assert_memory_equal(a.p, b.p, a.n);
}

static void assert_same_parts(const struct key_parts *a, const struct key_parts *b)
{
	assert_int_equal(a->kind, b->kind);
	assert_same(a->n, b->n);
	assert_same(a->e, b->e);
	assert_same(a->d, b->d);
	assert_same(a->p, b->p);
	assert_same(a->q, b->q);
	assert_same(a->dp, b->dp);
	assert_same(a->dq, b->dq);
	assert_same(a->qinv, b->qinv);
	assert_same(a->params, b->params);
	assert_same(a->point, b->point);
	assert_same(a->value, b->value);
}

static void round_trip(struct key_parts parts, CK_ULONG bits)
{
	struct key_parts kept = parts; /* PKCS#8 of RFC 8410 in version 0 has no public half */

	SCOPED(secret) pkcs8 = { 0 };
	SCOPED(buf) spki = { 0 };
	struct key_parts back;

	assert_int_equal(keyder_write_pkcs8(&parts, &pkcs8), INRO_OK);
	assert_int_equal(keyder_read_pkcs8(secret_bytes(&pkcs8), &back), INRO_OK);
	if (kept.kind == KEY_EDWARDS || kept.kind == KEY_MONTGOMERY)
		kept.point = BYTES_NONE;
	assert_same_parts(&kept, &back);
	assert_int_equal(back.bits, bits);

	assert_int_equal(keyder_write_spki(&parts, &spki), INRO_OK);
	assert_int_equal(keyder_read_spki(buf_bytes(&spki), &back), INRO_OK);
	assert_int_equal(back.bits, bits);
	parts.d = parts.p = parts.q = parts.dp = parts.dq = parts.qinv = BYTES_NONE;
	parts.value = BYTES_NONE;
	assert_same_parts(&parts, &back);
}

static void test_round_trip(void **state)
{
	(void)state;
	round_trip(rsa(256), 2048);
	round_trip(rsa(384), 3072);
	round_trip(rsa(512), 4096);
	for (size_t i = 0; curve_at(i); i++) {
		const struct curve *c = curve_at(i);

		round_trip(c->kind == KEY_EC ? ec(c->params, c->field)
					     : raw(c->kind, c->params, c->field),
			   c->bits);
	}
}

static void test_numbers_may_have_leading_zeros(void **state)
{
	SCOPED(secret) pkcs8 = { 0 };
	SCOPED(buf) spki = { 0 };
	struct key_parts parts = rsa(256), back;
	uint8_t padded[260] = { 0 };

	(void)state;
	memcpy(padded + 4, modulus, 256);
	parts.n = BYTES(padded, sizeof padded);
	assert_int_equal(keyder_write_spki(&parts, &spki), INRO_OK);
	assert_int_equal(keyder_read_spki(buf_bytes(&spki), &back), INRO_OK);
	assert_int_equal(back.n.n, 256);
	assert_int_equal(keyder_write_pkcs8(&parts, &pkcs8), INRO_OK);
	assert_int_equal(keyder_read_pkcs8(secret_bytes(&pkcs8), &back), INRO_OK);
	assert_int_equal(back.bits, 2048);
}

static void test_short_ec_value_is_padded(void **state)
{
	SCOPED(secret) pkcs8 = { 0 };
	struct key_parts parts = ec(P521, 66), back;

	(void)state;
	parts.value = BYTES(number, 5);
	assert_int_equal(keyder_write_pkcs8(&parts, &pkcs8), INRO_OK);
	assert_int_equal(keyder_read_pkcs8(secret_bytes(&pkcs8), &back), INRO_OK);
	assert_int_equal(back.value.n, 66);
	assert_int_equal(back.value.p[60], 0);
	assert_memory_equal(back.value.p + 61, number, 5);
}

static void refuse(struct key_parts parts, enum inro_err public, enum inro_err private)
{
	SCOPED(secret) pkcs8 = { 0 };
	SCOPED(buf) spki = { 0 };

	assert_int_equal(keyder_write_spki(&parts, &spki), public);
	assert_int_equal(keyder_write_pkcs8(&parts, &pkcs8), private);
	assert_true(private == INRO_OK || pkcs8.p == NULL);
}

static void test_refused_parts(void **state)
{
	struct key_parts parts;

	(void)state;
	refuse(rsa(128), INRO_E_KEY_SIZE, INRO_E_KEY_SIZE);
	parts = rsa(512);
	parts.n = BYTES_NONE;
	refuse(parts, INRO_E_KEY_SIZE, INRO_E_TEMPLATE_INCOMPLETE);
	parts = rsa(256);
	parts.e = OCTETS("\x01\x00\x02");
	refuse(parts, INRO_E_ATTR_VALUE, INRO_E_ATTR_VALUE);
	parts.e = OCTETS("\x01");
	refuse(parts, INRO_E_ATTR_VALUE, INRO_E_ATTR_VALUE);
	parts.e = OCTETS("\x01\x01\x01\x01\x01\x01\x01\x01\x01");
	refuse(parts, INRO_E_ATTR_VALUE, INRO_E_ATTR_VALUE);
	parts = rsa(256);
	parts.qinv = BYTES_NONE;
	refuse(parts, INRO_OK, INRO_E_TEMPLATE_INCOMPLETE);

	refuse(ec(P192, 24), INRO_E_CURVE, INRO_E_CURVE);
	refuse(ec(ED25519, 32), INRO_E_CURVE, INRO_E_CURVE);
	refuse(ec(P256, 48), INRO_E_ATTR_VALUE, INRO_E_ATTR_VALUE);
	parts = ec(P256, 32);
	parts.point = BYTES_NONE;
	refuse(parts, INRO_E_TEMPLATE_INCOMPLETE, INRO_OK);
	parts = ec(P256, 32);
	parts.value = BYTES_NONE;
	refuse(parts, INRO_OK, INRO_E_ATTR_VALUE);
	refuse(raw(KEY_EDWARDS, X448, 56), INRO_E_CURVE, INRO_E_CURVE);
	refuse(raw(KEY_MONTGOMERY, X448, 32), INRO_E_ATTR_VALUE, INRO_E_ATTR_VALUE);
	parts = raw(KEY_EDWARDS, ED25519, 32);
	parts.value.n = 31;
	refuse(parts, INRO_OK, INRO_E_ATTR_VALUE);
	parts.value = parts.point = BYTES_NONE;
	refuse(parts, INRO_E_TEMPLATE_INCOMPLETE, INRO_E_TEMPLATE_INCOMPLETE);
	refuse((struct key_parts) { 0 }, INRO_E_KEY_TYPE, INRO_E_KEY_TYPE);
}

/* Every prefix and every extension of a good encoding is refused. */
static void cut(struct bytes der, enum inro_err (*read)(struct bytes, struct key_parts *))
{
	uint8_t longer[4096];
	struct key_parts parts;

	for (size_t n = 0; n < der.n; n++)
		assert_int_not_equal(read(BYTES(der.p, n), &parts), INRO_OK);
	memcpy(longer, der.p, der.n);
	longer[der.n] = 0;
	assert_int_not_equal(read(BYTES(longer, der.n + 1), &parts), INRO_OK);
	assert_int_equal(read(der, &parts), INRO_OK);
}

static void test_cut_short(void **state)
{
	const struct key_parts all[] = { rsa(256), ec(P384, 48), raw(KEY_EDWARDS, ED25519, 32) };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(all); i++) {
		SCOPED(secret) pkcs8 = { 0 };
		SCOPED(buf) spki = { 0 };

		assert_int_equal(keyder_write_pkcs8(&all[i], &pkcs8), INRO_OK);
		assert_int_equal(keyder_write_spki(&all[i], &spki), INRO_OK);
		cut(secret_bytes(&pkcs8), keyder_read_pkcs8);
		cut(buf_bytes(&spki), keyder_read_spki);
	}
}

/* RFC 8410 10.1 and 10.3: a public key, a private one, and one with attributes and public half. */
static const char rfc8410_public[] =
	"302a300506032b657003210019bf44096984cdfe8541bac167dc3b96c85086aa30b6b6cb0c5c38ad703166e1";
static const char rfc8410_private[] =
	"302e020100300506032b657004220420d4ee72dbf913584ad5b6d8f1f769f8ad3afe7c28cbf1d4fbe097a88f"
	"44755842";
static const char rfc8410_both[] =
	"3072020101300506032b657004220420d4ee72dbf913584ad5b6d8f1f769f8ad3afe7c28cbf1d4fbe097a88f"
	"44755842a01f301d060a2a864886f70d01090914310f0c0d437572646c6520436861697273812100"
	"19bf44096984cdfe8541bac167dc3b96c85086aa30b6b6cb0c5c38ad703166e1";

static struct bytes from_hex(const char *hex, uint8_t *out, size_t cap)
{
	size_t n = 0;

	assert_int_equal(hex_decode(bytes_of(hex), out, cap, &n), INRO_OK);
	return BYTES(out, n);
}

static void test_rfc8410(void **state)
{
	struct key_parts public, private, both;
	uint8_t a[64], b[64], c[128];
	struct bytes der = from_hex(rfc8410_both, c, sizeof c);

	(void)state;
	assert_int_equal(keyder_read_spki(from_hex(rfc8410_public, a, sizeof a), &public), INRO_OK);
	assert_int_equal(keyder_read_pkcs8(from_hex(rfc8410_private, b, sizeof b), &private),
			 INRO_OK);
	assert_int_equal(keyder_read_pkcs8(der, &both), INRO_OK);
	assert_int_equal(public.kind, KEY_EDWARDS);
	assert_same(public.params, ED25519);
	assert_same(private.value, both.value);
	assert_same(public.point, both.point);
	assert_int_equal(private.point.n, 0);
	c[der.n - 34]++; /* the public half's length of bits that do not count */
	assert_int_equal(keyder_read_pkcs8(der, &both), INRO_E_SYNTAX);
}

static void test_other_algorithms(void **state)
{
	/* id-dsa without parameters; Ed25519 with parameters */
	const struct bytes dsa = OCTETS("\x30\x0f\x30\x09\x06\x07\x2a\x86\x48\xce\x38\x04\x01"
					"\x03\x02\x00\x00");
	uint8_t der[64] = { 0 };
	struct key_parts parts;
	struct bytes ed = from_hex(rfc8410_public, der, sizeof der);

	(void)state;
	assert_int_equal(keyder_read_spki(dsa, &parts), INRO_E_UNSUPPORTED);
	memmove(der + 11, der + 9, ed.n - 9);
	der[1] += 2;
	der[3] += 2;
	der[9] = 5;
	der[10] = 0;
	assert_int_equal(keyder_read_spki(BYTES(der, ed.n + 2), &parts), INRO_E_SYNTAX);
}

static void test_point_attribute(void **state)
{
	SCOPED(buf) attribute = { 0 };
	struct bytes bare = BYTES(point, 65), back;

	(void)state;
	keyder_wrap_point(bare, &attribute);
	assert_int_equal(attribute.n, 67);
	assert_int_equal(keyder_unwrap_point(buf_bytes(&attribute), &back), INRO_OK);
	assert_same(back, bare);
	assert_int_equal(keyder_unwrap_point(bare, &back), INRO_OK);
	assert_same(back, bare);
	assert_int_equal(keyder_unwrap_point(BYTES(attribute.p, 66), &back), INRO_E_ATTR_VALUE);
	assert_int_equal(keyder_unwrap_point(BYTES_NONE, &back), INRO_E_ATTR_VALUE);
}

/* A point may come bare, as OCTET STRING or as BIT STRING, and of its own curve only. */
static void test_points_of_every_curve(void **state)
{
	(void)state;
	for (size_t i = 0; curve_at(i); i++) {
		const struct curve *c = curve_at(i);
		SCOPED(buf) octets = { 0 };
		SCOPED(buf) bits = { 0 };
		struct bytes bare = BYTES(point, c->point), back;

		keyder_wrap_point(bare, &octets);
		der_add_bits(&bits, bare);
		assert_int_equal(curve_point(c, bare, &back), INRO_OK);
		assert_int_equal(curve_point(c, buf_bytes(&octets), &back), INRO_OK);
		assert_same(back, bare);
		assert_int_equal(curve_point(c, buf_bytes(&bits), &back), INRO_OK);
		assert_same(back, bare);
		assert_int_equal(keyder_unwrap_point(buf_bytes(&octets), &back), INRO_OK);
		assert_same(back, bare);
		assert_int_equal(keyder_unwrap_point(bare, &back), INRO_OK);
		assert_same(back, bare);
		assert_int_equal(curve_point(c, BYTES(point, c->point - 1), &back),
				 INRO_E_ATTR_VALUE);
		assert_int_equal(curve_point(c, BYTES(octets.p, octets.n - 1), &back),
				 INRO_E_ATTR_VALUE);
	}
}

static struct bytes printable(const char *name, struct buf *b)
{
	buf_reset(b);
	der_add(b, DER_PRINTABLE_STRING, bytes_of(name));
	return buf_bytes(b);
}

static void test_names_of_curves(void **state)
{
	static const struct {
		const char *name;
		struct bytes params;
	} rows[] = {
		{ "secp256r1",
		  { (const uint8_t *)"\x06\x08\x2a\x86\x48\xce\x3d\x03\x01\x07", 10 } },
		{ "P-384", { (const uint8_t *)"\x06\x05\x2b\x81\x04\x00\x22", 7 } },
		{ "secp256k1", { (const uint8_t *)"\x06\x05\x2b\x81\x04\x00\x0a", 7 } },
		{ "brainpoolP512r1",
		  { (const uint8_t *)"\x06\x09\x2b\x24\x03\x03\x02\x08\x01\x01\x0d", 11 } },
		{ "edwards25519", { (const uint8_t *)"\x06\x03\x2b\x65\x70", 5 } },
		{ "Ed25519", { (const uint8_t *)"\x06\x03\x2b\x65\x70", 5 } },
		{ "edwards448", { (const uint8_t *)"\x06\x03\x2b\x65\x71", 5 } },
		{ "curve25519", { (const uint8_t *)"\x06\x03\x2b\x65\x6e", 5 } },
		{ "curve448", { (const uint8_t *)"\x06\x03\x2b\x65\x6f", 5 } },
	};
	const struct bytes gnu = OCTETS("\x06\x09\x2b\x06\x01\x04\x01\xda\x47\x0f\x01");
	SCOPED(buf) b = { 0 };
	struct bytes params;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		assert_int_equal(ecname_params(printable(rows[i].name, &b), &params), INRO_OK);
		assert_same(params, rows[i].params);
		assert_int_equal(ecname_params(rows[i].params, &params), INRO_OK);
		assert_same(params, rows[i].params);
	}
	assert_int_equal(ecname_params(gnu, &params), INRO_OK);
	assert_same(params, ED25519);
	/* as pkcs11-tool 0.23 sends it */
	assert_int_equal(ecname_params(OCTETS("\x13\x0b"
					      "curve25519"),
				       &params),
			 INRO_OK);
	assert_same(params, OCTETS("\x06\x03\x2b\x65\x6e"));
	assert_int_equal(ecname_params(printable("P-257", &b), &params), INRO_E_CURVE);
	assert_int_equal(ecname_params(printable("", &b), &params), INRO_E_CURVE);
}

static void test_curves(void **state)
{
	const struct bytes good[] = { P256, P384, P521 };
	const CK_ULONG bits[] = { 256, 384, 521 };
	const struct curve *curve;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(good); i++) {
		assert_int_equal(curve_find(good[i], &curve), INRO_OK);
		assert_int_equal(curve->bits, bits[i]);
		assert_int_equal(curve->field, (bits[i] + 7) / 8);
		assert_same(curve->params, good[i]);
	}
	assert_int_equal(curve_find(P224, &curve), INRO_OK);
	assert_int_equal(curve_find(P192, &curve), INRO_E_CURVE);
	assert_int_equal(curve_find(BYTES_NONE, &curve), INRO_E_CURVE);
	assert_int_equal(curve_find(OCTETS("\x30\x00"), &curve), INRO_E_CURVE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_round_trip),
		cmocka_unit_test(test_numbers_may_have_leading_zeros),
		cmocka_unit_test(test_short_ec_value_is_padded),
		cmocka_unit_test(test_refused_parts),
		cmocka_unit_test(test_cut_short),
		cmocka_unit_test(test_rfc8410),
		cmocka_unit_test(test_other_algorithms),
		cmocka_unit_test(test_point_attribute),
		cmocka_unit_test(test_points_of_every_curve),
		cmocka_unit_test(test_names_of_curves),
		cmocka_unit_test(test_curves),
	};

	return cmocka_run_group_tests(tests, fill, NULL);
}
