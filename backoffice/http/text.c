/* text - see text.h. */
#include "backoffice/http/text.h"

#include <stdio.h>
#include <time.h>

#include "base/utf8.h"

void text_add_json(struct buf *out, struct bytes text)
{
	buf_add_u8(out, '"');
	while (text.n) {
		uint32_t c = 0;
		size_t n = utf8_take(text, &c);

		if (!n || !utf8_is_safe(c))
			buf_add_u8(out, '?');
		else if (c == '"' || c == '\\')
			buf_addf(out, "\\%c", (char)c);
		else
			buf_add(out, BYTES(text.p, n));
		n += n == 0;
		text = BYTES(text.p + n, text.n - n);
	}
	buf_add_u8(out, '"');
}

void http_date(int64_t unix_seconds, char out[static HTTP_DATE_SIZE])
{
	static const char days[] = "SunMonTueWedThuFriSat";
	static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
	time_t t = (time_t)unix_seconds;
	struct tm tm = { 0 };

	gmtime_r(&t, &tm);
	snprintf(out, HTTP_DATE_SIZE, "%.3s, %02u %.3s %04u %02u:%02u:%02u GMT",
		 days + 3 * tm.tm_wday, (unsigned)tm.tm_mday % 100, months + 3 * tm.tm_mon,
		 (unsigned)(tm.tm_year + 1900) % 10000, (unsigned)tm.tm_hour % 100,
		 (unsigned)tm.tm_min % 100, (unsigned)tm.tm_sec % 100);
}
