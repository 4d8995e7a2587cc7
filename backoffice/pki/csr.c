#include "backoffice/pki/csr.h"

#include "backoffice/pki/pem.h"
#include "backoffice/pki/text.h"
#include "base/der.h"

#define PKCS9(last)    BYTES_LIT("\x2a\x86\x48\x86\xf7\x0d\x01\x09" last)
#define SMIME_AA(last) PKCS9("\x10\x02" last)
#define ATTRIBUTES     DER_CONTEXT_CONSTRUCTED /* [0] */
#define ATTRIBUTES_MAX 32

static const struct bytes oid_extensions = PKCS9("\x0e"), oid_challenge = PKCS9("\x07");

static enum inro_err read_extensions(struct bytes value, struct csr *c)
{
	struct bytes list;
	enum inro_err e = der_only(value, DER_SEQUENCE, &list);

	return e ? e : ext_read(list, &c->ext);
}

/* RFC 2985 5.4.1: one DirectoryString. */
static enum inro_err read_challenge(struct bytes value, struct csr *c)
{
	struct der d;
	size_t n;
	enum inro_err e = der_next(&value, &d);

	if (e)
		return e;
	if (value.n || d.value.n == 0 || !text_is_utf8(d.value, &n))
		return err_set(INRO_E_SYNTAX, "a challenge password that is no single text");
	c->challenge = d.value;
	return INRO_OK;
}

static enum inro_err read_wrap_secret(struct bytes value, struct csr *c)
{
	return der_only(value, DER_OCTET_STRING, &c->wrap_secret);
}

static enum inro_err read_wrap_pair(struct bytes value, struct csr *c)
{
	return der_only(value, DER_OCTET_STRING, &c->wrap_pair);
}

/* id-aa-decryptKeyID, id-aa-asymmDecryptKeyID */
static const struct bytes oid_wrap_secret = SMIME_AA("\x25"), oid_wrap_pair = SMIME_AA("\x36");

static const struct {
	const struct bytes *oid;
	enum inro_err (*read)(struct bytes value, struct csr *c);
} attributes[] = {
	{ &oid_extensions, read_extensions },
	{ &oid_challenge, read_challenge },
	{ &oid_wrap_secret, read_wrap_secret },
	{ &oid_wrap_pair, read_wrap_pair },
};

/* *seen has a bit for each row of the table that was there. */
static enum inro_err read_attribute(struct bytes *in, unsigned *seen, struct csr *c)
{
	struct bytes seq, oid, values;
	enum inro_err e = der_take(in, DER_SEQUENCE, &seq);

	if (!e)
		e = der_take(&seq, DER_OID, &oid);
	if (!e)
		e = der_only(seq, DER_SET, &values);
	for (unsigned i = 0; !e && i < ARRAY_LEN(attributes); i++) {
		if (!bytes_equal(*attributes[i].oid, oid))
			continue;
		if (*seen & 1u << i)
			return err_set(INRO_E_SYNTAX, "an attribute is there twice");
		*seen |= 1u << i;
		e = attributes[i].read(values, c);
	}
	return e;
}

/* Some writers leave out what RFC 2986 4.1 wants there, be it empty. */
static enum inro_err read_attributes(struct bytes *in, struct csr *c)
{
	struct bytes set;
	unsigned seen = 0;
	enum inro_err e;

	if (in->n == 0)
		return INRO_OK;
	e = der_take(in, ATTRIBUTES, &set);
	for (int n = 0; !e && set.n; n++) {
		if (n == ATTRIBUTES_MAX)
			return err_set(INRO_E_TOO_BIG, "more than %d attributes", ATTRIBUTES_MAX);
		e = read_attribute(&set, &seen, c);
	}
	return e;
}

static enum inro_err read_info(struct bytes info, struct csr *c)
{
	struct bytes in, spki;
	int64_t version;
	enum inro_err e = der_only(info, DER_SEQUENCE, &in);

	if (!e)
		e = der_take_int(&in, &version);
	if (!e && version != 0)
		e = err_set(INRO_E_UNSUPPORTED, "a certificate request of another version");
	if (!e)
		e = der_take_whole(&in, DER_SEQUENCE, &c->subject);
	if (!e)
		e = der_take_whole(&in, DER_SEQUENCE, &spki);
	if (!e)
		e = pubkey_read(spki, &c->key);
	if (!e)
		e = read_attributes(&in, c);
	if (!e && in.n)
		e = err_set(INRO_E_SYNTAX, "something follows the attributes");
	return e;
}

static enum inro_err read_request(struct csr *c)
{
	struct bytes in, algorithm;
	enum inro_err e = der_only(buf_bytes(&c->der), DER_SEQUENCE, &in);

	if (!e)
		e = der_take_whole(&in, DER_SEQUENCE, &c->info);
	if (!e)
		e = der_take_whole(&in, DER_SEQUENCE, &algorithm);
	if (!e)
		e = der_take_bits(&in, &c->signature);
	if (!e && in.n)
		e = err_set(INRO_E_SYNTAX, "something follows the signature");
	if (!e)
		e = read_info(c->info, c);
	if (!e)
		e = pki_sig_find(algorithm, &c->sig);
	return e;
}

enum inro_err csr_read(struct bytes input, struct csr *ret)
{
	SCOPED(csr) c = { .ext = { .path_len = EXT_PATH_LEN_NONE } };
	enum inro_err e = pem_or_der(input, PEM_CSR, CSR_MAX, "certificate request", &c.der);

	if (!e)
		e = read_request(&c);
	if (e)
		return err_context(e, "certificate request");
	*ret = c;
	c = (struct csr) { 0 };
	return INRO_OK;
}

enum inro_err csr_verify(const struct csr *c)
{
	enum inro_err e = pubkey_verify(&c->key, c->sig, c->info, c->signature);

	return e ? err_context(e, "certificate request") : INRO_OK;
}

void csr_clear(struct csr *c)
{
	buf_clear(&c->der);
	buf_clear(&c->spki);
	*c = (struct csr) { 0 };
}

/* ---- making ---- */

static void add_extensions(struct buf *b, const struct csr_plan *p)
{
	size_t attribute, set, list;

	if (!p->sans.n && !p->key_usage && !p->eku && !p->limits.n)
		return;
	attribute = der_begin(b, DER_SEQUENCE);
	der_add(b, DER_OID, oid_extensions);
	set = der_begin(b, DER_SET);
	list = der_begin(b, DER_SEQUENCE);
	if (p->key_usage)
		ext_add_key_usage(b, p->key_usage);
	if (p->eku)
		ext_add_eku(b, p->eku, false);
	if (p->sans.n)
		ext_add_sans(b, p->sans, false);
	if (p->limits.n)
		ext_add_limits(b, p->limits);
	der_end(b, list);
	der_end(b, set);
	der_end(b, attribute);
}

static void add_challenge(struct buf *b, struct bytes challenge)
{
	size_t attribute, set;

	if (!challenge.n)
		return;
	attribute = der_begin(b, DER_SEQUENCE);
	der_add(b, DER_OID, oid_challenge);
	set = der_begin(b, DER_SET);
	der_add(b, text_is_printable_string(challenge) ? DER_PRINTABLE_STRING : DER_UTF8_STRING,
		challenge);
	der_end(b, set);
	der_end(b, attribute);
}

enum inro_err csr_info(const struct csr_plan *plan, struct buf *ret_info)
{
	size_t info = der_begin(ret_info, DER_SEQUENCE), list;

	der_add_int(ret_info, 0);
	buf_add(ret_info, plan->subject);
	buf_add(ret_info, plan->spki);
	list = der_begin(ret_info, ATTRIBUTES);
	/* X.690 11.6: a SET OF is in the order of its encodings; the challenge is either the
	 * shorter of two or the other OID decides, so both are compared. */
	SCOPED(buf) a = { 0 }, c = { 0 };
	add_extensions(&a, plan);
	add_challenge(&c, plan->challenge);
	bool swap = bytes_compare(buf_bytes(&c), buf_bytes(&a)) < 0;
	buf_add(ret_info, buf_bytes(swap ? &c : &a));
	buf_add(ret_info, buf_bytes(swap ? &a : &c));
	der_end(ret_info, list);
	der_end(ret_info, info);
	return a.err ? a.err : c.err ? c.err : buf_err(ret_info);
}
