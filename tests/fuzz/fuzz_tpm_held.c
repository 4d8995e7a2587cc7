/*
 * fuzz_tpm_held - what is left in a TPM by a list of any content, as a file may have it, and answers
 * of any kind: nothing is read or written past the lists, nothing of others' is flushed because of
 * an unfinished command, and what could not be told stays listed.
 *
 * An input begins with the list's counts and numbers.  Each answer after that is one byte: an
 * error's code of two bytes, bytes as they are, or a good answer with the bytes as its parameters.
 */
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/input.h"
#include "tpm/link/held.h"
#include "tpm/link/kinds.h"
#include "tpm/wire/rc.h"

#define LONGEST 64

static struct bytes input;
static struct held held;
static bool by_doubt; /* what is flushed is not on the list */

static bool is_listed(uint32_t handle)
{
	unsigned n = atomic_load(&held.n);

	for (size_t i = 0; i < n && i < HELD_MAX; i++)
		if (held.handles[i] == handle)
			return true;
	return false;
}

static bool is_others(uint32_t handle)
{
	for (size_t i = 0; i < held.n_others && i < ARRAY_LEN(held.others); i++)
		if (held.others[i] == handle)
			return true;
	return false;
}

static void check(struct bytes command)
{
	struct bytes in = BYTES(command.p + 6, command.n - 6);
	uint32_t cc = 0, handle = 0;

	FUZZ_REQUIRE(command.n >= 10 && read_u32(&in, &cc) == INRO_OK);
	if (cc != TPM2_CC_FlushContext)
		return;
	FUZZ_REQUIRE(read_u32(&in, &handle) == INRO_OK && in.n == 0);
	FUZZ_REQUIRE(is_listed(handle) || (by_doubt && !is_others(handle)));
}

/* Like TPM_RC_RETRY, which is waited for: not here. */
static uint32_t code(struct bytes x)
{
	uint32_t rc = x.n < 2 ? TPM2_RC_INITIALIZE : (uint32_t)(x.p[0] << 8 | x.p[1]);

	return rc_is_again(rc) ? TPM2_RC_CANCELED : rc;
}

static enum inro_err talk(void *of, struct bytes command, struct buf *ret)
{
	uint8_t manner = input_u8(&input), x[LONGEST];
	size_t n = input_u8(&input) % LONGEST;
	bool is_error = manner % 4 == 0;

	(void)of;
	check(command);
	if (input.n == 0)
		return err_set(INRO_E_IO, "the input ends");
	input_take(&input, x, n);
	buf_reset(ret);
	if (manner % 4 == 1) {
		buf_add(ret, BYTES(x, n));
		return link_check_response(buf_bytes(ret));
	}
	wire_add_u16(ret, TPM2_ST_NO_SESSIONS);
	buf_add_u32(ret, (uint32_t)(10 + (is_error ? 0 : n)));
	buf_add_u32(ret, is_error ? code(BYTES(x, n)) : 0);
	if (!is_error)
		buf_add(ret, BYTES(x, n));
	return buf_err(ret);
}

static void begin(void)
{
	uint8_t counts[5];

	input_take(&input, counts, sizeof counts);
	held = (struct held) { .clock = { .since = 5, .resets = counts[0] } };
	atomic_store(&held.pending, counts[1]);
	atomic_store(&held.n, counts[2] * 3U);
	held.n_others = counts[3] * 3U;
	atomic_store(&held.others_known, counts[4] & 1);
	atomic_store(&held.clock_known, counts[4] & 2);
	for (size_t i = 0; i < HELD_MAX; i++)
		held.handles[i] = 0x80000000U + (uint32_t)i;
	for (size_t i = 0; i < ARRAY_LEN(held.others); i++)
		held.others[i] = 0x80000200U + (uint32_t)i;
}

/* Nothing is listed any more, or all that was not flushed. */
static void flush(const struct raw *tpm)
{
	unsigned before = atomic_load(&held.n);

	by_doubt = atomic_load(&held.pending) && atomic_load(&held.others_known);
	if (held_flush(&held, tpm) == INRO_OK)
		FUZZ_REQUIRE(atomic_load(&held.n) == 0 && atomic_load(&held.pending) == 0);
	FUZZ_REQUIRE(atomic_load(&held.n) <= before);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct raw tpm = { .talk = talk, .haste_ms = 1 };

	input = BYTES(data, size);
	begin();
	by_doubt = atomic_load(&held.pending) && atomic_load(&held.others_known);
	(void)!held_attach(&held, &tpm);
	if (held_will_add(&held, &tpm) == INRO_OK) {
		FUZZ_REQUIRE(atomic_load(&held.others_known) && atomic_load(&held.pending));
		held_add(&held, 0x80000100U + input_u8(&input));
	}
	held_drop(&held, 0x80000000U + input_u8(&input));
	flush(&tpm);
	return 0;
}
