#include "tests/lib/things.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

#include "tests/lib/scratch.h"

static const char *const steps[] = {
	"CREATE TABLE thing(id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, data BLOB,"
	" size INTEGER CHECK (size >= 0));"
	"CREATE TABLE part(thing INTEGER NOT NULL REFERENCES thing(id))",
	"ALTER TABLE thing ADD COLUMN note TEXT; INSERT INTO thing(name) VALUES ('from step 2')",
};
const struct db_schema things_v1 = {
	.application_id = 0x496e7231, .migrations = steps, .n = 1, .what = "test store"
};
const struct db_schema things_v2 = {
	.application_id = 0x496e7231, .migrations = steps, .n = 2, .what = "test store"
};

struct db *things_open(const char *name)
{
	struct db *d = NULL;

	assert_int_equal(db_open(scratch_path(name), DB_CREATE, &things_v1, &d), INRO_OK);
	assert_non_null(d);
	return d;
}

int64_t things_ask(struct db *d, const char *sql)
{
	struct db_stmt *s;
	bool row;
	int64_t v;

	assert_int_equal(db_stmt(d, sql, &s), INRO_OK);
	assert_int_equal(db_step(s, &row), INRO_OK);
	assert_true(row);
	v = db_int(s, 0);
	db_reset(s);
	return v;
}

enum inro_err things_add(struct db *d, const char *name)
{
	struct db_stmt *s;
	enum inro_err e = db_stmt(d, "INSERT INTO thing(name) VALUES (?1)", &s);

	if (e != INRO_OK)
		return e;
	db_bind_text(s, 1, name);
	return db_run(s);
}

int64_t things_count(struct db *d)
{
	return things_ask(d, "SELECT count(*) FROM thing");
}
