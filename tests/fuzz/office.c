/* office - see office.h.  Linked with -Wl,--wrap= for what is not as in the server. */
#include "tests/fuzz/office.h"

#include <jansson.h>
#include <string.h>

#include "backoffice/core/device.h"
#include "backoffice/fetch/fetch.h"
#include "backoffice/http/path.h"
#include "backoffice/rest/engine.h"
#include "backoffice/rest/rest.h"
#include "backoffice/store/store.h"
#include "base/clock.h"
#include "tests/fuzz/fuzz.h"
#include "tests/lib/scratch.h"

#define NOW	   INT64_C(1800000000)
#define PIECES_MAX 20

bool office_is_edited;
static struct core *office;
static int64_t device;

/* ---- what is not as in the server ---- */

static struct core_who asking;

enum inro_err __wrap_rest_who(struct core *c, const struct http_call *call, struct core_who *ret);
enum inro_err __wrap_store_commit(struct store *s);
enum inro_err __real_store_commit(struct store *s);
enum inro_err __wrap_fetch_run(const struct fetch_way *way, const struct fetch_who *who, struct fetch *f);

enum inro_err __wrap_rest_who(struct core *c, const struct http_call *call, struct core_who *ret)
{
	*ret = asking;
	return core_peer(c, call->peer->address);
}

/* Only what is made at the beginning stays. */
enum inro_err __wrap_store_commit(struct store *s)
{
	if (!device)
		return __real_store_commit(s);
	store_rollback(s);
	return INRO_OK;
}

enum inro_err __wrap_fetch_run(const struct fetch_way *way, const struct fetch_who *who, struct fetch *f)
{
	(void)way, (void)who, (void)f;
	return err_set(INRO_E_BUSY, "nobody is there");
}

/* ---- a request ---- */

static const struct {
	char letter;
	enum role role;
} roles[] = { { 'a', ROLE_ADMIN }, { 'o', ROLE_OPERATOR }, { 'r', ROLE_AUDITOR }, { 'd', ROLE_DEVICE },
	      { 'n', ROLE_NOBODY } };

static const struct {
	char letter;
	struct http_header header;
} words[] = {
	{ 'j', { "Content-Type", "application/json" } }, { 'c', { "Content-Type", CSV_TYPE } },
	{ 'l', { "Content-Type", LINES_TYPE } },	 { 'L', { "Accept", LINES_TYPE } },
	{ 'M', { "If-Match", "*" } },			 { 'N', { "If-None-Match", "\"0\", *" } },
};

static void be(enum role role)
{
	const bool itself = role == ROLE_DEVICE;

	asking = (struct core_who) { .role = role, .tenant = 1, .device = itself ? device : 0 };
	snprintf(asking.actor, sizeof asking.actor, "%s", itself ? "device:dev-1" : "tester");
}

static void read_letters(const char *letters, struct http_headers *headers)
{
	be(ROLE_ADMIN);
	for (; *letters; letters++) {
		for (size_t i = 0; i < ARRAY_LEN(roles); i++)
			if (roles[i].letter == *letters)
				be(roles[i].role);
		for (size_t i = 0; i < ARRAY_LEN(words) && headers->n < ARRAY_LEN(words); i++)
			if (words[i].letter == *letters)
				headers->list[headers->n++] = words[i].header;
	}
}

/* As the engine: the first row that has the method and matches; its body is within its bound. */
static const struct http_route *find(const struct http_table *t, struct http_call *call, char *room)
{
	struct path_args args;

	if (!path_is_decent(call->path))
		return NULL;
	for (size_t i = 0; i < t->n; i++) {
		const struct http_route *r = &t->routes[i];

		if (strcmp(r->method, call->method) != 0 || !path_match(r->pattern, call->path, room, &args))
			continue;
		memcpy(call->args, args.args, sizeof call->args);
		call->n_args = args.n;
		return call->body.n <= r->body_max ? r : NULL;
	}
	return NULL;
}

/* ---- its answer ---- */

static void is_json(struct bytes text)
{
	json_t *doc = json_loadb((const char *)text.p, text.n, JSON_DECODE_ANY, NULL);

	FUZZ_REQUIRE(doc);
	json_decref(doc);
}

static void drain(struct http_answer *a)
{
	bool ended = false;

	for (int i = 0; i < PIECES_MAX && !ended; i++) {
		SCOPED(buf) piece = { 0 };

		ended = a->stream.more(a->stream.arg, office, &piece, &ended) != INRO_OK || ended;
	}
	a->stream.end(a->stream.arg);
}

static void look(struct http_answer *a)
{
	FUZZ_REQUIRE(a->status >= 200 && a->status < 600);
	FUZZ_REQUIRE(office_is_edited || a->status != 500);
	if (a->stream.more)
		drain(a);
	else if (a->type && strstr(a->type, "json") && a->body.n)
		is_json(buf_bytes(&a->body));
}

/* The status. */
static int run(const struct http_route *r, struct http_call *call)
{
	struct http_answer a = { .status = 200 };
	enum inro_err e;
	int status;

	call->answer = &a;
	e = r->run(call, r->arg);
	if (e != INRO_OK)
		http_problem_of(&a, e);
	if (!device && a.status >= 300)
		fprintf(stderr, "%s %s: %.*s\n", call->method, call->path, (int)a.body.n, (const char *)a.body.p);
	look(&a);
	status = a.status;
	buf_clear(&a.body);
	buf_clear(&a.headers);
	http_shared_release(a.shared);
	free(a.fault);
	free(a.refusal);
	return status;
}

int office_ask(char *line, struct bytes body)
{
	static char room[OFFICE_LINE_MAX];
	static struct http_headers query;
	struct http_peer peer = { .address = "192.0.2.7", .tls = true };
	struct http_headers headers = { .n = 0 };
	struct http_call call = { .headers = &headers, .query = &query, .body = body, .peer = &peer,
				  .worker = office };
	struct http_table table = rest_table();
	const struct http_route *r;
	char *letters = strsep(&line, " "), *method = strsep(&line, " "), *path = strsep(&line, "?");

	query.n = 0;
	if (!method || !path || (line && !path_query(line, &query)))
		return 0;
	call.method = method;
	call.path = path;
	read_letters(letters, &headers);
	r = find(&table, &call, room);
	return r ? run(r, &call) : 0;
}

/* ---- the database ---- */

/* "CN=Elsewhere", whose key nobody has any more: corpus/api has a list and a certificate of it. */
#define ROOT                                                                                       \
	"-----BEGIN CERTIFICATE-----\\n" \
	"MIIBWjCCAQGgAwIBAgIDEtaHMAoGCCqGSM49BAMCMBQxEjAQBgNVBAMMCUVsc2V3\\n" \
	"aGVyZTAeFw0yNjAxMDEwMDAwMDBaFw00NTAxMDEwMDAwMDBaMBQxEjAQBgNVBAMM\\n" \
	"CUVsc2V3aGVyZTBZMBMGByqGSM49AgEGCCqGSM49AwEHA0IABONNJe4QAIjBURv1\\n" \
	"JTQ0v1zwO8tGQ63suMYnE5OTXpj1wILpBF2+m4Um6F/c8kz5qcA9N1FoDhpoWtCz\\n" \
	"1qJemXujQjBAMA8GA1UdEwEB/wQFMAMBAf8wDgYDVR0PAQH/BAQDAgEGMB0GA1Ud\\n" \
	"DgQWBBRck+AuSiDBqa+FpgGYROSUxkCQEjAKBggqhkjOPQQDAgNHADBEAiABr0QQ\\n" \
	"crrV5N9/C+okvX6hMbNhCnKfxcaSu/sUmn9btAIgXUYEQ8GHkie+JaXLnHppXVvP\\n" \
	"uHeKjxvv6NRMM9R1FhI=\\n" \
	"-----END CERTIFICATE-----\\n"

/* "CN=dev-0" */
#define CSR                                                                                        \
	"-----BEGIN CERTIFICATE REQUEST-----\\n" \
	"MIHJMHICAQAwEDEOMAwGA1UEAwwFZGV2LTAwWTATBgcqhkjOPQIBBggqhkjOPQMB\\n" \
	"BwNCAARAdjxJ1Fzq1FFf/kq6VbuYiN93v0M8OHEtj2xe00TS+Y+zo1OaIrohh7hD\\n" \
	"rbxUJKEosUXeAuTS1JUfubUDQDKxoAAwCgYIKoZIzj0EAwIDRwAwRAIgDaBFePPp\\n" \
	"sxPZdCE6Tj1WGsglw606ZjVIaCOSW9fBU7gCIDic5sPkINcVa9mQdfkH+oMeQbTq\\n" \
	"QvM2G7qOnVmTJeOO\\n" \
	"-----END CERTIFICATE REQUEST-----\\n"

static const char *const made[] = {
	"aj POST /v1/groups\n{\"path\":\"line1\"}",
	"aj POST /v1/groups\n{\"path\":\"line1/hall\"}",
	"aj POST /v1/devices\n{\"id\":\"dev-0\",\"name\":\"Press\",\"ip\":\"192.0.2.7\",\"mac\":\"02:00:5e:00:53:01\","
	"\"serial\":\"SN-1\",\"group\":\"line1/hall\",\"attrs\":{\"site\":\"north\",\"rack\":4}}",
	"aj POST /v1/devices\n{\"id\":\"dev-1\",\"ip\":\"2001:db8::1\",\"hostname\":\"pump.example\",\"os\":\"Linux\"}",
	"aj POST /v1/connected-cas\n{\"name\":\"elsewhere\",\"by\":\"file\",\"cert\":\"" ROOT "\"}",
	"aj POST /v1/certificates\n{\"ca\":\"elsewhere\",\"profile\":\"tls-client\",\"device\":\"dev-0\",\"csr\":\"" CSR "\"}",
};

static void make(const char *request)
{
	size_t n = strcspn(request, "\n");
	char *line = strndup(request, n);

	FUZZ_REQUIRE(line);
	FUZZ_REQUIRE(office_ask(line, bytes_of(request + n + 1)) / 100 == 2);
	free(line);
}

void office_make(void)
{
	char db[600];
	const struct core_options o = { .db = db, .actor = "tester", .role = ROLE_ADMIN };
	SCOPED(device) d = { 0 };

	if (office)
		return;
	snprintf(db, sizeof db, "sqlite:%s", scratch_path("api.db"));
	clock_set_test(NOW);
	setenv("INRO_HOME", scratch_path("home"), 1);
	setenv("INRO_CONFIG", "/dev/null", 1);
	setenv("INRO_MODULE", "/nonexistent/module.so", 1);
	FUZZ_REQUIRE(core_open(&o, &office) == INRO_OK);
	for (size_t i = 0; i < ARRAY_LEN(made); i++)
		make(made[i]);
	be(ROLE_ADMIN);
	FUZZ_REQUIRE(core_become(office, &asking) == INRO_OK);
	FUZZ_REQUIRE(device_get(office, "dev-1", &d) == INRO_OK);
	core_nobody(office);
	device = d.id;
}
