/*
 * admin - what Cryptoki has no function for: making, removing, saving and describing a token.
 *
 * The module offers it through C_GetInterface("Vendor Inro", 1.2), after C_Initialize.  A program
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

/* Of private and secret keys: where the secret is.  CK_ULONG.  In the template of a new key it is a
 * wish, and CKR_FUNCTION_NOT_SUPPORTED when it can't be there; else the token decides.  Read only
 * afterwards. */
#define CKA_INRO_PLACE		 (CKA_VENDOR_DEFINED | 0x494e0002UL)
#define CK_INRO_PLACE_SOFT	 1UL /* in a process's memory; kept sealed under the PINs */
#define CK_INRO_PLACE_TPM_SEALED 2UL /* the same, sealed under a key that the TPM keeps */
#define CK_INRO_PLACE_TPM	 3UL /* in the TPM; it never leaves it */

/* Of private and secret keys: it is in a TPM and may be moved to another one (give).  Boolean, said
 * when the key is made, false when it is not said. */
#define CKA_INRO_DUPLICABLE (CKA_VENDOR_DEFINED | 0x494e0003UL)

/* Of private keys, read only: evidence that the key is in a TPM, as attest() gives it for a nonce
 * of 32 zero bytes.  Who asks for the length first may be told a few bytes more than there will be.
 * No such attribute where the key is in no TPM. */
#define CKA_INRO_EVIDENCE (CKA_VENDOR_DEFINED | 0x494e0004UL)

/* TWINE-80 and TWINE-128 (SAC 2012): secret keys of 10 and 16 bytes, blocks of 8.  Parameters as
 * their AES counterparts have: an IV of 8 bytes, the counter's structure below, the MAC's length.
 */
#define CKK_INRO_TWINE		    (CKK_VENDOR_DEFINED | 0x494e0001UL)
#define CKM_INRO_TWINE_KEY_GEN	    (CKM_VENDOR_DEFINED | 0x494e0001UL)
#define CKM_INRO_TWINE_ECB	    (CKM_VENDOR_DEFINED | 0x494e0002UL)
#define CKM_INRO_TWINE_CBC	    (CKM_VENDOR_DEFINED | 0x494e0003UL)
#define CKM_INRO_TWINE_CBC_PAD	    (CKM_VENDOR_DEFINED | 0x494e0004UL)
#define CKM_INRO_TWINE_CTR	    (CKM_VENDOR_DEFINED | 0x494e0005UL)
#define CKM_INRO_TWINE_CMAC	    (CKM_VENDOR_DEFINED | 0x494e0006UL)
#define CKM_INRO_TWINE_CMAC_GENERAL (CKM_VENDOR_DEFINED | 0x494e0007UL)

struct inro_twine_ctr_params {
	CK_ULONG ulCounterBits; /* 1 to 64 */
	CK_BYTE cb[8];
};

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

/* What a token's hardware tells about itself. */
#define INRO_FACT_ROOT                                                                             \
	0UL /* public area of the storage root (TPM2B_PUBLIC): to wrap keys for it                 \
	     */
#define INRO_FACT_EK                                                                               \
	1UL		    /* of the endorsement key, then its certificates (DER), each with its  \
			       length in 4 bytes, big endian, before it */
#define INRO_FACT_ABOUT 2UL /* text, "name=value" a line */

/* A key that was wrapped for the hardware of a token. */
struct inro_wrapped {
	struct inro_text file; /* TSS2 PRIVATE KEY, DER */
	struct inro_text auth; /* the authValue that it has in there */
};

struct inro_admin {
	CK_VERSION version; /* 1.2 */
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
	/* Removes a token without its SO PIN, when that is locked or opens nothing any more:
	 * CKR_FUNCTION_REJECTED when it would. */
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
	/* Reads everything in the token; opens what is sealed, too, by the user's PIN.  CKR_OK also
	 * when something is damaged: ret tells.  CKR_DEVICE_ERROR: no PIN of the user's opens it. */
	CK_RV (*check)(CK_SLOT_ID slot, struct inro_text user_pin, struct inro_check *ret);
	/* As backup and restore, the file encrypted under a passphrase; read back and checked
	 * before it is said to be there. */
	CK_RV (*save)(CK_SLOT_ID slot, struct inro_text path, struct inro_text passphrase);
	CK_RV (*load)(struct inro_text path, struct inro_text passphrase, CK_SLOT_ID *ret_slot);

	/* ---- since 1.2: keys in hardware ---- */
	/* What is given out goes to `out`, in the two steps of C_GetAttributeValue: with NULL *n
	 * becomes a length that is enough, with room CKR_BUFFER_TOO_SMALL says the same.
	 * CKR_FUNCTION_NOT_SUPPORTED for tokens and keys that are in no TPM. */

	/* Evidence by the TPM that it holds this key: who checks it needs no TPM (`inro attest
	 * verify`).  nonce: 1 to 64 bytes.  By a user who is logged in. */
	CK_RV(*attest)
	(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE key, struct inro_text nonce, CK_BYTE *out,
	 CK_ULONG *n);
	/* One of INRO_FACT_.... */
	CK_RV (*tell)(CK_SLOT_ID slot, CK_ULONG fact, CK_BYTE *out, CK_ULONG *n);
	/* The secret in a challenge that only this TPM can open (TPM2_ActivateCredential):
	 * TPM2B_ID_OBJECT and TPM2B_ENCRYPTED_SECRET, one behind the other. */
	CK_RV(*answer)
	(CK_SLOT_ID slot, struct inro_text challenge, CK_BYTE *out, CK_ULONG *n);
	/* A wrapped key becomes an object, as C_UnwrapKey would make it; the template says class
	 * and key type at least.  CKR_WRAPPED_KEY_INVALID: not for this TPM, or another auth. */
	CK_RV(*take)
	(CK_SESSION_HANDLE session, const struct inro_wrapped *wrapped, CK_ATTRIBUTE *template,
	 CK_ULONG template_n, CK_OBJECT_HANDLE *ret_key);
	/* The key as a TSS2 PRIVATE KEY (DER) with `auth` as its authValue: for this TPM, or, when
	 * new_parent (TPM2B_PUBLIC) is given, for the one with that storage root, which takes
	 * CKA_INRO_DUPLICABLE.  It stays here, too.  CKR_KEY_UNEXTRACTABLE, also for one that is
	 * not duplicable and unwraps or derives keys (CKA_INRO_MOVER, CKA_UNWRAP, CKA_DERIVE, or
	 * made with these): outside they would be readable.  CKR_ACTION_PROHIBITED without
	 * CKA_COPYABLE or with CKA_ALWAYS_AUTHENTICATE. */
	CK_RV(*give)
	(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE key, struct inro_text new_parent,
	 struct inro_text auth, CK_BYTE *out, CK_ULONG *n);
	/* As load (or restore, without a passphrase), and only where the PIN opens the copy: a
	 * token with keys in another TPM is refused, and nothing is made. */
	CK_RV(*rebuild)
	(struct inro_text path, struct inro_text passphrase, struct inro_text user_pin,
	 CK_SLOT_ID *ret_slot);
};

#endif
