/* test_softhsm - SoftHSM's object files, its SQLite rows, its PINs, and what is carried of an
 * object. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <cmocka.h>

#include <sqlite3.h>

#include "tests/lib/scratch.h"
#include "tools/import/template.h"

#define OK(x) assert_int_equal(x, INRO_OK)

/* Of a token that SoftHSM 2.6.1 made: PIN 123456, SO PIN 87654321, and a label under its key. */
static const char user_blob[] =
	"30b5a769b2369153fd39f4281bdb58df121f5e8e3bf102f6190de90e7f556d7a58d96479b2d5eff356f2bfe5"
	"599bca025e475c65cc15b19522c8db5fb8818c37131abda5bc4ee500";
static const char so_blob[] =
	"ffa7f80f4d972f361b3105fb010cd7ea86ffc0d93239db1c037e47baa36e4330ab4d27ca3a077cf4bf847492"
	"e2277f0a64322d2505a513795cdcde6cc0564e58192e686d016b9383";
static const char sealed_label[] =
	"627f05483e74e9b4df04d9e5f6984b58bfa31f169146a5de9a92bb4d5fade21b";

static struct bytes unhex(const char *hex, uint8_t *room, size_t cap)
{
	size_t n = 0;

	OK(hex_decode(bytes_of(hex), room, cap, &n));
	return BYTES(room, n);
}

static void unlock(const char *hex, const char *pin, struct secret *ret)
{
	uint8_t blob[80];

	OK(softhsm_unlock(unhex(hex, blob, sizeof blob), bytes_of(pin), ret));
}

static void test_pins(void **state)
{
	SCOPED(secret) user = { 0 };
	SCOPED(secret) so = { 0 };
	uint8_t blob[80], plain[32];
	size_t n;
	struct bytes b = unhex(user_blob, blob, sizeof blob);

	(void)state;
	unlock(user_blob, "123456", &user);
	unlock(so_blob, "87654321", &so);
	assert_true(secret_equal(secret_bytes(&user), secret_bytes(&so)));
	assert_int_equal(softhsm_unlock(b, bytes_of("123457"), &so), INRO_E_PIN_WRONG);
	assert_int_equal(softhsm_unlock(b, BYTES_NONE, &so), INRO_E_PIN_WRONG);
	assert_int_equal(softhsm_unlock(BYTES_NONE, bytes_of("123456"), &so), INRO_E_PIN_MISSING);
	assert_int_equal(softhsm_unlock(BYTES(b.p, 71), bytes_of("123456"), &so), INRO_E_DAMAGED);
	b = unhex(sealed_label, blob, sizeof blob);
	OK(softhsm_decrypt(&user, b, plain, &n));
	assert_int_equal(n, 5);
	assert_memory_equal(plain, "eckey", 5);
	blob[20] ^= 1;
	assert_int_equal(softhsm_decrypt(&user, b, plain, &n), INRO_E_DAMAGED);
	assert_int_equal(softhsm_decrypt(&user, BYTES(b.p, 16), plain, &n), INRO_E_DAMAGED);
	assert_int_equal(softhsm_decrypt(&user, BYTES(b.p, 31), plain, &n), INRO_E_DAMAGED);
}

/* ---- files ---- */

static void add_head(struct buf *b, uint64_t type, enum softhsm_kind kind)
{
	buf_add_u64(b, type);
	buf_add_u64(b, kind);
}

static void add_bool(struct buf *b, uint64_t type, bool v)
{
	add_head(b, type, SOFTHSM_BOOL);
	buf_add_u8(b, v ? 0xff : 0);
}

static void add_ulong(struct buf *b, uint64_t type, uint64_t v)
{
	add_head(b, type, SOFTHSM_ULONG);
	buf_add_u64(b, v);
}

static void add_octets(struct buf *b, uint64_t type, struct bytes v)
{
	add_head(b, type, SOFTHSM_BYTES);
	buf_add_u64(b, v.n);
	buf_add(b, v);
}

/* A public secret key with everything that is seldom: mechanisms, a template, an empty date. */
static void add_secret_key(struct buf *b)
{
	SCOPED(buf) map = { 0 };

	buf_add_u64(b, 3);
	add_ulong(b, CKA_CLASS, CKO_SECRET_KEY);
	add_bool(b, CKA_PRIVATE, false);
	add_octets(b, CKA_LABEL, bytes_of("a key"));
	add_octets(b, CKA_VALUE, bytes_of("0123456789abcdef"));
	add_ulong(b, CKA_KEY_TYPE, CKK_AES);
	add_octets(b, CKA_START_DATE, BYTES_NONE);
	add_octets(b, CKA_END_DATE, bytes_of("20301231"));
	add_bool(b, CKA_LOCAL, true);
	add_ulong(b, CKA_KEY_GEN_MECHANISM, CKM_AES_KEY_GEN);
	add_ulong(&map, CKA_KEY_TYPE, CKK_AES);
	add_bool(&map, CKA_EXTRACTABLE, false);
	add_octets(&map, CKA_LABEL, bytes_of("inside"));
	add_head(b, CKA_UNWRAP_TEMPLATE, SOFTHSM_MAP);
	buf_add_u64(b, map.n);
	buf_add(b, buf_bytes(&map));
	add_head(b, CKA_ALLOWED_MECHANISMS, SOFTHSM_MECHS);
	buf_add_u64(b, 2);
	buf_add_u64(b, CKM_AES_CBC);
	buf_add_u64(b, CKM_AES_GCM);
	OK(buf_err(b));
}

static const CK_ATTRIBUTE *find(const struct softhsm_template *t, CK_ATTRIBUTE_TYPE type)
{
	for (CK_ULONG i = 0; i < t->n; i++)
		if (t->a[i].type == type)
			return &t->a[i];
	return NULL;
}

static void assert_value(const CK_ATTRIBUTE *a, const void *want, size_t n)
{
	assert_non_null(a);
	assert_int_equal(a->ulValueLen, n);
	assert_memory_equal(a->pValue, want, n);
}

static void assert_secret_key(const struct softhsm_object *o)
{
	static const CK_MECHANISM_TYPE mechs[] = { CKM_AES_CBC, CKM_AES_GCM };
	static const CK_ULONG class = CKO_SECRET_KEY;
	SCOPED(softhsm_template) t = { 0 };
	SCOPED(buf) words = { 0 };
	const CK_ATTRIBUTE *map;

	OK(softhsm_template(o, NULL, &t));
	assert_value(find(&t, CKA_CLASS), &class, sizeof class);
	assert_value(find(&t, CKA_VALUE), "0123456789abcdef", 16);
	assert_value(find(&t, CKA_END_DATE), "20301231", 8);
	assert_value(find(&t, CKA_ALLOWED_MECHANISMS), mechs, sizeof mechs);
	assert_null(find(&t, CKA_START_DATE));
	assert_null(find(&t, CKA_LOCAL));
	assert_null(find(&t, CKA_KEY_GEN_MECHANISM));
	map = find(&t, CKA_UNWRAP_TEMPLATE);
	assert_non_null(map);
	assert_int_equal(map->ulValueLen, 3 * sizeof(CK_ATTRIBUTE));
	map = map->pValue;
	for (int i = 0; i < 3; i++)
		if (map[i].type == CKA_LABEL)
			assert_value(&map[i], "inside", 6);
	softhsm_describe(o, NULL, &words);
	assert_true(bytes_is(buf_bytes(&words), "secret key 'a key', CKK_AES"));
}

static void test_file(void **state)
{
	SCOPED(buf) b = { 0 };
	struct softhsm_object o;

	(void)state;
	add_secret_key(&b);
	OK(softhsm_parse(buf_bytes(&b), &o));
	assert_secret_key(&o);
	assert_int_equal(softhsm_ulong(&o, CKA_KEY_TYPE), CKK_AES);
	assert_int_equal(softhsm_ulong(&o, CKA_MODULUS_BITS), CK_UNAVAILABLE_INFORMATION);
	assert_false(softhsm_bool(&o, CKA_PRIVATE, true));
	assert_true(softhsm_bool(&o, CKA_TOKEN, true));
}

static void test_sealed(void **state)
{
	SCOPED(softhsm_template) t = { 0 };
	SCOPED(secret) key = { 0 };
	SCOPED(buf) b = { 0 };
	SCOPED(buf) words = { 0 };
	struct softhsm_object o;
	uint8_t room[40];

	(void)state;
	unlock(user_blob, "123456", &key);
	buf_add_u64(&b, 1);
	add_ulong(&b, CKA_CLASS, CKO_DATA);
	add_bool(&b, CKA_PRIVATE, true);
	add_octets(&b, CKA_LABEL, unhex(sealed_label, room, sizeof room));
	OK(softhsm_parse(buf_bytes(&b), &o));
	OK(softhsm_template(&o, &key, &t));
	assert_value(find(&t, CKA_LABEL), "eckey", 5);
	softhsm_describe(&o, &key, &words);
	assert_true(bytes_is(buf_bytes(&words), "data object 'eckey'"));
}

/* Each broken file has one thing wrong with it. */
static void test_damage(void **state)
{
	SCOPED(buf) b = { 0 };
	struct softhsm_object o;

	(void)state;
	assert_int_equal(softhsm_parse(BYTES_NONE, &o), INRO_E_DAMAGED);
	assert_int_equal(softhsm_parse(bytes_of("1234567"), &o), INRO_E_DAMAGED);
	add_secret_key(&b);
	add_bool(&b, CKA_TOKEN, true);
	OK(softhsm_parse(buf_bytes(&b), &o));
	buf_truncate(&b, b.n - 1);
	assert_int_equal(softhsm_parse(buf_bytes(&b), &o), INRO_E_DAMAGED);
	buf_reset(&b);
	buf_add_u64(&b, 1);
	add_bool(&b, CKA_TOKEN, true);
	add_bool(&b, CKA_TOKEN, true);
	assert_int_equal(softhsm_parse(buf_bytes(&b), &o), INRO_E_DAMAGED);
	buf_reset(&b);
	buf_add_u64(&b, 1);
	add_ulong(&b, CKA_CLASS, 4);
	b.p[23] = 6; /* a kind that is none */
	assert_int_equal(softhsm_parse(buf_bytes(&b), &o), INRO_E_DAMAGED);
	buf_reset(&b);
	buf_add_u64(&b, 1);
	add_head(&b, CKA_VALUE, SOFTHSM_MECHS);
	buf_add_u64(&b, UINT64_MAX / 8 + 2); /* times 8 it is 8 */
	buf_add_u64(&b, 0);
	assert_int_equal(softhsm_parse(buf_bytes(&b), &o), INRO_E_DAMAGED);
	buf_reset(&b);
	buf_add_u64(&b, 1);
	for (uint64_t i = 0; i <= SOFTHSM_ATTRS; i++)
		add_bool(&b, i, true);
	assert_int_equal(softhsm_parse(buf_bytes(&b), &o), INRO_E_DAMAGED);
}

/* ---- rows ---- */

static const char schema[] =
	"CREATE TABLE object (id INTEGER PRIMARY KEY AUTOINCREMENT);"
	"CREATE TABLE attribute_boolean (value BOOLEAN, type INTEGER, object_id INTEGER, id "
	"INTEGER);"
	"CREATE TABLE attribute_integer (value INTEGER, type INTEGER, object_id INTEGER, id "
	"INTEGER);"
	"CREATE TABLE attribute_binary (value BLOB, type INTEGER, object_id INTEGER, id INTEGER);"
	"CREATE TABLE attribute_array (value BLOB, type INTEGER, object_id INTEGER, id INTEGER);"
	"INSERT INTO object VALUES (1), (2); PRAGMA user_version = 100;";

static void insert(sqlite3 *db, const char *table, int object, uint64_t type, const char *value)
{
	char *sql = sqlite3_mprintf("INSERT INTO attribute_%s VALUES (%s, %lld, %d, NULL)", table,
				    value, (long long)type, object);

	assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
	sqlite3_free(sql);
}

/* In the order of this machine, as SoftHSM writes it. */
static void blob(sqlite3 *db, const char *table, CK_ATTRIBUTE_TYPE type, const void *p, size_t n)
{
	SCOPED(buf) hex = { 0 };

	buf_add_str(&hex, "x'");
	buf_add_hex(&hex, BYTES(p, n));
	buf_add_str(&hex, "'");
	buf_add_u8(&hex, '\0');
	OK(buf_err(&hex));
	insert(db, table, 2, type, (const char *)hex.p);
}

struct nested_ulong {
	uint64_t type;
	uint32_t kind;
	uint64_t value;
} __attribute__((packed));

struct nested_bool {
	uint64_t type;
	uint32_t kind;
	uint8_t value;
} __attribute__((packed));

static const struct {
	struct nested_ulong key_type;
	struct nested_bool extractable;
	struct {
		uint64_t type;
		uint32_t kind;
		uint64_t n;
		char value[6];
	} __attribute__((packed)) label;
} __attribute__((packed)) nested = {
	{ CKA_KEY_TYPE, SOFTHSM_ULONG, CKK_AES },
	{ CKA_EXTRACTABLE, SOFTHSM_BOOL, 0 },
	{ CKA_LABEL, SOFTHSM_BYTES, 6, { 'i', 'n', 's', 'i', 'd', 'e' } },
};

static void make_rows(sqlite3 *db)
{
	static const uint64_t mechs[] = { CKM_AES_CBC, CKM_AES_GCM };

	assert_int_equal(sqlite3_exec(db, schema, NULL, NULL, NULL), SQLITE_OK);
	insert(db, "binary", 1, CKA_VENDOR_DEFINED + 0x5349, "cast('rows      ' AS BLOB)");
	insert(db, "integer", 2, CKA_CLASS, "4");
	insert(db, "boolean", 2, CKA_PRIVATE, "0");
	insert(db, "boolean", 2, CKA_LOCAL, "1");
	insert(db, "integer", 2, CKA_KEY_TYPE, "31");
	insert(db, "integer", 2, CKA_KEY_GEN_MECHANISM, "-1");
	blob(db, "binary", CKA_LABEL, "a key", 5);
	blob(db, "binary", CKA_VALUE, "0123456789abcdef", 16);
	blob(db, "binary", CKA_START_DATE, "", 0);
	blob(db, "binary", CKA_END_DATE, "20301231", 8);
	blob(db, "binary", CKA_ALLOWED_MECHANISMS, mechs, sizeof mechs);
	blob(db, "array", CKA_UNWRAP_TEMPLATE, &nested, sizeof nested);
}

static sqlite3 *new_db(const char *folder)
{
	char path[512];
	sqlite3 *db = NULL;

	snprintf(path, sizeof path, "%s/sqlite3.db", folder);
	assert_int_equal(mkdir(folder, 0700), 0);
	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	return db;
}

static void test_rows(void **state)
{
	SCOPED(softhsm_tokens) tokens = { 0 };
	SCOPED(softhsm_names) names = { 0 };
	SCOPED(buf) file = { .secret = true };
	struct softhsm_object o;
	const char *folder = scratch_path("rows");
	sqlite3 *db = new_db(folder);

	(void)state;
	make_rows(db);
	OK(softhsm_find(folder, &tokens));
	assert_int_equal(tokens.n, 1);
	assert_string_equal(tokens.v[0].label, "rows");
	assert_int_equal(tokens.v[0].user.n, 0);
	OK(softhsm_list(&tokens.v[0], &names));
	assert_int_equal(names.n, 1);
	OK(softhsm_read(&tokens.v[0], names.v[0], &file));
	OK(softhsm_parse(buf_bytes(&file), &o));
	assert_secret_key(&o);
	assert_int_equal(softhsm_ulong(&o, CKA_KEY_GEN_MECHANISM), CK_UNAVAILABLE_INFORMATION);
	blob(db, "array", CKA_WRAP_TEMPLATE, &nested, sizeof nested - 1);
	buf_reset(&file);
	assert_int_equal(softhsm_read(&tokens.v[0], names.v[0], &file), INRO_E_DAMAGED);
	sqlite3_close(db);
}

static void test_folders(void **state)
{
	SCOPED(softhsm_tokens) tokens = { 0 };
	SCOPED(buf) file = { 0 };

	(void)state;
	assert_int_equal(softhsm_find(scratch_path("nowhere"), &tokens), INRO_E_NOT_FOUND);
	assert_int_equal(mkdir(scratch_path("tokens"), 0700), 0);
	assert_int_equal(softhsm_find(scratch_path("tokens"), &tokens), INRO_E_NOT_FOUND);
	assert_int_equal(mkdir(scratch_path("tokens/one"), 0700), 0);
	scratch_file("tokens/one/token.object", "", 0);
	assert_int_equal(softhsm_find(scratch_path("tokens"), &tokens), INRO_E_DAMAGED);
	buf_add_u64(&file, 1);
	scratch_file("tokens/one/token.object", file.p, file.n);
	assert_int_equal(softhsm_find(scratch_path("tokens"), &tokens), INRO_E_DAMAGED);
	add_octets(&file, CKA_VENDOR_DEFINED + 0x5349, bytes_of("one                "));
	scratch_file("tokens/one/token.object", file.p, file.n);
	OK(softhsm_find(scratch_path("tokens"), &tokens));
	assert_int_equal(tokens.n, 1);
	assert_string_equal(tokens.v[0].label, "one");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_pins),   cmocka_unit_test(test_file),
		cmocka_unit_test(test_sealed), cmocka_unit_test(test_damage),
		cmocka_unit_test(test_rows),   cmocka_unit_test(test_folders),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
