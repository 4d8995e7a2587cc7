#include "backoffice/pki/san.h"

#include <arpa/inet.h>
#include <string.h>
#include <strings.h>

#include "backoffice/pki/text.h"
#include "base/der.h"

#define HOST_MAX  253
#define LABEL_MAX 63
#define LOCAL_MAX 64

static bool is_label(struct bytes s)
{
	if (s.n == 0 || s.n > LABEL_MAX || s.p[0] == '-' || s.p[s.n - 1] == '-')
		return false;
	for (size_t i = 0; i < s.n; i++)
		if (!text_is_alpha(s.p[i]) && !text_is_digit(s.p[i]) && s.p[i] != '-')
			return false;
	return true;
}

static bool all_digits(struct bytes s)
{
	for (size_t i = 0; i < s.n; i++)
		if (!text_is_digit(s.p[i]))
			return false;
	return true;
}

/* RFC 1123 2.1; the last label is not a number, or it would be an address. */
bool san_is_host(struct bytes s)
{
	if (s.n > HOST_MAX)
		return false;
	for (;;) {
		const uint8_t *dot = s.n ? memchr(s.p, '.', s.n) : NULL;
		struct bytes label = BYTES(s.p, dot ? (size_t)(dot - s.p) : s.n);

		if (!is_label(label))
			return false;
		if (!dot)
			return !all_digits(label);
		s = BYTES(dot + 1, s.n - label.n - 1);
	}
}

static bool is_wildcard(struct bytes s)
{
	return s.n > 2 && s.p[0] == '*' && s.p[1] == '.';
}

static bool is_dns(struct bytes s)
{
	struct bytes rest = is_wildcard(s) ? BYTES(s.p + 2, s.n - 2) : s;

	return san_is_host(rest) && (rest.n == s.n || memchr(rest.p, '.', rest.n));
}

static bool is_ip(struct bytes s)
{
	return s.n == 4 || s.n == 16;
}

static bool is_uri_char(uint8_t c)
{
	return text_is_alpha(c) || text_is_digit(c) || memchr("-._~:/?#[]@!$&'()*+,;=%", c, 23);
}

/* RFC 3986: a scheme, and only its characters; RFC 5280: never relative. */
static bool is_uri(struct bytes s)
{
	const uint8_t *colon = s.n ? memchr(s.p, ':', s.n) : NULL;
	size_t scheme = colon ? (size_t)(colon - s.p) : 0;
	uint8_t octet;
	size_t n;

	if (!scheme || scheme + 1 == s.n || !text_is_alpha(s.p[0]))
		return false;
	for (size_t i = 1; i < scheme; i++)
		if (!text_is_alpha(s.p[i]) && !text_is_digit(s.p[i]) && !memchr("+-.", s.p[i], 3))
			return false;
	for (size_t i = scheme; i < s.n; i++)
		if (!is_uri_char(s.p[i]) ||
		    (s.p[i] == '%' &&
		     (i + 2 >= s.n || hex_decode(BYTES(s.p + i + 1, 2), &octet, 1, &n))))
			return false;
	return true;
}

static bool is_email(struct bytes s)
{
	const uint8_t *at = s.n ? memchr(s.p, '@', s.n) : NULL;
	size_t local = at ? (size_t)(at - s.p) : 0;

	if (!local || local > LOCAL_MAX || s.p[0] == '.' || s.p[local - 1] == '.')
		return false;
	for (size_t i = 0; i < local; i++)
		if (!text_is_alpha(s.p[i]) && !text_is_digit(s.p[i]) &&
		    !memchr("!#$%&'*+-/=?^_`{|}~.", s.p[i], 20))
			return false;
	return !memmem(s.p, local, "..", 2) && san_is_host(BYTES(at + 1, s.n - local - 1));
}

static const struct {
	const char *name;
	uint8_t tag; /* RFC 5280 4.2.1.6, GeneralName */
	bool (*is_right)(struct bytes value);
	const char *rule;
} kinds[SAN__MAX] = {
	[SAN_DNS] = { "DNS", DER_CONTEXT | 2, is_dns, "a host name" },
	[SAN_IP] = { "IP", DER_CONTEXT | 7, is_ip, "an IPv4 or IPv6 address" },
	[SAN_URI] = { "URI", DER_CONTEXT | 6, is_uri, "an absolute URI in ASCII" },
	[SAN_EMAIL] = { "email", DER_CONTEXT | 1, is_email, "a mail address in ASCII" },
	[SAN_OTHER] = { .name = "other" },
};

const char *san_kind_name(enum san_kind k)
{
	return k < SAN__MAX ? kinds[k].name : "other";
}

enum san_kind san_kind_find(struct bytes name)
{
	for (int k = 0; k < SAN_OTHER; k++)
		if (text_same(name, kinds[k].name))
			return (enum san_kind)k;
	return SAN__MAX;
}

static bool has(struct bytes names, struct bytes whole)
{
	struct san s;

	while (names.n && !san_next(&names, &s))
		if (bytes_equal(s.whole, whole))
			return true;
	return false;
}

static struct bytes address(struct bytes text, uint8_t octets[static 16])
{
	char copy[INET6_ADDRSTRLEN] = { 0 };

	if (text.n == 0 || text.n >= sizeof copy)
		return BYTES_NONE;
	memcpy(copy, text.p, text.n);
	if (inet_pton(AF_INET, copy, octets) == 1)
		return BYTES(octets, 4);
	return inet_pton(AF_INET6, copy, octets) == 1 ? BYTES(octets, 16) : BYTES_NONE;
}

enum inro_err san_add_value(struct buf *names, enum san_kind kind, struct bytes text)
{
	SCOPED(buf) name = { 0 };
	uint8_t octets[16];
	struct bytes value = kind == SAN_IP ? address(text, octets) : text;

	if (kind >= SAN_OTHER)
		return err_set(INRO_E_ARG, "a name is DNS, IP, URI or email");
	if (!kinds[kind].is_right(value))
		return err_set(INRO_E_SYNTAX, "%s:%.*s is not %s", kinds[kind].name,
			       (int)(text.n < 128 ? text.n : 128), (const char *)text.p,
			       kinds[kind].rule);
	der_add(&name, kinds[kind].tag, value);
	if (buf_err(&name))
		return name.err;
	if (names->n + name.n > SAN_OCTETS)
		return err_set(INRO_E_TOO_BIG, "the alternative names take more than %d octets",
			       SAN_OCTETS);
	if (!has(buf_bytes(names), buf_bytes(&name)))
		buf_add(names, buf_bytes(&name));
	return buf_err(names);
}

enum inro_err san_add(struct buf *names, const char *text)
{
	const char *colon = strchr(text, ':');
	struct bytes word = BYTES(text, colon ? (size_t)(colon - text) : 0);
	enum san_kind kind = san_kind_find(word);

	if (!colon || kind == SAN__MAX)
		return err_set(INRO_E_SYNTAX,
			       "'%.64s' is no alternative name; write DNS:, IP:, URI: or email: "
			       "before it",
			       text);
	return san_add_value(names, kind, bytes_of(colon + 1));
}

enum inro_err san_next(struct bytes *in, struct san *ret)
{
	struct der d;
	enum inro_err e = der_next(in, &d);

	if (e)
		return e;
	if ((d.tag & 0xc0) != DER_CONTEXT)
		return err_set(INRO_E_SYNTAX, "an alternative name of tag %02x", d.tag);
	*ret = (struct san) { .kind = SAN_OTHER, .value = d.value, .whole = d.whole };
	for (int k = 0; k < SAN_OTHER; k++)
		if (kinds[k].tag == d.tag)
			ret->kind = (enum san_kind)k;
	return INRO_OK;
}

static enum inro_err check_one(const struct san *s)
{
	if (s->kind == SAN_OTHER)
		return err_set(INRO_E_UNSUPPORTED,
			       "an alternative name that is not DNS, IP, URI or email");
	if (!kinds[s->kind].is_right(s->value))
		return err_set(INRO_E_SYNTAX, "an alternative name of kind %s that is not %s",
			       kinds[s->kind].name, kinds[s->kind].rule);
	return INRO_OK;
}

enum inro_err san_check(struct bytes names)
{
	struct san s;
	enum inro_err e = INRO_OK;

	if (names.n > SAN_OCTETS)
		return err_set(INRO_E_TOO_BIG, "the alternative names take more than %d octets",
			       SAN_OCTETS);
	for (size_t n = 1; names.n && !e; n++) {
		e = san_next(&names, &s);
		if (!e)
			e = check_one(&s);
		if (!e && n > SAN_MAX)
			e = err_set(INRO_E_TOO_BIG, "more than %d alternative names", SAN_MAX);
	}
	return e;
}

unsigned san_kinds(struct bytes names)
{
	unsigned bits = 0;
	struct san s;

	while (names.n) {
		if (san_next(&names, &s))
			return 0;
		bits |= 1u << s.kind;
	}
	return bits;
}

static bool same_name(const struct san *a, const struct san *b)
{
	if (a->kind != SAN_DNS || b->kind != SAN_DNS || a->value.n != b->value.n)
		return bytes_equal(a->whole, b->whole);
	return strncasecmp((const char *)a->value.p, (const char *)b->value.p, a->value.n) == 0;
}

bool san_has(struct bytes names, const struct san *name)
{
	struct san s;

	while (names.n && !san_next(&names, &s))
		if (same_name(&s, name))
			return true;
	return false;
}

bool san_has_wildcard(struct bytes names)
{
	struct san s;

	while (names.n && !san_next(&names, &s))
		if (s.kind == SAN_DNS && is_wildcard(s.value))
			return true;
	return false;
}

void san_one_text(const struct san *s, struct buf *ret)
{
	char text[INET6_ADDRSTRLEN] = "";

	buf_addf(ret, "%s:", san_kind_name(s->kind));
	if (s->kind == SAN_IP && is_ip(s->value)) {
		inet_ntop(s->value.n == 4 ? AF_INET : AF_INET6, s->value.p, text, sizeof text);
		buf_add_str(ret, text);
	} else if (s->kind < SAN_OTHER && text_is_ascii(s->value)) {
		buf_add(ret, s->value);
	} else {
		buf_add_hex(ret, s->value);
	}
}

enum inro_err san_text(struct bytes names, struct buf *ret)
{
	struct san s;
	enum inro_err e = INRO_OK;

	for (bool first = true; names.n && !e; first = false) {
		e = san_next(&names, &s);
		if (e)
			break;
		buf_add_str(ret, first ? "" : ", ");
		san_one_text(&s, ret);
	}
	return e ? e : buf_err(ret);
}
