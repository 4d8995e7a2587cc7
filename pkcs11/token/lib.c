/* lib - start, stop, slots. */
#include "pkcs11/token/lib.h"

#include <stdlib.h>
#include <unistd.h>

#include "base/file.h"

static _Atomic(struct lib *) the_lib;

static void lib_free(struct lib *l)
{
	size_t at = 0;
	struct token *t;

	sessions_clear(&l->sessions);
	while ((t = map_next(&l->tokens, &at)) != NULL)
		token_free(t);
	map_clear(&l->tokens);
	pthread_mutex_destroy(&l->lock);
	free(l->home);
	free(l);
}

enum inro_err lib_start(void)
{
	struct lib *old = atomic_load(&the_lib);
	struct lib *l;

	if (old && old->pid == getpid())
		return err_set(INRO_E_ALREADY_INITIALIZED, "C_Initialize was called before");
	l = calloc(1, sizeof *l);
	if (!l)
		return err_set(INRO_E_NO_MEMORY, "no memory for the library");
	l->pid = getpid();
	pthread_mutex_init(&l->lock, NULL);
	sessions_init(&l->sessions);
	enum inro_err e = file_home(false, &l->home);

	if (!e && !atomic_compare_exchange_strong(&the_lib, &old, l))
		e = err_set(INRO_E_ALREADY_INITIALIZED, "C_Initialize is called by another thread");
	if (e)
		lib_free(l);
	return e;
}

enum inro_err lib_get(struct lib **ret)
{
	struct lib *l = atomic_load_explicit(&the_lib, memory_order_acquire);

	if (!l || l->pid != getpid())
		return err_set(INRO_E_NOT_INITIALIZED, "C_Initialize was not called in this "
						       "process");
	*ret = l;
	return INRO_OK;
}

enum inro_err lib_stop(void)
{
	struct lib *l;
	enum inro_err e = lib_get(&l);

	if (e)
		return e;
	if (!atomic_compare_exchange_strong(&the_lib, &l, NULL))
		return err_set(INRO_E_NOT_INITIALIZED, "C_Finalize is called by another thread");
	lib_free(l);
	return INRO_OK;
}

enum inro_err lib_slots(struct lib *l, struct home_slots *ret)
{
	enum inro_err e = home_list(l->home, ret);

	if (e)
		return e;
	pthread_mutex_lock(&l->lock);
	l->shown_empty = ret->empty;
	pthread_mutex_unlock(&l->lock);
	return INRO_OK;
}

bool lib_is_empty(struct lib *l, CK_SLOT_ID slot)
{
	return !home_has(l->home, slot);
}

/* A slot is one of ours when it has a token or is the one for the next. */
static enum inro_err check_slot(struct lib *l, CK_SLOT_ID slot)
{
	SCOPED(home_slots) s = { 0 };
	enum inro_err e;

	if (!home_slot_ok(slot))
		return err_set(INRO_E_SLOT, "there is no slot %lu", slot);
	if (home_has(l->home, slot))
		return INRO_OK;
	e = home_list(l->home, &s);
	if (!e && slot != s.empty)
		e = err_set(INRO_E_SLOT, "there is no slot %lu", slot);
	return e;
}

static enum inro_err add_token(struct lib *l, CK_SLOT_ID slot, struct token **ret)
{
	struct token *t;
	enum inro_err e = token_new(l->home, slot, &t);

	if (!e) {
		e = map_put(&l->tokens, slot, t);
		if (e)
			token_free(t);
	}
	if (!e)
		*ret = t;
	return e;
}

enum inro_err lib_token(struct lib *l, CK_SLOT_ID slot, struct token **ret)
{
	enum inro_err e = check_slot(l, slot);

	if (e)
		return e;
	pthread_mutex_lock(&l->lock);
	*ret = map_get(&l->tokens, slot);
	if (!*ret)
		e = add_token(l, slot, ret);
	pthread_mutex_unlock(&l->lock);
	return e;
}

/* The slot was empty when the application last looked: what another program has put there since is
 * not to be initialised away. */
static bool meant_empty(struct lib *l, CK_SLOT_ID slot)
{
	pthread_mutex_lock(&l->lock);
	bool meant = l->shown_empty == slot;

	pthread_mutex_unlock(&l->lock);
	return meant || lib_is_empty(l, slot);
}

enum inro_err lib_init_token(struct lib *l, CK_SLOT_ID slot, const struct token_spec *spec)
{
	struct token *t;
	enum inro_err e = lib_token(l, slot, &t);

	if (e)
		return e;
	if (meant_empty(l, slot)) {
		e = token_make(l->home, spec, &slot);
		if (e == INRO_E_EXISTS)
			e = err_set(INRO_E_STATE,
				    "another program has just made a token in slot "
				    "%lu; list the slots again",
				    slot);
		pthread_mutex_lock(&l->lock);
		l->shown_empty = 0;
		pthread_mutex_unlock(&l->lock);
		return e;
	}
	token_lock(t);
	e = token_open(t);
	if (!e)
		e = token_reset(t, spec);
	token_unlock(t);
	return e;
}

enum inro_err lib_enter(CK_SESSION_HANDLE handle, struct entered *ret)
{
	enum inro_err e = lib_get(&ret->lib);

	return e ? e : session_enter(&ret->lib->sessions, handle, &ret->session);
}

void entered_clear(struct entered *e)
{
	if (e->session)
		session_leave(&e->lib->sessions, e->session);
	*e = (struct entered) { 0 };
}
