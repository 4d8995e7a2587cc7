/* upkeep - see upkeep.h. */
#include "backoffice/core/upkeep.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "backoffice/core/audit.h"
#include "backoffice/core/internal.h"
#include "backoffice/core/tally.h"
#include "backoffice/core/db/transfer.h"
#include "base/file.h"

static void close_store(struct store **s)
{
	store_close(*s);
}

static enum inro_err check_rows(struct core *c, const struct upkeep *how, struct upkeep_report *ret)
{
	enum inro_err e = store_check(c->store);

	if (e == INRO_OK)
		e = store_begin(c->store, STORE_READ);
	if (e != INRO_OK)
		return e;
	e = transfer_check(c->store, how, ret);
	store_rollback(c->store);
	return e;
}

enum inro_err upkeep_check(struct core *c, const struct upkeep *how, struct upkeep_report *ret)
{
	struct audit_report audit = { 0 };
	enum inro_err e = check_rows(c, how, ret);

	if (e == INRO_OK)
		e = tally_check(c);
	if (e == INRO_OK)
		e = audit_verify(c, &audit);
	ret->events = audit.count;
	return e;
}

struct begun {
	const char *action, *to;
};

/* Where it goes is told by the store's name, which has no password. */
static enum inro_err note_work(struct core *c, void *arg)
{
	const struct begun *b = arg;
	SCOPED(buf) detail = { 0 };
	const struct audit_entry entry = { b->action, "database", b->to, EVENT_DONE, &detail };

	detail_text(&detail, "from", store_name(c->store));
	return audit_append(c, &entry);
}

static enum inro_err refused(struct core *c, const struct begun *b, enum inro_err e)
{
	return e == INRO_OK ? e : audit_refused(c, b->action, "database", b->to, e);
}

static enum inro_err copy_to(struct core *c, struct store *to, const char *action,
			     const struct upkeep *how, struct upkeep_report *ret)
{
	struct begun b = { action, store_name(to) };
	enum inro_err e = transfer_is_empty(to);

	if (e == INRO_OK)
		e = core_write(c, note_work, &b);
	if (e == INRO_OK)
		e = transfer_copy(c->store, to, how, ret);
	return refused(c, &b, e);
}

enum inro_err upkeep_copy(struct core *c, const char *url, const struct upkeep *how,
			  struct upkeep_report *ret)
{
	AUTO(close_store) struct store *to = NULL;
	enum inro_err e = core_require(c, ROLE_ADMIN, "copy the database");

	if (e == INRO_OK)
		e = store_open(url, &to);
	if (e == INRO_OK)
		e = copy_to(c, to, "db.copy", how, ret);
	return e;
}

static enum inro_err sqlite_url(const char *path, char **ret)
{
	SCOPED(buf) url = { 0 };

	buf_add_str(&url, "sqlite:");
	buf_add_str(&url, path);
	*ret = buf_take_str(&url);
	return *ret ? INRO_OK : err_set(INRO_E_NO_MEMORY, "no memory for a path");
}

static enum inro_err backup_rows(struct core *c, const char *path, const struct upkeep *how,
				 struct upkeep_report *ret)
{
	AUTO(free_chars) char *url = NULL;
	AUTO(close_store) struct store *to = NULL;
	enum inro_err e = sqlite_url(path, &url);

	if (e == INRO_OK)
		e = store_open(url, &to);
	if (e == INRO_OK)
		e = transfer_copy(c->store, to, how, ret);
	if (e != INRO_OK && to) {
		store_close(to);
		to = NULL;
		unlink(path);
	}
	return e;
}

/* The copy of a file is not read row by row again: it is the same pages. */
static enum inro_err backup(struct core *c, const char *path, const struct upkeep *how,
			    struct upkeep_report *ret)
{
	enum inro_err e = store_backup(c->store, path);

	return e == INRO_E_UNSUPPORTED ? backup_rows(c, path, how, ret) : e;
}

enum inro_err upkeep_backup(struct core *c, const char *path, const struct upkeep *how,
			    struct upkeep_report *ret)
{
	struct begun b = { "db.backup", path };
	enum inro_err e = core_require(c, ROLE_ADMIN, "back the database up");

	if (e == INRO_OK && access(path, F_OK) == 0)
		e = err_set(INRO_E_EXISTS, "'%s' is there already", path);
	if (e == INRO_OK)
		e = core_write(c, note_work, &b);
	if (e == INRO_OK)
		e = backup(c, path, how, ret);
	return refused(c, &b, e);
}
