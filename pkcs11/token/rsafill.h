/*
 * rsafill - the numbers of an RSA private key that did not come with it.
 *
 * PKCS#11 lets a program bring modulus and private exponent alone (6.1.3); what is kept has all
 * eight numbers.  The primes follow from n, e and d (SP 800-56B appendix C.1), the rest from them.
 */
#ifndef INRO_PKCS11_TOKEN_RSAFILL_H
#define INRO_PKCS11_TOKEN_RSAFILL_H

#include "pkcs11/token/keyder.h"

/* Fills what is empty; the bytes live in *ret_room.  Without a public exponent 65537 is tried.
 * INRO_E_TEMPLATE_INCOMPLETE when n or d is missing or the exponent is another one;
 * INRO_E_ATTR_VALUE when they don't belong together. */
MUST_CHECK enum inro_err rsafill(struct key_parts *parts, struct secret *ret_room);

#endif
