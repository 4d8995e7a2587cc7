/*
 * store - the records of one token: one SQLite file, its token row and its object rows.
 *
 * 1. What is changed in one call is one transaction, on disk when the call returns.
 * 2. The columns class, key type, id, label and public-key hash are plain and indexed; what else an
 *    object has is in `attrs`, what is secret in `sealed`, opaque here.
 * 3. Rows and uids are never used again.  An object's version rises with every change.
 * 4. No read stays open when a call returns.  One thread at a time, as struct db.
 * 5. Nothing is written by store_open() with `may_write` false, nor where the file or its folder
 *    can't be written: every change then gives INRO_E_TOKEN_WRITE_PROTECTED.  An earlier version is
 *    read as it is; it is brought to this one when it is opened for writing, in one transaction,
 *    after it was copied to NAME.v1 (NAME is the file's, 1 the version) beside it.
 * 6. A change is made only to the token that store_token() showed last: when another process has
 *    initialised it anew since, INRO_E_LOGIN; when it was removed, INRO_E_NO_TOKEN.
 * docs/store-format.md has the tables.
 */
#ifndef INRO_PKCS11_TOKEN_STORE_H
#define INRO_PKCS11_TOKEN_STORE_H

#include "base/bytes.h"
#include "base/cryptoki/cryptoki.h"
#include "base/db/db.h"

#define STORE_UID	16
#define STORE_OLD	".v" /* behind a file's name: the copy that an upgrade keeps */
#define STORE_HASH	32
#define STORE_SERIAL	16
#define STORE_MAX_LABEL 32
#define STORE_TRIES_MAX 10
#define STORE_VERSION	2 /* of the tables */
#define STORE_FAMILY	32
#define STORE_MAX_USER	64 /* bytes of a named user's name */

struct store; /* NULL is never one */

enum token_policy {
	POLICY_DEFAULT, /* what the rules forbid is disarmed at use */
	POLICY_STRICT	/* and refused at creation */
};

/* Who has a PIN: the SO or the user of the standard, or a named one. */
struct who {
	CK_USER_TYPE type; /* CKU_SO, CKU_USER: what a login makes of them */
	struct bytes name; /* empty: the one without a name */
};

struct token_row {
	uint8_t label[STORE_MAX_LABEL];
	size_t label_n;
	char serial[STORE_SERIAL + 1];
	char backend[16];
	struct buf config, auth_so, auth_user; /* auth_user empty: no user PIN yet */
	int64_t tries_so, tries_user;	       /* left */
	int64_t generation;		       /* rises when the token is initialised again */
	enum token_policy policy;
	bool change_so, change_user; /* the PIN must be changed before anything else is done */
};

/* What lets somebody in. */
struct auth_row {
	struct buf auth;
	int64_t tries; /* left */
	bool must_change;
};

struct named_user {
	uint8_t name[STORE_MAX_USER];
	size_t name_n;
	CK_USER_TYPE type;
	int64_t tries;
	bool must_change;
};

/* What the keys of one family have been used for (bits: the core's). */
struct store_role {
	uint8_t family[STORE_FAMILY];
	uint32_t bits;
};

struct record {
	int64_t row, version;
	uint8_t uid[STORE_UID];
	CK_OBJECT_CLASS class;
	CK_KEY_TYPE key_type; /* CK_UNAVAILABLE_INFORMATION: none */
	bool private, has_id;
	struct bytes id, label, public_hash, attrs, sealed;
	struct buf room; /* what the bytes of a record that was read point into */
};

/* What to look for; a field is only looked at when its `by_` is set. */
struct store_query {
	bool by_class, by_key_type, by_id, by_label, by_public_hash, with_private;
	CK_OBJECT_CLASS class;
	CK_KEY_TYPE key_type;
	struct bytes id, label, public_hash;
};

struct store_hit {
	int64_t row;
	CK_OBJECT_CLASS class;
	bool private;
};

struct store_counts {
	int64_t objects, private_keys, certificates;
};

void token_row_clear(struct token_row *t);
void auth_row_clear(struct auth_row *a);
void record_clear(struct record *r);

/* Makes a file with this token row and nothing else in it. */
MUST_CHECK enum inro_err store_create(const char *path, const struct token_row *token);
/* INRO_E_DAMAGED, INRO_E_VERSION, or what the file system says. */
MUST_CHECK enum inro_err store_open(const char *path, bool may_write, struct store **ret);
void store_close(struct store *s);
bool store_is_read_only(const struct store *s);
/* The version of the file as it is. */
int64_t store_file_version(const struct store *s);

/* Rises when another process has written. */
MUST_CHECK enum inro_err store_change_count(struct store *s, int64_t *ret);

/* INRO_E_NO_TOKEN when another process has removed the token. */
MUST_CHECK enum inro_err store_token(struct store *s, struct token_row *ret);
/* Removes every object and puts this token row in the old one's place; its generation rises. */
MUST_CHECK enum inro_err store_token_reset(struct store *s, const struct token_row *token);
/* Removes every object and the token row: who still has the file open finds no token in it. */
MUST_CHECK enum inro_err store_empty(struct store *s);

/* A new auth record and all tries for one who is there.  INRO_E_NOT_FOUND. */
MUST_CHECK enum inro_err store_set_auth(struct store *s, const struct who *who, struct bytes auth,
					bool must_change);
/* The same by who has proved the record that is there: INRO_E_PIN_WRONG when it is another now. */
MUST_CHECK enum inro_err store_change_auth(struct store *s, const struct who *who,
					   struct bytes proved, struct bytes auth);
/* INRO_E_PIN_MISSING when no PIN is set, INRO_E_NOT_FOUND when nobody is called that. */
MUST_CHECK enum inro_err store_auth(struct store *s, const struct who *who, struct auth_row *ret);
/* The records of everybody who has a PIN, each a field. */
MUST_CHECK enum inro_err store_auth_list(struct store *s, struct buf *ret);
/* Takes one try away, durably, and gives the auth record to try with, `tries` as it is then.
 * INRO_E_PIN_LOCKED when there was none left, or as store_auth(). */
MUST_CHECK enum inro_err store_take_try(struct store *s, const struct who *who,
					struct auth_row *ret);
/* One back, when nobody could tell whether the PIN was right. */
MUST_CHECK enum inro_err store_give_try(struct store *s, const struct who *who);
MUST_CHECK enum inro_err store_reset_tries(struct store *s, const struct who *who);

/* Named users.  INRO_E_EXISTS. */
MUST_CHECK enum inro_err store_user_add(struct store *s, const struct who *who, struct bytes auth,
					bool must_change);
/* INRO_E_NOT_FOUND. */
MUST_CHECK enum inro_err store_user_delete(struct store *s, struct bytes name);
/* By name; caller frees *ret. */
MUST_CHECK enum inro_err store_users(struct store *s, struct named_user **ret, size_t *ret_n);

/* 0 for a family that has no row. */
MUST_CHECK enum inro_err store_role(struct store *s, const uint8_t family[STORE_FAMILY],
				    uint32_t *ret_bits);
/* Whether a family has any of these bits. */
MUST_CHECK enum inro_err store_roles_any(struct store *s, uint32_t bits, bool *ret);
/* Adds role->bits unless the family has any of `forbid`, seen and written in one transaction; a
 * write only when something is new.  *ret_bits: those before; the caller looks whether `forbid` was
 * among them. */
MUST_CHECK enum inro_err store_role_claim(struct store *s, const struct store_role *role,
					  uint32_t forbid, uint32_t *ret_bits);

/* All of them or none; sets row of each. */
MUST_CHECK enum inro_err store_insert(struct store *s, struct record *const *records, size_t n);
/* INRO_E_OBJECT_HANDLE when its version is no longer r->version - 1. */
MUST_CHECK enum inro_err store_update(struct store *s, const struct record *r);
MUST_CHECK enum inro_err store_delete(struct store *s, int64_t row);
/* INRO_E_OBJECT_HANDLE when there is none. */
MUST_CHECK enum inro_err store_get(struct store *s, int64_t row, struct record *ret);
/* 0 when there is none. */
MUST_CHECK enum inro_err store_version(struct store *s, int64_t row, int64_t *ret);
/* In the order of their making; caller frees *ret. */
MUST_CHECK enum inro_err store_find(struct store *s, const struct store_query *q,
				    struct store_hit **ret, size_t *ret_n);
MUST_CHECK enum inro_err store_count(struct store *s, struct store_counts *ret);

/* A consistent copy to a new file, while in use. */
MUST_CHECK enum inro_err store_copy_to(struct store *s, const char *path);
/* The same of a file that is only read, and checked first: INRO_E_DAMAGED. */
MUST_CHECK enum inro_err store_copy(const char *from, const char *path);
/* Reads everything once: INRO_E_DAMAGED with the first finding. */
MUST_CHECK enum inro_err store_check(struct store *s);

#endif
