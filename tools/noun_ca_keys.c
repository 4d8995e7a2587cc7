/* noun_ca_keys - a CA's next key, and those that it had. */
#include "backoffice/core/ca.h"
#include "backoffice/pki/pem.h"
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

/* The two certificates by which the present key and the one before vouch for each other. */
static enum inro_err links_json(const struct ca_keys *keys, const char *name, json_t **ret)
{
	const struct ca_generation *last = NULL;
	for (size_t i = 0; i < keys->n; i++)
		if (keys->items[i].rec.new_with_old.n)
			last = &keys->items[i].rec;
	if (!last)
		return err_set(INRO_E_NOT_FOUND,
			       "CA '%s' has no two keys that certify each other: only a root that "
			       "got another key has",
			       name);
	const struct bytes ders[] = { blob_bytes(&last->new_with_old),
				      blob_bytes(&last->old_with_new) };
	return json_give(json_pack("{s:s s:I s:o s:o s:o}", "name", name, "generation",
				   (json_int_t)last->number + 1, "new_with_old",
				   json_of_pem(PEM_CERT, &ders[0], 1), "old_with_new",
				   json_of_pem(PEM_CERT, &ders[1], 1), "pem",
				   json_of_pem(PEM_CERT, ders, 2)),
			 ret);
}

enum inro_err ca_links_run(const struct call *c, json_t **ret)
{
	AUTO(core_close_ptr) struct core *core = NULL;
	SCOPED(ca_keys) keys = { 0 };
	enum inro_err e = office_open(c, &core);
	if (!e)
		e = ca_keys(core, call_arg(c, 0), &keys);
	return e ? e : links_json(&keys, call_arg(c, 0), ret);
}

/* The request that is out: of the CA itself, or of its next key. */
static enum inro_err find_request(struct core *core, const struct ca_view *v, struct bytes *ret,
				  struct ca_keys *keys)
{
	enum inro_err e = ca_keys(core, v->rec.name, keys);
	*ret = blob_bytes(&v->rec.csr);
	for (size_t i = 0; !e && i < keys->n; i++)
		if (keys->items[i].rec.csr.n && !keys->items[i].rec.cert.n)
			*ret = blob_bytes(&keys->items[i].rec.csr);
	if (!e && !ret->n)
		e = err_set(INRO_E_STATE, "CA '%s' is certified here; it has no request",
			    v->rec.name);
	return e;
}

enum inro_err ca_csr_run(const struct call *c, json_t **ret)
{
	AUTO(core_close_ptr) struct core *core = NULL;
	SCOPED(ca_view) v = { 0 };
	SCOPED(ca_keys) keys = { 0 };
	struct bytes der = BYTES_NONE;
	enum inro_err e = office_open(c, &core);
	if (!e)
		e = ca_get(core, call_arg(c, 0), &v);
	if (!e)
		e = find_request(core, &v, &der, &keys);
	return e ? e
		 : json_give(json_pack("{s:s s:s s:o}", "name", call_arg(c, 0), "state",
				       ca_state_names[v.rec.state], "pem",
				       json_of_pem(PEM_CSR, &der, 1)),
			     ret);
}
