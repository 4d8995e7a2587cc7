/*
 * hostile_keys - makers of struct hostile (hostile.h): requests for keys as nobody honest makes them.
 */
#ifndef INRO_TESTS_LIB_HOSTILE_KEYS_H
#define INRO_TESTS_LIB_HOSTILE_KEYS_H

#include "tests/lib/hostile.h"

/* A curve by name, its parameters spelt out. */
void hostile_explicit(const struct hostile *h, struct buf *ret);
void hostile_curve(const struct hostile *h, struct buf *ret);
/* Its point compressed. */
void hostile_compressed(const struct hostile *h, struct buf *ret);
/* The SubjectPublicKeyInfo's octets as they are, with a signature by another key. */
void hostile_spki(const struct hostile *h, struct buf *ret);
/* A modulus of `number` bits, negative: an even one, and the exponent in hexadecimal digits; no signature can hold. */
void hostile_rsa_numbers(const struct hostile *h, struct buf *ret);
/* A key of `number` bits with that exponent that signs. */
void hostile_rsa(const struct hostile *h, struct buf *ret);
/* 751 times a prime of `number` bits. */
void hostile_factor(const struct hostile *h, struct buf *ret);
/* Two primes of `number` bits next to each other. */
void hostile_close(const struct hostile *h, struct buf *ret);
/* Primes as Infineon made them. */
void hostile_roca(const struct hostile *h, struct buf *ret);
/* Ed25519: the identity as a key, and a signature by it of anything. */
void hostile_identity(const struct hostile *h, struct buf *ret);

#endif
