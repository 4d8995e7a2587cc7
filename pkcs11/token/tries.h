/*
 * tries - who is trying a PIN of a token at this moment, in all processes together.
 *
 * A try is taken away before the PIN is tried and given back after it was right.  So many programs
 * that log in at once with the right PIN can use up all tries between them: who finds none left
 * waits until nobody else is trying and looks again.  What is gone then was wrong PINs.
 *
 * Who changes a PIN where no record tells that it was changed (backend.h, change_pin) is alone from the
 * start: what he has proved holds until he is done.
 *
 * The lock is flock(2) on a file beside the token's.  It is given up by name, not by closing, so
 * that a child forked meanwhile does not keep it.
 */
#ifndef INRO_PKCS11_TOKEN_TRIES_H
#define INRO_PKCS11_TOKEN_TRIES_H

#include "pkcs11/token/home.h"

/* Counted among those who try, until tries_leave(); INRO_E_BUSY when somebody tries alone for too
 * long.  `alone`: as after tries_alone(). */
MUST_CHECK enum inro_err tries_enter(const char *home, CK_SLOT_ID slot, bool alone, int *ret_lock);
/* Waits until nobody else is trying, and keeps others out.  INRO_E_BUSY. */
MUST_CHECK enum inro_err tries_alone(int lock);
void tries_leave(int *lock); /* for AUTO(); -1 is fine */

#endif
