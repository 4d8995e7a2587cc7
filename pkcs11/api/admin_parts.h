/* admin_parts - the vendor interface's functions that are not in admin.c; base/cryptoki/admin.h is
 * their contract. */
#ifndef INRO_PKCS11_API_ADMIN_PARTS_H
#define INRO_PKCS11_API_ADMIN_PARTS_H

#include "pkcs11/api/api.h"

CK_RV admin_user_login(CK_SESSION_HANDLE session, const struct inro_user *user);
CK_RV admin_user_add(CK_SESSION_HANDLE session, const struct inro_user *user);
CK_RV admin_user_pin(CK_SESSION_HANDLE session, const struct inro_user *user);
CK_RV admin_user_delete(CK_SESSION_HANDLE session, struct inro_text name);
CK_RV admin_user_list(CK_SLOT_ID slot, struct inro_user_status *list, CK_ULONG *count);

CK_RV admin_attest(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE key, struct inro_text nonce,
		   CK_BYTE *out, CK_ULONG *n);
CK_RV admin_tell(CK_SLOT_ID slot, CK_ULONG fact, CK_BYTE *out, CK_ULONG *n);
CK_RV admin_answer(CK_SLOT_ID slot, struct inro_text challenge, CK_BYTE *out, CK_ULONG *n);
CK_RV admin_take(CK_SESSION_HANDLE session, const struct inro_wrapped *wrapped,
		 CK_ATTRIBUTE *template, CK_ULONG n, CK_OBJECT_HANDLE *ret_key);
CK_RV admin_give(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE key, struct inro_text new_parent,
		 struct inro_text auth, CK_BYTE *out, CK_ULONG *n);

#endif
