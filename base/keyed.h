/*
 * keyed - a hash for tables that strangers fill: SipHash-2-4 (Aumasson, Bernstein 2012) under a key that this
 * process drew, so that nobody can choose what falls on one place.  Not for anything that leaves the process.
 */
#ifndef INRO_BASE_KEYED_H
#define INRO_BASE_KEYED_H

#include <stdint.h>

#include "base/bytes.h"

/* Any thread.  Never fails: where the kernel gives no random octets the key is the time and an address. */
uint64_t keyed_hash(struct bytes what);
/* The function itself, by a key in the host's words. */
uint64_t keyed_hash_by(const uint64_t key[static 2], struct bytes what);

#endif
