/* login - C_Login, and what can be told about the tries that are left. */
#include "base/cryptoki/internal.h"

#include <stdio.h>
#include <string.h>

struct pin_words {
	const char *pin;
	const char *locked;
	CK_FLAGS low, final, locked_flag;
};

#define USER_WORDS                                                                                 \
	{                                                                                          \
		"PIN", "unblock it with the SO PIN", CKF_USER_PIN_COUNT_LOW,                       \
			CKF_USER_PIN_FINAL_TRY, CKF_USER_PIN_LOCKED                                \
	}

static const struct pin_words words[] = {
	[CKU_SO] = { "SO PIN",
		     "'inro token delete --force' can remove the token, nothing can unblock it",
		     CKF_SO_PIN_COUNT_LOW, CKF_SO_PIN_FINAL_TRY, CKF_SO_PIN_LOCKED },
	[CKU_USER] = USER_WORDS,
	[CKU_CONTEXT_SPECIFIC] = USER_WORDS,
};

/* Our own module counts; any other only has flags. */
static void tries_left(struct ck_module *m, CK_SLOT_ID slot, CK_USER_TYPE user, CK_FLAGS flags,
		       char *out, size_t cap)
{
	const struct inro_admin *admin = ck_module_admin(m);
	struct inro_token_status status;
	CK_ULONG left;

	*out = '\0';
	if (admin && admin->status(slot, &status) == CKR_OK) {
		left = user == CKU_SO ? status.tries_left_so : status.tries_left_user;
		if (left)
			snprintf(out, cap, ": %lu of %lu tries left", left, status.tries_max);
		else
			snprintf(out, cap, "; it is locked now, %s", words[user].locked);
	} else if (flags & words[user].locked_flag) {
		snprintf(out, cap, "; it is locked now, %s", words[user].locked);
	} else if (flags & words[user].final) {
		snprintf(out, cap, ": 1 try left");
	} else if (flags & words[user].low) {
		snprintf(out, cap, ": few tries left");
	}
}

static enum inro_err refused(struct ck_module *m, CK_SESSION_HANDLE session, CK_USER_TYPE user,
			     CK_RV rv)
{
	CK_FUNCTION_LIST *f = ck_module_functions(m);
	enum inro_err e = ck_rv_err(rv);
	CK_SESSION_INFO at;
	CK_TOKEN_INFO info;
	char label[33], left[96];

	if (f->C_GetSessionInfo(session, &at) != CKR_OK ||
	    f->C_GetTokenInfo(at.slotID, &info) != CKR_OK)
		return ck_err(m, rv, "C_Login");
	p11_field_text(info.label, sizeof info.label, label, sizeof label);
	if (e == INRO_E_PIN_LOCKED)
		return err_set(e, "the %s of token '%s' is locked; %s", words[user].pin, label,
			       words[user].locked);
	tries_left(m, at.slotID, user, info.flags, left, sizeof left);
	return err_set(e, "wrong %s for token '%s'%s", words[user].pin, label, left);
}

enum inro_err ck_login(struct ck_module *m, CK_SESSION_HANDLE session, CK_USER_TYPE user,
		       struct bytes pin)
{
	SCOPED(secret) copy = { 0 }; /* C_Login's argument is not const */
	enum inro_err e = secret_copy(pin, &copy);
	CK_RV rv;

	if (e != INRO_OK)
		return e;
	rv = ck_module_functions(m)->C_Login(session, user, copy.p, copy.n);
	if (rv == CKR_USER_ALREADY_LOGGED_IN)
		return INRO_OK;
	if ((rv == CKR_PIN_INCORRECT || rv == CKR_PIN_LOCKED) && user < ARRAY_LEN(words))
		return refused(m, session, user, rv);
	return ck_err(m, rv, "C_Login");
}
