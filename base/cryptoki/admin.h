/*
 * admin - what Cryptoki has no function for: making, removing, saving and describing a token.
 *
 * The module offers it through C_GetInterface("Vendor Inro", 1.1), after C_Initialize.  A program
 * that finds no such interface has another module before it and says so.
 * Strings are UTF-8 and not terminated; PINs are wiped by the caller.
 */
#ifndef INRO_BASE_CRYPTOKI_ADMIN_H
#define INRO_BASE_CRYPTOKI_ADMIN_H

#include "base/cryptoki/cryptoki.h"

#define INRO_ADMIN_INTERFACE "Vendor Inro"

/* Of private and secret keys, read only: the key was born with no use but wrapping and unwrapping,
 * so that it may wrap sensitive keys.  Boolean. */
#define CKA_INRO_MOVER (CKA_VENDOR_DEFINED | 0x494e0001UL)

struct inro_text {
	const char *p;
	CK_ULONG n;
};

struct inro_new_token {
	struct inro_text label;	  /* 1 to 32 bytes; CKR_ACTION_PROHIBITED when there is one of it */
	struct inro_text backend; /* "soft"; empty: the default */
	struct inro_text config;  /* the backend's own words; empty for soft */
	struct inro_text so_pin, user_pin;
};

/* Somebody with a PIN: the user when the name is empty, else a named one (C_LoginUser). */
struct inro_user {
	struct inro_text name; /* up to 64 bytes */
	CK_USER_TYPE type;     /* CKU_USER or CKU_SO: what he may do */
	struct inro_text pin;
	CK_BBOOL change_pin; /* he must change it before he can do anything else */
};

struct inro_user_status {
	char name[65];
	CK_USER_TYPE type;
	CK_ULONG tries_left;
	CK_BBOOL change_pin;
};

/* What a check has found. */
struct inro_check {
	CK_ULONG objects; /* read */
	CK_ULONG sealed;  /* of those: opened with the PIN */
	CK_ULONG damaged;
	char first[256]; /* what is wrong with the first one that is damaged; "" */
};

struct inro_token_status {
	CK_ULONG tries_left_user, tries_left_so;
	CK_ULONG tries_max;
	CK_ULONG objects, private_keys, certificates;
	CK_ULONG store_version;
	char backend[16];
	char path[4096]; /* the record file */
};

struct inro_admin {
	CK_VERSION version; /* 1.1 */
	/* Makes a token with both PINs set, in one transaction: it is there whole or not at all. */
	CK_RV (*create)(const struct inro_new_token *t, CK_SLOT_ID *ret_slot);
	/* Removes a token and everything in it, the SO PIN given.  CKR_SESSION_EXISTS while in use
	 * by this process. */
	CK_RV (*destroy)(CK_SLOT_ID slot, struct inro_text so_pin);
	CK_RV (*status)(CK_SLOT_ID slot, struct inro_token_status *ret);
	/* Copies the token's records, still sealed under its PINs, to a new file, while in use. */
	CK_RV (*backup)(CK_SLOT_ID slot, struct inro_text path);
	/* Makes a token from such a file, checked first; refuses a label or serial that is there.
	 */
	CK_RV (*restore)(struct inro_text path, CK_SLOT_ID *ret_slot);
	/* One line about this thread's latest failure in the module; "" when there is none. */
	const char *(*last_error)(void);

	/* ---- since 1.1 ---- */

	/* As create; with `change_pin` the user must change the PIN before anything else. */
	CK_RV(*create_first)
	(const struct inro_new_token *t, CK_BBOOL change_pin, CK_SLOT_ID *ret_slot);
	/* Removes a token without its SO PIN, when that is locked: CKR_FUNCTION_REJECTED when it is
	 * not. */
	CK_RV (*destroy_locked)(CK_SLOT_ID slot);
	/* C_LoginUser, for those who have found a function list without it. */
	CK_RV (*user_login)(CK_SESSION_HANDLE session, const struct inro_user *user);
	/* By the SO who is logged in in this session: a new named user (CKR_ACTION_PROHIBITED when
	 * there is one), */
	CK_RV (*user_add)(CK_SESSION_HANDLE session, const struct inro_user *user);
	/* one less, */
	CK_RV (*user_delete)(CK_SESSION_HANDLE session, struct inro_text name);
	/* a new PIN, and all tries, for the user or a named one. */
	CK_RV (*user_pin)(CK_SESSION_HANDLE session, const struct inro_user *user);
	/* Every named user; in two steps as C_GetSlotList. */
	CK_RV (*user_list)(CK_SLOT_ID slot, struct inro_user_status *list, CK_ULONG *count);
	/* Reads everything in the token; opens what is sealed, too, when the user's PIN is given.
	 * CKR_OK also when something is damaged: ret tells. */
	CK_RV (*check)(CK_SLOT_ID slot, struct inro_text user_pin, struct inro_check *ret);
	/* As backup and restore, the file encrypted under a passphrase; read back and checked
	 * before it is said to be there. */
	CK_RV (*save)(CK_SLOT_ID slot, struct inro_text path, struct inro_text passphrase);
	CK_RV (*load)(struct inro_text path, struct inro_text passphrase, CK_SLOT_ID *ret_slot);
};

#endif
