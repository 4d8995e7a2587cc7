/*
 * fleet - a back office as large as one likes: N devices in 64 groups, each with a certificate and
 * an AES key on record, and the events of all that in the audit's chain.
 *
 * What a fleet has is written by the core's own transactions, counts and chain, FLEET_BATCH devices
 * at once.  Only the token is left out: one certificate is issued, and each device's is that one
 * with other names, serial, public key and signature, as long and as random as a real one; so is
 * the sealed key.
 */
#ifndef INRO_TESTS_BENCH_FLEET_H
#define INRO_TESTS_BENCH_FLEET_H

#include "backoffice/core/core.h"

#define FLEET_BATCH  1000
#define FLEET_GROUPS 64

/* Device n has the id "dev-%08ld", the name "pump %ld" (or press, robot, camera), the host name
 * "host-%08ld", MAC and IP address from its number, and the serial number "SN%010ld"; every 16th is
 * disabled. */
void fleet_make(struct core *c, long n);

#endif
