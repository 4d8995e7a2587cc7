#include "tests/lib/tpmsays.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "base/own.h"
#include "tpm/talk/talk_private.h"

#define OK(x) assert_int_equal(x, INRO_OK)

struct tpmsays tpmsays_link;

/* ---- the link ---- */

static void fake_free(struct link *l)
{
	free(l);
}

static enum inro_err fake_begin(struct link *l)
{
	if (tpmsays_link.taken) {
		assert_true(l->haste_ms > 0);
		return err_set(INRO_E_BUSY, "another process has the TPM");
	}
	if (tpmsays_link.down)
		atomic_fetch_add(&l->epoch, 1);
	tpmsays_link.down = false;
	tpmsays_link.begun++;
	return INRO_OK;
}

static void fake_end(struct link *l)
{
	(void)l;
	tpmsays_link.begun--;
}

static enum inro_err fake_talk(struct link *l, struct bytes command, bool durable, struct buf *ret)
{
	size_t i = tpmsays_link.at;

	(void)l;
	assert_true(tpmsays_link.begun == 1 && !tpmsays_link.down);
	assert_true(i < tpmsays_link.says_n && command.n <= sizeof tpmsays_link.sent[0]);
	tpmsays_link.at++;
	memcpy(tpmsays_link.sent[i], command.p, command.n);
	tpmsays_link.sent_n[i] = command.n;
	tpmsays_link.durable[i] = durable;
	buf_add(ret, BYTES(tpmsays_link.says[i].p, tpmsays_link.says[i].n));
	tpmsays_link.down = tpmsays_link.says[i].e == INRO_E_IO ||
			    link_check_response(buf_bytes(ret));
	return tpmsays_link.says[i].e;
}

static void note(const char *what, uint32_t handle)
{
	size_t n = strlen(tpmsays_link.ledger);

	snprintf(tpmsays_link.ledger + n, sizeof tpmsays_link.ledger - n, "%s %x;", what, handle);
}

static enum inro_err fake_will_hold(struct link *l)
{
	(void)l;
	note("will", 0);
	return INRO_OK;
}

static void fake_hold(struct link *l, uint32_t handle)
{
	(void)l;
	note("hold", handle);
}

static void fake_drop(struct link *l, uint32_t handle)
{
	(void)l;
	note("drop", handle);
}

static enum inro_err fake_make(struct bytes rest, const char *home, struct link **ret)
{
	struct link *l = calloc(1, sizeof *l);

	(void)rest, (void)home;
	assert_non_null(l);
	link_init(l, link_extra);
	*ret = l;
	return INRO_OK;
}

const struct link_kind tpmsays_kind = {
	.scheme = "fake",
	.embedded = true,
	.make = fake_make,
	.free = fake_free,
	.begin = fake_begin,
	.end = fake_end,
	.talk = fake_talk,
	.will_hold = fake_will_hold,
	.hold = fake_hold,
	.drop = fake_drop,
};

/* ---- what it says ---- */

void tpmsays(const void *p, size_t n)
{
	assert_true(tpmsays_link.says_n < TPMSAYS_STEPS && n <= sizeof tpmsays_link.says[0].p);
	memcpy(tpmsays_link.says[tpmsays_link.says_n].p, p, n);
	tpmsays_link.says[tpmsays_link.says_n++].n = n;
}

void tpmsays_hex(const char *hex)
{
	uint8_t p[256];
	size_t n;

	OK(hex_decode(bytes_of(hex), p, sizeof p, &n));
	tpmsays(p, n);
}

void tpmsays_rc(uint32_t rc)
{
	uint8_t p[10] = { 0x80, 0x01, 0, 0, 0, 10 };

	for (int i = 0; i < 4; i++)
		p[6 + i] = (uint8_t)(rc >> (24 - 8 * i));

	tpmsays(p, sizeof p);
}

void tpmsays_nothing(void)
{
	tpmsays_link.says[tpmsays_link.says_n++].e = INRO_E_IO;
}

uint32_t tpmsays_cc(size_t i)
{
	struct bytes in = BYTES(tpmsays_link.sent[i] + 6, 4);
	uint32_t cc = 0;

	assert_true(i < tpmsays_link.at);
	OK(read_u32(&in, &cc));
	return cc;
}

void tpmsays_assert_sent(size_t i, const char *hex)
{
	uint8_t p[256];
	size_t n;

	OK(hex_decode(bytes_of(hex), p, sizeof p, &n));
	assert_true(i < tpmsays_link.at);
	assert_int_equal(tpmsays_link.sent_n[i], n);
	assert_memory_equal(tpmsays_link.sent[i], p, n);
}

void tpmsays_assert_all(void)
{
	assert_int_equal(tpmsays_link.at, tpmsays_link.says_n);
}

/* ---- one TPM ---- */

struct tpm_words tpmsays_words(void)
{
	return (struct tpm_words) { .tcti = bytes_of("fake:"),
				    .home = "/nowhere",
				    .how = TPM_BY_PASSWORD };
}

struct tpm *tpmsays_begin(void)
{
	struct tpm_words w = tpmsays_words();
	struct tpm *tpm = NULL;

	memset(&tpmsays_link, 0, sizeof tpmsays_link);
	link_extra = &tpmsays_kind;
	OK(tpm_get(&w, &tpm));
	OK(tpm_enter(tpm));
	return tpm;
}

void tpmsays_end(struct tpm *tpm)
{
	tpm_leave(tpm);
	tpm_unref(tpm);
	assert_int_equal(tpmsays_link.begun, 0);
}
