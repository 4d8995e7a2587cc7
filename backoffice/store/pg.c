/* pg - see pg.h. */
#include "backoffice/store/pg.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"

struct fault {
	const char *state; /* an SQLSTATE or how it begins; a longer one comes first */
	enum inro_err err;
	const char *advice;
};

static const char again[] = "what was being written is undone; try again";

/* PostgreSQL 15, appendix A.  Whatever is not here is the server's own trouble. */
static const struct fault faults[] = {
	{ "00", INRO_OK, NULL },
	{ "01", INRO_OK, NULL },
	{ "02", INRO_OK, NULL },
	{ "08", INRO_E_BUSY, again },
	{ "0A", INRO_E_UNSUPPORTED, NULL },
	{ "22003", INRO_E_TOO_BIG, NULL },
	{ "22", INRO_E_ARG, NULL },
	{ "23505", INRO_E_EXISTS, NULL },
	{ "23502", INRO_E_ARG, NULL },
	{ "23514", INRO_E_ARG, NULL },
	{ "23", INRO_E_STATE, NULL },
	{ "25006", INRO_E_ACCESS, "this server only reads; name the primary one in INRO_DB" },
	{ "25P03", INRO_E_BUSY, again },
	{ "25", INRO_E_STATE, NULL },
	{ "26", INRO_E_BUSY, "a pooler must keep one server connection a session" },
	{ "28", INRO_E_ACCESS, "check user, password and pg_hba.conf" },
	{ "3D", INRO_E_NOT_FOUND, "make it with createdb" },
	{ "40", INRO_E_BUSY, again },
	{ "42501", INRO_E_ACCESS, "grant it to this user" },
	{ "42", INRO_E_DAMAGED, "restore it from a backup" },
	{ "53100", INRO_E_FULL, "free some space on the server and try again" },
	{ "53200", INRO_E_NO_MEMORY, NULL },
	{ "53300", INRO_E_BUSY, "try again, or raise the server's max_connections" },
	{ "53", INRO_E_FULL, NULL },
	{ "54", INRO_E_TOO_BIG, NULL },
	{ "55P03", INRO_E_BUSY, "another program is writing; try again" },
	{ "55", INRO_E_STATE, NULL },
	{ "57014", INRO_E_BUSY, again },
	{ "57P", INRO_E_BUSY, again },
	{ "57", INRO_E_BUSY, again },
	{ "XX001", INRO_E_DAMAGED, "restore it from a backup" },
	{ "XX002", INRO_E_DAMAGED, "run REINDEX DATABASE, or restore it from a backup" },
};

static const struct fault unknown_fault = { "", INRO_E_IO, "see the server's log" };
static const struct fault lost_fault = { "08006", INRO_E_BUSY, again };
static const struct fault unreachable = { "08001", INRO_E_IO, "is the server running?" };

static const struct fault *fault_of(const char *state)
{
	for (size_t i = 0; i < ARRAY_LEN(faults); i++)
		if (strncmp(state, faults[i].state, strlen(faults[i].state)) == 0)
			return &faults[i];
	return &unknown_fault;
}

enum inro_err pg_code(const char *sqlstate)
{
	return fault_of(sqlstate)->err;
}

/* libpq speaks in lines; the first says what is wrong. */
static enum inro_err tell(const struct pg *g, const struct fault *f, const char *words)
{
	int n = (int)strcspn(words, "\n");

	return err_set(f->err, "%s: %.*s%s%s", g->name, n, words, f->advice ? "; " : "",
		       f->advice ? f->advice : "");
}

bool pg_is_lost(const struct pg *g)
{
	return !g->conn || g->pq->PQstatus(g->conn) == CONNECTION_BAD;
}

static enum inro_err tell_result(const struct pg *g, const PGresult *r)
{
	const char *state = r ? g->pq->PQresultErrorField(r, PG_DIAG_SQLSTATE) : NULL;
	const char *words = r ? g->pq->PQresultErrorField(r, PG_DIAG_MESSAGE_PRIMARY) : NULL;

	if (!words)
		words = g->conn ? g->pq->PQerrorMessage(g->conn) : "the connection was lost";
	log_debug("postgresql %s: %s", state ? state : "-", words);
	if (state)
		return tell(g, fault_of(state), words);
	return tell(g, pg_is_lost(g) ? &lost_fault : &unknown_fault, words);
}

static bool went_well(ExecStatusType s)
{
	return s == PGRES_COMMAND_OK || s == PGRES_TUPLES_OK || s == PGRES_SINGLE_TUPLE ||
	       s == PGRES_PIPELINE_SYNC;
}

enum inro_err pg_result(struct pg *g, PGresult *r)
{
	enum inro_err e = INRO_OK;

	if (!r || !went_well(g->pq->PQresultStatus(r)))
		e = tell_result(g, r);
	g->pq->PQclear(r);
	return e;
}

enum inro_err pg_script(struct pg *g, const char *sql)
{
	return pg_result(g, g->conn ? g->pq->PQexec(g->conn, sql) : NULL);
}

enum inro_err pg_ask(struct pg *g, const char *sql, char *out, size_t cap)
{
	PGresult *r = g->conn ? g->pq->PQexec(g->conn, sql) : NULL;
	bool there = r && g->pq->PQntuples(r) > 0 && !g->pq->PQgetisnull(r, 0, 0);
	int n = snprintf(out, cap, "%s", there ? g->pq->PQgetvalue(r, 0, 0) : "");
	enum inro_err e = pg_result(g, r);

	if (e == INRO_OK && (n < 0 || (size_t)n >= cap))
		e = err_set(INRO_E_TOO_BIG, "%s: an answer of more than %zu bytes", g->name, cap - 1);
	return e;
}

/* ---- connecting ---- */

static void nap(int ms)
{
	nanosleep(&(struct timespec) { .tv_nsec = ms * 1000000L }, NULL);
}

static void swallow(void *arg, const PGresult *r)
{
	(void)arg;
	(void)r;
}

/* While connecting libpq gives no SQLSTATE but in its words: "FATAL:  28P01: password ...". */
static const struct fault *fault_in(const char *words)
{
	const char *at = words;

	while ((at = strstr(at, ":  "))) {
		at += 3;
		if (strspn(at, "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ") == 5 && at[5] == ':')
			return fault_of(at);
	}
	return &unreachable;
}

static int wait_for(struct pg *g, PostgresPollingStatusType what, int64_t until)
{
	struct pollfd p = { .fd = g->pq->PQsocket(g->conn),
			    .events = what == PGRES_POLLING_READING ? POLLIN : POLLOUT };
	int64_t left = until - clock_monotonic_ms();
	int n = left > 0 ? poll(&p, 1, (int)left) : 0;

	return n < 0 && errno == EINTR ? 1 : n;
}

/* A connection that nobody takes is broken off: libpq goes on to the next host by itself.  Its own
 * connect_timeout is for who waits inside of it. */
static bool finish_connecting(struct pg *g)
{
	PostgresPollingStatusType what = PGRES_POLLING_WRITING;
	int64_t each = PG_PATIENCE_MS / g->hosts, until = clock_monotonic_ms() + each;

	for (int cut = 0; what != PGRES_POLLING_OK && what != PGRES_POLLING_FAILED;) {
		if (wait_for(g, what, until) <= 0) {
			if (++cut >= g->hosts)
				return false;
			shutdown(g->pq->PQsocket(g->conn), SHUT_RDWR);
			until = clock_monotonic_ms() + each;
		}
		what = g->pq->PQconnectPoll(g->conn);
	}
	return true;
}

void pg_drop(struct pg *g)
{
	if (g->conn)
		g->pq->PQfinish(g->conn);
	g->conn = NULL;
}

/* lock_timeout is set by pg_set_patience(). */
static const char session[] =
	"SET client_min_messages = error; SET statement_timeout = 0;"
	"SET idle_in_transaction_session_timeout = 0; SET default_transaction_read_only = off;"
	"SET default_transaction_deferrable = off;"
	"SELECT CASE WHEN current_setting('synchronous_commit') = 'off' THEN "
	"set_config('synchronous_commit', 'on', false) END";

static enum inro_err set_up(struct pg *g)
{
	const char *encoding = g->pq->PQparameterStatus(g->conn, "server_encoding");
	enum inro_err e;

	if (!encoding || strcmp(encoding, "UTF8") != 0)
		return err_set(INRO_E_CONFIG,
			       "%s has the encoding %s; make one with createdb -E UTF8", g->name,
			       encoding ? encoding : "none");
	if (g->pq->PQserverVersion(g->conn) < 130000)
		return err_set(INRO_E_CONFIG, "%s: the server is older than PostgreSQL 13",
			       g->name);
	e = pg_script(g, session);
	return e == INRO_OK ? pg_set_patience(g, g->patience_ms) : e;
}

static enum inro_err connect_once(struct pg *g)
{
	/* What comes behind "dbname" can't be changed by the URL. */
	const char *const keys[] = { "connect_timeout", "tcp_user_timeout", "application_name",
				     "dbname",		"client_encoding",  NULL };
	const char *const values[] = {
		"10", "30000", "inro", (const char *)g->url.p, "UTF8", NULL
	};
	enum inro_err e;

	pg_drop(g);
	g->conn = g->pq->PQconnectStartParams(keys, values, 1);
	if (!g->conn)
		return err_set(INRO_E_NO_MEMORY, "no memory for a connection");
	g->pq->PQsetErrorVerbosity(g->conn, PQERRORS_VERBOSE);
	g->pq->PQsetNoticeReceiver(g->conn, swallow, NULL);
	if (!pg_is_lost(g) && !finish_connecting(g))
		return tell(g, &unreachable, "it does not answer");
	if (pg_is_lost(g)) {
		const char *words = g->pq->PQerrorMessage(g->conn);

		return tell(g, fault_in(words), words);
	}
	g->pq->PQsetErrorVerbosity(g->conn, PQERRORS_DEFAULT);
	g->number++;
	e = set_up(g);
	if (e != INRO_OK)
		pg_drop(g);
	return e;
}

enum inro_err pg_set_patience(struct pg *g, int ms)
{
	char sql[64];

	g->patience_ms = ms;
	snprintf(sql, sizeof sql, "SET lock_timeout = %d", ms > 0 ? ms : 1);
	return pg_script(g, sql);
}

/* Not a fault of who asks, and over by itself. */
static enum inro_err say_away(enum inro_err e)
{
	char why[ERR_DETAIL_MAX];

	snprintf(why, sizeof why, "%s", err_detail(e));
	return err_set(INRO_E_BUSY, "the connection was lost: %s", why);
}

enum inro_err pg_alive(struct pg *g)
{
	int64_t until = clock_monotonic_ms() + (g->away ? 0 : g->patience_ms);
	enum inro_err e;

	if (g->owner != getpid())
		return err_set(INRO_E_STATE, "%s: a child of fork opens its own", g->name);
	if (!pg_is_lost(g))
		return INRO_OK;
	do {
		e = connect_once(g);
		g->away = e == INRO_E_BUSY || e == INRO_E_IO;
		if (!g->away)
			return e;
		nap(50);
	} while (clock_monotonic_ms() < until);
	return say_away(e);
}

static const char *option(const PQconninfoOption *o, const char *keyword)
{
	for (; o->keyword; o++)
		if (strcmp(o->keyword, keyword) == 0 && o->val && *o->val)
			return o->val;
	return "";
}

static int hosts_in(const PQconninfoOption *o)
{
	const char *list = option(o, "hostaddr");
	int n = 1;

	for (list = *list ? list : option(o, "host"); *list; list++)
		n += *list == ',';
	return n;
}

/* libpq's words about a URL that it can't read may quote a part with the password in it. */
static enum inro_err name_it(struct pg *g, const char *url)
{
	char *why = NULL;
	PQconninfoOption *o = g->pq->PQconninfoParse(url, &why);
	const char *port;
	int n;

	if (!o) {
		g->pq->PQfreemem(why);
		return err_set(INRO_E_ARG,
			       "the PostgreSQL URL can't be read; write "
			       "postgresql://USER@HOST:PORT/DATABASE, and what is not a "
			       "letter or a digit in a name as %%XX");
	}
	port = option(o, "port");
	g->hosts = hosts_in(o);
	n = asprintf(&g->name, "postgresql://%s%s%s/%s", option(o, "host"), *port ? ":" : "", port,
		     option(o, "dbname"));
	g->pq->PQconninfoFree(o);
	if (n < 0)
		g->name = NULL;
	return n < 0 ? err_set(INRO_E_NO_MEMORY, "no memory for a name") : INRO_OK;
}

enum inro_err pg_open(struct pg *g, const char *url)
{
	enum inro_err e = pq_load(&g->pq);

	g->owner = getpid();
	g->patience_ms = PG_PATIENCE_MS;
	if (e == INRO_OK)
		e = secret_copy(BYTES(url, strlen(url) + 1), &g->url);
	if (e == INRO_OK)
		e = name_it(g, url);
	return e == INRO_OK ? connect_once(g) : e;
}

void pg_close(struct pg *g)
{
	/* Words of farewell, also those of TLS, would be the parent's. */
	if (g->conn && g->owner != getpid())
		close(g->pq->PQsocket(g->conn));
	else
		pg_drop(g);
	g->conn = NULL;
	secret_clear(&g->url);
	free(g->name);
	g->name = NULL;
}
