/*
 * warm - the token's objects that are kept as they were read, with the keys that were loaded for
 * them: those used last, so that a process that walks ten thousand keys does not keep ten thousand.
 *
 * 1. At most WARM_MAX; more than any one call looks at, so that what a call has read stays.
 * 2. Who is let go of keeps its handle and is read again at its next use; an operation that has
 *    begun with its key ends with it.
 * 3. Session objects are never among them: nothing else has what they are.
 * The token's lock is held.
 */
#ifndef INRO_PKCS11_TOKEN_WARM_H
#define INRO_PKCS11_TOKEN_WARM_H

#include <stddef.h>

#define WARM_MAX 96

struct object;

struct warm {
	struct object *first, *last; /* first: used last */
	size_t n;
};

/* It is used: the one that was used longest ago may have to go for it. */
void warm_touch(struct object *o);
/* It is gone, or was let go of; nothing if it is not there. */
void warm_leave(struct object *o);

#endif
