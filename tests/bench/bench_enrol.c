/*
 * bench_enrol - what enrolment over the network takes, beside what it can't do without, in one run:
 * `inro serve` on a SQLite database, its CA's key in a software token, client and server on the same
 * processors.
 *
 *   build/check/tests/bench_enrol [SECONDS [CONNECTIONS [WHAT]]]      WHAT: new, kept, rest, batch; all when not said
 *
 * EST simpleenroll with a new connection each, both sides showing a certificate, in turns with a bare
 * TLS server that has the same certificate; the same on connections that stay; registering a device
 * and issuing for it by REST, by two requests, by one, and by lines of a batch, in turns with both done
 * in bulk in this process on a database beside it; the server's memory after that, and how long one takes to its first answer.
 */
#include <errno.h>
#include <openssl/pem.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "backoffice/core/bulk.h"
#include "backoffice/core/device.h"
#include "backoffice/core/import.h"
#include "base/file.h"
#include "tests/bench/bench.h"
#include "tests/bench/load.h"
#include "tests/lib/office.h"
#include "tests/lib/scratch.h"

#define EACH	3  /* turns of a ratio */
#define DEVICES 64
#define BULK	100
#define BATCH	100 /* lines of one request */
#define LAST_WORDS 2000 /* octets of them */
#define ANSWER	"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"

static void need(enum inro_err e, const char *what)
{
	if (e != INRO_OK)
		fprintf(stderr, "%s: %s\n", what, err_detail(e));
	bench_need(e == INRO_OK, what);
}

static double now_s(void)
{
	return (double)bench_ns(CLOCK_MONOTONIC) / 1e9;
}

/* ---- devices that have a certificate, and requests made beforehand ---- */

static struct {
	EVP_PKEY *key;
	X509 *cert;
} devices[DEVICES];

static struct {
	struct buf *csrs;
	size_t n, of; /* the i-th is of the name PREFIX-(i % of) */
	const char *prefix;
	atomic_size_t at;   /* the next that nobody has sent */
	atomic_size_t late; /* made when it was to be sent: the stock was too small for this machine */
} stock;

static void make_device(struct core *c, size_t i)
{
	SCOPED(device) d = { 0 };
	SCOPED(cred) cert = { 0 };
	SCOPED(buf) csr = { 0 };
	struct cred_request r = { .ca = "issuing", .profile = "tls-client" };
	char id[32];

	snprintf(id, sizeof id, "est-%zu", i);
	need(device_add(c, id, &(struct device_fields) { 0 }, &d), "a device");
	devices[i].key = office_key("P-256");
	office_csr(devices[i].key, id, &csr);
	r.csr = buf_bytes(&csr);
	r.device = id;
	need(cred_issue(c, &r, &cert), "its certificate");
	devices[i].cert = office_x509(&cert.rec.cert);
}

static void make_request(size_t i, struct buf *ret)
{
	EVP_PKEY *key = office_key("P-256");
	char cn[32];

	snprintf(cn, sizeof cn, "%s-%zu", stock.prefix, i % stock.of);
	office_csr(key, cn, ret);
	EVP_PKEY_free(key);
}

/* The n-th request is for device n modulo `of` of such names. */
static void make_stock(size_t n, const char *prefix, size_t of)
{
	for (size_t i = 0; i < stock.n; i++)
		buf_clear(&stock.csrs[i]);
	free(stock.csrs);
	stock.csrs = calloc(n, sizeof *stock.csrs);
	bench_need(stock.csrs != NULL, "memory");
	stock.n = n;
	stock.of = of;
	stock.prefix = prefix;
	stock.at = stock.late = 0;
	for (size_t i = 0; i < n; i++)
		make_request(i, &stock.csrs[i]);
}

static size_t take_one(void)
{
	return atomic_fetch_add(&stock.at, 1);
}

/* Borrowed from the stock, or from *own. */
static struct bytes request_of(size_t i, struct buf *own)
{
	if (i < stock.n)
		return buf_bytes(&stock.csrs[i]);
	atomic_fetch_add(&stock.late, 1);
	buf_reset(own);
	make_request(i, own);
	return buf_bytes(own);
}

static void tell_late(void)
{
	if (stock.late)
		printf("%zu of these requests were made while they were sent, which takes from the rates\n",
		       (size_t)stock.late);
	stock.late = 0;
}

static void add_base64(struct buf *b, struct bytes der)
{
	size_t n = (der.n + 2) / 3 * 4;
	unsigned char *text = malloc(n + 1);

	bench_need(text != NULL, "memory");
	EVP_EncodeBlock(text, der.p, (int)der.n);
	buf_add(b, BYTES(text, n));
	free(text);
}

static void add_post(struct buf *b, const char *path, const char *head, struct bytes body)
{
	buf_addf(b, "POST %s HTTP/1.1\r\nHost: localhost\r\n%sContent-Length: %zu\r\n\r\n", path, head,
		 body.n);
	buf_add(b, body);
}

/* ---- EST ---- */

static _Thread_local size_t me; /* the device whose turn it is in this client's thread */

static int show_cert(SSL *ssl, X509 **cert, EVP_PKEY **key)
{
	(void)ssl;
	X509_up_ref(*cert = devices[me].cert);
	EVP_PKEY_up_ref(*key = devices[me].key);
	return 1;
}

static void add_enrolment(struct buf *ret, size_t i)
{
	SCOPED(buf) body = { 0 };
	SCOPED(buf) own = { 0 };

	add_base64(&body, request_of(i, &own));
	add_post(ret, "/.well-known/est/issuing/simpleenroll", "Content-Type: application/pkcs10\r\n",
		 buf_bytes(&body));
}

static void enrol_anew(void *arg, unsigned who, unsigned long n, struct buf *ret)
{
	size_t i = take_one();

	(void)arg;
	(void)who;
	(void)n;
	me = i % DEVICES;
	add_enrolment(ret, i);
}

/* A connection stays its device's, and the stock has its requests at each DEVICES-th place. */
static void enrol_kept(void *arg, unsigned who, unsigned long n, struct buf *ret)
{
	size_t i = n * DEVICES + who;

	(void)arg;
	me = who;
	add_enrolment(ret, i);
}

/* ---- REST ---- */

static char token[128];

static void add_csr(struct buf *b, size_t i)
{
	SCOPED(buf) own = { 0 };

	buf_add_str(b, "\"ca\":\"issuing\",\"profile\":\"tls-client\",\"csr\":\""
		       "-----BEGIN CERTIFICATE REQUEST-----\\n");
	add_base64(b, request_of(i, &own));
	buf_add_str(b, "\\n-----END CERTIFICATE REQUEST-----\\n\"}");
}

static void add_typed(struct buf *ret, const char *path, const char *type, struct bytes body)
{
	char head[256];

	snprintf(head, sizeof head, "Content-Type: application/%s\r\nAuthorization: Bearer %s\r\n", type,
		 token);
	add_post(ret, path, head, body);
}

static void add_json(struct buf *ret, const char *path, struct bytes body)
{
	add_typed(ret, path, "json", body);
}

/* One request registers the device, the next issues for it. */
static void register_and_issue(void *arg, unsigned who, unsigned long n, struct buf *ret)
{
	static _Thread_local size_t i;
	SCOPED(buf) body = { 0 };

	(void)arg;
	(void)who;
	i = n % 2 ? i : take_one();
	buf_addf(&body, n % 2 ? "{\"device\":\"rest-%zu\"," : "{\"no_psk\":true,\"id\":\"rest-%zu\"}", i);
	if (n % 2)
		add_csr(&body, i);
	add_json(ret, n % 2 ? "/v1/certificates" : "/v1/devices", buf_bytes(&body));
}

/* One request does both. */
static void register_with(void *arg, unsigned who, unsigned long n, struct buf *ret)
{
	size_t i = take_one();
	SCOPED(buf) body = { 0 };

	(void)arg;
	(void)who;
	(void)n;
	buf_addf(&body, "{\"no_psk\":true,\"id\":\"rest-%zu\",", i);
	add_csr(&body, i);
	add_json(ret, "/v1/devices", buf_bytes(&body));
}

/* One request does both for BATCH devices. */
static void register_batch(void *arg, unsigned who, unsigned long n, struct buf *ret)
{
	SCOPED(buf) body = { 0 };

	(void)arg;
	(void)who;
	(void)n;
	for (int k = 0; k < BATCH; k++) {
		size_t i = take_one();

		buf_addf(&body, "{\"command\":\"device add\",\"in\":{\"no_psk\":true,\"id\":\"rest-%zu\",", i);
		add_csr(&body, i);
		buf_add_str(&body, "}\n");
	}
	add_typed(ret, "/v1/batch", "x-ndjson", buf_bytes(&body));
}

static bool all_done(const char *answer)
{
	size_t n = 0;

	for (const char *at = answer; (at = strstr(at, "\"status\":200,")); at++)
		n++;
	return n == BATCH;
}

/* ---- the same in this process ---- */

static void import(struct core *c, size_t n)
{
	SCOPED(buf) csv = { 0 };
	const struct import_options o = { .format = IMPORT_CSV };
	struct import_report report;
	FILE *f;

	buf_add_str(&csv, "id\n");
	for (size_t i = 0; i < n; i++)
		buf_addf(&csv, "rest-%zu\n", stock.at + i);
	f = fmemopen(csv.p, csv.n, "r");
	bench_need(f != NULL, "memory");
	need(import_devices(c, f, &o, &report), "devices");
	fclose(f);
	bench_need(report.counts[IMPORT_ADDED] == (int64_t)n, "devices");
}

static void bulk(struct core *c, struct cred_bulk *b)
{
	static struct bulk_row rows[BULK];
	static struct buf own[BULK];
	static char ids[BULK][32];

	import(c, BULK);
	for (size_t k = 0; k < BULK; k++) {
		size_t i = take_one();

		snprintf(ids[k], sizeof ids[k], "rest-%zu", i);
		rows[k] = (struct bulk_row) { .csr = request_of(i, &own[k]), .device = ids[k] };
	}
	need(cred_bulk_issue(b, rows, BULK), "issuing");
	for (size_t k = 0; k < BULK; k++) {
		need(rows[k].error, "a row");
		bulk_row_clear(&rows[k]);
	}
}

static double bulk_rate(struct core *c, struct cred_bulk *b, double seconds, double *ret_cpu_us)
{
	double from = now_s(), cpu = (double)bench_ns(CLOCK_PROCESS_CPUTIME_ID);
	size_t n = 0;

	for (; n == 0 || now_s() - from < seconds; n += BULK)
		bulk(c, b);
	*ret_cpu_us = ((double)bench_ns(CLOCK_PROCESS_CPUTIME_ID) - cpu) / 1e3 / (double)n;
	return (double)n / (now_s() - from);
}

/* ---- the server ---- */

static struct {
	pid_t pid; /* 0: it does not run */
	char log[4096];
	unsigned plain, tls;
	double start_ms;
} server;

static SSL_CTX *bare_ctx;

static int take_any(int good, X509_STORE_CTX *x)
{
	(void)good;
	(void)x;
	return 1;
}

/* Whatever this program ends for: why the server is not there, or does not answer, it says itself. */
static void tell_last_words(void)
{
	char words[LAST_WORDS + 1];
	FILE *f = server.pid ? fopen(server.log, "re") : NULL;
	size_t n;

	if (!f)
		return;
	if (fseek(f, -LAST_WORDS, SEEK_END) != 0)
		rewind(f);
	n = fread(words, 1, LAST_WORDS, f);
	fclose(f);
	while (n && words[n - 1] == '\n')
		n--;
	words[n] = '\0';
	fprintf(stderr, "the server's last words: %s\n", n ? words : "none");
}

/* The certificate of both, in a file for ours. */
static void make_identity(void)
{
	FILE *f = fopen(scratch_path("tls.pem"), "we");

	bare_ctx = load_server_ctx();
	bench_need(f && PEM_write_PrivateKey(f, SSL_CTX_get0_privatekey(bare_ctx), NULL, NULL, 0, NULL,
					     NULL) &&
			   PEM_write_X509(f, SSL_CTX_get0_certificate(bare_ctx)) && fclose(f) == 0,
		   "a key");
	SSL_CTX_set_verify(bare_ctx, SSL_VERIFY_PEER, take_any);
	SSL_CTX_set_session_cache_mode(bare_ctx, SSL_SESS_CACHE_OFF);
	SSL_CTX_set_num_tickets(bare_ctx, 0);
}

static unsigned port_after(const char *log, const char *scheme)
{
	const char *at = strstr(log, scheme);
	const char *colon = at ? strchr(at + strlen(scheme), ':') : NULL;

	return colon ? (unsigned)strtoul(colon + 1, NULL, 10) : 0;
}

static void wait_for_ports(void)
{
	for (int i = 0; !server.plain || !server.tls; i++) {
		SCOPED(buf) text = { 0 };

		bench_need(i < 60000 && waitpid(server.pid, NULL, WNOHANG) == 0, "the server");
		usleep(1000);
		need(file_read(server.log, 65536, &text), "its log");
		buf_add_u8(&text, 0);
		server.plain = port_after((const char *)text.p, "\"http://");
		server.tls = port_after((const char *)text.p, "\"https://");
	}
}

static void start_server(void)
{
	char program[4096], pem[4096];
	struct load first = { .clients = 1,
			      .request = bytes_of("GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n") };
	struct load_result r;
	double from = now_s();

	snprintf(program, sizeof program, "%s/bin/inro", getenv("INRO_TEST_BUILD"));
	snprintf(pem, sizeof pem, "%s", scratch_path("tls.pem"));
	snprintf(server.log, sizeof server.log, "%s", scratch_file("serve.log", "", 0));
	atexit(tell_last_words);
	server.pid = fork();
	if (server.pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		bench_need(freopen(server.log, "a", stderr) && freopen("/dev/null", "w", stdout), "a log");
		execl(program, program, "serve", "--listen", "127.0.0.1:0", "--http", "127.0.0.1:0",
		      "--tls-key", pem, "--tls-cert", pem, "--requests-per-peer", "1000000",
		      "--requests-per-account", "1000000", (char *)NULL);
		fprintf(stderr, "%s: %s\n", program, strerror(errno));
		fflush(stderr);
		_exit(127);
	}
	wait_for_ports();
	first.port = server.plain;
	load_run(&first, &r);
	server.start_ms = (now_s() - from) * 1000;
}

static double server_peak_mb(void)
{
	char path[64], line[256];
	double kb = 0;
	FILE *f;

	snprintf(path, sizeof path, "/proc/%d/status", (int)server.pid);
	f = fopen(path, "re");
	while (f && fgets(line, sizeof line, f))
		if (strncmp(line, "VmHWM:", 6) == 0)
			kb = strtod(line + 6, NULL);
	bench_need(f && fclose(f) == 0 && kb > 0, path);
	return kb / 1024;
}

/* In µs; the kernel counts in hundredths of a second. */
static double cpu_us(pid_t pid)
{
	char path[64], line[1024] = "";
	unsigned long user = 0, system = 0;
	const char *at;
	FILE *f;

	snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
	f = fopen(path, "re");
	bench_need(f && fgets(line, sizeof line, f) && fclose(f) == 0, path);
	at = strrchr(line, ')');
	bench_need(at && sscanf(at, ") %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu", &user,
				&system) == 2, path);
	return (double)(user + system) * 1e6 / (double)sysconf(_SC_CLK_TCK);
}

/* A run, and what one request of it took of the server's processors. */
static double run_load(const struct load *l, struct load_result *ret)
{
	double from = cpu_us(server.pid);

	load_run(l, ret);
	return ret->n ? (cpu_us(server.pid) - from) / (double)ret->n : 0;
}

/* ---- what is measured ---- */

static double seconds = 4;
static unsigned clients = 32;

static SSL_CTX *client_ctx(void)
{
	SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());

	bench_need(ctx != NULL, "memory");
	SSL_CTX_set_client_cert_cb(ctx, show_cert);
	return ctx;
}

/* What was measured in the turns, of ours and of the bare server: rates, and CPU in us of one. */
struct anew {
	double rate[EACH], bare[EACH], ratio[EACH];
	double cpu[EACH], client[EACH], bare_cpu[EACH], bare_client[EACH], ratio_cpu[EACH];
};

/* The bare server is in this process: what the clients leave of its CPU. */
static void run_bare(const struct load *l, struct load_result *ret, double *ret_cpu)
{
	double from = (double)bench_ns(CLOCK_PROCESS_CPUTIME_ID) / 1e3;

	load_run(l, ret);
	*ret_cpu = ((double)bench_ns(CLOCK_PROCESS_CPUTIME_ID) / 1e3 - from) / (double)ret->n - ret->cpu_us;
}

static void one_turn(const struct load *est, const struct load *bare, struct anew *m, int i)
{
	struct load_result a, b;

	m->cpu[i] = run_load(est, &a);
	run_bare(bare, &b, &m->bare_cpu[i]);
	m->rate[i] = a.rate;
	m->bare[i] = b.rate;
	m->ratio[i] = a.rate / b.rate;
	m->client[i] = a.cpu_us;
	m->bare_client[i] = b.cpu_us;
	m->ratio_cpu[i] = (m->bare_cpu[i] + b.cpu_us) / (m->cpu[i] + a.cpu_us);
}

static void measure_est_anew(SSL_CTX *ctx)
{
	struct load est = { .tls = ctx, .clients = clients, .new_each = true, .make = enrol_anew,
			    .port = server.tls, .seconds = seconds / EACH / 2 };
	struct load bare = est;
	struct anew m;

	make_stock((size_t)(seconds * 3000) + 500, "est", DEVICES);
	bare.make = NULL;
	bare.request = bytes_of("GET / HTTP/1.1\r\n\r\n");
	bare.port = load_bare_server(bare_ctx, ANSWER, 8);
	for (int i = 0; i < EACH; i++)
		one_turn(&est, &bare, &m, i);
	printf("EST, a new connection with certificates each  %6.0f/s   bare TLS %6.0f/s   ratio %.2f "
	       "(bar 0.8)   CPU %.0f us\n",
	       bench_median(m.rate, EACH), bench_median(m.bare, EACH), bench_median(m.ratio, EACH),
	       bench_median(m.cpu, EACH));
	printf("  by CPU of server and client together: ratio %.2f   its client %.0f us   bare TLS %.0f "
	       "us, its client %.0f\n",
	       bench_median(m.ratio_cpu, EACH), bench_median(m.client, EACH),
	       bench_median(m.bare_cpu, EACH), bench_median(m.bare_client, EACH));
	tell_late();
}

static void measure_est_kept(SSL_CTX *ctx)
{
	struct load est = { .tls = ctx, .clients = clients, .make = enrol_kept, .port = server.tls,
			    .seconds = seconds / 2 };
	struct load_result r;
	double cpu;

	make_stock(DEVICES * ((size_t)(seconds * 4000 / clients) + 20), "est", DEVICES);
	cpu = run_load(&est, &r);
	printf("EST, connections that stay                    %6.0f/s   p50 %.1f ms   p99 %.1f ms "
	       "(bar 2000/s)   CPU %.0f us\n",
	       r.rate, r.p50_ms, r.p99_ms, cpu);
	tell_late();
}

static bool is_wanted(const char *what, const char *name)
{
	return !what || strcmp(what, name) == 0;
}

struct rest_way {
	const char *name;
	void (*make)(void *arg, unsigned who, unsigned long n, struct buf *ret);
	double devices; /* of one request */
	int status;
	bool (*good)(const char *answer);
};

static const struct rest_way by_two = { "by 2 requests", register_and_issue, 0.5, 201, NULL };
static const struct rest_way by_one = { "by 1 request", register_with, 1, 201, NULL };
static const struct rest_way by_lines = { "by lines of a batch", register_batch, BATCH, 200, all_done };

static void measure_rest(SSL_CTX *ctx, struct core *aside, const struct rest_way *way)
{
	const struct bulk_order order = { .ca = "issuing", .profile = "tls-client" };
	struct load rest = { .tls = ctx, .clients = clients, .make = way->make, .good = way->good,
			     .status = way->status, .port = server.tls, .seconds = seconds / EACH / 2 };
	double ratios[EACH], ours[EACH], raw[EACH], cpu[EACH], bulk_cpu[EACH];
	struct cred_bulk *b;

	need(cred_bulk_open(aside, &order, &b), "the CA");
	for (int i = 0; i < EACH; i++) {
		struct load_result a;

		cpu[i] = run_load(&rest, &a) / way->devices;
		ours[i] = a.rate * way->devices;
		raw[i] = bulk_rate(aside, b, seconds / EACH / 2, &bulk_cpu[i]);
		ratios[i] = ours[i] / raw[i];
	}
	cred_bulk_close(b);
	printf("REST, devices with certificates, %-19s  %6.0f/s   in bulk  %6.0f/s   ratio %.2f "
	       "(bar 0.7)   CPU %.0f us, in bulk %.0f\n",
	       way->name, bench_median(ours, EACH), bench_median(raw, EACH), bench_median(ratios, EACH),
	       bench_median(cpu, EACH), bench_median(bulk_cpu, EACH));
	tell_late();
}

static void measure_rest_all(SSL_CTX *ctx, struct core *aside, const char *what)
{
	bool batch = is_wanted(what, "batch"), each = is_wanted(what, "rest");

	if (!batch && !each)
		return;
	make_stock((size_t)(seconds * ((batch ? 5500 : 0) + (each ? 9000 : 0))) + 1000, "rest", SIZE_MAX);
	if (each) {
		measure_rest(ctx, aside, &by_two);
		measure_rest(ctx, aside, &by_one);
	}
	if (batch)
		measure_rest(ctx, aside, &by_lines);
}

/* ---- a back office with an account ---- */

static void ask_program(const char *arguments, char *answer, size_t cap)
{
	char command[8192];
	FILE *f;

	snprintf(command, sizeof command, "'%s/bin/inro' %s", getenv("INRO_TEST_BUILD"), arguments);
	f = popen(command, "re");
	bench_need(f != NULL, arguments);
	if (!fgets(answer, (int)cap, f))
		*answer = 0;
	bench_need(pclose(f) == 0, arguments);
	answer[strcspn(answer, "\n")] = 0;
}

static void make_token_for_rest(void)
{
	char told[512];

	setenv("INRO_DB", office_url("serve"), 1);
	setenv("INRO_PIN", OFFICE_PIN, 1);
	setenv("INRO_NEW_PASSWORD", "correct horse battery", 1);
	setenv("INRO_PASSWORD", "correct horse battery", 1);
	ask_program("user add bench --role administrator", told, sizeof told);
	setenv("INRO_AS", "bench", 1);
	ask_program("user token add load --role operator --json | tr -d '\\n ' | "
		    "sed 's/.*\"token\":\"\\([^\"]*\\)\".*/\\1/'",
		    token, sizeof token);
	unsetenv("INRO_AS");
	bench_need(strncmp(token, "inro_token_", 11) == 0, "a token");
}

int main(int argc, char **argv)
{
	struct core *c, *aside;
	SSL_CTX *ctx, *bare_client = SSL_CTX_new(TLS_client_method());

	seconds = argc > 1 ? atof(argv[1]) : seconds;
	clients = argc > 2 ? (unsigned)atoi(argv[2]) : clients;
	bench_need(seconds > 0 && clients > 0 && clients <= DEVICES, "usage: bench_enrol [SECONDS [CONNECTIONS [WHAT]]]");
	signal(SIGPIPE, SIG_IGN);
	setvbuf(stdout, NULL, _IOLBF, 0);
	office_tokens();
	bench_print_machine();
	c = office_open("serve");
	office_make_cas(c, "serve");
	for (size_t i = 0; i < DEVICES; i++)
		make_device(c, i);
	core_close(c);
	aside = office_open("aside");
	office_make_cas(aside, "aside");
	make_identity();
	make_token_for_rest();
	start_server();
	ctx = client_ctx();
	if (is_wanted(argc > 3 ? argv[3] : NULL, "new"))
		measure_est_anew(ctx);
	if (is_wanted(argc > 3 ? argv[3] : NULL, "kept"))
		measure_est_kept(ctx);
	measure_rest_all(bare_client, aside, argc > 3 ? argv[3] : NULL);
	printf("the server: %.0f ms from its start to the first answer, %.1f MB at most (bars 1000, 128)\n",
	       server.start_ms, server_peak_mb());
	kill(server.pid, SIGTERM);
	waitpid(server.pid, NULL, 0);
	server.pid = 0;
	core_close(aside);
	SSL_CTX_free(ctx);
	SSL_CTX_free(bare_client);
	return 0;
}
