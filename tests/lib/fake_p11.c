#include "tests/lib/fake_p11.h"

#include <sched.h>
#include <stdbool.h>
#include <string.h>

#define EXPORT __attribute__((visibility("default")))

EXPORT extern struct fake fake;
struct fake fake;

static bool alive;
static CK_ULONG found[FAKE_OBJECTS], n_found, next_found;

static void pad(CK_UTF8CHAR *field, size_t n, const char *text)
{
	memset(field, ' ', n);
	memcpy(field, text, strlen(text));
}

#define PAD(field, text) pad(field, sizeof(field), text)

static CK_RV fake_initialize(void *args)
{
	if (fake.in_initialize)
		fake.in_initialize();
	if (fake.initialize)
		return fake.initialize;
	if (alive)
		return CKR_CRYPTOKI_ALREADY_INITIALIZED;
	alive = true;
	fake.initialized++;
	fake.initialize_flags = args ? ((CK_C_INITIALIZE_ARGS *)args)->flags : 0;
	return CKR_OK;
}

static CK_RV fake_finalize(void *reserved)
{
	(void)reserved;
	if (!alive)
		return CKR_CRYPTOKI_NOT_INITIALIZED;
	alive = false;
	fake.finalized++;
	return CKR_OK;
}

static CK_RV fake_get_info(CK_INFO *info)
{
	memset(info, 0, sizeof *info);
	PAD(info->manufacturerID, "Fake");
	PAD(info->libraryDescription, "A fake module");
	info->libraryVersion = (CK_VERSION) { 1, 2 };
	return CKR_OK;
}

static CK_RV fake_get_slot_list(CK_BBOOL present, CK_SLOT_ID *list, CK_ULONG *n)
{
	CK_ULONG room = *n;

	(void)present;
	*n = !list && fake.slots_at_first ? fake.slots_at_first : fake.slots;
	if (!list)
		return CKR_OK;
	fake.slots_at_first = 0;
	if (room < fake.slots || fake.never_room)
		return CKR_BUFFER_TOO_SMALL;
	*n += fake.slots_more;
	for (CK_ULONG i = 0; i < fake.slots; i++)
		list[i] = i;
	return CKR_OK;
}

static CK_RV fake_get_slot_info(CK_SLOT_ID slot, CK_SLOT_INFO *info)
{
	if (slot >= fake.slots)
		return CKR_SLOT_ID_INVALID;
	memset(info, 0, sizeof *info);
	PAD(info->slotDescription, slot ? "another slot" : "first slot");
	PAD(info->manufacturerID, "Fake");
	return CKR_OK;
}

static CK_RV fake_get_token_info(CK_SLOT_ID slot, CK_TOKEN_INFO *info)
{
	if (slot >= fake.slots)
		return CKR_SLOT_ID_INVALID;
	if (fake.token_info[slot])
		return fake.token_info[slot];
	if (!fake.labels[slot])
		return CKR_TOKEN_NOT_PRESENT;
	memset(info, 0, sizeof *info);
	PAD(info->label, fake.labels[slot]);
	PAD(info->manufacturerID, "Fake");
	PAD(info->model, "Model");
	PAD(info->serialNumber, fake.serials[slot] ? fake.serials[slot] : "");
	info->flags = fake.token_flags[slot];
	return CKR_OK;
}

/* Long enough for another thread to come in. */
static void sessions_change(void)
{
	int now = ++fake.sessions_at_work;

	if (now > fake.sessions_at_once)
		fake.sessions_at_once = now;
	sched_yield();
	--fake.sessions_at_work;
}

static CK_RV fake_open_session(CK_SLOT_ID slot, CK_FLAGS flags, void *application, CK_NOTIFY notify,
			       CK_SESSION_HANDLE *session)
{
	(void)application;
	(void)notify;
	if (!alive)
		return CKR_CRYPTOKI_NOT_INITIALIZED;
	sessions_change();
	if (fake.in_open)
		fake.in_open();
	fake.session_flags = flags;
	*session = slot + 100;
	return CKR_OK;
}

static CK_RV fake_close_session(CK_SESSION_HANDLE session)
{
	(void)session;
	sessions_change();
	fake.closed++;
	return CKR_OK;
}

static CK_RV fake_get_session_info(CK_SESSION_HANDLE session, CK_SESSION_INFO *info)
{
	memset(info, 0, sizeof *info);
	info->slotID = session - 100;
	return CKR_OK;
}

static CK_RV fake_login(CK_SESSION_HANDLE session, CK_USER_TYPE user, CK_UTF8CHAR *pin, CK_ULONG n)
{
	(void)session;
	fake.user = user;
	memset(fake.pin, 0, sizeof fake.pin);
	memcpy(fake.pin, pin, n < sizeof fake.pin ? n : sizeof fake.pin - 1);
	return fake.login;
}

static const CK_ATTRIBUTE *attr_of(CK_OBJECT_HANDLE object, CK_ATTRIBUTE_TYPE type)
{
	const struct fake_object *o = &fake.objects[object - 1];

	for (CK_ULONG i = 0; i < o->n; i++)
		if (o->attrs[i].type == type)
			return &o->attrs[i];
	return NULL;
}

static bool matches(CK_OBJECT_HANDLE object, const CK_ATTRIBUTE *template, CK_ULONG n)
{
	for (CK_ULONG i = 0; i < n; i++) {
		const CK_ATTRIBUTE *a = attr_of(object, template[i].type);

		if (!a || a->ulValueLen != template[i].ulValueLen ||
		    memcmp(a->pValue, template[i].pValue, a->ulValueLen) != 0)
			return false;
	}
	return true;
}

static CK_RV fake_find_init(CK_SESSION_HANDLE session, CK_ATTRIBUTE *template, CK_ULONG n)
{
	(void)session;
	n_found = next_found = 0;
	for (CK_OBJECT_HANDLE o = 1; o <= FAKE_OBJECTS; o++)
		if (fake.objects[o - 1].attrs && matches(o, template, n))
			found[n_found++] = o;
	return CKR_OK;
}

static CK_RV fake_find(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE *out, CK_ULONG max, CK_ULONG *n)
{
	(void)session;
	if (fake.find)
		return fake.find;
	if (fake.find_batch && max > fake.find_batch)
		max = fake.find_batch;
	for (*n = 0; *n < max && (next_found < n_found || fake.endless); (*n)++)
		out[*n] = fake.endless ? 1 : found[next_found++];
	return CKR_OK;
}

static CK_RV fake_find_final(CK_SESSION_HANDLE session)
{
	(void)session;
	fake.find_finals++;
	return CKR_OK;
}

static CK_RV fake_get_attribute(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE object, CK_ATTRIBUTE *t,
				CK_ULONG n)
{
	const CK_ATTRIBUTE *a = attr_of(object, t->type);
	CK_ULONG room = t->ulValueLen;

	(void)session;
	(void)n;
	t->ulValueLen = CK_UNAVAILABLE_INFORMATION;
	if (fake.get_attribute)
		return fake.get_attribute;
	if (!a)
		return CKR_ATTRIBUTE_TYPE_INVALID;
	if (t->pValue && room < a->ulValueLen)
		return CKR_BUFFER_TOO_SMALL;
	t->ulValueLen = a->ulValueLen;
	if (t->pValue)
		memcpy(t->pValue, a->pValue, a->ulValueLen);
	return CKR_OK;
}

EXPORT CK_RV C_GetFunctionList(CK_FUNCTION_LIST **list)
{
	static CK_FUNCTION_LIST functions = {
		.C_Initialize = fake_initialize,
		.C_Finalize = fake_finalize,
		.C_GetInfo = fake_get_info,
		.C_GetFunctionList = C_GetFunctionList,
		.C_GetSlotList = fake_get_slot_list,
		.C_GetSlotInfo = fake_get_slot_info,
		.C_GetTokenInfo = fake_get_token_info,
		.C_OpenSession = fake_open_session,
		.C_CloseSession = fake_close_session,
		.C_GetSessionInfo = fake_get_session_info,
		.C_Login = fake_login,
		.C_FindObjectsInit = fake_find_init,
		.C_FindObjects = fake_find,
		.C_FindObjectsFinal = fake_find_final,
		.C_GetAttributeValue = fake_get_attribute,
	};

	functions.version = (CK_VERSION) { 2, 40 };
	*list = &functions;
	return CKR_OK;
}

#ifdef FAKE_ADMIN
static CK_RV fake_status(CK_SLOT_ID slot, struct inro_token_status *ret)
{
	(void)slot;
	memset(ret, 0, sizeof *ret);
	ret->tries_left_user = ret->tries_left_so = fake.tries_left;
	ret->tries_max = 10;
	return CKR_OK;
}

static const char *fake_last_error(void)
{
	return fake.words ? fake.words : "";
}

EXPORT CK_RV C_GetInterface(CK_UTF8CHAR *name, CK_VERSION *version, CK_INTERFACE **interface,
			    CK_FLAGS flags);

EXPORT CK_RV C_GetInterface(CK_UTF8CHAR *name, CK_VERSION *version, CK_INTERFACE **interface,
			    CK_FLAGS flags)
{
	static CK_UTF8CHAR our_name[] = INRO_ADMIN_INTERFACE;
	static struct inro_admin admin = {
		.version = { 1, 0 },
		.status = fake_status,
		.last_error = fake_last_error,
	};
	static CK_INTERFACE ours = { our_name, &admin, 0 };

	(void)flags;
	if (!alive || strcmp((char *)name, INRO_ADMIN_INTERFACE) != 0 || version->major != 1)
		return CKR_ARGUMENTS_BAD;
	*interface = &ours;
	return CKR_OK;
}
#endif
