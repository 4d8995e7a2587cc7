/*
 * calls - every function of the 3.2 list that takes a session, called with nothing but that.
 *
 * 1. CALLS(X) has a row a function: X(list, name, arguments, code), with `s` for the session.  All
 *    pointers are NULL, all lengths 0, and `code` is what an open session of a user with nothing
 *    begun answers to that.
 * 2. Rows are in the order of the list; test_conformance_general compares their number with it.
 */
#ifndef INRO_TESTS_LIB_CALLS_H
#define INRO_TESTS_LIB_CALLS_H

#include "tests/lib/module.h"

#define CALLS_2_40(X)                                                                              \
	X(p11, C_CloseSession, (s), CKR_OK)                                                        \
	X(p11, C_GetSessionInfo, (s, NULL), CKR_ARGUMENTS_BAD)                                     \
	X(p11, C_InitPIN, (s, NULL, 0), CKR_USER_NOT_LOGGED_IN)                                    \
	X(p11, C_SetPIN, (s, NULL, 0, NULL, 0), CKR_ARGUMENTS_BAD)                                 \
	X(p11, C_GetOperationState, (s, NULL, NULL), CKR_ARGUMENTS_BAD)                            \
	X(p11, C_SetOperationState, (s, NULL, 0, 0, 0), CKR_ARGUMENTS_BAD)                         \
	X(p11, C_Login, (s, CKU_USER, NULL, 0), CKR_ARGUMENTS_BAD)                                 \
	X(p11, C_Logout, (s), CKR_OK)                                                              \
	X(p11, C_CreateObject, (s, NULL, 0, NULL), CKR_ARGUMENTS_BAD)                              \
	X(p11, C_CopyObject, (s, 0, NULL, 0, NULL), CKR_ARGUMENTS_BAD)                             \
	X(p11, C_DestroyObject, (s, 0), CKR_OBJECT_HANDLE_INVALID)                                 \
	X(p11, C_GetObjectSize, (s, 0, NULL), CKR_ARGUMENTS_BAD)                                   \
	X(p11, C_GetAttributeValue, (s, 0, NULL, 0), CKR_OBJECT_HANDLE_INVALID)                    \
	X(p11, C_SetAttributeValue, (s, 0, NULL, 0), CKR_OBJECT_HANDLE_INVALID)                    \
	X(p11, C_FindObjectsInit, (s, NULL, 0), CKR_OK)                                            \
	X(p11, C_FindObjects, (s, NULL, 0, NULL), CKR_ARGUMENTS_BAD)                               \
	X(p11, C_FindObjectsFinal, (s), CKR_OPERATION_NOT_INITIALIZED)                             \
	X(p11, C_EncryptInit, (s, NULL, 0), CKR_ARGUMENTS_BAD)                                     \
	X(p11, C_Encrypt, (s, NULL, 0, NULL, NULL), CKR_ARGUMENTS_BAD)                             \
	X(p11, C_EncryptUpdate, (s, NULL, 0, NULL, NULL), CKR_ARGUMENTS_BAD)                       \
	X(p11, C_EncryptFinal, (s, NULL, NULL), CKR_ARGUMENTS_BAD)                                 \
	X(p11, C_DecryptInit, (s, NULL, 0), CKR_ARGUMENTS_BAD)                                     \
	X(p11, C_Decrypt, (s, NULL, 0, NULL, NULL), CKR_ARGUMENTS_BAD)                             \
	X(p11, C_DecryptUpdate, (s, NULL, 0, NULL, NULL), CKR_ARGUMENTS_BAD)                       \
	X(p11, C_DecryptFinal, (s, NULL, NULL), CKR_ARGUMENTS_BAD)                                 \
	X(p11, C_DigestInit, (s, NULL), CKR_ARGUMENTS_BAD)                                         \
	X(p11, C_Digest, (s, NULL, 0, NULL, NULL), CKR_ARGUMENTS_BAD)                              \
	X(p11, C_DigestUpdate, (s, NULL, 0), CKR_OPERATION_NOT_INITIALIZED)                        \
	X(p11, C_DigestKey, (s, 0), CKR_OPERATION_NOT_INITIALIZED)                                 \
	X(p11, C_DigestFinal, (s, NULL, NULL), CKR_ARGUMENTS_BAD)                                  \
	X(p11, C_SignInit, (s, NULL, 0), CKR_ARGUMENTS_BAD)                                        \
	X(p11, C_Sign, (s, NULL, 0, NULL, NULL), CKR_ARGUMENTS_BAD)                                \
	X(p11, C_SignUpdate, (s, NULL, 0), CKR_OPERATION_NOT_INITIALIZED)                          \
	X(p11, C_SignFinal, (s, NULL, NULL), CKR_ARGUMENTS_BAD)                                    \
	X(p11, C_SignRecoverInit, (s, NULL, 0), CKR_ARGUMENTS_BAD)                                 \
	X(p11, C_SignRecover, (s, NULL, 0, NULL, NULL), CKR_ARGUMENTS_BAD)                         \
	X(p11, C_VerifyInit, (s, NULL, 0), CKR_ARGUMENTS_BAD)                                      \
	X(p11, C_Verify, (s, NULL, 0, NULL, 0), CKR_ARGUMENTS_BAD)                                 \
	X(p11, C_VerifyUpdate, (s, NULL, 0), CKR_OPERATION_NOT_INITIALIZED)                        \
	X(p11, C_VerifyFinal, (s, NULL, 0), CKR_ARGUMENTS_BAD)                                     \
	X(p11, C_VerifyRecoverInit, (s, NULL, 0), CKR_ARGUMENTS_BAD)                               \
	X(p11, C_VerifyRecover, (s, NULL, 0, NULL, NULL), CKR_ARGUMENTS_BAD)                       \
	X(p11, C_DigestEncryptUpdate, (s, NULL, 0, NULL, NULL), CKR_ARGUMENTS_BAD)                 \
	X(p11, C_DecryptDigestUpdate, (s, NULL, 0, NULL, NULL), CKR_ARGUMENTS_BAD)                 \
	X(p11, C_SignEncryptUpdate, (s, NULL, 0, NULL, NULL), CKR_ARGUMENTS_BAD)                   \
	X(p11, C_DecryptVerifyUpdate, (s, NULL, 0, NULL, NULL), CKR_ARGUMENTS_BAD)                 \
	X(p11, C_GenerateKey, (s, NULL, NULL, 0, NULL), CKR_ARGUMENTS_BAD)                         \
	X(p11, C_GenerateKeyPair, (s, NULL, NULL, 0, NULL, 0, NULL, NULL), CKR_ARGUMENTS_BAD)      \
	X(p11, C_WrapKey, (s, NULL, 0, 0, NULL, NULL), CKR_ARGUMENTS_BAD)                          \
	X(p11, C_UnwrapKey, (s, NULL, 0, NULL, 0, NULL, 0, NULL), CKR_ARGUMENTS_BAD)               \
	X(p11, C_DeriveKey, (s, NULL, 0, NULL, 0, NULL), CKR_ARGUMENTS_BAD)                        \
	X(p11, C_SeedRandom, (s, NULL, 0), CKR_OK)                                                 \
	X(p11, C_GenerateRandom, (s, NULL, 0), CKR_OK)                                             \
	X(p11, C_GetFunctionStatus, (s), CKR_FUNCTION_NOT_PARALLEL)                                \
	X(p11, C_CancelFunction, (s), CKR_FUNCTION_NOT_PARALLEL)

#define CALLS_3_0(X)                                                                               \
	X(p11_3, C_LoginUser, (s, CKU_USER, NULL, 0, NULL, 0), CKR_ARGUMENTS_BAD)                  \
	X(p11_3, C_SessionCancel, (s, 0), CKR_OK)                                                  \
	X(p11_3, C_MessageEncryptInit, (s, NULL, 0), CKR_ARGUMENTS_BAD)                            \
	X(p11_3, C_EncryptMessage, (s, NULL, 0, NULL, 0, NULL, 0, NULL, NULL), CKR_ARGUMENTS_BAD)  \
	X(p11_3, C_EncryptMessageBegin, (s, NULL, 0, NULL, 0), CKR_ARGUMENTS_BAD)                  \
	X(p11_3, C_EncryptMessageNext, (s, NULL, 0, NULL, 0, NULL, NULL, 0), CKR_ARGUMENTS_BAD)    \
	X(p11_3, C_MessageEncryptFinal, (s), CKR_OPERATION_NOT_INITIALIZED)                        \
	X(p11_3, C_MessageDecryptInit, (s, NULL, 0), CKR_ARGUMENTS_BAD)                            \
	X(p11_3, C_DecryptMessage, (s, NULL, 0, NULL, 0, NULL, 0, NULL, NULL), CKR_ARGUMENTS_BAD)  \
	X(p11_3, C_DecryptMessageBegin, (s, NULL, 0, NULL, 0), CKR_ARGUMENTS_BAD)                  \
	X(p11_3, C_DecryptMessageNext, (s, NULL, 0, NULL, 0, NULL, NULL, 0), CKR_ARGUMENTS_BAD)    \
	X(p11_3, C_MessageDecryptFinal, (s), CKR_OPERATION_NOT_INITIALIZED)                        \
	X(p11_3, C_MessageSignInit, (s, NULL, 0), CKR_ARGUMENTS_BAD)                               \
	X(p11_3, C_SignMessage, (s, NULL, 0, NULL, 0, NULL, NULL), CKR_ARGUMENTS_BAD)              \
	X(p11_3, C_SignMessageBegin, (s, NULL, 0), CKR_OPERATION_NOT_INITIALIZED)                  \
	X(p11_3, C_SignMessageNext, (s, NULL, 0, NULL, 0, NULL, NULL),                             \
	  CKR_OPERATION_NOT_INITIALIZED)                                                           \
	X(p11_3, C_MessageSignFinal, (s), CKR_OPERATION_NOT_INITIALIZED)                           \
	X(p11_3, C_MessageVerifyInit, (s, NULL, 0), CKR_ARGUMENTS_BAD)                             \
	X(p11_3, C_VerifyMessage, (s, NULL, 0, NULL, 0, NULL, 0), CKR_ARGUMENTS_BAD)               \
	X(p11_3, C_VerifyMessageBegin, (s, NULL, 0), CKR_OPERATION_NOT_INITIALIZED)                \
	X(p11_3, C_VerifyMessageNext, (s, NULL, 0, NULL, 0, NULL, 0),                              \
	  CKR_OPERATION_NOT_INITIALIZED)                                                           \
	X(p11_3, C_MessageVerifyFinal, (s), CKR_OPERATION_NOT_INITIALIZED)

#define CALLS_3_2(X)                                                                               \
	X(p11_32, C_EncapsulateKey, (s, NULL, 0, NULL, 0, NULL, NULL, NULL), CKR_ARGUMENTS_BAD)    \
	X(p11_32, C_DecapsulateKey, (s, NULL, 0, NULL, 0, NULL, 0, NULL), CKR_ARGUMENTS_BAD)       \
	X(p11_32, C_VerifySignatureInit, (s, NULL, 0, NULL, 0), CKR_ARGUMENTS_BAD)                 \
	X(p11_32, C_VerifySignature, (s, NULL, 0), CKR_OPERATION_NOT_INITIALIZED)                  \
	X(p11_32, C_VerifySignatureUpdate, (s, NULL, 0), CKR_OPERATION_NOT_INITIALIZED)            \
	X(p11_32, C_VerifySignatureFinal, (s), CKR_OPERATION_NOT_INITIALIZED)                      \
	X(p11_32, C_GetSessionValidationFlags, (s, CKS_LAST_VALIDATION_OK, NULL),                  \
	  CKR_ARGUMENTS_BAD)                                                                       \
	X(p11_32, C_AsyncComplete, (s, NULL, NULL), CKR_FUNCTION_NOT_SUPPORTED)                    \
	X(p11_32, C_AsyncGetID, (s, NULL, NULL), CKR_FUNCTION_NOT_SUPPORTED)                       \
	X(p11_32, C_AsyncJoin, (s, NULL, 0, NULL, 0), CKR_FUNCTION_NOT_SUPPORTED)                  \
	X(p11_32, C_WrapKeyAuthenticated, (s, NULL, 0, 0, NULL, 0, NULL, NULL), CKR_ARGUMENTS_BAD) \
	X(p11_32, C_UnwrapKeyAuthenticated, (s, NULL, 0, NULL, 0, NULL, 0, NULL, 0, NULL),         \
	  CKR_ARGUMENTS_BAD)

#define CALLS(X)                                                                                   \
	CALLS_2_40(X)                                                                              \
	CALLS_3_0(X)                                                                               \
	CALLS_3_2(X)

/* Those that take none: C_Initialize, C_Finalize, C_GetInfo, C_GetFunctionList, C_GetSlotList,
 * C_GetSlotInfo, C_GetTokenInfo, C_GetMechanismList, C_GetMechanismInfo, C_InitToken,
 * C_OpenSession, C_CloseAllSessions, C_WaitForSlotEvent; C_GetInterfaceList, C_GetInterface. */
#define CALLS_WITHOUT_SESSION 15

struct call {
	const char *name;
	CK_RV (*fn)(CK_SESSION_HANDLE s);
	CK_RV code;
};

#endif
