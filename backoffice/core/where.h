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
 */
#ifndef INRO_BACKOFFICE_CORE_WHERE_H
#define INRO_BACKOFFICE_CORE_WHERE_H

#include "backoffice/core/core.h"
#include "backoffice/store/store.h"

#define WHERE_TEXT_MAX 4096
#define WHERE_SCAN     2000

enum where_value { WHERE_TEXT, WHERE_NAME, WHERE_GROUP, WHERE_MS, WHERE_SECONDS, WHERE_VALUE__MAX };

struct where_field {
	const char *name;  /* what people write; NULL ends a list */
	const char *field; /* of the record */
	enum where_value value;
};

/* Rows with these fields equal (besides the tenant), in this order: an index serves it. */
struct where_index {
	const char *eq[2];
	const char *order; /* NULL: by number */
	bool prefix;	   /* for a search by the beginning of the order's field */
};

struct where_kind {
	const struct record_type *type;
	const struct where_field *fields;
	const struct where_index *indexes; /* the best first; the last one fits always */
	size_t indexes_n;
};
extern const struct where_kind where_devices;

struct where {
	const struct where_kind *kind;
	struct store_cond conds[STORE_COND_MAX];
	size_t n;
	char *text;		       /* what the values borrow from */
	int64_t numbers[STORE_IN_MAX]; /* a group and those in it */
};
void where_clear(struct where *w);

/* NULL and "" say nothing. */
MUST_CHECK enum inro_err where_parse(struct core *c, const struct where_kind *kind,
				     const char *text, struct where *ret);
/* A condition more; what it points to stays the caller's. */
MUST_CHECK enum inro_err where_add(struct where *w, struct store_cond cond);
/* Is there a condition on this field of the record? */
bool where_has(const struct where *w, const char *field);

struct where_page {
	const char *after; /* NULL: from the start */
	const char *sort;  /* a name of a field that an index has the order of; NULL: any order */
	size_t limit;	   /* 0: PAGE_MAX */
};
/* An array of records (list_free()), and the cursor of what follows, NULL at the end; both the
 * caller's. */
MUST_CHECK enum inro_err where_find(struct core *c, const struct where *w,
				    const struct where_page *page, void **ret, size_t *ret_n,
				    char **ret_next);

#endif
