/*
 * symkey - symmetric keys of devices: issued, renewed, given out wrapped, verified, ended.
 *
 * 1. A key is made by the generator of the token that seals, and is in the database only sealed.
 * 2. It is given out while it is active, or superseded with grace left; from the archive by an
 *    administrator, and with others' approval where the setting four-eyes.archive says so (eyes.h).  Its
 *    state is looked at again in the transaction of the giving's event.
 * 3. A key is named by its id or by its serial (32 hex digits).
 */
#ifndef INRO_BACKOFFICE_CORE_SYMKEY_H
#define INRO_BACKOFFICE_CORE_SYMKEY_H

#include "backoffice/core/core.h"
#include "base/secret.h"

#define SYMKEY_NAME_MAX 64
#define SYMKEY_DAYS_MAX 36500

/* As people see it. */
struct symkey {
	struct credential rec; /* rec.subject: its name */
	enum cred_state state; /* what it is now */
	char *device_id;
};
void symkey_clear(struct symkey *k);

struct symkey_found {
	struct symkey *items;
	size_t n;
	char *next; /* NULL: that was all.  A page may be short and yet have a next one. */
};
void symkey_found_clear(struct symkey_found *f);

struct symkey_request {
	const char *device;
	const char *type; /* "aes-256", "hmac-256", "twine-80" … as token_secret_kind_find() */
	const char *name; /* NULL: none */
	int64_t days;	  /* up to SYMKEY_DAYS_MAX; 0: as the policy says, without end when it says nothing */
};
/* INRO_E_ARG for a type that is none, INRO_E_POLICY for one that the device's group does not have,
 * INRO_E_CONFIG without a sealing key. */
MUST_CHECK enum inro_err symkey_issue(struct core *c, const struct symkey_request *r,
				      struct symkey *ret);
/* Another key of the same device, type and name; the old one is superseded and good for
 * grace_seconds (negative: as long as the policy says). */
MUST_CHECK enum inro_err symkey_renew(struct core *c, const char *ref, int64_t grace_seconds,
				      struct symkey *ret);
MUST_CHECK enum inro_err symkey_get(struct core *c, const char *ref, struct symkey *ret);

struct symkey_filter {
	const char *device, *type;    /* NULL: any */
	const enum cred_state *state; /* as shown; NULL: any */
};
/* A search among keys: what where.h says (where_creds), and the words of symkey_filter beside it.
 * sort, after and limit as of cred_search(). */
struct symkey_search {
	const char *where;
	struct symkey_filter filter;
	const char *sort, *after;
	size_t limit;
};
MUST_CHECK enum inro_err symkey_search(struct core *c, const struct symkey_search *s,
				       struct symkey_found *ret);

enum symkey_form {
	SYMKEY_RAW,	 /* its octets, in the clear */
	SYMKEY_AES_KW,	 /* under an AES key of the same device */
	SYMKEY_JWE,	 /* to the device's certificate: text */
	SYMKEY_CMS,	 /* the same: DER, EnvelopedData */
	SYMKEY_CMS_AUTH, /* AuthEnvelopedData */
	SYMKEY_PKCS11,	 /* the same, for one C_UnwrapKey of the device's token (envelope.h) */
	SYMKEY_FORM__MAX
};
extern const char *const symkey_form_names[SYMKEY_FORM__MAX];

struct symkey_delivery {
	enum symkey_form form;
	const char *under; /* of SYMKEY_AES_KW: that key */
	const char *certificate; /* of what goes to one: which; NULL: the device's newest */
	int64_t proposal;	 /* by which others approved that it leaves the archive; 0: none */
};
/* Appended; *ret_key says whose it is.  `ret` is for secrets. */
MUST_CHECK enum inro_err symkey_deliver(struct core *c, const char *ref,
					const struct symkey_delivery *d, struct symkey *ret_key,
					struct buf *ret);

/* The value of an AES key of this device, to wrap under it what goes to the device.  INRO_E_NOT_FOUND
 * when it has no such key, INRO_E_KEY_TYPE, INRO_E_STATE. */
MUST_CHECK enum inro_err symkey_kek(struct core *c, const char *ref, const struct device *d,
				    struct secret *ret);

/* Is this the key; in a time that does not depend on how much is right.  INRO_E_PIN_WRONG. */
MUST_CHECK enum inro_err symkey_verify(struct core *c, const char *ref, struct bytes value);
/* Is this its MAC of the message: HMAC, or CMAC of a block cipher's key.  INRO_E_SIGNATURE. */
MUST_CHECK enum inro_err symkey_verify_mac(struct core *c, const char *ref, struct bytes message,
					   struct bytes mac);

/* VERB_HOLD, VERB_RELEASE, VERB_REVOKE, VERB_RETIRE, VERB_ARCHIVE or VERB_DESTROY, which wipes it.
 */
MUST_CHECK enum inro_err symkey_move(struct core *c, const char *ref, enum verb verb,
				     const char *why, struct symkey *ret);
/* VERB_DESTROY with a statement of it (evidence.h), appended. */
MUST_CHECK enum inro_err symkey_destroy(struct core *c, const char *ref, const char *why,
					struct buf *ret_evidence, struct symkey *ret);

#endif
