#include "backoffice/pki/text.h"

#include <string.h>
#include <strings.h>

#include "base/utf8.h"

bool text_is_utf8(struct bytes s, size_t *ret_n)
{
	size_t n = 0;

	if (!utf8_is_text(s, utf8_is_plain))
		return false;
	for (size_t i = 0; i < s.n; i++)
		n += (s.p[i] & 0xc0) != 0x80;
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

static bool is_blank(uint8_t c)
{
	return c == ' ' || (c >= '\t' && c <= '\r');
}

int text_folded(struct bytes *rest, bool first)
{
	bool blank = false;
	uint8_t c;

	for (; rest->n && is_blank(rest->p[0]); blank = true)
		*rest = BYTES(rest->p + 1, rest->n - 1);
	if (!rest->n)
		return -1;
	if (blank && !first)
		return ' ';
	c = rest->p[0];
	*rest = BYTES(rest->p + 1, rest->n - 1);
	return c >= 'A' && c <= 'Z' ? c + ('a' - 'A') : c;
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
