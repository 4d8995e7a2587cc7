/* test_rest_lines - long answers, piece by piece, as the engine asks for them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include <jansson.h>

#include "backoffice/core/account.h"
#include "backoffice/core/move.h"
#include "backoffice/core/network.h"
#include "backoffice/core/pass.h"
#include "backoffice/pki/pem.h"
#include "backoffice/rest/rest.h"
#include "tests/lib/ask.h"
#include "tests/lib/office.h"

#define OK(x)	 assert_int_equal(x, INRO_OK)
#define PASSWORD "Correct-horse-4"
#define LINES	 120

static struct core *boss, *worker;
static char db[40], bearer[PASS_TEXT_MAX + 16];
static int64_t token;

static void add_token(const char *name, const char *verbs)
{
	const struct pass_new in = { .kind = PASS_TOKEN, .name = name, .role = ROLE_OPERATOR, .verbs = verbs };
	SCOPED(secret) value = { 0 };
	SCOPED(pass) p = { 0 };

	OK(pass_add(boss, &in, &value, &p));
	snprintf(bearer, sizeof bearer, "Bearer %.*s", (int)value.n, (const char *)value.p);
	token = p.id;
}

static int setup(void **state)
{
	static unsigned n;
	const struct account_new a = { .name = "alice", .role = ROLE_ADMIN, .password = bytes_of(PASSWORD) };
	SCOPED(account) made = { 0 };
	struct core_who who;

	(void)state;
	snprintf(db, sizeof db, "rest-lines-%u.db", n++);
	boss = office_open(db);
	worker = office_open(db);
	OK(account_add(boss, &a, &made));
	OK(who_by_account(boss, "alice", bytes_of(PASSWORD), &who));
	OK(core_become(boss, &who));
	OK(core_become(worker, NULL));
	add_token("ci", NULL);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	core_close(worker);
	core_close(boss);
	return 0;
}

/* The answer is the caller's, with its stream. */
static void begin_with(const struct buf *lines, struct http_answer *ret)
{
	struct http_table table = rest_table();

	OK(buf_err(lines));
	assert_int_equal(ask_run(&(struct ask) { .table = &table,
						 .method = "POST",
						 .path = "/v1/batch",
						 .authorization = bearer,
						 .body = buf_bytes(lines),
						 .core = worker },
				 ret),
			 200);
	assert_non_null(ret->stream.more);
}

/* A batch of so many lines that only read. */
static void begin(struct http_answer *ret)
{
	SCOPED(buf) lines = { 0 };

	for (int i = 0; i < LINES; i++)
		buf_add_str(&lines, "{\"command\":\"ca list\"}\n");
	begin_with(&lines, ret);
}

static void end(struct http_answer *a)
{
	a->stream.end(a->stream.arg);
	ask_clear(a);
}

static size_t lines_in(const struct buf *b)
{
	size_t n = 0;

	for (size_t i = 0; i < b->n; i++)
		n += b->p[i] == '\n';
	return n;
}

static void test_all(void **state)
{
	struct http_answer a;
	bool last = false;
	size_t n = 0;

	(void)state;
	begin(&a);
	for (int i = 0; !last && i < LINES; i++) {
		SCOPED(buf) piece = { 0 };

		OK(a.stream.more(a.stream.arg, worker, &piece, &last));
		assert_true(piece.secret); /* there may be keys in it */
		n += lines_in(&piece);
	}
	assert_int_equal(n, LINES);
	end(&a);
}

/* What he who asked has lost meanwhile he has lost, also where nothing is written. */
static void test_revoked_meanwhile(void **state)
{
	SCOPED(buf) piece = { 0 };
	SCOPED(pass) p = { 0 };
	struct http_answer a;
	bool last = false;

	(void)state;
	begin(&a);
	OK(a.stream.more(a.stream.arg, worker, &piece, &last));
	assert_false(last);
	assert_in_range(lines_in(&piece), 1, LINES - 1);
	OK(pass_revoke(boss, token, &p));
	buf_clear(&piece);
	assert_int_equal(a.stream.more(a.stream.arg, worker, &piece, &last), INRO_E_ACCESS);
	assert_int_equal(piece.n, 0);
	end(&a);
}

/* A batch of them has no more rounds, each of which reads the database, than the commands in it make. */
static void test_empty_lines(void **state)
{
	SCOPED(buf) lines = { 0 };
	SCOPED(buf) piece = { 0 };
	SCOPED(buf) rest = { 0 };
	struct http_answer a;
	bool last = false;

	(void)state;
	for (int i = 0; i < 10000; i++)
		buf_add_u8(&lines, '\n');
	buf_add_str(&lines, "{\"command\":\"ca list\"}\n\n\n");
	begin_with(&lines, &a);
	OK(a.stream.more(a.stream.arg, worker, &piece, &last));
	assert_true(last);
	assert_int_equal(lines_in(&piece), 1);
	assert_non_null(memmem(piece.p, piece.n, "\"line\":10001,", 13));
	end(&a);
	buf_reset(&lines);
	begin_with(&lines, &a); /* nothing at all */
	OK(a.stream.more(a.stream.arg, worker, &rest, &last));
	assert_true(last && rest.n == 0);
	end(&a);
}

/* ---- devices with their certificates ---- */

static void add_csr(struct buf *b, EVP_PKEY *key, const char *id)
{
	EVP_PKEY *own = key ? NULL : office_key("P-256");
	SCOPED(buf) der = { 0 };
	SCOPED(buf) pem = { 0 };
	json_t *text;
	char *quoted;

	office_csr(key ? key : own, id, &der);
	EVP_PKEY_free(own);
	pem_add(&pem, "CERTIFICATE REQUEST", buf_bytes(&der));
	text = json_stringn((const char *)pem.p, pem.n);
	quoted = json_dumps(text, JSON_ENCODE_ANY);
	buf_addf(b, ",\"csr\":%s,\"ca\":\"issuing\",\"profile\":\"tls-client\"", quoted);
	free(quoted);
	json_decref(text);
}

/* What a line asks for, and what it gets. */
struct wanted {
	const char *id, *more;
	bool certified, shared; /* shared: its key is the first one's */
	int status;
};
#define EMPTY_CSR ",\"csr\":\"\",\"ca\":\"issuing\",\"profile\":\"tls-client\""
static const struct wanted wanted[] = {
	{ "r-1", ",\"no_psk\":true", true, true, 200 },
	{ "r-2", "", true, false, 200 },
	{ "r-1", "", true, false, 409 },			/* the id is the first one's */
	{ "r-3", "", true, true, 422 },				/* the key is */
	{ "r-4", ",\"csr\":\"none\",\"ca\":\"issuing\"", false, false, 400 },
	{ "e-1", EMPTY_CSR, false, false, 400 },
	{ "e-2", EMPTY_CSR, false, false, 400 },
	{ "r-5", ",\"days\":5", true, false, 200 },
	{ "r-6", ",\"days\":5,\"group\":\"none\"", true, false, 404 },
	{ "r-7", "", false, false, 200 },
	{ "r-8", ",\"no_psk\":true", false, false, 200 },
	{ "r-9", ",\"no_psk\":true", true, false, 200 },
	{ "r-10", ",\"no_psk\":true", true, false, 200 },
};

static void add_wanted(struct buf *lines, const struct wanted *w)
{
	buf_addf(lines, "{\"command\":\"device add\",\"in\":{\"id\":\"%s\"%s", w->id, w->more);
	if (w->certified)
		add_csr(lines, w->shared ? office_ec : NULL, w->id);
	buf_add_str(lines, "}}\n");
}

static unsigned commits; /* that the last ones took */

static char logged[512]; /* what the log is told of the latest batch; "": nothing */

/* The answers, an array that is the caller's. */
static json_t *answers_to(const struct buf *lines)
{
	struct http_answer a;
	SCOPED(buf) all = { 0 };
	json_t *ret = json_array();
	bool last = false;

	begin_with(lines, &a);
	commits = office_commits;
	while (!last) {
		SCOPED(buf) piece = { 0 };

		OK(a.stream.more(a.stream.arg, worker, &piece, &last));
		buf_add(&all, buf_bytes(&piece));
	}
	commits = office_commits - commits;
	snprintf(logged, sizeof logged, "%s", a.fault ? a.fault : "");
	end(&a);
	for (size_t at = 0; at < all.n;) {
		const uint8_t *from = all.p + at, *till = memchr(from, '\n', all.n - at);

		assert_non_null(till);
		json_array_append_new(ret, json_loadb((const char *)from, (size_t)(till - from), 0, NULL));
		at += (size_t)(till - from) + 1;
	}
	return ret;
}

static void check_answer(const json_t *line, const struct wanted *w, json_int_t number)
{
	const json_t *answer = json_object_get(line, "answer");
	const char *of = json_string_value(json_object_get(json_object_get(answer, "certificate"), "device"));

	assert_int_equal(json_integer_value(json_object_get(line, "line")), number);
	assert_int_equal(json_integer_value(json_object_get(line, "status")), w->status);
	if (w->status != 200) {
		assert_non_null(json_object_get(line, "detail"));
		return;
	}
	assert_string_equal(json_string_value(json_object_get(answer, "id")), w->id);
	assert_int_equal(json_object_get(answer, "psk") != NULL, !strstr(w->more, "no_psk"));
	if (w->certified)
		assert_string_equal(of, w->id);
	else
		assert_null(of);
}

static long long events(const char *what)
{
	char sql[160];

	snprintf(sql, sizeof sql, "SELECT count(*) FROM event WHERE %s", what);
	return office_ask(db, sql);
}

static void test_devices(void **state)
{
	SCOPED(buf) lines = { 0 };
	json_t *answers;
	long long done;

	(void)state;
	office_make_cas(boss, db);
	for (size_t i = 0; i < ARRAY_LEN(wanted); i++)
		add_wanted(&lines, &wanted[i]);
	buf_add_str(&lines, "{\"command\":\"device show\",\"args\":[\"r-10\"]}\n");
	done = events("action = 'device.add' AND outcome = 'done'");
	answers = answers_to(&lines);
	assert_int_equal(json_array_size(answers), ARRAY_LEN(wanted) + 1);
	for (size_t i = 0; i < ARRAY_LEN(wanted); i++)
		check_answer(json_array_get(answers, i), &wanted[i], (json_int_t)i + 1);
	assert_int_equal(json_integer_value(json_object_get(json_array_get(answers, ARRAY_LEN(wanted)), "status")), 200);
	json_decref(answers);
	assert_int_equal(events("action = 'device.add' AND outcome = 'done'"), done + 7);
}

/* A token that may add devices and not issue: each line is told, each refusal is on record once. */
static void test_half_allowed(void **state)
{
	SCOPED(buf) lines = { 0 };
	const struct wanted w = { .id = "h-1", .more = "", .certified = true, .status = 403 };
	const struct wanted bare = { .id = "h-2", .more = "", .status = 200 };
	json_t *answers;
	long long refused;

	(void)state;
	office_make_cas(boss, db);
	add_token("adds", "batch, device add");
	for (int i = 0; i < 3; i++)
		add_wanted(&lines, &w);
	add_wanted(&lines, &bare);
	refused = events("action = 'command'");
	answers = answers_to(&lines);
	for (size_t i = 0; i < 3; i++)
		check_answer(json_array_get(answers, i), &w, (json_int_t)i + 1);
	check_answer(json_array_get(answers, 3), &bare, 4);
	json_decref(answers);
	assert_int_equal(events("action = 'command'"), refused + 3);
}

/* What the back office lacks is told as to one request: it is no failure of the server. */
static void test_lacking(void **state)
{
	SCOPED(buf) lines = { 0 };
	json_t *answers;
	const json_t *line;

	(void)state;
	buf_add_str(&lines, "{\"command\":\"audit sign\"}\n");
	answers = answers_to(&lines);
	line = json_array_get(answers, 0);
	assert_int_equal(json_integer_value(json_object_get(line, "status")), 409);
	assert_non_null(strstr(json_string_value(json_object_get(line, "detail")), "no key signs the audit yet"));
	json_decref(answers);
}

/* ---- together ---- */

#define TOGETHER 5

enum inro_err __real_core_write_alone(struct core *c, core_work_fn *work, void *arg);
enum inro_err __wrap_core_write_alone(struct core *c, core_work_fn *work, void *arg);
enum inro_err __real_cred_view_named(struct core *c, struct credential *rec, struct cred_names known, struct cred *ret);
enum inro_err __wrap_cred_view_named(struct core *c, struct credential *rec, struct cred_names known, struct cred *ret);

static bool lost;    /* the answer to the next commit of many, which is done */
static bool unshown; /* no certificate is described */

enum inro_err __wrap_core_write_alone(struct core *c, core_work_fn *work, void *arg)
{
	enum inro_err e = __real_core_write_alone(c, work, arg);

	if (e != INRO_OK || !lost)
		return e;
	lost = false;
	return err_set(INRO_E_IO, "the connection was lost while it was being committed");
}

enum inro_err __wrap_cred_view_named(struct core *c, struct credential *rec, struct cred_names known, struct cred *ret)
{
	if (unshown)
		return err_set(INRO_E_NO_MEMORY, "no memory");
	return __real_cred_view_named(c, rec, known, ret);
}

/* Devices PREFIX-0 and so on, each answered with this status. */
static void add_together(const char *prefix, bool certified, int status)
{
	SCOPED(buf) lines = { 0 };
	char ids[TOGETHER][16];
	struct wanted w = { .more = ",\"no_psk\":true", .certified = certified, .status = status };
	json_t *answers;

	for (int i = 0; i < TOGETHER; i++) {
		snprintf(ids[i], sizeof ids[i], "%s-%d", prefix, i);
		w.id = ids[i];
		add_wanted(&lines, &w);
	}
	answers = answers_to(&lines);
	assert_int_equal(json_array_size(answers), TOGETHER);
	for (int i = 0; i < TOGETHER; i++) {
		w.id = ids[i];
		check_answer(json_array_get(answers, (size_t)i), &w, i + 1);
	}
	json_decref(answers);
}

static void test_one_commit(void **state)
{
	(void)state;
	office_make_cas(boss, db);
	add_together("bare", false, 200);
	assert_int_equal(commits, 1);
	assert_string_equal(logged, "");
	add_together("cert", true, 200);
	assert_int_equal(commits, 1);
}

/* Where the answer to the commit is lost none is done again: "there is such a device already" would be its own. */
static void test_unsure(void **state)
{
	long long before = events("outcome = 'refused'");

	(void)state;
	office_make_cas(boss, db);
	lost = true;
	add_together("bare", false, 500);
	assert_false(lost);
	assert_non_null(strstr(logged, "line 1: "));
	assert_non_null(strstr(logged, "; "));
	assert_non_null(strstr(logged, "line 2: "));
	assert_non_null(strstr(logged, "look before you do it again"));
	lost = true;
	add_together("cert", true, 500);
	assert_false(lost);
	assert_int_equal(events("action = 'device.add' AND outcome = 'done'"), 2 * TOGETHER);
	assert_int_equal(events("outcome = 'refused'"), before);
}

/* A certificate that can't be told of is no empty one. */
static void test_unshown(void **state)
{
	(void)state;
	office_make_cas(boss, db);
	unshown = true;
	add_together("cert", true, 500);
	unshown = false;
	assert_int_equal(commits, 1);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(test_all),
		T(test_revoked_meanwhile),
		T(test_empty_lines),
		T(test_devices),
		T(test_half_allowed),
		T(test_lacking),
		T(test_one_commit),
		T(test_unsure),
		T(test_unshown),
	};

	return cmocka_run_group_tests(tests, office_with_key, office_drop_key);
}
