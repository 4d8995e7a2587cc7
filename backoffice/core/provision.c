/*
 * provision - key, request, certificate and record for a device, in one step; see provision.h.
 *
 * 1. The certificate is recorded before it goes into the token.  If the token then refuses it, it
 * is revoked and the key deleted: nothing usable is left behind.
 */
#include "backoffice/core/provision.h"

#include <stdio.h>
#include <stdlib.h>

#include "backoffice/core/internal.h"
#include "backoffice/pki/crl.h"
#include "backoffice/pki/san.h"
#include "base/clock.h"

const char *const provision_stage_names[PROVISION_STAGE__MAX] = {
	[PROVISION_KEY] = "key",
	[PROVISION_CSR] = "request",
	[PROVISION_ISSUE] = "certificate",
	[PROVISION_STORE] = "token",
};

void provision_result_clear(struct provision_result *r)
{
	for (size_t i = 0; i < r->n; i++)
		free(r->steps[i].text);
	cred_clear(&r->cert);
	*r = (struct provision_result) { 0 };
}

struct provisioning {
	const struct provision_request *in;
	struct device device;
	struct new_key fresh;
	struct buf uri, csr;
	struct credential rec;
	struct provision_result *out;
};

static void provisioning_clear(struct provisioning *p)
{
	device_clear(&p->device);
	new_key_clear(&p->fresh);
	buf_clear(&p->uri);
	buf_clear(&p->csr);
	credential_clear(&p->rec);
}

static enum inro_err done(struct provisioning *p, enum provision_stage stage, const char *text)
{
	struct provision_step *s = &p->out->steps[p->out->n];
	enum inro_err e = text_set(&s->text, text);

	if (e == INRO_OK) {
		s->stage = stage;
		p->out->n++;
	}
	return e;
}

/* All that can be known to fail is looked at before a key is made. */
static enum inro_err check(struct core *c, struct provisioning *p)
{
	SCOPED(profile) profile = { 0 };
	SCOPED(ca) ca = { 0 };
	enum inro_err e = core_require(c, ROLE_OPERATOR, "provision a device");

	if (e == INRO_OK)
		e = device_load(c, p->in->device, &p->device);
	if (e == INRO_OK)
		e = device_may_have(&p->device);
	if (e == INRO_OK)
		e = ca_load(c, p->in->ca, &ca);
	if (e == INRO_OK)
		e = ca_usable(c, &ca, clock_now());
	return e == INRO_OK ? profile_builtin(text_or_empty(p->in->profile), &profile) : e;
}

static enum inro_err make_key(struct core *c, struct provisioning *p)
{
	const char *label = p->in->label ? p->in->label : p->in->device;
	SCOPED(buf) token = { 0 };
	enum inro_err e = core_token_uri(p->in->token, &token);

	if (e == INRO_OK)
		e = new_key_make(c, (const char *)token.p, p->in->key_type, label, &p->fresh);
	if (e != INRO_OK)
		return e;
	token_key_uri(p->fresh.key, &p->uri);
	buf_add_u8(&p->uri, 0);
	e = buf_err(&p->uri);
	return e == INRO_OK ? done(p, PROVISION_KEY, (const char *)p->uri.p) : e;
}

/* CN=<device id>, its characters as they are: an id needs no escaping. */
static enum inro_err subject(const struct provisioning *p, struct buf *ret)
{
	char cn[DEVICE_ID_MAX + 8];

	if (p->in->subject)
		return dn_parse(p->in->subject, NULL, ret);
	snprintf(cn, sizeof cn, "CN=%s", p->in->device);
	return dn_parse(cn, NULL, ret);
}

/* Names that were asked for, else those of the record that the profile allows. */
static enum inro_err names(const struct provisioning *p, struct buf *sans)
{
	SCOPED(profile) profile = { 0 };
	enum inro_err e = profile_builtin(p->in->profile, &profile);

	for (size_t i = 0; e == INRO_OK && i < p->in->sans_n; i++)
		e = san_add(sans, p->in->sans[i]);
	if (e == INRO_OK && !p->in->sans_n)
		e = device_names(&p->device, profile.san_allowed, sans);
	return e;
}

static enum inro_err make_csr(struct provisioning *p)
{
	SCOPED(buf) name = { 0 };
	SCOPED(buf) sans = { 0 };
	SCOPED(buf) text = { 0 };
	struct key_csr in = { .key = p->fresh.key };
	enum inro_err e = subject(p, &name);

	if (e == INRO_OK)
		e = names(p, &sans);
	if (e != INRO_OK)
		return e;
	in.subject = buf_bytes(&name);
	in.sans = buf_bytes(&sans);
	e = key_csr(&in, &p->csr);
	if (e == INRO_OK)
		e = dn_text(buf_bytes(&name), &text);
	buf_add_u8(&text, 0);
	if (e == INRO_OK)
		e = buf_err(&text);
	return e == INRO_OK ? done(p, PROVISION_CSR, (const char *)text.p) : e;
}

static enum inro_err issue(struct core *c, struct provisioning *p)
{
	SCOPED(ca) ca = { 0 };
	SCOPED(buf) text = { 0 };
	const struct cred_request request = {
		.csr = buf_bytes(&p->csr),
		.ca = p->in->ca,
		.profile = p->in->profile,
		.device = p->in->device,
		.sans = p->in->sans,
		.sans_n = p->in->sans_n,
		.key_uri = (const char *)p->uri.p,
		.days = p->in->days,
	};
	struct issuing i = { .request = &request, .ca = &ca };
	enum inro_err e = ca_load(c, p->in->ca, &ca);

	if (e == INRO_OK)
		e = issue_run(c, &i);
	p->rec = i.rec;
	if (e != INRO_OK)
		return e;
	buf_addf(&text, "%lld, serial ", (long long)p->rec.id);
	buf_add_hex(&text, blob_bytes(&p->rec.serial));
	buf_add_u8(&text, 0);
	e = buf_err(&text);
	return e == INRO_OK ? done(p, PROVISION_ISSUE, (const char *)text.p) : e;
}

static enum inro_err undo_work(struct core *c, void *arg)
{
	const struct change change = { VERB_REVOKE, CRL_CESSATION, 0,
				       "the token did not take the certificate" };

	return cred_apply(c, arg, &change);
}

static enum inro_err store(struct core *c, struct provisioning *p)
{
	char why[512];
	enum inro_err e = key_store_cert(p->fresh.token, p->fresh.key, &p->rec, false);

	if (e == INRO_OK) {
		p->fresh.keep = true;
		return done(p, PROVISION_STORE, p->in->token);
	}
	snprintf(why, sizeof why, "%s", err_detail(e));
	if (core_write(c, undo_work, &p->rec) != INRO_OK)
		return err_set(e, "%s (certificate %lld stands: revoke it by hand)", why,
			       (long long)p->rec.id);
	return err_set(e, "%s", why);
}

static enum inro_err run(struct core *c, struct provisioning *p)
{
	enum inro_err e = check(c, p);

	if (e == INRO_OK)
		e = make_key(c, p);
	if (e == INRO_OK)
		e = make_csr(p);
	if (e == INRO_OK)
		e = issue(c, p);
	if (e == INRO_OK)
		e = store(c, p);
	return e == INRO_OK ? cred_view(c, &p->rec, &p->out->cert) : e;
}

enum inro_err device_provision(struct core *c, const struct provision_request *r,
			       struct provision_result *ret)
{
	SCOPED(provisioning) p = { .in = r, .out = ret };
	enum inro_err e;

	*ret = (struct provision_result) { 0 };
	e = run(c, &p);
	return e == INRO_OK ? e : audit_refused(c, "device.provision", "device", r->device, e);
}
