/*
 * resident - which of many objects are in the few places of a TPM.
 *
 * 1. tpm->residents.in holds those that are in the TPM in the epoch residents.epoch, used last
 *    first; handle is 0 of all others.
 * 2. A resident that is freed goes to a stack that needs no lock; the next turn flushes what is on
 *    it. Until then it stays where it is.
 * 3. Whoever frees a resident may do it in a forked child: there only its memory is given up, what
 *    is in the TPM is the parent's.
 */
#include "tpm/talk/resident.h"

#include <stdlib.h>
#include <string.h>

#include "base/process.h"
#include "tpm/talk/talk_private.h"

struct resident {
	struct tpm *tpm; /* counted */
	struct blob blob;
	TPM2B_NAME name;
	uint32_t handle;
	unsigned loads;	       /* of the blob */
	struct buf context;    /* what ContextSave gave; empty: none yet */
	struct resident *next; /* on the stack of those freed */
};

static void destroy(struct resident *r)
{
	blob_clear(&r->blob);
	buf_clear(&r->context);
	free(r);
}

static enum inro_err name_of(const struct blob *b, TPM2B_NAME *ret)
{
	struct bytes in = buf_bytes(&b->pub);
	TPM2B_PUBLIC pub;
	enum inro_err e = wire_read_public(&in, &pub);

	if (!e)
		e = wire_end(in);
	return e ? e : crypt_name(&pub.publicArea, ret);
}

enum inro_err resident_new(struct tpm *t, struct blob *b, struct resident **ret)
{
	struct resident *r = calloc(1, sizeof *r);
	enum inro_err e;

	if (!r) {
		blob_clear(b);
		return err_set(INRO_E_NO_MEMORY, "no memory for a key of the TPM");
	}
	r->blob = *b;
	*b = (struct blob) { 0 };
	e = name_of(&r->blob, &r->name);
	if (e) {
		destroy(r);
		return e;
	}
	r->tpm = tpm_ref(t);
	*ret = r;
	return INRO_OK;
}

void resident_free(struct resident *r)
{
	struct tpm *t;
	struct residents *in;

	if (!r)
		return;
	t = r->tpm;
	in = &t->residents;
	if (t->pid != process_id()) {
		destroy(r);
	} else {
		r->next = atomic_load(&in->freed);
		while (!atomic_compare_exchange_weak(&in->freed, &r->next, r))
			;
	}
	tpm_unref(t);
}

const struct blob *resident_blob(const struct resident *r)
{
	return &r->blob;
}

struct bytes resident_name(const struct resident *r)
{
	return BYTES(r->name.name, r->name.size);
}

/* ---- who is in ---- */

static size_t place_of(const struct residents *in, const struct resident *r)
{
	size_t i = 0;

	while (i < in->n && in->in[i] != r)
		i++;
	return i;
}

static void move_out(struct residents *in, size_t i)
{
	in->in[i]->handle = 0;
	in->n--;
	memmove(&in->in[i], &in->in[i + 1], (in->n - i) * sizeof *in->in);
}

/* To the front, from wherever it was. */
static void move_in(struct residents *in, struct resident *r)
{
	size_t i = place_of(in, r);

	if (i == in->n)
		in->n++;
	memmove(&in->in[1], &in->in[0], i * sizeof *in->in);
	in->in[0] = r;
}

/* In another epoch all of them are outside, and there may be more room. */
static void follow_epoch(struct tpm *t)
{
	struct residents *in = &t->residents;

	if (in->epoch == tpm_epoch(t))
		return;
	while (in->n)
		move_out(in, in->n - 1);
	in->epoch = tpm_epoch(t);
	in->slots = RESIDENT_SLOTS;
}

/* Its context is saved when it leaves first; without one it is loaded from its blob. */
static void save_context(struct tpm *t, struct resident *r)
{
	if (r->context.n == 0 && cmd_context_save(t, r->handle, &r->context))
		buf_clear(&r->context);
}

/* The i-th leaves the TPM.  One that can't be flushed is not there any more. */
static void evict(struct tpm *t, size_t i, bool save)
{
	struct resident *r = t->residents.in[i];
	uint32_t handle = r->handle;

	if (save)
		save_context(t, r);
	follow_epoch(t);
	if (!r->handle)
		return;
	move_out(&t->residents, i);
	cmd_let_go(t, handle);
}

/* What was freed since the last turn goes. */
static void collect(struct tpm *t)
{
	struct residents *in = &t->residents;
	struct resident *r = atomic_exchange(&in->freed, NULL);

	while (r) {
		struct resident *next = r->next;
		size_t i = place_of(in, r);

		if (i < in->n)
			evict(t, i, false);
		destroy(r);
		r = next;
	}
}

/* Of all that may go the one whose use is the longest ago; false when none may. */
static bool evict_oldest(struct tpm *t, const struct resident *keep)
{
	struct residents *in = &t->residents;

	for (size_t i = in->n; i-- > 0;) {
		if (in->in[i] == keep)
			continue;
		evict(t, i, true);
		return true;
	}
	return false;
}

static bool is_crowded(const struct tpm *t, size_t more)
{
	return t->residents.n + root_takes_slot(t) + more > t->residents.slots;
}

void residents_room(struct tpm *t, size_t n, const struct resident *keep)
{
	follow_epoch(t);
	while (is_crowded(t, n) && evict_oldest(t, keep))
		;
}

/* A persistent root takes a place while a command names it. */
static size_t root_visits(const struct tpm *t)
{
	return !root_takes_slot(t);
}

static bool is_full(void)
{
	return rc_plain(tpm_last_rc()) == TPM2_RC_OBJECT_MEMORY;
}

/* The TPM has less room than was thought: somebody else's objects are in it. */
bool residents_shrink(struct tpm *t, const struct resident *keep)
{
	struct residents *in = &t->residents;

	if (!is_full() || !evict_oldest(t, keep))
		return false;
	in->slots -= in->slots > 1;
	return true;
}

/* ---- bringing in ---- */

static enum inro_err load_blob(struct tpm *t, struct resident *r, uint32_t *ret)
{
	const struct root *root;
	struct tpm_auth auth = { .by = BY_AUTH };
	enum inro_err e = root_get(t, &root);

	if (e)
		return e;
	residents_room(t, 1 + root_visits(t), r);
	auth.value = root->auth;
	e = cmd_load(t, &root->ref, &auth, &r->blob, ret);
	if (!e)
		r->loads++;
	return e;
}

/* A context of before a reset of the TPM does not load any more; the blob does. */
static enum inro_err load_context(struct tpm *t, struct resident *r, uint32_t *ret)
{
	enum inro_err e = cmd_context_load(t, buf_bytes(&r->context), ret);
	uint32_t rc = tpm_last_rc();

	if (e && rc != TPM2_RC_SUCCESS && rc_plain(rc) != TPM2_RC_OBJECT_MEMORY)
		buf_clear(&r->context);
	return e;
}

static enum inro_err load(struct tpm *t, struct resident *r, uint32_t *ret)
{
	enum inro_err e = INRO_OK;

	if (r->context.n)
		e = load_context(t, r, ret);
	if (r->context.n)
		return e;
	return load_blob(t, r, ret);
}

/* It is in the TPM in this epoch.  What is lost again and again, because processes take turns, is
 * worth a context. */
static void settle(struct tpm *t, struct resident *r, uint32_t handle)
{
	follow_epoch(t);
	r->handle = handle;
	move_in(&t->residents, r);
	if (r->loads > 1)
		save_context(t, r);
}

static enum inro_err bring_in(struct tpm *t, struct resident *r)
{
	uint32_t handle = 0;
	enum inro_err e;

	if (r->handle) {
		move_in(&t->residents, r);
		return INRO_OK;
	}
	residents_room(t, 1, r);
	e = load(t, r, &handle);
	while (e && residents_shrink(t, r))
		e = load(t, r, &handle);
	if (!e)
		settle(t, r, handle);
	return e;
}

/* Room for what the step will bring in; the storage root goes when nothing else can. */
static void room_for_step(struct tpm *t, size_t more, const struct resident *keep)
{
	if (!more)
		return;
	residents_room(t, more + root_visits(t), keep);
	if (is_crowded(t, more))
		root_let_go(t);
}

/* ---- turns ---- */

struct work {
	struct resident *r; /* may be NULL */
	unsigned more;
	resident_step step;
	enum inro_err (*plain)(struct tpm *t, void *arg);
	void *arg;
};

static enum inro_err do_step(struct tpm *t, const struct work *w)
{
	struct tpm_ref ref;

	if (!w->r)
		return w->plain(t, w->arg);
	if (!w->r->handle)
		return err_set(INRO_E_TOKEN, "the TPM lost a key while it was brought in");
	ref = (struct tpm_ref) { .handle = w->r->handle, .name = resident_name(w->r) };
	return w->step(t, &ref, w->arg);
}

static enum inro_err try_once(struct tpm *t, const struct work *w)
{
	enum inro_err e = INRO_OK;

	follow_epoch(t);
	collect(t);
	if (w->r)
		e = bring_in(t, w->r);
	if (e)
		return e;
	room_for_step(t, w->more, w->r);
	return do_step(t, w);
}

/* The step needed more room than it said: everything else leaves; whether there was anything. */
static bool clear_out(struct tpm *t, const struct work *w)
{
	bool any = false;

	if (!is_full())
		return false;
	while (evict_oldest(t, w->r))
		any = true;
	return any;
}

/* One turn; `again`: the same may go well in another. */
static enum inro_err turn(struct tpm *t, const struct work *w, bool *again)
{
	enum inro_err e = tpm_enter(t);
	uint64_t epoch;

	if (e)
		return e;
	epoch = tpm_epoch(t);
	e = try_once(t, w);
	if (e && *again)
		*again = tpm_epoch(t) != epoch || clear_out(t, w);
	tpm_leave(t);
	return e;
}

static enum inro_err twice(struct tpm *t, const struct work *w)
{
	bool again = true;
	enum inro_err e = turn(t, w, &again);

	return e && again ? turn(t, w, &again) : e;
}

enum inro_err resident_do(struct resident *r, unsigned more, resident_step step, void *arg)
{
	return twice(r->tpm, &(struct work) { .r = r, .more = more, .step = step, .arg = arg });
}

enum inro_err resident_turn(struct tpm *t, unsigned more,
			    enum inro_err (*step)(struct tpm *t, void *arg), void *arg)
{
	return twice(t, &(struct work) { .more = more, .plain = step, .arg = arg });
}

void resident_flush_all(struct tpm *t)
{
	follow_epoch(t);
	collect(t);
	while (t->residents.n)
		evict(t, t->residents.n - 1, false);
	root_let_go(t);
}

void residents_clear(struct residents *in)
{
	struct resident *r = atomic_exchange(&in->freed, NULL);

	while (r) {
		struct resident *next = r->next;

		destroy(r);
		r = next;
	}
}
