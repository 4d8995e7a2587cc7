/*
 * trust - whom the device takes for the service: the CAs of its setting `trust`, and the roots that took the place of
 * one of them since (RFC 7030 4.1.3; RFC 9810 4.4).
 *
 * 1. A root is followed only if a CA that is believed made a certificate for its key under its own name (new with
 *    old).  That the service sent it is no reason.
 * 2. DIR/trust.pem has what was followed, with the certificates that lead there.  That it is in the file is no reason
 *    either: what does not begin at a CA that is in `trust` now counts for nothing.
 * 3. Dates are looked at when a root comes, not afterwards: what leads to it ends with the root before it.
 */
#ifndef INRO_TOOLS_AGENT_TRUST_H
#define INRO_TOOLS_AGENT_TRUST_H

#include "backoffice/fetch/est_ask.h"
#include "tools/agent/settings.h"

#define TRUST_FILE "trust.pem"

/* PEM of the CAs in `trust` and of the roots that were followed from there; empty when there are none of those, and
 * `trust` is all.  A file that can't be read is as none. */
MUST_CHECK enum inro_err trust_load(const struct agent_settings *s, struct buf *ret);
/* Follows what the service sends as its CAs' certificates, as of `believed`. */
MUST_CHECK enum inro_err trust_follow(const struct agent_settings *s, const struct est_certs *cas, int64_t believed);

#endif
