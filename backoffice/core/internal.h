/*
 * internal - what the files of the core share.
 *
 * 1. core_write() is the only place that opens a write transaction.
 * 2. Lock order does not arise: a token is used before or after a transaction, never inside one.
 */
#ifndef INRO_BACKOFFICE_CORE_INTERNAL_H
#define INRO_BACKOFFICE_CORE_INTERNAL_H

#include "backoffice/core/ca.h"
#include "backoffice/core/device.h"
#include "backoffice/core/tally.h"
#include "backoffice/pki/issue.h"
#include "backoffice/store/store.h"
#include "backoffice/token/token.h"

struct key_ring;

/* Counts that the open transaction changes. */
struct tallying {
	struct tally_delta {
		char name[TALLY_NAME_MAX + 1];
		int64_t n;
	} * items;
	size_t n, cap;
};
/* tally.c: writes them; core_write() calls it. */
MUST_CHECK enum inro_err tally_flush(struct core *c);

/* The tenant "default": what is of the whole database is its, as the chain of events is. */
#define TENANT_DEFAULT 1

#define AUDIT_HASH 32

/* The head of the audit as the open transaction has it: read with its first event, written before
 * the commit. */
struct audit_tip {
	int64_t count, added; /* events in all, and of this transaction */
	uint8_t hash[AUDIT_HASH];
	bool known;
};

/* What renewals by one profile in one group keep to; known for a moment (renew.c). */
struct renewal_rules {
	char profile[64]; /* "": nothing is known */
	int64_t group, until_ms; /* of the clock that never jumps */
	bool only_once;		 /* a key has one certificate */
	int64_t overlap;
};

struct core {
	struct store *store;
	struct renewal_rules renewals;
	int64_t tenant;
	char *actor, *module;
	enum role role;
	int64_t account; /* whose they are; 0: no account's */
	core_pin_fn *ask_pin;
	void *ask_arg;
	struct key_ring *ring;
	struct tallying tallying;
	struct audit_tip tip, tip_saved;
	size_t tally_saved;
	int64_t unmarked; /* events that this core wrote since its last mark */
	int64_t unmarked_ms; /* when the first of them was */
	bool marking;
};

/* INRO_E_ACCESS when the one at work is less than `least`; `what` completes "to ... takes". */
MUST_CHECK enum inro_err core_require(const struct core *c, enum role least, const char *what);

typedef enum inro_err core_work_fn(struct core *c, void *arg);
/* Runs the work in one write transaction: committed when it returns INRO_OK, else undone.  What a
 * lost connection or a conflict undid (INRO_E_BUSY) is run again, a few times: so the work finds
 * its records in the transaction, sets the ids that it gives out to 0 first, and changes nothing
 * outside that a second run would not set anew. */
MUST_CHECK enum inro_err core_write(struct core *c, core_work_fn *work, void *arg);

/* A part of a write transaction that can be undone alone, with what the core keeps beside the rows:
 * as store_savepoint() and its like, in place of them. */
MUST_CHECK enum inro_err core_savepoint(struct core *c);
MUST_CHECK enum inro_err core_release(struct core *c);
MUST_CHECK enum inro_err core_rollback_to(struct core *c);

/* A page of rows of one kind in an array of the caller's (list_free()); *ret_next as in core.h. */
MUST_CHECK enum inro_err core_page(struct core *c, const struct record_type *t,
				   struct store_query *q, const struct page *page, void **ret,
				   size_t *ret_n, int64_t *ret_next);
/* The tenant's row with this number.  INRO_E_NOT_FOUND. */
MUST_CHECK enum inro_err core_by_id(struct core *c, const struct record_type *t, int64_t id,
				    void *ret);
/* The same of what people name by its number; `noun` is the command's that lists them. */
MUST_CHECK enum inro_err core_numbered(struct core *c, const struct record_type *t,
				       const char *noun, int64_t id, void *ret);
/* Every row. */
MUST_CHECK enum inro_err core_all(struct core *c, const struct record_type *t,
				  const struct store_query *q, void **ret, size_t *ret_n);
void list_free(const struct record_type *t, void *items, size_t n);

/* Characters of a name: 1 to max of [A-Za-z0-9] and those in `more`, not only dots.  INRO_E_ARG. */
MUST_CHECK enum inro_err core_check_name(const char *what, const char *name, size_t max,
					 const char *more);
/* UTF-8 without control characters, up to max bytes; NULL is fine.  INRO_E_ARG. */
MUST_CHECK enum inro_err core_check_text(const char *what, const char *text, size_t max);

/* How many of upper case, lower case, digits and others are in it. */
int64_t core_classes(struct bytes text);

/* Length of the UTF-8 sequence at s (RFC 3629: no overlong forms, no surrogates), 0 when there is
 * none. */
size_t utf8_length(const unsigned char *s);

/* A JSON object for an event's detail: members are appended, detail_end() closes it.  NULL and ""
 * add nothing. */
void detail_text(struct buf *d, const char *key, const char *value);
void detail_int(struct buf *d, const char *key, int64_t value);
void detail_hex(struct buf *d, const char *key, struct bytes value);
void detail_end(struct buf *d);

struct audit_entry {
	const char *action;	 /* "device.add" */
	const char *kind, *name; /* the subject: "device", "dev-0001" */
	enum event_outcome outcome;
	struct buf *detail; /* members; stays as it is; NULL: none */
};
/* Appends an event; inside a write transaction. */
MUST_CHECK enum inro_err audit_append(struct core *c, const struct audit_entry *e);
/* Writes the head; before the commit. */
MUST_CHECK enum inro_err audit_flush(struct core *c);
/* Records that something was refused, in a transaction of its own, and returns e with its detail
 * unchanged.  INRO_E_BUSY, INRO_E_NO_MEMORY and INRO_E_FULL are not recorded. */
enum inro_err audit_refused(struct core *c, const char *action, const char *kind, const char *name,
			    enum inro_err e);

/* keys.c: both stay open until the core is closed; never inside a transaction. */
MUST_CHECK enum inro_err core_token(struct core *c, const char *uri, struct token **ret);
MUST_CHECK enum inro_err core_key(struct core *c, const char *uri, struct token_key **ret);
MUST_CHECK enum inro_err core_secret_key(struct core *c, const char *uri,
					 struct token_secret **ret);
/* The key when its token is open already: nobody is asked.  INRO_E_NOT_FOUND. */
MUST_CHECK enum inro_err core_key_at_hand(struct core *c, const char *uri, struct token_key **ret);
/* A key's URI as it is recorded: what names the key, not how to open it (no pin-value, no
 * pin-source).  Appended with its NUL. */
MUST_CHECK enum inro_err core_key_ref(const char *uri, struct buf *ret);
/* Deletes the pair and certificate that the URI names and looks for it again: INRO_OK when it is
 * gone, how many objects went. */
MUST_CHECK enum inro_err core_key_wipe(struct core *c, const char *uri, size_t *ret_objects);
/* "pkcs11:token=LABEL" as a URI text, appended with its NUL. */
MUST_CHECK enum inro_err core_token_uri(const char *label, struct buf *ret);
void ring_free(struct key_ring *r);

/* A request signed by a key in a token. */
struct key_csr {
	struct token_key *key;
	struct bytes subject, sans; /* DER Name; GeneralNames content */
	struct bytes limits;	    /* name constraints; empty: none */
};
MUST_CHECK enum inro_err key_csr(const struct key_csr *in, struct buf *ret_der);

/* A key made for something that may yet fail: unless kept it is deleted again. */
struct new_key {
	struct token *token;
	struct token_key *key; /* NULL: none */
	bool keep;
	bool found; /* not made: it was there */
};
struct new_key_plan {
	const char *token_uri, *label;
	const struct pki_key_kind *kind;
};
MUST_CHECK enum inro_err new_key_make(struct core *c, const struct new_key_plan *plan,
				      struct new_key *ret);
/* A type of key by its name; NULL: ec-p256. */
MUST_CHECK enum inro_err new_key_kind(const char *type, const struct pki_key_kind **ret);
/* The same, but when the token has one key of that label already, that one: a run that was cut
 * short may have left it.  It has the type that is wanted and can't be taken out of the token, or
 * it is INRO_E_EXISTS.  *ret_rec: the newest certificate on record for it, id 0 when there is none.
 */
MUST_CHECK enum inro_err new_key_or_left(struct core *c, const struct new_key_plan *plan,
					 struct new_key *ret, struct credential *ret_rec);
/* The newest certificate on record for this SHA-256 of a key.  INRO_E_NOT_FOUND. */
MUST_CHECK enum inro_err key_record(struct core *c, struct bytes hash, struct credential *ret);
void new_key_clear(struct new_key *k);
/* Puts the certificate beside its key. */
MUST_CHECK enum inro_err key_store_cert(struct token *token, const struct token_key *key,
					const struct credential *rec, bool replace);

/* device.c */
MUST_CHECK enum inro_err device_load(struct core *c, const char *id, struct device *ret);
/* Whoever changes a device or tells its secrets: INRO_E_ACCESS when the policy of its group names who
 * may, and the one at work is none of them.  Administrators always may. */
MUST_CHECK enum inro_err device_touch(struct core *c, const struct device *d);
/* INRO_E_STATE unless it may have certificates. */
MUST_CHECK enum inro_err device_may_have(const struct device *d);
/* The DNS name and the address of the record, of those kinds (bits 1 << enum san_kind), appended.
 */
MUST_CHECK enum inro_err device_names(const struct device *d, unsigned kinds, struct buf *sans);
/* In a write transaction: a registered device that gets its first credential is active. */
MUST_CHECK enum inro_err device_activate(struct core *c, int64_t id);

/* In a write transaction: the same as device_add(), device_update() and a move, without a record of
 * refusals. */
MUST_CHECK enum inro_err device_add_inside(struct core *c, const char *id,
					   const struct device_fields *f, struct device *ret);
MUST_CHECK enum inro_err device_update_inside(struct core *c, const char *id,
					      const struct device_fields *f, struct device *ret);
MUST_CHECK enum inro_err device_move_loaded(struct core *c, struct device *d, enum verb verb,
					    const char *why, size_t *ret_revoked);
/* The record as it would be with these fields; *d is changed, nothing is written. */
MUST_CHECK enum inro_err device_set_fields(struct core *c, struct device *d,
					   const struct device_fields *f);

/* anchor.c */
MUST_CHECK enum inro_err anchor_digest(struct core *c, const struct device_anchor *a,
				       struct blob *ret);
/* attrs.c: the object as it is kept, of the caller's: what `was` (may be NULL) and what is given
 * make together. */
MUST_CHECK enum inro_err attrs_merge(const char *was, const char *given, char **ret);

/* group.c: the group with this id, deleted ones too. */
MUST_CHECK enum inro_err group_by_id(struct core *c, int64_t id, struct device_group *ret);

/* ca.c */
MUST_CHECK enum inro_err ca_check_name(const char *name);
MUST_CHECK enum inro_err ca_load(struct core *c, const char *name, struct ca *ret);
/* INRO_OK when it can issue at this time; INRO_E_STATE and why. */
MUST_CHECK enum inro_err ca_usable(struct core *c, const struct ca *ca, int64_t now);
/* Certificates of a CA's key of that generation (0: the present one) and those above. */
MUST_CHECK enum inro_err ca_chain_of(struct core *c, int64_t ca, int64_t generation,
				     struct chain *ret);
/* The key of this CA, whose certificate it must fit.  INRO_E_CONFIG when it doesn't. */
MUST_CHECK enum inro_err ca_key(struct core *c, const struct ca *ca, const struct cert *cert,
				struct token_key **ret);
/* In a write transaction: a CA goes with its present certificate, not with an earlier one. */
MUST_CHECK enum inro_err ca_revoked(struct core *c, const struct credential *rec);
/* The record of the CA's certificate; id 0 when it has none. */
MUST_CHECK enum inro_err ca_own_credential(struct core *c, const struct ca *ca,
					   struct credential *ret);

/* ca_activate.c: as ca_activate(), without a record of refusals; action: what is approved. */
MUST_CHECK enum inro_err ca_activate_as(struct core *c, const char *action, const char *name,
					const struct ca_activation *in);

/* ca_generation.c: the CA as it was with an earlier key: key, certificate, dates, settings and what
 * is above it; 0 and its present one leave it as it is.  INRO_E_NOT_FOUND. */
MUST_CHECK enum inro_err ca_as_of(struct core *c, int64_t generation, struct ca *ca);
/* The key that waits for its certificate.  INRO_E_NOT_FOUND. */
MUST_CHECK enum inro_err ca_next_key(struct core *c, int64_t ca, struct ca_generation *ret);
/* In a write transaction: it is waited for no longer. */
MUST_CHECK enum inro_err ca_drop_next(struct core *c, const struct ca *ca);
/* In a write transaction: the present key becomes an earlier one, *next the present one; of it what
 * is not said here (state, name, counters) stays.  The old certificate is superseded. */
struct ca_turn {
	struct ca *next; /* key_uri, cert, dates, parent, chain, subject, settings, csr */
	struct bytes new_with_old, old_with_new; /* none: not a root */
	int64_t ret_replaces; /* the record of the old certificate */
};
MUST_CHECK enum inro_err ca_turn(struct core *c, struct ca *ca, struct ca_turn *t);

/* cred.c */
MUST_CHECK enum inro_err cred_view(struct core *c, struct credential *rec, struct cred *ret);
MUST_CHECK enum inro_err cred_load(struct core *c, const char *ref, struct credential *ret);

/* cred_search.c: conditions for this kind, and for the filter's device and CA. */
struct where;
struct cred_filter;
MUST_CHECK enum inro_err cred_where(struct core *c, enum cred_kind kind,
				    const struct cred_filter *f, struct where *w);

/* move.c; in a write transaction. */
struct change {
	enum verb verb;
	int64_t reason, invalid_at;
	const char *why;
	const char *cause; /* stays in the record; NULL: not said */
	int64_t with;	   /* the certificate of the same key by which this one goes; 0: none */
};
/* A new record, and its count: the only way in for a credential. */
MUST_CHECK enum inro_err cred_insert(struct core *c, struct credential *rec);
/* A pending record becomes this one, which gets its id. */
MUST_CHECK enum inro_err cred_replace(struct core *c, int64_t pending, struct credential *rec);
MUST_CHECK enum inro_err cred_apply(struct core *c, struct credential *rec,
				    const struct change *change);
/* The same, and where it is a revocation for a compromised key, of all that have the key.  The
 * caller frees *ret. */
struct cred_kin;
MUST_CHECK enum inro_err cred_apply_key(struct core *c, struct credential *rec,
					const struct change *change, struct cred_kin **ret,
					size_t *ret_n);

/* issue.c: serial, hashes, algorithms and DER of a record, from its certificate. */
MUST_CHECK enum inro_err cred_fill_hashes(struct credential *rec, const struct cert *cert);
/* issue.c: a request becomes a recorded certificate. */
struct issuing;
struct agreed;
typedef enum inro_err issuing_fn(struct core *c, struct issuing *i);
struct issuing {
	const struct cred_request *request;
	const struct ca *ca;	/* who issues; rec.ca is set from it */
	struct token_key *self; /* of a root: signs its own certificate; ca is NULL then */
	const char *ca_name;	/* for ${ca.name}; NULL: ca's */
	struct bytes granted;	/* names that a device may have beside its record's */
	bool makes_ca;		/* the profile must be one for CAs, or must not */
	/* Runs once it is signed and rec is filled, before the transaction; may be NULL. */
	issuing_fn *after_sign;
	/* Runs in the transaction, before the record is written; may be NULL. */
	issuing_fn *before;
	void *arg;
	const char *key_made; /* how, for the audit; NULL: not here */
	bool may_wait; /* in the place of a certificate, a request may come of it (approval.h) */
	bool renews;   /* of one that was approved: waits for nobody */
	const struct agreed *agreed; /* it did wait; NULL: it did not */
	bool taken;	       /* set by `before`: INRO_E_EXISTS is not about the serial */
	struct credential rec; /* out */
};
/* What a request will ask for, before there is a key to sign it. */
struct issue_wish {
	const struct pki_key_kind *kind;
	struct bytes subject, sans; /* as struct issue */
};
/* Everything that issue_run() would refuse by profile, device or CA; the CA's key is looked up, so
 * that its PIN is there.  request.csr is not looked at. */
MUST_CHECK enum inro_err issue_foresee(struct core *c, struct issuing *i,
				       const struct issue_wish *wish);
MUST_CHECK enum inro_err issue_run(struct core *c, struct issuing *i);

#endif
