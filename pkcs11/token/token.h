/*
 * token - one token as this process sees it: its records, its backend, who is logged in.
 *
 * 1. `lock` guards everything here but the backend; no backend operation that may be slow for long
 *    (generation, signing) runs under it.
 * 2. `gate` keeps the backend's own rule: many may use it at once, unlocking, locking and PIN
 *    changes are alone.  Taken after `lock`, never before.  `turn` is taken before `lock`.
 * 3. A PIN is tried only after a try was taken away durably.  One PIN of a token is tried at a time
 *    in a process (`turn`); while its key is derived `lock` is let go of, and the token stays open.
 * 4. A token that is let go of without sessions is closed, but for a few of the process that are
 *    kept open because they may be asked again soon: looking at ten thousand takes no descriptors.
 * 5. A token that can only be read counts wrong PINs for this process only; what was counted
 *    before it came here still counts.
 * 6. `login_epoch` rises with every login and logout: a key loaded in another epoch is not there.
 * Functions want `lock` held by the caller unless they say otherwise.
 */
#ifndef INRO_PKCS11_TOKEN_TOKEN_H
#define INRO_PKCS11_TOKEN_TOKEN_H

#include <pthread.h>
#include <stdatomic.h>

#include "pkcs11/token/backend.h"
#include "pkcs11/token/home.h"
#include "pkcs11/token/map.h"
#include "pkcs11/token/store.h"
#include "pkcs11/token/warm.h"

#define TOKEN_NOBODY CK_UNAVAILABLE_INFORMATION
#define PIN_MAX	     SECRET_MAX_PIN

/* Tokens without sessions that a process keeps open. */
#define TOKENS_RESTING 16

struct token {
	CK_SLOT_ID id;		 /* the slot as this process calls it (lib.h, 5) */
	_Atomic CK_SLOT_ID slot; /* the number of its file */
	CK_SLOT_ID moves_to;	 /* the one it will have, once its sessions are closed; 0: the same */
	const char *home;	 /* the library's */
	atomic_uint *resting;	 /* the library's: how many rest open */
	bool rests;		 /* this is one of them */
	pthread_mutex_t lock;
	pthread_rwlock_t gate;
	pthread_mutex_t turn;
	size_t trying; /* threads that let go of `lock` for their turn and come back to it */

	struct store *store; /* NULL: not opened */
	struct token_row row;
	const struct backend_ops *ops;
	struct backend *backend;

	CK_USER_TYPE login;		    /* TOKEN_NOBODY, CKU_SO, CKU_USER */
	uint8_t login_name[STORE_MAX_USER]; /* of a named user */
	size_t login_name_n;		    /* 0: the one without a name */
	atomic_bool pin_expired;	    /* who is logged in must change his PIN first */
	struct wrong_here *wrong_here;	    /* trial.c: wrong PINs where none can be counted */
	size_t n_wrong_here;
	_Atomic uint64_t login_epoch;

	int64_t change_count; /* the store's, when it was last looked at */
	uint64_t epoch;	      /* rises when another process has written */
	int64_t looked_at;    /* coarse nanoseconds */
	_Atomic int64_t
		seen_at; /* its file, the same; 0: not since it was removed.  Without the lock */

	/* What families of keys have done (roles.h), as it was at `roles_stamp`. */
	bool any_wrapped;
	uint64_t roles_stamp, roles_claimed; /* claimed: how often by this process */

	struct map by_handle, by_row; /* struct object, or cold.h */
	struct warm warm;
	size_t session_objects; /* of those */
	struct object **own;	/* builtin.h; borrowed from by_handle; NULL: not made yet */
	size_t own_n;
	size_t sessions, rw_sessions;
};

/* What C_InitToken and the vendor interface make a token of. */
struct token_spec {
	struct bytes label, so_pin, user_pin; /* user_pin empty: none yet */
	struct bytes backend, config;	      /* backend empty: the default */
	bool change_user;		      /* the user must change the PIN first */
};

/* Whether its file is there, as it was a few milliseconds ago.  No lock needed. */
bool token_is_there(struct token *t);

/* Whether it has sessions, or somebody is trying a PIN of it: it is not closed. */
static inline bool token_in_use(const struct token *t)
{
	return t->sessions > 0 || t->trying > 0;
}

/* Of the process: none of these needs a lock. */
MUST_CHECK enum inro_err token_new(const char *home, CK_SLOT_ID slot, atomic_uint *resting,
				   struct token **ret);
/* Closes it and wipes what it held; nobody may be using it. */
void token_free(struct token *t);
void token_lock(struct token *t);
/* Closes it, too, when it has no sessions and enough others rest open. */
void token_unlock(struct token *t);
/* Makes a token: in the slot *slot, or in the next free one when that is 0. */
MUST_CHECK enum inro_err token_make(const char *home, const struct token_spec *spec,
				    CK_SLOT_ID *slot);

/* INRO_E_TOKEN_UNKNOWN for a file that can't be read as a token, INRO_E_NO_TOKEN without one. */
MUST_CHECK enum inro_err token_open(struct token *t);
/* Only when it is not in use. */
void token_close(struct token *t);
/* Another file is its own: at once, or when it is opened next without sessions. */
void token_move(struct token *t, CK_SLOT_ID file);
/* Takes in what other processes have changed: at once, or if the last look is a few milliseconds
 * old. */
MUST_CHECK enum inro_err token_look(struct token *t, bool at_once);
/* The same at once, and the token's own row as it is in the store: tries left. */
MUST_CHECK enum inro_err token_refresh(struct token *t);

/* C_InitToken on a token that is there: the SO PIN given, everything in it goes.  In three steps,
 * since making its new secrets takes long: the second wants no lock, so that others do not wait.
 * Nor do they while the SO PIN is tried (trial.h): INRO_E_SESSION_EXISTS when somebody has opened the
 * token by then, INRO_E_BUSY while another thread tries a PIN of it.
 * Whether the SO PIN would be tried; that it is right, and what the token is; what it becomes; that
 * it becomes that, or what was made for it is given up. */
MUST_CHECK enum inro_err token_may_reset(const struct token *t);
MUST_CHECK enum inro_err token_reset_begin(struct token *t, const struct token_spec *spec,
					   struct token_row *ret);
MUST_CHECK enum inro_err token_reset_prepare(const char *home, const struct token_spec *spec,
					     const struct token_row *was, struct token_row *ret);
MUST_CHECK enum inro_err token_reset(struct token *t, const struct token_row *row);
/* Removes the token, its SO PIN given.  What it has outside and could not be given up (guards.h) is
 * an error that says so: the token is gone all the same. */
MUST_CHECK enum inro_err token_destroy(struct token *t, struct bytes so_pin);
/* Without the SO PIN, when that is locked or opens nothing any more: INRO_E_POLICY when not. */
MUST_CHECK enum inro_err token_destroy_locked(struct token *t);
/* The token's row as it is in the store, and what follows when it was initialised anew. */
MUST_CHECK enum inro_err token_reread(struct token *t);
/* The same after a change of our own, which is done whatever comes of the reading: what can't be
 * read now is read at the next look. */
void token_changed(struct token *t);

/* The gate: taken for a use of the backend's keys; `lock` is not needed. */
void token_enter_gate(struct token *t);
void token_leave_gate(struct token *t);
/* Alone with the backend: for unlock, lock and PIN changes; `lock` held. */
void token_close_gate(struct token *t);

#endif
