/* asks - see asks.h. */
#include "backoffice/core/asks.h"

#include <stdio.h>
#include <string.h>

#include "backoffice/core/fleet.h"
#include "backoffice/core/internal.h"
#include "backoffice/core/profile_store.h"
#include "backoffice/pki/dn.h"

/* Who compares names passes over blanks at the ends (RFC 5280 7.1). */
static struct bytes trimmed(struct bytes v)
{
	while (v.n && v.p[0] == ' ')
		v = BYTES(v.p + 1, v.n - 1);
	while (v.n && v.p[v.n - 1] == ' ')
		v.n--;
	return v;
}

/* Of the tenant, and not deleted. */
static enum inro_err is_other(struct core *c, const struct device *d, struct bytes said)
{
	const struct bytes value = trimmed(said);
	char name[DEVICE_ID_MAX + 1];
	SCOPED(device) other = { 0 };
	enum inro_err e;

	if (!value.n || value.n > DEVICE_ID_MAX || memchr(value.p, 0, value.n) ||
	    bytes_is(value, d->device_id))
		return INRO_OK;
	snprintf(name, sizeof name, "%.*s", (int)value.n, (const char *)value.p);
	e = device_called(c, name, d->id, &other);
	if (e == INRO_OK)
		return err_set(INRO_E_POLICY, "the request is for device '%s', and '%s' sends it",
			       other.device_id, d->device_id);
	return e == INRO_E_NOT_FOUND || e == INRO_E_ARG ? INRO_OK : e;
}

static bool may_name(const struct dn_type *t)
{
	static const char *const types[] = { "CN", "serialNumber", "UID" };

	for (size_t i = 0; i < ARRAY_LEN(types); i++)
		if (t && strcmp(t->name, types[i]) == 0)
			return true;
	return false;
}

enum inro_err asks_subject(struct core *c, const struct device *d, const struct csr *csr)
{
	struct dn_walk w;
	struct dn_part part;
	bool more = true;
	enum inro_err e = dn_walk(csr->subject, &w);

	while (e == INRO_OK && more) {
		e = dn_next(&w, &part, &more);
		if (e == INRO_OK && more && may_name(part.type))
			e = is_other(c, d, part.value);
	}
	return e;
}

enum inro_err asks_unattested(struct core *c, const struct policy *p, const char *profile)
{
	SCOPED(profile) own = { 0 };
	enum inro_err e = INRO_OK;

	if (!p->profile || policy_names_profile(p, profile))
		return INRO_OK;
	e = profile_load(c, p->profile, &own);
	if (e == INRO_OK && own.attested)
		e = err_set(INRO_E_ACCESS,
			    "devices of this group get certificates by profile '%s' alone: their keys are "
			    "attested",
			    p->profile);
	return e;
}

/* What others believe of more than its holder, as a CA's answers and its messages, or code. */
#define EKU_TRUSTED (EKU_OCSP_SIGNING | EKU_CMC_CA | EKU_CMC_RA | EKU_CM_KGA | EKU_CODE_SIGNING | EKU_TIME_STAMPING)

#define BEFORE_MAX 1000 /* certificates, one renewed by the other */

enum giver { GIVER_UNKNOWN, GIVER_DEVICE, GIVER_PERSON };

/* Who gave a certificate, by the audit: what was approved has its proposal there, what renews one that a person gave
 * says so. */
static enum inro_err giver_of(struct core *c, int64_t id, enum giver *ret)
{
	char subject[48];
	const struct store_cond conds[] = {
		{ .field = "tenant", .number = c->tenant },
		{ .field = "subject", .text = subject },
		{ .field = "action", .text = "certificate.issue" },
		{ .field = "outcome", .number = EVENT_DONE },
	};
	const struct store_query q = { STORE_WHERE(conds), .limit = 1, .any_first = true };
	SCOPED(event) ev = { 0 };
	enum inro_err e;

	snprintf(subject, sizeof subject, "certificate:%lld", (long long)id);
	e = store_find(c->store, &q, &ev);
	*ret = GIVER_UNKNOWN;
	if (e != INRO_OK)
		return e == INRO_E_NOT_FOUND ? INRO_OK : e;
	*ret = strncmp(text_or_empty(ev.actor), "device:", 7) != 0 ||
			       strstr(text_or_empty(ev.detail), "\"proposal\":") ||
			       strstr(text_or_empty(ev.detail), "\"given\":")
		       ? GIVER_PERSON
		       : GIVER_DEVICE;
	return INRO_OK;
}

/* Down to the first of those that were renewed one by the other before renewals said who gave them. */
static enum inro_err find_giver(struct core *c, int64_t id, enum giver *ret)
{
	enum inro_err e = giver_of(c, id, ret);

	for (int i = 0; e == INRO_OK && *ret == GIVER_DEVICE && i < BEFORE_MAX; i++) {
		SCOPED(credential) rec = { 0 };

		e = store_get(c->store, id, &rec);
		id = rec.replaces;
		if (e == INRO_OK && !id)
			return INRO_OK;
		if (e == INRO_OK)
			e = giver_of(c, id, ret);
	}
	return e;
}

bool asks_is_trusted(const struct profile *p)
{
	return (p->extended & EKU_TRUSTED) != 0;
}

/* A person gives that: a device that only had to ask would speak for its CA. */
enum inro_err asks_trusted(struct core *c, const struct profile *p, int64_t renewed)
{
	enum giver giver = GIVER_DEVICE;
	enum inro_err e;

	if (!c->device || !asks_is_trusted(p))
		return INRO_OK;
	if (!renewed)
		return err_set(INRO_E_ACCESS,
			       "profile '%s' is for what is believed of more than the device: no device gets a first "
			       "certificate by it for the asking; an operator issues it, or approves it where the "
			       "profile says approve = yes",
			       p->name);
	e = find_giver(c, renewed, &giver);
	if (e == INRO_OK && giver != GIVER_PERSON)
		e = err_set(INRO_E_ACCESS,
			    "profile '%s' is for what is believed of more than the device, and that somebody gave it "
			    "certificate %lld %s: an operator renews it (inro cert renew), and then it does itself",
			    p->name, (long long)renewed,
			    giver == GIVER_DEVICE ? "is not so" : "is no longer in the audit");
	return e;
}

enum inro_err asks_check(struct core *c, const struct making *j, const struct policy *p)
{
	enum inro_err e;

	if (!c->device)
		return INRO_OK;
	e = asks_subject(c, &j->device, &j->csr);
	if (e != INRO_OK || bytes_equal(j->in->request->attested, making_key(j)))
		return e;
	return asks_unattested(c, p, j->desk->profile.name);
}
