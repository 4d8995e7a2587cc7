/*
 * run - one command, from its parameters to its answer.
 *
 * 1. A command that is to be sent again (the TPM had no time, was not started, lost its memory, the
 *    connection broke) is made anew, with new nonces, unless the TPM itself asked for the same one.
 * 2. When the TPM's memory is gone, a new epoch begins, and the command is sent again only if it
 *    names nothing that was in it.
 * 3. t->out and t->in hold one command: whatever sends another (sessions, cleaning up) does so
 *    before the one is written or after the other was read.
 */
#include <errno.h>
#include <string.h>
#include <time.h>

#include "base/log.h"
#include "tpm/talk/resident.h"
#include "tpm/talk/run_private.h"

#define AGAIN_MS 10000 /* in all */
#define PAUSE_MS 500   /* at most, between two */
#define ATTEMPTS 3     /* of a command whose TPM lost its memory */
#define HEADER	 10

static _Thread_local uint32_t last_rc;

uint32_t tpm_last_rc(void)
{
	return last_rc;
}

void tpm_set_last_rc(uint32_t rc)
{
	last_rc = rc;
}

enum inro_err tpm_auth_err(enum inro_err e, const char *word)
{
	uint32_t rc = rc_plain(last_rc);

	if (e && (rc == TPM2_RC_BAD_AUTH || rc == TPM2_RC_AUTH_FAIL))
		return err_context(e, "%s is missing or not that of this TPM", word);
	return e;
}

/* ---- what was lost ---- */

static enum inro_err lost(struct tpm *t, const char *what)
{
	link_lost(t->link);
	t->epoch = atomic_load(&t->link->epoch);
	return err_set(INRO_E_IO, "the TPM lost what was in its memory: %s", what);
}

/* All that is known to be there goes first. */
static enum inro_err begin_anew(struct run *r, const char *why)
{
	uint32_t rc = r->rc;

	resident_flush_all(r->t);
	session_flush_all(r->t);
	last_rc = rc;
	return lost(r->t, why);
}

static enum inro_err doubt(struct run *r)
{
	r->t->doubted = true;
	return begin_anew(r, "a key in it is not the one that it should be");
}

/* Looked at when it is asked for next. */
static enum inro_err doubt_root(struct run *r)
{
	enum inro_err e = begin_anew(r, "the storage root is perhaps another");

	root_doubt(r->t);
	return e;
}

/* ---- to the TPM and back ---- */

static bool is_repeatable(const struct run *r)
{
	return r->row->flags & CMD_REPEATABLE && !run_is_pin_try(r);
}

/* The turn goes on with a new connection, if the command may be repeated. */
static enum inro_err reconnect(struct run *r, enum inro_err e)
{
	struct tpm *t = r->t;

	t->broken = true;
	if (t->link->haste_ms)
		return e;
	if (!is_repeatable(r))
		return err_context(e, "%s: whether it was done is not known", r->row->name);
	link_end(t->link);
	t->begun = false;
	e = link_begin(t->link, &t->epoch);
	t->begun = !e;
	t->broken = e != INRO_OK;
	if (e)
		return e;
	return err_set(INRO_E_IO, "the connection to the TPM was lost");
}

static enum inro_err exchange(struct run *r)
{
	struct tpm *t = r->t;
	enum inro_err e;

	buf_reset(&t->in);
	tpm_counted(t, r->c->cc);
	e = link_talk(t->link, buf_bytes(&t->out), r->row->flags & CMD_DURABLE || run_is_pin_try(r),
		      &t->in);
	return e == INRO_E_IO ? reconnect(r, e) : e;
}

static enum inro_err unreadable(const struct run *r)
{
	return err_set(INRO_E_TOKEN, "the TPM's answer to %s can't be read", r->row->name);
}

/* Of a response that tells an error the header is all. */
static enum inro_err read_header(struct run *r, struct bytes *in)
{
	uint16_t tag, want;
	uint32_t size;
	enum inro_err e = wire_read_u16(in, &tag);

	if (!e)
		e = read_u32(in, &size);
	if (!e)
		e = read_u32(in, &r->rc);
	if (e || size != r->t->in.n)
		return unreadable(r);
	want = r->rc || r->plan.n == 0 ? TPM2_ST_NO_SESSIONS : TPM2_ST_SESSIONS;
	/* A TPM in failure mode and one that is not a 2.0 have tags of their own. */
	if (tag != want && !r->rc)
		return unreadable(r);
	return r->rc && size != HEADER ? unreadable(r) : INRO_OK;
}

static void pause_ms(long ms)
{
	struct timespec left = { .tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000 };

	while (nanosleep(&left, &left) != 0 && errno == EINTR)
		;
}

/* The same bytes again while the TPM asks for that: it has changed nothing, nonces included. */
static enum inro_err talk(struct run *r, struct bytes *ret_rest)
{
	const int haste = r->t->link->haste_ms;
	const long most = haste ? haste : AGAIN_MS;
	enum inro_err e;

	for (long pause = 1, all = 0;; all += pause, pause *= 2) {
		e = exchange(r);
		*ret_rest = buf_bytes(&r->t->in);
		if (!e)
			e = read_header(r, ret_rest);
		if (e || !rc_is_again(r->rc) || all >= most)
			return e;
		pause = pause < PAUSE_MS ? pause : PAUSE_MS;
		pause_ms(pause);
	}
}

/* ---- the command ---- */

static void put_size(struct buf *b)
{
	for (size_t i = 0; !b->err && i < 4; i++)
		b->p[2 + i] = (uint8_t)(b->n >> (24 - 8 * i));
}

static enum inro_err check_size(const struct run *r)
{
	const struct buf *out = &r->t->out;

	if (out->n > LINK_BYTES)
		return err_set(INRO_E_TOO_BIG, "%s of %zu bytes is too long for a TPM",
			       r->row->name, out->n);
	return buf_err(out);
}

static enum inro_err build(struct run *r)
{
	struct buf *out = &r->t->out;
	size_t at;
	enum inro_err e;

	buf_reset(out);
	wire_add_u16(out, r->plan.n ? TPM2_ST_SESSIONS : TPM2_ST_NO_SESSIONS);
	buf_add_u32(out, 0);
	buf_add_u32(out, r->c->cc);
	for (size_t i = 0; i < r->row->handles; i++)
		buf_add_u32(out, r->c->handles[i].handle);
	e = area_begin(r->t, &r->plan);
	at = out->n;
	buf_add(out, r->c->params);
	put_size(out);
	if (!e)
		e = check_size(r);
	return e ? e : area_seal(r->t, &r->plan, r->c, at);
}

/* ---- the ledger of what is in the TPM ---- */

/* Its handle is the parameter. */
static uint32_t flushed(const struct run *r)
{
	struct bytes in = r->c->params;
	uint32_t handle;

	return read_u32(&in, &handle) ? 0 : handle;
}

static void note_ended(const struct run *r)
{
	if (r->row->flags & CMD_ENDS_FIRST)
		link_drop(r->t->link, r->c->handles[0].handle);
	if (r->row->flags & CMD_ENDS_PARAM)
		link_drop(r->t->link, flushed(r));
}

static enum inro_err note_begin(const struct run *r)
{
	return r->row->flags & CMD_MAKES ? link_will_hold(r->t->link) : INRO_OK;
}

static void note_made(const struct run *r)
{
	if (r->row->flags & CMD_MAKES)
		link_hold(r->t->link, r->rc ? 0 : r->handle);
}

/* ---- the answer ---- */

/* What is made can only be something that can be flushed. */
static enum inro_err take_handle(struct run *r, struct bytes *in)
{
	uint32_t handle;
	enum inro_err e = read_u32(in, &handle);

	if (e || (r->row->flags & CMD_MAKES && !run_is_volatile(handle)))
		return unreadable(r);
	r->handle = handle;
	return INRO_OK;
}

/* Parameters, then the area when there are sessions. */
static enum inro_err take_params(struct run *r, struct bytes in)
{
	uint32_t n = (uint32_t)in.n;
	enum inro_err e = r->plan.n ? read_u32(&in, &n) : INRO_OK;

	if (!e)
		e = read_bytes(&in, n, &r->params);
	r->area = in;
	return e ? unreadable(r) : e;
}

static enum inro_err split(struct run *r, struct bytes in)
{
	enum inro_err e = INRO_OK;

	if (r->row->flags & CMD_HANDLE_OUT)
		e = take_handle(r, &in);
	return e ? e : take_params(r, in);
}

static enum inro_err give_params(struct run *r, struct buf *ret)
{
	bool secret = r->c->secret_out;
	enum inro_err e;

	if (secret && !ret->secret)
		buf_clear(ret);
	ret->secret = ret->secret || secret;
	buf_reset(ret);
	buf_add(ret, r->params);
	e = buf_err(ret);
	if (!e)
		e = area_open(&r->plan, ret);
	return e == INRO_E_SYNTAX ? unreadable(r) : e;
}

/* What the TPM did, though its answer is no good, is undone.  When it can't be known what it made,
 * the ledger goes on saying that there is something. */
static enum inro_err distrust(struct run *r, enum inro_err e)
{
	if (r->row->flags & CMD_MAKES && r->handle) {
		note_made(r);
		cmd_let_go(r->t, r->handle);
	}
	if (r->row->flags & CMD_MAKES)
		link_hold(r->t->link, 0); /* it need not be that handle */
	area_failed(r->t, &r->plan, true);
	return e;
}

static enum inro_err take(struct run *r, struct bytes in, struct buf *ret)
{
	enum inro_err e = split(r, in);

	if (!e)
		e = area_check(&r->plan, r->c->cc, r->params, r->area);
	if (!e && ret)
		e = give_params(r, ret);
	if (e)
		return distrust(r, e);
	note_made(r);
	note_ended(r);
	area_done(r->t, &r->plan);
	if (r->row->auths && run_could_be_another(r, 0))
		r->t->doubted = false;
	return INRO_OK;
}

/* ---- what the TPM refused ---- */

/* One that counts against the whole TPM's dictionary is not tried again by this process. */
static enum inro_err tell_refusal(struct run *r)
{
	enum inro_err e = rc_set(r->rc, r->row->name);

	if (!run_root_is_refused(r))
		return e;
	if (rc_plain(r->rc) == TPM2_RC_AUTH_FAIL)
		root_refuse(r->t);
	return tpm_auth_err(e, "root-auth");
}

static enum inro_err refused(struct run *r)
{
	struct tpm *t = r->t;

	note_made(r);
	if (r->row->flags & CMD_ENDS_PARAM && rc_plain(r->rc) == TPM2_RC_HANDLE)
		note_ended(r);
	area_failed(t, &r->plan, false);
	if (r->stale || (run_is_unauthorised(r) && !t->main.proven))
		session_flush(t, &t->main);
	if (r->stale || run_is_unauthorised(r))
		link_hold(t->link, 0); /* what was refused may be what the ledger does not know */
	last_rc = r->rc;
	if (run_is_doubtful(r))
		t->doubted = false;
	return tell_refusal(r);
}

static enum inro_err start_up(struct tpm *t)
{
	enum inro_err e = cmd_startup(t);

	return e ? err_context(e, "the TPM was not started") : lost(t, "it was reset");
}

static enum inro_err answer_error(struct run *r)
{
	struct tpm *t = r->t;

	last_rc = r->rc;
	log_debug("%s: 0x%03x", r->row->name, r->rc);
	if (r->rc == TPM2_RC_INITIALIZE && r->c->cc != TPM2_CC_Startup)
		return start_up(t);
	if (run_is_gone(r))
		return lost(t, "an object or a session is not there any more");
	if (run_root_is_doubtful(r))
		return doubt_root(r);
	if (run_handle_is_odd(r))
		return begin_anew(r, "a handle that it gave is none");
	r->stale = run_is_stale(r);
	if (!r->stale && run_is_doubtful(r) && !t->doubted)
		return doubt(r);
	return refused(r);
}

/* ---- all of it ---- */

static enum inro_err send(struct run *r, struct buf *ret)
{
	struct bytes rest;
	enum inro_err e = build(r);

	if (!e)
		e = note_begin(r);
	if (e) {
		area_failed(r->t, &r->plan, false);
		return e;
	}
	e = talk(r, &rest);
	if (e == INRO_E_TOKEN)
		return distrust(r, e);
	if (e)
		return e;
	return r->rc ? answer_error(r) : take(r, rest, ret);
}

static enum inro_err plan(struct run *r)
{
	return area_make(r->t, r->c, r->row, &r->plan);
}

static bool is_unproven(const struct run *r)
{
	return r->t->how == TPM_BY_HMAC && run_is_pin_try(r) && !r->t->main.proven;
}

/* Before it costs a try of a PIN, the session is tried by what costs nothing, and made anew when it
 * does not work. */
static enum inro_err prove(struct run *r)
{
	uint8_t some[16];
	enum inro_err e = cmd_random(r->t, some, sizeof some);

	if (e && tpm_last_rc())
		e = cmd_random(r->t, some, sizeof some);
	if (e && tpm_last_rc())
		e = err_set(INRO_E_TOKEN, "no session with the TPM works: is there something "
					  "between here and it?");
	tpm_set_last_rc(0);
	return e ? e : plan(r);
}

static enum inro_err attempt(struct run *r, struct buf *ret)
{
	enum inro_err e;

	if (r->t->broken)
		return err_set(INRO_E_IO, "the connection to the TPM was lost");
	r->stale = false;
	r->handle = r->rc = last_rc = 0;
	e = plan(r);
	if (!e && is_unproven(r))
		e = prove(r);
	return e ? e : send(r, ret);
}

static enum inro_err once(struct run *r, struct buf *ret)
{
	enum inro_err e = attempt(r, ret);

	return e && r->stale ? attempt(r, ret) : e;
}

/* Sent again when the TPM's memory was lost, unless it names what was there. */
static enum inro_err repeat(struct run *r, struct buf *ret)
{
	struct tpm *t = r->t;
	enum inro_err e = INRO_E_IO;

	for (int i = 0; e == INRO_E_IO && i < ATTEMPTS; i++) {
		uint64_t epoch = t->epoch;

		e = once(r, ret);
		if (e != INRO_E_IO || t->epoch == epoch || run_names_volatile(r))
			return e;
		if (r->row->flags & CMD_ENDS_PARAM)
			return INRO_OK; /* it went with the memory */
	}
	return e;
}

enum inro_err tpm_run(struct tpm *t, const struct tpm_command *c, uint32_t *ret_handle,
		      struct buf *ret_params)
{
	struct run r = { .t = t, .c = c, .row = command_row(c->cc) };
	enum inro_err e;

	last_rc = 0;
	if (!r.row)
		return err_set(INRO_E_ARG, "command 0x%x is not used here", c->cc);
	e = repeat(&r, ret_params);
	buf_reset(&t->out);
	buf_reset(&t->in);
	if (!e && ret_handle)
		*ret_handle = r.handle;
	return e;
}
