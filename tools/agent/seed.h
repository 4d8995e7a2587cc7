/*
 * seed - which symmetric keys of the token are the agent's, where it has no list of them: an agent of before
 * there was one has gone on with its folder, or the folder came back without.
 *
 * 1. What its own status tells is all that counts: the serial of a key, and that one of it is kept as
 *    NAME.old.  A label alone makes no key the agent's; where two could be the one, none is.
 * 2. It is done once and in one step.
 */
#ifndef INRO_TOOLS_AGENT_SEED_H
#define INRO_TOOLS_AGENT_SEED_H

#include <jansson.h>

#include "backoffice/token/token.h"
#include "tools/agent/wordlist.h"

/* told: what the status has of symmetric keys; may be NULL.  A list that is there stays as it is. */
MUST_CHECK enum inro_err seed_own(struct token *t, const json_t *told, struct wordlist *own);

#endif
