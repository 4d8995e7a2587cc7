/* fuzz_key - a key that is read is written the same; what libcrypto takes of it can be used. */
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

static void verify_nonsense(struct pkey *key)
{
	static const uint8_t sig[PKEY_MAX_SIG] = { 1 };
	const struct use_spec spec = { .mech = pkey_kind(key) == KEY_EC ? CKM_ECDSA_SHA256
									: CKM_SHA256_RSA_PKCS };

	FUZZ_REQUIRE(pkey_sig_len(key) <= sizeof sig);
	FUZZ_REQUIRE(pkey_verify(key, &spec, bytes_of("x"), BYTES(sig, pkey_sig_len(key))) !=
		     INRO_OK);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	AUTO(pkey_unref_ptr) struct pkey *public = NULL;
	AUTO(pkey_unref_ptr) struct pkey *private = NULL;
	SCOPED(secret) pkcs8 = { 0 };
	struct bytes in = BYTES(data, size), point;

	same_spki(in);
	same_pkcs8(in);
	if (keyder_unwrap_point(in, &point) == INRO_OK)
		FUZZ_REQUIRE(point.n <= size);
	if (pkey_from_spki(in, &public) == INRO_OK)
		verify_nonsense(public);
	if (pkey_from_pkcs8(in, &private) == INRO_OK)
		FUZZ_REQUIRE(pkey_pkcs8(private, &pkcs8) == INRO_OK);
	return 0;
}
