/* What is too weak, too old or unfit is refused, and what is wrong gets one answer that tells
 * nothing: docs/threat-model.md has the calls. */
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <cmocka.h>

#include "base/own.h"
#include "tests/lib/moving.h"

static CK_SLOT_ID slot;
static CK_SESSION_HANDLE s;

static int group_setup(void **state)
{
	int e = module_setup(state);

	if (!e)
		s = module_user(&slot);
	return e;
}

static CK_RV rsa(CK_ULONG bits, const void *exponent, CK_ULONG n)
{
	CK_MECHANISM m = { CKM_RSA_PKCS_KEY_PAIR_GEN, NULL, 0 };
	CK_ATTRIBUTE t[] = { A_ULONG(CKA_MODULUS_BITS, bits),
			     A_BYTES(CKA_PUBLIC_EXPONENT, exponent, n) };
	CK_OBJECT_HANDLE a, b;

	return p11->C_GenerateKeyPair(s, &m, t, ARRAY_LEN(t), NULL, 0, &a, &b);
}

static void weak_rsa_keys_are_not_made(void **state)
{
	(void)state;
	GIVES(CKR_KEY_SIZE_RANGE, rsa(1024, "\x01\x00\x01", 3));
	GIVES(CKR_ATTRIBUTE_VALUE_INVALID, rsa(2048, "\x03", 1));
	GIVES(CKR_ATTRIBUTE_VALUE_INVALID, rsa(2048, "\x01\x00\x00", 3));
}

static void short_keys_and_tags_are_refused(void **state)
{
	CK_MECHANISM hmac = { CKM_SHA256_HMAC, NULL, 0 };
	CK_BYTE iv[12] = { 0 };
	CK_GCM_PARAMS p = { .pIv = iv, .ulIvLen = 12, .ulTagBits = 64 };
	CK_MECHANISM gcm = { CKM_AES_GCM, &p, sizeof p };
	CK_OBJECT_HANDLE key;

	(void)state;
	OK(moving_import(s, M_SIGN, CKK_GENERIC_SECRET, "0123456789abc", 13, &key));
	GIVES(CKR_KEY_SIZE_RANGE, p11->C_SignInit(s, &hmac, key));
	key = moving_aes(s, M_ENCRYPT | M_SENSITIVE, 16);
	GIVES(CKR_MECHANISM_PARAM_INVALID, p11->C_EncryptInit(s, &gcm, key));
	p.ulTagBits = 96;
	OK(p11->C_EncryptInit(s, &gcm, key));
	OK(p11->C_EncryptInit(s, NULL, 0));
}

static void what_is_old_is_not_offered(void **state)
{
	CK_MECHANISM digest[] = { { CKM_MD5, NULL, 0 }, { CKM_MD2, NULL, 0 } };
	CK_MECHANISM cipher[] = { { CKM_DES_ECB, NULL, 0 },
				  { CKM_RC4, NULL, 0 },
				  { CKM_DES3_ECB, NULL, 0 } };
	CK_OBJECT_HANDLE key = moving_aes(s, M_ENCRYPT | M_SENSITIVE, 16);

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(digest); i++)
		GIVES(CKR_MECHANISM_INVALID, p11->C_DigestInit(s, &digest[i]));
	for (size_t i = 0; i < ARRAY_LEN(cipher); i++)
		GIVES(CKR_MECHANISM_INVALID, p11->C_EncryptInit(s, &cipher[i], key));
}

static struct module_pair decrypting(bool raw)
{
	CK_MECHANISM m = { CKM_RSA_PKCS_KEY_PAIR_GEN, NULL, 0 };
	CK_MECHANISM_TYPE types[] = { CKM_RSA_X_509 };
	CK_ATTRIBUTE public[] = { A_ULONG(CKA_MODULUS_BITS, 2048), A_BOOL(CKA_ENCRYPT, CK_TRUE) };
	CK_ATTRIBUTE private[] = { A_BOOL(CKA_DECRYPT, CK_TRUE),
				   A_BYTES(CKA_ALLOWED_MECHANISMS, types, sizeof types) };
	struct module_pair p = { 0 };

	OK(p11->C_GenerateKeyPair(s, &m, public, 2, private, raw ? 2 : 1, &p.public, &p.private));
	return p;
}

static void raw_rsa_is_for_keys_that_name_it(void **state)
{
	CK_MECHANISM m = { CKM_RSA_X_509, NULL, 0 };

	(void)state;
	GIVES(CKR_MECHANISM_INVALID, p11->C_DecryptInit(s, &m, decrypting(false).private));
	OK(p11->C_DecryptInit(s, &m, decrypting(true).private));
	OK(p11->C_DecryptInit(s, NULL, 0));
}

static void key_and_mechanism_fit(void **state)
{
	CK_BYTE iv[16] = { 0 };
	CK_MECHANISM ecdsa = { CKM_ECDSA, NULL, 0 }, pss = { CKM_RSA_PKCS, NULL, 0 };
	CK_MECHANISM cbc = { CKM_AES_CBC, iv, sizeof iv };
	CK_OBJECT_HANDLE mac = moving_generic(s, M_ENCRYPT | M_SIGN | M_SENSITIVE, 32);

	(void)state;
	GIVES(CKR_KEY_TYPE_INCONSISTENT,
	      p11->C_SignInit(s, &ecdsa, module_rsa(s, 2048, false, false).private));
	GIVES(CKR_KEY_TYPE_INCONSISTENT,
	      p11->C_SignInit(s, &pss, module_ec(s, false, false).private));
	GIVES(CKR_KEY_TYPE_INCONSISTENT, p11->C_EncryptInit(s, &cbc, mac));
	GIVES(CKR_KEY_TYPE_INCONSISTENT, p11->C_SignInit(s, &ecdsa, mac));
}

static CK_RV encrypt(CK_MECHANISM *m, CK_OBJECT_HANDLE key, const char *text, struct blob *ret)
{
	OK(p11->C_EncryptInit(s, m, key));
	ret->n = sizeof ret->p;
	return p11->C_Encrypt(s, module_pin(text), strlen(text), ret->p, &ret->n);
}

static CK_RV decrypt(CK_MECHANISM *m, CK_OBJECT_HANDLE key, struct blob *b, CK_BYTE *out,
		     CK_ULONG *n)
{
	OK(p11->C_DecryptInit(s, m, key));
	return p11->C_Decrypt(s, b->p, b->n, out, n);
}

/* Each byte of the block in front of the padding, so that every padding comes up. */
static void bad_cbc_padding_is_one_answer(void **state)
{
	CK_BYTE iv[16] = { 0 }, out[64];
	CK_MECHANISM m = { CKM_AES_CBC_PAD, iv, sizeof iv };
	CK_OBJECT_HANDLE key = moving_aes(s, M_ENCRYPT | M_DECRYPT | M_SENSITIVE, 16);
	struct blob b;

	(void)state;
	OK(encrypt(&m, key, "sixteen bytes and then eight", &b));
	for (CK_ULONG i = 12; i < 16; i++) {
		CK_ULONG n = sizeof out;

		b.p[b.n - 32 + i] ^= 0x40;
		GIVES(CKR_ENCRYPTED_DATA_INVALID, decrypt(&m, key, &b, out, &n));
		b.p[b.n - 32 + i] ^= 0x40;
	}
}

static void bad_rsa_padding_is_one_answer(void **state)
{
	CK_RSA_PKCS_OAEP_PARAMS p = { .hashAlg = CKM_SHA256,
				      .mgf = CKG_MGF1_SHA256,
				      .source = CKZ_DATA_SPECIFIED };
	CK_MECHANISM oaep = { CKM_RSA_PKCS_OAEP, &p, sizeof p }, old = { CKM_RSA_PKCS, NULL, 0 };
	struct module_pair pair = decrypting(false);
	CK_BYTE first[256], again[256];
	struct blob b;

	(void)state;
	OK(encrypt(&oaep, pair.public, "a message", &b));
	for (CK_ULONG i = 100; i < 256; i += 50) {
		CK_ULONG n = sizeof first;

		b.p[i] ^= 1;
		GIVES(CKR_ENCRYPTED_DATA_INVALID, decrypt(&oaep, pair.private, &b, first, &n));
	}
	/* PKCS#1 v1.5: a message of the key's own making, always the same for one ciphertext */
	CK_ULONG n = sizeof first, m = sizeof again;

	OK(decrypt(&old, pair.private, &b, first, &n));
	OK(decrypt(&old, pair.private, &b, again, &m));
	assert_int_equal(n, m);
	assert_memory_equal(first, again, n);
}

static void gcm_gives_nothing_before_the_tag(void **state)
{
	CK_BYTE iv[12] = { 0 }, out[64], untouched[64];
	CK_GCM_PARAMS p = { .pIv = iv, .ulIvLen = 12, .ulTagBits = 128 };
	CK_MECHANISM m = { CKM_AES_GCM, &p, sizeof p };
	CK_OBJECT_HANDLE key = moving_aes(s, M_ENCRYPT | M_DECRYPT | M_SENSITIVE, 16);
	CK_ULONG n = sizeof out;
	struct blob b;

	(void)state;
	memset(out, 0x5a, sizeof out);
	memset(untouched, 0x5a, sizeof untouched);
	OK(encrypt(&m, key, "thirty-two bytes of plain text..", &b));
	b.p[b.n - 1] ^= 1;
	assert_int_not_equal(decrypt(&m, key, &b, out, &n), CKR_OK);
	assert_memory_equal(out, untouched, sizeof out);
	OK(p11->C_DecryptInit(s, &m, key));
	n = sizeof out;
	OK(p11->C_DecryptUpdate(s, b.p, 32, out, &n));
	assert_int_equal(n, 0);
	n = 16;
	OK(p11->C_DecryptUpdate(s, b.p + 32, 16, out, &n));
	n = sizeof out;
	assert_int_not_equal(p11->C_DecryptFinal(s, out, &n), CKR_OK);
	assert_memory_equal(out, untouched, sizeof out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(weak_rsa_keys_are_not_made),
		cmocka_unit_test(short_keys_and_tags_are_refused),
		cmocka_unit_test(what_is_old_is_not_offered),
		cmocka_unit_test(raw_rsa_is_for_keys_that_name_it),
		cmocka_unit_test(key_and_mechanism_fit),
		cmocka_unit_test(bad_cbc_padding_is_one_answer),
		cmocka_unit_test(bad_rsa_padding_is_one_answer),
		cmocka_unit_test(gcm_gives_nothing_before_the_tag),
	};

	return cmocka_run_group_tests(tests, group_setup, module_teardown);
}
