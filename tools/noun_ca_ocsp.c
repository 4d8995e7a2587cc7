/* noun_ca_ocsp - who answers on line about a CA's certificates, and who signs messages in its name. */
#include "backoffice/core/signer.h"
#include "backoffice/core/status.h"
#include "tools/nouns.h"
#include "tools/office.h"

static bool changes(const struct call *c)
{
	return c->n_opts > 0;
}

static enum inro_err show(struct core *core, const struct ca_view *v, json_t **ret)
{
	SCOPED(status_issuers) l = { 0 };
	enum inro_err e = status_issuers(core, &l);
	return e ? e : json_give(json_of_ca_ocsp(v, &l), ret);
}

enum inro_err ca_ocsp_run(const struct call *c, json_t **ret)
{
	AUTO(core_close_ptr) struct core *core = NULL;
	SCOPED(ca_view) v = { 0 };
	const struct ca_ocsp in = {
		.minutes = (unsigned)call_number(c, "minutes", 0),
		.signs = call_opt(c, "signer"),
		.id = call_opt(c, "id"),
		.token = call_has(c, "ca-token") ? "" : call_opt(c, "token"),
		.key_type = call_opt(c, "type"),
	};
	enum inro_err e = office_open(c, &core);
	if (!e)
		e = changes(c) ? ca_set_ocsp(core, call_arg(c, 0), &in, &v)
			       : ca_get(core, call_arg(c, 0), &v);
	return e ? e : show(core, &v, ret);
}

enum inro_err ca_ocsp_check(const struct call *c)
{
	if (call_has(c, "token") && call_has(c, "ca-token"))
		return err_set(INRO_E_ARG, "give either --token or --ca-token");
	if (call_has(c, "minutes") && call_number(c, "minutes", 0) < 1)
		return err_set(INRO_E_ARG, "an answer is good for a minute at least");
	return INRO_OK;
}

static enum inro_err show_cmp(struct core *core, const struct ca_view *v, json_t **ret)
{
	SCOPED(ca_messages) m = { 0 };
	enum inro_err e = ca_messages(core, &v->rec, &m);
	return e ? e : json_give(json_of_ca_cmp(v, &m), ret);
}

enum inro_err ca_cmp_run(const struct call *c, json_t **ret)
{
	AUTO(core_close_ptr) struct core *core = NULL;
	SCOPED(ca_view) v = { 0 };
	const struct ca_cmp in = {
		.signs = call_opt(c, "signer"),
		.token = call_has(c, "ca-token") ? "" : call_opt(c, "token"),
		.key_type = call_opt(c, "type"),
	};
	enum inro_err e = office_open(c, &core);
	if (!e)
		e = changes(c) ? ca_set_cmp(core, call_arg(c, 0), &in, &v)
			       : ca_get(core, call_arg(c, 0), &v);
	return e ? e : show_cmp(core, &v, ret);
}

enum inro_err ca_cmp_check(const struct call *c)
{
	if (call_has(c, "token") && call_has(c, "ca-token"))
		return err_set(INRO_E_ARG, "give either --token or --ca-token");
	return INRO_OK;
}
