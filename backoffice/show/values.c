/* values - texts, times, names and PEM as JSON; see doc.h. */
#include "backoffice/show/doc.h"

#include "backoffice/pki/dn.h"
#include "backoffice/pki/pem.h"
#include "base/clock.h"
#include "base/utf8.h"

/* The octets at the front that are characters. */
static size_t good_length(struct bytes s)
{
	size_t at = 0, n = 1;
	uint32_t c;

	for (; at < s.n && n; at += n)
		n = s.p[at] < 0x80 ? 1 : utf8_take(BYTES(s.p + at, s.n - at), &c);
	return at;
}

static json_t *string_of(struct bytes s)
{
	return json_stringn_nocheck(s.n ? (const char *)s.p : "", s.n);
}

json_t *text_json(struct bytes s)
{
	SCOPED(buf) clean = { 0 };
	size_t n = good_length(s);

	if (n == s.n)
		return string_of(s);
	for (; s.n; n = good_length(s)) {
		buf_add(&clean, BYTES(s.p, n));
		s = BYTES(s.p + n, s.n - n);
		if (s.n) {
			buf_add_str(&clean, "\xef\xbf\xbd");
			s = BYTES(s.p + 1, s.n - 1);
		}
	}
	return buf_err(&clean) ? NULL : string_of(buf_bytes(&clean));
}

enum inro_err json_give(json_t *doc, json_t **ret)
{
	if (!doc)
		return err_set(INRO_E_NO_MEMORY, "memory is short");
	*ret = doc;
	return INRO_OK;
}

enum inro_err json_give_or_drop(enum inro_err e, json_t *doc, json_t **ret)
{
	if (!e)
		return json_give(doc, ret);
	json_decref(doc);
	return e;
}

json_t *json_of_text(const char *s)
{
	return s && s[0] ? text_json(bytes_of(s)) : json_null();
}

json_t *json_of_hex(struct bytes b)
{
	SCOPED(buf) hex = { 0 };
	buf_add_hex(&hex, b);
	return b.n ? json_stringn((const char *)hex.p, hex.n) : json_null();
}

json_t *json_of_time(int64_t unix_seconds)
{
	char text[32];
	if (!unix_seconds)
		return json_null();
	clock_format(unix_seconds, text, sizeof text);
	return json_string(text);
}

json_t *json_of_dn(struct bytes der)
{
	SCOPED(buf) text = { 0 };
	return dn_text(der, &text) ? json_null() : text_json(buf_bytes(&text));
}

json_t *json_of_pem(const char *label, const struct bytes *ders, size_t n)
{
	SCOPED(buf) text = { 0 };
	for (size_t i = 0; i < n; i++)
		pem_add(&text, label, ders[i]);
	return buf_err(&text) ? NULL : text_json(buf_bytes(&text));
}

json_t *json_of_object(const char *text)
{
	json_t *object = text ? json_loads(text, 0, NULL) : NULL;
	return object ? object : json_null();
}
