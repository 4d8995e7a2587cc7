#include "backoffice/pki/alg.h"

#include <stdatomic.h>
#include <string.h>

#include "backoffice/pki/crypt.h"
#include "base/der.h"
#include "base/oids.h"

/* A public key that is nothing but octets. */
#define RAW(key, of, word, libcrypto, oid, size, length)                                           \
	{                                                                                          \
		.id = (key), .family = (of), .name = (word), .group = (libcrypto),                 \
		.algorithm = BYTES_LIT(oid), .bits = (size), .octets = (length)                    \
	}

static const struct pki_key_type key_types[] = {
	[PKI_EC_P256] = { .id = PKI_EC_P256,
			  .family = PKI_EC,
			  .name = "ec-p256",
			  .group = "P-256",
			  .curve = BYTES_LIT(OID_P256),
			  .algorithm = BYTES_LIT(OID_EC),
			  .bits = 256,
			  .field_octets = 32 },
	[PKI_EC_P384] = { .id = PKI_EC_P384,
			  .family = PKI_EC,
			  .name = "ec-p384",
			  .group = "P-384",
			  .curve = BYTES_LIT(OID_P384),
			  .algorithm = BYTES_LIT(OID_EC),
			  .bits = 384,
			  .field_octets = 48 },
	[PKI_EC_P521] = { .id = PKI_EC_P521,
			  .family = PKI_EC,
			  .name = "ec-p521",
			  .group = "P-521",
			  .curve = BYTES_LIT(OID_P521),
			  .algorithm = BYTES_LIT(OID_EC),
			  .bits = 521,
			  .field_octets = 66 },
	[PKI_RSA] = { .id = PKI_RSA,
		      .family = PKI_RSA_KEYS,
		      .name = "rsa",
		      .algorithm = BYTES_LIT(OID_RSA) },
	[PKI_ED25519] = RAW(PKI_ED25519, PKI_EDWARDS, "ed25519", "ED25519", OID_ED25519, 256, 32),
	[PKI_ED448] = RAW(PKI_ED448, PKI_EDWARDS, "ed448", "ED448", OID_ED448, 456, 57),
	[PKI_X25519] = RAW(PKI_X25519, PKI_MONTGOMERY, "x25519", "X25519", OID_X25519, 253, 32),
	[PKI_X448] = RAW(PKI_X448, PKI_MONTGOMERY, "x448", "X448", OID_X448, 448, 56),
	[PKI_ML_DSA_44] = RAW(PKI_ML_DSA_44, PKI_ML_DSA, "ml-dsa-44", "ML-DSA-44", OID_ML_DSA_44,
			      10496, 1312),
	[PKI_ML_DSA_65] = RAW(PKI_ML_DSA_65, PKI_ML_DSA, "ml-dsa-65", "ML-DSA-65", OID_ML_DSA_65,
			      15616, 1952),
	[PKI_ML_DSA_87] = RAW(PKI_ML_DSA_87, PKI_ML_DSA, "ml-dsa-87", "ML-DSA-87", OID_ML_DSA_87,
			      20736, 2592),
	[PKI_ML_KEM_512] = RAW(PKI_ML_KEM_512, PKI_ML_KEM, "ml-kem-512", "ML-KEM-512",
			       OID_ML_KEM_512, 6400, 800),
	[PKI_ML_KEM_768] = RAW(PKI_ML_KEM_768, PKI_ML_KEM, "ml-kem-768", "ML-KEM-768",
			       OID_ML_KEM_768, 9472, 1184),
	[PKI_ML_KEM_1024] = RAW(PKI_ML_KEM_1024, PKI_ML_KEM, "ml-kem-1024", "ML-KEM-1024",
				OID_ML_KEM_1024, 12544, 1568),
};
#undef RAW

bool pki_key_signs(enum pki_key k)
{
	const struct pki_key_type *t = pki_key_type(k);

	return t && t->family != PKI_MONTGOMERY && t->family != PKI_ML_KEM;
}

const struct pki_key_type *pki_key_type(enum pki_key k)
{
	return k > PKI_KEY_NONE && k < PKI_KEY__MAX ? &key_types[k] : NULL;
}

static const struct pki_key_kind kinds[] = {
	{ "ec-p256", PKI_EC_P256, 256 },	{ "ec-p384", PKI_EC_P384, 384 },
	{ "ec-p521", PKI_EC_P521, 521 },	{ "rsa-2048", PKI_RSA, 2048 },
	{ "rsa-3072", PKI_RSA, 3072 },		{ "rsa-4096", PKI_RSA, 4096 },
	{ "ed25519", PKI_ED25519, 256 },	{ "ed448", PKI_ED448, 456 },
	{ "x25519", PKI_X25519, 253 },		{ "x448", PKI_X448, 448 },
	{ "ml-dsa-44", PKI_ML_DSA_44, 10496 },	{ "ml-dsa-65", PKI_ML_DSA_65, 15616 },
	{ "ml-dsa-87", PKI_ML_DSA_87, 20736 },	{ "ml-kem-512", PKI_ML_KEM_512, 6400 },
	{ "ml-kem-768", PKI_ML_KEM_768, 9472 }, { "ml-kem-1024", PKI_ML_KEM_1024, 12544 },
};

const struct pki_key_kind *pki_key_kind_at(size_t i)
{
	return i < ARRAY_LEN(kinds) ? &kinds[i] : NULL;
}

enum inro_err pki_key_kind_find(const char *name, const struct pki_key_kind **ret)
{
	SCOPED(buf) known = { 0 };

	for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
		if (!strcmp(kinds[i].name, name)) {
			*ret = &kinds[i];
			return INRO_OK;
		}
		buf_addf(&known, "%s%s", i ? ", " : "", kinds[i].name);
	}
	return err_set(INRO_E_UNSUPPORTED, "no key type is called '%.64s'; there are %.*s", name,
		       (int)known.n, (const char *)known.p);
}

static const struct {
	const char *name;
	size_t octets;
} hashes[PKI_HASH__MAX] = {
	[PKI_SHA256] = { "sha256", 32 },
	[PKI_SHA384] = { "sha384", 48 },
	[PKI_SHA512] = { "sha512", 64 },
};

const char *pki_hash_name(enum pki_hash h)
{
	return h < PKI_HASH__MAX ? hashes[h].name : NULL;
}

size_t pki_hash_octets(enum pki_hash h)
{
	return h < PKI_HASH__MAX ? hashes[h].octets : 0;
}

#define ECDSA_WITH(last) BYTES_LIT("\x30\x0a\x06\x08\x2a\x86\x48\xce\x3d\x04\x03" last)
#define RSA_WITH(last)	 BYTES_LIT("\x30\x0d\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01" last "\x05\x00")
/* RFC 4055 3.1: hash, MGF1 with the same hash, salt as long as the hash. */
#define SHA_ID(last) "\x30\x0d" OID_ELEMENT("\x09", OID_NIST_HASH(last)) "\x05\x00"
#define MGF1	     "\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x08"
#define PSS_WITH(last, salt)                                                                       \
	BYTES_LIT("\x30\x41\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0a\x30\x34\xa0\x0f" SHA_ID(   \
		last) "\xa1\x1c\x30\x1a" MGF1 SHA_ID(last) "\xa2\x03\x02\x01" salt)

#define ECDSA_ROW(name, hash, last)                                                                \
	{                                                                                          \
		(name), PKI_EC, PKI_SIGN_ECDSA, PKI_KEY_NONE, (hash), ECDSA_WITH(last)             \
	}
#define RSA_ROW(name, scheme, hash, id)                                                            \
	{                                                                                          \
		(name), PKI_RSA_KEYS, (scheme), PKI_KEY_NONE, (hash), id                           \
	}
#define ML_DSA_ROW(name, key, oid)                                                                 \
	{                                                                                          \
		(name), PKI_ML_DSA, PKI_SIGN_ML_DSA, (key), PKI_HASH_NONE,                         \
			BYTES_LIT("\x30\x0b\x06\x09" oid)                                          \
	}

static const struct pki_sig sigs[] = {
	ECDSA_ROW("ecdsa-with-SHA256", PKI_SHA256, "\x02"),
	ECDSA_ROW("ecdsa-with-SHA384", PKI_SHA384, "\x03"),
	ECDSA_ROW("ecdsa-with-SHA512", PKI_SHA512, "\x04"),
	RSA_ROW("sha256WithRSAEncryption", PKI_SIGN_PKCS1, PKI_SHA256, RSA_WITH("\x0b")),
	RSA_ROW("sha384WithRSAEncryption", PKI_SIGN_PKCS1, PKI_SHA384, RSA_WITH("\x0c")),
	RSA_ROW("sha512WithRSAEncryption", PKI_SIGN_PKCS1, PKI_SHA512, RSA_WITH("\x0d")),
	RSA_ROW("rsassaPss-SHA256", PKI_SIGN_PSS, PKI_SHA256, PSS_WITH("\x01", "\x20")),
	RSA_ROW("rsassaPss-SHA384", PKI_SIGN_PSS, PKI_SHA384, PSS_WITH("\x02", "\x30")),
	RSA_ROW("rsassaPss-SHA512", PKI_SIGN_PSS, PKI_SHA512, PSS_WITH("\x03", "\x40")),
	{ "ED25519", PKI_EDWARDS, PKI_SIGN_EDDSA, PKI_ED25519, PKI_HASH_NONE,
	  BYTES_LIT("\x30\x05\x06\x03" OID_ED25519) },
	{ "ED448", PKI_EDWARDS, PKI_SIGN_EDDSA, PKI_ED448, PKI_HASH_NONE,
	  BYTES_LIT("\x30\x05\x06\x03" OID_ED448) },
	ML_DSA_ROW("ML-DSA-44", PKI_ML_DSA_44, OID_ML_DSA_44),
	ML_DSA_ROW("ML-DSA-65", PKI_ML_DSA_65, OID_ML_DSA_65),
	ML_DSA_ROW("ML-DSA-87", PKI_ML_DSA_87, OID_ML_DSA_87),
};
#undef ECDSA_ROW
#undef RSA_ROW
#undef ML_DSA_ROW

bool pki_sig_fits(const struct pki_sig *sig, enum pki_key key)
{
	const struct pki_key_type *t = pki_key_type(key);

	return t && t->family == sig->family && (sig->key == PKI_KEY_NONE || sig->key == key);
}

const struct pki_sig *pki_sig_at(size_t i)
{
	return i < ARRAY_LEN(sigs) ? &sigs[i] : NULL;
}

/* RFC 4055 5: the NULL belongs there, and writers forget it. */
static bool is_without_null(const struct pki_sig *s, struct bytes identifier)
{
	return s->scheme == PKI_SIGN_PKCS1 && identifier.n == s->identifier.n - 2 &&
	       identifier.p[1] == s->identifier.p[1] - 2 &&
	       !memcmp(identifier.p + 2, s->identifier.p + 2, identifier.n - 2);
}

/* What requests still come with and nobody should sign for. */
static const struct {
	const char *oid, *name;
} broken[] = {
	{ "1.2.840.113549.1.1.2", "md2WithRSAEncryption" },
	{ "1.2.840.113549.1.1.4", "md5WithRSAEncryption" },
	{ "1.2.840.113549.1.1.5", "sha1WithRSAEncryption" },
	{ "1.3.14.3.2.29", "sha1WithRSA" },
	{ "1.2.840.10045.4.1", "ecdsa-with-SHA1" },
	{ "1.2.840.10040.4.3", "dsa-with-SHA1" },
};

static enum inro_err refuse_sig(const char *oid)
{
	for (size_t i = 0; i < ARRAY_LEN(broken); i++)
		if (!strcmp(broken[i].oid, oid))
			return err_set(INRO_E_UNSUPPORTED,
				       "signature algorithm %s is too weak; sign with SHA-256 or "
				       "better (openssl req -sha256)",
				       broken[i].name);
	return err_set(INRO_E_UNSUPPORTED, "signature algorithm %s, or its parameters", oid);
}

enum inro_err pki_sig_find(struct bytes identifier, const struct pki_sig **ret)
{
	struct bytes content, oid;
	char text[64];

	for (size_t i = 0; i < ARRAY_LEN(sigs); i++)
		if (bytes_equal(sigs[i].identifier, identifier) ||
		    is_without_null(&sigs[i], identifier)) {
			*ret = &sigs[i];
			return INRO_OK;
		}
	if (der_only(identifier, DER_SEQUENCE, &content) || der_take(&content, DER_OID, &oid) ||
	    der_oid_text(oid, text, sizeof text))
		return err_set(INRO_E_SYNTAX, "a signature algorithm that can't be read");
	return refuse_sig(text);
}

static const enum pki_hash usual_hash[PKI_KEY__MAX] = {
	[PKI_EC_P256] = PKI_SHA256,
	[PKI_EC_P384] = PKI_SHA384,
	[PKI_EC_P521] = PKI_SHA512,
	[PKI_RSA] = PKI_SHA256,
};

static enum inro_err sig_without(enum pki_scheme wrong, enum pki_key key, enum pki_hash hash,
				 const struct pki_sig **ret)
{
	if (!pki_key_signs(key))
		return err_set(INRO_E_KEY_TYPE, "a key of this type can't sign certificates");
	if (hash == PKI_HASH_NONE)
		hash = usual_hash[key];
	for (size_t i = 0; i < ARRAY_LEN(sigs); i++)
		if (pki_sig_fits(&sigs[i], key) && sigs[i].scheme != wrong &&
		    (sigs[i].hash == hash || sigs[i].hash == PKI_HASH_NONE)) {
			*ret = &sigs[i];
			return INRO_OK;
		}
	return err_set(INRO_E_UNSUPPORTED, "no signature algorithm for this key and hash");
}

enum inro_err pki_sig_for(enum pki_key key, enum pki_hash hash, const struct pki_sig **ret)
{
	return sig_without(PKI_SIGN_PSS, key, hash, ret);
}

enum inro_err pki_sig_for_pss(enum pki_key key, enum pki_hash hash, const struct pki_sig **ret)
{
	return sig_without(PKI_SIGN_PKCS1, key, hash, ret);
}

/* A context of SHA-256 that nobody uses: one made anew costs more than a small digest. */
static _Atomic(EVP_MD_CTX *) at_rest;

static bool digest_at_rest(const EVP_MD *md, struct bytes data, uint8_t *ret)
{
	EVP_MD_CTX *ctx = atomic_exchange(&at_rest, NULL);
	bool good;

	if (!ctx)
		ctx = EVP_MD_CTX_new();
	good = ctx && EVP_DigestInit_ex(ctx, md, NULL) && EVP_DigestUpdate(ctx, data.p, data.n) &&
	       EVP_DigestFinal_ex(ctx, ret, NULL);
	EVP_MD_CTX_free(atomic_exchange(&at_rest, ctx));
	return good;
}

enum inro_err pki_digest(enum pki_hash h, struct bytes data, uint8_t ret[static PKI_DIGEST_MAX])
{
	const EVP_MD *md = crypt_md(h);
	bool good = md && (h == PKI_SHA256 ? digest_at_rest(md, data, ret)
					   : EVP_Digest(data.p, data.n, ret, NULL, md, NULL) == 1);

	return good ? INRO_OK : crypt_err("computing a digest");
}

enum inro_err pki_digest_pulled(enum pki_hash h, bytes_pull *pull, void *arg,
				uint8_t ret[static PKI_DIGEST_MAX])
{
	const EVP_MD *md = crypt_md(h);
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	bool good = md && ctx && EVP_DigestInit_ex(ctx, md, NULL);
	struct bytes piece = BYTES_NONE;
	enum inro_err e = INRO_OK;

	do {
		e = good ? pull(arg, &piece) : INRO_OK;
		good = good && !e && EVP_DigestUpdate(ctx, piece.p, piece.n);
	} while (good && piece.n);
	good = good && EVP_DigestFinal_ex(ctx, ret, NULL);
	EVP_MD_CTX_free(ctx);
	return good || e ? e : crypt_err("computing a digest");
}

enum inro_err pki_signed(struct bytes tbs, const struct pki_sig *sig, struct bytes signature,
			 struct buf *ret)
{
	size_t mark = der_begin(ret, DER_SEQUENCE);

	buf_add(ret, tbs);
	buf_add(ret, sig->identifier);
	der_add_bits(ret, signature);
	der_end(ret, mark);
	return buf_err(ret);
}
