/* test_tpm_embedded - the embedded TPM: what it keeps, who has it when, kills, forks, damage, full
 * disks. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <ftw.h>
#include <pthread.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#include <openssl/provider.h>

#include "base/file.h"
#include "tests/lib/tpm_turns.h"
#include "tests/lib/scratch.h"
#include "tpm/wire/crypt.h"

#define GOOD(x)	 assert_int_equal(x, TPM2_RC_SUCCESS)
#define OK(x)	 assert_int_equal(x, INRO_OK)
#define STATE	 "/tpm/state"
#define EACH	 40
#define HEADER_N 48

static bool installed = true;

void *__real_dlopen(const char *name, int flags);
void *__wrap_dlopen(const char *name, int flags);

void *__wrap_dlopen(const char *name, int flags)
{
	return __real_dlopen(installed ? name : "libtpms-is-not-there.so.0", flags);
}

/* The first test: the library is loaded once. */
static void test_not_installed(void **state)
{
	struct link *l = turn_embedded(turn_home("not installed"));

	(void)state;
	installed = false;
	assert_int_equal(turn_random(l), TURN_LINK_FAILED);
	assert_int_equal(turn_err, INRO_E_CONFIG);
	assert_non_null(strstr(err_detail(turn_err), "libtpms0"));
	installed = true;
	GOOD(turn_random(l));
	link_free(l);
}

static enum inro_err no_context(OSSL_LIB_CTX **ret)
{
	static OSSL_LIB_CTX *empty;

	if (!empty) {
		empty = OSSL_LIB_CTX_new();
		assert_non_null(OSSL_PROVIDER_load(empty, "null"));
	}
	*ret = empty;
	return INRO_OK;
}

/* libtpms would make its keys of what was in memory before. */
static void test_no_random_numbers(void **state)
{
	const char *home = turn_home("random");
	struct link *l = turn_embedded(home);

	(void)state;
	crypt_use(no_context);
	assert_int_equal(turn_random(l), TURN_LINK_FAILED);
	crypt_use(NULL);
	assert_int_equal(turn_err, INRO_E_CRYPTO);
	assert_int_not_equal(access(turn_in_home(home, STATE), F_OK), 0);
	GOOD(turn_random(l));
	link_free(l);
}

static void test_nothing_before_a_turn(void **state)
{
	const char *home = turn_home("nothing");
	struct link *l = turn_embedded(home), *none = NULL;

	(void)state;
	assert_int_not_equal(access(turn_in_home(home, "/tpm"), F_OK), 0);
	GOOD(turn_random(l));
	assert_int_equal(access(turn_in_home(home, STATE), F_OK), 0);
	assert_true(l->kind->embedded && l->kind->managed);
	link_free(l);
	assert_int_equal(link_make(bytes_of("libtpms:x"), home, &none), INRO_E_CONFIG);
}

static void test_keeps(void **state)
{
	const char *home = turn_home("keeps");
	struct link *l = turn_with_counter(home);
	char words[9];
	uint32_t key;

	(void)state;
	GOOD(turn_define_words(l));
	GOOD(turn_write_words(l, "12345678"));
	GOOD(turn_ecc_primary(l, &key));
	GOOD(turn_keep(l, key));
	GOOD(turn_sign(l, TURN_KEPT));
	link_free(l);
	l = turn_embedded(home);
	GOOD(turn_read_words(l, words));
	assert_string_equal(words, "12345678");
	assert_int_equal(turn_counted(l), 1);
	GOOD(turn_sign(l, TURN_KEPT));
	/* what was transient is not there */
	assert_int_not_equal(turn_sign(l, key), TPM2_RC_SUCCESS);
	link_free(l);
}

/* Every TPM has seeds of its own, and keeps them. */
static void test_seeds(void **state)
{
	static const uint8_t none[64];
	struct link *a = turn_embedded(turn_home("seeds a"));
	struct link *b = turn_embedded(turn_home("seeds b"));
	uint8_t of_a[64], of_b[64], again[64];

	(void)state;
	GOOD(turn_ecc_point(a, of_a));
	GOOD(turn_ecc_point(b, of_b));
	GOOD(turn_ecc_point(a, again));
	assert_memory_equal(of_a, again, sizeof again);
	assert_memory_not_equal(of_a, of_b, sizeof of_b);
	assert_memory_not_equal(of_a, none, sizeof none);
	link_free(a);
	link_free(b);
}

static int read_counter(void *home)
{
	struct link *l = turn_embedded(home);
	uint64_t n = 0;
	bool good = turn_count(l, &n) == TPM2_RC_SUCCESS;

	link_free(l);
	return good ? (int)n : 99;
}

static int use_keys(void *home)
{
	struct link *l = turn_embedded(home);
	uint32_t key;
	bool good = turn_ecc_primary(l, &key) == TPM2_RC_SUCCESS &&
		    turn_sign(l, key) == TPM2_RC_SUCCESS && turn_flush(l, key) == TPM2_RC_SUCCESS;

	link_free(l);
	return !good;
}

static int increment(void *home)
{
	struct link *l = turn_embedded(home);
	bool good = turn_increment(l) == TPM2_RC_SUCCESS;

	link_free(l);
	return !good;
}

/* Another process's use of keys leaves ours alone; a change of the state does not. */
static void test_epochs(void **state)
{
	char *home = strdup(turn_home("epochs"));
	struct link *l = turn_with_counter(home);
	uint64_t before = turn_epoch;
	uint32_t key;

	(void)state;
	GOOD(turn_ecc_primary(l, &key));
	assert_int_equal(scratch_child(read_counter, home), 1);
	assert_int_equal(scratch_child(use_keys, home), 0);
	GOOD(turn_sign(l, key));
	assert_int_equal(turn_epoch, before);
	assert_int_equal(scratch_child(increment, home), 0);
	assert_int_not_equal(turn_sign(l, key), TPM2_RC_SUCCESS);
	assert_true(turn_epoch > before);
	assert_int_equal(turn_counted(l), 2);
	link_free(l);
	free(home);
}

static int increment_many(void *home)
{
	struct link *l = turn_embedded(home);
	unsigned good = 0;

	for (int i = 0; i < EACH; i++) {
		good += turn_increment(l) == TPM2_RC_SUCCESS;
		good += turn_random(l) == TPM2_RC_SUCCESS;
	}
	link_free(l);
	return good != 2 * EACH;
}

static void many_processes(const char *name, unsigned n)
{
	char *home = strdup(turn_home(name));
	struct link *l = turn_with_counter(home);
	uint64_t before = turn_counted(l);
	int status, bad = 0;

	for (unsigned i = 0; i < n; i++)
		if (fork() == 0)
			_exit(increment_many(home));
	for (unsigned i = 0; i < n; i++)
		bad += wait(&status) < 0 || status != 0;
	assert_int_equal(bad, 0);
	assert_int_equal(turn_counted(l), before + n * EACH);
	link_free(l);
	free(home);
}

static void test_two_processes(void **state)
{
	(void)state;
	many_processes("two", 2);
}

static void test_eight_processes(void **state)
{
	(void)state;
	many_processes("eight", 8);
}

static void refuses(const char *home, struct bytes content, enum inro_err with)
{
	SCOPED(buf) after = { 0 };
	struct link *l = turn_embedded(home);

	OK(file_write(turn_in_home(home, STATE), 0600, content));
	assert_int_equal(turn_random(l), TURN_LINK_FAILED);
	assert_int_equal(turn_err, with);
	assert_non_null(strstr(err_detail(with), turn_in_home(home, "/tpm")));
	OK(file_read(turn_in_home(home, STATE), 1 << 20, &after));
	assert_true(bytes_equal(buf_bytes(&after), content));
	link_free(l);
}

static void test_damaged(void **state)
{
	char *home = strdup(turn_home("damaged"));
	struct link *l = turn_with_counter(home);
	SCOPED(buf) good = { 0 };

	(void)state;
	OK(file_read(turn_in_home(home, STATE), 1 << 20, &good));
	assert_true(good.n > HEADER_N);
	refuses(home, BYTES_NONE, INRO_E_DAMAGED);
	for (size_t n = 1; n < good.n; n += n < HEADER_N ? 1 : 97)
		refuses(home, BYTES(good.p, n), INRO_E_DAMAGED);
	for (size_t i = 0; i < good.n; i += i < HEADER_N ? 1 : 61) {
		bool version = i >= 8 && i < 12;

		good.p[i] ^= 4;
		refuses(home, buf_bytes(&good), version ? INRO_E_VERSION : INRO_E_DAMAGED);
		good.p[i] ^= 4;
	}
	/* one that has its TPM in memory does not go on with it either */
	assert_int_equal(turn_random(l), TURN_LINK_FAILED);
	assert_int_equal(turn_err, INRO_E_DAMAGED);
	OK(file_write(turn_in_home(home, STATE), 0600, buf_bytes(&good)));
	assert_int_equal(turn_counted(l), 1);
	link_free(l);
	free(home);
}

#ifdef __SANITIZE_ADDRESS__ /* the C library loses the buffer of what libtpms would like to log */
#define LIBTPMS_MAY_FAIL false
#else
#define LIBTPMS_MAY_FAIL true
#endif

/* Our header around what is no TPM's state. */
static void test_not_libtpms(void **state)
{
	SCOPED(buf) file = { 0 };
	TPM2B_DIGEST sum;
	const char *home;

	(void)state;
	if (!LIBTPMS_MAY_FAIL)
		skip();
	home = turn_home("not libtpms");
	link_free(turn_with_counter(home));
	buf_add_str(&file, "INRO-TPM");
	buf_add(&file, BYTES("\0\0\0\1\0\0\0\4", 8));
	OK(crypt_hash(TPM2_ALG_SHA256, (struct bytes[]) { buf_bytes(&file), bytes_of("test") }, 2,
		      &sum));
	buf_add(&file, BYTES(sum.buffer, sum.size));
	buf_add_str(&file, "test");
	refuses(home, buf_bytes(&file), INRO_E_VERSION);
}

static void limit_files(rlim_t n)
{
	struct rlimit r;

	assert_int_equal(getrlimit(RLIMIT_FSIZE, &r), 0);
	r.rlim_cur = n < r.rlim_max ? n : r.rlim_max;
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &r), 0);
}

static void test_full_disk(void **state)
{
	const char *home = turn_home("full");
	struct link *l = turn_with_counter(home);
	void (*before)(int) = signal(SIGXFSZ, SIG_IGN);
	uint32_t key;

	(void)state;
	GOOD(turn_ecc_primary(l, &key));
	limit_files(100);
	assert_int_equal(turn_increment(l), TURN_LINK_FAILED);
	assert_int_equal(turn_err, INRO_E_FULL);
	/* what needs no room goes on, from what is on disk */
	assert_int_equal(turn_counted(l), 1);
	assert_int_not_equal(turn_sign(l, key), TPM2_RC_SUCCESS);
	limit_files(RLIM_INFINITY);
	signal(SIGXFSZ, before);
	GOOD(turn_increment(l));
	assert_int_equal(turn_counted(l), 2);
	assert_int_not_equal(access(turn_in_home(home, "/tpm/state.new"), F_OK), 0);
	link_free(l);
}

/* A program that keeps its files full finds no state there: none is half made. */
static void test_full_disk_at_first(void **state)
{
	const char *home = turn_home("full at first");
	struct link *l = turn_embedded(home);
	void (*before)(int) = signal(SIGXFSZ, SIG_IGN);

	(void)state;
	limit_files(100);
	assert_int_equal(turn_random(l), TURN_LINK_FAILED);
	assert_int_equal(turn_err, INRO_E_FULL);
	assert_int_not_equal(access(turn_in_home(home, STATE), F_OK), 0);
	limit_files(RLIM_INFINITY);
	signal(SIGXFSZ, before);
	GOOD(turn_random(l));
	link_free(l);
}

static void test_two_homes(void **state)
{
	struct link *a = turn_with_counter(turn_home("home a")),
		    *b = turn_with_counter(turn_home("home b"));
	uint64_t epoch;

	(void)state;
	for (unsigned i = 0; i < 5; i++) {
		assert_int_equal(turn_counted(a), 1 + i);
		assert_int_equal(turn_counted(b), 1 + 2 * i);
		GOOD(turn_increment(a));
		GOOD(turn_increment(b));
		GOOD(turn_increment(b));
	}
	/* a thread has the turn of one of them at a time */
	OK(link_begin(a, &epoch));
	assert_int_equal(link_begin(b, &epoch), INRO_E_STATE);
	link_end(a);
	link_free(a);
	GOOD(turn_increment(b));
	assert_int_equal(turn_counted(b), 12);
	link_free(b);
}

struct busy {
	struct link *l;
	unsigned bad;
};

static void *increment_in_thread(void *arg)
{
	struct busy *b = arg;

	for (int i = 0; i < EACH; i++)
		b->bad += turn_increment(b->l) != TPM2_RC_SUCCESS;
	return NULL;
}

static void test_two_homes_two_threads(void **state)
{
	struct busy b[2] = { 0 };
	pthread_t t[2];

	(void)state;
	b[0].l = turn_with_counter(turn_home("thread a"));
	b[1].l = turn_with_counter(turn_home("thread b"));
	for (int i = 0; i < 2; i++)
		assert_int_equal(pthread_create(&t[i], NULL, increment_in_thread, &b[i]), 0);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(pthread_join(t[i], NULL), 0);
		assert_int_equal(b[i].bad, 0);
		assert_int_equal(turn_counted(b[i].l), 1 + EACH);
		link_free(b[i].l);
	}
}

static void test_leaks_no_files(void **state)
{
	const char *home = turn_home("files");
	size_t before;

	(void)state;
	link_free(turn_with_counter(home));
	before = scratch_entries("/proc/self/fd");
	for (int i = 0; i < 20; i++) {
		struct link *l = turn_embedded(home);

		GOOD(turn_increment(l));
		GOOD(turn_random(l));
		link_free(l);
	}
	assert_int_equal(scratch_entries("/proc/self/fd"), before);
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *where)
{
	(void)st;
	(void)type;
	(void)where;
	return remove(path);
}

/* Whoever takes the folder away has a new TPM, and so has a process that had the old one. */
static void test_folder_taken_away(void **state)
{
	char *home = strdup(turn_home("away"));
	struct link *l = turn_with_counter(home);

	(void)state;
	assert_int_equal(nftw(turn_in_home(home, "/tpm"), remove_one, 8, FTW_DEPTH | FTW_PHYS), 0);
	assert_int_equal(scratch_child(use_keys, home), 0);
	assert_int_not_equal(turn_increment(l), TPM2_RC_SUCCESS);
	GOOD(turn_define_counter(l));
	GOOD(turn_increment(l));
	assert_int_equal(scratch_child(read_counter, home), 1);
	link_free(l);
	free(home);
}

/* libtpms answers a ciphertext that is none as if it had broken down. */
static void test_bad_ciphertext(void **state)
{
	struct link *l = turn_embedded(turn_home("ciphertext"));
	uint64_t before;
	uint32_t key;

	(void)state;
	GOOD(turn_rsa_primary(l, &key));
	before = turn_epoch;
	assert_int_not_equal(turn_decrypt_nonsense(l, key), TPM2_RC_SUCCESS);
	GOOD(turn_random(l));
	assert_int_equal(turn_epoch, before);
	GOOD(turn_flush(l, key));
	link_free(l);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_not_installed),
		cmocka_unit_test(test_no_random_numbers),
		cmocka_unit_test(test_nothing_before_a_turn),
		cmocka_unit_test(test_keeps),
		cmocka_unit_test(test_seeds),
		cmocka_unit_test(test_epochs),
		cmocka_unit_test(test_two_processes),
		cmocka_unit_test(test_eight_processes),
		cmocka_unit_test(test_damaged),
		cmocka_unit_test(test_not_libtpms),
		cmocka_unit_test(test_full_disk),
		cmocka_unit_test(test_full_disk_at_first),
		cmocka_unit_test(test_two_homes),
		cmocka_unit_test(test_two_homes_two_threads),
		cmocka_unit_test(test_leaks_no_files),
		cmocka_unit_test(test_folder_taken_away),
		cmocka_unit_test(test_bad_ciphertext),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
