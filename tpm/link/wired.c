/* wired - turns, connections and their ends. */
#include "tpm/link/wired.h"

#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"

#define TURN_MS	   60000
#define COMMAND_MS 300000 /* an RSA key may take a small TPM minutes */
#define PARTING_MS 2000
#define PUT_OFF_MS 1000 /* at parting: how long a TPM that wants to be asked again is */
#define HURRIED	   6 /* times as long as for a turn: what a command takes */

static struct wired *wired_of(struct link *l)
{
	return (struct wired *)l;
}

static enum inro_err gone(const struct wired *w, const char *how)
{
	return err_set(INRO_E_IO, "%s: %s", w->tcti, how);
}

/* The connection's end as it is; what we hold stays listed. */
static void cut(struct wired *w)
{
	if (w->connected)
		w->plug->close(w);
	w->connected = false;
}

static enum inro_err exchange(struct wired *w, struct bytes command, struct buf *ret)
{
	enum inro_err e = w->plug->send(w, command);

	buf_reset(ret);
	e = e ? e : w->plug->receive(w, ret);
	return e ? e : link_check_response(buf_bytes(ret));
}

static enum inro_err exchange_raw(void *of, struct bytes command, struct buf *ret)
{
	struct wired *w = of;
	enum inro_err e = w->connected ? exchange(w, command, ret) : gone(w, "not connected");

	if (e)
		cut(w);
	return e;
}

static struct raw raw_of(struct wired *w, int patience_ms)
{
	w->patience_ms = patience_ms;
	return (struct raw) { .talk = exchange_raw, .of = w };
}

/* Of the one whose turn it is. */
static struct raw raw_now(struct wired *w, int patience_ms)
{
	struct raw tpm = raw_of(w, patience_ms);

	tpm.haste_ms = w->link.haste_ms;
	return tpm;
}

/* The connection's end in peace; only between turns or at the end of one. */
static void let_go(struct wired *w)
{
	bool turn = w->ledger && (w->in_turn || ledger_try(w->ledger));
	struct raw tpm = raw_of(w, PARTING_MS);
	SCOPED(err_kept) kept = err_keep();

	tpm.haste_ms = PUT_OFF_MS;
	if (turn && ledger_is_ours(w->ledger) && held_flush(ledger_held(w->ledger), &tpm))
		err_reset(); /* what could not be flushed stays listed */
	cut(w);
	if (turn)
		ledger_given(w->ledger);
	if (turn && !w->in_turn)
		ledger_leave(w->ledger);
}

/* How long a command may take. */
static int patience(const struct wired *w)
{
	return w->link.haste_ms ? HURRIED * w->link.haste_ms : COMMAND_MS;
}

static bool gives_way(const struct wired *w)
{
	return w->ledger && ledger_gives_way(w->ledger);
}

/* The janitor's work. */
static long tidy(void *of)
{
	struct wired *w = of;
	long left = (long)(w->last_used + atomic_load(&link_idle_ms) - clock_monotonic_ms());

	if (w->in_turn)
		return (long)atomic_load(&link_idle_ms) + 1;
	if (w->connected && (left <= 0 || gives_way(w)))
		let_go(w);
	return left > 0 ? left : 0;
}

static enum inro_err name_ledger(struct wired *w)
{
	AUTO(free_chars) char *path = NULL;
	struct ledger *ledger = NULL;
	enum inro_err e = link_file(w->home, bytes_of(w->tcti), ".turn", &path);

	if (!e)
		e = ledger_open(path, &ledger);
	if (e)
		return e;
	janitor_watch(&w->janitor, ledger_word(ledger));
	w->ledger = ledger;
	return INRO_OK;
}

static enum inro_err take_turn(struct wired *w, int64_t deadline)
{
	enum inro_err e = w->ledger ? INRO_OK : name_ledger(w);

	if (e)
		return e;
	if (!w->connected)
		ledger_yield(w->ledger);
	if (ledger_try(w->ledger))
		return INRO_OK;
	cut(w); /* who has the turn waits for this */
	return ledger_wait(w->ledger, deadline);
}

static enum inro_err open_until(struct wired *w, int64_t deadline)
{
	static const struct timespec pause = { .tv_nsec = 5000000 };
	enum inro_err e = w->plug->open(w);

	while (e == INRO_E_BUSY && clock_monotonic_ms() < deadline) {
		nanosleep(&pause, NULL);
		ledger_ask(w->ledger);
		e = w->plug->open(w);
	}
	return e;
}

static enum inro_err open_bare(struct wired *w, int64_t deadline)
{
	struct raw tpm;
	enum inro_err e;

	ledger_ask(w->ledger);
	e = open_until(w, deadline);
	w->connected = e == INRO_OK;
	if (!e) {
		int64_t left = deadline - clock_monotonic_ms();

		tpm = raw_now(w, w->link.haste_ms ? patience(w) : left > 0 ? (int)left : 0);
		e = held_attach(ledger_held(w->ledger), &tpm);
	}
	if (!e)
		ledger_taken(w->ledger);
	return e;
}

static enum inro_err open_managed(struct wired *w)
{
	enum inro_err e = w->plug->open(w);

	w->connected = e == INRO_OK;
	return e;
}

static enum inro_err connect_anew(struct wired *w, int64_t deadline)
{
	enum inro_err e = w->ledger ? open_bare(w, deadline) : open_managed(w);

	if (e == INRO_E_BUSY)
		e = err_set(INRO_E_BUSY, "%s: another program has the TPM and keeps it: try again",
			    w->tcti);
	if (e)
		cut(w);
	atomic_fetch_add(&w->link.epoch, 1);
	return e;
}

/* Nothing may come in while nothing was asked. */
static bool is_stale(const struct wired *w)
{
	struct pollfd p = { .fd = w->fd, .events = POLLIN | POLLRDHUP };

	return poll(&p, 1, 0) > 0;
}

static enum inro_err start_turn(struct wired *w)
{
	int64_t deadline = clock_monotonic_ms() + (w->link.haste_ms ? w->link.haste_ms : TURN_MS);
	enum inro_err e = w->link.kind->managed ? INRO_OK : take_turn(w, deadline);

	if (e)
		return e;
	if (w->connected && w->plug->can_hang_up && is_stale(w))
		cut(w);
	if (!w->connected)
		e = connect_anew(w, deadline);
	if (e && w->ledger)
		ledger_leave(w->ledger);
	return e;
}

static void set_in_turn(struct wired *w, bool is)
{
	janitor_lock(&w->janitor);
	w->in_turn = is;
	janitor_unlock(&w->janitor);
}

enum inro_err wired_begin(struct link *l)
{
	struct wired *w = wired_of(l);
	enum inro_err e;

	set_in_turn(w, true);
	e = start_turn(w);
	if (e)
		set_in_turn(w, false);
	return e;
}

void wired_end(struct link *l)
{
	struct wired *w = wired_of(l);

	janitor_lock(&w->janitor);
	w->last_used = clock_monotonic_ms();
	if (w->connected &&
	    (gives_way(w) || atomic_load(&link_no_threads) || !janitor_call(&w->janitor)))
		let_go(w);
	/* before the janitor may come in, who takes the same lock for his own turn */
	if (w->ledger)
		ledger_leave(w->ledger);
	w->in_turn = false;
	janitor_unlock(&w->janitor);
}

static enum inro_err within_turn(const struct wired *w, enum inro_err e)
{
	if (e != INRO_E_BUSY)
		return e;
	return gone(w, w->link.haste_ms ? "no answer to a command in time"
					: "no answer to a command within five minutes");
}

enum inro_err wired_talk(struct link *l, struct bytes command, bool durable,
			 struct buf *ret_response)
{
	struct wired *w = wired_of(l);
	struct raw tpm = raw_now(w, patience(w));

	(void)durable; /* a TPM of its own sees to that */
	return within_turn(w, tpm.talk(tpm.of, command, ret_response));
}

void wired_lost(struct link *l)
{
	struct wired *w = wired_of(l);
	struct raw tpm = raw_now(w, patience(w));
	SCOPED(err_kept) kept = err_keep(); /* the next command says what fails here */

	if (!w->ledger)
		return;
	held_doubt(ledger_held(w->ledger));
	if (held_attach(ledger_held(w->ledger), &tpm))
		err_reset();
}

enum inro_err wired_will_hold(struct link *l)
{
	struct wired *w = wired_of(l);
	struct raw tpm = raw_now(w, patience(w));

	if (!w->ledger)
		return INRO_OK;
	return within_turn(w, held_will_add(ledger_held(w->ledger), &tpm));
}

void wired_hold(struct link *l, uint32_t handle)
{
	if (wired_of(l)->ledger)
		held_add(ledger_held(wired_of(l)->ledger), handle);
}

void wired_drop(struct link *l, uint32_t handle)
{
	if (wired_of(l)->ledger)
		held_drop(ledger_held(wired_of(l)->ledger), handle);
}

static void free_memory(struct wired *w)
{
	ledger_close(w->ledger);
	if (w->plug->clear)
		w->plug->clear(w);
	free(w->home);
	free(w->tcti);
	free(w);
}

static enum inro_err fill(struct wired *w, struct bytes rest, const char *home)
{
	SCOPED(buf) tcti = { 0 };

	buf_addf(&tcti, "%s:", w->link.kind->scheme);
	buf_add(&tcti, rest);
	if (memchr(tcti.p, '\0', tcti.n))
		return err_set(INRO_E_CONFIG, "the words for a TPM must be text");
	w->tcti = buf_take_str(&tcti);
	w->home = strdup(home);
	return w->tcti && w->home ? w->plug->parse(w, rest) : INRO_E_NO_MEMORY;
}

/* Ends the thread and, unless a turn is under way, leaves a TPM without a resource manager. */
static void part(void *of)
{
	struct wired *w = of;

	if (!link_is_ours(&w->link))
		return;
	janitor_end(&w->janitor);
	if (w->ledger && w->connected && !w->in_turn)
		let_go(w);
}

/* Otherwise the TPM would find the connection open as long as any child lives, and the turn of a
 * parent that is killed would not end. */
static void after_fork(void *of)
{
	struct wired *w = of;

	wired_close_fd(w);
	if (w->ledger)
		ledger_close_fd(w->ledger);
}

enum inro_err wired_make(const struct link_kind *kind, const struct plug *plug, struct bytes rest,
			 const char *home, struct link **ret)
{
	struct wired *w = calloc(1, plug->size);
	enum inro_err e;

	if (!w)
		return INRO_E_NO_MEMORY;
	link_init(&w->link, kind);
	w->plug = plug;
	atomic_init(&w->fd, -1);
	janitor_init(&w->janitor, tidy, w);
	e = fill(w, rest, home);
	if (e) {
		free_memory(w);
		return e;
	}
	w->listed = (struct roll_entry) { .of = w, .after_fork = after_fork, .part = part };
	roll_add(&w->listed);
	*ret = &w->link;
	return INRO_OK;
}

void wired_free(struct link *l)
{
	struct wired *w = wired_of(l);

	roll_remove(&w->listed);
	part(w);
	if (link_is_ours(l))
		cut(w);
	free_memory(w);
}
