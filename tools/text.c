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

json_t *text_json(struct bytes s)
{
	SCOPED(buf) clean = { 0 };
	while (s.n) {
		uint32_t c = 0;
		size_t n = utf8_take(s, &c);
		buf_add(&clean, n ? BYTES(s.p, n) : bytes_of("\xef\xbf\xbd"));
		n += n == 0;
		s = BYTES(s.p + n, s.n - n);
	}
	if (buf_err(&clean))
		return NULL;
	return json_stringn(clean.n ? (const char *)clean.p : "", clean.n);
}
