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

/* A wrong one stands for itself. */
static bool take_escape(const char **s, char *ret)
{
	uint8_t c = 0;
	size_t n = 0;

	if (hex_decode(BYTES(*s + 1, strnlen(*s + 1, 2)), &c, 1, &n) != INRO_OK)
		err_reset();
	if (n != 1)
		return false;
	*s += 2;
	*ret = (char)c;
	return true;
}

void basic_decode_id(struct basic *b)
{
	char *to = b->name;

	for (const char *s = b->name; *s; s++) {
		if (*s != '%' || !take_escape(&s, to))
			*to = *s;
		to++;
	}
	*to = '\0';
}
