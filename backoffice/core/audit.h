/*
 * audit - every change and refusal as an event in a chain of hashes.
 *
 * 1. hash(n) = SHA-256 over the canonical encoding of event n with hash(n-1); see audit.c.
 * 2. Events are numbered from 1 without a gap; a head record holds the last number and hash, so
 * that edits, swaps, deletions and a cut-off end all show.
 * 3. A refusal is recorded whatever its reason, a mistyped name too; not a busy or full database
 * and not memory that ran out, which leave no place to write it, and nothing that only reads.
 * 4. An event is written in the transaction of the change that it tells of.
 */
#ifndef INRO_BACKOFFICE_CORE_AUDIT_H
#define INRO_BACKOFFICE_CORE_AUDIT_H

#include "backoffice/core/core.h"

struct audit_filter {
	const char *subject; /* "device:dev-0001"; NULL: any */
	const char *actor, *action;
	bool newest_first;
};

struct event_list {
	struct event *items;
	size_t n;
	int64_t next;
};
void event_list_clear(struct event_list *l);

MUST_CHECK enum inro_err audit_find(struct core *c, const struct audit_filter *f,
				    const struct page *page, struct event_list *ret);

struct audit_report {
	int64_t count;	  /* events checked */
	int64_t broken;	  /* id of the first event that is not as written; 0: none */
	const char *what; /* what is wrong with it; NULL: nothing */
};
/* Reads the whole chain, of all tenants.  INRO_E_DAMAGED when it is broken; *ret is written then
 * too. */
MUST_CHECK enum inro_err audit_verify(struct core *c, struct audit_report *ret);

#endif
