/*
 * cipher - OSSL_OP_CIPHER: AES by a secret key of a token, in the modes of cipher.h.
 *
 * 1. The names are private ones, INRO-AES-256-GCM and its like: no program gets them unasked.
 * 2. The key is named by the parameter pkcs11_uri, at an init or between two; from OpenSSL 3.5 on
 *    it may be an EVP_SKEY.  It has the kind and length that the name says.
 */
#include "provider/cipher.h"

#include <stdlib.h>
#include <string.h>

#include <openssl/core_names.h>
#include <openssl/params.h>

static void *cipher_new(struct prov *p, const struct cipher_kind *kind)
{
	struct cipher *c = calloc(1, sizeof *c);

	if (!c)
		return NULL;
	c->prov = p;
	c->kind = kind;
	c->padding = true;
	c->iv_n = kind->mode->iv;
	c->tag_n = kind->mode->tag;
	return c;
}

static void freectx(void *vcipher)
{
	struct cipher *c = vcipher;

	if (!c)
		return;
	object_free(c->key);
	buf_clear(&c->aad);
	wipe(c, sizeof *c);
	free(c);
}

static void *dupctx(void *vcipher)
{
	const struct cipher *from = vcipher;
	struct cipher *to = malloc(sizeof *to);

	if (!to)
		return NULL;
	*to = *from;
	to->aad = (struct buf) { 0 };
	to->key = object_share(from->key);
	buf_add(&to->aad, buf_bytes(&from->aad));
	if (buf_err(&from->aad) == INRO_OK && buf_err(&to->aad) == INRO_OK)
		return to;
	freectx(to);
	return NULL;
}

static enum inro_err set_iv_length(struct cipher *c, size_t n)
{
	const struct cipher_mode *mode = c->kind->mode;

	if (n < mode->iv_min || n > mode->iv_max)
		return err_set(INRO_E_ARG, "an IV of %s can't have %zu bytes", c->kind->name, n);
	if (n != c->iv_n && c->iv_state != CIPHER_IV_NONE)
		c->iv_state = CIPHER_IV_USED; /* it was one of another length */
	c->iv_n = n;
	return INRO_OK;
}

/* Without a value it is the length that the tag is to have. */
static enum inro_err set_tag(struct cipher *c, const void *tag, size_t n)
{
	const struct cipher_mode *mode = c->kind->mode;

	if (mode->form != CIPHER_AEAD)
		return err_set(INRO_E_ARG, "%s has no tag", c->kind->name);
	if (n < mode->tag_min || n > CIPHER_TAG || n % mode->tag_step != 0)
		return err_set(INRO_E_ARG, "a tag of %s can't have %zu bytes", c->kind->name, n);
	if (tag && c->encrypting)
		return err_set(INRO_E_ARG, "a tag is set for a decryption only");
	c->tag_n = n;
	c->has_tag = tag != NULL;
	if (tag)
		memcpy(c->tag, tag, n);
	return INRO_OK;
}

static enum inro_err take_padding(struct cipher *c, const OSSL_PARAM *p)
{
	unsigned on;

	if (!OSSL_PARAM_get_uint(p, &on))
		return err_set(INRO_E_ARG, "padding is 0 or 1");
	c->padding = on != 0;
	return INRO_OK;
}

static enum inro_err take_iv_length(struct cipher *c, const OSSL_PARAM *p)
{
	size_t n;

	if (!OSSL_PARAM_get_size_t(p, &n))
		return err_set(INRO_E_ARG, "the length of an IV is a number");
	return set_iv_length(c, n);
}

static enum inro_err take_tag(struct cipher *c, const OSSL_PARAM *p)
{
	if (p->data_type != OSSL_PARAM_OCTET_STRING)
		return err_set(INRO_E_ARG, "a tag is a string of bytes");
	return set_tag(c, p->data, p->data_size);
}

static int set_ctx_params(void *vcipher, const OSSL_PARAM params[])
{
	static const struct {
		const char *name;
		enum inro_err (*take)(struct cipher *c, const OSSL_PARAM *p);
	} rows[] = {
		{ OSSL_CIPHER_PARAM_PADDING, take_padding },
		{ OSSL_CIPHER_PARAM_IVLEN, take_iv_length },
		{ OSSL_CIPHER_PARAM_AEAD_TAG, take_tag },
	};
	struct cipher *c = vcipher;
	enum inro_err e;

	if (!params)
		return 1;
	e = secret_key_set(c->prov, params, &c->key);
	for (size_t i = 0; !e && i < ARRAY_LEN(rows); i++) {
		const OSSL_PARAM *p = OSSL_PARAM_locate_const(params, rows[i].name);

		if (p)
			e = rows[i].take(c, p);
	}
	return e ? prov_raise(c->prov, e) : 1;
}

static const OSSL_PARAM *settable_ctx_params(void *vcipher, void *vprov)
{
	static const OSSL_PARAM table[] = {
		OSSL_PARAM_utf8_string(SECRET_KEY_URI, NULL, 0),
		OSSL_PARAM_uint(OSSL_CIPHER_PARAM_PADDING, NULL),
		OSSL_PARAM_size_t(OSSL_CIPHER_PARAM_IVLEN, NULL),
		OSSL_PARAM_octet_string(OSSL_CIPHER_PARAM_AEAD_TAG, NULL, 0),
		OSSL_PARAM_END,
	};

	(void)vcipher;
	(void)vprov;
	return table;
}

static int give_bytes(OSSL_PARAM *p, const uint8_t *value, size_t n)
{
	if (p->data_type == OSSL_PARAM_OCTET_PTR)
		return OSSL_PARAM_set_octet_ptr(p, value, n);
	return OSSL_PARAM_set_octet_string(p, value, n);
}

static int give_first_iv(const struct cipher *c, OSSL_PARAM *p)
{
	return give_bytes(p, c->first_iv, c->iv_n);
}

static int give_iv(const struct cipher *c, OSSL_PARAM *p)
{
	return give_bytes(p, c->iv, c->iv_n);
}

static int give_iv_length(const struct cipher *c, OSSL_PARAM *p)
{
	return OSSL_PARAM_set_size_t(p, c->iv_n);
}

static int give_key_length(const struct cipher *c, OSSL_PARAM *p)
{
	return OSSL_PARAM_set_size_t(p, c->kind->key);
}

static int give_padding(const struct cipher *c, OSSL_PARAM *p)
{
	return OSSL_PARAM_set_uint(p, c->padding);
}

static int give_number(const struct cipher *c, OSSL_PARAM *p)
{
	return OSSL_PARAM_set_uint(p, (unsigned)c->pending_n);
}

static int give_tag_length(const struct cipher *c, OSSL_PARAM *p)
{
	return OSSL_PARAM_set_size_t(p, c->tag_n);
}

/* Of the tag of GCM the first bytes are one as well. */
static int give_tag(const struct cipher *c, OSSL_PARAM *p)
{
	if (!c->encrypting || !c->has_tag || p->data_type != OSSL_PARAM_OCTET_STRING ||
	    p->data_size == 0 || p->data_size > c->tag_n)
		return prov_raise(c->prov, err_set(INRO_E_STATE,
						   "%s has no tag of %zu bytes: it comes with "
						   "the end of an encryption",
						   c->kind->name, p->data_size));
	return OSSL_PARAM_set_octet_string(p, c->tag, p->data_size);
}

static int get_ctx_params(void *vcipher, OSSL_PARAM params[])
{
	static const struct {
		const char *name;
		int (*give)(const struct cipher *c, OSSL_PARAM *p);
	} rows[] = {
		{ OSSL_CIPHER_PARAM_KEYLEN, give_key_length },
		{ OSSL_CIPHER_PARAM_IVLEN, give_iv_length },
		{ OSSL_CIPHER_PARAM_PADDING, give_padding },
		{ OSSL_CIPHER_PARAM_NUM, give_number },
		{ OSSL_CIPHER_PARAM_IV, give_first_iv },
		{ OSSL_CIPHER_PARAM_UPDATED_IV, give_iv },
		{ OSSL_CIPHER_PARAM_AEAD_TAGLEN, give_tag_length },
		{ OSSL_CIPHER_PARAM_AEAD_TAG, give_tag },
	};
	const struct cipher *c = vcipher;

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		OSSL_PARAM *p = OSSL_PARAM_locate(params, rows[i].name);

		if (p && !rows[i].give(c, p))
			return 0;
	}
	return 1;
}

static const OSSL_PARAM *gettable_ctx_params(void *vcipher, void *vprov)
{
	static const OSSL_PARAM table[] = {
		OSSL_PARAM_size_t(OSSL_CIPHER_PARAM_KEYLEN, NULL),
		OSSL_PARAM_size_t(OSSL_CIPHER_PARAM_IVLEN, NULL),
		OSSL_PARAM_uint(OSSL_CIPHER_PARAM_PADDING, NULL),
		OSSL_PARAM_uint(OSSL_CIPHER_PARAM_NUM, NULL),
		OSSL_PARAM_octet_string(OSSL_CIPHER_PARAM_IV, NULL, 0),
		OSSL_PARAM_octet_string(OSSL_CIPHER_PARAM_UPDATED_IV, NULL, 0),
		OSSL_PARAM_size_t(OSSL_CIPHER_PARAM_AEAD_TAGLEN, NULL),
		OSSL_PARAM_octet_string(OSSL_CIPHER_PARAM_AEAD_TAG, NULL, 0),
		OSSL_PARAM_END,
	};

	(void)vcipher;
	(void)vprov;
	return table;
}

static size_t block_size(const struct cipher_mode *mode)
{
	return mode->form == CIPHER_BLOCKS ? CIPHER_BLOCK : 1;
}

/* What is the same for all operations of a kind. */
static int kind_params(const struct cipher_kind *kind, OSSL_PARAM params[])
{
	const struct cipher_mode *mode = kind->mode;
	const struct {
		const char *name;
		size_t value;
	} rows[] = {
		{ OSSL_CIPHER_PARAM_MODE, mode->number },
		{ OSSL_CIPHER_PARAM_KEYLEN, kind->key },
		{ OSSL_CIPHER_PARAM_IVLEN, mode->iv_told },
		{ OSSL_CIPHER_PARAM_BLOCK_SIZE, block_size(mode) },
		{ OSSL_CIPHER_PARAM_AEAD, mode->form == CIPHER_AEAD },
		{ OSSL_CIPHER_PARAM_CUSTOM_IV, mode->form == CIPHER_AEAD },
		{ OSSL_CIPHER_PARAM_CTS, 0 },
		{ OSSL_CIPHER_PARAM_TLS1_MULTIBLOCK, 0 },
		{ OSSL_CIPHER_PARAM_HAS_RAND_KEY, 0 },
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		OSSL_PARAM *p = OSSL_PARAM_locate(params, rows[i].name);

		if (p && !OSSL_PARAM_set_size_t(p, rows[i].value))
			return 0;
	}
	return 1;
}

static const OSSL_PARAM *gettable_params(void *vprov)
{
	static const OSSL_PARAM table[] = {
		OSSL_PARAM_uint(OSSL_CIPHER_PARAM_MODE, NULL),
		OSSL_PARAM_size_t(OSSL_CIPHER_PARAM_KEYLEN, NULL),
		OSSL_PARAM_size_t(OSSL_CIPHER_PARAM_IVLEN, NULL),
		OSSL_PARAM_size_t(OSSL_CIPHER_PARAM_BLOCK_SIZE, NULL),
		OSSL_PARAM_int(OSSL_CIPHER_PARAM_AEAD, NULL),
		OSSL_PARAM_int(OSSL_CIPHER_PARAM_CUSTOM_IV, NULL),
		OSSL_PARAM_END,
	};

	(void)vprov;
	return table;
}

static int init(struct cipher *c, bool encrypting, struct bytes iv, const OSSL_PARAM params[])
{
	enum inro_err e;

	if (!set_ctx_params(c, params))
		return 0;
	e = c->key ? secret_key_fits(c->key, CKK_AES, c->kind->key, c->kind->name) : INRO_OK;
	if (!e)
		e = cipher_start(c, encrypting, iv);
	return e ? prov_raise(c->prov, e) : 1;
}

/* The key may come later. */
static int init_by_uri(struct cipher *c, bool encrypting, const unsigned char *key, struct bytes iv,
		       const OSSL_PARAM params[])
{
	if (key)
		return prov_raise(c->prov,
				  err_set(INRO_E_ARG, "the key is one of a token: give its URI in "
						      "the parameter " SECRET_KEY_URI));
	return init(c, encrypting, iv, params);
}

static int encrypt_init(void *vcipher, const unsigned char *key, size_t key_n,
			const unsigned char *iv, size_t iv_n, const OSSL_PARAM params[])
{
	(void)key_n;
	return init_by_uri(vcipher, true, key, BYTES(iv, iv_n), params);
}

static int decrypt_init(void *vcipher, const unsigned char *key, size_t key_n,
			const unsigned char *iv, size_t iv_n, const OSSL_PARAM params[])
{
	(void)key_n;
	return init_by_uri(vcipher, false, key, BYTES(iv, iv_n), params);
}

static int init_by_skey(struct cipher *c, bool encrypting, struct object *key, struct bytes iv,
			const OSSL_PARAM params[])
{
	if (key) {
		object_free(c->key);
		c->key = object_share(key);
	}
	return init(c, encrypting, iv, params);
}

static int encrypt_skey_init(void *vcipher, void *vkey, const unsigned char *iv, size_t iv_n,
			     const OSSL_PARAM params[])
{
	return init_by_skey(vcipher, true, vkey, BYTES(iv, iv_n), params);
}

static int decrypt_skey_init(void *vcipher, void *vkey, const unsigned char *iv, size_t iv_n,
			     const OSSL_PARAM params[])
{
	return init_by_skey(vcipher, false, vkey, BYTES(iv, iv_n), params);
}

/* Without a place for output it is associated data; CCM is told a length that way, too, which it
 * does not need. */
static enum inro_err update_without_output(struct cipher *c, struct bytes in)
{
	if (c->kind->mode->form != CIPHER_AEAD)
		return err_set(INRO_E_ARG, "%s has no associated data", c->kind->name);
	return in.p ? cipher_aad(c, in) : INRO_OK;
}

static enum inro_err update_into(struct cipher *c, struct bytes in, uint8_t *out, size_t room,
				 size_t *n)
{
	size_t gives = cipher_gives(c, in.n);
	enum inro_err e;

	if (in.n && !in.p)
		return err_set(INRO_E_ARG, "there are no %zu bytes", in.n);
	if (room < gives)
		return err_set(INRO_E_TOO_SMALL, "the output needs room for %zu bytes", gives);
	e = cipher_update(c, in, out);
	if (!e)
		*n = gives;
	return e;
}

static int update(void *vcipher, unsigned char *out, size_t *n, size_t room,
		  const unsigned char *in, size_t in_n)
{
	struct cipher *c = vcipher;
	enum inro_err e;

	*n = 0;
	if (out) {
		e = update_into(c, BYTES(in, in_n), out, room, n);
	} else {
		e = update_without_output(c, BYTES(in, in_n));
		*n = in_n;
	}
	return e ? prov_raise(c->prov, e) : 1;
}

static int final(void *vcipher, unsigned char *out, size_t *n, size_t room)
{
	struct cipher *c = vcipher;
	enum inro_err e = INRO_OK;

	if (room < CIPHER_BLOCK && block_size(c->kind->mode) > 1)
		e = err_set(INRO_E_TOO_SMALL, "the output needs room for a block");
	if (!e)
		e = cipher_final(c, out, n);
	return e ? prov_raise(c->prov, e) : 1;
}

#define ALL_SIZES(X, mode, name)                                                                   \
	X(mode, name, 128)                                                                         \
	X(mode, name, 192)                                                                         \
	X(mode, name, 256)
#define CIPHER_NAME(name, bits) "INRO-AES-" #bits "-" name

/* The functions that are not told whose kind they speak of, and the table, for each kind. */
#define CIPHER(mode_id, name_, bits)                                                               \
	static const struct cipher_kind mode_id##bits = { .name = CIPHER_NAME(name_, bits),        \
							  .mode = &cipher_modes[CIPHER_##mode_id], \
							  .key = (bits) / 8 };                     \
	static void *mode_id##bits##_newctx(void *vprov)                                           \
	{                                                                                          \
		return cipher_new(vprov, &mode_id##bits);                                          \
	}                                                                                          \
	static int mode_id##bits##_get_params(OSSL_PARAM params[])                                 \
	{                                                                                          \
		return kind_params(&mode_id##bits, params);                                        \
	}                                                                                          \
	static const OSSL_DISPATCH mode_id##bits##_functions[] = {                                 \
		ENTRY(OSSL_FUNC_CIPHER_NEWCTX, mode_id##bits##_newctx),                            \
		ENTRY(OSSL_FUNC_CIPHER_FREECTX, freectx),                                          \
		ENTRY(OSSL_FUNC_CIPHER_DUPCTX, dupctx),                                            \
		ENTRY(OSSL_FUNC_CIPHER_ENCRYPT_INIT, encrypt_init),                                \
		ENTRY(OSSL_FUNC_CIPHER_DECRYPT_INIT, decrypt_init),                                \
		ENTRY(OSSL_FUNC_CIPHER_ENCRYPT_SKEY_INIT, encrypt_skey_init),                      \
		ENTRY(OSSL_FUNC_CIPHER_DECRYPT_SKEY_INIT, decrypt_skey_init),                      \
		ENTRY(OSSL_FUNC_CIPHER_UPDATE, update),                                            \
		ENTRY(OSSL_FUNC_CIPHER_FINAL, final),                                              \
		ENTRY(OSSL_FUNC_CIPHER_GET_PARAMS, mode_id##bits##_get_params),                    \
		ENTRY(OSSL_FUNC_CIPHER_GETTABLE_PARAMS, gettable_params),                          \
		ENTRY(OSSL_FUNC_CIPHER_GET_CTX_PARAMS, get_ctx_params),                            \
		ENTRY(OSSL_FUNC_CIPHER_GETTABLE_CTX_PARAMS, gettable_ctx_params),                  \
		ENTRY(OSSL_FUNC_CIPHER_SET_CTX_PARAMS, set_ctx_params),                            \
		ENTRY(OSSL_FUNC_CIPHER_SETTABLE_CTX_PARAMS, settable_ctx_params),                  \
		ENTRY_END,                                                                         \
	};
#define CIPHER_SIZES(mode, name) ALL_SIZES(CIPHER, mode, name)

CIPHER_MODES(CIPHER_SIZES)

#define ROW(mode, name, bits)                                                                      \
	{ CIPHER_NAME(name, bits), PROV_PROPERTIES, mode##bits##_functions, "AES by a token" },
#define ROW_SIZES(mode, name) ALL_SIZES(ROW, mode, name)

const OSSL_ALGORITHM cipher_algorithms[] = {
	CIPHER_MODES(ROW_SIZES) { NULL, NULL, NULL, NULL },
};
