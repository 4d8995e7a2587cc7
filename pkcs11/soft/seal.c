#include "pkcs11/soft/seal.h"

#include <openssl/core_names.h>
#include <openssl/kdf.h>

#include "base/own.h"
#include "pkcs11/token/libctx.h"
#include "pkcs11/token/skey.h"

#define VERSION 1
#define SALT	32
#define FAMILY	"inro family 1"

static const char *const info[SEAL_KIND__MAX] = {
	[SEAL_DATA] = "inro seal 1 data",
	[SEAL_PRIVATE_KEY] = "inro seal 1 private key",
	[SEAL_SECRET_KEY] = "inro seal 1 secret key",
	[SEAL_TPM_KEY] = "inro seal 1 tpm key",
	[SEAL_PIN_GUARD] = "inro seal 1 pin guard",
};

static void free_cipher(EVP_CIPHER_CTX **p)
{
	EVP_CIPHER_CTX_free(*p);
}

static void free_kdf(EVP_KDF_CTX **p)
{
	EVP_KDF_CTX_free(*p);
}

/* ---- the cipher ---- */

static enum inro_err aead_start(struct bytes key_and_nonce, struct bytes ad, int encrypt,
				EVP_CIPHER_CTX **ret)
{
	AUTO(free_cipher) EVP_CIPHER_CTX *ctx = NULL;
	const EVP_CIPHER *gcm;
	int n;
	enum inro_err e = libctx_aes_256_gcm(&gcm);

	if (e)
		return e;
	if (ad.n > SEAL_MAX_PLAIN || key_and_nonce.n != SEAL_KEY + SEAL_NONCE)
		return err_set(INRO_E_ARG, "sealing: associated data of %zu bytes", ad.n);
	ctx = EVP_CIPHER_CTX_new();
	if (!ctx || EVP_CipherInit_ex2(ctx, gcm, key_and_nonce.p, key_and_nonce.p + SEAL_KEY,
				       encrypt, NULL) != 1)
		return libcrypto_err("starting AES-GCM");
	if (ad.n && EVP_CipherUpdate(ctx, NULL, &n, ad.p, (int)ad.n) != 1)
		return libcrypto_err("AES-GCM");
	*ret = ctx;
	ctx = NULL;
	return INRO_OK;
}

enum inro_err aead_close(struct bytes key_and_nonce, struct bytes plain, struct bytes ad,
			 struct buf *ret_box)
{
	KEEP_LIBCRYPTO_ERRORS();
	AUTO(free_cipher) EVP_CIPHER_CTX *ctx = NULL;
	uint8_t *out;
	int n = 0;
	enum inro_err e;

	if (plain.n > SEAL_MAX_PLAIN)
		return err_set(INRO_E_TOO_BIG, "%zu bytes are too many to seal", plain.n);
	e = aead_start(key_and_nonce, ad, 1, &ctx);
	if (e)
		return e;
	out = buf_extend(ret_box, plain.n + SEAL_TAG);
	if (!out)
		return buf_err(ret_box);
	if ((plain.n && EVP_CipherUpdate(ctx, out, &n, plain.p, (int)plain.n) != 1) ||
	    EVP_CipherFinal_ex(ctx, out + plain.n, &n) != 1 ||
	    EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_GET_TAG, SEAL_TAG, out + plain.n) != 1)
		return libcrypto_err("AES-GCM");
	return INRO_OK;
}

enum inro_err aead_open(struct bytes key_and_nonce, struct bytes box, struct bytes ad,
			struct secret *ret_plain)
{
	KEEP_LIBCRYPTO_ERRORS();
	AUTO(free_cipher) EVP_CIPHER_CTX *ctx = NULL;
	SCOPED(secret) plain = { 0 };
	uint8_t tag[SEAL_TAG], none;
	struct bytes text, end;
	int n = 0;
	enum inro_err e;

	if (box.n < SEAL_TAG || box.n > SEAL_MAX_PLAIN + SEAL_TAG)
		return err_set(INRO_E_DAMAGED, "a sealed record of %zu bytes can't be one", box.n);
	text = BYTES(box.p, box.n - SEAL_TAG);
	end = BYTES(box.p + text.n, SEAL_TAG);
	for (size_t i = 0; i < end.n; i++)
		tag[i] = end.p[i];
	e = secret_new(text.n, &plain);
	if (!e)
		e = aead_start(key_and_nonce, ad, 0, &ctx);
	if (e)
		return e;
	if ((text.n && EVP_CipherUpdate(ctx, plain.p, &n, text.p, (int)text.n) != 1) ||
	    EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_SET_TAG, SEAL_TAG, tag) != 1)
		return libcrypto_err("AES-GCM");
	if (EVP_CipherFinal_ex(ctx, plain.p ? plain.p + text.n : &none, &n) != 1)
		return err_set(INRO_E_DAMAGED, "a sealed record does not open: it, or what belongs "
					       "to it, was changed");
	*ret_plain = plain;
	plain = (struct secret) { 0 };
	return INRO_OK;
}

/* ---- blobs ---- */

/* n bytes for one purpose: HKDF-SHA-256 of the master key. */
static enum inro_err purpose_key(struct bytes master, struct bytes label, struct bytes salt,
				 size_t n, struct secret *ret)
{
	KEEP_LIBCRYPTO_ERRORS();
	AUTO(free_kdf) EVP_KDF_CTX *ctx = NULL;
	SCOPED(secret) key = { 0 };
	EVP_KDF *hkdf;
	/* OSSL_PARAM has no const; what it points to is only read */
	OSSL_PARAM params[] = {
		OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST,
						 (char *)(uintptr_t)libctx_md_name(CKM_SHA256), 0),
		OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_KEY, (void *)(uintptr_t)master.p,
						  master.n),
		OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_SALT, (void *)(uintptr_t)salt.p,
						  salt.n),
		OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_INFO, (void *)(uintptr_t)label.p,
						  label.n),
		OSSL_PARAM_construct_end(),
	};
	enum inro_err e = libctx_hkdf(&hkdf);

	if (!e)
		e = secret_new(n, &key);
	if (e)
		return e;
	ctx = EVP_KDF_CTX_new(hkdf);
	if (!ctx || EVP_KDF_derive(ctx, key.p, key.n, params) != 1)
		return libcrypto_err("deriving a record's key");
	*ret = key;
	key = (struct secret) { 0 };
	return INRO_OK;
}

static enum inro_err record_key(struct bytes master, enum seal_kind kind, struct bytes salt,
				struct secret *ret)
{
	return purpose_key(master, bytes_of(info[kind]), salt, SEAL_KEY + SEAL_NONCE, ret);
}

enum inro_err seal_family(struct bytes master, struct bytes value, uint8_t ret[SEAL_FAMILY])
{
	const struct key_spec type = { .kind = KEY_SECRET, .key_type = CKK_SHA256_HMAC };
	const struct use_spec hmac = { .mech = CKM_SHA256_HMAC };
	AUTO(skey_unref_ptr) struct skey *mac = NULL;
	SCOPED(secret) key = { 0 };
	size_t n;
	/* RFC 5869 2.2: what stands for no salt */
	static const uint8_t no_salt[SEAL_FAMILY];
	enum inro_err e = purpose_key(master, bytes_of(FAMILY), BYTES(no_salt, sizeof no_salt),
				      SEAL_FAMILY, &key);

	if (!e)
		e = skey_new(&type, secret_bytes(&key), &mac);
	return e ? e
		 : skey_use(mac, USE_SIGN, &hmac, value, (struct room) { ret, SEAL_FAMILY }, &n);
}

enum inro_err seal_close(struct bytes master, enum seal_kind kind, struct bytes plain,
			 struct bytes ad, struct buf *ret_sealed)
{
	SCOPED(secret) key = { 0 };
	SCOPED(buf) blob = { 0 };
	uint8_t salt[SALT];
	enum inro_err e = random_fill(salt, sizeof salt);

	if (!e)
		e = record_key(master, kind, BYTES(salt, sizeof salt), &key);
	if (e)
		return e;
	buf_add_u8(&blob, VERSION);
	buf_add(&blob, BYTES(salt, sizeof salt));
	e = aead_close(secret_bytes(&key), plain, ad, &blob);
	if (e)
		return e;
	buf_add(ret_sealed, buf_bytes(&blob));
	return buf_err(ret_sealed);
}

enum inro_err seal_open(struct bytes master, enum seal_kind kind, struct bytes sealed,
			struct bytes ad, struct secret *ret_plain)
{
	SCOPED(secret) key = { 0 };
	struct bytes salt;
	uint8_t version;
	enum inro_err e = read_u8(&sealed, &version);

	if (e)
		return err_set(INRO_E_DAMAGED, "a sealed record is empty");
	if (version != VERSION)
		return err_set(INRO_E_DAMAGED, "a sealed record of version %u is not known here",
			       version);
	e = read_bytes(&sealed, SALT, &salt);
	if (e)
		return err_set(INRO_E_DAMAGED, "a sealed record ends too early");
	e = record_key(master, kind, salt, &key);
	return e ? e : aead_open(secret_bytes(&key), sealed, ad, ret_plain);
}
