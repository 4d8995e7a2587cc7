/*
 * What a certificate costs from its request to its durable record, in bulk: the CA's key (P-256) in
 * a software token, records in SQLite, 500 certificates a transaction; and 'openssl ca -infiles' on
 * the same requests, in the same run.
 *
 *   build/check/tests/bench_bulk_issue [REQUESTS [OPENSSL'S REQUESTS]]
 *
 * CPU seconds of as many requests on one processor, where no other thread takes its half of a core;
 * then seconds by the clock of as many others on all.  Bars: 8 000 a CPU-second, 10 times as fast as
 * openssl by the clock.  In turns with the requests libcrypto alone verifies and makes as many signatures:
 * what nobody who issues can do without.  Every certificate is linted and verified afterwards, the
 * latter by 'openssl verify'.
 */
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#include "backoffice/core/bulk.h"
#include "backoffice/pki/csr.h"
#include "backoffice/pki/lint.h"
#include "backoffice/pki/pem.h"
#include "base/file.h"
#include "tests/bench/bench.h"
#include "tests/lib/office.h"
#include "tests/lib/scratch.h"

static struct {
	struct buf *csrs;
	struct blob *certs;
	size_t n;
} at;

static void need(enum inro_err e, const char *what)
{
	if (e != INRO_OK)
		fprintf(stderr, "%s\n", err_detail(e));
	bench_need(e == INRO_OK, what);
}

static void make_requests(size_t n)
{
	at.n = n;
	at.csrs = calloc(n, sizeof *at.csrs);
	at.certs = calloc(n, sizeof *at.certs);
	bench_need(at.csrs && at.certs, "memory");
	for (size_t i = 0; i < n; i++) {
		EVP_PKEY *key = office_key("P-256");
		char cn[32];

		snprintf(cn, sizeof cn, "dev-%06zu", i);
		office_csr(key, cn, &at.csrs[i]);
		EVP_PKEY_free(key);
	}
}

/* As a caller has them: one lot is issued while the next is there already. */
static struct bulk_lot lot_of(struct bulk_row rows[static BULK_MAX], size_t from, size_t end)
{
	size_t n = end - from < BULK_MAX ? end - from : BULK_MAX;

	for (size_t i = 0; i < n; i++)
		rows[i] = (struct bulk_row) { .csr = buf_bytes(&at.csrs[from + i]) };
	return (struct bulk_lot) { rows, n };
}

static void issue_lot(struct cred_bulk *bulk, size_t from, struct bulk_lot lot, struct bulk_lot next)
{
	need(cred_bulk_issue_ahead(bulk, lot, next), "issuing");
	for (size_t i = 0; i < lot.n; i++) {
		struct bulk_row *row = &lot.rows[i];

		need(row->error, row->why ? row->why : "a request");
		at.certs[from + i] = row->rec.cert;
		row->rec.cert = (struct blob) { 0 };
		bulk_row_clear(row);
	}
}

/* One signature by a key that is at hand, verified by it. */
struct two {
	EVP_PKEY *key;
	EVP_PKEY_CTX *sign, *verify;
};

static void two_open(struct two *t)
{
	t->key = office_key("P-256");
	t->sign = EVP_PKEY_CTX_new_from_pkey(NULL, t->key, NULL);
	t->verify = EVP_PKEY_CTX_new_from_pkey(NULL, t->key, NULL);
	bench_need(EVP_PKEY_sign_init(t->sign) > 0 && EVP_PKEY_verify_init(t->verify) > 0, "a key");
}

static void two_close(struct two *t)
{
	EVP_PKEY_CTX_free(t->sign);
	EVP_PKEY_CTX_free(t->verify);
	EVP_PKEY_free(t->key);
}

static void two_run(struct two *t, size_t n)
{
	uint8_t digest[32] = { 1 }, signature[80];

	for (size_t i = 0; i < n; i++) {
		size_t len = sizeof signature;

		digest[1] = (uint8_t)i;
		bench_need(EVP_PKEY_sign(t->sign, signature, &len, digest, sizeof digest) > 0 &&
				   EVP_PKEY_verify(t->verify, signature, len, digest,
						   sizeof digest) == 1,
			   "a signature");
	}
}

/* Microseconds of CPU for one certificate, and for one signature and verification; by the clock for
 * one certificate. */
struct cost {
	double certificate, two, clock;
};

static double cpu_us(void)
{
	return (double)bench_ns(CLOCK_PROCESS_CPUTIME_ID) / 1e3;
}

static double clock_us(void)
{
	return (double)bench_ns(CLOCK_MONOTONIC) / 1e3;
}

/* On one processor, or all that this program was given. */
static void use_one(bool one)
{
	static cpu_set_t all;
	cpu_set_t first;
	size_t i = 0;

	if (!one) {
		bench_need(sched_setaffinity(0, sizeof all, &all) == 0, "processors");
		return;
	}
	bench_need(sched_getaffinity(0, sizeof all, &all) == 0, "processors");
	while (!CPU_ISSET(i, &all))
		i++;
	CPU_ZERO(&first);
	CPU_SET(i, &first);
	bench_need(sched_setaffinity(0, sizeof first, &first) == 0, "a processor");
}

/* What is compared with it runs where no thread works meanwhile: on one processor. */
static double two_cost(struct two *two, size_t n)
{
	double from = cpu_us();

	two_run(two, n);
	return cpu_us() - from;
}

static struct cost ours(struct core *c, size_t first, size_t end, bool alone)
{
	static struct bulk_row rows[2][BULK_MAX];
	const struct bulk_order order = { .ca = "issuing", .profile = "tls-client" };
	struct cred_bulk *bulk;
	struct cost spent = { 0 };
	struct bulk_lot lot, next;
	struct two two;

	need(cred_bulk_open(c, &order, &bulk), "opening the CA");
	two_open(&two);
	lot = lot_of(rows[0], first, end);
	for (size_t i = first, turn = 1; i < end; i += lot.n, lot = next, turn = !turn) {
		double from = cpu_us(), begun = clock_us();

		next = lot_of(rows[turn], i + lot.n, end);
		issue_lot(bulk, i, lot, next);
		spent.certificate += cpu_us() - from;
		spent.clock += clock_us() - begun;
		spent.two += alone ? two_cost(&two, lot.n) : 0;
	}
	two_close(&two);
	cred_bulk_close(bulk);
	end -= first;
	return (struct cost) { spent.certificate / (double)end, spent.two / (double)end,
			       spent.clock / (double)end };
}

/* ---- openssl ---- */

static void write_text(const char *name, struct bytes text)
{
	need(file_write(scratch_path(name), 0600, text), name);
}

static void write_pem(const char *name, const char *label, struct bytes der)
{
	SCOPED(buf) pem = { 0 };

	pem_add(&pem, label, der);
	write_text(name, buf_bytes(&pem));
}

static void run(const char *script, size_t n)
{
	SCOPED(buf) text = { 0 };
	int status;

	buf_addf(&text, "cd '%s' && N=%zu && ", scratch_dir(), n);
	buf_add_str(&text, script);
	buf_add_u8(&text, 0);
	status = system((const char *)text.p);
	bench_need(WIFEXITED(status) && WEXITSTATUS(status) == 0, script);
}

static double children_ns(void)
{
	struct rusage u;

	getrusage(RUSAGE_CHILDREN, &u);
	return (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) * 1e9 +
	       (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) * 1e3;
}

static const char config[] = "[ca]\ndefault_ca = one\n"
			     "[one]\ndatabase = index.txt\nnew_certs_dir = new\nserial = serial\n"
			     "certificate = ca.pem\nprivate_key = ca.key\ndefault_md = sha256\n"
			     "default_days = 397\npolicy = any\nx509_extensions = leaf\n"
			     "unique_subject = no\nemail_in_dn = no\n"
			     "[any]\ncommonName = supplied\n"
			     "[leaf]\nbasicConstraints = critical,CA:FALSE\n"
			     "keyUsage = critical,digitalSignature\nextendedKeyUsage = clientAuth\n"
			     "subjectKeyIdentifier = hash\nauthorityKeyIdentifier = keyid\n";

/* Certificates a second, of CPU and by the clock. */
struct rate {
	double cpu, clock;
};

static struct rate openssl_ca(size_t n)
{
	double from, spent, begun;

	need(file_make_dir(scratch_path("csr")), "a folder");
	need(file_make_dir(scratch_path("new")), "a folder");
	for (size_t i = 0; i < n; i++) {
		char name[32];

		snprintf(name, sizeof name, "csr/%06zu", i);
		write_pem(name, PEM_CSR, buf_bytes(&at.csrs[i]));
	}
	write_text("ca.cnf", bytes_of(config));
	run("openssl req -x509 -new -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes "
	    "-keyout ca.key -out ca.pem -subj /CN=Judge -days 3650 >log 2>&1 && "
	    ": >index.txt && echo 01 >serial",
	    n);
	from = children_ns();
	begun = clock_us();
	run("openssl ca -config ca.cnf -batch -notext -out all.pem -infiles csr/* >log 2>&1", n);
	spent = children_ns() - from;
	begun = clock_us() - begun;
	run("[ $(ls new | wc -l) = $N ] || { tail -n 5 log >&2; false; }", n);
	return (struct rate) { (double)n * 1e9 / spent, (double)n * 1e6 / begun };
}

/* ---- what was issued is right ---- */

static void lint_certificates(const struct blob *issuer)
{
	SCOPED(cert) ca = { 0 };

	need(cert_read(blob_bytes(issuer), &ca), "the CA's certificate");
	for (size_t i = 0; i < at.n; i++) {
		SCOPED(cert) one = { 0 };

		need(cert_read(blob_bytes(&at.certs[i]), &one), "a certificate");
		need(lint(&one, &ca), "lint");
		need(cert_verify(&one, &ca.key), "a signature");
	}
}

static void verify_all(struct core *c)
{
	SCOPED(chain) chain = { 0 };

	need(ca_chain(c, "issuing", 0, &chain), "the chain");
	write_pem("between.pem", PEM_CERT, blob_bytes(&chain.certs[0]));
	write_pem("root.pem", PEM_CERT, blob_bytes(&chain.certs[1]));
	lint_certificates(&chain.certs[0]);
	need(file_make_dir(scratch_path("out")), "a folder");
	for (size_t i = 0; i < at.n; i++) {
		char name[32];

		snprintf(name, sizeof name, "out/%06zu.pem", i);
		write_pem(name, PEM_CERT, blob_bytes(&at.certs[i]));
	}
	run("find out -name '*.pem' | xargs -n 500 openssl verify -x509_strict -purpose sslclient "
	    "-CAfile root.pem -untrusted between.pem >verified 2>&1 && "
	    "[ $(grep -c ': OK' verified) = $N ]",
	    at.n);
}

int main(int argc, char **argv)
{
	size_t n = argc > 1 ? strtoul(argv[1], NULL, 10) : 10000;
	size_t theirs_n = argc > 2 ? strtoul(argv[2], NULL, 10) : 1000;
	struct cost alone, us;
	struct rate them;
	struct core *c;

	bench_print_machine();
	bench_need(n > 0 && theirs_n > 0 && theirs_n <= n, "openssl gets some of the same requests");
	office_tokens();
	c = office_open("bulk.db");
	office_make_cas(c, "bulk");
	make_requests(2 * n);
	use_one(true);
	alone = ours(c, 0, n, true);
	use_one(false);
	printf("%zu requests on one processor: %.0f a CPU-second (bar 8000), %.1f us each\n", n,
	       1e6 / alone.certificate, alone.certificate);
	printf("one verification and one signature by libcrypto alone: %.1f us; ours takes %.2f "
	       "times that\n",
	       alone.two, alone.certificate / alone.two);
	us = ours(c, n, 2 * n, false);
	printf("%zu requests on all processors: %.0f a second, %.1f us of CPU each\n", n,
	       1e6 / us.clock, us.certificate);
	them = openssl_ca(theirs_n);
	printf("openssl ca -infiles, %zu of them: %.0f a CPU-second, %.0f a second\n", theirs_n,
	       them.cpu, them.clock);
	printf("ratio by CPU %.1f (%.1f if nothing were left but the two)\n",
	       1e6 / alone.certificate / them.cpu, 1e6 / alone.two / them.cpu);
	printf("ratio by the clock %.1f (bar 10)\n", 1e6 / us.clock / them.clock);
	verify_all(c);
	printf("openssl verify and lint accept all %zu\n", 2 * n);
	core_close(c);
	return 0;
}
