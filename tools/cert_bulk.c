/*
 * cert_bulk - see cert_bulk.h.
 *
 * 1. IN/NAME.csr (.pem, .der, .req, .p10, or no ending) becomes OUT/NAME.pem; two requests of one
 *    NAME are refused both.
 * 2. A certificate's file is complete or absent, and on disk when the command ends.  What a run that
 *    was cut short has issued is written by the next one: requests are known again (bulk.h).
 * 3. OUT/errors has a line for each request that was refused: FILE, error and reason, with tabs
 *    between them.  There is no such file when none was.
 */
#include "tools/cert_bulk.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "backoffice/core/bulk.h"
#include "backoffice/pki/csr.h"
#include "backoffice/pki/pem.h"
#include "base/clock.h"
#include "base/file.h"
#include "tools/office.h"
#include "tools/progress.h"
#include "tools/text.h"

#define ERRORS_FILE "errors"
#define UNDER_WAY   ".inro-under-way"

struct request {
	char *file, *stem; /* of the folder */
	struct buf csr;
};

struct folder {
	const char *in, *out;
	struct request *items;
	size_t n, cap;
	int fd; /* of `out` */
	bool devices;
	size_t issued, again, refused;
	json_t *errors;
	struct buf lines; /* of OUT/errors */
	struct progress progress;
};

static void request_clear(struct request *r)
{
	free(r->file);
	free(r->stem);
	buf_clear(&r->csr);
}

static void folder_clear(struct folder *f)
{
	for (size_t i = 0; i < f->n; i++)
		request_clear(&f->items[i]);
	free(f->items);
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

/* ---- what there is to do ---- */

static const char *const endings[] = { ".csr", ".pem", ".der", ".req", ".p10" };

static char *stem_of(const char *file)
{
	size_t n = strlen(file);
	for (size_t i = 0; i < ARRAY_LEN(endings); i++) {
		size_t k = strlen(endings[i]);
		if (n > k && strcmp(file + n - k, endings[i]) == 0)
			return strndup(file, n - k);
	}
	return strdup(file);
}

static enum inro_err add_request(struct folder *f, const char *file)
{
	if (f->n == f->cap) {
		size_t cap = f->cap ? f->cap * 2 : 256;
		struct request *more = realloc(f->items, cap * sizeof *more);
		if (!more)
			return err_set(INRO_E_NO_MEMORY, "no memory for %zu requests", cap);
		f->items = more;
		f->cap = cap;
	}
	struct request *r = &f->items[f->n++];
	*r = (struct request) { .file = strdup(file), .stem = stem_of(file) };
	return r->file && r->stem ? INRO_OK : err_set(INRO_E_NO_MEMORY, "memory is short");
}

static int by_stem(const void *a, const void *b)
{
	const struct request *x = a, *y = b;
	int order = strcmp(x->stem, y->stem);
	return order ? order : strcmp(x->file, y->file);
}

static enum inro_err list_folder(struct folder *f)
{
	DIR *d = opendir(f->in);
	struct dirent *entry;
	enum inro_err e = INRO_OK;
	if (!d)
		return file_err(errno, f->in);
	while (!e && (entry = readdir(d)))
		if (entry->d_name[0] != '.' && entry->d_type != DT_DIR)
			e = add_request(f, entry->d_name);
	closedir(d);
	if (!e && f->n == 0)
		e = err_set(INRO_E_NOT_FOUND, "there is no request in %s", f->in);
	if (!e)
		qsort(f->items, f->n, sizeof *f->items, by_stem);
	return e;
}

static enum inro_err open_out(struct folder *f)
{
	enum inro_err e = file_make_dir(f->out);
	if (e)
		return e;
	f->fd = open(f->out, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (f->fd < 0)
		return file_err(errno, f->out);
	if (unlinkat(f->fd, ERRORS_FILE, 0) != 0 && errno != ENOENT)
		return file_err(errno, ERRORS_FILE);
	return INRO_OK;
}

/* ---- what came of it ---- */

static enum inro_err write_all(int fd, struct bytes content)
{
	while (content.n) {
		ssize_t n = write(fd, content.p, content.n);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return file_err(errno, "the certificate");
		content = BYTES(content.p + n, content.n - (size_t)n);
	}
	return INRO_OK;
}

/* Not on disk before the end: what is lost by then is written anew from the records. */
static enum inro_err write_cert(const struct folder *f, const char *stem, struct bytes pem)
{
	char name[NAME_MAX + 1];
	int n = snprintf(name, sizeof name, "%s.pem", stem), fd;
	if (n < 0 || (size_t)n >= sizeof name)
		return err_set(INRO_E_TOO_BIG, "the name %s.pem is too long", stem);
	fd = openat(f->fd, UNDER_WAY, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0644);
	if (fd < 0)
		return file_err(errno, f->out);
	enum inro_err e = write_all(fd, pem);
	if (close(fd) != 0 && !e)
		e = file_err(errno, name);
	if (!e && renameat(f->fd, UNDER_WAY, f->fd, name) != 0)
		e = file_err(errno, name);
	return e;
}

static enum inro_err give_cert(struct folder *f, const struct request *r, const struct bulk_row *row)
{
	SCOPED(buf) pem = { 0 };
	pem_add(&pem, PEM_CERT, blob_bytes(&row->rec.cert));
	enum inro_err e = buf_err(&pem);
	f->again += row->again;
	f->issued += !row->again;
	return e ? e : write_cert(f, r->stem, buf_bytes(&pem));
}

static void say_refused(struct folder *f, const struct request *r, enum inro_err e, const char *why)
{
	f->refused++;
	json_array_append_new(f->errors, json_pack("{s:o s:s s:o}", "file", json_of_text(r->file),
						   "error", err_name(e), "reason",
						   json_of_text(why)));
	text_add_safe(bytes_of(r->file), &f->lines);
	buf_addf(&f->lines, "\t%s\t", err_name(e));
	text_add_safe(bytes_of(why), &f->lines);
	buf_add_u8(&f->lines, '\n');
}

/* ---- batches ---- */

static bool is_twice(const struct folder *f, size_t i)
{
	const char *stem = f->items[i].stem;
	return (i && !strcmp(f->items[i - 1].stem, stem)) ||
	       (i + 1 < f->n && !strcmp(f->items[i + 1].stem, stem));
}

static enum inro_err read_request(const struct folder *f, size_t i)
{
	struct request *r = &f->items[i];
	AUTO(free_chars) char *path = file_join(f->in, r->file);
	if (is_twice(f, i))
		return err_set(INRO_E_EXISTS, "another request's certificate is called %s.pem, too",
			       r->stem);
	return path ? file_read(path, CSR_MAX, &r->csr) : INRO_E_NO_MEMORY;
}

struct lot {
	struct bulk_row rows[BULK_MAX];
	struct request *from[BULK_MAX];
	size_t n;
};

/* The next requests that can be read, as many as go into one transaction. */
static void fill_lot(struct folder *f, size_t *at, struct lot *lot)
{
	lot->n = 0;
	for (; *at < f->n && lot->n < BULK_MAX; (*at)++) {
		struct request *r = &f->items[*at];
		enum inro_err e = read_request(f, *at);
		if (e) {
			say_refused(f, r, e, err_detail(e));
			continue;
		}
		lot->from[lot->n] = r;
		lot->rows[lot->n++] = (struct bulk_row) {
			.csr = buf_bytes(&r->csr),
			.device = f->devices ? r->stem : NULL,
			.name = r->file,
		};
	}
}

static enum inro_err hand_out(struct folder *f, struct lot *lot)
{
	enum inro_err e = INRO_OK;
	for (size_t i = 0; i < lot->n; i++) {
		struct bulk_row *row = &lot->rows[i];
		if (row->error)
			say_refused(f, lot->from[i], row->error, row->why);
		else if (!e)
			e = give_cert(f, lot->from[i], row);
		bulk_row_clear(row);
		buf_clear(&lot->from[i]->csr);
	}
	return e;
}

static void lot_free(struct lot **lot)
{
	free(*lot);
}

static enum inro_err run_lots(struct folder *f, struct cred_bulk *bulk)
{
	AUTO(lot_free) struct lot *lot = calloc(1, sizeof *lot);
	size_t at = 0;
	enum inro_err e = lot ? INRO_OK : err_set(INRO_E_NO_MEMORY, "memory is short");
	while (!e && at < f->n) {
		fill_lot(f, &at, lot);
		e = cred_bulk_issue(bulk, lot->rows, lot->n);
		enum inro_err given = hand_out(f, lot);
		e = e ? e : given;
		progress_at(&f->progress, at);
	}
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
	enum inro_err e = syncfs(f->fd) == 0 ? INRO_OK : file_err(errno, f->out);
	return e ? e : write_errors(f);
}

static json_t *result(const struct folder *f, int64_t ms)
{
	double seconds = (double)(ms ? ms : 1) / 1e3, rate = (double)f->issued / seconds;
	SCOPED(buf) said = { 0 };
	buf_addf(&said, "%zu certificates issued, %zu had been before, %zu requests refused; "
			"%.1f s, %.0f a second\n",
		 f->issued, f->again, f->refused, seconds, rate);
	return json_pack("{s:I s:I s:I s:f s:f s:s s:O s:o}", "issued", (json_int_t)f->issued,
			 "again", (json_int_t)f->again, "refused", (json_int_t)f->refused,
			 "seconds", seconds, "per_second", rate, "folder", f->out, "errors",
			 f->errors, "summary", text_json(buf_bytes(&said)));
}

static enum inro_err run_folder(const struct call *c, struct folder *f)
{
	AUTO(core_close_ptr) struct core *core = NULL;
	AUTO(cred_bulk_close_ptr) struct cred_bulk *bulk = NULL;
	const struct bulk_order order = { .ca = call_opt(c, "ca"),
					  .profile = call_opt(c, "profile"),
					  .days = (unsigned)call_number(c, "days", 0) };
	enum inro_err e = list_folder(f);
	if (!e)
		e = open_out(f);
	if (!e)
		e = office_open(c, &core);
	if (!e)
		e = cred_bulk_open(core, &order, &bulk);
	if (e)
		return e;
	progress_start(&f->progress, "requests", f->n);
	e = run_lots(f, bulk);
	progress_end(&f->progress);
	enum inro_err ended = finish(f);
	return e ? e : ended;
}

enum inro_err cert_bulk_run(const struct call *c, json_t **ret)
{
	SCOPED(folder) f = { .in = call_opt(c, "csr-dir"),
			     .out = call_opt(c, "out-dir"),
			     .fd = -1,
			     .devices = call_has(c, "devices"),
			     .errors = json_array() };
	int64_t since = clock_monotonic_ms();
	enum inro_err e = run_folder(c, &f);
	if (e && (f.issued || f.again))
		return err_context(e, "stopped after %zu of %zu requests; the same command goes on",
				   f.issued + f.again + f.refused, f.n);
	if (!e)
		e = json_give(result(&f, clock_monotonic_ms() - since), ret);
	if (!e && f.refused)
		e = err_set(INRO_E_POLICY, "%zu of %zu requests were refused; %s/%s says why",
			    f.refused, f.n, f.out, ERRORS_FILE);
	return e;
}
