/*
 * A fleet of so many devices, each with a certificate and an AES key (fleet.h), in a database of
 * either kind: what it takes on disk, and how long it takes to open it, to find one and to list a
 * page.
 *
 *   build/check/tests/bench_fleet [DEVICES [sqlite|postgres [URL]]]
 *
 * With a URL the fleet is made there, or used when it is there already.  A line a search: the
 * median, the 99th percentile and the greatest time of a page of 50 in milliseconds, by the clock
 * and, with the CPU time of this process, without the machine's other work (PostgreSQL's own is not
 * in it).  What the disk has is all of it, the audit's events included.  The last lines say what is to hold;
 * with BENCH_STRICT set the program fails when it doesn't.  The reference is the same page by a
 * bare statement with its index, prepared once.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "backoffice/core/audit.h"
#include "backoffice/core/cred.h"
#include "backoffice/core/device.h"
#include "backoffice/core/fleet.h"
#include "backoffice/core/internal.h"
#include "backoffice/core/where.h"
#include "tests/bench/bench.h"
#include "tests/bench/fleet.h"
#include "tests/lib/office.h"
#include "tests/lib/postgres.h"
#include "tests/lib/scratch.h"

#define OK(x)  ok(x, #x)
#define PAGE   50
#define ROUNDS 300
#define DB     "fleet"

static long devices = 20000;
static char url[600];
static bool postgres;

static void ok(enum inro_err e, const char *what)
{
	if (e != INRO_OK)
		fprintf(stderr, "%s: ", err_detail(e));
	bench_need(e == INRO_OK, what);
}

/* ---- times ---- */

struct times {
	double wall[ROUNDS], cpu[ROUNDS]; /* milliseconds */
	size_t n;
};

struct figures {
	double p50, p99, max, cpu99;
};

static double per_cent(double *v, size_t n, size_t of_100)
{
	bench_median(v, n); /* which sorts */
	return v[(n - 1) * of_100 / 100];
}

static struct figures figures_of(struct times *t)
{
	return (struct figures) { per_cent(t->wall, t->n, 50), per_cent(t->wall, t->n, 99),
				  per_cent(t->wall, t->n, 100), per_cent(t->cpu, t->n, 99) };
}

static void clocks(double *wall, double *cpu)
{
	*wall = (double)bench_ns(CLOCK_MONOTONIC) / 1e6;
	*cpu = (double)bench_ns(CLOCK_PROCESS_CPUTIME_ID) / 1e6;
}

static void note(struct times *t, double wall, double cpu)
{
	double wall_now, cpu_now;

	clocks(&wall_now, &cpu_now);
	t->wall[t->n] = wall_now - wall;
	t->cpu[t->n++] = cpu_now - cpu;
}

static double worst_page, worst_lookup;

static void print(const char *kind, const char *what, struct times *t, double *worst)
{
	struct figures f = figures_of(t);
	double judged = postgres ? f.p99 : f.cpu99;

	printf("%-11s %-46s %8.3f %8.3f %8.3f   CPU p99 %8.3f\n", kind, what, f.p50, f.p99, f.max,
	       f.cpu99);
	fflush(stdout);
	if (worst && judged > *worst)
		*worst = judged;
}

static long any_device(void)
{
	return random() % devices;
}

/* ---- lists ---- */

/* `where` has one %ld at most: the number of some device. */
struct search {
	const struct where_kind *kind;
	const char *where, *sort;
};

static const struct search searches[] = {
	{ &where_devices, "", NULL },
	{ &where_devices, "", "id" },
	{ &where_devices, "", "name" },
	{ &where_devices, "", "host" },
	{ &where_devices, "", "ip" },
	{ &where_devices, "", "mac" },
	{ &where_devices, "id=dev-%08ld", NULL },
	{ &where_devices, "id^=dev-%05ld", NULL },
	{ &where_devices, "name^=\"pump 1\"", NULL },
	{ &where_devices, "name^=\"robot 9\"", "id" },
	{ &where_devices, "host^=host-%05ld", NULL },
	{ &where_devices, "ip^=10.2.", NULL },
	{ &where_devices, "mac^=00:11:00:0", NULL },
	{ &where_devices, "serial=SN%010ld", NULL },
	{ &where_devices, "group=plant3", NULL },
	{ &where_devices, "group=plant3/line5 state=active", NULL },
	{ &where_devices, "group=plant3/line5 state=active", "name" },
	{ &where_devices, "state=disabled", NULL },
	{ &where_devices, "state=disabled os=Linux", "host" },
	{ &where_devices, "os=BeOS", NULL },
	{ &where_devices, "os=BeOS", "name" },
	{ &where_devices, "created>=-1d", NULL },
	{ &where_devices, "updated<2020-01-01", "mac" },
	{ &where_devices, "anchor=public-key", NULL },
	{ &where_devices, "state=deleted", NULL },
	{ &where_devices, "cert.expires<3d", NULL },
	{ &where_devices, "cert.key_type=ec-p256", NULL },
	{ &where_devices, "key.key_type=aes-128", NULL },
	{ &where_creds, "", NULL },
	{ &where_creds, "kind=certificate", NULL },
	{ &where_creds, "kind=key", "id" },
	{ &where_creds, "kind=certificate state=active", NULL },
	{ &where_creds, "kind=certificate state=active", "expires" },
	{ &where_creds, "kind=certificate state=active expires<3d", NULL },
	{ &where_creds, "kind=certificate state=revoked", NULL },
	{ &where_creds, "kind=certificate state=expired", NULL },
	{ &where_creds, "kind=certificate ca=issuing", NULL },
	{ &where_creds, "kind=certificate profile=tls-server", NULL },
	{ &where_creds, "kind=certificate subject^=CN=dev-%05ld", NULL },
	{ &where_creds, "key_type=rsa-2048", NULL },
	{ &where_creds, "device=dev-%08ld", NULL },
	{ &where_creds, "serial^=80", NULL },
	{ &where_creds, "sha256^=abcd", NULL },
	{ &where_creds, "issued>=-1d", NULL },
	{ &where_creds, "device.group=plant3/line5", NULL },
	{ &where_creds, "device.os=BeOS", NULL },
	{ &where_events, "", NULL },
	{ &where_events, "subject=device:dev-%08ld", NULL },
	{ &where_events, "subject^=device:dev-%05ld", NULL },
	{ &where_events, "action=device.delete", NULL },
	{ &where_events, "actor=nobody", NULL },
	{ &where_events, "at>=-1d", NULL },
	{ &where_events, "at<2020-01-01", NULL },
	{ &where_events, "outcome=refused", NULL },
};

static void fill_in(const char *format, char *out, size_t cap)
{
	const char *at = strchr(format, '%');
	long n = any_device();

	if (!at) {
		snprintf(out, cap, "%s", format);
		return;
	}
	snprintf(out, cap, "%.*s", (int)(at - format), format);
	/* as wide as the format says: "%05ld" is the beginning of a number of eight */
	for (int wide = 8, want = atoi(at + 1); want < wide; wide--)
		n /= 10;
	snprintf(out + (at - format), cap - (size_t)(at - format), "%0*ld", atoi(at + 1), n);
}

/* Pages one behind the other; from the start again after the last. */
static void list(struct core *c, const struct search *s)
{
	static struct times t;
	AUTO(free_chars) char *cursor = NULL;
	char text[128], what[160];

	t.n = 0;
	for (int i = 0; i < ROUNDS; i++) {
		struct where_page page = { .after = cursor, .sort = s->sort, .limit = PAGE };
		SCOPED(where) w = { 0 };
		char *next = NULL;
		void *items = NULL;
		double wall, cpu;
		size_t n = 0;

		if (!cursor)
			fill_in(s->where, text, sizeof text);
		clocks(&wall, &cpu);
		OK(where_parse(c, s->kind, text, &w));
		OK(where_find(c, &w, &page, &items, &n, &next));
		note(&t, wall, cpu);
		list_free(s->kind->type, items, n);
		free(cursor);
		cursor = next;
	}
	snprintf(what, sizeof what, "%s%s%s", *s->where ? s->where : "(all)",
		 s->sort ? " sorted by " : "", s->sort ? s->sort : "");
	print(s->kind->type->what, what, &t, &worst_page);
}

/* The lists that are not searches by words. */
static enum inro_err due_certs(struct core *c, const struct page *p, int64_t *next)
{
	const struct cred_search s = { .filter.due_days = 3, .limit = p->limit };
	SCOPED(cred_found) found = { 0 };
	enum inro_err e = cred_search(c, &s, &found);

	*next = 0;
	return e;
}

static enum inro_err certs_of_device(struct core *c, const struct page *p, int64_t *next)
{
	char id[32];
	const struct cred_search s = { .filter.device = id, .limit = p->limit };
	SCOPED(cred_found) found = { 0 };

	*next = 0;
	snprintf(id, sizeof id, "dev-%08ld", any_device());
	return cred_search(c, &s, &found);
}

static enum inro_err events_by(struct core *c, const struct audit_filter *f, const struct page *p,
			       int64_t *next)
{
	SCOPED(event_list) l = { 0 };
	enum inro_err e = audit_find(c, f, p, &l);

	*next = l.next;
	return e;
}

static enum inro_err events_of_device(struct core *c, const struct page *p, int64_t *next)
{
	char subject[40];
	const struct audit_filter f = { .subject = subject };

	snprintf(subject, sizeof subject, "device:dev-%08ld", any_device());
	return events_by(c, &f, p, next);
}

static const struct listing {
	const char *kind, *what;
	enum inro_err (*page)(struct core *c, const struct page *p, int64_t *next);
} listings[] = {
	{ "certificate", "due in 3 days", due_certs },
	{ "certificate", "of a device", certs_of_device },
	{ "event", "of a device", events_of_device },
};

static void list_plainly(struct core *c, const struct listing *l)
{
	static struct times t;
	struct page page = { .limit = PAGE };

	t.n = 0;
	for (int i = 0; i < ROUNDS; i++) {
		double wall, cpu;

		clocks(&wall, &cpu);
		OK(l->page(c, &page, &page.after));
		note(&t, wall, cpu);
		if (t.wall[t.n - 1] > 1000 && i >= 4) /* it is known by now */
			break;
	}
	print(l->kind, l->what, &t, &worst_page);
}

/* ---- one by its name ---- */

static struct credential known[ROUNDS]; /* some certificates */

static void know_some(struct core *c)
{
	for (size_t i = 0; i < ROUNDS; i++) {
		char id[32];
		const struct cred_search s = { .filter.device = id };
		SCOPED(cred_found) l = { 0 };

		snprintf(id, sizeof id, "dev-%08ld", any_device());
		OK(cred_search(c, &s, &l));
		bench_need(l.n == 1, "finding a device's certificate");
		known[i] = l.items[0].rec;
		l.items[0].rec = (struct credential) { 0 };
	}
}

static void forget_them(void)
{
	for (size_t i = 0; i < ROUNDS; i++)
		credential_clear(&known[i]);
}

static void by_device_id(struct core *c, size_t i)
{
	SCOPED(device) d = { 0 };
	char id[32];

	(void)i;
	snprintf(id, sizeof id, "dev-%08ld", any_device());
	OK(device_get(c, id, &d));
}

/* Nobody's but for the case: both indexes are looked into. */
static void by_other_case(struct core *c, size_t i)
{
	SCOPED(device) d = { 0 };
	char id[32];

	(void)i;
	snprintf(id, sizeof id, "DEV-%08ld", devices + any_device());
	bench_need(device_called(c, id, 0, &d) == INRO_E_NOT_FOUND, "an id that nobody has");
}

static void by_device_serial(struct core *c, size_t i)
{
	SCOPED(device_found) found = { 0 };
	char where[48];
	const struct device_search s = { .where = where, .limit = 2 };

	(void)i;
	snprintf(where, sizeof where, "serial=SN%010ld", any_device());
	OK(device_search(c, &s, &found));
	bench_need(found.n == 1, "a device by its serial number");
}

static void by_words(struct core *c, const char *word, struct bytes value)
{
	SCOPED(buf) ref = { 0 };
	SCOPED(cred) cred = { 0 };

	buf_add_str(&ref, word);
	buf_add_hex(&ref, value);
	buf_add_u8(&ref, 0);
	OK(buf_err(&ref));
	OK(cred_get(c, (const char *)ref.p, &cred));
}

static void by_serial(struct core *c, size_t i)
{
	by_words(c, "", blob_bytes(&known[i].serial));
}

static void by_fingerprint(struct core *c, size_t i)
{
	by_words(c, "sha256:", blob_bytes(&known[i].fingerprint));
}

static void by_short_fingerprint(struct core *c, size_t i)
{
	by_words(c, "", BYTES(known[i].fingerprint.p, 6));
}

static void by_number(struct core *c, size_t i)
{
	SCOPED(cred) cred = { 0 };
	char ref[32];

	snprintf(ref, sizeof ref, "%lld", (long long)known[i].id);
	OK(cred_get(c, ref, &cred));
}

static const struct lookup {
	const char *kind, *what;
	void (*one)(struct core *c, size_t i);
} lookups[] = {
	{ "device", "one by id", by_device_id },
	{ "device", "none by id in other letter case", by_other_case },
	{ "device", "one by serial number", by_device_serial },
	{ "certificate", "one by number", by_number },
	{ "certificate", "one by serial number", by_serial },
	{ "certificate", "one by fingerprint", by_fingerprint },
	{ "certificate", "one by six octets of it", by_short_fingerprint },
};

static void look_up(struct core *c, const struct lookup *l)
{
	static struct times t;

	t.n = 0;
	for (size_t i = 0; i < ROUNDS; i++) {
		double wall, cpu;

		clocks(&wall, &cpu);
		l->one(c, i);
		note(&t, wall, cpu);
	}
	print(l->kind, l->what, &t, &worst_lookup);
}

/* ---- the reference ---- */

static enum inro_err swallow(void *arg, void *record)
{
	(void)record;
	++*(size_t *)arg;
	return INRO_OK;
}

static void bare_page(void *arg)
{
	struct core *c = arg;
	char from[32];
	const struct store_cond conds[] = {
		{ .field = "tenant", .number = c->tenant },
		{ .field = "device_id", .op = STORE_GE, .text = from },
	};
	const struct store_query q = { STORE_WHERE(conds), .order = "device_id", .limit = PAGE };
	size_t n = 0;

	snprintf(from, sizeof from, "dev-%08ld", any_device());
	OK(store_each(c->store, &device_type, &q, swallow, &n));
}

static void searched_page(void *arg)
{
	const struct device_search s = { .sort = "id", .limit = PAGE };
	SCOPED(device_found) found = { 0 };

	OK(device_search(arg, &s, &found));
}

static void compare(struct core *c)
{
	struct bench_ratio r = bench_in_turn((struct bench_side) { searched_page, c },
					     (struct bench_side) { bare_page, c }, 1);

	printf("a page of devices by id: %.0f us, by one bare statement %.0f us, ratio %.2f\n",
	       r.ours / 1e3, r.raw / 1e3, r.ratio);
}

/* ---- the whole ---- */

static struct core *open_it(void)
{
	struct core_options o = office_options();

	o.db = url;
	return office_open_as(DB, o);
}

static double ms_to_open(void)
{
	static struct times t;

	t.n = 0;
	for (int i = 0; i < 9; i++) {
		double wall, cpu;

		clocks(&wall, &cpu);
		core_close(open_it());
		note(&t, wall, cpu);
	}
	return figures_of(&t).p50;
}

static double megabytes(void)
{
	struct stat st;

	if (postgres)
		return (double)office_ask(DB, "SELECT pg_database_size(current_database())") / 1e6;
	bench_need(stat(url + strlen("sqlite:"), &st) == 0, "the file's size");
	return (double)st.st_size / 1e6;
}

/* What its events take, with their indexes. */
static double audit_megabytes(void)
{
	if (postgres)
		return (double)office_ask(DB, "SELECT pg_total_relation_size('event')") / 1e6;
	return (double)office_ask(DB, "SELECT sum(pgsize) FROM dbstat WHERE name LIKE 'event%'") /
	       1e6;
}

static double peak_megabytes(void)
{
	char line[128];
	long kib = 0;
	FILE *f = fopen("/proc/self/status", "re");

	bench_need(f != NULL, "/proc/self/status");
	while (fgets(line, sizeof line, f))
		if (sscanf(line, "VmHWM: %ld", &kib) == 1)
			break;
	fclose(f);
	return (double)kib / 1024;
}

static bool holds(const char *what, double is, double most, const char *unit)
{
	printf("%-28s %10.2f %s (at most %.0f)%s\n", what, is, unit, most,
	       is <= most ? "" : "  MISSED");
	return is <= most;
}

static int judge(double opened, double mb)
{
	double share = (double)devices / 1e6;
	bool good = holds("open", opened, 1000, "ms");

	good &= holds("the slowest search's p99", worst_page, 50, "ms");
	good &= holds("the slowest lookup's p99", worst_lookup, 1, "ms");
	good &= holds("greatest memory", peak_megabytes(), 128, "MiB");
	if (devices >= 20000) /* of few, tables and pages that are not full are much */
		good &= holds("on disk", mb, 2000 * share, "MB");
	return getenv("BENCH_STRICT") && !good;
}

static int measure(void *arg)
{
	double opened = ms_to_open(), mb = *(double *)arg;
	struct core *c = open_it();

	printf("milliseconds: median, 99 of 100, greatest\n");
	for (size_t i = 0; i < ARRAY_LEN(searches); i++)
		list(c, &searches[i]);
	for (size_t i = 0; i < ARRAY_LEN(listings); i++)
		list_plainly(c, &listings[i]);
	know_some(c);
	for (size_t i = 0; i < ARRAY_LEN(lookups); i++)
		look_up(c, &lookups[i]);
	forget_them();
	compare(c);
	core_close(c);
	return judge(opened, mb);
}

static int make(void *arg)
{
	struct core *c = open_it();
	struct audit_report r = { 0 };
	double from = (double)bench_ns(CLOCK_PROCESS_CPUTIME_ID);
	int64_t there = 0;

	(void)arg;
	OK(tally_get(c, "device/active", &there));
	if (!there) {
		office_make_cas(c, DB);
		fleet_make(c, devices);
		printf("made in %.0f s of CPU\n",
		       ((double)bench_ns(CLOCK_PROCESS_CPUTIME_ID) - from) / 1e9);
	}
	from = (double)bench_ns(CLOCK_PROCESS_CPUTIME_ID);
	OK(audit_verify(c, &r));
	printf("%lld events verified, %.0f a CPU-second\n", (long long)r.count,
	       (double)r.count * 1e9 / ((double)bench_ns(CLOCK_PROCESS_CPUTIME_ID) - from));
	core_close(c);
	return 0;
}

int main(int argc, char **argv)
{
	double mb;

	devices = argc > 1 ? strtol(argv[1], NULL, 10) : devices;
	postgres = argc > 2 && strcmp(argv[2], "postgres") == 0;
	bench_need(devices >= 100, "a hundred devices at least");
	if (postgres)
		setenv("INRO_TEST_DB", "postgres", 1);
	office_tokens();
	snprintf(url, sizeof url, "%s", argc > 3 ? argv[3] : office_url(DB));
	bench_print_machine();
	setvbuf(stdout, NULL, _IOLBF, 0);
	bench_need(scratch_child(make, NULL) == 0, "making the fleet");
	if (postgres)
		office_sql(DB, "ANALYZE");
	mb = megabytes();
	printf("%ld devices in %.1f MB, %.0f octets each", devices, mb, mb * 1e6 / (double)devices);
	if (argc <= 3)
		printf(", %.1f MB of them the audit's events", audit_megabytes());
	printf("\n");
	return scratch_child(measure, &mb);
}
