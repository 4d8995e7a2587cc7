/* pgqueue - see pgqueue.h. */
#include "backoffice/store/pgqueue.h"

#include <endian.h>
#include <stdio.h>
#include <stdlib.h>

static enum inro_err bind_value(struct pg_statement *st, size_t at, const struct sql_value *v)
{
	struct bytes b = BYTES_NONE;

	st->numbers[at] = htobe64((uint64_t)v->number);
	if (v->kind == SQL_INT)
		b = BYTES(&st->numbers[at], sizeof st->numbers[at]);
	else if (v->kind == SQL_TEXT)
		b = bytes_of(v->text);
	else if (v->kind == SQL_BYTES)
		b = v->bytes;
	if (b.n > BUF_MAX)
		return err_set(INRO_E_TOO_BIG, "a value of %zu bytes is too long", b.n);
	/* A null pointer would make it NULL, and an empty value is not a missing one. */
	st->values[at] = v->kind == SQL_NULL ? NULL : b.n ? (const char *)b.p : "";
	st->lengths[at] = (int)b.n;
	st->formats[at] = 1;
	return INRO_OK;
}

enum inro_err pg_say_exists(enum inro_err e, const struct record_type *t)
{
	if (e == INRO_E_EXISTS)
		return err_set(e, "there is such a %s already", t->what);
	return e;
}

static void keep(struct pg_queue *q, enum inro_err e)
{
	if (q->fell != INRO_OK || e == INRO_OK)
		return;
	q->fell = e;
	q->why = err_keep();
}

static enum inro_err say(const struct pg_queue *q)
{
	return q->fell == INRO_OK ? INRO_OK : err_set(q->fell, "%s", q->why.text);
}

static bool send(struct pg_queue *q, struct pg *g, const struct pg_statement *st)
{
	if (g->conn && !q->piped)
		q->piped = g->pq->PQenterPipelineMode(g->conn) == 1;
	return q->piped && g->pq->PQsendQueryPrepared(g->conn, st->name, st->n, st->values, st->lengths, st->formats, 1);
}

enum inro_err pg_queue_prepare(struct pg_queue *q, struct pg *g, struct text_kept *text, const struct sql *s,
			       struct pg_statement *ret)
{
	enum inro_err e = INRO_OK;

	snprintf(ret->name, sizeof ret->name, "inro_%zu", text->number);
	ret->n = (int)s->n;
	for (size_t i = 0; e == INRO_OK && i < s->n; i++)
		e = bind_value(ret, i, &s->values[i]);
	if (e != INRO_OK || text->mark == g->number)
		return e;
	e = pg_queue_settle(q, g);
	if (e == INRO_OK && !g->conn)
		e = pg_result(g, NULL);
	if (e != INRO_OK)
		return e;
	e = pg_result(g, g->pq->PQprepare(g->conn, ret->name, text->text, 0, NULL));
	if (e == INRO_OK)
		text->mark = g->number;
	return e;
}

enum inro_err pg_queue_add(struct pg_queue *q, struct pg *g, const struct pg_statement *st, struct pg_change change)
{
	enum inro_err e = q->n == PG_QUEUE_MAX ? pg_queue_settle(q, g) : say(q);

	if (e != INRO_OK)
		return e;
	if (!send(q, g, st) || g->pq->PQflush(g->conn) < 0)
		keep(q, pg_result(g, NULL));
	else
		q->changes[q->n++] = change;
	return say(q);
}

/* ---- answers ---- */

static enum inro_err out_of_step(const struct pg *g)
{
	return err_set(INRO_E_IO, "%s: an answer that nobody asked for", g->name);
}

static enum inro_err judge(struct pg *g, PGresult *r, struct pg_change c)
{
	ExecStatusType is = g->pq->PQresultStatus(r);
	bool none = is == PGRES_COMMAND_OK && strtoull(g->pq->PQcmdTuples(r), NULL, 10) != c.rows;
	bool other = is == PGRES_PIPELINE_SYNC || is == PGRES_TUPLES_OK;
	enum inro_err e = pg_say_exists(pg_result(g, r), c.type);

	if (e == INRO_OK && other)
		e = out_of_step(g);
	if (e == INRO_OK && none)
		e = err_set(INRO_E_NOT_FOUND, "no such %s", c.type->what);
	return e;
}

/* One result a statement, and a NULL behind it.  What comes after a failure was not done and says so: only the first is
 * of interest. */
static void read_answer(struct pg_queue *q, struct pg *g, struct pg_change c)
{
	PGresult *r = g->pq->PQgetResult(g->conn);

	if (q->fell == INRO_OK)
		keep(q, r ? judge(g, r, c) : pg_result(g, NULL));
	else
		g->pq->PQclear(r);
	while (r && (r = g->pq->PQgetResult(g->conn)))
		g->pq->PQclear(r);
}

static void read_answers(struct pg_queue *q, struct pg *g)
{
	for (size_t i = 0; i < q->n && !pg_is_lost(g); i++)
		read_answer(q, g, q->changes[i]);
	q->n = 0;
	if (pg_is_lost(g))
		keep(q, pg_result(g, NULL));
}

/* To where server and client agree again; a NULL ends one statement's results, two of them are the end of all. */
static void read_sync(struct pg_queue *q, struct pg *g)
{
	bool synced = false;

	for (int nulls = 0; !synced && nulls < 2 && !pg_is_lost(g);) {
		PGresult *r = g->pq->PQgetResult(g->conn);

		nulls = r ? 0 : nulls + 1;
		synced = r && g->pq->PQresultStatus(r) == PGRES_PIPELINE_SYNC;
		g->pq->PQclear(r);
	}
	if (!synced)
		keep(q, pg_is_lost(g) ? pg_result(g, NULL) : out_of_step(g));
}

/* A connection that can't be asked again is as good as lost. */
static void leave(struct pg_queue *q, struct pg *g)
{
	if (q->piped && !pg_is_lost(g) && !g->pq->PQexitPipelineMode(g->conn)) {
		keep(q, pg_result(g, NULL));
		pg_drop(g);
	}
	q->piped = false;
}

enum inro_err pg_queue_settle(struct pg_queue *q, struct pg *g)
{
	if (q->n && (pg_is_lost(g) || !g->pq->PQpipelineSync(g->conn))) {
		keep(q, pg_result(g, NULL));
	} else if (q->n) {
		read_answers(q, g);
		read_sync(q, g);
	}
	q->n = 0;
	leave(q, g);
	return say(q);
}

enum inro_err pg_queue_ask(struct pg_queue *q, struct pg *g, const struct pg_statement *st)
{
	if (!send(q, g, st) || !g->pq->PQpipelineSync(g->conn)) {
		keep(q, pg_result(g, NULL));
		return say(q);
	}
	read_answers(q, g);
	if (q->fell != INRO_OK)
		read_sync(q, g);
	else
		g->pq->PQsetSingleRowMode(g->conn);
	return say(q);
}

void pg_queue_asked(struct pg_queue *q, struct pg *g)
{
	SCOPED(err_kept) kept = err_keep();

	read_sync(q, g);
}

void pg_queue_fail(struct pg_queue *q, enum inro_err e)
{
	keep(q, e);
}

void pg_queue_drop(struct pg_queue *q, struct pg *g)
{
	SCOPED(err_kept) kept = err_keep();

	(void)!pg_queue_settle(q, g);
	q->fell = INRO_OK;
}
