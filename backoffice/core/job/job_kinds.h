/*
 * job_kinds - what each kind of job does, as a table of functions over one run of it.
 *
 * A run is open(), then for each lot next(), ready(), row() for each row in one transaction, and
 * after(); then close().
 */
#ifndef INRO_BACKOFFICE_CORE_JOB_KINDS_H
#define INRO_BACKOFFICE_CORE_JOB_KINDS_H

#include <stdio.h>

#include "backoffice/core/batch.h"
#include "backoffice/core/job.h"
#include "backoffice/core/json.h"

#define JOB_ARGS_MAX 65536

struct job_kind;

/* Rows that are done together. */
struct job_lot {
	size_t n;
	char *names[BATCH_MAX]; /* what is said of a bad row begins with it */
	bool same[BATCH_MAX];	/* set by row(): nothing was to be done */
	int64_t given[BATCH_MAX]; /* the same: the certificate that it gives out; 0: none */
	bool wanted[BATCH_MAX]; /* the same: it is only noted that it is to be done elsewhere */
	char *before[BATCH_MAX]; /* the same: the deleted device that had its trust anchor; mostly NULL */
	struct batch_result results[BATCH_MAX];
	char *cursor; /* the place behind it */
	bool ended;   /* there is nothing behind it; stays when the lot is cleared */
};
void job_lot_clear(struct job_lot *l);

struct job_run {
	struct core *c;
	const struct job_kind *kind;
	struct job job; /* as it is on record */
	json_t *args;
	bool asked; /* a server is to do it: there are no folders; for plan() */
	void *own; /* the kind's */
	const struct job_watch *watch; /* NULL: nobody looks */

	struct job_lot lot; /* that is done now; `ended` is set before open() when all is done */
	struct job next; /* the record while it is being written */
	int64_t look_ms; /* clock_monotonic_ms(): when the lease is to be made longer */
	bool lost; /* it was cancelled, or is another's: nothing is written of it any more */
};

struct job_kind {
	const char *name;
	const char *takes[16]; /* arguments, NULL behind the last */
	const char *needs[4];  /* those of them that must be there */
	bool rows; /* takes rows that are sent, in place of "in" or folders */
	/* When it is started: settles what it is about, in r->args and r->job.total. */
	enum inro_err (*plan)(struct job_run *r);
	/* Each time that it is run. */
	enum inro_err (*open)(struct job_run *r);
	/* The lot behind r->job.cursor: r->lot.n rows, their names, its cursor and `ended`.  The lot
	 * before was cleared. */
	enum inro_err (*next)(struct job_run *r);
	enum inro_err (*ready)(struct job_run *r); /* outside the transaction; NULL: nothing */
	core_work_fn *begin; /* inside, before the rows; `arg` is the run; NULL: nothing */
	enum inro_err (*row)(struct core *c, void *run, size_t i); /* inside; NULL: nothing */
	enum inro_err (*after)(struct job_run *r); /* when it was committed; NULL: nothing */
	void (*close)(struct job_run *r);
	/* The place is written behind after(), in a transaction of its own: to do a lot again
	 * changes nothing. */
	bool repeats;
};
extern const struct job_kind *const job_kinds[]; /* NULL behind the last */

/* An argument; NULL: it was not given. */
const char *job_arg(const struct job_run *r, const char *name);
MUST_CHECK enum inro_err job_arg_set(struct job_run *r, const char *name, const char *value);
/* Makes the lease longer, when a part of it is over; for what takes long within a lot.
 * INRO_E_CANCELLED, INRO_E_STATE: it is not ours any more. */
MUST_CHECK enum inro_err job_goes_on(struct job_run *r);
/* One row more in the lot. */
MUST_CHECK enum inro_err job_row_add(struct job_run *r, const char *name);

/* ---- rows of a file: arguments "in", "encoding" and what is settled about it (job_rows.c) ---- */

struct import_line;
bool job_has_rows(const struct job_run *r); /* of a file, or sent */
/* Those that were sent, in the order in which they came; read with the run's core.  NULL: no memory. */
FILE *job_rows_open(struct job_run *r);
/* Also where there are none: then it has no "encoding". */
MUST_CHECK enum inro_err job_file_plan(struct job_run *r);
struct job_file;
MUST_CHECK enum inro_err job_file_open(struct job_run *r, struct job_file **ret);
MUST_CHECK enum inro_err job_file_next(struct job_run *r, struct job_file *f);
const struct import_line *job_file_line(const struct job_file *f, size_t i);
void job_file_close(struct job_file *f); /* NULL is fine */

/* ---- records that are found: arguments "where" and "last" ---- */

struct where_kind;
struct where;
struct job_search {
	const struct where_kind *kind;
	/* Conditions beside those of the argument; NULL: none. */
	enum inro_err (*more)(struct job_run *r, struct where *w);
	const char *(*name)(const void *record); /* of a row; into static room or the record */
};
MUST_CHECK enum inro_err job_search_plan(struct job_run *r, const struct job_search *s);
struct job_found;
MUST_CHECK enum inro_err job_search_open(struct job_run *r, const struct job_search *s,
					 struct job_found **ret);
MUST_CHECK enum inro_err job_search_next(struct job_run *r, struct job_found *f, size_t most);
void *job_found_record(const struct job_found *f, size_t i);
/* In a transaction: of each record that was found comes next what has in `field` the number that the record has in
 * `has`; see store_foresee(). */
struct record_type;
MUST_CHECK enum inro_err job_found_foresee(struct core *c, const struct job_found *f, const char *has,
					   const struct record_type *t, const char *field);
void job_found_close(struct job_found *f); /* NULL is fine */

/* Certificates that are active unless "where" says otherwise; no CA's own (job_cred.c). */
extern const struct job_search job_certs;
/* The argument as a folder's full name; nothing when it was not given. */
MUST_CHECK enum inro_err job_folder_plan(struct job_run *r, const char *name, bool make);
MUST_CHECK enum inro_err job_days(const struct job_run *r, unsigned *ret);

extern const struct job_kind job_register, job_update, job_enable, job_disable, job_delete,
	job_issue, job_renew, job_rekey, job_revoke, job_retire, job_export;

#endif
