/* tpmplace - see tpmplace.h. */
#include "tests/lib/tpmplace.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

#define OK(x) assert_int_equal(x, INRO_OK)

struct swtpm *swtpm;
struct tpm *tpm;

int tpmplace_begin(void **state)
{
	const struct root *root;

	(void)state;
	swtpm = swtpm_start(SWTPM_UNIX);
	tpm = tpmkeys_open(swtpm);
	OK(tpm_enter(tpm));
	OK(root_settle(tpm, &root));
	tpm_leave(tpm);
	return 0;
}

int tpmplace_end(void **state)
{
	(void)state;
	tpm_unref(tpm);
	assert_int_equal(swtpm_left_behind(swtpm), 0);
	swtpm_free(swtpm);
	return 0;
}

int tpmplace_enter(void **state)
{
	(void)state;
	OK(tpm_enter(tpm));
	return 0;
}

int tpmplace_leave(void **state)
{
	(void)state;
	tpm_leave(tpm);
	return 0;
}
