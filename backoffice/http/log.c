/*
 * log - a JSON line a request.
 *
 * 1. No query, no header, no body: what may be secret is not in it.  A reason may name a member or a condition.
 * 2. Lines are written together, some at a time, and never waited for: a reader that is too slow
 *    loses lines, not the server its time.
 * 3. What is written at once is no longer than PIPE_BUF: a pipe takes all of it or none, and the lines of two threads
 *    don't mix.
 */
#include <limits.h>
#include <poll.h>
#include <unistd.h>

#include "backoffice/http/conn.h"
#include "backoffice/http/text.h"
#include "backoffice/http/timer.h"
#include "base/clock.h"

#define FLUSH_MS  50
#define FLUSH_AT  3072
#define LOG_PATH_MAX 512

void log_flush(evutil_socket_t fd, short what, void *arg)
{
	struct loop *l = arg;
	struct pollfd out = { .fd = l->server->o.log_fd, .events = POLLOUT };

	(void)fd;
	(void)what;
	if (l->log.n && poll(&out, 1, 0) == 1 && out.revents & POLLOUT &&
	    write(out.fd, l->log.p, l->log.n) < 0)
		l->server->stats.log_lost++;
	buf_reset(&l->log);
}

static void put_text(struct buf *out, const char *name, const char *text)
{
	if (!text)
		return;
	buf_addf(out, ",\"%s\":", name);
	text_add_json(out, bytes_of(text));
}

static void put_line(struct buf *out, const struct exchange *x, int64_t us)
{
	const struct http_call *c = &x->call;
	struct bytes path = bytes_of(c->path);
	char now[32];

	clock_format(clock_now(), now, sizeof now);
	buf_addf(out, "{\"time\":\"%s\",\"id\":%llu,\"peer\":\"%s\",\"tls\":%s,\"method\":", now,
		 (unsigned long long)c->id, c->peer->address, c->peer->tls ? "true" : "false");
	text_add_json(out, bytes_of(x->is_head ? "HEAD" : c->method));
	buf_add_str(out, ",\"path\":");
	text_add_json(out, BYTES(path.p, path.n < LOG_PATH_MAX ? path.n : LOG_PATH_MAX));
	buf_addf(out, ",\"status\":%d,\"bytes\":%llu,\"ms\":%lld.%03lld", x->answer.status,
		 (unsigned long long)x->sent, (long long)(us / 1000), (long long)(us % 1000));
	if (x->cut)
		buf_add_str(out, ",\"cut\":true");
	if (x->stream_err)
		buf_addf(out, ",\"broken\":\"%s\"", err_name(x->stream_err));
	put_text(out, "error", x->answer.fault);
	put_text(out, "refused", x->answer.refusal);
	buf_add_str(out, "}\n");
}

void log_request(struct exchange *x, int64_t us)
{
	struct loop *l = x->loop;
	SCOPED(buf) line = { .max = PIPE_BUF };

	if (l->server->o.log_fd < 0)
		return;
	put_line(&line, x, us);
	if (buf_err(&line) != INRO_OK) {
		l->server->stats.log_lost++;
		return;
	}
	if (l->log.n + line.n > PIPE_BUF)
		log_flush(-1, 0, l);
	if (!l->log.n)
		timer_start(l->flush, FLUSH_MS);
	buf_add(&l->log, buf_bytes(&line));
	if (l->log.n >= FLUSH_AT)
		log_flush(-1, 0, l);
}
