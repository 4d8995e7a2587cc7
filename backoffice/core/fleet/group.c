/* group - see group.h. */
#include "backoffice/core/group.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backoffice/core/fleet.h"
#include "backoffice/core/internal.h"
#include "backoffice/core/memo.h"
#include "base/clock.h"

static enum inro_err check_path(const char *path)
{
	const char *at = text_or_empty(path);
	size_t depth = 0;
	enum inro_err e = INRO_OK;

	if (strlen(at) > GROUP_PATH_MAX)
		return err_set(INRO_E_TOO_BIG, "a group's path has up to %d bytes", GROUP_PATH_MAX);
	while (e == INRO_OK) {
		size_t n = strcspn(at, "/");
		char name[GROUP_PATH_MAX + 1];

		snprintf(name, sizeof name, "%.*s", (int)n, at);
		e = core_check_name("each name in a group's path", name, GROUP_NAME_MAX, "._-");
		depth++;
		if (!at[n])
			break;
		at += n + 1;
	}
	if (e == INRO_OK && depth > GROUP_DEPTH)
		return err_set(INRO_E_ARG, "groups nest up to %d deep", GROUP_DEPTH);
	return e;
}

enum inro_err group_get(struct core *c, const char *path, struct device_group *ret)
{
	const struct store_cond conds[] = {
		{ .field = "tenant", .number = c->tenant },
		{ .field = "path", .text = path },
		{ .field = "deleted_ms", .op = STORE_NONE },
	};
	const struct store_query q = { STORE_WHERE(conds) };
	enum inro_err e = check_path(path);

	if (e == INRO_OK)
		e = store_find(c->store, &q, ret);
	if (e == INRO_E_NOT_FOUND)
		return err_set(e, "no group '%s'; 'inro group list' shows the ones there are",
			       path);
	return e;
}

enum inro_err group_by_id(struct core *c, int64_t id, struct device_group *ret)
{
	return core_by_id(c, &device_group_type, id, ret);
}

static enum inro_err group_event(struct core *c, const char *action, const char *path,
				 struct buf *detail)
{
	const struct audit_entry entry = { action, "group", path, EVENT_DONE, detail };

	return audit_append(c, &entry);
}

/* Name and parent as the group's path says. */
static enum inro_err place(struct core *c, struct device_group *g, const char *path)
{
	SCOPED(device_group) parent = { 0 };
	const char *last = strrchr(path, '/');
	char above[GROUP_PATH_MAX + 1] = "";
	enum inro_err e = INRO_OK;

	if (last) {
		snprintf(above, sizeof above, "%.*s", (int)(last - path), path);
		e = group_get(c, above, &parent);
	}
	g->parent = parent.id;
	if (e == INRO_OK)
		e = text_set(&g->name, last ? last + 1 : path);
	return e == INRO_OK ? text_set(&g->path, path) : e;
}

/* What is done to one group in one transaction. */
struct group_work {
	const char *path;
	struct group_change change; /* policy: in its normal form */
	core_work_fn *work;
	struct device_group *out;
};

static void group_hand_over(struct group_work *w, struct device_group *g)
{
	device_group_clear(w->out);
	*w->out = *g;
	*g = (struct device_group) { 0 };
}

static enum inro_err group_add_work(struct core *c, void *arg)
{
	struct group_work *w = arg;
	SCOPED(device_group) g = { .tenant = c->tenant };
	SCOPED(buf) detail = { 0 };
	enum inro_err e = place(c, &g, w->path);

	g.created_ms = g.updated_ms = clock_now_ms();
	if (e == INRO_OK)
		e = text_set(&g.policy, w->change.policy ? w->change.policy : "{}");
	if (e == INRO_OK)
		e = store_insert(c->store, &g);
	if (e == INRO_E_EXISTS)
		return err_set(e, "there is a group '%s' already", w->path);
	detail_text(&detail, "policy", g.policy);
	if (e == INRO_OK)
		e = group_event(c, "group.add", w->path, &detail);
	if (e == INRO_OK)
		group_hand_over(w, &g);
	return e;
}

/* In the transaction, so that what the policy names can't be removed meanwhile. */
static enum inro_err group_do(struct core *c, void *arg)
{
	struct group_work *w = arg;
	enum inro_err e = w->change.policy ? policy_check_names(c, w->change.policy) : INRO_OK;

	return e == INRO_OK ? w->work(c, w) : e;
}

/* Checks, does and, when it is refused, records that. */
static enum inro_err group_run(struct core *c, const char *action, struct group_work *w,
			       struct device_group *ret)
{
	AUTO(free_chars) char *policy = NULL;
	struct device_group made = { 0 };
	enum inro_err e = check_path(w->path);

	w->out = &made;
	if (e == INRO_OK && w->change.policy)
		e = policy_normal(w->change.policy, &policy);
	if (e != INRO_OK)
		return e;
	w->change.policy = policy;
	e = core_require(c, ROLE_ADMIN, "change groups");
	if (e == INRO_OK)
		e = core_write(c, group_do, w);
	if (e != INRO_OK) {
		device_group_clear(&made);
		return audit_refused(c, action, "group", w->path, e);
	}
	*ret = made;
	return INRO_OK;
}

enum inro_err group_add(struct core *c, const char *path, const char *policy,
			struct device_group *ret)
{
	struct group_work w = { .path = path, .change.policy = policy, .work = group_add_work };

	return group_run(c, "group.add", &w, ret);
}

/* The path of what is beneath a group that has moved. */
static enum inro_err move_one(struct core *c, struct device_group *g, size_t cut, const char *to)
{
	SCOPED(buf) path = { 0 };
	enum inro_err e;

	buf_addf(&path, "%s%s", to, g->path + cut);
	buf_add_u8(&path, 0);
	e = buf_err(&path);
	if (e == INRO_OK)
		e = check_path((const char *)path.p);
	if (e == INRO_OK)
		e = text_set(&g->path, (const char *)path.p);
	return e == INRO_OK ? store_update(c->store, g) : e;
}

static enum inro_err beneath(struct core *c, const char *path, void **ret, size_t *ret_n)
{
	char prefix[GROUP_PATH_MAX + 2];
	const struct store_cond conds[] = {
		{ .field = "tenant", .number = c->tenant },
		{ .field = "deleted_ms", .op = STORE_NONE },
		{ .field = "path", .op = STORE_PREFIX, .text = prefix },
	};
	const struct store_query q = { STORE_WHERE(conds) };

	snprintf(prefix, sizeof prefix, "%s/", path);
	return core_all(c, &device_group_type, &q, ret, ret_n);
}

static enum inro_err move_beneath(struct core *c, const char *from, const char *to)
{
	void *list = NULL;
	size_t n = 0;
	enum inro_err e = beneath(c, from, &list, &n);

	for (size_t i = 0; e == INRO_OK && i < n; i++)
		e = move_one(c, (struct device_group *)list + i, strlen(from), to);
	list_free(&device_group_type, list, n);
	return e;
}

static bool is_inside(const char *path, const char *group)
{
	size_t n = strlen(group);

	return strncmp(path, group, n) == 0 && (path[n] == '/' || !path[n]);
}

static enum inro_err group_move(struct core *c, struct device_group *g, const char *to)
{
	char from[GROUP_PATH_MAX + 1];
	enum inro_err e = check_path(to);

	snprintf(from, sizeof from, "%s", g->path);
	if (e == INRO_OK && strcmp(from, to) != 0 && is_inside(to, from))
		return err_set(INRO_E_ARG, "group '%s' can't be moved into itself", from);
	if (e == INRO_OK)
		e = place(c, g, to);
	if (e == INRO_OK)
		e = store_update(c->store, g);
	if (e == INRO_E_EXISTS)
		return err_set(e, "there is a group '%s' already", to);
	return e == INRO_OK && strcmp(from, to) != 0 ? move_beneath(c, from, to) : e;
}

static enum inro_err group_update_work(struct core *c, void *arg)
{
	struct group_work *w = arg;
	SCOPED(device_group) g = { 0 };
	SCOPED(buf) detail = { 0 };
	enum inro_err e = group_get(c, w->path, &g);

	g.updated_ms = clock_now_ms();
	if (e == INRO_OK && w->change.policy)
		e = text_set(&g.policy, w->change.policy);
	if (e == INRO_OK)
		e = group_move(c, &g, w->change.path ? w->change.path : w->path);
	detail_text(&detail, "policy", w->change.policy);
	detail_text(&detail, "to", w->change.path);
	if (e == INRO_OK)
		e = group_event(c, "group.update", w->path, &detail);
	if (e == INRO_OK)
		group_hand_over(w, &g);
	return e;
}

enum inro_err group_update(struct core *c, const char *path, const struct group_change *change,
			   struct device_group *ret)
{
	struct group_work w = { .path = path, .change = *change, .work = group_update_work };

	return group_run(c, "group.update", &w, ret);
}

enum inro_err group_count(struct core *c, const struct device_group *g, enum device_state state,
			  int64_t *ret)
{
	char name[TALLY_NAME_MAX + 1];

	snprintf(name, sizeof name, "group/%lld/%s", (long long)g->id, device_state_names[state]);
	return tally_get(c, name, ret);
}

static enum inro_err check_empty(struct core *c, const struct device_group *g)
{
	void *list = NULL;
	size_t groups = 0;
	int64_t devices = 0;
	enum inro_err e = beneath(c, g->path, &list, &groups);

	list_free(&device_group_type, list, groups);
	for (int s = 0; e == INRO_OK && s < DEVICE_DELETED; s++) {
		int64_t n = 0;

		e = group_count(c, g, (enum device_state)s, &n);
		devices += n;
	}
	if (e == INRO_OK && (groups || devices))
		return err_set(INRO_E_STATE, "group '%s' has %lld %s and %zu %s in it",
			       g->path, (long long)devices, devices == 1 ? "device" : "devices", groups,
			       groups == 1 ? "group" : "groups");
	return e;
}

static enum inro_err group_delete_work(struct core *c, void *arg)
{
	struct group_work *w = arg;
	SCOPED(device_group) g = { 0 };
	SCOPED(buf) path = { 0 };
	enum inro_err e = group_get(c, w->path, &g);

	if (e == INRO_OK)
		e = check_empty(c, &g);
	g.deleted_ms = g.updated_ms = clock_now_ms();
	/* one of that name may have gone in the same millisecond */
	buf_addf(&path, "%s.%lld.%lld", w->path, (long long)g.deleted_ms, (long long)g.id);
	buf_add_u8(&path, 0);
	if (e == INRO_OK)
		e = buf_err(&path);
	if (e == INRO_OK)
		e = text_set(&g.path, (const char *)path.p);
	if (e == INRO_OK)
		e = store_update(c->store, &g);
	if (e == INRO_OK)
		e = group_event(c, "group.delete", w->path, NULL);
	if (e == INRO_OK)
		group_hand_over(w, &g);
	return e;
}

enum inro_err group_delete(struct core *c, const char *path, struct device_group *ret)
{
	struct group_work w = { .path = path, .work = group_delete_work };

	return group_run(c, "group.delete", &w, ret);
}

void group_list_clear(struct group_list *l)
{
	list_free(&device_group_type, l->items, l->n);
	*l = (struct group_list) { 0 };
}

enum inro_err group_find(struct core *c, const char *under, const struct page *page,
			 struct group_list *ret)
{
	struct store_cond conds[7] = {
		{ .field = "tenant", .number = c->tenant },
		{ .field = "deleted_ms", .op = STORE_NONE },
	};
	struct store_query q = { .conds = conds, .n = 2 };
	struct core_rows rows = { 0 };
	char prefix[GROUP_PATH_MAX + 2];
	enum inro_err e = under ? check_path(under) : INRO_OK;

	if (e != INRO_OK)
		return e;
	if (under) {
		snprintf(prefix, sizeof prefix, "%s/", under);
		conds[q.n++] = (struct store_cond) { .field = "path", .text = under };
		conds[q.n++] = (struct store_cond) { .op = STORE_OR };
		conds[q.n++] = conds[0];
		conds[q.n++] = conds[1];
		conds[q.n++] =
			(struct store_cond) { .field = "path", .op = STORE_PREFIX, .text = prefix };
	}
	e = core_page(c, &device_group_type, &q, page, &rows);
	if (e == INRO_OK)
		*ret = (struct group_list) { .items = rows.items, .n = rows.n, .next = rows.next };
	return e;
}

/* ---- what holds in a group ---- */

/* Policies from the tenant's down to the group's. */
struct layers {
	char *texts[GROUP_DEPTH + 1];
};

static void layers_clear(struct layers *l)
{
	for (size_t i = 0; i < ARRAY_LEN(l->texts); i++)
		free(l->texts[i]);
}

static enum inro_err add_tenants(struct core *c, struct layers *l)
{
	const struct store_cond conds[] = {
		{ .field = "tenant", .number = c->tenant },
		{ .field = "name", .text = "policy" },
	};
	const struct store_query q = { STORE_WHERE(conds) };
	SCOPED(setting) s = { 0 };
	enum inro_err e = store_find(c->store, &q, &s);

	if (e == INRO_E_NOT_FOUND)
		return INRO_OK;
	return e == INRO_OK ? text_set(&l->texts[0], s.value) : e;
}

static enum inro_err gather_layers(struct core *c, int64_t group, struct layers *l)
{
	enum inro_err e = add_tenants(c, l);

	for (size_t at = GROUP_DEPTH; e == INRO_OK && group && at > 0; at--) {
		SCOPED(device_group) g = { 0 };

		e = group_by_id(c, group, &g);
		if (e == INRO_OK)
			e = text_set(&l->texts[at], g.policy);
		group = g.parent;
	}
	return e;
}

static enum inro_err copy_merged(const void *from, void *to)
{
	return policy_copy(from, to);
}

static void clear_merged(void *p)
{
	policy_clear(p);
}

static const struct memo_kind merged = { sizeof(struct policy), copy_merged, clear_merged };

static enum inro_err merge_layers(struct core *c, const struct layers *l, struct policy *ret)
{
	SCOPED(buf) texts = { 0 };
	SCOPED(policy) p = { 0 };
	bool known = false;
	enum inro_err e;

	for (size_t i = 0; i < ARRAY_LEN(l->texts); i++)
		buf_add_field(&texts, bytes_of(text_or_empty(l->texts[i])));
	e = buf_err(&texts);
	if (e == INRO_OK)
		e = memo_find(c, &merged, buf_bytes(&texts), &p, &known);
	if (e == INRO_OK && !known)
		e = policy_merge((const char *const *)l->texts, ARRAY_LEN(l->texts), &p);
	if (e != INRO_OK)
		return e;
	if (!known)
		memo_keep(c, &merged, buf_bytes(&texts), &p);
	*ret = p;
	p = (struct policy) { 0 };
	return INRO_OK;
}

enum inro_err policy_of_group(struct core *c, int64_t group, struct policy *ret)
{
	SCOPED(layers) l = { 0 };
	enum inro_err e = gather_layers(c, group, &l);

	return e == INRO_OK ? merge_layers(c, &l, ret) : e;
}

enum inro_err policy_text(struct core *c, int64_t group, char **ret)
{
	SCOPED(layers) l = { 0 };
	enum inro_err e = gather_layers(c, group, &l);

	return e == INRO_OK
		       ? policy_merge_text((const char *const *)l.texts, ARRAY_LEN(l.texts), ret)
		       : e;
}

enum inro_err policy_of_device(struct core *c, const struct device *d, struct policy *ret)
{
	return policy_of_group(c, d->grp, ret);
}
