/* noun_ca_keys - a CA's next key, and those that it had. */
#include "backoffice/core/ca.h"
#include "tools/nouns.h"
#include "tools/office.h"

enum inro_err ca_rollover_check(const struct call *c)
{
	if (call_has(c, "key") != call_has(c, "token"))
		return INRO_OK;
	return err_set(INRO_E_ARG, "the CA's next key: give either --key URI for one that is "
				   "there, or --token LABEL to make one");
}

enum inro_err ca_rollover_run(const struct call *c, json_t **ret)
{
	AUTO(core_close_ptr) struct core *core = NULL;
	SCOPED(ca_view) v = { 0 };
	const struct ca_rollover r = {
		.name = call_arg(c, 0),
		.key_uri = call_opt(c, "key"),
		.token = call_opt(c, "token"),
		.key_type = call_opt(c, "type"),
		.label = call_opt(c, "label"),
		.days = (unsigned)call_number(c, "days", 0),
		.external = call_has(c, "external"),
		.crl_url = call_opt(c, "crl-url"),
		.delta_url = call_opt(c, "delta-url"),
		.proposal = call_number(c, "proposal", 0),
	};
	enum inro_err e = office_open(c, &core);
	if (!e)
		e = ca_rollover(core, &r, &v);
	return e ? e : json_give(json_of_ca(&v), ret);
}

static json_t *present_json(const struct ca_view *v)
{
	json_t *doc = json_of_ca(v);
	if (!doc)
		return NULL;
	json_object_set_new(doc, "generation", json_integer(v->rec.generation));
	json_object_set_new(doc, "state", json_string("present"));
	return doc;
}

enum inro_err ca_keys_run(const struct call *c, json_t **ret)
{
	AUTO(core_close_ptr) struct core *core = NULL;
	SCOPED(ca_view) v = { 0 };
	SCOPED(ca_keys) keys = { 0 };
	json_t *list = json_array();
	enum inro_err e = office_open(c, &core);
	if (!e)
		e = ca_get(core, call_arg(c, 0), &v);
	if (!e)
		e = ca_keys(core, call_arg(c, 0), &keys);
	for (size_t i = 0; !e && i < keys.n; i++)
		json_array_append_new(list, json_of_ca_key(&keys.items[i]));
	if (!e)
		json_array_append_new(list, present_json(&v));
	return json_give_or_drop(e, list, ret);
}

enum inro_err ca_links_run(const struct call *c, json_t **ret)
{
	AUTO(core_close_ptr) struct core *core = NULL;
	enum inro_err e = office_open(c, &core);
	return e ? e : json_of_ca_links(core, call_arg(c, 0), (unsigned)call_number(c, "generation", 0), ret);
}

enum inro_err ca_csr_run(const struct call *c, json_t **ret)
{
	AUTO(core_close_ptr) struct core *core = NULL;
	enum inro_err e = office_open(c, &core);
	return e ? e : json_of_ca_csr(core, call_arg(c, 0), ret);
}
