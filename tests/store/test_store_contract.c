/* test_store_contract - what every store promises of rows and transactions; each kind of database runs all of it. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#include "backoffice/store/store.h"
#include "tests/lib/scratch.h"
#include "tests/lib/stores.h"

#define OK(x)	    assert_int_equal(x, INRO_OK)
#define FAILS(e, x) assert_int_equal(x, e)

/* What SQL would choke on if a value became a part of it, and what people in a factory write. */
static const char *const odd_texts[] = {
	"'; DROP TABLE device; --",
	"\"device\"",
	"%",
	"_%\\",
	"?1",
	"$1",
	"プレス機一号",
	"印籠 ✓",
	"NULL",
};

static void test_every_field_comes_back(void **state)
{
	struct store *s = ((struct fixture *)*state)->s;
	SCOPED(credential) in = { .tenant = 1, .kind = CRED_CERTIFICATE, .state = CRED_SUSPENDED };
	SCOPED(credential) out = { 0 };

	OK(store_begin(s, STORE_WRITE));
	in.ca = add_ca(s, "c");
	in.own_ca = in.ca;
	in.device = add_device(s, "d");
	OK(text_set(&in.profile, "p"));
	OK(text_set(&in.subject, "CN=プレス機"));
	OK(text_set(&in.key_uri, "pkcs11:object=a'b"));
	OK(blob_set(&in.serial, BYTES("\0\1\2\377", 4)));
	OK(blob_set(&in.cert, BYTES("0\0", 2)));
	in.not_before = -1;
	in.not_after = INT64_C(253402300799);
	in.reason = 6;
	in.revoked_at = 5;
	in.created_ms = INT64_MAX;
	OK(store_insert(s, &in));
	OK(store_commit(s));
	OK(store_get(s, in.id, &out));
	assert_int_equal(out.id, in.id);
	assert_int_equal(out.state, CRED_SUSPENDED);
	assert_int_equal(out.ca, in.ca);
	assert_int_equal(out.own_ca, in.ca);
	assert_int_equal(out.device, in.device);
	assert_int_equal(out.not_before, -1);
	assert_int_equal(out.not_after, in.not_after);
	assert_int_equal(out.created_ms, INT64_MAX);
	assert_int_equal(out.revoked_at, 5);
	assert_int_equal(out.invalid_at, 0);
	assert_int_equal(out.replaces, 0);
	assert_string_equal(out.subject, in.subject);
	assert_string_equal(out.key_uri, in.key_uri);
	assert_true(bytes_equal(blob_bytes(&out.serial), blob_bytes(&in.serial)));
	assert_true(bytes_equal(blob_bytes(&out.cert), blob_bytes(&in.cert)));
	assert_int_equal(out.fingerprint.n, 0);
}

static void test_odd_texts_are_values(void **state)
{
	struct store *s = ((struct fixture *)*state)->s;

	OK(store_begin(s, STORE_WRITE));
	for (size_t i = 0; i < ARRAY_LEN(odd_texts); i++) {
		SCOPED(device) d = a_device(odd_texts[i]);

		OK(text_set(&d.name, odd_texts[i]));
		OK(text_set(&d.os, odd_texts[i]));
		OK(store_insert(s, &d));
	}
	OK(store_commit(s));
	for (size_t i = 0; i < ARRAY_LEN(odd_texts); i++) {
		const struct store_cond ops[] = {
			{ .field = "device_id", .text = odd_texts[i] },
			{ .field = "os", .op = STORE_PREFIX, .text = odd_texts[i] },
		};
		const struct store_query q = { STORE_WHERE(ops) };
		SCOPED(device) d = { 0 };

		OK(store_find(s, &q, &d));
		assert_string_equal(d.name, odd_texts[i]);
	}
	assert_int_equal(count_devices(s), ARRAY_LEN(odd_texts));
}

static void test_nothing_stays_of_a_rollback(void **state)
{
	struct store *s = ((struct fixture *)*state)->s;

	OK(store_begin(s, STORE_WRITE));
	add_device(s, "a");
	store_rollback(s);
	assert_int_equal(count_devices(s), 0);
	store_rollback(s);
}

static void test_writes_need_a_write_transaction(void **state)
{
	struct store *s = ((struct fixture *)*state)->s;
	SCOPED(device) d = a_device("a");

	FAILS(INRO_E_STATE, store_insert(s, &d));
	FAILS(INRO_E_STATE, store_commit(s));
	OK(store_begin(s, STORE_READ));
	FAILS(INRO_E_STATE, store_insert(s, &d));
	FAILS(INRO_E_STATE, store_begin(s, STORE_WRITE));
	OK(store_commit(s));
	assert_int_equal(count_devices(s), 0);
}

static void test_unique_serial_in_a_ca(void **state)
{
	struct store *s = ((struct fixture *)*state)->s;
	int64_t one, two, id;

	OK(store_begin(s, STORE_WRITE));
	one = add_ca(s, "one");
	two = add_ca(s, "two");
	OK(add_credential(s, one, "s1", "p1", &id));
	FAILS(INRO_E_EXISTS, add_credential(s, one, "s1", "p2", &id));
	OK(add_credential(s, two, "s1", "p3", &id));
	FAILS(INRO_E_EXISTS, add_credential(s, two, "s2", "p3", &id));
	OK(add_credential(s, 0, "", "", &id));
	OK(add_credential(s, 0, "", "", &id));
	OK(store_commit(s));
}

static void test_a_deleted_id_is_free(void **state)
{
	struct store *s = ((struct fixture *)*state)->s;
	SCOPED(device) d = a_device("x");
	SCOPED(device) again = a_device("x");

	OK(store_begin(s, STORE_WRITE));
	OK(store_insert(s, &d));
	FAILS(INRO_E_EXISTS, store_insert(s, &again));
	d.state = DEVICE_DELETED;
	OK(store_update(s, &d));
	OK(store_insert(s, &again));
	d.state = DEVICE_ACTIVE;
	FAILS(INRO_E_EXISTS, store_update(s, &d));
	d.id = 999;
	FAILS(INRO_E_NOT_FOUND, store_update(s, &d));
	OK(store_commit(s));
}

static void test_savepoints(void **state)
{
	struct store *s = ((struct fixture *)*state)->s;
	SCOPED(credential) orphan = { .tenant = 1, .device = 4711 };

	FAILS(INRO_E_STATE, store_savepoint(s));
	OK(store_begin(s, STORE_WRITE));
	FAILS(INRO_E_STATE, store_release(s));
	FAILS(INRO_E_STATE, store_rollback_to(s));
	add_device(s, "kept");
	OK(store_savepoint(s));
	FAILS(INRO_E_STATE, store_savepoint(s));
	add_device(s, "undone");
	OK(store_rollback_to(s));
	assert_int_equal(count_devices(s), 1);
	OK(store_savepoint(s));
	assert_int_equal(add_device(s, "too"), 2);
	OK(store_release(s));
	/* whatever went wrong inside, the transaction goes on */
	OK(store_savepoint(s));
	FAILS(INRO_E_STATE, store_insert(s, &orphan));
	OK(store_rollback_to(s));
	add_device(s, "last");
	OK(store_commit(s));
	FAILS(INRO_E_STATE, store_rollback_to(s));
	assert_int_equal(count_devices(s), 3);
}

static void test_delete(void **state)
{
	struct store *s = ((struct fixture *)*state)->s;
	const struct store_cond low = { .field = "id", .op = STORE_LE, .number = 2 };
	const struct store_cond three = { .field = "id", .number = 3 };
	struct store_query q = { .conds = &low, .n = 1 };
	SCOPED(credential) c = { .tenant = 1 };
	int64_t n = -1;

	FAILS(INRO_E_STATE, store_delete(s, &device_type, &q, &n));
	OK(store_begin(s, STORE_WRITE));
	add_device(s, "a");
	add_device(s, "b");
	c.device = add_device(s, "c");
	OK(store_insert(s, &c));
	OK(store_delete(s, &device_type, &q, &n));
	assert_int_equal(n, 2);
	OK(store_delete(s, &device_type, &q, &n));
	assert_int_equal(n, 0);
	q.n = 0;
	FAILS(INRO_E_ARG, store_delete(s, &device_type, &q, &n));
	q = (struct store_query) { .conds = &three, .n = 1 };
	FAILS(INRO_E_STATE, store_delete(s, &device_type, &q, &n));
	OK(store_commit(s));
	assert_int_equal(count_devices(s), 1);
}

/* A certificate that is stored by a form comes back as it was, and as short as it is different. */
static void test_certificate_by_form(void **state)
{
	static const char first[] = "0 a certificate that says much and then a name: device-1",
			  second[] = "0 a certificate that says much and then a name: device-22";
	struct store *s = ((struct fixture *)*state)->s;
	struct cert_form form = { .tenant = 1, .ca_generation = 1 };
	SCOPED(credential) c = { .tenant = 1 };
	SCOPED(credential) again = { 0 };

	OK(blob_set(&form.body, bytes_of(first)));
	OK(store_begin(s, STORE_WRITE));
	form.ca = add_ca(s, "x");
	OK(store_insert(s, &form));
	c.form = form.id;
	c.form_body = form.body;
	OK(blob_set(&c.cert, bytes_of(second)));
	OK(store_insert(s, &c));
	OK(store_commit(s));
	OK(store_get(s, c.id, &again));
	assert_true(bytes_equal(blob_bytes(&again.cert), bytes_of(second)));
	assert_true(bytes_equal(blob_bytes(&again.form_body), bytes_of(first)));
	OK(store_begin(s, STORE_WRITE));
	again.state = CRED_REVOKED;
	OK(store_update(s, &again));
	OK(store_commit(s));
	credential_clear(&again);
	OK(store_get(s, c.id, &again));
	assert_int_equal(again.state, CRED_REVOKED);
	assert_true(bytes_equal(blob_bytes(&again.cert), bytes_of(second)));
}

static int add_many(void *arg)
{
	const struct fixture *f = arg;
	struct store *s = open_at(f);

	for (int i = 0; i < 50; i++) {
		SCOPED(audit_head) head = { 0 };

		OK(store_begin(s, STORE_WRITE));
		OK(store_get(s, 1, &head));
		head.count++;
		OK(store_update(s, &head));
		OK(store_commit(s));
	}
	store_close(s);
	return 0;
}

/* Read, add one, write: an update that gets lost shows in the sum. */
static void test_two_processes_lose_no_update(void **state)
{
	struct fixture *f = *state;
	SCOPED(audit_head) head = { 0 };
	int status = -1;
	pid_t pid;

	store_close(f->s);
	f->s = NULL;
	pid = fork();
	if (pid == 0)
		_exit(add_many(f));
	assert_int_equal(add_many(f), 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	f->s = open_at(f);
	OK(store_get(f->s, 1, &head));
	assert_int_equal(head.count, 100);
}

static void test_a_reader_has_a_steady_view(void **state)
{
	struct fixture *f = *state;
	struct store *other = open_at(f);

	OK(store_begin(f->s, STORE_READ));
	assert_int_equal(count_devices(f->s), 0);
	OK(store_begin(other, STORE_WRITE));
	add_device(other, "new");
	OK(store_commit(other));
	assert_int_equal(count_devices(f->s), 0);
	OK(store_commit(f->s));
	assert_int_equal(count_devices(f->s), 1);
	store_close(other);
}

static int die_in_transaction(void *arg)
{
	struct store *s = open_at(arg);

	OK(store_begin(s, STORE_WRITE));
	add_device(s, "kept");
	OK(store_commit(s));
	OK(store_begin(s, STORE_WRITE));
	add_device(s, "lost");
	raise(SIGKILL);
	return 0;
}

static void test_killed_in_a_transaction(void **state)
{
	struct fixture *f = *state;
	SCOPED(device) d = { 0 };

	store_close(f->s);
	f->s = NULL;
	assert_int_equal(scratch_child(die_in_transaction, f), 256 + SIGKILL);
	f->s = open_at(f);
	assert_int_equal(count_devices(f->s), 1);
	OK(store_get(f->s, 1, &d));
	assert_string_equal(d.device_id, "kept");
	OK(store_check(f->s));
}

static const struct CMUnitTest contract[] = {
	cmocka_unit_test_setup_teardown(test_every_field_comes_back, stores_setup, stores_teardown),
	cmocka_unit_test_setup_teardown(test_odd_texts_are_values, stores_setup, stores_teardown),
	cmocka_unit_test_setup_teardown(test_nothing_stays_of_a_rollback, stores_setup, stores_teardown),
	cmocka_unit_test_setup_teardown(test_writes_need_a_write_transaction, stores_setup, stores_teardown),
	cmocka_unit_test_setup_teardown(test_unique_serial_in_a_ca, stores_setup, stores_teardown),
	cmocka_unit_test_setup_teardown(test_a_deleted_id_is_free, stores_setup, stores_teardown),
	cmocka_unit_test_setup_teardown(test_savepoints, stores_setup, stores_teardown),
	cmocka_unit_test_setup_teardown(test_delete, stores_setup, stores_teardown),
	cmocka_unit_test_setup_teardown(test_certificate_by_form, stores_setup, stores_teardown),
	cmocka_unit_test_setup_teardown(test_two_processes_lose_no_update, stores_setup, stores_teardown),
	cmocka_unit_test_setup_teardown(test_a_reader_has_a_steady_view, stores_setup, stores_teardown),
	cmocka_unit_test_setup_teardown(test_killed_in_a_transaction, stores_setup, stores_teardown),
};

int main(void)
{
	return stores_run(contract, ARRAY_LEN(contract));
}
