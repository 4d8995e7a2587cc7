/*
 * lib - the library as one process sees it: initialised or not, its slots, its sessions.
 *
 * 1. One struct lib from C_Initialize to C_Finalize, published by one atomic pointer.
 * 2. A forked child has none (INRO_E_NOT_INITIALIZED) until its own C_Initialize, which makes a new
 *    one and leaves the inherited one alone: its locks may be held by threads that are not there,
 *    its files are the parent's.
 * 3. A token is opened when it is used, never by listing slots.
 * 4. C_Finalize waits for the threads that are inside; what comes later finds no library.  The
 *    memory of struct lib is kept for the next one, so that a late comer may look into it.
 * 5. A slot's id is the number of its token's file, but for this: when another program has made a
 *    token in the slot that was shown as the empty one, C_InitToken's own goes to the next number,
 *    and until C_Finalize the two numbers are exchanged here, so that the caller finds in the slot
 *    what it has put there.
 * 6. A thread is not cancelled between lib_get() and lib_leave(), but for one that waits in lib_event():
 *    that gives up what lib_get() gave.
 * 7. libcrypto does not end beside threads that are inside (ending.h): lib_get(), lib_leave() and
 *    lib_stop() keep the caller until it has.
 */
#ifndef INRO_PKCS11_TOKEN_LIB_H
#define INRO_PKCS11_TOKEN_LIB_H

#include "pkcs11/token/op_dual.h"
#include "pkcs11/token/session.h"
#include "pkcs11/token/watch.h"

#define LIB_DOORS 16

struct lib {
	pid_t pid;
	struct {
		atomic_uint n;
		char apart[60]; /* no two in one cache line */
	} inside[LIB_DOORS];	/* who has it by lib_get(), by thread */
	atomic_uint pausing;	/* of those: waits for a slot's event */
	struct lib *before;	/* an inherited one */
	struct lib *next;	/* of those that are spare */
	char *home;
	struct sessions sessions;
	struct watch watch;
	struct op_states states;
	pthread_mutex_t lock; /* of the slots */
	struct map tokens;    /* by slot; never removed before the end */
	atomic_uint resting;  /* of those: open without sessions */
	struct slot_pair {
		CK_SLOT_ID a, b;
	} * exchanged; /* under `lock` */
	size_t n_exchanged;
	CK_SLOT_ID shown_empty; /* the slot that was last said to be empty */
	unsigned made;		/* how often that has become untrue here */
};

MUST_CHECK enum inro_err lib_start(void);
MUST_CHECK enum inro_err lib_stop(void);
/* INRO_E_NOT_INITIALIZED before lib_start() and in a forked child.  It stays until lib_leave(). */
MUST_CHECK enum inro_err lib_get(struct lib **ret);
void lib_leave(struct lib **l); /* for AUTO(); NULL is fine */

/* Every slot: those with a token and the empty one at the end; `lives` goes by the numbers of their
 * files.  Caller frees (home_slots_clear). */
MUST_CHECK enum inro_err lib_slots(struct lib *l, struct home_slots *ret);
/* The next slot that has changed: INRO_E_NO_EVENT when there is none, or waits for one;
 * INRO_E_NOT_INITIALIZED when C_Finalize comes meanwhile. */
MUST_CHECK enum inro_err lib_event(struct lib *l, bool wait, CK_SLOT_ID *ret);
/* The token of a slot, not opened; the empty slot has one too.  INRO_E_SLOT. */
MUST_CHECK enum inro_err lib_token(struct lib *l, CK_SLOT_ID slot, struct token **ret);
/* A token was made in a slot by this process: it is not shown as empty any more. */
void lib_note_made(struct lib *l, CK_SLOT_ID slot);
/* Whether there is a token in it. */
bool lib_is_empty(struct lib *l, CK_SLOT_ID slot);

/* The slot in which the token of a file is (5. above). */
CK_SLOT_ID lib_slot_of(struct lib *l, CK_SLOT_ID file);

/* Brings to an end the removal of tokens that were emptied and still have a file (home_list()): for
 * one who holds the home's lock. */
void lib_end_removals(struct lib *l, const struct home_slots *files);
/* Whether lib_init_token() would come to try a PIN, or to take a new one. */
MUST_CHECK enum inro_err lib_may_init_token(struct lib *l, CK_SLOT_ID slot);
/* C_InitToken (PKCS#11 3.0 5.5.7): a new token in the empty slot, or this one anew. */
MUST_CHECK enum inro_err lib_init_token(struct lib *l, CK_SLOT_ID slot,
					const struct token_spec *spec);
/* A session and the library it belongs to. */
struct entered {
	struct lib *lib;
	struct session *session;
};
/* INRO_E_PIN_EXPIRED while who is logged in must change his PIN. */
MUST_CHECK enum inro_err lib_enter(CK_SESSION_HANDLE handle, struct entered *ret);
/* For what may be done all the same: sessions, logins, changing it. */
MUST_CHECK enum inro_err lib_enter_expired(CK_SESSION_HANDLE handle, struct entered *ret);
void entered_clear(struct entered *e); /* for SCOPED() */

#endif
