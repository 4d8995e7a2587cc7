/*
 * tpm - one TPM as this process talks to it.
 *
 * 1. There is one struct tpm for each way to one (tcti words and home) in a process, counted and
 *    shared by all tokens that live there; tpm_get() finds or makes it.
 * 2. tpm_enter() takes the turn: this process's other threads, which get it in the order in which
 *    they came, and all other processes wait.  The functions of cmd.h, session.h, resident.h and
 *    root.h want it held.  A turn is short: some commands, no waiting for anything else.
 * 3. tpm_run() sends one command: it authorises, encrypts parameters, retries (rc_is_again()),
 *    starts a TPM that was not started, checks the response's HMAC, and tells what went wrong as
 *    one inro_err.  When the TPM has lost what was in its memory, tpm_epoch() rises and the command
 *    is sent again by tpm_run() itself if it names nothing that was lost; else it gives INRO_E_IO,
 *    and who made the lost things makes them again.  INRO_E_IO without a new epoch: the connection
 *    was lost in a command that must not be done twice (a PIN's try, NV_DefineSpace, EvictControl):
 *    whether it was done is not known, and nothing more can be sent in this turn.
 * 4. In a forked child nothing but tpm_unref() may be called on the parent's; tpm_get() gives the
 *    child its own.
 */
#ifndef INRO_TPM_TALK_TPM_H
#define INRO_TPM_TALK_TPM_H

#include <pthread.h>

#include "tpm/link/link.h"
#include "tpm/wire/rc.h"

struct tpm;
struct tpm_session;

/* How commands are authorised where both would do. */
enum tpm_how {
	TPM_BY_HMAC,	/* HMAC sessions, parameters encrypted: the default */
	TPM_BY_PASSWORD /* password sessions, nothing encrypted: only for an embedded TPM */
};

struct tpm_words {
	struct bytes tcti; /* link.h */
	const char *home;
	struct bytes owner_auth, root_auth, endorsement_auth;
	uint32_t root;	  /* persistent handle of the storage root; 0: 0x81000001 */
	enum tpm_how how; /* TPM_BY_PASSWORD: INRO_E_CONFIG unless embedded */
	/* The persistent storage root that the token was made under, and its Name; NULL when that
	 * is not known.  Sessions are salted to it unseen (root.h), and no other root is taken,
	 * while all who share the TPM bring the same. */
	const TPM2B_PUBLIC *root_pub;
	struct bytes root_name;
};

/* The first to ask decides about the root's handle and `how`.  An auth that is empty goes with any;
 * one that is brought where there was none is everybody's from the next turn on.  Words that differ
 * otherwise are INRO_E_CONFIG. */
MUST_CHECK enum inro_err tpm_get(const struct tpm_words *w, struct tpm **ret);
struct tpm *tpm_ref(struct tpm *t);
/* The last one flushes what is held, if that can be done without waiting for long. */
void tpm_unref(struct tpm *t);
void tpm_unref_ptr(struct tpm **t); /* for AUTO() */

MUST_CHECK enum inro_err tpm_enter(struct tpm *t);
/* Without waiting for anything long, also in the commands of that turn: INRO_E_BUSY. */
MUST_CHECK enum inro_err tpm_try_enter(struct tpm *t);
void tpm_leave(struct tpm *t);

/* Rises when everything volatile in the TPM has gone; read within a turn. */
uint64_t tpm_epoch(const struct tpm *t);
bool tpm_is_embedded(const struct tpm *t);

/* Commands sent to this TPM by this process since it began, in all and of one kind: for the tests
 * that count them. */
uint64_t tpm_count(const struct tpm *t);
uint64_t tpm_count_of(const struct tpm *t, TPM2_CC cc);
/* Of the whole process, also of TPMs that are gone. */
uint64_t tpm_count_all(void);

/* An entity that a command names: a handle and its Name (empty: the handle itself is the name, as
 * for hierarchies, PCRs and sessions). */
struct tpm_ref {
	uint32_t handle;
	struct bytes name;
};

/* The longest hash: no entity's authValue is longer. */
#define AUTH_MAX 64

enum tpm_by { BY_NOTHING, BY_AUTH, BY_POLICY };

/* How a handle that wants authorisation gets it. */
struct tpm_auth {
	enum tpm_by by;
	struct bytes value;	/* BY_AUTH: the entity's authValue; BY_POLICY: when the policy has
				   PolicyAuthValue.  At most AUTH_MAX bytes. */
	struct tpm_session *policy; /* BY_POLICY */
	bool last;		/* BY_POLICY: the session ends with this command */
};

struct tpm_command {
	TPM2_CC cc;
	struct tpm_ref handles[3]; /* as many as the command has */
	struct tpm_auth auths[2];  /* of the first handles that want one */
	struct bytes params;
	bool secret_in, secret_out; /* the first parameter is a secret: encrypted unless `how` is
				       password; a policy session does not encrypt (that would take
				       the entity's authValue), the HMAC session goes along */
};

/* ret_params: the response's parameters, decrypted; held in secret memory when secret_out.
 * *ret_handle: of commands that return one (may be NULL). */
MUST_CHECK enum inro_err tpm_run(struct tpm *t, const struct tpm_command *c, uint32_t *ret_handle,
				 struct buf *ret_params);
/* The TPM's own answer to this thread's latest tpm_run(): 0 when it did it. */
uint32_t tpm_last_rc(void);
/* The error of that command, told as that of a TPM's word when its auth was wrong ("owner-auth").
 */
enum inro_err tpm_auth_err(enum inro_err e, const char *word);

#endif
