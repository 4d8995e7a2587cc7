/* test_core_symkey - symmetric keys: what is made, verified, renewed and ended, and who may not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "backoffice/core/cred.h"
#include "backoffice/core/device.h"
#include "backoffice/core/proposal.h"
#include "backoffice/core/setting.h"
#include "backoffice/core/symkey.h"
#include "base/clock.h"
#include "base/cryptoki/client.h"
#include "tests/lib/keyed.h"

#define OK(x)	    assert_int_equal(x, INRO_OK)
#define FAILS(e, x) assert_int_equal(x, e)
#define NOW	    KEYED_NOW

static struct keyed office;
static struct core *c;

static int setup(void **state)
{
	(void)state;
	keyed_open("symkey", &office);
	c = office.c;
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	keyed_close(&office);
	return 0;
}

/* ---- verified ---- */

static void sign_in_token(CK_KEY_TYPE type, CK_MECHANISM_TYPE by, struct bytes key, uint8_t *mac,
			  CK_ULONG *n)
{
	CK_OBJECT_CLASS class = CKO_SECRET_KEY;
	CK_BBOOL yes = CK_TRUE, no = CK_FALSE;
	CK_ATTRIBUTE t[] = {
		{ CKA_CLASS, &class, sizeof class },
		{ CKA_KEY_TYPE, &type, sizeof type },
		{ CKA_TOKEN, &no, sizeof no },
		{ CKA_SIGN, &yes, sizeof yes },
		{ CKA_VALUE, (void *)(uintptr_t)key.p, key.n },
	};
	CK_MECHANISM mech = { by, NULL, 0 };
	CK_BYTE message[] = "message";
	CK_SESSION_HANDLE session;
	CK_OBJECT_HANDLE object;
	struct ck_module *m;
	struct p11_uri uri = { .token = (char *)(uintptr_t) "line" };
	struct ck_token token;

	OK(ck_module_open(NULL, &m));
	CK_FUNCTION_LIST *f = ck_module_functions(m);
	OK(ck_token_one(m, &uri, &token));
	OK(ck_session_open(m, token.slot, false, &session));
	OK(ck_login(m, session, CKU_USER, bytes_of(OFFICE_PIN)));
	assert_int_equal(f->C_CreateObject(session, t, ARRAY_LEN(t), &object), CKR_OK);
	assert_int_equal(f->C_SignInit(session, &mech, object), CKR_OK);
	assert_int_equal(f->C_Sign(session, message, 7, mac, n), CKR_OK);
	ck_session_close(m, session);
	ck_module_close(m);
}

static void test_mac(void **state)
{
	static const struct {
		const char *name;
		CK_KEY_TYPE type;
		CK_MECHANISM_TYPE mech;
	} rows[] = {
		{ "aes-128", CKK_AES, CKM_AES_CMAC },
		{ "twine-80", CKK_INRO_TWINE, CKM_INRO_TWINE_CMAC },
		{ "twine-128", CKK_INRO_TWINE, CKM_INRO_TWINE_CMAC },
		{ "hmac-256", CKK_SHA256_HMAC, CKM_SHA256_HMAC },
		{ "hmac-384", CKK_SHA384_HMAC, CKM_SHA384_HMAC },
		{ "generic-256", CKK_GENERIC_SECRET, CKM_SHA256_HMAC },
	};
	char ref[24];

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		SCOPED(buf) value = { 0 };
		uint8_t mac[64];
		CK_ULONG n = sizeof mac;

		keyed_make(c, "dev-0", rows[i].name, ref, &value);
		sign_in_token(rows[i].type, rows[i].mech, buf_bytes(&value), mac, &n);
		OK(symkey_verify_mac(c, ref, bytes_of("message"), BYTES(mac, n)));
		OK(symkey_verify(c, ref, buf_bytes(&value)));
		FAILS(INRO_E_SIGNATURE,
		      symkey_verify_mac(c, ref, bytes_of("messagf"), BYTES(mac, n)));
		FAILS(INRO_E_SIGNATURE,
		      symkey_verify_mac(c, ref, bytes_of("message"), BYTES(mac, n - 1)));
		FAILS(INRO_E_PIN_WRONG, symkey_verify(c, ref, BYTES(mac, n)));
	}
	{
		SCOPED(buf) value = { 0 };

		keyed_make(c, "dev-0", "chacha20", ref, &value);
		FAILS(INRO_E_KEY_TYPE,
		      symkey_verify_mac(c, ref, bytes_of("message"), bytes_of("mac")));
	}
}

/* ---- life ---- */

static void test_renew(void **state)
{
	const struct symkey_delivery raw = { .form = SYMKEY_RAW };
	SCOPED(buf) value = { 0 };
	SCOPED(buf) again = { 0 };
	SCOPED(symkey) next = { 0 };
	SCOPED(symkey) k = { 0 };
	SCOPED(symkey) other = { 0 };
	char ref[24];

	(void)state;
	keyed_make(c, "dev-0", "aes-256", ref, &value);
	OK(symkey_renew(c, ref, 60, &next));
	assert_string_equal(next.rec.subject, "a name");
	assert_int_equal(next.rec.not_after - next.rec.not_before, 365 * 86400);
	FAILS(INRO_E_STATE, symkey_renew(c, ref, 60, &other));
	OK(symkey_verify(c, ref, buf_bytes(&value)));
	OK(symkey_deliver(c, ref, &raw, &k, &again));
	assert_true(bytes_equal(buf_bytes(&value), buf_bytes(&again)));
	clock_set_test(NOW + 1000);
	FAILS(INRO_E_STATE, symkey_verify(c, ref, buf_bytes(&value)));
	FAILS(INRO_E_STATE, symkey_deliver(c, ref, &raw, &other, &again));
	assert_int_equal(again.n, 32); /* nothing was added */
	clock_set_test(NOW + 366 * 86400);
	snprintf(ref, sizeof ref, "%lld", (long long)next.rec.id);
	FAILS(INRO_E_STATE, symkey_deliver(c, ref, &raw, &other, &again));
	assert_non_null(strstr(err_detail(INRO_E_STATE), "expired"));
	clock_set_test(NOW);
}

static void test_destroyed(void **state)
{
	const struct symkey_delivery raw = { .form = SYMKEY_RAW };
	SCOPED(buf) value = { 0 };
	SCOPED(symkey) k = { 0 };
	SCOPED(symkey) none = { 0 };
	char ref[24], sql[128];

	(void)state;
	keyed_make(c, "dev-0", "aes-128", ref, &value);
	OK(symkey_move(c, ref, VERB_DESTROY, "test", &k));
	assert_int_equal(k.state, CRED_DESTROYED);
	snprintf(sql, sizeof sql,
		 "SELECT count(*) FROM credential WHERE id = %s AND secret IS NULL", ref);
	assert_int_equal(office_ask("symkey.db", sql), 1);
	FAILS(INRO_E_STATE, symkey_deliver(c, ref, &raw, &none, &value));
	FAILS(INRO_E_STATE, symkey_move(c, ref, VERB_HOLD, NULL, &none));
	FAILS(INRO_E_ARG, symkey_move(c, ref, VERB_EXPIRE, NULL, &none));
}

/* ---- ended while somebody types the PIN of the token that seals ---- */

static const char *ends;  /* this key, */
static enum verb ends_by; /* and how */

static enum inro_err ended_meanwhile(void *arg, const char *token, struct secret *ret)
{
	SCOPED(symkey) k = { 0 };

	(void)arg;
	(void)token;
	if (ends)
		OK(symkey_move(c, ends, ends_by, "meanwhile", &k));
	ends = NULL;
	return secret_copy(bytes_of(OFFICE_PIN), ret);
}

static struct core *slow(void)
{
	struct core_options o = office_options();

	o.ask_pin = ended_meanwhile;
	return office_open_as("symkey.db", o);
}

static enum inro_err too_late(void *arg, const char *token, struct secret *ret)
{
	(void)arg;
	(void)token;
	clock_set_test(NOW + 1000);
	return secret_copy(bytes_of(OFFICE_PIN), ret);
}

static void test_grace_over_meanwhile(void **state)
{
	const struct symkey_delivery raw = { .form = SYMKEY_RAW };
	struct core_options o = office_options();
	SCOPED(buf) value = { 0 };
	SCOPED(buf) out = { 0 };
	SCOPED(symkey) next = { 0 };
	SCOPED(symkey) k = { 0 };
	char ref[24];

	(void)state;
	keyed_make(c, "dev-0", "aes-256", ref, &value);
	OK(symkey_renew(c, ref, 60, &next));
	o.ask_pin = too_late;
	for (int verified = 0; verified < 2; verified++) {
		struct core *other = office_open_as("symkey.db", o);

		if (verified)
			FAILS(INRO_E_STATE, symkey_verify(other, ref, buf_bytes(&value)));
		else
			FAILS(INRO_E_STATE, symkey_deliver(other, ref, &raw, &k, &out));
		assert_int_equal(out.n, 0);
		core_close(other);
		clock_set_test(NOW);
	}
}

static void test_ended_meanwhile(void **state)
{
	static const enum verb verbs[] = { VERB_HOLD, VERB_REVOKE, VERB_DESTROY };
	const struct symkey_delivery raw = { .form = SYMKEY_RAW };
	char ref[24], sql[128];

	(void)state;
	for (size_t i = 0; i < 2 * ARRAY_LEN(verbs); i++) {
		SCOPED(buf) value = { 0 };
		SCOPED(buf) out = { 0 };
		SCOPED(symkey) k = { 0 };
		struct core *other = slow();

		keyed_make(c, "dev-0", "aes-256", ref, &value);
		ends = ref;
		ends_by = verbs[i / 2];
		if (i % 2)
			FAILS(INRO_E_STATE, symkey_verify(other, ref, buf_bytes(&value)));
		else
			FAILS(INRO_E_STATE, symkey_deliver(other, ref, &raw, &k, &out));
		assert_null(ends); /* the PIN was asked for */
		assert_int_equal(out.n, 0);
		core_close(other);
		snprintf(sql, sizeof sql, "SELECT count(*) FROM event WHERE action = 'key.get' AND subject = 'key:%s' "
					  "AND outcome = 'done'", ref);
		assert_int_equal(office_ask("symkey.db", sql), 1); /* keyed_make()'s */
	}
}

/* ---- from the archive ---- */

static void account(const char *name)
{
	char sql[256];

	snprintf(sql, sizeof sql,
		 "INSERT INTO account (id, tenant, name, role, state, fails, created_ms, updated_ms) "
		 "SELECT coalesce(max(id), 0) + 1, 1, '%s', 'administrator', 'active', 0, 0, 0 FROM account", name);
	office_sql("symkey.db", sql);
}

static void archive(const char *ref)
{
	static const enum verb way[] = { VERB_REVOKE, VERB_RETIRE, VERB_ARCHIVE };

	for (size_t i = 0; i < ARRAY_LEN(way); i++) {
		SCOPED(symkey) k = { 0 };

		OK(symkey_move(c, ref, way[i], NULL, &k));
	}
}

static int64_t approved(void)
{
	struct core_options o = { .actor = "bob", .role = ROLE_OPERATOR };
	struct core *bob = office_open_as("symkey.db", o);
	SCOPED(proposal) p = { 0 };
	int64_t id = office_ask("symkey.db", "SELECT max(id) FROM proposal");

	OK(proposal_decide(bob, id, VERB_APPROVE, NULL, &p));
	core_close(bob);
	return id;
}

static void test_archived_takes_others(void **state)
{
	struct symkey_delivery d = { .form = SYMKEY_RAW };
	SCOPED(buf) value = { 0 };
	SCOPED(buf) out = { 0 };
	SCOPED(symkey) k = { 0 };
	SCOPED(symkey) none = { 0 };
	char ref[24];

	(void)state;
	account("tester");
	account("bob");
	OK(setting_change(c, "four-eyes.archive", "1", 0));
	keyed_make(c, "dev-0", "aes-256", ref, &value); /* one that is in use takes nobody else */
	archive(ref);
	FAILS(INRO_E_APPROVAL, symkey_deliver(c, ref, &d, &none, &out));
	assert_int_equal(out.n, 0);
	d.proposal = approved();
	d.form = SYMKEY_AES_KW;
	FAILS(INRO_E_POLICY, symkey_deliver(c, ref, &d, &none, &out)); /* not what was approved */
	d.form = SYMKEY_RAW;
	OK(symkey_deliver(c, ref, &d, &k, &out));
	assert_true(bytes_equal(buf_bytes(&value), buf_bytes(&out)));
	FAILS(INRO_E_STATE, symkey_deliver(c, ref, &d, &none, &out)); /* once */
	assert_int_equal(out.n, 32);
	OK(symkey_move(c, ref, VERB_DESTROY, NULL, &none));
	office_sql("symkey.db", "DELETE FROM setting WHERE name = 'four-eyes.archive'; DELETE FROM account");
}

/* What is approved goes to the certificate of that time, whichever is the newest then. */
static void test_approved_recipient(void **state)
{
	struct symkey_delivery d = { .form = SYMKEY_JWE };
	EVP_PKEY *own = office_key("P-256");
	SCOPED(buf) value = { 0 };
	SCOPED(buf) out = { 0 };
	SCOPED(symkey) k = { 0 };
	SCOPED(symkey) none = { 0 };
	char ref[24], first[24];

	(void)state;
	account("tester");
	account("bob");
	OK(setting_change(c, "four-eyes.archive", "1", 0));
	keyed_certify(c, "dev-eyes", own);
	snprintf(first, sizeof first, "id:%lld", (long long)keyed_certify_more(c, "dev-eyes", own));
	keyed_make(c, "dev-eyes", "aes-256", ref, &value);
	archive(ref);
	FAILS(INRO_E_APPROVAL, symkey_deliver(c, ref, &d, &none, &out));
	d.proposal = approved();
	keyed_certify_more(c, "dev-eyes", own);
	FAILS(INRO_E_POLICY, symkey_deliver(c, ref, &d, &none, &out));
	assert_int_equal(out.n, 0);
	d.certificate = first;
	OK(symkey_deliver(c, ref, &d, &k, &out));
	assert_true(out.n > 0);
	EVP_PKEY_free(own);
	office_sql("symkey.db", "DELETE FROM setting WHERE name = 'four-eyes.archive'; DELETE FROM account");
}

static void test_refused(void **state)
{
	struct symkey_request r = { .device = "dev-0", .type = "des" };
	const struct symkey_delivery jwe = { .form = SYMKEY_JWE };
	SCOPED(symkey) k = { 0 };
	SCOPED(buf) out = { 0 };
	SCOPED(device) d = { 0 };
	SCOPED(buf) value = { 0 };
	struct core_options o = office_options();
	char ref[24];

	(void)state;
	FAILS(INRO_E_ARG, symkey_issue(c, &r, &k));
	r.device = "nobody";
	FAILS(INRO_E_NOT_FOUND, symkey_issue(c, &r, &k));
	FAILS(INRO_E_NOT_FOUND, symkey_get(c, "zz", &k));
	FAILS(INRO_E_NOT_FOUND, symkey_get(c, "999999999", &k));
	FAILS(INRO_E_NOT_FOUND, symkey_get(c, "", &k));
	FAILS(INRO_E_NOT_FOUND, symkey_get(c, "1' OR '1", &k));
	OK(device_add(c, "bare", NULL, &d));
	keyed_make(c, "bare", "aes-128", ref, &value);
	FAILS(INRO_E_NOT_FOUND, symkey_deliver(c, ref, &jwe, &k, &out));
	assert_int_equal(out.n, 0);
	o.role = ROLE_AUDITOR;
	struct core *reader = office_open_as("symkey.db", o);
	FAILS(INRO_E_ACCESS, symkey_deliver(reader, ref, &jwe, &k, &out));
	r.device = "dev-0";
	r.type = "aes-128";
	FAILS(INRO_E_ACCESS, symkey_issue(reader, &r, &k));
	core_close(reader);
}

/* Nothing is wrapped to a key that is known to others, by whichever of its certificates. */
static void test_compromised_key(void **state)
{
	static const enum symkey_form forms[] = { SYMKEY_JWE, SYMKEY_CMS };
	const struct cred_revocation why = { .reason = "keyCompromise" };
	EVP_PKEY *own = office_key("P-256");
	SCOPED(cred) gone = { 0 };
	SCOPED(buf) value = { 0 };
	char ref[24], first[24], sql[120];
	int64_t newest;

	(void)state;
	keyed_certify(c, "leaky", own);
	snprintf(first, sizeof first, "id:%lld", (long long)keyed_certify_more(c, "leaky", own));
	newest = keyed_certify_more(c, "leaky", own);
	EVP_PKEY_free(own);
	keyed_make(c, "leaky", "aes-128", ref, &value);
	OK(cred_revoke(c, first, &why, &gone));
	assert_int_equal(gone.kin_n, 2);
	for (size_t i = 0; i < 2 * ARRAY_LEN(forms); i++) {
		const struct symkey_delivery d = { .form = forms[i % ARRAY_LEN(forms)] };
		SCOPED(symkey) k = { 0 };
		SCOPED(buf) out = { 0 };

		if (i == ARRAY_LEN(forms)) { /* one that an earlier version left */
			snprintf(sql, sizeof sql,
				 "UPDATE credential SET state = 'active', revoked_at = NULL "
				 "WHERE id = %lld",
				 (long long)newest);
			office_sql("symkey.db", sql);
		}
		FAILS(i < ARRAY_LEN(forms) ? INRO_E_NOT_FOUND : INRO_E_POLICY,
		      symkey_deliver(c, ref, &d, &k, &out));
		assert_int_equal(out.n, 0);
	}
}

/* What one tenant has is not there for another, by id or by serial. */
static void test_tenants(void **state)
{
	const struct symkey_delivery raw = { .form = SYMKEY_RAW };
	const struct symkey_search any = { 0 };
	struct core_options o = office_options();
	SCOPED(buf) value = { 0 };
	SCOPED(symkey) k = { 0 };
	SCOPED(symkey) none = { 0 };
	SCOPED(symkey_found) l = { 0 };
	SCOPED(buf) serial = { 0 };
	char ref[24];

	(void)state;
	keyed_make(c, "dev-0", "aes-128", ref, &value);
	OK(symkey_get(c, ref, &k));
	buf_add_hex(&serial, blob_bytes(&k.rec.serial));
	buf_add_u8(&serial, 0);
	office_sql("symkey.db", "INSERT INTO tenant (id, name, created_ms) VALUES (2, 'other', 1)");
	o.tenant = "other";
	struct core *other = office_open_as("symkey.db", o);
	FAILS(INRO_E_NOT_FOUND, symkey_get(other, ref, &none));
	FAILS(INRO_E_NOT_FOUND, symkey_get(other, (const char *)serial.p, &none));
	FAILS(INRO_E_NOT_FOUND, symkey_deliver(other, ref, &raw, &none, &value));
	FAILS(INRO_E_NOT_FOUND, symkey_move(other, ref, VERB_DESTROY, NULL, &none));
	OK(symkey_search(other, &any, &l));
	assert_int_equal(l.n, 0);
	core_close(other);
	OK(symkey_get(c, (const char *)serial.p, &none));
	assert_int_equal(none.rec.id, k.rec.id);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_mac),
		cmocka_unit_test(test_renew),
		cmocka_unit_test(test_destroyed),
		cmocka_unit_test(test_ended_meanwhile),
		cmocka_unit_test(test_grace_over_meanwhile),
		cmocka_unit_test(test_archived_takes_others),
		cmocka_unit_test(test_approved_recipient),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_tenants),
		cmocka_unit_test(test_compromised_key),
	};

	office_tokens();
	return cmocka_run_group_tests(tests, setup, teardown);
}
