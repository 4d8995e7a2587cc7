/*
 * api - the face: every C_* function is a check of the arguments, a call of the core, and rv_of().
 *
 * 1. One file a chapter of PKCS#11 3.0 section 5.
 * 2. Inside the module the functions go by the names api_C_*: a program reaches them through the
 *    lists that C_GetFunctionList and C_GetInterface hand out, and its own calls of another module
 *    are never caught by ours.
 * 3. Checks come in this order: initialised, session, arguments, login (the core's).
 */
#ifndef INRO_PKCS11_API_API_H
#define INRO_PKCS11_API_API_H

#include "base/cryptoki/admin.h"
#include "pkcs11/token/lib.h"
#include "pkcs11/token/objects.h"
#include "pkcs11/token/people.h"

/* The CK_RV for an error of ours; total.  Remembers it for api_last_error(). */
CK_RV rv_of(enum inro_err e);
/* What this thread's latest failure was; "" before the first. */
const char *api_last_error(void);

/* INRO_E_ARG when a pointer that must be there is not; `what` is its name in the standard. */
MUST_CHECK enum inro_err api_need(const void *p, const char *what);
/* The same for bytes that come with a length: none may be NULL, and nothing has more than half of
 * what can be counted. */
MUST_CHECK enum inro_err api_need_bytes(const void *p, CK_ULONG n, const char *what);
/* A field of Cryptoki's info structs: padded with blanks, not terminated. */
void api_pad(CK_UTF8CHAR *field, size_t n, struct bytes text);
/* A list handed out in the two steps of 5.2: *count is the room, then the size. */
MUST_CHECK enum inro_err api_list_room(const void *out, CK_ULONG *count, size_t n);

/* A token, locked, open and looked at, and the library it belongs to. */
struct opened {
	struct lib *lib;
	struct token *token;
};
/* The token of a slot.  INRO_E_SLOT, INRO_E_NO_TOKEN.  The caller clears *ret after a failure,
 * too. */
MUST_CHECK enum inro_err api_open_token(CK_SLOT_ID slot, struct opened *ret);
void opened_clear(struct opened *o); /* for SCOPED() */

/* A PIN that came as an argument, or that the PIN helper was asked for. */
struct api_pin {
	struct bytes pin;
	struct secret asked;
};
void api_pin_clear(struct api_pin *p); /* for SCOPED() */
/* For the token of a session that nobody is inside of: whoever waits for a person keeps nobody else
 * from it.  `ask` and `user` as in helper.h. */
MUST_CHECK enum inro_err api_pin_take(CK_SESSION_HANDLE session, const char *ask, const char *user,
				      struct bytes given, struct api_pin *ret);
/* Whose PIN it is, as `user`.  INRO_E_PIN_WRONG for what can't be a name. */
MUST_CHECK enum inro_err api_pin_name(const struct who *who, char room[static STORE_MAX_USER + 1]);
/* As api_pin_take(), for the token of a label. */
MUST_CHECK enum inro_err api_pin_of(const char *label, const char *ask, const char *user,
				    struct bytes given, struct api_pin *ret);

extern const struct inro_admin api_admin;

#define API_MAKER "Inro"
#define API_VERSION                                                                                \
	{                                                                                          \
		0, 1                                                                               \
	}

/* What is offered of each version of the list of functions; lists.c has the rest. */
#define API_LIST(X)                                                                                \
	X(C_GetOperationState)                                                                     \
	X(C_SetOperationState)                                                                     \
	X(C_DigestKey)                                                                             \
	X(C_DigestEncryptUpdate)                                                                   \
	X(C_DecryptDigestUpdate)                                                                   \
	X(C_SignEncryptUpdate)                                                                     \
	X(C_DecryptVerifyUpdate)                                                                   \
	X(C_Initialize)                                                                            \
	X(C_Finalize)                                                                              \
	X(C_GetInfo)                                                                               \
	X(C_GetSlotList)                                                                           \
	X(C_GetSlotInfo)                                                                           \
	X(C_GetTokenInfo)                                                                          \
	X(C_WaitForSlotEvent)                                                                      \
	X(C_GetMechanismList)                                                                      \
	X(C_GetMechanismInfo)                                                                      \
	X(C_InitToken)                                                                             \
	X(C_InitPIN)                                                                               \
	X(C_SetPIN)                                                                                \
	X(C_OpenSession)                                                                           \
	X(C_CloseSession)                                                                          \
	X(C_CloseAllSessions)                                                                      \
	X(C_GetSessionInfo)                                                                        \
	X(C_Login)                                                                                 \
	X(C_Logout)                                                                                \
	X(C_CreateObject)                                                                          \
	X(C_CopyObject)                                                                            \
	X(C_DestroyObject)                                                                         \
	X(C_GetObjectSize)                                                                         \
	X(C_GetAttributeValue)                                                                     \
	X(C_SetAttributeValue)                                                                     \
	X(C_FindObjectsInit)                                                                       \
	X(C_FindObjects)                                                                           \
	X(C_FindObjectsFinal)                                                                      \
	X(C_DigestInit)                                                                            \
	X(C_Digest)                                                                                \
	X(C_DigestUpdate)                                                                          \
	X(C_DigestFinal)                                                                           \
	X(C_SignInit)                                                                              \
	X(C_Sign)                                                                                  \
	X(C_SignUpdate)                                                                            \
	X(C_SignFinal)                                                                             \
	X(C_VerifyInit)                                                                            \
	X(C_Verify)                                                                                \
	X(C_VerifyUpdate)                                                                          \
	X(C_VerifyFinal)                                                                           \
	X(C_GenerateKey)                                                                           \
	X(C_GenerateKeyPair)                                                                       \
	X(C_SeedRandom)                                                                            \
	X(C_GenerateRandom)                                                                        \
	X(C_GetFunctionStatus)                                                                     \
	X(C_CancelFunction)                                                                        \
	X(C_SignRecoverInit)                                                                       \
	X(C_SignRecover)                                                                           \
	X(C_VerifyRecoverInit)                                                                     \
	X(C_VerifyRecover)                                                                         \
	X(C_EncryptInit)                                                                           \
	X(C_Encrypt)                                                                               \
	X(C_EncryptUpdate)                                                                         \
	X(C_EncryptFinal)                                                                          \
	X(C_DecryptInit)                                                                           \
	X(C_Decrypt)                                                                               \
	X(C_DecryptUpdate)                                                                         \
	X(C_DecryptFinal)                                                                          \
	X(C_WrapKey)                                                                               \
	X(C_UnwrapKey)                                                                             \
	X(C_DeriveKey)

#define API_LIST_3_0(X)                                                                            \
	X(C_MessageEncryptInit)                                                                    \
	X(C_EncryptMessage)                                                                        \
	X(C_EncryptMessageBegin)                                                                   \
	X(C_EncryptMessageNext)                                                                    \
	X(C_MessageEncryptFinal)                                                                   \
	X(C_MessageDecryptInit)                                                                    \
	X(C_DecryptMessage)                                                                        \
	X(C_DecryptMessageBegin)                                                                   \
	X(C_DecryptMessageNext)                                                                    \
	X(C_MessageDecryptFinal)                                                                   \
	X(C_MessageSignInit)                                                                       \
	X(C_SignMessage)                                                                           \
	X(C_SignMessageBegin)                                                                      \
	X(C_SignMessageNext)                                                                       \
	X(C_MessageSignFinal)                                                                      \
	X(C_MessageVerifyInit)                                                                     \
	X(C_VerifyMessage)                                                                         \
	X(C_VerifyMessageBegin)                                                                    \
	X(C_VerifyMessageNext)                                                                     \
	X(C_MessageVerifyFinal)                                                                    \
	X(C_LoginUser)                                                                             \
	X(C_SessionCancel)

#define API_LIST_3_2(X)                                                                            \
	X(C_GetSessionValidationFlags)                                                             \
	X(C_VerifySignatureInit)                                                                   \
	X(C_VerifySignature)                                                                       \
	X(C_VerifySignatureUpdate)                                                                 \
	X(C_VerifySignatureFinal)                                                                  \
	X(C_EncapsulateKey)                                                                        \
	X(C_DecapsulateKey)                                                                        \
	X(C_WrapKeyAuthenticated)                                                                  \
	X(C_UnwrapKeyAuthenticated)

/* Each has the type that the standard gives it. */
#define API_DECLARE(name)     extern __typeof__(name) api_##name;
#define API_DECLARE_3_0(name) extern __typeof__(*((struct ck_functions_3_0 *)0)->name) api_##name;
#define API_DECLARE_3_2(name) extern __typeof__(*((struct ck_functions_3_2 *)0)->name) api_##name;
API_LIST(API_DECLARE)
API_LIST_3_0(API_DECLARE_3_0)
API_LIST_3_2(API_DECLARE_3_2)
#undef API_DECLARE
#undef API_DECLARE_3_0
#undef API_DECLARE_3_2

#endif
