/* utf8 - one character at a time. */
#include "base/utf8.h"

#include <string.h>

size_t utf8_take(struct bytes s, uint32_t *ret)
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

size_t utf8_put(uint32_t c, char *out)
{
	static const uint8_t leads[] = { 0, 0, 0xc0, 0xe0, 0xf0 };
	size_t n = c < 0x80 ? 1 : c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;

	for (size_t i = n; i-- > 1; c >>= 6)
		out[i] = (char)(0x80 | (c & 0x3f));
	out[0] = (char)(leads[n] | c);
	return n;
}

bool utf8_is_text(struct bytes s, utf8_may *may)
{
	while (s.n) {
		uint32_t c = 0;
		size_t n = utf8_take(s, &c);

		if (!n || !c || (may && !may(c)))
			return false;
		s = BYTES(s.p + n, s.n - n);
	}
	return true;
}

void utf8_defuse(char *s, utf8_may *may)
{
	struct bytes in = bytes_of(s);

	while (in.n) {
		uint32_t c = 0;
		size_t n = utf8_take(in, &c);

		if (n == 0 || !may(c)) {
			n += n == 0;
			memset(s, '?', n);
		}
		s += n;
		in = BYTES(in.p + n, in.n - n);
	}
}

static bool is_direction(uint32_t c)
{
	return (c >= 0x202a && c <= 0x202e) || (c >= 0x2066 && c <= 0x2069) || c == 0x200e ||
	       c == 0x200f || c == 0x061c;
}

bool utf8_is_plain(uint32_t c)
{
	return c >= 0x20 && c != 0x7f && !(c >= 0x80 && c <= 0x9f);
}

bool utf8_is_safe(uint32_t c)
{
	return utf8_is_plain(c) && c != 0x2028 && c != 0x2029 && !is_direction(c);
}
