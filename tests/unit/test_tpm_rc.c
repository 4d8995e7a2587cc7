/* test_tpm_rc - the tables of response codes walked, and codes as TPMs and transports answer them.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <tss2/tss2_tpm2_types.h>

#include "base/own.h"
#include "tpm/wire/rc.h"
#include "tpm/wire/rc_table.h"

#define TEXT 256

static void walk(const struct rc_rows *t)
{
	assert_true(t->n > 0);
	for (size_t i = 0; i < t->n; i++) {
		const struct rc_row *r = &t->rows[i];

		assert_true(i == 0 || t->rows[i - 1].code < r->code);
		assert_true(r->err >= 0 && r->err < INRO_E__MAX);
		assert_true(strlen(r->name) > 0 && strlen(r->text) > 0);
		assert_true(strlen(r->name) + strlen(r->text) < TEXT - 32);
		for (size_t k = 0; k < i; k++)
			assert_string_not_equal(t->rows[k].text, r->text);
	}
}

static void test_sorted(void **state)
{
	(void)state;
	walk(&rc_tpm);
	walk(&rc_base);
	walk(&rc_layer);
}

static bool in_table(uint32_t code)
{
	for (size_t i = 0; i < rc_tpm.n; i++)
		if (rc_tpm.rows[i].code == code)
			return true;
	return false;
}

/* Part 2, 6.6.3: each name of the header once more, so that none is forgotten. */
static void test_whole(void **state)
{
	static const uint32_t codes[] = {
		TPM2_RC_SUCCESS,
		TPM2_RC_BAD_TAG,
		TPM2_RC_INITIALIZE,
		TPM2_RC_FAILURE,
		TPM2_RC_SEQUENCE,
		TPM2_RC_PRIVATE,
		TPM2_RC_HMAC,
		TPM2_RC_DISABLED,
		TPM2_RC_EXCLUSIVE,
		TPM2_RC_AUTH_TYPE,
		TPM2_RC_AUTH_MISSING,
		TPM2_RC_POLICY,
		TPM2_RC_PCR,
		TPM2_RC_PCR_CHANGED,
		TPM2_RC_UPGRADE,
		TPM2_RC_TOO_MANY_CONTEXTS,
		TPM2_RC_AUTH_UNAVAILABLE,
		TPM2_RC_REBOOT,
		TPM2_RC_UNBALANCED,
		TPM2_RC_COMMAND_SIZE,
		TPM2_RC_COMMAND_CODE,
		TPM2_RC_AUTHSIZE,
		TPM2_RC_AUTH_CONTEXT,
		TPM2_RC_NV_RANGE,
		TPM2_RC_NV_SIZE,
		TPM2_RC_NV_LOCKED,
		TPM2_RC_NV_AUTHORIZATION,
		TPM2_RC_NV_UNINITIALIZED,
		TPM2_RC_NV_SPACE,
		TPM2_RC_NV_DEFINED,
		TPM2_RC_BAD_CONTEXT,
		TPM2_RC_CPHASH,
		TPM2_RC_PARENT,
		TPM2_RC_NEEDS_TEST,
		TPM2_RC_NO_RESULT,
		TPM2_RC_SENSITIVE,
		TPM2_RC_ASYMMETRIC,
		TPM2_RC_ATTRIBUTES,
		TPM2_RC_HASH,
		TPM2_RC_VALUE,
		TPM2_RC_HIERARCHY,
		TPM2_RC_KEY_SIZE,
		TPM2_RC_MGF,
		TPM2_RC_MODE,
		TPM2_RC_TYPE,
		TPM2_RC_HANDLE,
		TPM2_RC_KDF,
		TPM2_RC_RANGE,
		TPM2_RC_AUTH_FAIL,
		TPM2_RC_NONCE,
		TPM2_RC_PP,
		TPM2_RC_SCHEME,
		TPM2_RC_SIZE,
		TPM2_RC_SYMMETRIC,
		TPM2_RC_TAG,
		TPM2_RC_SELECTOR,
		TPM2_RC_INSUFFICIENT,
		TPM2_RC_SIGNATURE,
		TPM2_RC_KEY,
		TPM2_RC_POLICY_FAIL,
		TPM2_RC_INTEGRITY,
		TPM2_RC_TICKET,
		TPM2_RC_RESERVED_BITS,
		TPM2_RC_BAD_AUTH,
		TPM2_RC_EXPIRED,
		TPM2_RC_POLICY_CC,
		TPM2_RC_BINDING,
		TPM2_RC_CURVE,
		TPM2_RC_ECC_POINT,
		TPM2_RC_CONTEXT_GAP,
		TPM2_RC_OBJECT_MEMORY,
		TPM2_RC_SESSION_MEMORY,
		TPM2_RC_MEMORY,
		TPM2_RC_SESSION_HANDLES,
		TPM2_RC_OBJECT_HANDLES,
		TPM2_RC_LOCALITY,
		TPM2_RC_YIELDED,
		TPM2_RC_CANCELED,
		TPM2_RC_TESTING,
		TPM2_RC_REFERENCE_H0,
		TPM2_RC_REFERENCE_S0,
		TPM2_RC_NV_RATE,
		TPM2_RC_LOCKOUT,
		TPM2_RC_RETRY,
		TPM2_RC_NV_UNAVAILABLE,
		TPM2_RC_NOT_USED,
	};

	(void)state;
	assert_int_equal(rc_tpm.n, ARRAY_LEN(codes));
	for (size_t i = 0; i < ARRAY_LEN(codes); i++)
		assert_true(in_table(codes[i]));
	/* the base codes have no gap up to the last that a layer below us may answer */
	for (uint32_t i = 1; i <= TSS2_BASE_RC_RSP_AUTH_FAILED; i++)
		assert_int_equal(rc_base.rows[i - 1].code, i);
}

/* Each row is what its code means in every guise; only success is no error. */
static void test_guises(void **state)
{
	static const uint32_t one[] = { 0,
					TPM2_RC_H + TPM2_RC_1,
					TPM2_RC_H + TPM2_RC_7,
					TPM2_RC_P + TPM2_RC_1,
					TPM2_RC_P + TPM2_RC_F,
					TPM2_RC_S + TPM2_RC_1,
					TPM2_RC_S + TPM2_RC_7 };

	(void)state;
	for (size_t i = 0; i < rc_tpm.n; i++) {
		const struct rc_row *r = &rc_tpm.rows[i];
		bool format_one = r->code & TPM2_RC_FMT1;

		assert_int_equal(r->err == INRO_OK, r->code == TPM2_RC_SUCCESS);
		for (size_t k = 0; k < (format_one ? ARRAY_LEN(one) : 1); k++) {
			assert_int_equal(rc_plain(r->code + one[k]), r->code);
			assert_int_equal(rc_err(r->code + one[k]), r->err);
			if (r->code >= TPM2_RC_FMT1)
				assert_int_equal(
					rc_plain(TSS2_RESMGR_TPM_RC_LAYER + r->code + one[k]),
					r->code);
		}
	}
}

static void test_meaning(void **state)
{
	static const struct {
		uint32_t rc;
		enum inro_err err;
	} cases[] = {
		{ 0x98e, INRO_E_ACCESS },	 /* AUTH_FAIL, session 1 */
		{ 0x9a2, INRO_E_ACCESS },	 /* BAD_AUTH, session 1 */
		{ 0x921, INRO_E_BUSY },		 /* LOCKOUT: the TPM's, no token's */
		{ 0x14b, INRO_E_FULL },		 /* NV_SPACE */
		{ 0x902, INRO_E_BUSY },		 /* OBJECT_MEMORY */
		{ 0x18b, INRO_E_NOT_FOUND },	 /* HANDLE, handle 1 */
		{ 0x910, INRO_E_NOT_FOUND },	 /* REFERENCE_H0 */
		{ 0x91e, INRO_E_NOT_FOUND },	 /* REFERENCE_S6 */
		{ 0x100, INRO_E_TOKEN },	 /* INITIALIZE */
		{ 0x101, INRO_E_TOKEN },	 /* FAILURE */
		{ 0x143, INRO_E_UNSUPPORTED },	 /* COMMAND_CODE */
		{ 0xb0143, INRO_E_UNSUPPORTED }, /* the kernel's resource manager says so */
		{ 0x1df, INRO_E_DAMAGED },	 /* INTEGRITY, parameter 1 */
		{ 0x99d, INRO_E_POLICY },	 /* POLICY_FAIL, session 1 */
		{ 0x128, INRO_E_POLICY },	 /* PCR_CHANGED */
		{ 0xa000a, INRO_E_IO },		 /* TCTI, IO_ERROR */
		{ 0xa0008, INRO_E_IO },		 /* TCTI, NO_CONNECTION */
		{ 0xb0017, INRO_E_NO_MEMORY },	 /* tabrmd itself */
		{ 0x1ff, INRO_E_TOKEN },	 /* what nobody knows */
		{ 0x500, INRO_E_TOKEN },	 /* a vendor's own */
		{ 0xffffffff, INRO_E_TOKEN },	 { 0xa0000, INRO_E_TOKEN },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		assert_int_equal(rc_err(cases[i].rc), cases[i].err);
}

static void says(uint32_t rc, const char *begin)
{
	char text[TEXT];

	rc_text(rc, text, sizeof text);
	if (strncmp(text, begin, strlen(begin)) != 0)
		fail_msg("0x%x is '%s', not '%s...'", rc, text, begin);
}

static void test_text(void **state)
{
	char text[TEXT], small[8];

	(void)state;
	says(0x98e, "TPM_RC_AUTH_FAIL (session 1): ");
	says(0x18b, "TPM_RC_HANDLE (handle 1): ");
	says(0x2d5, "TPM_RC_SIZE (parameter 2): ");
	says(0xfd5, "TPM_RC_SIZE (parameter 15): ");
	says(0x095, "TPM_RC_SIZE: ");
	says(0x912, "TPM_RC_REFERENCE_H0 (handle 3): ");
	says(0x919, "TPM_RC_REFERENCE_S0 (session 2): ");
	says(0x922, "TPM_RC_RETRY: ");
	says(0x1ff, "TPM_RC 0x1ff, ");
	says(0xa000a, "TSS2_TCTI_RC 0xa000a: ");
	says(0xb0005, "TSS2_RESMGR_RC 0xb0005: ");
	says(0xc0143, "TPM_RC_COMMAND_CODE: ");
	says(0x630001, "TSS2_RC 0x630001: ");
	rc_text(0x98e, small, sizeof small);
	assert_string_equal(small, "TPM_RC_");
	/* total */
	for (uint32_t rc = 0; rc < 0x2000; rc++) {
		rc_text(rc, text, sizeof text);
		assert_true(strlen(text) > 0 && strlen(text) < TEXT - 1);
	}
}

/* Whatever a TPM or a layer answers, nothing but 0 is success. */
static void test_success(void **state)
{
	(void)state;
	assert_int_equal(rc_err(0), INRO_OK);
	for (uint32_t rc = 1; rc < 0x110000; rc++)
		if (rc_err(rc) == INRO_OK)
			fail_msg("0x%x is taken for success", rc);
	for (uint32_t bit = 1; bit; bit <<= 1)
		assert_int_not_equal(rc_err(bit), INRO_OK);
}

static void test_set(void **state)
{
	(void)state;
	assert_int_equal(rc_set(0x98e, "signing"), INRO_E_ACCESS);
	assert_non_null(strstr(err_detail(INRO_E_ACCESS), "signing: TPM_RC_AUTH_FAIL (session 1)"));
	assert_int_equal(rc_set(0, "signing"), INRO_OK);
}

static void test_again(void **state)
{
	(void)state;
	assert_true(rc_is_again(TPM2_RC_RETRY));
	assert_true(rc_is_again(TPM2_RC_YIELDED));
	assert_true(rc_is_again(TPM2_RC_TESTING));
	assert_true(rc_is_again(TPM2_RC_NV_RATE));
	assert_true(rc_is_again(TSS2_RESMGR_TPM_RC_LAYER + TPM2_RC_RETRY));
	assert_false(rc_is_again(TPM2_RC_LOCKOUT));
	assert_false(rc_is_again(TPM2_RC_NV_UNAVAILABLE));
	assert_false(rc_is_again(0));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_sorted), cmocka_unit_test(test_whole),
		cmocka_unit_test(test_guises), cmocka_unit_test(test_meaning),
		cmocka_unit_test(test_text),   cmocka_unit_test(test_success),
		cmocka_unit_test(test_set),    cmocka_unit_test(test_again),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
