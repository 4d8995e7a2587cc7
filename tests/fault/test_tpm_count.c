/*
 * How many commands a TPM is sent for what a program asks of its token.
 *
 * Counted between the module and a swtpm, so that nothing that is sent is missed.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "base/own.h"
#include "tests/lib/tpmproxy.h"
#include "tests/lib/tpmtoken.h"

#define KEYS 6
/* The salted session; and, since there is no resource manager, whether the TPM was reset, which
 * objects and which sessions are others'. */
#define TO_START 4
/* Load, the policy's session, PolicySecret, Unseal. */
#define TO_LOG_IN 4

static struct swtpm *tpm;
static struct tpmproxy *proxy;
static CK_SLOT_ID slot;
static CK_SESSION_HANDLE s;
static CK_OBJECT_HANDLE rsa, ecdh, ec[KEYS];

static void expect(unsigned n, const char *what)
{
	if (tpmproxy_count(proxy) != n)
		print_error("%s: %u commands, not %u:%s\n", what, tpmproxy_count(proxy), n,
			    tpmproxy_list(proxy));
	assert_int_equal(tpmproxy_count(proxy), n);
	tpmproxy_reset(proxy);
}

static CK_OBJECT_HANDLE ecdh_key(void)
{
	CK_MECHANISM m = { .mechanism = CKM_EC_KEY_PAIR_GEN };
	CK_ATTRIBUTE public[] = { A_BYTES(CKA_EC_PARAMS, module_p256, sizeof module_p256) };
	CK_ATTRIBUTE private[] = { A_BOOL(CKA_TOKEN, CK_TRUE), A_BOOL(CKA_DERIVE, CK_TRUE),
				   A_BOOL(CKA_SIGN, CK_FALSE),
				   A_ULONG(CKA_INRO_PLACE, CK_INRO_PLACE_TPM) };
	CK_OBJECT_HANDLE pub, priv;

	OK(p11->C_GenerateKeyPair(s, &m, public, ARRAY_LEN(public), private, ARRAY_LEN(private),
				  &pub, &priv));
	return priv;
}

static int setup(void **state)
{
	(void)state;
	tpm = swtpm_start(SWTPM_UNIX);
	proxy = tpmproxy_start(tpm);
	module_load();
	OK(p11->C_Initialize(NULL));
	s = tpmtoken_start(tpmproxy_tcti(proxy), &slot);
	for (int i = 0; i < KEYS; i++)
		tpmtoken_pair(s);
	module_rsa(s, 2048, true, false);
	ecdh_key();
	OK(p11->C_Finalize(NULL));
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	OK(p11->C_Finalize(NULL));
	assert_int_equal(swtpm_left_behind(tpm), 0);
	tpmproxy_free(proxy);
	swtpm_free(tpm);
	return 0;
}

static CK_OBJECT_HANDLE one(CK_KEY_TYPE type, CK_ATTRIBUTE_TYPE use)
{
	CK_ATTRIBUTE like[] = { A_ULONG(CKA_CLASS, CKO_PRIVATE_KEY), A_ULONG(CKA_KEY_TYPE, type),
				A_BOOL(use, CK_TRUE) };
	CK_OBJECT_HANDLE o = 0;

	MUST(module_find(s, like, ARRAY_LEN(like), &o) >= 1);
	return o;
}

static void find_keys(void)
{
	CK_ATTRIBUTE like[] = { A_ULONG(CKA_CLASS, CKO_PRIVATE_KEY), A_ULONG(CKA_KEY_TYPE, CKK_EC),
				A_BOOL(CKA_SIGN, CK_TRUE) };
	CK_ULONG n;

	OK(p11->C_FindObjectsInit(s, like, ARRAY_LEN(like)));
	OK(p11->C_FindObjects(s, ec, KEYS, &n));
	OK(p11->C_FindObjectsFinal(s));
	assert_int_equal(n, KEYS);
	rsa = one(CKK_RSA, CKA_DECRYPT);
	ecdh = one(CKK_EC, CKA_DERIVE);
}

static void start(void **state)
{
	(void)state;
	tpmproxy_reset(proxy);
	OK(p11->C_Initialize(NULL));
	(void)module_info(slot);
	expect(0, "C_Initialize and C_GetTokenInfo");
	s = module_open(slot, true);
	expect(TO_START, "C_OpenSession");
	OK(module_login(s, CKU_USER, USER_PIN));
	expect(TO_LOG_IN, "C_Login");
	find_keys();
	expect(0, "C_FindObjects");
}

static void sign_with(CK_OBJECT_HANDLE key)
{
	uint8_t sig[64];

	OK(module_sign(s, key, sig));
}

static void signatures(void **state)
{
	(void)state;
	sign_with(ec[0]);
	expect(2, "a first C_Sign");
	for (int i = 0; i < 100; i++)
		sign_with(ec[0]);
	expect(100, "100 times C_Sign");
}

static void in_parts(void **state)
{
	CK_MECHANISM m = { .mechanism = CKM_ECDSA_SHA256 };
	uint8_t sig[64];
	CK_ULONG n = sizeof sig;

	(void)state;
	OK(p11->C_SignInit(s, &m, ec[0]));
	OK(p11->C_SignUpdate(s, sig, 10));
	OK(p11->C_SignUpdate(s, sig, 10));
	OK(p11->C_SignFinal(s, sig, &n));
	expect(1, "C_SignInit, C_SignUpdate, C_SignFinal");
}

static void decryptions(void **state)
{
	CK_MECHANISM m = { .mechanism = CKM_RSA_PKCS };
	uint8_t in[256], out[256];
	CK_ULONG n;
	CK_OBJECT_HANDLE public = 0;
	CK_ATTRIBUTE like[] = { A_ULONG(CKA_CLASS, CKO_PUBLIC_KEY),
				A_ULONG(CKA_KEY_TYPE, CKK_RSA) };

	(void)state;
	MUST(module_find(s, like, 2, &public) == 1);
	for (int i = 0; i < 5; i++) {
		n = sizeof in;
		OK(p11->C_EncryptInit(s, &m, public));
		OK(p11->C_Encrypt(s, in, 20, in, &n));
		expect(0, "C_Encrypt by a public key");
		OK(p11->C_DecryptInit(s, &m, rsa));
		OK(p11->C_Decrypt(s, in, n, out, &(CK_ULONG) { sizeof out }));
		if (i == 0) /* it is loaded, and another one leaves first */
			expect(4, "a first C_Decrypt");
		else
			expect(1, "C_Decrypt");
	}
}

static void derivations(void **state)
{
	uint8_t point[80];
	CK_ECDH1_DERIVE_PARAMS peer = { .kdf = CKD_NULL, .pPublicData = point };
	CK_MECHANISM m = { CKM_ECDH1_DERIVE, &peer, sizeof peer };
	CK_ATTRIBUTE t[] = { A_ULONG(CKA_CLASS, CKO_SECRET_KEY),
			     A_ULONG(CKA_KEY_TYPE, CKK_GENERIC_SECRET),
			     A_ULONG(CKA_VALUE_LEN, 32) };
	CK_OBJECT_HANDLE public = 0, made;
	CK_ATTRIBUTE like[] = { A_ULONG(CKA_CLASS, CKO_PUBLIC_KEY), A_ULONG(CKA_KEY_TYPE, CKK_EC) };

	(void)state;
	MUST(module_find(s, like, 2, &public) >= 1);
	peer.ulPublicDataLen = module_bytes(s, public, CKA_EC_POINT, point, sizeof point);
	for (int i = 0; i < 5; i++) {
		OK(p11->C_DeriveKey(s, &m, ecdh, t, ARRAY_LEN(t), &made));
		if (i == 0) /* whatever had to leave first */
			tpmproxy_reset(proxy);
		else
			expect(1, "C_DeriveKey");
	}
}

/* Whoever has been in the TPM before leaves with a context, which the first to come back of those
 * pays for; from then on one goes (Flush) and one comes (ContextLoad). */
static void beyond_the_slots(void **state)
{
	(void)state;
	for (int round = 0; round < 3; round++)
		for (int i = 0; i < KEYS; i++)
			sign_with(ec[i]);
	tpmproxy_reset(proxy);
	for (int i = 0; i < KEYS; i++) {
		sign_with(ec[i]);
		expect(3, "a key outside the slots");
	}
}

static void not_for_the_tpm(void **state)
{
	uint8_t random[32], sig[64] = { 0 };

	(void)state;
	(void)module_info(slot);
	OK(p11->C_GenerateRandom(s, random, sizeof random));
	CK_SESSION_HANDLE other = module_open(slot, false);

	OK(p11->C_CloseSession(other));
	expect(0, "what takes no TPM");
	GIVES(CKR_SIGNATURE_INVALID, module_verify(s, module_ec(s, false, true).public, sig));
	expect(0, "a key that is no TPM's");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(start),	   cmocka_unit_test(signatures),
		cmocka_unit_test(in_parts),	   cmocka_unit_test(decryptions),
		cmocka_unit_test(derivations),	   cmocka_unit_test(beyond_the_slots),
		cmocka_unit_test(not_for_the_tpm),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
