/* Command lines against the table: what is taken, and how each kind of nonsense is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/own.h"
#include "tools/cmd.h"
#include "tools/near.h"
#include "tools/out.h"

#define PARSE(call, ...)                                                                           \
	parse((char *[]) { __VA_ARGS__ }, sizeof((char *[]) { __VA_ARGS__ }) / sizeof(char *), call)

static enum inro_err parse(char *const *words, size_t n, struct call *ret)
{
	memset(ret, 0, sizeof *ret);
	return cmd_parse((int)n, words, ret);
}

static void test_plain(void **state)
{
	(void)state;
	struct call c;
	assert_int_equal(PARSE(&c, "device", "add", "dev-0001", "--name", "Press 1"), INRO_OK);
	assert_string_equal(c.noun->name, "device");
	assert_string_equal(c.verb->name, "add");
	assert_string_equal(call_arg(&c, 0), "dev-0001");
	assert_null(call_arg(&c, 1));
	assert_string_equal(call_opt(&c, "name"), "Press 1");
	assert_null(call_opt(&c, "ip"));
	assert_false(c.json);
}

static void test_options_anywhere(void **state)
{
	(void)state;
	struct call c;
	assert_int_equal(PARSE(&c, "--json", "--home=/h", "device", "add", "--name=Press 1", "d1"),
			 INRO_OK);
	assert_true(c.json);
	assert_string_equal(c.home, "/h");
	assert_string_equal(call_arg(&c, 0), "d1");
	assert_string_equal(call_opt(&c, "name"), "Press 1");

	assert_int_equal(PARSE(&c, "device", "show", "d1", "--json"), INRO_OK);
	assert_true(c.json);
	assert_int_equal(PARSE(&c, "device", "--json", "list"), INRO_OK);
	assert_true(c.json);

	assert_int_equal(PARSE(&c, "device", "add", "d1", "--name="), INRO_OK);
	assert_string_equal(call_opt(&c, "name"), "");
}

static void test_dashes_end_options(void **state)
{
	(void)state;
	struct call c;
	assert_int_equal(PARSE(&c, "token", "show", "--", "--json"), INRO_OK);
	assert_string_equal(call_arg(&c, 0), "--json");
	assert_false(c.json);
	assert_int_equal(PARSE(&c, "cert", "issue", "--ca", "i", "--profile", "p", "--csr", "-"),
			 INRO_OK);
	assert_string_equal(call_opt(&c, "csr"), "-");
}

static void test_verbs_of_two_words(void **state)
{
	(void)state;
	struct call c;
	assert_int_equal(PARSE(&c, "token", "pin", "change", "line1"), INRO_OK);
	assert_string_equal(c.verb->name, "pin change");
	assert_string_equal(call_arg(&c, 0), "line1");
	assert_int_equal(PARSE(&c, "token", "pin", "unblock", "line1"), INRO_OK);
	assert_string_equal(c.verb->name, "pin unblock");
}

static void test_repeated(void **state)
{
	(void)state;
	struct call c;
	const char *sans[CALL_MAX_OPTS];
	assert_int_equal(PARSE(&c, "csr", "create", "--key", "pkcs11:object=k", "--subject", "s", "--san",
			       "DNS:a", "--san=DNS:b"),
			 INRO_OK);
	assert_int_equal(call_opts(&c, "san", sans), 2);
	assert_string_equal(sans[0], "DNS:a");
	assert_string_equal(sans[1], "DNS:b");
	assert_string_equal(call_opt_nth(&c, "san", 1), "DNS:b");
	assert_null(call_opt_nth(&c, "san", 2));
}

static void test_help_needs_nothing(void **state)
{
	(void)state;
	struct call c;
	assert_int_equal(PARSE(&c, "device", "add", "--help"), INRO_OK);
	assert_true(c.help);
	assert_string_equal(c.verb->name, "add");
	assert_int_equal(PARSE(&c, "device", "-h"), INRO_OK);
	assert_true(c.help && c.noun && !c.verb);
	assert_int_equal(PARSE(&c, "--version"), INRO_OK);
	assert_true(c.version);
	assert_int_equal(cmd_parse(0, NULL, &c), INRO_OK);
	assert_null(c.noun);
	assert_int_equal(PARSE(&c, "token"), INRO_OK);
	assert_null(c.verb);
}

static void test_number(void **state)
{
	(void)state;
	struct call c;
	assert_int_equal(PARSE(&c, "ca", "crl", "i", "--days", "30"), INRO_OK);
	assert_int_equal(call_number(&c, "days", 7), 30);
	assert_int_equal(PARSE(&c, "ca", "crl", "i"), INRO_OK);
	assert_int_equal(call_number(&c, "days", 7), 7);
	assert_int_equal(PARSE(&c, "job", "show", "123456789012345678"), INRO_OK);
	assert_int_equal(call_id(&c), 123456789012345678);
	assert_int_equal(PARSE(&c, "audit", "list", "--from", "1970-01-02T00:00:01Z"), INRO_OK);
	assert_int_equal(call_time(&c, "from"), 86401000);
	assert_int_equal(call_time(&c, "before"), 0);
}

/* One thing has one name everywhere, and those that it had still stand. */
static void test_other_names(void **state)
{
	(void)state;
	struct call c;
	assert_int_equal(PARSE(&c, "audit", "export", "--to", "events"), INRO_OK);
	assert_string_equal(call_opt(&c, "out"), "events");
	assert_string_equal(call_opt(&c, "to"), "events");
	assert_int_equal(PARSE(&c, "audit", "export", "--out=events"), INRO_OK);
	assert_string_equal(out_file(&c), "events");
	assert_int_equal(PARSE(&c, "db", "backup", "b.db"), INRO_OK);
	assert_string_equal(out_file(&c), "b.db");
	assert_int_equal(PARSE(&c, "db", "backup", "--out", "b.db"), INRO_OK);
	assert_string_equal(out_file(&c), "b.db");
	assert_int_equal(PARSE(&c, "profile", "export", "p", "p.ini"), INRO_OK);
	assert_string_equal(out_file(&c), "p.ini");
	assert_int_equal(PARSE(&c, "key", "delete", "pkcs11:", "--force"), INRO_OK);
	assert_true(call_has(&c, "needed"));
	assert_int_equal(PARSE(&c, "token", "delete", "t", "-y", "--needed"), INRO_OK);
	assert_true(call_has(&c, "yes"));
}

static const struct refusal {
	const char *says;
	char *words[8];
} refusals[] = {
	{ "did you mean 'token'", { "tokne" } },
	{ "did you mean '--version'", { "version" } },
	{ "there is no 'frobnicate'", { "frobnicate" } },
	{ "did you mean 'create'", { "token", "craete", "x" } },
	{ "did you mean 'pin change'", { "token", "pin", "chnage" } },
	{ "has no 'pin'", { "token", "pin" } },
	{ "did you mean '--backend'", { "token", "create", "x", "--backed", "soft" } },
	{ "has no option '--colour'", { "--colour", "token" } },
	{ "has no option '--pin'", { "token", "create", "x", "--pin", "1234" } },
	{ "LABEL is missing", { "token", "create" } },
	{ "'y' is one argument too many", { "token", "create", "x", "y" } },
	{ "--ca CA is missing", { "cert", "issue", "--profile", "p", "--csr", "f" } },
	{ "--name needs its TEXT", { "device", "add", "d", "--name" } },
	{ "a PKCS#11 URI begins with 'pkcs11:'", { "key", "show", "k" } },
	{ "'object' is given twice", { "key", "delete", "pkcs11:object=a;object=b" } },
	{ "--key: a PKCS#11 URI begins", { "csr", "create", "--key", "k", "--subject", "s" } },
	{ "give --label", { "key", "import", "f", "--token", "t", "--secret", "aes" } },
	{ "--name is given twice", { "device", "add", "d", "--name", "a", "--name=b" } },
	{ "--all takes no value", { "device", "list", "--all=yes" } },
	{ "--days takes a number", { "ca", "crl", "i", "--days", "-1" } },
	{ "--days takes a number", { "ca", "crl", "i", "--days", "12345678901234567890" } },
	{ "--id takes pairs of hex digits",
	  { "key", "generate", "--token=t", "--label=l", "--id", "abc" } },
	{ "did you mean 'keyCompromise'", { "cert", "revoke", "1", "--reason", "keycompromise" } },
	{ "it is one of: soft", { "token", "create", "x", "--backend", "hardware" } },
	{ "--out needs a value", { "csr", "create", "--key=pkcs11:object=k", "--subject=s", "--out=" } },
	{ "options begin with two dashes", { "token", "create", "x", "-q" } },
	{ "has no option '--yes'", { "token", "create", "x", "-y" } },
	{ "--out is given twice", { "audit", "export", "--to=a", "--out=b" } },
	{ "--out FILE is missing", { "audit", "export" } },
	{ "give one of them", { "db", "backup", "a", "--out=b" } },
	{ "the file is missing", { "device", "export" } },
	{ "not to standard output", { "profile", "export", "p", "-" } },
	{ "there is no 'foo'", { "help", "foo" } },
	{ "--before: there is no day '2026-02-30'", { "audit", "list", "--before=2026-02-30" } },
	{ "--invalid-at takes 2026", { "cert", "revoke", "1", "--invalid-at", "now" } },
	{ "'x' is no job's number", { "job", "show", "x" } },
	{ "is no proposal's number", { "proposal", "approve", "1234567890123456789" } },
	{ "'0' is no token's number", { "user", "token", "revoke", "0" } },
	{ "did you mean 'create'", { "help", "token", "craete" } },
};

static void test_refusals(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(refusals); i++) {
		struct call c = { 0 };
		size_t n = 0;
		while (n < ARRAY_LEN(refusals[i].words) && refusals[i].words[n])
			n++;
		enum inro_err e = cmd_parse((int)n, refusals[i].words, &c);
		assert_int_equal(e, INRO_E_ARG);
		if (!strstr(err_detail(e), refusals[i].says))
			fail_msg("'%s' does not say '%s'", err_detail(e), refusals[i].says);
		assert_null(c.noun);
	}
}

static void test_too_many_options(void **state)
{
	(void)state;
	static char *words[CALL_MAX_OPTS + 8] = { "csr", "create", "--key=pkcs11:object=k", "--subject=s" };
	struct call c;
	for (size_t i = 4; i < ARRAY_LEN(words); i++)
		words[i] = "--san=DNS:a";
	assert_int_equal(parse(words, ARRAY_LEN(words), &c), INRO_E_ARG);
}

static void test_near(void **state)
{
	(void)state;
	assert_int_equal(near_distance("", ""), 0);
	assert_int_equal(near_distance("abc", "abc"), 0);
	assert_int_equal(near_distance("", "abc"), 3);
	assert_int_equal(near_distance("craete", "create"), 1); /* neighbours swapped */
	assert_int_equal(near_distance("revok", "revoke"), 1);
	assert_int_equal(near_distance("lists", "list"), 1);
	assert_int_equal(near_distance("hold", "help"), 2);

	struct near n = near_to("xyzzy");
	near_try(&n, "list");
	near_try(&n, "show");
	assert_null(n.best);
	assert_string_equal(near_question(&n), "");

	/* A part of a word counts, behind what is nearer. */
	n = near_to("p256");
	near_try(&n, "rsa-2048");
	near_try(&n, "ec-p256");
	near_try(&n, "ec-secp256k1");
	assert_string_equal(near_question(&n), "; did you mean 'ec-p256'?");
	near_try(&n, "p-256");
	assert_string_equal(n.best, "p-256");
	n = near_to("foo"); /* of a short word not two letters of three */
	near_try(&n, "job");
	assert_null(n.best);
	n = near_to("p2");
	near_try(&n, "ec-p256");
	assert_string_equal(near_question(&n), "");
}

/* A long list of choices ends with a whole word. */
static void test_many_choices(void **state)
{
	struct call c;

	(void)state;
	assert_int_equal(PARSE(&c, "key", "generate", "--token", "a", "--label", "b", "--type", "p256"), INRO_E_ARG);
	assert_non_null(strstr(err_detail(INRO_E_ARG), "did you mean 'ec-p256'? it is one of: ec-p256, ec-p384"));
	assert_non_null(strstr(err_detail(INRO_E_ARG), ", ... (--help has all)"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_plain),
		cmocka_unit_test(test_many_choices),
		cmocka_unit_test(test_options_anywhere),
		cmocka_unit_test(test_dashes_end_options),
		cmocka_unit_test(test_verbs_of_two_words),
		cmocka_unit_test(test_repeated),
		cmocka_unit_test(test_help_needs_nothing),
		cmocka_unit_test(test_number),
		cmocka_unit_test(test_other_names),
		cmocka_unit_test(test_refusals),
		cmocka_unit_test(test_too_many_options),
		cmocka_unit_test(test_near),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
