/* pin - PINs as arguments, or by the protected authentication path (PKCS#11 3.2 5.6.8). */
#include <string.h>

#include "pkcs11/api/api.h"
#include "pkcs11/token/helper.h"

void api_pin_clear(struct api_pin *p)
{
	secret_clear(&p->asked);
	*p = (struct api_pin) { 0 };
}

enum inro_err api_pin_name(const struct who *who, char room[static STORE_MAX_USER + 1])
{
	struct bytes name = who->name.n ? who->name : bytes_of(who->type == CKU_SO ? "so" : "user");

	if (name.n > STORE_MAX_USER || memchr(name.p, '\0', name.n))
		return err_set(INRO_E_PIN_WRONG, "wrong name or PIN");
	memcpy(room, name.p, name.n);
	room[name.n] = '\0';
	return INRO_OK;
}

enum inro_err api_pin_of(const char *label, const char *ask, const char *user, struct bytes given,
			 struct api_pin *ret)
{
	const struct question q = { .ask = ask, .user = user, .token = label };
	enum inro_err e = INRO_OK;

	if (given.p) {
		ret->pin = given;
		return INRO_OK;
	}
	if (given.n > 0)
		return err_set(INRO_E_ARG, "the PIN is NULL, but has a length");
	e = helper_ask(&q, &ret->asked);
	if (!e)
		ret->pin = secret_bytes(&ret->asked);
	return e;
}

static enum inro_err label_of(CK_SESSION_HANDLE session, char label[STORE_MAX_LABEL + 1])
{
	SCOPED(entered) at = { 0 };
	enum inro_err e = lib_enter_expired(session, &at);

	if (e)
		return e;
	token_lock(at.session->token);
	const struct token_row *row = &at.session->token->row;

	memcpy(label, row->label, row->label_n);
	label[row->label_n] = '\0';
	token_unlock(at.session->token);
	return INRO_OK;
}

enum inro_err api_pin_take(CK_SESSION_HANDLE session, const char *ask, const char *user,
			   struct bytes given, struct api_pin *ret)
{
	char label[STORE_MAX_LABEL + 1];
	enum inro_err e = label_of(session, label);

	return e ? e : api_pin_of(label, ask, user, given, ret);
}
