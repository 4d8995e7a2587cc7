/*
 * upkeep - the database as a whole: checked, copied to another kind, backed up while it is used.
 *
 * 1. All tenants are in it: it takes an administrator.
 * 2. A copy is made of one steady view, in one transaction of the target, which is empty before
 * and, unless everything was compared, after it.
 * 3. Each row goes into a digest on both sides, as it is read there: counts and digests must agree.
 */
#ifndef INRO_BACKOFFICE_CORE_UPKEEP_H
#define INRO_BACKOFFICE_CORE_UPKEEP_H

#include "backoffice/core/core.h"

/* What is being done and how many rows are done; called often. */
typedef void upkeep_told(void *arg, const char *table, int64_t rows);

struct upkeep {
	upkeep_told *told; /* NULL: nobody looks */
	void *arg;
};

#define UPKEEP_UNKNOWN (-1)

struct upkeep_report {
	int64_t rows;	    /* of all tables */
	int64_t events;	    /* those of the audit, also of the copy's; UPKEEP_UNKNOWN: what was copied has no number of them */
	int64_t later;	    /* of a copy: events that came to the source meanwhile, which it has not; UPKEEP_UNKNOWN */
	uint8_t digest[32]; /* SHA-256 over every field of every row */
};

/* The database's own check, what rows refer to, that each row can be read, that each
 * certificate's record says what the certificate says, the counts that are kept, the chain of the
 * audit.  INRO_E_DAMAGED says what is first found. */
MUST_CHECK enum inro_err upkeep_check(struct core *c, const struct upkeep *how,
				      struct upkeep_report *ret);
/* To the empty database of that URL, which is made if need be: a new file has its name once it is whole, so that what
 * fails leaves none.  INRO_E_EXISTS when it is not empty.  That it begins is an event, in the copy too. */
MUST_CHECK enum inro_err upkeep_copy(struct core *c, const char *url, const struct upkeep *how,
				     struct upkeep_report *ret);
/* To a new file, which is a database of SQLite whatever this one is. */
MUST_CHECK enum inro_err upkeep_backup(struct core *c, const char *path, const struct upkeep *how,
				       struct upkeep_report *ret);

#endif
