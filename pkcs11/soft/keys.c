#include "pkcs11/soft/keys.h"

#include <stdlib.h>

/* A number is a count above and the slot's index below. */
#define INDEX_BITS 24
#define INDEX_MASK (((uint64_t)1 << INDEX_BITS) - 1)
#define FIRST_CAP  16

struct key_slot {
	backend_key id; /* 0: free */
	struct pkey *key;
	size_t next_free; /* as keys.first_free */
};

enum inro_err keys_init(struct keys *t)
{
	*t = (struct keys) { 0 };
	return pthread_mutex_init(&t->lock, NULL) ? INRO_E_NO_MEMORY : INRO_OK;
}

void keys_free(struct keys *t)
{
	for (size_t i = 0; i < t->n; i++)
		pkey_unref(t->slots[i].key);
	free(t->slots);
	(void)pthread_mutex_destroy(&t->lock);
}

static struct key_slot *find(struct keys *t, backend_key id)
{
	size_t i = (size_t)(id & INDEX_MASK);

	return id && i < t->n && t->slots[i].id == id ? &t->slots[i] : NULL;
}

static bool grow(struct keys *t)
{
	size_t cap = t->cap ? 2 * t->cap : FIRST_CAP;
	struct key_slot *slots;

	if (t->n < t->cap)
		return true;
	slots = cap <= INDEX_MASK ? realloc(t->slots, cap * sizeof *slots) : NULL;
	if (!slots)
		return false;
	t->slots = slots;
	t->cap = cap;
	return true;
}

static struct key_slot *free_slot(struct keys *t)
{
	struct key_slot *s;

	if (t->first_free) {
		s = &t->slots[t->first_free - 1];
		t->first_free = s->next_free;
		return s;
	}
	return grow(t) ? &t->slots[t->n++] : NULL;
}

enum inro_err keys_add(struct keys *t, struct pkey *key, backend_key *ret)
{
	struct key_slot *s;

	pthread_mutex_lock(&t->lock);
	s = free_slot(t);
	if (s) {
		*s = (struct key_slot) {
			.id = ++t->given << INDEX_BITS | (uint64_t)(s - t->slots),
			.key = key,
		};
		*ret = s->id;
	}
	pthread_mutex_unlock(&t->lock);
	return s ? INRO_OK : err_set(INRO_E_NO_MEMORY, "no room for another loaded key");
}

enum inro_err keys_get(struct keys *t, backend_key id, struct pkey **ret)
{
	struct key_slot *s;
	struct pkey *key;

	pthread_mutex_lock(&t->lock);
	s = find(t, id);
	key = s ? pkey_ref(s->key) : NULL;
	pthread_mutex_unlock(&t->lock);
	if (!key)
		return err_set(INRO_E_KEY_HANDLE, "the key is not loaded");
	*ret = key;
	return INRO_OK;
}

static struct pkey *release(struct keys *t, struct key_slot *s)
{
	struct pkey *key = s->key;

	*s = (struct key_slot) { .next_free = t->first_free };
	t->first_free = (size_t)(s - t->slots) + 1;
	return key;
}

void keys_drop(struct keys *t, backend_key id)
{
	struct key_slot *s;
	struct pkey *key;

	pthread_mutex_lock(&t->lock);
	s = find(t, id);
	key = s ? release(t, s) : NULL;
	pthread_mutex_unlock(&t->lock);
	pkey_unref(key);
}

void keys_drop_all(struct keys *t)
{
	pthread_mutex_lock(&t->lock);
	for (size_t i = 0; i < t->n; i++)
		if (t->slots[i].id)
			pkey_unref(release(t, &t->slots[i]));
	pthread_mutex_unlock(&t->lock);
}
