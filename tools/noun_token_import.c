/* noun_token_import - `inro token import`: tokens of SoftHSM's become tokens of ours. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tools/import/migrate.h"
#include "tools/nouns.h"
#include "tools/office.h"
#include "tools/progress.h"
#include "tools/text.h"
#include "tools/token_place.h"

static void pick_label(const char *label, struct softhsm_tokens *l, const struct softhsm_token **v,
		       size_t *n)
{
	for (size_t i = 0; i < l->n; i++)
		if (!label || strcmp(l->v[i].label, label) == 0)
			v[(*n)++] = &l->v[i];
}

static enum inro_err refuse_choice(const char *dir, const char *label, size_t n,
				   const struct softhsm_tokens *l)
{
	SCOPED(buf) list = { 0 };

	for (size_t i = 0; i < l->n; i++)
		buf_addf(&list, "%s'%s'", i ? ", " : "", l->v[i].label);
	if (n == 0)
		return err_set(INRO_E_NOT_FOUND, "'%s' has no token '%s', but %.*s", dir, label,
			       (int)list.n, (const char *)list.p);
	if (label)
		return err_set(INRO_E_AMBIGUOUS,
			       "%zu tokens in '%s' are called '%s'; give the folder of one of them",
			       n, dir, label);
	return err_set(INRO_E_AMBIGUOUS,
		       "'%s' has %zu tokens: %.*s; choose one with --token, or --all", dir, n,
		       (int)list.n, (const char *)list.p);
}

static enum inro_err check_free(const char *label)
{
	SCOPED(token_place) p = { 0 };
	enum inro_err e = token_place_any(&p);

	return e ? e : token_place_free_label(&p, label, "import into another --home");
}

/* A line each, fit for a terminal. */
static void tell_refused(struct bytes lines)
{
	while (lines.n) {
		SCOPED(buf) line = { 0 };
		const uint8_t *end = memchr(lines.p, '\n', lines.n);
		size_t n = end ? (size_t)(end - lines.p) : lines.n;

		text_add_safe(BYTES(lines.p, n), &line);
		fprintf(stderr, "inro: not taken: %.*s\n", (int)line.n, (const char *)line.p);
		n += end != NULL;
		lines = BYTES(lines.p + n, lines.n - n);
	}
}

/* Thousands of objects take a minute. */
static void show_progress(void *arg, size_t done, size_t all)
{
	struct progress *p = arg;
	p->total = all;
	progress_at(p, done);
}

static json_t *result_json(const struct softhsm_token *from, const struct migrate_result *r)
{
	const size_t *n = r->taken;

	return json_pack("{s:o s:o s:I s:I s:I s:I s:I s:I}", "label",
			 text_json(bytes_of(from->label)), "from", text_json(bytes_of(from->path)),
			 "private_keys", (json_int_t)n[MIGRATE_PRIVATE], "public_keys",
			 (json_int_t)n[MIGRATE_PUBLIC], "secret_keys",
			 (json_int_t)n[MIGRATE_SECRET], "certificates", (json_int_t)n[MIGRATE_CERT],
			 "data", (json_int_t)n[MIGRATE_DATA], "not_taken", (json_int_t)r->refused);
}

static enum inro_err import_one(const struct call *c, const struct softhsm_token *from,
				json_t *list)
{
	SCOPED(secret) user = { 0 };
	SCOPED(secret) so = { 0 };
	SCOPED(migrate_result) result = { 0 };
	struct progress progress;
	struct migrate_plan plan = {
		.from = from,
		.label = from->label,
		.skip = call_has(c, "skip-unsupported"),
		.progress = show_progress,
		.arg = &progress,
	};
	enum inro_err e = check_free(from->label);

	if (!e)
		e = pin_take(c, PIN_USER, from->label, false, &user);
	if (!e)
		e = pin_take(c, PIN_SO, from->label, false, &so);
	if (e)
		return e;
	plan.user_pin = secret_bytes(&user);
	plan.so_pin = secret_bytes(&so);
	progress_start(&progress, "objects", 0);
	e = migrate_softhsm(&plan, &result);
	progress_end(&progress);
	tell_refused(buf_bytes(&result.why));
	if (!e && json_array_append_new(list, result_json(from, &result)) != 0)
		e = err_set(INRO_E_NO_MEMORY, "no memory for the answer");
	return e;
}

static enum inro_err import_all(const struct call *c, const struct softhsm_token **v, size_t n,
				json_t *list)
{
	enum inro_err e = INRO_OK;

	for (size_t i = 0; !e && i < n; i++) {
		e = import_one(c, v[i], list);
		if (e && i)
			e = err_context(e, "%zu of %zu tokens are imported, the next is not", i, n);
	}
	return e;
}

enum inro_err token_import_run(const struct call *c, json_t **ret)
{
	SCOPED(softhsm_tokens) found = { 0 };
	const char *dir = call_opt(c, "softhsm"), *label = call_opt(c, "token");
	enum inro_err e = softhsm_find(dir, &found);
	const struct softhsm_token **v = NULL;
	size_t n = 0;
	json_t *list = json_array();

	if (!e && !(v = calloc(found.n, sizeof(struct softhsm_token *))))
		e = err_set(INRO_E_NO_MEMORY, "no memory for a list of tokens");
	if (!e)
		pick_label(label, &found, v, &n);
	if (!e && n != 1 && (label || !call_has(c, "all")))
		e = refuse_choice(dir, label, n, &found);
	if (!e)
		e = import_all(c, v, n, list);
	free(v);
	return json_give_or_drop(e, list, ret);
}
