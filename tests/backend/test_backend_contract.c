/*
 * The contract of pkcs11/token/backend.h, held against every backend there is.
 *
 * 1. One row a backend; every test runs for every row.
 * 2. What a backend signs is judged by public keys in libcrypto, never by the backend.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <pthread.h>
#include <stdatomic.h>
#include <string.h>

#include "base/own.h"
#include "pkcs11/soft/soft.h"
#include "pkcs11/token/libctx.h"
#include "pkcs11/token/pkey.h"

#define OCTETS(s)                                                                                  \
	{                                                                                          \
		.p = (const uint8_t *)(s), .n = sizeof(s) - 1                                      \
	}
#define SERIAL	     bytes_of("00000000c0ffee01")
#define OTHER_SERIAL bytes_of("00000000c0ffee02")
#define USER_PIN     bytes_of("123456")
#define SO_PIN	     bytes_of("so: eight and more")
#define AD	     bytes_of("object 7, version 1, extractable no")
#define OTHER_AD     bytes_of("object 7, version 1, extractable yes")
#define MESSAGE	     bytes_of("what is signed")

static const struct backend_ops *const backends[] = { &backend_soft };

static const struct key_spec specs[] = {
	{ .kind = KEY_RSA, .bits = 2048 },
	{ .kind = KEY_RSA, .bits = 3072 },
	{ .kind = KEY_RSA, .bits = 4096 },
	{ .kind = KEY_EC,
	  .bits = 256,
	  .params = OCTETS("\x06\x08\x2a\x86\x48\xce\x3d\x03\x01\x07") },
	{ .kind = KEY_EC, .bits = 384, .params = OCTETS("\x06\x05\x2b\x81\x04\x00\x22") },
	{ .kind = KEY_EC, .bits = 521, .params = OCTETS("\x06\x05\x2b\x81\x04\x00\x23") },
};

#define KEYS  ARRAY_LEN(specs)
#define EC256 3

/* One token: its records as the core would keep them, and an open, unlocked instance. */
static const struct backend_ops *ops;
static struct backend *token;
static struct buf user_auth, so_auth;
static struct buf sealed[KEYS], spki[KEYS];

static struct backend *open_token(struct bytes serial)
{
	struct backend *b = NULL;

	assert_int_equal(ops->open(BYTES_NONE, serial, &b), INRO_OK);
	assert_non_null(b);
	return b;
}

static void unlock(struct backend *b)
{
	assert_int_equal(ops->unlock(b, CKU_USER, buf_bytes(&user_auth), USER_PIN), INRO_OK);
}

static backend_key load(struct backend *b, size_t i)
{
	backend_key key = 0;

	assert_int_equal(ops->load(b, buf_bytes(&sealed[i]), AD, &key), INRO_OK);
	assert_int_not_equal(key, 0);
	return key;
}

static int make_token(void **state)
{
	backend_key key;

	(void)state;
	token = open_token(SERIAL);
	assert_int_equal(ops->init(token), INRO_OK);
	assert_int_equal(ops->set_pin(token, CKU_SO, SO_PIN, &so_auth), INRO_OK);
	assert_int_equal(ops->set_pin(token, CKU_USER, USER_PIN, &user_auth), INRO_OK);
	for (size_t i = 0; i < KEYS; i++) {
		assert_int_equal(ops->generate(token, &specs[i], &key, &spki[i]), INRO_OK);
		assert_int_equal(ops->seal_key(token, key, AD, &sealed[i]), INRO_OK);
		ops->unload(token, key);
	}
	return 0;
}

static int drop_token(void **state)
{
	(void)state;
	ops->close(token);
	buf_clear(&user_auth);
	buf_clear(&so_auth);
	for (size_t i = 0; i < KEYS; i++) {
		buf_clear(&sealed[i]);
		buf_clear(&spki[i]);
	}
	return 0;
}

static struct pkey *public_half(size_t i)
{
	struct pkey *k = NULL;

	assert_int_equal(pkey_from_spki(buf_bytes(&spki[i]), &k), INRO_OK);
	return k;
}

/* ---- locked and unlocked ---- */

static void assert_locked(struct backend *b)
{
	SCOPED(buf) out = { 0 };
	SCOPED(secret) plain = { 0 };
	backend_key key = 0;

	assert_int_equal(ops->set_pin(b, CKU_USER, USER_PIN, &out), INRO_E_LOGIN);
	assert_int_equal(ops->seal(b, MESSAGE, AD, &out), INRO_E_LOGIN);
	assert_int_equal(ops->unseal(b, buf_bytes(&sealed[0]), AD, &plain), INRO_E_LOGIN);
	assert_int_equal(ops->generate(b, &specs[EC256], &key, &out), INRO_E_LOGIN);
	assert_int_equal(ops->import(b, MESSAGE, &key, &out), INRO_E_LOGIN);
	assert_int_equal(ops->load(b, buf_bytes(&sealed[0]), AD, &key), INRO_E_LOGIN);
	assert_int_equal(out.n, 0);
	assert_int_equal(key, 0);
	assert_null(plain.p);
}

static void test_nothing_before_unlock(void **state)
{
	struct backend *b = open_token(SERIAL);

	(void)state;
	assert_locked(b);
	unlock(b);
	ops->unload(b, load(b, EC256));
	ops->close(b);
	ops->close(NULL);
}

static void test_unknown_settings(void **state)
{
	struct backend *b = NULL;

	(void)state;
	assert_int_equal(ops->open(bytes_of("no such setting"), SERIAL, &b), INRO_E_CONFIG);
	assert_null(b);
}

static enum inro_err sign(struct backend *b, backend_key key, CK_MECHANISM_TYPE mech, size_t cap,
			  size_t *ret_n)
{
	const struct use_spec spec = { .mech = mech };
	uint8_t out[PKEY_MAX_SIG];

	assert_true(cap <= sizeof out);
	return ops->use(b, key, USE_SIGN, &spec, MESSAGE, out, cap, ret_n);
}

static void test_lock_leaves_nothing(void **state)
{
	struct backend *b = open_token(SERIAL);
	backend_key before, after;
	SCOPED(secret) pkcs8 = { 0 };
	SCOPED(buf) out = { 0 };
	size_t n;

	(void)state;
	unlock(b);
	before = load(b, EC256);
	ops->lock(b);
	assert_locked(b);
	assert_int_equal(sign(b, before, CKM_ECDSA_SHA256, 64, &n), INRO_E_KEY_HANDLE);
	assert_int_equal(ops->reveal(b, before, &pkcs8), INRO_E_KEY_HANDLE);
	assert_int_equal(ops->seal_key(b, before, AD, &out), INRO_E_KEY_HANDLE);
	unlock(b);
	assert_int_equal(sign(b, before, CKM_ECDSA_SHA256, 64, &n), INRO_E_KEY_HANDLE);
	after = load(b, EC256);
	assert_true(after != before);
	assert_int_equal(sign(b, after, CKM_ECDSA_SHA256, 64, &n), INRO_OK);
	ops->lock(b);
	ops->lock(b);
	ops->close(b);
}

/* ---- PINs ---- */

static void test_wrong_pin(void **state)
{
	struct backend *b = open_token(SERIAL);

	(void)state;
	assert_int_equal(ops->unlock(b, CKU_USER, buf_bytes(&user_auth), bytes_of("123457")),
			 INRO_E_PIN_WRONG);
	assert_int_equal(ops->unlock(b, CKU_USER, buf_bytes(&user_auth), SO_PIN), INRO_E_PIN_WRONG);
	assert_int_equal(ops->unlock(b, CKU_SO, buf_bytes(&so_auth), USER_PIN), INRO_E_PIN_WRONG);
	assert_int_equal(ops->unlock(b, CKU_USER, buf_bytes(&user_auth), BYTES_NONE),
			 INRO_E_PIN_WRONG);
	assert_locked(b);
	ops->close(b);
}

static void test_both_roles_open_the_same(void **state)
{
	struct backend *b = open_token(SERIAL);

	(void)state;
	assert_int_equal(ops->unlock(b, CKU_SO, buf_bytes(&so_auth), SO_PIN), INRO_OK);
	ops->unload(b, load(b, EC256));
	ops->close(b);
}

/* C_SetPIN proves the old PIN on a token that is in use. */
static void test_proving_a_pin_while_unlocked(void **state)
{
	backend_key key = load(token, EC256);
	size_t n;

	(void)state;
	assert_int_equal(ops->unlock(token, CKU_USER, buf_bytes(&user_auth), bytes_of("1")),
			 INRO_E_PIN_WRONG);
	assert_int_equal(sign(token, key, CKM_ECDSA_SHA256, 64, &n), INRO_OK);
	unlock(token);
	assert_int_equal(sign(token, key, CKM_ECDSA_SHA256, 64, &n), INRO_OK);
	ops->unload(token, key);
}

static void test_changed_pin(void **state)
{
	SCOPED(buf) changed = { 0 };
	struct backend *b = open_token(SERIAL);
	uint8_t raw[255];

	(void)state;
	for (size_t i = 0; i < sizeof raw; i++)
		raw[i] = (uint8_t)(i + 1);
	assert_int_equal(ops->set_pin(token, CKU_USER, BYTES(raw, sizeof raw), &changed), INRO_OK);
	assert_int_equal(ops->unlock(b, CKU_USER, buf_bytes(&changed), USER_PIN), INRO_E_PIN_WRONG);
	assert_int_equal(ops->unlock(b, CKU_USER, buf_bytes(&changed), BYTES(raw, sizeof raw)),
			 INRO_OK);
	ops->unload(b, load(b, EC256));
	ops->close(b);
}

static void test_impossible_pins(void **state)
{
	static const uint8_t raw[256] = { 1 };
	SCOPED(buf) out = { 0 };

	(void)state;
	assert_int_equal(ops->set_pin(token, CKU_USER, BYTES_NONE, &out), INRO_E_PIN_FORMAT);
	assert_int_equal(ops->set_pin(token, CKU_USER, BYTES(raw, 256), &out), INRO_E_PIN_FORMAT);
	assert_int_equal(ops->set_pin(token, CKU_CONTEXT_SPECIFIC, USER_PIN, &out),
			 INRO_E_USER_TYPE);
	assert_int_equal(out.n, 0);
}

static bool refused(enum inro_err e)
{
	return e == INRO_E_PIN_WRONG || e == INRO_E_DAMAGED;
}

static void test_record_of_another(void **state)
{
	struct backend *b = open_token(OTHER_SERIAL);

	(void)state;
	assert_true(refused(ops->unlock(b, CKU_USER, buf_bytes(&user_auth), USER_PIN)));
	assert_locked(b);
	ops->close(b);
	b = open_token(SERIAL);
	assert_true(refused(ops->unlock(b, CKU_SO, buf_bytes(&user_auth), USER_PIN)));
	assert_true(refused(ops->unlock(b, CKU_USER, buf_bytes(&so_auth), SO_PIN)));
	assert_locked(b);
	ops->close(b);
}

static void test_changed_record(void **state)
{
	struct backend *b = open_token(SERIAL);
	SCOPED(buf) record = { 0 };

	(void)state;
	for (size_t i = 0; i < user_auth.n; i++) {
		buf_reset(&record);
		buf_add(&record, buf_bytes(&user_auth));
		record.p[i] ^= (uint8_t)(1 << i % 8);
		assert_true(refused(ops->unlock(b, CKU_USER, buf_bytes(&record), USER_PIN)));
	}
	for (size_t n = 0; n < user_auth.n; n++)
		assert_int_equal(ops->unlock(b, CKU_USER, BYTES(user_auth.p, n), USER_PIN),
				 INRO_E_DAMAGED);
	buf_reset(&record);
	buf_add(&record, buf_bytes(&user_auth));
	buf_add_u8(&record, 0);
	assert_int_equal(ops->unlock(b, CKU_USER, buf_bytes(&record), USER_PIN), INRO_E_DAMAGED);
	assert_locked(b);
	ops->close(b);
}

/* ---- sealed records ---- */

static void test_seal(void **state)
{
	static uint8_t large[100000];
	const struct bytes plains[] = { BYTES_NONE, BYTES("x", 1), BYTES(large, sizeof large) };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(plains); i++) {
		SCOPED(buf) one = { 0 };
		SCOPED(buf) two = { 0 };
		SCOPED(secret) back = { 0 };

		assert_int_equal(ops->seal(token, plains[i], AD, &one), INRO_OK);
		assert_int_equal(ops->seal(token, plains[i], AD, &two), INRO_OK);
		assert_false(bytes_equal(buf_bytes(&one), buf_bytes(&two)));
		assert_int_equal(ops->unseal(token, buf_bytes(&one), AD, &back), INRO_OK);
		assert_true(bytes_equal(secret_bytes(&back), plains[i]));
	}
}

static void test_seal_appends(void **state)
{
	SCOPED(buf) out = { 0 };
	SCOPED(secret) back = { 0 };

	(void)state;
	buf_add_str(&out, "before");
	assert_int_equal(ops->seal(token, MESSAGE, BYTES_NONE, &out), INRO_OK);
	assert_memory_equal(out.p, "before", 6);
	assert_int_equal(ops->unseal(token, BYTES(out.p + 6, out.n - 6), BYTES_NONE, &back),
			 INRO_OK);
	assert_true(bytes_equal(secret_bytes(&back), MESSAGE));
}

static void assert_damaged(struct bytes blob, struct bytes ad, bool is_key)
{
	SCOPED(secret) plain = { 0 };
	backend_key key = 0;

	assert_int_equal(is_key ? ops->load(token, blob, ad, &key)
				: ops->unseal(token, blob, ad, &plain),
			 INRO_E_DAMAGED);
	assert_int_equal(key, 0);
	assert_null(plain.p);
}

static void assert_tamper_proof(struct bytes blob, bool is_key)
{
	SCOPED(buf) copy = { 0 };

	assert_damaged(blob, OTHER_AD, is_key);
	assert_damaged(blob, BYTES_NONE, is_key);
	assert_damaged(blob, AD, !is_key);
	for (size_t i = 0; i < blob.n; i++) {
		buf_reset(&copy);
		buf_add(&copy, blob);
		copy.p[i] ^= (uint8_t)(1 << i % 8);
		assert_damaged(buf_bytes(&copy), AD, is_key);
		assert_damaged(BYTES(blob.p, i), AD, is_key);
	}
	buf_reset(&copy);
	buf_add(&copy, blob);
	buf_add_u8(&copy, 0);
	assert_damaged(buf_bytes(&copy), AD, is_key);
}

static void test_changed_blobs(void **state)
{
	SCOPED(buf) data = { 0 };

	(void)state;
	assert_int_equal(ops->seal(token, MESSAGE, AD, &data), INRO_OK);
	assert_tamper_proof(buf_bytes(&data), false);
	assert_tamper_proof(buf_bytes(&sealed[EC256]), true);
}

static void test_blob_of_another_token(void **state)
{
	struct backend *b = open_token(SERIAL); /* even with the same serial */
	backend_key key = 0;

	(void)state;
	assert_int_equal(ops->init(b), INRO_OK);
	assert_int_equal(ops->load(b, buf_bytes(&sealed[EC256]), AD, &key), INRO_E_DAMAGED);
	ops->close(b);
}

/* ---- keys ---- */

static CK_MECHANISM_TYPE pss_hash(CK_MECHANISM_TYPE mech)
{
	const CK_MECHANISM_TYPE all[] = { CKM_RSA_PKCS_PSS,	   CKM_SHA1_RSA_PKCS_PSS,
					  CKM_SHA224_RSA_PKCS_PSS, CKM_SHA256_RSA_PKCS_PSS,
					  CKM_SHA384_RSA_PKCS_PSS, CKM_SHA512_RSA_PKCS_PSS };

	for (size_t i = 0; i < ARRAY_LEN(all); i++)
		if (all[i] == mech)
			return pkey_mech_hash(mech) ? pkey_mech_hash(mech) : CKM_SHA256;
	return 0;
}

static void use_key(backend_key key, struct pkey *public, CK_MECHANISM_TYPE mech)
{
	CK_MECHANISM_TYPE hash = pss_hash(mech);
	const struct use_spec spec = {
		.mech = mech, .digest = hash, .mgf_digest = hash, .salt_len = libctx_md_size(hash)
	};
	bool fits = (mech >= CKM_ECDSA) == (pkey_kind(public) == KEY_EC);
	uint8_t in[32] = { 1, 2, 3 }, sig[PKEY_MAX_SIG];
	struct bytes data = BYTES(in, sizeof in);
	size_t n = 0;
	enum inro_err e = ops->use(token, key, USE_SIGN, &spec, data, sig, sizeof sig, &n);

	if (!fits) {
		assert_int_equal(e, INRO_E_KEY_TYPE);
		return;
	}
	assert_int_equal(e, INRO_OK);
	assert_int_equal(n, pkey_sig_len(public));
	assert_int_equal(pkey_verify(public, &spec, data, BYTES(sig, n)), INRO_OK);
	in[0] ^= 1;
	assert_int_equal(pkey_verify(public, &spec, data, BYTES(sig, n)), INRO_E_SIGNATURE);
}

static void test_every_mechanism_with_every_key(void **state)
{
	(void)state;
	for (size_t i = 0; i < KEYS; i++) {
		AUTO(pkey_free_ptr) struct pkey *public = public_half(i);
		backend_key key = load(token, i);

		assert_int_equal(pkey_bits(public), specs[i].bits);
		for (const CK_MECHANISM_TYPE *m = ops->mechanisms(token);
		     *m != CK_UNAVAILABLE_INFORMATION; m++)
			use_key(key, public, *m);
		ops->unload(token, key);
	}
}

static void test_mechanisms_are_sorted(void **state)
{
	const CK_MECHANISM_TYPE *m = ops->mechanisms(token);

	(void)state;
	for (; *m != CK_UNAVAILABLE_INFORMATION; m++)
		assert_true(m[0] < m[1]);
}

static void test_across_reopening(void **state)
{
	struct backend *b = open_token(SERIAL);
	AUTO(pkey_free_ptr) struct pkey *public = public_half(EC256);
	const struct use_spec spec = { .mech = CKM_ECDSA_SHA384 };
	uint8_t sig[64];
	size_t n;

	(void)state;
	unlock(b);
	assert_int_equal(ops->use(b, load(b, EC256), USE_SIGN, &spec, MESSAGE, sig, sizeof sig, &n),
			 INRO_OK);
	assert_int_equal(pkey_verify(public, &spec, MESSAGE, BYTES(sig, n)), INRO_OK);
	ops->close(b);
}

static void test_buffer_too_small(void **state)
{
	backend_key key = load(token, EC256);
	size_t n = 0;

	(void)state;
	assert_int_equal(sign(token, key, CKM_ECDSA_SHA256, 63, &n), INRO_E_TOO_SMALL);
	assert_int_equal(n, 64);
	n = 0;
	assert_int_equal(sign(token, key, CKM_ECDSA_SHA256, 0, &n), INRO_E_TOO_SMALL);
	assert_int_equal(n, 64);
	assert_int_equal(sign(token, key, CKM_ECDSA_SHA256, 64, &n), INRO_OK);
	ops->unload(token, key);
}

static void test_wrong_use(void **state)
{
	backend_key key = load(token, EC256);
	const struct use_spec spec = { .mech = CKM_ECDSA };
	uint8_t sig[64];
	size_t n;

	(void)state;
	assert_int_equal(ops->use(token, key, USE_SIGN, &spec, BYTES_NONE, sig, sizeof sig, &n),
			 INRO_E_DATA_LENGTH);
	assert_int_equal(ops->use(token, key, USE_DECRYPT, &spec, MESSAGE, sig, sizeof sig, &n),
			 INRO_E_UNSUPPORTED);
	assert_int_equal(sign(token, key, CKM_SHA256, 64, &n), INRO_E_MECHANISM);
	assert_int_equal(sign(token, key + 1, CKM_ECDSA_SHA256, 64, &n), INRO_E_KEY_HANDLE);
	assert_int_equal(sign(token, 0, CKM_ECDSA_SHA256, 64, &n), INRO_E_KEY_HANDLE);
	ops->unload(token, key + 1);
	ops->unload(token, 0);
	ops->unload(token, key);
	ops->unload(token, key);
	assert_int_equal(sign(token, key, CKM_ECDSA_SHA256, 64, &n), INRO_E_KEY_HANDLE);
}

static void test_numbers_are_never_given_twice(void **state)
{
	backend_key last = 0;

	(void)state;
	for (int i = 0; i < 100; i++) {
		backend_key key = load(token, EC256);

		assert_true(key != last);
		ops->unload(token, key);
		last = key;
	}
}

static void test_generate_refuses(void **state)
{
	const struct key_spec small = { .kind = KEY_RSA, .bits = 1024 };
	const struct key_spec curve = { .kind = KEY_EC, .params = OCTETS("\x06\x01\x00") };
	SCOPED(buf) out = { 0 };
	backend_key key = 0;

	(void)state;
	assert_int_equal(ops->generate(token, &small, &key, &out), INRO_E_KEY_SIZE);
	assert_int_equal(ops->generate(token, &curve, &key, &out), INRO_E_CURVE);
	assert_int_equal(key, 0);
	assert_int_equal(out.n, 0);
}

static void import_again(size_t i)
{
	SCOPED(secret) pkcs8 = { 0 };
	SCOPED(secret) again = { 0 };
	SCOPED(buf) public = { 0 };
	backend_key key = load(token, i), copy = 0;

	assert_int_equal(ops->reveal(token, key, &pkcs8), INRO_OK);
	assert_int_equal(ops->import(token, secret_bytes(&pkcs8), &copy, &public), INRO_OK);
	assert_true(copy != key);
	assert_true(bytes_equal(buf_bytes(&public), buf_bytes(&spki[i])));
	assert_int_equal(ops->reveal(token, copy, &again), INRO_OK);
	assert_true(bytes_equal(secret_bytes(&pkcs8), secret_bytes(&again)));
	ops->unload(token, key);
	ops->unload(token, copy);
}

static void test_reveal_and_import(void **state)
{
	(void)state;
	for (size_t i = 0; i < KEYS; i++)
		import_again(i);
}

static void test_import_refuses(void **state)
{
	SCOPED(secret) pkcs8 = { 0 };
	SCOPED(buf) out = { 0 };
	backend_key key = load(token, EC256), made = 0;
	enum inro_err e;

	(void)state;
	assert_int_equal(ops->reveal(token, key, &pkcs8), INRO_OK);
	for (size_t n = 0; n < pkcs8.n; n++)
		assert_int_not_equal(ops->import(token, BYTES(pkcs8.p, n), &made, &out), INRO_OK);
	pkcs8.p[pkcs8.n - 1] ^= 1; /* the end of the public point */
	e = ops->import(token, secret_bytes(&pkcs8), &made, &out);
	assert_int_equal(e, INRO_E_ATTR_VALUE);
	assert_int_equal(made, 0);
	assert_int_equal(out.n, 0);
	ops->unload(token, key);
}

static void test_random(void **state)
{
	uint8_t a[64] = { 0 }, b[64] = { 0 };
	static const uint8_t zero[64];

	(void)state;
	assert_int_equal(ops->random(token, a, sizeof a), INRO_OK);
	assert_int_equal(ops->random(token, b, sizeof b), INRO_OK);
	assert_memory_not_equal(a, b, sizeof a);
	assert_memory_not_equal(a, zero, sizeof a);
	assert_int_equal(ops->random(token, a, 0), INRO_OK);
}

/* ---- threads ---- */

static atomic_ullong shared_key;
static atomic_bool stop;

/* Signs with whatever key is there; it may be gone in the middle, but nothing else may go wrong. */
static void *use_shared(void *arg)
{
	atomic_uint *signed_n = arg;
	size_t n;

	while (!atomic_load(&stop)) {
		enum inro_err e = sign(token, atomic_load(&shared_key), CKM_ECDSA_SHA256, 64, &n);

		if (e == INRO_OK)
			atomic_fetch_add(signed_n, 1);
		else if (e != INRO_E_KEY_HANDLE)
			return arg;
	}
	return NULL;
}

static void test_using_while_unloading(void **state)
{
	pthread_t threads[3];
	atomic_uint signed_n = 0;
	void *failed;

	(void)state;
	atomic_store(&stop, false);
	atomic_store(&shared_key, load(token, EC256));
	for (size_t i = 0; i < ARRAY_LEN(threads); i++)
		assert_int_equal(pthread_create(&threads[i], NULL, use_shared, &signed_n), 0);
	for (int i = 0; i < 300 || atomic_load(&signed_n) < 100; i++) {
		backend_key next = load(token, EC256);

		ops->unload(token, atomic_exchange(&shared_key, next));
	}
	atomic_store(&stop, true);
	for (size_t i = 0; i < ARRAY_LEN(threads); i++) {
		pthread_join(threads[i], &failed);
		assert_null(failed);
	}
	ops->unload(token, atomic_load(&shared_key));
}

static void *seal_and_generate(void *arg)
{
	for (int i = 0; i < 30; i++) {
		SCOPED(buf) blob = { 0 };
		SCOPED(buf) public = { 0 };
		SCOPED(secret) plain = { 0 };
		backend_key key;

		if (ops->seal(token, MESSAGE, AD, &blob) ||
		    ops->unseal(token, buf_bytes(&blob), AD, &plain) ||
		    ops->generate(token, &specs[EC256], &key, &public))
			return arg;
		ops->unload(token, key);
	}
	return NULL;
}

static void test_making_at_once(void **state)
{
	pthread_t threads[4];
	void *failed;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(threads); i++)
		assert_int_equal(pthread_create(&threads[i], NULL, seal_and_generate, &stop), 0);
	for (size_t i = 0; i < ARRAY_LEN(threads); i++) {
		pthread_join(threads[i], &failed);
		assert_null(failed);
	}
}

static int run(const struct backend_ops *row)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_nothing_before_unlock),
		cmocka_unit_test(test_unknown_settings),
		cmocka_unit_test(test_lock_leaves_nothing),
		cmocka_unit_test(test_wrong_pin),
		cmocka_unit_test(test_both_roles_open_the_same),
		cmocka_unit_test(test_proving_a_pin_while_unlocked),
		cmocka_unit_test(test_changed_pin),
		cmocka_unit_test(test_impossible_pins),
		cmocka_unit_test(test_record_of_another),
		cmocka_unit_test(test_changed_record),
		cmocka_unit_test(test_seal),
		cmocka_unit_test(test_seal_appends),
		cmocka_unit_test(test_changed_blobs),
		cmocka_unit_test(test_blob_of_another_token),
		cmocka_unit_test(test_every_mechanism_with_every_key),
		cmocka_unit_test(test_mechanisms_are_sorted),
		cmocka_unit_test(test_across_reopening),
		cmocka_unit_test(test_buffer_too_small),
		cmocka_unit_test(test_wrong_use),
		cmocka_unit_test(test_numbers_are_never_given_twice),
		cmocka_unit_test(test_generate_refuses),
		cmocka_unit_test(test_reveal_and_import),
		cmocka_unit_test(test_import_refuses),
		cmocka_unit_test(test_random),
		cmocka_unit_test(test_using_while_unloading),
		cmocka_unit_test(test_making_at_once),
	};

	ops = row;
	return cmocka_run_group_tests_name(row->name, tests, make_token, drop_token);
}

int main(void)
{
	int failed = 0;

	for (size_t i = 0; i < ARRAY_LEN(backends); i++)
		failed += run(backends[i]);
	return failed;
}
