/* list - what is in a token: a pair and its certificate are one entry. */
#include "backoffice/token/internal.h"

#include <stdlib.h>
#include <string.h>

#define ENTRIES_MAX 1000000

struct entries {
	struct token_entry *items;
	size_t n, cap;
};

static void entries_clear(struct entries *l)
{
	free(l->items);
	*l = (struct entries) { 0 };
}

/* Attributes that a list asks of every object of a class. */
struct found {
	struct token *t;
	CK_OBJECT_HANDLE handle;
};

static bool flag(const struct found *o, CK_ATTRIBUTE_TYPE type)
{
	bool value = false;

	return ck_attr_bool(o->t->module, o->t->session, o->handle, type, &value) == INRO_OK &&
	       value;
}

/* Cut to cap - 1; an object without the attribute has an empty one. */
static size_t text(const struct found *o, CK_ATTRIBUTE_TYPE type, void *out, size_t cap)
{
	SCOPED(buf) value = { 0 };
	size_t n;

	if (ck_attr(o->t->module, o->t->session, o->handle, type, &value) != INRO_OK)
		return 0;
	n = value.n < cap ? value.n : cap;
	if (n)
		memcpy(out, value.p, n);
	return n;
}

static struct token_entry *entry_new(struct entries *l)
{
	size_t cap = l->cap ? 2 * l->cap : 16;
	struct token_entry *items;

	if (l->n == ENTRIES_MAX)
		return NULL;
	if (l->n == l->cap) {
		items = realloc(l->items, cap * sizeof *items);
		if (!items)
			return NULL;
		l->items = items;
		l->cap = cap;
	}
	l->items[l->n] = (struct token_entry) { 0 };
	return &l->items[l->n++];
}

static void add_public(const struct found *o, struct token_entry *e)
{
	if (token_public_kind(o->t, o->handle, &e->key, &e->bits))
		err_reset();
}

static void add_private(const struct found *o, struct token_entry *e)
{
	e->has_private = true;
	e->sign = flag(o, CKA_SIGN);
	e->decrypt = flag(o, CKA_DECRYPT);
	e->derive = flag(o, CKA_DERIVE);
	e->extractable = flag(o, CKA_EXTRACTABLE);
	e->sensitive = flag(o, CKA_SENSITIVE);
	e->local = flag(o, CKA_LOCAL);
	if (ck_attr_ulong(o->t->module, o->t->session, o->handle, CKA_INRO_PLACE, &e->place))
		err_reset();
	add_public(o, e);
}

static void add_secret(const struct found *o, struct token_entry *e)
{
	CK_ULONG octets = 0;

	add_private(o, e);
	if (ck_attr_ulong(o->t->module, o->t->session, o->handle, CKA_KEY_TYPE, &e->secret))
		err_reset();
	if (ck_attr_ulong(o->t->module, o->t->session, o->handle, CKA_VALUE_LEN, &octets) ==
	    INRO_OK)
		e->bits = (unsigned)octets * 8;
}

static void add_public_key(const struct found *o, struct token_entry *e)
{
	e->has_public = true;
	add_public(o, e);
}

static void add_cert(const struct found *o, struct token_entry *e)
{
	e->has_cert = true;
	add_public(o, e);
}

/* In this order: an entry is of the type of the first of its objects. */
static const struct {
	CK_OBJECT_CLASS class;
	enum p11_uri_type type;
	void (*add)(const struct found *o, struct token_entry *e);
} classes[] = {
	{ CKO_PRIVATE_KEY, P11_PRIVATE, add_private },
	{ CKO_SECRET_KEY, P11_SECRET_KEY, add_secret },
	{ CKO_PUBLIC_KEY, P11_PUBLIC, add_public_key },
	{ CKO_CERTIFICATE, P11_CERT, add_cert },
};

static bool has_type(const struct token_entry *e, enum p11_uri_type type)
{
	switch (type) {
	case P11_ANY:
		return true;
	case P11_PRIVATE:
		return e->has_private && e->type != P11_SECRET_KEY;
	case P11_PUBLIC:
		return e->has_public;
	case P11_CERT:
		return e->has_cert;
	default:
		return e->type == type;
	}
}

/* Label and id are searched for by the token; a certificate may have a label of its own. */
static enum inro_err add_class(struct token *t, const struct p11_uri *uri, size_t row,
			       struct entries *l)
{
	AUTO(free_handles) CK_OBJECT_HANDLE *found = NULL;
	CK_ULONG n = 0;
	struct template tpl = { 0 };
	enum inro_err e;

	template_add_ulong(&tpl, CKA_CLASS, &classes[row].class);
	if (uri->object)
		template_add(&tpl, CKA_LABEL, bytes_of(uri->object));
	if (uri->has_id)
		template_add(&tpl, CKA_ID, BYTES(uri->id, uri->id_n));
	e = ck_find_all(t->module, t->session, tpl.a, tpl.n, &found, &n);
	for (CK_ULONG i = 0; i < n && !e; i++) {
		struct found o = { t, found[i] };
		struct token_entry *entry = entry_new(l);

		if (!entry)
			return err_set(INRO_E_NO_MEMORY, "no memory for a list of keys");
		entry->type = classes[row].type;
		(void)text(&o, CKA_LABEL, entry->label, sizeof entry->label - 1);
		entry->id_n = text(&o, CKA_ID, entry->id, sizeof entry->id);
		classes[row].add(&o, entry);
	}
	return e;
}

/* A secret key is never one with a pair; without an id, the label decides. */
static int compare_identity(const struct token_entry *a, const struct token_entry *b)
{
	int c = (a->type == P11_SECRET_KEY) - (b->type == P11_SECRET_KEY);

	if (!c)
		c = bytes_compare(BYTES(a->id, a->id_n), BYTES(b->id, b->id_n));
	return c || a->id_n ? c : strcmp(a->label, b->label);
}

static int rank(enum p11_uri_type type)
{
	int i = 0;

	while (classes[i].type != type)
		i++;
	return i;
}

static int by_identity(const void *x, const void *y)
{
	const struct token_entry *a = x, *b = y;
	int c = compare_identity(a, b);

	if (!c)
		c = rank(a->type) - rank(b->type);
	return c ? c : strcmp(a->label, b->label);
}

static void merge(struct token_entry *into, const struct token_entry *e)
{
	into->has_private |= e->has_private;
	into->has_public |= e->has_public;
	into->has_cert |= e->has_cert;
	if (!into->bits) {
		into->key = e->key;
		into->bits = e->bits;
	}
	/* Where the private key is not seen its certificate may tell for what it is. */
	if (into->key == PKI_RSA && e->key == PKI_RSA_PSS && !into->has_private)
		into->key = PKI_RSA_PSS;
}

static bool is_rsa(const struct token_entry *e)
{
	return e->key == PKI_RSA || e->key == PKI_RSA_PSS;
}

/* As far as both tell of it. */
static bool same_kind(const struct token_entry *a, const struct token_entry *b)
{
	return !a->bits || !b->bits ||
	       (a->bits == b->bits && (a->key == b->key || (is_rsa(a) && is_rsa(b))));
}

/* Programs give keys an id that another has: a private key is never one with another one, nor is a public key.  A
 * certificate may be older than the key that its id names. */
static bool may_be_of(const struct token_entry *e, const struct token_entry *key)
{
	if (e->type == P11_CERT)
		return true;
	return !(e->has_private && key->has_private) && !(e->has_public && key->has_public) && same_kind(e, key);
}

/* The key of these that an object is of; where its id leaves that open, its label tells. */
static struct token_entry *key_of(struct token_entry *keys, size_t n, const struct token_entry *e)
{
	struct token_entry *first = NULL;

	for (size_t i = 0; i < n; i++) {
		if (!may_be_of(e, &keys[i]))
			continue;
		if (strcmp(keys[i].label, e->label) == 0)
			return &keys[i];
		if (!first)
			first = &keys[i];
	}
	return first;
}

/* Objects of one key become one entry. */
static void merge_all(struct entries *l)
{
	size_t n = 0, group = 0;

	if (l->n)
		qsort(l->items, l->n, sizeof *l->items, by_identity);
	for (size_t i = 0; i < l->n; i++) {
		struct token_entry *key;

		if (n && compare_identity(&l->items[n - 1], &l->items[i]) != 0)
			group = n;
		key = key_of(&l->items[group], n - group, &l->items[i]);
		if (key)
			merge(key, &l->items[i]);
		else
			l->items[n++] = l->items[i];
	}
	l->n = n;
}

static int by_label(const void *x, const void *y)
{
	const struct token_entry *a = x, *b = y;
	int c = strcmp(a->label, b->label);

	return c ? c : bytes_compare(BYTES(a->id, a->id_n), BYTES(b->id, b->id_n));
}

static void keep_type(struct entries *l, enum p11_uri_type type)
{
	size_t n = 0;

	for (size_t i = 0; i < l->n; i++)
		if (has_type(&l->items[i], type))
			l->items[n++] = l->items[i];
	l->n = n;
}

enum inro_err token_list(struct token *t, const struct p11_uri *uri, struct token_entry **ret,
			 size_t *ret_n)
{
	SCOPED(entries) l = { 0 };
	enum inro_err e = token_ready(t);

	for (size_t row = 0; row < ARRAY_LEN(classes) && !e; row++)
		e = add_class(t, uri, row, &l);
	if (e)
		return e;
	merge_all(&l);
	keep_type(&l, uri->type);
	if (l.n)
		qsort(l.items, l.n, sizeof *l.items, by_label);
	*ret = l.items;
	*ret_n = l.n;
	l.items = NULL;
	return INRO_OK;
}

void token_entry_uri(const struct token *t, const struct token_entry *e, struct buf *ret)
{
	struct token_entry copy = *e;
	struct p11_uri u = t->uri;

	u.object = *copy.label ? copy.label : NULL;
	u.id = copy.id;
	u.id_n = copy.id_n;
	u.has_id = copy.id_n > 0;
	u.type = e->type;
	p11_uri_print(&u, ret);
}
