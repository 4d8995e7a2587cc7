/* cmp_read - messages read; see cmp.h. */
#include "backoffice/pki/cmp.h"
#include "base/der.h"

#define INFOS_MAX 32

const struct bytes cmp_oid_implicit = BYTES_LIT("\x2b\x06\x01\x05\x05\x07\x04\x0d");

/* ---- the header ---- */

/* What is in the explicit tag, one element of that kind; false: the tag is not there. */
static bool optional(struct bytes *in, unsigned number, uint8_t tag, struct bytes *ret,
		     enum inro_err *e)
{
	struct bytes inner;

	if (*e || der_peek(*in) != (int)DER_EXPLICIT(number))
		return false;
	*e = der_take(in, DER_EXPLICIT(number), &inner);
	if (!*e)
		*e = der_take(&inner, tag, ret);
	if (!*e && inner.n)
		*e = err_set(INRO_E_SYNTAX, "more than one thing where one belongs");
	return !*e;
}

static enum inro_err read_time(struct bytes *in, struct cmp_message *m)
{
	struct bytes time;
	enum inro_err e;

	if (der_peek(*in) != (int)DER_EXPLICIT(0))
		return INRO_OK;
	e = der_take(in, DER_EXPLICIT(0), &time);
	if (!e && der_peek(time) != DER_GENERALIZED_TIME)
		return err_set(INRO_E_SYNTAX, "a message's time that is none");
	return e ? e : der_take_time(&time, &m->time);
}

static enum inro_err read_algorithm(struct bytes *in, struct cmp_message *m)
{
	struct bytes inner;
	enum inro_err e;

	if (der_peek(*in) != (int)DER_EXPLICIT(1))
		return INRO_OK;
	e = der_take(in, DER_EXPLICIT(1), &inner);
	return e ? e : der_take_whole(&inner, DER_SEQUENCE, &m->algorithm);
}

enum inro_err cmp_next_info(struct bytes *infos, struct bytes *ret_oid, struct bytes *ret_value)
{
	struct bytes one;
	enum inro_err e = der_take(infos, DER_SEQUENCE, &one);

	if (!e)
		e = der_take(&one, DER_OID, ret_oid);
	if (!e)
		*ret_value = one;
	return e;
}

static enum inro_err read_infos(struct bytes in, struct cmp_message *m)
{
	enum inro_err e = INRO_OK;

	for (int n = 0; !e && in.n; n++) {
		struct bytes oid, value;

		if (n == INFOS_MAX)
			return err_set(INRO_E_TOO_BIG, "more than %d entries of general information",
				       INFOS_MAX);
		e = cmp_next_info(&in, &oid, &value);
		m->implicit_confirm |= !e && bytes_equal(oid, cmp_oid_implicit);
	}
	return e;
}

static enum inro_err bounded(struct bytes b, size_t max, const char *what, enum inro_err e)
{
	if (e || b.n <= max)
		return e;
	return err_set(INRO_E_TOO_BIG, "a %s of %zu octets", what, b.n);
}

static enum inro_err read_header(struct bytes in, struct cmp_message *m)
{
	struct der name;
	struct bytes skip, infos = BYTES_NONE;
	enum inro_err e = der_take_int(&in, &m->version);

	if (!e)
		e = der_next(&in, &name);
	m->sender = e ? BYTES_NONE : name.whole;
	if (!e)
		e = der_next(&in, &name);
	m->recipient = e ? BYTES_NONE : name.whole;
	if (!e)
		e = read_time(&in, m);
	if (!e)
		e = read_algorithm(&in, m);
	optional(&in, 2, DER_OCTET_STRING, &m->sender_kid, &e);
	optional(&in, 3, DER_OCTET_STRING, &skip, &e);
	optional(&in, 4, DER_OCTET_STRING, &m->id, &e);
	optional(&in, 5, DER_OCTET_STRING, &m->sender_nonce, &e);
	optional(&in, 6, DER_OCTET_STRING, &m->recip_nonce, &e);
	optional(&in, 7, DER_SEQUENCE, &skip, &e);
	if (optional(&in, 8, DER_SEQUENCE, &infos, &e))
		e = read_infos(infos, m);
	if (!e && in.n)
		e = err_set(INRO_E_SYNTAX, "something follows the header");
	e = bounded(m->sender_kid, CMP_KID_MAX, "senderKID", e);
	e = bounded(m->sender_nonce, CMP_NONCE_MAX, "senderNonce", e);
	e = bounded(m->recip_nonce, CMP_NONCE_MAX, "recipNonce", e);
	return bounded(m->id, CMP_ID_MAX, "transactionID", e);
}

/* ---- the message ---- */

static enum inro_err read_body(struct bytes *in, struct cmp_message *m)
{
	struct der d;
	enum inro_err e = der_next(in, &d);

	if (e)
		return e;
	if ((d.tag & 0xe0) != DER_CONTEXT_CONSTRUCTED)
		return err_set(INRO_E_SYNTAX, "a message without a body");
	m->type = (enum cmp_body)(d.tag & 0x1f);
	m->body_whole = d.whole;
	m->body = d.value;
	return INRO_OK;
}

static enum inro_err read_protection(struct bytes *in, struct cmp_message *m)
{
	struct bytes inner;
	enum inro_err e;

	if (der_peek(*in) != (int)DER_EXPLICIT(0))
		return INRO_OK;
	e = der_take(in, DER_EXPLICIT(0), &inner);
	if (!e)
		e = der_take_bits(&inner, &m->protection);
	if (!e && inner.n)
		e = err_set(INRO_E_SYNTAX, "something follows the protection");
	return e;
}

static enum inro_err read_certs(struct bytes *in, struct cmp_message *m)
{
	struct bytes list = BYTES_NONE;
	enum inro_err e = INRO_OK;

	optional(in, 1, DER_SEQUENCE, &list, &e);
	while (!e && list.n) {
		if (m->n_certs == CMP_CERTS_MAX)
			return err_set(INRO_E_TOO_BIG, "more than %d certificates", CMP_CERTS_MAX);
		e = der_take_whole(&list, DER_SEQUENCE, &m->certs[m->n_certs]);
		m->n_certs += !e;
	}
	return e;
}

static enum inro_err read_message(struct bytes der, struct cmp_message *m)
{
	struct bytes in, header;
	enum inro_err e = der_only(der, DER_SEQUENCE, &in);

	if (!e)
		e = der_take_whole(&in, DER_SEQUENCE, &m->header);
	if (!e)
		e = der_only(m->header, DER_SEQUENCE, &header);
	if (!e)
		e = read_header(header, m);
	if (!e)
		e = read_body(&in, m);
	if (!e)
		e = read_protection(&in, m);
	if (!e)
		e = read_certs(&in, m);
	if (!e && in.n)
		e = err_set(INRO_E_SYNTAX, "something follows the message");
	if (!e && !m->algorithm.n != !m->protection.n)
		e = err_set(INRO_E_SYNTAX, "a protection without its algorithm, or the reverse");
	return e;
}

enum inro_err cmp_read(struct bytes der, struct cmp_message *ret)
{
	struct cmp_message m = { 0 };
	enum inro_err e = INRO_OK;

	if (der.n > CMP_MAX)
		e = err_set(INRO_E_TOO_BIG, "more than %zu octets", CMP_MAX);
	if (!e)
		e = read_message(der, &m);
	if (e)
		return err_context(e, "CMP message");
	*ret = m;
	return INRO_OK;
}

void cmp_protected_part(struct bytes header, struct bytes body, struct buf *ret)
{
	size_t seq = der_begin(ret, DER_SEQUENCE);

	buf_add(ret, header);
	buf_add(ret, body);
	der_end(ret, seq);
}

/* ---- bodies ---- */

enum inro_err cmp_only_one(struct bytes body, struct bytes *ret_whole)
{
	struct bytes list;
	enum inro_err e = der_only(body, DER_SEQUENCE, &list);

	if (!e && !list.n)
		return err_set(INRO_E_UNSUPPORTED, "a message that asks for nothing");
	if (!e)
		e = der_take_whole(&list, DER_SEQUENCE, ret_whole);
	if (!e && list.n)
		e = err_set(INRO_E_UNSUPPORTED, "a message asks for one thing at a time");
	return e;
}

static enum inro_err read_rejected(struct bytes *in, struct cmp_confirmation *ret)
{
	struct bytes info;
	int64_t status = CMP_ACCEPTED;
	enum inro_err e;

	if (der_peek(*in) != DER_SEQUENCE)
		return INRO_OK;
	e = der_take(in, DER_SEQUENCE, &info);
	if (!e)
		e = der_take_int(&info, &status);
	/* grantedWithMods is an acceptance, too */
	ret->rejected = !e && status != CMP_ACCEPTED && status != CMP_ACCEPTED_OTHERWISE;
	return e;
}

enum inro_err cmp_read_confirmation(struct bytes cert_status, struct cmp_confirmation *ret)
{
	struct cmp_confirmation c = { 0 };
	struct bytes in, alg;
	enum inro_err e = der_only(cert_status, DER_SEQUENCE, &in);

	if (!e)
		e = der_take(&in, DER_OCTET_STRING, &c.hash);
	if (!e)
		e = der_take_int(&in, &c.request);
	if (!e)
		e = read_rejected(&in, &c);
	if (optional(&in, 0, DER_SEQUENCE, &alg, &e))
		e = der_take(&alg, DER_OID, &c.hash_alg);
	if (!e && in.n)
		e = err_set(INRO_E_SYNTAX, "something follows a confirmation");
	if (!e)
		*ret = c;
	return e;
}
