/* setting - rows of the table `setting`; see setting.h. */
#include "backoffice/core/setting.h"

#include <stdlib.h>

#include "backoffice/core/internal.h"

static enum inro_err find(struct core *c, const char *name, struct setting *ret)
{
	const struct store_cond conds[] = {
		{ .field = "tenant", .number = c->tenant },
		{ .field = "name", .text = name },
	};
	const struct store_query q = { STORE_WHERE(conds) };

	return store_find(c->store, &q, ret);
}

enum inro_err setting_get(struct core *c, const char *name, char **ret)
{
	SCOPED(setting) s = { 0 };
	enum inro_err e = find(c, name, &s);

	if (e != INRO_OK && e != INRO_E_NOT_FOUND)
		return e;
	*ret = s.value;
	s.value = NULL;
	return INRO_OK;
}

enum inro_err setting_set(struct core *c, const char *name, const char *value)
{
	SCOPED(setting) s = { 0 };
	enum inro_err e = core_check_name("a setting's name", name, SETTING_NAME_MAX, "._-");
	bool old;

	if (e == INRO_OK)
		e = core_check_text("a setting", value, SETTING_VALUE_MAX);
	if (e != INRO_OK)
		return e;
	e = find(c, name, &s);
	old = e == INRO_OK;
	if (e == INRO_E_NOT_FOUND)
		e = text_set(&s.name, name);
	s.tenant = c->tenant;
	if (e == INRO_OK)
		e = text_set(&s.value, value);
	if (e != INRO_OK)
		return e;
	return old ? store_update(c->store, &s) : store_insert(c->store, &s);
}
