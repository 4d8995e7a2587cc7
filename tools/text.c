/* text - UTF-8 one character at a time. */
#include "tools/text.h"

#include <stdlib.h>
#include <wchar.h>

#include "base/utf8.h"

void text_add_safe(struct bytes s, struct buf *out)
{
	while (s.n) {
		uint32_t c = 0;
		size_t n = utf8_take(s, &c);
		if (!n)
			buf_addf(out, "\\x%02x", s.p[0]);
		else if (!utf8_is_safe(c))
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
		size_t n = utf8_take(s, &c);
		int columns = n ? wcwidth((wchar_t)c) : 1;
		width += columns > 0 ? (size_t)columns : 0;
		n += n == 0;
		s = BYTES(s.p + n, s.n - n);
	}
	return width;
}

