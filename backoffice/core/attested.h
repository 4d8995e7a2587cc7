/*
 * attested - profiles for keys in a TPM: one that says attested = yes certifies no other.
 *
 * 1. What counts is that the device's TPM vouched for the request's key in this very request (attest.h), for
 *    a first certificate as for a renewal, also by the same key: which key was vouched for before is kept
 *    nowhere, so nobody has to keep it right.
 * 2. So EST, CMP, operators and jobs get nothing by such a profile, and are told by whom it is had.
 * 3. What waits for approval was looked at when it was asked for; what is approved is of the same version
 *    of the profile (approval.h).
 */
#ifndef INRO_BACKOFFICE_CORE_ATTESTED_H
#define INRO_BACKOFFICE_CORE_ATTESTED_H

#include "backoffice/core/issuing.h"

/* INRO_E_ACCESS: the profile wants that, and it is not so. */
MUST_CHECK enum inro_err attested_check(const struct making *j);
/* The same for a key that is not made yet: nobody vouches for it. */
MUST_CHECK enum inro_err attested_refuse(const struct profile *p);

#endif
