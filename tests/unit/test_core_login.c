/* test_core_login - who gets in, who doesn't, and that nobody can lock everybody out. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#include "backoffice/core/account.h"
#include "backoffice/core/audit.h"
#include "backoffice/core/device.h"
#include "backoffice/core/fleet.h"
#include "backoffice/core/group.h"
#include "backoffice/core/internal.h"
#include "backoffice/core/login.h"
#include "backoffice/core/setting.h"
#include "base/clock.h"
#include "tests/lib/office.h"

#define OK(x)	 assert_int_equal(x, INRO_OK)
#define PASSWORD "correct horse battery"
#define WRONG	 "staple horse battery!"

static char db[32];
static const char *typed; /* what the next asking answers; NULL: nobody is to be asked */

static enum inro_err type(void *arg, const char *name, struct secret *ret)
{
	(void)arg;
	(void)name;
	assert_non_null(typed);
	return secret_copy(bytes_of(typed), ret);
}

static enum inro_err try_in(const char *tenant, const char *as, const char *password,
			    struct core **ret)
{
	const struct core_options o = { .db = office_url(db),
					.accounts = true,
					.as = as,
					.tenant = tenant,
					.ask_password = type };
	enum inro_err e;

	typed = password;
	e = core_open(&o, ret);
	typed = NULL;
	return e;
}

static struct core *in_tenant(const char *tenant, const char *as)
{
	struct core *c = NULL;

	OK(try_in(tenant, as, PASSWORD, &c));
	return c;
}

static struct core *in(const char *as)
{
	return in_tenant(NULL, as);
}

static void kept_out(const char *as, const char *password)
{
	struct core *c = NULL;

	assert_int_equal(try_in(NULL, as, password, &c), INRO_E_LOGIN);
	assert_null(c);
	assert_non_null(strstr(err_detail(INRO_E_LOGIN), "wrong name or password, or"));
}

static enum inro_err add(struct core *c, const char *name, enum role role)
{
	const struct account_new a = { .name = name, .role = role, .password = bytes_of(PASSWORD) };
	SCOPED(account) made = { 0 };

	return account_add(c, &a, &made);
}

static enum inro_err move(struct core *c, const char *name, enum verb verb)
{
	SCOPED(account) now = { 0 };

	return account_move(c, name, verb, 0, &now);
}

/* A database with alice, who administers. */
static int setup(void **state)
{
	static unsigned n;
	struct core *c;

	(void)state;
	snprintf(db, sizeof db, "login-%u.db", n++);
	c = in(NULL);
	OK(add(c, "alice", ROLE_ADMIN));
	core_close(c);
	return 0;
}

static int setup_none(void **state)
{
	static unsigned n;

	(void)state;
	snprintf(db, sizeof db, "login-none-%u.db", n++);
	return 0;
}

static void test_first(void **state)
{
	struct core *c = in(NULL), *none = NULL, *plant;

	(void)state;
	assert_int_equal(c->role, ROLE_ADMIN);
	assert_int_equal(add(c, "bob", ROLE_OPERATOR), INRO_E_POLICY);
	office_sql(db, "INSERT INTO tenant (id, name, created_ms) VALUES (2, 'plant', 0)");
	plant = in_tenant("plant", NULL);
	assert_int_equal(add(plant, "alice", ROLE_ADMIN), INRO_E_POLICY);
	core_close(plant);
	assert_int_equal(try_in(NULL, "alice", PASSWORD, &none), INRO_E_LOGIN);
	OK(add(c, "alice", ROLE_ADMIN));
	core_close(c);
	assert_int_equal(office_ask(db, "SELECT count(*) FROM event WHERE detail LIKE '%first%' "
				   "AND outcome = 'done'"), 1);
	assert_int_equal(try_in(NULL, NULL, NULL, &none), INRO_E_LOGIN);
	c = in("alice");
	assert_string_equal(c->actor, "alice");
	core_close(c);
}

/* One answer for whatever is wrong. */
static void test_one_answer(void **state)
{
	struct core *c = in("alice");

	(void)state;
	OK(add(c, "bob", ROLE_OPERATOR));
	OK(add(c, "carol", ROLE_OPERATOR));
	OK(move(c, "bob", VERB_DISABLE));
	OK(move(c, "carol", VERB_DELETE));
	kept_out("alice", WRONG);
	kept_out("bob", PASSWORD);
	kept_out("carol", PASSWORD);
	kept_out("nobody", PASSWORD);
	kept_out("default/carol", PASSWORD);
	kept_out("' OR 1=1 --", PASSWORD);
	OK(move(c, "bob", VERB_ENABLE));
	core_close(in("bob"));
	assert_int_equal(move(c, "carol", VERB_ENABLE), INRO_E_STATE);
	assert_int_equal(add(c, "carol", ROLE_OPERATOR), INRO_E_EXISTS);
	core_close(c);
	assert_int_equal(office_ask(db, "SELECT count(*) FROM event WHERE action = 'user.login' "
					"AND outcome = 'refused'"),
			 6);
	assert_int_equal(office_ask(db, "SELECT count(*) FROM account WHERE name = 'carol' AND "
					"verifier IS NULL"),
			 1);
}

static void test_locked(void **state)
{
	struct core *c = in("alice");
	SCOPED(account) now = { 0 };

	(void)state;
	OK(add(c, "bob", ROLE_OPERATOR));
	OK(setting_change(c, "password.tries", "2", 0));
	OK(setting_change(c, "password.lock", "60", 0));
	kept_out("bob", WRONG);
	core_close(in("bob")); /* counts anew */
	kept_out("bob", WRONG);
	kept_out("bob", WRONG);
	clock_set_test(clock_now() + 11); /* no longer young */
	kept_out("bob", PASSWORD);
	OK(account_get(c, "bob", &now));
	assert_int_equal(now.fails, 2);
	clock_set_test(clock_now() + 51);
	kept_out("bob", WRONG); /* one more, and locked again */
	clock_set_test(clock_now() + 11);
	kept_out("bob", PASSWORD);
	account_clear(&now);
	OK(account_release(c, "bob", &now));
	core_close(in("bob"));
	clock_set_test(0);
	core_close(c);
}

static void test_last_administrator(void **state)
{
	struct core *c = in("alice");
	SCOPED(account) now = { 0 };

	(void)state;
	assert_int_equal(move(c, "alice", VERB_DISABLE), INRO_E_STATE);
	assert_int_equal(move(c, "alice", VERB_DELETE), INRO_E_STATE);
	assert_int_equal(account_set_role(c, "alice", ROLE_OPERATOR, 0, &now), INRO_E_STATE);
	OK(add(c, "zoe", ROLE_ADMIN));
	OK(account_set_role(c, "alice", ROLE_OPERATOR, 0, &now));
	assert_int_equal(now.role, ROLE_OPERATOR);
	core_close(c);
	c = in("zoe");
	assert_int_equal(move(c, "zoe", VERB_DELETE), INRO_E_STATE);
	core_close(c);
}

/* What was taken from an account counts in a core that is open already, too. */
static void test_changed_meanwhile(void **state)
{
	struct core *c = in("alice"), *bob, *carol;
	SCOPED(device) d = { 0 };
	SCOPED(account) now = { 0 };

	(void)state;
	OK(add(c, "bob", ROLE_OPERATOR));
	OK(add(c, "carol", ROLE_ADMIN));
	bob = in("bob");
	carol = in("carol");
	OK(device_add(bob, "dev-1", NULL, &d));
	OK(move(c, "bob", VERB_DISABLE));
	OK(account_set_role(c, "carol", ROLE_AUDITOR, 0, &now));
	device_clear(&d);
	assert_int_equal(device_add(bob, "dev-2", NULL, &d), INRO_E_ACCESS);
	assert_int_equal(add(carol, "dave", ROLE_ADMIN), INRO_E_ACCESS);
	core_close(bob);
	core_close(carol);
	core_close(c);
}

static void test_passwords(void **state)
{
	static const char *const bad[] = { "short", "aaaaaaaaaaaaaaaa", "my name is ALICE!", "" };
	struct core *c = in("alice"), *bob, *again = NULL;
	SCOPED(account) now = { 0 };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		assert_int_equal(account_set_password(c, NULL, bytes_of(bad[i]), 0, &now),
				 INRO_E_POLICY);
	OK(setting_change(c, "password.classes", "3", 0));
	assert_int_equal(account_set_password(c, NULL, bytes_of(WRONG), 0, &now), INRO_E_POLICY);
	OK(setting_change(c, "password.classes", "1", 0));
	OK(add(c, "bob", ROLE_AUDITOR));
	bob = in("bob");
	OK(account_set_password(bob, NULL, bytes_of(WRONG), 0, &now));
	account_clear(&now);
	assert_int_equal(account_set_password(bob, "alice", bytes_of(WRONG), 0, &now),
			 INRO_E_ACCESS);
	assert_int_equal(account_release(bob, "bob", &now), INRO_E_ACCESS);
	assert_int_equal(add(bob, "eve", ROLE_ADMIN), INRO_E_ACCESS);
	core_close(bob);
	kept_out("bob", PASSWORD);
	OK(try_in(NULL, "bob", WRONG, &again));
	core_close(again);
	OK(account_set_password(c, "bob", bytes_of(PASSWORD), 0, &now));
	core_close(in("bob"));
	core_close(c);
}

/* Accounts of one tenant are nobody in another; default's administrators are. */
static void test_tenants(void **state)
{
	struct core *c = in("alice"), *plant, *none = NULL;
	SCOPED(account_list) l = { 0 };
	SCOPED(account) now = { 0 };

	(void)state;
	OK(add(c, "bob", ROLE_OPERATOR));
	office_sql(db, "INSERT INTO tenant (id, name, created_ms) VALUES (2, 'plant', 0)");
	assert_int_equal(try_in("plant", "alice", PASSWORD, &none), INRO_E_LOGIN);
	assert_int_equal(try_in("plant", "default/bob", PASSWORD, &none), INRO_E_LOGIN);
	assert_int_equal(try_in("nowhere", "alice", PASSWORD, &none), INRO_E_LOGIN);
	assert_non_null(strstr(err_detail(INRO_E_LOGIN), "wrong name or password, or"));
	plant = in_tenant("plant", "default/alice");
	assert_string_equal(plant->actor, "default/alice");
	OK(add(plant, "alice", ROLE_AUDITOR));
	OK(account_find(plant, true, NULL, &l));
	assert_int_equal(l.n, 1);
	assert_int_equal(account_set_password(plant, NULL, bytes_of(WRONG), 0, &now), INRO_E_ARG);
	assert_int_equal(account_get(plant, "bob", &now), INRO_E_NOT_FOUND);
	core_close(plant);
	plant = in_tenant("plant", "alice");
	assert_int_equal(plant->role, ROLE_AUDITOR);
	core_close(plant);
	plant = in_tenant(NULL, "default/alice");
	assert_string_equal(plant->actor, "alice");
	core_close(plant);
	core_close(c);
}

/* The operating system's user of that name needs no password, and nobody else is let in by it. */
static void test_os(void **state)
{
	struct core *c = in(NULL);
	char me[ACCOUNT_NAME_MAX + 1];
	struct account_new a = { .role = ROLE_ADMIN, .name = me };
	SCOPED(account) made = { 0 };

	(void)state;
	snprintf(me, sizeof me, "%s", c->actor);
	assert_int_equal(account_add(c, &a, &made), INRO_E_POLICY);
	OK(add(c, "alice", ROLE_ADMIN));
	core_close(c);
	c = in("alice");
	OK(setting_change(c, "accounts", "os", 0));
	OK(account_add(c, &a, &made));
	a.name = "ghost";
	account_clear(&made);
	OK(account_add(c, &a, &made));
	core_close(c);
	assert_int_equal(try_in(NULL, NULL, NULL, &c), INRO_OK);
	assert_string_equal(c->actor, me);
	OK(move(c, "alice", VERB_DELETE)); /* who is known by the system can get in */
	assert_int_equal(setting_change(c, "accounts", "password", 0), INRO_E_STATE);
	core_close(c);
	kept_out("ghost", PASSWORD);
}

static void one_more(pid_t *ret)
{
	struct core *c = NULL;

	*ret = fork();
	assert_true(*ret >= 0);
	if (*ret == 0)
		_exit(try_in(NULL, "alice", PASSWORD, &c) == INRO_OK ? 0 : 1);
}

/* Whoever else is named: a device asks for its own certificates. */
static void works_on_itself(struct core *c)
{
	SCOPED(policy) p = { 0 };
	SCOPED(device) d = { 0 };

	OK(device_get(c, "dev-1", &d));
	OK(policy_of_device(c, &d, &p));
	assert_int_equal(device_touch_by(c, &d, &p), INRO_E_ACCESS);
	c->device = d.id;
	OK(device_touch_by(c, &d, &p));
	c->device = d.id + 1;
	assert_int_equal(device_touch_by(c, &d, &p), INRO_E_ACCESS);
	c->device = 0;
}

/* A group's policy names who may: nobody else puts a device there, changes it or takes it out. */
static void test_who(void **state)
{
	const struct device_fields in_line = { .group = "line1" }, out = { .group = "" };
	struct core *c = in("alice"), *bob, *carol;
	SCOPED(device_group) g = { 0 };
	SCOPED(device) d = { 0 };
	size_t n = 0;

	(void)state;
	OK(add(c, "bob", ROLE_OPERATOR));
	OK(add(c, "carol", ROLE_OPERATOR));
	OK(group_add(c, "line1", "{\"who\":[\"bob\"]}", &g));
	bob = in("bob");
	carol = in("carol");
	assert_int_equal(device_add(carol, "dev-1", &in_line, &d), INRO_E_ACCESS);
	OK(device_add(bob, "dev-1", &in_line, &d));
	device_clear(&d);
	assert_int_equal(device_update(carol, "dev-1", &out, &d), INRO_E_ACCESS);
	assert_int_equal(device_switch(carol, "dev-1", VERB_DISABLE, NULL, &d), INRO_E_ACCESS);
	assert_int_equal(device_delete(carol, "dev-1", NULL, &n), INRO_E_ACCESS);
	works_on_itself(carol);
	OK(device_switch(c, "dev-1", VERB_DISABLE, NULL, &d)); /* an administrator */
	device_clear(&d);
	OK(device_switch(bob, "dev-1", VERB_ENABLE, NULL, &d));
	device_clear(&d);
	OK(device_update(bob, "dev-1", &out, &d));
	device_clear(&d);
	assert_int_equal(device_update(carol, "dev-1", &in_line, &d), INRO_E_ACCESS);
	OK(device_delete(carol, "dev-1", NULL, &n));
	core_close(bob);
	core_close(carol);
	core_close(c);
}

/* An administrator of "default" by a token for less is default/NAME in a tenant. */
static void who_visits(void)
{
	SCOPED(device_group) g = { 0 };
	struct core *plant;

	office_sql(db, "INSERT INTO tenant (id, name, created_ms) VALUES (2, 'plant', 0)");
	plant = in_tenant("plant", "default/alice");
	OK(group_add(plant, "line1", "{\"who\":[\"default/alice\"]}", &g));
	assert_int_equal(group_add(plant, "line2", "{\"who\":[\"default/bob\"]}", &g), INRO_E_ARG);
	assert_int_equal(group_add(plant, "line2", "{\"who\":[\"default/nobody\"]}", &g), INRO_E_ARG);
	core_close(plant);
}

/* Who was the only one that a policy names is gone: nobody has his place, and an administrator sets it anew. */
static void nobody_comes_in(struct core *c)
{
	const struct device_fields in_line = { .group = "line3" };
	SCOPED(device_group) g = { 0 };
	SCOPED(device_group) anew = { 0 };
	SCOPED(device) d = { 0 };
	struct core *dave;

	OK(add(c, "dave", ROLE_OPERATOR));
	OK(add(c, "erin", ROLE_OPERATOR));
	OK(group_add(c, "line3", "{\"who\":[\"erin\"]}", &g));
	OK(move(c, "erin", VERB_DELETE));
	assert_int_equal(add(c, "erin", ROLE_OPERATOR), INRO_E_EXISTS);
	dave = in("dave");
	assert_int_equal(device_add(dave, "dev-3", &in_line, &d), INRO_E_ACCESS);
	OK(group_update(c, "line3", &(struct group_change) { .policy = "{\"who\":[\"dave\"]}" }, &anew));
	OK(device_add(dave, "dev-3", &in_line, &d));
	core_close(dave);
}

/* A policy that names nobody that there is would keep everybody out. */
static void test_who_is_known(void **state)
{
	struct core *c = in("alice");
	SCOPED(device_group) g = { 0 };

	(void)state;
	OK(add(c, "bob", ROLE_OPERATOR));
	OK(add(c, "carol", ROLE_OPERATOR));
	assert_int_equal(group_add(c, "line1", "{\"who\":[\"bob\",\"bbo\"]}", &g), INRO_E_ARG);
	assert_non_null(strstr(err_detail(INRO_E_ARG), "\"who\": no account 'bbo'; there are alice, bob, carol"));
	assert_int_equal(setting_change(c, "policy", "{\"who\":[\"operator\"]}", 0), INRO_E_ARG);
	OK(group_add(c, "line1", "{\"who\":[\"bob\",\"carol\"]}", &g));
	device_group_clear(&g);
	OK(move(c, "carol", VERB_DELETE));
	assert_int_equal(group_add(c, "line2", "{\"who\":[\"carol\"]}", &g), INRO_E_ARG);
	assert_non_null(strstr(err_detail(INRO_E_ARG), "there are alice, bob"));
	nobody_comes_in(c);
	core_close(c);
	who_visits();
}

/* Many right ones at once are not taken for wrong ones. */
static void test_many_at_once(void **state)
{
	struct core *c = in("alice");
	pid_t pids[4];
	int status;

	(void)state;
	OK(setting_change(c, "password.tries", "2", 0));
	core_close(c);
	for (size_t i = 0; i < ARRAY_LEN(pids); i++)
		one_more(&pids[i]);
	for (size_t i = 0; i < ARRAY_LEN(pids); i++) {
		assert_int_equal(waitpid(pids[i], &status, 0), pids[i]);
		assert_int_equal(status, 0);
	}
}

/* The way back that docs/accounts.md tells. */
static void test_way_back(void **state)
{
	struct core *c;

	(void)state;
	office_sql(db, "DELETE FROM account");
	office_sql(db, "DELETE FROM setting WHERE name LIKE 'four-eyes.%'");
	office_sql(db, "UPDATE setting SET value = value || '.' WHERE name = 'stamp'");
	c = in(NULL);
	OK(add(c, "alice", ROLE_ADMIN));
	core_close(c);
	assert_int_equal(office_ask(db, "SELECT count(*) FROM event WHERE detail LIKE '%first%' "
				   "AND outcome = 'done'"), 2);
}

static void test_reads_are_events(void **state)
{
	struct core *c = in("alice");

	(void)state;
	OK(core_admit(c, ROLE_AUDITOR, "device list"));
	OK(setting_change(c, "audit.reads", "yes", 0));
	OK(core_admit(c, ROLE_AUDITOR, "device list"));
	c->role = ROLE_AUDITOR;
	assert_int_equal(core_admit(c, ROLE_OPERATOR, "device add"), INRO_E_ACCESS);
	c->role = ROLE_ADMIN;
	core_close(c);
	assert_int_equal(office_ask(db, "SELECT count(*) FROM event WHERE action = 'command' AND "
					"subject = 'command:device list'"),
			 1);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup(name, setup)
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_first, setup_none),
		T(test_one_answer),
		T(test_locked),
		T(test_last_administrator),
		T(test_changed_meanwhile),
		T(test_passwords),
		T(test_tenants),
		cmocka_unit_test_setup(test_os, setup_none),
		T(test_who),
		T(test_who_is_known),
		T(test_many_at_once),
		T(test_way_back),
		T(test_reads_are_events),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
