/* err - the table of codes, and this thread's latest detail. */
#include "base/err.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/own.h"
#include "base/utf8.h"

struct err_row {
	const char *name, *text;
};

#define ROW(code, words) [code] = { .name = #code, .text = words }

static const struct err_row rows[INRO_E__MAX] = {
	ROW(INRO_OK, "done"),
	ROW(INRO_E_ARG, "an argument makes no sense"),
	ROW(INRO_E_SYNTAX, "the input can't be read"),
	ROW(INRO_E_TOO_BIG, "the input is too large"),
	ROW(INRO_E_TOO_SMALL, "the buffer is too small"),
	ROW(INRO_E_NOT_FOUND, "not found"),
	ROW(INRO_E_AMBIGUOUS, "more than one matches"),
	ROW(INRO_E_EXISTS, "it exists already"),
	ROW(INRO_E_UNSUPPORTED, "not supported"),
	ROW(INRO_E_STATE, "not possible in its present state"),
	ROW(INRO_E_POLICY, "forbidden by policy"),
	ROW(INRO_E_SIGNATURE, "the signature is not valid"),
	ROW(INRO_E_NO_MEMORY, "out of memory"),
	ROW(INRO_E_IO, "input or output failed"),
	ROW(INRO_E_FULL, "no space left on the device"),
	ROW(INRO_E_ACCESS, "permission denied"),
	ROW(INRO_E_BUSY, "in use by another; try again"),
	ROW(INRO_E_DAMAGED, "stored data is damaged"),
	ROW(INRO_E_VERSION, "stored by a later version of this program"),
	ROW(INRO_E_CRYPTO, "the cryptographic library failed"),
	ROW(INRO_E_CONFIG, "the configuration is wrong"),
	ROW(INRO_E_PIN_WRONG, "wrong PIN"),
	ROW(INRO_E_PIN_LOCKED, "the PIN is locked"),
	ROW(INRO_E_PIN_FORMAT, "the PIN has a length or character that is not allowed"),
	ROW(INRO_E_PIN_MISSING, "a PIN is needed"),
	ROW(INRO_E_LOGIN, "a login is needed"),
	ROW(INRO_E_NOT_INITIALIZED, "the module is not initialised"),
	ROW(INRO_E_ALREADY_INITIALIZED, "the module is initialised already"),
	ROW(INRO_E_SLOT, "no such slot"),
	ROW(INRO_E_NO_TOKEN, "no token in the slot"),
	ROW(INRO_E_TOKEN_UNKNOWN, "the token is not initialised or not readable"),
	ROW(INRO_E_TOKEN_WRITE_PROTECTED, "the token is write-protected"),
	ROW(INRO_E_SESSION_HANDLE, "no such session"),
	ROW(INRO_E_SESSION_COUNT, "too many sessions"),
	ROW(INRO_E_SESSION_EXISTS, "sessions are open"),
	ROW(INRO_E_SESSION_READ_ONLY, "the session is read-only"),
	ROW(INRO_E_SESSION_READ_ONLY_EXISTS, "a read-only session is open"),
	ROW(INRO_E_SO_LOGGED_IN, "the SO is logged in"),
	ROW(INRO_E_PARALLEL, "sessions must be serial"),
	ROW(INRO_E_USER_ALREADY_LOGGED_IN, "logged in already"),
	ROW(INRO_E_ANOTHER_USER_LOGGED_IN, "another user is logged in"),
	ROW(INRO_E_USER_TYPE, "no such kind of user"),
	ROW(INRO_E_OBJECT_HANDLE, "no such object"),
	ROW(INRO_E_KEY_HANDLE, "no such key"),
	ROW(INRO_E_KEY_SIZE, "the key's size is not allowed"),
	ROW(INRO_E_KEY_TYPE, "key and mechanism don't fit"),
	ROW(INRO_E_KEY_USE, "the key may not be used for this"),
	ROW(INRO_E_KEY_UNEXTRACTABLE, "the key may not leave the token"),
	ROW(INRO_E_ATTR_TYPE, "no such attribute"),
	ROW(INRO_E_ATTR_VALUE, "an attribute's value is not allowed"),
	ROW(INRO_E_ATTR_READ_ONLY, "the attribute can't be set"),
	ROW(INRO_E_ATTR_SENSITIVE, "the attribute may not be read"),
	ROW(INRO_E_TEMPLATE_INCOMPLETE, "the template lacks an attribute"),
	ROW(INRO_E_TEMPLATE_INCONSISTENT, "the template's attributes contradict each other"),
	ROW(INRO_E_ACTION_PROHIBITED, "the object forbids this"),
	ROW(INRO_E_MECHANISM, "no such mechanism"),
	ROW(INRO_E_MECHANISM_PARAM, "the mechanism's parameters are not valid"),
	ROW(INRO_E_CURVE, "the curve is not supported"),
	ROW(INRO_E_OP_ACTIVE, "an operation is active"),
	ROW(INRO_E_OP_NOT_INITIALIZED, "no operation is active"),
	ROW(INRO_E_DATA_LENGTH, "the data's length is not allowed"),
	ROW(INRO_E_SIGNATURE_LENGTH, "the signature's length is wrong"),
	ROW(INRO_E_DATA_INVALID, "the data is not valid"),
	ROW(INRO_E_CANT_LOCK, "the given locking can't be used"),
	ROW(INRO_E_NO_EVENT, "no event"),
	ROW(INRO_E_RANDOM_SEED, "the generator takes no seed"),
	ROW(INRO_E_CIPHERTEXT, "the encrypted data is not valid"),
	ROW(INRO_E_CIPHERTEXT_LENGTH, "the encrypted data's length is not allowed"),
	ROW(INRO_E_AEAD, "the tag does not fit the data"),
	ROW(INRO_E_WRAPPED, "the wrapped key is not valid"),
	ROW(INRO_E_WRAPPED_LENGTH, "the wrapped key's length is not allowed"),
	ROW(INRO_E_WRAPPING_KEY_HANDLE, "no such wrapping key"),
	ROW(INRO_E_WRAPPING_KEY_SIZE, "the wrapping key's size is not allowed"),
	ROW(INRO_E_WRAPPING_KEY_TYPE, "wrapping key and mechanism don't fit"),
	ROW(INRO_E_UNWRAPPING_KEY_HANDLE, "no such unwrapping key"),
	ROW(INRO_E_UNWRAPPING_KEY_SIZE, "the unwrapping key's size is not allowed"),
	ROW(INRO_E_UNWRAPPING_KEY_TYPE, "unwrapping key and mechanism don't fit"),
	ROW(INRO_E_KEY_NOT_WRAPPABLE, "the key may not be wrapped like this"),
	ROW(INRO_E_KEY_INDIGESTIBLE, "the key's value may not be hashed"),
	ROW(INRO_E_KEY_NEEDED, "the saved state needs a key"),
	ROW(INRO_E_KEY_NOT_NEEDED, "the saved state needs no key"),
	ROW(INRO_E_KEY_CHANGED, "the key is not that of the saved state"),
	ROW(INRO_E_SAVED_STATE, "the saved state is not valid"),
	ROW(INRO_E_STATE_UNSAVEABLE, "the operation's state can't be saved"),
	ROW(INRO_E_PUBLIC_KEY, "the public key is not valid"),
	ROW(INRO_E_DOMAIN_PARAMS, "the domain parameters are not valid"),
	ROW(INRO_E_PARAMETER_SET, "the parameter set is not supported"),
	ROW(INRO_E_PIN_INVALID, "the PIN has characters that are not allowed"),
	ROW(INRO_E_PIN_EXPIRED, "the PIN must be changed first"),
	ROW(INRO_E_PIN_WEAK, "the PIN does not meet the token's policy"),
	ROW(INRO_E_CANCEL, "the operation can't be cancelled"),
	ROW(INRO_E_CANCELLED, "it was given up"),
	ROW(INRO_E_APPROVAL, "others must approve it first"),
	ROW(INRO_E_TOKEN, "the token's module failed"),
};

static _Thread_local struct err_kept latest;

static const struct err_row *row(enum inro_err e)
{
	static const struct err_row unknown = { "INRO_E_?", "unknown error" };

	if ((unsigned)e >= ARRAY_LEN(rows) || !rows[e].name)
		return &unknown;
	return &rows[e];
}

const char *err_text(enum inro_err e)
{
	return row(e)->text;
}

const char *err_name(enum inro_err e)
{
	return row(e)->name;
}

void err_record(enum inro_err e, const char *format, ...)
{
	char text[ERR_DETAIL_MAX]; /* the arguments may point into latest.text */
	va_list ap;

	va_start(ap, format);
	vsnprintf(text, sizeof text, format, ap);
	va_end(ap);
	utf8_defuse(text, utf8_is_safe); /* words from outside (labels, paths): a terminal must not be steered by them */
	memcpy(latest.text, text, sizeof text);
	latest.code = e;
}

void err_prefix(enum inro_err e, const char *format, ...)
{
	char front[ERR_DETAIL_MAX];
	va_list ap;

	va_start(ap, format);
	vsnprintf(front, sizeof front, format, ap);
	va_end(ap);
	err_record(e, "%s: %s", front, err_detail(e));
}

const char *err_detail(enum inro_err e)
{
	return latest.code == e && latest.text[0] ? latest.text : err_text(e);
}

void err_reset(void)
{
	latest.code = INRO_OK;
	latest.text[0] = '\0';
}

struct err_kept err_keep(void)
{
	return latest;
}

void err_kept_clear(struct err_kept *kept)
{
	latest = *kept;
}
