/*
 * provision - key, request, certificate and record for a device, in one step; see provision.h.
 *
 * 1. The certificate is recorded before it goes into the token.  If the token then refuses it, it
 * is revoked and the key deleted: nothing usable is left behind.
 * 2. All that can be known to fail is looked at before a key is made.
 * 3. A run that is cut short (power, SIGKILL) leaves a key without a record, or a record whose
 * certificate is not in the token; the next run for that device goes on from there.
 * 4. Nothing that can fail stands between the record's commit and the token.
 */
#include "backoffice/core/provision.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backoffice/core/authority.h"
#include "backoffice/core/fleet.h"
#include "backoffice/core/internal.h"
#include "backoffice/core/issue.h"
#include "backoffice/core/keyring.h"
#include "backoffice/core/move.h"
#include "backoffice/core/profile_store.h"
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

#define TEXT_MAX 160 /* of a step whose text is written after the commit */

struct provisioning {
	const struct provision_request *in;
	struct device device;
	const struct pki_key_kind *kind;
	struct buf name, sans; /* what is asked for */
	struct new_key fresh;
	struct buf uri, csr;
	struct credential rec;	       /* id 0: there is none yet */
	char *issue_text, *store_text; /* invariant 4 */
	struct provision_result *out;
};

static void provisioning_clear(struct provisioning *p)
{
	device_clear(&p->device);
	buf_clear(&p->name);
	buf_clear(&p->sans);
	new_key_clear(&p->fresh);
	buf_clear(&p->uri);
	buf_clear(&p->csr);
	credential_clear(&p->rec);
	free(p->issue_text);
	free(p->store_text);
}

/* Takes the text. */
static void done(struct provisioning *p, enum provision_stage stage, char **text)
{
	p->out->steps[p->out->n++] = (struct provision_step) { .stage = stage, .text = *text };
	*text = NULL;
}

/* Takes what was written to the buffer. */
static enum inro_err done_buf(struct provisioning *p, enum provision_stage stage, struct buf *text)
{
	char *s = buf_take_str(text);

	if (!s)
		return err_set(INRO_E_NO_MEMORY, "no memory for a step's text");
	done(p, stage, &s);
	return INRO_OK;
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

#define HOSTS (1u << SAN_DNS | 1u << SAN_IP)

/* Names that were asked for and, where no host is among them, those of the record that the profile allows: the URI of
 * an OPC UA application does not take its host's place. */
static enum inro_err names(struct core *c, const struct provisioning *p, struct buf *sans)
{
	SCOPED(profile) profile = { 0 };
	enum inro_err e = profile_load(c, text_or_empty(p->in->profile), &profile);

	for (size_t i = 0; e == INRO_OK && i < p->in->sans_n; i++)
		e = san_add(sans, p->in->sans[i]);
	if (e == INRO_OK && !(san_kinds(buf_bytes(sans)) & HOSTS))
		e = device_names(&p->device, profile.san_allowed, sans);
	return e;
}

static struct cred_request request_of(const struct provisioning *p)
{
	return (struct cred_request) {
		.csr = buf_bytes(&p->csr),
		.ca = p->in->ca,
		.profile = p->in->profile,
		.device = p->in->device,
		.sans = p->in->sans,
		.sans_n = p->in->sans_n,
		.key_uri = (const char *)p->uri.p,
		.days = p->in->days,
	};
}

static enum inro_err foresee(struct core *c, struct provisioning *p)
{
	const struct cred_request request = request_of(p);
	const struct issue_wish wish = { p->kind, buf_bytes(&p->name), buf_bytes(&p->sans) };
	SCOPED(ca) ca = { 0 };
	struct issuing i = { .request = &request, .ca = &ca };
	enum inro_err e = ca_load(c, p->in->ca, &ca);

	return e == INRO_OK ? issue_foresee(c, &i, &wish) : e;
}

static enum inro_err check(struct core *c, struct provisioning *p)
{
	enum inro_err e = core_require(c, ROLE_OPERATOR, "provision a device");

	if (e == INRO_OK)
		e = device_load(c, p->in->device, &p->device);
	if (e == INRO_OK)
		e = new_key_kind(p->in->key_type, &p->kind);
	if (e == INRO_OK)
		e = subject(p, &p->name);
	if (e == INRO_OK)
		e = names(c, p, &p->sans);
	if (e == INRO_OK)
		e = text_set(&p->store_text, p->in->token);
	p->issue_text = calloc(1, TEXT_MAX);
	if (e == INRO_OK && !p->issue_text)
		e = err_set(INRO_E_NO_MEMORY, "no memory for a step's text");
	return e == INRO_OK ? foresee(c, p) : e;
}

/* Has the token a certificate for this very key?  Keys of others may have its id, and certificates with that. */
static enum inro_err has_cert(const struct provisioning *p, bool *ret)
{
	SCOPED(buf) der = { 0 };
	SCOPED(cert) cert = { 0 };
	enum inro_err e = token_cert_find(p->fresh.token, token_key_id(p->fresh.key), &der);

	*ret = false;
	if (e != INRO_OK)
		return e == INRO_E_NOT_FOUND ? INRO_OK : e;
	e = cert_read(buf_bytes(&der), &cert);
	*ret = e == INRO_OK && token_key_has(p->fresh.key, cert.key.spki);
	return e;
}

/* A certificate on record for the key that was there: this device's own, which only the token
 * lacks, is what a run that was cut short left. */
static enum inro_err check_left(struct core *c, struct provisioning *p)
{
	const struct credential *rec = &p->rec;
	char owner[KEY_OWNER_MAX];
	SCOPED(ca) ca = { 0 };
	bool has = true;
	bool ours = rec->device == p->device.id &&
		    cred_shown_state(rec, clock_now()) == CRED_ACTIVE &&
		    strcmp(text_or_empty(rec->profile), p->in->profile) == 0;
	enum inro_err e = ca_load(c, p->in->ca, &ca);

	if (e == INRO_OK && ours && rec->ca == ca.id)
		e = has_cert(p, &has);
	if (e != INRO_OK || !has)
		return e;
	return err_set(INRO_E_EXISTS, "token '%s' has a key with label '%.64s' already, %s", p->in->token,
		       token_key_label(p->fresh.key), key_owner(c, rec, owner));
}

static enum inro_err get_key(struct core *c, struct provisioning *p)
{
	struct new_key_plan plan = { .label = p->in->label ? p->in->label : p->in->device,
				     .kind = p->kind };
	SCOPED(profile) profile = { 0 };
	SCOPED(buf) token = { 0 };
	SCOPED(buf) text = { 0 };
	enum inro_err e = core_token_uri(p->in->token, &token);

	if (e == INRO_OK)
		e = profile_load(c, text_or_empty(p->in->profile), &profile);
	if (e == INRO_OK)
		new_key_uses(&profile, &plan);
	plan.token_uri = (const char *)token.p;
	if (e == INRO_OK)
		e = new_key_or_left(c, &plan, &p->fresh, &p->rec);
	if (e == INRO_OK && p->rec.id)
		e = check_left(c, p);
	if (e != INRO_OK)
		return e;
	token_key_uri(p->fresh.key, &p->uri);
	buf_add(&text, buf_bytes(&p->uri));
	buf_add_str(&text, p->fresh.found ? " (it was there already)" : "");
	buf_add_u8(&p->uri, 0);
	e = buf_err(&p->uri);
	return e == INRO_OK ? done_buf(p, PROVISION_KEY, &text) : e;
}

static enum inro_err make_csr(struct provisioning *p)
{
	const struct key_csr in = { .key = p->fresh.key,
				    .subject = buf_bytes(&p->name),
				    .sans = buf_bytes(&p->sans) };
	SCOPED(buf) text = { 0 };
	enum inro_err e = key_csr(&in, &p->csr);

	if (e == INRO_OK)
		e = dn_text(buf_bytes(&p->name), &text);
	return e == INRO_OK ? done_buf(p, PROVISION_CSR, &text) : e;
}

/* In the transaction: two runs for one device may have met at the same key. */
static enum inro_err still_free(struct core *c, struct issuing *i)
{
	struct provisioning *p = i->arg;
	SCOPED(credential) other = { 0 };
	char owner[KEY_OWNER_MAX];
	enum inro_err e = key_record(c, blob_bytes(&i->rec.key_hash), &other);

	if (e != INRO_OK)
		return e == INRO_E_NOT_FOUND ? INRO_OK : e;
	p->fresh.keep = true;
	i->taken = true;
	return err_set(INRO_E_EXISTS, "this key is by now one %s", key_owner(c, &other, owner));
}

static void issued(struct provisioning *p, const char *note)
{
	size_t n = (size_t)snprintf(p->issue_text, TEXT_MAX, "%lld, serial ", (long long)p->rec.id);

	for (size_t i = 0; i < p->rec.serial.n && n + 3 < TEXT_MAX; i++)
		n += (size_t)snprintf(p->issue_text + n, TEXT_MAX - n, "%02x", p->rec.serial.p[i]);
	snprintf(p->issue_text + n, TEXT_MAX - n, "%s", note);
	done(p, PROVISION_ISSUE, &p->issue_text);
}

static enum inro_err issue(struct core *c, struct provisioning *p)
{
	const struct cred_request request = request_of(p);
	SCOPED(ca) ca = { 0 };
	struct issuing i = { .request = &request, .ca = &ca, .before = still_free, .arg = p };
	enum inro_err e = ca_load(c, p->in->ca, &ca);

	if (e == INRO_OK)
		e = issue_run(c, &i);
	p->rec = i.rec;
	if (e == INRO_OK)
		issued(p, "");
	return e;
}

static enum inro_err certify(struct core *c, struct provisioning *p)
{
	enum inro_err e;

	if (p->rec.id) {
		issued(p, " (it was issued already)");
		return INRO_OK;
	}
	e = make_csr(p);
	return e == INRO_OK ? issue(c, p) : e;
}

static enum inro_err undo_work(struct core *c, void *arg)
{
	const struct cred_change change = { .verb = VERB_REVOKE,
				       .reason = CRL_CESSATION,
				       .why = "the token did not take the certificate" };
	struct credential *rec = arg;
	SCOPED(credential) now = { 0 };
	enum inro_err e = store_get(c->store, rec->id, &now);

	return e == INRO_OK ? cred_apply(c, &now, &change) : e;
}

static enum inro_err store(struct core *c, struct provisioning *p)
{
	char why[512];
	enum inro_err e = key_store_cert(p->fresh.token, p->fresh.key, &p->rec, false);

	if (e == INRO_OK) {
		p->fresh.keep = true;
		done(p, PROVISION_STORE, &p->store_text);
		return e;
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
		e = get_key(c, p);
	if (e == INRO_OK)
		e = certify(c, p);
	new_key_unsure(&p->fresh, e);
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
