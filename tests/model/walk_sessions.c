/* walk_sessions - sessions and logins: PKCS#11 3.2 5.4, 5.6. */
#include "tests/model/model.h"

#include <string.h>

#define WRONG_PIN "00000000"

/* ---- sessions ---- */

static bool room_for_session(void)
{
	size_t n = 0;

	for (size_t i = 0; i < SESSIONS; i++)
		n += world.sessions[i].open;
	return n < SESSIONS;
}

static void open_session(void)
{
	struct answers a = { 0 };
	int token = (int)chance_below(3) / 2;
	struct token *t = &world.tokens[token];
	bool rw = chance(70), serial = !chance(2);
	CK_FLAGS flags = (rw ? CKF_RW_SESSION : 0) | (serial ? CKF_SERIAL_SESSION : 0);
	CK_SESSION_HANDLE h = 0;

	if (!room_for_session())
		return;
	if (!serial)
		may_be(&a, CKR_SESSION_PARALLEL_NOT_SUPPORTED);
	if (!rw && t->login == OFFICER)
		may_be(&a, CKR_SESSION_READ_WRITE_SO_EXISTS);
	say("C_OpenSession token %d %s", token, rw ? "rw" : "ro");
	if (!answered(&a, subject.f->C_OpenSession(t->slot, flags, NULL, NULL, &h)))
		return;
	say("   session %lu\n", h);
	for (size_t i = 0; i < SESSIONS; i++)
		RIGHT(!world.sessions[i].open || world.sessions[i].h != h, "a handle comes twice");
	model_open_session(token, rw, h);
}

static void close_session(void)
{
	struct answers a = { 0 };
	CK_SESSION_HANDLE h;
	struct session *s = pick_session(&h, &a);

	if (!s || chance(50))
		return;
	say("C_CloseSession %lu", h);
	if (answered(&a, subject.f->C_CloseSession(h)))
		model_close_session(s);
}

static void close_all(void)
{
	struct answers a = { 0 };
	int token = (int)chance_below(TOKENS);

	if (chance(75))
		return;
	say("C_CloseAllSessions token %d", token);
	answered(&a, subject.f->C_CloseAllSessions(world.tokens[token].slot));
	for (size_t i = 0; i < SESSIONS; i++)
		if (world.sessions[i].open && world.sessions[i].token == token)
			model_close_session(&world.sessions[i]);
}

static void restart(void)
{
	struct answers a = { 0 };

	if (chance(70))
		return;
	say("C_Finalize");
	answered(&a, subject.f->C_Finalize(NULL));
	say("C_Initialize");
	answered(&a, subject.f->C_Initialize(NULL));
	model_restart();
}

/* ---- logins ---- */

static CK_RV log_in(CK_SESSION_HANDLE h, enum login who, bool right)
{
	const char *pin = !right ? WRONG_PIN : who == OFFICER ? SO_PIN : USER_PIN;

	return subject.f->C_Login(h, who == OFFICER ? CKU_SO : CKU_USER, module_pin(pin),
				  strlen(pin));
}

static void login(void)
{
	struct answers a = { 0 };
	CK_SESSION_HANDLE h;
	struct session *s = pick_session(&h, &a);
	struct token *t = s ? model_token(s) : NULL;
	enum login who = chance(12) ? OFFICER : USER;
	bool right = !chance(6);

	/* a PIN costs a tenth of a second; what is refused without one is looked at less */
	if (!s || (t->login != NOBODY && chance(92)))
		return;
	if (t->login != NOBODY)
		may_be(&a, t->login == who ? CKR_USER_ALREADY_LOGGED_IN
					   : CKR_USER_ANOTHER_ALREADY_LOGGED_IN);
	if (who == OFFICER && model_sessions(s->token, false) != model_sessions(s->token, true))
		may_be(&a, CKR_SESSION_READ_ONLY_EXISTS);
	if (!right)
		may_be(&a, CKR_PIN_INCORRECT);
	say("C_Login %lu %s%s", h, who == OFFICER ? "SO" : "user", right ? "" : " wrongly");
	if (answered(&a, log_in(h, who, right)))
		model_login(t, who);
}

static void login_oddly(void)
{
	struct answers a = { 0 };
	CK_SESSION_HANDLE h;
	struct session *s = pick_session(&h, &a);

	if (!s)
		return;
	may_be(&a, CKR_USER_TYPE_INVALID);
	say("C_Login %lu type 7", h);
	answered(&a, subject.f->C_Login(h, 7, module_pin(USER_PIN), strlen(USER_PIN)));
}

static void logout(void)
{
	struct answers a = { 0 };
	CK_SESSION_HANDLE h;
	struct session *s = pick_session(&h, &a);

	if (!s || chance(40))
		return;
	if (model_token(s)->login == NOBODY)
		may_be(&a, CKR_USER_NOT_LOGGED_IN);
	say("C_Logout %lu", h);
	if (answered(&a, subject.f->C_Logout(h)))
		model_logout(model_token(s));
}

/* ---- PINs ---- */

static void init_pin(void)
{
	struct answers a = { 0 };
	CK_SESSION_HANDLE h;
	struct session *s = pick_session(&h, &a);

	if (!s || chance(50))
		return;
	if (model_token(s)->login != OFFICER)
		may_be(&a, CKR_USER_NOT_LOGGED_IN);
	if (!s->rw)
		may_be(&a, CKR_SESSION_READ_ONLY);
	say("C_InitPIN %lu", h);
	answered(&a, subject.f->C_InitPIN(h, module_pin(USER_PIN), strlen(USER_PIN)));
}

/* The PIN of who is logged in, or the user's. */
static void set_pin(void)
{
	struct answers a = { 0 };
	CK_SESSION_HANDLE h;
	struct session *s = pick_session(&h, &a);
	bool right = !chance(20);

	if (!s || chance(60))
		return;
	const char *pin = model_token(s)->login == OFFICER ? SO_PIN : USER_PIN;
	const char *old = right ? pin : WRONG_PIN;

	if (!s->rw)
		may_be(&a, CKR_SESSION_READ_ONLY);
	if (!right)
		may_be(&a, CKR_PIN_INCORRECT);
	say("C_SetPIN %lu%s", h, right ? "" : " wrongly");
	answered(&a, subject.f->C_SetPIN(h, module_pin(old), strlen(old), module_pin(pin),
					 strlen(pin)));
}

/* ---- what can be seen ---- */

static CK_STATE state_of(const struct session *s)
{
	static const CK_STATE states[][2] = {
		[NOBODY] = { CKS_RO_PUBLIC_SESSION, CKS_RW_PUBLIC_SESSION },
		[USER] = { CKS_RO_USER_FUNCTIONS, CKS_RW_USER_FUNCTIONS },
		[OFFICER] = { CKS_RW_SO_FUNCTIONS, CKS_RW_SO_FUNCTIONS },
	};

	return states[model_token(s)->login][s->rw];
}

static void look_at_session(const struct session *s)
{
	CK_SESSION_INFO info = { 0 };
	CK_RV rv = subject.f->C_GetSessionInfo(s->h, &info);

	RIGHT(rv == CKR_OK, "session %lu has no info: 0x%lx", s->h, rv);
	RIGHT(info.state == state_of(s), "session %lu is in state %lu, not %lu", s->h, info.state,
	      state_of(s));
	RIGHT(info.slotID == model_token(s)->slot, "session %lu has another slot", s->h);
	RIGHT(info.flags == (CKF_SERIAL_SESSION | (s->rw ? CKF_RW_SESSION : 0u)),
	      "session %lu has flags 0x%lx", s->h, info.flags);
}

static void look_at_token(int token)
{
	CK_TOKEN_INFO info = { 0 };
	CK_RV rv = subject.f->C_GetTokenInfo(world.tokens[token].slot, &info);
	CK_ULONG n = model_sessions(token, false), rw = model_sessions(token, true);

	RIGHT(rv == CKR_OK, "token %d has no info: 0x%lx", token, rv);
	RIGHT(info.ulSessionCount == n || info.ulSessionCount == CK_UNAVAILABLE_INFORMATION,
	      "token %d has %lu sessions, not %lu", token, info.ulSessionCount, n);
	RIGHT(info.ulRwSessionCount == rw || info.ulRwSessionCount == CK_UNAVAILABLE_INFORMATION,
	      "token %d has %lu read-write sessions, not %lu", token, info.ulRwSessionCount, rw);
}

void look_at_sessions(void)
{
	for (size_t i = 0; i < SESSIONS; i++)
		if (world.sessions[i].open)
			look_at_session(&world.sessions[i]);
	for (int i = 0; i < TOKENS; i++)
		look_at_token(i);
}

const struct call session_calls[] = {
	{ "open", 8, open_session }, { "close", 2, close_session }, { "close all", 1, close_all },
	{ "restart", 1, restart },   { "login", 16, login },	    { "login oddly", 1, login_oddly },
	{ "logout", 1, logout },     { "init PIN", 1, init_pin },   { "set PIN", 1, set_pin },
};
const size_t session_calls_n = ARRAY_LEN(session_calls);
