/* delegate - see delegate.h. */
#include "backoffice/core/ca/delegate.h"

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backoffice/core/authority.h"
#include "backoffice/core/ca_policy.h"
#include "backoffice/core/ca_signer.h"
#include "backoffice/core/issue.h"
#include "backoffice/core/issue_time.h"
#include "backoffice/core/key_use.h"
#include "backoffice/core/keyring.h"
#include "backoffice/core/signer.h"
#include "base/clock.h"
#include "base/cryptoki/uri.h"
#include "base/der.h"

#define LABEL_SIZE (TOKEN_KEY_LABEL_MAX + 1)

static const struct use {
	const char *profile, *title, *label;
	size_t token, key_type; /* of a struct ca_policy */
	bool by_hand;		/* a certificate that a person had made for a key in a token counts, too */
	bool shared;		/* its first key has a label that says neither tenant nor CA */
} uses[SIGNER__MAX] = {
	[SIGNER_OCSP] = { "ocsp-signer", "OCSP of", "ocsp", offsetof(struct ca_policy, ocsp_token),
			  offsetof(struct ca_policy, ocsp_key_type), false, true },
	[SIGNER_MESSAGES] = { SIGNER_PROFILE, "CMP of", "cmp", offsetof(struct ca_policy, cmp_token),
			      offsetof(struct ca_policy, cmp_key_type), true, false },
};

struct delegate {
	const struct use *use;
	struct ca ca; /* as it was with the key */
	struct ca_policy policy;
	struct new_key fresh;
	struct buf token, subject, csr, uri;
	const struct pki_key_kind *kind;
	struct credential left; /* the newest of the key's certificates, which may be many */
	/* What it is made by; when that has changed meanwhile, it is not wanted any more. */
	char *settings;
	int64_t newest;
};

static void delegate_clear(struct delegate *s)
{
	ca_clear(&s->ca);
	ca_policy_clear(&s->policy);
	new_key_clear(&s->fresh);
	buf_clear(&s->token);
	buf_clear(&s->subject);
	buf_clear(&s->csr);
	buf_clear(&s->uri);
	credential_clear(&s->left);
	free(s->settings);
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

/* A text of the policy; NULL: as the CA has it. */
static const char *said(const struct delegate *s, size_t offset)
{
	const char *text = *(char *const *)(const void *)((const char *)&s->policy + offset);

	return text && *text ? text : NULL;
}

static enum inro_err decide_key(struct delegate *s, const struct cert *cert)
{
	const char *type = said(s, s->use->key_type), *token = said(s, s->use->token);
	enum inro_err e = type ? pki_key_kind_find(type, &s->kind) : kind_like(cert, &s->kind);

	if (e != INRO_OK)
		return e;
	return token ? core_token_uri(token, &s->token) : token_of_key(s->ca.key_uri, &s->token);
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
static enum inro_err make_subject(struct delegate *s, const struct cert *cert)
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
	buf_addf(&text, "CN=%s %.50s", s->use->title, s->ca.name);
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

/* The CA's alone, also among those of other tenants, whose names may be the same. */
static void label_own(const struct delegate *s, char ret[static LABEL_SIZE])
{
	snprintf(ret, LABEL_SIZE, "%s %.16s %lld.%lld %s", s->use->label, s->ca.name,
		 (long long)s->ca.id, (long long)s->ca.generation, s->kind->name);
}

/* As those who answer on line have it since before there were others: a CA of the same name in another tenant has the
 * same one. */
static void label_shared(const struct delegate *s, char ret[static LABEL_SIZE])
{
	snprintf(ret, LABEL_SIZE, "%s %.32s %lld %s", s->use->label, s->ca.name,
		 (long long)s->ca.generation, s->kind->name);
}

/* A key that was left there, and that a certificate was revoked for because it is compromised, gets no other one. */
static enum inro_err look_at_left(struct core *c, const struct new_key *k, bool *ret_ended)
{
	uint8_t hash[PKI_DIGEST_MAX];
	enum inro_err e;

	*ret_ended = false;
	if (!k->found)
		return INRO_OK;
	e = pubkey_print(token_key_public(k->key), hash);
	if (e == INRO_OK)
		e = key_use_trusted(c, BYTES(hash, PUBKEY_PRINT));
	*ret_ended = e == INRO_E_POLICY;
	return *ret_ended ? INRO_OK : e;
}

static enum inro_err take_key(struct core *c, struct delegate *s, const char *label, bool *ret_ended)
{
	const struct new_key_plan plan = { .token_uri = (const char *)s->token.p,
					   .label = label,
					   .kind = s->kind };
	enum inro_err e;

	new_key_clear(&s->fresh);
	credential_clear(&s->left);
	e = new_key_or_left(c, &plan, &s->fresh, &s->left);
	return e == INRO_OK ? look_at_left(c, &s->fresh, ret_ended) : e;
}

/* One that may be others' too stays, whatever became of it, and another tenant's is not shared: each ends its own.  The
 * CA's own goes, and another one has its label. */
static enum inro_err choose_key(struct core *c, struct delegate *s)
{
	char label[LABEL_SIZE];
	bool ended = true;
	enum inro_err e = INRO_OK;

	if (s->use->shared) {
		label_shared(s, label);
		e = take_key(c, s, label, &ended);
		ended = ended || (s->left.id && s->left.tenant != c->tenant);
	}
	label_own(s, label);
	if (e == INRO_OK && ended)
		e = take_key(c, s, label, &ended);
	if (e != INRO_OK || !ended)
		return e;
	s->fresh.keep = false;
	e = take_key(c, s, label, &ended);
	if (e == INRO_OK && ended)
		return err_set(INRO_E_TOKEN, "the compromised key '%s' can't be deleted from its token", label);
	return e;
}

static enum inro_err make_key(struct core *c, struct delegate *s)
{
	struct key_csr in = { .subject = buf_bytes(&s->subject) };
	enum inro_err e = choose_key(c, s);

	if (e != INRO_OK)
		return e;
	token_key_uri(s->fresh.key, &s->uri);
	buf_add_u8(&s->uri, 0);
	in.key = s->fresh.key;
	e = buf_err(&s->uri);
	return e == INRO_OK ? key_csr(&in, &s->csr) : e;
}

static enum inro_err find_newest(struct core *c, const struct ca_delegate *of, int64_t before, struct ca_delegate *ret)
{
	const struct store_cond conds[] = {
		{ .field = "ca", .number = of->ca },
		{ .field = "generation", .number = of->generation },
		{ .field = "purpose", .number = of->purpose },
	};
	const struct store_query q = { STORE_WHERE(conds), .backward = true, .after = before, .limit = 1 };

	return store_find(c->store, &q, ret);
}

static enum inro_err newest_id(struct core *c, const struct delegate *s, int64_t generation, int64_t *ret)
{
	const struct ca_delegate of = { .ca = s->ca.id, .generation = generation, .purpose = s->use - uses };
	struct ca_delegate row = { 0 };
	enum inro_err e = find_newest(c, &of, 0, &row);

	*ret = row.id;
	return e == INRO_E_NOT_FOUND ? INRO_OK : e;
}

/* In the transaction that records the certificate: making a key takes long, and who has said something else, or had
 * one certified by hand, is not overruled. */
static enum inro_err stands(struct core *c, struct issuing *i)
{
	const struct delegate *s = i->arg;
	SCOPED(ca) now = { 0 };
	int64_t newest = 0;
	enum inro_err e = store_get(c->store, s->ca.id, &now);

	if (e == INRO_OK)
		e = newest_id(c, s, s->ca.generation, &newest);
	if (e != INRO_OK)
		return e;
	if (newest == s->newest && strcmp(text_or_empty(now.settings), text_or_empty(s->settings)) == 0)
		return INRO_OK;
	return err_set(INRO_E_STATE, "the settings of CA '%s', or who signs, changed meanwhile", now.name);
}

static enum inro_err certify(struct core *c, struct delegate *s)
{
	const struct cred_request request = { .csr = buf_bytes(&s->csr),
					      .profile = s->use->profile,
					      .key_uri = (const char *)s->uri.p };
	struct issuing i = { .request = &request, .ca = &s->ca, .renews = true, .answers = true,
			     .before = stands, .arg = s };
	enum inro_err e = issue_run(c, &i);

	credential_clear(&i.rec);
	return e;
}

static enum inro_err appoint(struct core *c, struct delegate *s)
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
	s->fresh.keep = s->fresh.keep || e == INRO_OK;
	new_key_unsure(&s->fresh, e);
	return e;
}

enum inro_err delegate_make(struct core *c, enum signer_purpose purpose, int64_t ca, int64_t generation)
{
	SCOPED(delegate) s = { .use = &uses[purpose] };
	enum inro_err e = store_get(c->store, ca, &s.ca);

	if (e == INRO_OK && s.ca.tenant != c->tenant)
		return INRO_OK;
	/* As the settings are now, whichever key it is for. */
	if (e == INRO_OK)
		e = ca_policy_read(&s.ca, &s.policy);
	if (e == INRO_OK)
		e = text_set(&s.settings, s.ca.settings);
	if (e == INRO_OK)
		e = newest_id(c, &s, generation, &s.newest);
	if (e == INRO_OK)
		e = ca_as_of(c, generation, &s.ca);
	return e == INRO_OK ? appoint(c, &s) : e;
}

/* ---- on record ---- */

enum inro_err ca_delegate_recorded(struct core *c, const struct credential *rec, bool answers)
{
	enum inro_err e = INRO_OK;

	for (int64_t u = 0; e == INRO_OK && u < SIGNER__MAX; u++) {
		struct ca_delegate row = { .tenant = rec->tenant,
					   .ca = rec->ca,
					   .generation = rec->ca_generation,
					   .credential = rec->id,
					   .purpose = u,
					   .created_ms = rec->created_ms };

		if ((answers || uses[u].by_hand) && rec->ca && *text_or_empty(rec->key_uri) &&
		    strcmp(text_or_empty(rec->profile), uses[u].profile) == 0)
			e = store_insert(c->store, &row);
	}
	return e;
}

static bool is_active(const struct credential *rec)
{
	return rec->state == CRED_ACTIVE && !rec->revoked_at;
}

enum inro_err delegate_find(struct core *c, enum signer_purpose purpose, int64_t ca, int64_t generation,
			    int64_t *ret_id, struct credential *ret)
{
	const struct ca_delegate of = { .ca = ca, .generation = generation, .purpose = purpose };
	struct ca_delegate row = { 0 };
	SCOPED(credential) rec = { 0 };
	enum inro_err e;

	/* One that was made by hand for a short time: when it is over, the one before goes on; also where one was made
	 * when the clock was ahead. */
	do {
		credential_clear(&rec);
		e = find_newest(c, &of, row.id, &row);
		if (e == INRO_OK)
			e = store_get(c->store, row.credential, &rec);
	} while (e == INRO_OK && is_active(&rec) &&
		 (rec.not_after <= clock_now() || issue_time_is_ahead(rec.not_before)));
	if (e != INRO_OK)
		return e == INRO_E_NOT_FOUND ? INRO_OK : e;
	/* The one before may be of the same key: whoever was revoked has none in his place. */
	if (!is_active(&rec))
		return INRO_OK;
	*ret_id = row.id;
	*ret = rec;
	rec = (struct credential) { 0 };
	return INRO_OK;
}

enum inro_err delegate_is_due(struct bytes ca, struct bytes signer, bool *ret)
{
	SCOPED(cert) above = { 0 };
	SCOPED(cert) cert = { 0 };
	enum inro_err e = cert_read(ca, &above);

	*ret = !signer.n;
	if (e == INRO_OK && signer.n)
		e = cert_read(signer, &cert);
	if (e == INRO_OK && signer.n)
		*ret = cert.not_after < above.not_after &&
		       cert.not_after - clock_now() < (cert.not_after - cert.not_before) / 3;
	return e;
}

enum inro_err delegate_drop(struct core *c, enum signer_purpose purpose, int64_t ca)
{
	const struct store_cond conds[] = {
		{ .field = "ca", .number = ca },
		{ .field = "purpose", .number = purpose },
	};
	const struct store_query q = { STORE_WHERE(conds) };
	int64_t rows;

	return store_delete(c->store, &ca_delegate_type, &q, &rows);
}
