/*
 * way_secret - the password by which a CA elsewhere is asked: where it is (secret_ref.h), or itself, sealed in
 * the way's record under the key that seals secrets (seal.h).
 *
 * 1. What is sealed opens for this account at this server alone: in a record that names another it is nothing.
 */
#ifndef INRO_BACKOFFICE_CORE_CA_WAY_SECRET_H
#define INRO_BACKOFFICE_CORE_CA_WAY_SECRET_H

#include "backoffice/core/core.h"
#include "base/secret.h"

/* The way has its URL and account.  INRO_E_CONFIG: no key seals. */
MUST_CHECK enum inro_err way_secret_seal(struct core *c, struct bytes password, struct ca_way *way);
/* Nothing when none is on record. */
MUST_CHECK enum inro_err way_secret_read(struct core *c, const struct ca_way *way, struct secret *ret);
/* How messages call it: where it is, or that it is on record. */
const char *way_secret_name(const struct ca_way *way);

#endif
