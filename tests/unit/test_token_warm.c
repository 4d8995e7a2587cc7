/* Keys that many others were used after: kept cold (pkcs11/token/warm.h), and nobody can tell. */
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <cmocka.h>

#include "base/own.h"
#include "pkcs11/token/warm.h"
#include "tests/lib/moving.h"

#define KEYS (WARM_MAX + 40)

static struct module_pair pairs[KEYS];
static CK_SESSION_HANDLE session;

static int make_keys(void **state)
{
	int failed = module_setup(state);

	if (failed)
		return failed;
	session = module_user(NULL);
	for (size_t i = 0; i < KEYS; i++)
		pairs[i] = module_ec(session, true, false);
	return 0;
}

static void use_all(void)
{
	uint8_t sig[64];

	for (size_t i = 0; i < KEYS; i++) {
		OK(module_sign(session, pairs[i].private, sig));
		OK(module_verify(session, pairs[i].public, sig));
	}
}

static void every_key_goes_on(void **state)
{
	(void)state;
	use_all();
	use_all();
	for (size_t i = 0; i < KEYS; i++)
		assert_true(module_bool(session, pairs[i].private, CKA_SENSITIVE));
}

static void an_operation_ends_with_its_key(void **state)
{
	CK_MECHANISM m = { .mechanism = CKM_ECDSA_SHA256 };
	CK_SESSION_INFO info;
	CK_SESSION_HANDLE other;
	uint8_t text[] = "signed in two parts", sig[64];
	CK_ULONG n = sizeof sig;

	(void)state;
	OK(p11->C_GetSessionInfo(session, &info));
	other = module_open(info.slotID, false);
	OK(p11->C_SignInit(other, &m, pairs[3].private));
	OK(p11->C_SignUpdate(other, text, 9));
	use_all();
	OK(p11->C_SignUpdate(other, text + 9, sizeof text - 9));
	OK(p11->C_SignFinal(other, sig, &n));
	OK(p11->C_VerifyInit(other, &m, pairs[3].public));
	use_all();
	OK(p11->C_Verify(other, text, sizeof text, sig, n));
	OK(p11->C_CloseSession(other));
}

/* What one process has changed is read by all that hold the key cold, too. */
static void a_cold_key_is_changed(void **state)
{
	CK_OBJECT_HANDLE found = 0;

	(void)state;
	OK(module_set(session, pairs[0].private, (CK_ATTRIBUTE)A_TEXT(CKA_LABEL, "the first")));
	use_all();
	CK_ATTRIBUTE like[] = { A_TEXT(CKA_LABEL, "the first") };

	assert_int_equal(module_find(session, like, 1, &found), 1);
	assert_int_equal(found, pairs[0].private);
	OK(p11->C_DestroyObject(session, pairs[1].private));
	GIVES(CKR_OBJECT_HANDLE_INVALID, p11->C_DestroyObject(session, pairs[1].private));
}

/* The private half of a wrapping key is looked for among more keys than are kept warm. */
static void a_half_among_many(void **state)
{
	struct module_pair rsa = moving_rsa(session, 0);
	CK_OBJECT_HANDLE public, first = 0, copy = 0, back;
	CK_OBJECT_HANDLE key = moving_aes(session, M_TOKEN | M_TARGET, 16);
	CK_ATTRIBUTE token = A_BOOL(CKA_TOKEN, CK_TRUE);
	struct blob blob;

	(void)state;
	OK(moving_copy(session, rsa.public, token, &public));
	OK(moving_copy(session, rsa.private, token, &first));
	for (size_t i = 0; i < KEYS; i++)
		OK(moving_copy(session, rsa.private, token, &copy));
	OK(p11->C_DestroyObject(session, rsa.private));
	OK(moving_wrap(session, &moving_oaep, public, key, &blob));
	OK(moving_unwrap(session, &moving_oaep, first, &blob, M_TARGET, CKK_AES, &back));
	OK(moving_wrap(session, &moving_oaep, public, key, &blob));
	OK(moving_unwrap(session, &moving_oaep, copy, &blob, M_TARGET, CKK_AES, &back));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_key_goes_on),
		cmocka_unit_test(an_operation_ends_with_its_key),
		cmocka_unit_test(a_cold_key_is_changed),
		cmocka_unit_test(a_half_among_many),
	};

	return cmocka_run_group_tests(tests, make_keys, module_teardown);
}
