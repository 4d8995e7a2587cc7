/* answer - what goes back to a client: headers, problem documents, bodies that are shared. */
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backoffice/http/engine.h"
#include "backoffice/http/status.h"
#include "backoffice/http/text.h"
#include "backoffice/http/wire.h"

#define RETRY_AFTER "2"
#define FAULTS_MAX  256 /* octets, before the last one: a line of the log has PIPE_BUF */

struct http_shared {
	atomic_size_t refs;
	struct buf content;
};

struct http_shared *http_shared_new(struct buf *content)
{
	struct http_shared *s = malloc(sizeof *s);

	if (!s)
		return NULL;
	atomic_init(&s->refs, 1);
	s->content = *content;
	*content = (struct buf) { 0 };
	return s;
}

struct http_shared *http_shared_hold(struct http_shared *s)
{
	atomic_fetch_add(&s->refs, 1);
	return s;
}

void http_shared_release(struct http_shared *s)
{
	if (!s || atomic_fetch_sub(&s->refs, 1) != 1)
		return;
	buf_clear(&s->content);
	free(s);
}

struct bytes http_shared_bytes(const struct http_shared *s)
{
	return buf_bytes(&s->content);
}

void http_answer_header(struct http_answer *a, const char *name, const char *value)
{
	if (!value || !wire_is_token(bytes_of(name)) || !wire_is_value(bytes_of(value)))
		return;
	buf_addf(&a->headers, "%s: %s\r\n", name, value);
}

/* The content; headers stay. */
static void answer_drop(struct http_answer *a)
{
	buf_clear(&a->body);
	http_shared_release(a->shared);
	a->shared = NULL;
	if (a->stream.end)
		a->stream.end(a->stream.arg);
	a->stream.more = NULL;
	a->stream.end = NULL;
}

void http_refused(struct http_answer *a, const char *why)
{
	free(a->refusal);
	a->refusal = strdup(why); /* NULL: the status has to do */
}

void http_problem(struct http_answer *a, int status, const char *detail)
{
	if (detail && status < 500)
		http_refused(a, detail);
	answer_drop(a);
	a->status = status;
	a->type = "application/problem+json";
	buf_addf(&a->body, "{\"type\":\"about:blank\",\"title\":\"%s\",\"status\":%d",
		 status_phrase(status), status);
	if (detail) {
		buf_add_str(&a->body, ",\"detail\":");
		text_add_json(&a->body, bytes_of(detail));
	}
	buf_addf(&a->body, ",\"instance\":\"urn:inro:request:%llu\"}\n", (unsigned long long)a->id);
}

void http_fault(struct http_answer *a, enum inro_err e)
{
	SCOPED(buf) fault = { 0 };

	if (a->fault && strlen(a->fault) > FAULTS_MAX)
		return;
	if (a->fault)
		buf_addf(&fault, "%s; ", a->fault);
	buf_addf(&fault, "%s: %s", err_name(e), err_detail(e));
	char *all = buf_take_str(&fault);

	if (!all)
		return;
	free(a->fault);
	a->fault = all;
}

/* Of what is ours: what an administrator has to do, and nothing of where. */
static const char *const told[INRO_E__MAX] = {
#define LOG "; its log says which, under this request"
	[INRO_E_PIN_WRONG] = "one of the server's tokens has another PIN than the server was given: its administrator gives it "
			     "the right one ('inro serve --pin-source') and starts it again" LOG,
	[INRO_E_PIN_LOCKED] = "one of the server's tokens is locked, or would be by another wrong PIN: its administrator "
			      "unblocks it ('inro token pin unblock'), or logs in once with the right PIN" LOG,
	[INRO_E_PIN_EXPIRED] = "the PIN of one of the server's tokens must be changed: its administrator does it "
			       "('inro token pin change')" LOG,
	[INRO_E_TOKEN] = "one of the server's tokens does not work: its administrator finds which, and why, in the server's "
			 "log, under this request",
#undef LOG
};

const char *http_words_of(enum inro_err e)
{
	int status = http_status_of(e);

	if (status == 500 && (unsigned)e < INRO_E__MAX && told[e])
		return told[e];
	return status == 500 ? "the server could not do this; its log says why"
	       : status == 503 ? "the server is busy or has no room; try again"
			       : err_detail(e);
}

void http_problem_slow(struct http_answer *a, const char *detail)
{
	char wait[16];

	snprintf(wait, sizeof wait, "%u", a->wait);
	http_answer_header(a, "Retry-After", wait);
	http_problem(a, 429, detail);
}

void http_problem_of(struct http_answer *a, enum inro_err e)
{
	int status = http_status_of(e);

	if (e == INRO_E_BUSY && a->wait) {
		http_problem_slow(a, err_detail(e));
		return;
	}
	if (status >= 500)
		http_fault(a, e);
	if (status == 503)
		http_answer_header(a, "Retry-After", RETRY_AFTER);
	http_problem(a, status, http_words_of(e));
}
