/*
 * test_core_steady - CAs, profiles, groups and settings are kept in memory, and never longer than
 * they hold: what another process changed holds from the next request on, whoever kept what.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "backoffice/core/account.h"
#include "backoffice/core/ca.h"
#include "backoffice/core/cred.h"
#include "backoffice/core/device.h"
#include "backoffice/core/group.h"
#include "backoffice/core/internal.h"
#include "backoffice/core/pass.h"
#include "backoffice/core/profile_store.h"
#include "backoffice/core/setting.h"
#include "backoffice/core/view.h"
#include "base/clock.h"
#include "tests/lib/office.h"
#include "tests/lib/scratch.h"

#define OK(x) assert_int_equal(x, INRO_OK)
#define T0    INT64_C(1800000000)

static struct core *c; /* who keeps */
static char db[32];

static int setup(void **state)
{
	static unsigned n;
	SCOPED(device) d = { 0 };
	SCOPED(device_group) g = { 0 };

	(void)state;
	clock_set_test(T0);
	snprintf(db, sizeof db, "steady-%u", n++);
	c = office_open(db);
	office_make_cas(c, db);
	OK(group_add(c, "line", "{}", &g));
	OK(device_add(c, "dev", &(struct device_fields) { .group = "line" }, &d));
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	core_close(c);
	clock_set_test(0);
	return 0;
}

static enum inro_err issue_by(struct core *by, int64_t *ret_version)
{
	SCOPED(buf) csr = { 0 };
	SCOPED(cred) cert = { 0 };
	struct cred_request r = { .ca = "issuing", .profile = "tls-client", .device = "dev" };
	enum inro_err e;

	office_csr(office_ec, "dev", &csr);
	r.csr = buf_bytes(&csr);
	e = cred_issue(by, &r, &cert);
	*ret_version = cert.rec.profile_version;
	return e;
}

static enum inro_err issue(void)
{
	int64_t version;

	return issue_by(c, &version);
}

/* ---- what others change ---- */

static void retire(struct core *by)
{
	SCOPED(ca_view) v = { 0 };

	OK(ca_move(by, "issuing", VERB_RETIRE, "old", &v));
}

static void revoke_above(struct core *by)
{
	const struct cred_revocation why = { .reason = "cessationOfOperation" };
	SCOPED(ca_view) v = { 0 };
	SCOPED(cred) gone = { 0 };
	char ref[32];

	OK(ca_get(by, "issuing", &v));
	snprintf(ref, sizeof ref, "id:%lld", (long long)v.credential);
	OK(cred_revoke(by, ref, &why, &gone));
}

static void hold(struct core *by)
{
	SCOPED(ca_view) v = { 0 };
	SCOPED(cred) held = { 0 };
	char ref[32];

	OK(ca_get(by, "issuing", &v));
	snprintf(ref, sizeof ref, "id:%lld", (long long)v.credential);
	OK(cred_move(by, ref, VERB_HOLD, NULL, &held));
}

static void forbid_type(struct core *by)
{
	const struct group_change to = { .policy = "{\"key_types\": [\"rsa-3072\"]}" };
	SCOPED(device_group) g = { 0 };

	OK(group_update(by, "line", &to, &g));
}

static void forbid_type_to_all(struct core *by)
{
	OK(setting_change(by, "policy", "{\"key_types\": [\"rsa-3072\"]}", 0));
}

static void disable(struct core *by)
{
	SCOPED(device) d = { 0 };

	OK(device_switch(by, "dev", VERB_DISABLE, "lost", &d));
}

static void give_other_text(struct core *by)
{
	SCOPED(profile_version) v = { 0 };

	OK(profile_give(by, bytes_of("[profile]\nname = tls-client\n[validity]\nperiod = 9d\n[key]\n"
				     "types = rsa\n"),
			"tls-client.ini", PROFILE_ANOTHER, &v));
}

static const struct change {
	void (*make)(struct core *by);
	enum inro_err next;
} changes[] = {
	{ retire, INRO_E_STATE },	   { revoke_above, INRO_E_STATE },
	{ hold, INRO_E_STATE },		   { forbid_type, INRO_E_POLICY },
	{ forbid_type_to_all, INRO_E_POLICY }, { disable, INRO_E_STATE },
	{ give_other_text, INRO_E_POLICY },
};

/* Another core has another connection, which keeps what it keeps. */
static void by_another(const struct change *m)
{
	struct core *other = office_open(db);
	int64_t version;

	OK(issue_by(other, &version));
	OK(issue());
	m->make(other);
	assert_int_equal(issue(), m->next);
	assert_int_equal(issue_by(other, &version), m->next);
	core_close(other);
}

static int make_there(void *arg)
{
	const struct change *m = arg;
	struct core *other = office_open(db);

	m->make(other);
	core_close(other);
	return 0;
}

static void by_another_process(const struct change *m)
{
	OK(issue());
	assert_int_equal(scratch_child(make_there, (void *)(uintptr_t)m), 0);
	assert_int_equal(issue(), m->next);
}

static void each_change(void **state, void (*fn)(const struct change *))
{
	for (size_t i = 0; i < ARRAY_LEN(changes); i++) {
		fn(&changes[i]);
		OK(teardown(state));
		OK(setup(state));
	}
}

static void test_another(void **state)
{
	each_change(state, by_another);
}

static void test_another_process(void **state)
{
	each_change(state, by_another_process);
}

/* ---- there and back ---- */

static void test_profile_comes_and_goes(void **state)
{
	struct core *other = office_open(db);
	int64_t version;

	(void)state;
	for (int64_t n = 1; n < 4; n++) {
		SCOPED(profile_version) given = { 0 };
		SCOPED(profile_version) gone = { 0 };

		OK(issue_by(c, &version));
		assert_int_equal(version, 0);
		OK(profile_give(other, bytes_of(profile_builtin_text("tls-client")),
				"tls-client.ini", PROFILE_ANOTHER, &given));
		OK(issue_by(c, &version));
		assert_int_equal(version, n);
		OK(profile_remove(other, "tls-client", NULL, &gone));
	}
	core_close(other);
}

/* What is not there is kept too, until it is. */
static void test_not_there(void **state)
{
	struct core *other = office_open(db);
	SCOPED(device_group) g = { 0 };
	SCOPED(device_group) found = { 0 };
	SCOPED(core_view) view = { 0 };

	(void)state;
	OK(core_view(c, &view));
	for (int i = 0; i < 3; i++)
		assert_int_equal(group_get(c, "new", &found), INRO_E_NOT_FOUND);
	OK(group_add(other, "new", NULL, &g));
	assert_int_equal(group_get(c, "new", &found), INRO_E_NOT_FOUND); /* one view, one state */
	core_view_end(c);
	OK(core_view(c, &view));
	OK(group_get(c, "new", &found));
	core_close(other);
}

/* An older program's database: until there is a stamp nothing is kept. */
static void test_no_stamp_yet(void **state)
{
	SCOPED(device_group) g = { 0 };
	SCOPED(device_group) again = { 0 };
	SCOPED(core_view) view = { 0 };

	(void)state;
	(void)office_ask(db, "DELETE FROM setting WHERE name = 'stamp'");
	OK(core_view(c, &view));
	OK(group_get(c, "line", &g));
	core_view_end(c);
	(void)office_ask(db, "UPDATE device_group SET policy = '{\"renew_days\":3}' WHERE path = 'line'");
	OK(core_view(c, &view));
	OK(group_get(c, "line", &again));
	assert_string_not_equal(text_or_empty(g.policy), text_or_empty(again.policy));
	core_view_end(c);
}

static enum inro_err change_and_fail(struct core *by, void *arg)
{
	SCOPED(device_group) g = { 0 };
	enum inro_err e = group_get(by, "line", &g);

	(void)arg;
	if (e == INRO_OK)
		e = text_set(&g.policy, "{\"key_types\":[\"rsa-3072\"]}");
	if (e == INRO_OK)
		e = store_update(by->store, &g);
	device_group_clear(&g);
	if (e == INRO_OK) /* its own change is seen in it */
		e = group_get(by, "line", &g);
	if (e == INRO_OK && strcmp(g.policy, "{\"key_types\":[\"rsa-3072\"]}") != 0)
		return INRO_E_DAMAGED;
	return e == INRO_OK ? INRO_E_CANCELLED : e;
}

static void test_undone(void **state)
{
	(void)state;
	OK(issue());
	assert_int_equal(core_write(c, change_and_fail, NULL), INRO_E_CANCELLED);
	OK(issue());
}

static char *stamp(void)
{
	char *value = NULL;

	OK(setting_get(c, "stamp", &value));
	assert_non_null(value);
	return value;
}

/* What is certified all day long, and what becomes of devices, is no reason to read the rules again. */
static void test_stamp(void **state)
{
	struct core *other = office_open(db);
	AUTO(free_chars) char *before = NULL;
	AUTO(free_chars) char *after = NULL;
	AUTO(free_chars) char *changed = NULL;

	(void)state;
	clock_set_test(T0 + 50);
	OK(issue()); /* keeps this time, which stays the last one while the clock is behind it */
	clock_set_test(T0);
	before = stamp();
	OK(issue());
	disable(other);
	after = stamp();
	assert_string_equal(before, after);
	forbid_type(other);
	changed = stamp();
	assert_string_not_equal(before, changed);
	core_close(other);
}

/* ---- who works ---- */

static void token_of(struct core *by, const char *account, char out[static PASS_TEXT_MAX],
		     int64_t *ret_id)
{
	const struct pass_new in = { .kind = PASS_TOKEN, .name = "ci", .role = ROLE_OPERATOR,
				     .account = account };
	SCOPED(secret) value = { 0 };
	SCOPED(pass) p = { 0 };

	OK(pass_add(by, &in, &value, &p));
	snprintf(out, PASS_TEXT_MAX, "%.*s", (int)value.n, (const char *)value.p);
	*ret_id = p.id;
}

static void test_passes(void **state)
{
	struct core *other = office_open(db);
	const struct account_new bob = { .name = "bob",
					 .role = ROLE_OPERATOR,
					 .password = bytes_of("correct horse battery") };
	const struct account_new alice = { .name = "alice",
					   .role = ROLE_ADMIN,
					   .password = bytes_of("correct horse battery") };
	SCOPED(account) first = { 0 };
	SCOPED(account) a = { 0 };
	SCOPED(pass) gone = { 0 };
	char text[PASS_TEXT_MAX];
	struct core_who who;
	int64_t id;

	(void)state;
	OK(account_add(other, &alice, &first));
	OK(account_add(other, &bob, &a));
	token_of(other, "bob", text, &id);
	OK(who_by_api_token(c, text, &who));
	OK(core_become(c, &who));
	OK(issue());
	OK(pass_revoke(other, id, &gone));
	assert_int_equal(issue(), INRO_E_ACCESS); /* also who was let in before */
	assert_int_equal(who_by_api_token(c, text, &who), INRO_E_LOGIN);
	core_close(other);
}

#define T(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_another),
		T(test_another_process),
		T(test_profile_comes_and_goes),
		T(test_not_there),
		T(test_no_stamp_yet),
		T(test_undone),
		T(test_stamp),
		T(test_passes),
	};

	return cmocka_run_group_tests(tests, office_with_key, office_drop_key);
}
