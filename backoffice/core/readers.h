/*
 * readers - a few connections to one database that the threads of one process read by, each for a view
 * (view.h).  A connection of SQLite reads its pages anew once another has written: the fewer are at
 * work, the fewer do.
 *
 * 1. Who gives one back last leaves it to who asks next, so that what it knows is used by all.
 * 2. There are READERS_MAX at most, and one more is opened when all are lent.  Who gets none reads by
 * its own.
 * 3. A database that keeps its pages itself has none.
 */
#ifndef INRO_BACKOFFICE_CORE_READERS_H
#define INRO_BACKOFFICE_CORE_READERS_H

#include "base/err.h"

#define READERS_MAX 4

struct readers;
struct store;

/* Of a database that is there; the URL as in struct core_options. */
MUST_CHECK enum inro_err readers_open(const char *db, struct readers **ret);
void readers_close(struct readers *r); /* behind the last of its cores; NULL is fine */

/* Any thread.  NULL: none is there for `own`, which is a store of the same database.  What is taken is given back
 * outside of a transaction. */
struct store *readers_take(struct readers *r, const struct store *own);
void readers_give(struct readers *r, struct store *s);
void readers_drop(struct readers *r, struct store *s); /* in place of giving it back: it can't be read by */

#endif
