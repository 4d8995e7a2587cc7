/* crmf - see crmf.h. */
#include "backoffice/pki/crmf.h"

#include "backoffice/pki/pem.h"
#include "base/der.h"

/* CertTemplate, RFC 4211 5; its module has implicit tags, a Name is a CHOICE and so explicit. */
enum {
	TEMPLATE_SERIAL = DER_CONTEXT | 1,
	TEMPLATE_ISSUER = DER_CONTEXT_CONSTRUCTED | 3,
	TEMPLATE_SUBJECT = DER_CONTEXT_CONSTRUCTED | 5,
	TEMPLATE_KEY = DER_CONTEXT_CONSTRUCTED | 6,
	TEMPLATE_EXTENSIONS = DER_CONTEXT_CONSTRUCTED | 9,
	TEMPLATE_FIELDS = 10,
	POPO_SIGNATURE = DER_CONTEXT_CONSTRUCTED | 1,
	GENERAL_DIRECTORY = DER_CONTEXT_CONSTRUCTED | 4,
};
#define CONTROLS_MAX 16

/* id-regCtrl-oldCertID */
static const struct bytes oid_old = BYTES_LIT("\x2b\x06\x01\x05\x05\x07\x05\x01\x05");

/* ---- the template ---- */

struct fields {
	struct der at[TEMPLATE_FIELDS]; /* by their number; tag 0: not there */
};

/* In their order, each once. */
static enum inro_err read_fields(struct bytes in, struct fields *ret)
{
	int last = -1;

	*ret = (struct fields) { 0 };
	while (in.n) {
		struct der d;
		int number;
		enum inro_err e = der_next(&in, &d);

		if (e)
			return e;
		number = d.tag & 0x1f;
		if ((d.tag & 0xc0) != DER_CONTEXT || number <= last || number >= TEMPLATE_FIELDS)
			return err_set(INRO_E_SYNTAX, "a certificate template out of order");
		ret->at[number] = d;
		last = number;
	}
	return INRO_OK;
}

static const struct der *field(const struct fields *f, int tag)
{
	const struct der *d = &f->at[tag & 0x1f];

	return d->tag == tag ? d : NULL;
}

/* A Name behind its explicit tag, whole; empty when it is not there. */
static enum inro_err name_of(const struct der *d, struct bytes *ret)
{
	struct bytes in = d ? d->value : BYTES_NONE;
	enum inro_err e;

	*ret = BYTES_NONE;
	if (!d)
		return INRO_OK;
	e = der_take_whole(&in, DER_SEQUENCE, ret);
	if (!e && in.n)
		e = err_set(INRO_E_SYNTAX, "something follows a name");
	return e;
}

/* The implicit tag stands where that of a SEQUENCE would: the rest is the same. */
static enum inro_err read_key(const struct der *d, struct csr *c)
{
	if (!d)
		return err_set(INRO_E_UNSUPPORTED, "a request without a public key: the device makes "
						   "its own key");
	buf_add(&c->spki, d->whole);
	if (buf_err(&c->spki))
		return buf_err(&c->spki);
	c->spki.p[0] = DER_SEQUENCE;
	return pubkey_read(buf_bytes(&c->spki), &c->key);
}

/* DER of an empty Name. */
static const struct bytes no_name = BYTES_LIT("\x30\x00");

static enum inro_err read_template(struct bytes in, struct csr *c)
{
	struct fields f;
	const struct der *exts;
	enum inro_err e = read_fields(in, &f);

	if (!e)
		e = name_of(field(&f, TEMPLATE_SUBJECT), &c->subject);
	if (!e && !c->subject.n)
		c->subject = no_name;
	if (!e)
		e = read_key(field(&f, TEMPLATE_KEY), c);
	exts = e ? NULL : field(&f, TEMPLATE_EXTENSIONS);
	return exts ? ext_read(exts->value, &c->ext) : e;
}

/* ---- the message ---- */

/* poposkInput is for templates without a subject or key, which then is not what is signed. */
static enum inro_err read_proof(struct bytes *in, struct csr *c)
{
	struct bytes proof, algorithm;
	enum inro_err e;

	if (der_peek(*in) != POPO_SIGNATURE)
		return err_set(INRO_E_UNSUPPORTED, "a request without a signature by its key");
	e = der_take(in, POPO_SIGNATURE, &proof);
	if (!e && der_peek(proof) != DER_SEQUENCE)
		return err_set(INRO_E_UNSUPPORTED, "a proof of possession over anything but the "
						   "request");
	if (!e)
		e = der_take_whole(&proof, DER_SEQUENCE, &algorithm);
	if (!e)
		e = der_take_bits(&proof, &c->signature);
	if (!e && proof.n)
		e = err_set(INRO_E_SYNTAX, "something follows a proof of possession");
	return e ? e : pki_sig_find(algorithm, &c->sig);
}

struct parts {
	struct bytes request, certtemplate, controls, rest; /* request: whole; rest: behind it */
	int64_t id;
};

static enum inro_err take_apart(struct bytes der, struct parts *ret)
{
	struct bytes in, request;
	enum inro_err e = der_only(der, DER_SEQUENCE, &in);

	ret->controls = BYTES_NONE;
	if (!e)
		e = der_take_whole(&in, DER_SEQUENCE, &ret->request);
	if (!e)
		e = der_only(ret->request, DER_SEQUENCE, &request);
	if (!e)
		e = der_take_int(&request, &ret->id);
	if (!e)
		e = der_take(&request, DER_SEQUENCE, &ret->certtemplate);
	if (!e && request.n)
		e = der_take(&request, DER_SEQUENCE, &ret->controls);
	if (!e && request.n)
		e = err_set(INRO_E_SYNTAX, "something follows a request's controls");
	ret->rest = in;
	return e;
}

static enum inro_err read_message(struct csr *c)
{
	struct parts p;
	struct bytes info;
	enum inro_err e = take_apart(buf_bytes(&c->der), &p);

	if (!e)
		e = read_template(p.certtemplate, c);
	if (!e)
		e = read_proof(&p.rest, c);
	if (!e && p.rest.n) /* regInfo */
		e = der_take(&p.rest, DER_SEQUENCE, &info);
	if (!e && p.rest.n)
		e = err_set(INRO_E_SYNTAX, "something follows the request");
	c->info = p.request;
	return e;
}

enum inro_err crmf_read(struct bytes input, struct csr *ret)
{
	SCOPED(csr) c = { .ext = { .path_len = EXT_PATH_LEN_NONE } };
	enum inro_err e = pem_or_der(input, PEM_CRMF, CSR_MAX, "certificate request", &c.der);

	if (!e)
		e = read_message(&c);
	if (e)
		return err_context(e, "certificate request");
	*ret = c;
	c = (struct csr) { 0 };
	return INRO_OK;
}

/* ---- what is CMP's ---- */

/* CertId ::= SEQUENCE { issuer GeneralName, serialNumber INTEGER } */
static enum inro_err read_old(struct bytes value, struct crmf_facts *ret)
{
	struct bytes id, name;
	enum inro_err e = der_only(value, DER_SEQUENCE, &id);

	if (!e)
		e = der_take(&id, GENERAL_DIRECTORY, &name);
	if (!e)
		e = der_take_whole(&name, DER_SEQUENCE, &ret->old_issuer);
	if (!e)
		e = der_take_unsigned(&id, &ret->old_serial);
	if (!e && (id.n || name.n))
		e = err_set(INRO_E_SYNTAX, "a certificate's id that goes on");
	return e;
}

enum inro_err crmf_read_facts(struct bytes der, struct crmf_facts *ret)
{
	struct parts p;
	struct crmf_facts f = { 0 };
	enum inro_err e = take_apart(der, &p);

	f.id = e ? 0 : p.id;
	for (int n = 0; !e && p.controls.n; n++) {
		struct bytes control, oid;

		if (n == CONTROLS_MAX)
			return err_set(INRO_E_TOO_BIG, "more than %d controls", CONTROLS_MAX);
		e = der_take(&p.controls, DER_SEQUENCE, &control);
		if (!e)
			e = der_take(&control, DER_OID, &oid);
		if (!e && bytes_equal(oid, oid_old))
			e = read_old(control, &f);
	}
	if (!e)
		*ret = f;
	return e;
}

enum inro_err crmf_read_id(struct bytes certtemplate, struct bytes *ret_issuer,
			   struct bytes *ret_serial)
{
	struct fields f;
	const struct der *serial;
	enum inro_err e = read_fields(certtemplate, &f);

	if (!e)
		e = name_of(field(&f, TEMPLATE_ISSUER), ret_issuer);
	serial = e ? NULL : field(&f, TEMPLATE_SERIAL);
	if (!e && (!serial || !serial->value.n || !ret_issuer->n))
		e = err_set(INRO_E_SYNTAX, "issuer and serial number of a certificate are missing");
	if (e)
		return e;
	*ret_serial = serial->value;
	while (ret_serial->n > 1 && ret_serial->p[0] == 0)
		*ret_serial = BYTES(ret_serial->p + 1, ret_serial->n - 1);
	return INRO_OK;
}
