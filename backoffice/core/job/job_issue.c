/*
 * job_issue - a certificate for each request of a folder, or for each row that was sent, by bulk.h: to
 * issue again what was issued gives the same certificate.
 *
 * While a lot is issued the next one is there, for bulk.h to read ahead.  Of that nothing is on record:
 * a job that is cut off reads it again.
 */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "backoffice/core/approval.h"
#include "backoffice/core/attested.h"
#include "backoffice/core/authority.h"
#include "backoffice/core/bulk.h"
#include "backoffice/core/folder.h"
#include "backoffice/core/import.h"
#include "backoffice/core/issuing.h"
#include "backoffice/core/job/job_kinds.h"
#include "backoffice/pki/pem.h"
#include "base/ahead.h"

/* The requests of a lot; those that can be read are bulk.h's, one behind the other. */
struct requests {
	struct job_lot lot; /* while it is the next one */
	struct verdict filled;
	const struct folder_request *from[BATCH_MAX];
	struct buf csrs[BATCH_MAX];
	char *devices[BATCH_MAX]; /* of those that were sent */
	struct bulk_row rows[BATCH_MAX];
	size_t at[BATCH_MAX]; /* where each of `rows` is in the lot */
	size_t n;
};

struct bulking {
	struct job_file *file; /* NULL: a folder's requests */
	struct folder_list list;
	size_t at; /* of the next lot */
	int fd;
	struct cred_bulk *bulk;
	struct requests *now, *next;
	bool begun; /* `next` was filled */
};

/* What no request could be issued for is refused before there is a job of it. */
static enum inro_err check_desk(const struct job_run *r, unsigned days)
{
	SCOPED(ca) ca = { 0 };
	SCOPED(issue_desk) desk = { 0 };
	const struct cred_request request = { .ca = job_arg(r, "ca"),
					      .profile = job_arg(r, "profile"),
					      .days = days };
	const struct issuing in = { .request = &request, .ca = &ca };
	enum inro_err e = ca_load(r->c, request.ca, &ca);

	if (e == INRO_OK)
		e = desk_open(r->c, &in, &desk);
	if (e == INRO_OK)
		e = attested_refuse(&desk.profile);
	return e == INRO_OK && desk.profile.approve ? approval_refuse(r->c, &desk, 0) : e;
}

static enum inro_err plan_folders(struct job_run *r)
{
	SCOPED(folder_list) l = { 0 };
	enum inro_err e = INRO_OK;

	if (!job_arg(r, "csr-dir") || !job_arg(r, "out-dir"))
		e = err_set(INRO_E_ARG, "a job 'issue' needs --csr-dir and --out-dir");
	if (e == INRO_OK)
		e = job_folder_plan(r, "csr-dir", false);
	if (e == INRO_OK)
		e = job_folder_plan(r, "out-dir", true);
	if (e == INRO_OK)
		e = folder_list(job_arg(r, "csr-dir"), &l);
	r->job.total = (int64_t)l.n;
	return e;
}

static enum inro_err issue_plan(struct job_run *r)
{
	unsigned days = 0;
	enum inro_err e = job_days(r, &days);

	if (e == INRO_OK)
		e = job_file_plan(r);
	if (e == INRO_OK)
		e = check_desk(r, days);
	return e == INRO_OK && !job_has_rows(r) ? plan_folders(r) : e;
}

/* The place of a request in the order of the list: STEM/FILE, for two files may have one stem. */
static bool is_behind(const struct folder_request *r, const char *stem, const char *file)
{
	int order = strcmp(r->stem, stem);

	return order > 0 || (order == 0 && strcmp(r->file, file) > 0);
}

/* Names of files are octets of any kind, and a database has UTF-8: what is not plain is %XX. */
static void add_plain(struct buf *to, const char *name)
{
	for (const unsigned char *s = (const unsigned char *)name; *s; s++)
		if (*s > ' ' && *s < 0x7f && *s != '%')
			buf_add_u8(to, *s);
		else
			buf_addf(to, "%%%02x", *s);
}

static void read_plain(char *text)
{
	char *to = text;

	for (const char *s = text; *s; s++) {
		unsigned x;

		if (*s == '%' && isxdigit((unsigned char)s[1]) && isxdigit((unsigned char)s[2]) &&
		    sscanf(s + 1, "%2x", &x) == 1 && x) {
			*to++ = (char)x;
			s += 2;
		} else {
			*to++ = *s;
		}
	}
	*to = 0;
}

/* Behind the last request that is done. */
static enum inro_err go_on(struct bulking *b, const char *cursor)
{
	AUTO(free_chars) char *stem = NULL;
	enum inro_err e = text_set(&stem, cursor);
	char *file = stem ? strchr(stem, '/') : NULL;

	if (e != INRO_OK || !file)
		return e;
	*file++ = 0;
	read_plain(stem);
	read_plain(file);
	while (b->at < b->list.n && !is_behind(&b->list.items[b->at], stem, file))
		b->at++;
	return INRO_OK;
}

static enum inro_err place_of(const struct folder_request *r, char **ret)
{
	SCOPED(buf) cursor = { 0 };
	enum inro_err e;

	add_plain(&cursor, r->stem);
	buf_add_u8(&cursor, '/');
	add_plain(&cursor, r->file);
	buf_add_u8(&cursor, 0);
	e = buf_err(&cursor);
	return e == INRO_OK ? text_set(ret, (const char *)cursor.p) : e;
}

static enum inro_err open_folders(struct job_run *r, struct bulking *b)
{
	enum inro_err e = folder_list(job_arg(r, "csr-dir"), &b->list);

	if (e == INRO_OK)
		e = folder_open(job_arg(r, "out-dir"), &b->fd);
	return e == INRO_OK ? go_on(b, r->job.cursor) : e;
}

/* A token may take seconds for a signature: a lot is no step that the lease is sure to cover. */
static enum inro_err goes_on(void *run)
{
	return job_goes_on(run);
}

static enum inro_err issue_open(struct job_run *r)
{
	struct bulk_order order = { .ca = job_arg(r, "ca"),
				    .profile = job_arg(r, "profile"),
				    .goes_on = goes_on,
				    .arg = r };
	struct bulking *b = calloc(1, sizeof *b);
	enum inro_err e;

	if (!b)
		return err_set(INRO_E_NO_MEMORY, "no memory for a job");
	b->fd = -1;
	r->own = b;
	b->now = calloc(1, sizeof *b->now);
	b->next = calloc(1, sizeof *b->next);
	if (!b->now || !b->next)
		return err_set(INRO_E_NO_MEMORY, "no memory for a job");
	e = job_days(r, &order.days);
	if (e == INRO_OK)
		e = job_has_rows(r) ? job_file_open(r, &b->file) : open_folders(r, b);
	return e == INRO_OK ? cred_bulk_open(r->c, &order, &b->bulk) : e;
}

/* ---- a lot's requests ---- */

static void requests_clear(struct requests *q)
{
	for (size_t i = 0; i < BATCH_MAX; i++) {
		bulk_row_clear(&q->rows[i]);
		buf_clear(&q->csrs[i]);
		free(q->devices[i]);
		q->devices[i] = NULL;
	}
	job_lot_clear(&q->lot);
	verdict_clear(&q->filled);
	q->n = 0;
}

static void requests_free(struct requests *q)
{
	if (q)
		requests_clear(q);
	free(q);
}

static void add_ready(struct job_run *r, struct requests *q, size_t i, const char *device)
{
	q->at[q->n] = i;
	q->rows[q->n++] = (struct bulk_row) {
		.csr = buf_bytes(&q->csrs[i]),
		.device = device,
		.name = r->lot.names[i],
	};
}

/* What is not about this one would be no better with the next: of a disk, or a limit. */
static enum inro_err row_unread(struct job_run *r, size_t i, enum inro_err e)
{
	if (!core_is_rows_fault(e))
		return e;
	r->lot.results[i].skip = true;
	return batch_result_bad(&r->lot.results[i], e);
}

static enum inro_err take_request(struct job_run *r, struct requests *q, size_t i)
{
	struct bulking *b = r->own;
	const struct folder_request *from = &b->list.items[b->at++];
	enum inro_err e = job_row_add(r, from->file);

	q->from[i] = from;
	if (e != INRO_OK)
		return e;
	e = folder_read(job_arg(r, "csr-dir"), from, &q->csrs[i]);
	if (e != INRO_OK)
		return row_unread(r, i, e);
	add_ready(r, q, i, job_arg(r, "devices") ? from->stem : NULL);
	return INRO_OK;
}

/* One that was sent: base64, with or without PEM's lines around it. */
static enum inro_err sent_request(const struct import_line *l, struct buf *ret)
{
	const char *csr = l->values[IMPORT_CSR];

	if (!csr)
		return err_set(INRO_E_ARG, "the row has no csr");
	if (!pem_is(bytes_of(csr)))
		return pem_base64(bytes_of(csr), ret);
	buf_add_str(ret, csr);
	return buf_err(ret);
}

/* The file has room for the rows of one lot. */
static enum inro_err take_sent(struct job_run *r, struct requests *q, size_t i)
{
	const struct bulking *b = r->own;
	const struct import_line *l = job_file_line(b->file, i);
	enum inro_err e;

	if (r->lot.results[i].skip)
		return INRO_OK;
	e = sent_request(l, &q->csrs[i]);
	if (e == INRO_OK)
		e = text_set(&q->devices[i], l->values[IMPORT_ID]);
	if (e != INRO_OK)
		return row_unread(r, i, e);
	add_ready(r, q, i, q->devices[i]);
	return INRO_OK;
}

static enum inro_err fill_sent(struct job_run *r, struct requests *q)
{
	struct bulking *b = r->own;
	enum inro_err e = job_file_next(r, b->file);

	for (size_t i = 0; e == INRO_OK && i < r->lot.n; i++)
		e = take_sent(r, q, i);
	return e;
}

static enum inro_err fill_found(struct job_run *r, struct requests *q)
{
	struct bulking *b = r->own;
	enum inro_err e = INRO_OK;

	for (size_t i = 0; e == INRO_OK && i < BATCH_MAX && b->at < b->list.n; i++)
		e = take_request(r, q, i);
	r->lot.ended = b->at == b->list.n;
	if (e == INRO_OK && r->lot.n)
		e = place_of(q->from[r->lot.n - 1], &r->lot.cursor);
	return e;
}

static enum inro_err fill(struct job_run *r, struct requests *q)
{
	const struct bulking *b = r->own;

	requests_clear(q);
	return (b->file ? fill_sent : fill_found)(r, q);
}

/* The lot behind this one.  What can't be read of it is told when it is its turn. */
static void fill_next(struct job_run *r)
{
	struct bulking *b = r->own;
	struct job_lot now = r->lot;
	enum inro_err e;

	r->lot = (struct job_lot) { 0 };
	e = fill(r, b->next);
	(void)verdict_keep(&b->next->filled, e);
	b->next->lot = r->lot;
	b->begun = true;
	r->lot = now;
}

static enum inro_err take_begun(struct job_run *r)
{
	struct bulking *b = r->own;
	struct requests *was = b->now;

	b->now = b->next;
	b->next = was;
	b->begun = false;
	r->lot = b->now->lot;
	b->now->lot = (struct job_lot) { 0 };
	return verdict_say(&b->now->filled);
}

static enum inro_err issue_next(struct job_run *r)
{
	struct bulking *b = r->own;
	enum inro_err e = b->begun ? take_begun(r) : fill(r, b->now);

	if (e == INRO_OK && !r->lot.ended)
		fill_next(r);
	return e;
}

/* Those that could be read are issued in one call. */
static enum inro_err issue_ready(struct job_run *r)
{
	struct bulking *b = r->own;
	struct requests *q = b->now;
	enum inro_err e = cred_bulk_issue_ahead(
		b->bulk, (struct bulk_lot) { q->rows, q->n },
		(struct bulk_lot) { b->next->rows, b->begun ? b->next->n : 0 });

	for (size_t i = 0; e == INRO_OK && i < q->n; i++) {
		struct batch_result *result = &r->lot.results[q->at[i]];

		r->lot.same[q->at[i]] = q->rows[i].again;
		result->error = q->rows[i].error;
		e = text_set(&result->why, q->rows[i].why);
	}
	return e;
}

static enum inro_err issue_after(struct job_run *r)
{
	struct bulking *b = r->own;
	const struct requests *q = b->now;
	enum inro_err e = INRO_OK;

	for (size_t i = 0; e == INRO_OK && i < q->n; i++) {
		const struct bulk_row *row = &q->rows[i];

		if (row->error)
			continue;
		if (b->file)
			r->lot.given[q->at[i]] = row->rec.id;
		else
			e = folder_write(b->fd, q->from[q->at[i]]->stem, blob_bytes(&row->rec.cert));
	}
	return e == INRO_OK && !b->file ? folder_sync(b->fd, job_arg(r, "out-dir")) : e;
}

static void issue_close(struct job_run *r)
{
	struct bulking *b = r->own;

	if (!b)
		return;
	cred_bulk_close(b->bulk); /* who reads ahead is at the rows until then */
	requests_free(b->now);
	requests_free(b->next);
	job_file_close(b->file);
	folder_list_clear(&b->list);
	if (b->fd >= 0)
		close(b->fd);
	free(b);
	r->own = NULL;
}

const struct job_kind job_issue = {
	.name = "issue",
	.takes = { "csr-dir", "out-dir", "ca", "profile", "days", "devices", "encoding" },
	.needs = { "ca", "profile" },
	.rows = true,
	.plan = issue_plan,
	.open = issue_open,
	.next = issue_next,
	.ready = issue_ready,
	.after = issue_after,
	.close = issue_close,
	.repeats = true,
};
