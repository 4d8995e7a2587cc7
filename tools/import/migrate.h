/*
 * migrate - a whole token of SoftHSM's as a token of ours.
 *
 * 1. The new token is made and filled in a home of its own inside the real one, `.import-XXXXXX`,
 *    and brought over by `restore` when it is whole: nobody ever sees a part of it, and a process
 *    that is killed leaves only that folder, which the next import removes.
 * 2. What the module refuses is found out there, so before anything is in the real home.
 * 3. It knows the token through Cryptoki and admin.h only.
 *
 * INRO_HOME is changed meanwhile: for programs of one thread, with no module open.
 */
#ifndef INRO_TOOLS_IMPORT_MIGRATE_H
#define INRO_TOOLS_IMPORT_MIGRATE_H

#include "tools/import/softhsm.h"

struct migrate_plan {
	const struct softhsm_token *from;
	const char *label; /* of the new token */
	struct bytes user_pin, so_pin;
	bool skip; /* leave out what is refused */
	void (*progress)(void *arg, size_t done, size_t all); /* after each object */
	void *arg;
};

enum migrate_class {
	MIGRATE_PRIVATE,
	MIGRATE_PUBLIC,
	MIGRATE_SECRET,
	MIGRATE_CERT,
	MIGRATE_DATA,
	MIGRATE__MAX
};

struct migrate_result {
	size_t taken[MIGRATE__MAX];
	size_t refused;
	struct buf why; /* of the refused ones: a line each */
	CK_SLOT_ID slot;
};

void migrate_result_clear(struct migrate_result *r);
/* INRO_E_UNSUPPORTED when something is refused and not to be skipped; *ret then has the lines, and
 * nothing was made.  *ret is zeroed by the caller. */
MUST_CHECK enum inro_err migrate_softhsm(const struct migrate_plan *plan,
					 struct migrate_result *ret);

#endif
