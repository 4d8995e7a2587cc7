/*
 * A TPM that is full, that was cleared, or whose storage root is another one.
 *
 * What can't be made is not there at all; what was made is told to be lost, and nothing of it is
 * changed: on its own TPM it would open.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "base/own.h"
#include "tests/lib/tpmtoken.h"

static struct swtpm *tpm;

static int setup(void **state)
{
	(void)state;
	tpm = swtpm_start(SWTPM_UNIX);
	module_load();
	return p11->C_Initialize(NULL) != CKR_OK;
}

static int teardown(void **state)
{
	(void)state;
	OK(p11->C_Finalize(NULL));
	assert_int_equal(swtpm_left_behind(tpm), 0);
	swtpm_free(tpm);
	tpm = NULL;
	return 0;
}

static void shell(const char *command)
{
	char line[1024];

	snprintf(line, sizeof line, "cd '%s' && %s", swtpm_dir(tpm), command);
	assert_int_equal(swtpm_shell(tpm, line), 0);
}

static void says(const char *word)
{
	if (!strstr(p11_admin->last_error(), word))
		print_error("'%s' is not in: %s\n", word, p11_admin->last_error());
	assert_non_null(strstr(p11_admin->last_error(), word));
}

/* ---- no room for an index ---- */

/* Until not even the smallest index has a place. */
static void fill(void)
{
	shell("i=0; for size in 2048 512 64 8; do "
	      "while tpm2_nvdefine -Q -C o -s $size 0x15$(printf %05x $i) 2>log; do "
	      "i=$((i+1)); done; done; test $i -gt 3");
}

static void no_room(void **state)
{
	unsigned files = tpmtoken_files();
	CK_SLOT_ID slot;
	uint32_t indices;
	CK_RV rv;

	(void)state;
	fill();
	indices = swtpm_count(tpm, SWTPM_NV);
	rv = tpmtoken_try(swtpm_tcti(tpm), &slot);
	assert_true(rv == CKR_DEVICE_MEMORY);
	says("NV");
	assert_int_equal(swtpm_count(tpm, SWTPM_NV), indices);
	assert_int_equal(tpmtoken_files(), files);
}

/* Room for the SO's index and not for the user's. */
static void room_for_one(void **state)
{
	unsigned files = tpmtoken_files();
	CK_SLOT_ID slot;
	CK_SESSION_HANDLE s;
	uint32_t indices, first;

	(void)state;
	fill();
	/* of the last sort there were many: one at a time goes until there is room */
	indices = swtpm_count(tpm, SWTPM_NV);
	for (first = indices; first > 0; first--) {
		char remove[100];
		CK_RV rv;

		snprintf(remove, sizeof remove, "tpm2_nvundefine -Q -C o 0x15%05x", first - 1);
		shell(remove);
		rv = tpmtoken_try(swtpm_tcti(tpm), &slot);
		if (!rv)
			break;
		assert_int_equal(rv, CKR_DEVICE_MEMORY);
		assert_int_equal(swtpm_count(tpm, SWTPM_NV), first - 1);
		assert_int_equal(tpmtoken_files(), files);
	}
	assert_int_equal(tpmtoken_files(), files + 1);
	assert_int_equal(swtpm_count(tpm, SWTPM_NV), first - 1 + 2);
	s = tpmtoken_user(slot);
	tpmtoken_use(s, tpmtoken_pair(s));
}

/* ---- cleared ---- */

static char before[1 << 20], after[1 << 20];

static CK_SLOT_ID token_with_a_key(void)
{
	CK_SLOT_ID slot;
	CK_SESSION_HANDLE s = tpmtoken_start(swtpm_tcti(tpm), &slot);

	tpmtoken_use(s, tpmtoken_pair(s));
	return slot;
}

static void is_refused(CK_SLOT_ID slot, const char *why)
{
	size_t n = tpmtoken_content(slot, before, sizeof before);
	CK_SESSION_HANDLE s = module_open(slot, true);

	for (int i = 0; i < 20; i++) { /* more often than a PIN may be wrong */
		GIVES(CKR_DEVICE_ERROR, module_login(s, CKU_USER, USER_PIN));
		says(why);
		GIVES(CKR_DEVICE_ERROR, module_login(s, CKU_SO, SO_PIN));
	}
	GIVES(CKR_OK, p11->C_CloseSession(s));
	tpmtoken_again();
	assert_int_equal(tpmtoken_content(slot, after, sizeof after), n);
	assert_memory_equal(before, after, n);
}

static void cleared(void **state)
{
	CK_SLOT_ID slot = token_with_a_key();

	(void)state;
	tpmtoken_again();
	shell("tpm2_clear -c p || tpm2_clear");
	is_refused(slot, "storage root");
}

/* Logged in, with a key in use. */
static void cleared_in_use(void **state)
{
	CK_SLOT_ID slot;
	CK_SESSION_HANDLE s = tpmtoken_start(swtpm_tcti(tpm), &slot);
	struct module_pair p = tpmtoken_pair(s);
	uint8_t sig[64];
	CK_RV rv;

	(void)state;
	tpmtoken_use(s, p);
	shell("tpm2_clear -c p || tpm2_clear");
	rv = module_sign(s, p.private, sig);
	assert_int_equal(rv, CKR_DEVICE_ERROR);
	assert_true(strlen(p11_admin->last_error()) > 10);
	tpmtoken_again();
	is_refused(slot, "storage root");
}

static void another_root(void **state)
{
	CK_SLOT_ID slot = token_with_a_key();

	(void)state;
	tpmtoken_again();
	shell("tpm2_evictcontrol -Q -C o -c 0x81000001 && "
	      "tpm2_createprimary -Q -C o -G rsa -c other.ctx && "
	      "tpm2_evictcontrol -Q -C o -c other.ctx 0x81000001 && tpm2_flushcontext -t");
	is_refused(slot, "storage root");
}

/* Its index, removed by the owner: one PIN of the token is lost, the other one opens it. */
static void no_index(void **state)
{
	CK_SLOT_ID slot = token_with_a_key();
	CK_SESSION_HANDLE s;

	(void)state;
	tpmtoken_again();
	shell("for i in $(tpm2_getcap handles-nv-index | sed 's/- //'); do "
	      "tpm2_nvundefine -Q -C o $i; done");
	s = module_open(slot, true);
	for (int i = 0; i < 20; i++) {
		GIVES(CKR_DEVICE_ERROR, module_login(s, CKU_USER, USER_PIN));
		says("nothing was changed");
	}
}

/* A first PIN that the TPM has taken and the token's file has not: the TPM gives it up again. */
static void a_pin_that_is_not_kept(void **state)
{
	CK_SLOT_ID slot = tpmtoken_new(swtpm_tcti(tpm));
	CK_SESSION_HANDLE s;
	CK_UTF8CHAR label[32];
	char file[512], away[520];
	uint32_t indices;

	(void)state;
	memset(label, ' ', sizeof label);
	OK(p11->C_InitToken(slot, module_pin(SO_PIN), strlen(SO_PIN), label));
	s = module_open(slot, true);
	OK(module_login(s, CKU_SO, SO_PIN));
	indices = swtpm_count(tpm, SWTPM_NV);
	snprintf(file, sizeof file, "%s", module_token_file(slot));
	snprintf(away, sizeof away, "%s.away", file);
	assert_int_equal(rename(file, away), 0);
	GIVES(CKR_TOKEN_NOT_PRESENT, p11->C_InitPIN(s, module_pin(USER_PIN), strlen(USER_PIN)));
	assert_int_equal(rename(away, file), 0);
	assert_int_equal(swtpm_count(tpm, SWTPM_NV), indices);
	OK(p11->C_InitPIN(s, module_pin(USER_PIN), strlen(USER_PIN)));
	assert_int_equal(swtpm_count(tpm, SWTPM_NV), indices + 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(no_room, setup, teardown),
		cmocka_unit_test_setup_teardown(room_for_one, setup, teardown),
		cmocka_unit_test_setup_teardown(cleared, setup, teardown),
		cmocka_unit_test_setup_teardown(cleared_in_use, setup, teardown),
		cmocka_unit_test_setup_teardown(another_root, setup, teardown),
		cmocka_unit_test_setup_teardown(no_index, setup, teardown),
		cmocka_unit_test_setup_teardown(a_pin_that_is_not_kept, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
