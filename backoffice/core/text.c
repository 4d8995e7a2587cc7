/* text - what may be in a name, a field or a password, and the JSON of an event's detail. */
#include <string.h>

#include "backoffice/core/internal.h"
#include "base/utf8.h"

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

enum inro_err core_check_text(const char *what, const char *text, size_t max)
{
	struct bytes s = bytes_of(text_or_empty(text));

	if (s.n > max)
		return err_set(INRO_E_TOO_BIG, "%s has more than %zu bytes", what, max);
	if (utf8_is_text(s, utf8_is_plain))
		return INRO_OK;
	return err_set(INRO_E_ARG, "%s has %s in it", what,
		       utf8_is_text(s, NULL) ? "a control character" : "bytes that are not UTF-8");
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
static size_t plain_length(struct bytes s)
{
	size_t n = 0;

	while (n < s.n && s.p[n] >= 0x20 && s.p[n] < 0x7f && s.p[n] != '"' && s.p[n] != '\\')
		n++;
	return n;
}

static void add_json_text(struct buf *d, struct bytes s)
{
	buf_add_u8(d, '"');
	while (s.n) {
		uint32_t c = 0;
		size_t plain = plain_length(s), n = plain ? plain : utf8_take(s, &c);

		if (n == 0)
			buf_add_u8(d, '?');
		else if (!plain && (c < 0x20 || c == 0x7f))
			buf_addf(d, "\\u%04x", (unsigned)c);
		else if (c == '"' || c == '\\')
			buf_addf(d, "\\%c", (char)c);
		else
			buf_add(d, BYTES(s.p, n));
		n += n == 0;
		s = BYTES(s.p + n, s.n - n);
	}
	buf_add_u8(d, '"');
}

void detail_text(struct buf *d, const char *key, const char *value)
{
	if (!value || !*value)
		return;
	add_member(d, key);
	add_json_text(d, bytes_of(value));
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
