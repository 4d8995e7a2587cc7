/* enrol - see enrol.h. */
#include "backoffice/core/enrol.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backoffice/core/asks.h"
#include "backoffice/core/audit.h"
#include "backoffice/core/fleet.h"
#include "backoffice/core/group.h"
#include "backoffice/core/enrol/asked.h"
#include "backoffice/core/keyring.h"
#include "backoffice/core/profile_store.h"
#include "backoffice/core/vars.h"
#include "backoffice/pki/cert.h"
#include "backoffice/pki/crmf.h"
#include "backoffice/pki/csrattrs.h"
#include "backoffice/pki/san.h"
#include "base/clock.h"

#define AGAIN_MAX   64 /* certificates of one key by one and the same request */
#define REQUEST_ID  96

/* ---- is it the device's own? ---- */

static enum inro_err asked_profile(struct core *c, const struct enrol *in, const struct csr *csr,
				   const char *profile)
{
	SCOPED(policy) p = { 0 };
	uint8_t key[PKI_DIGEST_MAX];
	enum inro_err e = pubkey_print(&csr->key, key);

	if (e == INRO_OK && bytes_equal(in->attested, BYTES(key, PUBKEY_PRINT)))
		return INRO_OK;
	if (e == INRO_OK)
		e = policy_of_device(c, in->device, &p);
	return e == INRO_OK ? asks_unattested(c, &p, text_or_empty(profile)) : e;
}

enum inro_err asked_read(struct core *c, const struct enrol *in, struct csr *ret)
{
	SCOPED(csr) csr = { 0 };
	enum inro_err e = in->crmf ? crmf_read(in->csr, &csr) : csr_read(in->csr, &csr);

	if (e == INRO_OK)
		e = asks_subject(c, in->device, &csr);
	if (e == INRO_OK)
		e = asked_profile(c, in, &csr, in->label->profile);
	if (e != INRO_OK)
		return e;
	*ret = csr;
	csr = (struct csr) { 0 };
	return INRO_OK;
}

/* ---- asked again ---- */

/* What makes two requests the same: who, of whom, by what, what it renews (0: nothing), and each octet.  A key that
 * is kept may sign the same octets each time. */
static enum inro_err request_id(const struct enrol *in, const struct csr *csr, int64_t renews,
				char out[static REQUEST_ID])
{
	SCOPED(buf) all = { 0 };
	SCOPED(buf) hex = { 0 };
	uint8_t digest[PKI_DIGEST_MAX];
	enum inro_err e;

	buf_add_u64(&all, (uint64_t)in->device->id);
	buf_add_field(&all, bytes_of(in->label->ca));
	buf_add_field(&all, bytes_of(in->label->profile));
	buf_add_field(&all, buf_bytes(&csr->der));
	if (renews)
		buf_add_u64(&all, (uint64_t)renews);
	e = buf_err(&all);
	if (e == INRO_OK)
		e = pki_digest(PKI_SHA256, buf_bytes(&all), digest);
	buf_add_hex(&hex, BYTES(digest, pki_hash_octets(PKI_SHA256)));
	snprintf(out, REQUEST_ID, "enrol-%.*s", (int)hex.n, (const char *)hex.p);
	return e;
}

bool enrol_waits(const struct cred *cred)
{
	return cred->rec.state == CRED_REQUESTED || cred->rec.state == CRED_PENDING;
}

static bool was_refused(const struct cred *cred)
{
	return !cred->rec.fingerprint.n && !enrol_waits(cred);
}

enum again { AGAIN_GOOD, AGAIN_BAD, AGAIN_OVER };

/* What came of the request, or of the same one before. */
static enum again look_at(const struct cred *cred)
{
	if (enrol_waits(cred) || cred->state == CRED_ACTIVE || cred->state == CRED_SUSPENDED)
		return AGAIN_GOOD;
	if (cred->state == CRED_REVOKED)
		return AGAIN_BAD;
	if (was_refused(cred) && !clock_is_over(cred->rec.updated_ms, ENROL_REFUSED_MS))
		return AGAIN_BAD;
	return AGAIN_OVER;
}

static enum inro_err is_bad(const struct cred *cred)
{
	if (was_refused(cred))
		return err_set(INRO_E_POLICY, "request %lld was refused",
			       (long long)cred->rec.id);
	return err_set(INRO_E_POLICY,
		       "the certificate of this request, %lld, is revoked; ask with another key",
		       (long long)cred->rec.id);
}

/* One call of cred_issue() under an id of our own; `n` goes into that where the ones before are over. */
static enum inro_err issue_as(struct core *c, const struct enrol *in, const char *base, int n,
			      struct cred *ret)
{
	char id[REQUEST_ID + 8];
	const struct cred_request r = { .csr = in->csr,
					.ca = in->label->ca,
					.profile = in->label->profile,
					.device = in->device->device_id,
					.crmf = in->crmf,
					.confirm_by = in->confirm_by,
					.attested = in->attested,
					.request_id = id };

	snprintf(id, sizeof id, n ? "%s.%d" : "%s", base, n);
	return cred_issue(c, &r, ret);
}

static enum inro_err refused(struct core *c, const struct enrol *in, enum inro_err e)
{
	return audit_refused(c, "certificate.issue", "device", in->device->device_id, e);
}

static enum inro_err issue_or_again(struct core *c, const struct enrol *in, const char *id,
				    struct cred *ret)
{
	for (int n = 0; n < AGAIN_MAX; n++) {
		SCOPED(cred) cred = { 0 };
		enum inro_err e = issue_as(c, in, id, n, &cred);
		enum again again = e == INRO_OK ? look_at(&cred) : AGAIN_BAD;

		if (e == INRO_OK && again == AGAIN_BAD)
			return refused(c, in, is_bad(&cred));
		if (e != INRO_OK)
			return e;
		if (again == AGAIN_OVER)
			continue;
		*ret = cred;
		cred = (struct cred) { 0 };
		return INRO_OK;
	}
	return refused(c, in, err_set(INRO_E_POLICY, "%d certificates by one and the same request are enough: make "
						     "another one",
				      AGAIN_MAX));
}

enum inro_err enrol_issue(struct core *c, const struct enrol *in, struct cred *ret)
{
	SCOPED(csr) csr = { 0 };
	char id[REQUEST_ID];
	enum inro_err e = asked_read(c, in, &csr);

	if (e == INRO_OK && !in->transaction)
		e = request_id(in, &csr, 0, id);
	if (e != INRO_OK)
		return refused(c, in, e);
	if (in->transaction)
		return core_pin_fault(issue_as(c, in, in->transaction, 0, ret));
	return core_pin_fault(issue_or_again(c, in, id, ret));
}

/* ---- renewed ---- */

static enum inro_err old_of(struct core *c, const struct enrol *in, struct bytes der,
			    struct cred *ret)
{
	uint8_t print[PKI_DIGEST_MAX];
	SCOPED(buf) ref = { 0 };
	enum inro_err e = pki_digest(PKI_SHA256, der, print);

	buf_add_str(&ref, "sha256:");
	buf_add_hex(&ref, BYTES(print, pki_hash_octets(PKI_SHA256)));
	buf_add_u8(&ref, 0);
	if (e == INRO_OK)
		e = buf_err(&ref);
	if (e == INRO_OK)
		e = cred_get(c, (const char *)ref.p, ret);
	if (e == INRO_OK && ret->rec.device != in->device->id)
		e = err_set(INRO_E_POLICY, "certificate %lld is not one of device '%s'",
			    (long long)ret->rec.id, in->device->device_id);
	if (e == INRO_OK && strcmp(text_or_empty(ret->ca_name), in->label->ca) != 0)
		e = err_set(INRO_E_POLICY, "certificate %lld is of CA '%s', not of '%s'",
			    (long long)ret->rec.id, text_or_empty(ret->ca_name), in->label->ca);
	return e;
}

static enum inro_err lacks(struct bytes have, struct bytes of)
{
	struct san s;
	enum inro_err e = INRO_OK;

	while (e == INRO_OK && of.n) {
		e = san_next(&of, &s);
		if (e == INRO_OK && !san_has(have, &s))
			e = err_set(INRO_E_POLICY, "a renewal's request has the alternative names of "
						   "the certificate that it renews");
	}
	return e;
}

/* RFC 7030 4.2.2: subject and names are identical.  The subject is compared where it is renewed. */
static enum inro_err same_names(const struct csr *csr, const struct cred *old)
{
	SCOPED(cert) cert = { 0 };
	enum inro_err e = cert_read(blob_bytes(&old->rec.cert), &cert);

	if (e == INRO_OK)
		e = lacks(csr->ext.sans, cert.ext.sans);
	return e == INRO_OK ? lacks(cert.ext.sans, csr->ext.sans) : e;
}

static enum inro_err renew_as(struct core *c, const struct enrol *in, const struct cred *old,
			      const char *id, struct cred *ret)
{
	char ref[32];
	const struct cred_renewal r = { .csr = in->csr,
					.crmf = in->crmf,
					.confirm_by = in->confirm_by,
					.attested = in->attested,
					.request_id = in->transaction ? in->transaction : id };

	snprintf(ref, sizeof ref, "id:%lld", (long long)old->rec.id);
	return cred_renew(c, ref, &r, ret);
}

enum inro_err enrol_renew(struct core *c, const struct enrol *in, struct bytes old_der,
			  struct cred *ret)
{
	SCOPED(csr) csr = { 0 };
	SCOPED(cred) old = { 0 };
	char id[REQUEST_ID];
	enum inro_err e = asked_read(c, in, &csr);

	if (e == INRO_OK)
		e = old_of(c, in, old_der, &old);
	if (e == INRO_OK)
		e = asked_profile(c, in, &csr, old.rec.profile);
	if (e == INRO_OK)
		e = same_names(&csr, &old);
	if (e == INRO_OK)
		e = request_id(in, &csr, old.rec.id, id);
	if (e != INRO_OK)
		return audit_refused(c, "certificate.renew", "device", in->device->device_id, e);
	return core_pin_fault(renew_as(c, in, &old, id, ret));
}

/* ---- what is wanted ---- */

static uint64_t types_of(const struct profile *p, const struct policy *policy)
{
	uint64_t bits = 0;
	unsigned size;

	for (int k = PKI_KEY_NONE + 1; k < PKI_KEY__MAX; k++) {
		const struct pki_key_type *t = pki_key_type((enum pki_key)k);
		bool taken = policy_takes_type(policy, t->name, policy_type_is_pair);

		for (size_t i = 0; !taken && !t->bits && i < policy->key_types.n; i++)
			taken = pki_key_sized(policy->key_types.items[i], &size) == t->id;
		if (taken && p->key_types >> k & 1)
			bits |= PKI_KEY_BIT(k);
	}
	return bits;
}

enum inro_err enrol_with_wanted(struct core *c, const struct label *label,
				const struct device *device, enrol_wanted_fn *fn, void *arg)
{
	static const struct device nobody = { 0 };
	const struct device *d = device ? device : &nobody;
	SCOPED(profile) p = { 0 };
	SCOPED(policy) policy = { 0 };
	SCOPED(vars_room) room = { 0 };
	struct dn_vars vars = { .ca_name = label->ca };
	struct csrattrs wanted = { .profile = &p, .vars = &vars };
	enum inro_err e = profile_load(c, label->profile, &p);

	if (e == INRO_OK)
		e = policy_of_device(c, d, &policy);
	if (e == INRO_OK)
		e = vars_of_device(c, d, vars_wanted(&p), &room, &vars);
	if (e != INRO_OK)
		return e;
	wanted.key_types = types_of(&p, &policy);
	return fn(arg, &wanted);
}

static enum inro_err as_attributes(void *arg, const struct csrattrs *wanted)
{
	return csrattrs_make(wanted, arg);
}

enum inro_err enrol_wanted(struct core *c, const struct label *label, const struct device *device,
			   struct buf *ret)
{
	return enrol_with_wanted(c, label, device, as_attributes, ret);
}
