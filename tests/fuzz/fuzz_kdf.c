/* fuzz_kdf - the flattened fields of SP 800-108 and the parameters of every derivation: an answer
 * of the size that was asked for, or an error. */
#include "tests/fuzz/fuzz.h"

#include "pkcs11/token/kdf.h"

static const CK_MECHANISM_TYPE digests[] = { CKM_SHA256, CKM_SHA_1, CKM_AES_CMAC, CKM_SHA3_512 };

static void derive(const struct use_spec *spec, struct bytes base, size_t n)
{
	SCOPED(secret) out = { 0 };
	size_t fixed = 0, max = 0;

	if (kdf_size(spec, base, base, &fixed, &max))
		return;
	FUZZ_REQUIRE(fixed <= max);
	if (secret_new(fixed ? fixed : n, &out))
		return;
	if (kdf_derive(spec, base, base, &out) == INRO_OK)
		FUZZ_REQUIRE(out.n <= max);
}

/* Which, with what hash, how much; then a length and the fields, then the rest. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const CK_MECHANISM_TYPE *all = kdf_mechanisms();
	struct bytes in = BYTES(data, size), label;
	uint8_t which, digest, n, label_n;
	size_t count = 0;

	if (read_u8(&in, &which) || read_u8(&in, &digest) || read_u8(&in, &n) ||
	    read_u8(&in, &label_n) || read_bytes(&in, label_n, &label))
		return 0;
	while (all[count] != CK_UNAVAILABLE_INFORMATION)
		count++;
	derive(&(const struct use_spec) { .mech = all[which % count],
					  .digest = digests[digest % ARRAY_LEN(digests)],
					  .rounds = 3,
					  .kdf = digest % 4U,
					  .label = label,
					  .iv = label,
					  .ad = in },
	       in, n);
	return 0;
}
