/* test_provider_cipher - AES by secret keys of a token, beside libcrypto's with the same keys: each
 * step gives the same number of bytes, and the same bytes. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/provider.h>

#include "tests/lib/chosen.h"
#include "tests/lib/token_keys.h"

#define MESSAGE_MAX 700000

static OSSL_LIB_CTX *libctx;
static const unsigned char secret[] = "0123456789abcdef0123456789ABCDEF";
static const unsigned char iv[] =
	"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xfe";
static unsigned char message[MESSAGE_MAX];

static int set_up(void **state)
{
	(void)state;
	libctx = token_keys_libctx("inro", "default");
	token_keys_import_secret("aes128", 0x21, CKK_AES, BYTES(secret, 16));
	token_keys_import_secret("aes192", 0x22, CKK_AES, BYTES(secret, 24));
	token_keys_import_secret("aes256", 0x23, CKK_AES, BYTES(secret, 32));
	token_keys_import_secret("generic", 0x24, CKK_GENERIC_SECRET, BYTES(secret, 32));
	for (size_t i = 0; i < sizeof message; i++)
		message[i] = (unsigned char)(i * 7 + i / 251);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	token_keys_libctx_free(libctx);
	return 0;
}

static const char *const sizes[] = { "128", "192", "256" };
static const char *const modes[] = { "ECB", "CBC", "CTR", "OFB", "CFB" };
static size_t modes_n = ARRAY_LEN(modes);
static size_t aeads_n;

static EVP_CIPHER *fetch(bool ours, const char *size, const char *mode)
{
	char name[32];
	EVP_CIPHER *c;

	snprintf(name, sizeof name, "%sAES-%s-%s", ours ? "INRO-" : "", size, mode);
	c = EVP_CIPHER_fetch(libctx, name, NULL);
	assert_non_null(c);
	return c;
}

/* The token's key by its URI, libcrypto's by its value. */
static bool start(EVP_CIPHER_CTX *c, const EVP_CIPHER *cipher, const char *label, bool encrypting,
		  const unsigned char *with_iv)
{
	char uri[128];
	OSSL_PARAM params[] = {
		OSSL_PARAM_construct_utf8_string("pkcs11_uri", uri, 0),
		OSSL_PARAM_construct_end(),
	};

	snprintf(uri, sizeof uri, "pkcs11:token=line1;object=%s?pin-value=" TOKEN_KEYS_PIN,
		 label ? label : "");
	return EVP_CipherInit_ex2(c, cipher, label ? NULL : secret, with_iv, encrypting,
				  label ? params : NULL) == 1;
}

static EVP_CIPHER_CTX *begin(bool ours, const char *size, const char *mode, bool encrypting)
{
	EVP_CIPHER *cipher = fetch(ours, size, mode);
	EVP_CIPHER_CTX *c = EVP_CIPHER_CTX_new();
	char label[16];

	snprintf(label, sizeof label, "aes%s", size);
	assert_true(start(c, cipher, ours ? label : NULL, encrypting, iv));
	EVP_CIPHER_free(cipher);
	return c;
}

static void kinds_are_alike(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(sizes); i++)
		for (size_t k = 0; k < ARRAY_LEN(modes) + 2; k++) {
			const char *mode = k < ARRAY_LEN(modes)	   ? modes[k]
					   : k == ARRAY_LEN(modes) ? "GCM"
								   : "CCM";
			EVP_CIPHER *ours = fetch(true, sizes[i], mode);
			EVP_CIPHER *theirs = fetch(false, sizes[i], mode);

			assert_int_equal(EVP_CIPHER_get_mode(ours), EVP_CIPHER_get_mode(theirs));
			assert_int_equal(EVP_CIPHER_get_key_length(ours),
					 EVP_CIPHER_get_key_length(theirs));
			assert_int_equal(EVP_CIPHER_get_iv_length(ours),
					 EVP_CIPHER_get_iv_length(theirs));
			assert_int_equal(EVP_CIPHER_get_block_size(ours),
					 EVP_CIPHER_get_block_size(theirs));
			assert_int_equal(EVP_CIPHER_get_flags(ours) & EVP_CIPH_FLAG_AEAD_CIPHER,
					 EVP_CIPHER_get_flags(theirs) & EVP_CIPH_FLAG_AEAD_CIPHER);
			EVP_CIPHER_free(ours);
			EVP_CIPHER_free(theirs);
		}
}

struct run {
	const char *size, *mode;
	bool padding;
	size_t n, piece;
};

/* Both at once, piece by piece; what they give is compared and kept in out. */
static size_t both(const struct run *r, bool encrypting, const unsigned char *in, size_t n,
		   unsigned char *out)
{
	static unsigned char other[MESSAGE_MAX + 32];
	EVP_CIPHER_CTX *c[2] = { begin(true, r->size, r->mode, encrypting),
				 begin(false, r->size, r->mode, encrypting) };
	size_t total = 0;
	int got[2], ok[2];

	for (int k = 0; k < 2; k++)
		assert_true(EVP_CIPHER_CTX_set_padding(c[k], r->padding));
	for (size_t at = 0; at < n; at += r->piece) {
		int m = (int)(n - at < r->piece ? n - at : r->piece);

		assert_true(EVP_CipherUpdate(c[0], out + total, &got[0], in + at, m));
		assert_true(EVP_CipherUpdate(c[1], other + total, &got[1], in + at, m));
		assert_int_equal(got[0], got[1]);
		total += (size_t)got[0];
	}
	ok[0] = EVP_CipherFinal_ex(c[0], out + total, &got[0]);
	ok[1] = EVP_CipherFinal_ex(c[1], other + total, &got[1]);
	assert_int_equal(ok[0], ok[1]);
	if (ok[0]) {
		assert_int_equal(got[0], got[1]);
		total += (size_t)got[0];
	}
	assert_memory_equal(out, other, total);
	for (int k = 0; k < 2; k++)
		EVP_CIPHER_CTX_free(c[k]);
	ERR_clear_error();
	return ok[0] ? total : 0;
}

static void there_and_back(const struct run *r)
{
	static unsigned char sealed[MESSAGE_MAX + 32], opened[MESSAGE_MAX + 32];
	size_t n = both(r, true, message, r->n, sealed);

	if (n == 0)
		return; /* not of whole blocks: libcrypto refused it, too */
	assert_int_equal(both(r, false, sealed, n, opened), r->n);
	assert_memory_equal(opened, message, r->n);
}

static void as_libcrypto_does(void **state)
{
	static const size_t lengths[] = { 0, 1, 15, 16, 17, 32, 47, 100 };
	static const size_t pieces[] = { 1, 7, 16, 33, 1000 };

	(void)state;
	for (size_t i = 0; i < 3 * modes_n * 2; i++)
		for (size_t k = 0; k < ARRAY_LEN(lengths) * ARRAY_LEN(pieces); k++) {
			struct run r = { sizes[i % 3], modes[i / 6], i / 3 % 2,
					 lengths[k / ARRAY_LEN(pieces)],
					 pieces[k % ARRAY_LEN(pieces)] };

			there_and_back(&r);
		}
}

/* Longer than what goes to the token at once, in one piece and in odd ones. */
static void long_messages(void **state)
{
	static const size_t pieces[] = { MESSAGE_MAX, 300001 };

	(void)state;
	for (size_t i = 0; i < modes_n; i++)
		for (size_t k = 0; k < ARRAY_LEN(pieces); k++) {
			struct run r = { "256", modes[i], true, MESSAGE_MAX - 5, pieces[k] };

			there_and_back(&r);
		}
}

static size_t finish(EVP_CIPHER_CTX *c, unsigned char *out)
{
	int n = 0, last = 0;

	assert_true(EVP_CipherUpdate(c, out, &n, message + 21, 30));
	assert_true(EVP_CipherFinal_ex(c, out + n, &last));
	return (size_t)n + (size_t)last;
}

/* A copy in the middle, and a child that goes on with it: neither hurts the other. */
static void copied_and_forked(void **state)
{
	(void)state;
	for (size_t i = 0; i < modes_n; i++) {
		EVP_CIPHER_CTX *c = begin(true, "256", modes[i], true), *copy;
		unsigned char out[3][80];
		int n, status = 1;
		size_t size;
		pid_t child;

		assert_true(EVP_EncryptUpdate(c, out[0], &n, message, 21));
		copy = EVP_CIPHER_CTX_new();
		assert_true(EVP_CIPHER_CTX_copy(copy, c));
		size = finish(c, out[0]);
		child = fork();
		if (child == 0)
			_exit(finish(copy, out[2]) == size && memcmp(out[2], out[0], size) == 0
				      ? 0
				      : 1);
		assert_int_equal(waitpid(child, &status, 0), child);
		assert_int_equal(status, 0);
		assert_int_equal(finish(copy, out[1]), size);
		assert_memory_equal(out[0], out[1], size);
		EVP_CIPHER_CTX_free(c);
		EVP_CIPHER_CTX_free(copy);
	}
}

/* Key and IV stay over an init without them, as far as libcrypto keeps them. */
static void started_again(void **state)
{
	(void)state;
	for (size_t i = 0; i < modes_n; i++) {
		EVP_CIPHER_CTX *c[2] = { begin(true, "192", modes[i], true),
					 begin(false, "192", modes[i], true) };
		unsigned char out[2][3][80];

		for (int k = 0; k < 2; k++) {
			finish(c[k], out[k][0]);
			assert_true(EVP_EncryptInit_ex2(c[k], NULL, NULL, NULL, NULL));
			finish(c[k], out[k][1]);
			assert_true(EVP_EncryptInit_ex2(c[k], NULL, NULL, iv, NULL));
			finish(c[k], out[k][2]);
			EVP_CIPHER_CTX_free(c[k]);
		}
		for (int k = 0; k < 3; k++)
			assert_memory_equal(out[0][k], out[1][k], 30);
	}
}

static void original_iv(void **state)
{
	EVP_CIPHER_CTX *c[2] = { begin(true, "128", "CBC", true),
				 begin(false, "128", "CBC", true) };
	unsigned char out[64], first[2][16], now[2][16];
	int n;

	(void)state;
	for (int k = 0; k < 2; k++) {
		assert_true(EVP_EncryptUpdate(c[k], out, &n, message, 40));
		assert_true(EVP_CIPHER_CTX_get_original_iv(c[k], first[k], 16));
		assert_true(EVP_CIPHER_CTX_get_updated_iv(c[k], now[k], 16));
		EVP_CIPHER_CTX_free(c[k]);
	}
	assert_memory_equal(first[0], first[1], 16);
	assert_memory_equal(now[0], now[1], 16);
	assert_memory_equal(first[0], iv, 16);
}

static void wrong_ends(void **state)
{
	EVP_CIPHER_CTX *c = begin(true, "128", "CBC", false);
	unsigned char out[64];
	int n;

	(void)state;
	assert_true(EVP_DecryptUpdate(c, out, &n, message, 32)); /* no ciphertext of a message */
	assert_int_equal(n, 16);
	assert_false(EVP_DecryptFinal_ex(c, out, &n));
	assert_true(EVP_DecryptInit_ex2(c, NULL, NULL, iv, NULL));
	assert_true(EVP_DecryptUpdate(c, out, &n, message, 15));
	assert_int_equal(n, 0);
	assert_false(EVP_DecryptFinal_ex(c, out, &n));
	EVP_CIPHER_CTX_free(c);
	ERR_clear_error();
}

/* ---- GCM and CCM ---- */

struct aead {
	const char *size, *mode;
	size_t iv, tag, aad, n;
};

static const struct aead aeads[] = {
	{ "128", "GCM", 12, 16, 20, 100 },  { "192", "GCM", 12, 16, 0, 1 },
	{ "256", "GCM", 12, 12, 33, 4096 }, { "256", "GCM", 16, 16, 5, 31 },
	{ "256", "GCM", 12, 16, 9, 0 },	    { "256", "GCM", 12, 16, 0, MESSAGE_MAX },
	{ "128", "CCM", 7, 12, 20, 100 },   { "256", "CCM", 12, 16, 5, 1000 },
	{ "192", "CCM", 13, 8, 0, 17 },
};

#define WITHOUT_CCM 6

/* Those that the token has. */
static int choose_modes(void **state)
{
	bool all = chosen_can("more-modes");

	if (!all)
		modes_n = 3;
	aeads_n = all ? ARRAY_LEN(aeads) : WITHOUT_CCM;
	return set_up(state);
}

static bool is_ccm(const struct aead *a)
{
	return strcmp(a->mode, "CCM") == 0;
}

/* Lengths first, then key and nonce, as libcrypto's manual has it. */
static EVP_CIPHER_CTX *begin_aead(const struct aead *a, bool ours, bool encrypting,
				  const unsigned char *tag)
{
	EVP_CIPHER *cipher = fetch(ours, a->size, a->mode);
	EVP_CIPHER_CTX *c = EVP_CIPHER_CTX_new();
	char label[16];
	int n;

	snprintf(label, sizeof label, "aes%s", a->size);
	assert_true(EVP_CipherInit_ex2(c, cipher, NULL, NULL, encrypting, NULL));
	assert_true(EVP_CIPHER_CTX_ctrl(c, EVP_CTRL_AEAD_SET_IVLEN, (int)a->iv, NULL) > 0);
	if (is_ccm(a) || tag)
		assert_true(EVP_CIPHER_CTX_ctrl(c, EVP_CTRL_AEAD_SET_TAG, (int)a->tag,
						(void *)(uintptr_t)tag) > 0);
	assert_true(start(c, NULL, ours ? label : NULL, encrypting, iv));
	EVP_CIPHER_free(cipher);
	if (is_ccm(a))
		assert_true(EVP_CipherUpdate(c, NULL, &n, NULL, (int)a->n));
	if (a->aad)
		assert_true(EVP_CipherUpdate(c, NULL, &n, message + 50, (int)a->aad));
	return c;
}

static void seal(const struct aead *a, bool ours, unsigned char *out, unsigned char tag[16])
{
	EVP_CIPHER_CTX *c = begin_aead(a, ours, true, NULL);
	unsigned char none[16];
	int n = 0;

	assert_int_equal(EVP_CIPHER_CTX_get_iv_length(c), a->iv);
	assert_true(EVP_EncryptUpdate(c, out, &n, message, (int)a->n));
	assert_int_equal(n, a->n);
	assert_true(EVP_EncryptFinal_ex(c, none, &n));
	assert_int_equal(n, 0);
	assert_true(EVP_CIPHER_CTX_ctrl(c, EVP_CTRL_AEAD_GET_TAG, (int)a->tag, tag) > 0);
	EVP_CIPHER_CTX_free(c);
}

static bool opens(const struct aead *a, const unsigned char *in, const unsigned char tag[16],
		  unsigned char *out)
{
	EVP_CIPHER_CTX *c = begin_aead(a, true, false, tag);
	unsigned char none[16];
	int n = 0;
	bool ok = EVP_DecryptUpdate(c, out, &n, in, (int)a->n) == 1 && n == (int)a->n &&
		  EVP_DecryptFinal_ex(c, none, &n) == 1 && n == 0;

	EVP_CIPHER_CTX_free(c);
	return ok;
}

static void sealed_messages(void **state)
{
	static unsigned char ours[MESSAGE_MAX + 16], theirs[MESSAGE_MAX + 16];
	unsigned char tags[2][16] = { 0 };

	(void)state;
	for (size_t i = 0; i < aeads_n; i++) {
		const struct aead *a = &aeads[i];

		seal(a, true, ours, tags[0]);
		seal(a, false, theirs, tags[1]);
		assert_memory_equal(ours, theirs, a->n);
		assert_memory_equal(tags[0], tags[1], a->tag);
		assert_true(opens(a, theirs, tags[1], ours));
		assert_memory_equal(ours, message, a->n);
	}
}

/* Not one byte of a message that was touched. */
static void touched_messages(void **state)
{
	static unsigned char sealed[MESSAGE_MAX + 16], out[MESSAGE_MAX + 16];
	static const unsigned char nothing[64];
	unsigned char tag[16];

	(void)state;
	for (size_t i = 0; i < aeads_n; i++) {
		const struct aead *a = &aeads[i];

		seal(a, true, sealed, tag);
		memset(out, 0, sizeof out);
		tag[a->tag - 1] ^= 1;
		assert_false(opens(a, sealed, tag, out));
		tag[a->tag - 1] ^= 1;
		sealed[0] ^= 0x80;
		if (a->n)
			assert_false(opens(a, sealed, tag, out));
		assert_memory_equal(out, nothing, sizeof nothing);
	}
	assert_int_equal(ERR_GET_LIB(ERR_peek_error()) == ERR_LIB_EVP, 0);
	ERR_clear_error();
}

static void one_piece_one_nonce(void **state)
{
	const struct aead *a = &aeads[0];
	unsigned char out[128], tag[16] = { 0 };
	EVP_CIPHER_CTX *c = begin_aead(a, true, true, NULL);
	int n;

	(void)state;
	assert_false(EVP_CIPHER_CTX_ctrl(c, EVP_CTRL_AEAD_GET_TAG, 16, tag) > 0);
	assert_true(EVP_EncryptUpdate(c, out, &n, message, 50));
	assert_false(EVP_EncryptUpdate(c, out, &n, message, 50));
	assert_false(EVP_EncryptUpdate(c, NULL, &n, message, 50));
	assert_true(EVP_EncryptInit_ex2(c, NULL, NULL, NULL, NULL));
	assert_false(EVP_EncryptUpdate(c, out, &n, message, 50)); /* the nonce was used */
	assert_true(EVP_EncryptInit_ex2(c, NULL, NULL, iv, NULL));
	assert_true(EVP_EncryptUpdate(c, out, &n, message, 50));
	/* The tag of the encryption is none to decrypt by. */
	assert_true(EVP_DecryptInit_ex2(c, NULL, NULL, iv, NULL));
	assert_false(EVP_DecryptUpdate(c, out, &n, message, 50));
	assert_false(EVP_DecryptFinal_ex(c, out, &n));
	EVP_CIPHER_CTX_free(c);
	ERR_clear_error();
}

/* A nonce of libcrypto's making, where none was set. */
static void made_nonce(void **state)
{
	EVP_CIPHER *cipher = fetch(true, "256", "GCM");
	EVP_CIPHER_CTX *c = EVP_CIPHER_CTX_new();
	unsigned char out[2][64], nonce[2][12];
	int n;

	(void)state;
	for (int i = 0; i < 2; i++) {
		EVP_CIPHER_CTX_reset(c);
		assert_true(start(c, cipher, "aes256", true, NULL));
		assert_true(EVP_EncryptUpdate(c, out[i], &n, message, 64));
		assert_true(EVP_CIPHER_CTX_get_updated_iv(c, nonce[i], 12));
	}
	assert_memory_not_equal(nonce[0], nonce[1], 12);
	assert_memory_not_equal(out[0], out[1], 64);
	EVP_CIPHER_CTX_free(c);
	EVP_CIPHER_free(cipher);
}

static void *seal_many(void *arg)
{
	static const struct aead a = { "256", "GCM", 12, 16, 20, 100 };
	unsigned char out[128], tag[16], first[128], again[128];
	bool *good = arg;

	seal(&a, false, first, tag);
	*good = true;
	for (int i = 0; *good && i < 50; i++) {
		seal(&a, true, out, tag);
		*good = memcmp(out, first, a.n) == 0 && opens(&a, out, tag, again) &&
			memcmp(again, message, a.n) == 0;
	}
	return NULL;
}

static void threads(void **state)
{
	pthread_t t[4];
	bool good[4];

	(void)state;
	for (int i = 0; i < 4; i++)
		assert_int_equal(pthread_create(&t[i], NULL, seal_many, &good[i]), 0);
	for (int i = 0; i < 4; i++)
		assert_int_equal(pthread_join(t[i], NULL), 0);
	for (int i = 0; i < 4; i++)
		assert_true(good[i]);
}

static void what_is_refused(void **state)
{
	static const char *const labels[] = { "none", "aes128", "generic", "ec", "" };
	EVP_CIPHER *cbc = fetch(true, "256", "CBC"), *gcm = fetch(true, "256", "GCM");
	EVP_CIPHER_CTX *c = EVP_CIPHER_CTX_new();
	unsigned char out[64];
	int n;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(labels); i++)
		assert_false(start(c, cbc, labels[i], true, iv));
	assert_false(start(c, cbc, NULL, true, iv)); /* a key that is not the token's */
	EVP_CIPHER_CTX_reset(c);
	assert_true(EVP_EncryptInit_ex2(c, cbc, NULL, iv, NULL));
	assert_false(EVP_EncryptUpdate(c, out, &n, message, 16)); /* no key */
	EVP_CIPHER_CTX_reset(c);
	assert_true(start(c, cbc, "aes256", true, NULL));
	assert_false(EVP_EncryptUpdate(c, out, &n, message, 16)); /* no IV */
	assert_false(EVP_EncryptUpdate(c, NULL, &n, message, 16));
	EVP_CIPHER_CTX_reset(c);
	assert_true(start(c, gcm, "aes256", false, iv));
	assert_false(EVP_CIPHER_CTX_ctrl(c, EVP_CTRL_AEAD_SET_IVLEN, 129, NULL) > 0);
	assert_false(EVP_CIPHER_CTX_ctrl(c, EVP_CTRL_AEAD_SET_TAG, 17, out) > 0);
	assert_false(EVP_DecryptUpdate(c, out, &n, message, 16)); /* no tag */
	EVP_CIPHER_CTX_free(c);
	EVP_CIPHER_free(cbc);
	EVP_CIPHER_free(gcm);
	ERR_clear_error();
}

/* Who passes over that associated data did not fit seals nothing without it. */
static void what_does_not_fit(void **state)
{
	EVP_CIPHER_CTX *c = begin_aead(&aeads[0], true, true, NULL), *copy = EVP_CIPHER_CTX_new();
	unsigned char *much = calloc(1, BUF_MAX + 1), out[64];
	int n;

	(void)state;
	assert_non_null(much);
	assert_false(EVP_EncryptUpdate(c, NULL, &n, much, (int)BUF_MAX + 1));
	assert_false(EVP_CIPHER_CTX_copy(copy, c));
	assert_false(EVP_EncryptUpdate(c, out, &n, message, 50));
	assert_true(EVP_EncryptInit_ex2(c, NULL, NULL, iv, NULL));
	assert_true(EVP_EncryptUpdate(c, out, &n, message, 50));
	EVP_CIPHER_CTX_free(copy);
	EVP_CIPHER_CTX_free(c);
	free(much);
	ERR_clear_error();
}

/* Even where our provider is named first, the public names are libcrypto's own. */
static void names_are_private(void **state)
{
	EVP_CIPHER *c = EVP_CIPHER_fetch(libctx, "AES-256-GCM", "?provider=inro");

	(void)state;
	assert_non_null(c);
	assert_string_equal(OSSL_PROVIDER_get0_name(EVP_CIPHER_get0_provider(c)), "default");
	EVP_CIPHER_free(c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(kinds_are_alike),  cmocka_unit_test(as_libcrypto_does),
		cmocka_unit_test(long_messages),    cmocka_unit_test(copied_and_forked),
		cmocka_unit_test(started_again),    cmocka_unit_test(original_iv),
		cmocka_unit_test(wrong_ends),	    cmocka_unit_test(sealed_messages),
		cmocka_unit_test(touched_messages), cmocka_unit_test(one_piece_one_nonce),
		cmocka_unit_test(made_nonce),	    cmocka_unit_test(threads),
		cmocka_unit_test(what_is_refused),
		cmocka_unit_test(what_does_not_fit),  cmocka_unit_test(names_are_private),
	};

	token_keys_make();
	return cmocka_run_group_tests(tests, choose_modes, tear_down);
}
