/* What operations have in common: two at once, digests put aside, logins of their own, the ends
 * that logout and cancel bring, interfaces of every version. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <dlfcn.h>
#include <string.h>

#include "base/own.h"
#include "tests/lib/module.h"

static CK_SLOT_ID slot;
static CK_SESSION_HANDLE s; /* of the user, read-write */
static CK_OBJECT_HANDLE aes;
static struct module_pair ec, rsa;
static uint8_t iv[16] = "sixteen bytes :)", text[100], room[256], back[256];
static CK_MECHANISM cbc = { CKM_AES_CBC, iv, 16 }, sha256 = { .mechanism = CKM_SHA256 },
		    ecdsa = { .mechanism = CKM_ECDSA_SHA256 };

static CK_OBJECT_HANDLE secret(CK_BBOOL open)
{
	CK_ATTRIBUTE t[] = {
		A_ULONG(CKA_CLASS, CKO_SECRET_KEY), A_ULONG(CKA_KEY_TYPE, CKK_AES),
		A_BYTES(CKA_VALUE, text, 32),	    A_BOOL(CKA_ENCRYPT, CK_TRUE),
		A_BOOL(CKA_DECRYPT, CK_TRUE),	    A_BOOL(CKA_PRIVATE, CK_TRUE),
		A_BOOL(CKA_SENSITIVE, !open),	    A_BOOL(CKA_EXTRACTABLE, open),
	};
	CK_OBJECT_HANDLE key;

	OK(p11->C_CreateObject(s, t, ARRAY_LEN(t), &key));
	return key;
}

static int setup(void **state)
{
	CK_ATTRIBUTE public[] = {
		A_ULONG(CKA_MODULUS_BITS, 2048),
		A_BOOL(CKA_VERIFY_RECOVER, CK_TRUE),
	};
	CK_ATTRIBUTE private[] = { A_BOOL(CKA_SIGN_RECOVER, CK_TRUE) };
	CK_MECHANISM m = { .mechanism = CKM_RSA_PKCS_KEY_PAIR_GEN };

	if (module_setup(state))
		return 1;
	s = module_user(&slot);
	for (size_t i = 0; i < sizeof text; i++)
		text[i] = (uint8_t)(i * 7);
	aes = secret(CK_FALSE);
	ec = module_ec(s, false, false);
	OK(p11->C_GenerateKeyPair(s, &m, public, 2, private, 1, &rsa.public, &rsa.private));
	return 0;
}

static int fresh(void **state)
{
	(void)state;
	OK(p11_3->C_SessionCancel(s, ~0UL));
	return 0;
}

static void hash_of(const uint8_t *in, CK_ULONG n, uint8_t out[32])
{
	CK_ULONG len = 32;

	OK(p11->C_DigestInit(s, &sha256));
	OK(p11->C_Digest(s, module_data(in), n, out, &len));
}

/* ---- two at once ---- */

static void digest_and_encrypt(void **state)
{
	uint8_t want[32], got[32];
	CK_ULONG n = 0, at;

	(void)state;
	hash_of(text, 64, want);
	OK(p11->C_DigestInit(s, &sha256));
	GIVES(CKR_OPERATION_NOT_INITIALIZED, p11->C_DigestEncryptUpdate(s, text, 20, room, &n));
	OK(p11->C_EncryptInit(s, &cbc, aes));
	OK(p11->C_DigestEncryptUpdate(s, text, 20, NULL, &n));
	assert_int_equal(n, 16);
	n = 15;
	GIVES(CKR_BUFFER_TOO_SMALL, p11->C_DigestEncryptUpdate(s, text, 20, room, &n));
	OK(p11->C_DigestEncryptUpdate(s, text, 20, room, &n));
	at = n;
	n = sizeof room - at;
	OK(p11->C_DigestEncryptUpdate(s, text + 20, 44, room + at, &n));
	assert_int_equal(at + n, 64);
	n = 32;
	OK(p11->C_DigestFinal(s, got, &n));
	assert_memory_equal(got, want, 32);
	n = sizeof back;
	OK(p11->C_EncryptFinal(s, back, &n));
	/* and back */
	OK(p11->C_DigestInit(s, &sha256));
	OK(p11->C_DecryptInit(s, &cbc, aes));
	n = sizeof back;
	OK(p11->C_DecryptDigestUpdate(s, room, 64, back, &n));
	assert_int_equal(n, 64);
	assert_memory_equal(back, text, 64);
	n = 32;
	OK(p11->C_DigestFinal(s, got, &n));
	assert_memory_equal(got, want, 32);
}

static void sign_and_encrypt(void **state)
{
	uint8_t sig[64];
	CK_ULONG n = sizeof room;

	(void)state;
	OK(p11->C_SignInit(s, &ecdsa, ec.private));
	OK(p11->C_EncryptInit(s, &cbc, aes));
	OK(p11->C_SignEncryptUpdate(s, text, 48, room, &n));
	assert_int_equal(n, 48);
	n = sizeof sig;
	OK(p11->C_SignFinal(s, sig, &n));
	OK(p11->C_VerifyInit(s, &ecdsa, ec.public));
	OK(p11->C_DecryptInit(s, &cbc, aes));
	n = sizeof back;
	OK(p11->C_DecryptVerifyUpdate(s, room, 48, back, &n));
	assert_memory_equal(back, text, 48);
	OK(p11->C_VerifyFinal(s, sig, 64));
	/* what goes wrong ends both */
	OK(p11_3->C_SessionCancel(s, ~0UL));
	OK(p11->C_SignInit(s, &(CK_MECHANISM) { .mechanism = CKM_ECDSA }, ec.private));
	OK(p11->C_EncryptInit(s, &cbc, aes));
	GIVES(CKR_FUNCTION_NOT_SUPPORTED, p11->C_SignEncryptUpdate(s, text, 48, room, &n));
	GIVES(CKR_OPERATION_NOT_INITIALIZED, p11->C_EncryptFinal(s, room, &n));
	GIVES(CKR_OPERATION_NOT_INITIALIZED, p11->C_SignFinal(s, sig, &n));
}

/* ---- digests ---- */

static void a_digest_put_aside(void **state)
{
	CK_SESSION_HANDLE other = module_open(slot, true);
	uint8_t kept[64], want[32], got[32];
	CK_ULONG kept_n = 0, n;

	(void)state;
	hash_of(text, 60, want);
	GIVES(CKR_OPERATION_NOT_INITIALIZED, p11->C_GetOperationState(s, NULL, &kept_n));
	OK(p11->C_DigestInit(s, &sha256));
	OK(p11->C_DigestUpdate(s, text, 50));
	OK(p11->C_GetOperationState(s, NULL, &kept_n));
	MUST(kept_n <= sizeof kept);
	kept_n--;
	GIVES(CKR_BUFFER_TOO_SMALL, p11->C_GetOperationState(s, kept, &kept_n));
	OK(p11->C_GetOperationState(s, kept, &kept_n));
	OK(p11->C_DigestUpdate(s, text + 50, 9)); /* it goes on as if nothing had been */
	OK(p11->C_DigestUpdate(s, text + 59, 1));
	n = 32;
	OK(p11->C_DigestFinal(s, got, &n));
	assert_memory_equal(got, want, 32);
	for (int i = 0; i < 2; i++) { /* in any session, as often as wanted */
		OK(p11->C_SetOperationState(other, kept, kept_n, 0, 0));
		OK(p11->C_DigestUpdate(other, text + 50, 10));
		n = 32;
		OK(p11->C_DigestFinal(other, got, &n));
		assert_memory_equal(got, want, 32);
	}
	OK(p11->C_SetOperationState(other, kept, kept_n, 0, 0));
	GIVES(CKR_KEY_NOT_NEEDED, p11->C_SetOperationState(other, kept, kept_n, aes, 0));
	GIVES(CKR_KEY_NOT_NEEDED, p11->C_SetOperationState(other, kept, kept_n, 0, aes));
	kept[kept_n - 1] ^= 1;
	GIVES(CKR_SAVED_STATE_INVALID, p11->C_SetOperationState(other, kept, kept_n, 0, 0));
	GIVES(CKR_SAVED_STATE_INVALID, p11->C_SetOperationState(other, kept, kept_n - 1, 0, 0));
	GIVES(CKR_SAVED_STATE_INVALID, p11->C_SetOperationState(other, kept, 0, 0, 0));
	GIVES(CKR_ARGUMENTS_BAD, p11->C_SetOperationState(other, NULL, kept_n, 0, 0));
	OK(p11->C_CloseSession(other));
}

static void what_has_a_key_is_not_put_aside(void **state)
{
	CK_ULONG n = sizeof room;

	(void)state;
	OK(p11->C_SignInit(s, &ecdsa, ec.private));
	GIVES(CKR_STATE_UNSAVEABLE, p11->C_GetOperationState(s, room, &n));
	OK(p11->C_DigestInit(s, &sha256));
	GIVES(CKR_STATE_UNSAVEABLE, p11->C_GetOperationState(s, room, &n));
	OK(p11_3->C_SessionCancel(s, CKF_SIGN));
	OK(p11->C_GetOperationState(s, room, &n));
}

/* The oldest gives way. */
static void many_put_aside(void **state)
{
	static uint8_t kept[300][64];
	CK_ULONG n = 0;

	(void)state;
	OK(p11->C_DigestInit(s, &sha256));
	for (size_t i = 0; i < ARRAY_LEN(kept); i++) {
		n = sizeof kept[i];
		OK(p11->C_GetOperationState(s, kept[i], &n));
	}
	GIVES(CKR_SAVED_STATE_INVALID, p11->C_SetOperationState(s, kept[0], n, 0, 0));
	OK(p11->C_SetOperationState(s, kept[299], n, 0, 0));
	OK(p11->C_SetOperationState(s, kept[299 - 255], n, 0, 0));
	GIVES(CKR_SAVED_STATE_INVALID, p11->C_SetOperationState(s, kept[299 - 256], n, 0, 0));
}

static void a_key_in_a_digest(void **state)
{
	CK_OBJECT_HANDLE open = secret(CK_TRUE);
	uint8_t want[32], got[32];
	CK_ULONG n = 32;

	(void)state;
	hash_of(text, 40, want);
	GIVES(CKR_OPERATION_NOT_INITIALIZED, p11->C_DigestKey(s, open));
	OK(p11->C_DigestInit(s, &sha256));
	OK(p11->C_DigestKey(s, open));
	OK(p11->C_DigestUpdate(s, text + 32, 8));
	OK(p11->C_DigestFinal(s, got, &n));
	assert_memory_equal(got, want, 32);
	OK(p11->C_DigestInit(s, &sha256));
	GIVES(CKR_KEY_INDIGESTIBLE, p11->C_DigestKey(s, aes));
	GIVES(CKR_OPERATION_NOT_INITIALIZED, p11->C_DigestFinal(s, got, &n));
	OK(p11->C_DigestInit(s, &sha256));
	GIVES(CKR_KEY_INDIGESTIBLE, p11->C_DigestKey(s, ec.private));
	OK(p11->C_DigestInit(s, &sha256));
	GIVES(CKR_KEY_HANDLE_INVALID, p11->C_DigestKey(s, ~0UL));
	OK(p11->C_DestroyObject(s, open));
}

/* ---- recovery ---- */

static void signatures_with_their_data(void **state)
{
	CK_MECHANISM m = { .mechanism = CKM_RSA_PKCS };
	CK_ULONG n = 0, len;

	(void)state;
	OK(p11->C_SignRecoverInit(s, &m, rsa.private));
	OK(p11->C_SignRecover(s, text, 50, NULL, &n));
	assert_int_equal(n, 256);
	OK(p11->C_SignRecover(s, text, 50, room, &n));
	OK(p11->C_VerifyRecoverInit(s, &m, rsa.public));
	len = 49;
	GIVES(CKR_BUFFER_TOO_SMALL, p11->C_VerifyRecover(s, room, n, back, &len));
	assert_int_equal(len, 50);
	OK(p11->C_VerifyRecover(s, room, n, back, &len));
	assert_memory_equal(back, text, 50);
	room[9] ^= 1;
	OK(p11->C_VerifyRecoverInit(s, &m, rsa.public));
	len = sizeof back;
	CK_RV rv = p11->C_VerifyRecover(s, room, n, back, &len);

	MUST(rv == CKR_SIGNATURE_INVALID);
	GIVES(CKR_MECHANISM_INVALID, p11->C_SignRecoverInit(s, &ecdsa, ec.private));
	GIVES(CKR_KEY_FUNCTION_NOT_PERMITTED, p11->C_SignInit(s, &m, rsa.private));
}

/* Also where the size of what is in it is known before. */
static void a_bad_signature_is_told_before_the_room(void **state)
{
	CK_MECHANISM_TYPE raw = CKM_RSA_X_509;
	CK_ATTRIBUTE public[] = { A_ULONG(CKA_MODULUS_BITS, 2048),
				  A_BOOL(CKA_VERIFY_RECOVER, CK_TRUE),
				  A_BYTES(CKA_ALLOWED_MECHANISMS, &raw, sizeof raw) };
	CK_MECHANISM gen = { .mechanism = CKM_RSA_PKCS_KEY_PAIR_GEN }, m = { .mechanism = raw };
	CK_ULONG len = 10;
	struct module_pair pair;

	(void)state;
	OK(p11->C_GenerateKeyPair(s, &gen, public, 3, NULL, 0, &pair.public, &pair.private));
	memset(room, 0, 256);
	OK(p11->C_VerifyRecoverInit(s, &m, pair.public));
	GIVES(CKR_SIGNATURE_LEN_RANGE, p11->C_VerifyRecover(s, room, 255, back, &len));
	OK(p11->C_VerifyRecoverInit(s, &m, pair.public));
	OK(p11->C_VerifyRecover(s, room, 256, NULL, &len));
	assert_int_equal(len, 256);
	len = 255;
	GIVES(CKR_BUFFER_TOO_SMALL, p11->C_VerifyRecover(s, room, 256, back, &len));
	assert_int_equal(len, 256);
	OK(p11->C_VerifyRecover(s, room, 256, back, &len));
	assert_memory_equal(back, room, 256);
}

/* ---- the signature first ---- */

static void the_signature_first(void **state)
{
	uint8_t sig[64];
	CK_ULONG n = sizeof sig;

	(void)state;
	OK(p11->C_SignInit(s, &ecdsa, ec.private));
	OK(p11->C_Sign(s, text, 100, sig, &n));
	OK(p11_32->C_VerifySignatureInit(s, &ecdsa, ec.public, sig, n));
	GIVES(CKR_OPERATION_ACTIVE, p11_32->C_VerifySignatureInit(s, &ecdsa, ec.public, sig, n));
	OK(p11_32->C_VerifySignature(s, text, 100));
	GIVES(CKR_OPERATION_NOT_INITIALIZED, p11_32->C_VerifySignature(s, text, 100));
	OK(p11_32->C_VerifySignatureInit(s, &ecdsa, ec.public, sig, n));
	OK(p11_32->C_VerifySignatureUpdate(s, text, 60));
	OK(p11_32->C_VerifySignatureUpdate(s, text + 60, 40));
	OK(p11_32->C_VerifySignatureFinal(s));
	GIVES(CKR_SIGNATURE_LEN_RANGE,
	      p11_32->C_VerifySignatureInit(s, &ecdsa, ec.public, sig, 63));
	GIVES(CKR_ARGUMENTS_BAD, p11_32->C_VerifySignatureInit(s, &ecdsa, ec.public, NULL, n));
	sig[8] ^= 1;
	OK(p11_32->C_VerifySignatureInit(s, &ecdsa, ec.public, sig, n));
	memset(sig, 0, sizeof sig); /* it was taken at Init */
	GIVES(CKR_SIGNATURE_INVALID, p11_32->C_VerifySignature(s, text, 100));
	OK(p11_32->C_VerifySignatureInit(s, &ecdsa, ec.public, sig, n));
	OK(p11_32->C_VerifySignatureInit(s, NULL, 0, NULL, 0));
	GIVES(CKR_OPERATION_NOT_INITIALIZED, p11_32->C_VerifySignatureFinal(s));
}

/* ---- logins ---- */

static struct module_pair careful(void)
{
	CK_ATTRIBUTE public[] = {
		A_BYTES(CKA_EC_PARAMS, module_p256, sizeof module_p256),
		A_BOOL(CKA_VERIFY, CK_TRUE),
	};
	CK_ATTRIBUTE private[] = { A_BOOL(CKA_SIGN, CK_TRUE), A_BOOL(CKA_PRIVATE, CK_TRUE),
				   A_BOOL(CKA_ALWAYS_AUTHENTICATE, CK_TRUE) };
	struct module_pair p;

	OK(p11->C_GenerateKeyPair(s, &(CK_MECHANISM) { .mechanism = CKM_EC_KEY_PAIR_GEN }, public,
				  ARRAY_LEN(public), private, ARRAY_LEN(private), &p.public,
				  &p.private));
	return p;
}

static void each_use_takes_a_login(void **state)
{
	struct module_pair p = careful();
	uint8_t sig[64];
	CK_ULONG n = sizeof sig;

	(void)state;
	GIVES(CKR_OPERATION_NOT_INITIALIZED, module_login(s, CKU_CONTEXT_SPECIFIC, USER_PIN));
	for (int i = 0; i < 2; i++) {
		OK(p11->C_SignInit(s, &ecdsa, p.private));
		OK(p11->C_Sign(s, text, 50, NULL, &n)); /* a question needs none */
		GIVES(CKR_USER_NOT_LOGGED_IN, p11->C_Sign(s, text, 50, sig, &n));
		GIVES(CKR_PIN_INCORRECT, module_login(s, CKU_CONTEXT_SPECIFIC, "not it"));
		GIVES(CKR_USER_NOT_LOGGED_IN, p11->C_Sign(s, text, 50, sig, &n));
		OK(module_login(s, CKU_CONTEXT_SPECIFIC, USER_PIN));
		OK(p11->C_Sign(s, text, 50, sig, &n));
		OK(p11->C_VerifyInit(s, &ecdsa, p.public));
		OK(p11->C_Verify(s, text, 50, sig, n));
		GIVES(CKR_OPERATION_NOT_INITIALIZED,
		      module_login(s, CKU_CONTEXT_SPECIFIC, USER_PIN));
	}
	OK(p11->C_SignInit(s, &ecdsa, p.private)); /* in parts: one login for all */
	GIVES(CKR_USER_NOT_LOGGED_IN, p11->C_SignUpdate(s, text, 10));
	OK(module_login(s, CKU_CONTEXT_SPECIFIC, USER_PIN));
	OK(p11->C_SignUpdate(s, text, 10));
	OK(p11->C_SignFinal(s, sig, &n));
	OK(p11_3->C_MessageSignInit(s, &ecdsa, p.private)); /* and one for each message */
	for (int i = 0; i < 2; i++) {
		GIVES(CKR_USER_NOT_LOGGED_IN, p11_3->C_SignMessage(s, NULL, 0, text, 9, sig, &n));
		OK(module_login(s, CKU_CONTEXT_SPECIFIC, USER_PIN));
		OK(p11_3->C_SignMessage(s, NULL, 0, text, 9, sig, &n));
	}
}

static void a_logout_ends_what_the_user_began(void **state)
{
	CK_SESSION_HANDLE other = module_open(slot, true);
	CK_OBJECT_HANDLE key;
	struct module_pair p;
	uint8_t sig[64];
	CK_ULONG n = sizeof sig;
	CK_ATTRIBUTE is_token = A_BOOL(CKA_TOKEN, CK_TRUE);

	(void)state;
	p = module_ec(s, true, false);
	OK(p11->C_CopyObject(s, aes, &is_token, 1, &key));
	OK(p11->C_SignInit(s, &ecdsa, p.private));
	OK(p11->C_SignInit(other, &ecdsa, p.private));
	OK(p11->C_SignUpdate(other, text, 10));
	OK(p11->C_EncryptInit(other, &cbc, key));
	OK(p11->C_EncryptUpdate(other, text, 32, back, &n));
	OK(p11->C_Logout(s));
	n = sizeof sig;
	GIVES(CKR_USER_NOT_LOGGED_IN, p11->C_Sign(s, text, 10, sig, &n));
	OK(module_login(s, CKU_USER, USER_PIN));
	GIVES(CKR_USER_NOT_LOGGED_IN,
	      p11->C_SignFinal(other, sig, &n)); /* nor after another login */
	GIVES(CKR_OPERATION_NOT_INITIALIZED, p11->C_SignFinal(other, sig, &n));
	n = sizeof back;
	GIVES(CKR_USER_NOT_LOGGED_IN, p11->C_EncryptUpdate(other, text, 32, back, &n));
	GIVES(CKR_KEY_HANDLE_INVALID,
	      p11->C_SignInit(s, &ecdsa, p.private)); /* the handle is dead */
	OK(p11->C_CloseSession(other));
}

/* What a logout has ended is not in the way of what comes after. */
static void a_new_beginning_after_a_logout(void **state)
{
	struct module_pair p = module_ec(s, false, false);
	uint8_t sig[64];
	CK_ULONG n = sizeof sig;

	(void)state;
	OK(p11->C_SignInit(s, &ecdsa, p.private));
	OK(p11->C_Logout(s));
	OK(module_login(s, CKU_USER, USER_PIN));
	p = module_ec(s, false, false);
	OK(p11->C_SignInit(s, &ecdsa, p.private));
	OK(p11->C_Sign(s, text, 10, sig, &n));
}

/* ---- checks in their order ---- */

static void which_error_comes_first(void **state)
{
	CK_ULONG n = sizeof room;

	(void)state;
	GIVES(CKR_SESSION_HANDLE_INVALID, p11->C_EncryptInit(~0UL, NULL, 0));
	GIVES(CKR_SESSION_HANDLE_INVALID, p11->C_Encrypt(~0UL, NULL, 4, NULL, NULL));
	GIVES(CKR_ARGUMENTS_BAD, p11->C_Encrypt(s, NULL, 4, NULL, NULL));
	GIVES(CKR_OPERATION_NOT_INITIALIZED, p11->C_Encrypt(s, text, 4, room, &n));
	GIVES(CKR_OPERATION_NOT_INITIALIZED, p11->C_DecryptFinal(s, NULL, &n));
	GIVES(CKR_OPERATION_NOT_INITIALIZED, p11->C_VerifyRecover(s, text, 4, room, &n));
	GIVES(CKR_MECHANISM_INVALID, p11->C_SignInit(s, &(CK_MECHANISM) { ~0UL, NULL, 0 }, ~0UL));
	GIVES(CKR_MECHANISM_PARAM_INVALID,
	      p11->C_SignInit(s, &(CK_MECHANISM) { CKM_ECDSA, text, 3 }, ~0UL));
	GIVES(CKR_KEY_HANDLE_INVALID, p11->C_SignInit(s, &ecdsa, 0));
}

/* Every slot can be given up by its flag, and no other goes with it. */
static void cancelled_one_by_one(void **state)
{
	CK_ULONG n = sizeof room;

	(void)state;
	OK(p11->C_SignInit(s, &ecdsa, ec.private));
	OK(p11->C_VerifyInit(s, &ecdsa, ec.public));
	OK(p11->C_DigestInit(s, &sha256));
	OK(p11->C_EncryptInit(s, &cbc, aes));
	OK(p11->C_DecryptInit(s, &cbc, aes));
	OK(p11_3->C_MessageSignInit(s, &ecdsa, ec.private));
	OK(p11->C_FindObjectsInit(s, NULL, 0));
	OK(p11_3->C_SessionCancel(s, CKF_ENCRYPT | CKF_MESSAGE_SIGN));
	GIVES(CKR_OPERATION_NOT_INITIALIZED, p11->C_Encrypt(s, text, 16, room, &n));
	GIVES(CKR_OPERATION_NOT_INITIALIZED, p11_3->C_MessageSignFinal(s));
	OK(p11->C_Decrypt(s, text, 16, room, &n));
	OK(p11->C_FindObjectsFinal(s));
	OK(p11_3->C_SessionCancel(s, CKF_SIGN | CKF_DIGEST));
	GIVES(CKR_OPERATION_NOT_INITIALIZED, p11->C_SignUpdate(s, text, 16));
	GIVES(CKR_OPERATION_NOT_INITIALIZED, p11->C_DigestUpdate(s, text, 16));
	OK(p11->C_VerifyUpdate(s, text, 16));
	OK(p11_3->C_SessionCancel(s, 0));
	OK(p11->C_VerifyUpdate(s, text, 16));
}

/* ---- the lists ---- */

typedef CK_RV get_interface_fn(CK_UTF8CHAR *name, CK_VERSION *version, CK_INTERFACE **interface,
			       CK_FLAGS flags);

static void interfaces_of_every_version(void **state)
{
	static const CK_VERSION versions[] = { { 3, 2 }, { 3, 0 }, { 2, 40 } };
	CK_VERSION other = { 3, 1 };
	CK_INTERFACE *found;
	get_interface_fn *get;
	void *symbol = dlsym(module_handle(), "C_GetInterface");

	(void)state;
	memcpy(&get, &symbol, sizeof get);
	for (size_t i = 0; i < ARRAY_LEN(versions); i++) {
		CK_VERSION v = versions[i];
		const CK_VERSION *its;

		OK(get(module_pin("PKCS 11"), &v, &found, CKF_INTERFACE_FORK_SAFE));
		its = found->pFunctionList;
		assert_int_equal(its->major, v.major);
		assert_int_equal(its->minor, v.minor);
		OK(get(NULL, &v, &found, 0));
		assert_ptr_equal(found->pFunctionList, its);
	}
	OK(get(NULL, NULL, &found, 0)); /* the youngest */
	assert_int_equal(((CK_VERSION *)found->pFunctionList)->minor, 2);
	GIVES(CKR_ARGUMENTS_BAD, get(NULL, &other, &found, 0));
	GIVES(CKR_ARGUMENTS_BAD, get(module_pin("PKCS 12"), NULL, &found, 0));
	GIVES(CKR_ARGUMENTS_BAD, get(NULL, NULL, &found, 0x8000));
	GIVES(CKR_ARGUMENTS_BAD, get(NULL, NULL, NULL, 0));
}

static void no_list_has_a_hole(void **state)
{
	void (*const *f)(void) = (void (*const *)(void))(void *)&p11->C_Initialize;
	const void *end = p11_32 + 1;

	(void)state;
	for (; (const void *)f < end; f++)
		assert_non_null(*f);
}

static void validation_and_other_times(void **state)
{
	CK_FLAGS flags = 7;

	(void)state;
	OK(p11_32->C_GetSessionValidationFlags(s, CKS_LAST_VALIDATION_OK, &flags));
	assert_int_equal(flags, 0);
	GIVES(CKR_ARGUMENTS_BAD, p11_32->C_GetSessionValidationFlags(s, 99, &flags));
	GIVES(CKR_ARGUMENTS_BAD,
	      p11_32->C_GetSessionValidationFlags(s, CKS_LAST_VALIDATION_OK, NULL));
	GIVES(CKR_FUNCTION_NOT_SUPPORTED, p11_32->C_AsyncComplete(s, NULL, NULL));
	GIVES(CKR_FUNCTION_NOT_SUPPORTED, p11_32->C_AsyncJoin(s, NULL, 0, NULL, 0));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(digest_and_encrypt, fresh),
		cmocka_unit_test_setup(sign_and_encrypt, fresh),
		cmocka_unit_test_setup(a_digest_put_aside, fresh),
		cmocka_unit_test_setup(what_has_a_key_is_not_put_aside, fresh),
		cmocka_unit_test_setup(many_put_aside, fresh),
		cmocka_unit_test_setup(a_key_in_a_digest, fresh),
		cmocka_unit_test_setup(signatures_with_their_data, fresh),
		cmocka_unit_test_setup(a_bad_signature_is_told_before_the_room, fresh),
		cmocka_unit_test_setup(the_signature_first, fresh),
		cmocka_unit_test_setup(each_use_takes_a_login, fresh),
		cmocka_unit_test_setup(which_error_comes_first, fresh),
		cmocka_unit_test_setup(cancelled_one_by_one, fresh),
		cmocka_unit_test_setup(interfaces_of_every_version, fresh),
		cmocka_unit_test_setup(no_list_has_a_hole, fresh),
		cmocka_unit_test_setup(validation_and_other_times, fresh),
		cmocka_unit_test_setup(a_logout_ends_what_the_user_began, fresh),
		cmocka_unit_test_setup(a_new_beginning_after_a_logout, fresh),
	};

	return cmocka_run_group_tests_name("token operations", tests, setup, module_teardown);
}
