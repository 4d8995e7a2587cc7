/* sql_prefix - what is behind all that begins alike; see sql.h. */
#include "backoffice/store/sql.h"

#include <string.h>

#include "base/utf8.h"

/* The octets of the last character of a text, of the last octet when it is none. */
static size_t last_length(const char *p, size_t n, bool text)
{
	size_t back = 1;

	while (text && back < n && back < 4 && ((uint8_t)p[n - back] & 0xc0) == 0x80)
		back++;
	return back;
}

/* The character after this one in its place; false when there is none.  A text that is to be
 * compared is a text too: another octet would not do. */
static bool next_character(char *p, size_t n, size_t *ret_n)
{
	static const uint8_t first[] = { 0, 0x7f, 0x1f, 0x0f, 0x07 };
	uint32_t c = (uint8_t)p[0] & first[n];

	for (size_t i = 1; i < n; i++)
		c = c << 6 | ((uint8_t)p[i] & 0x3f);
	c = c == 0xd7ff ? 0xe000 : c + 1;
	if (c > 0x10ffff)
		return false;
	*ret_n = utf8_put(c, p);
	return true;
}

static bool next_octet(char *p, size_t *ret_n)
{
	if ((uint8_t)*p == 0xff)
		return false;
	*p = (char)((uint8_t)*p + 1);
	*ret_n = 1;
	return true;
}

bool sql_prefix_end(struct sql *s, struct bytes prefix, bool text, struct bytes *ret)
{
	size_t n = prefix.n;

	if (n)
		memcpy(s->prefix_end, prefix.p, n);
	while (n) {
		size_t last = last_length(s->prefix_end, n, text), now = 0;
		char *at = s->prefix_end + n - last;

		if (text ? next_character(at, last, &now) : next_octet(at, &now)) {
			n = n - last + now;
			s->prefix_end[n] = 0;
			*ret = BYTES(s->prefix_end, n);
			return true;
		}
		n -= last;
	}
	return false;
}
