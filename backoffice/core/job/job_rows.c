/* job_rows - what jobs are about: rows of a file, or records that are found; see job_kinds.h. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/evp.h>

#include "backoffice/core/import.h"
#include "backoffice/core/job/job_kinds.h"
#include "backoffice/core/where.h"
#include "backoffice/pki/crypt.h"
#include "base/file.h"

/* ---- a file ---- */

struct job_file {
	struct import_source source;
	struct import_line lines[BATCH_MAX];
	size_t n;
};

static void drop_md(EVP_MD_CTX **md)
{
	EVP_MD_CTX_free(*md);
}

/* The SHA-256 of all of it as hex with its NUL; *ret_lines: ends of lines. */
static enum inro_err digest_file(FILE *f, const char *path, struct buf *ret_hex, int64_t *ret_lines)
{
	AUTO(drop_md) EVP_MD_CTX *md = EVP_MD_CTX_new();
	uint8_t room[65536], hash[PKI_DIGEST_MAX];
	unsigned hash_n = 0;
	size_t n;

	*ret_lines = 0;
	if (!md || !EVP_DigestInit_ex(md, crypt_md(PKI_SHA256), NULL))
		return crypt_err("making a digest");
	while ((n = fread(room, 1, sizeof room, f)) != 0) {
		if (!EVP_DigestUpdate(md, room, n))
			return crypt_err("digesting a file");
		for (size_t i = 0; i < n; i++)
			*ret_lines += room[i] == '\n';
	}
	if (ferror(f) || fseeko(f, 0, SEEK_SET) != 0)
		return file_err(errno, path);
	if (!EVP_DigestFinal_ex(md, hash, &hash_n))
		return crypt_err("making a digest");
	buf_add_hex(ret_hex, BYTES(hash, hash_n));
	buf_add_u8(ret_hex, 0);
	return buf_err(ret_hex);
}

static void close_stream(FILE **f)
{
	if (*f)
		fclose(*f);
}

bool job_has_rows(const struct job_run *r)
{
	return job_arg(r, "in") || job_arg(r, "rows");
}

/* Lines that are none of the rows: "sep=;", and what names the columns.  What can't be read is told when the job
 * runs. */
static int64_t lines_before(FILE *f, enum charset charset)
{
	struct import_source *s = calloc(1, sizeof *s);
	int64_t n = 1;

	rewind(f);
	if (s) {
		s->csv.from = f;
		s->csv.charset = charset;
		if (import_open(s) == INRO_OK)
			n = s->start.line + !s->bare;
		err_reset();
	}
	free(s);
	return n;
}

static enum inro_err charset_of(const struct job_run *r, enum charset *ret)
{
	const char *name = job_arg(r, "encoding");

	*ret = CHARSET_UTF8;
	if (name && !job_has_rows(r))
		return err_set(INRO_E_ARG, "--encoding is for rows of a file");
	return name ? charset_named(name, ret) : INRO_OK;
}

static enum inro_err plan_path(struct job_run *r, enum charset charset)
{
	AUTO(free_chars) char *path = realpath(job_arg(r, "in"), NULL);
	AUTO(close_stream) FILE *f = path ? fopen(path, "re") : NULL;
	SCOPED(buf) hex = { 0 };
	enum inro_err e;

	if (!f)
		return file_err(errno, job_arg(r, "in"));
	e = digest_file(f, path, &hex, &r->job.total);
	if (e == INRO_OK && import_format_of(path) == IMPORT_CSV && r->job.total)
		r->job.total -= lines_before(f, charset);
	if (e == INRO_OK)
		e = job_arg_set(r, "in", path);
	return e == INRO_OK ? job_arg_set(r, "sha256", (const char *)hex.p) : e;
}

/* What is sent is counted when it is kept. */
enum inro_err job_file_plan(struct job_run *r)
{
	enum charset charset;
	enum inro_err e = charset_of(r, &charset);

	return e == INRO_OK && job_arg(r, "in") ? plan_path(r, charset) : e;
}

static enum inro_err check_file(const struct job_run *r, FILE *f)
{
	SCOPED(buf) hex = { 0 };
	int64_t lines;
	enum inro_err e = digest_file(f, job_arg(r, "in"), &hex, &lines);

	if (e == INRO_OK && strcmp((const char *)hex.p, text_or_empty(job_arg(r, "sha256"))) != 0)
		e = err_set(INRO_E_POLICY,
			    "%s is not the file that job %lld was started with; put that one back, "
			    "or cancel the job and start another",
			    job_arg(r, "in"), (long long)r->job.id);
	return e;
}

static enum inro_err go_to_cursor(struct job_file *f, const char *cursor)
{
	long long offset, line;

	if (!*text_or_empty(cursor))
		return INRO_OK;
	if (sscanf(cursor, "%lld:%lld", &offset, &line) != 2)
		return err_set(INRO_E_DAMAGED, "the job's place in its file can't be read");
	return import_seek(&f->source, (struct import_place) { offset, line });
}

static enum inro_err open_path(struct job_run *r, struct job_file *f)
{
	const char *path = job_arg(r, "in");

	f->source.format = import_format_of(path);
	f->source.csv.from = fopen(path, "re");
	return f->source.csv.from ? check_file(r, f->source.csv.from) : file_err(errno, path);
}

static enum inro_err open_sent(struct job_run *r, struct job_file *f)
{
	f->source.format = strcmp(text_or_empty(job_arg(r, "rows")), "csv") == 0 ? IMPORT_CSV
									       : IMPORT_JSON_LINES;
	f->source.csv.from = job_rows_open(r);
	return f->source.csv.from ? INRO_OK : err_set(INRO_E_NO_MEMORY, "no memory for rows");
}

enum inro_err job_file_open(struct job_run *r, struct job_file **ret)
{
	struct job_file *f = calloc(1, sizeof *f);
	enum inro_err e;

	*ret = f;
	if (!f)
		return err_set(INRO_E_NO_MEMORY, "no memory for a file");
	e = charset_of(r, &f->source.csv.charset);
	if (e == INRO_OK)
		e = (job_arg(r, "in") ? open_path : open_sent)(r, f);
	if (e == INRO_OK) {
		e = import_open(&f->source);
		if (e != INRO_OK && job_arg(r, "in"))
			e = err_context(e, "%s", job_arg(r, "in"));
	}
	return e == INRO_OK && !r->lot.ended ? go_to_cursor(f, r->job.cursor) : e;
}

static void clear_lines(struct job_file *f)
{
	for (size_t i = 0; i < f->n; i++)
		import_line_clear(&f->lines[i]);
	f->n = 0;
}

void job_file_close(struct job_file *f)
{
	if (!f)
		return;
	clear_lines(f);
	if (f->source.csv.from)
		fclose(f->source.csv.from);
	free(f);
}

static enum inro_err take_line(struct job_run *r, struct job_file *f)
{
	const struct import_line *l = &f->lines[f->n - 1];
	struct batch_result *result = &r->lot.results[r->lot.n];
	char name[32];
	enum inro_err e;

	snprintf(name, sizeof name, "line %lld", (long long)l->number);
	e = job_row_add(r, name);
	if (e != INRO_OK || !l->error)
		return e;
	result->skip = true;
	result->error = l->error;
	return text_set(&result->why, l->why);
}

enum inro_err job_file_next(struct job_run *r, struct job_file *f)
{
	char cursor[64];
	struct import_place at;
	enum inro_err e = INRO_OK;

	clear_lines(f);
	while (e == INRO_OK && f->n < BATCH_MAX) {
		e = import_read(&f->source, &f->lines[f->n]);
		if (e != INRO_OK || f->source.csv.ended)
			break;
		f->n++;
		e = take_line(r, f);
	}
	r->lot.ended = f->source.csv.ended;
	at = import_tell(&f->source);
	snprintf(cursor, sizeof cursor, "%lld:%lld", (long long)at.offset, (long long)at.line);
	return e == INRO_OK ? text_set(&r->lot.cursor, cursor) : e;
}

const struct import_line *job_file_line(const struct job_file *f, size_t i)
{
	return &f->lines[i];
}

/* ---- records ---- */

struct job_found {
	const struct job_search *search;
	struct where where;
	void *items;
	size_t n;
};

static void found_clear(struct job_found *f)
{
	list_free(f->search->kind->type, f->items, f->n);
	where_clear(&f->where);
}

static enum inro_err last_number(struct core *c, const struct record_type *t, int64_t *ret)
{
	const struct store_cond mine = { .field = "tenant", .number = c->tenant };
	const struct store_query q = { .conds = &mine, .n = 1, .limit = 1, .backward = true };
	void *items = NULL;
	size_t n = 0;
	enum inro_err e = core_all(c, t, &q, &items, &n);

	*ret = 0;
	if (e == INRO_OK && n)
		memcpy(ret, (char *)items + t->fields[0].offset, sizeof *ret);
	list_free(t, items, n);
	return e;
}

static enum inro_err parse_search(struct job_run *r, const struct job_search *s, int64_t last,
				  struct where *ret)
{
	enum inro_err e = where_parse(r->c, s->kind, job_arg(r, "where"), ret);

	if (e == INRO_OK && s->more)
		e = s->more(r, ret);
	if (e == INRO_OK)
		e = where_add(ret, (struct store_cond) {
					   .field = "id", .op = STORE_LT, .number = last + 1 });
	return e;
}

enum inro_err job_search_plan(struct job_run *r, const struct job_search *s)
{
	char text[24];
	SCOPED(where) w = { 0 };
	int64_t last;
	enum inro_err e = last_number(r->c, s->kind->type, &last);

	snprintf(text, sizeof text, "%lld", (long long)last);
	if (e == INRO_OK)
		e = job_arg_set(r, "last", text);
	if (e == INRO_OK)
		e = parse_search(r, s, last, &w);
	return e == INRO_OK ? where_count(r->c, &w, &r->job.total) : e;
}

enum inro_err job_search_open(struct job_run *r, const struct job_search *s, struct job_found **ret)
{
	struct job_found *f = calloc(1, sizeof *f);

	*ret = f;
	if (!f)
		return err_set(INRO_E_NO_MEMORY, "no memory for a search");
	f->search = s;
	return parse_search(r, s, strtoll(text_or_empty(job_arg(r, "last")), NULL, 10), &f->where);
}

void job_found_close(struct job_found *f)
{
	if (f)
		found_clear(f);
	free(f);
}

enum inro_err job_search_next(struct job_run *r, struct job_found *f, size_t most)
{
	const struct where_page page = { .after = r->job.cursor, .limit = most, .steady = true };
	enum inro_err e;

	list_free(f->search->kind->type, f->items, f->n);
	f->items = NULL;
	f->n = 0;
	e = where_find(r->c, &f->where, &page, &f->items, &f->n, &r->lot.cursor);
	for (size_t i = 0; e == INRO_OK && i < f->n; i++)
		e = job_row_add(r, f->search->name(job_found_record(f, i)));
	r->lot.ended = r->lot.cursor == NULL;
	return e;
}

void *job_found_record(const struct job_found *f, size_t i)
{
	return (char *)f->items + i * f->search->kind->type->size;
}

enum inro_err job_found_foresee(struct core *c, const struct job_found *f, const char *has, const struct record_type *t,
				const char *field)
{
	const struct store_cond its = { .field = field };
	const struct store_query q = { .conds = &its, .n = 1 };
	const struct field *from = record_field(f->search->kind->type, has);
	struct store_place *places = calloc(f->n + 1, sizeof *places);
	const struct store_alike alike = { &q, 0, places, f->n };
	enum inro_err e = places ? INRO_OK : err_set(INRO_E_NO_MEMORY, "no memory for %zu rows", f->n);

	for (size_t i = 0; e == INRO_OK && i < f->n; i++)
		memcpy(&places[i].number, (char *)job_found_record(f, i) + from->offset, sizeof places[i].number);
	if (e == INRO_OK)
		e = store_foresee(c->store, t, &alike);
	free(places);
	return e;
}
