/*
 * find - C_FindObjects: the store's indexes do the search, what they don't cover is compared after.
 *
 * The result is settled when the search begins: handles, in the order of the objects' making,
 * those of the session last.
 */
#include "pkcs11/token/objects.h"

#include <stdlib.h>
#include <string.h>

#include "pkcs11/token/builtin.h"
#include "pkcs11/token/nest.h"
#include "pkcs11/token/record.h"

struct finding {
	struct session *session;
	struct template t;
	struct store_query query;
	bool compare;		     /* the query does not say it all */
	bool token, session_objects; /* where to look */
	uint8_t hash[STORE_HASH];
	CK_OBJECT_HANDLE *found;
	size_t n, cap;
};

static enum inro_err add(struct finding *f, CK_OBJECT_HANDLE handle)
{
	if (f->n == f->cap) {
		size_t cap = f->cap ? f->cap * 2 : 16;
		CK_OBJECT_HANDLE *more = realloc(f->found, cap * sizeof *more);

		if (!more)
			return err_set(INRO_E_NO_MEMORY, "no memory for %zu handles", cap);
		f->found = more;
		f->cap = cap;
	}
	f->found[f->n++] = handle;
	return INRO_OK;
}

/* ---- from the template to the query ---- */

static bool take_ulong(struct bytes v, CK_ULONG *to, bool *by)
{
	if (*by || v.n != sizeof *to)
		return false;
	memcpy(to, v.p, sizeof *to);
	*by = true;
	return true;
}

static bool take_bytes(struct bytes v, struct bytes *to, bool *by)
{
	if (*by)
		return false;
	*to = v;
	*by = true;
	return true;
}

static bool by_class(struct finding *f, struct bytes v)
{
	return take_ulong(v, &f->query.class, &f->query.by_class);
}

static bool by_key_type(struct finding *f, struct bytes v)
{
	return take_ulong(v, &f->query.key_type, &f->query.by_key_type);
}

static bool by_id(struct finding *f, struct bytes v)
{
	return take_bytes(v, &f->query.id, &f->query.by_id);
}

static bool by_label(struct finding *f, struct bytes v)
{
	return take_bytes(v, &f->query.label, &f->query.by_label);
}

static bool by_token(struct finding *f, struct bytes v)
{
	if (v.n != sizeof(CK_BBOOL))
		return false;
	f->token = f->token && v.p[0] != CK_FALSE;
	f->session_objects = f->session_objects && v.p[0] == CK_FALSE;
	return true;
}

/* The hash finds candidates; the attribute itself is compared after. */
static bool narrow(struct finding *f, struct bytes public_value)
{
	if (!f->query.by_public_hash && public_value.n > 0 && !record_hash(public_value, f->hash)) {
		f->query.by_public_hash = true;
		f->query.public_hash = BYTES(f->hash, sizeof f->hash);
	}
	return false;
}

static bool by_modulus(struct finding *f, struct bytes v)
{
	return narrow(f, v);
}

static bool by_point(struct finding *f, struct bytes v)
{
	struct bytes point;

	return curve_point(NULL, v, &point) ? false : narrow(f, point);
}

static bool by_spki(struct finding *f, struct bytes v)
{
	struct key_parts parts = { 0 };

	if (keyder_read_spki(v, &parts))
		return false;
	return narrow(f, parts.kind == KEY_RSA ? parts.n : parts.point);
}

/* `settles`: whether the query answers it whole. */
static const struct {
	CK_ATTRIBUTE_TYPE type;
	bool (*settles)(struct finding *f, struct bytes v);
} columns[] = {
	{ CKA_CLASS, by_class },    { CKA_KEY_TYPE, by_key_type },    { CKA_ID, by_id },
	{ CKA_LABEL, by_label },    { CKA_TOKEN, by_token },	      { CKA_MODULUS, by_modulus },
	{ CKA_EC_POINT, by_point }, { CKA_PUBLIC_KEY_INFO, by_spki },
};

static bool settles(struct finding *f, const CK_ATTRIBUTE *a)
{
	for (size_t i = 0; i < ARRAY_LEN(columns); i++) {
		if (columns[i].type == a->type)
			return columns[i].settles(f, BYTES(a->pValue, a->ulValueLen));
	}
	return false;
}

static void plan(struct finding *f)
{
	f->token = f->session_objects = true;
	f->query.with_private = f->session->token->login == CKU_USER;
	for (CK_ULONG i = 0; i < f->t.n; i++) {
		if (!settles(f, &f->t.a[i]))
			f->compare = true;
	}
	err_reset();
}

/* ---- comparing ---- */

static bool same_point(struct bytes have, struct bytes wanted)
{
	struct bytes a, b;

	return !curve_point(NULL, have, &a) && !curve_point(NULL, wanted, &b) && bytes_equal(a, b);
}

static bool same_curve(struct bytes have, struct bytes wanted)
{
	return !ecname_params(wanted, &wanted) && bytes_equal(have, wanted);
}

static bool same_template(struct bytes have, struct bytes wanted)
{
	SCOPED(buf) list = { 0 };

	return !nest_write(wanted, &list) && bytes_equal(have, buf_bytes(&list));
}

/* Values that may be written in more ways than one. */
static const struct {
	CK_ATTRIBUTE_TYPE type;
	bool (*same)(struct bytes have, struct bytes wanted);
} alike[] = {
	{ CKA_EC_POINT, same_point },
	{ CKA_EC_PARAMS, same_curve },
	{ CKA_WRAP_TEMPLATE, same_template },
	{ CKA_UNWRAP_TEMPLATE, same_template },
	{ CKA_DERIVE_TEMPLATE, same_template },
	{ CKA_ENCAPSULATE_TEMPLATE, same_template },
	{ CKA_DECAPSULATE_TEMPLATE, same_template },
};

static bool same_value(CK_ATTRIBUTE_TYPE type, struct bytes have, struct bytes wanted)
{
	for (size_t i = 0; i < ARRAY_LEN(alike); i++) {
		if (alike[i].type == type)
			return alike[i].same(have, wanted);
	}
	return bytes_equal(have, wanted);
}

/* The value of a secret is never compared: who may not see it could guess it byte by byte. */
static bool matches_check_value(struct object *o, struct bytes wanted)
{
	uint8_t value[OBJECT_CHECK_VALUE];
	struct loaded_key *key;

	return o->class == CKO_SECRET_KEY && !object_key(o, &key) &&
	       !object_check_value(o, value) && bytes_equal(BYTES(value, sizeof value), wanted);
}

static bool matches(struct object *o, struct template t)
{
	for (CK_ULONG i = 0; i < t.n; i++) {
		const struct attr *a = attrs_find(&o->attrs, t.a[i].type);
		struct bytes wanted = BYTES(t.a[i].pValue, t.a[i].ulValueLen);

		if (!a && t.a[i].type == CKA_CHECK_VALUE && matches_check_value(o, wanted))
			continue;
		if (!a || !same_value(t.a[i].type, attr_value(a), wanted))
			return false;
	}
	return true;
}

static enum inro_err compare(struct finding *f, const struct store_hit *hit, bool *ret_same)
{
	struct object *o;
	enum inro_err e = objects_of_hit(f->session->token, hit, &o);

	if (!e)
		e = object_read(o);
	if (!e)
		*ret_same = matches(o, f->t);
	return e;
}

static enum inro_err consider(struct finding *f, const struct store_hit *hit)
{
	CK_OBJECT_HANDLE handle = 0;
	bool same = true;
	enum inro_err e = f->compare ? compare(f, hit, &same) : INRO_OK;

	if (!e && same)
		e = objects_handle_of_hit(f->session->token, hit, &handle);
	/* A damaged or just removed object is no reason not to find the others. */
	if (e == INRO_E_OBJECT_HANDLE || e == INRO_E_DAMAGED)
		return INRO_OK;
	return e || !same ? e : add(f, handle);
}

static enum inro_err search_store(struct finding *f)
{
	struct store_hit *hits = NULL;
	size_t n = 0;
	enum inro_err e = store_find(f->session->token->store, &f->query, &hits, &n);

	for (size_t i = 0; i < n && !e; i++)
		e = consider(f, &hits[i]);
	free(hits);
	return e;
}

static int ascending(const void *a, const void *b)
{
	CK_OBJECT_HANDLE x = *(const CK_OBJECT_HANDLE *)a, y = *(const CK_OBJECT_HANDLE *)b;

	return (x > y) - (x < y);
}

/* The session objects of every session of this process: handles are the application's. */
static enum inro_err search_sessions(struct finding *f)
{
	const struct token *t = f->session->token;
	size_t at = 0, before = f->n;
	struct object *o;
	enum inro_err e = INRO_OK;

	if (t->session_objects == 0)
		return INRO_OK;
	while (!e && (o = objects_next(t, &at)) != NULL) {
		if (!o->row && !o->own && object_visible(o) && matches(o, f->t))
			e = add(f, o->handle);
	}
	if (!e && f->n > before)
		qsort(f->found + before, f->n - before, sizeof *f->found, ascending);
	return e;
}

static enum inro_err search_own(struct finding *f)
{
	struct token *t = f->session->token;
	enum inro_err e = builtin_make(t);

	for (size_t i = 0; i < t->own_n && !e; i++) {
		if (matches(t->own[i], f->t))
			e = add(f, t->own[i]->handle);
	}
	return e;
}

static enum inro_err find(struct finding *f)
{
	enum inro_err e = token_look(f->session->token, true);

	plan(f);
	if (!e && f->token)
		e = search_store(f);
	if (!e && f->session_objects)
		e = search_sessions(f);
	if (!e && builtin_wanted(f->t))
		e = search_own(f);
	return e;
}

enum inro_err objects_find_begin(struct session *s, struct template t)
{
	struct finding f = { .session = s, .t = t };
	enum inro_err e = template_check(t);

	if (s->search.active)
		return err_set(INRO_E_OP_ACTIVE, "a search has begun already in this session");
	if (e)
		return e;
	token_lock(s->token);
	e = find(&f);
	token_unlock(s->token);
	if (e) {
		free(f.found);
		return e;
	}
	s->search = (struct search) { .active = true, .found = f.found, .n = f.n };
	return INRO_OK;
}

enum inro_err objects_find_next(struct session *s, CK_OBJECT_HANDLE *out, CK_ULONG max,
				CK_ULONG *ret_n)
{
	struct search *f = &s->search;
	size_t n;

	if (!f->active)
		return err_set(INRO_E_OP_NOT_INITIALIZED, "no search has begun in this session");
	n = f->n - f->at < max ? f->n - f->at : max;
	if (n > 0)
		memcpy(out, f->found + f->at, n * sizeof *out);
	f->at += n;
	*ret_n = n;
	return INRO_OK;
}

enum inro_err objects_find_end(struct session *s)
{
	if (!s->search.active)
		return err_set(INRO_E_OP_NOT_INITIALIZED, "no search has begun in this session");
	free(s->search.found);
	s->search = (struct search) { 0 };
	return INRO_OK;
}
