/* history - what happened to a device and all that it had; see audit.h. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backoffice/core/audit.h"
#include "backoffice/core/audit/audit_chain.h"
#include "backoffice/core/device.h"
#include "backoffice/core/internal.h"
#include "backoffice/core/view.h"

struct history {
	struct core *c;
	struct event *items;
	size_t n, cap;
	int64_t since_ms; /* the first device of that id is from then */
	int64_t after;	  /* events behind this one, */
	size_t limit;	  /* so many of them, the first; 0: all */
};

/* Of so many pages what is not in this one is let go. */
#define PAGES_HELD 4

static void history_clear(struct history *h)
{
	list_free(&event_type, h->items, h->n);
}

static enum inro_err make_room(struct history *h, size_t more)
{
	size_t cap = h->n + more;
	struct event *items;

	if (cap <= h->cap)
		return INRO_OK;
	cap = cap < 2 * h->cap ? 2 * h->cap : cap;
	items = realloc(h->items, cap * sizeof *items);
	if (!items)
		return err_set(INRO_E_NO_MEMORY, "no memory for %zu events", cap);
	h->items = items;
	h->cap = cap;
	return INRO_OK;
}

static int by_id(const void *a, const void *b)
{
	const struct event *x = a, *y = b;

	return (x->id > y->id) - (x->id < y->id);
}

/* In order, and no more than are wanted. */
static void cut(struct history *h)
{
	if (h->n)
		qsort(h->items, h->n, sizeof *h->items, by_id);
	while (h->limit && h->n > h->limit)
		record_clear(&event_type, &h->items[--h->n]);
}

static enum inro_err add_subject(struct history *h, const char *subject)
{
	const struct store_cond conds[] = {
		{ .field = "tenant", .number = h->c->tenant },
		{ .field = "subject", .text = subject },
	};
	const struct store_query q = { STORE_WHERE(conds), .after = h->after, .limit = h->limit };
	struct event *found;
	void *items = NULL;
	size_t n = 0;
	enum inro_err e = core_all(h->c, &event_type, &q, &items, &n);

	if (e == INRO_OK)
		e = make_room(h, n);
	found = items;
	for (size_t i = 0; e == INRO_OK && i < n; i++) {
		h->items[h->n++] = found[i];
		found[i] = (struct event) { 0 };
	}
	list_free(&event_type, items, n);
	if (h->limit && h->n >= PAGES_HELD * h->limit)
		cut(h);
	return e;
}

typedef enum inro_err history_row_fn(struct history *h, const void *row);

/* However many a device had, so many are in memory. */
#define ROWS_AT_ONCE 64

static enum inro_err each_row(struct history *h, const struct record_type *t, struct store_query *q, history_row_fn *fn)
{
	enum inro_err e = INRO_OK;
	size_t n = ROWS_AT_ONCE;

	q->limit = ROWS_AT_ONCE;
	while (e == INRO_OK && n == ROWS_AT_ONCE) {
		void *items = NULL;

		n = 0;
		e = core_all(h->c, t, q, &items, &n);
		for (size_t i = 0; e == INRO_OK && i < n; i++) {
			const char *row = (const char *)items + i * t->size;

			memcpy(&q->after, row, sizeof q->after); /* its id */
			e = fn(h, row);
		}
		list_free(t, items, n);
	}
	return e;
}

/* Of certificates and symmetric keys; pre-shared keys' events are the device's. */
static enum inro_err add_cred(struct history *h, const void *row)
{
	const struct credential *rec = row;
	static const char *const kinds[CRED_KIND__MAX] = {
		[CRED_CERTIFICATE] = "certificate", [CRED_KEY] = "key"
	};
	char subject[48];

	if (!kinds[rec->kind])
		return INRO_OK;
	snprintf(subject, sizeof subject, "%s:%lld", kinds[rec->kind], (long long)rec->id);
	return add_subject(h, subject);
}

static enum inro_err add_creds(struct history *h, const void *row)
{
	const struct device *d = row;
	const struct store_cond conds[] = { { .field = "device", .number = d->id } };
	struct store_query q = { STORE_WHERE(conds) };

	if (!h->since_ms)
		h->since_ms = d->created_ms;
	return each_row(h, &credential_type, &q, add_cred);
}

/* The one that is there, and deleted ones that were called so. */
static enum inro_err add_devices(struct history *h, const char *id)
{
	const struct store_cond conds[] = {
		{ .field = "tenant", .number = h->c->tenant },
		{ .field = "device_id", .text = id },
	};
	struct store_query q = { STORE_WHERE(conds) };

	return each_row(h, &device_type, &q, add_creds);
}

/* In the place of the last event that is in the file. */
static enum inro_err add_segment(struct history *h, const struct audit_segment *s)
{
	SCOPED(buf) detail = { 0 };
	struct event *ev;
	enum inro_err e = make_room(h, 1);

	if (e != INRO_OK)
		return e;
	ev = &h->items[h->n++];
	*ev = (struct event) { .id = s->last, .tenant = h->c->tenant, .at_ms = s->at_ms };
	detail_int(&detail, "first", s->first);
	detail_int(&detail, "last", s->last);
	if (h->c->tenant == TENANT_DEFAULT)
		detail_text(&detail, "file", s->file);
	detail_end(&detail);
	e = buf_err(&detail);
	if (e == INRO_OK)
		e = text_set(&ev->detail, (const char *)detail.p);
	if (e == INRO_OK)
		e = text_set(&ev->action, "audit.purge");
	return e == INRO_OK ? text_set(&ev->subject, "audit:events") : e;
}

static enum inro_err add_segments(struct history *h)
{
	const struct store_cond conds[] = {
		{ .field = "at_ms", .op = STORE_GE, .number = h->since_ms },
		{ .field = "last", .op = STORE_GT, .number = h->after },
	};
	const struct store_query q = { STORE_WHERE(conds), .limit = h->limit };
	void *items = NULL;
	size_t n = 0;
	enum inro_err e = core_all(h->c, &audit_segment_type, &q, &items, &n);

	for (size_t i = 0; e == INRO_OK && i < n; i++)
		e = add_segment(h, (struct audit_segment *)items + i);
	list_free(&audit_segment_type, items, n);
	return e;
}

/* One more than a page has tells whether there is a next one. */
static void give_page(struct history *h, struct event_list *ret)
{
	bool more;

	cut(h);
	more = h->limit && h->n == h->limit;
	if (more)
		record_clear(&event_type, &h->items[--h->n]);
	*ret = (struct event_list) { .items = h->items, .n = h->n };
	if (more)
		ret->next = h->items[h->n - 1].id;
	*h = (struct history) { 0 };
}

static enum inro_err take_page(struct history *h, const struct page *page)
{
	size_t limit = page->limit ? page->limit : PAGE_MAX;

	if (limit > PAGE_MAX)
		return err_set(INRO_E_ARG, "a page has up to %d entries, not %zu", PAGE_MAX, limit);
	h->after = page->after;
	h->limit = limit + 1;
	return INRO_OK;
}

enum inro_err audit_of_device(struct core *c, const char *id, const struct page *page,
			      struct event_list *ret)
{
	SCOPED(history) h = { .c = c };
	SCOPED(device) latest = { 0 };
	SCOPED(buf) subject = { 0 };
	SCOPED(core_view) view = { 0 }; /* what comes between two reads could be behind the cursor */
	enum inro_err e = page ? take_page(&h, page) : INRO_OK;

	buf_addf(&subject, "device:%s", id);
	buf_add_u8(&subject, 0);
	if (e == INRO_OK)
		e = buf_err(&subject);
	if (e == INRO_OK)
		e = core_view(c, &view);
	if (e == INRO_OK)
		e = device_get(c, id, &latest);
	if (e == INRO_OK)
		e = add_subject(&h, (const char *)subject.p);
	if (e == INRO_OK)
		e = add_devices(&h, id);
	if (e == INRO_OK && h.since_ms)
		e = add_segments(&h);
	if (e == INRO_OK)
		give_page(&h, ret);
	return e;
}
