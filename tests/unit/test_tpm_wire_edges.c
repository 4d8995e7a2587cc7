/* test_tpm_wire_edges - what is only written, against libtss2-mu; sizes at and beyond their bounds.
 */
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

static void same(struct bytes a, struct bytes b)
{
	assert_int_equal(a.n, b.n);
	assert_memory_equal(a.p, b.p, a.n);
}

/* ---- what is only written ---- */

static void written_like(const struct buf *b, TSS2_RC rc, const uint8_t *room, const size_t *n)
{
	assert_int_equal(rc, TSS2_RC_SUCCESS);
	assert_int_equal(buf_err(b), INRO_OK);
	same(buf_bytes(b), BYTES(room, *n));
}

static void test_sensitive_create(void **state)
{
	static const TPM2B_SENSITIVE_CREATE x = { .sensitive = { .userAuth = { 32, { 1 } },
								 .data = { 200, { 2 } } } };
	SCOPED(buf) b = { .secret = true };
	uint8_t room[ROOM];
	size_t n = 0;

	(void)state;
	wire_add_sensitive_create(&b, BYTES(x.sensitive.userAuth.buffer, 32),
				  BYTES(x.sensitive.data.buffer, 200));
	written_like(&b, Tss2_MU_TPM2B_SENSITIVE_CREATE_Marshal(&x, room, ROOM, &n), room, &n);
}

static void test_sig_scheme(void **state)
{
	static const TPMT_SIG_SCHEME schemes[] = {
		{ .scheme = TPM2_ALG_NULL },
		{ TPM2_ALG_RSASSA, { .rsassa.hashAlg = TPM2_ALG_SHA256 } },
		{ TPM2_ALG_RSAPSS, { .rsapss.hashAlg = TPM2_ALG_SHA384 } },
		{ TPM2_ALG_ECDSA, { .ecdsa.hashAlg = TPM2_ALG_SHA512 } },
		{ TPM2_ALG_ECDAA, { .ecdaa = { TPM2_ALG_SHA256, 7 } } },
		{ TPM2_ALG_HMAC, { .hmac.hashAlg = TPM2_ALG_SHA1 } },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(schemes); i++) {
		SCOPED(buf) b = { 0 };
		uint8_t room[ROOM];
		size_t n = 0;

		wire_add_sig_scheme(&b, &schemes[i]);
		written_like(&b, Tss2_MU_TPMT_SIG_SCHEME_Marshal(&schemes[i], room, ROOM, &n), room,
			     &n);
	}
}

static void test_rsa_decrypt(void **state)
{
	static const TPMT_RSA_DECRYPT schemes[] = {
		{ .scheme = TPM2_ALG_NULL },
		{ .scheme = TPM2_ALG_RSAES },
		{ TPM2_ALG_OAEP, { .oaep.hashAlg = TPM2_ALG_SHA1 } },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(schemes); i++) {
		SCOPED(buf) b = { 0 };
		uint8_t room[ROOM];
		size_t n = 0;

		wire_add_rsa_decrypt(&b, &schemes[i]);
		written_like(&b, Tss2_MU_TPMT_RSA_DECRYPT_Marshal(&schemes[i], room, ROOM, &n),
			     room, &n);
	}
}

static void test_sym_def(void **state)
{
	static const TPMT_SYM_DEF defs[] = {
		{ .algorithm = TPM2_ALG_NULL },
		{ TPM2_ALG_AES, { .aes = 128 }, { .aes = TPM2_ALG_CFB } },
		{ TPM2_ALG_XOR, { .exclusiveOr = TPM2_ALG_SHA256 }, { 0 } },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(defs); i++) {
		SCOPED(buf) b = { 0 };
		uint8_t room[ROOM];
		size_t n = 0;

		wire_add_sym_def(&b, &defs[i]);
		written_like(&b, Tss2_MU_TPMT_SYM_DEF_Marshal(&defs[i], room, ROOM, &n), room, &n);
	}
}

static void test_digest_list(void **state)
{
	static const TPML_DIGEST x = { 3, { { 32, { 1 } }, { 0, { 0 } }, { 64, { 2 } } } };
	SCOPED(buf) b = { 0 };
	uint8_t room[ROOM];
	size_t n = 0;

	(void)state;
	wire_add_digest_list(&b, &x);
	written_like(&b, Tss2_MU_TPML_DIGEST_Marshal(&x, room, ROOM, &n), room, &n);
}

static void test_null_hashcheck(void **state)
{
	static const TPMT_TK_HASHCHECK x = { TPM2_ST_HASHCHECK, TPM2_RH_NULL, { 0 } };
	SCOPED(buf) b = { 0 };
	uint8_t room[ROOM];
	size_t n = 0;

	(void)state;
	wire_add_null_hashcheck(&b);
	written_like(&b, Tss2_MU_TPMT_TK_HASHCHECK_Marshal(&x, room, ROOM, &n), room, &n);
}

/* ---- numbers and sized buffers ---- */

static void test_2b(void **state)
{
	static uint8_t large[0x10000];
	SCOPED(buf) b = { 0 };
	struct bytes in, x;
	uint16_t n = 7;

	(void)state;
	wire_add_2b(&b, BYTES("abc", 3));
	in = buf_bytes(&b);
	same(in, BYTES("\0\3abc", 5));
	assert_int_equal(wire_read_2b(&in, 2, &x), INRO_E_SYNTAX);
	assert_int_equal(in.n, 5);
	assert_int_equal(wire_read_2b(&in, 3, &x), INRO_OK);
	same(x, BYTES("abc", 3));
	assert_int_equal(wire_end(in), INRO_OK);
	assert_int_equal(wire_read_u16(&in, &n), INRO_E_SYNTAX);
	assert_int_equal(n, 7);
	wire_add_2b(&b, BYTES(large, sizeof large));
	assert_int_equal(buf_err(&b), INRO_E_TOO_BIG);
}

static void test_begin_end(void **state)
{
	static uint8_t large[0x10000];
	SCOPED(buf) b = { 0 };
	size_t outer, inner;

	(void)state;
	outer = wire_begin_2b(&b);
	inner = wire_begin_2b(&b);
	buf_add_u8(&b, 9);
	wire_end_2b(&b, inner);
	wire_end_2b(&b, outer);
	same(buf_bytes(&b), BYTES("\0\3\0\1\11", 5));
	outer = wire_begin_2b(&b);
	buf_add(&b, BYTES(large, sizeof large));
	wire_end_2b(&b, outer);
	assert_int_equal(buf_err(&b), INRO_E_TOO_BIG);
	wire_end_2b(&b, outer); /* a failed one is left as it is */
	assert_int_equal(buf_err(&b), INRO_E_TOO_BIG);
}

/* ---- bounds ---- */

/* Reads into a structure that nobody looks at: whether it stays untouched, test_tpm_wire.c asks. */
#define READ(name, type, call)                                                                     \
	static enum inro_err read_##name(struct bytes *in)                                         \
	{                                                                                          \
		type x;                                                                            \
		return call(in, &x);                                                               \
	}

READ(selection, TPML_PCR_SELECTION, wire_read_pcr_selection)
READ(point, TPMS_ECC_POINT, wire_read_point)
READ(signature, TPMT_SIGNATURE, wire_read_signature)
READ(nv, TPMS_NV_PUBLIC, wire_read_nv_public)
READ(sensitive, struct wire_sensitive, wire_read_sensitive_area)
READ(capability, TPMS_CAPABILITY_DATA, wire_read_capability)
READ(public, TPM2B_PUBLIC, wire_read_public)
READ(area, TPMT_PUBLIC, wire_read_public_area)
READ(attest, TPMS_ATTEST, wire_read_attest)

static void wrong(enum inro_err (*read)(struct bytes *in), const char *hex)
{
	static uint8_t room[ROOM];
	struct bytes in = BYTES(room, sizeof room);
	size_t n;

	memset(room, 0, sizeof room); /* enough would follow */
	assert_int_equal(hex_decode(bytes_of(hex), room, sizeof room, &n), INRO_OK);
	if (read(&in) != INRO_E_SYNTAX)
		fail_msg("%s was read", hex);
	assert_int_equal(in.n, sizeof room);
}

static void test_bounds(void **state)
{
	static const struct {
		enum inro_err (*read)(struct bytes *in);
		const char *hex;
	} cases[] = {
		{ read_selection, "00000011" },		     /* 17 banks */
		{ read_selection, "00000001000b05" },	     /* 40 PCRs */
		{ read_selection, "00000001001003" },	     /* no hash */
		{ read_selection, "00000001777703" },	     /* an unknown one */
		{ read_point, "00850081" },		     /* x of 129 bytes */
		{ read_point, "0005000000000000" },	     /* a byte behind y */
		{ read_signature, "0014000b0201" },	     /* 513 bytes of RSA */
		{ read_signature, "00140010" },		     /* hash null */
		{ read_signature, "0006000b" },		     /* AES signs nothing */
		{ read_nv, "004f01800001000b000000000041" }, /* a policy of 65 bytes */
		{ read_nv, "000e018000010010000000000000000000" },
		{ read_sensitive, "00010041" }, /* auth of 65 bytes */
		{ read_sensitive, "000100000000"
				  "0101" }, /* a prime of 257 bytes */
		{ read_sensitive, "002500000000"
				  "0021" },		 /* AES of 33 bytes */
		{ read_sensitive, "0006" },		 /* no type of an object */
		{ read_capability, "00000001000000ff" }, /* 255 handles */
		{ read_capability, "0000000200000101" }, /* 257 commands */
		{ read_capability, "00000100" },	 /* of a vendor */
		{ read_public, "0000" },		 /* nothing within */
		{ read_area, "0006000b00000000" },	 /* no type of an object */
		{ read_area, "0001000b000000000041" },	 /* a policy of 65 bytes */
		{ read_area, "0001777700000000" },	 /* an unknown name algorithm */
		{ read_area, "0001000b00000000"
			     "00000008" }, /* no cipher */
		{ read_area, "0001000b00000000"
			     "0000"
			     "000600800001" }, /* no mode */
		{ read_area, "0001000b00000000"
			     "0000"
			     "0010"
			     "0018000b" }, /* ECDSA, RSA */
		{ read_area, "0023000b00000000"
			     "0000"
			     "0010"
			     "0014000b" }, /* RSASSA, ECC */
		{ read_attest, "ff544348"
			       "8017" },
		{ read_attest, "ff544347"
			       "8019" }, /* a time */
		{ read_attest, "ff544347"
			       "8017"
			       "0045" }, /* a name of 69 bytes */
		{ read_attest, "ff544347"
			       "8017"
			       "00000000"
			       "0000000000000000"
			       "0000000000000000"
			       "02" }, /* neither yes nor no */
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		wrong(cases[i].read, cases[i].hex);
}

/* ---- what can't be written ---- */

static void not_written(const struct buf *b)
{
	assert_int_equal(buf_err(b), INRO_E_ARG);
}

static void test_unwritable(void **state)
{
	TPM2B_PUBLIC public = { .publicArea = { .type = TPM2_ALG_RSA,
						.parameters.rsaDetail = {
							.symmetric.algorithm = TPM2_ALG_NULL,
							.scheme.scheme = TPM2_ALG_NULL } } };
	TPML_PCR_SELECTION selection = { 0 };
	TPMT_SIGNATURE sig = { .sigAlg = TPM2_ALG_HMAC };
	SCOPED(buf) a = { 0 };
	SCOPED(buf) b = { 0 };
	SCOPED(buf) c = { 0 };
	SCOPED(buf) d = { 0 };
	SCOPED(buf) e = { 0 };
	SCOPED(buf) f = { 0 };
	SCOPED(buf) g = { 0 };

	(void)state;
	public.publicArea.unique.rsa.size = 513;
	wire_add_public(&a, &public);
	not_written(&a);
	public.publicArea.type = TPM2_ALG_AES;
	wire_add_public(&b, &public);
	not_written(&b);
	selection.count = 17;
	wire_add_pcr_selection(&c, &selection);
	not_written(&c);
	selection.count = 1;
	selection.pcrSelections[0].sizeofSelect = 5;
	wire_add_pcr_selection(&d, &selection);
	not_written(&d);
	wire_add_digest_list(&e, &(TPML_DIGEST) { .count = 9 });
	not_written(&e);
	sig.signature.hmac.hashAlg = TPM2_ALG_AES;
	wire_add_signature(&f, &sig);
	not_written(&f);
	wire_add_rsa_decrypt(&g, &(TPMT_RSA_DECRYPT) { .scheme = TPM2_ALG_RSASSA });
	not_written(&g);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_sensitive_create),
		cmocka_unit_test(test_sig_scheme),
		cmocka_unit_test(test_rsa_decrypt),
		cmocka_unit_test(test_sym_def),
		cmocka_unit_test(test_digest_list),
		cmocka_unit_test(test_null_hashcheck),
		cmocka_unit_test(test_2b),
		cmocka_unit_test(test_begin_end),
		cmocka_unit_test(test_bounds),
		cmocka_unit_test(test_unwritable),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
