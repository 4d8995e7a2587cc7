/*
 * group - devices that are handled alike: nested groups and their policies.
 *
 * 1. A group is named by its path, "plant/line1": up to GROUP_DEPTH names of 1 to 64 characters of
 *    [A-Za-z0-9._-] each, GROUP_PATH_MAX together.  A path is unique in its tenant.
 * 2. A group is deleted when no live device and no other group is in it.  It stays as what deleted
 * devices were in, its path suffixed by the time in milliseconds, and its path is free again.
 * 3. When a group moves, all beneath it move along.
 */
#ifndef INRO_BACKOFFICE_CORE_GROUP_H
#define INRO_BACKOFFICE_CORE_GROUP_H

#include "backoffice/core/core.h"
#include "backoffice/core/policy.h"

#define GROUP_NAME_MAX 64
#define GROUP_PATH_MAX 255
#define GROUP_DEPTH    8

struct group_list {
	struct device_group *items;
	size_t n;
	int64_t next;
};
void group_list_clear(struct group_list *l);

/* What is above it must be there.  policy: JSON, NULL says nothing.  INRO_E_EXISTS,
 * INRO_E_NOT_FOUND. */
MUST_CHECK enum inro_err group_add(struct core *c, const char *path, const char *policy,
				   struct device_group *ret);
MUST_CHECK enum inro_err group_get(struct core *c, const char *path, struct device_group *ret);
/* under: only the group of this path and those beneath it; NULL: all. */
MUST_CHECK enum inro_err group_find(struct core *c, const char *under, const struct page *page,
				    struct group_list *ret);
/* NULL: stays.  path: its new one, which may be in another group. */
struct group_change {
	const char *policy, *path;
};
MUST_CHECK enum inro_err group_update(struct core *c, const char *path,
				      const struct group_change *change, struct device_group *ret);
/* INRO_E_STATE when something is in it, with how much. */
MUST_CHECK enum inro_err group_delete(struct core *c, const char *path, struct device_group *ret);
/* How many devices of it alone are in this state. */
MUST_CHECK enum inro_err group_count(struct core *c, const struct device_group *g,
				     enum device_state state, int64_t *ret);

/* What holds for a device in this group (0: in none). */
MUST_CHECK enum inro_err policy_of_group(struct core *c, int64_t group, struct policy *ret);
MUST_CHECK enum inro_err policy_of_device(struct core *c, const struct device *d,
					  struct policy *ret);
/* The same as JSON text, the caller's. */
MUST_CHECK enum inro_err policy_text(struct core *c, int64_t group, char **ret);

#endif
