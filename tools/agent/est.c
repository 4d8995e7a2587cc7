/* est - see est.h. */
#include "tools/agent/est.h"

#include "base/clock.h"

#define SLACK 300 /* seconds that two clocks may differ */

_Static_assert(EST_CERTS_MAX <= PAIR_CERTS_MAX, "what came is read into room for pairs");

struct reading {
	struct cert all[2 * PAIR_CERTS_MAX]; /* those of two answers */
	bool used[2 * PAIR_CERTS_MAX];
	size_t n;
};

static void reading_clear(struct reading *r)
{
	for (size_t i = 0; i < r->n; i++)
		cert_clear(&r->all[i]);
	*r = (struct reading) { 0 };
}

static enum inro_err read_certs(struct reading *r, const struct est_certs *from)
{
	enum inro_err e = INRO_OK;

	for (size_t i = 0; e == INRO_OK && i < from->n; i++) {
		e = cert_read(buf_bytes(&from->ders[i]), &r->all[r->n]);
		r->n += e == INRO_OK;
	}
	return e;
}

static const struct cert *leaf_of(const struct reading *r, size_t issued, struct bytes spki)
{
	for (size_t i = 0; i < issued && i < r->n; i++)
		if (bytes_equal(r->all[i].key.spki, spki))
			return &r->all[i];
	return NULL;
}

static const struct cert *issuer_of(struct reading *r, const struct cert *c)
{
	for (size_t i = 0; i < r->n; i++) {
		if (r->used[i] || &r->all[i] == c || !bytes_equal(r->all[i].subject, c->issuer) ||
		    cert_check_ca(&r->all[i]) != INRO_OK ||
		    cert_verify(c, &r->all[i].key) != INRO_OK)
			continue;
		r->used[i] = true;
		return &r->all[i];
	}
	return NULL;
}

static enum inro_err check_dates(const struct cert *c, int64_t believed)
{
	char from[32], to[32];

	if (c->not_before <= believed + SLACK && c->not_after > believed)
		return INRO_OK;
	clock_format(c->not_before, from, sizeof from);
	clock_format(c->not_after, to, sizeof to);
	return err_set(INRO_E_POLICY,
		       "the certificate that came is valid from %s to %s, which is not now; is this "
		       "device's clock right?",
		       from, to);
}

/* The bytes as `from` has them, which lives longer than what was read of them. */
static struct bytes lasting(const struct est_certs *a, const struct est_certs *b, struct bytes der)
{
	for (size_t i = 0; i < a->n + b->n; i++) {
		struct bytes one = buf_bytes(i < a->n ? &a->ders[i] : &b->ders[i - a->n]);

		if (bytes_equal(one, der))
			return one;
	}
	return BYTES_NONE;
}

/* The root that the chain leads to comes first: some files have room for one only. */
static void add_cas(const struct est_certs *cas, struct bytes root, struct est_pick *p)
{
	for (int turn = 0; turn < 2; turn++)
		for (size_t i = 0; i < cas->n; i++)
			if (bytes_equal(buf_bytes(&cas->ders[i]), root) == (turn == 0))
				p->cas[p->cas_n++] = buf_bytes(&cas->ders[i]);
}

enum inro_err est_pick(const struct est_certs *issued, const struct est_certs *cas,
		       struct bytes spki, int64_t believed, struct est_pick *ret)
{
	SCOPED(reading) r = { 0 };
	struct est_pick p = { 0 };
	const struct cert *c, *above;
	enum inro_err e = read_certs(&r, issued);

	if (e == INRO_OK)
		e = read_certs(&r, cas);
	if (e != INRO_OK)
		return e;
	c = leaf_of(&r, issued->n, spki);
	if (!c)
		return err_set(INRO_E_POLICY, "no certificate that came is for the key that was "
					      "asked for");
	e = check_dates(c, believed);
	if (e != INRO_OK)
		return e;
	p.leaf = lasting(issued, cas, buf_bytes(&c->der));
	for (above = issuer_of(&r, c); above; above = issuer_of(&r, above)) {
		if (above->self_issued)
			break;
		if (p.chain_n == PAIR_CERTS_MAX)
			return err_set(INRO_E_TOO_BIG, "the chain does not end");
		p.chain[p.chain_n++] = lasting(issued, cas, buf_bytes(&above->der));
	}
	if (!p.chain_n && !above)
		return err_set(INRO_E_SIGNATURE, "no CA of the service signed the certificate that "
						 "came");
	add_cas(cas, above ? buf_bytes(&above->der) : BYTES_NONE, &p);
	*ret = p;
	return INRO_OK;
}

enum inro_err est_check_new(struct bytes leaf, const struct cert *live)
{
	SCOPED(cert) c = { 0 };
	enum inro_err e = cert_read(leaf, &c);

	if (e != INRO_OK || !bytes_equal(c.key.spki, live->key.spki))
		return e;
	if (bytes_equal(c.serial, live->serial) && bytes_equal(c.issuer, live->issuer))
		return err_set(INRO_E_POLICY, "the service gave the certificate again that is to be renewed");
	if (c.not_before < live->not_before && c.not_after < live->not_after)
		return err_set(INRO_E_POLICY, "the service gave a certificate that is older than the one that is "
					      "to be renewed");
	return INRO_OK;
}
