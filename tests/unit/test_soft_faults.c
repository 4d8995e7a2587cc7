/*
 * Memory and random numbers that run out: every call of the backend with its first, second, …
 * allocation refused, ours and libcrypto's.
 *
 * 1. The call succeeds or gives an error; it does not crash, and what it was to return is
 * untouched.
 * 2. The same call succeeds afterwards.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/random.h>

#include <openssl/crypto.h>

#include "base/own.h"
#include "pkcs11/soft/seal.h"
#include "pkcs11/soft/soft.h"
#include "pkcs11/token/kdf.h"
#include "pkcs11/token/pkey.h"

#define AD	  bytes_of("associated")
#define MESSAGE	  bytes_of("a message of no importance")
#define MAX_STEPS 2000

static const uint8_t p256[] = { 6, 8, 0x2a, 0x86, 0x48, 0xce, 0x3d, 3, 1, 7 };
static const struct key_spec ec_spec = { .kind = KEY_EC, .params = { p256, sizeof p256 } };
static const struct backend_ops *const ops = &backend_soft;

/* ---- the faults ---- */

static unsigned long countdown; /* 0: none; the call that brings it to 0 fails */
static bool struck;

static bool fails_now(void)
{
	if (countdown == 0 || --countdown > 0)
		return false;
	struck = true;
	return true;
}

void *__real_malloc(size_t n);
void *__real_calloc(size_t n, size_t size);
void *__real_realloc(void *p, size_t n);
void *__real_mmap(void *at, size_t n, int prot, int flags, int fd, off_t offset);
ssize_t __real_getrandom(void *p, size_t n, unsigned flags);
void *__wrap_malloc(size_t n);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_realloc(void *p, size_t n);
void *__wrap_mmap(void *at, size_t n, int prot, int flags, int fd, off_t offset);
ssize_t __wrap_getrandom(void *p, size_t n, unsigned flags);

void *__wrap_malloc(size_t n)
{
	return fails_now() ? NULL : __real_malloc(n);
}

void *__wrap_calloc(size_t n, size_t size)
{
	return fails_now() ? NULL : __real_calloc(n, size);
}

void *__wrap_realloc(void *p, size_t n)
{
	return fails_now() ? NULL : __real_realloc(p, n);
}

void *__wrap_mmap(void *at, size_t n, int prot, int flags, int fd, off_t offset)
{
	return fails_now() ? MAP_FAILED : __real_mmap(at, n, prot, flags, fd, offset);
}

ssize_t __wrap_getrandom(void *p, size_t n, unsigned flags)
{
	if (!fails_now())
		return __real_getrandom(p, n, flags);
	errno = ENOSYS;
	return -1;
}

static void *crypto_malloc(size_t n, const char *file, int line)
{
	(void)file;
	(void)line;
	return fails_now() ? NULL : __real_malloc(n);
}

static void *crypto_realloc(void *p, size_t n, const char *file, int line)
{
	(void)file;
	(void)line;
	return fails_now() ? NULL : __real_realloc(p, n);
}

static void crypto_free(void *p, const char *file, int line)
{
	(void)file;
	(void)line;
	free(p);
}

/* ---- the calls ---- */

static struct backend *token;
static backend_key key;
static struct buf spki, sealed, blob;
static struct secret pkcs8;
static struct pkey *public;
static uint8_t signature[64];

static enum inro_err do_open(void)
{
	struct backend *b = NULL;
	enum inro_err e = ops->open(BYTES_NONE, bytes_of("serial"), &b);

	if (!e)
		e = ops->init(b);
	ops->close(b);
	return e;
}

static enum inro_err do_generate(void)
{
	SCOPED(buf) out = { 0 };
	backend_key made = 0;
	enum inro_err e = ops->generate(token, &ec_spec, &made, &out);

	assert_true(e ? made == 0 : made != 0 && out.n == spki.n);
	ops->unload(token, made);
	return e;
}

static enum inro_err do_import(void)
{
	SCOPED(buf) out = { 0 };
	backend_key made = 0;
	enum inro_err e = ops->import(token, &(struct key_spec) { .kind = KEY_EC },
				      secret_bytes(&pkcs8), &made, &out);

	assert_true(e ? made == 0 : made != 0 && out.n == spki.n);
	ops->unload(token, made);
	return e;
}

static enum inro_err do_reveal(void)
{
	SCOPED(secret) out = { 0 };
	enum inro_err e = ops->reveal(token, key, &out);

	assert_true(e ? !out.p : bytes_equal(secret_bytes(&out), secret_bytes(&pkcs8)));
	return e;
}

static enum inro_err do_seal_key(void)
{
	SCOPED(buf) out = { 0 };
	enum inro_err e = ops->seal_key(token, key, AD, &out);

	assert_int_equal(out.n, e ? 0 : sealed.n);
	return e;
}

static enum inro_err do_load(void)
{
	backend_key made = 0;
	enum inro_err e = ops->load(token, buf_bytes(&sealed), AD, &made);

	assert_true((e == INRO_OK) == (made != 0));
	ops->unload(token, made);
	return e;
}

static enum inro_err do_seal(void)
{
	SCOPED(buf) out = { 0 };
	enum inro_err e = ops->seal(token, MESSAGE, AD, &out);

	assert_int_equal(out.n, e ? 0 : blob.n);
	return e;
}

static enum inro_err do_unseal(void)
{
	SCOPED(secret) out = { 0 };
	enum inro_err e = ops->unseal(token, buf_bytes(&blob), AD, &out);

	assert_true(e ? !out.p : bytes_equal(secret_bytes(&out), MESSAGE));
	return e;
}

static enum inro_err do_sign(void)
{
	const struct use_spec spec = { .mech = CKM_ECDSA_SHA256 };
	uint8_t out[64];
	size_t n = 0;
	enum inro_err e = ops->use(token, &(struct use) { key, USE_SIGN, &spec }, MESSAGE,
				   (struct room) { out, sizeof out }, &n);

	assert_int_equal(n, e ? 0 : sizeof out);
	return e;
}

/* A key that has no prepared context yet. */
static enum inro_err do_read_and_verify(void)
{
	AUTO(pkey_unref_ptr) struct pkey *k = NULL;
	const struct use_spec spec = { .mech = CKM_ECDSA_SHA256 };
	enum inro_err e = pkey_from_spki(buf_bytes(&spki), &k);

	return e ? e : pkey_verify(k, &spec, MESSAGE, BYTES(signature, 64));
}

static enum inro_err do_verify(void)
{
	const struct use_spec spec = { .mech = CKM_ECDSA_SHA256 };

	return pkey_verify(public, &spec, MESSAGE, BYTES(signature, 64));
}

/* ---- secret keys ---- */

static const uint8_t iv[16] = { 1, 2, 3 };
static const struct key_spec aes_spec = { .kind = KEY_SECRET, .key_type = CKK_AES, .n = 32 };
static const struct use_spec gcm = { .mech = CKM_AES_GCM, .iv = { iv, 12 } };
static const struct use_spec cmac = { .mech = CKM_AES_CMAC };
static const struct use_spec kwp = { .mech = CKM_AES_KEY_WRAP_KWP };
static const struct use_spec ecdh_aes = {
	.mech = CKM_ECDH_AES_KEY_WRAP, .kdf = CKD_SHA256_KDF, .digest = CKM_SHA256, .aes_bits = 256
};
static const struct use_spec hkdf = { .mech = CKM_HKDF_DERIVE,
				      .kdf = HKDF_BOTH,
				      .digest = CKM_SHA256 };
static const struct key_spec derived[] = { { .kind = KEY_SECRET, .key_type = CKK_AES, .n = 32 },
					   { .kind = KEY_SECRET, .key_type = CKK_AES, .n = 16 } };
static backend_key secret;
static struct buf sealed_secret, wrapped, enveloped;

static enum inro_err do_make_secret(void)
{
	SCOPED(buf) out = { 0 };
	backend_key made = 0;
	enum inro_err e = ops->generate(token, &aes_spec, &made, &out);

	assert_true((e == INRO_OK) == (made != 0));
	ops->unload(token, made);
	return e;
}

/* A key that has no prepared context yet, with one of each sort. */
static enum inro_err do_load_and_use(void)
{
	uint8_t out[64];
	backend_key made = 0;
	size_t n = 0;
	enum inro_err e = ops->load(token, buf_bytes(&sealed_secret), AD, &made);

	assert_true((e == INRO_OK) == (made != 0));
	if (!e)
		e = ops->use(token, &(struct use) { made, USE_SIGN, &cmac }, MESSAGE,
			     (struct room) { out, sizeof out }, &n);
	assert_int_equal(n, e ? 0 : 16);
	n = 0;
	if (!e)
		e = ops->use(token, &(struct use) { made, USE_ENCRYPT, &gcm }, MESSAGE,
			     (struct room) { out, sizeof out }, &n);
	assert_int_equal(n, e ? 0 : MESSAGE.n + 16);
	ops->unload(token, made);
	return e;
}

static enum inro_err do_parts(void)
{
	uint8_t out[64];
	backend_op op = 0;
	size_t n = 0, end = 0;
	enum inro_err e = ops->op_begin(token, &(struct use) { secret, USE_ENCRYPT, &gcm }, &op);

	assert_true((e == INRO_OK) == (op != 0));
	if (!e)
		e = ops->op_step(token, op, MESSAGE, (struct room) { out, sizeof out }, &n);
	if (!e)
		e = ops->op_last(token, op, (struct room) { out, sizeof out }, &end);
	assert_int_equal(end, e ? 0 : 16);
	ops->op_end(token, op);
	return e;
}

static enum inro_err do_family(void)
{
	uint8_t out[BACKEND_FAMILY];

	return ops->family(token, secret, out);
}

static enum inro_err do_wrap(void)
{
	SCOPED(buf) out = { 0 };
	enum inro_err e = ops->wrap(token, &(struct wrap_key) { .key = secret }, &kwp, key, &out);

	assert_int_equal(out.n, e ? 0 : wrapped.n);
	return e;
}

static enum inro_err do_unwrap(void)
{
	SCOPED(buf) out = { 0 };
	backend_key made = 0;
	enum inro_err e =
		ops->unwrap(token, secret, &kwp, buf_bytes(&wrapped), &ec_spec, &made, &out);

	assert_true(e ? made == 0 && out.n == 0 : made != 0 && out.n == spki.n);
	ops->unload(token, made);
	return e;
}

static enum inro_err do_envelope(void)
{
	SCOPED(buf) out = { 0 };
	enum inro_err e = ops->wrap(token, &(struct wrap_key) { .spki = buf_bytes(&spki) },
				    &ecdh_aes, secret, &out);

	assert_int_equal(out.n, e ? 0 : enveloped.n);
	return e;
}

static enum inro_err do_open_envelope(void)
{
	SCOPED(buf) out = { 0 };
	backend_key made = 0;
	enum inro_err e =
		ops->unwrap(token, key, &ecdh_aes, buf_bytes(&enveloped), &aes_spec, &made, &out);

	assert_true((e == INRO_OK) == (made != 0));
	ops->unload(token, made);
	return e;
}

static enum inro_err do_derive(void)
{
	backend_key made[2] = { 0 };
	enum inro_err e = ops->derive(token, secret, &hkdf, derived, 2, made);

	assert_true((e == INRO_OK) == (made[0] != 0) && (e == INRO_OK) == (made[1] != 0));
	ops->unload(token, made[0]);
	ops->unload(token, made[1]);
	return e;
}

static enum inro_err make_secrets(void)
{
	SCOPED(buf) none = { 0 };
	enum inro_err e = ops->generate(token, &aes_spec, &secret, &none);

	if (!e)
		e = ops->seal_key(token, secret, AD, &sealed_secret);
	if (!e)
		e = ops->wrap(token, &(struct wrap_key) { .key = secret }, &kwp, key, &wrapped);
	if (!e)
		e = ops->wrap(token, &(struct wrap_key) { .key = key }, &ecdh_aes, secret,
			      &enveloped);
	return e;
}

struct call {
	const char *name;
	enum inro_err (*run)(void);
};

static int set_up(void **state)
{
	const struct use_spec spec = { .mech = CKM_ECDSA_SHA256 };
	size_t n;

	(void)state;
	if (ops->open(BYTES_NONE, bytes_of("serial"), &token) || ops->init(token) ||
	    ops->generate(token, &ec_spec, &key, &spki) || ops->reveal(token, key, &pkcs8) ||
	    ops->seal_key(token, key, AD, &sealed) || ops->seal(token, MESSAGE, AD, &blob) ||
	    pkey_from_spki(buf_bytes(&spki), &public) || make_secrets())
		return -1;
	return ops->use(token, &(struct use) { key, USE_SIGN, &spec }, MESSAGE,
			(struct room) { signature, 64 }, &n)
		       ? -1
		       : 0;
}

static int tear_down(void **state)
{
	(void)state;
	ops->close(token);
	pkey_unref(public);
	buf_clear(&spki);
	buf_clear(&sealed);
	buf_clear(&blob);
	buf_clear(&sealed_secret);
	buf_clear(&wrapped);
	buf_clear(&enveloped);
	secret_clear(&pkcs8);
	return 0;
}

static void test_every_step(void **state)
{
	const struct call *call = *state;
	enum inro_err e;

	assert_int_equal(call->run(), INRO_OK);
	for (unsigned long step = 1;; step++) {
		assert_true(step < MAX_STEPS);
		struck = false;
		countdown = step;
		e = call->run();
		countdown = 0;
		if (!struck)
			break;
		assert_int_equal(call->run(), INRO_OK);
	}
	assert_int_equal(e, INRO_OK);
}

static struct call calls[] = {
	{ "open", do_open },
	{ "generate", do_generate },
	{ "import", do_import },
	{ "reveal", do_reveal },
	{ "seal_key", do_seal_key },
	{ "load", do_load },
	{ "seal", do_seal },
	{ "unseal", do_unseal },
	{ "sign", do_sign },
	{ "verify", do_verify },
	{ "read and verify", do_read_and_verify },
	{ "make a secret key", do_make_secret },
	{ "load a secret key and use it", do_load_and_use },
	{ "parts", do_parts },
	{ "family", do_family },
	{ "wrap", do_wrap },
	{ "unwrap", do_unwrap },
	{ "wrap to a pair", do_envelope },
	{ "unwrap with a pair", do_open_envelope },
	{ "derive", do_derive },
};

int main(void)
{
	struct CMUnitTest tests[ARRAY_LEN(calls)];

	if (!CRYPTO_set_mem_functions(crypto_malloc, crypto_realloc, crypto_free))
		return 1;
	for (size_t i = 0; i < ARRAY_LEN(calls); i++)
		tests[i] = (struct CMUnitTest) { .name = calls[i].name,
						 .test_func = test_every_step,
						 .initial_state = &calls[i] };
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
