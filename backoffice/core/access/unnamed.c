/* unnamed - see unnamed.h. */
#include "backoffice/core/unnamed.h"

#include <pthread.h>
#include <string.h>

#include "backoffice/core/internal.h"
#include "base/clock.h"

struct counts {
	struct {
		char from[sizeof ((struct core *)0)->network];
		int64_t n;
	} places[UNNAMED_PLACES];
	size_t used;
	int64_t all, others, since_ms;
};

static struct counts counted;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

static void count(struct counts *to, const char *from, int64_t n)
{
	size_t i = 0;

	while (i < to->used && strcmp(to->places[i].from, from) != 0)
		i++;
	if (i == UNNAMED_PLACES) {
		to->others += n;
		return;
	}
	if (i == to->used) {
		memcpy(to->places[i].from, from, strlen(from) + 1);
		to->used++;
	}
	to->places[i].n += n;
}

enum inro_err unnamed_refused(struct core *c, enum inro_err e)
{
	pthread_mutex_lock(&lock);
	if (!counted.all++)
		counted.since_ms = clock_now_ms();
	count(&counted, c->network[0] ? c->network : "?", 1);
	pthread_mutex_unlock(&lock);
	return e;
}

static void take(struct counts *ret)
{
	pthread_mutex_lock(&lock);
	*ret = counted;
	counted = (struct counts) { 0 };
	pthread_mutex_unlock(&lock);
}

/* What came meanwhile is behind it. */
static void put_back(const struct counts *old)
{
	pthread_mutex_lock(&lock);
	counted.since_ms = old->since_ms;
	counted.all += old->all;
	counted.others += old->others;
	for (size_t i = 0; i < old->used; i++)
		count(&counted, old->places[i].from, old->places[i].n);
	pthread_mutex_unlock(&lock);
}

/* "192.0.2.7 12, 2001:db8::/64 3" */
static enum inro_err add_places(const struct counts *n, struct buf *detail)
{
	SCOPED(buf) text = { 0 };
	enum inro_err e;

	for (size_t i = 0; i < n->used; i++)
		buf_addf(&text, "%s%s %lld", i ? ", " : "", n->places[i].from, (long long)n->places[i].n);
	buf_add_u8(&text, 0);
	e = buf_err(&text);
	if (e == INRO_OK)
		detail_text(detail, "from", (const char *)text.p);
	return e;
}

static enum inro_err tell_work(struct core *c, void *arg)
{
	const struct counts *n = arg;
	SCOPED(buf) detail = { 0 };
	const struct audit_entry entry = { "request.login", "request", "*", EVENT_REFUSED, &detail };
	enum inro_err e;

	detail_text(&detail, "reason", "requests that do not say whom they are from, that a page of another site sent, that "
				       "came after too many wrong tries from there, or that are too old");
	detail_int(&detail, "count", n->all);
	detail_int(&detail, "since_ms", n->since_ms);
	e = add_places(n, &detail);
	if (n->others)
		detail_int(&detail, "others", n->others);
	return e == INRO_OK ? audit_append(c, &entry) : e;
}

enum inro_err unnamed_tell(struct core *c)
{
	struct counts now;
	enum inro_err e;

	take(&now);
	if (!now.all)
		return INRO_OK;
	e = core_write(c, tell_work, &now);
	if (e != INRO_OK)
		put_back(&now);
	return e;
}
