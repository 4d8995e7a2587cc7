/* The contract of a backend: secret keys, made, kept and wrapped. */
#include "tests/backend/doings.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>

/* ---- made, kept, known again ---- */

static const struct size sizes[] = {
	{ CKK_AES, 16 },	   { CKK_AES, 24 },
	{ CKK_AES, 32 },	   { CKK_AES_XTS, 32 },
	{ CKK_AES_XTS, 64 },	   { CKK_CHACHA20, 32 },
	{ CKK_GENERIC_SECRET, 1 }, { CKK_GENERIC_SECRET, 64 },
	{ CKK_SHA256_HMAC, 32 },   { CKK_HKDF, 48 },
};

static void test_generate(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
		const struct key_spec spec = secret_spec(sizes[i].type, sizes[i].n);
		SCOPED(secret) one = { 0 };
		SCOPED(secret) two = { 0 };
		SCOPED(buf) none = { 0 };
		backend_key a, b;

		assert_int_equal(ops->generate(token, &spec, &a, &none), INRO_OK);
		assert_int_equal(ops->generate(token, &spec, &b, &none), INRO_OK);
		assert_int_equal(none.n, 0);
		assert_int_equal(ops->reveal(token, a, &one), INRO_OK);
		assert_int_equal(ops->reveal(token, b, &two), INRO_OK);
		assert_int_equal(one.n, sizes[i].n);
		assert_true(sizes[i].n < 16 ||
			    !bytes_equal(secret_bytes(&one), secret_bytes(&two)));
		ops->unload(token, a);
		ops->unload(token, b);
	}
}

static void test_seal_and_load(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
		backend_key key = ramp_key(sizes[i].type, sizes[i].n), again = 0, bad = 0;
		SCOPED(buf) blob = { 0 };
		SCOPED(secret) plain = { 0 };
		size_t n;

		assert_int_equal(ops->seal_key(token, key, AD, &blob), INRO_OK);
		ops->unload(token, key);
		assert_int_equal(ops->load(token, buf_bytes(&blob), OTHER_AD, &bad),
				 INRO_E_DAMAGED);
		assert_int_equal(ops->unseal(token, buf_bytes(&blob), AD, &plain), INRO_E_DAMAGED);
		for (n = 0; n < blob.n; n++)
			assert_int_equal(ops->load(token, BYTES(blob.p, n), AD, &bad),
					 INRO_E_DAMAGED);
		for (n = 0; n < blob.n; n++) {
			blob.p[n] ^= 4;
			assert_int_equal(ops->load(token, buf_bytes(&blob), AD, &bad),
					 INRO_E_DAMAGED);
			blob.p[n] ^= 4;
		}
		assert_int_equal(bad, 0);
		assert_int_equal(ops->load(token, buf_bytes(&blob), AD, &again), INRO_OK);
		assert_value(again, BYTES(ramp, sizes[i].n));
		ops->unload(token, again);
	}
}

static void test_refused(void **state)
{
	static const struct size bad[] = { { CKK_AES, 15 },
					   { CKK_AES, 33 },
					   { CKK_CHACHA20, 16 },
					   { CKK_AES_XTS, 48 },
					   { CKK_GENERIC_SECRET, 0 } };
	SCOPED(buf) none = { 0 };
	backend_key key = 0;
	struct key_spec spec;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		spec = secret_spec(bad[i].type, bad[i].n);
		assert_int_equal(ops->generate(token, &spec, &key, &none), INRO_E_KEY_SIZE);
		assert_int_equal(ops->import(token, &spec, BYTES(ramp, bad[i].n), &key, &none),
				 INRO_E_KEY_SIZE);
	}
	spec = secret_spec(CKK_AES, 16);
	assert_int_equal(ops->import(token, &spec, BYTES(ramp, 32), &key, &none), INRO_E_KEY_SIZE);
	spec = secret_spec(CKK_RSA, 32);
	assert_int_equal(ops->generate(token, &spec, &key, &none), INRO_E_KEY_TYPE);
	assert_int_equal(ops->import(token, &spec, BYTES(ramp, 32), &key, &none), INRO_E_KEY_TYPE);
	spec = (struct key_spec) { .kind = KEY_EC };
	assert_int_not_equal(ops->import(token, &spec, BYTES(ramp, 32), &key, &none), INRO_OK);
	assert_int_equal(key, 0);
	assert_int_equal(none.n, 0);
}

static void test_family(void **state)
{
	backend_key aes = ramp_key(CKK_AES, 32), generic = ramp_key(CKK_GENERIC_SECRET, 32),
		    other = ramp_key(CKK_AES, 16), pair, made, copy;
	uint8_t a[BACKEND_FAMILY], b[BACKEND_FAMILY], c[BACKEND_FAMILY];
	const struct key_spec spec = secret_spec(CKK_AES, 32);
	SCOPED(secret) plain = { 0 };
	SCOPED(buf) public = { 0 };
	SCOPED(buf) none = { 0 };

	(void)state;
	make_pair(EC256, &plain, &public);
	assert_int_equal(ops->import(token, &specs[EC256], secret_bytes(&plain), &pair, &public),
			 INRO_OK);
	assert_int_equal(ops->family(token, aes, a), INRO_OK);
	assert_int_equal(ops->family(token, generic, b), INRO_OK);
	assert_memory_equal(a, b, sizeof a);
	assert_int_equal(ops->family(token, other, c), INRO_OK);
	assert_memory_not_equal(a, c, sizeof a);
	assert_int_equal(ops->family(token, pair, b), INRO_OK);
	assert_int_equal(ops->import(token, &specs[EC256], secret_bytes(&plain), &copy, &public),
			 INRO_OK);
	assert_int_equal(ops->family(token, copy, c), INRO_OK);
	assert_memory_equal(b, c, sizeof b);
	assert_int_equal(ops->generate(token, &spec, &made, &none), INRO_OK);
	assert_int_equal(ops->family(token, made, c), INRO_OK);
	assert_memory_not_equal(a, c, sizeof a);
	assert_int_equal(ops->family(token, made + 1, c), INRO_E_KEY_HANDLE);
	ops->unload(token, aes);
	ops->unload(token, generic);
	ops->unload(token, other);
	ops->unload(token, pair);
	ops->unload(token, copy);
	ops->unload(token, made);
}

/* It belongs to the token: another one's says nothing about the value. */
static void test_family_of_another_token(void **state)
{
	struct backend *b = open_token(SERIAL);
	const struct key_spec spec = secret_spec(CKK_AES, 32);
	SCOPED(buf) none = { 0 };
	backend_key here = ramp_key(CKK_AES, 32), there;
	uint8_t a[BACKEND_FAMILY], c[BACKEND_FAMILY];

	(void)state;
	assert_int_equal(ops->init(b), INRO_OK);
	assert_int_equal(ops->import(b, &spec, BYTES(ramp, 32), &there, &none), INRO_OK);
	assert_int_equal(ops->family(token, here, a), INRO_OK);
	assert_int_equal(ops->family(b, there, c), INRO_OK);
	assert_memory_not_equal(a, c, sizeof a);
	ops->unload(token, here);
	ops->close(b);
}

static void test_locked(void **state)
{
	struct backend *b = open_token(SERIAL);
	const struct key_spec aes = secret_spec(CKK_AES, 16);
	const struct use_spec kw = { .mech = CKM_AES_KEY_WRAP };
	SCOPED(buf) out = { 0 };
	uint8_t family[BACKEND_FAMILY];
	backend_key key = 0;

	(void)state;
	assert_int_equal(ops->generate(b, &aes, &key, &out), INRO_E_LOGIN);
	assert_int_equal(ops->import(b, &aes, BYTES(ramp, 16), &key, &out), INRO_E_LOGIN);
	assert_int_equal(ops->unwrap(b, 1, &kw, BYTES(ramp, 24), &aes, &key, &out), INRO_E_LOGIN);
	assert_int_equal(ops->family(b, 1, family), INRO_E_KEY_HANDLE);
	assert_int_equal(key, 0);
	ops->close(b);
}

/* ---- wrapping ---- */

static void test_wrap_under_secret_keys(void **state)
{
	static const CK_MECHANISM_TYPE mechs[] = { CKM_AES_KEY_WRAP, CKM_AES_KEY_WRAP_KWP,
						   CKM_AES_GCM,	     CKM_AES_CCM,
						   CKM_AES_CBC_PAD,  CKM_AES_CBC,
						   CKM_AES_ECB,	     CKM_CHACHA20_POLY1305 };
	backend_key target = ramp_key(CKK_AES, 32), made;
	const struct key_spec aes = secret_spec(CKK_AES, 0), small = secret_spec(CKK_AES, 16),
			      pair = { .kind = KEY_EC };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(mechs); i++) {
		const struct doing *d = doing_find(mechs[i]);
		const struct use_spec spec = doing_spec(d, 0);
		backend_key by = ramp_key(d->most.type, d->most.n);
		SCOPED(buf) blob = { 0 };
		SCOPED(buf) public = { 0 };
		enum inro_err bad = d->whole ? INRO_E_AEAD : INRO_E_WRAPPED;

		assert_int_equal(
			ops->wrap(token, &(struct wrap_key) { .key = by }, &spec, target, &blob),
			INRO_OK);
		assert_int_equal(
			ops->unwrap(token, by, &spec, buf_bytes(&blob), &aes, &made, &public),
			INRO_OK);
		assert_value(made, BYTES(ramp, 32));
		ops->unload(token, made);
		made = 0;
		assert_int_equal(
			ops->unwrap(token, by, &spec, buf_bytes(&blob), &small, &made, &public),
			INRO_E_WRAPPED);
		assert_int_equal(
			ops->unwrap(token, by, &spec, buf_bytes(&blob), &pair, &made, &public),
			INRO_E_WRAPPED);
		for (size_t n = 0; n < blob.n; n += 8)
			assert_int_not_equal(ops->unwrap(token, by, &spec, BYTES(blob.p, n), &small,
							 &made, &public) == INRO_OK &&
						     n != 16 && n != 24,
					     true);
		if (mechs[i] != CKM_AES_CBC && mechs[i] != CKM_AES_ECB) {
			blob.p[blob.n - 1] ^= 1;
			assert_int_equal(ops->unwrap(token, by, &spec, buf_bytes(&blob), &aes,
						     &made, &public),
					 bad);
		}
		assert_int_equal(public.n, 0);
		ops->unload(token, made);
		ops->unload(token, by);
	}
	ops->unload(token, target);
}

/* What has no padding of its own is filled up, and cut to the length that is asked for. */
static void test_wrap_with_zeros(void **state)
{
	const struct use_spec spec = { .mech = CKM_AES_CBC, .iv = BYTES(ramp, 16) };
	const struct key_spec right = secret_spec(CKK_GENERIC_SECRET, 20),
			      wrong = secret_spec(CKK_GENERIC_SECRET, 19);
	backend_key by = ramp_key(CKK_AES, 16), target = ramp_key(CKK_GENERIC_SECRET, 20), made = 0;
	SCOPED(buf) blob = { 0 };
	SCOPED(buf) none = { 0 };

	(void)state;
	assert_int_equal(ops->wrap(token, &(struct wrap_key) { .key = by }, &spec, target, &blob),
			 INRO_OK);
	assert_int_equal(blob.n, 32);
	assert_int_equal(ops->unwrap(token, by, &spec, buf_bytes(&blob), &wrong, &made, &none),
			 INRO_E_WRAPPED);
	assert_int_equal(ops->unwrap(token, by, &spec, buf_bytes(&blob), &right, &made, &none),
			 INRO_OK);
	assert_value(made, BYTES(ramp, 20));
	ops->unload(token, by);
	ops->unload(token, target);
	ops->unload(token, made);
}

static void test_wrap_private_keys(void **state)
{
	const struct use_spec kwp = { .mech = CKM_AES_KEY_WRAP_KWP },
			      cbc = { .mech = CKM_AES_CBC, .iv = BYTES(ramp, 16) };
	const struct key_spec aes = secret_spec(CKK_AES, 0), rsa = { .kind = KEY_RSA };
	struct key_spec open = specs[EC256];
	backend_key by = ramp_key(CKK_AES, 32), pair, made = 0;
	SCOPED(secret) plain = { 0 };
	SCOPED(buf) blob = { 0 };
	SCOPED(buf) want = { 0 };
	SCOPED(buf) public = { 0 };

	(void)state;
	open.extractable = true;
	make_pair(EC256, &plain, &public);
	assert_int_equal(ops->import(token, &open, secret_bytes(&plain), &pair, &want), INRO_OK);
	buf_reset(&public);
	assert_int_equal(ops->wrap(token, &(struct wrap_key) { .key = by }, &kwp, pair, &blob),
			 INRO_OK);
	assert_int_equal(ops->unwrap(token, by, &kwp, buf_bytes(&blob), &rsa, &made, &public),
			 INRO_E_WRAPPED);
	assert_int_equal(ops->unwrap(token, by, &kwp, buf_bytes(&blob), &aes, &made, &public),
			 INRO_E_WRAPPED);
	assert_int_equal(public.n, 0);
	assert_int_equal(
		ops->unwrap(token, by, &kwp, buf_bytes(&blob), &specs[EC256], &made, &public),
		INRO_OK);
	assert_true(bytes_equal(buf_bytes(&public), buf_bytes(&want)));
	buf_reset(&blob);
	assert_int_equal(ops->wrap(token, &(struct wrap_key) { .key = by }, &cbc, pair, &blob),
			 INRO_E_KEY_NOT_WRAPPABLE);
	assert_int_equal(ops->wrap(token, &(struct wrap_key) { .key = by }, &kwp, 0, &blob),
			 INRO_E_KEY_HANDLE);
	assert_int_equal(blob.n, 0);
	ops->unload(token, by);
	ops->unload(token, pair);
	ops->unload(token, made);
}

/* ---- threads ---- */

/* generate() is the one call that may be running while lock() and unlock() come. */
#define LIVES 4
static struct backend *troubled;
static atomic_ullong newest;
static atomic_bool enough;

static void *keep_generating(void *arg)
{
	const struct key_spec aes = secret_spec(CKK_AES, 32);

	while (!atomic_load(&enough)) {
		SCOPED(buf) none = { 0 };
		backend_key key = 0;
		enum inro_err e = ops->generate(troubled, &aes, &key, &none);

		if (e && e != INRO_E_LOGIN)
			return arg;
		if (!e)
			atomic_store(&newest, key);
		ops->unload(troubled, key);
	}
	return NULL;
}

static void test_generating_while_it_is_locked(void **state)
{
	pthread_t thread;
	void *bad = NULL;
	SCOPED(secret) value = { 0 };

	(void)state;
	atomic_store(&enough, false);
	troubled = open_token(SERIAL);
	assert_int_equal(pthread_create(&thread, NULL, keep_generating, &enough), 0);
	for (int i = 0; i < LIVES; i++) {
		backend_key before = atomic_load(&newest);

		unlock(troubled);
		while (atomic_load(&newest) == before)
			sched_yield();
		ops->lock(troubled);
		assert_int_equal(ops->reveal(troubled, atomic_load(&newest), &value),
				 INRO_E_KEY_HANDLE);
	}
	atomic_store(&enough, true);
	pthread_join(thread, &bad);
	assert_null(bad);
	ops->close(troubled);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_generate),
		cmocka_unit_test(test_seal_and_load),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_family),
		cmocka_unit_test(test_family_of_another_token),
		cmocka_unit_test(test_locked),
		cmocka_unit_test(test_wrap_under_secret_keys),
		cmocka_unit_test(test_wrap_with_zeros),
		cmocka_unit_test(test_wrap_private_keys),
		cmocka_unit_test(test_generating_while_it_is_locked),
	};

	return run_for_every_backend(tests, ARRAY_LEN(tests), 1);
}
