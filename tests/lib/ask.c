/* ask - see ask.h. */
#include "tests/lib/ask.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#define PART_MAX 128

/* One segment of both; *arg has what a "{…}" matched.  False: they differ. */
static bool same_part(const char **pattern, const char **path, char arg[static PART_MAX])
{
	size_t n = strcspn(*pattern, "/"), m = strcspn(*path, "/");
	bool open = n && **pattern == '{';
	bool same = open ? m && m < PART_MAX : n == m && !memcmp(*pattern, *path, n);

	arg[0] = 0;
	if (same && open)
		snprintf(arg, PART_MAX, "%.*s", (int)m, *path);
	*pattern += n;
	*path += m;
	return same && **pattern == **path;
}

static bool matches(const char *pattern, const char *path, char args[][PART_MAX], size_t *ret_n)
{
	char arg[PART_MAX];

	for (*ret_n = 0; *pattern; pattern++, path++) {
		if (!same_part(&pattern, &path, arg))
			return false;
		if (arg[0] && *ret_n < HTTP_ARGS_MAX)
			memcpy(args[(*ret_n)++], arg, sizeof arg);
		if (!*pattern)
			break;
	}
	return true;
}

static const struct http_route *find(const struct ask *in, char args[][PART_MAX], size_t *ret_n)
{
	for (size_t i = 0; i < in->table->n; i++) {
		const struct http_route *r = &in->table->routes[i];

		if (!strcmp(r->method, in->method) && matches(r->pattern, in->path, args, ret_n))
			return r;
	}
	fail_msg("no row for %s %s", in->method, in->path);
	return NULL;
}

/* As the server: the bindings of a connection are there when the handler has asked for them. */
static enum inro_err run_bound(const struct http_route *r, struct http_call *call, void *arg,
			       const struct http_peer *known)
{
	struct http_peer peer = *call->peer;
	enum inro_err e;

	peer.tls_unique = peer.tls_exporter = BYTES_NONE;
	call->peer = &peer;
	e = r->run(call, arg);
	if (e != HTTP_BINDINGS)
		return e;
	peer.bound = true;
	peer.tls_unique = known->tls_unique;
	peer.tls_exporter = known->tls_exporter;
	return r->run(call, arg);
}

int ask_run(const struct ask *in, struct http_answer *ret)
{
	char args[HTTP_ARGS_MAX][PART_MAX];
	struct http_headers headers = { 0 }, query = { 0 };
	struct http_peer peer = in->peer;
	struct http_call call = { .method = in->method, .path = in->path, .headers = &headers,
				  .query = &query, .body = in->body, .peer = &peer,
				  .worker = in->core, .answer = ret };
	const struct http_route *r = find(in, args, &call.n_args);
	enum inro_err e;

	*ret = (struct http_answer) { .status = 200 };
	if (!peer.address[0])
		snprintf(peer.address, sizeof peer.address, "192.0.2.7");
	for (size_t i = 0; i < call.n_args; i++)
		call.args[i] = args[i];
	if (in->authorization)
		headers.list[headers.n++] =
			(struct http_header) { "Authorization", in->authorization };
	e = run_bound(r, &call, r->arg ? r->arg : in->table->arg, &in->peer);
	if (e != INRO_OK)
		http_problem_of(ret, e);
	return ret->status;
}

void ask_clear(struct http_answer *a)
{
	buf_clear(&a->body);
	buf_clear(&a->headers);
	free(a->fault);
	free(a->refusal);
	*a = (struct http_answer) { 0 };
}

bool ask_has_header(const struct http_answer *a, const char *line)
{
	return a->headers.n && memmem(a->headers.p, a->headers.n, line, strlen(line));
}
