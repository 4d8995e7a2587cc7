/* tenant - see tenant.h. */
#include "backoffice/core/tenant.h"

#include "backoffice/core/internal.h"
#include "base/clock.h"

struct tenant_work {
	const char *name;
	struct tenant *out;
};

static enum inro_err tenant_add_work(struct core *c, void *arg)
{
	struct tenant_work *w = arg;
	SCOPED(tenant) t = { .created_ms = clock_now_ms() };
	const struct audit_entry entry = { "tenant.add", "tenant", w->name, EVENT_DONE, NULL };
	enum inro_err e = text_set(&t.name, w->name);

	if (e == INRO_OK)
		e = store_insert(c->store, &t);
	if (e == INRO_E_EXISTS)
		return err_set(e, "there is a tenant '%s' already", w->name);
	if (e == INRO_OK)
		e = audit_append(c, &entry);
	if (e != INRO_OK)
		return e;
	tenant_clear(w->out);
	*w->out = t;
	t = (struct tenant) { 0 };
	return INRO_OK;
}

static enum inro_err may_add(const struct core *c)
{
	if (c->tenant != TENANT_DEFAULT)
		return err_set(INRO_E_ACCESS, "tenants are made from the tenant 'default' only");
	return core_require(c, ROLE_ADMIN, "add a tenant");
}

enum inro_err tenant_add(struct core *c, const char *name, struct tenant *ret)
{
	SCOPED(tenant) made = { 0 };
	struct tenant_work w = { name, &made };
	enum inro_err e = core_check_name("a tenant's name", name, TENANT_NAME_MAX, "._-");

	if (e != INRO_OK)
		return e;
	e = may_add(c);
	if (e == INRO_OK)
		e = core_write(c, tenant_add_work, &w);
	if (e != INRO_OK)
		return audit_refused(c, "tenant.add", "tenant", name, e);
	*ret = made;
	made = (struct tenant) { 0 };
	return INRO_OK;
}

enum inro_err tenant_get(struct core *c, const char *name, struct tenant *ret)
{
	struct store_cond conds[2];
	struct store_query q = { .conds = conds };
	enum inro_err e;

	if (name)
		conds[q.n++] = (struct store_cond) { .field = "name", .text = name };
	if (!name || c->tenant != TENANT_DEFAULT)
		conds[q.n++] = (struct store_cond) { .field = "id", .number = c->tenant };
	e = store_find(c->store, &q, ret);
	return e == INRO_E_NOT_FOUND ? err_set(e, "no tenant '%s'", text_or_empty(name)) : e;
}

void tenant_list_clear(struct tenant_list *l)
{
	list_free(&tenant_type, l->items, l->n);
	*l = (struct tenant_list) { 0 };
}

enum inro_err tenant_find(struct core *c, const struct page *page, struct tenant_list *ret)
{
	const struct store_cond mine = { .field = "id", .number = c->tenant };
	struct store_query q = { .conds = &mine, .n = c->tenant == TENANT_DEFAULT ? 0 : 1 };
	struct core_rows rows = { 0 };
	enum inro_err e = core_page(c, &tenant_type, &q, page, &rows);

	if (e == INRO_OK)
		*ret = (struct tenant_list) { .items = rows.items, .n = rows.n, .next = rows.next };
	return e;
}
