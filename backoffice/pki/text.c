#include "backoffice/pki/text.h"

#include <string.h>
#include <strings.h>

/* Octets that follow a first octet, the smallest character that needs so many. */
static int tail_of(uint8_t first, uint32_t *bits, uint32_t *least)
{
	static const struct {
		uint8_t mask, mark, tail;
		uint32_t least;
	} forms[] = {
		{ 0x80, 0x00, 0, 0 },
		{ 0xe0, 0xc0, 1, 0x80 },
		{ 0xf0, 0xe0, 2, 0x800 },
		{ 0xf8, 0xf0, 3, 0x10000 },
	};

	for (size_t i = 0; i < ARRAY_LEN(forms); i++)
		if ((first & forms[i].mask) == forms[i].mark) {
			*bits = first & (uint8_t)~forms[i].mask;
			*least = forms[i].least;
			return forms[i].tail;
		}
	return -1;
}

/* One character off the front; 0 for what is none. */
static uint32_t take_char(struct bytes *s)
{
	uint32_t c, least;
	int tail = tail_of(s->p[0], &c, &least);

	if (tail < 0 || (size_t)tail >= s->n)
		return 0;
	for (int i = 1; i <= tail; i++) {
		if ((s->p[i] & 0xc0) != 0x80)
			return 0;
		c = c << 6 | (s->p[i] & 0x3f);
	}
	*s = BYTES(s->p + tail + 1, s->n - (size_t)tail - 1);
	if (c < least || c > 0x10ffff || (c >= 0xd800 && c < 0xe000))
		return 0;
	return c;
}

bool text_is_utf8(struct bytes s, size_t *ret_n)
{
	size_t n = 0;

	for (; s.n; n++) {
		uint32_t c = take_char(&s);

		if (c < 0x20 || (c >= 0x7f && c < 0xa0))
			return false;
	}
	*ret_n = n;
	return true;
}

bool text_is_alpha(uint8_t c)
{
	return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
}

bool text_is_digit(uint8_t c)
{
	return c >= '0' && c <= '9';
}

bool text_is_printable_string(struct bytes s)
{
	for (size_t i = 0; i < s.n; i++)
		if (!text_is_alpha(s.p[i]) && !text_is_digit(s.p[i]) &&
		    !memchr(" '()+,-./:=?", s.p[i], 12))
			return false;
	return true;
}

bool text_is_ascii(struct bytes s)
{
	for (size_t i = 0; i < s.n; i++)
		if (s.p[i] < 0x20 || s.p[i] > 0x7e)
			return false;
	return true;
}

bool text_same(struct bytes a, const char *b)
{
	return a.n == strlen(b) && (a.n == 0 || !strncasecmp((const char *)a.p, b, a.n));
}

bool text_word(struct bytes *rest, struct bytes *ret)
{
	size_t from = 0, to;

	while (from < rest->n && memchr(" \t", rest->p[from], 2))
		from++;
	for (to = from; to < rest->n && !memchr(" \t", rest->p[to], 2);)
		to++;
	if (from == to)
		return false;
	*ret = BYTES(rest->p + from, to - from);
	*rest = BYTES(rest->p + to, rest->n - to);
	return true;
}
