/*
 * keys - tokens and keys that the core has open, requests signed by them, keys on trial.
 *
 * 1. A token is opened, and its PIN asked for, once; it and its keys stay until the core is closed.
 * 2. A URI's own pin-value or pin-source goes before the asking.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backoffice/core/internal.h"
#include "backoffice/core/keyring.h"
#include "backoffice/core/provision.h"
#include "backoffice/core/refused.h"
#include "backoffice/core/view.h"
#include "backoffice/pki/csr.h"
#include "backoffice/pki/dn.h"
#include "backoffice/pki/pem.h"
#include "backoffice/pki/profile.h"
#include "backoffice/pki/san.h"
#include "base/log.h"

struct ring_key {
	struct ring_key *next;
	char *uri;
	struct token_key *key; /* one of the two */
	struct token_secret *secret;
};

struct ring_token {
	struct ring_token *next;
	char *module; /* NULL: the default one */
	struct token *token;
};

struct key_ring {
	struct ring_key *keys;
	struct ring_token *tokens;
};

void ring_free(struct key_ring *r)
{
	if (!r)
		return;
	while (r->keys) {
		struct ring_key *k = r->keys;

		r->keys = k->next;
		token_key_free(k->key);
		token_secret_free(k->secret);
		free(k->uri);
		free(k);
	}
	while (r->tokens) {
		struct ring_token *t = r->tokens;

		r->tokens = t->next;
		token_close(t->token);
		free(t->module);
		free(t);
	}
	free(r);
}

static enum inro_err ring(struct core *c, struct key_ring **ret)
{
	core_view_end(c); /* whoever asks is about to use a token */
	if (!c->ring)
		c->ring = calloc(1, sizeof *c->ring);
	if (!c->ring)
		return err_set(INRO_E_NO_MEMORY, "no memory for keys");
	*ret = c->ring;
	return INRO_OK;
}

static enum inro_err ask_pin(struct core *c, const struct p11_uri *uri, struct secret *ret)
{
	char slot[32];
	const char *name = uri->token ? uri->token : uri->serial;

	snprintf(slot, sizeof slot, "slot:%lu", uri->slot_id);
	if (!name)
		name = uri->has_slot_id ? slot : "";

	if (uri->has_pin_value || uri->pin_source)
		return INRO_OK;
	if (!c->ask_pin)
		return err_set(INRO_E_PIN_MISSING, "the PIN of token '%s' is needed", name);
	return c->ask_pin(c->ask_arg, name, ret);
}

static enum inro_err parse_uri(struct core *c, const char *text, struct p11_uri *ret)
{
	enum inro_err e = p11_uri_parse(text, ret);

	if (e == INRO_OK && c->module && !ret->module_path)
		e = text_set(&ret->module_path, c->module);
	return e;
}

enum inro_err core_pin_fault(enum inro_err e)
{
	if (e != INRO_E_PIN_WRONG && e != INRO_E_PIN_LOCKED && e != INRO_E_PIN_MISSING && e != INRO_E_LOGIN)
		return e;
	return err_set(INRO_E_TOKEN, "%s", err_detail(e));
}

/* Does the URI mean this open token?  One that names neither label nor serial is looked up anew. */
static bool ring_match(const struct ring_token *t, const struct p11_uri *uri)
{
	if (strcmp(text_or_empty(t->module), text_or_empty(uri->module_path)) != 0)
		return false;
	if (uri->token && strcmp(uri->token, token_label(t->token)) != 0)
		return false;
	if (uri->serial && strcmp(uri->serial, token_serial(t->token)) != 0)
		return false;
	return uri->token || uri->serial;
}

static enum inro_err ring_open(struct core *c, const struct p11_uri *uri, struct ring_token *t)
{
	SCOPED(secret) pin = { 0 };
	const char *name = uri->token ? uri->token : text_or_empty(uri->serial);
	enum inro_err e = ask_pin(c, uri, &pin);

	if (e == INRO_OK)
		e = text_set(&t->module, uri->module_path);
	if (e == INRO_OK)
		e = refused_check(name, secret_bytes(&pin));
	if (e != INRO_OK)
		return e;
	e = token_open(uri, secret_bytes(&pin), &t->token);
	if (e == INRO_E_PIN_WRONG)
		refused_note(name, secret_bytes(&pin));
	return e;
}

static struct ring_token *ring_find(struct key_ring *r, const struct p11_uri *uri)
{
	struct ring_token *t = r->tokens;

	while (t && !ring_match(t, uri))
		t = t->next;
	return t;
}

static enum inro_err ring_token(struct core *c, const struct p11_uri *uri, struct token **ret)
{
	struct key_ring *r;
	struct ring_token *t;
	enum inro_err e = ring(c, &r);

	if (e != INRO_OK)
		return e;
	t = ring_find(r, uri);
	if (t) {
		*ret = t->token;
		return INRO_OK;
	}
	t = calloc(1, sizeof *t);
	if (!t)
		return err_set(INRO_E_NO_MEMORY, "no memory for a token");
	e = ring_open(c, uri, t);
	if (e != INRO_OK) {
		free(t->module);
		free(t);
		return e;
	}
	t->next = r->tokens;
	r->tokens = t;
	*ret = t->token;
	return INRO_OK;
}

enum inro_err core_token(struct core *c, const char *uri, struct token **ret)
{
	SCOPED(p11_uri) u = { 0 };
	enum inro_err e = parse_uri(c, uri, &u);

	return e == INRO_OK ? ring_token(c, &u, ret) : e;
}

enum inro_err core_token_gently(struct core *c, const char *uri, bool strictly, struct token **ret)
{
	SCOPED(p11_uri) u = { 0 };
	struct key_ring *r;
	enum inro_err e = parse_uri(c, uri, &u);

	if (e == INRO_OK)
		e = ring(c, &r);
	if (e == INRO_OK && !ring_find(r, &u))
		e = token_check_tries(&u, strictly);
	return e == INRO_OK ? ring_token(c, &u, ret) : e;
}

bool core_token_is_open(struct core *c, const char *uri)
{
	SCOPED(p11_uri) u = { 0 };
	struct key_ring *r;

	return parse_uri(c, uri, &u) == INRO_OK && ring(c, &r) == INRO_OK && ring_find(r, &u);
}

bool core_token_tells_tries(struct core *c, const char *uri)
{
	SCOPED(err_kept) kept = err_keep();
	SCOPED(p11_uri) u = { 0 };

	return parse_uri(c, uri, &u) == INRO_OK && token_check_tries(&u, true) == INRO_E_PIN_LOCKED;
}

static enum inro_err open_key(struct core *c, struct ring_key *k, bool secret)
{
	SCOPED(p11_uri) u = { 0 };
	struct token *token;
	enum inro_err e = parse_uri(c, k->uri, &u);

	if (e == INRO_OK)
		e = ring_token(c, &u, &token);
	if (e != INRO_OK)
		return e;
	return secret ? token_secret_find(token, &u, &k->secret) :
			token_key_find(token, &u, &k->key);
}

static enum inro_err ring_add_key(struct core *c, const char *uri, bool secret,
				  const struct ring_key **ret)
{
	struct ring_key *k = calloc(1, sizeof *k);
	enum inro_err e = k ? text_set(&k->uri, uri) : INRO_E_NO_MEMORY;

	if (e == INRO_OK)
		e = open_key(c, k, secret);
	if (e != INRO_OK) {
		if (k)
			free(k->uri);
		free(k);
		return e;
	}
	k->next = c->ring->keys;
	c->ring->keys = k;
	*ret = k;
	return INRO_OK;
}

/* Private keys and secret ones are in one list. */
static const struct ring_key *ring_found(const struct core *c, const char *uri, bool secret)
{
	const struct ring_key *k = c->ring ? c->ring->keys : NULL;

	while (k && (!(secret ? k->secret != NULL : k->key != NULL) || strcmp(k->uri, uri) != 0))
		k = k->next;
	return k;
}

struct token_key *core_key_found(const struct core *c, const char *uri)
{
	const struct ring_key *k = ring_found(c, uri, false);

	return k ? k->key : NULL;
}

static enum inro_err ring_key(struct core *c, const char *uri, bool secret,
			      const struct ring_key **ret)
{
	struct key_ring *r;
	enum inro_err e = ring(c, &r);

	if (e != INRO_OK)
		return e;
	*ret = ring_found(c, uri, secret);
	return *ret ? INRO_OK : ring_add_key(c, uri, secret, ret);
}

enum inro_err core_key(struct core *c, const char *uri, struct token_key **ret)
{
	const struct ring_key *k;
	enum inro_err e = ring_key(c, uri, false, &k);

	if (e == INRO_OK)
		*ret = k->key;
	return e;
}

const char *core_key_name(const struct core *c, const struct token_key *key)
{
	const struct ring_key *k = c->ring ? c->ring->keys : NULL;

	while (k && k->key != key)
		k = k->next;
	return k ? k->uri : NULL;
}

enum inro_err core_secret_key(struct core *c, const char *uri, struct token_secret **ret)
{
	const struct ring_key *k;
	enum inro_err e = ring_key(c, uri, true, &k);

	if (e == INRO_OK)
		*ret = k->secret;
	return e;
}

enum inro_err core_key_at_hand(struct core *c, const char *uri, struct token_key **ret)
{
	SCOPED(p11_uri) u = { 0 };
	enum inro_err e = parse_uri(c, uri, &u);

	if (e != INRO_OK)
		return e;
	for (const struct ring_token *t = c->ring ? c->ring->tokens : NULL; t; t = t->next)
		if (ring_match(t, &u))
			return core_key(c, uri, ret);
	return err_set(INRO_E_NOT_FOUND, "the token of %s is not open", uri);
}

/* The ring may have it open: then it is closed. */
static void ring_forget(struct core *c, const char *uri)
{
	struct ring_key **at = c->ring ? &c->ring->keys : NULL;

	while (at && *at) {
		struct ring_key *k = *at;

		if (strcmp(k->uri, uri) != 0) {
			at = &k->next;
			continue;
		}
		*at = k->next;
		token_key_free(k->key);
		token_secret_free(k->secret);
		free(k->uri);
		free(k);
	}
}

enum inro_err key_check_hash(const struct token_key *key, struct bytes hash)
{
	uint8_t found[PKI_DIGEST_MAX];
	enum inro_err e = pubkey_print(token_key_public(key), found);

	if (e == INRO_OK && !bytes_equal(BYTES(found, PUBKEY_PRINT), hash))
		e = err_set(INRO_E_POLICY, "the token has another key there, which stays");
	return e;
}

/* Where other keys have its id, too, its label tells it from them. */
static enum inro_err delete_key(struct token *token, const struct token_key *key, size_t *ret_objects)
{
	struct token_entry entry = { .id_n = token_key_id(key).n };

	if (entry.id_n > sizeof entry.id)
		return token_delete(token, token_key_id(key), TOKEN_PAIR_AND_CERTS, ret_objects);
	if (entry.id_n)
		memcpy(entry.id, token_key_id(key).p, entry.id_n);
	snprintf(entry.label, sizeof entry.label, "%s", token_key_label(key));
	return token_entry_delete(token, &entry, TOKEN_PAIR_AND_CERTS, ret_objects);
}

static enum inro_err wipe_found(struct token *token, const struct p11_uri *u, struct bytes hash,
				size_t *ret_objects)
{
	AUTO(token_key_free_ptr) struct token_key *key = NULL;
	AUTO(token_key_free_ptr) struct token_key *left = NULL;
	enum inro_err e = token_key_find(token, u, &key);

	*ret_objects = 0;
	if (e == INRO_OK)
		e = key_check_hash(key, hash);
	if (e == INRO_OK)
		e = delete_key(token, key, ret_objects);
	if (e != INRO_OK)
		return e == INRO_E_NOT_FOUND ? INRO_OK : e;
	e = token_key_find(token, u, &left);
	if (e == INRO_E_NOT_FOUND)
		return INRO_OK;
	if (e == INRO_OK)
		e = err_set(INRO_E_TOKEN, "the token still has the key");
	return e;
}

enum inro_err core_key_wipe(struct core *c, const char *uri, struct bytes hash, size_t *ret_objects)
{
	SCOPED(p11_uri) u = { 0 };
	struct token *token;
	enum inro_err e = parse_uri(c, uri, &u);

	if (e == INRO_OK)
		e = ring_token(c, &u, &token);
	if (e != INRO_OK)
		return e;
	ring_forget(c, uri);
	return wipe_found(token, &u, hash, ret_objects);
}

enum inro_err core_token_uri(const char *label, struct buf *ret)
{
	SCOPED(p11_uri) u = { 0 };
	enum inro_err e;

	if (!label || !*label)
		return err_set(INRO_E_ARG, "a token is named by its label");
	e = p11_uri_name_token(label, &u);
	if (e != INRO_OK)
		return e;
	p11_uri_print(&u, ret);
	buf_add_u8(ret, 0);
	return buf_err(ret);
}

enum inro_err core_key_ref(const char *uri, struct buf *ret)
{
	SCOPED(p11_uri) u = { 0 };
	enum inro_err e = p11_uri_parse(uri, &u);

	if (e != INRO_OK)
		return e;
	free(u.pin_source);
	u.pin_source = NULL;
	p11_uri_print(&u, ret);
	buf_add_u8(ret, 0);
	return buf_err(ret);
}

enum inro_err key_csr(const struct key_csr *in, struct buf *ret_der)
{
	const struct csr_plan plan = { .subject = in->subject,
				       .sans = in->sans,
				       .limits = in->limits };

	return token_key_csr(in->key, &plan, ret_der);
}

enum inro_err new_key_kind(const char *type, const struct pki_key_kind **ret)
{
	return pki_key_kind_find(type ? type : "ec-p256", ret);
}

void new_key_uses(const struct profile *p, struct new_key_plan *plan)
{
	plan->decrypt = plan->kind->type == PKI_RSA &&
			(p->key_usage | p->key_usage_rsa) & USAGE_DATA_ENCIPHERMENT;
	plan->derive = pki_key_type(plan->kind->type)->family == PKI_EC &&
		       (p->key_usage | p->key_usage_ec) & USAGE_KEY_AGREEMENT;
}

enum inro_err new_key_make(struct core *c, const struct new_key_plan *plan, struct new_key *ret)
{
	const struct token_key_plan in = { .label = plan->label,
					   .kind = plan->kind,
					   .decrypt = plan->decrypt,
					   .derive = plan->derive };
	struct new_key k = { 0 };
	enum inro_err e = core_token(c, plan->token_uri, &k.token);

	if (e == INRO_OK)
		e = token_key_generate(k.token, &in, &k.key);
	if (e == INRO_OK)
		*ret = k;
	return e;
}

static enum inro_err in_the_way(const struct new_key *k, const struct new_key_plan *plan,
				const char *why)
{
	return err_set(INRO_E_EXISTS, "token '%s' has a key with label '%.64s' already, %s",
		       token_label(k->token), plan->label, why);
}

static enum inro_err find_left(struct core *c, const struct new_key_plan *plan, struct new_key *k)
{
	SCOPED(p11_uri) u = { 0 };
	enum inro_err e = core_token(c, plan->token_uri, &k->token);

	if (e == INRO_OK)
		e = text_set(&u.object, plan->label);
	if (e == INRO_OK)
		e = token_key_find(k->token, &u, &k->key);
	if (e == INRO_E_AMBIGUOUS)
		return in_the_way(k, plan, "and more than one");
	if (e == INRO_OK && !token_key_is(k->key, plan->kind))
		return in_the_way(k, plan, "of another type");
	return e == INRO_OK ? token_key_check_kept(k->key) : e;
}

static enum inro_err newest_record(struct core *c, struct bytes hash, bool ours, struct credential *ret)
{
	const struct store_cond conds[] = {
		{ .field = "key_hash", .bytes = hash },
		{ .field = "fingerprint", .op = STORE_SOME }, /* no request that waits */
		{ .field = "tenant", .op = ours ? STORE_EQ : STORE_NE, .number = c->tenant },
		{ .field = "key_uri", .op = STORE_NE, .text = "" },
	};
	const struct store_query q = { .conds = conds,
				       .n = ARRAY_LEN(conds) - (ours ? 1 : 0),
				       .limit = 1,
				       .backward = true };
	enum inro_err e = store_find(c->store, &q, ret);

	return e == INRO_E_NOT_FOUND ? INRO_OK : e;
}

/* Whoever's it is: tenants may use one token, and a key of the same label there is none that was left.  Another
 * tenant's is for a key in a token: to have a certificate for somebody's public key takes nothing. */
enum inro_err key_record(struct core *c, struct bytes hash, struct credential *ret)
{
	SCOPED(credential) ours = { 0 };
	SCOPED(credential) theirs = { 0 };
	enum inro_err e = newest_record(c, hash, true, &ours);

	if (e == INRO_OK)
		e = newest_record(c, hash, false, &theirs);
	if (e == INRO_OK && !ours.id && !theirs.id)
		e = err_set(INRO_E_NOT_FOUND, "no certificate is on record for this key");
	if (e != INRO_OK)
		return e;
	if (theirs.id > ours.id) {
		*ret = theirs;
		theirs = (struct credential) { 0 };
	} else {
		*ret = ours;
		ours = (struct credential) { 0 };
	}
	return INRO_OK;
}

const char *key_owner(const struct core *c, const struct credential *rec, char ret[static KEY_OWNER_MAX])
{
	if (rec->tenant != c->tenant)
		return "which another tenant's certificate is for";
	snprintf(ret, KEY_OWNER_MAX, "which certificate %lld is for", (long long)rec->id);
	return ret;
}

static enum inro_err record_of(struct core *c, const struct token_key *key, struct credential *ret)
{
	uint8_t hash[PKI_DIGEST_MAX];
	enum inro_err e = pubkey_print(token_key_public(key), hash);

	if (e == INRO_OK)
		e = key_record(c, BYTES(hash, PUBKEY_PRINT), ret);
	return e == INRO_E_NOT_FOUND ? INRO_OK : e;
}

enum inro_err new_key_or_left(struct core *c, const struct new_key_plan *plan, struct new_key *ret,
			      struct credential *ret_rec)
{
	SCOPED(new_key) k = { .keep = true, .found = true };
	enum inro_err e = new_key_make(c, plan, ret);

	if (e != INRO_E_EXISTS)
		return e;
	e = find_left(c, plan, &k);
	if (e == INRO_OK)
		e = record_of(c, k.key, ret_rec);
	if (e != INRO_OK)
		return e;
	*ret = k;
	k = (struct new_key) { 0 };
	return INRO_OK;
}

void new_key_unsure(struct new_key *k, enum inro_err e)
{
	k->keep = k->keep || e == INRO_E_IO;
}

void new_key_clear(struct new_key *k)
{
	size_t n;

	/* A key that can't be deleted now is only a key: nothing was certified for it. */
	if (k->key && !k->keep &&
	    token_delete(k->token, token_key_id(k->key), TOKEN_PAIR_AND_CERTS, &n) != INRO_OK)
		log_debug("the unused key '%s' stays in token '%s'", token_key_label(k->key),
			  token_label(k->token));
	token_key_free(k->key);
	*k = (struct new_key) { 0 };
}

enum inro_err key_store_cert(struct token *token, const struct token_key *key,
			     const struct credential *rec, bool replace)
{
	enum inro_err e = key_check_hash(key, blob_bytes(&rec->key_hash));

	return e == INRO_OK ? token_cert_store(token, token_key_id(key), token_key_label(key),
					       blob_bytes(&rec->cert), replace)
			    : e;
}

static enum inro_err csr_names(const struct csr_request *r, struct buf *subject, struct buf *sans)
{
	enum inro_err e = dn_parse(r->subject, NULL, subject);

	for (size_t i = 0; e == INRO_OK && i < r->sans_n; i++)
		e = san_add(sans, r->sans[i]);
	return e;
}

enum inro_err csr_create(const struct core_options *o, const struct csr_request *r,
			 struct buf *ret_der)
{
	struct core c = { .ask_pin = o->ask_pin, .ask_arg = o->ask_arg };
	SCOPED(buf) subject = { 0 };
	SCOPED(buf) sans = { 0 };
	struct key_csr in = { 0 };
	enum inro_err e = csr_names(r, &subject, &sans);

	if (e == INRO_OK)
		e = text_set(&c.module, o->module);
	if (e == INRO_OK)
		e = core_key(&c, r->key_uri, &in.key);
	if (e == INRO_OK) {
		in.subject = buf_bytes(&subject);
		in.sans = buf_bytes(&sans);
		e = key_csr(&in, ret_der);
	}
	ring_free(c.ring);
	free(c.module);
	return e;
}
