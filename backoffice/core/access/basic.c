/* basic - see basic.h. */
#include "backoffice/core/basic.h"

#include <string.h>

#include "backoffice/pki/pem.h"

void basic_clear(struct basic *b)
{
	buf_clear(&b->text);
	*b = (struct basic) { 0 };
}

static enum inro_err not_basic(void)
{
	return err_set(INRO_E_SYNTAX, "credentials that are not HTTP Basic");
}

enum inro_err basic_read(const char *base64, struct basic *ret)
{
	SCOPED(basic) b = { .text = { .secret = true, .max = BASIC_MAX } };
	uint8_t *colon;

	if (pem_base64(bytes_of(base64), &b.text) != INRO_OK || !b.text.n)
		return not_basic();
	colon = memchr(b.text.p, ':', b.text.n);
	if (!colon || memchr(b.text.p, 0, b.text.n))
		return not_basic();
	buf_add_u8(&b.text, 0);
	if (buf_err(&b.text) != INRO_OK)
		return not_basic();
	colon = memchr(b.text.p, ':', b.text.n); /* the text may have moved */
	*colon = 0;
	b.name = (char *)b.text.p;
	b.password = bytes_of((const char *)colon + 1);
	*ret = b;
	b = (struct basic) { 0 };
	return INRO_OK;
}

static int hex_digit(char c)
{
	const char *digits = "0123456789abcdef", *at = c ? strchr(digits, c | 0x20) : NULL;

	return at ? (int)(at - digits) : -1;
}

void basic_decode_id(struct basic *b)
{
	char *to = b->name;

	for (const char *s = b->name; *s; s++) {
		int high = *s == '%' ? hex_digit(s[1]) : -1;
		int low = high >= 0 ? hex_digit(s[2]) : -1;

		*to++ = (char)(low >= 0 ? high << 4 | low : *s);
		s += low >= 0 ? 2 : 0;
	}
	*to = '\0';
}
