/* test_core_ca_signer - one key of a CA in two tokens: put on record, used in turn, told once. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include <openssl/x509.h>

#include "backoffice/core/bulk.h"
#include "backoffice/core/ca.h"
#include "backoffice/core/profile_store.h"
#include "backoffice/core/proposal.h"
#include "backoffice/core/setting.h"
#include "backoffice/core/signer.h"
#include "backoffice/core/status.h"
#include "backoffice/core/ca_signer.h"
#include "backoffice/pki/crl_read.h"
#include "backoffice/token/token.h"
#include "base/cryptoki/uri.h"
#include "tests/lib/office.h"

#define OK(x)	    assert_int_equal(x, INRO_OK)
#define FAILS(e, x) assert_int_equal(x, e)
#define N	    6

static char db[40], label[32], uri_ca[80], uri_line[80];
static EVP_PKEY *leaf[2 * N];

static int group_setup(void **state)
{
	(void)state;
	office_tokens();
	for (size_t i = 0; i < ARRAY_LEN(leaf); i++)
		leaf[i] = office_key("P-256");
	return 0;
}

static int group_teardown(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(leaf); i++)
		EVP_PKEY_free(leaf[i]);
	return 0;
}

static void pkcs8_of(EVP_PKEY *key, struct buf *ret)
{
	PKCS8_PRIV_KEY_INFO *p8 = EVP_PKEY2PKCS8(key);
	unsigned char *der = NULL;
	int n = i2d_PKCS8_PRIV_KEY_INFO(p8, &der);

	assert_true(n > 0);
	buf_add(ret, BYTES(der, (size_t)n));
	OK(buf_err(ret));
	OPENSSL_free(der);
	PKCS8_PRIV_KEY_INFO_free(p8);
}

static struct token *open_token(const char *token)
{
	char text[64];
	SCOPED(p11_uri) u = { 0 };
	struct token *t = NULL;

	snprintf(text, sizeof text, "pkcs11:token=%s", token);
	OK(p11_uri_parse(text, &u));
	OK(token_open(&u, bytes_of(OFFICE_PIN), &t));
	return t;
}

/* Under the same id whenever it comes back. */
static void put_key(const char *token, EVP_PKEY *key)
{
	char id[64];
	struct token_key_plan plan = { .label = label };
	AUTO(token_close_ptr) struct token *t = open_token(token);
	AUTO(token_key_free_ptr) struct token_key *k = NULL;
	SCOPED(buf) file = { 0 };

	snprintf(id, sizeof id, "%s-%s", token, label);
	plan.id = bytes_of(id);
	pkcs8_of(key, &file);
	OK(token_key_import(t, &plan, buf_bytes(&file), &k));
}

static void drop_key(const char *token)
{
	AUTO(token_close_ptr) struct token *t = open_token(token);
	AUTO(token_key_free_ptr) struct token_key *k = NULL;
	SCOPED(p11_uri) u = { 0 };
	size_t n;

	OK(text_set(&u.object, label));
	OK(token_key_find(t, &u, &k));
	OK(token_delete(t, token_key_id(k), TOKEN_KEYS, &n));
}

/* "root" by a key that is in both tokens; only the one in "ca" is on record. */
static int setup(void **state)
{
	static unsigned n;
	struct ca_request r = { .name = "root", .subject = "CN=Root", .key_uri = uri_ca };
	SCOPED(ca_view) v = { 0 };
	EVP_PKEY *key = office_key("P-256");

	snprintf(label, sizeof label, "signer-%u", n++);
	snprintf(db, sizeof db, "%s.db", label);
	snprintf(uri_ca, sizeof uri_ca, "pkcs11:token=ca;object=%s", label);
	snprintf(uri_line, sizeof uri_line, "pkcs11:token=line;object=%s", label);
	put_key("ca", key);
	put_key("line", key);
	EVP_PKEY_free(key);
	*state = office_open(db);
	OK(ca_create(*state, &r, &v));
	return 0;
}

static int teardown(void **state)
{
	core_close(*state);
	office_pin = OFFICE_PIN;
	return 0;
}

static enum inro_err add(struct core *c, const char *uri, bool first)
{
	const struct ca_place_wish w = { .name = "root", .key_uri = uri, .first = first };
	SCOPED(ca_places) l = { 0 };

	return ca_place_add(c, &w, &l);
}

static long long events(const char *action)
{
	char sql[128];

	snprintf(sql, sizeof sql, "SELECT count(*) FROM event WHERE action = '%s'", action);
	return office_ask(db, sql);
}

static enum inro_err issue(struct core *c, size_t i)
{
	struct cred_request r = { .ca = "root", .profile = "tls-client" };
	SCOPED(buf) csr = { 0 };
	SCOPED(cred) cred = { 0 };
	enum inro_err e;

	office_csr(leaf[i], "x", &csr);
	r.csr = buf_bytes(&csr);
	e = cred_issue(c, &r, &cred);
	if (e == INRO_OK)
		assert_int_equal(office_verify(c, "root", &cred.rec.cert, BYTES_NONE), X509_V_OK);
	return e;
}

/* Which token a place is in. */
static void is_in(const struct ca_places *l, size_t i, const char *token)
{
	SCOPED(p11_uri) u = { 0 };

	assert_true(i < l->n);
	OK(p11_uri_parse(l->items[i].uri, &u));
	assert_string_equal(u.token, token);
}

static void test_on_record(void **state)
{
	struct core *c = *state;
	const struct ca_place_wish none = { .name = "root" };
	const struct ca_place_wish by_id = { .name = "root", .token = "line" };
	SCOPED(ca_places) l = { 0 };

	FAILS(INRO_E_EXISTS, add(c, uri_ca, false));
	FAILS(INRO_E_ARG, ca_place_add(c, &none, &l));
	/* It was brought there under another id, which is not looked for. */
	FAILS(INRO_E_NOT_FOUND, ca_place_add(c, &by_id, &l));
	assert_non_null(strstr(err_detail(INRO_E_NOT_FOUND), "never leaves its token"));
	OK(add(c, uri_line, false));
	FAILS(INRO_E_EXISTS, add(c, uri_line, false));
	OK(ca_places(c, "root", 0, true, &l));
	assert_int_equal(l.n, 2);
	is_in(&l, 0, "ca");
	is_in(&l, 1, "line");
	assert_null(l.items[0].why);
	assert_null(l.items[1].why);
	ca_places_clear(&l);
	FAILS(INRO_E_AMBIGUOUS, ca_place_remove(c, "root", 0, "pkcs11:", &l));
	FAILS(INRO_E_NOT_FOUND, ca_place_remove(c, "root", 0, "pkcs11:token=none", &l));
	OK(ca_place_remove(c, "root", 0, "pkcs11:token=ca", &l));
	assert_int_equal(l.n, 1);
	is_in(&l, 0, "line");
	ca_places_clear(&l);
	FAILS(INRO_E_STATE, ca_place_remove(c, "root", 0, "pkcs11:token=line", &l));
	OK(add(c, uri_ca, true));
	OK(ca_places(c, "root", 0, false, &l));
	is_in(&l, 0, "ca");
	is_in(&l, 1, "line");
	assert_int_equal(events("ca.key.add"), 2 + 4); /* two done, four refused */
	assert_int_equal(events("ca.key.away"), 0);
}

/* What is no copy is not put on record, and what became another key is never used. */
static void test_another_key(void **state)
{
	struct core *c = *state;
	EVP_PKEY *other = office_key("P-256");
	SCOPED(ca_places) l = { 0 };

	OK(add(c, uri_line, true));
	drop_key("line");
	put_key("line", other);
	core_close(c);
	*state = c = office_open(db);
	OK(issue(c, 0));
	assert_int_equal(events("ca.key.away"), 1);
	OK(ca_places(c, "root", 0, true, &l));
	assert_non_null(l.items[0].why);
	assert_null(l.items[1].why);
	ca_places_clear(&l);
	OK(ca_place_remove(c, "root", 0, "pkcs11:token=line", &l));
	FAILS(INRO_E_POLICY, add(c, uri_line, false));
	EVP_PKEY_free(other);
}

static void issue_some(struct cred_bulk *bulk, size_t from, size_t n)
{
	struct bulk_row rows[N] = { 0 };
	struct buf csrs[N] = { 0 };

	for (size_t i = 0; i < n; i++) {
		office_csr(leaf[from + i], "bulk", &csrs[i]);
		rows[i].csr = buf_bytes(&csrs[i]);
	}
	OK(cred_bulk_issue(bulk, rows, n));
	for (size_t i = 0; i < n; i++) {
		OK(rows[i].error);
		assert_true(rows[i].rec.cert.n > 0);
		bulk_row_clear(&rows[i]);
		buf_clear(&csrs[i]);
	}
}

/* The token that signs loses the key in the middle of a run. */
static void test_in_mid_run(void **state)
{
	const struct bulk_order order = { .ca = "root", .profile = "tls-client" };
	struct core *c = *state;
	AUTO(cred_bulk_close_ptr) struct cred_bulk *bulk = NULL;
	struct crl_info info;
	SCOPED(buf) der = { 0 };
	SCOPED(crl_facts) list = { 0 };
	SCOPED(ca_view) v = { 0 };
	SCOPED(cert) cert = { 0 };

	OK(add(c, uri_line, false));
	OK(cred_bulk_open(c, &order, &bulk));
	issue_some(bulk, 0, N);
	drop_key("ca");
	issue_some(bulk, N, N);
	assert_int_equal(events("ca.key.away"), 1);
	OK(ca_crl(c, "root", 0, &der, &info));
	OK(ca_get(c, "root", &v));
	OK(cert_read(blob_bytes(&v.rec.cert), &cert));
	OK(crl_read(buf_bytes(&der), &list));
	OK(crl_verify(&list, &cert));
	assert_int_equal(events("ca.key.away"), 1);
	assert_int_equal(office_ask(db, "SELECT count(DISTINCT serial) FROM credential"), 2 * N + 1);
	/* Now none has it, and the error says so of each. */
	drop_key("line");
	FAILS(INRO_E_NOT_FOUND, issue(c, 0));
	assert_non_null(strstr(err_detail(INRO_E_NOT_FOUND), "token 'ca': "));
	assert_non_null(strstr(err_detail(INRO_E_NOT_FOUND), "token 'line': "));
	FAILS(INRO_E_NOT_FOUND, ca_crl(c, "root", 0, &der, &info));
}

static struct {
	int uses;
	enum inro_err last;
} used;

static void note_use(void *arg, const struct ca *ca, enum inro_err e)
{
	(void)arg;
	assert_string_equal(ca->name, "root");
	used.uses++;
	used.last = e;
}

/* Whoever asked is told of each use, as it ended in the last of the tokens. */
static void test_told_of_use(void **state)
{
	struct core_options o = office_options();
	struct core *c;

	OK(add(*state, uri_line, false));
	core_close(*state);
	o.ca_used = note_use;
	*state = c = office_open_as(db, o);
	used.last = INRO_E_STATE;
	OK(issue(c, 0));
	assert_int_equal(used.uses, 1);
	assert_int_equal(used.last, INRO_OK);
	drop_key("ca"); /* the other one takes its place */
	core_close(c);
	*state = c = office_open_as(db, o);
	OK(issue(c, 0));
	assert_int_equal(used.last, INRO_OK);
	drop_key("line");
	core_close(c);
	*state = c = office_open_as(db, o);
	FAILS(INRO_E_NOT_FOUND, issue(c, 0));
	assert_int_equal(used.last, INRO_E_NOT_FOUND);
	assert_non_null(strstr(err_detail(INRO_E_NOT_FOUND), "token 'line'"));
}

/* A wrong PIN is tried once in each token. */
static void test_pins(void **state)
{
	struct core *c = *state;
	int asked;

	OK(add(c, uri_line, false));
	core_close(c);
	*state = c = office_open(db);
	office_pin = NULL;
	asked = office_asked;
	FAILS(INRO_E_PIN_MISSING, issue(c, 0));
	FAILS(INRO_E_PIN_MISSING, issue(c, 0));
	assert_int_equal(office_asked - asked, 2);
	assert_non_null(strstr(err_detail(INRO_E_PIN_MISSING), "token 'line': no PIN"));
}

/* A root's last work with its old key is to certify the new one, by whichever token. */
static void test_rollover(void **state)
{
	const struct ca_rollover r = { .name = "root", .token = "line", .label = db };
	struct core *c = *state;
	struct crl_info info;
	SCOPED(ca_view) v = { 0 };
	SCOPED(ca_places) l = { 0 };
	const struct crl_wish old = { .ca = "root", .generation = 1 };
	SCOPED(crl) list = { 0 };

	OK(add(c, uri_line, false));
	drop_key("ca");
	core_close(c);
	*state = c = office_open(db);
	OK(ca_rollover(c, &r, &v));
	OK(ca_places(c, "root", 0, false, &l));
	assert_int_equal(l.n, 1);
	ca_places_clear(&l);
	OK(ca_places(c, "root", 1, false, &l));
	assert_int_equal(l.n, 2);
	ca_places_clear(&l);
	OK(ca_crl_list(c, &old, &list, &info));
	OK(ca_place_remove(c, "root", 1, "pkcs11:token=ca", &l));
	assert_int_equal(l.n, 1);
	is_in(&l, 0, "line");
	assert_int_equal(office_ask(db, "SELECT count(*) FROM ca_place"), 0);
	OK(issue(c, 0));
}

/* The CA "two", whose key is in both tokens by this name; both are on record. */
static void make_two(struct core *c, const char *name, const char *profile, EVP_PKEY *key)
{
	const struct ca_request r = {
		.name = "two", .subject = "CN=Two", .key_uri = uri_ca, .profile = profile
	};
	const struct ca_place_wish w = { .name = "two", .key_uri = uri_line };
	SCOPED(ca_view) v = { 0 };
	SCOPED(ca_places) l = { 0 };

	snprintf(label, sizeof label, "%s", name);
	snprintf(uri_ca, sizeof uri_ca, "pkcs11:token=ca;object=%s", name);
	snprintf(uri_line, sizeof uri_line, "pkcs11:token=line;object=%s", name);
	put_key("ca", key);
	put_key("line", key);
	OK(ca_create(c, &r, &v));
	OK(ca_place_add(c, &w, &l));
}

static void verifies(const struct blob *cert, const struct pki_sig *sig, struct bytes message,
		     const struct buf *signature)
{
	SCOPED(cert) read = { 0 };

	OK(cert_read(blob_bytes(cert), &read));
	OK(pubkey_verify(&read.key, sig, message, buf_bytes(signature)));
}

/* Messages and answers on line in the CA's own name. */
static void test_other_signatures(void **state)
{
	static const char profile[] = "[profile]\nname = root-signs\n[key]\ntypes = ec-p256\n"
				      "[validity]\nperiod = 1y\nbeyond_ca = refuse\n"
				      "[subject]\nallowed = CN\n[constraints]\nca = yes\n"
				      "[usage]\nkey_usage = keyCertSign cRLSign digitalSignature\n";
	const struct bytes message = bytes_of("message");
	struct core *c = *state;
	EVP_PKEY *key = office_key("P-256");
	struct status_signer who = { .itself = true, .generation = 1 };
	SCOPED(profile_version) version = { 0 };
	SCOPED(ca_view) v = { 0 };
	SCOPED(signer) s = { 0 };
	SCOPED(buf) first = { 0 };
	SCOPED(buf) then = { 0 };
	SCOPED(buf) answer = { 0 };

	OK(profile_give(c, bytes_of(profile), "profile", PROFILE_NEW, &version));
	make_two(c, "signs", "root-signs", key);
	OK(ca_get(c, "two", &v));
	who.ca = v.rec.id;
	OK(signer_of(c, "two", &s));
	OK(signer_sign(&s, s.sig, message, &first));
	drop_key("ca");
	OK(signer_sign(&s, s.sig, message, &then));
	assert_int_equal(events("ca.key.away"), 1);
	OK(status_sign(c, &who, s.sig, message, &answer));
	verifies(&v.rec.cert, s.sig, message, &first);
	verifies(&v.rec.cert, s.sig, message, &then);
	verifies(&v.rec.cert, s.sig, message, &answer);
	drop_key("line");
	FAILS(INRO_E_NOT_FOUND, status_sign(c, &who, s.sig, message, &answer));
	EVP_PKEY_free(key);
}

/* What failed for a moment is used again, and that is told. */
static void test_back(void **state)
{
	struct core *c = *state;
	EVP_PKEY *key = office_key("P-256");
	struct cred_request request = { .ca = "two", .profile = "tls-client" };
	SCOPED(buf) csr = { 0 };

	make_two(c, "back", NULL, key);
	office_csr(leaf[0], "x", &csr);
	request.csr = buf_bytes(&csr);
	drop_key("ca");
	for (int i = 0; i < 2; i++) {
		SCOPED(cred) cred = { 0 };

		OK(cred_issue(c, &request, &cred));
	}
	assert_int_equal(events("ca.key.away"), 1);
	drop_key("line");
	put_key("ca", key);
	for (int i = 0; i < 2; i++) {
		SCOPED(cred) cred = { 0 };

		OK(cred_issue(c, &request, &cred));
	}
	assert_int_equal(events("ca.key.back"), 1);
	assert_int_equal(events("ca.key.away"), 2);
	EVP_PKEY_free(key);
}

static int64_t newest(struct core *c)
{
	SCOPED(proposal_list) l = { 0 };

	OK(proposal_find(c, NULL, NULL, &l));
	assert_true(l.n > 0);
	return l.items[l.n - 1].id;
}

static void account(const char *name)
{
	char sql[256];

	snprintf(sql, sizeof sql,
		 "INSERT INTO account (id, tenant, name, role, state, fails, created_ms, updated_ms) "
		 "SELECT coalesce(max(id), 0) + 1, 1, '%s', 'administrator', 'active', 0, 0, 0 FROM "
		 "account",
		 name);
	office_sql(db, sql);
}

static void test_four_eyes(void **state)
{
	struct core_options o = office_options();
	struct core *c, *other;
	SCOPED(proposal) p = { 0 };
	SCOPED(ca_places) l = { 0 };
	struct ca_place_wish w = { .name = "root", .key_uri = uri_line };

	(void)state;
	account("alice");
	account("bob");
	o.actor = "alice";
	c = office_open_as(db, o);
	o.actor = "bob";
	other = office_open_as(db, o);
	OK(setting_change(c, "four-eyes.ca", "1", 0));
	FAILS(INRO_E_APPROVAL, ca_place_add(c, &w, &l));
	w.proposal = newest(c);
	FAILS(INRO_E_STATE, ca_place_add(c, &w, &l));
	OK(proposal_decide(other, w.proposal, VERB_APPROVE, NULL, &p));
	w.first = true;
	assert_int_not_equal(ca_place_add(c, &w, &l), INRO_OK);
	w.first = false;
	OK(ca_place_add(c, &w, &l));
	assert_int_equal(l.n, 2);
	core_close(other);
	core_close(c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_on_record, setup, teardown),
		cmocka_unit_test_setup_teardown(test_another_key, setup, teardown),
		cmocka_unit_test_setup_teardown(test_in_mid_run, setup, teardown),
		cmocka_unit_test_setup_teardown(test_told_of_use, setup, teardown),
		cmocka_unit_test_setup_teardown(test_pins, setup, teardown),
		cmocka_unit_test_setup_teardown(test_rollover, setup, teardown),
		cmocka_unit_test_setup_teardown(test_other_signatures, setup, teardown),
		cmocka_unit_test_setup_teardown(test_back, setup, teardown),
		cmocka_unit_test_setup_teardown(test_four_eyes, setup, teardown),
	};

	return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
