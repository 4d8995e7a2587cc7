/* charset - see charset.h. */
#include "backoffice/core/charset.h"

#include <iconv.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "backoffice/core/internal.h"
#include "base/utf8.h"

const char *const charset_names[CHARSET__MAX] = { "utf-8", "shift_jis" };

/* ---- Shift_JIS, as the C library has it ---- */

/* Of each code, one octet or two, its character; all of them are in the first plane.  0: none. */
static struct {
	pthread_once_t once;
	bool known;
	uint16_t of[0x10000];
} sjis = { .once = PTHREAD_ONCE_INIT };

/* JIS X 0208 in Shift_JIS; what is between is one octet: ASCII, and katakana of half the width. */
static bool is_lead(unsigned c)
{
	return (c >= 0x81 && c <= 0x9f) || (c >= 0xe0 && c <= 0xfc);
}

static bool is_alone(unsigned c)
{
	return c < 0x80 || (c >= 0xa1 && c <= 0xdf);
}

static bool is_second(unsigned c)
{
	return (c >= 0x40 && c <= 0x7e) || (c >= 0x80 && c <= 0xfc);
}

static void learn(iconv_t cd, unsigned code)
{
	char from[2] = { (char)(code >> 8), (char)code }, to[8];
	size_t skip = code < 0x100, n = 2 - skip, room = sizeof to;
	char *in = from + skip, *out = to;

	(void)iconv(cd, NULL, NULL, NULL, NULL);
	if (iconv(cd, &in, &n, &out, &room) == (size_t)-1 || n || room != sizeof to - 2)
		return;
	sjis.of[code] = (uint16_t)((uint8_t)to[0] << 8 | (uint8_t)to[1]);
}

static void learn_all(void)
{
	iconv_t cd = iconv_open("UTF-16BE", "CP932");

	if (cd == (iconv_t)-1)
		return;
	for (unsigned c = 1; c < 0x100; c++) {
		if (is_alone(c))
			learn(cd, c);
		for (unsigned second = 0; is_lead(c) && second < 0x100; second++)
			if (is_second(second))
				learn(cd, c << 8 | second);
	}
	(void)iconv_close(cd);
	sjis.known = sjis.of['a'] == 'a';
}

static bool sjis_there(void)
{
	(void)pthread_once(&sjis.once, learn_all);
	return sjis.known;
}

/* The character at the front and, as the result, its length; 0: there is none. */
static size_t sjis_take(const unsigned char *s, uint32_t *ret)
{
	size_t n = is_lead(s[0]) ? 2 : 1;

	if (n == 2 && !is_second(s[1]))
		return 0;
	*ret = sjis.of[n == 2 ? s[0] << 8 | s[1] : s[0]];
	return *ret ? n : 0;
}

static bool is_sjis(const char *line)
{
	const unsigned char *s = (const unsigned char *)line;
	uint32_t c;
	size_t n = sjis_there();

	while (n && *s) {
		n = sjis_take(s, &c);
		s += n;
	}
	return n != 0;
}

/* ---- a line ---- */

static enum inro_err line_utf8(char *line, size_t max)
{
	(void)max;
	if (utf8_is_text(bytes_of(line), NULL))
		return INRO_OK;
	return is_sjis(line) ? err_set(INRO_E_SYNTAX,
				       "the row is not UTF-8; if it is Shift_JIS, as Windows in Japan writes CSV, give "
				       "--encoding shift_jis")
			     : err_set(INRO_E_SYNTAX, "the row is not UTF-8; save the file as UTF-8");
}

static enum inro_err not_sjis(const char *line)
{
	if (utf8_is_text(bytes_of(line), NULL))
		return err_set(INRO_E_SYNTAX, "the row is not Shift_JIS but UTF-8; leave --encoding out");
	return err_set(INRO_E_SYNTAX, "the row is not Shift_JIS; save the file as UTF-8");
}

static enum inro_err line_sjis(char *line, size_t max)
{
	AUTO(free_chars) char *from = strdup(line);
	const unsigned char *s = (const unsigned char *)from;
	size_t n, at = 0;
	uint32_t c;

	if (!from)
		return err_set(INRO_E_NO_MEMORY, "no memory for a row");
	for (; *s; s += n) {
		char to[4];
		size_t length;

		n = sjis_there() ? sjis_take(s, &c) : 0;
		if (!n)
			return not_sjis(from);
		length = utf8_put(c, to);
		if (at + length > max)
			return err_set(INRO_E_TOO_BIG, "a row has up to %zu bytes in UTF-8", max);
		memcpy(line + at, to, length);
		at += length;
	}
	line[at] = 0;
	return INRO_OK;
}

static enum inro_err (*const lines[CHARSET__MAX])(char *line, size_t max) = {
	[CHARSET_UTF8] = line_utf8,
	[CHARSET_SHIFT_JIS] = line_sjis,
};

enum inro_err charset_line(enum charset from, char *line, size_t max)
{
	return lines[from](line, max);
}

enum inro_err charset_named(const char *name, enum charset *ret)
{
	for (size_t i = 0; i < CHARSET__MAX; i++)
		if (strcasecmp(charset_names[i], name) == 0) {
			*ret = (enum charset)i;
			return i != CHARSET_SHIFT_JIS || sjis_there()
				       ? INRO_OK
				       : err_set(INRO_E_UNSUPPORTED,
						 "this machine's C library has no conversion from CP932 (gconv of "
						 "libc6); save the file as UTF-8");
		}
	return err_set(INRO_E_ARG, "'%.32s' is no encoding of a file; there are %s and %s", name,
		       charset_names[CHARSET_UTF8], charset_names[CHARSET_SHIFT_JIS]);
}
