/* text - what may be in a name, a field or a password, and the JSON of an event's detail. */
#include <string.h>

#include "backoffice/core/internal.h"

static bool name_char(char x, const char *more)
{
	return (x >= 'a' && x <= 'z') || (x >= 'A' && x <= 'Z') || (x >= '0' && x <= '9') ||
	       (x && strchr(more, x));
}

enum inro_err core_check_name(const char *what, const char *name, size_t max, const char *more)
{
	size_t n = name ? strlen(name) : 0;

	if (n == 0 || n > max)
		return err_set(INRO_E_ARG, "%s has 1 to %zu characters", what, max);
	for (size_t i = 0; i < n; i++)
		if (!name_char(name[i], more))
			return err_set(INRO_E_ARG, "%s is made of letters, digits and %s only",
				       what, more);
	if (strspn(name, ".") == n)
		return err_set(INRO_E_ARG, "%s is more than dots", what);
	return INRO_OK;
}

size_t utf8_length(const unsigned char *s)
{
	size_t n = s[0] < 0x80 ? 1 : s[0] < 0xc2 ? 0 : s[0] < 0xe0 ? 2 : s[0] < 0xf0 ? 3 : 4;

	if (n == 0 || s[0] > 0xf4)
		return 0;
	for (size_t i = 1; i < n; i++)
		if ((s[i] & 0xc0) != 0x80)
			return 0;
	if ((s[0] == 0xe0 && s[1] < 0xa0) || (s[0] == 0xed && s[1] > 0x9f) ||
	    (s[0] == 0xf0 && s[1] < 0x90) || (s[0] == 0xf4 && s[1] > 0x8f))
		return 0;
	return n;
}

enum inro_err core_check_text(const char *what, const char *text, size_t max)
{
	const unsigned char *s = (const unsigned char *)text_or_empty(text);

	if (strlen((const char *)s) > max)
		return err_set(INRO_E_TOO_BIG, "%s has more than %zu bytes", what, max);
	while (*s) {
		size_t n = utf8_length(s);
		bool control = *s < 0x20 || *s == 0x7f || (*s == 0xc2 && s[1] < 0xa0);

		if (n == 0 || control)
			return err_set(INRO_E_ARG, "%s has %s in it", what,
				       n ? "a control character" : "bytes that are not UTF-8");
		s += n;
	}
	return INRO_OK;
}

enum { UPPER = 1, LOWER = 2, DIGIT = 4, OTHER = 8 };

static unsigned class_of(uint8_t c)
{
	if (c >= 'A' && c <= 'Z')
		return UPPER;
	if (c >= 'a' && c <= 'z')
		return LOWER;
	return c >= '0' && c <= '9' ? DIGIT : OTHER;
}

int64_t core_classes(struct bytes text)
{
	unsigned seen = 0;
	int64_t n = 0;

	for (size_t i = 0; i < text.n; i++)
		seen |= class_of(text.p[i]);
	for (; seen; seen &= seen - 1)
		n++;
	return n;
}

static void add_member(struct buf *d, const char *key)
{
	buf_add_str(d, d->n ? ",\"" : "{\"");
	buf_add_str(d, key);
	buf_add_str(d, "\":");
}

/* ASCII that stands for itself. */
static size_t plain_length(const unsigned char *s)
{
	size_t n = 0;

	while (s[n] >= 0x20 && s[n] < 0x7f && s[n] != '"' && s[n] != '\\')
		n++;
	return n;
}

static void add_json_text(struct buf *d, const char *text)
{
	const unsigned char *s = (const unsigned char *)text;
	size_t n;

	buf_add_u8(d, '"');
	for (; *s; s += n ? n : 1) {
		n = utf8_length(s);
		if (n == 0)
			buf_add_u8(d, '?');
		else if (*s < 0x20 || *s == 0x7f)
			buf_addf(d, "\\u%04x", *s);
		else if (*s == '"' || *s == '\\')
			buf_addf(d, "\\%c", *s);
		else
			buf_add(d, BYTES(s, n += plain_length(s + n)));
	}
	buf_add_u8(d, '"');
}

void detail_text(struct buf *d, const char *key, const char *value)
{
	if (!value || !*value)
		return;
	add_member(d, key);
	add_json_text(d, value);
}

void detail_int(struct buf *d, const char *key, int64_t value)
{
	add_member(d, key);
	buf_addf(d, "%lld", (long long)value);
}

void detail_hex(struct buf *d, const char *key, struct bytes value)
{
	add_member(d, key);
	buf_add_u8(d, '"');
	buf_add_hex(d, value);
	buf_add_u8(d, '"');
}

void detail_end(struct buf *d)
{
	if (d->n == 0)
		buf_add_u8(d, '{');
	buf_add_str(d, "}");
	buf_add_u8(d, 0);
}
