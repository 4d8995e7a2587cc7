/*
 * audit_chain - what the files of the audit share: places in the chain, the walk along it, marks.
 */
#ifndef INRO_BACKOFFICE_CORE_AUDIT_CHAIN_H
#define INRO_BACKOFFICE_CORE_AUDIT_CHAIN_H

#include "backoffice/core/audit.h"
#include "backoffice/core/internal.h"
#include "backoffice/pki/alg.h"

/* Behind so many events, the last of which has this hash. */
struct chain_place {
	int64_t count;
	uint8_t hash[AUDIT_HASH]; /* means nothing while count is 0 */
};
struct bytes chain_hash(const struct chain_place *p); /* empty at the start */
/* A stored hash as a place; false when it can't be one. */
bool chain_place_set(struct chain_place *p, int64_t count, const struct blob *hash);

/* SHA-256 of an event behind one with that hash. */
MUST_CHECK enum inro_err chain_event_hash(const struct event *ev, struct bytes before,
					  struct buf *work, uint8_t ret[static PKI_DIGEST_MAX]);

#define EVENT_CONDS 6
/* The conditions that a filter means, with the tenant; how many. */
size_t event_conds(const struct core *c, const struct audit_filter *f,
		   struct store_cond conds[static EVENT_CONDS]);

/* What may be found wrong, noted in the report; its value is INRO_E_DAMAGED. */
enum inro_err chain_found(struct audit_report *r, int64_t id, const char *what);

/* Steps over one event: INRO_E_DAMAGED when it is not the next one as written. */
MUST_CHECK enum inro_err chain_step(struct chain_place *p, const struct event *ev, struct buf *work,
				    struct audit_report *r);
/* From a place to the newest event; `each` (may be NULL) sees every event that stands. */
typedef enum inro_err chain_event_fn(void *arg, const struct event *ev,
				     const struct chain_place *at);
struct chain_walk {
	struct chain_place at; /* in: from where; out: how far */
	struct audit_report *report;
	chain_event_fn *each;
	void *arg;
};
MUST_CHECK enum inro_err chain_walk(struct core *c, struct chain_walk *w);
/* The head record and the place where the walk ended are the same. */
MUST_CHECK enum inro_err chain_check_head(struct core *c, const struct chain_place *at,
					  struct audit_report *r);
/* Where the events that are still in the database begin: behind the newest segment. */
MUST_CHECK enum inro_err chain_start(struct core *c, struct chain_place *ret,
				     struct audit_segment *ret_last);

/* ---- marks: audit_mark.c ---- */

/* A mark that was read and whose signature stands. */
struct mark_at {
	int64_t event;
	uint8_t hash[AUDIT_HASH];
};
struct mark_list {
	struct mark_at *items; /* item i is mark i + 1 */
	size_t n, cap;
};
void mark_list_clear(struct mark_list *l);
/* Reads and checks all of them: numbers, signatures, signers; in a transaction. */
MUST_CHECK enum inro_err mark_check_all(struct core *c, struct mark_list *ret,
					struct audit_report *r);
/* A receipt against the marks of the database. */
/* INRO_E_SYNTAX, INRO_E_SIGNATURE: it is none, whatever the chain is like. */
MUST_CHECK enum inro_err mark_read_receipt(struct bytes text);
MUST_CHECK enum inro_err mark_check_receipt(struct core *c, struct bytes text,
					    struct audit_report *r);

/* ---- archives: audit_archive.c ---- */

/* The files hold the segments, one each, in order; the chain of marks runs through them. */
MUST_CHECK enum inro_err archive_check(struct core *c, const struct audit_check *k,
				       const struct mark_list *marks, struct audit_report *r);
/* The detail of the event that tells of a segment. */
void segment_detail(const struct audit_segment *s, struct buf *ret);

#endif
