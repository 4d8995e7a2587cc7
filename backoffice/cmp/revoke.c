/* revoke - rr (RFC 9483 4.2): a device ends a certificate of its own. */
#include <string.h>

#include "backoffice/cmp/turn.h"
#include "backoffice/pki/cert.h"
#include "backoffice/pki/crl.h"
#include "backoffice/pki/crmf.h"
#include "backoffice/pki/ext.h"
#include "base/der.h"

static const struct bytes oid_reason = BYTES_LIT("\x55\x1d\x15");

static enum inro_err read_reason(struct bytes exts, unsigned *ret)
{
	enum inro_err e = INRO_OK;

	*ret = CRL_UNSPECIFIED;
	while (e == INRO_OK && exts.n) {
		struct ext_one one;
		struct bytes value;

		e = ext_next(&exts, &one);
		if (e != INRO_OK || !bytes_equal(one.oid, oid_reason))
			continue;
		e = der_only(one.value, DER_ENUMERATED, &value);
		if (e == INRO_OK && value.n != 1)
			e = err_set(INRO_E_SYNTAX, "a reason that is none");
		*ret = e == INRO_OK ? value.p[0] : CRL_UNSPECIFIED;
	}
	return e;
}

struct wish {
	struct bytes issuer, serial;
	unsigned reason;
};

/* RevDetails ::= SEQUENCE { certDetails CertTemplate, crlEntryDetails Extensions OPTIONAL } */
static enum inro_err read_wish(struct bytes body, struct wish *ret)
{
	struct bytes one, in, certtemplate, exts = BYTES_NONE;
	enum inro_err e = cmp_only_one(body, &one);

	if (e == INRO_OK)
		e = der_only(one, DER_SEQUENCE, &in);
	if (e == INRO_OK)
		e = der_take(&in, DER_SEQUENCE, &certtemplate);
	if (e == INRO_OK && in.n)
		e = der_only(in, DER_SEQUENCE, &exts);
	if (e == INRO_OK)
		e = crmf_read_id(certtemplate, &ret->issuer, &ret->serial);
	return e == INRO_OK ? read_reason(exts, &ret->reason) : e;
}

static enum inro_err no_such(struct turn *t)
{
	return turn_refuse(t, CMP_FAIL_BAD_CERT_ID, INRO_E_NOT_FOUND,
			   "device '%s' has no such certificate", t->device.device_id);
}

static enum inro_err find(struct turn *t, const struct wish *w, struct buf *ref, struct cred *ret)
{
	SCOPED(cert) cert = { 0 };
	enum inro_err e;

	buf_add_str(ref, "serial:");
	buf_add_hex(ref, w->serial);
	buf_add_u8(ref, 0);
	e = buf_err(ref);
	if (e == INRO_OK)
		e = cred_get(t->core, (const char *)ref->p, ret);
	if (e == INRO_OK)
		e = cert_read(blob_bytes(&ret->rec.cert), &cert);
	if (e == INRO_E_NOT_FOUND || e == INRO_E_AMBIGUOUS || e == INRO_E_ARG)
		return no_such(t);
	if (e == INRO_OK &&
	    (ret->rec.device != t->device.id || !bytes_equal(cert.issuer, w->issuer)))
		return no_such(t);
	return e;
}

static enum inro_err end(struct turn *t, const struct wish *w)
{
	const char *reason = crl_reason_name(w->reason);
	const struct cred_revocation r = { .reason = reason, .why = "asked for over CMP" };
	SCOPED(buf) ref = { 0 };
	SCOPED(cred) cred = { 0 };
	SCOPED(cred) gone = { 0 };
	enum inro_err e = find(t, w, &ref, &cred);

	if (e == INRO_OK && (!reason || w->reason == CRL_HOLD || w->reason == CRL_REMOVE))
		e = turn_refuse(t, CMP_FAIL_BAD_REQUEST, INRO_E_UNSUPPORTED,
				"certificates are revoked here for good: no hold, and no release");
	if (e == INRO_OK && cred.state == CRED_REVOKED)
		e = turn_refuse(t, CMP_FAIL_CERT_REVOKED, INRO_E_STATE, "it is revoked already");
	return e == INRO_OK ? turn_by_core(t, cred_revoke(t->core, (const char *)ref.p, &r, &gone)) : e;
}

enum inro_err turn_revoke(struct turn *t)
{
	struct wish w;
	enum inro_err e = read_wish(t->in.body, &w);

	if (e == INRO_OK)
		e = end(t, &w);
	if (e != INRO_OK)
		e = turn_told(t, e);
	if (e == INRO_OK)
		cmp_add_revoked(&t->body, CMP_ACCEPTED, CMP_FAIL_NONE, NULL);
	else
		cmp_add_revoked(&t->body, CMP_REJECTION, turn_fail_of(t, e), turn_text_of(t, e));
	return buf_err(&t->body);
}
