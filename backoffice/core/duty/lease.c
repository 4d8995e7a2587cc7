/* lease - see lease.h. */
#include "backoffice/core/lease.h"

#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "backoffice/core/internal.h"
#include "base/clock.h"

#define HOST_CHARS     64
#define LEASE_NAME_MAX 128

static void host_name(char out[static HOST_CHARS + 1])
{
	memset(out, 0, HOST_CHARS + 1);
	gethostname(out, HOST_CHARS);
	for (char *s = out; *s; s++)
		if (*s == '/')
			*s = '_';
}

enum inro_err lease_holder(char ret[static LEASE_HOLDER_MAX + 1])
{
	static atomic_uint calls; /* threads may ask in the same millisecond */
	char host[HOST_CHARS + 1];

	host_name(host);
	snprintf(ret, LEASE_HOLDER_MAX + 1, "%s/%ld/%lld.%u", host, (long)getpid(),
		 (long long)clock_monotonic_ms(), atomic_fetch_add(&calls, 1));
	return core_check_text("this machine's name", ret, LEASE_HOLDER_MAX);
}

bool lease_holder_lives(const char *holder)
{
	char host[HOST_CHARS + 1];
	size_t n;

	host_name(host);
	n = strlen(host);
	if (strncmp(holder, host, n) != 0 || holder[n] != '/')
		return true;
	return kill((pid_t)strtol(holder + n + 1, NULL, 10), 0) == 0 || errno == EPERM;
}

static enum inro_err find(struct core *c, const char *name, struct lease *ret)
{
	const struct store_cond cond = { .field = "name", .text = name };
	const struct store_query q = { .conds = &cond, .n = 1 };
	enum inro_err e = store_find(c->store, &q, ret);

	return e == INRO_E_NOT_FOUND ? INRO_OK : e;
}

/* Whose it is at this moment; "": nobody's. */
static enum inro_err load(struct core *c, const char *name, struct lease *ret, int64_t *ret_now)
{
	enum inro_err e = find(c, name, ret);

	return e == INRO_OK ? store_now(c->store, ret_now) : e;
}

static bool is_free(const struct lease *l, const char *holder, int64_t now)
{
	return !clock_holds(now, l->until_ms, LEASE_LONGEST_MS) ||
	       (*holder && strcmp(text_or_empty(l->holder), holder) == 0);
}

struct taking {
	const char *name, *holder; /* holder NULL: it is left */
	const char *was;
	int64_t ms;
	bool mine;
};

static enum inro_err write_lease(struct core *c, struct lease *l, const struct taking *t, int64_t now)
{
	enum inro_err e = text_set(&l->holder, t->holder);

	l->until_ms = now + t->ms;
	if (e == INRO_OK && !l->id)
		e = text_set(&l->name, t->name);
	if (e != INRO_OK)
		return e;
	return l->id ? store_update(c->store, l) : store_insert(c->store, l);
}

static enum inro_err take_work(struct core *c, void *arg)
{
	struct taking *t = arg;
	SCOPED(lease) l = { 0 };
	int64_t now = 0;
	enum inro_err e = load(c, t->name, &l, &now);

	t->mine = e == INRO_OK && is_free(&l, t->was, now);
	return t->mine ? write_lease(c, &l, t, now) : e;
}

/* What is longer would be nobody's at once: see is_free(). */
static enum inro_err check_time(int64_t ms)
{
	return ms <= LEASE_LONGEST_MS ? INRO_OK
				      : err_set(INRO_E_ARG, "a lease is for at most %d ms", LEASE_LONGEST_MS);
}

enum inro_err lease_take(struct core *c, const char *name, const char *holder, int64_t ms,
			 bool *ret_mine)
{
	struct taking t = { name, holder, holder, ms, false };
	SCOPED(lease) l = { 0 };
	int64_t now = 0;
	enum inro_err e = core_check_text("a lease's name", name, LEASE_NAME_MAX);

	if (e == INRO_OK)
		e = check_time(ms);
	/* Who sees that it is another's disturbs nobody. */
	if (e == INRO_OK)
		e = load(c, name, &l, &now);
	if (e == INRO_OK && is_free(&l, holder, now))
		e = core_write(c, take_work, &t);
	if (e == INRO_OK)
		*ret_mine = t.mine;
	return e;
}

static enum inro_err leave_work(struct core *c, void *arg)
{
	const struct taking *t = arg;
	SCOPED(lease) l = { 0 };
	int64_t now = 0;
	enum inro_err e = load(c, t->name, &l, &now);

	if (e != INRO_OK || strcmp(text_or_empty(l.holder), t->was) != 0)
		return e;
	return write_lease(c, &l, t, now);
}

enum inro_err lease_leave(struct core *c, const char *name, const char *holder, int64_t ms)
{
	struct taking t = { name, NULL, holder, ms, false };
	enum inro_err e = check_time(ms);

	return e == INRO_OK ? core_write(c, leave_work, &t) : e;
}

static enum inro_err bury_work(struct core *c, void *arg)
{
	const struct taking *t = arg;
	SCOPED(lease) l = { 0 };
	int64_t now = 0;
	enum inro_err e = load(c, t->name, &l, &now);

	if (e != INRO_OK || !*text_or_empty(l.holder) || lease_holder_lives(l.holder))
		return e;
	return write_lease(c, &l, t, now);
}

enum inro_err lease_bury(struct core *c, const char *name)
{
	struct taking t = { .name = name };
	SCOPED(lease) l = { 0 };
	int64_t now = 0;
	enum inro_err e = load(c, name, &l, &now);

	if (e != INRO_OK || !*text_or_empty(l.holder) || lease_holder_lives(l.holder))
		return e;
	return core_write(c, bury_work, &t);
}

enum inro_err lease_left(struct core *c, const char *name, int64_t *ret_ms)
{
	SCOPED(lease) l = { 0 };
	int64_t now = 0;
	enum inro_err e = load(c, name, &l, &now);

	if (e == INRO_OK)
		*ret_ms = clock_holds(now, l.until_ms, LEASE_LONGEST_MS) ? l.until_ms - now : 0;
	return e;
}
