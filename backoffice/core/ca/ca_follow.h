/* ca_follow - our records after a list of their CA, made elsewhere or before the CA came here. */
#ifndef INRO_BACKOFFICE_CORE_CA_FOLLOW_H
#define INRO_BACKOFFICE_CORE_CA_FOLLOW_H

#include "backoffice/core/internal.h"
#include "backoffice/pki/crl_read.h"

enum ca_followed {
	FOLLOWED_NOT, /* nothing to do */
	FOLLOWED_MOVED,
	FOLLOWED_RELEASED, /* stays, by the later decision: it was released here after the entry's hold */
};

/* In a write transaction: revoked or held as the entry has it, also one on hold that is revoked by now.  What has
 * ended, or is out of use, stays as it is; nothing is released.  A key that is known to others ends for all that have
 * it (cred_apply_key()). */
MUST_CHECK enum inro_err ca_follow(struct core *c, struct credential *rec, const struct crl_entry *entry,
				   enum ca_followed *ret);

#endif
