/*
 * anykey - a loaded key of either sort: one of a pair, or a secret one.
 *
 * Counted, and never changed after it is made; any thread may use it.
 */
#ifndef INRO_PKCS11_SOFT_ANYKEY_H
#define INRO_PKCS11_SOFT_ANYKEY_H

#include <stdatomic.h>

#include "pkcs11/token/pkey.h"
#include "pkcs11/token/skey.h"

/* One of the two is there. */
struct anykey {
	atomic_uint refs;
	struct pkey *pair;
	struct skey *secret;
};

MUST_CHECK enum inro_err anykey_generate(const struct key_spec *spec, struct anykey **ret);
/* From the plain form, checked against the spec. */
MUST_CHECK enum inro_err anykey_import(const struct key_spec *spec, struct bytes plain,
				       struct anykey **ret);
/* A pair from PKCS#8 that was checked before it was sealed. */
MUST_CHECK enum inro_err anykey_pair(struct bytes pkcs8, struct anykey **ret);

struct anykey *anykey_ref(struct anykey *k);
void anykey_unref(struct anykey *k);
void anykey_unref_ptr(struct anykey **k); /* for AUTO() */

MUST_CHECK enum inro_err anykey_plain(const struct anykey *k, struct secret *ret);
/* Nothing for a secret key. */
MUST_CHECK enum inro_err anykey_spki(const struct anykey *k, struct buf *ret);
/* One operation on a whole input, as `use` of backend.h. */
MUST_CHECK enum inro_err anykey_use(const struct anykey *k, const struct use *what, struct bytes in,
				    struct room out, size_t *ret_n);

#endif
