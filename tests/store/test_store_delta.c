/* test_store_delta - what is stored as it differs from something else, and what was never stored so. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "backoffice/store/delta.h"

#define OK(x) assert_int_equal(x, INRO_OK)
#define MOST  700

static size_t comes_back(struct bytes model, struct bytes what)
{
	SCOPED(buf) told = { 0 };
	SCOPED(buf) again = { 0 };

	OK(delta_tell(model, what, &told));
	OK(delta_read(model, buf_bytes(&told), &again));
	assert_int_equal(again.n, what.n);
	if (what.n)
		assert_memory_equal(again.p, what.p, what.n);
	return told.n;
}

static void fill_any(uint8_t *p, size_t n)
{
	for (size_t i = 0; i < n; i++)
		p[i] = (uint8_t)random();
}

/* Like a certificate: a number, a name, a key and a signature are others, the rest is the same. */
static void test_alike(void **state)
{
	uint8_t model[MOST], what[MOST + 4];

	(void)state;
	srandom(1);
	fill_any(model, sizeof model);
	model[0] = 0x30;
	memcpy(what, model, sizeof model);
	assert_true(comes_back(BYTES(model, sizeof model), BYTES(what, sizeof model)) < 8);
	fill_any(what + 15, 16);
	fill_any(what + 200, 64);
	fill_any(what + MOST - 64, 64);
	assert_true(comes_back(BYTES(model, sizeof model), BYTES(what, sizeof model)) < 16 + 64 + 64 + 20);
	/* a longer name: all behind it is four octets on */
	memmove(what + 104, what + 100, sizeof model - 100);
	fill_any(what + 100, 4);
	assert_true(comes_back(BYTES(model, sizeof model), BYTES(what, sizeof what)) < 16 + 64 + 64 + 4 + 30);
	/* a shorter one */
	assert_true(comes_back(BYTES(what, sizeof what), BYTES(model, sizeof model)) < 16 + 64 + 64 + 30);
}

static void test_not_alike(void **state)
{
	uint8_t model[MOST], what[MOST];

	(void)state;
	srandom(2);
	fill_any(model, sizeof model);
	fill_any(what, sizeof what);
	what[0] = 0x30;
	assert_int_equal(comes_back(BYTES(model, sizeof model), BYTES(what, sizeof what)), MOST);
	assert_int_equal(comes_back(BYTES_NONE, BYTES(what, sizeof what)), MOST);
	what[0] = DELTA_MARK; /* which can't stand as it is */
	assert_true(comes_back(BYTES(model, sizeof model), BYTES(what, sizeof what)) > MOST);
	assert_true(comes_back(BYTES_NONE, BYTES(what, sizeof what)) > MOST);
	assert_int_equal(comes_back(BYTES(model, sizeof model), BYTES_NONE), 0);
	assert_int_equal(comes_back(BYTES(model, 3), BYTES(what, 1)), 3);
}

/* Of pieces of one another, in any order and length, with few different octets. */
static void test_any(void **state)
{
	uint8_t model[MOST], what[MOST];

	(void)state;
	srandom(3);
	for (int round = 0; round < 20000; round++) {
		size_t n = (size_t)random() % 80, m = (size_t)random() % 80, at, most;

		for (size_t i = 0; i < n; i++)
			model[i] = (uint8_t)(random() % 3);
		for (size_t i = 0; i < m; i++)
			what[i] = (uint8_t)(random() % 3);
		at = n ? (size_t)random() % n : 0;
		most = n - at < m ? n - at : m;
		memcpy(what, model + at, most);
		comes_back(BYTES(model, n), BYTES(what, m));
	}
}

static void test_too_long(void **state)
{
	uint8_t *long_one = calloc(1, DELTA_MAX + 1);
	SCOPED(buf) told = { 0 };

	(void)state;
	assert_int_equal(delta_tell(BYTES_NONE, BYTES(long_one, DELTA_MAX + 1), &told), INRO_E_TOO_BIG);
	assert_int_equal(delta_tell(BYTES(long_one, DELTA_MAX + 1), BYTES_NONE, &told), INRO_E_TOO_BIG);
	assert_true(comes_back(BYTES(long_one, DELTA_MAX), BYTES(long_one, DELTA_MAX)) < 8);
	free(long_one);
}

#define MODEL "0123456789abcdefghij"

/* What was written by a version is read by each later one. */
static void test_written_before(void **state)
{
	static const struct {
		const char *told;
		size_t n;
		const char *what;
	} rows[] = {
		{ "0 as it stands", 14, "0 as it stands" },
		{ "\x01\x29\x00", 3, MODEL },			       /* twenty from the next place */
		{ "\x01\x06new\x09\x00", 7, "new3456" },	       /* the place moves on with what is new */
		{ "\x01\x09\x14\x09\x1d", 5, "abcd0123" },	       /* ten on, fourteen back */
		{ "\x01\x02x\x15\x08\x04yz", 8, "x56789abcdeyz" },
		{ "\x01", 1, "" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		SCOPED(buf) what = { 0 };

		OK(delta_read(bytes_of(MODEL), BYTES(rows[i].told, rows[i].n), &what));
		buf_add_u8(&what, 0);
		assert_string_equal((const char *)what.p, rows[i].what);
	}
}

static void test_damaged(void **state)
{
	static const struct {
		const char *told;
		size_t n;
	} rows[] = {
		{ "\x01\x00", 2 },			/* a step of nothing */
		{ "\x01\x01\x00", 3 },
		{ "\x01\x06ne", 4 },			/* ends before its octets */
		{ "\x01\x09", 2 },			/* before its place */
		{ "\x01\x80", 2 },
		{ "\x01\x2b\x00", 3 },			/* behind the model's end */
		{ "\x01\x03\x2a", 3 },
		{ "\x01\x09\x03", 3 },			/* before its beginning */
		{ "\x01\xff\xff\xff\xff\x7f\x00", 7 },	/* longer than anything */
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		SCOPED(buf) what = { 0 };

		if (delta_read(bytes_of(MODEL), BYTES(rows[i].told, rows[i].n), &what) != INRO_E_DAMAGED)
			fail_msg("%zu was read", i);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_alike),	       cmocka_unit_test(test_not_alike),
		cmocka_unit_test(test_any),	       cmocka_unit_test(test_too_long),
		cmocka_unit_test(test_written_before), cmocka_unit_test(test_damaged),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
