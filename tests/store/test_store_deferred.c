/* test_store_deferred - changes whose failure is told later: nothing of it stays, whoever tells it; see store_defer(). */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "backoffice/store/store.h"
#include "tests/lib/postgres.h"
#include "tests/lib/stores.h"

#define OK(x)	    assert_int_equal(x, INRO_OK)
#define FAILS(e, x) assert_int_equal(x, e)
#define MANY	    2500 /* more than wait at once */

static void says(enum inro_err e, const char *words)
{
	if (!strstr(err_detail(e), words))
		fail_msg("'%s' does not say '%s'", err_detail(e), words);
}

/* The others tell at once. */
static bool is_postgres(const struct fixture *f)
{
	return strcmp(f->kind->name, "postgres") == 0;
}

static enum inro_err add(struct store *s, const char *id, int64_t *ret_id)
{
	SCOPED(device) d = a_device(id);
	enum inro_err e = store_insert(s, &d);

	*ret_id = d.id;
	return e;
}

static enum inro_err rename_to(struct store *s, int64_t id, const char *to)
{
	SCOPED(device) d = a_device(to);

	d.id = id;
	return store_update(s, &d);
}

static void begin(struct store *s)
{
	OK(store_begin(s, STORE_WRITE));
	store_defer(s);
}

/* The first that fails, here or later; the transaction is over then. */
static enum inro_err end(struct store *s, enum inro_err e)
{
	if (e == INRO_OK)
		e = store_settle(s);
	store_rollback(s);
	return e;
}

/* As without: what was written is read, and ids go on. */
static void test_many(void **state)
{
	struct store *s = ((struct fixture *)*state)->s;
	const struct store_cond last = { .field = "device_id", .text = "2499" };
	SCOPED(device) found = { 0 };
	char name[16];
	int64_t id;

	OK(store_begin(s, STORE_WRITE));
	add_device(s, "first");
	store_defer(s);
	for (int i = 0; i < MANY; i++) {
		snprintf(name, sizeof name, "%d", i);
		OK(add(s, name, &id));
		assert_int_equal(id, i + 2);
		if (i % 1000 == 500)
			assert_int_equal(count_devices(s), i + 2);
	}
	OK(rename_to(s, 7, "seven"));
	OK(store_get(s, 7, &found));
	assert_string_equal(found.device_id, "seven");
	device_clear(&found);
	OK(store_settle(s));
	assert_int_equal(add_device(s, "behind"), MANY + 2);
	store_defer(s);
	OK(add(s, "and deferred again", &id));
	assert_int_equal(id, MANY + 3);
	OK(store_commit(s));
	assert_int_equal(count_devices(s), MANY + 3);
	OK(store_find(s, (&(struct store_query) { .conds = &last, .n = 1 }), &found));
	assert_int_equal(found.id, MANY + 1);
}

static void test_rollback(void **state)
{
	struct store *s = ((struct fixture *)*state)->s;
	int64_t id;

	begin(s);
	OK(add(s, "a", &id));
	OK(add(s, "b", &id));
	store_rollback(s);
	assert_int_equal(count_devices(s), 0);
	begin(s);
	OK(add(s, "a", &id));
	assert_int_equal(id, 1);
	OK(store_commit(s));
	assert_int_equal(count_devices(s), 1);
}

/* A deleted row's id is free again, as it is without. */
static void test_ids_after_a_delete(void **state)
{
	struct store *s = ((struct fixture *)*state)->s;
	const struct store_cond high = { .field = "id", .op = STORE_GE, .number = 3 };
	const struct store_query q = { .conds = &high, .n = 1 };
	SCOPED(device) chosen = a_device("chosen");
	int64_t id, n = 0;

	begin(s);
	for (int i = 0; i < 4; i++)
		OK(add(s, (char[]) { (char)('a' + i), 0 }, &id));
	OK(store_delete(s, &device_type, &q, &n));
	assert_int_equal(n, 2);
	OK(add(s, "e", &id));
	assert_int_equal(id, 3);
	chosen.id = 40;
	OK(store_insert(s, &chosen));
	OK(add(s, "f", &id));
	assert_int_equal(id, 41);
	OK(store_savepoint(s));
	OK(add(s, "g", &id));
	OK(store_rollback_to(s));
	store_defer(s);
	OK(add(s, "h", &id));
	assert_int_equal(id, 42);
	OK(store_commit(s));
	assert_int_equal(count_devices(s), 6);
}

static int64_t add_device_committed(struct store *s, const char *id)
{
	int64_t n;

	OK(store_begin(s, STORE_WRITE));
	n = add_device(s, id);
	OK(store_commit(s));
	return n;
}

static int64_t add_key(struct store *s, int64_t device)
{
	SCOPED(credential) k = { .tenant = 1, .kind = CRED_KEY, .state = CRED_ACTIVE, .device = device };

	OK(store_insert(s, &k));
	return k.id;
}

static void move_key(struct store *s, int64_t id, enum cred_state state)
{
	SCOPED(credential) k = { .id = id, .state = state };

	OK(store_update_row(s, &credential_move_type, &k));
}

static void is_key(struct store *s, int64_t id, enum cred_state state, int64_t device)
{
	SCOPED(credential) k = { 0 };

	OK(store_get(s, id, &k));
	assert_int_equal(k.state, state);
	assert_int_equal(k.device, device);
}

static void set_state(struct store *s, int64_t id, enum device_state state, const char *name)
{
	SCOPED(device) d = { .id = id, .state = state };

	OK(text_set(&d.name, name));
	OK(store_update_row(s, name ? &device_end_type : &device_move_type, &d));
}

static void is_device(struct store *s, int64_t id, enum device_state state, const char *name)
{
	SCOPED(device) d = { 0 };

	OK(store_get(s, id, &d));
	assert_int_equal(d.state, state);
	if (name)
		assert_string_equal(text_or_empty(d.name), name);
}

/* Rows that wait for more of their kind come in the order in which they were written: one twice, one in two ways, an
 * id that a deletion gave free, what refers to a row that waits, too. */
static void test_order(void **state)
{
	struct store *s = ((struct fixture *)*state)->s;
	int64_t a = add_device_committed(s, "a"), b, id, cred;

	begin(s);
	OK(add(s, "b", &b));
	set_state(s, a, DEVICE_DISABLED, NULL);
	set_state(s, a, DEVICE_ACTIVE, NULL);
	set_state(s, b, DEVICE_DISABLED, NULL);
	set_state(s, a, DEVICE_DELETED, "gone");
	OK(add(s, "a", &id));
	cred = add_key(s, id);
	move_key(s, cred, CRED_SUSPENDED);
	move_key(s, cred, CRED_REVOKED);
	add_key(s, b);
	OK(store_commit(s));
	is_device(s, a, DEVICE_DELETED, "gone");
	is_device(s, b, DEVICE_DISABLED, NULL);
	is_device(s, id, DEVICE_ACTIVE, NULL);
	is_key(s, cred, CRED_REVOKED, id);
}

/* NULLs, empty values and others in one statement. */
static void test_values(void **state)
{
	struct store *s = ((struct fixture *)*state)->s;
	int64_t ids[150];

	begin(s);
	for (int i = 0; i < 150; i++) {
		char name[16];
		SCOPED(device) d = { .tenant = 1, .anchor_kind = i % 2 ? ANCHOR_KEY : ANCHOR_NONE };

		snprintf(name, sizeof name, "d%d", i);
		OK(text_set(&d.device_id, name));
		OK(text_set(&d.os, i % 3 ? "Linux, \"ünïx\" {NULL} \\" : NULL));
		OK(text_set(&d.serial, i % 3 == 1 ? name : NULL));
		if (i % 2)
			OK(blob_set(&d.anchor, BYTES(name, strlen(name) + 1)));
		d.deleted_ms = i % 5 ? 0 : INT64_MAX;
		OK(store_insert(s, &d));
		ids[i] = d.id;
	}
	OK(store_commit(s));
	for (int i = 0; i < 150; i++) {
		SCOPED(device) d = { 0 };

		OK(store_get(s, ids[i], &d));
		assert_int_equal(strtol(d.device_id + 1, NULL, 10), i);
		assert_string_equal(text_or_empty(d.os), i % 3 ? "Linux, \"ünïx\" {NULL} \\" : "");
		assert_string_equal(text_or_empty(d.serial), i % 3 == 1 ? d.device_id : "");
		assert_int_equal(d.anchor.n, i % 2 ? strlen(d.device_id) + 1 : 0);
		assert_true(d.deleted_ms == (i % 5 ? 0 : INT64_MAX));
	}
}

/* ---- what fails ---- */

static enum inro_err a_name_twice(struct store *s)
{
	int64_t id;
	enum inro_err e = add(s, "a", &id);

	return e == INRO_OK ? add(s, "a", &id) : e;
}

static enum inro_err a_name_taken(struct store *s)
{
	int64_t id;
	enum inro_err e = add(s, "b", &id);

	return e == INRO_OK ? rename_to(s, id, "kept") : e;
}

static enum inro_err nobody_renamed(struct store *s)
{
	return rename_to(s, 4711, "x");
}

static enum inro_err a_stranger_referred_to(struct store *s)
{
	SCOPED(credential) first = { .tenant = 1 };
	SCOPED(credential) orphan = { .tenant = 1, .device = 4711 };
	enum inro_err e = store_insert(s, &first);

	return e == INRO_OK ? store_insert(s, &orphan) : e;
}

static const struct {
	enum inro_err (*does)(struct store *s);
	enum inro_err fails;
	const char *words;
} bad[] = {
	{ a_name_twice, INRO_E_EXISTS, "there is such a device already" },
	{ a_name_taken, INRO_E_EXISTS, "there is such a device already" },
	{ nobody_renamed, INRO_E_NOT_FOUND, "no such device" },
	{ a_stranger_referred_to, INRO_E_STATE, NULL },
};

static void starts(struct store *s)
{
	int64_t id;

	OK(store_begin(s, STORE_WRITE));
	add_device(s, "kept");
	OK(store_commit(s));
	begin(s);
	OK(add(s, "before", &id));
}

/* Nothing of the transaction is there, and the next one works. */
static void is_over(struct store *s, const char *next)
{
	int64_t id, had = count_devices(s);

	begin(s);
	OK(add(s, next, &id));
	OK(store_commit(s));
	assert_int_equal(count_devices(s), had + 1);
}

static void test_told_when_settled(void **state)
{
	struct store *s = ((struct fixture *)*state)->s;

	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		char kept[] = { 'n', (char)('0' + i), 0 };
		int64_t id;

		if (i == 0)
			starts(s);
		else
			begin(s);
		OK(add(s, "gone", &id));
		FAILS(bad[i].fails, end(s, bad[i].does(s)));
		if (bad[i].words)
			says(bad[i].fails, bad[i].words);
		assert_int_equal(count_devices(s), 1 + (int64_t)i);
		is_over(s, kept);
	}
}

static enum inro_err commit_it(struct store *s)
{
	return store_commit(s);
}

static enum inro_err read_it(struct store *s)
{
	SCOPED(device) d = { 0 };

	return store_get(s, 1, &d);
}

static enum inro_err count_it(struct store *s)
{
	const struct store_query all = { 0 };
	int64_t n;

	return store_count(s, &device_type, &all, &n);
}

static enum inro_err save_it(struct store *s)
{
	return store_savepoint(s);
}

static enum inro_err ask_the_time(struct store *s)
{
	int64_t ms;

	return store_now(s, &ms);
}

static enum inro_err delete_some(struct store *s)
{
	const struct store_cond one = { .field = "id", .number = 99 };
	int64_t n;

	return store_delete(s, &device_type, &(struct store_query) { .conds = &one, .n = 1 }, &n);
}

static enum inro_err add_many(struct store *s)
{
	enum inro_err e = INRO_OK;
	char name[16];
	int64_t id;

	for (int i = 0; e == INRO_OK && i < MANY; i++) {
		snprintf(name, sizeof name, "%d", i);
		e = add(s, name, &id);
	}
	return e;
}

/* may: or it is told later, since another table is asked. */
static const struct {
	enum inro_err (*does)(struct store *s);
	bool may;
} tellers[] = {
	{ commit_it, false },	 { read_it, true },	   { count_it, true }, { save_it, false },
	{ ask_the_time, false }, { delete_some, false }, { add_many, true },
};

static void tells(struct store *s, size_t i, enum inro_err e, const char *words)
{
	enum inro_err told = tellers[i].does(s);

	if (told != INRO_OK || !tellers[i].may)
		FAILS(e, told);
	if (told != INRO_OK && words)
		says(e, words);
}

/* Whoever is next tells it, and so does the commit of who did not listen. */
static void test_told_by_any(void **state)
{
	struct store *s = ((struct fixture *)*state)->s;

	if (!is_postgres(*state))
		return;
	starts(s);
	store_rollback(s);
	for (size_t i = 0; i < ARRAY_LEN(tellers); i++)
		for (size_t j = 0; j < ARRAY_LEN(bad); j++) {
			begin(s);
			OK(add_device(s, "there is a greatest id") > 0 ? INRO_OK : INRO_E_ARG);
			(void)!bad[j].does(s);
			tells(s, i, bad[j].fails, bad[j].words);
			if (tellers[i].does != commit_it)
				FAILS(bad[j].fails, store_commit(s));
			FAILS(INRO_E_STATE, store_commit(s));
			assert_int_equal(count_devices(s), 1);
		}
	is_over(s, "next");
}

/* ---- a server that fails ---- */

static void on_insert(const struct fixture *f, const char *body)
{
	char name[32], sql[640];

	snprintf(name, sizeof name, "store_%u", f->number);
	snprintf(sql, sizeof sql,
		 "CREATE SEQUENCE tries; CREATE FUNCTION fails() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN %s "
		 "RETURN NEW; END'; CREATE TRIGGER fails BEFORE INSERT ON device FOR EACH ROW WHEN (NEW.device_id = "
		 "'bad') EXECUTE FUNCTION fails()",
		 body);
	postgres_sql(name, sql);
}

/* A conflict that another try gets over, as core_write() makes one. */
static void test_conflict(void **state)
{
	const struct fixture *f = *state;
	struct store *s = f->s;
	int64_t id;

	if (!is_postgres(f))
		return;
	on_insert(f, "IF nextval(''tries'') = 1 THEN RAISE EXCEPTION ''in the way'' USING ERRCODE = ''40001''; END IF;");
	for (int tries = 0; tries < 2; tries++) {
		begin(s);
		OK(add(s, "a", &id));
		OK(add(s, "bad", &id));
		OK(add(s, "b", &id));
		if (tries == 0) {
			FAILS(INRO_E_BUSY, store_commit(s));
			says(INRO_E_BUSY, "in the way; what was being written is undone; try again");
			assert_int_equal(count_devices(s), 0);
		} else {
			OK(store_commit(s));
		}
	}
	assert_int_equal(count_devices(s), 3);
}

static void test_full(void **state)
{
	const struct fixture *f = *state;
	struct store *s = f->s;
	int64_t id;

	if (!is_postgres(f))
		return;
	on_insert(f, "RAISE EXCEPTION ''no space left'' USING ERRCODE = ''53100'';");
	begin(s);
	OK(add(s, "a", &id));
	OK(add(s, "bad", &id));
	FAILS(INRO_E_FULL, store_settle(s));
	says(INRO_E_FULL, "no space left; free some space");
	FAILS(INRO_E_FULL, store_commit(s));
	is_over(s, "next");
	assert_int_equal(count_devices(s), 1);
}

/* With changes on their way, or none; all of the transaction is undone, and it is said that it is. */
static void test_crash(void **state)
{
	const struct fixture *f = *state;
	struct store *s = f->s;
	int64_t id;

	if (!is_postgres(f))
		return;
	for (size_t i = 0; i < ARRAY_LEN(tellers); i++) {
		begin(s);
		OK(add(s, "a", &id));
		OK(add(s, "b", &id));
		OK(i % 2 ? INRO_OK : read_it(s));
		OK(add(s, "c", &id));
		postgres_crash();
		tells(s, i, INRO_E_BUSY, "try again");
		if (tellers[i].does != commit_it)
			FAILS(INRO_E_BUSY, store_commit(s));
		assert_int_equal(count_devices(s), (int64_t)i);
		is_over(s, (char[]) { 'n', (char)('0' + i), 0 });
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, stores_setup, stores_teardown)
		TEST(test_many),
		TEST(test_rollback),
		TEST(test_ids_after_a_delete),
		TEST(test_order),
		TEST(test_values),
		TEST(test_told_when_settled),
		TEST(test_told_by_any),
		TEST(test_conflict),
		TEST(test_full),
		TEST(test_crash),
	};

	return stores_run(tests, ARRAY_LEN(tests));
}
