/*
 * cert_bulk - see cert_bulk.h.
 *
 * 1. IN/NAME.csr (.pem, .der, .req, .p10, or no ending) becomes OUT/NAME.pem; two requests of one
 *    NAME are refused both.
 * 2. A certificate's file is complete or absent, and on disk when the command ends.  What a run
 *    that was cut short has issued is written by the next one: requests are known again (bulk.h).
 * 3. OUT/errors has a line for each request that was refused: FILE, error and reason, with tabs
 *    between them.  There is no such file when none was.
 */
#include "tools/cert_bulk.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "backoffice/core/bulk.h"
#include "backoffice/core/folder.h"
#include "base/ahead.h"
#include "base/clock.h"
#include "base/file.h"
#include "tools/office.h"
#include "tools/progress.h"
#include "tools/text.h"

#define ERRORS_FILE "errors"

struct folder {
	const char *in, *out;
	struct folder_list list;
	int fd; /* of `out` */
	bool devices;
	size_t issued, again, refused;
	json_t *errors;
	struct buf lines; /* of OUT/errors */
	struct progress progress;
};

static void folder_clear(struct folder *f)
{
	folder_list_clear(&f->list);
	if (f->fd >= 0)
		close(f->fd);
	json_decref(f->errors);
	buf_clear(&f->lines);
}

enum inro_err cert_bulk_check(const struct call *c)
{
	bool many = call_has(c, "csr-dir");
	if (many == call_has(c, "csr"))
		return err_set(INRO_E_ARG, "give one of --csr FILE and --csr-dir FOLDER");
	if (many != call_has(c, "out-dir"))
		return err_set(INRO_E_ARG, "--csr-dir and --out-dir go together");
	if (call_has(c, "devices") && !many)
		return err_set(INRO_E_ARG, "--devices is for --csr-dir; use --device");
	if (many && (call_has(c, "device") || call_has(c, "san") || call_has(c, "key") ||
		     call_has(c, "out") || call_has(c, "format") || call_has(c, "request-id")))
		return err_set(INRO_E_ARG, "--device, --san, --key, --request-id, --out and "
					   "--format are for one request");
	return INRO_OK;
}

/* Certificates beside the requests would be read as requests the next time. */
static enum inro_err apart(const struct folder *f)
{
	struct stat in, out;
	if (stat(f->in, &in) != 0 || stat(f->out, &out) != 0 || in.st_dev != out.st_dev || in.st_ino != out.st_ino)
		return INRO_OK;
	return err_set(INRO_E_ARG, "--csr-dir and --out-dir are the same folder: give one of its own for the "
				   "certificates");
}

static enum inro_err open_out(struct folder *f)
{
	enum inro_err e = folder_open(f->out, &f->fd);
	if (e)
		return e;
	if (unlinkat(f->fd, ERRORS_FILE, 0) != 0 && errno != ENOENT)
		return file_err(errno, ERRORS_FILE);
	return INRO_OK;
}

/* ---- what came of it ---- */

/* Not on disk before the end: what is lost by then is written anew from the records. */
static enum inro_err give_cert(struct folder *f, const struct folder_request *r,
			       const struct bulk_row *row)
{
	f->again += row->again;
	f->issued += !row->again;
	return folder_write(f->fd, r->stem, blob_bytes(&row->rec.cert));
}

static void say_refused(struct folder *f, const struct folder_request *r, enum inro_err e,
			const char *why)
{
	f->refused++;
	json_array_append_new(f->errors,
			      json_pack("{s:o s:s s:o}", "file", json_of_text(r->file), "error",
					err_name(e), "reason", json_of_text(why)));
	text_add_safe(bytes_of(r->file), &f->lines);
	buf_addf(&f->lines, "\t%s\t", err_name(e));
	text_add_safe(bytes_of(why), &f->lines);
	buf_add_u8(&f->lines, '\n');
}

/* ---- batches ---- */

struct lot {
	struct bulk_row rows[BULK_MAX];
	const struct folder_request *from[BULK_MAX];
	struct buf csrs[BULK_MAX];
	size_t n;
	size_t end; /* how far it goes in the folder */
};

/* The next requests that can be read, as many as go into one transaction. */
static enum inro_err fill_lot(struct folder *f, size_t *at, struct lot *lot)
{
	lot->n = 0;
	for (; *at < f->list.n && lot->n < BULK_MAX; (*at)++) {
		const struct folder_request *r = &f->list.items[*at];
		struct buf *csr = &lot->csrs[lot->n];
		enum inro_err e = folder_read(f->in, r, csr);
		if (e && !core_is_rows_fault(e))
			return e;
		if (e) {
			say_refused(f, r, e, err_detail(e));
			buf_clear(csr);
			continue;
		}
		lot->from[lot->n] = r;
		lot->rows[lot->n++] = (struct bulk_row) {
			.csr = buf_bytes(csr),
			.device = f->devices ? r->stem : NULL,
			.name = r->file,
		};
	}
	lot->end = *at;
	return INRO_OK;
}

/* A row that has neither error nor certificate is of a lot that was stopped. */
static enum inro_err hand_out(struct folder *f, struct lot *lot)
{
	enum inro_err e = INRO_OK;
	for (size_t i = 0; i < lot->n; i++) {
		struct bulk_row *row = &lot->rows[i];
		if (row->error)
			say_refused(f, lot->from[i], row->error, row->why);
		else if (!e && row->rec.cert.n)
			e = give_cert(f, lot->from[i], row);
		bulk_row_clear(row);
		buf_clear(&lot->csrs[i]);
	}
	return e;
}

static void lot_free(struct lot **lot)
{
	for (size_t i = 0; *lot && i < BULK_MAX; i++) {
		bulk_row_clear(&(*lot)->rows[i]);
		buf_clear(&(*lot)->csrs[i]);
	}
	free(*lot);
}

static enum inro_err run_lot(struct folder *f, struct cred_bulk *bulk, struct lot *lot,
			     struct lot *next)
{
	enum inro_err e = cred_bulk_issue_ahead(bulk, (struct bulk_lot) { lot->rows, lot->n },
						(struct bulk_lot) { next->rows, next->n });
	enum inro_err given = hand_out(f, lot);
	progress_at(&f->progress, lot->end);
	return e ? e : given;
}

/* While one is issued and its certificates are written, the next is there to be read ahead.  What
 * can't be read of that is told when this one is through. */
static enum inro_err run_lots(struct folder *f, struct cred_bulk *bulk)
{
	AUTO(lot_free) struct lot *lot = calloc(1, sizeof *lot);
	AUTO(lot_free) struct lot *next = calloc(1, sizeof *next);
	size_t at = 0;
	enum inro_err e = INRO_OK;
	if (!lot || !next)
		e = err_set(INRO_E_NO_MEMORY, "memory is short");
	if (!e)
		e = fill_lot(f, &at, lot);
	while (!e && lot->n) {
		SCOPED(verdict) filled = { 0 };
		struct lot *done = lot;
		(void)verdict_keep(&filled, fill_lot(f, &at, next));
		e = run_lot(f, bulk, lot, next);
		e = e ? e : verdict_say(&filled);
		lot = next;
		next = done;
	}
	if (!e)
		progress_at(&f->progress, at);
	cred_bulk_forget(bulk);
	return e;
}

/* ---- the end ---- */

static enum inro_err write_errors(const struct folder *f)
{
	AUTO(free_chars) char *path = file_join(f->out, ERRORS_FILE);
	if (!f->refused)
		return INRO_OK;
	return path ? file_write(path, 0644, buf_bytes(&f->lines)) : INRO_E_NO_MEMORY;
}

static enum inro_err finish(const struct folder *f)
{
	enum inro_err e = folder_sync(f->fd, f->out);
	return e ? e : write_errors(f);
}

static json_t *result(const struct folder *f, int64_t ms)
{
	double seconds = (double)(ms ? ms : 1) / 1e3, rate = (double)f->issued / seconds;
	SCOPED(buf) said = { 0 };
	buf_addf(&said,
		 "%zu %s issued, %zu had been before, %zu %s refused; "
		 "%.1f s, %.0f a second",
		 f->issued, f->issued == 1 ? "certificate" : "certificates", f->again, f->refused,
		 f->refused == 1 ? "request" : "requests", seconds, rate);
	return json_pack("{s:I s:I s:I s:f s:f s:o s:O s:o}", "issued", (json_int_t)f->issued,
			 "again", (json_int_t)f->again, "refused", (json_int_t)f->refused,
			 "seconds", seconds, "per_second", rate, "folder", json_of_text(f->out), "errors",
			 f->errors, "summary", text_json(buf_bytes(&said)));
}

static enum inro_err run_folder(const struct call *c, struct folder *f)
{
	AUTO(core_close_ptr) struct core *core = NULL;
	AUTO(cred_bulk_close_ptr) struct cred_bulk *bulk = NULL;
	const struct bulk_order order = { .ca = call_opt(c, "ca"),
					  .profile = call_opt(c, "profile"),
					  .days = (unsigned)call_number(c, "days", 0) };
	enum inro_err e = apart(f);
	if (!e)
		e = folder_list(f->in, &f->list);
	if (!e)
		e = office_open(c, &core);
	if (!e)
		e = cred_bulk_open(core, &order, &bulk);
	if (!e) /* what can't begin leaves what an earlier run has told */
		e = open_out(f);
	if (e)
		return e;
	progress_start(&f->progress, "requests", f->list.n);
	e = run_lots(f, bulk);
	progress_end(&f->progress);
	enum inro_err ended = finish(f);
	return e ? e : ended;
}

enum inro_err cert_bulk_run(const struct call *c, json_t **ret)
{
	SCOPED(folder)
	f = { .in = call_opt(c, "csr-dir"),
	      .out = call_opt(c, "out-dir"),
	      .fd = -1,
	      .devices = call_has(c, "devices"),
	      .errors = json_array() };
	int64_t since = clock_monotonic_ms();
	enum inro_err e = run_folder(c, &f);
	if (e && (f.issued || f.again))
		return err_context(e, "stopped after %zu of %zu requests; the same command goes on",
				   f.issued + f.again + f.refused, f.list.n);
	if (!e)
		e = json_give(result(&f, clock_monotonic_ms() - since), ret);
	if (!e && f.refused)
		e = err_set(INRO_E_POLICY, "%zu of %zu requests %s refused; %s/%s says why",
			    f.refused, f.list.n, f.refused == 1 ? "was" : "were", f.out, ERRORS_FILE);
	return e;
}
