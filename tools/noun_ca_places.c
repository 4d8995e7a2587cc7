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

static json_t *places_json(const struct ca_places *l, bool tested)
{
	json_t *list = json_array();
	for (size_t i = 0; i < l->n; i++) {
		const struct ca_place_view *p = &l->items[i];
		json_t *works = tested ? json_string(p->why ? "no" : "yes") : json_null();
		json_array_append_new(list, json_pack("{s:I s:s s:o s:o}", "place", (json_int_t)i + 1,
						      "key_uri", p->uri, "works", works, "why",
						      json_of_text(p->why)));
	}
	return list;
}

static json_t *changed_json(const struct call *c, const struct ca_places *l)
{
	return json_pack("{s:s s:I s:o}", "name", call_arg(c, 0), "copies", (json_int_t)l->n, "keys",
			 places_json(l, false));
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
	return e ? e : json_give(changed_json(c, &l), ret);
}

enum inro_err ca_place_remove_run(const struct call *c, json_t **ret)
{
	AUTO(core_close_ptr) struct core *core = NULL;
	SCOPED(ca_places) l = { 0 };
	enum inro_err e = office_open(c, &core);
	if (!e)
		e = ca_place_remove(core, call_arg(c, 0), generation_of(c), call_opt(c, "key"), &l);
	return e ? e : json_give(changed_json(c, &l), ret);
}

enum inro_err ca_place_list_run(const struct call *c, json_t **ret)
{
	AUTO(core_close_ptr) struct core *core = NULL;
	SCOPED(ca_places) l = { 0 };
	bool test = call_has(c, "test");
	enum inro_err e = office_open(c, &core);
	if (!e)
		e = ca_places(core, call_arg(c, 0), generation_of(c), test, &l);
	return e ? e : json_give(places_json(&l, test), ret);
}
