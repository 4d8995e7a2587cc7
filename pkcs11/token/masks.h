/*
 * masks - choosing without branching: all ones for yes, 0 for no; numbers below 2^31.
 */
#ifndef INRO_PKCS11_TOKEN_MASKS_H
#define INRO_PKCS11_TOKEN_MASKS_H

#include <stdint.h>

/* What the compiler may not reason about. */
static inline uint32_t mask_hidden(uint32_t x)
{
	__asm__("" : "+r"(x));
	return x;
}

static inline uint32_t mask_less(uint32_t a, uint32_t b)
{
	return mask_hidden((uint32_t)(((uint64_t)a - b) >> 32));
}

static inline uint32_t mask_equal(uint32_t a, uint32_t b)
{
	return mask_less(a ^ b, 1);
}

static inline uint32_t mask_choose(uint32_t mask, uint32_t yes, uint32_t no)
{
	return (mask & yes) | (~mask & no);
}

#endif
