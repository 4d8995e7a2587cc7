/* routes - what the server tells of itself. */
#include "backoffice/core/writers.h"
#include "backoffice/serve/parts.h"
#include "base/clock.h"

/* For a load balancer: 503 while the database does not answer, or the server ends. */
static enum inro_err h_health(struct http_call *c, void *arg)
{
	bool serves = false;
	enum inro_err e = health_tell(arg, &c->answer->body, &serves);

	c->answer->status = serves ? 200 : 503;
	c->answer->type = "application/json";
	http_answer_header(c->answer, "Cache-Control", "no-store");
	return e;
}

static void writers_metrics(struct writers *w, struct buf *out)
{
	struct writers_stats s;

	writers_stats(w, &s);
	buf_addf(out,
		 "# HELP inro_changes_total Changes in the database, refused ones with them.\n"
		 "# TYPE inro_changes_total counter\ninro_changes_total %llu\n"
		 "# HELP inro_change_turns_total Transactions that they were in.\n"
		 "# TYPE inro_change_turns_total counter\ninro_change_turns_total %llu\n"
		 "# HELP inro_changes_waiting Changes that wait for their turn.\n"
		 "# TYPE inro_changes_waiting gauge\ninro_changes_waiting %llu\n",
		 (unsigned long long)s.changes, (unsigned long long)s.turns,
		 (unsigned long long)s.waiting);
}

static enum inro_err h_metrics(struct http_call *c, void *arg)
{
	struct serving *s = arg;
	struct buf *out = &c->answer->body;

	if (!s->server) /* it is just being started */
		return err_set(INRO_E_BUSY, "the server starts");
	c->answer->type = "text/plain; version=0.0.4; charset=utf-8";
	http_answer_header(c->answer, "Cache-Control", "no-store");
	buf_addf(out, "# HELP inro_healthy Does the database answer?\n# TYPE inro_healthy gauge\n"
		      "inro_healthy %d\n",
		 s->healthy ? 1 : 0);
	buf_addf(out,
		 "# HELP inro_start_time_seconds When the server started.\n"
		 "# TYPE inro_start_time_seconds gauge\ninro_start_time_seconds %lld\n",
		 (long long)s->started);
	health_metrics(s, out);
	http_server_metrics(s->server, out);
	responder_metrics(s->responder, out);
	writers_metrics(s->writers, out);
	return INRO_OK;
}

struct http_table own_routes(struct serving *s)
{
	static const struct http_route rows[] = {
		{ "GET", "/healthz", HTTP_PLAIN | HTTP_HERE, h_health, NULL, 0, NULL },
		{ "GET", "/metrics", HTTP_PLAIN, h_metrics, NULL, 0, NULL },
	};

	return (struct http_table) { rows, ARRAY_LEN(rows), s };
}
