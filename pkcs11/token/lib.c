/* lib - start, stop, slots. */
#include "pkcs11/token/lib.h"

#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "base/homedir.h"
#include "base/log.h"
#include "base/process.h"
#include "pkcs11/token/ending.h"
#include "pkcs11/token/settings.h"

#define WAIT_NS 200000

static _Atomic(struct lib *) the_lib;
static _Atomic(struct lib *) spare; /* those before, for the next: none is freed, for a thread may look at its doors yet */
static _Atomic uint64_t stopping;   /* process << 32 | threads of it that are in lib_stop() */
static _Thread_local unsigned mine; /* how often this thread is inside, or stopping */
static _Thread_local int may_be_cancelled; /* as it was before it came in */

static void empty(struct lib *l)
{
	size_t at = 0;
	struct token *t;

	sessions_clear(&l->sessions);
	op_states_clear(&l->states);
	while ((t = map_next(&l->tokens, &at)) != NULL)
		token_free(t);
	map_clear(&l->tokens);
	free(l->exchanged);
	l->exchanged = NULL;
	l->n_exchanged = 0;
	pthread_mutex_destroy(&l->lock);
	if (l->home)
		watch_clear(&l->watch);
	free(l->home);
	l->home = NULL;
	l->shown_empty = 0;
}

static void give_spare(struct lib *l)
{
	struct lib *last = l;

	while (last->next)
		last = last->next;
	last->next = atomic_load(&spare);
	while (!atomic_compare_exchange_weak(&spare, &last->next, l))
		continue;
}

/* One that nobody has: fresh, or a spare one if that is this process's own.  Two threads have one when both begin, or
 * one begins as the other ends. */
static struct lib *take_spare(struct lib *inherited)
{
	struct lib *l = atomic_exchange(&spare, NULL);

	if (l && l->pid == process_id()) {
		if (l->next)
			give_spare(l->next);
		l->next = NULL;
		return l;
	}
	struct lib *fresh = calloc(1, sizeof *fresh);

	if (!fresh)
		return NULL;
	fresh->pid = process_id();
	fresh->before = l ? l : inherited;
	for (size_t i = 0; i < LIB_DOORS; i++)
		atomic_init(&fresh->inside[i].n, 0);
	return fresh;
}

/* A thread comes and goes by one door, so that threads don't count in one place. */
static unsigned my_door(void)
{
	static atomic_uint next;
	static _Thread_local unsigned door; /* 0: none yet */

	if (door == 0)
		door = 1 + atomic_fetch_add(&next, 1) % LIB_DOORS;
	return door - 1;
}

static atomic_uint *inside(struct lib *l)
{
	return &l->inside[my_door()].n;
}

/* A thread that pthread_cancel() ends inside would leave locks held and doors counted for ever: it
 * ends once it is out. */
static void one_more(void)
{
	if (mine++ == 0)
		(void)pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &may_be_cancelled);
}

static void one_less(void)
{
	if (--mine == 0)
		(void)pthread_setcancelstate(may_be_cancelled, NULL);
}

static void come_in(struct lib *l)
{
	one_more();
	atomic_fetch_add(inside(l), 1);
}

static void go_out(struct lib *l)
{
	atomic_fetch_sub(inside(l), 1);
	one_less();
}

/* A child may have been forked while another thread of its parent was stopping. */
static unsigned stopping_here(uint64_t s)
{
	return s >> 32 == (uint32_t)process_id() ? (unsigned)(uint32_t)s : 0;
}

static void begin_to_stop(void)
{
	uint64_t was = atomic_load(&stopping);

	one_more();
	while (!atomic_compare_exchange_weak(&stopping, &was,
					     (uint64_t)process_id() << 32 | (stopping_here(was) + 1)))
		continue;
}

static void end_to_stop(void)
{
	atomic_fetch_sub(&stopping, 1);
	one_less();
}

/* Who waits for a slot's event uses nothing that libcrypto frees.  It is counted after those
 * inside, of whom it is one. */
static bool nobody_else_inside(void)
{
	const struct lib *l = atomic_load(&the_lib);
	unsigned n = 0, idle = mine;

	if (l && l->pid == process_id()) {
		for (size_t i = 0; i < LIB_DOORS; i++)
			n += atomic_load(&l->inside[i].n);
		idle += atomic_load(&l->pausing);
	}
	/* Behind the doors: who stops is counted here before he leaves there. */
	n += stopping_here(atomic_load(&stopping));
	return n <= idle;
}

enum inro_err lib_start(void)
{
	struct lib *old = atomic_load(&the_lib);
	struct lib *l;

	if (old && old->pid == process_id())
		return err_set(INRO_E_ALREADY_INITIALIZED, "C_Initialize was called before");
	enum inro_err e = settings_load();

	if (e)
		return e;
	l = take_spare(old);
	if (!l)
		return err_set(INRO_E_NO_MEMORY, "no memory for the library");
	pthread_mutex_init(&l->lock, NULL);
	sessions_init(&l->sessions);
	op_states_init(&l->states);
	e = homedir(false, &l->home);
	if (!e)
		watch_init(&l->watch, l->home);

	come_in(l); /* who finalises it waits until its home is held */
	if (!e && !atomic_compare_exchange_strong(&the_lib, &old, l))
		e = err_set(INRO_E_ALREADY_INITIALIZED, "C_Initialize is called by another thread");
	if (e) {
		go_out(l);
		empty(l);
		give_spare(l);
		return e;
	}
	homedir_hold(l->home);
	go_out(l);
	ending_watch(nobody_else_inside);
	return INRO_OK;
}

/* NULL: there is none in this process.  False: it is to be asked for again. */
static bool try_get(struct lib **ret)
{
	struct lib *l = atomic_load(&the_lib);

	*ret = NULL;
	if (!l || l->pid != process_id())
		return true;
	come_in(l);
	bool keeps = ending_keeps();

	if (!keeps && atomic_load(&the_lib) == l) {
		*ret = l;
		return true;
	}
	go_out(l);
	if (keeps)
		ending_keep();
	return !keeps;
}

enum inro_err lib_get(struct lib **ret)
{
	struct lib *l = NULL;

	while (!try_get(&l))
		continue;
	if (!l)
		return err_set(INRO_E_NOT_INITIALIZED,
			       "C_Initialize was not called in this process");
	*ret = l;
	return INRO_OK;
}

void lib_leave(struct lib **l)
{
	if (*l) {
		go_out(*l);
		ending_keep();
	}
	*l = NULL;
}

/* Nobody waits inside for longer than a key takes to be made or another program to write. */
static void wait_for_all_out(struct lib *l)
{
	for (size_t i = 0; i < LIB_DOORS; i++)
		while (atomic_load(&l->inside[i].n) > 0)
			nanosleep(&(struct timespec) { .tv_nsec = WAIT_NS }, NULL);
}

static enum inro_err stop(struct lib *l)
{
	struct lib *expected = l;
	bool first = atomic_compare_exchange_strong(&the_lib, &expected, NULL);

	go_out(l);
	if (!first)
		return err_set(INRO_E_NOT_INITIALIZED, "C_Finalize is called by another thread");
	wait_for_all_out(l);
	homedir_release(l->home);
	empty(l);
	give_spare(l);
	return INRO_OK;
}

enum inro_err lib_stop(void)
{
	struct lib *l = NULL;
	enum inro_err e = lib_get(&l);

	if (e)
		return e;
	begin_to_stop();
	e = stop(l);
	end_to_stop();
	ending_keep();
	return e;
}

/* Both ways: the file of a slot, the slot of a file.  `lock` is held. */
static CK_SLOT_ID counterpart(const struct lib *l, CK_SLOT_ID slot)
{
	CK_SLOT_ID other = slot;

	for (size_t i = 0; i < l->n_exchanged; i++) {
		if (l->exchanged[i].a == slot)
			other = l->exchanged[i].b;
		else if (l->exchanged[i].b == slot)
			other = l->exchanged[i].a;
	}
	return other;
}

static CK_SLOT_ID other_number(struct lib *l, CK_SLOT_ID slot)
{
	CK_SLOT_ID other;

	pthread_mutex_lock(&l->lock);
	other = counterpart(l, slot);
	pthread_mutex_unlock(&l->lock);
	return other;
}

CK_SLOT_ID lib_slot_of(struct lib *l, CK_SLOT_ID file)
{
	return other_number(l, file);
}

/* From the numbers of the files to those of the slots. */
static void renumber(const struct lib *l, struct home_slots *s)
{
	for (size_t i = 0; i < s->n && l->n_exchanged > 0; i++)
		s->ids[i] = counterpart(l, s->ids[i]);
	home_slots_sort(s);
}

static unsigned made_so_far(struct lib *l)
{
	pthread_mutex_lock(&l->lock);
	unsigned made = l->made;

	pthread_mutex_unlock(&l->lock);
	return made;
}

/* False for a list that is older than a token that was made here: the slot that it has as empty
 * would be shown as empty again, or another's number.  `empty` needs no renumbering otherwise: it
 * is above the numbers of all files that there ever were. */
static bool show(struct lib *l, unsigned made, struct home_slots *s)
{
	pthread_mutex_lock(&l->lock);
	bool current = l->made == made;

	if (current) {
		renumber(l, s);
		l->shown_empty = s->empty;
	}
	pthread_mutex_unlock(&l->lock);
	return current;
}

enum inro_err lib_slots(struct lib *l, struct home_slots *ret)
{
	for (;;) {
		SCOPED(home_slots) s = { 0 };
		unsigned made = made_so_far(l);
		enum inro_err e = watch_list(&l->watch, &s);

		if (e)
			return e;
		if (show(l, made, &s)) {
			*ret = s;
			s = (struct home_slots) { 0 };
			return INRO_OK;
		}
	}
}

/* One that is cancelled while he waits, which may be for ever. */
struct waiting {
	struct lib *l;
	int notifications;
};

static void give_up_waiting(void *arg)
{
	struct waiting *w = arg;

	close_fd(&w->notifications);
	atomic_fetch_sub(&w->l->pausing, 1);
	go_out(w->l);
}

static void wait_cancellably(struct lib *l, int notifications)
{
	struct waiting w = { .l = l, .notifications = notifications };

	pthread_cleanup_push(give_up_waiting, &w);
	(void)pthread_setcancelstate(may_be_cancelled, NULL);
	watch_pause(notifications);
	(void)pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, NULL);
	pthread_cleanup_pop(0);
}

/* libcrypto's end does not wait for who is in there. */
static void pause_outside(struct lib *l, int notifications)
{
	atomic_fetch_add(&l->pausing, 1);
	wait_cancellably(l, notifications);
	while (ending_keeps() && atomic_load(&the_lib) == l) /* C_Finalize waits for this one */
		nanosleep(&(struct timespec) { .tv_nsec = WAIT_NS }, NULL);
	atomic_fetch_sub(&l->pausing, 1);
}

enum inro_err lib_event(struct lib *l, bool wait, CK_SLOT_ID *ret)
{
	AUTO(close_fd) int notifications = wait ? watch_open(&l->watch) : -1;
	CK_SLOT_ID file = 0;
	enum inro_err e = watch_take(&l->watch, &file);

	while (e == INRO_E_NO_EVENT && wait) {
		pause_outside(l, notifications);
		if (atomic_load(&the_lib) != l)
			return err_set(INRO_E_NOT_INITIALIZED, "C_Finalize was called meanwhile");
		if (notifications < 0) /* the folder may be there now */
			notifications = watch_open(&l->watch);
		e = watch_take(&l->watch, &file);
	}
	if (!e)
		*ret = other_number(l, file);
	return e;
}

bool lib_is_empty(struct lib *l, CK_SLOT_ID slot)
{
	return !home_has(l->home, other_number(l, slot));
}

/* A slot is one of ours when it has a token or is the one for the next. */
static enum inro_err check_slot(struct lib *l, CK_SLOT_ID slot)
{
	SCOPED(home_slots) s = { 0 };
	enum inro_err e;

	if (!home_slot_ok(slot))
		return err_set(INRO_E_SLOT, "there is no slot %lu", slot);
	if (!lib_is_empty(l, slot))
		return INRO_OK;
	e = watch_list(&l->watch, &s);
	if (!e && slot != s.empty)
		e = err_set(INRO_E_SLOT, "there is no slot %lu", slot);
	return e;
}

static enum inro_err add_token(struct lib *l, CK_SLOT_ID slot, struct token **ret)
{
	struct token *t;
	enum inro_err e = token_new(l->home, slot, &l->resting, &t);

	for (size_t i = 0; !e && i < l->n_exchanged; i++)
		if (l->exchanged[i].b == slot) /* a's token is there already */
			atomic_store(&t->slot, l->exchanged[i].a);

	if (!e) {
		e = map_put(&l->tokens, slot, t);
		if (e)
			token_free(t);
	}
	if (!e)
		*ret = t;
	return e;
}

static struct token *known_token(struct lib *l, CK_SLOT_ID slot)
{
	struct token *t;

	pthread_mutex_lock(&l->lock);
	t = map_get(&l->tokens, slot);
	pthread_mutex_unlock(&l->lock);
	return t;
}

enum inro_err lib_token(struct lib *l, CK_SLOT_ID slot, struct token **ret)
{
	struct token *t = known_token(l, slot);
	enum inro_err e;

	if (t && token_is_there(t)) {
		*ret = t;
		return INRO_OK;
	}
	e = check_slot(l, slot);
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

void lib_note_made(struct lib *l, CK_SLOT_ID slot)
{
	pthread_mutex_lock(&l->lock);
	if (l->shown_empty == slot)
		l->shown_empty = 0;
	l->made++;
	pthread_mutex_unlock(&l->lock);
}

/* INRO_E_NO_TOKEN also for a file without a token's row: a removal that was not brought to an end.
 */
static enum inro_err open_now(struct token *t)
{
	enum inro_err e = token_open(t);

	return e ? e : token_look(t, true);
}

static enum inro_err end_removal(struct token *t)
{
	if (token_in_use(t))
		return err_set(INRO_E_SESSION_EXISTS, "close the token's sessions first");
	token_close(t);
	atomic_store(&t->seen_at, 0);
	enum inro_err e = home_remove(t->home, t->slot);

	return e == INRO_E_NOT_FOUND ? INRO_OK : e;
}

static enum inro_err make_in_place(struct token *t, const struct token_spec *spec)
{
	CK_SLOT_ID slot = t->slot;
	enum inro_err e = end_removal(t);

	return e ? e : token_make(t->home, spec, &slot);
}

void lib_end_removals(struct lib *l, const struct home_slots *files)
{
	for (size_t i = 0; i < files->n; i++) {
		struct token *t;

		if (lib_token(l, lib_slot_of(l, files->ids[i]), &t))
			continue;
		token_lock(t);
		if (open_now(t) == INRO_E_NO_TOKEN && end_removal(t))
			log_debug("slot %lu keeps the file of a removed token", t->slot);
		token_unlock(t);
	}
}

/* Who has asked for the slot of that file before gets what is there now; what he has open since a
 * moment ago is closed, but not under his sessions.  Nobody holds the locks of two tokens. */
static void move_other(struct token *other, CK_SLOT_ID id)
{
	token_lock(other);
	token_move(other, id);
	token_unlock(other);
}

/* The slot's number for that of the file that was made for it.  Neither was exchanged before: what
 * was shown as empty and what was free a moment ago had no token yet.  *ret_other: who is to be
 * moved (move_other()), or NULL. */
static enum inro_err exchange(struct lib *l, struct token *t, CK_SLOT_ID file,
			      struct token **ret_other)
{
	enum inro_err e = INRO_OK;

	pthread_mutex_lock(&l->lock);
	struct slot_pair *more = realloc(l->exchanged, (l->n_exchanged + 1) * sizeof *l->exchanged);

	if (more) {
		l->exchanged = more;
		more[l->n_exchanged++] = (struct slot_pair) { .a = t->id, .b = file };
		*ret_other = map_get(&l->tokens, file);
	} else {
		e = err_set(INRO_E_NO_MEMORY, "no memory for a slot");
	}
	pthread_mutex_unlock(&l->lock);
	if (e)
		return e;
	token_close(t);
	atomic_store(&t->slot, file);
	atomic_store(&t->seen_at, 0);
	return INRO_OK;
}

/* Another program was faster: ours goes beside its own. */
static enum inro_err make_beside(struct lib *l, struct token *t, const struct token_spec *spec)
{
	struct token *other = NULL;
	CK_SLOT_ID file = 0;
	enum inro_err e;

	token_lock(t);
	if (token_in_use(t) || t->slot != t->id)
		e = err_set(INRO_E_SESSION_EXISTS, "close the sessions of slot %lu first", t->id);
	else
		e = token_make(l->home, spec, &file);
	if (!e)
		e = exchange(l, t, file, &other);
	token_unlock(t);
	if (other)
		move_other(other, t->id);
	return e;
}

enum inro_err lib_may_init_token(struct lib *l, CK_SLOT_ID slot)
{
	struct token *t;
	enum inro_err e = lib_token(l, slot, &t);

	if (!e && settings_get()->read_only)
		e = err_set(INRO_E_TOKEN_WRITE_PROTECTED, "the settings say read-only");
	if (e || meant_empty(l, slot))
		return e;
	token_lock(t);
	e = open_now(t);
	if (!e)
		e = token_may_reset(t);
	token_unlock(t);
	return e == INRO_E_NO_TOKEN ? INRO_OK : e;
}

/* *ret_row: of a token that is there; false when there was none, and this one is made. */
static enum inro_err begin_again(struct token *t, const struct token_spec *spec,
				 struct token_row *ret_row, bool *ret_there)
{
	enum inro_err e;

	token_lock(t);
	e = open_now(t);
	*ret_there = e != INRO_E_NO_TOKEN;
	if (!e)
		e = token_reset_begin(t, spec, ret_row);
	else if (e == INRO_E_NO_TOKEN)
		e = make_in_place(t, spec);
	token_unlock(t);
	return e;
}

static enum inro_err make_again(struct lib *l, struct token *t, const struct token_spec *spec)
{
	SCOPED(token_row) was = { 0 };
	SCOPED(token_row) row = { 0 };
	bool there = true;
	enum inro_err e = begin_again(t, spec, &was, &there);

	if (e || !there)
		return e;
	e = token_reset_prepare(l->home, spec, &was, &row);
	if (e)
		return e;
	token_lock(t);
	e = token_reset(t, &row);
	token_unlock(t);
	return e;
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
			e = make_beside(l, t, spec);
		lib_note_made(l, slot);
		return e;
	}
	return make_again(l, t, spec);
}

enum inro_err lib_enter_expired(CK_SESSION_HANDLE handle, struct entered *ret)
{
	enum inro_err e = lib_get(&ret->lib);

	return e ? e : session_enter(&ret->lib->sessions, handle, &ret->session);
}

enum inro_err lib_enter(CK_SESSION_HANDLE handle, struct entered *ret)
{
	enum inro_err e = lib_enter_expired(handle, ret);

	if (!e && atomic_load_explicit(&ret->session->token->pin_expired, memory_order_acquire))
		e = err_set(INRO_E_PIN_EXPIRED, "the PIN must be changed first (C_SetPIN)");
	return e;
}

void entered_clear(struct entered *e)
{
	if (e->session)
		session_leave(e->session);
	lib_leave(&e->lib);
	*e = (struct entered) { 0 };
}
