/* Every row of the command table: it is complete, and its words are those of the rooms below. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "backoffice/core/lifecycle.h"
#include "backoffice/token/token.h"
#include "backoffice/pki/alg.h"
#include "backoffice/pki/crl.h"
#include "backoffice/store/record.h"
#include "base/own.h"
#include "tools/help.h"
#include "tools/nouns.h"

typedef void row_fn(const struct cmd_noun *n, const struct cmd_verb *v);

static void each_row(row_fn *row)
{
	for (const struct cmd_noun *n = cmd_nouns; n->name; n++)
		for (const struct cmd_verb *v = n->verbs; v->name; v++)
			row(n, v);
}

/* What each shape needs in its row. */
static void check_shape(const struct cmd_noun *n, const struct cmd_verb *v)
{
	bool columns = v->shape == SHOW_TABLE || v->shape == SHOW_RECORD || v->shape == SHOW_STEPS;
	(void)n;
	assert_non_null(v->run);
	assert_in_range(v->shape, 0, SHOW__SHAPES - 1);
	assert_int_equal(v->columns != NULL, columns);
	assert_int_equal(v->empty != NULL, v->shape == SHOW_TABLE);
	if (v->shape == SHOW_SAID || cmd_option_named(v, "out"))
		assert_non_null(v->said);
	size_t k = 0;
	while (columns && v->columns[k].key)
		k++;
	assert_true(v->shape != SHOW_TABLE || k <= CMD_MAX_COLUMNS);
}

static void check_words(const struct cmd_noun *n, const struct cmd_verb *v)
{
	assert_true(n->summary[0] && v->summary[0]);
	assert_true(v->summary[strlen(v->summary) - 1] != '.'); /* help adds it */
	bool optional = false;
	for (const struct cmd_arg *a = v->args; a && a->name; a++) {
		assert_non_null(a->help);
		assert_false(optional && !a->optional);
		optional = a->optional;
	}
	const struct cmd_opt *o;
	for (size_t i = 0; (o = cmd_option(v, i)); i++) {
		assert_non_null(o->help);
		assert_ptr_equal(cmd_option_named(v, o->name), o); /* once only */
		if (o->also)
			assert_ptr_equal(cmd_option_named(v, o->also), o);
		assert_true(o->kind == OPT_FLAG || o->kind == OPT_CHOICE || o->arg);
		assert_int_equal(o->choices != NULL, o->kind == OPT_CHOICE);
		for (const struct cmd_opt *g = cmd_global_opts; g->name; g++)
			assert_string_not_equal(g->name, o->name);
	}
}

/* Each row says who may use it (cmd.h): LEAST_NONE when it opens no back office, LEAST_AUDITOR when
 * it only reads. */
static void check_least(const struct cmd_noun *n, const struct cmd_verb *v)
{
	if (v->least == LEAST_UNSAID)
		fail_msg("the row of 'inro %s %s' has no .least", n->name, v->name);
	assert_in_range(v->least, LEAST_NONE, LEAST_ADMIN);
}

/* A PIN itself is never an argument. */
static void check_no_pin(const struct cmd_noun *n, const struct cmd_verb *v)
{
	const struct cmd_opt *o;
	(void)n;
	for (size_t i = 0; (o = cmd_option(v, i)); i++)
		if (strstr(o->name, "pin") || (strstr(o->name, "password") && o->kind != OPT_FLAG))
			assert_non_null(strstr(o->name, "-source"));
}

static void test_rows(void **state)
{
	(void)state;
	each_row(check_shape);
	each_row(check_words);
	each_row(check_no_pin);
	each_row(check_least);
}

static const struct cmd_opt *option_of(const char *noun, const char *verb, const char *name)
{
	const struct cmd_noun *n = cmd_find_noun(noun);
	assert_non_null(n);
	for (const struct cmd_verb *v = n->verbs; v->name; v++)
		if (!strcmp(v->name, verb))
			return cmd_option_named(v, name);
	return NULL;
}

static void assert_same_words(const struct cmd_opt *o, const char *const *names, size_t n)
{
	assert_non_null(o);
	for (size_t i = 0; i < n; i++) {
		assert_non_null(o->choices[i]);
		assert_string_equal(o->choices[i], names[i]);
	}
	assert_null(o->choices[n]);
}

static void test_states(void **state)
{
	(void)state;
	assert_same_words(option_of("cert", "list", "state"), cred_state_names, CRED_STATE__MAX);
	assert_same_words(option_of("device", "list", "state"), device_state_names,
			  DEVICE_STATE__MAX);
}

/* What a refusal offers is a command. */
static void check_command(const char *command)
{
	char noun[32] = "", verb[32] = "";
	const struct cmd_noun *n;
	const struct cmd_verb *v;
	assert_int_equal(sscanf(command, "%31s %31s", noun, verb), 2);
	n = cmd_find_noun(noun);
	assert_non_null(n);
	for (v = n->verbs; v->name && strcmp(v->name, verb) != 0; v++)
		;
	if (!v->name)
		fail_msg("there is no 'inro %s'", command);
}

static void test_offers(void **state)
{
	(void)state;
	for (int life = 0; life < LIFE__MAX; life++)
		for (int v = 0; v < VERB__MAX; v++) {
			const char *command = lifecycle_command((enum life)life, (enum verb)v);
			if (command)
				check_command(command);
		}
}

static void test_key_types(void **state)
{
	(void)state;
	const struct pki_key_kind *kind;
	const struct token_secret_kind *secret;
	const char *names[64];
	size_t n = 0;
	for (size_t i = 0; (kind = pki_key_kind_at(i)); i++)
		if (pki_key_signs(kind->type))
			names[n++] = kind->name;
	assert_same_words(option_of("ca", "create", "type"), names, n);
	for (size_t i = 0; (kind = pki_key_kind_at(i)); i++)
		if (!pki_key_signs(kind->type))
			names[n++] = kind->name;
	for (size_t i = 0; (secret = token_secret_kind_at(i)); i++)
		names[n++] = secret->name;
	assert_in_range(n, 1, ARRAY_LEN(names));
	assert_same_words(option_of("key", "generate", "type"), names, n);
}

static void test_reasons(void **state)
{
	(void)state;
	const struct cmd_opt *o = option_of("cert", "revoke", "reason");
	for (size_t i = 0; o->choices[i]; i++) {
		enum crl_reason r;
		assert_int_equal(crl_reason_find(o->choices[i], &r), INRO_OK);
	}
}

static void check_documented(const struct cmd_noun *n, const struct cmd_verb *v)
{
	SCOPED(buf) man = { 0 };
	SCOPED(buf) bash = { 0 };
	char section[64];
	help_add_man(&man);
	help_add_bash(&bash);
	buf_add_u8(&man, '\0');
	buf_add_u8(&bash, '\0');
	snprintf(section, sizeof section, ".SS %s%s%s\n", n->name, v->name[0] ? " " : "", v->name);
	assert_non_null(strstr((const char *)man.p, section));
	const struct cmd_opt *o;
	for (size_t i = 0; (o = cmd_option(v, i)); i++)
		assert_non_null(strstr((const char *)bash.p, o->name));
}

static void test_documented(void **state)
{
	(void)state;
	each_row(check_documented);
	json_t *tables = help_tables();
	size_t n = 0;
	while (cmd_nouns[n].name)
		n++;
	assert_int_equal(json_array_size(tables), n);
	json_decref(tables);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rows),	   cmocka_unit_test(test_states),
		cmocka_unit_test(test_offers),
		cmocka_unit_test(test_key_types),  cmocka_unit_test(test_reasons),
		cmocka_unit_test(test_documented),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
