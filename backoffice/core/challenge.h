/*
 * challenge - a request's challenge password against the device's pre-shared key.
 *
 * 1. The tries are those of the key itself (psk.h): counted before they are made, and limited.
 * 2. A renewal is proved by the certificate that it is for, and what others approved was compared
 * when it was asked for.
 */
#ifndef INRO_BACKOFFICE_CORE_CHALLENGE_H
#define INRO_BACKOFFICE_CORE_CHALLENGE_H

#include "backoffice/core/issuing.h"

/* As the profile wants it; once for each request.  Outside of a transaction.  INRO_E_POLICY: it is
 * missing or wrong; INRO_E_ACCESS: the key is locked. */
MUST_CHECK enum inro_err challenge_check(struct core *c, struct making *j);

#endif
