/* plain - the plain form of a key as what a TPM calls it. */
#include "tpm/move/plain.h"

#include <openssl/x509.h>

#include "base/der.h"
#include "tpm/wire/crypt_private.h"

#define MAX_HMAC 64 /* bytes: a block of SHA-256, by which the key is named */

static void free_p8(PKCS8_PRIV_KEY_INFO **p)
{
	PKCS8_PRIV_KEY_INFO_free(*p);
}

static void free_openssl(unsigned char **p)
{
	OPENSSL_free(*p);
}

static enum inro_err bad_key(void)
{
	return err_set(INRO_E_SYNTAX, "this is no private key in PKCS#8 (DER)");
}

/* libcrypto makes the public half: it may not be written in the private one. */
static enum inro_err spki_of(struct bytes pkcs8, TPMT_PUBLIC *ret)
{
	AUTO(free_p8) PKCS8_PRIV_KEY_INFO *p8 = NULL;
	AUTO(free_pkey) EVP_PKEY *key = NULL;
	AUTO(free_openssl) unsigned char *der = NULL;
	const unsigned char *at = pkcs8.p;
	OSSL_LIB_CTX *context;
	int n;
	KEEP_LIBCRYPTO_ERRORS();
	enum inro_err e = crypt_context(&context);

	if (e)
		return e;
	p8 = d2i_PKCS8_PRIV_KEY_INFO(NULL, &at, (long)pkcs8.n);
	if (!p8 || at != pkcs8.p + pkcs8.n)
		return bad_key();
	key = EVP_PKCS82PKEY_ex(p8, context, NULL);
	n = key ? i2d_PUBKEY(key, &der) : 0;
	return n > 0 ? crypt_public_of_spki(BYTES(der, (size_t)n), ret) : bad_key();
}

static enum inro_err pair_public(TPM2_ALG_ID type, struct bytes plain, TPMT_PUBLIC *ret)
{
	TPMT_PUBLIC pub = { 0 };
	enum inro_err e = spki_of(plain, &pub);

	if (e)
		return e;
	if (pub.type != type)
		return err_set(INRO_E_KEY_TYPE, "the private key is not of the type named");
	pub.parameters.asymDetail.symmetric.algorithm = TPM2_ALG_NULL;
	pub.parameters.asymDetail.scheme.scheme = TPM2_ALG_NULL;
	if (type == TPM2_ALG_ECC)
		pub.parameters.eccDetail.kdf.scheme = TPM2_ALG_NULL;
	*ret = pub;
	return INRO_OK;
}

static enum inro_err cipher_public(TPM2_ALG_ID type, struct bytes plain, TPMT_PUBLIC *ret)
{
	if (plain.n != 16 && plain.n != 24 && plain.n != 32)
		return err_set(INRO_E_KEY_SIZE, "an AES key has 16, 24 or 32 bytes, this one %zu",
			       plain.n);
	*ret = (TPMT_PUBLIC) {
		.type = type,
		.parameters.symDetail.sym = { .algorithm = TPM2_ALG_AES,
					      .keyBits.aes = (TPMI_AES_KEY_BITS)(plain.n * 8),
					      .mode.aes = TPM2_ALG_NULL },
	};
	return INRO_OK;
}

static enum inro_err hash_public(TPM2_ALG_ID type, struct bytes plain, TPMT_PUBLIC *ret)
{
	if (plain.n == 0 || plain.n > MAX_HMAC)
		return err_set(INRO_E_KEY_SIZE,
			       "an HMAC key for a TPM has 1 to %d bytes, this one %zu", MAX_HMAC,
			       plain.n);
	*ret = (TPMT_PUBLIC) { .type = type,
			       .parameters.keyedHashDetail.scheme.scheme = TPM2_ALG_NULL };
	return INRO_OK;
}

/* PrivateKeyInfo: version, algorithm, the key in an OCTET STRING; a SEQUENCE in both kinds. */
static enum inro_err inner_key(struct bytes pkcs8, struct bytes *ret)
{
	struct bytes seq, version, algorithm, octets;
	enum inro_err e = der_only(pkcs8, DER_SEQUENCE, &seq);

	if (!e)
		e = der_take(&seq, DER_INTEGER, &version);
	if (!e)
		e = der_take(&seq, DER_SEQUENCE, &algorithm);
	if (!e)
		e = der_take(&seq, DER_OCTET_STRING, &octets);
	return e ? e : der_only(octets, DER_SEQUENCE, ret);
}

/* RSAPrivateKey (RFC 8017 A.1.2): version, n, e, d, p. */
static enum inro_err rsa_sensitive(struct bytes plain, struct bytes *ret)
{
	struct bytes seq, version, modulus = BYTES_NONE, number = BYTES_NONE;
	enum inro_err e = inner_key(plain, &seq);

	if (!e)
		e = der_take(&seq, DER_INTEGER, &version);
	if (!e)
		e = der_take_unsigned(&seq, &modulus);
	for (int i = 0; !e && i < 3; i++)
		e = der_take_unsigned(&seq, &number);
	if (e)
		return e;
	if (number.n != modulus.n / 2)
		return err_set(INRO_E_UNSUPPORTED,
			       "the primes of this RSA key are not of one size: no TPM takes it");
	*ret = number;
	return INRO_OK;
}

/* ECPrivateKey (RFC 5915): version, the scalar. */
static enum inro_err ec_sensitive(struct bytes plain, struct bytes *ret)
{
	struct bytes seq, version;
	enum inro_err e = inner_key(plain, &seq);

	if (!e)
		e = der_take(&seq, DER_INTEGER, &version);
	return e ? e : der_take(&seq, DER_OCTET_STRING, ret);
}

static enum inro_err value_itself(struct bytes plain, struct bytes *ret)
{
	*ret = plain;
	return INRO_OK;
}

static const struct kind {
	TPM2_ALG_ID type;
	enum inro_err (*pub)(TPM2_ALG_ID type, struct bytes plain, TPMT_PUBLIC *ret);
	enum inro_err (*sensitive)(struct bytes plain, struct bytes *ret);
} kinds[] = {
	{ TPM2_ALG_RSA, pair_public, rsa_sensitive },
	{ TPM2_ALG_ECC, pair_public, ec_sensitive },
	{ TPM2_ALG_SYMCIPHER, cipher_public, value_itself },
	{ TPM2_ALG_KEYEDHASH, hash_public, value_itself },
};

static enum inro_err kind_of(TPM2_ALG_ID type, const struct kind **ret)
{
	for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
		if (kinds[i].type == type) {
			*ret = &kinds[i];
			return INRO_OK;
		}
	return err_set(INRO_E_UNSUPPORTED, "keys of this type have no form for a TPM here");
}

enum inro_err plain_public(TPM2_ALG_ID type, struct bytes plain, TPMT_PUBLIC *ret)
{
	const struct kind *k = NULL;
	enum inro_err e = kind_of(type, &k);

	return e ? e : k->pub(type, plain, ret);
}

enum inro_err plain_sensitive(TPM2_ALG_ID type, struct bytes plain, struct bytes *ret)
{
	const struct kind *k = NULL;
	enum inro_err e = kind_of(type, &k);

	return e ? e : k->sensitive(plain, ret);
}

size_t plain_padding(const TPMT_PUBLIC *pub, struct bytes sensitive)
{
	size_t want = pub->type == TPM2_ALG_ECC ? pub->unique.ecc.x.size : sensitive.n;

	return want > sensitive.n ? want - sensitive.n : 0;
}
