/*
 * secrets - what symmetric keys and pre-shared keys have in common as credentials.
 *
 * 1. A record's serial is 16 random octets; what is sealed is bound to it (seal.h).
 * 2. The value is sealed or hashed before the transaction that records it, and opened outside of
 *    one.
 */
#ifndef INRO_BACKOFFICE_CORE_SECRETS_H
#define INRO_BACKOFFICE_CORE_SECRETS_H

#include "backoffice/core/internal.h"
#include "backoffice/core/seal.h"

#define SECRET_SERIAL 16

/* A fresh record of this kind for this device id: tenant, serial, times, state active. */
MUST_CHECK enum inro_err secret_begin(struct core *c, enum cred_kind kind, const char *algorithm,
				      struct credential *ret);
/* Seals the value into the record. */
MUST_CHECK enum inro_err secret_close(struct core *c, struct credential *rec, const char *device,
				      struct bytes value);
/* The value of a record.  INRO_E_UNSUPPORTED when only a hash of it is kept. */
MUST_CHECK enum inro_err secret_value(struct core *c, const struct credential *rec,
				      struct secret *ret);
/* In a transaction: written with its event ("key.issue", "psk.issue").  The device may have it. */
MUST_CHECK enum inro_err secret_record(struct core *c, const struct device *d,
				       struct credential *rec);
/* In a transaction: the old one is superseded, and good until then (0: no longer). */
MUST_CHECK enum inro_err secret_supersede(struct core *c, struct credential *old,
					  int64_t grace_until);
/* A credential of this kind by its id or its serial.  INRO_E_NOT_FOUND. */
MUST_CHECK enum inro_err secret_load(struct core *c, enum cred_kind kind, const char *ref,
				     struct credential *ret);
/* The newest of a device in this state.  INRO_E_NOT_FOUND without a detail. */
MUST_CHECK enum inro_err secret_of_device(struct core *c, enum cred_kind kind, int64_t device,
					  enum cred_state state, struct credential *ret);
/* May its value be used at this time: active, or superseded with grace left. */
bool secret_is_good(const struct credential *rec, int64_t now);

#endif
