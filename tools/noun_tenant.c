/* noun_tenant - those who share one database. */
#include "backoffice/core/tenant.h"

#include "tools/nouns.h"
#include "tools/office.h"

static enum inro_err tenant_add_run(const struct call *c, json_t **ret)
{
	AUTO(core_close_ptr) struct core *core = NULL;
	SCOPED(tenant) t = { 0 };
	enum inro_err e = office_open(c, &core);
	if (!e)
		e = tenant_add(core, call_arg(c, 0), &t);
	return e ? e : json_give(json_of_tenant(&t), ret);
}

static enum inro_err tenant_page(struct core *core, const struct call *c, const struct page *page,
				 json_t *list, int64_t *ret_next)
{
	SCOPED(tenant_list) l = { 0 };
	enum inro_err e = tenant_find(core, page, &l);
	(void)c;
	for (size_t i = 0; !e && i < l.n; i++)
		json_array_append_new(list, json_of_tenant(&l.items[i]));
	*ret_next = l.next;
	return e;
}

static enum inro_err tenant_list_run(const struct call *c, json_t **ret)
{
	return office_list(c, tenant_page, ret);
}

static enum inro_err tenant_show_run(const struct call *c, json_t **ret)
{
	AUTO(core_close_ptr) struct core *core = NULL;
	SCOPED(tenant) t = { 0 };
	enum inro_err e = office_open(c, &core);
	if (!e)
		e = tenant_get(core, call_arg(c, 0), &t);
	return e ? e : json_give(json_of_tenant(&t), ret);
}

const struct cmd_verb tenant_verbs[] = {
	{ .name = "add",
	  .summary = "Creates a tenant, which sees nothing of the others",
	  .args = ARGS({ .name = "NAME", .help = "1 to 64 of letters, digits and . _ -" }),
	  .run = tenant_add_run,
	  .least = LEAST_ADMIN,
	  .shape = SHOW_SAID,
	  .said = "tenant '{name}' is made" },
	{ .name = "list",
	  .summary = "Lists tenants",
	  .run = tenant_list_run,
	  .least = LEAST_AUDITOR,
	  .reads = true,
	  .shape = SHOW_TABLE,
	  .columns = COLUMNS({ "name", "NAME" }, { "created", "CREATED" }),
	  .empty = "there is no tenant" },
	{ .name = "show",
	  .summary = "Shows a tenant",
	  .args = ARGS({ .name = "NAME",
			 .optional = true,
			 .help = "its name; default: the tenant in use" }),
	  .run = tenant_show_run,
	  .least = LEAST_AUDITOR,
	  .reads = true,
	  .shape = SHOW_RECORD,
	  .columns = COLUMNS({ "name", "Name" }, { "created", "Created" }) },
	{ 0 },
};
