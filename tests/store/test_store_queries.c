/* test_store_queries - what every store promises of questions: conditions, order, pages; each kind of database runs all of it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "backoffice/store/store.h"
#include "tests/lib/stores.h"

#define OK(x)	    assert_int_equal(x, INRO_OK)
#define FAILS(e, x) assert_int_equal(x, e)

static enum inro_err take_id(void *arg, void *record)
{
	struct device *d = record;
	int64_t *last = arg;

	assert_int_not_equal(d->id, *last);
	*last = d->id;
	return INRO_OK;
}

static enum inro_err stop(void *arg, void *record)
{
	(void)record;
	(*(int *)arg)++;
	return err_set(INRO_E_STATE, "enough");
}

static void test_pages(void **state)
{
	struct store *s = ((struct fixture *)*state)->s;
	struct store_query q = { .limit = 10 };
	int64_t last = 0;
	int calls = 0;
	char id[16];

	OK(store_begin(s, STORE_WRITE));
	for (int i = 0; i < 35; i++) {
		snprintf(id, sizeof id, "d%02d", i);
		add_device(s, id);
	}
	OK(store_commit(s));
	for (int page = 0; page < 4; page++) {
		q.after = last;
		OK(store_each(s, &device_type, &q, take_id, &last));
		assert_int_equal(last, page < 3 ? (page + 1) * 10 : 35);
	}
	q = (struct store_query) { .limit = 10, .backward = true };
	last = 0;
	OK(store_each(s, &device_type, &q, take_id, &last));
	assert_int_equal(last, 26);
	q.after = last;
	OK(store_each(s, &device_type, &q, take_id, &last));
	assert_int_equal(last, 16);
	FAILS(INRO_E_STATE, store_each(s, &device_type, &q, stop, &calls));
	assert_int_equal(calls, 1);
}

struct seen {
	int64_t sum, rows, stop_at;
};

static enum inro_err see_listed(void *arg, void *record)
{
	struct seen *seen = arg;
	const struct listed *l = record;

	assert_int_equal(l->serial.n, 2);
	assert_int_equal(l->revoked_at, 0);
	seen->sum += l->serial.p[1] - '0';
	return ++seen->rows == seen->stop_at ? err_set(INRO_E_STATE, "enough") : INRO_OK;
}

static void test_without_order(void **state)
{
	struct store *s = ((struct fixture *)*state)->s;
	const struct store_cond above[] = { { .field = "id", .op = STORE_GT, .number = 2 } };
	struct store_query q = { .unordered = true };
	struct seen all = { 0 }, some = { 0 }, two = { .stop_at = 2 };
	int64_t ca, id;

	OK(store_begin(s, STORE_WRITE));
	ca = add_ca(s, "ca");
	for (int i = 1; i < 6; i++)
		OK(add_credential(s, ca, (char[]) { 's', (char)('0' + i), 0 },
				  (char[]) { 'p', (char)('0' + i), 0 }, &id));
	OK(store_commit(s));
	OK(store_each(s, &listed_type, &q, see_listed, &all));
	assert_int_equal(all.sum, 15);
	FAILS(INRO_E_STATE, store_each(s, &listed_entry_type, &q, see_listed, &two));
	assert_int_equal(two.rows, 2);
	assert_string_equal(err_detail(INRO_E_STATE), "enough");
	FAILS(INRO_E_ARG, store_each(s, &credential_type, &q, see_listed, &all));
	q = (struct store_query) { STORE_WHERE(above), .unordered = true };
	OK(store_each(s, &listed_entry_type, &q, see_listed, &some));
	assert_int_equal(some.rows, 3);
	q.limit = 1;
	FAILS(INRO_E_ARG, store_each(s, &listed_entry_type, &q, see_listed, &some));
}

static int64_t matches(struct store *s, const struct store_cond *conds, size_t n)
{
	const struct store_query q = { .conds = conds, .n = n };
	int64_t found = -1;

	OK(store_count(s, &device_type, &q, &found));
	return found;
}

static void test_conditions(void **state)
{
	struct store *s = ((struct fixture *)*state)->s;
	const struct store_cond low[] = { { .field = "id", .op = STORE_LT, .number = 3 } };
	const struct store_cond high[] = { { .field = "id", .op = STORE_GE, .number = 3 } };
	const struct store_cond state_is[] = { { .field = "state", .number = DEVICE_ACTIVE },
					       { .field = "id", .op = STORE_NE, .number = 1 } };
	const struct store_cond either[] = { { .field = "id", .number = 1 },
					     { .op = STORE_OR },
					     { .field = "id", .number = 4 },
					     { .field = "device_id", .text = "b2" } };
	const struct store_cond prefix[] = {
		{ .field = "device_id", .op = STORE_PREFIX, .text = "a" }
	};
	/* None has any of these. */
	const struct store_cond others[] = { { .field = "serial", .op = STORE_NE, .text = "17" },
					     { .field = "grp", .op = STORE_NE, .number = 7 },
					     { .field = "anchor", .op = STORE_NE, .bytes = bytes_of("x") },
					     { .field = "id", .op = STORE_NE, .number = 1 } };
	const struct store_cond less[] = { { .field = "serial", .op = STORE_LT, .text = "17" } };

	OK(store_begin(s, STORE_WRITE));
	add_device(s, "a1");
	add_device(s, "a2");
	add_device(s, "b1");
	add_device(s, "b2");
	OK(store_commit(s));
	assert_int_equal(matches(s, low, 1), 2);
	assert_int_equal(matches(s, high, 1), 2);
	assert_int_equal(matches(s, state_is, 2), 3);
	assert_int_equal(matches(s, either, 4), 2);
	assert_int_equal(matches(s, prefix, 1), 2);
	assert_int_equal(matches(s, others, ARRAY_LEN(others)), 3);
	assert_int_equal(matches(s, less, 1), 0);
	assert_int_equal(matches(s, NULL, 0), 4);
}

/* Those with capitals alone; by A to Z in both kinds of database. */
static void test_small_letters(void **state)
{
	struct store *s = ((struct fixture *)*state)->s;
	struct store_cond small = { .field = "device_id", .op = STORE_SMALL, .text = "press-1" };
	const struct store_query q = { .conds = &small, .n = 1 };
	SCOPED(device) d = { 0 };

	OK(store_begin(s, STORE_WRITE));
	add_device(s, "press-1");
	add_device(s, "Press-1");
	add_device(s, "PRESS-1");
	add_device(s, "PRESS-2");
	add_device(s, "pr\xc3\x84ss-1");
	OK(store_commit(s));
	assert_int_equal(matches(s, &small, 1), 2);
	small.text = "press-2";
	OK(store_find(s, &q, &d));
	assert_string_equal(d.device_id, "PRESS-2");
	small.text = "PRESS-1";
	assert_int_equal(matches(s, &small, 1), 0);
	small.text = "pr\xc3\xa4ss-1";
	assert_int_equal(matches(s, &small, 1), 0);
	small.field = "state";
	FAILS(INRO_E_ARG, store_find(s, &q, &d));
}

static int64_t count_states(struct store *s, const int64_t *states, size_t n)
{
	const struct store_cond in = {
		.field = "state", .op = STORE_IN, .numbers = states, .n = n
	};

	return matches(s, &in, 1);
}

static void test_ranges_and_sets(void **state)
{
	static const int64_t states[] = { DEVICE_ACTIVE, DEVICE_DISABLED, DEVICE_DELETED };
	struct store *s = ((struct fixture *)*state)->s;
	const struct store_cond le = { .field = "id", .op = STORE_LE, .number = 2 };
	const struct store_cond gt = { .field = "id", .op = STORE_GT, .number = 2 };
	struct store_cond bad = { .field = "name", .op = STORE_IN, .numbers = states, .n = 2 };
	struct store_query q = { .conds = &bad, .n = 1 };
	SCOPED(device) d = a_device("off");

	OK(store_begin(s, STORE_WRITE));
	add_device(s, "a");
	add_device(s, "b");
	d.state = DEVICE_DISABLED;
	OK(store_insert(s, &d));
	OK(store_commit(s));
	assert_int_equal(matches(s, &le, 1), 2);
	assert_int_equal(matches(s, &gt, 1), 1);
	assert_int_equal(count_states(s, states, 1), 2);
	assert_int_equal(count_states(s, states, 3), 3);
	assert_int_equal(count_states(s, states + 1, 2), 1);
	record_clear(&device_type, &d);
	FAILS(INRO_E_ARG, store_find(s, &q, &d));
	bad = (struct store_cond) { .field = "state", .op = STORE_IN, .numbers = states };
	FAILS(INRO_E_ARG, store_find(s, &q, &d));
}

/* Rows of a list as one text: "b:2 b:4 ". */
struct told {
	char text[512];
	struct store_query *q;
	char last[64];
};

static enum inro_err tell(void *arg, void *record)
{
	struct device *d = record;
	struct told *t = arg;
	size_t n = strlen(t->text);

	snprintf(t->text + n, sizeof t->text - n, "%s:%lld ", text_or_empty(d->name),
		 (long long)d->id);
	snprintf(t->last, sizeof t->last, "%s", text_or_empty(d->name));
	t->q->after = d->id;
	t->q->at.text = t->last;
	return INRO_OK;
}

static void ordered_part(struct store *s, struct store_query q, const char *want)
{
	struct told t = { .q = &q };

	q.order = "name";

	for (int page = 0; page < 10; page++)
		OK(store_each(s, &device_type, &q, tell, &t));
	assert_string_equal(t.text, want);
}

static void ordered(struct store *s, bool backward, size_t limit, const char *want)
{
	ordered_part(s, (struct store_query) { .backward = backward, .limit = limit }, want);
}

/* By octets on every store: capitals first, then small letters, then what is not ASCII. */
static void test_order_by_a_field(void **state)
{
	static const char *const names[] = { "b", "a", "\xc3\xa4", "b", "B", "", "\xe5\x8d\xb0" };
	static const char forward[] = ":6 B:5 a:2 b:1 b:4 \xc3\xa4:3 \xe5\x8d\xb0:7 ";
	struct store *s = ((struct fixture *)*state)->s;
	struct store_query q = { .order = "serial" };
	int64_t last = 0;

	OK(store_begin(s, STORE_WRITE));
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		SCOPED(device) d = a_device((char[]) { (char)('0' + i), 0 });

		OK(text_set(&d.name, names[i]));
		if (i == 3)
			OK(text_set(&d.serial, "s"));
		OK(store_insert(s, &d));
	}
	OK(store_commit(s));
	ordered(s, false, 1, forward);
	ordered(s, false, 2, forward);
	ordered(s, false, 3, forward);
	ordered(s, true, 2, "\xe5\x8d\xb0:7 \xc3\xa4:3 b:4 b:1 a:2 B:5 :6 ");
	OK(store_each(s, &device_type, &q, take_id, &last));
	assert_int_equal(last, 4); /* the only one that has a serial */
	q.after = 4;
	FAILS(INRO_E_ARG, store_each(s, &device_type, &q, take_id, &last));
	q = (struct store_query) { .order = "name; --" };
	FAILS(INRO_E_ARG, store_each(s, &device_type, &q, take_id, &last));
	q = (struct store_query) { .order = "state", .limit = 3 };
	OK(store_each(s, &device_type, &q, take_id, &last));
	assert_int_equal(last, 3);
	q.after = 3;
	q.at.number = DEVICE_ACTIVE;
	OK(store_each(s, &device_type, &q, take_id, &last));
	assert_int_equal(last, 6);
}

/* Bounds on the order's own field, beside the place that a page begins behind. */
static void test_order_of_a_part(void **state)
{
	static const char *const names[] = { "b", "a", "bc", "b", "c", "b" };
	static const struct store_cond begins[] = {
		{ .field = "name", .op = STORE_PREFIX, .text = "b" },
	};
	static const struct store_cond between[] = {
		{ .field = "name", .op = STORE_GE, .text = "b" },
		{ .field = "name", .op = STORE_LT, .text = "c" },
	};
	static const struct store_cond either[] = {
		{ .field = "name", .op = STORE_GE, .text = "c" },
		{ .op = STORE_OR },
		{ .field = "name", .op = STORE_LT, .text = "b" },
	};
	struct store *s = ((struct fixture *)*state)->s;

	OK(store_begin(s, STORE_WRITE));
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		SCOPED(device) d = a_device((char[]) { (char)('0' + i), 0 });

		OK(text_set(&d.name, names[i]));
		OK(store_insert(s, &d));
	}
	OK(store_commit(s));
	for (size_t limit = 1; limit < 4; limit++) {
		struct store_query q = { STORE_WHERE(begins), .limit = limit };

		ordered_part(s, q, "b:1 b:4 b:6 bc:3 ");
		q.backward = true;
		ordered_part(s, q, "bc:3 b:6 b:4 b:1 ");
		q = (struct store_query) { STORE_WHERE(between), .limit = limit };
		ordered_part(s, q, "b:1 b:4 b:6 bc:3 ");
		q.backward = true;
		ordered_part(s, q, "bc:3 b:6 b:4 b:1 ");
		q = (struct store_query) { STORE_WHERE(either), .limit = limit };
		ordered_part(s, q, "a:2 c:5 ");
	}
}

/* More shapes of queries than a store's table of statements starts with. */
static void test_many_statements(void **state)
{
	static const char *const fields[] = { "name", "ip", "mac", "hostname", "os" };
	struct store *s = ((struct fixture *)*state)->s;
	struct store_cond c[2] = { { .text = "" }, { .text = "" } };

	OK(store_begin(s, STORE_WRITE));
	add_device(s, "a");
	OK(store_commit(s));
	for (int round = 0; round < 2; round++) {
		for (unsigned i = 0; i < 5 * 5 * 4; i++) {
			c[0].field = fields[i % 5];
			c[1].field = fields[i / 5 % 5];
			c[0].op = i / 25 & 1 ? STORE_GE : STORE_EQ;
			c[1].op = i / 50 & 1 ? STORE_LE : STORE_EQ;
			assert_int_equal(matches(s, c, 2), 1);
		}
	}
}

static void test_none_and_some(void **state)
{
	struct store *s = ((struct fixture *)*state)->s;
	const struct store_cond none = { .field = "ca", .op = STORE_NONE };
	const struct store_cond some = { .field = "ca", .op = STORE_SOME };
	const struct store_cond print = { .field = "fingerprint",
					  .op = STORE_PREFIX,
					  .bytes = BYTES("\xff\xff", 2) };
	struct store_query q = { .conds = &none, .n = 1 };
	int64_t id, n;

	OK(store_begin(s, STORE_WRITE));
	OK(add_credential(s, add_ca(s, "x"), "a", "\xff\xff\x01", &id));
	OK(add_credential(s, 0, "a", "\xff\xfe\xff", &id));
	OK(store_commit(s));
	OK(store_count(s, &credential_type, &q, &n));
	assert_int_equal(n, 1);
	q.conds = &some;
	OK(store_count(s, &credential_type, &q, &n));
	assert_int_equal(n, 1);
	q.conds = &print;
	OK(store_count(s, &credential_type, &q, &n));
	assert_int_equal(n, 1);
}

/* Hashes with the same beginning as far as an index has them: they are told apart, and in order. */
static void test_hashes_alike(void **state)
{
	static const char *const hashes[] = { "the same twelve octets, c", "the same twelve octets, a",
					      "the same twelve octets, b", "the same twel", "another" };
	static const int64_t in_order[] = { 5, 4, 2, 3, 1 };
	struct store *s = ((struct fixture *)*state)->s;
	struct store_cond cond = { .field = "key_hash", .bytes = bytes_of(hashes[1]) };
	struct store_query q = { .conds = &cond, .n = 1 };
	SCOPED(credential) found = { 0 };
	int64_t n;

	OK(store_begin(s, STORE_WRITE));
	for (size_t i = 0; i < ARRAY_LEN(hashes); i++) {
		SCOPED(credential) c = { .tenant = 1 };

		OK(blob_set(&c.key_hash, bytes_of(hashes[i])));
		OK(store_insert(s, &c));
	}
	OK(store_commit(s));
	OK(store_find(s, &q, &found));
	assert_int_equal(found.id, 2);
	cond = (struct store_cond) { .field = "key_hash", .op = STORE_PREFIX, .bytes = bytes_of("the same twelve") };
	OK(store_count(s, &credential_type, &q, &n));
	assert_int_equal(n, 3);
	cond.op = STORE_GT;
	cond.bytes = bytes_of(hashes[2]);
	OK(store_count(s, &credential_type, &q, &n));
	assert_int_equal(n, 1);
	q = (struct store_query) { .order = "key_hash", .limit = 1 };
	for (size_t i = 0; i < ARRAY_LEN(in_order); i++) {
		credential_clear(&found);
		OK(store_find(s, &q, &found));
		assert_int_equal(found.id, in_order[i]);
		q.after = found.id;
		q.at.bytes = bytes_of(hashes[found.id - 1]);
	}
	credential_clear(&found);
	FAILS(INRO_E_NOT_FOUND, store_find(s, &q, &found));
}

static void test_bad_queries(void **state)
{
	struct store *s = ((struct fixture *)*state)->s;
	struct store_cond conds[STORE_COND_MAX + 1] = { { .field = "id; --" } };
	struct store_query q = { .conds = conds, .n = 1 };
	SCOPED(device) d = { 0 };
	char longest[300];
	int64_t n;

	FAILS(INRO_E_ARG, store_find(s, &q, &d));
	conds[0] = (struct store_cond) { .field = "state", .number = DEVICE_STATE__MAX };
	FAILS(INRO_E_ARG, store_find(s, &q, &d));
	conds[0] = (struct store_cond) { .field = "id", .op = STORE_PREFIX };
	FAILS(INRO_E_ARG, store_find(s, &q, &d));
	conds[0] = (struct store_cond) { .field = "cert", .bytes = bytes_of("0") };
	FAILS(INRO_E_ARG, store_count(s, &credential_type, &q, &n));
	conds[0].op = STORE_SOME;
	OK(store_count(s, &credential_type, &q, &n));
	conds[0].field = "form_body";
	FAILS(INRO_E_ARG, store_count(s, &credential_type, &q, &n));
	memset(longest, 'x', sizeof longest);
	longest[sizeof longest - 1] = 0;
	conds[0] = (struct store_cond) { .field = "name", .op = STORE_PREFIX, .text = longest };
	FAILS(INRO_E_TOO_BIG, store_find(s, &q, &d));
	longest[256] = 0;
	FAILS(INRO_E_NOT_FOUND, store_find(s, &q, &d));
	q.n = STORE_COND_MAX + 1;
	FAILS(INRO_E_TOO_BIG, store_find(s, &q, &d));
}

static enum inro_err find_by(struct store *s, const char *field, const char *text, size_t limit,
			     int64_t *ret)
{
	const struct store_cond by = { .field = field, .text = text };
	const struct store_query q = { .conds = &by, .n = 1, .limit = limit, .any_first = limit != 0 };
	SCOPED(device) d = { 0 };
	enum inro_err e = store_find(s, &q, &d);

	*ret = d.id;
	return e;
}

/* The same words with other values, with other words between, and the same conditions in another order: each is
 * asked for by the statement that is its own. */
static void test_words_and_values(void **state)
{
	struct store *s = ((struct fixture *)*state)->s;
	const struct store_cond ways[][2] = {
		{ { .field = "name", .text = "b" }, { .field = "ip", .op = STORE_NE, .text = "b" } },
		{ { .field = "ip", .text = "b" }, { .field = "name", .op = STORE_NE, .text = "b" } },
		{ { .field = "name", .op = STORE_NE, .text = "b" }, { .field = "ip", .text = "b" } },
		{ { .field = "ip", .op = STORE_NE, .text = "b" }, { .field = "name", .text = "b" } },
	};
	static const int64_t whose[] = { 1, 2, 2, 1 };

	OK(store_begin(s, STORE_WRITE));
	for (int i = 0; i < 2; i++) {
		SCOPED(device) d = a_device(i ? "two" : "one");

		OK(text_set(&d.name, i ? "a" : "b"));
		OK(text_set(&d.ip, i ? "b" : "a"));
		OK(store_insert(s, &d));
	}
	OK(store_commit(s));
	for (size_t i = 0; i < 3 * ARRAY_LEN(ways); i++) {
		const struct store_query q = { .conds = ways[i % ARRAY_LEN(ways)], .n = 2 };
		SCOPED(device) found = { 0 };

		OK(store_find(s, &q, &found));
		assert_int_equal(found.id, whose[i % ARRAY_LEN(ways)]);
		assert_int_equal(matches(s, q.conds, 2), 1);
	}
}

/* In a transaction a device is asked for twice and read once, and what is written in between counts. */
static void test_a_device_read_again(void **state)
{
	struct fixture *f = *state;
	struct store *other = open_at(f);
	SCOPED(device) d = { 0 };
	int64_t id;

	OK(store_begin(f->s, STORE_WRITE));
	add_device(f->s, "a");
	OK(store_get(f->s, 1, &d));
	OK(text_set(&d.name, "first"));
	OK(store_update(f->s, &d));
	OK(find_by(f->s, "name", "first", 1, &id));
	OK(store_savepoint(f->s));
	OK(text_set(&d.name, "second"));
	OK(store_update(f->s, &d));
	device_clear(&d);
	OK(store_get(f->s, 1, &d));
	assert_string_equal(d.name, "second");
	OK(store_rollback_to(f->s));
	for (int i = 0; i < 2; i++) {
		device_clear(&d);
		OK(store_get(f->s, 1, &d));
		assert_string_equal(d.name, "first");
	}
	OK(store_commit(f->s));
	OK(store_begin(f->s, STORE_READ));
	device_clear(&d);
	OK(store_get(f->s, 1, &d));
	OK(store_begin(other, STORE_WRITE));
	OK(text_set(&d.name, "third"));
	OK(store_update(other, &d));
	OK(store_commit(other));
	device_clear(&d);
	OK(store_get(f->s, 1, &d));
	assert_string_equal(d.name, "first"); /* one view */
	FAILS(INRO_E_NOT_FOUND, find_by(f->s, "name", "third", 0, &id));
	store_rollback(f->s);
	OK(store_begin(f->s, STORE_READ));
	device_clear(&d);
	OK(store_get(f->s, 1, &d));
	assert_string_equal(d.name, "third");
	OK(find_by(f->s, "name", "third", 0, &id));
	assert_int_equal(id, 1);
	store_close(other);
}

static void test_find_one(void **state)
{
	struct store *s = ((struct fixture *)*state)->s;
	const struct store_query all = { 0 }, any = { .limit = 1, .any_first = true };
	SCOPED(device) d = { 0 };

	FAILS(INRO_E_NOT_FOUND, store_find(s, &all, &d));
	FAILS(INRO_E_NOT_FOUND, store_get(s, 1, &d));
	OK(store_begin(s, STORE_WRITE));
	add_device(s, "a");
	add_device(s, "b");
	OK(store_commit(s));
	FAILS(INRO_E_AMBIGUOUS, store_find(s, &all, &d));
	assert_null(d.device_id);
	OK(store_find(s, &any, &d)); /* either is right */
	assert_non_null(d.device_id);
	device_clear(&d);
	OK(store_get(s, 2, &d));
	assert_string_equal(d.device_id, "b");
}

static const struct CMUnitTest queries[] = {
	cmocka_unit_test_setup_teardown(test_pages, stores_setup, stores_teardown),
	cmocka_unit_test_setup_teardown(test_without_order, stores_setup, stores_teardown),
	cmocka_unit_test_setup_teardown(test_conditions, stores_setup, stores_teardown),
	cmocka_unit_test_setup_teardown(test_small_letters, stores_setup, stores_teardown),
	cmocka_unit_test_setup_teardown(test_ranges_and_sets, stores_setup, stores_teardown),
	cmocka_unit_test_setup_teardown(test_order_by_a_field, stores_setup, stores_teardown),
	cmocka_unit_test_setup_teardown(test_order_of_a_part, stores_setup, stores_teardown),
	cmocka_unit_test_setup_teardown(test_many_statements, stores_setup, stores_teardown),
	cmocka_unit_test_setup_teardown(test_none_and_some, stores_setup, stores_teardown),
	cmocka_unit_test_setup_teardown(test_hashes_alike, stores_setup, stores_teardown),
	cmocka_unit_test_setup_teardown(test_bad_queries, stores_setup, stores_teardown),
	cmocka_unit_test_setup_teardown(test_words_and_values, stores_setup, stores_teardown),
	cmocka_unit_test_setup_teardown(test_a_device_read_again, stores_setup, stores_teardown),
	cmocka_unit_test_setup_teardown(test_find_one, stores_setup, stores_teardown),
};

int main(void)
{
	return stores_run(queries, ARRAY_LEN(queries));
}
