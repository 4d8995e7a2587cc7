#include "base/bytes.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/secret.h"

struct bytes bytes_of(const char *s)
{
	return s ? BYTES(s, strlen(s)) : BYTES_NONE;
}

bool bytes_equal(struct bytes a, struct bytes b)
{
	return a.n == b.n && (a.n == 0 || memcmp(a.p, b.p, a.n) == 0);
}

bool bytes_is(struct bytes a, const char *s)
{
	return bytes_equal(a, bytes_of(s));
}

int bytes_compare(struct bytes a, struct bytes b)
{
	size_t n = a.n < b.n ? a.n : b.n;
	int c = n ? memcmp(a.p, b.p, n) : 0;

	return c ? c : (a.n > b.n) - (a.n < b.n);
}

enum inro_err read_bytes(struct bytes *in, size_t n, struct bytes *ret)
{
	if (n > in->n)
		return err_set(INRO_E_SYNTAX, "the data ends too early");
	*ret = BYTES(in->p, n);
	*in = n ? BYTES(in->p + n, in->n - n) : *in;
	return INRO_OK;
}

static enum inro_err read_number(struct bytes *in, size_t n, uint64_t *ret)
{
	struct bytes x;
	uint64_t v = 0;
	enum inro_err e = read_bytes(in, n, &x);

	if (e)
		return e;
	for (size_t i = 0; i < n; i++)
		v = v << 8 | x.p[i];
	*ret = v;
	return INRO_OK;
}

enum inro_err read_u8(struct bytes *in, uint8_t *ret)
{
	struct bytes x;
	enum inro_err e = read_bytes(in, 1, &x);

	if (!e)
		*ret = x.p[0];
	return e;
}

enum inro_err read_u32(struct bytes *in, uint32_t *ret)
{
	uint64_t v;
	enum inro_err e = read_number(in, 4, &v);

	if (!e)
		*ret = (uint32_t)v;
	return e;
}

enum inro_err read_u64(struct bytes *in, uint64_t *ret)
{
	return read_number(in, 8, ret);
}

enum inro_err read_field(struct bytes *in, struct bytes *ret)
{
	struct bytes rest = *in;
	uint32_t n;
	enum inro_err e = read_u32(&rest, &n);

	if (!e)
		e = read_bytes(&rest, n, ret);
	if (!e)
		*in = rest;
	return e;
}

static void give_up(struct buf *b)
{
	if (b->secret) {
		secret_clear(&(struct secret) { b->p, b->cap });
		return;
	}
	if (b->p)
		wipe(b->p, b->cap);
	free(b->p);
}

void buf_clear(struct buf *b)
{
	give_up(b);
	*b = (struct buf) { .max = b->max, .secret = b->secret };
}

void buf_reset(struct buf *b)
{
	if (b->p)
		wipe(b->p, b->n);
	b->n = 0;
	b->err = INRO_OK;
}

enum inro_err buf_err(const struct buf *b)
{
	return b->err;
}

struct bytes buf_bytes(const struct buf *b)
{
	return BYTES(b->p, b->n);
}

void buf_truncate(struct buf *b, size_t n)
{
	if (n >= b->n)
		return;
	wipe(b->p + n, b->n - n);
	b->n = n;
}

static uint8_t *room(size_t n, bool secret)
{
	struct secret s;

	if (!secret)
		return malloc(n);
	return secret_new(n, &s) == INRO_OK ? s.p : NULL;
}

#define LEAST  128
#define COMMON 512 /* what outgrows the least is likely not through with it */

/* realloc() would leave the old copy behind unwiped. */
static bool grow(struct buf *b, size_t need)
{
	size_t cap = b->cap ? b->cap : LEAST;
	uint8_t *p;

	while (cap < need)
		cap = cap < COMMON ? COMMON : cap * 2;
	p = room(cap, b->secret);
	if (!p)
		return false;
	if (b->p)
		memcpy(p, b->p, b->n);
	give_up(b);
	b->p = p;
	b->cap = cap;
	return true;
}

static size_t limit(const struct buf *b)
{
	return b->max ? b->max : BUF_MAX;
}

/* There is room for n octets as it is. */
static bool fits(const struct buf *b, size_t n)
{
	return b->p && !b->err && n <= b->cap - b->n && b->n + n <= limit(b);
}

/* By itself: what is written octet by octet would pay for what it saves of registers. */
__attribute__((noinline)) static uint8_t *extend_anew(struct buf *b, size_t n)
{
	size_t max = limit(b);

	if (b->err)
		return NULL;
	if (n > max || b->n > max - n) {
		b->err = err_set(INRO_E_TOO_BIG, "more than %zu bytes", max);
		return NULL;
	}
	if ((b->n + n > b->cap || !b->p) && !grow(b, b->n + n)) {
		b->err = INRO_E_NO_MEMORY;
		return NULL;
	}
	b->n += n;
	return b->p + b->n - n;
}

static inline uint8_t *extend(struct buf *b, size_t n)
{
	if (!fits(b, n))
		return extend_anew(b, n);
	b->n += n;
	return b->p + b->n - n;
}

uint8_t *buf_extend(struct buf *b, size_t n)
{
	return extend(b, n);
}

void buf_reserve(struct buf *b, size_t n)
{
	if (extend(b, n))
		b->n -= n;
}

uint8_t *buf_insert(struct buf *b, size_t at, size_t n)
{
	size_t tail = b->n - at;

	if (!buf_extend(b, n))
		return NULL;
	memmove(b->p + at + n, b->p + at, tail);
	return b->p + at;
}

void buf_add(struct buf *b, struct bytes x)
{
	uint8_t *p = x.n ? extend(b, x.n) : NULL;

	if (p)
		memcpy(p, x.p, x.n);
}

static void add_number(struct buf *b, size_t n, uint64_t x)
{
	uint8_t *p = extend(b, n);

	for (size_t i = n; p && i > 0; i--, x >>= 8)
		p[i - 1] = (uint8_t)x;
}

void buf_add_u8(struct buf *b, uint8_t x)
{
	uint8_t *p = extend(b, 1);

	if (p)
		*p = x;
}

void buf_add_u32(struct buf *b, uint32_t x)
{
	add_number(b, 4, x);
}

void buf_add_u64(struct buf *b, uint64_t x)
{
	add_number(b, 8, x);
}

void buf_add_field(struct buf *b, struct bytes x)
{
	if (x.n > UINT32_MAX) {
		b->err = b->err ? b->err : INRO_E_TOO_BIG;
		return;
	}
	buf_add_u32(b, (uint32_t)x.n);
	buf_add(b, x);
}

void buf_add_str(struct buf *b, const char *s)
{
	buf_add(b, bytes_of(s));
}

void buf_addf(struct buf *b, const char *format, ...)
{
	va_list ap, again;
	/* What does not fit is written again; a secret is written only where it stays. */
	size_t max = b->max ? b->max : BUF_MAX, cap = b->cap < max ? b->cap : max;
	size_t room = b->secret || b->err || cap < b->n ? 0 : cap - b->n;
	int n;
	uint8_t *p = NULL;

	va_start(ap, format);
	va_copy(again, ap);
	n = vsnprintf(room ? (char *)b->p + b->n : NULL, room, format, ap);
	if (n >= 0 && (size_t)n < room)
		b->n += (size_t)n;
	else if (n >= 0)
		p = buf_extend(b, (size_t)n + 1); /* vsnprintf writes a NUL */
	else if (!b->err)
		b->err = err_set(INRO_E_TOO_BIG, "a text that can't be written");
	if (p) {
		vsnprintf((char *)p, (size_t)n + 1, format, again);
		b->n--;
	}
	va_end(again);
	va_end(ap);
}

void buf_add_hex(struct buf *b, struct bytes x)
{
	static const char digits[] = "0123456789abcdef";
	uint8_t *p = x.n <= SIZE_MAX / 2 ? buf_extend(b, 2 * x.n) : NULL;

	for (size_t i = 0; p && i < x.n; i++) {
		*p++ = (uint8_t)digits[x.p[i] >> 4];
		*p++ = (uint8_t)digits[x.p[i] & 15];
	}
}

char *buf_take_str(struct buf *b)
{
	char *s;

	buf_add_u8(b, 0);
	if (b->err)
		return NULL;
	s = (char *)b->p;
	*b = (struct buf) { .max = b->max };
	return s;
}

static int hex_digit(uint8_t c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

enum inro_err hex_decode(struct bytes text, uint8_t *out, size_t cap, size_t *ret_n)
{
	if (text.n % 2)
		return err_set(INRO_E_SYNTAX, "hex digits come in pairs");
	if (text.n / 2 > cap)
		return err_set(INRO_E_TOO_BIG, "more than %zu bytes of hex", cap);
	for (size_t i = 0; i < text.n; i++)
		if (hex_digit(text.p[i]) < 0)
			return err_set(INRO_E_SYNTAX, "not a hex digit at position %zu", i + 1);
	for (size_t i = 0; i < text.n; i += 2)
		out[i / 2] = (uint8_t)(hex_digit(text.p[i]) << 4 | hex_digit(text.p[i + 1]));
	*ret_n = text.n / 2;
	return INRO_OK;
}

const char *number_take(const char *text, int64_t *ret)
{
	bool minus = *text == '-';
	const char *at = text + minus;
	int64_t n = 0;

	if (*at < '0' || *at > '9')
		return NULL;
	for (; *at >= '0' && *at <= '9'; at++)
		if (__builtin_mul_overflow(n, 10, &n) ||
		    __builtin_add_overflow(n, minus ? '0' - *at : *at - '0', &n))
			return NULL;
	*ret = n;
	return at;
}

bool number_read(const char *text, int64_t *ret)
{
	int64_t n;
	const char *end = number_take(text, &n);

	if (!end || *end)
		return false;
	*ret = n;
	return true;
}
