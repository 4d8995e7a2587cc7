/* admin_parts - the vendor interface's functions that are not in admin.c. */
#ifndef INRO_PKCS11_API_ADMIN_PARTS_H
#define INRO_PKCS11_API_ADMIN_PARTS_H

#include "pkcs11/api/api.h"

CK_RV admin_user_login(CK_SESSION_HANDLE session, const struct inro_user *user);
CK_RV admin_user_add(CK_SESSION_HANDLE session, const struct inro_user *user);
CK_RV admin_user_pin(CK_SESSION_HANDLE session, const struct inro_user *user);
CK_RV admin_user_delete(CK_SESSION_HANDLE session, struct inro_text name);
CK_RV admin_user_list(CK_SLOT_ID slot, struct inro_user_status *list, CK_ULONG *count);

#endif
