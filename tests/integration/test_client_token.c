/* test_client_token - the Cryptoki client over our own module: found by default, made tokens, PINs,
 * keys and their public part, a child of a fork that goes on. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "base/cryptoki/client.h"
#include "base/der.h"
#include "tests/lib/scratch.h"

#define OK(x)	     assert_int_equal(x, INRO_OK)
#define INRO_TEXT(s) ((struct inro_text) { s, sizeof(s) - 1 })

static struct ck_module *m;

static int open_module(void **state)
{
	(void)state;
	setenv("INRO_HOME", scratch_path("home"), 1);
	OK(ck_module_open(NULL, &m)); /* ../lib from this program */
	return 0;
}

static int close_module(void **state)
{
	(void)state;
	ck_module_close(m);
	return 0;
}

static struct ck_token token_of(const char *text)
{
	SCOPED(p11_uri) u = { 0 };
	struct ck_token t = { 0 };

	OK(p11_uri_parse(text, &u));
	OK(ck_token_one(m, &u, &t));
	return t;
}

static void test_make_token(void **state)
{
	const struct inro_new_token t = { .label = INRO_TEXT("line 1"),
					  .so_pin = INRO_TEXT("87654321"),
					  .user_pin = INRO_TEXT("123456") };
	CK_SLOT_ID slot = 0;

	(void)state;
	assert_non_null(ck_module_admin(m));
	assert_non_null(strstr(ck_module_path(m), "/lib/inro-pkcs11.so"));
	OK(ck_err(m, ck_module_admin(m)->create(&t, &slot), "create"));
	assert_int_equal(token_of("pkcs11:token=line%201").slot, slot);
	assert_int_not_equal(ck_module_admin(m)->create(&t, &slot), CKR_OK);
	assert_non_null(strstr(ck_module_admin(m)->last_error(), "line 1"));
}

static void test_wrong_pins(void **state)
{
	CK_SLOT_ID slot = token_of("pkcs11:token=line%201").slot;
	struct inro_token_status status;
	CK_SESSION_HANDLE s;
	char want[100];

	(void)state;
	OK(ck_session_open(m, slot, true, &s));
	assert_int_equal(ck_module_admin(m)->status(slot, &status), CKR_OK);
	assert_int_equal(ck_login(m, s, CKU_USER, bytes_of("654321")), INRO_E_PIN_WRONG);
	snprintf(want, sizeof want, "wrong PIN for token 'line 1': %lu of 10 tries left",
		 status.tries_left_user - 1);
	assert_string_equal(err_detail(INRO_E_PIN_WRONG), want);
	OK(ck_login(m, s, CKU_USER, bytes_of("123456")));
	OK(ck_login(m, s, CKU_USER, bytes_of("123456")));
	assert_int_equal(ck_login(m, s, CKU_SO, bytes_of("87654321")),
			 INRO_E_ANOTHER_USER_LOGGED_IN);
	ck_session_close(m, s);
}

static CK_BBOOL yes = CK_TRUE;
static uint8_t id[] = { 1, 0 }, p256[] = "\x06\x08\x2a\x86\x48\xce\x3d\x03\x01\x07";
static char label[] = "dev-0001";

static CK_OBJECT_HANDLE make_pair(CK_SESSION_HANDLE s)
{
	CK_MECHANISM mech = { .mechanism = CKM_EC_KEY_PAIR_GEN };
	CK_ATTRIBUTE public[] = { { CKA_TOKEN, &yes, 1 },
				  { CKA_ID, id, sizeof id },
				  { CKA_LABEL, label, 8 },
				  { CKA_EC_PARAMS, p256, 10 } };
	CK_ATTRIBUTE private[] = { { CKA_TOKEN, &yes, 1 },
				   { CKA_ID, id, sizeof id },
				   { CKA_LABEL, label, 8 } };
	CK_OBJECT_HANDLE pub = 0, priv = 0;

	OK(ck_err(m,
		  ck_module_functions(m)->C_GenerateKeyPair(s, &mech, public, ARRAY_LEN(public),
							    private, ARRAY_LEN(private), &pub,
							    &priv),
		  "C_GenerateKeyPair"));
	return priv;
}

static CK_OBJECT_HANDLE find_one(CK_SESSION_HANDLE s, const char *text)
{
	SCOPED(p11_uri) u = { 0 };
	CK_ATTRIBUTE t[3];
	CK_OBJECT_CLASS class;
	CK_OBJECT_HANDLE found[2];
	CK_ULONG n = 0;

	OK(p11_uri_parse(text, &u));
	OK(ck_find(m, s, t, p11_uri_template(&u, t, &class), found, 2, &n));
	assert_int_equal(n, 1);
	return found[0];
}

static void test_key_and_its_public_part(void **state)
{
	CK_SLOT_ID slot = token_of("pkcs11:token=line%201").slot;
	SCOPED(buf) from_private = { 0 };
	SCOPED(buf) from_public = { 0 };
	SCOPED(buf) value = { 0 };
	struct bytes inside;
	CK_SESSION_HANDLE s;
	CK_OBJECT_HANDLE key;
	bool sensitive = false;

	(void)state;
	OK(ck_session_open(m, slot, true, &s));
	OK(ck_login(m, s, CKU_USER, bytes_of("123456")));
	key = make_pair(s);
	assert_int_equal(find_one(s, "pkcs11:id=%01%00;type=private"), key);
	OK(ck_public_key(m, s, key, &from_private));
	OK(ck_public_key(m, s, find_one(s, "pkcs11:object=dev-0001;type=public"), &from_public));
	assert_true(bytes_equal(buf_bytes(&from_private), buf_bytes(&from_public)));
	assert_int_equal(from_private.n, 91);
	OK(der_only(buf_bytes(&from_private), DER_SEQUENCE, &inside));
	OK(ck_attr_bool(m, s, key, CKA_SENSITIVE, &sensitive));
	assert_true(sensitive);
	assert_int_equal(ck_attr(m, s, key, CKA_VALUE, &value), INRO_E_ATTR_SENSITIVE);
	assert_int_equal(value.n, 0);
	ck_session_close(m, s);
}

static int work_in_child(void *arg)
{
	const struct ck_token *t = arg;
	uint64_t before = ck_module_generation(m);
	CK_SESSION_HANDLE s;
	CK_OBJECT_HANDLE found[4];
	CK_ULONG n = 0;

	if (ck_session_open(m, t->slot, true, &s) != INRO_OK || ck_module_generation(m) == before)
		return 1;
	if (ck_login(m, s, CKU_USER, bytes_of("123456")) != INRO_OK)
		return 2;
	if (ck_find(m, s, NULL, 0, found, 4, &n) != INRO_OK || n != 2)
		return 3;
	ck_module_close(m);
	return 0;
}

static void test_fork(void **state)
{
	struct ck_token t = token_of("pkcs11:token=line%201");
	CK_SESSION_HANDLE s;

	(void)state;
	OK(ck_session_open(m, t.slot, false, &s));
	OK(ck_login(m, s, CKU_USER, bytes_of("123456")));
	assert_int_equal(scratch_child(work_in_child, &t), 0);
	find_one(s, "pkcs11:object=dev-0001;type=private"); /* undisturbed */
	ck_session_close(m, s);
}

static void test_damaged_token(void **state)
{
	struct ck_token t = token_of("pkcs11:token=line%201");
	struct inro_token_status status;
	SCOPED(p11_uri) u = { 0 };
	char wal[5000];

	(void)state;
	assert_int_equal(ck_module_admin(m)->status(t.slot, &status), CKR_OK);
	ck_module_close(m);
	assert_int_equal(truncate(status.path, 0), 0);
	snprintf(wal, sizeof wal, "%s-wal", status.path);
	unlink(wal);
	OK(ck_module_open(NULL, &m));
	OK(p11_uri_parse("pkcs11:token=line%201", &u));
	assert_int_equal(ck_token_one(m, &u, &t), INRO_E_NOT_FOUND);
	assert_non_null(strstr(err_detail(INRO_E_NOT_FOUND), status.path));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_make_token),
		cmocka_unit_test(test_wrong_pins),
		cmocka_unit_test(test_key_and_its_public_part),
		cmocka_unit_test(test_fork),
		cmocka_unit_test(test_damaged_token),
	};

	return cmocka_run_group_tests(tests, open_module, close_module);
}
