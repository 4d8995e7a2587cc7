/*
 * profile_store - the profiles of a tenant: those it gave, in the database, and behind them the
 * built-in ones.
 *
 * 1. A name means the tenant's profile if there is one, else the built-in one.
 * 2. A text is never changed: a profile that is set gets another version, and the ones before stay
 *    readable, so that each certificate's record (profile, profile_version) tells by what it was
 *    issued.
 * 3. Only what profile_read() takes gets in.
 */
#ifndef INRO_BACKOFFICE_CORE_PROFILE_STORE_H
#define INRO_BACKOFFICE_CORE_PROFILE_STORE_H

#include "backoffice/core/core.h"
#include "backoffice/pki/profile.h"

/* What the name means now.  INRO_E_NOT_FOUND names the ones there are. */
MUST_CHECK enum inro_err profile_load(struct core *c, const char *name, struct profile *ret);
/* INRO_E_STATE when the name means another text by now. */
MUST_CHECK enum inro_err profile_recheck(struct core *c, const struct profile *p);

/* A profile as a file; `where` names it in errors.  PROFILE_NEW: INRO_E_EXISTS when the tenant has
 * one of its name, or one is built in.  PROFILE_ANOTHER: takes the place of either. */
enum profile_giving { PROFILE_NEW, PROFILE_ANOTHER };
MUST_CHECK enum inro_err profile_give(struct core *c, struct bytes text, const char *where,
				      enum profile_giving how, struct profile_version *ret);
/* The tenant's; a built-in one of that name counts again.  INRO_E_STATE where a policy names it and nothing would be
 * meant any more.  ret: what was removed. */
MUST_CHECK enum inro_err profile_remove(struct core *c, const char *name, const char *why,
					struct profile_version *ret);

/* A text: version -1 the one that counts, 0 the built-in one, which comes with no id. */
MUST_CHECK enum inro_err profile_text(struct core *c, const char *name, int64_t version,
				      struct profile_version *ret);

struct profile_list {
	struct profile_version *items;
	size_t n;
};
void profile_list_clear(struct profile_list *l);
/* Those of the tenant that count, without the built-in ones. */
MUST_CHECK enum inro_err profile_find(struct core *c, struct profile_list *ret);
/* All that the tenant's profile of this name was, the oldest first.  INRO_E_NOT_FOUND. */
MUST_CHECK enum inro_err profile_history(struct core *c, const char *name,
					 struct profile_list *ret);

#endif
