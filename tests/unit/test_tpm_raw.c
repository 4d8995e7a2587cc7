/* test_tpm_raw - what a link itself asks a TPM that puts things off. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "tpm/link/raw.h"

static unsigned asked;

/* TPM_RC_RETRY, always. */
static enum inro_err put_off(void *of, struct bytes command, struct buf *ret_response)
{
	static const uint8_t retry[] = { 0x80, 1, 0, 0, 0, 10, 0, 0, 9, 0x22 };

	(void)of;
	(void)command;
	asked++;
	buf_reset(ret_response);
	buf_add(ret_response, BYTES(retry, sizeof retry));
	return buf_err(ret_response);
}

static unsigned times_asked(int haste_ms)
{
	const struct raw tpm = { .talk = put_off, .haste_ms = haste_ms };
	struct raw_clock c;

	asked = 0;
	assert_int_equal(raw_clock(&tpm, &c), INRO_OK);
	assert_int_equal(c.rc, 0x922);
	return asked;
}

/* Who is in haste does not wait for it longer than he has. */
static void test_put_off(void **state)
{
	(void)state;
	assert_int_equal(times_asked(10), 1);
	assert_int_equal(times_asked(50), 3);
	assert_int_equal(times_asked(0), 50);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_put_off) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
