/*
 * key_use - what a key was certified for before: one key has one owner.
 *
 * 1. A key of another device gets no certificate, whatever became of that device; the same device
 *    under the same id may come back with its key.
 * 2. A key that a certificate was revoked for because it is compromised gets none, and that of a
 *    CA none for anything but a CA.
 * 3. A profile with reuse_key = no gives each key one certificate.
 * 4. Where a key is says one tenant: the URI of a key in a token that another tenant's certificate has is
 *    refused.  It would keep that tenant from destroying its key, and its certificate would make room beside it.
 * Only keys of the tenant are known otherwise: another tenant's do not exist here.
 */
#ifndef INRO_BACKOFFICE_CORE_KEY_USE_H
#define INRO_BACKOFFICE_CORE_KEY_USE_H

#include "backoffice/core/core.h"

struct key_claim {
	struct bytes hash;	     /* pubkey_print() */
	const struct device *device; /* id 0: none */
	bool for_ca;
	bool only_once; /* rule 3 */
	bool placed;	/* rule 4: it comes with a URI */
};

/* Does a revocation for this reason say that the key is known to others? */
bool key_use_ends(int64_t reason);
/* INRO_E_POLICY: a certificate for it was revoked for that. */
MUST_CHECK enum inro_err key_use_trusted(struct core *c, struct bytes hash);
/* INRO_E_POLICY says which certificate is in the way. */
MUST_CHECK enum inro_err key_use_check(struct core *c, const struct key_claim *k);

/* In a transaction: so many checks come next, of these keys; see store_foresee(). */
MUST_CHECK enum inro_err key_use_foresee(struct core *c, const struct bytes *hashes, size_t n);

/* How many events the audit has.  While that stays the same nothing on record has changed, and a check
 * that was made holds. */
MUST_CHECK enum inro_err key_use_moment(struct core *c, int64_t *ret);

#endif
