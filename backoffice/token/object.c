/* object - templates, and objects of a token by class and id: found, deleted. */
#include "backoffice/token/internal.h"

#include <stdlib.h>

/* Templates are read by the module; the type of pValue only forgets that. */
static void *unconst(const void *p)
{
	return (void *)(uintptr_t)p;
}

void template_add(struct template *t, CK_ATTRIBUTE_TYPE type, struct bytes value)
{
	t->a[t->n++] = (CK_ATTRIBUTE) { type, unconst(value.p), value.n };
}

void template_add_bool(struct template *t, CK_ATTRIBUTE_TYPE type, bool value)
{
	static const CK_BBOOL yes = CK_TRUE, no = CK_FALSE;

	template_add(t, type, BYTES(value ? &yes : &no, sizeof yes));
}

void template_add_ulong(struct template *t, CK_ATTRIBUTE_TYPE type, const CK_ULONG *value)
{
	template_add(t, type, BYTES(value, sizeof *value));
}

void free_handles(CK_OBJECT_HANDLE **p)
{
	free(*p);
}

static enum inro_err find_with(struct token *t, CK_OBJECT_CLASS class, struct bytes id, CK_ATTRIBUTE_TYPE type,
			       struct bytes value, CK_OBJECT_HANDLE **ret, CK_ULONG *ret_n)
{
	struct template tpl = { 0 };

	template_add_ulong(&tpl, CKA_CLASS, &class);
	template_add(&tpl, CKA_ID, id);
	if (value.n)
		template_add(&tpl, type, value);
	return ck_find_all(t->module, t->session, tpl.a, tpl.n, ret, ret_n);
}

enum inro_err token_find_id(struct token *t, CK_OBJECT_CLASS class, struct bytes id,
			    struct bytes value, CK_OBJECT_HANDLE **ret, CK_ULONG *ret_n)
{
	return find_with(t, class, id, CKA_VALUE, value, ret, ret_n);
}

static enum inro_err find_named(struct token *t, CK_OBJECT_CLASS class, struct bytes id,
				const char *label, CK_OBJECT_HANDLE **ret, CK_ULONG *ret_n)
{
	return find_with(t, class, id, CKA_LABEL, bytes_of(label), ret, ret_n);
}

/* Other programs give many keys one id: there the label tells whose an object is.  Where a key is alone with its id,
 * the others of its objects may have labels of their own. */
enum inro_err token_find_entry(struct token *t, CK_OBJECT_CLASS class, const struct token_entry *e,
			       CK_OBJECT_HANDLE **ret, CK_ULONG *ret_n)
{
	AUTO(free_handles) CK_OBJECT_HANDLE *found = NULL;
	struct bytes id = BYTES(e->id, e->id_n);
	CK_ULONG n = 0;
	enum inro_err err = find_named(t, class, id, e->label, &found, &n);

	if (!err && !n) {
		free_handles(&found);
		found = NULL;
		err = find_named(t, class, id, "", &found, &n);
	}
	if (err)
		return err;
	*ret = found;
	*ret_n = n;
	found = NULL;
	return INRO_OK;
}

static enum inro_err delete_class(struct token *t, CK_OBJECT_CLASS class, struct bytes id,
				  const char *label, size_t *n)
{
	AUTO(free_handles) CK_OBJECT_HANDLE *found = NULL;
	CK_ULONG found_n = 0;
	enum inro_err e = find_named(t, class, id, label, &found, &found_n);

	for (CK_ULONG i = 0; i < found_n && !e; i++) {
		e = ck_err(t->module, t->f->C_DestroyObject(t->session, found[i]),
			   "C_DestroyObject");
		*n += !e;
	}
	return e;
}

/* The private key goes first: what is left of an interrupted deletion can't sign. */
static const struct {
	CK_OBJECT_CLASS class;
	unsigned what;
	bool is_key; /* which is nowhere else */
} classes[] = {
	{ CKO_PRIVATE_KEY, TOKEN_PRIVATES, true },
	{ CKO_SECRET_KEY, TOKEN_SECRETS, true },
	{ CKO_PUBLIC_KEY, TOKEN_PUBLICS, false },
	{ CKO_CERTIFICATE, TOKEN_CERTS, false },
};

#define SET_ID	  "give each an id of its own first, as by pkcs11-tool --set-id"
#define NAMED_MAX 5 /* in one line */

/* What there can be too many of, and what to do then: where their labels may differ, and where all have the same. */
struct several {
	const char *noun;
	CK_OBJECT_CLASS of[2];
	size_t of_n;
	const char *by_label, *otherwise;
};
static const struct several keys = { "keys", { CKO_PRIVATE_KEY, CKO_SECRET_KEY }, 2,
				     "name one by its label, too, or " SET_ID, SET_ID };
static const struct several public_keys = { "keys", { CKO_PUBLIC_KEY }, 1, SET_ID, SET_ID };
static const struct several certs = { "certificates", { CKO_CERTIFICATE }, 1,
				      "name one by object=LABEL, too, or give --all for all of them",
				      "give --all for all of them" };

/* "'a', 'b'": the labels of those of this class. */
static enum inro_err add_labels(struct token *t, CK_OBJECT_CLASS class, struct bytes id, struct buf *ret)
{
	AUTO(free_handles) CK_OBJECT_HANDLE *found = NULL;
	CK_ULONG n = 0;
	enum inro_err e = find_named(t, class, id, "", &found, &n);

	for (CK_ULONG i = 0; i < n && i < NAMED_MAX && !e; i++) {
		char one[sizeof ((struct token_entry *)0)->label];
		CK_ATTRIBUTE a = { CKA_LABEL, one, sizeof one };
		bool known = t->f->C_GetAttributeValue(t->session, found[i], &a, 1) == CKR_OK &&
			     a.ulValueLen <= sizeof one;

		buf_addf(ret, "%s'%.*s'", ret->n ? ", " : "", (int)(known ? a.ulValueLen : 0), one);
	}
	if (n > NAMED_MAX)
		buf_addf(ret, " and %lu more", n - NAMED_MAX);
	return e ? e : buf_err(ret);
}

static enum inro_err ambiguous(struct token *t, const struct several *s, struct bytes id, const char *label,
			       CK_ULONG n)
{
	SCOPED(buf) labels = { 0 };
	SCOPED(buf) which = { 0 };
	enum inro_err e = INRO_OK;

	for (size_t i = 0; i < s->of_n && !*label && !e; i++)
		e = add_labels(t, s->of[i], id, &labels);
	buf_add_hex(&which, id);
	if (*label)
		buf_addf(&which, " and label '%s'", label);
	else
		buf_addf(&which, " (%.*s)", (int)labels.n, (const char *)labels.p);
	buf_add_u8(&which, 0);
	if (!e)
		e = buf_err(&which);
	if (e)
		return e;
	return err_set(INRO_E_AMBIGUOUS, "token '%s' has %lu %s with id %s: %s", t->info.label, n, s->noun,
		       (const char *)which.p, *label ? s->otherwise : s->by_label);
}

/* Nobody who names one key loses another. */
static enum inro_err is_one_key(struct token *t, struct bytes id, const char *label, enum token_what what)
{
	CK_ULONG all = 0;
	enum inro_err e = INRO_OK;

	for (size_t i = 0; i < ARRAY_LEN(classes) && !e; i++) {
		AUTO(free_handles) CK_OBJECT_HANDLE *found = NULL;
		CK_ULONG n = 0;

		if (!classes[i].is_key || !(classes[i].what & what))
			continue;
		e = find_named(t, classes[i].class, id, label, &found, &n);
		all += n;
	}
	return !e && all > 1 ? ambiguous(t, &keys, id, label, all) : e;
}

static enum inro_err delete_named(struct token *t, struct bytes id, const char *label, enum token_what what,
				  size_t *ret_n)
{
	size_t n = 0;
	enum inro_err e = token_ready(t);

	if (!id.n)
		return err_set(INRO_E_ARG, "what is to be deleted is named by its id");
	if (!e)
		e = is_one_key(t, id, label, what);
	for (size_t i = 0; i < ARRAY_LEN(classes) && !e; i++)
		if (classes[i].what & what)
			e = delete_class(t, classes[i].class, id, label, &n);
	if (!e)
		*ret_n = n;
	return e;
}

enum inro_err token_delete(struct token *t, struct bytes id, enum token_what what, size_t *ret_n)
{
	return delete_named(t, id, "", what, ret_n);
}

/* Of two public keys with one id one is another key's, whose private half may be anywhere. */
static enum inro_err has_one_public(struct token *t, struct bytes id, enum token_what what)
{
	AUTO(free_handles) CK_OBJECT_HANDLE *found = NULL;
	CK_ULONG n = 0;
	enum inro_err e = token_ready(t);

	if (!e && id.n && (what & TOKEN_PUBLICS))
		e = find_named(t, CKO_PUBLIC_KEY, id, "", &found, &n);
	return !e && n > 1 ? ambiguous(t, &public_keys, id, "", n) : e;
}

enum inro_err token_entry_delete(struct token *t, const struct token_entry *entry, enum token_what what, size_t *ret_n)
{
	struct bytes id = BYTES(entry->id, entry->id_n);
	enum inro_err e = has_one_public(t, id, what);

	if (!e)
		e = delete_named(t, id, "", what, ret_n);
	return e == INRO_E_AMBIGUOUS && *entry->label ? delete_named(t, id, entry->label, what, ret_n) : e;
}

enum inro_err token_certs_delete(struct token *t, struct bytes id, const char *label, bool all, size_t *ret_n)
{
	AUTO(free_handles) CK_OBJECT_HANDLE *found = NULL;
	CK_ULONG found_n = 0;
	size_t n = 0;
	enum inro_err e = token_ready(t);

	if (!id.n)
		return err_set(INRO_E_ARG, "what is to be deleted is named by its id");
	if (!e)
		e = find_named(t, CKO_CERTIFICATE, id, label, &found, &found_n);
	if (!e && !found_n)
		e = err_set(INRO_E_NOT_FOUND, "token '%s' has no such certificate any more", t->info.label);
	if (!e && found_n > 1 && !all)
		e = ambiguous(t, &certs, id, label, found_n);
	if (!e)
		e = delete_class(t, CKO_CERTIFICATE, id, label, &n);
	if (!e)
		*ret_n = n;
	return e;
}

static enum inro_err spki_of_class(struct token *t, CK_OBJECT_CLASS class, const struct token_entry *entry,
				   struct buf *ret)
{
	AUTO(free_handles) CK_OBJECT_HANDLE *found = NULL;
	CK_ULONG n = 0;
	enum inro_err e = token_find_entry(t, class, entry, &found, &n);

	if (!e && !n)
		return INRO_E_NOT_FOUND;
	return e ? e : token_public_key(t, found[0], found[0], ret);
}

enum inro_err token_entry_spki(struct token *t, const struct token_entry *entry, struct buf *ret)
{
	static const CK_OBJECT_CLASS order[] = { CKO_PRIVATE_KEY, CKO_PUBLIC_KEY, CKO_CERTIFICATE,
						 CKO_PRIVATE_KEY };
	/* Which RSA keys are for PSS alone, the private object knows. */
	size_t first = entry->key == PKI_RSA_PSS ? 0 : 1;
	size_t before = ret->n;
	enum inro_err e = token_ready(t);

	if (!e && !entry->id_n)
		e = err_set(INRO_E_ARG, "'%s' has no id, so its objects can't be told from others",
			    entry->label);
	if (e)
		return e;
	for (size_t i = first; i < ARRAY_LEN(order); i++) {
		if (spki_of_class(t, order[i], entry, ret) == INRO_OK)
			return INRO_OK;
		buf_truncate(ret, before);
	}
	return err_set(INRO_E_NOT_FOUND, "'%s' in token '%s' has no public half that can be seen",
		       entry->label, t->info.label);
}
