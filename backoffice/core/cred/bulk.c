/*
 * bulk - see bulk.h.
 *
 * 1. Requests are read and verified by threads of their own (base/ahead.h) while the caller's decides
 *    about those before them and has them signed: what such a thread changes is its struct work's,
 *    and what it reads of the desk beside that nobody changes.
 * 2. Those of the next lot are while this one is recorded and handed out.
 */
#include "backoffice/core/cred/bulk_batch.h"

#include <stdlib.h>
#include <string.h>

#include "backoffice/core/approval.h"
#include "backoffice/core/attested.h"
#include "backoffice/core/authority.h"
#include "backoffice/core/view.h"
#include "base/clock.h"

#define DECIDED_AT_ONCE 64
#define LOT_TRIES	5 /* for a database that goes away in the midst of what is read together */
#define ID_DOMAIN "inro-request-1"
#define ID_ROOM	  256 /* what there mostly is beside the request */

static void batch_clear(struct batch *b)
{
	ahead_clear(&b->ahead);
	for (size_t i = 0; i < b->n; i++) {
		verdict_clear(&b->works[i].read);
		verdict_clear(&b->works[i].verified);
		making_clear(&b->works[i].j);
		credential_clear(&b->works[i].in.rec);
	}
	free(b->works);
	b->works = NULL;
	b->n = 0;
}

static void batch_free(struct batch **b)
{
	if (*b)
		batch_clear(*b);
	free(*b);
	*b = NULL;
}

void bulk_row_clear(struct bulk_row *r)
{
	credential_clear(&r->rec);
	free(r->why);
	*r = (struct bulk_row) { 0 };
}

void cred_bulk_close(struct cred_bulk *b)
{
	if (!b)
		return;
	batch_free(&b->next);
	issue_desk_clear(&b->desk);
	ca_clear(&b->ca);
	free(b->ca_name);
	free(b->profile);
	free(b);
}

void cred_bulk_close_ptr(struct cred_bulk **b)
{
	cred_bulk_close(*b);
}

static enum inro_err open_desk(struct cred_bulk *b, const struct bulk_order *o)
{
	const struct cred_request request = { .ca = o->ca, .profile = o->profile, .days = o->days };
	const struct issuing in = { .request = &request, .ca = &b->ca };
	enum inro_err e = core_require(b->c, ROLE_OPERATOR, "issue a certificate");

	b->days = o->days;
	b->goes_on = o->goes_on;
	b->arg = o->arg;
	if (e == INRO_OK)
		e = ca_load(b->c, o->ca, &b->ca);
	if (e == INRO_OK)
		e = text_set(&b->ca_name, o->ca);
	if (e == INRO_OK)
		e = desk_open(b->c, &in, &b->desk);
	/* What the profile says holds for each of them, before the CA's PIN is asked for. */
	if (e == INRO_OK)
		e = attested_refuse(&b->desk.profile);
	if (e == INRO_OK && b->desk.profile.approve)
		e = approval_refuse(b->c, &b->desk, 0);
	if (e == INRO_OK)
		e = text_set(&b->profile, o->profile);
	b->desk.verify_each = BULK_VERIFY_EACH;
	return e == INRO_OK ? desk_unlock(b->c, &in, &b->desk) : e;
}

enum inro_err cred_bulk_open(struct core *c, const struct bulk_order *o, struct cred_bulk **ret)
{
	AUTO(cred_bulk_close_ptr) struct cred_bulk *b = calloc(1, sizeof *b);
	enum inro_err e;

	if (!b)
		return err_set(INRO_E_NO_MEMORY, "no memory to issue certificates");
	b->c = c;
	e = open_desk(b, o);
	if (e != INRO_OK)
		return audit_refused(c, "certificate.issue", "ca", o->ca, e);
	*ret = b;
	b = NULL;
	return INRO_OK;
}

/* ---- a row by itself ---- */

void bulk_row_refused(struct bulk_row *row, enum inro_err e)
{
	row->error = e;
	free(row->why);
	row->why = strdup(err_detail(e));
}

static enum inro_err request_id(const struct cred_bulk *b, struct work *w)
{
	SCOPED(buf) all = { 0 };
	SCOPED(buf) hex = { 0 };
	uint8_t hash[PKI_DIGEST_MAX];
	enum inro_err e;

	buf_reserve(&all, w->j.csr.der.n + ID_ROOM);
	buf_add_field(&all, bytes_of(ID_DOMAIN));
	buf_add_field(&all, bytes_of(b->ca_name));
	buf_add_field(&all, bytes_of(b->profile));
	buf_add_field(&all, bytes_of(w->row->device));
	buf_add_field(&all, buf_bytes(&w->j.csr.der));
	e = buf_err(&all);
	if (e == INRO_OK)
		e = pki_digest(PKI_SHA256, buf_bytes(&all), hash);
	buf_add_hex(&hex, BYTES(hash, BULK_ID_CHARS / 2));
	buf_add_u8(&hex, 0);
	if (e == INRO_OK)
		e = buf_err(&hex);
	if (e == INRO_OK)
		memcpy(w->id, hex.p, sizeof w->id);
	return e;
}

enum inro_err bulk_give_again(struct work *w)
{
	enum cred_state state = cred_shown_state(&w->in.rec, clock_now());

	if (state != CRED_ACTIVE)
		return err_set(INRO_E_STATE,
			       "its certificate was issued before and is %s; make a new request",
			       cred_state_names[state]);
	w->row->again = true;
	w->row->rec = w->in.rec;
	w->in.rec = (struct credential) { 0 };
	return INRO_OK;
}

/* ---- the request alone, in any thread ---- */

static void verify(struct work *w)
{
	verdict_keep(&w->verified, making_verify(&w->j));
	w->was_verified = true;
}

static void read_one(void *arg, size_t item)
{
	struct batch *b = arg;
	struct work *w = &b->works[item];
	enum inro_err e = making_parse(&w->j);

	if (e == INRO_OK)
		e = request_id(b->bulk, w);
	if (verdict_keep(&w->read, e) == INRO_OK && b->all_new)
		verify(w);
}

/* ---- and with all others ---- */

enum inro_err bulk_look_up(struct core *c, struct work *w)
{
	enum inro_err e = making_again(c, &w->j);

	if (e == INRO_E_NOT_FOUND)
		return INRO_OK;
	return e == INRO_OK ? bulk_give_again(w) : e;
}

/* Everything before the CA's key is used.  `look`: it may have been issued before. */
static enum inro_err prepare(struct cred_bulk *b, struct work *w, bool look)
{
	enum inro_err e = verdict_say(&w->read);

	if (e == INRO_OK)
		e = making_device(b->c, &w->j);
	if (e == INRO_OK && look)
		e = bulk_look_up(b->c, w);
	if (e != INRO_OK || w->row->again)
		return e;
	if (!w->was_verified)
		verify(w);
	e = verdict_say(&w->verified);
	if (e == INRO_OK)
		e = making_admit(&w->j);
	if (e == INRO_OK)
		e = approval_refuse(b->c, &b->desk, w->j.device.grp);
	if (e == INRO_OK)
		e = making_plan(b->c, &w->j);
	w->made = e == INRO_OK;
	return e;
}

static void work_open(struct cred_bulk *b, struct bulk_row *row, struct work *w)
{
	w->row = row;
	w->request = (struct cred_request) { .csr = row->csr,
					     .ca = b->ca_name,
					     .profile = b->profile,
					     .device = row->device,
					     .days = b->days,
					     .request_id = w->id };
	w->in = (struct issuing) { .request = &w->request, .ca = &b->ca };
	w->j.in = &w->in;
	w->j.desk = &b->desk;
}

static const struct work **place_of_key(struct batch *batch, struct bytes key)
{
	size_t at;

	memcpy(&at, key.p, sizeof at);
	while (batch->keys[at % KEY_PLACES] &&
	       !bytes_equal(making_key(&batch->keys[at % KEY_PLACES]->j), key))
		at++;
	return &batch->keys[at % KEY_PLACES];
}

/* The record can't tell yet what is new in this batch itself.  Requests that have one key are all
 * of one device, or of none: the first that has a device stands for them. */
static bool shares_key(struct batch *batch, const struct work *w)
{
	const struct work **place = place_of_key(batch, making_key(&w->j));
	const struct work *first = *place;

	if (first && making_in_the_way(&first->j, &w->j))
		return true;
	if (!first || !first->j.device.id)
		*place = w;
	return false;
}

static enum inro_err prepare_one(struct batch *batch, struct work *w, bool look)
{
	enum inro_err e = prepare(batch->bulk, w, look);

	if (e != INRO_OK || !w->made || !shares_key(batch, w))
		return e;
	w->made = false;
	return err_set(INRO_E_POLICY, "another request of this run has the same key");
}

/* A refusal is the row's; anything else ends the batch. */
static enum inro_err decide(struct batch *batch, size_t i)
{
	struct work *w = &batch->works[i];
	/* A run that was cut short leaves off somewhere: what follows a new one is likely new, and
	 * what is not is found out when it is recorded. */
	bool look = i == 0 || batch->works[i - 1].row->again;
	enum inro_err e;

	e = prepare_one(batch, w, look);
	if (e != INRO_OK && !core_is_rows_fault(e))
		return e;
	if (e != INRO_OK)
		bulk_row_refused(w->row, e);
	return INRO_OK;
}

/* What was issued before needs no verification; what follows a new one does, most likely. */
static void look_ahead(struct batch *batch, size_t i)
{
	if (batch->all_new || batch->works[i].row->again)
		return;
	batch->all_new = true;
	if (i + 1 < batch->n)
		ahead_run(&batch->ahead);
}

static enum inro_err go_on(struct cred_bulk *b)
{
	enum inro_err e = b->goes_on ? b->goes_on(b->arg) : INRO_OK;

	b->left = e != INRO_OK;
	return e;
}

/* Those that could be read at all. */
static enum inro_err foresee(struct batch *batch, size_t from, size_t to)
{
	const struct making *js[DECIDED_AT_ONCE];
	size_t n = 0;

	for (size_t i = from; i < to; i++)
		if (batch->works[i].read.e == INRO_OK)
			js[n++] = &batch->works[i].j;
	return making_foresee(batch->bulk->c, js, n, false);
}

/* What is read for some rows goes into one transaction, which waits for no verification of theirs. */
static enum inro_err decide_some(struct batch *batch, size_t from, size_t to)
{
	SCOPED(core_view) view = { 0 };
	enum inro_err e;

	for (size_t i = from; i < to; i++)
		ahead_wait(&batch->ahead, i);
	e = core_view(batch->bulk->c, &view);
	if (e == INRO_OK)
		e = foresee(batch, from, to);
	for (size_t i = from; e == INRO_OK && i < to; i++) {
		e = decide(batch, i);
		if (e == INRO_OK)
			look_ahead(batch, i);
	}
	return e;
}

static enum inro_err sign_one(struct batch *batch, size_t i)
{
	enum inro_err e = go_on(batch->bulk);

	return e == INRO_OK && batch->works[i].made
		       ? making_sign(batch->bulk->c, &batch->works[i].j)
		       : e;
}

static enum inro_err make_some(struct batch *batch, size_t from, size_t to)
{
	enum inro_err e = decide_some(batch, from, to);

	for (size_t i = from; e == INRO_OK && i < to; i++)
		e = sign_one(batch, i);
	return e;
}

/* One by one up to the first that is new: what is behind it is verified by others then. */
static enum inro_err make_all(struct batch *batch)
{
	enum inro_err e = desk_read_cas(batch->bulk->c, &batch->bulk->desk);

	for (size_t i = 0, to; e == INRO_OK && i < batch->n; i = to) {
		to = i + (batch->all_new ? DECIDED_AT_ONCE : 1);
		to = to < batch->n ? to : batch->n;
		e = make_some(batch, i, to);
	}
	return e;
}

/* ---- a lot ---- */

static void hand_out(struct batch *b)
{
	for (size_t i = 0; i < b->n; i++) {
		struct work *w = &b->works[i];

		if (!w->made)
			continue;
		w->row->rec = w->in.rec;
		w->in.rec = (struct credential) { 0 };
	}
}

/* As it was given. */
static void row_anew(struct bulk_row *row)
{
	credential_clear(&row->rec);
	free(row->why);
	row->why = NULL;
	row->error = INRO_OK;
	row->again = false;
}

static enum inro_err batch_begin(struct batch *b, struct bulk_row *rows, size_t n)
{
	struct cred_bulk *bulk = b->bulk;

	batch_clear(b);
	*b = (struct batch) { .bulk = bulk, .works = calloc(n ? n : 1, sizeof *b->works) };
	if (!b->works)
		return err_set(INRO_E_NO_MEMORY, "no memory for %zu requests", n);
	b->n = n;
	for (size_t i = 0; i < n; i++)
		work_open(bulk, &rows[i], &b->works[i]);
	ahead_begin(&b->ahead, read_one, b, n);
	return INRO_OK;
}

/* Nothing is recorded yet: who was disturbed in reading begins the lot anew. */
static enum inro_err make_lot(struct batch *b, struct bulk_row *rows, size_t n)
{
	enum inro_err e = INRO_E_BUSY;

	for (int tries = 0; e == INRO_E_BUSY && !b->bulk->left && tries < LOT_TRIES; tries++) {
		for (size_t i = 0; tries && i < n; i++)
			row_anew(&rows[i]);
		e = tries || !b->works ? batch_begin(b, rows, n) : INRO_OK;
		if (e == INRO_OK)
			e = make_all(b);
	}
	return e;
}

/* ---- the lot after it ---- */

static struct batch *batch_new(struct cred_bulk *b)
{
	struct batch *batch = calloc(1, sizeof *batch);

	if (batch)
		batch->bulk = b;
	return batch;
}

static bool is_of(const struct work *w, const struct bulk_row *row)
{
	return w->row == row && w->request.csr.p == row->csr.p && w->request.csr.n == row->csr.n &&
	       w->request.device == row->device;
}

static bool was_begun_for(const struct batch *b, const struct bulk_row *rows, size_t n)
{
	bool same = b && b->n == n;

	for (size_t i = 0; same && i < n; i++)
		same = is_of(&b->works[i], &rows[i]);
	return same;
}

/* What was begun before it was asked for, if it is that, or an empty one. */
static struct batch *batch_for(struct cred_bulk *b, const struct bulk_row *rows, size_t n)
{
	struct batch *next = b->next;

	b->next = NULL;
	if (was_begun_for(next, rows, n))
		return next;
	batch_free(&next);
	return batch_new(b);
}

/* Where memory is short it is read when it is asked for. */
static void begin_next(struct cred_bulk *b, struct bulk_lot lot)
{
	AUTO(batch_free) struct batch *next = lot.n && lot.n <= BULK_MAX ? batch_new(b) : NULL;

	if (!next || batch_begin(next, lot.rows, lot.n) != INRO_OK)
		return;
	b->next = next;
	next = NULL;
}

void cred_bulk_forget(struct cred_bulk *b)
{
	batch_free(&b->next);
}

/* This one is signed: what comes next is like it, as far as one can guess. */
static void run_next(const struct batch *b)
{
	struct batch *next = b->bulk->next;

	if (!next || !b->all_new || next->all_new)
		return;
	next->all_new = true;
	ahead_run(&next->ahead);
}

static enum inro_err issue_lot(struct batch *batch, struct bulk_row *rows, size_t n)
{
	struct cred_bulk *b = batch->bulk;
	enum inro_err e = make_lot(batch, rows, n);

	if (e != INRO_OK && b->left)
		return e;
	if (e == INRO_OK) {
		run_next(batch);
		e = bulk_record(batch);
	}
	if (e != INRO_OK)
		return audit_refused(b->c, "certificate.issue", "ca", b->ca_name, e);
	hand_out(batch);
	return INRO_OK;
}

enum inro_err cred_bulk_issue_ahead(struct cred_bulk *b, struct bulk_lot lot, struct bulk_lot next)
{
	AUTO(batch_free) struct batch *batch = NULL;

	if (lot.n > BULK_MAX)
		return err_set(INRO_E_ARG, "%zu requests at once are more than %d", lot.n, BULK_MAX);
	b->left = false;
	batch = batch_for(b, lot.rows, lot.n);
	if (!batch)
		return err_set(INRO_E_NO_MEMORY, "no memory for %zu requests", lot.n);
	begin_next(b, next);
	return issue_lot(batch, lot.rows, lot.n);
}

enum inro_err cred_bulk_issue(struct cred_bulk *b, struct bulk_row *rows, size_t n)
{
	return cred_bulk_issue_ahead(b, (struct bulk_lot) { rows, n }, (struct bulk_lot) { 0 });
}
