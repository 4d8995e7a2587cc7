/* x509: the fields of certificates of version 1 and 3, and what is none. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/x509.h"

#define LIT(s) BYTES(s, sizeof(s) - 1)

struct field {
	uint8_t tag;
	struct bytes value;
};

/* The least that can be: each field has another content. */
static const struct field fields[] = {
	{ DER_CONTEXT_CONSTRUCTED, BYTES_LIT("\x02\x01\x02") },
	{ DER_INTEGER, BYTES_LIT("\x07") },
	{ DER_SEQUENCE, BYTES_LIT("\x05\x00") },
	{ DER_SEQUENCE, BYTES_LIT("\x31\x00") },
	{ DER_SEQUENCE, BYTES_LIT("\x17\x01z\x17\x01z") },
	{ DER_SEQUENCE, BYTES_LIT("\x31\x00\x31\x00") },
	{ DER_SEQUENCE, BYTES_LIT("\x03\x01\x00") },
	{ DER_CONTEXT_CONSTRUCTED | 3, BYTES_LIT("\x30\x00") },
};

/* A certificate of the fields from..to-1; without is left out. */
static void build(struct buf *b, size_t from, size_t to, size_t without)
{
	size_t cert = der_begin(b, DER_SEQUENCE), tbs = der_begin(b, DER_SEQUENCE);

	for (size_t i = from; i < to; i++)
		if (i != without)
			der_add(b, fields[i].tag, fields[i].value);
	der_end(b, tbs);
	der_add(b, DER_SEQUENCE, BYTES_NONE);
	der_add(b, DER_BIT_STRING, LIT("\0"));
	der_end(b, cert);
	assert_int_equal(buf_err(b), INRO_OK);
}

static void assert_bytes(struct bytes got, struct bytes want)
{
	assert_int_equal(got.n, want.n);
	assert_memory_equal(got.p, want.p, want.n);
}

static void version_3_has_all(void **state)
{
	SCOPED(buf) der = { 0 };
	struct x509 x;

	(void)state;
	build(&der, 0, ARRAY_LEN(fields), SIZE_MAX);
	assert_int_equal(x509_read(buf_bytes(&der), &x), INRO_OK);
	assert_bytes(x.version, fields[0].value);
	assert_bytes(x.serial, LIT("\x02\x01\x07"));
	assert_bytes(x.algorithm, LIT("\x30\x02\x05\x00"));
	assert_bytes(x.issuer, LIT("\x30\x02\x31\x00"));
	assert_bytes(x.validity, fields[4].value);
	assert_bytes(x.subject, LIT("\x30\x04\x31\x00\x31\x00"));
	assert_bytes(x.spki, LIT("\x30\x03\x03\x01\x00"));
	assert_bytes(x.rest, LIT("\xa3\x02\x30\x00"));
}

static void version_1_has_no_version(void **state)
{
	SCOPED(buf) der = { 0 };
	struct x509 x;

	(void)state;
	build(&der, 1, ARRAY_LEN(fields) - 1, SIZE_MAX);
	assert_int_equal(x509_read(buf_bytes(&der), &x), INRO_OK);
	assert_null(x.version.p);
	assert_bytes(x.serial, LIT("\x02\x01\x07"));
	assert_int_equal(x.rest.n, 0);
}

static void a_field_that_is_missing_is_missed(void **state)
{
	const struct x509 untouched = { .rest = LIT("as it was") };

	(void)state;
	for (size_t i = 1; i < ARRAY_LEN(fields) - 1; i++) {
		SCOPED(buf) der = { 0 };
		struct x509 x = untouched;

		build(&der, 0, ARRAY_LEN(fields), i);
		assert_int_equal(x509_read(buf_bytes(&der), &x), INRO_E_SYNTAX);
		assert_ptr_equal(x.rest.p, untouched.rest.p);
	}
}

static void what_is_cut_off_or_follows_is_refused(void **state)
{
	SCOPED(buf) der = { 0 };
	struct x509 x;

	(void)state;
	build(&der, 0, ARRAY_LEN(fields), SIZE_MAX);
	for (size_t n = 0; n < der.n; n++)
		assert_int_equal(x509_read(BYTES(der.p, n), &x), INRO_E_SYNTAX);
	buf_add_u8(&der, 0);
	assert_int_equal(x509_read(buf_bytes(&der), &x), INRO_E_SYNTAX);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(version_3_has_all),
		cmocka_unit_test(version_1_has_no_version),
		cmocka_unit_test(a_field_that_is_missing_is_missed),
		cmocka_unit_test(what_is_cut_off_or_follows_is_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
