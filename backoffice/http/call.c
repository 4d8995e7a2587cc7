/* call - a request as its handler sees it, and the handler's turn. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "backoffice/http/conn.h"
#include "backoffice/http/path.h"
#include "backoffice/http/text.h"
#include "backoffice/http/wire.h"
#include "base/clock.h"
#include "base/secret.h"

struct exchange *exchange_new(struct conn *c)
{
	struct exchange *x = calloc(1, sizeof *x);

	if (!x)
		return NULL;
	x->conn = c;
	x->loop = c->loop;
	x->peer = peer_hold(c->peer);
	x->began_us = now_us();
	x->answer.status = 200;
	x->answer.id = ++c->loop->server->ids;
	x->call = (struct http_call) {
		.method = "",
		.path = "",
		.headers = &x->headers,
		.query = &x->query,
		.peer = &c->peer->seen,
		.id = x->answer.id,
		.answer = &x->answer,
		.accounts = &c->loop->server->accounts,
	};
	c->loop->server->stats.requests++;
	return x;
}

void exchange_free(struct exchange *x)
{
	if (x->answer.stream.end)
		x->answer.stream.end(x->answer.stream.arg);
	http_shared_release(x->answer.shared);
	buf_clear(&x->answer.body);
	buf_clear(&x->answer.headers);
	free(x->answer.fault);
	free(x->answer.refusal);
	buf_clear(&x->body);
	peer_release(x->peer);
	if (x->head) /* it may have had a password */
		wipe(x->head, x->head_n);
	free(x->head);
	free(x->room);
	free(x);
}

int exchange_address(struct exchange *x, const struct wire_head *h, const char **ret_why)
{
	char *path = (char *)(uintptr_t)h->target, *query = strchr(path, '?');

	x->is_head = strcmp(h->method, "HEAD") == 0;
	x->call.method = x->is_head ? "GET" : h->method;
	x->call.path = path;
	if (query)
		*query++ = '\0';
	x->room = malloc(strlen(path) + 1);
	*ret_why = "memory is short";
	if (!x->room)
		return 503;
	*ret_why = "the path has a segment that is . or ..";
	if (strcmp(path, "*") != 0 && !path_is_decent(path))
		return 400;
	*ret_why = "the query can't be decoded, or has too many parameters";
	return path_query(query, &x->query) ? 0 : 400;
}

const char *http_header(const struct http_call *c, const char *name)
{
	for (size_t i = 0; i < c->headers->n; i++)
		if (!strcasecmp(c->headers->list[i].name, name))
			return c->headers->list[i].value;
	return NULL;
}

bool http_unchanged(const struct http_call *c, const char *etag)
{
	const char *have = http_header(c, "If-None-Match");
	char weak[128];

	snprintf(weak, sizeof weak, "W/%s", etag); /* so a proxy calls it that packs the content */
	return have && (!strcmp(have, "*") || wire_list_has(have, etag) || wire_list_has(have, weak));
}

bool http_not_modified(const struct http_call *c, int64_t last_modified)
{
	int64_t since;

	if (http_header(c, "If-None-Match"))
		return false;
	return clock_parse_http(http_header(c, "If-Modified-Since"), &since) && since >= last_modified;
}

enum inro_err http_account(const struct http_call *call, int64_t account, int64_t device)
{
	const int64_t who[] = { account, device };
	unsigned wait = 0;

	if (call->accounts && (account || device))
		wait = rate_take(call->accounts->rate, BYTES((const uint8_t *)who, sizeof who), now_us());
	if (!wait)
		return INRO_OK;
	call->accounts->over++;
	call->answer->wait = wait;
	return err_set(INRO_E_BUSY, "this account sends more requests than one may here; wait");
}

static void run_handler(struct exchange *x, enum inro_err e)
{
	if (e == HTTP_LATER || e == HTTP_BINDINGS)
		e = err_set(INRO_E_UNSUPPORTED, "a handler was called in vain");
	if (e != INRO_OK)
		http_problem_of(&x->answer, e);
	else if (buf_err(&x->answer.body) || buf_err(&x->answer.headers))
		http_problem_of(&x->answer, INRO_E_NO_MEMORY);
	x->streams = x->answer.stream.more != NULL;
}

static void run_stream(struct exchange *x, void *worker)
{
	struct http_answer *a = &x->answer;
	enum inro_err e = a->stream.more(a->stream.arg, worker, &a->body, &x->last);

	if (e == INRO_OK)
		e = buf_err(&a->body);
	if (e == INRO_OK)
		return;
	x->streams = x->has_begun;
	if (x->has_begun)
		x->stream_err = e;
	else
		http_problem_of(a, e);
}

/* False: it asks for the bindings, which only the loop can learn. */
static bool run_row(struct exchange *x)
{
	enum inro_err e = x->route->row->run(&x->call, x->route->arg);

	x->unbound = e == HTTP_BINDINGS && !x->call.peer->bound;
	if (!x->unbound)
		run_handler(x, e);
	return !x->unbound;
}

void exchange_run(struct exchange *x, void *worker)
{
	x->call.worker = worker;
	if (!x->streams && !run_row(x))
		return;
	/* Of a HEAD, too: whether there is such a thing the first piece tells. */
	if (x->streams)
		run_stream(x, worker);
}

bool exchange_run_here(struct exchange *x)
{
	enum inro_err e = x->route->row->run(&x->call, x->route->arg);

	if (e == HTTP_LATER)
		return false;
	run_handler(x, e);
	return true;
}

static bool has_content(int status)
{
	return status != 204 && status != 304;
}

static void put_length(struct exchange *x, struct evbuffer *out)
{
	const struct http_answer *a = &x->answer;
	size_t n = a->shared ? http_shared_bytes(a->shared).n : a->body.n;

	if (x->streams && x->old)
		x->close = true; /* its end is the connection's */
	else if (x->streams)
		evbuffer_add_printf(out, "Transfer-Encoding: chunked\r\n");
	else if (has_content(a->status))
		evbuffer_add_printf(out, "Content-Length: %zu\r\n", n);
}

void exchange_put_head(struct exchange *x, struct evbuffer *out)
{
	struct http_answer *a = &x->answer;
	char date[HTTP_DATE_SIZE];

	http_date(clock_now(), date);
	evbuffer_add_printf(out, "HTTP/1.1 %d %s\r\nDate: %s\r\n", a->status,
			    status_phrase(a->status), date);
	if (!has_content(a->status))
		buf_clear(&a->body);
	if (a->type && has_content(a->status))
		evbuffer_add_printf(out, "Content-Type: %s\r\n", a->type);
	put_length(x, out);
	evbuffer_add(out, a->headers.p, a->headers.n);
	if (x->close || x->old)
		evbuffer_add_printf(out, "Connection: %s\r\n", x->close ? "close" : "keep-alive");
	evbuffer_add(out, "\r\n", 2);
}
