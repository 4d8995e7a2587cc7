/* test_provider_tss2 - keys in files that only a TPM can use: loaded, loaded again, and gone. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>
#include <pthread.h>

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include "provider/token_private.h"
#include "provider/tss2.h"
#include "tests/lib/token_keys.h"

#define TEXT(s) ((struct inro_text) { (s), sizeof(s) - 1 })
#define AUTH	"secret of the file"

static struct ck_module *module;
static CK_SLOT_ID tpm_slot;
static OSSL_LIB_CTX *libctx;

struct tss2_bytes {
	unsigned char p[4096];
	CK_ULONG n;
};
static struct tss2_bytes open_file, locked_file; /* the same key, with and without AUTH */

static int passphrase(char *room, int size, int rwflag, void *asked)
{
	const char *answer = *(const char **)asked;

	(void)rwflag;
	if (!answer)
		return -1;
	snprintf(room, (size_t)size, "%s", answer);
	return (int)strlen(answer);
}

static EVP_PKEY *load_with(const unsigned char *der, CK_ULONG n, const char *answer)
{
	BIO *file = BIO_new(BIO_s_mem());
	EVP_PKEY *key;

	assert_true(PEM_write_bio(file, TSS2_PEM, "", der, (long)n) > 0);
	key = PEM_read_bio_PrivateKey_ex(file, NULL, passphrase, &answer, libctx, NULL);
	BIO_free(file);
	return key;
}

static EVP_PKEY *load(void)
{
	return load_with(open_file.p, open_file.n, NULL);
}

/* The objects of sessions: what was loaded and is not given up. */
static CK_ULONG loaded(void)
{
	CK_OBJECT_HANDLE found[64];
	CK_OBJECT_CLASS class = CKO_PRIVATE_KEY;
	CK_BBOOL no = CK_FALSE;
	CK_ATTRIBUTE of_sessions[] = { { CKA_CLASS, &class, sizeof class },
				       { CKA_TOKEN, &no, sizeof no } };
	CK_SESSION_HANDLE s;
	CK_ULONG n = 0;

	assert_int_equal(ck_session_open(module, tpm_slot, false, &s), INRO_OK);
	assert_int_equal(ck_find(module, s, of_sessions, 2, found, ARRAY_LEN(found), &n), INRO_OK);
	ck_session_close(module, s);
	return n;
}

static void read_and_written_again(void **state)
{
	const unsigned char *at = open_file.p;
	unsigned char *der = NULL;
	BIO *pem = BIO_new(BIO_s_mem());
	EVP_PKEY *key = d2i_AutoPrivateKey_ex(NULL, &at, (long)open_file.n, libctx, NULL), *again;

	(void)state;
	assert_non_null(key);
	assert_true(token_keys_sign(libctx, key));
	assert_int_equal(i2d_PrivateKey(key, &der), open_file.n);
	assert_memory_equal(der, open_file.p, open_file.n);
	OPENSSL_free(der);
	/* A program that always encrypts: there is nothing to encrypt, and nobody is asked. */
	assert_true(
		PEM_write_bio_PKCS8PrivateKey(pem, key, EVP_aes_256_cbc(), NULL, 0, NULL, NULL));
	again = PEM_read_bio_PrivateKey_ex(pem, NULL, NULL, NULL, libctx, NULL);
	assert_non_null(again);
	assert_int_equal(EVP_PKEY_eq(key, again), 1);
	assert_int_equal(EVP_PKEY_get_bits(again), 256);
	BIO_free(pem);
	EVP_PKEY_free(again);
	EVP_PKEY_free(key);
	ERR_clear_error();
}

/* Many are alive at once, more than the TPM has places; with the last share each is gone. */
static void nothing_stays(void **state)
{
	EVP_PKEY *keys[12];

	(void)state;
	assert_int_equal(loaded(), 0);
	for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
		keys[i] = load();
		assert_non_null(keys[i]);
	}
	assert_int_equal(loaded(), ARRAY_LEN(keys));
	for (size_t i = 0; i < ARRAY_LEN(keys); i++)
		assert_true(token_keys_sign(libctx, keys[i]));
	for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
		EVP_PKEY *copy = EVP_PKEY_dup(keys[i]);

		EVP_PKEY_free(keys[i]);
		assert_true(token_keys_sign(libctx, copy));
		EVP_PKEY_free(copy);
	}
	assert_int_equal(loaded(), 0);
}

/* As when the token was taken out: the sessions are gone, and with them what was loaded. */
static void sessions_lost(void **state)
{
	EVP_PKEY *key = load();

	(void)state;
	assert_non_null(key);
	for (int i = 0; i < 3; i++) {
		assert_true(token_keys_sign(libctx, key));
		assert_int_equal(ck_module_functions(module)->C_CloseAllSessions(tpm_slot), CKR_OK);
	}
	assert_true(token_keys_sign(libctx, key));
	EVP_PKEY_free(key);
}

static void *sign_many(void *key)
{
	intptr_t failed = 0;

	for (int i = 0; i < 5; i++)
		failed += !token_keys_sign(libctx, key);
	return (void *)failed;
}

static void threads_sign(EVP_PKEY *key)
{
	pthread_t t[3];
	void *failed;

	for (size_t i = 0; i < ARRAY_LEN(t); i++)
		assert_int_equal(pthread_create(&t[i], NULL, sign_many, key), 0);
	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		assert_int_equal(pthread_join(t[i], &failed), 0);
		assert_ptr_equal(failed, NULL);
	}
}

/* Each at another point of its way; the key is loaded again once. */
static void threads_after_a_loss(void **state)
{
	EVP_PKEY *key = load();

	(void)state;
	assert_non_null(key);
	for (int round = 0; round < 8; round++) {
		assert_int_equal(ck_module_functions(module)->C_CloseAllSessions(tpm_slot), CKR_OK);
		threads_sign(key);
		assert_int_equal(loaded(), 1);
	}
	EVP_PKEY_free(key);
	assert_int_equal(loaded(), 0);
}

static int child_status(pid_t child)
{
	int status = -1;

	assert_true(child > 0);
	assert_int_equal(waitpid(child, &status, 0), child);
	return status;
}

/* The child loads it anew, also the one with an authorisation value; the parent's goes on. */
static void after_a_fork(void **state)
{
	EVP_PKEY *key = load(), *locked = load_with(locked_file.p, locked_file.n, AUTH);
	pid_t child;

	(void)state;
	assert_non_null(key);
	assert_non_null(locked);
	assert_true(token_keys_sign(libctx, key));
	child = fork();
	if (child == 0)
		_exit(token_keys_sign(libctx, key) && token_keys_sign(libctx, locked) &&
				      token_keys_sign(libctx, key)
			      ? 0
			      : 1);
	assert_int_equal(child_status(child), 0);
	assert_true(token_keys_sign(libctx, key));
	/* One that only gives the key up does not begin with the module for that. */
	child = fork();
	if (child == 0) {
		EVP_PKEY_free(key);
		_exit(0);
	}
	assert_int_equal(child_status(child), 0);
	assert_true(token_keys_sign(libctx, key));
	EVP_PKEY_free(key);
	EVP_PKEY_free(locked);
}

static void authorisation(void **state)
{
	EVP_PKEY *key = load_with(locked_file.p, locked_file.n, AUTH);

	(void)state;
	assert_non_null(key);
	assert_true(token_keys_sign(libctx, key));
	EVP_PKEY_free(key);
	assert_null(load_with(locked_file.p, locked_file.n, NULL));
	assert_true(token_keys_error_says(
		"the TSS2 PRIVATE KEY has an authorisation value: give the setting tss2-auth"));
	assert_null(load_with(locked_file.p, locked_file.n, "wrong"));
	assert_true(token_keys_error_says("its auth value is another one"));
	for (int i = 0; i < 5; i++) {
		assert_null(load_with(locked_file.p, locked_file.n, "wrong"));
		assert_true(token_keys_error_says("was refused before; it was not tried again"));
	}
	key = load_with(locked_file.p, locked_file.n, AUTH);
	assert_non_null(key);
	EVP_PKEY_free(key);
}

/* Every byte counts, and whatever is cut off or changed is refused with a line. */
static void damaged(void **state)
{
	struct tss2_bytes other;

	(void)state;
	for (CK_ULONG n = 12; n < open_file.n; n += 7) {
		assert_null(load_with(open_file.p, n, NULL));
		assert_true(token_keys_error_says("TSS2 PRIVATE KEY"));
	}
	for (CK_ULONG i = 0; i < open_file.n; i += 5) {
		EVP_PKEY *key;

		other = open_file;
		other.p[i] ^= 0x40;
		key = load_with(other.p, other.n, NULL);
		EVP_PKEY_free(key); /* a changed parent is no matter to this TPM */
		ERR_clear_error();
	}
	assert_int_equal(loaded(), 0);
}

static void sealed_and_policy(void **state)
{
	/* SEQUENCE { OID, [0] TRUE, [1] { { } }, ... } */
	static const unsigned char policy[] = { 0x30, 0x26, 0x06, 0x06, 0x67, 0x81, 0x05, 0x0a,
						0x01, 0x03, 0xa0, 0x03, 0x01, 0x01, 0xff, 0xa1,
						0x04, 0x30, 0x02, 0x30, 0x00, 0x02, 0x04, 0x40,
						0x00, 0x00, 0x01, 0x04, 0x04, 0x00, 0x02, 0x00,
						0x23, 0x04, 0x05, 0x00, 0x03, 0x01, 0x02, 0x03 };
	struct tss2_bytes other = open_file;

	(void)state;
	assert_null(load_with(policy, sizeof policy, NULL));
	assert_true(token_keys_error_says("used under a policy"));
	*(unsigned char *)memmem(other.p, 16, "\x67\x81\x05\x0a\x01\x03", 6) = 0x67;
	((unsigned char *)memmem(other.p, 16, "\x67\x81\x05\x0a\x01\x03", 6))[5] = 5;
	assert_null(load_with(other.p, other.n, NULL));
	assert_true(token_keys_error_says("holds sealed data, which is no key"));
}

/* Of a token with few sessions another thread may have the one that would keep the key. */
static void without_an_anchor(void **state)
{
	struct pool pool = { .slot = tpm_slot };
	struct seat seat = { .m = module, .f = ck_module_functions(module), .pool = &pool };
	CK_OBJECT_HANDLE key;

	(void)state;
	assert_int_equal(tss2_load(&seat, (struct bytes) { open_file.p, open_file.n },
				   (struct bytes) { 0 }, &key),
			 INRO_E_SESSION_COUNT);
	assert_non_null(strstr(err_detail(INRO_E_SESSION_COUNT), "too many sessions"));
}

/* As by another program, while ours has sessions open. */
static void remove_token(CK_SLOT_ID slot)
{
	assert_int_equal(ck_module_functions(module)->C_CloseAllSessions(slot), CKR_OK);
	assert_int_equal(ck_module_admin(module)->destroy(slot, TEXT("87654321")), CKR_OK);
}

/* Two tokens in TPMs: none is guessed. */
static void ambiguity(void **state)
{
	struct inro_new_token t = { .label = TEXT("tpm2"),
				    .backend = TEXT("tpm"),
				    .config = TEXT("tcti=libtpms:"),
				    .so_pin = TEXT("87654321"),
				    .user_pin = TEXT(TOKEN_KEYS_PIN) };
	CK_SLOT_ID slot;

	(void)state;
	assert_int_equal(ck_module_admin(module)->create(&t, &slot), CKR_OK);
	assert_null(load());
	assert_true(token_keys_error_says(
		"may be loaded into any of the tokens 'tpm1', 'tpm2': say which with the "
		"setting tss2-token"));
	remove_token(slot);
}

/* The last: nothing is left of the TPM token but a name. */
static void no_token(void **state)
{
	(void)state;
	remove_token(tpm_slot);
	assert_null(load());
	assert_true(token_keys_error_says(
		"a TSS2 PRIVATE KEY needs a token in a TPM, and there is none"));
}

static bool make_pair_in(CK_SESSION_HANDLE s, CK_OBJECT_HANDLE *ret)
{
	static CK_BYTE p256[] = { 0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07 };
	CK_BBOOL no = CK_FALSE, yes = CK_TRUE;
	CK_MECHANISM mech = { .mechanism = CKM_EC_KEY_PAIR_GEN };
	CK_ATTRIBUTE public[] = { { CKA_EC_PARAMS, p256, sizeof p256 }, { CKA_TOKEN, &no, 1 } };
	CK_ATTRIBUTE private[] = { { CKA_SIGN, &yes, 1 },
				   { CKA_DERIVE, &no, 1 },
				   { CKA_TOKEN, &no, 1 } };
	CK_OBJECT_HANDLE half;

	return ck_module_functions(module)->C_GenerateKeyPair(s, &mech, public, 2, private, 3,
							      &half, ret) == CKR_OK;
}

/* Two files of one key of a session, which is gone then. */
static bool make_files(void)
{
	struct inro_new_token t = { .label = TEXT("tpm1"),
				    .backend = TEXT("tpm"),
				    .config = TEXT("tcti=libtpms:"),
				    .so_pin = TEXT("87654321"),
				    .user_pin = TEXT(TOKEN_KEYS_PIN) };
	const struct inro_admin *admin = ck_module_admin(module);
	CK_SESSION_HANDLE s;
	CK_OBJECT_HANDLE key;
	bool ok = admin->create(&t, &tpm_slot) == CKR_OK &&
		  ck_session_open(module, tpm_slot, true, &s) == INRO_OK;

	if (!ok || ck_login(module, s, CKU_USER, bytes_of(TOKEN_KEYS_PIN)) != INRO_OK)
		return false;
	open_file.n = sizeof open_file.p;
	locked_file.n = sizeof locked_file.p;
	ok = make_pair_in(s, &key) &&
	     admin->give(s, key, TEXT(""), TEXT(""), open_file.p, &open_file.n) == CKR_OK &&
	     admin->give(s, key, TEXT(""), TEXT(AUTH), locked_file.p, &locked_file.n) == CKR_OK;
	ck_session_close(module, s);
	return ok;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(read_and_written_again),
		cmocka_unit_test(nothing_stays),
		cmocka_unit_test(sessions_lost),
		cmocka_unit_test(threads_after_a_loss),
		cmocka_unit_test(after_a_fork),
		cmocka_unit_test(authorisation),
		cmocka_unit_test(damaged),
		cmocka_unit_test(sealed_and_policy),
		cmocka_unit_test(without_an_anchor),
		cmocka_unit_test(ambiguity),
		cmocka_unit_test(no_token),
	};
	int failed;

	token_keys_make();
	if (ck_module_open(NULL, &module) != INRO_OK || !make_files()) {
		fprintf(stderr, "no key in a TPM: %s\n", ck_module_admin(module)->last_error());
		return 1;
	}
	setenv("INRO_PIN", TOKEN_KEYS_PIN, 1);
	libctx = token_keys_libctx("default", "inro");
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	token_keys_libctx_free(libctx);
	ck_module_close(module);
	return failed;
}
