/* test_lifecycle - every legal move is made, every other is refused, and the document says the
 * same. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "backoffice/core/lifecycle.h"
#include "base/file.h"

static const struct move *legal(const struct lifecycle *l, int from, enum verb verb)
{
	for (size_t i = 0; i < l->n; i++)
		if (l->moves[i].from == from && l->moves[i].verb == verb)
			return &l->moves[i];
	return NULL;
}

static void check_refusal(enum life life, int from)
{
	const struct lifecycle *l = lifecycle_of(life);
	const char *words = err_detail(INRO_E_STATE);
	bool end = true;

	for (int v = 0; v < VERB__MAX; v++) {
		const char *command = lifecycle_command(life, (enum verb)v);

		if (!legal(l, from, (enum verb)v) || !command)
			continue;
		end = false;
		assert_non_null(strstr(words, command));
	}
	assert_non_null(strstr(words, l->states[from]));
	if (end)
		assert_non_null(strstr(words, "the end"));
}

static void check_pair(enum life life, int from, enum verb verb)
{
	const struct lifecycle *l = lifecycle_of(life);
	const struct move *m = legal(l, from, verb);
	int to = -1;

	if (!m) {
		assert_int_equal(lifecycle_move(life, from, verb, ROLE_ADMIN, &to), INRO_E_STATE);
		assert_int_equal(to, -1);
		check_refusal(life, from);
		return;
	}
	assert_int_equal(lifecycle_move(life, from, verb, ROLE_ADMIN, &to), INRO_OK);
	assert_int_equal(to, m->to);
	assert_int_equal(lifecycle_move(life, from, verb, m->least, &to), INRO_OK);
	if (m->least > 0) {
		enum role less = (enum role)(m->least - 1);

		assert_int_equal(lifecycle_move(life, from, verb, less, &to), INRO_E_ACCESS);
		assert_non_null(strstr(err_detail(INRO_E_ACCESS), role_names[m->least]));
	}
}

static void test_every_pair(void **state)
{
	(void)state;
	for (int life = 0; life < LIFE__MAX; life++)
		for (int from = 0; from < (int)lifecycle_of((enum life)life)->states_n; from++)
			for (int verb = 0; verb < VERB__MAX; verb++)
				check_pair((enum life)life, from, (enum verb)verb);
}

static void test_rows_make_sense(void **state)
{
	(void)state;
	for (int life = 0; life < LIFE__MAX; life++) {
		const struct lifecycle *l = lifecycle_of((enum life)life);

		for (size_t i = 0; i < l->n; i++) {
			const struct move *m = &l->moves[i];

			assert_in_range(m->from, 0, l->states_n - 1);
			assert_in_range(m->to, 0, l->states_n - 1);
			assert_int_not_equal(m->from, m->to);
			assert_in_range(m->least, ROLE_OPERATOR, ROLE_ADMIN);
			assert_ptr_equal(legal(l, m->from, m->verb), m); /* no row twice */
		}
		for (size_t i = 0; i < l->states_n; i++)
			assert_non_null(l->states[i]);
	}
	for (int i = 0; i < VERB__MAX; i++)
		assert_non_null(verb_names[i]);
	for (int i = 0; i < ROLE__MAX; i++)
		assert_non_null(role_names[i]);
}

/* A thing can always come to an end: from every state that it may be in there is a way to the last
 * one. */
static void test_no_dead_end(void **state)
{
	static const int ends[LIFE__MAX] = {
		[LIFE_DEVICE] = 3,	[LIFE_CA] = 2,
		[LIFE_CERTIFICATE] = 9, [LIFE_KEY] = 9,
		[LIFE_PSK] = 9,		[LIFE_PROPOSAL] = PROPOSAL_DONE,
		[LIFE_JOB] = JOB_DONE,	[LIFE_ACCOUNT] = ACCOUNT_DELETED,
	};
	static const unsigned further[LIFE__MAX] = {
		[LIFE_JOB] = 1u << JOB_CANCELLED,
		[LIFE_PROPOSAL] = 1u << PROPOSAL_REFUSED | 1u << PROPOSAL_WITHDRAWN,
	};

	(void)state;
	for (int life = 0; life < LIFE__MAX; life++) {
		const struct lifecycle *l = lifecycle_of((enum life)life);
		bool reaches[16] = { false }, used[16] = { false };

		reaches[ends[life]] = true;
		for (size_t i = 0; i < ARRAY_LEN(reaches); i++)
			reaches[i] |= further[life] >> i & 1;

		for (size_t round = 0; round < l->states_n; round++)
			for (size_t i = 0; i < l->n; i++)
				reaches[l->moves[i].from] |= reaches[l->moves[i].to];
		for (size_t i = 0; i < l->n; i++)
			used[l->moves[i].from] = used[l->moves[i].to] = true;
		for (size_t i = 0; i < l->states_n; i++)
			assert_true(reaches[i] || !used[i]);
	}
}

static void test_nonsense_state(void **state)
{
	int to;

	(void)state;
	assert_int_equal(lifecycle_move(LIFE_DEVICE, -1, VERB_ENABLE, ROLE_ADMIN, &to),
			 INRO_E_DAMAGED);
	assert_int_equal(lifecycle_move(LIFE_DEVICE, 99, VERB_ENABLE, ROLE_ADMIN, &to),
			 INRO_E_DAMAGED);
}

static void has_it(const struct buf *doc, struct buf *part)
{
	buf_add_u8(part, 0);
	assert_int_equal(buf_err(part), INRO_OK);
	if (!strstr((const char *)doc->p, (const char *)part->p))
		fail_msg("docs/lifecycle.md does not have this:\n%s", part->p);
}

static void test_document(void **state)
{
	char path[4096];
	SCOPED(buf) doc = { 0 };

	(void)state;
	snprintf(path, sizeof path, "%s/docs/lifecycle.md", getenv("INRO_TEST_SOURCE"));
	assert_int_equal(file_read(path, 1 << 20, &doc), INRO_OK);
	buf_add_u8(&doc, 0);
	for (int life = 0; life < LIFE__MAX; life++) {
		SCOPED(buf) table = { 0 };
		SCOPED(buf) diagram = { 0 };

		lifecycle_print((enum life)life, &table);
		lifecycle_draw((enum life)life, &diagram);
		has_it(&doc, &table);
		has_it(&doc, &diagram);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_pair),  cmocka_unit_test(test_rows_make_sense),
		cmocka_unit_test(test_no_dead_end), cmocka_unit_test(test_nonsense_state),
		cmocka_unit_test(test_document),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
