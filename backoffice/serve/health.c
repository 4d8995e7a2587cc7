/*
 * health - what works of what the server needs: the database, the tokens, its duties.
 *
 * 1. Without the database the server is "unavailable" (503), and with a token that does not work
 *    "degraded" (200): a proxy that took it away would take away what works, everywhere at once.
 * 2. Anybody may ask, and is told how many tokens do not work: which ones have the metrics, and the log with why.
 */
#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "backoffice/serve/parts.h"
#include "base/file.h"

#define LOOK_MS 5000

/* ---- tokens ---- */

static const struct token_state *token_named(const struct tokens *l, const char *name)
{
	for (size_t i = 0; i < l->n; i++)
		if (strcmp(l->items[i].name, name) == 0)
			return &l->items[i];
	return NULL;
}

static void say_change(const struct tokens *before, const struct token_state *now)
{
	const struct token_state *was = token_named(before, now->name);
	enum inro_err had = was ? was->error : INRO_OK;
	char text[400];

	if (had == now->error)
		return;
	snprintf(text, sizeof text, "%s: %s", now->name, now->error ? now->why : "open");
	service_say(now->error ? "a token does not work" : "a token works again", "token", text);
}

enum inro_err health_look(struct serving *s, struct lane *l, int64_t *ret_wait_ms)
{
	struct tokens now = { 0 };
	enum inro_err e = tokens_look(l->core, &now);

	*ret_wait_ms = LOOK_MS;
	if (e != INRO_OK)
		return e;
	pthread_mutex_lock(&s->health.lock);
	for (size_t i = 0; i < now.n; i++)
		say_change(&s->health.tokens, &now.items[i]);
	s->health.tokens = now;
	pthread_mutex_unlock(&s->health.lock);
	return INRO_OK;
}

static bool add_tokens(struct health *h, json_t *components)
{
	size_t bad = 0, n;

	pthread_mutex_lock(&h->lock);
	n = h->tokens.n;
	for (size_t i = 0; i < n; i++)
		bad += h->tokens.items[i].error != INRO_OK;
	pthread_mutex_unlock(&h->lock);
	json_object_set_new(components, "tokens",
			    bad ? json_sprintf("%zu of %zu do not work", bad, n) : json_string("ok"));
	return !bad;
}

enum inro_err health_tell(struct serving *s, struct buf *out, bool *ret_serves)
{
	bool serves = s->healthy;
	json_t *components = json_pack("{s:s}", "database", serves ? "ok" : "away");
	const char *status = add_tokens(&s->health, components) ? "ok" : "degraded";
	json_t *doc = json_pack("{s:s s:s s:o}", "status", serves ? status : "unavailable", "version",
				INRO_VERSION, "components", components);
	AUTO(free_chars) char *text = doc ? json_dumps(doc, JSON_COMPACT | JSON_PRESERVE_ORDER) : NULL;

	json_decref(doc);
	*ret_serves = serves;
	if (!text)
		return err_set(INRO_E_NO_MEMORY, "no memory for an answer");
	buf_addf(out, "%s\n", text);
	return buf_err(out);
}

/* ---- duties ---- */

void health_note_duty(struct health *h, const char *duty, bool failed)
{
	pthread_mutex_lock(&h->lock);
	for (size_t i = 0; i < DUTIES_MAX && duties[i].name; i++)
		if (strcmp(duties[i].name, duty) == 0)
			h->duties[i] = failed ? DUTY_FAILED : DUTY_DONE;
	pthread_mutex_unlock(&h->lock);
}

/* ---- as numbers ---- */

/* A label's value, without what would end it. */
static void add_label(struct buf *out, const char *value)
{
	for (; *value; value++)
		if ((unsigned char)*value >= 0x20 && *value != '"' && *value != '\\')
			buf_add_u8(out, (uint8_t)*value);
}

static void add_line(struct buf *out, const char *metric, const char *label, int value)
{
	buf_addf(out, "%s=\"", metric);
	add_label(out, label);
	buf_addf(out, "\"} %d\n", value);
}

void health_metrics(struct serving *s, struct buf *out)
{
	struct health *h = &s->health;

	pthread_mutex_lock(&h->lock);
	buf_add_str(out, "# HELP inro_token_works Could the token be opened and used?\n"
			 "# TYPE inro_token_works gauge\n");
	for (size_t i = 0; i < h->tokens.n; i++)
		add_line(out, "inro_token_works{token", h->tokens.items[i].name,
			 h->tokens.items[i].error == INRO_OK);
	buf_add_str(out, "# HELP inro_duty_failed Did the duty fail when this server did it last?\n"
			 "# TYPE inro_duty_failed gauge\n");
	for (size_t i = 0; i < DUTIES_MAX && duties[i].name; i++)
		if (h->duties[i] != DUTY_UNKNOWN)
			add_line(out, "inro_duty_failed{duty", duties[i].name, h->duties[i] == DUTY_FAILED);
	pthread_mutex_unlock(&h->lock);
}
