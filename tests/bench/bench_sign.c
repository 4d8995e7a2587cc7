/*
 * What the software backend adds to a signature or a decryption: `use` of a loaded key against
 * libcrypto with a context that is set up once, the two in turn within one run.
 *
 *   build/check/tests/bench_sign [SECONDS A CASE]
 *
 * One line a case: microseconds of each (the fastest round's mean) and their ratio.
 */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include <openssl/rsa.h>
#include <openssl/x509.h>

#include "base/own.h"
#include "pkcs11/soft/soft.h"
#include "pkcs11/token/pkey.h"

#define OCTETS(s)                                                                                  \
	{                                                                                          \
		.p = (const uint8_t *)(s), .n = sizeof(s) - 1                                      \
	}
#define ROUND_NS 5000000
#define HASH_N	 32

struct benched {
	const char *name;
	struct key_spec key;
	struct use_spec use;
	int padding;
	bool decrypt;
};

static const struct benched cases[] = {
	{ .name = "ecdsa p-256",
	  .key = { .kind = KEY_EC, .params = OCTETS("\x06\x08\x2a\x86\x48\xce\x3d\x03\x01\x07") },
	  .use = { .mech = CKM_ECDSA } },
	{ .name = "ecdsa p-384",
	  .key = { .kind = KEY_EC, .params = OCTETS("\x06\x05\x2b\x81\x04\x00\x22") },
	  .use = { .mech = CKM_ECDSA } },
	{ .name = "rsa-2048 pkcs#1",
	  .key = { .kind = KEY_RSA, .bits = 2048 },
	  .use = { .mech = CKM_RSA_PKCS },
	  .padding = RSA_PKCS1_PADDING },
	{ .name = "rsa-2048 pss",
	  .key = { .kind = KEY_RSA, .bits = 2048 },
	  .use = { .mech = CKM_RSA_PKCS_PSS,
		   .digest = CKM_SHA256,
		   .mgf_digest = CKM_SHA256,
		   .salt_len = HASH_N },
	  .padding = RSA_PKCS1_PSS_PADDING },
	{ .name = "ed25519",
	  .key = { .kind = KEY_EDWARDS, .params = OCTETS("\x06\x03\x2b\x65\x70") },
	  .use = { .mech = CKM_EDDSA } },
	{ .name = "rsa-2048 decrypt",
	  .key = { .kind = KEY_RSA, .bits = 2048 },
	  .use = { .mech = CKM_RSA_PKCS },
	  .padding = RSA_PKCS1_PADDING,
	  .decrypt = true },
	{ .name = "rsa-2048 oaep",
	  .key = { .kind = KEY_RSA, .bits = 2048 },
	  .use = { .mech = CKM_RSA_PKCS_OAEP, .digest = CKM_SHA256, .mgf_digest = CKM_SHA256 },
	  .padding = RSA_PKCS1_OAEP_PADDING,
	  .decrypt = true },
};

struct bench {
	const struct benched *row;
	struct backend *b;
	backend_key key;
	EVP_PKEY *evp;
	EVP_PKEY_CTX *ctx;
	EVP_MD_CTX *md; /* Ed25519 */
	uint8_t ciphertext[PKEY_MAX_SIG];
	struct bytes in;
};

static const uint8_t hash[HASH_N] = { 1, 2, 3 };

static void must(bool ok, const char *what)
{
	if (ok)
		return;
	fprintf(stderr, "bench_sign: %s failed\n", what);
	exit(1);
}

static uint64_t clock_ns(clockid_t clock)
{
	struct timespec t;

	clock_gettime(clock, &t);
	return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

static void use_soft(struct bench *x)
{
	uint8_t out[PKEY_MAX_SIG];
	enum key_use use = x->row->decrypt ? USE_DECRYPT : USE_SIGN;
	size_t n;

	must(backend_soft.use(x->b, &(struct use) { x->key, use, &x->row->use }, x->in,
			      (struct room) { out, sizeof out }, &n) == INRO_OK,
	     "use");
}

static void use_raw(struct bench *x)
{
	uint8_t out[PKEY_MAX_SIG];
	size_t n = sizeof out;

	/* a later libcrypto lets a context sign once: pkey_pool.c */
	if (x->md && EVP_MD_CTX_test_flags(x->md, 0x0800))
		must(EVP_DigestSignInit(x->md, NULL, NULL, NULL, NULL) == 1, "preparing");
	if (x->md)
		must(EVP_DigestSign(x->md, out, &n, x->in.p, x->in.n) == 1, "EVP_DigestSign");
	else if (x->row->decrypt)
		must(EVP_PKEY_decrypt(x->ctx, out, &n, x->in.p, x->in.n) == 1, "decryption");
	else
		must(EVP_PKEY_sign(x->ctx, out, &n, x->in.p, x->in.n) == 1, "EVP_PKEY_sign");
}

/* Mean of one round in nanoseconds of this thread: nothing here waits, and what else runs on the
 * machine does not count. */
static double one_round(struct bench *x, void (*use)(struct bench *))
{
	uint64_t start = clock_ns(CLOCK_THREAD_CPUTIME_ID), end = start;
	unsigned n = 0;

	for (; end - start < ROUND_NS; end = clock_ns(CLOCK_THREAD_CPUTIME_ID), n++)
		use(x);
	return (double)(end - start) / n;
}

static void set_up_raw(struct bench *x)
{
	x->ctx = EVP_PKEY_CTX_new(x->evp, NULL);
	must(x->ctx && (x->row->decrypt ? EVP_PKEY_decrypt_init(x->ctx)
					: EVP_PKEY_sign_init(x->ctx)) == 1,
	     "preparing");
	if (x->row->padding)
		must(EVP_PKEY_CTX_set_rsa_padding(x->ctx, x->row->padding) == 1, "padding");
	if (x->row->padding == RSA_PKCS1_OAEP_PADDING)
		must(EVP_PKEY_CTX_set_rsa_oaep_md(x->ctx, EVP_sha256()) == 1, "digest");
	else if (x->row->use.digest)
		must(EVP_PKEY_CTX_set_signature_md(x->ctx, EVP_sha256()) == 1 &&
			     EVP_PKEY_CTX_set_rsa_pss_saltlen(x->ctx, HASH_N) == 1,
		     "digest and salt");
}

/* What is signed, or decrypted. */
static void set_up_input(struct bench *x, struct bytes spki)
{
	AUTO(pkey_unref_ptr) struct pkey *public = NULL;
	size_t n = 0;

	x->in = BYTES(hash, HASH_N);
	if (!x->row->decrypt)
		return;
	must(pkey_from_spki(spki, &public) == INRO_OK, "the public half");
	must(pkey_encrypt(public, &x->row->use, x->in,
			  (struct room) { x->ciphertext, sizeof x->ciphertext }, &n) == INRO_OK,
	     "encrypting");
	x->in = BYTES(x->ciphertext, n);
}

static void set_up(struct bench *x)
{
	SCOPED(secret) pkcs8 = { 0 };
	SCOPED(buf) spki = { 0 };
	const unsigned char *p;

	must(backend_soft.generate(x->b, &x->row->key, &x->key, &spki) == INRO_OK, "generate");
	must(backend_soft.reveal(x->b, x->key, &pkcs8) == INRO_OK, "reveal");
	p = pkcs8.p;
	x->evp = d2i_AutoPrivateKey(NULL, &p, (long)pkcs8.n);
	must(x->evp != NULL, "reading the key");
	set_up_input(x, buf_bytes(&spki));
	if (x->row->key.kind != KEY_EDWARDS) {
		set_up_raw(x);
		return;
	}
	x->md = EVP_MD_CTX_new();
	must(x->md && EVP_DigestSignInit(x->md, NULL, NULL, NULL, x->evp) == 1, "preparing");
}

static void run(struct backend *b, const struct benched *row, double seconds)
{
	struct bench x = { .row = row, .b = b };
	uint64_t end;
	double soft = 1e18, raw = 1e18, t;

	set_up(&x);
	for (end = clock_ns(CLOCK_MONOTONIC) + (uint64_t)(seconds * 1e9);
	     clock_ns(CLOCK_MONOTONIC) < end;) {
		t = one_round(&x, use_soft);
		soft = t < soft ? t : soft;
		t = one_round(&x, use_raw);
		raw = t < raw ? t : raw;
	}
	printf("%-16s soft %8.2f us   libcrypto %8.2f us   ratio %.3f\n", row->name, soft / 1e3,
	       raw / 1e3, soft / raw);
	EVP_PKEY_CTX_free(x.ctx);
	EVP_MD_CTX_free(x.md);
	EVP_PKEY_free(x.evp);
	backend_soft.unload(b, x.key);
}

int main(int argc, char **argv)
{
	double seconds = argc > 1 ? strtod(argv[1], NULL) : 2;
	struct backend *b;

	must(backend_soft.open(BYTES_NONE, bytes_of("bench"), &b) == INRO_OK, "open");
	must(backend_soft.init(b) == INRO_OK, "init");
	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		run(b, &cases[i], seconds);
	backend_soft.close(b);
	return 0;
}
