/* The contract of a backend: what secret keys do, in one step and in parts. */
#include "tests/backend/doings.h"

#include <pthread.h>
#include <stdatomic.h>
#include <string.h>

#include "pkcs11/token/skey.h"

#define MOST 1200

/* ---- every mechanism ---- */

/* What came out of one whole input. */
struct outcome {
	uint8_t p[MOST + 32];
	size_t n;
	enum inro_err e;
};

static void in_one(const struct use *what, struct bytes in, struct outcome *ret)
{
	ret->n = 0;
	ret->e = ops->use(token, what, in, (struct room) { ret->p, sizeof ret->p }, &ret->n);
}

static void in_parts(const struct use *what, struct bytes in, size_t part, struct outcome *ret)
{
	backend_op op = 0;
	size_t n = 0;

	ret->n = 0;
	ret->e = ops->op_begin(token, what, &op);
	while (!ret->e && in.n) {
		size_t some = in.n < part ? in.n : part;

		ret->e =
			ops->op_step(token, op, BYTES(in.p, some),
				     (struct room) { ret->p + ret->n, sizeof ret->p - ret->n }, &n);
		ret->n += ret->e ? 0 : n;
		in = BYTES(in.p + some, in.n - some);
	}
	if (!ret->e)
		ret->e = ops->op_last(
			token, op, (struct room) { ret->p + ret->n, sizeof ret->p - ret->n }, &n);
	ret->n += ret->e ? 0 : n;
	ops->op_end(token, op);
}

static void assert_same(const struct outcome *a, const struct outcome *b)
{
	assert_int_equal(a->e, b->e);
	if (a->e)
		return;
	assert_int_equal(a->n, b->n);
	assert_memory_equal(a->p, b->p, a->n);
}

static void parts_are_one_step(const struct use *what, struct bytes in, const struct outcome *whole)
{
	static const size_t parts[] = { 1, 7, 16, 40, MOST };
	static struct outcome o;

	for (size_t i = 0; i < ARRAY_LEN(parts); i++) {
		in_parts(what, in, parts[i], &o);
		assert_same(&o, whole);
	}
}

/* Input and output in the same place (PKCS#11 3.2 5.9.2, 5.9.3), at once and in parts. */
static void same_place(const struct use *what, struct bytes in, const struct outcome *want)
{
	static const size_t parts[] = { 5, 16, 27 };
	uint8_t place[MOST + 32];
	backend_op op;
	size_t n, total;

	memcpy(place, in.p, in.n);
	assert_int_equal(ops->use(token, what, BYTES(place, in.n),
				  (struct room) { place, sizeof place }, &n),
			 INRO_OK);
	assert_int_equal(n, want->n);
	assert_memory_equal(place, want->p, n);
	for (size_t i = 0; i < ARRAY_LEN(parts); i++) {
		if (ops->op_begin(token, what, &op) != INRO_OK)
			return;
		total = 0;
		for (size_t at = 0; at < in.n; at += parts[i]) {
			size_t some = in.n - at < parts[i] ? in.n - at : parts[i];

			memcpy(place, in.p + at, some);
			assert_int_equal(ops->op_step(token, op, BYTES(place, some),
						      (struct room) { place, sizeof place }, &n),
					 INRO_OK);
			assert_memory_equal(place, want->p + total, n);
			total += n;
		}
		ops->op_end(token, op);
	}
}

static void there_and_back(const struct doing *d, backend_key key, size_t n)
{
	static uint8_t in[MOST];
	static struct outcome there, back;
	const struct use_spec spec = doing_spec(d, n);
	struct use what = { key, d->use, &spec };
	bool fits = n % d->unit == 0 && n >= d->least_n;

	memset(in, (int)n, sizeof in);
	in_one(&what, BYTES(in, n), &there);
	if (d->use == USE_DECRYPT) {
		assert_true(!there.e || !fits || d->mech == CKM_DES3_CBC_PAD);
		return;
	}
	assert_int_equal(there.e, fits ? INRO_OK : INRO_E_DATA_LENGTH);
	parts_are_one_step(&what, BYTES(in, n), &there);
	if (there.e || d->use == USE_SIGN)
		return;
	same_place(&what, BYTES(in, n), &there);
	what.use = USE_DECRYPT;
	in_one(&what, BYTES(there.p, there.n), &back);
	assert_int_equal(back.e, INRO_OK);
	assert_int_equal(back.n, n);
	assert_memory_equal(back.p, in, n);
	same_place(&what, BYTES(there.p, there.n), &back);
	if (!d->whole)
		parts_are_one_step(&what, BYTES(there.p, there.n), &back);
}

static void every_size(const struct doing *d, struct size size)
{
	static const size_t lengths[] = { 0, 1, 8, 15, 16, 17, 24, 48, 63, 64, 160, MOST - 48 };
	backend_key key = ramp_key(size.type, size.n);

	for (size_t i = 0; i < ARRAY_LEN(lengths); i++)
		there_and_back(d, key, lengths[i]);
	ops->unload(token, key);
}

static void test_every_mechanism(void **state)
{
	size_t done = 0;

	(void)state;
	for (const CK_MECHANISM_TYPE *m = skey_mechanisms(); *m != CK_UNAVAILABLE_INFORMATION;
	     m++) {
		const struct doing *d = doing_find(*m);

		assert_non_null(d); /* a mechanism without a row here */
		every_size(d, d->least);
		every_size(d, d->most);
		done++;
	}
	assert_int_equal(done, doings_n);
}

static void test_secret_mechanisms_are_listed(void **state)
{
	const CK_MECHANISM_TYPE *all = ops->mechanisms(token);

	(void)state;
	for (const CK_MECHANISM_TYPE *m = skey_mechanisms(); *m != CK_UNAVAILABLE_INFORMATION;
	     m++) {
		while (*all < *m)
			all++;
		assert_int_equal(*all, *m);
	}
}

static void test_wrong_keys(void **state)
{
	backend_key aes = ramp_key(CKK_AES, 16), pair = load(token, EC256);
	static struct outcome o;
	backend_op op = 0;

	(void)state;
	for (size_t i = 0; i < doings_n; i++) {
		const struct use_spec spec = doing_spec(&doings[i], 16);
		struct use what = { pair, doings[i].use, &spec };

		in_one(&what, BYTES(ramp, 16), &o);
		assert_true(o.e == INRO_E_MECHANISM || o.e == INRO_E_KEY_TYPE ||
			    o.e == INRO_E_UNSUPPORTED);
		what.key = aes;
		in_one(&what, BYTES(ramp, 16), &o);
		if (doings[i].least.type != CKK_AES) {
			assert_int_equal(o.e, INRO_E_KEY_TYPE);
			assert_int_equal(ops->op_begin(token, &what, &op), INRO_E_KEY_TYPE);
		}
		what.use = USE_VERIFY;
		in_one(&what, BYTES(ramp, 16), &o);
		assert_int_equal(o.e, INRO_E_MECHANISM);
	}
	assert_int_equal(op, 0);
	ops->unload(token, aes);
	ops->unload(token, pair);
}

static void test_nothing_before_the_tag(void **state)
{
	static const CK_MECHANISM_TYPE mechs[] = { CKM_AES_GCM, CKM_AES_CCM,
						   CKM_CHACHA20_POLY1305 };
	static struct outcome there, back;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(mechs); i++) {
		const struct doing *d = doing_find(mechs[i]);
		const struct use_spec spec = doing_spec(d, 40);
		backend_key key = ramp_key(d->most.type, d->most.n);
		struct use what = { key, USE_ENCRYPT, &spec };
		backend_op op = 0;

		in_one(&what, BYTES(ramp, 40), &there);
		what.use = USE_DECRYPT;
		for (size_t at = 0; at < there.n; at++) {
			there.p[at] ^= 0x10;
			memset(back.p, 0x77, sizeof back.p);
			in_one(&what, BYTES(there.p, there.n), &back);
			assert_int_equal(back.e, INRO_E_AEAD);
			for (size_t j = 0; j < 64; j++)
				assert_int_equal(back.p[j], 0x77);
			there.p[at] ^= 0x10;
		}
		assert_int_equal(ops->op_begin(token, &what, &op), INRO_E_UNSUPPORTED);
		ops->unload(token, key);
	}
}

/* ---- in parts ---- */

static void test_parts_of_a_signature(void **state)
{
	const struct use_spec spec = { .mech = CKM_ECDSA_SHA256 };
	AUTO(pkey_unref_ptr) struct pkey *public = NULL;
	backend_key key = load(token, EC256);
	const struct use what = { key, USE_SIGN, &spec };
	static struct outcome o;

	(void)state;
	assert_int_equal(pkey_from_spki(buf_bytes(&spki[EC256]), &public), INRO_OK);
	in_parts(&what, BYTES(ramp, 50), 7, &o);
	assert_int_equal(o.e, INRO_OK);
	assert_int_equal(pkey_verify(public, &spec, BYTES(ramp, 50), BYTES(o.p, o.n)), INRO_OK);
	ops->unload(token, key);
}

static void test_operations_outlive_their_key_and_not_the_lock(void **state)
{
	const struct use_spec spec = { .mech = CKM_AES_CBC, .iv = BYTES(ramp, 16) };
	struct backend *b = open_token(SERIAL);
	const struct key_spec aes = secret_spec(CKK_AES, 16);
	SCOPED(buf) none = { 0 };
	uint8_t out[64];
	backend_key key;
	backend_op one, two, three;
	size_t n;

	(void)state;
	unlock(b);
	assert_int_equal(ops->generate(b, &aes, &key, &none), INRO_OK);
	assert_int_equal(ops->op_begin(b, &(struct use) { key, USE_ENCRYPT, &spec }, &one),
			 INRO_OK);
	assert_int_equal(ops->op_begin(b, &(struct use) { key, USE_ENCRYPT, &spec }, &two),
			 INRO_OK);
	assert_true(one != two && one && two);
	ops->unload(b, key);
	assert_int_equal(ops->op_step(b, one, BYTES(ramp, 16), (struct room) { out, 64 }, &n),
			 INRO_OK);
	assert_int_equal(n, 16);
	assert_int_equal(ops->op_last(b, one, (struct room) { out, 64 }, &n), INRO_OK);
	assert_int_equal(n, 0);
	ops->op_end(b, one);
	ops->op_end(b, one);
	assert_int_not_equal(ops->op_step(b, one, BYTES(ramp, 16), (struct room) { out, 64 }, &n),
			     INRO_OK);
	ops->lock(b);
	assert_int_not_equal(ops->op_step(b, two, BYTES(ramp, 16), (struct room) { out, 64 }, &n),
			     INRO_OK);
	assert_int_not_equal(ops->op_last(b, two, (struct room) { out, 64 }, &n), INRO_OK);
	unlock(b);
	assert_int_equal(ops->op_begin(b, &(struct use) { key, USE_ENCRYPT, &spec }, &three),
			 INRO_E_KEY_HANDLE);
	ops->close(b);
}

/* ---- threads ---- */

static backend_key shared;
static atomic_bool failed;

static void *use_shared(void *arg)
{
	static const CK_MECHANISM_TYPE mechs[] = { CKM_AES_GCM, CKM_AES_CMAC, CKM_AES_CBC_PAD,
						   CKM_AES_CTR, CKM_AES_CCM };
	const struct doing *d = doing_find(mechs[(size_t)(uintptr_t)arg % ARRAY_LEN(mechs)]);
	const struct use_spec spec = doing_spec(d, 32);
	const struct use what = { shared, d->use, &spec };
	uint8_t first[64], out[64];
	size_t n, m = 0;

	for (int i = 0; i < 3000; i++) {
		if (ops->use(token, &what, BYTES(ramp, 32), (struct room) { out, 64 }, &n) ||
		    (i && (n != m || memcmp(first, out, n) != 0)))
			atomic_store(&failed, true);
		memcpy(first, out, n);
		m = n;
	}
	return NULL;
}

static void test_threads(void **state)
{
	pthread_t threads[10];

	(void)state;
	shared = ramp_key(CKK_AES, 32);
	for (size_t i = 0; i < ARRAY_LEN(threads); i++)
		assert_int_equal(
			pthread_create(&threads[i], NULL, use_shared, (void *)(uintptr_t)i), 0);
	for (size_t i = 0; i < ARRAY_LEN(threads); i++)
		pthread_join(threads[i], NULL);
	assert_false(atomic_load(&failed));
	ops->unload(token, shared);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_mechanism),
		cmocka_unit_test(test_secret_mechanisms_are_listed),
		cmocka_unit_test(test_wrong_keys),
		cmocka_unit_test(test_nothing_before_the_tag),
		cmocka_unit_test(test_parts_of_a_signature),
		cmocka_unit_test(test_operations_outlive_their_key_and_not_the_lock),
		cmocka_unit_test(test_threads),
	};

	return run_for_every_backend(tests, ARRAY_LEN(tests), 1);
}
