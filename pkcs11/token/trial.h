/*
 * trial - one PIN of a token, tried: from the try that it costs to what it opens.
 *
 * 1. The try is taken away durably before anything is derived of the PIN (but see token.h, 5), and is
 *    there again only where the PIN was right, or where nothing has told whether it is.
 * 2. In one process the PINs of a token are tried one after the other (token.h, `turn`), so what a trial
 *    has counted is not given back by another that was right.
 * 3. Who sets a PIN has his turn, too, without a try of the new one: nobody logs in in this process
 *    while it is made.
 * 4. The token's lock is held by the caller.  It is let go of while the trial waits for its turn and while
 *    the key is derived from the PIN (backend.h, stretch): whatever the caller has looked at may be
 *    different then.
 */
#ifndef INRO_PKCS11_TOKEN_TRIAL_H
#define INRO_PKCS11_TOKEN_TRIAL_H

#include "pkcs11/token/token.h"

struct trial {
	struct token *t;
	struct who who;
	uint8_t name[STORE_MAX_USER]; /* of `who`: that of a login may end meanwhile */
	struct bytes pin;
	bool alone;  /* before trial_enter(): no PIN of the token is tried meanwhile, in no process */
	bool entered; /* it has, or waits for, its turn */
	int lock;    /* tries.h */
	struct auth_row row;
	struct secret key; /* of the PIN, by stretch() */
};

/* The PIN is borrowed.  trial_clear() ends it, whatever came of it; `t`'s lock is held then, too. */
void trial_init(struct trial *x, struct token *t, const struct who *who, struct bytes pin);
void trial_clear(struct trial *x);

/* In this order, on an instance of the backend that is the token's own or was made for this: the turn
 * (INRO_E_PIN_WRONG for a PIN of an impossible length, which costs nothing); the try and the time; the
 * proof.  INRO_E_PIN_WRONG also when the record is another than the one that the try was taken of. */
MUST_CHECK enum inro_err trial_enter(struct trial *x);
MUST_CHECK enum inro_err trial_take(struct trial *x);
MUST_CHECK enum inro_err trial_prove(struct trial *x, struct backend *b);
/* In the place of the proof, which nobody learns anything of: gives the try back.  `e`. */
MUST_CHECK enum inro_err trial_void(struct trial *x, enum inro_err e);

/* A PIN that is set, by who has his turn.  First what takes long, with the token free for others; then
 * its record, by an unlocked instance (`old`: guards_set()). */
struct new_pin {
	struct bytes pin;
	struct buf begun;  /* backend.h, begin_pin */
	struct secret key; /* of it */
};
void new_pin_clear(struct new_pin *n);
MUST_CHECK enum inro_err trial_begin_pin(struct trial *x, struct new_pin *n);
MUST_CHECK enum inro_err trial_record(const struct trial *x, struct backend *b, struct bytes old,
				      const struct new_pin *n, struct buf *ret_auth);

/* For what takes long and needs the token no more than the derivation does. */
void trial_let_others(struct trial *x);
void trial_come_back(struct trial *x);

/* In errors. */
const char *trial_of_whom(CK_USER_TYPE user);

#endif
