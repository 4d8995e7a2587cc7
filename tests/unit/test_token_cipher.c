/* Encrypting, decrypting and MACs through the module: lengths, parts, ends, refusals. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "base/own.h"
#include "tests/lib/module.h"

static CK_SESSION_HANDLE s; /* of the user, read-write */
static CK_OBJECT_HANDLE aes, mac;
static struct module_pair rsa;
static uint8_t iv[16] = "sixteen bytes :)", text[100], room[256], back[256];

static CK_OBJECT_HANDLE secret(CK_KEY_TYPE type, const uint8_t *value, CK_ULONG n)
{
	CK_ATTRIBUTE t[] = {
		A_ULONG(CKA_CLASS, CKO_SECRET_KEY), A_ULONG(CKA_KEY_TYPE, type),
		A_BYTES(CKA_VALUE, value, n),	    A_BOOL(CKA_ENCRYPT, CK_TRUE),
		A_BOOL(CKA_DECRYPT, CK_TRUE),	    A_BOOL(CKA_SIGN, CK_TRUE),
		A_BOOL(CKA_VERIFY, CK_TRUE),
	};
	CK_OBJECT_HANDLE key;

	OK(p11->C_CreateObject(s, t, ARRAY_LEN(t), &key));
	return key;
}

static int setup(void **state)
{
	CK_ATTRIBUTE public[] = { A_ULONG(CKA_MODULUS_BITS, 2048), A_BOOL(CKA_ENCRYPT, CK_TRUE) };
	CK_ATTRIBUTE private[] = { A_BOOL(CKA_DECRYPT, CK_TRUE) };
	CK_MECHANISM m = { .mechanism = CKM_RSA_PKCS_KEY_PAIR_GEN };

	if (module_setup(state))
		return 1;
	s = module_user(NULL);
	for (size_t i = 0; i < sizeof text; i++)
		text[i] = (uint8_t)(i * 7);
	aes = secret(CKK_AES, text, 32);
	mac = secret(CKK_GENERIC_SECRET, text, 32);
	OK(p11->C_GenerateKeyPair(s, &m, public, 2, private, 1, &rsa.public, &rsa.private));
	return 0;
}

static CK_MECHANISM with_iv(CK_MECHANISM_TYPE type)
{
	return (CK_MECHANISM) { type, iv, sizeof iv };
}

static CK_ULONG encrypt(CK_MECHANISM m, const uint8_t *in, CK_ULONG n, uint8_t *out)
{
	CK_ULONG len = sizeof room;

	OK(p11->C_EncryptInit(s, &m, aes));
	OK(p11->C_Encrypt(s, module_data(in), n, out, &len));
	return len;
}

/* NIST SP 800-38D's test case 16, AES-256. */
static void gcm_is_gcm(void **state)
{
	static const uint8_t key[32] = { 0xfe, 0xff, 0xe9, 0x92, 0x86, 0x65, 0x73, 0x1c,
					 0x6d, 0x6a, 0x8f, 0x94, 0x67, 0x30, 0x83, 0x08,
					 0xfe, 0xff, 0xe9, 0x92, 0x86, 0x65, 0x73, 0x1c,
					 0x6d, 0x6a, 0x8f, 0x94, 0x67, 0x30, 0x83, 0x08 };
	static const uint8_t nonce[12] = { 0xca, 0xfe, 0xba, 0xbe, 0xfa, 0xce,
					   0xdb, 0xad, 0xde, 0xca, 0xf8, 0x88 };
	static const uint8_t ad[20] = {
		0xfe, 0xed, 0xfa, 0xce, 0xde, 0xad, 0xbe, 0xef, 0xfe, 0xed,
		0xfa, 0xce, 0xde, 0xad, 0xbe, 0xef, 0xab, 0xad, 0xda, 0xd2
	};
	static const uint8_t plain[4] = { 0xd9, 0x31, 0x32, 0x25 };
	static const uint8_t begins[4] = { 0x52, 0x2d, 0xc1, 0xf0 };
	CK_GCM_PARAMS p = { module_data(nonce), 12, 96, module_data(ad), 20, 128 };
	CK_MECHANISM m = { CKM_AES_GCM, &p, sizeof p };
	CK_OBJECT_HANDLE k = secret(CKK_AES, key, sizeof key);
	CK_ULONG n = sizeof room, back_n = sizeof back;

	(void)state;
	OK(p11->C_EncryptInit(s, &m, k));
	OK(p11->C_Encrypt(s, module_data(plain), sizeof plain, room, &n));
	assert_int_equal(n, 20);
	assert_memory_equal(room, begins, sizeof begins);
	OK(p11->C_DecryptInit(s, &m, k));
	OK(p11->C_Decrypt(s, room, n, back, &back_n));
	assert_int_equal(back_n, 4);
	assert_memory_equal(back, plain, 4);
	OK(p11->C_DestroyObject(s, k));
}

/* ---- in parts of every size ---- */

static const CK_MECHANISM_TYPE ciphers[] = { CKM_AES_CBC,  CKM_AES_CBC_PAD, CKM_AES_OFB,
					     CKM_AES_CFB8, CKM_AES_CFB128,  CKM_AES_CTS };

/* Each part is asked for its length first, then given too little room: neither moves it on. */
static CK_ULONG step(bool encrypts, const uint8_t *in, CK_ULONG n, uint8_t *out)
{
	CK_RV(*update)
	(CK_SESSION_HANDLE, CK_BYTE *, CK_ULONG, CK_BYTE *, CK_ULONG *) =
		encrypts ? p11->C_EncryptUpdate : p11->C_DecryptUpdate;
	CK_ULONG need = 77, less, len;

	OK(update(s, module_data(in), n, NULL, &need));
	less = need - 1;
	if (need > 0)
		GIVES(CKR_BUFFER_TOO_SMALL, update(s, module_data(in), n, out, &less));
	if (need > 0)
		assert_int_equal(less, need);
	len = need;
	OK(update(s, module_data(in), n, out, &len));
	assert_int_equal(len, need);
	return len;
}

static CK_ULONG end(bool encrypts, uint8_t *out)
{
	CK_RV(*final)
	(CK_SESSION_HANDLE, CK_BYTE *, CK_ULONG *) =
		encrypts ? p11->C_EncryptFinal : p11->C_DecryptFinal;
	CK_ULONG need = 77, len = 0;

	OK(final(s, NULL, &need));
	CK_RV rv = final(s, out, &len);

	if (rv == CKR_BUFFER_TOO_SMALL) {
		MUST(len > 0 && len <= need);
		OK(final(s, out, &len));
	} else {
		OK(rv);
	}
	return len;
}

static CK_ULONG in_parts(bool encrypts, const uint8_t *in, CK_ULONG n, CK_ULONG part, uint8_t *out)
{
	CK_ULONG at = 0;

	for (CK_ULONG i = 0; i < n; i += part)
		at += step(encrypts, in + i, n - i < part ? n - i : part, out + at);
	return at + end(encrypts, out + at);
}

static void parts_give_what_one_step_gives(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(ciphers); i++) {
		CK_MECHANISM m = with_iv(ciphers[i]);
		CK_ULONG n = encrypt(m, text, 96, back), got;

		for (CK_ULONG part = 1; part < 40; part += 3) {
			OK(p11->C_EncryptInit(s, &m, aes));
			got = in_parts(true, text, 96, part, room);
			assert_int_equal(got, n);
			assert_memory_equal(room, back, n);
			OK(p11->C_DecryptInit(s, &m, aes));
			got = in_parts(false, back, n, part, room);
			assert_int_equal(got, 96);
			assert_memory_equal(room, text, 96);
		}
	}
}

static void gcm_gives_nothing_before_its_tag(void **state)
{
	CK_GCM_PARAMS p = { iv, 12, 0, text, 9, 128 };
	CK_MECHANISM m = { CKM_AES_GCM, &p, sizeof p };
	CK_ULONG n = encrypt(m, text, 64, room), len;

	(void)state;
	assert_int_equal(n, 80);
	for (int bad = 0; bad < 2; bad++) {
		OK(p11->C_DecryptInit(s, &m, aes));
		room[70] ^= (uint8_t)bad;
		for (CK_ULONG i = 0; i < n; i += 16) {
			len = sizeof back;
			OK(p11->C_DecryptUpdate(s, room + i, 16, back, &len));
			assert_int_equal(len, 0);
		}
		memset(back, 0x55, sizeof back);
		len = 63;
		GIVES(CKR_BUFFER_TOO_SMALL, p11->C_DecryptFinal(s, back, &len));
		assert_int_equal(len, 64);
		GIVES(bad ? CKR_ENCRYPTED_DATA_INVALID : CKR_OK,
		      p11->C_DecryptFinal(s, back, &len));
		if (bad)
			for (size_t i = 0; i < 64; i++)
				assert_int_equal(back[i], 0x55);
		else
			assert_memory_equal(back, text, 64);
		GIVES(CKR_OPERATION_NOT_INITIALIZED, p11->C_DecryptFinal(s, back, &len));
	}
	/* encrypted in parts it is the same, the tag last */
	room[70] ^= 1;
	OK(p11->C_EncryptInit(s, &m, aes));
	assert_int_equal(in_parts(true, text, 64, 7, back), n);
	assert_memory_equal(room, back, n);
}

static void what_is_collected_has_a_bound(void **state)
{
	enum { MIB = 1 << 20 };
	CK_GCM_PARAMS p = { iv, 12, 0, NULL, 0, 128 };
	CK_MECHANISM m = { CKM_AES_GCM, &p, sizeof p };
	uint8_t *mib = calloc(1, MIB);
	CK_ULONG n = 0;
	CK_RV rv = CKR_OK;
	int i;

	(void)state;
	OK(p11->C_DecryptInit(s, &m, aes));
	for (i = 0; i < 70 && rv == CKR_OK; i++) {
		n = sizeof back;
		rv = p11->C_DecryptUpdate(s, mib, MIB, back, &n);
	}
	GIVES(CKR_ENCRYPTED_DATA_LEN_RANGE, rv);
	assert_int_equal(i, 65);
	GIVES(CKR_OPERATION_NOT_INITIALIZED, p11->C_DecryptFinal(s, back, &n));
	free(mib);
}

/* ---- one step ---- */

static void padding_hides_the_length(void **state)
{
	CK_MECHANISM m = with_iv(CKM_AES_CBC_PAD);
	CK_ULONG n, len;

	(void)state;
	for (CK_ULONG size = 0; size <= 33; size++) {
		n = encrypt(m, text, size, room);
		assert_int_equal(n, (size / 16 + 1) * 16);
		OK(p11->C_DecryptInit(s, &m, aes));
		OK(p11->C_Decrypt(s, room, n, NULL, &len));
		MUST(len >= size && len <= n);
		if (size > 0) {
			len = size - 1;
			GIVES(CKR_BUFFER_TOO_SMALL, p11->C_Decrypt(s, room, n, back, &len));
			assert_int_equal(len, size);
		}
		len = size; /* exactly */
		OK(p11->C_Decrypt(s, room, n, back, &len));
		assert_int_equal(len, size);
		assert_memory_equal(back, text, size);
	}
}

static void lengths_that_can_not_be(void **state)
{
	CK_MECHANISM cbc = with_iv(CKM_AES_CBC), pad = with_iv(CKM_AES_CBC_PAD);
	CK_ULONG n = sizeof back;

	(void)state;
	OK(p11->C_EncryptInit(s, &cbc, aes));
	GIVES(CKR_DATA_LEN_RANGE, p11->C_Encrypt(s, text, 17, back, &n));
	GIVES(CKR_OPERATION_NOT_INITIALIZED, p11->C_Encrypt(s, text, 16, back, &n));
	OK(p11->C_DecryptInit(s, &cbc, aes));
	GIVES(CKR_ENCRYPTED_DATA_LEN_RANGE, p11->C_Decrypt(s, text, 17, back, &n));
	OK(p11->C_DecryptInit(s, &pad, aes));
	GIVES(CKR_ENCRYPTED_DATA_LEN_RANGE, p11->C_Decrypt(s, text, 0, back, &n));
	OK(p11->C_EncryptInit(s, &cbc, aes));
	OK(p11->C_EncryptUpdate(s, text, 17, back, &n));
	assert_int_equal(n, 16);
	n = sizeof back;
	GIVES(CKR_DATA_LEN_RANGE, p11->C_EncryptFinal(s, back, &n));
	GIVES(CKR_OPERATION_NOT_INITIALIZED, p11->C_EncryptFinal(s, back, &n));
	OK(p11->C_EncryptInit(s, &cbc, aes));
	OK(p11->C_Encrypt(s, NULL, 0, back, &n)); /* nothing gives nothing */
	assert_int_equal(n, 0);
}

static void bad_padding_is_one_answer(void **state)
{
	CK_MECHANISM m = with_iv(CKM_AES_CBC_PAD), raw = with_iv(CKM_AES_CBC);
	uint8_t block[32] = { 0 };
	CK_ULONG n, len;

	(void)state;
	for (unsigned last = 0; last < 256; last++) {
		memset(block, 0xee, sizeof block);
		block[31] = (uint8_t)last;
		n = encrypt(raw, block, sizeof block, room);
		OK(p11->C_DecryptInit(s, &m, aes));
		len = sizeof back;
		GIVES(last == 1 ? CKR_OK : CKR_ENCRYPTED_DATA_INVALID,
		      p11->C_Decrypt(s, room, n, back, &len));
	}
}

static void one_step_or_parts(void **state)
{
	CK_MECHANISM m = with_iv(CKM_AES_CBC);
	CK_ULONG n = sizeof back;

	(void)state;
	OK(p11->C_EncryptInit(s, &m, aes));
	OK(p11->C_EncryptUpdate(s, text, 16, back, &n));
	n = sizeof back;
	GIVES(CKR_OPERATION_ACTIVE, p11->C_Encrypt(s, text, 16, back, &n));
	GIVES(CKR_OPERATION_NOT_INITIALIZED, p11->C_EncryptUpdate(s, text, 16, back, &n));
	GIVES(CKR_OPERATION_NOT_INITIALIZED, p11->C_EncryptFinal(s, back, &n));
	OK(p11->C_EncryptInit(s, &m, aes));
	GIVES(CKR_OPERATION_ACTIVE, p11->C_EncryptInit(s, &m, aes));
	GIVES(CKR_ARGUMENTS_BAD, p11->C_Encrypt(s, NULL, 16, back, &n));
	GIVES(CKR_OPERATION_NOT_INITIALIZED, p11->C_Encrypt(s, text, 16, back, &n));
	OK(p11->C_DecryptInit(s, &m, aes));
	OK(p11->C_DecryptInit(s, NULL, 0));
	GIVES(CKR_OPERATION_NOT_INITIALIZED, p11->C_Decrypt(s, text, 16, back, &n));
}

static void what_does_not_fit_does_not_begin(void **state)
{
	CK_MECHANISM m = with_iv(CKM_AES_CBC), ecb = { .mechanism = CKM_AES_ECB };
	CK_ATTRIBUTE t[] = { A_ULONG(CKA_CLASS, CKO_SECRET_KEY), A_ULONG(CKA_KEY_TYPE, CKK_AES),
			     A_BYTES(CKA_VALUE, text, 16), A_BOOL(CKA_DECRYPT, CK_TRUE) };
	CK_OBJECT_HANDLE k, weak = secret(CKK_GENERIC_SECRET, text, 13);

	(void)state;
	OK(p11->C_CreateObject(s, t, ARRAY_LEN(t), &k));
	GIVES(CKR_KEY_FUNCTION_NOT_PERMITTED, p11->C_EncryptInit(s, &m, k));
	GIVES(CKR_KEY_TYPE_INCONSISTENT, p11->C_EncryptInit(s, &m, mac));
	GIVES(CKR_KEY_TYPE_INCONSISTENT, p11->C_EncryptInit(s, &m, rsa.public));
	GIVES(CKR_KEY_HANDLE_INVALID, p11->C_EncryptInit(s, &m, ~0UL));
	GIVES(CKR_MECHANISM_INVALID,
	      p11->C_EncryptInit(s, &(CK_MECHANISM) { CKM_SHA256, 0, 0 }, aes));
	m.ulParameterLen = 15;
	GIVES(CKR_MECHANISM_PARAM_INVALID, p11->C_EncryptInit(s, &m, aes));
	m = (CK_MECHANISM) { CKM_AES_CBC, NULL, 16 };
	GIVES(CKR_MECHANISM_PARAM_INVALID, p11->C_EncryptInit(s, &m, aes));
	ecb.pParameter = iv;
	ecb.ulParameterLen = 16;
	GIVES(CKR_MECHANISM_PARAM_INVALID, p11->C_EncryptInit(s, &ecb, aes));
	GIVES(CKR_KEY_SIZE_RANGE,
	      p11->C_SignInit(s, &(CK_MECHANISM) { CKM_SHA256_HMAC, NULL, 0 }, weak));
	GIVES(CKR_MECHANISM_INVALID,
	      p11->C_DecryptInit(s, &(CK_MECHANISM) { CKM_DES3_CBC, iv, 8 }, aes));
}

static void ccm_knows_its_length(void **state)
{
	CK_CCM_PARAMS p = { 20, iv, 12, NULL, 0, 16 };
	CK_MECHANISM m = { CKM_AES_CCM, &p, sizeof p };
	CK_ULONG n = sizeof back, len;

	(void)state;
	OK(p11->C_EncryptInit(s, &m, aes));
	GIVES(CKR_DATA_LEN_RANGE, p11->C_Encrypt(s, text, 21, back, &n));
	n = encrypt(m, text, 20, room);
	assert_int_equal(n, 36);
	for (p.ulDataLen = 20; p.ulDataLen <= 36; p.ulDataLen += 16) { /* or the ciphertext's */
		len = 20;
		OK(p11->C_DecryptInit(s, &m, aes));
		OK(p11->C_Decrypt(s, room, n, back, &len));
		assert_memory_equal(back, text, 20);
	}
	p.ulDataLen = 20;
	OK(p11->C_EncryptInit(s, &m, aes));
	assert_int_equal(in_parts(true, text, 20, 6, back), 36);
	assert_memory_equal(back, room, 36);
}

/* ---- MACs ---- */

static void macs_are_checked(void **state)
{
	CK_MECHANISM m = { .mechanism = CKM_SHA256_HMAC };
	uint8_t tag[32];
	CK_ULONG n = 0;

	(void)state;
	OK(p11->C_SignInit(s, &m, mac));
	OK(p11->C_Sign(s, text, 50, NULL, &n));
	assert_int_equal(n, 32);
	OK(p11->C_Sign(s, text, 50, tag, &n));
	OK(p11->C_VerifyInit(s, &m, mac));
	OK(p11->C_VerifyUpdate(s, text, 49));
	OK(p11->C_VerifyUpdate(s, text + 49, 1));
	OK(p11->C_VerifyFinal(s, tag, 32));
	OK(p11->C_VerifyInit(s, &m, mac));
	GIVES(CKR_SIGNATURE_LEN_RANGE, p11->C_Verify(s, text, 50, tag, 31));
	GIVES(CKR_OPERATION_NOT_INITIALIZED, p11->C_Verify(s, text, 50, tag, 32));
	for (size_t i = 0; i < 32; i++) {
		tag[i] ^= 0x10;
		OK(p11->C_VerifyInit(s, &m, mac));
		GIVES(CKR_SIGNATURE_INVALID, p11->C_Verify(s, text, 50, tag, 32));
		tag[i] ^= 0x10;
	}
	OK(p11->C_SignInit(s, &m, mac));
	n = sizeof tag;
	OK(p11->C_SignFinal(s, tag, &n)); /* of nothing */
	OK(p11->C_VerifyInit(s, &m, mac));
	OK(p11->C_Verify(s, NULL, 0, tag, n));
}

static void macs_of_wanted_length(void **state)
{
	CK_MAC_GENERAL_PARAMS want = 10;
	CK_MECHANISM m = { CKM_SHA256_HMAC_GENERAL, &want, sizeof want };
	CK_MECHANISM whole = { .mechanism = CKM_SHA256_HMAC };
	uint8_t tag[32], all[32];
	CK_ULONG n = sizeof tag;

	(void)state;
	OK(p11->C_SignInit(s, &m, mac));
	OK(p11->C_Sign(s, text, 50, tag, &n));
	assert_int_equal(n, 10);
	OK(p11->C_SignInit(s, &whole, mac));
	n = sizeof all;
	OK(p11->C_Sign(s, text, 50, all, &n));
	assert_memory_equal(tag, all, 10);
	OK(p11->C_VerifyInit(s, &m, mac));
	OK(p11->C_Verify(s, text, 50, all, 10));
	OK(p11->C_VerifyInit(s, &m, mac));
	GIVES(CKR_SIGNATURE_LEN_RANGE, p11->C_Verify(s, text, 50, all, 32));
}

/* ---- RSA ---- */

static void rsa_pkcs1_tells_nothing(void **state)
{
	CK_MECHANISM m = { .mechanism = CKM_RSA_PKCS };
	uint8_t again[256];
	CK_ULONG n = sizeof room, len, len2;

	(void)state;
	OK(p11->C_EncryptInit(s, &m, rsa.public));
	GIVES(CKR_DATA_LEN_RANGE, p11->C_Encrypt(s, room, 246, room, &n));
	OK(p11->C_EncryptInit(s, &m, rsa.public));
	n = sizeof room;
	OK(p11->C_Encrypt(s, text, 48, room, &n));
	assert_int_equal(n, 256);
	OK(p11->C_DecryptInit(s, &m, rsa.private));
	OK(p11->C_Decrypt(s, room, n, NULL, &len));
	MUST(len >= 48 && len <= 256);
	len = 47;
	GIVES(CKR_BUFFER_TOO_SMALL, p11->C_Decrypt(s, room, n, back, &len));
	assert_int_equal(len, 48);
	OK(p11->C_Decrypt(s, room, n, back, &len)); /* exactly */
	assert_memory_equal(back, text, 48);
	OK(p11->C_DecryptInit(s, &m, rsa.private));
	GIVES(CKR_ENCRYPTED_DATA_LEN_RANGE, p11->C_Decrypt(s, room, 255, back, &len));
	/* bad padding decrypts to something, the same each time */
	room[100] ^= 1;
	len = sizeof back;
	OK(p11->C_DecryptInit(s, &m, rsa.private));
	OK(p11->C_Decrypt(s, room, n, back, &len));
	len2 = sizeof again;
	OK(p11->C_DecryptInit(s, &m, rsa.private));
	OK(p11->C_Decrypt(s, room, n, again, &len2));
	assert_int_equal(len, len2);
	assert_memory_equal(back, again, len);
	OK(p11->C_DecryptInit(s, &m, rsa.private));
	GIVES(CKR_FUNCTION_NOT_SUPPORTED, p11->C_DecryptUpdate(s, room, 16, back, &len));
	GIVES(CKR_OPERATION_NOT_INITIALIZED, p11->C_DecryptFinal(s, back, &len));
}

static void rsa_oaep(void **state)
{
	CK_RSA_PKCS_OAEP_PARAMS p = { CKM_SHA256, CKG_MGF1_SHA1, CKZ_DATA_SPECIFIED, iv, 5 };
	CK_MECHANISM m = { CKM_RSA_PKCS_OAEP, &p, sizeof p };
	CK_ULONG n = sizeof room, len = sizeof back;

	(void)state;
	OK(p11->C_EncryptInit(s, &m, rsa.public));
	OK(p11->C_Encrypt(s, text, 48, room, &n));
	OK(p11->C_DecryptInit(s, &m, rsa.private));
	OK(p11->C_Decrypt(s, room, n, back, &len));
	assert_int_equal(len, 48);
	assert_memory_equal(back, text, 48);
	p.ulSourceDataLen = 4; /* another label */
	OK(p11->C_DecryptInit(s, &m, rsa.private));
	GIVES(CKR_ENCRYPTED_DATA_INVALID, p11->C_Decrypt(s, room, n, back, &len));
	GIVES(CKR_KEY_TYPE_INCONSISTENT, p11->C_DecryptInit(s, &m, rsa.public));
	GIVES(CKR_KEY_TYPE_INCONSISTENT, p11->C_EncryptInit(s, &m, rsa.private));
}

/* Raw RSA is for keys that name it. */
static void rsa_raw_is_off(void **state)
{
	CK_MECHANISM m = { .mechanism = CKM_RSA_X_509 };

	(void)state;
	GIVES(CKR_MECHANISM_INVALID, p11->C_EncryptInit(s, &m, rsa.public));
	GIVES(CKR_MECHANISM_INVALID, p11->C_DecryptInit(s, &m, rsa.private));
}

/* GMAC's length is its parameter's: the leading bytes of the whole, and checked as such. */
static void gmac_of_every_length(void **state)
{
	uint8_t whole[16], short_one[16];

	(void)state;
	for (CK_ULONG bits = 128; bits >= 96; bits -= 8) {
		CK_GCM_PARAMS p = { .pIv = iv, .ulIvLen = 12, .ulTagBits = bits };
		CK_MECHANISM m = { CKM_AES_GMAC, &p, sizeof p };
		uint8_t *out = bits == 128 ? whole : short_one;
		CK_ULONG n = 16;

		OK(p11->C_SignInit(s, &m, aes));
		OK(p11->C_Sign(s, text, sizeof text, out, &n));
		assert_int_equal(n, bits / 8);
		assert_memory_equal(out, whole, n);
		OK(p11->C_VerifyInit(s, &m, aes));
		OK(p11->C_Verify(s, text, sizeof text, out, n));
		OK(p11->C_SignInit(s, &m, aes));
		OK(p11->C_SignUpdate(s, text, sizeof text));
		OK(p11->C_SignFinal(s, out, &n));
		assert_memory_equal(out, whole, n);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(gcm_is_gcm),
		cmocka_unit_test(parts_give_what_one_step_gives),
		cmocka_unit_test(gcm_gives_nothing_before_its_tag),
		cmocka_unit_test(what_is_collected_has_a_bound),
		cmocka_unit_test(padding_hides_the_length),
		cmocka_unit_test(lengths_that_can_not_be),
		cmocka_unit_test(bad_padding_is_one_answer),
		cmocka_unit_test(one_step_or_parts),
		cmocka_unit_test(what_does_not_fit_does_not_begin),
		cmocka_unit_test(ccm_knows_its_length),
		cmocka_unit_test(macs_are_checked),
		cmocka_unit_test(macs_of_wanted_length),
		cmocka_unit_test(gmac_of_every_length),
		cmocka_unit_test(rsa_pkcs1_tells_nothing),
		cmocka_unit_test(rsa_oaep),
		cmocka_unit_test(rsa_raw_is_off),
	};

	return cmocka_run_group_tests_name("token ciphers", tests, setup, module_teardown);
}
