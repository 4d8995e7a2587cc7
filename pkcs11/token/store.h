/*
 * store - the records of one token: one SQLite file, its token row and its object rows.
 *
 * 1. What is changed in one call is one transaction, on disk when the call returns.
 * 2. The columns class, key type, id, label and public-key hash are plain and indexed; what else an
 *    object has is in `attrs`, what is secret in `sealed`, opaque here.
 * 3. Rows and uids are never used again.  An object's version rises with every change.
 * 4. No read stays open when a call returns.  One thread at a time, as struct db.
 * 5. A change is made only to the token that store_token() showed last: when another process has
 *    initialised it anew since, INRO_E_LOGIN; when it was removed, INRO_E_NO_TOKEN.
 * docs/store-format.md has the tables.
 */
#ifndef INRO_PKCS11_TOKEN_STORE_H
#define INRO_PKCS11_TOKEN_STORE_H

#include "base/bytes.h"
#include "base/cryptoki/cryptoki.h"
#include "base/db/db.h"

#define STORE_UID	16
#define STORE_HASH	32
#define STORE_SERIAL	16
#define STORE_MAX_LABEL 32
#define STORE_TRIES_MAX 10
#define STORE_VERSION	1 /* of the tables */

struct store; /* NULL is never one */

struct token_row {
	uint8_t label[STORE_MAX_LABEL];
	size_t label_n;
	char serial[STORE_SERIAL + 1];
	char backend[16];
	struct buf config, auth_so, auth_user; /* auth_user empty: no user PIN yet */
	int64_t tries_so, tries_user;	       /* left */
	int64_t generation;		       /* rises when the token is initialised again */
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
void record_clear(struct record *r);

/* Makes a file with this token row and nothing else in it. */
MUST_CHECK enum inro_err store_create(const char *path, const struct token_row *token);
/* INRO_E_DAMAGED, INRO_E_VERSION, or what the file system says. */
MUST_CHECK enum inro_err store_open(const char *path, struct store **ret);
void store_close(struct store *s);

/* Rises when another process has written. */
MUST_CHECK enum inro_err store_change_count(struct store *s, int64_t *ret);

/* INRO_E_NO_TOKEN when another process has removed the token. */
MUST_CHECK enum inro_err store_token(struct store *s, struct token_row *ret);
/* Removes every object and puts this token row in the old one's place; its generation rises. */
MUST_CHECK enum inro_err store_token_reset(struct store *s, const struct token_row *token);
/* Removes every object and the token row: who still has the file open finds no token in it. */
MUST_CHECK enum inro_err store_empty(struct store *s);
/* A new auth record and all tries for this user. */
MUST_CHECK enum inro_err store_set_auth(struct store *s, CK_USER_TYPE user, struct bytes auth);
/* Takes one try away, durably, and gives the auth record to try with.  INRO_E_PIN_LOCKED when
 * there was none left, INRO_E_PIN_MISSING when no PIN is set. */
MUST_CHECK enum inro_err store_take_try(struct store *s, CK_USER_TYPE user, struct buf *ret_auth,
					int64_t *ret_left);
MUST_CHECK enum inro_err store_reset_tries(struct store *s, CK_USER_TYPE user);

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
