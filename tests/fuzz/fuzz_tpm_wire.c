/* fuzz_tpm_wire - every reader on the same bytes, as a TPM with ill will might answer them: what is
 * read is written the same, what is refused leaves everything as it was. */
#include "tests/fuzz/fuzz.h"

#include <string.h>

#include "base/own.h"
#include "tpm/wire/policy.h"
#include "tpm/wire/rc.h"

#define UNTOUCHED 0xa5

static void same(struct buf *again, struct bytes in, struct bytes rest)
{
	FUZZ_REQUIRE(buf_err(again) == INRO_OK);
	FUZZ_REQUIRE(bytes_equal(buf_bytes(again), BYTES(in.p, in.n - rest.n)));
}

static void nothing_taken(struct bytes in, struct bytes rest, const void *x, size_t n)
{
	const uint8_t *p = x;

	FUZZ_REQUIRE(rest.p == in.p && rest.n == in.n);
	for (size_t i = 0; i < n; i++)
		FUZZ_REQUIRE(p[i] == UNTOUCHED);
}

/* One reader; the writer that belongs to it, if there is one; what else is done with what was read.
 */
#define TRY(name, type, read, write, use)                                                          \
	static void try_##name(struct bytes in)                                                    \
	{                                                                                          \
		SCOPED(buf) again = { 0 };                                                         \
		struct bytes rest = in;                                                            \
		type x;                                                                            \
                                                                                                   \
		memset(&x, UNTOUCHED, sizeof x);                                                   \
		if (read(&rest, &x)) {                                                             \
			nothing_taken(in, rest, &x, sizeof x);                                     \
			return;                                                                    \
		}                                                                                  \
		write(&again, &x);                                                                 \
		same(&again, in, rest);                                                            \
		use(&x);                                                                           \
	}

/* What has no writer is judged by its reader alone. */
#define TRY_READ(name, type, read)                                                                 \
	static void try_##name(struct bytes in)                                                    \
	{                                                                                          \
		struct bytes rest = in;                                                            \
		type x;                                                                            \
                                                                                                   \
		memset(&x, UNTOUCHED, sizeof x);                                                   \
		if (read(&rest, &x))                                                               \
			nothing_taken(in, rest, &x, sizeof x);                                     \
		else                                                                               \
			FUZZ_REQUIRE(rest.n < in.n);                                               \
	}

static void no_use(const void *x)
{
	(void)x;
}

/* Whatever the numbers are, libcrypto takes them or does not. */
static void use_public(const TPMT_PUBLIC *pub)
{
	SCOPED(buf) spki = { 0 };
	TPMT_PUBLIC again;
	TPM2B_NAME name;
	enum inro_err e;

	if (crypt_name(pub, &name) == INRO_OK)
		FUZZ_REQUIRE(name.size == 2 + crypt_hash_size(pub->nameAlg));
	if (crypt_spki(pub, &spki))
		return;
	e = crypt_public_of_spki(buf_bytes(&spki), &again);
	FUZZ_REQUIRE(e == INRO_OK || pub->type == TPM2_ALG_RSA);
}

static void use_signature(const TPMT_SIGNATURE *sig)
{
	static const TPMT_PUBLIC nobody = { .type = TPM2_ALG_ECC };

	FUZZ_REQUIRE(crypt_verify(&nobody, bytes_of("x"), sig) != INRO_OK);
}

TRY(public, TPM2B_PUBLIC, wire_read_public, wire_add_public, no_use)
TRY(area, TPMT_PUBLIC, wire_read_public_area, wire_add_public_area, use_public)
TRY(sensitive, struct wire_sensitive, wire_read_sensitive_area, wire_add_sensitive_area, no_use)
TRY(point, TPMS_ECC_POINT, wire_read_point, wire_add_point, no_use)
TRY(signature, TPMT_SIGNATURE, wire_read_signature, wire_add_signature, use_signature)
TRY(selection, TPML_PCR_SELECTION, wire_read_pcr_selection, wire_add_pcr_selection, no_use)
TRY(nv, TPMS_NV_PUBLIC, wire_read_nv_public, wire_add_nv_public, no_use)
TRY_READ(capability, TPMS_CAPABILITY_DATA, wire_read_capability)
TRY_READ(attest, TPMS_ATTEST, wire_read_attest)
TRY_READ(number, uint16_t, wire_read_u16)

static void try_2b(struct bytes in)
{
	SCOPED(buf) again = { 0 };
	struct bytes rest = in, x;

	if (wire_read_2b(&rest, 32, &x))
		return;
	FUZZ_REQUIRE(x.n <= 32);
	wire_add_2b(&again, x);
	same(&again, in, rest);
}

static void try_pcrs(struct bytes in)
{
	SCOPED(buf) written = { 0 };
	TPML_PCR_SELECTION x;

	if (policy_read_pcrs(in, &x))
		return;
	FUZZ_REQUIRE(x.count >= 1 && x.count <= 4);
	wire_add_pcr_selection(&written, &x);
	FUZZ_REQUIRE(buf_err(&written) == INRO_OK);
}

static void try_rc(struct bytes in)
{
	char text[64];
	uint32_t rc;

	if (read_u32(&in, &rc))
		return;
	rc_text(rc, text, sizeof text);
	FUZZ_REQUIRE(memchr(text, 0, sizeof text) != NULL);
	FUZZ_REQUIRE((rc_err(rc) == INRO_OK) == (rc == 0));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static void (*const tries[])(struct bytes) = {
		try_public,    try_area, try_sensitive,	 try_point,  try_signature,
		try_selection, try_nv,	 try_capability, try_attest, try_number,
		try_2b,	       try_pcrs, try_rc,
	};

	for (size_t i = 0; i < ARRAY_LEN(tries); i++)
		tries[i](BYTES(data, size));
	return 0;
}
