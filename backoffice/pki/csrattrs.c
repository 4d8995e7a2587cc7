/* csrattrs - see csrattrs.h. */
#include "backoffice/pki/csrattrs.h"

#include <string.h>

#include "backoffice/pki/ext.h"
#include "backoffice/pki/issue.h"
#include "base/der.h"

#define PKCS9(last)   BYTES_LIT("\x2a\x86\x48\x86\xf7\x0d\x01\x09" last)
#define MODULUS_MAX   (PUBKEY_RSA_MAX / 8)
#define TEMPLATE_KEY  DER_CONTEXT_CONSTRUCTED	     /* [0] IMPLICIT */
#define TEMPLATE_ATTR (DER_CONTEXT_CONSTRUCTED | 1) /* [1] IMPLICIT */

static const struct bytes oid_template = PKCS9("\x10\x02\x3d"),
			  oid_exts_template = PKCS9("\x10\x02\x3e"), oid_exts = PKCS9("\x0e"),
			  oid_challenge = PKCS9("\x07"), oid_san = BYTES_LIT("\x55\x1d\x11");

/* ---- the subject ---- */

/* { type } without a value, or with an empty one where there must be one. */
static void add_open_part(struct buf *b, const struct dn_type *t, bool empty)
{
	size_t set = der_begin(b, DER_SET), part = der_begin(b, DER_SEQUENCE);

	der_add(b, DER_OID, t->oid_der);
	if (empty)
		der_add(b, DER_UTF8_STRING, BYTES_NONE);
	der_end(b, part);
	der_end(b, set);
}

static enum inro_err types_in(struct bytes name, uint64_t *ret)
{
	struct dn_walk w;
	struct dn_part part;
	bool more = true;
	enum inro_err e = dn_walk(name, &w);

	for (*ret = 0; !e && more;) {
		e = dn_next(&w, &part, &more);
		if (!e && more && part.type)
			*ret |= UINT64_C(1) << (part.type - dn_type_at(0));
	}
	return e;
}

/* The profile's default for who asks; nothing when a value of it is not known. */
static enum inro_err known_subject(const struct csrattrs *in, struct buf *ret)
{
	const char *text = in->profile->subject_default;
	size_t before = ret->n;
	enum inro_err e = INRO_OK;

	if (!text || !in->vars->device_id)
		return INRO_OK;
	e = dn_parse(text, in->vars, ret);
	if (e != INRO_E_NOT_FOUND)
		return e;
	buf_truncate(ret, before);
	return INRO_OK;
}

static enum inro_err add_subject(const struct csrattrs *in, bool empty, struct buf *ret)
{
	SCOPED(buf) known = { 0 };
	struct bytes parts = BYTES_NONE;
	uint64_t there = 0, open;
	size_t name;
	enum inro_err e = known_subject(in, &known);

	if (!e && known.n)
		e = types_in(buf_bytes(&known), &there);
	if (!e && known.n)
		e = der_only(buf_bytes(&known), DER_SEQUENCE, &parts);
	open = in->profile->subject_required & ~there;
	if (e || (!open && !parts.n))
		return e;
	name = der_begin(ret, DER_SEQUENCE);
	buf_add(ret, parts);
	for (size_t i = 0; dn_type_at(i); i++)
		if (open >> i & 1)
			add_open_part(ret, dn_type_at(i), empty);
	der_end(ret, name);
	return buf_err(ret);
}

enum inro_err csrattrs_name(const struct csrattrs *in, struct buf *ret)
{
	return add_subject(in, true, ret);
}

/* ---- the key ---- */

static const struct pki_key_type *only_type(uint64_t bits)
{
	enum pki_key k = PKI_KEY_NONE;

	if (!bits || bits & (bits - 1))
		return NULL;
	while (!(bits >> k & 1))
		k++;
	return pki_key_type(k);
}

static void add_algorithm(struct buf *b, const struct pki_key_type *t)
{
	size_t seq = der_begin(b, DER_SEQUENCE);

	der_add(b, DER_OID, t->algorithm);
	if (t->curve.n)
		der_add(b, DER_OID, t->curve);
	if (t->null)
		der_add(b, DER_NULL, BYTES_NONE);
	der_end(b, seq);
}

enum inro_err csrattrs_algorithm(const struct csrattrs *in, struct buf *ret)
{
	const struct pki_key_type *t = only_type(in->key_types);

	if (t)
		add_algorithm(ret, t);
	return buf_err(ret);
}

/* RFC 9908 3.4: of RSA, a modulus that is nothing but as long as it is wanted. */
static void add_placeholder(struct buf *b, unsigned bits)
{
	static const uint8_t exponent[] = { 1, 0, 1 };
	uint8_t modulus[MODULUS_MAX] = { 0x80 };
	SCOPED(buf) key = { 0 };
	size_t seq = der_begin(&key, DER_SEQUENCE);

	der_add_unsigned(&key, BYTES(modulus, bits / 8));
	der_add_unsigned(&key, BYTES(exponent, sizeof exponent));
	der_end(&key, seq);
	der_add_bits(b, buf_bytes(&key));
}

static void add_key(struct buf *b, const struct csrattrs *in)
{
	const struct pki_key_type *t = only_type(in->key_types);
	size_t key;

	if (!t)
		return;
	key = der_begin(b, TEMPLATE_KEY);
	add_algorithm(b, t);
	if (!t->bits) /* RSA */
		add_placeholder(b, in->profile->rsa_min);
	der_end(b, key);
}

/* The older form: the key's OID with its curve or size. */
static void add_old_key(struct buf *b, const struct csrattrs *in)
{
	const struct pki_key_type *t = only_type(in->key_types);
	size_t seq, set;

	if (!t)
		return;
	seq = der_begin(b, DER_SEQUENCE);
	der_add(b, DER_OID, t->algorithm);
	set = der_begin(b, DER_SET);
	if (t->curve.n)
		der_add(b, DER_OID, t->curve);
	if (!t->bits) /* RSA */
		der_add_int(b, in->profile->rsa_min);
	der_end(b, set);
	der_end(b, seq);
}

/* ---- attributes ---- */

static enum inro_err known_names(const struct csrattrs *in, struct buf *ret)
{
	const struct issue as = { .profile = in->profile, .vars = *in->vars };

	return in->vars->device_id ? issue_default_names(&as, ret) : INRO_OK;
}

enum inro_err csrattrs_extensions(const struct csrattrs *in, uint8_t tag, struct buf *ret)
{
	SCOPED(buf) names = { 0 };
	enum inro_err e = known_names(in, &names);
	size_t list;

	if (e || !names.n)
		return e;
	list = der_begin(ret, tag);
	ext_add_sans(ret, buf_bytes(&names), false);
	der_end(ret, list);
	return buf_err(ret);
}

struct attr {
	size_t seq, set;
};

static struct attr attr_begin(struct buf *b, struct bytes oid)
{
	struct attr a = { .seq = der_begin(b, DER_SEQUENCE) };

	der_add(b, DER_OID, oid);
	a.set = der_begin(b, DER_SET);
	return a;
}

static void attr_end(struct buf *b, struct attr a)
{
	der_end(b, a.set);
	der_end(b, a.seq);
}

/* With the names where they are known, else that there must be some. */
static void add_names(struct buf *b, const struct csrattrs *in, struct bytes names)
{
	struct attr a;
	size_t list, one;

	if (!names.n && !in->profile->san_required.n)
		return;
	a = attr_begin(b, names.n ? oid_exts : oid_exts_template);
	list = der_begin(b, DER_SEQUENCE);
	if (names.n) {
		ext_add_sans(b, names, false);
	} else {
		one = der_begin(b, DER_SEQUENCE);
		der_add(b, DER_OID, oid_san);
		der_end(b, one);
	}
	der_end(b, list);
	attr_end(b, a);
}

/* X.690 11.6: a SET OF is in the order of its encodings. */
static void add_sorted(struct buf *b, struct bytes x, struct bytes y)
{
	bool swap = x.n && y.n && bytes_compare(y, x) < 0;

	buf_add(b, swap ? y : x);
	buf_add(b, swap ? x : y);
}

static enum inro_err add_attributes(struct buf *b, const struct csrattrs *in)
{
	SCOPED(buf) names = { 0 };
	SCOPED(buf) wish = { 0 };
	SCOPED(buf) challenge = { 0 };
	size_t set = der_begin(b, TEMPLATE_ATTR);
	enum inro_err e = known_names(in, &names);

	add_names(&wish, in, buf_bytes(&names));
	if (in->profile->channel_binding)
		attr_end(&challenge, attr_begin(&challenge, oid_challenge));
	if (!e)
		e = buf_err(&wish);
	if (!e)
		e = buf_err(&challenge);
	add_sorted(b, buf_bytes(&challenge), buf_bytes(&wish));
	der_end(b, set);
	return e;
}

static enum inro_err add_template(struct buf *b, const struct csrattrs *in)
{
	struct attr a = attr_begin(b, oid_template);
	size_t info = der_begin(b, DER_SEQUENCE);
	enum inro_err e;

	der_add_int(b, 0);
	e = add_subject(in, false, b);
	add_key(b, in);
	if (!e)
		e = add_attributes(b, in);
	der_end(b, info);
	attr_end(b, a);
	return e;
}

enum inro_err csrattrs_make(const struct csrattrs *in, struct buf *ret)
{
	size_t before = ret->n, list = der_begin(ret, DER_SEQUENCE);
	enum inro_err e = add_template(ret, in);

	if (in->profile->channel_binding)
		der_add(ret, DER_OID, oid_challenge);
	add_old_key(ret, in);
	der_end(ret, list);
	if (!e)
		e = buf_err(ret);
	if (e)
		buf_truncate(ret, before);
	return e;
}
