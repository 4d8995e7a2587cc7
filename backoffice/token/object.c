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

enum inro_err token_find_id(struct token *t, CK_OBJECT_CLASS class, struct bytes id,
			    struct bytes value, CK_OBJECT_HANDLE **ret, CK_ULONG *ret_n)
{
	struct template tpl = { 0 };

	template_add_ulong(&tpl, CKA_CLASS, &class);
	template_add(&tpl, CKA_ID, id);
	if (value.n)
		template_add(&tpl, CKA_VALUE, value);
	return ck_find_all(t->module, t->session, tpl.a, tpl.n, ret, ret_n);
}

static enum inro_err delete_class(struct token *t, CK_OBJECT_CLASS class, struct bytes id,
				  size_t *n)
{
	AUTO(free_handles) CK_OBJECT_HANDLE *found = NULL;
	CK_ULONG found_n = 0;
	enum inro_err e = token_find_id(t, class, id, BYTES_NONE, &found, &found_n);

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
} classes[] = {
	{ CKO_PRIVATE_KEY, TOKEN_KEYS },
	{ CKO_SECRET_KEY, TOKEN_KEYS | TOKEN_SECRETS },
	{ CKO_PUBLIC_KEY, TOKEN_KEYS },
	{ CKO_CERTIFICATE, TOKEN_CERTS },
};

enum inro_err token_delete(struct token *t, struct bytes id, enum token_what what, size_t *ret_n)
{
	size_t n = 0;
	enum inro_err e = token_ready(t);

	if (!id.n)
		return err_set(INRO_E_ARG, "what is to be deleted is named by its id");
	for (size_t i = 0; i < ARRAY_LEN(classes) && !e; i++)
		if (classes[i].what & what)
			e = delete_class(t, classes[i].class, id, &n);
	if (!e)
		*ret_n = n;
	return e;
}

static enum inro_err spki_of_class(struct token *t, CK_OBJECT_CLASS class, struct bytes id,
				   struct buf *ret)
{
	AUTO(free_handles) CK_OBJECT_HANDLE *found = NULL;
	CK_ULONG n = 0;
	enum inro_err e = token_find_id(t, class, id, BYTES_NONE, &found, &n);

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
		if (spki_of_class(t, order[i], BYTES(entry->id, entry->id_n), ret) == INRO_OK)
			return INRO_OK;
		buf_truncate(ret, before);
	}
	return err_set(INRO_E_NOT_FOUND, "'%s' in token '%s' has no public half that can be seen",
		       entry->label, t->info.label);
}
