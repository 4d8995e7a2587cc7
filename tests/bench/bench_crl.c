/*
 * What a revocation list costs: made by the back office from its database, signed by a token's key,
 * and by `openssl ca -gencrl` from an index of the same certificates, in one run.
 *
 *   build/check/tests/bench_crl [ENTRIES]
 *
 * Prints the CPU time and the greatest memory of each, and the ratios.  Each is a process of its
 * own; openssl judges the list that we made.  A third one makes a list in a process that has logged
 * in to the token before: scrypt's memory at the login is not in its figures.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "backoffice/pki/crl.h"
#include "base/file.h"
#include "tests/lib/office.h"

static long entries = 1000000;

static void need(bool good, const char *what)
{
	if (good)
		return;
	fprintf(stderr, "bench_crl: %s: %s\n", what, err_detail(INRO_E_ARG));
	_exit(1);
}

#define OK(x) need((x) == INRO_OK, #x)

static struct rusage in_child(void (*work)(void))
{
	struct rusage u = { 0 };
	int status = -1;
	pid_t pid = fork();

	if (pid == 0) {
		work();
		_exit(0);
	}
	need(pid > 0 && wait4(pid, &status, 0, &u) == pid && status == 0, "a step of the bench");
	return u;
}

static double cpu(const struct rusage *u)
{
	return (double)(u->ru_utime.tv_sec + u->ru_stime.tv_sec) +
	       (double)(u->ru_utime.tv_usec + u->ru_stime.tv_usec) / 1e6;
}

/* ---- ours ---- */

static void fill(void)
{
	struct core *c = office_open("bench");
	char *sql = NULL;

	office_make_cas(c, "bench");
	core_close(c);
	need(asprintf(&sql,
		      "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < "
		      "%ld) INSERT INTO credential (tenant, kind, state, ca, profile, subject, "
		      "key_uri, serial, fingerprint, cert, not_before, not_after, revoked_at, "
		      "reason, listed_at, fails, ca_generation, created_ms, updated_ms) SELECT 1, "
		      "'certificate', 'revoked', ca.id, 'tls-client', 'CN=x', '', "
		      "CAST(printf('%%016d', i) AS BLOB), CAST(printf('%%012d%%020d', i, 0) AS BLOB), "
		      "zeroblob(400), "
		      "1700000000, 4000000000, 1700000000 + i, 1 + i %% 5, 1700000000 + i, 0, 1, "
		      "0, 0 FROM n, ca WHERE ca.name = 'issuing'",
		      entries) > 0,
	     "a statement");
	office_sql("bench", sql);
	free(sql);
}

static void make_list(struct core *c, const char *file)
{
	const struct crl_wish wish = { .ca = "issuing", .file = file };
	SCOPED(crl) list = { 0 };
	struct crl_info info;

	OK(ca_crl_list(c, &wish, &list, &info));
	need((long)info.entries == entries, "entries are missing");
	OK(crl_save(&list, file, 0644));
}

static void ours(void)
{
	struct core *c = office_open("bench");

	make_list(c, "ours.der");
	core_close(c);
}

/* ---- ours, without the login ---- */

static double own_cpu(void)
{
	struct rusage u;

	need(getrusage(RUSAGE_SELF, &u) == 0, "getrusage");
	return cpu(&u);
}

/* Megabytes. */
static double status_of(const char *name)
{
	char line[128];
	long kib = 0;
	FILE *f = fopen("/proc/self/status", "re");

	need(f != NULL, "/proc/self/status");
	while (fgets(line, sizeof line, f))
		if (strncmp(line, name, strlen(name)) == 0)
			kib = strtol(line + strlen(name), NULL, 10);
	fclose(f);
	return (double)kib / 1024;
}

/* The greatest memory from now on (proc(5), clear_refs); false: this kernel does not do it. */
static bool forget_peak(void)
{
	FILE *f = fopen("/proc/self/clear_refs", "we");
	bool good = f && fputs("5", f) >= 0;

	return f && fclose(f) == 0 && good;
}

static double *list_alone; /* shared with the process that measures it */

static void logged_in(void)
{
	struct core *c = office_open("bench");
	double before, spent;
	bool told;

	make_list(c, "first.der");
	told = forget_peak();
	before = status_of("VmRSS:");
	spent = own_cpu();
	make_list(c, "second.der");
	spent = own_cpu() - spent;
	if (told)
		printf("logged in before       %8.3f s of CPU  %7.1f MB, of which %.1f MB before "
		       "the list was begun\n",
		       spent, status_of("VmHWM:"), before);
	fflush(stdout);
	*list_alone = spent;
	core_close(c);
}

/* ---- theirs ---- */

static void put_text(const char *path, const char *text)
{
	OK(file_write(path, 0600, bytes_of(text)));
}

static void index_of(void)
{
	FILE *f = fopen("index.txt", "w");

	need(f != NULL, "an index");
	for (long i = 1; i <= entries; i++)
		fprintf(f, "R\t961001000000Z\t231114221320Z,keyCompromise\t40%030lX\tunknown\t/CN=x\n",
			(unsigned long)i);
	need(fclose(f) == 0, "an index");
	put_text("index.txt.attr", "unique_subject = no\n");
	put_text("number", "01\n");
	put_text("ca.cnf", "[ca]\ndefault_ca = c\n[c]\ndatabase = index.txt\ncrlnumber = number\n"
			   "default_md = sha256\nprivate_key = key.pem\ncertificate = cert.pem\n"
			   "default_crl_days = 7\ncrl_extensions = e\n[e]\n"
			   "authorityKeyIdentifier = keyid\n[req]\ndistinguished_name = d\n"
			   "x509_extensions = v\n[d]\n[v]\nbasicConstraints = CA:TRUE\n"
			   "subjectKeyIdentifier = hash\n");
	need(system("openssl req -x509 -config ca.cnf -newkey ec -pkeyopt "
		    "ec_paramgen_curve:prime256v1 -nodes -keyout key.pem -out cert.pem -subj /CN=x "
		    "2>/dev/null") == 0,
	     "a CA of openssl's");
}

static void theirs(void)
{
	execlp("openssl", "openssl", "ca", "-config", "ca.cnf", "-gencrl", "-out", "theirs.pem",
	       (char *)NULL);
}

static void write_issuer(void)
{
	struct core *c = office_open("bench");
	SCOPED(ca_view) v = { 0 };

	OK(ca_get(c, "issuing", &v));
	OK(file_write("issuing.der", 0644, blob_bytes(&v.rec.cert)));
	core_close(c);
}

static void judge(void)
{
	need(system("openssl x509 -inform DER -in issuing.der -out issuing.pem && openssl crl "
		    "-inform DER -in ours.der -CAfile issuing.pem -noout 2>verdict && grep -q "
		    "'verify OK' verdict") == 0,
	     "openssl does not accept the list");
}

static void print(const char *who, const struct rusage *u)
{
	printf("%-22s %8.3f s of CPU  %7.1f MB  %8.0f entries/s\n", who, cpu(u),
	       (double)u->ru_maxrss / 1024, (double)entries / cpu(u));
}

int main(int argc, char **argv)
{
	struct rusage us, them;

	entries = argc > 1 ? strtol(argv[1], NULL, 10) : entries;
	need(entries > 0 && entries < 100000000, "usage: bench_crl [ENTRIES]");
	office_tokens();
	need(chdir(getenv("INRO_HOME")) == 0, "a folder");
	list_alone = mmap(NULL, sizeof *list_alone, PROT_READ | PROT_WRITE,
			  MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	need(list_alone != MAP_FAILED, "memory");
	in_child(fill);
	in_child(index_of);
	us = in_child(ours);
	in_child(logged_in);
	them = in_child(theirs);
	in_child(write_issuer);
	judge();
	print("inro ca crl", &us);
	print("openssl ca -gencrl", &them);
	printf("%.1f times as fast, %.1f times with the token logged in to before\n",
	       cpu(&them) / cpu(&us), cpu(&them) / *list_alone);
	return 0;
}
