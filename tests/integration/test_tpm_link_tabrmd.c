/* test_tpm_link_tabrmd - tpm2-abrmd on a bus of the test's own, over a real swtpm. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <errno.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/lib/scratch.h"
#include "tests/lib/swtpm.h"
#include "tests/lib/tpm_raw.h"
#include "tpm/link/link.h"

#define WORDS	 "tabrmd:bus_type=session"
#define SKIPPED	 77
#define INSIDE	 "INRO_TEST_ON_A_BUS"
#define READY_MS 20000

static struct swtpm *tpm;
static pid_t abrmd;

static pid_t launch_abrmd(void)
{
	char tcti[256];
	pid_t pid;

	snprintf(tcti, sizeof tcti, "--tcti=%s", swtpm_tcti(tpm));
	pid = fork();
	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		execlp("tpm2-abrmd", "tpm2-abrmd", "--session", "--allow-root", tcti, (char *)NULL);
		_exit(127);
	}
	return pid;
}

static struct link *new_link(void)
{
	struct link *l = NULL;

	assert_int_equal(link_make(bytes_of(WORDS), scratch_path("home"), &l), INRO_OK);
	return l;
}

static bool is_up(void)
{
	struct link *l = new_link();
	uint64_t epoch;
	bool is = link_begin(l, &epoch) == INRO_OK;

	if (is)
		link_end(l);
	link_free(l);
	return is;
}

static void start_abrmd(void)
{
	abrmd = launch_abrmd();
	for (int ms = 0; !is_up(); ms += 50) {
		assert_true(ms < READY_MS && waitpid(abrmd, NULL, WNOHANG) == 0);
		nanosleep(&(struct timespec) { .tv_nsec = 50000000 }, NULL);
	}
}

static void stop_abrmd(void)
{
	kill(abrmd, SIGTERM);
	assert_int_equal(waitpid(abrmd, NULL, 0), abrmd);
}

static int start(void **state)
{
	(void)state;
	tpm = swtpm_start(SWTPM_UNIX);
	start_abrmd();
	return 0;
}

static int stop(void **state)
{
	(void)state;
	stop_abrmd();
	swtpm_free(tpm);
	return 0;
}

static void turns(void **state)
{
	struct link *l = new_link();
	uint64_t epoch = 0, now = 0;
	uint32_t object;

	(void)state;
	assert_int_equal(link_begin(l, &epoch), INRO_OK);
	object = tpm_raw_primary(l);
	assert_true(tpm_raw_is_there(l, object));
	link_end(l);
	for (int i = 0; i < 50; i++) {
		assert_int_equal(link_begin(l, &now), INRO_OK);
		if (now != epoch)
			object = tpm_raw_primary(l);
		epoch = now;
		assert_true(tpm_raw_is_there(l, object));
		link_end(l);
	}
	link_free(l);
}

static void two_links(void **state)
{
	struct link *l[2] = { new_link(), new_link() };
	uint64_t epoch;

	(void)state;
	for (int i = 0; i < 20; i++) {
		assert_int_equal(link_begin(l[i % 2], &epoch), INRO_OK);
		tpm_raw_flush(l[i % 2], tpm_raw_primary(l[i % 2]));
		link_end(l[i % 2]);
	}
	link_free(l[0]);
	link_free(l[1]);
}

static void an_idle_one_has_no_connection(void **state)
{
	struct link *l = new_link();
	uint64_t before = 0, after = 0;

	(void)state;
	assert_int_equal(link_begin(l, &before), INRO_OK);
	link_end(l);
	atomic_store(&link_no_threads, true);
	assert_int_equal(link_begin(l, &after), INRO_OK);
	link_end(l);
	before = after;
	assert_int_equal(link_begin(l, &after), INRO_OK);
	link_end(l);
	assert_true(after > before);
	atomic_store(&link_no_threads, false);
	link_free(l);
}

static void a_service_that_ends(void **state)
{
	static const uint8_t random[] = { 0x80, 1, 0, 0, 0, 12, 0, 0, 1, 0x7b, 0, 8 };
	SCOPED(buf) response = { 0 };
	struct link *l = new_link();
	uint64_t before = 0, after = 0;

	(void)state;
	assert_int_equal(link_begin(l, &before), INRO_OK);
	stop_abrmd();
	assert_int_equal(link_talk(l, BYTES(random, sizeof random), false, &response), INRO_E_IO);
	link_end(l);
	assert_int_equal(link_begin(l, &after), INRO_E_IO);
	assert_non_null(strstr(err_detail(INRO_E_IO), "tpm2-abrmd"));
	start_abrmd();
	assert_int_equal(link_begin(l, &after), INRO_OK);
	assert_true(after > before);
	tpm_raw_random(l);
	link_end(l);
	link_free(l);
}

/* A signal is sent before it has come to each of the threads. */
static void make_abrmd_stand_still(void)
{
	int status = 0;

	assert_int_equal(kill(abrmd, SIGSTOP), 0);
	assert_int_equal(waitpid(abrmd, &status, WUNTRACED), abrmd);
	assert_true(WIFSTOPPED(status));
}

/* One that stands still is not waited for without end: a command has its time, and the connection
 * is given up. */
static void a_service_that_stands_still(void **state)
{
	static const uint8_t random[] = { 0x80, 1, 0, 0, 0, 12, 0, 0, 1, 0x7b, 0, 8 };
	SCOPED(buf) response = { 0 };
	struct link *l = new_link();
	uint64_t before = 0, after = 0;

	(void)state;
	l->haste_ms = 50;
	assert_int_equal(link_begin(l, &before), INRO_OK);
	make_abrmd_stand_still();
	alarm(60); /* else it would be waited for until the test is ended */
	assert_int_equal(link_talk(l, BYTES(random, sizeof random), false, &response), INRO_E_IO);
	alarm(0);
	assert_non_null(strstr(err_detail(INRO_E_IO), "in time"));
	link_end(l);
	kill(abrmd, SIGCONT);
	l->haste_ms = 0;
	assert_int_equal(link_begin(l, &after), INRO_OK);
	assert_true(after > before);
	tpm_raw_random(l);
	link_end(l);
	link_free(l);
}

static int free_in_child(void *l)
{
	link_free(l);
	return 0;
}

static void a_forked_child_leaves_it_alone(void **state)
{
	struct link *l = new_link();
	uint64_t epoch;
	uint32_t object;

	(void)state;
	assert_int_equal(link_begin(l, &epoch), INRO_OK);
	object = tpm_raw_primary(l);
	assert_int_equal(scratch_child(free_in_child, l), 0);
	assert_true(tpm_raw_is_there(l, object));
	link_end(l);
	link_free(l);
}

/* This program again, on a bus that lasts as long as it. */
static int on_a_bus(char *self)
{
	if (system("dbus-run-session -- true >/dev/null 2>&1") != 0) {
		printf("skipped: dbus-run-session can't run a bus here\n");
		return SKIPPED;
	}
	if (system("command -v tpm2-abrmd >/dev/null") != 0) {
		printf("skipped: tpm2-abrmd is not installed\n");
		return SKIPPED;
	}
	setenv(INSIDE, "1", 1);
	execlp("dbus-run-session", "dbus-run-session", "--", self, (char *)NULL);
	perror("dbus-run-session");
	return 1;
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(turns),
		cmocka_unit_test(two_links),
		cmocka_unit_test(an_idle_one_has_no_connection),
		cmocka_unit_test(a_service_that_ends),
		cmocka_unit_test(a_service_that_stands_still),
		cmocka_unit_test(a_forked_child_leaves_it_alone),
	};

	if (argc > 0 && !getenv(INSIDE))
		return on_a_bus(argv[0]);
	return cmocka_run_group_tests(tests, start, stop);
}
