/*
 * test_cmp - CMP's row called as the engine does it, with messages made here: order, replays, times, numbers, and what is
 * ours to blame.
 */
#include <openssl/crmf.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "backoffice/cmp/cmp_routes.h"
#include "backoffice/core/confirm.h"
#include "backoffice/core/crl.h"
#include "backoffice/core/internal.h"
#include "backoffice/core/device.h"
#include "backoffice/core/psk.h"
#include "backoffice/core/seal.h"
#include "backoffice/core/unnamed.h"
#include "backoffice/pki/cmp.h"
#include "base/clock.h"
#include "base/der.h"
#include "tests/lib/ask.h"
#include "tests/lib/office.h"

#define OK(x)  assert_int_equal(x, INRO_OK)
#define NOW    INT64_C(1790000000)
#define PSK    "Secret-0123456789-abcdef"
#define ROUNDS 500

static struct core *boss, *worker;
static char db[48];
static const struct cmp_options options = { .check_after = 7 };
static struct http_table table;
static const struct bytes nobody = BYTES_LIT("\xa4\x02\x30\x00"),
			  hmac_sha256 = BYTES_LIT("\x30\x0a\x06\x08\x2a\x86\x48\x86\xf7\x0d\x02\x09");

static int setup(void **state)
{
	static unsigned n;
	const struct seal_key_request r = { .token = "line" };
	AUTO(free_chars) char *uri = NULL;
	SCOPED(device) d = { 0 };
	SCOPED(psk_new) p = { 0 };
	char name[40];

	(void)state;
	clock_set_test(NOW);
	table = (struct http_table) { cmp_routes, cmp_routes_n, (void *)(uintptr_t)&options };
	snprintf(name, sizeof name, "cmp-%u", n++);
	snprintf(db, sizeof db, "%s.db", name);
	boss = office_open(db);
	worker = office_open(db);
	office_make_cas(boss, name);
	OK(seal_key_set(boss, &r, &uri));
	OK(device_add(boss, "dev", NULL, &d));
	OK(psk_issue(boss, "dev", bytes_of(PSK), &p));
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	core_close(worker);
	core_close(boss);
	clock_set_test(0);
	office_pin = OFFICE_PIN;
	return 0;
}

/* ---- messages ---- */

struct made { /* of a message; what is not said is as a good client has it */
	const char *id, *nonce, *psk, *kid, *path;
	struct bytes recip_nonce, body;
	int64_t time, version;
	bool implicit;
};

static void protect(const struct cmp_pbm *pbm, const char *psk, struct bytes head, struct bytes body,
		    struct buf *ret)
{
	SCOPED(buf) part = { 0 };
	uint8_t mac[CMP_MAC_MAX];
	size_t n;

	cmp_protected_part(head, body, &part);
	OK(cmp_pbm_mac(pbm, bytes_of(psk ? psk : PSK), buf_bytes(&part), mac, &n));
	buf_add(ret, BYTES(mac, n));
}

static void message(const struct made *m, struct buf *ret)
{
	const struct cmp_pbm pbm = { bytes_of("0123456789abcdef"), PKI_SHA256, ROUNDS, hmac_sha256 };
	SCOPED(buf) alg = { 0 };
	SCOPED(buf) head = { 0 };
	SCOPED(buf) mac = { 0 };

	cmp_pbm_add(&alg, &pbm);
	cmp_add_head(&head, &(struct cmp_head) {
				    .version = m->version ? m->version : 2,
				    .sender = nobody,
				    .recipient = nobody,
				    .time = m->time ? m->time : clock_now(),
				    .algorithm = buf_bytes(&alg),
				    .sender_kid = bytes_of(m->kid ? m->kid : "dev"),
				    .id = bytes_of(m->id ? m->id : "transaction-0001"),
				    .sender_nonce = bytes_of(m->nonce ? m->nonce : "nonce-0123456789"),
				    .recip_nonce = m->recip_nonce,
				    .implicit_confirm = m->implicit,
			    });
	protect(&pbm, m->psk, buf_bytes(&head), m->body, &mac);
	buf_reset(ret);
	cmp_add_message(ret, buf_bytes(&head), m->body, buf_bytes(&mac), NULL, 0);
	OK(buf_err(ret));
}

/* ir's body: one request for this key. */
static void ir_body(EVP_PKEY *key, const char *cn, struct buf *ret)
{
	OSSL_CRMF_MSG *crm = OSSL_CRMF_MSG_new();
	X509_NAME *name = X509_NAME_new();
	unsigned char *der = NULL;
	size_t body, list;
	int n;

	assert_true(X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_UTF8, (const unsigned char *)cn,
					       -1, -1, 0));
	assert_true(OSSL_CRMF_CERTTEMPLATE_fill(OSSL_CRMF_MSG_get0_tmpl(crm), key, name, NULL, NULL));
	assert_true(OSSL_CRMF_MSG_set_certReqId(crm, 0));
	assert_true(OSSL_CRMF_MSG_create_popo(OSSL_CRMF_POPO_SIGNATURE, crm, key, EVP_sha256(), NULL,
					      NULL));
	n = i2d_OSSL_CRMF_MSG(crm, &der);
	buf_reset(ret);
	body = der_begin(ret, DER_EXPLICIT(CMP_IR));
	list = der_begin(ret, DER_SEQUENCE);
	buf_add(ret, BYTES(der, (size_t)n));
	der_end(ret, list);
	der_end(ret, body);
	OPENSSL_free(der);
	X509_NAME_free(name);
	OSSL_CRMF_MSG_free(crm);
}

/* certConf's body with this hash. */
static void confirm_hash(struct bytes hash, struct buf *ret)
{
	size_t body, list, one;

	buf_reset(ret);
	body = der_begin(ret, DER_EXPLICIT(CMP_CERTCONF));
	list = der_begin(ret, DER_SEQUENCE);
	one = der_begin(ret, DER_SEQUENCE);
	der_add(ret, DER_OCTET_STRING, hash);
	der_add_int(ret, 0);
	der_end(ret, one);
	der_end(ret, list);
	der_end(ret, body);
}

/* For this certificate, whose signature has SHA-256. */
static void confirm_body(struct bytes cert, struct buf *ret)
{
	uint8_t digest[PKI_DIGEST_MAX];

	OK(pki_digest(PKI_SHA256, cert, digest));
	confirm_hash(BYTES(digest, 32), ret);
}

/* ---- asking ---- */

struct answer {
	struct buf der;
	struct cmp_message m;
};

static void answer_clear(struct answer *a)
{
	buf_clear(&a->der);
}

/* What the server's log tells of the last one: what went wrong there, why it was refused; "": nothing. */
static char logged[200], reason[200];

static void ask(const struct made *made, struct answer *ret)
{
	SCOPED(buf) der = { 0 };
	struct http_answer a;

	message(made, &der);
	assert_int_equal(ask_run(&(struct ask) { .table = &table,
						 .method = "POST",
						 .path = made->path ? made->path : "/.well-known/cmp/p/issuing",
						 .body = buf_bytes(&der),
						 .core = worker },
				 &a),
			 200);
	assert_string_equal(a.type, "application/pkixcmp");
	snprintf(logged, sizeof logged, "%s", a.fault ? a.fault : "");
	snprintf(reason, sizeof reason, "%s", a.refusal ? a.refusal : "");
	buf_clear(&ret->der);
	ret->der = a.body;
	a.body = (struct buf) { 0 };
	ask_clear(&a);
	OK(cmp_read(buf_bytes(&ret->der), &ret->m));
}

/* The answer is an error or a rejection with this bit; so many events tell of it. */
static void refused_telling(const struct made *made, enum cmp_fail fail, size_t events)
{
	size_t before = office_refusals(boss);
	SCOPED(answer) a = { 0 };
	SCOPED(buf) want = { 0 };
	SCOPED(buf) with = { 0 };

	ask(made, &a);
	cmp_add_status(&want, CMP_REJECTION, fail, NULL);
	cmp_add_status(&with, CMP_REJECTION, CMP_FAIL_NONE, NULL);
	/* The bit string is what the one has and the other has not. */
	assert_non_null(memmem(a.m.body.p, a.m.body.n, want.p + with.n, want.n - with.n));
	/* One of the two is in the log; what the device is told is told there, too. */
	assert_true(!*reason != !*logged);
	if (*reason)
		assert_non_null(memmem(a.m.body.p, a.m.body.n, reason, strlen(reason)));
	assert_int_equal(office_refusals(boss), before + events);
}

static void refused(const struct made *made, enum cmp_fail fail)
{
	refused_telling(made, fail, 1);
}

static struct bytes cert_in(const struct answer *a)
{
	struct bytes in, list, one, skip, pair, cert;

	assert_int_equal(a->m.type, CMP_IP);
	OK(der_only(a->m.body, DER_SEQUENCE, &in));
	if (der_peek(in) == DER_EXPLICIT(1))
		OK(der_take(&in, DER_EXPLICIT(1), &skip));
	OK(der_take(&in, DER_SEQUENCE, &list));
	OK(der_take(&list, DER_SEQUENCE, &one));
	OK(der_take(&one, DER_INTEGER, &skip));
	OK(der_take(&one, DER_SEQUENCE, &skip));
	OK(der_take(&one, DER_SEQUENCE, &pair));
	OK(der_take(&pair, DER_EXPLICIT(0), &cert));
	return cert;
}

/* ---- a transaction ---- */

static void test_transaction(void **state)
{
	SCOPED(buf) body = { 0 };
	SCOPED(buf) conf = { 0 };
	SCOPED(answer) ip = { 0 };
	SCOPED(answer) again = { 0 };
	SCOPED(answer) done = { 0 };
	SCOPED(device) d = { 0 };
	SCOPED(cred) cred = { 0 };
	const char *name = "cmp-i-7472616e73616374696f6e2d30303031";

	(void)state;
	ir_body(office_ec, "dev", &body);
	ask(&(struct made) { .body = buf_bytes(&body) }, &ip);
	assert_true(bytes_equal(ip.m.recip_nonce, bytes_of("nonce-0123456789")));
	assert_true(bytes_equal(ip.m.id, bytes_of("transaction-0001")));
	OK(device_get(boss, "dev", &d));
	OK(confirm_find(boss, name, d.id, &cred));
	assert_in_range(cred.rec.confirm_by, NOW + 600, NOW + 660);
	/* What follows comes to another server. */
	core_close(worker);
	worker = office_open(db);
	/* Again, as a client does that lost the answer. */
	ask(&(struct made) { .body = buf_bytes(&body), .nonce = "another-nonce-00" }, &again);
	assert_true(bytes_equal(cert_in(&ip), cert_in(&again)));
	confirm_body(cert_in(&ip), &conf);
	refused(&(struct made) { .body = buf_bytes(&conf) }, CMP_FAIL_BAD_RECIPIENT_NONCE);
	refused(&(struct made) { .body = buf_bytes(&conf), .recip_nonce = bytes_of("0123456789abcdef") },
		CMP_FAIL_BAD_RECIPIENT_NONCE);
	refused(&(struct made) { .body = buf_bytes(&conf),
				 .id = "transaction-0002",
				 .recip_nonce = ip.m.sender_nonce },
		CMP_FAIL_BAD_REQUEST);
	ask(&(struct made) { .body = buf_bytes(&conf), .recip_nonce = ip.m.sender_nonce }, &done);
	assert_int_equal(done.m.type, CMP_PKICONF);
	cred_clear(&cred);
	OK(confirm_find(boss, name, d.id, &cred));
	assert_int_equal(cred.rec.confirm_by, 0);
}

static void test_trusted_profile(void **state)
{
	SCOPED(buf) body = { 0 };

	(void)state;
	ir_body(office_ec, "dev", &body);
	refused(&(struct made) { .body = buf_bytes(&body), .path = "/.well-known/cmp/p/issuing.ocsp-signer" },
		CMP_FAIL_NOT_AUTHORIZED);
}

static void test_wrong_confirmation(void **state)
{
	SCOPED(buf) body = { 0 };
	SCOPED(buf) conf = { 0 };
	SCOPED(answer) ip = { 0 };

	(void)state;
	ir_body(office_ec, "dev", &body);
	ask(&(struct made) { .body = buf_bytes(&body) }, &ip);
	confirm_body(bytes_of("no certificate"), &conf);
	refused(&(struct made) { .body = buf_bytes(&conf), .recip_nonce = ip.m.sender_nonce },
		CMP_FAIL_BAD_CERT_ID);
}

/* Signed by a key that hashes for itself: the hash that goes with Ed25519 is SHA-512, with Ed448 SHAKE256. */
static void confirmed_under(const char *key_type, const char *path, const EVP_MD *md, size_t n)
{
	SCOPED(ca_view) ca = { 0 };
	SCOPED(buf) body = { 0 };
	SCOPED(buf) conf = { 0 };
	SCOPED(answer) ip = { 0 };
	SCOPED(answer) done = { 0 };
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	uint8_t digest[64];
	char key[60];

	snprintf(key, sizeof key, "%.40s-%s", db, key_type);
	OK(ca_create(boss, &(struct ca_request) { .name = key_type, .subject = "CN=Edwards", .token = "ca",
						  .key_type = key_type, .label = key }, &ca));
	ir_body(office_ec, "dev", &body);
	ask(&(struct made) { .body = buf_bytes(&body), .path = path, .id = key_type }, &ip);
	assert_true(EVP_DigestInit_ex(ctx, md, NULL) && EVP_DigestUpdate(ctx, cert_in(&ip).p, cert_in(&ip).n));
	if (md == EVP_shake256())
		assert_true(EVP_DigestFinalXOF(ctx, digest, n));
	else
		assert_true(EVP_DigestFinal_ex(ctx, digest, NULL));
	EVP_MD_CTX_free(ctx);
	digest[n - 1] ^= 1;
	confirm_hash(BYTES(digest, n), &conf);
	refused(&(struct made) { .body = buf_bytes(&conf), .path = path, .id = key_type,
				 .recip_nonce = ip.m.sender_nonce },
		CMP_FAIL_BAD_CERT_ID);
	digest[n - 1] ^= 1;
	confirm_hash(BYTES(digest, n), &conf);
	ask(&(struct made) { .body = buf_bytes(&conf), .path = path, .id = key_type,
			     .recip_nonce = ip.m.sender_nonce },
	    &done);
	assert_int_equal(done.m.type, CMP_PKICONF);
}

static void test_confirmed_edwards(void **state)
{
	(void)state;
	confirmed_under("ed25519", "/.well-known/cmp/p/ed25519", EVP_sha512(), 64);
	confirmed_under("ed448", "/.well-known/cmp/p/ed448", EVP_shake256(), 64);
}

/* As libcrypto 3.0 sends it, which takes SHAKE256 to have 32 octets. */
static void test_confirmed_short(void **state)
{
	(void)state;
	confirmed_under("ed448", "/.well-known/cmp/p/ed448", EVP_shake256(), 32);
}

/* An empty list of confirmations rejects what came: it is revoked. */
static void test_rejected_by_its_holder(void **state)
{
	SCOPED(buf) body = { 0 };
	SCOPED(answer) ip = { 0 };
	SCOPED(answer) done = { 0 };
	SCOPED(device) d = { 0 };
	SCOPED(cred) cred = { 0 };
	const struct bytes none = BYTES_LIT("\xb8\x02\x30\x00");

	(void)state;
	ir_body(office_ec, "dev", &body);
	ask(&(struct made) { .body = buf_bytes(&body) }, &ip);
	ask(&(struct made) { .body = none, .recip_nonce = ip.m.sender_nonce }, &done);
	assert_int_equal(done.m.type, CMP_PKICONF);
	OK(device_get(boss, "dev", &d));
	OK(confirm_find(boss, "cmp-i-7472616e73616374696f6e2d30303031", d.id, &cred));
	assert_int_equal(cred.state, CRED_REVOKED);
	/* And the same request does not bring it back. */
	refused(&(struct made) { .body = buf_bytes(&body) }, CMP_FAIL_CERT_REVOKED);
}

static void test_number_in_use(void **state)
{
	EVP_PKEY *key = office_key("P-256");
	SCOPED(buf) body = { 0 };
	SCOPED(buf) other = { 0 };
	SCOPED(answer) ip = { 0 };

	(void)state;
	ir_body(office_ec, "dev", &body);
	ir_body(key, "dev", &other);
	ask(&(struct made) { .body = buf_bytes(&body) }, &ip);
	refused(&(struct made) { .body = buf_bytes(&other) }, CMP_FAIL_ID_IN_USE);
	other.p[0] = DER_EXPLICIT(CMP_CR);
	refused(&(struct made) { .body = buf_bytes(&other) }, CMP_FAIL_ID_IN_USE);
	EVP_PKEY_free(key);
}

/* ---- headers ---- */

static void test_headers(void **state)
{
	static const char late[] = "\xb3\x02\x05\x00";
	SCOPED(buf) body = { 0 };
	size_t before;

	(void)state;
	ir_body(office_ec, "dev", &body);
	refused(&(struct made) { .body = buf_bytes(&body), .psk = "wrong" }, CMP_FAIL_BAD_MESSAGE_CHECK);
	refused(&(struct made) { .body = buf_bytes(&body), .kid = "nobody" }, CMP_FAIL_BAD_MESSAGE_CHECK);
	refused_telling(&(struct made) { .body = buf_bytes(&body), .version = 1 }, CMP_FAIL_BAD_VERSION, 0); /* anybody's */
	/* Anybody may send again what he has seen: they share an event. */
	OK(unnamed_tell(boss));
	before = office_refusals(boss);
	refused_telling(&(struct made) { .body = buf_bytes(&body), .time = NOW - 7200 }, CMP_FAIL_BAD_TIME, 0);
	refused_telling(&(struct made) { .body = buf_bytes(&body), .time = NOW + 7200 }, CMP_FAIL_BAD_TIME, 0);
	OK(unnamed_tell(boss));
	assert_int_equal(office_refusals(boss), before + 1);
	refused(&(struct made) { .body = buf_bytes(&body), .nonce = "short" }, CMP_FAIL_BAD_SENDER_NONCE);
	refused(&(struct made) { .body = buf_bytes(&body), .id = "" }, CMP_FAIL_BAD_DATA_FORMAT);
	refused_telling(&(struct made) { .body = BYTES(late, 4) }, CMP_FAIL_BAD_REQUEST, 0); /* pkiconf: asks for nothing */
}

static void test_requests_that_are_refused(void **state)
{
	SCOPED(buf) body = { 0 };
	const struct bytes none = BYTES_LIT("\xa0\x02\x30\x00");

	(void)state;
	ir_body(office_ec, "dev", &body);
	body.p[body.n - 1] ^= 1; /* of the proof */
	refused(&(struct made) { .body = buf_bytes(&body) }, CMP_FAIL_BAD_POP);
	ir_body(office_ec, "someone", &body);
	refused(&(struct made) { .body = buf_bytes(&body) }, CMP_FAIL_BAD_CERT_TEMPLATE);
	refused(&(struct made) { .body = none }, CMP_FAIL_BAD_REQUEST);
	body.p[0] = DER_EXPLICIT(CMP_KUR);
	refused(&(struct made) { .body = buf_bytes(&body) }, CMP_FAIL_NOT_AUTHORIZED);
}

static void test_implicit(void **state)
{
	SCOPED(buf) body = { 0 };
	SCOPED(answer) ip = { 0 };
	SCOPED(device) d = { 0 };
	SCOPED(cred) cred = { 0 };

	(void)state;
	ir_body(office_ec, "dev", &body);
	ask(&(struct made) { .body = buf_bytes(&body), .implicit = true }, &ip);
	assert_true(ip.m.implicit_confirm);
	OK(device_get(boss, "dev", &d));
	OK(confirm_find(boss, "cmp-i-7472616e73616374696f6e2d30303031", d.id, &cred));
	assert_int_equal(cred.rec.confirm_by, 0);
}

/* ---- questions ---- */

static void question(const char *oid, struct bytes value, struct buf *ret)
{
	size_t body, list, one;

	buf_reset(ret);
	body = der_begin(ret, DER_EXPLICIT(CMP_GENM));
	list = der_begin(ret, DER_SEQUENCE);
	one = der_begin(ret, DER_SEQUENCE);
	der_add_oid(ret, oid);
	buf_add(ret, value);
	der_end(ret, one);
	der_end(ret, list);
	der_end(ret, body);
}

/* The answer to one question: the value of the type that it comes as; empty: none. */
static struct bytes value_of(const char *oid, struct bytes sent, const char *as, struct answer *a)
{
	SCOPED(buf) body = { 0 };
	struct bytes list, type, value;
	char text[64];

	question(oid, sent, &body);
	ask(&(struct made) { .body = buf_bytes(&body) }, a);
	assert_int_equal(a->m.type, CMP_GENP);
	OK(der_only(a->m.body, DER_SEQUENCE, &list));
	OK(cmp_next_info(&list, &type, &value));
	assert_int_equal(list.n, 0);
	OK(der_oid_text(type, text, sizeof text));
	assert_string_equal(text, as);
	return value;
}

#define IT "1.3.6.1.5.5.7.4."

static bool has(struct bytes in, struct bytes part)
{
	return in.n && part.n && memmem(in.p, in.n, part.p, part.n);
}

static void test_certificates_of_cas(void **state)
{
	SCOPED(answer) a = { 0 };
	SCOPED(ca_view) old = { 0 };
	SCOPED(ca_view) new = { 0 };
	struct bytes value;
	char key[60];

	(void)state;
	OK(ca_get(boss, "root", &old));
	value = value_of(IT "17", BYTES_NONE, IT "17", &a);
	assert_true(has(value, blob_bytes(&old.rec.cert)));
	assert_int_equal(value_of(IT "20", blob_bytes(&old.rec.cert), IT "18", &a).n, 0);
	snprintf(key, sizeof key, "%.40s-next", db);
	OK(ca_rollover(boss, &(struct ca_rollover) { .name = "root", .token = "ca", .label = key },
		       &new));
	value = value_of(IT "20", blob_bytes(&old.rec.cert), IT "18", &a);
	assert_true(has(value, blob_bytes(&new.rec.cert)));
	assert_int_equal(value_of(IT "20", blob_bytes(&new.rec.cert), IT "18", &a).n, 0);
}

static void test_lists_and_templates(void **state)
{
	SCOPED(answer) a = { 0 };
	SCOPED(buf) der = { 0 };
	const struct crl_wish w = { .ca = "issuing" };
	struct crl_info info;
	struct crl_out out;

	(void)state;
	assert_int_equal(value_of(IT "22", BYTES_NONE, IT "23", &a).n, 0);
	OK(crl_publish(boss, &w, &info));
	OK(crl_published(boss, &w, &out, &der));
	assert_true(has(value_of(IT "22", BYTES_NONE, IT "23", &a), buf_bytes(&der)));
	assert_true(has(value_of(IT "19", BYTES_NONE, IT "19", &a), bytes_of("dev")));
	/* What nobody knows is said to be nothing. */
	assert_int_equal(value_of("1.2.3.4", BYTES_NONE, "1.2.3.4", &a).n, 0);
}

/* What is left of a list: a first piece of so many octets, and nothing behind it. */
static enum inro_err cut_list(struct core *c, void *arg)
{
	const struct store_cond first = { .field = "seq" };
	const struct store_query q = { .conds = &first, .n = 1 };
	const struct buf *body = arg;
	SCOPED(crl_piece) piece = { 0 };

	OK(store_find(c->store, &q, &piece));
	OK(blob_set(&piece.body, buf_bytes(body)));
	piece.ended = 0;
	return store_update(c->store, &piece);
}

static void no_list(const char *oid, const char *why)
{
	SCOPED(answer) a = { 0 };
	SCOPED(buf) body = { 0 };

	question(oid, BYTES_NONE, &body);
	ask(&(struct made) { .body = buf_bytes(&body) }, &a);
	assert_int_equal(a.m.type, CMP_ERROR);
	assert_true(has(a.m.body, bytes_of(why)));
}

/* What is longer than a message may be is not read to its end; what goes while it is read is not given in part. */
static void test_lists_in_part(void **state)
{
	static const size_t octets[] = { 1000, (size_t)5 << 20 };
	static const char *const why[] = { "ask again", "too long" };
	const struct crl_wish w = { .ca = "issuing" };
	struct crl_info info;

	(void)state;
	OK(crl_publish(boss, &w, &info));
	for (size_t i = 0; i < ARRAY_LEN(octets); i++) {
		SCOPED(buf) part = { 0 };

		memset(buf_extend(&part, octets[i]), 0x30, octets[i]);
		OK(core_write(boss, cut_list, &part));
		no_list(IT "22", why[i]);
		no_list(IT "6", why[i]);
	}
}

/* ---- ours to blame ---- */

static void test_expired_ca(void **state)
{
	SCOPED(buf) body = { 0 };

	(void)state;
	ir_body(office_ec, "dev", &body);
	clock_set_test(NOW + INT64_C(50) * 366 * 86400);
	refused(&(struct made) { .body = buf_bytes(&body) }, CMP_FAIL_BAD_REQUEST);
}

/* The token that opens the pre-shared key can't be logged in to: that is not the device's fault. */
static void test_token_locked(void **state)
{
	SCOPED(buf) body = { 0 };
	SCOPED(answer) ip = { 0 };

	(void)state;
	ir_body(office_ec, "dev", &body);
	office_pin = NULL;
	refused(&(struct made) { .body = buf_bytes(&body) }, CMP_FAIL_SYSTEM_FAILURE);
	office_pin = OFFICE_PIN;
	ask(&(struct made) { .body = buf_bytes(&body) }, &ip);
	assert_true(cert_in(&ip).n > 0);
}

/* A step behind the door that fails for our sake: the device learns that, and the log why. */
static void test_ca_token_locked(void **state)
{
	SCOPED(buf) body = { 0 };
	SCOPED(answer) a = { 0 };

	(void)state;
	(void)value_of(IT "17", BYTES_NONE, IT "17", &a); /* opens the token of the pre-shared key */
	assert_string_equal(logged, "");
	ir_body(office_ec, "dev", &body);
	office_pin = NULL;
	refused(&(struct made) { .body = buf_bytes(&body) }, CMP_FAIL_SYSTEM_FAILURE);
	assert_non_null(strstr(logged, "PIN"));
	ask(&(struct made) { .body = buf_bytes(&body) }, &a);
	assert_int_equal(a.m.type, CMP_IP);
	assert_true(has(a.m.body, bytes_of("the server failed")));
	assert_false(has(a.m.body, bytes_of("PIN")));
}

/* ---- a key that another one takes the place of ---- */

#define NEXT_PSK "Another-0123456789-abcdef"
#define GRACE	 3600

static void test_rotated_key(void **state)
{
	SCOPED(answer) a = { 0 };
	SCOPED(buf) body = { 0 };
	SCOPED(psk_new) next = { 0 };
	SCOPED(psk_new) now = { 0 };

	(void)state;
	OK(psk_rotate(boss, "dev", bytes_of(NEXT_PSK), GRACE, &next));
	question(IT "17", BYTES_NONE, &body);
	ask(&(struct made) { .body = buf_bytes(&body) }, &a);
	assert_int_equal(a.m.type, CMP_GENP);
	ask(&(struct made) { .body = buf_bytes(&body), .psk = NEXT_PSK }, &a);
	assert_int_equal(a.m.type, CMP_GENP);
	OK(psk_show(boss, "dev", &now.rec));
	assert_int_equal(now.rec.fails, 0);
	clock_set_test(NOW + 2 * GRACE);
	refused(&(struct made) { .body = buf_bytes(&body) }, CMP_FAIL_BAD_MESSAGE_CHECK);
	ask(&(struct made) { .body = buf_bytes(&body), .psk = NEXT_PSK }, &a);
	assert_int_equal(a.m.type, CMP_GENP);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(test_transaction),
		T(test_lists_in_part),
		T(test_trusted_profile), T(test_wrong_confirmation), T(test_confirmed_edwards), T(test_confirmed_short),
		T(test_rejected_by_its_holder),
		T(test_number_in_use),
		T(test_headers),
		T(test_requests_that_are_refused),
		T(test_implicit),
		T(test_certificates_of_cas),
		T(test_lists_and_templates),
		T(test_expired_ca),
		T(test_token_locked),
		T(test_ca_token_locked),
		T(test_rotated_key),
	};

	return cmocka_run_group_tests(tests, office_with_key, office_drop_key);
}
