/*
 * confirm - certificates whose holder has to say that he has them (CMP, RFC 9810 5.2.8): who does not say
 * so in time has it revoked.
 *
 * 1. What waited for approval has CONFIRM_APPROVED seconds from then on: its holder comes back for it.
 * 2. A transaction is found by the request id that it was issued under, in the database: any server
 *    answers its next message, and a server that ends loses none.
 */
#ifndef INRO_BACKOFFICE_CORE_CONFIRM_H
#define INRO_BACKOFFICE_CORE_CONFIRM_H

#include "backoffice/core/cred.h"

#define CONFIRM_APPROVED (INT64_C(7) * 86400) /* no certificate has longer */

/* Of the tenant, for this device.  INRO_E_NOT_FOUND. */
MUST_CHECK enum inro_err confirm_find(struct core *c, const char *transaction, int64_t device,
				      struct cred *ret);
/* He says that he has it; again is fine. */
MUST_CHECK enum inro_err confirm_done(struct core *c, const struct cred *cred);
/* In the write transaction that says that the clock was ahead until now (issue_time.h): nobody has longer than anybody is
 * given from now on, in any tenant. */
MUST_CHECK enum inro_err confirm_shorten(struct core *c, int64_t now);
/* A duty (duty.h), for one tenant: revokes (cessationOfOperation) what was not confirmed in time. */
MUST_CHECK enum inro_err confirm_sweep(struct core *c);

#endif
