/* postgres - see postgres.h. */
#include "tests/lib/postgres.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <glob.h>
#include <grp.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/bytes.h"

#define START_MS 30000

static char bin[256], dir[64], data[72];
static bool durable, usual;
static pid_t owner, server;

static void die(const char *what)
{
	fprintf(stderr, "PostgreSQL for a test: %s: %s\n", what, strerror(errno));
	exit(99);
}

static void pause_ms(long ms)
{
	nanosleep(&(struct timespec) { .tv_nsec = ms * 1000000 }, NULL);
}

bool postgres_installed(void)
{
	glob_t found;

	if (*bin)
		return true;
	if (glob("/usr/lib/postgresql/*/bin/initdb", 0, NULL, &found) == 0) {
		snprintf(bin, sizeof bin, "%s", found.gl_pathv[found.gl_pathc - 1]);
		*strrchr(bin, '/') = 0;
		globfree(&found);
	}
	return *bin;
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *where)
{
	(void)st;
	(void)type;
	(void)where;
	return remove(path);
}

static void finish(pid_t pid, int *status)
{
	while (waitpid(pid, status, 0) < 0 && errno == EINTR)
		;
}

/* The server's own processes are in sessions of their own. */
static void kill_children(void)
{
	char path[64];
	FILE *f;
	int pid;

	snprintf(path, sizeof path, "/proc/%d/task/%d/children", (int)server, (int)server);
	f = fopen(path, "re");
	if (!f)
		return;
	while (fscanf(f, "%d", &pid) == 1)
		kill(pid, SIGKILL);
	fclose(f);
}

void postgres_kill(void)
{
	if (!server)
		return;
	kill(server, SIGSTOP); /* starts no more */
	kill_children();
	kill(server, SIGKILL);
	finish(server, NULL);
	server = 0;
}

static void end(void)
{
	if (getpid() != owner)
		return;
	if (server) {
		kill(server, SIGQUIT); /* at once, and it clears up its shared memory */
		finish(server, NULL);
	}
	nftw(dir, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

/* A server refuses to be root. */
static void be_nobody(void)
{
	struct passwd *pw = geteuid() == 0 ? getpwnam("nobody") : NULL;

	if (geteuid() == 0 &&
	    (!pw || setgroups(0, NULL) || setgid(pw->pw_gid) || setuid(pw->pw_uid)))
		die("nobody");
}

static void be_child(const char *log)
{
	int null = open("/dev/null", O_RDWR);
	int out = open(log, O_WRONLY | O_CREAT | O_APPEND, 0600);

	if (null < 0 || out < 0)
		die(log);
	dup2(null, 0);
	dup2(out, 1);
	dup2(out, 2);
	/* The server ends when its test does, whatever ended that. */
	prctl(PR_SET_PDEATHSIG, SIGQUIT);
	unsetenv("LD_PRELOAD");
}

static pid_t launch(const char *const *argv)
{
	char path[512], log[128];
	pid_t pid = fork();

	if (pid != 0)
		return pid;
	snprintf(path, sizeof path, "%s/%s", bin, argv[0]);
	snprintf(log, sizeof log, "%s/log", dir);
	be_nobody();
	be_child(log);
	execv(path, (char *const *)(uintptr_t)argv);
	_exit(127);
}

static FILE *psql(const char *database, const char *script)
{
	char command[1024];
	FILE *f;

	snprintf(command, sizeof command,
		 "%s/psql -X -q -A -t -v ON_ERROR_STOP=1 -h %s -U inro -d %s -f %s 2>>%s/psql.log",
		 bin, dir, database, script, dir);
	f = popen(command, "re");
	if (!f)
		die("psql");
	return f;
}

static int ask(const char *database, const char *sql, char *out, size_t cap)
{
	char path[128];
	FILE *f;
	int status;

	snprintf(path, sizeof path, "%s/script-%d.sql", dir, (int)getpid());
	f = fopen(path, "we");
	if (!f || fputs(sql, f) < 0 || fclose(f) != 0)
		die(path);
	f = psql(database, path);
	if (!fgets(out, (int)cap, f))
		*out = 0;
	while (fgetc(f) != EOF)
		;
	status = pclose(f);
	unlink(path);
	return status;
}

/* One that was killed may have left processes that end a moment later; until then none starts. */
void postgres_start(void)
{
	const char *const argv[] = { "postgres", "-D", data, NULL };
	char out[64];

	server = launch(argv);
	for (int waited = 0; ask("postgres", "SELECT 1", out, sizeof out) != 0; waited += 20) {
		if (waited > START_MS)
			die("the server does not start");
		if (waitpid(server, NULL, WNOHANG) == server)
			server = launch(argv);
		pause_ms(20);
	}
}

static void write_settings(void)
{
	char path[128];
	FILE *f;

	snprintf(path, sizeof path, "%s/postgresql.conf", data);
	f = fopen(path, "ae");
	if (!f)
		die(path);
	fprintf(f, "listen_addresses = ''\nunix_socket_directories = '%s'\nlogging_collector = off\n", dir);
	if (!usual)
		fprintf(f, "fsync = %s\nshared_buffers = 16MB\nmax_connections = 40\nautovacuum = off\nmax_wal_size = 256MB\n",
			durable ? "on" : "off");
	fclose(f);
}

static void make(void)
{
	const char *const argv[] = { "initdb", "-N",   "-U",
				     "inro",   "-A",   "trust",
				     "-E",     "UTF8", "--locale=C.UTF-8",
				     "-D",     data,   NULL };
	struct passwd *pw;
	int status = -1;

	if (!postgres_installed()) {
		printf("skipped: PostgreSQL is not installed: tools/check installs it\n");
		exit(77);
	}
	snprintf(dir, sizeof dir, "/tmp/inro-pg-XXXXXX");
	if (!mkdtemp(dir))
		die(dir);
	snprintf(data, sizeof data, "%s/data", dir);
	owner = getpid();
	atexit(end);
	pw = getpwnam("nobody");
	if (geteuid() == 0 && (!pw || chown(dir, pw->pw_uid, pw->pw_gid) != 0))
		die(dir);
	finish(launch(argv), &status);
	if (status != 0)
		die("initdb");
	write_settings();
	postgres_start();
	/* What tests say to SQLite, so that they can say the same here. */
	postgres_sql("template1", "CREATE FUNCTION zeroblob(integer) RETURNS bytea LANGUAGE sql AS "
				  "$$ SELECT decode(repeat('00', $1), 'hex') $$; CREATE FUNCTION "
				  "hex(bytea) RETURNS text LANGUAGE sql AS $$ SELECT "
				  "upper(encode($1, 'hex')) $$");
}

void postgres_durable(void)
{
	durable = true;
}

void postgres_usual(void)
{
	usual = true;
}

/* Of a process and, where that is asked for, of its children that have ended. */
static double ticks_of(int pid, bool children)
{
	char path[64], text[1024];
	unsigned long long t[4] = { 0 };
	const char *at;
	FILE *f;

	snprintf(path, sizeof path, "/proc/%d/stat", pid);
	f = fopen(path, "re");
	if (!f)
		return 0;
	at = fgets(text, sizeof text, f) ? strrchr(text, ')') : NULL;
	fclose(f);
	for (int i = 0; at && i < 12; i++)
		at = strchr(at + 1, ' ');
	if (!at || sscanf(at, "%llu %llu %llu %llu", &t[0], &t[1], &t[2], &t[3]) != 4)
		return 0;
	return (double)(t[0] + t[1]) + (children ? (double)(t[2] + t[3]) : 0);
}

double postgres_cpu(void)
{
	double ticks = server ? ticks_of((int)server, true) : 0;
	char path[64];
	FILE *f;
	int pid;

	snprintf(path, sizeof path, "/proc/%d/task/%d/children", (int)server, (int)server);
	f = server ? fopen(path, "re") : NULL;
	while (f && fscanf(f, "%d", &pid) == 1)
		ticks += ticks_of(pid, false);
	if (f)
		fclose(f);
	return ticks / (double)sysconf(_SC_CLK_TCK);
}

void postgres_crash(void)
{
	postgres_kill();
	postgres_start();
}

/* Each question to the server is a process: what was made is asked for once. */
static void make_database(const char *name)
{
	static char made[64][64];
	static size_t n;
	char out[64], sql[256];

	for (size_t i = 0; i < n; i++)
		if (strcmp(made[i], name) == 0)
			return;
	snprintf(sql, sizeof sql,
		 "SELECT 'CREATE DATABASE %s' WHERE NOT EXISTS (SELECT FROM pg_database WHERE datname = '%s') \\gexec\n",
		 name, name);
	if (ask("postgres", sql, out, sizeof out) != 0)
		die(sql);
	if (n < sizeof made / sizeof *made && strlen(name) < sizeof *made)
		snprintf(made[n++], sizeof *made, "%s", name);
}

const char *postgres_url(const char *name)
{
	static char rooms[8][256];
	static unsigned next;
	char *url = rooms[next++ % 8];

	if (!*dir)
		make();
	make_database(name);
	snprintf(url, sizeof rooms[0], "postgresql://inro@/%s?host=%s", name, dir);
	return url;
}

long long postgres_sql(const char *name, const char *sql)
{
	char out[256];

	if (ask(name, sql, out, sizeof out) != 0)
		die(sql);
	return strtoll(out, NULL, 10);
}
