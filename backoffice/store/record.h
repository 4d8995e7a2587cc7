/*
 * record - what the back office keeps, as plain structs, and the tables that say how each is
 * stored.
 *
 * 1. A record owns its text and bytes; X_clear() frees them and leaves it empty.
 * 2. NULL text is the empty text, an empty blob is no blob, 0 in a reference or time is none.
 * 3. The stored form has the names below; they never change their meaning, only new ones come.
 *    What is read and is none of them is damage.
 * 4. Times named _ms are milliseconds, others seconds, since 1970 UTC.
 */
#ifndef INRO_BACKOFFICE_STORE_RECORD_H
#define INRO_BACKOFFICE_STORE_RECORD_H

#include "base/bytes.h"

struct blob {
	uint8_t *p;
	size_t n;
};

struct bytes blob_bytes(const struct blob *b);
MUST_CHECK enum inro_err blob_set(struct blob *b, struct bytes from);
void blob_clear(struct blob *b);
/* Replaces an owned text by a copy of s (NULL: none). */
MUST_CHECK enum inro_err text_set(char **owned, const char *s);
/* NULL as "". */
const char *text_or_empty(const char *s);

enum device_state {
	DEVICE_REGISTERED,
	DEVICE_ACTIVE,
	DEVICE_DISABLED,
	DEVICE_DELETED,
	DEVICE_STATE__MAX
};

enum ca_state { CA_ACTIVE, CA_REVOKED, CA_RETIRED, CA_STATE__MAX };

enum cred_kind { CRED_CERTIFICATE, CRED_KIND__MAX };

enum cred_state {
	CRED_REQUESTED,
	CRED_PENDING,
	CRED_ACTIVE,
	CRED_SUSPENDED,
	CRED_SUPERSEDED,
	CRED_REVOKED,
	CRED_EXPIRED,
	CRED_RETIRED,
	CRED_ARCHIVED,
	CRED_DESTROYED,
	CRED_STATE__MAX
};

enum event_outcome { EVENT_DONE, EVENT_REFUSED, EVENT_OUTCOME__MAX };

/* The stored and shown names; each table is as long as its enum. */
extern const char *const device_state_names[DEVICE_STATE__MAX];
extern const char *const ca_state_names[CA_STATE__MAX];
extern const char *const cred_kind_names[CRED_KIND__MAX];
extern const char *const cred_state_names[CRED_STATE__MAX];
extern const char *const event_outcome_names[EVENT_OUTCOME__MAX];

/* Index of a name in such a table, -1 when it is none of them. */
int name_index(const char *const *names, size_t n, const char *name);

struct tenant {
	int64_t id;
	char *name;
	int64_t created_ms;
};

struct device {
	int64_t id, tenant;
	char *device_id; /* what people call it; unique among those not deleted */
	char *name, *ip, *mac, *hostname, *os;
	enum device_state state;
	int64_t created_ms, updated_ms;
};

struct ca {
	int64_t id, tenant;
	char *name;
	int64_t parent; /* a CA's id; 0: self-signed */
	enum ca_state state;
	char *subject, *key_uri, *profile;
	struct blob cert;
	int64_t not_before, not_after;
	int64_t crl_number; /* of the CRL handed out last; 0: none yet */
	int64_t crl_at;	    /* its thisUpdate */
	int64_t created_ms, updated_ms;
};

struct credential {
	int64_t id, tenant;
	enum cred_kind kind;
	enum cred_state state; /* as last recorded: see cred_shown_state() */
	int64_t device;	       /* 0: not bound to one */
	int64_t ca;	       /* who issued it */
	int64_t own_ca;	       /* the CA whose certificate this is; 0: an end entity's */
	char *profile, *subject, *key_uri;
	struct blob serial, fingerprint, key_hash,
		cert; /* both hashes SHA-256; key_hash of the SPKI */
	int64_t not_before, not_after;
	int64_t replaces;   /* the credential that this one took over from */
	int64_t revoked_at; /* on the CRL since; stays when it is retired */
	int64_t reason;	    /* RFC 5280 5.3.1 CRLReason; means nothing while revoked_at is 0 */
	int64_t invalid_at; /* RFC 5280 5.3.2 invalidityDate */
	int64_t created_ms, updated_ms;
};

struct event {
	int64_t id; /* 1, 2, 3 ... without a gap */
	int64_t tenant;
	int64_t at_ms;
	char *actor, *action, *subject;
	enum event_outcome outcome;
	char *detail; /* a JSON object */
	struct blob hash;
};

/* What the last event must be: cut-off ends show.  One row, id 1. */
struct audit_head {
	int64_t id;
	int64_t count;
	struct blob hash;
};

void tenant_clear(struct tenant *r);
void device_clear(struct device *r);
void ca_clear(struct ca *r);
void credential_clear(struct credential *r);
void event_clear(struct event *r);
void audit_head_clear(struct audit_head *r);

enum field_kind {
	FIELD_INT,  /* int64_t */
	FIELD_REF,  /* int64_t, 0 stored as NULL */
	FIELD_TEXT, /* char *, NULL stored as "" */
	FIELD_BLOB, /* struct blob, empty stored as NULL */
	FIELD_NAME, /* an enum, stored as its name */
};

struct field {
	const char *name;
	enum field_kind kind;
	size_t offset;
	const char *const *names; /* FIELD_NAME */
	size_t names_n;
};

struct record_type {
	const char *table;
	const char *what; /* for error texts */
	size_t size;
	const struct field *fields; /* fields[0] is the id */
	size_t n;
};

extern const struct record_type tenant_type, device_type, ca_type, credential_type, event_type,
	audit_head_type;

/* The row type that belongs to a pointer's type; anything else does not compile. */
#define RECORD_TYPE(r)                                                                             \
	_Generic((r), struct tenant *                                                              \
		 : &tenant_type, struct device *                                                   \
		 : &device_type, struct ca *                                                       \
		 : &ca_type, struct credential *                                                   \
		 : &credential_type, struct event *                                                \
		 : &event_type, struct audit_head *                                                \
		 : &audit_head_type)

/* Frees everything the record of this type owns and zeroes it. */
void record_clear(const struct record_type *t, void *record);
/* NULL when the type has no field of that name. */
const struct field *record_field(const struct record_type *t, const char *name);

#endif
