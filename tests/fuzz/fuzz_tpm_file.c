/* fuzz_tpm_file - TSS2 key files: what is read is written again as it was, and read as the same. */
#include "tests/fuzz/fuzz.h"

#include "tpm/move/tpmfile.h"

static bool same(const struct tpmfile *a, const struct tpmfile *b)
{
	return a->type == b->type && a->empty_auth == b->empty_auth && a->parent == b->parent &&
	       bytes_equal(a->pub, b->pub) && bytes_equal(a->priv, b->priv) &&
	       bytes_equal(a->secret, b->secret);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	SCOPED(buf) der = { 0 };
	SCOPED(buf) again = { 0 };
	SCOPED(buf) pem = { 0 };
	SCOPED(buf) der_again = { 0 };
	struct tpmfile k, second;

	if (tpmfile_read_any(BYTES(data, size), &der, &k) != INRO_OK)
		return 0;
	FUZZ_REQUIRE(tpmfile_write(&k, &again) == INRO_OK);
	FUZZ_REQUIRE(tpmfile_read(buf_bytes(&again), &second) == INRO_OK && same(&k, &second));
	FUZZ_REQUIRE(tpmfile_pem(buf_bytes(&again), &pem) == INRO_OK);
	FUZZ_REQUIRE(tpmfile_read_any(buf_bytes(&pem), &der_again, &second) == INRO_OK);
	FUZZ_REQUIRE(bytes_equal(buf_bytes(&der_again), buf_bytes(&again)));
	return 0;
}
