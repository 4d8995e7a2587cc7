/*
 * keyed - an office with a sealing key and two devices that have certificates, for tests of symmetric keys.
 */
#ifndef INRO_TESTS_LIB_KEYED_H
#define INRO_TESTS_LIB_KEYED_H

#include "backoffice/core/symkey.h"
#include "tests/lib/office.h"

#define KEYED_NOW INT64_C(1790000000)

/* Of "dev-0" (P-256) and "dev-1" (RSA), certified by "issuing". */
struct keyed {
	struct core *c;
	EVP_PKEY *keys[2];
};

/* At KEYED_NOW; the database, and the labels of its CAs' keys, begin with `name`. */
void keyed_open(const char *name, struct keyed *ret);
void keyed_close(struct keyed *k);

/* A device and its certificate for this key. */
void keyed_certify(struct core *c, const char *device, EVP_PKEY *key);
/* One more certificate of a device: its record. */
int64_t keyed_certify_more(struct core *c, const char *device, EVP_PKEY *key);
/* A key of a device: its id as a reference, and its value. */
void keyed_make(struct core *c, const char *device, const char *type, char ref[static 24], struct buf *ret);

#endif
