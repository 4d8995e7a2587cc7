/*
 * view - several reads in one transaction: they see one state, and cost less than each by itself.
 *
 *   SCOPED(core_view) view = { 0 };
 *   e = core_view(c, &view);
 *   ...                                    reads
 *
 * 1. It ends with its block, and before that with the core's next write and its next use of a token, of
 *    which core_key_found() is none: nothing that may take long waits with it open.  What is read after
 *    that is as new as can be.
 * 2. A view inside another, or inside a write transaction, is a part of that.
 * 3. It decides nothing: what a change rests on is looked at again in the transaction that makes it.
 */
#ifndef INRO_BACKOFFICE_CORE_VIEW_H
#define INRO_BACKOFFICE_CORE_VIEW_H

#include "base/err.h"

struct core;

struct core_view {
	struct core *c; /* who ends it; NULL: another does */
};
MUST_CHECK enum inro_err core_view(struct core *c, struct core_view *ret);
void core_view_clear(struct core_view *v);
/* Whatever view there is; none is fine, and the detail of an error stays. */
void core_view_end(struct core *c);

#endif
