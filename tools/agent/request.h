/*
 * request - what a generation begins with: its key, and the request for the certificate of that key; and
 * what becomes of both when it is over.
 *
 * 1. A request that is under way is taken up as it is, octet by octet (pair.h): an answer that was lost
 *    comes again for the same one.
 * 2. A key goes with the generation that it was made for, but for one that a pair has that stays: the live one, and
 *    the one before it, which a program may still have open.
 */
#ifndef INRO_TOOLS_AGENT_REQUEST_H
#define INRO_TOOLS_AGENT_REQUEST_H

#include "tools/agent/keys.h"
#include "tools/agent/pair.h"

struct request_room {
	const struct agent_settings *s;
	struct keys_hold *hold;
	const struct pair *live; /* generation 0: none */
};

/* The request of that generation, DER, and its key's URI, the caller's; made where there is none yet.
 * again: a renewal, which asks for what the live certificate has, and with key = same by its key. */
MUST_CHECK enum inro_err request_of(const struct request_room *q, unsigned generation, bool again,
				    struct buf *ret_csr, char **ret_uri);

/* Key and files of a generation that is not, or no longer, the live one.  What is not there is no
 * error. */
MUST_CHECK enum inro_err request_drop(const struct request_room *q, unsigned generation);

/* The same for a request that would not do another time either.  The error that is told stays what it
 * is; what can't be dropped the next round finds as it is. */
void request_give_up(const struct request_room *q, unsigned generation);

#endif
