/* Many messages under one key: nonces made here and by the caller, tags apart, parts, ends. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "base/own.h"
#include "tests/lib/module.h"

static CK_SESSION_HANDLE s; /* of the user, read-write */
static CK_OBJECT_HANDLE aes, chacha, mac;
static uint8_t text[100], ad[9] = "something", room[2000], back[2000];

/* One message's parameter and where it points. */
static uint8_t nonce[16], tag[16];
static CK_GCM_MESSAGE_PARAMS gcm;

static CK_OBJECT_HANDLE secret(CK_KEY_TYPE type)
{
	CK_ATTRIBUTE t[] = {
		A_ULONG(CKA_CLASS, CKO_SECRET_KEY), A_ULONG(CKA_KEY_TYPE, type),
		A_BYTES(CKA_VALUE, text, 32),	    A_BOOL(CKA_ENCRYPT, CK_TRUE),
		A_BOOL(CKA_DECRYPT, CK_TRUE),	    A_BOOL(CKA_SIGN, CK_TRUE),
		A_BOOL(CKA_VERIFY, CK_TRUE),
	};
	CK_OBJECT_HANDLE key;

	OK(p11->C_CreateObject(s, t, ARRAY_LEN(t), &key));
	return key;
}

static int setup(void **state)
{
	if (module_setup(state))
		return 1;
	s = module_user(NULL);
	for (size_t i = 0; i < sizeof text; i++)
		text[i] = (uint8_t)(i * 7);
	aes = secret(CKK_AES);
	chacha = secret(CKK_CHACHA20);
	mac = secret(CKK_GENERIC_SECRET);
	return 0;
}

static int fresh(void **state)
{
	(void)state;
	OK(p11_3->C_SessionCancel(s, ~0UL));
	memset(nonce, 3, sizeof nonce);
	memset(tag, 0, sizeof tag);
	gcm = (CK_GCM_MESSAGE_PARAMS) { nonce, 12, 0, CKG_NO_GENERATE, tag, 128 };
	return 0;
}

static CK_MECHANISM mech = { .mechanism = CKM_AES_GCM };

static void begin(void)
{
	OK(p11_3->C_MessageEncryptInit(s, &mech, aes));
	OK(p11_3->C_MessageDecryptInit(s, &mech, aes));
}

static CK_RV encrypt(void *p, CK_ULONG p_n, CK_ULONG n, CK_ULONG *len)
{
	return p11_3->C_EncryptMessage(s, p, p_n, ad, sizeof ad, text, n, room, len);
}

static CK_RV decrypt(void *p, CK_ULONG p_n, CK_ULONG n, CK_ULONG *len)
{
	return p11_3->C_DecryptMessage(s, p, p_n, ad, sizeof ad, room, n, back, len);
}

/* The same as C_Encrypt, with the tag apart. */
static void a_message_is_what_one_step_gives(void **state)
{
	CK_GCM_PARAMS p = { nonce, 12, 96, ad, sizeof ad, 128 };
	CK_ULONG n, len;

	(void)state;
	begin();
	for (CK_ULONG size = 0; size <= 100; size += 25) {
		nonce[0] = (uint8_t)size;
		n = sizeof room;
		OK(encrypt(&gcm, sizeof gcm, size, &n));
		assert_int_equal(n, size);
		OK(p11->C_EncryptInit(s, &(CK_MECHANISM) { CKM_AES_GCM, &p, sizeof p }, aes));
		len = sizeof back;
		OK(p11->C_Encrypt(s, text, size, back, &len));
		assert_int_equal(len, size + 16);
		assert_memory_equal(back, room, size);
		assert_memory_equal(back + size, tag, 16);
		len = sizeof back;
		OK(decrypt(&gcm, sizeof gcm, n, &len));
		assert_int_equal(len, size);
		assert_memory_equal(back, text, size);
	}
}

/* Room for the ciphertext and no more, also when there is none to ask for. */
static void lengths(void **state)
{
	CK_ULONG n = 0;

	(void)state;
	begin();
	OK(p11_3->C_EncryptMessage(s, &gcm, sizeof gcm, NULL, 0, text, 50, NULL, &n));
	assert_int_equal(n, 50);
	n = 49;
	GIVES(CKR_BUFFER_TOO_SMALL,
	      p11_3->C_EncryptMessage(s, &gcm, sizeof gcm, NULL, 0, text, 50, room, &n));
	assert_int_equal(n, 50);
	memset(room, 0x55, sizeof room);
	OK(p11_3->C_EncryptMessage(s, &gcm, sizeof gcm, NULL, 0, text, 50, room, &n));
	assert_int_equal(room[50], 0x55);
	n = 0;
	OK(p11_3->C_EncryptMessage(s, &gcm, sizeof gcm, ad, sizeof ad, NULL, 0, NULL, &n));
	assert_int_equal(n, 0);
	OK(p11_3->C_DecryptMessage(s, &gcm, sizeof gcm, ad, sizeof ad, NULL, 0, NULL, &n));
	tag[3] ^= 1;
	GIVES(CKR_AEAD_DECRYPT_FAILED,
	      p11_3->C_DecryptMessage(s, &gcm, sizeof gcm, ad, sizeof ad, NULL, 0, NULL, &n));
}

/* What is wrong with one costs that one only. */
static void a_bad_message_ends_itself(void **state)
{
	CK_ULONG n = sizeof room, len = sizeof back;

	(void)state;
	begin();
	OK(encrypt(&gcm, sizeof gcm, 40, &n));
	memset(back, 0x55, sizeof back);
	room[7] ^= 1;
	GIVES(CKR_AEAD_DECRYPT_FAILED, decrypt(&gcm, sizeof gcm, n, &len));
	for (size_t i = 0; i < 40; i++)
		assert_int_equal(back[i], 0x55);
	room[7] ^= 1;
	tag[15] ^= 1;
	GIVES(CKR_AEAD_DECRYPT_FAILED, decrypt(&gcm, sizeof gcm, n, &len));
	tag[15] ^= 1;
	OK(decrypt(&gcm, sizeof gcm, n, &len));
	assert_memory_equal(back, text, 40);
	OK(p11_3->C_MessageDecryptFinal(s));
	GIVES(CKR_OPERATION_NOT_INITIALIZED, decrypt(&gcm, sizeof gcm, n, &len));
	GIVES(CKR_OPERATION_NOT_INITIALIZED, p11_3->C_MessageDecryptFinal(s));
	OK(p11_3->C_MessageEncryptFinal(s));
}

static void parameters_that_can_not_be(void **state)
{
	CK_GCM_MESSAGE_PARAMS good = gcm;
	CK_ULONG n = sizeof room;

	(void)state;
	begin();
	GIVES(CKR_ARGUMENTS_BAD, encrypt(NULL, sizeof gcm, 4, &n));
	GIVES(CKR_MECHANISM_PARAM_INVALID, encrypt(&gcm, sizeof gcm - 1, 4, &n));
	gcm.pIv = NULL;
	GIVES(CKR_MECHANISM_PARAM_INVALID, encrypt(&gcm, sizeof gcm, 4, &n));
	gcm = good;
	gcm.pTag = NULL;
	GIVES(CKR_MECHANISM_PARAM_INVALID, encrypt(&gcm, sizeof gcm, 4, &n));
	gcm = good;
	gcm.ulIvLen = ~0UL;
	GIVES(CKR_MECHANISM_PARAM_INVALID, encrypt(&gcm, sizeof gcm, 4, &n));
	gcm.ulIvLen = 0;
	GIVES(CKR_MECHANISM_PARAM_INVALID, encrypt(&gcm, sizeof gcm, 4, &n));
	gcm = good;
	gcm.ulTagBits = 64;
	GIVES(CKR_MECHANISM_PARAM_INVALID, encrypt(&gcm, sizeof gcm, 4, &n));
	gcm = good;
	gcm.ivGenerator = CKG_GENERATE_COUNTER_XOR;
	GIVES(CKR_MECHANISM_PARAM_INVALID, encrypt(&gcm, sizeof gcm, 4, &n));
	gcm.ivGenerator = CKG_GENERATE;
	gcm.ulIvFixedBits = 33; /* fewer than 64 are left */
	GIVES(CKR_MECHANISM_PARAM_INVALID, encrypt(&gcm, sizeof gcm, 4, &n));
	gcm.ulIvFixedBits = ~0UL;
	GIVES(CKR_MECHANISM_PARAM_INVALID, encrypt(&gcm, sizeof gcm, 4, &n));
	gcm = good;
	GIVES(CKR_ARGUMENTS_BAD,
	      p11_3->C_EncryptMessage(s, &gcm, sizeof gcm, NULL, 4, text, 4, room, &n));
	GIVES(CKR_ARGUMENTS_BAD,
	      p11_3->C_EncryptMessage(s, &gcm, sizeof gcm, NULL, 0, text, 4, room, NULL));
	OK(encrypt(&gcm, sizeof gcm, 4, &n));
	OK(p11_3->C_MessageEncryptFinal(s));
	GIVES(CKR_MECHANISM_INVALID,
	      p11_3->C_MessageEncryptInit(s, &(CK_MECHANISM) { CKM_AES_CTR, NULL, 0 }, aes));
	GIVES(CKR_MECHANISM_PARAM_INVALID,
	      p11_3->C_MessageEncryptInit(s, &(CK_MECHANISM) { CKM_AES_GCM, &gcm, 5 }, aes));
	GIVES(CKR_KEY_TYPE_INCONSISTENT, p11_3->C_MessageEncryptInit(s, &mech, mac));
	/* that of a message is welcome at Init, though nothing is done with it */
	OK(p11_3->C_MessageEncryptInit(s, &(CK_MECHANISM) { CKM_AES_GCM, &gcm, sizeof gcm }, aes));
}

/* ---- nonces that are made here ---- */

static uint64_t low64(void)
{
	uint64_t x = 0;

	for (size_t i = 4; i < 12; i++)
		x = x << 8 | nonce[i];
	return x;
}

static void counted_nonces(void **state)
{
	CK_ULONG n;
	uint64_t before = 0;

	(void)state;
	begin();
	gcm.ivGenerator = CKG_GENERATE_COUNTER;
	gcm.ulIvFixedBits = 32;
	for (int i = 0; i < 600; i++) {
		n = sizeof room;
		OK(encrypt(&gcm, sizeof gcm, 20, &n));
		for (size_t k = 0; k < 4; k++)
			assert_int_equal(nonce[k], 3);
		if (i > 0)
			assert_true(low64() == before + 1);
		before = low64();
		n = sizeof back;
		OK(decrypt(&gcm, sizeof gcm, 20, &n));
		assert_memory_equal(back, text, 20);
	}
	/* another fixed part is another row of nonces */
	nonce[0] = 4;
	n = sizeof room;
	OK(encrypt(&gcm, sizeof gcm, 20, &n));
	assert_int_equal(nonce[0], 4);
	assert_true(low64() != before + 1);
}

static void fixed_bits_that_end_within_a_byte(void **state)
{
	uint8_t before[12];
	CK_ULONG n;

	(void)state;
	begin();
	gcm.ivGenerator = CKG_GENERATE_COUNTER;
	gcm.ulIvFixedBits = 13;
	nonce[0] = 0xab;
	nonce[1] = 0xcd; /* the first five bits stay */
	for (int i = 0; i < 300; i++) {
		memcpy(before, nonce, 12);
		n = sizeof room;
		OK(encrypt(&gcm, sizeof gcm, 4, &n));
		assert_int_equal(nonce[0], 0xab);
		assert_int_equal(nonce[1] & 0xf8, 0xcd & 0xf8);
		assert_true(memcmp(before, nonce, 12) != 0);
	}
}

static void random_nonces(void **state)
{
	uint8_t seen[50][12];
	CK_ULONG n;

	(void)state;
	begin();
	for (size_t i = 0; i < 50; i++) {
		gcm.ivGenerator = i % 2 ? CKG_GENERATE : CKG_GENERATE_RANDOM;
		gcm.ulIvFixedBits = 16;
		n = sizeof room;
		OK(encrypt(&gcm, sizeof gcm, 20, &n));
		assert_int_equal(nonce[0], 3);
		assert_int_equal(nonce[1], 3);
		memcpy(seen[i], nonce, 12);
		for (size_t k = 0; k < i; k++)
			assert_true(memcmp(seen[k], nonce, 12) != 0);
	}
}

/* A question and too little room use up no nonce. */
static void a_question_makes_no_nonce(void **state)
{
	CK_ULONG n = 0;

	(void)state;
	begin();
	gcm.ivGenerator = CKG_GENERATE;
	OK(p11_3->C_EncryptMessage(s, &gcm, sizeof gcm, NULL, 0, text, 50, NULL, &n));
	n = 1;
	GIVES(CKR_BUFFER_TOO_SMALL, encrypt(&gcm, sizeof gcm, 50, &n));
	for (size_t i = 0; i < 12; i++)
		assert_int_equal(nonce[i], 3);
}

/* ---- in parts ---- */

static CK_RV next(bool encrypts, const uint8_t *in, CK_ULONG n, uint8_t *out, CK_ULONG *len,
		  bool last)
{
	return (encrypts ? p11_3->C_EncryptMessageNext : p11_3->C_DecryptMessageNext)(
		s, &gcm, sizeof gcm, module_data(in), n, out, len, last ? CKF_END_OF_MESSAGE : 0);
}

static void parts_give_what_one_step_gives(void **state)
{
	uint8_t whole[100], its_tag[16];
	CK_ULONG n = sizeof whole, at = 0;

	(void)state;
	begin();
	OK(p11_3->C_EncryptMessage(s, &gcm, sizeof gcm, ad, sizeof ad, text, 100, whole, &n));
	memcpy(its_tag, tag, 16);
	memset(tag, 0, 16);
	OK(p11_3->C_EncryptMessageBegin(s, &gcm, sizeof gcm, ad, sizeof ad));
	GIVES(CKR_OPERATION_ACTIVE, encrypt(&gcm, sizeof gcm, 4, &n));
	GIVES(CKR_OPERATION_ACTIVE, p11_3->C_EncryptMessageBegin(s, &gcm, sizeof gcm, NULL, 0));
	for (CK_ULONG i = 0; i < 100; i += 30) {
		CK_ULONG part = i == 90 ? 10 : 30;

		n = 0;
		OK(next(true, text + i, part, NULL, &n, i == 90));
		assert_int_equal(n, part);
		OK(next(true, text + i, part, room + at, &n, i == 90));
		at += n;
	}
	assert_int_equal(at, 100);
	assert_memory_equal(room, whole, 100);
	assert_memory_equal(tag, its_tag, 16);
	GIVES(CKR_OPERATION_NOT_INITIALIZED, next(true, text, 4, room, &n, true));
	OK(p11_3->C_DecryptMessageBegin(s, &gcm, sizeof gcm, ad, sizeof ad));
	n = sizeof back;
	OK(next(false, room, 60, back, &n, false));
	assert_int_equal(n, 0); /* nothing before the tag is checked */
	n = 99;
	GIVES(CKR_BUFFER_TOO_SMALL, next(false, room + 60, 40, back, &n, true));
	assert_int_equal(n, 100);
	OK(next(false, room + 60, 40, back, &n, true));
	assert_int_equal(n, 100);
	assert_memory_equal(back, text, 100);
}

/* Also where what comes in is kept until the end, so that the answer is none. */
static void a_question_takes_no_part(void **state)
{
	CK_CCM_MESSAGE_PARAMS ccm = { 60, nonce, 12, 0, CKG_NO_GENERATE, tag, 16 };
	CK_ULONG n = sizeof room;

	(void)state;
	begin();
	OK(encrypt(&gcm, sizeof gcm, 60, &n));
	OK(p11_3->C_DecryptMessageBegin(s, &gcm, sizeof gcm, ad, sizeof ad));
	for (CK_ULONG i = 0; i < 60; i += 20) {
		n = 99;
		OK(next(false, room + i, 20, NULL, &n, false));
		assert_int_equal(n, 0);
		OK(next(false, room + i, 20, back, &n, false));
		assert_int_equal(n, 0);
	}
	OK(next(false, NULL, 0, NULL, &n, true));
	assert_int_equal(n, 60);
	OK(next(false, NULL, 0, back, &n, true));
	assert_memory_equal(back, text, 60);
	OK(p11_3->C_SessionCancel(s, ~0UL));
	mech.mechanism = CKM_AES_CCM;
	begin();
	OK(p11_3->C_EncryptMessageBegin(s, &ccm, sizeof ccm, NULL, 0));
	for (int asks = 1; asks >= 0; asks--) {
		n = sizeof room;
		OK(p11_3->C_EncryptMessageNext(s, &ccm, sizeof ccm, text, 30, asks ? NULL : room, &n, 0));
		assert_int_equal(n, 0);
	}
	n = sizeof room;
	OK(p11_3->C_EncryptMessageNext(s, &ccm, sizeof ccm, text + 30, 30, room, &n, CKF_END_OF_MESSAGE));
	assert_int_equal(n, 60);
	mech.mechanism = CKM_AES_GCM;
}

/* CCM is told its length in the parameter, ChaCha20-Poly1305 makes no nonces. */
static void the_other_aeads(void **state)
{
	CK_CCM_MESSAGE_PARAMS ccm = { 30, nonce, 12, 0, CKG_GENERATE, tag, 16 };
	CK_SALSA20_CHACHA20_POLY1305_MSG_PARAMS poly = { nonce, 12, tag };
	CK_ULONG n = sizeof room;

	(void)state;
	mech.mechanism = CKM_AES_CCM;
	begin();
	OK(encrypt(&ccm, sizeof ccm, 30, &n));
	n = sizeof back;
	OK(decrypt(&ccm, sizeof ccm, 30, &n));
	assert_memory_equal(back, text, 30);
	n = sizeof room;
	GIVES(CKR_DATA_LEN_RANGE, encrypt(&ccm, sizeof ccm, 31, &n));
	OK(p11_3->C_EncryptMessageBegin(s, &ccm, sizeof ccm, ad, sizeof ad));
	n = sizeof room;
	OK(p11_3->C_EncryptMessageNext(s, &ccm, sizeof ccm, text, 10, room, &n, 0));
	assert_int_equal(n, 0);
	n = sizeof room;
	OK(p11_3->C_EncryptMessageNext(s, &ccm, sizeof ccm, text + 10, 20, room, &n,
				       CKF_END_OF_MESSAGE));
	assert_int_equal(n, 30);
	n = sizeof back;
	OK(decrypt(&ccm, sizeof ccm, 30, &n));
	OK(p11_3->C_SessionCancel(s, ~0UL));
	mech.mechanism = CKM_CHACHA20_POLY1305;
	OK(p11_3->C_MessageEncryptInit(s, &mech, chacha));
	OK(p11_3->C_MessageDecryptInit(s, &mech, chacha));
	n = sizeof room;
	OK(encrypt(&poly, sizeof poly, 100, &n));
	n = sizeof back;
	OK(decrypt(&poly, sizeof poly, 100, &n));
	assert_memory_equal(back, text, 100);
	mech.mechanism = CKM_AES_GCM;
}

/* What is wrong with a part ends its message and nothing else. */
static void wrong_arguments_end_a_message(void **state)
{
	CK_ULONG n = sizeof room;

	(void)state;
	begin();
	for (int encrypts = 0; encrypts < 2; encrypts++) {
		OK((encrypts ? p11_3->C_EncryptMessageBegin : p11_3->C_DecryptMessageBegin)(
			s, &gcm, sizeof gcm, NULL, 0));
		GIVES(CKR_ARGUMENTS_BAD, next(encrypts, NULL, 5, room, &n, false));
		GIVES(CKR_OPERATION_NOT_INITIALIZED, next(encrypts, text, 5, room, &n, false));
		OK((encrypts ? p11_3->C_EncryptMessageBegin : p11_3->C_DecryptMessageBegin)(
			s, &gcm, sizeof gcm, NULL, 0));
		GIVES(CKR_ARGUMENTS_BAD, next(encrypts, text, 5, room, NULL, false));
		GIVES(CKR_OPERATION_NOT_INITIALIZED, next(encrypts, text, 5, room, &n, false));
	}
	n = sizeof room;
	OK(encrypt(&gcm, sizeof gcm, 50, &n));
	OK(decrypt(&gcm, sizeof gcm, 50, &n));
}

/* ---- signed ---- */

static void signed_messages(void **state)
{
	CK_MECHANISM m = { .mechanism = CKM_ECDSA_SHA256 };
	struct module_pair ec = module_ec(s, false, false);
	uint8_t sig[64];
	CK_ULONG n = 0;

	(void)state;
	OK(p11_3->C_MessageSignInit(s, &m, ec.private));
	OK(p11_3->C_MessageVerifyInit(s, &m, ec.public));
	GIVES(CKR_MECHANISM_PARAM_INVALID, p11_3->C_SignMessage(s, text, 4, text, 50, sig, &n));
	for (CK_ULONG i = 0; i < 3; i++) {
		OK(p11_3->C_SignMessage(s, NULL, 0, text, 50 + i, NULL, &n));
		assert_int_equal(n, 64);
		OK(p11_3->C_SignMessage(s, NULL, 0, text, 50 + i, sig, &n));
		OK(p11_3->C_VerifyMessage(s, NULL, 0, text, 50 + i, sig, n));
		GIVES(CKR_SIGNATURE_INVALID, p11_3->C_VerifyMessage(s, NULL, 0, text, 49, sig, n));
		GIVES(CKR_SIGNATURE_LEN_RANGE,
		      p11_3->C_VerifyMessage(s, NULL, 0, text, 50 + i, sig, n - 1));
	}
	/* the part that asks for the signature is the last; a question takes none of it */
	GIVES(CKR_OPERATION_NOT_INITIALIZED,
	      p11_3->C_SignMessageNext(s, NULL, 0, text, 9, sig, &n));
	OK(p11_3->C_SignMessageBegin(s, NULL, 0));
	OK(p11_3->C_SignMessageNext(s, NULL, 0, text, 20, NULL, NULL));
	OK(p11_3->C_SignMessageNext(s, NULL, 0, text + 20, 30, NULL, &n));
	n = 63;
	GIVES(CKR_BUFFER_TOO_SMALL, p11_3->C_SignMessageNext(s, NULL, 0, text + 20, 30, sig, &n));
	OK(p11_3->C_SignMessageNext(s, NULL, 0, text + 20, 30, sig, &n));
	OK(p11_3->C_VerifyMessage(s, NULL, 0, text, 50, sig, n));
	OK(p11_3->C_VerifyMessageBegin(s, NULL, 0));
	OK(p11_3->C_VerifyMessageNext(s, NULL, 0, text, 10, NULL, 0));
	OK(p11_3->C_VerifyMessageNext(s, NULL, 0, text + 10, 40, sig, n));
	OK(p11_3->C_MessageSignFinal(s));
	OK(p11_3->C_MessageVerifyFinal(s));
	GIVES(CKR_OPERATION_NOT_INITIALIZED, p11_3->C_MessageSignFinal(s));
}

static void wrong_arguments_end_a_signed_message(void **state)
{
	CK_MECHANISM m = { .mechanism = CKM_SHA256_HMAC };
	uint8_t sig[32];
	CK_ULONG n = sizeof sig;

	(void)state;
	OK(p11_3->C_MessageSignInit(s, &m, mac));
	OK(p11_3->C_MessageVerifyInit(s, &m, mac));
	OK(p11_3->C_SignMessageBegin(s, NULL, 0));
	GIVES(CKR_ARGUMENTS_BAD, p11_3->C_SignMessageNext(s, NULL, 0, NULL, 5, NULL, NULL));
	GIVES(CKR_OPERATION_NOT_INITIALIZED,
	      p11_3->C_SignMessageNext(s, NULL, 0, text, 5, NULL, NULL));
	OK(p11_3->C_SignMessage(s, NULL, 0, text, 50, sig, &n));
	OK(p11_3->C_VerifyMessageBegin(s, NULL, 0));
	GIVES(CKR_MECHANISM_PARAM_INVALID,
	      p11_3->C_VerifyMessageNext(s, text, 4, text, 5, NULL, 0));
	GIVES(CKR_OPERATION_NOT_INITIALIZED,
	      p11_3->C_VerifyMessageNext(s, NULL, 0, text, 5, NULL, 0));
	OK(p11_3->C_VerifyMessage(s, NULL, 0, text, 50, sig, n));
}

static void messages_end_with_the_login(void **state)
{
	CK_MECHANISM m = { .mechanism = CKM_SHA256_HMAC };
	uint8_t sig[32];
	CK_ULONG n = sizeof sig;

	(void)state;
	OK(p11_3->C_MessageSignInit(s, &m, mac));
	OK(p11_3->C_SignMessage(s, NULL, 0, text, 50, sig, &n));
	OK(p11->C_Logout(s));
	GIVES(CKR_USER_NOT_LOGGED_IN, p11_3->C_SignMessage(s, NULL, 0, text, 50, sig, &n));
	GIVES(CKR_OPERATION_NOT_INITIALIZED, p11_3->C_SignMessage(s, NULL, 0, text, 50, sig, &n));
	OK(module_login(s, CKU_USER, USER_PIN));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(a_message_is_what_one_step_gives, fresh),
		cmocka_unit_test_setup(lengths, fresh),
		cmocka_unit_test_setup(a_bad_message_ends_itself, fresh),
		cmocka_unit_test_setup(parameters_that_can_not_be, fresh),
		cmocka_unit_test_setup(counted_nonces, fresh),
		cmocka_unit_test_setup(fixed_bits_that_end_within_a_byte, fresh),
		cmocka_unit_test_setup(random_nonces, fresh),
		cmocka_unit_test_setup(a_question_makes_no_nonce, fresh),
		cmocka_unit_test_setup(parts_give_what_one_step_gives, fresh),
		cmocka_unit_test_setup(a_question_takes_no_part, fresh),
		cmocka_unit_test_setup(the_other_aeads, fresh),
		cmocka_unit_test_setup(wrong_arguments_end_a_message, fresh),
		cmocka_unit_test_setup(signed_messages, fresh),
		cmocka_unit_test_setup(wrong_arguments_end_a_signed_message, fresh),
		cmocka_unit_test_setup(messages_end_with_the_login, fresh),
	};

	return cmocka_run_group_tests_name("token messages", tests, setup, module_teardown);
}
