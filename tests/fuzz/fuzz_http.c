/*
 * fuzz_http - what the HTTP engine reads of anybody: heads, chunked bodies, paths, queries.
 *
 * The first byte says what the rest is.  A head is also read in two pieces, a body in pieces of every
 * length: it must come to the same.
 */
#include "tests/fuzz/fuzz.h"

#include <event2/buffer.h>
#include <stdlib.h>
#include <string.h>

#include "backoffice/http/conn.h"
#include "backoffice/http/path.h"
#include "backoffice/http/wire.h"

#define BODY_MAX 4096

static void check_header(const struct http_header *h)
{
	FUZZ_REQUIRE(wire_is_token(bytes_of(h->name)));
	FUZZ_REQUIRE(wire_is_value(bytes_of(h->value)));
}

static void check_head(const struct wire_head *h)
{
	FUZZ_REQUIRE(h->method[0] && h->target[0]);
	FUZZ_REQUIRE(h->target[0] == '/' || !strcmp(h->target, "*"));
	FUZZ_REQUIRE(!(h->chunked && (h->has_length || h->minor == 0)));
	for (size_t i = 0; i < h->headers->n; i++)
		check_header(&h->headers->list[i]);
}

static void fuzz_head(const uint8_t *data, size_t size)
{
	static struct http_headers headers;
	struct wire_head h = { .headers = &headers };
	size_t scanned = 0, again = 0, n = wire_head_length(BYTES(data, size), &scanned);
	const char *why = NULL;
	char *text;
	int status;

	/* In two pieces. */
	if (wire_head_length(BYTES(data, size / 2), &again) == 0)
		FUZZ_REQUIRE(wire_head_length(BYTES(data, size), &again) == n);
	if (!n)
		return;
	FUZZ_REQUIRE(n <= size);
	text = malloc(n + 1);
	FUZZ_REQUIRE(text);
	memcpy(text, data, n);
	status = wire_head_read(text, n, &h, &why);
	FUZZ_REQUIRE(status == 0 ? why == NULL : why != NULL && status >= 400 && status < 600);
	if (status == 0)
		check_head(&h);
	free(text);
}

/* How it ended, and what there was, when the bytes come in pieces of that length. */
static int body_in_pieces(const uint8_t *data, size_t size, size_t piece, struct buf *out)
{
	struct body b = { .chunked = true, .stage = BODY_SIZE, .max = BODY_MAX };
	struct evbuffer *in = evbuffer_new();
	const char *why = NULL;
	int status = 0;

	out->max = BODY_MAX + 1;
	for (size_t at = 0; !status && at < size; at += piece) {
		evbuffer_add(in, data + at, size - at < piece ? size - at : piece);
		status = wire_body_read(&b, in, out, &why);
	}
	evbuffer_free(in);
	FUZZ_REQUIRE(status <= 1 || why);
	FUZZ_REQUIRE(out->n <= BODY_MAX && out->n == b.taken);
	return status;
}

static void fuzz_body(const uint8_t *data, size_t size)
{
	SCOPED(buf) whole = { 0 };
	SCOPED(buf) parts = { 0 };
	int status = body_in_pieces(data, size, size ? size : 1, &whole);

	FUZZ_REQUIRE(body_in_pieces(data, size, 1 + size % 7, &parts) == status);
	if (status == 1)
		FUZZ_REQUIRE(bytes_equal(buf_bytes(&whole), buf_bytes(&parts)));
}

static void fuzz_path(const uint8_t *data, size_t size)
{
	static const char *const patterns[] = { "/v1/devices/{id}", "/a/{b}/c/{d}", "/crl/{ca}/{rest...}",
						"/", "/healthz" };
	char *path = strndup((const char *)data, size), *room = path ? malloc(strlen(path) + 1) : NULL;
	struct path_args args;

	FUZZ_REQUIRE(path && room);
	(void)path_is_decent(path);
	for (size_t i = 0; i < ARRAY_LEN(patterns); i++)
		if (path_match(patterns[i], path, room, &args))
			for (size_t k = 0; k < args.n; k++)
				FUZZ_REQUIRE(args.args[k][0] &&
					     (!strchr(args.args[k], '/') || i == 2));
	free(room);
	free(path);
}

static void fuzz_query(const uint8_t *data, size_t size)
{
	static struct http_headers query;
	char *text = strndup((const char *)data, size);

	FUZZ_REQUIRE(text);
	if (path_query(text, &query))
		for (size_t i = 0; i < query.n; i++)
			FUZZ_REQUIRE(query.list[i].name[0] && query.list[i].value);
	free(text);
}

static void fuzz_list(const uint8_t *data, size_t size)
{
	char *text = strndup((const char *)data, size);
	uint64_t n;

	FUZZ_REQUIRE(text);
	(void)wire_list_has(text, "close");
	if (wire_chunk_size(BYTES(data, size), &n))
		FUZZ_REQUIRE(n <= UINT32_MAX);
	free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static void (*const kinds[])(const uint8_t *, size_t) = { fuzz_head, fuzz_body, fuzz_path,
								  fuzz_query, fuzz_list };

	if (size)
		kinds[data[0] % ARRAY_LEN(kinds)](data + 1, size - 1);
	return 0;
}
