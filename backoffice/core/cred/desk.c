/* desk - what requests to one CA share of the policies of groups and of who issues; see issuing.h. */
#include "backoffice/core/authority.h"
#include "backoffice/core/group.h"
#include "backoffice/core/issuing.h"
#include "base/clock.h"

static struct desk_policy *place_of(struct issue_desk *d, int64_t group)
{
	return &d->policies[(uint64_t)group % DESK_POLICIES];
}

enum inro_err desk_policy(struct core *c, struct issue_desk *d, int64_t group,
			  const struct policy **ret)
{
	struct desk_policy *at = place_of(d, group);
	struct policy p = { 0 };
	enum inro_err e;

	if (!at->known || at->group != group) {
		e = policy_of_group(c, group, &p);
		if (e != INRO_OK)
			return e;
		policy_clear(&at->policy);
		*at = (struct desk_policy) { p, group, true };
	}
	*ret = &at->policy;
	return INRO_OK;
}

void desk_forget_policies(struct issue_desk *d)
{
	for (size_t i = 0; i < DESK_POLICIES; i++) {
		policy_clear(&d->policies[i].policy);
		d->policies[i] = (struct desk_policy) { 0 };
	}
}

static enum inro_err add_limits(struct issue_desk *d, struct bytes der)
{
	SCOPED(cert) cert = { 0 };
	enum inro_err e = cert_read(der, &cert);

	return e == INRO_OK && cert.ext.limits.n
		       ? limits_read(&d->limits, cert.ext.limits, cert.subject)
		       : e;
}

/* Name constraints of a CA that others certified are kept with it, as those of ours. */
static enum inro_err read_limits(struct issue_desk *d, const struct chain *chain)
{
	enum inro_err e = INRO_OK;

	for (size_t i = 0; e == INRO_OK && i < chain->n; i++)
		e = add_limits(d, blob_bytes(&chain->certs[i]));
	return e == INRO_OK ? e : err_context(e, "the certificates above CA '%s'", d->ca->name);
}

enum inro_err desk_issuer(struct core *c, struct issue_desk *d)
{
	SCOPED(chain) chain = { 0 };
	enum inro_err e;

	if (!d->ca || d->issuer.der.n)
		return INRO_OK;
	e = d->answers ? ca_chain_of(c, d->ca->id, d->ca->generation, &chain)
		       : ca_usable_chain(c, d->ca, clock_now(), &chain);
	if (e == INRO_OK)
		e = read_limits(d, &chain);
	return e == INRO_OK ? cert_read(blob_bytes(&d->ca->cert), &d->issuer) : e;
}
