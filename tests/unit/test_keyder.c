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
	SCOPED(secret) pkcs8 = { 0 };
	SCOPED(buf) spki = { 0 };
	struct key_parts back;

	assert_int_equal(keyder_write_pkcs8(&parts, &pkcs8), INRO_OK);
	assert_int_equal(keyder_read_pkcs8(secret_bytes(&pkcs8), &back), INRO_OK);
	assert_same_parts(&parts, &back);
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
	round_trip(ec(P256, 32), 256);
	round_trip(ec(P384, 48), 384);
	round_trip(ec(P521, 66), 521);
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

	refuse(ec(P224, 28), INRO_E_CURVE, INRO_E_CURVE);
	refuse(ec(P256, 48), INRO_E_ATTR_VALUE, INRO_E_ATTR_VALUE);
	parts = ec(P256, 32);
	parts.point = BYTES_NONE;
	refuse(parts, INRO_E_TEMPLATE_INCOMPLETE, INRO_OK);
	parts = ec(P256, 32);
	parts.value = BYTES_NONE;
	refuse(parts, INRO_OK, INRO_E_ATTR_VALUE);
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
	const struct key_parts all[] = { rsa(256), ec(P384, 48) };

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

static void test_other_algorithms(void **state)
{
	/* an Ed25519 public key (RFC 8410 10.1) and id-dsa without parameters */
	static const uint8_t ed25519[] = { 0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70,
					   0x03, 0x21, 0x00, 0x19, 0xbf, 0x44, 0x09, 0x69, 0x84,
					   0xcd, 0xfe, 0x85, 0x41, 0xba, 0xc1, 0x67, 0xdc, 0x3b,
					   0x96, 0xc8, 0x50, 0x86, 0xaa, 0x30, 0xb6, 0xb6, 0xcb,
					   0x0c, 0x5c, 0x38, 0xad, 0x70, 0x31, 0x66, 0xe1 };
	struct key_parts parts;

	(void)state;
	assert_int_equal(keyder_read_spki(BYTES(ed25519, sizeof ed25519), &parts),
			 INRO_E_UNSUPPORTED);
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
	assert_int_equal(curve_find(P224, &curve), INRO_E_CURVE);
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
		cmocka_unit_test(test_other_algorithms),
		cmocka_unit_test(test_point_attribute),
		cmocka_unit_test(test_curves),
	};

	return cmocka_run_group_tests(tests, fill, NULL);
}
