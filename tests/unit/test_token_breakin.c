/*
 * Break-ins that once succeeded or would, if one rule more were missing: each is the attacker's
 * whole way, up to the call that stops him.  He has the user's PIN; docs/threat-model.md has the
 * calls and their answers.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <cmocka.h>

#include "base/own.h"
#include "tests/lib/moving.h"

static CK_SLOT_ID slot;
static CK_SESSION_HANDLE s;

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

/* ---- a blob that is cut: its first byte comes back as a key, is guessed, then the next ---- */

static CK_BYTE zeros[16], nonce[12];
static CK_MECHANISM cbc = { CKM_AES_CBC, zeros, sizeof zeros };
static CK_GCM_WRAP_PARAMS fresh = {
	.pIv = nonce, .ulIvLen = sizeof nonce, .ivGenerator = CKG_GENERATE_RANDOM, .ulTagBits = 128
};
static CK_MECHANISM gcm = { CKM_AES_GCM, &fresh, sizeof fresh };

/* The block of zeros enciphered is GCM's hash key: with it the tag of a shorter text is known. */
static void a_key_that_has_shown_a_block_wraps_nothing_sensitive(void **state)
{
	CK_OBJECT_HANDLE by = moving_aes(s, M_MOVER, 32), key = moving_aes(s, M_TARGET, 32);
	CK_OBJECT_HANDLE known, copy;
	struct blob b;

	(void)state;
	OK(moving_import(s, M_OPEN, CKK_AES, zeros, sizeof zeros, &known));
	OK(moving_copy(s, by, (CK_ATTRIBUTE)A_TEXT(CKA_LABEL, "copy"), &copy));
	OK(moving_wrap(s, &cbc, copy, known, &b));
	GIVES(CKR_KEY_NOT_WRAPPABLE, moving_wrap(s, &gcm, by, key, &b));
	GIVES(CKR_KEY_NOT_WRAPPABLE, moving_wrap(s, &moving_kw, by, key, &b));
	OK(moving_wrap(s, &moving_kw, by, known, &b));
}

/* Two texts under one nonce show the hash key as well. */
static void a_nonce_of_ones_own_is_remembered(void **state)
{
	CK_OBJECT_HANDLE by = moving_aes(s, M_MOVER, 32), key = moving_aes(s, M_TARGET, 32);
	CK_OBJECT_HANDLE open = moving_aes(s, M_OPEN, 32);
	CK_GCM_PARAMS his = { .pIv = nonce, .ulIvLen = 12, .ulIvBits = 96, .ulTagBits = 128 };
	CK_MECHANISM m = { CKM_AES_GCM, &his, sizeof his };
	struct blob b;

	(void)state;
	OK(moving_wrap(s, &m, by, open, &b));
	GIVES(CKR_KEY_NOT_WRAPPABLE, moving_wrap(s, &gcm, by, key, &b));
}

/* What CBC has made of a chosen block is a sensitive key; short pieces of it could be guessed. */
static void a_key_that_has_opened_a_chosen_block_wraps_nothing_sensitive(void **state)
{
	CK_OBJECT_HANDLE by = moving_aes(s, M_MOVER, 32), key = moving_aes(s, M_TARGET, 32), back;
	struct blob b = { .n = 16 };

	(void)state;
	OK(moving_unwrap(s, &cbc, by, &b, M_SENSITIVE, CKK_AES, &back));
	GIVES(CKR_KEY_NOT_WRAPPABLE, moving_wrap(s, &gcm, by, key, &b));
}

/* What wraps with a nonce of the token's is not suspect. */
static void a_key_that_has_shown_nothing_goes_on(void **state)
{
	CK_OBJECT_HANDLE by = moving_aes(s, M_MOVER, 32), key = moving_aes(s, M_TARGET, 32);
	CK_OBJECT_HANDLE open = moving_aes(s, M_OPEN, 32), back;
	struct blob b;

	(void)state;
	OK(moving_wrap(s, &gcm, by, open, &b));
	OK(moving_wrap(s, &moving_kwp, by, open, &b));
	OK(moving_wrap(s, &gcm, by, key, &b));
	OK(moving_unwrap(s, &gcm, by, &b, M_SENSITIVE, CKK_AES, &back));
	b.n--;
	GIVES(CKR_WRAPPED_KEY_INVALID,
	      moving_unwrap(s, &gcm, by, &b, M_SENSITIVE | M_SIGN, CKK_GENERIC_SECRET, &back));
}

/* ---- two forms of key wrap that are taken for one another ---- */

/* KW with the value that KWP begins with and the length 31: KWP opens it if the last byte is 0. */
static void key_wrap_checks_what_the_standard_says_for_sensitive_keys(void **state)
{
	CK_BYTE as_kwp[8] = { 0xa6, 0x59, 0x59, 0xa6, 0, 0, 0, 31 };
	CK_MECHANISM kw = { CKM_AES_KEY_WRAP, as_kwp, sizeof as_kwp };
	CK_MECHANISM kwp = { CKM_AES_KEY_WRAP_KWP, as_kwp, 4 };
	CK_OBJECT_HANDLE by = moving_aes(s, M_MOVER, 32), key = moving_aes(s, M_TARGET, 32);
	struct blob b;

	(void)state;
	GIVES(CKR_KEY_NOT_WRAPPABLE, moving_wrap(s, &kw, by, key, &b));
	GIVES(CKR_KEY_NOT_WRAPPABLE, moving_wrap(s, &kwp, by, key, &b));
	OK(moving_wrap(s, &moving_kw, by, key, &b));
	OK(moving_wrap(s, &moving_kwp, by, key, &b));
}

/* ---- a weak key in between ---- */

static CK_OBJECT_HANDLE p521_mover(void)
{
	CK_MECHANISM m = { CKM_EC_KEY_PAIR_GEN, NULL, 0 };
	CK_ATTRIBUTE public[] = { A_BYTES(CKA_EC_PARAMS, module_p521, sizeof module_p521),
				  A_BOOL(CKA_WRAP, CK_TRUE) };
	CK_ATTRIBUTE private[] = { A_BOOL(CKA_UNWRAP, CK_TRUE) };
	CK_OBJECT_HANDLE a = 0, b;

	OK(p11->C_GenerateKeyPair(s, &m, public, ARRAY_LEN(public), private, ARRAY_LEN(private), &a,
				  &b));
	return a;
}

static void the_key_in_between_is_as_strong(void **state)
{
	CK_ECDH_AES_KEY_WRAP_PARAMS p = { .ulAESKeyBits = 128, .kdf = CKD_SHA256_KDF };
	CK_MECHANISM m = { CKM_ECDH_AES_KEY_WRAP, &p, sizeof p };
	CK_OBJECT_HANDLE by = p521_mover(), key = moving_aes(s, M_TARGET, 32);
	struct blob b;

	(void)state;
	GIVES(CKR_WRAPPING_KEY_SIZE_RANGE, moving_wrap(s, &m, by, key, &b));
	OK(moving_wrap(s, &m, by, moving_aes(s, M_TARGET, 16), &b));
	p.ulAESKeyBits = 256;
	OK(moving_wrap(s, &m, by, key, &b));
}

/* ---- a use that the officer adds, with an operation begun elsewhere ---- */

static void the_officer_gives_a_mover_no_other_use(void **state)
{
	static const CK_ATTRIBUTE_TYPE uses[] = { CKA_DECRYPT, CKA_ENCRYPT, CKA_SIGN, CKA_DERIVE };
	CK_OBJECT_HANDLE by = moving_aes(s, M_WRAP | M_SENSITIVE | M_TOKEN | M_PUBLIC, 32), copy;
	CK_BBOOL yes = CK_TRUE;

	(void)state;
	CK_ATTRIBUTE like[] = { A_BOOL(CKA_WRAP, CK_TRUE), A_BOOL(CKA_TOKEN, CK_TRUE) };

	OK(p11->C_Logout(s));
	OK(module_login(s, CKU_SO, SO_PIN));
	MUST(module_find(s, like, ARRAY_LEN(like), &by) == 1);
	for (size_t i = 0; i < ARRAY_LEN(uses); i++) {
		CK_ATTRIBUTE on = { uses[i], &yes, sizeof yes };

		GIVES(CKR_ATTRIBUTE_READ_ONLY, module_set(s, by, on));
		GIVES(CKR_ATTRIBUTE_READ_ONLY, moving_copy(s, by, on, &copy));
	}
	OK(module_set(s, by, (CK_ATTRIBUTE)A_BOOL(CKA_UNWRAP, CK_TRUE)));
	OK(p11->C_Logout(s));
}

#define CASE(test) cmocka_unit_test_setup_teardown(test, each_setup, each_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(a_key_that_has_shown_a_block_wraps_nothing_sensitive),
		CASE(a_nonce_of_ones_own_is_remembered),
		CASE(a_key_that_has_opened_a_chosen_block_wraps_nothing_sensitive),
		CASE(a_key_that_has_shown_nothing_goes_on),
		CASE(key_wrap_checks_what_the_standard_says_for_sensitive_keys),
		CASE(the_key_in_between_is_as_strong),
		CASE(the_officer_gives_a_mover_no_other_use),
	};

	return cmocka_run_group_tests(tests, module_setup, module_teardown);
}
