#include "backoffice/pki/cert.h"

#include <string.h>

#include "backoffice/pki/dn.h"
#include "backoffice/pki/pem.h"
#include "base/der.h"
#include "base/secret.h"
#include "base/x509.h"

#define ISSUER_UNIQUE_ID  (DER_CONTEXT | 1)
#define SUBJECT_UNIQUE_ID (DER_CONTEXT | 2)
#define EXTENSIONS	  (DER_CONTEXT_CONSTRUCTED | 3)
#define V3		  2

/* v: the content of [0]. */
static enum inro_err read_version(struct bytes v, int64_t *ret)
{
	enum inro_err e;

	*ret = 0;
	if (!v.p)
		return INRO_OK;
	e = der_take_int(&v, ret);
	if (!e && (v.n || *ret < 1 || *ret > V3))
		e = err_set(INRO_E_UNSUPPORTED, "an X.509 version that there is not");
	return e;
}

static enum inro_err read_serial(struct bytes in, struct bytes *ret)
{
	enum inro_err e = der_take_unsigned(&in, ret);

	if (!e && (ret->n > CERT_SERIAL_MAX || (ret->n == 1 && ret->p[0] == 0)))
		e = err_set(INRO_E_SYNTAX, "a serial number that is 0 or longer than %d octets",
			    CERT_SERIAL_MAX);
	return e;
}

static enum inro_err read_validity(struct bytes v, struct cert *c)
{
	enum inro_err e = der_take_time(&v, &c->not_before);

	if (!e)
		e = der_take_time(&v, &c->not_after);
	if (!e && v.n)
		e = err_set(INRO_E_SYNTAX, "something follows the validity");
	return e;
}

static enum inro_err read_tail(struct bytes in, int64_t version, struct cert *c)
{
	struct bytes skipped, wrapped, list;
	enum inro_err e = INRO_OK;

	if (der_peek(in) == ISSUER_UNIQUE_ID)
		e = der_take(&in, ISSUER_UNIQUE_ID, &skipped);
	if (!e && der_peek(in) == SUBJECT_UNIQUE_ID)
		e = der_take(&in, SUBJECT_UNIQUE_ID, &skipped);
	if (e || in.n == 0)
		return e;
	if (version != V3)
		return err_set(INRO_E_SYNTAX, "extensions in a certificate that is not version 3");
	e = der_take(&in, EXTENSIONS, &wrapped);
	if (!e && in.n)
		e = err_set(INRO_E_SYNTAX, "something follows the extensions");
	if (!e)
		e = der_only(wrapped, DER_SEQUENCE, &list);
	return e ? e : ext_read(list, &c->ext);
}

/* *ret_algorithm: the AlgorithmIdentifier inside, which must be the one outside. */
static enum inro_err read_tbs(struct bytes tbs, struct cert *c, struct bytes *ret_algorithm)
{
	struct x509 x = { 0 };
	int64_t version = 0;
	enum inro_err e = x509_read_tbs(tbs, &x);

	if (!e)
		e = read_version(x.version, &version);
	if (!e)
		e = read_serial(x.serial, &c->serial);
	if (!e)
		e = read_validity(x.validity, c);
	if (!e)
		e = pubkey_read(x.spki, &c->key);
	if (!e)
		e = read_tail(x.rest, version, c);
	if (!e)
		e = pki_sig_find(x.algorithm, &c->sig);
	c->issuer = x.issuer;
	c->subject = x.subject;
	c->self_issued = bytes_equal(c->issuer, c->subject);
	c->tbs = tbs;
	*ret_algorithm = x.algorithm;
	return e;
}

enum inro_err cert_read_tbs(struct bytes tbs, struct cert *ret)
{
	struct cert c = { .ext = { .path_len = EXT_PATH_LEN_NONE } };
	struct bytes algorithm;
	enum inro_err e = read_tbs(tbs, &c, &algorithm);

	if (!e)
		*ret = c;
	return e;
}

/* The three parts of a certificate. */
struct parts {
	struct bytes tbs, algorithm, signature;
};

static enum inro_err read_parts(struct bytes der, struct parts *p)
{
	struct bytes in;
	enum inro_err e = der_only(der, DER_SEQUENCE, &in);

	if (!e)
		e = der_take_whole(&in, DER_SEQUENCE, &p->tbs);
	if (!e)
		e = der_take_whole(&in, DER_SEQUENCE, &p->algorithm);
	if (!e)
		e = der_take_bits(&in, &p->signature);
	if (!e && in.n)
		e = err_set(INRO_E_SYNTAX, "something follows the signature");
	return e;
}

static enum inro_err two_algorithms(void)
{
	return err_set(INRO_E_SYNTAX, "it names two signature algorithms");
}

static enum inro_err read_cert(struct cert *c)
{
	struct parts p;
	struct bytes inner;
	enum inro_err e = read_parts(buf_bytes(&c->der), &p);

	if (!e)
		e = read_tbs(p.tbs, c, &inner);
	if (!e && !bytes_equal(inner, p.algorithm))
		e = two_algorithms();
	if (!e)
		c->signature = p.signature;
	return e;
}

static enum inro_err read_fingerprint(struct cert *c, struct bytes der)
{
	uint8_t digest[PKI_DIGEST_MAX];
	enum inro_err e = pki_digest(PKI_SHA256, der, digest);

	if (!e)
		memcpy(c->fingerprint, digest, CERT_FINGERPRINT);
	return e;
}

enum inro_err cert_read(struct bytes input, struct cert *ret)
{
	SCOPED(cert) c = { .ext = { .path_len = EXT_PATH_LEN_NONE } };
	enum inro_err e = pem_or_der(input, PEM_CERT, CERT_MAX, "certificate", &c.der);

	if (!e)
		e = read_cert(&c);
	if (!e)
		e = read_fingerprint(&c, buf_bytes(&c.der));
	if (e)
		return err_context(e, "certificate");
	*ret = c;
	c = (struct cert) { 0 };
	return INRO_OK;
}

enum inro_err cert_complete(struct cert *c, struct bytes der)
{
	struct parts p;
	enum inro_err e = read_parts(der, &p);

	if (!e && der.n > CERT_MAX)
		e = err_set(INRO_E_TOO_BIG, "it is longer than %zu octets", CERT_MAX);
	if (!e && !bytes_equal(p.tbs, c->tbs))
		e = err_set(INRO_E_SYNTAX, "it is not what was to be signed");
	if (!e && !bytes_equal(p.algorithm, c->sig->identifier))
		e = two_algorithms();
	if (!e)
		e = read_fingerprint(c, der);
	if (e)
		return err_context(e, "certificate");
	c->signature = p.signature;
	return INRO_OK;
}

void cert_clear(struct cert *c)
{
	buf_clear(&c->der);
	*c = (struct cert) { 0 };
}

enum inro_err cert_verify(const struct cert *c, const struct pubkey *issuer)
{
	enum inro_err e = pubkey_verify(issuer, c->sig, c->tbs, c->signature);

	return e ? err_context(e, "certificate") : INRO_OK;
}

bool cert_may_sign(const struct cert *c)
{
	return !c->ext.has_key_usage || c->ext.key_usage & USAGE_DIGITAL_SIGNATURE;
}

enum inro_err cert_check_ca(const struct cert *c)
{
	if (!c->ext.has_constraints || !c->ext.ca)
		return err_set(INRO_E_POLICY, "the certificate is not that of a CA");
	if (c->ext.has_key_usage && !(c->ext.key_usage & USAGE_KEY_CERT_SIGN))
		return err_set(INRO_E_POLICY, "the CA's certificate does not allow its key to sign "
					      "certificates");
	if (dn_is_empty(c->subject)) /* RFC 5280 4.1.2.6 */
		return err_set(INRO_E_POLICY, "the CA's certificate has no subject");
	return INRO_OK;
}

enum inro_err cert_serial(uint8_t ret[static CERT_SERIAL_OCTETS])
{
	enum inro_err e = random_fill(ret, CERT_SERIAL_OCTETS);

	if (!e)
		ret[0] = (uint8_t)((ret[0] & 0x3f) | 0x40);
	return e;
}
