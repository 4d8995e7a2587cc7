/*
 * unnamed - requests that were refused because they do not say whom they are from, or without a look at that (sent by
 * another site's page, after too many wrong tries, or too old to be their maker's): counted, and told in the audit together.
 *
 * 1. One event tells of all since the one before: who sends many fills no audit, and each is accounted for.
 * 2. Memory is bounded: the first UNNAMED_PLACES addresses are told by name, those of others are counted together.
 * 3. What could not be recorded is told with the next ones.
 * Any thread.
 */
#ifndef INRO_BACKOFFICE_CORE_UNNAMED_H
#define INRO_BACKOFFICE_CORE_UNNAMED_H

#include "backoffice/core/core.h"

#define UNNAMED_PLACES 16
#define UNNAMED_MS     60000 /* how often servers tell of them */

/* One more, from where core_peer() said.  Returns e with its detail as it is. */
enum inro_err unnamed_refused(struct core *c, enum inro_err e);
/* Records those that were counted in this process, by the one at work; none: nothing. */
MUST_CHECK enum inro_err unnamed_tell(struct core *c);

#endif
