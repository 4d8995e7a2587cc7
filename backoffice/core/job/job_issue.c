/* job_issue - a certificate for each request of a folder, or for each row that was sent, by bulk.h: to
 * issue again what was issued gives the same certificate. */
#include <limits.h>
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

struct bulking {
	struct job_file *file; /* NULL: a folder's requests */
	struct folder_list list;
	size_t at; /* of the next lot */
	int fd;
	struct cred_bulk *bulk;
	const struct folder_request *from[BATCH_MAX];
	struct buf csrs[BATCH_MAX];
	struct bulk_row rows[BATCH_MAX];
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
		e = check_desk(r, days);
	return e == INRO_OK && !job_has_rows(r) ? plan_folders(r) : e;
}

/* The place of a request in the order of the list: STEM/FILE, for two files may have one stem. */
static bool is_behind(const struct folder_request *r, const char *cursor)
{
	size_t n = strcspn(cursor, "/");
	AUTO(free_chars) char *stem = strndup(cursor, n);
	int order = stem ? strcmp(r->stem, stem) : 1;

	return order > 0 || (order == 0 && cursor[n] && strcmp(r->file, cursor + n + 1) > 0);
}

/* Behind the last request that is done. */
static void go_on(struct bulking *b, const char *cursor)
{
	while (*text_or_empty(cursor) && b->at < b->list.n &&
	       !is_behind(&b->list.items[b->at], cursor))
		b->at++;
}

static enum inro_err place_of(const struct folder_request *r, char **ret)
{
	char cursor[2 * NAME_MAX + 2];

	snprintf(cursor, sizeof cursor, "%s/%s", r->stem, r->file);
	return text_set(ret, cursor);
}

static enum inro_err open_folders(struct job_run *r, struct bulking *b)
{
	enum inro_err e = folder_list(job_arg(r, "csr-dir"), &b->list);

	if (e == INRO_OK)
		e = folder_open(job_arg(r, "out-dir"), &b->fd);
	if (e == INRO_OK)
		go_on(b, r->job.cursor);
	return e;
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
	e = job_days(r, &order.days);
	if (e == INRO_OK)
		e = job_has_rows(r) ? job_file_open(r, &b->file) : open_folders(r, b);
	return e == INRO_OK ? cred_bulk_open(r->c, &order, &b->bulk) : e;
}

static void clear_rows(struct bulking *b)
{
	for (size_t i = 0; i < BATCH_MAX; i++) {
		bulk_row_clear(&b->rows[i]);
		buf_clear(&b->csrs[i]);
	}
}

static enum inro_err take_request(struct job_run *r, struct bulking *b, size_t i)
{
	const struct folder_request *from = &b->list.items[b->at++];
	enum inro_err e = job_row_add(r, from->file), unread;

	b->from[i] = from;
	if (e != INRO_OK)
		return e;
	unread = folder_read(job_arg(r, "csr-dir"), from, &b->csrs[i]);
	/* Of a disk or a limit that is not about this one; the next would fare no better. */
	if (unread != INRO_OK && !core_is_rows_fault(unread))
		return unread;
	if (unread != INRO_OK) {
		r->lot.results[i].skip = true;
		return batch_result_bad(&r->lot.results[i], unread);
	}
	b->rows[i] = (struct bulk_row) {
		.csr = buf_bytes(&b->csrs[i]),
		.device = job_arg(r, "devices") ? from->stem : NULL,
		.name = r->lot.names[i],
	};
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

static enum inro_err take_sent(struct job_run *r, struct bulking *b, size_t i)
{
	const struct import_line *l = job_file_line(b->file, i);
	enum inro_err e = r->lot.results[i].skip ? INRO_OK : sent_request(l, &b->csrs[i]);

	if (e != INRO_OK && !core_is_rows_fault(e))
		return e;
	if (e != INRO_OK) {
		r->lot.results[i].skip = true;
		return batch_result_bad(&r->lot.results[i], e);
	}
	b->rows[i] = (struct bulk_row) { .csr = buf_bytes(&b->csrs[i]),
					 .device = l->values[IMPORT_ID],
					 .name = r->lot.names[i] };
	return INRO_OK;
}

static enum inro_err next_sent(struct job_run *r, struct bulking *b)
{
	enum inro_err e = job_file_next(r, b->file);

	for (size_t i = 0; e == INRO_OK && i < r->lot.n; i++)
		e = take_sent(r, b, i);
	return e;
}

static enum inro_err issue_next(struct job_run *r)
{
	struct bulking *b = r->own;
	enum inro_err e = INRO_OK;

	clear_rows(b);
	if (b->file)
		return next_sent(r, b);
	for (size_t i = 0; e == INRO_OK && i < BATCH_MAX && b->at < b->list.n; i++)
		e = take_request(r, b, i);
	r->lot.ended = b->at == b->list.n;
	if (e == INRO_OK && r->lot.n)
		e = place_of(b->from[r->lot.n - 1], &r->lot.cursor);
	return e;
}

/* Those that could be read are issued in one call; where each is among them is told by `at`. */
static enum inro_err issue_ready(struct job_run *r)
{
	struct bulking *b = r->own;
	struct bulk_row rows[BATCH_MAX];
	size_t at[BATCH_MAX], n = 0;
	enum inro_err e;

	for (size_t i = 0; i < r->lot.n; i++)
		if (!r->lot.results[i].skip) {
			rows[n] = b->rows[i];
			at[n++] = i;
		}
	e = cred_bulk_issue(b->bulk, rows, n);
	for (size_t i = 0; i < n; i++)
		b->rows[at[i]] = rows[i];
	for (size_t i = 0; e == INRO_OK && i < n; i++) {
		r->lot.same[at[i]] = rows[i].again;
		r->lot.results[at[i]].error = rows[i].error;
		e = text_set(&r->lot.results[at[i]].why, rows[i].why);
	}
	return e;
}

static enum inro_err issue_after(struct job_run *r)
{
	struct bulking *b = r->own;
	enum inro_err e = INRO_OK;

	for (size_t i = 0; e == INRO_OK && i < r->lot.n; i++)
		if (!r->lot.results[i].error && b->file)
			r->lot.given[i] = b->rows[i].rec.id;
		else if (!r->lot.results[i].error)
			e = folder_write(b->fd, b->from[i]->stem, blob_bytes(&b->rows[i].rec.cert));
	return e == INRO_OK && !b->file ? folder_sync(b->fd, job_arg(r, "out-dir")) : e;
}

static void issue_close(struct job_run *r)
{
	struct bulking *b = r->own;

	if (!b)
		return;
	clear_rows(b);
	cred_bulk_close(b->bulk);
	job_file_close(b->file);
	folder_list_clear(&b->list);
	if (b->fd >= 0)
		close(b->fd);
	free(b);
	r->own = NULL;
}

const struct job_kind job_issue = {
	.name = "issue",
	.takes = { "csr-dir", "out-dir", "ca", "profile", "days", "devices" },
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
