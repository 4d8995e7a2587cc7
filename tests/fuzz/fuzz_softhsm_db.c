/*
 * fuzz_softhsm_db - rows of SoftHSM's database: what is made of them is an object file that is read, or they are
 * refused.
 *
 * The database has one object with a row in each table; its octets are the input, its numbers the input's first.
 */
#include <sqlite3.h>
#include <string.h>

#include "base/db/db.h"
#include "tests/fuzz/fuzz.h"
#include "tests/lib/scratch.h"
#include "tools/import/softhsm.h"

static struct bytes input;

struct bytes __wrap_db_bytes(struct db_stmt *s, int column);
int64_t __wrap_db_int(struct db_stmt *s, int column);
int64_t __real_db_int(struct db_stmt *s, int column);

struct bytes __wrap_db_bytes(struct db_stmt *s, int column)
{
	(void)s, (void)column;
	return input;
}

/* Column 0 is the attribute's type. */
int64_t __wrap_db_int(struct db_stmt *s, int column)
{
	int64_t n = 0;

	if (column == 0)
		return __real_db_int(s, column);
	if (input.n)
		memcpy(&n, input.p, input.n < sizeof n ? input.n : sizeof n);
	return n;
}

static const char *const rows[] = {
	"CREATE TABLE attribute_boolean (object_id INTEGER, type INTEGER, value INTEGER)",
	"CREATE TABLE attribute_integer (object_id INTEGER, type INTEGER, value INTEGER)",
	"CREATE TABLE attribute_binary (object_id INTEGER, type INTEGER, value BLOB)",
	"CREATE TABLE attribute_array (object_id INTEGER, type INTEGER, value BLOB)",
	"INSERT INTO attribute_boolean VALUES (2, 1, 0)",	    /* CKA_TOKEN */
	"INSERT INTO attribute_integer VALUES (2, 0, 0)",	    /* CKA_CLASS */
	"INSERT INTO attribute_binary VALUES (2, 17, '')",	    /* CKA_VALUE */
	"INSERT INTO attribute_binary VALUES (2, 1073743360, '')",  /* CKA_ALLOWED_MECHANISMS */
	"INSERT INTO attribute_array VALUES (2, 1073742353, '')",   /* CKA_WRAP_TEMPLATE */
};

static const char *database(void)
{
	static char path[600];
	sqlite3 *db = NULL;

	if (*path)
		return path;
	snprintf(path, sizeof path, "%s", scratch_path("sqlite3.db"));
	FUZZ_REQUIRE(sqlite3_open(path, &db) == SQLITE_OK);
	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		FUZZ_REQUIRE(sqlite3_exec(db, rows[i], NULL, NULL, NULL) == SQLITE_OK);
	sqlite3_close(db);
	return path;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct softhsm_object o;
	SCOPED(buf) file = { .secret = true };
	const char *path = database();
	enum inro_err e;

	input = BYTES(data, size);
	e = softhsm_db_read(path, "2", &file);
	FUZZ_REQUIRE(e == INRO_OK || e == INRO_E_DAMAGED);
	if (e == INRO_OK)
		FUZZ_REQUIRE(softhsm_parse(buf_bytes(&file), &o) == INRO_OK || size > 64);
	return 0;
}
