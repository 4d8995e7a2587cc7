/* test_core_older - a database as the version before left it: brought to this one in one transaction, with
 * every answer as it was. */
#include <setjmp.h>
#include <stdarg.h>
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "backoffice/core/cred.h"
#include "backoffice/core/device.h"
#include "backoffice/core/group.h"
#include "backoffice/core/internal.h"
#include "backoffice/core/upkeep.h"
#include "backoffice/core/where.h"
#include "tests/lib/office.h"
#include "tests/lib/scratch.h"

#define OK(x)	    assert_int_equal(x, INRO_OK)
#define FAILS(e, x) assert_int_equal(x, e)
#define DB	    "older.db"

/* Back to ids that are found as they are written alone, in version 10. */
static const char *const to_10[] = { "DROP INDEX device_by_small_id" };

/* And to what is told of jobs in version 9. */
static const char *const to_9[] = { "ALTER TABLE job DROP COLUMN anchors_of_deleted" };

/* From this version's table of those who sign to that of version 8. */
static const char *const to_8[] = {
	"DELETE FROM ocsp_signer", "DROP INDEX ocsp_signer_of", "ALTER TABLE ocsp_signer DROP COLUMN purpose",
	"CREATE INDEX ocsp_signer_of ON ocsp_signer (ca, generation, id)",
};

/* And to the indexes of version 7. */
static const char *const to_7[] = { "DROP INDEX device_anchor_before", "DROP INDEX ca_order_by_due" };

/* And to the tables of version 6; an index ends in the id on both kinds there. */
static const char *const to_6[] = {
	"DROP INDEX device_by_id", "DROP INDEX device_by_state", "DROP INDEX device_by_group",
	"DROP INDEX device_by_name", "DROP INDEX device_by_hostname", "DROP INDEX device_by_mac",
	"DROP INDEX device_by_ip", "DROP INDEX credential_by_device", "DROP INDEX credential_by_end",
	"DROP INDEX credential_by_fingerprint", "DROP INDEX credential_by_key", "DROP INDEX event_by_subject",
	"ALTER TABLE credential DROP COLUMN form", "DROP TABLE cert_form",
	"CREATE UNIQUE INDEX device_live ON device (tenant, device_id) WHERE state <> 'deleted'",
	"CREATE INDEX device_by_id ON device (tenant, device_id, id)",
	"CREATE INDEX device_by_state ON device (tenant, state, id)",
	"CREATE INDEX device_by_group ON device (grp, state, id) WHERE grp IS NOT NULL",
	"CREATE INDEX device_by_name ON device (tenant, name, id)",
	"CREATE INDEX device_by_hostname ON device (tenant, hostname, id)",
	"CREATE INDEX device_by_mac ON device (tenant, mac, id)",
	"CREATE INDEX device_by_ip ON device (tenant, ip, id)",
	"CREATE UNIQUE INDEX credential_by_fingerprint ON credential (fingerprint)",
	"CREATE INDEX credential_by_device ON credential (device, id)",
	"CREATE INDEX credential_by_key ON credential (key_hash)",
	"CREATE INDEX credential_by_end ON credential (tenant, state, not_after, id)",
	"CREATE INDEX event_by_subject ON event (tenant, subject, id)",
};

static struct core *c;
/* Searches for the certificate that was issued last. */
static char by_print[80], by_beginning[32], by_key[80];

static void search_for(char *out, size_t cap, const char *word, struct bytes value)
{
	SCOPED(buf) hex = { 0 };

	buf_add_hex(&hex, value);
	buf_add_u8(&hex, 0);
	OK(buf_err(&hex));
	snprintf(out, cap, "%s%s", word, (const char *)hex.p);
}

static void issue(const char *device)
{
	SCOPED(buf) csr = { 0 };
	SCOPED(cred) cred = { 0 };
	EVP_PKEY *key = office_key("P-256");
	struct cred_request r = { .ca = "issuing", .profile = "tls-client", .device = device };

	office_csr(key, device, &csr);
	r.csr = buf_bytes(&csr);
	OK(cred_issue(c, &r, &cred));
	assert_int_equal(office_verify(c, "issuing", &cred.rec.cert, BYTES_NONE), X509_V_OK);
	search_for(by_print, sizeof by_print, "sha256=", blob_bytes(&cred.rec.fingerprint));
	search_for(by_beginning, sizeof by_beginning, "sha256^=", BYTES(cred.rec.fingerprint.p, 2));
	search_for(by_key, sizeof by_key, "key_sha256=", blob_bytes(&cred.rec.key_hash));
	EVP_PKEY_free(key);
}

static void add_device(const char *id, const char *group)
{
	const struct device_fields f = { .group = group, .name = "pump", .mac = "00:11:22:33:44:55",
					 .ip = "10.0.0.1", .hostname = id };
	SCOPED(device) d = { 0 };

	OK(device_add(c, id, &f, &d));
}

/* Devices in a group and in none, one that was deleted and is there again. */
static void fill(void)
{
	SCOPED(device_group) g = { 0 };
	size_t revoked;
	char id[16];

	office_make_cas(c, "older");
	OK(group_add(c, "line", NULL, &g));
	for (int i = 0; i < 6; i++) {
		snprintf(id, sizeof id, "d-%d", i);
		add_device(id, i % 2 ? "line" : NULL);
		issue(id);
	}
	OK(device_delete(c, "d-3", NULL, &revoked));
	add_device("d-3", "line");
	issue("d-3");
}


/* As certificates were stored before. */
static enum inro_err make_whole(struct core *core, void *arg)
{
	const struct store_query all = { 0 };
	enum inro_err e = INRO_OK;
	void *items = NULL;
	size_t n = 0;

	(void)arg;
	OK(core_all(core, &credential_type, &all, &items, &n));
	for (size_t i = 0; e == INRO_OK && i < n; i++) {
		struct credential *rec = (struct credential *)items + i;

		rec->form = 0;
		blob_clear(&rec->form_body);
		e = store_update(core->store, rec);
	}
	list_free(&credential_type, items, n);
	return e;
}

static void set_version_of(const char *db, int n)
{
	char sql[64];

	snprintf(sql, sizeof sql,
		 office_on_postgres() ? "UPDATE inro_schema SET version = %d" : "PRAGMA user_version = %d", n);
	office_sql(db, sql);
}

static void set_version(int n)
{
	set_version_of(DB, n);
}

static long long version_of(const char *db)
{
	return office_ask(db, office_on_postgres() ? "SELECT version FROM inro_schema" : "PRAGMA user_version");
}

static void go_back(const char *const *steps, size_t n, int version)
{
	for (size_t i = 0; i < n; i++)
		office_sql(DB, steps[i]);
	set_version(version);
}

/* What of each row a search shows, in its order. */
static void add_found(const struct where_kind *kind, const char *where, const char *sort, struct buf *out)
{
	struct where_page page = { .sort = sort, .limit = 3 };
	AUTO(free_chars) char *cursor = NULL;

	buf_addf(out, "%s %s:", where, sort ? sort : "");
	do {
		SCOPED(where) w = { 0 };
		void *items = NULL;
		char *next = NULL;
		size_t n = 0;

		page.after = cursor;
		OK(where_parse(c, kind, where, &w));
		OK(where_find(c, &w, &page, &items, &n, &next));
		for (size_t i = 0; i < n; i++) {
			int64_t id;

			memcpy(&id, (char *)items + i * kind->type->size, sizeof id);
			buf_addf(out, " %lld", (long long)id);
		}
		list_free(kind->type, items, n);
		free(cursor);
		cursor = next;
	} while (cursor);
	buf_addf(out, "\n");
}

static void answers(struct buf *out)
{
	const struct {
		const struct where_kind *kind;
		const char *where, *sort;
	} asked[] = {
		{ &where_devices, "", "id" },	       { &where_devices, "id=d-3", NULL },
		{ &where_devices, "id^=d-", NULL },     { &where_devices, "", "name" },
		{ &where_devices, "", "host" },	       { &where_devices, "mac^=00:11", NULL },
		{ &where_devices, "ip=10.0.0.1", NULL }, { &where_devices, "group=line", NULL },
		{ &where_devices, "group=line state=registered", NULL },
		{ &where_devices, "state=deleted", NULL }, { &where_creds, "", NULL },
		{ &where_creds, "device=d-3", NULL },  { &where_creds, "state=active", "expires" },
		{ &where_creds, by_print, NULL },       { &where_creds, by_beginning, NULL },
		{ &where_creds, by_key, NULL },
		{ &where_events, "subject=device:d-3", NULL }, { &where_events, "subject^=device:", NULL },
	};
	struct upkeep_report r = { 0 };

	for (size_t i = 0; i < ARRAY_LEN(asked); i++)
		add_found(asked[i].kind, asked[i].where, asked[i].sort, out);
	/* chance, drawn anew at changes of what is kept in memory (store/steady.h) */
	office_sql(DB, "UPDATE setting SET value = 'any' WHERE name = 'stamp'");
	OK(upkeep_check(c, &(struct upkeep) { 0 }, &r));
	buf_add_hex(out, BYTES(r.digest, sizeof r.digest));
	buf_addf(out, " %lld\n", (long long)r.rows);
	OK(buf_err(out));
}

static long long told(void)
{
	return office_ask(DB, "SELECT count(*) FROM credential WHERE form IS NOT NULL");
}

static void test_every_answer_stays(void **state)
{
	SCOPED(buf) before = { 0 };
	SCOPED(buf) after = { 0 };

	(void)state;
	c = office_open(DB);
	fill();
	assert_int_equal(told(), 7);
	OK(core_write(c, make_whole, NULL));
	assert_int_equal(told(), 0);
	office_sql(DB, "DELETE FROM cert_form");
	answers(&before);
	core_close(c);

	go_back(to_10, ARRAY_LEN(to_10), 10);
	go_back(to_9, ARRAY_LEN(to_9), 9);
	go_back(to_8, ARRAY_LEN(to_8), 8);
	go_back(to_7, ARRAY_LEN(to_7), 7);
	go_back(to_6, ARRAY_LEN(to_6), 6);
	c = office_open(DB);
	answers(&after);
	assert_int_equal(before.n, after.n);
	assert_memory_equal(before.p, after.p, before.n);
}

/* And it goes on: an id is one device's, certificates are stored by a form again. */
static void test_it_goes_on(void **state)
{
	SCOPED(device) d = { 0 };
	size_t revoked;

	(void)state;
	FAILS(INRO_E_EXISTS, device_add(c, "d-3", &(struct device_fields) { 0 }, &d));
	OK(device_delete(c, "d-3", NULL, &revoked));
	add_device("d-3", NULL);
	issue("d-3");
	issue("d-4");
	assert_int_equal(told(), 2);
	assert_int_equal(office_ask(DB, "SELECT count(*) FROM cert_form"), 1);
	/* the first is its form but for nothing, the second differs by name, times, number, key and signature */
	assert_true(office_ask(DB, "SELECT max(length(cert)) FROM credential WHERE form IS NOT NULL") < 240);
	assert_true(office_ask(DB, "SELECT min(length(cert)) FROM credential WHERE form IS NOT NULL") < 10);
	OK(upkeep_check(c, &(struct upkeep) { 0 }, &(struct upkeep_report) { 0 }));
}

/* A key that signs messages, made by hand, is found again. */
static void make_signer(void)
{
	SCOPED(buf) csr = { 0 };
	SCOPED(cred) cred = { 0 };
	struct cred_request r = { .ca = "issuing", .profile = "ra-signer",
				  .key_uri = "pkcs11:token=ca;object=signer;type=private" };

	office_csr(office_ec, "signer", &csr);
	r.csr = buf_bytes(&csr);
	OK(cred_issue(c, &r, &cred));
	assert_int_equal(office_ask(DB, "SELECT count(*) FROM ocsp_signer WHERE purpose = 1"), 1);
}

/* Only the last steps. */
static void test_from_7(void **state)
{
	SCOPED(buf) before = { 0 };
	SCOPED(buf) after = { 0 };

	(void)state;
	make_signer();
	answers(&before);
	core_close(c);
	go_back(to_10, ARRAY_LEN(to_10), 10);
	go_back(to_9, ARRAY_LEN(to_9), 9);
	go_back(to_8, ARRAY_LEN(to_8), 8);
	go_back(to_7, ARRAY_LEN(to_7), 7);
	c = office_open(DB);
	answers(&after);
	assert_int_equal(before.n, after.n);
	assert_memory_equal(before.p, after.p, before.n);
	office_sql(DB, "DROP INDEX device_anchor_before"); /* it is there, or this fails */
	office_sql(DB, "CREATE INDEX device_anchor_before ON device (tenant, anchor) "
		       "WHERE anchor IS NOT NULL AND state = 'deleted'");
}

/* A later program has made the form another one while this one had the database open. */
static void test_under_a_later_one(void **state)
{
	SCOPED(device) d = { 0 };
	SCOPED(device) there = { 0 };
	long long n = office_ask(DB, "SELECT count(*) FROM device");

	(void)state;
	set_version((int)store_version() + 1);
	FAILS(INRO_E_VERSION, device_add(c, "late", &(struct device_fields) { 0 }, &d));
	assert_non_null(strstr(err_detail(INRO_E_VERSION), "start the later one"));
	assert_int_equal(office_ask(DB, "SELECT count(*) FROM device"), n);
	OK(device_get(c, "d-1", &there));
	set_version((int)store_version());
	add_device("late", NULL);
}

/* Somebody's back office, as programs of another version use it, is no place for a copy, and stays of that version. */
static void test_no_copy_over_another(void **state)
{
	static const char there[] = "there.db";
	const int versions[] = { 10, (int)store_version() + 1 };

	(void)state;
	core_close(office_open(there));
	for (size_t i = 0; i < ARRAY_LEN(to_10); i++)
		office_sql(there, to_10[i]);
	for (size_t i = 0; i < ARRAY_LEN(versions); i++) {
		set_version_of(there, versions[i]);
		FAILS(INRO_E_EXISTS, upkeep_copy(c, office_url(there), &(struct upkeep) { 0 }, &(struct upkeep_report) { 0 }));
		assert_non_null(strstr(err_detail(INRO_E_EXISTS), "name a new database"));
		assert_int_equal(version_of(there), versions[i]);
	}
}

static void add_meanwhile(void *arg, const char *table, int64_t rows)
{
	int64_t *times = arg;

	(void)table;
	(void)rows;
	if ((*times)++ == 0) {
		struct core *writer = office_open(DB);
		SCOPED(device) d = { 0 };
		char id[40];

		snprintf(id, sizeof id, "meanwhile-%lld", (long long)office_ask(DB, "SELECT count(*) FROM device"));
		OK(device_add(writer, id, &(struct device_fields) { 0 }, &d));
		core_close(writer);
	}
}

/* What came to the source meanwhile is counted: whoever goes on with the copy has not got it. */
static void test_written_meanwhile(void **state)
{
	int64_t times = 0;
	const struct upkeep how = { add_meanwhile, &times };
	struct upkeep_report r = { 0 };

	(void)state;
	OK(upkeep_copy(c, office_url("first.db"), &how, &r));
	assert_int_equal(r.later, 1);
	assert_int_equal(r.events, office_ask("first.db", "SELECT count(*) FROM event"));
	assert_int_equal(office_ask("first.db", "SELECT count(*) FROM device WHERE device_id LIKE 'meanwhile-%'"), 0);
	OK(upkeep_copy(c, office_url("second.db"), &(struct upkeep) { 0 }, &r));
	assert_int_equal(r.later, 0);
	assert_int_equal(office_ask("second.db", "SELECT count(*) FROM device WHERE device_id LIKE 'meanwhile-%'"), 1);
}

/* One that fails leaves no file that the next one would find, and nothing beside it. */
static void test_copy_that_fails(void **state)
{
	struct upkeep_report r = { 0 };
	char url[300], path[256], found[300];
	glob_t left;

	(void)state;
	snprintf(path, sizeof path, "%s", scratch_path("failed.db"));
	snprintf(url, sizeof url, "sqlite:%s", path);
	snprintf(found, sizeof found, "%s*", path);
	office_sql(DB, "UPDATE device SET state = 'x' || state WHERE device_id = 'd-1'");
	assert_int_not_equal(upkeep_copy(c, url, &(struct upkeep) { 0 }, &r), INRO_OK);
	assert_int_equal(glob(found, 0, NULL, &left), GLOB_NOMATCH);
	office_sql(DB, "UPDATE device SET state = substr(state, 2) WHERE device_id = 'd-1'");
	OK(upkeep_copy(c, url, &(struct upkeep) { 0 }, &r));
	assert_true(r.rows > 20);
	assert_int_equal(glob(found, 0, NULL, &left), 0);
	assert_int_equal(left.gl_pathc, 1);
	globfree(&left);
}

struct backing_up {
	char path[256];
	size_t rows;
};

static void not_there_yet(void *arg, const char *table, int64_t rows)
{
	struct backing_up *b = arg;

	(void)table;
	(void)rows;
	assert_int_not_equal(access(b->path, F_OK), 0);
	b->rows++;
}

/* Who is killed leaves nothing by a backup's name that has not everything in it. */
static void test_backup_is_whole(void **state)
{
	struct backing_up b = { 0 };
	const struct upkeep how = { not_there_yet, &b };
	struct upkeep_report r = { 0 };
	char url[300];

	(void)state;
	snprintf(b.path, sizeof b.path, "%s", scratch_path("kept.db"));
	OK(upkeep_backup(c, b.path, &how, &r));
	assert_int_equal(b.rows != 0, office_on_postgres()); /* a file is copied by its pages */
	snprintf(url, sizeof url, "sqlite:%s", b.path);
	{
		struct core *kept = office_open_as(NULL, (struct core_options) { .db = url });

		OK(upkeep_check(kept, &(struct upkeep) { 0 }, &r));
		assert_true(r.rows > 20);
		core_close(kept);
	}
	FAILS(INRO_E_EXISTS, upkeep_backup(c, b.path, &how, &r));
}

static void lose_head(void *arg, const char *table, int64_t rows)
{
	int64_t *times = arg;

	(void)table;
	(void)rows;
	if ((*times)++ != 0)
		return;
	office_sql(DB, "CREATE TABLE kept AS SELECT * FROM audit_head");
	office_sql(DB, "DELETE FROM audit_head");
}

/* Of what comes to the source meanwhile a backup tells nothing, whatever that is; a copy tells that it can't. */
static void test_backup_meanwhile(void **state)
{
	int64_t times = 0;
	const struct upkeep busy = { add_meanwhile, &times }, lost = { lose_head, &times };
	struct upkeep_report r = { 0 };

	(void)state;
	OK(upkeep_backup(c, scratch_path("busy.db"), &busy, &r));
	assert_int_equal(r.later, 0);
	assert_int_equal(times != 0, office_on_postgres());
	times = 0;
	OK(upkeep_copy(c, office_url("lost.db"), &lost, &r));
	assert_int_equal(r.later, UPKEEP_UNKNOWN);
	office_sql(DB, "INSERT INTO audit_head SELECT * FROM kept");
	office_sql(DB, "DROP TABLE kept");
}

/* A form that is not what it was is seen at the first certificate that is stored by it. */
static void test_another_form(void **state)
{
	struct upkeep_report r = { 0 };

	(void)state;
	office_sql(DB, "CREATE TABLE kept AS SELECT id, body FROM cert_form");
	office_sql(DB, office_on_postgres()
			       ? "UPDATE cert_form SET body = set_byte(body, 60, get_byte(body, 60) # 1)"
			       : "UPDATE cert_form SET body = CAST(substr(body, 1, 60) || x'00' || substr(body, 62) "
				 "AS BLOB)");
	FAILS(INRO_E_DAMAGED, upkeep_check(c, &(struct upkeep) { 0 }, &r));
	assert_non_null(strstr(err_detail(INRO_E_DAMAGED), "cert_form"));
	assert_non_null(strstr(err_detail(INRO_E_DAMAGED), "certificates are stored as they differ from it"));
	office_sql(DB, "UPDATE cert_form SET body = (SELECT body FROM kept WHERE kept.id = cert_form.id)");
	OK(upkeep_check(c, &(struct upkeep) { 0 }, &r));
	office_sql(DB, "DROP TABLE kept");
	core_close(c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_answer_stays),
		cmocka_unit_test(test_it_goes_on),
		cmocka_unit_test(test_from_7),
		cmocka_unit_test(test_under_a_later_one),
		cmocka_unit_test(test_no_copy_over_another),
		cmocka_unit_test(test_written_meanwhile),
		cmocka_unit_test(test_copy_that_fails),
		cmocka_unit_test(test_backup_is_whole),
		cmocka_unit_test(test_backup_meanwhile),
		cmocka_unit_test(test_another_form),
	};

	return cmocka_run_group_tests_name("an older database", tests, office_with_key, office_drop_key);
}
