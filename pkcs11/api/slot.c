/* slot - PKCS#11 3.0 5.5: slots, tokens, mechanisms, PINs. */
#include "pkcs11/api/api.h"

#include <string.h>

#include "pkcs11/token/settings.h"

CK_RV api_C_GetSlotList(unsigned char token_present, CK_SLOT_ID *list, CK_ULONG *count)
{
	SCOPED(home_slots) slots = { 0 };
	AUTO(lib_leave) struct lib *l = NULL;
	enum inro_err e = lib_get(&l);

	(void)token_present; /* the empty slot has an uninitialised token in it */
	if (!e)
		e = api_need(count, "pulCount");
	if (!e)
		e = lib_slots(l, &slots);
	if (!e)
		e = api_list_room(list, count, slots.n + 1);
	if (e || !list)
		return rv_of(e);
	if (slots.n)
		memcpy(list, slots.ids, slots.n * sizeof *list);
	list[slots.n] = slots.empty;
	return CKR_OK;
}

CK_RV api_C_GetSlotInfo(CK_SLOT_ID slot, CK_SLOT_INFO *info)
{
	SCOPED(buf) name = { 0 };
	struct token *t;
	AUTO(lib_leave) struct lib *l = NULL;
	enum inro_err e = lib_get(&l);

	if (!e)
		e = api_need(info, "pInfo");
	if (!e)
		e = lib_token(l, slot, &t);
	if (e)
		return rv_of(e);
	buf_addf(&name, "Inro slot %lu", slot);
	*info = (CK_SLOT_INFO) { .flags = CKF_TOKEN_PRESENT,
				 .hardwareVersion = API_VERSION,
				 .firmwareVersion = API_VERSION };
	api_pad(info->slotDescription, sizeof info->slotDescription, buf_bytes(&name));
	api_pad(info->manufacturerID, sizeof info->manufacturerID, bytes_of(API_MAKER));
	return CKR_OK;
}

static void start_token_info(CK_TOKEN_INFO *info)
{
	*info = (CK_TOKEN_INFO) {
		.flags = CKF_RNG | CKF_LOGIN_REQUIRED | CKF_DUAL_CRYPTO_OPERATIONS |
			 (settings_get()->pin_helper ? CKF_PROTECTED_AUTHENTICATION_PATH : 0) |
			 (settings_get()->read_only ? CKF_WRITE_PROTECTED : 0),
		.ulMaxSessionCount = SESSIONS_MAX,
		.ulSessionCount = 0,
		.ulMaxRwSessionCount = SESSIONS_MAX,
		.ulRwSessionCount = 0,
		.ulMaxPinLen = settings_get()->pin_max,
		.ulMinPinLen = settings_get()->pin_min,
		.ulTotalPublicMemory = CK_UNAVAILABLE_INFORMATION,
		.ulFreePublicMemory = CK_UNAVAILABLE_INFORMATION,
		.ulTotalPrivateMemory = CK_UNAVAILABLE_INFORMATION,
		.ulFreePrivateMemory = CK_UNAVAILABLE_INFORMATION,
		.hardwareVersion = API_VERSION,
		.firmwareVersion = API_VERSION,
	};
	api_pad(info->manufacturerID, sizeof info->manufacturerID, bytes_of(API_MAKER));
	api_pad(info->utcTime, sizeof info->utcTime, BYTES_NONE);
}

struct pin_flags {
	CK_FLAGS low, final, locked;
};

static CK_FLAGS tries_flags(int64_t left, struct pin_flags f)
{
	if (left <= 0)
		return f.locked;
	if (left == 1)
		return f.final | f.low;
	return left < STORE_TRIES_MAX ? f.low : 0;
}

static void fill_token_info(const struct token *t, CK_TOKEN_INFO *info)
{
	static const struct pin_flags user = { CKF_USER_PIN_COUNT_LOW, CKF_USER_PIN_FINAL_TRY,
					       CKF_USER_PIN_LOCKED };
	static const struct pin_flags so = { CKF_SO_PIN_COUNT_LOW, CKF_SO_PIN_FINAL_TRY,
					     CKF_SO_PIN_LOCKED };
	const struct token_row *row = &t->row;
	SCOPED(buf) model = { 0 };

	buf_addf(&model, "Inro %s", row->backend);
	api_pad(info->label, sizeof info->label, BYTES(row->label, row->label_n));
	api_pad(info->model, sizeof info->model, buf_bytes(&model));
	api_pad(info->serialNumber, sizeof info->serialNumber, bytes_of(row->serial));
	info->ulSessionCount = t->sessions;
	info->ulRwSessionCount = t->rw_sessions;
	info->flags |= CKF_TOKEN_INITIALIZED | tries_flags(row->tries_so, so) |
		       (row->change_so ? CKF_SO_PIN_TO_BE_CHANGED : 0) |
		       (store_is_read_only(t->store) ? CKF_WRITE_PROTECTED : 0);
	if (row->auth_user.n)
		info->flags |= CKF_USER_PIN_INITIALIZED | tries_flags(row->tries_user, user) |
			       (row->change_user ? CKF_USER_PIN_TO_BE_CHANGED : 0);
}

CK_RV api_C_GetTokenInfo(CK_SLOT_ID slot, CK_TOKEN_INFO *info)
{
	SCOPED(opened) at = { 0 };
	AUTO(lib_leave) struct lib *l = NULL;
	enum inro_err e = lib_get(&l);

	if (!e)
		e = api_need(info, "pInfo");
	if (!e)
		e = api_open_token(slot, &at);
	if (e == INRO_E_NO_TOKEN) { /* the empty slot */
		start_token_info(info);
		api_pad(info->label, sizeof info->label, BYTES_NONE);
		api_pad(info->model, sizeof info->model, bytes_of("Inro"));
		api_pad(info->serialNumber, sizeof info->serialNumber, BYTES_NONE);
		return CKR_OK;
	}
	if (e)
		return rv_of(e);
	start_token_info(info);
	fill_token_info(at.token, info);
	return CKR_OK;
}

CK_RV api_C_WaitForSlotEvent(CK_FLAGS flags, CK_SLOT_ID *slot, void *reserved)
{
	AUTO(lib_leave) struct lib *l = NULL;
	enum inro_err e = lib_get(&l);

	if (!e)
		e = api_need(slot, "pSlot");
	if (!e && reserved)
		e = err_set(INRO_E_ARG, "pReserved is not NULL");
	if (!e)
		e = lib_event(l, !(flags & CKF_DONT_BLOCK), slot);
	return rv_of(e);
}

/* ---- mechanisms ---- */

/* What the token of a slot can do; the empty one shows what the default backend can. */
static enum inro_err slot_mechanisms(CK_SLOT_ID slot, const CK_MECHANISM_TYPE **ret)
{
	SCOPED(opened) at = { 0 };
	enum inro_err e = api_open_token(slot, &at);

	if (!e)
		*ret = at.token->ops->mechanisms(at.token->backend);
	if (e != INRO_E_NO_TOKEN)
		return e;
	*ret = backend_find(bytes_of(backend_default))->mechanisms(NULL);
	return INRO_OK;
}

CK_RV api_C_GetMechanismList(CK_SLOT_ID slot, CK_MECHANISM_TYPE *list, CK_ULONG *count)
{
	const CK_MECHANISM_TYPE *backend;
	const struct mech *m;
	AUTO(lib_leave) struct lib *l = NULL;
	size_t n = 0;
	enum inro_err e = lib_get(&l);

	if (!e)
		e = api_need(count, "pulCount");
	if (!e)
		e = slot_mechanisms(slot, &backend);
	if (e)
		return rv_of(e);
	for (size_t i = 0; (m = mech_at(i)) != NULL; i++)
		n += mech_offered(m, backend);
	e = api_list_room(list, count, n);
	for (size_t i = 0; !e && list && (m = mech_at(i)) != NULL; i++)
		if (mech_offered(m, backend))
			*list++ = m->type;
	return rv_of(e);
}

/* The table's sizes, as far as the token of the slot has them. */
static enum inro_err slot_sizes(CK_SLOT_ID slot, const struct mech *m, CK_MECHANISM_INFO *info)
{
	const CK_ULONG unit = m->traits & MECH_SIZE_BITS ? 8 : 1;
	const bool makes = m->uses & (USE_GENERATE | USE_GENERATE_PAIR);
	SCOPED(opened) at = { 0 };
	enum inro_err e;

	*info = (CK_MECHANISM_INFO) { .ulMinKeySize = m->min,
				      .ulMaxKeySize = m->max,
				      .flags = mech_flags(m) };
	if (m->max == 0 || m->raw == 0)
		return INRO_OK;
	e = api_open_token(slot, &at);
	if (e == INRO_E_NO_TOKEN)
		return INRO_OK;
	if (e || !at.token->ops->sizes)
		return e;
	info->ulMinKeySize /= unit;
	info->ulMaxKeySize /= unit;
	at.token->ops->sizes(at.token->backend, makes ? m->type : m->raw, &info->ulMinKeySize,
			     &info->ulMaxKeySize);
	info->ulMinKeySize *= unit;
	info->ulMaxKeySize *= unit;
	return INRO_OK;
}

CK_RV api_C_GetMechanismInfo(CK_SLOT_ID slot, CK_MECHANISM_TYPE type, CK_MECHANISM_INFO *info)
{
	const CK_MECHANISM_TYPE *backend;
	const struct mech *m = mech_find(type);
	AUTO(lib_leave) struct lib *l = NULL;
	enum inro_err e = lib_get(&l);

	if (!e)
		e = api_need(info, "pInfo");
	if (!e)
		e = slot_mechanisms(slot, &backend);
	if (!e && (!m || !mech_offered(m, backend)))
		e = err_set(INRO_E_MECHANISM, "mechanism 0x%lx is not offered", type);
	return rv_of(e ? e : slot_sizes(slot, m, info));
}

/* ---- tokens and PINs ---- */

#define LABEL_SIZE 32

/* The label as the PIN helper is told it. */
static void spoken_label(const unsigned char *label, char room[LABEL_SIZE + 1])
{
	size_t n = LABEL_SIZE;

	while (n > 0 && (label[n - 1] == ' ' || label[n - 1] == '\0'))
		n--;
	memcpy(room, label, n);
	room[n] = '\0';
}

static bool has_token(CK_SLOT_ID slot)
{
	AUTO(lib_leave) struct lib *l = NULL;

	return !lib_get(&l) && !lib_is_empty(l, slot);
}

/* Nobody is asked for a PIN that would not be tried. */
static enum inro_err may_init_token(CK_SLOT_ID slot)
{
	AUTO(lib_leave) struct lib *l = NULL;
	enum inro_err e = lib_get(&l);

	return e ? e : lib_may_init_token(l, slot);
}

static enum inro_err init_token(CK_SLOT_ID slot, struct bytes given, const unsigned char *label)
{
	SCOPED(api_pin) pin = { 0 };
	AUTO(lib_leave) struct lib *l = NULL;
	char name[LABEL_SIZE + 1];
	enum inro_err e = may_init_token(slot);

	spoken_label(label, name);
	if (!e)
		e = api_pin_of(name, has_token(slot) ? "login" : "new", "so", given, &pin);
	if (!e)
		e = lib_get(&l);
	struct token_spec spec = { .label = BYTES(label, LABEL_SIZE), .so_pin = pin.pin };

	return e ? e : lib_init_token(l, slot, &spec);
}

static enum inro_err slot_is_there(CK_SLOT_ID slot)
{
	AUTO(lib_leave) struct lib *l = NULL;
	struct token *t;
	enum inro_err e = lib_get(&l);

	return e ? e : lib_token(l, slot, &t);
}

CK_RV api_C_InitToken(CK_SLOT_ID slot, unsigned char *pin, CK_ULONG pin_len, unsigned char *label)
{
	enum inro_err e = slot_is_there(slot);

	if (!e)
		e = api_need(label, "pLabel");
	return rv_of(e ? e : init_token(slot, BYTES(pin, pin_len), label));
}

/* Nobody is asked for a PIN that would not be taken. */
static enum inro_err may_init_pin(CK_SESSION_HANDLE session)
{
	SCOPED(entered) at = { 0 };
	CK_USER_TYPE user;
	enum inro_err e = lib_enter(session, &at);

	if (e)
		return e;
	token_lock(at.session->token);
	user = at.session->token->login;
	token_unlock(at.session->token);
	return user == CKU_SO
		       ? INRO_OK
		       : err_set(INRO_E_LOGIN, "only the security officer sets a user's PIN");
}

static enum inro_err init_pin(CK_SESSION_HANDLE session, struct bytes given)
{
	SCOPED(api_pin) pin = { 0 };
	SCOPED(entered) at = { 0 };
	enum inro_err e = may_init_pin(session);

	if (!e)
		e = api_pin_take(session, "new", "user", given, &pin);
	if (!e)
		e = lib_enter(session, &at);
	if (e)
		return e;
	token_lock(at.session->token);
	e = token_init_pin(at.session->token, &(struct who) { .type = CKU_USER }, pin.pin, false);
	token_unlock(at.session->token);
	return e;
}

CK_RV api_C_InitPIN(CK_SESSION_HANDLE session, unsigned char *pin, CK_ULONG pin_len)
{
	return rv_of(init_pin(session, BYTES(pin, pin_len)));
}

/* Whose PIN it is: the one who is logged in, the user otherwise (5.5.9). */
static enum inro_err may_set_pin(CK_SESSION_HANDLE session, uint8_t name[STORE_MAX_USER],
				 struct who *ret)
{
	SCOPED(entered) at = { 0 };
	enum inro_err e = lib_enter_expired(session, &at);

	if (e)
		return e;
	token_lock(at.session->token);
	e = session_may_write(at.session, true, false);
	if (!e) {
		*ret = token_whose_pin(at.session->token);
		if (ret->name.n > 0)
			memcpy(name, ret->name.p, ret->name.n);
		ret->name.p = name;
	}
	token_unlock(at.session->token);
	return e;
}

static enum inro_err set_pin(CK_SESSION_HANDLE session, struct bytes given_old,
			     struct bytes given_new)
{
	SCOPED(api_pin) old = { 0 };
	SCOPED(api_pin) fresh = { 0 };
	SCOPED(entered) at = { 0 };
	uint8_t name[STORE_MAX_USER];
	char user[STORE_MAX_USER + 1];
	struct who who = { .type = CKU_USER };
	enum inro_err e = may_set_pin(session, name, &who);

	if (!e)
		e = api_pin_name(&who, user);
	if (!e)
		e = api_pin_take(session, "old", user, given_old, &old);
	if (!e)
		e = api_pin_take(session, "new", user, given_new, &fresh);
	if (!e)
		e = lib_enter_expired(session, &at);
	if (e)
		return e;
	token_lock(at.session->token);
	e = token_set_pin(at.session->token, &who, old.pin, fresh.pin);
	token_unlock(at.session->token);
	return e;
}

CK_RV api_C_SetPIN(CK_SESSION_HANDLE session, unsigned char *old_pin, CK_ULONG old_len,
		   unsigned char *new_pin, CK_ULONG new_len)
{
	return rv_of(set_pin(session, BYTES(old_pin, old_len), BYTES(new_pin, new_len)));
}
