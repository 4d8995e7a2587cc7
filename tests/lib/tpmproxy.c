/* tpmproxy - somebody between a program and its swtpm. */
#include "tests/lib/tpmproxy.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "tests/lib/scratch.h"

#define HEADER 10
#define LISTED 64

struct tpmproxy {
	struct swtpm *tpm;
	pthread_t thread;
	int listening, stop[2]; /* a pipe */
	char path[100], tcti[128], list[16 * LISTED];
	pthread_mutex_t lock;
	tpmproxy_hook before, after;
	void *arg;
	unsigned count;
	uint32_t codes[LISTED];
};

static void die(const char *what)
{
	fprintf(stderr, "a proxy before a TPM: %s: %s\n", what, strerror(errno));
	exit(99);
}

static int connect_to(const char *path)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		die("socket");
	snprintf(a.sun_path, sizeof a.sun_path, "%s", path);
	if (connect(fd, (struct sockaddr *)&a, sizeof a) == 0)
		return fd;
	close(fd);
	return -1;
}

static int listen_at(const char *path)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	snprintf(a.sun_path, sizeof a.sun_path, "%s", path);
	if (fd < 0 || bind(fd, (struct sockaddr *)&a, sizeof a) < 0 || listen(fd, 16) < 0)
		die(path);
	return fd;
}

static uint32_t u32_at(const uint8_t *p)
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static bool send_all(int fd, const uint8_t *p, size_t n)
{
	while (n) {
		ssize_t done = send(fd, p, n, MSG_NOSIGNAL);

		if (done < 0 && errno != EINTR)
			return false;
		if (done > 0) {
			p += done;
			n -= (size_t)done;
		}
	}
	return true;
}

static bool read_all(int fd, uint8_t *p, size_t n)
{
	while (n) {
		ssize_t done = recv(fd, p, n, 0);

		if (done == 0 || (done < 0 && errno != EINTR))
			return false;
		if (done > 0) {
			p += done;
			n -= (size_t)done;
		}
	}
	return true;
}

/* A header and what it says that follows; 0 when the other side is gone. */
static size_t read_message(int fd, uint8_t room[TPMPROXY_ROOM])
{
	size_t n;

	if (!read_all(fd, room, HEADER))
		return 0;
	n = u32_at(room + 2);
	if (n < HEADER || n > TPMPROXY_ROOM || !read_all(fd, room + HEADER, n - HEADER))
		return 0;
	return n;
}

/* ---- one client ---- */

static void count(struct tpmproxy *p, struct tpmproxy_talk *t, tpmproxy_hook hooks[2])
{
	pthread_mutex_lock(&p->lock);
	t->number = p->count++;
	if (t->number < LISTED)
		p->codes[t->number] = t->cc;
	t->arg = p->arg;
	hooks[0] = p->before;
	hooks[1] = p->after;
	pthread_mutex_unlock(&p->lock);
}

static bool pass(struct tpmproxy *p, int client, int tpm)
{
	static uint8_t command[TPMPROXY_ROOM];
	static struct tpmproxy_talk t;
	tpmproxy_hook hooks[2];
	size_t n = read_message(client, command);
	bool go_on;

	if (n == 0)
		return false;
	t.tpm = p->tpm;
	t.cc = u32_at(command + 6);
	t.n = 0;
	count(p, &t, hooks);
	if (hooks[0] && !hooks[0](&t))
		return false;
	if (!send_all(tpm, command, n))
		return false;
	t.n = read_message(tpm, t.response);
	go_on = t.n > 0 && (!hooks[1] || hooks[1](&t));
	return send_all(client, t.response, t.n) && go_on;
}

static bool has_come(const struct pollfd *p)
{
	return p->revents != 0;
}

static void serve(struct tpmproxy *p, int client, int tpm)
{
	struct pollfd fds[] = { { .fd = client, .events = POLLIN },
				{ .fd = tpm, .events = POLLIN },
				{ .fd = p->stop[0], .events = POLLIN } };

	do {
		while (poll(fds, 3, -1) < 0)
			if (errno != EINTR)
				die("poll");
		/* a TPM that says something unasked has gone */
	} while (!has_come(&fds[1]) && !has_come(&fds[2]) && pass(p, client, tpm));
}

static void *work(void *arg)
{
	struct tpmproxy *p = arg;
	struct pollfd fds[] = { { .fd = p->listening, .events = POLLIN },
				{ .fd = p->stop[0], .events = POLLIN } };

	while (poll(fds, 2, -1) < 0 || !has_come(&fds[1])) {
		int client = accept4(p->listening, NULL, NULL, SOCK_CLOEXEC);
		int tpm = connect_to(strchr(swtpm_tcti(p->tpm), '=') + 1);

		if (client >= 0 && tpm >= 0)
			serve(p, client, tpm);
		if (client >= 0)
			close(client);
		if (tpm >= 0)
			close(tpm);
	}
	return NULL;
}

/* ---- the face ---- */

struct tpmproxy *tpmproxy_start(struct swtpm *behind)
{
	static int n;
	struct tpmproxy *p = calloc(1, sizeof *p);

	if (!p)
		die("memory");
	p->tpm = behind;
	snprintf(p->path, sizeof p->path, "%s/proxy%d.sock", scratch_dir(), ++n);
	snprintf(p->tcti, sizeof p->tcti, "swtpm:path=%s", p->path);
	p->listening = listen_at(p->path);
	pthread_mutex_init(&p->lock, NULL);
	if (pipe2(p->stop, O_CLOEXEC) < 0 || pthread_create(&p->thread, NULL, work, p) != 0)
		die("a thread");
	return p;
}

void tpmproxy_free(struct tpmproxy *p)
{
	if (!p)
		return;
	if (write(p->stop[1], "", 1) != 1)
		die("a pipe");
	pthread_join(p->thread, NULL);
	close(p->stop[0]);
	close(p->stop[1]);
	close(p->listening);
	pthread_mutex_destroy(&p->lock);
	free(p);
}

const char *tpmproxy_tcti(const struct tpmproxy *p)
{
	return p->tcti;
}

void tpmproxy_hooks(struct tpmproxy *p, tpmproxy_hook before, tpmproxy_hook after, void *arg)
{
	pthread_mutex_lock(&p->lock);
	p->before = before;
	p->after = after;
	p->arg = arg;
	p->count = 0;
	pthread_mutex_unlock(&p->lock);
}

void tpmproxy_reset(struct tpmproxy *p)
{
	tpmproxy_hooks(p, NULL, NULL, NULL);
}

unsigned tpmproxy_count(struct tpmproxy *p)
{
	unsigned n;

	pthread_mutex_lock(&p->lock);
	n = p->count;
	pthread_mutex_unlock(&p->lock);
	return n;
}

const char *tpmproxy_list(struct tpmproxy *p)
{
	size_t at = 0;

	p->list[0] = '\0';
	pthread_mutex_lock(&p->lock);
	for (unsigned i = 0; i < p->count && i < LISTED; i++)
		at += (size_t)snprintf(p->list + at, sizeof p->list - at, " %03x", p->codes[i]);
	pthread_mutex_unlock(&p->lock);
	return p->list;
}
