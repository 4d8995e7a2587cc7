/*
 * record - what the back office keeps, as plain structs, and the tables that say how each is
 * stored.
 *
 * 1. A record owns its text and bytes; X_clear() frees them and leaves it empty.
 * 2. NULL text is the empty text (or none, in a FIELD_SPARSE one), an empty blob is no blob, 0 in a
 *    reference or time is none.
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

/* What proves that a device is itself, and where it keeps that. */
enum anchor_kind { ANCHOR_NONE, ANCHOR_KEY, ANCHOR_EK, ANCHOR_SERIAL, ANCHOR_KIND__MAX };
enum anchor_store { ANCHOR_UNKNOWN, ANCHOR_SOFTWARE, ANCHOR_HARDWARE, ANCHOR_STORE__MAX };

/* CA_PENDING: its request is out, its certificate not in yet. */
enum ca_state { CA_ACTIVE, CA_REVOKED, CA_RETIRED, CA_PENDING, CA_STATE__MAX };

/* Who signs: a key in a token, a file that people carry, a server of others. */
enum ca_kind { CA_LOCAL, CA_FILE, CA_EST, CA_CMP, CA_KIND__MAX };

enum cred_kind {
	CRED_CERTIFICATE,
	CRED_KEY, /* a symmetric key */
	CRED_PSK, /* the pre-shared key that goes with a device's id */
	CRED_KIND__MAX
};

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

enum proposal_state {
	PROPOSAL_OPEN,
	PROPOSAL_APPROVED, /* by all that it takes; what it is about is still to be done */
	PROPOSAL_DONE,
	PROPOSAL_REFUSED,
	PROPOSAL_WITHDRAWN,
	PROPOSAL_STATE__MAX
};

enum job_state { JOB_QUEUED, JOB_RUNNING, JOB_DONE, JOB_FAILED, JOB_CANCELLED, JOB_STATE__MAX };

enum account_state { ACCOUNT_ACTIVE, ACCOUNT_DISABLED, ACCOUNT_DELETED, ACCOUNT_STATE__MAX };

/* The two below zero are nobody's in an account: a device, which works for itself alone, and who is
 * not known yet. */
enum role { ROLE_NOBODY = -2, ROLE_DEVICE, ROLE_AUDITOR, ROLE_OPERATOR, ROLE_ADMIN, ROLE__MAX };

/* What a device is asked to do. */
enum errand_verb {
	ERRAND_RENEW,  /* its certificate, due or not */
	ERRAND_RUN,    /* a command that its owner gave a name */
	ERRAND_STATUS, /* say what it has */
	ERRAND_CLEAR,  /* give its pair up and begin anew */
	ERRAND_VERB__MAX
};
enum errand_state {
	ERRAND_OPEN,
	ERRAND_DONE,
	ERRAND_FAILED,
	ERRAND_CANCELLED,
	ERRAND_STATE__MAX
};

/* What lets somebody in beside a password. */
enum pass_kind {
	PASS_SESSION,	  /* for an hour or a day, after a password */
	PASS_TOKEN,	  /* a program's */
	PASS_CERTIFICATE, /* a client certificate in a person's hands */
	PASS_KEY,	  /* lets nobody in alone: the first of two stages */
	PASS_KIND__MAX
};

enum event_outcome { EVENT_DONE, EVENT_REFUSED, EVENT_OUTCOME__MAX };

/* The stored and shown names; each table is as long as its enum. */
extern const char *const device_state_names[DEVICE_STATE__MAX];
extern const char *const anchor_kind_names[ANCHOR_KIND__MAX];
extern const char *const anchor_store_names[ANCHOR_STORE__MAX];
extern const char *const ca_state_names[CA_STATE__MAX];
extern const char *const ca_kind_names[CA_KIND__MAX];
extern const char *const cred_kind_names[CRED_KIND__MAX];
extern const char *const cred_state_names[CRED_STATE__MAX];
extern const char *const proposal_state_names[PROPOSAL_STATE__MAX];
extern const char *const job_state_names[JOB_STATE__MAX];
extern const char *const account_state_names[ACCOUNT_STATE__MAX];
extern const char *const role_names[ROLE__MAX];
/* Total: also those that are no account's. */
const char *role_word(enum role role);
extern const char *const pass_kind_names[PASS_KIND__MAX];
extern const char *const errand_verb_names[ERRAND_VERB__MAX];
extern const char *const errand_state_names[ERRAND_STATE__MAX];
extern const char *const event_outcome_names[EVENT_OUTCOME__MAX];

/* Index of a name in such a table, -1 when it is none of them. */
int name_index(const char *const *names, size_t n, const char *name);

struct tenant {
	int64_t id;
	char *name;
	int64_t created_ms;
};

/* Devices that are handled alike.  Groups nest. */
struct device_group {
	int64_t id, tenant;
	char *name;
	int64_t parent;	    /* 0: none */
	char *path;	    /* names from the top, "plant/line1" */
	char *policy;	    /* a JSON object; what it does not say, its parent's does */
	int64_t deleted_ms; /* 0: it is not; a deleted one's path ends in that and its id */
	int64_t created_ms, updated_ms;
};

struct device {
	int64_t id, tenant;
	char *device_id; /* what people call it; unique among those not deleted */
	char *name, *ip, *mac, *hostname, *os;
	enum device_state state;
	int64_t grp;  /* its group; 0: none */
	char *serial; /* NULL: none */
	enum anchor_kind anchor_kind;
	enum anchor_store anchor_store;
	struct blob anchor; /* SHA-256 of what is unique to it; no other live device's */
	char *attrs;	    /* a JSON object of further fields; NULL: none */
	int64_t deleted_ms; /* 0: it is not */
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
	int64_t crl_at;	    /* thisUpdate of the last one of its present key; 0: none yet, or none that is right */
	enum ca_kind kind;
	int64_t generation; /* of its key, from 1 */
	char *settings;	    /* a JSON object; NULL: as its profile says */
	struct blob csr;    /* of one whose certificate others made or will make */
	struct blob
		chain; /* certificates above it that are no CA of ours: DER, one behind the other */
	int64_t created_ms, updated_ms;
};

/* A key that a CA had before its present one (RFC 4210 4.4), with what a struct ca had then; with a
 * request and no certificate, its next one. */
struct ca_generation {
	int64_t id, tenant, ca, number;
	char *key_uri;
	struct blob cert, new_with_old, old_with_new; /* the latter two: of a root only */
	struct blob chain, csr;
	char *settings;
	int64_t not_before, not_after;
	int64_t needed_until; /* the end of the last certificate that it signed: lists go on till then */
	int64_t created_ms;
};

/* Another token that has a CA's key of that generation, beside the one that its record names. */
struct ca_place {
	int64_t id, tenant, ca, generation;
	int64_t place; /* they are tried in this order; less than others, it may be negative */
	char *key_uri;
	int64_t created_ms;
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
		cert; /* both hashes SHA-256; key_hash is pubkey_print() */
	int64_t not_before, not_after;
	int64_t replaces;    /* the credential that this one took over from */
	int64_t revoked_at;  /* on the CRL since; stays when it is retired */
	int64_t reason;	     /* RFC 5280 5.3.1 CRLReason; means nothing while revoked_at is 0 */
	int64_t invalid_at;  /* RFC 5280 5.3.2 invalidityDate */
	char *algorithm; /* "aes-128", of a certificate's key "ec-p256"; NULL: the certificate says */
	char *signature; /* a certificate's: "ecdsa-with-SHA256"; NULL: as above, or it is none */
	struct blob secret;  /* sealed, or what only verifies it; none of a certificate */
	char *request_id;    /* who asks again by it gets this one again; NULL: none */
	int64_t grace_until; /* superseded, but good until then; 0: no longer */
	char *cause;	     /* why it was retired; NULL: not said */
	int64_t fails, locked_until; /* wrong tries in a row */
	int64_t ca_generation;	     /* whose key signed it */
	int64_t profile_version;     /* of its profile; 0: built in */
	int64_t listed_at; /* when it last came on a CRL, changed there or left it; 0: never */
	int64_t wanted_at; /* since when its holder is to get another one; 0: not said */
	int64_t confirm_by; /* its holder must have said by then that he has it; 0: he has, or need not */
	int64_t form; /* of which `cert` is told (struct cert_form); 0: it stands as it is */
	struct blob form_body; /* of that */
	int64_t created_ms, updated_ms;
};

/* The first certificate of many that a CA's key signed by one profile: the others are stored as they differ
 * from it.  It never changes and stays. */
struct cert_form {
	int64_t id, tenant, ca, ca_generation;
	char *profile;
	int64_t profile_version;
	char *algorithm;
	struct blob body;
	int64_t created_ms;
};

/* A request that went to a CA elsewhere; its credential says what became of it. */
struct ca_order {
	int64_t id, tenant, ca, credential;
	struct blob csr;
	char *reference; /* by which that CA knows it; "": it has none */
	int64_t created_ms;
	int64_t tries, due_ms; /* failures one after the other; not asked again before */
	char *why;	       /* what came of it last; "": nothing was wrong */
};

/* How a CA elsewhere is reached over the network. */
struct ca_way {
	int64_t id, tenant, ca;
	char *url, *label;
	struct blob trust; /* PEM: whom that server is believed by */
	char *account;
	char *secret;	  /* where the password is (secret_ref.h) */
	struct blob cert; /* PEM, with its chain: how we show who we are */
	char *key_uri, *proxy;
	int64_t seconds; /* that one request may take */
	int64_t tries, due_ms;
	char *why; /* as of an order, of the server itself */
	int64_t created_ms;
};

/* What a CRL says of a certificate: a part of its credential, read by itself.  The fields behind
 * not_after are for conditions only; as an listed_entry_type it has no listed_at and no not_after either. */
struct listed {
	struct bytes serial;
	int64_t revoked_at, reason, invalid_at, listed_at, not_after;
	int64_t id, ca, ca_generation;
};

/* What a key was certified for: a part of its credential, read by itself. */
struct key_use {
	int64_t id, tenant, device, own_ca, revoked_at, reason;
	struct blob key_hash, fingerprint;
};

/* What was last published of a CA's key's certificates, or of one shard of them. */
struct crl_scope {
	int64_t id, tenant, ca, generation;
	int64_t shard;				 /* from 1; 0: the list is not divided */
	int64_t full_number, full_at, full_next; /* of the last complete list; 0: none yet */
	int64_t delta_number, delta_at, delta_next;
};

/* One text that a profile of the tenant has or had. */
struct profile_version {
	int64_t id, tenant;
	char *name;
	int64_t version;  /* from 1 */
	struct blob body; /* the file as it was given */
	char *actor;	  /* who gave it */
	int64_t ended_ms; /* when another took its place or it was removed; 0: it counts */
	int64_t created_ms;
};

/* What takes more than the one who asks: a request that waits for approval, four eyes. */
struct proposal {
	int64_t id, tenant;
	char *action, *subject; /* as in the audit */
	struct blob body;	/* what is to be done, by its action */
	enum proposal_state state;
	int64_t need; /* approvals */
	char *asked_by;
	char *decided; /* JSON array of who said what when */
	char *why;
	char *request_id; /* NULL: none */
	int64_t result;	  /* id of what came of it */
	int64_t created_ms, updated_ms;
};

/* Bulk work that goes on where it was cut off. */
struct job {
	int64_t id, tenant;
	char *kind;
	enum job_state state;
	char *actor;
	char *args;		     /* a JSON object */
	char *cursor;		     /* how far it came, by its kind */
	int64_t total, done, same, failed; /* rows; total 0: not known; same: nothing was to be done */
	int64_t wanted; /* of `done`: only noted, for somebody else to do */
	int64_t anchors_of_deleted; /* of `done`: with the trust anchor of a deleted device */
	char *said;		     /* what came of it */
	char *lease_by;		     /* who works at it, until then */
	int64_t lease_until_ms, created_ms, started_ms, updated_ms;
	int64_t served; /* 1: a server is to do it */
	int64_t account; /* in whose name, and as what; 0: no account's */
	enum role role;
	int64_t bytes; /* of its rows, where they were sent */
};

/* A piece of a job's rows: the bytes from `at` on. */
struct job_part {
	int64_t id, tenant, job, at;
	struct blob body;
};

/* A certificate that a job gives out. */
struct job_result {
	int64_t id, tenant, job;
	char *name;
	int64_t credential;
};

/* A row that a job could not do. */
struct job_error {
	int64_t id, tenant, job;
	char *name, *error, *why;
};

struct account {
	int64_t id, tenant;
	char *name;
	enum role role;
	enum account_state state;
	struct blob verifier; /* none: no password is right */
	int64_t fails, locked_until;
	int64_t seen_ms; /* the last right password; 0: never */
	int64_t created_ms, updated_ms;
};

/* Of what is given out only the SHA-256 is kept. */
struct pass {
	int64_t id, tenant; /* whose records it is for */
	enum pass_kind kind;
	int64_t account; /* 0: nobody's */
	char *name;
	struct blob hash;
	enum role role;	  /* at most this one */
	char *verbs;	  /* "device *, cert list"; "": any */
	int64_t until;	  /* seconds; 0: no end */
	int64_t ended_ms; /* revoked then; 0: it is not */
	int64_t seen_ms;  /* used last, as of a minute */
	int64_t created_ms;
};

/* What an operator wants a device to do, until it has come for it. */
struct errand {
	int64_t id, tenant, device;
	enum errand_verb verb;
	char *argument; /* of ERRAND_RUN: the command's name */
	enum errand_state state;
	char *actor;  /* who wants it */
	char *answer; /* of the device */
	int64_t created_ms, ended_ms;
};

/* The answer to a request that may be sent again. */
struct reply {
	int64_t id, tenant;
	struct blob key;    /* SHA-256 of whose it is and what he calls it */
	struct blob digest; /* of the request */
	int64_t status;	    /* 0: it is being worked at, or was when that ended */
	char *type;
	struct blob body;
	int64_t created_ms;
};

/* What a TPM was asked to prove, until it has answered (core/attest.h). */
struct tpm_challenge {
	int64_t id, tenant;
	struct blob nonce;  /* what it is called, and what the TPM has to sign */
	int64_t device;	    /* 0: nobody's, to which no answer is right */
	struct blob whose;  /* SHA-256 of what was asked by: a name and an endorsement key */
	char *peer;	    /* where from */
	struct blob ak, ek; /* Names of the keys */
	struct blob answer; /* SHA-256 of the right one */
	int64_t until_ms;
};

struct setting {
	int64_t id, tenant;
	char *name, *value;
};

struct tally {
	int64_t id, tenant;
	char *name; /* "device/active" */
	int64_t n;
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

/* The head at some event, signed by a key in a token. */
struct audit_mark {
	int64_t id, event;
	struct blob hash;
	char *key_uri;
	struct blob signer, signature; /* the SubjectPublicKeyInfo that verifies it */
	struct blob next;	       /* the one of who signs from then on; none: the same */
	int64_t at_ms;
};

/* Events that were verified and moved into a file. */
struct audit_segment {
	int64_t id, first, last;
	struct blob hash; /* of the last event */
	char *file;
	struct blob digest; /* SHA-256 of the file */
	int64_t at_ms;
};

/* Work that one process at a time does: its holder's until then, by the database's clock. */
struct lease {
	int64_t id;
	char *name, *holder;
	int64_t until_ms;
};

/* Something else is to be said of a certificate than before.  The ids are the order. */
struct status_change {
	int64_t id, ca, generation;
	struct blob serial;
	int64_t at_ms;
};

/* A certificate whose key signs in the place of a CA's key. */
enum signer_purpose { SIGNER_OCSP, SIGNER_MESSAGES, SIGNER__MAX };
struct ca_delegate {
	int64_t id, tenant, ca, generation, credential, created_ms, purpose;
};

/* A part of a revocation list that is given out, from seq 0 on. */
struct crl_piece {
	int64_t id, ca, generation;
	int64_t shard, delta, number, seq; /* delta 0: complete */
	int64_t this_update, next_update, ended; /* ended: the last one */
	struct blob body;
};

/* What a piece is of, read by itself: a part of its record. */
struct crl_made {
	int64_t number, this_update, next_update;
	int64_t id, ca, generation, shard, delta, seq;
};

void tenant_clear(struct tenant *r);
void device_clear(struct device *r);
void ca_clear(struct ca *r);
void credential_clear(struct credential *r);
void event_clear(struct event *r);
void audit_head_clear(struct audit_head *r);
void device_group_clear(struct device_group *r);
void ca_generation_clear(struct ca_generation *r);
void ca_place_clear(struct ca_place *r);
void ca_order_clear(struct ca_order *r);
void ca_way_clear(struct ca_way *r);
void proposal_clear(struct proposal *r);
void cert_form_clear(struct cert_form *r);
void job_clear(struct job *r);
void job_error_clear(struct job_error *r);
void job_part_clear(struct job_part *r);
void job_result_clear(struct job_result *r);
void account_clear(struct account *r);
void pass_clear(struct pass *r);
void reply_clear(struct reply *r);
void tpm_challenge_clear(struct tpm_challenge *r);
void setting_clear(struct setting *r);
void tally_clear(struct tally *r);
void crl_scope_clear(struct crl_scope *r);
void profile_version_clear(struct profile_version *r);
void audit_mark_clear(struct audit_mark *r);
void audit_segment_clear(struct audit_segment *r);
void errand_clear(struct errand *r);
void lease_clear(struct lease *r);
void status_change_clear(struct status_change *r);
void crl_piece_clear(struct crl_piece *r);

enum field_kind {
	FIELD_INT,    /* int64_t */
	FIELD_REF,    /* int64_t, 0 stored as NULL */
	FIELD_TEXT,   /* char *, NULL stored as "" */
	FIELD_SPARSE, /* char *, NULL stored as NULL: a text that few rows have */
	FIELD_BLOB,   /* struct blob, empty stored as NULL */
	FIELD_NAME,   /* an enum, stored as its name */
	FIELD_PACKED, /* char *, as FIELD_TEXT, stored packed (pack.h): for no condition and no order; one a type */
	FIELD_MODEL,  /* struct blob, what `from` gives: read with the row, never written */
	FIELD_LIKE,   /* struct blob, stored as it differs from the FIELD_MODEL before it (delta.h): for no
		       * condition and no order; one a type, that has no FIELD_PACKED */
	FIELD_LENT,   /* struct bytes of the store's, good while store_each() shows the row */
};

/* So many octets of a hash tell it from all others there are; what is looked for is the whole of it. */
#define RECORD_HEAD 12

struct field {
	const char *name;
	enum field_kind kind;
	size_t offset;
	const char *const *names; /* FIELD_NAME */
	size_t names_n;
	const char *head; /* of a FIELD_BLOB: SQL for its first RECORD_HEAD octets, which its index has */
	const char *from; /* FIELD_MODEL: SQL */
	size_t model;	  /* FIELD_LIKE: where its FIELD_MODEL is */
};

/* Whether it is a struct blob. */
bool field_is_blob(const struct field *f);
/* What a FIELD_LIKE of this record is told from. */
struct bytes field_model(const struct field *f, const void *record);

struct record_type {
	const char *table;
	const char *what; /* for error texts */
	size_t size;
	const struct field *fields; /* fields[0] is the id, unless it is read only */
	size_t n;
	size_t shown; /* so many of the first ones are read, the others are for conditions; 0: all */
};
/* How many columns a row is read as. */
size_t record_columns(const struct record_type *t);

extern const struct record_type cert_form_type, tenant_type, device_type, ca_type, credential_type, event_type,
	audit_head_type, device_group_type, ca_generation_type, ca_place_type, ca_order_type, ca_way_type, proposal_type, job_type,
	job_error_type, job_part_type, job_result_type, account_type, pass_type, reply_type, tpm_challenge_type, setting_type, tally_type, audit_mark_type, audit_segment_type, crl_scope_type,
	profile_version_type, errand_type, lease_type, status_change_type, ca_delegate_type, crl_piece_type;
/* Read only: some columns of credential_type, and of crl_piece_type. */
extern const struct record_type listed_type, listed_entry_type, key_use_type, crl_made_type;
/* To update what a move changes, of a struct credential or device, or a device's deletion: an index of
 * what stays is not written anew then. */
extern const struct record_type credential_move_type, device_move_type, device_end_type;
/* Read only: whose a certificate is and whether it is good, of a struct credential. */
extern const struct record_type credential_holder_type;
/* Every type, in an order in which each row's references are there before it; NULL at the end. */
extern const struct record_type *const record_types[];

/* The row type that belongs to a pointer's type; anything else does not compile. */
/* clang-format off */
#define RECORD_TYPE(r) _Generic((r), \
	struct tenant *: &tenant_type, \
	struct device *: &device_type, \
	struct ca *: &ca_type, \
	struct credential *: &credential_type, \
	struct event *: &event_type, \
	struct audit_head *: &audit_head_type, \
	struct device_group *: &device_group_type, \
	struct ca_generation *: &ca_generation_type, \
	struct ca_place *: &ca_place_type, \
	struct cert_form *: &cert_form_type, \
	struct ca_order *: &ca_order_type, \
	struct ca_way *: &ca_way_type, \
	struct proposal *: &proposal_type, \
	struct job *: &job_type, \
	struct job_error *: &job_error_type, \
	struct job_part *: &job_part_type, \
	struct job_result *: &job_result_type, \
	struct account *: &account_type, \
	struct pass *: &pass_type, \
	struct reply *: &reply_type, \
	struct tpm_challenge *: &tpm_challenge_type, \
	struct setting *: &setting_type, \
	struct tally *: &tally_type, \
	struct crl_scope *: &crl_scope_type, \
	struct profile_version *: &profile_version_type, \
	struct audit_mark *: &audit_mark_type, \
	struct audit_segment *: &audit_segment_type, \
	struct errand *: &errand_type, \
	struct lease *: &lease_type, \
	struct status_change *: &status_change_type, \
	struct ca_delegate *: &ca_delegate_type, \
	struct crl_piece *: &crl_piece_type)
/* clang-format on */

/* Frees everything the record of this type owns and zeroes it. */
void record_clear(const struct record_type *t, void *record);
/* Into an empty one.  INRO_E_ARG for a type with a FIELD_LENT. */
MUST_CHECK enum inro_err record_copy(const struct record_type *t, const void *from, void *to);
/* NULL when the type has no field of that name. */
const struct field *record_field(const struct record_type *t, const char *name);

#endif
