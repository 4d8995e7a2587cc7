/* test_core_secrets - what is sealed, bound, verified, counted and wiped; never a secret anywhere
 * else. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "backoffice/core/audit.h"
#include "backoffice/core/device.h"
#include "backoffice/core/keyring.h"
#include "backoffice/core/limit.h"
#include "backoffice/core/network.h"
#include "backoffice/core/psk.h"
#include "backoffice/core/seal.h"
#include "backoffice/core/setting.h"
#include "backoffice/core/symkey.h"
#include "backoffice/pki/verifier.h"
#include "base/clock.h"
#include "base/file.h"
#include "tests/lib/office.h"
#include "tests/lib/scratch.h"

#define OK(x)	    assert_int_equal(x, INRO_OK)
#define FAILS(e, x) assert_int_equal(x, e)
#define NOW	    INT64_C(1790000000)
#define KEYS	    100

static char db[32];

static int setup(void **state)
{
	static unsigned n;

	clock_set_test(NOW);
	snprintf(db, sizeof db, "secrets-%u.db", n++);
	*state = office_open(db);
	return 0;
}

static int teardown(void **state)
{
	core_close(*state);
	clock_set_test(0);
	return 0;
}

static void add(struct core *c, const char *id)
{
	SCOPED(device) d = { 0 };

	OK(device_add(c, id, NULL, &d));
}

static void seal_by_new(struct core *c)
{
	const struct seal_key_request r = { .token = "ca" };
	AUTO(free_chars) char *uri = NULL;

	OK(seal_key_set(c, &r, &uri));
	assert_non_null(strstr(uri, "token=ca"));
	assert_non_null(strstr(uri, "object=seal-"));
}

static bool has(struct bytes hay, struct bytes needle)
{
	return needle.n && memmem(hay.p, hay.n, needle.p, needle.n) != NULL;
}

/* In no row of a server's tables. */
static void assert_in_no_row(struct bytes secret)
{
	static const char *const tables[] = { "credential", "device", "event", "setting" };
	SCOPED(buf) hex = { 0 };

	buf_add_hex(&hex, secret);
	buf_add_u8(&hex, 0);
	for (size_t i = 0; i < ARRAY_LEN(tables); i++) {
		char sql[1024];

		snprintf(sql, sizeof sql,
			 "SELECT count(*) FROM %s t WHERE position('%s' in t::text) > 0 OR "
			 "position('%s' in encode(convert_to(t::text, 'UTF8'), 'hex')) > 0",
			 tables[i], (const char *)hex.p, (const char *)hex.p);
		assert_int_equal(office_ask(db, sql), 0);
	}
}

/* Neither as it is, nor in hex. */
static void assert_nowhere(struct bytes secret)
{
	static const char *const suffixes[] = { "", "-wal" };

	if (office_on_postgres()) {
		assert_in_no_row(secret);
		return;
	}
	for (size_t i = 0; i < ARRAY_LEN(suffixes); i++) {
		SCOPED(buf) file = { 0 };
		SCOPED(buf) hex = { 0 };
		char name[64];

		snprintf(name, sizeof name, "%s%s", db, suffixes[i]);
		OK(file_read(scratch_path(name), BUF_MAX, &file));
		buf_add_hex(&hex, secret);
		assert_false(has(buf_bytes(&file), secret));
		assert_false(has(buf_bytes(&file), buf_bytes(&hex)));
	}
}

static void test_no_seal_key(void **state)
{
	struct core *c = *state;
	SCOPED(psk_new) p = { 0 };
	SCOPED(psk_new) again = { 0 };
	AUTO(free_chars) char *uri = NULL;

	add(c, "dev");
	OK(seal_key_uri(c, &uri));
	assert_null(uri);
	OK(psk_issue(c, "dev", BYTES_NONE, &p));
	assert_true(verifier_is(blob_bytes(&p.rec.secret)));
	FAILS(INRO_E_UNSUPPORTED, psk_get(c, "dev", &again));
	assert_non_null(strstr(err_detail(INRO_E_UNSUPPORTED), "only a hash"));
	OK(psk_verify(c, "dev", secret_bytes(&p.value)));
	FAILS(INRO_E_PIN_WRONG, psk_verify(c, "dev", bytes_of("wrong")));
	assert_nowhere(secret_bytes(&p.value));
}

/* How often a hash was worked out, which is what takes the time of a try. */
static size_t hashed;

enum inro_err __real_verifier_make(struct bytes value, unsigned cost, struct buf *ret);
enum inro_err __wrap_verifier_make(struct bytes value, unsigned cost, struct buf *ret);
enum inro_err __wrap_verifier_make(struct bytes value, unsigned cost, struct buf *ret)
{
	hashed++;
	return __real_verifier_make(value, cost, ret);
}

enum inro_err __real_verifier_check(struct bytes stored, struct bytes value);
enum inro_err __wrap_verifier_check(struct bytes stored, struct bytes value);
enum inro_err __wrap_verifier_check(struct bytes stored, struct bytes value)
{
	hashed++;
	return __real_verifier_check(stored, value);
}

static size_t hashed_for(struct core *c, const char *device, enum inro_err as)
{
	hashed = 0;
	FAILS(as, psk_verify(c, device, bytes_of("wrong")));
	return hashed;
}

/* A device that is not there, is disabled or has a locked key is refused with as much work as one with a wrong key. */
static void test_same_work(void **state)
{
	struct core *c = *state;
	SCOPED(device) d = { 0 };
	SCOPED(psk_new) p = { 0 };

	add(c, "dev");
	OK(psk_issue(c, "dev", BYTES_NONE, &p));
	assert_int_equal(hashed_for(c, "dev", INRO_E_PIN_WRONG), 1);
	assert_int_equal(hashed_for(c, "nobody", INRO_E_NOT_FOUND), 1);
	OK(device_switch(c, "dev", VERB_DISABLE, NULL, &d));
	assert_int_equal(hashed_for(c, "dev", INRO_E_STATE), 1);
}

/* Nor does the time tell names of tenants. */
static void test_same_work_for_tenants(void **state)
{
	static const char *const named[] = {
		"default/nobody", "nowhere/nobody", "nowhere/",
		"a-tenant-whose-name-is-so-long-that-no-field-of-any-table-has-as-much-room-as-it-would-need/dev",
	};
	struct core_who who;

	limit_forget();
	for (size_t i = 0; i < ARRAY_LEN(named); i++) {
		hashed = 0;
		FAILS(INRO_E_LOGIN, who_by_device_psk(*state, named[i], bytes_of("wrong"), &who, NULL));
		assert_int_equal(hashed, 1);
	}
}

static void test_sealed(void **state)
{
	struct core *c = *state;
	const struct seal_key_request second = { .token = "line" };
	AUTO(free_chars) char *uri = NULL;
	SCOPED(psk_new) p = { 0 };
	SCOPED(psk_new) again = { 0 };

	add(c, "dev");
	seal_by_new(c);
	FAILS(INRO_E_EXISTS, seal_key_set(c, &second, &uri));
	OK(psk_issue(c, "dev", BYTES_NONE, &p));
	assert_true(seal_is(blob_bytes(&p.rec.secret)));
	assert_int_equal(p.value.n, 20);
	assert_int_equal(p.bits, 116); /* 20 * log2(56) */
	OK(psk_get(c, "dev", &again));
	assert_true(secret_equal(secret_bytes(&p.value), secret_bytes(&again.value)));
	FAILS(INRO_E_EXISTS, psk_issue(c, "dev", BYTES_NONE, &again));
	assert_nowhere(secret_bytes(&p.value));
}

/* A sealed text opens in its own row alone, and not when a bit of it is another. */
static void test_bound(void **state)
{
	struct core *c = *state;
	SCOPED(psk_new) a = { 0 };
	SCOPED(psk_new) b = { 0 };
	SCOPED(psk_new) got = { 0 };

	add(c, "a");
	add(c, "b");
	seal_by_new(c);
	OK(psk_issue(c, "a", BYTES_NONE, &a));
	OK(psk_issue(c, "b", BYTES_NONE, &b));
	office_sql(db, "UPDATE credential SET secret = (SELECT o.secret FROM credential o WHERE "
		       "o.id = 1) WHERE id = 2");
	FAILS(INRO_E_DAMAGED, psk_get(c, "b", &got));
	FAILS(INRO_E_DAMAGED, psk_verify(c, "b", secret_bytes(&a.value)));
	office_sql(db, "UPDATE credential SET serial = (SELECT o.serial FROM credential o WHERE "
		       "o.id = 1) WHERE id = 2");
	FAILS(INRO_E_DAMAGED, psk_get(c, "b", &got)); /* another device still */
	OK(psk_get(c, "a", &got));
	office_sql(db, "UPDATE credential SET secret = substr(secret, 1, 24) || "
		       "substr(secret, 1, 8) || substr(secret, 33) WHERE id = 1");
	psk_new_clear(&got);
	FAILS(INRO_E_DAMAGED, psk_get(c, "a", &got));
}

/* The present one is good, whatever became of the one before. */
static void test_damaged_before(void **state)
{
	struct core *c = *state;
	SCOPED(psk_new) first = { 0 };
	SCOPED(psk_new) second = { 0 };
	SCOPED(psk_good) both = { 0 };
	SCOPED(psk_good) one = { 0 };

	add(c, "dev");
	seal_by_new(c);
	OK(psk_issue(c, "dev", BYTES_NONE, &first));
	OK(psk_rotate(c, "dev", BYTES_NONE, 3600, &second));
	OK(psk_open(c, "dev", &both));
	assert_true(secret_equal(secret_bytes(&both.before), secret_bytes(&first.value)));
	office_sql(db, "UPDATE credential SET secret = substr(secret, 1, 24) || "
		       "substr(secret, 1, 8) || substr(secret, 33) WHERE state = 'superseded'");
	OK(psk_open(c, "dev", &one));
	assert_true(secret_equal(secret_bytes(&one.now), secret_bytes(&second.value)));
	assert_int_equal(secret_bytes(&one.before).n, 0);
}

static void test_reseal(void **state)
{
	struct core *c = *state;
	const struct seal_key_request to = { .token = "line" };
	struct seal_key_request same = { 0 };
	SCOPED(reseal_report) r = { 0 };
	SCOPED(reseal_report) twice = { 0 };
	SCOPED(psk_new) p = { 0 };
	SCOPED(psk_new) got = { 0 };

	seal_by_new(c);
	for (int i = 0; i < 7; i++) {
		char id[16];

		psk_new_clear(&p);
		snprintf(id, sizeof id, "dev-%d", i);
		add(c, id);
		OK(psk_issue(c, id, BYTES_NONE, &p));
	}
	office_sql(db, "UPDATE credential SET secret = substr(secret, 1, 30) WHERE id = 3");
	OK(seal_rotate(c, &to, &r));
	assert_int_equal(r.done, 6);
	assert_int_equal(r.unread, 1);
	assert_int_equal(r.first, 3);
	assert_non_null(strstr(r.uri, "token=line"));
	OK(psk_get(c, "dev-6", &got));
	assert_true(secret_equal(secret_bytes(&p.value), secret_bytes(&got.value)));
	same.uri = r.uri;
	OK(seal_rotate(c, &same, &twice));
	assert_int_equal(twice.done, 0);
	assert_int_equal(office_ask(db, "SELECT count(*) FROM setting WHERE name LIKE "
					"'seal.key%'"),
			 3);
}

/* The secret keys in token "ca"; deletes them. */
static size_t delete_seal_keys(struct core *c)
{
	struct token *token;
	struct p11_uri all = { .type = P11_SECRET_KEY };
	struct token_entry *list = NULL;
	size_t n = 0, gone;

	OK(core_token(c, "pkcs11:token=ca", &token));
	OK(token_list(token, &all, &list, &n));
	for (size_t i = 0; i < n; i++)
		OK(token_delete(token, BYTES(list[i].id, list[i].id_n), TOKEN_SECRETS, &gone));
	free(list);
	return n;
}

/* What an old key sealed that is no more is lost; the rest is not held up by it. */
static void test_reseal_without_old_key(void **state)
{
	struct core *c = *state;
	const struct seal_key_request to = { .token = "line" };
	SCOPED(reseal_report) r = { 0 };
	SCOPED(psk_new) p = { 0 };

	delete_seal_keys(c);
	seal_by_new(c);
	add(c, "dev");
	OK(psk_issue(c, "dev", BYTES_NONE, &p));
	core_close(c);
	c = *state = office_open_as(db, office_options());
	assert_int_equal(delete_seal_keys(c), 1);
	OK(seal_rotate(c, &to, &r));
	assert_int_equal(r.done, 0);
	assert_int_equal(r.unread, 1);
	assert_int_equal(r.first, 1);
}

static void *choose_seal_key(void *arg)
{
	struct core *c = arg;
	const struct seal_key_request r = { .token = "ca" };
	AUTO(free_chars) char *uri = NULL;

	return (void *)(uintptr_t)seal_key_set(c, &r, &uri);
}

/* One is chosen; the key of the slower one does not stay behind. */
static void test_two_choose(void **state)
{
	struct core *c = *state;
	struct core *other = office_open_as(db, office_options());
	pthread_t thread;
	void *theirs;
	enum inro_err ours;

	delete_seal_keys(c);
	assert_int_equal(pthread_create(&thread, NULL, choose_seal_key, other), 0);
	ours = (enum inro_err)(uintptr_t)choose_seal_key(c);
	assert_int_equal(pthread_join(thread, &theirs), 0);
	core_close(other);
	assert_int_equal(ours + (enum inro_err)(uintptr_t)theirs, INRO_OK + INRO_E_EXISTS);
	assert_int_equal(delete_seal_keys(c), 1);
}

static void test_seal_key_is_fit(void **state)
{
	struct core *c = *state;
	AUTO(free_chars) char *uri = NULL;
	struct seal_key_request r = { .uri = "pkcs11:token=ca;object=none;type=secret-key" };
	struct core_options o = office_options();
	struct core *operator;

	FAILS(INRO_E_NOT_FOUND, seal_key_set(c, &r, &uri));
	r = (struct seal_key_request) { 0 };
	FAILS(INRO_E_ARG, seal_key_set(c, &r, &uri));
	o.role = ROLE_OPERATOR;
	operator= office_open_as(db, o);
	r.token = "ca";
	FAILS(INRO_E_ACCESS, seal_key_set(operator, & r, &uri));
	core_close(operator);
}

struct verifying {
	struct core *c;
	struct bytes value;
	size_t right;
};

static void *verify_often(void *arg)
{
	struct verifying *v = arg;

	for (int i = 0; i < 4; i++) {
		enum inro_err e;

		while ((e = psk_verify(v->c, "dev", v->value)) == INRO_E_PIN_LOCKED) /* a commit took half a second */
			;
		v->right += e == INRO_OK;
	}
	return NULL;
}

/* More at once than wrong ones are allowed. */
static void test_many_right_at_once(void **state)
{
	struct core *c = *state;
	SCOPED(psk_new) p = { 0 };
	struct verifying each[8];
	pthread_t threads[ARRAY_LEN(each)];

	add(c, "dev");
	OK(psk_issue(c, "dev", BYTES_NONE, &p));
	for (size_t i = 0; i < ARRAY_LEN(each); i++)
		each[i] = (struct verifying) { office_open_as(db, office_options()), secret_bytes(&p.value), 0 };
	for (size_t i = 0; i < ARRAY_LEN(each); i++)
		assert_int_equal(pthread_create(&threads[i], NULL, verify_often, &each[i]), 0);
	for (size_t i = 0; i < ARRAY_LEN(each); i++) {
		assert_int_equal(pthread_join(threads[i], NULL), 0);
		assert_int_equal(each[i].right, 4);
		core_close(each[i].c);
	}
}

static void test_lock(void **state)
{
	struct core *c = *state;
	SCOPED(psk_new) p = { 0 };
	SCOPED(credential) rec = { 0 };

	add(c, "dev");
	OK(psk_issue(c, "dev", BYTES_NONE, &p));
	for (int i = 0; i < 5; i++)
		FAILS(INRO_E_PIN_WRONG, psk_verify(c, "dev", bytes_of("wrong")));
	FAILS(INRO_E_PIN_LOCKED, psk_verify(c, "dev", secret_bytes(&p.value)));
	clock_set_test(NOW + 2000);
	FAILS(INRO_E_PIN_WRONG, psk_verify(c, "dev", bytes_of("wrong")));
	FAILS(INRO_E_PIN_LOCKED, psk_verify(c, "dev", secret_bytes(&p.value)));
	OK(psk_show(c, "dev", &rec));
	assert_int_equal(rec.fails, 6);
	OK(psk_release(c, "dev"));
	OK(psk_verify(c, "dev", secret_bytes(&p.value)));
	FAILS(INRO_E_PIN_WRONG, psk_verify(c, "dev", bytes_of("wrong")));
	OK(psk_verify(c, "dev", secret_bytes(&p.value)));
	credential_clear(&rec);
	OK(psk_show(c, "dev", &rec));
	assert_int_equal(rec.fails, 0);
}

static void test_rotate(void **state)
{
	struct core *c = *state;
	SCOPED(psk_new) one = { 0 };
	SCOPED(psk_new) two = { 0 };
	SCOPED(psk_new) three = { 0 };
	size_t n;

	add(c, "dev");
	FAILS(INRO_E_NOT_FOUND, psk_rotate(c, "dev", BYTES_NONE, 0, &one));
	OK(psk_issue(c, "dev", BYTES_NONE, &one));
	OK(psk_rotate(c, "dev", BYTES_NONE, 60, &two));
	OK(psk_verify(c, "dev", secret_bytes(&one.value)));
	OK(psk_verify(c, "dev", secret_bytes(&two.value)));
	clock_set_test(NOW + 1000);
	FAILS(INRO_E_PIN_WRONG, psk_verify(c, "dev", secret_bytes(&one.value)));
	OK(psk_rotate(c, "dev", BYTES_NONE, 0, &three));
	FAILS(INRO_E_PIN_WRONG, psk_verify(c, "dev", secret_bytes(&two.value)));
	OK(psk_delete(c, "dev", "test", &n));
	assert_int_equal(n, 3);
	assert_int_equal(office_ask(db, "SELECT count(*) FROM credential WHERE secret IS NOT NULL"),
			 0);
	FAILS(INRO_E_NOT_FOUND, psk_verify(c, "dev", secret_bytes(&three.value)));
}

static bool deletes; /* the key, while somebody types the PIN of the token that seals */

static enum inro_err deleted_meanwhile(void *arg, const char *token, struct secret *ret)
{
	size_t n;

	(void)token;
	if (deletes)
		OK(psk_delete(*(struct core **)arg, "dev-1", "meanwhile", &n));
	deletes = false;
	return secret_copy(bytes_of(OFFICE_PIN), ret);
}

static void test_deleted_meanwhile(void **state)
{
	struct core *c = *state, *other;
	struct core_options o = office_options();
	SCOPED(psk_new) made = { 0 };
	SCOPED(psk_new) got = { 0 };

	seal_by_new(c);
	add(c, "dev-1");
	OK(psk_issue(c, "dev-1", BYTES_NONE, &made));
	o.ask_pin = deleted_meanwhile;
	o.ask_arg = &c;
	other = office_open_as(db, o);
	deletes = true;
	FAILS(INRO_E_NOT_FOUND, psk_get(other, "dev-1", &got));
	assert_false(deletes); /* the PIN was asked for */
	core_close(other);
	OK(psk_issue(c, "dev-1", BYTES_NONE, &got));
	other = office_open_as(db, o);
	deletes = true;
	FAILS(INRO_E_STATE, psk_verify(other, "dev-1", secret_bytes(&got.value)));
	assert_false(deletes);
	core_close(other);
	assert_int_equal(
		office_ask(db, "SELECT count(*) FROM event WHERE action = 'psk.get' AND outcome = 'done'"), 0);
}

static void test_policy(void **state)
{
	static const struct {
		const char *given;
		const char *why;
	} bad[] = {
		{ "Short1", "20 to 128" },
		{ "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa1", "has 3 of" },
		{ "Aaaaaaaaaaaaaaaaaaaa aaaaaaaaaaaaaaa1", "without blanks" },
	};
	struct policy odd = { 0 };
	struct core *c = *state;
	SCOPED(psk_new) p = { 0 };

	add(c, "dev");
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		FAILS(INRO_E_POLICY, psk_issue(c, "dev", bytes_of(bad[i].given), &p));
		assert_non_null(strstr(err_detail(INRO_E_POLICY), bad[i].why));
	}
	OK(policy_merge(NULL, 0, &odd));
	odd.psk.alphabet[9] = odd.psk.alphabet[0];
	FAILS(INRO_E_POLICY, psk_prepare(c, &odd, "dev", BYTES_NONE, &p));
	assert_non_null(strstr(err_detail(INRO_E_POLICY), "a character twice"));
	odd.psk.alphabet[3] = 0;
	FAILS(INRO_E_POLICY, psk_prepare(c, &odd, "dev", BYTES_NONE, &p));
	memcpy(odd.psk.alphabet, "a1", 3);
	odd.psk.length = 4;
	odd.psk.classes = 2;
	odd.psk.hashed = true;
	OK(psk_prepare(c, &odd, "dev", BYTES_NONE, &p));
	assert_int_equal(p.value.n, 4);
	assert_int_equal(p.bits, 4);
	assert_non_null(memchr(p.value.p, 'a', 4));
	assert_non_null(memchr(p.value.p, '1', 4));
	policy_clear(&odd);
}

static void test_device(void **state)
{
	struct core *c = *state;
	SCOPED(psk_new) p = { 0 };
	SCOPED(device) d = { 0 };
	SCOPED(device) off = { 0 };
	struct audit_report r = { 0 };
	size_t n;

	OK(device_add_with(c, "dev", NULL, &p, &d));
	assert_int_equal(d.state, DEVICE_REGISTERED);
	OK(psk_verify(c, "dev", secret_bytes(&p.value)));
	OK(device_switch(c, "dev", VERB_DISABLE, NULL, &off));
	FAILS(INRO_E_STATE, psk_verify(c, "dev", secret_bytes(&p.value)));
	OK(device_delete(c, "dev", NULL, &n));
	assert_int_equal(n, 0); /* no certificates */
	FAILS(INRO_E_NOT_FOUND, psk_verify(c, "dev", secret_bytes(&p.value)));
	assert_int_equal(office_ask(db, "SELECT count(*) FROM credential WHERE state = 'revoked'"),
			 1);
	OK(audit_verify(c, &r));
	assert_nowhere(secret_bytes(&p.value));
}

/* A file that is sold with its disk: once the log is folded in, what was destroyed is not in it,
 * sealed as it was, though its rows were moved from page to page before. */
static void test_destroyed_leaves_nothing(void **state)
{
	struct core *c = *state;
	struct symkey keys[KEYS] = { 0 };

	seal_by_new(c);
	for (size_t i = 0; i < KEYS; i++) {
		struct symkey_request r = { .type = i % 3 ? "aes-128" : "hmac-512" };
		char id[16];

		snprintf(id, sizeof id, "dev-%zu", i * 37 % KEYS);
		add(c, id);
		r.device = id;
		OK(symkey_issue(c, &r, &keys[i]));
	}
	for (size_t i = 0; i < KEYS; i += 2) {
		SCOPED(symkey) k = { 0 };
		char ref[24];

		snprintf(ref, sizeof ref, "%lld", (long long)keys[i].rec.id);
		OK(symkey_move(c, ref, VERB_DESTROY, NULL, &k));
	}
	if (!office_on_postgres())
		office_sql(db, "PRAGMA wal_checkpoint(TRUNCATE)");
	for (size_t i = 0; i < KEYS; i += 2)
		assert_nowhere(blob_bytes(&keys[i].rec.secret));
	for (size_t i = 0; i < KEYS; i++)
		symkey_clear(&keys[i]);
}

static void test_verifier(void **state)
{
	SCOPED(buf) stored = { 0 };

	(void)state;
	OK(verifier_make(bytes_of("value"), VERIFIER_COST_RANDOM, &stored));
	OK(verifier_check(buf_bytes(&stored), bytes_of("value")));
	FAILS(INRO_E_PIN_WRONG, verifier_check(buf_bytes(&stored), bytes_of("valu")));
	FAILS(INRO_E_PIN_WRONG, verifier_check(buf_bytes(&stored), BYTES_NONE));
	for (size_t n = 0; n < stored.n; n++)
		FAILS(INRO_E_DAMAGED, verifier_check(BYTES(stored.p, n), bytes_of("value")));
	stored.p[3] = 63; /* the cost */
	FAILS(INRO_E_DAMAGED, verifier_check(buf_bytes(&stored), bytes_of("value")));
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(test_no_seal_key), T(test_same_work), T(test_same_work_for_tenants), T(test_sealed),	      T(test_bound),  T(test_damaged_before), T(test_reseal), T(test_reseal_without_old_key), T(test_two_choose),
		T(test_lock),	     T(test_many_right_at_once), T(test_seal_key_is_fit), T(test_rotate), T(test_deleted_meanwhile), T(test_policy),
		T(test_device),	     T(test_verifier),     T(test_destroyed_leaves_nothing),
	};

	office_tokens();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
