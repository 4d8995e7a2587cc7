/* store_objects - the objects of the store: written, read, found, counted. */
#include <stdlib.h>
#include <string.h>

#include "pkcs11/token/store_internal.h"

static void bind_record(struct db_stmt *q, const struct record *r)
{
	db_bind_bytes(q, 1, BYTES(r->uid, sizeof r->uid));
	db_bind_int(q, 2, r->version);
	db_bind_int(q, 3, (int64_t)r->class);
	if (r->key_type != CK_UNAVAILABLE_INFORMATION)
		db_bind_int(q, 4, (int64_t)r->key_type);
	db_bind_int(q, 5, r->private);
	if (r->has_id)
		db_bind_bytes(q, 6, r->id);
	db_bind_bytes(q, 7, r->label);
	if (r->public_hash.n > 0)
		db_bind_bytes(q, 8, r->public_hash);
	db_bind_bytes(q, 9, r->attrs);
	db_bind_bytes(q, 10, r->sealed);
}

static enum inro_err insert_one(struct store *s, struct record *r)
{
	struct db_stmt *q;
	enum inro_err e = db_stmt(s->db,
				  "INSERT INTO object (uid, version, class, key_type, private, id, "
				  "label, public_hash, attrs, sealed) "
				  "VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
				  &q);

	if (e)
		return e;
	bind_record(q, r);
	e = db_run(q);
	if (!e)
		r->row = db_last_id(s->db);
	return e;
}

enum inro_err store_insert(struct store *s, struct record *const *records, size_t n)
{
	enum inro_err e = store_begin(s);

	if (e)
		return e;
	for (size_t i = 0; i < n && !e; i++)
		e = insert_one(s, records[i]);
	return store_finish(s->db, e);
}

/* A statement that must have changed exactly one row. */
static enum inro_err run_on_one(struct store *s, struct db_stmt *q)
{
	enum inro_err e = db_run(q);

	if (!e && db_changes(s->db) != 1)
		e = err_set(INRO_E_OBJECT_HANDLE, "the object was changed or removed by another "
						  "program");
	return e;
}

enum inro_err store_update(struct store *s, const struct record *r)
{
	struct db_stmt *q;
	enum inro_err e = store_begin(s);

	if (e)
		return e;
	e = db_stmt(s->db,
		    "UPDATE object SET version = ?2, class = ?3, key_type = ?4, private = ?5, "
		    "id = ?6, label = ?7, public_hash = ?8, attrs = ?9, sealed = ?10 "
		    "WHERE row = ?11 AND uid = ?1 AND version = ?2 - 1",
		    &q);
	if (!e) {
		bind_record(q, r);
		db_bind_int(q, 11, r->row);
		e = run_on_one(s, q);
	}
	return store_finish(s->db, e);
}

enum inro_err store_delete(struct store *s, int64_t row)
{
	struct db_stmt *q;
	enum inro_err e = store_begin(s);

	if (e)
		return e;
	e = db_stmt(s->db, "DELETE FROM object WHERE row = ?1", &q);
	if (!e) {
		db_bind_int(q, 1, row);
		e = run_on_one(s, q);
	}
	return store_finish(s->db, e);
}

/* Copies the columns into r->room; they are pointed at when all are in it. */
static enum inro_err read_blobs(struct db_stmt *q, struct record *r)
{
	struct bytes *const to[] = { &r->id, &r->label, &r->public_hash, &r->attrs, &r->sealed };
	size_t at = 0;

	for (int i = 0; i < (int)ARRAY_LEN(to); i++) {
		*to[i] = BYTES(NULL, db_bytes(q, 5 + i).n);
		buf_add(&r->room, db_bytes(q, 5 + i));
	}
	enum inro_err e = buf_err(&r->room);

	for (size_t i = 0; i < ARRAY_LEN(to) && !e; i++) {
		to[i]->p = to[i]->n ? r->room.p + at : (const uint8_t *)"";
		at += to[i]->n;
	}
	return e;
}

static enum inro_err read_record(struct db_stmt *q, struct record *r)
{
	struct bytes uid = db_bytes(q, 0);

	if (uid.n != STORE_UID)
		return err_set(INRO_E_DAMAGED, "an object's identifier is damaged");
	memcpy(r->uid, uid.p, STORE_UID);
	r->version = db_int(q, 1);
	r->class = (CK_OBJECT_CLASS)db_int(q, 2);
	r->key_type = db_is_null(q, 3) ? CK_UNAVAILABLE_INFORMATION : (CK_KEY_TYPE)db_int(q, 3);
	r->private = db_int(q, 4) != 0;
	r->has_id = !db_is_null(q, 5);
	return read_blobs(q, r);
}

enum inro_err store_get(struct store *s, int64_t row, struct record *ret)
{
	SCOPED(record) r = { .row = row };
	struct db_stmt *q;
	enum inro_err e = db_stmt(s->db,
				  "SELECT uid, version, class, key_type, private, id, label, "
				  "public_hash, attrs, sealed FROM object WHERE row = ?1",
				  &q);

	if (e)
		return e;
	db_bind_int(q, 1, row);
	e = store_one_row(q, INRO_E_OBJECT_HANDLE, "the object was removed by another program");
	if (!e)
		e = read_record(q, &r);
	db_reset(q);
	if (e)
		return e;
	*ret = r;
	r = (struct record) { 0 };
	return INRO_OK;
}

enum inro_err store_version(struct store *s, int64_t row, int64_t *ret)
{
	struct db_stmt *q;
	bool found = false;
	enum inro_err e = db_stmt(s->db, "SELECT version FROM object WHERE row = ?1", &q);

	if (e)
		return e;
	db_bind_int(q, 1, row);
	e = db_step(q, &found);
	if (!e)
		*ret = found ? db_int(q, 0) : 0;
	db_reset(q);
	return e;
}

#define HIT "SELECT row, class, private FROM object WHERE private <= ?1 "
#define AND_REST                                                                                   \
	"AND (?2 IS NULL OR class = ?2) AND (?3 IS NULL OR key_type = ?3) "                        \
	"AND (?4 IS NULL OR id = ?4) AND (?5 IS NULL OR label = ?5) "                              \
	"AND (?6 IS NULL OR public_hash = ?6) ORDER BY row"

/* The most selective column that is asked for drives the search; the others, behind their
 * `?n IS NULL OR`, can't take SQLite to another index. */
static const char *query_sql(const struct store_query *q)
{
	if (q->by_public_hash)
		return HIT "AND public_hash = ?6 " AND_REST;
	if (q->by_id && q->id.n > 0)
		return HIT "AND id = ?4 " AND_REST;
	if (q->by_label && q->label.n > 0)
		return HIT "AND label = ?5 " AND_REST;
	if (q->by_class)
		return HIT "AND class = ?2 " AND_REST;
	return HIT AND_REST;
}

static void bind_query(struct db_stmt *s, const struct store_query *q)
{
	db_bind_int(s, 1, q->with_private);
	if (q->by_class)
		db_bind_int(s, 2, (int64_t)q->class);
	if (q->by_key_type)
		db_bind_int(s, 3, (int64_t)q->key_type);
	if (q->by_id)
		db_bind_bytes(s, 4, q->id);
	if (q->by_label)
		db_bind_bytes(s, 5, q->label);
	if (q->by_public_hash)
		db_bind_bytes(s, 6, q->public_hash);
}

static enum inro_err collect(struct db_stmt *s, struct store_hit **hits, size_t *n)
{
	size_t cap = 0;
	bool row = true;

	for (;;) {
		enum inro_err e = db_step(s, &row);

		if (e || !row)
			return e;
		if (*n == cap) {
			cap = cap ? cap * 2 : 16;
			struct store_hit *more = realloc(*hits, cap * sizeof *more);

			if (!more)
				return err_set(INRO_E_NO_MEMORY, "no memory for %zu objects", cap);
			*hits = more;
		}
		(*hits)[(*n)++] = (struct store_hit) { .row = db_int(s, 0),
						       .class = (CK_OBJECT_CLASS)db_int(s, 1),
						       .private = db_int(s, 2) != 0 };
	}
}

enum inro_err store_find(struct store *s, const struct store_query *q, struct store_hit **ret,
			 size_t *ret_n)
{
	struct store_hit *hits = NULL;
	struct db_stmt *stmt;
	size_t n = 0;
	enum inro_err e = db_stmt(s->db, query_sql(q), &stmt);

	if (e)
		return e;
	bind_query(stmt, q);
	e = collect(stmt, &hits, &n);
	db_reset(stmt);
	if (e) {
		free(hits);
		return e;
	}
	*ret = hits;
	*ret_n = n;
	return INRO_OK;
}

enum inro_err store_count(struct store *s, struct store_counts *ret)
{
	struct db_stmt *q;
	enum inro_err e = db_stmt(s->db,
				  "SELECT (SELECT count(*) FROM object), "
				  "(SELECT count(*) FROM object WHERE class = ?1), "
				  "(SELECT count(*) FROM object WHERE class = ?2)",
				  &q);

	if (e)
		return e;
	db_bind_int(q, 1, CKO_PRIVATE_KEY);
	db_bind_int(q, 2, CKO_CERTIFICATE);
	e = store_one_row(q, INRO_E_DAMAGED, "the objects can't be counted");
	if (!e)
		*ret = (struct store_counts) { .objects = db_int(q, 0),
					       .private_keys = db_int(q, 1),
					       .certificates = db_int(q, 2) };
	db_reset(q);
	return e;
}
