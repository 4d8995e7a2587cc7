/* The contract of a backend: keys, what they sign, and several threads at once. */
#include "tests/backend/fixture.h"

#include <pthread.h>
#include <stdatomic.h>

#include "pkcs11/token/libctx.h"

static struct pkey *public_half(size_t i)
{
	struct pkey *k = NULL;

	assert_int_equal(pkey_from_spki(buf_bytes(&spki[i]), &k), INRO_OK);
	return k;
}

/* ---- keys ---- */

static CK_MECHANISM_TYPE pss_hash(CK_MECHANISM_TYPE mech)
{
	const CK_MECHANISM_TYPE all[] = { CKM_RSA_PKCS_PSS,	     CKM_SHA1_RSA_PKCS_PSS,
					  CKM_SHA224_RSA_PKCS_PSS,   CKM_SHA256_RSA_PKCS_PSS,
					  CKM_SHA384_RSA_PKCS_PSS,   CKM_SHA512_RSA_PKCS_PSS,
					  CKM_SHA3_224_RSA_PKCS_PSS, CKM_SHA3_256_RSA_PKCS_PSS,
					  CKM_SHA3_384_RSA_PKCS_PSS, CKM_SHA3_512_RSA_PKCS_PSS };

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
	bool fits = pkey_mech_fits(mech, pkey_kind(public), USE_SIGN);
	uint8_t in[32] = { 1, 2, 3 }, sig[PKEY_MAX_SIG];
	struct bytes data = BYTES(in, sizeof in);
	size_t n = 0;
	enum inro_err e = ops->use(token, &(struct use) { key, USE_SIGN, &spec }, data,
				   (struct room) { sig, sizeof sig }, &n);

	if (!fits) {
		assert_int_not_equal(e, INRO_OK);
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
		AUTO(pkey_unref_ptr) struct pkey *public = public_half(i);
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
	AUTO(pkey_unref_ptr) struct pkey *public = public_half(EC256);
	const struct use_spec spec = { .mech = CKM_ECDSA_SHA384 };
	uint8_t sig[64];
	size_t n;

	(void)state;
	unlock(b);
	assert_int_equal(ops->use(b, &(struct use) { load(b, EC256), USE_SIGN, &spec }, MESSAGE,
				  (struct room) { sig, sizeof sig }, &n),
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
	assert_int_equal(ops->use(token, &(struct use) { key, USE_SIGN, &spec }, BYTES_NONE,
				  (struct room) { sig, sizeof sig }, &n),
			 INRO_E_DATA_LENGTH);
	assert_int_equal(ops->use(token, &(struct use) { key, USE_DECRYPT, &spec }, MESSAGE,
				  (struct room) { sig, sizeof sig }, &n),
			 INRO_E_MECHANISM);
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

static bool stays(backend_key key)
{
	return ops->place && ops->place(token, key) == PLACE_TPM;
}

static void import_again(size_t i)
{
	SCOPED(secret) pkcs8 = { 0 };
	SCOPED(secret) again = { 0 };
	SCOPED(buf) want = { 0 };
	SCOPED(buf) public = { 0 };
	backend_key key = load(token, i), copy = 0;

	make_pair(i, &pkcs8, &want);
	assert_int_equal(ops->import(token, &specs[i], secret_bytes(&pkcs8), &copy, &public),
			 INRO_OK);
	assert_true(copy != key);
	assert_true(bytes_equal(buf_bytes(&public), buf_bytes(&want)));
	assert_true(keys_stay || !stays(copy));
	if (stays(copy)) {
		assert_int_equal(ops->reveal(token, copy, &again), INRO_E_KEY_UNEXTRACTABLE);
		assert_null(again.p);
	} else {
		assert_int_equal(ops->reveal(token, copy, &again), INRO_OK);
		assert_true(bytes_equal(secret_bytes(&pkcs8), secret_bytes(&again)));
	}
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
	SCOPED(buf) public = { 0 };
	SCOPED(buf) out = { 0 };
	backend_key made = 0;
	enum inro_err e;

	(void)state;
	make_pair(EC256, &pkcs8, &public);
	for (size_t n = 0; n < pkcs8.n; n++)
		assert_int_not_equal(ops->import(token, &(struct key_spec) { .kind = KEY_EC },
						 BYTES(pkcs8.p, n), &made, &out),
				     INRO_OK);
	pkcs8.p[pkcs8.n - 1] ^= 1; /* the end of the public point */
	e = ops->import(token, &(struct key_spec) { .kind = KEY_EC }, secret_bytes(&pkcs8), &made,
			&out);
	assert_int_equal(e, INRO_E_ATTR_VALUE);
	assert_int_equal(made, 0);
	assert_int_equal(out.n, 0);
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

int main(void)
{
	const struct CMUnitTest tests[] = {
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

	return run_for_every_backend(tests, ARRAY_LEN(tests), KEYS);
}
