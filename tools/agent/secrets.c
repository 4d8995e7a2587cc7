/* secrets - see secrets.h. */
#include "tools/agent/secrets.h"

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/own.h"
#include "tools/agent/hook.h"
#include "tools/agent/keys.h"
#include "tools/agent/seed.h"
#include "tools/agent/self.h"
#include "tools/agent/status.h"
#include "tools/agent/wordlist.h"

#define SERIAL	    16 /* octets */
#define FOREVER	    (INT64_MAX / 4)
#define CHANGED	    "secrets.changed"
#define OWN	    "secrets.own"
#define NEW	    ".new"
#define OLD	    ".old"
#define UNDER	    " under "
#define WRAPPED_MAX 1024

/* One that the service has for this device. */
struct listed {
	int64_t id;
	uint8_t serial[SERIAL];
	int64_t from, to;
	bool held;
};

/* One that the device is to have. */
struct wanted {
	struct secrets_work *w;
	struct wordlist *own; /* ids of the keys that the agent brought */
	char name[AGENT_SECRET_MAX + 1];
	char under[AGENT_SECRET_MAX + 1]; /* the one that it comes under; "": the pair */
	bool wraps;			  /* others come under it, and it does nothing else */
	const struct token_secret_kind *kind;
	struct listed key; /* id 0: none */
	bool here;	   /* it is in the token */
	int64_t renew_at, old_until;
	int64_t since; /* when it came, by the device's clock; 0: not known */
};

static void free_listing(struct token_entry **p)
{
	free(*p);
}

/* ---- what is asked for ---- */

/* "NAME=TYPE" or "NAME=TYPE under NAME" */
static enum inro_err read_wanted(const char *setting, struct wanted *ret)
{
	size_t n = strcspn(setting, "=");
	const char *type = setting + n + 1, *under = strstr(type, UNDER);
	char kind[32];

	snprintf(ret->name, sizeof ret->name, "%.*s", (int)n, setting);
	snprintf(kind, sizeof kind, "%.*s", (int)(under ? under - type : (ptrdiff_t)strlen(type)),
		 type);
	snprintf(ret->under, sizeof ret->under, "%s", under ? under + strlen(UNDER) : "");
	ret->kind = token_secret_kind_find(kind);
	if (ret->kind)
		return INRO_OK;
	return err_set(INRO_E_CONFIG, "secret = %s: there is no such type; aes-256, hmac-256 …",
		       setting);
}

/* It is there by the time that the one under it comes. */
static enum inro_err check_under(const struct agent_settings *s, size_t i)
{
	struct wanted one = { 0 }, above = { 0 };
	enum inro_err e = read_wanted(s->secrets.items[i], &one);

	for (size_t j = 0; e == INRO_OK && *one.under && j < i; j++) {
		e = read_wanted(s->secrets.items[j], &above);
		if (e == INRO_OK && strcmp(above.name, one.under) == 0 &&
		    above.kind->type == CKK_AES)
			return INRO_OK;
	}
	if (e == INRO_OK && *one.under)
		e = err_set(INRO_E_CONFIG,
			    "secret = %s: no AES key of that name is asked for before it",
			    s->secrets.items[i]);
	return e;
}

static bool is_above_others(const struct agent_settings *s, const char *name)
{
	struct wanted one = { 0 };

	for (size_t i = 0; i < s->secrets.n; i++)
		if (read_wanted(s->secrets.items[i], &one) == INRO_OK &&
		    strcmp(one.under, name) == 0)
			return true;
	return false;
}

enum inro_err secrets_check(const struct agent_settings *s)
{
	const struct pki_key_kind *pair;
	enum inro_err e = INRO_OK;

	if (!s->secrets.n)
		return INRO_OK;
	for (size_t i = 0; e == INRO_OK && i < s->secrets.n; i++)
		e = check_under(s, i);
	if (e == INRO_OK)
		e = pki_key_kind_find(s->key_type, &pair);
	if (e == INRO_OK && !keys_unwrap(pair))
		e = err_set(INRO_E_CONFIG,
			    "symmetric keys come wrapped to an RSA or EC key; key-type is %s",
			    s->key_type);
	return e;
}

/* ---- what the service has ---- */

static const char *text_of(const json_t *doc, const char *key)
{
	const char *s = json_string_value(json_object_get(doc, key));

	return s ? s : "";
}

static bool read_listed(const json_t *doc, struct listed *ret)
{
	size_t n = 0;

	*ret = (struct listed) { .id = json_integer_value(json_object_get(doc, "id")) };
	ret->held = strcmp(text_of(doc, "state"), "active") != 0;
	if (!clock_parse(text_of(doc, "not_before"), &ret->from))
		return false;
	if (!clock_parse(text_of(doc, "not_after"), &ret->to))
		ret->to = FOREVER;
	return ret->id > 0 &&
	       hex_decode(bytes_of(text_of(doc, "serial")), ret->serial, SERIAL, &n) == INRO_OK &&
	       n == SERIAL;
}

/* The newest of that name and type. */
static void look_at_list(struct wanted *x)
{
	struct listed one;
	size_t i;
	json_t *doc;

	json_array_foreach(x->w->listed, i,
			   doc) if (strcmp(text_of(doc, "name"), x->name) == 0 &&
				    strcmp(text_of(doc, "type"), x->kind->name) == 0 &&
				    read_listed(doc, &one) && one.id > x->key.id) x->key = one;
}

static enum inro_err post(struct wanted *x, const char *verb, json_t *body, json_t **ret)
{
	char below[64];

	snprintf(below, sizeof below, "/secrets/%lld/%s", (long long)x->key.id, verb);
	return self_post(x->w->way, x->w->who, x->key.id ? below : "/secrets", body, ret);
}

static enum inro_err take_listed(struct wanted *x, enum inro_err e, json_t *doc)
{
	struct listed one;

	if (e == INRO_OK && !read_listed(doc, &one))
		e = err_set(INRO_E_SYNTAX, "the service's answer about '%s' can't be read",
			    x->name);
	if (e == INRO_OK)
		x->key = one;
	json_decref(doc);
	return e;
}

static enum inro_err issue(struct wanted *x)
{
	json_t *doc = NULL;
	enum inro_err e =
		post(x, "", json_pack("{s:s s:s}", "type", x->kind->name, "name", x->name), &doc);

	return take_listed(x, e, doc);
}

static enum inro_err renew(struct wanted *x)
{
	json_t *doc = NULL;
	enum inro_err e = post(x, "renew", json_object(), &doc);

	return take_listed(x, e, doc);
}

/* ---- in the token ---- */

static struct bytes serial_of(const struct wanted *x)
{
	return BYTES(x->key.serial, SERIAL);
}

static enum inro_err with_label(const struct wanted *x, const char *tail, struct token_entry **ret,
				size_t *n)
{
	char label[TOKEN_KEY_LABEL_MAX + 1];
	const struct p11_uri uri = { .type = P11_SECRET_KEY, .object = label };

	snprintf(label, sizeof label, "%s%s", x->name, tail);
	return token_list(x->w->token, &uri, ret, n);
}

static enum inro_err look_for_it(struct wanted *x)
{
	AUTO(free_listing) struct token_entry *found = NULL;
	const struct p11_uri uri = {
		.type = P11_SECRET_KEY, .id = x->key.serial, .id_n = SERIAL, .has_id = true
	};
	size_t n = 0;
	enum inro_err e = token_list(x->w->token, &uri, &found, &n);

	x->here = e == INRO_OK && n > 0;
	return e;
}

struct id_text {
	char hex[2 * SERIAL + 1];
};

static struct id_text id_text(const uint8_t id[static SERIAL])
{
	struct id_text t;

	for (size_t i = 0; i < SERIAL; i++)
		snprintf(t.hex + 2 * i, 3, "%02x", id[i]);
	return t;
}

static bool is_listed(const struct wanted *x, struct bytes id)
{
	struct listed one;
	size_t i;
	json_t *doc;

	json_array_foreach(x->w->listed, i, doc)
		if (read_listed(doc, &one) && bytes_equal(BYTES(one.serial, SERIAL), id))
			return true;
	return false;
}

/* What somebody else labelled so is no business of the agent's, whatever its id looks like. */
static bool is_ours(const struct wanted *x, const struct token_entry *one)
{
	return one->id_n == SERIAL && (wordlist_has(x->own, id_text(one->id).hex) ||
				       is_listed(x, BYTES(one->id, SERIAL)));
}

static enum inro_err drop_labelled(const struct wanted *x, const char *tail)
{
	AUTO(free_listing) struct token_entry *found = NULL;
	size_t n = 0, gone;
	enum inro_err e = with_label(x, tail, &found, &n);

	for (size_t i = 0; e == INRO_OK && i < n; i++) {
		if (!is_ours(x, &found[i]))
			continue;
		e = token_delete(x->w->token, BYTES(found[i].id, SERIAL), TOKEN_SECRETS, &gone);
		if (e == INRO_OK)
			e = wordlist_drop(x->own, id_text(found[i].id).hex);
	}
	return e;
}

static enum inro_err relabel(const struct wanted *x, struct bytes id, const char *tail)
{
	char label[TOKEN_KEY_LABEL_MAX + 1];

	snprintf(label, sizeof label, "%s%s", x->name, tail);
	return token_secret_relabel(x->w->token, id, label);
}

static enum inro_err read_wrapped(const json_t *doc, struct buf *ret)
{
	struct bytes text = bytes_of(text_of(doc, "key"));
	uint8_t *room = text.n <= 2 * WRAPPED_MAX ? buf_extend(ret, WRAPPED_MAX + 1) : NULL;
	size_t n = 0;

	if (!room || hex_decode(text, room, WRAPPED_MAX + 1, &n) != INRO_OK || n == 0)
		return err_set(INRO_E_SYNTAX, "the service gives no key that can be read");
	buf_truncate(ret, n);
	return INRO_OK;
}

static enum inro_err ask_wrapped(struct wanted *x, json_t *how, struct buf *ret)
{
	json_t *doc = NULL;
	enum inro_err e = post(x, "get", how, &doc);

	if (e == INRO_OK)
		e = read_wrapped(doc, ret);
	json_decref(doc);
	return e;
}

/* What a key above others does is unwrap them: what could decrypt, too, would show their values. */
static struct token_secret_plan plan_of(const struct wanted *x, const char *label)
{
	CK_KEY_TYPE type = x->kind->type;

	return (struct token_secret_plan) {
		.label = label,
		.id = serial_of(x),
		.type = type,
		.wrap = x->wraps,
		.crypt = x->kind->crypt && !x->wraps,
		.mac = !x->wraps && (!x->kind->crypt || type == CKK_AES || type == CKK_INRO_TWINE),
		.derive = type == CKK_GENERIC_SECRET,
	};
}

static enum inro_err fetch_by_pair(struct wanted *x, const struct token_secret_plan *plan)
{
	AUTO(token_key_free_ptr) struct token_key *by = NULL;
	SCOPED(buf) cert = { 0 };
	SCOPED(buf) wrapped = { 0 };
	SCOPED(buf) id = { 0 };
	enum inro_err e;

	buf_add_str(&cert, "serial:");
	buf_add_hex(&cert, x->w->serial);
	buf_add_u8(&cert, 0);
	e = buf_err(&cert);
	if (e == INRO_OK)
		e = ask_wrapped(x, json_pack("{s:s s:s}", "form", "pkcs11", "certificate", cert.p),
				&wrapped);
	if (e == INRO_OK)
		e = keys_find(x->w->token, x->w->key_uri, &by);
	if (e == INRO_OK)
		e = token_secret_unwrap(by, plan, buf_bytes(&wrapped), &id);
	if (e == INRO_E_POLICY)
		return err_context(e, "'inro agent renew' makes a pair that can");
	return e;
}

/* The one of that name that has its label by now; the service knows it by its id. */
static enum inro_err find_above(const struct wanted *x, struct id_text *ret,
				struct token_entry *one)
{
	AUTO(free_listing) struct token_entry *found = NULL;
	struct wanted above = *x;
	size_t n = 0;
	enum inro_err e;

	snprintf(above.name, sizeof above.name, "%s", x->under);
	e = with_label(&above, "", &found, &n);
	for (size_t i = 0; e == INRO_OK && i < n; i++)
		if (is_ours(x, &found[i])) {
			*one = found[i];
			*ret = id_text(one->id);
			return INRO_OK;
		}
	if (e == INRO_OK)
		e = err_set(INRO_E_NOT_FOUND, "'%s', which '%s' comes under, is not here", x->under,
			    x->name);
	return e;
}

static enum inro_err fetch_under(struct wanted *x, const struct token_secret_plan *plan)
{
	struct token_secret_under under = { .octets = x->kind->octets };
	struct token_entry above;
	struct id_text name;
	SCOPED(buf) wrapped = { 0 };
	SCOPED(buf) id = { 0 };
	enum inro_err e = find_above(x, &name, &above);

	if (e == INRO_OK)
		e = ask_wrapped(x, json_pack("{s:s s:s}", "form", "aes-kw", "under", name.hex),
				&wrapped);
	under.id = BYTES(above.id, SERIAL);
	under.wrapped = buf_bytes(&wrapped);
	if (e == INRO_OK)
		e = token_secret_unwrap_under(x->w->token, &under, plan, &id);
	if (e == INRO_E_POLICY)
		return err_context(e, "'inro agent renew' makes a '%s' that can", x->under);
	return e;
}

static enum inro_err fetch_key(struct wanted *x)
{
	char label[TOKEN_KEY_LABEL_MAX + 1];
	const struct token_secret_plan plan = plan_of(x, label);
	enum inro_err e = drop_labelled(x, NEW);

	snprintf(label, sizeof label, "%s" NEW, x->name);
	if (e == INRO_OK)
		e = wordlist_add(x->own, id_text(x->key.serial).hex);
	if (e != INRO_OK)
		return e;
	return *x->under ? fetch_under(x, &plan) : fetch_by_pair(x, &plan);
}

/* ---- commands behind it ---- */

/* Before it is changed: a round that is cut short runs the commands once more than needed. */
static enum inro_err note_change(const struct wanted *x)
{
	SCOPED(wordlist) changed = { 0 };
	enum inro_err e = wordlist_open(x->w->s->dir, CHANGED, &changed);

	return e == INRO_OK ? wordlist_add(&changed, x->name) : e;
}

enum inro_err secrets_hooks(const struct agent_settings *s, unsigned generation)
{
	SCOPED(wordlist) changed = { 0 };
	enum inro_err e = wordlist_open(s->dir, CHANGED, &changed);

	if (e != INRO_OK || !*wordlist_text(&changed))
		return e;
	e = hook_run_all(s, generation, wordlist_text(&changed));
	return e == INRO_OK ? wordlist_drop_all(&changed) : e;
}

/* ---- one of them ---- */

/* Which of them is the key; SIZE_MAX: none.  One that somebody else made is left alone. */
static enum inro_err live_among(const struct wanted *x, const struct token_entry *found, size_t n,
				size_t *ret)
{
	*ret = SIZE_MAX;
	for (size_t i = 0; i < n; i++) {
		if (!is_ours(x, &found[i]))
			return err_set(INRO_E_EXISTS,
				       "token '%s' has a key '%s' that is not the agent's; give it "
				       "another label",
				       token_label(x->w->token), x->name);
		if (bytes_equal(BYTES(found[i].id, SERIAL), serial_of(x)))
			*ret = i;
	}
	return INRO_OK;
}

static enum inro_err switch_label(struct wanted *x, const struct token_entry *found, size_t n,
				  size_t live)
{
	enum inro_err e = drop_labelled(x, OLD);

	if (e == INRO_OK)
		e = note_change(x);
	if (e == INRO_OK && live == SIZE_MAX)
		e = relabel(x, serial_of(x), "");
	for (size_t i = 0; e == INRO_OK && i < n; i++)
		if (i != live)
			e = relabel(x, BYTES(found[i].id, found[i].id_n), OLD);
	x->old_until = n ? x->w->believed + x->w->overlap : 0;
	return e;
}

/* The key has its label, and no other has it. */
static enum inro_err put_in_place(struct wanted *x)
{
	AUTO(free_listing) struct token_entry *found = NULL;
	size_t n = 0, live;
	enum inro_err e = with_label(x, "", &found, &n);

	if (e == INRO_OK)
		e = live_among(x, found, n, &live);
	if (e != INRO_OK || (live != SIZE_MAX && n == 1))
		return e;
	return switch_label(x, found, n, live);
}

static void plan_renewal(struct wanted *x)
{
	const struct due_clock c = { .believed = x->w->believed,
				     .now = x->w->now,
				     .since = x->since };

	x->renew_at =
		due_at(&x->w->rules, x->key.from, x->key.to, due_seed(x->w->s->id, serial_of(x)));
	x->renew_at = due_hold_back(x->renew_at, x->key.from, &c);
}

static bool is_due(const struct wanted *x)
{
	return x->here && !x->key.held && (x->w->renew || x->renew_at <= x->w->believed);
}

static enum inro_err renew_if_due(struct wanted *x)
{
	enum inro_err e = look_for_it(x);

	plan_renewal(x);
	/* the service forgets it one day, and at once where it is renewed */
	if (e == INRO_OK && x->here)
		e = wordlist_add(x->own, id_text(x->key.serial).hex);
	if (e != INRO_OK || !is_due(x))
		return e;
	e = renew(x);
	x->here = e != INRO_OK;
	return e;
}

/* Before the round that makes it old ends, programs may still have it open. */
static enum inro_err drop_old(struct wanted *x)
{
	AUTO(free_listing) struct token_entry *found = NULL;
	size_t n = 0, ours = 0;
	enum inro_err e = with_label(x, OLD, &found, &n);

	for (size_t i = 0; e == INRO_OK && i < n; i++)
		ours += is_ours(x, &found[i]);
	if (e != INRO_OK || ours == 0) {
		x->old_until = 0;
		return e;
	}
	if (!x->old_until) /* a round that was cut short did not tell */
		x->old_until = x->w->believed + x->w->overlap;
	if (x->old_until > x->w->believed)
		return INRO_OK;
	x->old_until = 0;
	return drop_labelled(x, OLD);
}

static enum inro_err fetch_it(struct wanted *x)
{
	enum inro_err e = fetch_key(x);

	if (e != INRO_OK)
		return e;
	x->here = true;
	x->since = x->w->now;
	plan_renewal(x);
	return INRO_OK;
}

static enum inro_err have_it(struct wanted *x)
{
	enum inro_err e = drop_old(x);

	look_at_list(x);
	if (e == INRO_OK && !x->key.id)
		e = issue(x);
	if (e == INRO_OK)
		e = renew_if_due(x);
	if (e == INRO_OK && !x->here && !x->key.held)
		e = fetch_it(x);
	return e == INRO_OK && x->here ? put_in_place(x) : e;
}

/* ---- all of them ---- */

static int64_t time_of(const json_t *doc, const char *key)
{
	int64_t t;

	return clock_parse(text_of(doc, key), &t) ? t : 0;
}

static void recall(struct wanted *x)
{
	const json_t *doc;

	for (size_t i = 0; i < json_array_size(x->w->before); i++) {
		doc = json_array_get(x->w->before, i);
		if (strcmp(text_of(doc, "name"), x->name) != 0)
			continue;
		x->old_until = time_of(doc, "old_until");
		x->since = time_of(doc, "since");
	}
}

static void tell(const struct wanted *x, enum inro_err e)
{
	const char *state = !x->here ? "none" : x->key.held ? "held" : "valid";
	SCOPED(buf) serial = { 0 };
	json_t *doc;

	buf_add_hex(&serial, x->here ? serial_of(x) : BYTES_NONE);
	buf_add_u8(&serial, 0);
	doc = json_pack("{s:s s:s s:s s:s s:o s:o s:o s:o s:o?}", "name", x->name, "type",
			x->kind ? x->kind->name : "", "state", state, "serial",
			buf_err(&serial) == INRO_OK ? (const char *)serial.p : "", "not_after",
			status_time(x->here && x->key.to != FOREVER ? x->key.to : 0), "renew_at",
			status_time(x->here && x->key.to != FOREVER ? x->renew_at : 0), "old_until",
			status_time(x->old_until), "since", status_time(x->since), "error",
			e == INRO_OK ? json_null() : json_string(err_detail(e)));
	json_array_append_new(x->w->told, doc);
}

static void wake_at(struct secrets_work *w, int64_t t)
{
	if (t && (!w->wake || t < w->wake))
		w->wake = t;
}

static enum inro_err run_one(struct secrets_work *w, struct wordlist *own, const char *setting)
{
	struct wanted x = { .w = w, .own = own };
	enum inro_err e = read_wanted(setting, &x);

	x.wraps = is_above_others(w->s, x.name);
	recall(&x);
	if (e == INRO_OK)
		e = have_it(&x);
	tell(&x, e);
	if (x.here && !x.key.held)
		wake_at(w, x.renew_at);
	wake_at(w, x.old_until);
	return e;
}

/* Nothing was looked at: what is known of them stays known, as how long an old one is kept. */
static enum inro_err told_before(struct secrets_work *w, enum inro_err e)
{
	if (w->before && json_array_extend(w->told, (json_t *)(uintptr_t)w->before) != 0)
		return agent_no_memory();
	return e;
}

enum inro_err secrets_run(struct secrets_work *w)
{
	SCOPED(wordlist) own = { 0 };
	char why[ERR_DETAIL_MAX] = "";
	enum inro_err first = secrets_check(w->s), now;

	w->wake = 0;
	w->told = json_array();
	if (first == INRO_OK)
		first = wordlist_open(w->s->dir, OWN, &own);
	if (first == INRO_OK)
		first = seed_own(w->token, w->before, &own);
	if (first == INRO_OK && !w->listed)
		first = err_set(INRO_E_UNSUPPORTED, "the service has no symmetric keys for devices");
	if (first != INRO_OK)
		return told_before(w, first);
	for (size_t i = 0; i < w->s->secrets.n; i++) {
		now = run_one(w, &own, w->s->secrets.items[i]);
		if (now == INRO_OK || first != INRO_OK)
			continue;
		first = now;
		snprintf(why, sizeof why, "%s", err_detail(now));
	}
	return first == INRO_OK ? INRO_OK : err_set(first, "%s", why);
}
