/* job_record - what job.c and job_run.c share about a job's record. */
#ifndef INRO_BACKOFFICE_CORE_JOB_RECORD_H
#define INRO_BACKOFFICE_CORE_JOB_RECORD_H

#include "backoffice/core/job/job_kinds.h"

/* Kind and arguments of a job on record; *ret is empty before. */
MUST_CHECK enum inro_err job_run_open(struct core *c, const struct job *j, struct job_run *ret);
void job_run_clear(struct job_run *r);
/* A text from anywhere, with a question mark for what is not UTF-8 or a control character. */
MUST_CHECK enum inro_err job_text_set(char **owned, const char *from);
/* A page of rows of a table that has them by job. */
MUST_CHECK enum inro_err job_lines(struct core *c, const struct record_type *t, int64_t id,
				   const struct page *page, struct core_rows *ret);
/* Rows that are sent, counted in the record; in a write transaction. */
MUST_CHECK enum inro_err job_rows_keep(struct core *c, struct job *j, struct bytes rows);
/* Rows of a job that is over; the same. */
MUST_CHECK enum inro_err job_rows_drop(struct core *c, const struct job *j);
/* Who has it may be there still.  As leases (lease.h) by the clock that all who share the database have. */
MUST_CHECK enum inro_err job_at_work(struct core *c, const struct job *j, bool *ret);
/* A server is asked for it, or somebody left it. */
bool job_is_wanted(const struct job *j);
/* It is done with files of a machine. */
bool job_has_paths(const struct job *j);
/* An argument of that name was given. */
bool job_is_given(const struct job *j, const char *name);
/* job_run() of what a server found: refused without an event when it is not wanted any more, or not
 * in the name of who is at work. */
MUST_CHECK enum inro_err job_run_found(struct core *c, int64_t id, const struct job_watch *w,
				       struct job *ret);
/* The state, in memory. */
MUST_CHECK enum inro_err job_move(struct core *c, struct job *j, enum verb verb);
/* Its event; in a write transaction. */
MUST_CHECK enum inro_err job_event(struct core *c, const struct job *j, const char *action,
				   struct buf *detail);
/* As audit_refused(). */
enum inro_err job_refused(struct core *c, const char *action, int64_t id, enum inro_err e);

#endif
