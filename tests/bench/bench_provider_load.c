/*
 * What it costs to load a key.
 *
 *   INRO_TEST_BUILD=build/release build/check/tests/bench_provider_load [SECONDS [KEYS]]
 *
 * 1. A key file, read by a context that has the provider beside the default one, and by one that
 *    has the default provider alone: the ratio of CPU time, the two in turns.
 * 2. A key of a token, by its URI and by a reference in a PEM file, with few keys in the token and
 *    with many (KEYS, 10000 unless said).
 * 3. Both with the settings that are installed for all programs of a machine, whose place
 *    INRO_BENCH_SETTINGS takes, and with none.
 */
#include <stdio.h>
#include <stdlib.h>

#include <openssl/pem.h>

#include "tests/bench/bench.h"
#include "tests/lib/scratch.h"
#include "tests/lib/token_keys.h"

#define FEW 10

struct load {
	OSSL_LIB_CTX *libctx;
	const char *uri; /* NULL: the file */
	const char *path;
};

static void load_file(void *vload)
{
	const struct load *l = vload;
	FILE *f = fopen(l->path, "r");
	EVP_PKEY *key = f ? PEM_read_PrivateKey_ex(f, NULL, NULL, NULL, l->libctx, NULL) : NULL;

	bench_need(key != NULL, "a key file can't be read");
	EVP_PKEY_free(key);
	fclose(f);
}

static void load_uri(void *vload)
{
	const struct load *l = vload;
	EVP_PKEY *key = token_keys_load(l->libctx, l->uri);

	bench_need(key != NULL, "a key can't be loaded by its URI");
	EVP_PKEY_free(key);
}

static void write_key(EVP_PKEY *key, const char *path)
{
	FILE *f = fopen(path, "w");

	bench_need(f && PEM_write_PrivateKey(f, key, NULL, NULL, 0, NULL, NULL) == 1,
		   "a key can't be written");
	fclose(f);
	EVP_PKEY_free(key);
}

/* What a program does before it reads a key: the tables of names that libcrypto searches while it
 * reads are larger then.  Both contexts have to have done the same. */
static void warm(OSSL_LIB_CTX *libctx)
{
	EVP_PKEY *key = EVP_PKEY_Q_keygen(libctx, NULL, "EC", "P-256");
	EVP_MD_CTX *c = EVP_MD_CTX_new();

	bench_need(key && c && EVP_DigestSignInit_ex(c, NULL, "SHA256", libctx, NULL, key, NULL),
		   "a context can't be used");
	EVP_MD_CTX_free(c);
	EVP_PKEY_free(key);
}

/* The provider's configurations. */
enum { MACHINE, BARE, CONFIGURATIONS };
static const char *const configurations[] = { "for all programs of a machine", "without settings" };

static void file_cost(OSSL_LIB_CTX *const with[CONFIGURATIONS], OSSL_LIB_CTX *without,
		      EVP_PKEY *key, const char *what, double seconds)
{
	const char *file_path = scratch_path("file.pem");
	struct load raw = { .libctx = without, .path = file_path };

	bench_need(key != NULL, "a key can't be made");
	write_key(key, file_path);
	for (unsigned c = 0; c < CONFIGURATIONS; c++) {
		struct load ours = { .libctx = with[c], .path = file_path };
		struct bench_ratio r = bench_in_turn((struct bench_side) { load_file, &ours },
						     (struct bench_side) { load_file, &raw },
						     seconds);

		printf("%-14s %-30s %8.1f us, without the provider %8.1f us: ratio %.3f (bar 1.08)\n",
		       what, configurations[c], r.ours / 1e3, r.raw / 1e3, r.ratio);
	}
}

static double us_of(void (*run)(void *), struct load *l, double seconds)
{
	return bench_in_turn((struct bench_side) { run, l }, (struct bench_side) { NULL, NULL },
			     seconds)
		       .ours /
	       1e3;
}

static void token_cost(OSSL_LIB_CTX *const with[CONFIGURATIONS], int keys, double seconds)
{
	struct load by_uri = { .libctx = with[0],
			       .uri = "pkcs11:token=line1;object=ec?pin-value=" TOKEN_KEYS_PIN };
	struct load by_file = { .path = scratch_path("reference.pem") };

	write_key(token_keys_load(by_uri.libctx, by_uri.uri), by_file.path);
	setenv("INRO_PIN", TOKEN_KEYS_PIN, 1);
	for (unsigned c = 0; c < CONFIGURATIONS; c++) {
		double uri, reference;

		by_uri.libctx = by_file.libctx = with[c];
		uri = us_of(load_uri, &by_uri, seconds);
		reference = us_of(load_file, &by_file, seconds);
		printf("%6d keys in the token, %-30s by URI %6.1f us (bar 500), by PEM reference "
		       "%6.1f us (bar 800)\n",
		       keys, configurations[c], uri, reference);
	}
}

int main(int argc, char **argv)
{
	double seconds = argc > 1 ? atof(argv[1]) : 4;
	int many = argc > 2 ? atoi(argv[2]) : 10000;
	OSSL_LIB_CTX *with[CONFIGURATIONS], *without;

	bench_print_machine();
	token_keys_make();
	with[MACHINE] = token_keys_libctx_configured(token_keys_machine_settings());
	with[BARE] = token_keys_libctx_configured("");
	without = token_keys_libctx("default", NULL);
	for (unsigned c = 0; c < CONFIGURATIONS; c++)
		warm(with[c]);
	warm(without);
	file_cost(with, without, EVP_PKEY_Q_keygen(without, NULL, "EC", "P-256"), "EC key file",
		  seconds);
	file_cost(with, without, EVP_PKEY_Q_keygen(without, NULL, "RSA", (size_t)2048),
		  "RSA key file", seconds);
	token_keys_add_many(2, FEW);
	token_cost(with, FEW, seconds);
	token_keys_add_many(FEW, many);
	token_cost(with, many, seconds);
	for (unsigned c = 0; c < CONFIGURATIONS; c++)
		token_keys_libctx_free(with[c]);
	token_keys_libctx_free(without);
	return 0;
}
