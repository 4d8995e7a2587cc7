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

enum inro_err token_cert_add(struct token *t, const struct token_cert *c, CK_OBJECT_HANDLE *ret)
{
	SCOPED(cert) read = { 0 };
	SCOPED(handles) same = { 0 };
	enum inro_err e = token_ready(t);

	*ret = CK_INVALID_HANDLE;
	if (!e)
		e = cert_read(c->der, &read);
	if (!e)
		e = token_find_id(t, CKO_CERTIFICATE, c->id, buf_bytes(&read.der), &same.p,
				  &same.n);
	if (e || same.n)
		return e;
	return create(t, c->id, c->label, &read, ret);
}

static enum inro_err destroy_others(struct token *t, struct bytes id, CK_OBJECT_HANDLE but)
{
	SCOPED(handles) all = { 0 };
	enum inro_err e = token_find_id(t, CKO_CERTIFICATE, id, BYTES_NONE, &all.p, &all.n);

	for (CK_ULONG i = 0; i < all.n && !e; i++)
		if (all.p[i] != but)
			e = ck_err(t->module, t->f->C_DestroyObject(t->session, all.p[i]),
				   "C_DestroyObject");
	return e;
}

/* The new one is there before the old ones go. */
enum inro_err token_cert_store(struct token *t, struct bytes id, const char *label,
			       struct bytes der, bool replace)
{
	const struct token_cert c = { .id = id, .label = label, .der = der };
	CK_OBJECT_HANDLE made = CK_INVALID_HANDLE;
	enum inro_err e = token_cert_add(t, &c, &made);

	if (e || !replace || made == CK_INVALID_HANDLE)
		return e;
	return destroy_others(t, id, made);
}

/* *best is replaced when this one begins later. */
static enum inro_err take_newer(struct token *t, CK_OBJECT_HANDLE handle, struct cert *best)
{
	SCOPED(buf) der = { 0 };
	SCOPED(cert) c = { 0 };
	enum inro_err e = ck_attr(t->module, t->session, handle, CKA_VALUE, &der);

	if (e)
		return e;
	e = cert_read(buf_bytes(&der), &c);
	if (e) /* anybody may put one there that can't be read: it hides no other */
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
