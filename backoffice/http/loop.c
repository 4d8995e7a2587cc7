/*
 * loop - a thread with an event base, its connections, and a mailbox for what comes from workers.
 *
 * 1. libevent's objects are used by this thread alone and need no locks.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "backoffice/http/engine.h"

static void free_event(struct event *e)
{
	if (e)
		event_free(e);
}

static void stop_listening(struct loop *l)
{
	for (size_t i = 0; l->acceptors && i < l->server->n_listeners; i++) {
		free_event(l->acceptors[i].event);
		l->acceptors[i].event = NULL;
	}
}

static struct exchange *take_mail(struct loop *l, bool *ret_drain, bool *ret_stop)
{
	struct exchange *first;

	pthread_mutex_lock(&l->lock);
	first = l->mail_first;
	l->mail_first = NULL;
	l->mail_last = &l->mail_first;
	*ret_drain = l->told_drain;
	*ret_stop = l->told_stop;
	pthread_mutex_unlock(&l->lock);
	return first;
}

static void on_mail(evutil_socket_t fd, short what, void *arg)
{
	struct loop *l = arg;
	uint64_t n;
	bool drain, stop;
	struct exchange *x;

	(void)what;
	if (read(fd, &n, sizeof n) < 0 && errno != EAGAIN)
		return;
	x = take_mail(l, &drain, &stop);
	while (x) {
		struct exchange *next = x->next;

		conn_take_back(x);
		x = next;
	}
	if (drain && !l->draining) {
		l->draining = true;
		stop_listening(l);
		conn_drain_all(l);
	}
	if (stop)
		event_base_loopbreak(l->base);
}

static void ring(struct loop *l)
{
	const uint64_t one = 1;

	if (write(l->mail_fd, &one, sizeof one) < 0)
		return; /* it is full: the loop is awake anyway */
}

void loop_post(struct loop *l, struct exchange *x)
{
	bool first;

	x->next = NULL;
	pthread_mutex_lock(&l->lock);
	first = l->mail_first == NULL;
	*l->mail_last = x;
	l->mail_last = &x->next;
	pthread_mutex_unlock(&l->lock);
	if (first)
		ring(l);
}

void loop_tell(struct loop *l, bool *word)
{
	pthread_mutex_lock(&l->lock);
	*word = true;
	pthread_mutex_unlock(&l->lock);
	if (l->base)
		ring(l);
}

static void *run(void *arg)
{
	struct loop *l = arg;

	event_base_dispatch(l->base);
	return NULL;
}

static struct event_base *new_base(void)
{
	struct event_config *how = event_config_new();
	struct event_base *base = NULL;

	if (!how)
		return NULL;
	event_config_set_flag(how, EVENT_BASE_FLAG_NOLOCK);
	event_config_set_flag(how, EVENT_BASE_FLAG_EPOLL_USE_CHANGELIST);
	base = event_base_new_with_config(how);
	event_config_free(how);
	return base;
}

static bool listen_all(struct loop *l)
{
	struct http_server *s = l->server;

	l->acceptors = calloc(s->n_listeners ? s->n_listeners : 1, sizeof *l->acceptors);
	for (size_t i = 0; l->acceptors && i < s->n_listeners; i++) {
		struct acceptor *a = &l->acceptors[i];

		a->loop = l;
		a->at = &s->listeners[i];
		a->event = event_new(l->base, a->at->fd, EV_READ | EV_PERSIST, loop_accept, a);
		if (!a->event || event_add(a->event, NULL) != 0)
			return false;
	}
	return l->acceptors != NULL;
}

static bool prepare(struct loop *l)
{
	l->mail_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	l->spare_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
	l->base = new_base();
	if (!l->base || l->mail_fd < 0)
		return false;
	l->mail = event_new(l->base, l->mail_fd, EV_READ | EV_PERSIST, on_mail, l);
	l->flush = evtimer_new(l->base, log_flush, l);
	l->pause = evtimer_new(l->base, loop_accept_again, l);
	return l->mail && l->flush && l->pause && event_add(l->mail, NULL) == 0 && listen_all(l);
}

enum inro_err loop_start(struct http_server *s, struct loop *l)
{
	*l = (struct loop) { .server = s, .mail_fd = -1, .spare_fd = -1 };
	l->mail_last = &l->mail_first;
	pthread_mutex_init(&l->lock, NULL);
	if (!prepare(l))
		return err_set(INRO_E_IO, "a thread for connections can't be made: %s",
			       strerror(errno));
	if (pthread_create(&l->thread, NULL, run, l) != 0)
		return err_set(INRO_E_NO_MEMORY, "a thread for connections can't be started");
	l->runs = true;
	return INRO_OK;
}

static void free_mail(struct loop *l)
{
	bool drain, stop;
	struct exchange *x = take_mail(l, &drain, &stop);

	while (x) {
		struct exchange *next = x->next;

		if (x->conn)
			x->queued = false; /* its connection frees it */
		else
			exchange_free(x);
		x = next;
	}
}

void loop_end(struct loop *l)
{
	if (l->runs)
		pthread_join(l->thread, NULL);
	free_mail(l);
	conn_free_all(l);
	if (l->base) {
		stop_listening(l);
		log_flush(-1, 0, l);
	}
	free(l->acceptors);
	free_event(l->mail);
	free_event(l->flush);
	free_event(l->pause);
	if (l->base)
		event_base_free(l->base);
	close_fd(&l->mail_fd);
	close_fd(&l->spare_fd);
	buf_clear(&l->log);
	pthread_mutex_destroy(&l->lock);
}
