/*
 * lists - the three exported functions and the lists they hand out.
 *
 * 1. A list has no NULL in it: what is not offered is one function that says so.
 * 2. Each list is the head of the next one, but for its version.
 * PKCS#11 3.2 3.6, 5.4.4 to 5.4.6.
 */
#include "pkcs11/api/api.h"

#include <string.h>

/* Called through pointers of many types: on every ABI that this runs on a function may be called
 * with more arguments than it looks at. */
static CK_RV not_offered(void)
{
	AUTO(lib_leave) struct lib *l = NULL;
	enum inro_err e = lib_get(&l);

	return rv_of(e ? e : INRO_E_UNSUPPORTED);
}

#define YES(name) .name = api_##name,
#define NO32(name)                                                                                 \
	.name = (__typeof__(((struct ck_functions_3_2 *)0)->name))(void (*)(void))not_offered,

/* Sessions are never asynchronous. */
#define NOT_OFFERED_3_2(X)                                                                         \
	X(C_AsyncComplete)                                                                         \
	X(C_AsyncGetID)                                                                            \
	X(C_AsyncJoin)

/* The lists name these, not the exported ones: a symbol of the same name in the program (libp11-kit
 * has one) would take the place of those. */
static CK_RV get_function_list(CK_FUNCTION_LIST **list);
static CK_RV get_interface_list(CK_INTERFACE *list, CK_ULONG *count);
static CK_RV get_interface(CK_UTF8CHAR *name, CK_VERSION *version, CK_INTERFACE **interface,
			   CK_FLAGS flags);

#define FUNCTIONS_2 API_LIST(YES).C_GetFunctionList = get_function_list
#define FUNCTIONS_3_0                                                                              \
	API_LIST_3_0(YES).C_GetInterfaceList = get_interface_list, .C_GetInterface = get_interface

static const CK_FUNCTION_LIST functions_2_40 = { .version = { 2, 40 }, FUNCTIONS_2 };

static const struct ck_functions_3_0 functions_3_0 = { .v2 = { .version = { 3, 0 }, FUNCTIONS_2 },
						       FUNCTIONS_3_0 };

static const struct ck_functions_3_2 functions_3_2 = {
	.v3 = { .v2 = { .version = { 3, 2 }, FUNCTIONS_2 }, FUNCTIONS_3_0 },
	API_LIST_3_2(YES) NOT_OFFERED_3_2(NO32)
};

/* Cryptoki's types know no const. */
#define LOOSE(p) ((void *)(uintptr_t)(p))

/* The default, for a caller that names none, comes first. */
#define INTERFACE(title, functions, safe)                                                          \
	{                                                                                          \
		.pInterfaceName = LOOSE(title), .pFunctionList = LOOSE(functions), .flags = (safe) \
	}

#define INTERFACES                                                                                 \
	INTERFACE("PKCS 11", &functions_3_2, CKF_INTERFACE_FORK_SAFE),                             \
		INTERFACE("PKCS 11", &functions_3_0, CKF_INTERFACE_FORK_SAFE),                     \
		INTERFACE("PKCS 11", &functions_2_40, CKF_INTERFACE_FORK_SAFE),                    \
		INTERFACE(INRO_ADMIN_INTERFACE, &api_admin, CKF_INTERFACE_FORK_SAFE)

static const CK_INTERFACE interfaces[] = { INTERFACES };

/* What C_GetInterface gives: wrappers (OpenSC's pkcs11-spy) put their own list into it, so it can
 * be written to, and what is written there changes nothing for the next caller that chooses. */
static CK_INTERFACE handed[] = { INTERFACES };

static CK_RV get_function_list(CK_FUNCTION_LIST **list)
{
	if (!list)
		return CKR_ARGUMENTS_BAD;
	*list = LOOSE(&functions_2_40);
	return CKR_OK;
}

static CK_RV get_interface_list(CK_INTERFACE *list, CK_ULONG *count)
{
	enum inro_err e = api_need(count, "pulCount");

	if (!e)
		e = api_list_room(list, count, ARRAY_LEN(interfaces));
	if (!e && list)
		memcpy(list, interfaces, sizeof interfaces);
	return rv_of(e);
}

/* Ours grows by functions at its end: who asks for an earlier 1.x is served. */
static bool version_fits(const CK_INTERFACE *i, const CK_VERSION *wanted)
{
	const CK_VERSION *its = i->pFunctionList;

	if (wanted->major != its->major)
		return false;
	return wanted->minor == its->minor ||
	       (its == &api_admin.version && wanted->minor < its->minor);
}

/* Every list begins with its version. */
static bool interface_is(const CK_INTERFACE *i, const CK_UTF8CHAR *name, const CK_VERSION *version,
			 CK_FLAGS flags)
{
	if (name && strcmp((const char *)name, (const char *)i->pInterfaceName) != 0)
		return false;
	if (version && !version_fits(i, version))
		return false;
	return (i->flags & flags) == flags;
}

static CK_RV get_interface(CK_UTF8CHAR *name, CK_VERSION *version, CK_INTERFACE **interface,
			   CK_FLAGS flags)
{
	enum inro_err e = api_need(interface, "ppInterface");

	if (e)
		return rv_of(e);
	for (size_t i = 0; i < ARRAY_LEN(interfaces); i++) {
		if (interface_is(&interfaces[i], name, version, flags)) {
			*interface = &handed[i];
			return CKR_OK;
		}
	}
	return rv_of(err_set(INRO_E_ARG, "there is no such interface"));
}

/* ---- what is exported ---- */

#define EXPORT __attribute__((visibility("default")))

EXPORT CK_RV C_GetFunctionList(CK_FUNCTION_LIST **list);
EXPORT CK_RV C_GetInterfaceList(CK_INTERFACE *list, CK_ULONG *count);
EXPORT CK_RV C_GetInterface(CK_UTF8CHAR *name, CK_VERSION *version, CK_INTERFACE **interface,
			    CK_FLAGS flags);

CK_RV C_GetFunctionList(CK_FUNCTION_LIST **list)
{
	return get_function_list(list);
}

CK_RV C_GetInterfaceList(CK_INTERFACE *list, CK_ULONG *count)
{
	return get_interface_list(list, count);
}

CK_RV C_GetInterface(CK_UTF8CHAR *name, CK_VERSION *version, CK_INTERFACE **interface,
		     CK_FLAGS flags)
{
	return get_interface(name, version, interface, flags);
}
