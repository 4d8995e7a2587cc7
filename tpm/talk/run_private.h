/* run_private - one command on its way, and what its error means; for run.c and refusal.c. */
#ifndef INRO_TPM_TALK_RUN_PRIVATE_H
#define INRO_TPM_TALK_RUN_PRIVATE_H

#include "tpm/talk/area.h"

struct run {
	struct tpm *t;
	const struct tpm_command *c;
	const struct command_row *row;
	struct area_plan plan;
	uint32_t rc;
	uint32_t handle;	   /* of the response */
	bool stale;		   /* the session may be what was refused */
	struct bytes params, area; /* in t->in */
};

/* A transient object or a session: gone in another epoch. */
bool run_is_volatile(uint32_t handle);
/* The command names one. */
bool run_names_volatile(const struct run *r);
/* One of its handles is authorised by what counts failures. */
bool run_is_pin_try(const struct run *r);
/* The i-th handle should be an object of ours, and could have become another's. */
bool run_could_be_another(const struct run *r, size_t i);

/* ---- of its response code (part 2, 6.6); each answers for r->rc, none changes anything ---- */

/* A session or a transient object that the command names is not in the TPM. */
bool run_is_gone(const struct run *r);
/* A volatile handle of ours is none at all: the response that gave it was altered. */
bool run_handle_is_odd(const struct run *r);
/* The authValue of an object that could have become another's was refused: perhaps the TPM was
 * reset unseen. */
bool run_is_doubtful(const struct run *r);
/* An authorisation was refused: the value is wrong, or the session. */
bool run_is_unauthorised(const struct run *r);
/* The storage root's authValue was refused. */
bool run_root_is_refused(const struct run *r);
/* The storage root that the session was salted to, without asking, may not be the TPM's. */
bool run_root_is_doubtful(const struct run *r);
/* The salted session was refused, which has not been proven to be good, and no failure was counted:
 * another one may be taken. */
bool run_is_stale(const struct run *r);

#endif
