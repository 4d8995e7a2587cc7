/* What another process removes while C_WrapKey looks at it: copies of the wrapping key, and who is logged in. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/own.h"
#include "tests/lib/moving.h"

#define COPIES	96   /* of the private half, which a wrapping by the public one looks through */
#define ROUNDS	5000 /* wrappings in the time that the other process takes */
#define ANN	"ann"
#define ANN_PIN "annas pin"

static CK_SLOT_ID slot;
static CK_SESSION_HANDLE s;
static struct module_pair pair;
static CK_OBJECT_HANDLE key;

static CK_RV log_in_as_ann(void)
{
	return p11_3->C_LoginUser(s, CKU_USER, module_pin(ANN_PIN), strlen(ANN_PIN), module_pin(ANN), strlen(ANN));
}

static void make_keys(void)
{
	CK_MECHANISM m = { .mechanism = CKM_RSA_PKCS_KEY_PAIR_GEN };
	CK_ATTRIBUTE public[] = { A_BOOL(CKA_TOKEN, CK_TRUE), A_ULONG(CKA_MODULUS_BITS, 3072), A_BOOL(CKA_WRAP, CK_TRUE),
				  A_BOOL(CKA_VERIFY, CK_FALSE) };
	CK_ATTRIBUTE private[] = { A_BOOL(CKA_TOKEN, CK_TRUE), A_BOOL(CKA_UNWRAP, CK_TRUE), A_BOOL(CKA_SIGN, CK_FALSE),
				   A_BOOL(CKA_DECRYPT, CK_FALSE) };
	CK_ATTRIBUTE label = A_TEXT(CKA_LABEL, "copy");
	CK_OBJECT_HANDLE copy;

	OK(p11->C_GenerateKeyPair(s, &m, public, ARRAY_LEN(public), private, ARRAY_LEN(private), &pair.public,
				  &pair.private));
	(void)moving_aes(s, M_TOKEN | M_TARGET, 16);
	for (int i = 0; i < COPIES; i++)
		OK(moving_copy(s, pair.private, label, &copy));
}

/* In a token with the named user, who is logged in. */
static void make_all(void)
{
	struct inro_user ann = { .name = module_text(ANN), .type = CKU_USER, .pin = module_text(ANN_PIN) };
	CK_ATTRIBUTE secret[] = { A_ULONG(CKA_CLASS, CKO_SECRET_KEY) };

	s = module_user(&slot);
	make_keys();
	OK(p11->C_Logout(s));
	OK(module_login(s, CKU_SO, SO_PIN));
	OK(p11_admin->user_add(s, &ann));
	OK(p11->C_Logout(s));
	OK(log_in_as_ann());
	assert_int_equal(module_find(s, secret, 1, &key), 1);
}

static int set_up(void **state)
{
	(void)state;
	make_all();
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	OK(p11->C_CloseSession(s));
	return 0;
}

/* Until the other process is done, or a wrapping fails: what that gave, and the other's status. */
static CK_RV wrap_while(int (*other)(void), int *ret_status)
{
	pid_t pid = fork();
	struct blob b;
	CK_RV rv = CKR_OK;
	bool done = false;

	if (pid == 0)
		_exit(other());
	for (int i = 0; i < ROUNDS && rv == CKR_OK && !done; i++) {
		rv = moving_wrap(s, &moving_oaep, pair.public, key, &b);
		done = waitpid(pid, ret_status, WNOHANG) == pid;
	}
	if (!done)
		assert_int_equal(waitpid(pid, ret_status, 0), pid);
	return rv;
}

static CK_SESSION_HANDLE begin_elsewhere(CK_USER_TYPE user, const char *pin)
{
	CK_SESSION_HANDLE mine;

	OK(p11->C_Initialize(NULL));
	mine = module_open(slot, true);
	OK(module_login(mine, user, pin));
	return mine;
}

static int remove_copies(void)
{
	CK_SESSION_HANDLE mine = begin_elsewhere(CKU_USER, USER_PIN);
	CK_ATTRIBUTE like[] = { A_ULONG(CKA_CLASS, CKO_PRIVATE_KEY), A_TEXT(CKA_LABEL, "copy") };
	CK_OBJECT_HANDLE copies[COPIES];
	CK_ULONG n = 0;

	OK(p11->C_FindObjectsInit(mine, like, ARRAY_LEN(like)));
	OK(p11->C_FindObjects(mine, copies, COPIES, &n));
	OK(p11->C_FindObjectsFinal(mine));
	for (CK_ULONG i = 0; i < n; i++)
		OK(p11->C_DestroyObject(mine, copies[i]));
	OK(p11->C_Finalize(NULL));
	return n == COPIES ? 0 : 1;
}

/* Any of them does for a wrapping; that one is gone is no reason to refuse. */
static void copies_of_the_wrapping_key_go(void **state)
{
	CK_ATTRIBUTE like[] = { A_ULONG(CKA_CLASS, CKO_PRIVATE_KEY) };
	struct blob b;
	int status;

	(void)state;
	OK(wrap_while(remove_copies, &status));
	assert_int_equal(status, 0);
	assert_int_equal(module_find(s, like, 1, NULL), 1);
	OK(moving_wrap(s, &moving_oaep, pair.public, key, &b));
}

static int remove_ann(void)
{
	CK_SESSION_HANDLE mine = begin_elsewhere(CKU_SO, SO_PIN);

	OK(p11_admin->user_delete(mine, module_text(ANN)));
	OK(p11->C_Finalize(NULL));
	return 0;
}

/* From then on nothing is wrapped, wherever a wrapping just was. */
static void who_wraps_is_removed(void **state)
{
	struct blob b;
	CK_SESSION_INFO info;
	int status;
	CK_RV rv;

	(void)state;
	rv = wrap_while(remove_ann, &status);
	assert_int_equal(status, 0);
	if (rv == CKR_OK) { /* it was between two of them */
		module_wait_for_a_look();
		rv = moving_wrap(s, &moving_oaep, pair.public, key, &b);
	}
	assert_true(rv == CKR_USER_NOT_LOGGED_IN || rv == CKR_KEY_HANDLE_INVALID || rv == CKR_OBJECT_HANDLE_INVALID ||
		    rv == CKR_WRAPPING_KEY_HANDLE_INVALID);
	OK(p11->C_GetSessionInfo(s, &info));
	assert_int_equal(info.state, CKS_RW_PUBLIC_SESSION);
	assert_int_not_equal(moving_wrap(s, &moving_oaep, pair.public, key, &b), CKR_OK);
	GIVES(CKR_PIN_INCORRECT, log_in_as_ann());
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(copies_of_the_wrapping_key_go, set_up, tear_down),
		cmocka_unit_test_setup_teardown(who_wraps_is_removed, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, module_setup, module_teardown);
}
