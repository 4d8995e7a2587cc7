/* wire - see wire.h. */
#include "backoffice/http/wire.h"

#include <string.h>
#include <strings.h>

#define LENGTH_DIGITS_MAX 15
#define CHUNK_DIGITS_MAX  8

size_t wire_head_length(struct bytes in, size_t *scanned)
{
	const uint8_t *at = in.p + *scanned, *end = in.p + in.n, *lf;

	while (at < end && (lf = memchr(at, '\n', (size_t)(end - at)))) {
		size_t before = (size_t)(lf - in.p);

		if (before && in.p[before - 1] == '\r')
			before--;
		if (before == 0 || in.p[before - 1] == '\n')
			return (size_t)(lf - in.p) + 1;
		at = lf + 1;
	}
	*scanned = in.n;
	return 0;
}

static bool is_tchar(uint8_t c)
{
	if ((c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z'))
		return true;
	return c && strchr("!#$%&'*+-.^_`|~", c);
}

bool wire_is_token(struct bytes text)
{
	for (size_t i = 0; i < text.n; i++)
		if (!is_tchar(text.p[i]))
			return false;
	return text.n > 0;
}

bool wire_is_value(struct bytes text)
{
	for (size_t i = 0; i < text.n; i++)
		if ((text.p[i] < ' ' && text.p[i] != '\t') || text.p[i] == 0x7f)
			return false;
	return true;
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t';
}

bool wire_list_has(const char *list, const char *word)
{
	size_t n = strlen(word);

	while (*list) {
		size_t item = strcspn(list, ","), skip = 0, len;

		while (skip < item && is_blank(list[skip]))
			skip++;
		len = item;
		while (len > skip && is_blank(list[len - 1]))
			len--;
		if (len - skip == n && !strncasecmp(list + skip, word, n))
			return true;
		list += item + (list[item] == ',');
	}
	return false;
}

static bool read_number(struct bytes text, unsigned base, size_t digits_max, uint64_t *ret)
{
	uint64_t n = 0;

	if (!text.n || text.n > digits_max)
		return false;
	for (size_t i = 0; i < text.n; i++) {
		const char *digits = "0123456789abcdef";
		uint8_t c = text.p[i];
		const char *at = c ? strchr(digits, c >= 'A' && c <= 'F' ? c + 32 : c) : NULL;

		if (!at || (unsigned)(at - digits) >= base)
			return false;
		n = n * base + (uint64_t)(at - digits);
	}
	*ret = n;
	return true;
}

bool wire_chunk_size(struct bytes line, uint64_t *ret)
{
	const uint8_t *ext = line.n ? memchr(line.p, ';', line.n) : NULL;
	struct bytes size = line;

	if (!wire_is_value(line))
		return false;
	if (ext)
		size.n = (size_t)(ext - line.p);
	while (ext && size.n && is_blank((char)size.p[size.n - 1]))
		size.n--;
	return read_number(size, 16, CHUNK_DIGITS_MAX, ret);
}

/* ---- the head ---- */

struct reading {
	char *at, *end;
	struct wire_head *head;
	const char *host;
	const char **why;
};

static int refuse(struct reading *r, int status, const char *why)
{
	*r->why = why;
	return status;
}

/* The next line, ended by a NUL in place of its CR; NULL: it ends with LF alone. */
static char *take_line(struct reading *r, size_t *ret_n)
{
	char *line = r->at, *lf = memchr(line, '\n', (size_t)(r->end - line));

	if (!lf || lf == line || lf[-1] != '\r')
		return NULL;
	lf[-1] = '\0';
	*ret_n = (size_t)(lf - 1 - line);
	r->at = lf + 1;
	return line;
}

/* A query is no path, whatever slashes it has: who stands before us may let the one through and not the other. */
static bool set_behind_host(struct wire_head *h, const char *host)
{
	const char *path = host + strcspn(host, "/?");

	h->target = *path ? path : "/";
	return path > host && *path != '?';
}

/* An absolute form becomes an origin form (RFC 9112 3.2.2). */
static bool set_target(struct wire_head *h, char *target)
{
	static const char *const schemes[] = { "http://", "https://" };

	for (const char *p = target; *p; p++)
		if (*p <= ' ' || *p >= 0x7f || *p == '#')
			return false;
	for (size_t i = 0; i < ARRAY_LEN(schemes); i++)
		if (!strncasecmp(target, schemes[i], strlen(schemes[i])))
			return set_behind_host(h, target + strlen(schemes[i]));
	h->target = target;
	return target[0] == '/' || (!strcmp(target, "*") && !strcmp(h->method, "OPTIONS"));
}

static int read_version(struct reading *r, const char *version)
{
	if (strncmp(version, "HTTP/", 5) != 0 || strlen(version) != 8 || version[6] != '.')
		return refuse(r, 400, "the request line is not METHOD PATH HTTP/1.1");
	if (version[5] != '1' || (version[7] != '0' && version[7] != '1'))
		return refuse(r, 505, "only HTTP/1.1 and HTTP/1.0 are spoken here");
	r->head->minor = (unsigned)(version[7] - '0');
	return 0;
}

static int read_request_line(struct reading *r)
{
	size_t n;
	char *line = take_line(r, &n), *target, *version;

	if (!line || strlen(line) != n)
		return refuse(r, 400, "the request line does not end with CR LF");
	target = strchr(line, ' ');
	version = target ? strchr(target + 1, ' ') : NULL;
	if (!version)
		return refuse(r, 400, "the request line is not METHOD PATH HTTP/1.1");
	*target++ = '\0';
	*version++ = '\0';
	r->head->method = line;
	if (!wire_is_token(bytes_of(line)) || strlen(line) > WIRE_METHOD_MAX)
		return refuse(r, 400, "the method is not a word");
	if (!set_target(r->head, target))
		return refuse(r, 400, "the path does not begin with /, or has characters that are "
				      "to be percent-encoded");
	return read_version(r, version);
}

static int on_length(struct reading *r, const char *value)
{
	if (r->head->has_length)
		return refuse(r, 400, "there is more than one Content-Length");
	if (!read_number(bytes_of(value), 10, LENGTH_DIGITS_MAX, &r->head->length))
		return refuse(r, 400, "Content-Length is not a number");
	r->head->has_length = true;
	return 0;
}

static int on_coding(struct reading *r, const char *value)
{
	if (r->head->chunked || r->head->minor == 0)
		return refuse(r, 400, "Transfer-Encoding does not belong here");
	if (strcasecmp(value, "chunked") != 0)
		return refuse(r, 501, "the only Transfer-Encoding known here is chunked");
	r->head->chunked = true;
	return 0;
}

static int on_host(struct reading *r, const char *value)
{
	if (r->host)
		return refuse(r, 400, "there is more than one Host");
	r->host = value;
	return 0;
}

static int on_connection(struct reading *r, const char *value)
{
	if (wire_list_has(value, "close"))
		r->head->close = true;
	else if (r->head->minor == 0 && wire_list_has(value, "keep-alive"))
		r->head->close = false;
	return 0;
}

static int on_expect(struct reading *r, const char *value)
{
	if (strcasecmp(value, "100-continue") != 0)
		return refuse(r, 417, "the only expectation known here is 100-continue");
	r->head->expects_continue = r->head->minor > 0;
	return 0;
}

static const struct {
	const char *name;
	int (*fn)(struct reading *r, const char *value);
} framing[] = {
	{ "Content-Length", on_length }, { "Transfer-Encoding", on_coding },
	{ "Host", on_host },		 { "Connection", on_connection },
	{ "Expect", on_expect },
};

static int look_at(struct reading *r, const struct http_header *h)
{
	for (size_t i = 0; i < ARRAY_LEN(framing); i++)
		if (!strcasecmp(h->name, framing[i].name))
			return framing[i].fn(r, h->value);
	return 0;
}

static int read_header(struct reading *r, char *line, size_t n)
{
	struct http_headers *list = r->head->headers;
	char *colon = memchr(line, ':', n), *value, *end = line + n;

	if (!colon || !wire_is_token(BYTES(line, (size_t)(colon - line))))
		return refuse(r, 400, "a header is not NAME: VALUE on one line");
	value = colon + 1;
	while (is_blank(*value))
		value++;
	while (end > value && is_blank(end[-1]))
		end--;
	if (!wire_is_value(BYTES(value, (size_t)(end - value))))
		return refuse(r, 400, "a header has control characters");
	*colon = *end = '\0';
	if (list->n == HTTP_HEADERS_MAX)
		return refuse(r, 431, "there are too many headers");
	list->list[list->n++] = (struct http_header) { line, value };
	return look_at(r, &list->list[list->n - 1]);
}

static int check_framing(struct reading *r)
{
	if (r->head->chunked && r->head->has_length)
		return refuse(r, 400, "there are a Content-Length and a Transfer-Encoding");
	if (r->head->minor > 0 && !r->host)
		return refuse(r, 400, "there is no Host");
	return 0;
}

int wire_head_read(char *text, size_t n, struct wire_head *ret, const char **ret_why)
{
	struct reading r = { .at = text, .end = text + n, .head = ret, .why = ret_why };
	int status;

	text[n] = '\0';
	ret->headers->n = 0;
	status = read_request_line(&r);
	ret->close = ret->minor == 0;
	while (!status) {
		size_t len = 0;
		char *line = take_line(&r, &len);

		if (!line)
			return refuse(&r, 400, "a line does not end with CR LF");
		if (!len)
			return check_framing(&r);
		status = read_header(&r, line, len);
	}
	return status;
}
