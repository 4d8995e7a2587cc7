/*
 * job - bulk work that goes on where it was cut off.
 *
 * 1. A job is a record: its kind, what it is to do, how far it is, and what came of it.
 * 2. Rows are done up to 500 in a transaction, and how far the job is, its counts and what is said
 * of bad rows are written in the same one: whatever ends the work, no row is done twice and none
 * is left out.  Where rows are such that to do them again changes nothing, that may be written
 * after them.
 * 3. What a job is about is settled when it is started: a file by its SHA-256, records as those
 * that there were then.  One of these that fits the conditions no more when it is its turn is
 * passed over, and counted.
 * 4. A row that can't be done is told and stands alone.  What is not about one row stops the job,
 * and the job says what it was; it goes on by job_run().
 * 5. One process works at a job.  It has a lease, which each lot of rows makes longer; one that
 * lost it writes nothing more.
 * 6. What a server does for somebody is done in his name and with his rights as they are then: a job
 * of an account that was disabled stops.
 */
#ifndef INRO_BACKOFFICE_CORE_JOB_H
#define INRO_BACKOFFICE_CORE_JOB_H

#include "backoffice/core/core.h"

/* The options that kinds have, by the names that people write. */
struct job_arg {
	const char *name, *value;
};
struct job_order {
	const char *kind;
	const struct job_arg *args;
	size_t n;
};

/* Records it.  A refusal is recorded too.  Nothing is done yet. */
MUST_CHECK enum inro_err job_start(struct core *c, const struct job_order *o, struct job *ret);

/* The same for a server to do (job_serve()). */
struct job_sent {
	/* "csv" or "jsonl": its rows, as of a file (import.h), are kept in the database until it is
	 * over.  NULL: it has none. */
	const char *format;
	struct bytes rows;
	bool waits; /* more come (job_send()); it begins by job_want() */
};
MUST_CHECK enum inro_err job_ask(struct core *c, const struct job_order *o, const struct job_sent *s,
				 struct job *ret);
/* More rows of one that waits, by who asked for it.  INRO_E_FULL: so much is not kept (the setting job.megabytes). */
MUST_CHECK enum inro_err job_send(struct core *c, int64_t id, struct bytes rows, struct job *ret);
/* A server is to do it, or what is left of it; from here on in the name of who says so. */
MUST_CHECK enum inro_err job_want(struct core *c, int64_t id, struct job *ret);

struct job_watch {
	void (*told)(void *arg, const struct job *j); /* after each lot; NULL: nobody looks */
	void *arg;
	/* Each certificate that was revoked with a row of the job, for it has the same key, once that
	 * is recorded; NULL: nobody looks.  The audit has them, too. */
	void (*also)(void *arg, int64_t credential);
	/* Asked between lots: true leaves the job, under way, for who comes next; NULL: false. */
	bool (*ends)(void *arg);
	/* Each row that was added or changed with the trust anchor of a deleted device of another id, once that
	 * is recorded; NULL: nobody looks.  The job counts them. */
	void (*again)(void *arg, const char *row, const char *id, const char *before);
};
/* Does it, or what is left of it, to the end.  INRO_E_BUSY: another process is at it;
 * INRO_E_CANCELLED: it was cancelled meanwhile.  *ret is written on failure too, as far as the job
 * was found; empty before. */
MUST_CHECK enum inro_err job_run(struct core *c, int64_t id, const struct job_watch *w,
				 struct job *ret);
/* Does what a server is asked for, and goes on with what a process left that is no more, one after
 * the other; but nothing that is done with files of a machine.  Each in the name of who asked for it.
 * Each that stops says why itself; the first error is returned, with the words of some of the others.  The core is an
 * administrator's of the tenant "default". */
MUST_CHECK enum inro_err job_serve(struct core *c, const struct job_watch *w);
/* Whoever works at it stops before the next lot of rows. */
MUST_CHECK enum inro_err job_cancel(struct core *c, int64_t id, const char *why, struct job *ret);

/* How many rows it has done: well, not at all since they were so, or badly. */
int64_t job_rows(const struct job *j);
/* Of a job that is done: records that were counted when it was started, and did not fit its
 * conditions any more when it was their turn, for somebody else had changed them. */
int64_t job_passed(const struct job *j);

MUST_CHECK enum inro_err job_get(struct core *c, int64_t id, struct job *ret);
struct job_list {
	struct job *items;
	size_t n;
	int64_t next;
};
void job_list_clear(struct job_list *l);
/* state NULL: any. */
MUST_CHECK enum inro_err job_find(struct core *c, const enum job_state *state,
				  const struct page *page, struct job_list *ret);

struct job_error_list {
	struct job_error *items;
	size_t n;
	int64_t next;
};
void job_error_list_clear(struct job_error_list *l);
MUST_CHECK enum inro_err job_errors(struct core *c, int64_t id, const struct page *page,
				    struct job_error_list *ret);
/* The certificates that it gives out where it had no folder for them. */
struct job_result_list {
	struct job_result *items;
	size_t n;
	int64_t next;
};
void job_result_list_clear(struct job_result_list *l);
MUST_CHECK enum inro_err job_results(struct core *c, int64_t id, const struct page *page,
				     struct job_result_list *ret);
/* The errors as a file, a line each: row, error and reason with tabs between them.  0600. */
MUST_CHECK enum inro_err job_errors_write(struct core *c, int64_t id, const char *path);

#endif
