/* readers - see readers.h. */
#include "backoffice/core/readers.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "backoffice/store/store.h"

struct readers {
	pthread_mutex_t lock;
	char *db;			/* NULL: the usual one */
	struct store *free[READERS_MAX]; /* the last is taken first */
	size_t n_free, n_open;
};

enum inro_err readers_open(const char *db, struct readers **ret)
{
	struct readers *r = calloc(1, sizeof *r);

	if (!r || (db && !(r->db = strdup(db))) || pthread_mutex_init(&r->lock, NULL) != 0) {
		if (r)
			free(r->db);
		free(r);
		return err_set(INRO_E_NO_MEMORY, "no memory for readers of a database");
	}
	*ret = r;
	return INRO_OK;
}

void readers_close(struct readers *r)
{
	if (!r)
		return;
	for (size_t i = 0; i < r->n_free; i++)
		store_close(r->free[i]);
	pthread_mutex_destroy(&r->lock);
	free(r->db);
	free(r);
}

/* *ret_open: there is none, and room for one. */
static struct store *take(struct readers *r, bool *ret_open)
{
	struct store *s = NULL;

	pthread_mutex_lock(&r->lock);
	if (r->n_free)
		s = r->free[--r->n_free];
	*ret_open = !s && r->n_open < READERS_MAX;
	r->n_open += *ret_open;
	pthread_mutex_unlock(&r->lock);
	return s;
}

void readers_drop(struct readers *r, struct store *s)
{
	store_close(s);
	pthread_mutex_lock(&r->lock);
	r->n_open--;
	pthread_mutex_unlock(&r->lock);
}

/* That it can't be opened is nobody's error: he has one of his own. */
static struct store *open_one(struct readers *r)
{
	SCOPED(err_kept) kept = err_keep();
	struct store *s = NULL;

	if (store_open_as(r->db, STORE_EXISTING, &s) == INRO_OK)
		return s;
	readers_drop(r, NULL);
	return NULL;
}

struct store *readers_take(struct readers *r, const struct store *own)
{
	struct store *s;
	bool open;

	if (!r || !store_keeps_pages(own))
		return NULL;
	s = take(r, &open);
	return open ? open_one(r) : s;
}

void readers_give(struct readers *r, struct store *s)
{
	pthread_mutex_lock(&r->lock);
	r->free[r->n_free++] = s;
	pthread_mutex_unlock(&r->lock);
}
