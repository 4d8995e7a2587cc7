/* noun_ca_places - the tokens that a CA's key is in. */
#include "backoffice/core/ca.h"
#include "tools/nouns.h"
#include "tools/office.h"

enum inro_err ca_place_add_check(const struct call *c)
{
	if (call_has(c, "key") != call_has(c, "token"))
		return INRO_OK;
	return err_set(INRO_E_ARG, "the copy of the key: give either its URI by --key, or by --token the "
				   "token that has it under the same id");
}

static unsigned generation_of(const struct call *c)
{
	return (unsigned)call_number(c, "generation", 0);
}

enum inro_err ca_place_add_run(const struct call *c, json_t **ret)
{
	AUTO(core_close_ptr) struct core *core = NULL;
	SCOPED(ca_places) l = { 0 };
	const struct ca_place_wish wish = {
		.name = call_arg(c, 0),
		.generation = generation_of(c),
		.key_uri = call_opt(c, "key"),
		.token = call_opt(c, "token"),
		.first = call_has(c, "first"),
		.proposal = call_number(c, "proposal", 0),
	};
	enum inro_err e = office_open(c, &core);
	if (!e)
		e = ca_place_add(core, &wish, &l);
	return e ? e : json_give(json_of_ca_changed_places(call_arg(c, 0), &l), ret);
}

enum inro_err ca_place_remove_run(const struct call *c, json_t **ret)
{
	AUTO(core_close_ptr) struct core *core = NULL;
	SCOPED(ca_places) l = { 0 };
	enum inro_err e = office_open(c, &core);
	if (!e)
		e = ca_place_remove(core, call_arg(c, 0), generation_of(c), call_opt(c, "key"), &l);
	return e ? e : json_give(json_of_ca_changed_places(call_arg(c, 0), &l), ret);
}

enum inro_err ca_place_list_run(const struct call *c, json_t **ret)
{
	AUTO(core_close_ptr) struct core *core = NULL;
	SCOPED(ca_places) l = { 0 };
	bool test = call_has(c, "test");
	enum inro_err e = office_open(c, &core);
	if (!e)
		e = ca_places(core, call_arg(c, 0), generation_of(c), test, &l);
	return e ? e : json_give(json_of_ca_places(&l, test), ret);
}
