/* fuzz_tpm_evidence - evidence from anybody: nothing of it is believed without a root, and it is
 * written again as it was read. */
#include "tests/fuzz/fuzz.h"

#include "tpm/move/evidence.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	SCOPED(buf) again = { 0 };
	SCOPED(buf) challenge = { 0 };
	SCOPED(secret) secret = { 0 };
	SCOPED(evidence_found) found = { 0 };
	const struct evidence_check by = { .roots = "/nonexistent",
					   .nonce = BYTES("12345678", 8),
					   .ak_name = BYTES("name", 4),
					   .ek_name = BYTES("name", 4) };
	TPM2B_NAME ak, ek;
	struct evidence e;

	if (evidence_read(BYTES(data, size), &e) != INRO_OK)
		return 0;
	FUZZ_REQUIRE(evidence_write(&e, &again) == INRO_OK);
	FUZZ_REQUIRE(bytes_equal(buf_bytes(&again), BYTES(data, size)));
	if (evidence_names(&e, &ak, &ek) == INRO_OK)
		FUZZ_REQUIRE(ak.size <= sizeof ak.name && ek.size <= sizeof ek.name);
	FUZZ_REQUIRE(evidence_check(&e, &by, &found) != INRO_OK);
	FUZZ_REQUIRE(evidence_challenge(&e, &by, &secret, &challenge) != INRO_OK);
	return 0;
}
