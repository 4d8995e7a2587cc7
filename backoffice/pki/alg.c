#include "backoffice/pki/alg.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "backoffice/pki/crypt.h"
#include "base/der.h"
#include "base/oids.h"

/* A public key that is nothing but octets. */
#define RAW(key, of, word, libcrypto, oid, size, length, number)                                   \
	[key] = { .id = (key), .family = (of), .name = (word), .group = (libcrypto),               \
		  .algorithm = BYTES_LIT(oid), .bits = (size), .octets = (length), .set = (number) }
#define CURVE(key, word, libcrypto, oid, size, length, usual)                                      \
	[key] = { .id = (key), .family = PKI_EC, .name = (word), .group = (libcrypto),             \
		  .curve = BYTES_LIT(oid), .algorithm = BYTES_LIT(OID_EC), .bits = (size),         \
		  .field_octets = (length), .hash = (usual) }
#define SLH(key, word, libcrypto, last, length, number)                                            \
	RAW(key, PKI_SLH_DSA, "slh-dsa-" word, "SLH-DSA-" libcrypto, OID_SLH_DSA(last),            \
	    8 * (length), length, number)

/* clang-format off */
static const struct pki_key_type key_types[] = {
	CURVE(PKI_EC_P224, "ec-p224", "P-224", OID_P224, 224, 28, PKI_SHA256),
	CURVE(PKI_EC_P256, "ec-p256", "P-256", OID_P256, 256, 32, PKI_SHA256),
	CURVE(PKI_EC_P384, "ec-p384", "P-384", OID_P384, 384, 48, PKI_SHA384),
	CURVE(PKI_EC_P521, "ec-p521", "P-521", OID_P521, 521, 66, PKI_SHA512),
	CURVE(PKI_EC_K256, "ec-secp256k1", "secp256k1", OID_K256, 256, 32, PKI_SHA256),
	CURVE(PKI_EC_BP224, "ec-brainpoolp224r1", "brainpoolP224r1", OID_BRAINPOOL("\x05"), 224, 28, PKI_SHA256),
	CURVE(PKI_EC_BP256, "ec-brainpoolp256r1", "brainpoolP256r1", OID_BRAINPOOL("\x07"), 256, 32, PKI_SHA256),
	CURVE(PKI_EC_BP320, "ec-brainpoolp320r1", "brainpoolP320r1", OID_BRAINPOOL("\x09"), 320, 40, PKI_SHA384),
	CURVE(PKI_EC_BP384, "ec-brainpoolp384r1", "brainpoolP384r1", OID_BRAINPOOL("\x0b"), 384, 48, PKI_SHA384),
	CURVE(PKI_EC_BP512, "ec-brainpoolp512r1", "brainpoolP512r1", OID_BRAINPOOL("\x0d"), 512, 64, PKI_SHA512),
	[PKI_RSA] = { .id = PKI_RSA, .family = PKI_RSA_KEYS, .name = "rsa",
		      .algorithm = BYTES_LIT(OID_RSA), .hash = PKI_SHA256, .null = true },
	[PKI_RSA_PSS] = { .id = PKI_RSA_PSS, .family = PKI_RSA_PSS_KEYS, .name = "rsa-pss",
			  .algorithm = BYTES_LIT(OID_RSA_PSS), .hash = PKI_SHA256 },
	RAW(PKI_ED25519, PKI_EDWARDS, "ed25519", "ED25519", OID_ED25519, 256, 32, 0),
	RAW(PKI_ED448, PKI_EDWARDS, "ed448", "ED448", OID_ED448, 456, 57, 0),
	RAW(PKI_X25519, PKI_MONTGOMERY, "x25519", "X25519", OID_X25519, 253, 32, 0),
	RAW(PKI_X448, PKI_MONTGOMERY, "x448", "X448", OID_X448, 448, 56, 0),
	RAW(PKI_ML_DSA_44, PKI_ML_DSA, "ml-dsa-44", "ML-DSA-44", OID_ML_DSA_44, 10496, 1312, 1),
	RAW(PKI_ML_DSA_65, PKI_ML_DSA, "ml-dsa-65", "ML-DSA-65", OID_ML_DSA_65, 15616, 1952, 2),
	RAW(PKI_ML_DSA_87, PKI_ML_DSA, "ml-dsa-87", "ML-DSA-87", OID_ML_DSA_87, 20736, 2592, 3),
	RAW(PKI_ML_KEM_512, PKI_ML_KEM, "ml-kem-512", "ML-KEM-512", OID_ML_KEM_512, 6400, 800, 1),
	RAW(PKI_ML_KEM_768, PKI_ML_KEM, "ml-kem-768", "ML-KEM-768", OID_ML_KEM_768, 9472, 1184, 2),
	RAW(PKI_ML_KEM_1024, PKI_ML_KEM, "ml-kem-1024", "ML-KEM-1024", OID_ML_KEM_1024, 12544, 1568, 3),
	SLH(PKI_SLH_DSA_SHA2_128S, "sha2-128s", "SHA2-128s", "\x14", 32, 1),
	SLH(PKI_SLH_DSA_SHA2_128F, "sha2-128f", "SHA2-128f", "\x15", 32, 3),
	SLH(PKI_SLH_DSA_SHA2_192S, "sha2-192s", "SHA2-192s", "\x16", 48, 5),
	SLH(PKI_SLH_DSA_SHA2_192F, "sha2-192f", "SHA2-192f", "\x17", 48, 7),
	SLH(PKI_SLH_DSA_SHA2_256S, "sha2-256s", "SHA2-256s", "\x18", 64, 9),
	SLH(PKI_SLH_DSA_SHA2_256F, "sha2-256f", "SHA2-256f", "\x19", 64, 11),
	SLH(PKI_SLH_DSA_SHAKE_128S, "shake-128s", "SHAKE-128s", "\x1a", 32, 2),
	SLH(PKI_SLH_DSA_SHAKE_128F, "shake-128f", "SHAKE-128f", "\x1b", 32, 4),
	SLH(PKI_SLH_DSA_SHAKE_192S, "shake-192s", "SHAKE-192s", "\x1c", 48, 6),
	SLH(PKI_SLH_DSA_SHAKE_192F, "shake-192f", "SHAKE-192f", "\x1d", 48, 8),
	SLH(PKI_SLH_DSA_SHAKE_256S, "shake-256s", "SHAKE-256s", "\x1e", 64, 10),
	SLH(PKI_SLH_DSA_SHAKE_256F, "shake-256f", "SHAKE-256f", "\x1f", 64, 12),
};
/* clang-format on */
#undef RAW
#undef CURVE
#undef SLH

bool pki_key_signs(enum pki_key k)
{
	const struct pki_key_type *t = pki_key_type(k);

	return t && t->family != PKI_MONTGOMERY && t->family != PKI_ML_KEM;
}

const struct pki_key_type *pki_key_type(enum pki_key k)
{
	return k > PKI_KEY_NONE && k < PKI_KEY__MAX ? &key_types[k] : NULL;
}

/* clang-format off */
#define SLH(key, word, size) { "slh-dsa-" word, PKI_SLH_DSA_##key, size }
static const struct pki_key_kind kinds[] = {
	{ "ec-p256", PKI_EC_P256, 256 },	{ "ec-p384", PKI_EC_P384, 384 },
	{ "ec-p521", PKI_EC_P521, 521 },	{ "ec-p224", PKI_EC_P224, 224 },
	{ "ec-secp256k1", PKI_EC_K256, 256 },	{ "ec-brainpoolp224r1", PKI_EC_BP224, 224 },
	{ "ec-brainpoolp256r1", PKI_EC_BP256, 256 }, { "ec-brainpoolp320r1", PKI_EC_BP320, 320 },
	{ "ec-brainpoolp384r1", PKI_EC_BP384, 384 }, { "ec-brainpoolp512r1", PKI_EC_BP512, 512 },
	{ "rsa-2048", PKI_RSA, 2048 },		{ "rsa-3072", PKI_RSA, 3072 },
	{ "rsa-4096", PKI_RSA, 4096 },		{ "rsa-pss-2048", PKI_RSA_PSS, 2048 },
	{ "rsa-pss-3072", PKI_RSA_PSS, 3072 },	{ "rsa-pss-4096", PKI_RSA_PSS, 4096 },
	{ "ed25519", PKI_ED25519, 256 },	{ "ed448", PKI_ED448, 456 },
	{ "x25519", PKI_X25519, 253 },		{ "x448", PKI_X448, 448 },
	{ "ml-dsa-44", PKI_ML_DSA_44, 10496 },	{ "ml-dsa-65", PKI_ML_DSA_65, 15616 },
	{ "ml-dsa-87", PKI_ML_DSA_87, 20736 },
	SLH(SHA2_128S, "sha2-128s", 256),	SLH(SHA2_128F, "sha2-128f", 256),
	SLH(SHA2_192S, "sha2-192s", 384),	SLH(SHA2_192F, "sha2-192f", 384),
	SLH(SHA2_256S, "sha2-256s", 512),	SLH(SHA2_256F, "sha2-256f", 512),
	SLH(SHAKE_128S, "shake-128s", 256),	SLH(SHAKE_128F, "shake-128f", 256),
	SLH(SHAKE_192S, "shake-192s", 384),	SLH(SHAKE_192F, "shake-192f", 384),
	SLH(SHAKE_256S, "shake-256s", 512),	SLH(SHAKE_256F, "shake-256f", 512),
	{ "ml-kem-512", PKI_ML_KEM_512, 6400 },	{ "ml-kem-768", PKI_ML_KEM_768, 9472 },
	{ "ml-kem-1024", PKI_ML_KEM_1024, 12544 },
};
#undef SLH
/* clang-format on */

enum pki_key pki_key_sized(const char *word, unsigned *ret_bits)
{
	for (int k = PKI_KEY_NONE + 1; k < PKI_KEY__MAX; k++) {
		size_t n = strlen(key_types[k].name);
		const char *size = word + n + 1;
		unsigned long bits;
		char *end;

		if (key_types[k].bits || strncmp(word, key_types[k].name, n) != 0 || word[n] != '-' ||
		    *size < '1' || *size > '9')
			continue;
		bits = strtoul(size, &end, 10);
		if (*end || bits > UINT16_MAX)
			continue;
		*ret_bits = (unsigned)bits;
		return key_types[k].id;
	}
	return PKI_KEY_NONE;
}

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

#define HASH(word, n, last) { word, n, BYTES_LIT(OID_NIST_HASH(last)) }
/* clang-format off */
static const struct {
	const char *name;
	size_t octets;
	struct bytes oid;
} hashes[PKI_HASH__MAX] = {
	[PKI_SHA256] = HASH("sha256", 32, "\x01"),
	[PKI_SHA384] = HASH("sha384", 48, "\x02"),
	[PKI_SHA512] = HASH("sha512", 64, "\x03"),
	[PKI_SHA224] = HASH("sha224", 28, "\x04"),
	[PKI_SHA3_224] = HASH("sha3-224", 28, "\x07"),
	[PKI_SHA3_256] = HASH("sha3-256", 32, "\x08"),
	[PKI_SHA3_384] = HASH("sha3-384", 48, "\x09"),
	[PKI_SHA3_512] = HASH("sha3-512", 64, "\x0a"),
};
/* clang-format on */
#undef HASH

const char *pki_hash_name(enum pki_hash h)
{
	return h < PKI_HASH__MAX ? hashes[h].name : NULL;
}

size_t pki_hash_octets(enum pki_hash h)
{
	return h < PKI_HASH__MAX ? hashes[h].octets : 0;
}

struct bytes pki_hash_oid(enum pki_hash h)
{
	return h < PKI_HASH__MAX ? hashes[h].oid : BYTES_NONE;
}

enum pki_hash pki_hash_of_oid(struct bytes oid)
{
	enum pki_hash h = PKI_HASH__MAX - 1;

	while (h > PKI_HASH_NONE && !bytes_equal(hashes[h].oid, oid))
		h--;
	return h;
}

#define ECDSA_WITH(last) BYTES_LIT("\x30\x0a\x06\x08\x2a\x86\x48\xce\x3d\x04\x03" last)
#define RSA_WITH(last)	 BYTES_LIT("\x30\x0d\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01" last "\x05\x00")
/* NIST's Computer Security Objects Register: id-ecdsa-with-sha3-256 and the like. */
#define ECDSA_SHA3(last) BYTES_LIT("\x30\x0b\x06\x09" OID_NIST("\x03" last))
#define RSA_SHA3(last)	 BYTES_LIT("\x30\x0d\x06\x09" OID_NIST("\x03" last) "\x05\x00")
/* RFC 4055 3.1: hash, MGF1 with the same hash, salt as long as the hash. */
#define SHA_ID(last) "\x30\x0d" OID_ELEMENT("\x09", OID_NIST_HASH(last)) "\x05\x00"
#define MGF1	     "\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x08"
#define PSS_WITH(last, salt)                                                                       \
	BYTES_LIT("\x30\x41\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0a\x30\x34\xa0\x0f" SHA_ID(   \
		last) "\xa1\x1c\x30\x1a" MGF1 SHA_ID(last) "\xa2\x03\x02\x01" salt)

#define ECDSA_ROW(name, hash, last)                                                                \
	{                                                                                          \
		(name), PKI_EC, PKI_SIGN_ECDSA, PKI_KEY_NONE, (hash), last             \
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

#define SLH_ROW(name, key, last)                                                                   \
	{                                                                                          \
		"SLH-DSA-" name, PKI_SLH_DSA, PKI_SIGN_SLH_DSA, PKI_SLH_DSA_##key, PKI_HASH_NONE,  \
			BYTES_LIT("\x30\x0b\x06\x09" OID_SLH_DSA(last))                           \
	}

static const struct pki_sig sigs[] = {
	ECDSA_ROW("ecdsa-with-SHA256", PKI_SHA256, ECDSA_WITH("\x02")),
	ECDSA_ROW("ecdsa-with-SHA384", PKI_SHA384, ECDSA_WITH("\x03")),
	ECDSA_ROW("ecdsa-with-SHA512", PKI_SHA512, ECDSA_WITH("\x04")),
	ECDSA_ROW("ecdsa-with-SHA224", PKI_SHA224, ECDSA_WITH("\x01")),
	ECDSA_ROW("ecdsa_with_SHA3-224", PKI_SHA3_224, ECDSA_SHA3("\x09")),
	ECDSA_ROW("ecdsa_with_SHA3-256", PKI_SHA3_256, ECDSA_SHA3("\x0a")),
	ECDSA_ROW("ecdsa_with_SHA3-384", PKI_SHA3_384, ECDSA_SHA3("\x0b")),
	ECDSA_ROW("ecdsa_with_SHA3-512", PKI_SHA3_512, ECDSA_SHA3("\x0c")),
	RSA_ROW("sha256WithRSAEncryption", PKI_SIGN_PKCS1, PKI_SHA256, RSA_WITH("\x0b")),
	RSA_ROW("sha384WithRSAEncryption", PKI_SIGN_PKCS1, PKI_SHA384, RSA_WITH("\x0c")),
	RSA_ROW("sha512WithRSAEncryption", PKI_SIGN_PKCS1, PKI_SHA512, RSA_WITH("\x0d")),
	RSA_ROW("sha224WithRSAEncryption", PKI_SIGN_PKCS1, PKI_SHA224, RSA_WITH("\x0e")),
	RSA_ROW("RSA-SHA3-224", PKI_SIGN_PKCS1, PKI_SHA3_224, RSA_SHA3("\x0d")),
	RSA_ROW("RSA-SHA3-256", PKI_SIGN_PKCS1, PKI_SHA3_256, RSA_SHA3("\x0e")),
	RSA_ROW("RSA-SHA3-384", PKI_SIGN_PKCS1, PKI_SHA3_384, RSA_SHA3("\x0f")),
	RSA_ROW("RSA-SHA3-512", PKI_SIGN_PKCS1, PKI_SHA3_512, RSA_SHA3("\x10")),
	RSA_ROW("rsassaPss-SHA256", PKI_SIGN_PSS, PKI_SHA256, PSS_WITH("\x01", "\x20")),
	RSA_ROW("rsassaPss-SHA384", PKI_SIGN_PSS, PKI_SHA384, PSS_WITH("\x02", "\x30")),
	RSA_ROW("rsassaPss-SHA512", PKI_SIGN_PSS, PKI_SHA512, PSS_WITH("\x03", "\x40")),
	RSA_ROW("rsassaPss-SHA224", PKI_SIGN_PSS, PKI_SHA224, PSS_WITH("\x04", "\x1c")),
	RSA_ROW("rsassaPss-SHA3-224", PKI_SIGN_PSS, PKI_SHA3_224, PSS_WITH("\x07", "\x1c")),
	RSA_ROW("rsassaPss-SHA3-256", PKI_SIGN_PSS, PKI_SHA3_256, PSS_WITH("\x08", "\x20")),
	RSA_ROW("rsassaPss-SHA3-384", PKI_SIGN_PSS, PKI_SHA3_384, PSS_WITH("\x09", "\x30")),
	RSA_ROW("rsassaPss-SHA3-512", PKI_SIGN_PSS, PKI_SHA3_512, PSS_WITH("\x0a", "\x40")),
	{ "ED25519", PKI_EDWARDS, PKI_SIGN_EDDSA, PKI_ED25519, PKI_HASH_NONE,
	  BYTES_LIT("\x30\x05\x06\x03" OID_ED25519) },
	{ "ED448", PKI_EDWARDS, PKI_SIGN_EDDSA, PKI_ED448, PKI_HASH_NONE,
	  BYTES_LIT("\x30\x05\x06\x03" OID_ED448) },
	ML_DSA_ROW("ML-DSA-44", PKI_ML_DSA_44, OID_ML_DSA_44),
	ML_DSA_ROW("ML-DSA-65", PKI_ML_DSA_65, OID_ML_DSA_65),
	ML_DSA_ROW("ML-DSA-87", PKI_ML_DSA_87, OID_ML_DSA_87),
	SLH_ROW("SHA2-128s", SHA2_128S, "\x14"),
	SLH_ROW("SHA2-128f", SHA2_128F, "\x15"),
	SLH_ROW("SHA2-192s", SHA2_192S, "\x16"),
	SLH_ROW("SHA2-192f", SHA2_192F, "\x17"),
	SLH_ROW("SHA2-256s", SHA2_256S, "\x18"),
	SLH_ROW("SHA2-256f", SHA2_256F, "\x19"),
	SLH_ROW("SHAKE-128s", SHAKE_128S, "\x1a"),
	SLH_ROW("SHAKE-128f", SHAKE_128F, "\x1b"),
	SLH_ROW("SHAKE-192s", SHAKE_192S, "\x1c"),
	SLH_ROW("SHAKE-192f", SHAKE_192F, "\x1d"),
	SLH_ROW("SHAKE-256s", SHAKE_256S, "\x1e"),
	SLH_ROW("SHAKE-256f", SHAKE_256F, "\x1f"),
};
#undef ECDSA_ROW
#undef RSA_ROW
#undef ML_DSA_ROW
#undef SLH_ROW

bool pki_sig_fits(const struct pki_sig *sig, enum pki_key key)
{
	const struct pki_key_type *t = pki_key_type(key);

	if (t && t->family == PKI_RSA_PSS_KEYS)
		return sig->scheme == PKI_SIGN_PSS;
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

static enum inro_err unreadable(void)
{
	return err_set(INRO_E_SYNTAX, "a signature algorithm that can't be read");
}

static enum inro_err refuse_sig(struct bytes id)
{
	char oid[64];

	if (der_oid_text(id, oid, sizeof oid) != INRO_OK)
		return unreadable();
	for (size_t i = 0; i < ARRAY_LEN(broken); i++)
		if (!strcmp(broken[i].oid, oid))
			return err_set(INRO_E_UNSUPPORTED,
				       "signature algorithm %s is too weak; sign with SHA-256 or "
				       "better (openssl req -sha256)",
				       broken[i].name);
	return err_set(INRO_E_UNSUPPORTED, "signature algorithm %s, or its parameters", oid);
}

static bool is_sig(const struct pki_sig *s, struct bytes identifier, enum pki_hash pss)
{
	return bytes_equal(s->identifier, identifier) || is_without_null(s, identifier) ||
	       (pss != PKI_HASH_NONE && s->scheme == PKI_SIGN_PSS && s->hash == pss);
}

enum inro_err pki_sig_find(struct bytes identifier, const struct pki_sig **ret)
{
	struct bytes content, oid;
	enum pki_hash pss = PKI_HASH_NONE;
	size_t salt;

	if (der_only(identifier, DER_SEQUENCE, &content) || der_take(&content, DER_OID, &oid))
		return unreadable();
	if (bytes_equal(oid, key_types[PKI_RSA_PSS].algorithm)) {
		enum inro_err e = pki_pss_read(content, &pss, &salt);

		if (e != INRO_OK)
			return e;
	}
	for (size_t i = 0; i < ARRAY_LEN(sigs); i++)
		if (is_sig(&sigs[i], identifier, pss)) {
			*ret = &sigs[i];
			return INRO_OK;
		}
	return refuse_sig(oid);
}

/* `pss`: where a key may sign one way or the other. */
static enum inro_err sig_of(bool pss, enum pki_key key, enum pki_hash hash,
			    const struct pki_sig **ret)
{
	enum pki_scheme wrong = pss || key == PKI_RSA_PSS ? PKI_SIGN_PKCS1 : PKI_SIGN_PSS;

	if (!pki_key_signs(key))
		return err_set(INRO_E_KEY_TYPE, "a key of this type can't sign certificates");
	if (hash == PKI_HASH_NONE)
		hash = key_types[key].hash;
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
	return sig_of(false, key, hash, ret);
}

enum inro_err pki_sig_for_pss(enum pki_key key, enum pki_hash hash, const struct pki_sig **ret)
{
	return sig_of(true, key, hash, ret);
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

enum inro_err pki_shake256(struct bytes data, uint8_t *ret, size_t n)
{
	EVP_MD *md = EVP_MD_fetch(crypt_libctx(), "SHAKE256", NULL);
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	bool good = md && ctx && EVP_DigestInit_ex2(ctx, md, NULL) && EVP_DigestUpdate(ctx, data.p, data.n) &&
		    EVP_DigestFinalXOF(ctx, ret, n);

	EVP_MD_CTX_free(ctx);
	EVP_MD_free(md);
	return good ? INRO_OK : crypt_err("computing a digest");
}

#define HEADS_MAX 16 /* tags and lengths of what is signed */

enum inro_err pki_signed(struct bytes tbs, const struct pki_sig *sig, struct bytes signature,
			 struct buf *ret)
{
	size_t mark;

	buf_reserve(ret, tbs.n + sig->identifier.n + signature.n + HEADS_MAX);
	mark = der_begin(ret, DER_SEQUENCE);
	buf_add(ret, tbs);
	buf_add(ret, sig->identifier);
	der_add_bits(ret, signature);
	der_end(ret, mark);
	return buf_err(ret);
}
