/*
 * What the provider costs full TLS 1.3 handshakes in which both sides show a certificate.
 *
 *   INRO_TEST_BUILD=build/release build/check/tests/bench_provider_tls [ROUNDS [MILLISECONDS]]
 *
 * 1. Both ends are in this process, over a pair of BIOs; nothing waits.
 * 2. Three servers take turns, each in a context of its own: a key file and no provider but the
 *    default one, the same file with the provider active, and a key of a software token.  The
 *    clients' key is a file.
 * 3. Told is the median of the rounds' ratios to the first: of CPU time, and of handshakes a
 *    second, which means little while others use the machine.
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

enum { RAW, ACTIVE, TOKEN, SERVERS };

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

static void tell(const char *key, unsigned threads, const struct result *results, unsigned rounds,
		 double bar)
{
	const struct result *raw = &results[RAW], *active = &results[ACTIVE],
			    *token = &results[TOKEN];
	double us[ROUNDS_MAX];

	for (unsigned i = 0; i < rounds; i++)
		us[i] = raw->cpu[i] / 1e3;
	printf("%s, %u thread%s, libcrypto alone %.0f us of CPU\n", key, threads,
	       threads > 1 ? "s" : "", bench_median(us, rounds));
	printf("  key in a token    by CPU %.3f, by rate %.3f (bar %.2f)\n",
	       ratio(raw->cpu, token->cpu, rounds), ratio(token->rate, raw->rate, rounds), bar);
	printf("  key in a file     by CPU %+.1f %%, by rate %+.1f %% (bar +3 %%)\n",
	       100 * ratio(active->cpu, raw->cpu, rounds) - 100,
	       100 * ratio(raw->rate, active->rate, rounds) - 100);
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

static void measure(const struct row *row, OSSL_LIB_CTX *with, OSSL_LIB_CTX *without,
		    const struct tls_ca *ca, unsigned rounds, unsigned ms)
{
	EVP_PKEY *keys[SERVERS] = { row->file, copy_in(with, row->file),
				    token_keys_load(with, row->uri) };
	struct tls_ends ends[SERVERS];

	for (unsigned s = 0; s < SERVERS; s++) {
		struct tls_server server = { s == RAW ? without : with, keys[s], NULL, false };

		bench_need(keys[s] != NULL, row->name);
		ends[s] = tls_ends_new(&server, ca);
		EVP_PKEY_free(keys[s]);
	}
	compare(row->name, ends, rounds, ms, row->bar);
	for (unsigned s = 0; s < SERVERS; s++)
		tls_ends_free(ends[s]);
}

int main(int argc, char **argv)
{
	unsigned rounds = argc > 1 ? (unsigned)atoi(argv[1]) : 41;
	unsigned ms = argc > 2 ? (unsigned)atoi(argv[2]) : 100;
	OSSL_LIB_CTX *with, *without;
	struct tls_ca ca = tls_ca_new();

	bench_need(rounds > 0 && rounds <= ROUNDS_MAX, "1 to 256 rounds: this number of them");
	token_keys_make();
	with = token_keys_libctx_configured(NULL);
	without = token_keys_libctx("default", NULL);
	bench_print_machine();

	const struct row rows[] = {
		{ "EC P-256", URI("ec"), EVP_PKEY_Q_keygen(without, NULL, "EC", "P-256"), 0.96 },
		{ "RSA-2048", URI("rsa"), EVP_PKEY_Q_keygen(without, NULL, "RSA", (size_t)2048),
		  0.97 },
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		measure(&rows[i], with, without, &ca, rounds, ms);
	tls_ca_free(ca);
	token_keys_libctx_free(with);
	token_keys_libctx_free(without);
	return 0;
}
