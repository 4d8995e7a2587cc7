/* test_core_marks - signed heads, receipts and archives: what was rebuilt or set back shows. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>
#include <cmocka.h>

#include "backoffice/core/audit/audit_chain.h"
#include "backoffice/core/device.h"
#include "backoffice/core/keyring.h"
#include "backoffice/core/setting.h"
#include "backoffice/core/tenant.h"
#include "base/clock.h"
#include "base/file.h"
#include "tests/lib/office.h"
#include "tests/lib/scratch.h"

#define OK(x) assert_int_equal(x, INRO_OK)

#define KEY_A "pkcs11:token=line;object=audit-a"
#define KEY_B "pkcs11:token=line;object=audit-b"

static char db[32];

static int group_setup(void **state)
{
	static const char *const labels[] = { "audit-a", "audit-b" };

	(void)state;
	office_tokens();
	for (size_t i = 0; i < ARRAY_LEN(labels); i++) {
		struct core *c = office_open("keys.db");
		SCOPED(new_key) k = { 0 };
		const struct pki_key_kind *kind;

		OK(new_key_kind(NULL, &kind));
		OK(new_key_make(
			c, &((struct new_key_plan) { .token_uri = "pkcs11:token=line", .label = labels[i], .kind = kind }), &k));
		k.keep = true;
		new_key_clear(&k);
		core_close(c);
	}
	return 0;
}

static void add(struct core *c, int n)
{
	static unsigned total;
	char id[32];

	for (int i = 0; i < n; i++) {
		SCOPED(device) d = { 0 };

		snprintf(id, sizeof id, "dev-%u", total++);
		OK(device_add(c, id, NULL, &d));
	}
}

static void sign(struct core *c, const char *uri, struct buf *receipt)
{
	SCOPED(audit_mark) m = { 0 };

	OK(audit_sign(c, uri, &m, receipt));
}

static int setup(void **state)
{
	static unsigned n;
	struct core *c;

	snprintf(db, sizeof db, "marks-%u.db", n++);
	c = office_open(db);
	add(c, 3);
	sign(c, KEY_A, NULL); /* mark 1 at event 3, event 4 */
	add(c, 3);
	sign(c, NULL, NULL); /* mark 2 at event 7, event 8 */
	add(c, 2);
	*state = c;
	return 0;
}

static int teardown(void **state)
{
	core_close(*state);
	return 0;
}

static void whole(struct core *c, const struct audit_check *k, int64_t count, int64_t marks)
{
	struct audit_report r = { 0 };
	enum inro_err e = audit_verify_with(c, k, &r);

	if (e != INRO_OK)
		fail_msg("event %lld %s", (long long)r.broken, err_detail(e));
	assert_int_equal(r.count, count);
	assert_int_equal(r.marks, marks);
}

static void broken(struct core *c, const struct audit_check *k, int64_t id)
{
	struct audit_report r = { 0 };

	assert_int_equal(audit_verify_with(c, k, &r), INRO_E_DAMAGED);
	assert_int_equal(r.broken, id);
	assert_non_null(r.what);
}

static void test_signed(void **state)
{
	struct core *c = *state;
	SCOPED(audit_mark) m = { 0 };
	SCOPED(tenant) t = { 0 };
	struct core *plant, *operator=
		office_open_as(db, (struct core_options) { .actor = "op", .role = ROLE_OPERATOR });

	whole(c, NULL, 10, 2);
	assert_int_equal(audit_sign(operator, KEY_B, &m, NULL), INRO_E_ACCESS);
	/* Nor does an administrator of one of the tenants. */
	OK(tenant_add(c, "plant", &t));
	plant = office_open_as(db, (struct core_options) { .actor = "pat", .role = ROLE_ADMIN, .tenant = "plant" });
	assert_int_equal(audit_sign(plant, KEY_B, &m, NULL), INRO_E_ACCESS);
	assert_non_null(strstr(err_detail(INRO_E_ACCESS), "tenant 'default' says which key"));
	core_close(plant);
	core_close(operator);
}

static void set(const char *name, const char *value)
{
	struct core *c = office_open(db);

	OK(setting_change(c, name, value, 0));
	core_close(c);
}

static void assert_due(struct core *c, bool expected)
{
	bool due = !expected;

	OK(audit_is_due(c, &due));
	assert_int_equal(due, expected);
}

/* Each setting asks for a signature, of who has the token open and of who asks from outside. */
static void test_due(void **state)
{
	struct core *c = *state;

	assert_due(c, false); /* 9 and 10 */
	set("audit.every", "3"); /* 11 */
	assert_due(c, true);
	add(c, 1); /* 12: signed, 13 */
	assert_due(c, false);
	whole(c, NULL, 13, 3);
	add(c, 2); /* 14, 15 */
	assert_int_equal(office_ask(db, "SELECT count(*) FROM audit_mark"), 3);
	set("audit.every", "1000"); /* 16 */
	set("audit.minutes", "1");  /* 17 */
	assert_due(c, false);
	clock_set_test(clock_now() + 61);
	assert_due(c, true);
	add(c, 1); /* 18: signed */
	clock_set_test(0);
	assert_due(c, false);
	whole(c, NULL, 19, 4);
}

static void test_no_key(void **state)
{
	struct core *c = office_open("marks-none.db");
	SCOPED(audit_mark) m = { 0 };

	(void)state;
	assert_int_equal(audit_sign(c, NULL, &m, NULL), INRO_E_CONFIG);
	core_close(c);
}

/* One change, and the event that verification must name. */
static const struct tampering {
	const char *what, *sql;
	int64_t broken;
} tamperings[] = {
	{ "event", "UPDATE audit_mark SET event = 6 WHERE id = 2", 6 },
	{ "hash", "UPDATE audit_mark SET hash = zeroblob(32) WHERE id = 2", 7 },
	{ "no hash", "UPDATE audit_mark SET hash = NULL WHERE id = 1", 3 },
	{ "uri", "UPDATE audit_mark SET key_uri = key_uri || 'x' WHERE id = 1", 3 },
	{ "signer", "UPDATE audit_mark SET signer = zeroblob(91) WHERE id = 1", 3 },
	{ "signature", "UPDATE audit_mark SET signature = zeroblob(70) WHERE id = 2", 7 },
	{ "next", "UPDATE audit_mark SET next = signer WHERE id = 1", 3 },
	{ "time", "UPDATE audit_mark SET at_ms = at_ms + 1 WHERE id = 2", 7 },
	{ "first gone", "DELETE FROM audit_mark WHERE id = 1", 7 },
	{ "last gone", "DELETE FROM audit_mark WHERE id = 2", 8 },
	{ "all gone", "DELETE FROM audit_mark", 4 },
	{ "swapped",
	  "UPDATE audit_mark SET id = 9 WHERE id = 1; UPDATE audit_mark SET id = 1 WHERE id = 2;"
	  "UPDATE audit_mark SET id = 2 WHERE id = 9",
	  7 },
	{ "a segment that never was",
	  "INSERT INTO audit_segment SELECT 1, 1, 3, hash, 'x', hash, 5 FROM event WHERE id = 3;"
	  "DELETE FROM event WHERE id <= 3",
	  4 },
};

static void keep(const char *table, bool back)
{
	char sql[256];

	snprintf(sql, sizeof sql,
		 back ? "DELETE FROM %s; INSERT INTO %s SELECT * FROM %s_kept; DROP TABLE %s_kept"
		      : "DROP TABLE IF EXISTS %s_kept; CREATE TABLE %s_kept AS SELECT * FROM %s "
			"--%s",
		 table, table, table, table);
	office_sql(db, sql);
}

static void test_tampering(void **state)
{
	static const char *const tables[] = { "event", "audit_head", "audit_mark",
					      "audit_segment" };
	struct core *c = *state;

	for (size_t i = 0; i < ARRAY_LEN(tamperings); i++) {
		for (size_t t = 0; t < ARRAY_LEN(tables); t++)
			keep(tables[t], false);
		print_message("%s\n", tamperings[i].what);
		office_sql(db, tamperings[i].sql);
		broken(c, NULL, tamperings[i].broken);
		for (size_t t = 0; t < ARRAY_LEN(tables); t++)
			keep(tables[t], true);
		whole(c, NULL, 10, 2);
	}
}

static enum inro_err rehash(struct core *c, int64_t id, struct bytes before, struct bytes *ret)
{
	static uint8_t hash[PKI_DIGEST_MAX];
	SCOPED(event) ev = { 0 };
	SCOPED(buf) work = { 0 };

	OK(store_get(c->store, id, &ev));
	if (id == 2)
		OK(text_set(&ev.actor, "nobody"));
	OK(chain_event_hash(&ev, before, &work, hash));
	OK(blob_set(&ev.hash, BYTES(hash, AUDIT_HASH)));
	*ret = BYTES(hash, AUDIT_HASH);
	return store_update(c->store, &ev);
}

/* Somebody who can write to the database changes an event and makes all hashes anew. */
static enum inro_err rebuild(struct core *c, void *arg)
{
	SCOPED(audit_head) head = { 0 };
	struct bytes hash = BYTES_NONE;

	(void)arg;
	for (int64_t id = 1; id <= 10; id++)
		OK(rehash(c, id, hash, &hash));
	OK(store_get(c->store, 1, &head));
	OK(blob_set(&head.hash, hash));
	return store_update(c->store, &head);
}

static void test_rebuilt_chain(void **state)
{
	OK(core_write(*state, rebuild, NULL));
	broken(*state, NULL, 3);
	office_sql(db, "DELETE FROM audit_mark");
	broken(*state, NULL, 4);
}

static void test_not_signed_over_damage(void **state)
{
	SCOPED(audit_mark) m = { 0 };

	office_sql(db, "UPDATE event SET actor = 'nobody' WHERE id = 9");
	assert_int_equal(audit_sign(*state, NULL, &m, NULL), INRO_E_DAMAGED);
}

static void test_key_rotation(void **state)
{
	struct core *c = *state;

	sign(c, KEY_B, NULL); /* marks 3 and 4 at event 10 */
	whole(c, NULL, 12, 4);
	add(c, 1);
	sign(c, NULL, NULL);
	whole(c, NULL, 14, 5);
	assert_int_equal(office_ask(db, "SELECT count(DISTINCT signer) FROM audit_mark"), 2);
	/* not without the old one's word */
	office_sql(db, "UPDATE audit_mark SET next = NULL WHERE id = 3");
	broken(c, NULL, 10);
}

static void test_receipt_finds_what_was_set_back(void **state)
{
	struct core *c = *state;
	struct audit_check k = { 0 };
	SCOPED(buf) receipt = { 0 };
	SCOPED(buf) other = { 0 };

	sign(c, NULL, &receipt); /* mark 3, event 11 */
	k.receipt = buf_bytes(&receipt);
	whole(c, &k, 11, 3);
	office_sql(db, "DELETE FROM audit_mark WHERE id = 3; DELETE FROM event WHERE id > 10;"
		       "UPDATE audit_head SET count = 10,"
		       " hash = (SELECT hash FROM event WHERE id = 10)");
	whole(c, NULL, 10, 2);
	broken(c, &k, 10);
	sign(c, NULL, &other);
	broken(c, &k, 10);
	receipt.p[receipt.n / 2] ^= 1;
	assert_int_not_equal(audit_verify_with(c, &k, &(struct audit_report) { 0 }), INRO_OK);
}

/* What is no receipt is told before the chain is read, and not as what the chain lacks. */
static void test_receipt_is_read_first(void **state)
{
	struct audit_report r = { 0 };
	struct core *c = *state;
	SCOPED(buf) receipt = { 0 };
	struct audit_check k = { .receipt = bytes_of("no receipt") };
	char *at;

	sign(c, NULL, &receipt);
	office_sql(db, "UPDATE event SET actor = 'somebody' WHERE id = 2");
	broken(c, NULL, 2);
	assert_int_equal(audit_verify_with(c, &k, &r), INRO_E_SYNTAX);
	assert_int_equal(r.broken, 0);
	at = memmem(receipt.p, receipt.n, "\"event\":", 8);
	assert_non_null(at);
	at += strcspn(at, "123456789");
	*at = *at == '9' ? '8' : '9';
	k.receipt = buf_bytes(&receipt);
	assert_int_equal(audit_verify_with(c, &k, &r), INRO_E_SIGNATURE);
	assert_int_equal(r.broken, 0);
}

static void test_signed_at_the_end(void **state)
{
	struct core *c = office_open(db);
	struct token_key *key;

	add(c, 1);
	core_close(c); /* the token was not open */
	whole(*state, NULL, 11, 2);
	c = office_open(db);
	OK(core_key(c, KEY_B, &key));
	add(c, 1);
	core_close(c);
	whole(*state, NULL, 13, 3);
	c = office_open(db);
	OK(core_key(c, KEY_B, &key));
	core_close(c); /* wrote nothing */
	whole(*state, NULL, 13, 3);
}

static void flip(const char *path, size_t at)
{
	SCOPED(buf) text = { 0 };

	OK(file_read(path, 1 << 20, &text));
	text.p[at] ^= 1;
	OK(file_write(path, 0600, buf_bytes(&text)));
}

static void purge(struct core *c, const char *path, int64_t last)
{
	SCOPED(audit_segment) s = { 0 };

	OK(audit_purge(c, clock_now_ms() + 1000, path, &s));
	assert_int_equal(s.last, last);
}

static void test_archives(void **state)
{
	struct core *c = *state;
	const char *files[2] = { strdup(scratch_path("one.archive")),
				 strdup(scratch_path("two.archive")) };
	const struct audit_check k = { .archives = files, .archives_n = 2 };
	const struct audit_check one = { .archives = files, .archives_n = 1 };
	SCOPED(audit_segment) s = { 0 };
	SCOPED(buf) text = { 0 };

	assert_int_equal(audit_purge(c, 1000, files[0], &s), INRO_E_NOT_FOUND); /* event 11 */
	purge(c, files[0], 7);							/* event 12 */
	whole(c, NULL, 5, 2);
	whole(c, &one, 12, 2);
	sign(c, NULL, NULL); /* mark 3 at 12, event 13 */
	assert_int_equal(audit_purge(c, clock_now_ms() + 1000, files[0], &s), INRO_E_EXISTS);
	purge(c, files[1], 12); /* events 14, 15 */
	whole(c, NULL, 3, 3);
	whole(c, &k, 15, 3);
	assert_int_equal(audit_verify_with(c, &one, &(struct audit_report) { 0 }), INRO_E_ARG);
	OK(file_read(files[1], 1 << 20, &text));
	for (size_t at = 0; at < text.n; at += 97) {
		struct audit_report r = { 0 };

		flip(files[1], at);
		assert_int_equal(audit_verify_with(c, &k, &r), INRO_E_DAMAGED);
		assert_true(r.broken > 7);
		flip(files[1], at);
	}
	whole(c, &k, 15, 3);
	free((void *)(uintptr_t)files[0]);
	free((void *)(uintptr_t)files[1]);
}

/* Two at one file: who comes second touches nothing of what the first has written. */
static void test_one_writes_a_file(void **state)
{
	struct core *c = *state;
	AUTO(free_chars) char *file = strdup(scratch_path("shared.archive"));
	AUTO(free_chars) char *part = strdup(scratch_path("shared.archive.part"));
	AUTO(close_fd) int fd = open(part, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	SCOPED(audit_segment) s = { 0 };
	SCOPED(buf) text = { 0 };

	assert_true(fd >= 0);
	assert_int_equal(flock(fd, LOCK_EX | LOCK_NB), 0);
	assert_int_equal(write(fd, "first", 5), 5);
	assert_int_equal(audit_purge(c, clock_now_ms() + 1000, file, &s), INRO_E_BUSY);
	assert_int_equal(
		audit_export(c, &(struct audit_filter) { 0 }, (struct audit_target) { file, AUDIT_JSONL, true }, &(int64_t) { 0 }),
		INRO_E_BUSY);
	OK(file_read(part, 100, &text));
	assert_true(bytes_is(buf_bytes(&text), "first"));
	assert_int_equal(access(file, F_OK), -1);
	close(fd);
	fd = -1;
	purge(c, file, 7); /* what a killed one left is in nobody's way */
	assert_int_equal(access(part, F_OK), -1);
}

/* Whatever a head says: where it begins is compared with the record, and is no number to count from before that. */
static void test_archive_from_nowhere(void **state)
{
	static const char *const firsts[] = { "-9223372036854775808", "0", "9223372036854775807" };
	struct core *c = *state;
	const char *files[] = { strdup(scratch_path("nowhere.archive")) };
	const struct audit_check k = { .archives = files, .archives_n = 1 };

	purge(c, files[0], 7);
	for (size_t i = 0; i < ARRAY_LEN(firsts); i++) {
		struct audit_report r = { 0 };
		char head[120];

		snprintf(head, sizeof head, "{\"inro_audit_archive\": 1, \"first\": %s, \"before\": \"\"}\n", firsts[i]);
		OK(file_write(files[0], 0600, bytes_of(head)));
		assert_int_equal(audit_verify_with(c, &k, &r), INRO_E_DAMAGED);
		assert_int_equal(r.broken, 1);
	}
	free((void *)(uintptr_t)files[0]);
}

/* Page by page it is what it is as a whole. */
static void same_in_pages(struct core *c, const char *id, size_t limit)
{
	SCOPED(event_list) all = { 0 };
	struct page page = { .limit = limit };

	OK(audit_of_device(c, id, NULL, &all));
	assert_int_equal(all.next, 0);
	for (size_t at = 0; at < all.n; at += limit) {
		SCOPED(event_list) l = { 0 };
		size_t left = all.n - at;

		OK(audit_of_device(c, id, &page, &l));
		assert_int_equal(l.n, left < limit ? left : limit);
		for (size_t i = 0; i < l.n; i++) {
			assert_int_equal(l.items[i].id, all.items[at + i].id);
			assert_string_equal(l.items[i].action, all.items[at + i].action);
		}
		assert_int_equal(l.next, left > limit ? l.items[l.n - 1].id : 0);
		page.after = l.next;
	}
}

static void same_in_all_pages(struct core *c, size_t n)
{
	SCOPED(event_list) all = { 0 };

	OK(audit_of_device(c, "paged", NULL, &all));
	assert_int_equal(all.n, n);
	for (size_t i = 1; i < n; i++)
		assert_true(all.items[i - 1].id < all.items[i].id);
	for (size_t limit = 1; limit <= n + 1; limit++)
		same_in_pages(c, "paged", limit);
}

/* Of the device and of certificates, in turns: six events. */
static void live(struct core *c, const struct cred_request *r)
{
	char ref[32];

	for (int i = 0; i < 2; i++) {
		SCOPED(cred) cert = { 0 };
		SCOPED(cred) gone = { 0 };
		SCOPED(device) d = { 0 };

		OK(cred_issue(c, r, &cert));
		OK(device_update(c, r->device, &(struct device_fields) { .os = i ? "b" : "a" }, &d));
		snprintf(ref, sizeof ref, "id:%lld", (long long)cert.rec.id);
		OK(cred_revoke(c, ref, &(struct cred_revocation) { .reason = "superseded" }, &gone));
	}
}

static void archive(struct core *c, const char *name)
{
	SCOPED(audit_segment) s = { 0 };

	sign(c, NULL, NULL);
	OK(audit_purge(c, clock_now_ms() + 1000, scratch_path(name), &s));
}

static void test_history_in_pages(void **state)
{
	const struct page too_many = { .limit = PAGE_MAX + 1 };
	struct cred_request r = { .ca = "issuing", .profile = "tls-client", .device = "paged" };
	SCOPED(event_list) none = { 0 };
	SCOPED(device) d = { 0 };
	SCOPED(buf) csr = { 0 };
	struct core *c = *state;
	EVP_PKEY *key = office_key("P-256");

	office_make_cas(c, "paged");
	office_csr(key, "paged", &csr);
	r.csr = buf_bytes(&csr);
	OK(device_add(c, "paged", NULL, &d));
	live(c, &r);
	same_in_all_pages(c, 8); /* with "device.add" and that it became active */
	archive(c, "paged-1.archive");
	live(c, &r);
	same_in_all_pages(c, 7); /* the first of them tells of the archive */
	archive(c, "paged-2.archive");
	live(c, &r);
	same_in_all_pages(c, 8);
	assert_int_equal(audit_of_device(c, "paged", &too_many, &none), INRO_E_ARG);
	EVP_PKEY_free(key);
}

/* A device that had more than is in memory at once; and an id that many had. */
static void test_history_of_much(void **state)
{
	struct cred_request r = { .ca = "issuing", .profile = "tls-client", .device = "much" };
	EVP_PKEY *key = office_key("P-256");
	struct core *c = *state;
	SCOPED(event_list) all = { 0 };
	SCOPED(buf) csr = { 0 };
	size_t revoked;

	office_make_cas(c, "much");
	for (int i = 0; i < 70; i++) {
		SCOPED(device) d = { 0 };

		OK(device_add(c, "much", NULL, &d));
		if (i < 69)
			OK(device_delete(c, "much", NULL, &revoked));
	}
	office_csr(key, "much", &csr);
	EVP_PKEY_free(key);
	r.csr = buf_bytes(&csr);
	for (int i = 0; i < 70; i++) {
		SCOPED(cred) cert = { 0 };

		OK(cred_issue(c, &r, &cert));
	}
	OK(audit_of_device(c, "much", NULL, &all));
	assert_int_equal(all.n, 70 + 69 + 70 + 1); /* it became active */
	same_in_pages(c, "much", 50);
}

static void test_segment_columns(void **state)
{
	static const char *const changes[] = {
		"UPDATE audit_segment SET first = 2",
		"UPDATE audit_segment SET last = 6",
		"UPDATE audit_segment SET hash = zeroblob(32)",
		"UPDATE audit_segment SET file = 'other'",
		"UPDATE audit_segment SET digest = zeroblob(32)",
		"UPDATE audit_segment SET at_ms = at_ms + 1",
		"DELETE FROM audit_segment",
	};
	struct core *c = *state;

	purge(c, scratch_path("columns.archive"), 7);
	for (size_t i = 0; i < ARRAY_LEN(changes); i++) {
		struct audit_report r = { 0 };

		keep("audit_segment", false);
		office_sql(db, changes[i]);
		assert_int_equal(audit_verify(c, &r), INRO_E_DAMAGED);
		keep("audit_segment", true);
		whole(c, NULL, 4, 2);
	}
}

static void test_who_may_archive(void **state)
{
	struct core *op =
		office_open_as(db, (struct core_options) { .actor = "op", .role = ROLE_OPERATOR });
	SCOPED(audit_segment) s = { 0 };

	(void)state;
	assert_int_equal(audit_purge(op, clock_now_ms() + 1000, scratch_path("no.archive"), &s),
			 INRO_E_ACCESS);
	core_close(op);
}

static enum inro_err part_work(struct core *c, void *arg)
{
	const struct audit_entry kept = { "test.kept", "device", "x", EVENT_DONE, NULL };
	const struct audit_entry undone = { "test.undone", "device", "x", EVENT_DONE, NULL };

	(void)arg;
	OK(core_savepoint(c));
	OK(audit_append(c, &undone));
	OK(core_rollback_to(c));
	OK(audit_append(c, &kept));
	OK(core_savepoint(c));
	OK(audit_append(c, &kept));
	OK(core_release(c));
	OK(core_savepoint(c));
	OK(audit_append(c, &undone));
	OK(core_rollback_to(c));
	return INRO_OK;
}

static void test_parts_of_a_transaction(void **state)
{
	OK(core_write(*state, part_work, NULL));
	whole(*state, NULL, 12, 2);
	assert_int_equal(office_ask(db, "SELECT count(*) FROM event WHERE action = 'test.undone'"),
			 0);
}

/* A file of lines, as it must be. */
static void exported(struct core *c, enum audit_format format, const char *has)
{
	const char *path = scratch_path("events.out");
	SCOPED(buf) text = { 0 };
	int64_t n = 0;

	OK(audit_export(c, NULL, (struct audit_target) { path, format, false }, &n));
	assert_int_equal(n, 11);
	OK(file_read(path, 1 << 20, &text));
	buf_add_u8(&text, 0);
	if (!strstr((const char *)text.p, has))
		fail_msg("no %s in %s", has, text.p);
}

static void test_export(void **state)
{
	const struct device_fields f = { .name = "a=b|c\\d" };
	struct core *c =
		office_open_as(db, (struct core_options) { .actor = "x=|y\\", .role = ROLE_ADMIN });
	SCOPED(device) d = { 0 };

	(void)state;
	OK(device_add(c, "one", &f, &d));
	exported(c, AUDIT_JSONL, "\"detail\":{\"name\":\"a=b|c\\\\d\"}");
	exported(c, AUDIT_CEF, "|device.add|device.add done|3|rt=");
	exported(c, AUDIT_CEF, " suser=x\\=|y\\\\ act=device.add outcome=done");
	exported(c, AUDIT_CEF, "cs2={\"name\":\"a\\=b|c\\\\\\\\d\"}");
	core_close(c);
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

static int64_t refusals(void)
{
	return office_ask(db, "SELECT count(*) FROM event WHERE action = 'audit.sign' AND outcome = 'refused'");
}

/* A key that does not work is told once, and tried less and less often; then it goes on. */
static void test_trouble(void **state)
{
	struct core *c = *state, *away;
	const char *pin = office_pin;

	office_pin = NULL;
	away = office_open(db);
	for (int i = 0; i < 5; i++)
		assert_int_equal(audit_sign_again(away), INRO_E_PIN_MISSING);
	assert_int_equal(refusals(), 1);
	assert_int_equal(away->mark_trouble.wait_ms, 60000);
	for (int i = 0; i < 10; i++) {
		away->mark_trouble.until_ms = 0;
		assert_int_equal(audit_sign_again(away), INRO_E_PIN_MISSING);
	}
	assert_int_equal(refusals(), 1);
	assert_int_equal(away->mark_trouble.wait_ms, 3600000);
	office_pin = pin;
	away->mark_trouble.until_ms = 0;
	OK(audit_sign_again(away));
	assert_int_equal(away->mark_trouble.code, INRO_OK);
	core_close(away);
	OK(audit_sign_again(c));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_trouble, setup, teardown),
		T(test_signed),
		T(test_due),
		cmocka_unit_test(test_no_key),
		T(test_tampering),
		T(test_rebuilt_chain),
		T(test_not_signed_over_damage),
		T(test_key_rotation),
		T(test_receipt_finds_what_was_set_back),
		T(test_receipt_is_read_first),
		T(test_signed_at_the_end),
		T(test_archives),
		T(test_one_writes_a_file),
		T(test_archive_from_nowhere),
		T(test_history_in_pages),
		T(test_history_of_much),
		T(test_segment_columns),
		T(test_who_may_archive),
		T(test_parts_of_a_transaction),
		T(test_export),
	};

	return cmocka_run_group_tests(tests, group_setup, NULL);
}
