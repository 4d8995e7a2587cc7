/*
 * key - key pairs in a token: made, found, taken over.
 *
 * A pair that turns out wrong after it was made (no public key to be had, extractable although
 * that was refused) is destroyed at once; nobody has seen it.
 */
#include "backoffice/token/internal.h"

#include <stdlib.h>
#include <string.h>

#include "backoffice/pki/text.h"
#include "base/der.h"

#define ID_OCTETS 20

void token_key_free(struct token_key *k)
{
	if (!k)
		return;
	free(k->label);
	buf_clear(&k->id);
	buf_clear(&k->spki);
	free(k);
}

void token_key_free_ptr(struct token_key **k)
{
	token_key_free(*k);
	*k = NULL;
}

struct bytes token_key_spki(const struct token_key *k)
{
	return buf_bytes(&k->spki);
}

const struct pubkey *token_key_public(const struct token_key *k)
{
	return &k->pub;
}

bool token_key_has(const struct token_key *k, struct bytes spki)
{
	SCOPED(err_kept) kept = err_keep();
	struct pubkey other;

	return bytes_equal(buf_bytes(&k->spki), spki) ||
	       (pubkey_read(spki, &other) == INRO_OK && pubkey_is_told(&k->pub, &other));
}

struct bytes token_key_id(const struct token_key *k)
{
	return buf_bytes(&k->id);
}

const char *token_key_label(const struct token_key *k)
{
	return k->label;
}

enum pki_key token_key_type(const struct token_key *k)
{
	return k->pub.type;
}

bool token_key_is(const struct token_key *k, const struct pki_key_kind *kind)
{
	return k->pub.type == kind->type && k->pub.bits == kind->bits;
}

void token_key_uri(const struct token_key *k, struct buf *ret)
{
	struct p11_uri u = k->token->uri;

	u.object = *k->label ? k->label : NULL;
	u.id = k->id.p;
	u.id_n = k->id.n;
	u.has_id = k->id.n > 0;
	u.type = P11_PRIVATE;
	p11_uri_print(&u, ret);
}

/* ---- found ---- */

static enum inro_err read_label(struct token *t, CK_OBJECT_HANDLE handle, char **ret)
{
	SCOPED(buf) label = { 0 };
	enum inro_err e = ck_attr(t->module, t->session, handle, CKA_LABEL, &label);

	if (e && e != INRO_E_NOT_FOUND)
		return e;
	*ret = buf_take_str(&label);
	return *ret ? INRO_OK : INRO_E_NO_MEMORY;
}

static enum inro_err read_id(struct token *t, CK_OBJECT_HANDLE handle, struct buf *ret)
{
	enum inro_err e = ck_attr(t->module, t->session, handle, CKA_ID, ret);

	return e == INRO_E_NOT_FOUND ? INRO_OK : e;
}

/* `from`: the object that knows the public key, private or public. */
static enum inro_err key_new(struct token *t, CK_OBJECT_HANDLE private_key, CK_OBJECT_HANDLE from,
			     struct token_key **ret)
{
	AUTO(token_key_free_ptr) struct token_key *k = calloc(1, sizeof *k);
	enum inro_err e;

	if (!k)
		return err_set(INRO_E_NO_MEMORY, "no memory for a key");
	k->token = t;
	k->handle = private_key;
	k->epoch = t->epoch;
	e = read_label(t, private_key, &k->label);
	if (!e)
		e = read_id(t, private_key, &k->id);
	if (!e)
		e = token_public_key(t, private_key, from, &k->spki);
	if (!e)
		e = pubkey_read(buf_bytes(&k->spki), &k->pub);
	if (e)
		return e;
	*ret = k;
	k = NULL;
	return INRO_OK;
}

static enum inro_err not_one(const struct token *t, const struct p11_uri *uri, CK_ULONG n)
{
	SCOPED(buf) what = { 0 };

	if (uri->object)
		buf_addf(&what, " '%s'", uri->object);
	if (uri->has_id) {
		buf_add_str(&what, " with id ");
		buf_add_hex(&what, BYTES(uri->id, uri->id_n));
	}
	return n ? err_set(INRO_E_AMBIGUOUS,
			   "token '%s' has more than one private key%.*s; name one by its id",
			   t->info.label, (int)what.n, (const char *)what.p)
		 : err_set(INRO_E_NOT_FOUND, "token '%s' has no private key%.*s", t->info.label,
			   (int)what.n, (const char *)what.p);
}

enum inro_err token_key_find(struct token *t, const struct p11_uri *uri, struct token_key **ret)
{
	static const CK_OBJECT_CLASS class = CKO_PRIVATE_KEY;
	struct template tpl = { 0 };
	CK_OBJECT_HANDLE found[2];
	CK_ULONG n = 0;
	enum inro_err e = token_ready(t);

	template_add_ulong(&tpl, CKA_CLASS, &class);
	if (uri->object)
		template_add(&tpl, CKA_LABEL, bytes_of(uri->object));
	if (uri->has_id)
		template_add(&tpl, CKA_ID, BYTES(uri->id, uri->id_n));
	if (!e)
		e = ck_find(t->module, t->session, tpl.a, tpl.n, found, ARRAY_LEN(found), &n);
	if (e)
		return e;
	return n == 1 ? key_new(t, found[0], found[0], ret) : not_one(t, uri, n);
}

/* ---- made ---- */

enum inro_err token_key_choose_id(const struct token_key_plan *plan, struct buf *ret)
{
	uint8_t id[ID_OCTETS];
	enum inro_err e;

	if (plan->id.n) {
		buf_add(ret, plan->id);
		return buf_err(ret);
	}
	e = random_fill(id, sizeof id);
	if (!e)
		buf_add(ret, BYTES(id, sizeof id));
	return e ? e : buf_err(ret);
}

enum inro_err token_refuse_same(struct token *t, CK_OBJECT_CLASS class, CK_ATTRIBUTE_TYPE type,
				struct bytes value, const char *what)
{
	struct template tpl = { 0 };
	CK_OBJECT_HANDLE found;
	CK_ULONG n = 0;
	enum inro_err e;

	template_add_ulong(&tpl, CKA_CLASS, &class);
	template_add(&tpl, type, value);
	e = ck_find(t->module, t->session, tpl.a, tpl.n, &found, 1, &n);
	if (!e && n)
		e = err_set(INRO_E_EXISTS, "token '%s' has a key with %s already", t->info.label,
			    what);
	return e;
}

enum inro_err token_key_refuse_twin(struct token *t, const struct token_key_plan *plan,
				    struct bytes id)
{
	SCOPED(buf) what = { 0 };
	enum inro_err e;

	buf_addf(&what, "label '%.64s'", plan->label);
	buf_add_u8(&what, 0);
	if (buf_err(&what))
		return what.err;
	e = token_refuse_same(t, CKO_PRIVATE_KEY, CKA_ID, id, "that id");
	if (!e && !plan->may_exist)
		e = token_refuse_same(t, CKO_PRIVATE_KEY, CKA_LABEL, bytes_of(plan->label),
				      (const char *)what.p);
	return e;
}

void template_private(struct template *t, const struct token_key_plan *plan, struct bytes id)
{
	template_add_bool(t, CKA_TOKEN, true);
	template_add_bool(t, CKA_PRIVATE, true);
	template_add_bool(t, CKA_SENSITIVE, true);
	template_add_bool(t, CKA_EXTRACTABLE, plan->extractable);
	template_add_bool(t, CKA_SIGN, !plan->no_sign);
	template_add_bool(t, CKA_DECRYPT, plan->decrypt);
	template_add_bool(t, CKA_UNWRAP, plan->unwrap);
	template_add_bool(t, CKA_DERIVE, plan->derive);
	template_add(t, CKA_LABEL, bytes_of(plan->label));
	template_add(t, CKA_ID, id);
}

void template_wishes(struct template *t, const struct token_key_plan *plan)
{
	if (plan->place)
		template_add_ulong(t, CKA_INRO_PLACE, &plan->place);
	if (plan->duplicable)
		template_add_bool(t, CKA_INRO_DUPLICABLE, true);
}

void template_public(struct template *t, const struct token_key_plan *plan, struct bytes id)
{
	template_add_bool(t, CKA_TOKEN, true);
	template_add_bool(t, CKA_PRIVATE, false);
	template_add_bool(t, CKA_VERIFY, !plan->no_sign);
	template_add_bool(t, CKA_ENCRYPT, plan->decrypt);
	template_add_bool(t, CKA_WRAP, false);
	template_add(t, CKA_LABEL, bytes_of(plan->label));
	template_add(t, CKA_ID, id);
}

enum inro_err token_check_kept(struct token *t, CK_OBJECT_HANDLE key)
{
	bool extractable = true, sensitive = false;
	enum inro_err e =
		ck_attr_bool(t->module, t->session, key, CKA_EXTRACTABLE, &extractable);

	if (!e)
		e = ck_attr_bool(t->module, t->session, key, CKA_SENSITIVE, &sensitive);
	if (!e && (extractable || !sensitive))
		e = err_set(INRO_E_TOKEN, "token '%s' has made a key that can be taken out of it",
			    t->info.label);
	return e;
}

enum inro_err token_key_check_kept(const struct token_key *k)
{
	enum inro_err e = token_ready(k->token);

	if (!e && k->epoch != k->token->epoch)
		e = err_set(INRO_E_TOKEN, "token '%s' was closed in between", k->token->info.label);
	return e ? e : token_check_kept(k->token, k->handle);
}

enum inro_err token_key_adopt(struct token *t, const struct token_pair *pair,
			      const struct token_key_plan *plan, struct bytes id,
			      struct token_key **ret)
{
	AUTO(token_key_free_ptr) struct token_key *k = NULL;
	enum inro_err e = plan->extractable ? INRO_OK : token_check_kept(t, pair->private_key);

	if (!e)
		e = key_new(t, pair->private_key, pair->public_key, &k);
	if (!e && (strcmp(k->label, plan->label) != 0 || !bytes_equal(token_key_id(k), id)))
		e = err_set(INRO_E_TOKEN, "token '%s' did not take the key's label and id",
			    t->info.label);
	if (!e && plan->kind && !token_key_is(k, plan->kind))
		e = err_set(INRO_E_TOKEN, "token '%s' made a key of another type", t->info.label);
	if (e) {
		(void)t->f->C_DestroyObject(t->session, pair->private_key);
		(void)t->f->C_DestroyObject(t->session, pair->public_key);
		return e;
	}
	*ret = k;
	k = NULL;
	return INRO_OK;
}

/* What a new pair is to be, in the template of its public half; it borrows from here. */
struct shape {
	CK_ULONG number;
	uint8_t oid[16];
};

static void shape_rsa(const struct pki_key_kind *kind, struct shape *s, struct template *t)
{
	static const uint8_t f4[] = { 1, 0, 1 };

	s->number = kind->bits;
	template_add_ulong(t, CKA_MODULUS_BITS, &s->number);
	template_add(t, CKA_PUBLIC_EXPONENT, BYTES(f4, sizeof f4));
}

static void shape_curve(const struct pki_key_kind *kind, struct shape *s, struct template *t)
{
	const struct pki_key_type *type = pki_key_type(kind->type);
	struct bytes oid = type->curve.n ? type->curve : type->algorithm;

	s->oid[0] = DER_OID;
	s->oid[1] = (uint8_t)oid.n;
	memcpy(s->oid + 2, oid.p, oid.n);
	template_add(t, CKA_EC_PARAMS, BYTES(s->oid, oid.n + 2));
}

static void shape_set(const struct pki_key_kind *kind, struct shape *s, struct template *t)
{
	s->number = pki_key_type(kind->type)->set;
	template_add_ulong(t, CKA_PARAMETER_SET, &s->number);
}

static const struct {
	CK_MECHANISM_TYPE maker;
	void (*shape)(const struct pki_key_kind *kind, struct shape *s, struct template *t);
	CK_ATTRIBUTE_TYPE use, public_use; /* of keys that don't sign */
	bool pss;			   /* bound to PSS, by CKA_ALLOWED_MECHANISMS */
} families[PKI_FAMILY__MAX] = {
	[PKI_EC] = { CKM_EC_KEY_PAIR_GEN, shape_curve, 0, 0, false },
	[PKI_RSA_KEYS] = { CKM_RSA_PKCS_KEY_PAIR_GEN, shape_rsa, 0, 0, false },
	[PKI_RSA_PSS_KEYS] = { CKM_RSA_PKCS_KEY_PAIR_GEN, shape_rsa, 0, 0, true },
	[PKI_EDWARDS] = { CKM_EC_EDWARDS_KEY_PAIR_GEN, shape_curve, 0, 0, false },
	[PKI_MONTGOMERY] = { CKM_EC_MONTGOMERY_KEY_PAIR_GEN, shape_curve, CKA_DERIVE, 0, false },
	[PKI_ML_DSA] = { CKM_ML_DSA_KEY_PAIR_GEN, shape_set, 0, 0, false },
	[PKI_SLH_DSA] = { CKM_SLH_DSA_KEY_PAIR_GEN, shape_set, 0, 0, false },
	[PKI_ML_KEM] = { CKM_ML_KEM_KEY_PAIR_GEN, shape_set, CKA_DECAPSULATE, CKA_ENCAPSULATE, false },
};

static enum inro_err not_offered(const struct token *t, const struct pki_key_kind *kind)
{
	return err_set(INRO_E_MECHANISM, "keys of type %s are not offered by token '%s'%s", kind->name,
		       t->info.label,
		       pki_key_type(kind->type)->set
			       ? "; with tokens of Inro they need OpenSSL 3.5 or later"
			       : "");
}

static enum inro_err generate_pair(struct token *t, const struct token_key_plan *wish,
				   struct bytes id, struct token_pair *ret)
{
	struct template private_key = { 0 }, public_key = { 0 };
	enum pki_family family = pki_key_type(wish->kind->type)->family;
	CK_MECHANISM mech = { families[family].maker, NULL, 0 };
	struct token_key_plan plan = *wish;
	struct pss_list pss;
	struct shape shape;
	enum inro_err e;

	plan.no_sign |= !pki_key_signs(wish->kind->type);
	plan.derive |= families[family].use == CKA_DERIVE;
	template_private(&private_key, &plan, id);
	template_wishes(&private_key, &plan);
	template_public(&public_key, &plan, id);
	families[family].shape(plan.kind, &shape, &public_key);
	if (families[family].pss) {
		token_pss_list(PKI_HASH_NONE, &pss);
		template_add(&private_key, CKA_ALLOWED_MECHANISMS, pss_list_bytes(&pss));
		token_pss_public(t, &pss, &public_key);
	}
	if (families[family].public_use) {
		template_add_bool(&private_key, families[family].use, true);
		template_add_bool(&public_key, families[family].public_use, true);
	}
	e = ck_err(t->module,
		   t->f->C_GenerateKeyPair(t->session, &mech, public_key.a, public_key.n,
					   private_key.a, private_key.n, &ret->public_key,
					   &ret->private_key),
		   "C_GenerateKeyPair");
	return e == INRO_E_MECHANISM ? not_offered(t, wish->kind) : e;
}

enum inro_err token_key_check_label(const char *label)
{
	struct bytes text = bytes_of(label);
	size_t n;

	if (text.n == 0)
		return err_set(INRO_E_ARG, "a key needs a label");
	if (text.n > TOKEN_KEY_LABEL_MAX)
		return err_set(INRO_E_ARG, "a key's label has 1 to %d bytes, not %zu",
			       TOKEN_KEY_LABEL_MAX, text.n);
	if (!text_is_utf8(text, &n))
		return err_set(INRO_E_ARG, "a key's label is UTF-8 without control characters");
	return INRO_OK;
}

enum inro_err token_key_place(struct token *t, const struct token_key_plan *plan, struct buf *ret_id)
{
	enum inro_err e = token_ready(t);

	if (!e)
		e = token_key_check_label(plan->label);
	if (!e)
		e = token_key_choose_id(plan, ret_id);
	return e ? e : token_key_refuse_twin(t, plan, buf_bytes(ret_id));
}

enum inro_err token_key_generate(struct token *t, const struct token_key_plan *plan,
				 struct token_key **ret)
{
	SCOPED(buf) id = { 0 };
	struct token_pair pair;
	enum inro_err e = token_key_place(t, plan, &id);

	if (!e)
		e = generate_pair(t, plan, buf_bytes(&id), &pair);
	return e ? e : token_key_adopt(t, &pair, plan, buf_bytes(&id), ret);
}
