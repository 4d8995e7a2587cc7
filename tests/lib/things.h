/*
 * things - a small store of base/db in the scratch folder: tests of base/db fill it, damage it and
 * open it from many sides.
 */
#ifndef INRO_TESTS_LIB_THINGS_H
#define INRO_TESTS_LIB_THINGS_H

#include "base/db/db.h"

/* thing(id, name, data, size) and part(thing); the second version has a column more and a thing. */
extern const struct db_schema things_v1, things_v2;

/* A new store of the first version; fails the test when it can't be made. */
struct db *things_open(const char *name);
/* The number that a query gives. */
int64_t things_ask(struct db *d, const char *sql);
enum inro_err things_add(struct db *d, const char *name);
int64_t things_count(struct db *d);

#endif
