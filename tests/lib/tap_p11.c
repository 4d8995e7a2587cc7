/* tap_p11 - see tap_p11.h. */
#include "tests/lib/tap_p11.h"

#include <dlfcn.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define EXPORT __attribute__((visibility("default")))

EXPORT extern struct tap tap;
struct tap tap;

static CK_FUNCTION_LIST *real, list;
static pthread_rwlock_t counting = PTHREAD_RWLOCK_INITIALIZER; /* alone: all are closed */

#define FIRST_OF_CROWD 0xf0000000UL /* SoftHSM's slots have numbers of 31 bits */

static bool is_of_crowd(CK_SLOT_ID slot)
{
	return slot >= FIRST_OF_CROWD && slot - FIRST_OF_CROWD < tap.crowd;
}

static CK_RV get_slot_list(CK_BBOOL present, CK_SLOT_ID *slots, CK_ULONG *n)
{
	CK_ULONG room = slots && *n > tap.crowd ? *n - tap.crowd : 0;
	CK_RV rv = real->C_GetSlotList(present, slots ? slots + tap.crowd : NULL, &room);

	for (CK_ULONG i = 0; slots && rv == CKR_OK && i < tap.crowd; i++)
		slots[i] = FIRST_OF_CROWD + i;
	*n = tap.crowd + room;
	return rv;
}

static CK_RV open_counted(CK_SLOT_ID slot, CK_FLAGS flags, void *arg, CK_NOTIFY notify,
			  CK_SESSION_HANDLE *ret)
{
	CK_RV rv;

	pthread_rwlock_rdlock(&counting);
	rv = real->C_OpenSession(slot, flags, arg, notify, ret);
	if (rv == CKR_OK)
		tap.open++;
	pthread_rwlock_unlock(&counting);
	return rv;
}

static CK_RV open_session(CK_SLOT_ID slot, CK_FLAGS flags, void *arg, CK_NOTIFY notify,
			  CK_SESSION_HANDLE *ret)
{
	if (is_of_crowd(slot))
		return CKR_TOKEN_NOT_PRESENT;
	if (tap.most_sessions && tap.open >= tap.most_sessions)
		return CKR_SESSION_COUNT;
	return open_counted(slot, flags, arg, notify, ret);
}

static CK_RV close_all_sessions(CK_SLOT_ID slot)
{
	CK_RV rv;

	pthread_rwlock_wrlock(&counting);
	rv = real->C_CloseAllSessions(slot);
	if (rv == CKR_OK)
		tap.open = 0;
	pthread_rwlock_unlock(&counting);
	return rv;
}

static CK_RV close_session(CK_SESSION_HANDLE s)
{
	CK_RV rv = tap.logs_out ? real->C_Logout(s) : CKR_OK;

	(void)rv;
	pthread_rwlock_rdlock(&counting);
	rv = real->C_CloseSession(s);
	if (rv == CKR_OK)
		tap.open--;
	pthread_rwlock_unlock(&counting);
	return rv;
}

static CK_RV find_objects_init(CK_SESSION_HANDLE s, CK_ATTRIBUTE *like, CK_ULONG n)
{
	tap.searches++;
	return real->C_FindObjectsInit(s, like, n);
}

/* What modules make of an attribute. */
static CK_RV oddly(CK_ATTRIBUTE *a)
{
	CK_BYTE *value = a->pValue;

	if (a->type == CKA_ALWAYS_AUTHENTICATE && tap.always_authenticate && value)
		*value = CK_TRUE;
	if (a->type == CKA_PUBLIC_KEY_INFO && tap.no_public_key_info) {
		a->ulValueLen = CK_UNAVAILABLE_INFORMATION;
		return CKR_ATTRIBUTE_TYPE_INVALID;
	}
	if (a->type == CKA_EC_POINT && tap.bare_point && value && value[0] == 4 &&
	    value[1] == a->ulValueLen - 2) {
		a->ulValueLen -= 2;
		memmove(value, value + 2, a->ulValueLen);
	}
	return CKR_OK;
}

static CK_RV get_attribute_value(CK_SESSION_HANDLE s, CK_OBJECT_HANDLE o, CK_ATTRIBUTE *a,
				 CK_ULONG n)
{
	CK_RV rv = tap.unreadable_once_made && tap.pairs ? CKR_DEVICE_ERROR
							 : real->C_GetAttributeValue(s, o, a, n);

	for (CK_ULONG i = 0; rv == CKR_OK && i < n; i++)
		rv = oddly(&a[i]);
	return rv;
}

static CK_RV generate_key_pair(CK_SESSION_HANDLE s, CK_MECHANISM *mech, CK_ATTRIBUTE *public,
			       CK_ULONG public_n, CK_ATTRIBUTE *private, CK_ULONG private_n,
			       CK_OBJECT_HANDLE *ret_public, CK_OBJECT_HANDLE *ret_private)
{
	CK_RV rv = real->C_GenerateKeyPair(s, mech, public, public_n, private, private_n,
					   ret_public, ret_private);
	CK_OBJECT_HANDLE twin[2];

	if (rv == CKR_OK)
		tap.pairs++;
	if (rv == CKR_OK && tap.has_twins)
		rv = real->C_GenerateKeyPair(s, mech, public, public_n, private, private_n,
					     &twin[0], &twin[1]);
	return rv;
}

static CK_RV destroy_object(CK_SESSION_HANDLE s, CK_OBJECT_HANDLE o)
{
	CK_RV rv = real->C_DestroyObject(s, o);

	if (rv == CKR_OK)
		tap.destroyed++;
	return rv;
}

static CK_RV token_info_of_crowd(CK_SLOT_ID slot, CK_TOKEN_INFO *info)
{
	char label[33];

	memset(info, ' ', sizeof *info);
	info->flags = CKF_TOKEN_INITIALIZED | CKF_LOGIN_REQUIRED;
	snprintf(label, sizeof label, "%-32lx", slot);
	memcpy(info->label, label, sizeof info->label);
	return CKR_OK;
}

static CK_RV get_token_info(CK_SLOT_ID slot, CK_TOKEN_INFO *info)
{
	CK_RV rv;

	if (is_of_crowd(slot))
		return token_info_of_crowd(slot, info);
	rv = real->C_GetTokenInfo(slot, info);
	if (rv == CKR_OK && tap.keypad)
		info->flags |= CKF_PROTECTED_AUTHENTICATION_PATH;
	if (rv == CKR_OK && getenv("INRO_TAP_TELLS_NO_TRIES"))
		info->flags &= ~(CK_FLAGS)CKF_USER_PIN_COUNT_LOW;
	return rv;
}

/* PKCS#11 3.2 5.6.8: such a token is given no PIN. */
static CK_RV login_by_keypad(CK_SESSION_HANDLE s, CK_USER_TYPE user, const CK_UTF8CHAR *pin)
{
	if (pin)
		return CKR_ARGUMENTS_BAD;
	if (tap.keypad_gives != CKR_OK)
		return tap.keypad_gives;
	return real->C_Login(s, user, (CK_UTF8CHAR *)(uintptr_t)tap.keypad, strlen(tap.keypad));
}

static CK_RV login(CK_SESSION_HANDLE s, CK_USER_TYPE user, CK_UTF8CHAR *pin, CK_ULONG n)
{
	if (user != CKU_CONTEXT_SPECIFIC) {
		tap.logins++;
		return tap.keypad ? login_by_keypad(s, user, pin) : real->C_Login(s, user, pin, n);
	}
	tap.context_logins++;
	return tap.context_login;
}

static bool sign_init_fails(void)
{
	int call = ++tap.sign_inits;

	if (tap.sign_init_every)
		return call % tap.sign_init_every == 0;
	return tap.sign_init_times > 0 && tap.sign_init_times-- > 0;
}

static CK_RV sign_init(CK_SESSION_HANDLE s, CK_MECHANISM *mech, CK_OBJECT_HANDLE key)
{
	return sign_init_fails() ? tap.sign_init : real->C_SignInit(s, mech, key);
}

/* As much as there is room for, and more. */
static CK_RV told(CK_RV rv, CK_ULONG room, CK_ULONG *n)
{
	if (rv == CKR_OK && tap.longer)
		*n = room + tap.longer;
	return rv;
}

static CK_RV sign(CK_SESSION_HANDLE s, CK_BYTE *in, CK_ULONG in_n, CK_BYTE *out, CK_ULONG *n)
{
	CK_ULONG room = *n;

	return told(real->C_Sign(s, in, in_n, out, n), room, n);
}

static CK_RV decrypt(CK_SESSION_HANDLE s, CK_BYTE *in, CK_ULONG in_n, CK_BYTE *out, CK_ULONG *n)
{
	CK_ULONG room = *n;

	return told(real->C_Decrypt(s, in, in_n, out, n), room, n);
}

static CK_RV finalize(void *reserved)
{
	CK_RV rv = real->C_Finalize(reserved);

	if (rv == CKR_OK)
		tap.finalized++;
	return rv;
}

EXPORT CK_RV C_GetFunctionList(CK_FUNCTION_LIST **ret)
{
	void *module = dlopen(getenv("INRO_TAPPED"), RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
	CK_C_GetFunctionList get = NULL;

	if (module)
		*(void **)&get = dlsym(module, "C_GetFunctionList");
	if (!get || get(&real) != CKR_OK)
		return CKR_GENERAL_ERROR;
	list = *real;
	list.C_Finalize = finalize;
	list.C_GetSlotList = get_slot_list;
	list.C_OpenSession = open_session;
	list.C_CloseSession = close_session;
	list.C_CloseAllSessions = close_all_sessions;
	list.C_FindObjectsInit = find_objects_init;
	list.C_GetAttributeValue = get_attribute_value;
	list.C_GenerateKeyPair = generate_key_pair;
	list.C_DestroyObject = destroy_object;
	list.C_GetTokenInfo = get_token_info;
	list.C_Login = login;
	list.C_SignInit = sign_init;
	list.C_Sign = sign;
	list.C_Decrypt = decrypt;
	*ret = &list;
	return CKR_OK;
}
