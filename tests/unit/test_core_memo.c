/* test_core_memo - texts that were read before: what is given out is one's own, and a change holds at once. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "backoffice/core/account.h"
#include "backoffice/core/group.h"
#include "backoffice/core/memo.h"
#include "backoffice/core/policy.h"
#include "backoffice/core/profile_store.h"
#include "tests/lib/office.h"

#define OK(x) assert_int_equal(x, INRO_OK)

static int setup(void **state)
{
	return office_setup(state, "memo");
}

static bool copies = true;

static enum inro_err copy_number(const void *from, void *to)
{
	memcpy(to, from, sizeof(int));
	return copies ? INRO_OK : err_set(INRO_E_NO_MEMORY, "none");
}

static void clear_number(void *number)
{
	*(int *)number = 0;
}

static const struct memo_kind numbers = { sizeof(int), copy_number, clear_number };
static const struct memo_kind others = { sizeof(int), copy_number, clear_number };

static int ask(struct core *c, const struct memo_kind *k, const char *text)
{
	bool known = true;
	int n = -1;

	OK(memo_find(c, k, bytes_of(text), &n, &known));
	return known ? n : -1;
}

static void test_kept(void **state)
{
	struct core *c = *state;
	int n = 7;

	assert_int_equal(ask(c, &numbers, "seven"), -1);
	memo_keep(c, &numbers, bytes_of("seven"), &n);
	n = 8;
	assert_int_equal(ask(c, &numbers, "seven"), 7);
	assert_int_equal(ask(c, &others, "seven"), -1);
	assert_int_equal(ask(c, &numbers, "Seven"), -1);
	assert_int_equal(ask(c, &numbers, "seven "), -1);
	copies = false;
	memo_keep(c, &numbers, bytes_of("eight"), &n);
	copies = true;
	assert_int_equal(ask(c, &numbers, "eight"), -1);
}

static void test_bounded(void **state)
{
	struct core *c = *state;
	char text[16];

	for (int i = 0; i < 2 * MEMO_PLACES; i++) {
		snprintf(text, sizeof text, "%d", i);
		memo_keep(c, &numbers, bytes_of(text), &i);
	}
	for (int i = 0; i < 2 * MEMO_PLACES; i++) {
		snprintf(text, sizeof text, "%d", i);
		assert_int_equal(ask(c, &numbers, text), i < MEMO_PLACES ? -1 : i);
	}
}

/* ---- profiles ---- */

static void give(struct core *c, int days, enum profile_giving how)
{
	SCOPED(profile_version) v = { 0 };
	char text[512];

	snprintf(text, sizeof text,
		 "[profile]\nname = pump\ntitle = a pump\n[validity]\nperiod = %dd\n[key]\ntypes = ec-p256\n"
		 "[subject]\ndefault = CN=${device.id}\n[san]\nallowed = DNS\ndefault = DNS:${device.id}\n"
		 "[usage]\nkey_usage = digitalSignature\n"
		 "[extensions]\ncrl_url = http://x/c\nocsp_url = http://x/o\nissuer_url = http://x/i\n"
		 "1.2.3.4 = UTF8:one\n1.2.3.5 = DER:0500\n",
		 days);
	OK(profile_give(c, bytes_of(text), "pump.ini", how, &v));
}

static void print(const struct profile *p, struct buf *to)
{
	const char *oid, *value;

	buf_addf(to, "version %d", (int)p->version);
	for (size_t i = 0; profile_field_at(i); i++)
		profile_field_text(p, i, to);
	for (size_t i = 0; profile_ext_at(p, i, &oid, &value); i++)
		buf_addf(to, "%s=%s", oid, value);
	buf_add_u8(to, 0);
	OK(buf_err(to));
}

/* Two copies of what is kept, one cleared before the other is looked at. */
static void test_profile(void **state)
{
	struct core *c = *state;
	SCOPED(buf) first = { 0 };
	SCOPED(buf) again = { 0 };
	SCOPED(profile) one = { 0 };
	SCOPED(profile) two = { 0 };
	SCOPED(profile) built = { 0 };

	give(c, 7, PROFILE_NEW);
	OK(profile_load(c, "pump", &one));
	print(&one, &first);
	OK(profile_load(c, "pump", &two));
	profile_clear(&one);
	print(&two, &again);
	assert_string_equal((const char *)first.p, (const char *)again.p);
	OK(profile_load(c, "tls-client", &built));
	assert_int_equal(built.version, 0);
}

/* The same text once more is another version; one that was taken away is not found. */
static void test_profile_changes(void **state)
{
	struct core *c = *state;
	SCOPED(profile_version) gone = { 0 };
	const int days[] = { 7, 30, 7 };
	SCOPED(profile) none = { 0 };

	for (int i = 0; i < 3; i++) {
		SCOPED(profile) p = { 0 };

		give(c, days[i], i ? PROFILE_ANOTHER : PROFILE_NEW);
		OK(profile_load(c, "pump", &p));
		assert_int_equal(p.version, i + 1);
		assert_int_equal(p.seconds, days[i] * 86400);
	}
	OK(profile_remove(c, "pump", NULL, &gone));
	assert_int_equal(profile_load(c, "pump", &none), INRO_E_NOT_FOUND);
}

/* ---- policies ---- */

static void set_policy(struct core *c, const char *group, const char *policy)
{
	SCOPED(device_group) g = { 0 };

	OK(group_update(c, group, &(struct group_change) { .policy = policy }, &g));
}

static void add_account(struct core *c, const char *name)
{
	struct account_new in = { .name = name, .role = ROLE_ADMIN, .password = bytes_of("correct horse battery") };
	SCOPED(account) made = { 0 };

	OK(account_add(c, &in, &made));
}

static void test_policy(void **state)
{
	struct core *c = *state;
	SCOPED(device_group) above = { 0 };
	SCOPED(device_group) g = { 0 };
	SCOPED(policy) one = { 0 };
	SCOPED(policy) two = { 0 };
	SCOPED(policy) changed = { 0 };

	add_account(c, "anna");
	add_account(c, "bert");
	OK(group_add(c, "north", "{\"renew_days\":9}", &above));
	OK(group_add(c, "north/pumps",
		     "{\"ca\":\"issuing\",\"profile\":\"tls-client\",\"key_types\":[\"ec-p256\",\"aes-256\"],"
		     "\"who\":[\"anna\",\"bert\"],\"psk\":{\"length\":33}}", &g));
	OK(policy_of_group(c, g.id, &one));
	OK(policy_of_group(c, g.id, &two));
	policy_clear(&one);
	assert_string_equal(two.ca, "issuing");
	assert_string_equal(two.profile, "tls-client");
	assert_int_equal(two.key_types.n, 2);
	assert_string_equal(two.key_types.items[1], "aes-256");
	assert_true(policy_takes_account(&two, "bert") && !policy_takes_account(&two, "carl"));
	assert_int_equal(two.psk.length, 33);
	assert_int_equal(two.renew_days, 9);
	assert_non_null(two.psk.alphabet);
	set_policy(c, "north", "{\"renew_days\":5}");
	OK(policy_of_group(c, g.id, &changed));
	assert_int_equal(changed.renew_days, 5);
	assert_string_equal(changed.ca, "issuing");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_kept, setup, office_teardown),
		cmocka_unit_test_setup_teardown(test_bounded, setup, office_teardown),
		cmocka_unit_test_setup_teardown(test_profile, setup, office_teardown),
		cmocka_unit_test_setup_teardown(test_profile_changes, setup, office_teardown),
		cmocka_unit_test_setup_teardown(test_policy, setup, office_teardown),
	};

	return cmocka_run_group_tests(tests, office_with_key, office_drop_key);
}
