/*
 * run - one request: who it is from, what it asks, whether it was asked before, the answer.
 *
 * 1. The core is nobody's again on every way out.
 * 2. If-Match is looked at in the transaction that changes, not before it.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "backoffice/core/json.h"
#include "backoffice/core/reply.h"
#include "backoffice/core/unnamed.h"
#include "backoffice/core/view.h"
#include "backoffice/pki/alg.h"
#include "backoffice/rest/engine.h"
#include "backoffice/show/doc.h"

#define JSON_TYPE    "application/json"
#define IDEM_KEY_MAX 128

void rest_clear(struct rest *r)
{
	json_decref(r->in);
	r->in = NULL;
	core_nobody(r->core);
}

/* ---- entity tags ---- */

static enum inro_err dump(const json_t *doc, struct buf *ret)
{
	buf_add_json(ret, doc);
	return buf_err(ret);
}

enum inro_err rest_etag(struct bytes body, char ret[static ETAG_ROOM])
{
	uint8_t hash[PKI_DIGEST_MAX];
	SCOPED(buf) hex = { 0 };
	enum inro_err e = pki_digest(PKI_SHA256, body, hash);

	buf_add_hex(&hex, BYTES(hash, 8));
	if (e == INRO_OK)
		e = buf_err(&hex);
	if (e == INRO_OK)
		snprintf(ret, ETAG_ROOM, "\"%.*s\"", (int)hex.n, (const char *)hex.p);
	return e;
}

struct match {
	struct rest *r;
	const char *wanted;
};

static enum inro_err current_etag(struct rest *r, char ret[static ETAG_ROOM])
{
	struct rest look = *r;
	json_t *doc = NULL;
	SCOPED(buf) text = { .secret = true };
	enum inro_err e;

	look.row = rest_reading_row(r->row);
	look.in = json_object();
	e = look.row->run(&look, &doc);
	if (e == INRO_OK)
		e = dump(doc, &text);
	if (e == INRO_OK)
		e = rest_etag(buf_bytes(&text), ret);
	json_decref(doc);
	json_decref(look.in);
	return e;
}

static enum inro_err still_matches(struct core *c, void *arg)
{
	struct match *m = arg;
	char now[ETAG_ROOM] = "";
	enum inro_err e = current_etag(m->r, now);

	(void)c;
	if (e != INRO_OK || strcmp(m->wanted, "*") == 0 || strstr(m->wanted, now))
		return e;
	m->r->stale = true;
	return err_set(INRO_E_STATE, "it was changed since you looked: it is %s now", now);
}

/* ---- the work ---- */

enum inro_err rest_told(const struct rest_row *row, enum inro_err e)
{
	if (e == INRO_E_LOGIN && !(row && row->flags & REST_PROVES))
		return err_set(INRO_E_TOKEN, "%.400s", err_detail(e));
	if (e != INRO_E_CONFIG && e != INRO_E_PIN_MISSING)
		return e;
	return err_set(INRO_E_STATE, "%.400s", err_detail(e));
}

static enum inro_err run_row(struct rest *r, const struct http_call *call, json_t **ret)
{
	struct match m = { .r = r, .wanted = http_header(call, "If-Match") };
	enum inro_err e;

	if (m.wanted && strcmp(r->row->method, "GET") != 0)
		core_expect(r->core, still_matches, &m);
	e = r->row->run(r, ret);
	core_expect(r->core, NULL, NULL);
	return rest_told(r->row, e);
}

static enum inro_err read_input(struct rest *r, const struct http_call *call)
{
	bool body = strcmp(call->method, "GET") != 0 && strcmp(call->method, "DELETE") != 0;
	bool query = !body || r->rows_format;
	enum inro_err e;

	if (!query && call->query && call->query->n)
		return err_set(INRO_E_ARG, "there is no parameter '%.64s' here: what this takes is in its body",
			       call->query->list[0].name);
	if (query)
		e = rest_query(call, r->row->in, &r->in);
	else if (call->body.n && !(r->row->flags & REST_STREAM))
		e = rest_read(call->body, &r->in);
	else
		e = json_give(json_object(), &r->in);
	if (e != INRO_OK || r->row->flags & REST_STREAM)
		return e; /* each line is looked at by itself */
	return rest_check_row(r->row, r->in, query ? REST_PARAMETER : REST_MEMBER);
}

static int status_for(const struct rest *r)
{
	if (r->status)
		return r->status;
	if (r->row->status)
		return r->row->status;
	return r->row->out ? 200 : 204;
}

/* RFC 9110 15.3.2 */
static void say_where(const struct rest *r, struct http_answer *a, const json_t *doc)
{
	SCOPED(buf) where = { 0 };
	const char *place = a->status == 201 || a->status == 202 ? rest_place(r->row) : NULL;

	if (!place || !doc || !rest_made(place, doc, &where))
		return;
	buf_add_u8(&where, 0);
	if (!buf_err(&where))
		http_answer_header(a, "Location", (const char *)where.p);
}

static bool has_secret(const struct rest *r)
{
	return r->row->flags & REST_SECRET && !r->bare;
}

static enum inro_err give_answer(struct rest *r, struct http_call *call, json_t *doc)
{
	struct http_answer *a = call->answer;
	char etag[ETAG_ROOM];
	enum inro_err e = INRO_OK;

	a->status = status_for(r);
	http_answer_header(a, "Cache-Control", "no-store");
	say_where(r, a, doc);
	if (!doc || a->status == 204)
		return INRO_OK;
	a->type = JSON_TYPE;
	a->body.secret = has_secret(r);
	e = dump(doc, &a->body);
	if (e != INRO_OK || strcmp(call->method, "GET") != 0 || r->row->flags & (REST_LIST | REST_SECRET))
		return e; /* a tag of a secret would tell something of it, where headers are logged */
	e = rest_etag(buf_bytes(&a->body), etag);
	if (e != INRO_OK)
		return e;
	http_answer_header(a, "ETag", etag);
	if (!http_unchanged(call, etag))
		return INRO_OK;
	a->status = 304;
	buf_reset(&a->body);
	return INRO_OK;
}

/* What waits for others is neither done nor refused. */
static enum inro_err give_waiting(struct rest *r, struct http_call *call)
{
	json_t *doc = json_pack("{s:b s:s}", "waits", 1, "detail", err_detail(INRO_E_APPROVAL));
	enum inro_err e = doc ? INRO_OK : INRO_E_NO_MEMORY;

	r->status = 202;
	r->bare = true; /* whatever the row gives otherwise */
	if (e == INRO_OK)
		e = give_answer(r, call, doc);
	json_decref(doc);
	return e;
}

static enum inro_err do_row(struct rest *r, struct http_call *call)
{
	json_t *doc = NULL;
	enum inro_err e = run_row(r, call, &doc);

	if (e == INRO_OK)
		e = give_answer(r, call, doc);
	else if (e == INRO_E_APPROVAL)
		e = give_waiting(r, call);
	json_decref(doc);
	return e;
}

/* ---- asked before ---- */

static void add_hashed(struct buf *b, const char *text)
{
	buf_add_field(b, bytes_of(text));
}

static enum inro_err hash_of(struct buf *of, uint8_t ret[static PKI_DIGEST_MAX])
{
	enum inro_err e = buf_err(of);

	return e == INRO_OK ? pki_digest(PKI_SHA256, buf_bytes(of), ret) : e;
}

static enum inro_err begin_once(struct rest *r, const struct http_call *call, const char *key,
				struct reply *ret)
{
	uint8_t whose[PKI_DIGEST_MAX], what[PKI_DIGEST_MAX];
	SCOPED(buf) a = { 0 };
	SCOPED(buf) b = { 0 };
	enum inro_err e;

	buf_add_u64(&a, (uint64_t)r->who.tenant);
	add_hashed(&a, r->who.actor);
	add_hashed(&a, key);
	add_hashed(&b, key); /* what may hold a password is not to be guessed from its hash in the database */
	add_hashed(&b, call->method);
	add_hashed(&b, call->path);
	for (size_t i = 0; call->query && i < call->query->n; i++) {
		add_hashed(&b, call->query->list[i].name);
		add_hashed(&b, call->query->list[i].value);
	}
	buf_add(&b, call->body);
	e = hash_of(&a, whose);
	if (e == INRO_OK)
		e = hash_of(&b, what);
	return e == INRO_OK ? reply_begin(r->core, BYTES(whose, 32), BYTES(what, 32), ret) : e;
}

static void say_where_again(const struct rest *r, struct http_answer *a)
{
	json_t *doc = json_loadb((const char *)a->body.p, a->body.n, 0, NULL);

	say_where(r, a, doc);
	json_decref(doc);
}

static enum inro_err give_again(const struct rest *r, struct http_call *call, const struct reply *kept)
{
	struct http_answer *a = call->answer;

	http_answer_header(a, "Idempotent-Replayed", "true");
	if (kept->status == REPLY_BEGUN)
		return err_set(INRO_E_EXISTS, "this was cut off or failed after it had begun: what it did is there, "
					      "and is not done again; look before you send it by another key");
	if (!kept->body.n && kept->status != 204)
		return err_set(INRO_E_EXISTS, "this was done, and its answer was not kept: it had a "
					      "secret in it, or was long");
	a->status = (int)kept->status;
	a->type = kept->body.n ? JSON_TYPE : NULL;
	buf_add(&a->body, blob_bytes(&kept->body));
	if (!buf_err(&a->body))
		say_where_again(r, a);
	return buf_err(&a->body);
}

static enum inro_err end_once(struct rest *r, const struct http_call *call, const struct reply *of,
			      enum inro_err done)
{
	SCOPED(err_kept) kept = err_keep();
	const struct http_answer *a = call->answer;
	enum inro_err e = done != INRO_OK ? reply_drop(r->core, of)
					  : reply_end(r->core, of, a->status, a->type,
						      has_secret(r) ? BYTES_NONE : buf_bytes(&a->body));

	/* What was done is done, also when nobody can know later. */
	(void)e;
	return done;
}

static enum inro_err check_key(const char *key)
{
	size_t n = strlen(key);

	for (size_t i = 0; i < n; i++)
		if (key[i] < 0x21 || key[i] > 0x7e)
			n = 0;
	if (n && n <= IDEM_KEY_MAX)
		return INRO_OK;
	return err_set(INRO_E_ARG, "an Idempotency-Key has 1 to %d visible characters", IDEM_KEY_MAX);
}

static enum inro_err do_once(struct rest *r, struct http_call *call)
{
	const char *key = http_header(call, "Idempotency-Key");
	SCOPED(reply) kept = { 0 };
	enum inro_err e;

	if (!key || strcmp(call->method, "POST") != 0 || r->row->flags & REST_OPEN)
		return do_row(r, call);
	e = check_key(key);
	if (e == INRO_OK)
		e = begin_once(r, call, key, &kept);
	if (e != INRO_OK)
		return e;
	if (kept.status)
		return give_again(r, call, &kept);
	reply_bind(r->core, &kept);
	e = do_row(r, call);
	reply_bind(r->core, NULL);
	return end_once(r, call, &kept, e);
}

/* ---- a request ---- */

enum inro_err rest_begin(struct rest *r, const struct http_call *call)
{
	SCOPED(core_view) view = { 0 };
	enum inro_err e = core_view(r->core, &view);

	if (e == INRO_OK)
		e = rest_who(r->core, call, &r->who);
	if (e == INRO_OK)
		e = http_account(call, r->who.account, r->who.device);
	if (e == INRO_OK)
		e = rest_admit(r);
	return e == INRO_OK ? read_input(r, call) : e;
}

static bool is_of_type(const struct http_call *call, const char *wanted)
{
	const char *type = http_header(call, "Content-Type");
	size_t n = strlen(wanted);

	return type && strncasecmp(type, wanted, n) == 0 &&
	       (!type[n] || type[n] == ';' || type[n] == ' ');
}

static void take_rows(struct rest *r, const struct http_call *call)
{
	if (is_of_type(call, CSV_TYPE))
		r->rows_format = "csv";
	else if (is_of_type(call, LINES_TYPE))
		r->rows_format = "jsonl";
	if (r->rows_format)
		r->rows = call->body;
}

/* A browser's form must not pass for a request; a request without a body needs no type. */
static bool fits_type(struct rest *r, const struct http_call *call)
{
	if (r->row->flags & REST_STREAM)
		return true; /* the engine looked */
	if (r->row->flags & (REST_ROWS | REST_ROWS_ONLY))
		take_rows(r, call);
	if (r->row->flags & REST_ROWS_ONLY || r->rows_format)
		return r->rows_format != NULL;
	return !call->body.n || is_of_type(call, JSON_TYPE);
}

static bool is_own_origin(const struct http_call *call, const char *origin)
{
	const char *host = http_header(call, "Host"), *at = strstr(origin, "://");

	return host && at && strcasecmp(at + 3, host) == 0;
}

/* A browser shows its certificate, and the password that it was told once, for pages of anybody, and sends what has no
 * body without asking first.  It says whose page that is; programs say nothing. */
static bool is_of_foreign_page(const struct http_call *call)
{
	const char *site = http_header(call, "Sec-Fetch-Site"), *origin = http_header(call, "Origin");

	if (strcmp(call->method, "GET") == 0)
		return false;
	if (site)
		return strcasecmp(site, "same-origin") != 0 && strcasecmp(site, "none") != 0;
	return origin && !is_own_origin(call, origin);
}

/* Whom it is from does not matter, and is not looked at. */
static enum inro_err refuse_page(struct rest *r, struct http_call *call)
{
	enum inro_err e = core_peer(r->core, call->peer->address);

	http_problem(call->answer, 403, "a page of another site sent this: what changes something is not taken from "
					"there");
	return e == INRO_OK ? unnamed_refused(r->core, INRO_OK) : e;
}

static bool wants_lines(const struct http_call *call)
{
	const char *accept = http_header(call, "Accept");

	return accept && strcasecmp(accept, LINES_TYPE) == 0;
}

static enum inro_err run_stream(struct rest *r, struct http_call *call)
{
	if (http_header(call, "Idempotency-Key"))
		return err_set(INRO_E_ARG, "an Idempotency-Key is for one request: of a batch it would be known of no "
					   "line whether it was done; lines that issue have the member 'request_id'");
	return rest_lines_in(r, call);
}

/* What can't be compared is not changed regardless. */
static enum inro_err check_match(const struct rest *r, const struct http_call *call)
{
	bool changes = strcmp(r->row->method, "GET") != 0;

	if (!changes || !http_header(call, "If-Match") || rest_reading_row(r->row))
		return INRO_OK;
	return err_set(INRO_E_ARG, "If-Match is for what has a GET of its own that tells no secret");
}

static enum inro_err run_begun(struct rest *r, struct http_call *call)
{
	if (r->row->flags & REST_STREAM)
		return run_stream(r, call);
	if (r->row->flags & REST_KEPT)
		return rest_give_openapi(call);
	if (r->row->flags & REST_EXPORT || (r->row->flags & REST_LIST && wants_lines(call)))
		return rest_lines_out(r, call);
	return do_once(r, call);
}

enum inro_err rest_handle(struct http_call *call, void *arg)
{
	__attribute__((cleanup(rest_clear))) struct rest r = { .core = call->worker,
								.row = arg,
								.args = call->args,
								.peer = call->peer };
	bool fits = fits_type(&r, call), rows = r.row->flags & REST_ROWS_ONLY;
	enum inro_err e;

	if (is_of_foreign_page(call))
		return refuse_page(&r, call);
	e = fits || rows ? rest_begin(&r, call) : INRO_OK;
	if (!fits && e == INRO_OK) {
		http_problem(call->answer, 415,
			     rows ? "the body is " CSV_TYPE " or " LINES_TYPE : "the body is " JSON_TYPE);
		return INRO_OK;
	}
	if (e == INRO_OK)
		e = check_match(&r, call);
	if (e == INRO_OK)
		e = run_begun(&r, call);
	if (e == INRO_E_LOGIN)
		http_answer_header(call->answer, "WWW-Authenticate",
				   "Basic realm=\"inro\", Bearer realm=\"inro\"");
	if (!r.stale)
		return e;
	http_problem(call->answer, 412, err_detail(e));
	return INRO_OK;
}
