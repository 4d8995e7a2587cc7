/* path - see path.h. */
#include "backoffice/http/path.h"

#include <string.h>

#include "base/utf8.h"

/* One octet off the front; -1: a wrong percent. */
static int take_octet(struct bytes *in, bool plus)
{
	uint8_t c = in->p[0];
	uint8_t octet;
	size_t n;
	bool good;

	if (c != '%') {
		*in = BYTES(in->p + 1, in->n - 1);
		return plus && c == '+' ? ' ' : c;
	}
	if (in->n < 3)
		return -1;
	good = hex_decode(BYTES(in->p + 1, 2), &octet, 1, &n) == INRO_OK;
	*in = BYTES(in->p + 3, in->n - 3);
	return good ? octet : -1;
}

static bool is_clean(const char *text, size_t n, bool slash)
{
	return utf8_is_text(BYTES(text, n), utf8_is_safe) && (slash || !memchr(text, '/', n));
}

bool path_decode(struct bytes in, bool plus, bool slash, char *out)
{
	size_t n = 0;

	while (in.n) {
		int c = take_octet(&in, plus);

		if (c < 0)
			return false;
		out[n++] = (char)c;
	}
	out[n] = '\0';
	return is_clean(out, n, slash);
}

/* "." or "..", however it is written. */
static bool is_dots(struct bytes segment)
{
	size_t dots = 0;

	while (segment.n) {
		if (take_octet(&segment, false) != '.')
			return false;
		dots++;
	}
	return dots == 1 || dots == 2;
}

bool path_is_decent(const char *path)
{
	while (*path == '/') {
		size_t n = strcspn(++path, "/");

		if (is_dots(BYTES(path, n)))
			return false;
		path += n;
	}
	return *path == '\0';
}

static bool add_arg(struct path_args *ret, struct bytes text, bool rest, char **room)
{
	if (ret->n == HTTP_ARGS_MAX || !text.n || !path_decode(text, false, rest, *room))
		return false;
	ret->args[ret->n++] = *room;
	*room += strlen(*room) + 1;
	return true;
}

/* "{name...}" */
static bool takes_rest(struct bytes pattern)
{
	return pattern.n > 5 && pattern.p[0] == '{' && !memcmp(pattern.p + pattern.n - 4, "...}", 4);
}

/* One segment of each; `rest` is the whole remaining path. */
static bool match_segment(struct bytes pattern, struct bytes segment, struct bytes rest, char **room,
			  struct path_args *ret)
{
	if (pattern.n < 2 || pattern.p[0] != '{')
		return bytes_equal(pattern, segment);
	if (takes_rest(pattern))
		return add_arg(ret, rest, true, room);
	return add_arg(ret, segment, false, room);
}

bool path_match(const char *pattern, const char *path, char *room, struct path_args *ret)
{
	ret->n = 0;
	while (*pattern == '/' && *path == '/') {
		size_t np = strcspn(++pattern, "/"), n = strcspn(++path, "/");
		struct bytes rule = BYTES(pattern, np), rest = bytes_of(path);

		if (!match_segment(rule, BYTES(path, n), rest, &room, ret))
			return false;
		if (takes_rest(rule))
			return true;
		pattern += np;
		path += n;
	}
	return !*pattern && !*path;
}

bool path_query(char *query, struct http_headers *ret)
{
	ret->n = 0;
	while (query && *query) {
		char *next = strchr(query, '&'), *value;

		if (next)
			*next++ = '\0';
		value = strchr(query, '=');
		if (value)
			*value++ = '\0';
		else
			value = query + strlen(query);
		if (*query && ret->n == HTTP_QUERY_MAX)
			return false;
		if (!path_decode(bytes_of(query), true, true, query) ||
		    !path_decode(bytes_of(value), true, true, value))
			return false;
		if (*query)
			ret->list[ret->n++] = (struct http_header) { query, value };
		query = next;
	}
	return true;
}
