/* test_core_delegate - whose keys sign in the place of a CA's: of a CA elsewhere, of CAs with the same name, after a
 * compromise, and when something else was said while they were made. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "backoffice/core/ca/delegate.h"
#include "backoffice/core/duty.h"
#include "backoffice/core/keyring.h"
#include "backoffice/core/signer.h"
#include "backoffice/core/status.h"
#include "backoffice/core/tenant.h"
#include "backoffice/pki/dn.h"
#include "base/clock.h"
#include "tests/lib/foreign.h"
#include "tests/lib/office.h"

#define OK(x)	    assert_int_equal(x, INRO_OK)
#define FAILS(e, x) assert_int_equal(x, e)
#define DAY	    86400
#define T0	    INT64_C(1800000000)

static int setup(void **state)
{
	clock_set_test(T0);
	return office_setup(state, "delegate");
}

/* ---- who signs messages ---- */

static void messages_of(struct core *c, const char *name, struct ca_messages *ret)
{
	SCOPED(ca_view) v = { 0 };

	ca_messages_clear(ret);
	OK(ca_get(c, name, &v));
	OK(ca_messages(c, &v.rec, ret));
}

/* And the certificate by which it does. */
static void assert_signs(struct core *c, const char *name, struct ca_messages *ret)
{
	SCOPED(signer) s = { 0 };
	SCOPED(buf) signature = { 0 };

	messages_of(c, name, ret);
	assert_non_null(ret->key_uri);
	OK(signer_of(c, name, &s));
	assert_int_equal(s.ca.id, 0);
	OK(signer_sign(&s, s.sig, bytes_of("message"), &signature));
	OK(pubkey_verify(&s.cert.key, s.sig, bytes_of("message"), buf_bytes(&signature)));
}

static bool same_key(const struct blob *a, const struct blob *b)
{
	X509 *x = office_x509(a), *y = office_x509(b);
	bool same = EVP_PKEY_eq(X509_get0_pubkey(x), X509_get0_pubkey(y)) == 1;

	X509_free(x);
	X509_free(y);
	return same;
}

static void revoke(struct core *c, const struct blob *der, const char *reason)
{
	SCOPED(cert) cert = { 0 };
	SCOPED(buf) ref = { 0 };
	SCOPED(cred) out = { 0 };

	OK(cert_read(blob_bytes(der), &cert));
	buf_add_str(&ref, "serial:");
	buf_add_hex(&ref, cert.serial);
	buf_add_u8(&ref, 0);
	OK(cred_revoke(c, (const char *)ref.p, &(struct cred_revocation) { .reason = reason }, &out));
}

static int64_t ca_id(struct core *c, const char *name)
{
	SCOPED(ca_view) v = { 0 };

	OK(ca_get(c, name, &v));
	return v.rec.id;
}

/* ---- one that a person has made ---- */

/* Asks the CA for a certificate by ra-signer for a key in token "line"; *ret_csr: the request. */
static void ask(struct core *c, const char *ca, const char *label, struct buf *ret_csr)
{
	SCOPED(new_key) k = { 0 };
	SCOPED(buf) uri = { 0 };
	SCOPED(buf) name = { 0 };
	SCOPED(cred) out = { 0 };
	struct new_key_plan plan = { .token_uri = "pkcs11:token=line", .label = label };
	struct key_csr in = { 0 };
	struct cred_request r = { .ca = ca, .profile = SIGNER_PROFILE };

	OK(new_key_kind(NULL, &plan.kind));
	OK(new_key_make(c, &plan, &k));
	k.keep = true;
	token_key_uri(k.key, &uri);
	buf_add_u8(&uri, 0);
	OK(dn_parse("CN=signs", NULL, &name));
	in.key = k.key;
	in.subject = buf_bytes(&name);
	OK(key_csr(&in, ret_csr));
	r.csr = buf_bytes(ret_csr);
	r.key_uri = (const char *)uri.p;
	OK(cred_issue(c, &r, &out));
}

/* ---- a CA elsewhere ---- */

static struct foreign far;

static void connect_far(struct core *c)
{
	OK(foreign_connect(&far, c, (struct ca_connection) { .name = "far" }, NULL));
}

/* Its answer to a request, or what nobody asked for. */
static void bring(struct core *c, struct bytes csr, int days)
{
	X509 *x = foreign_answer(&far, "signs", csr, days);

	OK(foreign_bring(c, "far", x, true).error);
	X509_free(x);
}

/* Its certificate says that its key may sign messages; it is not here.  Who asks for a signer's certificate as he is
 * told has one who signs when it arrives. */
static void test_elsewhere(void **state)
{
	SCOPED(ca_messages) m = { 0 };
	SCOPED(ca_messages) still = { 0 };
	SCOPED(signer) none = { 0 };
	SCOPED(ca_view) v = { 0 };
	SCOPED(buf) stray = { 0 };
	SCOPED(buf) csr = { 0 };

	connect_far(*state);
	office_csr(office_ec, "nobody", &stray);
	bring(*state, buf_bytes(&stray), 300);
	FAILS(INRO_E_CONFIG, signer_of(*state, "far", &none));
	assert_non_null(strstr(err_detail(INRO_E_CONFIG), "inro cert issue"));
	FAILS(INRO_E_STATE, ca_set_cmp(*state, "far", &(struct ca_cmp) { .signs = "ca" }, &v));
	ask(*state, "far", office_label, &csr);
	FAILS(INRO_E_CONFIG, signer_of(*state, "far", &none));
	bring(*state, buf_bytes(&csr), 300);
	assert_signs(*state, "far", &m);
	assert_false(m.itself);
	/* What a server would make anew stays: none does, for a CA elsewhere. */
	FAILS(INRO_E_STATE, ca_set_cmp(*state, "far", &(struct ca_cmp) { .token = "" }, &v));
	FAILS(INRO_E_STATE, ca_set_cmp(*state, "far", &(struct ca_cmp) { .key_type = "ed25519" }, &v));
	OK(message_signers_renew(*state));
	assert_signs(*state, "far", &still);
	assert_true(same_key(&m.cert, &still.cert));
}

/* One for a trial, which is over: the one before signs on.  One that is revoked has nobody in his place. */
static void test_trial(void **state)
{
	char label[48];
	SCOPED(ca_messages) first = { 0 };
	SCOPED(ca_messages) trial = { 0 };
	SCOPED(ca_messages) later = { 0 };
	SCOPED(signer) none = { 0 };
	SCOPED(buf) csr = { 0 };
	SCOPED(buf) csr2 = { 0 };

	connect_far(*state);
	ask(*state, "far", office_label, &csr);
	bring(*state, buf_bytes(&csr), 200);
	assert_signs(*state, "far", &first);
	snprintf(label, sizeof label, "%s trial", office_label);
	ask(*state, "far", label, &csr2);
	bring(*state, buf_bytes(&csr2), 30);
	assert_signs(*state, "far", &trial);
	assert_false(same_key(&first.cert, &trial.cert));
	clock_set_test(T0 + 31 * DAY);
	assert_signs(*state, "far", &later);
	assert_true(same_key(&first.cert, &later.cert));
	clock_set_test(T0 + 5 * DAY);
	revoke(*state, &trial.cert, "superseded");
	FAILS(INRO_E_CONFIG, signer_of(*state, "far", &none));
	clock_set_test(T0 + 201 * DAY);
	FAILS(INRO_E_CONFIG, signer_of(*state, "far", &none));
}

/* ---- while it is made ---- */

static struct core *somebody; /* who does something while a PIN is looked for */
static void (*does)(struct core *c);

static enum inro_err ask_pin(void *arg, const char *token, struct secret *ret)
{
	(void)arg;
	(void)token;
	if (does)
		does(somebody);
	does = NULL;
	return secret_copy(bytes_of(OFFICE_PIN), ret);
}

static void switch_off(struct core *c)
{
	SCOPED(ca_view) v = { 0 };

	OK(ca_set_cmp(c, "issuing", &(struct ca_cmp) { .signs = "off" }, &v));
}

static void make_by_hand(struct core *c)
{
	SCOPED(buf) csr = { 0 };

	ask(c, "issuing", office_label, &csr);
}

/* Whoever has said something else meanwhile is not overruled, and the new key goes. */
static void test_meanwhile(void **state)
{
	void (*const cases[])(struct core *c) = { switch_off, make_by_hand };

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct core_options o = office_options();
		struct core *c;
		size_t keys = office_count("ca", CKO_PRIVATE_KEY);
		SCOPED(ca_view) v = { 0 };

		o.ask_pin = ask_pin;
		c = office_open_as(office_db, o);
		somebody = *state;
		does = cases[i];
		FAILS(INRO_E_STATE, delegate_make(c, SIGNER_MESSAGES, ca_id(c, "issuing"), 1));
		assert_non_null(strstr(err_detail(INRO_E_STATE), "meanwhile"));
		assert_null(does);
		assert_int_equal(office_count("ca", CKO_PRIVATE_KEY), keys);
		core_close(c);
		OK(ca_set_cmp(*state, "issuing", &(struct ca_cmp) { .signs = "delegated" }, &v));
	}
	assert_int_equal(office_ask(office_db, "SELECT count(*) FROM ocsp_signer"), 1);
}

/* A server whose turn another one has by now stops between two keys. */
static void test_turn_is_over(void **state)
{
	static const char *const counts[] = {
		"SELECT count(*) FROM ocsp_signer WHERE purpose = 0",
		"SELECT count(*) FROM ocsp_signer WHERE purpose = 1",
	};
	int64_t wait;

	office_trigger(office_db, "taken", "AFTER INSERT ON ocsp_signer",
		       "UPDATE lease SET holder = 'another' WHERE name LIKE 'duty/%-signers'");
	OK(duty_tick(*state, DUTY_QUICK, NULL, &wait));
	office_trigger_drop(office_db, "taken");
	for (size_t i = 0; i < ARRAY_LEN(counts); i++)
		assert_int_equal(office_ask(office_db, counts[i]), 1);
}

/* ---- whose key it is ---- */

/* CAs of one name in two tenants and one token: a key that is compromised goes, and the other one is not touched. */
static void test_two_tenants(void **state)
{
	char label[48];
	struct core *theirs = office_open_plant2(*state, label);
	SCOPED(ca_messages) a = { 0 };
	SCOPED(ca_messages) b = { 0 };
	SCOPED(ca_messages) later = { 0 };
	SCOPED(signer) none = { 0 };
	size_t keys;

	OK(message_signers_renew(*state));
	OK(message_signers_renew(theirs));
	assert_signs(*state, "issuing", &a);
	assert_signs(theirs, "issuing", &b);
	assert_false(same_key(&a.cert, &b.cert));
	keys = office_count("ca", CKO_PRIVATE_KEY);
	revoke(*state, &a.cert, "keyCompromise");
	FAILS(INRO_E_CONFIG, signer_of(*state, "issuing", &none));
	OK(message_signers_renew(*state));
	assert_signs(*state, "issuing", &later);
	assert_false(same_key(&a.cert, &later.cert));
	assert_int_equal(office_count("ca", CKO_PRIVATE_KEY), keys);
	OK(message_signers_renew(theirs));
	assert_signs(theirs, "issuing", &later);
	assert_true(same_key(&b.cert, &later.cert));
	core_close(theirs);
}

static void answers_for(struct core *c, const char *tenant, struct blob *ret)
{
	SCOPED(status_issuers) l = { 0 };

	blob_clear(ret);
	OK(status_issuers(c, &l));
	for (size_t i = 0; i < l.n; i++)
		if (strcmp(l.items[i].name, "issuing") == 0 && strcmp(l.items[i].tenant, tenant) == 0)
			OK(blob_set(ret, blob_bytes(&l.items[i].signer)));
}

static void answers_by(struct core *c, struct blob *ret)
{
	answers_for(c, "default", ret);
}

/* On line too each tenant's CA has a key of its own: what one says of it is no word about the other's. */
static void test_two_tenants_on_line(void **state)
{
	char label[48];
	struct core *theirs = office_open_plant2(*state, label);
	SCOPED(blob) ours = { 0 };
	SCOPED(blob) other = { 0 };

	OK(ocsp_signers_renew(*state));
	OK(ocsp_signers_renew(theirs));
	answers_for(*state, "default", &ours);
	answers_for(*state, "plant2", &other);
	assert_true(ours.n && other.n);
	assert_false(same_key(&ours, &other));
	core_close(theirs);
}

/* On line as well; the old key stays, which may be that of another tenant's CA. */
static void test_compromised_on_line(void **state)
{
	SCOPED(blob) first = { 0 };
	SCOPED(blob) second = { 0 };
	SCOPED(blob) third = { 0 };
	size_t keys;

	OK(ocsp_signers_renew(*state));
	answers_by(*state, &first);
	keys = office_count("ca", CKO_PRIVATE_KEY);
	revoke(*state, &first, "keyCompromise");
	OK(ocsp_signers_renew(*state));
	answers_by(*state, &second);
	assert_false(same_key(&first, &second));
	assert_int_equal(office_count("ca", CKO_PRIVATE_KEY), keys + 1);
	revoke(*state, &second, "keyCompromise");
	OK(ocsp_signers_renew(*state));
	answers_by(*state, &third);
	assert_false(same_key(&first, &third));
	assert_false(same_key(&second, &third));
	assert_int_equal(office_count("ca", CKO_PRIVATE_KEY), keys + 1);
}

/* ---- what is told ---- */

/* Words for a device say what its administrator has to do, and not where keys are. */
static void test_told(void **state)
{
	SCOPED(ca_messages) m = { 0 };
	SCOPED(signer) none = { 0 };

	OK(message_signers_renew(*state));
	assert_signs(*state, "issuing", &m);
	/* The key at the place on record is another one now. */
	office_sql(office_db, "UPDATE credential SET key_uri = (SELECT key_uri FROM ca WHERE name = 'root') "
			      "WHERE profile = 'ra-signer'");
	FAILS(INRO_E_TOKEN, signer_of(*state, "issuing", &none));
	assert_non_null(strstr(err_detail(INRO_E_TOKEN), "pkcs11:"));
}

static int group_setup(void **state)
{
	int failed = office_with_key(state);

	clock_set_test(T0);
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
		TEST(test_elsewhere),
		TEST(test_trial),
		TEST(test_meanwhile),
		TEST(test_turn_is_over),
		TEST(test_two_tenants),
		TEST(test_two_tenants_on_line),
		TEST(test_compromised_on_line),
		TEST(test_told),
	};

	return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
