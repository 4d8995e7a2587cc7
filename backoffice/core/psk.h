/*
 * psk - the pre-shared key that goes with a device's id: made, verified, told, changed.
 *
 * 1. A device has one at a time; one that was rotated out may be good for a grace time.
 * 2. It is kept sealed (it can be told again) or as a scrypt hash only, as the policy says. Where there is no
 *    sealing key, and none can be made by itself (seal_ready()), it is always the hash.
 * 3. A try is counted in the database before it is made.  After `tries` wrong ones in a row there
 *    is one further try each `lock_seconds`, until one is right or an operator releases it.
 * 4. Comparison takes a time that does not depend on how much is right.
 */
#ifndef INRO_BACKOFFICE_CORE_PSK_H
#define INRO_BACKOFFICE_CORE_PSK_H

#include "backoffice/core/core.h"
#include "backoffice/core/policy.h"
#include "backoffice/core/seal.h"
#include "base/secret.h"

#define PSK_MAX 128

/* One that was made and is not recorded yet. */
struct psk_new {
	struct credential rec;
	struct secret value;
	unsigned bits; /* of chance in it; 0: it was given */
	char unsealed[SEAL_WHY]; /* why only a hash is kept, where the policy wants it sealed; "": it is as the policy says */
};
void psk_new_clear(struct psk_new *p);

/* Outside of a transaction.  `given`: the key itself, which must be as the policy wants; none: one
 * is made.  INRO_E_POLICY says what it lacks. */
MUST_CHECK enum inro_err psk_prepare(struct core *c, const struct policy *policy,
				     const char *device, struct bytes given, struct psk_new *ret);
/* In a write transaction: the first key of this device.  INRO_E_EXISTS. */
MUST_CHECK enum inro_err psk_issue_in(struct core *c, const struct device *d, struct psk_new *p);

/* Whole steps; the key itself is in ret->value. */
MUST_CHECK enum inro_err psk_issue(struct core *c, const char *device, struct bytes given,
				   struct psk_new *ret);
/* The same, and `keep` is given the new key before it is recorded: what it can't keep is not made.  When the record
 * fails after that, no device has the key; with INRO_E_IO that is not known. */
typedef enum inro_err psk_keep_fn(void *arg, const char *device, const struct psk_new *p);
MUST_CHECK enum inro_err psk_issue_kept(struct core *c, const char *device, psk_keep_fn *keep, void *arg,
					struct psk_new *ret);
MUST_CHECK enum inro_err psk_rotate(struct core *c, const char *device, struct bytes given,
				    int64_t grace_seconds, struct psk_new *ret);
/* INRO_E_UNSUPPORTED: only a hash is kept. */
MUST_CHECK enum inro_err psk_get(struct core *c, const char *device, struct psk_new *ret);
/* Can it be told again?  Not when only a hash is kept. */
bool psk_is_hashed(const struct psk_new *p);
/* The record alone. */
MUST_CHECK enum inro_err psk_show(struct core *c, const char *device, struct credential *ret);
/* Until when wrong tries lock that record; 0: they do not, whatever is recorded of them. */
MUST_CHECK enum inro_err psk_locked_until(struct core *c, const char *device, const struct credential *rec,
					  int64_t *ret);
/* INRO_E_PIN_WRONG, INRO_E_PIN_LOCKED, INRO_E_STATE (the device is disabled or deleted). */
MUST_CHECK enum inro_err psk_verify(struct core *c, const char *device, struct bytes value);
/* Returns e, after as much work as there is with a wrong value, by the policy for devices in no group of the tenant at
 * work: for what is refused before psk_verify() could look, so that the time does not tell. */
MUST_CHECK enum inro_err psk_refuse_slowly(struct core *c, struct bytes value, enum inro_err e);
/* What a device may know: its key, and the one before that, empty but for the time that a rotation leaves it. */
struct psk_good {
	struct secret now, before;
};
void psk_good_clear(struct psk_good *g);
/* The values for a protocol that proves them in its own way; counted as a wrong try until psk_opened().
 * INRO_E_UNSUPPORTED: only a hash is kept. */
MUST_CHECK enum inro_err psk_open(struct core *c, const char *device, struct psk_good *ret);
MUST_CHECK enum inro_err psk_opened(struct core *c, const char *device);
/* Wipes every one it has; how many. */
MUST_CHECK enum inro_err psk_delete(struct core *c, const char *device, const char *why,
				    size_t *ret_n);
/* Forgets the wrong tries. */
MUST_CHECK enum inro_err psk_release(struct core *c, const char *device);

#endif
