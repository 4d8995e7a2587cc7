/* create - C_CreateObject: what a caller brings is put together, checked and kept. */
#include "pkcs11/token/objects.h"

#include <string.h>

#include "base/der.h"
#include "pkcs11/token/ecname.h"

/* Where each part of a key is in a template and in struct key_parts. */
static const struct {
	enum key_kind kind;
	CK_ATTRIBUTE_TYPE type;
	size_t at;
} part_rows[] = {
	{ KEY_RSA, CKA_MODULUS, offsetof(struct key_parts, n) },
	{ KEY_RSA, CKA_PUBLIC_EXPONENT, offsetof(struct key_parts, e) },
	{ KEY_RSA, CKA_PRIVATE_EXPONENT, offsetof(struct key_parts, d) },
	{ KEY_RSA, CKA_PRIME_1, offsetof(struct key_parts, p) },
	{ KEY_RSA, CKA_PRIME_2, offsetof(struct key_parts, q) },
	{ KEY_RSA, CKA_EXPONENT_1, offsetof(struct key_parts, dp) },
	{ KEY_RSA, CKA_EXPONENT_2, offsetof(struct key_parts, dq) },
	{ KEY_RSA, CKA_COEFFICIENT, offsetof(struct key_parts, qinv) },
	{ KEY_EC, CKA_EC_PARAMS, offsetof(struct key_parts, params) },
	{ KEY_EC, CKA_EC_POINT, offsetof(struct key_parts, point) },
	{ KEY_EC, CKA_VALUE, offsetof(struct key_parts, value) },
};

static struct bytes magnitude(struct bytes v)
{
	while (v.n > 1 && v.p[0] == 0)
		v = BYTES(v.p + 1, v.n - 1);
	return v;
}

/* Borrows from the template. */
static enum inro_err parts_of(struct template t, const struct object_kind *kind,
			      struct key_parts *ret)
{
	struct key_parts parts = { .kind = kind->key };
	enum inro_err e = INRO_OK;

	for (size_t i = 0; i < ARRAY_LEN(part_rows); i++) {
		struct bytes v;

		if (part_rows[i].kind != kind->key || !template_get(t, part_rows[i].type, &v))
			continue;
		if (kind->key == KEY_RSA)
			v = magnitude(v);
		memcpy((uint8_t *)&parts + part_rows[i].at, &v, sizeof v);
	}
	if (kind->key == KEY_EC) {
		e = ecname_params(parts.params, &parts.params);
		if (!e && parts.point.n > 0)
			e = keyder_unwrap_point(parts.point, &parts.point);
	}
	if (!e)
		*ret = parts;
	return e;
}

/* CKA_PUBLIC_KEY_INFO as the token makes it; if the caller gave one it must be that. */
static enum inro_err set_public_info(struct object *o, struct bytes spki)
{
	struct bytes given = attrs_bytes(&o->attrs, CKA_PUBLIC_KEY_INFO);

	if (given.n > 0 && !bytes_equal(given, spki))
		return err_set(INRO_E_TEMPLATE_INCONSISTENT,
			       "CKA_PUBLIC_KEY_INFO is not that of the key");
	return attrs_set(&o->attrs, CKA_PUBLIC_KEY_INFO, spki);
}

static enum inro_err set_imported(struct object *o)
{
	enum inro_err e = attrs_set_bool(&o->attrs, CKA_LOCAL, false);

	if (!e)
		e = attrs_set_ulong(&o->attrs, CKA_KEY_GEN_MECHANISM, CK_UNAVAILABLE_INFORMATION);
	if (!e && o->class == CKO_PRIVATE_KEY)
		e = attrs_set_bool(&o->attrs, CKA_ALWAYS_SENSITIVE, false);
	if (!e && o->class == CKO_PRIVATE_KEY)
		e = attrs_set_bool(&o->attrs, CKA_NEVER_EXTRACTABLE, false);
	return e ? e : object_set_parts(o);
}

static enum inro_err make_public(struct object *o, struct template t)
{
	AUTO(pkey_unref_ptr) struct pkey *k = NULL;
	SCOPED(buf) spki = { 0 };
	struct key_parts parts;
	enum inro_err e = parts_of(t, o->kind, &parts);

	if (!e)
		e = keyder_write_spki(&parts, &spki);
	if (!e)
		e = pkey_from_spki(buf_bytes(&spki), &k);
	if (e == INRO_E_SYNTAX)
		e = err_set(INRO_E_ATTR_VALUE, "the parts do not make a public key");
	if (!e)
		e = set_public_info(o, buf_bytes(&spki));
	return e ? e : set_imported(o);
}

/* The key comes into the object loaded. */
static enum inro_err make_private(struct object *o, struct template t)
{
	SCOPED(secret) pkcs8 = { 0 };
	SCOPED(buf) spki = { 0 };
	struct token *token = o->token;
	struct key_parts parts;
	backend_key key;
	uint64_t epoch;
	enum inro_err e = parts_of(t, o->kind, &parts);

	if (!e)
		e = keyder_write_pkcs8(&parts, &pkcs8);
	if (e)
		return e;
	token_enter_gate(token);
	e = token->ops->import(token->backend, &(struct key_spec) { .kind = o->kind->key },
			       secret_bytes(&pkcs8), &key, &spki);
	epoch = atomic_load(&token->login_epoch);
	token_leave_gate(token);
	if (!e)
		e = loaded_key_new(token, key, epoch, &o->key);
	if (e == INRO_E_SYNTAX)
		e = err_set(INRO_E_ATTR_VALUE, "the parts do not make a private key");
	if (!e)
		e = set_public_info(o, buf_bytes(&spki));
	return e ? e : set_imported(o);
}

struct cert_parts {
	struct bytes serial, issuer, subject, spki;
};

/* RFC 5280 4.1: the fields of TBSCertificate that have attributes of their own. */
static enum inro_err read_certificate(struct bytes der, struct cert_parts *ret)
{
	struct bytes cert, tbs, skipped;
	struct der version;
	enum inro_err e = der_only(der, DER_SEQUENCE, &cert);

	if (!e)
		e = der_take(&cert, DER_SEQUENCE, &tbs);
	if (!e && der_peek(tbs) == (DER_CONTEXT_CONSTRUCTED | 0))
		e = der_next(&tbs, &version);
	if (!e)
		e = der_take_whole(&tbs, DER_INTEGER, &ret->serial);
	if (!e)
		e = der_take(&tbs, DER_SEQUENCE, &skipped); /* signature algorithm */
	if (!e)
		e = der_take_whole(&tbs, DER_SEQUENCE, &ret->issuer);
	if (!e)
		e = der_take(&tbs, DER_SEQUENCE, &skipped); /* validity */
	if (!e)
		e = der_take_whole(&tbs, DER_SEQUENCE, &ret->subject);
	return e ? e : der_take_whole(&tbs, DER_SEQUENCE, &ret->spki);
}

static enum inro_err set_missing(struct attrs *attrs, CK_ATTRIBUTE_TYPE type, struct bytes value)
{
	return attrs_bytes(attrs, type).n > 0 ? INRO_OK : attrs_set(attrs, type, value);
}

static enum inro_err make_certificate(struct object *o, struct template t)
{
	struct cert_parts c = { 0 };
	struct bytes der = BYTES_NONE;

	if (attrs_ulong(&o->attrs, CKA_CERTIFICATE_TYPE, CKC_X_509) != CKC_X_509)
		return err_set(INRO_E_ATTR_VALUE, "only X.509 certificates are kept");
	/* The parts point into the template. */
	if (!template_get(t, CKA_VALUE, &der) || read_certificate(der, &c))
		return err_set(INRO_E_ATTR_VALUE, "CKA_VALUE is not a certificate in DER");
	enum inro_err e = set_missing(&o->attrs, CKA_SUBJECT, c.subject);

	if (!e)
		e = set_missing(&o->attrs, CKA_ISSUER, c.issuer);
	if (!e)
		e = set_missing(&o->attrs, CKA_SERIAL_NUMBER, c.serial);
	return e ? e : set_public_info(o, c.spki);
}

static enum inro_err make_data(struct object *o, struct template t)
{
	(void)o;
	(void)t;
	return INRO_OK;
}

static const struct {
	CK_OBJECT_CLASS class;
	enum inro_err (*make)(struct object *o, struct template t);
} makers[] = {
	{ CKO_DATA, make_data },
	{ CKO_CERTIFICATE, make_certificate },
	{ CKO_PUBLIC_KEY, make_public },
	{ CKO_PRIVATE_KEY, make_private },
};

static enum inro_err make(struct object *o, struct template t)
{
	for (size_t i = 0; i < ARRAY_LEN(makers); i++) {
		if (makers[i].class == o->class)
			return makers[i].make(o, t);
	}
	return INRO_E_ATTR_VALUE;
}

static enum inro_err kind_of(struct template t, const struct object_kind **ret)
{
	CK_OBJECT_CLASS class;
	CK_KEY_TYPE key_type = CK_UNAVAILABLE_INFORMATION;
	enum inro_err e = template_ulong(t, CKA_CLASS, &class);

	if (!e && !rule_class_known(class))
		e = err_set(INRO_E_ATTR_VALUE, "objects of class 0x%lx are not offered", class);
	if (!e && rule_class_is_key(class))
		e = template_ulong(t, CKA_KEY_TYPE, &key_type);
	if (e)
		return e;
	*ret = rule_kind(class, key_type);
	return *ret ? INRO_OK
		    : err_set(INRO_E_ATTR_VALUE, "keys of type 0x%lx are not offered", key_type);
}

/* Asked before anything is made of a template, so that a refusal is cheap. */
static enum inro_err may_make(struct session *s, const struct object *o)
{
	token_lock(s->token);
	enum inro_err e = session_may_keep(s, o);

	token_unlock(s->token);
	return e;
}

enum inro_err objects_create(struct session *s, struct template t, CK_OBJECT_HANDLE *ret)
{
	AUTO(object_unref_ptr) struct object *o = NULL;
	const struct object_kind *kind;
	enum inro_err e = template_check(t);

	if (!e)
		e = kind_of(t, &kind);
	if (!e)
		e = object_new(s->token, kind, &o);
	if (!e)
		e = template_apply(t, kind, RULE_CREATE, &o->attrs);
	if (!e)
		e = may_make(s, o);
	if (!e)
		e = make(o, t);
	if (e)
		return e;
	token_lock(s->token);
	if (o->key && !loaded_key_is_live(o->key))
		e = err_set(INRO_E_LOGIN, "the user logged out while the key was made");
	else
		e = objects_keep(s, &o, 1);
	token_unlock(s->token);
	if (!e)
		*ret = o->handle;
	return e;
}
