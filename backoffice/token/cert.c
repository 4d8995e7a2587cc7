/* cert - certificates beside their keys: the same CKA_ID, the same label. */
#include "backoffice/pki/cert.h"

#include <stdlib.h>

#include "backoffice/token/internal.h"
#include "base/der.h"

struct handles {
	CK_OBJECT_HANDLE *p;
	CK_ULONG n;
};

static void handles_clear(struct handles *h)
{
	free(h->p);
	*h = (struct handles) { 0 };
}

static enum inro_err create(struct token *t, struct bytes id, const char *label,
			    const struct cert *c, CK_OBJECT_HANDLE *ret)
{
	static const CK_OBJECT_CLASS class = CKO_CERTIFICATE;
	static const CK_ULONG type = CKC_X_509;
	struct template tpl = { 0 };
	SCOPED(buf) serial = { 0 };

	der_add_unsigned(&serial, c->serial);
	if (buf_err(&serial))
		return serial.err;
	template_add_ulong(&tpl, CKA_CLASS, &class);
	template_add_ulong(&tpl, CKA_CERTIFICATE_TYPE, &type);
	template_add_bool(&tpl, CKA_TOKEN, true);
	template_add_bool(&tpl, CKA_PRIVATE, false);
	template_add(&tpl, CKA_LABEL, bytes_of(label));
	template_add(&tpl, CKA_ID, id);
	template_add(&tpl, CKA_SUBJECT, c->subject);
	template_add(&tpl, CKA_ISSUER, c->issuer);
	template_add(&tpl, CKA_SERIAL_NUMBER, buf_bytes(&serial));
	template_add(&tpl, CKA_VALUE, buf_bytes(&c->der));
	return ck_err(t->module, t->f->C_CreateObject(t->session, tpl.a, tpl.n, ret),
		      "C_CreateObject");
}

/* *ret is the one that is there, or the new one. */
static enum inro_err find_or_create(struct token *t, const struct token_cert *c, bool *ret_made,
				    CK_OBJECT_HANDLE *ret)
{
	SCOPED(cert) read = { 0 };
	SCOPED(handles) same = { 0 };
	enum inro_err e = token_ready(t);

	*ret_made = false;
	if (!e)
		e = cert_read(c->der, &read);
	if (!e)
		e = token_find_id(t, CKO_CERTIFICATE, c->id, buf_bytes(&read.der), &same.p,
				  &same.n);
	if (e)
		return e;
	if (same.n) {
		*ret = same.p[0];
		return INRO_OK;
	}
	e = create(t, c->id, c->label, &read, ret);
	*ret_made = !e;
	return e;
}

enum inro_err token_cert_add(struct token *t, const struct token_cert *c, CK_OBJECT_HANDLE *ret)
{
	CK_OBJECT_HANDLE there = CK_INVALID_HANDLE;
	bool made;
	enum inro_err e = find_or_create(t, c, &made, &there);

	*ret = made ? there : CK_INVALID_HANDLE;
	return e;
}

/* What anybody may have put there so that it stays (CKA_DESTROYABLE), or has taken away meanwhile, is in nobody's
 * way. */
static enum inro_err destroy(struct token *t, CK_OBJECT_HANDLE handle)
{
	enum inro_err e = ck_err(t->module, t->f->C_DestroyObject(t->session, handle), "C_DestroyObject");

	return e == INRO_E_ACTION_PROHIBITED || e == INRO_E_OBJECT_HANDLE ? INRO_OK : e;
}

static enum inro_err destroy_others(struct token *t, struct bytes id, CK_OBJECT_HANDLE but)
{
	SCOPED(handles) all = { 0 };
	enum inro_err e = token_find_id(t, CKO_CERTIFICATE, id, BYTES_NONE, &all.p, &all.n);

	for (CK_ULONG i = 0; i < all.n && !e; i++)
		if (all.p[i] != but)
			e = destroy(t, all.p[i]);
	return e;
}

/* The new one is there before the old ones go; those that an earlier run left there, when it is there already. */
enum inro_err token_cert_store(struct token *t, struct bytes id, const char *label,
			       struct bytes der, bool replace)
{
	const struct token_cert c = { .id = id, .label = label, .der = der };
	CK_OBJECT_HANDLE there;
	bool made;
	enum inro_err e = find_or_create(t, &c, &made, &there);

	return e || !replace ? e : destroy_others(t, id, there);
}

/* Anybody may put one there that has no value, or too much of it, and take it away again. */
static bool has_none(enum inro_err e)
{
	return e == INRO_E_NOT_FOUND || e == INRO_E_TOO_BIG || e == INRO_E_OBJECT_HANDLE;
}

/* *best is replaced when this one begins later.  One that can't be read hides no other. */
static enum inro_err take_newer(struct token *t, CK_OBJECT_HANDLE handle, struct cert *best)
{
	SCOPED(buf) der = { 0 };
	SCOPED(cert) c = { 0 };
	enum inro_err e = ck_attr(t->module, t->session, handle, CKA_VALUE, &der);

	if (e)
		return has_none(e) ? INRO_OK : e;
	e = cert_read(buf_bytes(&der), &c);
	if (e)
		return e == INRO_E_NO_MEMORY ? e : INRO_OK;
	if (!best->der.n || c.not_before >= best->not_before) {
		cert_clear(best);
		*best = c;
		c = (struct cert) { 0 };
	}
	return INRO_OK;
}

enum inro_err token_cert_find(struct token *t, struct bytes id, struct buf *ret_der)
{
	SCOPED(handles) found = { 0 };
	SCOPED(cert) best = { 0 };
	enum inro_err e = token_ready(t);

	if (!e)
		e = token_find_id(t, CKO_CERTIFICATE, id, BYTES_NONE, &found.p, &found.n);
	for (CK_ULONG i = 0; i < found.n && !e; i++)
		e = take_newer(t, found.p[i], &best);
	if (e)
		return e;
	if (!best.der.n)
		return err_set(INRO_E_NOT_FOUND, "token '%s' has no certificate for this key",
			       t->info.label);
	buf_add(ret_der, buf_bytes(&best.der));
	return buf_err(ret_der);
}
