/*
 * embedded - libtpms as a link: one TPM a home, of which every process has a copy.
 *
 * 1. A turn is the lock on HOME/tpm/lock.  Nobody owns the TPM between turns; within one there is
 *    no second owner, in this process or another.
 * 2. The state on disk is the TPM.  A copy in memory that was made from another state is thrown
 *    away at the beginning of a turn and made anew, a new epoch; one that was made from this very
 *    state goes on, with its sessions and objects, whoever else had turns meanwhile.
 * 3. What a command changes in the permanent state, wanted (`durable`) or by the way (the count of
 *    a PIN index after a wrong PIN or a right one), is on disk before its response is given.  The
 *    clock alone changes nothing there, nor does TPM2_Startup.
 * 4. When the disk doesn't take it the command has failed and the copy in memory is thrown away:
 *    the memory is never ahead of the disk.
 * 5. One library, one TPM: a link whose turn comes after another's (another home in the same
 *    process) throws that one's copy away.
 * 6. What is in volatile memory only (PCRs, orderly NV indices, what lasts until a reset) is each
 *    process's own, and gone with its epoch, as after a loss of power.
 * 7. There is no TPM2_Shutdown at the end.  It would be a write and a sync, would make every other
 *    process begin a new epoch, and gain nothing: what we keep there takes no part in dictionary
 *    attack protection (noDA), so a loss of power counts against nothing.
 */
#include "tpm/link/embedded.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <time.h>

#include "tpm/link/embedded_chip.h"
#include "tpm/link/embedded_state.h"
#include "tpm/link/kinds.h"
#include "tpm/link/roll.h"

struct embedded {
	struct link base;
	struct state state;
	struct roll_entry listed;
};

int embedded_wait_ms = 60000;

#define FREE PTHREAD_ERRORCHECK_MUTEX_INITIALIZER_NP

static pthread_mutex_t turn = FREE;
static pthread_once_t once = PTHREAD_ONCE_INIT;
/* Under `turn`. */
static struct embedded *whose; /* whose TPM the chip is */
static struct embedded *turns; /* whose turn it is */

/* What is not of one link; the roll sees to the links. */
static void forget_in_child(void)
{
	chip_forget();
	turns = whose = NULL;
	turn = (pthread_mutex_t)FREE;
}

static void watch_fork(void)
{
	(void)pthread_atfork(NULL, NULL, forget_in_child);
}

/* The parent's locks stay its own, also those that it takes later: a copy of their descriptors
 * would keep them alive if the parent were killed in its turn. */
static void after_fork(void *of)
{
	struct embedded *x = of;

	state_drop_lock(&x->state);
}

static struct embedded *of_link(struct link *l)
{
	return (struct embedded *)(void *)l;
}

static enum inro_err make(struct bytes rest, const char *home, struct link **ret)
{
	struct embedded *x;
	enum inro_err e;

	if (rest.n)
		return err_set(INRO_E_CONFIG, "libtpms: nothing may stand behind the colon; the "
					      "state is in the folder tpm of INRO_HOME");
	x = calloc(1, sizeof *x);
	if (!x)
		return INRO_E_NO_MEMORY;
	e = state_init(home, &x->state);
	if (e) {
		free(x);
		return e;
	}
	link_init(&x->base, &link_embedded);
	(void)pthread_once(&once, watch_fork);
	x->listed = (struct roll_entry) { .of = x, .after_fork = after_fork };
	roll_add(&x->listed);
	*ret = &x->base;
	return INRO_OK;
}

static struct timespec in_ms(int ms)
{
	struct timespec t;

	clock_gettime(CLOCK_REALTIME, &t);
	t.tv_sec += ms / 1000;
	t.tv_nsec += ms % 1000 * 1000000L;
	if (t.tv_nsec >= 1000000000L)
		t = (struct timespec) { .tv_sec = t.tv_sec + 1, .tv_nsec = t.tv_nsec - 1000000000L };
	return t;
}

static enum inro_err enter(int wait_ms)
{
	struct timespec until;
	int err;

	if (pthread_mutex_trylock(&turn) == 0)
		return INRO_OK;
	until = in_ms(wait_ms);
	err = pthread_mutex_timedlock(&turn, &until);
	if (err == EDEADLK)
		return err_set(INRO_E_STATE, "there is one embedded TPM a process: the turn of one "
					     "home has to end before that of another begins");
	if (err)
		return err_set(INRO_E_BUSY,
			       "another thread has the embedded TPM and keeps it; try again");
	return INRO_OK;
}

/* Its address may come again, as another home. */
static void take_out(struct embedded *x)
{
	pthread_mutex_lock(&turn);
	if (whose == x) {
		chip_off();
		whose = NULL;
	}
	pthread_mutex_unlock(&turn);
}

static void give_away(struct link *l)
{
	struct embedded *x = of_link(l);

	roll_remove(&x->listed);
	if (link_is_ours(l))
		take_out(x);
	state_clear(&x->state);
	free(x);
}

static enum inro_err keep(struct embedded *x, struct buf *kept)
{
	enum inro_err e = kept->n ? state_write(&x->state, buf_bytes(kept)) : INRO_OK;

	if (e)
		chip_off();
	return e ? err_context(e, "the embedded TPM") : INRO_OK;
}

static enum inro_err power(const struct embedded *x, struct bytes saved, struct buf *ret_kept)
{
	enum inro_err e = chip_on(saved, ret_kept);

	return e ? err_context(e, "%s", x->state.dir) : INRO_OK;
}

static enum inro_err switch_on(struct embedded *x)
{
	SCOPED(buf) saved = { .secret = true };
	SCOPED(buf) kept = { .secret = true };
	enum inro_err e;

	chip_off();
	whose = NULL;
	atomic_fetch_add(&x->base.epoch, 1);
	e = state_read(&x->state, &saved);
	if (e == INRO_E_NOT_FOUND)
		e = INRO_OK; /* a new one is made */
	if (!e)
		e = power(x, buf_bytes(&saved), &kept);
	if (!e)
		e = keep(x, &kept);
	if (!e)
		whose = x;
	return e;
}

static bool is_current(const struct embedded *x)
{
	return whose == x && chip_is_on() && state_is_known(&x->state);
}

static void leave(struct embedded *x)
{
	state_unlock(&x->state);
	turns = NULL;
	pthread_mutex_unlock(&turn);
}

static enum inro_err begin(struct link *l)
{
	struct embedded *x = of_link(l);
	int wait_ms = l->haste_ms ? l->haste_ms : embedded_wait_ms;
	enum inro_err e = enter(wait_ms);

	if (e)
		return e;
	turns = x;
	e = state_lock(&x->state, wait_ms);
	if (!e && !is_current(x))
		e = switch_on(x);
	if (e)
		leave(x);
	return e;
}

static void end(struct link *l)
{
	leave(of_link(l));
}

static enum inro_err talk(struct link *l, struct bytes command, bool durable,
			  struct buf *ret_response)
{
	struct embedded *x = of_link(l);
	SCOPED(buf) kept = { .secret = true };
	enum inro_err e = chip_is_on() ? INRO_OK : switch_on(x);

	(void)durable; /* everything is */
	if (!e)
		e = chip_command(command, ret_response, &kept);
	if (!e)
		e = keep(x, &kept);
	if (e)
		buf_reset(ret_response);
	return e;
}

const struct link_kind link_embedded = {
	.scheme = "libtpms",
	.managed = true,
	.embedded = true,
	.make = make,
	.free = give_away,
	.begin = begin,
	.end = end,
	.talk = talk,
};
