/*
 * asym_cipher - OSSL_OP_ASYM_CIPHER: RSA encryption, and decryption by a token.
 *
 * 1. What the program sets goes to libcrypto's own operation on the public half (model.h), which
 *    also encrypts; a decryption by the token reads the settings back from it.
 * 2. A message that was padded wrongly is no other than one that was not: the token rejects
 *    implicitly, and for TLS a random secret takes its place here, chosen without a branch.
 * 3. To libcrypto a ciphertext is a number, which may have lost the zeros in front; Cryptoki takes as
 *    many octets as the modulus has (PKCS#11 3.2, section 6.1.9).
 */
#include "provider/model.h"

#include <string.h>

#include <openssl/core_names.h>
#include <openssl/params.h>
#include <openssl/rsa.h>
#include <openssl/ssl.h>

#include "base/cryptoki/hashes.h"

static int encrypt_init(void *vctx, void *vkey, const OSSL_PARAM params[])
{
	return model_start(vctx, vkey, false, EVP_PKEY_encrypt_init_ex, params);
}

static int decrypt_init(void *vctx, void *vkey, const OSSL_PARAM params[])
{
	return model_start(vctx, vkey, true, EVP_PKEY_decrypt_init_ex, params);
}

static int encrypt(void *vctx, unsigned char *out, size_t *n, size_t room, const unsigned char *in,
		   size_t in_n)
{
	struct model *m = vctx;

	*n = room;
	return m->ctx ? EVP_PKEY_encrypt(m->ctx, out, n, in, in_n) : 0;
}

/* What the program has set. */
struct settings {
	int padding;
	char digest[64], mgf1[64];
	struct bytes label;
	unsigned client_version, other_version;
};

static enum inro_err read_settings(struct model *m, struct settings *ret)
{
	struct settings s = { .padding = RSA_PKCS1_PADDING };
	void *label = NULL;
	OSSL_PARAM params[] = {
		OSSL_PARAM_construct_int(OSSL_ASYM_CIPHER_PARAM_PAD_MODE, &s.padding),
		OSSL_PARAM_construct_utf8_string(OSSL_ASYM_CIPHER_PARAM_OAEP_DIGEST, s.digest,
						 sizeof s.digest),
		OSSL_PARAM_construct_utf8_string(OSSL_ASYM_CIPHER_PARAM_MGF1_DIGEST, s.mgf1,
						 sizeof s.mgf1),
		OSSL_PARAM_construct_octet_ptr(OSSL_ASYM_CIPHER_PARAM_OAEP_LABEL, &label, 0),
		OSSL_PARAM_construct_uint(OSSL_ASYM_CIPHER_PARAM_TLS_CLIENT_VERSION,
					  &s.client_version),
		OSSL_PARAM_construct_uint(OSSL_ASYM_CIPHER_PARAM_TLS_NEGOTIATED_VERSION,
					  &s.other_version),
		OSSL_PARAM_construct_end(),
	};

	if (EVP_PKEY_CTX_get_params(m->ctx, params) != 1)
		return below_failed("reading the settings of the decryption");
	s.label = BYTES(label, label ? params[3].return_size : 0);
	*ret = s;
	return INRO_OK;
}

/* A decryption: what goes in, and the room for what comes out. */
struct job {
	struct object *object;
	struct bytes in;
	uint8_t *out;
	size_t size; /* of the key; there is at least so much room, for TLS a secret's */
	size_t n;
};

static enum inro_err decrypt_pkcs1(struct job *j, const struct settings *set)
{
	CK_MECHANISM mech = { .mechanism = CKM_RSA_PKCS };

	(void)set;
	return object_decrypt(j->object, &mech, j->in, j->out, &j->n);
}

static const struct ck_hash *hash_named(const char *name)
{
	const struct digest *d = digest_named(name);

	return d ? ck_hash_find(d->mech) : NULL;
}

/* Without a digest it is SHA-1, and without another one for MGF1 the same (RFC 8017 A.2.1). */
static enum inro_err decrypt_oaep(struct job *j, const struct settings *set)
{
	const char *digest = *set->digest ? set->digest : "SHA1";
	const struct ck_hash *hash = hash_named(digest);
	const struct ck_hash *mgf1 = hash_named(*set->mgf1 ? set->mgf1 : digest);
	CK_RSA_PKCS_OAEP_PARAMS oaep;
	CK_MECHANISM mech = { CKM_RSA_PKCS_OAEP, &oaep, sizeof oaep };

	if (!hash || !mgf1 || !mgf1->mgf)
		return err_set(INRO_E_UNSUPPORTED, "OAEP with %s and MGF1 %s is not offered",
			       digest, *set->mgf1 ? set->mgf1 : digest);
	oaep = (CK_RSA_PKCS_OAEP_PARAMS) { .hashAlg = hash->mech,
					   .mgf = mgf1->mgf,
					   .source = CKZ_DATA_SPECIFIED,
					   .pSourceData = (void *)(uintptr_t)set->label.p,
					   .ulSourceDataLen = set->label.n };
	return object_decrypt(j->object, &mech, j->in, j->out, &j->n);
}

static enum inro_err decrypt_raw(struct job *j, const struct settings *set)
{
	(void)set;
	j->n = j->size;
	return object_decrypt_raw(j->object, j->in, j->out, j->size);
}

/* All ones when the two are equal, else zero. */
static size_t mask_equal(size_t a, size_t b)
{
	size_t differ = a ^ b;

	return (size_t)0 - (((differ | ((size_t)0 - differ)) >> (8 * sizeof differ - 1)) ^ 1);
}

static size_t mask_version(const uint8_t *secret, unsigned version)
{
	return mask_equal(secret[0], (version >> 8) & 0xff) & mask_equal(secret[1], version & 0xff);
}

/* RFC 5246 7.4.7.1: what is not a secret of the client's version is replaced by random octets. */
static enum inro_err decrypt_tls(struct job *j, const struct settings *set)
{
	SCOPED(secret) plain = { 0 };
	CK_MECHANISM mech = { .mechanism = CKM_RSA_PKCS };
	size_t n = j->size, good;
	enum inro_err e;

	if (set->client_version == 0)
		return err_set(INRO_E_ARG,
			       "TLS padding needs the version that the client has said");
	e = secret_new(j->size, &plain);
	if (!e)
		e = random_fill(j->out, SSL_MAX_MASTER_KEY_LENGTH);
	if (e)
		return e;
	e = object_decrypt(j->object, &mech, j->in, plain.p, &n);
	if (e && e != INRO_E_CIPHERTEXT)
		return e;
	good = mask_version(plain.p, set->client_version);
	if (set->other_version)
		good |= mask_version(plain.p, set->other_version);
	good &= mask_equal(n, SSL_MAX_MASTER_KEY_LENGTH) & mask_equal((size_t)e, INRO_OK);
	for (size_t i = 0; i < SSL_MAX_MASTER_KEY_LENGTH; i++)
		j->out[i] = (uint8_t)((plain.p[i] & good) | (j->out[i] & ~good));
	j->n = SSL_MAX_MASTER_KEY_LENGTH;
	return INRO_OK;
}

static const struct padding {
	int padding;
	size_t least; /* room that is asked for; 0: the size of the key */
	enum inro_err (*decrypt)(struct job *j, const struct settings *set);
} paddings[] = {
	{ RSA_PKCS1_PADDING, 0, decrypt_pkcs1 },
	{ RSA_PKCS1_OAEP_PADDING, 0, decrypt_oaep },
	{ RSA_NO_PADDING, 0, decrypt_raw },
	{ RSA_PKCS1_WITH_TLS_PADDING, SSL_MAX_MASTER_KEY_LENGTH, decrypt_tls },
};

static const struct padding *padding_of(int number)
{
	for (size_t i = 0; i < ARRAY_LEN(paddings); i++)
		if (paddings[i].padding == number)
			return &paddings[i];
	return NULL;
}

/* In `room`, where zeros are missing: public, as it is.  What is too long is the token's to refuse. */
static struct bytes whole_number(struct bytes in, size_t size, struct buf *room)
{
	uint8_t *zeros;

	if (in.n >= size)
		return in;
	zeros = buf_extend(room, size - in.n);
	if (zeros)
		memset(zeros, 0, size - in.n);
	buf_add(room, in);
	return buf_bytes(room);
}

/* The length that is told before the decryption is the most that can come. */
static enum inro_err decrypt_by_token(struct model *m, struct bytes in, uint8_t *out, size_t room,
				      size_t *n)
{
	SCOPED(buf) number = { 0 };
	struct job j = { .object = m->key->object,
			 .out = out,
			 .size = (size_t)EVP_PKEY_get_size(m->key->pkey) };
	const struct padding *p;
	struct settings set;
	size_t least;
	enum inro_err e = read_settings(m, &set);

	if (e)
		return e;
	p = padding_of(set.padding);
	least = p && p->least ? p->least : j.size;
	if (out && !p)
		return err_set(INRO_E_UNSUPPORTED,
			       "token keys decrypt with PKCS#1 v1.5, OAEP or no padding");
	if (out && room < least)
		return err_set(INRO_E_TOO_SMALL, "a decryption needs room for %zu bytes", least);
	if (out && in.n == 0) /* libcrypto took it for the number zero until 3.5.9 */
		return err_set(INRO_E_CIPHERTEXT, "an empty ciphertext is none of the key's");
	j.n = room;
	j.in = whole_number(in, j.size, &number);
	e = buf_err(&number);
	if (!e && out)
		e = p->decrypt(&j, &set);
	if (!e)
		*n = out ? j.n : least;
	return e;
}

static int decrypt(void *vctx, unsigned char *out, size_t *n, size_t room, const unsigned char *in,
		   size_t in_n)
{
	struct model *m = vctx;
	enum inro_err e;

	if (!m->ctx)
		return 0;
	if (!model_is_token(m)) {
		*n = room;
		return EVP_PKEY_decrypt(m->ctx, out, n, in, in_n);
	}
	e = decrypt_by_token(m, BYTES(in, in_n), out, room, n);
	return e ? prov_raise(m->prov, e) : 1;
}

static const OSSL_PARAM *gettable_ctx_params(void *vctx, void *vprov)
{
	static const OSSL_PARAM table[] = {
		OSSL_PARAM_utf8_string(OSSL_ASYM_CIPHER_PARAM_OAEP_DIGEST, NULL, 0),
		OSSL_PARAM_utf8_string(OSSL_ASYM_CIPHER_PARAM_PAD_MODE, NULL, 0),
		OSSL_PARAM_utf8_string(OSSL_ASYM_CIPHER_PARAM_MGF1_DIGEST, NULL, 0),
		OSSL_PARAM_octet_ptr(OSSL_ASYM_CIPHER_PARAM_OAEP_LABEL, NULL, 0),
		OSSL_PARAM_uint(OSSL_ASYM_CIPHER_PARAM_TLS_CLIENT_VERSION, NULL),
		OSSL_PARAM_uint(OSSL_ASYM_CIPHER_PARAM_TLS_NEGOTIATED_VERSION, NULL),
		OSSL_PARAM_END,
	};

	(void)vprov;
	return model_gettable(vctx, table);
}

/* implicit-rejection, from 3.2 on, changes nothing: a token rejects implicitly whatever is set. */
static const OSSL_PARAM *settable_ctx_params(void *vctx, void *vprov)
{
	static const OSSL_PARAM table[] = {
		OSSL_PARAM_utf8_string(OSSL_ASYM_CIPHER_PARAM_OAEP_DIGEST, NULL, 0),
		OSSL_PARAM_utf8_string(OSSL_ASYM_CIPHER_PARAM_OAEP_DIGEST_PROPS, NULL, 0),
		OSSL_PARAM_utf8_string(OSSL_ASYM_CIPHER_PARAM_PAD_MODE, NULL, 0),
		OSSL_PARAM_utf8_string(OSSL_ASYM_CIPHER_PARAM_MGF1_DIGEST, NULL, 0),
		OSSL_PARAM_utf8_string(OSSL_ASYM_CIPHER_PARAM_MGF1_DIGEST_PROPS, NULL, 0),
		OSSL_PARAM_octet_string(OSSL_ASYM_CIPHER_PARAM_OAEP_LABEL, NULL, 0),
		OSSL_PARAM_uint(OSSL_ASYM_CIPHER_PARAM_TLS_CLIENT_VERSION, NULL),
		OSSL_PARAM_uint(OSSL_ASYM_CIPHER_PARAM_TLS_NEGOTIATED_VERSION, NULL),
		OSSL_PARAM_END,
	};

	(void)vprov;
	return model_settable(vctx, table);
}

static const OSSL_DISPATCH functions[] = {
	ENTRY(OSSL_FUNC_ASYM_CIPHER_NEWCTX, model_new),
	ENTRY(OSSL_FUNC_ASYM_CIPHER_FREECTX, model_free),
	ENTRY(OSSL_FUNC_ASYM_CIPHER_DUPCTX, model_dup),
	ENTRY(OSSL_FUNC_ASYM_CIPHER_ENCRYPT_INIT, encrypt_init),
	ENTRY(OSSL_FUNC_ASYM_CIPHER_ENCRYPT, encrypt),
	ENTRY(OSSL_FUNC_ASYM_CIPHER_DECRYPT_INIT, decrypt_init),
	ENTRY(OSSL_FUNC_ASYM_CIPHER_DECRYPT, decrypt),
	ENTRY(OSSL_FUNC_ASYM_CIPHER_GET_CTX_PARAMS, model_get),
	ENTRY(OSSL_FUNC_ASYM_CIPHER_GETTABLE_CTX_PARAMS, gettable_ctx_params),
	ENTRY(OSSL_FUNC_ASYM_CIPHER_SET_CTX_PARAMS, model_set),
	ENTRY(OSSL_FUNC_ASYM_CIPHER_SETTABLE_CTX_PARAMS, settable_ctx_params),
	ENTRY_END,
};

const OSSL_ALGORITHM asym_cipher_algorithms[] = {
	{ "INRO-RSA", PROV_PROPERTIES, functions, "RSA by a token" },
	{ NULL, NULL, NULL, NULL },
};
