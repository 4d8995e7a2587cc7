/* auth: published scrypt vectors, the record's layout, and what an edited record may not ask for.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>
#include <sys/resource.h>

#include "pkcs11/soft/auth.h"

#define SERIAL bytes_of("00000000c0ffee01")
#define PIN    bytes_of("123456")
#define RECORD 69

static struct bytes from_hex(const char *hex, uint8_t *out, size_t cap)
{
	size_t n = 0;

	assert_int_equal(hex_decode(bytes_of(hex), out, cap, &n), INRO_OK);
	return BYTES(out, n);
}

static enum inro_err make(CK_USER_TYPE user, struct bytes pin, struct bytes master, struct buf *ret)
{
	SCOPED(secret) key = { 0 };
	SCOPED(buf) begun = { 0 };
	enum inro_err e = auth_begin(user, pin, &begun, &key);

	return e ? e : auth_make_by(user, SERIAL, buf_bytes(&begun), secret_bytes(&key), master, ret);
}

static enum inro_err open_record(CK_USER_TYPE user, struct bytes record, struct secret *ret)
{
	SCOPED(secret) key = { 0 };
	enum inro_err e = auth_stretch(user, record, PIN, &key);

	return e ? e : auth_open_by(user, SERIAL, record, secret_bytes(&key), ret);
}

/* RFC 7914 12, the third and second vector. */
static void test_rfc7914(void **state)
{
	const struct {
		const char *pin, *salt;
		struct auth_cost cost;
		const char *out;
	} rows[] = {
		{ "pleaseletmein",
		  "SodiumChloride",
		  { .log2_n = 14, .r = 8, .p = 1 },
		  "7023bdcb3afd7348461c06cd81fd38ebfda8fbba904f8e3ea9b543f6545da1f2"
		  "d5432955613f0fcf62d49705242a9af9e61e85dc0d651e40dfcf017b45575887" },
		{ "password",
		  "NaCl",
		  { .log2_n = 10, .r = 8, .p = 16 },
		  "fdbabe1c9d3472007856e7190d01e9fe7c6ad7cbc8237830e77376634b373162"
		  "2eaf30d92e22a3886ff109279d9830dac727afb94a83ee6d8360cbdfa2cc0640" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		SCOPED(secret) out = { 0 };
		uint8_t want[64];

		assert_int_equal(secret_new(64, &out), INRO_OK);
		assert_int_equal(auth_scrypt(bytes_of(rows[i].pin), bytes_of(rows[i].salt),
					     rows[i].cost, &out),
				 INRO_OK);
		assert_true(bytes_equal(from_hex(rows[i].out, want, 64), secret_bytes(&out)));
	}
}

/* A record made by an independent implementation of docs/key-hierarchy.md. */
static void test_layout_is_kept(void **state)
{
	uint8_t raw[RECORD], master[AUTH_MASTER];
	struct bytes record =
		from_hex("01010f0801606162636465666768696a6b6c6d6e6f"
			 "20c7616a6b3b4cea9b01706b15fdccfd1dbfcdba5e5ebfad446c01b80217"
			 "3c0caa26f273521079dc4fb4f1d21d5a64ac",
			 raw, sizeof raw);
	SCOPED(secret) out = { 0 };

	(void)state;
	for (size_t i = 0; i < sizeof master; i++)
		master[i] = (uint8_t)i;
	assert_int_equal(open_record(CKU_USER, record, &out), INRO_OK);
	assert_true(bytes_equal(secret_bytes(&out), BYTES(master, sizeof master)));
}

static void test_round_trip(void **state)
{
	SCOPED(buf) record = { 0 };
	SCOPED(secret) master = { 0 };
	SCOPED(secret) out = { 0 };

	(void)state;
	assert_int_equal(secret_random(AUTH_MASTER, &master), INRO_OK);
	assert_int_equal(make(CKU_SO, PIN, secret_bytes(&master), &record), INRO_OK);
	assert_int_equal(record.n, RECORD);
	assert_true(record.p[2] >= AUTH_MIN_LOG2_N && record.p[2] <= AUTH_MAX_LOG2_N);
	assert_int_equal(open_record(CKU_SO, buf_bytes(&record), &out), INRO_OK);
	assert_true(bytes_equal(secret_bytes(&out), secret_bytes(&master)));
}

/* Every other cost is refused before any work is done: no time, no memory. */
static void test_cost_is_bounded(void **state)
{
	uint8_t record[RECORD] = { 1, 1, 15, 8, 1 };
	SCOPED(secret) out = { 0 };
	struct rusage before, after;

	(void)state;
	assert_int_equal(getrusage(RUSAGE_SELF, &before), 0);
	for (unsigned at = 2; at <= 4; at++) {
		uint8_t good = record[at];

		for (unsigned x = 0; x <= 255; x++) {
			record[at] = (uint8_t)x;
			if (x == good || (at == 2 && x >= AUTH_MIN_LOG2_N && x <= AUTH_MAX_LOG2_N))
				continue;
			assert_int_equal(
				open_record(CKU_USER, BYTES(record, RECORD), &out),
				INRO_E_DAMAGED);
		}
		record[at] = good;
	}
	assert_int_equal(getrusage(RUSAGE_SELF, &after), 0);
	assert_true(after.ru_utime.tv_sec - before.ru_utime.tv_sec <= 1);
	assert_null(out.p);
}

static void test_other_versions_and_roles(void **state)
{
	uint8_t record[RECORD] = { 2, 1, 15, 8, 1 };
	SCOPED(secret) out = { 0 };

	(void)state;
	assert_int_equal(open_record(CKU_USER, BYTES(record, RECORD), &out),
			 INRO_E_DAMAGED);
	record[0] = 1;
	assert_int_equal(open_record(CKU_SO, BYTES(record, RECORD), &out),
			 INRO_E_DAMAGED);
	assert_int_equal(open_record(CKU_CONTEXT_SPECIFIC, BYTES(record, RECORD), &out),
			 INRO_E_USER_TYPE);
	assert_int_equal(open_record(CKU_USER, BYTES_NONE, &out), INRO_E_DAMAGED);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rfc7914),
		cmocka_unit_test(test_layout_is_kept),
		cmocka_unit_test(test_round_trip),
		cmocka_unit_test(test_cost_is_bounded),
		cmocka_unit_test(test_other_versions_and_roles),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
