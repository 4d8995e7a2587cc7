/*
 * audit - every change and refusal as an event in a chain of hashes.
 *
 * 1. hash(n) = SHA-256 over the canonical encoding of event n with hash(n-1); see audit.c.
 * 2. Events are numbered from 1 without a gap; a head record holds the last number and hash, so
 * that edits, swaps, deletions and a cut-off end all show.
 * 3. A refusal is recorded whatever its reason, a mistyped name too; not a busy or full database
 * and not memory that ran out, which leave no place to write it, not what was proposed to others instead,
 * and nothing that only reads.
 * 4. An event is written in the transaction of the change that it tells of.
 * 5. A mark is the head at some event, signed by a key in a token.  Marks are numbered from 1, each
 * names the signature of the one before, and an event tells of each.  The key changes only by a
 * mark of the old one that names the new.
 * 6. Events leave the database only from the chain's beginning, up to a mark, into a file that was
 * read back and found whole; a segment record and an event tell of it.
 */
#ifndef INRO_BACKOFFICE_CORE_AUDIT_H
#define INRO_BACKOFFICE_CORE_AUDIT_H

#include "backoffice/core/core.h"

/* The setting with the URI of the key that signs marks. */
#define AUDIT_KEY_SETTING "audit.key"

struct audit_filter {
	const char *subject; /* "device:dev-0001"; NULL: any */
	const char *actor, *action;
	int64_t from_ms, before_ms; /* 0: any time */
	bool newest_first;
};

struct event_list {
	struct event *items;
	size_t n;
	int64_t next;
};
void event_list_clear(struct event_list *l);

/* Records that something was refused, in a transaction of its own, and returns e with its detail
 * unchanged.  INRO_E_BUSY, INRO_E_NO_MEMORY and INRO_E_FULL are not recorded.  For the core itself, and for what a
 * protocol refuses before it asks the core. */
enum inro_err audit_refused(struct core *c, const char *action, const char *kind, const char *name,
			    enum inro_err e);

MUST_CHECK enum inro_err audit_find(struct core *c, const struct audit_filter *f,
				    const struct page *page, struct event_list *ret);

/* A search: what where.h says (where_events), and the filter beside it. */
struct audit_search {
	const char *where; /* NULL: nothing */
	struct audit_filter filter; /* newest_first does not count */
	const char *sort;  /* id, at; NULL: any order */
	const char *after; /* the cursor of the page before; NULL: from the start */
	size_t limit;	   /* 0: PAGE_MAX */
};
struct event_found {
	struct event *items;
	size_t n;
	char *next; /* NULL: that was all.  A page may be short and yet have a next one. */
};
void event_found_clear(struct event_found *f);
MUST_CHECK enum inro_err audit_search(struct core *c, const struct audit_search *s,
				      struct event_found *ret);

struct audit_report {
	int64_t count;	  /* events checked, those in archives that were given too */
	int64_t broken;	  /* id of the first event that is not as written; 0: none */
	const char *what; /* what is wrong with it; NULL: nothing */
	int64_t archived; /* events that are in archive files */
	int64_t marks;	  /* signed heads */
	int64_t marked;	  /* the last event that one of them covers */
};

struct audit_check {
	void (*progress)(void *arg, int64_t done, int64_t total); /* NULL: nobody looks */
	void *arg;
	const char *const *archives; /* files, in order; none: archived events are not looked at */
	size_t archives_n;
	struct bytes receipt; /* the text of one of audit_sign(); empty: none */
	const char *receipt_name; /* by which errors name it; NULL: "the receipt" */
};
#define AUDIT_RECEIPT_MAX 65536

/* What is on record of a device's life, the oldest first: its own events, those of devices that had
 * its id before, of their certificates and keys.  Events that audit_purge() moved are told by one
 * "audit.purge" for each file that may have some, with the number of the last event there.  NULL for
 * the page: all of it at once.  INRO_E_NOT_FOUND when there never was a device of that id. */
MUST_CHECK enum inro_err audit_of_device(struct core *c, const char *id, const struct page *page,
					 struct event_list *ret);

/* Reads the whole chain, of all tenants, and its marks.  INRO_E_DAMAGED when it is broken; *ret is
 * written then too. */
MUST_CHECK enum inro_err audit_verify(struct core *c, struct audit_report *ret);
MUST_CHECK enum inro_err audit_verify_with(struct core *c, const struct audit_check *k,
					   struct audit_report *ret);

/* Signs the head, after the chain from the mark before was verified, with the key of the setting
 * "audit.key"; an operator's work.  With another key's URI that key signs from now on (the first
 * one: from the start), which takes an administrator and, but for the first, both keys.  The
 * receipt (may be NULL) is what proves later that the chain went through this head. */
MUST_CHECK enum inro_err audit_sign(struct core *c, const char *uri, struct audit_mark *ret,
				    struct buf *ret_receipt);

/* The same again and again, for a duty: a key that does not work is a refusal in the audit once, and is
 * tried after a minute, two, four, up to an hour; meanwhile the error is the last one. */
MUST_CHECK enum inro_err audit_sign_again(struct core *c);

/* Whether the settings audit.every and audit.minutes ask for a signature by now. */
MUST_CHECK enum inro_err audit_is_due(struct core *c, bool *ret);

enum audit_format { AUDIT_JSONL, AUDIT_CEF, AUDIT_FORMAT__MAX };
extern const char *const audit_format_names[AUDIT_FORMAT__MAX];
/* One event as such a line, with its end; appended. */
void audit_line(enum audit_format format, const struct event *ev, struct buf *out);
struct audit_target {
	const char *path;
	enum audit_format format;
	bool fresh; /* INRO_E_EXISTS when the file is there; else it is replaced */
};
/* The tenant's events that the filter lets through, a line each; *ret_n of them. */
MUST_CHECK enum inro_err audit_export(struct core *c, const struct audit_filter *f, struct audit_target to,
				      int64_t *ret_n);

/* Moves events from before this time into a new file: the whole chain is verified, then all up to
 * the last mark whose events are all older.  An administrator's of the tenant "default".
 * INRO_E_NOT_FOUND when there is no such mark. */
MUST_CHECK enum inro_err audit_purge(struct core *c, int64_t before_ms, const char *path,
				     struct audit_segment *ret);

#endif
