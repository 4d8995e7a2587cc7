/*
 * How fast a chain of events is verified, against bare SHA-256 over the same bytes.
 *
 *   build/check/tests/bench_audit [EVENTS]
 *
 * The events are written by the core, many in a transaction; both are measured in the same run, by
 * CPU time: events a second, megabytes a second of the hash alone, and how many times as long the
 * whole takes.
 */
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "backoffice/core/audit.h"
#include "backoffice/core/internal.h"
#include "tests/bench/bench.h"

#define EACH 5000
/* Domain, hash before, three numbers, texts and their lengths: what the chain hashes an event. */
#define OCTETS 220

static enum inro_err append_some(struct core *c, void *arg)
{
	long n = *(long *)arg;
	enum inro_err e = INRO_OK;

	for (long i = 0; e == INRO_OK && i < n; i++) {
		SCOPED(buf) detail = { 0 };
		const struct audit_entry entry = { "cert.issue", "device", "dev-0000000001",
						   EVENT_DONE, &detail };

		detail_text(&detail, "serial", "0123456789abcdef0123456789abcdef");
		detail_text(&detail, "profile", "tls-client");
		e = audit_append(c, &entry);
	}
	return e;
}

static void bare(long n)
{
	uint8_t block[OCTETS] = { 0 }, out[EVP_MAX_MD_SIZE];
	EVP_MD *md = EVP_MD_fetch(NULL, "SHA256", NULL);
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();

	bench_need(md && ctx, "SHA-256");
	for (long i = 0; i < n; i++) {
		bench_need(EVP_DigestInit_ex(ctx, md, NULL) == 1 &&
				   EVP_DigestUpdate(ctx, block, sizeof block) == 1 &&
				   EVP_DigestFinal_ex(ctx, out, NULL) == 1,
			   "hashing");
		memcpy(block, out, 32);
	}
	EVP_MD_CTX_free(ctx);
	EVP_MD_free(md);
}

static double seconds_since(uint64_t from)
{
	return (double)(bench_ns(CLOCK_PROCESS_CPUTIME_ID) - from) / 1e9;
}

static void measure(struct core *c, long n)
{
	struct audit_report r = { 0 };
	uint64_t from = bench_ns(CLOCK_PROCESS_CPUTIME_ID);
	double whole, hash;

	bench_need(audit_verify(c, &r) == INRO_OK, "verifying");
	whole = seconds_since(from);
	bench_need(r.count == n, "counting");
	from = bench_ns(CLOCK_PROCESS_CPUTIME_ID);
	bare(n);
	hash = seconds_since(from);
	printf("verify: %.0f events a CPU-second; SHA-256 alone %.0f; %.1f times as long\n",
	       (double)n / whole, (double)n / hash, whole / hash);
}

int main(int argc, char **argv)
{
	long n = argc > 1 ? strtol(argv[1], NULL, 10) : 200000, left = n;
	char dir[] = "/tmp/bench-audit-XXXXXX", url[128];
	struct core_options o = { .db = url, .actor = "bench", .role = ROLE_ADMIN };
	struct core *c = NULL;

	bench_need(n > 0 && mkdtemp(dir), "EVENTS and a folder");
	snprintf(url, sizeof url, "sqlite:%s/a.db", dir);
	bench_print_machine();
	bench_need(core_open(&o, &c) == INRO_OK, "opening");
	for (; left > 0; left -= EACH) {
		long some = left < EACH ? left : EACH;

		bench_need(core_write(c, append_some, &some) == INRO_OK, "writing");
	}
	measure(c, n);
	core_close(c);
	snprintf(url, sizeof url, "%s/a.db", dir);
	unlink(url);
	snprintf(url, sizeof url, "%s/a.db-wal", dir);
	unlink(url);
	snprintf(url, sizeof url, "%s/a.db-shm", dir);
	unlink(url);
	rmdir(dir);
	return 0;
}
