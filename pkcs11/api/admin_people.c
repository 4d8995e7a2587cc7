/* admin_people - the vendor interface's part about who may use a token. */
#include <stdlib.h>
#include <string.h>

#include "pkcs11/api/admin_parts.h"

static struct who who_of(const struct inro_user *u)
{
	return (struct who) { .type = u->type, .name = BYTES(u->name.p, u->name.n) };
}

static enum inro_err check_user(const struct inro_user *u)
{
	enum inro_err e = api_need(u, "the user");

	if (!e)
		e = api_need_bytes(u->name.p, u->name.n, "a name with a length");
	if (!e)
		e = api_need_bytes(u->pin.p, u->pin.n, "a PIN with a length");
	if (!e && u->type != CKU_USER && u->type != CKU_SO)
		e = err_set(INRO_E_USER_TYPE, "user type %lu is not offered", u->type);
	return e;
}

CK_RV admin_user_login(CK_SESSION_HANDLE session, const struct inro_user *user)
{
	enum inro_err e = check_user(user);

	if (e)
		return rv_of(e);
	return api_C_LoginUser(session, user->type, (CK_UTF8CHAR *)(uintptr_t)user->pin.p,
			       user->pin.n, (CK_UTF8CHAR *)(uintptr_t)user->name.p, user->name.n);
}

CK_RV admin_user_add(CK_SESSION_HANDLE session, const struct inro_user *user)
{
	SCOPED(entered) at = { 0 };
	enum inro_err e = lib_enter(session, &at);

	if (!e)
		e = check_user(user);
	if (e)
		return rv_of(e);
	struct who who = who_of(user);

	token_lock(at.session->token);
	e = token_user_add(at.session->token, &who, BYTES(user->pin.p, user->pin.n),
			   user->change_pin != CK_FALSE);
	token_unlock(at.session->token);
	return rv_of(e);
}

CK_RV admin_user_pin(CK_SESSION_HANDLE session, const struct inro_user *user)
{
	SCOPED(entered) at = { 0 };
	enum inro_err e = lib_enter(session, &at);

	if (!e)
		e = check_user(user);
	if (!e && user->name.n == 0 && user->type == CKU_SO)
		e = err_set(INRO_E_USER_TYPE, "the security officer changes his own PIN by "
					      "C_SetPIN");
	if (e)
		return rv_of(e);
	struct who who = who_of(user);

	token_lock(at.session->token);
	e = token_init_pin(at.session->token, &who, BYTES(user->pin.p, user->pin.n),
			   user->change_pin != CK_FALSE);
	token_unlock(at.session->token);
	return rv_of(e);
}

CK_RV admin_user_delete(CK_SESSION_HANDLE session, struct inro_text name)
{
	SCOPED(entered) at = { 0 };
	enum inro_err e = lib_enter(session, &at);

	if (!e)
		e = api_need(name.p, "the name");
	if (e)
		return rv_of(e);
	token_lock(at.session->token);
	e = token_user_delete(at.session->token, BYTES(name.p, name.n));
	token_unlock(at.session->token);
	return rv_of(e);
}

static void fill_user(const struct named_user *u, struct inro_user_status *ret)
{
	*ret = (struct inro_user_status) { .type = u->type,
					   .tries_left = u->tries > 0 ? (CK_ULONG)u->tries : 0,
					   .change_pin = u->must_change };
	memcpy(ret->name, u->name, u->name_n);
}

CK_RV admin_user_list(CK_SLOT_ID slot, struct inro_user_status *list, CK_ULONG *count)
{
	SCOPED(opened) at = { 0 };
	struct named_user *users = NULL;
	size_t n = 0;
	enum inro_err e = api_open_token(slot, &at);

	if (!e)
		e = api_need(count, "the count");
	if (!e)
		e = store_users(at.token->store, &users, &n);
	if (!e)
		e = api_list_room(list, count, n);
	for (size_t i = 0; !e && list && i < n; i++)
		fill_user(&users[i], &list[i]);
	free(users);
	return rv_of(e);
}
