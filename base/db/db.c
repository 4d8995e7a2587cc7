/*
 * db - a connection: how it is opened, who may open it, how a store grows to a later version.
 *
 * 1. Nothing is written to a file before its application id and version are known to be ours.
 * 2. The version is read again under the write lock, so that two programs that open an old store
 *    at once migrate it once.
 */
#include "base/db/internal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/forkgate.h"

#define DB_BUSY_MS   10000
#define DB_VALUE_MAX (64 << 20)

static const int open_flags[] = {
	[DB_READ_WRITE] = SQLITE_OPEN_READWRITE,
	[DB_CREATE] = SQLITE_OPEN_READWRITE,
	[DB_READ_ONLY] = SQLITE_OPEN_READONLY,
};

enum inro_err db_plain_path(const char *path, char **ret)
{
	char *p;

	if (!path || !*path)
		return err_set(INRO_E_ARG, "a database needs a file name");
	if (asprintf(&p, "%s%s", strchr(path, '/') == path ? "" : "./", path) < 0)
		return err_set(INRO_E_NO_MEMORY, "no memory for a path");
	*ret = p;
	return INRO_OK;
}

enum inro_err db_make_file(const char *path)
{
	if (mknod(path, S_IFREG | 0600, 0) != 0)
		return file_err(errno, path);
	return INRO_OK;
}

/* SQLite holds none of its locks while it asks whether to wait on: a fork may come between. */
static void nap(int ms)
{
	struct timespec t = { .tv_sec = 0, .tv_nsec = (long)ms * 1000000 };
	unsigned depth = fork_gate_step_out();

	nanosleep(&t, NULL);
	fork_gate_step_in(depth);
}

/* Commits take milliseconds: SQLite's own waiting, up to 100 ms a nap, would lose its turn. */
static int busy_wait(void *arg, int tries)
{
	struct db *d = arg;
	int64_t now = clock_monotonic_ms();

	if (tries == 0)
		d->busy_since = now;
	if (now - d->busy_since >= d->busy_ms)
		return 0;
	nap(tries < 4 ? 1 : 1 + (int)(now % 7));
	return 1;
}

void db_busy_timeout(struct db *d, int ms)
{
	d->busy_ms = ms;
}

static enum inro_err prepare_file(const char *path, enum db_mode mode)
{
	struct stat st;
	enum inro_err e;

	if (mode == DB_CREATE) {
		e = db_make_file(path);
		if (e != INRO_OK && e != INRO_E_EXISTS)
			return e;
	}
	if (stat(path, &st) != 0)
		return file_err(errno, path);
	if (!S_ISREG(st.st_mode))
		return err_set(INRO_E_DAMAGED, "'%s' is not a file", path);
	return INRO_OK;
}

/* Without a log of a writer's the file alone is the whole.  Where we can't make SQLite's files
 * beside it, it would not open it otherwise. */
static enum inro_err look_if_frozen(struct db *d)
{
	AUTO(free_chars) char *wal = NULL;
	AUTO(free_chars) char *dir = strndup(d->path, (size_t)(strrchr(d->path, '/') - d->path));

	if (!dir || asprintf(&wal, "%s-wal", d->path) < 0) {
		wal = NULL;
		return err_set(INRO_E_NO_MEMORY, "no memory for a path");
	}
	d->frozen = faccessat(AT_FDCWD, *dir ? dir : "/", W_OK, AT_EACCESS) != 0 &&
		    access(wal, F_OK) != 0;
	return INRO_OK;
}

/* SQLite's "file:" form of a path. */
static enum inro_err frozen_uri(const char *path, char **ret)
{
	SCOPED(buf) uri = { 0 };

	buf_add_str(&uri, "file:");
	for (const char *c = path; *c; c++) {
		if (strchr("%?#", *c))
			buf_addf(&uri, "%%%02x", (unsigned char)*c);
		else
			buf_add_u8(&uri, (uint8_t)*c);
	}
	buf_add_str(&uri, "?immutable=1");
	*ret = buf_take_str(&uri);
	return *ret ? INRO_OK : INRO_E_NO_MEMORY;
}

static enum inro_err connect_path(struct db *d, enum db_mode mode, int *ret_rc)
{
	int flags = open_flags[mode] | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE;
	AUTO(free_chars) char *uri = NULL;
	enum inro_err e = mode == DB_READ_ONLY ? look_if_frozen(d) : INRO_OK;

	if (!e && d->frozen)
		e = frozen_uri(d->path, &uri);
	if (!e)
		*ret_rc = db_connect(uri ? uri : d->path, flags | (uri ? SQLITE_OPEN_URI : 0),
				     &d->sqlite);
	return e;
}

static enum inro_err connect_file(struct db *d, enum db_mode mode)
{
	int rc = SQLITE_ERROR;
	enum inro_err e = connect_path(d, mode, &rc);

	if (e != INRO_OK)
		return e;
	if (rc != SQLITE_OK)
		return db_fail(d, rc, "opening it");
	sqlite3_busy_handler(d->sqlite, busy_wait, d);
	sqlite3_limit(d->sqlite, SQLITE_LIMIT_LENGTH, DB_VALUE_MAX);
	/* A schema that somebody edited must not run functions of ours or write outside its rows;
	 * a misspelt column must not become a string. */
	sqlite3_db_config(d->sqlite, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
	sqlite3_db_config(d->sqlite, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
	sqlite3_db_config(d->sqlite, SQLITE_DBCONFIG_ENABLE_FKEY, 1, NULL);
	sqlite3_db_config(d->sqlite, SQLITE_DBCONFIG_DQS_DML, 0, NULL);
	sqlite3_db_config(d->sqlite, SQLITE_DBCONFIG_DQS_DDL, 0, NULL);
	return db_visit_ready(d);
}

static enum inro_err refuse_version(const struct db *d, const struct db_schema *schema, int64_t v)
{
	return err_set(INRO_E_VERSION,
		       "%s '%s' has version %lld, this program knows up to %zu; use a later one",
		       d->what, d->path, (long long)v, schema->n);
}

struct identity {
	int64_t application, version, tables;
};

static enum inro_err read_identity(struct db *d, struct identity *ret)
{
	enum inro_err e = db_query_int(d, "PRAGMA application_id", &ret->application);

	if (e == INRO_OK)
		e = db_query_int(d, "PRAGMA user_version", &ret->version);
	if (e == INRO_OK)
		e = db_query_int(d, "SELECT count(*) FROM sqlite_schema", &ret->tables);
	return e;
}

/* The version of a store that is ours, 0 for an empty file.  In a transaction, since another
 * program may just be making the store. */
static enum inro_err identify(struct db *d, const struct db_schema *schema, int64_t *ret_version)
{
	struct identity is = { 0 };
	enum inro_err e = read_identity(d, &is);

	if (e != INRO_OK)
		return e;
	if ((uint32_t)is.application != schema->application_id &&
	    (is.application || is.version || is.tables))
		return err_set(INRO_E_DAMAGED, "'%s' is not a %s (application id %lld)", d->path,
			       d->what, (long long)is.application);
	if (is.version < 0 || (uint64_t)is.version > schema->n)
		return refuse_version(d, schema, is.version);
	*ret_version = is.version;
	return INRO_OK;
}

static enum inro_err identify_file(struct db *d, const struct db_schema *schema,
				   int64_t *ret_version)
{
	enum inro_err e = db_begin_read(d);

	if (e != INRO_OK)
		return e;
	e = identify(d, schema, ret_version);
	db_rollback(d);
	return e;
}

static enum inro_err set_pragma(struct db *d, const char *name, uint32_t value)
{
	char sql[64];

	snprintf(sql, sizeof sql, "PRAGMA %s = %ld", name, (long)(int32_t)value);
	return db_exec(d, sql);
}

static enum inro_err migrate_one(struct db *d, const struct db_schema *schema, int64_t from)
{
	enum inro_err e = INRO_OK;

	if (from == 0)
		e = set_pragma(d, "application_id", schema->application_id);
	if (e == INRO_OK)
		e = db_exec(d, schema->migrations[from]);
	if (e == INRO_OK)
		e = set_pragma(d, "user_version", (uint32_t)from + 1);
	return e;
}

/* One step under the write lock; *version follows what is in the file. */
static enum inro_err migrate_step(struct db *d, const struct db_schema *schema, int64_t *version)
{
	enum inro_err e = db_begin(d);

	if (e != INRO_OK)
		return e;
	e = identify(d, schema, version);
	if (e == INRO_OK && (uint64_t)*version < schema->n) {
		e = migrate_one(d, schema, *version);
		if (e == INRO_OK)
			(*version)++;
	}
	if (e != INRO_OK) {
		db_rollback(d);
		return err_context(e, "bringing it to a later version");
	}
	return db_commit(d);
}

static enum inro_err migrate(struct db *d, const struct db_schema *schema, int64_t version)
{
	enum inro_err e = INRO_OK;

	if (schema->before && version > 0 && (uint64_t)version < schema->n)
		e = schema->before(d, version, d->path);
	while (e == INRO_OK && (uint64_t)version < schema->n)
		e = migrate_step(d, schema, &version);
	d->version = version;
	return e;
}

static enum inro_err set_wal_once(struct db *d)
{
	struct db_stmt *s;
	enum inro_err e = db_stmt(d, "PRAGMA journal_mode = WAL", &s);
	bool row;

	if (e == INRO_OK)
		e = db_step(s, &row);
	if (e != INRO_OK)
		return e;
	if (!row || strcmp(db_text(s, 0), "wal") != 0)
		e = err_set(INRO_E_CONFIG,
			    "%s '%s': this file system can't share a write-ahead log; "
			    "put it on a local disk",
			    d->what, d->path);
	db_reset(s);
	d->logged = !e;
	return e;
}

/* Two programs that make one file would each wait for the other's shared lock: SQLite then tells
 * one of them at once, without asking the busy handler, to let go and try again. */
static enum inro_err set_wal(struct db *d)
{
	SCOPED(fork_pass) pass = fork_pass_take();
	enum inro_err e;
	int tries = 0;

	do {
		e = set_wal_once(d);
	} while (e == INRO_E_BUSY && busy_wait(d, tries++));
	return e;
}

static enum inro_err make_durable(struct db *d)
{
	enum inro_err e = set_wal(d);

	if (e != INRO_OK)
		return e;
	return db_exec(d, "PRAGMA synchronous = FULL; PRAGMA secure_delete = ON;"
			  "PRAGMA temp_store = MEMORY; PRAGMA cell_size_check = ON");
}

/* A negative number is one of KiB. */
static enum inro_err bound_cache(struct db *d, const struct db_schema *schema)
{
	return schema->cache_kib ? set_pragma(d, "cache_size", (uint32_t)-schema->cache_kib)
				 : INRO_OK;
}

static enum inro_err admit(struct db *d, enum db_mode mode, const struct db_schema *schema)
{
	int64_t version = 0;
	enum inro_err e = identify_file(d, schema, &version);

	if (e != INRO_OK)
		return e;
	if (version == 0 && mode != DB_CREATE)
		return err_set(INRO_E_DAMAGED, "%s '%s' is empty; restore it from a backup",
			       d->what, d->path);
	if (mode != DB_READ_ONLY) {
		e = make_durable(d);
		return e == INRO_OK ? migrate(d, schema, version) : e;
	}
	d->version = version;
	if ((uint64_t)version < schema->n && (!schema->read_from || version < schema->read_from))
		return err_set(INRO_E_VERSION,
			       "%s '%s' has the earlier version %lld; open it once for writing",
			       d->what, d->path, (long long)version);
	return INRO_OK;
}

static struct db *db_new(const char *path, const char *what)
{
	struct db *d = calloc(1, sizeof *d);

	if (!d || db_plain_path(path, &d->path) != INRO_OK) {
		free(d);
		return NULL;
	}
	d->what = what;
	d->owner = getpid();
	d->busy_ms = DB_BUSY_MS;
	return d;
}

enum inro_err db_open(const char *path, enum db_mode mode, const struct db_schema *schema,
		      struct db **ret)
{
	AUTO(db_close_ptr) struct db *d = NULL;
	enum inro_err e;

	if (!path || !*path)
		return err_set(INRO_E_ARG, "a database needs a file name");
	d = db_new(path, schema->what);
	if (!d)
		return err_set(INRO_E_NO_MEMORY, "no memory for a database");
	e = prepare_file(d->path, mode);
	if (e == INRO_OK)
		e = connect_file(d, mode);
	if (e == INRO_OK)
		e = admit(d, mode, schema);
	if (e == INRO_OK)
		e = bound_cache(d, schema);
	if (e != INRO_OK)
		return e;
	*ret = d;
	d = NULL;
	return INRO_OK;
}

enum inro_err db_frozen_version(const struct db *d, int64_t *ret)
{
	AUTO(free_chars) char *wal = NULL;
	struct stat st;

	if (asprintf(&wal, "%s-wal", d->path) < 0) {
		wal = NULL;
		return err_set(INRO_E_NO_MEMORY, "no memory for a path");
	}
	if (stat(d->path, &st) != 0)
		return file_err(errno, d->path);
	*ret = ((int64_t)st.st_mtim.tv_sec << 20) ^ st.st_mtim.tv_nsec ^ (int64_t)st.st_ino ^
	       ((int64_t)(access(wal, F_OK) == 0) << 60);
	return INRO_OK;
}

int64_t db_version(const struct db *d)
{
	return d->version;
}

bool db_is_frozen(const struct db *d)
{
	return d->frozen;
}

enum inro_err db_open_foreign(const char *path, const char *what, struct db **ret)
{
	AUTO(db_close_ptr) struct db *d = db_new(path, what);
	enum inro_err e;

	if (!d)
		return err_set(INRO_E_NO_MEMORY, "no memory for a database");
	e = prepare_file(d->path, DB_READ_ONLY);
	if (e == INRO_OK)
		e = connect_file(d, DB_READ_ONLY);
	if (e != INRO_OK)
		return e;
	*ret = d;
	d = NULL;
	return INRO_OK;
}

void db_close(struct db *d)
{
	if (!d)
		return;
	if (d->owner == getpid()) {
		SCOPED(fork_pass) pass = fork_pass_take();

		db_stmts_free(d);
		sqlite3_close(d->sqlite);
	}
	free(d->path);
	free(d);
}

void db_close_ptr(struct db **d)
{
	db_close(*d);
}
