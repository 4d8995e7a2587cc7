/* token - see token.h. */
#include "provider/token_private.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "provider/gate.h"
#include "provider/refused.h"

#define WAIT_TURNS 10000 /* of 1 ms */

static void free_found(struct ck_token **p)
{
	free(*p);
}

const char *token_label(const struct token *t)
{
	return t->about.label;
}

const char *token_serial(const struct token *t)
{
	return t->about.serial;
}

struct prov *token_prov(const struct token *t)
{
	return t->prov;
}

uint64_t seat_epoch(const struct seat *s)
{
	return s->pool->epoch;
}

CK_SESSION_HANDLE seat_anchor(const struct seat *s)
{
	return atomic_load(&s->pool->anchor);
}

CK_SLOT_ID seat_slot(const struct seat *s)
{
	return s->pool->slot;
}

/* Its session numbers still stand for its sessions, or for none. */
static bool pool_is_ours(const struct pool *p, struct ck_module *m)
{
	return p->pid == getpid() && p->generation == ck_module_generation(m);
}

static size_t take_from(atomic_ulong *place, CK_SESSION_HANDLE *ret)
{
	*ret = atomic_exchange(place, CK_INVALID_HANDLE);
	return *ret != CK_INVALID_HANDLE;
}

/* Takes out what no thread is using. */
static size_t pool_empty(struct pool *p, CK_SESSION_HANDLE ret[POOL_SESSIONS + 1])
{
	size_t n = 0;

	for (size_t i = 0; i < POOL_SESSIONS; i++)
		n += take_from(&p->idle[i], &ret[n]);
	return n + take_from(&p->anchor, &ret[n]);
}

/* Closes what no thread is using; any thread, and more than once. */
static void pool_drain(struct pool *p, struct ck_module *m)
{
	CK_SESSION_HANDLE list[POOL_SESSIONS + 1];

	if (pool_is_ours(p, m))
		ck_sessions_close_by(m, p->epoch, list, pool_empty(p, list));
}

static void pool_free(struct pool *p)
{
	pthread_mutex_destroy(&p->login);
	free(p);
}

/* Why the module can't read the token in a slot, in its own words. */
static const char *words_of(struct ck_module *m, CK_SLOT_ID slot)
{
	CK_TOKEN_INFO info;
	enum inro_err e =
		ck_err(m, ck_module_functions(m)->C_GetTokenInfo(slot, &info), "C_GetTokenInfo");

	return e ? err_detail(e) : "now it can";
}

/* `label` NULL: other words than a label exclude all.  A token that can't be read has no label to
 * be found by. */
static enum inro_err not_among(struct ck_module *m, const char *label, const struct ck_token *found,
			       size_t n)
{
	const char *quote = label ? "'" : "";
	const char *what = label ? label : "as the URI describes it";

	for (size_t i = 0; i < n; i++)
		if (found[i].state != CKR_OK)
			return err_set(INRO_E_NOT_FOUND,
				       "no token %s%s%s in %s, but the one in slot %lu can't be "
				       "read (%s): %s",
				       quote, what, quote, ck_module_path(m), found[i].slot,
				       ck_rv_name(found[i].state), words_of(m, found[i].slot));
	return err_set(INRO_E_NOT_FOUND,
		       "no token %s%s%s in %s: compare with what %s", quote, what, quote, ck_module_path(m),
		       ck_module_admin(m) ? "'inro token list' shows: is INRO_HOME the same here?" :
					    "pkcs11-tool -L shows");
}

static bool is_same(const struct ck_token *a, const struct ck_token *b)
{
	return strcmp(a->serial, b->serial) == 0 && strcmp(a->label, b->label) == 0;
}

/* Where the token is now: the slot of before may be another one's after a fork. */
static enum inro_err find_slot(const struct token *t, struct ck_module *m, CK_SLOT_ID *ret)
{
	AUTO(free_found) struct ck_token *found = NULL;
	const struct ck_token *same = NULL;
	size_t n = 0;
	enum inro_err e = ck_tokens(m, NULL, false, &found, &n);

	if (e)
		return e;
	for (size_t i = 0; i < n; i++) {
		if (!is_same(&found[i], &t->about))
			continue;
		if (!same || found[i].slot == t->about.slot)
			same = &found[i];
	}
	if (same) {
		*ret = same->slot;
		return INRO_OK;
	}
	return not_among(m, t->about.label, found, n);
}

static enum inro_err open_anchor(struct pool *p, struct ck_module *m)
{
	CK_SESSION_HANDLE s;
	enum inro_err e = ck_session_open_by(m, p->epoch, p->slot, false, &s);

	if (!e)
		atomic_store(&p->anchor, s);
	/* All of them may be with threads that are about to leave another pool, or with one that
	 * makes this pool as well: the first session that is given back keeps the login. */
	return e == INRO_E_SESSION_COUNT ? INRO_OK : e;
}

static enum inro_err pool_new(struct token *t, struct ck_module *m, struct pool *older,
			      struct pool **ret)
{
	static atomic_uint_fast64_t epochs;
	struct pool *p = calloc(1, sizeof *p);
	enum inro_err e;

	if (!p)
		return INRO_E_NO_MEMORY;
	refused_begin(t->prov);
	p->token = t;
	p->generation = ck_module_generation(m);
	p->epoch = ++epochs;
	p->pid = getpid();
	p->older = older;
	pthread_mutex_init(&p->login, NULL);
	e = find_slot(t, m, &p->slot);
	if (!e)
		e = open_anchor(p, m);
	if (e) {
		pool_free(p);
		return e;
	}
	*ret = p;
	return INRO_OK;
}

static bool pool_fits(const struct pool *p, struct ck_module *m)
{
	return p && p->generation == ck_module_generation(m) && !atomic_load(&p->stale);
}

static enum inro_err pool_of(struct token *t, struct ck_module *m, struct pool **ret)
{
	struct pool *old = atomic_load_explicit(&t->pool, memory_order_acquire), *made;
	enum inro_err e;

	if (pool_fits(old, m)) {
		*ret = old;
		return INRO_OK;
	}
	e = pool_new(t, m, old, &made);
	if (e)
		return e;
	if (!atomic_compare_exchange_strong(&t->pool, &old, made)) {
		pool_drain(made, m); /* another thread was first */
		pool_free(made);
		made = old;
	}
	*ret = made;
	return INRO_OK;
}

static CK_SESSION_HANDLE take_idle(struct pool *p)
{
	for (size_t i = 0; i < POOL_SESSIONS; i++) {
		CK_SESSION_HANDLE s = atomic_load_explicit(&p->idle[i], memory_order_relaxed);

		if (s != CK_INVALID_HANDLE &&
		    atomic_compare_exchange_strong(&p->idle[i], &s, CK_INVALID_HANDLE))
			return s;
	}
	return CK_INVALID_HANDLE;
}

static bool put_idle(struct pool *p, CK_SESSION_HANDLE s)
{
	for (size_t i = 0; i < POOL_SESSIONS; i++) {
		CK_SESSION_HANDLE empty = CK_INVALID_HANDLE;

		if (atomic_compare_exchange_strong(&p->idle[i], &empty, s))
			return true;
	}
	return false;
}

static enum inro_err seat_open(struct seat *s, bool write)
{
	return ck_session_open_by(s->m, s->pool->epoch, s->pool->slot, write, &s->session);
}

/* Of a token that has no more sessions: one that others give back, or the one that is kept open.  One
 * that may write needs all the others' room. */
static enum inro_err session_of_others(struct seat *s, bool write)
{
	if (write) {
		pool_drain(s->pool, s->m);
		atomic_store(&s->pool->untold, false);
		return seat_open(s, true);
	}
	s->session = take_idle(s->pool);
	if (s->session == CK_INVALID_HANDLE)
		s->session = atomic_exchange(&s->pool->anchor, CK_INVALID_HANDLE);
	return s->session != CK_INVALID_HANDLE
		       ? INRO_OK
		       : seat_open(s, false);
}

/* Where the pool is given up meanwhile, its sessions come back to the one after it. */
static enum inro_err wait_for_session(struct token *t, struct seat *s, bool write)
{
	static const struct timespec nap = { .tv_nsec = 1000000 };
	enum inro_err e = INRO_E_SESSION_COUNT;

	for (int i = 0; e == INRO_E_SESSION_COUNT && i < WAIT_TURNS; i++) {
		if (i > 0)
			nanosleep(&nap, NULL);
		s->generation = ck_module_generation(s->m);
		e = pool_of(t, s->m, &s->pool);
		if (!e)
			e = session_of_others(s, write);
	}
	return e;
}

/* What is lost with all sessions shows first as a handle or a login that is not there. */
static bool anchor_is_lost(const struct seat *s)
{
	CK_SESSION_HANDLE anchor = seat_anchor(s);
	CK_SESSION_INFO info;

	return anchor != CK_INVALID_HANDLE && s->f->C_GetSessionInfo(anchor, &info) != CKR_OK;
}

/* A module that was finalised has none of its sessions any more: who initialises it meanwhile may
 * have one of the same number. */
static void give_up(struct seat *s, bool sessions, bool finalised)
{
	CK_SESSION_HANDLE gone[POOL_SESSIONS + 1];

	/* Without a login private objects have no valid handles: it is looked at anew. */
	atomic_store(&s->pool->untold, false);
	if (!sessions && !anchor_is_lost(s))
		return;
	atomic_store(&s->pool->stale, true);
	if (!finalised) {
		pool_drain(s->pool, s->m);
		return;
	}
	(void)pool_empty(s->pool, gone);
	s->session = CK_INVALID_HANDLE;
}

bool token_lost(struct seat *s, enum inro_err e)
{
	static const struct {
		enum inro_err e;
		bool sessions;
	} lost[] = {
		{ INRO_E_SESSION_HANDLE, true },  { INRO_E_NO_TOKEN, true },
		{ INRO_E_NOT_INITIALIZED, true }, { INRO_E_LOGIN, false },
		{ INRO_E_KEY_HANDLE, false },	  { INRO_E_OBJECT_HANDLE, false },
	};

	for (size_t i = 0; i < ARRAY_LEN(lost); i++) {
		if (lost[i].e != e)
			continue;
		if (e == INRO_E_NOT_INITIALIZED)
			ck_module_lost(s->m, s->generation);
		if (s->pool)
			give_up(s, lost[i].sessions, e == INRO_E_NOT_INITIALIZED);
		return true;
	}
	return false;
}

static enum inro_err try_seat(struct token *t, bool write, struct seat *s)
{
	enum inro_err e = ck_module_enter(s->m);

	s->generation = ck_module_generation(s->m);
	if (!e)
		e = pool_of(t, s->m, &s->pool);
	if (e)
		return e;
	s->session = write ? CK_INVALID_HANDLE : take_idle(s->pool);
	if (s->session != CK_INVALID_HANDLE)
		return INRO_OK;
	e = seat_open(s, write);
	return e == INRO_E_SESSION_COUNT ? wait_for_session(t, s, write) : e;
}

static enum inro_err take_seat(struct token *t, bool write, struct seat *ret)
{
	struct seat s = { .inside = true };
	enum inro_err e = prov_module(t->prov, &s.m);

	if (e)
		return e;
	s.f = ck_module_functions(s.m);
	e = try_seat(t, write, &s);
	if (e && token_lost(&s, e))
		e = try_seat(t, write, &s);
	if (!e)
		*ret = s;
	return e;
}

static enum inro_err enter(struct token *t, bool write, struct seat *ret)
{
	enum inro_err e = gate_enter();

	if (e)
		return e;
	e = take_seat(t, write, ret);
	if (e)
		gate_leave();
	return e;
}

enum inro_err token_enter_writing(struct token *t, struct seat *ret)
{
	return enter(t, true, ret);
}

static bool reenter(struct token *t, uint64_t epoch, struct seat *ret)
{
	struct ck_module *m = atomic_load(&t->prov->module);
	const struct pool *p = atomic_load_explicit(&t->pool, memory_order_acquire);

	return m && p && p->epoch == epoch && pool_is_ours(p, m) && pool_fits(p, m) &&
	       enter(t, false, ret) == INRO_OK;
}

bool token_reenter(struct token *t, uint64_t epoch, struct seat *ret)
{
	SCOPED(err_kept) kept = err_keep();
	bool ok;

	(void)kept;
	if (gate_enter() != INRO_OK)
		return false;
	ok = reenter(t, epoch, ret);
	gate_leave();
	return ok;
}

static void leave_seat(struct seat *s, bool well)
{
	CK_SESSION_HANDLE session = s->session;

	s->session = CK_INVALID_HANDLE;
	if (session == CK_INVALID_HANDLE || !pool_is_ours(s->pool, s->m))
		return;
	if (!well || !put_idle(s->pool, session)) {
		ck_sessions_close_by(s->m, s->pool->epoch, &session, 1);
		/* It may have been the last one, which the login ends with. */
		if (atomic_load(&s->pool->anchor) == CK_INVALID_HANDLE)
			atomic_store(&s->pool->untold, false);
	}
	/* Given up meanwhile, or before: nobody else would close what was just put there. */
	if (atomic_load(&s->pool->stale))
		pool_drain(s->pool, s->m);
}

void token_leave(struct seat *s, bool well)
{
	leave_seat(s, well);
	if (s->inside)
		gate_leave();
	s->inside = false;
}

static enum inro_err run_once(struct token *t, token_step *step, void *arg, bool *ret_again)
{
	struct seat s;
	enum inro_err e = enter(t, false, &s);

	*ret_again = false;
	if (e)
		return e;
	e = step(&s, arg);
	*ret_again = token_lost(&s, e) || s.again;
	token_leave(&s, !e);
	return e;
}

enum inro_err token_run(struct token *t, token_step *step, void *arg)
{
	bool again;
	enum inro_err e = run_once(t, step, arg, &again);

	return e && again ? run_once(t, step, arg, &again) : e;
}

static struct token *token_known(struct prov *p, const struct ck_token *about, bool twin)
{
	for (struct token *t = atomic_load(&p->tokens); t; t = t->next)
		if (is_same(&t->about, about) && (!twin || t->about.slot == about->slot))
			return t;
	return NULL;
}

/* Two threads that meet a token at once may both list it; the first found is used from then on. */
static enum inro_err token_met(struct prov *p, const struct ck_token *about, bool twin,
			       struct token **ret)
{
	struct token *t = token_known(p, about, twin);

	if (!t) {
		t = calloc(1, sizeof *t);
		if (!t)
			return INRO_E_NO_MEMORY;
		t->prov = p;
		t->about = *about;
		t->next = atomic_load(&p->tokens);
		while (!atomic_compare_exchange_weak(&p->tokens, &t->next, t))
			;
	}
	*ret = t;
	return INRO_OK;
}

/* The setting `token`, for a URI that says nothing about the token. */
static enum inro_err with_setting(const struct prov *p, const struct p11_uri *uri,
				  struct p11_uri *ret)
{
	const char *label = core_setting(&p->core, SETTING_TOKEN);
	enum inro_err e = p11_uri_copy(uri, ret);

	if (e || !label || uri->token || uri->serial || uri->model || uri->manufacturer ||
	    uri->has_slot_id)
		return e;
	ret->token = strdup(label);
	return ret->token ? INRO_OK : INRO_E_NO_MEMORY;
}

/* Whoever is told that a label is not there looks for that, and finds it. */
static const char *missing_label(const struct p11_uri *wanted, const struct ck_token *found,
				 size_t n)
{
	for (size_t i = 0; wanted->token && i < n; i++)
		if (strcmp(found[i].label, wanted->token) == 0)
			return NULL;
	return wanted->token;
}

static enum inro_err no_token(struct ck_module *m, const struct p11_uri *wanted)
{
	AUTO(free_found) struct ck_token *found = NULL;
	size_t n = 0;

	if (ck_tokens(m, NULL, false, &found, &n) != INRO_OK)
		n = 0;
	return not_among(m, missing_label(wanted, found, n), found, n);
}

/* Once more where another user of the module has finalised it. */
static enum inro_err list_tokens(struct ck_module *m, const struct p11_uri *wanted,
				 struct ck_token **ret, size_t *ret_n)
{
	enum inro_err e = INRO_E_NOT_INITIALIZED;

	for (int i = 0; i < 2 && e == INRO_E_NOT_INITIALIZED; i++) {
		uint64_t generation;

		e = ck_module_enter(m);
		generation = ck_module_generation(m);
		if (!e)
			e = ck_tokens(m, wanted, false, ret, ret_n);
		if (e == INRO_E_NOT_INITIALIZED)
			ck_module_lost(m, generation);
	}
	return e;
}

static bool has_twin(const struct ck_token *found, size_t n, size_t of)
{
	size_t same = 0;

	for (size_t i = 0; i < n; i++)
		same += is_same(&found[i], &found[of]);
	return same > 1;
}

void token_choice_clear(struct token_choice *c)
{
	free(c->all);
	*c = (struct token_choice) { 0 };
}

static enum inro_err meet(struct prov *p, const struct ck_token *found, size_t n,
			  struct token_choice *good)
{
	enum inro_err e = INRO_OK;

	good->all = calloc(n + 1, sizeof *good->all);
	if (!good->all)
		return INRO_E_NO_MEMORY;
	for (size_t i = 0; !e && i < n; i++)
		if (found[i].state == CKR_OK)
			e = token_met(p, &found[i], has_twin(found, n, i), &good->all[good->n++]);
	return e;
}

static enum inro_err find_tokens(struct prov *p, const struct p11_uri *wanted,
				 struct token_choice *ret)
{
	AUTO(free_found) struct ck_token *found = NULL;
	SCOPED(token_choice) good = { 0 };
	struct ck_module *m;
	size_t n = 0;
	enum inro_err e = prov_module(p, &m);

	if (!e)
		e = list_tokens(m, wanted, &found, &n);
	if (!e)
		e = meet(p, found, n, &good);
	if (e)
		return e;
	if (good.n == 0)
		return no_token(m, wanted);
	*ret = good;
	good = (struct token_choice) { 0 };
	return INRO_OK;
}

enum inro_err tokens_named(struct prov *p, const struct p11_uri *wanted, struct token_choice *ret)
{
	enum inro_err e = gate_enter();

	if (e)
		return e;
	e = find_tokens(p, wanted, ret);
	gate_leave();
	return e;
}

enum inro_err tokens_find(struct prov *p, const struct p11_uri *uri, struct token_choice *ret)
{
	SCOPED(p11_uri) wanted = { 0 };
	enum inro_err e = with_setting(p, uri, &wanted);

	return e ? e : tokens_named(p, &wanted, ret);
}

void tokens_close(struct prov *p)
{
	struct ck_module *m = atomic_load(&p->module);

	for (struct token *t = atomic_load(&p->tokens); t; t = t->next)
		for (struct pool *pool = t->pool; pool; pool = pool->older)
			pool_drain(pool, m);
}

static void token_free(struct token *t)
{
	struct pool *p = t->pool, *older;

	for (; p; p = older) {
		older = p->older;
		pool_free(p);
	}
	handed_down_free(atomic_load(&t->handed_down));
	free(t);
}

void tokens_free(struct prov *p)
{
	struct token *t = atomic_exchange(&p->tokens, NULL), *next;

	for (; t; t = next) {
		next = t->next;
		token_free(t);
	}
}
