/* test_core_basic - names in HTTP Basic, and the ids of devices in them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "backoffice/core/basic.h"

static void decoded(const char *name, const char *want)
{
	char room[64];
	struct basic b = { .name = room };

	snprintf(room, sizeof room, "%s", name);
	basic_decode_id(&b);
	assert_string_equal(room, want);
}

static void test_ids(void **state)
{
	(void)state;
	decoded("", "");
	decoded("dev-1", "dev-1");
	decoded("urn%3Adev%3a1", "urn:dev:1");
	decoded("%", "%");
	decoded("%3", "%3");
	decoded("%3g%41", "%3gA");
	decoded("%\x14\x11", "%\x14\x11");
	decoded("%4\x11", "%4\x11");
}

static void test_read(void **state)
{
	SCOPED(basic) b = { 0 };
	SCOPED(basic) none = { 0 };

	(void)state;
	assert_int_equal(basic_read("dXJuJTNhMTpwOnc=", &b), INRO_OK); /* urn%3a1:p:w */
	assert_string_equal(b.name, "urn%3a1");
	assert_true(bytes_is(b.password, "p:w"));
	basic_decode_id(&b);
	assert_string_equal(b.name, "urn:1");
	assert_int_equal(basic_read("ZGV2", &none), INRO_E_SYNTAX); /* dev */
	assert_int_equal(basic_read("", &none), INRO_E_SYNTAX);
	assert_int_equal(basic_read("?", &none), INRO_E_SYNTAX);
	assert_null(none.name);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_ids),
		cmocka_unit_test(test_read),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
