/* test_core_status - what is to be said of certificates on line, who says it, and lists that are
 * given out. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include <openssl/x509v3.h>

#include "backoffice/core/audit.h"
#include "backoffice/core/crl.h"
#include "backoffice/core/device.h"
#include "backoffice/core/duty.h"
#include "backoffice/core/refused.h"
#include "backoffice/core/signer.h"
#include "backoffice/core/status.h"
#include "backoffice/core/tenant.h"
#include "backoffice/pki/crl.h"
#include "base/clock.h"
#include "tests/lib/office.h"

#define OK(x)	    assert_int_equal(x, INRO_OK)
#define FAILS(e, x) assert_int_equal(x, e)
#define DAY	    86400
#define T0	    INT64_C(1800000000)

static int setup(void **state)
{
	clock_set_test(T0);
	return office_setup(state, "status");
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

static const char *ref_of(const struct cred *cred)
{
	static char ref[32];

	snprintf(ref, sizeof ref, "id:%lld", (long long)cred->rec.id);
	return ref;
}

static struct cred_status status_now(struct core *c, const struct cred *cred)
{
	struct cred_status s;

	OK(status_of(c, cred->rec.ca, cred->rec.ca_generation, blob_bytes(&cred->rec.serial), &s));
	return s;
}

/* ---- certificates ---- */

static void test_status(void **state)
{
	const struct cred_revocation why = { .reason = "keyCompromise", .invalid_at = T0 - DAY };
	SCOPED(cred) cred = { 0 };
	SCOPED(cred) moved = { 0 };
	SCOPED(cred) released = { 0 };
	SCOPED(cred) revoked = { 0 };
	struct cred_status s;

	issue(*state, &cred);
	assert_int_equal(status_now(*state, &cred).kind, STATUS_GOOD);
	assert_int_equal(status_now(*state, &cred).not_after, cred.rec.not_after);
	OK(cred_move(*state, ref_of(&cred), VERB_HOLD, NULL, &moved));
	s = status_now(*state, &cred);
	assert_int_equal(s.kind, STATUS_REVOKED);
	assert_int_equal(s.reason, CRL_HOLD);
	OK(cred_move(*state, ref_of(&cred), VERB_RELEASE, NULL, &released));
	assert_int_equal(status_now(*state, &cred).kind, STATUS_GOOD);
	OK(cred_revoke(*state, ref_of(&cred), &why, &revoked));
	s = status_now(*state, &cred);
	assert_int_equal(s.kind, STATUS_REVOKED);
	assert_int_equal(s.reason, CRL_KEY_COMPROMISE);
	assert_int_equal(s.invalid_at, T0 - DAY);
	assert_in_range(s.revoked_at, T0, T0 + 60);
	/* another CA's, another key's, and one that was never issued */
	OK(status_of(*state, cred.rec.ca + 99, 1, blob_bytes(&cred.rec.serial), &s));
	assert_int_equal(s.kind, STATUS_UNKNOWN);
	OK(status_of(*state, cred.rec.ca, 2, blob_bytes(&cred.rec.serial), &s));
	assert_int_equal(s.kind, STATUS_UNKNOWN);
	OK(status_of(*state, cred.rec.ca, 1, BYTES("\x01\x02", 2), &s));
	assert_int_equal(s.kind, STATUS_UNKNOWN);
}

/* ---- changes ---- */

static void remember(void *arg, const struct status_change *change)
{
	struct buf *seen = arg;

	buf_add_hex(seen, blob_bytes(&change->serial));
}

static size_t follow(struct core *c, int64_t *at, bool *all)
{
	SCOPED(buf) seen = { 0 };

	OK(status_follow(c, at, remember, &seen, all));
	return seen.n / 32; /* a serial has 16 octets */
}

static void test_changes(void **state)
{
	struct core *other = office_open(office_db);
	SCOPED(cred) a = { 0 };
	SCOPED(cred) b = { 0 };
	SCOPED(cred) out = { 0 };
	SCOPED(cred) out2 = { 0 };
	SCOPED(cred) out3 = { 0 };
	const struct cred_revocation why = { .reason = "superseded" };
	int64_t at = 0, late, behind;
	bool all;

	issue(*state, &a);
	issue(*state, &b);
	OK(status_newest(other, &at));
	assert_int_equal(at, 0);
	late = at;
	/* issuing changes nothing that was said */
	assert_int_equal(follow(other, &at, &all), 0);
	assert_false(all);
	OK(cred_revoke(*state, ref_of(&a), &why, &out));
	assert_int_equal(follow(other, &at, &all), 1);
	assert_false(all);
	assert_int_equal(follow(other, &at, &all), 0);
	behind = at;
	OK(cred_move(*state, ref_of(&b), VERB_HOLD, NULL, &out2));
	OK(cred_move(*state, ref_of(&b), VERB_RELEASE, NULL, &out3));
	assert_int_equal(follow(other, &at, &all), 2);
	assert_int_equal(follow(other, &late, &all), 3);
	assert_int_equal(late, at);
	/* The newest one stays, so that numbers go on; who is far behind drops all. */
	clock_set_test(T0 + DAY);
	OK(status_purge(*state));
	assert_int_equal(follow(other, &at, &all), 0);
	assert_false(all);
	assert_int_equal(follow(other, &behind, &all), 0);
	assert_true(all);
	assert_int_equal(behind, at);
	/* A copy of the database that knows less. */
	at = 1000;
	assert_int_equal(follow(other, &at, &all), 0);
	assert_true(all);
	assert_int_equal(at, behind);
	core_close(other);
}

/* ---- who answers ---- */

static const struct status_issuer *issuer(const struct status_issuers *l, const char *name,
					  int64_t generation)
{
	for (size_t i = 0; i < l->n; i++)
		if (strcmp(l->items[i].name, name) == 0 && l->items[i].generation == generation)
			return &l->items[i];
	return NULL;
}

/* As RFC 6960 4.2.2.2 has it: by that CA's key, for this use alone, and not itself asked about. */
static void assert_signer(const struct status_issuer *i, int type)
{
	X509 *x, *ca;

	assert_non_null(i);
	assert_non_null(i->key_uri);
	x = office_x509(&i->signer);
	ca = office_x509(&i->cert);
	assert_int_equal(X509_verify(x, X509_get0_pubkey(ca)), 1);
	assert_int_equal(X509_check_issued(ca, x), X509_V_OK);
	assert_int_equal(X509_get_extended_key_usage(x), XKU_OCSP_SIGN);
	assert_true(X509_get_ext_by_NID(x, NID_id_pkix_OCSP_noCheck, -1) >= 0);
	assert_int_equal(EVP_PKEY_get_base_id(X509_get0_pubkey(x)), type);
	X509_free(x);
	X509_free(ca);
}

static void test_signers(void **state)
{
	SCOPED(status_issuers) before = { 0 };
	SCOPED(status_issuers) l = { 0 };
	SCOPED(status_issuers) again = { 0 };
	SCOPED(status_issuers) later = { 0 };

	OK(status_issuers(*state, &before));
	assert_int_equal(before.n, 2);
	assert_null(issuer(&before, "root", 1)->key_uri);
	OK(ocsp_signers_renew(*state));
	OK(status_issuers(*state, &l));
	assert_signer(issuer(&l, "root", 1), EVP_PKEY_EC);
	assert_signer(issuer(&l, "issuing", 1), EVP_PKEY_EC);
	assert_string_equal(issuer(&l, "root", 1)->tenant, "default");
	assert_int_equal(issuer(&l, "issuing", 1)->minutes, 60);
	OK(ocsp_signers_renew(*state));
	OK(status_issuers(*state, &again));
	assert_int_equal(issuer(&again, "issuing", 1)->mark, issuer(&l, "issuing", 1)->mark);
	/* 30 days: a third is left after 20 */
	clock_set_test(T0 + 19 * DAY);
	OK(ocsp_signers_renew(*state));
	clock_set_test(T0 + 21 * DAY);
	OK(ocsp_signers_renew(*state));
	OK(status_issuers(*state, &later));
	assert_int_not_equal(issuer(&later, "issuing", 1)->mark, issuer(&l, "issuing", 1)->mark);
	assert_true(issuer(&later, "issuing", 1)->signer_until >
		    issuer(&l, "issuing", 1)->signer_until + 20 * DAY);
	assert_string_equal(issuer(&later, "issuing", 1)->key_uri,
			    issuer(&l, "issuing", 1)->key_uri);
}

/* SQLite gives the number of a row that is gone again: an answer that is kept is not of who has it by then. */
static void test_number_given_again(void **state)
{
	SCOPED(status_issuers) first = { 0 };
	SCOPED(status_issuers) next = { 0 };
	char sql[80];
	long long n;

	OK(ocsp_signers_renew(*state));
	OK(status_issuers(*state, &first));
	n = office_ask(office_db, "SELECT max(id) FROM ocsp_signer");
	clock_set_test(T0 + 21 * DAY);
	OK(ocsp_signers_renew(*state));
	snprintf(sql, sizeof sql, "DELETE FROM ocsp_signer WHERE id <= %lld", n);
	office_sql(office_db, sql);
	snprintf(sql, sizeof sql, "UPDATE ocsp_signer SET id = id - %lld", n);
	office_sql(office_db, sql);
	OK(status_issuers(*state, &next));
	assert_true(issuer(&next, "issuing", 1)->signer_until > issuer(&first, "issuing", 1)->signer_until);
	assert_int_not_equal(issuer(&first, "issuing", 1)->mark, issuer(&next, "issuing", 1)->mark);
}

/* No token, no signer; and no refusal in the audit each time. */
static void test_locked(void **state)
{
	struct core *c = office_open(office_db);
	SCOPED(status_issuers) l = { 0 };
	struct event_list events = { 0 };
	const struct audit_filter f = { .newest_first = true };
	int64_t newest;

	(void)state;
	office_pin = NULL;
	OK(audit_find(c, &f, &(struct page) { .limit = 1 }, &events));
	newest = events.items[0].id;
	event_list_clear(&events);
	FAILS(INRO_E_PIN_MISSING, ocsp_signers_renew(c));
	FAILS(INRO_E_PIN_MISSING, crl_publish_due(c));
	OK(audit_find(c, &f, &(struct page) { .limit = 1 }, &events));
	assert_int_equal(events.items[0].id, newest);
	event_list_clear(&events);
	OK(status_issuers(c, &l));
	assert_null(issuer(&l, "issuing", 1)->key_uri);
	core_close(c);
}

/* A PIN that a token refused is not tried again; another one is, and it is with another token. */
static void test_wrong_pin(void **state)
{
	struct bytes pin = bytes_of("999999");

	(void)state;
	OK(refused_check("vault", pin));
	refused_note("vault", pin);
	FAILS(INRO_E_PIN_WRONG, refused_check("vault", pin));
	OK(refused_check("vault", bytes_of("9999999")));
	OK(refused_check("office", pin));
	OK(refused_check("vault", BYTES_NONE));
}

static void test_settings(void **state)
{
	static const struct ca_ocsp wrong[] = {
		{ .signs = "me" },
		{ .id = "hash" },
		{ .key_type = "aes-128" },
		{ .minutes = 366 * 24 * 60 + 1 },
	};
	SCOPED(ca_view) v = { 0 };
	SCOPED(ca_view) v2 = { 0 };
	SCOPED(ca_view) v3 = { 0 };
	SCOPED(status_issuers) l = { 0 };
	SCOPED(status_issuers) itself = { 0 };
	SCOPED(status_issuers) off = { 0 };

	for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
		SCOPED(ca_view) none = { 0 };

		assert_int_not_equal(ca_set_ocsp(*state, "issuing", &wrong[i], &none), INRO_OK);
	}
	OK(ocsp_signers_renew(*state));
	OK(ca_set_ocsp(*state, "issuing",
		       &(struct ca_ocsp) {
			       .minutes = 5, .id = "name", .token = "line", .key_type = "ed25519" },
		       &v));
	assert_int_equal(v.policy.ocsp_minutes, 5);
	OK(ocsp_signers_renew(*state));
	OK(status_issuers(*state, &l));
	assert_signer(issuer(&l, "issuing", 1), EVP_PKEY_ED25519);
	assert_non_null(strstr(issuer(&l, "issuing", 1)->key_uri, "token=line"));
	assert_true(issuer(&l, "issuing", 1)->by_name);
	assert_int_equal(issuer(&l, "issuing", 1)->minutes, 5);
	OK(ca_set_ocsp(*state, "issuing", &(struct ca_ocsp) { .signs = "ca" }, &v2));
	OK(status_issuers(*state, &itself));
	assert_true(issuer(&itself, "issuing", 1)->itself);
	assert_int_equal(issuer(&itself, "issuing", 1)->signer.n, 0);
	OK(ca_set_ocsp(*state, "issuing", &(struct ca_ocsp) { .signs = "off" }, &v3));
	OK(status_issuers(*state, &off));
	assert_null(issuer(&off, "issuing", 1));
	assert_non_null(issuer(&off, "root", 1));
}

/* What an earlier key signed is answered by a key that this key has let answer. */
static void test_earlier_key(void **state)
{
	const struct ca_rollover roll = { .name = "issuing", .token = "ca", .label = "next" };
	SCOPED(ca_view) v = { 0 };
	SCOPED(ca_view) retired = { 0 };
	SCOPED(cred) cred = { 0 };
	SCOPED(status_issuers) l = { 0 };
	SCOPED(status_issuers) after = { 0 };

	issue(*state, &cred);
	OK(ca_rollover(*state, &roll, &v));
	OK(ocsp_signers_renew(*state));
	OK(status_issuers(*state, &l));
	assert_int_equal(l.n, 3);
	assert_signer(issuer(&l, "issuing", 1), EVP_PKEY_EC);
	assert_signer(issuer(&l, "issuing", 2), EVP_PKEY_EC);
	assert_int_equal(status_now(*state, &cred).kind, STATUS_GOOD);
	/* A CA that issues no more goes on to answer. */
	OK(ca_move(*state, "issuing", VERB_RETIRE, NULL, &retired));
	clock_set_test(T0 + 25 * DAY);
	OK(ocsp_signers_renew(*state));
	OK(status_issuers(*state, &after));
	assert_true(issuer(&after, "issuing", 1)->signer_until >
		    issuer(&l, "issuing", 1)->signer_until);
	/* When the last certificate of the key is over, it is not asked about any more. */
	clock_set_test(cred.rec.not_after + DAY);
	status_issuers_clear(&after);
	OK(status_issuers(*state, &after));
	assert_null(issuer(&after, "issuing", 1));
}

/* A signer that was revoked answers no more, and another one takes his place. */
static void test_revoked_signer(void **state)
{
	SCOPED(status_issuers) l = { 0 };
	SCOPED(status_issuers) without = { 0 };
	SCOPED(status_issuers) with = { 0 };
	SCOPED(cred) out = { 0 };
	SCOPED(buf) ref = { 0 };
	SCOPED(cert) cert = { 0 };

	OK(ocsp_signers_renew(*state));
	OK(status_issuers(*state, &l));
	OK(cert_read(blob_bytes(&issuer(&l, "issuing", 1)->signer), &cert));
	buf_add_str(&ref, "serial:");
	buf_add_hex(&ref, cert.serial);
	buf_add_u8(&ref, 0);
	OK(cred_revoke(*state, (const char *)ref.p,
		       &(struct cred_revocation) { .reason = "superseded" }, &out));
	OK(status_issuers(*state, &without));
	assert_null(issuer(&without, "issuing", 1)->key_uri);
	OK(ocsp_signers_renew(*state));
	OK(status_issuers(*state, &with));
	assert_signer(issuer(&with, "issuing", 1), EVP_PKEY_EC);
}

/* ---- who signs messages ---- */

static void messages_of(struct core *c, const char *name, struct ca_messages *ret)
{
	SCOPED(ca_view) v = { 0 };

	ca_messages_clear(ret);
	OK(ca_get(c, name, &v));
	OK(ca_messages(c, &v.rec, ret));
}

static void assert_signs(struct core *c, const char *name, int type)
{
	SCOPED(ca_messages) m = { 0 };
	SCOPED(signer) s = { 0 };
	SCOPED(buf) signature = { 0 };
	X509 *x;

	messages_of(c, name, &m);
	assert_non_null(m.key_uri);
	assert_false(m.itself);
	x = office_x509(&m.cert);
	assert_int_equal(EVP_PKEY_get_base_id(X509_get0_pubkey(x)), type);
	assert_int_equal(X509_get_key_usage(x), KU_DIGITAL_SIGNATURE);
	X509_free(x);
	OK(signer_of(c, name, &s));
	assert_int_equal(s.ca.id, 0);
	OK(signer_sign(&s, s.sig, bytes_of("message"), &signature));
	OK(pubkey_verify(&s.cert.key, s.sig, bytes_of("message"), buf_bytes(&signature)));
}

/* Without one it is told what to do; then there is one for each CA, renewed in time. */
static void test_message_signers(void **state)
{
	SCOPED(ca_messages) m = { 0 };
	SCOPED(ca_messages) later = { 0 };
	SCOPED(signer) none = { 0 };
	SCOPED(cert) cert = { 0 };
	SCOPED(cred) out = { 0 };
	SCOPED(buf) ref = { 0 };

	FAILS(INRO_E_CONFIG, signer_of(*state, "issuing", &none));
	assert_non_null(strstr(err_detail(INRO_E_CONFIG), "PIN"));
	OK(message_signers_renew(*state));
	assert_signs(*state, "issuing", EVP_PKEY_EC);
	assert_signs(*state, "root", EVP_PKEY_EC);
	messages_of(*state, "issuing", &m);
	clock_set_test(T0 + 200 * DAY);
	OK(message_signers_renew(*state));
	messages_of(*state, "issuing", &later);
	assert_true(bytes_equal(blob_bytes(&m.cert), blob_bytes(&later.cert)));
	/* 397 days: a third is left after 265; the key stays */
	clock_set_test(T0 + 270 * DAY);
	OK(message_signers_renew(*state));
	messages_of(*state, "issuing", &later);
	assert_false(bytes_equal(blob_bytes(&m.cert), blob_bytes(&later.cert)));
	assert_string_equal(m.key_uri, later.key_uri);
	assert_signs(*state, "issuing", EVP_PKEY_EC);
	/* It is no answer to OCSP, and one that is revoked signs no more. */
	OK(cert_read(blob_bytes(&later.cert), &cert));
	buf_add_str(&ref, "serial:");
	buf_add_hex(&ref, cert.serial);
	buf_add_u8(&ref, 0);
	OK(cred_revoke(*state, (const char *)ref.p, &(struct cred_revocation) { .reason = "superseded" }, &out));
	FAILS(INRO_E_CONFIG, signer_of(*state, "issuing", &none));
	OK(message_signers_renew(*state));
	assert_signs(*state, "issuing", EVP_PKEY_EC);
}

static void test_message_settings(void **state)
{
	SCOPED(ca_view) v = { 0 };
	SCOPED(ca_view) v2 = { 0 };
	SCOPED(ca_view) v3 = { 0 };
	SCOPED(ca_view) none = { 0 };
	SCOPED(signer) nobody = { 0 };
	SCOPED(ca_messages) m = { 0 };
	SCOPED(status_issuers) l = { 0 };

	OK(ocsp_signers_renew(*state));
	OK(message_signers_renew(*state));
	FAILS(INRO_E_ARG, ca_set_cmp(*state, "issuing", &(struct ca_cmp) { .signs = "me" }, &none));
	FAILS(INRO_E_ARG, ca_set_cmp(*state, "issuing", &(struct ca_cmp) { .key_type = "x25519" }, &none));
	/* A CA's key that may sign certificates and lists alone signs no messages. */
	FAILS(INRO_E_POLICY, ca_set_cmp(*state, "issuing", &(struct ca_cmp) { .signs = "ca" }, &none));
	OK(ca_set_cmp(*state, "issuing", &(struct ca_cmp) { .token = "line", .key_type = "ed25519" }, &v));
	FAILS(INRO_E_CONFIG, signer_of(*state, "issuing", &nobody));
	OK(message_signers_renew(*state));
	assert_signs(*state, "issuing", EVP_PKEY_ED25519);
	messages_of(*state, "issuing", &m);
	assert_non_null(strstr(m.key_uri, "token=line"));
	/* Who answers on line is somebody else. */
	OK(status_issuers(*state, &l));
	assert_signer(issuer(&l, "issuing", 1), EVP_PKEY_EC);
	OK(ca_set_cmp(*state, "issuing", &(struct ca_cmp) { .signs = "off" }, &v2));
	FAILS(INRO_E_CONFIG, signer_of(*state, "issuing", &nobody));
	assert_non_null(strstr(err_detail(INRO_E_CONFIG), "--signer delegated"));
	OK(ca_set_cmp(*state, "issuing", &(struct ca_cmp) { .signs = "delegated" }, &v3));
	assert_signs(*state, "issuing", EVP_PKEY_ED25519);
}

/* A new key of the CA has a signer of its own; a token that is away costs no refusal. */
static void test_message_keys(void **state)
{
	const struct ca_rollover roll = { .name = "issuing", .token = "ca", .label = "next" };
	struct core *c = office_open(office_db);
	SCOPED(ca_view) v = { 0 };
	SCOPED(ca_messages) m = { 0 };
	SCOPED(signer) none = { 0 };

	OK(message_signers_renew(*state));
	OK(ca_rollover(*state, &roll, &v));
	messages_of(*state, "issuing", &m);
	assert_int_equal(m.cert.n, 0);
	OK(message_signers_renew(*state));
	assert_signs(*state, "issuing", EVP_PKEY_EC);
	office_pin = NULL;
	FAILS(INRO_E_PIN_MISSING, signer_of(c, "issuing", &none));
	clock_set_test(T0 + 270 * DAY);
	FAILS(INRO_E_PIN_MISSING, message_signers_renew(c));
	core_close(c);
}

/* ---- lists ---- */

static void read_out(struct core *c, const struct crl_out *l, struct buf *ret)
{
	bool end = false;

	for (int64_t seq = 0; !end; seq++)
		OK(crl_piece_read(c, l, seq, ret, &end));
}

static void assert_list(struct core *c, const struct crl_wish *w, int entries, struct crl_out *ret)
{
	SCOPED(buf) der = { 0 };
	const unsigned char *p;
	X509_CRL *crl;

	OK(crl_newest(c, w, ret));
	read_out(c, ret, &der);
	p = der.p;
	crl = d2i_X509_CRL(NULL, &p, (long)der.n);
	assert_non_null(crl);
	assert_ptr_equal(p, der.p + der.n);
	assert_int_equal(sk_X509_REVOKED_num(X509_CRL_get_REVOKED(crl)) > 0
				 ? sk_X509_REVOKED_num(X509_CRL_get_REVOKED(crl))
				 : 0,
			 entries);
	X509_CRL_free(crl);
}

static void test_lists(void **state)
{
	const struct crl_wish w = { .ca = "issuing" };
	SCOPED(cred) cred = { 0 };
	SCOPED(cred) out = { 0 };
	struct crl_out first, second, third;
	SCOPED(buf) der = { 0 };
	SCOPED(buf) whole = { 0 };
	bool end;

	FAILS(INRO_E_NOT_FOUND, crl_newest(*state, &w, &first));
	OK(crl_publish_due(*state));
	assert_list(*state, &w, 0, &first);
	OK(crl_published(*state, &w, &first, &whole));
	assert_int_equal(first.due_at, first.this_update + 7 * DAY - 7 * DAY / 10);
	issue(*state, &cred);
	OK(cred_revoke(*state, ref_of(&cred), &(struct cred_revocation) { .reason = NULL }, &out));
	/* seven days, of which a tenth is for a server that is away */
	clock_set_test(T0 + 6 * DAY);
	OK(crl_publish_due(*state));
	assert_list(*state, &w, 0, &second);
	assert_int_equal(second.number, first.number);
	clock_set_test(T0 + 6 * DAY + DAY / 2);
	OK(crl_publish_due(*state));
	assert_list(*state, &w, 1, &second);
	assert_true(second.number > first.number);
	/* Who was in the middle of the one before can finish it, not of that before. */
	read_out(*state, &first, &der);
	assert_true(bytes_equal(buf_bytes(&der), buf_bytes(&whole)));
	clock_set_test(T0 + 14 * DAY);
	OK(crl_publish_due(*state));
	assert_list(*state, &w, 1, &third);
	FAILS(INRO_E_NOT_FOUND, crl_piece_read(*state, &first, 0, &der, &end));
}

/* A server whose turn another one has by now leaves the lists of the next CA to that one, and says why. */
static void stopped(void *arg, const char *duty, enum inro_err e)
{
	if (strcmp(duty, "crl") == 0)
		*(enum inro_err *)arg = e;
}

static void test_turn_is_over(void **state)
{
	enum inro_err crl = INRO_OK;
	const struct duty_watch watch = { .told = stopped, .arg = &crl };
	int64_t wait;

	office_trigger(office_db, "taken", "AFTER INSERT ON crl_piece",
		       "UPDATE lease SET holder = 'another' WHERE name = 'duty/crl'");
	OK(duty_tick(*state, DUTY_QUICK, &watch, &wait));
	office_trigger_drop(office_db, "taken");
	assert_int_equal(crl, INRO_E_BUSY);
	assert_int_equal(office_ask(office_db, "SELECT count(DISTINCT ca) FROM crl_piece"), 1);
}

static void test_shards_and_deltas(void **state)
{
	const struct ca_settings set = { .crl_days = 7,
					 .overlap_hours = 24,
					 .delta_hours = 12,
					 .shards = 3,
					 .crl_url = "http://x/${shard}.crl",
					 .delta_url = "http://x/d${shard}.crl" };
	struct crl_wish w = { .ca = "issuing" };
	SCOPED(ca_view) v = { 0 };
	struct crl_out out, delta, later;

	OK(ca_set(*state, "issuing", &set, &v));
	OK(crl_publish_due(*state));
	for (w.shard = 1; w.shard <= 3; w.shard++) {
		assert_list(*state, &w, 0, &out);
		w.delta = true;
		assert_list(*state, &w, 0, &delta);
		w.delta = false;
	}
	clock_set_test(T0 + DAY);
	OK(crl_publish_due(*state));
	w = (struct crl_wish) { .ca = "issuing", .shard = 3, .delta = true };
	OK(crl_newest(*state, &w, &later));
	assert_true(later.number > delta.number);
	w.delta = false;
	OK(crl_newest(*state, &w, &later));
	assert_int_equal(later.number, out.number);
}

/* All of it, for all tenants, by one call. */
static void test_tenants(void **state)
{
	struct core_options o = office_options();
	SCOPED(tenant) t = { 0 };
	SCOPED(ca_view) v = { 0 };
	SCOPED(status_issuers) l = { 0 };
	const struct ca_request r = {
		.name = "theirs", .subject = "CN=Theirs", .token = "ca", .label = office_label
	};
	struct core *theirs;
	struct crl_out out;
	int64_t wait;

	OK(tenant_add(*state, "plant2", &t));
	o.tenant = "plant2";
	theirs = office_open_as(office_db, o);
	OK(ca_create(theirs, &r, &v));
	OK(duty_tick(*state, DUTY_QUICK, NULL, &wait));
	OK(status_issuers(*state, &l));
	assert_int_equal(l.n, 3);
	assert_signer(issuer(&l, "theirs", 1), EVP_PKEY_EC);
	assert_string_equal(issuer(&l, "theirs", 1)->tenant, "plant2");
	assert_signer(issuer(&l, "issuing", 1), EVP_PKEY_EC);
	assert_list(theirs, &(struct crl_wish) { .ca = "theirs" }, 0, &out);
	FAILS(INRO_E_NOT_FOUND, crl_newest(*state, &(struct crl_wish) { .ca = "theirs" }, &out));
	core_close(theirs);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, office_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_status),	TEST(test_changes),
		TEST(test_signers),	TEST(test_number_given_again),
		TEST(test_locked),
		TEST(test_wrong_pin),	TEST(test_settings),
		TEST(test_earlier_key), TEST(test_revoked_signer),
		TEST(test_lists),	TEST(test_turn_is_over),
		TEST(test_shards_and_deltas),
		TEST(test_tenants),	TEST(test_message_signers),
		TEST(test_message_keys), TEST(test_message_settings),
	};

	return cmocka_run_group_tests(tests, office_with_key, office_drop_key);
}
