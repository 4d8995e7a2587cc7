/*
 * look - whether another connection has written, most often without asking SQLite.
 *
 * PRAGMA data_version takes a lock of the file and gives it back: two system calls and some pages
 * of SQLite's code, at each look.  Every commit changes the header of the log's index, which is in
 * memory that all connections share (sqlite.org/walformat.html, "The WAL-Index Header").
 *
 * 1. The header is read before SQLite is asked, and SQLite's answer stands as long as the header is
 *    the same: what is committed between the two shows at the next look.
 * 2. Both copies of it are compared.  A writer changes the second first, so no commit is missed; one
 *    that is under way, a recovery or a version that is not known here is left to SQLite.
 * 3. Within a transaction SQLite answers for the transaction's view: nothing is concluded from that.
 * 4. SQLite has mapped the memory at that time, and keeps it as long as the connection is open: it
 *    is asked for once the connection has read in WAL.
 */
#include "base/db/internal.h"

#include <string.h>

#include "base/own.h"

#define INDEX_BYTES   32768 /* of the index that SQLite maps at once */
#define INDEX_VERSION 3007000

/* Words of one copy: iVersion, unused, iChange, isInit with bigEndCksum and szPage, and more. */
#define COPY	  (DB_INDEX_WORDS / 2)
#define AT_INIT	  3
#define INIT_BYTE 0 /* of that word as it is in memory */

static void read_index(const uint32_t *index, uint32_t ret[DB_INDEX_WORDS])
{
	for (size_t i = 0; i < DB_INDEX_WORDS; i++)
		ret[i] = __atomic_load_n(&index[i], __ATOMIC_ACQUIRE);
}

/* Not while it is written. */
static bool is_whole(const uint32_t header[DB_INDEX_WORDS])
{
	uint8_t init[sizeof *header];

	memcpy(init, &header[AT_INIT], sizeof init);
	return header[0] == INDEX_VERSION && init[INIT_BYTE] == 1 &&
	       memcmp(header, header + COPY, COPY * sizeof *header) == 0;
}

/* NULL: SQLite has none, or not where others write. */
static const uint32_t *map_index(const struct db *d)
{
	sqlite3_file *file = NULL;
	void volatile *index = NULL;

	if (!d->logged ||
	    sqlite3_file_control(d->sqlite, "main", SQLITE_FCNTL_FILE_POINTER, &file) != SQLITE_OK ||
	    !file || !file->pMethods || file->pMethods->iVersion < 2 || !file->pMethods->xShmMap ||
	    file->pMethods->xShmMap(file, 0, INDEX_BYTES, 0, &index) != SQLITE_OK)
		return NULL;
	return (const uint32_t *)(uintptr_t)index;
}

static bool nobody_wrote(const struct db_look *look)
{
	uint32_t now[DB_INDEX_WORDS];

	if (!look->index || !look->known)
		return false;
	read_index(look->index, now);
	return memcmp(now, look->header, sizeof now) == 0;
}

static enum inro_err ask(struct db *d)
{
	struct db_look *look = &d->look;
	bool outside = sqlite3_txn_state(d->sqlite, "main") == SQLITE_TXN_NONE;
	enum inro_err e;

	look->known = false;
	if (look->index)
		read_index(look->index, look->header);
	e = db_query_int(d, "PRAGMA data_version", &look->version);
	if (e)
		return e;
	look->known = outside && look->index && is_whole(look->header);
	if (!look->index)
		look->index = map_index(d);
	return INRO_OK;
}

enum inro_err db_data_version(struct db *d, int64_t *ret)
{
	enum inro_err e = INRO_OK;

	if (d->frozen)
		return db_frozen_version(d, ret);
	if (!nobody_wrote(&d->look))
		e = ask(d);
	if (!e)
		*ret = d->look.version;
	return e;
}
