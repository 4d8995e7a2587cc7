/* crypt_key - public areas as keys of libcrypto, and as SubjectPublicKeyInfo. */
#include <string.h>

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/param_build.h>
#include <openssl/x509.h>

#include "base/der.h"
#include "base/oids.h"
#include "base/own.h"
#include "tpm/wire/crypt_private.h"

#define DEFAULT_EXPONENT 65537
#define MIN_RSA_BITS	 1024

static void free_bn(BIGNUM **x)
{
	BN_free(*x);
}

static void free_params(OSSL_PARAM **x)
{
	OSSL_PARAM_free(*x);
}

static void free_builder(OSSL_PARAM_BLD **x)
{
	OSSL_PARAM_BLD_free(*x);
}

void free_pkey(EVP_PKEY **key)
{
	EVP_PKEY_free(*key);
}

void free_pkey_ctx(EVP_PKEY_CTX **ctx)
{
	EVP_PKEY_CTX_free(*ctx);
}

/* ---- curves ---- */

static const struct tpm_curve curves[] = {
	{ .id = TPM2_ECC_NIST_P224,
	  .name = "secp224r1",
	  .other = "P-224",
	  .oid = BYTES_LIT(OID_P224),
	  .bits = 224 },
	{ .id = TPM2_ECC_NIST_P256,
	  .name = "prime256v1",
	  .other = "P-256",
	  .oid = BYTES_LIT(OID_P256),
	  .bits = 256 },
	{ .id = TPM2_ECC_NIST_P384,
	  .name = "secp384r1",
	  .other = "P-384",
	  .oid = BYTES_LIT(OID_P384),
	  .bits = 384 },
	{ .id = TPM2_ECC_NIST_P521,
	  .name = "secp521r1",
	  .other = "P-521",
	  .oid = BYTES_LIT(OID_P521),
	  .bits = 521 },
};

enum inro_err crypt_curve(TPM2_ECC_CURVE id, const struct tpm_curve **ret)
{
	for (size_t i = 0; i < ARRAY_LEN(curves); i++)
		if (curves[i].id == id) {
			*ret = &curves[i];
			return INRO_OK;
		}
	return err_set(INRO_E_UNSUPPORTED, "the TPM's curve 0x%04x is not offered here", id);
}

size_t crypt_curve_bytes(const struct tpm_curve *c)
{
	return (c->bits + 7u) / 8;
}

/* ---- from public areas ---- */

static enum inro_err key_from(const char *type, OSSL_PARAM *params, EVP_PKEY **ret)
{
	AUTO(free_pkey_ctx) EVP_PKEY_CTX *ctx = NULL;
	OSSL_LIB_CTX *lib;
	EVP_PKEY *key = NULL;
	enum inro_err e = crypt_context(&lib);

	if (e)
		return e;
	ctx = crypt_key_ctx(lib, type);
	if (!ctx || EVP_PKEY_fromdata_init(ctx) <= 0)
		return libcrypto_err("reading a TPM's public key");
	if (EVP_PKEY_fromdata(ctx, &key, EVP_PKEY_PUBLIC_KEY, params) <= 0)
		return err_set(INRO_E_PUBLIC_KEY, "a TPM's public key is none: %s",
			       err_detail(libcrypto_err("libcrypto")));
	*ret = key;
	return INRO_OK;
}

static enum inro_err rsa_key(const TPMT_PUBLIC *pub, EVP_PKEY **ret)
{
	const TPM2B_PUBLIC_KEY_RSA *n = &pub->unique.rsa;
	uint32_t exponent = pub->parameters.rsaDetail.exponent;
	AUTO(free_builder) OSSL_PARAM_BLD *b = OSSL_PARAM_BLD_new();
	AUTO(free_bn) BIGNUM *modulus = NULL;
	AUTO(free_params) OSSL_PARAM *params = NULL;

	if (n->size > sizeof n->buffer || n->size * 8u != pub->parameters.rsaDetail.keyBits)
		return err_set(INRO_E_PUBLIC_KEY, "a TPM's RSA key is not as long as it says");
	modulus = BN_bin2bn(n->buffer, n->size, NULL);
	if (b && modulus && OSSL_PARAM_BLD_push_BN(b, OSSL_PKEY_PARAM_RSA_N, modulus) > 0 &&
	    OSSL_PARAM_BLD_push_uint32(b, OSSL_PKEY_PARAM_RSA_E,
				       exponent ? exponent : DEFAULT_EXPONENT) > 0)
		params = OSSL_PARAM_BLD_to_param(b);
	return params ? key_from("RSA", params, ret)
		      : libcrypto_err("reading a TPM's public key");
}

static bool put_coordinate(const TPM2B_ECC_PARAMETER *x, size_t field, uint8_t *out)
{
	if (x->size > field)
		return false;
	memset(out, 0, field - x->size);
	memcpy(out + field - x->size, x->buffer, x->size);
	return true;
}

static enum inro_err ecc_key(const TPMT_PUBLIC *pub, EVP_PKEY **ret)
{
	const TPMS_ECC_POINT *p = &pub->unique.ecc;
	uint8_t point[CRYPT_MAX_POINT] = { POINT_CONVERSION_UNCOMPRESSED };
	char name[16];
	const struct tpm_curve *c;
	size_t field;
	enum inro_err e = crypt_curve(pub->parameters.eccDetail.curveID, &c);
	OSSL_PARAM params[3];

	if (e)
		return e;
	field = crypt_curve_bytes(c);
	if (!put_coordinate(&p->x, field, point + 1) ||
	    !put_coordinate(&p->y, field, point + 1 + field))
		return err_set(INRO_E_PUBLIC_KEY, "a TPM's point is too long for its curve");
	OPENSSL_strlcpy(name, c->name, sizeof name);
	params[0] = OSSL_PARAM_construct_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, name, 0);
	params[1] =
		OSSL_PARAM_construct_octet_string(OSSL_PKEY_PARAM_PUB_KEY, point, 1 + 2 * field);
	params[2] = OSSL_PARAM_construct_end();
	return key_from("EC", params, ret);
}

enum inro_err crypt_key(const TPMT_PUBLIC *pub, EVP_PKEY **ret)
{
	if (pub->type == TPM2_ALG_RSA)
		return rsa_key(pub, ret);
	if (pub->type == TPM2_ALG_ECC)
		return ecc_key(pub, ret);
	return err_set(INRO_E_KEY_TYPE, "an object of the TPM is no key pair");
}

static void add_oid(struct buf *b, struct bytes oid)
{
	der_add(b, DER_OID, oid);
}

static void add_rsa(struct buf *b, const TPMT_PUBLIC *pub)
{
	const TPM2B_PUBLIC_KEY_RSA *n = &pub->unique.rsa;
	uint32_t exponent = pub->parameters.rsaDetail.exponent;
	SCOPED(buf) key = { 0 };
	size_t inner = der_begin(&key, DER_SEQUENCE);
	size_t algorithm = der_begin(b, DER_SEQUENCE);

	add_oid(b, BYTES(OID_RSA, sizeof OID_RSA - 1));
	der_add(b, DER_NULL, BYTES_NONE);
	der_end(b, algorithm);
	der_add_unsigned(&key, BYTES(n->buffer, n->size));
	der_add_int(&key, exponent ? exponent : DEFAULT_EXPONENT);
	der_end(&key, inner);
	der_add_bits(b, buf_bytes(&key));
}

/* The curve is one of the table: crypt_key() has seen to that. */
static void add_ecc(struct buf *b, const TPMT_PUBLIC *pub)
{
	uint8_t point[CRYPT_MAX_POINT] = { POINT_CONVERSION_UNCOMPRESSED };
	const struct tpm_curve *c;
	size_t algorithm = der_begin(b, DER_SEQUENCE);

	if (crypt_curve(pub->parameters.eccDetail.curveID, &c))
		return;
	size_t field = crypt_curve_bytes(c);

	add_oid(b, BYTES(OID_EC, sizeof OID_EC - 1));
	add_oid(b, c->oid);
	der_end(b, algorithm);
	(void)put_coordinate(&pub->unique.ecc.x, field, point + 1);
	(void)put_coordinate(&pub->unique.ecc.y, field, point + 1 + field);
	der_add_bits(b, BYTES(point, 1 + 2 * field));
}

enum inro_err crypt_spki(const TPMT_PUBLIC *pub, struct buf *ret_spki)
{
	KEEP_LIBCRYPTO_ERRORS();
	AUTO(free_pkey) EVP_PKEY *key = NULL;
	enum inro_err e = crypt_key(pub, &key);

	if (e)
		return e;
	size_t whole = der_begin(ret_spki, DER_SEQUENCE);

	if (pub->type == TPM2_ALG_RSA)
		add_rsa(ret_spki, pub);
	else
		add_ecc(ret_spki, pub);
	der_end(ret_spki, whole);
	return buf_err(ret_spki);
}

/* ---- to public areas ---- */

enum inro_err crypt_key_point(const EVP_PKEY *key, size_t field, TPMS_ECC_POINT *ret)
{
	uint8_t point[CRYPT_MAX_POINT];
	size_t n = 0;

	if (EVP_PKEY_get_octet_string_param(key, OSSL_PKEY_PARAM_ENCODED_PUBLIC_KEY, point,
					    sizeof point, &n) <= 0)
		return libcrypto_err("reading an EC key's point");
	if (n != 1 + 2 * field || point[0] != POINT_CONVERSION_UNCOMPRESSED)
		return err_set(INRO_E_PUBLIC_KEY, "an EC key's point is not in uncompressed form");
	*ret = (TPMS_ECC_POINT) { .x.size = (UINT16)field, .y.size = (UINT16)field };
	memcpy(ret->x.buffer, point + 1, field);
	memcpy(ret->y.buffer, point + 1 + field, field);
	return INRO_OK;
}

static const struct tpm_curve *curve_named(const char *name)
{
	for (size_t i = 0; i < ARRAY_LEN(curves); i++)
		if (!strcmp(curves[i].name, name) || !strcmp(curves[i].other, name))
			return &curves[i];
	return NULL;
}

static enum inro_err public_of_ecc(const EVP_PKEY *key, TPMT_PUBLIC *ret)
{
	TPMT_PUBLIC x = { .type = TPM2_ALG_ECC };
	TPMS_ECC_PARMS *p = &x.parameters.eccDetail;
	char name[64] = "";
	const struct tpm_curve *c;
	enum inro_err e;

	if (EVP_PKEY_get_group_name(key, name, sizeof name, NULL) <= 0)
		return err_set(INRO_E_UNSUPPORTED, "an EC key's curve has no name");
	c = curve_named(name);
	if (!c)
		return err_set(INRO_E_UNSUPPORTED, "no TPM key can be on the curve %s", name);
	p->symmetric.algorithm = p->scheme.scheme = p->kdf.scheme = TPM2_ALG_NULL;
	p->curveID = c->id;
	e = crypt_key_point(key, crypt_curve_bytes(c), &x.unique.ecc);
	if (!e)
		*ret = x;
	return e;
}

static bool read_bn(const EVP_PKEY *key, const char *name, BIGNUM **ret)
{
	return EVP_PKEY_get_bn_param(key, name, ret) > 0;
}

static enum inro_err public_of_rsa(const EVP_PKEY *key, TPMT_PUBLIC *ret)
{
	TPMT_PUBLIC x = { .type = TPM2_ALG_RSA };
	TPMS_RSA_PARMS *p = &x.parameters.rsaDetail;
	AUTO(free_bn) BIGNUM *n = NULL;
	AUTO(free_bn) BIGNUM *exponent = NULL;
	int bits;

	if (!read_bn(key, OSSL_PKEY_PARAM_RSA_N, &n) ||
	    !read_bn(key, OSSL_PKEY_PARAM_RSA_E, &exponent))
		return libcrypto_err("reading an RSA key");
	bits = BN_num_bits(n);
	if (bits < MIN_RSA_BITS || bits % 8 || bits / 8 > (int)sizeof x.unique.rsa.buffer ||
	    BN_num_bits(exponent) > 32)
		return err_set(INRO_E_UNSUPPORTED, "no TPM key can be an RSA key of %d bits", bits);
	p->symmetric.algorithm = p->scheme.scheme = TPM2_ALG_NULL;
	p->keyBits = (UINT16)bits;
	p->exponent = (UINT32)BN_get_word(exponent);
	p->exponent = p->exponent == DEFAULT_EXPONENT ? 0 : p->exponent;
	x.unique.rsa.size = (UINT16)BN_bn2bin(n, x.unique.rsa.buffer);
	*ret = x;
	return INRO_OK;
}

enum inro_err crypt_public_of_spki(struct bytes spki, TPMT_PUBLIC *ret_pub)
{
	KEEP_LIBCRYPTO_ERRORS();
	AUTO(free_pkey) EVP_PKEY *key = NULL;
	const unsigned char *p = spki.p;
	OSSL_LIB_CTX *lib;
	enum inro_err e = crypt_context(&lib);

	if (e)
		return e;
	if (spki.n && spki.n <= BUF_MAX)
		key = d2i_PUBKEY_ex(NULL, &p, (long)spki.n, lib, NULL);
	if (!key || p != spki.p + spki.n)
		return err_set(INRO_E_SYNTAX, "a public key can't be read");
	if (EVP_PKEY_is_a(key, "EC"))
		return public_of_ecc(key, ret_pub);
	if (EVP_PKEY_is_a(key, "RSA"))
		return public_of_rsa(key, ret_pub);
	return err_set(INRO_E_UNSUPPORTED, "a TPM key can be RSA or EC only");
}
