/* job_device - jobs about devices: register, update, enable, disable, delete. */
#include <stdlib.h>
#include <string.h>

#include "backoffice/core/fleet.h"
#include "backoffice/core/import.h"
#include "backoffice/core/job/job_kinds.h"
#include "backoffice/core/where.h"

/* ---- from a file ---- */

static enum inro_err file_plan(struct job_run *r)
{
	return job_file_plan(r);
}

static enum inro_err file_open(struct job_run *r)
{
	struct job_file *f = NULL;
	enum inro_err e = job_file_open(r, &f);

	r->own = f;
	return e;
}

static enum inro_err file_next(struct job_run *r)
{
	return job_file_next(r, r->own);
}

static void file_close(struct job_run *r)
{
	job_file_close(r->own);
	r->own = NULL;
}

static enum inro_err import_as(struct core *c, struct job_run *r, size_t i, enum import_mode mode)
{
	enum import_outcome outcome = IMPORT_SAME;
	const struct import_line *l = job_file_line(r->own, i);
	enum inro_err e = import_row(c, l, mode, &outcome);

	r->lot.same[i] = outcome == IMPORT_SAME;
	free(r->lot.before[i]);
	r->lot.before[i] = NULL;
	return e == INRO_OK ? import_anchor_before(c, l, outcome, &r->lot.before[i]) : e;
}

static enum inro_err tell_before(struct job_run *r)
{
	const struct job_watch *w = r->watch;

	for (size_t i = 0; w && w->again && i < r->lot.n; i++)
		if (r->lot.before[i] && !r->lot.results[i].error)
			w->again(w->arg, r->lot.names[i], job_file_line(r->own, i)->values[IMPORT_ID],
				 r->lot.before[i]);
	return INRO_OK;
}

static enum inro_err foresee_rows(struct core *c, void *run)
{
	const struct job_run *r = run;

	return import_foresee(c, job_file_line(r->own, 0), r->lot.n);
}

static enum inro_err register_row(struct core *c, void *run, size_t i)
{
	return import_as(c, run, i, IMPORT_ADD);
}

static enum inro_err update_row(struct core *c, void *run, size_t i)
{
	return import_as(c, run, i, IMPORT_CHANGE);
}

/* ---- moves: of those that are found, or named in a file ---- */

struct moving {
	struct job_file *file; /* NULL: */
	struct job_found *found;
};

static enum inro_err not_deleted(struct job_run *r, struct where *w)
{
	(void)r;
	if (where_has(w, "state"))
		return INRO_OK;
	return where_add(w, (struct store_cond) {
				    .field = "state", .op = STORE_NE, .number = DEVICE_DELETED });
}

static const char *name_of_device(const void *record)
{
	return ((const struct device *)record)->device_id;
}

static const struct job_search devices = { &where_devices, not_deleted, name_of_device };

static enum inro_err move_plan(struct job_run *r)
{
	enum inro_err e;

	if (!job_has_rows(r) == !job_arg(r, "where"))
		return err_set(INRO_E_ARG, "give one of --where CONDITIONS and --in FILE");
	e = job_file_plan(r);
	return e == INRO_OK && !job_has_rows(r) ? job_search_plan(r, &devices) : e;
}

static enum inro_err move_open(struct job_run *r)
{
	struct moving *m = calloc(1, sizeof *m);

	if (!m)
		return err_set(INRO_E_NO_MEMORY, "no memory for a job");
	r->own = m;
	return job_has_rows(r) ? job_file_open(r, &m->file)
			       : job_search_open(r, &devices, &m->found);
}

static enum inro_err move_next(struct job_run *r)
{
	struct moving *m = r->own;

	return m->file ? job_file_next(r, m->file) : job_search_next(r, m->found, BATCH_MAX);
}

static void move_close(struct job_run *r)
{
	struct moving *m = r->own;

	if (m) {
		job_file_close(m->file);
		job_found_close(m->found);
	}
	free(m);
	r->own = NULL;
}

/* One that was found is known by its number: its id may be another device's by now. */
static enum inro_err device_of(struct core *c, const struct moving *m, size_t i, struct device *ret)
{
	const char *id;

	if (!m->file)
		return store_get(c->store, ((struct device *)job_found_record(m->found, i))->id,
				 ret);
	id = job_file_line(m->file, i)->values[IMPORT_ID];
	if (!id)
		return err_set(INRO_E_ARG, "the row has no id");
	return device_load(c, id, ret);
}

static enum inro_err foresee_devices(struct core *c, void *run)
{
	const struct job_run *r = run;
	const struct moving *m = r->own;

	return m->file ? import_foresee(c, job_file_line(m->file, 0), r->lot.n)
		       : job_found_foresee(c, m->found, "id", &device_type, "id");
}

static enum inro_err foresee_all(struct core *c, void *run)
{
	const struct moving *m = ((struct job_run *)run)->own;
	enum inro_err e = foresee_devices(c, run);

	return e == INRO_OK && m->found ? job_found_foresee(c, m->found, "id", &credential_type, "device") : e;
}

/* `there`: the state that the move leads to; who is in it stays. */
static enum inro_err move_device(struct core *c, struct job_run *r, size_t i, enum verb verb,
				 enum device_state there)
{
	SCOPED(device) d = { 0 };
	size_t revoked;
	enum inro_err e = device_of(c, r->own, i, &d);

	r->lot.same[i] = e == INRO_OK && d.state == there;
	if (e != INRO_OK || r->lot.same[i])
		return e;
	return device_move_loaded(c, &d, verb, job_arg(r, "why"), &revoked);
}

static enum inro_err enable_row(struct core *c, void *run, size_t i)
{
	return move_device(c, run, i, VERB_ENABLE, DEVICE_ACTIVE);
}

static enum inro_err disable_row(struct core *c, void *run, size_t i)
{
	return move_device(c, run, i, VERB_DISABLE, DEVICE_DISABLED);
}

static enum inro_err delete_row(struct core *c, void *run, size_t i)
{
	return move_device(c, run, i, VERB_DELETE, DEVICE_DELETED);
}

#define FROM_FILE                                                                                  \
	.takes = { "in", "encoding" }, .needs = { "in" }, .rows = true, .plan = file_plan, .open = file_open,                \
	.next = file_next, .after = tell_before, .close = file_close
#define MOVE                                                                                       \
	.takes = { "where", "in", "encoding", "why" }, .rows = true, .plan = move_plan, .open = move_open,                   \
	.next = move_next, .close = move_close

const struct job_kind job_register = { .name = "register", FROM_FILE, .begin = foresee_rows, .row = register_row };
const struct job_kind job_update = { .name = "update", FROM_FILE, .begin = foresee_rows, .row = update_row };
const struct job_kind job_enable = { .name = "enable", MOVE, .begin = foresee_devices, .row = enable_row };
const struct job_kind job_disable = { .name = "disable", MOVE, .begin = foresee_devices, .row = disable_row };
const struct job_kind job_delete = { .name = "delete", MOVE, .begin = foresee_all, .row = delete_row };
