/* test_core_search - credentials and events by what people ask for, and what is due. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "backoffice/core/audit.h"
#include "backoffice/core/cred.h"
#include "backoffice/core/device.h"
#include "backoffice/core/group.h"
#include "backoffice/core/tally.h"
#include "backoffice/core/where.h"
#include "base/clock.h"
#include "tests/lib/office.h"

#define OK(x)	    assert_int_equal(x, INRO_OK)
#define FAILS(e, x) assert_int_equal(x, e)
#define DAY	    86400

static EVP_PKEY *rsa;
static struct core *c;
static char serial[80], sha256[80];
static int64_t start;

static void hex_of(const struct blob *b, char *out, size_t cap)
{
	SCOPED(buf) text = { 0 };

	buf_add_hex(&text, blob_bytes(b));
	buf_add_u8(&text, 0);
	OK(buf_err(&text));
	snprintf(out, cap, "%s", (const char *)text.p);
}

static void add_device(const char *id, const char *group)
{
	SCOPED(device) d = { 0 };

	OK(device_add(c, id, &(struct device_fields) { .group = group }, &d));
}

static void issue(EVP_PKEY *key, const char *device, unsigned days)
{
	SCOPED(buf) csr = { 0 };
	SCOPED(cred) cred = { 0 };
	struct cred_request r = { .ca = "issuing", .profile = "tls-client", .device = device,
				  .days = days };

	office_csr(key, device, &csr);
	r.csr = buf_bytes(&csr);
	OK(cred_issue(c, &r, &cred));
	hex_of(&cred.rec.serial, serial, sizeof serial);
	hex_of(&cred.rec.fingerprint, sha256, sizeof sha256);
}

/* Five devices in two groups, whose certificates end after 10, 20, 40, 60 and 100 days; that of
 * d-1 is RSA, that of d-4 is revoked. */
static int group_setup(void **state)
{
	static const unsigned days[] = { 10, 20, 40, 60, 100 };
	SCOPED(device_group) g = { 0 };
	SCOPED(cred) cred = { 0 };

	(void)state;
	office_tokens();
	rsa = office_key("rsa:2048");
	c = office_open("search.db");
	office_make_cas(c, "search");
	OK(group_add(c, "slow", "{\"renew_days\": 50}", &g));
	device_group_clear(&g);
	OK(group_add(c, "quick", "{\"renew_days\": 5}", &g));
	for (size_t i = 0; i < ARRAY_LEN(days); i++) {
		char id[8];

		snprintf(id, sizeof id, "d-%zu", i);
		add_device(id, i % 2 ? "slow" : "quick");
		EVP_PKEY *key = i == 1 ? EVP_PKEY_dup(rsa) : office_key("P-256");

		issue(key, id, days[i]);
		EVP_PKEY_free(key);
	}
	OK(cred_revoke(c, serial, &(struct cred_revocation) { .reason = "keyCompromise" }, &cred));
	add_device("bare", NULL);
	start = clock_now();
	return 0;
}

static int group_teardown(void **state)
{
	(void)state;
	core_close(c);
	EVP_PKEY_free(rsa);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	clock_set_test(0);
	return 0;
}

/* All pages of so many; the devices of what was found, in order, with blanks between. */
static enum inro_err found(struct cred_search *s, char *out, size_t cap)
{
	AUTO(free_chars) char *next = NULL;
	enum inro_err e = INRO_OK;

	*out = 0;
	do {
		SCOPED(cred_found) f = { 0 };

		s->after = next;
		e = cred_search(c, s, &f);
		for (size_t i = 0; e == INRO_OK && i < f.n; i++) {
			size_t n = strlen(out);

			snprintf(out + n, cap - n, "%s%s%s%s", n ? " " : "",
				 f.items[i].device_id ? f.items[i].device_id : "-",
				 f.items[i].due ? ":" : "", cred_due_names[f.items[i].due]);
		}
		free(next);
		next = f.next;
		f.next = NULL;
	} while (e == INRO_OK && next);
	s->after = NULL;
	return e;
}

static void test_where(void **state)
{
	const struct {
		const char *where, *finds;
		int later;
	} cases[] = {
		{ "state=active ca=issuing", "d-0 d-1 d-2 d-3", 0 },
		{ "state!=active ca=issuing", "d-4", 0 },
		{ "state=active ca=issuing expires<30d", "d-0 d-1", 0 },
		{ "state=active ca=issuing expires>=30d", "d-2 d-3", 0 },
		{ "expires<30d", "d-0 d-1", 0 },
		{ "state=expired", "d-0 d-1", 21 },
		{ "state=expired device!=d-0", "d-1", 21 },
		{ "ca=issuing state!=expired", "d-2 d-3 d-4", 21 },
		{ "state=active ca=issuing", "d-2 d-3", 21 },
		{ "key_type=rsa-2048", "d-1", 0 },
		{ "key_type^=ec- ca=issuing", "d-0 d-2 d-3 d-4", 0 },
		{ "signature=ecdsa-with-SHA256 ca=issuing state=active", "d-0 d-1 d-2 d-3", 0 },
		{ "signature=sha1WithRSAEncryption", "", 0 },
		{ "device=d-2", "d-2", 0 },
		{ "device= ca=root", "- -", 0 },
		{ "subject=CN=d-3", "d-3", 0 },
		{ "subject^=CN=d-", "d-0 d-1 d-2 d-3 d-4", 0 },
		{ "reason=keyCompromise", "d-4", 0 },
		{ "reason=superseded", "", 0 },
		{ "revoked=", "- - d-0 d-1 d-2 d-3", 0 },
		{ "revoked!=", "d-4", 0 },
		{ "profile=tls-client issued>=-1h", "d-0 d-1 d-2 d-3 d-4", 0 },
		{ "device.group=slow", "d-1 d-3", 0 },
		{ "device.group^=slow state=active", "d-1 d-3", 0 },
		{ "device.group= ", "", 0 },
		{ "device.id^=d- device.group=quick state=active", "d-0 d-2", 0 },
		{ "device.state=registered", "", 0 },
		{ "request=nothing", "", 0 },
		{ "request= ca=issuing id>=6", "d-3 d-4", 0 },
	};
	static const size_t limits[] = { 0, 1, 2, 3 };
	char out[200];

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases) * ARRAY_LEN(limits); i++) {
		const size_t k = i / ARRAY_LEN(limits);
		struct cred_search s = { .where = cases[k].where,
					 .limit = limits[i % ARRAY_LEN(limits)] };

		clock_set_test(start + (int64_t)cases[k].later * DAY);
		OK(found(&s, out, sizeof out));
		if (strcmp(out, cases[k].finds) != 0)
			fail_msg("'%s' by %zu: '%s'", s.where, s.limit, out);
	}
}

static void test_hex(void **state)
{
	static const struct {
		const char *words, *value;
		int digits;
	} forms[] = {
		{ "serial=", serial, 80 },
		{ "serial^=", serial, 6 },
		{ "sha256=", sha256, 80 },
		{ "sha256^=", sha256, 8 },
	};
	char where[120], out[40];

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(forms); i++) {
		struct cred_search s = { .where = where };

		snprintf(where, sizeof where, "%s%.*s", forms[i].words, forms[i].digits,
			 forms[i].value);
		OK(found(&s, out, sizeof out));
		assert_string_equal(out, "d-4");
	}
}

static void test_order(void **state)
{
	struct cred_search s = { .where = "ca=issuing state=active", .sort = "expires", .limit = 1 };
	char out[100];

	(void)state;
	OK(found(&s, out, sizeof out));
	assert_string_equal(out, "d-0 d-1 d-2 d-3");
	s.sort = "id";
	OK(found(&s, out, sizeof out));
	assert_string_equal(out, "d-0 d-1 d-2 d-3");
	s.where = "ca=issuing";
	s.sort = "expires"; /* no index has all states in that order */
	FAILS(INRO_E_ARG, found(&s, out, sizeof out));
	s.sort = "nothing";
	FAILS(INRO_E_ARG, found(&s, out, sizeof out));
}

/* quick renews 5 days before the end, slow 50, a device in no group 30. */
static void test_due(void **state)
{
	static const struct {
		unsigned days;
		int later;
		const char *where, *finds;
	} cases[] = {
		{ 30, 0, NULL, "d-0:expires d-1:both" },
		{ 1, 0, NULL, "d-1:overdue" },
		{ 45, 0, NULL, "d-0:expires d-1:both d-2:expires" },
		{ 30, 12, NULL, "d-0:expired d-1:both d-2:expires d-3:overdue" },
		{ 1, 12, NULL, "d-1:overdue d-3:overdue" },
		{ 1, 12, "device.group=quick", "" },
		{ 30, 12, "device=d-3", "d-3:overdue" },
	};
	const enum cred_state revoked = CRED_REVOKED;
	char out[100];

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct cred_search s = { .where = cases[i].where,
					 .filter.due_days = cases[i].days,
					 .limit = 1 + i % 3 };

		clock_set_test(start + (int64_t)cases[i].later * DAY);
		OK(found(&s, out, sizeof out));
		if (strcmp(out, cases[i].finds) != 0)
			fail_msg("case %zu: '%s'", i, out);
	}
	struct cred_search s = { .filter = { .due_days = 1, .state = &revoked } };

	FAILS(INRO_E_ARG, found(&s, out, sizeof out));
}

static void finds_devices(const char *where, const char *wanted)
{
	const struct device_search s = { .where = where };
	SCOPED(device_found) f = { 0 };
	char out[100] = "";

	OK(device_search(c, &s, &f));
	for (size_t i = 0; i < f.n; i++) {
		size_t n = strlen(out);

		snprintf(out + n, sizeof out - n, "%s%s", n ? " " : "", f.items[i].device_id);
	}
	assert_null(f.next);
	if (strcmp(out, wanted) != 0)
		fail_msg("'%s': '%s'", where, out);
}

static void test_devices_by_their_credentials(void **state)
{
	(void)state;
	finds_devices("cert.expires<30d", "d-0 d-1");
	finds_devices("cert.key_type=rsa-2048", "d-1");
	finds_devices("cert.expires<30d cert.key_type^=ec-", "d-0");
	finds_devices("group=slow cert.expires>=30d", "d-3");
	finds_devices("cert.state=revoked", "d-4"); /* active ones when nothing is said */
	finds_devices("cert.ca=issuing", "d-0 d-1 d-2 d-3");
	finds_devices("key.key_type=aes-128", "");
	finds_devices("attr.line=3 cert.ca=issuing", "");
}

static void test_refused(void **state)
{
	static const struct {
		const char *where, *says;
	} bad[] = {
		{ "colour=red", "its fields are id, kind, state" },
		{ "colour=red", "device.FIELD" },
		{ "device.colour=red", "its fields are id, name" },
		{ "device.cert.state=active", "can't be searched" },
		{ "state^=active", "= and !=" },
		{ "state=activ", "there are requested" },
		{ "serial=0", "hex digits" },
		{ "serial<00", "=, != and ^= only" },
		{ "sha256=zz", "hex digits" },
		{ "id=x", "no number" },
		{ "id^=1", "beginning" },
		{ "device<d", "= and !=" },
		{ "reason=because", "because" },
		{ "expires=30d", "< and >=" },
		{ "expires<soon", "a time is like" },
		{ "expires<", "a time is like" },
	};
	char out[40];

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		struct cred_search s = { .where = bad[i].where };
		enum inro_err e = found(&s, out, sizeof out);

		if (e != INRO_E_ARG && e != INRO_E_NOT_FOUND)
			fail_msg("'%s' gives %s", bad[i].where, err_name(e));
		if (!strstr(err_detail(e), bad[i].says))
			fail_msg("'%s' is refused with '%s'", bad[i].where, err_detail(e));
	}
	struct cred_search s = { .where = "device=nobody" };

	FAILS(INRO_E_NOT_FOUND, found(&s, out, sizeof out));
	s.where = "ca=nobody";
	FAILS(INRO_E_NOT_FOUND, found(&s, out, sizeof out));
}

/* How many events a search finds, by pages of so many. */
static size_t events(const char *where, const char *sort, size_t limit)
{
	struct audit_search s = { .where = where, .sort = sort, .limit = limit };
	AUTO(free_chars) char *next = NULL;
	size_t n = 0;

	do {
		SCOPED(event_found) f = { 0 };

		s.after = next;
		OK(audit_search(c, &s, &f));
		n += f.n;
		free(next);
		next = f.next;
		f.next = NULL;
	} while (next);
	return n;
}

static void test_events(void **state)
{
	static const struct {
		const char *where;
		size_t n;
	} cases[] = {
		{ "action=certificate.issue subject^=certificate:", 7 }, /* the two CAs' too */
		{ "action=certificate.revoke", 1 },
		{ "action^=certificate. outcome=done", 8 },
		{ "subject=device:d-1", 2 }, /* added, active */
		{ "subject^=device:d-", 10 },
		{ "at>=-1h action=group.add", 2 },
		{ "at<-1h", 0 },
		{ "actor=nobody", 0 },
		{ "id=1", 1 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		for (size_t limit = 0; limit < 4; limit++) {
			size_t n = events(cases[i].where, NULL, limit);

			if (n != cases[i].n)
				fail_msg("'%s' by %zu: %zu", cases[i].where, limit, n);
		}
	assert_int_equal(events("action=group.add", "at", 1), 2);
	assert_int_equal(events("action=group.add", "id", 1), 2);
}

static void test_counts(void **state)
{
	int64_t n = 0;

	(void)state;
	OK(cred_count(c, CRED_CERTIFICATE, CRED_ACTIVE, &n));
	assert_int_equal(n, 6); /* two of them the CAs' */
	OK(cred_count(c, CRED_CERTIFICATE, CRED_REVOKED, &n));
	assert_int_equal(n, 1);
	OK(tally_check(c));
	office_sql("search.db", "UPDATE tally SET n = 5 WHERE name = 'certificate/active'");
	FAILS(INRO_E_DAMAGED, tally_check(c));
	office_sql("search.db", "UPDATE tally SET n = 6 WHERE name = 'certificate/active'");
	OK(tally_check(c));
}

/* What an earlier version recorded has no algorithms: the certificate says. */
static void test_old_rows(void **state)
{
	struct cred_search s = { .where = "key_type=rsa-2048 signature=ecdsa-with-SHA256" };
	char out[40];

	(void)state;
	office_sql("search.db", "UPDATE credential SET algorithm = NULL, signature = NULL");
	OK(found(&s, out, sizeof out));
	assert_string_equal(out, "d-1");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(test_where, teardown),
		cmocka_unit_test(test_hex),
		cmocka_unit_test(test_order),
		cmocka_unit_test_teardown(test_due, teardown),
		cmocka_unit_test(test_devices_by_their_credentials),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_events),
		cmocka_unit_test(test_counts),
		cmocka_unit_test(test_old_rows),
	};

	return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
