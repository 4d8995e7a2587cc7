/*
 * What an attacker who has the PIN would call to bring a sensitive key out, in the order of the
 * literature (Clulow 2003; Delaune, Kremer, Steel; Bortolozzo and others 2010; Bardou and others
 * 2012): each sequence ends in the refusal that docs/threat-model.md says.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#include "base/own.h"
#include "tests/lib/moving.h"

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

static CK_RV unwrap(CK_OBJECT_HANDLE by, const struct blob *b, unsigned flags,
		    CK_OBJECT_HANDLE *ret)
{
	return moving_unwrap(s, &moving_kwp, by, b, flags, CKK_AES, ret);
}

static void must_be_hidden(CK_OBJECT_HANDLE key)
{
	CK_BYTE value[64];
	CK_RV rv;

	MUST(moving_value(s, key, value, sizeof value, &rv) == 0);
	GIVES(CKR_ATTRIBUTE_SENSITIVE, rv);
}

/* ---- wrap, then decrypt (Clulow 2003) ---- */

static void a_key_that_decrypts_wraps_nothing_sensitive(void **state)
{
	static const unsigned uses[] = { M_DECRYPT, M_ENCRYPT, M_SIGN, M_DERIVE };
	CK_OBJECT_HANDLE key = moving_aes(s, M_TARGET, 32);
	struct blob b;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(uses); i++) {
		CK_OBJECT_HANDLE by = moving_aes(s, M_MOVER | uses[i], 32);

		GIVES(CKR_KEY_NOT_WRAPPABLE, wrap(by, key, &b));
	}
}

static void a_use_that_was_given_up_is_not_forgotten(void **state)
{
	CK_OBJECT_HANDLE key = moving_aes(s, M_TARGET, 32);
	CK_OBJECT_HANDLE by = moving_aes(s, M_MOVER | M_DECRYPT, 32), copy;
	CK_BBOOL no = CK_FALSE;
	CK_ATTRIBUTE off = { CKA_DECRYPT, &no, sizeof no };
	struct blob b;

	(void)state;
	OK(moving_copy(s, by, off, &copy));
	GIVES(CKR_KEY_NOT_WRAPPABLE, wrap(copy, key, &b));
	OK(module_set(s, by, off));
	GIVES(CKR_KEY_NOT_WRAPPABLE, wrap(by, key, &b));
}

static void a_use_is_not_added(void **state)
{
	static const CK_ATTRIBUTE_TYPE uses[] = { CKA_DECRYPT, CKA_ENCRYPT, CKA_SIGN, CKA_DERIVE };
	CK_OBJECT_HANDLE by = moving_aes(s, M_MOVER, 32), copy;
	CK_BBOOL yes = CK_TRUE;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(uses); i++) {
		CK_ATTRIBUTE on = { uses[i], &yes, sizeof yes };

		GIVES(CKR_ATTRIBUTE_READ_ONLY, module_set(s, by, on));
		GIVES(CKR_ATTRIBUTE_READ_ONLY, moving_copy(s, by, on, &copy));
	}
}

/* ---- a wrapping key that the attacker knows ---- */

static const CK_BYTE known[32] = "a key that the attacker has made";

static void a_key_that_was_brought_wraps_nothing_sensitive(void **state)
{
	CK_OBJECT_HANDLE key = moving_aes(s, M_TARGET, 32), by, again;
	struct blob b;

	(void)state;
	OK(moving_import(s, M_MOVER, CKK_AES, known, sizeof known, &by));
	MUST(!module_bool(s, by, CKA_LOCAL));
	GIVES(CKR_KEY_NOT_WRAPPABLE, wrap(by, key, &b));
	OK(moving_copy(s, by, (CK_ATTRIBUTE)A_TEXT(CKA_LABEL, "copy"), &again));
	GIVES(CKR_KEY_NOT_WRAPPABLE, wrap(again, key, &b));
}

static void a_key_that_was_unwrapped_wraps_nothing_sensitive(void **state)
{
	CK_OBJECT_HANDLE key = moving_aes(s, M_TARGET, 32), by = moving_aes(s, M_MOVER, 32);
	CK_OBJECT_HANDLE horse, trojan;
	struct blob b;

	(void)state;
	OK(moving_import(s, M_OPEN, CKK_AES, known, sizeof known, &horse));
	OK(wrap(by, horse, &b));
	OK(unwrap(by, &b, M_MOVER, &trojan));
	MUST(!module_bool(s, trojan, CKA_LOCAL));
	MUST(!module_bool(s, trojan, CKA_ALWAYS_SENSITIVE));
	MUST(!module_bool(s, trojan, CKA_NEVER_EXTRACTABLE));
	GIVES(CKR_KEY_NOT_WRAPPABLE, wrap(trojan, key, &b));
}

static void a_key_that_was_derived_wraps_nothing_sensitive(void **state)
{
	CK_OBJECT_HANDLE key = moving_aes(s, M_TARGET, 32), base, by;
	CK_HKDF_PARAMS p = { .bExtract = CK_TRUE,
			     .bExpand = CK_TRUE,
			     .prfHashMechanism = CKM_SHA256,
			     .ulSaltType = CKF_HKDF_SALT_NULL };
	CK_MECHANISM hkdf = { CKM_HKDF_DERIVE, &p, sizeof p };
	struct blob b;

	(void)state;
	OK(moving_import(s, M_DERIVE | M_SENSITIVE, CKK_GENERIC_SECRET, known, sizeof known,
			 &base));
	OK(moving_derive(s, &hkdf, base, M_MOVER, CKK_AES, 32, &by));
	MUST(!module_bool(s, by, CKA_LOCAL));
	GIVES(CKR_KEY_NOT_WRAPPABLE, wrap(by, key, &b));
}

/* C_GenerateKey, but not of chance. */
static void a_key_from_a_password_wraps_nothing_sensitive(void **state)
{
	CK_OBJECT_HANDLE key = moving_aes(s, M_TARGET, 32), by = 0;
	CK_PKCS5_PBKD2_PARAMS2 p = { .saltSource = CKZ_SALT_SPECIFIED,
				     .pSaltSourceData = (void *)(uintptr_t)known,
				     .ulSaltSourceDataLen = 16,
				     .iterations = 1000,
				     .prf = CKP_PKCS5_PBKD2_HMAC_SHA256,
				     .pPassword = module_pin("password"),
				     .ulPasswordLen = 8 };
	CK_MECHANISM m = { CKM_PKCS5_PBKD2, &p, sizeof p };
	CK_ATTRIBUTE t[MOVING_MAX + 2] = { A_ULONG(CKA_VALUE_LEN, 32),
					   A_ULONG(CKA_KEY_TYPE, CKK_AES) };
	struct blob b;

	(void)state;
	OK(p11->C_GenerateKey(s, &m, t, 2 + moving_template(M_MOVER, t + 2), &by));
	GIVES(CKR_KEY_NOT_WRAPPABLE, wrap(by, key, &b));
}

static void a_public_key_wraps_sensitive_ones_only_if_its_other_half_is_safe_here(void **state)
{
	CK_OBJECT_HANDLE key = moving_aes(s, M_TARGET, 16), brought;
	struct module_pair good = moving_rsa(s, 0), decrypts = moving_rsa(s, M_DECRYPT);
	CK_MECHANISM pkcs1 = { CKM_RSA_PKCS, NULL, 0 };
	struct blob b;

	(void)state;
	OK(moving_wrap(s, &moving_oaep, good.public, key, &b));
	GIVES(CKR_KEY_NOT_WRAPPABLE, moving_wrap(s, &pkcs1, good.public, key, &b));
	GIVES(CKR_KEY_NOT_WRAPPABLE, moving_wrap(s, &moving_oaep, decrypts.public, key, &b));
	OK(moving_bring_public(s, good.public, &brought));
	GIVES(CKR_KEY_NOT_WRAPPABLE, moving_wrap(s, &moving_oaep, brought, key, &b));
	OK(p11->C_DestroyObject(s, good.private));
	GIVES(CKR_KEY_NOT_WRAPPABLE, moving_wrap(s, &moving_oaep, good.public, key, &b));
}

static void a_weaker_key_guards_no_stronger_one(void **state)
{
	CK_OBJECT_HANDLE key = moving_aes(s, M_TARGET, 32), by = moving_aes(s, M_MOVER, 16);
	struct module_pair rsa = moving_rsa(s, 0);
	struct blob b;

	(void)state;
	GIVES(CKR_WRAPPING_KEY_SIZE_RANGE, wrap(by, key, &b));
	GIVES(CKR_WRAPPING_KEY_SIZE_RANGE, moving_wrap(s, &moving_oaep, rsa.public, key, &b));
}

/* What can leave has a twin elsewhere that may do anything. */
static void a_key_that_can_leave_wraps_nothing_sensitive(void **state)
{
	CK_OBJECT_HANDLE key = moving_aes(s, M_TARGET, 32);
	CK_OBJECT_HANDLE by = moving_aes(s, M_MOVER | M_EXTRACTABLE, 32);
	struct blob b;

	(void)state;
	GIVES(CKR_KEY_NOT_WRAPPABLE, wrap(by, key, &b));
	OK(module_set(s, by, (CK_ATTRIBUTE)A_BOOL(CKA_EXTRACTABLE, CK_FALSE)));
	GIVES(CKR_KEY_NOT_WRAPPABLE, wrap(by, key, &b));
}

/* ---- unwrap with weaker attributes, in two roles, as another class ---- */

static void a_sensitive_key_comes_back_as_a_sensitive_one_only(void **state)
{
	CK_OBJECT_HANDLE key = moving_aes(s, M_TARGET, 32), by = moving_aes(s, M_MOVER, 32), back;
	struct blob b;

	(void)state;
	OK(wrap(by, key, &b));
	GIVES(CKR_TEMPLATE_INCONSISTENT, unwrap(by, &b, M_OPEN, &back));
	GIVES(CKR_TEMPLATE_INCONSISTENT, unwrap(by, &b, 0, &back));
	OK(unwrap(by, &b, M_SENSITIVE | M_DECRYPT, &back));
	must_be_hidden(back);
}

static void a_copy_has_the_roles_of_its_original(void **state)
{
	CK_OBJECT_HANDLE key = moving_aes(s, M_TARGET, 32), by = moving_aes(s, M_MOVER, 32);
	CK_OBJECT_HANDLE before, after, back;
	CK_ATTRIBUTE label = A_TEXT(CKA_LABEL, "copy");
	struct blob b;

	(void)state;
	OK(moving_copy(s, by, label, &before));
	OK(wrap(by, key, &b));
	OK(moving_copy(s, by, label, &after));
	GIVES(CKR_TEMPLATE_INCONSISTENT, unwrap(before, &b, M_OPEN, &back));
	GIVES(CKR_TEMPLATE_INCONSISTENT, unwrap(after, &b, M_OPEN, &back));
}

static void another_session_sees_the_roles(void **state)
{
	CK_OBJECT_HANDLE key = moving_aes(s, M_TARGET, 32), back;
	CK_OBJECT_HANDLE by = moving_aes(s, M_MOVER | M_TOKEN, 32);
	CK_SESSION_HANDLE other = module_open(slot, true);
	struct blob b;

	(void)state;
	OK(wrap(by, key, &b));
	GIVES(CKR_TEMPLATE_INCONSISTENT,
	      moving_unwrap(other, &moving_kwp, by, &b, M_OPEN, CKK_AES, &back));
}

static void a_second_process_sees_the_roles(void **state)
{
	CK_OBJECT_HANDLE key = moving_aes(s, M_TARGET, 32), back;
	CK_OBJECT_HANDLE by = moving_aes(s, M_MOVER | M_TOKEN, 32);
	struct blob b;
	int status;

	(void)state;
	OK(wrap(by, key, &b));
	fflush(NULL);
	pid_t child = fork();

	if (child == 0) {
		OK(p11->C_Initialize(NULL));
		s = module_open(slot, true);
		OK(module_login(s, CKU_USER, USER_PIN));
		GIVES(CKR_TEMPLATE_INCONSISTENT, unwrap(moving_mover(s), &b, M_OPEN, &back));
		_exit(0);
	}
	MUST(waitpid(child, &status, 0) == child && WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
}

/* The session's key wraps, its role is in the file: a twin elsewhere is bound by it. */
static void roles_outlive_the_library(void **state)
{
	CK_OBJECT_HANDLE key = moving_aes(s, M_TARGET, 32), back;
	CK_OBJECT_HANDLE by = moving_aes(s, M_MOVER | M_TOKEN, 32);
	struct blob b;

	(void)state;
	OK(wrap(by, key, &b));
	OK(p11->C_Finalize(NULL));
	OK(p11->C_Initialize(NULL));
	s = module_open(slot, true);
	OK(module_login(s, CKU_USER, USER_PIN));
	GIVES(CKR_TEMPLATE_INCONSISTENT, unwrap(moving_mover(s), &b, M_OPEN, &back));
	OK(unwrap(moving_mover(s), &b, M_SENSITIVE, &back));
}

static void a_key_that_made_readable_ones_wraps_nothing_sensitive(void **state)
{
	CK_OBJECT_HANDLE open = moving_aes(s, M_OPEN, 32), key = moving_aes(s, M_TARGET, 32);
	CK_OBJECT_HANDLE by = moving_aes(s, M_MOVER, 32), copy, back;
	struct blob b;

	(void)state;
	OK(wrap(by, open, &b));
	OK(unwrap(by, &b, M_OPEN, &back));
	GIVES(CKR_KEY_NOT_WRAPPABLE, wrap(by, key, &b));
	OK(moving_copy(s, by, (CK_ATTRIBUTE)A_TEXT(CKA_LABEL, "copy"), &copy));
	GIVES(CKR_KEY_NOT_WRAPPABLE, wrap(copy, key, &b));
}

static CK_RV unwrap_private(CK_OBJECT_HANDLE by, struct blob *b, CK_OBJECT_HANDLE *ret)
{
	CK_ATTRIBUTE t[] = { A_ULONG(CKA_CLASS, CKO_PRIVATE_KEY), A_ULONG(CKA_KEY_TYPE, CKK_EC),
			     A_BOOL(CKA_SENSITIVE, CK_TRUE) };

	return p11->C_UnwrapKey(s, &moving_kwp, by, b->p, b->n, t, ARRAY_LEN(t), ret);
}

static CK_OBJECT_HANDLE sensitive_ec(void)
{
	CK_MECHANISM m = { CKM_EC_KEY_PAIR_GEN, NULL, 0 };
	CK_ATTRIBUTE public[] = { A_BYTES(CKA_EC_PARAMS, module_p256, sizeof module_p256) };
	CK_ATTRIBUTE private[] = { A_BOOL(CKA_EXTRACTABLE, CK_TRUE) };
	CK_OBJECT_HANDLE a, b;

	OK(p11->C_GenerateKeyPair(s, &m, public, 1, private, 1, &a, &b));
	return b;
}

static void a_private_key_comes_back_as_no_secret_one(void **state)
{
	CK_OBJECT_HANDLE by = moving_aes(s, M_MOVER, 32), ec = sensitive_ec(), back;
	struct blob b;

	(void)state;
	OK(wrap(by, ec, &b));
	GIVES(CKR_TEMPLATE_INCONSISTENT, moving_unwrap(s, &moving_kwp, by, &b, M_SENSITIVE | M_SIGN,
						       CKK_GENERIC_SECRET, &back));
	GIVES(CKR_KEY_NOT_WRAPPABLE, wrap(by, moving_aes(s, M_TARGET, 32), &b));
}

static void a_secret_key_comes_back_as_no_private_one(void **state)
{
	CK_OBJECT_HANDLE by = moving_aes(s, M_MOVER, 32), key = moving_aes(s, M_TARGET, 32), back;
	struct blob b;

	(void)state;
	OK(wrap(by, key, &b));
	GIVES(CKR_TEMPLATE_INCONSISTENT, unwrap_private(by, &b, &back));
	GIVES(CKR_KEY_NOT_WRAPPABLE, wrap(by, sensitive_ec(), &b));
}

/* ---- what authenticates nothing, and nonces that come twice ---- */

static void a_mechanism_that_authenticates_nothing_wraps_nothing_sensitive(void **state)
{
	CK_BYTE iv[16] = { 0 };
	CK_AES_CTR_PARAMS ctr = { .ulCounterBits = 128 };
	CK_MECHANISM all[] = { { CKM_AES_ECB, NULL, 0 },
			       { CKM_AES_CBC, iv, sizeof iv },
			       { CKM_AES_CBC_PAD, iv, sizeof iv },
			       { CKM_AES_CTR, &ctr, sizeof ctr } };
	CK_OBJECT_HANDLE by = moving_aes(s, M_MOVER, 32), key = moving_aes(s, M_TARGET, 32);
	CK_OBJECT_HANDLE open = moving_aes(s, M_OPEN, 32), back;
	struct blob b, sealed;
	unsigned offered = 0;

	(void)state;
	OK(wrap(by, key, &sealed));
	for (size_t i = 0; i < ARRAY_LEN(all); i++) {
		CK_RV rv = moving_wrap(s, &all[i], by, key, &b);

		if (rv == CKR_MECHANISM_INVALID)
			continue;
		offered++;
		GIVES(CKR_KEY_NOT_WRAPPABLE, rv);
		/* as an oracle for the blob that is out already */
		GIVES(CKR_KEY_NOT_WRAPPABLE, moving_wrap(s, &all[i], by, open, &b));
		sealed.n = 32;
		GIVES(CKR_TEMPLATE_INCONSISTENT,
		      moving_unwrap(s, &all[i], by, &sealed, M_SENSITIVE | M_SIGN,
				    CKK_GENERIC_SECRET, &back));
	}
	assert_true(offered > 0);
}

static void the_nonce_for_a_sensitive_key_is_the_tokens(void **state)
{
	CK_BYTE nonce[12] = { 1 };
	CK_GCM_PARAMS his = { .pIv = nonce, .ulIvLen = 12, .ulIvBits = 96, .ulTagBits = 128 };
	CK_GCM_WRAP_PARAMS ours = {
		.pIv = nonce, .ulIvLen = 12, .ivGenerator = CKG_GENERATE_RANDOM, .ulTagBits = 128
	};
	CK_MECHANISM m = { CKM_AES_GCM, &his, sizeof his };
	CK_OBJECT_HANDLE by = moving_aes(s, M_MOVER, 32), key = moving_aes(s, M_TARGET, 32);
	CK_OBJECT_HANDLE open = moving_aes(s, M_OPEN, 32);
	struct blob b;

	(void)state;
	OK(moving_wrap(s, &m, moving_aes(s, M_MOVER, 32), open, &b));
	GIVES(CKR_KEY_NOT_WRAPPABLE, moving_wrap(s, &m, by, key, &b));
	m = (CK_MECHANISM) { CKM_AES_GCM, &ours, sizeof ours };
	ours.ulIvFixedBits = 8;
	GIVES(CKR_KEY_NOT_WRAPPABLE, moving_wrap(s, &m, by, key, &b));
	ours.ulIvFixedBits = 0;
	OK(moving_wrap(s, &m, by, key, &b));
	/* the same nonce again, around a value that is known */
	m = (CK_MECHANISM) { CKM_AES_GCM, &his, sizeof his };
	GIVES(CKR_KEY_NOT_WRAPPABLE, moving_wrap(s, &m, by, open, &b));
}

/* ---- a token that can't be written to, and a strict one ---- */

static void what_can_not_be_recorded_is_not_done(void **state)
{
	CK_OBJECT_HANDLE by, key, open, back;
	struct blob b;

	(void)state;
	moving_aes(s, M_MOVER | M_TOKEN, 32);
	moving_start_again("[token]\nread-only = yes\n");
	s = module_open(slot, false);
	OK(module_login(s, CKU_USER, USER_PIN));
	by = moving_mover(s);
	key = moving_aes(s, M_TARGET, 32);
	open = moving_aes(s, M_OPEN, 32);
	GIVES(CKR_TOKEN_WRITE_PROTECTED, wrap(by, key, &b));
	OK(wrap(by, open, &b));
	GIVES(CKR_TOKEN_WRITE_PROTECTED, unwrap(by, &b, M_OPEN, &back));
	moving_start_again("");
}

static void a_strict_token_refuses_at_creation(void **state)
{
	CK_MECHANISM m = { CKM_AES_KEY_GEN, NULL, 0 };
	static const unsigned refused[] = { M_MOVER | M_DECRYPT, M_WRAP | M_SENSITIVE | M_SIGN,
					    M_UNWRAP | M_SENSITIVE | M_DERIVE, M_OPEN };
	CK_OBJECT_HANDLE key = 0, copy;
	struct blob b;

	(void)state;
	moving_start_again("[token]\npolicy = strict\n");
	s = module_user(&slot);
	for (size_t i = 0; i < ARRAY_LEN(refused); i++) {
		CK_ATTRIBUTE t[MOVING_MAX] = { A_ULONG(CKA_VALUE_LEN, 32) };

		GIVES(CKR_TEMPLATE_INCONSISTENT,
		      p11->C_GenerateKey(s, &m, t, 1 + moving_template(refused[i], t + 1), &key));
		GIVES(CKR_TEMPLATE_INCONSISTENT,
		      moving_import(s, refused[i], CKK_AES, known, sizeof known, &key));
	}
	GIVES(CKR_TEMPLATE_INCONSISTENT,
	      moving_import(s, M_MOVER, CKK_AES, known, sizeof known, &key));
	CK_OBJECT_HANDLE by = moving_aes(s, M_MOVER, 32);

	OK(wrap(by, moving_aes(s, M_TARGET, 32), &b));
	OK(unwrap(by, &b, M_TARGET | M_DECRYPT, &key));
	GIVES(CKR_TEMPLATE_INCONSISTENT, unwrap(by, &b, M_MOVER, &copy));
	GIVES(CKR_TEMPLATE_INCONSISTENT, unwrap(by, &b, M_OPEN, &copy));
	moving_start_again("");
}

/* ---- derivations that slice, xor and join ---- */

static void derivations_that_cut_are_not_there(void **state)
{
	CK_BYTE block[16] = { 0 };
	CK_KEY_DERIVATION_STRING_DATA data = { block, sizeof block };
	CK_ULONG bit = 0;
	CK_AES_CBC_ENCRYPT_DATA_PARAMS cbc = { .pData = block, .length = sizeof block };
	CK_MECHANISM all[] = { { CKM_EXTRACT_KEY_FROM_KEY, &bit, sizeof bit },
			       { CKM_XOR_BASE_AND_DATA, &data, sizeof data },
			       { CKM_AES_ECB_ENCRYPT_DATA, &data, sizeof data },
			       { CKM_AES_CBC_ENCRYPT_DATA, &cbc, sizeof cbc } };
	CK_OBJECT_HANDLE key = moving_aes(s, M_SENSITIVE | M_DERIVE, 32), ret;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(all); i++)
		GIVES(CKR_MECHANISM_INVALID,
		      moving_derive(s, &all[i], key, M_OPEN, CKK_GENERIC_SECRET, 1, &ret));
}

static void what_comes_of_a_sensitive_key_is_sensitive_and_whole(void **state)
{
	CK_BYTE byte = 0;
	CK_KEY_DERIVATION_STRING_DATA data = { &byte, 1 };
	CK_MECHANISM join = { CKM_CONCATENATE_BASE_AND_DATA, &data, sizeof data };
	CK_OBJECT_HANDLE key = moving_generic(s, M_SENSITIVE | M_DERIVE, 32), ret;

	(void)state;
	GIVES(CKR_TEMPLATE_INCONSISTENT,
	      moving_derive(s, &join, key, M_OPEN, CKK_GENERIC_SECRET, 0, &ret));
	GIVES(CKR_TEMPLATE_INCONSISTENT, moving_derive(s, &join, key, M_SENSITIVE | M_EXTRACTABLE,
						       CKK_GENERIC_SECRET, 0, &ret));
	GIVES(CKR_KEY_SIZE_RANGE,
	      moving_derive(s, &join, key, M_SENSITIVE, CKK_GENERIC_SECRET, 1, &ret));
	GIVES(CKR_KEY_SIZE_RANGE,
	      moving_derive(s, &join, key, M_SENSITIVE, CKK_GENERIC_SECRET, 32, &ret));
	OK(moving_derive(s, &join, key, M_SENSITIVE, CKK_GENERIC_SECRET, 33, &ret));
	must_be_hidden(ret);
}

static void no_derived_key_is_short_enough_to_guess(void **state)
{
	CK_HKDF_PARAMS p = { .bExpand = CK_TRUE,
			     .prfHashMechanism = CKM_SHA256,
			     .ulSaltType = CKF_HKDF_SALT_NULL };
	CK_MECHANISM expand = { CKM_HKDF_DERIVE, &p, sizeof p };
	CK_MECHANISM to_data = { CKM_HKDF_DATA, &p, sizeof p };
	CK_OBJECT_HANDLE key = moving_generic(s, M_SENSITIVE | M_DERIVE, 32), ret;
	CK_ATTRIBUTE t[] = { A_ULONG(CKA_CLASS, CKO_DATA), A_ULONG(CKA_VALUE_LEN, 32) };

	(void)state;
	for (CK_ULONG n = 1; n < 16; n += 7)
		GIVES(CKR_KEY_SIZE_RANGE, moving_derive(s, &expand, key, M_SENSITIVE | M_SIGN,
							CKK_GENERIC_SECRET, n, &ret));
	OK(moving_derive(s, &expand, key, M_SENSITIVE | M_SIGN, CKK_GENERIC_SECRET, 16, &ret));
	GIVES(CKR_KEY_FUNCTION_NOT_PERMITTED,
	      p11->C_DeriveKey(s, &to_data, key, t, ARRAY_LEN(t), &ret));
}

/* ---- attributes ---- */

static void a_value_is_not_read_nor_copied_nor_set_free(void **state)
{
	static const struct {
		CK_ATTRIBUTE_TYPE type;
		CK_BBOOL value;
	} frees[] = { { CKA_SENSITIVE, CK_FALSE }, { CKA_EXTRACTABLE, CK_TRUE } };
	CK_OBJECT_HANDLE key = moving_aes(s, M_SENSITIVE | M_DECRYPT, 32), copy;

	(void)state;
	must_be_hidden(key);
	for (size_t i = 0; i < ARRAY_LEN(frees); i++) {
		CK_BBOOL value = frees[i].value;
		CK_ATTRIBUTE a = { frees[i].type, &value, sizeof value };

		GIVES(CKR_ATTRIBUTE_READ_ONLY, module_set(s, key, a));
		GIVES(CKR_ATTRIBUTE_READ_ONLY, moving_copy(s, key, a, &copy));
	}
	OK(moving_copy(s, key, (CK_ATTRIBUTE)A_TEXT(CKA_LABEL, "copy"), &copy));
	must_be_hidden(copy);
}

static void nobody_writes_a_keys_history(void **state)
{
	static const CK_ATTRIBUTE_TYPE history[] = { CKA_LOCAL, CKA_ALWAYS_SENSITIVE,
						     CKA_NEVER_EXTRACTABLE, CKA_INRO_MOVER };
	CK_MECHANISM m = { CKM_AES_KEY_GEN, NULL, 0 };
	CK_OBJECT_HANDLE key = moving_aes(s, M_SENSITIVE, 32), ret;
	CK_BBOOL yes = CK_TRUE;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(history); i++) {
		CK_ATTRIBUTE a = { history[i], &yes, sizeof yes };
		CK_ATTRIBUTE made[] = { A_ULONG(CKA_VALUE_LEN, 32), a };
		CK_ATTRIBUTE brought[] = { A_ULONG(CKA_CLASS, CKO_SECRET_KEY),
					   A_ULONG(CKA_KEY_TYPE, CKK_AES),
					   A_BYTES(CKA_VALUE, known, sizeof known), a };

		GIVES(CKR_ATTRIBUTE_READ_ONLY, module_set(s, key, a));
		GIVES(CKR_ATTRIBUTE_READ_ONLY, moving_copy(s, key, a, &ret));
		GIVES(CKR_ATTRIBUTE_READ_ONLY, p11->C_GenerateKey(s, &m, made, 2, &ret));
		GIVES(CKR_ATTRIBUTE_READ_ONLY, p11->C_CreateObject(s, brought, 4, &ret));
	}
}

/* ---- and ordinary clients work ---- */

static void clients_that_ask_for_every_use_move_readable_keys(void **state)
{
	CK_BYTE iv[16] = { 7 }, before[32], after[32];
	CK_MECHANISM cbc_pad = { CKM_AES_CBC_PAD, iv, sizeof iv };
	CK_OBJECT_HANDLE by = moving_aes(s, M_ALL_USES | M_SENSITIVE, 32), back;
	CK_OBJECT_HANDLE key = moving_aes(s, M_ALL_USES | M_OPEN, 32);
	CK_MECHANISM *all[] = { &moving_kw, &moving_kwp, &cbc_pad };
	struct blob b;
	CK_RV rv;

	(void)state;
	MUST(moving_value(s, key, before, sizeof before, &rv) == sizeof before);
	for (size_t i = 0; i < ARRAY_LEN(all); i++) {
		OK(moving_wrap(s, all[i], by, key, &b));
		OK(moving_unwrap(s, all[i], by, &b, M_ALL_USES | M_OPEN, CKK_AES, &back));
		MUST(moving_value(s, back, after, sizeof after, &rv) == sizeof after);
		assert_memory_equal(before, after, sizeof before);
	}
}

#define CASE(test) cmocka_unit_test_setup_teardown(test, each_setup, each_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(a_key_that_decrypts_wraps_nothing_sensitive),
		CASE(a_use_that_was_given_up_is_not_forgotten),
		CASE(a_use_is_not_added),
		CASE(a_key_that_was_brought_wraps_nothing_sensitive),
		CASE(a_key_that_was_unwrapped_wraps_nothing_sensitive),
		CASE(a_key_that_was_derived_wraps_nothing_sensitive),
		CASE(a_key_from_a_password_wraps_nothing_sensitive),
		CASE(a_public_key_wraps_sensitive_ones_only_if_its_other_half_is_safe_here),
		CASE(a_weaker_key_guards_no_stronger_one),
		CASE(a_key_that_can_leave_wraps_nothing_sensitive),
		CASE(a_sensitive_key_comes_back_as_a_sensitive_one_only),
		CASE(a_copy_has_the_roles_of_its_original),
		CASE(another_session_sees_the_roles),
		CASE(a_second_process_sees_the_roles),
		CASE(roles_outlive_the_library),
		CASE(a_key_that_made_readable_ones_wraps_nothing_sensitive),
		CASE(a_private_key_comes_back_as_no_secret_one),
		CASE(a_secret_key_comes_back_as_no_private_one),
		CASE(a_mechanism_that_authenticates_nothing_wraps_nothing_sensitive),
		CASE(the_nonce_for_a_sensitive_key_is_the_tokens),
		CASE(what_can_not_be_recorded_is_not_done),
		CASE(a_strict_token_refuses_at_creation),
		CASE(derivations_that_cut_are_not_there),
		CASE(what_comes_of_a_sensitive_key_is_sensitive_and_whole),
		CASE(no_derived_key_is_short_enough_to_guess),
		CASE(a_value_is_not_read_nor_copied_nor_set_free),
		CASE(nobody_writes_a_keys_history),
		CASE(clients_that_ask_for_every_use_move_readable_keys),
	};

	return cmocka_run_group_tests(tests, module_setup, module_teardown);
}
