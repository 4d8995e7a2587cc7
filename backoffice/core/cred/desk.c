/* desk - what requests to one CA share: its profile, the policies of groups, who issues, and what is read for many of them
 * at once; see issuing.h. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backoffice/core/authority.h"
#include "backoffice/core/ca_policy.h"
#include "backoffice/core/fleet.h"
#include "backoffice/core/group.h"
#include "backoffice/core/issue_time.h"
#include "backoffice/core/issuing.h"
#include "backoffice/core/key_use.h"
#include "backoffice/core/memo.h"
#include "backoffice/core/profile_store.h"
#include "base/clock.h"

#define DAYS_MAX 36525

void issue_desk_clear(struct issue_desk *d)
{
	profile_clear(&d->profile);
	blocklist_free(d->blocklist);
	cert_clear(&d->issuer);
	limits_clear(&d->limits);
	ca_policy_clear(&d->lists);
	list_free(&ca_type, d->cas, d->cas_n);
	desk_forget_policies(d);
	*d = (struct issue_desk) { 0 };
}

static enum inro_err load_profile(struct core *c, const struct issuing *in, struct issue_desk *d)
{
	const struct cred_request *r = in->request;
	enum inro_err e;

	if (!r->profile)
		return err_set(INRO_E_ARG, "a certificate needs a profile; 'inro profile list' "
					   "shows the ones there are");
	if (r->days > DAYS_MAX)
		return err_set(INRO_E_ARG, "%u days are more than %d", r->days, DAYS_MAX);
	e = profile_load(c, r->profile, &d->profile);
	if (e == INRO_OK)
		d->wanted = vars_wanted(&d->profile);
	if (e == INRO_OK && d->profile.blocklist)
		e = blocklist_read(d->profile.blocklist, &d->blocklist);
	if (e == INRO_OK && d->profile.ca != in->makes_ca)
		e = err_set(INRO_E_POLICY, "profile '%s' is %sfor CAs", r->profile,
			    d->profile.ca ? "" : "not ");
	if (e == INRO_OK && d->profile.approve && in->makes_ca)
		e = err_set(INRO_E_POLICY,
			    "profile '%s' says 'approve = yes', and a CA doesn't wait by that: the "
			    "setting four-eyes.ca has others approve it",
			    r->profile);
	return e;
}

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
		if (d->policies[i].known)
			policy_clear(&d->policies[i].policy);
		d->policies[i] = (struct desk_policy) { 0 };
	}
}

enum inro_err desk_lists(struct issue_desk *d, const struct ca_policy **ret)
{
	enum inro_err e = d->has_lists ? INRO_OK : ca_policy_read(d->ca, &d->lists);

	d->has_lists = e == INRO_OK;
	*ret = &d->lists;
	return e;
}

static enum inro_err add_above(struct issue_desk *d, struct bytes der)
{
	SCOPED(cert) cert = { 0 };
	enum inro_err e = cert_read(der, &cert);

	if (e != INRO_OK)
		return e;
	bounds_add(&d->bounds, &cert);
	return cert.ext.limits.n ? limits_read(&d->limits, cert.ext.limits, cert.subject) : INRO_OK;
}

static enum inro_err read_each(struct issue_desk *d, const struct chain *chain)
{
	enum inro_err e = INRO_OK;

	for (size_t i = chain->n; e == INRO_OK && i; i--)
		e = add_above(d, blob_bytes(&chain->certs[i - 1]));
	return e == INRO_OK ? e : err_context(e, "the certificates above CA '%s'", d->ca->name);
}

static enum inro_err copy_bounds(const void *from, void *to)
{
	*(struct bounds *)to = *(const struct bounds *)from;
	return INRO_OK;
}

static void clear_none(void *value)
{
	(void)value;
}

/* Chains that were read, and in which nothing constrains names. */
static const struct memo_kind unlimited = { sizeof(struct bounds), copy_bounds, clear_none };

static enum inro_err add_chain(const struct chain *chain, struct buf *ret)
{
	for (size_t i = 0; i < chain->n; i++)
		buf_add_field(ret, blob_bytes(&chain->certs[i]));
	return buf_err(ret);
}

/* What CAs that others certified say is kept with them, as with those of ours. */
static enum inro_err read_above(struct core *c, struct issue_desk *d, const struct chain *chain)
{
	SCOPED(buf) certs = { 0 };
	bool known = false;
	enum inro_err e = add_chain(chain, &certs);

	if (e == INRO_OK)
		e = memo_find(c, &unlimited, buf_bytes(&certs), &d->bounds, &known);
	if (e != INRO_OK || known)
		return e;
	d->bounds = bounds_none();
	e = read_each(d, chain);
	if (e == INRO_OK && !d->limits.n)
		memo_keep(c, &unlimited, buf_bytes(&certs), &d->bounds);
	return e;
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
		e = read_above(c, d, &chain);
	return e == INRO_OK ? cert_read(blob_bytes(&d->ca->cert), &d->issuer) : e;
}

enum inro_err desk_unlock(struct core *c, const struct issuing *in, struct issue_desk *d)
{
	enum inro_err e = desk_issuer(c, d);

	d->signer.key = in->self;
	return e == INRO_OK && d->ca ? ca_signer_open(c, d->ca, &d->issuer, &d->signer) : e;
}

enum inro_err desk_open(struct core *c, const struct issuing *in, struct issue_desk *ret)
{
	SCOPED(issue_desk) d = { .ca = in->ca, .answers = in->answers, .bounds = bounds_none() };
	enum inro_err e = load_profile(c, in, &d);

	if (e == INRO_OK)
		e = issue_now(c, &d.now);
	snprintf(d.generation, sizeof d.generation, "%lld",
		 (long long)(in->ca ? in->ca->generation : in->ca_generation));

	if (e != INRO_OK)
		return e;
	*ret = d;
	d = (struct issue_desk) { 0 };
	return INRO_OK;
}

enum inro_err desk_recheck(struct core *c, struct issue_desk *d)
{
	SCOPED(ca) now = { 0 };
	int64_t moment = 0;
	enum inro_err e = profile_recheck(c, &d->profile);

	if (e == INRO_OK)
		e = issue_now_keep(c, d->now);
	if (e == INRO_OK && d->cas)
		e = key_use_moment(c, &moment);
	d->keys_stand = d->cas && e == INRO_OK && moment == d->moment;
	if (e != INRO_OK || !d->ca || d->answers)
		return e;
	e = store_get(c->store, d->ca->id, &now);
	if (e == INRO_OK && now.generation != d->ca->generation)
		e = err_set(INRO_E_STATE, "CA '%s' has another key by now; try again", now.name);
	if (e == INRO_OK)
		e = ca_policy_stands(d->ca, &now);
	return e == INRO_OK ? ca_usable(c, &now, clock_now()) : e;
}

/* ---- many at once ---- */

static enum inro_err foresee_devices(struct core *c, const struct making *const *js, size_t n)
{
	const char **ids = calloc(n, sizeof *ids);
	enum inro_err e;

	if (!ids)
		return err_set(INRO_E_NO_MEMORY, "no memory for %zu devices", n);
	for (size_t i = 0; i < n; i++)
		ids[i] = js[i]->in->request->device;
	e = device_foresee(c, ids, n);
	free(ids);
	return e;
}

static enum inro_err foresee_keys(struct core *c, const struct making *const *js, size_t n)
{
	struct bytes *keys = calloc(n, sizeof *keys);
	enum inro_err e;

	if (!keys)
		return err_set(INRO_E_NO_MEMORY, "no memory for %zu keys", n);
	for (size_t i = 0; i < n; i++)
		keys[i] = making_key(js[i]);
	e = key_use_foresee(c, keys, n);
	free(keys);
	return e;
}

bool making_in_the_way(const struct making *first, const struct making *next)
{
	const int64_t a = first->device.id, b = next->device.id;

	return !next->desk->profile.reuse_key || (a && b && a != b);
}

enum inro_err making_foresee(struct core *c, const struct making *const *js, size_t n, bool keys)
{
	enum inro_err e = keys || n < 2 ? INRO_OK : foresee_devices(c, js, n);

	return e == INRO_OK && n > 1 ? foresee_keys(c, js, n) : e;
}
