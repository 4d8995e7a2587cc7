/*
 * curve - private keys of the curves that certificates here don't have yet: Ed25519, Ed448, X25519,
 * X448 (RFC 8410).  A key is octets, and its public half too.
 */
#include <openssl/err.h>
#include <openssl/evp.h>

#include "backoffice/pki/crypt.h"
#include "backoffice/token/internal.h"
#include "base/der.h"
#include "base/oids.h"

#define OCTETS_MAX 57

static const struct token_curve {
	struct bytes oid; /* content octets */
	const char *name, *word;
	CK_KEY_TYPE type;
	size_t octets;
	bool sign;
} curves[] = {
	{ BYTES_LIT(OID_X25519), "X25519", "x25519", CKK_EC_MONTGOMERY, 32, false },
	{ BYTES_LIT(OID_X448), "X448", "x448", CKK_EC_MONTGOMERY, 56, false },
	{ BYTES_LIT(OID_ED25519), "ED25519", "ed25519", CKK_EC_EDWARDS, 32, true },
	{ BYTES_LIT(OID_ED448), "ED448", "ed448", CKK_EC_EDWARDS, 57, true },
};

/* PrivateKeyInfo (RFC 5958 2): version, algorithm, the key in an OCTET STRING of its own. */
static enum inro_err read_key(struct bytes pkcs8, struct bytes *ret_oid, struct bytes *ret_raw)
{
	struct bytes in, algorithm, key;
	int64_t version;
	enum inro_err e = der_only(pkcs8, DER_SEQUENCE, &in);

	if (!e)
		e = der_take_int(&in, &version);
	if (!e)
		e = der_take(&in, DER_SEQUENCE, &algorithm);
	if (!e)
		e = der_take(&algorithm, DER_OID, ret_oid);
	if (!e)
		e = der_take(&in, DER_OCTET_STRING, &key);
	if (!e && der_peek(key) == DER_OCTET_STRING)
		e = der_only(key, DER_OCTET_STRING, ret_raw);
	return e;
}

static const struct token_curve *find(struct bytes pkcs8, struct bytes *ret_raw)
{
	struct bytes oid = BYTES_NONE;

	if (read_key(pkcs8, &oid, ret_raw))
		return NULL;
	for (size_t i = 0; i < ARRAY_LEN(curves); i++)
		if (bytes_equal(oid, curves[i].oid))
			return &curves[i];
	return NULL;
}

const char *token_curve_word(struct bytes pkcs8, bool *ret_sign)
{
	struct bytes raw = BYTES_NONE;
	const struct token_curve *c = find(pkcs8, &raw);

	if (c)
		*ret_sign = c->sign;
	return c ? c->word : NULL;
}

static enum inro_err public_octets(const struct token_curve *c, struct bytes raw, uint8_t *out)
{
	EVP_PKEY *pkey =
		EVP_PKEY_new_raw_private_key_ex(crypt_libctx(), c->name, NULL, raw.p, raw.n);
	size_t n = OCTETS_MAX;
	bool ok = pkey && EVP_PKEY_get_raw_public_key(pkey, out, &n) && n == c->octets;

	EVP_PKEY_free(pkey);
	ERR_clear_error();
	return ok ? INRO_OK : INRO_E_CRYPTO;
}

struct halves {
	struct template private_key, public_key;
	struct buf params, point;
};

static void halves_clear(struct halves *h)
{
	buf_clear(&h->params);
	buf_clear(&h->point);
}

static void fill(const struct token_curve *c, const struct token_key_plan *plan, struct bytes raw,
		 const uint8_t *point, struct halves *h)
{
	static const CK_OBJECT_CLASS private_class = CKO_PRIVATE_KEY, public_class = CKO_PUBLIC_KEY;

	der_add(&h->params, DER_OID, c->oid);
	der_add(&h->point, DER_OCTET_STRING, BYTES(point, c->octets));
	template_add_ulong(&h->private_key, CKA_CLASS, &private_class);
	template_add_ulong(&h->public_key, CKA_CLASS, &public_class);
	template_add_ulong(&h->private_key, CKA_KEY_TYPE, &c->type);
	template_add_ulong(&h->public_key, CKA_KEY_TYPE, &c->type);
	template_private(&h->private_key, plan, plan->id);
	template_public(&h->public_key, plan, plan->id);
	template_add(&h->private_key, CKA_EC_PARAMS, buf_bytes(&h->params));
	template_add(&h->public_key, CKA_EC_PARAMS, buf_bytes(&h->params));
	template_add(&h->private_key, CKA_VALUE, raw);
	template_add(&h->public_key, CKA_EC_POINT, buf_bytes(&h->point));
}

static enum inro_err create(struct token *t, struct halves *h)
{
	CK_OBJECT_HANDLE public_key = CK_INVALID_HANDLE, private_key = CK_INVALID_HANDLE;
	enum inro_err e = ck_err(
		t->module,
		t->f->C_CreateObject(t->session, h->public_key.a, h->public_key.n, &public_key),
		"C_CreateObject");

	if (e)
		return e;
	e = ck_err(
		t->module,
		t->f->C_CreateObject(t->session, h->private_key.a, h->private_key.n, &private_key),
		"C_CreateObject");
	if (e)
		(void)t->f->C_DestroyObject(t->session, public_key);
	return e;
}

enum inro_err token_curve_import(struct token *t, const struct token_key_plan *plan,
				 struct bytes pkcs8)
{
	SCOPED(halves) h = { 0 };
	struct bytes raw = BYTES_NONE;
	const struct token_curve *c = find(pkcs8, &raw);
	uint8_t point[OCTETS_MAX];
	enum inro_err e = token_ready(t);

	if (!e)
		e = token_key_check_label(plan->label);
	if (!e)
		e = token_key_refuse_twin(t, plan, plan->id);
	if (!e && (!c || raw.n != c->octets || public_octets(c, raw, point)))
		e = err_set(INRO_E_SYNTAX, "the private key is not one of RFC 8410's");
	if (e)
		return e;
	fill(c, plan, raw, point, &h);
	e = buf_err(&h.params);
	if (!e)
		e = buf_err(&h.point);
	return e ? e : create(t, &h);
}
