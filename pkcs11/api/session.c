/* session - PKCS#11 3.0 5.6: sessions and logins. */
#include "pkcs11/api/api.h"

CK_RV api_C_OpenSession(CK_SLOT_ID slot, CK_FLAGS flags, void *application, CK_NOTIFY notify,
			CK_SESSION_HANDLE *session)
{
	struct token *t;
	AUTO(lib_leave) struct lib *l = NULL;
	enum inro_err e = lib_get(&l);

	(void)application; /* nothing here ever calls back */
	(void)notify;
	if (!e)
		e = lib_token(l, slot, &t);
	if (!e)
		e = api_need(session, "phSession");
	if (!e && !(flags & CKF_SERIAL_SESSION))
		e = err_set(INRO_E_PARALLEL, "CKF_SERIAL_SESSION must be set");
	return rv_of(e ? e : session_open(&l->sessions, t, flags, session));
}

CK_RV api_C_CloseSession(CK_SESSION_HANDLE session)
{
	AUTO(lib_leave) struct lib *l = NULL;
	enum inro_err e = lib_get(&l);

	return rv_of(e ? e : session_close(&l->sessions, session));
}

CK_RV api_C_CloseAllSessions(CK_SLOT_ID slot)
{
	struct token *t;
	AUTO(lib_leave) struct lib *l = NULL;
	enum inro_err e = lib_get(&l);

	if (!e)
		e = lib_token(l, slot, &t);
	return rv_of(e ? e : session_close_all(&l->sessions, t));
}

CK_RV api_C_GetSessionInfo(CK_SESSION_HANDLE session, CK_SESSION_INFO *info)
{
	SCOPED(entered) at = { 0 };
	enum inro_err e = lib_enter(session, &at);

	if (!e)
		e = api_need(info, "pInfo");
	if (e)
		return rv_of(e);
	token_lock(at.session->token);
	*info = (CK_SESSION_INFO) { .slotID = at.session->token->slot,
				    .state = session_state(at.session),
				    .flags = at.session->flags };
	token_unlock(at.session->token);
	return CKR_OK;
}

static enum inro_err log_in(struct session *s, CK_USER_TYPE user, struct bytes pin)
{
	enum inro_err e;

	if (user == CKU_CONTEXT_SPECIFIC)
		return op_login(s, pin);
	token_lock(s->token);
	e = token_login(s->token, user, pin);
	token_unlock(s->token);
	return e;
}

CK_RV api_C_Login(CK_SESSION_HANDLE session, CK_USER_TYPE user, unsigned char *pin,
		  CK_ULONG pin_len)
{
	SCOPED(entered) at = { 0 };
	enum inro_err e = lib_enter(session, &at);

	if (!e)
		e = api_need(pin, "pPin");
	return rv_of(e ? e : log_in(at.session, user, BYTES(pin, pin_len)));
}

/* 5.6.9: the user and the SO have no names here. */
CK_RV api_C_LoginUser(CK_SESSION_HANDLE session, CK_USER_TYPE user, CK_UTF8CHAR *pin,
		      CK_ULONG pin_len, CK_UTF8CHAR *name, CK_ULONG name_len)
{
	SCOPED(entered) at = { 0 };
	enum inro_err e = lib_enter(session, &at);

	if (!e)
		e = api_need(pin, "pPin");
	if (!e)
		e = api_need_bytes(name, name_len, "pUsername");
	if (!e && name_len)
		e = err_set(INRO_E_USER_TYPE, "this token has no named users");
	return rv_of(e ? e : log_in(at.session, user, BYTES(pin, pin_len)));
}

CK_RV api_C_Logout(CK_SESSION_HANDLE session)
{
	SCOPED(entered) at = { 0 };
	enum inro_err e = lib_enter(session, &at);

	if (e)
		return rv_of(e);
	token_lock(at.session->token);
	e = token_logout(at.session->token);
	token_unlock(at.session->token);
	return rv_of(e);
}

CK_RV api_C_SessionCancel(CK_SESSION_HANDLE session, CK_FLAGS flags)
{
	SCOPED(entered) at = { 0 };
	enum inro_err e = lib_enter(session, &at);

	if (e)
		return rv_of(e);
	op_cancel(at.session, flags);
	if (flags & CKF_FIND_OBJECTS && at.session->search.active)
		e = objects_find_end(at.session);
	return rv_of(e);
}
