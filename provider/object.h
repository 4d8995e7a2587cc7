/*
 * object - a private key in a token: what is remembered of it, and its use.
 *
 * 1. An object holds no secret part of the key: label and id, the URI it was asked for by, and the
 *    handle, which is looked up anew when the session pool is another one (after a fork) or the
 *    token says that it is none of its.
 * 2. It is shared by the duplicates of a key and counted.
 */
#ifndef INRO_PROVIDER_OBJECT_H
#define INRO_PROVIDER_OBJECT_H

#include "provider/token.h"

struct object;

/* Reads the private key `handle` in this session.  The URI is the one it was found by. */
MUST_CHECK enum inro_err object_new(struct token *t, struct seat *s, CK_OBJECT_HANDLE handle,
				    const struct p11_uri *uri, struct object **ret);
struct object *object_share(struct object *o);
void object_free(struct object *o); /* gives up one share; NULL is fine */

/* The URI that names just this key, as it is written into a reference. */
const char *object_reference(const struct object *o);

/* Signs input by this mechanism.  *n is the room in out, then what was written.  Any thread. */
MUST_CHECK enum inro_err object_sign(struct object *o, CK_MECHANISM *mech, struct bytes input,
				     uint8_t *out, size_t *n);

#endif
