/* reseal - what is sealed, sealed anew by another key (seal.h). */
#include <stdlib.h>

#include "backoffice/core/internal.h"
#include "backoffice/core/reach.h"
#include "backoffice/core/seal.h"
#include "backoffice/core/secret/seal_parts.h"

#define BATCH 500

void reseal_report_clear(struct reseal_report *r)
{
	free(r->uri);
	*r = (struct reseal_report) { 0 };
}

struct batch {
	struct credential *recs;
	struct blob *fresh; /* empty: stays */
	size_t n;
	int64_t done;
	const char *uri;
};

static enum inro_err is_by(struct core *c, const char *uri, struct bytes sealed, bool *ret)
{
	uint32_t number, now;
	bool fresh;
	enum inro_err e = seal_number_of(c, uri, &now, &fresh);

	*ret = e == INRO_OK && seal_read_head(&sealed, &number) == INRO_OK && number == now;
	return e;
}

enum inro_err seal_recheck(struct core *c, struct bytes sealed)
{
	AUTO(free_chars) char *uri = NULL;
	bool is = false;
	enum inro_err e = seal_key_uri(c, &uri);

	if (e == INRO_OK && uri)
		e = is_by(c, uri, sealed, &is);
	if (e == INRO_OK && !is)
		e = err_set(INRO_E_BUSY, "another key seals since the secret was sealed: once more");
	return e;
}

static enum inro_err again_by(struct core *c, const char *uri, const struct seal_of *of,
			      struct bytes sealed, struct blob *ret)
{
	SCOPED(secret) plain = { 0 };
	enum inro_err e = seal_open(c, of, sealed, &plain);

	return e == INRO_OK ? seal_close_by(c, uri, of, secret_bytes(&plain), ret) : e;
}

enum inro_err seal_again(struct core *c, const struct seal_of *of, struct bytes sealed,
			 struct blob *ret)
{
	AUTO(free_chars) char *uri = NULL;
	bool is = false;
	enum inro_err e = seal_current(c, &uri);

	if (e == INRO_OK)
		e = is_by(c, uri, sealed, &is);
	return e == INRO_OK && !is ? again_by(c, uri, of, sealed, ret) : e;
}

static enum inro_err reseal_one(struct core *c, const struct credential *rec, const char *uri,
				struct blob *ret)
{
	SCOPED(device) d = { 0 };
	struct seal_of of = { rec->kind, NULL, rec->algorithm, blob_bytes(&rec->serial) };
	bool is = false;
	enum inro_err e = is_by(c, uri, blob_bytes(&rec->secret), &is);

	if (e != INRO_OK || is)
		return e;
	if (rec->device)
		e = store_get(c->store, rec->device, &d);
	of.device = d.device_id;
	return e == INRO_OK ? again_by(c, uri, &of, blob_bytes(&rec->secret), ret) : e;
}

/* A row that changed since it was read stays as it is; its writer sealed it by the new key. */
static enum inro_err batch_row(struct core *c, struct batch *b, size_t i)
{
	SCOPED(credential) now = { 0 };
	enum inro_err e = store_get(c->store, b->recs[i].id, &now);

	if (e != INRO_OK || !bytes_equal(blob_bytes(&now.secret), blob_bytes(&b->recs[i].secret)))
		return e;
	e = blob_set(&now.secret, blob_bytes(&b->fresh[i]));
	if (e == INRO_OK)
		e = store_update(c->store, &now);
	b->done += e == INRO_OK;
	return e;
}

static enum inro_err batch_work(struct core *c, void *arg)
{
	struct batch *b = arg;
	SCOPED(buf) detail = { 0 };
	const struct audit_entry entry = { "seal.reseal", "setting", SEAL_SETTING, EVENT_DONE,
					   &detail };
	enum inro_err e = INRO_OK;

	b->done = 0;
	for (size_t i = 0; e == INRO_OK && i < b->n; i++)
		if (b->fresh[i].n)
			e = batch_row(c, b, i);
	if (e != INRO_OK || !b->done)
		return e;
	detail_text(&detail, "uri", b->uri);
	detail_int(&detail, "secrets", b->done);
	return audit_append(c, &entry);
}

static enum inro_err run_batch(struct core *c, struct batch *b, struct reseal_report *r)
{
	enum inro_err e = INRO_OK;

	for (size_t i = 0; e == INRO_OK && i < b->n; i++) {
		if (!seal_is(blob_bytes(&b->recs[i].secret)))
			continue;
		e = reseal_one(c, &b->recs[i], b->uri, &b->fresh[i]);
		if (!seal_is_lost(e))
			continue;
		r->first = r->first ? r->first : b->recs[i].id;
		r->unread++;
		e = INRO_OK;
	}
	if (e == INRO_OK)
		e = core_write_alone(c, batch_work, b);
	r->done += e == INRO_OK ? b->done : 0;
	return e;
}

static enum inro_err next_batch(struct core *c, int64_t *after, struct reseal_report *r)
{
	const struct store_cond conds[] = {
		{ .field = "tenant", .number = c->tenant },
		{ .field = "secret", .op = STORE_SOME },
	};
	const struct store_query q = { STORE_WHERE(conds), .after = *after, .limit = BATCH };
	struct batch b = { .uri = r->uri };
	void *list = NULL;
	enum inro_err e = core_all(c, &credential_type, &q, &list, &b.n);

	if (e != INRO_OK)
		return e;
	b.recs = list;
	b.fresh = calloc(b.n + 1, sizeof *b.fresh);
	*after = b.n == BATCH ? b.recs[b.n - 1].id : 0;
	if (!b.fresh)
		e = err_set(INRO_E_NO_MEMORY, "no memory for a batch");
	else
		e = run_batch(c, &b, r);
	for (size_t i = 0; b.fresh && i < b.n; i++)
		blob_clear(&b.fresh[i]);
	free(b.fresh);
	list_free(&credential_type, list, b.n);
	return e;
}

enum inro_err seal_rotate(struct core *c, const struct seal_key_request *r,
			  struct reseal_report *ret)
{
	SCOPED(reseal_report) report = { 0 };
	int64_t after = 0;
	enum inro_err e = seal_key_choose(c, r, false, &report.uri);

	do {
		if (e == INRO_OK)
			e = next_batch(c, &after, &report);
	} while (e == INRO_OK && after);
	if (e == INRO_OK)
		e = ca_ways_reseal(c, &report);
	if (e != INRO_OK)
		return e;
	*ret = report;
	report = (struct reseal_report) { 0 };
	return INRO_OK;
}

/* What nobody named gives way to what somebody names. */
enum inro_err seal_key_set(struct core *c, const struct seal_key_request *r, char **ret)
{
	SCOPED(reseal_report) report = { 0 };
	bool unnamed;
	enum inro_err e = seal_is_unnamed(c, &unnamed);

	if (e != INRO_OK || !unnamed)
		return e != INRO_OK ? e : seal_key_choose(c, r, true, ret);
	e = seal_rotate(c, r, &report);
	if (e != INRO_OK)
		return e;
	*ret = report.uri;
	report.uri = NULL;
	return INRO_OK;
}
