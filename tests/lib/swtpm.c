/* swtpm - a real swtpm of a test's own. */
#include "tests/lib/swtpm.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "tests/lib/scratch.h"

#define START_MS 20000
#define HEADER	 10

struct swtpm {
	enum swtpm_way way;
	pid_t pid; /* 0: it does not run */
	pid_t owner;
	uint16_t port;
	char dir[200], path[80], tcti[160], server[128], control[128], state[256];
	struct swtpm *next;
};

static struct swtpm *all;
static unsigned made;

static void die(const char *what)
{
	fprintf(stderr, "swtpm for a test: %s: %s\n", what, strerror(errno));
	exit(99);
}

static void pause_ms(long ms)
{
	nanosleep(&(struct timespec) { .tv_nsec = ms * 1000000 }, NULL);
}

static void end(struct swtpm *s, int sig)
{
	if (!s->pid || s->owner != getpid())
		return;
	kill(s->pid, sig);
	while (waitpid(s->pid, NULL, 0) < 0 && errno == EINTR)
		;
	s->pid = 0;
}

static void end_all(void)
{
	for (struct swtpm *s = all; s; s = s->next)
		end(s, SIGKILL);
}

static int try_connect(const struct swtpm *s)
{
	struct sockaddr_un un = { .sun_family = AF_UNIX };
	struct sockaddr_in in = { .sin_family = AF_INET,
				  .sin_port = htons(s->port),
				  .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	bool tcp = s->way == SWTPM_TCP;
	int fd = socket(tcp ? AF_INET : AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int r;

	if (fd < 0)
		die("socket");
	memcpy(un.sun_path, s->path, sizeof s->path);
	r = tcp ? connect(fd, (struct sockaddr *)&in, sizeof in)
		: connect(fd, (struct sockaddr *)&un, sizeof un);
	if (r == 0)
		return fd;
	close(fd);
	return -1;
}

static bool port_is_free(uint16_t port)
{
	struct sockaddr_in in = { .sin_family = AF_INET,
				  .sin_port = htons(port),
				  .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	bool is = fd >= 0 && bind(fd, (struct sockaddr *)&in, sizeof in) == 0;

	if (fd >= 0)
		close(fd);
	return is;
}

/* Below the ports that the kernel gives to clients; a pair, because tpm2-tools take the next one
 * for the control channel. */
static void choose_port(struct swtpm *s)
{
	unsigned at = (unsigned)getpid() * 7 + made * 2;

	do
		s->port = (uint16_t)(10000 + 2 * (at++ % 10000));
	while (!port_is_free(s->port) || !port_is_free((uint16_t)(s->port + 1)));
}

static void write_words(struct swtpm *s)
{
	snprintf(s->state, sizeof s->state, "dir=%s", s->dir);
	if (s->way == SWTPM_UNIX) {
		snprintf(s->tcti, sizeof s->tcti, "swtpm:path=%s", s->path);
		snprintf(s->server, sizeof s->server, "type=unixio,path=%s", s->path);
		snprintf(s->control, sizeof s->control, "type=unixio,path=%s.ctrl", s->path);
		return;
	}
	choose_port(s);
	snprintf(s->tcti, sizeof s->tcti, "swtpm:host=127.0.0.1,port=%u", s->port);
	snprintf(s->server, sizeof s->server, "type=tcp,port=%u,bindaddr=127.0.0.1", s->port);
	snprintf(s->control, sizeof s->control, "type=tcp,port=%u,bindaddr=127.0.0.1", s->port + 1);
}

static _Noreturn void be_swtpm(const struct swtpm *s)
{
	char log[256];
	int fd;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != s->owner)
		_exit(1);
	snprintf(log, sizeof log, "%s/log", s->dir);
	fd = open(log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
	dup2(fd, 1);
	dup2(fd, 2);
	execlp("swtpm", "swtpm", "socket", "--tpm2", "--tpmstate", s->state, "--server", s->server,
	       "--ctrl", s->control, "--flags", "not-need-init,startup-clear", (char *)NULL);
	_exit(127);
}

/* False when it ended at once: the port was taken in the meantime. */
static bool comes_up(struct swtpm *s)
{
	int status;

	for (int ms = 0; ms < START_MS; ms += 5) {
		int fd = try_connect(s);

		if (fd >= 0) {
			close(fd);
			return waitpid(s->pid, &status, WNOHANG) == 0;
		}
		if (waitpid(s->pid, &status, WNOHANG) == s->pid)
			return false;
		pause_ms(5);
	}
	errno = ETIMEDOUT;
	die("it does not answer");
	return false;
}

static bool launch(struct swtpm *s)
{
	s->owner = getpid();
	unlink(s->path);
	s->pid = fork();
	if (s->pid < 0)
		die("fork");
	if (s->pid == 0)
		be_swtpm(s);
	if (comes_up(s))
		return true;
	s->pid = 0;
	return false;
}

/* ---- a TPM with certificates ---- */

static void write_words_to(const char *dir, const char *name, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

static void write_words_to(const char *dir, const char *name, const char *format, ...)
{
	char path[512];
	va_list args;
	FILE *f;

	snprintf(path, sizeof path, "%s/%s", dir, name);
	f = fopen(path, "w");
	if (!f)
		die(path);
	va_start(args, format);
	vfprintf(f, format, args);
	va_end(args);
	fclose(f);
}

static void write_ca(const char *ca)
{
	write_words_to(ca, "ca.conf",
		       "statedir = %s\nsigningkey = %s/signkey.pem\nissuercert = "
		       "%s/issuercert.pem\ncertserial = %s/certserial\n",
		       ca, ca, ca, ca);
	write_words_to(ca, "ca.options",
		       "--platform-manufacturer Test\n--platform-version 1\n--platform-model "
		       "Test\n");
	write_words_to(ca, "setup.conf",
		       "create_certs_tool = /usr/bin/swtpm_localca\ncreate_certs_tool_config = "
		       "%s/ca.conf\ncreate_certs_tool_options = %s/ca.options\n"
		       "active_pcr_banks = sha256\n",
		       ca, ca);
}

static void manufacture(const char *dir, const char *ca)
{
	char command[2048];

	if (mkdir(ca, 0700) == 0)
		write_ca(ca);
	snprintf(command, sizeof command,
		 "swtpm_setup --tpm2 --tpmstate '%s' --create-ek-cert --config '%s/setup.conf' "
		 "--overwrite %s >'%s/setup.log' 2>&1",
		 dir, ca, geteuid() == 0 ? "--runas root" : "", dir);
	if (system(command) != 0)
		die("swtpm_setup (is the package swtpm-tools installed?)");
}

static struct swtpm *start(enum swtpm_way way, const char *ca)
{
	struct swtpm *s = calloc(1, sizeof *s);

	if (!s)
		die("memory");
	if (!made++)
		atexit(end_all);
	s->way = way;
	snprintf(s->dir, sizeof s->dir, "%s/swtpm%u", scratch_dir(), made);
	snprintf(s->path, sizeof s->path, "%s/swtpm%u.sock", scratch_dir(), made);
	if (mkdir(s->dir, 0700) < 0)
		die(s->dir);
	if (ca)
		manufacture(s->dir, ca);
	for (int tries = 0; !s->pid; tries++) {
		write_words(s);
		if (!launch(s) && tries == 5)
			die("it ends at once (is the package swtpm installed?)");
	}
	s->next = all;
	all = s;
	return s;
}

struct swtpm *swtpm_start(enum swtpm_way way)
{
	return start(way, NULL);
}

struct swtpm *swtpm_start_certified(enum swtpm_way way, const char *ca)
{
	return start(way, ca);
}

void swtpm_free(struct swtpm *s)
{
	struct swtpm **at = &all;

	if (!s)
		return;
	end(s, SIGKILL);
	while (*at != s)
		at = &(*at)->next;
	*at = s->next;
	free(s);
}

const char *swtpm_tcti(const struct swtpm *s)
{
	return s->tcti;
}

const char *swtpm_dir(const struct swtpm *s)
{
	return s->dir;
}

pid_t swtpm_pid(const struct swtpm *s)
{
	return s->pid;
}

void swtpm_stop(struct swtpm *s)
{
	end(s, SIGTERM);
}

void swtpm_kill(struct swtpm *s)
{
	end(s, SIGKILL);
}

void swtpm_restart(struct swtpm *s)
{
	if (!launch(s))
		die("it does not start again");
}

void swtpm_reset(struct swtpm *s)
{
	swtpm_kill(s);
	swtpm_restart(s);
}

static void move(int fd, uint8_t *p, size_t n, bool out)
{
	while (n) {
		ssize_t done = out ? send(fd, p, n, MSG_NOSIGNAL) : recv(fd, p, n, 0);

		if (done <= 0 && errno != EINTR)
			die("a command of the test's own");
		if (done > 0) {
			p += done;
			n -= (size_t)done;
		}
	}
}

static uint32_t u32_at(const uint8_t *p)
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

size_t swtpm_command(const struct swtpm *s, const void *command, size_t n, uint8_t response[4096])
{
	int fd = try_connect(s);
	size_t size;

	if (fd < 0 || n > 4096)
		die(s->tcti);
	memcpy(response, command, n);
	move(fd, response, n, true);
	move(fd, response, HEADER, false);
	size = u32_at(response + 2);
	if (size < HEADER || size > 4096)
		die("a strange response");
	move(fd, response + HEADER, size - HEADER, false);
	close(fd);
	return size;
}

uint32_t swtpm_count(const struct swtpm *s, uint32_t kind)
{
	/* TPM2_GetCapability(TPM_CAP_HANDLES, kind, 254), Part 3 30.2 */
	uint8_t get[] = {
		0x80, 1, 0, 0, 0, 22, 0, 0, 1, 0x7a, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 254
	};
	uint8_t response[4096];

	get[14] = (uint8_t)(kind >> 24);
	if (swtpm_command(s, get, sizeof get, response) < 19 || u32_at(response + 6) != 0)
		die("TPM2_GetCapability");
	return u32_at(response + 15);
}

uint32_t swtpm_left_behind(const struct swtpm *s)
{
	return swtpm_count(s, SWTPM_TRANSIENT) + swtpm_count(s, SWTPM_LOADED_SESSION) +
	       swtpm_count(s, SWTPM_SAVED_SESSION);
}

int swtpm_shell(const struct swtpm *s, const char *command)
{
	pid_t pid = fork();
	int status;

	if (pid < 0)
		die("fork");
	if (pid == 0) {
		setenv("TPM2TOOLS_TCTI", s->tcti, 1);
		execl("/bin/sh", "sh", "-c", command, (char *)NULL);
		_exit(127);
	}
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			die("waitpid");
	return WIFEXITED(status) ? WEXITSTATUS(status) : 256 + WTERMSIG(status);
}
