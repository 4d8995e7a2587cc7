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

enum inro_err token_place_free_label(const struct token_place *p, const char *label, const char *instead)
{
	struct p11_uri uri = { .token = (char *)(uintptr_t)label };
	struct ck_token there;
	enum inro_err e = ck_token_one(p->module, &uri, &there);
	if (e == INRO_E_NOT_FOUND)
		return INRO_OK;
	if (!e || e == INRO_E_AMBIGUOUS)
		e = err_set(INRO_E_EXISTS, "there is a token '%s' already; remove it with 'inro token delete', or %s", label,
			    instead);
	return e;
}
