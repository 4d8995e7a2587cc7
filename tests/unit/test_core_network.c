/* test_core_network - who a request is from, what he may do then, and that nobody else gets in. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "backoffice/core/account.h"
#include "backoffice/core/audit.h"
#include "backoffice/core/cred.h"
#include "backoffice/core/device.h"
#include "backoffice/core/internal.h"
#include "backoffice/core/limit.h"
#include "backoffice/core/network.h"
#include "backoffice/core/pass.h"
#include "backoffice/core/psk.h"
#include "backoffice/core/setting.h"
#include "base/clock.h"
#include "tests/lib/office.h"
#include "tests/lib/still.h"

#define OK(x)	 assert_int_equal(x, INRO_OK)
#define PASSWORD "correct horse battery"
#define HERE	 "192.0.2.7"

static char db[32];
static char key_of_dev[PSK_MAX + 1]; /* the pre-shared key of dev-1 */

static void add_account(struct core *c, const char *name, enum role role)
{
	const struct account_new a = { .name = name, .role = role, .password = bytes_of(PASSWORD) };
	SCOPED(account) made = { 0 };

	OK(account_add(c, &a, &made));
}

static void add_device(struct core *c, const char *id, char *psk)
{
	SCOPED(device) d = { 0 };
	SCOPED(psk_new) p = { 0 };

	OK(device_add_with(c, id, NULL, &p, &d));
	snprintf(psk, PSK_MAX + 1, "%.*s", (int)p.value.n, (const char *)p.value.p);
}

/* alice administers, bob operates; dev-1 and dev-2. */
static int setup(void **state)
{
	static unsigned n;
	struct core *c;
	char other[PSK_MAX + 1];

	limit_forget();
	snprintf(db, sizeof db, "network-%u.db", n++);
	c = office_open(db);
	add_account(c, "alice", ROLE_ADMIN);
	add_account(c, "bob", ROLE_OPERATOR);
	add_device(c, "dev-1", key_of_dev);
	add_device(c, "dev-2", other);
	OK(core_become(c, NULL));
	OK(core_peer(c, HERE));
	*state = c;
	return 0;
}

static int setup_cas(void **state)
{
	struct core *c;

	assert_int_equal(setup(state), 0);
	c = office_open(db);
	office_make_cas(c, db);
	core_close(c);
	return 0;
}

static int teardown(void **state)
{
	core_close(*state);
	clock_set_test(0);
	still_clock(false);
	return 0;
}

static long long refusals(const char *action)
{
	char sql[160];

	snprintf(sql, sizeof sql,
		 "SELECT count(*) FROM event WHERE outcome = 'refused' AND actor = '" HERE
		 "' AND action = '%s'",
		 action);
	return office_ask(db, sql);
}

static void become_account(struct core *c, const char *name)
{
	struct core_who who;

	OK(who_by_account(c, name, bytes_of(PASSWORD), &who));
	OK(core_become(c, &who));
}

static void become_device(struct core *c)
{
	struct core_who who;

	OK(who_by_device_psk(c, "dev-1", bytes_of(key_of_dev), &who, NULL));
	OK(core_become(c, &who));
}

/* A certificate of this device for the key of all tests. */
static enum inro_err issue_for(struct core *c, const char *device, struct cred *ret)
{
	SCOPED(buf) csr = { 0 };
	struct cred_request r = { .ca = "issuing", .profile = "tls-client", .device = device };

	office_csr(office_ec, device ? device : "anybody", &csr);
	r.csr = buf_bytes(&csr);
	return cred_issue(c, &r, ret);
}

static void test_device_psk(void **state)
{
	static const struct {
		const char *device, *psk;
	} wrong[] = { { "dev-1", "wrong" },    { "dev-1", "" },	      { "dev-9", "wrong" },
		      { "nowhere/dev-1", "x" }, { "default/", "x" },  { "", "x" },
		      { "../../etc", "x" },	{ "dev-1\n", "x" },   { NULL, "x" } };
	struct core *c = *state;
	struct core_who who;
	SCOPED(device) d = { 0 };

	for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
		assert_int_equal(who_by_device_psk(c, wrong[i].device, bytes_of(wrong[i].psk), &who, &d),
				 INRO_E_LOGIN);
		assert_string_equal(err_detail(INRO_E_LOGIN),
				    "wrong device id or key, or the device may not work here");
		assert_int_equal(c->role, ROLE_NOBODY);
	}
	assert_int_equal(refusals("psk.verify"), ARRAY_LEN(wrong));
	OK(who_by_device_psk(c, "default/dev-1", bytes_of(key_of_dev), &who, &d));
	assert_string_equal(who.actor, "device:dev-1");
	assert_int_equal(who.role, ROLE_DEVICE);
	assert_int_equal(who.device, d.id);
	assert_int_equal(c->tenant, 0);
}

/* For itself everything that it needs, for others and beside that nothing. */
static void test_device_may(void **state)
{
	struct core *c = *state;
	SCOPED(cred) own = { 0 };
	SCOPED(cred) none = { 0 };
	SCOPED(device) d = { 0 };
	SCOPED(psk_new) psk = { 0 };
	size_t n = 0;

	become_device(c);
	OK(issue_for(c, "dev-1", &own));
	assert_string_equal(own.device_id, "dev-1");
	assert_int_equal(issue_for(c, "dev-2", &none), INRO_E_ACCESS);
	assert_int_equal(issue_for(c, NULL, &none), INRO_E_ACCESS);
	assert_int_equal(core_admit(c, ROLE_AUDITOR, "device list"), INRO_E_ACCESS);
	assert_int_equal(device_add(c, "dev-3", NULL, &d), INRO_E_ACCESS);
	assert_int_equal(device_delete(c, "dev-1", NULL, &n), INRO_E_ACCESS);
	assert_int_equal(psk_rotate(c, "dev-2", BYTES_NONE, 0, &psk), INRO_E_ACCESS);
	assert_int_equal(psk_issue(c, "dev-1", BYTES_NONE, &psk), INRO_E_ACCESS);
	OK(psk_rotate(c, "dev-1", BYTES_NONE, 0, &psk));
	assert_int_equal(c->role, ROLE_DEVICE);
}

static void test_device_gives_up(void **state)
{
	const struct cred_revocation r = { .reason = "keyCompromise" };
	struct core *c = *state;
	SCOPED(cred) own = { 0 };
	SCOPED(cred) out = { 0 };
	char ref[32];

	become_device(c);
	OK(issue_for(c, "dev-1", &own));
	snprintf(ref, sizeof ref, "id:%lld", (long long)own.rec.id);
	assert_int_equal(cred_move(c, ref, VERB_HOLD, NULL, &out), INRO_E_ACCESS);
	OK(cred_revoke(c, ref, &r, &out));
	assert_int_equal(out.state, CRED_REVOKED);
}

/* What it says of a key ends what is its own; for a certificate of others the audit has a refusal. */
static void test_device_and_others_key(void **state)
{
	const struct cred_revocation r = { .reason = "keyCompromise" };
	struct core *c = *state, *admin = office_open(db);
	SCOPED(cred) own = { 0 };
	SCOPED(cred) another = { 0 };
	SCOPED(cred) theirs = { 0 };
	SCOPED(cred) out = { 0 };
	char ref[32];

	OK(issue_for(admin, NULL, &theirs));
	become_device(c);
	OK(issue_for(c, "dev-1", &own));
	OK(issue_for(c, "dev-1", &another));
	snprintf(ref, sizeof ref, "id:%lld", (long long)own.rec.id);
	OK(cred_revoke(c, ref, &r, &out));
	assert_int_equal(out.kin_n, 1);
	assert_int_equal(out.kin[0].id, another.rec.id);
	snprintf(ref, sizeof ref, "id:%lld", (long long)theirs.rec.id);
	cred_clear(&out);
	OK(cred_get(admin, ref, &out));
	assert_int_equal(out.state, CRED_ACTIVE);
	assert_int_equal(office_said(admin, "which is not the device's"), 1);
	core_close(admin);
}

/* What was taken from it counts at once. */
static void test_device_disabled(void **state)
{
	struct core *c = *state, *admin = office_open(db);
	SCOPED(device) d = { 0 };
	SCOPED(cred) out = { 0 };
	SCOPED(psk_new) psk = { 0 };
	struct core_who who;

	become_device(c);
	OK(device_switch(admin, "dev-1", VERB_DISABLE, NULL, &d));
	assert_int_equal(issue_for(c, "dev-1", &out), INRO_E_STATE);
	assert_int_equal(psk_rotate(c, "dev-1", BYTES_NONE, 0, &psk), INRO_E_ACCESS);
	assert_int_equal(who_by_device_psk(c, "dev-1", bytes_of(key_of_dev), &who, NULL),
			 INRO_E_LOGIN);
	core_close(admin);
}

static void test_device_locked(void **state)
{
	struct core *c = *state, *admin = office_open(db);
	struct core_who who;

	for (int i = 0; i < 12; i++)
		assert_int_equal(who_by_device_psk(c, "dev-1", bytes_of("wrong"), &who, NULL),
				 INRO_E_LOGIN);
	assert_int_equal(who_by_device_psk(c, "dev-1", bytes_of(key_of_dev), &who, NULL),
			 INRO_E_LOGIN);
	OK(psk_release(admin, "dev-1"));
	OK(who_by_device_psk(c, "dev-1", bytes_of(key_of_dev), &who, NULL));
	core_close(admin);
}

/* The key for a protocol: counted as wrong until it was right. */
static void test_named(void **state)
{
	struct core *c = *state, *admin = office_open(db);
	SCOPED(psk_good) psk = { 0 };
	SCOPED(device) d = { 0 };
	enum inro_err e = INRO_E_LOGIN;
	struct core_who who;
	char known[200];

	/* Without a sealing key only a hash is kept.  That there is such a device is not told by that. */
	assert_int_equal(who_named(c, "dev-1", &who, &d, &psk), INRO_E_LOGIN);
	snprintf(known, sizeof known, "%s", err_detail(INRO_E_LOGIN));
	assert_int_equal(who_named(c, "dev-9", &who, &d, &psk), INRO_E_LOGIN);
	assert_string_equal(known, err_detail(INRO_E_LOGIN));
	assert_null(psk.now.p);
	assert_int_equal(refusals("psk.verify"), 2);
	/* nor is it tried more often than any other; a little is paid off meanwhile */
	for (int i = 0; i < 4 * LIMIT_BURST && e == INRO_E_LOGIN; i++)
		e = who_named(c, "dev-1", &who, &d, &psk);
	assert_int_equal(e, INRO_E_BUSY);
	core_close(admin);
}

static void test_certificate(void **state)
{
	const struct cred_revocation r = { .reason = "keyCompromise" };
	struct core *c = *state, *admin = office_open(db);
	SCOPED(cred) own = { 0 };
	SCOPED(cred) gone = { 0 };
	SCOPED(device) d = { 0 };
	struct core_who who;
	char ref[32];

	OK(issue_for(admin, "dev-1", &own));
	OK(who_by_certificate(c, blob_bytes(&own.rec.cert), &who, &d));
	assert_string_equal(who.actor, "device:dev-1");
	assert_int_equal(who_by_certificate(c, bytes_of("no certificate"), &who, NULL), INRO_E_LOGIN);
	assert_int_equal(who_by_certificate(c, BYTES_NONE, &who, NULL), INRO_E_LOGIN);
	clock_set_test(own.rec.not_after + 10);
	assert_int_equal(who_by_certificate(c, blob_bytes(&own.rec.cert), &who, NULL), INRO_E_LOGIN);
	clock_set_test(0);
	snprintf(ref, sizeof ref, "id:%lld", (long long)own.rec.id);
	OK(cred_revoke(admin, ref, &r, &gone));
	assert_int_equal(who_by_certificate(c, blob_bytes(&own.rec.cert), &who, NULL), INRO_E_LOGIN);
	assert_int_equal(refusals("certificate.login"), 4);
	core_close(admin);
}

static void test_certificate_of_disabled(void **state)
{
	struct core *c = *state, *admin = office_open(db);
	SCOPED(cred) own = { 0 };
	SCOPED(device) d = { 0 };
	struct core_who who;

	OK(issue_for(admin, "dev-1", &own));
	OK(device_switch(admin, "dev-1", VERB_DISABLE, NULL, &d));
	assert_int_equal(who_by_certificate(c, blob_bytes(&own.rec.cert), &who, NULL), INRO_E_LOGIN);
	core_close(admin);
}

static void test_account(void **state)
{
	static const char *const wrong[] = { "nobody", "", "nowhere/alice", "default/default/bob",
					     "alice\x01", NULL };
	struct core *c = *state;
	struct core_who who;

	for (size_t i = 0; i < ARRAY_LEN(wrong); i++)
		assert_int_equal(who_by_account(c, wrong[i], bytes_of(PASSWORD), &who), INRO_E_LOGIN);
	assert_int_equal(who_by_account(c, "alice", bytes_of("wrong"), &who), INRO_E_LOGIN);
	assert_int_equal(refusals("user.login"), ARRAY_LEN(wrong) + 1);
	OK(who_by_account(c, "alice", bytes_of(PASSWORD), &who));
	assert_string_equal(who.actor, "alice");
	assert_int_equal(who.role, ROLE_ADMIN);
	assert_int_equal(c->role, ROLE_NOBODY);
	office_sql(db, "INSERT INTO tenant (id, name, created_ms) VALUES (2, 'plant', 0)");
	OK(who_by_account(c, "plant/default/alice", bytes_of(PASSWORD), &who));
	assert_string_equal(who.actor, "default/alice");
	assert_int_equal(who.tenant, 2);
	assert_int_equal(who_by_account(c, "plant/default/bob", bytes_of(PASSWORD), &who),
			 INRO_E_LOGIN);
}

static void value_text(const struct secret *value, char out[static PASS_TEXT_MAX])
{
	snprintf(out, PASS_TEXT_MAX, "%.*s", (int)value->n, (const char *)value->p);
}

static void a_session(struct core *c, const char *name, char out[static PASS_TEXT_MAX])
{
	SCOPED(secret) value = { 0 };
	SCOPED(pass) p = { 0 };
	struct core_who who;

	OK(who_by_account(c, name, bytes_of(PASSWORD), &who));
	OK(pass_session(c, &who, &value, &p));
	value_text(&value, out);
}

static void test_session(void **state)
{
	struct core *c = *state;
	char text[PASS_TEXT_MAX];
	struct core_who who;
	size_t n = 0;

	a_session(c, "bob", text);
	OK(who_by_session(c, text, &who));
	assert_int_equal(who.role, ROLE_OPERATOR);
	assert_int_equal(who_by_api_token(c, text, &who), INRO_E_LOGIN);
	text[20] ^= 1;
	assert_int_equal(who_by_session(c, text, &who), INRO_E_LOGIN);
	text[20] ^= 1;
	clock_set_test(clock_now() + 481 * 60);
	assert_int_equal(who_by_session(c, text, &who), INRO_E_LOGIN);
	clock_set_test(0);
	OK(who_by_session(c, text, &who));
	OK(core_become(c, &who));
	OK(pass_logout(c, NULL, &n));
	assert_int_equal(n, 1);
	assert_int_equal(who_by_session(c, text, &who), INRO_E_LOGIN);
	c = office_open(db);
	assert_true(office_said(c, "\"account\"") > 0);
	assert_int_equal(office_said(c, "inro_session"), 0);
	core_close(c);
}

/* Who has many sessions loses the oldest. */
static void test_sessions_bounded(void **state)
{
	struct core *c = *state;
	SCOPED(secret) value = { 0 };
	struct core_who who;
	char first[PASS_TEXT_MAX];

	a_session(c, "bob", first);
	OK(who_by_account(c, "bob", bytes_of(PASSWORD), &who));
	for (int i = 0; i < PASS_SESSIONS_MAX; i++) {
		SCOPED(pass) p = { 0 };

		secret_clear(&value);
		OK(pass_session(c, &who, &value, &p));
	}
	assert_int_equal(who_by_session(c, first, &who), INRO_E_LOGIN);
	assert_int_equal(office_ask(db, "SELECT count(*) FROM pass WHERE ended_ms IS NULL"),
			 PASS_SESSIONS_MAX);
}

static int64_t a_token(struct core *c, const struct pass_new *in, char out[static PASS_TEXT_MAX])
{
	SCOPED(secret) value = { 0 };
	SCOPED(pass) p = { 0 };

	OK(pass_add(c, in, &value, &p));
	value_text(&value, out);
	return p.id;
}

static long long passes(void)
{
	return office_ask(db, "SELECT count(*) FROM pass");
}

/* What is over is forgotten after a while, what is good never; the newest keeps its number. */
static void test_purge_passes(void **state)
{
	struct pass_new in = { .kind = PASS_TOKEN, .name = "good", .role = ROLE_OPERATOR };
	struct core *c = *state;
	int64_t now = clock_now(), gone;
	char text[PASS_TEXT_MAX];
	SCOPED(pass) p = { 0 };

	become_account(c, "alice");
	a_token(c, &in, text);
	in.name = "revoked";
	gone = a_token(c, &in, text);
	OK(pass_revoke(c, gone, &p));
	in.name = "short";
	in.days = 1;
	a_token(c, &in, text);
	a_session(c, "bob", text);
	a_session(c, "bob", text);
	become_account(c, "alice");
	OK(pass_purge(c));
	assert_int_equal(passes(), 5);
	clock_set_test(now + 2 * 86400);
	OK(pass_purge(c));
	assert_int_equal(passes(), 4);
	assert_int_equal(office_ask(db, "SELECT count(*) FROM pass WHERE kind = 'session'"), 1);
	clock_set_test(now + 40 * 86400);
	OK(pass_purge(c));
	assert_int_equal(passes(), 2);
	assert_int_equal(office_ask(db, "SELECT count(*) FROM pass WHERE name = 'good'"), 1);
}

static void test_token(void **state)
{
	const struct pass_new in = { .kind = PASS_TOKEN,
				     .name = "ci",
				     .role = ROLE_OPERATOR,
				     .verbs = "device *, cert list",
				     .days = 1 };
	struct core *c = *state;
	char text[PASS_TEXT_MAX];
	struct core_who who;
	SCOPED(device) d = { 0 };
	SCOPED(pass) p = { 0 };
	int64_t id;

	become_account(c, "alice");
	id = a_token(c, &in, text);
	OK(who_by_api_token(c, text, &who));
	assert_int_equal(who.role, ROLE_OPERATOR); /* less than alice's own */
	OK(core_become(c, &who));
	OK(core_admit(c, ROLE_OPERATOR, "device add"));
	OK(core_admit(c, ROLE_AUDITOR, "cert list"));
	assert_int_equal(core_admit(c, ROLE_AUDITOR, "cert show"), INRO_E_ACCESS);
	assert_int_equal(core_admit(c, ROLE_ADMIN, "device add"), INRO_E_ACCESS);
	OK(device_add(c, "dev-3", NULL, &d));
	device_clear(&d);
	become_account(c, "alice");
	OK(pass_revoke(c, id, &p));
	assert_int_equal(who_by_api_token(c, text, &who), INRO_E_LOGIN);
}

/* Revoked while it is at work. */
static void test_token_revoked_meanwhile(void **state)
{
	const struct pass_new in = { .kind = PASS_TOKEN, .name = "ci", .role = ROLE_OPERATOR };
	struct core *c = *state, *admin = office_open(db);
	char text[PASS_TEXT_MAX];
	struct core_who who;
	SCOPED(device) d = { 0 };
	SCOPED(pass) p = { 0 };
	int64_t id;

	become_account(c, "bob");
	id = a_token(c, &in, text);
	OK(who_by_api_token(c, text, &who));
	OK(core_become(c, &who));
	OK(pass_revoke(admin, id, &p));
	assert_int_equal(device_add(c, "dev-3", NULL, &d), INRO_E_ACCESS);
	core_close(admin);
}

static void test_token_refused(void **state)
{
	const struct pass_new bad[] = {
		{ .kind = PASS_TOKEN, .name = "", .role = ROLE_AUDITOR },
		{ .kind = PASS_TOKEN, .name = "ci", .role = ROLE_ADMIN }, /* more than bob is */
		{ .kind = PASS_TOKEN, .name = "ci", .role = ROLE_DEVICE },
		{ .kind = PASS_TOKEN, .name = "ci", .role = ROLE_AUDITOR, .account = "alice" },
		{ .kind = PASS_TOKEN, .name = "ci", .role = ROLE_AUDITOR, .verbs = "DROP TABLE" },
		{ .kind = PASS_TOKEN, .name = "ci", .role = ROLE_AUDITOR, .verbs = "device list,," },
		{ .kind = PASS_TOKEN, .name = "ci", .role = ROLE_AUDITOR, .days = 100000 },
		{ .kind = PASS_SESSION, .name = "ci", .role = ROLE_AUDITOR },
		{ .kind = PASS_CERTIFICATE, .name = "ci", .role = ROLE_AUDITOR },
		{ .kind = PASS_KEY, .name = "gate", .role = ROLE_AUDITOR },
	};
	struct core *c = *state;
	SCOPED(secret) value = { 0 };
	SCOPED(pass) p = { 0 };
	char text[PASS_TEXT_MAX];
	struct core_who who;
	const struct pass_new good = { .kind = PASS_TOKEN, .name = "ci", .role = ROLE_OPERATOR };

	become_account(c, "bob");
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		assert_int_not_equal(pass_add(c, &bad[i], &value, &p), INRO_OK);
	a_token(c, &good, text);
	OK(who_by_api_token(c, text, &who));
	OK(core_become(c, &who));
	assert_int_equal(pass_add(c, &good, &value, &p), INRO_E_ACCESS); /* no token by a token */
}

static void test_pass_of_another(void **state)
{
	const struct pass_new in = { .kind = PASS_TOKEN,
				     .name = "ci",
				     .role = ROLE_OPERATOR,
				     .account = "bob" };
	struct core *c = *state;
	SCOPED(pass_list) l = { 0 };
	SCOPED(pass) p = { 0 };
	SCOPED(secret) value = { 0 };
	char text[PASS_TEXT_MAX];
	struct core_who who;
	int64_t id;

	become_account(c, "alice");
	id = a_token(c, &in, text);
	OK(who_by_api_token(c, text, &who));
	assert_string_equal(who.actor, "bob");
	become_account(c, "alice");
	add_account(c, "carol", ROLE_OPERATOR);
	OK(setting_change(c, "four-eyes.ca", "1", 0));
	assert_int_equal(pass_add(c, &in, &value, &p), INRO_E_POLICY);
	become_account(c, "carol");
	OK(pass_find(c, false, NULL, &l));
	assert_int_equal(l.n, 0); /* another's is not there */
	assert_int_equal(pass_revoke(c, id, &p), INRO_E_NOT_FOUND);
}

/* A client certificate in a person's hands. */
static void test_account_by_certificate(void **state)
{
	struct core *c = *state, *admin = office_open(db);
	SCOPED(cred) cert = { 0 };
	SCOPED(cred) gone = { 0 };
	SCOPED(secret) none = { 0 };
	SCOPED(pass) p = { 0 };
	SCOPED(buf) csr = { 0 };
	struct core_who who;
	const struct cred_revocation r = { .reason = "keyCompromise" };
	struct cred_request req = { .ca = "issuing", .profile = "tls-client" };
	struct pass_new in = { .kind = PASS_CERTIFICATE, .name = "card", .role = ROLE_OPERATOR };
	char ref[32];

	office_csr(office_ec, "bob", &csr);
	req.csr = buf_bytes(&csr);
	OK(cred_issue(admin, &req, &cert));
	in.cert = blob_bytes(&cert.rec.cert);
	assert_int_equal(who_by_certificate(c, in.cert, &who, NULL), INRO_E_LOGIN);
	become_account(c, "bob");
	OK(pass_add(c, &in, &none, &p));
	assert_null(none.p);
	OK(who_by_certificate(c, in.cert, &who, NULL));
	assert_string_equal(who.actor, "bob");
	snprintf(ref, sizeof ref, "id:%lld", (long long)cert.rec.id);
	OK(cred_revoke(admin, ref, &r, &gone));
	assert_int_equal(who_by_certificate(c, in.cert, &who, NULL), INRO_E_LOGIN);
	core_close(admin);
}

static void test_key(void **state)
{
	const struct pass_new in = { .kind = PASS_KEY, .name = "gate", .role = ROLE_AUDITOR };
	struct core *c = *state;
	char text[PASS_TEXT_MAX];
	struct core_who who;

	become_account(c, "alice");
	a_token(c, &in, text);
	OK(who_has_key(c, text));
	assert_int_equal(who_has_key(c, "inro_key_00"), INRO_E_LOGIN);
	assert_int_equal(who_has_key(c, NULL), INRO_E_LOGIN);
	assert_int_equal(who_by_api_token(c, text, &who), INRO_E_LOGIN); /* lets nobody in alone */
}

/* Many wrong ones from one address cost it its place, and nobody else. */
static void test_limited(void **state)
{
	const struct pass_new in = { .kind = PASS_TOKEN, .name = "line", .role = ROLE_AUDITOR };
	struct core *c = *state;
	char text[PASS_TEXT_MAX];
	struct core_who who;
	enum inro_err e = INRO_E_LOGIN;
	long long before, n;

	become_account(c, "alice");
	a_token(c, &in, text);
	still_clock(true); /* nothing is paid off meanwhile */
	for (n = 0; n < 100 && e == INRO_E_LOGIN; n++)
		e = who_by_session(c, "inro_session_0", &who);
	assert_int_equal(e, INRO_E_BUSY);
	assert_int_equal(n, LIMIT_BURST + 1);
	assert_int_equal(refusals("pass.login"), LIMIT_BURST);
	assert_int_equal(who_by_account(c, "alice", bytes_of(PASSWORD), &who), INRO_E_BUSY);
	/* What nobody guesses is looked at: it is another one's behind the same address. */
	OK(who_by_api_token(c, text, &who));
	assert_string_equal(who.actor, "alice");
	before = refusals("pass.login") + refusals("certificate.login");
	assert_int_equal(who_by_api_token(c, "inro_token_0", &who), INRO_E_BUSY);
	assert_int_equal(who_by_certificate(c, bytes_of("no certificate"), &who, NULL), INRO_E_BUSY);
	assert_int_equal(refusals("pass.login") + refusals("certificate.login"), before);
	OK(who_public(c, &who)); /* revocation lists and CAs' certificates are not kept from anybody */
	OK(core_peer(c, "2001:db8::1"));
	OK(who_by_account(c, "alice", bytes_of(PASSWORD), &who));
}

static void test_nobody(void **state)
{
	struct core *c = *state;
	SCOPED(device_found) l = { 0 };
	SCOPED(device) d = { 0 };

	OK(device_search(c, &(struct device_search) { 0 }, &l));
	assert_int_equal(l.n, 0);
	assert_int_equal(device_get(c, "dev-1", &d), INRO_E_NOT_FOUND);
	assert_int_equal(core_admit(c, ROLE_AUDITOR, "device list"), INRO_E_ACCESS);
}

/* A device whose pre-shared key is gone already can be deleted all the same. */
static void test_deleted_without_psk(void **state)
{
	struct core *c = *state;
	size_t n = 0;

	become_account(c, "bob");
	OK(psk_delete(c, "dev-2", NULL, &n));
	assert_int_equal(n, 1);
	OK(device_delete(c, "dev-2", NULL, &n));
}

static void test_verbs(void **state)
{
	(void)state;
	assert_true(pass_verbs_allow(NULL, "device list"));
	assert_true(pass_verbs_allow("", "device list"));
	assert_true(pass_verbs_allow("cert list , device list", "device list"));
	assert_true(pass_verbs_allow("device *", "device list"));
	assert_false(pass_verbs_allow("device *", "device"));
	assert_false(pass_verbs_allow("device *", "devices list"));
	assert_false(pass_verbs_allow("device lis", "device list"));
	assert_false(pass_verbs_allow("*", "device list"));
	assert_false(pass_verbs_allow(",", "device list"));
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
#define CAS(name) cmocka_unit_test_setup_teardown(name, setup_cas, teardown)
	const struct CMUnitTest tests[] = {
		T(test_device_psk),
		CAS(test_device_may),
		CAS(test_device_gives_up),
		CAS(test_device_and_others_key),
		CAS(test_device_disabled),
		T(test_device_locked),
		T(test_named),
		CAS(test_certificate),
		CAS(test_certificate_of_disabled),
		T(test_account),
		T(test_session),
		T(test_sessions_bounded),
		T(test_purge_passes),
		T(test_token),
		T(test_token_revoked_meanwhile),
		T(test_token_refused),
		T(test_pass_of_another),
		CAS(test_account_by_certificate),
		T(test_key),
		T(test_limited),
		T(test_nobody),
		T(test_deleted_without_psk),
		cmocka_unit_test(test_verbs),
	};

	return cmocka_run_group_tests(tests, office_with_key, office_drop_key);
}
