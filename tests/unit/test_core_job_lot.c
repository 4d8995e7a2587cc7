/*
 * test_core_job_lot - jobs ask the database for what a lot of rows needs at once, not for each row: in PostgreSQL each
 * question is a way to a server and back.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <cmocka.h>

#include "backoffice/core/audit.h"
#include "backoffice/core/cred.h"
#include "backoffice/core/device.h"
#include "backoffice/core/group.h"
#include "backoffice/core/internal.h"
#include "backoffice/core/job.h"
#include "backoffice/core/tally.h"
#include "backoffice/store/backend.h"
#include "tests/lib/office.h"
#include "tests/lib/scratch.h"

#define OK(x) assert_int_equal(x, INRO_OK)
#define FEW	 2
#define MANY	 82 /* more than are decided about at once, and than there are places for groups */
#define BETWEEN	 16 /* devices that share a group */
#define QUESTION 0.5 /* a device, at most */

static const struct store_ops *usual;
static size_t asked, surveyed;

static enum inro_err count_each(struct store *s, const struct record_type *t, const struct store_query *q,
				store_row_fn *row, void *arg)
{
	asked++;
	return usual->each(s, t, q, row, arg);
}

static enum inro_err count_survey(struct store *s)
{
	surveyed++;
	return usual->survey(s);
}

/* One question, where the store has a way to ask for many values at once; what has none is given one here, so that what is
 * foreseen is seen there too. */
static enum inro_err count_among(struct store *s, const struct record_type *t, const struct store_alike *a,
				 store_row_fn *row, void *arg)
{
	struct store_cond conds[STORE_COND_MAX];
	const struct store_query q = { .conds = conds, .n = a->q->n };
	enum inro_err e = INRO_OK;

	asked++;
	if (usual->among)
		return usual->among(s, t, a, row, arg);
	memcpy(conds, a->q->conds, a->q->n * sizeof *conds);
	for (size_t i = 0; e == INRO_OK && i < a->n; i++) {
		conds[a->varied].number = a->values[i].number;
		conds[a->varied].text = a->values[i].text;
		conds[a->varied].bytes = a->values[i].bytes;
		e = usual->each(s, t, &q, row, arg);
	}
	return e;
}

static char first[512], next[512], out[512]; /* folders */

static void request(const char *dir, const char *id)
{
	SCOPED(buf) der = { 0 };
	char name[96];
	EVP_PKEY *key = office_key("P-256");

	snprintf(name, sizeof name, "%s/%s.csr", dir, id);
	office_csr(key, id, &der);
	scratch_file(name, der.p, der.n);
	EVP_PKEY_free(key);
}

static void add_devices(struct core *c, const char *set, int n)
{
	for (int i = 0; i < n; i++) {
		SCOPED(device) d = { 0 };
		char id[32], group[32];
		const struct device_fields fields = { .group = group };

		snprintf(group, sizeof group, "line%d", i / BETWEEN);
		snprintf(id, sizeof id, "%s-%03d", set, i);
		OK(device_add(c, id, &fields, &d));
		request("first", id);
		request("next", id);
	}
}

/* How often the database is asked for rows. */
static size_t questions(struct core *c, const char *kind, const struct job_arg *args, size_t n, int rows)
{
	const struct job_order o = { kind, args, n };
	struct store_ops counting = *c->store->ops;
	SCOPED(job) made = { 0 };
	SCOPED(job) done = { 0 };
	struct audit_report report;

	usual = c->store->ops;
	counting.each = count_each;
	counting.survey = usual->survey ? count_survey : NULL;
	counting.among = count_among;
	c->store->ops = &counting;
	asked = surveyed = 0;
	OK(job_start(c, &o, &made));
	OK(job_run(c, made.id, NULL, &done));
	c->store->ops = usual;
	assert_true(!usual->survey || surveyed >= 2); /* before its rows are counted, and before they are walked */
	assert_int_equal(done.done, rows);
	assert_int_equal(done.failed, 0);
	OK(audit_verify(c, &report));
	OK(tally_check(c));
	return asked;
}

static void issue(struct core *c, int rows)
{
	const struct job_arg args[] = { { "csr-dir", first }, { "out-dir", out },
					{ "ca", "issuing" }, { "profile", "tls-client" }, { "devices", "yes" } };

	(void)questions(c, "issue", args, ARRAY_LEN(args), rows);
}

static void assert_lots(struct core *c, const char *kind, const struct job_arg *args, size_t n)
{
	struct job_arg few[4], many[4];
	size_t with_few, with_many;

	memcpy(few, args, n * sizeof *args);
	memcpy(many, args, n * sizeof *args);
	few[0].value = "device.id^=few";
	many[0].value = "device.id^=many";
	with_few = questions(c, kind, few, n, FEW);
	with_many = questions(c, kind, many, n, MANY);
	if ((double)with_many > (double)with_few + QUESTION * (MANY - FEW))
		fail_msg("%s asks %zu times for %d and %zu times for %d", kind, with_few, FEW, with_many, MANY);
}

static void make_folder(char *path, const char *name)
{
	snprintf(path, sizeof first, "%s", scratch_path(name));
	assert_int_equal(mkdir(path, 0700), 0);
}

static void test_lots(void **state)
{
	struct core *c = office_open("lots");
	const struct job_arg rekey[] = { { "where", NULL }, { "csr-dir", next }, { "out-dir", out } };
	const struct job_arg revoke[] = { { "where", NULL }, { "reason", "superseded" } };

	(void)state;
	office_make_cas(c, "lots");
	make_folder(first, "first");
	make_folder(next, "next");
	make_folder(out, "out");
	for (int i = 0; i <= MANY / BETWEEN; i++) {
		SCOPED(device_group) g = { 0 };
		char path[32];

		snprintf(path, sizeof path, "line%d", i);
		OK(group_add(c, path, NULL, &g));
	}
	add_devices(c, "few", FEW);
	add_devices(c, "many", MANY);
	issue(c, FEW + MANY);
	assert_lots(c, "rekey", rekey, ARRAY_LEN(rekey));
	assert_lots(c, "revoke", revoke, ARRAY_LEN(revoke));
	core_close(c);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_lots) };

	office_tokens();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
