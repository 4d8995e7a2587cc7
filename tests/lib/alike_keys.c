/* alike_keys - the keys of both sides (alike.h). */
#include "tests/lib/alike.h"

#include <stdlib.h>
#include <string.h>

#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/params.h>
#include <openssl/x509.h>

#include "tests/lib/token_keys.h"

const struct alike_key alike_keys[ALIKE_KEYS] = {
	{ "rsa2048", "RSA", NULL, 2048, NULL },
	{ "rsa3072", "RSA", NULL, 3072, NULL },
	{ "pss", "RSA-PSS", NULL, 2048, NULL },
	{ "pss256", "RSA-PSS", NULL, 2048, "SHA256" },
	{ "p256", "EC", "P-256", 0, NULL },
	{ "p384", "EC", "P-384", 0, NULL },
	{ "p521", "EC", "P-521", 0, NULL },
	{ "k256", "EC", "secp256k1", 0, NULL },
	{ "b256", "EC", "brainpoolP256r1", 0, NULL },
	{ "b384", "EC", "brainpoolP384r1", 0, NULL },
	{ "ed25519", "ED25519", NULL, 0, NULL },
	{ "ed448", "ED448", NULL, 0, NULL },
	{ "x25519", "X25519", NULL, 0, NULL },
	{ "x448", "X448", NULL, 0, NULL },
};

static void need(bool ok, const char *what)
{
	if (ok)
		return;
	fprintf(stderr, "alike: %s\n", what);
	ERR_print_errors_fp(stderr);
	exit(1);
}

static OSSL_PARAM text(const char *name, const char *value)
{
	return OSSL_PARAM_construct_utf8_string(name, (char *)(uintptr_t)value, 0);
}

static EVP_PKEY *generate(const struct alike_key *k)
{
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, k->type, "provider=default");
	unsigned bits = k->bits;
	int salt = 32;
	OSSL_PARAM params[6];
	size_t n = 0;
	EVP_PKEY *key = NULL;

	if (k->group)
		params[n++] = text(OSSL_PKEY_PARAM_GROUP_NAME, k->group);
	if (bits)
		params[n++] = OSSL_PARAM_construct_uint(OSSL_PKEY_PARAM_RSA_BITS, &bits);
	if (k->pss_digest) {
		params[n++] = text(OSSL_PKEY_PARAM_RSA_DIGEST, k->pss_digest);
		params[n++] = text(OSSL_PKEY_PARAM_RSA_MGF1_DIGEST, k->pss_digest);
		params[n++] = OSSL_PARAM_construct_int(OSSL_PKEY_PARAM_RSA_PSS_SALTLEN, &salt);
	}
	params[n] = OSSL_PARAM_construct_end();
	need(ctx && EVP_PKEY_keygen_init(ctx) == 1 && EVP_PKEY_CTX_set_params(ctx, params) == 1 &&
		     EVP_PKEY_generate(ctx, &key) == 1,
	     k->name);
	EVP_PKEY_CTX_free(ctx);
	return key;
}

/* As it comes out of a file. */
static EVP_PKEY *by_file(EVP_PKEY *key)
{
	unsigned char *der = NULL;
	int n = i2d_PrivateKey(key, &der);
	const unsigned char *at = der;
	EVP_PKEY *read = n > 0 ? d2i_AutoPrivateKey(NULL, &at, n) : NULL;

	OPENSSL_free(der);
	need(read != NULL, "a key of a file");
	EVP_PKEY_free(key);
	return read;
}

static EVP_PKEY *public_of(EVP_PKEY *key)
{
	unsigned char *der = NULL;
	int n = i2d_PUBKEY(key, &der);
	const unsigned char *at = der;
	EVP_PKEY *public = n > 0 ? d2i_PUBKEY(NULL, &at, n) : NULL;

	OPENSSL_free(der);
	need(public != NULL, "a public key");
	return public;
}

static EVP_PKEY *by_token(const struct alike_key *k, size_t i, EVP_PKEY *key)
{
	static CK_MECHANISM_TYPE any[] = { CKM_RSA_PKCS_PSS,	    CKM_SHA1_RSA_PKCS_PSS,
					   CKM_SHA224_RSA_PKCS_PSS, CKM_SHA256_RSA_PKCS_PSS,
					   CKM_SHA384_RSA_PKCS_PSS, CKM_SHA512_RSA_PKCS_PSS };
	static CK_MECHANISM_TYPE raw[] = { CKM_RSA_PKCS, CKM_RSA_PKCS_PSS, CKM_RSA_PKCS_OAEP, CKM_RSA_X_509 };
	static CK_MECHANISM_TYPE one[] = { CKM_RSA_PKCS_PSS, CKM_SHA256_RSA_PKCS_PSS };
	struct token_import import = { .label = k->name, .id = (CK_BYTE)(0x40 + i), .key = key };
	EVP_PKEY *loaded;
	char uri[100];

	if (strcmp(k->type, "RSA-PSS") == 0) {
		import.mechs = k->pss_digest ? one : any;
		import.mechs_n = k->pss_digest ? ARRAY_LEN(one) : ARRAY_LEN(any);
	}
	if (strcmp(k->type, "RSA") == 0) {
		import.mechs = raw;
		import.mechs_n = ARRAY_LEN(raw);
	}
	token_keys_import_whole(&import);
	snprintf(uri, sizeof uri, "pkcs11:token=line1;object=%s;type=private?pin-value=" TOKEN_KEYS_PIN, k->name);
	loaded = token_keys_load(NULL, uri);
	need(loaded != NULL, uri);
	return loaded;
}

void alike_make(struct alike *a)
{
	a->file.all = a->token.all = a;
	a->token.token = true;
	for (size_t i = 0; i < ALIKE_KEYS; i++) {
		const struct alike_key *k = &alike_keys[i];

		a->file.keys[i] = by_file(generate(k));
		a->token.keys[i] = by_token(k, i, a->file.keys[i]);
		a->publics[i] = public_of(a->file.keys[i]);
		a->peers[i] = k->bits ? a->publics[i] : generate(k);
		if (k->bits)
			need(EVP_PKEY_up_ref(a->peers[i]) == 1, "a peer");
	}
}

void alike_free(struct alike *a)
{
	for (size_t i = 0; i < ALIKE_KEYS; i++) {
		EVP_PKEY_free(a->file.keys[i]);
		EVP_PKEY_free(a->token.keys[i]);
		EVP_PKEY_free(a->publics[i]);
		EVP_PKEY_free(a->peers[i]);
	}
}
