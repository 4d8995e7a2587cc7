/* noun_device_file - devices from a file and into one. */
#include "backoffice/core/import.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "backoffice/core/json.h"
#include "base/file.h"
#include "tools/anchor_told.h"
#include "tools/nouns.h"
#include "tools/office.h"
#include "tools/text.h"

/* Bad rows, in a file that is made when there is one. */
struct bad_rows {
	const char *path;
	FILE *file;
	bool failed;
	json_t *again; /* devices with the trust anchor of a deleted one */
};

static void tell_again(void *arg, int64_t line, const char *id, const char *before)
{
	struct bad_rows *b = arg;
	anchor_told_add(b->again, json_pack("{s:I s:s s:s}", "line", (json_int_t)line, "id", id, "before", before));
}

/* The end of the sentence for people. */
static void add_told(const struct import_report *r, const struct bad_rows *b, json_t *doc)
{
	json_object_set_new(doc, "anchors_before", json_incref(b->again));
	json_object_set_new(doc, "told", anchor_told_words(r->again, b->again));
}

/* In UTF-8, whatever the file is in. */
static void tell_bad_row(void *arg, int64_t line, const char *why)
{
	struct bad_rows *b = arg;
	SCOPED(buf) text = { 0 };
	text_add_safe(bytes_of(why), &text);
	if (!b->file && !b->failed) {
		int fd = open(b->path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
		b->file = fd < 0 ? NULL : fdopen(fd, "w");
		b->failed = !b->file;
	}
	if (b->file && (buf_err(&text) || fprintf(b->file, "%lld: %.*s\n", (long long)line,
						  (int)text.n, (const char *)text.p) < 0))
		b->failed = true;
}

static enum inro_err end_bad_rows(struct bad_rows *b)
{
	if (b->file && fclose(b->file) != 0)
		b->failed = true;
	return b->failed
		       ? err_set(INRO_E_IO, "%s can't be written; the good rows are done", b->path)
		       : INRO_OK;
}

static json_t *report_json(const struct import_report *r)
{
	return json_pack("{s:I s:I s:I s:I s:I}", "rows", (json_int_t)r->rows, "added",
			 (json_int_t)r->counts[IMPORT_ADDED], "updated",
			 (json_int_t)r->counts[IMPORT_UPDATED], "same",
			 (json_int_t)r->counts[IMPORT_SAME], "bad",
			 (json_int_t)r->counts[IMPORT_BAD]);
}

static enum inro_err import_said(enum inro_err e, const struct import_report *r, const char *file, const char *errors)
{
	const int64_t *n = r->counts;
	if (e && !r->rows)
		return err_context(e, "%s", file);
	if (e)
		return err_context(e, "after %lld %s", (long long)r->rows, r->rows == 1 ? "row" : "rows");
	if (!n[IMPORT_BAD])
		return INRO_OK;
	return err_set(
		INRO_E_SYNTAX,
		"bad rows: %lld of %lld, see %s; devices added: %lld, changed: %lld, as they were: "
		"%lld",
		(long long)n[IMPORT_BAD], (long long)r->rows, errors, (long long)n[IMPORT_ADDED],
		(long long)n[IMPORT_UPDATED], (long long)n[IMPORT_SAME]);
}

static void close_file(FILE **f)
{
	if (*f)
		fclose(*f);
}

static enum inro_err open_rows(const char *path, FILE **ret)
{
	struct stat st;
	bool from_stdin = !strcmp(path, "-");
	int in = -1;
	enum inro_err e = from_stdin ? file_stdin(&in) : INRO_OK;
	if (e)
		return e;
	*ret = from_stdin ? fdopen(in, "r") : fopen(path, "re");
	if (!*ret)
		return file_err(errno, path);
	return fstat(fileno(*ret), &st) == 0 && S_ISDIR(st.st_mode) ? file_err(EISDIR, path) : INRO_OK;
}

enum inro_err device_import_check(const struct call *c)
{
	if (strcmp(call_arg(c, 0), "-") || call_has(c, "errors"))
		return INRO_OK;
	return err_set(INRO_E_ARG, "rows from standard input need --errors FILE, for those that are bad");
}

/* As --format says, else as the file is called. */
static enum import_format rows_format(const struct call *c)
{
	const char *format = call_opt(c, "format");
	if (!format)
		return import_format_of(call_arg(c, 0));
	return strcmp(format, "jsonl") ? IMPORT_CSV : IMPORT_JSON_LINES;
}

enum inro_err device_import_run(const struct call *c, json_t **ret)
{
	AUTO(core_close_ptr) struct core *core = NULL;
	AUTO(free_chars) char *errors = NULL;
	AUTO(close_file) FILE *from = NULL;
	AUTO(json_drop) json_t *again = json_array();
	struct bad_rows bad = { .again = again };
	struct import_options o = { .update = call_has(c, "update"),
				    .format = rows_format(c),
				    .bad = tell_bad_row,
				    .again = tell_again,
				    .arg = &bad };
	struct import_report report = { 0 };
	enum inro_err e = open_rows(call_arg(c, 0), &from), told;
	if (!e && call_has(c, "encoding"))
		e = charset_named(call_opt(c, "encoding"), &o.charset);
	if (e)
		return e;
	if (asprintf(&errors, "%s.errors", call_arg(c, 0)) < 0)
		return err_set(INRO_E_NO_MEMORY, "memory is short");
	bad.path = call_has(c, "errors") ? call_opt(c, "errors") : errors;
	e = office_open(c, &core);
	if (!e)
		e = import_devices(core, from, &o, &report);
	e = import_said(e, &report, call_arg(c, 0), bad.path);
	told = end_bad_rows(&bad);
	if (e || told)
		return e ? e : told;
	if (!call_has(c, "errors")) /* that of an earlier import would be taken for this one's */
		(void)unlink(errors);
	e = json_give(report_json(&report), ret);
	if (!e)
		add_told(&report, &bad, *ret);
	if (!e && c->json)
		json_object_del(*ret, "told");
	return e;
}

static enum inro_err pull_rows(void *arg, struct bytes *ret)
{
	static uint8_t room[1 << 16];
	size_t n = fread(room, 1, sizeof room, arg);
	*ret = BYTES(room, n);
	return ferror((FILE *)arg) ? file_err(errno, "a temporary file") : INRO_OK;
}

/* What was written gets the file's name; what can't be named (a pipe) is written into. */
static enum inro_err save_rows(FILE *rows_of, const char *path)
{
	enum inro_err e = fflush(rows_of) == 0 ? file_name_it(fileno(rows_of), path, 0600)
					       : file_err(errno, path);
	if (e != INRO_E_UNSUPPORTED)
		return e;
	rewind(rows_of);
	return file_write_pulled(path, 0600, pull_rows, rows_of);
}

/* The file is complete, or as it was before: all rows are there before it is touched. */
enum inro_err device_export_run(const struct call *c, json_t **ret)
{
	AUTO(core_close_ptr) struct core *core = NULL;
	AUTO(close_file) FILE *rows_of = NULL;
	const char *path = out_file(c);
	const char *format = call_opt(c, "format");
	struct device_search s = { .where = call_opt(c, "where"),
				   .sort = "id",
				   .filter.with_deleted = call_has(c, "all") };
	int64_t rows = 0;
	enum inro_err e = file_check_target(path);
	if (!e)
		e = office_open(c, &core);
	if (!e && !(rows_of = file_spool(path)))
		e = file_err(errno, path);
	if (!e)
		e = export_devices(core, &s,
				   format && !strcmp(format, "jsonl") ? EXPORT_JSON_LINES : EXPORT_CSV, rows_of,
				   &rows);
	if (!e)
		e = save_rows(rows_of, path);
	return e ? e : json_give(json_pack("{s:I s:o}", "devices", (json_int_t)rows, "file", json_of_text(path)), ret);
}
