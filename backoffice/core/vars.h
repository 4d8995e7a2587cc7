/*
 * vars - what a profile's variables stand for in a certificate for a device.
 *
 * 1. What costs a look into the database or into the attributes is looked up only for a profile
 *    that has the variable.
 */
#ifndef INRO_BACKOFFICE_CORE_VARS_H
#define INRO_BACKOFFICE_CORE_VARS_H

#include "backoffice/core/core.h"
#include "backoffice/pki/dn.h"
#include "backoffice/pki/profile.h"

/* Which of the costly ones a profile has. */
struct vars_wanted {
	bool group, attrs;
};
struct vars_wanted vars_wanted(const struct profile *p);

/* Holds what the variables borrow beside the device's record. */
struct vars_room {
	char *group;
	struct dn_var *attrs;
	size_t attrs_n;
	struct buf texts;
};
void vars_room_clear(struct vars_room *r);

/* Of the device (id 0: none, and nothing is filled in).  What is empty is unset. */
MUST_CHECK enum inro_err vars_of_device(struct core *c, const struct device *d,
					struct vars_wanted wanted, struct vars_room *room,
					struct dn_vars *ret);

#endif
