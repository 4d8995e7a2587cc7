/*
 * login - who gets in, and whether he still may; the rules are in account.h.
 */
#ifndef INRO_BACKOFFICE_CORE_LOGIN_H
#define INRO_BACKOFFICE_CORE_LOGIN_H

#include "backoffice/core/core.h"

/* Whether the database has an account at all. */
MUST_CHECK enum inro_err login_is_needed(struct core *c, bool *ret);
/* c->actor is the operating system's user; becomes the account.  The tenant is set too.  One answer
 * for whatever is wrong: INRO_E_LOGIN. */
MUST_CHECK enum inro_err login_enter(struct core *c, const struct core_options *o);
/* The same for the network, where nobody is asked and the operating system says nothing: who it is.
 * The core is as it was, but for its tenant. */
struct core_who;
MUST_CHECK enum inro_err login_by_password(struct core *c, const char *tenant, const char *as,
					   struct bytes password, struct core_who *ret);
/* In a write transaction: the account is still active and has its role.  INRO_E_ACCESS. */
MUST_CHECK enum inro_err login_holds(struct core *c);
/* In a write transaction that changed accounts: somebody can still administer.  INRO_E_STATE. */
MUST_CHECK enum inro_err login_still_possible(struct core *c);
/* INRO_E_NOT_FOUND without words. */
MUST_CHECK enum inro_err account_load(struct core *c, int64_t tenant, const char *name,
				      struct account *ret);
/* INRO_E_NOT_FOUND. */
MUST_CHECK enum inro_err tenant_id(struct core *c, const char *name, int64_t *ret);

#endif
