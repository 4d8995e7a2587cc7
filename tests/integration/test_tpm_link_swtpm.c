/* test_tpm_link_swtpm - a TPM without a resource manager, shared with other processes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <dirent.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/lib/scratch.h"
#include "tests/lib/swtpm.h"
#include "tests/lib/tpm_raw.h"
#include "tpm/link/link.h"

static struct swtpm *tpm;

static int start_unix(void **state)
{
	(void)state;
	tpm = swtpm_start(SWTPM_UNIX);
	return 0;
}

static int start_tcp(void **state)
{
	(void)state;
	tpm = swtpm_start(SWTPM_TCP);
	return 0;
}

static int stop(void **state)
{
	(void)state;
	atomic_store(&link_no_threads, false);
	swtpm_free(tpm);
	return 0;
}

static struct link *new_link(void)
{
	struct link *l = NULL;

	assert_int_equal(link_make(bytes_of(swtpm_tcti(tpm)), scratch_path("home"), &l), INRO_OK);
	return l;
}

static uint64_t begin(struct link *l)
{
	uint64_t epoch = 0;
	enum inro_err e = link_begin(l, &epoch);

	if (e)
		print_error("%s\n", err_detail(e));
	assert_int_equal(e, INRO_OK);
	return epoch;
}

/* A turn in which nothing is made. */
static uint64_t look_in(struct link *l)
{
	uint64_t epoch = begin(l);

	tpm_raw_random(l);
	link_end(l);
	return epoch;
}

static void turns(void **state)
{
	struct link *l = new_link();
	uint64_t epoch = begin(l);
	uint32_t object = tpm_raw_primary(l), session = tpm_raw_session(l);

	(void)state;
	link_end(l);
	for (int i = 0; i < 100; i++) {
		uint64_t now = begin(l);

		if (now != epoch) { /* the machine was busy for longer than a connection lasts */
			epoch = now;
			object = tpm_raw_primary(l);
			session = tpm_raw_session(l);
		}
		assert_true(tpm_raw_is_there(l, object));
		link_end(l);
	}
	assert_true(session != object);
	link_free(l);
	assert_int_equal(swtpm_left_behind(tpm), 0);
}

static void what_is_dropped_is_not_flushed_again(void **state)
{
	struct link *l = new_link();
	uint32_t first, second;

	(void)state;
	begin(l);
	first = tpm_raw_primary(l);
	second = tpm_raw_primary(l);
	tpm_raw_flush(l, first);
	assert_int_equal(tpm_raw_primary_unlisted(l), first);
	link_end(l);
	link_free(l);
	assert_int_not_equal(first, second);
	assert_int_equal(swtpm_count(tpm, SWTPM_TRANSIENT), 1);
}

static void an_idle_process_lets_others_in(void **state)
{
	struct link *l = new_link();
	uint64_t epoch = begin(l);

	(void)state;
	(void)tpm_raw_primary(l);
	(void)tpm_raw_session(l);
	link_end(l);
	assert_int_equal(swtpm_left_behind(tpm), 0); /* waits until it is let in */
	assert_int_equal(swtpm_shell(tpm, "tpm2_getcap handles-transient >/dev/null"), 0);
	assert_true(begin(l) > epoch);
	(void)tpm_raw_primary(l);
	link_end(l);
	assert_int_equal(swtpm_left_behind(tpm), 0);
	link_free(l);
}

static void without_threads(void **state)
{
	struct link *l = new_link();
	uint64_t epoch;

	(void)state;
	atomic_store(&link_no_threads, true);
	epoch = begin(l);
	(void)tpm_raw_primary(l);
	link_end(l);
	assert_int_equal(swtpm_left_behind(tpm), 0);
	assert_true(look_in(l) > epoch);
	link_free(l);
}

#define LEAVE_ONE "tpm2_createprimary -Q -C o && tpm2_getcap handles-transient >/dev/null"

static void what_others_made_stays(void **state)
{
	struct link *l = new_link();

	(void)state;
	assert_int_equal(swtpm_shell(tpm, LEAVE_ONE), 0);
	assert_int_equal(swtpm_count(tpm, SWTPM_TRANSIENT), 1);
	begin(l);
	(void)tpm_raw_primary(l);
	(void)tpm_raw_session(l);
	link_end(l);
	link_free(l);
	assert_int_equal(swtpm_left_behind(tpm), 1);
}

/* As fork(); in the child a failed assertion ends it. */
static pid_t split(void)
{
	pid_t pid;

	fflush(NULL);
	pid = fork();
	if (pid == 0)
		setenv("CMOCKA_TEST_ABORT", "1", 1);
	return pid;
}

/* A process does this, and is killed. */
static void kill_after(void (*act)(struct link *l))
{
	int ready[2];
	char c;
	pid_t pid;

	assert_int_equal(pipe(ready), 0);
	pid = split();
	if (pid == 0) {
		struct link *l = new_link();

		begin(l);
		act(l);
		_exit(write(ready[1], "", 1) == 1 ? pause() : 1);
	}
	close(ready[1]);
	assert_int_equal(read(ready[0], &c, 1), 1);
	close(ready[0]);
	kill(pid, SIGKILL);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
}

static void hold_two(struct link *l)
{
	(void)tpm_raw_primary(l);
	(void)tpm_raw_session(l);
	link_end(l);
}

static void hold_in_turn(struct link *l)
{
	(void)tpm_raw_primary(l);
	(void)tpm_raw_primary(l);
}

static void die_before_the_entry(struct link *l)
{
	(void)tpm_raw_session(l);
	assert_int_equal(link_will_hold(l), INRO_OK);
	(void)tpm_raw_primary_unlisted(l);
}

static void the_next_one_cleans_up(void **state)
{
	static void (*const acts[])(struct link * l) = { hold_two, hold_in_turn,
							 die_before_the_entry };

	(void)state;
	assert_int_equal(swtpm_shell(tpm, LEAVE_ONE), 0);
	for (size_t i = 0; i < ARRAY_LEN(acts); i++) {
		struct link *l;

		kill_after(acts[i]);
		assert_true(swtpm_left_behind(tpm) > 1);
		l = new_link();
		look_in(l);
		link_free(l);
		assert_int_equal(swtpm_left_behind(tpm), 1);
	}
}

static void after_a_reset_nothing_is_flushed(void **state)
{
	struct link *l;

	(void)state;
	kill_after(hold_in_turn);
	swtpm_reset(tpm);
	assert_int_equal(swtpm_shell(tpm, LEAVE_ONE), 0);
	l = new_link();
	look_in(l);
	link_free(l);
	assert_int_equal(swtpm_left_behind(tpm), 1);
}

static void killed_in_a_turn(void **state)
{
	struct link *l = new_link();
	SCOPED(buf) response = { 0 };
	static const uint8_t random[] = { 0x80, 1, 0, 0, 0, 12, 0, 0, 1, 0x7b, 0, 8 };
	uint64_t epoch = begin(l);

	(void)state;
	(void)tpm_raw_primary(l);
	swtpm_kill(tpm);
	assert_int_equal(link_talk(l, BYTES(random, sizeof random), false, &response), INRO_E_IO);
	assert_int_equal(link_talk(l, BYTES(random, sizeof random), false, &response), INRO_E_IO);
	link_end(l);
	assert_int_equal(link_begin(l, &epoch), INRO_E_IO);
	assert_non_null(strstr(err_detail(INRO_E_IO), "start swtpm"));
	swtpm_restart(tpm);
	assert_true(look_in(l) > epoch);
	link_free(l);
	assert_int_equal(swtpm_left_behind(tpm), 0);
}

static void reset_between_turns(void **state)
{
	struct link *l = new_link();
	uint64_t before = 0;

	(void)state;
	for (int i = 0; i < 10; i++) {
		uint64_t epoch = begin(l);

		assert_true(epoch > before);
		before = epoch;
		(void)tpm_raw_primary(l);
		link_end(l);
		swtpm_reset(tpm);
	}
	link_free(l);
	assert_int_equal(swtpm_left_behind(tpm), 0);
}

static void lost_is_a_new_epoch(void **state)
{
	struct link *l = new_link();
	uint64_t epoch = begin(l), now;
	uint32_t object = tpm_raw_primary(l);

	(void)state;
	link_lost(l);
	assert_false(tpm_raw_is_there(l, object));
	link_end(l);
	now = look_in(l);
	assert_true(now > epoch);
	link_free(l);
}

/* A process that trusts its epochs. */
static int work(void *arg)
{
	struct link *l = new_link();
	uint64_t known = 0;
	uint32_t object = 0;

	for (int i = 0; i < *(int *)arg; i++) {
		uint64_t epoch = begin(l);

		if (epoch != known) {
			object = tpm_raw_primary(l);
			(void)tpm_raw_session(l);
		}
		known = epoch;
		assert_true(tpm_raw_is_there(l, object));
		link_end(l);
	}
	link_free(l);
	return 0;
}

static void processes(int n, int turns_each)
{
	int status;

	for (int i = 0; i < n; i++)
		if (split() == 0)
			_exit(work(&turns_each));
	for (int i = 0; i < n; i++) {
		assert_true(wait(&status) > 0);
		assert_int_equal(status, 0);
	}
	assert_int_equal(swtpm_left_behind(tpm), 0);
}

static void two_processes(void **state)
{
	(void)state;
	processes(2, 500);
}

static void eight_processes(void **state)
{
	(void)state;
	processes(8, 100);
}

static void eight_without_threads(void **state)
{
	(void)state;
	atomic_store(&link_no_threads, true);
	processes(8, 20);
}

static int free_in_child(void *l)
{
	uint64_t epoch;

	if (link_begin(l, &epoch) != INRO_E_STATE)
		return 1;
	link_free(l);
	return 0;
}

static void a_forked_child_leaves_it_alone(void **state)
{
	struct link *l = new_link();
	uint32_t object;

	(void)state;
	begin(l);
	object = tpm_raw_primary(l);
	assert_int_equal(scratch_child(free_in_child, l), 0);
	assert_true(tpm_raw_is_there(l, object));
	link_end(l);
	link_free(l);
	assert_int_equal(swtpm_left_behind(tpm), 0);
}

/* It was forked in a turn, and keeps neither the turn nor the connection. */
static void a_child_that_stays_keeps_nobody_out(void **state)
{
	struct link *l = new_link(), *other = new_link();
	pid_t pid;

	(void)state;
	begin(l);
	(void)tpm_raw_primary(l);
	pid = split();
	if (pid == 0)
		_exit(pause());
	link_end(l);
	look_in(other);
	link_free(l);
	link_free(other);
	assert_int_equal(swtpm_left_behind(tpm), 0);
	kill(pid, SIGKILL);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
}

static void the_turn_of_a_killed_parent_ends(void **state)
{
	pid_t parent, child = 0;
	int told[2];
	struct link *l;

	(void)state;
	assert_int_equal(pipe(told), 0);
	parent = split();
	if (parent == 0) {
		l = new_link();
		begin(l);
		child = split();
		if (child == 0)
			_exit(pause());
		_exit(write(told[1], &child, sizeof child) == sizeof child ? pause() : 1);
	}
	assert_int_equal(read(told[0], &child, sizeof child), sizeof child);
	close(told[0]);
	close(told[1]);
	kill(parent, SIGKILL);
	waitpid(parent, NULL, 0);
	l = new_link();
	look_in(l);
	link_free(l);
	kill(child, SIGKILL);
}

static void who_forgets_to_free_leaves_nothing(void **state)
{
	int status;
	pid_t pid;

	(void)state;
	pid = split();
	if (pid == 0) {
		struct link *l = new_link();

		begin(l);
		hold_two(l);
		exit(0); /* with the module's destructors */
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	assert_int_equal(swtpm_left_behind(tpm), 0);
}

/* A thread that was joined may still be seen for a moment. */
static void threads_are_again(size_t n)
{
	for (int i = 0; i < 10000 && scratch_entries("/proc/self/task") != n; i++)
		usleep(1000);
	assert_int_equal(scratch_entries("/proc/self/task"), n);
}

static void nothing_leaks(void **state)
{
	size_t before = scratch_entries("/proc/self/fd");
	size_t threads = scratch_entries("/proc/self/task");

	(void)state;
	for (int i = 0; i < 20; i++) {
		struct link *l = new_link();

		look_in(l);
		swtpm_reset(tpm);
		look_in(l);
		link_free(l);
	}
	assert_int_equal(scratch_entries("/proc/self/fd"), before);
	threads_are_again(threads);
}

/* The thread that is not this one: its blocked signals as the kernel shows them; 0 when there is
 * none. */
static unsigned long long blocked_in_the_other(void)
{
	DIR *d = opendir("/proc/self/task");
	unsigned long long mask = 0;

	assert_non_null(d);
	for (struct dirent *e = readdir(d); e; e = readdir(d)) {
		char path[300], line[128];
		FILE *f;

		if (atoi(e->d_name) <= 0 || atoi(e->d_name) == getpid())
			continue;
		snprintf(path, sizeof path, "/proc/self/task/%s/status", e->d_name);
		f = fopen(path, "r");
		while (f && fgets(line, sizeof line, f))
			(void)sscanf(line, "SigBlk: %llx", &mask);
		if (f)
			fclose(f);
	}
	closedir(d);
	return mask;
}

static void its_thread_takes_no_signals_and_ends(void **state)
{
	static const int asked[] = { SIGINT, SIGTERM, SIGCHLD, SIGALRM, SIGUSR1, SIGHUP };
	struct link *l = new_link();
	size_t threads = scratch_entries("/proc/self/task");
	unsigned long long mask;

	(void)state;
	atomic_store(&link_idle_ms, 60000);
	look_in(l);
	assert_int_equal(scratch_entries("/proc/self/task"), threads + 1);
	mask = blocked_in_the_other();
	for (size_t i = 0; i < ARRAY_LEN(asked); i++)
		assert_true(mask >> (asked[i] - 1) & 1);
	link_free(l);
	atomic_store(&link_idle_ms, 200);
	threads_are_again(threads);
}

static void the_folder_is_the_owners(void **state)
{
	struct link *l = new_link();
	struct stat st;

	(void)state;
	look_in(l);
	link_free(l);
	assert_int_equal(stat(scratch_path("home/tpm"), &st), 0);
	assert_int_equal(st.st_mode & 0777, 0700);
}

#define WITH(start, test) cmocka_unit_test_setup_teardown(test, start, stop)

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITH(start_unix, turns),
		WITH(start_tcp, turns),
		WITH(start_unix, what_is_dropped_is_not_flushed_again),
		WITH(start_unix, an_idle_process_lets_others_in),
		WITH(start_tcp, an_idle_process_lets_others_in),
		WITH(start_unix, without_threads),
		WITH(start_unix, what_others_made_stays),
		WITH(start_unix, the_next_one_cleans_up),
		WITH(start_tcp, the_next_one_cleans_up),
		WITH(start_unix, after_a_reset_nothing_is_flushed),
		WITH(start_unix, killed_in_a_turn),
		WITH(start_tcp, killed_in_a_turn),
		WITH(start_unix, reset_between_turns),
		WITH(start_unix, lost_is_a_new_epoch),
		WITH(start_unix, two_processes),
		WITH(start_tcp, two_processes),
		WITH(start_unix, eight_processes),
		WITH(start_unix, eight_without_threads),
		WITH(start_unix, a_forked_child_leaves_it_alone),
		WITH(start_unix, a_child_that_stays_keeps_nobody_out),
		WITH(start_unix, the_turn_of_a_killed_parent_ends),
		WITH(start_unix, who_forgets_to_free_leaves_nothing),
		WITH(start_unix, nothing_leaks),
		WITH(start_tcp, nothing_leaks),
		WITH(start_unix, its_thread_takes_no_signals_and_ends),
		WITH(start_unix, the_folder_is_the_owners),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
