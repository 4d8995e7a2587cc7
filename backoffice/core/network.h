/*
 * network - who a request that came over the network is from, and the core that works as him.
 *
 *   e = who_by_device_psk(c, "press-1", psk, &who, NULL);       one of the who_by_...()
 *   if (e == INRO_OK)
 *           e = core_become(c, &who);
 *   ...                                                         the core is his
 *   e = core_become(c, NULL);                                   and is nobody's again
 *
 * 1. After any who_by_...() the core is nobody's until core_become(): what is refused is recorded as
 *    of the network ("192.0.2.7", core_peer()), not as of who was named.
 * 2. Whatever is wrong (no such device, a wrong key, locked, disabled, expired, revoked): one answer,
 *    INRO_E_LOGIN.  The refusal is recorded, with what it was.
 * 3. Wrong tries are counted twice: in the database for the account or the pre-shared key (account.h,
 *    psk.h), and in this process for the address they come from; from there INRO_E_BUSY comes
 *    before anything is looked at, and is recorded with others of its kind (unnamed.h).  What nobody
 *    guesses (a certificate, a session, a token) lets its holder in all the same; a wrong one is
 *    INRO_E_BUSY there.
 * 4. A device may work for itself alone: see core_own() in internal.h.  What somebody may is looked
 *    at again in every write transaction: the device is not disabled, the account has its role, the
 *    pass was not revoked.
 */
#ifndef INRO_BACKOFFICE_CORE_NETWORK_H
#define INRO_BACKOFFICE_CORE_NETWORK_H

#include "backoffice/core/core.h"

#define WHO_ACTOR_MAX 160
#define WHO_VERBS_MAX 512

/* Plain data: it may be copied and kept. */
struct core_who {
	int64_t tenant;
	char actor[WHO_ACTOR_MAX]; /* "device:press-1", "alice" */
	enum role role;		   /* what he may do here and now */
	int64_t account;	   /* 0: none */
	int64_t device;		   /* 0: none */
	int64_t pass;		   /* by which he came (pass.h); 0: none */
	char verbs[WHO_VERBS_MAX]; /* the commands that the pass is for; "": any */
};

/* The core works as him from here on; NULL: as core_nobody(). */
MUST_CHECK enum inro_err core_become(struct core *c, const struct core_who *who);
/* Has who is at work still what let him in: the account its role, the pass is good, the device not disabled?
 * INRO_E_ACCESS.  Each write transaction looks by itself; what reads for long asks here. */
MUST_CHECK enum inro_err core_holds(struct core *c);
/* As nobody, of no tenant.  Never fails: whatever happens, the rights of who was at work are gone. */
void core_nobody(struct core *c);
/* Where the next ones come from: an address as text; NULL: not known.  A copy is made. */
MUST_CHECK enum inro_err core_peer(struct core *c, const char *address);
/* The device at work, when it is this one (its id as people call it)? */
bool core_is_device(const struct core *c, const char *device);

/* Nobody in particular, of the tenant that the core was opened for: for what is anybody's to read. */
MUST_CHECK enum inro_err who_public(struct core *c, struct core_who *ret);

/* `device`: its id, or TENANT/ID; the tenant is else the one that the core was opened for.
 * ret_device (NULL: not wanted) is the record; the caller clears it. */
MUST_CHECK enum inro_err who_by_device_psk(struct core *c, const char *device, struct bytes psk,
					   struct core_who *ret, struct device *ret_device);
/* For protocols that need the key itself to look at a message (PBM).  What he may know is in *ret_psk (psk.h); a
 * wrong try is counted until who_tried() says that one of them was right, and nobody is let in before.  Where only a
 * hash is kept that is INRO_E_LOGIN, too: it would tell that there is such a device. */
struct psk_good;
MUST_CHECK enum inro_err who_named(struct core *c, const char *device, struct core_who *ret,
				   struct device *ret_device, struct psk_good *ret_psk);
/* right: what who_named() gave fitted; else it is recorded and counted, and INRO_E_LOGIN. */
MUST_CHECK enum inro_err who_tried(struct core *c, const struct core_who *who, bool right);

/* A verified client certificate: one of ours, good now, of a device that is not disabled; or the one
 * that a pass of an account names. */
MUST_CHECK enum inro_err who_by_certificate(struct core *c, struct bytes der, struct core_who *ret,
					    struct device *ret_device);
/* NAME, TENANT/NAME or TENANT/default/NAME, as --tenant and --as of the commands. */
MUST_CHECK enum inro_err who_by_account(struct core *c, const char *name, struct bytes password,
					struct core_who *ret);
MUST_CHECK enum inro_err who_by_session(struct core *c, const char *token, struct core_who *ret);
MUST_CHECK enum inro_err who_by_api_token(struct core *c, const char *token, struct core_who *ret);
/* The first of two stages: a key that is known, and is the tenant's or the database's. */
MUST_CHECK enum inro_err who_has_key(struct core *c, const char *key);

#endif
