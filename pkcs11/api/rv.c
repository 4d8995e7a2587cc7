/* rv - the one table from our errors to Cryptoki's, and small checks that every chapter needs. */
#include "pkcs11/api/api.h"

#include <string.h>

/* CKR_OK is 0: a row that is missing would read as success, so the test walks every code. */
static const CK_RV rvs[INRO_E__MAX] = {
	[INRO_OK] = CKR_OK,
	[INRO_E_ARG] = CKR_ARGUMENTS_BAD,
	[INRO_E_SYNTAX] = CKR_ARGUMENTS_BAD,
	[INRO_E_TOO_BIG] = CKR_DATA_LEN_RANGE,
	[INRO_E_TOO_SMALL] = CKR_BUFFER_TOO_SMALL,
	[INRO_E_NOT_FOUND] = CKR_ARGUMENTS_BAD,
	[INRO_E_AMBIGUOUS] = CKR_ARGUMENTS_BAD,
	[INRO_E_EXISTS] = CKR_ACTION_PROHIBITED,
	[INRO_E_UNSUPPORTED] = CKR_FUNCTION_NOT_SUPPORTED,
	[INRO_E_STATE] = CKR_FUNCTION_REJECTED,
	[INRO_E_POLICY] = CKR_FUNCTION_REJECTED,
	[INRO_E_SIGNATURE] = CKR_SIGNATURE_INVALID,
	[INRO_E_NO_MEMORY] = CKR_HOST_MEMORY,
	[INRO_E_IO] = CKR_DEVICE_ERROR,
	[INRO_E_FULL] = CKR_DEVICE_MEMORY,
	[INRO_E_ACCESS] = CKR_TOKEN_WRITE_PROTECTED,
	[INRO_E_BUSY] = CKR_DEVICE_ERROR,
	[INRO_E_DAMAGED] = CKR_DEVICE_ERROR,
	[INRO_E_VERSION] = CKR_TOKEN_NOT_RECOGNIZED,
	[INRO_E_CRYPTO] = CKR_FUNCTION_FAILED,
	[INRO_E_CONFIG] = CKR_GENERAL_ERROR,
	[INRO_E_PIN_WRONG] = CKR_PIN_INCORRECT,
	[INRO_E_PIN_LOCKED] = CKR_PIN_LOCKED,
	[INRO_E_PIN_FORMAT] = CKR_PIN_LEN_RANGE,
	[INRO_E_PIN_MISSING] = CKR_USER_PIN_NOT_INITIALIZED,
	[INRO_E_LOGIN] = CKR_USER_NOT_LOGGED_IN,
	[INRO_E_NOT_INITIALIZED] = CKR_CRYPTOKI_NOT_INITIALIZED,
	[INRO_E_ALREADY_INITIALIZED] = CKR_CRYPTOKI_ALREADY_INITIALIZED,
	[INRO_E_SLOT] = CKR_SLOT_ID_INVALID,
	[INRO_E_NO_TOKEN] = CKR_TOKEN_NOT_PRESENT,
	[INRO_E_TOKEN_UNKNOWN] = CKR_TOKEN_NOT_RECOGNIZED,
	[INRO_E_TOKEN_WRITE_PROTECTED] = CKR_TOKEN_WRITE_PROTECTED,
	[INRO_E_SESSION_HANDLE] = CKR_SESSION_HANDLE_INVALID,
	[INRO_E_SESSION_COUNT] = CKR_SESSION_COUNT,
	[INRO_E_SESSION_EXISTS] = CKR_SESSION_EXISTS,
	[INRO_E_SESSION_READ_ONLY] = CKR_SESSION_READ_ONLY,
	[INRO_E_SESSION_READ_ONLY_EXISTS] = CKR_SESSION_READ_ONLY_EXISTS,
	[INRO_E_SO_LOGGED_IN] = CKR_SESSION_READ_WRITE_SO_EXISTS,
	[INRO_E_PARALLEL] = CKR_SESSION_PARALLEL_NOT_SUPPORTED,
	[INRO_E_USER_ALREADY_LOGGED_IN] = CKR_USER_ALREADY_LOGGED_IN,
	[INRO_E_ANOTHER_USER_LOGGED_IN] = CKR_USER_ANOTHER_ALREADY_LOGGED_IN,
	[INRO_E_USER_TYPE] = CKR_USER_TYPE_INVALID,
	[INRO_E_OBJECT_HANDLE] = CKR_OBJECT_HANDLE_INVALID,
	[INRO_E_KEY_HANDLE] = CKR_KEY_HANDLE_INVALID,
	[INRO_E_KEY_SIZE] = CKR_KEY_SIZE_RANGE,
	[INRO_E_KEY_TYPE] = CKR_KEY_TYPE_INCONSISTENT,
	[INRO_E_KEY_USE] = CKR_KEY_FUNCTION_NOT_PERMITTED,
	[INRO_E_KEY_UNEXTRACTABLE] = CKR_KEY_UNEXTRACTABLE,
	[INRO_E_ATTR_TYPE] = CKR_ATTRIBUTE_TYPE_INVALID,
	[INRO_E_ATTR_VALUE] = CKR_ATTRIBUTE_VALUE_INVALID,
	[INRO_E_ATTR_READ_ONLY] = CKR_ATTRIBUTE_READ_ONLY,
	[INRO_E_ATTR_SENSITIVE] = CKR_ATTRIBUTE_SENSITIVE,
	[INRO_E_TEMPLATE_INCOMPLETE] = CKR_TEMPLATE_INCOMPLETE,
	[INRO_E_TEMPLATE_INCONSISTENT] = CKR_TEMPLATE_INCONSISTENT,
	[INRO_E_ACTION_PROHIBITED] = CKR_ACTION_PROHIBITED,
	[INRO_E_MECHANISM] = CKR_MECHANISM_INVALID,
	[INRO_E_MECHANISM_PARAM] = CKR_MECHANISM_PARAM_INVALID,
	[INRO_E_CURVE] = CKR_CURVE_NOT_SUPPORTED,
	[INRO_E_OP_ACTIVE] = CKR_OPERATION_ACTIVE,
	[INRO_E_OP_NOT_INITIALIZED] = CKR_OPERATION_NOT_INITIALIZED,
	[INRO_E_DATA_LENGTH] = CKR_DATA_LEN_RANGE,
	[INRO_E_SIGNATURE_LENGTH] = CKR_SIGNATURE_LEN_RANGE,
	[INRO_E_DATA_INVALID] = CKR_DATA_INVALID,
	[INRO_E_CANT_LOCK] = CKR_CANT_LOCK,
	[INRO_E_NO_EVENT] = CKR_NO_EVENT,
	[INRO_E_RANDOM_SEED] = CKR_RANDOM_SEED_NOT_SUPPORTED,
	[INRO_E_TOKEN] = CKR_DEVICE_ERROR,
};

static _Thread_local enum inro_err latest;

const char *api_last_error(void)
{
	return latest ? err_detail(latest) : "";
}

CK_RV rv_of(enum inro_err e)
{
	if (e)
		latest = e;
	return (unsigned)e < ARRAY_LEN(rvs) ? rvs[e] : CKR_GENERAL_ERROR;
}

enum inro_err api_need(const void *p, const char *what)
{
	return p ? INRO_OK : err_set(INRO_E_ARG, "%s is NULL", what);
}

enum inro_err api_need_bytes(const void *p, CK_ULONG n, const char *what)
{
	return n == 0 ? INRO_OK : api_need(p, what);
}

void api_pad(CK_UTF8CHAR *field, size_t n, struct bytes text)
{
	memset(field, ' ', n);
	if (text.n)
		memcpy(field, text.p, text.n < n ? text.n : n);
}

enum inro_err api_list_room(const void *out, CK_ULONG *count, size_t n)
{
	CK_ULONG room = *count;

	*count = n;
	if (out && room < n)
		return err_set(INRO_E_TOO_SMALL, "%zu entries, room for %lu", n, room);
	return INRO_OK;
}

enum inro_err api_open_token(CK_SLOT_ID slot, struct opened *ret)
{
	SCOPED(opened) o = { 0 };
	struct token *t;
	enum inro_err e = lib_get(&o.lib);

	if (!e)
		e = lib_token(o.lib, slot, &t);
	if (e)
		return e;
	token_lock(t);
	o.token = t;
	e = token_open(t);
	if (!e)
		e = token_refresh(t);
	if (e)
		return e;
	*ret = o;
	o = (struct opened) { 0 };
	return INRO_OK;
}

void opened_clear(struct opened *o)
{
	if (o->token)
		token_unlock(o->token);
	lib_leave(&o->lib);
	*o = (struct opened) { 0 };
}
