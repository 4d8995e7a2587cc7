/*
 * form - by which certificate a new one is stored; see move.h.
 *
 * 1. A form is looked for anew in each transaction: what was made in one that was undone is not there.
 */
#include <string.h>

#include "backoffice/core/internal.h"
#include "backoffice/core/move.h"
#include "base/clock.h"

static bool is_of(const struct cert_form *f, const struct credential *rec)
{
	return f->id && f->ca == rec->ca && f->ca_generation == rec->ca_generation &&
	       f->profile_version == rec->profile_version &&
	       strcmp(text_or_empty(f->profile), text_or_empty(rec->profile)) == 0 &&
	       strcmp(text_or_empty(f->algorithm), text_or_empty(rec->algorithm)) == 0;
}

static enum inro_err make_form(struct core *c, const struct credential *rec, struct cert_form *f)
{
	enum inro_err e = text_set(&f->profile, rec->profile);

	f->tenant = rec->tenant;
	f->ca = rec->ca;
	f->ca_generation = rec->ca_generation;
	f->profile_version = rec->profile_version;
	f->created_ms = clock_now_ms();
	if (e == INRO_OK)
		e = text_set(&f->algorithm, rec->algorithm);
	if (e == INRO_OK)
		e = blob_set(&f->body, blob_bytes(&rec->cert));
	return e == INRO_OK ? store_insert(c->store, f) : e;
}

static enum inro_err find_form(struct core *c, const struct credential *rec, struct cert_form *f)
{
	const struct store_cond conds[] = {
		{ .field = "ca", .number = rec->ca },
		{ .field = "ca_generation", .number = rec->ca_generation },
		{ .field = "profile", .text = text_or_empty(rec->profile) },
		{ .field = "profile_version", .number = rec->profile_version },
		{ .field = "algorithm", .text = text_or_empty(rec->algorithm) },
	};
	const struct store_query q = { STORE_WHERE(conds) };
	enum inro_err e = store_find(c->store, &q, f);

	return e == INRO_E_NOT_FOUND ? make_form(c, rec, f) : e;
}

static bool has_form(const struct credential *rec)
{
	return rec->kind == CRED_CERTIFICATE && rec->ca && !rec->own_ca && rec->cert.n;
}

enum inro_err cred_take_form(struct core *c, struct credential *rec)
{
	struct cert_form *f = &c->open.form;
	enum inro_err e = INRO_OK;

	rec->form = 0;
	blob_clear(&rec->form_body);
	if (!has_form(rec))
		return INRO_OK;
	if (!is_of(f, rec)) {
		cert_form_clear(f);
		e = find_form(c, rec, f);
	}
	if (e == INRO_OK)
		e = blob_set(&rec->form_body, blob_bytes(&f->body));
	if (e == INRO_OK)
		rec->form = f->id;
	else
		cert_form_clear(f);
	return e;
}
