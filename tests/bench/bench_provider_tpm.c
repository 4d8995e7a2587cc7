/*
 * P-256 signatures and full TLS 1.3 handshakes with a server key in a TPM: ours against
 * tpm2-openssl's provider.
 *
 *   INRO_TEST_BUILD=build/release build/check/tests/bench_provider_tpm [ROUNDS [MILLISECONDS]]
 *
 * 1. Each has a swtpm of its own on a unix socket, for one client at a time may talk to it.
 * 2. They take turns; told are the medians, and the median of the rounds' ratios, by the clock and
 *    by CPU time, that of the swtpm with it.  What the swtpm takes of that is told as well: no client
 *    makes a signature in less.
 * 3. The server asks for no certificate, and the client is in a context without a TPM: with
 *    tpm2-openssl's provider a verification takes places of the TPM until it has none left.
 * 4. Ours has the settings that are installed for all programs of a machine, whose place
 *    INRO_BENCH_SETTINGS takes, and for the handshake none as well.
 * 5. Where tpm2-openssl is not installed, ours alone is told.
 */
#include <stdio.h>
#include <stdlib.h>

#include <openssl/pem.h>
#include <openssl/provider.h>

#include "tests/bench/bench.h"
#include "tests/bench/tls_ends.h"
#include "tests/lib/swtpm.h"
#include "tests/lib/token_keys.h"

#define ROUNDS_MAX 256

struct side {
	struct tls_server server; /* without its properties theirs is not asked to sign */
	struct tls_ends ends;
	clockid_t tpm; /* what its TPM takes of the processor */
	double rate[ROUNDS_MAX], cpu[ROUNDS_MAX], tpm_cpu[ROUNDS_MAX];
};

static void sign(const struct side *s)
{
	static const unsigned char data[64] = { 1 };
	EVP_MD_CTX *c = EVP_MD_CTX_new();
	unsigned char sig[1024];
	size_t n = sizeof sig;

	bench_need(EVP_DigestSignInit_ex(c, NULL, "SHA256", s->server.libctx, s->server.properties,
					 s->server.key, NULL) == 1 &&
			   EVP_DigestSign(c, sig, &n, data, sizeof data) == 1,
		   "a signature");
	EVP_MD_CTX_free(c);
}

static void connect(const struct side *s)
{
	tls_handshake(&s->ends);
}

static double cpu_of(const struct side *s)
{
	return (double)bench_ns(CLOCK_PROCESS_CPUTIME_ID) + (double)bench_ns(s->tpm);
}

static void run(struct side *s, unsigned round, void (*what)(const struct side *), unsigned ms)
{
	uint64_t start = bench_ns(CLOCK_MONOTONIC), now;
	double cpu = cpu_of(s), tpm = (double)bench_ns(s->tpm);
	unsigned n = 0;

	do {
		what(s);
		n++;
		now = bench_ns(CLOCK_MONOTONIC);
	} while (now - start < ms * 1000000ULL);
	s->rate[round] = n * 1e9 / (double)(now - start);
	s->tpm_cpu[round] = ((double)bench_ns(s->tpm) - tpm) / n;
	s->cpu[round] = (cpu_of(s) - cpu) / n;
}

/* A new key of theirs, as a program has it: from a file.  The one that was made takes more of the
 * TPM's few places. */
static EVP_PKEY *their_key(OSSL_LIB_CTX *libctx)
{
	EVP_PKEY_CTX *gen = EVP_PKEY_CTX_new_from_name(libctx, "EC", "provider=tpm2");
	BIO *file = BIO_new(BIO_s_mem());
	EVP_PKEY *made = NULL, *read;

	bench_need(gen && EVP_PKEY_keygen_init(gen) == 1 &&
			   EVP_PKEY_CTX_set_group_name(gen, "P-256") == 1 &&
			   EVP_PKEY_generate(gen, &made) == 1 &&
			   PEM_write_bio_PrivateKey(file, made, NULL, NULL, 0, NULL, NULL) == 1,
		   "a key of tpm2-openssl's");
	EVP_PKEY_CTX_free(gen);
	EVP_PKEY_free(made);
	read = PEM_read_bio_PrivateKey_ex(file, NULL, NULL, NULL, libctx, "?provider=tpm2");
	bench_need(read != NULL, "a key file of tpm2-openssl's");
	BIO_free(file);
	return read;
}

/* tpm2-openssl's provider and a key that it has just made; false when it is not installed. */
static bool open_theirs(struct side *s, const struct swtpm *tpm)
{
	setenv("TPM2OPENSSL_TCTI", swtpm_tcti(tpm), 1);
	s->server.properties = "?provider=tpm2,tpm2.digest!=yes";
	s->server.libctx = OSSL_LIB_CTX_new();
	if (!s->server.libctx || !OSSL_PROVIDER_load(s->server.libctx, "default") ||
	    !OSSL_PROVIDER_load(s->server.libctx, "tpm2"))
		return false;
	s->server.key = their_key(s->server.libctx);
	return true;
}

static void open_ours(struct side *s, const char *settings)
{
	s->server.libctx = token_keys_libctx_configured(settings);
	s->server.key = token_keys_load(s->server.libctx,
					"pkcs11:token=line1;object=ec?pin-value=" TOKEN_KEYS_PIN);
	bench_need(s->server.key != NULL, "a key of ours");
}

static void close_ours(struct side *s)
{
	tls_ends_free(s->ends);
	EVP_PKEY_free(s->server.key);
	token_keys_libctx_free(s->server.libctx);
}

static void set_clocks(struct side *ours, struct side *bare, struct side *theirs,
		       const struct swtpm *our_tpm, const struct swtpm *their_tpm)
{
	bench_need(clock_getcpuclockid(swtpm_pid(our_tpm), &ours->tpm) == 0 &&
			   clock_getcpuclockid(swtpm_pid(their_tpm), &theirs->tpm) == 0,
		   "the clock of a swtpm");
	bare->tpm = ours->tpm;
}

static double median_us(double *ns, unsigned rounds)
{
	return bench_median(ns, rounds) / 1e3;
}

static void tell(const char *name, struct side *ours, struct side *theirs, unsigned rounds)
{
	double ratios[2][ROUNDS_MAX];

	for (unsigned r = 0; r < rounds; r++) {
		ratios[0][r] = ours->rate[r] / theirs->rate[r];
		ratios[1][r] = theirs->cpu[r] / ours->cpu[r];
	}
	printf("%-42s %7.1f a second, %6.0f us of CPU; tpm2-openssl's %7.1f, %6.0f us\n", name,
	       bench_median(ours->rate, rounds), median_us(ours->cpu, rounds),
	       bench_median(theirs->rate, rounds), median_us(theirs->cpu, rounds));
	printf("  of it in the swtpm %.0f us; tpm2-openssl's %.0f us\n",
	       median_us(ours->tpm_cpu, rounds), median_us(theirs->tpm_cpu, rounds));
	printf("  ratio by rate %.2f, by CPU %.2f (bar 1.2)\n",
	       bench_median(ratios[0], rounds), bench_median(ratios[1], rounds));
}

static void compare(const char *name, void (*what)(const struct side *), struct side *ours,
		    struct side *theirs, unsigned rounds, unsigned ms)
{
	for (unsigned r = 0; r < rounds; r++) {
		run(ours, r, what, ms);
		if (theirs->server.key)
			run(theirs, r, what, ms);
	}
	tell(name, ours, theirs, rounds);
}

int main(int argc, char **argv)
{
	unsigned rounds = argc > 1 ? (unsigned)atoi(argv[1]) : 21;
	unsigned ms = argc > 2 ? (unsigned)atoi(argv[2]) : 200;
	struct swtpm *our_tpm = swtpm_start(SWTPM_UNIX), *their_tpm = swtpm_start(SWTPM_UNIX);
	struct tls_ca ca = tls_ca_new();
	static struct side ours = { .server.alone = true }, bare = { .server.alone = true },
			   theirs = { .server.alone = true };

	bench_need(rounds > 0 && rounds <= ROUNDS_MAX, "1 to 256 rounds: this number of them");
	setenv("INRO_TEST_TPM", swtpm_tcti(our_tpm), 1);
	token_keys_make();
	open_ours(&ours, token_keys_machine_settings());
	open_ours(&bare, "");
	if (!open_theirs(&theirs, their_tpm))
		printf("tpm2-openssl is not installed\n");
	set_clocks(&ours, &bare, &theirs, our_tpm, their_tpm);
	bench_print_machine();
	compare("ECDSA P-256", sign, &ours, &theirs, rounds, ms);
	ours.ends = tls_ends_new(&ours.server, &ca);
	bare.ends = tls_ends_new(&bare.server, &ca);
	if (theirs.server.key)
		theirs.ends = tls_ends_new(&theirs.server, &ca);
	compare("TLS 1.3, as for all programs of a machine", connect, &ours, &theirs, rounds, ms);
	compare("TLS 1.3, without settings", connect, &bare, &theirs, rounds, ms);
	tls_ends_free(theirs.ends);
	EVP_PKEY_free(theirs.server.key);
	close_ours(&ours);
	close_ours(&bare);
	tls_ca_free(ca);
	swtpm_free(our_tpm);
	swtpm_free(their_tpm);
	return 0;
}
