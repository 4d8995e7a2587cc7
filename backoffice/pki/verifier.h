/*
 * verifier - what is kept of a password or key that is only ever checked: scrypt (RFC 7914) with
 * its parameters and salt.
 */
#ifndef INRO_BACKOFFICE_PKI_VERIFIER_H
#define INRO_BACKOFFICE_PKI_VERIFIER_H

#include "base/bytes.h"

/* N = 2^cost, with r = 8 and p = 1. */
#define VERIFIER_COST_RANDOM 10 /* of a value with 112 bits of chance or more: nothing to guess */
#define VERIFIER_COST_CHOSEN 15 /* of what a person chose */

/* Appended. */
MUST_CHECK enum inro_err verifier_make(struct bytes value, unsigned cost, struct buf *ret);
/* INRO_E_PIN_WRONG: another value; told in a time that does not depend on how much is right.
 * INRO_E_DAMAGED: not what verifier_make() made. */
MUST_CHECK enum inro_err verifier_check(struct bytes stored, struct bytes value);
bool verifier_is(struct bytes stored);

#endif
