/* watch - see watch.h. */
#include "tools/watch/watch.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/timerfd.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/notify.h"
#include "tools/watch/door.h"
#include "tools/watch/worker.h"

#define LONGEST_DAYS 1
#define DAY	     86400
#define FAR_OFF	     (INT64_C(400) * 365 * DAY)
#define END_SECONDS  60
#define TELL_SECONDS 30
#define TURN_MS	     1000 /* how often guests are looked at that say nothing */

struct watch {
	const char *config;
	struct agent_settings s;
	struct door door;
	int signals, timer, clock_set;
	pid_t worker; /* 0: none */
	bool renew;   /* the next round renews */
	bool again;   /* another round right after this one */
	bool ends;
	bool overdue; /* the round at work is ended because of round-max */
	bool telling; /* the worker does no round, but puts into the status how the last one ended */
	unsigned failures;
};

/* ---- what wakes it ---- */

static void set_timer(struct watch *w, int64_t seconds)
{
	struct itimerspec t = { .it_value.tv_sec = seconds, .it_value.tv_nsec = 1 };

	(void)timerfd_settime(w->timer, 0, &t, NULL);
}

/* Far off: it never comes but by the clock being set. */
static void arm_clock_set(struct watch *w)
{
	struct itimerspec t = { .it_value.tv_sec = (time_t)(clock_now() + FAR_OFF) };

	(void)timerfd_settime(w->clock_set, TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET, &t, NULL);
}

static enum inro_err open_wakers(struct watch *w)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGCHLD);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGHUP);
	signal(SIGCHLD, SIG_DFL); /* ignored by who started us, it would not come */
	if (sigprocmask(SIG_BLOCK, &set, NULL) != 0)
		return err_set(INRO_E_IO, "signals can't be set aside: %s", strerror(errno));
	w->signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	/* goes on while the device sleeps */
	w->timer = timerfd_create(CLOCK_BOOTTIME, TFD_CLOEXEC | TFD_NONBLOCK);
	w->clock_set = timerfd_create(CLOCK_REALTIME, TFD_CLOEXEC | TFD_NONBLOCK);
	if (w->signals < 0 || w->timer < 0 || w->clock_set < 0)
		return err_set(INRO_E_IO, "no timer: %s", strerror(errno));
	arm_clock_set(w);
	return INRO_OK;
}

/* ---- rounds ---- */

static void complain(enum inro_err e)
{
	fprintf(stderr, "inro-agent: %s\n", err_detail(e));
}

static void tell(const char *state)
{
	enum inro_err e = notify(state);

	if (e != INRO_OK)
		complain(e);
}

/* Without a word of the round itself. */
static int64_t fallback(struct watch *w)
{
	int64_t wait = w->s.retry;

	for (unsigned i = 0; i < w->failures && wait < w->s.retry_max; i++)
		wait *= 2;
	w->failures++;
	return wait < w->s.retry_max ? wait : w->s.retry_max;
}

static void plan_next(struct watch *w, bool worked)
{
	int64_t wait = worked ? worker_wait(&w->s) : 0;

	if (wait > 0)
		w->failures = 0;
	else
		wait = fallback(w);
	set_timer(w, wait < LONGEST_DAYS * DAY ? wait : LONGEST_DAYS * DAY);
}

static void start_round(struct watch *w)
{
	enum inro_err e;

	if (w->ends)
		return;
	if (w->worker) {
		w->again = true;
		return;
	}
	e = worker_start(&w->s, &(struct worker_task) { .renew = w->renew }, &w->worker);
	w->renew = w->overdue = false;
	if (e == INRO_OK) {
		set_timer(w, w->s.round_max);
		return;
	}
	w->worker = 0;
	complain(e);
	plan_next(w, false);
}

/* A round that was killed left no word. */
static void start_telling(struct watch *w, int signal)
{
	char why[128];
	enum inro_err e;

	if (w->overdue)
		snprintf(why, sizeof why, "a round took longer than round-max, %lld seconds, and was ended",
			 (long long)w->s.round_max);
	else
		snprintf(why, sizeof why, "a round was ended by signal %d (%s)", signal, strsignal(signal));
	e = worker_start(&w->s, &(struct worker_task) { .ended = why }, &w->worker);
	w->telling = e == INRO_OK;
	if (e == INRO_OK) {
		set_timer(w, TELL_SECONDS);
		return;
	}
	w->worker = 0;
	complain(e);
}

/* 2: the round found its own call wrong and left no word. */
static void reap(struct watch *w)
{
	bool told = w->telling;
	int status;

	if (!w->worker || waitpid(w->worker, &status, WNOHANG) != w->worker)
		return;
	w->worker = 0;
	w->telling = false;
	if (WIFSIGNALED(status) && !told && !w->ends)
		start_telling(w, WTERMSIG(status));
	if (w->worker)
		return;
	plan_next(w, !told && WIFEXITED(status) && WEXITSTATUS(status) < 2);
	if (w->again) {
		w->again = false;
		start_round(w);
	}
}

/* A file with a slip in it leaves things as they are. */
static void read_again(struct watch *w)
{
	struct agent_settings s = { 0 };
	enum inro_err e = agent_settings_read(w->config, &s);

	if (e != INRO_OK) {
		complain(e);
		return;
	}
	agent_settings_clear(&w->s);
	w->s = s;
	start_round(w);
}

static void on_signals(struct watch *w)
{
	struct signalfd_siginfo info;

	while (read(w->signals, &info, sizeof info) == (ssize_t)sizeof info) {
		if (info.ssi_signo == SIGCHLD)
			reap(w);
		else if (info.ssi_signo == SIGHUP)
			read_again(w);
		else
			w->ends = true;
	}
}

static bool fired(int fd)
{
	uint64_t times;

	return read(fd, &times, sizeof times) == (ssize_t)sizeof times;
}

/* What it held is free then, and what it had begun the next one takes up. */
static void end_round(struct watch *w)
{
	if (!w->telling)
		fprintf(stderr, "inro-agent: a round takes longer than round-max, %lld seconds, and is ended\n",
		(long long)w->s.round_max);
	w->overdue = true;
	kill(w->worker, SIGKILL);
}

/* The timer is that of the next round, or of the longest end of the one at work. */
static void on_timers(struct watch *w)
{
	uint64_t times;

	if (fired(w->timer)) {
		if (w->worker)
			end_round(w);
		else
			start_round(w);
	}
	if (read(w->clock_set, &times, sizeof times) < 0 && errno == ECANCELED) {
		arm_clock_set(w);
		start_round(w);
	}
}

static void turn(struct watch *w)
{
	struct pollfd polls[4 + DOOR_GUESTS] = {
		{ .fd = w->signals, .events = POLLIN },
		{ .fd = w->timer, .events = POLLIN },
		{ .fd = w->clock_set, .events = POLLIN },
	};
	size_t n = 3 + door_polls(&w->door, polls + 3);
	enum door_wish wish;

	/* Guests are few; without one it sleeps until something is due. */
	(void)poll(polls, n, n > 4 ? TURN_MS : -1);
	on_signals(w);
	on_timers(w);
	wish = door_serve(&w->door, &w->s);
	if (wish == DOOR_RENEW)
		w->renew = true;
	if (wish != DOOR_NOTHING)
		start_round(w);
}

static void watch_clear(struct watch *w)
{
	door_close(&w->door);
	agent_settings_clear(&w->s);
	close_fd(&w->signals);
	close_fd(&w->timer);
	close_fd(&w->clock_set);
}

/* The round at work may end by itself, but the end is not put off by one that hangs, nor by one that the kernel
 * does not let go of. */
static void end_well(struct watch *w)
{
	struct pollfd polls[] = { { .fd = w->signals, .events = POLLIN },
				  { .fd = w->timer, .events = POLLIN } };

	if (w->worker)
		set_timer(w, w->s.round_max < END_SECONDS ? w->s.round_max : END_SECONDS);
	while (w->worker) {
		(void)poll(polls, ARRAY_LEN(polls), -1);
		on_signals(w);
		if (w->worker && fired(w->timer)) {
			kill(w->worker, SIGKILL);
			return;
		}
	}
}

static void go_on(struct watch *w)
{
	tell("READY=1");
	start_round(w);
	while (!w->ends)
		turn(w);
	tell("STOPPING=1");
	end_well(w);
}

enum inro_err watch_run(const char *config)
{
	SCOPED(watch) w = {
		.config = config, .door.fd = -1, .signals = -1, .timer = -1, .clock_set = -1
	};
	enum inro_err e = agent_settings_read(config, &w.s);

	for (size_t i = 0; i < DOOR_GUESTS; i++)
		w.door.guests[i].fd = -1;
	if (e == INRO_OK)
		e = door_open(&w.s, &w.door);
	if (e == INRO_OK)
		e = open_wakers(&w);
	if (e == INRO_OK)
		go_on(&w);
	return e;
}
