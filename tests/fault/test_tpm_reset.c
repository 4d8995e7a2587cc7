/*
 * A TPM that is killed at any command, that loses its power, or that is locked by somebody else.
 *
 * A call that is hit ends with success or one clear error; the next one works; nothing is lost.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/own.h"
#include "tests/lib/scratch.h"
#include "tests/lib/tpmproxy.h"
#include "tests/lib/tpmtoken.h"

#define CUTS	 10
#define LABEL_32 "a label of thirty-two characters"

static struct swtpm *tpm;
static struct tpmproxy *proxy;
static CK_SLOT_ID slot;
static CK_SESSION_HANDLE s;
static struct module_pair pair;

static int setup(void **state)
{
	(void)state;
	tpm = swtpm_start(SWTPM_UNIX);
	proxy = tpmproxy_start(tpm);
	module_load();
	OK(p11->C_Initialize(NULL));
	s = tpmtoken_start(tpmproxy_tcti(proxy), &slot);
	pair = tpmtoken_pair(s);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	OK(p11->C_Finalize(NULL));
	assert_int_equal(swtpm_left_behind(tpm), 0);
	tpmproxy_free(proxy);
	swtpm_free(tpm);
	return 0;
}

/* ---- killed at the n-th command of a call ---- */

enum moment { BEFORE, AFTER, HALFWAY, MOMENTS };

static struct hit {
	unsigned at;
	enum moment moment;
	bool was;
} hit;

static bool is_hit(const struct tpmproxy_talk *t, bool before)
{
	if (hit.was || t->number != hit.at || (hit.moment == BEFORE) != before)
		return false;
	hit.was = true;
	swtpm_reset(t->tpm);
	return true;
}

static bool kill_before(struct tpmproxy_talk *t)
{
	return !is_hit(t, true);
}

/* The command was done; the client gets nothing, or the half of what it said. */
static bool kill_after(struct tpmproxy_talk *t)
{
	if (!is_hit(t, false))
		return true;
	t->n = hit.moment == HALFWAY ? t->n / 2 : 0;
	return false;
}

/* What a program may be told: once, and with a line that says more. */
static void clear(CK_RV rv)
{
	if (rv == CKR_OK)
		return;
	if (rv != CKR_DEVICE_ERROR)
		print_error("0x%lx: %s\n", rv, p11_admin->last_error());
	assert_int_equal(rv, CKR_DEVICE_ERROR);
	assert_true(strlen(p11_admin->last_error()) > 10);
}

/* A logout takes handles with it. */
static void find_again(void)
{
	CK_ATTRIBUTE private[] = { A_ULONG(CKA_CLASS, CKO_PRIVATE_KEY),
				   A_BOOL(CKA_TOKEN, CK_TRUE) };
	CK_ATTRIBUTE public[] = { A_ULONG(CKA_CLASS, CKO_PUBLIC_KEY), A_BOOL(CKA_TOKEN, CK_TRUE) };

	MUST(module_find(s, private, 2, &pair.private) == 1);
	MUST(module_find(s, public, 2, &pair.public) == 1);
}

static CK_RV sign(void)
{
	uint8_t sig[64];
	CK_RV rv;

	find_again();
	rv = module_sign(s, pair.private, sig);

	if (!rv)
		OK(module_verify(s, pair.public, sig));
	return rv;
}

static CK_RV log_in(void)
{
	OK(p11->C_Logout(s));
	return module_login(s, CKU_USER, USER_PIN);
}

static CK_RV generate(void)
{
	CK_MECHANISM m = { .mechanism = CKM_EC_KEY_PAIR_GEN };
	CK_ATTRIBUTE t[] = { A_BYTES(CKA_EC_PARAMS, module_p256, sizeof module_p256) };
	CK_OBJECT_HANDLE public, private;

	return p11->C_GenerateKeyPair(s, &m, t, 1, NULL, 0, &public, &private);
}

/* Whatever became of it, one of the two is the PIN. */
static const char *pin = USER_PIN;

static CK_RV change_pin(void)
{
	const char *other = strcmp(pin, USER_PIN) == 0 ? "another PIN" : USER_PIN;
	CK_RV rv = p11->C_SetPIN(s, module_pin(pin), strlen(pin), module_pin(other), strlen(other));

	if (!rv)
		pin = other;
	return rv;
}

/* By a connection of before, or by a new one. */
static void let_go(void)
{
	while (swtpm_left_behind(tpm))
		;
}

static void is_well(const char *with)
{
	CK_SESSION_INFO info;

	OK(p11->C_GetSessionInfo(s, &info));
	if (info.state != CKS_RW_USER_FUNCTIONS)
		OK(module_login(s, CKU_USER, with));
	OK(sign());
}

static unsigned commands_of(CK_RV (*call)(void))
{
	tpmproxy_reset(proxy);
	OK(call());
	return tpmproxy_count(proxy);
}

static void killed_in(CK_RV (*call)(void))
{
	unsigned n = commands_of(call) + 3;

	for (hit.moment = BEFORE; hit.moment < MOMENTS; hit.moment++) {
		for (hit.at = 0; hit.at < n; hit.at++) {
			hit.was = false;
			tpmproxy_hooks(proxy, kill_before, kill_after, NULL);
			clear(call());
			tpmproxy_reset(proxy);
			is_well(pin);
		}
	}
	let_go();
	OK(call());
	is_well(pin);
	assert_int_equal(tpmtoken_lockout(tpm), 0);
}

static void in_a_signature(void **state)
{
	(void)state;
	killed_in(sign);
}

static void in_a_login(void **state)
{
	(void)state;
	killed_in(log_in);
}

static void in_a_generation(void **state)
{
	(void)state;
	killed_in(generate);
}

/* ---- a change of PIN: the old one or the new one is it ---- */

static bool opens(const char *with)
{
	CK_SESSION_INFO info;
	CK_RV rv;

	OK(p11->C_GetSessionInfo(s, &info));
	if (info.state == CKS_RW_USER_FUNCTIONS)
		OK(p11->C_Logout(s));
	rv = module_login(s, CKU_USER, with);
	assert_true(rv == CKR_OK || rv == CKR_PIN_INCORRECT);
	return rv == CKR_OK;
}

static void which_is_it(void)
{
	if (opens(USER_PIN))
		pin = USER_PIN;
	else if (opens("another PIN"))
		pin = "another PIN";
	else
		fail_msg("neither PIN is it");
}

static void in_a_change_of_pin(void **state)
{
	unsigned n = commands_of(change_pin) + 3;

	(void)state;
	for (hit.moment = BEFORE; hit.moment < MOMENTS; hit.moment++) {
		for (hit.at = 0; hit.at < n; hit.at++) {
			hit.was = false;
			tpmproxy_hooks(proxy, kill_before, kill_after, NULL);
			clear(change_pin());
			tpmproxy_reset(proxy);
			which_is_it();
			OK(sign());
		}
	}
	if (strcmp(pin, USER_PIN) != 0)
		OK(change_pin());
	assert_int_equal(tpmtoken_lockout(tpm), 0);
}

/* ---- killed and not there for a while ---- */

static void gone_for_a_while(void **state)
{
	(void)state;
	for (int i = 0; i < 3; i++) {
		swtpm_kill(tpm);
		GIVES(CKR_DEVICE_ERROR, sign());
		assert_true(strlen(p11_admin->last_error()) > 10);
		GIVES(CKR_DEVICE_ERROR, sign());
		swtpm_restart(tpm);
		OK(sign());
	}
}

/* ---- power cuts ---- */

static void power_cuts(void **state)
{
	(void)state;
	for (int i = 0; i < CUTS; i++) {
		swtpm_reset(tpm);
		OK(sign());
		OK(log_in());
		swtpm_reset(tpm);
		OK(sign());
	}
	assert_int_equal(tpmtoken_lockout(tpm), 0);
	assert_false(module_info(slot).flags &
		     (CKF_USER_PIN_COUNT_LOW | CKF_USER_PIN_FINAL_TRY | CKF_USER_PIN_LOCKED));
}

/* ---- locked by another's wrong tries ---- */

#define FOREIGN                                                                                    \
	"cd '%s' && tpm2_createprimary -Q -C o -c p.ctx && "                                       \
	"tpm2_create -Q -C p.ctx -G ecc -p right -u k.pub -r k.priv && "                           \
	"tpm2_flushcontext -t && tpm2_load -Q -C p.ctx -u k.pub -r k.priv -c k.ctx && "            \
	"tpm2_flushcontext -t && tpm2_dictionarylockout -s -n 2 -t 1000 -l 1000 && "               \
	"for i in 1 2 3; do tpm2_sign -Q -c k.ctx -g sha256 -p wrong -o sig k.pub "                \
	"2>log && exit 1; tpm2_flushcontext -t; done; grep -q -i lockout log"

static void lockout(void **state)
{
	char command[1024];

	(void)state;
	snprintf(command, sizeof command, FOREIGN, swtpm_dir(tpm));
	assert_int_equal(swtpm_shell(tpm, command), 0);
	assert_true(tpmtoken_lockout(tpm) >= 2);
	OK(sign());
	OK(log_in());
	OK(generate());
	GIVES(CKR_PIN_INCORRECT, (OK(p11->C_Logout(s)), module_login(s, CKU_USER, "wrong")));
	OK(module_login(s, CKU_USER, USER_PIN));
	OK(change_pin());
	OK(change_pin());
	tpmtoken_again();
	s = tpmtoken_user(slot);
	OK(sign());
	assert_true(tpmtoken_lockout(tpm) >= 2);
}

/* ---- others, while a token is made anew ---- */

static bool asks_about_it(struct tpmproxy_talk *t)
{
	bool *asked = t->arg;

	if (t->cc == 0x12a && !*asked) { /* TPM2_NV_DefineSpace */
		*asked = true;
		MUST(module_info(slot).flags & CKF_TOKEN_INITIALIZED);
	}
	return true;
}

static CK_SESSION_HANDLE theirs;

static bool opens_it(struct tpmproxy_talk *t)
{
	if (t->cc == 0x12a && !theirs)
		theirs = module_open(slot, true);
	return true;
}

/* They do not wait for the TPM; here that would be for ever.  Who opens a session meanwhile keeps
 * his token. */
static void made_anew(void **state)
{
	bool asked = false;
	uint32_t before;

	(void)state;
	OK(p11->C_CloseSession(s));
	before = swtpm_count(tpm, SWTPM_NV);
	alarm(60);
	tpmproxy_hooks(proxy, asks_about_it, NULL, &asked);
	OK(p11->C_InitToken(slot, module_pin(SO_PIN), strlen(SO_PIN), module_pin(LABEL_32)));
	tpmproxy_reset(proxy);
	alarm(0);
	assert_true(asked);
	s = module_open(slot, true);
	OK(module_login(s, CKU_SO, SO_PIN));
	OK(p11->C_InitPIN(s, module_pin(USER_PIN), strlen(USER_PIN)));
	assert_int_equal(swtpm_count(tpm, SWTPM_NV), before);
}

static void opened_meanwhile(void **state)
{
	uint32_t before = swtpm_count(tpm, SWTPM_NV);

	(void)state;
	OK(p11->C_CloseSession(s));
	tpmproxy_hooks(proxy, opens_it, NULL, NULL);
	GIVES(CKR_SESSION_EXISTS, p11->C_InitToken(slot, module_pin(SO_PIN), strlen(SO_PIN),
						   module_pin(LABEL_32)));
	tpmproxy_reset(proxy);
	s = theirs;
	OK(module_login(s, CKU_USER, USER_PIN));
	OK(p11->C_Logout(s));
	OK(module_login(s, CKU_SO, SO_PIN));
	assert_int_equal(swtpm_count(tpm, SWTPM_NV), before);
}

/* ---- another token's file in the slot, while it is made anew ---- */

static struct {
	CK_SLOT_ID one, other;
	bool done;
} files;

/* SQLite leaves the log of a file that was moved. */
static void remove_beside(const char *file)
{
	static const char *const beside[] = { "-wal", "-shm" };

	for (size_t i = 0; i < ARRAY_LEN(beside); i++) {
		char name[512];

		snprintf(name, sizeof name, "%s%s", file, beside[i]);
		unlink(name);
	}
}

static bool exchanges_it(struct tpmproxy_talk *t)
{
	char one[400];

	if (t->cc != 0x12a || files.done)
		return true;
	files.done = true;
	snprintf(one, sizeof one, "%s", module_token_file(files.one));
	MUST(rename(one, scratch_path("aside")) == 0);
	usleep(10000); /* what is there is looked at that seldom */
	MUST(p11->C_OpenSession(files.one, CKF_SERIAL_SESSION, NULL, NULL, &theirs) != CKR_OK);
	remove_beside(one);
	MUST(rename(module_token_file(files.other), one) == 0);
	return true;
}

/* Whoever puts it there: it is neither the token whose SO PIN was given nor its secrets'. */
static void exchanged_meanwhile(void **state)
{
	(void)state;
	files.other = tpmtoken_new(tpmproxy_tcti(proxy));
	files.one = tpmtoken_new(tpmproxy_tcti(proxy));
	tpmtoken_again();
	tpmproxy_hooks(proxy, exchanges_it, NULL, NULL);
	GIVES(CKR_DEVICE_ERROR, p11->C_InitToken(files.one, module_pin(SO_PIN), strlen(SO_PIN),
						 module_pin(LABEL_32)));
	tpmproxy_reset(proxy);
	MUST(files.done);
	s = tpmtoken_user(files.one);
}

/* ---- a named user's index ---- */

static bool is_not_asked(struct tpmproxy_talk *t)
{
	return t->cc != 0x122; /* TPM2_NV_UndefineSpace */
}

/* Adds a user and deletes him while his index can't be removed. */
static void leave_one(struct inro_user who)
{
	uint32_t before = swtpm_count(tpm, SWTPM_NV);

	who.type = CKU_USER;
	who.pin = module_text("a PIN of his own");
	OK(p11_admin->user_add(s, &who));
	assert_int_equal(swtpm_count(tpm, SWTPM_NV), before + 1);
	tpmproxy_hooks(proxy, is_not_asked, NULL, NULL);
	OK(p11_admin->user_delete(s, who.name));
	tpmproxy_reset(proxy);
	GIVES(CKR_ARGUMENTS_BAD, p11_admin->user_delete(s, who.name));
	assert_int_equal(swtpm_count(tpm, SWTPM_NV), before + 1);
}

/* One that could not be removed with its user goes when the next token is made. */
static void a_deleted_user(void **state)
{
	uint32_t before = swtpm_count(tpm, SWTPM_NV);

	(void)state;
	leave_one((struct inro_user) { .name = module_text("ann") });
	tpmtoken_new(tpmproxy_tcti(proxy));
	assert_int_equal(swtpm_count(tpm, SWTPM_NV), before + 2);
}

/* Whoever makes tokens in a home that is not INRO_HOME any more can't tell what is nobody's. */
static void a_home_that_was_left(void **state)
{
	char home[400];
	uint32_t before = swtpm_count(tpm, SWTPM_NV);

	(void)state;
	snprintf(home, sizeof home, "%s", getenv("INRO_HOME"));
	leave_one((struct inro_user) { .name = module_text("bob") });
	OK(p11->C_Finalize(NULL));
	setenv("INRO_HOME", scratch_path("another home"), 1);
	OK(p11->C_Initialize(NULL));
	setenv("INRO_HOME", home, 1);
	tpmtoken_new(tpmproxy_tcti(proxy));
	assert_int_equal(swtpm_count(tpm, SWTPM_NV), before + 3);
	tpmtoken_again();
	tpmtoken_new(tpmproxy_tcti(proxy));
	assert_int_equal(swtpm_count(tpm, SWTPM_NV), before + 4);
}

/* INRO_HOME of the moment is not the home of who has called C_Initialize: what is noted goes with what
 * is recorded. */
static void a_home_that_is_set_later(void **state)
{
	char home[400];
	uint32_t before = swtpm_count(tpm, SWTPM_NV);

	(void)state;
	snprintf(home, sizeof home, "%s", getenv("INRO_HOME"));
	tpmtoken_again();
	s = module_open(slot, true);
	OK(module_login(s, CKU_SO, SO_PIN));
	setenv("INRO_HOME", scratch_path("a later home"), 1);
	leave_one((struct inro_user) { .name = module_text("eve") });
	setenv("INRO_HOME", home, 1);
	tpmtoken_new(tpmproxy_tcti(proxy));
	assert_int_equal(swtpm_count(tpm, SWTPM_NV), before + 2);
}

/* ---- a folder that can't be synced ---- */

static unsigned files_then; /* of tokens; 0: all is synced */

/* Takes the C library's place in the module. */
__attribute__((visibility("default"))) int fsync(int fd)
{
	struct stat st;

	if (files_then == 0 || fstat(fd, &st) != 0 || !S_ISDIR(st.st_mode) ||
	    tpmtoken_files() == files_then)
		return (int)syscall(SYS_fsync, fd);
	files_then = 0;
	errno = EIO;
	return -1;
}

/* What is there may be in use by another program already: its PINs stay, too. */
static void a_folder_that_cannot_be_synced(void **state)
{
	CK_SLOT_ID all[64], made = 0;
	CK_ULONG n = ARRAY_LEN(all);
	uint32_t before = swtpm_count(tpm, SWTPM_NV);

	(void)state;
	files_then = tpmtoken_files();
	GIVES(CKR_DEVICE_ERROR, tpmtoken_try(tpmproxy_tcti(proxy), &made));
	assert_int_equal(files_then, 0);
	assert_int_equal(swtpm_count(tpm, SWTPM_NV), before + 2);
	OK(p11->C_GetSlotList(CK_TRUE, all, &n));
	OK(p11->C_CloseSession(tpmtoken_user(all[n - 2]))); /* the last is empty */
	tpmtoken_again();
	tpmtoken_new(tpmproxy_tcti(proxy));
	assert_int_equal(swtpm_count(tpm, SWTPM_NV), before + 4);
	s = tpmtoken_user(slot);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(in_a_signature),   cmocka_unit_test(in_a_login),
		cmocka_unit_test(in_a_generation),  cmocka_unit_test(in_a_change_of_pin),
		cmocka_unit_test(gone_for_a_while), cmocka_unit_test(power_cuts),
		cmocka_unit_test(lockout),	    cmocka_unit_test(made_anew),
		cmocka_unit_test(opened_meanwhile), cmocka_unit_test(a_deleted_user),
		cmocka_unit_test(a_home_that_was_left), cmocka_unit_test(a_home_that_is_set_later),
		cmocka_unit_test(a_folder_that_cannot_be_synced),
		cmocka_unit_test(exchanged_meanwhile),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
