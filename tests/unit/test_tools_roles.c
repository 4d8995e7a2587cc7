/* test_tools_roles - every row of the command table is tried by those who may not use it: nothing in
 * the database is another after that.  And what only reads changes nothing. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sqlite3.h>
#include <cmocka.h>

#include "backoffice/core/account.h"
#include "backoffice/core/internal.h"
#include "backoffice/core/setting.h"
#include "backoffice/pki/alg.h"
#include "base/file.h"
#include "tests/lib/scratch.h"
#include "tools/cmd.h"

#define OK(x)	  assert_int_equal(x, INRO_OK)
#define WORDS_MAX 64
#define DIGEST	  32

static const char *file, *folder, *result;

/* ---- the database ---- */

static sqlite3 *open_raw(void)
{
	sqlite3 *raw;

	assert_int_equal(sqlite3_open(scratch_path("backoffice.db"), &raw), SQLITE_OK);
	sqlite3_busy_timeout(raw, 10000);
	return raw;
}

static void run_sql(const char *sql)
{
	sqlite3 *raw = open_raw();

	assert_int_equal(sqlite3_exec(raw, sql, NULL, NULL, NULL), SQLITE_OK);
	sqlite3_close(raw);
}

static int add_row(void *arg, int n, char **values, char **names)
{
	(void)names;
	for (int i = 0; i < n; i++)
		buf_addf(arg, "%s|", values[i] ? values[i] : "");
	return 0;
}

/* All that is not the audit. */
static void digest(uint8_t ret[static PKI_DIGEST_MAX])
{
	static const char *const audit[] = { "event", "audit_head", "audit_mark", "audit_segment" };
	sqlite3 *raw = open_raw();
	SCOPED(buf) all = { 0 };

	for (size_t i = 0; record_types[i]; i++) {
		char sql[128];

		if (name_index(audit, ARRAY_LEN(audit), record_types[i]->table) >= 0)
			continue;
		snprintf(sql, sizeof sql, "SELECT * FROM %s ORDER BY id", record_types[i]->table);
		assert_int_equal(sqlite3_exec(raw, sql, add_row, &all, NULL), SQLITE_OK);
	}
	sqlite3_close(raw);
	OK(buf_err(&all));
	OK(pki_digest(PKI_SHA256, buf_bytes(&all), ret));
}

/* Who runs this is an account, whose role the test changes. */
static int setup_office(void **state)
{
	const struct core_options o = { .accounts = true };
	const char *me = NULL;
	SCOPED(account) made = { 0 };
	struct core *c;

	(void)state;
	setenv("INRO_HOME", scratch_dir(), 1);
	unsetenv("INRO_DB");
	unsetenv("INRO_AS");
	setenv("INRO_PSK", "x", 1);
	file = strdup(scratch_path("given"));
	folder = strdup(scratch_path("folder"));
	result = strdup(scratch_path("result"));
	OK(file_write(file, 0644, bytes_of("id,name\nx,y\n")));
	OK(core_open(&o, &c));
	OK(setting_change(c, "accounts", "os", 0));
	me = c->actor;
	OK(account_add(c, &((struct account_new) { .name = me, .role = ROLE_ADMIN }), &made));
	core_close(c);
	return 0;
}

static void be(enum role role)
{
	char sql[128];

	snprintf(sql, sizeof sql, "UPDATE account SET role = '%s'", role_names[role]);
	run_sql(sql);
}

/* ---- a call by the row ---- */

struct line {
	char words[WORDS_MAX][96];
	char *argv[WORDS_MAX];
	int n;
};

static void put(struct line *l, const char *word)
{
	assert_true(l->n < WORDS_MAX);
	snprintf(l->words[l->n], sizeof l->words[0], "%s", word);
	l->argv[l->n] = l->words[l->n];
	l->n++;
}

static const char *value_of(const struct cmd_opt *o)
{
	const char *const values[OPT__KINDS] = {
		[OPT_TEXT] = "x", [OPT_FILE] = file, [OPT_DIR] = folder,
		[OPT_HEX] = "00", [OPT_NUMBER] = "1", [OPT_TIME] = "2026-11-21",
		[OPT_URI] = "pkcs11:token=t;object=o",
	};

	if (!strcmp(o->name, "out")) /* some take no file that is there */
		return result;
	return o->kind == OPT_CHOICE ? o->choices[0] : values[o->kind];
}

/* Arguments that are numbers, files and settings; any other is a name. */
static const char *arg_of(const struct cmd_noun *n, const struct cmd_arg *a)
{
	static const struct {
		const char *noun, *arg, *value;
	} known[] = {
		{ "errand", "WHAT", "renew" },
		{ "setting", "NAME", "audit.every" },
		{ "setting", "VALUE", "7" },
		{ "group", "POLICY", "{}" },
	};

	if (a->number)
		return "1";
	if (a->uri)
		return "pkcs11:token=t;object=o";
	if (strstr(a->name, "FILE"))
		return file;
	for (size_t i = 0; i < ARRAY_LEN(known); i++)
		if (!strcmp(known[i].noun, n->name) && !strcmp(known[i].arg, a->name))
			return known[i].value;
	return "x";
}

/* What a row wants beside what it requires, so that its check lets it pass. */
static void put_more(struct line *l, const struct cmd_noun *n, const struct cmd_verb *v)
{
	static const struct {
		const char *noun, *verb, *words[4];
	} more[] = {
		{ "cert", "issue", { "--csr", "given" } },
		{ "ca", "create", { "--token", "x" } },
		{ "ca", "connect", { "--cert", "given" } },
		{ "device", "update", { "--name", "x" } },
		{ "errand", "send", { "--device", "x" } },
		{ "group", "update", { "--policy", "{}" } },
		{ "secret", "reseal", { "--to", "pkcs11:token=t;object=o" } },
		{ "secret", "get", { "--clear", NULL } },
		{ "psk", "hand-out", { "--all", NULL } },
		{ "secret", "seal-key", { "--key", "pkcs11:token=t;object=o" } },
		{ "secret", "verify", { "--key-source", "given" } },
		{ "ca", "set", { "--crl-days", "1" } },
		{ "ca", "rollover", { "--token", "x" } },
		{ "ca", "key add", { "--token", "x" } },
	};

	for (size_t i = 0; i < ARRAY_LEN(more); i++)
		for (size_t k = 0; k < ARRAY_LEN(more[i].words) && more[i].words[k]; k++) {
			const char *word = more[i].words[k];

			if (strcmp(more[i].noun, n->name) || strcmp(more[i].verb, v->name))
				continue;
			if (k % 2 == 0 && !cmd_option_named(v, word + 2))
				break;
			put(l, strcmp(word, "given") ? word : file);
		}
}

static void write_line(const struct cmd_noun *n, const struct cmd_verb *v, struct line *l)
{
	const char *space = strchr(v->name, ' ');
	const struct cmd_opt *o;
	char first[48];

	l->n = 0;
	put(l, n->name);
	snprintf(first, sizeof first, "%.*s", space ? (int)(space - v->name) : 40, v->name);
	put(l, first);
	if (space)
		put(l, space + 1);
	for (const struct cmd_arg *a = v->args; a && a->name; a++)
		put(l, arg_of(n, a));
	for (size_t i = 0; (o = cmd_option(v, i)); i++) {
		char name[64];

		if (!o->required)
			continue;
		snprintf(name, sizeof name, "--%s", o->name);
		put(l, name);
		if (o->kind != OPT_FLAG)
			put(l, value_of(o));
	}
	put_more(l, n, v);
}

static enum inro_err run_row(const struct cmd_noun *n, const struct cmd_verb *v)
{
	struct line l;
	struct call call = { 0 };
	json_t *doc = NULL;
	enum inro_err e;

	write_line(n, v, &l);
	e = cmd_parse(l.n, l.argv, &call);
	if (e)
		fail_msg("'inro %s %s' can't be called by the test: %s", n->name, v->name,
			 err_detail(e));
	e = v->run(&call, &doc);
	json_decref(doc);
	return e;
}

/* ---- the walks ---- */

/* Runs it; the database is what it was. */
static enum inro_err run_in_vain(const struct cmd_noun *n, const struct cmd_verb *v, enum role role)
{
	uint8_t before[PKI_DIGEST_MAX], after[PKI_DIGEST_MAX];
	enum inro_err e;

	digest(before);
	e = run_row(n, v);
	digest(after);
	if (memcmp(before, after, DIGEST))
		fail_msg("after 'inro %s %s' by the %s the database is another", n->name, v->name,
			 role_names[role]);
	return e;
}

/* These look at what they are given before they open anything. */
static bool reads_first(const struct cmd_noun *n, const struct cmd_verb *v)
{
	static const char *const those[] = {
		"audit purge", "device import",
	};
	char name[96];

	snprintf(name, sizeof name, "%s %s", n->name, v->name);
	return name_index(those, ARRAY_LEN(those), name) >= 0;
}

static void refused_row(const struct cmd_noun *n, const struct cmd_verb *v, enum role role)
{
	enum inro_err e = run_in_vain(n, v, role);

	if (e != INRO_E_ACCESS && !(e && reads_first(n, v)))
		fail_msg("'inro %s %s' is not refused to the %s: %s", n->name, v->name,
			 role_names[role], err_detail(e));
}

static void each(enum cmd_least from, enum cmd_least to, enum role role,
		 void (*row)(const struct cmd_noun *, const struct cmd_verb *, enum role))
{
	be(role);
	for (const struct cmd_noun *n = cmd_nouns; n->name; n++)
		for (const struct cmd_verb *v = n->verbs; v->name; v++)
			if (v->least >= from && v->least <= to)
				row(n, v, role);
	be(ROLE_ADMIN);
}

static void test_auditor_is_refused(void **state)
{
	(void)state;
	each(LEAST_OPERATOR, LEAST_ADMIN, ROLE_AUDITOR, refused_row);
}

static void test_operator_is_refused(void **state)
{
	(void)state;
	each(LEAST_ADMIN, LEAST_ADMIN, ROLE_OPERATOR, refused_row);
}

/* What everybody may make for himself, and end again. */
static bool is_of_own(const struct cmd_noun *n, const struct cmd_verb *v)
{
	return strcmp(n->name, "user") == 0 &&
	       (strcmp(v->name, "token add") == 0 || strcmp(v->name, "token revoke") == 0);
}

static void reading_row(const struct cmd_noun *n, const struct cmd_verb *v, enum role role)
{
	enum inro_err e = is_of_own(n, v) ? run_row(n, v) : run_in_vain(n, v, role);

	if (e == INRO_E_ACCESS)
		fail_msg("'inro %s %s' is refused to the %s: %s", n->name, v->name,
			 role_names[role], err_detail(e));
}

static void test_what_reads_changes_nothing(void **state)
{
	(void)state;
	each(LEAST_AUDITOR, LEAST_AUDITOR, ROLE_AUDITOR, reading_row);
}

/* One row reads, or with an option does what takes more. */
static void test_clock_is_accepted_by_administrators(void **state)
{
	static const char *const words[] = { "db", "clock", "--accept", "--why", "test" };
	struct line l = { .n = 0 };
	struct call call = { 0 };
	uint8_t before[PKI_DIGEST_MAX], after[PKI_DIGEST_MAX];
	json_t *doc = NULL;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(words); i++)
		put(&l, words[i]);
	OK(cmd_parse(l.n, l.argv, &call));
	digest(before);
	be(ROLE_OPERATOR);
	assert_int_equal(call.verb->run(&call, &doc), INRO_E_ACCESS);
	be(ROLE_ADMIN);
	digest(after);
	assert_memory_equal(before, after, DIGEST);
	OK(call.verb->run(&call, &doc));
	json_decref(doc);
}

/* A row that says it opens no back office is one of these. */
static void test_none(void **state)
{
	static const char *const nouns[] = { "token", "key", "csr", "attest", "agent", "serve", "help" };
	static const char *const rows[] = { "profile check", "cert lint", "db upgrade" };

	(void)state;
	for (const struct cmd_noun *n = cmd_nouns; n->name; n++)
		for (const struct cmd_verb *v = n->verbs; v->name; v++) {
			char name[96];

			snprintf(name, sizeof name, "%s %s", n->name, v->name);
			if (v->least == LEAST_NONE &&
			    name_index(nouns, ARRAY_LEN(nouns), n->name) < 0 &&
			    name_index(rows, ARRAY_LEN(rows), name) < 0)
				fail_msg("'inro %s' has LEAST_NONE: is that so?", name);
		}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_auditor_is_refused),
		cmocka_unit_test(test_operator_is_refused),
		cmocka_unit_test(test_what_reads_changes_nothing),
		cmocka_unit_test(test_clock_is_accepted_by_administrators),
		cmocka_unit_test(test_none),
	};

	return cmocka_run_group_tests(tests, setup_office, NULL);
}
