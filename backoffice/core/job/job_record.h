/* job_record - what job.c and job_run.c share about a job's record. */
#ifndef INRO_BACKOFFICE_CORE_JOB_RECORD_H
#define INRO_BACKOFFICE_CORE_JOB_RECORD_H

#include "backoffice/core/job/job_kinds.h"

/* Kind and arguments of a job on record; *ret is empty before. */
MUST_CHECK enum inro_err job_run_open(struct core *c, const struct job *j, struct job_run *ret);
void job_run_clear(struct job_run *r);
/* A text from anywhere, with a question mark for what is not UTF-8 or a control character. */
MUST_CHECK enum inro_err job_text_set(char **owned, const char *from);
void job_lot_clear(struct job_run *r);
/* The state, in memory. */
MUST_CHECK enum inro_err job_move(struct core *c, struct job *j, enum verb verb);
/* Its event; in a write transaction. */
MUST_CHECK enum inro_err job_event(struct core *c, const struct job *j, const char *action,
				   struct buf *detail);
/* As audit_refused(). */
enum inro_err job_refused(struct core *c, const char *action, int64_t id, enum inro_err e);

#endif
