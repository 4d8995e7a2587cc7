/* desk - what requests to one CA share of the policies of groups; see issuing.h. */
#include "backoffice/core/group.h"
#include "backoffice/core/issuing.h"

static struct desk_policy *place_of(struct issue_desk *d, int64_t group)
{
	return &d->policies[(uint64_t)group % DESK_POLICIES];
}

enum inro_err desk_policy(struct core *c, struct issue_desk *d, int64_t group,
			  const struct policy **ret)
{
	struct desk_policy *at = place_of(d, group);
	struct policy p = { 0 };
	enum inro_err e;

	if (!at->known || at->group != group) {
		e = policy_of_group(c, group, &p);
		if (e != INRO_OK)
			return e;
		policy_clear(&at->policy);
		*at = (struct desk_policy) { p, group, true };
	}
	*ret = &at->policy;
	return INRO_OK;
}

void desk_forget_policies(struct issue_desk *d)
{
	for (size_t i = 0; i < DESK_POLICIES; i++) {
		policy_clear(&d->policies[i].policy);
		d->policies[i] = (struct desk_policy) { 0 };
	}
}
