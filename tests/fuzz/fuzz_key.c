/* fuzz_key - a key that is read is written the same; what libcrypto takes of it can be used; names
 * and points of curves. */
#include "tests/fuzz/fuzz.h"

#include "pkcs11/token/pkey.h"

static void same_spki(struct bytes in)
{
	SCOPED(buf) out = { 0 };
	struct key_parts parts;

	if (keyder_read_spki(in, &parts))
		return;
	FUZZ_REQUIRE(keyder_write_spki(&parts, &out) == INRO_OK);
	FUZZ_REQUIRE(bytes_equal(in, buf_bytes(&out)));
}

/* Attributes and the curve's second mention are not kept: the second writing is the fixed point. */
static void same_pkcs8(struct bytes in)
{
	SCOPED(secret) one = { 0 };
	SCOPED(secret) two = { 0 };
	struct key_parts parts;

	if (keyder_read_pkcs8(in, &parts))
		return;
	if (keyder_write_pkcs8(&parts, &one)) /* a zero among the numbers */
		return;
	FUZZ_REQUIRE(keyder_read_pkcs8(secret_bytes(&one), &parts) == INRO_OK);
	FUZZ_REQUIRE(keyder_write_pkcs8(&parts, &two) == INRO_OK);
	FUZZ_REQUIRE(bytes_equal(secret_bytes(&one), secret_bytes(&two)));
}

static const CK_MECHANISM_TYPE signs[KEY_KIND__MAX] = {
	[KEY_RSA] = CKM_SHA256_RSA_PKCS, [KEY_EC] = CKM_ECDSA_SHA256, [KEY_EDWARDS] = CKM_EDDSA,
	[KEY_ML_DSA] = CKM_ML_DSA,	 [KEY_SLH_DSA] = CKM_SLH_DSA,
};

static void verify_nonsense(struct pkey *key)
{
	static const uint8_t sig[49856] = { 1 }; /* SLH-DSA has the longest */
	const struct use_spec spec = { .mech = signs[pkey_kind(key)] };

	FUZZ_REQUIRE(pkey_sig_len(key) <= sizeof sig);
	FUZZ_REQUIRE(pkey_verify(key, &spec, bytes_of("x"), BYTES(sig, pkey_sig_len(key))) !=
		     INRO_OK);
}

/* Whatever the numbers are, every use ends. */
static void use_private(struct pkey *key, struct bytes in)
{
	const struct use_spec pkcs1 = { .mech = CKM_RSA_PKCS };
	SCOPED(secret) pkcs8 = { 0 };
	SCOPED(secret) z = { 0 };
	uint8_t out[PKEY_MAX_SIG];
	size_t n = 0;

	FUZZ_REQUIRE(pkey_pkcs8(key, &pkcs8) == INRO_OK);
	(void)!pkey_agree(key, in, &z);
	(void)!pkey_decapsulate(key, in, &z);
	if (pkey_kind(key) == KEY_RSA && in.n >= pkey_sig_len(key) &&
	    pkey_decrypt(key, &pkcs1, BYTES(in.p, pkey_sig_len(key)),
			 (struct room) { out, sizeof out }, &n) == INRO_OK)
		FUZZ_REQUIRE(n <= pkey_crypt_max(key, &pkcs1, USE_DECRYPT));
}

static void names_and_points(struct bytes in)
{
	const struct curve *curve;
	struct bytes point, params;

	if (keyder_unwrap_point(in, &point) == INRO_OK)
		FUZZ_REQUIRE(point.n <= in.n);
	for (size_t i = 0; (curve = curve_at(i)) != NULL; i++)
		if (curve_point(curve, in, &point) == INRO_OK)
			FUZZ_REQUIRE(point.n == curve->point);
	if (ecname_params(in, &params) == INRO_OK && curve_find(params, &curve) == INRO_OK)
		FUZZ_REQUIRE(bytes_equal(params, curve->params));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	AUTO(pkey_unref_ptr) struct pkey *public = NULL;
	AUTO(pkey_unref_ptr) struct pkey *private = NULL;
	struct bytes in = BYTES(data, size);

	same_spki(in);
	same_pkcs8(in);
	names_and_points(in);
	if (pkey_from_spki(in, &public) == INRO_OK)
		verify_nonsense(public);
	if (pkey_from_pkcs8(in, &private) == INRO_OK)
		use_private(private, in);
	return 0;
}
