/* The module and processes: forks, others' changes, kills. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/own.h"
#include "tests/lib/module.h"
#include "tests/lib/scratch.h"
#include "tests/lib/victim.h"

static CK_SLOT_ID slot;
static CK_SESSION_HANDLE s;
static struct module_pair pair;

static int setup(void **state)
{
	if (module_setup(state))
		return 1;
	s = module_user(&slot);
	pair = module_ec(s, true, false);
	return 0;
}

/* ---- fork ---- */

static CK_OBJECT_HANDLE first(CK_SESSION_HANDLE session, CK_OBJECT_CLASS class)
{
	CK_OBJECT_HANDLE o = 0;

	MUST(module_find(session, (CK_ATTRIBUTE[]) { A_ULONG(CKA_CLASS, class) }, 1, &o) >= 1);
	return o;
}

static void start_anew_and_sign(void)
{
	CK_SESSION_HANDLE mine;
	uint8_t sig[64];

	GIVES(CKR_CRYPTOKI_NOT_INITIALIZED, module_sign(s, pair.private, sig));
	GIVES(CKR_CRYPTOKI_NOT_INITIALIZED, p11->C_CloseSession(s));
	GIVES(CKR_CRYPTOKI_NOT_INITIALIZED, p11->C_Finalize(NULL));
	OK(p11->C_Initialize(NULL));
	GIVES(CKR_SESSION_HANDLE_INVALID, module_sign(s, pair.private, sig));
	mine = module_open(slot, false);
	OK(module_login(mine, CKU_USER, USER_PIN));
	OK(module_sign(mine, first(mine, CKO_PRIVATE_KEY), sig));
	OK(module_verify(mine, first(mine, CKO_PUBLIC_KEY), sig));
}

static int grandchild(void *unused)
{
	(void)unused;
	start_anew_and_sign();
	OK(p11->C_Finalize(NULL));
	return 0;
}

static int child(void *depth)
{
	start_anew_and_sign();
	if (depth)
		MUST(scratch_child(grandchild, NULL) == 0);
	CK_SESSION_HANDLE more = module_open(slot, false);
	uint8_t sig[64];

	OK(module_sign(more, first(more, CKO_PRIVATE_KEY), sig));
	OK(p11->C_Finalize(NULL));
	OK(p11->C_Initialize(NULL));
	OK(p11->C_Finalize(NULL));
	return 0;
}

static void children_start_anew(void **state)
{
	uint8_t sig[64];

	(void)state;
	for (int i = 0; i < 3; i++) {
		assert_int_equal(scratch_child(child, i == 2 ? &slot : NULL), 0);
		OK(module_sign(s, pair.private, sig));
		OK(module_verify(s, pair.public, sig));
	}
}

static int leave_at_once(void *unused)
{
	(void)unused;
	return 7;
}

static void a_child_that_does_nothing_disturbs_nobody(void **state)
{
	uint8_t sig[64];

	(void)state;
	assert_int_equal(scratch_child(leave_at_once, NULL), 7);
	OK(module_sign(s, pair.private, sig));
	module_ec(s, true, false);
}

/* ---- others' changes ---- */

static int make_two_and_rename_one(void *unused)
{
	CK_SESSION_HANDLE mine;
	CK_OBJECT_HANDLE o;
	CK_ATTRIBUTE data[] = { A_ULONG(CKA_CLASS, CKO_DATA), A_BOOL(CKA_TOKEN, CK_TRUE),
				A_TEXT(CKA_LABEL, "of the child") };

	(void)unused;
	OK(p11->C_Initialize(NULL));
	mine = module_open(slot, true);
	OK(module_login(mine, CKU_USER, USER_PIN));
	OK(p11->C_CreateObject(mine, data, 3, &o));
	OK(p11->C_CreateObject(mine, data, 3, &o));
	MUST(module_find(mine, (CK_ATTRIBUTE[]) { A_TEXT(CKA_ID, "mine") }, 1, &o) == 1);
	OK(module_set(mine, o, (CK_ATTRIBUTE)A_TEXT(CKA_LABEL, "renamed")));
	OK(module_set(mine, o, (CK_ATTRIBUTE)A_BOOL(CKA_SIGN, CK_FALSE)));
	OK(p11->C_Finalize(NULL));
	return 0;
}

static int destroy_them(void *unused)
{
	CK_SESSION_HANDLE mine;
	CK_ATTRIBUTE like[] = { A_TEXT(CKA_LABEL, "of the child") };
	CK_OBJECT_HANDLE o;

	(void)unused;
	OK(p11->C_Initialize(NULL));
	mine = module_open(slot, true);
	while (module_find(mine, like, 1, &o) > 0)
		OK(p11->C_DestroyObject(mine, o));
	OK(p11->C_Finalize(NULL));
	return 0;
}

static void what_others_change_is_seen(void **state)
{
	struct module_pair p = module_ec(s, true, false);
	CK_ATTRIBUTE like[] = { A_TEXT(CKA_LABEL, "of the child") };
	CK_OBJECT_HANDLE o;
	CK_ULONG size;
	char label[16];
	uint8_t sig[64];

	(void)state;
	OK(module_set(s, p.private, (CK_ATTRIBUTE)A_TEXT(CKA_ID, "mine")));
	OK(module_sign(s, p.private, sig));
	assert_int_equal(scratch_child(make_two_and_rename_one, NULL), 0);
	assert_int_equal(module_find(s, like, 1, &o), 2);
	assert_int_equal(module_bytes(s, p.private, CKA_LABEL, label, sizeof label), 7);
	assert_memory_equal(label, "renamed", 7);
	GIVES(CKR_KEY_FUNCTION_NOT_PERMITTED, module_sign(s, p.private, sig));
	assert_int_equal(scratch_child(destroy_them, NULL), 0);
	module_wait_for_a_look();
	GIVES(CKR_OBJECT_HANDLE_INVALID, p11->C_GetObjectSize(s, o, &size));
	assert_int_equal(module_find(s, like, 1, &o), 0);
}

static int rename_often(void *name)
{
	CK_SESSION_HANDLE mine;
	CK_OBJECT_HANDLE o;

	OK(p11->C_Initialize(NULL));
	mine = module_open(slot, true);
	MUST(module_find(mine, (CK_ATTRIBUTE[]) { A_TEXT(CKA_APPLICATION, "shared") }, 1, &o) == 1);
	for (int i = 0; i < 30; i++)
		OK(module_set(mine, o, (CK_ATTRIBUTE)A_BYTES(CKA_LABEL, name, 4)));
	OK(p11->C_Finalize(NULL));
	return 0;
}

static void wait_all(const pid_t *pids, size_t n)
{
	int status;

	for (size_t i = 0; i < n; i++) {
		MUST(waitpid(pids[i], &status, 0) == pids[i]);
		MUST(status == 0);
	}
}

static void two_change_one_object(void **state)
{
	CK_ATTRIBUTE data[] = { A_ULONG(CKA_CLASS, CKO_DATA), A_BOOL(CKA_TOKEN, CK_TRUE),
				A_TEXT(CKA_APPLICATION, "shared") };
	static char names[2][5] = { "this", "that" };
	CK_OBJECT_HANDLE o;
	pid_t pids[2];

	(void)state;
	OK(p11->C_CreateObject(s, data, ARRAY_LEN(data), &o));
	for (size_t i = 0; i < 2; i++) {
		pids[i] = fork();
		if (pids[i] == 0)
			_exit(rename_often(i ? names[1] : names[0]));
	}
	wait_all(pids, 2);
}

/* All of them saw the same slot empty. */
static int init_a_token(CK_SLOT_ID empty, int number, int go)
{
	CK_SLOT_ID list[256];
	CK_ULONG n = ARRAY_LEN(list);
	CK_UTF8CHAR label[33] = "made by                         ";
	char byte;

	label[8] = (CK_UTF8CHAR)('0' + number);
	OK(p11->C_Initialize(NULL));
	OK(p11->C_GetSlotList(CK_TRUE, list, &n));
	MUST(list[n - 1] == empty);
	MUST(read(go, &byte, 1) == 0);
	OK(p11->C_InitToken(empty, module_pin(SO_PIN), 8, label));
	/* and finds its own token there, to go on with it */
	MUST(memcmp(module_info(empty).label, label, 32) == 0);
	CK_SESSION_HANDLE own = module_open(empty, true);
	CK_SESSION_INFO info;

	OK(p11->C_GetSessionInfo(own, &info));
	MUST(info.slotID == empty);
	OK(module_login(own, CKU_SO, SO_PIN));
	OK(p11->C_InitPIN(own, module_pin(USER_PIN), 6));
	n = ARRAY_LEN(list);
	OK(p11->C_GetSlotList(CK_TRUE, list, &n));
	int mine = 0;

	for (CK_ULONG i = 0; i + 1 < n; i++)
		mine += memcmp(module_info(list[i]).label, label, 32) == 0;
	MUST(mine == 1);
	OK(p11->C_Finalize(NULL));
	return 0;
}

static CK_SLOT_ID last_slot(void)
{
	CK_SLOT_ID list[256];
	CK_ULONG n = ARRAY_LEN(list);

	OK(p11->C_GetSlotList(CK_TRUE, list, &n));
	return list[n - 1];
}

static bool is_listed(CK_SLOT_ID which)
{
	CK_SLOT_ID list[256];
	CK_ULONG n = ARRAY_LEN(list), found = 0;

	OK(p11->C_GetSlotList(CK_TRUE, list, &n));
	for (CK_ULONG i = 0; i < n; i++)
		found += list[i] == which;
	return found > 0;
}

static int make_theirs(void *unused)
{
	(void)unused;
	OK(p11->C_Initialize(NULL));
	(void)module_token("theirs");
	OK(p11->C_Finalize(NULL));
	return 0;
}

static int destroy_theirs(void *which)
{
	OK(p11->C_Initialize(NULL));
	OK(p11_admin->destroy(*(CK_SLOT_ID *)which, module_text(SO_PIN)));
	OK(p11->C_Finalize(NULL));
	return 0;
}

/* Also for who has looked into the next slot before, and when the other token is gone again. */
static void exchanged_slots_stay_so(void **state)
{
	CK_UTF8CHAR label[33] = "ours                            ";
	CK_SLOT_ID empty = last_slot(), next = empty + 1, made = 0;
	const struct inro_new_token same = { .label = module_text("ours"),
					     .so_pin = module_text(SO_PIN),
					     .user_pin = module_text(USER_PIN) };

	(void)state;
	assert_int_equal(scratch_child(make_theirs, NULL), 0);
	nanosleep(&(struct timespec) { .tv_nsec = 30000000 }, NULL);
	assert_int_equal(module_info(next).flags & CKF_TOKEN_INITIALIZED, 0);
	OK(p11->C_InitToken(empty, module_pin(SO_PIN), 8, label));
	assert_memory_equal(module_info(empty).label, label, 32);
	assert_memory_equal(module_info(next).label, "theirs ", 7);
	assert_true(is_listed(empty) && is_listed(next));
	assert_int_equal(scratch_child(destroy_theirs, &empty), 0);
	nanosleep(&(struct timespec) { .tv_nsec = 60000000 }, NULL);
	assert_true(is_listed(empty));
	assert_false(is_listed(next));
	assert_memory_equal(module_info(empty).label, label, 32);
	/* its label is taken, whatever number its file has */
	GIVES(CKR_ACTION_PROHIBITED, p11_admin->create(&same, &made));
	OK(p11_admin->destroy(empty, module_text(SO_PIN)));
}

/* None initialises another's new token away, none is refused. */
static void several_make_tokens_at_once(void **state)
{
	CK_SLOT_ID list[256];
	CK_ULONG before = ARRAY_LEN(list), after = 0;
	pid_t pids[4];
	int go[2];

	(void)state;
	OK(p11->C_GetSlotList(CK_TRUE, list, &before));
	assert_int_equal(pipe(go), 0);
	for (size_t i = 0; i < ARRAY_LEN(pids); i++) {
		pids[i] = fork();
		if (pids[i] == 0) {
			close(go[1]);
			_exit(init_a_token(list[before - 1], (int)i, go[0]));
		}
	}
	sleep(1); /* all have listed */
	close(go[0]);
	close(go[1]);
	wait_all(pids, ARRAY_LEN(pids));
	OK(p11->C_GetSlotList(CK_TRUE, NULL, &after));
	assert_int_equal(after, before + ARRAY_LEN(pids));
}

static void make_pairs_for_ever(int fd, CK_SLOT_ID where)
{
	CK_SESSION_HANDLE mine;

	OK(p11->C_Initialize(NULL));
	mine = module_open(where, true);
	OK(module_login(mine, CKU_USER, USER_PIN));
	for (;;) {
		module_ec(mine, true, false);
		MUST(write(fd, "k", 1) == 1);
	}
}

static CK_ULONG kill_a_maker(CK_SLOT_ID where, int round)
{
	CK_ULONG told = 0;
	int ends[2], status;
	char c;

	MUST(pipe2(ends, O_CLOEXEC) == 0);
	pid_t pid = fork();

	if (pid == 0)
		make_pairs_for_ever(ends[1], where);
	close(ends[1]);
	MUST(read(ends[0], &c, 1) == 1);
	nanosleep(&(struct timespec) { .tv_nsec = 1000000 + round * 370000 }, NULL);
	kill(pid, SIGKILL);
	for (told = 1; read(ends[0], &c, 1) == 1;)
		told++;
	close(ends[0]);
	MUST(waitpid(pid, &status, 0) == pid && WIFSIGNALED(status));
	return told;
}

static void kills_lose_nothing_that_was_told(void **state)
{
	CK_SLOT_ID where = module_token(NULL);
	CK_ATTRIBUTE private[] = { A_ULONG(CKA_CLASS, CKO_PRIVATE_KEY) };
	CK_ATTRIBUTE public[] = { A_ULONG(CKA_CLASS, CKO_PUBLIC_KEY) };
	CK_SESSION_HANDLE mine = module_open(where, false);
	CK_ULONG told = 0, there;

	(void)state;
	OK(module_login(mine, CKU_USER, USER_PIN));
	for (int i = 0; i < 10; i++) {
		told += kill_a_maker(where, i);
		there = module_find(mine, private, 1, NULL);
		assert_true(there >= told);
		assert_true(there <= told + (CK_ULONG)i + 1); /* made, but not told any more */
		assert_int_equal(there, module_find(mine, public, 1, NULL));
	}
	OK(p11->C_CloseSession(mine));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(children_start_anew),
		cmocka_unit_test(a_child_that_does_nothing_disturbs_nobody),
		cmocka_unit_test(what_others_change_is_seen),
		cmocka_unit_test(two_change_one_object),
		cmocka_unit_test(several_make_tokens_at_once),
		cmocka_unit_test(exchanged_slots_stay_so),
		cmocka_unit_test(kills_lose_nothing_that_was_told),
	};

	return cmocka_run_group_tests_name("token processes", tests, setup, module_teardown);
}
