/* serve - starts the server, looks after it, and ends it in order. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "backoffice/core/network.h"
#include "backoffice/core/readers.h"
#include "backoffice/core/writers.h"
#include "backoffice/rest/rest.h"
#include "backoffice/serve/parts.h"
#include "base/clock.h"

#define ROUND_NS      250000000
#define DRAIN_SECONDS 30
#define LISTEN_MAX    (2 * SERVE_LISTEN_MAX + 8)
#define ACTOR	      "inro serve"

/* One thread at a time: it may be a person who answers. */
static enum inro_err ask_pin(void *arg, const char *token, struct secret *ret)
{
	struct serving *s = arg;
	enum inro_err e;

	if (!s->o->ask_pin)
		return err_set(INRO_E_PIN_MISSING, "the server was given no PIN");
	pthread_mutex_lock(&s->asking);
	e = s->o->ask_pin(s->o->ask_arg, token, ret);
	pthread_mutex_unlock(&s->asking);
	return e;
}

enum inro_err serving_core(struct serving *s, enum role role, struct core **ret)
{
	const struct core_options o = {
		.db = s->o->db,
		.existing = true,
		.writers = s->writers,
		.readers = s->readers,
		.actor = ACTOR,
		.tenant = s->o->tenant,
		.role = role,
		.ask_pin = ask_pin,
		.pin_known = s->o->pin_known,
		.ask_arg = s,
		.ca_used = health_note_ca,
	};

	return core_open(&o, ret);
}

static enum inro_err worker_begin(void *arg, void **ret)
{
	struct core *c = NULL;
	enum inro_err e = serving_core(arg, ROLE_AUDITOR, &c);

	if (e == INRO_OK)
		e = core_become(c, NULL);
	if (e == INRO_OK)
		*ret = c;
	else
		core_close(c);
	return e;
}

static void worker_end(void *arg, void *worker)
{
	(void)arg;
	core_close(worker);
}

/* ---- what is listened at ---- */

static void add_all(struct http_listen *list, size_t *n, const char *const *at, size_t count, bool tls)
{
	for (size_t i = 0; i < count; i++)
		list[(*n)++] = (struct http_listen) { .at = at[i], .tls = tls };
}

static enum inro_err gather(const struct serve_options *o, struct http_listen *list, size_t *n,
			    bool *ret_tls)
{
	enum inro_err e;

	add_all(list, n, o->tls, o->n_tls, true);
	add_all(list, n, o->plain, o->n_plain, false);
	e = service_sockets(list, LISTEN_MAX, n);
	if (e == INRO_OK && !*n)
		e = err_set(INRO_E_ARG, "there is nothing to listen at: give --listen ADDRESS:PORT, or "
					"--http ADDRESS:PORT for what needs no TLS");
	for (size_t i = 0; e == INRO_OK && i < *n; i++) {
		*ret_tls = *ret_tls || list[i].tls;
		e = list[i].at ? http_listen_check(list[i].at) : INRO_OK;
	}
	return e;
}

/* Ports below 1024 are opened before the rights for it are given up. */
static enum inro_err give_up_rights(struct serving *s, struct http_listen *list, size_t n)
{
	enum inro_err e = INRO_OK;

	for (size_t i = 0; s->o->user && e == INRO_OK && i < n; i++) {
		if (!list[i].at)
			continue;
		e = http_listen_open(list[i].at, &list[i].fd);
		list[i].at = e == INRO_OK ? NULL : list[i].at;
	}
	return e == INRO_OK && s->o->user ? service_become(s->o->user) : e;
}

static enum inro_err check_tls(const struct serve_options *o)
{
	if (!o->tls_key)
		return err_set(INRO_E_ARG, "TLS needs a key: give --tls-key URI or FILE");
	if (!o->tls_cert && !o->tls_ca)
		return err_set(INRO_E_ARG, "TLS needs a certificate: give --tls-cert FILE, or --tls-ca "
					   "CA, which makes it");
	return INRO_OK;
}

static enum inro_err prepare_tls(struct serving *s, SSL_CTX **ret)
{
	enum inro_err e = check_tls(s->o);

	s->cert.o = s->o;
	if (e == INRO_OK)
		e = tls_key_open(s->o, &s->cert.key);
	return e == INRO_OK ? own_cert_start(&s->cert, s->core, ret) : e;
}

static void tell_where(struct serving *s, const struct http_listen *list, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		char url[320], host[256] = "*";
		const char *colon = list[i].at ? strrchr(list[i].at, ':') : NULL;

		if (colon && colon != list[i].at)
			snprintf(host, sizeof host, "%.*s", (int)(colon - list[i].at), list[i].at);
		snprintf(url, sizeof url, "%s://%s:%u", list[i].tls ? "https" : "http", host,
			 http_server_port(s->server, i));
		service_say("listening", "url", url);
	}
}

/* ---- its life ---- */

static void end_tls(struct serving *s)
{
	own_cert_clear(&s->cert);
	tls_key_free(s->cert.key);
	s->cert.key = NULL;
}

/* What the routes stand on. */
static enum inro_err prepare(struct serving *s)
{
	const struct responder_options answers = { .tenant = s->o->tenant };
	enum inro_err e = writers_open(s->o->db, &s->writers);

	if (e == INRO_OK)
		e = readers_open(s->o->db, &s->readers);
	s->est = (struct est_options) { s->o->label, s->o->retry_after };
	s->cmp = (struct cmp_options) { .label = s->o->label, .check_after = s->o->retry_after };
	if (e == INRO_OK)
		e = serving_core(s, ROLE_ADMIN, &s->core);
	if (e == INRO_OK && !(s->lists = lists_new()))
		e = err_set(INRO_E_NO_MEMORY, "memory is short");
	return e == INRO_OK ? responder_new(&answers, s->core, &s->responder) : e;
}

static enum inro_err start_http(struct serving *s, const struct http_listen *list, size_t n,
				SSL_CTX *tls)
{
	const struct http_table tables[] = {
		own_routes(s),
		list_routes(s),
		cert_routes(s),
		rest_table(),
		{ responder_routes, responder_routes_n, s->responder },
		{ est_routes, est_routes_n, &s->est },
		{ cmp_routes, cmp_routes_n, &s->cmp },
	};
	const struct http_options o = {
		.listen = list,
		.n_listen = n,
		.tables = tables,
		.n_tables = ARRAY_LEN(tables),
		.threads = s->o->threads,
		.workers = s->o->workers,
		.limits = s->o->limits,
		.tls = tls,
		.worker_begin = worker_begin,
		.worker_end = worker_end,
		.worker_arg = s,
		.log_fd = STDERR_FILENO,
	};
	struct http_server *server = NULL;
	enum inro_err e = http_server_start(&o, &server);

	s->server = server;
	return e;
}

static enum inro_err start(struct serving *s)
{
	struct http_listen list[LISTEN_MAX] = { 0 }, told[LISTEN_MAX];
	SSL_CTX *ctx = NULL;
	bool tls = false;
	size_t n = 0;
	enum inro_err e = gather(s->o, list, &n, &tls);

	memcpy(told, list, sizeof told);
	if (e == INRO_OK)
		e = give_up_rights(s, list, n);
	if (e == INRO_OK)
		e = prepare(s);
	if (e == INRO_OK && tls)
		e = prepare_tls(s, &ctx);
	if (e == INRO_OK)
		e = start_http(s, list, n, ctx);
	SSL_CTX_free(ctx);
	if (e == INRO_OK)
		e = duties_start(s);
	if (e == INRO_OK)
		tell_where(s, told, n);
	return e;
}

static void wait_for_end(struct serving *s, const sigset_t *ours)
{
	static const struct timespec round = { .tv_nsec = ROUND_NS };

	for (;;) {
		int sig = sigtimedwait(ours, NULL, &round);

		if (sig == SIGTERM || sig == SIGINT)
			return;
		background_round(s, sig == SIGHUP);
	}
}

static void end(struct serving *s, struct serve_report *ret)
{
	unsigned seconds = s->o->drain_seconds ? s->o->drain_seconds : DRAIN_SECONDS;
	struct http_stats n;

	service_tell("STOPPING=1");
	service_say("ending", NULL, NULL);
	s->healthy = false;
	ret->cut = http_server_drain(s->server, seconds);
	http_server_stats(s->server, &n);
	ret->requests = n.requests;
}

enum inro_err serve_run(const struct serve_options *o, struct serve_report *ret)
{
	struct serving s = { .o = o, .started = clock_now(), .healthy = true };
	sigset_t ours, before;
	enum inro_err e;

	sigemptyset(&ours);
	sigaddset(&ours, SIGTERM);
	sigaddset(&ours, SIGINT);
	sigaddset(&ours, SIGHUP);
	sigaddset(&ours, SIGPIPE);
	pthread_sigmask(SIG_BLOCK, &ours, &before);
	pthread_mutex_init(&s.asking, NULL);
	pthread_mutex_init(&s.health.lock, NULL);
	e = start(&s);
	if (e == INRO_OK) {
		service_tell("READY=1");
		wait_for_end(&s, &ours);
		end(&s, ret);
	}
	http_server_stop(s.server);
	duties_end(&s);
	lists_free(s.lists);
	responder_free(s.responder);
	end_tls(&s);
	core_close(s.core);
	readers_close(s.readers);
	writers_close(s.writers);
	pthread_mutex_destroy(&s.asking);
	pthread_mutex_destroy(&s.health.lock);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return e;
}
