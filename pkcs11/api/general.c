/* general - PKCS#11 3.0 5.4: start, stop, what library this is; 5.20: parallel functions. */
#include "pkcs11/api/api.h"

/* 5.4.1: all four functions or none; ours are the operating system's locks, which a caller allows
 * by CKF_OS_LOCKING_OK or by asking for none. */
static enum inro_err check_locking(const CK_C_INITIALIZE_ARGS *a)
{
	int given = !!a->CreateMutex + !!a->DestroyMutex + !!a->LockMutex + !!a->UnlockMutex;

	if (a->pReserved)
		return err_set(INRO_E_ARG, "pReserved is not NULL");
	if (given != 0 && given != 4)
		return err_set(INRO_E_ARG, "give all four mutex functions or none");
	if (given == 4 && !(a->flags & CKF_OS_LOCKING_OK))
		return err_set(INRO_E_CANT_LOCK, "only the operating system's locks are used: set "
						 "CKF_OS_LOCKING_OK");
	return INRO_OK;
}

CK_RV api_C_Initialize(void *args)
{
	enum inro_err e = args ? check_locking(args) : INRO_OK;

	return rv_of(e ? e : lib_start());
}

/* Not inside while it stops: it waits for all who are. */
static enum inro_err is_started(void)
{
	AUTO(lib_leave) struct lib *l = NULL;

	return lib_get(&l);
}

CK_RV api_C_Finalize(void *reserved)
{
	enum inro_err e = is_started();

	if (!e && reserved)
		e = err_set(INRO_E_ARG, "pReserved is not NULL");
	return rv_of(e ? e : lib_stop());
}

CK_RV api_C_GetInfo(CK_INFO *info)
{
	AUTO(lib_leave) struct lib *l = NULL;
	enum inro_err e = lib_get(&l);

	if (!e)
		e = api_need(info, "pInfo");
	if (e)
		return rv_of(e);
	*info = (CK_INFO) { .cryptokiVersion = { 3, 2 }, .libraryVersion = API_VERSION };
	api_pad(info->manufacturerID, sizeof info->manufacturerID, bytes_of(API_MAKER));
	api_pad(info->libraryDescription, sizeof info->libraryDescription,
		bytes_of("Inro token module"));
	return CKR_OK;
}

static CK_RV not_parallel(CK_SESSION_HANDLE session)
{
	SCOPED(entered) at = { 0 };
	enum inro_err e = lib_enter_expired(session, &at);

	return e ? rv_of(e) : CKR_FUNCTION_NOT_PARALLEL;
}

CK_RV api_C_GetFunctionStatus(CK_SESSION_HANDLE session)
{
	return not_parallel(session);
}

CK_RV api_C_CancelFunction(CK_SESSION_HANDLE session)
{
	return not_parallel(session);
}

/* 5.6.9: nothing here has been validated by an authority, so no operation was. */
CK_RV api_C_GetSessionValidationFlags(CK_SESSION_HANDLE session,
				      CK_SESSION_VALIDATION_FLAGS_TYPE type, CK_FLAGS *flags)
{
	SCOPED(entered) at = { 0 };
	enum inro_err e = lib_enter(session, &at);

	if (!e)
		e = api_need(flags, "pFlags");
	if (!e && type != CKS_LAST_VALIDATION_OK)
		e = err_set(INRO_E_ARG, "there are no validation flags of type 0x%lx", type);
	if (!e)
		*flags = 0;
	return rv_of(e);
}
