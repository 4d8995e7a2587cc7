/* keyder - the frames of the two DER forms; what is inside is each kind's own (keyder_*.c). */
#include "pkcs11/token/keyder_private.h"

static const struct keyder_form *const forms[KEY_KIND__MAX] = {
	[KEY_RSA] = &keyder_rsa,	   [KEY_EC] = &keyder_ec,
	[KEY_EDWARDS] = &keyder_raw_curve, [KEY_MONTGOMERY] = &keyder_raw_curve,
	[KEY_ML_DSA] = &keyder_set,	   [KEY_SLH_DSA] = &keyder_set,
	[KEY_ML_KEM] = &keyder_set,
};

struct bytes keyder_trimmed(struct bytes x)
{
	while (x.n && x.p[0] == 0)
		x = BYTES(x.p + 1, x.n - 1);
	return x;
}

enum inro_err keyder_nothing_left(struct bytes in)
{
	return in.n ? err_set(INRO_E_SYNTAX, "something follows the end of the key") : INRO_OK;
}

static const struct keyder_form *form_owning(struct bytes oid)
{
	for (size_t i = 0; i < ARRAY_LEN(forms); i++)
		if (forms[i] && forms[i]->owns(oid))
			return forms[i];
	return NULL;
}

static enum inro_err form_of(const struct key_parts *parts, const struct keyder_form **ret)
{
	if ((size_t)parts->kind >= ARRAY_LEN(forms) || !forms[parts->kind])
		return err_set(INRO_E_KEY_TYPE, "a key of this kind has no DER form here");
	*ret = forms[parts->kind];
	return INRO_OK;
}

/* The AlgorithmIdentifier that both forms begin with. */
static enum inro_err read_algorithm(struct bytes *in, struct key_parts *parts,
				    const struct keyder_form **ret)
{
	struct bytes alg, oid;
	enum inro_err e = der_take(in, DER_SEQUENCE, &alg);

	if (!e)
		e = der_take_whole(&alg, DER_OID, &oid);
	if (e)
		return e;
	*ret = form_owning(oid);
	if (!*ret)
		return err_set(INRO_E_UNSUPPORTED, "the key is of an algorithm not offered here");
	return (*ret)->read_algorithm(oid, alg, parts);
}

enum inro_err keyder_read_spki(struct bytes spki, struct key_parts *ret)
{
	const struct keyder_form *form = NULL;
	struct key_parts parts = { 0 };
	struct bytes seq, key;
	enum inro_err e = der_only(spki, DER_SEQUENCE, &seq);

	if (!e)
		e = read_algorithm(&seq, &parts, &form);
	if (!e)
		e = der_take_bits(&seq, &key);
	if (!e)
		e = keyder_nothing_left(seq);
	if (!e)
		e = form->read_public(key, &parts);
	if (!e)
		*ret = parts;
	return e;
}

/* Attributes [0] are not looked at; publicKey [1] is an IMPLICIT BIT STRING. */
static enum inro_err read_behind(struct bytes in, const struct keyder_form *form,
				 struct key_parts *parts)
{
	struct bytes skipped, bits;
	enum inro_err e = INRO_OK;

	if (!form->read_behind)
		return INRO_OK;
	if (der_peek(in) == (DER_CONTEXT_CONSTRUCTED | 0))
		e = der_take(&in, DER_CONTEXT_CONSTRUCTED | 0, &skipped);
	if (!e && der_peek(in) == (DER_CONTEXT | 1)) {
		e = der_take(&in, DER_CONTEXT | 1, &bits);
		if (!e && (bits.n < 1 || bits.p[0] != 0))
			e = err_set(INRO_E_SYNTAX, "a public key that is not whole octets");
		if (!e)
			e = form->read_behind(BYTES(bits.p + 1, bits.n - 1), parts);
	}
	return e ? e : keyder_nothing_left(in);
}

enum inro_err keyder_read_pkcs8(struct bytes pkcs8, struct key_parts *ret)
{
	const struct keyder_form *form = NULL;
	struct key_parts parts = { 0 };
	struct bytes seq, key;
	int64_t version = -1;
	enum inro_err e = der_only(pkcs8, DER_SEQUENCE, &seq);

	if (!e)
		e = der_take_int(&seq, &version);
	/* version 1 is RFC 5958's with the public key behind; attributes may follow in both */
	if (!e && (version < 0 || version > 1))
		return err_set(INRO_E_UNSUPPORTED, "PKCS#8 of version %lld", (long long)version);
	if (!e)
		e = read_algorithm(&seq, &parts, &form);
	if (!e)
		e = der_take(&seq, DER_OCTET_STRING, &key);
	if (!e)
		e = form->read_private(key, &parts);
	if (!e)
		e = read_behind(seq, form, &parts);
	if (!e)
		*ret = parts;
	return e;
}

static void write_algorithm(const struct keyder_form *form, const struct key_parts *parts,
			    struct buf *b)
{
	size_t alg = der_begin(b, DER_SEQUENCE);

	form->write_algorithm(parts, b);
	der_end(b, alg);
}

enum inro_err keyder_write_spki(const struct key_parts *parts, struct buf *ret)
{
	SCOPED(buf) key = { 0 };
	const struct keyder_form *form;
	enum inro_err e = form_of(parts, &form);
	size_t seq;

	if (!e)
		e = form->write_public(parts, &key);
	if (!e)
		e = buf_err(&key);
	if (e)
		return e;
	seq = der_begin(ret, DER_SEQUENCE);
	write_algorithm(form, parts, ret);
	der_add_bits(ret, buf_bytes(&key));
	der_end(ret, seq);
	return buf_err(ret);
}

enum inro_err keyder_write_pkcs8(const struct key_parts *parts, struct secret *ret)
{
	SCOPED(buf) b = { .secret = true };
	const struct keyder_form *form;
	size_t seq, key;
	enum inro_err e = form_of(parts, &form);

	if (e)
		return e;
	seq = der_begin(&b, DER_SEQUENCE);
	der_add_int(&b, 0);
	write_algorithm(form, parts, &b);
	key = der_begin(&b, DER_OCTET_STRING);
	e = form->write_private(parts, &b);
	der_end(&b, key);
	der_end(&b, seq);
	if (!e)
		e = buf_err(&b);
	return e ? e : secret_copy(buf_bytes(&b), ret);
}

enum inro_err keyder_unwrap_point(struct bytes attribute, struct bytes *ret_point)
{
	return curve_point(NULL, attribute, ret_point);
}

void keyder_wrap_point(struct bytes point, struct buf *ret)
{
	der_add(ret, DER_OCTET_STRING, point);
}
