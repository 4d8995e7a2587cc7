/* watch - comparing, remembering, waiting. */
#include "pkcs11/token/watch.h"

#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/file.h"

#define PAUSE_MS   200
#define SETTLED_NS 50000000 /* files' times go in steps */

void watch_clear(struct watch *w)
{
	home_slots_clear(&w->now);
	free(w->pending);
	pthread_mutex_destroy(&w->lock);
	*w = (struct watch) { 0 };
}

static bool same_time(struct timespec a, struct timespec b)
{
	return a.tv_sec == b.tv_sec && a.tv_nsec == b.tv_nsec;
}

/* The folder's time; zero when it is too young to be sure that nothing has come after it. */
static struct timespec time_of(const char *home)
{
	AUTO(free_chars) char *dir = file_join(home, "tokens");
	struct timespec now, none = { 0 };
	struct stat st;

	if (!dir || stat(dir, &st) != 0)
		return none;
	clock_gettime(CLOCK_REALTIME, &now);
	int64_t age = (int64_t)(now.tv_sec - st.st_mtim.tv_sec) * 1000000000 + now.tv_nsec -
		      st.st_mtim.tv_nsec;

	return age > SETTLED_NS ? st.st_mtim : none;
}

static int ascending(const void *a, const void *b)
{
	CK_SLOT_ID x = *(const CK_SLOT_ID *)a, y = *(const CK_SLOT_ID *)b;

	return (x > y) - (x < y);
}

static enum inro_err add_event(struct watch *w, CK_SLOT_ID slot)
{
	if (w->n_pending && bsearch(&slot, w->pending, w->n_pending, sizeof slot, ascending))
		return INRO_OK;
	CK_SLOT_ID *more = realloc(w->pending, (w->n_pending + 1) * sizeof *more);

	if (!more)
		return err_set(INRO_E_NO_MEMORY, "no memory for an event");
	w->pending = more;
	more[w->n_pending++] = slot;
	qsort(more, w->n_pending, sizeof *more, ascending);
	return INRO_OK;
}

/* Both are ascending. */
static enum inro_err compare(struct watch *w, const struct home_slots *new)
{
	const struct home_slots *old = &w->now;
	size_t i = 0, k = 0;
	enum inro_err e = INRO_OK;

	while (!e && (i < old->n || k < new->n)) {
		if (k == new->n || (i < old->n && old->ids[i] < new->ids[k]))
			e = add_event(w, old->ids[i++]);
		else if (i == old->n || old->ids[i] > new->ids[k])
			e = add_event(w, new->ids[k++]);
		else if (home_life(old, i++) != home_life(new, k++))
			e = add_event(w, new->ids[k - 1]);
	}
	return e;
}

static enum inro_err look(struct watch *w, bool first)
{
	SCOPED(home_slots) new = { 0 };
	struct timespec when = time_of(w->home);
	enum inro_err e;

	if (!first && w->when.tv_sec != 0 && same_time(when, w->when))
		return INRO_OK;
	e = home_list(w->home, &new);
	if (!e && !first)
		e = compare(w, &new);
	if (e)
		return e;
	struct home_slots old = w->now;

	w->now = new;
	new = old;
	w->when = when;
	return INRO_OK;
}

void watch_init(struct watch *w, const char *home)
{
	*w = (struct watch) { .home = home };
	pthread_mutex_init(&w->lock, NULL);
	if (look(w, true)) /* told when it is asked for */
		err_reset();
}

enum inro_err watch_list(struct watch *w, struct home_slots *ret)
{
	SCOPED(home_slots) copy = { 0 };
	enum inro_err e;

	pthread_mutex_lock(&w->lock);
	e = look(w, w->now.empty == 0);
	if (!e)
		e = home_slots_copy(&w->now, &copy);
	pthread_mutex_unlock(&w->lock);
	if (e)
		return e;
	*ret = copy;
	copy = (struct home_slots) { 0 };
	return INRO_OK;
}

enum inro_err watch_take(struct watch *w, CK_SLOT_ID *ret)
{
	enum inro_err e;

	pthread_mutex_lock(&w->lock);
	e = look(w, w->now.empty == 0);
	if (!e && w->n_pending == 0)
		e = err_set(INRO_E_NO_EVENT, "no slot has changed");
	if (!e) {
		*ret = w->pending[0];
		w->n_pending--;
		memmove(w->pending, w->pending + 1, w->n_pending * sizeof *w->pending);
	}
	pthread_mutex_unlock(&w->lock);
	return e;
}

int watch_open(struct watch *w)
{
	AUTO(free_chars) char *dir = file_join(w->home, "tokens");
	int fd = dir ? inotify_init1(IN_CLOEXEC | IN_NONBLOCK) : -1;

	if (fd >= 0 && inotify_add_watch(fd, dir,
					 IN_CREATE | IN_MOVED_TO | IN_DELETE | IN_MOVED_FROM |
						 IN_ONLYDIR) < 0) {
		close(fd);
		fd = -1;
	}
	return fd;
}

void watch_pause(int notifications)
{
	struct pollfd p = { .fd = notifications, .events = POLLIN };
	char some[4096];

	if (poll(&p, 1, PAUSE_MS) > 0)
		while (read(notifications, some, sizeof some) > 0)
			continue;
}
