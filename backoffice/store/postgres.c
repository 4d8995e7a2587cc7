/*
 * postgres - the store in a PostgreSQL database, on pg.h.
 *
 * 1. One writer at a time among all that share the database, by an advisory lock that a write
 * transaction takes first and holds to its end: ids are then the greatest one and one more, without
 * gaps, as in SQLite, and no update is lost.
 * 2. Each statement is prepared once a connection; values go as binary parameters.
 * 3. What fails inside a transaction leaves it open, as store.h promises: an insert that finds its
 * place taken is no error to the server, other changes run in a subtransaction of their own.
 * 4. A commit whose answer was lost is asked for by the transaction's number, once the server is
 * back.
 * 5. After store_defer() changes wait for no answer (pglater.h) and stand in no subtransaction.
 */
#include <endian.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "backoffice/store/backend.h"
#include "backoffice/store/pglater.h"
#include "backoffice/store/pgplans.h"
#include "backoffice/store/pgschema.h"
#include "backoffice/store/sql.h"
#include "backoffice/store/texts.h"

struct postgres_store {
	struct store store;
	struct pg pg;
	struct pg_later later;
	struct texts texts;
	struct pg_plans plans;
	char client[17]; /* whose row in inro_commit is ours; "" before the first commit */
	int64_t commits; /* the last one's number */
};

static struct postgres_store *own(struct store *s)
{
	return (struct postgres_store *)(void *)s;
}

static void postgres_close(struct store *s)
{
	struct postgres_store *q = own(s);

	pg_close(&q->pg);
	pg_later_clear(&q->later);
	texts_clear(&q->texts);
	free(q);
}

static enum inro_err open_place(struct postgres_store *q, const char *place, enum store_opening how)
{
	SCOPED(buf) url = { .secret = true };
	enum inro_err e;

	buf_add_str(&url, "postgresql://");
	buf_add_str(&url, place);
	buf_add_u8(&url, 0);
	e = buf_err(&url);
	if (e == INRO_OK)
		e = pg_open(&q->pg, (const char *)url.p);
	if (e == INRO_OK)
		e = pg_schema(&q->pg, how);
	if (e == INRO_OK)
		e = text_set(&q->store.name, q->pg.name);
	return e;
}

static enum inro_err postgres_open(const char *place, enum store_opening how, struct store **ret)
{
	struct postgres_store *q = calloc(1, sizeof *q);
	enum inro_err e;

	if (!q)
		return err_set(INRO_E_NO_MEMORY, "no memory for a store");
	q->store.ops = &postgres_store_ops;
	q->later.pg = &q->pg;
	q->later.texts = &q->texts;
	e = open_place(q, place, how);
	if (e != INRO_OK) {
		store_close(&q->store);
		return e;
	}
	*ret = &q->store;
	return INRO_OK;
}

/* ---- transactions ---- */

static const char *const begins[] = {
	[STORE_READ] = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; SELECT 0",
	[STORE_WRITE] = "BEGIN ISOLATION LEVEL READ COMMITTED; " PG_TAKE_TURN "; " PG_ASK_VERSION,
	[STORE_LOAD] = "BEGIN ISOLATION LEVEL READ COMMITTED; " PG_TAKE_TURN
		       "; SET CONSTRAINTS ALL DEFERRED; " PG_ASK_VERSION,
};

static void give_up(struct postgres_store *q)
{
	SCOPED(err_kept) kept = err_keep();
	struct pg *g = &q->pg;

	if (g->owner != getpid())
		return;
	pg_later_drop(&q->later);
	if (!pg_is_lost(g) && g->pq->PQtransactionStatus(g->conn) != PQTRANS_IDLE)
		(void)!pg_script(g, "ROLLBACK");
}

/* Before anything that is asked outside of the queue. */
static enum inro_err settle(struct postgres_store *q)
{
	return pg_later_settle(&q->later);
}

static enum inro_err postgres_settle(struct store *s)
{
	pg_later_forget_ids(&own(s)->later);
	return settle(own(s));
}

/* In the same round: whether a later program has made the form another one since this one was opened. */
static enum inro_err begin_writing(struct pg *g, const char *sql)
{
	char version[32];
	enum inro_err e = pg_ask(g, sql, version, sizeof version);

	return e == INRO_OK ? store_check_form(g->name, strtoll(version, NULL, 10)) : e;
}

/* A connection may have been lost since it was used last; nothing is lost with it then. */
static enum inro_err postgres_begin(struct store *s, enum store_access access)
{
	struct postgres_store *q = own(s);
	enum inro_err e = INRO_OK;

	for (int round = 0; round < 2; round++) {
		e = pg_alive(&q->pg);
		if (e == INRO_OK && access != STORE_READ)
			e = pg_plans_renew(&q->plans, &q->pg);
		if (e == INRO_OK)
			e = (access == STORE_READ ? pg_script : begin_writing)(&q->pg, begins[access]);
		if (e == INRO_OK || !pg_is_lost(&q->pg))
			break;
	}
	if (e != INRO_OK)
		give_up(q);
	return e;
}

static void postgres_rollback(struct store *s)
{
	give_up(own(s));
}

static enum inro_err name_client(struct postgres_store *q)
{
	SCOPED(buf) hex = { 0 };
	uint8_t random[(sizeof q->client - 1) / 2];
	enum inro_err e = *q->client ? INRO_OK : random_fill(random, sizeof random);

	if (e != INRO_OK || *q->client)
		return e;
	buf_add_hex(&hex, BYTES(random, sizeof random));
	e = buf_err(&hex);
	if (e == INRO_OK)
		memcpy(q->client, hex.p, hex.n);
	return e;
}

/* The first of a store also clears up behind those that are long closed. */
static enum inro_err commit_words(struct postgres_store *q, char *out, size_t cap)
{
	enum inro_err e = name_client(q);

	q->commits++;
	snprintf(out, cap,
		 "%sINSERT INTO inro_commit (client, n, at) VALUES ('%s', %lld, now()) ON CONFLICT "
		 "(client) DO UPDATE SET n = excluded.n, at = excluded.at; COMMIT",
		 q->commits == 1 ? "DELETE FROM inro_commit WHERE at < now() - interval '30 days'; "
				 : "",
		 q->client, (long long)q->commits);
	return e;
}

/* In its turn: what was being committed is over then. */
static enum inro_err ask_outcome(struct postgres_store *q)
{
	char sql[256], is[32];
	enum inro_err e = pg_alive(&q->pg);

	snprintf(sql, sizeof sql, "%s; SELECT n FROM inro_commit WHERE client = '%s'",
		 begins[STORE_WRITE], q->client);
	if (e == INRO_OK)
		e = pg_ask(&q->pg, sql, is, sizeof is);
	give_up(q);
	if (e != INRO_OK)
		return err_set(INRO_E_IO,
			       "%s: the connection was lost while it was being committed, and the "
			       "server can't be asked whether it was; look before you do it again",
			       q->pg.name);
	if (strtoll(is, NULL, 10) == q->commits)
		return INRO_OK;
	return err_set(INRO_E_BUSY,
		       "%s: the connection was lost, what was being written is undone; try again",
		       q->pg.name);
}

static enum inro_err commit_writing(struct postgres_store *q)
{
	bool was_lost = pg_is_lost(&q->pg);
	char sql[384];
	enum inro_err e = commit_words(q, sql, sizeof sql);

	if (e == INRO_OK)
		e = pg_script(&q->pg, sql);
	if (e != INRO_OK && pg_is_lost(&q->pg) && !was_lost)
		return ask_outcome(q);
	return e;
}

static enum inro_err postgres_commit(struct store *s, bool writing)
{
	struct postgres_store *q = own(s);
	enum inro_err e = settle(q);

	if (e == INRO_OK)
		e = writing ? commit_writing(q) : pg_script(&q->pg, "COMMIT");
	if (e != INRO_OK)
		give_up(q);
	return e;
}

static const char *const savings[SAVE__MAX] = {
	[SAVE_BEGIN] = "SAVEPOINT part",
	[SAVE_END] = "RELEASE part",
	[SAVE_BACK] = "ROLLBACK TO part; RELEASE part",
};

static enum inro_err postgres_save(struct store *s, enum store_saving what)
{
	return pg_script(&own(s)->pg, savings[what]);
}

/* ---- statements ---- */

static enum inro_err prepare(struct store *s, const struct sql *sql, struct pg_statement *ret)
{
	struct postgres_store *q = own(s);
	struct text_kept *kept;
	enum inro_err e = sql_text(sql, &q->texts, &kept);

	return e == INRO_OK ? pg_queue_prepare(&q->later.queue, &q->pg, kept, sql, ret) : e;
}

static int64_t number_at(const struct pg *g, const PGresult *r, int row, int column)
{
	uint64_t n = 0;

	if (g->pq->PQgetisnull(r, row, column) || g->pq->PQgetlength(r, row, column) != sizeof n)
		return 0;
	memcpy(&n, g->pq->PQgetvalue(r, row, column), sizeof n);
	return (int64_t)be64toh(n);
}

static PGresult *execute(struct pg *g, const struct pg_statement *st)
{
	return g->pq->PQexecPrepared(g->conn, st->name, st->n, st->values, st->lengths, st->formats,
				     1);
}

static enum inro_err insert_now(struct store *s, const struct record_type *t, const void *r, int64_t *ret_id)
{
	SCOPED(sql) sql;
	struct pg *g = &own(s)->pg;
	struct pg_statement st;
	PGresult *result;
	enum inro_err e = sql_row(sql_start(&sql, '$'), t, r, SQL_INSERT);

	if (e == INRO_OK)
		e = prepare(s, &sql, &st);
	if (e == INRO_OK)
		e = settle(own(s));
	if (e != INRO_OK)
		return e;
	result = execute(g, &st);
	*ret_id = result && g->pq->PQntuples(result) == 1 ? number_at(g, result, 0, 0) : 0;
	e = pg_result(g, result);
	return pg_say_exists(e == INRO_OK && *ret_id == 0 ? INRO_E_EXISTS : e, t);
}

static enum inro_err postgres_insert(struct store *s, const struct record_type *t, const void *r, int64_t *ret_id)
{
	struct postgres_store *q = own(s);
	int64_t id = s->defers ? pg_later_id(&q->later, t, r) : 0;
	enum inro_err e;

	if (!id)
		e = insert_now(s, t, r, ret_id);
	else
		e = pg_later_write(&q->later, t, r, SQL_INSERT, id);
	q->plans.written++;
	if (e == INRO_OK && id)
		*ret_id = id;
	if (e == INRO_OK && s->defers)
		pg_later_note_id(&q->later, t, *ret_id, !id);
	return e;
}

/* ---- one that may fail ---- */

/* The three are sent at once and answered at once. */
static bool send_guarded(struct pg *g, const struct pg_statement *st)
{
	const struct pq *pq = g->pq;

	return pq->PQsendQueryParams(g->conn, "SAVEPOINT one", 0, NULL, NULL, NULL, NULL, 0) &&
	       pq->PQsendQueryPrepared(g->conn, st->name, st->n, st->values, st->lengths,
				       st->formats, 1) &&
	       pq->PQsendQueryParams(g->conn, "RELEASE one", 0, NULL, NULL, NULL, NULL, 0) &&
	       pq->PQpipelineSync(g->conn);
}

/* The first failure of those that were sent; the rows that the statement changed. */
static enum inro_err answers(struct pg *g, int64_t *ret_rows)
{
	enum inro_err first = INRO_OK;
	bool synced = false;

	while (!synced && !pg_is_lost(g)) {
		PGresult *r = g->pq->PQgetResult(g->conn);
		ExecStatusType is = r ? g->pq->PQresultStatus(r) : PGRES_COMMAND_OK;

		synced = is == PGRES_PIPELINE_SYNC;
		if (r && is != PGRES_PIPELINE_ABORTED && *g->pq->PQcmdTuples(r))
			*ret_rows = strtoll(g->pq->PQcmdTuples(r), NULL, 10);
		if (r && first == INRO_OK)
			first = pg_result(g, r);
		else
			g->pq->PQclear(r);
	}
	return first == INRO_OK && !synced ? pg_result(g, NULL) : first;
}

static enum inro_err run_guarded(struct pg *g, const struct pg_statement *st, int64_t *ret_rows)
{
	enum inro_err e;

	if (!g->pq->PQenterPipelineMode(g->conn) || !send_guarded(g, st))
		return pg_result(g, NULL);
	e = answers(g, ret_rows);
	g->pq->PQexitPipelineMode(g->conn);
	if (e != INRO_OK && !pg_is_lost(g)) {
		SCOPED(err_kept) kept = err_keep();

		(void)!pg_script(g, "ROLLBACK TO one; RELEASE one");
	}
	return e;
}

static enum inro_err update_now(struct store *s, const struct record_type *t, const void *r, int64_t *ret_rows)
{
	SCOPED(sql) sql;
	struct pg_statement st;
	enum inro_err e = sql_row(sql_start(&sql, '$'), t, r, SQL_UPDATE);

	if (e == INRO_OK)
		e = prepare(s, &sql, &st);
	if (e == INRO_OK)
		e = pg_say_exists(run_guarded(&own(s)->pg, &st, ret_rows), t);
	return e;
}

static enum inro_err postgres_update(struct store *s, const struct record_type *t, const void *r,
				     int64_t *ret_rows)
{
	if (!s->defers)
		return update_now(s, t, r, ret_rows);
	*ret_rows = 1; /* else it is told later */
	return pg_later_write(&own(s)->later, t, r, SQL_UPDATE, 0);
}

static enum inro_err postgres_erase(struct store *s, const struct record_type *t,
				    const struct store_query *q, int64_t *ret_rows)
{
	SCOPED(sql) sql;
	struct pg_statement st;
	enum inro_err e = sql_delete(sql_start(&sql, '$'), t, q);

	if (e == INRO_OK)
		e = prepare(s, &sql, &st);
	if (e == INRO_OK)
		e = postgres_settle(s); /* the greatest id may go */
	if (e != INRO_OK)
		return e;
	e = run_guarded(&own(s)->pg, &st, ret_rows);
	if (e == INRO_E_STATE)
		e = err_set(e, "a %s that something else refers to is not deleted", t->what);
	return e;
}

/* ---- reading ---- */

static struct sql_value column(const struct pg *g, const PGresult *r, int row, const struct field *f, int at)
{
	struct sql_value v = { .kind = sql_field_kind(f) };

	if (v.kind == SQL_INT)
		v.number = number_at(g, r, row, at);
	else if (v.kind == SQL_TEXT)
		v.text = g->pq->PQgetvalue(r, row, at);
	else
		v.bytes = BYTES(g->pq->PQgetvalue(r, row, at), (size_t)g->pq->PQgetlength(r, row, at));
	return v;
}

struct walk {
	const struct record_type *t;
	void *record;
	store_row_fn *row;
	void *arg;
	bool began; /* a row was handed out */
};

static enum inro_err take_row(const struct pg *g, const PGresult *r, int row, struct walk *w)
{
	enum inro_err e = INRO_OK;

	w->began = true;
	for (size_t i = 0; e == INRO_OK && i < record_columns(w->t); i++) {
		struct sql_value v = column(g, r, row, &w->t->fields[i], (int)i);

		e = sql_field_load(&w->t->fields[i], &v, w->record);
	}
	if (e == INRO_OK)
		e = w->row(w->arg, w->record);
	record_clear(w->t, w->record);
	return e;
}

/* One, and none at the end of all; or all, where libpq would not hand them out one by one. */
static enum inro_err take_some(const struct pg *g, const PGresult *r, struct walk *w)
{
	int n = g->pq->PQntuples(r);
	enum inro_err e = INRO_OK;

	for (int i = 0; e == INRO_OK && i < n; i++)
		e = take_row(g, r, i, w);
	return e;
}

/* To the last result, whatever happens: the connection is free only then. */
static enum inro_err take_rows(struct pg *g, struct walk *w)
{
	enum inro_err e = INRO_OK;
	PGresult *r;

	while ((r = g->pq->PQgetResult(g->conn))) {
		if (e == INRO_OK)
			e = take_some(g, r, w);
		if (e == INRO_OK)
			e = pg_result(g, r);
		else
			g->pq->PQclear(r);
	}
	return e;
}

/* Behind the changes that wait for their answers. */
static enum inro_err walk_behind(struct postgres_store *q, const struct pg_statement *st, struct walk *w)
{
	enum inro_err e = pg_queue_ask(&q->later.queue, &q->pg, st);

	if (e != INRO_OK)
		return e;
	e = take_rows(&q->pg, w);
	pg_queue_asked(&q->later.queue, &q->pg);
	return e;
}

static enum inro_err walk_once(struct store *s, const struct sql *sql, struct walk *w)
{
	struct pg *g = &own(s)->pg;
	struct pg_statement st;
	enum inro_err e = s->open ? pg_later_send(&own(s)->later, sql->type->table) : pg_alive(g);

	if (e == INRO_OK)
		e = prepare(s, sql, &st);
	if (e != INRO_OK)
		return e;
	if (own(s)->later.queue.piped)
		return walk_behind(own(s), &st, w);
	if (!g->pq->PQsendQueryPrepared(g->conn, st.name, st.n, st.values, st.lengths, st.formats,
					1))
		return pg_result(g, NULL);
	g->pq->PQsetSingleRowMode(g->conn);
	return take_rows(g, w);
}

/* Outside a transaction a lost connection is no reason to fail, unless rows were seen already. */
static enum inro_err walk(struct store *s, const struct sql *sql, struct walk *w)
{
	enum inro_err e = walk_once(s, sql, w);

	if (e == INRO_E_BUSY && !w->began && !s->open && pg_is_lost(&own(s)->pg))
		e = walk_once(s, sql, w);
	return e;
}

static enum inro_err postgres_each(struct store *s, const struct record_type *t,
				   const struct store_query *q, store_row_fn *row, void *arg)
{
	SCOPED(sql) sql;
	struct walk w = { .t = t, .row = row, .arg = arg };
	enum inro_err e = sql_select(sql_start(&sql, '$'), t, q);

	if (e != INRO_OK)
		return e;
	w.record = calloc(1, t->size);
	if (!w.record)
		return err_set(INRO_E_NO_MEMORY, "no memory for a %s", t->what);
	e = walk(s, &sql, &w);
	free(w.record);
	return e;
}

/* ---- many queries at once ---- */

/* What the varied field is compared with, and what the head of it in an index is. */
static void add_place(const struct field *f, const struct store_place *place, struct pg_array a[static 2])
{
	enum sql_kind kind = sql_field_kind(f);
	struct sql_value v = { kind, place->number, text_or_empty(place->text), place->bytes };

	pg_array_add(&a[0], kind, &v);
	if (v.bytes.n > RECORD_HEAD)
		v.bytes.n = RECORD_HEAD;
	if (f->head)
		pg_array_add(&a[1], kind, &v);
}

static enum inro_err values_of(const struct field *f, const struct store_alike *a, struct pg_array arrays[static 2],
			       struct sql_value ret[static 2])
{
	enum inro_err e;

	for (size_t i = 0; i < a->n; i++)
		add_place(f, &a->values[i], arrays);
	e = pg_array_value(&arrays[0], &ret[0]);
	return e == INRO_OK && f->head ? pg_array_value(&arrays[1], &ret[1]) : e;
}

static enum inro_err postgres_among(struct store *s, const struct record_type *t, const struct store_alike *a,
				    store_row_fn *row, void *arg)
{
	const struct field *f = record_field(t, a->q->conds[a->varied].field);
	struct pg_array arrays[2] = { 0 };
	struct sql_value values[2];
	SCOPED(sql) sql;
	struct walk w = { .t = t, .row = row, .arg = arg };
	enum inro_err e = values_of(f, a, arrays, values);

	sql_start(&sql, '$');
	sql.among = values;
	sql.varied = &a->q->conds[a->varied];
	if (e == INRO_OK)
		e = sql_select(&sql, t, a->q);
	w.record = calloc(1, t->size);
	if (e == INRO_OK && !w.record)
		e = err_set(INRO_E_NO_MEMORY, "no memory for a %s", t->what);
	if (e == INRO_OK)
		e = walk(s, &sql, &w);
	free(w.record);
	pg_array_clear(&arrays[0]);
	pg_array_clear(&arrays[1]);
	return e;
}

static enum inro_err take_number(void *arg, void *record)
{
	memcpy(arg, record, sizeof(int64_t));
	return INRO_OK;
}

static enum inro_err postgres_count(struct store *s, const struct record_type *t,
				    const struct store_query *q, int64_t *ret)
{
	static const struct field number = { .name = "count", .kind = FIELD_INT };
	static const struct record_type one = {
		.what = "count", .size = sizeof(int64_t), .fields = &number, .n = 1
	};
	SCOPED(sql) sql;
	int64_t n = 0;
	struct walk w = { .t = &one, .record = &n, .row = take_number, .arg = ret };
	enum inro_err e = sql_count(sql_start(&sql, '$'), t, q);

	return e == INRO_OK ? walk(s, &sql, &w) : e;
}

/* ---- check ---- */

/* For each reference a query for the first row that has none. */
static const char references_sql[] =
	"SELECT coalesce(string_agg(format('SELECT %L || '' '' || c.id FROM %s c WHERE c.%I IS NOT "
	"NULL AND NOT EXISTS (SELECT 1 FROM %s p WHERE p.id = c.%I)', k.conrelid::regclass::text, "
	"k.conrelid::regclass, a.attname, k.confrelid::regclass, a.attname), ' UNION ALL '), "
	"'SELECT 1 WHERE false') || ' LIMIT 1' FROM pg_catalog.pg_constraint k "
	"JOIN pg_catalog.pg_attribute a ON a.attrelid = k.conrelid AND a.attnum = k.conkey[1] "
	"WHERE k.contype = 'f' AND k.connamespace = current_schema()::regnamespace";

static enum inro_err postgres_now(struct store *s, int64_t *ret_ms)
{
	char ms[32];
	enum inro_err e = s->open ? settle(own(s)) : pg_alive(&own(s)->pg);

	if (e == INRO_OK)
		e = pg_ask(&own(s)->pg,
			   "SELECT floor(extract(epoch FROM clock_timestamp()) * 1000)::bigint", ms,
			   sizeof ms);
	if (e == INRO_OK)
		*ret_ms = strtoll(ms, NULL, 10);
	return e;
}

static enum inro_err postgres_check(struct store *s)
{
	struct pg *g = &own(s)->pg;
	char sql[16384], found[128];
	enum inro_err e = s->open ? settle(own(s)) : pg_alive(g);

	if (e == INRO_OK)
		e = pg_ask(g, references_sql, sql, sizeof sql);
	if (e == INRO_OK)
		e = pg_ask(g, sql, found, sizeof found);
	if (e == INRO_OK && *found)
		e = err_set(INRO_E_DAMAGED,
			    "%s: %s refers to what is not there; restore it from a backup", g->name,
			    found);
	return e;
}

static enum inro_err postgres_survey(struct store *s)
{
	return pg_plans_survey(&own(s)->pg);
}

static enum inro_err postgres_patience(struct store *s, int ms)
{
	enum inro_err e = settle(own(s));

	return e == INRO_OK ? pg_set_patience(&own(s)->pg, ms) : e;
}

static enum inro_err postgres_backup(struct store *s, const char *path)
{
	(void)path;
	return err_set(INRO_E_UNSUPPORTED, "%s can't be copied as a file", s->name);
}

const struct store_ops postgres_store_ops = {
	.open = postgres_open,
	.close = postgres_close,
	.begin = postgres_begin,
	.commit = postgres_commit,
	.rollback = postgres_rollback,
	.save = postgres_save,
	.settle = postgres_settle,
	.insert = postgres_insert,
	.update = postgres_update,
	.erase = postgres_erase,
	.each = postgres_each,
	.among = postgres_among,
	.count = postgres_count,
	.now = postgres_now,
	.check = postgres_check,
	.survey = postgres_survey,
	.patience = postgres_patience,
	.backup = postgres_backup,
};
