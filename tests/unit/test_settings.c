/* test_settings - [token] of inro.conf: each row, what is refused with its line, C_Initialize. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "base/own.h"
#include "pkcs11/token/settings.h"
#include "tests/lib/module.h"
#include "tests/lib/scratch.h"

static enum inro_err load(const char *text)
{
	setenv("INRO_CONFIG", scratch_file("inro.conf", text, strlen(text)), 1);
	return settings_load();
}

static void nothing_set_is_the_default(void **state)
{
	const struct settings *s = settings_get();

	(void)state;
	assert_false(s->legacy || s->strict || s->read_only);
	assert_int_equal(s->pin_min, 4);
	assert_int_equal(s->pin_max, 255);
	assert_int_equal(s->pin_classes, 0);
	assert_null(s->pin_helper);
	assert_int_equal(load("[inro]\nhome = /x\n[other]\nlegacy = maybe\n"), INRO_OK);
	assert_ptr_equal(settings_get(), s);
}

static void every_row_arrives(void **state)
{
	const struct settings *before = settings_get(), *s;
	static const char all[] = "[token]\nlegacy = yes\npolicy = strict\nread-only = yes\n"
				  "pin-min = 8\npin-max = 64\npin-classes = 3\n"
				  "pin-helper = /usr/bin/ask\npin-helper = /usr/bin/ask2\n";

	(void)state;
	assert_int_equal(load(all), INRO_OK);
	s = settings_get();
	assert_true(s->legacy && s->strict && s->read_only);
	assert_int_equal(s->pin_min, 8);
	assert_int_equal(s->pin_max, 64);
	assert_int_equal(s->pin_classes, 3);
	assert_string_equal(s->pin_helper, "/usr/bin/ask2");
	assert_int_equal(load(all), INRO_OK);
	assert_ptr_equal(settings_get(), s);
	assert_int_equal(load(""), INRO_OK);
	assert_false(settings_get()->legacy);
	assert_int_equal(before->pin_min, 4); /* still readable */
	assert_int_equal(s->pin_min, 8);
}

static void slips_are_told_with_their_line(void **state)
{
	static const struct {
		const char *text, *said;
	} bad[] = {
		{ "[token]\nlegcy = yes\n", "line 2: [token] has no setting 'legcy'" },
		{ "[token]\n\nlegacy = 1\n", "line 3: 'legacy' can't be '1', only yes|no" },
		{ "[token]\npolicy =\n", "line 2: 'policy'" },
		{ "[token]\npin-min = 3\n", "line 2: 'pin-min' can't be '3', only 4-255" },
		{ "[token]\npin-max = 256\n", "line 2: 'pin-max'" },
		{ "[token]\npin-min = 0x8\n", "line 2: 'pin-min'" },
		{ "[token]\npin-min = 99999999999\n", "line 2: 'pin-min'" },
		{ "[token]\npin-classes = 5\n", "line 2: 'pin-classes'" },
		{ "[token]\npin-helper = ask\n", "line 2: 'pin-helper' can't be 'ask'" },
		{ "[token]\npin-max = 6\npin-min = 7\n", "line 3: pin-min is more than" },
		{ "[token]\nwhat\n", "line 2" },
	};
	const struct settings *s = settings_get();

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		assert_int_equal(load(bad[i].text), INRO_E_CONFIG);
		if (!strstr(err_detail(INRO_E_CONFIG), bad[i].said))
			fail_msg("%s: %s", bad[i].text, err_detail(INRO_E_CONFIG));
		assert_ptr_equal(settings_get(), s);
	}
	setenv("INRO_CONFIG", scratch_path("not-there.conf"), 1);
	assert_int_equal(settings_load(), INRO_E_CONFIG);
	assert_non_null(strstr(err_detail(INRO_E_CONFIG), "not-there.conf"));
}

static void a_bad_file_stops_the_module(void **state)
{
	static const char bad[] = "[token]\npolicy = lax\n";

	(void)state;
	module_load();
	setenv("INRO_CONFIG", scratch_file("module.conf", bad, strlen(bad)), 1);
	GIVES(CKR_GENERAL_ERROR, p11->C_Initialize(NULL));
	assert_non_null(strstr(p11_admin->last_error(), "line 2: 'policy' can't be 'lax'"));
	GIVES(CKR_CRYPTOKI_NOT_INITIALIZED, p11->C_Finalize(NULL));
	scratch_file("module.conf", "", 0);
	OK(p11->C_Initialize(NULL));
	scratch_file("module.conf", bad, strlen(bad));
	GIVES(CKR_CRYPTOKI_ALREADY_INITIALIZED, p11->C_Initialize(NULL));
	OK(p11->C_Finalize(NULL));
}

static void each_is_in_the_manual(void **state)
{
	const char *source = getenv("INRO_TEST_SOURCE");
	char path[512], row[64];
	static char text[1 << 16];

	(void)state;
	snprintf(path, sizeof path, "%s/docs/settings.md", source ? source : ".");
	FILE *f = fopen(path, "r");

	assert_non_null(f);
	text[fread(text, 1, sizeof text - 1, f)] = '\0';
	fclose(f);
	for (const struct settings_row *r = settings_rows; r->key; r++) {
		snprintf(row, sizeof row, "\n| `%s` |", r->key);
		if (!strstr(text, row))
			fail_msg("docs/settings.md has no row '%s'", r->key);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_set_is_the_default),
		cmocka_unit_test(every_row_arrives),
		cmocka_unit_test(slips_are_told_with_their_line),
		cmocka_unit_test(a_bad_file_stops_the_module),
		cmocka_unit_test(each_is_in_the_manual),
	};

	return cmocka_run_group_tests_name("settings", tests, NULL, NULL);
}
