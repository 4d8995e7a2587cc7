/*
 * errand - what operators want devices to do: kept until a device's agent comes for it.
 *
 * 1. A device is never called; it asks what there is for it, does it, and says how it went.
 * 2. The same errand twice for one device is one, as long as it is open.
 * 3. Who may change a device may send it on errands (device_touch()); an errand is ended by its device
 *    alone, and what it answers is bounded text that nobody believes to be more.
 * 4. What a device runs is a command that its owner gave a name there: no command goes over the
 *    network.
 */
#ifndef INRO_BACKOFFICE_CORE_ERRAND_H
#define INRO_BACKOFFICE_CORE_ERRAND_H

#include "backoffice/core/core.h"

#define ERRAND_ARGUMENT_MAX 64
#define ERRAND_ANSWER_MAX   4096

/* argument: of ERRAND_RUN the command's name, of others none. */
MUST_CHECK enum inro_err errand_add(struct core *c, const char *device, enum errand_verb verb,
				    const char *argument, struct errand *ret);
/* The same for each device that a search finds (where.h), up to 500 in one transaction.  *ret_n: how
 * many devices have it now. */
MUST_CHECK enum inro_err errand_add_where(struct core *c, const char *where, enum errand_verb verb,
					  const char *argument, size_t *ret_n);

struct errand_list {
	struct errand *items;
	size_t n;
	int64_t next;
};
void errand_list_clear(struct errand_list *l);
/* device NULL: of all; a device at work asks for its own. */
MUST_CHECK enum inro_err errand_find(struct core *c, const char *device, bool only_open,
				     const struct page *page, struct errand_list *ret);
#define ERRANDS_OWN_MAX 64
/* The oldest of those that are open for the device at work, up to ERRANDS_OWN_MAX: the others follow when these are
 * ended.  next tells whether there are any. */
MUST_CHECK enum inro_err errand_own(struct core *c, struct errand_list *ret);
/* The id of its device; the caller's (free()). */
MUST_CHECK enum inro_err errand_device(struct core *c, const struct errand *e, char **ret);

/* An open one, or one that is cancelled; INRO_E_STATE. */
MUST_CHECK enum inro_err errand_cancel(struct core *c, int64_t id, struct errand *ret);
/* By its device; said again, the same is no error. */
MUST_CHECK enum inro_err errand_end(struct core *c, int64_t id, bool done, const char *answer,
				    struct errand *ret);

#endif
