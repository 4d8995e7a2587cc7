/* test_tpm_wire - each structure against libtss2-mu, and against whoever cuts or changes it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <tss2/tss2_mu.h>

#include "base/own.h"
#include "tpm/wire/wire.h"

#define ROOM 4096

/* ---- the structures ---- */

#define AES128_CFB                                                                                 \
	{                                                                                          \
		.algorithm = TPM2_ALG_AES, .keyBits.aes = 128, .mode.aes = TPM2_ALG_CFB            \
	}
#define NO_CIPHER                                                                                  \
	{                                                                                          \
		.algorithm = TPM2_ALG_NULL                                                         \
	}
#define POINT                                                                                      \
	{                                                                                          \
		.x = { 32, { 1, 2, 3 } }, .y = { 31, { 4, 5, 6 } }                                 \
	}

static const TPM2B_PUBLIC publics[] = {
	{ .publicArea = { .type = TPM2_ALG_RSA,
			  .nameAlg = TPM2_ALG_SHA256,
			  .objectAttributes = 0x00030472,
			  .authPolicy = { 32, { 9, 8, 7 } },
			  .parameters.rsaDetail = { .symmetric = AES128_CFB,
						    .scheme.scheme = TPM2_ALG_NULL,
						    .keyBits = 2048 },
			  .unique.rsa = { 256, { 0xc0, 1, 2 } } } },
	{ .publicArea = { .type = TPM2_ALG_RSA,
			  .nameAlg = TPM2_ALG_SHA1,
			  .parameters.rsaDetail = { .symmetric = NO_CIPHER,
						    .scheme = { TPM2_ALG_RSAPSS,
								{ .rsapss.hashAlg =
									  TPM2_ALG_SHA384 } },
						    .keyBits = 4096,
						    .exponent = 3 },
			  .unique.rsa = { 512, { 0xff } } } },
	{ .publicArea = { .type = TPM2_ALG_RSA,
			  .nameAlg = TPM2_ALG_SHA512,
			  .authPolicy = { 64, { 1 } },
			  .parameters.rsaDetail = { .symmetric = NO_CIPHER,
						    .scheme.scheme = TPM2_ALG_RSAES,
						    .keyBits = 1024 } } },
	{ .publicArea = { .type = TPM2_ALG_RSA,
			  .nameAlg = TPM2_ALG_NULL,
			  .parameters.rsaDetail = { .symmetric = NO_CIPHER,
						    .scheme = { TPM2_ALG_OAEP,
								{ .oaep.hashAlg =
									  TPM2_ALG_SHA256 } },
						    .keyBits = 2048 } } },
	{ .publicArea = { .type = TPM2_ALG_ECC,
			  .nameAlg = TPM2_ALG_SHA256,
			  .objectAttributes = 0xffffffff,
			  .parameters.eccDetail = { .symmetric = AES128_CFB,
						    .scheme.scheme = TPM2_ALG_NULL,
						    .curveID = TPM2_ECC_NIST_P256,
						    .kdf.scheme = TPM2_ALG_NULL },
			  .unique.ecc = POINT } },
	{ .publicArea = { .type = TPM2_ALG_ECC,
			  .nameAlg = TPM2_ALG_SHA256,
			  .parameters.eccDetail = { .symmetric = NO_CIPHER,
						    .scheme = { TPM2_ALG_ECDAA,
								{ .ecdaa = { TPM2_ALG_SHA256,
									     0x1234 } } },
						    .curveID = TPM2_ECC_BN_P256,
						    .kdf = { TPM2_ALG_KDF1_SP800_108,
							     { .kdf1_sp800_108.hashAlg =
								       TPM2_ALG_SHA1 } } },
			  .unique.ecc = { .x = { 128, { 1 } }, .y = { 128, { 2 } } } } },
	{ .publicArea = { .type = TPM2_ALG_KEYEDHASH,
			  .nameAlg = TPM2_ALG_SHA256,
			  .parameters.keyedHashDetail
				  .scheme = { TPM2_ALG_HMAC, { .hmac.hashAlg = TPM2_ALG_SHA256 } },
			  .unique.keyedHash = { 32, { 5 } } } },
	{ .publicArea = { .type = TPM2_ALG_KEYEDHASH,
			  .nameAlg = TPM2_ALG_SHA256,
			  .parameters.keyedHashDetail
				  .scheme = { TPM2_ALG_XOR,
					      { .exclusiveOr = { TPM2_ALG_SHA256,
								 TPM2_ALG_KDF1_SP800_108 } } } } },
	{ .publicArea = { .type = TPM2_ALG_KEYEDHASH,
			  .nameAlg = TPM2_ALG_SHA384,
			  .parameters.keyedHashDetail.scheme.scheme = TPM2_ALG_NULL } },
	{ .publicArea = { .type = TPM2_ALG_SYMCIPHER,
			  .nameAlg = TPM2_ALG_SHA256,
			  .parameters.symDetail.sym = { .algorithm = TPM2_ALG_AES,
							.keyBits.aes = 256,
							.mode.aes = TPM2_ALG_NULL },
			  .unique.sym = { 32, { 6 } } } },
};

static const TPMT_SENSITIVE sensitives[] = {
	{ TPM2_ALG_RSA, { 20, { 1 } }, { 0 }, { .rsa = { 256, { 3 } } } },
	{ TPM2_ALG_ECC, { 64, { 1 } }, { 64, { 2 } }, { .ecc = { 128, { 3 } } } },
	{ TPM2_ALG_KEYEDHASH, { 0 }, { 32, { 2 } }, { .bits = { 256, { 3 } } } },
	{ TPM2_ALG_SYMCIPHER, { 0 }, { 32, { 2 } }, { .sym = { 32, { 3 } } } },
};

static const TPM2B_ECC_POINT points[] = { { .point = POINT }, { .point = { { 0 }, { 0 } } } };

static const TPMT_SIGNATURE signatures[] = {
	{ TPM2_ALG_RSASSA, { .rsassa = { TPM2_ALG_SHA256, { 512, { 1 } } } } },
	{ TPM2_ALG_RSAPSS, { .rsapss = { TPM2_ALG_SHA1, { 256, { 1 } } } } },
	{ TPM2_ALG_ECDSA, { .ecdsa = { TPM2_ALG_SHA512, { 66, { 1 } }, { 128, { 2 } } } } },
	{ TPM2_ALG_HMAC, { .hmac = { TPM2_ALG_SHA384, { .sha384 = { 1, 2, 3 } } } } },
	{ TPM2_ALG_NULL, { { 0 } } },
};

static const TPML_PCR_SELECTION selections[] = {
	{ 0 },
	{ 2, { { TPM2_ALG_SHA1, 3, { 1, 2, 3 } }, { TPM2_ALG_SHA256, 4, { 0xff, 0, 0, 1 } } } },
};

static const TPM2B_NV_PUBLIC nvs[] = {
	{ .nvPublic = { 0x01804942, TPM2_ALG_SHA256, 0x22040080, { 32, { 7 } }, 8 } },
	{ .nvPublic = { 0x01c00002, TPM2_ALG_SHA1, 0xffffffff, { 0 }, 0xffff } },
};

static const TPMS_CAPABILITY_DATA capabilities[] = {
	{ TPM2_CAP_ALGS, { .algorithms = { 2, { { 1, 9 }, { 0x23, 0xffffffff } } } } },
	{ TPM2_CAP_HANDLES, { .handles = { 3, { 0x80000000, 0x81000001, 1 } } } },
	{ TPM2_CAP_COMMANDS, { .command = { 2, { 0x144, 0x200001 } } } },
	{ TPM2_CAP_PP_COMMANDS, { .ppCommands = { 1, { 0x144 } } } },
	{ TPM2_CAP_AUDIT_COMMANDS, { .auditCommands = { 1, { 0x145 } } } },
	{ TPM2_CAP_PCRS, { .assignedPCR = { 1, { { TPM2_ALG_SHA256, 3, { 255, 255, 255 } } } } } },
	{ TPM2_CAP_TPM_PROPERTIES, { .tpmProperties = { 2, { { 0x100, 1 }, { 0x101, 2 } } } } },
	{ TPM2_CAP_PCR_PROPERTIES, { .pcrProperties = { 1, { { 0, 3, { 1, 2, 3 } } } } } },
	{ TPM2_CAP_ECC_CURVES, { .eccCurves = { 3, { 3, 4, 5 } } } },
	{ TPM2_CAP_AUTH_POLICIES,
	  { .authPolicies = { 1, { { 0x40000001, { TPM2_ALG_SHA256, { .sha256 = { 3 } } } } } } } },
	{ TPM2_CAP_ACT, { .actData = { 1, { { 0x40000110, 60, 1 } } } } },
};

#define CLOCK                                                                                      \
	{                                                                                          \
		0x0102030405060708, 9, 10, 1                                                       \
	}

static const TPMS_ATTEST attests[] = {
	{ TPM2_GENERATED_VALUE,
	  TPM2_ST_ATTEST_CERTIFY,
	  { 34, { 0, 11, 1 } },
	  { 64, { 2 } },
	  CLOCK,
	  0x1122334455667788,
	  { .certify = { { 34, { 0, 11, 3 } }, { 66, { 0, 13, 4 } } } } },
	{ TPM2_GENERATED_VALUE,
	  TPM2_ST_ATTEST_CREATION,
	  { 0 },
	  { 0 },
	  CLOCK,
	  1,
	  { .creation = { { 34, { 0, 11, 3 } }, { 32, { 5 } } } } },
	{ TPM2_GENERATED_VALUE,
	  TPM2_ST_ATTEST_QUOTE,
	  { 4, { 1 } },
	  { 0 },
	  CLOCK,
	  1,
	  { .quote = { { 1, { { TPM2_ALG_SHA256, 3, { 1, 2, 3 } } } }, { 32, { 5 } } } } },
};

/* ---- one manner of writing and reading for all ---- */

struct shape {
	const char *name;
	const void *rows;
	size_t n, size; /* rows, bytes of one */
	TSS2_RC (*judge)(const void *x, uint8_t *out, size_t cap, size_t *at);
	void (*write)(struct buf *b, const void *x); /* NULL: we only read it */
	enum inro_err (*read)(struct bytes *in, void *ret);
};

#define JUDGE(type)                                                                                \
	static TSS2_RC judge_##type(const void *x, uint8_t *out, size_t cap, size_t *at)           \
	{                                                                                          \
		return Tss2_MU_##type##_Marshal((const type *)x, out, cap, at);                    \
	}
#define WRITE(type, call)                                                                          \
	static void write_##type(struct buf *b, const void *p)                                     \
	{                                                                                          \
		const type *x = p;                                                                 \
		call;                                                                              \
	}
#define READ(type, call)                                                                           \
	static enum inro_err read_##type(struct bytes *in, void *p)                                \
	{                                                                                          \
		type *x = p;                                                                       \
		return call;                                                                       \
	}
#define SHAPE(type, array, writer)                                                                 \
	{                                                                                          \
#type, array, ARRAY_LEN(array), sizeof *(array), judge_##type, writer, read_##type \
	}

JUDGE(TPM2B_PUBLIC)
JUDGE(TPM2B_ECC_POINT)
JUDGE(TPMT_SENSITIVE)
JUDGE(TPMT_SIGNATURE)
JUDGE(TPML_PCR_SELECTION)
JUDGE(TPM2B_NV_PUBLIC)
JUDGE(TPMS_CAPABILITY_DATA)
JUDGE(TPMS_ATTEST)

WRITE(TPM2B_PUBLIC, wire_add_public(b, x))
READ(TPM2B_PUBLIC, wire_read_public(in, x))
WRITE(TPM2B_ECC_POINT, wire_add_point(b, &x->point))
READ(TPM2B_ECC_POINT, wire_read_point(in, &x->point))
WRITE(TPMT_SIGNATURE, wire_add_signature(b, x))
READ(TPMT_SIGNATURE, wire_read_signature(in, x))
WRITE(TPML_PCR_SELECTION, wire_add_pcr_selection(b, x))
READ(TPML_PCR_SELECTION, wire_read_pcr_selection(in, x))
WRITE(TPM2B_NV_PUBLIC, wire_add_nv_public(b, &x->nvPublic))
READ(TPM2B_NV_PUBLIC, wire_read_nv_public(in, &x->nvPublic))
READ(TPMS_CAPABILITY_DATA, wire_read_capability(in, x))
READ(TPMS_ATTEST, wire_read_attest(in, x))

static void write_TPMT_SENSITIVE(struct buf *b, const void *p)
{
	const TPMT_SENSITIVE *x = p;
	struct wire_sensitive s = { .type = x->sensitiveType,
				    .auth = BYTES(x->authValue.buffer, x->authValue.size),
				    .seed = BYTES(x->seedValue.buffer, x->seedValue.size),
				    .value =
					    BYTES(x->sensitive.any.buffer, x->sensitive.any.size) };

	wire_add_sensitive_area(b, &s);
}

static void put(struct bytes from, UINT16 *size, BYTE *to)
{
	*size = (UINT16)from.n;
	if (from.n)
		memcpy(to, from.p, from.n);
}

static enum inro_err read_TPMT_SENSITIVE(struct bytes *in, void *p)
{
	TPMT_SENSITIVE *x = p;
	struct wire_sensitive s;
	enum inro_err e = wire_read_sensitive_area(in, &s);

	if (e)
		return e;
	x->sensitiveType = s.type;
	put(s.auth, &x->authValue.size, x->authValue.buffer);
	put(s.seed, &x->seedValue.size, x->seedValue.buffer);
	put(s.value, &x->sensitive.any.size, x->sensitive.any.buffer);
	return INRO_OK;
}

static const struct shape shapes[] = {
	SHAPE(TPM2B_PUBLIC, publics, write_TPM2B_PUBLIC),
	SHAPE(TPMT_SENSITIVE, sensitives, write_TPMT_SENSITIVE),
	SHAPE(TPM2B_ECC_POINT, points, write_TPM2B_ECC_POINT),
	SHAPE(TPMT_SIGNATURE, signatures, write_TPMT_SIGNATURE),
	SHAPE(TPML_PCR_SELECTION, selections, write_TPML_PCR_SELECTION),
	SHAPE(TPM2B_NV_PUBLIC, nvs, write_TPM2B_NV_PUBLIC),
	SHAPE(TPMS_CAPABILITY_DATA, capabilities, NULL),
	SHAPE(TPMS_ATTEST, attests, NULL),
};

static struct bytes judged(const struct shape *s, const void *x, uint8_t *room)
{
	size_t n = 0;

	if (s->judge(x, room, ROOM, &n) != TSS2_RC_SUCCESS)
		fail_msg("libtss2-mu does not write this %s", s->name);
	return BYTES(room, n);
}

static void same(struct bytes a, struct bytes b)
{
	assert_int_equal(a.n, b.n);
	assert_memory_equal(a.p, b.p, a.n);
}

static union {
	TPM2B_PUBLIC public;
	TPMT_SENSITIVE sensitive;
	TPMS_CAPABILITY_DATA capability;
	TPMS_ATTEST attest;
	TPMT_SIGNATURE signature;
	TPML_PCR_SELECTION selection;
	uint8_t octets[1];
} out;

static enum inro_err read_into_out(const struct shape *s, struct bytes *in)
{
	memset(&out, 0, sizeof out);
	return s->read(in, &out);
}

typedef void check(const struct shape *s, struct bytes written);

static void each(check *run)
{
	static uint8_t room[ROOM];

	for (size_t i = 0; i < ARRAY_LEN(shapes); i++)
		for (size_t k = 0; k < shapes[i].n; k++) {
			const uint8_t *row = shapes[i].rows;

			run(&shapes[i], judged(&shapes[i], row + k * shapes[i].size, room));
		}
}

static void test_write(void **state)
{
	uint8_t room[ROOM];

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(shapes); i++)
		for (size_t k = 0; shapes[i].write && k < shapes[i].n; k++) {
			const void *x = (const uint8_t *)shapes[i].rows + k * shapes[i].size;
			SCOPED(buf) b = { 0 };

			shapes[i].write(&b, x);
			assert_int_equal(buf_err(&b), INRO_OK);
			same(buf_bytes(&b), judged(&shapes[i], x, room));
		}
}

static void reads_back(const struct shape *s, struct bytes written)
{
	static uint8_t more[ROOM + 3], room[ROOM];
	struct bytes in;

	memcpy(more, written.p, written.n);
	memset(more + written.n, 0xee, 3);
	in = BYTES(more, written.n + 3);
	assert_int_equal(read_into_out(s, &in), INRO_OK);
	same(in, BYTES("\xee\xee\xee", 3));
	assert_int_equal(wire_end(in), INRO_E_SYNTAX);
	same(written, judged(s, &out, room));
}

static void test_read(void **state)
{
	(void)state;
	each(reads_back);
}

static void nothing_taken(const struct shape *s, struct bytes in)
{
	struct bytes left = in;
	static uint8_t untouched[sizeof out];

	memset(untouched, 0xa5, sizeof untouched);
	memset(&out, 0xa5, sizeof out);
	assert_int_equal(s->read(&left, &out), INRO_E_SYNTAX);
	assert_ptr_equal(left.p, in.p);
	assert_int_equal(left.n, in.n);
	assert_memory_equal(&out, untouched, sizeof out);
}

static void is_cut(const struct shape *s, struct bytes written)
{
	for (size_t n = 0; n < written.n; n++)
		nothing_taken(s, BYTES(written.p, n));
}

static void test_truncated(void **state)
{
	(void)state;
	each(is_cut);
}

/* What can be read all the same is what its bytes say. */
static void is_changed_at(const struct shape *s, uint8_t *p, size_t n, size_t at)
{
	static const uint8_t flips[] = { 0x01, 0x10, 0x80, 0xff };

	for (size_t i = 0; i < ARRAY_LEN(flips); i++) {
		SCOPED(buf) b = { 0 };
		struct bytes in = BYTES(p, n);

		p[at] ^= flips[i];
		if (read_into_out(s, &in)) {
			nothing_taken(s, BYTES(p, n));
		} else if (s->write) {
			s->write(&b, &out);
			assert_int_equal(buf_err(&b), INRO_OK);
			same(buf_bytes(&b), BYTES(p, n - in.n));
		}
		p[at] ^= flips[i];
	}
}

static void is_changed(const struct shape *s, struct bytes written)
{
	static uint8_t copy[ROOM];

	memcpy(copy, written.p, written.n);
	for (size_t at = 0; at < written.n && at < 160; at++)
		is_changed_at(s, copy, written.n, at);
}

static void test_changed(void **state)
{
	(void)state;
	each(is_changed);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_write),
		cmocka_unit_test(test_read),
		cmocka_unit_test(test_truncated),
		cmocka_unit_test(test_changed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
