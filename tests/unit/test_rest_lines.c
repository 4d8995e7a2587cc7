/* test_rest_lines - long answers, piece by piece, as the engine asks for them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "backoffice/core/account.h"
#include "backoffice/core/network.h"
#include "backoffice/core/pass.h"
#include "backoffice/rest/rest.h"
#include "tests/lib/ask.h"
#include "tests/lib/office.h"

#define OK(x)	 assert_int_equal(x, INRO_OK)
#define PASSWORD "Correct-horse-4"
#define LINES	 120

static struct core *boss, *worker;
static char db[40], bearer[PASS_TEXT_MAX + 16];
static int64_t token;

static void add_token(void)
{
	const struct pass_new in = { .kind = PASS_TOKEN, .name = "ci", .role = ROLE_OPERATOR };
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
	add_token();
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	core_close(worker);
	core_close(boss);
	return 0;
}

/* A batch of so many lines that only read; the answer is the caller's, with its stream. */
static void begin(struct http_answer *ret)
{
	struct http_table table = rest_table();
	SCOPED(buf) body = { 0 };

	for (int i = 0; i < LINES; i++)
		buf_add_str(&body, "{\"command\":\"ca list\"}\n");
	OK(buf_err(&body));
	assert_int_equal(ask_run(&(struct ask) { .table = &table,
						 .method = "POST",
						 .path = "/v1/batch",
						 .authorization = bearer,
						 .body = buf_bytes(&body),
						 .core = worker },
				 ret),
			 200);
	assert_non_null(ret->stream.more);
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

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(test_all),
		T(test_revoked_meanwhile),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
