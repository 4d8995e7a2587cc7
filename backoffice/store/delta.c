/* delta - see delta.h. */
#include "backoffice/store/delta.h"

#include <string.h>

#define NEAR_LEAST 4 /* octets that are worth a step, at the place that comes next; elsewhere */
#define FAR_LEAST  6
#define PLACES	   1024
#define STRIDE	   16 /* octets that are compared at once */

/* Nothing told begins as the octets do. */
static bool stands_as_it_is(struct bytes what)
{
	return !what.n || *what.p != DELTA_MARK;
}

/* ---- telling ---- */

struct telling {
	struct bytes model, what;
	size_t at;     /* told so far */
	size_t fresh;  /* the octets before `at` that no step has yet */
	size_t next;   /* the place in the model that comes next */
	uint32_t places[PLACES]; /* where four octets are in the model, by their hash; one more */
	struct buf *out;
};

static size_t hash_of(const uint8_t *p)
{
	uint32_t x = (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;

	return x * 2654435761U >> 22;
}

static void know_places(struct telling *t)
{
	for (size_t i = 0; i + NEAR_LEAST <= t->model.n; i++)
		t->places[hash_of(t->model.p + i)] = (uint32_t)i + 1;
}

static void add_number(struct buf *out, size_t n)
{
	for (; n >= 0x80; n >>= 7)
		buf_add_u8(out, (uint8_t)(n | 0x80));
	buf_add_u8(out, (uint8_t)n);
}

static size_t alike(const struct telling *t, size_t place)
{
	const uint8_t *a = t->what.p + t->at, *b = t->model.p + place;
	size_t n = 0, most = t->what.n - t->at;

	if (most > t->model.n - place)
		most = t->model.n - place;
	while (n + STRIDE <= most && memcmp(a + n, b + n, STRIDE) == 0)
		n += STRIDE;
	while (n < most && a[n] == b[n])
		n++;
	return n;
}

/* Most places are not: the first octets tell. */
static bool begins_alike(const struct telling *t, size_t place)
{
	return place + NEAR_LEAST <= t->model.n &&
	       memcmp(t->what.p + t->at, t->model.p + place, NEAR_LEAST) == 0;
}

/* How many octets from here on are in the model; 0 where it is not worth a step. */
static size_t find(const struct telling *t, size_t *ret_place)
{
	size_t known, n;

	if (t->what.n - t->at < NEAR_LEAST)
		return 0;
	*ret_place = t->next;
	if (begins_alike(t, t->next))
		return alike(t, t->next);
	known = t->places[hash_of(t->what.p + t->at)];
	if (!known || !begins_alike(t, known - 1))
		return 0;
	*ret_place = known - 1;
	n = alike(t, known - 1);
	return n >= FAR_LEAST ? n : 0;
}

static void end_fresh(struct telling *t)
{
	if (!t->fresh)
		return;
	add_number(t->out, t->fresh << 1);
	buf_add(t->out, BYTES(t->what.p + t->at - t->fresh, t->fresh));
	t->fresh = 0;
}

static void add_known(struct telling *t, size_t place, size_t n)
{
	end_fresh(t);
	add_number(t->out, n << 1 | 1);
	add_number(t->out, place >= t->next ? (place - t->next) << 1 : (t->next - place) << 1 | 1);
	t->next = place + n;
	t->at += n;
}

static void tell(struct telling *t)
{
	size_t place, n;

	buf_add_u8(t->out, DELTA_MARK);
	while (t->at < t->what.n) {
		n = find(t, &place);
		if (n) {
			add_known(t, place, n);
			continue;
		}
		t->at++;
		t->fresh++;
		t->next++;
	}
	end_fresh(t);
}

/* What is stored is what it will be read as, or it is not told at all. */
static bool is_read_again(struct bytes model, struct bytes what, struct bytes told)
{
	SCOPED(buf) again = { 0 };

	buf_reserve(&again, what.n);
	return delta_read(model, told, &again) == INRO_OK && bytes_equal(buf_bytes(&again), what);
}

enum inro_err delta_tell(struct bytes model, struct bytes what, struct buf *ret)
{
	struct telling t = { .model = model, .what = what, .out = ret };
	size_t from = ret->n;
	enum inro_err e;

	if (what.n > DELTA_MAX || model.n > DELTA_MAX)
		return err_set(INRO_E_TOO_BIG, "a certificate of %zu bytes is too long",
			       what.n > model.n ? what.n : model.n);
	know_places(&t);
	tell(&t);
	e = buf_err(ret);
	if (e != INRO_OK || !stands_as_it_is(what) ||
	    (ret->n - from < what.n &&
	     is_read_again(model, what, BYTES(ret->p + from, ret->n - from))))
		return e;
	buf_truncate(ret, from);
	buf_add(ret, what);
	return buf_err(ret);
}

/* ---- reading ---- */

static enum inro_err nothing_told(void)
{
	return err_set(INRO_E_DAMAGED, "a certificate in the database is not as it was packed");
}

static bool take_number(struct bytes *in, size_t *ret)
{
	size_t n = 0;

	for (unsigned bits = 0; bits <= 21 && in->n; bits += 7) {
		uint8_t octet = *in->p;

		*in = BYTES(in->p + 1, in->n - 1);
		n |= (size_t)(octet & 0x7f) << bits;
		if (octet < 0x80) {
			*ret = n;
			return true;
		}
	}
	return false;
}

/* Octets of the model; *next is moved behind them. */
static bool read_known(struct bytes model, struct bytes *in, size_t n, size_t *next, struct buf *out)
{
	size_t far, place;

	if (!take_number(in, &far) || (far & 1 && far >> 1 > *next))
		return false;
	place = far & 1 ? *next - (far >> 1) : *next + (far >> 1);
	if (place > model.n || n > model.n - place)
		return false;
	buf_add(out, BYTES(model.p + place, n));
	*next = place + n;
	return true;
}

static bool read_fresh(struct bytes *in, size_t n, size_t *next, struct buf *out)
{
	if (n > in->n)
		return false;
	buf_add(out, BYTES(in->p, n));
	*in = BYTES(in->p + n, in->n - n);
	*next += n;
	return true;
}

enum inro_err delta_read(struct bytes model, struct bytes told, struct buf *ret)
{
	struct bytes in = told;
	size_t next = 0, n, from = ret->n;
	bool good = true;

	if (stands_as_it_is(told)) {
		buf_add(ret, told);
		return buf_err(ret);
	}
	in = BYTES(in.p + 1, in.n - 1);
	while (good && in.n) {
		good = take_number(&in, &n) && n > 1 &&
		       (n & 1 ? read_known(model, &in, n >> 1, &next, ret)
			      : read_fresh(&in, n >> 1, &next, ret));
		good = good && ret->n - from <= DELTA_MAX;
	}
	return good ? buf_err(ret) : nothing_told();
}
