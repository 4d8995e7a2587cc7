/*
 * seal - secrets at rest: sealed with AES-256-GCM under a key that lives in a token.
 *
 * 1. The setting "seal.key" is the URI of the key that seals; "seal.key.1", "seal.key.2" … are all
 *    that ever did, and each sealed text says by which it was, so that both ends of a change open.
 * 2. The associated data binds tenant, kind, device, algorithm and the credential's random serial:
 *    a sealed text that is moved to another row does not open there.
 * 3. Sealing and opening use the token: never inside a transaction.
 * 4. Where an administrator has named none, the first secret that is to be sealed makes the key. It gives way to the
 *    first one that is named.
 */
#ifndef INRO_BACKOFFICE_CORE_SEAL_H
#define INRO_BACKOFFICE_CORE_SEAL_H

#include "backoffice/core/core.h"
#include "base/secret.h"

#define SEAL_SETTING "seal.key"

/* Whose secret it is.  Borrowed; as the credential's record has it. */
struct seal_of {
	enum cred_kind kind;
	const char *device, *algorithm; /* NULL: none */
	struct bytes serial;
};

/* Is there a key that seals? */
MUST_CHECK enum inro_err seal_is_set(struct core *c, bool *ret);
/* Can something be sealed that may also be kept otherwise?  Where nobody has named a key, one is made in the token of a
 * CA, if its PIN is at hand without asking a person (core_options.pin_known); false, and why, when that or its use fails.
 * After a wrong PIN none is tried for it until the token had a right one.  Where somebody has named a key: true.  Not inside a
 * transaction. */
#define SEAL_WHY 200
MUST_CHECK enum inro_err seal_ready(struct core *c, bool *ret, char why[static SEAL_WHY]);
/* INRO_E_CONFIG when there is no sealing key. */
MUST_CHECK enum inro_err seal_close(struct core *c, const struct seal_of *of, struct bytes plain,
				    struct blob *ret);
/* INRO_E_DAMAGED: not what was sealed for this credential.  INRO_E_NOT_FOUND: its key is gone, or that key's token is
 * not there. */
MUST_CHECK enum inro_err seal_open(struct core *c, const struct seal_of *of, struct bytes sealed,
				   struct secret *ret);
/* Is a text that seal_open() gave this error for unread, where others may open all the same? */
static inline bool seal_is_lost(enum inro_err e)
{
	return e == INRO_E_DAMAGED || e == INRO_E_NOT_FOUND;
}
/* Sealed again, under the key that seals now; *ret stays empty where it is. */
MUST_CHECK enum inro_err seal_again(struct core *c, const struct seal_of *of, struct bytes sealed,
				    struct blob *ret);
/* In the transaction that records it: is a text of seal_close() by the key that seals now?  INRO_E_BUSY: another one
 * does since; who seals everything anew may be past its place by then, and the old key be destroyed. */
MUST_CHECK enum inro_err seal_recheck(struct core *c, struct bytes sealed);
/* Is it a text of seal_close()? */
bool seal_is(struct bytes stored);
/* n random octets of the token that holds the sealing key. */
MUST_CHECK enum inro_err seal_random(struct core *c, size_t n, struct secret *ret);

/* The URI of the key that seals, in memory of the caller's; NULL: none. */
MUST_CHECK enum inro_err seal_key_uri(struct core *c, char **ret);
/* The first sealing key: the one of that URI, or one made in that token.  Administrators only.
 * INRO_E_EXISTS when there is one already that somebody named. */
struct seal_key_request {
	const char *uri;   /* NULL: */
	const char *token; /* make one here */
};
MUST_CHECK enum inro_err seal_key_set(struct core *c, const struct seal_key_request *r, char **ret);

struct reseal_report {
	char *uri;	/* what seals now */
	int64_t done;	/* sealed anew */
	int64_t unread; /* did not open; left as they are */
	int64_t first;	/* id of the first of those */
};
void reseal_report_clear(struct reseal_report *r);
/* Another key seals from now on, and everything sealed before is sealed anew, in batches; cut short
 * it goes on with the same call. */
MUST_CHECK enum inro_err seal_rotate(struct core *c, const struct seal_key_request *r,
				     struct reseal_report *ret);

#endif
