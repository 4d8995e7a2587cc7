#include "backoffice/pki/pem.h"

#include <string.h>

#define BEGIN "-----BEGIN "
#define END   "-----END "
#define DASH  "-----"
#define SEQUENCE    0x30 /* with which requests and certificates begin */
#define LABEL_SHOWN 40

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

static void add_quad(struct buf *out, const uint8_t *p, size_t n)
{
	uint32_t x = (uint32_t)p[0] << 16 | (uint32_t)(n > 1 ? p[1] : 0) << 8 | (n > 2 ? p[2] : 0);
	char quad[4];

	for (size_t i = 0; i < 4; i++)
		quad[i] = i <= n ? alphabet[x >> (18 - 6 * i) & 63] : '=';
	buf_add(out, BYTES(quad, 4));
}

void pem_add_begin(struct buf *out, const char *label)
{
	buf_addf(out, BEGIN "%s" DASH "\n", label);
}

void pem_add_lines(struct buf *out, struct bytes der)
{
	for (size_t i = 0; i < der.n; i += 3) {
		add_quad(out, der.p + i, der.n - i < 3 ? der.n - i : 3);
		if (i % PEM_LINE == PEM_LINE - 3 || i + 3 >= der.n)
			buf_add_u8(out, '\n');
	}
}

void pem_add_end(struct buf *out, const char *label)
{
	buf_addf(out, END "%s" DASH "\n", label);
}

void pem_add(struct buf *out, const char *label, struct bytes der)
{
	pem_add_begin(out, label);
	pem_add_lines(out, der);
	pem_add_end(out, label);
}

/* Where needle begins in hay; hay.n when it does not. */
static size_t find(struct bytes hay, const char *needle)
{
	const uint8_t *at = hay.n ? memmem(hay.p, hay.n, needle, strlen(needle)) : NULL;

	return at ? (size_t)(at - hay.p) : hay.n;
}

static void skip(struct bytes *in, size_t n)
{
	*in = n ? BYTES(in->p + n, in->n - n) : *in;
}

static bool take(struct bytes *in, const char *word)
{
	size_t n = strlen(word);

	if (in->n < n || memcmp(in->p, word, n) != 0)
		return false;
	skip(in, n);
	return true;
}

bool pem_is(struct bytes input)
{
	return find(input, BEGIN) < input.n;
}

static int digit(uint8_t c)
{
	const char *at = c ? strchr(alphabet, c) : NULL;

	return at ? (int)(at - alphabet) : -1;
}

struct quad {
	uint32_t bits;
	int n, pad;
};

/* One character of the body; false when it does not belong there. */
static bool body_char(struct quad *q, uint8_t c, struct buf *out)
{
	int d = c == '=' ? 0 : digit(c);

	if (c == '\n' || c == '\r' || c == ' ' || c == '\t')
		return true;
	if (d < 0 || (q->pad && c != '=') || (c == '=' && q->n < 2))
		return false;
	q->pad += c == '=';
	q->bits = q->bits << 6 | (uint32_t)d;
	if (++q->n < 4)
		return true;
	if (q->pad && q->bits & ((1u << 8 * q->pad) - 1))
		return false;
	for (int i = 0; i < 3 - q->pad; i++)
		buf_add_u8(out, (uint8_t)(q->bits >> (16 - 8 * i)));
	q->bits = 0;
	q->n = q->pad ? -1 : 0; /* -1: closed */
	return true;
}

static bool decode(struct bytes body, struct buf *out)
{
	struct quad q = { 0 };

	for (size_t i = 0; i < body.n; i++) {
		if (q.n < 0 && !memchr("\r\n\t ", body.p[i], 4))
			return false;
		if (q.n >= 0 && !body_char(&q, body.p[i], out))
			return false;
	}
	return q.n <= 0;
}

enum inro_err pem_base64(struct bytes text, struct buf *ret)
{
	size_t before = ret->n;

	if (decode(text, ret))
		return buf_err(ret);
	buf_truncate(ret, before);
	return err_set(INRO_E_SYNTAX, "base64 that can't be read");
}

/* The block whose BEGIN was just taken off, from its label on. */
static enum inro_err block(struct bytes *in, struct bytes *ret_label, struct bytes *ret_body)
{
	size_t n = find(*in, DASH), end;

	*ret_label = BYTES(in->p, n);
	if (n == in->n || memchr(in->p, '\n', n))
		return err_set(INRO_E_SYNTAX, "a PEM line begins but does not end");
	skip(in, n + strlen(DASH));
	end = find(*in, END);
	*ret_body = BYTES(in->p, end);
	if (end == in->n)
		return err_set(INRO_E_SYNTAX, "a PEM block has no end line");
	skip(in, end + strlen(END));
	if (in->n < ret_label->n || (n && memcmp(in->p, ret_label->p, n) != 0))
		return err_set(INRO_E_SYNTAX, "a PEM block ends with another label");
	skip(in, n);
	return take(in, DASH) ? INRO_OK : err_set(INRO_E_SYNTAX, "a PEM end line is cut off");
}

enum inro_err pem_next(struct bytes *text, const char *label, struct buf *ret_der)
{
	struct bytes in = *text, found, body;
	enum inro_err e;

	for (;;) {
		skip(&in, find(in, BEGIN));
		if (!take(&in, BEGIN))
			return err_set(INRO_E_NOT_FOUND, "no PEM block '%s'", label);
		e = block(&in, &found, &body);
		if (e)
			return e;
		if (!bytes_is(found, label))
			continue;
		*text = in;
		if (!decode(body, ret_der))
			return err_set(INRO_E_SYNTAX, "a PEM block '%s' that is not base64", label);
		return buf_err(ret_der);
	}
}

/* Of two requests the second would be passed over in silence; behind a certificate, its chain may
 * follow. */
static enum inro_err no_more(struct bytes rest, const char *label, const char *what)
{
	SCOPED(buf) second = { 0 };

	if (pem_next(&rest, label, &second) != INRO_OK)
		return INRO_OK;
	return err_set(INRO_E_SYNTAX, "there is more than one %s in it; give one at a time", what);
}

static enum inro_err too_long(const char *what, size_t max)
{
	return err_set(INRO_E_TOO_BIG, "the %s is longer than %zu octets", what, max);
}

/* What it says it is instead, as far as that can be shown. */
static enum inro_err not_there(struct bytes input, const char *label, const char *what)
{
	struct bytes in = input, found;

	skip(&in, find(in, BEGIN) + strlen(BEGIN));
	found = BYTES(in.p, find(in, DASH));
	for (size_t i = 0; i < found.n; i++)
		if (i == LABEL_SHOWN || (found.p[i] != ' ' && !(found.p[i] >= 'A' && found.p[i] <= 'Z')))
			found.n = 0;
	return err_set(INRO_E_SYNTAX, "there is no %s in it: no PEM block '%s'%s%.*s%s", what, label,
		       found.n ? ", but '" : "", (int)found.n, (const char *)found.p, found.n ? "'" : "");
}

enum inro_err pem_or_der(struct bytes input, const char *label, size_t max, const char *what,
			 struct buf *ret_der)
{
	struct bytes in = input;
	bool request = !strcmp(label, PEM_CSR), text = pem_is(input);
	size_t before = ret_der->n;
	enum inro_err e;

	if (input.n > (text ? PEM_MAX(max) : max))
		return too_long(what, max);
	if (input.n == 0)
		return err_set(INRO_E_SYNTAX, "the %s is empty", what);
	if (!text && (request || !strcmp(label, PEM_CERT)) && input.p[0] != SEQUENCE)
		return err_set(INRO_E_SYNTAX, "this is neither PEM nor DER");
	if (!text) {
		buf_add(ret_der, input);
		return buf_err(ret_der);
	}
	e = pem_next(&in, label, ret_der);
	if (e == INRO_E_NOT_FOUND && request) {
		in = input;
		label = "NEW " PEM_CSR;
		e = pem_next(&in, label, ret_der);
	}
	if (e == INRO_E_NOT_FOUND)
		return not_there(input, request ? PEM_CSR : label, what);
	if (e == INRO_OK && ret_der->n - before > max)
		return too_long(what, max);
	return e == INRO_OK && request ? no_more(in, label, what) : e;
}
