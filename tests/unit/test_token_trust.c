/*
 * Keys that are only for keys that the security officer trusts: his word is not to be had by
 * calls, nor by writing into the file.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/own.h"
#include "tests/lib/moving.h"
#include "tests/lib/raw_sql.h"

static CK_SLOT_ID slot;
static CK_SESSION_HANDLE s;

/* A token of its own for each test. */
static int each_setup(void **state)
{
	(void)state;
	s = module_user(&slot);
	return 0;
}

static int each_teardown(void **state)
{
	(void)state;
	return p11->C_CloseAllSessions(slot) != CKR_OK;
}

static CK_RV wrap(CK_OBJECT_HANDLE by, CK_OBJECT_HANDLE key, struct blob *ret)
{
	return moving_wrap(s, &moving_kwp, by, key, ret);
}

static const CK_BYTE known[32] = "a key that the attacker has made";

static void trust_is_the_officers_word(void **state)
{
	CK_OBJECT_HANDLE by = moving_aes(s, M_MOVER, 32);
	CK_OBJECT_HANDLE key = moving_aes(s, M_TARGET | M_BOUND, 32), ret;
	CK_ATTRIBUTE trusted = A_BOOL(CKA_TRUSTED, CK_TRUE);
	CK_ATTRIBUTE t[] = { A_ULONG(CKA_CLASS, CKO_SECRET_KEY), A_ULONG(CKA_KEY_TYPE, CKK_AES),
			     A_BYTES(CKA_VALUE, known, sizeof known), trusted };
	struct blob b;

	(void)state;
	GIVES(CKR_KEY_NOT_WRAPPABLE, wrap(by, key, &b));
	GIVES(CKR_ATTRIBUTE_READ_ONLY, module_set(s, by, trusted));
	GIVES(CKR_ATTRIBUTE_READ_ONLY, moving_copy(s, by, trusted, &ret));
	GIVES(CKR_ATTRIBUTE_READ_ONLY, p11->C_CreateObject(s, t, ARRAY_LEN(t), &ret));
	GIVES(CKR_ATTRIBUTE_READ_ONLY,
	      module_set(s, key, (CK_ATTRIBUTE)A_BOOL(CKA_WRAP_WITH_TRUSTED, CK_FALSE)));
}

/* What the officer can see he can trust: the key is not CKA_PRIVATE. */
static CK_OBJECT_HANDLE trusted_mover(void)
{
	moving_aes(s, M_MOVER | M_TOKEN | M_PUBLIC, 32);
	OK(p11->C_Logout(s));
	OK(module_login(s, CKU_SO, SO_PIN));
	OK(module_set(s, moving_mover(s), (CK_ATTRIBUTE)A_BOOL(CKA_TRUSTED, CK_TRUE)));
	OK(p11->C_Logout(s));
	OK(module_login(s, CKU_USER, USER_PIN));
	return moving_mover(s);
}

static void a_key_for_trusted_keys_stays_one_when_it_comes_back(void **state)
{
	CK_OBJECT_HANDLE by = trusted_mover(), key = moving_aes(s, M_TARGET | M_BOUND, 32), back;
	CK_ATTRIBUTE t[] = { A_ULONG(CKA_CLASS, CKO_SECRET_KEY), A_ULONG(CKA_KEY_TYPE, CKK_AES),
			     A_BOOL(CKA_SENSITIVE, CK_TRUE), A_BOOL(CKA_EXTRACTABLE, CK_TRUE),
			     A_BOOL(CKA_WRAP_WITH_TRUSTED, CK_FALSE) };
	struct blob b;

	(void)state;
	OK(wrap(by, key, &b));
	GIVES(CKR_TEMPLATE_INCONSISTENT,
	      p11->C_UnwrapKey(s, &moving_kwp, by, b.p, b.n, t, ARRAY_LEN(t), &back));
	OK(p11->C_UnwrapKey(s, &moving_kwp, by, b.p, b.n, t, ARRAY_LEN(t) - 1, &back));
	MUST(module_bool(s, back, CKA_WRAP_WITH_TRUSTED));
	GIVES(CKR_KEY_NOT_WRAPPABLE, wrap(moving_aes(s, M_MOVER, 32), back, &b));
}

/* A public key from elsewhere, on the officer's word. */
static CK_OBJECT_HANDLE trusted_public(void)
{
	struct module_pair pair = moving_rsa(s, 0);
	CK_OBJECT_HANDLE brought, kept;

	OK(moving_bring_public(s, pair.public, &brought));
	OK(moving_copy(s, brought, (CK_ATTRIBUTE)A_BOOL(CKA_TOKEN, CK_TRUE), &kept));
	OK(p11->C_DestroyObject(s, pair.private));
	OK(p11->C_Logout(s));
	OK(module_login(s, CKU_SO, SO_PIN));
	OK(module_set(s, kept, (CK_ATTRIBUTE)A_BOOL(CKA_TRUSTED, CK_TRUE)));
	OK(p11->C_Logout(s));
	OK(module_login(s, CKU_USER, USER_PIN));
	return kept;
}

static void nobody_writes_trust_into_the_file(void **state)
{
	CK_OBJECT_HANDLE by = trusted_public(), key = moving_aes(s, M_TARGET | M_BOUND, 16), copy;
	CK_ATTRIBUTE like[] = { A_BOOL(CKA_TRUSTED, CK_TRUE), A_ULONG(CKA_CLASS, CKO_PUBLIC_KEY) };
	struct blob b;

	(void)state;
	OK(moving_wrap(s, &moving_oaep, by, key, &b));
	raw_sql(module_token_file(slot), "UPDATE object SET version = version + 1 WHERE class = 2");
	moving_start_again("");
	s = module_open(slot, true);
	OK(module_login(s, CKU_USER, USER_PIN));
	key = moving_aes(s, M_TARGET | M_BOUND, 16);
	MUST(module_find(s, like, ARRAY_LEN(like), &by) == 1);
	GIVES(CKR_DEVICE_ERROR, moving_wrap(s, &moving_oaep, by, key, &b));
	/* nor does the token seal it for him: with another label, as a copy here or there */
	GIVES(CKR_DEVICE_ERROR, module_set(s, by, (CK_ATTRIBUTE)A_TEXT(CKA_LABEL, "mine")));
	GIVES(CKR_DEVICE_ERROR, moving_copy(s, by, (CK_ATTRIBUTE)A_TEXT(CKA_LABEL, "mine"), &copy));
	GIVES(CKR_DEVICE_ERROR,
	      moving_copy(s, by, (CK_ATTRIBUTE)A_BOOL(CKA_TOKEN, CK_FALSE), &copy));
	GIVES(CKR_DEVICE_ERROR, moving_wrap(s, &moving_oaep, by, key, &b));
	OK(module_set(s, by, (CK_ATTRIBUTE)A_BOOL(CKA_TRUSTED, CK_FALSE)));
	OK(moving_copy(s, by, (CK_ATTRIBUTE)A_TEXT(CKA_LABEL, "mine"), &copy));
	GIVES(CKR_KEY_NOT_WRAPPABLE, moving_wrap(s, &moving_oaep, copy, key, &b));
}

static void a_trusted_key_may_be_renamed_and_copied(void **state)
{
	CK_OBJECT_HANDLE by = trusted_public(), key = moving_aes(s, M_TARGET | M_BOUND, 16), copy;
	struct blob b;

	(void)state;
	OK(module_set(s, by, (CK_ATTRIBUTE)A_TEXT(CKA_LABEL, "office")));
	OK(moving_copy(s, by, (CK_ATTRIBUTE)A_TEXT(CKA_LABEL, "copy"), &copy));
	OK(moving_wrap(s, &moving_oaep, by, key, &b));
	OK(moving_wrap(s, &moving_oaep, copy, key, &b));
}

#define CASE(test) cmocka_unit_test_setup_teardown(test, each_setup, each_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(trust_is_the_officers_word),
		CASE(a_key_for_trusted_keys_stays_one_when_it_comes_back),
		CASE(nobody_writes_trust_into_the_file),
		CASE(a_trusted_key_may_be_renamed_and_copied),
	};

	return cmocka_run_group_tests(tests, module_setup, module_teardown);
}
