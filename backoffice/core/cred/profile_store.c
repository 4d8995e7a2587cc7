/* profile_store - see profile_store.h. */
#include "backoffice/core/profile_store.h"

#include <string.h>

#include "backoffice/core/internal.h"
#include "backoffice/core/memo.h"
#include "backoffice/core/policy.h"
#include "base/clock.h"

static enum inro_err find_now(struct core *c, const char *name, struct profile_version *ret)
{
	const struct store_cond conds[] = {
		{ .field = "tenant", .number = c->tenant },
		{ .field = "name", .text = name },
		{ .field = "ended_ms", .op = STORE_NONE },
	};
	const struct store_query q = { STORE_WHERE(conds) };

	return store_find(c->store, &q, ret);
}

static enum inro_err no_profile(struct core *c, const char *name)
{
	SCOPED(profile_list) l = { 0 };
	SCOPED(buf) known = { 0 };
	enum inro_err e = profile_find(c, &l);

	for (size_t i = 0; e == INRO_OK && i < l.n; i++)
		buf_addf(&known, "%s, ", l.items[i].name);
	for (size_t i = 0; profile_builtin_at(i); i++)
		buf_addf(&known, "%s%s", i ? ", " : "", profile_builtin_at(i));
	if (e == INRO_OK)
		e = buf_err(&known);
	if (e != INRO_OK)
		return e;
	return err_set(INRO_E_NOT_FOUND, "no profile is called '%.64s'; there are %.*s", name,
		       (int)known.n, (const char *)known.p);
}

static enum inro_err copy_read(const void *from, void *to)
{
	return profile_copy(from, to);
}

static void clear_read(void *p)
{
	profile_clear(p);
}

static const struct memo_kind read_before = { sizeof(struct profile), copy_read, clear_read };

static enum inro_err read_text(struct core *c, struct bytes text, const char *name, int64_t version,
			       struct profile *ret)
{
	bool known = false;
	enum inro_err e = memo_find(c, &read_before, text, ret, &known);

	if (e == INRO_OK && !known)
		e = profile_read_record(text, name, ret);
	if (e != INRO_OK)
		return e;
	if (!known)
		memo_keep(c, &read_before, text, ret);
	ret->version = version;
	return INRO_OK;
}

enum inro_err profile_load(struct core *c, const char *name, struct profile *ret)
{
	SCOPED(profile_version) row = { 0 };
	const char *builtin;
	enum inro_err e = find_now(c, name, &row);

	if (e == INRO_OK)
		return read_text(c, blob_bytes(&row.body), row.name, row.version, ret);
	if (e != INRO_E_NOT_FOUND)
		return e;
	builtin = profile_builtin_text(name);
	return builtin ? read_text(c, bytes_of(builtin), name, 0, ret) : no_profile(c, name);
}

enum inro_err profile_recheck(struct core *c, const struct profile *p)
{
	SCOPED(profile_version) row = { 0 };
	enum inro_err e = find_now(c, p->name, &row);

	if (e != INRO_OK && e != INRO_E_NOT_FOUND)
		return e;
	if (row.version == p->version)
		return INRO_OK;
	return err_set(INRO_E_STATE, "profile '%s' was changed meanwhile; try again", p->name);
}

/* ---- giving one ---- */

struct giving {
	const struct profile *profile;
	struct bytes text;
	enum profile_giving how;
	struct profile_version *out;
};

static enum inro_err profile_event(struct core *c, const char *action,
				   const struct profile_version *row, const char *why)
{
	SCOPED(buf) detail = { 0 };
	uint8_t hash[PKI_DIGEST_MAX];
	const struct audit_entry entry = { action, "profile", row->name, EVENT_DONE, &detail };
	enum inro_err e = pki_digest(PKI_SHA256, blob_bytes(&row->body), hash);

	detail_int(&detail, "version", row->version);
	detail_hex(&detail, "sha256", BYTES(hash, pki_hash_octets(PKI_SHA256)));
	detail_text(&detail, "why", why);
	return e == INRO_OK ? audit_append(c, &entry) : e;
}

/* The number of the newest text of this name, which may have ended; 0: there was none. */
static enum inro_err last_version(struct core *c, const char *name, int64_t *ret)
{
	const struct store_cond conds[] = {
		{ .field = "tenant", .number = c->tenant },
		{ .field = "name", .text = name },
	};
	const struct store_query q = { STORE_WHERE(conds), .limit = 1, .backward = true };
	SCOPED(profile_version) last = { 0 };
	enum inro_err e = store_find(c->store, &q, &last);

	*ret = last.version;
	return e == INRO_E_NOT_FOUND ? INRO_OK : e;
}

static enum inro_err end_row(struct core *c, struct profile_version *row)
{
	row->ended_ms = clock_now_ms();
	return store_update(c->store, row);
}

static enum inro_err make_way(struct core *c, const struct giving *g)
{
	const char *name = g->profile->name;
	SCOPED(profile_version) old = { 0 };
	enum inro_err e = find_now(c, name, &old);

	if (e == INRO_E_NOT_FOUND && g->how == PROFILE_NEW && profile_builtin_text(name))
		return err_set(INRO_E_EXISTS,
			       "a profile '%s' is built in; 'inro profile set' puts another in its "
			       "place",
			       name);
	if (e == INRO_OK && g->how == PROFILE_NEW)
		return err_set(INRO_E_EXISTS,
			       "there is a profile '%s' already; 'inro profile set' changes it",
			       name);
	if (e == INRO_E_NOT_FOUND && g->how == PROFILE_ANOTHER && !profile_builtin_text(name))
		return no_profile(c, name);
	if (e == INRO_OK)
		return end_row(c, &old);
	return e == INRO_E_NOT_FOUND ? INRO_OK : e;
}

static enum inro_err give_work(struct core *c, void *arg)
{
	struct giving *g = arg;
	SCOPED(profile_version) row = { .tenant = c->tenant, .created_ms = clock_now_ms() };
	enum inro_err e = make_way(c, g);

	if (e == INRO_OK)
		e = last_version(c, g->profile->name, &row.version);
	row.version++;
	if (e == INRO_OK)
		e = text_set(&row.name, g->profile->name);
	if (e == INRO_OK)
		e = text_set(&row.actor, c->actor);
	if (e == INRO_OK)
		e = blob_set(&row.body, g->text);
	if (e == INRO_OK)
		e = store_insert(c->store, &row);
	if (e == INRO_OK)
		e = profile_event(c, g->how == PROFILE_NEW ? "profile.add" : "profile.set", &row,
				  NULL);
	if (e != INRO_OK)
		return e;
	profile_version_clear(g->out);
	*g->out = row;
	row = (struct profile_version) { 0 };
	return INRO_OK;
}

enum inro_err profile_give(struct core *c, struct bytes text, const char *where,
			   enum profile_giving how, struct profile_version *ret)
{
	SCOPED(profile) p = { 0 };
	SCOPED(profile_version) made = { 0 };
	struct giving g = { &p, text, how, &made };
	enum inro_err e = profile_read(text, where, &p);

	if (e != INRO_OK)
		return e;
	e = core_require(c, ROLE_ADMIN, "change profiles");
	if (e == INRO_OK)
		e = core_write(c, give_work, &g);
	if (e != INRO_OK)
		return audit_refused(c, how == PROFILE_NEW ? "profile.add" : "profile.set",
				     "profile", p.name, e);
	*ret = made;
	made = (struct profile_version) { 0 };
	return INRO_OK;
}

/* ---- removing one ---- */

struct removing {
	const char *name, *why;
	struct profile_version *out;
};

static enum inro_err no_own(const char *name)
{
	if (profile_builtin_text(name))
		return err_set(INRO_E_STATE, "profile '%s' is built in and stays", name);
	return err_set(INRO_E_NOT_FOUND, "no profile is called '%.64s'", name);
}

static enum inro_err remove_work(struct core *c, void *arg)
{
	struct removing *r = arg;
	SCOPED(profile_version) row = { 0 };
	enum inro_err e = find_now(c, r->name, &row);

	if (e == INRO_E_NOT_FOUND)
		return no_own(r->name);
	if (e == INRO_OK && !profile_builtin_text(r->name))
		e = policy_check_unnamed(c, r->name);
	if (e == INRO_OK)
		e = end_row(c, &row);
	if (e == INRO_OK)
		e = profile_event(c, "profile.remove", &row, r->why);
	if (e != INRO_OK)
		return e;
	profile_version_clear(r->out);
	*r->out = row;
	row = (struct profile_version) { 0 };
	return INRO_OK;
}

enum inro_err profile_remove(struct core *c, const char *name, const char *why,
			     struct profile_version *ret)
{
	SCOPED(profile_version) gone = { 0 };
	struct removing r = { name, why, &gone };
	enum inro_err e = core_require(c, ROLE_ADMIN, "change profiles");

	if (e == INRO_OK)
		e = core_write(c, remove_work, &r);
	if (e != INRO_OK)
		return audit_refused(c, "profile.remove", "profile", name, e);
	*ret = gone;
	gone = (struct profile_version) { 0 };
	return INRO_OK;
}

/* ---- reading ---- */

static enum inro_err builtin_text(struct core *c, const char *name, struct profile_version *ret)
{
	const char *text = profile_builtin_text(name);
	SCOPED(profile_version) row = { 0 };
	enum inro_err e;

	if (!text)
		return no_profile(c, name);
	e = text_set(&row.name, name);
	if (e == INRO_OK)
		e = blob_set(&row.body, bytes_of(text));
	if (e != INRO_OK)
		return e;
	*ret = row;
	row = (struct profile_version) { 0 };
	return INRO_OK;
}

enum inro_err profile_text(struct core *c, const char *name, int64_t version,
			   struct profile_version *ret)
{
	const struct store_cond conds[] = {
		{ .field = "tenant", .number = c->tenant },
		{ .field = "name", .text = name },
		{ .field = "version", .number = version },
	};
	const struct store_query q = { STORE_WHERE(conds) };
	enum inro_err e;

	if (version == 0)
		return builtin_text(c, name, ret);
	e = version > 0 ? store_find(c->store, &q, ret) : find_now(c, name, ret);
	if (e == INRO_E_NOT_FOUND && version > 0)
		return err_set(e, "profile '%s' has no version %lld", name, (long long)version);
	return e == INRO_E_NOT_FOUND ? builtin_text(c, name, ret) : e;
}

void profile_list_clear(struct profile_list *l)
{
	list_free(&profile_version_type, l->items, l->n);
	*l = (struct profile_list) { 0 };
}

static enum inro_err find_all(struct core *c, const struct store_query *q, struct profile_list *ret)
{
	void *items = NULL;
	size_t n = 0;
	enum inro_err e = core_all(c, &profile_version_type, q, &items, &n);

	if (e == INRO_OK)
		*ret = (struct profile_list) { items, n };
	return e;
}

enum inro_err profile_find(struct core *c, struct profile_list *ret)
{
	const struct store_cond conds[] = {
		{ .field = "tenant", .number = c->tenant },
		{ .field = "ended_ms", .op = STORE_NONE },
	};
	const struct store_query q = { STORE_WHERE(conds) };

	return find_all(c, &q, ret);
}

enum inro_err profile_history(struct core *c, const char *name, struct profile_list *ret)
{
	const struct store_cond conds[] = {
		{ .field = "tenant", .number = c->tenant },
		{ .field = "name", .text = name },
	};
	const struct store_query q = { STORE_WHERE(conds) };
	SCOPED(profile_list) l = { 0 };
	enum inro_err e = find_all(c, &q, &l);

	if (e == INRO_OK && !l.n && !profile_builtin_text(name))
		return no_profile(c, name);
	if (e != INRO_OK)
		return e;
	*ret = l;
	l = (struct profile_list) { 0 };
	return INRO_OK;
}
