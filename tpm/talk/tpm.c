/*
 * tpm - the TPMs of this process, and whose turn it is.
 *
 * 1. A registry belongs to one process: a forked child makes its own and never looks into its
 *    parent's, whose lock may be held and whose structures may be half changed.  It stays where it
 *    is, with all that hangs on it; only the descriptors are closed, by the last tpm_unref().
 * 2. There are never two structures of one TPM: who asks for one that its last holder is just
 *    clearing away waits until that is done.  The registry's lock is not held meanwhile.
 */
#include "tpm/talk/tpm.h"

#include <stdlib.h>
#include <string.h>

#include "base/process.h"
#include "tpm/talk/resident.h"
#include "tpm/talk/talk_private.h"

struct registry {
	pid_t pid;
	struct registry *before; /* the parent process's */
	pthread_mutex_t lock;
	pthread_cond_t gone; /* one was cleared away */
	struct tpm *first;
};

/* A turn that is not worth waiting for. */
#define HASTE_MS 50

static _Atomic(struct registry *) registry;
static atomic_ullong count_all;

/* ---- the registry ---- */

static enum inro_err registry_get(struct registry **ret)
{
	struct registry *seen = atomic_load(&registry), *made;

	if (seen && seen->pid == process_id()) {
		*ret = seen;
		return INRO_OK;
	}
	made = calloc(1, sizeof *made);
	if (!made)
		return err_set(INRO_E_NO_MEMORY, "no memory for a TPM");
	*made = (struct registry) { .pid = process_id(),
				    .before = seen,
				    .lock = PTHREAD_MUTEX_INITIALIZER,
				    .gone = PTHREAD_COND_INITIALIZER };
	if (!atomic_compare_exchange_strong(&registry, &seen, made)) {
		free(made);
		made = seen;
	}
	*ret = made;
	return INRO_OK;
}

static struct tpm *find(struct registry *r, const struct tpm_words *w)
{
	struct tpm *t = r->first;

	while (t && !(bytes_equal(buf_bytes(&t->tcti), w->tcti) && !strcmp(t->home, w->home)))
		t = t->next;
	return t;
}

static void remove_from(struct registry *r, struct tpm *t)
{
	struct tpm **at = &r->first;

	while (*at && *at != t)
		at = &(*at)->next;
	if (*at)
		*at = t->next;
}

/* ---- one of them ---- */

static void tpm_free(struct tpm *t)
{
	if (!t)
		return;
	link_free(t->link);
	residents_clear(&t->residents);
	roots_clear(&t->roots);
	session_forget(&t->main);
	for (size_t i = 0; i < MAX_SESSIONS; i++)
		session_forget(&t->brief[i]);
	secret_clear(&t->owner_auth);
	secret_clear(&t->root_auth);
	secret_clear(&t->endorsement_auth);
	for (size_t i = 0; i < TPM_AUTHS; i++)
		secret_clear(&t->news[i]);
	buf_clear(&t->tcti);
	buf_clear(&t->out);
	buf_clear(&t->in);
	free(t->home);
	turn_clear(&t->turn);
	free(t);
}

static TPM2B_NAME name_from(struct bytes name)
{
	TPM2B_NAME ret = { 0 };

	if (name.n <= sizeof ret.name)
		ret.size = (uint16_t)name.n;
	memcpy(ret.name, name.p, ret.size);
	return ret;
}

static enum inro_err take_words(struct tpm *t, const struct tpm_words *w)
{
	enum inro_err e = secret_copy(w->owner_auth, &t->owner_auth);

	if (!e)
		e = secret_copy(w->root_auth, &t->root_auth);
	if (!e)
		e = secret_copy(w->endorsement_auth, &t->endorsement_auth);
	if (e)
		return e;
	if (w->root_pub)
		t->root_pub = *w->root_pub;
	if (w->root_pub)
		t->root_name = name_from(w->root_name);
	buf_add(&t->tcti, w->tcti);
	t->home = strdup(w->home);
	t->root = w->root;
	t->how = w->how;
	if (!t->home)
		return err_set(INRO_E_NO_MEMORY, "no memory for a TPM");
	return buf_err(&t->tcti);
}

static enum inro_err check_how(const struct tpm *t)
{
	if (t->how == TPM_BY_HMAC || tpm_is_embedded(t))
		return INRO_OK;
	return err_set(INRO_E_CONFIG,
		       "password sessions are for the embedded TPM (libtpms:) alone: "
		       "on the way to another one anybody could read them");
}

static enum inro_err fill(struct tpm *t, const struct tpm_words *w)
{
	enum inro_err e = take_words(t, w);

	if (!e)
		e = link_make(w->tcti, w->home, &t->link);
	return e ? e : check_how(t);
}

static enum inro_err tpm_new(const struct tpm_words *w, struct tpm **ret)
{
	struct tpm *t = calloc(1, sizeof *t);
	enum inro_err e;

	if (!t)
		return err_set(INRO_E_NO_MEMORY, "no memory for a TPM");
	t->pid = process_id();
	t->out.secret = t->in.secret = true;
	turn_init(&t->turn);
	e = fill(t, w);
	if (e) {
		tpm_free(t);
		return e;
	}
	*ret = t;
	return INRO_OK;
}

/* ---- what several tokens say of one TPM ---- */

static struct secret *auth_at(struct tpm *t, size_t i)
{
	struct secret *const all[TPM_AUTHS] = { &t->owner_auth, &t->root_auth,
						&t->endorsement_auth };

	return all[i];
}

static struct bytes brought(const struct tpm_words *w, size_t i)
{
	const struct bytes all[TPM_AUTHS] = { w->owner_auth, w->root_auth, w->endorsement_auth };

	return all[i];
}

/* As it is, or will be from the next turn on. */
static struct bytes known_auth(struct tpm *t, size_t i)
{
	return auth_at(t, i)->n > 0 ? secret_bytes(auth_at(t, i)) : secret_bytes(&t->news[i]);
}

static bool auth_fits(struct tpm *t, const struct tpm_words *w, size_t i)
{
	struct bytes here = known_auth(t, i), there = brought(w, i);

	return here.n == 0 || there.n == 0 || secret_equal(here, there);
}

/* The first word that differs; NULL when all go together. */
static const char *differing(struct tpm *t, const struct tpm_words *w)
{
	static const char *const auths[TPM_AUTHS] = { "owner-auth", "root-auth",
						      "endorsement-auth" };

	if (t->root != w->root)
		return "root";
	if (t->how != w->how)
		return "session";
	for (size_t i = 0; i < TPM_AUTHS; i++)
		if (!auth_fits(t, w, i))
			return auths[i];
	return NULL;
}

static bool expects_the_same(const struct tpm *t, const struct tpm_words *w)
{
	struct bytes there = w->root_pub ? w->root_name : BYTES_NONE;

	return bytes_equal(there, BYTES(t->root_name.name, t->root_name.size));
}

static enum inro_err check_words(struct tpm *t, const struct tpm_words *w)
{
	const char *other = differing(t, w);
	enum inro_err e = INRO_OK;

	if (other)
		return err_set(INRO_E_CONFIG,
			       "%s is not that of the tokens which are in this TPM already: all "
			       "tokens of one TPM share it",
			       other);
	if (!expects_the_same(t, w))
		atomic_store(&t->root_disputed, true);
	for (size_t i = 0; !e && i < TPM_AUTHS; i++) {
		if (known_auth(t, i).n > 0 || brought(w, i).n == 0)
			continue;
		e = secret_copy(brought(w, i), &t->news[i]);
		if (!e)
			atomic_store(&t->has_news, true);
	}
	return e;
}

/* Nobody who holds the registry's lock waits for a turn. */
static void take_news(struct tpm *t)
{
	struct registry *r = atomic_load(&registry);

	pthread_mutex_lock(&r->lock);
	for (size_t i = 0; i < TPM_AUTHS; i++) {
		if (t->news[i].n == 0)
			continue;
		*auth_at(t, i) = t->news[i];
		t->news[i] = (struct secret) { 0 };
		if (auth_at(t, i) == &t->root_auth)
			t->roots.refused = false;
	}
	atomic_store(&t->has_news, false);
	pthread_mutex_unlock(&r->lock);
	t->roots.root.auth = secret_bytes(&t->root_auth);
}

/* Not one that is just being cleared away. */
static struct tpm *find_alive(struct registry *r, const struct tpm_words *w)
{
	struct tpm *t = find(r, w);

	while (t && atomic_load(&t->refs) == 0) {
		pthread_cond_wait(&r->gone, &r->lock);
		t = find(r, w);
	}
	return t;
}

static enum inro_err find_or_make(struct registry *r, const struct tpm_words *w, struct tpm **ret)
{
	struct tpm *t = find_alive(r, w);
	enum inro_err e;

	if (t) {
		e = check_words(t, w);
	} else {
		e = tpm_new(w, &t);
		if (!e) {
			t->next = r->first;
			r->first = t;
		}
	}
	if (e)
		return e;
	atomic_fetch_add(&t->refs, 1);
	*ret = t;
	return INRO_OK;
}

enum inro_err tpm_get(const struct tpm_words *w, struct tpm **ret)
{
	struct registry *r;
	enum inro_err e = registry_get(&r);

	if (e)
		return e;
	pthread_mutex_lock(&r->lock);
	e = find_or_make(r, w, ret);
	pthread_mutex_unlock(&r->lock);
	return e;
}

struct tpm *tpm_ref(struct tpm *t)
{
	atomic_fetch_add(&t->refs, 1);
	return t;
}

/* Whether something of ours may be in the TPM: not when the link has let the connection go. */
static bool holds_something(const struct tpm *t)
{
	return t->epoch && atomic_load(&t->link->epoch) == t->epoch;
}

/* Who has the TPM instead of us flushes what of ours is listed, or the resource manager does: he is
 * not waited for, who may be making a key. */
static void clean_up(struct tpm *t)
{
	SCOPED(err_kept) kept = err_keep();

	if (!holds_something(t) || tpm_try_enter(t))
		return;
	resident_flush_all(t);
	session_flush_all(t);
	tpm_leave(t);
}

/* Of the parent's: the connection is closed here, all else stays untouched. */
static void let_go(struct tpm *t)
{
	if (atomic_fetch_sub(&t->refs, 1) > 1)
		return;
	link_free(t->link);
	t->link = NULL;
}

/* Whether this was the last holder. */
static bool is_last(struct registry *r, struct tpm *t)
{
	bool last;

	pthread_mutex_lock(&r->lock);
	last = atomic_fetch_sub(&t->refs, 1) == 1;
	pthread_mutex_unlock(&r->lock);
	return last;
}

static void clear_away(struct registry *r, struct tpm *t)
{
	clean_up(t);
	link_free(t->link);
	t->link = NULL;
	pthread_mutex_lock(&r->lock);
	remove_from(r, t);
	pthread_cond_broadcast(&r->gone);
	pthread_mutex_unlock(&r->lock);
	tpm_free(t);
}

void tpm_unref(struct tpm *t)
{
	struct registry *r;

	if (!t)
		return;
	r = atomic_load(&registry);
	if (t->pid != process_id() || !r)
		let_go(t);
	else if (is_last(r, t))
		clear_away(r, t);
}

void tpm_unref_ptr(struct tpm **t)
{
	tpm_unref(*t);
	*t = NULL;
}

/* ---- turns ---- */

/* The turn among threads is taken. */
static enum inro_err enter(struct tpm *t, int haste_ms)
{
	enum inro_err e;

	t->link->haste_ms = haste_ms;
	if (atomic_load_explicit(&t->has_news, memory_order_acquire))
		take_news(t);
	e = link_begin(t->link, &t->epoch);
	t->begun = !e;
	t->broken = e != INRO_OK;
	if (e)
		turn_give(&t->turn);
	return e;
}

static enum inro_err not_ours(void)
{
	return err_set(INRO_E_STATE, "a way to a TPM belongs to the process that made it");
}

enum inro_err tpm_enter(struct tpm *t)
{
	if (t->pid != process_id())
		return not_ours();
	turn_take(&t->turn);
	return enter(t, 0);
}

enum inro_err tpm_try_enter(struct tpm *t)
{
	if (t->pid != process_id())
		return not_ours();
	if (!turn_try(&t->turn))
		return err_set(INRO_E_BUSY, "another thread has the turn at the TPM");
	return enter(t, HASTE_MS);
}

void tpm_leave(struct tpm *t)
{
	if (t->begun)
		link_end(t->link);
	t->begun = false;
	turn_give(&t->turn);
}

uint64_t tpm_epoch(const struct tpm *t)
{
	return t->epoch;
}

bool tpm_is_embedded(const struct tpm *t)
{
	return t->link->kind->embedded;
}

/* ---- counting ---- */

void tpm_counted(struct tpm *t, TPM2_CC cc)
{
	atomic_fetch_add_explicit(&t->counts[cc - COMMANDS_FIRST], 1, memory_order_relaxed);
	atomic_fetch_add_explicit(&t->count, 1, memory_order_relaxed);
	atomic_fetch_add_explicit(&count_all, 1, memory_order_relaxed);
}

uint64_t tpm_count(const struct tpm *t)
{
	return atomic_load(&t->count);
}

uint64_t tpm_count_of(const struct tpm *t, TPM2_CC cc)
{
	return command_row(cc) ? atomic_load(&t->counts[cc - COMMANDS_FIRST]) : 0;
}

uint64_t tpm_count_all(void)
{
	return atomic_load(&count_all);
}
