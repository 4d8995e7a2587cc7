/* noun_pass - what lets somebody in beside a password: 'inro user token ...'. */
#include "backoffice/core/pass.h"

#include <stdlib.h>

#include "tools/cert_source.h"
#include "tools/nouns.h"
#include "tools/office.h"

static enum inro_err role_given(const struct call *c, enum role *ret)
{
	int at = call_has(c, "role") ? name_index(role_names, ROLE__MAX, call_opt(c, "role"))
				     : ROLE_AUDITOR;
	if (at < 0)
		return err_set(INRO_E_ARG, "'%s' is no role", call_opt(c, "role"));
	*ret = (enum role)at;
	return INRO_OK;
}

enum inro_err user_token_check(const struct call *c)
{
	if (call_has(c, "key") && call_has(c, "certificate"))
		return err_set(INRO_E_ARG, "give either --key or --certificate");
	if (call_has(c, "key") && call_has(c, "account"))
		return err_set(INRO_E_ARG, "--key is of no account: leave --account out");
	return INRO_OK;
}

static enum inro_err add_it(const struct call *c, struct pass_new *in, json_t **ret)
{
	AUTO(core_close_ptr) struct core *core = NULL;
	SCOPED(secret) value = { 0 };
	SCOPED(pass) p = { 0 };
	enum inro_err e = office_open(c, &core);
	if (!e)
		e = pass_add(core, in, &value, &p);
	if (!e)
		e = json_of_pass(core, &p, ret);
	if (!e && value.n)
		json_object_set_new(*ret, "token", text_json(secret_bytes(&value)));
	return e;
}

enum inro_err user_token_add_run(const struct call *c, json_t **ret)
{
	SCOPED(buf) cert = { 0 };
	struct pass_new in = { .kind = call_has(c, "key") ? PASS_KEY : PASS_TOKEN,
			       .name = call_arg(c, 0),
			       .account = call_opt(c, "account"),
			       .verbs = call_opt(c, "commands"),
			       .days = (unsigned)call_number(c, "days", 0) };
	enum inro_err e = role_given(c, &in.role);
	if (!e && call_has(c, "certificate")) {
		in.kind = PASS_CERTIFICATE;
		e = cert_source_one(call_opt(c, "certificate"), &cert);
	}
	in.cert = buf_bytes(&cert);
	return e ? e : add_it(c, &in, ret);
}

static enum inro_err pass_page(struct core *core, const struct call *c, const struct page *page,
			       json_t *list, int64_t *ret_next)
{
	SCOPED(pass_list) l = { 0 };
	enum inro_err e = pass_find(core, call_has(c, "all"), page, &l);
	for (size_t i = 0; !e && i < l.n; i++) {
		json_t *doc = NULL;
		e = json_of_pass(core, &l.items[i], &doc);
		json_array_append_new(list, doc);
	}
	*ret_next = l.next;
	return e;
}

enum inro_err user_token_list_run(const struct call *c, json_t **ret)
{
	return office_list(c, pass_page, ret);
}

enum inro_err user_token_revoke_run(const struct call *c, json_t **ret)
{
	AUTO(core_close_ptr) struct core *core = NULL;
	SCOPED(pass) p = { 0 };
	enum inro_err e = office_open(c, &core);
	if (!e)
		e = pass_revoke(core, call_id(c), &p);
	return e ? e : json_of_pass(core, &p, ret);
}
