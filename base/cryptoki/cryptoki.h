/*
 * cryptoki - PKCS#11 3.2: p11-kit's header (p11kit.h), what came since, and the lists of functions.
 *
 * 1. names3.h has the constants, params3.h the parameters of mechanisms, this file interfaces
 *    and the order of functions (chapter 3.6, 5.4.5 C_GetInterfaceList, 5.4.6 C_GetInterface,
 *    CK_FUNCTION_LIST_3_0 and CK_FUNCTION_LIST_3_2).
 * 2. Each list of functions begins with the one before it, so a pointer to the younger is one to
 *    the older.
 */
#ifndef INRO_BASE_CRYPTOKI_CRYPTOKI_H
#define INRO_BASE_CRYPTOKI_CRYPTOKI_H

#include "base/cryptoki/p11kit.h"
#include "base/cryptoki/names3.h"
#include "base/cryptoki/params3.h"

typedef struct CK_INTERFACE {
	CK_UTF8CHAR_PTR pInterfaceName;
	CK_VOID_PTR pFunctionList;
	CK_FLAGS flags;
} CK_INTERFACE;
typedef CK_INTERFACE *CK_INTERFACE_PTR;
typedef CK_INTERFACE **CK_INTERFACE_PTR_PTR;

/* The 2.40 list is the head of the 3.0 one: version, then the functions in the same order. */
struct ck_functions_3_0 {
	CK_FUNCTION_LIST v2;
	CK_RV (*C_GetInterfaceList)(CK_INTERFACE *list, CK_ULONG *count);
	CK_RV(*C_GetInterface)
	(CK_UTF8CHAR *name, CK_VERSION *version, CK_INTERFACE **interface, CK_FLAGS flags);
	CK_RV(*C_LoginUser)
	(CK_SESSION_HANDLE session, CK_USER_TYPE user, CK_UTF8CHAR *pin, CK_ULONG pin_len,
	 CK_UTF8CHAR *name, CK_ULONG name_len);
	CK_RV (*C_SessionCancel)(CK_SESSION_HANDLE session, CK_FLAGS flags);
	CK_RV (*C_MessageEncryptInit)(CK_SESSION_HANDLE, CK_MECHANISM *, CK_OBJECT_HANDLE);
	CK_RV(*C_EncryptMessage)
	(CK_SESSION_HANDLE, void *param, CK_ULONG param_len, CK_BYTE *ad, CK_ULONG ad_len,
	 CK_BYTE *in, CK_ULONG in_len, CK_BYTE *out, CK_ULONG *out_len);
	CK_RV(*C_EncryptMessageBegin)
	(CK_SESSION_HANDLE, void *param, CK_ULONG param_len, CK_BYTE *ad, CK_ULONG ad_len);
	CK_RV(*C_EncryptMessageNext)
	(CK_SESSION_HANDLE, void *param, CK_ULONG param_len, CK_BYTE *in, CK_ULONG in_len,
	 CK_BYTE *out, CK_ULONG *out_len, CK_FLAGS flags);
	CK_RV (*C_MessageEncryptFinal)(CK_SESSION_HANDLE);
	CK_RV (*C_MessageDecryptInit)(CK_SESSION_HANDLE, CK_MECHANISM *, CK_OBJECT_HANDLE);
	CK_RV(*C_DecryptMessage)
	(CK_SESSION_HANDLE, void *param, CK_ULONG param_len, CK_BYTE *ad, CK_ULONG ad_len,
	 CK_BYTE *in, CK_ULONG in_len, CK_BYTE *out, CK_ULONG *out_len);
	CK_RV(*C_DecryptMessageBegin)
	(CK_SESSION_HANDLE, void *param, CK_ULONG param_len, CK_BYTE *ad, CK_ULONG ad_len);
	CK_RV(*C_DecryptMessageNext)
	(CK_SESSION_HANDLE, void *param, CK_ULONG param_len, CK_BYTE *in, CK_ULONG in_len,
	 CK_BYTE *out, CK_ULONG *out_len, CK_FLAGS flags);
	CK_RV (*C_MessageDecryptFinal)(CK_SESSION_HANDLE);
	CK_RV (*C_MessageSignInit)(CK_SESSION_HANDLE, CK_MECHANISM *, CK_OBJECT_HANDLE);
	CK_RV(*C_SignMessage)
	(CK_SESSION_HANDLE, void *param, CK_ULONG param_len, CK_BYTE *data, CK_ULONG data_len,
	 CK_BYTE *sig, CK_ULONG *sig_len);
	CK_RV (*C_SignMessageBegin)(CK_SESSION_HANDLE, void *param, CK_ULONG param_len);
	CK_RV(*C_SignMessageNext)
	(CK_SESSION_HANDLE, void *param, CK_ULONG param_len, CK_BYTE *data, CK_ULONG data_len,
	 CK_BYTE *sig, CK_ULONG *sig_len);
	CK_RV (*C_MessageSignFinal)(CK_SESSION_HANDLE);
	CK_RV (*C_MessageVerifyInit)(CK_SESSION_HANDLE, CK_MECHANISM *, CK_OBJECT_HANDLE);
	CK_RV(*C_VerifyMessage)
	(CK_SESSION_HANDLE, void *param, CK_ULONG param_len, CK_BYTE *data, CK_ULONG data_len,
	 CK_BYTE *sig, CK_ULONG sig_len);
	CK_RV (*C_VerifyMessageBegin)(CK_SESSION_HANDLE, void *param, CK_ULONG param_len);
	CK_RV(*C_VerifyMessageNext)
	(CK_SESSION_HANDLE, void *param, CK_ULONG param_len, CK_BYTE *data, CK_ULONG data_len,
	 CK_BYTE *sig, CK_ULONG sig_len);
	CK_RV (*C_MessageVerifyFinal)(CK_SESSION_HANDLE);
};

/* 3.2 adds key encapsulation, verification with the signature first, validation flags, operations
 * that end later, and wrapping with associated data. */
struct ck_functions_3_2 {
	struct ck_functions_3_0 v3;
	CK_RV(*C_EncapsulateKey)
	(CK_SESSION_HANDLE, CK_MECHANISM *, CK_OBJECT_HANDLE public_key, CK_ATTRIBUTE *templ,
	 CK_ULONG count, CK_BYTE *ciphertext, CK_ULONG *ciphertext_len, CK_OBJECT_HANDLE *key);
	CK_RV(*C_DecapsulateKey)
	(CK_SESSION_HANDLE, CK_MECHANISM *, CK_OBJECT_HANDLE private_key, CK_ATTRIBUTE *templ,
	 CK_ULONG count, CK_BYTE *ciphertext, CK_ULONG ciphertext_len, CK_OBJECT_HANDLE *key);
	CK_RV(*C_VerifySignatureInit)
	(CK_SESSION_HANDLE, CK_MECHANISM *, CK_OBJECT_HANDLE key, CK_BYTE *sig, CK_ULONG sig_len);
	CK_RV (*C_VerifySignature)(CK_SESSION_HANDLE, CK_BYTE *data, CK_ULONG data_len);
	CK_RV (*C_VerifySignatureUpdate)(CK_SESSION_HANDLE, CK_BYTE *part, CK_ULONG part_len);
	CK_RV (*C_VerifySignatureFinal)(CK_SESSION_HANDLE);
	CK_RV(*C_GetSessionValidationFlags)
	(CK_SESSION_HANDLE, CK_SESSION_VALIDATION_FLAGS_TYPE, CK_FLAGS *flags);
	CK_RV (*C_AsyncComplete)(CK_SESSION_HANDLE, CK_UTF8CHAR *function, CK_ASYNC_DATA *result);
	CK_RV (*C_AsyncGetID)(CK_SESSION_HANDLE, CK_UTF8CHAR *function, CK_ULONG *id);
	CK_RV(*C_AsyncJoin)
	(CK_SESSION_HANDLE, CK_UTF8CHAR *function, CK_ULONG id, CK_BYTE *data, CK_ULONG data_len);
	CK_RV(*C_WrapKeyAuthenticated)
	(CK_SESSION_HANDLE, CK_MECHANISM *, CK_OBJECT_HANDLE wrapping_key, CK_OBJECT_HANDLE key,
	 CK_BYTE *ad, CK_ULONG ad_len, CK_BYTE *wrapped, CK_ULONG *wrapped_len);
	CK_RV(*C_UnwrapKeyAuthenticated)
	(CK_SESSION_HANDLE, CK_MECHANISM *, CK_OBJECT_HANDLE unwrapping_key, CK_BYTE *wrapped,
	 CK_ULONG wrapped_len, CK_ATTRIBUTE *templ, CK_ULONG count, CK_BYTE *ad, CK_ULONG ad_len,
	 CK_OBJECT_HANDLE *key);
};

#endif
