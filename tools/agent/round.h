/*
 * round - everything that the agent does when it wakes: looks at what is there, does what is due,
 * says when to wake again.
 *
 * 1. A round may be cut short anywhere, by kill -9 or the power: the next one goes on (pair.h).
 * 2. One round at a time works in a folder.
 * 3. A failure keeps what is live as it is and is told in the status; the wait grows with each.
 */
#ifndef INRO_TOOLS_AGENT_ROUND_H
#define INRO_TOOLS_AGENT_ROUND_H

#include "tools/agent/settings.h"

struct round_options {
	bool renew; /* now, due or not */
};

/* *ret_wait: seconds until the next one, also after an error.  The status is written in any case
 * where there is a folder for it. */
MUST_CHECK enum inro_err round_run(const struct agent_settings *s, const struct round_options *o,
				   int64_t *ret_wait);

/* What the token's TPM says of the live key, or of the one that will be asked with first: which TPM it is. */
MUST_CHECK enum inro_err round_evidence(const struct agent_settings *s, struct buf *ret);

#endif
