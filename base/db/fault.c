/* fault - SQLite's results as our errors: one table, the extended code before the primary one. */
#include "base/db/internal.h"

#include <string.h>

#include "base/file.h"
#include "base/forkgate.h"
#include "base/log.h"

struct fault {
	int rc;
	enum inro_err err;
	const char *advice; /* NULL: SQLite's words say enough */
};

/* Whatever is not here is SQLite refusing our own SQL, which only a damaged store can cause. */
static const struct fault faults[] = {
	{ SQLITE_OK, INRO_OK, NULL },
	{ SQLITE_ROW, INRO_OK, NULL },
	{ SQLITE_DONE, INRO_OK, NULL },
	{ SQLITE_CONSTRAINT_UNIQUE, INRO_E_EXISTS, NULL },
	{ SQLITE_CONSTRAINT_PRIMARYKEY, INRO_E_EXISTS, NULL },
	{ SQLITE_CONSTRAINT_ROWID, INRO_E_EXISTS, NULL },
	{ SQLITE_CONSTRAINT_NOTNULL, INRO_E_ARG, NULL },
	{ SQLITE_CONSTRAINT_CHECK, INRO_E_ARG, NULL },
	{ SQLITE_CONSTRAINT_DATATYPE, INRO_E_ARG, NULL },
	{ SQLITE_CONSTRAINT, INRO_E_STATE, NULL },
	{ SQLITE_IOERR_NOMEM, INRO_E_NO_MEMORY, NULL },
	{ SQLITE_IOERR_CORRUPTFS, INRO_E_DAMAGED, "check the file system" },
	{ SQLITE_IOERR, INRO_E_IO, "check the disk" },
	{ SQLITE_NOMEM, INRO_E_NO_MEMORY, NULL },
	{ SQLITE_FULL, INRO_E_FULL, "free some space and try again" },
	{ SQLITE_TOOBIG, INRO_E_TOO_BIG, NULL },
	{ SQLITE_BUSY, INRO_E_BUSY, "another program is writing; try again" },
	{ SQLITE_LOCKED, INRO_E_BUSY, "another program is writing; try again" },
	{ SQLITE_PROTOCOL, INRO_E_BUSY, "another program is opening it; try again" },
	{ SQLITE_INTERRUPT, INRO_E_BUSY, NULL },
	{ SQLITE_PERM, INRO_E_ACCESS, NULL },
	{ SQLITE_AUTH, INRO_E_ACCESS, NULL },
	{ SQLITE_READONLY_DBMOVED, INRO_E_NOT_FOUND, "the file was moved or removed" },
	{ SQLITE_READONLY, INRO_E_ACCESS, "the file or its folder can't be written" },
	{ SQLITE_CANTOPEN, INRO_E_IO, NULL },
	{ SQLITE_MISUSE, INRO_E_STATE, NULL },
	{ SQLITE_RANGE, INRO_E_ARG, NULL },
	{ SQLITE_MISMATCH, INRO_E_ARG, NULL },
	{ SQLITE_CORRUPT, INRO_E_DAMAGED, "restore it from a backup" },
	{ SQLITE_NOTADB, INRO_E_DAMAGED, "restore it from a backup" },
};

static const struct fault unknown_fault = { 0, INRO_E_DAMAGED, NULL };

static const struct fault *fault_exact(int rc)
{
	for (size_t i = 0; i < ARRAY_LEN(faults); i++)
		if (faults[i].rc == rc)
			return &faults[i];
	return NULL;
}

static const struct fault *fault_find(int rc)
{
	const struct fault *f = fault_exact(rc);

	if (!f)
		f = fault_exact(rc & 0xff);
	return f ? f : &unknown_fault;
}

enum inro_err db_fail(const struct db *d, int rc, const char *doing)
{
	SCOPED(fork_pass) pass = fork_pass_take();
	const struct fault *f = fault_find(rc);
	const char *words = d->sqlite ? sqlite3_errmsg(d->sqlite) : sqlite3_errstr(rc);
	int primary = rc & 0xff;
	int errnum = 0;
	enum inro_err e = f->err;

	if (e == INRO_OK)
		return e;
	if (d->sqlite && (primary == SQLITE_IOERR || primary == SQLITE_CANTOPEN))
		errnum = sqlite3_system_errno(d->sqlite);
	if (errnum) /* nearer to the cause than SQLite's code */
		e = file_err_code(errnum);
	log_debug("sqlite %d at %s of %s: %s", rc, doing, d->path, words);
	return err_set(e, "%s '%s': %s%s%s%s%s", d->what, d->path, words, errnum ? ", " : "",
		       errnum ? strerror(errnum) : "", f->advice ? "; " : "",
		       f->advice ? f->advice : "");
}
