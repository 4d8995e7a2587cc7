/*
 * twine_alg - TWINE as a cipher of libcrypto's: a provider with it and nothing else.
 *
 * 1. A context is one message's: its input is taken as it comes; what is left of a block waits in
 *    `part`.  When padding is to be taken off, the last whole block waits too.
 */
#include <string.h>

#include <openssl/core_dispatch.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/params.h>

#include "pkcs11/token/twine.h"

struct message;

struct mode {
	unsigned number; /* EVP_CIPH_... */
	bool iv, stream;
	/* One block, out of place. */
	void (*block)(struct message *m, const uint8_t *in, uint8_t *out);
};

struct message {
	const struct mode *mode;
	size_t key_n;
	struct twine key;
	bool keyed, encrypt, plain; /* plain: no padding */
	uint8_t iv[TWINE_BLOCK], given_iv[TWINE_BLOCK];
	uint8_t part[TWINE_BLOCK]; /* blocks: input that waits; stream: what is left of a block */
	size_t n;		   /* bytes that wait, or are left */
};

/* ---- modes ---- */

static void ecb(struct message *m, const uint8_t *in, uint8_t *out)
{
	if (m->encrypt)
		twine_encrypt(&m->key, in, out);
	else
		twine_decrypt(&m->key, in, out);
}

static void cbc(struct message *m, const uint8_t *in, uint8_t *out)
{
	uint8_t x[TWINE_BLOCK];

	memcpy(x, in, sizeof x);
	if (m->encrypt) {
		for (size_t i = 0; i < TWINE_BLOCK; i++)
			m->iv[i] ^= x[i];
		twine_encrypt(&m->key, m->iv, m->iv);
		memcpy(out, m->iv, TWINE_BLOCK);
		return;
	}
	twine_decrypt(&m->key, x, out);
	for (size_t i = 0; i < TWINE_BLOCK; i++)
		out[i] ^= m->iv[i];
	memcpy(m->iv, x, TWINE_BLOCK);
}

/* The whole block counts, big endian; who counts fewer bits ends before they are used up. */
static void count(struct message *m)
{
	twine_encrypt(&m->key, m->iv, m->part);
	for (size_t i = TWINE_BLOCK; i > 0 && ++m->iv[i - 1] == 0; i--)
		continue;
}

static const struct mode mode_ecb = { EVP_CIPH_ECB_MODE, false, false, ecb };
static const struct mode mode_cbc = { EVP_CIPH_CBC_MODE, true, false, cbc };
static const struct mode mode_ctr = { EVP_CIPH_CTR_MODE, true, true, NULL };

static size_t run_stream(struct message *m, struct bytes in, uint8_t *out)
{
	for (size_t i = 0; i < in.n; i++) {
		if (m->n == 0) {
			count(m);
			m->n = TWINE_BLOCK;
		}
		out[i] = in.p[i] ^ m->part[TWINE_BLOCK - m->n--];
	}
	return in.n;
}

/* Whole blocks of what waits and what comes; keeps back the last one if its padding goes. */
static size_t run_blocks(struct message *m, struct bytes in, uint8_t *out)
{
	bool hold = !m->encrypt && !m->plain;
	size_t done = 0;

	for (size_t i = 0; i < in.n; i++) {
		if (m->n == TWINE_BLOCK) {
			m->mode->block(m, m->part, out + done);
			done += TWINE_BLOCK;
			m->n = 0;
		}
		m->part[m->n++] = in.p[i];
	}
	if (m->n == TWINE_BLOCK && !hold) {
		m->mode->block(m, m->part, out + done);
		done += TWINE_BLOCK;
		m->n = 0;
	}
	return done;
}

/* ---- libcrypto's calls ---- */

static void *message_new(const struct mode *mode, size_t key_n)
{
	struct message *m = OPENSSL_zalloc(sizeof *m);

	if (m) {
		m->mode = mode;
		m->key_n = key_n;
	}
	return m;
}

static void message_free(void *vm)
{
	OPENSSL_clear_free(vm, sizeof(struct message));
}

static void *message_dup(void *vm)
{
	return OPENSSL_memdup(vm, sizeof(struct message));
}

static int message_set(void *vm, const OSSL_PARAM params[])
{
	struct message *m = vm;
	const OSSL_PARAM *p = OSSL_PARAM_locate_const(params, OSSL_CIPHER_PARAM_PADDING);
	unsigned pad;

	if (!p)
		return 1;
	if (!OSSL_PARAM_get_uint(p, &pad))
		return 0;
	m->plain = pad == 0;
	return 1;
}

static bool set_iv(struct message *m, const unsigned char *iv, size_t n)
{
	if (iv && n != TWINE_BLOCK)
		return false;
	if (iv)
		memcpy(m->given_iv, iv, TWINE_BLOCK);
	memcpy(m->iv, m->given_iv, TWINE_BLOCK);
	return true;
}

static int message_init(struct message *m, struct bytes key, struct bytes iv,
			const OSSL_PARAM params[])
{
	if (m->mode->iv && !set_iv(m, iv.p, iv.n))
		return 0;
	if (key.p && (key.n != m->key_n || !twine_key(key, &m->key)))
		return 0;
	m->keyed |= key.p != NULL;
	m->n = 0;
	return !params || message_set(m, params);
}

static int message_encrypt(void *vm, const unsigned char *key, size_t key_n,
			   const unsigned char *iv, size_t iv_n, const OSSL_PARAM params[])
{
	((struct message *)vm)->encrypt = true;
	return message_init(vm, BYTES(key, key_n), BYTES(iv, iv_n), params);
}

static int message_decrypt(void *vm, const unsigned char *key, size_t key_n,
			   const unsigned char *iv, size_t iv_n, const OSSL_PARAM params[])
{
	((struct message *)vm)->encrypt = false;
	return message_init(vm, BYTES(key, key_n), BYTES(iv, iv_n), params);
}

static int message_update(void *vm, unsigned char *out, size_t *ret_n, size_t cap,
			  const unsigned char *in, size_t n)
{
	struct message *m = vm;
	size_t most = m->mode->stream ? n : (m->n + n) / TWINE_BLOCK * TWINE_BLOCK;

	if (!m->keyed || cap < most)
		return 0;
	*ret_n = m->mode->stream ? run_stream(m, BYTES(in, n), out)
				 : run_blocks(m, BYTES(in, n), out);
	return 1;
}

static int end_padded(struct message *m, unsigned char *out, size_t *ret_n)
{
	uint8_t fill = (uint8_t)(TWINE_BLOCK - m->n);

	for (size_t i = m->n; i < TWINE_BLOCK; i++)
		m->part[i] = fill;
	m->mode->block(m, m->part, out);
	m->n = 0;
	*ret_n = TWINE_BLOCK;
	return 1;
}

/* All of the padding is looked at, whatever it says. */
static int end_unpadded(struct message *m, unsigned char *out, size_t *ret_n)
{
	uint8_t last[TWINE_BLOCK];
	unsigned pad, bad;

	if (m->n != TWINE_BLOCK)
		return 0;
	m->mode->block(m, m->part, last);
	pad = last[TWINE_BLOCK - 1];
	bad = pad == 0 || pad > TWINE_BLOCK;
	for (unsigned i = 0; i < TWINE_BLOCK; i++)
		bad |= (unsigned)(i < pad) & (unsigned)(last[TWINE_BLOCK - 1 - i] != pad);
	m->n = 0;
	*ret_n = bad ? 0 : TWINE_BLOCK - pad;
	memcpy(out, last, *ret_n);
	OPENSSL_cleanse(last, sizeof last);
	return !bad;
}

/* A whole block that waited while padding was still to be taken off. */
static int end_plain(struct message *m, unsigned char *out, size_t *ret_n)
{
	if (m->n != TWINE_BLOCK)
		return 0;
	m->mode->block(m, m->part, out);
	m->n = 0;
	*ret_n = TWINE_BLOCK;
	return 1;
}

static int message_final(void *vm, unsigned char *out, size_t *ret_n, size_t cap)
{
	struct message *m = vm;

	*ret_n = 0;
	if (!m->keyed)
		return 0;
	if (m->mode->stream)
		return 1;
	if (m->plain && m->n == 0)
		return 1;
	if (cap < TWINE_BLOCK)
		return 0;
	if (m->plain)
		return end_plain(m, out, ret_n);
	return m->encrypt ? end_padded(m, out, ret_n) : end_unpadded(m, out, ret_n);
}

/* Whole input, no padding: what a CMAC is made with. */
static int message_once(void *vm, unsigned char *out, size_t *ret_n, size_t cap,
			const unsigned char *in, size_t n)
{
	struct message *m = vm;

	if (!m->keyed || cap < n || (!m->mode->stream && n % TWINE_BLOCK))
		return 0;
	if (m->mode->stream)
		run_stream(m, BYTES(in, n), out);
	else
		for (size_t i = 0; i < n; i += TWINE_BLOCK)
			m->mode->block(m, in + i, out + i);
	*ret_n = n;
	return 1;
}

static int describe(OSSL_PARAM params[], const struct mode *mode, size_t key_n)
{
	const struct {
		const char *name;
		size_t value;
	} sizes[] = {
		{ OSSL_CIPHER_PARAM_BLOCK_SIZE, mode->stream ? 1 : TWINE_BLOCK },
		{ OSSL_CIPHER_PARAM_IVLEN, mode->iv ? TWINE_BLOCK : 0 },
		{ OSSL_CIPHER_PARAM_KEYLEN, key_n },
	};
	OSSL_PARAM *p = OSSL_PARAM_locate(params, OSSL_CIPHER_PARAM_MODE);

	if (p && !OSSL_PARAM_set_uint(p, mode->number))
		return 0;
	for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
		p = OSSL_PARAM_locate(params, sizes[i].name);
		if (p && !OSSL_PARAM_set_size_t(p, sizes[i].value))
			return 0;
	}
	return 1;
}

static int message_get(void *vm, OSSL_PARAM params[])
{
	const struct message *m = vm;
	OSSL_PARAM *p = OSSL_PARAM_locate(params, OSSL_CIPHER_PARAM_PADDING);

	if (p && !OSSL_PARAM_set_uint(p, !m->plain))
		return 0;
	p = OSSL_PARAM_locate(params, OSSL_CIPHER_PARAM_IV);
	if (p && !OSSL_PARAM_set_octet_string(p, m->given_iv, TWINE_BLOCK))
		return 0;
	return describe(params, m->mode, m->key_n);
}

static const OSSL_PARAM *settable(void *vm, void *prov)
{
	static const OSSL_PARAM table[] = {
		OSSL_PARAM_uint(OSSL_CIPHER_PARAM_PADDING, NULL),
		OSSL_PARAM_END,
	};

	(void)vm;
	(void)prov;
	return table;
}

#define CALL(id, function)                                                                         \
	{                                                                                          \
		(id), (void (*)(void))(function)                                                   \
	}
/* The functions that know which cipher they are, and its table. */
#define CIPHER(name, of, octets)                                                                   \
	static void *name##_new(void *prov)                                                        \
	{                                                                                          \
		(void)prov;                                                                        \
		return message_new(&(of), (octets));                                               \
	}                                                                                          \
	static int name##_describe(OSSL_PARAM params[])                                            \
	{                                                                                          \
		return describe(params, &(of), (octets));                                          \
	}                                                                                          \
	static const OSSL_DISPATCH name[] = {                                                      \
		CALL(OSSL_FUNC_CIPHER_NEWCTX, name##_new),                                         \
		CALL(OSSL_FUNC_CIPHER_FREECTX, message_free),                                      \
		CALL(OSSL_FUNC_CIPHER_DUPCTX, message_dup),                                        \
		CALL(OSSL_FUNC_CIPHER_ENCRYPT_INIT, message_encrypt),                              \
		CALL(OSSL_FUNC_CIPHER_DECRYPT_INIT, message_decrypt),                              \
		CALL(OSSL_FUNC_CIPHER_UPDATE, message_update),                                     \
		CALL(OSSL_FUNC_CIPHER_FINAL, message_final),                                       \
		CALL(OSSL_FUNC_CIPHER_CIPHER, message_once),                                       \
		CALL(OSSL_FUNC_CIPHER_GET_PARAMS, name##_describe),                                \
		CALL(OSSL_FUNC_CIPHER_GET_CTX_PARAMS, message_get),                                \
		CALL(OSSL_FUNC_CIPHER_SET_CTX_PARAMS, message_set),                                \
		CALL(OSSL_FUNC_CIPHER_SETTABLE_CTX_PARAMS, settable),                              \
		{ 0, NULL },                                                                       \
	}

CIPHER(ecb_80, mode_ecb, 10);
CIPHER(cbc_80, mode_cbc, 10);
CIPHER(ctr_80, mode_ctr, 10);
CIPHER(ecb_128, mode_ecb, 16);
CIPHER(cbc_128, mode_cbc, 16);
CIPHER(ctr_128, mode_ctr, 16);

static const OSSL_ALGORITHM ciphers[] = {
	{ "TWINE-80-ECB", "provider=inro-twine", ecb_80, NULL },
	{ "TWINE-80-CBC", "provider=inro-twine", cbc_80, NULL },
	{ "TWINE-80-CTR", "provider=inro-twine", ctr_80, NULL },
	{ "TWINE-128-ECB", "provider=inro-twine", ecb_128, NULL },
	{ "TWINE-128-CBC", "provider=inro-twine", cbc_128, NULL },
	{ "TWINE-128-CTR", "provider=inro-twine", ctr_128, NULL },
	{ NULL, NULL, NULL, NULL },
};

static const OSSL_ALGORITHM *query(void *provctx, int op, int *no_cache)
{
	(void)provctx;
	*no_cache = 0;
	return op == OSSL_OP_CIPHER ? ciphers : NULL;
}

static int start(const OSSL_CORE_HANDLE *handle, const OSSL_DISPATCH *in, const OSSL_DISPATCH **out,
		 void **provctx)
{
	static const OSSL_DISPATCH functions[] = {
		CALL(OSSL_FUNC_PROVIDER_QUERY_OPERATION, query),
		{ 0, NULL },
	};

	(void)in;
	*out = functions;
	*provctx = (void *)(uintptr_t)handle; /* anything but NULL */
	return 1;
}

OSSL_PROVIDER *twine_load(OSSL_LIB_CTX *ctx)
{
	if (OSSL_PROVIDER_add_builtin(ctx, "inro-twine", start) != 1)
		return NULL;
	return OSSL_PROVIDER_load(ctx, "inro-twine");
}
