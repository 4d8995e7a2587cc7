/* PKCS#11 3.2 5.2, 5.8 to 5.18: operations that are not begun, begun wrongly, begun twice, given
 * wrong arguments, cancelled: what ends them and what does not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "base/own.h"
#include "tests/lib/moving.h"

static CK_SLOT_ID slot;
static CK_SESSION_HANDLE s;
static CK_OBJECT_HANDLE aes, mac, note;
static struct module_pair rsa;
static CK_BYTE in[32] = "sixteen bytes, and sixteen more.", out[512], iv[16];
static CK_ULONG len;

static int setup(void **state)
{
	CK_ATTRIBUTE t[] = { A_ULONG(CKA_CLASS, CKO_DATA) };
	CK_MECHANISM gen = { CKM_RSA_PKCS_KEY_PAIR_GEN, NULL, 0 };
	CK_ATTRIBUTE public[] = { A_ULONG(CKA_MODULUS_BITS, 2048),
				  A_BOOL(CKA_VERIFY_RECOVER, CK_TRUE) };
	CK_ATTRIBUTE private[] = { A_BOOL(CKA_SIGN_RECOVER, CK_TRUE) };

	if (module_setup(state))
		return 1;
	s = module_user(&slot);
	aes = moving_aes(s, M_SENSITIVE | M_ENCRYPT | M_DECRYPT, 32);
	mac = moving_generic(s, M_SENSITIVE | M_SIGN | M_VERIFY, 32);
	OK(p11->C_GenerateKeyPair(s, &gen, public, 2, private, 1, &rsa.public, &rsa.private));
	return p11->C_CreateObject(s, t, 1, &note) != CKR_OK;
}

/* ---- beginnings ---- */

typedef CK_RV init_fn(CK_SESSION_HANDLE, CK_MECHANISM *, CK_OBJECT_HANDLE);

static CK_RV begin_digest(CK_SESSION_HANDLE session, CK_MECHANISM *m, CK_OBJECT_HANDLE key)
{
	(void)key;
	return p11->C_DigestInit(session, m);
}

static CK_RV begin_signature(CK_SESSION_HANDLE session, CK_MECHANISM *m, CK_OBJECT_HANDLE key)
{
	return p11_32->C_VerifySignatureInit(session, m, key, out, 32);
}

#define BEGIN(list, name)                                                                          \
	static CK_RV begin_##name(CK_SESSION_HANDLE session, CK_MECHANISM *m,                      \
				  CK_OBJECT_HANDLE key)                                            \
	{                                                                                          \
		return list->name(session, m, key);                                                \
	}
BEGIN(p11, C_EncryptInit)
BEGIN(p11, C_DecryptInit)
BEGIN(p11, C_SignInit)
BEGIN(p11, C_VerifyInit)
BEGIN(p11, C_SignRecoverInit)
BEGIN(p11, C_VerifyRecoverInit)
BEGIN(p11_3, C_MessageEncryptInit)
BEGIN(p11_3, C_MessageDecryptInit)
BEGIN(p11_3, C_MessageSignInit)
BEGIN(p11_3, C_MessageVerifyInit)

static const struct kind {
	const char *name;
	init_fn *begin;
	CK_MECHANISM m;
	CK_OBJECT_HANDLE *key, *wrong_type; /* NULL: there is no such key */
	CK_MECHANISM_TYPE other;	    /* for something else */
	CK_FLAGS cancel;
} kinds[] = {
	{ "encrypting",
	  begin_C_EncryptInit,
	  { CKM_AES_CBC, iv, 16 },
	  &aes,
	  &mac,
	  CKM_AES_KEY_GEN,
	  CKF_ENCRYPT },
	{ "decrypting",
	  begin_C_DecryptInit,
	  { CKM_AES_CBC, iv, 16 },
	  &aes,
	  &mac,
	  CKM_AES_CMAC,
	  CKF_DECRYPT },
	{ "hashing",
	  begin_digest,
	  { CKM_SHA256, NULL, 0 },
	  NULL,
	  NULL,
	  CKM_SHA256_HMAC,
	  CKF_DIGEST },
	{ "signing",
	  begin_C_SignInit,
	  { CKM_SHA256_HMAC, NULL, 0 },
	  &mac,
	  &aes,
	  CKM_SHA256,
	  CKF_SIGN },
	{ "verifying",
	  begin_C_VerifyInit,
	  { CKM_SHA256_HMAC, NULL, 0 },
	  &mac,
	  &aes,
	  CKM_AES_CBC,
	  CKF_VERIFY },
	{ "signature first",
	  begin_signature,
	  { CKM_SHA256_HMAC, NULL, 0 },
	  &mac,
	  &aes,
	  CKM_AES_CBC,
	  CKF_VERIFY },
	{ "recovering",
	  begin_C_VerifyRecoverInit,
	  { CKM_RSA_PKCS, NULL, 0 },
	  &rsa.public,
	  &rsa.private,
	  CKM_SHA256_RSA_PKCS,
	  CKF_VERIFY_RECOVER },
	{ "signing with recovery",
	  begin_C_SignRecoverInit,
	  { CKM_RSA_PKCS, NULL, 0 },
	  &rsa.private,
	  &rsa.public,
	  CKM_SHA256_RSA_PKCS,
	  CKF_SIGN_RECOVER },
	{ "encrypting messages",
	  begin_C_MessageEncryptInit,
	  { CKM_AES_GCM, NULL, 0 },
	  &aes,
	  &mac,
	  CKM_AES_CBC,
	  CKF_MESSAGE_ENCRYPT },
	{ "decrypting messages",
	  begin_C_MessageDecryptInit,
	  { CKM_AES_GCM, NULL, 0 },
	  &aes,
	  &mac,
	  CKM_AES_CBC,
	  CKF_MESSAGE_DECRYPT },
	{ "signing messages",
	  begin_C_MessageSignInit,
	  { CKM_SHA256_HMAC, NULL, 0 },
	  &mac,
	  &aes,
	  CKM_AES_CBC,
	  CKF_MESSAGE_SIGN },
	{ "verifying messages",
	  begin_C_MessageVerifyInit,
	  { CKM_SHA256_HMAC, NULL, 0 },
	  &mac,
	  &aes,
	  CKM_AES_CBC,
	  CKF_MESSAGE_VERIFY },
};

static CK_RV begin(const struct kind *k, CK_MECHANISM m, CK_OBJECT_HANDLE key)
{
	return k->begin(s, &m, key);
}

static CK_OBJECT_HANDLE key_of(const struct kind *k)
{
	return k->key ? *k->key : 0;
}

static void gives(const struct kind *k, const char *what, CK_RV want, CK_RV got)
{
	if (want != got)
		fail_msg("%s, %s: 0x%lx, not 0x%lx", k->name, what, got, want);
}

static void wrongly(const struct kind *k)
{
	CK_MECHANISM other = { k->other, NULL, 0 }, none = { ~0UL, NULL, 0 };
	CK_MECHANISM no_value = { k->m.mechanism, NULL, 16 };
	CK_MECHANISM huge = { k->m.mechanism, iv, ~0UL }, odd = { k->m.mechanism, iv, 3 };

	gives(k, "another's mechanism", CKR_MECHANISM_INVALID, begin(k, other, key_of(k)));
	gives(k, "no mechanism's number", CKR_MECHANISM_INVALID, begin(k, none, key_of(k)));
	gives(k, "NULL with a length", CKR_MECHANISM_PARAM_INVALID, begin(k, no_value, key_of(k)));
	gives(k, "a huge parameter", CKR_MECHANISM_PARAM_INVALID, begin(k, huge, key_of(k)));
	gives(k, "an odd parameter", CKR_MECHANISM_PARAM_INVALID, begin(k, odd, key_of(k)));
	if (!k->key)
		return;
	gives(k, "no key", CKR_KEY_HANDLE_INVALID, begin(k, k->m, 0));
	gives(k, "a wrong key", CKR_KEY_HANDLE_INVALID, begin(k, k->m, ~0UL));
	gives(k, "no key's object", CKR_KEY_HANDLE_INVALID, begin(k, k->m, note));
	gives(k, "another type", CKR_KEY_TYPE_INCONSISTENT, begin(k, k->m, *k->wrong_type));
}

/* Nothing begins by an Init that fails; one that is begun is not harmed by a second. */
static void every_beginning_that_is_wrong(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
		const struct kind *k = &kinds[i];

		wrongly(k);
		gives(k, "begun", CKR_OK, begin(k, k->m, key_of(k)));
		gives(k, "again", CKR_OPERATION_ACTIVE, begin(k, k->m, key_of(k)));
		OK(p11_3->C_SessionCancel(s, k->cancel));
	}
}

/* 5.8.1 ...: without a mechanism, or by C_SessionCancel: only the one that is named. */
static void every_beginning_is_taken_back(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
		const struct kind *k = &kinds[i];

		gives(k, "nothing to end", CKR_ARGUMENTS_BAD, k->begin(s, NULL, 0));
		for (int way = 0; way < 3; way++) {
			gives(k, "begun", CKR_OK, begin(k, k->m, key_of(k)));
			OK(p11_3->C_SessionCancel(s, CKF_FIND_OBJECTS));
			gives(k, "again", CKR_OPERATION_ACTIVE, begin(k, k->m, key_of(k)));
			if (way == 0)
				gives(k, "NULL", CKR_OK, k->begin(s, NULL, 0));
			else
				OK(p11_3->C_SessionCancel(s, way == 1 ? k->cancel : ~0UL));
		}
		gives(k, "begun", CKR_OK, begin(k, k->m, key_of(k)));
		OK(p11_3->C_SessionCancel(s, k->cancel));
	}
}

/* All of them side by side in one session. */
static void all_at_once_in_one_session(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
		gives(&kinds[i], "beside others", CKR_OK,
		      begin(&kinds[i], kinds[i].m, key_of(&kinds[i])));
	OK(p11_3->C_SessionCancel(s, ~0UL));
	for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
		gives(&kinds[i], "ended", CKR_OK, begin(&kinds[i], kinds[i].m, key_of(&kinds[i])));
		OK(p11_3->C_SessionCancel(s, kinds[i].cancel));
	}
}

/* ---- steps ---- */

#define STEP(name, ...)                                                                            \
	static CK_RV step_##name(CK_BYTE *p, CK_ULONG n, CK_ULONG *l)                              \
	{                                                                                          \
		(void)p;                                                                           \
		(void)n;                                                                           \
		(void)l;                                                                           \
		return __VA_ARGS__;                                                                \
	}
STEP(encrypt, p11->C_Encrypt(s, p, n, out, l))
STEP(encrypt_update, p11->C_EncryptUpdate(s, p, n, out, l))
STEP(encrypt_final, p11->C_EncryptFinal(s, out, l))
STEP(decrypt, p11->C_Decrypt(s, p, n, out, l))
STEP(decrypt_update, p11->C_DecryptUpdate(s, p, n, out, l))
STEP(decrypt_final, p11->C_DecryptFinal(s, out, l))
STEP(digest, p11->C_Digest(s, p, n, out, l))
STEP(digest_update, p11->C_DigestUpdate(s, p, n))
STEP(digest_key, p11->C_DigestKey(s, n == 32 ? mac : 0))
STEP(digest_final, p11->C_DigestFinal(s, out, l))
STEP(sign, p11->C_Sign(s, p, n, out, l))
STEP(sign_update, p11->C_SignUpdate(s, p, n))
STEP(sign_final, p11->C_SignFinal(s, out, l))
STEP(verify, p11->C_Verify(s, p, n, out, 32))
STEP(verify_update, p11->C_VerifyUpdate(s, p, n))
STEP(verify_final, p11->C_VerifyFinal(s, p, n))
STEP(verify_signature, p11_32->C_VerifySignature(s, p, n))
STEP(verify_signature_update, p11_32->C_VerifySignatureUpdate(s, p, n))
STEP(verify_signature_final, p11_32->C_VerifySignatureFinal(s))
STEP(sign_recover, p11->C_SignRecover(s, p, n, out, l))
STEP(verify_recover, p11->C_VerifyRecover(s, p, n, out, l))
STEP(digest_encrypt, p11->C_DigestEncryptUpdate(s, p, n, out, l))
STEP(sign_encrypt, p11->C_SignEncryptUpdate(s, p, n, out, l))
STEP(decrypt_digest, p11->C_DecryptDigestUpdate(s, p, n, out, l))
STEP(decrypt_verify, p11->C_DecryptVerifyUpdate(s, p, n, out, l))

enum { K_ENCRYPT, K_DECRYPT, K_DIGEST, K_SIGN, K_VERIFY, K_FIRST, K_RECOVER, K_SIGN_RECOVER };
enum { HAS_IN = 1, HAS_LEN = 2, ANY_ERROR = 4 };

#define ROW(name, kind, has)                                                                       \
	{                                                                                          \
#name, step_##name, kind, -1, has                                                  \
	}
#define DUAL(name, kind, second)                                                                   \
	{                                                                                          \
#name, step_##name, kind, second, HAS_IN | HAS_LEN                                 \
	}

static const struct step {
	const char *name;
	CK_RV (*fn)(CK_BYTE *p, CK_ULONG n, CK_ULONG *l);
	int kind, second;
	unsigned has;
} steps[] = {
	ROW(encrypt, K_ENCRYPT, HAS_IN | HAS_LEN),
	ROW(encrypt_update, K_ENCRYPT, HAS_IN | HAS_LEN),
	ROW(encrypt_final, K_ENCRYPT, HAS_LEN),
	ROW(decrypt, K_DECRYPT, HAS_IN | HAS_LEN),
	ROW(decrypt_update, K_DECRYPT, HAS_IN | HAS_LEN),
	ROW(decrypt_final, K_DECRYPT, HAS_LEN),
	ROW(digest, K_DIGEST, HAS_IN | HAS_LEN),
	ROW(digest_update, K_DIGEST, HAS_IN),
	ROW(digest_key, K_DIGEST, ANY_ERROR),
	ROW(digest_final, K_DIGEST, HAS_LEN),
	ROW(sign, K_SIGN, HAS_IN | HAS_LEN),
	ROW(sign_update, K_SIGN, HAS_IN),
	ROW(sign_final, K_SIGN, HAS_LEN),
	ROW(verify, K_VERIFY, HAS_IN),
	ROW(verify_update, K_VERIFY, HAS_IN),
	ROW(verify_final, K_VERIFY, HAS_IN),
	ROW(verify_signature, K_FIRST, HAS_IN),
	ROW(verify_signature_update, K_FIRST, HAS_IN),
	ROW(verify_signature_final, K_FIRST, 0),
	ROW(sign_recover, K_SIGN_RECOVER, HAS_IN | HAS_LEN),
	ROW(verify_recover, K_RECOVER, HAS_IN | HAS_LEN),
	DUAL(digest_encrypt, K_DIGEST, K_ENCRYPT),
	DUAL(sign_encrypt, K_SIGN, K_ENCRYPT),
	DUAL(decrypt_digest, K_DIGEST, K_DECRYPT),
	DUAL(decrypt_verify, K_VERIFY, K_DECRYPT),
};

static void step_gives(const struct step *t, const char *what, CK_RV want, CK_RV got)
{
	if (want != got)
		fail_msg("%s, %s: 0x%lx, not 0x%lx", t->name, what, got, want);
}

static void begin_for(const struct step *t)
{
	const struct kind *k = &kinds[t->kind];

	step_gives(t, "begun", CKR_OK, begin(k, k->m, key_of(k)));
	if (t->second >= 0) {
		k = &kinds[t->second];
		step_gives(t, "begun", CKR_OK, begin(k, k->m, key_of(k)));
	}
}

static CK_RV good_step(const struct step *t)
{
	len = sizeof out;
	return t->fn(in, sizeof in, &len);
}

/* Both of a pair are over. */
static void ended(const struct step *t, const char *what)
{
	step_gives(t, what, CKR_OPERATION_NOT_INITIALIZED, good_step(t));
	if (t->second < 0)
		return;
	begin_for(t); /* CKR_OPERATION_ACTIVE if one of them went on */
	OK(p11_3->C_SessionCancel(s, ~0UL));
}

static void every_step_without_a_beginning(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(steps); i++)
		step_gives(&steps[i], "not begun", CKR_OPERATION_NOT_INITIALIZED,
			   good_step(&steps[i]));
}

/* Half of a pair is not enough, and is not lost. */
static void a_pair_needs_both(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(steps); i++) {
		const struct step *t = &steps[i];

		if (t->second < 0)
			continue;
		for (int half = 0; half < 2; half++) {
			const struct kind *k = &kinds[half ? t->second : t->kind];

			gives(k, "begun", CKR_OK, begin(k, k->m, key_of(k)));
			step_gives(t, "half", CKR_OPERATION_NOT_INITIALIZED, good_step(t));
			OK(p11_3->C_SessionCancel(s, ~0UL));
		}
	}
}

static void every_wrong_argument_ends_it(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(steps); i++) {
		const struct step *t = &steps[i];

		if (t->has & HAS_IN) {
			begin_for(t);
			step_gives(t, "NULL input", CKR_ARGUMENTS_BAD, t->fn(NULL, 5, &len));
			ended(t, "after NULL input");
			begin_for(t);
			step_gives(t, "NULL, huge", CKR_ARGUMENTS_BAD, t->fn(NULL, ~0UL, &len));
			ended(t, "after NULL, huge");
		}
		if (t->has & HAS_LEN) {
			begin_for(t);
			step_gives(t, "no length", CKR_ARGUMENTS_BAD, t->fn(in, 16, NULL));
			ended(t, "after no length");
		}
		if (t->has & ANY_ERROR) {
			begin_for(t);
			step_gives(t, "no key", CKR_KEY_HANDLE_INVALID, t->fn(in, 0, &len));
			ended(t, "after no key");
			begin_for(t);
			step_gives(t, "a sensitive key", CKR_KEY_INDIGESTIBLE, good_step(t));
			ended(t, "after a sensitive key");
		}
	}
}

/* Too small a buffer or a question for the length does not. */
static void too_small_a_buffer_ends_nothing(void **state)
{
	static const struct {
		const char *name;
		CK_ULONG need;
	} whole[] = { { "encrypt", 32 }, { "decrypt", 32 },	  { "digest", 32 },
		      { "sign", 32 },	 { "sign_recover", 256 }, { "encrypt_update", 32 } };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(steps); i++) {
		const struct step *t = &steps[i];

		for (size_t k = 0; k < ARRAY_LEN(whole); k++) {
			if (strcmp(whole[k].name, t->name) != 0)
				continue;
			begin_for(t);
			for (len = 0; len < whole[k].need; len += 31) {
				CK_ULONG room = len;

				step_gives(t, "too small", CKR_BUFFER_TOO_SMALL,
					   t->fn(in, sizeof in, &room));
				assert_int_equal(room, whole[k].need);
			}
			len = whole[k].need;
			step_gives(t, "enough", CKR_OK, t->fn(in, sizeof in, &len));
			OK(p11_3->C_SessionCancel(s, ~0UL));
		}
	}
}

/* A signature that is wrong, a text of no whole blocks, padding that is none: over. */
static void every_bad_input_ends_it(void **state)
{
	CK_MECHANISM ecb = { CKM_AES_ECB, NULL, 0 }, pad = { CKM_AES_CBC_PAD, iv, 16 };
	CK_MECHANISM hmac = { CKM_SHA256_HMAC, NULL, 0 };

	(void)state;
	memset(out, 0, sizeof out);
	OK(p11->C_EncryptInit(s, &ecb, aes));
	len = sizeof out;
	GIVES(CKR_DATA_LEN_RANGE, p11->C_Encrypt(s, in, 15, out, &len));
	GIVES(CKR_OPERATION_NOT_INITIALIZED, p11->C_Encrypt(s, in, 16, out, &len));
	OK(p11->C_EncryptInit(s, &ecb, aes));
	OK(p11->C_EncryptUpdate(s, in, 15, out, &len));
	len = sizeof out;
	GIVES(CKR_DATA_LEN_RANGE, p11->C_EncryptFinal(s, out, &len));
	GIVES(CKR_OPERATION_NOT_INITIALIZED, p11->C_EncryptFinal(s, out, &len));
	OK(p11->C_DecryptInit(s, &pad, aes));
	len = sizeof out;
	GIVES(CKR_ENCRYPTED_DATA_LEN_RANGE, p11->C_Decrypt(s, in, 17, out, &len));
	GIVES(CKR_OPERATION_NOT_INITIALIZED, p11->C_Decrypt(s, in, 16, out, &len));
	OK(p11->C_VerifyInit(s, &hmac, mac));
	GIVES(CKR_SIGNATURE_INVALID, p11->C_Verify(s, in, 16, out, 32));
	GIVES(CKR_OPERATION_NOT_INITIALIZED, p11->C_Verify(s, in, 16, out, 32));
	OK(p11->C_VerifyInit(s, &hmac, mac));
	OK(p11->C_VerifyUpdate(s, in, 16));
	GIVES(CKR_SIGNATURE_LEN_RANGE, p11->C_VerifyFinal(s, out, 31));
	GIVES(CKR_OPERATION_NOT_INITIALIZED, p11->C_VerifyFinal(s, out, 32));
	GIVES(CKR_SIGNATURE_LEN_RANGE, p11_32->C_VerifySignatureInit(s, &hmac, mac, out, 31));
	GIVES(CKR_ARGUMENTS_BAD, p11_32->C_VerifySignatureInit(s, &hmac, mac, NULL, 32));
	GIVES(CKR_OPERATION_NOT_INITIALIZED, p11_32->C_VerifySignature(s, in, 16));
}

/* ---- parameters ---- */

static void no_pointer_without_its_bytes(void **state)
{
	CK_GCM_PARAMS gcm = { .pIv = NULL, .ulIvLen = 12, .ulIvBits = 96, .ulTagBits = 128 };
	CK_CCM_PARAMS ccm = { .ulDataLen = 16, .ulNonceLen = 12, .ulMACLen = 16 };
	CK_RSA_PKCS_OAEP_PARAMS oaep = { CKM_SHA256, CKG_MGF1_SHA256, CKZ_DATA_SPECIFIED, NULL, 5 };
	CK_MECHANISM bad[] = { { CKM_AES_GCM, &gcm, sizeof gcm },
			       { CKM_AES_GCM, &gcm, sizeof gcm },
			       { CKM_AES_GCM, &gcm, sizeof gcm },
			       { CKM_AES_GCM, &gcm, sizeof gcm },
			       { CKM_AES_CCM, &ccm, sizeof ccm },
			       { CKM_AES_CBC, NULL, 0 },
			       { CKM_AES_CBC, iv, 15 },
			       { CKM_AES_CBC, iv, 17 },
			       { CKM_AES_ECB, iv, 16 } };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		gcm.pIv = i == 0 ? NULL : iv;
		gcm.pAAD = NULL;
		gcm.ulAADLen = i == 1 ? 4 : 0;
		gcm.ulIvLen = i == 2 ? ~0UL : 12;
		gcm.ulTagBits = i == 3 ? 1000 : 128;
		GIVES(CKR_MECHANISM_PARAM_INVALID, p11->C_EncryptInit(s, &bad[i], aes));
		GIVES(CKR_MECHANISM_PARAM_INVALID, p11->C_DecryptInit(s, &bad[i], aes));
	}
	GIVES(CKR_MECHANISM_PARAM_INVALID,
	      p11->C_EncryptInit(s, &(CK_MECHANISM) { CKM_RSA_PKCS_OAEP, &oaep, sizeof oaep },
				 rsa.public));
}

static void allowed_mechanisms_hold_for_every_use(void **state)
{
	CK_MECHANISM_TYPE one = CKM_AES_CTR;
	CK_MECHANISM gen = { CKM_AES_KEY_GEN, NULL, 0 };
	CK_ATTRIBUTE t[MOVING_MAX + 2] = { A_ULONG(CKA_VALUE_LEN, 32),
					   A_BYTES(CKA_ALLOWED_MECHANISMS, &one, sizeof one) };
	CK_MECHANISM cbc = { CKM_AES_CBC, iv, 16 }, cmac = { CKM_AES_CMAC, NULL, 0 };
	CK_MECHANISM gcm = { CKM_AES_GCM, NULL, 0 };
	CK_AES_CTR_PARAMS ctr = { .ulCounterBits = 128 };
	CK_MECHANISM good = { CKM_AES_CTR, &ctr, sizeof ctr };
	CK_OBJECT_HANDLE key = 0, open = moving_generic(s, M_OPEN, 32), back;
	struct blob b = { .n = 40 };

	(void)state;
	OK(p11->C_GenerateKey(s, &gen, t, 2 + moving_template(M_ALL_USES | M_OPEN, t + 2), &key));
	GIVES(CKR_MECHANISM_INVALID, p11->C_EncryptInit(s, &cbc, key));
	GIVES(CKR_MECHANISM_INVALID, p11->C_DecryptInit(s, &cbc, key));
	GIVES(CKR_MECHANISM_INVALID, p11->C_SignInit(s, &cmac, key));
	GIVES(CKR_MECHANISM_INVALID, p11->C_VerifyInit(s, &cmac, key));
	GIVES(CKR_MECHANISM_INVALID, p11_32->C_VerifySignatureInit(s, &cmac, key, out, 16));
	GIVES(CKR_MECHANISM_INVALID, p11_3->C_MessageEncryptInit(s, &gcm, key));
	GIVES(CKR_MECHANISM_INVALID, p11_3->C_MessageDecryptInit(s, &gcm, key));
	GIVES(CKR_MECHANISM_INVALID, p11_3->C_MessageSignInit(s, &cmac, key));
	GIVES(CKR_MECHANISM_INVALID, moving_wrap(s, &moving_kwp, key, open, &b));
	b.n = 40;
	GIVES(CKR_MECHANISM_INVALID,
	      moving_unwrap(s, &moving_kwp, key, &b, M_OPEN, CKK_GENERIC_SECRET, &back));
	OK(p11->C_EncryptInit(s, &good, key));
	OK(p11->C_EncryptInit(s, NULL, 0));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_beginning_that_is_wrong),
		cmocka_unit_test(every_beginning_is_taken_back),
		cmocka_unit_test(all_at_once_in_one_session),
		cmocka_unit_test(every_step_without_a_beginning),
		cmocka_unit_test(a_pair_needs_both),
		cmocka_unit_test(every_wrong_argument_ends_it),
		cmocka_unit_test(too_small_a_buffer_ends_nothing),
		cmocka_unit_test(every_bad_input_ends_it),
		cmocka_unit_test(no_pointer_without_its_bytes),
		cmocka_unit_test(allowed_mechanisms_hold_for_every_use),
	};

	return cmocka_run_group_tests_name("conformance: operations", tests, setup,
					   module_teardown);
}
