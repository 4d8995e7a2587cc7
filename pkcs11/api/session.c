/* session - PKCS#11 3.2 5.6: sessions and logins. */
#include "pkcs11/api/api.h"

#include <string.h>

#include "pkcs11/token/settings.h"

/* What is not known of the flags is ignored, and not told as the session's. */
#define SESSION_FLAGS (CKF_SERIAL_SESSION | CKF_RW_SESSION)

/* PKCS#11 3.2 5.6.1: who takes a session for asynchronous waits for CKR_PENDING.  No error of ours has
 * this code. */
static CK_RV no_async(void)
{
	(void)rv_of(err_set(INRO_E_UNSUPPORTED,
			    "no session is asynchronous: leave CKF_ASYNC_SESSION out"));
	return CKR_SESSION_ASYNC_NOT_SUPPORTED;
}

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
	if (!e && (flags & CKF_ASYNC_SESSION))
		return no_async();
	return rv_of(e ? e : session_open(&l->sessions, t, flags & SESSION_FLAGS, session));
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
	enum inro_err e = lib_enter_expired(session, &at);

	if (!e)
		e = api_need(info, "pInfo");
	if (e)
		return rv_of(e);
	token_lock(at.session->token);
	*info = (CK_SESSION_INFO) { .slotID = at.session->token->id,
				    .state = session_state(at.session),
				    .flags = at.session->flags };
	token_unlock(at.session->token);
	return CKR_OK;
}

static enum inro_err log_in(struct session *s, const struct who *who, struct bytes pin)
{
	enum inro_err e;

	if (who->type == CKU_CONTEXT_SPECIFIC)
		return op_login(s, pin);
	token_lock(s->token);
	e = token_login(s->token, who, pin);
	token_unlock(s->token);
	return e;
}

/* In the middle of an operation the one who is logged in proves that he is still there. */
static enum inro_err spoken_name(CK_SESSION_HANDLE session, const struct who *who, char room[STORE_MAX_USER + 1])
{
	SCOPED(entered) at = { 0 };
	struct who now;
	enum inro_err e;

	if (who->type != CKU_CONTEXT_SPECIFIC)
		return api_pin_name(who, room);
	e = lib_enter_expired(session, &at);
	if (e)
		return e;
	token_lock(at.session->token);
	now = token_who(at.session->token);
	e = api_pin_name(&now, room);
	token_unlock(at.session->token);
	return e;
}

/* Nobody is asked for a PIN that would not be tried. */
static enum inro_err may_log_in(CK_SESSION_HANDLE session, const struct who *who)
{
	SCOPED(entered) at = { 0 };
	enum inro_err e = lib_enter_expired(session, &at);

	if (e || who->type == CKU_CONTEXT_SPECIFIC)
		return e ? e : op_may_login(at.session);
	token_lock(at.session->token);
	e = token_may_login(at.session->token, who);
	token_unlock(at.session->token);
	return e;
}

static enum inro_err log_in_by(CK_SESSION_HANDLE session, const struct who *who, struct bytes given)
{
	SCOPED(api_pin) pin = { 0 };
	char name[STORE_MAX_USER + 1];
	SCOPED(entered) at = { 0 };
	enum inro_err e = spoken_name(session, who, name);

	if (!e && !given.p && given.n == 0 && settings_get()->pin_helper)
		e = may_log_in(session, who);
	if (!e)
		e = api_pin_take(session, "login", name, given, &pin);
	if (!e)
		e = lib_enter_expired(session, &at);
	return e ? e : log_in(at.session, who, pin.pin);
}

CK_RV api_C_Login(CK_SESSION_HANDLE session, CK_USER_TYPE user, unsigned char *pin,
		  CK_ULONG pin_len)
{
	return rv_of(log_in_by(session, &(struct who) { .type = user }, BYTES(pin, pin_len)));
}

static enum inro_err is_there(CK_SESSION_HANDLE session)
{
	SCOPED(entered) at = { 0 };

	return lib_enter_expired(session, &at);
}

/* PKCS#11 3.2 5.6.9. */
CK_RV api_C_LoginUser(CK_SESSION_HANDLE session, CK_USER_TYPE user, CK_UTF8CHAR *pin,
		      CK_ULONG pin_len, CK_UTF8CHAR *name, CK_ULONG name_len)
{
	const struct who who = { .type = user, .name = BYTES(name, name_len) };
	enum inro_err e = is_there(session);

	if (!e)
		e = api_need_bytes(name, name_len, "pUsername");
	return rv_of(e ? e : log_in_by(session, &who, BYTES(pin, pin_len)));
}

CK_RV api_C_Logout(CK_SESSION_HANDLE session)
{
	SCOPED(entered) at = { 0 };
	enum inro_err e = lib_enter_expired(session, &at);

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
	enum inro_err e = lib_enter_expired(session, &at);

	if (e)
		return rv_of(e);
	op_cancel(at.session, flags);
	if (flags & CKF_FIND_OBJECTS && at.session->search.active)
		e = objects_find_end(at.session);
	return rv_of(e);
}
