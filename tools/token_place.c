/* token_place - see token_place.h. */
#include "tools/token_place.h"

void token_place_clear(struct token_place *p)
{
	ck_module_close(p->module);
	*p = (struct token_place) { 0 };
}

struct inro_text inro_text_of(struct bytes b)
{
	return (struct inro_text) { .p = (const char *)b.p, .n = b.n };
}

enum inro_err token_place_any(struct token_place *p)
{
	enum inro_err e = ck_module_open(NULL, &p->module);
	if (e)
		return e;
	p->admin = ck_module_admin(p->module);
	return INRO_OK;
}

/* Version 1.1 of the module's own interface has it all. */
enum inro_err token_place_admin(const struct token_place *p)
{
	if (p->admin && p->admin->version.minor >= 1)
		return INRO_OK;
	if (p->admin)
		return err_set(INRO_E_UNSUPPORTED, "%s is of an earlier version than this program",
			       ck_module_path(p->module));
	return err_set(INRO_E_UNSUPPORTED, "%s can't do that: it is not Inro's module",
		       ck_module_path(p->module));
}

/* The module and the one token of this name. */
enum inro_err token_place_open(const char *name, struct token_place *p)
{
	SCOPED(p11_uri) uri = { 0 };
	enum inro_err e = p11_uri_name_token(name, &uri);
	if (!e)
		e = token_place_any(p);
	return e ? e : ck_token_one(p->module, &uri, &p->token);
}
