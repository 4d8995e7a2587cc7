#include "backoffice/pki/pem.h"

#include <string.h>

#include "base/der.h"
#include "base/own.h"
#include "base/secret.h"

#define BEGIN "-----BEGIN "
#define END   "-----END "
#define DASH  "-----"
#define LABEL_SHOWN 40

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/* One more than the value; 0: none of them. */
static const uint8_t digits[256] = {
	['A'] = 1, ['B'] = 2, ['C'] = 3, ['D'] = 4, ['E'] = 5, ['F'] = 6, ['G'] = 7, ['H'] = 8,
	['I'] = 9, ['J'] = 10, ['K'] = 11, ['L'] = 12, ['M'] = 13, ['N'] = 14, ['O'] = 15, ['P'] = 16,
	['Q'] = 17, ['R'] = 18, ['S'] = 19, ['T'] = 20, ['U'] = 21, ['V'] = 22, ['W'] = 23, ['X'] = 24,
	['Y'] = 25, ['Z'] = 26, ['a'] = 27, ['b'] = 28, ['c'] = 29, ['d'] = 30, ['e'] = 31, ['f'] = 32,
	['g'] = 33, ['h'] = 34, ['i'] = 35, ['j'] = 36, ['k'] = 37, ['l'] = 38, ['m'] = 39, ['n'] = 40,
	['o'] = 41, ['p'] = 42, ['q'] = 43, ['r'] = 44, ['s'] = 45, ['t'] = 46, ['u'] = 47, ['v'] = 48,
	['w'] = 49, ['x'] = 50, ['y'] = 51, ['z'] = 52, ['0'] = 53, ['1'] = 54, ['2'] = 55, ['3'] = 56,
	['4'] = 57, ['5'] = 58, ['6'] = 59, ['7'] = 60, ['8'] = 61, ['9'] = 62, ['+'] = 63, ['/'] = 64,
};

#define LINE_ROOM (PEM_LINE / 3 * 4 + 1)

static void put_quad(char *to, const uint8_t *p, size_t n)
{
	uint32_t x = (uint32_t)p[0] << 16 | (uint32_t)(n > 1 ? p[1] : 0) << 8 | (n > 2 ? p[2] : 0);

	for (size_t i = 0; i < 4; i++)
		to[i] = i <= n ? alphabet[x >> (18 - 6 * i) & 63] : '=';
}

static size_t put_line(char *to, struct bytes der)
{
	size_t at = 0;

	for (size_t i = 0; i < der.n; i += 3, at += 4)
		put_quad(to + at, der.p + i, der.n - i < 3 ? der.n - i : 3);
	to[at++] = '\n';
	return at;
}

void pem_add_begin(struct buf *out, const char *label)
{
	buf_addf(out, BEGIN "%s" DASH "\n", label);
}

void pem_add_lines(struct buf *out, struct bytes der)
{
	char line[LINE_ROOM];

	for (size_t i = 0; i < der.n; i += PEM_LINE) {
		size_t n = der.n - i < PEM_LINE ? der.n - i : PEM_LINE;

		buf_add(out, BYTES(line, put_line(line, BYTES(der.p + i, n))));
	}
	if (out->secret)
		wipe(line, sizeof line);
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

/* What is one DER element to its last octet is that: a text in it, as somebody's name may be, that looks
 * like PEM would else be taken for the object. */
static bool is_der(struct bytes input)
{
	struct bytes content;

	return input.n && input.p[0] == DER_SEQUENCE && der_only(input, DER_SEQUENCE, &content) == INRO_OK;
}

bool pem_is(struct bytes input)
{
	return !is_der(input) && find(input, BEGIN) < input.n;
}

static int digit(uint8_t c)
{
	return digits[c] - 1;
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

/* Three octets of each four digits, as far as there are four side by side; how many characters these are. */
static size_t whole_quads(struct bytes in, struct buf *out)
{
	size_t at = 0;

	for (; in.n - at >= 4; at += 4) {
		uint32_t x = 0;

		for (size_t i = at; i < at + 4; i++) {
			if (!digits[in.p[i]])
				return at;
			x = x << 6 | (digits[in.p[i]] - 1u);
		}
		buf_add(out, BYTES(((uint8_t[3]) { (uint8_t)(x >> 16), (uint8_t)(x >> 8), (uint8_t)x }), 3));
	}
	return at;
}

static bool decode(struct bytes body, struct buf *out)
{
	struct quad q = { 0 };

	for (size_t i = 0; i < body.n; i++) {
		if (q.n == 0)
			i += whole_quads(BYTES(body.p + i, body.n - i), out);
		if (i == body.n)
			break;
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
	if (!text && (request || !strcmp(label, PEM_CERT)) && input.p[0] != DER_SEQUENCE)
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
