/* cmp_ask - see cmp_ask.h. */
#include "backoffice/pki/cmp_ask.h"
#include "backoffice/pki/ext.h"
#include "base/der.h"

const struct bytes cmp_oid_ca_certs = BYTES_LIT("\x2b\x06\x01\x05\x05\x07\x04\x11");

static const struct bytes oid_reason = BYTES_LIT("\x55\x1d\x15");

/* ---- written ---- */

void cmp_add_p10(struct buf *b, struct bytes csr)
{
	size_t body = der_begin(b, DER_EXPLICIT(CMP_P10CR));

	buf_add(b, csr);
	der_end(b, body);
}

void cmp_add_poll_again(struct buf *b, int64_t request)
{
	size_t body = der_begin(b, DER_EXPLICIT(CMP_POLLREQ)), list = der_begin(b, DER_SEQUENCE),
	       one = der_begin(b, DER_SEQUENCE);

	der_add_int(b, request);
	der_end(b, one);
	der_end(b, list);
	der_end(b, body);
}

void cmp_add_confirm(struct buf *b, const struct cmp_confirmation *c)
{
	size_t body = der_begin(b, DER_EXPLICIT(CMP_CERTCONF)), list = der_begin(b, DER_SEQUENCE),
	       one = der_begin(b, DER_SEQUENCE);

	der_add(b, DER_OCTET_STRING, c->hash);
	der_add_int(b, c->request);
	if (c->rejected)
		cmp_add_status(b, CMP_REJECTION, CMP_FAIL_NONE, "the certificate is not what was asked for");
	der_end(b, one);
	der_end(b, list);
	der_end(b, body);
}

static void add_reason(struct buf *b, unsigned reason)
{
	const uint8_t value[] = { DER_ENUMERATED, 1, (uint8_t)reason };

	ext_add_other(b, oid_reason, false, BYTES(value, sizeof value));
}

/* CertTemplate's fields are tagged implicitly, but for names (RFC 4211 5). */
static void add_id(struct buf *b, struct bytes issuer, struct bytes serial)
{
	size_t template = der_begin(b, DER_SEQUENCE), number = der_begin(b, DER_CONTEXT | 1), name;

	if (serial.n && serial.p[0] & 0x80)
		buf_add_u8(b, 0);
	buf_add(b, serial);
	der_end(b, number);
	name = der_begin(b, DER_EXPLICIT(3));
	buf_add(b, issuer);
	der_end(b, name);
	der_end(b, template);
}

void cmp_add_revocation(struct buf *b, struct bytes issuer, struct bytes serial, unsigned reason)
{
	size_t body = der_begin(b, DER_EXPLICIT(CMP_RR)), list = der_begin(b, DER_SEQUENCE),
	       one = der_begin(b, DER_SEQUENCE), details;

	add_id(b, issuer, serial);
	details = der_begin(b, DER_SEQUENCE);
	add_reason(b, reason);
	der_end(b, details);
	der_end(b, one);
	der_end(b, list);
	der_end(b, body);
}

void cmp_add_question(struct buf *b, struct bytes oid)
{
	size_t body = der_begin(b, DER_EXPLICIT(CMP_GENM)), list = der_begin(b, DER_SEQUENCE),
	       one = der_begin(b, DER_SEQUENCE);

	der_add(b, DER_OID, oid);
	der_end(b, one);
	der_end(b, list);
	der_end(b, body);
}

/* ---- read ---- */

static enum inro_err first_text(struct bytes list, struct bytes *ret)
{
	return list.n ? der_take(&list, DER_UTF8_STRING, ret) : INRO_OK;
}

static uint32_t fail_bits(struct bytes octets)
{
	uint32_t bits = 0;

	for (unsigned i = 0; i < CMP_FAIL__MAX && i / 8 < octets.n; i++)
		if (octets.p[i / 8] >> (7 - i % 8) & 1)
			bits |= UINT32_C(1) << i;
	return bits;
}

/* der_take_bits() takes whole octets only; here most bits are unused. */
static enum inro_err take_fails(struct bytes *in, uint32_t *ret)
{
	struct bytes v;
	enum inro_err e = der_take(in, DER_BIT_STRING, &v);

	if (e)
		return e;
	if (!v.n || v.p[0] > 7 || v.n > 8)
		return err_set(INRO_E_SYNTAX, "failInfo that is none");
	*ret = fail_bits(BYTES(v.p + 1, v.n - 1));
	return INRO_OK;
}

static enum inro_err take_said(struct bytes *in, struct cmp_said *ret)
{
	struct bytes info, list;
	enum inro_err e = der_take(in, DER_SEQUENCE, &info);

	if (!e)
		e = der_take_int(&info, &ret->status);
	if (!e && der_peek(info) == DER_SEQUENCE) {
		e = der_take(&info, DER_SEQUENCE, &list);
		if (!e)
			e = first_text(list, &ret->text);
	}
	if (!e && der_peek(info) == DER_BIT_STRING)
		e = take_fails(&info, &ret->fails);
	if (!e && info.n)
		e = err_set(INRO_E_SYNTAX, "something follows a status");
	return e;
}

static enum inro_err take_pair(struct bytes *in, struct bytes *ret)
{
	struct bytes pair, cert;
	enum inro_err e;

	if (der_peek(*in) != DER_SEQUENCE)
		return INRO_OK;
	e = der_take(in, DER_SEQUENCE, &pair);
	if (!e && der_peek(pair) != (int)DER_EXPLICIT(0))
		return err_set(INRO_E_UNSUPPORTED, "the certificate came encrypted");
	if (!e)
		e = der_take(&pair, DER_EXPLICIT(0), &cert);
	if (!e)
		e = der_take_whole(&cert, DER_SEQUENCE, ret);
	if (!e && (cert.n || pair.n))
		e = err_set(INRO_E_SYNTAX, "more than a certificate came");
	return e;
}

static enum inro_err read_one(struct bytes one, struct cmp_came *c)
{
	struct bytes in, skip;
	enum inro_err e = der_only(one, DER_SEQUENCE, &in);

	if (!e)
		e = der_take_int(&in, &c->request);
	if (!e)
		e = take_said(&in, &c->said);
	if (!e)
		e = take_pair(&in, &c->cert);
	if (!e && der_peek(in) == DER_OCTET_STRING)
		e = der_take(&in, DER_OCTET_STRING, &skip);
	if (!e && in.n)
		e = err_set(INRO_E_SYNTAX, "something follows an answer");
	return e;
}

enum inro_err cmp_read_answer(struct bytes body, struct cmp_came *ret)
{
	struct cmp_came c = { 0 };
	struct bytes in, skip, list, one;
	enum inro_err e = der_only(body, DER_SEQUENCE, &in);

	if (!e && der_peek(in) == (int)DER_EXPLICIT(1))
		e = der_take(&in, DER_EXPLICIT(1), &skip);
	if (!e)
		e = der_take_whole(&in, DER_SEQUENCE, &list);
	if (!e && in.n)
		e = err_set(INRO_E_SYNTAX, "something follows the answers");
	if (!e)
		e = cmp_only_one(list, &one);
	if (!e)
		e = read_one(one, &c);
	if (!e)
		*ret = c;
	return e;
}

enum inro_err cmp_read_poll(struct bytes body, int64_t *ret_request, int64_t *ret_after)
{
	struct bytes one, in;
	enum inro_err e = cmp_only_one(body, &one);

	if (!e)
		e = der_only(one, DER_SEQUENCE, &in);
	if (!e)
		e = der_take_int(&in, ret_request);
	return e ? e : der_take_int(&in, ret_after);
}

/* What may follow the status (revCerts, crls) says nothing new. */
enum inro_err cmp_read_revoked(struct bytes body, struct cmp_said *ret)
{
	struct cmp_said said = { 0 };
	struct bytes in, list;
	enum inro_err e = der_only(body, DER_SEQUENCE, &in);

	if (!e)
		e = der_take(&in, DER_SEQUENCE, &list);
	if (!e)
		e = take_said(&list, &said);
	if (!e && list.n)
		e = err_set(INRO_E_UNSUPPORTED, "more answers than questions");
	if (!e)
		*ret = said;
	return e;
}

enum inro_err cmp_read_error(struct bytes body, struct cmp_said *ret)
{
	struct cmp_said said = { 0 };
	struct bytes in;
	enum inro_err e = der_only(body, DER_SEQUENCE, &in);

	if (!e)
		e = take_said(&in, &said);
	if (!e)
		*ret = said;
	return e;
}

enum inro_err cmp_next_cert(struct bytes *certs, struct bytes *ret)
{
	return der_take_whole(certs, DER_SEQUENCE, ret);
}
