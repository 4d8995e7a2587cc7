/* fuzz_tpm_evidence - evidence from anybody: nothing of it is believed without a root, and it is
 * written again as it was read. */
#include "tests/fuzz/fuzz.h"

#include <string.h>

#include "tpm/move/evidence.h"

/* Making one takes a millisecond: not again for the two keys that it was made for last. */
static bool is_new(const struct evidence *e)
{
	static uint8_t last[1024];
	static size_t last_n;
	SCOPED(buf) keys = { 0 };

	buf_add_field(&keys, e->ek);
	buf_add_field(&keys, e->ak);
	if (buf_err(&keys) || keys.n > sizeof last)
		return false;
	if (bytes_equal(buf_bytes(&keys), BYTES(last, last_n)))
		return false;
	memcpy(last, keys.p, keys.n);
	last_n = keys.n;
	return true;
}

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
	struct evidence_check known = by;
	SCOPED(buf) spki = { 0 };
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
	/* a challenge is for whoever it says it is; a word about a key is not believed by that */
	known.known_ek = true;
	FUZZ_REQUIRE(evidence_check(&e, &known, &found) != INRO_OK);
	if (is_new(&e) && evidence_ek(&e, &spki) == INRO_OK &&
	    evidence_challenge(&e, &known, &secret, &challenge) == INRO_OK)
		FUZZ_REQUIRE(secret.n == 32 && challenge.n > secret.n);
	return 0;
}
