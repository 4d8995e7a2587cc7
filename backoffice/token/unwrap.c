/*
 * unwrap - secret keys that come wrapped to a pair of the token, or under a secret key of it, and
 * go into it in one call.
 *
 * 1. The value is known to the token alone: there is no step of it here.
 */
#include "backoffice/token/internal.h"

#define WRAP_BITS 256 /* of the AES key in between */

/* What the token is asked for; it points into itself. */
struct way {
	CK_MECHANISM mech;
	CK_RSA_PKCS_OAEP_PARAMS oaep;
	CK_RSA_AES_KEY_WRAP_PARAMS rsa;
	CK_ECDH_AES_KEY_WRAP_PARAMS agreed;
};

static void by_rsa(struct way *w)
{
	w->oaep = (CK_RSA_PKCS_OAEP_PARAMS) { .hashAlg = CKM_SHA256,
					      .mgf = CKG_MGF1_SHA256,
					      .source = CKZ_DATA_SPECIFIED };
	w->rsa = (CK_RSA_AES_KEY_WRAP_PARAMS) { WRAP_BITS, &w->oaep };
	w->mech = (CK_MECHANISM) { CKM_RSA_AES_KEY_WRAP, &w->rsa, sizeof w->rsa };
}

static void by_agreement(struct way *w)
{
	w->agreed =
		(CK_ECDH_AES_KEY_WRAP_PARAMS) { .ulAESKeyBits = WRAP_BITS, .kdf = CKD_SHA256_KDF };
	w->mech = (CK_MECHANISM) { CKM_ECDH_AES_KEY_WRAP, &w->agreed, sizeof w->agreed };
}

static void (*const ways[PKI_FAMILY__MAX])(struct way *w) = {
	[PKI_EC] = by_agreement,
	[PKI_RSA_KEYS] = by_rsa,
};

static enum inro_err may_unwrap(struct token_key *by)
{
	bool may = false;
	enum inro_err e;

	if (!ways[pki_key_type(by->pub.type)->family])
		return err_set(INRO_E_UNSUPPORTED,
			       "key '%s' is neither RSA nor EC: it unwraps no key", by->label);
	e = token_key_ready(by);
	if (!e)
		e = ck_attr_bool(by->token->module, by->token->session, by->handle, CKA_UNWRAP,
				 &may);
	if (!e && !may)
		e = err_set(INRO_E_POLICY,
			    "key '%s' may not unwrap keys: it was made when none were asked for",
			    by->label);
	return e;
}

/* By which object of the token, and how. */
struct unwrapping {
	CK_MECHANISM *mech;
	CK_OBJECT_HANDLE by;
	struct bytes wrapped;
};

static enum inro_err unwrap(struct token *t, const struct unwrapping *u,
			    const struct token_secret_plan *plan, struct buf *ret_id)
{
	struct template tpl = { 0 };
	CK_OBJECT_HANDLE made;
	enum inro_err e = token_secret_name(t, plan, ret_id);

	if (e)
		return e;
	template_secret(&tpl, plan, buf_bytes(ret_id));
	e = ck_err(t->module,
		   t->f->C_UnwrapKey(t->session, u->mech, u->by, (CK_BYTE *)(uintptr_t)u->wrapped.p,
				     u->wrapped.n, tpl.a, tpl.n, &made),
		   "C_UnwrapKey");
	if (e)
		return err_context(e, "a key for token '%s'", t->info.label);
	e = token_check_kept(t, made);
	if (e)
		(void)t->f->C_DestroyObject(t->session, made);
	return e;
}

enum inro_err token_secret_unwrap(struct token_key *by, const struct token_secret_plan *plan,
				  struct bytes wrapped, struct buf *ret_id)
{
	struct way w;
	struct unwrapping u = { .mech = &w.mech, .wrapped = wrapped };
	enum inro_err e = may_unwrap(by);

	if (e)
		return e;
	u.by = by->handle; /* in the session that there is now */
	ways[pki_key_type(by->pub.type)->family](&w);
	return unwrap(by->token, &u, plan, ret_id);
}

/* ---- under a key of the token's that is secret, too ---- */

static enum inro_err find_one(struct token *t, struct bytes id, CK_OBJECT_HANDLE *ret)
{
	AUTO(free_handles) CK_OBJECT_HANDLE *found = NULL;
	CK_ULONG n = 0;
	enum inro_err e = token_ready(t);

	if (!e)
		e = token_find_id(t, CKO_SECRET_KEY, id, BYTES_NONE, &found, &n);
	if (!e && n != 1)
		e = err_set(n ? INRO_E_AMBIGUOUS : INRO_E_NOT_FOUND,
			    "%lu secret keys of that id in token '%s'", n, t->info.label);
	if (!e)
		*ret = found[0];
	return e;
}

/* RFC 3394 is for whole blocks of 8 octets, two at least; RFC 5649 for all others. */
enum inro_err token_secret_unwrap_under(struct token *t, const struct token_secret_under *under,
					const struct token_secret_plan *plan, struct buf *ret_id)
{
	bool whole = under->octets % 8 == 0 && under->octets >= 16, may = false;
	CK_MECHANISM mech = { whole ? CKM_AES_KEY_WRAP : CKM_AES_KEY_WRAP_KWP, NULL, 0 };
	struct unwrapping u = { .mech = &mech, .wrapped = under->wrapped };
	enum inro_err e = find_one(t, under->id, &u.by);

	if (!e)
		e = ck_attr_bool(t->module, t->session, u.by, CKA_UNWRAP, &may);
	if (!e && !may)
		e = err_set(INRO_E_POLICY,
			    "the key above it may not unwrap keys: it was made when none "
			    "were under it");
	return e ? e : unwrap(t, &u, plan, ret_id);
}

enum inro_err token_secret_relabel(struct token *t, struct bytes id, const char *label)
{
	struct template tpl = { 0 };
	CK_OBJECT_HANDLE found;
	enum inro_err e = token_key_check_label(label);

	if (!e)
		e = find_one(t, id, &found);
	if (e)
		return e;
	template_add(&tpl, CKA_LABEL, bytes_of(label));
	return ck_err(t->module, t->f->C_SetAttributeValue(t->session, found, tpl.a, tpl.n),
		      "C_SetAttributeValue");
}
