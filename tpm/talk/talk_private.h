/*
 * talk_private - what a struct tpm is inside: for the files of tpm/talk alone.
 *
 * 1. All of it is touched with the turn held, but for what is marked otherwise.
 * 2. Buffers and sessions are kept from command to command: a command allocates nothing.
 * 3. Whatever is held in the TPM remembers the epoch in which it was made; in another it is gone
 *    and is not flushed.
 */
#ifndef INRO_TPM_TALK_TALK_PRIVATE_H
#define INRO_TPM_TALK_TALK_PRIVATE_H

#include "tpm/talk/commands.h"
#include "tpm/talk/hold.h"
#include "tpm/talk/session.h"
#include "tpm/talk/tpm.h"
#include "tpm/talk/turn.h"

/* Of an auth area: the sessions of two handles and one that only encrypts. */
#define MAX_SESSIONS 3
/* Owner, root, endorsement. */
#define TPM_AUTHS 3
/* SHA-256: of nonces, HMACs and session keys. */
#define SESSION_DIGEST 32

struct tpm_session {
	uint32_t handle; /* 0: there is none */
	uint64_t epoch;	 /* in which it was made */
	uint32_t uses;
	bool proven;	   /* the TPM's latest answer to it was authentic, and no error */
	bool auth_value;   /* TPM2_PolicyAuthValue was done: cmd_policy_auth_value() sets it */
	struct secret key; /* empty: neither salted nor bound */
	uint8_t nonce_tpm[SESSION_DIGEST], nonce_caller[SESSION_DIGEST];
};

struct tpm {
	/* Never changes; any thread. */
	pid_t pid;
	struct buf tcti;
	char *home;
	uint32_t root; /* persistent handle of the storage root */
	enum tpm_how how;
	struct link *link;
	TPM2B_PUBLIC root_pub; /* expected; root_name.size 0: nothing is */
	TPM2B_NAME root_name;

	/* Empty ones may be filled, by the beginning of a turn with the registry's lock held. */
	struct secret owner_auth, root_auth, endorsement_auth;

	/* The registry's (tpm.c). */
	struct tpm *next;
	atomic_uint refs;
	/* Auths that somebody has brought since; the next turn has them. */
	struct secret news[TPM_AUTHS];
	atomic_bool has_news;

	/* Any thread. */
	atomic_ullong counts[COMMANDS_SPAN];
	atomic_ullong count;
	atomic_bool root_disputed; /* tokens expect different roots: nothing is expected */

	struct turn turn;
	uint64_t epoch; /* of this turn; 0: there was none yet */
	/* The connection was lost in a command that must not be done twice: nothing more goes out
	 * in this turn, so that its epoch stays and nobody repeats what was begun. */
	bool broken;
	bool begun; /* the link's turn is ours */
	/* An authorisation of a transient object failed, and everything was made anew because of
	 * it: the next failure is a real one. */
	bool doubted;
	struct tpm_session main;		    /* the salted one */
	struct tpm_session brief[MAX_SESSIONS]; /* of one command */
	struct buf out, in;

	/* While roots.finding is set there is no storage root to which a session could be salted:
	 * auths that are not empty go by unsalted HMAC sessions then, empty ones by passwords. */
	struct residents residents;
	struct roots roots;
};

/* ---- session.c ---- */

/* Whether it can be used in this turn. */
bool session_alive(const struct tpm *t, const struct tpm_session *s);
/* The salted one, made when it isn't there or has been used up. */
MUST_CHECK enum inro_err session_main(struct tpm *t);
/* An HMAC session for one command, salted unless the root is just being found. */
MUST_CHECK enum inro_err session_brief(struct tpm *t, struct tpm_session *s);
/* It has ended in the TPM: forgotten, its key wiped. */
void session_forget(struct tpm_session *s);
/* Flushed if it is there still, then forgotten; tpm_last_rc() stays as it is. */
void session_flush(struct tpm *t, struct tpm_session *s);
/* All but policy sessions, which are their makers'. */
void session_flush_all(struct tpm *t);

/* ---- run.c ---- */

void tpm_set_last_rc(uint32_t rc);

/* ---- tpm.c ---- */

void tpm_counted(struct tpm *t, TPM2_CC cc);

#endif
