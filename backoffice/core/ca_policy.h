/*
 * ca_policy - how a CA's revocation lists are made, as the JSON object in its record says.
 *
 * 1. A policy that was read is within its bounds; what the object does not say is as below.
 * 2. Of how many shards the lists are, and where shards are, is fixed once the CA's key has certified anything but
 *    that CA: each certificate names the list that it would be on.
 */
#ifndef INRO_BACKOFFICE_CORE_CA_POLICY_H
#define INRO_BACKOFFICE_CORE_CA_POLICY_H

#include "backoffice/core/ca.h"

#define CRL_SHARDS_MAX 4096

/* INRO_E_DAMAGED for what ca_set() would not have written. */
MUST_CHECK enum inro_err ca_policy_read(const struct ca *ca, struct ca_policy *ret);
/* On which list a serial would be: 0, or 1 to p->shards. */
unsigned ca_policy_shard(const struct ca_policy *p, struct bytes serial);
/* A URL of the policy for a shard, appended with its NUL; url NULL: nothing. */
MUST_CHECK enum inro_err ca_policy_url(const struct ca *ca, const char *url, unsigned shard,
				       struct buf *ret);
/* The policy of a CA that is to be made, whose name and generation are set; where nothing is said it
 * gets none. */
MUST_CHECK enum inro_err ca_policy_begin(struct ca *ca, const struct ca_settings *in);
/* The same policy for the CA's next key, with other addresses where they are not NULL.  INRO_E_ARG
 * when the new lists would be at the old ones' address. */
MUST_CHECK enum inro_err ca_policy_roll(struct ca *ca, const char *crl_url, const char *delta_url);
/* When that key takes over: of the policy in *next the addresses and the shards, of the CA's as it is now the rest, which
 * may have been changed since. */
MUST_CHECK enum inro_err ca_policy_turn(struct ca *ca, const struct ca *next);
/* Of a certificate that was made by the CA as it was: INRO_E_STATE where the list that it names is another by now. */
MUST_CHECK enum inro_err ca_policy_stands(const struct ca *was, const struct ca *now);

#endif
