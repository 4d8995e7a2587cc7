/*
 * test_provider_alike - a key of a token does to a program what the same key in a file does: random sequences of calls
 * with both (tests/lib/alike.h).
 *
 *   test_provider_alike [SETTINGS [FIRST [N [MOST]]]]
 *
 * SETTINGS: plain, or machine, those of openssl-inro-machine.cnf.  N sequences from the seed FIRST on, until MOST
 * fail.  A failure prints the seed, the calls of the sequence and what the two keys answered to the last of them.
 * INRO_ALIKE_STEPS, a pattern of fnmatch(), takes some steps alone; INRO_ALIKE_TRACE prints each, INRO_ALIKE_ERRORS
 * what is in the queue of errors, INRO_ALIKE_PEM the key.
 */
#include <stdlib.h>
#include <string.h>

#include <openssl/crypto.h>
#include <openssl/provider.h>

#include "tests/lib/alike.h"
#include "tests/lib/scratch.h"
#include "tests/lib/token_keys.h"

#define STEPS 40

/* What docs/limits.md states, or what libcrypto itself does otherwise than it says. */
static const struct alike_meant meant[] = {
	{ "key-export: * whole = 1*", "key-export: * whole = 0 +error*", true, 0, "a private key stays in its token" },
	{ "key-legacy: * = 1*", "key-legacy: * = 0 +error*", true, 0, "a key of before 3.0 would be a whole one" },
	{ "key-export: @(rsa|pss|ed|x)* parameters = 1*", "key-export: * parameters = 0*", true, 0,
	  "of a kind without parameters nothing is exported, of which libcrypto would make an empty key" },
	{ "key-copy-parameters: @(rsa|pss|ed|x)* = 1*", "key-copy-parameters: * = 0 +error*", true, 0, "as above" },
	{ "key-compare: @(rsa|pss|ed|x)* parameters_eq = 1*", "*parameters_eq = -2*", true, 0, "as above" },
	{ "key-set: @(p|k|b)* encoding:explicit = 1*", "key-set: * = 0 +error*", true, 0, "a curve goes by its name" },
	{ "ctx-use: * set_peer_ex the token's, * = -2 +error*", "ctx-use: * set_peer_ex the token's, * = 1*", false, 0,
	  "libcrypto asks for the whole of the other side's key: it is to be given the public half" },
	{ "ctx-use: * decrypt * by pkcs1, * = 0 +error*", "ctx-use: * = 1*", true, 30, "a token rejects implicitly" },
	{ "*sign *= 1\n  by '' 'x931' *: verifies 0*", "*= 0 +error*", true, 0, "X9.31 without a digest is none" },
	{ "ctx-use: * sign @(100|139) bytes* = 1\n  by '' '' ''*", "*= 0 +error*", true, 0, "CKM_ECDSA takes 64 bytes" },
	/* Digests that Cryptoki has no number for, or no MGF1 with. */
	{ "@(md|ctx)-*sign*= 1\n  by '@(MD4|*160|SM3)' 'pkcs1'*", "*= 0 +error*", true, 0, "no number" },
	{ "doc-* rsa* @(MD4|*160) *= 1*", "doc-* = @(0|-1) +error*", true, 0, "no number" },
	{ "md-old: EVP_SignFinal @(rsa|pss)* @(MD4|*160|SM3) = 1*", "md-old: * = 0 +error*", true, 0, "no number" },
	{ "@(md|ctx)-*sign*= 1\n  by '@(*512?256|MD*|*160|SM3)' 'pss'*", "*= 0 +error*", true, 0, "no MGF1" },
	{ "@(md|ctx)-*sign*= 1\n  by '*' 'pss' '@(*512?256|MD*|md*|*160|SM3)'*", "*= 0 +error*", true, 0, "no MGF1" },
	{ "@(md-old|doc-*): *pss* @(SHA512-*|MD*|*160|SM3) *= 1*", "*= @(0|-1) +error*", true, 0, "no MGF1" },
	{ "ctx-ctrl: * nonce-type:1 = 1*", "ctx-ctrl: * = 0 +error*", false, 31, "a token signs by random numbers" },
	{ "ctx-lists: * operation 16 settable: digest/4 digest-size/2 properties/4 kat/2*",
	  "ctx-lists: * settable: digest/4 digest-size/2 properties/4@(| nonce-type/2)\n*", true, 0, "a setting of tests" },
	{ "ctx-lists: * operation 32 settable: digest/4 digest-size/2 properties/4 kat/2*",
	  "ctx-lists: * settable: digest/4 digest-size/2 properties/4@(| nonce-type/2)\n*", true, 0, "as above" },
	/* libcrypto's own. */
	{ "md-init: *, again = 0 +error*", "md-init: * = 1*", false, 0, "it keeps the digest of before" },
	{ "md-set: md? digest:* = 1*", "md-set: md? digest:* = -2 +error*", false, 0,
	  "it lets the digest change once the length was asked for, and signs nothing then" },
	{ "ctx-use: * decrypt !(256|384) bytes by pkcs1, * = 1*", "ctx-use: * = 0 +error*", true, 31,
	  "it hides a wrong length, too" },
	{ "ctx-lists: * @(ed25519|ed448) *\ngettable: algorithm-id/5 instance/4 context-string/5\n*",
	  "ctx-lists: *\ngettable: algorithm-id/5\n*", true, 31, "it lists two that it does not answer" },
	{ "md-verify: * signature 0 = 0 +error*", "md-verify: * = -1 +error*", true, 31, "no signature at all" },
	{ "md-set: md? digest:* = 0 +error*", "md-set: md? digest:* = -2 +error*", true, 31, "refused by another name" },
	{ NULL, NULL, false, 0, NULL },
};

static void need(bool ok, const char *what)
{
	if (ok)
		return;
	fprintf(stderr, "test_provider_alike: %s\n", what);
	exit(1);
}

/* Read by libcrypto when it is first used: nothing of it was yet. */
static void configure(const char *settings)
{
	char text[8192];
	int n = snprintf(text, sizeof text,
			 "openssl_conf = init\n[init]\nproviders = providers\n[providers]\n"
			 "default = standard\ninro = token\n[standard]\nactivate = 1\n[token]\n"
			 "module = %s/lib/inro.so\nactivate = 1\n%s\n",
			 getenv("INRO_TEST_BUILD"), strcmp(settings, "machine") == 0 ? token_keys_machine_settings() : "");

	need(n > 0 && (size_t)n < sizeof text, "settings");
	need(setenv("OPENSSL_CONF", scratch_file("openssl-test.cnf", text, (size_t)n), 1) == 0, "environment");
}

int main(int argc, char **argv)
{
	static struct alike a;
	uint64_t first = argc > 2 ? strtoull(argv[2], NULL, 10) : 1;
	uint64_t n = argc > 3 ? strtoull(argv[3], NULL, 10) : 300;
	unsigned failed = 0, most = argc > 4 ? (unsigned)atoi(argv[4]) : 3;

	configure(argc > 1 ? argv[1] : "plain");
	token_keys_make();
	need(OSSL_PROVIDER_available(NULL, "inro") == 1, "the provider is not loaded");
	alike_make(&a);
	for (uint64_t seed = first; seed < first + n && failed < most; seed++)
		failed += !alike_run(&a, seed, STEPS, meant);
	alike_free(&a);
	printf("%llu sequences, %u differ\n", (unsigned long long)n, failed);
	return failed ? 1 : 0;
}
