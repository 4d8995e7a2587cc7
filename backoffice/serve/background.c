/* background - what a server looks at all the time, beside what it is asked. */
#include "backoffice/core/ca.h"
#include "backoffice/serve/parts.h"
#include "base/clock.h"

#define HEALTH_MS 1000

/* A question that costs the database next to nothing. */
static void look_at_database(struct serving *s)
{
	const struct page one = { .limit = 1 };
	SCOPED(ca_list) list = { 0 };
	enum inro_err e = ca_find(s->core, &one, &list);

	if ((e == INRO_OK) == s->healthy)
		return;
	s->healthy = e == INRO_OK;
	service_say(e ? "the database does not answer" : "the database answers", e ? "why" : NULL,
		    e ? err_detail(e) : NULL);
}

static void look_at_cert(struct serving *s, bool now)
{
	SSL_CTX *ctx = NULL;
	enum inro_err e = own_cert_look(&s->cert, s->core, now, &ctx);

	if (e != INRO_OK) {
		service_say("the certificate in use stays", "why", err_detail(e));
		return;
	}
	if (!ctx)
		return;
	http_tls_swap(s->server, ctx);
	SSL_CTX_free(ctx);
	service_say("another certificate is in use", "file", s->cert.file);
}

void background_round(struct serving *s, bool hangup)
{
	static int64_t next_health, next_sign;
	int64_t now = clock_monotonic_ms(), sign = service_watchdog_ms();

	if (now >= next_health) {
		look_at_database(s);
		next_health = now + HEALTH_MS;
	}
	if (s->cert.key)
		look_at_cert(s, hangup);
	if (sign && now >= next_sign) {
		service_tell("WATCHDOG=1");
		next_sign = now + sign;
	}
}
