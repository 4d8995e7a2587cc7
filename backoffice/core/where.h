/*
 * where - search: conditions as people write them, and pages of what meets them.
 *
 *   group=line1 state=active name^=pump created>=-30d os!="Windows CE"
 *
 * 1. Words FIELD OP VALUE with blanks between, all of which must hold; = != ^= (begins with) < >=.
 * Quotes are for values with blanks.  An unknown field is refused with those that there are.
 * 2. A page costs the same wherever it is and whatever is looked for: rows are walked in the order
 * of an index that the conditions fit, WHERE_SCAN of them at most, and judged one by one.  So a
 * page may come back short, even empty, with a cursor: there is more while there is a cursor.
 * 3. The order is stable: that of the index, then of the record's number.  A cursor is the place of
 * the last row that was looked at; rows that come, go or change meanwhile disturb no others.  It is
 * opaque text; one of another search is refused or finds another part of the list, never another
 * tenant's rows.
 * 4. Times are dates (2026-11-21, 2026-11-21T08:00:00Z) or so long from now: 30d, -12h (s m h d w).
 * 5. KIND.FIELD is about another record that belongs to the row: the device of a credential, a
 * credential of a device.  One such record must meet all conditions of that kind.
 */
#ifndef INRO_BACKOFFICE_CORE_WHERE_H
#define INRO_BACKOFFICE_CORE_WHERE_H

#include "backoffice/core/address.h"
#include "backoffice/core/core.h"
#include "backoffice/store/store.h"

#define WHERE_TEXT_MAX 4096
#define WHERE_SCAN     2000

enum where_value {
	WHERE_TEXT,
	WHERE_IP, /* whole in any form, its beginning as it is kept */
	WHERE_MAC,
	WHERE_HEX,
	WHERE_NUMBER,
	WHERE_NAME,
	WHERE_STATE, /* of a credential, as shown */
	WHERE_GROUP,
	WHERE_DEVICE,
	WHERE_CA,
	WHERE_REASON,
	WHERE_MS,
	WHERE_SECONDS,
	WHERE_ATTR, /* NAME.ATTRIBUTE: one of a device's free fields, as text */
	WHERE_VALUE__MAX
};

struct where_field {
	const char *name;  /* what people write; NULL ends a list */
	const char *field; /* of the record */
	enum where_value value;
};

/* How the rows of an index are walked, and what a search must ask for it to be worth it. */
enum where_walk {
	WALK_ALL,    /* in its order: for `sort`; for the equal fields, if there are any */
	WALK_PREFIX, /* the order's field begins with something */
	WALK_RANGE,  /* the order's field is before or after something */
};

/* Rows with these fields equal (besides the tenant), in this order: an index serves it. */
struct where_index {
	const char *eq[2];
	const char *order; /* NULL: by number */
	enum where_walk walk;
};

struct where_kind;
/* Records of another kind that belong to a row: those whose field `theirs` is the row's `mine`. */
struct where_join {
	const char *name; /* in front of the point; NULL ends a list */
	const struct where_kind *kind;
	const char *mine, *theirs;
	const struct store_cond *also; /* what they are, and as far as not asked for, too */
	size_t also_n;
};

/* Where a row is put together as it is seen. */
struct where_room {
	struct credential rec;
	char algorithm[16];
	char signature[32];
};

struct where_kind {
	const struct record_type *type;
	const struct where_field *fields;
	const struct where_index *indexes; /* the best first; the last one fits always, and its
					       order is by a field that never changes */
	size_t indexes_n;
	const struct where_join *joins; /* NULL: none */
	/* The row as conditions see it, in the row or in the room; NULL: as it is. */
	const void *(*seen)(const void *row, struct where_room *room);
};
extern const struct where_kind where_devices, where_creds, where_events;

struct where {
	const struct where_kind *kind;
	struct store_cond conds[STORE_COND_MAX];
	const struct where_join *of[STORE_COND_MAX]; /* whose condition it is; NULL: the row's */
	const char *attr[STORE_COND_MAX]; /* which attribute it is about; NULL: it is about a field */
	size_t n;
	char *text;		       /* what the values borrow from */
	int64_t numbers[STORE_IN_MAX]; /* a group and those in it */
	char forms[STORE_COND_MAX][ADDRESS_MAX]; /* addresses as they are kept */
	bool as_recorded;	       /* rows are judged without seen() */
};
void where_clear(struct where *w);

/* NULL and "" say nothing. */
MUST_CHECK enum inro_err where_parse(struct core *c, const struct where_kind *kind,
				     const char *text, struct where *ret);
/* "is shown in this state", of a credential. */
struct store_cond where_cred_state(enum cred_state state);
/* A condition more; what it points to stays the caller's. */
MUST_CHECK enum inro_err where_add(struct where *w, struct store_cond cond);
/* Is there a condition on this field of the row itself? */
bool where_has(const struct where *w, const char *field);

struct where_page {
	const char *after; /* NULL: from the start */
	const char *sort;  /* a name of a field that an index has the order of; NULL: any order */
	size_t limit;	   /* 0: PAGE_MAX */
	/* In an order that changes to the rows don't change: who walks and changes meets each row
	 * once.  Not with `sort`. */
	bool steady;
};
/* How many meet the conditions; all of them are looked at. */
MUST_CHECK enum inro_err where_count(struct core *c, const struct where *w, int64_t *ret);
/* An array of records (list_free()), and the cursor of what follows, NULL at the end; both the
 * caller's. */
MUST_CHECK enum inro_err where_find(struct core *c, const struct where *w,
				    const struct where_page *page, void **ret, size_t *ret_n,
				    char **ret_next);

/* A search as people make one: words, conditions beside them, a page. */
struct where_ask {
	const char *where; /* NULL: none */
	enum inro_err (*more)(struct core *c, void *arg, struct where *w);
	void *arg;
	struct where_page page;
};
MUST_CHECK enum inro_err where_search(struct core *c, const struct where_kind *kind,
				      const struct where_ask *ask, void **ret, size_t *ret_n,
				      char **ret_next);

#endif
