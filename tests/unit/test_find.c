/* test_find - tokens by URI, and objects by template. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "tests/lib/fake_load.h"
#include "tests/lib/scratch.h"

#define OK(x) assert_int_equal(x, INRO_OK)

static void two_lines(struct fake *f)
{
	f->slots = 4;
	f->labels[1] = "line2";
	f->serials[1] = "0002";
	f->token_flags[1] = CKF_TOKEN_INITIALIZED;
	f->labels[2] = ""; /* blank, not initialised; slot 3 is empty */
}

static size_t count(struct ck_module *m, const char *uri, bool blank)
{
	SCOPED(p11_uri) u = { 0 };
	struct ck_token *tokens = NULL;
	size_t n = 99;

	if (uri)
		OK(p11_uri_parse(uri, &u));
	OK(ck_tokens(m, uri ? &u : NULL, blank, &tokens, &n));
	free(tokens);
	return n;
}

static void test_tokens(void **state)
{
	AUTO(ck_module_close_ptr) struct ck_module *m = NULL;
	struct fake *f = fake_open(FAKE_PLAIN, &m);
	struct ck_token *tokens = NULL;
	size_t n;

	(void)state;
	two_lines(f);
	OK(ck_tokens(m, NULL, false, &tokens, &n));
	assert_int_equal(n, 2);
	assert_int_equal(tokens[1].slot, 1);
	assert_int_equal(tokens[1].state, CKR_OK);
	assert_string_equal(tokens[1].label, "line2");
	assert_string_equal(tokens[1].serial, "0002");
	free(tokens);
	assert_int_equal(count(m, NULL, true), 3);
	assert_int_equal(count(m, "pkcs11:", false), 2);
	assert_int_equal(count(m, "pkcs11:token=line2", false), 1);
	assert_int_equal(count(m, "pkcs11:token=line", false), 0);
	assert_int_equal(count(m, "pkcs11:model=Model", false), 2);
	assert_int_equal(count(m, "pkcs11:slot-id=1", false), 1);
	assert_int_equal(count(m, "pkcs11:slot-id=1;token=line1", false), 0);
	assert_int_equal(count(m, "pkcs11:slot-description=first%20slot", false), 1);
	assert_int_equal(count(m, "pkcs11:library-description=A%20fake%20module", false), 2);
	assert_int_equal(count(m, "pkcs11:library-version=1.3", false), 0);
	f->slots_at_first = 1; /* tokens that appear between the two calls */
	assert_int_equal(count(m, NULL, false), 2);
	f->slots = 0;
	assert_int_equal(count(m, NULL, true), 0);
}

/* Lists that never fit, that are longer than their room, that have no end. */
static void test_endless(void **state)
{
	AUTO(ck_module_close_ptr) struct ck_module *m = NULL;
	struct fake *f = fake_open(FAKE_PLAIN, &m);
	struct ck_token *tokens = NULL;
	CK_OBJECT_HANDLE *all = NULL;
	CK_ULONG found;
	size_t n;

	(void)state;
	two_lines(f);
	alarm(60);
	f->never_room = true;
	assert_int_equal(ck_tokens(m, NULL, false, &tokens, &n), INRO_E_TOO_SMALL);
	f->never_room = false;
	f->slots_more = 100000;
	assert_int_equal(ck_tokens(m, NULL, false, &tokens, &n), INRO_E_TOKEN);
	f->endless = true;
	assert_int_equal(ck_find_all(m, 100, NULL, 0, &all, &found), INRO_E_TOO_BIG);
	alarm(0);
}

static void test_unreadable_token(void **state)
{
	AUTO(ck_module_close_ptr) struct ck_module *m = NULL;
	struct fake *f = fake_open(FAKE_OURS, &m);
	SCOPED(p11_uri) u = { 0 };
	struct ck_token *tokens = NULL, one;
	size_t n;

	(void)state;
	two_lines(f);
	f->token_info[1] = CKR_TOKEN_NOT_RECOGNIZED;
	f->words = "token store '/x/line2.db': file is not a database";
	OK(ck_tokens(m, NULL, false, &tokens, &n));
	assert_int_equal(n, 2);
	assert_int_equal(tokens[1].state, CKR_TOKEN_NOT_RECOGNIZED);
	assert_string_equal(tokens[1].label, "");
	free(tokens);
	OK(p11_uri_parse("pkcs11:token=line2", &u));
	assert_int_equal(ck_token_one(m, &u, &one), INRO_E_NOT_FOUND);
	assert_non_null(strstr(err_detail(INRO_E_NOT_FOUND), "no token labelled 'line2'"));
	assert_non_null(strstr(err_detail(INRO_E_NOT_FOUND), "/x/line2.db"));
	p11_uri_clear(&u);
	OK(p11_uri_parse("pkcs11:slot-id=1", &u));
	assert_int_equal(ck_token_one(m, &u, &one), INRO_E_TOKEN_UNKNOWN);
	assert_non_null(strstr(err_detail(INRO_E_TOKEN_UNKNOWN), "/x/line2.db"));
}

static void test_one_token(void **state)
{
	AUTO(ck_module_close_ptr) struct ck_module *m = NULL;
	struct fake *f = fake_open(FAKE_PLAIN, &m);
	SCOPED(p11_uri) u = { 0 };
	struct ck_token one = { .slot = 77 };

	(void)state;
	OK(ck_token_one(m, NULL, &one));
	assert_string_equal(one.label, "line1");
	two_lines(f);
	one.slot = 77;
	assert_int_equal(ck_token_one(m, NULL, &one), INRO_E_AMBIGUOUS);
	assert_non_null(strstr(err_detail(INRO_E_AMBIGUOUS), "'line1' (slot:"));
	assert_non_null(strstr(err_detail(INRO_E_AMBIGUOUS), "serial:0001), 'line2' (slot:"));
	assert_int_equal(one.slot, 77);
	OK(p11_uri_parse("pkcs11:token=line9", &u));
	assert_int_equal(ck_token_one(m, &u, &one), INRO_E_NOT_FOUND);
	assert_string_equal(err_detail(INRO_E_NOT_FOUND), "there is no token labelled 'line9'; 'inro token list' shows the ones there are");
	p11_uri_clear(&u);
	OK(p11_uri_parse("pkcs11:token=line1;serial=0002", &u));
	assert_int_equal(ck_token_one(m, &u, &one), INRO_E_NOT_FOUND);
	assert_non_null(strstr(err_detail(INRO_E_NOT_FOUND), "serial=0002"));
	p11_uri_clear(&u);
	OK(p11_uri_parse("pkcs11:serial=0002", &u));
	OK(ck_token_one(m, &u, &one));
	assert_int_equal(one.slot, 1);
}

static void test_session(void **state)
{
	AUTO(ck_module_close_ptr) struct ck_module *m = NULL;
	struct fake *f = fake_open(FAKE_PLAIN, &m);
	CK_SESSION_HANDLE s;

	(void)state;
	OK(ck_session_open(m, 0, false, &s));
	assert_int_equal(f->session_flags, CKF_SERIAL_SESSION);
	ck_session_close(m, s);
	OK(ck_session_open(m, 0, true, &s));
	assert_int_equal(f->session_flags, CKF_SERIAL_SESSION | CKF_RW_SESSION);
	ck_session_close(m, s);
}

static char label_a[] = "a", label_b[] = "b";
static const CK_ATTRIBUTE object_a[] = { { CKA_LABEL, label_a, 1 } };
static const CK_ATTRIBUTE object_b[] = { { CKA_LABEL, label_b, 1 } };

static void fill(struct fake *f)
{
	for (int i = 0; i < 5; i++)
		f->objects[i] = (struct fake_object) { i == 3 ? object_b : object_a, 1 };
}

static void test_objects(void **state)
{
	AUTO(ck_module_close_ptr) struct ck_module *m = NULL;
	struct fake *f = fake_open(FAKE_PLAIN, &m);
	CK_ATTRIBUTE t = { CKA_LABEL, label_b, 1 };
	CK_OBJECT_HANDLE few[2], *all = NULL;
	CK_ULONG n = 99;

	(void)state;
	fill(f);
	OK(ck_find(m, 100, &t, 1, few, 2, &n));
	assert_int_equal(n, 1);
	assert_int_equal(few[0], 4);
	OK(ck_find(m, 100, NULL, 0, few, 2, &n));
	assert_int_equal(n, 2);
	f->find_batch = 1;
	OK(ck_find_all(m, 100, NULL, 0, &all, &n));
	assert_int_equal(n, 5);
	assert_int_equal(all[4], 5);
	free(all);
	assert_int_equal(f->find_finals, 3);
	f->find = CKR_DEVICE_ERROR;
	n = 99;
	assert_int_equal(ck_find(m, 100, NULL, 0, few, 2, &n), INRO_E_TOKEN);
	assert_int_equal(ck_find_all(m, 100, NULL, 0, &all, &n), INRO_E_TOKEN);
	assert_int_equal(n, 99);
	assert_int_equal(f->find_finals, 5);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_tokens),	  cmocka_unit_test(test_unreadable_token),
		cmocka_unit_test(test_one_token), cmocka_unit_test(test_session),
		cmocka_unit_test(test_objects),	  cmocka_unit_test(test_endless),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
