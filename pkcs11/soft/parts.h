/*
 * parts - operations in parts: one counted thing for every sort of key, here and in hardware.
 *
 * 1. What can be used as it comes is a stream of the key's own.  Everything else (a pair's input:
 *    what is long is hashed by the core, so that only short inputs come here) is collected and used
 *    at the end.
 * 2. Steps of one operation that come from several threads at once go one after the other.
 * 3. After an error, and after the end, everything is INRO_E_STATE.
 */
#ifndef INRO_PKCS11_SOFT_PARTS_H
#define INRO_PKCS11_SOFT_PARTS_H

#include "pkcs11/soft/anykey.h"
#include "pkcs11/soft/table.h"

struct parts;

/* What one sort of key does. */
struct parts_kind {
	void (*unref_key)(void *key);
	/* The whole input at once: of those that collect. */
	enum inro_err (*use)(void *key, const struct use *what, struct bytes in, struct room out,
			     size_t *ret_n);
	/* A stream keeps rule 3 itself. */
	enum inro_err (*step)(void *stream, struct bytes in, struct room out, size_t *ret_n);
	enum inro_err (*last)(void *stream, struct room out, size_t *ret_n);
	void (*free_stream)(void *stream);
	size_t max; /* bytes that are collected */
};

/* Takes key and stream over in any case and copies what `what` borrows.  stream is NULL for what is
 * collected, key for a stream that keeps its own. */
MUST_CHECK enum inro_err parts_new(const struct parts_kind *kind, void *key, void *stream,
				   const struct use *what, struct parts **ret);
/* For a key of the software backend; keeps a reference to it. */
MUST_CHECK enum inro_err parts_begin(struct anykey *k, const struct use *what, struct parts **ret);
MUST_CHECK enum inro_err parts_step(struct parts *p, struct bytes in, struct room out,
				    size_t *ret_n);
MUST_CHECK enum inro_err parts_last(struct parts *p, struct room out, size_t *ret_n);

void parts_ref(struct parts *p);
void parts_unref(struct parts *p);
void parts_unref_ptr(struct parts **p); /* for AUTO() */

extern const struct table_kind parts_table;

/* What every instance of a backend has: a gate, its keys and its operations.  All three or none. */
bool parts_instance(pthread_rwlock_t *gate, struct table *keys, const struct table_kind *of,
		    struct table *ops);

#endif
