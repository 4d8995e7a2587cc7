/*
 * ocsp_signer - the certificates of those who answer in the place of a CA's key; see status.h.
 *
 * 1. The key is made in the CA's token, or in the one that the CA's settings name, and stays; its
 *    certificate is by the profile ocsp-signer, and another one is made when a third of its time is
 *    left.
 * 2. A token that is not open for this process costs nothing: there is no refusal to record.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backoffice/core/authority.h"
#include "backoffice/core/ca_policy.h"
#include "backoffice/core/ca_signer.h"
#include "backoffice/core/duty.h"
#include "backoffice/core/issue.h"
#include "backoffice/core/keyring.h"
#include "backoffice/core/status.h"
#include "base/clock.h"
#include "base/cryptoki/uri.h"
#include "base/der.h"

#define SIGNER_PROFILE "ocsp-signer"

struct signer {
	struct ca ca; /* as it was with the key */
	struct ca_policy policy;
	struct new_key fresh;
	struct buf token, subject, csr, uri;
	const struct pki_key_kind *kind;
	struct credential left; /* not looked at: a key may have many certificates here */
	int64_t credential;
};

static void signer_clear(struct signer *s)
{
	ca_clear(&s->ca);
	ca_policy_clear(&s->policy);
	new_key_clear(&s->fresh);
	buf_clear(&s->token);
	buf_clear(&s->subject);
	buf_clear(&s->csr);
	buf_clear(&s->uri);
	credential_clear(&s->left);
}

/* The token that a key is in, as a URI. */
static enum inro_err token_of_key(const char *key_uri, struct buf *ret)
{
	SCOPED(p11_uri) u = { 0 };
	enum inro_err e = p11_uri_parse(key_uri, &u);

	if (e != INRO_OK)
		return e;
	free(u.object);
	u.object = NULL;
	u.has_id = false;
	u.type = P11_ANY;
	p11_uri_print(&u, ret);
	buf_add_u8(ret, 0);
	return buf_err(ret);
}

/* Of the CA's kind, so that whoever verifies its certificates can verify answers. */
static enum inro_err kind_like(const struct cert *ca, const struct pki_key_kind **ret)
{
	const struct pki_key_kind *k;

	for (size_t i = 0; (k = pki_key_kind_at(i)); i++)
		if (k->type == ca->key.type) {
			*ret = k; /* of RSA the smallest, which is the first */
			return INRO_OK;
		}
	return err_set(INRO_E_UNSUPPORTED, "no key can be made of the CA's kind");
}

static enum inro_err decide_key(struct signer *s, const struct cert *cert)
{
	const struct ca_policy *p = &s->policy;
	enum inro_err e = p->ocsp_key_type ? pki_key_kind_find(p->ocsp_key_type, &s->kind)
					   : kind_like(cert, &s->kind);

	if (e != INRO_OK)
		return e;
	return p->ocsp_token ? core_token_uri(p->ocsp_token, &s->token)
			     : token_of_key(s->ca.key_uri, &s->token);
}

/* C, L, ST, O and OU: what a name constraint may ask for. */
static bool is_place(struct bytes set)
{
	struct bytes in, ava, oid;

	if (der_only(set, DER_SET, &in) || der_take(&in, DER_SEQUENCE, &ava) ||
	    der_take(&ava, DER_OID, &oid))
		return false;
	return oid.n == 3 && oid.p[0] == 0x55 && oid.p[1] == 4 &&
	       strchr("\x06\x07\x08\x0a\x0b", oid.p[2]) && oid.p[2];
}

/* Where the CA is, and its name there. */
static enum inro_err make_subject(struct signer *s, const struct cert *cert)
{
	SCOPED(buf) text = { 0 };
	SCOPED(buf) own = { 0 };
	size_t mark = der_begin(&s->subject, DER_SEQUENCE);
	struct bytes sets, set, cn;
	enum inro_err e = der_only(cert->subject, DER_SEQUENCE, &sets);

	while (e == INRO_OK && sets.n) {
		e = der_take_whole(&sets, DER_SET, &set);
		if (e == INRO_OK && is_place(set))
			buf_add(&s->subject, set);
	}
	buf_addf(&text, "CN=OCSP of %.50s", s->ca.name);
	buf_add_u8(&text, 0);
	if (e == INRO_OK)
		e = buf_err(&text);
	if (e == INRO_OK)
		e = dn_parse((const char *)text.p, NULL, &own);
	if (e == INRO_OK)
		e = der_only(buf_bytes(&own), DER_SEQUENCE, &cn);
	if (e != INRO_OK)
		return e;
	buf_add(&s->subject, cn);
	der_end(&s->subject, mark);
	return buf_err(&s->subject);
}

static enum inro_err make_key(struct core *c, struct signer *s)
{
	char label[TOKEN_KEY_LABEL_MAX + 1];
	struct new_key_plan plan = { .label = label, .kind = s->kind };
	struct key_csr in = { .subject = buf_bytes(&s->subject) };
	enum inro_err e;

	snprintf(label, sizeof label, "ocsp %.32s %lld %s", s->ca.name,
		 (long long)s->ca.generation, s->kind->name);
	plan.token_uri = (const char *)s->token.p;
	e = new_key_or_left(c, &plan, &s->fresh, &s->left);
	if (e != INRO_OK)
		return e;
	token_key_uri(s->fresh.key, &s->uri);
	buf_add_u8(&s->uri, 0);
	in.key = s->fresh.key;
	e = buf_err(&s->uri);
	return e == INRO_OK ? key_csr(&in, &s->csr) : e;
}

static enum inro_err certify(struct core *c, struct signer *s)
{
	const struct cred_request request = { .csr = buf_bytes(&s->csr),
					      .profile = SIGNER_PROFILE,
					      .key_uri = (const char *)s->uri.p };
	struct issuing i = { .request = &request, .ca = &s->ca, .renews = true, .answers = true };
	enum inro_err e = issue_run(c, &i);

	s->credential = i.rec.id;
	credential_clear(&i.rec);
	return e;
}

static enum inro_err appoint_work(struct core *c, void *arg)
{
	const struct signer *s = arg;
	struct ocsp_signer row = { .tenant = c->tenant,
				   .ca = s->ca.id,
				   .generation = s->ca.generation,
				   .credential = s->credential,
				   .created_ms = clock_now_ms() };

	return store_insert(c->store, &row);
}

static enum inro_err appoint(struct core *c, struct signer *s)
{
	SCOPED(cert) cert = { 0 };
	struct ca_signer there;
	enum inro_err e = cert_read(blob_bytes(&s->ca.cert), &cert);

	/* Without the CA's key no other one is made. */
	if (e == INRO_OK)
		e = ca_signer_open(c, &s->ca, &cert, &there);
	if (e == INRO_OK)
		e = decide_key(s, &cert);
	if (e == INRO_OK)
		e = make_subject(s, &cert);
	if (e == INRO_OK)
		e = make_key(c, s);
	if (e == INRO_OK)
		e = certify(c, s);
	if (e == INRO_OK)
		e = core_write(c, appoint_work, s);
	s->fresh.keep = s->fresh.keep || e == INRO_OK;
	return e;
}

/* A third of its time is left, and there is more to be had. */
static bool is_due(const struct status_issuer *i, const struct cert *ca, const struct cert *signer)
{
	int64_t life = signer->not_after - signer->not_before;

	if (i->itself)
		return false;
	return !i->signer.n || (signer->not_after < ca->not_after &&
				signer->not_after - clock_now() < life / 3);
}

static enum inro_err renew_one(struct core *c, const struct status_issuer *i)
{
	SCOPED(cert) ca = { 0 };
	SCOPED(cert) signer = { 0 };
	SCOPED(signer) s = { 0 };
	enum inro_err e = cert_read(blob_bytes(&i->cert), &ca);

	if (e == INRO_OK && i->signer.n)
		e = cert_read(blob_bytes(&i->signer), &signer);
	if (e != INRO_OK || !is_due(i, &ca, &signer))
		return e;
	e = store_get(c->store, i->ca, &s.ca);
	if (e == INRO_OK && s.ca.tenant != c->tenant)
		return INRO_OK;
	/* As the settings are now, whichever key it is for. */
	if (e == INRO_OK)
		e = ca_policy_read(&s.ca, &s.policy);
	if (e == INRO_OK)
		e = ca_as_of(c, i->generation, &s.ca);
	if (e == INRO_OK)
		e = appoint(c, &s);
	return e == INRO_OK ? duty_goes_on(c) : err_context(e, "who answers for CA '%s'", i->name);
}

enum inro_err ocsp_signers_renew(struct core *c)
{
	SCOPED(status_issuers) l = { 0 };
	enum inro_err e = status_issuers(c, &l), first = INRO_OK;

	for (size_t i = 0; e == INRO_OK && i < l.n; i++) {
		enum inro_err one = renew_one(c, &l.items[i]);

		if (one != INRO_OK && first == INRO_OK)
			first = one;
	}
	return e == INRO_OK ? first : e;
}

static enum inro_err sign_as_delegate(struct core *c, const struct status_signer *who,
				      const struct pki_sig *sig, struct bytes tbs, struct buf *ret)
{
	struct token_key *key;
	enum inro_err e = core_key(c, who->key_uri, &key);

	if (e != INRO_OK)
		return e;
	if (!token_key_has(key, who->spki))
		return err_set(INRO_E_CONFIG, "the key at %s is not the one that was certified",
			       who->key_uri);
	return token_key_sign(key, sig, tbs, ret);
}

static enum inro_err sign_by_ca(struct core *c, const struct ca *ca, const struct pki_sig *sig,
				struct bytes tbs, struct buf *ret)
{
	SCOPED(cert) cert = { 0 };
	struct ca_signer s;
	int64_t own = c->tenant;
	enum inro_err e = cert_read(blob_bytes(&ca->cert), &cert);

	/* That a token is away is an event of the CA's tenant. */
	c->tenant = ca->tenant;
	if (e == INRO_OK)
		e = ca_signer_open(c, ca, &cert, &s);
	if (e == INRO_OK)
		e = ca_sign(c, &s, sig, tbs, ret);
	c->tenant = own;
	return e;
}

enum inro_err status_sign(struct core *c, const struct status_signer *who,
			  const struct pki_sig *sig, struct bytes tbs, struct buf *ret)
{
	SCOPED(ca) ca = { 0 };
	enum inro_err e;

	if (!who->itself)
		return sign_as_delegate(c, who, sig, tbs, ret);
	e = store_get(c->store, who->ca, &ca);
	if (e == INRO_OK)
		e = ca_as_of(c, who->generation, &ca);
	return e == INRO_OK ? sign_by_ca(c, &ca, sig, tbs, ret) : e;
}
