/*
 * internal - what the files of the core share.
 *
 * 1. core_write() and core_write_alone() (db/write.c) are the only places that open a write
 * transaction.
 * 2. Lock order does not arise: a token is used before or after a transaction, never inside one.
 */
#ifndef INRO_BACKOFFICE_CORE_INTERNAL_H
#define INRO_BACKOFFICE_CORE_INTERNAL_H

#include "backoffice/core/audit.h"
#include "backoffice/core/network.h"
#include "backoffice/core/tally.h"
#include "backoffice/store/store.h"

struct key_ring;
struct duty_turn;
struct ca_away;
struct memo;

/* Counts that the open transaction changes. */
struct tallying {
	struct tally_delta {
		int64_t tenant;
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

/* What the open transaction has beside the rows, written before its commit. */
struct transaction {
	struct tallying tallying;
	struct audit_tip tip;
	struct cert_form form; /* the one that a certificate was stored by last (cred/form.c) */
};

/* When the audit's head is to be signed; a server knows it for a moment (audit_mark.c). */
struct mark_rules {
	int64_t every, minutes;
	int64_t until_ms; /* of the clock that never jumps */
};

/* What renewals by one profile in one group keep to; known for a moment (renew.c). */
struct renewal_rules {
	char profile[64]; /* "": nothing is known */
	int64_t group, until_ms; /* of the clock that never jumps */
	bool only_once;		 /* a key has one certificate */
	int64_t overlap;
};
#define RENEWAL_RULES 128 /* groups share places */

/* The key that signs the audit does not work: why, and when it is tried again (audit_mark.c). */
struct mark_trouble {
	enum inro_err code; /* INRO_OK: none */
	int64_t wait_ms, until_ms; /* until: of the clock that never jumps */
	char why[256];
};

struct core {
	struct store *store;
	struct store *own; /* while it reads by another; else NULL */
	struct readers *readers; /* by what it has views (readers.h); NULL: by its own store alone */
	struct writers *writers; /* who else writes to it in this process (writers.h); NULL: not told */
	struct renewal_rules renewals[RENEWAL_RULES];
	int64_t tenant;
	char *actor, *module;
	enum role role;
	int64_t account; /* whose they are; 0: no account's */
	int64_t device;	 /* the device at work; 0: none (network.h) */
	int64_t pass;	 /* by which it is known who is at work; 0: none */
	char *verbs;	 /* the commands that the pass is for; "": any */
	int64_t home;	 /* the tenant it was opened for */
	char peer[64];	 /* where a request comes from; "": not known */
	char network[64]; /* as what that is counted (address_network()) */
	int64_t reply, reply_ms; /* of the request that it works at (reply.h); 0: none */
	core_expect_fn *expect; /* core_expect() */
	void *expect_arg;
	core_pin_fn *ask_pin;
	bool pin_known; /* as core_options */
	void *ask_arg;
	core_ca_used_fn *ca_used; /* with ask_arg */
	struct key_ring *ring;
	int64_t untold_ca; /* one that nobody tells of revocations (ca/ca_end.h); 0: not looked yet */
	struct memo *memo; /* texts that were read (memo.h); NULL: none yet */
	struct ca_away *away; /* places of CAs' keys that did not work (ca_signer.h) */
	struct transaction open;
	bool changing; /* a work is being run in it */
	bool viewing;  /* a read transaction is open (view.h) */
	struct audit_tip tip_saved;
	size_t tally_saved;
	int64_t unmarked; /* events that this core wrote since its last mark */
	int64_t unmarked_ms; /* when the first of them was */
	struct mark_rules mark_rules;
	bool marking;
	struct mark_trouble mark_trouble;
	struct duty_turn *turn; /* what it does as a server's (duty.h); NULL: nothing */
};

/* INRO_E_ACCESS when the one at work is less than `least`; `what` completes "to ... takes". */
MUST_CHECK enum inro_err core_require(const struct core *c, enum role least, const char *what);

/* A device at work does this for itself (`own`): it is an operator until the end of the block.
 * Else it takes one: INRO_E_ACCESS. */
struct own {
	struct core *c;
	enum role role;
};
void own_clear(struct own *o);
MUST_CHECK enum inro_err core_own(struct core *c, bool own, const char *what, struct own *ret);
/* What the one at work is towards what is this device's. */
enum role core_role_for(const struct core *c, int64_t device);
/* In a write transaction: the device at work is still one that may.  INRO_E_ACCESS. */
MUST_CHECK enum inro_err core_still_holds(struct core *c);

typedef enum inro_err core_work_fn(struct core *c, void *arg);
/* Runs the work in a write transaction: committed when this returns INRO_OK, else undone.  What a
 * lost connection or a conflict undid (INRO_E_BUSY) is run again, a few times, and so is what
 * another thread's failure undid (writers.h): so the work finds its records in the transaction,
 * sets the ids that it gives out to 0 first, and changes nothing outside that a second run would
 * not set anew.  It may run in another thread, with another connection as c's store. */
MUST_CHECK enum inro_err core_write(struct core *c, core_work_fn *work, void *arg);
/* The same in a transaction of its own: for much, and for what has savepoints itself. */
MUST_CHECK enum inro_err core_write_alone(struct core *c, core_work_fn *work, void *arg);

/* A part of a write transaction that can be undone alone, with what the core keeps beside the rows:
 * as store_savepoint() and its like, in place of them. */
MUST_CHECK enum inro_err core_savepoint(struct core *c);
MUST_CHECK enum inro_err core_release(struct core *c);
MUST_CHECK enum inro_err core_rollback_to(struct core *c);

/* Rows of one kind, the caller's (list_free()); next as in core.h. */
struct core_rows {
	void *items;
	size_t n;
	int64_t next;
};
/* A page of them. */
MUST_CHECK enum inro_err core_page(struct core *c, const struct record_type *t, struct store_query *q,
				   const struct page *page, struct core_rows *ret);
/* The tenant's row with this number.  INRO_E_NOT_FOUND. */
MUST_CHECK enum inro_err core_by_id(struct core *c, const struct record_type *t, int64_t id,
				    void *ret);
/* The same of what people name by its number; `noun` is the command's that lists them. */
MUST_CHECK enum inro_err core_numbered(struct core *c, const struct record_type *t,
				       const char *noun, int64_t id, void *ret);
/* Every row. */
MUST_CHECK enum inro_err core_all(struct core *c, const struct record_type *t,
				  const struct store_query *q, void **ret, size_t *ret_n);
/* Writes every row of q (without a limit) as `change` leaves it, after which q has it no more; within a write
 * transaction, some at a time. */
typedef void core_change(void *record, const void *arg);
MUST_CHECK enum inro_err core_change_all(struct core *c, const struct record_type *t, const struct store_query *q,
					 core_change *change, const void *arg);
void list_free(const struct record_type *t, void *items, size_t n);

/* Characters of a name: 1 to max of [A-Za-z0-9] and those in `more`, not only dots.  INRO_E_ARG. */
MUST_CHECK enum inro_err core_check_name(const char *what, const char *name, size_t max,
					 const char *more);
/* UTF-8 without control characters, up to max bytes; NULL is fine.  INRO_E_ARG. */
MUST_CHECK enum inro_err core_check_text(const char *what, const char *text, size_t max);

/* How many of upper case, lower case, digits and others are in it. */
int64_t core_classes(struct bytes text);

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
/* After a commit, and when the core is closed: signs the head when enough happened and the key is
 * at hand.  Failing is no error: the next one does it. */
void mark_if_due(struct core *c, bool closing);

/* keys.c: closes what keyring.h opened. */
void ring_free(struct key_ring *r);
/* ca_signer.c */
void ca_away_free(struct ca_away *a);

#endif
