/*
 * noun_ca_crl - revocation lists, and how a CA's are made.
 *
 * 1. A list that goes to a file is never all in memory.
 */
#include <stdlib.h>
#include <string.h>

#include "backoffice/core/ca.h"
#include "backoffice/pki/crl.h"
#include "backoffice/pki/pem.h"
#include "base/file.h"
#include "tools/nouns.h"
#include "tools/office.h"

#define SHARD_MARK "${shard}"

/* A list's DER on its way to PEM lines. */
struct armour {
	struct crl *list;
	enum { ARMOUR_BEGIN, ARMOUR_LINES, ARMOUR_DONE } stage;
	struct buf der, text;
};

static void armour_clear(struct armour *a)
{
	buf_clear(&a->der);
	buf_clear(&a->text);
}

/* Lines as long as they are full; the rest waits for the next piece. */
static enum inro_err armour_piece(struct armour *a)
{
	struct bytes piece;
	size_t lines;
	enum inro_err e = crl_pull(a->list, &piece);
	if (e)
		return e;
	buf_add(&a->der, piece);
	lines = piece.n ? a->der.n - a->der.n % PEM_LINE : a->der.n;
	pem_add_lines(&a->text, BYTES(a->der.p, lines));
	if (lines && a->der.n > lines)
		memmove(a->der.p, a->der.p + lines, a->der.n - lines);
	buf_truncate(&a->der, a->der.n - lines);
	if (piece.n)
		return INRO_OK;
	pem_add_end(&a->text, PEM_CRL);
	a->stage = ARMOUR_DONE;
	return INRO_OK;
}

static enum inro_err armour_pull(void *arg, struct bytes *ret)
{
	struct armour *a = arg;
	enum inro_err e = INRO_OK;
	buf_truncate(&a->text, 0);
	if (a->stage == ARMOUR_BEGIN) {
		pem_add_begin(&a->text, PEM_CRL);
		a->stage = ARMOUR_LINES;
	}
	while (!e && a->stage == ARMOUR_LINES && a->text.n < PEM_LINE << 6)
		e = armour_piece(a);
	if (!e)
		e = buf_err(&a->text);
	*ret = buf_bytes(&a->text);
	return e;
}

static bool wants_der(const struct call *c)
{
	const char *format = call_opt(c, "format");
	return format && !strcmp(format, "der");
}

static enum inro_err write_list(const struct call *c, const char *path, struct crl *list)
{
	SCOPED(armour) a = { .list = list };
	enum inro_err e = wants_der(c) ? crl_save(list, path, 0644)
				       : file_write_pulled(path, 0644, armour_pull, &a);
	return e ? err_context(e, "the list is made, but --out is not written") : e;
}

static enum inro_err put_pem(struct crl *list, json_t *doc)
{
	SCOPED(buf) der = { 0 };
	enum inro_err e = crl_whole(list, &der);
	struct bytes whole = buf_bytes(&der);
	if (!e && json_object_set_new(doc, "pem", json_of_pem(PEM_CRL, &whole, 1)))
		e = err_set(INRO_E_NO_MEMORY, "memory is short");
	return e;
}

static json_t *number_or_null(int64_t n)
{
	return n ? json_integer(n) : json_null();
}

static json_t *list_json(const struct crl_wish *w, const struct crl_info *i)
{
	return json_pack("{s:s s:I s:o s:o s:o s:o s:I}", "ca", w->ca, "number",
			 (json_int_t)i->number, "base", number_or_null(i->base), "shard",
			 number_or_null((int64_t)w->shard), "this_update",
			 json_of_time(i->this_update), "next_update", json_of_time(i->next_update),
			 "entries", (json_int_t)i->entries);
}

/* A list that is made goes to the file, or into the document. */
static enum inro_err give_list(const struct call *c, const struct crl_wish *w, struct crl *list,
			       const struct crl_info *info, const char *path, json_t **ret)
{
	json_t *doc = NULL;
	enum inro_err e = json_give(list_json(w, info), &doc);
	if (!e)
		e = path ? write_list(c, path, list) : put_pem(list, doc);
	if (!e && path)
		json_object_set_new(doc, "file", json_of_text(path));
	return json_give_or_drop(e, doc, ret);
}

static enum inro_err make_list(struct core *core, const struct call *c, const struct crl_wish *w,
			       const char *path, json_t **ret)
{
	SCOPED(crl) list = { 0 };
	struct crl_info info = { 0 };
	enum inro_err e = ca_crl_list(core, w, &list, &info);
	return e ? e : give_list(c, w, &list, &info, path, ret);
}

/* --out of all shards, for one of them; of the caller's (free()). */
static char *shard_path(const char *out, unsigned shard)
{
	const char *mark = strstr(out, SHARD_MARK);
	SCOPED(buf) path = { 0 };
	buf_add(&path, BYTES(out, (size_t)(mark - out)));
	buf_addf(&path, "%u%s", shard, mark + strlen(SHARD_MARK));
	return buf_take_str(&path);
}

static enum inro_err give_shard(const struct call *c, const struct crl_wish *w, struct crl *list,
				const struct crl_info *info, json_t *lists)
{
	AUTO(free_chars) char *path = shard_path(call_opt(c, "out"), w->shard);
	json_t *one = NULL;
	enum inro_err e = path ? give_list(c, w, list, info, path, &one) : INRO_E_NO_MEMORY;
	if (!e)
		json_array_append_new(lists, one);
	return e;
}

/* As many shards as are made by one look at the certificates, from w->shard on. */
static enum inro_err make_some(struct core *core, const struct call *c, const struct crl_wish *w,
			       size_t n, json_t *lists)
{
	struct crl made[CRL_AT_ONCE] = { 0 };
	struct crl_info infos[CRL_AT_ONCE];
	struct crl_wish one = *w;
	enum inro_err e = ca_crl_lists(core, w, n, made, infos);
	for (size_t i = 0; !e && i < n; i++) {
		one.shard = w->shard + (unsigned)i;
		e = give_shard(c, &one, &made[i], &infos[i], lists);
	}
	for (size_t i = 0; i < n; i++)
		crl_clear(&made[i]);
	return e;
}

static json_int_t sum_entries(json_t *lists)
{
	json_int_t n = 0;
	json_t *one;
	size_t i;
	json_array_foreach(lists, i, one) n += json_integer_value(json_object_get(one, "entries"));
	return n;
}

static enum inro_err make_shards(struct core *core, const struct call *c, struct crl_wish *w,
				 unsigned shards, json_t **ret)
{
	json_t *lists = json_array(), *last;
	enum inro_err e = shards ? INRO_OK
				 : err_set(INRO_E_ARG, "the lists of CA '%s' are not divided",
					   w->ca);
	for (w->shard = 1; !e && w->shard <= shards; w->shard += CRL_AT_ONCE) {
		size_t left = shards - w->shard + 1;
		e = make_some(core, c, w, left < CRL_AT_ONCE ? left : CRL_AT_ONCE, lists);
	}
	if (e) {
		json_decref(lists);
		return e;
	}
	last = json_array_get(lists, shards - 1);
	return json_give(json_pack("{s:s s:O s:I s:o s:o}", "ca", w->ca, "number",
				   json_object_get(last, "number"), "entries", sum_entries(lists),
				   "file", json_of_text(call_opt(c, "out")), "lists", lists),
			 ret);
}

static bool to_stdout(const char *path)
{
	return !path || !strcmp(path, "-") || !strcmp(path, "/dev/stdout");
}

enum inro_err ca_crl_check(const struct call *c)
{
	const char *out = call_opt(c, "out");
	if (!call_has(c, "all-shards"))
		return INRO_OK;
	if (call_has(c, "shard"))
		return err_set(INRO_E_ARG, "give either --shard or --all-shards");
	if (to_stdout(out) || !strstr(out, SHARD_MARK))
		return err_set(INRO_E_ARG, "with --all-shards, --out names a file for each, as in "
					   "--out 'list-" SHARD_MARK ".crl'");
	return INRO_OK;
}

enum inro_err ca_crl_run(const struct call *c, json_t **ret)
{
	AUTO(core_close_ptr) struct core *core = NULL;
	unsigned shards = 0;
	const char *out = to_stdout(call_opt(c, "out")) ? NULL : call_opt(c, "out");
	struct crl_wish wish = {
		.ca = call_arg(c, 0),
		.days = (unsigned)call_number(c, "days", 0),
		.shard = (unsigned)call_number(c, "shard", 0),
		.delta = call_has(c, "delta"),
		.generation = (unsigned)call_number(c, "generation", 0),
		.file = wants_der(c) ? out : NULL,
	};
	enum inro_err e = office_open(c, &core);
	if (!e && !call_has(c, "all-shards"))
		return make_list(core, c, &wish, out, ret);
	if (!e)
		e = ca_crl_shards(core, &wish, &shards);
	return e ? e : make_shards(core, c, &wish, shards, ret);
}

static int64_t said(const struct call *c, const char *opt, const char *none)
{
	return none && call_has(c, none) ? 0 : call_number(c, opt, CA_AS_IT_IS);
}

enum inro_err ca_set_check(const struct call *c)
{
	return c->n_opts ? INRO_OK : err_set(INRO_E_ARG, "nothing to change was given");
}

enum inro_err ca_set_run(const struct call *c, json_t **ret)
{
	AUTO(core_close_ptr) struct core *core = NULL;
	SCOPED(ca_view) v = { 0 };
	const struct ca_settings in = {
		.crl_days = said(c, "crl-days", NULL),
		.overlap_hours = said(c, "crl-overlap-hours", "no-crl-overlap"),
		.delta_hours = said(c, "delta-hours", NULL),
		.shards = said(c, "crl-shards", "no-crl-shards"),
		.crl_url = call_opt(c, "crl-url"),
		.delta_url = call_opt(c, "delta-url"),
	};
	enum inro_err e = office_open(c, &core);
	if (!e)
		e = ca_set(core, call_arg(c, 0), &in, &v);
	return e ? e : json_give(json_of_ca(&v), ret);
}
