/* test_provider_pin - when a program is asked for a PIN, how often, and what comes of its answer.
 */
#include <setjmp.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#include <openssl/err.h>
#include <openssl/store.h>
#include <openssl/ui.h>

#include "tests/lib/scratch.h"
#include "tests/lib/token_keys.h"

#define EC "pkcs11:token=line1;object=ec;type=private"

static OSSL_LIB_CTX *libctx;
static const char *answer;
static atomic_int asked;
static void (*meanwhile)(void); /* what the program does before it answers */

static int callback(char *room, int size, int rwflag, void *arg)
{
	(void)rwflag;
	(void)arg;
	asked++;
	if (meanwhile)
		meanwhile();
	if (!answer)
		return -1;
	snprintf(room, (size_t)size, "%s", answer);
	return (int)strlen(room);
}

static EVP_PKEY *load(const char *uri)
{
	UI_METHOD *ui = UI_UTIL_wrap_read_pem_callback(callback, 0);
	OSSL_STORE_CTX *store = OSSL_STORE_open_ex(uri, libctx, NULL, ui, NULL, NULL, NULL, NULL);
	OSSL_STORE_INFO *info;
	EVP_PKEY *key = NULL;

	assert_non_null(store);
	OSSL_STORE_expect(store, OSSL_STORE_INFO_PKEY);
	info = OSSL_STORE_load(store);
	if (info)
		key = OSSL_STORE_INFO_get1_PKEY(info);
	OSSL_STORE_INFO_free(info);
	OSSL_STORE_close(store);
	UI_destroy_method(ui);
	return key;
}

static void first_error_says(const char *words)
{
	const char *detail = "";

	ERR_peek_error_data(&detail, NULL);
	if (!strstr(detail, words))
		fail_msg("'%s' does not say '%s'", detail, words);
	ERR_clear_error();
}

static int set_up(void **state)
{
	(void)state;
	answer = NULL;
	meanwhile = NULL;
	asked = 0;
	libctx = token_keys_libctx("default", "inro");
	return 0;
}

/* A right PIN gives all tries back. */
static int tear_down(void **state)
{
	EVP_PKEY *key;

	(void)state;
	token_keys_libctx_free(libctx);
	libctx = token_keys_libctx("default", "inro");
	key = token_keys_load(libctx, EC "?pin-value=" TOKEN_KEYS_PIN);
	EVP_PKEY_free(key);
	token_keys_libctx_free(libctx);
	ERR_clear_error();
	return key ? 0 : -1;
}

static void asked_once_a_login(void **state)
{
	(void)state;
	answer = TOKEN_KEYS_PIN;
	for (int i = 0; i < 3; i++) {
		EVP_PKEY *key = load(EC);

		assert_non_null(key);
		EVP_PKEY_free(key);
	}
	assert_int_equal(asked, 1);
}

static void not_asked_where_a_pin_is_given(void **state)
{
	EVP_PKEY *key = load(EC "?pin-value=" TOKEN_KEYS_PIN);

	(void)state;
	assert_non_null(key);
	EVP_PKEY_free(key);
	assert_int_equal(asked, 0);
}

/* One try, and no other place is looked at; the same answer again costs none. */
static void a_refused_answer(void **state)
{
	CK_ULONG tries = token_keys_tries_left();

	(void)state;
	answer = "wrong";
	assert_null(load(EC));
	first_error_says("wrong PIN for token 'line1'");
	for (int i = 0; i < 4; i++) {
		assert_null(load(EC));
		first_error_says("refused this PIN before");
	}
	assert_int_equal(token_keys_tries_left(), tries - 1);
	answer = TOKEN_KEYS_PIN;
	EVP_PKEY_free(load(EC));
	assert_int_equal(token_keys_tries_left(), tries);
}

/* Two keys with a wrong PIN each, again and again: each PIN costs one try. */
static void refused_in_turns(void **state)
{
	static const char *const uris[] = { EC "?pin-value=wrong-1", EC "?pin-value=wrong-2",
					    EC "?pin-value=wrong-3" };
	CK_ULONG tries = token_keys_tries_left();

	(void)state;
	for (int i = 0; i < 4; i++)
		for (size_t k = 0; k < ARRAY_LEN(uris); k++) {
			assert_null(load(uris[k]));
			first_error_says(i ? "refused this PIN before" : "wrong PIN for token");
		}
	assert_int_equal(token_keys_tries_left(), tries - ARRAY_LEN(uris));
}

static int sign_in_child(void *vkey)
{
	return token_keys_sign(libctx, vkey) ? 0 : 1;
}

/* A daemon whose workers log in with a PIN that is not the token's any more: one try, not one for
 * each worker, nor for each of those that come after them. */
static void refused_to_children(void **state)
{
	const char *path = scratch_file("pin", TOKEN_KEYS_PIN "\n", strlen(TOKEN_KEYS_PIN) + 1);
	CK_ULONG tries = token_keys_tries_left();
	char uri[4300];
	EVP_PKEY *key;

	(void)state;
	snprintf(uri, sizeof uri, EC "?pin-source=file:%s", path);
	key = load(uri);
	assert_non_null(key);
	assert_int_equal(scratch_child(sign_in_child, key), 0);
	scratch_file("pin", "wrong-4\n", 8);
	for (int i = 0; i < 4; i++)
		assert_int_equal(scratch_child(sign_in_child, key), 1);
	assert_int_equal(token_keys_tries_left(), tries - 1);
	scratch_file("pin", TOKEN_KEYS_PIN "\n", strlen(TOKEN_KEYS_PIN) + 1);
	assert_int_equal(scratch_child(sign_in_child, key), 0);
	EVP_PKEY_free(key);
}

/* As another user of the module in this process may: the login ends. */
static void close_all_sessions(void)
{
	struct ck_module *m;
	struct ck_token t;

	assert_int_equal(ck_module_open(getenv("INRO_MODULE"), &m), INRO_OK);
	assert_int_equal(ck_token_one(m, NULL, &t), INRO_OK);
	assert_int_equal(ck_module_functions(m)->C_CloseAllSessions(t.slot), CKR_OK);
	ck_module_close(m);
}

/* Of a pipe the PIN comes once: children, and a login anew, have what came of it. */
static void a_pipe_gives_it_once(void **state)
{
	CK_ULONG tries = token_keys_tries_left();
	char uri[128];
	EVP_PKEY *key;
	int ends[2];

	(void)state;
	assert_int_equal(pipe(ends), 0);
	assert_true(write(ends[1], TOKEN_KEYS_PIN "\n", sizeof TOKEN_KEYS_PIN) > 0);
	close(ends[1]);
	snprintf(uri, sizeof uri, EC "?pin-source=file:/dev/fd/%d", ends[0]);
	key = load(uri);
	assert_non_null(key);
	for (int i = 0; i < 3; i++)
		assert_int_equal(scratch_child(sign_in_child, key), 0);
	close_all_sessions();
	assert_true(token_keys_sign(libctx, key));
	assert_int_equal(token_keys_tries_left(), tries);
	EVP_PKEY_free(key);
	close(ends[0]);
}

/* Of a file that is standard input no more: the place in it is the children's, too. */
static void standard_input_gives_it_once(void **state)
{
	CK_ULONG tries = token_keys_tries_left();
	char path[4200];
	int before = dup(STDIN_FILENO), fd;
	EVP_PKEY *key;

	(void)state;
	snprintf(path, sizeof path, "%s/input", scratch_dir());
	fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	assert_true(write(fd, TOKEN_KEYS_PIN "\n", sizeof TOKEN_KEYS_PIN) > 0);
	assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
	assert_int_equal(dup2(fd, STDIN_FILENO), STDIN_FILENO);
	close(fd);
	key = load(EC "?pin-source=file:-");
	assert_non_null(key);
	assert_int_equal(scratch_child(sign_in_child, key), 0);
	close_all_sessions();
	assert_true(token_keys_sign(libctx, key));
	assert_int_equal(token_keys_tries_left(), tries);
	EVP_PKEY_free(key);
	assert_int_equal(dup2(before, STDIN_FILENO), STDIN_FILENO);
	close(before);
}

static int sign_in_time(void *vkey)
{
	alarm(20);
	return sign_in_child(vkey);
}

/* Nobody writes into the named pipe a second time. */
static void a_named_pipe_gives_it_once(void **state)
{
	char path[4200], uri[4300];
	EVP_PKEY *key;
	int fd;

	(void)state;
	snprintf(path, sizeof path, "%s/named", scratch_dir());
	assert_int_equal(mkfifo(path, 0600), 0);
	fd = open(path, O_RDWR | O_CLOEXEC);
	assert_true(write(fd, TOKEN_KEYS_PIN "\n", sizeof TOKEN_KEYS_PIN) > 0);
	snprintf(uri, sizeof uri, EC "?pin-source=file:%s", path);
	key = load(uri);
	assert_non_null(key);
	assert_int_equal(scratch_child(sign_in_time, key), 0);
	EVP_PKEY_free(key);
	close(fd);
}

#define THREADS 4

static void *load_in_thread(void *uri)
{
	EVP_PKEY *key = load(uri);
	bool ok = key && token_keys_sign(libctx, key);

	EVP_PKEY_free(key);
	return ok ? uri : NULL;
}

static void start_threads(pthread_t t[THREADS], char *uri)
{
	for (size_t i = 0; i < THREADS; i++)
		assert_int_equal(pthread_create(&t[i], NULL, load_in_thread, uri), 0);
}

static void all_have_signed(pthread_t t[THREADS])
{
	void *ok;

	for (size_t i = 0; i < THREADS; i++) {
		assert_int_equal(pthread_join(t[i], &ok), 0);
		assert_non_null(ok);
	}
}

static void let_others_come(void)
{
	usleep(300000);
}

/* All want the token's first login. */
static void threads_are_asked_once(void **state)
{
	pthread_t t[THREADS];
	char uri[] = EC;

	(void)state;
	answer = TOKEN_KEYS_PIN;
	meanwhile = let_others_come;
	start_threads(t, uri);
	all_have_signed(t);
	assert_int_equal(asked, 1);
}

/* One line serves all threads: who comes second does not wait for another one, nor find the end. */
static void threads_share_a_named_pipe(void **state)
{
	char path[4200], uri[4300];
	pthread_t t[THREADS];
	int fd;

	(void)state;
	snprintf(path, sizeof path, "%s/shared", scratch_dir());
	assert_int_equal(mkfifo(path, 0600), 0);
	snprintf(uri, sizeof uri, EC "?pin-source=file:%s", path);
	start_threads(t, uri);
	let_others_come();
	fd = open(path, O_WRONLY | O_CLOEXEC); /* once somebody reads */
	assert_true(fd >= 0);
	assert_true(write(fd, TOKEN_KEYS_PIN "\n", sizeof TOKEN_KEYS_PIN) > 0);
	let_others_come();
	close(fd);
	all_have_signed(t);
	assert_int_equal(asked, 0);
}

static int load_again(void *unused)
{
	EVP_PKEY *key;

	(void)unused;
	meanwhile = NULL;
	key = load(EC);
	EVP_PKEY_free(key);
	return key ? 0 : 1;
}

static void load_here_and_in_a_child(void)
{
	assert_int_equal(scratch_child(load_again, NULL), 0);
	assert_int_equal(load_again(NULL), 0);
}

/* A program that uses the token while it is asked does not wait for itself. */
static void asked_in_the_midst(void **state)
{
	EVP_PKEY *key;

	(void)state;
	answer = TOKEN_KEYS_PIN;
	meanwhile = load_here_and_in_a_child;
	key = load(EC);
	assert_non_null(key);
	EVP_PKEY_free(key);
	assert_int_equal(asked, 2); /* and the child is */
}

#define AT_ONCE 6

struct start {
	EVP_PKEY *key;
	int gate[2];
};

/* All of them are let go by the end of the pipe that none has any more. */
static int sign_when_let(void *varg)
{
	struct start *s = varg;
	char end;

	close(s->gate[1]);
	return read(s->gate[0], &end, 1) == 0 ? sign_in_child(s->key) : 2;
}

static void begin_child(struct start *s, pid_t *ret)
{
	*ret = fork();
	assert_true(*ret >= 0);
	if (*ret == 0)
		_exit(sign_when_let(s));
}

/* The workers are all at it at once: still one try. */
static void refused_to_children_at_once(void **state)
{
	const char *path = scratch_file("pin", TOKEN_KEYS_PIN "\n", strlen(TOKEN_KEYS_PIN) + 1);
	CK_ULONG tries = token_keys_tries_left();
	struct start s;
	pid_t pids[AT_ONCE];
	char uri[4300];
	int status;

	(void)state;
	snprintf(uri, sizeof uri, EC "?pin-source=file:%s", path);
	s.key = load(uri);
	assert_non_null(s.key);
	scratch_file("pin", "wrong-5\n", 8);
	assert_int_equal(pipe(s.gate), 0);
	for (int i = 0; i < AT_ONCE; i++)
		begin_child(&s, &pids[i]);
	close(s.gate[0]);
	close(s.gate[1]);
	for (int i = 0; i < AT_ONCE; i++) {
		assert_int_equal(waitpid(pids[i], &status, 0), pids[i]);
		assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 1);
	}
	assert_int_equal(token_keys_tries_left(), tries - 1);
	EVP_PKEY_free(s.key);
}

static void no_answer(void **state)
{
	CK_ULONG tries = token_keys_tries_left();

	(void)state;
	assert_null(load(EC));
	first_error_says("token 'line1' needs its PIN: give pin-source=file:PATH");
	assert_int_equal(asked, 1);
	answer = "";
	assert_null(load(EC));
	first_error_says("needs its PIN");
	assert_int_equal(token_keys_tries_left(), tries);
}

/* What can't be read is told, and nobody is asked instead; no try is lost. */
static void places_that_are_wrong(void **state)
{
	static const struct {
		const char *uri, *says;
	} rows[] = {
		{ EC "?pin-value=", "reading the PIN from the URI's pin-value: it is empty" },
		{ EC "?pin-source=file:/nowhere/pin",
		  "reading the PIN from the URI's pin-source: /nowhere/pin: No such file" },
		{ EC "?pin-source=nowhere",
		  "pin-source (a path that begins with / is found from any folder): nowhere" },
		{ EC "?pin-source=file:/dev/null", "pin-source: it is empty: the first line must" },
		{ EC "?pin-source=file:/", "reading the PIN from the URI's pin-source: /: " },
		{ EC "?pin-source=file:/dev/zero", "its first line is longer than 255 bytes" },
		{ EC "?pin-source=file://localhost/nowhere/pin",
		  "reading the PIN from the URI's pin-source: /nowhere/pin: No such file" },
		{ EC "?pin-source=file://there/etc/pin",
		  "the URI's pin-source: 'there' in file://there/etc/pin is a host" },
		{ EC "?pin-source=%7Ccat", "a pin-source that is a program is not run" },
	};
	CK_ULONG tries = token_keys_tries_left();

	(void)state;
	answer = TOKEN_KEYS_PIN;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		assert_null(load(rows[i].uri));
		first_error_says(rows[i].says);
	}
	assert_int_equal(asked, 0);
	assert_int_equal(token_keys_tries_left(), tries);
}

static void write_file(const char *name, const char *content, mode_t mode)
{
	FILE *f = fopen(name, "w");

	assert_non_null(f);
	assert_true(fputs(content, f) >= 0);
	assert_int_equal(fclose(f), 0);
	assert_int_equal(chmod(name, mode), 0);
}

static int lines_in(const char *name)
{
	FILE *f = fopen(name, "r");
	int c, n = 0;

	while (f && (c = fgetc(f)) != EOF)
		n += c == '\n';
	if (f)
		assert_int_equal(fclose(f), 0);
	return n;
}

/* The protected authentication path, in a process of its own: settings are read at the start. */
static int with_helper(const char *said)
{
	char script[9000], config[9000], command[8000], log[4096];
	int n, status;

	snprintf(log, sizeof log, "%s/asked", scratch_dir());
	(void)unlink(log);
	snprintf(script, sizeof script, "#!/bin/sh\necho \"$INRO_ASK $INRO_ASK_TOKEN\" >>%s\n%s\n",
		 log, said);
	n = snprintf(command, sizeof command, "%s/helper", scratch_dir());
	assert_true(n > 0);
	write_file(command, script, 0700);
	snprintf(config, sizeof config, "[token]\npin-helper = %s\n", command);
	snprintf(command, sizeof command, "%s/inro.conf", scratch_dir());
	write_file(command, config, 0600);
	snprintf(command, sizeof command,
		 "INRO_CONFIG=%s/inro.conf openssl pkey -provider-path %s/lib -provider inro "
		 "-provider default -noout -in '" EC "' </dev/null >%s/said 2>&1",
		 scratch_dir(), getenv("INRO_TEST_BUILD"), scratch_dir());
	status = system(command);
	assert_int_equal(lines_in(log), 1);
	return status;
}

static void protected_path(void **state)
{
	CK_ULONG tries = token_keys_tries_left();

	(void)state;
	if (*getenv("INRO_TEST_SANITIZE")) /* openssl would want the sanitizer's library */
		skip();
	assert_int_equal(with_helper("echo " TOKEN_KEYS_PIN), 0);
	assert_int_not_equal(with_helper("exit 1"), 0);
	assert_int_equal(token_keys_tries_left(), tries);
	assert_int_not_equal(with_helper("echo wrong"), 0);
	assert_int_equal(token_keys_tries_left(), tries - 1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(asked_once_a_login),    TEST(not_asked_where_a_pin_is_given),
		TEST(a_refused_answer),	     TEST(no_answer),
		TEST(refused_in_turns),	     TEST(a_pipe_gives_it_once),
		TEST(standard_input_gives_it_once),
		TEST(a_named_pipe_gives_it_once), TEST(threads_are_asked_once),
		TEST(threads_share_a_named_pipe), TEST(asked_in_the_midst),
		TEST(refused_to_children),
		TEST(refused_to_children_at_once),
		TEST(places_that_are_wrong), TEST(protected_path),
	};

	token_keys_make();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
