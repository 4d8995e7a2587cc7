/* test_tpm_embedded_fork - the embedded TPM when processes are killed and forked, and wait for it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#include "base/clock.h"
#include "base/own.h"
#include "tests/lib/tpm_turns.h"
#include "tests/lib/scratch.h"
#include "tpm/link/embedded.h"

#define GOOD(x) assert_int_equal(x, TPM2_RC_SUCCESS)
#define ROUNDS	60
#define FORKS	50

struct victim {
	_Atomic uint64_t told;
	const char *home;
};

static void increment_until_killed(struct victim *v)
{
	struct link *l = turn_embedded(v->home);
	uint64_t n;

	while (turn_increment(l) == TPM2_RC_SUCCESS && turn_count(l, &n) == TPM2_RC_SUCCESS)
		atomic_store(&v->told, n);
	_exit(1);
}

static void kill_one(struct victim *v, unsigned after_us)
{
	int status;
	pid_t pid = fork();

	if (pid == 0)
		increment_until_killed(v);
	usleep(after_us);
	kill(pid, SIGKILL);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
}

static void test_killed(void **state)
{
	char *home = strdup(turn_home("killed"));
	struct victim *v =
		mmap(NULL, sizeof *v, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	struct link *l = turn_with_counter(home);

	(void)state;
	assert_true(v != MAP_FAILED);
	v->home = home;
	atomic_store(&v->told, 1);
	srandom(7);
	/* on a busy machine some come to nothing */
	for (int i = 0; i < ROUNDS || (atomic_load(&v->told) <= ROUNDS && i < 20 * ROUNDS); i++) {
		kill_one(v, 500 + (unsigned)random() % 30000);

		uint64_t told = atomic_load(&v->told), n = turn_counted(l);

		assert_true(n == told || n == told + 1);
		atomic_store(&v->told, n);
	}
	assert_true(atomic_load(&v->told) > ROUNDS);
	link_free(l);
	munmap(v, sizeof *v);
	free(home);
}

static int guess(void *home)
{
	struct link *l = turn_embedded(home);

	while (turn_read_guarded(l, "wrong") != TPM2_RC_LOCKOUT)
		;
	return raise(SIGKILL);
}

static int know(void *home)
{
	struct link *l = turn_embedded(home);
	uint32_t rc = turn_read_guarded(l, TURN_PASSWORD);

	link_free(l);
	return rc != TPM2_RC_LOCKOUT;
}

/* A wrong password counts, although nobody asked for the command to be durable. */
static void test_guesses_are_counted(void **state)
{
	char *home = strdup(turn_home("guesses"));
	struct link *l = turn_with_counter(home);

	(void)state;
	GOOD(turn_define_guarded(l));
	assert_int_equal(turn_read_guarded(l, TURN_PASSWORD), TPM2_RC_NV_UNINITIALIZED);
	assert_int_equal(scratch_child(guess, home), 256 + SIGKILL);
	assert_int_equal(turn_read_guarded(l, TURN_PASSWORD), TPM2_RC_LOCKOUT);
	assert_int_equal(scratch_child(know, home), 0);
	link_free(l);
	free(home);
}

struct busy {
	struct link *l;
	atomic_bool end, slow;
	atomic_uint turns, bad;
};

/* Writes, short commands and, when asked for, ones that take hundreds of milliseconds. */
static void *keep_busy(void *arg)
{
	struct busy *b = arg;
	uint32_t key;

	while (!b->end) {
		b->bad += turn_increment(b->l) != TPM2_RC_SUCCESS;
		b->bad += (b->slow ? turn_rsa_primary : turn_ecc_primary)(b->l, &key) !=
			  TPM2_RC_SUCCESS;
		for (int i = 0; i < 20; i++)
			b->bad += turn_random(b->l) != TPM2_RC_SUCCESS;
		(void)turn_flush(b->l, key);
		b->turns++;
	}
	return NULL;
}

struct heir {
	struct link *parents;
	char *home;
};

static int go_on_in_child(void *arg)
{
	const struct heir *h = arg;
	struct link *l;
	uint64_t epoch, n = 0;

	alarm(60); /* one that stands still is told by its signal */
	if (link_begin(h->parents, &epoch) != INRO_E_STATE)
		return 2;
	link_free(h->parents);
	l = turn_embedded(h->home);
	if (turn_increment(l) || turn_count(l, &n) || turn_random(l) || turn_increment(l))
		return 3;
	link_free(l);
	return n > 1 ? 0 : 4;
}

static void test_fork_while_busy(void **state)
{
	struct heir h = { 0 };
	struct busy b = { 0 };
	pthread_t t;

	(void)state;
	if (!SCRATCH_BUSY_FORKS)
		skip();
	h.home = strdup(turn_home("fork"));
	h.parents = b.l = turn_with_counter(h.home);
	srandom(11);
	assert_int_equal(pthread_create(&t, NULL, keep_busy, &b), 0);
	for (int i = 0; i < FORKS; i++) {
		b.slow = i % 5 == 0;
		usleep((useconds_t)random() % 20000);
		assert_int_equal(scratch_child(go_on_in_child, &h), 0);
	}
	b.end = true;
	assert_int_equal(pthread_join(t, NULL), 0);
	assert_int_equal(b.bad, 0);
	assert_int_equal(turn_counted(b.l), 1 + 2 * FORKS + b.turns);
	link_free(b.l);
	free(h.home);
}

static int hold_turn(void *arg)
{
	struct heir *h = arg;
	struct link *l = turn_embedded(h->home);
	uint64_t epoch;

	if (link_begin(l, &epoch) != INRO_OK)
		return 1;
	alarm(30);
	pause();
	return 0;
}

static bool is_locked(const char *home)
{
	AUTO(close_fd) int fd = open(turn_in_home(home, "/tpm/lock"), O_RDWR | O_CLOEXEC);

	return fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) < 0;
}

/* A turn that never ends is waited for, not for ever; its end by a kill is a good one. */
static void test_waits_for_its_turn(void **state)
{
	struct heir h = { .home = strdup(turn_home("waits")) };
	struct link *l = turn_with_counter(h.home);
	int minute = embedded_wait_ms;
	pid_t pid = fork();

	(void)state;
	if (pid == 0)
		_exit(hold_turn(&h));
	while (!is_locked(h.home))
		usleep(1000);
	embedded_wait_ms = 50;
	assert_int_equal(turn_random(l), TURN_LINK_FAILED);
	assert_int_equal(turn_err, INRO_E_BUSY);
	kill(pid, SIGKILL);
	embedded_wait_ms = minute;
	GOOD(turn_increment(l));
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	link_free(l);
	free(h.home);
}

/* A thread that has its turn until it is told. */
struct keeper {
	struct link *l;
	atomic_bool in, out;
};

static void *keep_turn(void *arg)
{
	struct keeper *k = arg;
	uint64_t epoch;

	if (link_begin(k->l, &epoch) != INRO_OK)
		return k;
	atomic_store(&k->in, true);
	while (!atomic_load(&k->out))
		usleep(1000);
	link_end(k->l);
	return NULL;
}

/* Who is in haste waits as long as he has, also for another thread. */
static void test_waits_for_a_thread_in_haste(void **state)
{
	char *home = strdup(turn_home("of a thread"));
	struct keeper k = { .l = turn_embedded(home) };
	struct link *l = turn_embedded(home);
	int64_t took = 1000;
	pthread_t thread;
	void *failed;

	(void)state;
	assert_int_equal(pthread_create(&thread, NULL, keep_turn, &k), 0);
	while (!atomic_load(&k.in))
		usleep(1000);
	l->haste_ms = 50;
	for (int i = 0; i < 5 && took >= 900; i++) { /* on a busy machine once is enough */
		took = -clock_monotonic_ms();
		assert_int_equal(turn_random(l), TURN_LINK_FAILED);
		assert_int_equal(turn_err, INRO_E_BUSY);
		took += clock_monotonic_ms();
	}
	assert_in_range(took, 49, 899);
	atomic_store(&k.out, true);
	assert_int_equal(pthread_join(thread, &failed), 0);
	assert_null(failed);
	l->haste_ms = 0;
	GOOD(turn_random(l));
	link_free(l);
	link_free(k.l);
	free(home);
}

static void fork_one_that_stays(void)
{
	if (fork() != 0)
		return;
	alarm(30); /* whatever becomes of the test */
	pause();
	_exit(0);
}

static int fork_in_turn(void *arg)
{
	struct heir *h = arg;
	struct link *l = turn_embedded(h->home);
	uint64_t epoch;

	if (link_begin(l, &epoch) != INRO_OK)
		return 1;
	fork_one_that_stays();
	raise(SIGKILL);
	return 1;
}

/* The descriptors are open from the first turn on. */
static int fork_between_turns(void *arg)
{
	struct heir *h = arg;
	struct link *l = turn_embedded(h->home), *other = turn_embedded(h->home);
	uint64_t epoch;

	if (turn_random(l) || turn_random(other))
		return 1;
	fork_one_that_stays();
	if (link_begin(l, &epoch) != INRO_OK)
		return 1;
	raise(SIGKILL);
	return 1;
}

static void leaves_no_lock(const char *name, int (*victim)(void *))
{
	struct heir h = { .home = strdup(turn_home(name)) };
	struct link *l = turn_with_counter(h.home);
	int minute = embedded_wait_ms;
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		setpgid(0, 0);
		_exit(victim(&h));
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
	embedded_wait_ms = 2000;
	GOOD(turn_increment(l));
	embedded_wait_ms = minute;
	kill(-pid, SIGKILL);
	link_free(l);
	free(h.home);
}

/* The child of one that was killed in its turn does not keep the TPM, whenever it was forked. */
static void test_child_holds_no_lock(void **state)
{
	(void)state;
	leaves_no_lock("child lock", fork_in_turn);
	leaves_no_lock("older child", fork_between_turns);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_killed),
		cmocka_unit_test(test_guesses_are_counted),
		cmocka_unit_test(test_fork_while_busy),
		cmocka_unit_test(test_waits_for_its_turn),
		cmocka_unit_test(test_waits_for_a_thread_in_haste),
		cmocka_unit_test(test_child_holds_no_lock),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
