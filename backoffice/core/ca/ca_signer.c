/* ca_signer - see ca_signer.h. */
#include "backoffice/core/ca_signer.h"

#include <stdlib.h>
#include <string.h>

#include "backoffice/core/connector.h"
#include "backoffice/core/keyring.h"
#include "backoffice/core/view.h"
#include "backoffice/pki/pubkey.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/secret.h"

#define AWAY_MS	     30000
#define PROOF_DOMAIN "inro: is this the key?\n"
#define PROOF_OCTETS 32

/* A place that did not work. */
struct ca_away {
	struct ca_away *next;
	char *uri, *why;
	enum inro_err code; /* of why */
	int64_t until_ms; /* not before, where another works */
	bool for_good;	  /* a PIN that is wrong does not get right */
	bool told;
};

static void away_free(struct ca_away *a)
{
	free(a->uri);
	free(a->why);
	free(a);
}

void ca_away_free(struct ca_away *a)
{
	while (a) {
		struct ca_away *next = a->next;

		away_free(a);
		a = next;
	}
}

static struct ca_away *away_find(const struct core *c, const char *uri)
{
	struct ca_away *a = c->away;

	while (a && strcmp(a->uri, uri) != 0)
		a = a->next;
	return a;
}

static void away_drop(struct core *c, const char *uri)
{
	for (struct ca_away **at = &c->away; *at; at = &(*at)->next) {
		struct ca_away *a = *at;

		if (strcmp(a->uri, uri) != 0)
			continue;
		*at = a->next;
		away_free(a);
		return;
	}
}

static enum inro_err away_new(struct core *c, const char *uri, struct ca_away **ret)
{
	struct ca_away *a = calloc(1, sizeof *a);
	enum inro_err e = a ? text_set(&a->uri, uri) : INRO_E_NO_MEMORY;

	if (e != INRO_OK) {
		free(a);
		return err_set(e, "no memory for a place of a key");
	}
	a->next = c->away;
	c->away = a;
	*ret = a;
	return INRO_OK;
}

static bool is_pin(enum inro_err e)
{
	return e == INRO_E_PIN_WRONG || e == INRO_E_PIN_LOCKED || e == INRO_E_PIN_MISSING;
}

/* Why is the detail of e. */
static enum inro_err away_set(struct core *c, const char *uri, enum inro_err e)
{
	SCOPED(buf) why = { 0 };
	struct ca_away *a = away_find(c, uri);
	enum inro_err e2 = INRO_OK;

	buf_addf(&why, "%s", err_detail(e));
	buf_add_u8(&why, 0);
	if (!a)
		e2 = away_new(c, uri, &a);
	if (e2 == INRO_OK)
		e2 = buf_err(&why);
	if (e2 == INRO_OK)
		e2 = text_set(&a->why, (const char *)why.p);
	if (e2 != INRO_OK)
		return e2;
	a->code = e;
	a->until_ms = clock_monotonic_ms() + AWAY_MS;
	a->for_good = is_pin(e);
	log_debug("a CA's key at %s: %s", uri, a->why);
	return INRO_OK;
}

/* Another token may do better. */
static bool may_move(enum inro_err e)
{
	return e != INRO_E_NO_MEMORY && e != INRO_E_CANCELLED && e != INRO_E_KEY_TYPE;
}

/* ---- one place ---- */

/* By what the certificate lets it sign by: that is its work. */
static enum inro_err prove_key(struct token_key *key, struct bytes spki)
{
	SCOPED(buf) text = { 0 };
	SCOPED(buf) signature = { 0 };
	const struct pki_sig *sig;
	struct pubkey pub;
	uint8_t *random;
	enum inro_err e = pubkey_read(spki, &pub);

	if (e == INRO_OK)
		e = pubkey_sig(&pub, PKI_HASH_NONE, &sig);
	buf_add_str(&text, PROOF_DOMAIN);
	random = buf_extend(&text, PROOF_OCTETS);
	if (e == INRO_OK)
		e = random ? random_fill(random, PROOF_OCTETS) : buf_err(&text);
	if (e == INRO_OK)
		e = token_key_sign(key, sig, buf_bytes(&text), &signature);
	if (e == INRO_OK)
		e = pubkey_verify(&pub, sig, buf_bytes(&text), buf_bytes(&signature));
	return e == INRO_E_SIGNATURE ? err_context(e, "what the token signs") : e;
}

enum inro_err ca_key_at(struct core *c, const char *uri, struct bytes spki, bool prove,
			struct token_key **ret)
{
	struct token_key *key = prove ? NULL : core_key_found(c, uri);
	enum inro_err e = key ? INRO_OK : core_key(c, uri, &key);

	if (e == INRO_OK && !token_key_has(key, spki))
		e = err_set(INRO_E_CONFIG, "the key at %s is not the one in the CA's certificate",
			    uri);
	if (e == INRO_OK && prove)
		e = prove_key(key, spki);
	if (e == INRO_OK)
		*ret = key;
	return e;
}

/* ---- all of them ---- */

struct hunt {
	struct core *c;
	const struct ca *ca;
	struct bytes spki;
	struct ca_places places;
	bool rests[CA_PLACES_MAX]; /* at first */
	struct token_key *key;
	const char *found;
};

static void hunt_clear(struct hunt *h)
{
	ca_places_clear(&h->places);
}

static enum inro_err try_place(struct hunt *h, const char *uri)
{
	enum inro_err e = ca_key_at(h->c, uri, h->spki, true, &h->key);

	if (e == INRO_OK) {
		h->found = uri;
		return e;
	}
	return may_move(e) ? away_set(h->c, uri, e) : e;
}

static bool is_barred(const struct hunt *h, const char *uri)
{
	const struct ca_away *a = away_find(h->c, uri);

	return a && a->for_good;
}

static enum inro_err try_all(struct hunt *h, bool resting)
{
	enum inro_err e = INRO_OK;

	for (size_t i = 0; e == INRO_OK && !h->found && i < h->places.n; i++) {
		const char *uri = h->places.items[i].uri;

		if (h->rests[i] == resting && !is_barred(h, uri))
			e = try_place(h, uri);
	}
	return e;
}

/* Those that rest come after all others. */
static enum inro_err try_in_turn(struct hunt *h)
{
	int64_t now = clock_monotonic_ms();
	enum inro_err e;

	for (size_t i = 0; i < h->places.n; i++) {
		const struct ca_away *a = away_find(h->c, h->places.items[i].uri);

		h->rests[i] = a && now < a->until_ms;
	}
	e = try_all(h, false);
	return e == INRO_OK && !h->found ? try_all(h, true) : e;
}

/* ---- what is told ---- */

struct telling {
	struct hunt *h;
	const char *action;
	const struct ca_away *away;
};

static enum inro_err tell_work(struct core *c, void *arg)
{
	const struct telling *t = arg;
	SCOPED(buf) detail = { 0 };
	const struct audit_entry entry = { t->action, "ca", t->h->ca->name, EVENT_DONE, &detail };

	detail_text(&detail, "key", t->away->uri);
	detail_text(&detail, "why", t->away->why);
	detail_text(&detail, "used", t->h->found);
	detail_int(&detail, "generation", t->h->ca->generation);
	return audit_append(c, &entry);
}

static enum inro_err tell_place(struct hunt *h, const char *uri)
{
	struct ca_away *a = away_find(h->c, uri);
	bool back = strcmp(uri, h->found) == 0;
	struct telling t = { h, back ? "ca.key.back" : "ca.key.away", a };
	enum inro_err e;

	if (!a || a->told != back) {
		if (a && back)
			away_drop(h->c, uri);
		return INRO_OK;
	}
	e = core_write(h->c, tell_work, &t);
	a->told = true;
	if (back)
		away_drop(h->c, uri);
	return e;
}

static enum inro_err tell_all(struct hunt *h)
{
	enum inro_err e = INRO_OK;

	for (size_t i = 0; e == INRO_OK && i < h->places.n; i++)
		e = tell_place(h, h->places.items[i].uri);
	return e;
}

/* A token as people call it. */
static void add_name(const char *uri, struct buf *ret)
{
	SCOPED(p11_uri) u = { 0 };

	if (p11_uri_parse(uri, &u) == INRO_OK && (u.token || u.serial))
		buf_addf(ret, "token '%s'", u.token ? u.token : u.serial);
	else
		buf_add_str(ret, uri);
}

static enum inro_err none_works(const struct hunt *h)
{
	const struct ca_away *first = away_find(h->c, h->places.items[0].uri);
	SCOPED(buf) all = { 0 };

	for (size_t i = 0; i < h->places.n; i++) {
		const struct ca_away *a = away_find(h->c, h->places.items[i].uri);

		buf_add_str(&all, i ? "; " : "");
		add_name(h->places.items[i].uri, &all);
		buf_addf(&all, ": %s", a ? a->why : "not tried");
	}
	buf_add_u8(&all, 0);
	if (buf_err(&all) != INRO_OK)
		return buf_err(&all);
	return err_set(first ? first->code : INRO_E_TOKEN, "it works in no token: %s",
		       (const char *)all.p);
}

static enum inro_err find_other(struct hunt *h, struct token_key **ret)
{
	enum inro_err e = try_in_turn(h);

	if (e != INRO_OK)
		return e;
	if (!h->found)
		return none_works(h);
	*ret = h->key;
	return tell_all(h);
}

/* The place of that URI has just failed with e, whose detail is there. */
static enum inro_err move(struct core *c, const struct ca *ca, struct bytes spki, const char *failed,
			  enum inro_err e, struct token_key **ret)
{
	SCOPED(hunt) h = { .c = c, .ca = ca, .spki = spki };
	struct err_kept kept = err_keep();
	enum inro_err e2 = ca_places_of(c, ca, &h.places);

	err_kept_clear(&kept);
	if (e2 != INRO_OK || h.places.n < 2)
		return e;
	e2 = away_set(c, failed, e);
	return e2 == INRO_OK ? find_other(&h, ret) : e2;
}

/* ---- the first one ---- */

static enum inro_err open_first(struct core *c, const struct ca *ca, struct bytes spki,
				struct token_key **ret)
{
	enum inro_err e = ca_key_at(c, ca->key_uri, spki, false, ret);

	return e == INRO_OK ? e : err_context(e, "the key of CA '%s'", ca->name);
}

static enum inro_err open_other(struct core *c, const struct ca *ca, struct bytes spki,
				struct token_key **ret)
{
	SCOPED(hunt) h = { .c = c, .ca = ca, .spki = spki };
	enum inro_err e = ca_places_of(c, ca, &h.places);

	if (e == INRO_OK && h.places.n < 2) {
		away_drop(c, ca->key_uri);
		return open_first(c, ca, spki, ret);
	}
	if (e == INRO_OK)
		e = find_other(&h, ret);
	return e == INRO_OK ? e : err_context(e, "the key of CA '%s'", ca->name);
}

/* That a key is of another kind than what is asked of it, and that a person gave up, is no word about the key. */
static enum inro_err tell_used(struct core *c, const struct ca *ca, enum inro_err e)
{
	if (c->ca_used && ca && e != INRO_E_KEY_TYPE && e != INRO_E_CANCELLED && e != INRO_E_NO_MEMORY)
		c->ca_used(c->ask_arg, ca, e);
	return e;
}

enum inro_err ca_signer_open(struct core *c, const struct ca *ca, const struct cert *cert,
			     struct ca_signer *ret)
{
	struct ca_signer s = { .ca = ca };
	enum inro_err e;

	if (ca_connector_of(ca))
		return ca_is_elsewhere(ca);
	if (away_find(c, ca->key_uri)) {
		e = open_other(c, ca, cert->key.spki, &s.key);
	} else {
		e = open_first(c, ca, cert->key.spki, &s.key);
		if (e != INRO_OK && may_move(e))
			e = move(c, ca, cert->key.spki, ca->key_uri, e, &s.key);
	}
	if (e == INRO_OK)
		*ret = s;
	return e == INRO_OK ? e : tell_used(c, ca, e); /* else it is told of what it signs */
}

typedef enum inro_err sign_fn(struct token_key *k, const struct pki_sig *sig, struct bytes data,
			      struct buf *ret);

static enum inro_err sign_by(struct core *c, struct ca_signer *s, sign_fn *fn,
			     const struct pki_sig *sig, struct bytes data, struct buf *ret)
{
	size_t n = ret->n;
	enum inro_err e;

	core_view_end(c); /* a token may take long */
	e = fn(s->key, sig, data, ret);

	for (int i = 0; e != INRO_OK && s->ca && may_move(e) && i < CA_PLACES_MAX; i++) {
		const char *failed = core_key_name(c, s->key);

		if (!failed)
			break;
		e = move(c, s->ca, token_key_spki(s->key), failed, e, &s->key);
		if (e != INRO_OK)
			break;
		buf_truncate(ret, n);
		e = fn(s->key, sig, data, ret);
	}
	return tell_used(c, s->ca, e);
}

enum inro_err ca_sign(struct core *c, struct ca_signer *s, const struct pki_sig *sig,
		      struct bytes message, struct buf *ret)
{
	return sign_by(c, s, token_key_sign, sig, message, ret);
}

enum inro_err ca_sign_hashed(struct core *c, struct ca_signer *s, const struct pki_sig *sig,
			     struct bytes hashed, struct buf *ret)
{
	return sign_by(c, s, token_key_sign_hashed, sig, hashed, ret);
}
