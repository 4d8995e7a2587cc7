/* tpmtap - a link that leads to another one. */
#include "tests/lib/tpmtap.h"

#include <stdlib.h>
#include <string.h>

#include "tpm/link/kinds.h"

struct tap {
	struct link link;
	struct link *inner;
};

static struct {
	struct buf heard;
	struct buf latest[2]; /* command, response */
	TPM2_CC of;
	TPM2_CC change_in, break_at;
	bool response;
	size_t at;
	uint8_t flip;
} tap;

void tpmtap_reset(void)
{
	buf_clear(&tap.heard);
	buf_clear(&tap.latest[0]);
	buf_clear(&tap.latest[1]);
	tap.change_in = tap.break_at = tap.of = 0;
}

bool tpmtap_heard(struct bytes x)
{
	return memmem(tap.heard.p, tap.heard.n, x.p, x.n) != NULL;
}

struct bytes tpmtap_latest(TPM2_CC cc, bool response)
{
	return tap.of == cc ? buf_bytes(&tap.latest[response]) : BYTES_NONE;
}

void tpmtap_change(TPM2_CC cc, bool response, size_t at, uint8_t flip)
{
	tap.change_in = cc;
	tap.response = response;
	tap.at = at;
	tap.flip = flip;
}

void tpmtap_break(TPM2_CC cc)
{
	tap.break_at = cc;
}

static struct tap *tap_of(struct link *l)
{
	return (struct tap *)(void *)l;
}

static enum inro_err tap_make(struct bytes rest, const char *home, struct link **ret)
{
	struct tap *t = calloc(1, sizeof *t);
	enum inro_err e = t ? link_make(rest, home, &t->inner) : INRO_E_NO_MEMORY;

	if (e) {
		free(t);
		return e;
	}
	link_init(&t->link, &tpmtap_kind);
	*ret = &t->link;
	return INRO_OK;
}

static void tap_free(struct link *l)
{
	link_free(tap_of(l)->inner);
	free(l);
}

static enum inro_err tap_begin(struct link *l)
{
	uint64_t epoch;
	enum inro_err e = link_begin(tap_of(l)->inner, &epoch);

	if (!e)
		atomic_store(&l->epoch, epoch);
	return e;
}

static void tap_end(struct link *l)
{
	link_end(tap_of(l)->inner);
}

static void hear(struct bytes x, bool response)
{
	buf_add(&tap.heard, x);
	buf_reset(&tap.latest[response]);
	buf_add(&tap.latest[response], x);
}

static void change(TPM2_CC cc, bool response, struct buf *b)
{
	if (tap.change_in != cc || tap.response != response || tap.at >= b->n)
		return;
	b->p[tap.at] ^= tap.flip;
	tap.change_in = 0;
}

static enum inro_err pass(struct link *l, TPM2_CC cc, struct buf *command, bool durable,
			  struct buf *ret)
{
	enum inro_err e;

	change(cc, false, command);
	e = link_talk(tap_of(l)->inner, buf_bytes(command), durable, ret);
	if (e)
		return e;
	hear(buf_bytes(ret), true);
	change(cc, true, ret);
	return INRO_OK;
}

static enum inro_err tap_talk(struct link *l, struct bytes command, bool durable, struct buf *ret)
{
	SCOPED(buf) copy = { 0 };
	struct bytes in = BYTES(command.p + 6, command.n - 6);
	uint32_t cc = 0;
	enum inro_err e = read_u32(&in, &cc);

	if (e)
		return e;
	tap.of = cc;
	hear(command, false);
	buf_add(&copy, command);
	e = pass(l, cc, &copy, durable, ret);
	if (e || tap.break_at != cc)
		return e;
	tap.break_at = 0;
	link_lost(tap_of(l)->inner);
	return err_set(INRO_E_IO, "the wire was cut");
}

static void tap_lost(struct link *l)
{
	link_lost(tap_of(l)->inner);
}

static enum inro_err tap_will_hold(struct link *l)
{
	return link_will_hold(tap_of(l)->inner);
}

static void tap_hold(struct link *l, uint32_t handle)
{
	link_hold(tap_of(l)->inner, handle);
}

static void tap_drop(struct link *l, uint32_t handle)
{
	link_drop(tap_of(l)->inner, handle);
}

const struct link_kind tpmtap_kind = {
	.scheme = "tap",
	.make = tap_make,
	.free = tap_free,
	.begin = tap_begin,
	.end = tap_end,
	.talk = tap_talk,
	.lost = tap_lost,
	.will_hold = tap_will_hold,
	.hold = tap_hold,
	.drop = tap_drop,
};
