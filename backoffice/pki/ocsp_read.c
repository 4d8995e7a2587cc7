/* ocsp_read - a question as DER becomes facts; see ocsp.h. */
#include "backoffice/pki/ocsp.h"

#include "base/der.h"

#define SERIAL_READ_MAX 64 /* octets; ours are shorter, and others' are just not known */

static const struct bytes oid_sha1 = BYTES_LIT("\x2b\x0e\x03\x02\x1a"),
			  oid_sha256 = BYTES_LIT("\x60\x86\x48\x01\x65\x03\x04\x02\x01"),
			  oid_nonce = BYTES_LIT("\x2b\x06\x01\x05\x05\x07\x30\x01\x02");

static enum inro_err bad(const char *why)
{
	return err_set(INRO_E_SYNTAX, "not an OCSP request: %s", why);
}

/* What a hash has to be of, so that it can be compared at all. */
static bool hash_fits(const struct ocsp_cert_id *id)
{
	size_t n = ocsp_hash_octets(id->hash);

	return id->hash == OCSP_HASH__MAX || (id->name.n == n && id->key.n == n);
}

static enum inro_err read_hash(struct bytes *in, struct ocsp_cert_id *id)
{
	struct bytes algorithm, oid, nothing;
	enum inro_err e = der_take(in, DER_SEQUENCE, &algorithm);

	if (!e)
		e = der_take(&algorithm, DER_OID, &oid);
	if (e)
		return e;
	id->hash = bytes_equal(oid, oid_sha1)	  ? OCSP_SHA1
		   : bytes_equal(oid, oid_sha256) ? OCSP_SHA256
						  : OCSP_HASH__MAX;
	id->with_null = algorithm.n != 0;
	if (id->hash == OCSP_HASH__MAX || !id->with_null)
		return INRO_OK;
	return der_only(algorithm, DER_NULL, &nothing) || nothing.n
		       ? bad("a hash with parameters")
		       : INRO_OK;
}

static enum inro_err read_cert_id(struct bytes whole, struct ocsp_cert_id *id)
{
	struct bytes in;
	enum inro_err e = der_only(whole, DER_SEQUENCE, &in);

	id->whole = whole;
	if (!e)
		e = read_hash(&in, id);
	if (!e)
		e = der_take(&in, DER_OCTET_STRING, &id->name);
	if (!e)
		e = der_take(&in, DER_OCTET_STRING, &id->key);
	if (!e)
		e = der_take_unsigned(&in, &id->serial);
	if (e)
		return e;
	if (in.n || !hash_fits(id))
		return bad("a hash of another length");
	return id->serial.n > SERIAL_READ_MAX ? bad("a serial that is too long") : INRO_OK;
}

static enum inro_err read_nonce(struct bytes value, struct bytes *ret)
{
	struct bytes nonce;
	enum inro_err e = der_only(value, DER_OCTET_STRING, &nonce);

	if (e || nonce.n < 1 || nonce.n > OCSP_NONCE_MAX || ret->n)
		return bad("a nonce has from 1 to 128 octets, and there is one");
	*ret = nonce;
	return INRO_OK;
}

/* nonce NULL: those of a single question, which has none. */
static enum inro_err read_extensions(struct bytes wrapped, struct bytes *nonce)
{
	struct bytes list;
	enum inro_err e = der_only(wrapped, DER_SEQUENCE, &list);

	while (!e && list.n) {
		struct ext_one one;

		e = ext_next(&list, &one);
		if (e)
			break;
		if (nonce && bytes_equal(one.oid, oid_nonce))
			e = read_nonce(one.value, nonce);
		else if (one.critical)
			e = err_set(INRO_E_UNSUPPORTED,
				    "an OCSP request with a critical extension that is not known");
	}
	return e;
}

/* [tag] EXPLICIT with something in it, which may be missing: *ret is empty then. */
static enum inro_err take_optional(struct bytes *in, unsigned tag, struct bytes *ret)
{
	uint8_t octet = (uint8_t)(DER_CONTEXT_CONSTRUCTED | tag);
	enum inro_err e;

	*ret = BYTES_NONE;
	if (der_peek(*in) != octet)
		return INRO_OK;
	e = der_take(in, octet, ret);
	return !e && !ret->n ? bad("an empty element") : e;
}

static enum inro_err read_one(struct bytes *list, struct ocsp_cert_id *id)
{
	struct bytes one, whole, extensions;
	enum inro_err e = der_take(list, DER_SEQUENCE, &one);

	if (!e)
		e = der_take_whole(&one, DER_SEQUENCE, &whole);
	if (!e)
		e = read_cert_id(whole, id);
	if (!e)
		e = take_optional(&one, 0, &extensions);
	if (!e && one.n)
		e = bad("something behind a certificate's id");
	return !e && extensions.n ? read_extensions(extensions, NULL) : e;
}

static enum inro_err read_list(struct bytes list, struct ocsp_request *r)
{
	enum inro_err e = INRO_OK;

	while (!e && list.n) {
		if (r->n == OCSP_ASKED_MAX)
			return err_set(INRO_E_TOO_BIG,
				       "an OCSP request for more than %d certificates",
				       OCSP_ASKED_MAX);
		e = read_one(&list, &r->asked[r->n]);
		r->n += !e;
	}
	return !e && !r->n ? bad("it asks for nothing") : e;
}

/* Version 1, said or not, and somebody's name, which is not looked at. */
static enum inro_err read_head(struct bytes *tbs)
{
	struct bytes version, who;
	int64_t v = 0;
	enum inro_err e = take_optional(tbs, 0, &version);

	if (!e && version.n)
		e = der_take_int(&version, &v);
	if (!e && (version.n || v))
		e = bad("another version");
	return e ? e : take_optional(tbs, 1, &who);
}

static enum inro_err read_tbs(struct bytes tbs, struct ocsp_request *r)
{
	struct bytes list, extensions;
	enum inro_err e = read_head(&tbs);

	if (!e)
		e = der_take(&tbs, DER_SEQUENCE, &list);
	if (!e)
		e = read_list(list, r);
	if (!e)
		e = take_optional(&tbs, 2, &extensions);
	if (!e && tbs.n)
		e = bad("something behind it");
	return !e && extensions.n ? read_extensions(extensions, &r->nonce) : e;
}

enum inro_err ocsp_request_read(struct bytes der, struct ocsp_request *ret)
{
	struct bytes in, tbs, signature;
	enum inro_err e;

	if (der.n > OCSP_REQUEST_MAX)
		return err_set(INRO_E_TOO_BIG, "an OCSP request of more than %d octets",
			       OCSP_REQUEST_MAX);
	ret->n = 0;
	ret->nonce = BYTES_NONE;
	e = der_only(der, DER_SEQUENCE, &in);
	if (!e)
		e = der_take(&in, DER_SEQUENCE, &tbs);
	if (!e)
		e = take_optional(&in, 0, &signature);
	if (!e && in.n)
		e = bad("something behind it");
	return e ? e : read_tbs(tbs, ret);
}
