/*
 * destroy - the end of a certificate's key, and the statement that it is gone; see cred.h.
 *
 * 1. First the key in its token, then the record: cut short in between, the same call goes on.
 * 2. What the statement says of a thing was looked at after it was done.
 * 3. Whether another certificate has the key is asked once more when this one is recorded.
 */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

#include "backoffice/core/cred.h"
#include "backoffice/core/evidence.h"
#include "backoffice/core/internal.h"
#include "backoffice/core/keyring.h"
#include "backoffice/core/move.h"
#include "backoffice/pki/cert.h"
#include "base/clock.h"

struct destroying {
	const char *ref, *why;
	struct credential before, after;
	int64_t shared; /* another certificate of the same key; 0: none */
	bool ours;	/* of this tenant, which may be told of it */
	bool left;	/* the key, in its token, for the other one */
	bool last;	/* that one was destroyed meanwhile */
	size_t objects; /* that went from the token */
	char *signer;	/* URI of the audit's key; NULL: none */
};

static void destroying_clear(struct destroying *d)
{
	credential_clear(&d->before);
	credential_clear(&d->after);
	free(d->signer);
}

/* ---- the key ---- */

/* Of another tenant only a certificate for a key in a token: to have one for somebody's public key takes nothing. */
static enum inro_err find_other(struct core *c, struct destroying *d, bool ours)
{
	const struct store_cond conds[] = {
		{ .field = "key_hash", .bytes = blob_bytes(&d->before.key_hash) },
		{ .field = "id", .op = STORE_NE, .number = d->before.id },
		{ .field = "state", .op = STORE_NE, .number = CRED_DESTROYED },
		{ .field = "tenant", .op = ours ? STORE_EQ : STORE_NE, .number = c->tenant },
		{ .field = "key_uri", .op = STORE_NE, .text = "" },
		{ .field = "fingerprint", .op = STORE_SOME },
	};
	const struct store_query q = { .conds = conds,
				       .n = ARRAY_LEN(conds) - (ours ? 2 : 0),
				       .limit = 1,
				       .backward = true };
	SCOPED(credential) other = { 0 };
	enum inro_err e = store_find(c->store, &q, &other);

	d->shared = other.id;
	d->ours = ours;
	return e;
}

/* The newest other record of this key that is not destroyed; also another tenant's, whose key it is as well. */
static enum inro_err find_shared(struct core *c, struct destroying *d)
{
	enum inro_err e = find_other(c, d, true);

	if (e == INRO_E_NOT_FOUND)
		e = find_other(c, d, false);
	return e == INRO_E_NOT_FOUND ? INRO_OK : e;
}

static enum inro_err wipe_key(struct core *c, struct destroying *d)
{
	enum inro_err e = find_shared(c, d);

	if (e != INRO_OK || d->shared || !d->before.key_uri || !*d->before.key_uri)
		return e;
	e = core_key_recorded(c, d->before.key_uri);
	if (e == INRO_OK)
		e = core_key_wipe(c, d->before.key_uri, blob_bytes(&d->before.key_hash), &d->objects);
	return e == INRO_OK ? e : err_context(e, "nothing is recorded as destroyed");
}

/* ---- the record ---- */

static enum inro_err may_destroy(struct core *c, const struct destroying *d)
{
	int to;
	enum inro_err e =
		lifecycle_move(LIFE_CERTIFICATE, (int)cred_shown_state(&d->before, clock_now()),
			       VERB_DESTROY, c->role, &to);

	if (e != INRO_OK)
		return err_context(e, "certificate %lld", (long long)d->before.id);
	if (!d->before.own_ca)
		return INRO_OK;
	return err_set(INRO_E_UNSUPPORTED,
		       "the certificate of a CA and its key stay: what it signed is still out there");
}

static enum inro_err destroy_work(struct core *c, void *arg)
{
	struct destroying *d = arg;
	const struct cred_change change = { .verb = VERB_DESTROY, .why = d->why };
	SCOPED(credential) rec = { 0 };
	enum inro_err e = d->left ? find_shared(c, d) : INRO_OK;

	d->last = e == INRO_OK && d->left && !d->shared;
	if (e == INRO_OK && !d->last)
		e = store_get(c->store, d->before.id, &rec);
	return e == INRO_OK && !d->last ? cred_apply(c, &rec, &change) : e;
}

/* Whoever comes last of those that have a key destroys it; of two at once neither would. */
static enum inro_err destroy_both(struct core *c, struct destroying *d)
{
	enum inro_err e;

	do {
		e = wipe_key(c, d);
		d->left = d->shared != 0;
		if (e == INRO_OK)
			e = core_write(c, destroy_work, d);
	} while (e == INRO_OK && d->last);
	return e;
}

/* ---- the statement ---- */

static json_t *token_part(const struct destroying *d)
{
	const char *done = d->objects ? "deleted; a search for it afterwards found nothing"
				      : "it was not in the token; a search found nothing";

	if (!d->before.key_uri || !*d->before.key_uri)
		return json_pack("{s:s s:s}", "thing", "private key", "done",
				 "none: it was never known here; only its holder can destroy it");
	if (d->shared && !d->ours)
		return json_pack("{s:s s:s s:s}", "thing", "private key in a token", "key", d->before.key_uri,
				 "done", "none: another tenant's certificate has the same key");
	if (d->shared)
		return json_pack("{s:s s:s s:s s:I}", "thing", "private key in a token", "key",
				 d->before.key_uri, "done",
				 "none: another certificate has the same key", "certificate",
				 (json_int_t)d->shared);
	return json_pack("{s:s s:s s:s s:I}", "thing", "private key in a token", "key",
			 d->before.key_uri, "done", done, "objects", (json_int_t)d->objects);
}

/* As others compute it: of what is in the certificate (key_hash is the same for all forms of an RSA key). */
static json_t *key_sha256(const struct credential *r)
{
	SCOPED(err_kept) kept = err_keep();
	SCOPED(cert) cert = { 0 };
	uint8_t hash[PKI_DIGEST_MAX];

	if (cert_read(blob_bytes(&r->cert), &cert) != INRO_OK ||
	    pki_digest(PKI_SHA256, cert.key.spki, hash) != INRO_OK)
		return evidence_hex(blob_bytes(&r->key_hash));
	return evidence_hex(BYTES(hash, pki_hash_octets(PKI_SHA256)));
}

static char *statement_of(const struct core *c, const struct destroying *d)
{
	const struct credential *r = &d->before;
	char now[32];
	json_t *doc;
	char *text;

	clock_format(clock_now(), now, sizeof now);
	doc = json_pack("{s:s s:I s:s s:o s:o s:o s:[o o] s:s s:s s:s*}", "destroyed",
			"certificate", "id", (json_int_t)r->id, "subject",
			text_or_empty(r->subject), "serial", evidence_hex(blob_bytes(&r->serial)),
			"sha256", evidence_hex(blob_bytes(&r->fingerprint)), "key_sha256",
			key_sha256(r), "things", token_part(d),
			evidence_copy(&d->before, &d->after), "by", c->actor, "at", now, "why",
			d->why);
	text = doc ? json_dumps(doc, JSON_COMPACT) : NULL;
	json_decref(doc);
	return text;
}

static enum inro_err tell(struct core *c, struct destroying *d, struct buf *ret)
{
	AUTO(free_chars) char *text = NULL;
	const struct destruction ev = { "certificate", d->before.id, d->signer };
	enum inro_err e = store_get(c->store, d->before.id, &d->after);

	if (e == INRO_OK && !(text = statement_of(c, d)))
		e = err_set(INRO_E_NO_MEMORY, "no memory for a statement");
	return e == INRO_OK ? evidence_give(c, &ev, text, ret) : e;
}

static enum inro_err run(struct core *c, struct destroying *d, struct buf *ret)
{
	enum inro_err e = core_check_text("the reason", d->why, 255);

	if (e == INRO_OK)
		e = cred_load(c, d->ref, &d->before);
	if (e == INRO_OK)
		e = may_destroy(c, d);
	if (e == INRO_OK)
		e = evidence_signer(c, &d->signer);
	if (e == INRO_OK)
		e = destroy_both(c, d);
	return e == INRO_OK ? tell(c, d, ret) : e;
}

enum inro_err cred_destroy(struct core *c, const char *ref, const char *why,
			   struct buf *ret_evidence, struct cred *ret)
{
	SCOPED(destroying) d = { .ref = ref, .why = why };
	enum inro_err e = run(c, &d, ret_evidence);

	if (e == INRO_OK)
		e = cred_view(c, &d.after, ret);
	return e == INRO_OK ? e : audit_refused(c, "certificate.destroy", "certificate", ref, e);
}
