/*
 * soft and libctx in the life of a process: fork beside busy threads, threads that end late, and
 * both orders of ending beside libcrypto's own exit handler.
 *
 * The ends are tried in fresh processes: this program again, with the name of the ending.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <pthread.h>
#include <spawn.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/own.h"
#include "pkcs11/soft/soft.h"
#include "pkcs11/token/libctx.h"
#include "pkcs11/token/pkey.h"
#include "tests/lib/scratch.h"

#define SERIAL	bytes_of("00000000c0ffee01")
#define PIN	bytes_of("123456")
#define MESSAGE bytes_of("message")
#define FORKS	12
/* A child that hangs is ended by its alarm. */
#define PATIENCE 20

static const uint8_t p256[] = { 6, 8, 0x2a, 0x86, 0x48, 0xce, 0x3d, 3, 1, 7 };
static const struct key_spec ec_spec = { .kind = KEY_EC, .params = { p256, sizeof p256 } };
static const struct use_spec ecdsa = { .mech = CKM_ECDSA };

static const struct backend_ops *const ops = &backend_soft;

struct token {
	struct backend *b;
	struct buf auth, sealed;
	backend_key key;
};

/* Without cmocka's asserts: it runs in children and exit handlers too. */
static enum inro_err token_make(struct token *t)
{
	SCOPED(buf) spki = { 0 };
	enum inro_err e = ops->open(BYTES_NONE, SERIAL, &t->b);

	if (!e)
		e = ops->init(t->b);
	if (!e)
		e = ops->set_pin(t->b, CKU_USER, PIN, &t->auth);
	if (!e)
		e = ops->generate(t->b, &ec_spec, &t->key, &spki);
	return e ? e : ops->seal_key(t->b, t->key, MESSAGE, &t->sealed);
}

static void token_clear(struct token *t)
{
	ops->close(t->b);
	buf_clear(&t->auth);
	buf_clear(&t->sealed);
}

static enum inro_err sign(struct backend *b, backend_key key)
{
	uint8_t sig[64];
	size_t n;

	return ops->use(b, &(struct use) { key, USE_SIGN, &ecdsa }, MESSAGE,
			(struct room) { sig, sizeof sig }, &n);
}

/* ---- fork ---- */

static atomic_bool stop;

static void *keep_signing(void *arg)
{
	const struct token *t = arg;

	while (!atomic_load(&stop)) {
		SCOPED(buf) spki = { 0 };
		backend_key made;

		if (sign(t->b, t->key) || ops->generate(t->b, &ec_spec, &made, &spki))
			return arg;
		ops->unload(t->b, made);
	}
	return NULL;
}

/* What a child does on its own: a new instance, and everything with it. */
static int work_in_child(struct token *t)
{
	struct backend *mine = NULL;
	backend_key key;

	ops->close(t->b);
	if (ops->open(BYTES_NONE, SERIAL, &mine))
		return 1;
	if (ops->unlock(mine, CKU_USER, buf_bytes(&t->auth), PIN))
		return 2;
	if (ops->load(mine, buf_bytes(&t->sealed), MESSAGE, &key))
		return 3;
	if (sign(mine, key))
		return 4;
	ops->close(mine);
	return 0;
}

static void expect_clean_end(pid_t child)
{
	int status = -1;

	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
}

static void test_fork_beside_busy_threads(void **state)
{
	SCOPED(token) t = { 0 };
	pthread_t threads[2];
	void *failed;

	(void)state;
	if (!SCRATCH_BUSY_FORKS)
		skip();
	assert_int_equal(token_make(&t), INRO_OK);
	atomic_store(&stop, false);
	for (size_t i = 0; i < ARRAY_LEN(threads); i++)
		assert_int_equal(pthread_create(&threads[i], NULL, keep_signing, &t), 0);
	for (int i = 0; i < FORKS; i++) {
		pid_t child = fork();

		if (child == 0) {
			alarm(PATIENCE);
			_exit(work_in_child(&t));
		}
		expect_clean_end(child);
	}
	atomic_store(&stop, true);
	for (size_t i = 0; i < ARRAY_LEN(threads); i++) {
		pthread_join(threads[i], &failed);
		assert_null(failed);
	}
	assert_int_equal(sign(t.b, t.key), INRO_OK);
}

static bool kernel_wipes_on_fork(void)
{
	SCOPED(secret) probe = { 0 };
	int status = 0;
	pid_t child;

	assert_int_equal(secret_new(1, &probe), INRO_OK);
	probe.p[0] = 1;
	child = fork();
	if (child == 0)
		_exit(probe.p[0]);
	assert_int_equal(waitpid(child, &status, 0), child);
	return WEXITSTATUS(status) == 0;
}

/* The parent's instance is of no use to a child: nothing is ever sealed under an empty key. */
static void test_child_has_no_master_key(void **state)
{
	SCOPED(token) t = { 0 };
	pid_t child;

	(void)state;
	if (!kernel_wipes_on_fork())
		skip();
	assert_int_equal(token_make(&t), INRO_OK);
	child = fork();
	if (child == 0) {
		SCOPED(buf) out = { 0 };

		alarm(PATIENCE);
		_exit(ops->seal(t.b, MESSAGE, MESSAGE, &out) == INRO_E_LOGIN && out.n == 0 ? 0 : 1);
	}
	expect_clean_end(child);
}

static void test_one_context_a_process(void **state)
{
	OSSL_LIB_CTX *first, *second;
	pid_t child;

	(void)state;
	assert_int_equal(libctx_get(&first), INRO_OK);
	assert_int_equal(libctx_get(&second), INRO_OK);
	assert_ptr_equal(first, second);
	child = fork();
	if (child == 0)
		_exit(libctx_get(&second) || second == first);
	expect_clean_end(child);
}

static void test_hashes(void **state)
{
	const EVP_MD *md;

	(void)state;
	assert_int_equal(libctx_md(CKM_SHA384, &md), INRO_OK);
	assert_int_equal(EVP_MD_get_size(md), (int)libctx_md_size(CKM_SHA384));
	assert_true(EVP_MD_is_a(md, libctx_md_name(CKM_SHA384)));
	assert_int_equal(libctx_md(CKM_SHA256_HMAC, &md), INRO_E_MECHANISM);
	assert_int_equal(libctx_md_size(CKM_SHA256_HMAC), 0);
	assert_null(libctx_md_name(CKM_SHA256_HMAC));
}

/* ---- endings ---- */

static struct token ending;

static void end_late(void)
{
	if (!libcrypto_gone())
		_exit(10);
	if (sign(ending.b, ending.key) != INRO_E_CRYPTO)
		_exit(11);
	token_clear(&ending);
}

static void end_early(void)
{
	if (libcrypto_gone() || sign(ending.b, ending.key))
		_exit(12);
	token_clear(&ending);
}

static void *sign_once(void *arg)
{
	pthread_barrier_t *both = arg;

	if (sign(ending.b, ending.key))
		_exit(13);
	pthread_barrier_wait(both);
	/* the main thread closes the token; this thread ends afterwards */
	pthread_barrier_wait(both);
	return NULL;
}

static void end_with_a_late_thread(void)
{
	pthread_barrier_t both;
	pthread_t thread;

	pthread_barrier_init(&both, NULL, 2);
	if (pthread_create(&thread, NULL, sign_once, &both))
		_exit(14);
	pthread_barrier_wait(&both);
	token_clear(&ending);
	pthread_barrier_wait(&both);
	pthread_join(thread, NULL);
	pthread_barrier_destroy(&both);
}

/* In a fresh process: handlers run in the reverse order of their registration, and libcrypto's is
 * registered by its first use. */
static int end_this_way(const char *way)
{
	bool late = strcmp(way, "late") == 0;

	if (late && atexit(end_late))
		return 20;
	if (token_make(&ending))
		return 21;
	if (strcmp(way, "early") == 0 && atexit(end_early))
		return 22;
	if (strcmp(way, "thread") == 0)
		end_with_a_late_thread();
	return 0;
}

static void expect_ending(const char *way)
{
	char path[] = "/proc/self/exe", name[] = "test_soft_process", *word = strdup(way);
	char *argv[] = { name, word, NULL };
	pid_t child;

	assert_non_null(word);
	assert_int_equal(posix_spawn(&child, path, NULL, NULL, argv, environ), 0);
	expect_clean_end(child);
	free(word);
}

static void test_endings(void **state)
{
	(void)state;
	expect_ending("late");
	expect_ending("early");
	expect_ending("thread");
	expect_ending("open");
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_fork_beside_busy_threads),
		cmocka_unit_test(test_child_has_no_master_key),
		cmocka_unit_test(test_one_context_a_process),
		cmocka_unit_test(test_hashes),
		cmocka_unit_test(test_endings),
	};

	if (argc > 1)
		return end_this_way(argv[1]);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
