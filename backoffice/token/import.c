/*
 * import - a private key from a PKCS#8 file into a token.
 *
 * 1. The numbers of the key are in memory as secrets only, for as long as C_CreateObject takes.
 * 2. The public object is made first: an import that is cut short leaves one that can't sign, and
 *    the same import again completes it.  One that fails leaves neither.
 */
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <stdlib.h>

#include "backoffice/pki/crypt.h"
#include "backoffice/pki/pem.h"
#include "backoffice/token/internal.h"
#include "base/der.h"

#define PKCS8_MAX ((size_t)64 << 10)
#define PARTS_MAX 8

static void pkey_free(EVP_PKEY **p)
{
	EVP_PKEY_free(*p);
}

static void bio_free(BIO **p)
{
	BIO_free(*p);
}

static void bn_wipe(BIGNUM **p)
{
	BN_clear_free(*p);
}

/* Never a prompt: a key that needs a password is refused. */
static int no_password(char *room, int n, int writing, void *arg)
{
	if (n > 0)
		*room = '\0';
	(void)writing;
	(void)arg;
	return -1;
}

static enum inro_err read_pkcs8(struct bytes in, EVP_PKEY **ret)
{
	const uint8_t *p = in.p;
	AUTO(bio_free) BIO *bio = NULL;

	if (in.n == 0 || in.n > PKCS8_MAX)
		return err_set(INRO_E_TOO_BIG, "a private key of %zu octets; 1 to %zu are taken",
			       in.n, PKCS8_MAX);
	if (pem_is(in)) {
		bio = BIO_new_mem_buf(in.p, (int)in.n);
		*ret = bio ? PEM_read_bio_PrivateKey_ex(bio, NULL, no_password, NULL,
							crypt_libctx(), NULL)
			   : NULL;
	} else {
		*ret = d2i_AutoPrivateKey_ex(NULL, &p, (long)in.n, crypt_libctx(), NULL);
		if (*ret && p != in.p + in.n) {
			EVP_PKEY_free(*ret);
			*ret = NULL;
		}
	}
	ERR_clear_error();
	return *ret ? INRO_OK
		    : err_set(INRO_E_SYNTAX, "the file is not an unencrypted private key in "
					     "PKCS#8 (PEM or DER)");
}

/* The secrets of a key and the templates that point at them. */
struct parts {
	struct secret value[PARTS_MAX];
	size_t n;
	struct pss_list pss;
	struct buf curve, point; /* of an EC key */
	struct template private_key, public_key;
};

static void parts_clear(struct parts *p)
{
	for (size_t i = 0; i < p->n; i++)
		secret_clear(&p->value[i]);
	buf_clear(&p->curve);
	buf_clear(&p->point);
}

/* One number of the key as big-endian octets, `octets` of them or as many as it takes. */
static enum inro_err take_number(const EVP_PKEY *pkey, const char *name, size_t octets,
				 struct parts *p, struct bytes *ret)
{
	AUTO(bn_wipe) BIGNUM *bn = NULL;
	struct secret *s = &p->value[p->n];
	enum inro_err e;

	if (!EVP_PKEY_get_bn_param(pkey, name, &bn))
		return crypt_err("reading a private key");
	if (!octets)
		octets = (size_t)BN_num_bytes(bn);
	e = secret_new(octets, s);
	if (e)
		return e;
	p->n++;
	if (BN_bn2binpad(bn, s->p, (int)octets) < 0)
		return crypt_err("reading a private key");
	*ret = secret_bytes(s);
	return INRO_OK;
}

static const struct {
	const char *name;
	CK_ATTRIBUTE_TYPE type;
	bool is_public;
} rsa_parts[] = {
	{ OSSL_PKEY_PARAM_RSA_N, CKA_MODULUS, true },
	{ OSSL_PKEY_PARAM_RSA_E, CKA_PUBLIC_EXPONENT, true },
	{ OSSL_PKEY_PARAM_RSA_D, CKA_PRIVATE_EXPONENT, false },
	{ OSSL_PKEY_PARAM_RSA_FACTOR1, CKA_PRIME_1, false },
	{ OSSL_PKEY_PARAM_RSA_FACTOR2, CKA_PRIME_2, false },
	{ OSSL_PKEY_PARAM_RSA_EXPONENT1, CKA_EXPONENT_1, false },
	{ OSSL_PKEY_PARAM_RSA_EXPONENT2, CKA_EXPONENT_2, false },
	{ OSSL_PKEY_PARAM_RSA_COEFFICIENT1, CKA_COEFFICIENT, false },
};

_Static_assert(ARRAY_LEN(rsa_parts) <= PARTS_MAX, "an RSA key has eight numbers");

static enum inro_err add_rsa(const EVP_PKEY *pkey, const struct pubkey *pub, struct parts *p)
{
	struct bytes value = BYTES_NONE;
	enum inro_err e = INRO_OK;

	(void)pub;
	for (size_t i = 0; i < ARRAY_LEN(rsa_parts) && !e; i++) {
		e = take_number(pkey, rsa_parts[i].name, 0, p, &value);
		if (e)
			continue;
		template_add(&p->private_key, rsa_parts[i].type, value);
		if (rsa_parts[i].is_public)
			template_add(&p->public_key, rsa_parts[i].type, value);
	}
	return e;
}

static enum inro_err add_ec(const EVP_PKEY *pkey, const struct pubkey *pub, struct parts *p)
{
	const struct pki_key_type *type = pki_key_type(pub->type);
	struct bytes value = BYTES_NONE;
	enum inro_err e =
		take_number(pkey, OSSL_PKEY_PARAM_PRIV_KEY, type->field_octets, p, &value);

	if (e)
		return e;
	der_add(&p->curve, DER_OID, type->curve);
	der_add(&p->point, DER_OCTET_STRING, pub->key_bits);
	template_add(&p->private_key, CKA_VALUE, value);
	template_add(&p->private_key, CKA_EC_PARAMS, buf_bytes(&p->curve));
	template_add(&p->public_key, CKA_EC_PARAMS, buf_bytes(&p->curve));
	template_add(&p->public_key, CKA_EC_POINT, buf_bytes(&p->point));
	return p->curve.err ? p->curve.err : buf_err(&p->point);
}

static enum inro_err add_rsa_pss(const EVP_PKEY *pkey, const struct pubkey *pub, struct parts *p)
{
	token_pss_list(pub->only, &p->pss);
	template_add(&p->private_key, CKA_ALLOWED_MECHANISMS, pss_list_bytes(&p->pss));
	return add_rsa(pkey, pub, p);
}

/* RFC 8410: the private key is octets too. */
static enum inro_err add_curve(const EVP_PKEY *pkey, const struct pubkey *pub, struct parts *p)
{
	struct secret *s = &p->value[p->n];
	size_t n = pki_key_type(pub->type)->octets;
	enum inro_err e = secret_new(n, s);

	if (e)
		return e;
	p->n++;
	if (EVP_PKEY_get_raw_private_key(pkey, s->p, &n) != 1)
		return crypt_err("reading a private key");
	der_add(&p->curve, DER_OID, pki_key_type(pub->type)->algorithm);
	der_add(&p->point, DER_OCTET_STRING, pub->key_bits);
	template_add(&p->private_key, CKA_VALUE, secret_bytes(s));
	template_add(&p->private_key, CKA_EC_PARAMS, buf_bytes(&p->curve));
	template_add(&p->public_key, CKA_EC_PARAMS, buf_bytes(&p->curve));
	template_add(&p->public_key, CKA_EC_POINT, buf_bytes(&p->point));
	return p->curve.err ? p->curve.err : buf_err(&p->point);
}

static const struct {
	CK_KEY_TYPE type;
	enum inro_err (*add)(const EVP_PKEY *pkey, const struct pubkey *pub, struct parts *p);
} families[PKI_FAMILY__MAX] = {
	[PKI_EC] = { CKK_EC, add_ec },
	[PKI_RSA_KEYS] = { CKK_RSA, add_rsa },
	[PKI_RSA_PSS_KEYS] = { CKK_RSA, add_rsa_pss },
	[PKI_EDWARDS] = { CKK_EC_EDWARDS, add_curve },
	[PKI_MONTGOMERY] = { CKK_EC_MONTGOMERY, add_curve },
};

bool token_pkcs8_agrees(struct bytes pkcs8)
{
	struct bytes in, algorithm, oid;
	int64_t version;
	bool agrees = false;

	if (der_only(pkcs8, DER_SEQUENCE, &in) || der_take_int(&in, &version) ||
	    der_take(&in, DER_SEQUENCE, &algorithm) || der_take(&algorithm, DER_OID, &oid))
		return false;
	for (int k = PKI_KEY_NONE + 1; k < PKI_KEY__MAX; k++) {
		const struct pki_key_type *t = pki_key_type((enum pki_key)k);

		agrees |= t->family == PKI_MONTGOMERY && bytes_equal(t->algorithm, oid);
	}
	return agrees;
}

static enum inro_err public_half(const EVP_PKEY *pkey, struct buf *ret)
{
	uint8_t *der = NULL;
	int n = i2d_PUBKEY(pkey, &der);

	if (n <= 0)
		return crypt_err("encoding a public key");
	buf_add(ret, BYTES(der, (size_t)n));
	OPENSSL_free(der);
	return buf_err(ret);
}

/* ret->public_key is there already, or CK_INVALID_HANDLE. */
static enum inro_err create_pair(struct token *t, struct parts *p, struct token_pair *ret)
{
	bool had = ret->public_key != CK_INVALID_HANDLE;
	enum inro_err e = INRO_OK;

	if (!had)
		e = ck_err(t->module,
			   t->f->C_CreateObject(t->session, p->public_key.a, p->public_key.n,
						&ret->public_key),
			   "C_CreateObject");
	if (e)
		return e;
	e = ck_err(t->module,
		   t->f->C_CreateObject(t->session, p->private_key.a, p->private_key.n,
					&ret->private_key),
		   "C_CreateObject");
	if (e && !had)
		(void)t->f->C_DestroyObject(t->session, ret->public_key);
	return e;
}

/* Is that object the public half of this key, with no private one beside it?  Its id in *id. */
static bool is_half(struct token *t, CK_OBJECT_HANDLE object, struct bytes spki, struct buf *id)
{
	AUTO(free_handles) CK_OBJECT_HANDLE *found = NULL;
	SCOPED(buf) other = { 0 };
	CK_ULONG n = 0;

	buf_reset(id);
	return ck_public_key(t->module, t->session, object, &other) == INRO_OK &&
	       bytes_equal(buf_bytes(&other), spki) &&
	       ck_attr(t->module, t->session, object, CKA_ID, id) == INRO_OK && id->n &&
	       token_find_id(t, CKO_PRIVATE_KEY, buf_bytes(id), BYTES_NONE, &found, &n) ==
		       INRO_OK &&
	       n == 0;
}

/* What an import of the same key under the same label left when it was cut short. */
static enum inro_err find_half(struct token *t, const struct token_key_plan *plan,
			       struct bytes spki, struct buf *id, struct token_pair *ret)
{
	static const CK_OBJECT_CLASS class = CKO_PUBLIC_KEY;
	AUTO(free_handles) CK_OBJECT_HANDLE *found = NULL;
	struct template tpl = { 0 };
	CK_ULONG n = 0;
	enum inro_err e;

	template_add_ulong(&tpl, CKA_CLASS, &class);
	template_add(&tpl, CKA_LABEL, bytes_of(plan->label));
	if (plan->id.n)
		template_add(&tpl, CKA_ID, plan->id);
	e = ck_find_all(t->module, t->session, tpl.a, tpl.n, &found, &n);
	for (CK_ULONG i = 0; i < n && !e && ret->public_key == CK_INVALID_HANDLE; i++)
		if (is_half(t, found[i], spki, id))
			ret->public_key = found[i];
	if (!e && ret->public_key == CK_INVALID_HANDLE) {
		buf_reset(id);
		e = token_key_choose_id(plan, id);
	}
	return e;
}

static enum inro_err create(struct token *t, const struct token_key_plan *plan, struct bytes id,
			    const EVP_PKEY *pkey, struct bytes spki, struct token_pair *ret)
{
	static const CK_OBJECT_CLASS private_class = CKO_PRIVATE_KEY, public_class = CKO_PUBLIC_KEY;
	SCOPED(parts) p = { 0 };
	struct pubkey pub;
	enum pki_family family;
	enum inro_err e = pubkey_read(spki, &pub);

	if (e)
		return e;
	family = pki_key_type(pub.type)->family;
	if (!families[family].add)
		return err_set(INRO_E_UNSUPPORTED, "a key of algorithm %s is not taken from a file",
			       pki_key_type(pub.type)->group);
	template_add_ulong(&p.private_key, CKA_CLASS, &private_class);
	template_add_ulong(&p.public_key, CKA_CLASS, &public_class);
	template_add_ulong(&p.private_key, CKA_KEY_TYPE, &families[family].type);
	template_add_ulong(&p.public_key, CKA_KEY_TYPE, &families[family].type);
	template_private(&p.private_key, plan, id);
	template_public(&p.public_key, plan, id);
	e = families[family].add(pkey, &pub, &p);
	if (p.pss.n)
		token_pss_public(t, &p.pss, &p.public_key);
	return e ? e : create_pair(t, &p, ret);
}

enum inro_err token_key_import(struct token *t, const struct token_key_plan *plan,
			       struct bytes pkcs8, struct token_key **ret)
{
	AUTO(pkey_free) EVP_PKEY *pkey = NULL;
	struct token_key_plan known = *plan;
	SCOPED(buf) id = { 0 };
	SCOPED(buf) spki = { 0 };
	struct token_pair pair = { 0 };
	enum inro_err e = token_ready(t);

	known.kind = NULL; /* the file says what it is */
	if (!e)
		e = token_key_check_label(plan->label);
	if (!e)
		e = read_pkcs8(pkcs8, &pkey);
	if (!e)
		e = public_half(pkey, &spki);
	if (!e)
		e = find_half(t, plan, buf_bytes(&spki), &id, &pair);
	if (!e)
		e = token_key_refuse_twin(t, plan, buf_bytes(&id));
	if (!e)
		e = create(t, &known, buf_bytes(&id), pkey, buf_bytes(&spki), &pair);
	return e ? e : token_key_adopt(t, &pair, &known, buf_bytes(&id), ret);
}

/* ---- certificates with it ---- */

/* What was stored, in case that it has to go again. */
struct stored {
	CK_OBJECT_HANDLE *p;
	size_t n;
};

static void stored_clear(struct stored *s)
{
	free(s->p);
}

static void take_back(struct token *t, const struct stored *s)
{
	for (size_t i = 0; i < s->n; i++)
		if (s->p[i] != CK_INVALID_HANDLE)
			(void)t->f->C_DestroyObject(t->session, s->p[i]);
}

static enum inro_err store_certs(struct token *t, const struct token_cert *certs, size_t n,
				 struct stored *s)
{
	enum inro_err e = INRO_OK;

	s->p = calloc(n ? n : 1, sizeof *s->p);
	if (!s->p)
		return err_set(INRO_E_NO_MEMORY, "no memory for %zu certificates", n);
	for (size_t i = 0; i < n && !e; i++) {
		e = token_cert_add(t, &certs[i], &s->p[i]);
		s->n += !e;
	}
	if (e)
		take_back(t, s);
	return e;
}

enum inro_err token_certs_import(struct token *t, const struct token_cert *certs, size_t n)
{
	SCOPED(stored) s = { 0 };

	return store_certs(t, certs, n, &s);
}

/* The key comes last: a certificate without it does no harm. */
enum inro_err token_bundle_import(struct token *t, const struct token_key_plan *plan,
				  struct bytes pkcs8, const struct token_cert *certs, size_t n,
				  struct token_key **ret)
{
	SCOPED(stored) s = { 0 };
	enum inro_err e = store_certs(t, certs, n, &s);

	if (e)
		return e;
	e = token_key_import(t, plan, pkcs8, ret);
	if (e)
		take_back(t, &s);
	return e;
}
