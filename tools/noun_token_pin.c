/* noun_token_pin - PINs of tokens, and users with a name. */
#include <stdio.h>
#include <stdlib.h>

#include "tools/nouns.h"
#include "tools/office.h"
#include "tools/pin.h"
#include "tools/text.h"
#include "tools/token_place.h"

/* A session in which `user` is logged in with this PIN; closed with the module. */
static enum inro_err login(struct token_place *p, CK_USER_TYPE user, const struct secret *pin,
			   CK_SESSION_HANDLE *ret)
{
	enum inro_err e = ck_session_open(p->module, p->token.slot, true, ret);
	return e ? e : ck_login(p->module, *ret, user, secret_bytes(pin));
}

/* The same for a user with a name. */
static enum inro_err login_named(struct token_place *p, const char *name, CK_USER_TYPE type,
				 const struct secret *pin, CK_SESSION_HANDLE *ret)
{
	struct inro_user user = { .name = inro_text_of(bytes_of(name)),
				  .type = type,
				  .pin = inro_text_of(secret_bytes(pin)) };
	enum inro_err e = token_place_admin(p);
	if (!e)
		e = ck_session_open(p->module, p->token.slot, true, ret);
	return e ? e : ck_err(p->module, p->admin->user_login(*ret, &user), "C_LoginUser");
}

enum inro_err token_pin_change_run(const struct call *c, json_t **ret)
{
	SCOPED(token_place) p = { 0 };
	SCOPED(secret) old = { 0 };
	SCOPED(secret) fresh = { 0 };
	bool so = call_has(c, "so");
	const char *label = p.token.label, *name = call_opt(c, "user");
	CK_SESSION_HANDLE s = 0;
	enum inro_err e = token_place_open(call_arg(c, 0), &p);
	if (!e)
		e = pin_take(c, so ? PIN_SO : PIN_USER, label, false, &old);
	if (!e && name)
		e = login_named(&p, name, so ? CKU_SO : CKU_USER, &old, &s);
	else if (!e)
		e = login(&p, so ? CKU_SO : CKU_USER, &old, &s);
	if (!e)
		e = pin_take(c, PIN_NEW, label, true, &fresh);
	if (!e)
		e = ck_err(
			p.module,
			ck_module_functions(p.module)->C_SetPIN(s, old.p, old.n, fresh.p, fresh.n),
			"C_SetPIN");
	return e ? e
		 : json_give(json_pack("{s:o s:s}", "label", text_json(bytes_of(label)), "pin",
				       so ? "SO" : "user"),
			     ret);
}

/* A session of the security officer. */
static enum inro_err so_session(const struct call *c, struct token_place *p, CK_SESSION_HANDLE *ret)
{
	SCOPED(secret) so = { 0 };
	enum inro_err e = token_place_open(call_arg(c, 0), p);
	if (!e)
		e = token_place_admin(p);
	if (!e)
		e = pin_take(c, PIN_SO, p->token.label, false, &so);
	return e ? e : login(p, CKU_SO, &so, ret);
}

static struct inro_user person(const struct call *c, const char *name, const struct secret *pin)
{
	return (struct inro_user) { .name = inro_text_of(bytes_of(name)),
				    .type = call_has(c, "so") ? CKU_SO : CKU_USER,
				    .pin = inro_text_of(secret_bytes(pin)),
				    .change_pin = call_has(c, "expire") };
}

enum inro_err token_pin_unblock_check(const struct call *c)
{
	if (!call_has(c, "so") || call_has(c, "user"))
		return INRO_OK;
	return err_set(INRO_E_ARG, "--so goes with --user: nothing unblocks the SO PIN; 'inro token pin change --so' changes it");
}

enum inro_err token_pin_unblock_run(const struct call *c, json_t **ret)
{
	SCOPED(token_place) p = { 0 };
	SCOPED(secret) fresh = { 0 };
	const char *label = p.token.label;
	CK_SESSION_HANDLE s = 0;
	enum inro_err e = so_session(c, &p, &s);
	if (!e)
		e = pin_take(c, PIN_NEW, label, true, &fresh);
	if (e)
		return e;
	struct inro_user user = person(c, call_opt(c, "user"), &fresh);
	e = ck_err(p.module, p.admin->user_pin(s, &user), "C_InitPIN");
	return e ? e : json_give(json_pack("{s:o}", "label", text_json(bytes_of(label))), ret);
}

/* ---- named users ---- */

static enum inro_err user_done(const struct token_place *p, const char *name, json_t **ret)
{
	return json_give(
		json_pack("{s:o s:s}", "token", text_json(bytes_of(p->token.label)), "user", name),
		ret);
}

enum inro_err token_user_add_run(const struct call *c, json_t **ret)
{
	SCOPED(token_place) p = { 0 };
	SCOPED(secret) fresh = { 0 };
	const char *name = call_arg(c, 1);
	CK_SESSION_HANDLE s = 0;
	enum inro_err e = so_session(c, &p, &s);
	if (!e)
		e = pin_take(c, PIN_NEW, p.token.label, true, &fresh);
	if (e)
		return e;
	struct inro_user user = person(c, name, &fresh);
	e = ck_err(p.module, p.admin->user_add(s, &user), "user_add");
	return e ? e : user_done(&p, name, ret);
}

enum inro_err token_user_delete_run(const struct call *c, json_t **ret)
{
	SCOPED(token_place) p = { 0 };
	const char *name = call_arg(c, 1);
	CK_SESSION_HANDLE s = 0;
	enum inro_err e = so_session(c, &p, &s);
	if (!e)
		e = ck_err(p.module, p.admin->user_delete(s, inro_text_of(bytes_of(name))),
			   "user_delete");
	return e ? e : user_done(&p, name, ret);
}

static json_t *user_json(const struct inro_user_status *u)
{
	return json_pack("{s:o s:s s:I s:b}", "user", text_json(bytes_of(u->name)), "role",
			 u->type == CKU_SO ? "SO" : "user", "tries_left", (json_int_t)u->tries_left,
			 "must_change", u->change_pin != CK_FALSE);
}

static enum inro_err read_users(struct token_place *p, struct inro_user_status **ret,
				CK_ULONG *ret_n)
{
	struct inro_user_status *list = NULL;
	CK_RV rv;
	/* one may be added between the two calls */
	do {
		free(list);
		list = NULL;
		rv = p->admin->user_list(p->token.slot, NULL, ret_n);
		if (rv == CKR_OK)
			list = calloc(*ret_n + 1, sizeof *list);
		if (rv == CKR_OK && !list)
			return INRO_E_NO_MEMORY;
		if (rv == CKR_OK)
			rv = p->admin->user_list(p->token.slot, list, ret_n);
	} while (rv == CKR_BUFFER_TOO_SMALL);
	*ret = list;
	return ck_err(p->module, rv, "user_list");
}

enum inro_err token_user_list_run(const struct call *c, json_t **ret)
{
	SCOPED(token_place) p = { 0 };
	struct inro_user_status *list = NULL;
	CK_ULONG n = 0;
	enum inro_err e = token_place_open(call_arg(c, 0), &p);
	if (!e)
		e = token_place_admin(&p);
	if (!e)
		e = read_users(&p, &list, &n);
	json_t *doc = e ? NULL : json_array();
	for (CK_ULONG i = 0; doc && i < n; i++)
		json_array_append_new(doc, user_json(&list[i]));
	free(list);
	return e ? e : json_give(doc, ret);
}
