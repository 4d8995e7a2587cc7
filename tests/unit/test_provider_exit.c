/*
 * How a program may end that used a key in a token: with a key freed or not, by each order of its
 * own handlers, libcrypto's end and the provider's unloading, its status is its own, and the module
 * was finalised where the provider could do so.
 *
 * Each way is a program of its own: this one, started anew.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include <dlfcn.h>
#include <openssl/err.h>
#include <openssl/provider.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/lib/chosen.h"
#include "tests/lib/tap_p11.h"
#include "tests/lib/token_keys.h"

#define MINE	 7 /* the status that each ends with */
#define NOT_LEFT 8 /* the module was not finalised as it should have been */
#define EC	 "pkcs11:token=line1;object=ec?pin-value=" TOKEN_KEYS_PIN

static struct tap *tap;
static EVP_PKEY *key;
static OSSL_LIB_CTX *libctx;
static pid_t program;

static bool signs(void)
{
	EVP_MD_CTX *md = EVP_MD_CTX_new();
	unsigned char sig[72];
	size_t n = sizeof sig;
	bool ok = EVP_DigestSignInit_ex(md, NULL, "SHA256", NULL, NULL, key, NULL) > 0 &&
		  EVP_DigestSign(md, sig, &n, (const unsigned char *)"data", 4) > 0;

	EVP_MD_CTX_free(md);
	return ok;
}

static void need(bool ok, const char *what)
{
	if (ok)
		return;
	fprintf(stderr, "%s: %s\n", what, ERR_reason_error_string(ERR_peek_last_error()));
	_exit(1);
}

/* In the program's default context, as a configuration has it. */
static void start(void)
{
	char path[4096];

	snprintf(path, sizeof path, "%s/lib", getenv("INRO_TEST_BUILD"));
	need(OSSL_PROVIDER_set_default_search_path(NULL, path) == 1, "path");
	need(OSSL_PROVIDER_load(NULL, "default") && OSSL_PROVIDER_load(NULL, "inro"), "provider");
	key = token_keys_load(NULL, EC);
	need(key && signs(), "signature");
}

static void key_kept(void)
{
	start();
}

static void key_freed(void)
{
	start();
	EVP_PKEY_free(key);
}

static void *end(void *arg)
{
	(void)arg;
	exit(MINE);
}

static void from_a_thread(void)
{
	pthread_t t;

	start();
	need(pthread_create(&t, NULL, end, NULL) == 0, "thread");
	pthread_join(t, NULL);
}

static pthread_t busy;

static void *sign_on(void *arg)
{
	while (signs())
		;
	return arg;
}

static void join_busy(void)
{
	pthread_join(busy, NULL);
}

/* It signs until the gate is shut; libcrypto itself must not end under it. */
static void beside_a_busy_thread(void)
{
	need(OPENSSL_init_crypto(OPENSSL_INIT_LOAD_CRYPTO_STRINGS, NULL) == 1 &&
		     atexit(join_busy) == 0,
	     "handler");
	start();
	need(pthread_create(&busy, NULL, sign_on, NULL) == 0, "thread");
	usleep(20000);
}

/* Handlers run backwards: what is made before the first use runs after the gate is shut; libcrypto
 * itself has to end later. */
static void refused_in_handler(void)
{
	if (signs())
		_exit(1);
}

static void used_in_an_early_handler(void)
{
	need(OPENSSL_init_crypto(OPENSSL_INIT_LOAD_CRYPTO_STRINGS, NULL) == 1 &&
		     atexit(refused_in_handler) == 0,
	     "handler");
	start();
}

static void signs_in_handler(void)
{
	need(signs(), "in a handler");
}

static void used_in_a_late_handler(void)
{
	start();
	need(atexit(signs_in_handler) == 0, "handler");
}

static void free_in_handler(void)
{
	EVP_PKEY_free(key);
}

static void freed_in_an_early_handler(void)
{
	need(OPENSSL_init_crypto(OPENSSL_INIT_LOAD_CRYPTO_STRINGS, NULL) == 1 &&
		     atexit(free_in_handler) == 0,
	     "handler");
	start();
}

static void started_in_a_handler(void)
{
	need(atexit(start) == 0, "handler");
}

static void libcrypto_ended_by_hand(void)
{
	start();
	EVP_PKEY_free(key);
	OPENSSL_cleanup();
}

/* With its keys freed the provider is torn down here, and its library unloaded. */
static void in_a_context_of_its_own(void)
{
	for (int i = 0; i < 2; i++) {
		libctx = token_keys_libctx("default", "inro");
		key = token_keys_load(libctx, EC);
		need(key && signs(), "signature");
		EVP_PKEY_free(key);
		token_keys_libctx_free(libctx);
	}
}

static void two_contexts_kept(void)
{
	start();
	libctx = token_keys_libctx("inro", "default");
	need(token_keys_load(libctx, EC) != NULL, "second key");
}

/* The child has used nothing, and has the same handlers. */
static void in_a_forked_child(void)
{
	pid_t child;
	int status;

	start();
	child = fork();
	if (child == 0)
		exit(MINE);
	need(waitpid(child, &status, 0) == child && WIFEXITED(status) &&
		     WEXITSTATUS(status) == MINE,
	     "the child");
	need(signs(), "signature after the child's end");
}

static void in_a_child_that_signs(void)
{
	pid_t child;
	int status;

	start();
	child = fork();
	if (child == 0) {
		need(signs(), "the child's signature");
		exit(MINE);
	}
	need(waitpid(child, &status, 0) == child && WIFEXITED(status) &&
		     WEXITSTATUS(status) == MINE,
	     "the child");
	need(signs(), "signature after the child's end");
}

static const struct way {
	const char *name;
	void (*run)(void);
	int finalized; /* how often the module has to be; -1: as it comes */
} ways[] = {
	{ "key_kept", key_kept, 1 },
	{ "key_freed", key_freed, 1 },
	{ "from_a_thread", from_a_thread, 1 },
	{ "beside_a_busy_thread", beside_a_busy_thread, 1 },
	{ "used_in_an_early_handler", used_in_an_early_handler, 1 },
	{ "used_in_a_late_handler", used_in_a_late_handler, 1 },
	{ "freed_in_an_early_handler", freed_in_an_early_handler, 1 },
	{ "started_in_a_handler", started_in_a_handler, 1 },
	{ "libcrypto_ended_by_hand", libcrypto_ended_by_hand, -1 },
	{ "in_a_context_of_its_own", in_a_context_of_its_own, 2 },
	{ "two_contexts_kept", two_contexts_kept, 1 },
	{ "in_a_forked_child", in_a_forked_child, 1 },
	{ "in_a_child_that_signs", in_a_child_that_signs, 1 },
};

static const struct way *chosen_way;

/* The last destructor of all but libc's own; the tap stays loaded. */
__attribute__((destructor)) static void look(void)
{
	if (!chosen_way || !tap || chosen_way->finalized < 0 || getpid() != program)
		return;
	if (tap->finalized == chosen_way->finalized && tap->open == 0)
		return;
	fprintf(stderr, "%s: finalised %d times, %d sessions open\n", chosen_way->name,
		tap->finalized, tap->open);
	_exit(NOT_LEFT);
}

static int be(const char *name)
{
	void *module = dlopen(getenv("INRO_MODULE"), RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);

	*(void **)&tap = module ? dlsym(module, "tap") : NULL;
	need(tap != NULL, "the tap");
	for (size_t i = 0; i < sizeof ways / sizeof *ways; i++)
		if (strcmp(ways[i].name, name) == 0) {
			chosen_way = &ways[i];
			program = getpid();
			chosen_way->run();
			return MINE;
		}
	return 1;
}

static void ends(void **state)
{
	const struct way *w = *state;
	pid_t child;
	int status = 0;

	if (w->run == in_a_child_that_signs)
		NEEDS("fork-signs");
	child = fork();
	if (child == 0) {
		alarm(90); /* of a loaded machine; a process that hangs hangs longer */
		/* Keys that are kept are what some of the ways are about. */
		setenv("ASAN_OPTIONS", "detect_leaks=0", 1);
		execl("/proc/self/exe", "test_provider_exit", w->name, (char *)NULL);
		_exit(1);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	if (WIFSIGNALED(status))
		print_error("%s: signal %d\n", w->name, WTERMSIG(status));
	else if (WEXITSTATUS(status) != MINE)
		print_error("%s: status %d\n", w->name, WEXITSTATUS(status));
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), MINE);
}

int main(int argc, char **argv)
{
	struct CMUnitTest tests[sizeof ways / sizeof *ways];
	char path[4096];

	if (argc > 1)
		return be(argv[1]);
	token_keys_make();
	snprintf(path, sizeof path, "%s/tests/tap-p11.so", getenv("INRO_TEST_BUILD"));
	if (setenv("INRO_TAPPED", getenv("INRO_MODULE"), 1) != 0 ||
	    setenv("INRO_MODULE", path, 1) != 0)
		return 1;
	for (size_t i = 0; i < sizeof ways / sizeof *ways; i++)
		tests[i] = (struct CMUnitTest) { .name = ways[i].name,
						 .test_func = ends,
						 .initial_state = (void *)(uintptr_t)&ways[i] };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
