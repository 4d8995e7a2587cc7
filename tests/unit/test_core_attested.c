/* test_core_attested - a profile with attested = yes: a certificate, first or renewed, is for a key that the
 * device's TPM vouched for in that very request, and for none that comes any other way. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include <openssl/x509.h>

#include "backoffice/core/bulk.h"
#include "backoffice/core/device.h"
#include "backoffice/core/enrol.h"
#include "backoffice/core/group.h"
#include "backoffice/core/job.h"
#include "backoffice/core/network.h"
#include "backoffice/core/profile_store.h"
#include "backoffice/core/provision.h"
#include "backoffice/pki/alg.h"
#include "base/cryptoki/cryptoki.h"
#include "tests/lib/office.h"

#define OK(x)	    assert_int_equal(x, INRO_OK)
#define FAILS(e, x) assert_int_equal(x, e)

static struct device dev;
static struct label bound; /* the profile */

static void give(struct core *c, const char *issuing, enum profile_giving how)
{
	SCOPED(profile_version) v = { 0 };
	char text[256];

	snprintf(text, sizeof text,
		 "[profile]\nname = bound\n[validity]\nperiod = 9d\n[key]\ntypes = ec-p256\nattested = yes\n%s",
		 issuing);
	OK(profile_give(c, bytes_of(text), "bound.ini", how, &v));
}

static int setup(void **state)
{
	int n = office_setup(state, "attested");

	give(*state, "", PROFILE_NEW);
	OK(device_add(*state, "dev-1", NULL, &dev));
	OK(label_for(*state, "issuing.bound", &dev, &bound));
	return n;
}

static int teardown(void **state)
{
	device_clear(&dev);
	return office_teardown(state);
}

/* What the device's TPM has said of. */
struct proof {
	uint8_t key[PKI_DIGEST_MAX];
	struct buf csr;
};

static void proof_clear(struct proof *p)
{
	buf_clear(&p->csr);
}

/* With a request of its own each time. */
static void prove(EVP_PKEY *key, struct proof *ret)
{
	unsigned char *spki = NULL;
	int n = i2d_PUBKEY(key, &spki);

	OK(pki_digest(PKI_SHA256, BYTES(spki, (size_t)n), ret->key));
	OPENSSL_free(spki);
	office_csr(key, "dev-1", &ret->csr);
}

static struct enrol with(const struct proof *p)
{
	return (struct enrol) { .label = &bound,
				.device = &dev,
				.csr = buf_bytes(&p->csr),
				.attested = BYTES(p->key, 32) };
}

static void refused(enum inro_err e)
{
	assert_int_equal(e, INRO_E_ACCESS);
	assert_non_null(strstr(err_detail(e), "attestation = always"));
}

static void test_first(void **state)
{
	struct core *c = *state;
	EVP_PKEY *other_key = office_key("P-256");
	SCOPED(proof) p = { 0 };
	SCOPED(proof) other = { 0 };
	SCOPED(cred) cred = { 0 };
	SCOPED(cred) again = { 0 };
	struct enrol in;

	prove(office_ec, &p);
	prove(other_key, &other);
	in = with(&p);
	in.attested = BYTES_NONE;
	refused(enrol_issue(c, &in, &cred));
	in.attested = BYTES(other.key, 32); /* of another key than the request's */
	refused(enrol_issue(c, &in, &cred));
	in = with(&p);
	OK(enrol_issue(c, &in, &cred));
	assert_string_equal(cred.rec.profile, "bound");
	/* asked for again, as after an answer that was lost */
	OK(enrol_issue(c, &in, &again));
	assert_int_equal(again.rec.id, cred.rec.id);
	EVP_PKEY_free(other_key);
}

/* By another key as by the same one. */
static void test_renewed(void **state)
{
	struct core *c = *state;
	EVP_PKEY *next_key = office_key("P-256");
	SCOPED(proof) p = { 0 };
	SCOPED(proof) next = { 0 };
	SCOPED(cred) first = { 0 };
	SCOPED(cred) second = { 0 };
	SCOPED(cred) third = { 0 };
	struct enrol in;

	prove(office_ec, &p);
	prove(next_key, &next);
	in = with(&p);
	OK(enrol_issue(c, &in, &first));
	prove(office_ec, &p); /* another request by the key that was attested before */
	in = with(&p);
	in.attested = BYTES_NONE;
	refused(enrol_renew(c, &in, blob_bytes(&first.rec.cert), &second));
	in = with(&next);
	in.attested = BYTES(p.key, 32);
	refused(enrol_renew(c, &in, blob_bytes(&first.rec.cert), &second));
	in.attested = BYTES_NONE;
	refused(enrol_renew(c, &in, blob_bytes(&first.rec.cert), &second));
	in = with(&next);
	OK(enrol_renew(c, &in, blob_bytes(&first.rec.cert), &second));
	assert_int_equal(second.rec.replaces, first.rec.id);
	prove(next_key, &next);
	in = with(&next);
	OK(enrol_renew(c, &in, blob_bytes(&second.rec.cert), &third));
	assert_int_equal(third.rec.replaces, second.rec.id);
	EVP_PKEY_free(next_key);
}

/* Nor does it come from an operator, in bulk, with a key made here or in a token. */
static void test_no_other_way(void **state)
{
	struct core *c = *state;
	const struct bulk_order order = { .ca = "issuing", .profile = "bound" };
	const struct provision_request plan = {
		.device = "dev-1", .token = "line", .ca = "issuing", .profile = "bound"
	};
	struct cred_request r = { .ca = "issuing", .profile = "bound", .device = "dev-1" };
	const struct job_arg args[] = { { "ca", "issuing" }, { "profile", "bound" } };
	const struct job_order order_job = { "issue", args, ARRAY_LEN(args) };
	size_t keys = office_count("line", CKO_PRIVATE_KEY);
	AUTO(cred_bulk_close_ptr) struct cred_bulk *bulk = NULL;
	SCOPED(job) job = { 0 };
	SCOPED(provision_result) out = { 0 };
	SCOPED(secret) key = { 0 };
	SCOPED(proof) p = { 0 };
	SCOPED(cred) cred = { 0 };

	prove(office_ec, &p);
	r.csr = buf_bytes(&p.csr);
	refused(cred_issue(c, &r, &cred));
	r.device = NULL;
	refused(cred_issue(c, &r, &cred));
	refused(cred_bulk_open(c, &order, &bulk));
	refused(job_start(c, &order_job, &job));
	r = (struct cred_request) { .ca = "issuing", .profile = "bound", .device = "dev-1" };
	refused(cred_issue_central(c, &r, &(struct cred_central) { 0 }, &key, &cred));
	refused(device_provision(c, &plan, &out));
	assert_int_equal(out.n, 0);
	assert_int_equal(office_count("line", CKO_PRIVATE_KEY), keys);
	assert_int_equal(office_ask(office_db, "SELECT count(*) FROM credential WHERE profile = 'bound'"), 0);
}

/* A certificate of before the profile wanted it is renewed by none but such a key. */
static void test_profile_that_changed(void **state)
{
	static const char before[] =
		"[profile]\nname = bound\n[validity]\nperiod = 9d\n[key]\ntypes = ec-p256\n";
	struct core *c = *state;
	SCOPED(profile_version) v = { 0 };
	SCOPED(proof) p = { 0 };
	SCOPED(cred) first = { 0 };
	SCOPED(cred) second = { 0 };
	struct cred_renewal r = { 0 };
	struct enrol in;
	char ref[24];

	OK(profile_give(c, bytes_of(before), "bound.ini", PROFILE_ANOTHER, &v));
	prove(office_ec, &p);
	in = with(&p);
	in.attested = BYTES_NONE;
	OK(enrol_issue(c, &in, &first));
	give(c, "", PROFILE_ANOTHER);
	prove(office_ec, &p);
	in = with(&p);
	in.attested = BYTES_NONE;
	refused(enrol_renew(c, &in, blob_bytes(&first.rec.cert), &second));
	snprintf(ref, sizeof ref, "id:%lld", (long long)first.rec.id);
	r.csr = in.csr;
	refused(cred_renew(c, ref, &r, &second)); /* by an operator */
	in = with(&p);
	OK(enrol_renew(c, &in, blob_bytes(&first.rec.cert), &second));
}

/* What waits for a person was looked at when it was asked for. */
static void test_approved(void **state)
{
	struct core *c = *state, *other;
	struct core_options o = office_options();
	SCOPED(proof) p = { 0 };
	SCOPED(cred) asked = { 0 };
	SCOPED(cred) cred = { 0 };
	struct enrol in;
	char ref[24];

	give(c, "[issuing]\napprove = yes\n", PROFILE_ANOTHER);
	prove(office_ec, &p);
	in = with(&p);
	in.attested = BYTES_NONE;
	refused(enrol_issue(c, &in, &asked));
	in = with(&p);
	OK(enrol_issue(c, &in, &asked));
	assert_true(enrol_waits(&asked));
	o.actor = "another";
	other = office_open_as(office_db, o);
	snprintf(ref, sizeof ref, "id:%lld", (long long)asked.rec.id);
	OK(cred_approve(other, ref, NULL, &cred));
	assert_int_equal(cred.state, CRED_ACTIVE);
	core_close(other);
}

static void bound_alone(enum inro_err e)
{
	assert_int_equal(e, INRO_E_ACCESS);
	assert_non_null(strstr(err_detail(e), "by profile 'bound' alone"));
}

/* As POST /v1/device/self/certificates asks, by the device. */
static void plain_alone(struct bytes csr)
{
	const struct cred_request r = {
		.csr = csr, .ca = "issuing", .profile = "tls-client", .device = "dev-1"
	};
	const struct core_who me = { .tenant = dev.tenant,
				     .actor = "device:dev-1",
				     .role = ROLE_DEVICE,
				     .device = dev.id };
	struct core *net = office_open(office_db);
	SCOPED(cred) cred = { 0 };

	OK(core_become(net, &me));
	bound_alone(cred_issue(net, &r, &cred));
	core_close(net);
}

/* A group whose policy names such a profile: its devices get nothing for other keys by another one's label. */
static void test_no_other_label(void **state)
{
	struct core *c = *state;
	SCOPED(device_group) g = { 0 };
	SCOPED(proof) p = { 0 };
	SCOPED(proof) next = { 0 };
	SCOPED(cred) first = { 0 };
	SCOPED(cred) second = { 0 };
	SCOPED(enrol_given) given = { 0 };
	SCOPED(device) moved = { 0 };
	const struct device_fields in_line = { .group = "line" };
	SCOPED(cred) third = { 0 };
	SCOPED(proof) last = { 0 };
	struct cred_renewal r = { 0 };
	struct label tls, any;
	struct enrol in;
	char ref[24];

	prove(office_ec, &p);
	prove(office_ec, &next);
	in = with(&p);
	in.label = &tls;
	in.attested = BYTES_NONE;
	OK(label_for(c, "issuing.tls-client", &dev, &tls));
	OK(enrol_issue(c, &in, &first)); /* no policy says otherwise yet */
	OK(group_add(c, "line", "{\"profile\": \"bound\"}", &g));
	OK(device_update(c, "dev-1", &in_line, &moved));
	in.device = &moved;
	in.csr = buf_bytes(&next.csr);
	bound_alone(enrol_issue(c, &in, &second));
	bound_alone(enrol_generate(c, &in, &given));
	bound_alone(enrol_renew(c, &in, blob_bytes(&first.rec.cert), &second));
	plain_alone(in.csr);
	OK(label_for(c, "issuing", &moved, &any));
	in.label = &any;
	bound_alone(enrol_renew(c, &in, blob_bytes(&first.rec.cert), &second));
	in.attested = BYTES(p.key, 31); /* what is no key's digest */
	bound_alone(enrol_renew(c, &in, blob_bytes(&first.rec.cert), &second));
	snprintf(ref, sizeof ref, "id:%lld", (long long)first.rec.id);
	r.csr = in.csr;
	OK(cred_renew(c, ref, &r, &second)); /* by an operator */
	prove(office_ec, &last);
	in = with(&last);
	in.label = &any;
	in.device = &moved;
	OK(enrol_renew(c, &in, blob_bytes(&second.rec.cert), &third)); /* vouched for */
}

static void test_not_for_cas(void **state)
{
	static const char text[] = "[profile]\nname = bound-ca\n[validity]\nperiod = 9d\n[key]\ntypes = ec-p256\n"
				   "attested = yes\n[usage]\nkey_usage = keyCertSign cRLSign\n[constraints]\nca = yes\n";
	SCOPED(profile_version) v = { 0 };

	FAILS(INRO_E_CONFIG, profile_give(*state, bytes_of(text), "bound.ini", PROFILE_NEW, &v));
	assert_non_null(strstr(err_detail(INRO_E_CONFIG), "attested"));
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(test_first),	   T(test_renewed),  T(test_no_other_way), T(test_profile_that_changed),
		T(test_approved), T(test_not_for_cas),
		T(test_no_other_label),
	};

	return cmocka_run_group_tests(tests, office_with_key, office_drop_key);
}
