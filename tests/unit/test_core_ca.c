/* test_core_ca - CAs: a next key that waits, keys that two tenants have, and what somebody else does while a CA
 * elsewhere is asked. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include <openssl/x509.h>

#include "backoffice/core/ca.h"
#include "backoffice/core/ca/way_secret.h"
#include "backoffice/core/cred.h"
#include "backoffice/core/keyring.h"
#include "backoffice/core/profile_store.h"
#include "backoffice/core/provision.h"
#include "backoffice/core/psk.h"
#include "backoffice/core/reach.h"
#include "backoffice/core/seal.h"
#include "backoffice/core/tenant.h"
#include "backoffice/pki/crl.h"
#include "backoffice/pki/dn.h"
#include "backoffice/pki/pem.h"
#include "base/clock.h"
#include "tests/lib/foreign.h"
#include "tests/lib/office.h"

#define OK(x)	    assert_int_equal(x, INRO_OK)
#define FAILS(e, x) assert_int_equal(x, e)
#define NOWHERE	    "http://127.0.0.1:1/pkix/" /* nobody listens */

static struct foreign far;

static int setup(void **state)
{
	return office_setup(state, "ca");
}

/* A key in token "line": its URI, and a request by it. */
struct made {
	struct buf uri, csr;
};

static void made_clear(struct made *m)
{
	buf_clear(&m->uri);
	buf_clear(&m->csr);
}

static void make_key(struct core *c, struct made *m)
{
	SCOPED(new_key) k = { 0 };
	SCOPED(buf) name = { 0 };
	struct new_key_plan plan = { .token_uri = "pkcs11:token=line", .label = office_label };
	struct key_csr in = { 0 };

	OK(new_key_kind(NULL, &plan.kind));
	OK(new_key_make(c, &plan, &k));
	k.keep = true;
	token_key_uri(k.key, &m->uri);
	buf_add_u8(&m->uri, 0);
	OK(dn_parse("CN=x", NULL, &name));
	in.key = k.key;
	in.subject = buf_bytes(&name);
	OK(key_csr(&in, &m->csr));
}

/* ---- the next key ---- */

static enum inro_err roll(struct core *c, const char *name, const char *label, bool external)
{
	const struct ca_rollover r = { .name = name, .token = "line", .label = label, .external = external };
	SCOPED(ca_view) v = { 0 };

	return ca_rollover(c, &r, &v);
}

/* Whoever asks for it a second time, or gives another CA a key of that label, is refused: the key whose certificate is
 * waited for stays where it is. */
static void test_next_key_waits(void **state)
{
	SCOPED(ca_view) v = { 0 };
	size_t keys = office_count("line", CKO_PRIVATE_KEY);

	OK(roll(*state, "issuing", office_label, true));
	assert_int_equal(office_count("line", CKO_PRIVATE_KEY), keys + 1);
	FAILS(INRO_E_EXISTS, roll(*state, "issuing", office_label, true));
	assert_non_null(strstr(err_detail(INRO_E_EXISTS), "inro ca cancel"));
	assert_int_equal(office_count("line", CKO_PRIVATE_KEY), keys + 1);
	FAILS(INRO_E_EXISTS, roll(*state, "root", office_label, false));
	assert_non_null(strstr(err_detail(INRO_E_EXISTS), "another CA has this key"));
	assert_int_equal(office_count("line", CKO_PRIVATE_KEY), keys + 1);
	OK(ca_move(*state, "issuing", VERB_CANCEL, NULL, &v));
	OK(roll(*state, "issuing", office_label, true));
	assert_int_equal(office_count("line", CKO_PRIVATE_KEY), keys + 1);
}

/* What the earlier key of a CA of ours signed is known as that CA's: it was asked for before, and comes after. */
static void test_below_an_earlier_key(void **state)
{
	const struct ca_request plant = {
		.name = "plant", .subject = "CN=Plant", .token = "line", .label = "plant", .external = true
	};
	struct cred_request r = { .ca = "root", .profile = "sub-ca" };
	struct ca_activation in = { 0 };
	SCOPED(ca_view) v = { 0 };
	SCOPED(cred) made = { 0 };
	SCOPED(ca_view) done = { 0 };

	OK(ca_create(*state, &plant, &v));
	r.csr = blob_bytes(&v.rec.csr);
	OK(ca_certify(*state, &r, &made));
	OK(roll(*state, "root", office_label, false));
	in.cert = blob_bytes(&made.rec.cert);
	OK(ca_activate(*state, "plant", &in, &done));
	assert_string_equal(done.parent_name, "root");
	assert_int_equal(office_ask(office_db, "SELECT ca_generation FROM credential, ca WHERE own_ca = ca.id AND name = "
					       "'plant'"),
			 1);
}

/* A root's own certificate has the number of its key. */
static void test_number_of_a_root(void **state)
{
	static const char text[] = "[profile]\nname = numbered\n[validity]\nperiod = 1y\n[key]\ntypes = ec-p256\n"
				   "[extensions]\n1.3.6.1.4.1.99999.1 = UTF8:${ca.name}-${ca.generation}.\n"
				   "[usage]\nkey_usage = keyCertSign cRLSign\n[constraints]\nca = yes\n";
	const struct ca_request r = {
		.name = "own", .subject = "CN=Own", .token = "line", .label = "own", .profile = "numbered"
	};
	SCOPED(profile_version) p = { 0 };
	SCOPED(ca_view) v = { 0 };
	SCOPED(ca_view) next = { 0 };

	OK(profile_give(*state, bytes_of(text), "numbered.ini", PROFILE_NEW, &p));
	OK(ca_create(*state, &r, &v));
	assert_non_null(memmem(v.rec.cert.p, v.rec.cert.n, "own-1.", 6));
	OK(roll(*state, "own", office_label, false));
	OK(ca_get(*state, "own", &next));
	assert_non_null(memmem(next.rec.cert.p, next.rec.cert.n, "own-2.", 6));
}

/* How its lists are made can be said with the CA: with a wrong word nothing is made. */
static void test_lists_from_the_start(void **state)
{
	static const char url[] = "http://crl.example/${ca.name}-${shard}.crl";
	static char far_away[9000];
	struct ca_settings lists = { CA_AS_IT_IS, CA_AS_IT_IS, CA_AS_IT_IS, 3, NULL, NULL };
	struct ca_request r = { .name = "big", .subject = "CN=Big", .token = "line", .label = "big", .lists = &lists };
	SCOPED(ca_view) none = { 0 };
	SCOPED(ca_view) v = { 0 };
	SCOPED(ca_view) waits = { 0 };
	size_t keys = office_count("line", CKO_PRIVATE_KEY);

	assert_int_equal(ca_create(*state, &r, &none), INRO_E_ARG);
	lists.crl_url = "http://crl.example/all.crl";
	assert_int_equal(ca_create(*state, &r, &none), INRO_E_ARG);
	lists.shards = 100000;
	lists.crl_url = url;
	assert_int_equal(ca_create(*state, &r, &none), INRO_E_ARG);
	memset(far_away, 'a', sizeof far_away - 1);
	memcpy(far_away, "http://${shard}/", 16);
	lists.shards = 3;
	lists.crl_url = far_away;
	assert_int_equal(ca_create(*state, &r, &none), INRO_E_TOO_BIG);
	lists.crl_url = url;
	assert_int_equal(ca_get(*state, "big", &none), INRO_E_NOT_FOUND);
	assert_int_equal(office_count("line", CKO_PRIVATE_KEY), keys);
	OK(ca_create(*state, &r, &v));
	assert_int_equal(v.policy.shards, 3);
	assert_string_equal(v.policy.crl_url, url);
	assert_int_equal(v.policy.crl_days, 7);
	r.name = r.label = "far-big";
	r.external = true;
	OK(ca_create(*state, &r, &waits));
	assert_int_equal(waits.policy.shards, 3);
}

/* ---- one from elsewhere ---- */

static void connect_file(struct core *c, const struct foreign *f, enum inro_err expected)
{
	FAILS(expected, foreign_connect(f, c, (struct ca_connection) { .name = "far" }, NULL));
}

/* What has no name can't be told from others that have none. */
static void test_no_subject(void **state)
{
	struct foreign nameless;

	foreign_open(&nameless, NULL, 300);
	connect_file(*state, &nameless, INRO_E_POLICY);
	assert_non_null(strstr(err_detail(INRO_E_POLICY), "no subject"));
	foreign_close(&nameless);
}

/* ---- two tenants ---- */

static void issue_of(struct core *c, const struct made *m, const char *key_uri, char ref[static 24])
{
	const struct cred_request r = { .ca = "issuing",
					.profile = "tls-client",
					.csr = buf_bytes(&m->csr),
					.key_uri = key_uri };
	SCOPED(cred) out = { 0 };

	OK(cred_issue(c, &r, &out));
	snprintf(ref, 24, "id:%lld", (long long)out.rec.id);
}

static void issue_for(struct core *c, const struct made *m, char ref[static 24])
{
	issue_of(c, m, (const char *)m->uri.p, ref);
}

/* As it was recorded before one tenant alone could say where a key is. */
static void put_there(const char *ref, const char *like)
{
	char sql[160];

	snprintf(sql, sizeof sql,
		 "UPDATE credential SET key_uri = (SELECT key_uri FROM credential WHERE id = %s) WHERE id = %s", like + 3,
		 ref + 3);
	office_sql(office_db, sql);
}

/* A certificate of ours and one of another tenant have one key, which is at that place by his record, too, if so.  Ours
 * is destroyed: *ret_kept, whether the key is still there. */
static void destroy_shared(struct core *c, bool placed, struct buf *ret_evidence, bool *ret_kept)
{
	char label[48], ref[24], other[24];
	struct core *theirs = office_open_plant2(c, label);
	SCOPED(made) m = { 0 };
	SCOPED(cred) revoked = { 0 };
	SCOPED(cred) retired = { 0 };
	SCOPED(cred) gone = { 0 };
	size_t keys;

	make_key(c, &m);
	issue_for(c, &m, ref);
	issue_of(theirs, &m, NULL, other);
	if (placed)
		put_there(other, ref);
	keys = office_count("line", CKO_PRIVATE_KEY);
	OK(cred_revoke(c, ref, &(struct cred_revocation) { .reason = "superseded" }, &revoked));
	OK(cred_retire(c, ref, NULL, NULL, &retired));
	OK(cred_destroy(c, ref, NULL, ret_evidence, &gone));
	*ret_kept = office_count("line", CKO_PRIVATE_KEY) == keys;
	if (!*ret_kept)
		assert_int_equal(office_count("line", CKO_PRIVATE_KEY), keys - 1);
	core_close(theirs);
}

/* A key that a certificate of another tenant has, too, stays in the token both know; whose it is is not said. */
static void test_shared_key(void **state)
{
	SCOPED(buf) evidence = { 0 };
	bool kept;

	destroy_shared(*state, true, &evidence, &kept);
	assert_true(kept);
	buf_add_u8(&evidence, 0);
	OK(buf_err(&evidence));
	assert_non_null(strstr((const char *)evidence.p, "another tenant's"));
}

/* To certify somebody's public key takes nothing: that keeps no key of his. */
static void test_claimed_key(void **state)
{
	SCOPED(buf) evidence = { 0 };
	bool kept;

	destroy_shared(*state, false, &evidence, &kept);
	assert_false(kept);
}

/* The key of another tenant is at no place by one's own record: that would keep it from being destroyed. */
static void test_claimed_place(void **state)
{
	char label[48], ref[24], other[24];
	struct core *theirs = office_open_plant2(*state, label);
	SCOPED(made) m = { 0 };
	SCOPED(cred) out = { 0 };
	struct cred_request r = { .ca = "issuing", .profile = "tls-client" };

	make_key(*state, &m);
	issue_for(*state, &m, ref);
	r.csr = buf_bytes(&m.csr);
	r.key_uri = (const char *)m.uri.p;
	FAILS(INRO_E_POLICY, cred_issue(theirs, &r, &out));
	assert_non_null(strstr(err_detail(INRO_E_POLICY), "leave its URI out"));
	issue_of(theirs, &m, NULL, other);
	issue_for(*state, &m, ref); /* whose place it is may say it again */
	put_there(other, ref);
	issue_for(*state, &m, ref); /* also where both have said it before */
	core_close(theirs);
}

/* Nor does a URI that names another's key make that one sign, or put a certificate beside it. */
static void test_wrong_place(void **state)
{
	const struct cred_renewal how = { 0 };
	char label[48], ref[24];
	struct core *theirs = office_open_plant2(*state, label);
	SCOPED(made) m = { 0 };
	SCOPED(buf) csr = { 0 };
	SCOPED(cred) out = { 0 };
	SCOPED(cred) next = { 0 };
	struct cred_request r = { .ca = "issuing", .profile = "tls-client" };
	size_t certs;

	make_key(*state, &m);
	issue_for(*state, &m, ref);
	office_csr(office_ec, "x", &csr);
	r.csr = buf_bytes(&csr);
	r.key_uri = (const char *)m.uri.p;
	OK(cred_issue(theirs, &r, &out));
	snprintf(ref, sizeof ref, "id:%lld", (long long)out.rec.id);
	certs = office_count("line", CKO_CERTIFICATE);
	FAILS(INRO_E_POLICY, cred_renew(theirs, ref, &how, &next));
	assert_non_null(strstr(err_detail(INRO_E_POLICY), "another key there"));
	assert_int_equal(office_count("line", CKO_CERTIFICATE), certs);
	core_close(theirs);
}

/* Who has seen a CA's request can certify its key: that hinders no CA of another tenant. */
static void test_key_of_a_ca(void **state)
{
	char label[48], other[24];
	struct core *theirs = office_open_plant2(*state, label);
	SCOPED(made) m = { 0 };
	SCOPED(ca_view) v = { 0 };
	struct ca_request r = { .name = "mine", .subject = "CN=Mine" };

	make_key(*state, &m);
	issue_of(theirs, &m, NULL, other);
	r.key_uri = (const char *)m.uri.p;
	OK(ca_create(*state, &r, &v));
	core_close(theirs);
}

/* A CA elsewhere is one tenant's, and another one is told so. */
static void test_connected_by_another(void **state)
{
	char label[48];
	struct core *theirs = office_open_plant2(*state, label);

	connect_file(*state, &far, INRO_OK);
	connect_file(theirs, &far, INRO_E_EXISTS);
	assert_non_null(strstr(err_detail(INRO_E_EXISTS), "another tenant has this CA"));
	core_close(theirs);
}

static enum inro_err provision(struct core *c, const char *label)
{
	const struct provision_request p = {
		.device = "dev-1", .token = "line", .ca = "issuing", .profile = "tls-client", .label = label
	};
	SCOPED(provision_result) r = { 0 };

	return device_provision(c, &p, &r);
}

/* Devices of one id in two tenants and one token: the second does not get the key of the first. */
static void test_key_of_another_tenant(void **state)
{
	char label[48];
	struct core *theirs = office_open_plant2(*state, label);
	SCOPED(device) d = { 0 };
	SCOPED(device) d2 = { 0 };
	size_t keys;

	OK(device_add(*state, "dev-1", NULL, &d));
	OK(device_add(theirs, "dev-1", NULL, &d2));
	OK(provision(*state, office_label));
	keys = office_count("line", CKO_PRIVATE_KEY);
	FAILS(INRO_E_EXISTS, provision(theirs, office_label));
	assert_non_null(strstr(err_detail(INRO_E_EXISTS), "another tenant's"));
	assert_int_equal(office_count("line", CKO_PRIVATE_KEY), keys);
	OK(provision(theirs, label));
	core_close(theirs);
}

/* ---- meanwhile ---- */

static struct core *somebody; /* who does something while the PIN of that token is looked for */
static const char *of_token;
static void (*does)(struct core *c);

static enum inro_err ask_pin(void *arg, const char *token, struct secret *ret)
{
	void (*what)(struct core *c) = strcmp(token, of_token) == 0 ? does : NULL;

	(void)arg;
	if (what) {
		does = NULL;
		what(somebody);
	}
	return secret_copy(bytes_of(OFFICE_PIN), ret);
}

/* Who has opened no token yet. */
static struct core *open_asking(struct core *other, const char *token, void (*what)(struct core *c))
{
	struct core_options o = office_options();

	o.ask_pin = ask_pin;
	somebody = other;
	of_token = token;
	does = what;
	return office_open_as(office_db, o);
}

static void connect_way(struct core *c, struct ca_way_wish w)
{
	w.url = NOWHERE;
	OK(foreign_connect(&far, c, (struct ca_connection) { .name = "far", .by = "cmp", .way = &w }, NULL));
}

static void password(struct core *c, const char *text)
{
	connect_way(c, (struct ca_way_wish) { .account = "plant", .password = bytes_of(text) });
}

static void another_password(struct core *c)
{
	password(c, "another");
}

/* Who gives another password while all secrets are sealed anew is not overruled by the old one. */
static void test_reseal_meanwhile(void **state)
{
	const struct seal_key_request first = { .token = "ca" }, then = { .token = "line" };
	AUTO(free_chars) char *uri = NULL;
	struct core *c;
	SCOPED(reseal_report) r = { 0 };
	SCOPED(ca_view) v = { 0 };
	SCOPED(ca_way) way = { 0 };
	SCOPED(secret) now = { 0 };

	OK(seal_key_set(*state, &first, &uri));
	password(*state, "first");
	c = open_asking(*state, "ca", another_password);
	OK(seal_rotate(c, &then, &r));
	assert_null(does);
	OK(ca_get(c, "far", &v));
	OK(ca_way_of(c, v.rec.id, &way));
	OK(way_secret_read(c, &way, &now));
	assert_true(bytes_is(secret_bytes(&now), "another"));
	core_close(c);
}

static void seal_by_another(struct core *c)
{
	const struct seal_key_request then = { .token = "line" };
	SCOPED(reseal_report) r = { 0 };

	OK(seal_rotate(c, &then, &r));
}

/* What was sealed by the old key, and is recorded when all was sealed anew, would be lost with that key. */
static void test_sealed_before(void **state)
{
	static const char given[] = "a7Kq9mX2pL4wR8tV6yBn3cD5";
	const struct seal_key_request first = { .token = "ca" };
	AUTO(free_chars) char *uri = NULL;
	struct core *c;
	SCOPED(device) d = { 0 };
	SCOPED(psk_new) psk = { 0 };

	OK(seal_key_set(*state, &first, &uri));
	OK(device_add(*state, "dev-1", NULL, &d));
	c = open_asking(*state, "ca", seal_by_another);
	FAILS(INRO_E_BUSY, psk_issue(c, "dev-1", bytes_of(given), &psk));
	assert_null(does);
	OK(psk_issue(c, "dev-1", bytes_of(given), &psk));
	core_close(c);
}

static void ask_far(struct core *c, const char *cn)
{
	struct cred_request r = { .ca = "far", .profile = "tls-client" };
	SCOPED(buf) csr = { 0 };
	SCOPED(cred) out = { 0 };

	office_csr(office_ec, cn, &csr);
	r.csr = buf_bytes(&csr);
	OK(cred_issue(c, &r, &out));
}

static void give_up_and_ask(struct core *c)
{
	char ref[24];
	SCOPED(cred) out = { 0 };

	snprintf(ref, sizeof ref, "id:%lld", office_ask(office_db, "SELECT credential FROM ca_order"));
	OK(cred_reject(c, ref, NULL, &out));
	ask_far(c, "second");
}

/* A request that is given up while its CA is waited for does not come back, in the place of another one. */
static void test_sent_meanwhile(void **state)
{
	struct core *c;
	X509 *x;
	SCOPED(made) m = { 0 };
	SCOPED(buf) der = { 0 };
	SCOPED(buf) pem = { 0 };
	struct ca_sent done;

	make_key(*state, &m);
	x = foreign_answer(&far, "office", buf_bytes(&m.csr), 30);
	foreign_der(x, &der);
	pem_add(&pem, PEM_CERT, buf_bytes(&der));
	OK(buf_err(&pem));
	connect_way(*state, (struct ca_way_wish) { .cert = buf_bytes(&pem), .key_uri = (const char *)m.uri.p });
	ask_far(*state, "first");
	c = open_asking(*state, "line", give_up_and_ask);
	assert_int_not_equal(ca_send(c, "far", true, NULL, NULL, &done), INRO_OK);
	assert_null(does);
	assert_int_equal(office_ask(office_db, "SELECT count(*) FROM ca_order"), 1);
	assert_int_equal(office_ask(office_db, "SELECT count(*) FROM ca_order WHERE credential = (SELECT max(id) "
					       "FROM credential)"),
			 1);
	core_close(c);
	X509_free(x);
}

static int group_setup(void **state)
{
	int failed = office_with_key(state);

	foreign_open(&far, "far", 300);
	return failed;
}

static int group_teardown(void **state)
{
	foreign_close(&far);
	return office_drop_key(state);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, office_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_next_key_waits),
		TEST(test_below_an_earlier_key),
		TEST(test_number_of_a_root),
		TEST(test_lists_from_the_start),
		TEST(test_no_subject),
		TEST(test_shared_key),
		TEST(test_claimed_key),
		TEST(test_claimed_place),
		TEST(test_wrong_place),
		TEST(test_key_of_a_ca),
		TEST(test_connected_by_another),
		TEST(test_key_of_another_tenant),
		TEST(test_reseal_meanwhile),
		TEST(test_sealed_before),
		TEST(test_sent_meanwhile),
	};

	return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
