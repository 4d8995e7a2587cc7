/* test_core_attest - a device is let in by what its TPM proves; every other TPM, key, answer and
 * moment is not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "backoffice/core/internal.h"
#include "backoffice/core/limit.h"
#include "backoffice/core/setting.h"
#include "backoffice/core/tenant.h"
#include "backoffice/pki/alg.h"
#include "tests/lib/attesting.h"

#define OK(x) assert_int_equal(x, INRO_OK)
#define HERE  "192.0.2.7"

static const char wrong[] = "wrong device, TPM or answer, or the device may not work here";

static char db[32];
static struct maker tpm, other; /* of dev-1 and of dev-2 */

/* dev-1 and dev-2 with their TPMs, dev-3 with none. */
static int setup(void **state)
{
	static unsigned n;
	SCOPED(device) d = { 0 };
	struct core *c;

	limit_forget();
	snprintf(db, sizeof db, "attest-%u.db", n++);
	c = office_open(db);
	register_tpm(c, "dev-1", &tpm);
	register_tpm(c, "dev-2", &other);
	OK(device_add(c, "dev-3", NULL, &d));
	OK(core_become(c, NULL));
	OK(core_peer(c, HERE));
	*state = c;
	return 0;
}

static int teardown(void **state)
{
	core_close(*state);
	return 0;
}

static int make_tpms(void **state)
{
	(void)state;
	maker_of(&tpm, office_key("rsa:2048"), office_key("P-256"), office_key("P-256"));
	maker_of(&other, office_key("rsa:2048"), office_key("P-256"), office_key("P-256"));
	return 0;
}

static int drop_tpms(void **state)
{
	(void)state;
	maker_free(&tpm);
	maker_free(&other);
	return 0;
}

static long long events(const char *action, const char *outcome, const char *words)
{
	char sql[320];

	snprintf(sql, sizeof sql,
		 "SELECT count(*) FROM event WHERE action = '%s' AND outcome = '%s' AND actor = "
		 "'" HERE "' AND detail LIKE '%%%s%%'",
		 action, outcome, words);
	return office_ask(db, sql);
}

static long long waiting(void)
{
	return office_ask(db, "SELECT count(*) FROM tpm_challenge");
}

static enum inro_err answer(struct core *c, const struct asked *a)
{
	SCOPED(attest_found) found = { 0 };

	return who_by_attestation(c, &a->answer, &found);
}

/* One answer for whatever is wrong with who asks. */
static void not_let_in(struct core *c, const struct asked *a, const char *why)
{
	long long before = events("device.attest", "refused", why);

	assert_int_equal(answer(c, a), INRO_E_LOGIN);
	assert_string_equal(err_detail(INRO_E_LOGIN), wrong);
	assert_int_equal(events("device.attest", "refused", why), before + 1);
	assert_int_equal(c->role, ROLE_NOBODY);
}

/* ---- */

static void test_let_in(void **state)
{
	struct core *c = *state;
	SCOPED(asked) a = { 0 };
	SCOPED(attest_found) found = { 0 };

	ask(c, "dev-1", &tpm, &a);
	assert_int_equal(waiting(), 1);
	OK(who_by_attestation(c, &a.answer, &found));
	assert_string_equal(found.who.actor, "device:dev-1");
	assert_int_equal(found.who.role, ROLE_DEVICE);
	assert_string_equal(found.device.device_id, "dev-1");
	assert_int_equal(waiting(), 0);
	assert_int_equal(events("device.challenge", "done", "ek"), 1);
	assert_int_equal(events("device.attest", "done", "resets"), 1);
	assert_int_equal(c->role, ROLE_NOBODY);
	/* by its full name, and a key of the other kind of request */
	{
		SCOPED(asked) again = { 0 };

		ask(c, "default/dev-1", &tpm, &again);
		OK(answer(c, &again));
	}
}

/* The answer is kept nowhere. */
static void test_kept_hashed(void **state)
{
	SCOPED(asked) a = { 0 };
	SCOPED(buf) hex = { 0 };
	char sql[256];

	if (office_on_postgres())
		skip();
	ask(*state, "dev-1", &tpm, &a);
	buf_add_hex(&hex, secret_bytes(&a.secret));
	snprintf(sql, sizeof sql,
		 "SELECT count(*) FROM tpm_challenge WHERE hex(answer) = upper('%.*s')", (int)hex.n,
		 (const char *)hex.p);
	assert_int_equal(office_ask(db, sql), 0);
	assert_int_equal(office_ask(db, "SELECT length(answer) FROM tpm_challenge"), 32);
}

static void test_once(void **state)
{
	struct core *c = *state;
	SCOPED(asked) a = { 0 };
	SCOPED(asked) b = { 0 };
	uint8_t guess[32] = { 1 };

	ask(c, "dev-1", &tpm, &a);
	OK(answer(c, &a));
	not_let_in(c, &a, "has been answered");
	/* a wrong answer ends it too */
	ask(c, "dev-1", &tpm, &b);
	b.answer.secret = BYTES(guess, sizeof guess);
	not_let_in(c, &b, "answer to the challenge is wrong");
	b.answer.secret = secret_bytes(&b.secret);
	not_let_in(c, &b, "has been answered");
	b.answer.nonce = BYTES_NONE;
	not_let_in(c, &b, "has been answered");
	b.answer.secret = BYTES_NONE;
	not_let_in(c, &b, "has been answered");
}

/* Whoever asks gets what looks the same, and its right answer is worth nothing. */
static void test_nobodys(void **state)
{
	static const struct {
		const char *device, *why;
	} rows[] = {
		{ "dev-2", "another endorsement key" },
		{ "dev-3", "no endorsement key" },
		{ "dev-9", "dev-9" },
		{ "nowhere/dev-1", "no such tenant" },
		{ "plant/dev-1", "dev-1" },
		{ "plant/", "" },
		{ "", "" },
		{ "../../etc", "" },
	};
	struct core *c = *state, *admin = office_open(db);
	SCOPED(tenant) t = { 0 };

	OK(tenant_add(admin, "plant", &t));
	core_close(admin);
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		long long before = events("device.challenge", "refused", rows[i].why);
		SCOPED(asked) a = { 0 };

		ask(c, rows[i].device, &tpm, &a);
		assert_int_equal(a.challenge.blob.n, 2 + 2 + 32 + 2 + 32 + 2 + 256);
		assert_int_equal(events("device.challenge", "refused", rows[i].why), before + 1);
		not_let_in(c, &a, "nobody");
	}
	/* of a tenant that is there: by the id that is the device's there */
	assert_int_equal(office_ask(db, "SELECT count(*) FROM event WHERE subject = 'device:plant/dev-1'"), 0);
	assert_int_equal(office_ask(db, "SELECT count(*) FROM event WHERE subject = 'device:nowhere/dev-1'"), 2);
	assert_int_equal(office_ask(db, "SELECT count(*) FROM event WHERE subject = 'device:dev-1' AND "
					"action IN ('device.challenge', 'device.attest')"),
			 2);
}

static void switch_device(enum verb verb)
{
	struct core *admin = office_open(db);
	SCOPED(device) d = { 0 };

	OK(device_switch(admin, "dev-1", verb, NULL, &d));
	core_close(admin);
}

static void test_disabled(void **state)
{
	struct core *c = *state;
	SCOPED(asked) a = { 0 };
	SCOPED(asked) b = { 0 };

	ask(c, "dev-1", &tpm, &a);
	switch_device(VERB_DISABLE);
	not_let_in(c, &a, "disabled");
	ask(c, "dev-1", &tpm, &b);
	switch_device(VERB_ENABLE);
	not_let_in(c, &b, "nobody");
}

static void test_anchor_changed_meanwhile(void **state)
{
	struct core *c = *state, *admin = office_open(db);
	const struct device_anchor none = { .kind = ANCHOR_NONE };
	const struct device_fields f = { .anchor = &none };
	SCOPED(device) d = { 0 };
	SCOPED(asked) a = { 0 };

	ask(c, "dev-1", &tpm, &a);
	OK(device_update(admin, "dev-1", &f, &d));
	core_close(admin);
	not_let_in(c, &a, "no endorsement key");
}

static void test_of_another(void **state)
{
	struct core *c = *state;
	SCOPED(asked) a = { 0 };
	SCOPED(asked) b = { 0 };
	SCOPED(asked) both = { 0 };

	ask(c, "dev-2", &other, &a);
	a.answer.device = "dev-1";
	not_let_in(c, &a, "another device");
	asked_clear(&a);
	ask(c, "dev-2", &other, &a);
	a.answer.device = "nowhere/dev-2";
	not_let_in(c, &a, "no such tenant");
	/* its own challenge, and another TPM's evidence */
	ask(c, "dev-1", &tpm, &b);
	OK(begin_for(c, "dev-2", &other, &both.challenge));
	prepare(&both, "dev-2", &other, &other);
	b.answer.evidence = buf_bytes(&both.evidence);
	b.answer.csr = buf_bytes(&both.csr);
	not_let_in(c, &b, "another endorsement key");
	/* a TPM that has this endorsement key and another attestation key opens nothing */
	{
		SCOPED(attest_challenge) ch = { 0 };
		SCOPED(secret) found = { 0 };
		struct maker mixed = tpm;

		mixed.ak = other.ak;
		mixed.ak_key = other.ak_key;
		OK(begin_for(c, "dev-1", &mixed, &ch));
		assert_false(maker_activate(&tpm, buf_bytes(&ch.blob), &found));
	}
}

static void test_over(void **state)
{
	struct core *c = *state;
	SCOPED(asked) a = { 0 };
	SCOPED(asked) b = { 0 };

	ask(c, "dev-1", &tpm, &a);
	office_sql(db, "UPDATE tpm_challenge SET until_ms = until_ms - 120000");
	not_let_in(c, &a, "is over");
	asked_clear(&a);
	ask(c, "dev-1", &tpm, &a);
	office_sql(db, "UPDATE tpm_challenge SET until_ms = until_ms - 120000");
	ask(c, "dev-2", &other, &b);
	assert_int_equal(waiting(), 1); /* what is over goes */
}

/* ---- the key ---- */

struct pretence {
	TPMA_OBJECT without, with; /* of the key's attributes */
	const TPM2B_PUBLIC *about;
	bool signed_by_key, of_other_ak, other_csr, old_nonce, broken_csr;
	enum inro_err want;
	const char *words;
};

static void pretend(struct core *c, const struct pretence *p)
{
	SCOPED(asked) a = { 0 };
	SCOPED(buf) old = { 0 };
	struct maker m = tpm;

	OK(begin_for(c, "dev-1", &tpm, &a.challenge));
	m.key.publicArea.objectAttributes &= ~p->without;
	m.key.publicArea.objectAttributes |= p->with;
	m.about = p->about;
	m.signer = p->signed_by_key ? tpm.key_key : NULL;
	if (p->of_other_ak) {
		m.ak = other.ak;
		m.ak_key = other.ak_key;
	}
	prepare(&a, "dev-1", &tpm, &m);
	if (p->other_csr) {
		buf_reset(&a.csr);
		office_csr(other.key_key, "dev-1", &a.csr);
		a.answer.csr = buf_bytes(&a.csr);
	}
	maker_make(&m, &old);
	if (p->old_nonce)
		a.answer.evidence = buf_bytes(&old);
	if (p->broken_csr)
		a.answer.csr.n /= 2;
	assert_int_equal(answer(c, &a), p->want);
	if (!strstr(err_detail(p->want), p->words))
		fail_msg("'%s' where '%s' belongs", err_detail(p->want), p->words);
	assert_int_equal(events("device.attest", "refused", p->words), 1);
	assert_int_equal(c->role, ROLE_NOBODY);
}

/* It is its TPM, and is told what is wrong. */
static void test_keys_that_are_none(void **state)
{
	const struct pretence rows[] = {
		{ .without = TPMA_OBJECT_FIXEDTPM, .want = INRO_E_POLICY, .words = "may be moved" },
		{ .without = TPMA_OBJECT_SENSITIVEDATAORIGIN,
		  .want = INRO_E_POLICY,
		  .words = "was not made there" },
		{ .with = TPMA_OBJECT_RESTRICTED, .want = INRO_E_POLICY, .words = "own" },
		{ .about = &other.key, .want = INRO_E_POLICY, .words = "speaks of another key" },
		{ .signed_by_key = true, .want = INRO_E_SIGNATURE, .words = "" },
		{ .of_other_ak = true, .want = INRO_E_POLICY, .words = "another attestation key" },
		{ .other_csr = true,
		  .want = INRO_E_POLICY,
		  .words = "than the one that is claimed" },
		{ .old_nonce = true,
		  .want = INRO_E_POLICY,
		  .words = "not an answer to this nonce" },
		{ .broken_csr = true, .want = INRO_E_SYNTAX, .words = "" },
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		if (i)
			assert_int_equal(teardown(state), 0);
		if (i)
			assert_int_equal(setup(state), 0);
		pretend(*state, &rows[i]);
	}
}

static void test_fixed_parent(void **state)
{
	const struct pretence p = { .without = TPMA_OBJECT_FIXEDPARENT,
				    .want = INRO_E_POLICY,
				    .words = "may be moved" };

	pretend(*state, &p);
}

/* Endorsement keys and attestation keys that are none get no challenge, whoever is named. */
static void test_keepers_that_are_none(void **state)
{
	struct core *c = *state;
	SCOPED(attest_challenge) ch = { 0 };
	struct maker m = tpm;

	m.ek.publicArea.objectAttributes |= TPMA_OBJECT_SIGN_ENCRYPT;
	assert_int_equal(begin_for(c, "dev-1", &m, &ch), INRO_E_POLICY);
	m = tpm;
	m.ak.publicArea.objectAttributes &= ~(TPMA_OBJECT)TPMA_OBJECT_RESTRICTED;
	assert_int_equal(begin_for(c, "dev-1", &m, &ch), INRO_E_POLICY);
	assert_int_equal(begin_for(c, "dev-9", &m, &ch), INRO_E_POLICY);
	m = tpm;
	m.ek = tpm.key;
	assert_int_equal(begin_for(c, "dev-9", &m, &ch), INRO_E_POLICY);
	assert_int_equal(events("device.challenge", "refused", "is none"), 4);
	assert_int_equal(waiting(), 0);
}

/* ---- what is sent to do harm ---- */

static void test_truncated(void **state)
{
	struct core *c = *state;
	SCOPED(buf) whole = { 0 };

	maker_make(&tpm, &whole);
	for (size_t n = 0; n < whole.n; n += n < 32 ? 7 : 131) {
		SCOPED(attest_challenge) ch = { 0 };

		limit_forget();
		assert_int_equal(attest_begin(c, "dev-1", BYTES(whole.p, n), &ch), INRO_E_SYNTAX);
	}
	limit_forget();
	for (size_t n = 0; n < whole.n; n += 307) {
		SCOPED(asked) a = { 0 };

		limit_forget();
		ask(c, "dev-1", &tpm, &a);
		a.answer.evidence = BYTES(whole.p, n);
		not_let_in(c, &a, "is no evidence");
	}
}

/* Whatever bit is otherwise: it is refused, or it is another TPM's challenge. */
static void test_flipped(void **state)
{
	struct core *c = *state;
	SCOPED(asked) a = { 0 };

	ask(c, "dev-1", &tpm, &a);
	for (size_t i = 0; i < a.evidence.n; i += 41) {
		SCOPED(attest_challenge) ch = { 0 };
		SCOPED(asked) b = { 0 };
		enum inro_err e;

		limit_forget();
		a.evidence.p[i] ^= (uint8_t)(1 << i % 8);
		e = attest_begin(c, "dev-1", buf_bytes(&a.evidence), &ch);
		assert_true(e == INRO_OK || e == INRO_E_SYNTAX || e == INRO_E_POLICY);
		ask(c, "dev-1", &tpm, &b);
		b.answer.evidence = buf_bytes(&a.evidence);
		assert_int_not_equal(answer(c, &b), INRO_OK);
		a.evidence.p[i] ^= (uint8_t)(1 << i % 8);
		office_sql(db, "DELETE FROM tpm_challenge");
	}
}

static void test_limited(void **state)
{
	struct core *c = *state;
	SCOPED(asked) a = { 0 };
	struct attest_answer none = { .device = "dev-1" };
	SCOPED(attest_found) found = { 0 };
	enum inro_err e = INRO_E_LOGIN;

	ask(c, "dev-1", &tpm, &a);
	/* a little is paid off while they are made */
	for (int i = 0; i < 4 * LIMIT_BURST && e == INRO_E_LOGIN; i++)
		e = who_by_attestation(c, &none, &found);
	assert_int_equal(e, INRO_E_BUSY);
	assert_int_equal(answer(c, &a), INRO_E_BUSY);
	OK(core_peer(c, "192.0.2.8"));
	OK(answer(c, &a)); /* nothing was taken from there */
}

/* A new one ends the oldest of the same TPM, and no other's. */
static void test_each(void **state)
{
	struct core *c = *state;
	SCOPED(asked) first = { 0 };
	SCOPED(asked) its = { 0 };
	SCOPED(asked) last = { 0 };

	ask(c, "dev-2", &other, &its);
	ask(c, "dev-1", &tpm, &first);
	for (int i = 0; i < ATTEST_EACH - 1; i++) {
		SCOPED(attest_challenge) own = { 0 };
		SCOPED(attest_challenge) strange = { 0 };

		OK(begin_for(c, "dev-1", &tpm, &own));
		OK(begin_for(c, "dev-1", &other, &strange)); /* by who has no TPM of that device */
	}
	ask(c, "dev-1", &tpm, &last);
	/* with the one that was ended */
	assert_int_equal(waiting(), 1 + ATTEST_EACH + 1 + ATTEST_EACH - 1);
	not_let_in(c, &first, "has been answered");
	OK(answer(c, &last));
	OK(answer(c, &its));
}

/* Who knows the name and the endorsement key's public half ends none that another address has. */
static void test_each_of_another_address(void **state)
{
	struct core *c = *state;
	SCOPED(asked) a = { 0 };

	ask(c, "dev-1", &tpm, &a);
	OK(core_peer(c, "192.0.2.8"));
	for (int i = 0; i < 2 * ATTEST_EACH; i++) {
		SCOPED(attest_challenge) one = { 0 };

		OK(begin_for(c, "dev-1", &tpm, &one));
	}
	OK(core_peer(c, HERE));
	OK(answer(c, &a));
}

static void ask_from(struct core *c, int host)
{
	SCOPED(attest_challenge) ch = { 0 };
	char from[32];

	snprintf(from, sizeof from, "198.51.100.%d", host);
	OK(core_peer(c, from));
	for (int i = 0; i < ATTEST_EACH; i++) {
		OK(begin_for(c, "dev-1", &tpm, &ch));
		attest_challenge_clear(&ch);
	}
}

static void test_of_many_addresses(void **state)
{
	struct core *c = *state;
	SCOPED(attest_challenge) ch = { 0 };

	for (int host = 0; host < ATTEST_ALL / ATTEST_EACH; host++)
		ask_from(c, host);
	OK(core_peer(c, HERE));
	assert_int_equal(begin_for(c, "dev-1", &tpm, &ch), INRO_E_BUSY);
	assert_int_equal(waiting(), ATTEST_ALL);
	OK(begin_for(c, "dev-2", &other, &ch));
}

/* Those that were ended were given. */
static void test_the_same_again(void **state)
{
	struct core *c = *state;
	SCOPED(attest_challenge) ch = { 0 };

	for (int i = 0; i < ATTEST_PEER; i++) {
		OK(begin_for(c, "dev-1", &tpm, &ch));
		attest_challenge_clear(&ch);
	}
	assert_int_equal(begin_for(c, "dev-1", &tpm, &ch), INRO_E_BUSY);
	assert_int_equal(waiting(), ATTEST_PEER);
	assert_int_equal(events("device.challenge", "done", "ek"), ATTEST_PEER);
	office_sql(db, "UPDATE tpm_challenge SET until_ms = until_ms - 120000");
	OK(begin_for(c, "dev-1", &tpm, &ch));
	assert_int_equal(waiting(), 1);
}

/* Who is right is not held up by how many come from there. */
static void test_answered_do_not_count(void **state)
{
	for (int i = 0; i < ATTEST_PEER + 1; i++) {
		SCOPED(asked) a = { 0 };

		ask(*state, "dev-1", &tpm, &a);
		OK(answer(*state, &a));
	}
}

static void test_of_one_address(void **state)
{
	struct core *c = *state;
	SCOPED(attest_challenge) ch = { 0 };

	for (int i = 0; i < ATTEST_PEER; i++) {
		SCOPED(attest_challenge) one = { 0 };
		char name[16];

		snprintf(name, sizeof name, "dev-%d", i);
		OK(begin_for(c, name, &tpm, &one));
	}
	assert_int_equal(begin_for(c, "dev-1", &tpm, &ch), INRO_E_BUSY);
	assert_int_equal(begin_for(c, "dev-999", &tpm, &ch), INRO_E_BUSY);
	assert_int_equal(waiting(), ATTEST_PEER);
	OK(core_peer(c, "192.0.2.8"));
	OK(begin_for(c, "dev-1", &tpm, &ch));
	attest_challenge_clear(&ch);
	OK(core_peer(c, HERE));
	office_sql(db, "UPDATE tpm_challenge SET until_ms = until_ms - 120000");
	OK(begin_for(c, "dev-1", &tpm, &ch));
	assert_int_equal(waiting(), 1);
}

static void come_from(struct core *c, int host, const char *net)
{
	char from[64];

	snprintf(from, sizeof from, "%s%x", net, (unsigned)host + 1);
	OK(core_peer(c, from));
}

/* A host of IPv6 has a network of addresses: they count as one, for challenges and for wrong tries. */
static void test_of_a_network(void **state)
{
	struct core *c = *state;
	const struct attest_answer none = { .device = "dev-1" };
	SCOPED(attest_challenge) ch = { 0 };
	SCOPED(attest_found) found = { 0 };
	enum inro_err e = INRO_E_LOGIN;

	for (int i = 0; i < ATTEST_PEER; i++) {
		SCOPED(attest_challenge) one = { 0 };

		come_from(c, i, "2001:db8:0:7:8000::");
		OK(begin_for(c, "dev-1", &tpm, &one));
	}
	come_from(c, 0, "2001:db8:0:7::");
	assert_int_equal(begin_for(c, "dev-1", &tpm, &ch), INRO_E_BUSY);
	assert_int_equal(office_ask(db, "SELECT count(*) FROM event WHERE actor = '2001:db8:0:7:8000::40'"), 1);
	come_from(c, 0, "2001:db8:0:8::");
	OK(begin_for(c, "dev-1", &tpm, &ch));
	for (int i = 0; i < 4 * LIMIT_BURST && e == INRO_E_LOGIN; i++) {
		come_from(c, i, "2001:db8:0:9::");
		e = who_by_attestation(c, &none, &found);
	}
	assert_int_equal(e, INRO_E_BUSY);
	assert_non_null(strstr(err_detail(e), "2001:db8:0:9::/64"));
	come_from(c, 0, "2001:db8:0:a::");
	assert_int_equal(who_by_attestation(c, &none, &found), INRO_E_LOGIN);
}

static void set_policy(const char *policy)
{
	struct core *admin = office_open(db);

	OK(setting_change(admin, "policy", policy, 0));
	core_close(admin);
}

/* Where the policy has no attestation, only the right TPM is told so; it counts as no wrong try. */
static void test_not_wanted(void **state)
{
	struct core *c = *state;
	SCOPED(asked) strange = { 0 };
	SCOPED(asked) right = { 0 };

	set_policy("{\"attestation\": false}");
	for (int i = 0; i < 2 * LIMIT_BURST; i++) {
		SCOPED(asked) a = { 0 };

		ask(c, "dev-1", &tpm, &a);
		assert_int_equal(answer(c, &a), INRO_E_ACCESS);
		assert_non_null(strstr(err_detail(INRO_E_ACCESS), "\"attestation\": false"));
		assert_int_equal(c->role, ROLE_NOBODY);
	}
	assert_int_equal(events("device.attest", "refused", "attestation"), 2 * LIMIT_BURST);
	ask(c, "dev-1", &other, &strange);
	not_let_in(c, &strange, "nobody");
	set_policy(NULL);
	ask(c, "dev-1", &tpm, &right);
	OK(answer(c, &right));
}

/* One gives the challenge, the other takes its answer, the first does not take it again. */
static void test_two_servers(void **state)
{
	struct core *c = *state, *second = office_open(db);
	SCOPED(asked) a = { 0 };

	OK(core_become(second, NULL));
	OK(core_peer(second, HERE));
	ask(c, "dev-1", &tpm, &a);
	OK(answer(second, &a));
	not_let_in(c, &a, "has been answered");
	core_close(second);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(test_let_in),
		T(test_kept_hashed),
		T(test_once),
		T(test_nobodys),
		T(test_disabled),
		T(test_anchor_changed_meanwhile),
		T(test_of_another),
		T(test_over),
		T(test_keys_that_are_none),
		T(test_fixed_parent),
		T(test_keepers_that_are_none),
		T(test_truncated),
		T(test_flipped),
		T(test_limited),
		T(test_each),
		T(test_each_of_another_address),
		T(test_of_many_addresses),
		T(test_the_same_again),
		T(test_answered_do_not_count),
		T(test_of_one_address),
		T(test_of_a_network),
		T(test_not_wanted),
		T(test_two_servers),
	};

	return cmocka_run_group_tests(tests, make_tpms, drop_tpms);
}
