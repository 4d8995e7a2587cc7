/*
 * body - what comes behind a head: so many bytes, or chunks (RFC 9112 7.1).
 *
 * 1. No more is ever kept than the route takes.
 * 2. Trailers are looked at, and read over.
 */
#include <event2/buffer.h>
#include <string.h>

#include "backoffice/http/conn.h"
#include "backoffice/http/wire.h"

#define BODY_MORE    0
#define BODY_WHOLE   1
#define BODY_GO_ON   2
#define TRAILERS_MAX 8192

static int refuse(int status, const char *why, const char **ret_why)
{
	*ret_why = why;
	return status;
}

static bool is_over(const struct body *b)
{
	return b->left > b->max || b->taken > b->max - b->left;
}

/* One line without its CR LF into *ret, which is the evbuffer's; *ret_n with it.  BODY_GO_ON: there is one. */
static int take_line(struct evbuffer *in, size_t max, struct bytes *ret, size_t *ret_n,
		     const char **why)
{
	struct evbuffer_ptr at = evbuffer_search_eol(in, NULL, ret_n, EVBUFFER_EOL_CRLF_STRICT);
	size_t n = at.pos < 0 ? evbuffer_get_length(in) : (size_t)at.pos;

	if (n > max)
		return refuse(400, "a chunk's first line is too long", why);
	if (at.pos < 0)
		return BODY_MORE;
	*ret_n = n + 2;
	*ret = BYTES(evbuffer_pullup(in, (ev_ssize_t)*ret_n), n);
	return ret->p ? BODY_GO_ON : refuse(503, "memory is short", why);
}

static int on_size(struct body *b, struct evbuffer *in, struct buf *out, const char **why)
{
	struct bytes line;
	size_t n;
	int e = take_line(in, WIRE_CHUNK_LINE_MAX, &line, &n, why);

	(void)out;
	if (e != BODY_GO_ON)
		return e;
	if (!wire_chunk_size(line, &b->left))
		return refuse(400, "a chunk's size is not a number", why);
	evbuffer_drain(in, n);
	if (is_over(b))
		return refuse(413, "the body is longer than is taken here", why);
	b->stage = b->left ? BODY_DATA : BODY_TRAILER;
	return BODY_GO_ON;
}

static int on_data(struct body *b, struct evbuffer *in, struct buf *out, const char **why)
{
	size_t n = evbuffer_get_length(in);
	uint8_t *room;

	if (n > b->left)
		n = (size_t)b->left;
	room = n ? buf_extend(out, n) : NULL;
	if (n && (!room || evbuffer_remove(in, room, n) != (int)n))
		return refuse(503, "memory is short", why);
	b->left -= n;
	b->taken += n;
	if (b->left)
		return BODY_MORE;
	b->stage = BODY_DATA_END;
	return b->chunked ? BODY_GO_ON : BODY_WHOLE;
}

static int on_data_end(struct body *b, struct evbuffer *in, struct buf *out, const char **why)
{
	char end[2];

	(void)out;
	if (evbuffer_copyout(in, end, 2) < 2)
		return BODY_MORE;
	if (end[0] != '\r' || end[1] != '\n')
		return refuse(400, "a chunk is longer than its size says", why);
	evbuffer_drain(in, 2);
	b->stage = BODY_SIZE;
	return BODY_GO_ON;
}

/* NAME: VALUE, though nobody reads it: who takes a bare LF for an end would see another request behind it. */
static bool is_field(struct bytes line)
{
	const uint8_t *colon = memchr(line.p, ':', line.n);

	return colon && wire_is_token(BYTES(line.p, (size_t)(colon - line.p))) && wire_is_value(line);
}

static int on_trailer(struct body *b, struct evbuffer *in, struct buf *out, const char **why)
{
	struct bytes line;
	size_t n;
	int e = take_line(in, TRAILERS_MAX, &line, &n, why);
	bool end;

	(void)out;
	if (e != BODY_GO_ON)
		return e;
	end = line.n == 0;
	if (!end && !is_field(line))
		return refuse(400, "a trailer is not NAME: VALUE on one line", why);
	b->trailer += n;
	evbuffer_drain(in, n);
	if (b->trailer > TRAILERS_MAX)
		return refuse(431, "there are too many trailers", why);
	return end ? BODY_WHOLE : BODY_GO_ON;
}

int wire_body_read(struct body *b, struct evbuffer *in, struct buf *out, const char **ret_why)
{
	static int (*const stages[])(struct body *, struct evbuffer *, struct buf *,
				     const char **) = {
		[BODY_DATA] = on_data,
		[BODY_SIZE] = on_size,
		[BODY_DATA_END] = on_data_end,
		[BODY_TRAILER] = on_trailer,
	};
	int e;

	do
		e = stages[b->stage](b, in, out, ret_why);
	while (e == BODY_GO_ON);
	return e;
}
