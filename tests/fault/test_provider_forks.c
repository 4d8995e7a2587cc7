/* test_provider_forks - programs that fork while their threads sign and shake hands, in every
 * manner that programs have: none of the children hangs, none fails, and the parent goes on. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <openssl/ssl.h>
#include <openssl/x509.h>

#include "tests/lib/scratch.h"
#include "tests/lib/token_keys.h"

#define URI "pkcs11:token=line1;object=ec?pin-value=" TOKEN_KEYS_PIN
/* 210 children in all; each that signs logs in, which costs a twentieth of a second of a processor,
 * and one at a time: children of one parent share whose turn it is (provider/refused.h). */
#define AT_ONCE	 10
#define PATIENCE 120 /* seconds, then a child hangs; the last of ten on a loaded machine does not */

static const unsigned char data[] = "what is signed";
static OSSL_LIB_CTX *libctx;
static EVP_PKEY *key;
static X509 *cert;
static SSL_CTX *tls;

static bool signs(void)
{
	EVP_MD_CTX *c = EVP_MD_CTX_new();
	unsigned char sig[80];
	size_t n = sizeof sig;
	bool ok = EVP_DigestSignInit_ex(c, NULL, "SHA256", libctx, NULL, key, NULL) == 1 &&
		  EVP_DigestSign(c, sig, &n, data, sizeof data) == 1;

	EVP_MD_CTX_free(c);
	return ok;
}

/* One step of each side in turn until both are through, or nothing moves. */
static bool converse(SSL *client, SSL *server)
{
	int c = 0, s = 0;

	for (int i = 0; i < 10 && !(c == 1 && s == 1); i++) {
		c = SSL_do_handshake(client);
		s = SSL_do_handshake(server);
	}
	return c == 1 && s == 1;
}

/* A mutual handshake inside of this process, both sides with the token's key. */
static bool shakes_hands(void)
{
	SSL *client = SSL_new(tls), *server = SSL_new(tls);
	BIO *a = NULL, *b = NULL;
	bool ok = client && server && BIO_new_bio_pair(&a, 0, &b, 0) == 1;

	if (ok) {
		SSL_set_bio(client, a, a);
		SSL_set_bio(server, b, b);
		SSL_set_connect_state(client);
		SSL_set_accept_state(server);
		ok = converse(client, server);
	}
	SSL_free(client);
	SSL_free(server);
	return ok;
}

static X509 *self_signed(void)
{
	X509 *x = X509_new_ex(libctx, NULL);
	X509_NAME *name = X509_get_subject_name(x);

	assert_true(X509_set_version(x, X509_VERSION_3));
	assert_true(ASN1_INTEGER_set(X509_get_serialNumber(x), 1));
	assert_non_null(X509_gmtime_adj(X509_getm_notBefore(x), -60));
	assert_non_null(X509_gmtime_adj(X509_getm_notAfter(x), 3600));
	assert_true(X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC,
					       (const unsigned char *)"line1", -1, -1, 0));
	assert_true(X509_set_issuer_name(x, name));
	assert_true(X509_set_pubkey(x, key));
	assert_true(X509_sign(x, key, EVP_sha256()) > 0);
	return x;
}

static SSL_CTX *tls_context(void)
{
	SSL_CTX *c = SSL_CTX_new_ex(libctx, NULL, TLS_method());

	assert_non_null(c);
	assert_true(SSL_CTX_use_certificate(c, cert));
	assert_true(SSL_CTX_use_PrivateKey(c, key));
	assert_true(X509_STORE_add_cert(SSL_CTX_get_cert_store(c), cert));
	SSL_CTX_set_verify(c, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
	return c;
}

static int set_up(void **state)
{
	(void)state;
	libctx = token_keys_libctx("default", "inro");
	key = token_keys_load(libctx, URI);
	assert_non_null(key);
	cert = self_signed();
	tls = tls_context();
	assert_true(signs() && shakes_hands());
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	SSL_CTX_free(tls);
	X509_free(cert);
	EVP_PKEY_free(key);
	token_keys_libctx_free(libctx);
	return 0;
}

/* ---- threads that are busy while the process forks ---- */

typedef bool deed(void);

struct busy {
	pthread_t threads[2];
	deed *what;
	atomic_bool stop, rest;
	atomic_int bad, done;
};

static void *keep_doing(void *arg)
{
	struct busy *b = arg;

	while (!b->stop) {
		if (b->rest)
			usleep(1000);
		b->bad += !b->what();
		b->done++;
	}
	return NULL;
}

static void busy_start(struct busy *b, deed *what)
{
	*b = (struct busy) { .what = what };
	for (size_t i = 0; i < ARRAY_LEN(b->threads); i++)
		assert_int_equal(pthread_create(&b->threads[i], NULL, keep_doing, b), 0);
}

static void busy_end(struct busy *b)
{
	int done = b->done;

	while (b->done < done + 4) /* the parent goes on */
		usleep(1000);
	b->stop = true;
	for (size_t i = 0; i < ARRAY_LEN(b->threads); i++)
		assert_int_equal(pthread_join(b->threads[i], NULL), 0);
	assert_int_equal(b->bad, 0);
}

/* ---- manners of children; each ends the child ---- */

static deed *what_child_does;

static void at_once(void)
{
	_exit(what_child_does() ? 0 : 1);
}

static void nothing(void)
{
	_exit(0);
}

/* Through exit(): all handlers run, libcrypto's and the module's. */
static void ends_by_exit(void)
{
	exit(what_child_does() ? 0 : 1);
}

static void closes_everything(void)
{
	for (int fd = 0; fd < 256; fd++)
		close(fd);
	_exit(what_child_does() ? 0 : 1);
}

static void runs_a_program(void)
{
	execl("/bin/true", "true", (char *)NULL);
	_exit(1);
}

/* As daemon() does: the grandchild works; its parent, a child, tells how it ended. */
static void becomes_a_daemon(void)
{
	int status = 1;
	pid_t pid;

	setsid();
	pid = fork();
	if (pid == 0) {
		alarm(PATIENCE);
		_exit(chdir("/") == 0 && what_child_does() ? 0 : 1);
	}
	_exit(pid > 0 && waitpid(pid, &status, 0) == pid && status == 0 ? 0 : 1);
}

static pid_t start_child(void (*manner)(void))
{
	pid_t pid = fork();

	if (pid == 0) {
		alarm(PATIENCE);
		manner();
	}
	return pid;
}

struct count {
	int of, failed, hung;
};

static void end_child(pid_t pid, struct count *c)
{
	int status = -1;

	assert_int_equal(waitpid(pid, &status, 0), pid);
	c->of++;
	c->hung += WIFSIGNALED(status) && WTERMSIG(status) == SIGALRM;
	c->failed += status != 0;
}

/* The threads are busy at the moment of each fork; while the children log in they leave the
 * processors to them. */
static void fork_some(struct busy *b, int times, void (*manner)(void), struct count *c)
{
	pid_t pids[AT_ONCE];
	int before = b->done;

	b->rest = false;
	while (b->done < before + 4)
		usleep(100);
	for (int i = 0; i < times; i++)
		pids[i] = start_child(manner);
	b->rest = true;
	for (int i = 0; i < times; i++)
		end_child(pids[i], c);
}

static void forks_beside(deed *threads_do, deed *children_do, int rounds, void (*manner)(void))
{
	struct busy b;
	struct count c = { 0 };

	what_child_does = children_do;
	busy_start(&b, threads_do);
	for (int i = 0; i < rounds && !c.hung; i++)
		fork_some(&b, AT_ONCE, manner, &c);
	busy_end(&b);
	if (c.failed || c.hung)
		fail_msg("%d of %d children failed, %d of these hung", c.failed, c.of, c.hung);
}

static void children_sign_beside_signers(void **state)
{
	(void)state;
	forks_beside(signs, signs, 12, at_once);
}

static void children_sign_beside_handshakes(void **state)
{
	(void)state;
	forks_beside(shakes_hands, signs, 2, at_once);
}

static void children_shake_hands(void **state)
{
	(void)state;
	forks_beside(shakes_hands, shakes_hands, 2, at_once);
}

static void every_manner_of_ending(void **state)
{
	static void (*const manners[])(void) = { nothing, ends_by_exit, closes_everything,
						 runs_a_program, becomes_a_daemon };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(manners); i++)
		forks_beside(signs, signs, 1, manners[i]);
}

/* Children that share the memory of a parent until they are another program. */
static void spawned_and_vforked(void **state)
{
	static char *const argv[] = { (char *)(uintptr_t) "true", NULL };
	struct busy b;
	int status;
	pid_t pid;

	(void)state;
	busy_start(&b, signs);
	for (int i = 0; i < 20; i++) {
		assert_int_equal(posix_spawn(&pid, "/bin/true", NULL, NULL, argv, environ), 0);
		assert_int_equal(waitpid(pid, &status, 0), pid);
		assert_int_equal(status, 0);
		pid = vfork();
		if (pid == 0) {
			execv("/bin/true", argv);
			_exit(1);
		}
		assert_int_equal(waitpid(pid, &status, 0), pid);
		assert_int_equal(status, 0);
	}
	busy_end(&b);
}

/* Workers of a server: children of children, each of which goes on after its own. */
static void generations(void **state)
{
	int status = 0, depth = 0;
	pid_t pid = 0;

	(void)state;
	for (; depth < 4 && pid == 0; depth++) {
		alarm(depth ? PATIENCE : 0);
		pid = fork();
		if (pid == 0 && !signs())
			_exit(1);
	}
	if (pid > 0 && waitpid(pid, &status, 0) != pid)
		status = 1;
	if (depth > 1 || pid == 0)
		_exit(status == 0 && signs() ? 0 : 1);
	assert_int_equal(status, 0);
	assert_true(signs());
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(children_sign_beside_signers),
		cmocka_unit_test(children_sign_beside_handshakes),
		cmocka_unit_test(children_shake_hands),
		cmocka_unit_test(every_manner_of_ending),
		cmocka_unit_test(spawned_and_vforked),
		cmocka_unit_test(generations),
	};

	token_keys_make();
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
