#include "backoffice/pki/pubkey.h"

#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/param_build.h>
#include <openssl/rsa.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backoffice/pki/crypt.h"
#include "base/der.h"

#define POINT_UNCOMPRESSED 4
#define EXPONENT_OCTETS	   4

static const struct pki_key_type *type_by_algorithm(struct bytes oid)
{
	for (int k = PKI_KEY_NONE + 1; k < PKI_KEY__MAX; k++)
		if (bytes_equal(pki_key_type((enum pki_key)k)->algorithm, oid))
			return pki_key_type((enum pki_key)k);
	return NULL;
}

static const struct pki_key_type *type_by_curve(struct bytes oid)
{
	for (int k = PKI_KEY_NONE + 1; k < PKI_KEY__MAX; k++)
		if (oid.n && bytes_equal(pki_key_type((enum pki_key)k)->curve, oid))
			return pki_key_type((enum pki_key)k);
	return NULL;
}

/* RFC 5480 2.1.1: namedCurve is all there may be. */
static enum inro_err read_ec(struct bytes parameters, struct pubkey *k)
{
	const struct pki_key_type *t;
	struct bytes oid;
	char text[64];

	if (der_peek(parameters) == DER_SEQUENCE)
		return err_set(INRO_E_UNSUPPORTED,
			       "an EC key with explicit curve parameters; only named curves are "
			       "taken");
	if (der_only(parameters, DER_OID, &oid))
		return err_set(INRO_E_SYNTAX, "an EC key without a named curve");
	t = type_by_curve(oid);
	if (!t)
		return err_set(INRO_E_UNSUPPORTED,
			       "an EC key on curve %s; P-224 to P-521, secp256k1 and "
			       "brainpoolP224r1 to P512r1 are taken",
			       der_oid_text(oid, text, sizeof text) ? "?" : text);
	if (k->key_bits.n != 1 + 2 * (size_t)t->field_octets ||
	    k->key_bits.p[0] != POINT_UNCOMPRESSED)
		return err_set(INRO_E_SYNTAX, "an EC key whose point is not an uncompressed one "
					      "of its curve");
	k->type = t->id;
	k->bits = t->bits;
	return INRO_OK;
}

static unsigned bit_length(struct bytes m)
{
	unsigned bits = (unsigned)m.n * 8;

	for (unsigned mask = 0x80; m.n && mask && !(m.p[0] & mask); mask >>= 1)
		bits--;
	return bits;
}

static enum inro_err check_rsa(const struct pubkey *k)
{
	struct bytes e = k->exponent;

	if (k->bits < PUBKEY_RSA_MIN || k->bits > PUBKEY_RSA_MAX)
		return err_set(INRO_E_POLICY, "an RSA key of %u bits; %u to %u are taken", k->bits,
			       PUBKEY_RSA_MIN, PUBKEY_RSA_MAX);
	if (!(k->modulus.p[k->modulus.n - 1] & 1))
		return err_set(INRO_E_POLICY, "an RSA key with an even modulus");
	if (e.n > EXPONENT_OCTETS || !(e.p[e.n - 1] & 1) || (e.n == 1 && e.p[0] < 3))
		return err_set(INRO_E_POLICY, "an RSA key whose public exponent is not an odd "
					      "number from 3 to 2^32");
	return INRO_OK;
}

static enum inro_err read_numbers(struct pubkey *k)
{
	struct bytes seq;
	enum inro_err e = der_only(k->key_bits, DER_SEQUENCE, &seq);

	if (!e)
		e = der_take_unsigned(&seq, &k->modulus);
	if (!e)
		e = der_take_unsigned(&seq, &k->exponent);
	if (e)
		return e;
	if (seq.n)
		return err_set(INRO_E_SYNTAX, "something follows the exponent of an RSA key");
	k->bits = bit_length(k->modulus);
	return check_rsa(k);
}

/* RFC 3279 2.3.1: parameters are NULL, not left out. */
static enum inro_err read_rsa(struct bytes parameters, struct pubkey *k)
{
	struct bytes null;
	enum inro_err e;

	if (!parameters.n)
		return err_set(INRO_E_SYNTAX, "an RSA key without the NULL that RFC 3279 2.3.1 "
					      "wants for its parameters");
	e = der_only(parameters, DER_NULL, &null);
	if (!e && null.n)
		e = err_set(INRO_E_SYNTAX, "a NULL that is not empty");
	return e ? e : read_numbers(k);
}

/* RFC 4055 1.2: parameters are left out, or say what there may be. */
static enum inro_err read_rsa_pss(struct bytes parameters, struct pubkey *k)
{
	size_t salt = 0;
	enum inro_err e = parameters.n ? pki_pss_read(parameters, &k->only, &salt) : INRO_OK;

	if (!e && salt > pki_hash_octets(k->only))
		e = err_set(INRO_E_UNSUPPORTED,
			    "an RSA-PSS key that wants a salt of %zu octets with %s; %zu or fewer "
			    "are taken",
			    salt, pki_hash_name(k->only), pki_hash_octets(k->only));
	return e ? e : read_numbers(k);
}

/* RFC 8410 3, RFC 9881 4, RFC 9935 4: no parameters, the key's octets as they are. */
static enum inro_err read_raw(struct bytes parameters, struct pubkey *k)
{
	const struct pki_key_type *t = pki_key_type(k->type);

	if (parameters.n)
		return err_set(INRO_E_SYNTAX, "a key of algorithm %s with parameters", t->group);
	if (k->key_bits.n != t->octets)
		return err_set(INRO_E_SYNTAX, "a key of algorithm %s with %zu octets, not %u",
			       t->group, k->key_bits.n, t->octets);
	k->bits = t->bits;
	return INRO_OK;
}

typedef enum inro_err read_key_fn(struct bytes parameters, struct pubkey *k);
static read_key_fn *const readers[PKI_FAMILY__MAX] = {
	[PKI_EC] = read_ec,	     [PKI_RSA_KEYS] = read_rsa, [PKI_RSA_PSS_KEYS] = read_rsa_pss,
	[PKI_EDWARDS] = read_raw,    [PKI_MONTGOMERY] = read_raw, [PKI_ML_DSA] = read_raw,
	[PKI_ML_KEM] = read_raw,     [PKI_SLH_DSA] = read_raw,
};

enum inro_err pubkey_read(struct bytes spki, struct pubkey *ret)
{
	struct pubkey k = { .spki = spki };
	struct bytes seq, algorithm, oid;
	const struct pki_key_type *t;
	char text[64];
	enum inro_err e = der_only(spki, DER_SEQUENCE, &seq);

	if (!e)
		e = der_take(&seq, DER_SEQUENCE, &algorithm);
	if (!e)
		e = der_take(&algorithm, DER_OID, &oid);
	if (!e)
		e = der_take_bits(&seq, &k.key_bits);
	if (e)
		return e;
	if (seq.n)
		return err_set(INRO_E_SYNTAX, "something follows a public key");
	t = type_by_algorithm(oid);
	if (!t)
		return err_set(INRO_E_UNSUPPORTED,
			       "a public key of algorithm %s; RSA, EC, Edwards and Montgomery "
			       "curves, ML-DSA, SLH-DSA and ML-KEM are taken",
			       der_oid_text(oid, text, sizeof text) ? "?" : text);
	k.type = t->id;
	e = readers[t->family](algorithm, &k);
	if (!e)
		*ret = k;
	return e;
}

bool pubkey_is_told(const struct pubkey *told, const struct pubkey *k)
{
	return bytes_equal(told->spki, k->spki) ||
	       (told->type == PKI_RSA_PSS && k->modulus.n && bytes_equal(told->key_bits, k->key_bits));
}

bool pubkey_same(const struct pubkey *a, const struct pubkey *b)
{
	return bytes_equal(a->spki, b->spki) ||
	       (a->modulus.n && b->modulus.n && bytes_equal(a->key_bits, b->key_bits));
}

static enum inro_err print_plain(const struct pubkey *k, uint8_t ret[static PKI_DIGEST_MAX])
{
	SCOPED(buf) plain = { 0 };
	size_t seq = der_begin(&plain, DER_SEQUENCE), id = der_begin(&plain, DER_SEQUENCE);

	der_add(&plain, DER_OID, pki_key_type(PKI_RSA)->algorithm);
	der_add(&plain, DER_NULL, BYTES_NONE);
	der_end(&plain, id);
	der_add_bits(&plain, k->key_bits);
	der_end(&plain, seq);
	return buf_err(&plain) ? buf_err(&plain) : pki_digest(PKI_SHA256, buf_bytes(&plain), ret);
}

enum inro_err pubkey_print(const struct pubkey *k, uint8_t ret[static PKI_DIGEST_MAX])
{
	return k->type == PKI_RSA_PSS ? print_plain(k, ret) : pki_digest(PKI_SHA256, k->spki, ret);
}

/* The hash that it signs with, which is the only one it can. */
static enum inro_err bound_hash(const struct pubkey *k, enum pki_hash *hash)
{
	if (!k->only || *hash == k->only)
		return INRO_OK;
	if (*hash != PKI_HASH_NONE)
		return err_set(INRO_E_KEY_TYPE,
			       "the RSA-PSS key signs with %s alone, not with %s; a profile says \"hash = auto\" for a CA "
			       "that has such a key",
			       pki_hash_name(k->only), pki_hash_name(*hash));
	*hash = k->only;
	return INRO_OK;
}

enum inro_err pubkey_sig(const struct pubkey *k, enum pki_hash hash, const struct pki_sig **ret)
{
	enum inro_err e = bound_hash(k, &hash);

	return e ? e : pki_sig_for(k->type, hash, ret);
}

enum inro_err pubkey_sig_pss(const struct pubkey *k, enum pki_hash hash, const struct pki_sig **ret)
{
	enum inro_err e = bound_hash(k, &hash);

	return e ? e : pki_sig_for_pss(k->type, hash, ret);
}

enum inro_err pubkey_id(const struct pubkey *k, uint8_t ret[static PUBKEY_ID_OCTETS])
{
	uint8_t digest[PKI_DIGEST_MAX];
	enum inro_err e = pki_digest(PKI_SHA256, k->key_bits, digest);

	if (!e)
		memcpy(ret, digest, PUBKEY_ID_OCTETS);
	return e;
}

void pubkey_name(const struct pubkey *k, char *out, size_t cap)
{
	const struct pki_key_type *t = pki_key_type(k->type);

	const char *name = t ? t->name : "unknown";
	size_t n = strlen(name) < cap ? strlen(name) : cap - 1;

	if (t && !t->bits) {
		snprintf(out, cap, "%s-%u", name, k->bits);
		return;
	}
	memcpy(out, name, n);
	out[n] = 0;
}

/* ---- libcrypto verifies ---- */

static void pkey_free(EVP_PKEY **p)
{
	EVP_PKEY_free(*p);
}

static void pkey_ctx_free(EVP_PKEY_CTX **p)
{
	EVP_PKEY_CTX_free(*p);
}

static void md_ctx_free(EVP_MD_CTX **p)
{
	EVP_MD_CTX_free(*p);
}

static void params_free(OSSL_PARAM **p)
{
	OSSL_PARAM_free(*p);
}

static void params_bld_free(OSSL_PARAM_BLD **p)
{
	OSSL_PARAM_BLD_free(*p);
}

static void bn_free(BIGNUM **p)
{
	BN_free(*p);
}

static EVP_PKEY *from_params(const char *algorithm, OSSL_PARAM *params)
{
	AUTO(pkey_ctx_free)
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(crypt_libctx(), algorithm, NULL);
	EVP_PKEY *pkey = NULL;

	if (!params || !ctx || EVP_PKEY_fromdata_init(ctx) <= 0 ||
	    EVP_PKEY_fromdata(ctx, &pkey, EVP_PKEY_PUBLIC_KEY, params) <= 0)
		return NULL;
	return pkey;
}

static EVP_PKEY *rsa_pkey(const struct pubkey *k)
{
	AUTO(params_bld_free) OSSL_PARAM_BLD *bld = OSSL_PARAM_BLD_new();
	AUTO(params_free) OSSL_PARAM *params = NULL;
	AUTO(bn_free) BIGNUM *n = BN_bin2bn(k->modulus.p, (int)k->modulus.n, NULL);
	AUTO(bn_free) BIGNUM *e = BN_bin2bn(k->exponent.p, (int)k->exponent.n, NULL);

	if (bld && n && e && OSSL_PARAM_BLD_push_BN(bld, OSSL_PKEY_PARAM_RSA_N, n) &&
	    OSSL_PARAM_BLD_push_BN(bld, OSSL_PKEY_PARAM_RSA_E, e))
		params = OSSL_PARAM_BLD_to_param(bld);
	return from_params("RSA", params);
}

static EVP_PKEY *raw_pkey(const struct pubkey *k)
{
	return EVP_PKEY_new_raw_public_key_ex(crypt_libctx(), pki_key_type(k->type)->group, NULL,
					      k->key_bits.p, k->key_bits.n);
}

typedef EVP_PKEY *make_pkey_fn(const struct pubkey *k);
/* Of EC keys see below. */
static make_pkey_fn *const makers[PKI_FAMILY__MAX] = {
	[PKI_RSA_KEYS] = rsa_pkey, [PKI_RSA_PSS_KEYS] = rsa_pkey, [PKI_EDWARDS] = raw_pkey,
	[PKI_MONTGOMERY] = raw_pkey, [PKI_ML_DSA] = raw_pkey,	  [PKI_ML_KEM] = raw_pkey,
	[PKI_SLH_DSA] = raw_pkey,
};

static enum inro_err no_pkey(const struct pubkey *k)
{
	ERR_clear_error();
	if (pki_key_type(k->type)->octets)
		return err_set(INRO_E_UNSUPPORTED, "this libcrypto knows no %s, or the key is none",
			       pki_key_type(k->type)->group);
	return err_set(INRO_E_SYNTAX, "the public key is not a point of its curve or not a key");
}

/* The salt is as long as it is found to be: openssl makes the longest that there is room for. */
static bool set_pss(EVP_PKEY_CTX *ctx)
{
	return EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_PSS_PADDING) > 0 &&
	       EVP_PKEY_CTX_set_rsa_pss_saltlen(ctx, RSA_PSS_SALTLEN_AUTO) > 0;
}

static enum inro_err verdict(bool good)
{
	if (ERR_peek_error()) /* to look costs a tenth of it */
		ERR_clear_error();
	return good ? INRO_OK : err_set(INRO_E_SIGNATURE, "the signature does not verify");
}

/* ---- ECDSA ---- */

/* A key that is given another point for each verification, and a context that is set up for it:
 * to make them anew costs a tenth of one.  Who verifies has one alone. */
struct ec_verifier {
	EVP_PKEY *pkey;
	EVP_PKEY_CTX *ctx;
};

static _Atomic(struct ec_verifier *) at_rest[PKI_KEY__MAX]; /* one of a curve; NULL: in use */

static void ec_verifier_free(struct ec_verifier **v)
{
	if (!*v)
		return;
	EVP_PKEY_CTX_free((*v)->ctx);
	EVP_PKEY_free((*v)->pkey);
	free(*v);
}

static struct ec_verifier *ec_verifier_new(enum pki_key type)
{
	struct ec_verifier *v = calloc(1, sizeof *v);
	EVP_PKEY *curve = crypt_group(type);

	if (v && curve && (v->pkey = EVP_PKEY_new()) &&
	    EVP_PKEY_copy_parameters(v->pkey, curve) > 0 &&
	    (v->ctx = EVP_PKEY_CTX_new_from_pkey(crypt_libctx(), v->pkey, NULL)) &&
	    EVP_PKEY_verify_init(v->ctx) > 0)
		return v;
	ec_verifier_free(&v);
	return NULL;
}

static struct ec_verifier *ec_verifier_take(enum pki_key type)
{
	struct ec_verifier *v = atomic_exchange(&at_rest[type], NULL);

	return v ? v : ec_verifier_new(type);
}

static void ec_verifier_give(enum pki_key type, struct ec_verifier **v)
{
	struct ec_verifier *other = atomic_exchange(&at_rest[type], *v);

	*v = NULL;
	ec_verifier_free(&other);
}

/* One that could not be given its point is thrown away. */
static enum inro_err verify_ecdsa(const struct pubkey *k, const struct pki_sig *sig,
				  struct bytes message, struct bytes signature)
{
	AUTO(ec_verifier_free) struct ec_verifier *v = ec_verifier_take(k->type);
	uint8_t digest[PKI_DIGEST_MAX];
	enum inro_err e = pki_digest(sig->hash, message, digest);
	bool good;

	if (e)
		return e;
	if (!v)
		return crypt_err("verifying a signature");
	if (EVP_PKEY_set1_encoded_public_key(v->pkey, k->key_bits.p, k->key_bits.n) <= 0)
		return no_pkey(k);
	good = EVP_PKEY_verify(v->ctx, signature.p, signature.n, digest,
			       pki_hash_octets(sig->hash)) == 1;
	ec_verifier_give(k->type, &v);
	return verdict(good);
}

enum inro_err pubkey_verify(const struct pubkey *k, const struct pki_sig *sig, struct bytes message,
			    struct bytes signature)
{
	AUTO(pkey_free) EVP_PKEY *pkey = NULL;
	AUTO(md_ctx_free) EVP_MD_CTX *ctx = NULL;
	EVP_PKEY_CTX *pctx = NULL;

	if (!pki_sig_fits(sig, k->type))
		return err_set(INRO_E_KEY_TYPE, "signature algorithm %s does not fit the key",
			       sig->name);
	if (k->only && sig->hash != k->only)
		return err_set(INRO_E_KEY_TYPE, "the RSA-PSS key is for %s alone, not for %s",
			       pki_hash_name(k->only), sig->name);
	if (sig->scheme == PKI_SIGN_ECDSA)
		return verify_ecdsa(k, sig, message, signature);
	pkey = makers[pki_key_type(k->type)->family](k);
	if (!pkey)
		return no_pkey(k);
	ctx = EVP_MD_CTX_new();
	if (!ctx ||
	    EVP_DigestVerifyInit_ex(ctx, &pctx, pki_hash_name(sig->hash), crypt_libctx(), NULL,
				    pkey, NULL) <= 0 ||
	    (sig->scheme == PKI_SIGN_PSS && !set_pss(pctx)))
		return crypt_err("verifying a signature");
	return verdict(EVP_DigestVerify(ctx, signature.p, signature.n, message.p, message.n) == 1);
}
