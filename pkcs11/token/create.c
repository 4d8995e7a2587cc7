/* create - C_CreateObject: what a caller brings is put together, checked and kept. */
#include "pkcs11/token/objects.h"

#include <string.h>

#include "base/x509.h"
#include "pkcs11/token/ecname.h"
#include "pkcs11/token/libctx.h"
#include "pkcs11/token/parts.h"
#include "pkcs11/token/rsafill.h"

static const struct key_origin brought = { .birth = KEY_CREATED };

static enum inro_err make_public(struct object *o, struct template t, const struct key_spec *spec)
{
	AUTO(pkey_unref_ptr) struct pkey *k = NULL;
	SCOPED(buf) spki = { 0 };
	struct key_parts parts;
	enum inro_err e = parts_of(t, o->kind, &parts);

	(void)spec;
	if (!e)
		e = keyder_write_spki(&parts, &spki);
	if (!e)
		e = pkey_from_spki(buf_bytes(&spki), &k);
	if (e == INRO_E_SYNTAX)
		e = err_set(INRO_E_ATTR_VALUE, "the parts do not make a public key");
	return e ? e
		 : object_adopt_public(
			   o, &(struct adoption) { .spki = buf_bytes(&spki), .how = brought });
}

/* The backend takes it, and the object the key that it makes. */
static enum inro_err import(struct object *o, const struct key_spec *spec, struct bytes plain)
{
	SCOPED(buf) spki = { 0 };
	struct token *t = o->token;
	struct adoption made = { .how = brought };
	enum inro_err e;

	token_enter_gate(t);
	made.epoch = atomic_load(&t->login_epoch);
	e = t->ops->import(t->backend, spec, plain, &made.key, &spki);
	token_leave_gate(t);
	if (e == INRO_E_SYNTAX)
		e = err_set(INRO_E_ATTR_VALUE, "the value does not make an %s", o->kind->name);
	if (e)
		return e;
	made.spki = buf_bytes(&spki);
	return object_adopt(o, &made);
}

static enum inro_err make_private(struct object *o, struct template t, const struct key_spec *spec)
{
	SCOPED(secret) pkcs8 = { 0 };
	SCOPED(secret) filled = { 0 };
	struct key_parts parts;
	enum inro_err e = parts_of(t, o->kind, &parts);

	if (!e && parts.kind == KEY_RSA)
		e = rsafill(&parts, &filled);
	if (!e)
		e = keyder_write_pkcs8(&parts, &pkcs8);
	return e ? e : import(o, spec, secret_bytes(&pkcs8));
}

static enum inro_err make_secret(struct object *o, struct template t, const struct key_spec *spec)
{
	struct bytes value = BYTES_NONE;

	if (!template_get(t, CKA_VALUE, &value) || value.n == 0)
		return err_set(INRO_E_ATTR_VALUE, "a secret key without a value");
	return import(o, spec, value);
}

static enum inro_err set_missing(struct attrs *attrs, CK_ATTRIBUTE_TYPE type, struct bytes value)
{
	return attrs_bytes(attrs, type).n > 0 ? INRO_OK : attrs_set(attrs, type, value);
}

/* CKA_CHECK_VALUE: the first bytes of the certificate's SHA-1 (PKCS#11 3.2 4.6.2). */
static enum inro_err set_fingerprint(struct attrs *attrs, struct bytes der)
{
	struct bytes given = attrs_bytes(attrs, CKA_CHECK_VALUE);
	uint8_t hash[LIBCTX_MAX_HASH];
	const EVP_MD *md;
	enum inro_err e = libctx_md(CKM_SHA_1, &md);

	if (e)
		return e;
	if (!EVP_Digest(der.p, der.n, hash, NULL, md, NULL))
		return libcrypto_err("hashing a certificate");
	if (given.n > 0 && !bytes_equal(given, BYTES(hash, OBJECT_CHECK_VALUE)))
		return err_set(INRO_E_ATTR_VALUE, "CKA_CHECK_VALUE is not that of the certificate");
	return attrs_set(attrs, CKA_CHECK_VALUE, BYTES(hash, OBJECT_CHECK_VALUE));
}

static enum inro_err set_cert_info(struct attrs *attrs, struct bytes spki)
{
	struct bytes given = attrs_bytes(attrs, CKA_PUBLIC_KEY_INFO);

	if (given.n > 0 && !bytes_equal(given, spki))
		return err_set(INRO_E_TEMPLATE_INCONSISTENT,
			       "CKA_PUBLIC_KEY_INFO is not that of the certificate");
	return attrs_set(attrs, CKA_PUBLIC_KEY_INFO, spki);
}

/* A time of RFC 5280 4.1.2.5 as CK_DATE; nothing when it has another form. */
static struct bytes date_of(const struct der *time, uint8_t room[sizeof(CK_DATE)])
{
	bool utc = time->tag == DER_UTC_TIME;
	size_t year = utc ? 2 : 4;

	if (time->value.n < year + 4 || (!utc && time->tag != DER_GENERALIZED_TIME))
		return BYTES_NONE;
	for (size_t i = 0; i < year + 4; i++) {
		if (time->value.p[i] < '0' || time->value.p[i] > '9')
			return BYTES_NONE;
	}
	if (utc)
		memcpy(room, time->value.p[0] < '5' ? "20" : "19", 2);
	memcpy(room + sizeof(CK_DATE) - year - 4, time->value.p, year + 4);
	return BYTES(room, sizeof(CK_DATE));
}

/* When neither is given; a certificate with dates of another form has none. */
static enum inro_err set_dates(struct attrs *attrs, struct bytes validity)
{
	static const CK_ATTRIBUTE_TYPE types[] = { CKA_START_DATE, CKA_END_DATE };
	enum inro_err e = INRO_OK;

	for (size_t i = 0; i < ARRAY_LEN(types) && !e; i++) {
		uint8_t room[sizeof(CK_DATE)];
		struct der time = { 0 };

		if (der_next(&validity, &time))
			err_reset();
		if (!attrs_has(attrs, types[i]))
			e = attrs_set(attrs, types[i], date_of(&time, room));
	}
	return e;
}

static enum inro_err fill_certificate(struct attrs *attrs, struct bytes der)
{
	struct x509 c = { 0 };

	/* The parts point into the template. */
	if (x509_read(der, &c))
		return err_set(INRO_E_ATTR_VALUE, "CKA_VALUE is not a certificate in DER");
	enum inro_err e = set_missing(attrs, CKA_SUBJECT, c.subject);

	if (!e)
		e = set_missing(attrs, CKA_ISSUER, c.issuer);
	if (!e)
		e = set_missing(attrs, CKA_SERIAL_NUMBER, c.serial);
	if (!e)
		e = set_fingerprint(attrs, der);
	if (!e)
		e = set_dates(attrs, c.validity);
	return e ? e : set_cert_info(attrs, c.spki);
}

/* A certificate that is elsewhere: where, of whom, and by which hashes it is known. */
static enum inro_err check_url(const struct attrs *attrs)
{
	if (attrs_bytes(attrs, CKA_URL).n == 0 || attrs_bytes(attrs, CKA_SUBJECT).n == 0)
		return err_set(INRO_E_TEMPLATE_INCOMPLETE,
			       "a certificate needs its value, or a URL and a subject");
	if (attrs_bytes(attrs, CKA_HASH_OF_SUBJECT_PUBLIC_KEY).n == 0 ||
	    attrs_bytes(attrs, CKA_HASH_OF_ISSUER_PUBLIC_KEY).n == 0)
		return err_set(INRO_E_TEMPLATE_INCOMPLETE,
			       "a certificate by its URL needs the hashes of its subject's and of "
			       "its issuer's public key");
	return INRO_OK;
}

/* What there is no value to take from is empty. */
static enum inro_err fill_url(struct attrs *attrs)
{
	static const CK_ATTRIBUTE_TYPE empty[] = { CKA_ISSUER, CKA_SERIAL_NUMBER, CKA_START_DATE,
						   CKA_END_DATE };
	enum inro_err e = check_url(attrs);

	for (size_t i = 0; i < ARRAY_LEN(empty) && !e; i++)
		e = set_missing(attrs, empty[i], BYTES_NONE);
	return e;
}

static enum inro_err make_certificate(struct object *o, struct template t,
				      const struct key_spec *spec)
{
	struct bytes der = BYTES_NONE;

	(void)spec;
	if (attrs_ulong(&o->attrs, CKA_CERTIFICATE_TYPE, CKC_X_509) != CKC_X_509)
		return err_set(INRO_E_ATTR_VALUE, "only X.509 certificates are kept");
	if (template_get(t, CKA_VALUE, &der) && der.n > 0)
		return fill_certificate(&o->attrs, der);
	return fill_url(&o->attrs);
}

static enum inro_err make_plain(struct object *o, struct template t, const struct key_spec *spec)
{
	(void)o;
	(void)t;
	(void)spec;
	return INRO_OK;
}

static enum inro_err make_domain(struct object *o, struct template t, const struct key_spec *spec)
{
	const struct curve *curve;
	struct bytes params;
	enum inro_err e = ecname_params(attrs_bytes(&o->attrs, CKA_EC_PARAMS), &params);

	(void)t;
	(void)spec;
	if (!e)
		e = curve_find(params, &curve);
	return e ? e : attrs_set(&o->attrs, CKA_EC_PARAMS, params);
}

static const struct {
	CK_OBJECT_CLASS class;
	enum inro_err (*make)(struct object *o, struct template t, const struct key_spec *spec);
} makers[] = {
	{ CKO_DATA, make_plain },
	{ CKO_TRUST, make_plain },
	{ CKO_CERTIFICATE, make_certificate },
	{ CKO_PUBLIC_KEY, make_public },
	{ CKO_PRIVATE_KEY, make_private },
	{ CKO_SECRET_KEY, make_secret },
	{ CKO_DOMAIN_PARAMETERS, make_domain },
};

static enum inro_err make(struct object *o, struct template t, const struct key_spec *spec)
{
	for (size_t i = 0; i < ARRAY_LEN(makers); i++) {
		if (makers[i].class == o->class)
			return makers[i].make(o, t, spec);
	}
	return err_set(INRO_E_ATTR_VALUE, "an %s is the token's own", o->kind->name);
}

enum inro_err objects_create(struct session *s, struct template t, CK_OBJECT_HANDLE *ret)
{
	AUTO(object_unref_ptr) struct object *o = NULL;
	const struct draft draft = { .use = RULE_CREATE,
				     .t = t,
				     .class = CK_UNAVAILABLE_INFORMATION,
				     .key_type = CK_UNAVAILABLE_INFORMATION };
	struct key_spec spec;
	enum inro_err e = objects_draft(s, &draft, &o, &spec);

	if (!e)
		e = make(o, t, &spec);
	if (!e)
		e = objects_keep_new(s, &o, 1);
	if (!e)
		*ret = o->handle;
	return e;
}
