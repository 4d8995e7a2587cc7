/* secret - secret keys: made in a token, or brought into it by their value. */
#include <string.h>

#include "backoffice/token/internal.h"

#define HMAC(bits, hash)                                                                           \
	{                                                                                          \
		"hmac-" #bits, CKK_##hash##_HMAC, CKM_##hash##_KEY_GEN, (bits) / 8, false          \
	}
static const struct token_secret_kind kinds[] = {
	{ "aes-128", CKK_AES, CKM_AES_KEY_GEN, 16, true },
	{ "aes-192", CKK_AES, CKM_AES_KEY_GEN, 24, true },
	{ "aes-256", CKK_AES, CKM_AES_KEY_GEN, 32, true },
	{ "twine-80", CKK_INRO_TWINE, CKM_INRO_TWINE_KEY_GEN, 10, true },
	{ "twine-128", CKK_INRO_TWINE, CKM_INRO_TWINE_KEY_GEN, 16, true },
	{ "chacha20", CKK_CHACHA20, CKM_CHACHA20_KEY_GEN, 32, true },
	HMAC(256, SHA256),
	HMAC(384, SHA384),
	HMAC(512, SHA512),
	{ "generic-128", CKK_GENERIC_SECRET, CKM_GENERIC_SECRET_KEY_GEN, 16, false },
	{ "generic-256", CKK_GENERIC_SECRET, CKM_GENERIC_SECRET_KEY_GEN, 32, false },
	{ "generic-512", CKK_GENERIC_SECRET, CKM_GENERIC_SECRET_KEY_GEN, 64, false },
};
#undef HMAC

const struct token_secret_kind *token_secret_kind_at(size_t i)
{
	return i < ARRAY_LEN(kinds) ? &kinds[i] : NULL;
}

const struct token_secret_kind *token_secret_kind_find(const char *name)
{
	for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
		if (!strcmp(kinds[i].name, name))
			return &kinds[i];
	return NULL;
}

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
	if (plan->place)
		template_add_ulong(t, CKA_INRO_PLACE, &plan->place);
	if (plan->only)
		template_add_ulong(t, CKA_ALLOWED_MECHANISMS, &plan->only);
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

enum inro_err token_secret_generate(struct token *t, const struct token_secret_plan *plan,
				    const struct token_secret_kind *kind, struct buf *ret_id)
{
	CK_MECHANISM mech = { kind->maker, NULL, 0 };
	CK_ULONG octets = kind->octets;
	struct template tpl = { 0 };
	CK_OBJECT_HANDLE made;
	enum inro_err e = token_secret_name(t, plan, ret_id);

	if (e)
		return e;
	template_secret(&tpl, plan, buf_bytes(ret_id));
	if (kind->maker != CKM_CHACHA20_KEY_GEN) /* which has one length */
		template_add_ulong(&tpl, CKA_VALUE_LEN, &octets);
	return ck_err(t->module, t->f->C_GenerateKey(t->session, &mech, tpl.a, tpl.n, &made),
		      "C_GenerateKey");
}
