/*
 * health - what works of what the server needs: the database, the tokens, its duties.
 *
 * 1. Without the database the server is "unavailable" (503), and with a token that does not work
 *    "degraded" (200): a proxy that took it away would take away what works, everywhere at once.
 * 2. A token that opens says nothing of the keys, and a look at it nothing of the threads that sign: a CA whose key
 *    failed where it was wanted last is told, too, until it works or nobody has wanted it for ten minutes.
 * 3. Anybody may ask, and is told how many tokens do not work: which ones have the metrics, and the log with why.
 */
#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "backoffice/serve/parts.h"
#include "base/clock.h"
#include "base/file.h"

#define LOOK_MS	 5000
#define FAULT_MS 600000

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

/* ---- keys of CAs ---- */

/* With the lock; n_faults when there is none. */
static size_t fault_of(const struct health *h, const struct ca *ca)
{
	size_t i = 0;

	while (i < h->n_faults && (h->faults[i].ca != ca->id || h->faults[i].generation != ca->generation))
		i++;
	return i;
}

static void fault_drop(struct health *h, size_t i)
{
	h->n_faults--;
	h->faults[i] = h->faults[h->n_faults];
}

/* With the lock.  Did that change what is told? */
static bool fault_set(struct health *h, const struct ca *ca, bool failed)
{
	size_t i = fault_of(h, ca);
	bool known = i < h->n_faults;

	if (known && !failed)
		fault_drop(h, i);
	if (!failed || i == FAULTS_MAX)
		return known;
	h->faults[i] = (struct ca_fault) { ca->id, ca->generation, clock_monotonic_ms() };
	if (!known)
		h->n_faults++;
	return !known;
}

void health_note_ca(void *arg, const struct ca *ca, enum inro_err e)
{
	struct serving *s = arg;
	struct health *h = &s->health;
	char text[400];
	bool changed;

	/* As nearly always: no thread waits for another here. */
	if (e == INRO_OK && !h->n_faults)
		return;
	pthread_mutex_lock(&h->lock);
	changed = fault_set(h, ca, e != INRO_OK);
	pthread_mutex_unlock(&h->lock);
	if (!changed)
		return;
	snprintf(text, sizeof text, "%s: key %lld: %s", ca->name, (long long)ca->generation,
		 e ? err_detail(e) : "it signs");
	service_say(e ? "a CA's key does not work" : "a CA's key works again", "ca", text);
}

/* With the lock. */
static void faults_forget(struct health *h)
{
	int64_t now = clock_monotonic_ms();

	for (size_t i = h->n_faults; i > 0; i--)
		if (now - h->faults[i - 1].at_ms > FAULT_MS)
			fault_drop(h, i - 1);
}

static bool add_keys(const struct health *h, json_t *components)
{
	size_t n = h->n_faults;

	json_object_set_new(components, "keys",
			    n ? json_sprintf("%zu %s did not work", n, n == 1 ? "key of a CA" : "keys of CAs") : json_string("ok"));
	return !n;
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
	faults_forget(&s->health);
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
	bool tokens = add_tokens(&s->health, components), keys = add_keys(&s->health, components);
	const char *status = tokens && keys ? "ok" : "degraded";
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
	buf_addf(out,
		 "# HELP inro_ca_keys_failed Keys of CAs that failed when they were wanted last.\n"
		 "# TYPE inro_ca_keys_failed gauge\ninro_ca_keys_failed %zu\n",
		 (size_t)h->n_faults);
	buf_add_str(out, "# HELP inro_duty_failed Did the duty fail when this server did it last?\n"
			 "# TYPE inro_duty_failed gauge\n");
	for (size_t i = 0; i < DUTIES_MAX && duties[i].name; i++)
		if (h->duties[i] != DUTY_UNKNOWN)
			add_line(out, "inro_duty_failed{duty", duties[i].name, h->duties[i] == DUTY_FAILED);
	pthread_mutex_unlock(&h->lock);
}
