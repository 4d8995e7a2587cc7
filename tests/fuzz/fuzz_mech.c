/* fuzz_mech - every mechanism for every use with parameters of all shapes: what is opened owns its
 * bytes, in bounds; what is not leaves nothing behind. */
#include "tests/fuzz/fuzz.h"

#include <string.h>

#include "pkcs11/token/mech_private.h"
#include "tests/fuzz/feed.h"

static CK_MECHANISM_TYPE raw[512];

static int by_value(const void *a, const void *b)
{
	const CK_MECHANISM_TYPE *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

/* A backend that can do everything. */
static void fill_raw(void)
{
	if (raw[0])
		return;
	FUZZ_REQUIRE(mech_rows_n < ARRAY_LEN(raw));
	for (size_t i = 0; i < mech_rows_n; i++)
		raw[i] = mech_rows[i].raw;
	qsort(raw, mech_rows_n, sizeof *raw, by_value);
	raw[mech_rows_n] = CK_UNAVAILABLE_INFORMATION;
	raw[0] = raw[0] ? raw[0] : 1;
}

/* Touches every byte: a sanitizer sees what is not there. */
static unsigned sum(struct bytes x)
{
	unsigned all = 0;

	for (size_t i = 0; i < x.n; i++)
		all += x.p[i];
	return all;
}

/* None of its bytes is the caller's: they stay when that memory is gone. */
static void look(const struct mech_use *u)
{
	const struct use_spec *s = &u->spec;

	FUZZ_REQUIRE(u->mech);
	FUZZ_REQUIRE(s->label.n <= 8 * MECH_MAX_FIELD && s->iv.n <= MECH_MAX_FIELD);
	FUZZ_REQUIRE(s->ad.n <= MECH_MAX_AD && s->peer.n <= MECH_MAX_FIELD);
	volatile unsigned all = sum(s->label) + sum(s->iv) + sum(s->ad) + sum(s->peer);

	FUZZ_REQUIRE(all + sum(u->password) >= all);
}

static void open_one(struct feed *f, unsigned bit)
{
	SCOPED(mech_use) u = { 0 };
	CK_MECHANISM *m = feed_mechanism(f);
	enum inro_err e = mech_open(m, (enum key_use)(1U << bit), raw, &u);

	feed_clear(f);
	if (e)
		FUZZ_REQUIRE(!u.mech);
	else
		look(&u);
}

static void open_message(struct feed *f, unsigned bit)
{
	SCOPED(mech_use) u = { 0 };
	struct mech_message message = { 0 };
	CK_MECHANISM *m = feed_mechanism(f);

	if (mech_open_message(m, (enum key_use)(1U << bit), raw, &u) == INRO_OK &&
	    mech_message_read(u.mech, feed_message(f), &message) == INRO_OK) {
		FUZZ_REQUIRE(message.nonce && message.tag && message.nonce_n <= MECH_MAX_NONCE);
		memset(message.nonce, 1, message.nonce_n);
		memset(message.tag, 1, message.tag_n);
	}
	feed_clear(f);
}

static void open_sealing(struct feed *f, enum key_use use)
{
	SCOPED(mech_use) u = { 0 };
	struct room tag = { 0 };
	struct mech_sealing what = { .mechanism = feed_sealing(f), .use = use };
	enum inro_err e = INRO_E_ARG;

	what.ad = feed_input(f);
	if (what.mechanism)
		e = mech_open_sealing(&what, raw, &u, &tag);
	if (!e)
		memset(tag.p, 1, tag.cap);
	feed_clear(f);
	if (e)
		FUZZ_REQUIRE(!u.mech);
	else
		look(&u);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const CK_OBJECT_HANDLE objects[] = { 1, 2, 3 };
	struct feed f = { .in = BYTES(data, size),
			  .objects = objects,
			  .objects_n = ARRAY_LEN(objects) };
	unsigned bit = feed_u8(&f) % 30;

	fill_raw();
	if (bit < 14)
		open_one(&f, bit);
	else if (bit < 28)
		open_message(&f, bit - 14);
	else
		open_sealing(&f, bit == 28 ? USE_WRAP : USE_UNWRAP);
	return 0;
}
