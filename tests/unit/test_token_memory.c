/*
 * What is left of secrets in this process's memory: everything readable in /proc/self/mem is
 * searched after a key was destroyed, after the logout, after C_Finalize.
 *
 * What is searched for is itself kept under a mask, so that this program's own memory does not have
 * it.  EC and RSA numbers are searched for in both orders of bytes: libcrypto has them in words.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "base/own.h"
#include "base/secret.h"
#include "tests/lib/moving.h"
#include "tests/lib/trace.h"

static void nothing_is_left(const struct trace *t, size_t n, const char *when)
{
	for (size_t i = 0; i < n; i++) {
		size_t found = trace_count(&t[i]);

		if (found)
			print_error("%s, %s: %zu times\n", t[i].name, when, found);
		assert_int_equal(found, 0);
	}
}

/* ---- keys that are made and used ---- */

static CK_SLOT_ID slot;
static CK_SESSION_HANDLE s;

static void remember_part(struct trace *t, const char *name, CK_OBJECT_HANDLE key,
			  CK_ATTRIBUTE_TYPE type)
{
	uint8_t value[512] = { 0 };

	module_bytes(s, key, type, value, sizeof value);
	trace_keep(t, name, value);
	wipe(value, sizeof value);
}

static void sign(CK_OBJECT_HANDLE key, CK_MECHANISM_TYPE type)
{
	CK_MECHANISM m = { type, NULL, 0 };
	CK_BYTE data[32] = { 1 }, sig[512];
	CK_ULONG n = sizeof sig;

	OK(p11->C_SignInit(s, &m, key));
	OK(p11->C_Sign(s, data, sizeof data, sig, &n));
}

/* One operation is left in the middle. */
static void encrypt(CK_OBJECT_HANDLE key)
{
	CK_BYTE iv[16] = { 0 }, data[32] = { 0 }, out[64];
	CK_MECHANISM m = { CKM_AES_CBC_PAD, iv, sizeof iv };
	CK_ULONG n = sizeof out;

	OK(p11->C_EncryptInit(s, &m, key));
	OK(p11->C_EncryptUpdate(s, data, sizeof data, out, &n));
}

static void move(CK_OBJECT_HANDLE key)
{
	CK_OBJECT_HANDLE copy;
	struct blob b;

	OK(moving_wrap(s, &moving_kwp, moving_aes(s, M_MOVER, 32), key, &b));
	OK(moving_copy(s, key, (CK_ATTRIBUTE)A_TEXT(CKA_LABEL, "copy"), &copy));
	OK(module_set(s, key, (CK_ATTRIBUTE)A_TEXT(CKA_LABEL, "changed")));
}

enum { AES, MAC, EC, RSA, KEYS };

static void make_and_use(struct trace t[KEYS], CK_OBJECT_HANDLE keys[KEYS])
{
	static const CK_MECHANISM_TYPE signs[KEYS] = {
		[MAC] = CKM_SHA256_HMAC, [EC] = CKM_ECDSA, [RSA] = CKM_SHA256_RSA_PKCS
	};

	keys[AES] = moving_aes(s, M_OPEN | M_TOKEN | M_ENCRYPT, 32);
	keys[MAC] = moving_generic(s, M_OPEN | M_TOKEN | M_SIGN, 32);
	keys[EC] = module_ec(s, true, true).private;
	keys[RSA] = module_rsa(s, 2048, true, true).private;
	remember_part(&t[AES], "an AES key", keys[AES], CKA_VALUE);
	remember_part(&t[MAC], "an HMAC key", keys[MAC], CKA_VALUE);
	remember_part(&t[EC], "an EC key", keys[EC], CKA_VALUE);
	remember_part(&t[RSA], "a prime of an RSA key", keys[RSA], CKA_PRIME_1);
	for (int i = 0; i < KEYS; i++) {
		if (signs[i])
			sign(keys[i], signs[i]);
		move(keys[i]);
	}
	encrypt(keys[AES]);
}

static void a_logout_leaves_nothing(void **state)
{
	struct trace t[KEYS];
	CK_OBJECT_HANDLE keys[KEYS];

	(void)state;
	s = module_user(&slot);
	make_and_use(t, keys);
	assert_true(trace_count(&t[AES]) > 0); /* the search finds what is there */
	OK(p11->C_Logout(s));
	nothing_is_left(t, KEYS, "after the logout");
}

static void a_key_that_is_destroyed_leaves_nothing(void **state)
{
	struct trace t;
	CK_OBJECT_HANDLE key;

	(void)state;
	s = module_user(&slot);
	key = moving_generic(s, M_OPEN | M_TOKEN | M_SIGN, 32);
	remember_part(&t, "an HMAC key", key, CKA_VALUE);
	sign(key, CKM_SHA256_HMAC);
	OK(p11->C_DestroyObject(s, key));
	nothing_is_left(&t, 1, "after it was destroyed");
}

static void the_end_leaves_nothing(void **state)
{
	struct trace t[KEYS];
	CK_OBJECT_HANDLE keys[KEYS];

	(void)state;
	s = module_user(&slot);
	make_and_use(t, keys);
	OK(p11->C_Finalize(NULL));
	nothing_is_left(t, KEYS, "after C_Finalize");
	OK(p11->C_Initialize(NULL));
}

/* What a derivation mixes in may be as secret as the key. */
static void what_is_mixed_in_is_nowhere(void **state)
{
	static const CK_MECHANISM_TYPE types[] = { CKM_CONCATENATE_BASE_AND_DATA,
						   CKM_CONCATENATE_DATA_AND_BASE };
	struct trace t;
	CK_OBJECT_HANDLE base, made;

	(void)state;
	s = module_user(&slot);
	base = moving_generic(s, M_DERIVE, 32);
	for (size_t i = 0; i < ARRAY_LEN(types); i++) {
		uint8_t data[TRACE_PART];
		CK_KEY_DERIVATION_STRING_DATA p = { data, sizeof data };
		CK_MECHANISM m = { types[i], &p, sizeof p };

		OK(p11->C_GenerateRandom(s, data, sizeof data));
		trace_keep(&t, "what was mixed in", data);
		OK(moving_derive(s, &m, base, M_SIGN, CKK_GENERIC_SECRET, 0, &made));
		wipe(data, sizeof data);
		OK(p11->C_DestroyObject(s, made));
		nothing_is_left(&t, 1, "after the derivation");
	}
}

/* A digest may be a key to its caller. */
static void a_digest_is_nowhere(void **state)
{
	CK_MECHANISM m = { CKM_SHA256, NULL, 0 };
	uint8_t text[TRACE_PART], hash[32];
	CK_ULONG n = sizeof hash;
	struct trace t;

	(void)state;
	s = module_user(&slot);
	OK(p11->C_GenerateRandom(s, text, sizeof text));
	OK(p11->C_DigestInit(s, &m));
	OK(p11->C_Digest(s, text, sizeof text, hash, &n));
	trace_keep(&t, "a digest", hash);
	wipe(hash, sizeof hash);
	nothing_is_left(&t, 1, "after it was made");
}

static void destroyed_leaves_nothing(CK_OBJECT_HANDLE key, const char *name)
{
	struct trace t;

	remember_part(&t, name, key, CKA_VALUE);
	OK(p11->C_DestroyObject(s, key));
	nothing_is_left(&t, 1, "after it was destroyed");
}

static void a_key_that_came_of_others_leaves_nothing(void **state)
{
	CK_HKDF_PARAMS hkdf = { .bExtract = CK_TRUE,
				.bExpand = CK_TRUE,
				.prfHashMechanism = CKM_SHA256,
				.ulSaltType = CKF_HKDF_SALT_NULL };
	CK_MECHANISM by_hkdf = { CKM_HKDF_DERIVE, &hkdf, sizeof hkdf };
	CK_OBJECT_HANDLE base, mover, key;
	struct blob b;

	(void)state;
	s = module_user(&slot);
	base = moving_generic(s, M_DERIVE | M_OPEN, 32);
	mover = moving_aes(s, M_MOVER, 32);
	OK(moving_derive(s, &by_hkdf, base, M_OPEN | M_SIGN, CKK_GENERIC_SECRET, 32, &key));
	OK(moving_wrap(s, &moving_kwp, mover, key, &b));
	destroyed_leaves_nothing(key, "a derived key");
	OK(moving_unwrap(s, &moving_kwp, mover, &b, M_OPEN | M_SIGN, CKK_GENERIC_SECRET, &key));
	sign(key, CKM_SHA256_HMAC);
	destroyed_leaves_nothing(key, "an unwrapped key");
}

/* In one piece or two, into and out of ciphertext; ended in each case. */
static void there_and_back(CK_OBJECT_HANDLE key, CK_MECHANISM *m, uint8_t *text, CK_ULONG n, bool parts)
{
	CK_BYTE sealed[TRACE_PART * 4], back[TRACE_PART * 4];
	CK_ULONG sealed_n = sizeof sealed, part_n = sizeof back, last_n;

	OK(p11->C_EncryptInit(s, m, key));
	OK(p11->C_Encrypt(s, text, n, sealed, &sealed_n));
	OK(p11->C_DecryptInit(s, m, key));
	if (parts) {
		OK(p11->C_DecryptUpdate(s, sealed, sealed_n, back, &part_n));
		last_n = sizeof back - part_n;
		OK(p11->C_DecryptFinal(s, back + part_n, &last_n));
		part_n += last_n;
	} else {
		part_n = n; /* no more room than is needed */
		OK(p11->C_Decrypt(s, sealed, sealed_n, back, &part_n));
	}
	assert_int_equal(part_n, n);
	assert_memory_equal(back, text, n);
	wipe(back, sizeof back);
}

static void a_message_is_nowhere(void **state)
{
	CK_BYTE iv[16] = { 7 };
	CK_GCM_PARAMS gcm = { .pIv = iv, .ulIvLen = 12, .ulTagBits = 128 };
	CK_AES_CTR_PARAMS ctr = { .ulCounterBits = 128 };
	CK_MECHANISM ways[] = { { CKM_AES_CBC_PAD, iv, sizeof iv },
				{ CKM_AES_GCM, &gcm, sizeof gcm },
				{ CKM_AES_CTR, &ctr, sizeof ctr } };
	CK_OBJECT_HANDLE key;
	struct trace t;

	(void)state;
	s = module_user(&slot);
	key = moving_aes(s, M_ENCRYPT | M_DECRYPT, 32);
	for (size_t i = 0; i < 2 * ARRAY_LEN(ways); i++) {
		uint8_t text[2 * TRACE_PART];

		OK(p11->C_GenerateRandom(s, text, sizeof text));
		trace_keep(&t, "a message", text);
		there_and_back(key, &ways[i / 2], text, sizeof text, i % 2);
		wipe(text, sizeof text);
		nothing_is_left(&t, 1, i % 2 ? "in parts" : "in one piece");
	}
}

/* Made here, so that it is in no constant. */
static void make_pin(uint8_t pin[TRACE_PART], uint8_t first)
{
	for (size_t i = 0; i < TRACE_PART; i++)
		pin[i] = (uint8_t)('a' + (first + i * 7) % 26);
}

static void a_pin_is_nowhere(void **state)
{
	uint8_t pin[TRACE_PART], wrong[TRACE_PART];
	struct trace t[2];

	(void)state;
	s = module_user(&slot);
	make_pin(pin, 3);
	make_pin(wrong, 11);
	trace_keep(&t[0], "the PIN", pin);
	trace_keep(&t[1], "a wrong PIN", wrong);
	OK(p11->C_SetPIN(s, module_pin(USER_PIN), strlen(USER_PIN), pin, TRACE_PART));
	GIVES(CKR_PIN_INCORRECT, p11->C_SetPIN(s, wrong, TRACE_PART, pin, TRACE_PART));
	OK(p11->C_Logout(s));
	GIVES(CKR_PIN_INCORRECT, p11->C_Login(s, CKU_USER, wrong, TRACE_PART));
	OK(p11->C_Login(s, CKU_USER, pin, TRACE_PART));
	wipe(pin, sizeof pin);
	wipe(wrong, sizeof wrong);
	nothing_is_left(t, 2, "while the user is logged in");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_logout_leaves_nothing),
		cmocka_unit_test(a_key_that_is_destroyed_leaves_nothing),
		cmocka_unit_test(the_end_leaves_nothing),
		cmocka_unit_test(what_is_mixed_in_is_nowhere),
		cmocka_unit_test(a_digest_is_nowhere),
		cmocka_unit_test(a_key_that_came_of_others_leaves_nothing),
		cmocka_unit_test(a_message_is_nowhere),
		cmocka_unit_test(a_pin_is_nowhere),
	};
	const char *sanitizer = getenv("INRO_TEST_SANITIZE");

	if (sanitizer && *sanitizer) /* its own memory has no end and keeps what was freed */
		return 77;
	return cmocka_run_group_tests(tests, module_setup, module_teardown);
}
