/* Keys in tokens that go on: after a fork, and when their session, their login or the module is lost. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "backoffice/token/internal.h"
#include "tests/lib/each.h"
#include "tests/lib/judge.h"
#include "tests/lib/scratch.h"

static struct token_key *shared;

static int sign_in_child(void *arg)
{
	SCOPED(buf) signature = { 0 };
	struct pubkey pub;
	const struct pki_sig *sig;

	(void)arg;
	if (pki_sig_for(PKI_EC_P256, PKI_HASH_NONE, &sig) ||
	    token_key_sign(shared, sig, bytes_of("child"), &signature))
		return 1;
	return pubkey_read(token_key_spki(shared), &pub) ||
			       pubkey_verify(&pub, sig, bytes_of("child"), buf_bytes(&signature))
		       ? 2
		       : 0;
}

static void test_fork(void **state)
{
	struct token *t = each_opened("pkcs11:token=one");
	size_t n;

	(void)state;
	shared = each_made(t, "ec-p256", "shared");
	each_signs(shared);
	assert_int_equal(scratch_child(sign_in_child, NULL), 0);
	each_signs(shared);
	OK(token_delete(t, token_key_id(shared), TOKEN_ALL, &n));
	token_key_free(shared);
	token_close(t);
}

/* Sessions that somebody else in the process has closed, or logged out. */
static void sign_once(struct token_key *k)
{
	SCOPED(buf) signature = { 0 };
	const struct pki_sig *sig;

	OK(token_key_sig(k, &sig));
	OK(token_key_sign(k, sig, bytes_of("x"), &signature));
}

/* The first in a session and each 16th, and all until one is found right. */
static void test_which_is_verified(void **state)
{
	struct token *t = each_opened("pkcs11:token=one");
	struct token_key *k = each_made(t, "ec-p256", "looked-at");
	struct ck_module *module;
	struct ck_token info;
	SCOPED(p11_uri) u = { 0 };
	bool ours = strcmp(each_module, EACH_SOFTHSM) != 0; /* of another's each one is */

	(void)state;
	for (int i = 0; i < 3; i++) {
		sign_once(k);
		assert_true(token_key_verify(k));
	}
	for (int i = 0; i < 2 * TOKEN_VERIFY_EACH; i++) {
		sign_once(k);
		assert_int_equal(token_key_verify(k), !ours || i % TOKEN_VERIFY_EACH == 0);
		if (i % TOKEN_VERIFY_EACH == 0)
			token_key_right(k);
	}
	sign_once(k);
	assert_true(token_key_verify(k));
	token_key_right(k);
	OK(ck_module_open(each_module, &module));
	each_uri("pkcs11:token=one", &u);
	OK(ck_token_one(module, &u, &info));
	assert_int_equal(ck_module_functions(module)->C_CloseAllSessions(info.slot), CKR_OK);
	ck_module_close(module);
	sign_once(k);
	assert_true(token_key_verify(k));
	token_key_free(k);
	token_close(t);
}

static void test_lost_session(void **state)
{
	struct token *t = each_opened("pkcs11:token=one");
	struct token_key *k = each_made(t, "ec-p256", "lost");
	struct ck_module *module;
	struct ck_token info;
	SCOPED(p11_uri) u = { 0 };
	size_t n;

	(void)state;
	OK(ck_module_open(each_module, &module));
	each_uri("pkcs11:token=one", &u);
	OK(ck_token_one(module, &u, &info));
	assert_int_equal(ck_module_functions(module)->C_CloseAllSessions(info.slot), CKR_OK);
	each_signs(k);
	OK(token_delete(t, token_key_id(k), TOKEN_ALL, &n));
	ck_module_close(module);
	const struct pki_sig *sig;
	SCOPED(buf) signature = { 0 };
	OK(pki_sig_for(PKI_EC_P256, PKI_HASH_NONE, &sig));
	assert_int_equal(token_key_sign(k, sig, bytes_of("x"), &signature), INRO_E_NOT_FOUND);
	assert_non_null(strstr(err_detail(INRO_E_NOT_FOUND), "no longer in token"));
	token_key_free(k);
	token_close(t);
}

/* The module itself, by another copy of the code that opened it: a provider that is unloaded. */
static void test_finalised(void **state)
{
	struct token *late, *t = each_opened("pkcs11:token=one");
	struct token_key *k = each_made(t, "ec-p256", "finalised");
	size_t n;

	(void)state;
	for (int i = 0; i < 2; i++) {
		assert_int_equal(ck_module_functions(t->module)->C_Finalize(NULL), CKR_OK);
		each_signs(k);
	}
	assert_int_equal(ck_module_functions(t->module)->C_Finalize(NULL), CKR_OK);
	late = each_opened("pkcs11:token=one");
	each_signs(k);
	OK(token_delete(t, token_key_id(k), TOKEN_ALL, &n));
	token_key_free(k);
	token_close(late);
	token_close(t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_fork),
		cmocka_unit_test(test_lost_session),
		cmocka_unit_test(test_which_is_verified),
		cmocka_unit_test(test_finalised),
	};

	return each_run(tests, ARRAY_LEN(tests));
}
