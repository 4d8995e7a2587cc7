/*
 * object - objects in memory: those of the token as far as they were looked at, and the session's.
 *
 * 1. A handle is never used twice in a process; a token object has one handle for all sessions.
 * 2. An object is read from the store when it is first looked into, again when another process has
 *    changed it, and again after many others were (warm.h); it is gone here as soon as it is seen
 *    to be gone there.
 * 3. Handles of private objects die at logout, and session objects with a secret in them, private or
 *    not: what the backend had of them went with the login.
 * 4. Attributes in memory are complete: columns, what was sealed, and the parts of the public key.
 *    Parts of private keys and values of secret ones are never among them.
 * 5. References keep an object's memory alive; the token's maps hold one.  A pointer that is borrowed
 *    is good until WARM_MAX others were read (warm.h): who may read as many holds a reference, and
 *    reads the object again.
 * Functions want the token's lock held unless they say otherwise.
 */
#ifndef INRO_PKCS11_TOKEN_OBJECT_H
#define INRO_PKCS11_TOKEN_OBJECT_H

#include <stdatomic.h>

#include "pkcs11/token/pkey.h"
#include "pkcs11/token/rule.h"
#include "pkcs11/token/token.h"

/* A private or secret key that the backend has ready: shared by its object and by the operations
 * that have begun with it, so that an object that was changed elsewhere is loaded anew while they
 * end. */
struct loaded_key {
	struct token *token;
	backend_key key;
	uint64_t epoch; /* of the login that it was loaded in */
	atomic_uint refs;
};

struct object {
	struct token *token;
	CK_OBJECT_HANDLE handle;
	CK_OBJECT_CLASS class;
	CK_SESSION_HANDLE owner; /* session objects; 0 for the token's */
	atomic_uint refs;
	unsigned roles; /* of its family, as they were at roles_stamp */
	uint64_t roles_stamp;
	int64_t row, version; /* token objects */
	uint8_t uid[STORE_UID];
	uint64_t epoch;			/* the token's, when it was last compared; 0: not read */
	const struct object_kind *kind; /* NULL until it is read */
	struct attrs attrs;
	struct loaded_key *key;		/* private and secret keys, NULL until it is used */
	struct pkey *pub;		/* public keys, made at first use */
	struct object *warmer, *colder; /* warm.h */
	bool is_warm;
	bool private;
	bool gone; /* destroyed, or its handle has died */
	bool own;  /* the token's own: builtin.h */
};

/* A new one that is in no map yet; one reference, the caller's.  No lock needed. */
MUST_CHECK enum inro_err object_new(struct token *t, const struct object_kind *kind,
				    struct object **ret);
/* No lock needed, but the token's may be held. */
struct object *object_ref(struct object *o);
void object_unref(struct object *o);
void object_unref_ptr(struct object **o);

/* Takes over a key that the backend has just made or loaded in the login `epoch`; also when it
 * fails.  No lock needed. */
MUST_CHECK enum inro_err loaded_key_new(struct token *t, backend_key key, uint64_t epoch,
					struct loaded_key **ret);
struct loaded_key *loaded_key_ref(struct loaded_key *k);
/* The last one out unloads it, unless a logout has already. */
void loaded_key_unref(struct loaded_key *k);
/* No logout has come since. */
bool loaded_key_is_live(const struct loaded_key *k);

/* Puts it among the token's objects with a handle. */
MUST_CHECK enum inro_err objects_add(struct object *o);
/* The handle of a row that was found; what it is of need not be in memory. */
MUST_CHECK enum inro_err objects_handle_of_hit(struct token *t, const struct store_hit *hit,
					       CK_OBJECT_HANDLE *ret);
/* Those in memory, from *at (begin with 0), NULL at the end; among them all session objects. */
struct object *objects_next(const struct token *t, size_t *at);
/* What was found, read or not.  Borrowed. */
MUST_CHECK enum inro_err objects_of_hit(struct token *t, const struct store_hit *hit,
					struct object **ret);
/* INRO_E_OBJECT_HANDLE for what is not there or not to be seen.  Borrowed. */
MUST_CHECK enum inro_err objects_get(struct token *t, CK_OBJECT_HANDLE handle, struct object **ret);
/* Reads it if that was not done yet, or again if it has changed. */
MUST_CHECK enum inro_err object_read(struct object *o);
/* Lets go of what was read of a token object and of its loaded key, and of the object if nobody holds
 * it: its handle goes on (cold.h). */
void object_cool(struct object *o);
bool object_visible(const struct object *o);
/* Its handle dies. */
void object_drop(struct object *o);
void objects_drop_private(struct token *t);
void objects_drop_session(struct token *t, CK_SESSION_HANDLE session);
void objects_drop_all(struct token *t);

/* Private and secret keys: what the backend keeps for them is in object.key. */
bool object_has_secret(const struct object *o);
bool object_class_has_secret(CK_OBJECT_CLASS class);

enum key_birth {
	KEY_GENERATED, /* made here: CKA_LOCAL */
	KEY_CREATED,   /* brought in the clear */
	KEY_UNWRAPPED,
	KEY_DERIVED, /* also encapsulated and decapsulated */
	KEY_BIRTH__MAX
};

struct key_origin {
	enum key_birth birth;
	CK_MECHANISM_TYPE mech; /* KEY_GENERATED: CKA_KEY_GEN_MECHANISM */
};

/* Gives a new object that is in no map its loaded key, which it takes over also when it fails, and
 * all that follows from it: CKA_PUBLIC_KEY_INFO and the parts (spki: of private keys),
 * CKA_VALUE_LEN (secret keys), CKA_LOCAL, CKA_KEY_GEN_MECHANISM, CKA_ALWAYS_SENSITIVE,
 * CKA_NEVER_EXTRACTABLE, CKA_INRO_MOVER, CKA_INRO_PLACE. History of derived keys: as
 * policy_inherit() has set it, false where it has not. INRO_E_TEMPLATE_INCONSISTENT when what the
 * template gave says otherwise. The token's lock need not be held. */
struct adoption {
	backend_key key;
	uint64_t epoch; /* token.login_epoch before the key was made */
	struct bytes spki;
	struct key_origin how;
};
MUST_CHECK enum inro_err object_adopt(struct object *o, const struct adoption *what);
/* The same for a public key: spki and how only. */
MUST_CHECK enum inro_err object_adopt_public(struct object *o, const struct adoption *what);

/* CKA_CHECK_VALUE of a secret key that is loaded.  INRO_E_ATTR_TYPE where there is none. */
#define OBJECT_CHECK_VALUE 3
MUST_CHECK enum inro_err object_check_value(struct object *o, uint8_t ret[OBJECT_CHECK_VALUE]);

/* The associated data of what is sealed in it. */
void object_binding(const struct object *o, struct buf *ret);
/* What the store keeps of it; what object_has_secret() must be loaded.  The record's bytes live in
 * *ret. */
MUST_CHECK enum inro_err object_record(struct object *o, struct record *ret);
/* A private or secret key, loaded for a use: INRO_E_LOGIN when the user is not.  Borrowed from the
 * object. */
MUST_CHECK enum inro_err object_key(struct object *o, struct loaded_key **ret);
/* The same for sealing it again, which the security officer may have done too. */
MUST_CHECK enum inro_err object_load(struct object *o, struct loaded_key **ret);
/* That it is the security officer who has made a public key CKA_TRUSTED and not somebody who can
 * write the file: INRO_E_DAMAGED.  Nothing to do for other objects. */
MUST_CHECK enum inro_err object_check_trust(const struct object *o);
/* A public key.  Borrowed from the object. */
MUST_CHECK enum inro_err object_public(struct object *o, struct pkey **ret);
/* Sets the attributes that follow from CKA_PUBLIC_KEY_INFO. */
MUST_CHECK enum inro_err object_set_parts(struct object *o);

#endif
