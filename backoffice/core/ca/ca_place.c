/*
 * ca_place - the same key of a CA in several tokens: put on record, taken off, shown; see ca.h.
 *
 * 1. The first place is in the CA's record, or in that of its earlier key; further ones have rows.
 * 2. A place is put on record only after its key was found to be the CA's and has signed.
 */
#include <stdlib.h>
#include <string.h>

#include "backoffice/core/ca/ca_eyes.h"
#include "backoffice/core/keyring.h"
#include "backoffice/core/ca_signer.h"
#include "base/clock.h"
#include "base/cryptoki/uri.h"

void ca_places_clear(struct ca_places *l)
{
	for (size_t i = 0; i < l->n; i++) {
		free(l->items[i].uri);
		free(l->items[i].why);
	}
	free(l->items);
	*l = (struct ca_places) { 0 };
}

/* ---- which there are ---- */

static enum inro_err rows_of(struct core *c, const struct ca *ca, void **ret, size_t *ret_n)
{
	const struct store_cond conds[] = {
		{ .field = "ca", .number = ca->id },
		{ .field = "generation", .number = ca->generation },
	};
	const struct store_query q = { STORE_WHERE(conds), .order = "place" };

	return core_all(c, &ca_place_type, &q, ret, ret_n);
}

static enum inro_err add_uri(struct ca_places *l, const char *uri)
{
	return text_set(&l->items[l->n++].uri, uri);
}

enum inro_err ca_places_of(struct core *c, const struct ca *ca, struct ca_places *ret)
{
	SCOPED(ca_places) l = { 0 };
	void *rows = NULL;
	size_t n = 0;
	enum inro_err e = rows_of(c, ca, &rows, &n);

	if (e == INRO_OK && n >= CA_PLACES_MAX)
		e = err_set(INRO_E_DAMAGED, "CA '%s' has more than %d places of its key", ca->name,
			    CA_PLACES_MAX);
	if (e == INRO_OK && !(l.items = calloc(n + 1, sizeof *l.items)))
		e = err_set(INRO_E_NO_MEMORY, "no memory for the places of a key");
	if (e == INRO_OK)
		e = add_uri(&l, ca->key_uri);
	for (size_t i = 0; e == INRO_OK && i < n; i++)
		e = add_uri(&l, ((const struct ca_place *)rows)[i].key_uri);
	list_free(&ca_place_type, rows, n);
	if (e != INRO_OK)
		return e;
	*ret = l;
	l = (struct ca_places) { 0 };
	return INRO_OK;
}

/* The CA as it was with that key, which is here and certified. */
static enum inro_err load_key(struct core *c, const char *name, unsigned generation, struct ca *ca,
			      struct cert *cert)
{
	enum inro_err e = ca_load(c, name, ca);

	if (e == INRO_OK)
		e = ca_as_of(c, (int64_t)generation, ca);
	if (e == INRO_OK && ca->kind != CA_LOCAL)
		e = err_set(INRO_E_STATE, "the key of CA '%s' is elsewhere", name);
	if (e == INRO_OK && !ca->cert.n)
		e = err_set(INRO_E_STATE, "CA '%s' has no certificate yet", name);
	return e == INRO_OK ? cert_read(blob_bytes(&ca->cert), cert) : e;
}

static enum inro_err test_place(struct core *c, const struct cert *cert, struct ca_place_view *p)
{
	struct token_key *key;
	enum inro_err e = ca_key_at(c, p->uri, cert->key.spki, true, &key);

	if (e == INRO_E_NO_MEMORY || e == INRO_E_CANCELLED)
		return e;
	return e == INRO_OK ? e : text_set(&p->why, err_detail(e));
}

enum inro_err ca_places(struct core *c, const char *name, unsigned generation, bool test,
			struct ca_places *ret)
{
	SCOPED(ca) ca = { 0 };
	SCOPED(cert) cert = { 0 };
	SCOPED(ca_places) l = { 0 };
	enum inro_err e = test ? core_require(c, ROLE_OPERATOR, "test a CA's key") : INRO_OK;

	if (e == INRO_OK)
		e = load_key(c, name, generation, &ca, &cert);
	if (e == INRO_OK)
		e = ca_places_of(c, &ca, &l);
	for (size_t i = 0; test && e == INRO_OK && i < l.n; i++)
		e = test_place(c, &cert, &l.items[i]);
	if (e != INRO_OK)
		return e;
	*ret = l;
	l = (struct ca_places) { 0 };
	return INRO_OK;
}

/* ---- one more ---- */

struct adding {
	const struct ca_place_wish *in;
	struct ca ca; /* as it was with that key */
	struct cert cert;
	struct buf uri;	 /* C string */
	struct buf spki; /* of the key that is there */
	struct ca_eyes eyes;
	int64_t place;
};

static void adding_clear(struct adding *a)
{
	ca_clear(&a->ca);
	cert_clear(&a->cert);
	buf_clear(&a->uri);
	buf_clear(&a->spki);
	ca_eyes_clear(&a->eyes);
}

static bool same_text(const char *a, const char *b)
{
	return strcmp(text_or_empty(a), text_or_empty(b)) == 0;
}

/* One token twice is no second place. */
static bool same_token(const struct p11_uri *a, const struct p11_uri *b)
{
	return same_text(a->module_path, b->module_path) && same_text(a->serial, b->serial) &&
	       same_text(a->token, b->token);
}

static enum inro_err check_new(const struct adding *a, const struct ca_places *l)
{
	SCOPED(p11_uri) new = { 0 };
	enum inro_err e = p11_uri_parse((const char *)a->uri.p, &new);

	if (e == INRO_OK && l->n >= CA_PLACES_MAX)
		e = err_set(INRO_E_TOO_BIG, "a CA's key has up to %d places", CA_PLACES_MAX);
	for (size_t i = 0; e == INRO_OK && i < l->n; i++) {
		SCOPED(p11_uri) old = { 0 };

		e = p11_uri_parse(l->items[i].uri, &old);
		if (e == INRO_OK && same_token(&new, &old))
			e = err_set(INRO_E_EXISTS,
				    "the key of CA '%s' is on record in token '%s' already",
				    a->ca.name, text_or_empty(old.token));
	}
	return e;
}

static enum inro_err insert_place(struct core *c, const struct ca *ca, const char *uri, int64_t place)
{
	SCOPED(ca_place) row = { .tenant = ca->tenant,
				 .ca = ca->id,
				 .generation = ca->generation,
				 .place = place,
				 .created_ms = clock_now_ms() };
	enum inro_err e = text_set(&row.key_uri, uri);

	return e == INRO_OK ? store_insert(c->store, &row) : e;
}

/* The first place, in the record that has it. */
static enum inro_err set_first(struct core *c, const struct ca *as_of, const char *uri)
{
	const struct store_cond conds[] = {
		{ .field = "ca", .number = as_of->id },
		{ .field = "number", .number = as_of->generation },
	};
	const struct store_query q = { STORE_WHERE(conds) };
	SCOPED(ca_generation) g = { 0 };
	SCOPED(ca) ca = { 0 };
	enum inro_err e = store_get(c->store, as_of->id, &ca);

	if (e == INRO_OK && ca.generation == as_of->generation) {
		ca.updated_ms = clock_now_ms();
		e = text_set(&ca.key_uri, uri);
		return e == INRO_OK ? store_update(c->store, &ca) : e;
	}
	if (e == INRO_OK)
		e = store_find(c->store, &q, &g);
	if (e == INRO_OK)
		e = text_set(&g.key_uri, uri);
	return e == INRO_OK ? store_update(c->store, &g) : e;
}

static enum inro_err tell(struct core *c, const char *action, const struct ca *ca, const char *uri)
{
	SCOPED(buf) detail = { 0 };
	const struct audit_entry entry = { action, "ca", ca->name, EVENT_DONE, &detail };

	detail_text(&detail, "key", uri);
	detail_int(&detail, "generation", ca->generation);
	return audit_append(c, &entry);
}

/* Behind all others, or in front of them. */
static enum inro_err next_place(struct core *c, struct adding *a)
{
	void *rows = NULL;
	size_t n = 0;
	enum inro_err e = rows_of(c, &a->ca, &rows, &n);
	const struct ca_place *p = rows;

	a->place = 1;
	if (e == INRO_OK && n)
		a->place = a->in->first ? p[0].place - 1 : p[n - 1].place + 1;
	list_free(&ca_place_type, rows, n);
	return e;
}

static enum inro_err put_in(struct core *c, struct adding *a)
{
	const char *uri = (const char *)a->uri.p;
	enum inro_err e = next_place(c, a);

	if (e != INRO_OK || !a->in->first)
		return e == INRO_OK ? insert_place(c, &a->ca, uri, a->place) : e;
	e = insert_place(c, &a->ca, a->ca.key_uri, a->place);
	return e == INRO_OK ? set_first(c, &a->ca, uri) : e;
}

static enum inro_err add_work(struct core *c, void *arg)
{
	struct adding *a = arg;
	SCOPED(ca_places) l = { 0 };
	enum inro_err e;

	ca_clear(&a->ca);
	cert_clear(&a->cert);
	e = load_key(c, a->in->name, a->in->generation, &a->ca, &a->cert);
	if (e == INRO_OK && !bytes_equal(a->cert.key.spki, buf_bytes(&a->spki)))
		e = err_set(INRO_E_STATE, "CA '%s' has another key by now; try again", a->in->name);
	if (e == INRO_OK)
		e = ca_places_of(c, &a->ca, &l);
	if (e == INRO_OK)
		e = check_new(a, &l);
	if (e == INRO_OK)
		e = put_in(c, a);
	if (e == INRO_OK)
		e = ca_eyes_done(c, &a->eyes, a->ca.id);
	return e == INRO_OK ? tell(c, "ca.key.add", &a->ca, (const char *)a->uri.p) : e;
}

/* ---- the key in the other token ---- */

/* The key of the same id in the token that is named. */
static enum inro_err uri_in_token(const struct adding *a, struct buf *ret)
{
	SCOPED(p11_uri) there = { 0 };
	SCOPED(p11_uri) u = { 0 };
	enum inro_err e = p11_uri_parse(a->ca.key_uri, &there);

	if (e == INRO_OK)
		e = p11_uri_name_token(a->in->token, &u);
	if (e == INRO_OK && !there.has_id)
		e = err_set(INRO_E_ARG, "the key of CA '%s' has no id in its token: name the other "
					"one by --key",
			    a->ca.name);
	if (e != INRO_OK)
		return e;
	u.id = there.id;
	u.id_n = there.id_n;
	u.has_id = true;
	u.type = P11_PRIVATE;
	p11_uri_print(&u, ret);
	u.id = NULL;
	buf_add_u8(ret, 0);
	return buf_err(ret);
}

/* Why it isn't there, as far as the token that has it tells. */
static enum inro_err not_there(struct core *c, const struct adding *a)
{
	struct token_key *key;
	bool kept = core_key(c, a->ca.key_uri, &key) == INRO_OK &&
		    token_key_check_kept(key) == INRO_OK;

	return err_set(INRO_E_NOT_FOUND,
		       "token '%s' does not have the key of CA '%s'%s: bring it there by a backup of "
		       "its token, or from where it was imported",
		       a->in->token, a->ca.name,
		       kept ? ", and it can't be copied: it never leaves its token" : "");
}

static enum inro_err find_key(struct core *c, struct adding *a)
{
	SCOPED(buf) uri = { 0 };
	struct token_key *key;
	const char *at = a->in->key_uri;
	enum inro_err e = at ? INRO_OK : uri_in_token(a, &uri);

	if (e == INRO_OK)
		e = ca_key_at(c, at ? at : (const char *)uri.p, a->cert.key.spki, true, &key);
	if (e == INRO_E_NOT_FOUND && !at)
		return not_there(c, a);
	if (e == INRO_E_CONFIG)
		return err_set(INRO_E_POLICY, "%s", err_detail(e));
	if (e != INRO_OK)
		return e;
	buf_add(&a->spki, a->cert.key.spki);
	token_key_uri(key, &a->uri);
	buf_add_u8(&a->uri, 0);
	return buf_err(&a->uri) != INRO_OK ? buf_err(&a->uri) : buf_err(&a->spki);
}

static enum inro_err ask(struct core *c, struct adding *a)
{
	struct buf *body = &a->eyes.body;

	detail_text(body, "key", a->in->key_uri);
	detail_text(body, "token", a->in->token);
	detail_int(body, "generation", a->ca.generation);
	if (a->in->first)
		detail_int(body, "first", 1);
	a->eyes.proposal = a->in->proposal;
	return ca_eyes_check(c, &a->eyes, a->in->name);
}

static enum inro_err add(struct core *c, struct adding *a)
{
	enum inro_err e = core_require(c, ROLE_ADMIN, "give a CA's key another place");

	if (e == INRO_OK && !a->in->key_uri == !a->in->token)
		e = err_set(INRO_E_ARG, "the key is named by its URI, or by the token that it is in");
	if (e == INRO_OK)
		e = load_key(c, a->in->name, a->in->generation, &a->ca, &a->cert);
	if (e == INRO_OK)
		e = ask(c, a);
	if (e == INRO_OK)
		e = find_key(c, a);
	return e == INRO_OK ? core_write(c, add_work, a) : e;
}

enum inro_err ca_place_add(struct core *c, const struct ca_place_wish *w, struct ca_places *ret)
{
	SCOPED(adding) a = { .in = w, .eyes = { .action = "ca.key.add" } };
	enum inro_err e = add(c, &a);

	return e == INRO_OK ? ca_places(c, w->name, w->generation, false, ret)
			    : audit_refused(c, "ca.key.add", "ca", w->name, e);
}

/* ---- one less ---- */

struct removing {
	const char *name, *uri;
	unsigned generation;
};

static bool part_fits(const char *wanted, const char *is)
{
	return !wanted || same_text(wanted, is);
}

static enum inro_err means(const char *wanted, const char *uri, bool *ret)
{
	SCOPED(p11_uri) w = { 0 };
	SCOPED(p11_uri) u = { 0 };
	enum inro_err e = p11_uri_parse(wanted, &w);

	if (e == INRO_OK)
		e = p11_uri_parse(uri, &u);
	*ret = part_fits(w.module_path, u.module_path) && part_fits(w.token, u.token) &&
	       part_fits(w.serial, u.serial) && part_fits(w.object, u.object) &&
	       (!w.has_id || bytes_equal(BYTES(w.id, w.id_n), BYTES(u.id, u.id_n)));
	return e;
}

static enum inro_err choose(const struct ca_places *l, const struct removing *r, size_t *ret)
{
	size_t found = 0;
	enum inro_err e = INRO_OK;

	for (size_t i = 0; e == INRO_OK && i < l->n; i++) {
		bool it;

		e = means(r->uri, l->items[i].uri, &it);
		if (it) {
			*ret = i;
			found++;
		}
	}
	if (e == INRO_OK && found != 1)
		e = err_set(found ? INRO_E_AMBIGUOUS : INRO_E_NOT_FOUND,
			    "%s the places of the key of CA '%s' is that; 'inro ca key list %s' shows "
			    "them",
			    found ? "more than one of" : "none of", r->name, r->name);
	if (e == INRO_OK && l->n == 1)
		e = err_set(INRO_E_STATE, "it is the last place of the key of CA '%s'", r->name);
	return e;
}

static enum inro_err delete_row(struct core *c, const struct ca *ca, const char *uri)
{
	const struct store_cond conds[] = {
		{ .field = "ca", .number = ca->id },
		{ .field = "generation", .number = ca->generation },
		{ .field = "key_uri", .text = uri },
	};
	const struct store_query q = { STORE_WHERE(conds) };
	int64_t n;

	return store_delete(c->store, &ca_place_type, &q, &n);
}

static enum inro_err remove_work(struct core *c, void *arg)
{
	const struct removing *r = arg;
	SCOPED(ca) ca = { 0 };
	SCOPED(cert) cert = { 0 };
	SCOPED(ca_places) l = { 0 };
	size_t at = 0;
	enum inro_err e = load_key(c, r->name, r->generation, &ca, &cert);

	if (e == INRO_OK)
		e = ca_places_of(c, &ca, &l);
	if (e == INRO_OK)
		e = choose(&l, r, &at);
	if (e == INRO_OK)
		e = delete_row(c, &ca, l.items[at ? at : 1].uri);
	if (e == INRO_OK && !at)
		e = set_first(c, &ca, l.items[1].uri);
	return e == INRO_OK ? tell(c, "ca.key.remove", &ca, l.items[at].uri) : e;
}

enum inro_err ca_place_remove(struct core *c, const char *name, unsigned generation, const char *uri,
			      struct ca_places *ret)
{
	struct removing r = { name, uri, generation };
	enum inro_err e = core_require(c, ROLE_ADMIN, "take a place of a CA's key off the record");

	if (e == INRO_OK)
		e = core_write(c, remove_work, &r);
	return e == INRO_OK ? ca_places(c, name, generation, false, ret)
			    : audit_refused(c, "ca.key.remove", "ca", name, e);
}
