/*
 * What an OCSP answer costs: in this process, over HTTP on connections that stay open, and from
 * `openssl ocsp` as a responder, in one run.
 *
 *   build/check/tests/bench_ocsp [CERTIFICATES [SECONDS]]
 *
 * Prints answers a second and the slowest of a hundred, kept answers and signed ones apart, the
 * memory of our server, and the ratio to the best that openssl does (one process and two, from an
 * index of 10 000 certificates at most; it closes the connection after each answer).  Client and
 * server share the machine.
 */
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "backoffice/core/status.h"
#include "backoffice/ocsp/ocsp.h"
#include "backoffice/pki/ocsp.h"
#include "base/der.h"
#include "base/file.h"
#include "tests/bench/bench.h"
#include "tests/lib/office.h"

#define DB	    "bench"
#define CONNECTIONS 16
#define TURNS	    5
#define KEPT	    1000  /* certificates that are asked about again and again */
#define INDEX_MAX   10000 /* openssl's */
#define SAMPLES_MAX 2000000
#define SERIAL	    16

static long certificates = 1000000;
static double seconds = 5;

#define OK(x) bench_need((x) == INRO_OK, #x)

/* ---- certificates that are only records ---- */

static void fill(void)
{
	struct core *c = office_open(DB);
	char *sql = NULL;

	office_make_cas(c, DB);
	OK(ocsp_signers_renew(c));
	core_close(c);
	bench_need(asprintf(&sql,
			    "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i "
			    "< %ld) INSERT INTO credential (tenant, kind, state, ca, profile, "
			    "subject, key_uri, serial, fingerprint, cert, not_before, not_after, "
			    "reason, fails, ca_generation, created_ms, updated_ms) SELECT 1, "
			    "'certificate', 'active', ca.id, 'tls-client', 'CN=x', '', "
			    "CAST(printf('%%016d', i) AS BLOB), CAST(printf('%%012d%%020d', i, 0) AS BLOB), "
			    "zeroblob(400), 1700000000, 4000000000, 0, 0, 1, 0, 0 FROM n, ca WHERE "
			    "ca.name = 'issuing'",
			    certificates) > 0,
		   "a statement");
	office_sql(DB, sql);
	free(sql);
}

static struct ocsp_names our_names, their_names;

static void read_names(void)
{
	struct core *c = office_open(DB);
	SCOPED(ca_view) v = { 0 };
	SCOPED(cert) cert = { 0 };
	SCOPED(cert) theirs = { 0 };
	SCOPED(buf) pem = { 0 };

	OK(ca_get(c, "issuing", &v));
	OK(cert_read(blob_bytes(&v.rec.cert), &cert));
	OK(ocsp_names_of(&cert, &our_names));
	core_close(c);
	OK(file_read("cert.pem", CERT_MAX, &pem));
	OK(cert_read(buf_bytes(&pem), &theirs));
	OK(ocsp_names_of(&theirs, &their_names));
}

/* The request about the i-th certificate. */
static void question(const struct ocsp_names *ca, long i, struct buf *ret)
{
	char serial[32];
	const struct ocsp_cert_id like = { .hash = OCSP_SHA1,
					   .with_null = true,
					   .serial = BYTES(serial, SERIAL) };
	size_t marks[4];

	snprintf(serial, sizeof serial, "%016ld", i);
	for (size_t k = 0; k < ARRAY_LEN(marks); k++)
		marks[k] = der_begin(ret, DER_SEQUENCE);
	ocsp_add_cert_id(ret, ca, &like);
	for (size_t k = ARRAY_LEN(marks); k > 0; k--)
		der_end(ret, marks[k - 1]);
}

/* ---- in this process ---- */

struct inside {
	struct responder *r;
	struct core *c;
	long at, of; /* of so many, one after the other */
};

static void answer_inside(void *arg)
{
	struct inside *in = arg;
	SCOPED(responder_reply) reply = { 0 };
	SCOPED(buf) der = { 0 };

	question(&our_names, 1 + in->at++ % in->of, &der);
	OK(responder_answer(in->r, in->c, "issuing", buf_bytes(&der), &reply));
	bench_need(reply.keeps, "no answer");
}

static double inside_ns(struct inside in)
{
	const struct bench_side ours = { answer_inside, &in }, none = { 0 };

	return bench_in_turn(ours, none, seconds).ours;
}

static void measure_inside(void)
{
	struct core *c = office_open(DB);
	struct inside in = { .c = c, .of = certificates };
	double signed_ns, kept_ns;

	OK(responder_new(&(struct responder_options) { .cache_octets = 1 }, c, &in.r));
	signed_ns = inside_ns(in);
	responder_free(in.r);
	OK(responder_new(&(struct responder_options) { 0 }, c, &in.r));
	in.of = certificates < KEPT ? certificates : KEPT;
	for (long i = 0; i < in.of; i++)
		answer_inside(&in);
	kept_ns = inside_ns(in);
	responder_free(in.r);
	core_close(c);
	printf("in this process        signed %7.0f/s   kept %8.0f/s   (of one processor)\n",
	       1e9 / signed_ns, 1e9 / kept_ns);
}

/* ---- servers ---- */

static enum inro_err worker_begin(void *arg, void **ret)
{
	(void)arg;
	*ret = office_open(DB);
	return INRO_OK;
}

static void worker_end(void *arg, void *worker)
{
	(void)arg;
	core_close(worker);
}

/* Tells its port and goes on until it is ended. */
static void serve(int out)
{
	struct core *c = office_open(DB);
	struct responder *r = NULL;
	struct http_table table = { responder_routes, responder_routes_n, NULL };
	const struct http_listen at = { .at = "127.0.0.1:0" };
	struct http_options o = { .listen = &at,
				  .n_listen = 1,
				  .tables = &table,
				  .n_tables = 1,
				  .worker_begin = worker_begin,
				  .worker_end = worker_end,
				  .limits = { .peer_rate = 1000000 },
				  .log_fd = -1 };
	struct http_server *s = NULL;
	unsigned port;

	OK(responder_new(&(struct responder_options) { 0 }, c, &r));
	table.arg = r;
	OK(http_server_start(&o, &s));
	port = http_server_port(s, 0);
	bench_need(write(out, &port, sizeof port) == sizeof port, "a pipe");
	for (;;) {
		OK(responder_watch(r, c));
		usleep(RESPONDER_WATCH_MS * 1000);
	}
}

struct server {
	pid_t pid;
	unsigned port;
};

static struct server start_ours(void)
{
	struct server s;
	int ends[2];

	bench_need(pipe(ends) == 0, "a pipe");
	s.pid = fork();
	if (s.pid == 0)
		serve(ends[1]);
	close(ends[1]);
	bench_need(read(ends[0], &s.port, sizeof s.port) == sizeof s.port, "our server");
	close(ends[0]);
	return s;
}

static struct rusage end_server(const struct server *s)
{
	struct rusage u = { 0 };
	int status;

	kill(-s->pid, SIGTERM);
	kill(s->pid, SIGKILL);
	wait4(s->pid, &status, 0, &u);
	return u;
}

static void make_theirs(void)
{
	FILE *f = fopen("index.txt", "w");

	bench_need(f != NULL, "an index");
	for (long i = 1; i <= certificates && i <= INDEX_MAX; i++) {
		fputs("V\t961001000000Z\t\t", f);
		fprintf(f, "%032ld\tunknown\t/CN=x\n", i);
	}
	bench_need(fclose(f) == 0, "an index");
	OK(file_write("index.txt.attr", 0600, bytes_of("unique_subject = no\n")));
	bench_need(system("openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 "
			  "-nodes -keyout key.pem -out cert.pem -subj /CN=x 2>/dev/null") == 0,
		   "a CA of openssl's");
}

/* multi "0": one process. */
static struct server start_theirs(const char *multi)
{
	struct server s = { 0 };
	char line[256] = "";
	int ends[2];
	FILE *in;

	bench_need(pipe(ends) == 0, "a pipe");
	s.pid = fork();
	if (s.pid == 0) {
		setpgid(0, 0);
		dup2(ends[1], 1);
		bench_need(freopen("openssl.log", "w", stderr) != NULL, "a log");
		execlp("openssl", "openssl", "ocsp", "-index", "index.txt", "-port", "0", "-CA",
		       "cert.pem", "-rsigner", "cert.pem", "-rkey", "key.pem", "-nmin", "60",
		       "-ignore_err", strcmp(multi, "0") ? "-multi" : NULL, multi, (char *)NULL);
		_exit(127);
	}
	close(ends[1]);
	in = fdopen(ends[0], "r");
	while (!s.port && in && fgets(line, sizeof line, in)) {
		const char *colon = strncmp(line, "ACCEPT", 6) ? NULL : strrchr(line, ':');

		s.port = colon ? (unsigned)strtoul(colon + 1, NULL, 10) : 0;
	}
	bench_need(s.port != 0, "openssl ocsp does not start");
	return s; /* the pipe stays: it writes to it */
}

/* ---- a client ---- */

struct conn {
	int fd;
	uint64_t sent_ns;
	size_t n, want;
	char in[8192];
};

struct load {
	unsigned port;
	bool closes; /* the server, after each answer */
	const struct ocsp_names *names;
	long at, of;
	double *ms;
	size_t n;
};

static void connect_to(struct conn *c, unsigned port)
{
	struct sockaddr_in a = { .sin_family = AF_INET,
				 .sin_port = htons((uint16_t)port),
				 .sin_addr = { htonl(INADDR_LOOPBACK) } };
	int one = 1;

	c->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	bench_need(c->fd >= 0 && connect(c->fd, (struct sockaddr *)&a, sizeof a) == 0,
		   "a connection");
	setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
}

static void send_next(struct load *l, struct conn *c)
{
	SCOPED(buf) out = { 0 };
	SCOPED(buf) der = { 0 };

	if (c->fd < 0)
		connect_to(c, l->port);
	question(l->names, 1 + l->at++ % l->of, &der);
	buf_addf(&out,
		 "POST /ocsp/issuing HTTP/1.%d\r\nHost: x\r\nContent-Type: application/ocsp-request\r\n"
		 "Content-Length: %zu\r\n\r\n",
		 !l->closes, der.n);
	buf_add(&out, buf_bytes(&der));
	c->n = c->want = 0;
	c->sent_ns = bench_ns(CLOCK_MONOTONIC);
	bench_need(send(c->fd, out.p, out.n, MSG_NOSIGNAL) == (ssize_t)out.n, "a request");
}

/* The whole of it, once the head is there. */
static size_t length_of(const struct conn *c)
{
	const char *end = memmem(c->in, c->n, "\r\n\r\n", 4), *at;

	if (!end)
		return 0;
	at = strcasestr(c->in, "\r\nContent-Length:");
	bench_need(at && at < end && memmem(c->in, 16, " 200", 4), "an answer");
	return (size_t)(end + 4 - c->in) + strtoul(at + 17, NULL, 10);
}

static void take(struct load *l, struct conn *c)
{
	ssize_t n = recv(c->fd, c->in + c->n, sizeof c->in - 1 - c->n, 0);

	bench_need(n > 0, "the server closed");
	c->n += (size_t)n;
	c->in[c->n] = 0;
	if (!c->want)
		c->want = length_of(c);
	if (!c->want || c->n < c->want)
		return;
	if (l->n < SAMPLES_MAX)
		l->ms[l->n++] = (double)(bench_ns(CLOCK_MONOTONIC) - c->sent_ns) / 1e6;
	if (l->closes) {
		close(c->fd);
		c->fd = -1;
	}
	send_next(l, c);
}

static int by_size(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

struct speed {
	double rate, p99;
};

/* A turn; l->at goes on. */
static struct speed run(struct load *load)
{
	struct load l = *load;
	struct conn *conns = calloc(CONNECTIONS, sizeof *conns);
	struct pollfd polls[CONNECTIONS];
	uint64_t start, end;
	struct speed ret;

	l.ms = calloc(SAMPLES_MAX, sizeof *l.ms);
	bench_need(conns && l.ms, "memory");
	for (size_t i = 0; i < CONNECTIONS; i++) {
		conns[i].fd = -1;
		send_next(&l, &conns[i]);
	}
	start = bench_ns(CLOCK_MONOTONIC);
	end = start + (uint64_t)(seconds / TURNS * 1e9);
	while (bench_ns(CLOCK_MONOTONIC) < end) {
		for (size_t i = 0; i < CONNECTIONS; i++)
			polls[i] = (struct pollfd) { .fd = conns[i].fd, .events = POLLIN };
		bench_need(poll(polls, CONNECTIONS, 10000) > 0, "an answer within ten seconds");
		for (size_t i = 0; i < CONNECTIONS; i++)
			if (polls[i].revents)
				take(&l, &conns[i]);
	}
	ret.rate = (double)l.n / ((double)(bench_ns(CLOCK_MONOTONIC) - start) / 1e9);
	qsort(l.ms, l.n, sizeof *l.ms, by_size);
	ret.p99 = l.n ? l.ms[l.n - 1 - l.n / 100] : 0;
	for (size_t i = 0; i < CONNECTIONS; i++)
		close(conns[i].fd);
	free(conns);
	free(l.ms);
	load->at = l.at;
	return ret;
}

/* The four in turn, so that a busy moment is nobody's alone; the median of each. */
#define SIDES 4
static void in_turn(struct load *const loads[static SIDES], struct speed ret[static SIDES])
{
	double rates[SIDES][TURNS], p99[SIDES][TURNS];

	for (size_t t = 0; t < TURNS; t++)
		for (size_t i = 0; i < SIDES; i++) {
			struct speed one = run(loads[i]);

			rates[i][t] = one.rate;
			p99[i][t] = one.p99;
		}
	for (size_t i = 0; i < SIDES; i++)
		ret[i] = (struct speed) { bench_median(rates[i], TURNS),
					  bench_median(p99[i], TURNS) };
}

static void print(const struct speed s[static SIDES], const struct rusage *u)
{
	double best = s[2].rate > s[3].rate ? s[2].rate : s[3].rate;

	printf("inro, signed           %8.0f/s   99 of 100 within %6.2f ms\n", s[0].rate, s[0].p99);
	printf("inro, kept             %8.0f/s   99 of 100 within %6.2f ms\n", s[1].rate, s[1].p99);
	printf("inro, memory           %8.1f MB with %ld certificates\n",
	       (double)u->ru_maxrss / 1024, certificates);
	printf("openssl ocsp           %8.0f/s, with -multi 2 %8.0f/s\n", s[2].rate, s[3].rate);
	printf("ratio to its best      signed %5.2f   kept %5.2f\n", s[0].rate / best,
	       s[1].rate / best);
}

int main(int argc, char **argv)
{
	struct speed speeds[SIDES];
	struct server ours, one, two;
	struct load made = { .names = &our_names, .at = KEPT }, kept = made;
	struct load alone = { .names = &their_names, .closes = true }, both = alone;
	struct rusage u;

	certificates = argc > 1 ? strtol(argv[1], NULL, 10) : certificates;
	seconds = argc > 2 ? strtod(argv[2], NULL) : seconds;
	bench_need(certificates > 0 && seconds > 0, "usage: bench_ocsp [CERTIFICATES [SECONDS]]");
	office_tokens();
	bench_need(chdir(getenv("INRO_HOME")) == 0, "a folder");
	bench_print_machine();
	fill();
	make_theirs();
	read_names();
	ours = start_ours();
	one = start_theirs("0");
	two = start_theirs("2");
	made.port = kept.port = ours.port;
	alone.port = one.port;
	both.port = two.port;
	made.of = certificates;
	kept.of = certificates < KEPT ? certificates : KEPT;
	alone.of = both.of = certificates < INDEX_MAX ? certificates : INDEX_MAX;
	in_turn((struct load *const[]) { &made, &kept, &alone, &both }, speeds);
	u = end_server(&ours);
	end_server(&one);
	end_server(&two);
	print(speeds, &u);
	if (made.at > made.of)
		printf("(too few certificates: some of those signed were kept ones)\n");
	measure_inside();
	return 0;
}
