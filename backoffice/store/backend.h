/*
 * backend - what a kind of database must be able to do to be a store.
 *
 * Contracts as in store.h.  store.c has checked before a call: writes come inside a write
 * transaction only, transactions don't nest, a query's limit fits.
 */
#ifndef INRO_BACKOFFICE_STORE_BACKEND_H
#define INRO_BACKOFFICE_STORE_BACKEND_H

#include "backoffice/store/store.h"

/* SAVE_BACK undoes what came since SAVE_BEGIN, and ends it like SAVE_END. */
enum store_saving { SAVE_BEGIN, SAVE_END, SAVE_BACK, SAVE__MAX };

struct store_ops {
	bool keeps_pages; /* store_keeps_pages() */
	/* place: what stands behind the scheme */
	enum inro_err (*open)(const char *place, enum store_opening how, struct store **ret);
	void (*close)(struct store *s);
	enum inro_err (*begin)(struct store *s, enum store_access access);
	enum inro_err (*commit)(struct store *s, bool writing);
	void (*rollback)(struct store *s);
	enum inro_err (*save)(struct store *s, enum store_saving what);
	enum inro_err (*settle)(struct store *s); /* NULL: nothing is ever deferred */
	enum inro_err (*insert)(struct store *s, const struct record_type *t, const void *r,
				int64_t *ret_id);
	enum inro_err (*update)(struct store *s, const struct record_type *t, const void *r,
				int64_t *ret_rows);
	enum inro_err (*erase)(struct store *s, const struct record_type *t,
			       const struct store_query *q, int64_t *ret_rows);
	enum inro_err (*each)(struct store *s, const struct record_type *t,
			      const struct store_query *q, store_row_fn *row, void *arg);
	/* The rows of all of them, in any order; NULL: they are as cheap one by one */
	enum inro_err (*among)(struct store *s, const struct record_type *t,
			       const struct store_alike *a, store_row_fn *row, void *arg);
	enum inro_err (*count)(struct store *s, const struct record_type *t,
			       const struct store_query *q, int64_t *ret);
	enum inro_err (*now)(struct store *s, int64_t *ret_ms);
	enum inro_err (*check)(struct store *s);
	enum inro_err (*survey)(struct store *s); /* NULL: nothing is planned by what was counted */
	enum inro_err (*patience)(struct store *s, int ms);
	enum inro_err (*backup)(struct store *s, const char *path);
};

/* INRO_E_EXISTS in words: of STORE_TARGET. */
MUST_CHECK enum inro_err store_not_new(const char *name);
/* INRO_E_VERSION unless the form is the one this program writes.  Each kind asks when a write transaction begins: a later
 * program may have changed it since this one opened the database. */
MUST_CHECK enum inro_err store_check_form(const char *name, int64_t version);

/* The first member of every kind's own struct. */
struct steady;
struct foreseen;
struct store {
	const struct store_ops *ops;
	char *name;
	bool open, writing; /* a transaction */
	bool saved;	    /* a savepoint in it */
	bool defers;	    /* store_defer() */
	struct steady *steady; /* steady.h */
	struct foreseen *foreseen; /* foreseen.h */
};

extern const struct store_ops sqlite_store_ops, postgres_store_ops;

#endif
