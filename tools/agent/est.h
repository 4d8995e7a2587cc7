/*
 * est - what the agent installs of what EST gave it (backoffice/fetch/est_ask.h).
 *
 * 1. A certificate is taken only for the key that was asked for, signed by a CA that the service
 *    named over the same authenticated way, and valid at the believed time.
 */
#ifndef INRO_TOOLS_AGENT_EST_H
#define INRO_TOOLS_AGENT_EST_H

#include "backoffice/fetch/est_ask.h"
#include "tools/agent/pair.h"

/* What is to be installed, of what came: borrows from both. */
struct est_pick {
	struct bytes leaf, chain[PAIR_CERTS_MAX], cas[PAIR_CERTS_MAX]; /* the root of the chain first */
	size_t chain_n, cas_n;
};
MUST_CHECK enum inro_err est_pick(const struct est_certs *issued, const struct est_certs *cas,
				  struct bytes spki, int64_t believed, struct est_pick *ret);
/* A renewal that keeps its key could be answered by a certificate of before: INRO_E_POLICY when `leaf` is the live one
 * or began and ends earlier. */
MUST_CHECK enum inro_err est_check_new(struct bytes leaf, const struct cert *live);

#endif
