/* limits_make - name constraints from text to DER; see limits.h. */
#include "backoffice/pki/limits.h"

#include <arpa/inet.h>
#include <string.h>

#include "backoffice/pki/dn.h"
#include "backoffice/pki/san.h"
#include "backoffice/pki/text.h"
#include "base/der.h"

static struct bytes skip(struct bytes s, size_t n)
{
	return n < s.n ? BYTES(s.p + n, s.n - n) : BYTES_NONE;
}

static enum inro_err add_raw(struct buf *out, uint8_t tag, struct bytes value)
{
	size_t mark = der_begin(out, DER_SEQUENCE);

	der_add(out, tag, value);
	der_end(out, mark);
	return buf_err(out);
}

static enum inro_err no_subtree(const char *what, struct bytes text, const char *rule)
{
	return err_set(INRO_E_SYNTAX, "%s:%.*s is no constraint; it is %s", what,
		       (int)(text.n < 128 ? text.n : 128), (const char *)text.p, rule);
}

static bool is_host_or_below(struct bytes s)
{
	return san_is_host(s.n && s.p[0] == '.' ? skip(s, 1) : s);
}

static enum inro_err make_dns(struct bytes text, struct buf *out)
{
	if (text.n && !is_host_or_below(text))
		return no_subtree("DNS", text, "a host name, which may begin with a dot, or nothing");
	return add_raw(out, LIMIT_DNS, text);
}

static enum inro_err make_email(struct bytes text, struct buf *out)
{
	SCOPED(buf) scratch = { 0 };
	bool box = text.n && memchr(text.p, '@', text.n);

	if (box ? san_add_value(&scratch, SAN_EMAIL, text) != INRO_OK : !is_host_or_below(text))
		return no_subtree("email", text,
				  "a mail address, a host, or a dot with a domain behind it");
	return add_raw(out, LIMIT_EMAIL, text);
}

static enum inro_err make_uri(struct bytes text, struct buf *out)
{
	if (!is_host_or_below(text))
		return no_subtree("URI", text, "a host name, which may begin with a dot");
	return add_raw(out, LIMIT_URI, text);
}

static size_t read_address(struct bytes text, uint8_t octets[static LIMIT_IP_MAX])
{
	char copy[INET6_ADDRSTRLEN] = { 0 };

	if (!text.n || text.n >= sizeof copy)
		return 0;
	memcpy(copy, text.p, text.n);
	if (inet_pton(AF_INET, copy, octets) == 1)
		return 4;
	return inet_pton(AF_INET6, copy, octets) == 1 ? LIMIT_IP_MAX : 0;
}

/* "8" or "255.0.0.0", for an address of n octets. */
static bool read_mask(struct bytes text, size_t n, uint8_t mask[static LIMIT_IP_MAX])
{
	size_t bits = 0;

	if (!text.n || text.n > 3 || memchr(text.p, ':', text.n))
		return read_address(text, mask) == n;
	for (size_t i = 0; i < text.n; i++) {
		if (!text_is_digit(text.p[i]))
			return false;
		bits = bits * 10 + (size_t)(text.p[i] - '0');
	}
	for (size_t i = 0; i < 8 * n && i < bits; i++)
		mask[i / 8] |= (uint8_t)(0x80 >> i % 8);
	return bits <= 8 * n;
}

/* RFC 5280 4.2.1.10 has masks as RFC 4632: ones, then zeros.  GnuTLS refuses all that is below another. */
static bool is_prefix(const uint8_t *mask, size_t n)
{
	bool ended = false;

	for (size_t i = 0; i < n; i++) {
		uint8_t zeros = (uint8_t)~mask[i];

		if ((ended && mask[i]) || (zeros & (zeros + 1)))
			return false;
		ended = ended || zeros;
	}
	return true;
}

static enum inro_err make_ip(struct bytes text, struct buf *out)
{
	const uint8_t *end = text.n ? memchr(text.p, '/', text.n) : NULL;
	size_t slash = end ? (size_t)(end - text.p) : text.n, n;
	uint8_t both[2 * LIMIT_IP_MAX] = { 0 }, mask[LIMIT_IP_MAX] = { 0 };

	n = read_address(BYTES(text.p, slash), both);
	if (!n || !read_mask(skip(text, slash + 1), n, mask))
		return no_subtree("IP", text, "an address, a slash, and a number of bits or a mask");
	if (!is_prefix(mask, n))
		return no_subtree("IP", text, "a network: ones in the mask, and then zeros");
	for (size_t i = 0; i < n; i++)
		if (both[i] & ~mask[i])
			return no_subtree("IP", text, "an address without bits outside its mask");
	memcpy(both + n, mask, n);
	return add_raw(out, LIMIT_IP, BYTES(both, 2 * n));
}

static enum inro_err make_dir(struct bytes text, struct buf *out)
{
	SCOPED(buf) copy = { 0 };
	SCOPED(buf) name = { 0 };
	enum inro_err e;

	buf_add(&copy, text);
	buf_add_u8(&copy, 0);
	e = buf_err(&copy);
	if (!e)
		e = dn_parse((const char *)copy.p, NULL, &name);
	if (!e && dn_is_empty(buf_bytes(&name)))
		e = no_subtree("dirName", text, "a name with at least one part");
	return e ? e : add_raw(out, LIMIT_DIR, buf_bytes(&name));
}

static const struct {
	const char *name;
	enum inro_err (*make)(struct bytes text, struct buf *out);
} makers[] = {
	{ "DNS", make_dns }, { "IP", make_ip },	  { "email", make_email },
	{ "URI", make_uri }, { "dirName", make_dir },
};

enum inro_err limits_add(struct buf *subtrees, const char *text)
{
	const char *colon = strchr(text, ':');
	struct bytes word = BYTES(text, colon ? (size_t)(colon - text) : 0);
	enum inro_err e = INRO_OK;

	for (size_t i = 0; colon && i < ARRAY_LEN(makers); i++) {
		if (!text_same(word, makers[i].name))
			continue;
		e = makers[i].make(bytes_of(colon + 1), subtrees);
		if (!e && subtrees->n > LIMITS_OCTETS)
			e = err_set(INRO_E_TOO_BIG, "the name constraints take more than %zu octets",
				    LIMITS_OCTETS);
		return e;
	}
	return err_set(INRO_E_SYNTAX,
		       "'%.64s' is no name constraint; write DNS:, IP:, email:, URI: or dirName: "
		       "before it",
		       text);
}

enum inro_err limits_join(struct bytes permit, struct bytes exclude, struct buf *ret)
{
	size_t mark;

	if (!permit.n && !exclude.n)
		return INRO_OK;
	mark = der_begin(ret, DER_SEQUENCE);
	if (permit.n)
		der_add(ret, LIMITS_PERMITTED, permit);
	if (exclude.n)
		der_add(ret, LIMITS_EXCLUDED, exclude);
	der_end(ret, mark);
	return buf_err(ret);
}
