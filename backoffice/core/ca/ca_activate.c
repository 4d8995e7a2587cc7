/*
 * ca_activate - CAs across houses: the certificate that somebody else made for a CA of ours, and
 * the one that we make for somebody else's.
 *
 * 1. Nothing of it is believed: the key, and all that ca_above.h names, are checked before it is
 *    recorded.
 */
#include <stdlib.h>

#include "backoffice/core/authority.h"
#include "backoffice/core/ca/ca_above.h"
#include "backoffice/core/ca/ca_making.h"
#include "backoffice/core/internal.h"
#include "backoffice/core/issue.h"
#include "backoffice/core/move.h"
#include "backoffice/pki/csr.h"
#include "base/clock.h"

struct activation {
	const char *name;
	const struct ca_activation *in;
	struct ca ca;
	struct ca_generation next; /* a key after the first one that waits; id 0: the first one */
	struct cert cert;
	struct credential rec;
	struct ca_above above;
	struct ca_eyes eyes;
};

static void activation_clear(struct activation *a)
{
	ca_clear(&a->ca);
	ca_generation_clear(&a->next);
	ca_eyes_clear(&a->eyes);
	cert_clear(&a->cert);
	credential_clear(&a->rec);
	ca_above_clear(&a->above);
}

/* Which key waits: that of a pending CA, or the next one of a CA that issues. */
static enum inro_err check_pending(struct core *c, const struct ca *ca, struct ca_generation *ret)
{
	int to;
	enum inro_err e = INRO_E_NOT_FOUND;

	ca_generation_clear(ret);
	if (ca->state == CA_ACTIVE)
		e = ca_next_key(c, ca->id, ret);
	if (e == INRO_OK)
		return core_require(c, ROLE_ADMIN, "give a CA another key");
	if (e != INRO_E_NOT_FOUND)
		return e;
	e = lifecycle_move(LIFE_CA, (int)ca->state, VERB_ISSUE, c->role, &to);

	return e == INRO_OK ? e : err_context(e, "CA '%s'", ca->name);
}

/* By the certificate's key all is signed: does the token's do that? */
static enum inro_err check_signs(const struct activation *a, const struct pubkey *told)
{
	const struct pki_sig *sig;
	enum inro_err e = pubkey_sig(&a->cert.key, PKI_HASH_NONE, &sig);

	if (e == INRO_OK && (!pki_sig_fits(sig, told->type) || (told->only && told->only != sig->hash)))
		e = err_set(INRO_E_POLICY,
			    "by its certificate the key of CA '%s' signs by %s, which it can't: have it certified as the "
			    "key that its request names",
			    a->name, sig->name);
	return e;
}

static const struct blob *request_of(const struct ca *ca, const struct ca_generation *next)
{
	return next->id ? &next->csr : &ca->csr;
}

static enum inro_err check_key(const struct activation *a)
{
	SCOPED(csr) csr = { 0 };
	const struct blob *request = request_of(&a->ca, &a->next);
	enum inro_err e = csr_read(blob_bytes(request), &csr);

	if (e == INRO_OK && !pubkey_is_told(&csr.key, &a->cert.key))
		e = err_set(INRO_E_POLICY,
			    "the certificate is for another key than that of CA '%s'", a->name);
	if (e == INRO_OK)
		e = check_signs(a, &csr.key);
	if (e == INRO_OK)
		e = ca_above_check(&a->cert, "the certificate");
	return e;
}

static const char *key_of(const struct activation *a)
{
	return a->next.id ? a->next.key_uri : a->ca.key_uri;
}

static int64_t generation_of(const struct activation *a)
{
	return a->next.id ? a->next.number : a->ca.generation;
}

enum inro_err ca_fill_cert(struct core *c, const struct cert *cert, struct credential *rec)
{
	SCOPED(buf) subject = { 0 };
	enum inro_err e = dn_text(cert->subject, &subject);

	rec->tenant = c->tenant;
	rec->kind = CRED_CERTIFICATE;
	rec->not_before = cert->not_before;
	rec->not_after = cert->not_after;
	rec->updated_ms = clock_now_ms();
	buf_add_u8(&subject, 0);
	if (e == INRO_OK)
		e = buf_err(&subject);
	if (e == INRO_OK)
		e = text_set(&rec->subject, (const char *)subject.p);
	return e == INRO_OK ? cred_fill_hashes(rec, cert) : e;
}

enum inro_err ca_own_fill(struct core *c, const struct cert *cert, struct credential *rec)
{
	rec->state = CRED_ACTIVE;
	rec->created_ms = clock_now_ms();
	return ca_fill_cert(c, cert, rec);
}

static enum inro_err fill_rec(struct core *c, struct activation *a)
{
	struct credential *rec = &a->rec;
	enum inro_err e = ca_own_fill(c, &a->cert, rec);

	rec->own_ca = a->ca.id;
	rec->ca = a->above.root ? a->ca.id : a->above.parent;
	rec->ca_generation = a->above.parent ? a->above.parent_generation : generation_of(a);
	return e == INRO_OK ? text_set(&rec->key_uri, key_of(a)) : e;
}

static enum inro_err fill_ca(struct activation *a, struct ca *ca)
{
	enum inro_err e = blob_set(&ca->cert, buf_bytes(&a->cert.der));

	ca->state = CA_ACTIVE;
	ca->parent = a->above.parent;
	ca->not_before = a->cert.not_before;
	ca->not_after = a->cert.not_after;
	ca->updated_ms = clock_now_ms();
	if (e == INRO_OK)
		e = blob_set(&ca->chain, buf_bytes(&a->above.others));
	return e == INRO_OK ? text_set(&ca->subject, a->rec.subject) : e;
}

enum inro_err ca_own_record(struct core *c, struct credential *rec)
{
	const struct store_cond conds[] = {
		{ .field = "tenant", .number = c->tenant },
		{ .field = "fingerprint", .bytes = blob_bytes(&rec->fingerprint) },
	};
	const struct store_query q = { STORE_WHERE(conds) };
	SCOPED(credential) there = { 0 };
	enum inro_err e = store_find(c->store, &q, &there);

	rec->id = 0;
	if (e == INRO_E_NOT_FOUND) {
		e = cred_insert(c, rec);
		return e == INRO_OK ? ca_key_needed(c, rec) : e;
	}
	if (e == INRO_OK && (there.own_ca || there.device || there.state != CRED_ACTIVE))
		e = err_set(INRO_E_STATE, "certificate %lld is another's, or not active",
			    (long long)there.id);
	there.own_ca = rec->own_ca;
	if (e == INRO_OK)
		e = text_set(&there.key_uri, rec->key_uri);
	there.replaces = rec->replaces;
	return e == INRO_OK ? store_update(c->store, &there) : e;
}

/* The CA's record as it becomes: its first certificate, or another key's. */
static enum inro_err take_in(struct core *c, struct activation *a, struct ca *ca)
{
	SCOPED(ca) next = { 0 };
	struct ca_turn turn = { .next = &next };
	enum inro_err e = fill_ca(a, a->next.id ? &next : ca);

	if (e != INRO_OK || !a->next.id)
		return e == INRO_OK ? store_update(c->store, ca) : e;
	e = text_set(&next.key_uri, a->next.key_uri);
	if (e == INRO_OK && a->next.settings)
		e = text_set(&next.settings, a->next.settings);
	if (e == INRO_OK)
		e = blob_set(&next.csr, blob_bytes(&a->next.csr));
	if (e == INRO_OK)
		e = ca_turn(c, ca, &turn);
	a->rec.replaces = turn.ret_replaces;
	return e;
}

static enum inro_err check_same(struct core *c, const struct activation *a, const struct ca *ca)
{
	SCOPED(ca_generation) now = { 0 };
	enum inro_err e = check_pending(c, ca, &now);

	/* Not by its number alone: SQLite gives that of a row that is gone again. */
	if (e == INRO_OK && (now.id != a->next.id || ca->id != a->ca.id ||
			     !bytes_equal(blob_bytes(request_of(ca, &now)), blob_bytes(request_of(&a->ca, &a->next)))))
		e = err_set(INRO_E_STATE, "CA '%s' waits for another certificate meanwhile",
			    ca->name);
	return e;
}

static enum inro_err tell(struct core *c, const struct activation *a, const struct ca *ca)
{
	SCOPED(buf) detail = { 0 };
	const struct audit_entry entry = { "ca.activate", "ca", a->name, EVENT_DONE, &detail };

	detail_text(&detail, "subject", a->rec.subject);
	detail_int(&detail, "generation", ca->generation);
	detail_hex(&detail, "serial", blob_bytes(&a->rec.serial));
	detail_hex(&detail, "sha256", blob_bytes(&a->rec.fingerprint));
	detail_int(&detail, "not_after", a->rec.not_after);
	return audit_append(c, &entry);
}

static enum inro_err activate_work(struct core *c, void *arg)
{
	struct activation *a = arg;
	SCOPED(ca) ca = { 0 };
	enum inro_err e = ca_load(c, a->name, &ca);

	if (e == INRO_OK)
		e = check_same(c, a, &ca);
	if (e == INRO_OK)
		e = ca_check_no_leaf(c, &a->cert.key);
	if (e == INRO_OK)
		e = take_in(c, a, &ca);
	if (e == INRO_OK)
		e = ca_own_record(c, &a->rec);
	if (e == INRO_OK)
		e = ca_eyes_done(c, &a->eyes, ca.id);
	return e == INRO_OK ? tell(c, a, &ca) : e;
}

static enum inro_err activate(struct core *c, struct activation *a)
{
	enum inro_err e = ca_load(c, a->name, &a->ca);

	if (e == INRO_OK)
		e = check_pending(c, &a->ca, &a->next);
	if (e == INRO_OK)
		e = cert_read(a->in->cert, &a->cert);
	if (e == INRO_OK)
		e = check_key(a);
	if (e == INRO_OK)
		e = ca_above_find(c, &a->cert, a->in->chain, a->ca.id, &a->above);
	if (e == INRO_OK)
		e = fill_rec(c, a);
	detail_hex(&a->eyes.body, "sha256", blob_bytes(&a->rec.fingerprint));
	detail_text(&a->eyes.body, "subject", a->rec.subject);
	a->eyes.proposal = a->in->proposal;
	if (e == INRO_OK)
		e = ca_eyes_check(c, &a->eyes, a->name);
	return e == INRO_OK ? core_write(c, activate_work, a) : e;
}

enum inro_err ca_activate_as(struct core *c, const char *action, const char *name,
			     const struct ca_activation *in)
{
	SCOPED(activation) a = { .name = name, .in = in, .eyes = { .action = action } };

	return activate(c, &a);
}

enum inro_err ca_activate(struct core *c, const char *name, const struct ca_activation *in,
			  struct ca_view *ret)
{
	enum inro_err e = ca_activate_as(c, "ca.activate", name, in);

	return e == INRO_OK ? ca_get(c, name, ret) : audit_refused(c, "ca.activate", "ca", name, e);
}

/* ---- for others ---- */

static enum inro_err certify_done(struct core *c, struct issuing *i)
{
	return ca_eyes_done(c, i->arg, i->ca->id);
}

static enum inro_err propose_certify(const struct cred_request *r, struct ca_eyes *y)
{
	SCOPED(csr) csr = { 0 };
	uint8_t hash[PKI_DIGEST_MAX];
	enum inro_err e = csr_read(r->csr, &csr);

	if (e == INRO_OK)
		e = pki_digest(PKI_SHA256, csr.key.spki, hash);
	if (e != INRO_OK)
		return e;
	detail_hex(&y->body, "key_sha256", BYTES(hash, pki_hash_octets(PKI_SHA256)));
	detail_text(&y->body, "profile", r->profile);
	if (r->days)
		detail_int(&y->body, "days", r->days);
	return r->constraints.n ? ca_detail_limits(&y->body, r->constraints) : INRO_OK;
}

static enum inro_err certify(struct core *c, const struct cred_request *r, struct cred *ret)
{
	SCOPED(ca) ca = { 0 };
	SCOPED(ca_eyes) eyes = { .action = "ca.certify", .proposal = r->proposal };
	struct issuing i = {
		.request = r, .ca = &ca, .makes_ca = true, .before = certify_done, .arg = &eyes
	};
	enum inro_err e = core_require(c, ROLE_ADMIN, "certify a CA");

	if (e == INRO_OK)
		e = ca_load(c, r->ca, &ca);
	if (e == INRO_OK)
		e = propose_certify(r, &eyes);
	if (e == INRO_OK)
		e = ca_eyes_check(c, &eyes, r->ca);
	return e == INRO_OK ? issue_shown(c, &i, ret) : e;
}

enum inro_err ca_certify(struct core *c, const struct cred_request *r, struct cred *ret)
{
	enum inro_err e = certify(c, r, ret);

	return e == INRO_OK ? e : audit_refused(c, "certificate.issue", "ca", r->ca, e);
}
