/* pss - see pss.h. */
#include "provider/pss.h"

#include <string.h>

#include <openssl/core_names.h>
#include <openssl/param_build.h>
#include <openssl/params.h>
#include <openssl/rsa.h>

#include "base/cryptoki/hashes.h"

/* Those that every token with PSS may be expected to know stand first. */
static const struct {
	CK_MECHANISM_TYPE mech, hash;
} rows[] = {
	{ CKM_RSA_PKCS_PSS, 0 }, /* any */
	{ CKM_SHA1_RSA_PKCS_PSS, CKM_SHA_1 },
	{ CKM_SHA224_RSA_PKCS_PSS, CKM_SHA224 },
	{ CKM_SHA256_RSA_PKCS_PSS, CKM_SHA256 },
	{ CKM_SHA384_RSA_PKCS_PSS, CKM_SHA384 },
	{ CKM_SHA512_RSA_PKCS_PSS, CKM_SHA512 },
	{ CKM_SHA3_224_RSA_PKCS_PSS, CKM_SHA3_224 },
	{ CKM_SHA3_256_RSA_PKCS_PSS, CKM_SHA3_256 },
	{ CKM_SHA3_384_RSA_PKCS_PSS, CKM_SHA3_384 },
	{ CKM_SHA3_512_RSA_PKCS_PSS, CKM_SHA3_512 },
};
#define ROWS_COMMON 6

/* The row of a mechanism; the number of rows when it is none of PSS. */
static size_t row_of(CK_MECHANISM_TYPE mech)
{
	size_t i = 0;

	while (i < ARRAY_LEN(rows) && rows[i].mech != mech)
		i++;
	return i;
}

bool pss_is_bound(struct seat *s, CK_OBJECT_HANDLE handle, const struct digest **ret_digest)
{
	SCOPED(buf) list = { 0 };
	CK_MECHANISM_TYPE mech, hash = 0;
	bool one = true;

	if (ck_attr(s->m, s->session, handle, CKA_ALLOWED_MECHANISMS, &list) ||
	    list.n < sizeof mech)
		return false;
	for (size_t at = 0; at + sizeof mech <= list.n; at += sizeof mech) {
		size_t row;

		memcpy(&mech, list.p + at, sizeof mech);
		row = row_of(mech);
		if (row == ARRAY_LEN(rows))
			return false;
		one = one && (!hash || !rows[row].hash || rows[row].hash == hash);
		hash = rows[row].hash ? rows[row].hash : hash;
	}
	*ret_digest = one && hash ? digest_of(hash) : NULL;
	return true;
}

/* The bounds as parameters of the key; there is a row of base/cryptoki/hashes.h for each digest of
 * this file. */
static OSSL_PARAM *bounds(const struct digest *digest)
{
	OSSL_PARAM_BLD *b = OSSL_PARAM_BLD_new();
	const struct ck_hash *hash = digest ? ck_hash_find(digest->mech) : NULL;
	OSSL_PARAM *params = NULL;
	bool ok = b != NULL;

	if (ok && hash)
		ok = OSSL_PARAM_BLD_push_utf8_string(b, OSSL_PKEY_PARAM_RSA_DIGEST,
						     digest->names[0], 0) &&
		     OSSL_PARAM_BLD_push_utf8_string(b, OSSL_PKEY_PARAM_RSA_MASKGENFUNC, "MGF1",
						     0) &&
		     OSSL_PARAM_BLD_push_utf8_string(b, OSSL_PKEY_PARAM_RSA_MGF1_DIGEST,
						     digest->names[0], 0) &&
		     OSSL_PARAM_BLD_push_int(b, OSSL_PKEY_PARAM_RSA_PSS_SALTLEN, (int)hash->size);
	if (ok)
		params = OSSL_PARAM_BLD_to_param(b);
	OSSL_PARAM_BLD_free(b);
	return params;
}

/* The same numbers as a key of RSA-PSS. */
static EVP_PKEY *rebuild(OSSL_LIB_CTX *libctx, EVP_PKEY *rsa, const OSSL_PARAM *bound)
{
	const char *name = key_types[KEY_TYPE_rsa_pss].name;
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(libctx, name, NULL);
	OSSL_PARAM *numbers = NULL, *all = NULL;
	EVP_PKEY *pss = NULL;

	if (ctx && EVP_PKEY_todata(rsa, EVP_PKEY_PUBLIC_KEY, &numbers) == 1)
		all = OSSL_PARAM_merge(numbers, bound);
	if (!all || EVP_PKEY_fromdata_init(ctx) != 1 ||
	    EVP_PKEY_fromdata(ctx, &pss, EVP_PKEY_PUBLIC_KEY, all) != 1)
		pss = NULL;
	OSSL_PARAM_free(all);
	OSSL_PARAM_free(numbers);
	EVP_PKEY_CTX_free(ctx);
	return pss;
}

enum inro_err pss_bind(struct key *k, const struct digest *digest)
{
	OSSL_LIB_CTX *libctx;
	OSSL_PARAM *bound;
	EVP_PKEY *pss = NULL;
	enum inro_err e = below_libctx(&k->prov->below, &libctx);

	if (e)
		return e;
	bound = bounds(digest);
	if (bound)
		pss = rebuild(libctx, k->pkey, bound);
	OSSL_PARAM_free(bound);
	if (!pss)
		return below_failed("making the key one of RSA-PSS");
	EVP_PKEY_free(k->pkey);
	k->pkey = pss;
	k->type = &key_types[KEY_TYPE_rsa_pss];
	return INRO_OK;
}

/* The bare mechanism is what a digest is signed by; one with the hash is what binds to it. */
CK_ULONG pss_mechanisms(const struct digest *digest, CK_MECHANISM_TYPE out[PSS_MECHS])
{
	CK_ULONG n = 0;

	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		if (digest ? !rows[i].hash || rows[i].hash == digest->mech : i < ROWS_COMMON)
			out[n++] = rows[i].mech;
	return digest && n < 2 ? 0 : n;
}
