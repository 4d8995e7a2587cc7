/* fingerprint - see fingerprint.h. */
#include "provider/fingerprint.h"

#include "base/der.h"

static enum inro_err print_digest(struct prov *p, const struct fingerprint *f, EVP_MD **ret)
{
	const struct digest *row;

	if (!*f->digest)
		return err_set(INRO_E_ARG, "a fingerprint without the name of its digest");
	return below_digest(&p->below, f->digest, ret, &row);
}

static void free_md(EVP_MD **md)
{
	EVP_MD_free(*md);
}

enum inro_err fingerprint_check(struct prov *p, const struct fingerprint *f)
{
	AUTO(free_md) EVP_MD *md = NULL;
	enum inro_err e = print_digest(p, f, &md);

	if (!e && (size_t)EVP_MD_get_size(md) != f->value.n)
		return err_set(INRO_E_ARG, "a fingerprint by %s has %d bytes, not %zu",
			       EVP_MD_get0_name(md), EVP_MD_get_size(md), f->value.n);
	return e;
}

static bool is_print_of(const EVP_MD *md, struct bytes what, const struct fingerprint *f)
{
	uint8_t out[EVP_MAX_MD_SIZE];
	unsigned n = 0;

	return EVP_Digest(what.p, what.n, out, &n, md, NULL) == 1 &&
	       bytes_equal(BYTES(out, n), f->value);
}

/* The bits, without the byte that counts those not used. */
static struct bytes key_bits(struct bytes spki)
{
	struct bytes seq, algorithm, bits;

	if (der_only(spki, DER_SEQUENCE, &seq) || der_take(&seq, DER_SEQUENCE, &algorithm) ||
	    der_take_bits(&seq, &bits))
		return BYTES_NONE;
	return bits;
}

enum inro_err fingerprint_fits(struct token *t, struct seat *s, CK_OBJECT_HANDLE object,
			       bool certificate, const struct fingerprint *f, bool *ret_fits)
{
	AUTO(free_md) EVP_MD *md = NULL;
	SCOPED(buf) spki = { 0 };
	SCOPED(buf) cert = { 0 };
	enum inro_err e = print_digest(token_prov(t), f, &md);

	if (!e)
		e = ck_public_key(s->m, s->session, object, &spki);
	if (!e && certificate)
		e = ck_attr(s->m, s->session, object, CKA_VALUE, &cert);
	if (!e)
		*ret_fits = is_print_of(md, buf_bytes(&spki), f) ||
			    is_print_of(md, key_bits(buf_bytes(&spki)), f) ||
			    (certificate && is_print_of(md, buf_bytes(&cert), f));
	return e;
}
