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

/* Of the tenant, and not deleted; letter by letter, as ids are. */
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
	e = device_load(c, name, &other);
	if (e == INRO_OK)
		return err_set(INRO_E_POLICY, "the request is for device '%s', and '%s' sends it", name,
			       d->device_id);
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
