/*
 * ca_end - certificates of CAs elsewhere that are revoked here: what is to be told there (reach.h).
 *
 * 1. What is to be told is on record in the transaction that revokes: an order without a request, of
 *    which there is one at most for a certificate.  It goes when that CA has done it, says that it had,
 *    or has it on its list.
 * 2. Holds and releases are for people to tell.
 */
#ifndef INRO_BACKOFFICE_CORE_CA_END_H
#define INRO_BACKOFFICE_CORE_CA_END_H

#include "backoffice/core/ca.h"

/* Of an order: is it a revocation to be told, and no request? */
bool ca_order_ends(const struct ca_order *order);
/* Is this a certificate whose end its CA has to know? */
bool ca_end_is_wanted(const struct credential *rec);

/* In a write transaction, after the record was revoked; nothing to do where its CA is asked by nobody. */
MUST_CHECK enum inro_err ca_end_put(struct core *c, const struct credential *rec);

#endif
