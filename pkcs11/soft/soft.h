/*
 * soft - the backend that keeps keys in software, sealed under a master key that the PINs open.
 *
 * docs/key-hierarchy.md has the formats.  An instance belongs to the process that opened it: in a
 * forked child only close() may be called on it (the master key is wiped there).
 */
#ifndef INRO_PKCS11_SOFT_SOFT_H
#define INRO_PKCS11_SOFT_SOFT_H

#include "pkcs11/soft/seal.h"
#include "pkcs11/soft/soft_envelope.h"

extern const struct backend_ops backend_soft;

/* ---- for a backend that has an instance of this one inside and keeps the master key itself ----
 */

#define SOFT_MASTER 32 /* bytes */

/* As unlock(), with the master key itself. */
MUST_CHECK enum inro_err soft_unlock_with(struct backend *b, struct bytes master);
/* INRO_E_LOGIN while it is locked. */
MUST_CHECK enum inro_err soft_check_unlocked(struct backend *b);
/* As seal() and unseal(), of a kind of its own. */
MUST_CHECK enum inro_err soft_seal_as(struct backend *b, enum seal_kind kind, struct bytes plain,
				      struct bytes ad, struct buf *ret_sealed);
MUST_CHECK enum inro_err soft_unseal_as(struct backend *b, enum seal_kind kind, struct bytes sealed,
					struct bytes ad, struct secret *ret);
/* As family(), of a pair that is elsewhere, and of a secret key that something stands for. */
MUST_CHECK enum inro_err soft_family_of_pair(struct bytes spki, uint8_t ret[BACKEND_FAMILY]);
MUST_CHECK enum inro_err soft_family_of_secret(struct backend *b, struct bytes value,
					       uint8_t ret[BACKEND_FAMILY]);
/* As derive() and unwrap(), by a pair that is elsewhere. */
MUST_CHECK enum inro_err soft_derive_by(struct backend *b, const struct outside *by,
					const struct use_spec *spec, const struct key_spec *made,
					size_t n, backend_key *ret_keys);
MUST_CHECK enum inro_err soft_unwrap_by(struct backend *b, const struct outside *by,
					const struct use_spec *spec, struct bytes blob,
					const struct key_spec *made, backend_key *ret_key,
					struct buf *ret_spki);

#endif
