/* foreign - see foreign.h. */
#include "tests/lib/foreign.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>
#include <openssl/x509v3.h>

#include "base/clock.h"
#include "tests/lib/office.h"

#define DAY 86400

static void add_ext(X509 *x, X509 *issuer, int nid, const char *value)
{
	X509V3_CTX ctx;
	X509_EXTENSION *ext;

	X509V3_set_ctx(&ctx, issuer, x, NULL, NULL, 0);
	ext = X509V3_EXT_conf_nid(NULL, &ctx, nid, value);
	assert_non_null(ext);
	assert_true(X509_add_ext(x, ext, -1));
	X509_EXTENSION_free(ext);
}

/* Without its extensions and not signed; issuer NULL: itself. */
static X509 *begin_cert(const char *cn, EVP_PKEY *key, const X509 *issuer, int days)
{
	static long serial = 7;
	X509 *x = X509_new();
	X509_NAME *name = X509_get_subject_name(x);

	X509_set_version(x, X509_VERSION_3);
	ASN1_INTEGER_set(X509_get_serialNumber(x), serial++);
	if (cn)
		assert_true(X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_UTF8, (const unsigned char *)cn, -1, -1, 0));
	X509_set_issuer_name(x, issuer ? X509_get_subject_name(issuer) : name);
	ASN1_TIME_set(X509_getm_notBefore(x), (time_t)(clock_now() - DAY));
	ASN1_TIME_set(X509_getm_notAfter(x), (time_t)(clock_now() + (int64_t)days * DAY));
	X509_set_pubkey(x, key);
	return x;
}

void foreign_open(struct foreign *f, const char *cn, int days)
{
	foreign_open_for(f, cn, days, "critical,keyCertSign,cRLSign,digitalSignature");
}

void foreign_open_for(struct foreign *f, const char *cn, int days, const char *usage)
{
	f->key = office_key("P-256");
	f->cert = begin_cert(cn, f->key, NULL, days);
	add_ext(f->cert, f->cert, NID_basic_constraints, "critical,CA:TRUE");
	add_ext(f->cert, f->cert, NID_subject_key_identifier, "hash");
	add_ext(f->cert, f->cert, NID_key_usage, usage);
	assert_true(X509_sign(f->cert, f->key, EVP_sha256()) > 0);
}

void foreign_close(struct foreign *f)
{
	EVP_PKEY_free(f->key);
	X509_free(f->cert);
	*f = (struct foreign) { 0 };
}

X509 *foreign_certify(const struct foreign *f, const char *cn, EVP_PKEY *key, int days)
{
	X509 *x = begin_cert(cn, key, f->cert, days);

	add_ext(x, f->cert, NID_basic_constraints, "CA:FALSE");
	add_ext(x, f->cert, NID_subject_key_identifier, "hash");
	add_ext(x, f->cert, NID_key_usage, "critical,digitalSignature");
	assert_true(X509_sign(x, f->key, EVP_sha256()) > 0);
	return x;
}

X509 *foreign_answer(const struct foreign *f, const char *cn, struct bytes csr, int days)
{
	const unsigned char *p = csr.p;
	X509_REQ *req = d2i_X509_REQ(NULL, &p, (long)csr.n);
	X509 *x;

	assert_non_null(req);
	x = foreign_certify(f, cn, X509_REQ_get0_pubkey(req), days);
	X509_REQ_free(req);
	return x;
}

void foreign_der(X509 *x, struct buf *ret)
{
	unsigned char *der = NULL;
	int n = i2d_X509(x, &der);

	assert_true(n > 0);
	buf_add(ret, BYTES(der, (size_t)n));
	assert_int_equal(buf_err(ret), INRO_OK);
	OPENSSL_free(der);
}

static X509_REVOKED *entry_of(const ASN1_INTEGER *serial, int reason)
{
	X509_REVOKED *r = X509_REVOKED_new();
	ASN1_TIME *at = ASN1_TIME_set(NULL, (time_t)clock_now());
	ASN1_ENUMERATED *why = ASN1_ENUMERATED_new();
	ASN1_INTEGER *copy = ASN1_INTEGER_dup(serial);

	assert_true(X509_REVOKED_set_serialNumber(r, copy));
	assert_true(X509_REVOKED_set_revocationDate(r, at));
	assert_true(ASN1_ENUMERATED_set(why, reason));
	assert_true(X509_REVOKED_add1_ext_i2d(r, NID_crl_reason, why, 0, 0));
	ASN1_INTEGER_free(copy);
	ASN1_TIME_free(at);
	ASN1_ENUMERATED_free(why);
	return r;
}

void foreign_list(const struct foreign *f, int number, const ASN1_INTEGER *serial, int reason, struct buf *ret)
{
	foreign_list_times(f, number, serial, reason, 1, ret);
}

void foreign_list_times(const struct foreign *f, int number, const ASN1_INTEGER *serial, int reason, int times,
			struct buf *ret)
{
	X509_CRL *list = X509_CRL_new();
	ASN1_TIME *now = ASN1_TIME_set(NULL, (time_t)clock_now());
	ASN1_TIME *next = ASN1_TIME_set(NULL, (time_t)(clock_now() + DAY));
	ASN1_INTEGER *n = ASN1_INTEGER_new();
	AUTHORITY_KEYID *by = AUTHORITY_KEYID_new();
	unsigned char *der = NULL;
	int octets;

	by->keyid = ASN1_OCTET_STRING_dup(X509_get0_subject_key_id(f->cert));
	assert_true(ASN1_INTEGER_set(n, number));
	assert_true(X509_CRL_set_version(list, X509_CRL_VERSION_2));
	assert_true(X509_CRL_set_issuer_name(list, X509_get_subject_name(f->cert)));
	assert_true(X509_CRL_set1_lastUpdate(list, now));
	assert_true(X509_CRL_set1_nextUpdate(list, next));
	assert_true(X509_CRL_add1_ext_i2d(list, NID_authority_key_identifier, by, 0, 0));
	assert_true(X509_CRL_add1_ext_i2d(list, NID_crl_number, n, 0, 0));
	for (int i = 0; i < times; i++)
		assert_true(X509_CRL_add0_revoked(list, entry_of(serial, reason)));
	assert_true(X509_CRL_sign(list, f->key, EVP_sha256()) > 0);
	octets = i2d_X509_CRL(list, &der);
	assert_true(octets > 0);
	buf_add(ret, BYTES(der, (size_t)octets));
	assert_int_equal(buf_err(ret), INRO_OK);
	OPENSSL_free(der);
	AUTHORITY_KEYID_free(by);
	ASN1_INTEGER_free(n);
	ASN1_TIME_free(now);
	ASN1_TIME_free(next);
	X509_CRL_free(list);
}

enum inro_err foreign_connect(const struct foreign *f, struct core *c, struct ca_connection in, struct ca_view *ret)
{
	SCOPED(buf) der = { 0 };
	SCOPED(ca_view) unread = { 0 };

	foreign_der(f->cert, &der);
	in.in.cert = buf_bytes(&der);
	return ca_connect(c, &in, ret ? ret : &unread);
}

struct bringing {
	struct bytes left;
	struct foreign_brought came;
	size_t n;
};

/* Once. */
static enum inro_err pull(void *arg, struct bytes *ret)
{
	struct bringing *b = arg;

	*ret = b->left;
	b->left = BYTES_NONE;
	return INRO_OK;
}

static void arrived(void *arg, const struct ca_collected *one)
{
	struct bringing *b = arg;

	b->came = (struct foreign_brought) { .error = one->error,
					     .unrequested = one->unrequested,
					     .credential = one->error ? 0 : one->cred.rec.id };
	b->n++;
}

struct foreign_brought foreign_bring(struct core *c, const char *ca, X509 *x, bool unrequested)
{
	SCOPED(buf) der = { 0 };
	struct bringing b = { 0 };
	const struct ca_incoming in = { .files = pull, .arg = &b, .unrequested = unrequested };

	foreign_der(x, &der);
	b.left = buf_bytes(&der);
	assert_int_equal(ca_collect(c, ca, &in, arrived, &b), INRO_OK);
	assert_int_equal(b.n, 1);
	return b.came;
}
