/*
 * What the software backend adds to secret keys' work: `use` of a loaded key against libcrypto with
 * a context that is keyed once, the two in turn within one run.
 *
 *   build/check/tests/bench_secret [SECONDS A CASE]
 *
 * One line a case: microseconds of each (the fastest round's mean) and their ratio.
 */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include <openssl/core_names.h>
#include <openssl/evp.h>

#include "base/own.h"
#include "pkcs11/soft/soft.h"

#define ROUND_NS 20000000
#define MOST	 16384

static const uint8_t iv[16] = { 1, 2, 3 };

struct benched {
	const char *name;
	const char *cipher; /* NULL: HMAC-SHA-256 */
	struct key_spec key;
	struct use_spec use;
	enum key_use how;
	size_t n;
};

#define AES_KEY                                                                                    \
	{                                                                                          \
		.kind = KEY_SECRET, .key_type = CKK_AES, .n = 32                                   \
	}
#define HMAC_KEY                                                                                   \
	{                                                                                          \
		.kind = KEY_SECRET, .key_type = CKK_GENERIC_SECRET, .n = 32                        \
	}
#define GCM                                                                                        \
	{                                                                                          \
		.mech = CKM_AES_GCM, .iv = { iv, 12 }                                              \
	}

static const struct benched cases[] = {
	{ "aes-256-gcm 64 B", "AES-256-GCM", AES_KEY, GCM, USE_ENCRYPT, 64 },
	{ "aes-256-gcm 16 KiB", "AES-256-GCM", AES_KEY, GCM, USE_ENCRYPT, 16384 },
	{ "aes-256-gcm 64 B, decrypt", "AES-256-GCM", AES_KEY, GCM, USE_DECRYPT, 64 },
	{ "aes-256-gcm 16 KiB, decrypt", "AES-256-GCM", AES_KEY, GCM, USE_DECRYPT, 16384 },
	{ "aes-256-cbc 64 B",
	  "AES-256-CBC",
	  AES_KEY,
	  { .mech = CKM_AES_CBC, .iv = { iv, 16 } },
	  USE_ENCRYPT,
	  64 },
	{ "hmac-sha-256 64 B", NULL, HMAC_KEY, { .mech = CKM_SHA256_HMAC }, USE_SIGN, 64 },
	{ "hmac-sha-256 16 KiB", NULL, HMAC_KEY, { .mech = CKM_SHA256_HMAC }, USE_SIGN, 16384 },
};

struct bench {
	const struct benched *row;
	struct backend *b;
	backend_key key;
	EVP_CIPHER_CTX *cipher;
	EVP_MAC_CTX *mac;
	uint8_t in[MOST + 16], out[MOST + 32];
	size_t in_n;
};

static void must(bool ok, const char *what)
{
	if (ok)
		return;
	fprintf(stderr, "bench_secret: %s failed\n", what);
	exit(1);
}

static uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

static void run_soft(struct bench *x)
{
	const struct use what = { x->key, x->row->how, &x->row->use };
	size_t n;

	must(backend_soft.use(x->b, &what, BYTES(x->in, x->in_n),
			      (struct room) { x->out, sizeof x->out }, &n) == INRO_OK,
	     "use");
}

static void run_raw_mac(struct bench *x)
{
	size_t n;

	must(EVP_MAC_init(x->mac, NULL, 0, NULL) && EVP_MAC_update(x->mac, x->in, x->in_n) &&
		     EVP_MAC_final(x->mac, x->out, &n, sizeof x->out),
	     "EVP_MAC");
}

static void run_raw_cipher(struct bench *x)
{
	bool gcm = x->row->use.mech == CKM_AES_GCM, decrypt = x->row->how == USE_DECRYPT;
	size_t text = decrypt ? x->in_n - 16 : x->in_n;
	int n = 0, last = 0;

	must(EVP_CipherInit_ex2(x->cipher, NULL, NULL, iv, !decrypt, NULL) &&
		     EVP_CipherUpdate(x->cipher, x->out, &n, x->in, (int)text),
	     "EVP_Cipher");
	if (decrypt)
		must(EVP_CIPHER_CTX_ctrl(x->cipher, EVP_CTRL_AEAD_SET_TAG, 16, x->in + text),
		     "tag");
	must(EVP_CipherFinal_ex(x->cipher, x->out + n, &last), "EVP_CipherFinal");
	if (gcm && !decrypt)
		must(EVP_CIPHER_CTX_ctrl(x->cipher, EVP_CTRL_AEAD_GET_TAG, 16, x->out + n), "tag");
}

static void run_raw(struct bench *x)
{
	if (x->mac)
		run_raw_mac(x);
	else
		run_raw_cipher(x);
}

/* Mean of one round in nanoseconds. */
static double one_round(struct bench *x, void (*run)(struct bench *))
{
	uint64_t start = now_ns(), end = start;
	unsigned n = 0;

	for (; end - start < ROUND_NS; end = now_ns(), n += 64)
		for (int i = 0; i < 64; i++)
			run(x);
	return (double)(end - start) / n;
}

static void key_raw(struct bench *x, const struct secret *value)
{
	OSSL_PARAM params[] = {
		OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, (char[]) { "SHA2-256" }, 0),
		OSSL_PARAM_construct_end(),
	};
	EVP_MAC *mac = EVP_MAC_fetch(NULL, "HMAC", NULL);
	EVP_CIPHER *cipher = x->row->cipher ? EVP_CIPHER_fetch(NULL, x->row->cipher, NULL) : NULL;

	if (cipher) {
		x->cipher = EVP_CIPHER_CTX_new();
		must(x->cipher && EVP_CipherInit_ex2(x->cipher, cipher, value->p, NULL,
						     x->row->how == USE_ENCRYPT, NULL),
		     "keying a cipher");
		EVP_CIPHER_CTX_set_padding(x->cipher, 0);
	} else {
		x->mac = EVP_MAC_CTX_new(mac);
		must(x->mac && EVP_MAC_init(x->mac, value->p, value->n, params), "keying a MAC");
	}
	EVP_CIPHER_free(cipher);
	EVP_MAC_free(mac);
}

static void set_up(struct bench *x)
{
	SCOPED(secret) value = { 0 };
	SCOPED(buf) none = { 0 };
	const struct use_spec *spec = &x->row->use;

	must(backend_soft.generate(x->b, &x->row->key, &x->key, &none) == INRO_OK, "generate");
	must(backend_soft.reveal(x->b, x->key, &value) == INRO_OK, "reveal");
	key_raw(x, &value);
	x->in_n = x->row->n;
	if (x->row->how != USE_DECRYPT)
		return;
	must(backend_soft.use(x->b, &(struct use) { x->key, USE_ENCRYPT, spec },
			      BYTES(x->out, x->row->n), (struct room) { x->in, sizeof x->in },
			      &x->in_n) == INRO_OK,
	     "encrypting");
}

static void measure(struct backend *b, const struct benched *row, double seconds)
{
	static struct bench x;
	double soft = 1e18, raw = 1e18, t;
	uint64_t end = now_ns() + (uint64_t)(seconds * 1e9);

	x = (struct bench) { .row = row, .b = b };
	set_up(&x);
	while (now_ns() < end) {
		t = one_round(&x, run_soft);
		soft = t < soft ? t : soft;
		t = one_round(&x, run_raw);
		raw = t < raw ? t : raw;
	}
	printf("%-28s soft %8.3f us   raw %8.3f us   ratio %.2f\n", row->name, soft / 1e3,
	       raw / 1e3, soft / raw);
	backend_soft.unload(b, x.key);
	EVP_CIPHER_CTX_free(x.cipher);
	EVP_MAC_CTX_free(x.mac);
}

int main(int argc, char **argv)
{
	double seconds = argc > 1 ? strtod(argv[1], NULL) : 1;
	struct backend *b;

	must(backend_soft.open(BYTES_NONE, bytes_of("bench"), &b) == INRO_OK &&
		     backend_soft.init(b) == INRO_OK,
	     "opening a token");
	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		measure(b, &cases[i], seconds);
	backend_soft.close(b);
	return 0;
}
