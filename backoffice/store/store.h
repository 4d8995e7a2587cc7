/*
 * store - where the back office keeps its records: one interface, any database behind it.
 *
 * 1. Every write happens between store_begin(s, STORE_WRITE) and store_commit(); there is one
 * writer at a time, in this process and among all that share the database.  What was committed is
 * durable.
 * 2. A failed call inside a transaction leaves the transaction open: the caller rolls back, or goes
 * on after INRO_E_EXISTS, INRO_E_NOT_FOUND and what is wrong with a query.
 * 3. Conditions name fields of the record's own table; values never become part of a query's text.
 * 4. Lists are in the order of ids, or of a field and then ids, and paged by what the last row had:
 * a page's cost does not depend on its place.
 * 5. A struct store belongs to one thread at a time.
 */
#ifndef INRO_BACKOFFICE_STORE_STORE_H
#define INRO_BACKOFFICE_STORE_STORE_H

#include "backoffice/store/record.h"

struct store;

enum store_opening {
	STORE_MAKE,	/* makes the tables, of SQLite also the file and its folder, when missing */
	STORE_EXISTING, /* INRO_E_NOT_FOUND then, and nothing is made */
	STORE_TARGET,	/* as STORE_MAKE, but one of another version is left as it is: INRO_E_EXISTS */
};

/* "sqlite:PATH" or "postgresql://USER@HOST/DATABASE"; NULL: INRO_DB from the environment, else
 * $INRO_HOME/backoffice.db.  Brings an older one up to date, in one transaction.
 * INRO_E_DAMAGED: not a database, not one of ours, or broken.  INRO_E_VERSION: a later one.
 * INRO_E_UNSUPPORTED: a kind of database that there is no store for. */
MUST_CHECK enum inro_err store_open_as(const char *url, enum store_opening how, struct store **ret);
MUST_CHECK enum inro_err store_open(const char *url, struct store **ret); /* STORE_MAKE */
/* That every store has once it is open. */
int64_t store_version(void);
void store_close(struct store *s); /* NULL is fine; an open transaction is rolled back */

/* Whether it has pages of the database in memory, all of which it reads anew once another store has written. */
bool store_keeps_pages(const struct store *s);

/* How long store_begin() waits for another writer, or a server that is being restarted; ten seconds
 * unless it is called. */
MUST_CHECK enum inro_err store_patience(struct store *s, int ms);

enum store_access {
	STORE_READ,  /* one steady view until the end */
	STORE_WRITE, /* waits for another writer, INRO_E_BUSY when that takes too long */
	STORE_LOAD,  /* the same, but what a row refers to may come after it, before the commit */
};

/* Transactions don't nest.  INRO_E_BUSY from any call in one: it is undone, and may be tried again.
 */
MUST_CHECK enum inro_err store_begin(struct store *s, enum store_access access);
/* On failure it is rolled back, but for INRO_E_IO with words that say that nobody knows. */
MUST_CHECK enum inro_err store_commit(struct store *s);
void store_rollback(struct store *s); /* harmless outside a transaction */

/* A part of a write transaction that can be undone alone.  They don't nest.  Either of the other
 * two ends it; when one fails the transaction is lost, and the caller rolls back. */
MUST_CHECK enum inro_err store_savepoint(struct store *s);
MUST_CHECK enum inro_err store_release(struct store *s);
MUST_CHECK enum inro_err store_rollback_to(struct store *s);

/* For many rows at once: from here on a change of this write transaction is taken at its word.  That it fails may be
 * told by any later call in the transaction, as the same error and in the same words, and is by store_settle(),
 * store_savepoint() or store_commit(); the transaction can only be rolled back then.  So this is for who undoes all of
 * it, whichever row it was.  Not inside of a savepoint. */
void store_defer(struct store *s);
bool store_defers(const struct store *s);
/* Ends that: INRO_OK when everything before was done. */
MUST_CHECK enum inro_err store_settle(struct store *s);

enum store_op {
	STORE_EQ,
	STORE_NE,
	STORE_LT,
	STORE_LE,
	STORE_GT,
	STORE_GE,
	STORE_IN,     /* one of `numbers` */
	STORE_PREFIX, /* text or bytes that begin with the value */
	STORE_SMALL,  /* a device's id with capitals that is the value when they are small; A to Z alone */
	STORE_NONE,   /* a reference, time or blob that is not set */
	STORE_SOME,   /* one that is set */
	STORE_OR,     /* what follows is an alternative to all before */
};

/* The value by the field's kind: number for FIELD_INT, FIELD_REF and FIELD_NAME (the enum), text
 * for FIELD_TEXT, bytes for FIELD_BLOB. */
struct store_cond {
	const char *field;
	enum store_op op;
	int64_t number;
	const char *text;
	struct bytes bytes;
	const int64_t
		*numbers; /* of STORE_IN, 1 to STORE_IN_MAX of them; not for texts and bytes */
	size_t n;
};

#define STORE_COND_MAX 24
#define STORE_IN_MAX   16

/* The kind of value that the order's field has: what of a condition is its value. */
struct store_place {
	int64_t number;
	const char *text;
	struct bytes bytes;
};

/* Of store_find() and store_get(): whether a row may be one that was read before, under the stamp
 * that a write of such rows renews (steady.h). */
enum store_keeping {
	STORE_AS_TYPE,	/* CAs, profiles, groups, settings and tenants may; others are read */
	STORE_KEEP,	/* it is a CA's own certificate */
	STORE_KEEP_NOT, /* it is never asked for in this way again */
};

struct store_query {
	const struct store_cond *conds;
	size_t n;      /* up to STORE_COND_MAX */
	int64_t after; /* ids greater than this; when backward and not 0, smaller */
	size_t limit;  /* 0: all */
	bool backward; /* greatest id first */
	/* A field that the rows are ordered by, then by id; NULL: by id.  Rows that have none of it
	 * are left out.  A following page has in `after` the id of the last row that was seen, and
	 * in `at` the field's value in that row. */
	const char *order;
	struct store_place at;
	/* In no order, all of them: what store_each() alone does, at half the cost, for types whose
	 * shown fields are numbers and lent bytes. */
	bool unordered;
	/* Whichever row comes first is right: one is enough, or there is one at most.  The database needs
	 * not sort them then.  store_find() sets it where it is not told a limit. */
	bool any_first;
	enum store_keeping keep;
};

/* A query's conditions from an array, as in { STORE_WHERE(conds), .limit = 1 }. */
#define STORE_WHERE(array) .conds = (array), .n = ARRAY_LEN(array)

/* Writes a new row.  id 0: the store gives one and puts it into the record.  INRO_E_EXISTS when a
 * unique field is taken. */
#define store_insert(s, r) store_insert_row(s, RECORD_TYPE(r), r)
/* Writes all fields of the row with this id.  INRO_E_NOT_FOUND, INRO_E_EXISTS. */
#define store_update(s, r) store_update_row(s, RECORD_TYPE(r), r)
/* The row with this id.  INRO_E_NOT_FOUND. */
#define store_get(s, id, r) store_get_row(s, RECORD_TYPE(r), id, r)
/* Exactly one row.  INRO_E_NOT_FOUND, INRO_E_AMBIGUOUS. */
#define store_find(s, q, r) store_find_row(s, RECORD_TYPE(r), q, r)

MUST_CHECK enum inro_err store_insert_row(struct store *s, const struct record_type *t, void *r);
MUST_CHECK enum inro_err store_update_row(struct store *s, const struct record_type *t,
					  const void *r);
MUST_CHECK enum inro_err store_get_row(struct store *s, const struct record_type *t, int64_t id,
				       void *ret);
/* Deletes all rows that meet the conditions, of which there is one at least; after and limit don't
 * count.  INRO_E_STATE when another row refers to one of them. */
MUST_CHECK enum inro_err store_delete(struct store *s, const struct record_type *t,
				      const struct store_query *q, int64_t *ret_rows);
MUST_CHECK enum inro_err store_find_row(struct store *s, const struct record_type *t,
					const struct store_query *q, void *ret);

/* Called with each row.  It may take the record over by copying and zeroing it; what it leaves is
 * cleared.  It must not use the store.  Anything but INRO_OK ends the walk and is returned. */
typedef enum inro_err store_row_fn(void *arg, void *record);

MUST_CHECK enum inro_err store_each(struct store *s, const struct record_type *t,
				    const struct store_query *q, store_row_fn *row, void *arg);
/* Queries that are alike but for the value of one condition of theirs, a STORE_EQ. */
struct store_alike {
	const struct store_query *q; /* without a place, an order or a limit */
	size_t varied;		     /* which of its conditions; what that has as its value does not count */
	const struct store_place *values; /* as store_query's `at`, by the field's kind; those that are none are passed over */
	size_t n;
};
/* In a transaction: these are going to be asked one by one, each of them by store_each(), store_find() or store_get() of the
 * same type and conditions.  Where each question would be a way to a server and back all are asked at once, and what
 * there is is known to the end of the transaction; what is written there meanwhile is asked for again.  So nothing
 * comes out otherwise than without, but sooner.  Fails as reading does. */
MUST_CHECK enum inro_err store_foresee(struct store *s, const struct record_type *t, const struct store_alike *a);
MUST_CHECK enum inro_err store_count(struct store *s, const struct record_type *t,
				     const struct store_query *q, int64_t *ret);
/* Before many rows are read or changed, outside a transaction (else nothing is done): a database that chooses its ways by
 * what it counted of its tables counts those anew that have more than doubled since.  It gets faster by that, and nothing
 * else: what fails is left as it was. */
void store_survey(struct store *s);
/* Milliseconds since 1970 by the clock that all have who share the database: its server's, or this
 * machine's. */
MUST_CHECK enum inro_err store_now(struct store *s, int64_t *ret_ms);
/* A copy of the whole in one file, while in use.  INRO_E_UNSUPPORTED: this kind has no files;
 * INRO_E_EXISTS. */
MUST_CHECK enum inro_err store_backup(struct store *s, const char *path);
/* The path in the URL of an SQLite store; NULL: of another kind, or it has none. */
const char *store_url_path(const char *url);
/* The name to make the file of an SQLite store under that is to be `path`, and nobody else's.  INRO_E_EXISTS when there is
 * one, or what was left beside one. */
MUST_CHECK enum inro_err store_file_part(const char *path, char **ret);
/* Gives the file of an SQLite store, closed by all, its name; nothing beside it is needed then.  INRO_E_EXISTS as above; what
 * fails leaves it under the first name. */
MUST_CHECK enum inro_err store_file_name(const char *made, const char *path);
void store_file_remove(const char *path);
/* The database's own check of its files, as far as it has one, and of what rows refer to. */
MUST_CHECK enum inro_err store_check(struct store *s);
/* Where the records are, without credentials, for people. */
const char *store_name(const struct store *s);

#endif
