/* The module's vendor interface: tokens made, described, removed, saved and brought back. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/file.h"
#include "base/own.h"
#include "tests/lib/module.h"
#include "tests/lib/raw_sql.h"
#include "tests/lib/scratch.h"

static struct inro_new_token plan(const char *label)
{
	return (struct inro_new_token) { .label = module_text(label),
					 .so_pin = module_text(SO_PIN),
					 .user_pin = module_text(USER_PIN) };
}

static CK_ULONG slots(void)
{
	CK_ULONG n = 0;

	OK(p11->C_GetSlotList(CK_TRUE, NULL, &n));
	return n;
}

/* Everything in the folder of tokens, so that nothing is left behind unseen. */
static size_t files(void)
{
	return scratch_entries(scratch_path("home/tokens"));
}

static void a_token_is_made_whole(void **state)
{
	struct inro_new_token t = plan("made");
	struct inro_token_status st;
	CK_SLOT_ID slot = 0, other = 0;
	struct stat file;

	(void)state;
	OK(p11_admin->create(&t, &slot));
	CK_TOKEN_INFO info = module_info(slot);

	assert_memory_equal(info.label, "made                            ", 32);
	assert_int_equal(info.flags & (CKF_TOKEN_INITIALIZED | CKF_USER_PIN_INITIALIZED |
				       CKF_LOGIN_REQUIRED | CKF_RNG),
			 CKF_TOKEN_INITIALIZED | CKF_USER_PIN_INITIALIZED | CKF_LOGIN_REQUIRED |
				 CKF_RNG);
	OK(p11_admin->status(slot, &st));
	assert_string_equal(st.backend, "soft");
	assert_string_equal(st.path, module_token_file(slot));
	assert_int_equal(st.tries_left_user, st.tries_max);
	assert_int_equal(st.tries_left_so, st.tries_max);
	assert_int_equal(st.objects, 0);
	assert_int_equal(stat(st.path, &file), 0);
	assert_int_equal(file.st_mode & 0777, 0600);
	GIVES(CKR_ACTION_PROHIBITED, p11_admin->create(&t, &other));
	assert_non_null(strstr(p11_admin->last_error(), "made"));
	assert_int_equal(other, 0);
}

static void what_can_not_be_made(void **state)
{
	struct inro_new_token t;
	CK_SLOT_ID slot = 0;
	CK_ULONG before = slots();
	size_t left = files();
	static const char *const labels[] = { "", "123456789012345678901234567890123", "a\nb",
					      "ends with a blank " };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(labels); i++) {
		t = plan(labels[i]);
		GIVES(CKR_ARGUMENTS_BAD, p11_admin->create(&t, &slot));
	}
	t = plan("short-pin");
	t.user_pin.n = 3;
	GIVES(CKR_PIN_LEN_RANGE, p11_admin->create(&t, &slot));
	t = plan("no-pin");
	t.so_pin = (struct inro_text) { 0 };
	GIVES(CKR_PIN_LEN_RANGE, p11_admin->create(&t, &slot));
	t = plan("null-pin");
	t.so_pin.p = NULL;
	GIVES(CKR_ARGUMENTS_BAD, p11_admin->create(&t, &slot));
	t = plan("no-such-backend");
	t.backend = module_text("hardware");
	assert_true(p11_admin->create(&t, &slot) != CKR_OK);
	GIVES(CKR_ARGUMENTS_BAD, p11_admin->create(NULL, &slot));
	GIVES(CKR_ARGUMENTS_BAD, p11_admin->create(&t, NULL));
	assert_int_equal(slots(), before);
	assert_int_equal(files(), left);
}

static void a_token_is_removed_with_its_pin_only(void **state)
{
	CK_SLOT_ID slot, next;
	CK_SESSION_HANDLE s = module_user(&slot);
	struct inro_token_status st;
	CK_TOKEN_INFO info;

	(void)state;
	module_ec(s, true, false);
	GIVES(CKR_SESSION_EXISTS, p11_admin->destroy(slot, module_text(SO_PIN)));
	OK(p11->C_CloseSession(s));
	GIVES(CKR_PIN_INCORRECT, p11_admin->destroy(slot, module_text("wrong-one")));
	GIVES(CKR_ARGUMENTS_BAD, p11_admin->destroy(slot, (struct inro_text) { NULL, 8 }));
	OK(p11_admin->status(slot, &st));
	assert_int_equal(st.tries_left_so, st.tries_max - 1);
	assert_int_equal(st.objects, 2);
	OK(p11_admin->destroy(slot, module_text(SO_PIN)));
	GIVES(CKR_SLOT_ID_INVALID, p11->C_GetTokenInfo(slot, &info));
	GIVES(CKR_SLOT_ID_INVALID, p11_admin->destroy(slot, module_text(SO_PIN)));
	GIVES(CKR_SLOT_ID_INVALID, p11->C_OpenSession(slot, CKF_SERIAL_SESSION, NULL, NULL, &s));
	next = module_token(NULL); /* a slot id does not come back */
	assert_true(next > slot);
}

/* A remover that was killed half way: the file without its token is one that is gone. */
static void half_removed_is_removed(void **state)
{
	CK_SLOT_ID slot = module_token("half"), slot2 = module_token("half-2"), next;
	CK_UTF8CHAR label[33] = "anew                            ";
	CK_TOKEN_INFO info;
	CK_SESSION_HANDLE s;

	(void)state;
	raw_sql(module_token_file(slot), "DELETE FROM object; DELETE FROM token");
	raw_sql(module_token_file(slot2), "DELETE FROM object; DELETE FROM token");
	OK(p11->C_GetTokenInfo(slot, &info));
	assert_int_equal(info.flags & CKF_TOKEN_INITIALIZED, 0);
	GIVES(CKR_TOKEN_NOT_PRESENT, p11->C_OpenSession(slot, CKF_SERIAL_SESSION, NULL, NULL, &s));
	OK(p11->C_InitToken(slot, module_pin(SO_PIN), 8, label));
	assert_memory_equal(module_info(slot).label, "anew ", 5);
	next = module_token("half-2");
	assert_true(next > slot2);
	assert_int_not_equal(access(module_token_file(slot2), F_OK), 0);
	OK(p11_admin->destroy(slot, module_text(SO_PIN)));
}

static int use_until_removed(void *slot)
{
	CK_SESSION_HANDLE s;
	CK_ATTRIBUTE t[] = { A_ULONG(CKA_CLASS, CKO_DATA), A_BOOL(CKA_TOKEN, CK_TRUE) };
	CK_OBJECT_HANDLE o;
	CK_RV rv;

	OK(p11->C_Initialize(NULL));
	s = module_open(*(CK_SLOT_ID *)slot, true);
	OK(module_login(s, CKU_USER, USER_PIN));
	OK(p11->C_CreateObject(s, t, 2, &o));
	do
		rv = p11->C_CreateObject(s, t, 2, &o);
	while (rv == CKR_OK);
	MUST(rv == CKR_TOKEN_NOT_PRESENT || rv == CKR_USER_NOT_LOGGED_IN);
	MUST(p11->C_CreateObject(s, t, 2, &o) != CKR_OK);
	OK(p11->C_Finalize(NULL));
	return 0;
}

static void wait_for_object(CK_SLOT_ID slot)
{
	struct inro_token_status st;

	do
		OK(p11_admin->status(slot, &st));
	while (st.objects == 0);
}

/* Another process has it open: nothing that it is told to have written is lost with the file. */
static void removed_under_anothers_hands(void **state)
{
	CK_SLOT_ID slot = module_token(NULL);
	int status;
	pid_t pid;

	(void)state;
	pid = fork();
	if (pid == 0)
		_exit(use_until_removed(&slot));
	wait_for_object(slot);
	OK(p11_admin->destroy(slot, module_text(SO_PIN)));
	waitpid(pid, &status, 0);
	assert_int_equal(status, 0);
}

static void initialised_anew_under_anothers_hands(void **state)
{
	CK_SLOT_ID slot = module_token("again");
	CK_UTF8CHAR label[33] = "again                           ";
	struct inro_token_status st;
	int status;
	pid_t pid;

	(void)state;
	pid = fork();
	if (pid == 0)
		_exit(use_until_removed(&slot));
	wait_for_object(slot);
	GIVES(CKR_PIN_INCORRECT, p11->C_InitToken(slot, module_pin("wrong-pin"), 9, label));
	OK(p11->C_InitToken(slot, module_pin(SO_PIN), 8, label));
	waitpid(pid, &status, 0);
	assert_int_equal(status, 0);
	OK(p11_admin->status(slot, &st));
	assert_int_equal(st.objects, 0);
	assert_int_equal(module_info(slot).flags & CKF_USER_PIN_INITIALIZED, 0);
}

/* The token of software has no TPM, and says so of everything that wants one. */
static void a_token_of_software_has_no_tpm(void **state)
{
	CK_SLOT_ID slot;
	CK_SESSION_HANDLE s = module_user(&slot);
	struct module_pair p = module_ec(s, true, false);
	struct inro_wrapped wrapped = { module_text("file"), module_text("") };
	CK_ATTRIBUTE kind[] = { A_ULONG(CKA_CLASS, CKO_PRIVATE_KEY),
				A_ULONG(CKA_KEY_TYPE, CKK_EC) };
	CK_ATTRIBUTE bits[] = { A_ULONG(CKA_VALUE_LEN, 16), A_ULONG(CKA_INRO_PLACE, 0) };
	CK_ATTRIBUTE evidence = { CKA_INRO_EVIDENCE, NULL, 0 };
	CK_MECHANISM aes = { CKM_AES_KEY_GEN, NULL, 0 };
	CK_OBJECT_HANDLE o;
	uint8_t out[64];
	CK_ULONG n = sizeof out;

	(void)state;
	assert_true(p11_admin->version.minor >= 2);
	GIVES(CKR_FUNCTION_NOT_SUPPORTED,
	      p11_admin->attest(s, p.private, module_text("12345678"), out, &n));
	for (CK_ULONG fact = 0; fact < 3; fact++)
		GIVES(CKR_FUNCTION_NOT_SUPPORTED, p11_admin->tell(slot, fact, out, &n));
	GIVES(CKR_ARGUMENTS_BAD, p11_admin->tell(slot, 3, out, &n));
	GIVES(CKR_FUNCTION_NOT_SUPPORTED, p11_admin->answer(slot, module_text("x"), out, &n));
	GIVES(CKR_FUNCTION_NOT_SUPPORTED, p11_admin->take(s, &wrapped, kind, 2, &o));
	GIVES(CKR_FUNCTION_NOT_SUPPORTED,
	      p11_admin->give(s, p.private, module_text(""), module_text(""), out, &n));
	assert_int_equal(module_ulong(s, p.private, CKA_INRO_PLACE), CK_INRO_PLACE_SOFT);
	GIVES(CKR_ATTRIBUTE_TYPE_INVALID, p11->C_GetAttributeValue(s, p.private, &evidence, 1));
	GIVES(CKR_ATTRIBUTE_VALUE_INVALID, p11->C_GenerateKey(s, &aes, bits, 2, &o));
	bits[1] = (CK_ATTRIBUTE)A_ULONG(CKA_INRO_PLACE, CK_INRO_PLACE_TPM);
	GIVES(CKR_FUNCTION_NOT_SUPPORTED, p11->C_GenerateKey(s, &aes, bits, 2, &o));
	bits[1] = (CK_ATTRIBUTE)A_BOOL(CKA_INRO_DUPLICABLE, CK_TRUE);
	GIVES(CKR_FUNCTION_NOT_SUPPORTED, p11->C_GenerateKey(s, &aes, bits, 2, &o));
	bits[1] = (CK_ATTRIBUTE)A_ULONG(CKA_INRO_PLACE, CK_INRO_PLACE_SOFT);
	OK(p11->C_GenerateKey(s, &aes, bits, 2, &o));
	OK(p11->C_CloseSession(s));
}

static void rebuilt_only_where_the_pin_opens_it(void **state)
{
	CK_SLOT_ID slot, back = 0;
	CK_SESSION_HANDLE s = module_user(&slot);
	struct inro_text path, word = module_text("a passphrase");
	char name[512];

	(void)state;
	snprintf(name, sizeof name, "%s", scratch_path("token.saved"));
	path = module_text(name);
	OK(p11->C_CloseSession(s));
	OK(p11_admin->save(slot, path, word));
	OK(p11_admin->destroy(slot, module_text(SO_PIN)));
	CK_ULONG before = slots();
	size_t left = files();

	GIVES(CKR_PIN_INCORRECT, p11_admin->rebuild(path, word, module_text("wrong-pin"), &back));
	GIVES(CKR_ARGUMENTS_BAD, p11_admin->rebuild(path, word, module_text(""), &back));
	assert_int_equal(slots(), before);
	assert_int_equal(files(), left);
	OK(p11_admin->rebuild(path, word, module_text(USER_PIN), &back));
	s = module_open(back, false);
	OK(module_login(s, CKU_USER, USER_PIN));
	OK(p11->C_CloseSession(s));
}

static void saved_while_in_use_and_brought_back(void **state)
{
	CK_SLOT_ID slot, back = 0;
	CK_SESSION_HANDLE s = module_user(&slot);
	struct module_pair p = module_ec(s, true, false);
	char path[512];
	uint8_t sig[64];

	(void)state;
	snprintf(path, sizeof path, "%s", scratch_path("token.backup"));
	OK(p11_admin->backup(slot, module_text(path)));
	GIVES(CKR_ACTION_PROHIBITED, p11_admin->backup(slot, module_text(path)));
	assert_true(p11_admin->backup(slot, module_text("/no/such/folder/x")) != CKR_OK);
	GIVES(CKR_ARGUMENTS_BAD, p11_admin->backup(slot, (struct inro_text) { NULL, 3 }));
	GIVES(CKR_ARGUMENTS_BAD, p11_admin->backup(slot, (struct inro_text) { "a\0b", 3 }));
	OK(module_sign(s, p.private, sig));
	OK(p11->C_CloseSession(s));
	/* beside itself it may not be */
	CK_ULONG before = slots();
	size_t left = files();

	GIVES(CKR_ACTION_PROHIBITED, p11_admin->restore(module_text(path), &back));
	assert_int_equal(slots(), before);
	assert_int_equal(files(), left);
	OK(p11_admin->destroy(slot, module_text(SO_PIN)));
	OK(p11_admin->restore(module_text(path), &back));
	assert_true(back > slot);
	s = module_open(back, true);
	OK(module_login(s, CKU_USER, USER_PIN));
	CK_ATTRIBUTE any[] = { A_ULONG(CKA_CLASS, CKO_PRIVATE_KEY) };
	CK_ATTRIBUTE half[] = { A_ULONG(CKA_CLASS, CKO_PUBLIC_KEY) };

	assert_int_equal(module_find(s, any, 1, &p.private), 1);
	assert_int_equal(module_find(s, half, 1, &p.public), 1);
	OK(module_verify(s, p.public, sig));
	OK(module_sign(s, p.private, sig));
	OK(module_verify(s, p.public, sig));
	OK(p11->C_CloseSession(s));
	unlink(path);
}

static void bad_backups_leave_nothing(void **state)
{
	CK_SLOT_ID slot = module_token(NULL), back = 0;
	static uint8_t all[1 << 20];
	char path[512];
	CK_ULONG before;
	size_t left;
	size_t n;

	(void)state;
	snprintf(path, sizeof path, "%s", scratch_path("whole.backup"));
	OK(p11_admin->backup(slot, module_text(path)));
	OK(p11_admin->destroy(slot, module_text(SO_PIN)));
	FILE *f = fopen(path, "rbe");

	MUST(f);
	n = fread(all, 1, sizeof all, f);
	fclose(f);
	before = slots();
	left = files();
	const char *bad[] = {
		scratch_file("empty", "", 0),
		scratch_file("text", "not a token\n", 12),
		scratch_file("cut", all, n / 2),
		scratch_file("head", all, 100),
	};

	memset(all + n / 2, 0x55, n / 4);
	const char *scribbled = scratch_file("scribbled", all, n);

	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		assert_true(p11_admin->restore(module_text(bad[i]), &back) != CKR_OK);
	assert_true(p11_admin->restore(module_text(scribbled), &back) != CKR_OK);
	assert_true(p11_admin->restore(module_text("/nowhere"), &back) != CKR_OK);
	assert_true(p11_admin->restore(module_text("/dev/zero"), &back) != CKR_OK);
	GIVES(CKR_ARGUMENTS_BAD, p11_admin->restore(module_text(""), &back));
	assert_int_equal(back, 0);
	assert_int_equal(slots(), before);
	assert_int_equal(files(), left);
	OK(p11_admin->restore(module_text(path), &back));
}

static void not_before_initialize(void **state)
{
	struct inro_new_token t = plan("early");
	struct inro_token_status st;
	CK_SLOT_ID slot;

	(void)state;
	OK(p11->C_Finalize(NULL));
	GIVES(CKR_CRYPTOKI_NOT_INITIALIZED, p11_admin->create(&t, &slot));
	GIVES(CKR_CRYPTOKI_NOT_INITIALIZED, p11_admin->destroy(1, module_text(SO_PIN)));
	GIVES(CKR_CRYPTOKI_NOT_INITIALIZED, p11_admin->status(1, &st));
	GIVES(CKR_CRYPTOKI_NOT_INITIALIZED, p11_admin->backup(1, module_text("x")));
	GIVES(CKR_CRYPTOKI_NOT_INITIALIZED, p11_admin->restore(module_text("x"), &slot));
	OK(p11->C_Initialize(NULL));
	GIVES(CKR_ARGUMENTS_BAD, p11_admin->status(1, NULL));
}

#define CROWD	    60
#define DESCRIPTORS 100 /* less than three a token */

static void crowd(CK_SLOT_ID first, bool there)
{
	SCOPED(buf) file = { 0 };

	assert_int_equal(file_read(module_token_file(first), BUF_MAX, &file), INRO_OK);
	for (CK_SLOT_ID i = 1; i <= CROWD; i++) {
		const char *path = module_token_file(first + i);

		if (there)
			assert_int_equal(file_write(path, 0600, buf_bytes(&file)), INRO_OK);
		else
			assert_int_equal(unlink(path), 0);
	}
}

/* Looking at tokens must not keep them all open, nor a shortage let a label be taken twice. */
static void many_tokens_need_few_descriptors(void **state)
{
	struct inro_new_token again = plan("crowd");
	CK_SLOT_ID slot = module_token("crowd"), other;
	struct rlimit limit, low;

	(void)state;
	crowd(slot, true);
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
	low = limit;
	low.rlim_cur = DESCRIPTORS;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &low), 0);
	for (CK_SLOT_ID i = 0; i <= CROWD; i++)
		MUST(module_info(slot + i).flags & CKF_TOKEN_INITIALIZED);
	GIVES(CKR_ACTION_PROHIBITED, p11_admin->create(&again, &other));
	/* What is in use stays as it is while others are looked at. */
	CK_SESSION_HANDLE s = module_open(slot, true);

	OK(module_login(s, CKU_USER, USER_PIN));
	for (CK_SLOT_ID i = 0; i <= CROWD; i++)
		MUST(module_info(slot + i).flags & CKF_TOKEN_INITIALIZED);
	(void)module_ec(s, true, false);
	OK(p11->C_CloseSession(s));
	/* A shortage is told as what it is: no label is thought free because nothing can be read.
	 */
	low.rlim_cur = 0;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &low), 0);
	MUST(p11_admin->create(&again, &other) != CKR_OK);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
	crowd(slot, false);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_token_is_made_whole),
		cmocka_unit_test(what_can_not_be_made),
		cmocka_unit_test(a_token_is_removed_with_its_pin_only),
		cmocka_unit_test(half_removed_is_removed),
		cmocka_unit_test(removed_under_anothers_hands),
		cmocka_unit_test(initialised_anew_under_anothers_hands),
		cmocka_unit_test(a_token_of_software_has_no_tpm),
		cmocka_unit_test(rebuilt_only_where_the_pin_opens_it),
		cmocka_unit_test(saved_while_in_use_and_brought_back),
		cmocka_unit_test(bad_backups_leave_nothing),
		cmocka_unit_test(many_tokens_need_few_descriptors),
		cmocka_unit_test(not_before_initialize),
	};

	return cmocka_run_group_tests_name("token administration", tests, module_setup,
					   module_teardown);
}
