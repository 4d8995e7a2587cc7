/* cmp_routes - a message's way through; see cmp_routes.h. */
#include "backoffice/cmp/cmp_routes.h"

#include <string.h>

#include "backoffice/cmp/turn.h"
#include "backoffice/core/unnamed.h"
#include "base/clock.h"
#include "base/secret.h"

#define TYPE	 "application/pkixcmp"
#define TIME_MAX 3600 /* seconds that a sender's clock may be off */

/* ---- what every message has ---- */

static enum inro_err check_version(struct turn *t)
{
	if (t->in.version == 2 || t->in.version == 3)
		return INRO_OK;
	return turn_refuse(t, CMP_FAIL_BAD_VERSION, INRO_E_VERSION, "a message of version %lld",
			   (long long)t->in.version);
}

static enum inro_err check_time(struct turn *t)
{
	int64_t off = t->in.time - clock_now();

	if (!t->in.time || (off < TIME_MAX && off > -TIME_MAX))
		return INRO_OK;
	t->told = true; /* who sends it need not be who made it */
	return unnamed_refused(t->core, turn_refuse(t, CMP_FAIL_BAD_TIME, INRO_E_ARG,
						    "the message's time is %lld seconds away from ours", (long long)off));
}

static enum inro_err check_ids(struct turn *t)
{
	if (!t->in.id.n)
		return turn_refuse(t, CMP_FAIL_BAD_DATA_FORMAT, INRO_E_ARG,
				   "a message without a transactionID");
	if (t->in.sender_nonce.n < CMP_NONCE_MIN)
		return turn_refuse(t, CMP_FAIL_BAD_SENDER_NONCE, INRO_E_ARG,
				   "a senderNonce has %d octets at least", CMP_NONCE_MIN);
	return INRO_OK;
}

/* ---- by its type ---- */

enum inro_err turn_error(struct turn *t)
{
	cmp_add_confirmed(&t->body);
	return buf_err(&t->body);
}

static const struct {
	enum cmp_body type;
	turn_fn *run;
} types[] = {
	{ CMP_IR, turn_request },	{ CMP_CR, turn_request },      { CMP_P10CR, turn_request },
	{ CMP_KUR, turn_request },	{ CMP_RR, turn_revoke },       { CMP_GENM, turn_general },
	{ CMP_CERTCONF, turn_confirm }, { CMP_POLLREQ, turn_poll }, { CMP_ERROR, turn_error },
};

static enum inro_err do_it(struct turn *t)
{
	for (size_t i = 0; i < ARRAY_LEN(types); i++)
		if (types[i].type == t->in.type)
			return types[i].run(t);
	return turn_refuse(t, CMP_FAIL_BAD_REQUEST, INRO_E_UNSUPPORTED,
			   "a message of type %d is not for a server", (int)t->in.type);
}

static enum inro_err work(struct turn *t)
{
	static enum inro_err (*const checks[])(struct turn *) = { check_version, turn_know, check_time,
								  check_ids, do_it };
	enum inro_err e = random_fill(t->nonce, sizeof t->nonce);

	for (size_t i = 0; e == INRO_OK && i < ARRAY_LEN(checks); i++)
		e = checks[i](t);
	return e;
}

static void refuse(struct turn *t, enum inro_err e)
{
	e = turn_told(t, e);
	buf_reset(&t->body);
	cmp_add_error(&t->body, turn_fail_of(t, e), turn_text_of(t, e));
}

/* ---- the route ---- */

static enum inro_err handle(struct http_call *call, void *arg)
{
	SCOPED(turn) t = { .core = call->worker,
			   .call = call,
			   .options = arg,
			   .label_text = call->n_args ? call->args[0] : NULL,
			   .fail = CMP_FAIL_NONE };
	enum inro_err e = cmp_read(call->body, &t.in);

	if (e == INRO_OK)
		e = core_peer(t.core, call->peer->address);
	if (e != INRO_OK)
		return e;
	e = work(&t);
	if (e == INRO_E_BUSY && !t.known)
		return e; /* too many tries or requests from there: HTTP says when to come again */
	if (e != INRO_OK)
		refuse(&t, e);
	call->answer->type = TYPE;
	return turn_reply(&t, &call->answer->body);
}

#define POST(at)                                                                                   \
	{ .method = "POST", .pattern = (at), .flags = HTTP_PLAIN, .run = handle,                   \
	  .body_max = CMP_MAX, .type = TYPE }

const struct http_route cmp_routes[] = {
	POST("/.well-known/cmp"),
	POST("/.well-known/cmp/p/{label}"),
};
const size_t cmp_routes_n = ARRAY_LEN(cmp_routes);
