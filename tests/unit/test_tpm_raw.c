/* test_tpm_raw - what a link itself asks a TPM that puts things off. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "tpm/link/held.h"

static unsigned asked;
static long slept_ms;

int __wrap_nanosleep(const struct timespec *nap, struct timespec *left);

int __wrap_nanosleep(const struct timespec *nap, struct timespec *left)
{
	(void)left;
	slept_ms += nap->tv_nsec / 1000000;
	return 0;
}

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
	slept_ms = 0;
	assert_int_equal(raw_clock(&tpm, &c), INRO_E_IO);
	return asked;
}

/* Who is in haste does not wait for it longer than he has. */
static void test_put_off(void **state)
{
	(void)state;
	assert_int_equal(times_asked(10), 1);
	assert_int_equal(times_asked(50), 3);
	assert_int_equal(times_asked(1000), 51);
	assert_int_equal(slept_ms, 1000);
	assert_int_equal(times_asked(0), 500);
}

static void test_nothing_is_told(void **state)
{
	const struct raw tpm = { .talk = put_off, .haste_ms = 10 };
	uint32_t there[4];
	size_t n;

	(void)state;
	assert_int_equal(raw_handles(&tpm, 0x80000000, 4, there, &n), INRO_E_IO);
	assert_int_equal(raw_flush(&tpm, 0x80000000), INRO_E_IO);
}

/* What a killed process left there is not forgotten, and the handles of other programs are not
 * taken for its. */
static void test_the_ledger_stays(void **state)
{
	static struct held h = { .clock_known = 1, .clock = { .since = 5, .resets = 7 } };
	const struct raw tpm = { .talk = put_off, .haste_ms = 10 };

	(void)state;
	held_add(&h, 0x80000001);
	assert_int_equal(held_attach(&h, &tpm), INRO_E_IO);
	assert_int_equal(held_flush(&h, &tpm), INRO_E_IO);
	assert_int_equal(held_will_add(&h, &tpm), INRO_E_IO);
	assert_int_equal(atomic_load(&h.n), 1);
	assert_int_equal(atomic_load(&h.clock_known), 1);
	assert_int_equal(h.clock.resets, 7);
	assert_int_equal(atomic_load(&h.others_known), 0);
}

/* TPM_RC_SUCCESS for the first `kindness` commands. */
static unsigned kindness;

static enum inro_err put_off_later(void *of, struct bytes command, struct buf *ret_response)
{
	static const uint8_t good[] = { 0x80, 1, 0, 0, 0, 10, 0, 0, 0, 0 };

	if (asked >= kindness)
		return put_off(of, command, ret_response);
	asked++;
	buf_reset(ret_response);
	buf_add(ret_response, BYTES(good, sizeof good));
	return buf_err(ret_response);
}

/* What is flushed leaves the list at once: others may be given its number before we come again. */
static void test_flushed_in_part(void **state)
{
	static struct held h = { .clock_known = 1 };
	const struct raw tpm = { .talk = put_off_later, .haste_ms = 10 };

	(void)state;
	for (uint32_t i = 0; i < 3; i++)
		held_add(&h, 0x80000000 + i);
	asked = 0;
	kindness = 2;
	assert_int_equal(held_flush(&h, &tpm), INRO_E_IO);
	assert_int_equal(atomic_load(&h.n), 1);
	assert_int_equal(h.handles[0], 0x80000000);
	asked = 0;
	assert_int_equal(held_flush(&h, &tpm), INRO_OK);
	assert_int_equal(asked, 1);
	assert_int_equal(atomic_load(&h.n), 0);
}

/* An answer that is this code, always. */
static uint32_t code;

static enum inro_err say_code(void *of, struct bytes command, struct buf *ret_response)
{
	static const uint8_t head[] = { 0x80, 1, 0, 0, 0, 10 };

	(void)of;
	(void)command;
	buf_reset(ret_response);
	buf_add(ret_response, BYTES(head, sizeof head));
	buf_add_u32(ret_response, code);
	return buf_err(ret_response);
}

/* A command that was cancelled, a TPM that is being upgraded: what is held there is as unknown as
 * before. */
static void test_refused(void **state)
{
	static const uint32_t codes[] = { 0x909, 0x907, 0x12d, 0x130 };
	const struct raw tpm = { .talk = say_code };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(codes); i++) {
		struct held h = { .clock_known = 1, .clock = { .since = 5, .resets = 7 } };

		code = codes[i];
		held_add(&h, 0x80000001);
		assert_int_equal(held_attach(&h, &tpm), INRO_E_IO);
		assert_int_equal(held_flush(&h, &tpm), INRO_E_IO);
		assert_int_equal(held_will_add(&h, &tpm), INRO_E_IO);
		assert_int_equal(atomic_load(&h.n), 1);
		assert_int_equal(atomic_load(&h.clock_known), 1);
		assert_int_equal(h.clock.resets, 7);
		assert_int_equal(atomic_load(&h.others_known), 0);
	}
	assert_non_null(strstr(err_detail(INRO_E_IO), "TPM_RC_REBOOT"));
}

/* What is not there any more is gone; so is everything in a TPM that was not started, or failed. */
static void test_gone(void **state)
{
	static const uint32_t codes[] = { 0x18b, 0x1cb, 0x1c4, 0x910 };
	const struct raw tpm = { .talk = say_code };
	struct held h = { .clock_known = 1 };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(codes); i++) {
		code = codes[i];
		held_add(&h, 0x80000001);
		assert_int_equal(held_flush(&h, &tpm), INRO_OK);
		assert_int_equal(atomic_load(&h.n), 0);
	}
	for (code = 0x100; code <= 0x101; code++) {
		held_add(&h, 0x80000001);
		assert_int_equal(held_attach(&h, &tpm), INRO_OK);
		assert_int_equal(atomic_load(&h.n), 0);
		assert_int_equal(held_will_add(&h, &tpm), INRO_OK);
		assert_int_equal(h.n_others, 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_put_off),
		cmocka_unit_test(test_nothing_is_told),
		cmocka_unit_test(test_the_ledger_stays),
		cmocka_unit_test(test_flushed_in_part),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_gone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
