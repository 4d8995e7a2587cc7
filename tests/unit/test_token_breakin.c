/*
 * Break-ins that once succeeded or would, if one rule more were missing: each is the attacker's
 * whole way, up to the call that stops him.  He has the user's PIN; docs/threat-model.md has the
 * calls and their answers.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
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

/* ---- RSA-AES taken apart: the key in between opens the rest, readable ---- */

#define RSA_BYTES 384 /* what moving_rsa() makes */

static CK_RSA_PKCS_OAEP_PARAMS oaep_params = { .hashAlg = CKM_SHA256,
					       .mgf = CKG_MGF1_SHA256,
					       .source = CKZ_DATA_SPECIFIED };
static CK_RSA_AES_KEY_WRAP_PARAMS between = { .ulAESKeyBits = 256, .pOAEPParams = &oaep_params };
static CK_MECHANISM oaep = { CKM_RSA_PKCS_OAEP, &oaep_params, sizeof oaep_params };
static CK_MECHANISM rsa_aes = { CKM_RSA_AES_KEY_WRAP, &between, sizeof between };

static void the_key_in_between_does_not_come_out(void **state)
{
	struct module_pair pair = moving_rsa(s, 0);
	CK_OBJECT_HANDLE key = moving_aes(s, M_TARGET, 16), back;
	struct blob whole, head;

	(void)state;
	OK(moving_wrap(s, &rsa_aes, pair.public, key, &whole));
	head = whole;
	head.n = RSA_BYTES;
	GIVES(CKR_TEMPLATE_INCONSISTENT,
	      moving_unwrap(s, &oaep, pair.private, &head, M_SENSITIVE | M_UNWRAP, CKK_AES, &back));
	GIVES(CKR_TEMPLATE_INCONSISTENT, moving_unwrap(s, &oaep, pair.private, &head,
						       M_SENSITIVE | M_DECRYPT, CKK_AES, &back));
	GIVES(CKR_KEY_NOT_WRAPPABLE, moving_wrap(s, &oaep, pair.public, key, &head));
	OK(moving_unwrap(s, &rsa_aes, pair.private, &whole, M_SENSITIVE, CKK_AES, &back));
}

static void who_wraps_by_oaep_has_no_key_in_between(void **state)
{
	struct module_pair pair = moving_rsa(s, 0);
	CK_OBJECT_HANDLE key = moving_aes(s, M_TARGET, 16), back;
	struct blob b, other;

	(void)state;
	OK(moving_wrap(s, &oaep, pair.public, key, &b));
	GIVES(CKR_KEY_NOT_WRAPPABLE, moving_wrap(s, &rsa_aes, pair.public, key, &other));
	OK(moving_unwrap(s, &oaep, pair.private, &b, M_SENSITIVE, CKK_AES, &back));
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

/* ---- a derived key whose value a MAC tells ---- */

/* HKDF's second step is HMAC: who may sign with the base has the value of what comes of it. */
static void a_derived_key_wraps_nothing_sensitive_even_of_a_good_base(void **state)
{
	CK_HKDF_PARAMS p = { .bExpand = CK_TRUE,
			     .prfHashMechanism = CKM_SHA256,
			     .ulSaltType = CKF_HKDF_SALT_NULL };
	CK_MECHANISM expand = { CKM_HKDF_DERIVE, &p, sizeof p };
	CK_OBJECT_HANDLE base = moving_generic(s, M_SENSITIVE | M_DERIVE | M_SIGN, 32), by;
	struct blob b;

	(void)state;
	OK(moving_derive(s, &expand, base, M_MOVER, CKK_AES, 32, &by));
	MUST(module_bool(s, by, CKA_ALWAYS_SENSITIVE));
	MUST(module_bool(s, by, CKA_NEVER_EXTRACTABLE));
	GIVES(CKR_KEY_NOT_WRAPPABLE,
	      moving_wrap(s, &moving_kwp, by, moving_aes(s, M_TARGET, 32), &b));
}

/* ---- 16 unknown bytes as two of three DES keys ---- */

static void no_triple_des_key_is_derived(void **state)
{
	CK_BYTE third[8] = { 1 };
	CK_KEY_DERIVATION_STRING_DATA data = { third, sizeof third };
	CK_MECHANISM join = { CKM_CONCATENATE_BASE_AND_DATA, &data, sizeof data };
	CK_OBJECT_HANDLE key = moving_generic(s, M_SENSITIVE | M_DERIVE, 16), ret;

	(void)state;
	GIVES(CKR_TEMPLATE_INCONSISTENT,
	      moving_derive(s, &join, key, M_SENSITIVE | M_DECRYPT, CKK_DES3, 0, &ret));
	OK(moving_derive(s, &join, key, M_SENSITIVE | M_DECRYPT, CKK_AES, 0, &ret));
}

/* ---- a key that wants a login each time, sent round so that it wants none ---- */

static void a_key_that_wants_a_login_each_time_does_not_lose_that(void **state)
{
	CK_MECHANISM m = { CKM_EC_KEY_PAIR_GEN, NULL, 0 };
	CK_ATTRIBUTE public[] = { A_BYTES(CKA_EC_PARAMS, module_p256, sizeof module_p256) };
	CK_ATTRIBUTE private[] = { A_BOOL(CKA_EXTRACTABLE, CK_TRUE), A_BOOL(CKA_SIGN, CK_TRUE),
				   A_BOOL(CKA_ALWAYS_AUTHENTICATE, CK_TRUE) };
	CK_ATTRIBUTE off = A_BOOL(CKA_ALWAYS_AUTHENTICATE, CK_FALSE);
	CK_OBJECT_HANDLE by = moving_aes(s, M_MOVER, 32), a, key, copy;
	struct blob b;

	(void)state;
	OK(p11->C_GenerateKeyPair(s, &m, public, ARRAY_LEN(public), private, ARRAY_LEN(private), &a,
				  &key));
	GIVES(CKR_KEY_NOT_WRAPPABLE, moving_wrap(s, &moving_kwp, by, key, &b));
	GIVES(CKR_ATTRIBUTE_READ_ONLY, module_set(s, key, off));
	GIVES(CKR_ATTRIBUTE_READ_ONLY, moving_copy(s, key, off, &copy));
	OK(moving_copy(s, key, (CK_ATTRIBUTE)A_TEXT(CKA_LABEL, "copy"), &copy));
	MUST(module_bool(s, copy, CKA_ALWAYS_AUTHENTICATE));
}

/* Deriving and unwrapping have no moment in which a login could be given: they are not done. */
static void a_key_that_wants_a_login_each_time_derives_nothing(void **state)
{
	CK_MECHANISM m = { CKM_EC_KEY_PAIR_GEN, NULL, 0 };
	CK_ATTRIBUTE public[] = { A_BYTES(CKA_EC_PARAMS, module_p256, sizeof module_p256) };
	CK_ATTRIBUTE private[] = { A_BOOL(CKA_DERIVE, CK_TRUE), A_BOOL(CKA_SIGN, CK_TRUE),
				   A_BOOL(CKA_ALWAYS_AUTHENTICATE, CK_TRUE) };
	CK_OBJECT_HANDLE a, key, ret;
	CK_BYTE point[80];

	(void)state;
	OK(p11->C_GenerateKeyPair(s, &m, public, ARRAY_LEN(public), private, ARRAY_LEN(private), &a,
				  &key));
	CK_ECDH1_DERIVE_PARAMS p = { .kdf = CKD_NULL, .pPublicData = point };
	CK_MECHANISM ecdh = { CKM_ECDH1_DERIVE, &p, sizeof p };

	p.ulPublicDataLen = module_bytes(s, a, CKA_EC_POINT, point, sizeof point);
	GIVES(CKR_USER_NOT_LOGGED_IN,
	      moving_derive(s, &ecdh, key, M_OPEN, CKK_GENERIC_SECRET, 32, &ret));
}

/* ---- across a logout ---- */

/* Not CKA_PRIVATE: anybody sees it, the user alone uses it. */
static void an_operation_with_a_key_that_all_see_ends_with_the_login(void **state)
{
	CK_OBJECT_HANDLE key = moving_generic(s, M_SENSITIVE | M_SIGN | M_TOKEN | M_PUBLIC, 32);
	CK_MECHANISM m = { CKM_SHA256_HMAC, NULL, 0 };
	CK_BYTE data[4] = { 1 }, mac[32];
	CK_ULONG n = sizeof mac;

	(void)state;
	OK(p11->C_SignInit(s, &m, key));
	OK(p11->C_Logout(s));
	OK(module_login(s, CKU_USER, USER_PIN));
	MUST(p11->C_Sign(s, data, sizeof data, mac, &n) != CKR_OK);
}

/* ---- two processes at once ---- */

/* Children that wait until the write end is closed everywhere, and then act at once. */
static int gate[2];

static CK_SESSION_HANDLE begin_anew(CK_USER_TYPE user, const char *pin)
{
	CK_SESSION_HANDLE in;

	OK(p11->C_Initialize(NULL));
	in = module_open(slot, true);
	if (pin)
		OK(module_login(in, user, pin));
	return in;
}

/* Its exit says whether it was done. */
static pid_t start_rival(CK_USER_TYPE user, const char *pin, CK_RV (*act)(const void *),
			 const void *arg)
{
	int ready[2];
	char c;

	fflush(NULL);
	MUST(pipe(ready) == 0);
	pid_t pid = fork();

	if (pid == 0) {
		close(gate[1]);
		s = begin_anew(user, pin);
		close(ready[0]);
		close(ready[1]);
		MUST(read(gate[0], &c, 1) == 0);
		_exit(act(arg) == CKR_OK ? 0 : 1);
	}
	close(ready[1]);
	MUST(read(ready[0], &c, 1) == 0);
	close(ready[0]);
	return pid;
}

static void let_them_go(void)
{
	close(gate[0]);
	close(gate[1]);
}

static bool did_it(pid_t rival)
{
	int status;

	MUST(waitpid(rival, &status, 0) == rival && WIFEXITED(status));
	MUST(WEXITSTATUS(status) <= 1);
	return WEXITSTATUS(status) == 0;
}

struct contest {
	const char *mover;
	struct blob sealed; /* a readable key, wrapped by the mover */
};

static CK_OBJECT_HANDLE labelled(const char *label)
{
	CK_ATTRIBUTE like[] = { A_BYTES(CKA_LABEL, label, strlen(label)) };
	CK_OBJECT_HANDLE o = 0;

	MUST(module_find(s, like, 1, &o) == 1);
	return o;
}

static CK_RV wrap_sensitive(const void *arg)
{
	const struct contest *c = arg;
	struct blob b;

	return moving_wrap(s, &moving_kwp, labelled(c->mover), moving_aes(s, M_TARGET, 32), &b);
}

static CK_RV open_readable(const void *arg)
{
	const struct contest *c = arg;
	CK_OBJECT_HANDLE back;

	return moving_unwrap(s, &moving_kwp, labelled(c->mover), &c->sealed, M_OPEN, CKK_AES,
			     &back);
}

static CK_RV show_block(const void *arg)
{
	const struct contest *c = arg;
	CK_OBJECT_HANDLE known;
	struct blob b;

	OK(moving_import(s, M_OPEN, CKK_AES, zeros, sizeof zeros, &known));
	return moving_wrap(s, &cbc, labelled(c->mover), known, &b);
}

static void race_for_roles(CK_RV (*other)(const void *), const char *label)
{
	CK_OBJECT_HANDLE by = moving_aes(s, M_MOVER | M_TOKEN, 32);
	struct contest c = { .mover = label };

	OK(module_set(s, by, (CK_ATTRIBUTE)A_BYTES(CKA_LABEL, label, strlen(label))));
	OK(moving_wrap(s, &moving_kwp, by, moving_aes(s, M_OPEN, 32), &c.sealed));
	MUST(pipe(gate) == 0);
	pid_t a = start_rival(CKU_USER, USER_PIN, wrap_sensitive, &c);
	pid_t b = start_rival(CKU_USER, USER_PIN, other, &c);

	let_them_go();
	bool wrapped = did_it(a);

	MUST(did_it(b) != wrapped);
}

static void of_two_roles_that_exclude_each_other_one_is_had(void **state)
{
	char label[32];

	(void)state;
	for (int i = 0; i < 4; i++) {
		snprintf(label, sizeof label, "mover %d", i);
		race_for_roles(i % 2 ? show_block : open_readable, label);
	}
}

static CK_RV set_old_pin(const void *arg)
{
	(void)arg;
	return p11->C_SetPIN(s, module_pin(USER_PIN), strlen(USER_PIN), module_pin("intruder"), 8);
}

static CK_RV reset_pin(const void *arg)
{
	(void)arg;
	return p11->C_InitPIN(s, module_pin("the new one"), 11);
}

/* The officer takes the PIN away from somebody who knows it and changes it at that moment. */
static void a_pin_that_the_officer_has_set_stays(void **state)
{
	(void)state;
	OK(p11->C_Logout(s));
	MUST(pipe(gate) == 0);
	pid_t thief = start_rival(CKU_USER, NULL, set_old_pin, NULL);
	pid_t officer = start_rival(CKU_SO, SO_PIN, reset_pin, NULL);

	let_them_go();
	MUST(did_it(officer));
	(void)did_it(thief);
	OK(module_login(s, CKU_USER, "the new one"));
}

#define CASE(test) cmocka_unit_test_setup_teardown(test, each_setup, each_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(a_key_that_has_shown_a_block_wraps_nothing_sensitive),
		CASE(a_nonce_of_ones_own_is_remembered),
		CASE(a_key_that_has_opened_a_chosen_block_wraps_nothing_sensitive),
		CASE(a_key_that_has_shown_nothing_goes_on),
		CASE(the_key_in_between_does_not_come_out),
		CASE(who_wraps_by_oaep_has_no_key_in_between),
		CASE(key_wrap_checks_what_the_standard_says_for_sensitive_keys),
		CASE(the_key_in_between_is_as_strong),
		CASE(the_officer_gives_a_mover_no_other_use),
		CASE(a_derived_key_wraps_nothing_sensitive_even_of_a_good_base),
		CASE(no_triple_des_key_is_derived),
		CASE(a_key_that_wants_a_login_each_time_does_not_lose_that),
		CASE(a_key_that_wants_a_login_each_time_derives_nothing),
		CASE(an_operation_with_a_key_that_all_see_ends_with_the_login),
		CASE(of_two_roles_that_exclude_each_other_one_is_had),
		CASE(a_pin_that_the_officer_has_set_stays),
	};

	return cmocka_run_group_tests(tests, module_setup, module_teardown);
}
