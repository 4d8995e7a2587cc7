/*
 * duties - the threads that do what one of the servers has to do (core/duty.h), a thread a lane.
 *
 * 1. The same failure is told once, until it is another one or over.
 */
#include <errno.h>
#include <string.h>
#include <time.h>

#include "backoffice/serve/parts.h"

static void told(void *arg, const char *duty, enum inro_err error)
{
	struct lane *l = arg;
	SCOPED(buf) why = { 0 };

	health_note_duty(&l->s->health, duty, error != INRO_OK);
	if (error == INRO_OK)
		return;
	buf_addf(&why, "%s: %s", duty, err_detail(error));
	buf_add_u8(&why, 0);
	if (buf_err(&why) || strncmp(l->said, (const char *)why.p, sizeof l->said - 1) == 0)
		return;
	strncpy(l->said, (const char *)why.p, sizeof l->said - 1);
	service_say("a duty failed", "why", l->said);
}

/* False: the server ends. */
static bool sleep_for(struct lane *l, int64_t ms)
{
	struct timespec until;
	bool ends;

	clock_gettime(CLOCK_REALTIME, &until);
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

static void *run(void *arg)
{
	struct lane *l = arg;
	int64_t wait = 0;

	do {
		enum inro_err e = l->round(l->s, l, &wait);

		if (e != INRO_OK)
			told(l, l->round == follow_answers ? "answers" : "duties", e);
	} while (sleep_for(l, wait));
	return NULL;
}

static enum inro_err start_lane(struct serving *s, struct lane *l)
{
	enum inro_err e = serving_core(s, ROLE_ADMIN, &l->core);

	l->s = s;
	pthread_mutex_init(&l->lock, NULL);
	pthread_cond_init(&l->wake, NULL);
	if (e == INRO_OK && pthread_create(&l->thread, NULL, run, l) != 0)
		e = err_set(INRO_E_NO_MEMORY, "a thread for duties can't be started");
	l->runs = e == INRO_OK;
	return e;
}

enum inro_err duties_start(struct serving *s)
{
	static lane_round *const others[] = { follow_answers, health_look };
	enum inro_err e = INRO_OK;

	for (size_t i = 0; e == INRO_OK && i < ARRAY_LEN(s->lanes); i++) {
		struct lane *l = &s->lanes[i];

		l->round = i < DUTY_LANE__MAX ? do_duties : others[i - DUTY_LANE__MAX];
		l->which = (enum duty_lane)i;
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
