/*
 * client - the outside view of any Cryptoki module: load it, find tokens and objects, log in.
 *
 * The provider and the back office stand on this and know no token internals.
 *
 * 1. A module is loaded once a process for each path and shared; it is initialised by the first
 *    user with CKF_OS_LOCKING_OK, and finalised by the last only if we initialised it.
 * 2. After a fork the child's first ck_module_enter() initialises it anew; ck_module_generation()
 *    then differs and every session and object handle of before is dead.
 * 3. No lock of ours is held while a module function runs or a PIN is asked, but for one of that
 *    module alone while it is initialised or finalised, and one while it opens or closes a session.
 *    After a minute others that wait for these get INRO_E_BUSY.
 * 4. A module is never unloaded.
 * All functions may be called from any thread.
 */
#ifndef INRO_BASE_CRYPTOKI_CLIENT_H
#define INRO_BASE_CRYPTOKI_CLIENT_H

#include "base/cryptoki/admin.h"
#include "base/cryptoki/uri.h"

struct ck_module;

/* path NULL: INRO_MODULE from the environment, else inro-pkcs11.so beside the program or module
 * that this code is linked into, else in ../lib from there, else the installed path. */
MUST_CHECK enum inro_err ck_module_open(const char *path, struct ck_module **ret);
void ck_module_close(struct ck_module *m);
void ck_module_close_ptr(struct ck_module **m);

/* To be called before a use: notices a fork and re-initialises. */
MUST_CHECK enum inro_err ck_module_enter(struct ck_module *m);
/* The module said CKR_CRYPTOKI_NOT_INITIALIZED in this generation: another user of it in this
 * process has finalised it.  The next ck_module_enter() initialises it anew; where that was done
 * meanwhile, nothing happens. */
void ck_module_lost(struct ck_module *m, uint64_t generation);
uint64_t ck_module_generation(const struct ck_module *m);
CK_FUNCTION_LIST *ck_module_functions(const struct ck_module *m);
/* NULL when the module is one of before PKCS#11 3.2. */
const struct ck_functions_3_2 *ck_module_functions_3_2(const struct ck_module *m);
/* NULL when the module is not ours. */
const struct inro_admin *ck_module_admin(const struct ck_module *m);
const char *ck_module_path(const struct ck_module *m);

/* A CK_RV as our error; its detail is what our own module says, of another one the function and
 * the value's name.  CKR_OK is INRO_OK. */
MUST_CHECK enum inro_err ck_err(const struct ck_module *m, CK_RV rv, const char *function);
/* INRO_E_TOKEN for a module that says CKR_OK and more bytes, n, than there was room for. */
MUST_CHECK enum inro_err ck_fits(const struct ck_module *m, CK_ULONG n, CK_ULONG room,
				 const char *function);
const char *ck_rv_name(CK_RV rv); /* "CKR_PIN_INCORRECT", "CKR_0x80000001"; thread-local room */

struct ck_token {
	CK_SLOT_ID slot;
	CK_RV state; /* CKR_OK, or what C_GetTokenInfo said (a damaged token) */
	CK_TOKEN_INFO info;
	char label[33], serial[17];
};

/* Every slot with a token in it that the URI (NULL: any) matches; initialised tokens only unless
 * `blank`.  Caller frees *ret. */
MUST_CHECK enum inro_err ck_tokens(struct ck_module *m, const struct p11_uri *uri, bool blank,
				   struct ck_token **ret, size_t *ret_n);
/* Exactly one initialised token; INRO_E_NOT_FOUND, INRO_E_AMBIGUOUS name what was looked for. */
MUST_CHECK enum inro_err ck_token_one(struct ck_module *m, const struct p11_uri *uri,
				      struct ck_token *ret);

/* Any thread may open and close sessions; the module sees one such call at a time.  Only one that has
 * not come back for a minute is closed beside: nobody else would. */
MUST_CHECK enum inro_err ck_session_open(struct ck_module *m, CK_SLOT_ID slot, bool write,
					 CK_SESSION_HANDLE *ret);
void ck_session_close(struct ck_module *m, CK_SESSION_HANDLE session);
/* The same for who opens several and may lose them unseen: `by` is a number that nobody else has, not
 * 0.  A session whose number the module has given to another of this process since is not closed: it
 * was gone before.  The module is waited for once, not for each. */
MUST_CHECK enum inro_err ck_session_open_by(struct ck_module *m, uint64_t by, CK_SLOT_ID slot,
					    bool write, CK_SESSION_HANDLE *ret);
void ck_sessions_close_by(struct ck_module *m, uint64_t by, const CK_SESSION_HANDLE *list, size_t n);
/* CKU_USER, CKU_SO or CKU_CONTEXT_SPECIFIC; already logged in as that user is fine.  After a wrong
 * PIN the detail says how many tries are left, as far as the module tells. */
MUST_CHECK enum inro_err ck_login(struct ck_module *m, CK_SESSION_HANDLE session, CK_USER_TYPE user,
				  struct bytes pin);

/* Up to max handles; *ret_n <= max. */
MUST_CHECK enum inro_err ck_find(struct ck_module *m, CK_SESSION_HANDLE session,
				 CK_ATTRIBUTE *template, CK_ULONG n, CK_OBJECT_HANDLE *out,
				 CK_ULONG max, CK_ULONG *ret_n);
/* Every match.  Caller frees *ret. */
MUST_CHECK enum inro_err ck_find_all(struct ck_module *m, CK_SESSION_HANDLE session,
				     CK_ATTRIBUTE *template, CK_ULONG n, CK_OBJECT_HANDLE **ret,
				     CK_ULONG *ret_n);

/* One attribute's value appended to *ret.  INRO_E_NOT_FOUND when the object has no such one. */
MUST_CHECK enum inro_err ck_attr(struct ck_module *m, CK_SESSION_HANDLE session,
				 CK_OBJECT_HANDLE object, CK_ATTRIBUTE_TYPE type, struct buf *ret);
MUST_CHECK enum inro_err ck_attr_ulong(struct ck_module *m, CK_SESSION_HANDLE session,
				       CK_OBJECT_HANDLE object, CK_ATTRIBUTE_TYPE type,
				       CK_ULONG *ret);
/* false when absent */
MUST_CHECK enum inro_err ck_attr_bool(struct ck_module *m, CK_SESSION_HANDLE session,
				      CK_OBJECT_HANDLE object, CK_ATTRIBUTE_TYPE type, bool *ret);

/* SubjectPublicKeyInfo of a public, private or certificate object (from
 * CKA_PUBLIC_KEY_INFO, the parts, a public object or certificate of the same CKA_ID), appended. */
MUST_CHECK enum inro_err ck_public_key(struct ck_module *m, CK_SESSION_HANDLE session,
				       CK_OBJECT_HANDLE object, struct buf *ret_spki);

#endif
