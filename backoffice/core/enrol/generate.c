/*
 * generate - keys that are made here for devices that can't make their own, over the network; see
 * enrol_generate() in enrol.h.
 *
 * 1. How the key will go out is known before there is one.
 * 2. It goes out once, and no copy stays.
 */
#include <stdlib.h>
#include <string.h>

#include "backoffice/core/audit.h"
#include "backoffice/core/enrol.h"
#include "backoffice/core/enrol/asked.h"
#include "backoffice/core/group.h"
#include "backoffice/core/internal.h"
#include "backoffice/core/keyring.h"
#include "backoffice/core/signer.h"
#include "backoffice/core/symkey.h"
#include "backoffice/pki/dn.h"
#include "backoffice/pki/envelope.h"
#include "backoffice/pki/keypack.h"
#include "backoffice/pki/san.h"
#include "base/clock.h"

#define CERTS_MAX     64 /* of a device that are looked at for a key identifier */
#define SERIAL_OCTETS 16 /* of a symmetric key */

void enrol_given_clear(struct enrol_given *g)
{
	buf_clear(&g->key);
	cred_clear(&g->cred);
	*g = (struct enrol_given) { 0 };
}

/* How the key goes out. */
struct way {
	bool plain;
	struct signer signer;
	struct secret kek;
	struct bytes kek_id; /* of the request */
	struct blob cert;
};

static void way_clear(struct way *w)
{
	signer_clear(&w->signer);
	secret_clear(&w->kek);
	free(w->cert.p);
	*w = (struct way) { 0 };
}

/* ---- under a symmetric key ---- */

/* Named by its serial's octets, or by its serial or id as text. */
static enum inro_err by_secret(struct core *c, const struct enrol *in, const struct csr *csr,
			       struct way *w)
{
	SCOPED(buf) name = { 0 };

	w->kek_id = csr->wrap_secret;
	if (w->kek_id.n == SERIAL_OCTETS)
		buf_add_hex(&name, w->kek_id);
	else
		buf_add(&name, w->kek_id);
	buf_add_u8(&name, 0);
	if (buf_err(&name) != INRO_OK)
		return buf_err(&name);
	return symkey_kek(c, (const char *)name.p, in->device, &w->kek);
}

/* ---- to a certificate ---- */

struct search {
	struct bytes id;
	struct blob *ret;
};

static enum inro_err look_for(void *arg, void *record)
{
	struct search *s = arg;
	struct credential *rec = record;
	SCOPED(cert) cert = { 0 };

	if (s->ret->n || cert_read(blob_bytes(&rec->cert), &cert) != INRO_OK ||
	    !bytes_equal(cert.ext.ski, s->id))
		return INRO_OK;
	*s->ret = rec->cert;
	rec->cert = (struct blob) { 0 };
	return INRO_OK;
}

static enum inro_err by_pair(struct core *c, const struct enrol *in, const struct csr *csr,
			     struct way *w)
{
	const struct store_cond conds[] = {
		{ .field = "tenant", .number = c->tenant },
		{ .field = "device", .number = in->device->id },
		{ .field = "kind", .number = CRED_CERTIFICATE },
		{ .field = "state", .number = CRED_ACTIVE },
		{ .field = "not_after", .op = STORE_GE, .number = clock_now() },
	};
	const struct store_query q = { STORE_WHERE(conds), .limit = CERTS_MAX, .backward = true };
	struct search s = { csr->wrap_pair, &w->cert };
	enum inro_err e = store_each(c->store, &credential_type, &q, look_for, &s);

	if (e == INRO_OK && !w->cert.n)
		e = err_set(INRO_E_NOT_FOUND,
			    "device '%s' has no good certificate with that subject key identifier",
			    in->device->device_id);
	return e;
}

/* ---- in the clear ---- */

static enum inro_err by_policy(struct core *c, const struct enrol *in, struct way *w)
{
	SCOPED(policy) p = { 0 };
	enum inro_err e = policy_of_device(c, in->device, &p);

	w->plain = true;
	if (e == INRO_OK && !p.plain_keys)
		e = err_set(INRO_E_POLICY,
			    "a key that is made here is wrapped: name a key of the device in the request "
			    "(RFC 7030 4.4.1), or let the policy of its group say plain_keys");
	return e;
}

static enum inro_err find_way(struct core *c, const struct enrol *in, const struct csr *csr,
			      struct way *w)
{
	enum inro_err e;

	if (!csr->wrap_secret.n && !csr->wrap_pair.n)
		return by_policy(c, in, w);
	e = csr->wrap_secret.n ? by_secret(c, in, csr, w) : by_pair(c, in, csr, w);
	return e == INRO_OK ? signer_of(c, in->label->ca, &w->signer) : e;
}

/* ---- made ---- */

struct asked_names {
	struct buf text; /* C strings */
	const char *sans[CRED_REQUEST_SANS];
	size_t n;
};

static enum inro_err read_names(struct bytes names, struct asked_names *a)
{
	size_t at[CRED_REQUEST_SANS];
	struct san s;
	enum inro_err e = INRO_OK;

	for (a->n = 0; e == INRO_OK && names.n; a->n++) {
		if (a->n == ARRAY_LEN(at))
			return err_set(INRO_E_TOO_BIG, "more than %d alternative names",
				       CRED_REQUEST_SANS);
		e = san_next(&names, &s);
		at[a->n] = a->text.n;
		if (e == INRO_OK)
			san_one_text(&s, &a->text);
		buf_add_u8(&a->text, 0);
	}
	if (e == INRO_OK)
		e = buf_err(&a->text);
	for (size_t i = 0; e == INRO_OK && i < a->n; i++)
		a->sans[i] = (const char *)a->text.p + at[i];
	return e;
}

static enum inro_err make(struct core *c, const struct enrol *in, const struct csr *csr,
			  struct secret *ret, struct cred *ret_cred)
{
	struct asked_names names = { 0 };
	SCOPED(buf) subject = { 0 };
	char type[PUBKEY_NAME_MAX];
	struct cred_central how = { .key_type = type, .only_asked = true };
	struct cred_request r = { .ca = in->label->ca,
				  .profile = in->label->profile,
				  .device = in->device->device_id };
	enum inro_err e = read_names(csr->ext.sans, &names);

	pubkey_name(&csr->key, type, sizeof type);
	if (e == INRO_OK && !dn_is_empty(csr->subject)) {
		e = dn_text(csr->subject, &subject);
		buf_add_u8(&subject, 0);
		how.subject = (const char *)subject.p;
	}
	if (e == INRO_OK)
		e = buf_err(&subject);
	r.sans = names.sans;
	r.sans_n = names.n;
	if (e == INRO_OK)
		e = cred_issue_central(c, &r, &how, ret, ret_cred);
	buf_clear(&names.text);
	return e;
}

static enum inro_err wrap(struct way *w, struct bytes pkcs8, struct buf *ret)
{
	const struct keypack_signer signer = { &w->signer.cert, w->signer.sig, signer_sign,
					       &w->signer };
	SCOPED(buf) package = { .secret = true };
	enum inro_err e;

	if (w->plain) {
		buf_add(ret, pkcs8);
		return buf_err(ret);
	}
	e = keypack_make(pkcs8, &signer, &package);
	if (e != INRO_OK)
		return e;
	if (w->kek.n)
		return envelope_signed_kek(secret_bytes(&w->kek), w->kek_id, buf_bytes(&package),
					   ret);
	return envelope_signed(blob_bytes(&w->cert), buf_bytes(&package), ret);
}

enum inro_err enrol_generate(struct core *c, const struct enrol *in, struct enrol_given *ret)
{
	SCOPED(enrol_given) g = { .key = { .secret = true } };
	SCOPED(way) w = { 0 };
	SCOPED(csr) csr = { 0 };
	SCOPED(secret) pkcs8 = { 0 };
	enum inro_err e = asked_read(c, in, &csr);

	if (e == INRO_OK)
		e = find_way(c, in, &csr, &w);
	if (e != INRO_OK)
		return audit_refused(c, "certificate.issue", "device", in->device->device_id, e);
	e = make(c, in, &csr, &pkcs8, &g.cred);
	if (e == INRO_OK)
		e = wrap(&w, secret_bytes(&pkcs8), &g.key);
	if (e != INRO_OK)
		return core_pin_fault(e);
	g.plain = w.plain;
	*ret = g;
	g = (struct enrol_given) { 0 };
	return INRO_OK;
}
