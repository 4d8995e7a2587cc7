/*
 * fuzz_ocsp_get - a question about certificates as a path: whatever it is, the answer is one of OCSP.
 *
 * An input is what stands behind the method on the wire, up to a query.
 */
#include "tests/fuzz/fuzz.h"

#include <openssl/ocsp.h>
#include <string.h>

#include "backoffice/http/path.h"
#include "backoffice/ocsp/ocsp.h"
#include "tests/lib/scratch.h"

#define PATH_MAX_HERE 8192

static struct core *office;
static struct responder *responder;

static void prepare(void)
{
	char db[600];
	const struct core_options o = { .db = db, .actor = "tester", .role = ROLE_ADMIN };
	const struct responder_options none = { 0 };

	if (responder)
		return;
	snprintf(db, sizeof db, "sqlite:%s", scratch_path("ocsp.db"));
	setenv("INRO_HOME", scratch_path("home"), 1);
	setenv("INRO_CONFIG", "/dev/null", 1);
	setenv("INRO_MODULE", "/nonexistent/module.so", 1);
	FUZZ_REQUIRE(core_open(&o, &office) == INRO_OK);
	FUZZ_REQUIRE(responder_new(&none, office, &responder) == INRO_OK);
}

static void is_answer(const struct http_answer *a)
{
	const unsigned char *p = a->body.p;
	OCSP_RESPONSE *r = d2i_OCSP_RESPONSE(NULL, &p, (long)a->body.n);

	FUZZ_REQUIRE(a->status == 200 && r && p == a->body.p + a->body.n);
	FUZZ_REQUIRE(OCSP_response_status(r) != OCSP_RESPONSE_STATUS_SUCCESSFUL); /* there is no CA */
	OCSP_RESPONSE_free(r);
}

static void ask(const char *path, const struct path_args *args, struct core *worker)
{
	static struct http_headers none;
	struct http_peer peer = { .address = "192.0.2.7" };
	struct http_answer a = { .status = 200 };
	struct http_call call = { .method = "GET", .path = path, .headers = &none, .query = &none, .peer = &peer,
				  .worker = worker, .answer = &a, .n_args = args->n };
	enum inro_err e;

	memcpy(call.args, args->args, sizeof call.args);
	e = responder_routes[0].run(&call, responder);
	FUZZ_REQUIRE(e == INRO_OK || e == INRO_E_NOT_FOUND || (e == HTTP_LATER && !worker));
	if (e == INRO_OK)
		is_answer(&a);
	buf_clear(&a.body);
	buf_clear(&a.headers);
	free(a.fault);
	free(a.refusal);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static char room[PATH_MAX_HERE];
	char *path = size < PATH_MAX_HERE ? strndup((const char *)data, size) : NULL;
	struct path_args args;

	prepare();
	if (path && path_is_decent(path) && path_match(responder_routes[0].pattern, path, room, &args)) {
		ask(path, &args, NULL);
		ask(path, &args, office);
	}
	free(path);
	return 0;
}
