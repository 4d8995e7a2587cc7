/* est - the handlers; see est.h. */
#include "backoffice/est/est.h"

#include <stdio.h>

#include "backoffice/core/ca.h"
#include "backoffice/core/enrol.h"
#include "backoffice/core/profile_store.h"
#include "backoffice/est/body.h"
#include "backoffice/est/caller.h"
#include "backoffice/pki/bundle.h"
#include "backoffice/pki/csr.h"
#include "backoffice/pki/pem.h"
#include "base/ahead.h"

#define TYPE_CSR   "application/pkcs10"
#define TYPE_CERTS "application/pkcs7-mime; smime-type=certs-only"
#define TYPE_ATTRS "application/csrattrs"
#define TYPE_KEY   "application/pkcs8"
#define TYPE_BOX   "application/pkcs7-mime; smime-type=server-generated-key"
#define TYPE_BOTH  "multipart/mixed; boundary=" BODY_BOUNDARY

#define RETRY_AFTER 60
#define ISSUE	    "certificate.issue"
#define RENEW	    "certificate.renew"

/* ---- what every request has ---- */

struct asked {
	const char *action; /* what the audit calls it when it is refused */
	struct caller caller;
	struct buf der;
	struct enrol enrol;
};

static void asked_clear(struct asked *a)
{
	caller_clear(&a->caller);
	buf_clear(&a->der);
	*a = (struct asked) { 0 };
}

/* RFC 7030 3.5, unless the profile has another use for it. */
static enum inro_err check_binding(const struct http_call *call, const struct asked *a,
				   struct bytes challenge)
{
	const struct bytes bindings[] = { call->peer->tls_unique, call->peer->tls_exporter };
	SCOPED(profile) p = { 0 };
	enum inro_err e = profile_load(a->caller.core, a->caller.label.profile, &p);

	if (e != INRO_OK || p.challenge || (!challenge.n && !p.channel_binding))
		return e;
	if (!challenge.n)
		return err_set(INRO_E_POLICY,
			       "profile %s wants a challenge password that names this TLS connection",
			       a->caller.label.profile);
	if (body_binds(challenge, bindings, ARRAY_LEN(bindings)))
		return INRO_OK;
	return err_set(INRO_E_POLICY, "the challenge password names another TLS connection");
}

/* What is wrong with a request is said to whoever may ask. */
static enum inro_err read_asked(const struct http_call *call, const struct est_options *o,
				struct asked *a)
{
	SCOPED(csr) csr = { 0 };
	SCOPED(verdict) body = { 0 };
	enum inro_err e = body_read(call->body, &a->der);

	if (e == INRO_OK)
		e = csr_read(buf_bytes(&a->der), &csr);
	if (verdict_keep(&body, e) == INRO_OK && csr.challenge.n && !call->peer->bound)
		return HTTP_BINDINGS;
	e = caller_enter(call, o->label, a->action, &a->caller);
	if (e != INRO_OK)
		return e;
	e = verdict_say(&body);
	if (e == INRO_OK)
		e = check_binding(call, a, csr.challenge);
	if (e != INRO_OK)
		return caller_refused(&a->caller, a->action, e);
	a->enrol = (struct enrol) { .label = &a->caller.label,
				    .device = &a->caller.device,
				    .csr = buf_bytes(&a->der) };
	return INRO_OK;
}

/* ---- what goes out ---- */

static enum inro_err answer(struct http_call *call, const char *type, struct bytes der)
{
	call->answer->type = type;
	http_answer_header(call->answer, "Content-Transfer-Encoding", "base64");
	body_add(&call->answer->body, der);
	return buf_err(&call->answer->body);
}

static enum inro_err answer_certs(struct http_call *call, const struct bytes *certs, size_t n)
{
	SCOPED(buf) p7 = { 0 };
	enum inro_err e = bundle_pkcs7(certs, n, &p7);

	return e == INRO_OK ? answer(call, TYPE_CERTS, buf_bytes(&p7)) : e;
}

/* RFC 7030 4.2.3 */
static enum inro_err answer_cred(struct http_call *call, const struct est_options *o,
				 const struct cred *cred)
{
	const struct bytes cert = blob_bytes(&cred->rec.cert);
	char seconds[16];

	if (!enrol_waits(cred))
		return answer_certs(call, &cert, 1);
	snprintf(seconds, sizeof seconds, "%u", o->retry_after ? o->retry_after : RETRY_AFTER);
	http_answer_header(call->answer, "Retry-After", seconds);
	call->answer->status = 202;
	call->answer->type = "text/plain; charset=utf-8";
	buf_addf(&call->answer->body, "request %lld waits for approval; ask again by the same\n",
		 (long long)cred->rec.id);
	return buf_err(&call->answer->body);
}

/* ---- the five ---- */

static enum inro_err cacerts(struct http_call *call, void *arg)
{
	const struct est_options *o = arg;
	SCOPED(caller) caller = { 0 };
	SCOPED(chain) chain = { 0 };
	struct bytes certs[BUNDLE_CERTS_MAX];
	size_t n = 0;
	enum inro_err e = caller_any(call, o->label, &caller);

	if (e == INRO_OK)
		e = enrol_chain(caller.core, caller.label.ca, &chain);
	for (; e == INRO_OK && n < chain.n && n < ARRAY_LEN(certs); n++)
		certs[n] = blob_bytes(&chain.certs[n]);
	return e == INRO_OK ? answer_certs(call, certs, n) : e;
}

static enum inro_err csr_attributes(struct http_call *call, void *arg)
{
	const struct est_options *o = arg;
	SCOPED(caller) caller = { 0 };
	SCOPED(buf) der = { 0 };
	enum inro_err e = caller_any(call, o->label, &caller);

	if (e == INRO_OK)
		e = enrol_wanted(caller.core, &caller.label,
				 caller.device.id ? &caller.device : NULL, &der);
	return e == INRO_OK ? answer(call, TYPE_ATTRS, buf_bytes(&der)) : e;
}

static enum inro_err simpleenroll(struct http_call *call, void *arg)
{
	SCOPED(asked) a = { .action = ISSUE };
	SCOPED(cred) cred = { 0 };
	enum inro_err e = read_asked(call, arg, &a);

	if (e == INRO_OK)
		e = enrol_issue(a.caller.core, &a.enrol, &cred);
	return e == INRO_OK ? answer_cred(call, arg, &cred) : e;
}

static enum inro_err simplereenroll(struct http_call *call, void *arg)
{
	SCOPED(asked) a = { .action = RENEW };
	SCOPED(cred) cred = { 0 };
	enum inro_err e = read_asked(call, arg, &a);

	/* He is known, and may not by that (RFC 9110 15.5.4): a 401 would ask for the key that he has shown. */
	if (e == INRO_OK && !a.caller.by_cert)
		e = caller_refused(&a.caller, RENEW,
				   err_set(INRO_E_ACCESS, "the certificate that is to be renewed is needed as client "
							  "certificate"));
	if (e == INRO_OK)
		e = enrol_renew(a.caller.core, &a.enrol, call->peer->cert, &cred);
	return e == INRO_OK ? answer_cred(call, arg, &cred) : e;
}

static enum inro_err serverkeygen(struct http_call *call, void *arg)
{
	SCOPED(asked) a = { .action = ISSUE };
	SCOPED(enrol_given) given = { 0 };
	SCOPED(buf) p7 = { 0 };
	struct buf *body = &call->answer->body;
	struct bytes cert;
	enum inro_err e = read_asked(call, arg, &a);

	if (e == INRO_OK)
		e = enrol_generate(a.caller.core, &a.enrol, &given);
	cert = blob_bytes(&given.cred.rec.cert);
	if (e == INRO_OK)
		e = bundle_pkcs7(&cert, 1, &p7);
	if (e != INRO_OK)
		return e;
	body->secret = true;
	call->answer->type = TYPE_BOTH;
	body_add_part(body, given.plain ? TYPE_KEY : TYPE_BOX, buf_bytes(&given.key));
	body_add_part(body, TYPE_CERTS, buf_bytes(&p7));
	body_add_end(body);
	return buf_err(body);
}

#define BASE  "/.well-known/est/"
#define LABEL BASE "{label}/"
#define READ(name, fn)                                                                             \
	{ .method = "GET", .pattern = BASE name, .run = (fn) },                                    \
	{ .method = "GET", .pattern = LABEL name, .run = (fn) }
#define ASK(name, fn)                                                                              \
	{ .method = "POST", .pattern = BASE name, .run = (fn), .body_max = PEM_MAX(CSR_MAX),       \
	  .type = TYPE_CSR },                                                                      \
	{ .method = "POST", .pattern = LABEL name, .run = (fn), .body_max = PEM_MAX(CSR_MAX),      \
	  .type = TYPE_CSR }

const struct http_route est_routes[] = {
	READ("cacerts", cacerts),
	READ("csrattrs", csr_attributes),
	ASK("simpleenroll", simpleenroll),
	ASK("simplereenroll", simplereenroll),
	ASK("serverkeygen", serverkeygen),
};
const size_t est_routes_n = ARRAY_LEN(est_routes);
