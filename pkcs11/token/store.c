/* store - the token's file and its row: made, opened, changed as one, copied. */
#include "pkcs11/token/store_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/secret.h"

#define APPLICATION_ID 0x496e726f /* "Inro" */
#define OPEN_TRIES     10

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

static enum inro_err sync_folder(const char *name)
{
	AUTO(free_chars) char *dir = strdup(name);

	return dir ? file_sync_dir(dirname(dir)) : INRO_E_NO_MEMORY;
}

/* Its name is on disk before anything is changed. */
static enum inro_err copy_old(struct db *d, int64_t version, const char *part, const char *name)
{
	enum inro_err e = db_copy_to(d, part);

	if (!e)
		e = check_version(part, version);
	if (!e && rename(part, name) != 0)
		e = file_err(errno, name);
	if (e)
		unlink(part);
	else
		e = sync_folder(name);
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
	struct stat st = { 0 };

	if (stat(s->path, &st) != 0)
		st = (struct stat) { 0 };
	s->device = st.st_dev;
	s->inode = st.st_ino;
}

/* What was opened between two looks that found the same file is that file; one that came or was
 * replaced between them would be taken for a removed one at every change. */
static enum inro_err connect_in_place(struct store *s, bool may_write)
{
	for (int i = 0; i < OPEN_TRIES; i++) {
		note_place(s);
		s->read_only = s->inode != 0 && (!may_write || !can_write(s->path));
		enum inro_err e = connect_to(s);

		if (e || is_in_place(s))
			return e;
		db_close(s->db);
		s->db = NULL;
	}
	return err_set(INRO_E_NO_TOKEN, STORE_REMOVED);
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
	enum inro_err e = connect_in_place(s, may_write);

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
