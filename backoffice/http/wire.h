/*
 * wire - what a request looks like on the wire (RFC 9112), read strictly.
 *
 * 1. Pure functions on bytes: no sockets, no clock.
 * 2. A head is accepted only when every reader must understand it alike: CR LF at each line's end, no
 *    folding, one length at most and none beside chunks, one Host, names that are tokens.
 */
#ifndef INRO_BACKOFFICE_HTTP_WIRE_H
#define INRO_BACKOFFICE_HTTP_WIRE_H

#include "backoffice/http/http.h"

#define WIRE_METHOD_MAX	    16
#define WIRE_CHUNK_LINE_MAX 128

struct wire_head { /* points into the text */
	const char *method, *target; /* origin form: begins with '/', or is "*" */
	unsigned minor;		     /* HTTP/1.x */
	struct http_headers *headers;
	bool chunked, has_length, close, expects_continue;
	uint64_t length;
};

/* Length of the head at the front, its empty line included; 0 while it is not whole.  *scanned, 0 at
 * first, remembers how far was looked. */
size_t wire_head_length(struct bytes in, size_t *scanned);

/* Reads a whole head in place: text[n] is room for a NUL.  0, or the status with which to refuse it;
 * then *ret_why is a sentence. */
int wire_head_read(char *text, size_t n, struct wire_head *ret, const char **ret_why);

/* The size in a chunk's first line, without its CR LF; extensions are skipped.  False: unreadable. */
bool wire_chunk_size(struct bytes line, uint64_t *ret);

/* Header names, and what else is a token (RFC 9110 5.6.2). */
bool wire_is_token(struct bytes text);
/* No control character but a tab. */
bool wire_is_value(struct bytes text);
/* Is `word` in a comma-separated list?  Case does not matter. */
bool wire_list_has(const char *list, const char *word);

#endif
