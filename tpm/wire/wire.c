/* wire - numbers, sized buffers, and the reader beneath all structures. */
#include "tpm/wire/wire.h"

#include <string.h>

#include "base/own.h"
#include "tpm/wire/wire_private.h"

#define MAX_2B 0xffff

/* ---- writing ---- */

void wire_fail(struct buf *b, enum inro_err e, const char *what)
{
	if (!b->err)
		b->err = err_set(e, "a command for the TPM can't be written: %s", what);
}

struct wire_u32 wire_u32_of(uint32_t x)
{
	return (struct wire_u32) { { (uint8_t)(x >> 24), (uint8_t)(x >> 16), (uint8_t)(x >> 8),
				     (uint8_t)x } };
}

void wire_add_u16(struct buf *b, uint16_t x)
{
	uint8_t octets[] = { (uint8_t)(x >> 8), (uint8_t)x };

	buf_add(b, BYTES(octets, sizeof octets));
}

void wire_add_2b(struct buf *b, struct bytes x)
{
	if (x.n > MAX_2B) {
		wire_fail(b, INRO_E_TOO_BIG, "more than 65535 bytes in one field");
		return;
	}
	wire_add_u16(b, (uint16_t)x.n);
	buf_add(b, x);
}

void wire_add_array(struct buf *b, const uint8_t *p, size_t size, size_t cap)
{
	if (size > cap)
		wire_fail(b, INRO_E_ARG, "a size beyond its array");
	else
		wire_add_2b(b, BYTES(p, size));
}

size_t wire_begin_2b(struct buf *b)
{
	size_t begun = b->n;

	wire_add_u16(b, 0);
	return begun;
}

void wire_end_2b(struct buf *b, size_t begun)
{
	size_t n;

	if (b->err)
		return;
	n = b->n - begun - 2;
	if (n > MAX_2B) {
		wire_fail(b, INRO_E_TOO_BIG, "more than 65535 bytes in one structure");
		return;
	}
	b->p[begun] = (uint8_t)(n >> 8);
	b->p[begun + 1] = (uint8_t)n;
}

void wire_add_null_hashcheck(struct buf *b)
{
	wire_add_u16(b, TPM2_ST_HASHCHECK);
	buf_add_u32(b, TPM2_RH_NULL);
	wire_add_2b(b, BYTES_NONE);
}

/* ---- reading ---- */

void take_fail(struct take *t, const char *what)
{
	if (!t->err)
		t->err = err_set(INRO_E_SYNTAX, "a structure of a TPM can't be read: %s", what);
}

static uint64_t take_number(struct take *t, size_t n)
{
	uint64_t x = 0;

	if (t->err || n > t->in.n) {
		take_fail(t, "it ends too early");
		return 0;
	}
	for (size_t i = 0; i < n; i++)
		x = x << 8 | t->in.p[i];
	t->in = BYTES(t->in.p + n, t->in.n - n);
	return x;
}

uint8_t take_u8(struct take *t)
{
	return (uint8_t)take_number(t, 1);
}

uint16_t take_u16(struct take *t)
{
	return (uint16_t)take_number(t, 2);
}

uint32_t take_u32(struct take *t)
{
	return (uint32_t)take_number(t, 4);
}

uint64_t take_u64(struct take *t)
{
	return take_number(t, 8);
}

uint16_t take_one_of(struct take *t, const uint16_t *known, size_t n, const char *what)
{
	uint16_t x = take_u16(t);

	for (size_t i = 0; i < n; i++)
		if (known[i] == x)
			return x;
	take_fail(t, what);
	return 0;
}

static struct bytes take_bytes(struct take *t, size_t n)
{
	struct bytes x;

	if (t->err || n > t->in.n) {
		take_fail(t, "it ends too early");
		return BYTES_NONE;
	}
	x = BYTES(t->in.p, n);
	t->in = n ? BYTES(t->in.p + n, t->in.n - n) : t->in;
	return x;
}

void take_raw(struct take *t, size_t n, uint8_t *out)
{
	struct bytes x = take_bytes(t, n);

	if (x.n)
		memcpy(out, x.p, x.n);
}

struct bytes take_2b(struct take *t, size_t max)
{
	uint16_t n = take_u16(t);

	if (n > max)
		take_fail(t, "a field is longer than it may be");
	return take_bytes(t, n);
}

void take_into(struct take *t, uint16_t *size, uint8_t *out, size_t cap)
{
	struct bytes x = take_2b(t, cap);

	*size = (uint16_t)x.n;
	if (x.n)
		memcpy(out, x.p, x.n);
}

struct take take_open(struct take *t)
{
	struct take inner = { .in = take_2b(t, MAX_2B) };

	inner.err = t->err;
	return inner;
}

void take_close(struct take *t, const struct take *inner)
{
	if (!t->err)
		t->err = inner->err;
	if (inner->in.n)
		take_fail(t, "its size is not that of its content");
}

enum inro_err take_done(const struct take *t, struct bytes *in)
{
	if (!t->err)
		*in = t->in;
	return t->err;
}

enum inro_err wire_read_u16(struct bytes *in, uint16_t *ret)
{
	struct take t = { .in = *in };
	uint16_t x = take_u16(&t);

	if (!t.err)
		*ret = x;
	return take_done(&t, in);
}

enum inro_err wire_read_2b(struct bytes *in, size_t max, struct bytes *ret)
{
	struct take t = { .in = *in };
	struct bytes x = take_2b(&t, max);

	if (!t.err)
		*ret = x;
	return take_done(&t, in);
}

enum inro_err wire_end(struct bytes in)
{
	return in.n ? err_set(INRO_E_SYNTAX,
			      "a structure of a TPM is followed by %zu bytes too "
			      "many",
			      in.n)
		    : INRO_OK;
}

/* ---- hashes ---- */

static const struct {
	TPM2_ALG_ID id;
	size_t size;
} hashes[] = {
	{ .id = TPM2_ALG_SHA1, .size = TPM2_SHA1_DIGEST_SIZE },
	{ .id = TPM2_ALG_SHA256, .size = TPM2_SHA256_DIGEST_SIZE },
	{ .id = TPM2_ALG_SHA384, .size = TPM2_SHA384_DIGEST_SIZE },
	{ .id = TPM2_ALG_SHA512, .size = TPM2_SHA512_DIGEST_SIZE },
	{ .id = TPM2_ALG_SM3_256, .size = TPM2_SM3_256_DIGEST_SIZE },
	{ .id = TPM2_ALG_SHA3_256, .size = 32 },
	{ .id = TPM2_ALG_SHA3_384, .size = 48 },
	{ .id = TPM2_ALG_SHA3_512, .size = 64 },
};

size_t wire_hash_size(TPM2_ALG_ID hash)
{
	for (size_t i = 0; i < ARRAY_LEN(hashes); i++)
		if (hashes[i].id == hash)
			return hashes[i].size;
	return 0;
}

TPM2_ALG_ID take_hash_or_null(struct take *t)
{
	TPM2_ALG_ID x = take_u16(t);

	if (x != TPM2_ALG_NULL && !wire_hash_size(x))
		take_fail(t, "it names an unknown hash");
	return x;
}

TPM2_ALG_ID take_hash(struct take *t)
{
	TPM2_ALG_ID x = take_hash_or_null(t);

	if (x == TPM2_ALG_NULL)
		take_fail(t, "it names no hash");
	return x;
}
