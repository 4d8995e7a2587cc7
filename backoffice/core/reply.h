/*
 * reply - answers that are kept for a day, so that a request that is sent again is not done again.
 *
 * 1. A request is known by whose it is and the key that he gave it; the same key with another request
 *    is refused.
 * 2. An answer with a secret in it is not kept: that it was done is.
 * 3. One that is at work is INRO_E_BUSY for REPLY_WORK_MS; after that it counts as cut off, and runs
 *    again if it had changed nothing.
 * 4. That it has begun to change something is recorded by reply_bind() in the transaction of its first
 *    change: cut off after that it is never done again, nor by two who are at it at once.
 */
#ifndef INRO_BACKOFFICE_CORE_REPLY_H
#define INRO_BACKOFFICE_CORE_REPLY_H

#include "backoffice/core/core.h"

#define REPLY_KEEP_MS INT64_C(86400000)
#define REPLY_WORK_MS INT64_C(60000)
#define REPLY_MAX     ((size_t)256 << 10) /* longer answers are not kept */
#define REPLY_BEGUN   1 /* in place of a status: something was changed, and no answer is known */

/* Both SHA-256.  ret->status 0: it is new, and recorded as at work; else that was the answer.
 * REPLY_BEGUN: it was cut off in the midst.  INRO_E_POLICY: the key was used for
 * another request. */
MUST_CHECK enum inro_err reply_begin(struct core *c, struct bytes key, struct bytes digest,
				     struct reply *ret);
/* What this core writes from here on is of that request; NULL: of none. */
void reply_bind(struct core *c, const struct reply *r);
/* write.c: in every write transaction of a request that is bound.  INRO_E_STATE: another one is at
 * it by now. */
MUST_CHECK enum inro_err reply_hold(struct core *c);
/* What came of it; body empty: it is not kept.  Nothing, when another one took it over. */
MUST_CHECK enum inro_err reply_end(struct core *c, const struct reply *r, int status,
				   const char *type, struct bytes body);
/* It failed: it may be tried again, unless it has begun to change something or another one took it
 * over. */
MUST_CHECK enum inro_err reply_drop(struct core *c, const struct reply *r);

/* A duty (duty.h): what is older than REPLY_KEEP_MS is forgotten, of all tenants. */
MUST_CHECK enum inro_err reply_purge(struct core *c);

#endif
