/*
 * weak - public keys whose private half others can find: what can be seen of the key alone.
 *
 * 1. A rule never refuses a key because of what it might be: it has seen the weakness, but for
 *    the fingerprint of CVE-2017-15361, which one good key in 2^27 has too.
 * 2. What is checked when a key is read (pubkey.h: even moduli, exponents below 3, sizes) is not
 *    checked again.
 * Any thread.
 */
#ifndef INRO_BACKOFFICE_PKI_WEAK_H
#define INRO_BACKOFFICE_PKI_WEAK_H

#include "backoffice/pki/pubkey.h"

/* An RSA key has 2048 bits or more (NIST SP 800-131A 3). */
bool weak_size_holds(const struct pubkey *k);
/* No exponent from 3 to 65535 (FIPS 186-5 5.1: above 2^16). */
bool weak_exponent_holds(const struct pubkey *k);
/* The modulus has no factor below 752 (NIST SP 800-89 5.3.3). */
bool weak_factors_hold(const struct pubkey *k);
/* The modulus is not one of Infineon's library's (CVE-2017-15361, "ROCA"): not a power of 65537
 * modulo each of the 17 primes up to 167 for which that says something. */
bool weak_roca_holds(const struct pubkey *k);
/* The two primes are not so close that 100 of Fermat's steps find them (CVE-2022-26320). */
bool weak_close_holds(const struct pubkey *k);
/* Not a point whose order divides the cofactor (RFC 8032 5.1.7; RFC 7748 6.1). */
bool weak_order_holds(const struct pubkey *k);

/* The primes of weak_roca_holds() and the order of 65537 modulo each; false behind the last. */
bool weak_roca_at(size_t i, unsigned *ret_prime, unsigned *ret_order);
/* Is it a factor that weak_factors_hold() looks for? */
bool weak_has_factor(unsigned prime);

#endif
