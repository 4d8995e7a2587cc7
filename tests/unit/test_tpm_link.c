/* test_tpm_link - the words that name a TPM, and what answers at the other end being anything. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <pty.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/lib/scratch.h"
#include "tpm/link/kinds.h"
#include "tpm/link/link.h"

static const uint8_t get_random[] = { 0x80, 1, 0, 0, 0, 12, 0, 0, 1, 0x7b, 0, 8 };
static const uint8_t start_up[] = { 0x80, 1, 0, 0, 0, 12, 0, 0, 1, 0x44, 0, 0 };

/* A socket's address has room for 107 bytes. */
#define TWENTY	  "/nineteen-characters"
#define LONG_PATH "swtpm:path=" TWENTY TWENTY TWENTY TWENTY TWENTY TWENTY

static const char *home(void)
{
	return scratch_path("home");
}

static enum inro_err try_words(const char *words)
{
	struct link *l = NULL;
	enum inro_err e = link_make(bytes_of(words), home(), &l);

	link_free(l);
	return e;
}

static void words_that_name_a_tpm(void **state)
{
	static const char *const good[] = {
		"device:/dev/tpmrm0",
		"device:/dev/tpm0",
		"swtpm:",
		"swtpm:path=/run/a socket",
		"swtpm:host=localhost,port=2321",
		"swtpm:port=1",
		"swtpm:port=65535,host=::1",
		"tabrmd:",
		"tabrmd:bus_type=session",
		"tabrmd:bus_type=system,bus_name=com.intel.tss2.Tabrmd",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(good); i++)
		assert_int_equal(try_words(good[i]), INRO_OK);
	assert_int_not_equal(access(home(), F_OK), 0); /* nothing was touched */
}

static void words_that_do_not(void **state)
{
	static const char *const bad[] = {
		"",
		":",
		"mssim:host=localhost",
		"/dev/tpm0",
		"device:",
		"device:tpm0",
		"swtpm:path",
		"swtpm:path=",
		"swtpm:path=a,path=b",
		"swtpm:path=a,port=1",
		"swtpm:socket=a",
		"swtpm:port=0",
		"swtpm:port=65536",
		"swtpm:port=12x",
		"swtpm:port=-1",
		"swtpm:host=a,,port=1",
		"tabrmd:bus",
		"tabrmd:name=x",
		LONG_PATH,
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		assert_int_equal(try_words(bad[i]), INRO_E_CONFIG);
	assert_int_equal(try_words("mssim:"), INRO_E_CONFIG);
	assert_non_null(strstr(err_detail(INRO_E_CONFIG), "libtpms:"));
}

static void words_with_a_nul(void **state)
{
	struct link *l = NULL;

	(void)state;
	assert_int_equal(link_make(BYTES("swtpm:path=a\0b", 14), home(), &l), INRO_E_CONFIG);
	assert_int_equal(link_make(BYTES("device:/a\0b", 11), home(), &l), INRO_E_CONFIG);
}

static void a_choice(void **state)
{
	SCOPED(buf) words = { 0 };
	enum inro_err e = link_choose(&words);

	(void)state;
	if (access("/dev/tpmrm0", R_OK | W_OK) == 0) {
		assert_int_equal(e, INRO_OK);
		assert_true(bytes_is(buf_bytes(&words), "device:/dev/tpmrm0"));
		return;
	}
	assert_int_equal(e, INRO_E_CONFIG);
	assert_non_null(strstr(err_detail(e), "swtpm:path=SOCKET"));
}

static struct link *linked(const char *words)
{
	struct link *l = NULL;

	assert_int_equal(link_make(bytes_of(words), home(), &l), INRO_OK);
	return l;
}

static void refused_at_begin(const char *words, enum inro_err want, const char *said)
{
	struct link *l = linked(words);
	uint64_t epoch;

	assert_int_equal(link_begin(l, &epoch), want);
	if (!strstr(err_detail(want), said))
		fail_msg("'%s' does not say '%s'", err_detail(want), said);
	link_free(l);
}

static void what_is_not_there(void **state)
{
	char words[600];

	(void)state;
	snprintf(words, sizeof words, "swtpm:path=%s", scratch_path("nobody"));
	refused_at_begin(words, INRO_E_IO, "start swtpm");
	refused_at_begin("swtpm:port=9", INRO_E_IO, "start swtpm");
	refused_at_begin("device:/dev/no-such-tpm", INRO_E_IO, "is there a TPM");
	refused_at_begin("device:/dev/tpmrm-none", INRO_E_IO, "is there a TPM");
	snprintf(words, sizeof words, "device:%s", scratch_file("file", "", 0));
	refused_at_begin(words, INRO_E_CONFIG, "is not a device");
}

static void a_home_that_can_t_be_used(void **state)
{
	const char *file = scratch_file("no-folder", "", 0);
	struct link *l = NULL;
	uint64_t epoch;

	(void)state;
	assert_int_equal(link_make(bytes_of("swtpm:"), file, &l), INRO_OK);
	assert_int_not_equal(link_begin(l, &epoch), INRO_OK);
	link_free(l);
}

static int without_rights(void *words)
{
	struct link *l = NULL;
	uint64_t epoch;

	if (setresuid(65534, 65534, 65534) != 0 ||
	    link_make(bytes_of(words), scratch_path("his"), &l) != INRO_OK)
		return 1;
	if (link_begin(l, &epoch) != INRO_E_ACCESS)
		return 2;
	return strstr(err_detail(INRO_E_ACCESS), "group tss") ? 0 : 3;
}

static void a_device_of_others(void **state)
{
	char name[64], words[80];
	int master, slave;

	(void)state;
	if (geteuid() != 0)
		skip();
	assert_int_equal(openpty(&master, &slave, name, NULL, NULL), 0);
	assert_int_equal(chmod(scratch_dir(), 0711), 0);
	assert_int_equal(mkdir(scratch_path("his"), 0700), 0);
	assert_int_equal(chown(scratch_path("his"), 65534, 65534), 0);
	snprintf(words, sizeof words, "device:%s", name);
	assert_int_equal(scratch_child(without_rights, words), 0);
	close(master);
	close(slave);
}

/* --- a server that answers what it likes */

struct answer {
	const char *name;
	uint8_t bytes[24];
	size_t sent; /* zeros follow */
	bool first;  /* already to the first command */
	bool fine;
};

static const struct answer answers[] = {
	{ "closes", { 0 }, 0, false, false },
	{ "closes at once", { 0 }, 0, true, false },
	{ "three bytes", { 0x80, 1, 0 }, 3, false, false },
	{ "only a header, of more", { 0x80, 1, 0, 0, 0, 20 }, 12, false, false },
	{ "less than a header", { 0x80, 1, 0, 0, 0, 9 }, 10, false, false },
	{ "nothing", { 0 }, 10, false, false },
	{ "more than it says", { 0x80, 1, 0, 0, 0, 12 }, 20, false, false },
	{ "more than there can be", { 0x80, 1, 0, 0, 0x10, 1 }, 4097, false, false },
	{ "a giant", { 0x80, 1, 0xff, 0xff, 0xff, 0xff }, 4096, false, false },
	{ "an endless one", { 0x80, 1, 0, 0, 0, 12 }, 100000, false, false },
	{ "the longest", { 0x80, 1, 0, 0, 0x10, 0 }, 4096, false, true },
	{ "the shortest", { 0x80, 1, 0, 0, 0, 10 }, 10, false, true },
	{ "a web server", "HTTP/1.1 400 Bad\r\n\r\n", 20, true, false },
	{ "a clock of no bytes", { 0x80, 1, 0, 0, 0, 10 }, 10, true, false },
	{ "a clock of some bytes", { 0x80, 1, 0, 0, 0, 20 }, 20, true, false },
	{ "a tpm that failed", { 0x80, 1, 0, 0, 0, 10, 0, 0, 1, 1 }, 10, true, true },
};

#define CLOCK_SIZE 35

static bool send_all(int fd, const uint8_t *p, size_t n)
{
	while (n) {
		ssize_t done = write(fd, p, n);

		if (done <= 0)
			return false;
		p += done;
		n -= (size_t)done;
	}
	return true;
}

static bool answer_once(int fd, const struct answer *a)
{
	static const uint8_t clock[CLOCK_SIZE] = { 0x80, 1, 0, 0, 0, CLOCK_SIZE };
	static uint8_t all[100000];
	uint8_t command[4096];

	if (read(fd, command, sizeof command) < 10)
		return false;
	if (!a->first && command[8] == 1 && command[9] == 0x81) /* TPM2_ReadClock */
		return send_all(fd, clock, sizeof clock);
	memcpy(all, a->bytes, sizeof a->bytes);
	return send_all(fd, all, a->sent) && a->fine;
}

static _Noreturn void serve(int listening, const struct answer *a)
{
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	signal(SIGPIPE, SIG_IGN);
	for (;;) {
		int fd = accept(listening, NULL, NULL);

		while (answer_once(fd, a))
			;
		close(fd);
	}
}

static pid_t start_server(const char *path, const struct answer *a)
{
	struct sockaddr_un un = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	pid_t pid;

	snprintf(un.sun_path, sizeof un.sun_path, "%s", path);
	unlink(path);
	assert_int_equal(bind(fd, (struct sockaddr *)&un, sizeof un), 0);
	assert_int_equal(listen(fd, 8), 0);
	pid = fork();
	if (pid == 0)
		serve(fd, a);
	close(fd);
	return pid;
}

static enum inro_err ask(struct link *l)
{
	SCOPED(buf) response = { 0 };
	uint64_t epoch;
	enum inro_err e = link_begin(l, &epoch);

	if (e)
		return e;
	e = link_talk(l, BYTES(get_random, sizeof get_random), false, &response);
	assert_true(e || response.n >= 10);
	link_end(l);
	return e;
}

static void ask_server(const struct answer *a)
{
	char path[100], words[128];
	struct link *l;
	pid_t pid;

	snprintf(path, sizeof path, "%s", scratch_path("strange"));
	snprintf(words, sizeof words, "swtpm:path=%s", path);
	pid = start_server(path, a);
	l = linked(words);
	for (int i = 0; i < 3; i++) {
		enum inro_err e = ask(l);

		if (e != (a->fine ? INRO_OK : INRO_E_IO))
			fail_msg("%s: %s, %s", a->name, err_name(e), err_detail(e));
	}
	link_free(l);
	kill(pid, SIGKILL);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
}

static void strange_answers(void **state)
{
	size_t before = scratch_entries("/proc/self/fd");

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(answers); i++)
		ask_server(&answers[i]);
	assert_int_equal(scratch_entries("/proc/self/fd"), before);
}

static void random_answers(void **state)
{
	(void)state;
	srandom(4);
	for (int i = 0; i < 100; i++) {
		struct answer a = { .name = "at random",
				    .sent = (size_t)random() % 24,
				    .first = i % 2 };

		for (size_t k = 0; k < sizeof a.bytes; k++)
			a.bytes[k] = (uint8_t)random();
		a.bytes[2] |= 1; /* never a length that fits */
		ask_server(&a);
	}
}

/* --- a device, played by a terminal */

static void a_device(void **state)
{
	const struct answer fine = { "fine", { 0x80, 1, 0, 0, 0, 10 }, 10, false, true };
	struct termios raw;
	char name[64], words[80];
	int master, slave;
	struct link *l;
	pid_t pid;

	(void)state;
	assert_int_equal(openpty(&master, &slave, name, NULL, NULL), 0);
	assert_int_equal(tcgetattr(slave, &raw), 0);
	cfmakeraw(&raw);
	assert_int_equal(tcsetattr(slave, TCSANOW, &raw), 0);
	pid = fork();
	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		while (answer_once(master, &fine))
			;
		_exit(0);
	}
	snprintf(words, sizeof words, "device:%s", name);
	l = linked(words);
	for (int i = 0; i < 3; i++)
		assert_int_equal(ask(l), INRO_OK);
	assert_false(l->kind->managed);
	link_free(l);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	close(master);
	close(slave);
}

static void a_manager_s_device(void **state)
{
	struct link *l = linked("device:/dev/tpmrm1");

	(void)state;
	assert_true(l->kind->managed);
	link_free(l);
}

/* --- a kind of a test's own */

static uint8_t told[LINK_BYTES];
static size_t n_told;

static enum inro_err own_make(struct bytes rest, const char *where, struct link **ret)
{
	(void)rest;
	(void)where;
	*ret = calloc(1, sizeof **ret);
	link_init(*ret, link_extra);
	return INRO_OK;
}

static void own_free(struct link *l)
{
	free(l);
}

static enum inro_err own_begin(struct link *l)
{
	(void)l;
	return INRO_OK;
}

static void own_end(struct link *l)
{
	(void)l;
}

static enum inro_err own_talk(struct link *l, struct bytes command, bool durable,
			      struct buf *ret_response)
{
	(void)l;
	(void)command;
	(void)durable;
	buf_reset(ret_response);
	buf_add(ret_response, BYTES(told, n_told));
	return INRO_OK;
}

static const struct link_kind own = {
	.scheme = "swtpm",
	.make = own_make,
	.free = own_free,
	.begin = own_begin,
	.end = own_end,
	.talk = own_talk,
};

static enum inro_err told_by_own(struct link *l, size_t says, size_t n)
{
	SCOPED(buf) response = { 0 };

	memcpy(told, (const uint8_t[]) { 0x80, 1, 0, 0, (uint8_t)(says >> 8), (uint8_t)says }, 6);
	n_told = n;
	return link_talk(l, BYTES(start_up, sizeof start_up), false, &response);
}

static void another_kind(void **state)
{
	static const uint8_t long_one[LINK_BYTES + 1];
	SCOPED(buf) response = { 0 };
	uint64_t before = 0, after = 0;
	struct link *l;

	(void)state;
	link_extra = &own;
	l = linked("swtpm:whatever it likes");
	assert_int_equal(link_begin(l, &before), INRO_OK);
	assert_int_equal(told_by_own(l, 10, 10), INRO_OK);
	assert_int_equal(told_by_own(l, 10, 9), INRO_E_IO);
	assert_int_equal(told_by_own(l, 9, 9), INRO_E_IO);
	assert_int_equal(told_by_own(l, 11, 10), INRO_E_IO);
	assert_int_equal(link_talk(l, BYTES(long_one, sizeof long_one), false, &response),
			 INRO_E_TOO_BIG);
	assert_int_equal(link_will_hold(l), INRO_OK);
	link_hold(l, 0x80000000);
	link_drop(l, 0x80000000);
	link_lost(l);
	link_end(l);
	assert_int_equal(link_begin(l, &after), INRO_OK);
	assert_int_equal(after, before + 1);
	link_free(l);
	link_extra = NULL;
	assert_int_equal(try_words("swtpm:whatever it likes"), INRO_E_CONFIG);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(words_that_name_a_tpm),
		cmocka_unit_test(words_that_do_not),
		cmocka_unit_test(words_with_a_nul),
		cmocka_unit_test(a_choice),
		cmocka_unit_test(what_is_not_there),
		cmocka_unit_test(a_home_that_can_t_be_used),
		cmocka_unit_test(a_device_of_others),
		cmocka_unit_test(strange_answers),
		cmocka_unit_test(random_answers),
		cmocka_unit_test(a_device),
		cmocka_unit_test(a_manager_s_device),
		cmocka_unit_test(another_kind),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
