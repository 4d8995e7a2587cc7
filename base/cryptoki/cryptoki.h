/*
 * cryptoki - the types of PKCS#11: p11-kit's header (2.40) and what 3.0 adds to it.
 *
 * PKCS#11 3.0 (OASIS, 15 June 2020): chapter 3.6 interfaces, 5.4.5 C_GetInterfaceList,
 * 5.4.6 C_GetInterface, and the order of functions in CK_FUNCTION_LIST_3_0.
 */
#ifndef INRO_BASE_CRYPTOKI_CRYPTOKI_H
#define INRO_BASE_CRYPTOKI_CRYPTOKI_H

#include <p11-kit/pkcs11.h>

#define CKF_INTERFACE_FORK_SAFE 0x00000001UL
#define CKF_FIND_OBJECTS	0x00000040UL

#define CKR_AEAD_DECRYPT_FAILED 0x00000042UL
#define CKR_TOKEN_RESOURCE_EXCEEDED 0x00000201UL
#define CKR_OPERATION_CANCEL_FAILED 0x00000202UL
#define CKR_KEY_EXHAUSTED 0x00000203UL
#define CKR_PENDING 0x00000204UL
#define CKR_SESSION_ASYNC_NOT_SUPPORTED 0x00000205UL
#define CKR_SEED_RANDOM_REQUIRED 0x00000206UL
#define CKR_OPERATION_NOT_VALIDATED 0x00000207UL
#define CKR_TOKEN_NOT_INITIALIZED 0x00000208UL
#define CKR_PARAMETER_SET_NOT_SUPPORTED 0x00000209UL

#define CKA_UNIQUE_ID 0x00000004UL

#define CKM_ECDSA_SHA3_256 0x00001048UL
#define CKM_ECDSA_SHA3_384 0x00001049UL
#define CKM_ECDSA_SHA3_512 0x0000104AUL

#define CKM_SHA3_256 0x000002B0UL
#define CKM_SHA3_224 0x000002B5UL
#define CKM_SHA3_384 0x000002C0UL
#define CKM_SHA3_512 0x000002D0UL

#define CKG_MGF1_SHA3_224 0x00000006UL
#define CKG_MGF1_SHA3_256 0x00000007UL
#define CKG_MGF1_SHA3_384 0x00000008UL
#define CKG_MGF1_SHA3_512 0x00000009UL

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
	CK_RV (*C_GetInterface)(CK_UTF8CHAR *name, CK_VERSION *version, CK_INTERFACE **interface,
				CK_FLAGS flags);
	CK_RV (*C_LoginUser)(CK_SESSION_HANDLE session, CK_USER_TYPE user, CK_UTF8CHAR *pin,
			     CK_ULONG pin_len, CK_UTF8CHAR *name, CK_ULONG name_len);
	CK_RV (*C_SessionCancel)(CK_SESSION_HANDLE session, CK_FLAGS flags);
	CK_RV (*C_MessageEncryptInit)(CK_SESSION_HANDLE, CK_MECHANISM *, CK_OBJECT_HANDLE);
	CK_RV (*C_EncryptMessage)(CK_SESSION_HANDLE, void *param, CK_ULONG param_len, CK_BYTE *ad,
				  CK_ULONG ad_len, CK_BYTE *in, CK_ULONG in_len, CK_BYTE *out,
				  CK_ULONG *out_len);
	CK_RV (*C_EncryptMessageBegin)(CK_SESSION_HANDLE, void *param, CK_ULONG param_len,
				       CK_BYTE *ad, CK_ULONG ad_len);
	CK_RV (*C_EncryptMessageNext)(CK_SESSION_HANDLE, void *param, CK_ULONG param_len,
				      CK_BYTE *in, CK_ULONG in_len, CK_BYTE *out, CK_ULONG *out_len,
				      CK_FLAGS flags);
	CK_RV (*C_MessageEncryptFinal)(CK_SESSION_HANDLE);
	CK_RV (*C_MessageDecryptInit)(CK_SESSION_HANDLE, CK_MECHANISM *, CK_OBJECT_HANDLE);
	CK_RV (*C_DecryptMessage)(CK_SESSION_HANDLE, void *param, CK_ULONG param_len, CK_BYTE *ad,
				  CK_ULONG ad_len, CK_BYTE *in, CK_ULONG in_len, CK_BYTE *out,
				  CK_ULONG *out_len);
	CK_RV (*C_DecryptMessageBegin)(CK_SESSION_HANDLE, void *param, CK_ULONG param_len,
				       CK_BYTE *ad, CK_ULONG ad_len);
	CK_RV (*C_DecryptMessageNext)(CK_SESSION_HANDLE, void *param, CK_ULONG param_len,
				      CK_BYTE *in, CK_ULONG in_len, CK_BYTE *out, CK_ULONG *out_len,
				      CK_FLAGS flags);
	CK_RV (*C_MessageDecryptFinal)(CK_SESSION_HANDLE);
	CK_RV (*C_MessageSignInit)(CK_SESSION_HANDLE, CK_MECHANISM *, CK_OBJECT_HANDLE);
	CK_RV (*C_SignMessage)(CK_SESSION_HANDLE, void *param, CK_ULONG param_len, CK_BYTE *data,
			       CK_ULONG data_len, CK_BYTE *sig, CK_ULONG *sig_len);
	CK_RV (*C_SignMessageBegin)(CK_SESSION_HANDLE, void *param, CK_ULONG param_len);
	CK_RV (*C_SignMessageNext)(CK_SESSION_HANDLE, void *param, CK_ULONG param_len,
				   CK_BYTE *data, CK_ULONG data_len, CK_BYTE *sig,
				   CK_ULONG *sig_len);
	CK_RV (*C_MessageSignFinal)(CK_SESSION_HANDLE);
	CK_RV (*C_MessageVerifyInit)(CK_SESSION_HANDLE, CK_MECHANISM *, CK_OBJECT_HANDLE);
	CK_RV (*C_VerifyMessage)(CK_SESSION_HANDLE, void *param, CK_ULONG param_len, CK_BYTE *data,
				 CK_ULONG data_len, CK_BYTE *sig, CK_ULONG sig_len);
	CK_RV (*C_VerifyMessageBegin)(CK_SESSION_HANDLE, void *param, CK_ULONG param_len);
	CK_RV (*C_VerifyMessageNext)(CK_SESSION_HANDLE, void *param, CK_ULONG param_len,
				     CK_BYTE *data, CK_ULONG data_len, CK_BYTE *sig,
				     CK_ULONG sig_len);
	CK_RV (*C_MessageVerifyFinal)(CK_SESSION_HANDLE);
};

#endif
