/* status - see status.h. */
#include "tools/agent/status.h"

#include <stdlib.h>
#include <string.h>

#include "backoffice/pki/dn.h"
#include "base/clock.h"
#include "base/cryptoki/uri.h"
#include "base/file.h"
#include "tools/agent/self.h"

#define STATUS_FILE "status.json"
#define STATUS_MAX  ((size_t)64 << 10)

#define FAILURES_MAX 0xffff
#define TIME_MAX     INT64_C(253402300799) /* the end of the year 9999 */

char *status_path(const struct agent_settings *s)
{
	return file_join(s->dir, STATUS_FILE);
}

void status_clear(struct status *s)
{
	free(s->error);
	json_decref(s->secrets);
	*s = (struct status) { 0 };
}

/* What is not between 0 and `max` is as none. */
static int64_t number(const json_t *doc, const char *key, int64_t max)
{
	json_int_t n = json_integer_value(json_object_get(doc, key));

	return n > 0 && n <= max ? n : 0;
}

void status_read(const struct agent_settings *s, struct status *ret)
{
	AUTO(free_chars) char *path = status_path(s);
	SCOPED(buf) text = { 0 };
	json_t *doc;

	*ret = (struct status) { 0 };
	if (!path || file_read_regular(path, STATUS_MAX, &text) != INRO_OK) {
		err_reset();
		return;
	}
	doc = json_loadb((const char *)text.p, text.n, 0, NULL);
	ret->failures = (unsigned)number(doc, "failures", FAILURES_MAX);
	ret->heard = number(doc, "heard", TIME_MAX);
	ret->heard_at = number(doc, "heard_at", TIME_MAX);
	ret->policy_days = number(doc, "policy_days", SELF_DAYS_MAX);
	ret->refused_pin = number(doc, "refused_pin", INT64_MAX);
	ret->secrets = json_incref(json_object_get(doc, "secrets"));
	json_decref(doc);
}

json_t *status_time(int64_t t)
{
	char text[32];

	if (!t)
		return json_null();
	clock_format(t, text, sizeof text);
	return json_string(text);
}

static json_t *text_of(const struct buf *b)
{
	return buf_err(b) == INRO_OK ? json_stringn((const char *)b->p, b->n) : json_null();
}

static json_t *hex_of(struct bytes b)
{
	SCOPED(buf) hex = { 0 };

	buf_add_hex(&hex, b);
	return b.n ? text_of(&hex) : json_null();
}

static json_t *name_of(struct bytes dn)
{
	SCOPED(buf) text = { 0 };

	if (dn_text(dn, &text) != INRO_OK)
		err_reset();
	return text_of(&text);
}

/* Which key, and not where its PIN is. */
static json_t *key_of(const char *with_pin)
{
	SCOPED(p11_uri) uri = { 0 };
	SCOPED(buf) text = { 0 };

	if (p11_uri_parse(with_pin, &uri) != INRO_OK) {
		err_reset();
		return json_null();
	}
	free(uri.pin_source);
	uri.pin_source = NULL;
	p11_uri_print(&uri, &text);
	return text_of(&text);
}

/* What a program opens: below the link. */
static void add_file(json_t *doc, const char *member, const struct agent_settings *s, const char *name)
{
	json_object_set_new(doc, member, json_sprintf("%s/" PAIR_LIVE "/%s", s->dir, name));
}

static void add_pair(json_t *doc, const struct agent_settings *s, const struct pair *p)
{
	const struct cert *c = &p->cert, *ca = &p->issuer;
	bool known = ca->der.n;

	json_object_set_new(doc, "subject", name_of(c->subject));
	json_object_set_new(doc, "serial", hex_of(c->serial));
	json_object_set_new(doc, "not_before", status_time(c->not_before));
	json_object_set_new(doc, "not_after", status_time(c->not_after));
	json_object_set_new(doc, "key", key_of(p->uri));
	json_object_set_new(doc, "ca", name_of(c->issuer));
	json_object_set_new(doc, "ca_serial", known ? hex_of(ca->serial) : json_null());
	json_object_set_new(doc, "ca_key_id", known ? hex_of(ca->ext.ski) : json_null());
	add_file(doc, "cert_file", s, s->cert_file);
	add_file(doc, "key_file", s, s->key_file);
	add_file(doc, "ca_file", s, s->ca_file);
}

static json_t *document(const struct agent_settings *s, const struct status *st)
{
	json_t *doc =
		json_pack("{s:s s:s s:i s:i s:I s:I s:I s:I s:I}", "id", s->id, "state", st->state,
			  "generation", (int)st->generation, "failures", (int)st->failures, "wait",
			  (json_int_t)st->wait, "heard", (json_int_t)st->heard, "heard_at",
			  (json_int_t)st->heard_at, "policy_days", (json_int_t)st->policy_days,
			  "refused_pin", (json_int_t)st->refused_pin);

	if (!doc)
		return NULL;
	/* What is wrong first: of an answer that is too long the end is left out. */
	json_object_set_new(doc, "renew_at", status_time(st->renew_at));
	json_object_set_new(doc, "error", st->error ? json_string(st->error) : json_null());
	json_object_set_new(doc, "error_at", status_time(st->error ? st->error_at : 0));
	if (st->live)
		add_pair(doc, s, st->live);
	json_object_set(doc, "secrets", st->secrets);
	json_object_set_new(doc, "looked_at", status_time(clock_now()));
	json_object_set_new(doc, "server", json_string(s->server));
	json_object_set_new(doc, "dir", json_string(s->dir));
	return doc;
}

/* Takes the document over. */
static enum inro_err write_document(const struct agent_settings *s, json_t *doc)
{
	AUTO(free_chars) char *path = status_path(s);
	AUTO(free_chars) char *text = doc ? json_dumps(doc, JSON_COMPACT) : NULL;

	json_decref(doc);
	if (!path || !text)
		return err_set(INRO_E_NO_MEMORY, "no memory for the status");
	return file_write(path, 0644, bytes_of(text));
}

enum inro_err status_write(const struct agent_settings *s, const struct status *st)
{
	return write_document(s, document(s, st));
}

enum inro_err status_json(const struct agent_settings *s, json_t **ret)
{
	AUTO(free_chars) char *path = status_path(s);
	SCOPED(buf) text = { 0 };
	json_t *doc;
	enum inro_err e = path ? file_read_regular(path, STATUS_MAX, &text) :
				 agent_no_memory();

	if (e == INRO_E_NOT_FOUND)
		return err_set(e, "the agent has not run yet in %s; start it with 'inro agent run'",
			       s->dir);
	if (e != INRO_OK)
		return e;
	doc = json_loadb((const char *)text.p, text.n, 0, NULL);
	if (!json_is_object(doc)) {
		json_decref(doc);
		return err_set(INRO_E_DAMAGED, "%s is no status", path);
	}
	*ret = doc;
	return INRO_OK;
}

enum inro_err status_note_end(const struct agent_settings *s, const char *why)
{
	const struct status first = { .state = "none" };
	json_t *doc = NULL;
	int64_t failures;

	if (status_json(s, &doc) != INRO_OK) {
		err_reset();
		doc = document(s, &first);
	}
	failures = number(doc, "failures", FAILURES_MAX);
	json_object_set_new(doc, "failures", json_integer(failures < FAILURES_MAX ? failures + 1 : failures));
	json_object_set_new(doc, "error", json_string(why));
	json_object_set_new(doc, "error_at", status_time(clock_now()));
	json_object_set_new(doc, "looked_at", status_time(clock_now()));
	return write_document(s, doc);
}
