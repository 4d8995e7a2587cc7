/*
 * account - who may work here: people and programs with a role, known by a password.
 *
 * 1. While the database has no account, whoever can open it is an administrator by his name in the
 *    operating system.  The first account is an administrator's of the tenant "default".
 * 2. From then on each core that is opened with core_options.accounts belongs to an account: by its
 *    password, or with the setting "accounts" = os by the operating system's user of that name.
 * 3. NAME is an account of the tenant at work; default/NAME is an administrator of the tenant
 *    "default", who is one in every tenant and is recorded as that.
 * 4. A wrong name, a wrong password, an account that is locked, disabled or deleted: the answer and
 *    its cost are the same, and the refusal is recorded.  A try is counted before it is made; after
 *    `password.tries` wrong ones in a row there is one more each `password.lock` seconds.
 * 5. What an account may do is looked at again in every write transaction.
 * 6. There is always an active administrator of "default" who can get in.  A name is never given
 *    again: the audit speaks of one person.
 */
#ifndef INRO_BACKOFFICE_CORE_ACCOUNT_H
#define INRO_BACKOFFICE_CORE_ACCOUNT_H

#include "backoffice/core/core.h"

#define ACCOUNT_NAME_MAX     64
#define ACCOUNT_PASSWORD_MAX 255

struct account_list {
	struct account *items;
	size_t n;
	int64_t next;
};
void account_list_clear(struct account_list *l);

struct account_new {
	const char *name; /* 1 to ACCOUNT_NAME_MAX of [A-Za-z0-9._@-] */
	enum role role;
	struct bytes password; /* none: known by the operating system alone */
	int64_t proposal;      /* by which others approved it (eyes.h); 0: none */
};

/* Administrators' work.  INRO_E_APPROVAL, INRO_E_POLICY (the password), INRO_E_EXISTS. */
MUST_CHECK enum inro_err account_add(struct core *c, const struct account_new *in,
				     struct account *ret);
MUST_CHECK enum inro_err account_set_role(struct core *c, const char *name, enum role role,
					  int64_t proposal, struct account *ret);
/* VERB_ENABLE, which may take others, VERB_DISABLE or VERB_DELETE, which don't. */
MUST_CHECK enum inro_err account_move(struct core *c, const char *name, enum verb verb,
				      int64_t proposal, struct account *ret);
/* NULL: one's own, which takes nobody else. */
MUST_CHECK enum inro_err account_set_password(struct core *c, const char *name,
					      struct bytes password, int64_t proposal,
					      struct account *ret);
/* Forgets the wrong tries. */
MUST_CHECK enum inro_err account_release(struct core *c, const char *name, struct account *ret);

MUST_CHECK enum inro_err account_get(struct core *c, const char *name, struct account *ret);
/* Until when wrong tries keep it out; 0: they do not, whatever is recorded of them. */
MUST_CHECK enum inro_err account_locked_until(struct core *c, const struct account *a, int64_t *ret);
MUST_CHECK enum inro_err account_find(struct core *c, bool with_deleted, const struct page *page,
				      struct account_list *ret);

#endif
