#include "pkcs11/soft/table.h"

#include <stdlib.h>

/* A number is a count above and the slot's index below. */
#define INDEX_BITS 24
#define INDEX_MASK (((uint64_t)1 << INDEX_BITS) - 1)
#define FIRST_CAP  16

struct table_slot {
	uint64_t id; /* 0: free */
	void *item;
	size_t next_free; /* as table.first_free */
};

enum inro_err table_init(struct table *t, const struct table_kind *kind)
{
	*t = (struct table) { .kind = kind };
	return pthread_mutex_init(&t->lock, NULL) ? INRO_E_NO_MEMORY : INRO_OK;
}

void table_free(struct table *t)
{
	for (size_t i = 0; i < t->n; i++)
		if (t->slots[i].id)
			t->kind->unref(t->slots[i].item);
	free(t->slots);
	(void)pthread_mutex_destroy(&t->lock);
}

static struct table_slot *find(struct table *t, uint64_t id)
{
	size_t i = (size_t)(id & INDEX_MASK);

	return id && i < t->n && t->slots[i].id == id ? &t->slots[i] : NULL;
}

static bool grow(struct table *t)
{
	size_t cap = t->cap ? 2 * t->cap : FIRST_CAP;
	struct table_slot *slots;

	if (t->n < t->cap)
		return true;
	slots = cap <= INDEX_MASK ? realloc(t->slots, cap * sizeof *slots) : NULL;
	if (!slots)
		return false;
	t->slots = slots;
	t->cap = cap;
	return true;
}

static struct table_slot *free_slot(struct table *t)
{
	struct table_slot *s;

	if (t->first_free) {
		s = &t->slots[t->first_free - 1];
		t->first_free = s->next_free;
		return s;
	}
	return grow(t) ? &t->slots[t->n++] : NULL;
}

enum inro_err table_add(struct table *t, void *item, uint64_t *ret)
{
	struct table_slot *s;

	pthread_mutex_lock(&t->lock);
	s = free_slot(t);
	if (s) {
		*s = (struct table_slot) {
			.id = ++t->given << INDEX_BITS | (uint64_t)(s - t->slots),
			.item = item,
		};
		*ret = s->id;
	}
	pthread_mutex_unlock(&t->lock);
	return s ? INRO_OK : err_set(INRO_E_NO_MEMORY, "no room for another key or operation");
}

void *table_get(struct table *t, uint64_t id)
{
	struct table_slot *s;
	void *item;

	pthread_mutex_lock(&t->lock);
	s = find(t, id);
	item = s ? s->item : NULL;
	if (item)
		t->kind->ref(item);
	pthread_mutex_unlock(&t->lock);
	return item;
}

static void *release(struct table *t, struct table_slot *s)
{
	void *item = s->item;

	*s = (struct table_slot) { .next_free = t->first_free };
	t->first_free = (size_t)(s - t->slots) + 1;
	return item;
}

void table_drop(struct table *t, uint64_t id)
{
	struct table_slot *s;
	void *item;

	pthread_mutex_lock(&t->lock);
	s = find(t, id);
	item = s ? release(t, s) : NULL;
	pthread_mutex_unlock(&t->lock);
	if (item)
		t->kind->unref(item);
}

void table_drop_all(struct table *t)
{
	pthread_mutex_lock(&t->lock);
	for (size_t i = 0; i < t->n; i++)
		if (t->slots[i].id)
			t->kind->unref(release(t, &t->slots[i]));
	pthread_mutex_unlock(&t->lock);
}
