/*
 * parts - operations in parts: one counted thing for both sorts of keys.
 *
 * 1. A secret key's operation goes through as it comes (skey_op).  A pair's input is collected and
 *    used at the end: what is long is hashed by the core, so that only short inputs come here.
 * 2. Steps of one operation that come from several threads at once go one after the other.
 * 3. After an error, and after the end, everything is INRO_E_STATE.
 */
#ifndef INRO_PKCS11_SOFT_PARTS_H
#define INRO_PKCS11_SOFT_PARTS_H

#include "pkcs11/soft/anykey.h"

struct parts;

/* Keeps a reference to the key and copies what `what` borrows. */
MUST_CHECK enum inro_err parts_begin(struct anykey *k, const struct use *what, struct parts **ret);
MUST_CHECK enum inro_err parts_step(struct parts *p, struct bytes in, struct room out,
				    size_t *ret_n);
MUST_CHECK enum inro_err parts_last(struct parts *p, struct room out, size_t *ret_n);

void parts_ref(struct parts *p);
void parts_unref(struct parts *p);
void parts_unref_ptr(struct parts **p); /* for AUTO() */

#endif
