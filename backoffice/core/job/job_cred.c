/* job_cred - jobs about certificates that are found: revoke, retire, export. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "backoffice/core/folder.h"
#include "backoffice/core/job/job_kinds.h"
#include "backoffice/core/move.h"
#include "backoffice/core/where.h"
#include "backoffice/pki/crl.h"
#include "base/clock.h"
#include "base/file.h"

#define DAYS_MAX 36525

static enum inro_err only_certs(struct job_run *r, struct where *w)
{
	const struct store_cond conds[] = {
		{ .field = "kind", .number = CRED_CERTIFICATE },
		{ .field = "fingerprint", .op = STORE_SOME },
		{ .field = "own_ca", .op = STORE_NONE },
	};
	enum inro_err e = INRO_OK;

	(void)r;
	if (!where_has(w, "state"))
		e = where_add(w, where_cred_state(CRED_ACTIVE));
	for (size_t i = 0; e == INRO_OK && i < ARRAY_LEN(conds); i++)
		e = where_add(w, conds[i]);
	return e;
}

static const char *name_of_cert(const void *record)
{
	static _Thread_local char name[32];

	snprintf(name, sizeof name, "certificate %lld",
		 (long long)((const struct credential *)record)->id);
	return name;
}

const struct job_search job_certs = { &where_creds, only_certs, name_of_cert };

enum inro_err job_folder_plan(struct job_run *r, const char *name, bool make)
{
	const char *given = job_arg(r, name);
	AUTO(free_chars) char *path = NULL;
	enum inro_err e = given && make ? file_make_dir(given) : INRO_OK;

	if (!given || e != INRO_OK)
		return e;
	path = realpath(given, NULL);
	return path ? job_arg_set(r, name, path) : file_err(errno, given);
}

enum inro_err job_days(const struct job_run *r, unsigned *ret)
{
	const char *text = job_arg(r, "days");
	int64_t n = 0;

	if (text && (!number_read(text, &n) || n < 1 || n > DAYS_MAX))
		return err_set(INRO_E_ARG, "--days is a number from 1 to %d", DAYS_MAX);
	*ret = (unsigned)n;
	return INRO_OK;
}

/* ---- ended: revoke, retire ---- */

struct ending {
	const struct job_search *search;
	struct job_found *found;
	struct cred_change change;
	enum cred_state to;
	int64_t *also; /* what ended with rows of the lot */
	size_t also_n, also_cap;
};

static enum inro_err ending_open(struct job_run *r, const struct ending *what)
{
	struct ending *v = calloc(1, sizeof *v);

	if (!v)
		return err_set(INRO_E_NO_MEMORY, "no memory for a job");
	*v = *what;
	v->change.why = job_arg(r, "why");
	r->own = v;
	return job_search_open(r, v->search, &v->found);
}

static enum inro_err ending_next(struct job_run *r)
{
	return job_search_next(r, ((struct ending *)r->own)->found, BATCH_MAX);
}

/* The rows run again, perhaps. */
static enum inro_err ending_begin(struct core *c, void *run)
{
	struct ending *v = ((struct job_run *)run)->own;

	v->also_n = 0;
	return job_found_foresee(c, v->found, "id", &credential_type, "id");
}

static enum inro_err note_kin(struct ending *v, const struct cred_kin *kin, size_t n)
{
	if (v->also_n + n > v->also_cap) {
		size_t cap = 2 * (v->also_n + n);
		int64_t *more = realloc(v->also, cap * sizeof *more);

		if (!more)
			return err_set(INRO_E_NO_MEMORY, "no memory for %zu certificates", cap);
		v->also = more;
		v->also_cap = cap;
	}
	for (size_t i = 0; i < n; i++)
		if (kin[i].revoked)
			v->also[v->also_n++] = kin[i].id;
	return INRO_OK;
}

static enum inro_err ending_after(struct job_run *r)
{
	const struct ending *v = r->own;

	for (size_t i = 0; r->watch && r->watch->also && i < v->also_n; i++)
		r->watch->also(r->watch->arg, v->also[i]);
	return INRO_OK;
}

static enum inro_err ending_row(struct core *c, void *run, size_t i)
{
	struct job_run *r = run;
	struct ending *v = r->own;
	const struct credential *seen = job_found_record(v->found, i);
	SCOPED(credential) now = { 0 };
	struct cred_kin *kin = NULL;
	size_t kin_n = 0;
	enum inro_err e = store_get(c->store, seen->id, &now);

	r->lot.same[i] = e == INRO_OK && now.state == v->to;
	if (e == INRO_OK && !r->lot.same[i])
		e = cred_apply_key(c, &now, &v->change, &kin, &kin_n);
	if (e == INRO_OK)
		e = note_kin(v, kin, kin_n);
	free(kin);
	return e;
}

static void ending_close(struct job_run *r)
{
	struct ending *v = r->own;

	if (v)
		job_found_close(v->found);
	if (v)
		free(v->also);
	free(v);
	r->own = NULL;
}

static enum inro_err read_reason(struct job_run *r, enum crl_reason *ret)
{
	const char *name = job_arg(r, "reason");
	enum inro_err e = name ? crl_reason_find(name, ret) : INRO_OK;

	if (!name)
		*ret = CRL_UNSPECIFIED;
	if (e == INRO_OK && (*ret == CRL_HOLD || *ret == CRL_REMOVE))
		e = err_set(INRO_E_ARG, "a job revokes for good, not by '%s'", name);
	return e;
}

static enum inro_err revoke_plan(struct job_run *r)
{
	enum crl_reason reason;
	enum inro_err e = read_reason(r, &reason);

	return e == INRO_OK ? job_search_plan(r, &job_certs) : e;
}

static enum inro_err revoke_open(struct job_run *r)
{
	struct ending what = { .search = &job_certs,
			       .change = { .verb = VERB_REVOKE },
			       .to = CRED_REVOKED };
	enum crl_reason reason;
	enum inro_err e = read_reason(r, &reason);

	if (e != INRO_OK)
		return e;
	what.change.reason = reason;
	return ending_open(r, &what);
}

const struct job_kind job_revoke = {
	.name = "revoke",
	.takes = { "where", "reason", "why" },
	.needs = { "where" },
	.plan = revoke_plan,
	.open = revoke_open,
	.next = ending_next,
	.begin = ending_begin,
	.row = ending_row,
	.after = ending_after,
	.close = ending_close,
};

/* Those whose time beside their successor is over, unless a state is said. */
static enum inro_err only_over(struct job_run *r, struct where *w)
{
	const struct store_cond over = { .field = "grace_until",
					 .op = STORE_LT,
					 .number = clock_now() + 1 };
	enum inro_err e;

	if (where_has(w, "state"))
		return only_certs(r, w);
	e = where_add(w, over);
	if (e == INRO_OK)
		e = where_add(w, where_cred_state(CRED_SUPERSEDED));
	return e == INRO_OK ? only_certs(r, w) : e;
}

static const struct job_search ended = { &where_creds, only_over, name_of_cert };

static enum inro_err retire_plan(struct job_run *r)
{
	return job_search_plan(r, &ended);
}

static enum inro_err retire_open(struct job_run *r)
{
	const struct ending what = { .search = &ended,
				     .change = { .verb = VERB_RETIRE },
				     .to = CRED_RETIRED };

	return ending_open(r, &what);
}

const struct job_kind job_retire = {
	.name = "retire",
	.takes = { "where", "why" },
	.needs = { "where" },
	.plan = retire_plan,
	.open = retire_open,
	.next = ending_next,
	.begin = ending_begin,
	.row = ending_row,
	.after = ending_after,
	.close = ending_close,
};

/* ---- export ---- */

struct exporting {
	struct job_found *found;
	int fd;
};

static enum inro_err export_plan(struct job_run *r)
{
	enum inro_err e = job_folder_plan(r, "out-dir", true);

	if (!job_arg(r, "out-dir") && !r->asked)
		e = err_set(INRO_E_ARG, "a job 'export' needs --out-dir");
	return e == INRO_OK ? job_search_plan(r, &job_certs) : e;
}

static enum inro_err export_open(struct job_run *r)
{
	struct exporting *x = calloc(1, sizeof *x);
	enum inro_err e;

	if (!x)
		return err_set(INRO_E_NO_MEMORY, "no memory for a job");
	x->fd = -1;
	r->own = x;
	e = job_arg(r, "out-dir") ? folder_open(job_arg(r, "out-dir"), &x->fd) : INRO_OK;
	return e == INRO_OK ? job_search_open(r, &job_certs, &x->found) : e;
}

static enum inro_err export_next(struct job_run *r)
{
	return job_search_next(r, ((struct exporting *)r->own)->found, BATCH_MAX);
}

/* DEVICE-SERIAL, or SERIAL alone. */
static enum inro_err export_one(struct core *c, int fd, const struct credential *rec)
{
	SCOPED(device) d = { 0 };
	SCOPED(buf) stem = { 0 };
	enum inro_err e = rec->device ? store_get(c->store, rec->device, &d) : INRO_OK;

	if (rec->device)
		buf_addf(&stem, "%s-", text_or_empty(d.device_id));
	buf_add_hex(&stem, blob_bytes(&rec->serial));
	buf_add_u8(&stem, 0);
	if (e == INRO_OK)
		e = buf_err(&stem);
	return e == INRO_OK ? folder_write(fd, (const char *)stem.p, blob_bytes(&rec->cert)) : e;
}

static enum inro_err export_after(struct job_run *r)
{
	struct exporting *x = r->own;
	enum inro_err e = INRO_OK;

	for (size_t i = 0; x->fd < 0 && i < r->lot.n; i++)
		r->lot.given[i] = ((struct credential *)job_found_record(x->found, i))->id;
	if (x->fd < 0)
		return INRO_OK;
	for (size_t i = 0; e == INRO_OK && i < r->lot.n; i++)
		e = export_one(r->c, x->fd, job_found_record(x->found, i));
	return e == INRO_OK ? folder_sync(x->fd, job_arg(r, "out-dir")) : e;
}

static void export_close(struct job_run *r)
{
	struct exporting *x = r->own;

	if (x && x->fd >= 0)
		close(x->fd);
	if (x)
		job_found_close(x->found);
	free(x);
	r->own = NULL;
}

const struct job_kind job_export = {
	.name = "export",
	.takes = { "where", "out-dir" },
	.needs = { "where" },
	.plan = export_plan,
	.open = export_open,
	.next = export_next,
	.after = export_after,
	.close = export_close,
	.repeats = true,
};
