/*
 * 70 000 signatures by one process while another, logged in, does nothing: then it signs.
 *
 * A TPM and its resource managers count sessions that are put away, and refuse to work when one of
 * them is 65 536 contexts behind.  A process that does nothing must have nothing there.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <sys/wait.h>
#include <unistd.h>

#include "base/own.h"
#include "tests/lib/tpmtoken.h"

#ifdef __SANITIZE_ADDRESS__
#define SIGNATURES 5000
#else
#define SIGNATURES 70000
#endif

static CK_SLOT_ID slot;

static CK_SESSION_HANDLE start(struct module_pair *ret)
{
	CK_SESSION_HANDLE s;

	OK(p11->C_Initialize(NULL));
	s = tpmtoken_user(slot);
	MUST(module_find(s, &(CK_ATTRIBUTE)A_ULONG(CKA_CLASS, CKO_PRIVATE_KEY), 1, &ret->private) ==
	     1);
	MUST(module_find(s, &(CK_ATTRIBUTE)A_ULONG(CKA_CLASS, CKO_PUBLIC_KEY), 1, &ret->public) ==
	     1);
	return s;
}

static _Noreturn void idle(int told, int word)
{
	struct module_pair p;
	CK_SESSION_HANDLE s = start(&p);
	char c;

	tpmtoken_use(s, p);
	MUST(write(told, "r", 1) == 1);
	MUST(read(word, &c, 1) == 1);
	for (int i = 0; i < 3; i++)
		tpmtoken_use(s, p);
	OK(p11->C_Finalize(NULL));
	_exit(0);
}

static void busy(void)
{
	struct module_pair p;
	CK_SESSION_HANDLE s = start(&p);
	uint8_t sig[64];

	for (int i = 0; i < SIGNATURES; i++)
		OK(module_sign(s, p.private, sig));
	OK(module_verify(s, p.public, sig));
	OK(p11->C_Finalize(NULL));
}

static void beside_an_idle_one(void **state)
{
	struct swtpm *tpm = swtpm_start(SWTPM_UNIX);
	int told[2], word[2], status;
	char c;

	(void)state;
	module_load();
	OK(p11->C_Initialize(NULL));
	tpmtoken_pair(tpmtoken_start(swtpm_tcti(tpm), &slot));
	OK(p11->C_Finalize(NULL));
	MUST(pipe(told) == 0 && pipe(word) == 0);
	if (fork() == 0)
		idle(told[1], word[0]);
	MUST(read(told[0], &c, 1) == 1);
	busy();
	MUST(write(word[1], "g", 1) == 1);
	MUST(wait(&status) > 0);
	assert_int_equal(status, 0);
	assert_int_equal(swtpm_left_behind(tpm), 0);
	swtpm_free(tpm);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(beside_an_idle_one) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
