/*
 * duties - the threads that do what one of the servers has to do (core/duty.h), a thread a lane.
 *
 * 1. The same failure of a duty is told once, until it is another one or over.
 * 2. They end behind the last request: what is counted of requests is told then.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "backoffice/core/unnamed.h"
#include "backoffice/serve/parts.h"

/* Its own place, else a free one; NULL: all are taken. */
static struct said_of *place_of(struct said *s, const char *duty)
{
	struct said_of *free = NULL;

	for (size_t i = 0; i < SAID_MAX; i++) {
		if (s->of[i].duty && strcmp(s->of[i].duty, duty) == 0)
			return &s->of[i];
		if (!s->of[i].duty && !free)
			free = &s->of[i];
	}
	return free;
}

bool said_is_new(struct said *s, const char *duty, const char *why)
{
	struct said_of *at = place_of(s, duty);
	bool known = at && at->duty;

	if (!why && known)
		at->duty = NULL;
	if (!why || (known && strncmp(at->why, why, sizeof at->why - 1) == 0))
		return false;
	if (at) {
		at->duty = duty;
		snprintf(at->why, sizeof at->why, "%s", why);
	}
	return true;
}

static void told(void *arg, const char *duty, enum inro_err error)
{
	struct lane *l = arg;
	char why[ERR_DETAIL_MAX + 64];

	health_note_duty(&l->s->health, duty, error != INRO_OK);
	if (!said_is_new(&l->said, duty, error == INRO_OK ? NULL : err_detail(error)))
		return;
	snprintf(why, sizeof why, "%s: %s", duty, err_detail(error));
	service_say("a duty failed", "why", why);
}

/* False: the server ends. */
static bool sleep_for(struct lane *l, int64_t ms)
{
	struct timespec until;
	bool ends;

	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec += ms / 1000;
	until.tv_nsec += (long)(ms % 1000 * 1000000);
	until.tv_sec += until.tv_nsec / 1000000000;
	until.tv_nsec %= 1000000000;
	pthread_mutex_lock(&l->lock);
	while (!l->ends && pthread_cond_timedwait(&l->wake, &l->lock, &until) != ETIMEDOUT)
		;
	ends = l->ends;
	pthread_mutex_unlock(&l->lock);
	return !ends;
}

static bool lane_ends(void *arg)
{
	struct lane *l = arg;
	bool ends;

	pthread_mutex_lock(&l->lock);
	ends = l->ends;
	pthread_mutex_unlock(&l->lock);
	return ends;
}

static enum inro_err do_duties(struct serving *s, struct lane *l, int64_t *ret_wait_ms)
{
	const struct duty_watch watch = { told, lane_ends, l };

	(void)s;
	return duty_tick(l->core, l->which, &watch, ret_wait_ms);
}

static enum inro_err follow_answers(struct serving *s, struct lane *l, int64_t *ret_wait_ms)
{
	*ret_wait_ms = RESPONDER_WATCH_MS;
	return responder_watch(s->responder, l->core);
}

static enum inro_err tell_unnamed(struct serving *s, struct lane *l, int64_t *ret_wait_ms)
{
	(void)s;
	*ret_wait_ms = UNNAMED_MS;
	return unnamed_tell(l->core);
}

static void *run(void *arg)
{
	struct lane *l = arg;
	int64_t wait = 0;

	do
		told(l, l->name, l->round(l->s, l, &wait));
	while (sleep_for(l, wait));
	if (l->at_end)
		told(l, l->name, l->round(l->s, l, &wait));
	return NULL;
}

/* A clock that is set back holds up no duty. */
static void init_wake(pthread_cond_t *wake)
{
	pthread_condattr_t how;

	pthread_condattr_init(&how);
	pthread_condattr_setclock(&how, CLOCK_MONOTONIC);
	pthread_cond_init(wake, &how);
	pthread_condattr_destroy(&how);
}

static enum inro_err start_lane(struct serving *s, struct lane *l)
{
	enum inro_err e = serving_core(s, ROLE_ADMIN, &l->core);

	l->s = s;
	pthread_mutex_init(&l->lock, NULL);
	init_wake(&l->wake);
	if (e == INRO_OK && pthread_create(&l->thread, NULL, run, l) != 0)
		e = err_set(INRO_E_NO_MEMORY, "a thread for duties can't be started");
	l->runs = e == INRO_OK;
	return e;
}

enum inro_err duties_start(struct serving *s)
{
	static const struct lane others[] = { { .name = "answers", .round = follow_answers },
					      { .name = "tokens", .round = health_look },
					      { .name = "refusals", .round = tell_unnamed, .at_end = true } };
	enum inro_err e = INRO_OK;

	for (size_t i = 0; e == INRO_OK && i < ARRAY_LEN(s->lanes); i++) {
		struct lane *l = &s->lanes[i];

		if (i < DUTY_LANE__MAX)
			*l = (struct lane) { .name = "duties", .round = do_duties, .which = (enum duty_lane)i };
		else
			*l = others[i - DUTY_LANE__MAX];
		e = start_lane(s, l);
	}
	return e;
}

static void tell_end(struct lane *l)
{
	pthread_mutex_lock(&l->lock);
	l->ends = true;
	pthread_cond_signal(&l->wake);
	pthread_mutex_unlock(&l->lock);
}

void duties_end(struct serving *s)
{
	for (size_t i = 0; i < ARRAY_LEN(s->lanes); i++)
		if (s->lanes[i].runs)
			tell_end(&s->lanes[i]);
	for (size_t i = 0; i < ARRAY_LEN(s->lanes); i++) {
		if (s->lanes[i].runs)
			pthread_join(s->lanes[i].thread, NULL);
		core_close(s->lanes[i].core);
	}
}
