/* Secret keys in a TPM: ciphers and MACs, whole and in parts, against the same key in software. */
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <time.h>

#include "base/own.h"
#include "pkcs11/soft/parts.h"
#include "tests/lib/twins.h"

#define OCTETS(s)                                                                                  \
	{                                                                                          \
		.p = (const uint8_t *)(s), .n = sizeof(s) - 1                                      \
	}
#define IV	OCTETS("\1\2\3\4\5\6\7\10\11\12\13\14\15\16\17\20")
#define LAST_IV OCTETS("\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xfe")
/* the counter runs over into the bytes in front */
#define CARRY_IV OCTETS("\0\0\0\0\0\0\0\0\0\0\0\0\xff\xff\xff\xfe")
#define MOST	 ((size_t)1 << 16)

static const struct key_spec aes128 = { .kind = KEY_SECRET, .key_type = CKK_AES, .n = 16 };
static const struct key_spec aes256 = { .kind = KEY_SECRET, .key_type = CKK_AES, .n = 32 };
static const struct key_spec generic = { .kind = KEY_SECRET,
					 .key_type = CKK_GENERIC_SECRET,
					 .n = 20 };
static const struct key_spec sha256 = { .kind = KEY_SECRET, .key_type = CKK_SHA256_HMAC, .n = 64 };

static const struct use_spec ciphers[] = {
	{ .mech = CKM_AES_ECB },
	{ .mech = CKM_AES_CBC, .iv = IV },
	{ .mech = CKM_AES_CBC_PAD, .iv = IV },
	{ .mech = CKM_AES_CTR, .iv = IV, .counter_bits = 128 },
	{ .mech = CKM_AES_CTR, .iv = CARRY_IV, .counter_bits = 128 },
	{ .mech = CKM_AES_CTR, .iv = LAST_IV, .counter_bits = 8 },
	{ .mech = CKM_AES_CFB128, .iv = IV },
	/* wrong */
	{ .mech = CKM_AES_CBC },
	{ .mech = CKM_AES_CTR, .iv = IV, .counter_bits = 129 },
	{ .mech = CKM_SHA256_HMAC },
	{ .mech = CKM_RSA_PKCS },
};

static const size_t lengths[] = { 0,	1,    15,   16,	  17,	32,   33,   1007, 1008,
				  1009, 1023, 1024, 1025, 1040, 2048, 2049, 5000 };

static void cipher_all(const struct key_spec *key, const struct use_spec *spec)
{
	struct twins t = twins_make(key);

	for (size_t i = 0; i < ARRAY_LEN(lengths); i++) {
		struct bytes in = twins_data(lengths[i]);

		(void)twins_use(&t, USE_ENCRYPT, spec, in, MOST);
		(void)twins_use(&t, USE_DECRYPT, spec, in, MOST);
		(void)twins_use(&t, USE_ENCRYPT, spec, in, in.n / 2);
		(void)twins_use(&t, USE_DECRYPT, spec, in, in.n / 2);
		(void)twins_use(&t, USE_SIGN, spec, in, MOST);
	}
	twins_clear(&t);
}

static void test_ciphers(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(ciphers); i++)
		cipher_all(i % 2 ? &aes128 : &aes256, &ciphers[i]);
}

/* What was encrypted comes back from the TPM, in the place where it was. */
static void test_there_and_back(void **state)
{
	struct twins t = twins_make(&aes256);
	static uint8_t room[MOST];

	(void)state;
	for (size_t i = 0; i < 7; i++) {
		const struct use enc = { .use = USE_ENCRYPT, .spec = &ciphers[i] };
		const struct use dec = { .use = USE_DECRYPT, .spec = &ciphers[i] };
		size_t n = ciphers[i].counter_bits == 8 ? 16 : 3200, m = 0;

		memcpy(room, twins_data(n).p, n);
		assert_int_equal(tkey_use(t.hard, &enc, BYTES(room, n),
					  (struct room) { room, sizeof room }, &m),
				 INRO_OK);
		assert_memory_not_equal(room, twins_data(n).p, n);
		assert_int_equal(tkey_use(t.hard, &dec, BYTES(room, m),
					  (struct room) { room, sizeof room }, &m),
				 INRO_OK);
		assert_int_equal(m, n);
		assert_memory_equal(room, twins_data(n).p, n);
	}
	twins_clear(&t);
}

/* Every last block there can be. */
static void test_bad_padding(void **state)
{
	struct twins t = twins_make(&aes128);
	static const struct use_spec raw = { .mech = CKM_AES_CBC, .iv = IV };
	const struct use enc = { .use = USE_ENCRYPT, .spec = &raw };
	uint8_t text[32], cipher[32];
	size_t n = 0;

	(void)state;
	memset(text, 7, sizeof text);
	for (unsigned last = 0; last < 20; last++) {
		text[31] = (uint8_t)last;
		assert_int_equal(anykey_use(t.soft, &enc, BYTES(text, 32),
					    (struct room) { cipher, sizeof cipher }, &n),
				 INRO_OK);
		assert_int_equal(twins_use(&t, USE_DECRYPT, &ciphers[2], BYTES(cipher, 32), MOST),
				 last == 1 || last == 7 ? INRO_OK : INRO_E_CIPHERTEXT);
	}
	twins_clear(&t);
}

/* ---- MACs ---- */

static const struct use_spec macs[] = {
	{ .mech = CKM_SHA_1_HMAC },
	{ .mech = CKM_SHA256_HMAC },
	{ .mech = CKM_SHA384_HMAC },
	{ .mech = CKM_SHA512_HMAC },
	{ .mech = CKM_SHA256_HMAC_GENERAL, .tag_n = 10 },
	{ .mech = CKM_SHA512_HMAC_GENERAL },
	{ .mech = CKM_SHA256_HMAC_GENERAL, .tag_n = 33 },
	{ .mech = CKM_AES_CBC, .iv = IV },
};

static const size_t messages[] = { 0, 1, 64, 1023, 1024, 1025, 2048, 5000, 16384, 17409, 60000 };

static void test_macs(void **state)
{
	struct twins t = twins_make(&generic), u = twins_make(&sha256);

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(macs); i++)
		for (size_t j = 0; j < ARRAY_LEN(messages); j++) {
			struct bytes in = twins_data(messages[j]);

			(void)twins_use(&t, USE_SIGN, &macs[i], in, 64);
			(void)twins_use(&t, USE_SIGN, &macs[i], in, 9);
			(void)twins_use(&u, USE_SIGN, &macs[i], in, 64);
			(void)twins_use(&u, USE_DECRYPT, &macs[i], in, 64);
		}
	twins_clear(&t);
	twins_clear(&u);
}

struct other {
	struct tkey *k;
	atomic_uint signed_n;
	atomic_bool stop;
};

static void *sign_meanwhile(void *arg)
{
	struct other *o = arg;
	static const struct use_spec spec = { .mech = CKM_SHA256_HMAC };
	const struct use what = { .use = USE_SIGN, .spec = &spec };
	uint8_t mac[32];
	size_t n;

	while (!atomic_load(&o->stop))
		if (!tkey_use(o->k, &what, BYTES("x", 1), (struct room) { mac, 32 }, &n))
			atomic_fetch_add(&o->signed_n, 1);
	return NULL;
}

/* Another thread gets its turns while long MACs are made, and gets none of them wrong. */
static void test_nobody_starves(void **state)
{
	struct twins t = twins_make(&sha256);
	struct other o = { .k = t.hard };
	pthread_t thread;

	(void)state;
	assert_int_equal(pthread_create(&thread, NULL, sign_meanwhile, &o), 0);
	for (size_t i = 0; i < 100 && atomic_load(&o.signed_n) < 3; i++)
		assert_int_equal(twins_use(&t, USE_SIGN, &macs[1], twins_data(MOST), 32), INRO_OK);
	atomic_store(&o.stop, true);
	assert_int_equal(pthread_join(thread, NULL), 0);
	assert_true(atomic_load(&o.signed_n) >= 3);
	twins_clear(&t);
}

/* ---- losses of power ---- */

struct worker {
	const struct twins *mac, *cipher;
	atomic_uint good, wrong;
	atomic_bool stop;
};

static void check(struct worker *w, const struct twins *t, const struct use *what, size_t n)
{
	static uint8_t hard[MOST], soft[MOST];
	const struct room to = { hard, MOST }, there = { soft, MOST };
	size_t m = 0, k = 0;

	if (tkey_use(t->hard, what, twins_data(n), to, &m))
		return; /* the TPM was not there, twice */
	if (anykey_use(t->soft, what, twins_data(n), there, &k) || m != k || memcmp(hard, soft, k))
		atomic_fetch_add(&w->wrong, 1);
	else
		atomic_fetch_add(&w->good, 1);
}

static void *work(void *arg)
{
	struct worker *w = arg;
	const struct use mac = { .use = USE_SIGN, .spec = &macs[1] };
	const struct use cipher = { .use = USE_ENCRYPT, .spec = &ciphers[6] };

	while (!atomic_load(&w->stop)) {
		check(w, w->mac, &mac, 60000);
		check(w, w->cipher, &cipher, 20001);
	}
	return NULL;
}

/* Whenever the power goes: what comes out is right, and the keys work afterwards. */
static void test_power_cuts(void **state)
{
	struct twins t = twins_make(&generic), u = twins_make(&aes256);
	struct worker w = { .mac = &t, .cipher = &u };
	pthread_t thread;

	(void)state;
	(void)twins_data(1);
	if (tpm_real)
		assert_int_equal(pthread_create(&thread, NULL, work, &w), 0);
	for (size_t i = 0; tpm_real && i < 10; i++) {
		nanosleep(&(struct timespec) { .tv_nsec = 20000000 + 3000000 * (long)i }, NULL);
		swtpm_reset(tpm_real);
	}
	atomic_store(&w.stop, true);
	if (tpm_real)
		assert_int_equal(pthread_join(thread, NULL), 0);
	assert_int_equal(atomic_load(&w.wrong), 0);
	assert_true(!tpm_real || atomic_load(&w.good) > 0);
	assert_int_equal(twins_use(&t, USE_SIGN, &macs[1], twins_data(5000), 32), INRO_OK);
	assert_int_equal(twins_use(&u, USE_DECRYPT, &ciphers[6], twins_data(5000), MOST), INRO_OK);
	twins_clear(&t);
	twins_clear(&u);
}

/* ---- in parts ---- */

static const size_t steps[] = { 5, 11, 0, 16, 1, 1000, 31, 33, 2048, 7, 1024, 3 };

struct both {
	struct parts *soft;
	struct parts *hard;
};

static enum inro_err both_step(const struct both *b, struct bytes in, size_t cap, bool last)
{
	static uint8_t soft[MOST], hard[MOST];
	const struct room to = { soft, cap }, there = { hard, cap };
	size_t n = 0, m = 0;
	enum inro_err e = last ? parts_last(b->soft, to, &n) : parts_step(b->soft, in, to, &n);
	enum inro_err f =
		last ? parts_last(b->hard, there, &m) : parts_step(b->hard, in, there, &m);

	assert_int_equal(f, e);
	if (!e || e == INRO_E_TOO_SMALL)
		assert_int_equal(m, n);
	if (!e)
		assert_memory_equal(hard, soft, n);
	return e;
}

static bool begin(const struct twins *t, enum key_use use, const struct use_spec *spec,
		  struct both *b)
{
	const struct use what = { .use = use, .spec = spec };
	enum inro_err e = parts_begin(t->soft, &what, &b->soft);

	assert_int_equal(tparts_begin(t->hard, &what, &b->hard), e);
	return e == INRO_OK;
}

static void in_parts(const struct twins *t, enum key_use use, const struct use_spec *spec,
		     size_t n_steps)
{
	struct both b = { 0 };
	enum inro_err e = INRO_OK;
	size_t at = 0;

	if (!begin(t, use, spec, &b))
		return;
	for (size_t i = 0; !e && i < n_steps; i++) {
		struct bytes in = BYTES(twins_data(MOST).p + at, steps[i]);

		e = both_step(&b, in, in.n / 3, false);
		if (e == INRO_E_TOO_SMALL)
			e = both_step(&b, in, MOST, false);
		at += in.n;
	}
	if (!e && both_step(&b, BYTES_NONE, 1, true) == INRO_E_TOO_SMALL)
		(void)both_step(&b, BYTES_NONE, MOST, true);
	(void)both_step(&b, BYTES("x", 1), MOST, false); /* it is over */
	parts_unref(b.soft);
	parts_unref(b.hard);
}

static void test_ciphers_in_parts(void **state)
{
	struct twins t = twins_make(&aes256);

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(ciphers); i++)
		for (size_t n = 0; n <= ARRAY_LEN(steps); n++) {
			in_parts(&t, USE_ENCRYPT, &ciphers[i], n);
			in_parts(&t, USE_DECRYPT, &ciphers[i], n);
		}
	twins_clear(&t);
}

static void test_macs_in_parts(void **state)
{
	struct twins t = twins_make(&generic);

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(macs); i++)
		in_parts(&t, USE_SIGN, &macs[i], i == 1 ? ARRAY_LEN(steps) : i + 2);
	twins_clear(&t);
}

/* Padded ciphertext as it is, cut anywhere. */
static void test_padded_in_parts(void **state)
{
	struct twins t = twins_make(&aes128);
	const struct use enc = { .use = USE_ENCRYPT, .spec = &ciphers[2] };
	static uint8_t cipher[MOST];
	size_t n = 0;

	(void)state;
	assert_int_equal(anykey_use(t.soft, &enc, twins_data(100),
				    (struct room) { cipher, sizeof cipher }, &n),
			 INRO_OK);
	for (size_t cut = 0; cut <= n; cut += 7) {
		struct both b = { 0 };

		assert_true(begin(&t, USE_DECRYPT, &ciphers[2], &b));
		assert_int_equal(both_step(&b, BYTES(cipher, cut), MOST, false), INRO_OK);
		assert_int_equal(both_step(&b, BYTES(cipher + cut, n - cut), MOST, false), INRO_OK);
		assert_int_equal(both_step(&b, BYTES_NONE, 3, true), INRO_E_TOO_SMALL);
		assert_int_equal(both_step(&b, BYTES_NONE, MOST, true), INRO_OK);
		parts_unref(b.soft);
		parts_unref(b.hard);
	}
	twins_clear(&t);
}

static void test_pair_in_parts(void **state)
{
	static const struct key_spec rsa = { .kind = KEY_RSA, .bits = 2048 };
	static const struct use_spec spec = { .mech = CKM_SHA256_RSA_PKCS };
	struct twins t = twins_make(&rsa);

	(void)state;
	in_parts(&t, USE_SIGN, &spec, 3);
	in_parts(&t, USE_SIGN, &ciphers[0], 3);
	twins_clear(&t);
}

/* ---- made there ---- */

static const struct key_spec makes[] = {
	{ .kind = KEY_SECRET, .key_type = CKK_AES, .n = 16 },
	{ .kind = KEY_SECRET, .key_type = CKK_AES, .n = 32 },
	{ .kind = KEY_SECRET, .key_type = CKK_GENERIC_SECRET, .n = 32 },
	{ .kind = KEY_SECRET, .key_type = CKK_SHA384_HMAC, .n = 48 },
	{ .kind = KEY_SECRET, .key_type = CKK_GENERIC_SECRET, .n = 64 },
	{ .kind = KEY_SECRET, .key_type = CKK_SHA256_HMAC, .n = 32, .duplicable = true },
};

static void assert_same_key(struct tkey *a, struct tkey *b)
{
	const struct use_spec *spec = tkey_type(a) == CKK_AES ? &ciphers[0] : &macs[2];
	const struct use what = { .use = tkey_type(a) == CKK_AES ? USE_ENCRYPT : USE_SIGN,
				  .spec = tkey_type(a) == CKK_SHA256_HMAC ? &macs[1] : spec };
	uint8_t x[64], y[64];
	size_t n = 0, m = 0;

	assert_int_equal(tkey_use(a, &what, twins_data(64), (struct room) { x, 64 }, &n), INRO_OK);
	assert_int_equal(tkey_use(b, &what, twins_data(64), (struct room) { y, 64 }, &m), INRO_OK);
	assert_int_equal(n, m);
	assert_memory_equal(x, y, n);
}

static void test_made_and_kept(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(makes); i++) {
		AUTO(tkey_unref_ptr) struct tkey *k = NULL, *again = NULL, *mine = NULL;
		SCOPED(buf) content = { .secret = true };
		SCOPED(buf) none = { 0 };

		assert_int_equal(tkey_generate(tpm, tpm_caps.can, &makes[i], &k), INRO_OK);
		assert_int_equal(tkey_write(k, &content), INRO_OK);
		assert_int_equal(tkey_read(tpm, tpm_caps.can, buf_bytes(&content), &again),
				 INRO_OK);
		assert_int_equal(tkey_adopt(tpm, tpm_caps.can, &makes[i],
					    resident_blob(tkey_resident(k)), tkey_auth(k), &mine),
				 INRO_OK);
		assert_int_equal(tkey_type(again), makes[i].key_type);
		assert_int_equal(tkey_size(again), makes[i].n);
		assert_int_equal(tkey_size(mine), makes[i].n);
		assert_int_equal(tkey_spki(k, &none), INRO_OK);
		assert_int_equal(none.n, 0);
		assert_same_key(k, again);
		assert_same_key(k, mine);
	}
}

static enum inro_err import(CK_KEY_TYPE type, size_t said, size_t n)
{
	AUTO(tkey_unref_ptr) struct tkey *k = NULL;
	const struct key_spec spec = { .kind = KEY_SECRET, .key_type = type, .n = said };

	return tkey_import(tpm, tpm_caps.can, &spec, twins_data(n), &k);
}

static void test_what_does_not_come_in(void **state)
{
	static const struct key_spec short_mac = { .kind = KEY_SECRET,
						   .key_type = CKK_GENERIC_SECRET,
						   .n = 31 };
	static const struct key_spec odd = { .kind = KEY_SECRET, .key_type = CKK_AES, .n = 17 };
	struct tkey *none = NULL;

	(void)state;
	assert_int_equal(import(CKK_AES, 16, 32), INRO_E_KEY_SIZE);
	assert_int_equal(import(CKK_AES, 0, 17), INRO_E_KEY_SIZE);
	assert_int_equal(import(CKK_AES, 0, 24), INRO_E_UNSUPPORTED);
	assert_int_equal(import(CKK_CHACHA20, 0, 32), INRO_E_UNSUPPORTED);
	assert_int_equal(import(CKK_GENERIC_SECRET, 0, 65), INRO_E_UNSUPPORTED);
	assert_int_equal(import(CKK_GENERIC_SECRET, 0, 0), INRO_E_KEY_SIZE);
	assert_int_equal(import(CKK_GENERIC_SECRET, 0, 1), INRO_OK);
	assert_int_equal(tkey_generate(tpm, tpm_caps.can, &short_mac, &none), INRO_E_UNSUPPORTED);
	assert_int_equal(tkey_generate(tpm, tpm_caps.can, &odd, &none), INRO_E_KEY_SIZE);
}

/* What the type has and the TPM has not. */
static void test_not_here(void **state)
{
	static const struct use_spec gcm = { .mech = CKM_AES_GCM, .iv = IV };
	static const struct use_spec sha224 = { .mech = CKM_SHA224_HMAC };
	struct twins t = twins_make(&aes256), u = twins_make(&generic);
	const struct use gcm_use = { .use = USE_ENCRYPT, .spec = &gcm };
	const struct use mac_use = { .use = USE_SIGN, .spec = &sha224 };
	struct parts *none = NULL;
	uint8_t out[64];
	size_t n;

	(void)state;
	assert_int_equal(tkey_use(t.hard, &gcm_use, BYTES("x", 1), (struct room) { out, 64 }, &n),
			 INRO_E_KEY_TYPE);
	assert_int_equal(tkey_use(u.hard, &mac_use, BYTES("x", 1), (struct room) { out, 64 }, &n),
			 INRO_E_KEY_TYPE);
	assert_int_equal(tparts_begin(t.hard, &gcm_use, &none), INRO_E_KEY_TYPE);
	twins_clear(&t);
	twins_clear(&u);
}

/* ---- what it costs ---- */

static uint64_t cost(const struct twins *t, enum key_use use, const struct use_spec *spec, size_t n)
{
	uint64_t before = tpm_count(tpm);

	assert_int_equal(twins_use(t, use, spec, twins_data(n), MOST), INRO_OK);
	return tpm_count(tpm) - before;
}

static void test_commands(void **state)
{
	struct twins t = twins_make(&aes128), u = twins_make(&sha256);

	(void)state;
	(void)cost(&t, USE_ENCRYPT, &ciphers[1], 16);
	(void)cost(&u, USE_SIGN, &macs[1], 16);
	assert_int_equal(cost(&t, USE_ENCRYPT, &ciphers[1], 1024), 1);
	assert_int_equal(cost(&t, USE_ENCRYPT, &ciphers[1], 2048), 2);
	assert_int_equal(cost(&t, USE_ENCRYPT, &ciphers[2], 1000), 1);
	assert_int_equal(cost(&t, USE_ENCRYPT, &ciphers[3], 1001), 1);
	assert_int_equal(cost(&t, USE_DECRYPT, &ciphers[6], 999), 1);
	assert_int_equal(cost(&u, USE_SIGN, &macs[1], 1024), 1);
	assert_int_equal(cost(&u, USE_SIGN, &macs[1], 0), 1);
	twins_clear(&t);
	twins_clear(&u);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_ciphers),
		cmocka_unit_test(test_there_and_back),
		cmocka_unit_test(test_bad_padding),
		cmocka_unit_test(test_macs),
		cmocka_unit_test(test_nobody_starves),
		cmocka_unit_test(test_power_cuts),
		cmocka_unit_test(test_ciphers_in_parts),
		cmocka_unit_test(test_macs_in_parts),
		cmocka_unit_test(test_padded_in_parts),
		cmocka_unit_test(test_pair_in_parts),
		cmocka_unit_test(test_made_and_kept),
		cmocka_unit_test(test_what_does_not_come_in),
		cmocka_unit_test(test_not_here),
		cmocka_unit_test(test_commands),
	};

	return run_on_every_tpm(tests, ARRAY_LEN(tests));
}
