/* input - JSON and queries checked against a row's fields; see rows.h. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backoffice/core/core.h"
#include "backoffice/rest/rows.h"
#include "backoffice/show/doc.h"
#include "base/clock.h"
#include "base/cryptoki/uri.h"

#define DEPTH_MAX 16

static const struct rest_field *field_named(const struct rest_field *fields, const char *name)
{
	for (; fields && fields->name; fields++)
		if (strcmp(fields->name, name) == 0)
			return fields;
	return NULL;
}

/* ---- kinds ---- */

/* What is looked at, and how who asks calls it: the member of a body, the parameter of a query. */
struct checking {
	const struct rest_field *f;
	const char *called;
};

static enum inro_err not_like(const struct checking *c, const char *like)
{
	return err_set(INRO_E_ARG, "the %s '%s' is %s", c->called, c->f->name, like);
}

static int64_t max_of(const struct rest_field *f)
{
	return f->max ? f->max : REST_TEXT_MAX;
}

/* A module is loaded into the server, a file read by it, and PINs count wrong tries. */
static enum inro_err check_key_uri(const struct checking *c, const char *text)
{
	SCOPED(p11_uri) u = { 0 };
	enum inro_err e = p11_uri_parse(text, &u);

	if (e == INRO_OK && (u.module_path || u.module_name || u.pin_source || u.has_pin_value))
		e = err_set(INRO_E_ARG, "the %s '%s' names no module, file or PIN over the network", c->called,
			    c->f->name);
	return e;
}

static enum inro_err check_text(const struct checking *c, const json_t *v)
{
	const struct rest_field *f = c->f;
	size_t n = json_string_length(v);

	if (!json_is_string(v))
		return not_like(c, "a text");
	if (n > (size_t)max_of(f) || n < (size_t)f->min)
		return err_set(INRO_E_ARG, "the %s '%s' has %lld to %lld bytes, not %zu", c->called, f->name,
			       (long long)f->min, (long long)max_of(f), n);
	return f->key_uri && n ? check_key_uri(c, json_string_value(v)) : INRO_OK;
}

static enum inro_err check_word(const struct checking *c, const json_t *v)
{
	SCOPED(buf) words = { 0 };
	const char *given = json_string_value(v);

	for (size_t i = 0; c->f->words[i]; i++) {
		if (given && strcmp(c->f->words[i], given) == 0)
			return INRO_OK;
		buf_addf(&words, "%s%s", i ? ", " : "one of ", c->f->words[i]);
	}
	buf_add_u8(&words, 0);
	return not_like(c, buf_err(&words) == INRO_OK ? (const char *)words.p : "another word");
}

static enum inro_err check_number(const struct checking *c, const json_t *v)
{
	const struct rest_field *f = c->f;

	if (json_is_integer(v) && json_integer_value(v) >= f->min && json_integer_value(v) <= f->max)
		return INRO_OK;
	return err_set(INRO_E_ARG, "the %s '%s' is a whole number from %lld to %lld", c->called, f->name,
		       (long long)f->min, (long long)f->max);
}

static enum inro_err check_bool(const struct checking *c, const json_t *v)
{
	return json_is_boolean(v) ? INRO_OK : not_like(c, "true or false");
}

static enum inro_err check_time(const struct checking *c, const json_t *v)
{
	int64_t t;

	return clock_parse(json_string_value(v), &t) ? INRO_OK
						   : not_like(c, "a time, as 2026-11-21T01:09:47Z");
}

static enum inro_err check_texts(const struct checking *c, const json_t *v)
{
	enum inro_err e = INRO_OK;

	if (!json_is_array(v) || json_array_size(v) > REST_TEXTS_MAX)
		return not_like(c, "an array of up to 64 texts");
	for (size_t i = 0; e == INRO_OK && i < json_array_size(v); i++)
		e = check_text(c, json_array_get(v, i));
	return e;
}

static enum inro_err check_object(const struct checking *c, const json_t *v)
{
	return json_is_object(v) ? INRO_OK : not_like(c, "an object");
}

static enum inro_err check_kind(const struct checking *c, const json_t *v)
{
	static enum inro_err (*const checks[REST_KIND__MAX])(const struct checking *, const json_t *) = {
		[REST_TEXT] = check_text,     [REST_WORD] = check_word,
		[REST_NUMBER] = check_number, [REST_BOOL] = check_bool,
		[REST_TIME] = check_time,     [REST_TEXTS] = check_texts,
		[REST_OBJECT] = check_object,
	};

	return checks[c->f->kind](c, v);
}

/* ---- an input ---- */

static enum inro_err unknown(const struct rest_field *fields, const char *called, const char *name)
{
	SCOPED(buf) known = { 0 };

	for (const struct rest_field *f = fields; f && f->name; f++)
		buf_addf(&known, "%s%s", f == fields ? "; there are " : ", ", f->name);
	buf_add_u8(&known, 0);
	return err_set(INRO_E_ARG, "there is no %s '%.64s' here%s", called, name,
		       buf_err(&known) == INRO_OK ? (const char *)known.p : "");
}

enum inro_err rest_check(const struct rest_field *fields, json_t *in, const char *called)
{
	const char *name;
	json_t *v;
	void *next;
	enum inro_err e = INRO_OK;

	json_object_foreach_safe(in, next, name, v) {
		const struct checking c = { field_named(fields, name), called };

		if (!c.f)
			return unknown(fields, called, name);
		if (json_is_null(v)) {
			json_object_del(in, c.f->name);
			continue;
		}
		e = check_kind(&c, v);
		if (e != INRO_OK)
			return e;
	}
	for (const struct rest_field *f = fields; f && f->name; f++)
		if (f->required && !json_object_get(in, f->name))
			return err_set(INRO_E_ARG, "the %s '%s' is missing", called, f->name);
	return INRO_OK;
}

/* Of a change null takes a text away (RFC 7396), as "" does. */
static void take_nulls_away(const struct rest_field *fields, json_t *in)
{
	for (const struct rest_field *f = fields; f && f->name; f++)
		if (f->kind == REST_TEXT && json_is_null(json_object_get(in, f->name)))
			json_object_set_new(in, f->name, json_string(""));
}

enum inro_err rest_check_row(const struct rest_row *row, json_t *in, const char *called)
{
	if (strcmp(row->method, "PATCH") == 0)
		take_nulls_away(row->in, in);
	return rest_check(row->in, in, called);
}

/* jansson goes down thousands of levels; nothing here has more than a few. */
static bool is_deep(struct bytes text)
{
	size_t depth = 0;
	bool quoted = false;

	for (size_t i = 0; i < text.n; i++) {
		uint8_t c = text.p[i];

		if (c == '"')
			quoted = !quoted;
		else if (quoted)
			i += c == '\\';
		else if (c == '{' || c == '[')
			depth++;
		else if (c == '}' || c == ']')
			depth -= depth > 0;
		if (depth > DEPTH_MAX)
			return true;
	}
	return false;
}

enum inro_err rest_read(struct bytes text, json_t **ret)
{
	json_error_t at;
	json_t *in;

	if (is_deep(text))
		return err_set(INRO_E_SYNTAX, "the JSON is nested deeper than %d levels", DEPTH_MAX);
	in = json_loadb((const char *)text.p, text.n, JSON_REJECT_DUPLICATES, &at);
	if (!in) {
		char *near = strstr(at.text, " near '");

		if (near) /* what is there may be a password, and the log has this reason */
			*near = 0;
		return err_set(INRO_E_SYNTAX, "this is not JSON: line %d, column %d: %s", at.line,
			       at.column, at.text);
	}
	if (!json_is_object(in)) {
		json_decref(in);
		return err_set(INRO_E_SYNTAX, "a request is a JSON object");
	}
	*ret = in;
	return INRO_OK;
}

/* ---- a query ---- */

static json_t *number_of(const char *text)
{
	size_t n = strlen(text);

	if (n == 0 || n > 18 || strspn(text, "0123456789") != n)
		return json_string(text); /* which is no number: refused as that */
	return json_integer(strtoll(text, NULL, 10));
}

static json_t *query_value(const struct rest_field *f, const char *text)
{
	if (f && f->kind == REST_NUMBER)
		return number_of(text);
	if (f && f->kind == REST_BOOL && (strcmp(text, "true") == 0 || strcmp(text, "false") == 0))
		return json_boolean(text[0] == 't');
	return json_string(text);
}

enum inro_err rest_query(const struct http_call *call, const struct rest_field *fields, json_t **ret)
{
	json_t *in = json_object();
	enum inro_err e = INRO_OK;

	for (size_t i = 0; e == INRO_OK && call->query && i < call->query->n; i++) {
		const struct http_header *q = &call->query->list[i];

		if (json_object_get(in, q->name))
			e = err_set(INRO_E_ARG, "'%.64s' stands twice in the query", q->name);
		else if (json_object_set_new(in, q->name, query_value(field_named(fields, q->name),
								      q->value)) != 0)
			e = err_set(INRO_E_ARG, "the query is not UTF-8");
	}
	return json_give_or_drop(e, in, ret);
}

/* ---- what a handler takes out of it ---- */

const char *rest_text(const struct rest *r, const char *name)
{
	return json_string_value(json_object_get(r->in, name));
}

enum inro_err rest_hex(const struct rest *r, const char *name, struct buf *ret)
{
	struct bytes text = bytes_of(rest_text(r, name));
	uint8_t *room = buf_extend(ret, text.n / 2 + 1);
	size_t n = 0;

	if (!room)
		return buf_err(ret);
	if (hex_decode(text, room, text.n / 2 + 1, &n) != INRO_OK)
		return err_set(INRO_E_ARG, "the member '%s' is hex", name);
	buf_truncate(ret, n);
	return INRO_OK;
}

bool rest_given(const struct rest *r, const char *name)
{
	return json_object_get(r->in, name) != NULL;
}

bool rest_true(const struct rest *r, const char *name)
{
	return json_is_true(json_object_get(r->in, name));
}

int64_t rest_number(const struct rest *r, const char *name, int64_t otherwise)
{
	const json_t *v = json_object_get(r->in, name);

	return v ? json_integer_value(v) : otherwise;
}

int64_t rest_time(const struct rest *r, const char *name)
{
	int64_t t = 0;

	return clock_parse(rest_text(r, name), &t) ? t * 1000 : 0;
}

int rest_word(const struct rest *r, const char *name, const char *const *names, size_t n)
{
	const char *word = rest_text(r, name);

	return word ? name_index(names, n, word) : -1;
}

size_t rest_texts(const struct rest *r, const char *name, const char *out[static REST_TEXTS_MAX])
{
	const json_t *list = json_object_get(r->in, name);
	size_t n = json_array_size(list);

	for (size_t i = 0; i < n; i++)
		out[i] = json_string_value(json_array_get(list, i));
	return n;
}

enum inro_err rest_id(const struct rest *r, size_t arg, int64_t *ret)
{
	const char *text = r->args[arg];
	size_t n = strlen(text);

	if (n == 0 || n > 18 || strspn(text, "0123456789") != n)
		return err_set(INRO_E_NOT_FOUND, "'%.64s' is no number of anything here", text);
	*ret = strtoll(text, NULL, 10);
	return INRO_OK;
}

enum inro_err rest_page(const struct rest *r, struct page *ret)
{
	const char *after = rest_text(r, "after");
	json_t *at = after ? number_of(after) : NULL;
	bool fits = !after || json_is_integer(at);

	*ret = (struct page) { .after = json_integer_value(at),
			       .limit = (size_t)rest_number(r, "limit", 0) };
	json_decref(at);
	return fits ? INRO_OK : err_set(INRO_E_ARG, "'after' is no cursor of this list");
}

enum inro_err rest_give_page(enum inro_err e, json_t *items, const char *next, json_t **ret)
{
	return json_give_or_drop(e, json_pack("{s:o s:s?}", "items", items, "next", next), ret);
}

enum inro_err rest_give_numbered(enum inro_err e, json_t *items, int64_t next, json_t **ret)
{
	char text[24];

	snprintf(text, sizeof text, "%lld", (long long)next);
	return rest_give_page(e, items, next ? text : NULL, ret);
}
