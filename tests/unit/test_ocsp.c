/* test_ocsp - the responder without a connection: what is signed, what is kept and what is dropped;
 * answers are judged by libcrypto. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <cmocka.h>
#include <openssl/ocsp.h>

#include "backoffice/core/device.h"
#include "backoffice/core/duty.h"
#include "backoffice/core/internal.h"
#include "backoffice/core/status.h"
#include "backoffice/core/tenant.h"
#include "backoffice/ocsp/cache.h"
#include "backoffice/ocsp/ocsp.h"
#include "base/clock.h"
#include "tests/lib/office.h"

#define OK(x)	    assert_int_equal(x, INRO_OK)
#define FAILS(e, x) assert_int_equal(x, e)
#define DAY	    86400
#define MINUTE	    60

static char db[40], label[32];

struct room {
	struct core *c, *watcher;
	struct responder *r;
	struct blob chain[2]; /* issuing, root */
};

static void read_chain(struct core *c, const char *ca, struct blob *ret)
{
	SCOPED(ca_view) v = { 0 };

	OK(ca_get(c, ca, &v));
	OK(blob_set(ret, blob_bytes(&v.rec.cert)));
}

static int setup(void **state)
{
	static unsigned n;
	struct room *s = calloc(1, sizeof *s);
	const struct responder_options o = { 0 };
	int64_t wait;

	snprintf(label, sizeof label, "ocsp-%u", n++);
	snprintf(db, sizeof db, "%s.db", label);
	s->c = office_open(db);
	office_make_cas(s->c, label);
	s->watcher = office_open(db);
	OK(duty_tick(s->c, DUTY_QUICK, NULL, &wait));
	OK(responder_new(&o, s->watcher, &s->r));
	read_chain(s->c, "issuing", &s->chain[0]);
	read_chain(s->c, "root", &s->chain[1]);
	*state = s;
	return 0;
}

static int teardown(void **state)
{
	struct room *s = *state;

	responder_free(s->r);
	core_close(s->watcher);
	core_close(s->c);
	for (size_t i = 0; i < ARRAY_LEN(s->chain); i++)
		blob_clear(&s->chain[i]);
	free(s);
	clock_set_test(0);
	office_pin = OFFICE_PIN;
	return 0;
}

static void issue(struct core *c, struct cred *ret)
{
	SCOPED(buf) csr = { 0 };
	struct cred_request r = { .ca = "issuing", .profile = "tls-client" };

	office_csr(office_ec, "x", &csr);
	r.csr = buf_bytes(&csr);
	*ret = (struct cred) { 0 };
	OK(cred_issue(c, &r, ret));
}

static void revoke(struct core *c, const struct cred *cred)
{
	const struct cred_revocation why = { .reason = "superseded" };
	SCOPED(cred) out = { 0 };
	char ref[32];

	snprintf(ref, sizeof ref, "id:%lld", (long long)cred->rec.id);
	OK(cred_revoke(c, ref, &why, &out));
}

/* ---- who asks ---- */

struct asking {
	const struct blob *ca;
	struct bytes serial;
	const EVP_MD *(*md)(void);
	bool nonce;
};

static OCSP_CERTID *id_of(const struct asking *a)
{
	X509 *ca = office_x509(a->ca);
	BIGNUM *bn = BN_bin2bn(a->serial.p, (int)a->serial.n, NULL);
	ASN1_INTEGER *serial = BN_to_ASN1_INTEGER(bn, NULL);
	OCSP_CERTID *id = OCSP_cert_id_new(a->md ? a->md() : EVP_sha1(), X509_get_subject_name(ca),
					   X509_get0_pubkey_bitstr(ca), serial);

	ASN1_INTEGER_free(serial);
	BN_free(bn);
	X509_free(ca);
	return id;
}

static void add(const struct asking *a, OCSP_REQUEST *req)
{
	assert_non_null(OCSP_request_add0_id(req, id_of(a)));
}

static void encode(OCSP_REQUEST *req, struct buf *ret)
{
	unsigned char *der = NULL;
	int n = i2d_OCSP_REQUEST(req, &der);

	assert_true(n > 0);
	buf_add(ret, BYTES(der, (size_t)n));
	OPENSSL_free(der);
	OCSP_REQUEST_free(req);
}

static void question(const struct asking *a, struct buf *ret)
{
	OCSP_REQUEST *req = OCSP_REQUEST_new();

	add(a, req);
	if (a->nonce)
		assert_int_equal(OCSP_request_add1_nonce(req, NULL, 32), 1);
	encode(req, ret);
}

/* Verified up to the root, for the certificate that was asked for: its V_OCSP_CERTSTATUS_... */
static int judge(const struct room *s, const struct asking *a, struct bytes der, int *ret_reason)
{
	const unsigned char *p = der.p;
	OCSP_RESPONSE *resp = d2i_OCSP_RESPONSE(NULL, &p, (long)der.n);
	OCSP_BASICRESP *basic = OCSP_response_get1_basic(resp);
	OCSP_CERTID *id = id_of(a);
	X509_STORE *store = X509_STORE_new();
	STACK_OF(X509) *known = sk_X509_new_null();
	X509 *root = office_x509(&s->chain[1]);
	ASN1_GENERALIZEDTIME *revoked, *this, *next;
	int status;

	assert_non_null(basic);
	sk_X509_push(known, office_x509(a->ca));
	sk_X509_push(known, office_x509(&s->chain[0]));
	X509_STORE_add_cert(store, root);
	X509_VERIFY_PARAM_set_time(X509_STORE_get0_param(store), (time_t)clock_now());
	assert_int_equal(OCSP_basic_verify(basic, known, store, 0), 1);
	assert_int_equal(OCSP_resp_find_status(basic, id, &status, ret_reason, &revoked, &this,
					       &next),
			 1);
	sk_X509_pop_free(known, X509_free);
	X509_STORE_free(store);
	X509_free(root);
	OCSP_CERTID_free(id);
	OCSP_BASICRESP_free(basic);
	OCSP_RESPONSE_free(resp);
	return status;
}

static int refusal(struct bytes der)
{
	const unsigned char *p = der.p;
	OCSP_RESPONSE *resp = d2i_OCSP_RESPONSE(NULL, &p, (long)der.n);
	int status;

	assert_non_null(resp);
	status = OCSP_response_status(resp);
	OCSP_RESPONSE_free(resp);
	return status;
}

static int ask(const struct room *s, struct core *c, const char *ca, const struct asking *a)
{
	SCOPED(responder_reply) reply = { 0 };
	SCOPED(buf) der = { 0 };
	int reason;

	question(a, &der);
	OK(responder_answer(s->r, c, ca, buf_bytes(&der), &reply));
	assert_int_equal(refusal(buf_bytes(&reply.body)), OCSP_RESPONSE_STATUS_SUCCESSFUL);
	return judge(s, a, buf_bytes(&reply.body), &reason);
}

static int refused(const struct room *s, const char *ca, const struct asking *a)
{
	SCOPED(responder_reply) reply = { 0 };
	SCOPED(buf) der = { 0 };

	question(a, &der);
	OK(responder_answer(s->r, s->c, ca, buf_bytes(&der), &reply));
	return refusal(buf_bytes(&reply.body));
}

/* What is kept needs neither database nor token. */
static bool is_kept(const struct room *s, const struct asking *a)
{
	SCOPED(responder_reply) reply = { 0 };
	SCOPED(buf) der = { 0 };
	enum inro_err e;

	question(a, &der);
	e = responder_answer(s->r, NULL, "issuing", buf_bytes(&der), &reply);
	assert_true(e == INRO_OK || e == INRO_E_BUSY);
	assert_true(e == INRO_E_BUSY || reply.keeps);
	return e == INRO_OK;
}

static struct asking about(const struct room *s, const struct cred *cred)
{
	return (struct asking) { .ca = &s->chain[0], .serial = blob_bytes(&cred->rec.serial) };
}

/* ---- */

static void test_kept(void **state)
{
	struct room *s = *state;
	SCOPED(cred) cred = { 0 };
	struct asking a;
	struct responder_stats n;

	issue(s->c, &cred);
	a = about(s, &cred);
	assert_false(is_kept(s, &a));
	assert_int_equal(ask(s, s->c, "issuing", &a), V_OCSP_CERTSTATUS_GOOD);
	assert_true(is_kept(s, &a));
	assert_int_equal(ask(s, s->c, "issuing", &a), V_OCSP_CERTSTATUS_GOOD);
	/* named otherwise it is another answer */
	a.md = EVP_sha256;
	assert_false(is_kept(s, &a));
	assert_int_equal(ask(s, s->c, "issuing", &a), V_OCSP_CERTSTATUS_GOOD);
	assert_true(is_kept(s, &a));
	a.nonce = true;
	assert_int_equal(ask(s, s->c, "issuing", &a), V_OCSP_CERTSTATUS_GOOD);
	assert_false(is_kept(s, &a));
	responder_stats(s->r, &n);
	assert_int_equal(n.made, 3);
	assert_int_equal(n.entries, 2);
	assert_in_range(n.octets, 400, 1200);
}

static void test_dropped(void **state)
{
	struct room *s = *state;
	SCOPED(cred) cred = { 0 };
	SCOPED(cred) other = { 0 };
	struct asking a, b;

	issue(s->c, &cred);
	issue(s->c, &other);
	a = about(s, &cred);
	b = about(s, &other);
	for (int i = 0; i < 2; i++) {
		a.md = b.md = i ? EVP_sha256 : EVP_sha1;
		assert_int_equal(ask(s, s->c, "issuing", &a), V_OCSP_CERTSTATUS_GOOD);
		assert_int_equal(ask(s, s->c, "issuing", &b), V_OCSP_CERTSTATUS_GOOD);
	}
	revoke(s->c, &cred);
	assert_true(is_kept(s, &a)); /* nobody has looked yet */
	OK(responder_watch(s->r, s->watcher));
	for (int i = 0; i < 2; i++) {
		a.md = b.md = i ? EVP_sha256 : EVP_sha1;
		assert_false(is_kept(s, &a));
		assert_true(is_kept(s, &b));
		assert_int_equal(ask(s, s->c, "issuing", &a), V_OCSP_CERTSTATUS_REVOKED);
	}
	assert_true(is_kept(s, &a));
}

/* What was never issued is unknown, and not kept: then it would be when it is issued. */
static void test_unknown(void **state)
{
	struct room *s = *state;
	static const uint8_t serials[][24] = { { 1 }, { 0x40, 1 }, { 0x7f } };

	for (size_t i = 0; i < ARRAY_LEN(serials); i++) {
		const struct asking a = { .ca = &s->chain[0],
					  .serial = BYTES(serials[i], i == 2 ? 24 : 16) };

		assert_int_equal(ask(s, s->c, "issuing", &a), V_OCSP_CERTSTATUS_UNKNOWN);
		assert_false(is_kept(s, &a));
	}
}

/* An answer has its time: a quarter before its end another one is made; without a token it is given
 * up to its end. */
static void test_time(void **state)
{
	struct room *s = *state;
	int64_t now = clock_now();
	SCOPED(cred) cred = { 0 };
	struct core *locked;
	struct asking a;

	clock_set_test(now);
	issue(s->c, &cred);
	a = about(s, &cred);
	assert_int_equal(ask(s, s->c, "issuing", &a), V_OCSP_CERTSTATUS_GOOD);
	clock_set_test(now + 44 * MINUTE);
	assert_true(is_kept(s, &a));
	clock_set_test(now + 46 * MINUTE);
	assert_false(is_kept(s, &a));
	office_pin = NULL;
	locked = office_open(db);
	assert_int_equal(ask(s, locked, "issuing", &a), V_OCSP_CERTSTATUS_GOOD);
	/* the token is left alone for a while */
	assert_true(is_kept(s, &a));
	clock_set_test(now + 61 * MINUTE);
	assert_int_equal(refused(s, "issuing", &a), OCSP_RESPONSE_STATUS_TRYLATER);
	core_close(locked);
}

static void test_locked(void **state)
{
	struct room *s = *state;
	SCOPED(responder_reply) reply = { 0 };
	SCOPED(buf) der = { 0 };
	SCOPED(cred) cred = { 0 };
	struct core *locked;
	struct asking a;
	int asked;

	issue(s->c, &cred);
	a = about(s, &cred);
	office_pin = NULL;
	locked = office_open(db);
	question(&a, &der);
	OK(responder_answer(s->r, locked, "issuing", buf_bytes(&der), &reply));
	assert_int_equal(refusal(buf_bytes(&reply.body)), OCSP_RESPONSE_STATUS_TRYLATER);
	/* A PIN is not tried again and again. */
	asked = office_asked;
	for (int i = 0; i < 20; i++) {
		SCOPED(responder_reply) again = { 0 };

		OK(responder_answer(s->r, locked, "issuing", buf_bytes(&der), &again));
	}
	assert_int_equal(office_asked, asked);
	core_close(locked);
}

/* ---- whose CA it is ---- */

static void test_places(void **state)
{
	struct room *s = *state;
	struct core_options o = office_options();
	const struct ca_request request = { .name = "theirs", .subject = "CN=Theirs", .token = "line",
					    .label = label };
	SCOPED(cred) cred = { 0 };
	SCOPED(tenant) t = { 0 };
	SCOPED(ca_view) v = { 0 };
	struct core *theirs;
	struct asking a, b = { 0 };

	issue(s->c, &cred);
	a = about(s, &cred);
	assert_int_equal(refused(s, "root", &a), OCSP_RESPONSE_STATUS_UNAUTHORIZED);
	assert_int_equal(refused(s, "none", &a), OCSP_RESPONSE_STATUS_UNAUTHORIZED);
	assert_int_equal(refused(s, "issuing/x", &a), OCSP_RESPONSE_STATUS_UNAUTHORIZED);
	assert_int_equal(refused(s, "~none/issuing", &a), OCSP_RESPONSE_STATUS_UNAUTHORIZED);
	assert_int_equal(refused(s, "~default", &a), OCSP_RESPONSE_STATUS_UNAUTHORIZED);
	assert_int_equal(ask(s, s->c, "~default/issuing", &a), V_OCSP_CERTSTATUS_GOOD);
	a.md = EVP_sha384; /* who can tell whose it is? */
	assert_int_equal(refused(s, "issuing", &a), OCSP_RESPONSE_STATUS_UNAUTHORIZED);

	OK(tenant_add(s->c, "plant2", &t));
	o.tenant = "plant2";
	theirs = office_open_as(db, o);
	OK(ca_create(theirs, &request, &v));
	b.ca = &v.rec.cert;
	b.serial = BYTES("\x01", 1);
	/* not in the book yet, then without a signer, then with one */
	assert_int_equal(refused(s, "~plant2/theirs", &b), OCSP_RESPONSE_STATUS_UNAUTHORIZED);
	OK(ocsp_signers_renew(theirs));
	for (int i = 0;
	     i < 100 && refused(s, "~plant2/theirs", &b) != OCSP_RESPONSE_STATUS_SUCCESSFUL; i++) {
		struct timespec moment = { .tv_nsec = 50000000 };

		nanosleep(&moment, NULL);
		OK(responder_watch(s->r, s->watcher));
	}
	assert_int_equal(refused(s, "~plant2/theirs", &b), OCSP_RESPONSE_STATUS_SUCCESSFUL);
	assert_int_equal(refused(s, "theirs", &b), OCSP_RESPONSE_STATUS_UNAUTHORIZED);
	core_close(theirs);
}

static void test_several(void **state)
{
	struct room *s = *state;
	SCOPED(cred) good = { 0 };
	SCOPED(cred) bad = { 0 };
	SCOPED(responder_reply) reply = { 0 };
	SCOPED(responder_reply) mixed = { 0 };
	SCOPED(buf) der = { 0 };
	OCSP_REQUEST *req = OCSP_REQUEST_new();
	struct asking list[3];
	static const int statuses[] = { V_OCSP_CERTSTATUS_GOOD, V_OCSP_CERTSTATUS_REVOKED,
					V_OCSP_CERTSTATUS_UNKNOWN };
	int reason;

	issue(s->c, &good);
	issue(s->c, &bad);
	revoke(s->c, &bad);
	list[0] = about(s, &good);
	list[1] = about(s, &bad);
	list[2] = (struct asking) { .ca = &s->chain[0], .serial = BYTES("\x09", 1) };
	for (size_t i = 0; i < ARRAY_LEN(list); i++)
		add(&list[i], req);
	encode(req, &der);
	OK(responder_answer(s->r, s->c, "issuing", buf_bytes(&der), &reply));
	assert_false(reply.keeps);
	for (size_t i = 0; i < ARRAY_LEN(list); i++)
		assert_int_equal(judge(s, &list[i], buf_bytes(&reply.body), &reason), statuses[i]);
	/* two CAs have no one who answers for both */
	req = OCSP_REQUEST_new();
	list[1].ca = &s->chain[1];
	add(&list[0], req);
	add(&list[1], req);
	buf_reset(&der);
	encode(req, &der);
	OK(responder_answer(s->r, s->c, "issuing", buf_bytes(&der), &mixed));
	assert_int_equal(refusal(buf_bytes(&mixed.body)), OCSP_RESPONSE_STATUS_UNAUTHORIZED);
}

static void test_no_question(void **state)
{
	struct room *s = *state;
	static const struct bytes wrong[] = { BYTES_LIT(""), BYTES_LIT("0"), BYTES_LIT("\x30\x00"),
					      BYTES_LIT("GET / HTTP/1.1") };

	for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
		SCOPED(responder_reply) reply = { 0 };

		OK(responder_answer(s->r, NULL, "issuing", wrong[i], &reply));
		assert_int_equal(refusal(buf_bytes(&reply.body)),
				 OCSP_RESPONSE_STATUS_MALFORMEDREQUEST);
	}
}

/* After a new key both answer, each for what it signed; with any kind of key. */
static void test_kinds(void **state)
{
	struct room *s = *state;
	static const char *const types[] = { "rsa-2048", "ed25519", "ec-p384" };
	SCOPED(cred) before = { 0 };
	SCOPED(cred) after = { 0 };
	SCOPED(ca_view) v = { 0 };
	struct ca_rollover roll = { .name = "issuing", .token = "ca", .label = "ocsp-next" };
	struct responder *was = s->r;
	struct blob old;
	struct asking a;
	const struct responder_options o = { 0 };

	issue(s->c, &before);
	OK(ca_rollover(s->c, &roll, &v));
	old = s->chain[0];
	s->chain[0] = (struct blob) { 0 };
	read_chain(s->c, "issuing", &s->chain[0]);
	issue(s->c, &after);
	for (size_t i = 0; i < ARRAY_LEN(types); i++) {
		SCOPED(ca_view) set = { 0 };

		OK(ca_set_ocsp(s->c, "issuing",
			       &(struct ca_ocsp) { .key_type = types[i], .id = i ? "key" : "name" },
			       &set));
		OK(ocsp_signers_renew(s->c));
		OK(responder_new(&o, s->watcher, &s->r));
		a = about(s, &after);
		assert_int_equal(ask(s, s->c, "issuing", &a), V_OCSP_CERTSTATUS_GOOD);
		assert_true(is_kept(s, &a));
		a = (struct asking) { .ca = &old, .serial = blob_bytes(&before.rec.serial) };
		assert_int_equal(ask(s, s->c, "issuing", &a), V_OCSP_CERTSTATUS_GOOD);
		responder_free(s->r);
	}
	s->r = was;
	blob_clear(&old);
}

/* The CA itself, when it is told to. */
static void test_itself(void **state)
{
	struct room *s = *state;
	SCOPED(cred) cred = { 0 };
	SCOPED(ca_view) v = { 0 };
	struct responder *was = s->r;
	struct asking a;

	issue(s->c, &cred);
	a = about(s, &cred);
	OK(ca_set_ocsp(s->c, "issuing", &(struct ca_ocsp) { .signs = "ca" }, &v));
	OK(responder_new(&(struct responder_options) { 0 }, s->watcher, &s->r));
	assert_int_equal(ask(s, s->c, "issuing", &a), V_OCSP_CERTSTATUS_GOOD);
	responder_free(s->r);
	s->r = was;
}

/* ---- the cache ---- */

static struct cache_answer an_answer(struct bytes octets)
{
	return (struct cache_answer) { .is_signed = octets,
				       .etag = "\"x\"",
				       .mark = 7,
				       .this_update = 1,
				       .next_update = 100,
				       .fresh_until = 50 };
}

static bool has(struct cache *c, int64_t mark, uint32_t number, int64_t until)
{
	const struct ocsp_cert_id id = { .serial = BYTES(&number, sizeof number) };
	struct cache_answer a;
	SCOPED(buf) der = { 0 };

	return cache_get(c, &(struct cache_wish) { { 1, 1, &id }, mark, until, BYTES_NONE }, &a, &der);
}

static void put(struct cache *c, uint32_t number, uint64_t drops)
{
	static uint8_t octets[300];
	const struct ocsp_cert_id id = { .serial = BYTES(&number, sizeof number) };
	const struct cache_answer a = an_answer(BYTES(octets, sizeof octets));

	cache_put(c, &(struct cache_key) { 1, 1, &id }, &a, drops);
}

static void test_cache(void **state)
{
	struct cache *c;
	uint64_t entries, octets, drops;
	uint32_t five = 5;

	(void)state;
	OK(cache_new(256 << 10, &c));
	put(c, 5, cache_drops(c));
	assert_true(has(c, 7, 5, 99));
	assert_false(has(c, 7, 5, 100)); /* it has ended */
	assert_false(has(c, 7, 5, 0));	 /* the clock was ahead */
	assert_false(has(c, 8, 5, 10));	 /* another one answers now */
	assert_false(has(c, 7, 6, 10));
	/* who looked at the database before keeps nothing after */
	drops = cache_drops(c);
	cache_drop(c, 1, 1, BYTES(&five, sizeof five));
	assert_false(has(c, 7, 5, 10));
	put(c, 5, drops);
	assert_false(has(c, 7, 5, 10));
	put(c, 5, cache_drops(c));
	assert_true(has(c, 7, 5, 10));
	/* bounded; what is asked for stays */
	for (uint32_t i = 100; i < 20000; i++) {
		put(c, i, cache_drops(c));
		assert_true(has(c, 7, 5, 10));
	}
	cache_size(c, &entries, &octets);
	assert_in_range(octets, 200 << 10, 256 << 10);
	assert_true(has(c, 7, 19999, 10));
	assert_false(has(c, 7, 100, 10));
	cache_drop(c, 0, 0, BYTES_NONE);
	cache_size(c, &entries, &octets);
	assert_int_equal(entries, 0);
	cache_free(c);
}

/* ---- a CA whose record is damaged ---- */

struct damage {
	bool settings; /* else its certificate */
};

static enum inro_err damage_work(struct core *c, void *arg)
{
	const struct damage *d = arg;
	const struct store_cond root = { .field = "name", .text = "root" };
	const struct store_query q = { .conds = &root, .n = 1 };
	SCOPED(ca) ca = { 0 };

	OK(store_find(c->store, &q, &ca));
	if (d->settings)
		OK(text_set(&ca.settings, "{"));
	else
		OK(blob_set(&ca.cert, BYTES((const uint8_t *)"none", 4)));
	return store_update(c->store, &ca);
}

/* The one is not answered for, the others are, as before. */
static void one_is_damaged(struct room *s, bool settings)
{
	struct damage d = { .settings = settings };
	const struct responder_options o = { 0 };
	SCOPED(cred) cred = { 0 };
	struct asking a;

	issue(s->c, &cred);
	a = about(s, &cred);
	OK(core_write(s->c, damage_work, &d));
	responder_free(s->r);
	s->r = NULL;
	OK(responder_new(&o, s->watcher, &s->r));
	assert_int_equal(ask(s, s->c, "issuing", &a), V_OCSP_CERTSTATUS_GOOD);
	a.ca = &s->chain[1];
	assert_int_equal(refused(s, "root", &a), OCSP_RESPONSE_STATUS_UNAUTHORIZED);
}

static void test_damaged_cert(void **state)
{
	one_is_damaged(*state, false);
}

static void test_damaged_settings(void **state)
{
	one_is_damaged(*state, true);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_kept),   TEST(test_dropped),	   TEST(test_unknown), TEST(test_time),
		TEST(test_locked), TEST(test_places),	   TEST(test_several), TEST(test_no_question),
		TEST(test_damaged_cert), TEST(test_damaged_settings),
		TEST(test_kinds),  TEST(test_itself),	   cmocka_unit_test(test_cache),
	};

	return cmocka_run_group_tests(tests, office_with_key, office_drop_key);
}
