/* PINs in a real TPM: wrong ones, locks, changes, power cuts, and a TPM that is not as it was. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/own.h"
#include "tests/lib/scratch.h"
#include "tests/lib/swtpm.h"
#include "tpm/talk/tpm.h"
#include "tpm/token/tpm_backend.h"

#define OK(x)	 assert_int_equal(x, INRO_OK)
#define PIN	 bytes_of("123456")
#define WRONG	 bytes_of("654321")
#define NEW	 bytes_of("a new one")
#define SO_PIN	 bytes_of("so: eight and more")
#define TRIES	 10
#define NV_COUNT swtpm_count(swtpm, SWTPM_NV)

static const struct backend_ops *const ops = &backend_tpm;
static struct swtpm *swtpm;

/* A token as the core would keep it. */
struct kept {
	const char *serial;
	struct buf config, user, so, sealed;
};

static void kept_clear(struct kept *k)
{
	buf_clear(&k->config);
	buf_clear(&k->user);
	buf_clear(&k->so);
	buf_clear(&k->sealed);
}

static struct backend *open_kept(const struct kept *k)
{
	struct backend *b = NULL;

	OK(ops->open(buf_bytes(&k->config), bytes_of(k->serial), &b));
	return b;
}

static void make(struct kept *k, const char *serial, const char *more)
{
	struct backend *b;

	k->serial = serial;
	buf_addf(&k->config, "tcti=%s\n%s", swtpm_tcti(swtpm), more);
	b = open_kept(k);
	OK(ops->init(b));
	buf_reset(&k->config);
	OK(ops->words(b, &k->config));
	OK(ops->set_pin(b, CKU_SO, SO_PIN, &k->so));
	OK(ops->set_pin(b, CKU_USER, PIN, &k->user));
	OK(ops->seal(b, bytes_of("what is private"), BYTES_NONE, &k->sealed));
	ops->close(b);
}

/* One try; a right one also opens what is sealed. */
static enum inro_err try(const struct kept *k, CK_USER_TYPE user, struct bytes pin)
{
	SCOPED(secret) plain = { 0 };
	struct backend *b = open_kept(k);
	const struct buf *record = user == CKU_SO ? &k->so : &k->user;
	enum inro_err e = ops->unlock(b, user, buf_bytes(record), pin);

	if (!e) {
		OK(ops->unseal(b, buf_bytes(&k->sealed), BYTES_NONE, &plain));
		assert_true(bytes_is(secret_bytes(&plain), "what is private"));
	}
	ops->close(b);
	return e;
}

/* Logs in as one and sets the PIN of another; *record becomes what the backend gives. */
static enum inro_err change(const struct kept *k, CK_USER_TYPE by, struct bytes by_pin,
			    struct bytes new_pin, struct buf *record)
{
	SCOPED(buf) now = { 0 };
	struct backend *b = open_kept(k);
	enum inro_err e = ops->unlock(b, by, buf_bytes(by == CKU_SO ? &k->so : &k->user), by_pin);

	if (!e)
		e = ops->change_pin(b, CKU_USER, buf_bytes(record), new_pin, &now);
	ops->close(b);
	if (e)
		return e;
	buf_reset(record);
	buf_add(record, buf_bytes(&now));
	return buf_err(record);
}

static void use_up(const struct kept *k)
{
	for (int i = 0; i < TRIES; i++)
		assert_int_equal(try(k, CKU_USER, WRONG), INRO_E_PIN_WRONG);
	assert_int_equal(try(k, CKU_USER, PIN), INRO_E_PIN_LOCKED);
}

static void forget(const struct kept *k)
{
	struct backend *b = open_kept(k);

	OK(ops->forget_pin(b, buf_bytes(&k->user)));
	OK(ops->forget_pin(b, buf_bytes(&k->so)));
	ops->close(b);
}

static void PRINTF_LIKE(1, 2) shell(const char *format, ...)
{
	char line[512];
	va_list ap;

	va_start(ap, format);
	vsnprintf(line, sizeof line, format, ap);
	va_end(ap);
	assert_int_equal(swtpm_shell(swtpm, line), 0);
}

static void assert_dictionary_untouched(void)
{
	shell("tpm2_getcap properties-variable | grep -q 'LOCKOUT_COUNTER: 0x0$'");
}

/* Where the record says that its index is. */
static uint32_t index_of(const struct buf *record)
{
	struct bytes at = BYTES(record->p + 2, record->n - 2);
	uint32_t index = 0;

	OK(read_u32(&at, &index));
	return index;
}

/* Whether the right PIN would open it, without trying one. */
static bool opens(const struct kept *k, const struct buf *record)
{
	struct backend *b = open_kept(k);
	enum inro_err e = ops->guard_opens(b, buf_bytes(record));

	ops->close(b);
	assert_true(!e || e == INRO_E_TOKEN);
	return !e;
}

/* ---- locking ---- */

static void test_ten_wrong_lock_this_token_alone(void **state)
{
	SCOPED(kept) one = { 0 };
	SCOPED(kept) two = { 0 };

	(void)state;
	make(&one, "0000000000000001", "");
	make(&two, "0000000000000002", "");
	assert_int_equal(NV_COUNT, 4);
	use_up(&one);
	assert_int_equal(try(&one, CKU_USER, WRONG), INRO_E_PIN_LOCKED);
	assert_dictionary_untouched();
	OK(try(&one, CKU_SO, SO_PIN));
	OK(try(&two, CKU_USER, PIN));
	OK(try(&two, CKU_SO, SO_PIN));
	swtpm_reset(swtpm);
	assert_int_equal(try(&one, CKU_USER, PIN), INRO_E_PIN_LOCKED);
	forget(&one);
	forget(&two);
	forget(&two);
	assert_int_equal(NV_COUNT, 0);
	assert_int_equal(swtpm_left_behind(swtpm), 0);
}

static void test_a_right_one_gives_all_tries_back(void **state)
{
	SCOPED(kept) k = { 0 };

	(void)state;
	make(&k, "0000000000000001", "");
	for (int round = 0; round < 2; round++) {
		for (int i = 0; i < TRIES - 1; i++)
			assert_int_equal(try(&k, CKU_USER, WRONG), INRO_E_PIN_WRONG);
		OK(try(&k, CKU_USER, PIN));
	}
	forget(&k);
}

/* Wrong ones count across resets; right ones before a power cut count for nothing. */
static void test_power_cuts(void **state)
{
	SCOPED(kept) k = { 0 };

	(void)state;
	make(&k, "0000000000000001", "");
	for (int i = 0; i < 3; i++) {
		OK(try(&k, CKU_USER, PIN));
		swtpm_reset(swtpm);
	}
	OK(try(&k, CKU_USER, PIN));
	assert_dictionary_untouched();
	for (int i = 0; i < TRIES; i++) {
		assert_int_equal(try(&k, CKU_USER, WRONG), INRO_E_PIN_WRONG);
		swtpm_reset(swtpm);
	}
	assert_int_equal(try(&k, CKU_USER, PIN), INRO_E_PIN_LOCKED);
	assert_dictionary_untouched();
	forget(&k);
}

/* Load, StartAuthSession, PolicySecret, Unseal; the object stays for the next login.  The session
 * that carries them and a look at the root come once. */
static void test_commands_of_a_login(void **state)
{
	SCOPED(kept) k = { 0 };
	struct backend *b;
	uint64_t before;

	(void)state;
	make(&k, "0000000000000001", "");
	b = open_kept(&k);
	before = tpm_count_all();
	OK(ops->unlock(b, CKU_USER, buf_bytes(&k.user), PIN));
	print_message("first login: %u\n", (unsigned)(tpm_count_all() - before));
	assert_in_range(tpm_count_all() - before, 4, 6);
	ops->lock(b);
	before = tpm_count_all();
	OK(ops->unlock(b, CKU_USER, buf_bytes(&k.user), PIN));
	assert_int_equal(tpm_count_all() - before, 3);
	ops->close(b);
	forget(&k);
}

/* ---- changing ---- */

static void test_the_officer_unblocks(void **state)
{
	SCOPED(kept) k = { 0 };

	(void)state;
	make(&k, "0000000000000001", "");
	use_up(&k);
	OK(change(&k, CKU_SO, SO_PIN, NEW, &k.user));
	assert_int_equal(try(&k, CKU_USER, PIN), INRO_E_PIN_WRONG);
	OK(try(&k, CKU_USER, NEW));
	assert_int_equal(NV_COUNT, 2);
	forget(&k);
}

/* The record stays what it was: who is killed before the core's transaction has changed the PIN,
 * who is killed before the TPM's step has not. */
static void test_a_change_is_one_step(void **state)
{
	SCOPED(kept) k = { 0 };
	SCOPED(buf) before = { 0 };

	(void)state;
	make(&k, "0000000000000001", "");
	buf_add(&before, buf_bytes(&k.user));
	OK(change(&k, CKU_USER, PIN, NEW, &k.user));
	assert_true(bytes_equal(buf_bytes(&before), buf_bytes(&k.user)));
	assert_int_equal(try(&k, CKU_USER, PIN), INRO_E_PIN_WRONG);
	swtpm_reset(swtpm);
	OK(try(&k, CKU_USER, NEW));
	assert_int_equal(change(&k, CKU_USER, PIN, PIN, &k.user), INRO_E_PIN_WRONG);
	OK(try(&k, CKU_USER, NEW));
	forget(&k);
}

static void test_only_the_officer_changes_others(void **state)
{
	SCOPED(kept) k = { 0 };
	SCOPED(buf) out = { 0 };
	struct backend *b;

	(void)state;
	make(&k, "0000000000000001", "");
	b = open_kept(&k);
	assert_int_equal(ops->change_pin(b, CKU_USER, buf_bytes(&k.user), NEW, &out), INRO_E_LOGIN);
	OK(ops->unlock(b, CKU_USER, buf_bytes(&k.user), PIN));
	assert_int_equal(ops->set_pin(b, CKU_USER, NEW, &out), INRO_E_LOGIN);
	assert_int_not_equal(ops->change_pin(b, CKU_SO, buf_bytes(&k.so), NEW, &out), INRO_OK);
	assert_int_equal(out.n, 0);
	ops->close(b);
	OK(try(&k, CKU_SO, SO_PIN));
	assert_dictionary_untouched();
	forget(&k);
}

/* ---- a TPM that is not as it was ---- */

static void test_pcrs(void **state)
{
	SCOPED(kept) k = { 0 };

	(void)state;
	make(&k, "0000000000000001", "pcr=sha256:16,23\n");
	OK(try(&k, CKU_USER, PIN));
	assert_true(opens(&k, &k.user) && opens(&k, &k.so));
	shell("tpm2_pcrextend 16:sha256=%064d", 1);
	assert_false(opens(&k, &k.user) || opens(&k, &k.so));
	assert_int_equal(try(&k, CKU_USER, PIN), INRO_E_TOKEN);
	assert_non_null(strstr(err_detail(INRO_E_TOKEN), "sha256:16,23"));
	assert_int_equal(try(&k, CKU_USER, WRONG), INRO_E_PIN_WRONG);
	shell("tpm2_pcrreset 16");
	OK(try(&k, CKU_USER, PIN));
	forget(&k);
}

/* The index goes: told.  The owner puts one of his own there, as he sees it is: told too, and the
 * officer makes another. */
static void test_an_index_of_somebody_else(void **state)
{
	SCOPED(kept) k = { 0 };
	SCOPED(buf) old = { 0 };
	const char *policy = scratch_path("policy");
	uint32_t index;

	(void)state;
	make(&k, "0000000000000001", "");
	buf_add(&old, buf_bytes(&k.user));
	index = index_of(&k.user);
	shell("tpm2_nvreadpublic 0x%x | sed -n 's/.*policy: *//p' | xxd -r -p > %s", index, policy);
	shell("tpm2_nvundefine -Q -C o 0x%x", index);
	assert_false(opens(&k, &k.user));
	assert_true(opens(&k, &k.so));
	assert_int_equal(try(&k, CKU_USER, PIN), INRO_E_TOKEN);
	shell("tpm2_nvdefine -Q -C o 0x%x -s 8 -a 0x2040088 -L %s -p mine", index, policy);
	assert_int_equal(try(&k, CKU_USER, PIN), INRO_E_TOKEN);
	assert_int_equal(try(&k, CKU_USER, bytes_of("mine")), INRO_E_TOKEN);
	assert_int_equal(change(&k, CKU_USER, PIN, NEW, &k.user), INRO_E_TOKEN);
	OK(change(&k, CKU_SO, SO_PIN, NEW, &k.user));
	assert_false(bytes_equal(buf_bytes(&old), buf_bytes(&k.user)));
	OK(try(&k, CKU_USER, NEW));
	forget(&k);
	assert_int_equal(NV_COUNT, 1); /* that one is not ours to remove */
	shell("tpm2_nvundefine -Q -C o 0x%x", index);
}

static void test_a_cleared_tpm(void **state)
{
	SCOPED(kept) k = { 0 };

	(void)state;
	make(&k, "0000000000000001", "");
	shell("tpm2_clear");
	assert_false(opens(&k, &k.user));
	assert_int_equal(try(&k, CKU_USER, PIN), INRO_E_TOKEN);
	assert_non_null(strstr(err_detail(INRO_E_TOKEN), "storage root"));
	assert_int_equal(try(&k, CKU_SO, SO_PIN), INRO_E_TOKEN);
	assert_int_equal(swtpm_left_behind(swtpm), 0);
}

static void test_an_owner_with_a_password(void **state)
{
	static const char word[] = "owner's own\n";
	SCOPED(kept) k = { 0 };
	char more[300];
	struct backend *b = NULL;
	SCOPED(buf) config = { 0 };

	(void)state;
	snprintf(more, sizeof more, "owner-auth=file:%s\n",
		 scratch_file("owner", word, sizeof word - 1));
	shell("tpm2_changeauth -c o \"owner's own\"");
	make(&k, "0000000000000001", more);
	OK(try(&k, CKU_USER, PIN));
	assert_null(strstr((const char *)k.config.p, "own\n"));
	forget(&k);
	assert_int_equal(NV_COUNT, 0);
	/* without it nothing is made, and nothing is left */
	buf_addf(&config, "tcti=%s\n", swtpm_tcti(swtpm));
	if (ops->open(buf_bytes(&config), bytes_of("0000000000000002"), &b) == INRO_OK) {
		SCOPED(buf) record = { 0 };

		OK(ops->init(b));
		assert_int_not_equal(ops->set_pin(b, CKU_SO, SO_PIN, &record), INRO_OK);
		assert_int_equal(record.n, 0);
		ops->close(b);
	}
	assert_int_equal(NV_COUNT, 0);
	assert_int_equal(swtpm_left_behind(swtpm), 0);
}

static uint32_t dictionary(void)
{
	for (uint32_t n = 0; n < 8; n++) {
		char line[100];

		snprintf(line, sizeof line,
			 "tpm2_getcap properties-variable | grep -q 'LOCKOUT_COUNTER: 0x%x$'", n);
		if (swtpm_shell(swtpm, line) == 0)
			return n;
	}
	return UINT32_MAX;
}

static void write_word(const char *path, const char *word)
{
	OK(file_write(path, 0600, bytes_of(word)));
}

/* A root of somebody else's with a password, and under the dictionary attack protection: a program
 * tries a wrong root-auth once.  A TPM that is locked by such tries is not a PIN that is. */
static void test_a_root_under_the_dictionary(void **state)
{
	SCOPED(kept) k = { 0 };
	char more[300], path[200];
	struct backend *b;

	(void)state;
	snprintf(path, sizeof path, "%s", scratch_path("srk.ctx"));
	shell("tpm2_createprimary -Q -C o -G ecc256:null:aes128cfb -p right -a 'fixedtpm|fixedparent|"
	      "sensitivedataorigin|userwithauth|restricted|decrypt' -c %s && "
	      "tpm2_evictcontrol -Q -C o -c %s 0x81000001 && tpm2_flushcontext -t",
	      path, path);
	snprintf(path, sizeof path, "%s", scratch_file("root", "right", 5));
	snprintf(more, sizeof more, "root-auth=file:%s\n", path);
	make(&k, "0000000000000001", more);
	OK(try(&k, CKU_USER, PIN));
	assert_dictionary_untouched();
	write_word(path, "wrong");
	b = open_kept(&k);
	for (int i = 0; i < 5; i++) {
		assert_int_equal(ops->unlock(b, CKU_USER, buf_bytes(&k.user), PIN), INRO_E_ACCESS);
		assert_non_null(strstr(err_detail(INRO_E_ACCESS), "root-auth"));
	}
	assert_int_equal(dictionary(), 1);
	ops->close(b);
	for (int i = 0; i < 2; i++)
		assert_int_equal(try(&k, CKU_USER, PIN), INRO_E_ACCESS);
	write_word(path, "right");
	assert_int_equal(try(&k, CKU_USER, PIN), INRO_E_BUSY);
	assert_non_null(strstr(err_detail(INRO_E_BUSY), "tpm2_dictionarylockout"));
	shell("tpm2_dictionarylockout -c");
	OK(try(&k, CKU_USER, PIN));
	assert_int_equal(swtpm_left_behind(swtpm), 0);
}

/* What can't be made is told, and nothing of it stays. */
static void test_a_full_nv(void **state)
{
	SCOPED(kept) k = { 0 };
	SCOPED(buf) record = { 0 };
	struct backend *b;
	uint32_t taken;

	(void)state;
	make(&k, "0000000000000001", "");
	shell("i=0; while [ $i -lt 500 ] && tpm2_nvdefine -Q -C o $((0x1500000 + i)) -s 512 "
	      "2>/dev/null; do i=$((i + 1)); done; "
	      "while [ $i -lt 900 ] && tpm2_nvdefine -Q -C o $((0x1500000 + i)) -s 1 2>/dev/null; "
	      "do i=$((i + 1)); done");
	taken = NV_COUNT;
	b = open_kept(&k);
	OK(ops->unlock(b, CKU_SO, buf_bytes(&k.so), SO_PIN));
	assert_int_not_equal(ops->set_pin(b, CKU_USER, PIN, &record), INRO_OK);
	assert_int_equal(record.n, 0);
	ops->close(b);
	assert_int_equal(NV_COUNT, taken);
	OK(try(&k, CKU_USER, PIN));
	OK(change(&k, CKU_SO, SO_PIN, NEW, &k.user));
	OK(try(&k, CKU_USER, NEW));
	assert_int_equal(swtpm_left_behind(swtpm), 0);
}

/* ---- whose maker was killed ---- */

/* Makes both records, leaves the SO's in a file, and ends before anybody kept them. */
static int make_and_end(void *arg)
{
	struct kept *k = arg;

	make(k, "0000000000000002", "");
	(void)scratch_file("so record", k->so.p, k->so.n);
	_exit(0);
}

/* What is left of it with these records in the home. */
static void drop_strays(const struct kept *by, struct bytes records, uint32_t left)
{
	struct backend *b = open_kept(by);

	assert_true(ops->has_strays(b));
	OK(ops->drop_strays(b, records));
	assert_false(ops->has_strays(b));
	ops->close(b);
	assert_int_equal(NV_COUNT, left);
}

/* What a record names stays, and what is another home's or not kept yet; a live maker's notes are
 * not had by others. */
static void test_what_a_killed_one_has_made(void **state)
{
	SCOPED(kept) k = { 0 };
	SCOPED(kept) other = { 0 };
	SCOPED(buf) so = { 0 };
	SCOPED(buf) records = { 0 };
	struct backend *b;

	(void)state;
	make(&k, "0000000000000001", "");
	assert_int_equal(scratch_child(make_and_end, &other), 0);
	assert_int_equal(NV_COUNT, 4);
	setenv("INRO_HOME", scratch_path("another home"), 1);
	b = open_kept(&k);
	assert_false(ops->has_strays(b));
	ops->close(b);
	setenv("INRO_HOME", scratch_dir(), 1);
	OK(file_read(scratch_path("so record"), 4096, &so));
	buf_add_field(&records, buf_bytes(&so));
	drop_strays(&k, buf_bytes(&records), 3);
	assert_int_equal(scratch_child(make_and_end, &other), 0);
	drop_strays(&k, BYTES_NONE, 3);
	OK(try(&k, CKU_USER, PIN));
	OK(try(&k, CKU_SO, SO_PIN));
	forget(&k);
	assert_int_equal(NV_COUNT, 1);
}

/* In a copy of the home nobody has locked the notes of those who live. */
static void test_a_copy_of_the_notes(void **state)
{
	SCOPED(kept) k = { 0 };
	struct backend *b;

	(void)state;
	make(&k, "0000000000000001", "");
	shell("mkdir '%s/copy' && cp -R '%s/tpm' '%s/copy/'", scratch_dir(), scratch_dir(),
	      scratch_dir());
	setenv("INRO_HOME", scratch_path("copy"), 1);
	b = open_kept(&k);
	assert_false(ops->has_strays(b));
	ops->close(b);
	setenv("INRO_HOME", scratch_dir(), 1);
	forget(&k);
}

/* A snapshot of the home's disk has the inodes of the home; where it is mounted is another place.  As a
 * home that is renamed behind who was killed, which is told from it by nothing. */
static void test_a_snapshot_of_the_notes(void **state)
{
	SCOPED(kept) k = { 0 };
	SCOPED(kept) other = { 0 };
	struct backend *b;

	(void)state;
	make(&k, "0000000000000001", "");
	assert_int_equal(scratch_child(make_and_end, &other), 0);
	shell("mv '%s/tpm' '%s/tpm-was' && mkdir -p '%s/snapshot' && mv '%s/tpm-was' '%s/snapshot/tpm'", scratch_dir(),
	      scratch_dir(), scratch_dir(), scratch_dir(), scratch_dir());
	setenv("INRO_HOME", scratch_path("snapshot"), 1);
	b = open_kept(&k);
	assert_false(ops->has_strays(b));
	ops->close(b);
	setenv("INRO_HOME", scratch_dir(), 1);
	shell("mv '%s/snapshot/tpm' '%s/tpm'", scratch_dir(), scratch_dir());
	b = open_kept(&k);
	assert_true(ops->has_strays(b));
	ops->close(b);
	drop_strays(&k, BYTES_NONE, 2);
	OK(try(&k, CKU_USER, PIN));
	forget(&k);
}

static int note_and_end(void *arg)
{
	struct kept *k = arg;
	struct backend *b = open_kept(k);
	enum inro_err e = ops->leaving(b, buf_bytes(&k->user));

	_exit((int)e);
}

/* A record goes, and its one is killed before the index went. */
static void test_what_a_killed_one_was_to_remove(void **state)
{
	SCOPED(kept) k = { 0 };

	(void)state;
	make(&k, "0000000000000001", "");
	ops->kept(buf_bytes(&k.so));
	ops->kept(buf_bytes(&k.user));
	assert_int_equal(scratch_child(note_and_end, &k), 0);
	drop_strays(&k, BYTES_NONE, 1);
	OK(try(&k, CKU_SO, SO_PIN));
	forget(&k);
}

/* ---- all of them ---- */

static int start(void **state)
{
	(void)state;
	swtpm = swtpm_start(SWTPM_UNIX);
	return 0;
}

static int stop(void **state)
{
	(void)state;
	swtpm_free(swtpm);
	swtpm = NULL;
	return 0;
}

#define WITH_A_TPM(test) cmocka_unit_test_setup_teardown(test, start, stop)

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITH_A_TPM(test_ten_wrong_lock_this_token_alone),
		WITH_A_TPM(test_a_right_one_gives_all_tries_back),
		WITH_A_TPM(test_power_cuts),
		WITH_A_TPM(test_commands_of_a_login),
		WITH_A_TPM(test_the_officer_unblocks),
		WITH_A_TPM(test_a_change_is_one_step),
		WITH_A_TPM(test_only_the_officer_changes_others),
		WITH_A_TPM(test_pcrs),
		WITH_A_TPM(test_an_index_of_somebody_else),
		WITH_A_TPM(test_a_cleared_tpm),
		WITH_A_TPM(test_an_owner_with_a_password),
		WITH_A_TPM(test_a_root_under_the_dictionary),
		WITH_A_TPM(test_a_full_nv),
		WITH_A_TPM(test_what_a_killed_one_has_made),
		WITH_A_TPM(test_what_a_killed_one_was_to_remove),
		WITH_A_TPM(test_a_copy_of_the_notes),
		WITH_A_TPM(test_a_snapshot_of_the_notes),
	};

	setenv("INRO_HOME", scratch_dir(), 1);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
