/* stores - the kinds of database, for tests that each of them runs. */
#ifndef INRO_TESTS_LIB_STORES_H
#define INRO_TESTS_LIB_STORES_H

#include <stddef.h>
#include <stdint.h>

#include "backoffice/store/store.h"

struct store_kind {
	const char *name;
	/* A database of this test's own; the same number gives the same one. */
	const char *(*url)(unsigned number);
	bool (*there)(void);
};

struct fixture {
	const struct store_kind *kind;
	unsigned number;
	struct store *s;
};

/* *state is a struct fixture, of a database that is empty. */
int stores_setup(void **state);
int stores_teardown(void **state);

struct CMUnitTest;
/* Every kind of database that is installed here runs all of them; how many failed. */
int stores_run(const struct CMUnitTest *tests, size_t n);

/* A further connection. */
struct store *open_at(const struct fixture *f);

struct device a_device(const char *id);
int64_t add_device(struct store *s, const char *id);
int64_t add_ca(struct store *s, const char *name);
enum inro_err add_credential(struct store *s, int64_t ca, const char *serial, const char *print,
			     int64_t *ret_id);
int64_t count_devices(struct store *s);

#endif
