/* pgproxy - see pgproxy.h.  One child a connection; what is to be cut is in shared memory. */
#include "tests/lib/pgproxy.h"

#include <poll.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "tests/lib/scratch.h"

#define SOCKET_NAME ".s.PGSQL.5432"

static _Atomic int *cut; /* an enum pgproxy_cut */

static void die(const char *what)
{
	perror(what);
	exit(99);
}

static struct sockaddr_un address(const char *dir)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };

	snprintf(a.sun_path, sizeof a.sun_path, "%s/" SOCKET_NAME, dir);
	return a;
}

static bool has_commit(const char *p, size_t n)
{
	return memmem(p, n, "COMMIT", sizeof "COMMIT") != NULL;
}

/* Whether the connection goes on. */
static bool pass(int from, int to, bool asks, bool *last)
{
	char room[65536];
	ssize_t n = read(from, room, sizeof room);
	int what;

	if (n <= 0 || *last) /* of the answer nothing is passed on */
		return false;
	if (asks && has_commit(room, (size_t)n)) {
		what = atomic_exchange(cut, PGPROXY_NOTHING);
		if (what == PGPROXY_BEFORE)
			return false;
		*last = what == PGPROXY_AFTER;
	}
	return write(to, room, (size_t)n) == n;
}

static void carry(int client, const char *server_dir)
{
	struct sockaddr_un a = address(server_dir);
	int server = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct pollfd p[2] = { { .fd = client, .events = POLLIN },
			       { .fd = server, .events = POLLIN } };
	bool on = connect(server, (struct sockaddr *)&a, sizeof a) == 0, last = false;

	while (on && poll(p, 2, -1) > 0) {
		if (p[0].revents)
			on = pass(client, server, true, &last);
		if (on && p[1].revents)
			on = pass(server, client, false, &last);
	}
	_exit(0);
}

static void serve(int listening, const char *server_dir)
{
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	signal(SIGCHLD, SIG_IGN);
	for (;;) {
		int client = accept(listening, NULL, NULL);

		if (client >= 0 && fork() == 0)
			carry(client, server_dir);
		close(client);
	}
}

static void start(const char *server_dir)
{
	struct sockaddr_un a = address(scratch_dir());
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	cut = mmap(NULL, sizeof *cut, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (cut == MAP_FAILED || bind(fd, (struct sockaddr *)&a, sizeof a) != 0 ||
	    listen(fd, 8) != 0)
		die("a socket for the proxy");
	if (fork() == 0)
		serve(fd, server_dir);
	close(fd);
}

const char *pgproxy_url(const char *url)
{
	static char own[256];
	const char *dir = strstr(url, "?host=");

	if (!cut)
		start(dir + 6);
	snprintf(own, sizeof own, "%.*s?host=%s", (int)(dir - url), url, scratch_dir());
	return own;
}

void pgproxy_cut_next(enum pgproxy_cut what)
{
	atomic_store(cut, what);
}
