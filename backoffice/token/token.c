/* token - a token's session: opened, logged in, opened again after a fork or a loss. */
#include "backoffice/token/internal.h"

#include <stdlib.h>
#include <string.h>

static bool wants_login(const struct token *t)
{
	return t->logged_in && t->info.info.flags & CKF_LOGIN_REQUIRED;
}

static enum inro_err login(struct token *t)
{
	CK_FLAGS flags = t->info.info.flags;
	enum inro_err e;

	if (!wants_login(t))
		return INRO_OK;
	if (!t->pin.n && !(flags & CKF_PROTECTED_AUTHENTICATION_PATH))
		return err_set(INRO_E_PIN_MISSING, "the PIN of token '%s' is needed",
			       t->info.label);
	e = ck_login(t->module, t->session, CKU_USER, secret_bytes(&t->pin));
	/* Modules that look at its form first: it is another one all the same. */
	if (e == INRO_E_PIN_FORMAT || e == INRO_E_PIN_INVALID)
		e = err_set(INRO_E_PIN_WRONG, "%.400s", err_detail(e));
	return e;
}

static enum inro_err open_session(struct token *t)
{
	bool write = t->logged_in && !(t->info.info.flags & CKF_WRITE_PROTECTED);
	CK_SESSION_HANDLE session;
	enum inro_err e = ck_session_open(t->module, t->info.slot, write, &session);

	if (e)
		return e;
	t->session = session;
	t->generation = ck_module_generation(t->module);
	t->epoch++;
	e = login(t);
	if (e) {
		ck_session_close(t->module, session);
		t->session = CK_INVALID_HANDLE;
	}
	return e;
}

/* Another copy of this code, in a module or provider of this process, may have finalised it. */
static enum inro_err find_slot(struct token *t, const struct p11_uri *uri)
{
	uint64_t generation = ck_module_generation(t->module);
	enum inro_err e = ck_token_one(t->module, uri, &t->info);

	if (e != INRO_E_NOT_INITIALIZED)
		return e;
	ck_module_lost(t->module, generation);
	e = ck_module_enter(t->module);
	return e ? e : ck_token_one(t->module, uri, &t->info);
}

enum inro_err token_ready(struct token *t)
{
	enum inro_err e = ck_module_enter(t->module);

	if (e)
		return e;
	if (t->session != CK_INVALID_HANDLE && t->generation == ck_module_generation(t->module))
		return INRO_OK;
	t->session = CK_INVALID_HANDLE;
	/* Slots may have other numbers in a process that has initialised the module anew. */
	e = find_slot(t, &t->uri);
	return e ? e : open_session(t);
}

bool token_is_lost(enum inro_err e)
{
	return e == INRO_E_SESSION_HANDLE || e == INRO_E_LOGIN || e == INRO_E_OBJECT_HANDLE ||
	       e == INRO_E_KEY_HANDLE || e == INRO_E_NOT_INITIALIZED;
}

void token_lose(struct token *t)
{
	if (t->session != CK_INVALID_HANDLE && t->generation == ck_module_generation(t->module))
		ck_session_close(t->module, t->session);
	t->session = CK_INVALID_HANDLE;
}

static enum inro_err take_pin(struct token *t, const struct p11_uri *uri, struct bytes pin)
{
	enum inro_err e;

	if (uri->has_pin_value || uri->pin_source)
		e = p11_uri_pin(uri, &t->pin);
	else
		e = secret_copy(pin, &t->pin);
	if (!e && t->pin.n)
		secret_keep_on_fork(&t->pin);
	return e;
}

static char *copy_of(const char *s)
{
	return s && *s ? strdup(s) : NULL;
}

/* The token itself from now on, not whatever else would fit the URI later. */
static enum inro_err remember(struct token *t, const struct p11_uri *uri)
{
	t->uri.token = copy_of(t->info.label);
	t->uri.serial = copy_of(t->info.serial);
	t->uri.module_path = copy_of(uri->module_path);
	if ((!t->uri.token && *t->info.label) || (!t->uri.serial && *t->info.serial))
		return err_set(INRO_E_NO_MEMORY, "no memory for a token's name");
	return INRO_OK;
}

static enum inro_err open_one(struct token *t, const struct p11_uri *uri, struct bytes pin)
{
	enum inro_err e = ck_module_open(uri->module_path, &t->module);

	if (e)
		return e;
	t->f = ck_module_functions(t->module);
	e = find_slot(t, uri);
	if (!e)
		e = remember(t, uri);
	if (!e && wants_login(t))
		e = take_pin(t, uri, pin);
	return e ? e : open_session(t);
}

enum inro_err token_check_tries(const struct p11_uri *uri, bool strictly)
{
	const CK_FLAGS tried = CKF_USER_PIN_FINAL_TRY | CKF_USER_PIN_LOCKED |
			       (strictly ? CKF_USER_PIN_COUNT_LOW : 0);
	AUTO(ck_module_close_ptr) struct ck_module *m = NULL;
	struct ck_token t = { 0 };
	enum inro_err e = ck_module_open(uri->module_path, &m);

	if (!e)
		e = ck_token_one(m, uri, &t);
	if (!e && (t.info.flags & tried))
		e = err_set(INRO_E_PIN_LOCKED, "wrong PINs were given to token '%s'; its next login with the right one ends that", t.label);
	return e;
}

static enum inro_err token_new(const struct p11_uri *uri, bool with_login, struct bytes pin,
			       struct token **ret)
{
	AUTO(token_close_ptr) struct token *t = calloc(1, sizeof *t);
	enum inro_err e;

	if (!t)
		return err_set(INRO_E_NO_MEMORY, "no memory for a token");
	t->logged_in = with_login;
	e = open_one(t, uri, pin);
	if (e)
		return e;
	*ret = t;
	t = NULL;
	return INRO_OK;
}

enum inro_err token_open(const struct p11_uri *uri, struct bytes pin, struct token **ret)
{
	return token_new(uri, true, pin, ret);
}

enum inro_err token_open_public(const struct p11_uri *uri, struct token **ret)
{
	return token_new(uri, false, BYTES_NONE, ret);
}

void token_close(struct token *t)
{
	if (!t)
		return;
	if (t->module)
		token_lose(t);
	ck_module_close(t->module);
	p11_uri_clear(&t->uri);
	secret_clear(&t->pin);
	free(t);
}

void token_close_ptr(struct token **t)
{
	token_close(*t);
	*t = NULL;
}

const char *token_label(const struct token *t)
{
	return t->info.label;
}

const char *token_serial(const struct token *t)
{
	return t->info.serial;
}
