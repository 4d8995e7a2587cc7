/* stores - the kinds of database (stores.h). */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "tests/lib/postgres.h"
#include "tests/lib/scratch.h"
#include "tests/lib/stores.h"

#define OK(x) assert_int_equal(x, INRO_OK)

static const char *sqlite_url(unsigned number)
{
	static char url[4096];
	char name[32];

	snprintf(name, sizeof name, "store-%u.db", number);
	snprintf(url, sizeof url, "sqlite:%s", scratch_path(name));
	return url;
}

static const char *postgres_kind_url(unsigned number)
{
	char name[32];

	snprintf(name, sizeof name, "store_%u", number);
	return postgres_url(name);
}

static bool always(void)
{
	return true;
}

static const struct store_kind kinds[] = {
	{ "sqlite", sqlite_url, always },
	{ "postgres", postgres_kind_url, postgres_installed },
};

static unsigned databases;

struct store *open_at(const struct fixture *f)
{
	struct store *s = NULL;

	OK(store_open(f->kind->url(f->number), &s));
	assert_non_null(s);
	return s;
}

int stores_setup(void **state)
{
	struct fixture *f = calloc(1, sizeof *f);

	f->kind = *state;
	f->number = databases++;
	f->s = open_at(f);
	*state = f;
	return 0;
}

int stores_teardown(void **state)
{
	struct fixture *f = *state;

	store_close(f->s);
	free(f);
	return 0;
}

struct device a_device(const char *id)
{
	struct device d = { .tenant = 1, .state = DEVICE_ACTIVE, .created_ms = 7 };

	OK(text_set(&d.device_id, id));
	return d;
}

int64_t add_device(struct store *s, const char *id)
{
	SCOPED(device) d = a_device(id);

	OK(store_insert(s, &d));
	assert_true(d.id > 0);
	return d.id;
}

int64_t add_ca(struct store *s, const char *name)
{
	SCOPED(ca) ca = { .tenant = 1 };

	OK(text_set(&ca.name, name));
	OK(store_insert(s, &ca));
	return ca.id;
}

enum inro_err add_credential(struct store *s, int64_t ca, const char *serial,
				  const char *print, int64_t *ret_id)
{
	SCOPED(credential) c = { .tenant = 1, .ca = ca };
	enum inro_err e;

	OK(blob_set(&c.serial, bytes_of(serial)));
	OK(blob_set(&c.fingerprint, bytes_of(print)));
	e = store_insert(s, &c);
	*ret_id = c.id;
	return e;
}

int64_t count_devices(struct store *s)
{
	const struct store_query all = { 0 };
	int64_t n = -1;

	OK(store_count(s, &device_type, &all, &n));
	return n;
}

static int run_kind(const struct store_kind *kind, const struct CMUnitTest *from, size_t n)
{
	struct CMUnitTest *tests = calloc(n, sizeof *tests);
	struct store_kind own = *kind;
	int failed;

	assert_non_null(tests);
	memcpy(tests, from, n * sizeof *tests);
	for (size_t i = 0; i < n; i++)
		tests[i].initial_state = &own;
	failed = _cmocka_run_group_tests(kind->name, tests, n, NULL, NULL);
	free(tests);
	return failed;
}

int stores_run(const struct CMUnitTest *tests, size_t n)
{
	int failed = 0;

	for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
		if (kinds[i].there())
			failed += run_kind(&kinds[i], tests, n);
		else
			print_message("%s is not installed here\n", kinds[i].name);
	return failed;
}
