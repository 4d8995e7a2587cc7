/* pkey: every curve, Edwards signatures, key agreement; published vectors and what is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "base/der.h"
#include "pkcs11/token/pkey.h"

#define OCTETS(s) BYTES(s, sizeof(s) - 1)
#define ROOM	  256

struct hex {
	uint8_t p[ROOM];
	size_t n;
};

static struct bytes unhex(const char *text, struct hex *room)
{
	room->n = 0;
	if (*text)
		assert_int_equal(hex_decode(bytes_of(text), room->p, ROOM, &room->n), INRO_OK);
	return BYTES(room->p, room->n);
}

static const struct curve *named(const char *name)
{
	for (size_t i = 0; curve_at(i); i++)
		if (strcmp(curve_at(i)->name, name) == 0)
			return curve_at(i);
	fail_msg("no curve %s", name);
	return NULL;
}

static struct pkey *from_value(const char *curve, const char *value)
{
	SCOPED(secret) pkcs8 = { 0 };
	struct hex room;
	struct key_parts parts = { .kind = named(curve)->kind,
				   .params = named(curve)->params,
				   .value = unhex(value, &room) };
	struct pkey *k = NULL;

	assert_int_equal(keyder_write_pkcs8(&parts, &pkcs8), INRO_OK);
	assert_int_equal(pkey_from_pkcs8(secret_bytes(&pkcs8), &k), INRO_OK);
	assert_int_equal(pkey_check(k), INRO_OK);
	return k;
}

/* Borrows from *spki. */
static struct bytes point_of(const struct pkey *k, struct buf *spki)
{
	struct key_parts parts;

	assert_int_equal(pkey_spki(k, spki), INRO_OK);
	assert_int_equal(keyder_read_spki(buf_bytes(spki), &parts), INRO_OK);
	return parts.point;
}

static enum inro_err from_point(const char *curve, struct bytes point, struct pkey **ret)
{
	SCOPED(buf) spki = { 0 };
	struct key_parts parts = { .kind = named(curve)->kind,
				   .params = named(curve)->params,
				   .point = point };
	enum inro_err e = keyder_write_spki(&parts, &spki);

	return e ? e : pkey_from_spki(buf_bytes(&spki), ret);
}

/* ---- the curves themselves: the value 1 has the base point as its point ---- */

static const struct {
	const char *curve, *x;
} bases[] = {
	{ "P-256", "6b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c296" },
	{ "P-224", "b70e0cbd6bb4bf7f321390b94a03c1d356c21122343280d6115c1d21" },
	{ "secp256k1", "79be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798" },
	{ "brainpoolP224r1", "0d9029ad2c7e5cf4340823b2a87dc68c9e4ce3174c1e6efdee12c07d" },
	{ "brainpoolP256r1", "8bd2aeb9cb7e57cb2c4b482ffc81b7afb9de27e1e3bd23c23a4453bd9ace3262" },
	{ "brainpoolP320r1",
	  "43bd7e9afb53d8b85289bcc48ee5bfe6f20137d10a087eb6e7871e2a10a599c710af8d0d39e20611" },
	{ "brainpoolP384r1", "1d1c64f068cf45ffa2a63a81b7c13f6b8847a3e77ef14fe3db7fcafe0cbd10e8e826e"
			     "03436d646aaef87b2e247d4af1e" },
	{ "brainpoolP512r1", "81aee4bdd82ed9645a21322e9c4c6a9385ed9f70b5d916c1b43b62eef4d0098eff3b1"
			     "f78e2d0d48d50d1687b93b97d5f7c6d5047406a5e688b352209bcb9f822" },
};

static void test_base_points(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bases); i++) {
		AUTO(pkey_unref_ptr) struct pkey *one = from_value(bases[i].curve, "01");
		SCOPED(buf) spki = { 0 };
		struct hex room;
		struct bytes x = unhex(bases[i].x, &room), point = point_of(one, &spki);

		assert_int_equal(point.n, 1 + 2 * x.n);
		assert_memory_equal(point.p + 1, x.p, x.n);
	}
}

/* ---- every curve: made, written, read, used ---- */

static void there_and_back(struct pkey *k, const struct curve *c)
{
	AUTO(pkey_unref_ptr) struct pkey *again = NULL;
	AUTO(pkey_unref_ptr) struct pkey *public = NULL;
	SCOPED(secret) one = { 0 };
	SCOPED(secret) two = { 0 };
	SCOPED(buf) spki = { 0 };

	assert_int_equal(pkey_kind(k), c->kind);
	assert_int_equal(pkey_bits(k), c->bits);
	assert_int_equal(pkey_sig_len(k), c->sig);
	assert_int_equal(pkey_check(k), INRO_OK);
	assert_int_equal(pkey_pkcs8(k, &one), INRO_OK);
	assert_int_equal(pkey_from_pkcs8(secret_bytes(&one), &again), INRO_OK);
	assert_int_equal(pkey_pkcs8(again, &two), INRO_OK);
	assert_true(secret_equal(secret_bytes(&one), secret_bytes(&two)));
	assert_int_equal(pkey_spki(k, &spki), INRO_OK);
	assert_int_equal(pkey_from_spki(buf_bytes(&spki), &public), INRO_OK);
	assert_int_equal(pkey_check(public), INRO_OK);
	assert_int_equal(pkey_pkcs8(public, &two), INRO_E_KEY_TYPE);
}

static void sign_and_verify(struct pkey *k)
{
	const struct use_spec spec = { .mech = pkey_kind(k) == KEY_EDWARDS ? CKM_EDDSA
									   : CKM_ECDSA_SHA3_256 };
	uint8_t sig[PKEY_MAX_SIG];
	size_t n = 0;

	for (int i = 0; i < 3; i++) { /* from the pool from the second on */
		assert_int_equal(pkey_sign(k, &spec, OCTETS("m"), sig, sizeof sig, &n), INRO_OK);
		assert_int_equal(n, pkey_sig_len(k));
		assert_int_equal(pkey_verify(k, &spec, OCTETS("m"), BYTES(sig, n)), INRO_OK);
		assert_int_equal(pkey_verify(k, &spec, OCTETS("n"), BYTES(sig, n)),
				 INRO_E_SIGNATURE);
	}
	assert_int_equal(pkey_verify(k, &spec, OCTETS("m"), BYTES(sig, n - 1)),
			 INRO_E_SIGNATURE_LENGTH);
	assert_int_equal(pkey_sign(k, &spec, OCTETS("m"), sig, n - 1, &n), INRO_E_TOO_SMALL);
	assert_int_equal(n, pkey_sig_len(k));
	sig[n / 2] ^= 1;
	assert_int_equal(pkey_verify(k, &spec, OCTETS("m"), BYTES(sig, n)), INRO_E_SIGNATURE);
}

static void agree_both_ways(struct pkey *a, struct pkey *b, const struct curve *c)
{
	SCOPED(secret) one = { 0 };
	SCOPED(secret) two = { 0 };
	SCOPED(buf) spki_a = { 0 };
	SCOPED(buf) spki_b = { 0 };
	SCOPED(buf) wrapped = { 0 };

	keyder_wrap_point(point_of(a, &spki_a), &wrapped);
	assert_int_equal(pkey_agree(a, point_of(b, &spki_b), &one), INRO_OK);
	assert_int_equal(pkey_agree(b, buf_bytes(&wrapped), &two), INRO_OK);
	assert_int_equal(one.n, c->field);
	assert_true(secret_equal(secret_bytes(&one), secret_bytes(&two)));
}

static void test_every_curve(void **state)
{
	(void)state;
	for (size_t i = 0; curve_at(i); i++) {
		const struct curve *c = curve_at(i);
		const struct key_spec spec = { .kind = c->kind, .params = c->params };
		AUTO(pkey_unref_ptr) struct pkey *a = NULL;
		AUTO(pkey_unref_ptr) struct pkey *b = NULL;

		assert_true(pkey_kind_offered(c->kind));
		assert_int_equal(pkey_generate(&spec, &a), INRO_OK);
		assert_int_equal(pkey_generate(&spec, &b), INRO_OK);
		there_and_back(a, c);
		if (c->sig)
			sign_and_verify(a);
		if (c->kind != KEY_EDWARDS)
			agree_both_ways(a, b, c);
	}
}

static void test_kinds_do_not_mix(void **state)
{
	AUTO(pkey_unref_ptr) struct pkey *ed = NULL;
	AUTO(pkey_unref_ptr) struct pkey *x = NULL;
	const struct key_spec ed_spec = { .kind = KEY_EDWARDS, .params = named("ED25519")->params };
	const struct key_spec x_spec = { .kind = KEY_MONTGOMERY, .params = named("X448")->params };
	const struct key_spec wrong[] = {
		{ .kind = KEY_EC, .params = ed_spec.params },
		{ .kind = KEY_EDWARDS, .params = x_spec.params },
		{ .kind = KEY_MONTGOMERY, .params = named("P-256")->params },
		{ .kind = KEY_EDWARDS },
	};
	const struct use_spec eddsa = { .mech = CKM_EDDSA }, ecdsa = { .mech = CKM_ECDSA };
	SCOPED(secret) z = { 0 };
	uint8_t sig[PKEY_MAX_SIG];
	struct pkey *none = NULL;
	size_t n;

	(void)state;
	assert_int_equal(pkey_generate(&ed_spec, &ed), INRO_OK);
	assert_int_equal(pkey_generate(&x_spec, &x), INRO_OK);
	assert_int_equal(pkey_sign(x, &eddsa, OCTETS("m"), sig, sizeof sig, &n), INRO_E_KEY_TYPE);
	assert_int_equal(pkey_sign(ed, &ecdsa, OCTETS("m"), sig, sizeof sig, &n), INRO_E_KEY_TYPE);
	assert_int_equal(pkey_agree(ed, OCTETS("m"), &z), INRO_E_KEY_TYPE);
	for (size_t i = 0; i < ARRAY_LEN(wrong); i++)
		assert_int_equal(pkey_generate(&wrong[i], &none), INRO_E_CURVE);
	assert_false(pkey_kind_offered(KEY_SECRET));
	assert_false(pkey_kind_offered(KEY_NONE));
	assert_null(none);
}

/* ---- EdDSA: RFC 8032 7.1 to 7.5 ---- */

static const struct {
	const char *curve, *value, *point, *message, *context;
	bool prehash, has_context;
	const char *signature;
} eddsas[] = {
	{ .curve = "ED25519",
	  .value = "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
	  .point = "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
	  .message = "",
	  .context = "",
	  .signature =
		  "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a3"
		  "3bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b" },
	{ .curve = "ED25519",
	  .value = "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
	  .point = "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
	  .message = "72",
	  .context = "",
	  .signature =
		  "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15"
		  "996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00" },
	{ .curve = "ED448",
	  .value =
		  "6c82a562cb808d10d632be89c8513ebf6c929f34ddfa8c9f63c9960ef6e348a3528c8a3fcc2f044e"
		  "39a3fc5b94492f8f032e7549a20098f95b",
	  .point =
		  "5fd7449b59b461fd2ce787ec616ad46a1da1342485a70e1f8a0ea75d80e96778edf124769b46c706"
		  "1bd6783df1e50f6cd1fa1abeafe8256180",
	  .message = "",
	  .context = "",
	  .signature =
		  "533a37f6bbe457251f023c0d88f976ae2dfb504a843e34d2074fd823d41a591f2b233f034f62"
		  "8281f2fd7a22ddd47d7828c59bd0a21bfd3980ff0d2028d4b18a9df63e006c5d1c2d345b925d"
		  "8dc00b4104852db99ac5c7cdda8530a113a0f4dbb61149f05a7363268c71d95808ff2e652600" },
	{ .curve = "ED25519",
	  .value = "0305334e381af78f141cb666f6199f57bc3495335a256a95bd2a55bf546663f6",
	  .point = "dfc9425e4f968f7f0c29f0259cf5f9aed6851c2bb4ad8bfb860cfee0ab248292",
	  .message = "f726936d19c800494e3fdaff20b276a8",
	  .context = "666f6f",
	  .has_context = true,
	  .signature =
		  "55a4cc2f70a54e04288c5f4cd1e45a7bb520b36292911876cada7323198dd87a8b36950b9513"
		  "0022907a7fb7c4e9b2d5f6cca685a587b4b21f4b888e4e7edb0d" },
	{ .curve = "ED25519",
	  .value = "833fe62409237b9d62ec77587520911e9a759cec1d19755b7da901b96dca3d42",
	  .point = "ec172b93ad5e563bf4932c70e1245034c35467ef2efd4d64ebf819683467e2bf",
	  .message = "616263",
	  .context = "",
	  .prehash = true,
	  .signature = "98a70222f0b8121aa9d30f813d683f809e462b469c7ff87639499bb94e6dae4131f850424"
		       "63c2a355a2003d062adf5aaa10b8c61e636062aaad11c2a26083406" },
};

/* What this libcrypto does not do is refused, never done as something else. */
static void test_rfc8032(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(eddsas); i++) {
		AUTO(pkey_unref_ptr) struct pkey *k = from_value(eddsas[i].curve, eddsas[i].value);
		SCOPED(buf) spki = { 0 };
		struct hex point, message, context, signature;
		struct bytes m = unhex(eddsas[i].message, &message),
			     want = unhex(eddsas[i].signature, &signature);
		const struct use_spec spec = { .mech = CKM_EDDSA,
					       .prehash = eddsas[i].prehash,
					       .has_context = eddsas[i].has_context,
					       .ad = unhex(eddsas[i].context, &context) };
		bool plain = !spec.prehash && !spec.has_context;
		uint8_t sig[PKEY_MAX_SIG];
		size_t n = 0;
		enum inro_err e = pkey_sign(k, &spec, m, sig, sizeof sig, &n);

		assert_true(bytes_equal(point_of(k, &spki), unhex(eddsas[i].point, &point)));
		if (!plain && e == INRO_E_MECHANISM_PARAM) {
			assert_int_equal(pkey_verify(k, &spec, m, want), INRO_E_MECHANISM_PARAM);
			continue;
		}
		assert_int_equal(e, INRO_OK);
		assert_int_equal(n, want.n);
		assert_memory_equal(sig, want.p, n);
		assert_int_equal(pkey_verify(k, &spec, m, want), INRO_OK);
	}
}

static void test_long_messages_and_contexts(void **state)
{
	static const uint8_t message[1 << 17] = { 1, 2, 3 };
	AUTO(pkey_unref_ptr) struct pkey *k = from_value("ED25519", eddsas[0].value);
	struct use_spec spec = { .mech = CKM_EDDSA };
	uint8_t sig[64];
	size_t n;

	(void)state;
	assert_int_equal(pkey_sign(k, &spec, BYTES(message, sizeof message), sig, 64, &n), INRO_OK);
	assert_int_equal(pkey_verify(k, &spec, BYTES(message, sizeof message), BYTES(sig, 64)),
			 INRO_OK);
	assert_int_equal(pkey_verify(k, &spec, BYTES(message, sizeof message - 1), BYTES(sig, 64)),
			 INRO_E_SIGNATURE);
	spec.ad = BYTES(message, 256);
	assert_int_equal(pkey_sign(k, &spec, OCTETS("m"), sig, 64, &n), INRO_E_MECHANISM_PARAM);
}

/* Ed25519 points that are none, or of small order: y not below p, no x for this y, 0, 1, -1, the
 * two of order 8, and each with the other sign. */
static void test_bad_edwards_points(void **state)
{
	static const char *const bad[] = {
		"edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
		"ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
		"0200000000000000000000000000000000000000000000000000000000000000",
		"0000000000000000000000000000000000000000000000000000000000000000",
		"0100000000000000000000000000000000000000000000000000000000000000",
		"ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
		"26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
		"c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
	};
	struct pkey *none = NULL;
	struct hex room;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		struct bytes point = unhex(bad[i], &room);

		assert_int_equal(from_point("ED25519", point, &none), INRO_E_ATTR_VALUE);
		room.p[31] ^= 0x80;
		assert_int_equal(from_point("ED25519", point, &none), INRO_E_ATTR_VALUE);
	}
	memset(room.p, 0, 57);
	assert_int_equal(from_point("ED448", BYTES(room.p, 57), &none), INRO_E_ATTR_VALUE);
	room.p[0] = 1;
	assert_int_equal(from_point("ED448", BYTES(room.p, 57), &none), INRO_E_ATTR_VALUE);
	room.p[56] = 1; /* over 448 bits */
	assert_int_equal(from_point("ED448", BYTES(room.p, 57), &none), INRO_E_ATTR_VALUE);
	assert_null(none);
}

/* RFC 5958's public half that is not the private one's. */
static void test_public_half_that_is_anothers(void **state)
{
	SCOPED(buf) der = { .secret = true };
	struct pkey *none = NULL;
	struct hex value, point;
	struct bytes v = unhex(eddsas[0].value, &value), p = unhex(eddsas[1].point, &point);
	size_t seq = der_begin(&der, DER_SEQUENCE), part;

	(void)state;
	der_add_int(&der, 1);
	part = der_begin(&der, DER_SEQUENCE);
	buf_add(&der, named("ED25519")->params);
	der_end(&der, part);
	part = der_begin(&der, DER_OCTET_STRING);
	der_add(&der, DER_OCTET_STRING, v);
	der_end(&der, part);
	part = der_begin(&der, DER_CONTEXT | 1);
	buf_add_u8(&der, 0);
	buf_add(&der, p);
	der_end(&der, part);
	der_end(&der, seq);
	assert_int_equal(pkey_from_pkcs8(buf_bytes(&der), &none), INRO_E_ATTR_VALUE);
	assert_null(none);
}

/* ---- agreement: RFC 7748 6.1, 6.2; CAVP ECC CDH for P-256 ---- */

static const struct {
	const char *curve, *value, *peer, *shared;
} agreements[] = {
	{ "X25519", "5dab087e624a8a4b79e17f8b83800ee66f3bb1292618b6fd1c2f8b27ff88e0eb",
	  "8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a",
	  "4a5d9d5ba4ce2de1728e3bf480350f25e07e21c947d19e3376f09b3c1e161742" },
	{ "X448",
	  "1c306a7ac2a0e2e0990b294470cba339e6453772b075811d8fad0d1d6927c120bb5ee8972b0d3e21374c9c92"
	  "1b09d1b0366f10b65173992d",
	  "9b08f7cc31b7e3e67d22d5aea121074a273bd2b83de09c63faa73d2c22c5d9bbc836647241d953d40c5b12da"
	  "88120d53177f80e532c41fa0",
	  "07fff4181ac6cc95ec1c16a94a0f74d12da232ce40a77552281d282bb60c0b56fd2464c335543936521c2440"
	  "3085d59a449a5037514a879d" },
	{ "P-256", "7d7dc5f71eb29ddaf80d6214632eeae03d9058af1fb6d22ed80badb62bc1a534",
	  "04700c48f77f56584c5cc632ca65640db91b6bacce3a4df6b42ce7cc838833d287db71e509e3fd9b060ddb20"
	  "ba5c51dcc5948d46fbf640dfe0441782cab85fa4ac",
	  "46fc62106420ff012e54a434fbdd2d25ccc5852060561e68040dd7778997bd7b" },
};

static void test_agreements(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(agreements); i++) {
		AUTO(pkey_unref_ptr)
		struct pkey *k = from_value(agreements[i].curve, agreements[i].value);
		struct hex peer, shared;
		struct bytes want = unhex(agreements[i].shared, &shared);

		for (int round = 0; round < 3; round++) {
			SCOPED(secret) z = { 0 };

			assert_int_equal(pkey_agree(k, unhex(agreements[i].peer, &peer), &z),
					 INRO_OK);
			assert_true(secret_equal(secret_bytes(&z), want));
		}
	}
}

static void test_bad_peers(void **state)
{
	/* X25519: of small order, 0, 1, one of order 8, p - 1, p, p + 1; all with the top bit too
	 */
	static const char *const small[] = {
		"0000000000000000000000000000000000000000000000000000000000000000",
		"0100000000000000000000000000000000000000000000000000000000000000",
		"e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
		"5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
		"ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
		"edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
		"eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
	};
	AUTO(pkey_unref_ptr) struct pkey *x = from_value("X25519", agreements[0].value);
	AUTO(pkey_unref_ptr) struct pkey *p = from_value("P-256", agreements[2].value);
	AUTO(pkey_unref_ptr) struct pkey *k1 = from_value("secp256k1", "05");
	AUTO(pkey_unref_ptr) struct pkey *x448 = from_value("X448", agreements[1].value);
	SCOPED(buf) other_group = { 0 };
	SCOPED(secret) z = { 0 };
	struct hex room;
	struct bytes peer;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(small); i++) {
		assert_int_equal(pkey_agree(x, unhex(small[i], &room), &z), INRO_E_PUBLIC_KEY);
		room.p[31] ^= 0x80;
		assert_int_equal(pkey_agree(x, BYTES(room.p, 32), &z), INRO_E_PUBLIC_KEY);
	}
	memset(room.p, 0, 56);
	assert_int_equal(pkey_agree(x448, BYTES(room.p, 56), &z), INRO_E_PUBLIC_KEY);
	assert_int_equal(pkey_agree(x, BYTES(room.p, 31), &z), INRO_E_PUBLIC_KEY);
	/* P-256: off the curve, at infinity, compressed, of another group, cut, trailing */
	peer = unhex(agreements[2].peer, &room);
	room.p[64] ^= 1;
	assert_int_equal(pkey_agree(p, peer, &z), INRO_E_PUBLIC_KEY);
	room.p[64] ^= 1;
	assert_int_equal(pkey_agree(p, BYTES(room.p, 64), &z), INRO_E_PUBLIC_KEY);
	assert_int_equal(pkey_agree(p, BYTES(room.p, 66), &z), INRO_E_PUBLIC_KEY);
	assert_int_equal(pkey_agree(p, OCTETS("\0"), &z), INRO_E_PUBLIC_KEY);
	assert_int_equal(pkey_agree(p, OCTETS("\x04\x01\0"), &z), INRO_E_PUBLIC_KEY);
	assert_int_equal(pkey_agree(p, BYTES_NONE, &z), INRO_E_PUBLIC_KEY);
	room.p[0] = 2;
	assert_int_equal(pkey_agree(p, BYTES(room.p, 33), &z), INRO_E_PUBLIC_KEY);
	assert_int_equal(pkey_agree(p, point_of(k1, &other_group), &z), INRO_E_PUBLIC_KEY);
	memset(room.p + 1, 0, 64);
	room.p[0] = 4;
	assert_int_equal(pkey_agree(p, BYTES(room.p, 65), &z), INRO_E_PUBLIC_KEY);
	assert_null(z.p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_base_points),
		cmocka_unit_test(test_every_curve),
		cmocka_unit_test(test_kinds_do_not_mix),
		cmocka_unit_test(test_rfc8032),
		cmocka_unit_test(test_long_messages_and_contexts),
		cmocka_unit_test(test_bad_edwards_points),
		cmocka_unit_test(test_public_half_that_is_anothers),
		cmocka_unit_test(test_agreements),
		cmocka_unit_test(test_bad_peers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
