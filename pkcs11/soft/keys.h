/*
 * keys - the loaded keys of one instance.
 *
 * 1. A number is given once in the life of the table, also across keys_drop_all().
 * 2. keys_get() gives a counted key: it stays whole for its user when another thread unloads it.
 * 3. Looking up costs one array access under a lock held for a few instructions.
 */
#ifndef INRO_PKCS11_SOFT_KEYS_H
#define INRO_PKCS11_SOFT_KEYS_H

#include <pthread.h>

#include "pkcs11/token/pkey.h"

struct keys {
	pthread_mutex_t lock;
	struct key_slot *slots;
	size_t n, cap;
	size_t first_free; /* 1 + index, 0: none */
	uint64_t given;
};

MUST_CHECK enum inro_err keys_init(struct keys *t);
/* Without the lock, which a forked child may find held: nobody else uses the table any more. */
void keys_free(struct keys *t);

/* Takes the key over when it succeeds. */
MUST_CHECK enum inro_err keys_add(struct keys *t, struct pkey *key, backend_key *ret);
/* INRO_E_KEY_HANDLE if there is none of that number.  The caller frees. */
MUST_CHECK enum inro_err keys_get(struct keys *t, backend_key id, struct pkey **ret);
void keys_drop(struct keys *t, backend_key id);
void keys_drop_all(struct keys *t);

#endif
