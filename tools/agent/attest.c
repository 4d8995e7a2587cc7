/* attest - see attest.h. */
#include "tools/agent/attest.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "backoffice/pki/pem.h"
#include "base/own.h"
#include "tools/agent/self.h"

#define ATTEST_PATH "/v1/device/attest"
#define HEX_MAX	    4096 /* octets of a challenge */
#define WAIT_USUAL  60

/* ---- the token ---- */

static enum inro_err attest_key_of(struct token *t, const char *key_uri, struct bytes nonce,
				   struct buf *ret)
{
	SCOPED(p11_uri) uri = { 0 };
	struct token_entry *found = NULL;
	size_t n = 0;
	enum inro_err e = p11_uri_parse(key_uri, &uri);

	uri.type = P11_PRIVATE;
	if (e == INRO_OK)
		e = token_list(t, &uri, &found, &n);
	if (e == INRO_OK && n != 1)
		e = err_set(INRO_E_NOT_FOUND, "token '%s' has %zu keys that are %s", token_label(t),
			    n, key_uri);
	if (e == INRO_OK)
		e = token_key_attest(t, found, nonce, ret);
	free(found);
	return e == INRO_E_UNSUPPORTED ? err_context(e, "attestation takes a token in a TPM") : e;
}

/* For which nonce this is does not matter. */
enum inro_err attest_which(struct token *t, const char *key_uri, struct buf *ret)
{
	return attest_key_of(t, key_uri, bytes_of("which TPM"), ret);
}

bool attest_never(enum inro_err e)
{
	return e == INRO_E_UNSUPPORTED || e == INRO_E_NOT_FOUND;
}

/* ---- the service ---- */

static enum inro_err set_hex(json_t *doc, const char *name, struct bytes value)
{
	SCOPED(buf) hex = { .secret = true };

	buf_add_hex(&hex, value);
	return buf_err(&hex) == INRO_OK &&
			       json_object_set_new(doc, name,
						   json_stringn((const char *)hex.p, hex.n)) == 0
		       ? INRO_OK
		       : agent_no_memory();
}

static enum inro_err take_hex(const json_t *doc, const char *name, struct buf *ret)
{
	const json_t *text = json_object_get(doc, name);
	struct bytes hex = BYTES(json_string_value(text), json_string_length(text));
	uint8_t *room = hex.n <= 2 * HEX_MAX ? buf_extend(ret, HEX_MAX) : NULL;
	size_t n = 0;

	if (!room || hex_decode(hex, room, HEX_MAX, &n) != INRO_OK || n == 0)
		return err_set(INRO_E_SYNTAX, "the service gives no '%s' that can be read", name);
	buf_truncate(ret, n);
	return INRO_OK;
}

/* 202 is an answer too. */
static enum inro_err post(const struct fetch_way *way, const char *path, const json_t *body,
			  struct fetch *f, json_t **ret)
{
	AUTO(free_chars) char *text = json_dumps(body, JSON_COMPACT);
	enum inro_err e;

	if (!text)
		return agent_no_memory();
	f->path = path;
	f->type = "application/json";
	f->body = bytes_of(text);
	e = fetch_run(way, NULL, f);
	wipe(text, strlen(text));
	f->body = BYTES_NONE;
	return e == INRO_OK ? self_answer_of(f, ret) : e;
}

static json_t *own_body(const struct agent_settings *s)
{
	return json_pack("{s:s}", "device", s->id);
}

struct talk {
	struct buf challenge, nonce, secret, evidence;
	json_t *doc; /* what is asked, or said */
};

static void talk_clear(struct talk *t)
{
	buf_clear(&t->challenge);
	buf_clear(&t->nonce);
	buf_clear(&t->secret);
	buf_clear(&t->evidence);
	json_decref(t->doc);
}

static enum inro_err take_challenge(const json_t *doc, struct talk *t)
{
	enum inro_err e = take_hex(doc, "challenge", &t->challenge);

	return e == INRO_OK ? take_hex(doc, "nonce", &t->nonce) : e;
}

static enum inro_err ask_challenge(const struct fetch_way *way, const struct agent_settings *s,
				   struct bytes evidence, struct talk *t)
{
	SCOPED(fetch) f = { 0 };
	json_t *body = own_body(s), *doc = NULL;
	enum inro_err e = set_hex(body, "evidence", evidence);

	if (e == INRO_OK)
		e = post(way, ATTEST_PATH "/challenge", body, &f, &doc);
	if (e == INRO_OK)
		e = take_challenge(doc, t);
	json_decref(body);
	json_decref(doc);
	return e;
}

static enum inro_err set_pem(json_t *body, const char *name, const char *label, struct bytes der)
{
	SCOPED(buf) pem = { 0 };

	pem_add(&pem, label, der);
	return buf_err(&pem) == INRO_OK &&
			       json_object_set_new(body, name,
						   json_stringn((const char *)pem.p, pem.n)) == 0
		       ? INRO_OK
		       : agent_no_memory();
}

/* What the TPM says. */
static enum inro_err set_proof(const struct attest_asking *g, struct talk *t)
{
	enum inro_err e = token_answer(g->token, buf_bytes(&t->challenge), &t->secret);

	if (e == INRO_OK)
		e = attest_key_of(g->token, g->key_uri, buf_bytes(&t->nonce), &t->evidence);
	if (e == INRO_OK)
		e = set_hex(t->doc, "nonce", buf_bytes(&t->nonce));
	if (e == INRO_OK)
		e = set_hex(t->doc, "answer", buf_bytes(&t->secret));
	return e == INRO_OK ? set_hex(t->doc, "evidence", buf_bytes(&t->evidence)) : e;
}

static enum inro_err answer_body(const struct attest_asking *g, struct bytes csr, struct talk *t)
{
	enum inro_err e;

	t->doc = own_body(g->s);
	e = set_proof(g, t);
	if (e == INRO_OK)
		e = set_pem(t->doc, "csr", PEM_CSR, csr);
	if (e == INRO_OK && g->renews.n)
		e = set_pem(t->doc, "renews", PEM_CERT, g->renews);
	if (e == INRO_OK && json_object_set_new(t->doc, "label", json_string(g->s->label)) != 0)
		e = agent_no_memory();
	return e;
}

static enum inro_err take_cert(const json_t *doc, struct est_asked *a)
{
	const json_t *pem = json_object_get(doc, "pem");
	struct bytes text = BYTES(json_string_value(pem), json_string_length(pem));

	if (pem_next(&text, PEM_CERT, &a->certs.ders[0]) != INRO_OK)
		return err_set(INRO_E_SYNTAX, "the service gives no certificate that can be read");
	a->certs.n = 1;
	return INRO_OK;
}

/* Others are about who asks, the way or the service: a key and a request cost more than another try,
 * and 409 is what the service lacks. */
static bool is_about_request(long status)
{
	return status == 400 || status == 413 || status == 422;
}

/* An answer to a challenge is never sent twice: what is wrong with it begins anew. */
static enum inro_err send_answer(const struct fetch_way *way, const struct talk *t,
				 struct est_asked *a)
{
	SCOPED(fetch) f = { 0 };
	json_t *doc = NULL;
	enum inro_err e = post(way, ATTEST_PATH "/certificate", t->doc, &f, &doc);

	a->date = f.date;
	a->refused = is_about_request(f.status);
	a->waits = e == INRO_OK && f.status == 202;
	a->retry_after = f.retry_after > 0 ? f.retry_after : WAIT_USUAL;
	if (e == INRO_OK && !a->waits)
		e = take_cert(doc, a);
	json_decref(doc);
	return e;
}

enum inro_err attest_enroll(const struct fetch_way *way, const struct attest_asking *asking,
			    struct est_asked *a)
{
	SCOPED(talk) t = { .secret.secret = true };
	SCOPED(buf) evidence = { 0 };
	enum inro_err e = attest_which(asking->token, asking->key_uri, &evidence);

	a->refused = attest_never(e);
	if (e == INRO_OK)
		e = ask_challenge(way, asking->s, buf_bytes(&evidence), &t);
	if (e == INRO_OK)
		e = answer_body(asking, a->csr, &t);
	return e == INRO_OK ? send_answer(way, &t, a) : e;
}
