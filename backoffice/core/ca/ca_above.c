/* ca_above - see ca_above.h. */
#include "backoffice/core/ca/ca_above.h"

#include "backoffice/core/authority.h"
#include "backoffice/pki/bounds.h"
#include "backoffice/pki/limits.h"
#include "backoffice/pki/pem.h"
#include "base/clock.h"

#define ABOVE_MAX 15

void ca_above_clear(struct ca_above *a)
{
	buf_clear(&a->others);
	*a = (struct ca_above) { 0 };
}

enum inro_err ca_above_check(const struct cert *cert, const char *what)
{
	int64_t now = clock_now();
	enum inro_err e = cert_check_ca(cert);

	if (e != INRO_OK)
		return err_context(e, "%s", what);
	if (now > cert->not_after)
		return err_set(INRO_E_POLICY, "%s has expired", what);
	return now < cert->not_before ? err_set(INRO_E_POLICY, "%s is not valid yet", what)
				      : INRO_OK;
}

/* `above` signed `below`. */
static enum inro_err check_link(const struct cert *below, const struct cert *above)
{
	enum inro_err e = ca_above_check(above, "a certificate above it");

	if (e == INRO_OK && !bytes_equal(below->issuer, above->subject))
		e = err_set(INRO_E_SIGNATURE,
			    "the chain is broken: it goes from the CA's issuer up "
			    "to a root");
	return e == INRO_OK ? cert_verify(below, &above->key) : e;
}

/* One that is signed by itself ends the chain. */
static bool is_root(const struct cert *cert)
{
	return cert->self_issued && cert_verify(cert, &cert->key) == INRO_OK;
}

/* *below is replaced by the certificate above it. */
static enum inro_err climb(struct ca_above *a, struct bytes *rest, struct cert *below)
{
	SCOPED(buf) der = { 0 };
	SCOPED(cert) above = { 0 };
	enum inro_err e = pem_next(rest, PEM_CERT, &der);

	if (e == INRO_E_NOT_FOUND)
		return err_set(INRO_E_SIGNATURE, "the chain does not reach a root");
	if (e == INRO_OK)
		e = cert_read(buf_bytes(&der), &above);
	if (e == INRO_OK)
		e = check_link(below, &above);
	if (e != INRO_OK)
		return e;
	buf_add(&a->others, buf_bytes(&der));
	cert_clear(below);
	*below = above;
	above = (struct cert) { 0 };
	return buf_err(&a->others);
}

static enum inro_err check_chain(struct ca_above *a, const struct cert *cert, struct bytes chain)
{
	SCOPED(cert) top = { 0 };
	enum inro_err e = cert_read(buf_bytes(&cert->der), &top);

	for (int n = 1; e == INRO_OK && !is_root(&top); n++) {
		if (n > ABOVE_MAX)
			return err_set(INRO_E_TOO_BIG, "the chain has more than %d certificates",
				       ABOVE_MAX);
		e = climb(a, &chain, &top);
	}
	return e;
}

/* ---- a CA of ours ---- */

struct search {
	const struct cert *cert;
	int64_t self;
	struct ca_above *found;
};

/* Did this CA of ours sign it?  One of the same name that did not is no error. */
static enum inro_err try_parent(struct core *c, struct search *s, const struct ca *ca)
{
	SCOPED(cert) above = { 0 };
	enum inro_err e;

	if (!ca->cert.n || ca->id == s->self)
		return INRO_OK; /* no CA is above itself */
	e = cert_read(blob_bytes(&ca->cert), &above);
	if (e != INRO_OK || !bytes_equal(s->cert->issuer, above.subject) ||
	    cert_verify(s->cert, &above.key) != INRO_OK)
		return e;
	s->found->parent = ca->id;
	s->found->parent_generation = ca->generation;
	e = check_link(s->cert, &above);
	return e == INRO_OK ? ca_usable(c, ca, clock_now()) : e;
}

/* What an earlier key of it signed stays valid. */
static enum inro_err try_key(struct core *c, const struct ca *ca, void *arg)
{
	struct search *s = arg;

	return s->found->parent ? INRO_OK : try_parent(c, s, ca);
}

static enum inro_err try_ca(struct core *c, struct search *s, const struct ca *ca)
{
	enum inro_err e = try_parent(c, s, ca);

	return e == INRO_OK && !s->found->parent ? ca_each_key(c, ca, try_key, s) : e;
}

static enum inro_err find_parent(struct core *c, struct search *s)
{
	const struct store_cond cond = { .field = "tenant", .number = c->tenant };
	const struct store_query q = { .conds = &cond, .n = 1 };
	void *rows = NULL;
	size_t n = 0;
	enum inro_err e = core_all(c, &ca_type, &q, &rows, &n);

	for (size_t i = 0; e == INRO_OK && !s->found->parent && i < n; i++)
		e = try_ca(c, s, (const struct ca *)rows + i);
	list_free(&ca_type, rows, n);
	return e;
}

/* ---- what may be certified below ---- */

/* What those above say. */
struct said {
	struct limits limits;
	struct bounds bounds;
};

static void said_clear(struct said *s)
{
	limits_clear(&s->limits);
}

/* From a root down: each is held against what is above it, and adds its own (RFC 5280 6.1.4; one
 * that is self-issued has its issuer's name). */
static enum inro_err check_one(struct limits *l, const struct cert *cert)
{
	enum inro_err e = INRO_OK;

	if (!cert->self_issued)
		e = limits_check(l, cert->subject, cert->ext.sans);
	if (e == INRO_OK && cert->ext.limits.n)
		e = limits_read(l, cert->ext.limits, cert->subject);
	return e;
}

static enum inro_err check_der(struct said *s, struct bytes der)
{
	SCOPED(cert) cert = { 0 };
	enum inro_err e = cert_read(der, &cert);

	if (e != INRO_OK)
		return e;
	bounds_add(&s->bounds, &cert);
	return check_one(&s->limits, &cert);
}

static enum inro_err check_others(struct said *s, struct bytes others)
{
	struct bytes ders[ABOVE_MAX];
	size_t n = 0;
	enum inro_err e = INRO_OK;

	while (e == INRO_OK && others.n && n < ABOVE_MAX)
		e = der_take_whole(&others, DER_SEQUENCE, &ders[n++]);
	while (e == INRO_OK && n)
		e = check_der(s, ders[--n]);
	return e;
}

static enum inro_err check_ours(struct core *c, struct said *s, const struct ca_above *a)
{
	SCOPED(chain) chain = { 0 };
	enum inro_err e = ca_chain_of(c, a->parent, a->parent_generation, &chain);

	for (size_t i = chain.n; e == INRO_OK && i; i--)
		e = check_der(s, blob_bytes(&chain.certs[i - 1]));
	return e;
}

static enum inro_err check_below(struct core *c, const struct cert *cert, const struct ca_above *a)
{
	SCOPED(said) s = { .bounds = bounds_none() };
	enum inro_err e = a->parent ? check_ours(c, &s, a) : check_others(&s, buf_bytes(&a->others));

	if (e == INRO_OK && cert->ext.ca && !cert->self_issued && s.bounds.cas == 0)
		e = err_set(INRO_E_POLICY, "a path length above it leaves no room for this CA");
	return e == INRO_OK ? check_one(&s.limits, cert) : e;
}

enum inro_err ca_above_names(struct core *c, const struct cert *cert, int64_t ca, int64_t generation)
{
	const struct ca_above a = { .parent = ca, .parent_generation = generation };

	return check_below(c, cert, &a);
}

/* ---- the whole ---- */

static enum inro_err find(struct core *c, struct search *s, struct bytes chain)
{
	enum inro_err e;

	s->found->root = is_root(s->cert);
	if (s->found->root)
		return INRO_OK;
	e = find_parent(c, s);
	if (e != INRO_OK || s->found->parent)
		return e;
	if (!chain.n)
		return err_set(INRO_E_SIGNATURE, "no CA here has signed the certificate: give the "
						 "chain of those that did");
	return check_chain(s->found, s->cert, chain);
}

enum inro_err ca_above_find(struct core *c, const struct cert *cert, struct bytes chain,
			    int64_t self, struct ca_above *ret)
{
	SCOPED(ca_above) a = { 0 };
	struct search s = { cert, self, &a };
	enum inro_err e = find(c, &s, chain);

	if (e == INRO_OK)
		e = check_below(c, cert, &a);
	if (e != INRO_OK)
		return e;
	*ret = a;
	a = (struct ca_above) { 0 };
	return INRO_OK;
}
