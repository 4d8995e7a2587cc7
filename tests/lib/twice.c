/*
 * twice - with INRO_TEST_TWICE set each write of the back office is undone when it is about to be
 * committed, as by a lost connection, and has to run again: what a second run finds changed is what
 * a work function must not leave behind.
 *
 * Linked with --wrap of both; without the variable nothing is different, and what is committed is counted.
 */
#include <stdlib.h>

#include "backoffice/store/store.h"
#include "tests/lib/office.h"

enum inro_err __real_store_begin(struct store *s, enum store_access access);
enum inro_err __wrap_store_begin(struct store *s, enum store_access access);
enum inro_err __real_store_commit(struct store *s);
enum inro_err __wrap_store_commit(struct store *s);

static _Thread_local const struct store *writing; /* the one whose transaction is a writer's */
static _Thread_local const struct store *changing;
static _Thread_local bool undone;
atomic_uint office_commits;
void (*office_before_write)(void);

enum inro_err __wrap_store_begin(struct store *s, enum store_access access)
{
	enum inro_err e;

	if (access == STORE_WRITE && office_before_write)
		office_before_write();
	e = __real_store_begin(s, access);
	if (e != INRO_OK)
		return e;
	writing = access == STORE_WRITE && getenv("INRO_TEST_TWICE") ? s : NULL;
	changing = access == STORE_READ ? NULL : s;
	return e;
}

static enum inro_err commit(struct store *s)
{
	enum inro_err e = __real_store_commit(s);

	if (e == INRO_OK && s == changing)
		office_commits++;
	return e;
}

enum inro_err __wrap_store_commit(struct store *s)
{
	undone = s == writing && !undone;
	if (!undone)
		return commit(s);
	store_rollback(s);
	return err_set(INRO_E_BUSY, "undone once, for the test");
}
