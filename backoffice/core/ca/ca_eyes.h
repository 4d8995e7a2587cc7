/* ca_eyes - four eyes over what makes a CA, or gives one another key (eyes.h). */
#ifndef INRO_BACKOFFICE_CORE_CA_EYES_H
#define INRO_BACKOFFICE_CORE_CA_EYES_H

#include "backoffice/core/eyes.h"
#include "backoffice/core/internal.h"

/* What is proposed: the caller sets action and proposal, and adds the body's members
 * (detail_text() and its like) before ca_eyes_check(). */
struct ca_eyes {
	const char *action;
	int64_t proposal; /* 0: none yet */
	struct buf subject, body;
	struct proposal_plan plan;
};
void ca_eyes_clear(struct ca_eyes *y);
/* Outside a transaction, after the role and the request were looked at, before a token is used. */
MUST_CHECK enum inro_err ca_eyes_check(struct core *c, struct ca_eyes *y, const char *ca);
/* In the transaction that does it; id: of the CA. */
MUST_CHECK enum inro_err ca_eyes_done(struct core *c, const struct ca_eyes *y, int64_t id);

#endif
