/*
 * central - certificates whose key is made here, not by the device: for a safe place only; see
 * cred.h.
 *
 * 1. The key leaves once, with its certificate, and is then nowhere here; or a copy is kept, sealed
 *    (seal.h) in the certificate's record, until that is destroyed.
 * 2. Each making and each giving is told in the audit.
 */
#include <stdio.h>
#include <stdlib.h>

#include "backoffice/core/authority.h"
#include "backoffice/core/cred.h"
#include "backoffice/core/eyes.h"
#include "backoffice/core/internal.h"
#include "backoffice/core/issue.h"
#include "backoffice/core/keyring.h"
#include "backoffice/core/seal.h"
#include "backoffice/pki/bundle.h"
#include "backoffice/pki/dn.h"
#include "backoffice/pki/san.h"
#include "base/clock.h"

#define EXPORT "certificate.export-key"

struct central {
	const struct cred_request *in;
	const struct cred_central *how;
	struct secret key;
	struct buf csr;
};

static void central_clear(struct central *m)
{
	secret_clear(&m->key);
	buf_clear(&m->csr);
}

static enum inro_err subject_of(const struct central *m, struct buf *ret)
{
	SCOPED(buf) text = { 0 };

	if (m->how->subject)
		return dn_parse(m->how->subject, NULL, ret);
	if (!m->in->device)
		return err_set(INRO_E_ARG, "whose key: a device or a subject is missing");
	buf_addf(&text, "CN=%s", m->in->device);
	buf_add_u8(&text, 0);
	return buf_err(&text) == INRO_OK ? dn_parse((const char *)text.p, NULL, ret)
					 : buf_err(&text);
}

/* The request asks for the names that are granted: nobody else writes one. */
static enum inro_err make_request(struct central *m)
{
	SCOPED(buf) subject = { 0 };
	SCOPED(buf) sans = { 0 };
	struct csr_plan plan = { 0 };
	enum inro_err e = subject_of(m, &subject);

	for (size_t i = 0; e == INRO_OK && i < m->in->sans_n; i++)
		e = san_add(&sans, m->in->sans[i]);
	if (e != INRO_OK)
		return e;
	plan.subject = buf_bytes(&subject);
	plan.sans = buf_bytes(&sans);
	return bundle_csr(secret_bytes(&m->key), &plan, &m->csr);
}

static enum inro_err keep_key(struct core *c, struct issuing *i)
{
	const struct central *m = i->arg;
	const struct seal_of of = { CRED_CERTIFICATE, m->in->device, i->rec.algorithm,
				    blob_bytes(&i->rec.serial) };

	return seal_close(c, &of, secret_bytes(&m->key), &i->rec.secret);
}

static enum inro_err issue(struct core *c, struct central *m, struct cred *ret)
{
	struct cred_request r = *m->in;
	SCOPED(ca) ca = { 0 };
	struct issuing i = { .request = &r,
			     .ca = &ca,
			     .key_made = m->how->keep ? "made here, kept sealed" : "made here",
			     .after_sign = m->how->keep ? keep_key : NULL,
			     .arg = m };
	enum inro_err e = ca_load(c, r.ca, &ca);

	r.csr = buf_bytes(&m->csr);
	if (m->how->only_asked)
		r.sans_n = 0;
	return e == INRO_OK ? issue_shown(c, &i, ret) : e;
}

static enum inro_err make(struct core *c, struct central *m, struct cred *ret)
{
	const struct pki_key_kind *kind = NULL;
	SCOPED(own) own = { 0 };
	enum inro_err e =
		core_own(c, core_is_device(c, m->in->device), "issue a certificate", &own);

	if (e == INRO_OK && m->in->request_id)
		e = err_set(INRO_E_ARG, "a key that is made here is made once: no request id");
	if (e == INRO_OK)
		e = new_key_kind(m->how->key_type, &kind);
	if (e == INRO_OK)
		e = bundle_key(kind, &m->key);
	if (e == INRO_OK)
		e = make_request(m);
	return e == INRO_OK ? issue(c, m, ret) : e;
}

enum inro_err cred_issue_central(struct core *c, const struct cred_request *r,
				 const struct cred_central *how, struct secret *ret_pkcs8,
				 struct cred *ret)
{
	SCOPED(central) m = { .in = r, .how = how };
	enum inro_err e = make(c, &m, ret);

	if (e != INRO_OK)
		return audit_refused(c, "certificate.issue", "ca", r->ca, e);
	*ret_pkcs8 = m.key;
	m.key = (struct secret) { 0 };
	return INRO_OK;
}

/* ---- a kept key goes out ---- */

struct giving {
	const struct cred *cred;
	struct proposal_plan plan;
	char subject[40];
	struct buf body;
	int64_t proposal;
};

static void giving_clear(struct giving *g)
{
	buf_clear(&g->body);
}

static enum inro_err plan_giving(const struct cred *cred, int64_t proposal, struct giving *g)
{
	*g = (struct giving) { .cred = cred, .proposal = proposal };
	snprintf(g->subject, sizeof g->subject, "certificate:%lld", (long long)cred->rec.id);
	detail_hex(&g->body, "sha256", blob_bytes(&cred->rec.fingerprint));
	detail_text(&g->body, "subject", cred->rec.subject);
	detail_end(&g->body);
	if (buf_err(&g->body) != INRO_OK)
		return buf_err(&g->body);
	g->plan = (struct proposal_plan) { .action = EXPORT,
					   .subject = g->subject,
					   .body = BYTES(g->body.p, g->body.n - 1) };
	return INRO_OK;
}

static enum inro_err may_give(struct core *c, const struct cred *cred)
{
	if (!cred->rec.secret.n)
		return err_set(INRO_E_STATE, "no copy of the key of certificate %lld is kept here",
			       (long long)cred->rec.id);
	if (cred->state == CRED_ARCHIVED)
		return core_require(c, ROLE_ADMIN, "take a key from the archive");
	return core_require(c, ROLE_OPERATOR, "take a kept key");
}

/* To open its token may have taken as long as a person takes to type a PIN. */
static enum inro_err may_still_give(struct core *c, const struct giving *g)
{
	SCOPED(cred) now = { 0 };
	enum inro_err e = store_get(c->store, g->cred->rec.id, &now.rec);

	if (e != INRO_OK)
		return e;
	now.state = cred_shown_state(&now.rec, clock_now());
	return may_give(c, &now);
}

static enum inro_err give_work(struct core *c, void *arg)
{
	const struct giving *g = arg;
	SCOPED(buf) detail = { 0 };
	char name[24];
	const struct audit_entry entry = { EXPORT, "certificate", name, EVENT_DONE, &detail };
	enum inro_err e = may_still_give(c, g);

	if (e == INRO_OK)
		e = eyes_done(c, EYES_ARCHIVE, &g->plan, g->proposal, g->cred->rec.id);
	snprintf(name, sizeof name, "%lld", (long long)g->cred->rec.id);
	detail_text(&detail, "device", g->cred->device_id);
	detail_hex(&detail, "sha256", blob_bytes(&g->cred->rec.fingerprint));
	return e == INRO_OK ? audit_append(c, &entry) : e;
}

static enum inro_err give(struct core *c, const struct cred *cred, int64_t proposal,
			  struct secret *ret)
{
	const struct seal_of of = { CRED_CERTIFICATE, cred->device_id, cred->rec.algorithm,
				    blob_bytes(&cred->rec.serial) };
	SCOPED(giving) g = { 0 };
	SCOPED(secret) key = { 0 };
	enum inro_err e = may_give(c, cred);

	if (e == INRO_OK)
		e = plan_giving(cred, proposal, &g);
	if (e == INRO_OK)
		e = eyes_check(c, EYES_ARCHIVE, &g.plan, proposal);
	if (e == INRO_OK)
		e = seal_open(c, &of, blob_bytes(&cred->rec.secret), &key);
	if (e == INRO_OK)
		e = core_write(c, give_work, &g);
	if (e != INRO_OK)
		return e;
	*ret = key;
	key = (struct secret) { 0 };
	return INRO_OK;
}

enum inro_err cred_kept_key(struct core *c, const char *ref, int64_t proposal,
			    struct secret *ret_pkcs8, struct cred *ret)
{
	SCOPED(cred) cred = { 0 };
	enum inro_err e = cred_get(c, ref, &cred);

	if (e == INRO_OK)
		e = give(c, &cred, proposal, ret_pkcs8);
	if (e != INRO_OK)
		return audit_refused(c, EXPORT, "certificate", ref, e);
	*ret = cred;
	cred = (struct cred) { 0 };
	return INRO_OK;
}

enum inro_err cred_chain(struct core *c, const struct cred *cred, struct chain *ret)
{
	if (!cred->rec.ca)
		return INRO_OK;
	return ca_chain_of(c, cred->rec.ca, cred->rec.ca_generation, ret);
}
