/* store - the token's SQL. */
#include "pkcs11/token/store_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/secret.h"

#define APPLICATION_ID 0x496e726f /* "Inro" */

static const char *const migrations[] = {
	"CREATE TABLE token ("
	" one INTEGER PRIMARY KEY CHECK (one = 1),"
	" label BLOB NOT NULL, serial TEXT NOT NULL, backend TEXT NOT NULL, config BLOB NOT NULL,"
	" auth_so BLOB NOT NULL, auth_user BLOB NOT NULL,"
	" tries_so INTEGER NOT NULL, tries_user INTEGER NOT NULL, generation INTEGER NOT NULL);"
	"CREATE TABLE object ("
	" row INTEGER PRIMARY KEY AUTOINCREMENT, uid BLOB NOT NULL UNIQUE,"
	" version INTEGER NOT NULL, class INTEGER NOT NULL, key_type INTEGER,"
	" private INTEGER NOT NULL, id BLOB, label BLOB NOT NULL, public_hash BLOB,"
	" attrs BLOB NOT NULL, sealed BLOB NOT NULL);"
	"CREATE INDEX object_class ON object (class, key_type);"
	"CREATE INDEX object_id ON object (id);"
	"CREATE INDEX object_label ON object (label);"
	"CREATE INDEX object_public_hash ON object (public_hash);",
	"ALTER TABLE token ADD COLUMN policy INTEGER NOT NULL DEFAULT 0;"
	"ALTER TABLE token ADD COLUMN change_so INTEGER NOT NULL DEFAULT 0;"
	"ALTER TABLE token ADD COLUMN change_user INTEGER NOT NULL DEFAULT 0;"
	"CREATE TABLE users ("
	" name BLOB NOT NULL UNIQUE, type INTEGER NOT NULL CHECK (type IN (0, 1)),"
	" auth BLOB NOT NULL, tries INTEGER NOT NULL, change INTEGER NOT NULL);"
	"CREATE TABLE roles (family BLOB NOT NULL UNIQUE, bits INTEGER NOT NULL);",
};

/* What makes an earlier version, opened for reading, look like this one: names of TEMP come before
 * those of the file. */
static const char *const disguises[] = {
	[1] = "CREATE TEMP VIEW token AS SELECT *, 0 AS policy, 0 AS change_so, 0 AS change_user"
	      " FROM main.token;"
	      "CREATE TEMP TABLE users (name, type, auth, tries, change);"
	      "CREATE TEMP TABLE roles (family, bits);",
};
_Static_assert(ARRAY_LEN(disguises) == STORE_VERSION, "each earlier version has one");

_Static_assert(ARRAY_LEN(migrations) == STORE_VERSION, "a migration is a version");

static enum inro_err keep_old(struct db *d, int64_t version, const char *path);

/* A search by an index touches few pages; a walk over all of them is not worth keeping them. */
#define CACHE_KIB 256

static const struct db_schema schema = { .application_id = APPLICATION_ID,
					 .migrations = migrations,
					 .n = ARRAY_LEN(migrations),
					 .what = "token store",
					 .read_from = 1,
					 .cache_kib = CACHE_KIB,
					 .before = keep_old };

void token_row_clear(struct token_row *t)
{
	buf_clear(&t->config);
	buf_clear(&t->auth_so);
	buf_clear(&t->auth_user);
	*t = (struct token_row) { 0 };
}

void auth_row_clear(struct auth_row *a)
{
	buf_clear(&a->auth);
	*a = (struct auth_row) { 0 };
}

void record_clear(struct record *r)
{
	buf_clear(&r->room);
	*r = (struct record) { 0 };
}

static enum inro_err put_token(struct db *db, const struct token_row *t)
{
	struct db_stmt *s;
	enum inro_err e = db_stmt(db,
				  "INSERT OR REPLACE INTO token (one, label, serial, backend, "
				  "config, auth_so, auth_user, tries_so, tries_user, generation, "
				  "policy, change_so, change_user) "
				  "VALUES (1, ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)",
				  &s);

	if (e)
		return e;
	db_bind_bytes(s, 1, BYTES(t->label, t->label_n));
	db_bind_text(s, 2, t->serial);
	db_bind_text(s, 3, t->backend);
	db_bind_bytes(s, 4, buf_bytes(&t->config));
	db_bind_bytes(s, 5, buf_bytes(&t->auth_so));
	db_bind_bytes(s, 6, buf_bytes(&t->auth_user));
	db_bind_int(s, 7, t->tries_so);
	db_bind_int(s, 8, t->tries_user);
	db_bind_int(s, 9, t->generation);
	db_bind_int(s, 10, t->policy);
	db_bind_int(s, 11, t->change_so);
	db_bind_int(s, 12, t->change_user);
	return db_run(s);
}

/* Steps a statement that must give one row. */
enum inro_err store_one_row(struct db_stmt *s, enum inro_err if_none, const char *what)
{
	bool row;
	enum inro_err e = db_step(s, &row);

	if (e)
		return e;
	return row ? INRO_OK : err_set(if_none, "%s", what);
}

static enum inro_err same_token(struct store *s)
{
	struct db_stmt *q;
	int64_t now = 0;
	enum inro_err e = db_stmt(s->db, "SELECT generation FROM token", &q);

	if (e)
		return e;
	e = store_one_row(q, INRO_E_NO_TOKEN, STORE_REMOVED);
	if (!e)
		now = db_int(q, 0);
	db_reset(q);
	if (!e && now != s->generation)
		e = err_set(INRO_E_LOGIN, "the token was initialised anew by another program; log "
					  "in again");
	return e;
}

/* SQLite would go on writing into a file that has no name any more. */
static bool is_in_place(const struct store *s)
{
	struct stat st;

	return stat(s->path, &st) == 0 && st.st_ino == s->inode && st.st_dev == s->device;
}

static enum inro_err begin_anywhere(struct store *s)
{
	enum inro_err e = db_begin(s->db);

	if (e)
		return e;
	e = same_token(s);
	if (e)
		db_rollback(s->db);
	return e;
}

enum inro_err store_begin(struct store *s)
{
	if (s->read_only)
		return err_set(INRO_E_TOKEN_WRITE_PROTECTED, "the token can only be read here");
	if (!is_in_place(s))
		return err_set(INRO_E_NO_TOKEN, STORE_REMOVED);
	return begin_anywhere(s);
}

/* Ends a change: all of it or nothing. */
enum inro_err store_finish(struct db *db, enum inro_err e)
{
	if (!e)
		return db_commit(db);
	db_rollback(db);
	return e;
}

enum inro_err store_create(const char *path, const struct token_row *token)
{
	AUTO(db_close_ptr) struct db *db = NULL;
	enum inro_err e = db_open(path, DB_CREATE, &schema, &db);

	if (!e)
		e = db_begin(db);
	if (!e)
		e = store_finish(db, put_token(db, token));
	/* Closing would do this too, but tells nobody when it fails. */
	return e ? e : db_fold(db);
}

/* ---- opening ---- */

/* The copy is of the version that it is called by: another program may have been faster. */
static enum inro_err check_version(const char *path, int64_t version)
{
	AUTO(db_close_ptr) struct db *d = NULL;
	enum inro_err e = db_open(path, DB_READ_ONLY, &schema, &d);

	if (!e && db_version(d) != version)
		e = INRO_E_STATE;
	return e;
}

static enum inro_err copy_old(struct db *d, int64_t version, const char *part, const char *name)
{
	enum inro_err e = db_copy_to(d, part);

	if (!e)
		e = check_version(part, version);
	if (!e && rename(part, name) != 0)
		e = file_err(errno, name);
	if (e)
		unlink(part);
	return e == INRO_E_STATE ? INRO_OK : e;
}

static enum inro_err keep_old(struct db *d, int64_t version, const char *path)
{
	AUTO(free_chars) char *name = NULL;
	AUTO(free_chars) char *part = NULL;
	uint32_t unique;
	enum inro_err e = random_fill(&unique, sizeof unique);

	if (e)
		return e;
	if (asprintf(&name, "%s" STORE_OLD "%lld", path, (long long)version) < 0)
		name = NULL;
	if (!name || asprintf(&part, "%s-%08x", name, unique) < 0) {
		part = NULL;
		return err_set(INRO_E_NO_MEMORY, "no memory for a path");
	}
	e = copy_old(d, version, part, name);
	return e ? err_context(e, "keeping a copy before the upgrade") : INRO_OK;
}

static bool can_write(const char *path)
{
	AUTO(free_chars) char *dir = strdup(path);
	char *slash = dir ? strrchr(dir, '/') : NULL;

	if (slash)
		slash[slash == dir] = '\0';
	return faccessat(AT_FDCWD, path, W_OK, AT_EACCESS) == 0 &&
	       faccessat(AT_FDCWD, slash ? dir : ".", W_OK, AT_EACCESS) == 0;
}

static enum inro_err connect_to(struct store *s)
{
	enum inro_err e =
		db_open(s->path, s->read_only ? DB_READ_ONLY : DB_READ_WRITE, &schema, &s->db);

	if (!e && db_version(s->db) < STORE_VERSION)
		e = db_exec(s->db, disguises[db_version(s->db)]);
	return e;
}

static void note_place(struct store *s)
{
	struct stat st;

	if (stat(s->path, &st) == 0) {
		s->device = st.st_dev;
		s->inode = st.st_ino;
	}
}

enum inro_err store_open(const char *path, bool may_write, struct store **ret)
{
	struct store *s = calloc(1, sizeof *s);

	if (s)
		s->path = strdup(path);
	if (!s || !s->path) {
		free(s);
		return err_set(INRO_E_NO_MEMORY, "no memory to open %s", path);
	}
	note_place(s);
	s->read_only = s->inode != 0 && (!may_write || !can_write(path));
	enum inro_err e = connect_to(s);

	if (e) {
		store_close(s);
		return e;
	}
	*ret = s;
	return INRO_OK;
}

bool store_is_read_only(const struct store *s)
{
	return s->read_only;
}

int64_t store_file_version(const struct store *s)
{
	return db_version(s->db);
}

void store_close(struct store *s)
{
	if (!s)
		return;
	db_close(s->db);
	free(s->path);
	free(s);
}

/* Into a connection of its own first: the one that is there is never missing. */
static enum inro_err reopen(struct store *s)
{
	struct store fresh = { .path = s->path, .read_only = true };
	enum inro_err e = connect_to(&fresh);

	if (e) {
		db_close(fresh.db);
		return e;
	}
	db_close(s->db);
	s->db = fresh.db;
	s->reopened++;
	return INRO_OK;
}

/* One that can't be seen to change is opened anew when its file has changed. */
enum inro_err store_change_count(struct store *s, int64_t *ret)
{
	int64_t now;
	enum inro_err e = db_data_version(s->db, &now);

	if (!e && db_is_frozen(s->db) && now != s->frozen_at) {
		if (s->frozen_at != 0)
			e = reopen(s);
		if (!e)
			e = db_data_version(s->db, &now);
		s->frozen_at = now;
	}
	if (!e)
		*ret = now + s->reopened;
	return e;
}

static void copy_text(const char *from, char *to, size_t cap)
{
	size_t n = strnlen(from, cap - 1);

	memcpy(to, from, n);
	to[n] = '\0';
}

static enum inro_err read_token(struct db_stmt *s, struct token_row *t)
{
	struct bytes label = db_bytes(s, 0);

	if (label.n > STORE_MAX_LABEL || strlen(db_text(s, 1)) != STORE_SERIAL)
		return err_set(INRO_E_DAMAGED, "the token's label or serial number is damaged");
	if (label.n > 0)
		memcpy(t->label, label.p, label.n);
	t->label_n = label.n;
	copy_text(db_text(s, 1), t->serial, sizeof t->serial);
	copy_text(db_text(s, 2), t->backend, sizeof t->backend);
	buf_add(&t->config, db_bytes(s, 3));
	buf_add(&t->auth_so, db_bytes(s, 4));
	buf_add(&t->auth_user, db_bytes(s, 5));
	t->tries_so = db_int(s, 6);
	t->tries_user = db_int(s, 7);
	t->generation = db_int(s, 8);
	t->policy = db_int(s, 9) == POLICY_DEFAULT ? POLICY_DEFAULT : POLICY_STRICT;
	t->change_so = db_int(s, 10) != 0;
	t->change_user = db_int(s, 11) != 0;
	if (buf_err(&t->config) || buf_err(&t->auth_so))
		return INRO_E_NO_MEMORY;
	return buf_err(&t->auth_user);
}

enum inro_err store_token(struct store *s, struct token_row *ret)
{
	SCOPED(token_row) t = { 0 };
	struct db_stmt *q;
	enum inro_err e = db_stmt(s->db,
				  "SELECT label, serial, backend, config, auth_so, auth_user, "
				  "tries_so, tries_user, generation, policy, change_so, "
				  "change_user FROM token",
				  &q);

	if (e)
		return e;
	e = store_one_row(q, INRO_E_NO_TOKEN, STORE_REMOVED);
	if (!e)
		e = read_token(q, &t);
	db_reset(q);
	if (e)
		return e;
	s->generation = t.generation;
	*ret = t;
	t = (struct token_row) { 0 };
	return INRO_OK;
}

void store_fold(struct store *s)
{
	if (db_fold(s->db))
		err_reset();
}

#define EMPTY "DELETE FROM object; DELETE FROM users; DELETE FROM roles;"

enum inro_err store_token_reset(struct store *s, const struct token_row *token)
{
	enum inro_err e = store_begin(s);

	if (e)
		return e;
	e = db_exec(s->db, EMPTY);
	if (!e)
		e = put_token(s->db, token);
	e = store_finish(s->db, e);
	if (!e)
		store_fold(s);
	return e;
}

/* Its name is gone by then. */
enum inro_err store_empty(struct store *s)
{
	enum inro_err e = begin_anywhere(s);

	if (e)
		return e;
	e = db_exec(s->db, EMPTY "DELETE FROM token");
	return store_finish(s->db, e);
}

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

enum inro_err store_copy_to(struct store *s, const char *path)
{
	return db_copy_to(s->db, path);
}

enum inro_err store_copy(const char *from, const char *path)
{
	AUTO(db_close_ptr) struct db *db = NULL;
	enum inro_err e = db_open(from, DB_READ_ONLY, &schema, &db);

	if (!e)
		e = db_check(db);
	return e ? e : db_copy_to(db, path);
}

enum inro_err store_check(struct store *s)
{
	return db_check(s->db);
}
