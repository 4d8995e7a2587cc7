/* routes - answers by GET and POST (RFC 6960 A.1, RFC 5019 5 and 6); see ocsp.h. */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "backoffice/ocsp/ocsp.h"
#include "backoffice/pki/ocsp.h"
#include "backoffice/pki/pem.h"
#include "base/clock.h"

static void add_date(struct http_answer *a, const char *name, int64_t at)
{
	char text[40];
	time_t t = (time_t)at;
	struct tm tm;

	if (gmtime_r(&t, &tm) && strftime(text, sizeof text, "%a, %d %b %Y %H:%M:%S GMT", &tm))
		http_answer_header(a, name, text);
}

/* RFC 5019 6.2. */
static void tell_caches(struct http_call *call, const struct responder_reply *reply)
{
	struct http_answer *a = call->answer;
	int64_t fresh = reply->fresh_until - clock_now();
	char text[80];

	if (!reply->keeps) {
		http_answer_header(a, "Cache-Control", "no-store");
		return;
	}
	snprintf(text, sizeof text, "max-age=%lld, public, no-transform, must-revalidate",
		 (long long)(fresh > 0 ? fresh : 0));
	http_answer_header(a, "Cache-Control", text);
	http_answer_header(a, "ETag", reply->etag);
	add_date(a, "Last-Modified", reply->this_update);
	add_date(a, "Expires", reply->next_update);
}

/* An empty request is malformed, as any other that is none. */
static enum inro_err answer(struct http_call *call, struct responder *r, const char *path,
			    struct bytes request, bool by_get)
{
	SCOPED(responder_reply) reply = { 0 };
	enum inro_err e = responder_answer(r, call->worker, path, request, &reply);

	if (e == INRO_E_BUSY && !call->worker)
		return HTTP_LATER;
	if (e != INRO_OK)
		return e;
	if (reply.fault != INRO_OK)
		http_fault(call->answer, reply.fault);
	if (by_get)
		tell_caches(call, &reply);
	if (by_get && reply.keeps && http_unchanged(call, reply.etag)) {
		call->answer->status = 304;
		return INRO_OK;
	}
	call->answer->type = "application/ocsp-response";
	buf_clear(&call->answer->body);
	call->answer->body = reply.body;
	reply.body = (struct buf) { 0 };
	return INRO_OK;
}

static enum inro_err h_post(struct http_call *call, void *arg)
{
	return answer(call, arg, call->args[0], call->body, false);
}

/* "CA/BASE64" or "~TENANT/CA/BASE64", where the base64 may have slashes. */
static const char *request_in(const char *path)
{
	const char *at = strchr(path, '/');

	if (at && *path == '~')
		at = strchr(at + 1, '/');
	return at;
}

static enum inro_err h_get(struct http_call *call, void *arg)
{
	const char *path = call->args[0], *text = request_in(path);
	char ca[256];
	SCOPED(buf) der = { .max = OCSP_REQUEST_MAX };

	if (!text) /* somebody who looks whether there is anything */
		return answer(call, arg, path, BYTES_NONE, true);
	if ((size_t)(text - path) >= sizeof ca)
		return err_set(INRO_E_NOT_FOUND, "by GET the request comes in the path, as base64");
	memcpy(ca, path, (size_t)(text - path));
	ca[text - path] = 0;
	/* What is no base64 is no request, either. */
	if (pem_base64(bytes_of(text + 1), &der) != INRO_OK)
		buf_reset(&der);
	return answer(call, arg, ca, buf_bytes(&der), true);
}

const struct http_route responder_routes[] = {
	{ "GET", "/ocsp/{at...}", HTTP_PLAIN | HTTP_HERE, h_get, NULL, 0, NULL },
	{ "POST", "/ocsp/{at...}", HTTP_PLAIN | HTTP_HERE, h_post, NULL, OCSP_REQUEST_MAX,
	  "application/ocsp-request" },
};
const size_t responder_routes_n = ARRAY_LEN(responder_routes);
