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
	int failed;    /* errno of what did not get into the file */
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

static void note_failure(struct bad_rows *b)
{
	b->failed = errno ? errno : EIO;
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
		if (!b->file)
			note_failure(b);
	}
	if (b->file && (buf_err(&text) || fprintf(b->file, "%lld: %.*s\n", (long long)line,
						  (int)text.n, (const char *)text.p) < 0))
		note_failure(b);
}

static void end_bad_rows(struct bad_rows *b)
{
	if (b->file && fclose(b->file) != 0)
		note_failure(b);
}

static json_t *report_json(const struct import_report *r)
{
	return json_pack("{s:I s:I s:I s:I s:I}", "rows", (json_int_t)r->rows, "added",
			 (json_int_t)r->counts[IMPORT_ADDED], "updated",
			 (json_int_t)r->counts[IMPORT_UPDATED], "same",
			 (json_int_t)r->counts[IMPORT_SAME], "bad",
			 (json_int_t)r->counts[IMPORT_BAD]);
}

/* Which rows they were, or why the file does not say it. */
static void add_where_told(const struct bad_rows *b, struct buf *to)
{
	if (b->failed)
		buf_addf(to, "but %s can't be written: %s", b->path, strerror(b->failed));
	else
		buf_addf(to, "see %s", b->path);
}

static enum inro_err bad_rows_said(const struct import_report *r, const struct bad_rows *bad)
{
	const int64_t *n = r->counts;
	SCOPED(buf) where = { 0 };
	add_where_told(bad, &where);
	return err_set(INRO_E_SYNTAX,
		       "bad rows: %lld of %lld, %.*s; devices added: %lld, changed: %lld, as they were: %lld",
		       (long long)n[IMPORT_BAD], (long long)r->rows, (int)where.n, (const char *)where.p,
		       (long long)n[IMPORT_ADDED], (long long)n[IMPORT_UPDATED], (long long)n[IMPORT_SAME]);
}

static enum inro_err import_said(enum inro_err e, const struct import_report *r, const char *file,
				 const struct bad_rows *bad)
{
	if (e && !r->rows)
		return err_context(e, "%s", file);
	if (e)
		return err_context(e, "after %lld %s", (long long)r->rows, r->rows == 1 ? "row" : "rows");
	return r->counts[IMPORT_BAD] ? bad_rows_said(r, bad) : INRO_OK;
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
	enum inro_err e = open_rows(call_arg(c, 0), &from);
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
	end_bad_rows(&bad);
	e = import_said(e, &report, call_arg(c, 0), &bad);
	if (e)
		return e;
	if (!call_has(c, "errors")) /* that of an earlier import would be taken for this one's */
		(void)unlink(errors);
	e = json_give(report_json(&report), ret);
	if (!e)
		add_told(&report, &bad, *ret);
	if (!e && c->json)
		json_object_del(*ret, "told");
	return e;
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
		e = file_save_spool(rows_of, path, 0600);
	return e ? e : json_give(json_pack("{s:I s:o}", "devices", (json_int_t)rows, "file", json_of_text(path)), ret);
}
