/*
 * secret - bytes that must not outlive their use: PINs, keys, what a KDF made.
 *
 * 1. A secret has one owner.  Hand-over is `*ret = s; s = (struct secret){0};`.
 * 2. Its memory is wiped before it is freed, kept out of core dumps, and zero in a forked
 *    child where the kernel can do that.
 * 3. No log, print or JSON helper takes a struct secret, and none will be written.
 */
#ifndef INRO_BASE_SECRET_H
#define INRO_BASE_SECRET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"

struct secret {
	uint8_t *p;
	size_t n;
};

/* The longest PIN or passphrase taken from anywhere. */
#define SECRET_MAX_PIN 255

/* n bytes of zero, 1 <= n <= 16 MiB.  n == 0 gives an empty secret. */
MUST_CHECK enum inro_err secret_new(size_t n, struct secret *ret);
MUST_CHECK enum inro_err secret_copy(struct bytes from, struct secret *ret);
MUST_CHECK enum inro_err secret_random(size_t n, struct secret *ret); /* getrandom(2) */
void secret_clear(struct secret *s);
void secret_shrink(struct secret *s, size_t n); /* wipes what is past n */
/* Lets a forked child keep this secret: for a PIN with which the child must log in again. */
void secret_keep_on_fork(struct secret *s);
struct bytes secret_bytes(const struct secret *s);

/* In a time that depends on the lengths only. */
bool secret_equal(struct bytes a, struct bytes b);

/* Wipes memory in a way the compiler keeps. */
void wipe(void *p, size_t n);

/* Fills p from getrandom(2); never libcrypto's RNG, whose locks a fork may have left held. */
MUST_CHECK enum inro_err random_fill(void *p, size_t n);

#endif
