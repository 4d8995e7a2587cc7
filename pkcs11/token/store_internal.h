/* store_internal - what the files of the store share: the connection and the frame of a change. */
#ifndef INRO_PKCS11_TOKEN_STORE_INTERNAL_H
#define INRO_PKCS11_TOKEN_STORE_INTERNAL_H

#include <sys/types.h>

#include "pkcs11/token/store.h"

struct store {
	struct db *db;
	char *path;
	bool read_only;
	dev_t device; /* of the file that was opened */
	ino_t inode;
	int64_t generation; /* of the token row that was read last */
	int64_t frozen_at;  /* what a frozen connection's file looked like; 0: not looked yet */
	int64_t reopened;   /* how often */
};

#define STORE_REMOVED "the token was removed by another program"

/* Begins a change of the token as it was read last. */
MUST_CHECK enum inro_err store_begin(struct store *s);
/* Ends a change: all of it or nothing. */
MUST_CHECK enum inro_err store_finish(struct db *db, enum inro_err e);
/* After secrets were replaced: takes the old pages out of the log, too, unless others are reading.
 */
void store_fold(struct store *s);
/* Steps a statement that must give one row. */
MUST_CHECK enum inro_err store_one_row(struct db_stmt *q, enum inro_err if_none, const char *what);

#endif
