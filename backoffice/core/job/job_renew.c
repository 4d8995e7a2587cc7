/*
 * job_renew - successors for certificates that are found, with the same key or another one.
 *
 * 1. A request in the folder that is called as the device brings the key.  Without one the key is
 * that in the token, or is made there.  What is in no token at hand is the device's to ask for: it
 * is noted that it is wanted.
 * 2. Rows are told apart by request ids "job:JOB:CERTIFICATE", under which what was recorded last
 * and not handed out is found again.
 * 3. Requests are read and verified by threads of their own (base/ahead.h) while the caller's decides
 *    about those before them and has them signed: what such a thread changes is its struct row's.
 * 4. A key that was made and has no certificate yet is found by its label when the job goes on.
 * 5. What is read for many rows is read in one transaction, which waits for no file, no verification and no token.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "backoffice/core/bulk.h"
#include "backoffice/core/folder.h"
#include "backoffice/core/issue.h"
#include "backoffice/core/issuing.h"
#include "backoffice/core/job/job_kinds.h"
#include "backoffice/core/keyring.h"
#include "backoffice/core/renewal.h"
#include "backoffice/core/view.h"
#include "backoffice/core/where.h"
#include "base/ahead.h"
#include "base/clock.h"

#define DESKS_KEPT 16 /* beyond a lot */
#define LOT_TOKEN 25 /* keys are made in a token before anything is recorded */
#define DECIDED_AT_ONCE 64
#define READ_TRIES	5 /* for a database that goes away in the midst of it */

/* A CA with a profile. */
struct desk {
	struct ca ca;
	char *profile;
	struct issue_desk desk;
};

struct row {
	struct cred_renewal how;
	struct renewal renewal;
	struct cred_request request;
	struct issuing in;
	struct making j;
	struct buf csr;
	struct desk *desk;
	char id[64];
	bool wanted; /* no key at hand */
	bool asks;   /* it has a request that is to be looked at */
	struct verdict read;
};
_Static_assert(AHEAD_MAX >= BATCH_MAX, "a lot is read ahead");

struct renewing {
	struct job_found *found;
	struct desk *desks[DESKS_KEPT + BATCH_MAX]; /* rows of a lot refer to them */
	size_t desks_n;
	unsigned days;
	int fd;
	bool new_key;
	struct row rows[BATCH_MAX];
	struct ahead ahead;
};

static void row_clear(struct row *w)
{
	making_clear(&w->j);
	credential_clear(&w->in.rec);
	renewal_clear(&w->renewal);
	buf_clear(&w->csr);
	verdict_clear(&w->read);
	*w = (struct row) { 0 };
}

static void clear_rows(struct renewing *x)
{
	ahead_clear(&x->ahead);
	for (size_t i = 0; i < BATCH_MAX; i++)
		row_clear(&x->rows[i]);
}

static void desk_free(struct desk *d)
{
	if (!d)
		return;
	issue_desk_clear(&d->desk);
	ca_clear(&d->ca);
	free(d->profile);
	free(d);
}

static void desk_free_ptr(struct desk **d)
{
	desk_free(*d);
}

static void free_desks(struct renewing *x)
{
	while (x->desks_n)
		desk_free(x->desks[--x->desks_n]);
}

/* ---- desks ---- */

static enum inro_err open_desk(struct core *c, const struct credential *old, unsigned days,
			       struct desk *d)
{
	struct cred_request request = { .profile = old->profile, .days = days };
	const struct issuing in = { .request = &request, .ca = &d->ca };
	enum inro_err e = store_get(c->store, old->ca, &d->ca);

	request.ca = d->ca.name;
	if (e == INRO_OK)
		e = text_set(&d->profile, old->profile);
	if (e == INRO_OK)
		e = desk_open(c, &in, &d->desk);
	d->desk.verify_each = BULK_VERIFY_EACH;
	if (e == INRO_OK)
		e = desk_unlock(c, &in, &d->desk);
	return e == INRO_OK ? desk_read_cas(c, &d->desk) : e;
}

static enum inro_err desk_of(struct core *c, struct renewing *x, const struct credential *old,
			     struct desk **ret)
{
	AUTO(desk_free_ptr) struct desk *d = NULL;
	enum inro_err e;

	for (size_t i = 0; i < x->desks_n; i++)
		if (x->desks[i]->ca.id == old->ca &&
		    strcmp(x->desks[i]->profile, old->profile) == 0) {
			*ret = x->desks[i];
			return INRO_OK;
		}
	d = calloc(1, sizeof *d);
	if (!d)
		return err_set(INRO_E_NO_MEMORY, "no memory to renew certificates");
	e = open_desk(c, old, x->days, d);
	if (e != INRO_OK)
		return e;
	*ret = x->desks[x->desks_n++] = d;
	d = NULL;
	return INRO_OK;
}

/* ---- what a row is made from ---- */

static bool is_absent(enum inro_err e)
{
	return e == INRO_E_NOT_FOUND || e == INRO_E_NO_TOKEN;
}

/* A request for it, or a token with its key. */
static enum inro_err find_source(struct job_run *r, struct row *w)
{
	const char *dir = job_arg(r, "csr-dir"), *device = w->renewal.device.device_id;
	struct token *token;
	enum inro_err e = dir && device ? folder_find(dir, device, &w->csr) : INRO_E_NOT_FOUND;

	if (e != INRO_E_NOT_FOUND) {
		w->how.csr = buf_bytes(&w->csr);
		return e;
	}
	e = w->renewal.old.key_uri ? core_key_recorded(r->c, w->renewal.old.key_uri)
				   : INRO_E_NOT_FOUND;
	if (e == INRO_OK)
		e = core_token(r->c, w->renewal.old.key_uri, &token);
	w->wanted = is_absent(e);
	return w->wanted ? INRO_OK : e;
}

static enum inro_err make_request(struct job_run *r, struct row *w)
{
	struct renewing *x = r->own;
	enum inro_err e = renewal_csr(r->c, &w->renewal);

	/* It may be on record soon: only a row that is refused lets go of it. */
	w->renewal.fresh.keep = true;
	if (e == INRO_OK && x->new_key && w->renewal.same_key)
		e = err_set(INRO_E_POLICY, "the request has the key that is to be replaced");
	return e;
}

static void fill_row(struct job_run *r, struct row *w)
{
	struct renewing *x = r->own;

	snprintf(w->id, sizeof w->id, "job:%lld:%lld", (long long)r->job.id,
		 (long long)w->renewal.old.id);
	w->request = renewal_request(&w->renewal, w->desk->ca.name);
	w->request.request_id = w->id;
	w->request.days = x->days;
	w->in = (struct issuing) { .request = &w->request,
				   .ca = &w->desk->ca,
				   .granted = w->renewal.cert.ext.sans,
				   .renews = true,
				   .renewed = w->renewal.old.id,
				   .before = renewal_supersede,
				   .arg = &w->renewal };
	w->j.in = &w->in;
	w->j.desk = &w->desk->desk;
}

/* The request alone, in any thread. */
static void read_row(void *arg, size_t item)
{
	struct row *w = &((struct renewing *)arg)->rows[item];
	enum inro_err e = w->asks ? making_parse(&w->j) : INRO_OK;

	if (w->asks && e == INRO_OK)
		e = making_verify(&w->j);
	verdict_keep(&w->read, e);
}

/* The record can't tell yet what is new in this lot itself. */
static enum inro_err check_shared(const struct renewing *x, const struct row *w)
{
	for (const struct row *o = x->rows; o < w; o++)
		if (o->asks && bytes_equal(making_key(&o->j), making_key(&w->j)) && making_in_the_way(&o->j, &w->j))
			return err_set(INRO_E_POLICY, "another request of this run has the same key");
	return INRO_OK;
}

/* Everything before the CA's key is used. */
static enum inro_err plan_row(struct job_run *r, size_t i)
{
	struct renewing *x = r->own;
	struct row *w = &x->rows[i];
	enum inro_err e = verdict_say(&w->read);

	device_clear(&w->j.device);
	if (e == INRO_OK)
		e = making_device(r->c, &w->j);
	if (e == INRO_OK)
		e = check_shared(x, w);
	if (e == INRO_OK)
		e = making_admit(&w->j);
	return e == INRO_OK ? making_plan(r->c, &w->j) : e;
}

static void take_row(struct job_run *r, size_t i)
{
	struct renewing *x = r->own;
	struct row *w = &x->rows[i];
	struct credential *seen = job_found_record(x->found, i);

	w->how = (struct cred_renewal) { .new_key = x->new_key,
					 .key_type = job_arg(r, "type"),
					 .again = true };
	w->renewal.in = &w->how;
	w->renewal.old = *seen;
	*seen = (struct credential) { .id = seen->id, .device = seen->device };
}

static enum inro_err read_old(struct job_run *r, size_t i)
{
	struct renewal *renewal = &((struct renewing *)r->own)->rows[i].renewal;

	cert_clear(&renewal->cert);
	device_clear(&renewal->device);
	return renewal_read(r->c, renewal);
}

/* Those are the token's, and no row after this one fares better. */
static bool stops(enum inro_err e)
{
	return e == INRO_E_TOKEN || e == INRO_E_CRYPTO ||
	       (e >= INRO_E_CONFIG && e <= INRO_E_LOGIN) || e == INRO_E_NO_TOKEN ||
	       !core_is_rows_fault(e);
}

/* What is wrong with one row does not stop the others. */
static enum inro_err row_done(struct job_run *r, size_t i, enum inro_err e)
{
	struct row *w = &((struct renewing *)r->own)->rows[i];

	if (e == INRO_OK || stops(e))
		return e;
	w->asks = false;
	w->renewal.fresh.keep = w->renewal.fresh.found;
	r->lot.results[i].skip = true;
	return batch_result_bad(&r->lot.results[i], e);
}

/* ---- many rows at once ---- */

/* Rows of a lot, and what is done with each that stands yet. */
struct reading {
	size_t from, to;
	enum inro_err (*foresee)(const struct job_run *r, const struct reading *g);
	enum inro_err (*row)(struct job_run *r, size_t i);
};

static enum inro_err read_once(struct job_run *r, const struct reading *g)
{
	SCOPED(core_view) view = { 0 };
	enum inro_err e = core_view(r->c, &view);

	if (e == INRO_OK)
		e = g->foresee(r, g);
	for (size_t i = g->from; e == INRO_OK && i < g->to; i++)
		if (!r->lot.results[i].skip)
			e = row_done(r, i, g->row(r, i));
	return e;
}

static enum inro_err read_rows(struct job_run *r, const struct reading *g)
{
	enum inro_err e = INRO_E_BUSY;

	for (int tries = 0; e == INRO_E_BUSY && tries < READ_TRIES; tries++)
		e = read_once(r, g);
	return e;
}

static enum inro_err foresee_devices(const struct job_run *r, const struct reading *g)
{
	(void)g;
	return job_found_foresee(r->c, ((const struct renewing *)r->own)->found, "device", &device_type, "id");
}

static enum inro_err read_olds(struct job_run *r)
{
	const struct reading all = { 0, r->lot.n, foresee_devices, read_old };

	for (size_t i = 0; i < r->lot.n; i++)
		take_row(r, i);
	return read_rows(r, &all);
}

static enum inro_err foresee_makings(const struct job_run *r, const struct reading *g)
{
	const struct renewing *x = r->own;
	const struct making *js[DECIDED_AT_ONCE];
	size_t n = 0;

	for (size_t i = g->from; i < g->to; i++)
		if (x->rows[i].asks && x->rows[i].read.e == INRO_OK)
			js[n++] = &x->rows[i].j;
	return making_foresee(r->c, js, n, false);
}

static enum inro_err plan_asked(struct job_run *r, size_t i)
{
	return ((struct renewing *)r->own)->rows[i].asks ? plan_row(r, i) : INRO_OK;
}

/* ---- a lot ---- */

static enum inro_err ask_row(struct job_run *r, size_t i)
{
	struct renewing *x = r->own;
	struct row *w = &x->rows[i];
	enum inro_err e = find_source(r, w);

	if (e != INRO_OK || w->wanted)
		return e;
	e = desk_of(r->c, x, &w->renewal.old, &w->desk);
	if (e == INRO_OK)
		e = make_request(r, w);
	if (e == INRO_OK)
		fill_row(r, w);
	w->asks = e == INRO_OK;
	return e;
}

static enum inro_err ask_rows(struct job_run *r)
{
	enum inro_err e = INRO_OK;

	for (size_t i = 0; e == INRO_OK && i < r->lot.n; i++) {
		e = job_goes_on(r);
		if (e == INRO_OK && !r->lot.results[i].skip)
			e = row_done(r, i, ask_row(r, i));
	}
	return e;
}

static enum inro_err sign_row(struct job_run *r, size_t i)
{
	struct row *w = &((struct renewing *)r->own)->rows[i];
	enum inro_err e = job_goes_on(r);

	return e == INRO_OK && w->asks ? row_done(r, i, making_sign(r->c, &w->j)) : e;
}

static enum inro_err make_some(struct job_run *r, size_t from, size_t to)
{
	struct renewing *x = r->own;
	const struct reading some = { from, to, foresee_makings, plan_asked };
	enum inro_err e;

	for (size_t i = from; i < to; i++)
		ahead_wait(&x->ahead, i);
	e = read_rows(r, &some);
	for (size_t i = from; e == INRO_OK && i < to; i++)
		e = sign_row(r, i);
	return e;
}

static enum inro_err make_rows(struct job_run *r)
{
	struct renewing *x = r->own;
	enum inro_err e = INRO_OK;

	ahead_begin(&x->ahead, read_row, x, r->lot.n);
	ahead_run(&x->ahead);
	for (size_t i = 0, to; e == INRO_OK && i < r->lot.n; i = to) {
		to = r->lot.n - i < DECIDED_AT_ONCE ? r->lot.n : i + DECIDED_AT_ONCE;
		e = make_some(r, i, to);
	}
	ahead_clear(&x->ahead);
	return e;
}

static enum inro_err renew_ready(struct job_run *r)
{
	struct renewing *x = r->own;
	enum inro_err e = INRO_OK;

	for (size_t i = 0; e == INRO_OK && i < x->desks_n; i++)
		e = desk_read_cas(r->c, &x->desks[i]->desk);
	if (e == INRO_OK)
		e = read_olds(r);
	if (e == INRO_OK)
		e = ask_rows(r);
	return e == INRO_OK ? make_rows(r) : e;
}

/* ---- on record ---- */

static enum inro_err note_wanted(struct core *c, struct row *w, bool *ret_same, bool *ret_noted)
{
	SCOPED(credential) now = { 0 };
	SCOPED(buf) detail = { 0 };
	char name[24];
	const struct audit_entry entry = { "certificate.want", "certificate", name, EVENT_DONE,
					   &detail };
	enum inro_err e = store_get(c->store, w->renewal.old.id, &now);

	*ret_same = e == INRO_OK && now.wanted_at != 0;
	if (e != INRO_OK || *ret_same)
		return e;
	now.wanted_at = clock_now();
	now.updated_ms = clock_now_ms();
	snprintf(name, sizeof name, "%lld", (long long)now.id);
	detail_text(&detail, "device", w->renewal.device.device_id);
	detail_text(&detail, "subject", now.subject);
	*ret_noted = true;
	e = store_update(c->store, &now);
	return e == INRO_OK ? audit_append(c, &entry) : e;
}

/* Where something was recorded since they were decided about, their keys are looked at again. */
static enum inro_err foresee_made(struct core *c, const struct job_run *r)
{
	const struct renewing *x = r->own;
	const struct making *js[BATCH_MAX];
	size_t n = 0;

	for (size_t i = 0; i < r->lot.n; i++)
		if (x->rows[i].asks && !x->rows[i].desk->desk.keys_stand)
			js[n++] = &x->rows[i].j;
	return making_foresee(c, js, n, true);
}

static enum inro_err renew_begin(struct core *c, void *run)
{
	struct renewing *x = ((struct job_run *)run)->own;
	enum inro_err e = INRO_OK;

	for (size_t i = 0; e == INRO_OK && i < x->desks_n; i++)
		e = desk_recheck(c, &x->desks[i]->desk);
	if (e == INRO_OK)
		e = foresee_made(c, run);
	if (e == INRO_OK)
		e = job_found_foresee(c, x->found, "id", &credential_type, "id");
	return e == INRO_OK ? job_found_foresee(c, x->found, "device", &device_type, "id") : e;
}

static enum inro_err renew_row(struct core *c, void *run, size_t i)
{
	struct job_run *r = run;
	struct renewing *x = r->own;
	struct row *w = &x->rows[i];

	enum inro_err e;

	r->lot.wanted[i] = false;
	if (w->wanted)
		return note_wanted(c, w, &r->lot.same[i], &r->lot.wanted[i]);
	e = making_record(c, &w->j);
	r->lot.given[i] = e == INRO_OK && x->fd < 0 ? w->in.rec.id : 0;
	return e;
}

/* ---- handed out ---- */

/* device: its id; NULL: it is of none. */
static enum inro_err write_cert(int fd, const char *device, const struct credential *rec)
{
	char stem[24];

	snprintf(stem, sizeof stem, "%lld", (long long)rec->replaces);
	return fd >= 0 ? folder_write(fd, device ? device : stem, blob_bytes(&rec->cert)) : INRO_OK;
}

static enum inro_err sync_out(struct job_run *r)
{
	struct renewing *x = r->own;

	return x->fd >= 0 ? folder_sync(x->fd, job_arg(r, "out-dir")) : INRO_OK;
}

static enum inro_err renew_after(struct job_run *r)
{
	struct renewing *x = r->own;
	enum inro_err e = INRO_OK;

	for (size_t i = 0; e == INRO_OK && i < r->lot.n; i++) {
		struct row *w = &x->rows[i];

		if (r->lot.results[i].error)
			w->renewal.fresh.keep = w->renewal.fresh.found;
		if (r->lot.results[i].error || w->wanted)
			continue;
		e = renewal_deliver(&w->renewal, &w->in.rec);
		if (e == INRO_OK)
			e = write_cert(x->fd, w->renewal.device.device_id, &w->in.rec);
	}
	return e == INRO_OK ? sync_out(r) : e;
}

static enum inro_err find_again(struct core *c, const char *key_uri, struct token **ret, struct token_key **ret_key)
{
	enum inro_err e = key_uri ? core_key_recorded(c, key_uri) : INRO_E_NOT_FOUND;

	if (e == INRO_OK)
		e = core_token(c, key_uri, ret);
	return e == INRO_OK ? core_key(c, key_uri, ret_key) : e;
}

/* Its URI may have been said by others: of a module that is none of ours (INRO_E_POLICY), of several keys, of none that
 * is a key here. */
static bool is_nowhere(enum inro_err e)
{
	return is_absent(e) || e == INRO_E_POLICY || e == INRO_E_AMBIGUOUS || e == INRO_E_SYNTAX ||
	       e == INRO_E_UNSUPPORTED || e == INRO_E_ARG;
}

static enum inro_err store_again(struct core *c, const struct credential *rec)
{
	struct token *token;
	struct token_key *key;
	enum inro_err e = find_again(c, rec->key_uri, &token, &key);

	if (e != INRO_OK)
		return is_nowhere(e) ? INRO_OK : e;
	e = key_store_cert(token, key, rec, true);
	return e == INRO_E_POLICY ? INRO_OK : e; /* of another key */
}

/* What was renewed or ended since would take the place of what came after it. */
static enum inro_err give_again(struct job_run *r, const struct credential *rec)
{
	const struct renewing *x = r->own;
	enum cred_state state = cred_shown_state(rec, clock_now());
	SCOPED(device) d = { 0 };
	enum inro_err e;

	if (state != CRED_ACTIVE && state != CRED_SUSPENDED) /* a hold may be released */
		return INRO_OK;
	e = store_again(r->c, rec);
	if (e == INRO_OK && rec->device && x->fd >= 0)
		e = store_get(r->c->store, rec->device, &d);
	return e == INRO_OK ? write_cert(x->fd, d.device_id, rec) : e;
}

/* What the last lot of a run that was cut short recorded, and perhaps did not hand out. */
static enum inro_err hand_out_again(struct job_run *r)
{
	char prefix[40];
	const struct store_cond conds[] = {
		{ .field = "tenant", .number = r->c->tenant },
		{ .field = "request_id", .op = STORE_PREFIX, .text = prefix },
	};
	const struct store_query q = { STORE_WHERE(conds), .limit = BATCH_MAX, .backward = true };
	void *items = NULL;
	size_t n = 0;
	enum inro_err e;

	snprintf(prefix, sizeof prefix, "job:%lld:", (long long)r->job.id);
	e = core_all(r->c, &credential_type, &q, &items, &n);
	for (size_t i = 0; e == INRO_OK && i < n; i++)
		e = give_again(r, (struct credential *)items + i);
	list_free(&credential_type, items, n);
	return e == INRO_OK ? sync_out(r) : e;
}

/* ---- a run ---- */

static enum inro_err renew_plan(struct job_run *r)
{
	const struct pki_key_kind *kind;
	unsigned days;
	enum inro_err e = job_days(r, &days);

	if (e == INRO_OK && job_arg(r, "type"))
		e = new_key_kind(job_arg(r, "type"), &kind);
	if (e == INRO_OK)
		e = job_folder_plan(r, "csr-dir", false);
	if (e == INRO_OK)
		e = job_folder_plan(r, "out-dir", true);
	return e == INRO_OK ? job_search_plan(r, &job_certs) : e;
}

static enum inro_err open_run(struct job_run *r, struct renewing *x)
{
	enum inro_err e = job_days(r, &x->days);

	if (e == INRO_OK && job_arg(r, "out-dir"))
		e = folder_open(job_arg(r, "out-dir"), &x->fd);
	if (e == INRO_OK)
		e = job_search_open(r, &job_certs, &x->found);
	return e == INRO_OK && *text_or_empty(r->job.cursor) ? hand_out_again(r) : e;
}

static enum inro_err open_with(struct job_run *r, bool new_key)
{
	struct renewing *x = calloc(1, sizeof *x);

	if (!x)
		return err_set(INRO_E_NO_MEMORY, "no memory for a job");
	x->fd = -1;
	x->new_key = new_key;
	r->own = x;
	return open_run(r, x);
}

static enum inro_err renew_open(struct job_run *r)
{
	return open_with(r, false);
}

static enum inro_err rekey_open(struct job_run *r)
{
	return open_with(r, true);
}

static enum inro_err renew_next(struct job_run *r)
{
	struct renewing *x = r->own;

	clear_rows(x);
	if (x->desks_n > DESKS_KEPT)
		free_desks(x);
	return job_search_next(r, x->found, job_arg(r, "csr-dir") ? BATCH_MAX : LOT_TOKEN);
}

static void renew_close(struct job_run *r)
{
	struct renewing *x = r->own;

	if (!x)
		return;
	clear_rows(x);
	free_desks(x);
	job_found_close(x->found);
	if (x->fd >= 0)
		close(x->fd);
	free(x);
	r->own = NULL;
}

#define RENEWAL                                                                                    \
	.needs = { "where" }, .plan = renew_plan, .next = renew_next, .ready = renew_ready,        \
	.begin = renew_begin, .row = renew_row, .after = renew_after, .close = renew_close

const struct job_kind job_renew = {
	.name = "renew",
	.takes = { "where", "csr-dir", "out-dir", "days" },
	.open = renew_open,
	RENEWAL,
};
const struct job_kind job_rekey = {
	.name = "rekey",
	.takes = { "where", "csr-dir", "out-dir", "days", "type" },
	.open = rekey_open,
	RENEWAL,
};
