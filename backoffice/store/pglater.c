/* pglater - see pglater.h. */
#include "backoffice/store/pglater.h"

#include <stdlib.h>
#include <string.h>

/* ---- ids ---- */

static struct pg_last_id *last_id(struct pg_later *l, const char *table)
{
	for (size_t i = 0; i < l->last_n; i++)
		if (strcmp(l->last[i].table, table) == 0)
			return &l->last[i];
	return NULL;
}

void pg_later_note_id(struct pg_later *l, const struct record_type *t, int64_t id, bool is_greatest)
{
	struct pg_last_id *last = last_id(l, t->table);

	if (last)
		last->id = id > last->id ? id : last->id;
	else if (is_greatest && l->last_n < PG_TABLES_MAX)
		l->last[l->last_n++] = (struct pg_last_id) { t->table, id };
}

int64_t pg_later_id(struct pg_later *l, const struct record_type *t, const void *r)
{
	const struct pg_last_id *last = last_id(l, t->table);
	int64_t id;

	memcpy(&id, (const char *)r + t->fields[0].offset, sizeof id);
	return id || !last ? id : last->id + 1;
}

void pg_later_forget_ids(struct pg_later *l)
{
	l->last_n = 0;
}

/* ---- rows that wait for more ---- */

/* In the order in which they are sent.  Nothing that a row of these has is decided about by rows of another table, but
 * for references, and what refers comes behind what it may refer to. */
static const struct waiting {
	const struct record_type *type;
	enum sql_write how;
	bool refers; /* to those before it */
	bool any;    /* what else is done with its table may come before it or behind it: other rows, nothing unique */
} kinds[PG_WAITING] = {
	{ .type = &device_type, .how = SQL_INSERT },
	{ .type = &device_move_type, .how = SQL_UPDATE },
	{ .type = &device_end_type, .how = SQL_UPDATE },
	{ .type = &credential_type, .how = SQL_INSERT, .refers = true, .any = true },
	{ .type = &credential_move_type, .how = SQL_UPDATE, .refers = true, .any = true },
	{ .type = &status_change_type, .how = SQL_INSERT },
	{ .type = &job_result_type, .how = SQL_INSERT, .refers = true },
	{ .type = &tally_type, .how = SQL_UPDATE },
	{ .type = &tally_type, .how = SQL_INSERT },
	{ .type = &event_type, .how = SQL_INSERT },
};

static bool has_rows(const struct pg_later *l, size_t i)
{
	return l->waiting[i] && l->waiting[i]->n;
}

static enum inro_err send_rows(struct pg_later *l, struct pg_rows *rows)
{
	struct sql s;
	struct text_kept *text;
	struct pg_statement st;
	enum inro_err e = pg_rows_sql(rows, l->texts, sql_start(&s, '$'), &text);

	if (e == INRO_OK)
		e = pg_queue_prepare(&l->queue, l->pg, text, &s, &st);
	if (e == INRO_OK)
		e = pg_queue_add(&l->queue, l->pg, &st, (struct pg_change) { rows->type, rows->n });
	if (e != INRO_OK)
		pg_queue_fail(&l->queue, e); /* the transaction goes nowhere without them */
	pg_rows_reset(rows);
	return e;
}

/* Those before `end`. */
static enum inro_err send_until(struct pg_later *l, size_t end)
{
	enum inro_err e = INRO_OK;

	for (size_t i = 0; e == INRO_OK && i < end; i++)
		if (has_rows(l, i))
			e = send_rows(l, l->waiting[i]);
	return e;
}

static enum inro_err send_one(struct pg_later *l, size_t i)
{
	enum inro_err e = kinds[i].refers ? send_until(l, i) : INRO_OK;

	return e == INRO_OK && has_rows(l, i) ? send_rows(l, l->waiting[i]) : e;
}

enum inro_err pg_later_send(struct pg_later *l, const char *table)
{
	for (size_t i = 0; i < PG_WAITING; i++)
		if (has_rows(l, i) && strcmp(kinds[i].type->table, table) == 0)
			return send_until(l, PG_WAITING);
	return INRO_OK;
}

static size_t kind_of(const struct record_type *t, enum sql_write how)
{
	size_t i = 0;

	while (i < PG_WAITING && (kinds[i].type != t || kinds[i].how != how))
		i++;
	return i;
}

/* Other changes of the table that have to come before this one. */
static enum inro_err send_others(struct pg_later *l, size_t of)
{
	enum inro_err e = INRO_OK;

	for (size_t i = 0; e == INRO_OK && i < PG_WAITING; i++)
		if (i != of && has_rows(l, i) && !(kinds[i].any && kinds[of].any) &&
		    strcmp(kinds[i].type->table, kinds[of].type->table) == 0)
			e = send_one(l, i);
	return e;
}

static enum inro_err make_room(struct pg_later *l, size_t of, int64_t id)
{
	enum inro_err e = send_others(l, of);

	if (e == INRO_OK && l->waiting[of] && pg_rows_have(l->waiting[of], id))
		e = send_one(l, of);
	if (e != INRO_OK || l->waiting[of])
		return e;
	l->waiting[of] = calloc(1, sizeof *l->waiting[of]);
	if (!l->waiting[of])
		return err_set(INRO_E_NO_MEMORY, "no memory for rows");
	pg_rows_begin(l->waiting[of], kinds[of].type, kinds[of].how);
	return INRO_OK;
}

static enum inro_err wait_with(struct pg_later *l, size_t of, const struct sql *row, int64_t id)
{
	enum inro_err e = make_room(l, of, id);

	if (e != INRO_OK)
		return e;
	pg_rows_add(l->waiting[of], id, row);
	return pg_rows_full(l->waiting[of]) ? send_one(l, of) : INRO_OK;
}

/* ---- a change ---- */

static enum inro_err send_alone(struct pg_later *l, const struct sql *row)
{
	struct text_kept *text;
	struct pg_statement st;
	enum inro_err e = send_until(l, PG_WAITING);

	if (e == INRO_OK)
		e = sql_text(row, l->texts, &text);
	if (e == INRO_OK)
		e = pg_queue_prepare(&l->queue, l->pg, text, row, &st);
	return e == INRO_OK ? pg_queue_add(&l->queue, l->pg, &st, (struct pg_change) { row->type, 1 }) : e;
}

enum inro_err pg_later_write(struct pg_later *l, const struct record_type *t, const void *r, enum sql_write how,
			     int64_t id)
{
	size_t kind = kind_of(t, how);
	SCOPED(sql) row;
	enum inro_err e;

	sql_start(&row, '$');
	row.gives_id = false;
	row.id = id;
	e = sql_row(&row, t, r, how);
	if (!id)
		memcpy(&id, (const char *)r + t->fields[0].offset, sizeof id);
	if (e != INRO_OK)
		return e;
	return kind < PG_WAITING ? wait_with(l, kind, &row, id) : send_alone(l, &row);
}

enum inro_err pg_later_settle(struct pg_later *l)
{
	(void)!send_until(l, PG_WAITING); /* it tells */
	return pg_queue_settle(&l->queue, l->pg);
}

void pg_later_drop(struct pg_later *l)
{
	l->last_n = 0;
	for (size_t i = 0; i < PG_WAITING; i++)
		if (has_rows(l, i))
			pg_rows_reset(l->waiting[i]);
	pg_queue_drop(&l->queue, l->pg);
}

void pg_later_clear(struct pg_later *l)
{
	for (size_t i = 0; i < PG_WAITING; i++) {
		if (l->waiting[i])
			pg_rows_clear(l->waiting[i]);
		free(l->waiting[i]);
		l->waiting[i] = NULL;
	}
}
