/* stats - counts of a server, and the text in which Prometheus reads them. */
#include <time.h>

#include "backoffice/http/engine.h"

/* Upper ends, in microseconds. */
static const int64_t buckets[STATS_BUCKETS - 1] = { 500,    1000,   2500,   5000,    10000,
						    25000,  50000,  100000, 250000,  500000,
						    1000000, 2500000, 10000000 };

int64_t now_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

void stats_count(struct http_server *s, struct route *r, int status, int64_t us)
{
	struct route_stats *to = r ? &r->stats : &s->routes[s->n_routes - 1].stats;
	size_t i = 0;

	while (i < ARRAY_LEN(buckets) && us > buckets[i])
		i++;
	to->bucket[i]++;
	to->by_status[status_index(status)]++;
	to->sum_us += (uint64_t)us;
}

void http_server_stats(const struct http_server *s, struct http_stats *ret)
{
	*ret = (struct http_stats) {
		.connections = s->stats.connections,
		.accepted = s->stats.accepted,
		.refused = s->stats.refused,
		.handshakes_failed = s->stats.handshakes_failed,
		.timeouts = s->stats.timeouts,
		.requests = s->stats.requests,
		.queue_full = s->stats.queue_full,
		.peer_over = s->stats.peer_over,
		.account_over = s->accounts.over,
	};
	pool_counts(s->pool, &ret->queued, &ret->workers_busy, &ret->workers);
}

static const char *route_name(const struct route *r)
{
	return r->row ? r->row->pattern : "none";
}

static const char *route_method(const struct route *r)
{
	return r->row ? r->row->method : "";
}

static void put_statuses(struct buf *out, const struct route *r)
{
	for (size_t i = 0; i < status_count(); i++)
		if (r->stats.by_status[i])
			buf_addf(out,
				 "inro_http_requests_total{method=\"%s\",route=\"%s\",status=\"%d\"} "
				 "%llu\n",
				 route_method(r), route_name(r), statuses[i].code,
				 (unsigned long long)r->stats.by_status[i]);
}

static void put_bucket(struct buf *out, const struct route *r, const char *end, uint64_t n)
{
	buf_addf(out,
		 "inro_http_request_seconds_bucket{method=\"%s\",route=\"%s\",le=\"%s\"} %llu\n",
		 route_method(r), route_name(r), end, (unsigned long long)n);
}

static void put_times(struct buf *out, const struct route *r)
{
	uint64_t n = 0;

	for (size_t i = 0; i < ARRAY_LEN(buckets); i++) {
		SCOPED(buf) end = { 0 };

		n += r->stats.bucket[i];
		buf_addf(&end, "%g", (double)buckets[i] / 1e6);
		if (!buf_err(&end))
			put_bucket(out, r, (const char *)end.p, n);
	}
	n += r->stats.bucket[STATS_BUCKETS - 1];
	put_bucket(out, r, "+Inf", n);
	buf_addf(out, "inro_http_request_seconds_sum{method=\"%s\",route=\"%s\"} %.6f\n",
		 route_method(r), route_name(r), (double)r->stats.sum_us / 1e6);
	buf_addf(out, "inro_http_request_seconds_count{method=\"%s\",route=\"%s\"} %llu\n",
		 route_method(r), route_name(r), (unsigned long long)n);
}

static void put_type(struct buf *out, const char *name, const char *type, const char *help)
{
	buf_addf(out, "# HELP inro_%s %s\n# TYPE inro_%s %s\n", name, help, name, type);
}

static void put_one(struct buf *out, const char *name, const char *type, const char *help,
		    uint64_t value)
{
	put_type(out, name, type, help);
	buf_addf(out, "inro_%s %llu\n", name, (unsigned long long)value);
}

static void put_server(const struct http_server *s, struct buf *out)
{
	struct http_stats n;

	http_server_stats(s, &n);
	put_one(out, "http_connections", "gauge", "Connections that are open.", n.connections);
	put_one(out, "http_connections_total", "counter", "Connections accepted.", n.accepted);
	put_one(out, "http_connections_refused_total", "counter", "Connections over a limit.",
		n.refused);
	put_one(out, "http_handshakes_failed_total", "counter", "TLS handshakes that failed.",
		n.handshakes_failed);
	put_one(out, "http_timeouts_total", "counter", "Connections cut for their time.",
		n.timeouts);
	put_one(out, "http_queue", "gauge", "Requests that wait for a worker.", n.queued);
	put_one(out, "http_queue_full_total", "counter", "Requests refused for want of room.",
		n.queue_full);
	put_one(out, "http_peer_over_rate_total", "counter",
		"Requests answered 429 because their address sent too many.", n.peer_over);
	put_one(out, "http_account_over_rate_total", "counter",
		"Requests answered 429 because their account or device sent too many.", n.account_over);
	put_one(out, "http_workers", "gauge", "Worker threads.", n.workers);
	put_one(out, "http_workers_busy", "gauge", "Worker threads at work.", n.workers_busy);
	put_one(out, "http_log_lost_total", "counter", "Writes of log lines that failed.",
		s->stats.log_lost);
}

void http_server_metrics(const struct http_server *s, struct buf *out)
{
	put_server(s, out);
	put_type(out, "http_requests_total", "counter", "Requests by route and status.");
	for (size_t i = 0; i < s->n_routes; i++)
		put_statuses(out, &s->routes[i]);
	put_type(out, "http_request_seconds", "histogram",
		 "Time from the first byte of a request to the last of its answer.");
	for (size_t i = 0; i < s->n_routes; i++)
		if (s->routes[i].stats.sum_us)
			put_times(out, &s->routes[i]);
}
