/* found - see found.h. */
#include "provider/found.h"

#include <stdlib.h>

#include <openssl/err.h>
#include <openssl/store.h>

#define WANT(kind) (1U << (kind))

static const CK_OBJECT_CLASS classes[FOUND__MAX] = {
	[FOUND_PRIVATE] = CKO_PRIVATE_KEY,
	[FOUND_PUBLIC] = CKO_PUBLIC_KEY,
	[FOUND_CERT] = CKO_CERTIFICATE,
};

void found_clear(struct found *f)
{
	free(f->items);
	*f = (struct found) { 0 };
}

static const unsigned by_uri[P11_TYPE__MAX] = {
	[P11_ANY] = WANT(FOUND_PRIVATE) | WANT(FOUND_PUBLIC) | WANT(FOUND_CERT),
	[P11_PRIVATE] = WANT(FOUND_PRIVATE),
	[P11_PUBLIC] = WANT(FOUND_PUBLIC),
	[P11_CERT] = WANT(FOUND_CERT),
};

/* The kinds that both the URI and the program want. */
static unsigned kinds_wanted(const struct found_query *q)
{
	static const struct {
		int expected;
		unsigned kinds;
	} by_program[] = {
		{ 0, WANT(FOUND_PRIVATE) | WANT(FOUND_PUBLIC) | WANT(FOUND_CERT) },
		{ OSSL_STORE_INFO_PKEY, WANT(FOUND_PRIVATE) },
		{ OSSL_STORE_INFO_PUBKEY, WANT(FOUND_PUBLIC) },
		{ OSSL_STORE_INFO_CERT, WANT(FOUND_CERT) },
	};

	unsigned kinds = by_uri[q->uri->type];

	if (q->certs_only)
		kinds &= WANT(FOUND_CERT);
	for (size_t i = 0; i < ARRAY_LEN(by_program); i++)
		if (by_program[i].expected == q->expected)
			return kinds & by_program[i].kinds;
	return 0;
}

/* Id and label of the URI; room for a class is left at the head. */
static CK_ULONG name_template(const struct p11_uri *uri, CK_ATTRIBUTE out[3])
{
	struct p11_uri name = *uri;
	CK_OBJECT_CLASS unused;

	name.type = P11_ANY;
	return p11_uri_template(&name, out, &unused);
}

static bool names_an_object(const struct p11_uri *uri)
{
	return uri->object || uri->has_id;
}

static bool looks_for_some(const struct found_query *q)
{
	return q->more_n || q->print.value.n || names_an_object(q->uri);
}

static enum inro_err add_items(struct found *f, struct token *t, enum found_kind kind,
			       const CK_OBJECT_HANDLE *handles, CK_ULONG n)
{
	struct found_item *more;

	if (n == 0)
		return INRO_OK;
	more = reallocarray(f->items, f->n + n, sizeof *more);
	if (!more)
		return INRO_E_NO_MEMORY;
	f->items = more;
	for (CK_ULONG i = 0; i < n; i++)
		more[f->n++] = (struct found_item) { t, kind, handles[i] };
	return INRO_OK;
}

static void free_handles(CK_OBJECT_HANDLE **p)
{
	free(*p);
}

static enum inro_err search_kind(struct seat *s, struct token *t, const struct found_query *q,
				 enum found_kind kind, struct found *f)
{
	AUTO(free_handles) CK_OBJECT_HANDLE *handles = NULL;
	CK_OBJECT_CLASS class = classes[kind];
	CK_ATTRIBUTE template[3 + FOUND_MORE];
	CK_ULONG n = name_template(q->uri, template), count = 0;
	enum inro_err e;

	for (CK_ULONG i = 0; i < q->more_n && i < FOUND_MORE; i++)
		template[n++] = q->more[i];
	template[n++] = (CK_ATTRIBUTE) { CKA_CLASS, &class, sizeof class };
	e = ck_find_all(s->m, s->session, template, n, &handles, &count);
	return e ? e : add_items(f, t, kind, handles, count);
}

struct searching {
	struct token *token;
	const struct found_query *query;
	unsigned kinds;
	const struct pin_source *from;
	struct found *found;
};

static enum inro_err search_in(struct seat *s, void *arg)
{
	const struct searching *a = arg;
	size_t before = a->found->n;
	enum inro_err e = a->from ? token_login(a->token, s, a->from) : INRO_OK;

	for (unsigned kind = 0; !e && kind < FOUND__MAX; kind++)
		if (a->kinds & WANT(kind))
			e = search_kind(s, a->token, a->query, (enum found_kind)kind, a->found);
	if (e)
		a->found->n = before;
	return e;
}

/* Everything wanted in one token.  from NULL: what can be seen without a login. */
static enum inro_err search_token(struct token *t, const struct found_query *q, unsigned kinds,
				  const struct pin_source *from, struct found *f)
{
	struct searching a = { t, q, kinds, from, f };

	return token_run(t, search_in, &a);
}

struct comparing {
	const struct found_item *item;
	const struct fingerprint *print;
	bool fits;
};

static enum inro_err compare_in(struct seat *s, void *arg)
{
	struct comparing *a = arg;

	return fingerprint_fits(a->item->token, s, a->item->handle, a->item->kind == FOUND_CERT,
				a->print, &a->fits);
}

/* An object whose public half can't be had is none of those looked for. */
static bool has_print(const struct found_item *item, const struct fingerprint *print)
{
	struct comparing a = { item, print, false };

	return token_run(item->token, compare_in, &a) == INRO_OK && a.fits;
}

static void keep_by_print(const struct found_query *q, struct found *f)
{
	size_t kept = 0;

	for (size_t i = 0; i < f->n; i++)
		if (has_print(&f->items[i], &q->print))
			f->items[kept++] = f->items[i];
	f->n = kept;
}

/* Among several tokens, the one that shows an object of that name without a login. */
static enum inro_err narrow(struct token **tokens, size_t *n, const struct found_query *q)
{
	size_t kept = 0;

	for (size_t i = 0; i < *n; i++) {
		SCOPED(found) seen = { 0 };
		enum inro_err e = search_token(tokens[i], q, WANT(FOUND_PUBLIC) | WANT(FOUND_CERT),
					       NULL, &seen);

		if (e)
			continue; /* one that can't be read is not in the others' way */
		if (q->print.value.n)
			keep_by_print(q, &seen);
		if (seen.n)
			tokens[kept++] = tokens[i];
	}
	if (kept)
		*n = kept;
	return INRO_OK;
}

static enum inro_err too_many_tokens(struct token **tokens, size_t n)
{
	SCOPED(buf) names = { 0 };

	for (size_t i = 0; i < n; i++)
		buf_addf(&names, "%s'%s'", i ? ", " : "", token_label(tokens[i]));
	buf_add_u8(&names, 0);
	return err_set(
		INRO_E_AMBIGUOUS,
		"the key may be in any of the tokens %s: say which with token=LABEL, serial= or "
		"slot-id=",
		buf_err(&names) ? "" : (const char *)names.p);
}

/* Those that match: as many as are named. */
#define NAMED_MAX 8

/* One that can't be read is left out. */
static void add_name(const struct token *t, struct seat *s, CK_OBJECT_HANDLE handle,
		     enum p11_uri_type type, struct buf *names)
{
	SCOPED(p11_uri) name = { 0 };

	if (object_name(t, s, handle, type, &name) != INRO_OK)
		return;
	buf_add_str(names, " ");
	p11_uri_print(&name, names);
}

static enum inro_err name_one_of(struct buf *names, const char *at_least, size_t n, const char *what)
{
	buf_add_u8(names, 0);
	return err_set(INRO_E_AMBIGUOUS, "%s%zu %s keys match; name one of:%s", at_least, n, what,
		       buf_err(names) ? "" : (const char *)names->p);
}

struct naming {
	const struct found_item *item;
	enum p11_uri_type type;
	struct buf *names;
};

static enum inro_err name_in(struct seat *s, void *arg)
{
	const struct naming *a = arg;

	add_name(a->item->token, s, a->item->handle, a->type, a->names);
	return INRO_OK;
}

static enum inro_err too_many_keys(const struct found *f)
{
	SCOPED(buf) names = { 0 };
	bool private = f->items[0].kind == FOUND_PRIVATE;
	enum inro_err e = INRO_OK;

	for (size_t i = 0; !e && i < f->n && i < NAMED_MAX; i++) {
		struct naming a = { &f->items[i], private ? P11_PRIVATE : P11_PUBLIC, &names };

		e = token_run(a.item->token, name_in, &a);
	}
	return e ? e : name_one_of(&names, "", f->n, private ? "private" : "public");
}

/* A public key may be had from its private one, which only shows after a login.  It is handed on
 * as the public key that was asked for. */
static enum inro_err search_public_halves(struct token *t, const struct found_query *q,
					  const struct pin_source *from, struct found *f)
{
	enum inro_err e = INRO_OK;

	if (!q->certs_only && (by_uri[q->uri->type] & (WANT(FOUND_PRIVATE) | WANT(FOUND_PUBLIC))))
		e = search_token(t, q, WANT(FOUND_PRIVATE), from, f);
	for (size_t i = 0; i < f->n; i++)
		f->items[i].kind = FOUND_PUBLIC;
	return e;
}

static enum inro_err search(struct token **tokens, size_t n, const struct found_query *q,
			    struct found *f)
{
	struct pin_source from = { .uri = q->uri, .ask = q->ask, .arg = q->arg };
	unsigned kinds = kinds_wanted(q);
	bool login = kinds & WANT(FOUND_PRIVATE);
	enum inro_err e = INRO_OK;

	if (login && n > 1 && looks_for_some(q))
		e = narrow(tokens, &n, q);
	if (!e && login && n > 1 && q->expected == OSSL_STORE_INFO_PKEY)
		return too_many_tokens(tokens, n);
	for (size_t i = 0; !e && i < n; i++)
		e = search_token(tokens[i], q, kinds, login && n == 1 ? &from : NULL, f);
	if (!e && f->n == 0 && q->expected == OSSL_STORE_INFO_PUBKEY && n == 1)
		e = search_public_halves(tokens[0], q, &from, f);
	return e;
}

/* Such a URI can't name what is asked for.  A public key is had from the private one, too. */
static enum inro_err check_type(const struct found_query *q)
{
	static const char *const wanted[] = {
		[OSSL_STORE_INFO_PUBKEY] = "a public key",
		[OSSL_STORE_INFO_PKEY] = "a private key",
		[OSSL_STORE_INFO_CERT] = "a certificate",
	};
	bool halved = q->expected == OSSL_STORE_INFO_PUBKEY && q->uri->type == P11_PRIVATE;

	if (q->uri->type == P11_ANY || kinds_wanted(q) || halved)
		return INRO_OK;
	if (!by_uri[q->uri->type])
		return err_set(
			INRO_E_UNSUPPORTED,
			"the URI is of a type that OpenSSL has no object for: a secret key is "
			"used by name as a MAC or cipher, inro-provider(7)");
	if ((size_t)q->expected >= ARRAY_LEN(wanted) || !wanted[q->expected])
		return INRO_OK;
	return err_set(INRO_E_ARG,
		       "the URI's type= is of something else, and %s is asked for: name that, or "
		       "leave type= out",
		       wanted[q->expected]);
}

static bool expects_one(const struct found_query *q)
{
	return q->expected == OSSL_STORE_INFO_PKEY || q->expected == OSSL_STORE_INFO_PUBKEY;
}

enum inro_err found_open(struct prov *p, const struct found_query *q, struct found *ret)
{
	SCOPED(found) f = { 0 };
	SCOPED(token_choice) tokens = { 0 };
	enum inro_err e;

	/* What a module or a prompt leaves in libcrypto's queue is not for the program: it gets one
	 * error, ours. */
	ERR_set_mark();
	e = check_type(q);
	if (!e)
		e = tokens_find(p, q->uri, &tokens);
	if (!e && q->print.value.n)
		e = fingerprint_check(p, &q->print);
	if (!e)
		e = search(tokens.all, tokens.n, q, &f);
	if (!e && q->print.value.n)
		keep_by_print(q, &f);
	ERR_pop_to_mark();
	if (e)
		return e;
	if (expects_one(q) && f.n > 1)
		return too_many_keys(&f);
	if (f.n == 0 && (q->expected || looks_for_some(q)))
		return err_set(INRO_E_NOT_FOUND,
			       "no such object in token '%s': openssl storeutl "
			       "'pkcs11:token=...' lists what there is",
			       token_label(tokens.all[0]));
	*ret = f;
	f = (struct found) { 0 };
	return INRO_OK;
}

struct opening {
	const struct found_item *item;
	const struct p11_uri *uri;
	struct key *key;
};

static enum inro_err open_in(struct seat *s, void *arg)
{
	struct opening *a = arg;

	return key_open(a->item->token, s, a->item->handle, a->item->kind == FOUND_PRIVATE, a->uri,
			&a->key);
}

enum inro_err found_key(const struct found_item *item, const struct p11_uri *uri, struct key **ret)
{
	struct opening a = { item, uri, NULL };
	enum inro_err e = token_run(item->token, open_in, &a);

	if (!e)
		*ret = a.key;
	return e;
}

struct reading {
	CK_OBJECT_HANDLE cert;
	struct buf *der;
};

static enum inro_err read_in(struct seat *s, void *arg)
{
	const struct reading *a = arg;

	buf_reset(a->der);
	return ck_attr(s->m, s->session, a->cert, CKA_VALUE, a->der);
}

enum inro_err found_cert(const struct found_item *item, struct buf *ret_der)
{
	struct reading a = { item->handle, ret_der };

	return token_run(item->token, read_in, &a);
}

struct secret_search {
	struct token *token;
	const struct p11_uri *uri;
	struct object **ret;
};

static enum inro_err too_many_secret_keys(const struct token *t, struct seat *s,
					  const CK_OBJECT_HANDLE *handles, CK_ULONG n)
{
	SCOPED(buf) names = { 0 };

	for (CK_ULONG i = 0; i < n; i++)
		add_name(t, s, handles[i], P11_SECRET_KEY, &names);
	return name_one_of(&names, n < NAMED_MAX ? "" : "at least ", n, "secret");
}

static enum inro_err secret_key_in(struct seat *s, void *arg)
{
	const struct secret_search *a = arg;
	struct pin_source from = { .uri = a->uri };
	CK_ATTRIBUTE template[3];
	CK_OBJECT_CLASS class;
	CK_OBJECT_HANDLE handles[NAMED_MAX];
	CK_ULONG n = p11_uri_template(a->uri, template, &class), found = 0;
	enum inro_err e = token_login(a->token, s, &from);

	if (!e)
		e = ck_find(s->m, s->session, template, n, handles, NAMED_MAX, &found);
	if (e)
		return e;
	if (found > 1)
		return too_many_secret_keys(a->token, s, handles, found);
	if (found == 0)
		return err_set(INRO_E_NOT_FOUND,
			       "no secret key of that name in token '%s': compare with what 'inro "
			       "key list' or pkcs11-tool -O shows",
			       token_label(a->token));
	return object_new(a->token, s, handles[0], a->uri, a->ret);
}

enum inro_err found_secret_key(struct prov *p, const char *text, struct object **ret)
{
	SCOPED(p11_uri) uri = { 0 };
	SCOPED(token_choice) tokens = { 0 };
	struct secret_search a = { .uri = &uri, .ret = ret };
	enum inro_err e = p11_uri_parse(text, &uri);

	if (e)
		return e;
	if (uri.type != P11_ANY && uri.type != P11_SECRET_KEY)
		return err_set(INRO_E_ARG, "the URI names no secret key: leave type= out, or say "
					   "type=secret-key");
	uri.type = P11_SECRET_KEY;
	e = tokens_find(p, &uri, &tokens);
	if (!e && tokens.n > 1)
		e = too_many_tokens(tokens.all, tokens.n);
	if (e)
		return e;
	a.token = tokens.all[0];
	return token_run(a.token, secret_key_in, &a);
}
