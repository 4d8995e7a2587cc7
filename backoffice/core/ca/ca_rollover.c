/*
 * ca_rollover - a CA's next key (RFC 4210 4.4, RFC 9810 4.4); see ca.h.
 *
 * 1. The old key is looked up before the new one is made: a root's last work with it is to certify
 *    the new one.
 * 2. The new certificate, those that link the two keys of a root, and what was before are recorded
 *    in one transaction, in which the CA must still have the key that it had.
 */
#include <stdio.h>
#include <stdlib.h>

#include "backoffice/core/authority.h"
#include "backoffice/core/ca/ca_making.h"
#include "backoffice/core/ca_policy.h"
#include "backoffice/core/ca_signer.h"
#include "backoffice/core/connector.h"
#include "backoffice/core/issue.h"
#include "backoffice/core/move.h"
#include "backoffice/pki/link.h"
#include "base/clock.h"

struct rolling {
	struct ca_making m; /* first: what the steps of an issue are given; m.ca is as it was */
	const struct ca_rollover *in;
	struct ca_request request;
	char label[96];
	unsigned path_len; /* as the old certificate has */
	struct cert old;
	struct ca_signer old_key; /* key NULL: not a root */
	struct ca next;
	struct credential new_with_old, old_with_new;
};

static void rolling_clear(struct rolling *r)
{
	ca_making_clear(&r->m);
	cert_clear(&r->old);
	ca_clear(&r->next);
	credential_clear(&r->new_with_old);
	credential_clear(&r->old_with_new);
}

static struct rolling *rolling_of(struct issuing *i)
{
	return (struct rolling *)i->arg;
}

static bool is_root(const struct rolling *r)
{
	return !r->m.ca.parent && r->old.self_issued;
}

static bool waits(const struct rolling *r)
{
	return r->in->external || (!r->m.ca.parent && !r->old.self_issued);
}

/* The CA as it is, and its old key. */
static enum inro_err load(struct core *c, struct rolling *r)
{
	struct ca *ca = &r->m.ca;
	enum inro_err e = ca_load(c, r->in->name, ca);

	if (e == INRO_OK)
		e = ca_connector_of(ca) ? ca_is_elsewhere(ca) : ca_usable(c, ca, clock_now());
	if (e == INRO_OK)
		e = cert_read(blob_bytes(&ca->cert), &r->old);
	if (e == INRO_OK && r->in->external && is_root(r))
		e = err_set(INRO_E_ARG, "CA '%s' is a root: it certifies its next key itself",
			    ca->name);
	if (e == INRO_OK && is_root(r))
		e = ca_signer_open(c, ca, &r->old, &r->old_key);
	if (e == INRO_OK && ca->parent && !waits(r))
		e = store_get(c->store, ca->parent, &r->m.parent);
	buf_add(&r->m.subject, r->old.subject);
	buf_add(&r->m.constraints, r->old.ext.limits);
	if (e == INRO_OK)
		e = buf_err(&r->m.constraints);
	return e == INRO_OK ? buf_err(&r->m.subject) : e;
}

/* What the making of a CA would have been asked for. */
static enum inro_err compose(struct rolling *r)
{
	const struct ca_rollover *in = r->in;
	const struct ca *ca = &r->m.ca;

	snprintf(r->label, sizeof r->label, "%s.%lld", ca->name, (long long)ca->generation + 1);
	r->request = (struct ca_request) {
		.name = in->name,
		.parent = r->m.parent.name,
		.profile = waits(r) || !ca->profile || !*ca->profile ? NULL : ca->profile,
		.key_uri = in->key_uri,
		.token = in->token,
		.key_type = in->key_type,
		.label = in->label ? in->label : r->label,
		.days = in->days,
		.external = waits(r),
		.proposal = r->in->proposal,
	};
	r->path_len = (unsigned)r->old.ext.path_len;
	if (!waits(r) && r->old.ext.path_len != EXT_PATH_LEN_NONE)
		r->request.path_len = &r->path_len;
	r->m.in = &r->request;
	return ca_making_check(&r->request);
}

/* What the CA's record will say; the certificate comes when it is there. */
static enum inro_err fill_next(struct rolling *r)
{
	struct ca *next = &r->next;
	const struct ca *ca = &r->m.ca;
	enum inro_err e = text_set(&next->name, ca->name);

	next->parent = ca->parent;
	next->generation = ca->generation + 1;
	if (e == INRO_OK)
		e = text_set(&next->subject, ca->subject);
	if (e == INRO_OK && ca->settings)
		e = text_set(&next->settings, ca->settings);
	return e == INRO_OK ? ca_policy_roll(next, r->in->crl_url, r->in->delta_url) : e;
}

/* ---- certificates between a root's keys ---- */

static enum inro_err fill_link(struct core *c, const struct rolling *r, struct bytes der,
			       struct credential *rec)
{
	SCOPED(cert) cert = { 0 };
	enum inro_err e = cert_read(der, &cert);

	rec->ca = rec->own_ca = r->m.ca.id;
	return e == INRO_OK ? ca_own_fill(c, &cert, rec) : e;
}

/* Says of one key what the certificate `of` says, by the key of `issuer`. */
static enum inro_err make_link(struct core *c, const struct rolling *r, const struct link_plan *plan,
			       struct ca_signer *key, struct credential *ret)
{
	SCOPED(buf) tbs = { 0 };
	SCOPED(buf) signature = { 0 };
	SCOPED(buf) der = { 0 };
	const struct pki_sig *sig;
	enum inro_err e = link_tbs(plan, &tbs, &sig);

	if (e == INRO_OK)
		e = ca_sign(c, key, sig, buf_bytes(&tbs), &signature);
	if (e == INRO_OK)
		e = pki_signed(buf_bytes(&tbs), sig, buf_bytes(&signature), &der);
	return e == INRO_OK ? fill_link(c, r, buf_bytes(&der), ret) : e;
}

static int64_t sooner(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

/* Once the new certificate is signed: both live as long as both keys. */
static enum inro_err make_links(struct core *c, struct issuing *i)
{
	struct rolling *r = rolling_of(i);
	SCOPED(cert) new = { 0 };
	struct ca_signer new_key = { .key = r->m.key };
	struct link_plan up = { .of = &new, .issuer = &r->old };
	struct link_plan down = { .of = &r->old, .issuer = &new };
	enum inro_err e = cert_read(blob_bytes(&i->rec.cert), &new);

	if (e != INRO_OK || !r->old_key.key)
		return e;
	up.not_before = new.not_before;
	down.not_before = r->old.not_before;
	up.not_after = down.not_after = sooner(new.not_after, r->old.not_after);
	credential_clear(&r->new_with_old);
	credential_clear(&r->old_with_new);
	r->new_with_old.ca_generation = r->m.ca.generation;
	r->old_with_new.ca_generation = r->m.ca.generation + 1;
	e = make_link(c, r, &up, &r->old_key, &r->new_with_old);
	return e == INRO_OK ? make_link(c, r, &down, &new_key, &r->old_with_new) : e;
}

/* ---- recording ---- */

static enum inro_err load_same(struct core *c, const struct rolling *r, struct ca *ret)
{
	enum inro_err e = ca_load(c, r->in->name, ret);

	if (e == INRO_OK && ret->generation != r->m.ca.generation)
		return err_set(INRO_E_STATE, "CA '%s' has got another key meanwhile", ret->name);
	return e == INRO_OK ? ca_usable(c, ret, clock_now()) : e;
}

static enum inro_err record_link(struct core *c, struct credential *rec)
{
	rec->id = 0;
	return rec->serial.n ? cred_insert(c, rec) : INRO_OK;
}

static enum inro_err tell(struct core *c, const struct rolling *r, const char *key)
{
	SCOPED(buf) detail = { 0 };
	const struct audit_entry entry = { "ca.rollover", "ca", r->in->name, EVENT_DONE, &detail };

	detail_text(&detail, "subject", r->m.ca.subject);
	detail_text(&detail, "from", r->m.ca.key_uri);
	detail_text(&detail, "key", key);
	detail_int(&detail, "generation", r->next.generation);
	if (r->new_with_old.serial.n) {
		detail_hex(&detail, "new_with_old", blob_bytes(&r->new_with_old.fingerprint));
		detail_hex(&detail, "old_with_new", blob_bytes(&r->old_with_new.fingerprint));
	}
	return audit_append(c, &entry);
}

static enum inro_err fill_from_record(struct rolling *r, const struct credential *rec)
{
	enum inro_err e = text_set(&r->next.key_uri, rec->key_uri);

	r->next.not_before = rec->not_before;
	r->next.not_after = rec->not_after;
	return e == INRO_OK ? blob_set(&r->next.cert, blob_bytes(&rec->cert)) : e;
}

static enum inro_err take_turn(struct core *c, struct issuing *i)
{
	struct rolling *r = rolling_of(i);
	struct ca_turn turn = { .next = &r->next,
				.new_with_old = blob_bytes(&r->new_with_old.cert),
				.old_with_new = blob_bytes(&r->old_with_new.cert) };
	SCOPED(ca) ca = { 0 };
	enum inro_err e = load_same(c, r, &ca);

	if (e == INRO_OK)
		e = ca_check_own_key(c, token_key_public(r->m.key));
	if (e == INRO_OK)
		e = fill_from_record(r, &i->rec);
	if (e == INRO_OK)
		e = ca_turn(c, &ca, &turn);
	if (e == INRO_OK)
		e = ca_eyes_done(c, &r->m.eyes, ca.id);
	i->rec.own_ca = ca.id;
	i->rec.replaces = turn.ret_replaces;
	i->rec.ca = i->ca ? i->ca->id : ca.id;
	i->rec.ca_generation = i->ca ? i->ca->generation : ca.generation;
	return e;
}

static enum inro_err record_turn(struct core *c, struct issuing *i)
{
	struct rolling *r = rolling_of(i);
	enum inro_err e = take_turn(c, i);

	if (e == INRO_OK)
		e = record_link(c, &r->new_with_old);
	if (e == INRO_OK)
		e = record_link(c, &r->old_with_new);
	i->taken = true;
	return e == INRO_OK ? tell(c, r, r->next.key_uri) : e;
}

/* ---- a key that others certify ---- */

static enum inro_err fill_waiting(struct core *c, struct rolling *r, struct ca_generation *g)
{
	enum inro_err e = text_set(&g->key_uri, (const char *)r->m.uri.p);

	g->tenant = c->tenant;
	g->ca = r->m.ca.id;
	g->number = r->next.generation;
	g->created_ms = clock_now_ms();
	if (e == INRO_OK && r->next.settings)
		e = text_set(&g->settings, r->next.settings);
	return e == INRO_OK ? blob_set(&g->csr, buf_bytes(&r->m.csr)) : e;
}

static enum inro_err check_none_waits(struct core *c, const struct ca *ca)
{
	SCOPED(ca_generation) next = { 0 };
	enum inro_err e = ca_next_key(c, ca->id, &next);

	if (e == INRO_OK)
		return err_set(INRO_E_EXISTS,
			       "the next key of CA '%s' waits for its certificate already; 'inro ca "
			       "cancel' gives it up",
			       ca->name);
	return e == INRO_E_NOT_FOUND ? INRO_OK : e;
}

static enum inro_err wait_work(struct core *c, void *arg)
{
	struct rolling *r = arg;
	SCOPED(ca_generation) g = { 0 };
	SCOPED(ca) ca = { 0 };
	enum inro_err e = load_same(c, r, &ca);

	if (e == INRO_OK)
		e = check_none_waits(c, &ca);
	if (e == INRO_OK)
		e = ca_check_own_key(c, token_key_public(r->m.key));
	if (e == INRO_OK)
		e = fill_waiting(c, r, &g);
	if (e == INRO_OK)
		e = store_insert(c->store, &g);
	if (e == INRO_OK)
		e = ca_eyes_done(c, &r->m.eyes, ca.id);
	return e == INRO_OK ? tell(c, r, g.key_uri) : e;
}

static enum inro_err ask(struct core *c, struct rolling *r)
{
	enum inro_err e = ca_making_propose(&r->m);

	return e == INRO_OK ? ca_eyes_check(c, &r->m.eyes, r->in->name) : e;
}

static enum inro_err roll(struct core *c, struct rolling *r)
{
	enum inro_err e = core_require(c, ROLE_ADMIN, "give a CA another key");

	if (e == INRO_OK)
		e = load(c, r);
	if (e == INRO_OK)
		e = compose(r);
	if (e == INRO_OK)
		e = fill_next(r);
	if (e == INRO_OK && waits(r))
		e = check_none_waits(c, &r->m.ca);
	if (e == INRO_OK)
		e = ask(c, r);
	if (e == INRO_OK)
		e = ca_making_key(c, &r->m);
	if (e == INRO_OK)
		e = ca_making_csr(&r->m);
	if (e == INRO_OK)
		e = waits(r) ? core_write(c, wait_work, r) : ca_making_certify(c, &r->m);
	/* One that was there already may be that of a certificate which is waited for. */
	r->m.fresh.keep = r->m.fresh.found || e == INRO_OK;
	new_key_unsure(&r->m.fresh, e);
	return e;
}

enum inro_err ca_rollover(struct core *c, const struct ca_rollover *in, struct ca_view *ret)
{
	SCOPED(rolling) r = { .in = in,
			      .m = { .after_sign = make_links,
				     .record = record_turn,
				     .eyes = { .action = "ca.rollover" } } };
	enum inro_err e = roll(c, &r);

	return e == INRO_OK ? ca_get(c, in->name, ret)
			    : audit_refused(c, "ca.rollover", "ca", in->name, e);
}
