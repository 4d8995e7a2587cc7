/* change - what one call of core_write() asks for; between write.c, which does it, and writers.c,
 * where it waits. */
#ifndef INRO_BACKOFFICE_CORE_DB_CHANGE_H
#define INRO_BACKOFFICE_CORE_DB_CHANGE_H

#include <semaphore.h>

#include "backoffice/core/internal.h"

struct change {
	struct core *c;
	core_work_fn *work;
	void *arg;
	bool alone;
	/* out */
	enum inro_err error;
	struct err_kept why; /* of the error */
	int64_t added;	     /* events */
	/* writers.c */
	struct change *next;
	sem_t turn; /* told once: it is done, or it is the first and is to be */
	bool done;
};

/* Does them in order, by this connection to their database; errors are theirs. */
void changes_do(struct change *first, struct store *by);
/* Waits until it is done, by this thread or another. */
void writers_do(struct writers *w, struct change *m);

#endif
