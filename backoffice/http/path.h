/*
 * path - what comes behind the method: path and query, decoded, and the patterns of routes.
 *
 * 1. Pure functions on text.  What is decoded is UTF-8 without control characters, or refused.
 * 2. A path is matched segment by segment before it is decoded: an encoded '/' is part of a name and
 *    refused there; "." and ".." are refused anywhere.
 */
#ifndef INRO_BACKOFFICE_HTTP_PATH_H
#define INRO_BACKOFFICE_HTTP_PATH_H

#include "backoffice/http/http.h"

/* Decodes `in` into out, a NUL behind it; out has room for in.n + 1 bytes and may be where in is.
 * False: a wrong %, not UTF-8, a control character, or a '/' unless `slash`. */
bool path_decode(struct bytes in, bool plus, bool slash, char *out);

/* Is every segment a decent one?  No ".", no "..", also when encoded.  An empty one fits no pattern but "{name...}":
 * base64 has slashes side by side. */
bool path_is_decent(const char *path);

struct path_args {
	const char *args[HTTP_ARGS_MAX];
	size_t n;
};

/* Does the path fit the pattern?  The arguments are decoded into `room` (strlen(path) + 1 bytes). */
bool path_match(const char *pattern, const char *path, char *room, struct path_args *ret);

/* Splits "a=1&b=2" in place.  False: more than HTTP_QUERY_MAX of them, or one does not decode. */
bool path_query(char *query, struct http_headers *ret);

#endif
