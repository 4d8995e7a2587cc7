/*
 * lists - revocation lists to be fetched: /crl/CA.crl, /crl/CA/WHICH.crl.
 *
 * WHICH is "delta", a shard's number as in "3", "delta-3" for a shard's delta; and of an older key of
 * the CA "key2", "key2-delta", "key2-3" or "key2-delta-3".
 *
 * 1. A list is made before it is missed, by a duty of one of the servers (core/crl.h), never because
 *    somebody asks.
 * 2. It is in memory once, however many fetch it; whether there is a newer one is asked at most twice a
 *    second.
 * 3. While the database is away the last one is given out, as long as it is valid.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backoffice/core/crl.h"
#include "backoffice/core/network.h"
#include "backoffice/http/text.h"
#include "backoffice/serve/parts.h"
#include "base/clock.h"

#define FRESH_MS   500
#define KEPT_MAX   64
#define SUFFIX	   ".crl"
#define NUMBER_MAX 9
#define NAME_ROOM  65

struct which {
	char ca[NAME_ROOM];
	unsigned generation, shard;
	bool delta;
};

struct kept {
	struct which of;
	struct crl_out about;
	struct http_shared *der;
	int64_t asked_ms; /* whether it is the newest */
	uint64_t used;
};

struct lists {
	pthread_mutex_t lock;
	struct kept kept[KEPT_MAX];
	uint64_t uses;
};

struct lists *lists_new(void)
{
	struct lists *l = calloc(1, sizeof *l);

	if (l)
		pthread_mutex_init(&l->lock, NULL);
	return l;
}

void lists_free(struct lists *l)
{
	if (!l)
		return;
	for (size_t i = 0; i < KEPT_MAX; i++)
		http_shared_release(l->kept[i].der);
	pthread_mutex_destroy(&l->lock);
	free(l);
}

/* ---- which list a path means ---- */

static bool take_number(const char **text, unsigned *ret)
{
	size_t n = strspn(*text, "0123456789");

	if (!n || n > NUMBER_MAX || **text == '0')
		return false;
	*ret = (unsigned)strtoul(*text, NULL, 10);
	*text += n;
	return true;
}

static bool take_word(const char **text, const char *word)
{
	size_t n = strlen(word);
	bool has = strncmp(*text, word, n) == 0;

	*text += has ? n : 0;
	return has;
}

/* "key2", "delta", "3", in this order, with '-' between them; at least one of them. */
static bool read_which(const char *text, struct which *w)
{
	bool any = false;

	if (take_word(&text, "key"))
		any = take_number(&text, &w->generation);
	if ((!any && take_word(&text, "delta")) || (any && take_word(&text, "-delta")))
		any = w->delta = true;
	if (*text && (!any || take_word(&text, "-")))
		any = take_number(&text, &w->shard);
	return any && !*text;
}

/* A name without its ".crl"; false: it has none. */
static bool without_suffix(const char *file, char *out, size_t cap)
{
	size_t n = strlen(file), end = strlen(SUFFIX);

	if (n <= end || n - end >= cap || strcmp(file + n - end, SUFFIX) != 0)
		return false;
	memcpy(out, file, n - end);
	out[n - end] = '\0';
	return true;
}

static enum inro_err which_list(const struct http_call *c, struct which *w)
{
	char name[NAME_ROOM];
	bool good = without_suffix(c->args[c->n_args - 1], name, sizeof name);

	*w = (struct which) { 0 };
	if (good && c->n_args == 1)
		memcpy(w->ca, name, sizeof w->ca);
	else if (good)
		good = snprintf(w->ca, sizeof w->ca, "%s", c->args[0]) < (int)sizeof w->ca &&
		       read_which(name, w);
	return good ? INRO_OK : err_set(INRO_E_NOT_FOUND, "there is no such list");
}

/* ---- what is kept ---- */

static bool is_of(const struct kept *k, const struct which *w)
{
	return k->der && strcmp(k->of.ca, w->ca) == 0 && k->of.generation == w->generation &&
	       k->of.shard == w->shard && k->of.delta == w->delta;
}

/* The one of that kind, or the place for it: an empty one, or that of the one not used for longest. */
static struct kept *place(struct lists *l, const struct which *w)
{
	struct kept *worst = &l->kept[0];

	for (size_t i = 0; i < KEPT_MAX; i++) {
		if (is_of(&l->kept[i], w))
			return &l->kept[i];
		if (l->kept[i].used < worst->used)
			worst = &l->kept[i];
	}
	return worst;
}

/* A copy with a reference of its own; der NULL: none, or not looked at for too long. */
static struct kept look_up(struct lists *l, const struct which *w, int64_t not_before_ms)
{
	struct kept ret = { 0 }, *k;

	pthread_mutex_lock(&l->lock);
	k = place(l, w);
	if (is_of(k, w) && k->asked_ms >= not_before_ms) {
		k->used = ++l->uses;
		ret = *k;
		http_shared_hold(ret.der);
	}
	pthread_mutex_unlock(&l->lock);
	return ret;
}

/* Takes a reference of its own. */
static void keep(struct lists *l, const struct kept *in)
{
	struct http_shared *before;
	struct kept *k;

	pthread_mutex_lock(&l->lock);
	k = place(l, &in->of);
	before = k->der;
	*k = *in;
	k->used = ++l->uses;
	http_shared_hold(k->der);
	pthread_mutex_unlock(&l->lock);
	http_shared_release(before);
}

/* ---- answers ---- */

/* Takes over k->der. */
static void give(const struct http_call *c, const struct kept *k)
{
	int64_t now = clock_now(), left = k->about.due_at - now;
	char etag[96], age[48], date[HTTP_DATE_SIZE];
	struct http_answer *a = c->answer;

	snprintf(etag, sizeof etag, "\"%lld-%lld\"", (long long)k->about.ca, (long long)k->about.number);
	snprintf(age, sizeof age, "public, max-age=%lld", (long long)(left > 0 ? left : 0));
	http_answer_header(a, "ETag", etag);
	http_answer_header(a, "Cache-Control", age);
	http_date(k->about.this_update, date);
	http_answer_header(a, "Last-Modified", date);
	http_date(k->about.next_update, date);
	http_answer_header(a, "Expires", date);
	a->type = "application/pkix-crl";
	if (http_unchanged(c, etag) || http_not_modified(c, k->about.this_update)) {
		a->status = 304;
		http_shared_release(k->der);
	} else {
		a->shared = k->der;
	}
}

static enum inro_err fetch(struct core *core, struct kept *k)
{
	const struct crl_wish wish = { .ca = k->of.ca,
				       .shard = k->of.shard,
				       .delta = k->of.delta,
				       .generation = k->of.generation };
	SCOPED(buf) der = { .max = (size_t)256 << 20 };
	struct crl_out newest;
	enum inro_err e = crl_newest(core, &wish, &newest);

	if (e != INRO_OK || (k->der && newest.number == k->about.number))
		return e;
	e = crl_published(core, &wish, &k->about, &der);
	if (e != INRO_OK)
		return e;
	http_shared_release(k->der);
	k->der = http_shared_new(&der);
	return k->der ? INRO_OK : err_set(INRO_E_NO_MEMORY, "no memory for the list");
}

static enum inro_err fetch_as_public(struct core *core, struct kept *k)
{
	struct core_who who;
	enum inro_err e = who_public(core, &who);

	if (e == INRO_OK)
		e = core_become(core, &who);
	if (e == INRO_OK)
		e = fetch(core, k);
	core_nobody(core);
	return e;
}

static bool is_about_the_list(enum inro_err e)
{
	return e == INRO_E_NOT_FOUND || e == INRO_E_ARG;
}

static enum inro_err h_list(struct http_call *c, void *arg)
{
	struct lists *l = arg;
	struct which w;
	struct kept k;
	enum inro_err e = which_list(c, &w);

	if (e != INRO_OK)
		return e;
	k = look_up(l, &w, c->worker ? 0 : clock_monotonic_ms() - FRESH_MS);
	if (!c->worker && !k.der)
		return HTTP_LATER;
	if (c->worker) {
		k.of = w;
		k.asked_ms = clock_monotonic_ms();
		e = fetch_as_public(c->worker, &k);
		if (e == INRO_OK)
			keep(l, &k);
	}
	if (k.der && !is_about_the_list(e) && k.about.next_update > clock_now())
		e = INRO_OK;
	if (e == INRO_OK)
		give(c, &k);
	else
		http_shared_release(k.der);
	if (is_about_the_list(e))
		e = err_set(INRO_E_NOT_FOUND, "there is no such list");
	return e;
}

struct http_table list_routes(struct serving *s)
{
	static const struct http_route rows[] = {
		{ "GET", "/crl/{file}", HTTP_PLAIN | HTTP_HERE, h_list, NULL, 0, NULL },
		{ "GET", "/crl/{ca}/{file}", HTTP_PLAIN | HTTP_HERE, h_list, NULL, 0, NULL },
	};

	return (struct http_table) { rows, ARRAY_LEN(rows), s->lists };
}
