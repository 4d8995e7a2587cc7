/*
 * connector_est - a CA elsewhere that is asked by EST (RFC 7030): see connector.h.
 *
 * 1. The same request is sent in the same octets until there is an answer: a server that knows its
 *    requests (ours does) gives one certificate for them.
 * 2. A request for the certificate that shows who we are there, its key, subject and names, goes by
 *    simplereenroll (RFC 7030 4.2.2); all others, renewals of devices too, by simpleenroll: the key of what
 *    is renewed is the device's.
 * 3. EST revokes nothing: people tell.
 */
#include "backoffice/core/ca/ca_reach.h"
#include "backoffice/pki/cert.h"
#include "backoffice/pki/csr.h"

static const char *const schemes[] = { "https://", NULL };

static enum inro_err est_cas(struct ca_reach *r, struct est_certs *ret)
{
	return est_cacerts(&r->fetch, text_or_empty(r->way->label), ret);
}

/* The one for the request's key, else the first: what is wrong with that is said where it is taken. */
static enum inro_err choose(const struct est_certs *came, struct bytes request, struct buf *ret)
{
	SCOPED(csr) csr = { 0 };
	size_t best = 0;
	enum inro_err e = csr_read(request, &csr);

	if (e != INRO_OK)
		return e;
	for (size_t i = came->n; i; i--) {
		SCOPED(cert) cert = { 0 };

		if (cert_read(buf_bytes(&came->ders[i - 1]), &cert) != INRO_OK)
			err_reset(); /* what lies beside ours is nothing to us */
		else if (pubkey_same(&cert.key, &csr.key))
			best = i - 1;
	}
	buf_add(ret, buf_bytes(&came->ders[best]));
	return buf_err(ret);
}

static enum inro_err est_one(struct ca_reach *r, struct ca_order *order, struct ca_answer *ret)
{
	struct est_asked a = { .label = text_or_empty(r->way->label),
			       .csr = blob_bytes(&order->csr) };
	enum inro_err e = ca_reach_renews(r->way, a.csr, &a.again);

	if (e == INRO_OK)
		e = est_enroll(&r->fetch, &r->who, &a);
	if (e == INRO_OK && !a.waits)
		e = choose(&a.certs, a.csr, &ret->cert);
	ret->waits = a.waits;
	ret->wait = a.retry_after;
	est_certs_clear(&a.certs);
	return e;
}

const struct ca_connector ca_by_est = {
	.name = "est",
	.request = ca_file_request,
	.collect = ca_file_collect,
	.revoke = ca_file_revoke,
	.schemes = schemes,
	.cas = est_cas,
	.ask = est_one,
};
