/*
 * What the provider costs full TLS 1.3 handshakes in which both sides show a certificate.
 *
 *   INRO_TEST_BUILD=build/release build/check/tests/bench_provider_tls [ROUNDS [MILLISECONDS]]
 *
 * 1. Both ends are in this process, over a pair of BIOs; nothing waits.
 * 2. Servers take turns: a key file and no provider but the default one, and with the provider
 *    active the same file and a key of a software token, both twice: with the settings that are
 *    installed for all programs of a machine, and with none.  The clients' key is a file.
 * 3. Told is the median of the rounds' ratios to the first: of CPU time, and of handshakes a
 *    second, which means little while others use the machine.
 * 4. INRO_BENCH_SETTINGS takes the place of the installed settings.
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include "tests/bench/bench.h"
#include "tests/bench/tls_ends.h"
#include "tests/lib/token_keys.h"

#define THREADS_MAX 4
#define ROUNDS_MAX  256
#define URI(label)  "pkcs11:token=line1;object=" label "?pin-value=" TOKEN_KEYS_PIN

/* Configurations, and in each two servers; the first is alone. */
enum { WITHOUT, MACHINE, BARE, CONTEXTS };
enum { RAW, IN_FILE, IN_TOKEN, SERVERS = 5 };
#define SERVER(context, where) (2 * ((context) - MACHINE) + (where))

struct result {
	double cpu[ROUNDS_MAX], rate[ROUNDS_MAX];
};

struct job {
	const struct tls_ends *ends;
	uint64_t until;
	unsigned done;
};

static void *work(void *vjob)
{
	struct job *j = vjob;

	do {
		tls_handshake(j->ends);
		j->done++;
	} while (bench_ns(CLOCK_MONOTONIC) < j->until);
	return NULL;
}

/* Handshakes on so many threads for so long. */
static void run(const struct tls_ends *ends, unsigned threads, unsigned ms, double *ret_cpu,
		double *ret_rate)
{
	struct job jobs[THREADS_MAX];
	pthread_t ids[THREADS_MAX];
	uint64_t cpu = bench_ns(CLOCK_PROCESS_CPUTIME_ID), start = bench_ns(CLOCK_MONOTONIC);
	unsigned done = 0;

	for (unsigned i = 0; i < threads; i++) {
		jobs[i] = (struct job) { .ends = ends, .until = start + ms * 1000000ULL };
		bench_need(pthread_create(&ids[i], NULL, work, &jobs[i]) == 0, "a thread");
	}
	for (unsigned i = 0; i < threads; i++) {
		pthread_join(ids[i], NULL);
		done += jobs[i].done;
	}
	*ret_cpu = (double)(bench_ns(CLOCK_PROCESS_CPUTIME_ID) - cpu) / done;
	*ret_rate = done * 1e9 / (double)(bench_ns(CLOCK_MONOTONIC) - start);
}

static double ratio(const double *of, const double *to, unsigned rounds)
{
	double r[ROUNDS_MAX];

	for (unsigned i = 0; i < rounds; i++)
		r[i] = of[i] / to[i];
	return bench_median(r, rounds);
}

/* With the provider active in one of its two configurations. */
static void tell_active(const char *settings, const struct result *raw,
			const struct result *file, const struct result *token, unsigned rounds,
			double bar)
{
	printf("  %s\n", settings);
	printf("    key in a token    by CPU %.3f, by rate %.3f (bar %.2f)\n",
	       ratio(raw->cpu, token->cpu, rounds), ratio(token->rate, raw->rate, rounds), bar);
	printf("    key in a file     by CPU %+.1f %%, by rate %+.1f %% (bar +3 %%)\n",
	       100 * ratio(file->cpu, raw->cpu, rounds) - 100,
	       100 * ratio(raw->rate, file->rate, rounds) - 100);
}

static void tell(const char *key, unsigned threads, const struct result *results, unsigned rounds,
		 double bar)
{
	static const struct {
		unsigned context;
		const char *settings;
	} rows[] = { { MACHINE, "as installed for all programs of a machine" },
		     { BARE, "without settings" } };
	double us[ROUNDS_MAX];

	for (unsigned i = 0; i < rounds; i++)
		us[i] = results[RAW].cpu[i] / 1e3;
	printf("%s, %u thread%s, libcrypto alone %.0f us of CPU\n", key, threads,
	       threads > 1 ? "s" : "", bench_median(us, rounds));
	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		tell_active(rows[i].settings, &results[RAW],
			    &results[SERVER(rows[i].context, IN_FILE)],
			    &results[SERVER(rows[i].context, IN_TOKEN)], rounds, bar);
}

static void compare(const char *key, const struct tls_ends ends[SERVERS], unsigned rounds,
		    unsigned ms, double bar)
{
	static const unsigned threads[] = { 1, THREADS_MAX };
	static struct result results[SERVERS];

	for (size_t t = 0; t < ARRAY_LEN(threads); t++) {
		for (unsigned r = 0; r < rounds; r++)
			for (unsigned i = 0; i < SERVERS; i++) {
				unsigned s = (i + r) % SERVERS;

				run(&ends[s], threads[t], ms, &results[s].cpu[r],
				    &results[s].rate[r]);
			}
		tell(key, threads[t], results, rounds, bar);
	}
}

static EVP_PKEY *copy_in(OSSL_LIB_CTX *libctx, EVP_PKEY *key)
{
	unsigned char *der = NULL;
	int n = i2d_PrivateKey(key, &der);
	const unsigned char *at = der;
	EVP_PKEY *copy = d2i_AutoPrivateKey_ex(NULL, &at, n, libctx, NULL);

	bench_need(copy != NULL, "a key file can't be read");
	OPENSSL_free(der);
	return copy;
}

struct row {
	const char *name, *uri;
	EVP_PKEY *file;
	double bar;
};

static struct tls_ends open_server(const char *name, OSSL_LIB_CTX *libctx, EVP_PKEY *key,
				   const struct tls_ca *ca)
{
	struct tls_server server = { libctx, key, NULL, false };
	struct tls_ends ends;

	bench_need(key != NULL, name);
	ends = tls_ends_new(&server, ca);
	EVP_PKEY_free(key);
	return ends;
}

static void measure(const struct row *row, OSSL_LIB_CTX *const libctx[CONTEXTS],
		    const struct tls_ca *ca, unsigned rounds, unsigned ms)
{
	struct tls_ends ends[SERVERS];

	for (unsigned c = MACHINE; c < CONTEXTS; c++) {
		ends[SERVER(c, IN_FILE)] =
			open_server(row->name, libctx[c], copy_in(libctx[c], row->file), ca);
		ends[SERVER(c, IN_TOKEN)] =
			open_server(row->name, libctx[c], token_keys_load(libctx[c], row->uri), ca);
	}
	ends[RAW] = open_server(row->name, libctx[WITHOUT], row->file, ca);
	compare(row->name, ends, rounds, ms, row->bar);
	for (unsigned s = 0; s < SERVERS; s++)
		tls_ends_free(ends[s]);
}

int main(int argc, char **argv)
{
	unsigned rounds = argc > 1 ? (unsigned)atoi(argv[1]) : 41;
	unsigned ms = argc > 2 ? (unsigned)atoi(argv[2]) : 100;
	OSSL_LIB_CTX *libctx[CONTEXTS];
	struct tls_ca ca = tls_ca_new();

	bench_need(rounds > 0 && rounds <= ROUNDS_MAX, "1 to 256 rounds: this number of them");
	token_keys_make();
	libctx[WITHOUT] = token_keys_libctx("default", NULL);
	libctx[MACHINE] = token_keys_libctx_configured(token_keys_machine_settings());
	libctx[BARE] = token_keys_libctx_configured("");
	bench_print_machine();

	const struct row rows[] = {
		{ "EC P-256", URI("ec"), EVP_PKEY_Q_keygen(libctx[WITHOUT], NULL, "EC", "P-256"), 0.96 },
		{ "RSA-2048", URI("rsa"), EVP_PKEY_Q_keygen(libctx[WITHOUT], NULL, "RSA", (size_t)2048),
		  0.97 },
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		measure(&rows[i], libctx, &ca, rounds, ms);
	tls_ca_free(ca);
	for (unsigned c = 0; c < CONTEXTS; c++)
		token_keys_libctx_free(libctx[c]);
	return 0;
}
