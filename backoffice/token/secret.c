/* secret - a secret key whose value is known, into a token. */
#include "backoffice/token/internal.h"

void template_secret(struct template *t, const struct token_secret_plan *plan, struct bytes id)
{
	static const CK_OBJECT_CLASS class = CKO_SECRET_KEY;

	template_add_ulong(t, CKA_CLASS, &class);
	template_add_ulong(t, CKA_KEY_TYPE, &plan->type);
	template_add_bool(t, CKA_TOKEN, true);
	template_add_bool(t, CKA_PRIVATE, true);
	template_add_bool(t, CKA_SENSITIVE, true);
	template_add_bool(t, CKA_EXTRACTABLE, plan->extractable);
	template_add_bool(t, CKA_ENCRYPT, plan->crypt);
	template_add_bool(t, CKA_DECRYPT, plan->crypt);
	template_add_bool(t, CKA_SIGN, plan->mac);
	template_add_bool(t, CKA_VERIFY, plan->mac);
	template_add_bool(t, CKA_DERIVE, plan->derive);
	template_add_bool(t, CKA_WRAP, plan->wrap);
	template_add_bool(t, CKA_UNWRAP, plan->wrap);
	template_add(t, CKA_LABEL, bytes_of(plan->label));
	template_add(t, CKA_ID, id);
}

enum inro_err token_secret_name(struct token *t, const struct token_secret_plan *plan,
				struct buf *ret_id)
{
	const struct token_key_plan named = { .label = plan->label, .id = plan->id };
	enum inro_err e = token_ready(t);

	if (!e)
		e = token_key_check_label(plan->label);
	if (!e)
		e = token_key_choose_id(&named, ret_id);
	if (!e)
		e = token_refuse_same(t, CKO_SECRET_KEY, CKA_ID, buf_bytes(ret_id), "that id");
	if (!e)
		e = token_refuse_same(t, CKO_SECRET_KEY, CKA_LABEL, bytes_of(plan->label),
				      "that label");
	return e;
}

enum inro_err token_secret_import(struct token *t, const struct token_secret_plan *plan,
				  struct bytes value, struct buf *ret_id)
{
	struct template tpl = { 0 };
	CK_OBJECT_HANDLE made;
	enum inro_err e = token_secret_name(t, plan, ret_id);

	if (e)
		return e;
	template_secret(&tpl, plan, buf_bytes(ret_id));
	template_add(&tpl, CKA_VALUE, value);
	return ck_err(t->module, t->f->C_CreateObject(t->session, tpl.a, tpl.n, &made),
		      "C_CreateObject");
}
