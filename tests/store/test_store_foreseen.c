/* test_store_foreseen - what is read before it is asked for is what asking would give; see store_foresee(). */
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
#define MANY	    300

static bool is_postgres(const struct fixture *f)
{
	return strcmp(f->kind->name, "postgres") == 0;
}

/* ---- what is asked: a device by its number or its id, the keys of a device ---- */

static enum inro_err foresee_numbers(struct store *s, const struct record_type *t, const char *field, int64_t first,
				     int64_t last)
{
	const struct store_cond its = { .field = field };
	const struct store_query q = { .conds = &its, .n = 1 };
	struct store_place places[MANY + 2] = { 0 };
	struct store_alike a = { &q, 0, places, 0 };

	for (int64_t i = first; i <= last; i++)
		places[a.n++].number = i;
	return store_foresee(s, t, &a);
}

static struct store_query by_id(struct store_cond conds[static 3], const char *id)
{
	conds[0] = (struct store_cond) { .field = "tenant", .number = 1 };
	conds[1] = (struct store_cond) { .field = "device_id", .text = id };
	conds[2] = (struct store_cond) { .field = "state", .op = STORE_NE, .number = DEVICE_DELETED };
	return (struct store_query) { .conds = conds, .n = 3 };
}

static void foresee_ids(struct store *s, const char *const *ids, size_t n)
{
	struct store_cond conds[3];
	const struct store_query q = by_id(conds, NULL);
	struct store_place places[8] = { 0 };
	const struct store_alike a = { &q, 1, places, n };

	for (size_t i = 0; i < n; i++)
		places[i].text = ids[i];
	OK(store_foresee(s, &device_type, &a));
}

/* 0: nobody. */
static int64_t who_is(struct store *s, const char *id)
{
	struct store_cond conds[3];
	const struct store_query q = by_id(conds, id);
	SCOPED(device) d = { 0 };
	enum inro_err e = store_find(s, &q, &d);

	if (e != INRO_E_NOT_FOUND)
		OK(e);
	return d.id;
}

struct seen {
	int64_t ids[8];
	size_t n;
};

static enum inro_err see(void *arg, void *record)
{
	struct seen *seen = arg;

	assert_true(seen->n < ARRAY_LEN(seen->ids));
	seen->ids[seen->n++] = ((struct credential *)record)->id;
	return INRO_OK;
}

static struct seen keys_of(struct store *s, int64_t device, size_t limit)
{
	const struct store_cond its = { .field = "device", .number = device };
	const struct store_query q = { .conds = &its, .n = 1, .limit = limit };
	struct seen seen = { 0 };

	OK(store_each(s, &credential_type, &q, see, &seen));
	return seen;
}

static int64_t add_key(struct store *s, int64_t device)
{
	SCOPED(credential) k = { .tenant = 1, .kind = CRED_KEY, .state = CRED_ACTIVE, .device = device };

	OK(store_insert(s, &k));
	return k.id;
}

/* Behind the store's back, in another connection: what was read before is not read again. */
static void change_behind(const struct fixture *f, const char *sql)
{
	char name[32];

	snprintf(name, sizeof name, "store_%u", f->number);
	postgres_sql(name, sql);
}

static void make_devices(struct store *s, int n)
{
	char name[16];

	OK(store_begin(s, STORE_WRITE));
	for (int i = 1; i <= n; i++) {
		snprintf(name, sizeof name, "dev-%d", i);
		assert_int_equal(add_device(s, name), i);
	}
	OK(store_commit(s));
}

/* ---- as without ---- */

static void test_same(void **state)
{
	struct store *s = ((struct fixture *)*state)->s;

	make_devices(s, MANY);
	OK(store_begin(s, STORE_READ));
	OK(foresee_numbers(s, &device_type, "id", 1, MANY + 1));
	for (int i = 1; i <= MANY; i++) {
		SCOPED(device) d = { 0 };

		OK(store_get(s, i, &d));
		assert_int_equal(d.id, i);
		assert_int_equal(strtol(d.device_id + 4, NULL, 10), i);
	}
	{
		SCOPED(device) d = { 0 };

		FAILS(INRO_E_NOT_FOUND, store_get(s, MANY + 1, &d));
		FAILS(INRO_E_NOT_FOUND, store_get(s, MANY + 2, &d));
		OK(store_get(s, 7, &d));
		assert_string_equal(d.device_id, "dev-7");
	}
	store_rollback(s);
}

static void test_lists(void **state)
{
	struct store *s = ((struct fixture *)*state)->s;
	int64_t first, second, other;
	struct seen seen;

	make_devices(s, 3);
	OK(store_begin(s, STORE_WRITE));
	first = add_key(s, 1);
	other = add_key(s, 3);
	second = add_key(s, 1);
	OK(foresee_numbers(s, &credential_type, "device", 0, 3));
	seen = keys_of(s, 1, 0);
	assert_int_equal(seen.n, 2);
	assert_true(seen.ids[0] == first && seen.ids[1] == second);
	assert_int_equal(keys_of(s, 1, 1).n, 1);
	assert_int_equal(keys_of(s, 2, 0).n, 0);
	assert_true(keys_of(s, 3, 0).ids[0] == other);
	store_rollback(s);
}

/* One row that has two of the values is none of the others'. */
static void test_texts(void **state)
{
	static const char *const ids[] = { "dev-1", "dev-2", "dev-9", "dev-1", NULL, "" };
	struct store *s = ((struct fixture *)*state)->s;

	make_devices(s, 3);
	OK(store_begin(s, STORE_READ));
	foresee_ids(s, ids, ARRAY_LEN(ids));
	assert_int_equal(who_is(s, "dev-1"), 1);
	assert_int_equal(who_is(s, "dev-2"), 2);
	assert_int_equal(who_is(s, "dev-3"), 3);
	assert_int_equal(who_is(s, "dev-9"), 0);
	assert_int_equal(who_is(s, ""), 0);
	store_rollback(s);
}

/* By a hash, of which the index has the head alone. */
static void test_hashes(void **state)
{
	struct store *s = ((struct fixture *)*state)->s;
	const char hashes[3][33] = { "0123456789ab-one----------------", "0123456789ab-two----------------",
				     "other---------------------------" };
	const struct store_cond its = { .field = "fingerprint" };
	const struct store_query q = { .conds = &its, .n = 1 };
	struct store_place places[3] = { 0 };
	const struct store_alike a = { &q, 0, places, 3 };

	for (size_t i = 0; i < 3; i++)
		places[i].bytes = BYTES(hashes[i], 32);
	OK(store_begin(s, STORE_WRITE));
	for (size_t i = 0; i < 3; i += 2) {
		SCOPED(credential) c = { .tenant = 1 };

		OK(blob_set(&c.fingerprint, BYTES(hashes[i], 32)));
		OK(store_insert(s, &c));
	}
	OK(store_foresee(s, &credential_type, &a));
	for (size_t i = 0; i < 3; i++) {
		const struct store_cond one = { .field = "fingerprint", .bytes = BYTES(hashes[i], 32) };
		SCOPED(credential) c = { 0 };

		FAILS(i == 1 ? INRO_E_NOT_FOUND : INRO_OK,
		      store_find(s, (&(struct store_query) { .conds = &one, .n = 1 }), &c));
		if (i != 1)
			assert_memory_equal(c.fingerprint.p, hashes[i], 32);
	}
	store_rollback(s);
}

/* More than are kept: they are asked one by one. */
static void test_too_many(void **state)
{
	struct store *s = ((struct fixture *)*state)->s;
	const struct store_cond its = { .field = "device", .number = 1 };
	const struct store_query q = { .conds = &its, .n = 1 };
	int64_t n;

	make_devices(s, 2);
	OK(store_begin(s, STORE_WRITE));
	store_defer(s);
	for (int i = 0; i < 4200; i++)
		add_key(s, 1);
	add_key(s, 2);
	OK(foresee_numbers(s, &credential_type, "device", 1, 2));
	OK(store_count(s, &credential_type, &q, &n));
	assert_int_equal(n, 4200);
	assert_int_equal(keys_of(s, 1, 1).n, 1);
	assert_int_equal(keys_of(s, 2, 0).n, 1);
	OK(store_commit(s));
}

/* ---- it is read before ---- */

/* The proof that it is: what another changed meanwhile, where nobody else may, is not seen. */
static void test_ahead(void **state)
{
	const struct fixture *f = *state;
	struct store *s = f->s;
	SCOPED(device) d = { 0 };

	if (!is_postgres(f))
		return;
	make_devices(s, 2);
	OK(store_begin(s, STORE_WRITE));
	OK(foresee_numbers(s, &device_type, "id", 1, 2));
	change_behind(f, "UPDATE device SET name = 'behind' WHERE id = 1");
	OK(store_get(s, 1, &d));
	assert_string_equal(text_or_empty(d.name), "");
	store_rollback(s);
	device_clear(&d);
	OK(store_begin(s, STORE_WRITE));
	OK(store_get(s, 1, &d));
	assert_string_equal(text_or_empty(d.name), "behind"); /* the transaction was another */
	store_rollback(s);
}

/* ---- written meanwhile ---- */

static void rename_it(struct store *s, int64_t id, const char *to)
{
	SCOPED(device) d = a_device(to);

	d.id = id;
	OK(store_update(s, &d));
}

static void move_it(struct store *s, int64_t id, enum device_state to)
{
	SCOPED(device) d = { .id = id, .state = to };

	OK(store_update_row(s, &device_move_type, &d));
}

static void erase_it(struct store *s, int64_t id)
{
	const struct store_cond one = { .field = "id", .number = id };
	int64_t n;

	OK(store_delete(s, &device_type, &(struct store_query) { .conds = &one, .n = 1 }, &n));
	assert_int_equal(n, 1);
}

static const char *const four[] = { "dev-1", "dev-2", "dev-3", "new" };

static void begin(struct store *s, bool defers)
{
	OK(store_begin(s, STORE_WRITE));
	if (defers)
		store_defer(s);
	foresee_ids(s, four, ARRAY_LEN(four));
	OK(foresee_numbers(s, &device_type, "id", 1, 4));
	OK(foresee_numbers(s, &credential_type, "device", 1, 4));
}

static void test_written(void **state)
{
	struct store *s = ((struct fixture *)*state)->s;

	make_devices(s, 3);
	for (int defers = 0; defers < 2; defers++) {
		SCOPED(device) d = { 0 };

		begin(s, defers);
		rename_it(s, 2, "new");
		assert_int_equal(who_is(s, "dev-2"), 0);
		assert_int_equal(who_is(s, "new"), 2);
		assert_int_equal(who_is(s, "dev-1"), 1);
		OK(store_get(s, 2, &d));
		assert_string_equal(d.device_id, "new");
		add_device(s, "dev-2");
		assert_int_equal(who_is(s, "dev-2"), 4);
		device_clear(&d);
		OK(store_get(s, 4, &d));
		device_clear(&d);
		move_it(s, 1, DEVICE_DISABLED);
		OK(store_get(s, 1, &d));
		assert_int_equal(d.state, DEVICE_DISABLED);
		erase_it(s, 3);
		assert_int_equal(who_is(s, "dev-3"), 0);
		assert_int_equal(keys_of(s, 1, 0).n, 0);
		add_key(s, 1);
		assert_int_equal(keys_of(s, 1, 0).n, 1);
		assert_int_equal(keys_of(s, 2, 0).n, 0);
		store_rollback(s);
	}
}

/* A change of its state alone makes a row be found, or no more; the record that says so has nothing else. */
static void test_moved(void **state)
{
	struct store *s = ((struct fixture *)*state)->s;

	make_devices(s, 3);
	for (int defers = 0; defers < 2; defers++) {
		begin(s, defers);
		move_it(s, 2, DEVICE_DELETED);
		assert_int_equal(who_is(s, "dev-2"), 0);
		assert_int_equal(who_is(s, "dev-1"), 1);
		foresee_ids(s, four, ARRAY_LEN(four));
		move_it(s, 2, DEVICE_ACTIVE);
		assert_int_equal(who_is(s, "dev-2"), 2);
		store_rollback(s);
	}
}

/* What was undone was never there. */
static void test_undone(void **state)
{
	struct store *s = ((struct fixture *)*state)->s;

	make_devices(s, 3);
	begin(s, false);
	OK(store_savepoint(s));
	rename_it(s, 2, "new");
	foresee_ids(s, four, ARRAY_LEN(four));
	assert_int_equal(who_is(s, "new"), 2);
	OK(store_rollback_to(s));
	assert_int_equal(who_is(s, "new"), 0);
	assert_int_equal(who_is(s, "dev-2"), 2);
	store_rollback(s);
	OK(store_begin(s, STORE_WRITE));
	foresee_ids(s, four, ARRAY_LEN(four));
	rename_it(s, 1, "new");
	store_rollback(s);
	assert_int_equal(who_is(s, "new"), 0);
	assert_int_equal(who_is(s, "dev-1"), 1);
}

/* ---- what is none ---- */

static void test_refused(void **state)
{
	struct store *s = ((struct fixture *)*state)->s;
	const struct store_cond some = { .field = "id", .op = STORE_GT };
	const struct store_query q = { .conds = &some, .n = 1 };
	const struct store_cond others[] = { { .field = "id" }, { .op = STORE_OR }, { .field = "grp" } };
	const struct store_query either = { STORE_WHERE(others) };
	const struct store_place one = { .number = 1 };

	FAILS(INRO_E_STATE, foresee_numbers(s, &device_type, "id", 1, 2));
	OK(store_begin(s, STORE_READ));
	FAILS(INRO_E_ARG, foresee_numbers(s, &device_type, "colour", 1, 2));
	FAILS(INRO_E_ARG, foresee_numbers(s, &device_type, "state", 1, 2));
	FAILS(INRO_E_ARG, store_foresee(s, &device_type, (&(struct store_alike) { &q, 0, &one, 1 })));
	FAILS(INRO_E_ARG, store_foresee(s, &device_type, (&(struct store_alike) { &q, 1, &one, 1 })));
	FAILS(INRO_E_ARG, store_foresee(s, &device_type, (&(struct store_alike) { &either, 0, &one, 1 })));
	OK(foresee_numbers(s, &device_type, "id", 2, 1));
	OK(foresee_numbers(s, &device_type, "grp", 0, 0));
	store_rollback(s);
}

/* ---- a server that fails ---- */

static void test_crash(void **state)
{
	const struct fixture *f = *state;
	struct store *s = f->s;
	SCOPED(device) d = { 0 };

	if (!is_postgres(f))
		return;
	make_devices(s, 3);
	for (int known = 0; known < 2; known++) {
		OK(store_begin(s, STORE_WRITE));
		store_defer(s);
		rename_it(s, 1, "lost");
		if (known)
			OK(foresee_numbers(s, &device_type, "id", 1, 3));
		postgres_crash();
		if (!known)
			FAILS(INRO_E_BUSY, foresee_numbers(s, &device_type, "id", 1, 3));
		else
			rename_it(s, 2, "lost, too");
		FAILS(INRO_E_BUSY, store_commit(s));
		assert_int_equal(who_is(s, "dev-1"), 1);
	}
	OK(store_begin(s, STORE_WRITE));
	OK(foresee_numbers(s, &device_type, "id", 1, 3));
	OK(store_get(s, 2, &d));
	assert_string_equal(d.device_id, "dev-2");
	OK(store_commit(s));
}

/* What another transaction undid is read anew by the next try. */
static void test_conflict(void **state)
{
	const struct fixture *f = *state;
	struct store *s = f->s;

	if (!is_postgres(f))
		return;
	make_devices(s, 3);
	change_behind(f, "CREATE SEQUENCE tries; CREATE FUNCTION fails() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN IF "
			 "nextval(''tries'') = 1 THEN RAISE EXCEPTION ''in the way'' USING ERRCODE = ''40001''; END IF; "
			 "RETURN NEW; END'; CREATE TRIGGER fails BEFORE UPDATE ON device FOR EACH ROW EXECUTE FUNCTION fails()");
	for (int tries = 0; tries < 2; tries++) {
		SCOPED(device) d = { 0 };

		OK(store_begin(s, STORE_WRITE));
		store_defer(s);
		OK(foresee_numbers(s, &device_type, "id", 1, 3));
		OK(store_get(s, 1, &d));
		assert_int_equal(d.state, DEVICE_ACTIVE);
		move_it(s, 1, DEVICE_DISABLED);
		FAILS(tries ? INRO_OK : INRO_E_BUSY, store_commit(s));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, stores_setup, stores_teardown)
		TEST(test_same),   TEST(test_lists),   TEST(test_texts),  TEST(test_hashes),
		TEST(test_ahead),  TEST(test_too_many), TEST(test_written), TEST(test_moved),
		TEST(test_undone), TEST(test_refused), TEST(test_crash),  TEST(test_conflict),
	};

	return stores_run(tests, ARRAY_LEN(tests));
}
