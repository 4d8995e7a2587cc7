/*
 * What a signature with a key in a software token costs a program that uses OpenSSL, against the
 * same kind of key of libcrypto's own provider.
 *
 *   INRO_TEST_BUILD=build/release build/check/tests/bench_provider [SECONDS A CASE]
 *
 * One line a case: microseconds of CPU of both (medians of turns) and the rate in ratio to
 * libcrypto's.
 */
#include <stdio.h>
#include <stdlib.h>

#include <openssl/rsa.h>

#include "tests/bench/bench.h"
#include "tests/lib/token_keys.h"

#define URI(label) "pkcs11:token=line1;object=" label "?pin-value=" TOKEN_KEYS_PIN

struct signer {
	OSSL_LIB_CTX *libctx;
	EVP_PKEY *key;
	const char *digest;
	bool pss;
};

/* As libssl does it: a context for each signature, settings after the start, all in one call. */
static void sign(void *arg)
{
	static const unsigned char data[64] = { 1 };
	const struct signer *s = arg;
	EVP_MD_CTX *c = EVP_MD_CTX_new();
	EVP_PKEY_CTX *k = NULL;
	unsigned char sig[512];
	size_t n = sizeof sig;

	bench_need(EVP_DigestSignInit_ex(c, &k, s->digest, s->libctx, NULL, s->key, NULL) == 1,
		   "the start of a signature");
	if (s->pss)
		bench_need(EVP_PKEY_CTX_set_rsa_padding(k, RSA_PKCS1_PSS_PADDING) > 0 &&
				   EVP_PKEY_CTX_set_rsa_pss_saltlen(k, RSA_PSS_SALTLEN_DIGEST) > 0,
			   "PSS");
	bench_need(EVP_DigestSign(c, sig, &n, data, sizeof data) == 1, "a signature");
	EVP_MD_CTX_free(c);
}

static void compare(const char *name, double bar, struct bench_side ours, struct bench_side raw,
		    double seconds)
{
	struct bench_ratio r = bench_in_turn(ours, raw, seconds);

	printf("%-24s %9.2f us   libcrypto %9.2f us   rate %.3f (bar %.2f)\n", name, r.ours / 1e3,
	       r.raw / 1e3, 1 / r.ratio, bar);
}

static void signatures(OSSL_LIB_CTX *with, OSSL_LIB_CTX *without, double seconds)
{
	const struct {
		const char *name, *uri, *digest;
		EVP_PKEY *raw;
		bool pss;
		double bar;
	} rows[] = {
		{ "ECDSA P-256", URI("ec"), "SHA256",
		  EVP_PKEY_Q_keygen(without, NULL, "EC", "P-256"), false, 0.85 },
		{ "RSA-2048 PSS", URI("rsa"), "SHA256",
		  EVP_PKEY_Q_keygen(without, NULL, "RSA", (size_t)2048), true, 0.95 },
		{ "Ed25519", URI("ed"), NULL, EVP_PKEY_Q_keygen(without, NULL, "ED25519"), false,
		  0.85 },
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct signer ours = { with, token_keys_load(with, rows[i].uri), rows[i].digest,
				       rows[i].pss };
		struct signer raw = { without, rows[i].raw, rows[i].digest, rows[i].pss };

		bench_need(ours.key && raw.key, rows[i].name);
		compare(rows[i].name, rows[i].bar, (struct bench_side) { sign, &ours },
			(struct bench_side) { sign, &raw }, seconds);
		EVP_PKEY_free(ours.key);
		EVP_PKEY_free(raw.key);
	}
}

int main(int argc, char **argv)
{
	static CK_BYTE ed25519[] = { 0x06, 0x03, 0x2b, 0x65, 0x70 };
	const struct token_pair ed = { .label = "ed",
				       .id = 3,
				       .maker = CKM_EC_EDWARDS_KEY_PAIR_GEN,
				       .kind = { CKA_EC_PARAMS, ed25519, sizeof ed25519 },
				       .use = CKA_SIGN,
				       .public_use = CKA_VERIFY };
	double seconds = argc > 1 ? strtod(argv[1], NULL) : 3;
	OSSL_LIB_CTX *with, *without;

	token_keys_make();
	token_keys_add_pair(&ed);
	with = token_keys_libctx("default", "inro");
	without = token_keys_libctx("default", NULL);
	bench_print_machine();
	signatures(with, without, seconds);
	token_keys_libctx_free(with);
	token_keys_libctx_free(without);
	return 0;
}
