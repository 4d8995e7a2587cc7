/* text - UTF-8 one character at a time. */
#include "tools/text.h"

#include <stdlib.h>
#include <wchar.h>

/* Takes one character; its length, 0 when the bytes are not UTF-8 (overlong, surrogate, cut). */
static size_t take_char(struct bytes s, uint32_t *ret)
{
	static const struct {
		uint8_t mask, lead;
		uint32_t least;
	} forms[] = {
		{ 0x80, 0, 0 }, { 0xe0, 0xc0, 0x80 }, { 0xf0, 0xe0, 0x800 }, { 0xf8, 0xf0, 0x10000 }
	};
	for (size_t f = 0; f < ARRAY_LEN(forms); f++) {
		if ((s.p[0] & forms[f].mask) != forms[f].lead)
			continue;
		uint32_t c = s.p[0] & (uint8_t)~forms[f].mask;
		size_t n = 1;
		for (; n <= f && n < s.n && (s.p[n] & 0xc0) == 0x80; n++)
			c = c << 6 | (s.p[n] & 0x3f);
		bool fits = n == f + 1 && c >= forms[f].least && c <= 0x10ffff;
		if (!fits || (c >= 0xd800 && c <= 0xdfff))
			return 0;
		*ret = c;
		return n;
	}
	return 0;
}

static bool is_direction(uint32_t c)
{
	return (c >= 0x202a && c <= 0x202e) || (c >= 0x2066 && c <= 0x2069) || c == 0x200e ||
	       c == 0x200f || c == 0x061c;
}

static bool is_safe(uint32_t c)
{
	return c >= 0x20 && c != 0x7f && !(c >= 0x80 && c <= 0x9f) && c != 0x2028 && c != 0x2029 &&
	       !is_direction(c);
}

void text_add_safe(struct bytes s, struct buf *out)
{
	while (s.n) {
		uint32_t c = 0;
		size_t n = take_char(s, &c);
		if (!n)
			buf_addf(out, "\\x%02x", s.p[0]);
		else if (!is_safe(c))
			buf_addf(out, "\\u{%x}", c);
		else
			buf_add(out, BYTES(s.p, n));
		n += n == 0;
		s = BYTES(s.p + n, s.n - n);
	}
}

size_t text_width(struct bytes s)
{
	size_t width = 0;
	while (s.n) {
		uint32_t c = 0;
		size_t n = take_char(s, &c);
		int columns = n ? wcwidth((wchar_t)c) : 1;
		width += columns > 0 ? (size_t)columns : 0;
		n += n == 0;
		s = BYTES(s.p + n, s.n - n);
	}
	return width;
}

json_t *text_json(struct bytes s)
{
	SCOPED(buf) clean = { 0 };
	while (s.n) {
		uint32_t c = 0;
		size_t n = take_char(s, &c);
		buf_add(&clean, n ? BYTES(s.p, n) : bytes_of("\xef\xbf\xbd"));
		n += n == 0;
		s = BYTES(s.p + n, s.n - n);
	}
	if (buf_err(&clean))
		return NULL;
	return json_stringn(clean.n ? (const char *)clean.p : "", clean.n);
}
