/*
 * area - the authorisation area of a command and of its response (part 1, 17 to 21).
 *
 * 1. Each handle that wants authorisation has one entry: a password, the HMAC session or a policy
 *    session.  One HMAC session can't be used twice in a command, so that a second authValue has a
 *    session of its own, for this command; an empty one goes as a password.
 * 2. What is to be encrypted is encrypted by the first entry that is an HMAC session.  When there
 *    is none, the salted one is added without a handle.
 * 3. While the storage root is being found nothing can be salted to it: see struct tpm.
 */
#ifndef INRO_TPM_TALK_AREA_H
#define INRO_TPM_TALK_AREA_H

#include "tpm/talk/talk_private.h"

struct area_entry {
	struct tpm_session *session; /* NULL: a password */
	bool policy;
	struct bytes value; /* the password, or what is added to the session's key */
	uint8_t attributes;
	size_t hmac_at; /* where in t->out its HMAC is to be */
	bool ended;	/* the response says so */
};

struct area_plan {
	struct area_entry entries[MAX_SESSIONS];
	size_t n;
	const struct area_entry *crypt; /* the one that encrypts; NULL: none */
};

/* Chooses the entries; may send commands that start sessions.  INRO_E_IO: a session is gone. */
MUST_CHECK enum inro_err area_make(struct tpm *t, const struct tpm_command *c,
				   const struct command_row *row, struct area_plan *ret);
/* Appends the area to t->out, with fresh nonces and room for the HMACs. */
MUST_CHECK enum inro_err area_begin(struct tpm *t, struct area_plan *p);
/* Encrypts the parameters that stand at the end of t->out from `params_at` on, and fills the HMACs.
 */
MUST_CHECK enum inro_err area_seal(struct tpm *t, const struct area_plan *p,
				   const struct tpm_command *c, size_t params_at);
/* The response's area, whole: HMACs checked in constant time, nonces taken.  INRO_E_TOKEN. */
MUST_CHECK enum inro_err area_check(struct area_plan *p, TPM2_CC cc, struct bytes params,
				    struct bytes area);
/* The response's first parameter, in place. */
MUST_CHECK enum inro_err area_open(const struct area_plan *p, struct buf *params);
/* The command was done: sessions that were for it alone, or have ended, are forgotten. */
void area_done(struct tpm *t, struct area_plan *p);
/* It was not: those for it alone are flushed; all of them when the answer was not authentic. */
void area_failed(struct tpm *t, struct area_plan *p, bool distrust);

#endif
