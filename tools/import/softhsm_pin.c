/* softhsm_pin - a SoftHSM token's key out of its PIN, and attributes decrypted under it. */
#include <openssl/err.h>
#include <openssl/evp.h>
#include <string.h>

#include "backoffice/pki/crypt.h"
#include "tools/import/softhsm.h"

#define SALT	((size_t)8)
#define IV	((size_t)16)
#define MAGIC	"RJR"
#define MAGIC_N ((size_t)3)
#define ROUNDS	1500u
/* "RJR" and the key, padded to whole blocks. */
#define BLOB (SALT + IV + (size_t)48)

static void md_free(EVP_MD_CTX **c)
{
	EVP_MD_CTX_free(*c);
}

static void cipher_free(EVP_CIPHER_CTX **c)
{
	EVP_CIPHER_CTX_free(*c);
}

static bool hash_two(EVP_MD_CTX *c, struct bytes a, struct bytes b, uint8_t *out)
{
	return EVP_DigestInit_ex2(c, crypt_md(PKI_SHA256), NULL) && EVP_DigestUpdate(c, a.p, a.n) &&
	       EVP_DigestUpdate(c, b.p, b.n) && EVP_DigestFinal_ex(c, out, NULL);
}

static enum inro_err derive(struct bytes salt, struct bytes pin, struct secret *ret)
{
	AUTO(md_free) EVP_MD_CTX *c = EVP_MD_CTX_new();
	SCOPED(secret) key = { 0 };
	unsigned rounds = ROUNDS + salt.p[SALT - 1];
	enum inro_err e = secret_new(SOFTHSM_KEY, &key);
	bool ok;

	if (e)
		return e;
	ok = c && hash_two(c, salt, pin, key.p);
	for (unsigned i = 1; ok && i < rounds; i++)
		ok = hash_two(c, secret_bytes(&key), BYTES_NONE, key.p);
	if (!ok)
		return crypt_err("deriving a key from a PIN");
	*ret = key;
	key = (struct secret) { 0 };
	return INRO_OK;
}

enum inro_err softhsm_decrypt(const struct secret *key, struct bytes in, uint8_t *out,
			      size_t *ret_n)
{
	AUTO(cipher_free) EVP_CIPHER_CTX *c = EVP_CIPHER_CTX_new();
	EVP_CIPHER *aes = EVP_CIPHER_fetch(crypt_libctx(), "AES-256-CBC", NULL);
	int n = 0, rest = 0;
	bool ok = c && aes && in.n > IV && in.n <= SOFTHSM_FILE_MAX && in.n % IV == 0 &&
		  EVP_DecryptInit_ex2(c, aes, key->p, in.p, NULL) &&
		  EVP_DecryptUpdate(c, out, &n, in.p + IV, (int)(in.n - IV)) &&
		  EVP_DecryptFinal_ex(c, out + n, &rest);

	EVP_CIPHER_free(aes);
	ERR_clear_error();
	if (!ok)
		return err_set(INRO_E_DAMAGED, "a value doesn't decrypt");
	*ret_n = (size_t)(n + rest);
	return INRO_OK;
}

static enum inro_err open_blob(const struct secret *key, struct bytes blob, struct secret *ret)
{
	SCOPED(secret) plain = { 0 };
	size_t n = 0;
	enum inro_err e = secret_new(blob.n, &plain);

	if (e)
		return e;
	e = softhsm_decrypt(key, blob, plain.p, &n);
	if (e || n != MAGIC_N + SOFTHSM_KEY || memcmp(plain.p, MAGIC, MAGIC_N) != 0)
		return err_set(INRO_E_PIN_WRONG, "SoftHSM's token has another PIN");
	return secret_copy(BYTES(plain.p + MAGIC_N, SOFTHSM_KEY), ret);
}

enum inro_err softhsm_unlock(struct bytes blob, struct bytes pin, struct secret *ret)
{
	SCOPED(secret) key = { 0 };
	enum inro_err e;

	if (!blob.n)
		return err_set(INRO_E_PIN_MISSING,
			       "SoftHSM's token has no such PIN yet; set it there first");
	if (blob.n != BLOB)
		return err_set(INRO_E_DAMAGED, "SoftHSM's token has a key of %zu octets, not %zu",
			       blob.n, BLOB);
	e = derive(BYTES(blob.p, SALT), pin, &key);
	return e ? e : open_blob(&key, BYTES(blob.p + SALT, blob.n - SALT), ret);
}
