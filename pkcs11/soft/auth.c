#include "pkcs11/soft/auth.h"

#include <openssl/core_names.h>
#include <openssl/kdf.h>

#include "base/own.h"
#include "pkcs11/soft/seal.h"
#include "pkcs11/token/libctx.h"

#define VERSION 1
#define SALT	16
#define LABEL	"inro auth 1"
/* version, user, log2 N, r, p, salt; then the box */
#define HEADER (5 + SALT)
#define RECORD (HEADER + AUTH_MASTER + SEAL_TAG)

const struct auth_cost auth_cost_now = { .log2_n = 15, .r = AUTH_R, .p = AUTH_P };

static void free_kdf(EVP_KDF_CTX **p)
{
	EVP_KDF_CTX_free(*p);
}

enum inro_err auth_scrypt(struct bytes pin, struct bytes salt, struct auth_cost cost,
			  struct secret *out)
{
	KEEP_LIBCRYPTO_ERRORS();
	AUTO(free_kdf) EVP_KDF_CTX *ctx = NULL;
	uint64_t n = (uint64_t)1 << cost.log2_n;
	uint32_t r = cost.r, p = cost.p;
	/* V, B and T of RFC 7914, and what libcrypto puts beside them */
	uint64_t memory = UINT64_C(128) * r * (n + p + 2) + 4096;
	EVP_KDF *scrypt;
	/* OSSL_PARAM has no const; what it points to is only read */
	OSSL_PARAM params[] = {
		OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_PASSWORD, (void *)(uintptr_t)pin.p,
						  pin.n),
		OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_SALT, (void *)(uintptr_t)salt.p,
						  salt.n),
		OSSL_PARAM_construct_uint64(OSSL_KDF_PARAM_SCRYPT_N, &n),
		OSSL_PARAM_construct_uint32(OSSL_KDF_PARAM_SCRYPT_R, &r),
		OSSL_PARAM_construct_uint32(OSSL_KDF_PARAM_SCRYPT_P, &p),
		OSSL_PARAM_construct_uint64(OSSL_KDF_PARAM_SCRYPT_MAXMEM, &memory),
		OSSL_PARAM_construct_end(),
	};
	enum inro_err e = libctx_scrypt(&scrypt);

	if (e)
		return e;
	ctx = EVP_KDF_CTX_new(scrypt);
	if (!ctx || EVP_KDF_derive(ctx, out->p, out->n, params) != 1)
		return libcrypto_err("scrypt");
	return INRO_OK;
}

static void add_ad(struct buf *b, struct bytes header, struct bytes serial)
{
	buf_add_str(b, LABEL);
	buf_add(b, header);
	buf_add_field(b, serial);
}

/* The key and nonce for this record: the salt is fresh, so the pair is used once. */
static enum inro_err wrapping_key(struct bytes pin, struct bytes salt, struct auth_cost cost,
				  struct secret *ret)
{
	SCOPED(secret) key = { 0 };
	enum inro_err e;

	if (pin.n == 0 || pin.n > SECRET_MAX_PIN)
		return err_set(INRO_E_PIN_FORMAT, "a PIN has 1 to %d bytes", SECRET_MAX_PIN);
	e = secret_new(SEAL_KEY + SEAL_NONCE, &key);
	if (!e)
		e = auth_scrypt(pin, salt, cost, &key);
	if (e)
		return e;
	*ret = key;
	key = (struct secret) { 0 };
	return INRO_OK;
}

static enum inro_err known_user(CK_USER_TYPE user)
{
	return user > CKU_USER ? err_set(INRO_E_USER_TYPE, "only the SO and the user have a PIN")
			       : INRO_OK;
}

enum inro_err auth_begin(CK_USER_TYPE user, struct bytes pin, struct buf *ret_begun,
			 struct secret *ret_key)
{
	uint8_t salt[SALT];
	enum inro_err e = known_user(user);

	if (!e)
		e = random_fill(salt, sizeof salt);
	if (!e)
		e = wrapping_key(pin, BYTES(salt, sizeof salt), auth_cost_now, ret_key);
	if (e)
		return e;
	buf_add_u8(ret_begun, VERSION);
	buf_add_u8(ret_begun, (uint8_t)user);
	buf_add_u8(ret_begun, auth_cost_now.log2_n);
	buf_add_u8(ret_begun, auth_cost_now.r);
	buf_add_u8(ret_begun, auth_cost_now.p);
	buf_add(ret_begun, BYTES(salt, sizeof salt));
	return buf_err(ret_begun);
}

static enum inro_err read_header(struct bytes header, CK_USER_TYPE user, struct auth_cost *ret)
{
	struct auth_cost cost = { .log2_n = header.p[2], .r = header.p[3], .p = header.p[4] };

	if (header.p[0] != VERSION)
		return err_set(INRO_E_DAMAGED, "a PIN record of version %u is not known here",
			       header.p[0]);
	if (header.p[1] != user)
		return err_set(INRO_E_DAMAGED, "the PIN record is another role's");
	if (cost.log2_n < AUTH_MIN_LOG2_N || cost.log2_n > AUTH_MAX_LOG2_N || cost.r != AUTH_R ||
	    cost.p != AUTH_P)
		return err_set(INRO_E_DAMAGED, "the PIN record asks for scrypt parameters that are "
					       "never written");
	*ret = cost;
	return INRO_OK;
}

enum inro_err auth_make_by(CK_USER_TYPE user, struct bytes serial, struct bytes begun,
			   struct bytes key, struct bytes master, struct buf *ret_record)
{
	SCOPED(buf) record = { 0 };
	SCOPED(buf) ad = { 0 };
	struct auth_cost cost;
	enum inro_err e = known_user(user);

	if (!e && (begun.n != HEADER || key.n != SEAL_KEY + SEAL_NONCE || master.n != AUTH_MASTER))
		e = err_set(INRO_E_ARG, "a PIN record begins otherwise");
	if (!e)
		e = read_header(begun, user, &cost);
	if (e)
		return e;
	buf_add(&record, begun);
	add_ad(&ad, begun, serial);
	e = buf_err(&ad);
	if (!e)
		e = aead_close(key, master, buf_bytes(&ad), &record);
	if (e)
		return e;
	buf_add(ret_record, buf_bytes(&record));
	return buf_err(ret_record);
}

/* The record's form alone. */
static enum inro_err read_record(CK_USER_TYPE user, struct bytes record, struct bytes *ret_header,
				 struct auth_cost *ret_cost)
{
	struct bytes header;
	enum inro_err e = known_user(user);

	if (!e && record.n != RECORD)
		e = err_set(INRO_E_DAMAGED, "a PIN record of %zu bytes can't be one", record.n);
	if (e)
		return e;
	header = BYTES(record.p, HEADER);
	e = read_header(header, user, ret_cost);
	if (!e)
		*ret_header = header;
	return e;
}

enum inro_err auth_stretch(CK_USER_TYPE user, struct bytes record, struct bytes pin,
			   struct secret *ret_key)
{
	struct bytes header = { 0 };
	struct auth_cost cost;
	enum inro_err e = read_record(user, record, &header, &cost);

	if (!e)
		e = wrapping_key(pin, BYTES(header.p + HEADER - SALT, SALT), cost, ret_key);
	if (e == INRO_E_PIN_FORMAT) /* no such PIN was ever set */
		return err_set(INRO_E_PIN_WRONG, "wrong PIN");
	return e;
}

enum inro_err auth_open_by(CK_USER_TYPE user, struct bytes serial, struct bytes record,
			   struct bytes key, struct secret *ret_master)
{
	SCOPED(buf) ad = { 0 };
	struct bytes header = { 0 };
	struct auth_cost cost;
	enum inro_err e = read_record(user, record, &header, &cost);

	if (!e && key.n != SEAL_KEY + SEAL_NONCE)
		e = err_set(INRO_E_PIN_WRONG, "wrong PIN");
	if (e)
		return e;
	add_ad(&ad, header, serial);
	e = buf_err(&ad);
	if (!e)
		e = aead_open(key, BYTES(record.p + HEADER, record.n - HEADER), buf_bytes(&ad),
			      ret_master);
	if (e == INRO_E_DAMAGED)
		e = err_set(INRO_E_PIN_WRONG, "wrong PIN");
	return e;
}
