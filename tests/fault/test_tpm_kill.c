/*
 * kill -9 at any moment of what is done with a TPM.
 *
 * Afterwards the token opens with its PIN, and the TPM holds nothing of ours once somebody has used
 * it again; indices of a token that was not finished are gone when the next one is made.
 */
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
#include "tests/lib/tpmtoken.h"

#ifdef __SANITIZE_ADDRESS__
#define ROUNDS 4
#else
#define ROUNDS 25
#endif

#define PIN_A USER_PIN
#define PIN_B "second PIN"

static CK_SLOT_ID slot;
static const char *pin = PIN_A;

/* ---- the child ---- */

typedef void deed(CK_SESSION_HANDLE mine);

static void sign(CK_SESSION_HANDLE mine)
{
	CK_OBJECT_HANDLE key;
	uint8_t sig[64];

	MUST(module_find(mine, &(CK_ATTRIBUTE)A_ULONG(CKA_CLASS, CKO_PRIVATE_KEY), 1, &key) >= 1);
	OK(module_sign(mine, key, sig));
}

static void log_in(CK_SESSION_HANDLE mine)
{
	OK(p11->C_Logout(mine));
	OK(module_login(mine, CKU_USER, pin));
}

static void generate(CK_SESSION_HANDLE mine)
{
	tpmtoken_pair(mine);
}

static void change_pin(CK_SESSION_HANDLE mine)
{
	const char *other = strcmp(pin, PIN_A) == 0 ? PIN_B : PIN_A;

	OK(p11->C_SetPIN(mine, module_pin(pin), strlen(pin), module_pin(other), strlen(other)));
	pin = other;
}

static void come_and_go(CK_SESSION_HANDLE mine)
{
	static bool officer;
	const struct inro_user ann = { .name = module_text("ann"),
				       .type = CKU_USER,
				       .pin = module_text("a PIN of her own") };

	if (!officer) {
		OK(p11->C_Logout(mine));
		OK(module_login(mine, CKU_SO, SO_PIN));
		officer = true;
	}
	if (p11_admin->user_add(mine, &ann) != CKR_OK) /* of who was killed before */
		OK(p11_admin->user_delete(mine, ann.name));
}

static void make_token(CK_SESSION_HANDLE mine)
{
	(void)mine;
	tpmtoken_new(tpmcase_tcti());
}

static _Noreturn void again_and_again(int told, deed *what)
{
	CK_SESSION_HANDLE mine;

	alarm(60);
	OK(p11->C_Initialize(NULL));
	mine = module_open(slot, true);
	OK(module_login(mine, CKU_USER, pin));
	MUST(write(told, "k", 1) == 1);
	for (;;)
		what(mine);
}

static void kill_in(deed *what, long us)
{
	int ends[2], status;
	pid_t pid;
	char c;

	MUST(pipe2(ends, O_CLOEXEC) == 0);
	pid = fork();
	if (pid == 0)
		again_and_again(ends[1], what);
	close(ends[1]);
	MUST(read(ends[0], &c, 1) == 1);
	close(ends[0]);
	nanosleep(&(struct timespec) { .tv_sec = us / 1000000, .tv_nsec = us % 1000000 * 1000 },
		  NULL);
	kill(pid, SIGKILL);
	MUST(waitpid(pid, &status, 0) == pid && WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
}

/* ---- what is found afterwards ---- */

static bool opens(const char *with)
{
	CK_SESSION_HANDLE s = module_open(slot, true);
	CK_RV rv = module_login(s, CKU_USER, with);
	struct module_pair p = { 0 };

	MUST(rv == CKR_OK || rv == CKR_PIN_INCORRECT);
	if (!rv) {
		sign(s);
		p = module_ec(s, false, false);
		tpmtoken_use(s, p);
	}
	OK(p11->C_CloseSession(s));
	return !rv;
}

static void which_is_it(void)
{
	if (opens(PIN_A))
		pin = PIN_A;
	else if (opens(PIN_B))
		pin = PIN_B;
	else
		fail_msg("neither PIN opens it: %s", p11_admin->last_error());
}

static void look(void)
{
	struct inro_check found;

	OK(p11->C_Initialize(NULL));
	which_is_it();
	OK(p11_admin->check(slot, module_text(pin), &found));
	assert_int_equal(found.damaged, 0);
	OK(p11->C_Finalize(NULL));
	if (tpmcase)
		assert_int_equal(swtpm_left_behind(tpmcase), 0);
}

static void killed_in(deed *what, long us)
{
	module_load();
	OK(p11->C_Initialize(NULL));
	tpmtoken_pair(tpmtoken_start(tpmcase_tcti(), &slot));
	OK(p11->C_Finalize(NULL));
	pin = PIN_A;
	for (long i = 0; i < ROUNDS; i++) {
		kill_in(what, 1 + i * 7919 * 37 % (2 * us));
		look();
	}
}

static void signing(void **state)
{
	(void)state;
	killed_in(sign, 1000);
}

static void logging_in(void **state)
{
	(void)state;
	killed_in(log_in, 5000);
}

static void generating(void **state)
{
	(void)state;
	killed_in(generate, 10000);
}

static void changing_the_pin(void **state)
{
	(void)state;
	killed_in(change_pin, 20000);
}

/* An index for each who is on record, when somebody has made a token since. */
static void users(void **state)
{
	CK_ULONG there = 0;

	(void)state;
	killed_in(come_and_go, 60000);
	OK(p11->C_Initialize(NULL));
	tpmtoken_new(tpmcase_tcti());
	OK(p11_admin->user_list(slot, NULL, &there));
	OK(p11->C_Finalize(NULL));
	assert_int_equal(swtpm_count(tpmcase, SWTPM_NV), 4 + there);
}

/* ---- a token that was not finished ---- */

/* Every token that can be seen is whole. */
static void all_open(unsigned expected)
{
	CK_SLOT_ID all[512];
	CK_ULONG n = ARRAY_LEN(all);
	unsigned in_this_one = 0;

	OK(p11->C_Initialize(NULL));
	OK(p11->C_GetSlotList(CK_TRUE, all, &n));
	for (CK_ULONG i = 0; i < n; i++) {
		struct inro_check found;

		/* of another TPM, which is gone, or the place for a new one */
		if (all[i] < slot || !(module_info(all[i]).flags & CKF_TOKEN_INITIALIZED))
			continue;
		OK(p11_admin->check(all[i], module_text(PIN_A), &found));
		assert_int_equal(found.damaged, 0);
		in_this_one++;
	}
	assert_int_equal(in_this_one, expected);
	OK(p11->C_Finalize(NULL));
}

/* Two indices a token: the SO's and the user's. */
static void making_a_token(void **state)
{
	unsigned before = tpmtoken_files(), made;
	uint32_t indices;

	(void)state;
	killed_in(make_token, 60000);
	for (long us = 120000; tpmtoken_files() - before < 2 && us < 8000000; us *= 2) {
		kill_in(make_token, us); /* on a machine that is busy */
		look();
	}
	made = tpmtoken_files() - before;
	assert_true(made > 1);
	all_open(made);
	indices = swtpm_count(tpmcase, SWTPM_NV);
	assert_true(indices >= 2 * made && indices <= 2 * (made + 1)); /* of the last one */
	OK(p11->C_Initialize(NULL));
	tpmtoken_new(tpmcase_tcti());
	OK(p11->C_Finalize(NULL));
	assert_int_equal(swtpm_count(tpmcase, SWTPM_NV), 2 * (made + 1));
}

#define BOTH(f)                                                                                    \
	cmocka_unit_test_setup_teardown(f, tpmcase_on_swtpm, tpmcase_end),                         \
		cmocka_unit_test_setup_teardown(f, tpmcase_embedded, tpmcase_end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		BOTH(signing),
		BOTH(logging_in),
		BOTH(generating),
		BOTH(changing_the_pin),
		cmocka_unit_test_setup_teardown(users, tpmcase_on_swtpm, tpmcase_end),
		cmocka_unit_test_setup_teardown(making_a_token, tpmcase_on_swtpm, tpmcase_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
