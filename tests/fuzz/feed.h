/*
 * feed - a fuzzer's bytes as what Cryptoki is called with: numbers, buffers, templates, mechanisms.
 *
 * 1. When the bytes are used up, everything is zero.
 * 2. Every buffer has memory of its own, of just its length, so that a sanitizer sees a step past
 *    its end.  What a program may not do (a length that is longer than the memory behind it) is not
 *    done, but for lengths that nothing can have: those must be refused before they are followed.
 * 3. All of it is there until feed_clear().
 */
#ifndef INRO_TESTS_FUZZ_FEED_H
#define INRO_TESTS_FUZZ_FEED_H

#include "base/bytes.h"
#include "base/cryptoki/cryptoki.h"

#define FEED_BLOCKS 4096

struct feed {
	struct bytes in;
	struct feed_block {
		void *p;
		size_t n;
	} blocks[FEED_BLOCKS];
	size_t n;
	/* Handles to choose from where a parameter has one. */
	const CK_OBJECT_HANDLE *objects;
	size_t objects_n;
};

void feed_clear(struct feed *f);
uint8_t feed_u8(struct feed *f);
/* Below n; 0 when that is 0. */
size_t feed_below(struct feed *f, size_t n);
/* One that the standard knows, a small one, one at a border, or any. */
CK_ULONG feed_ulong(struct feed *f);
/* Zeroed; NULL when an input asks for too much. */
void *feed_memory(struct feed *f, size_t n);
/* Bytes of the input, or some that mean something (object identifiers, points). */
struct bytes feed_bytes(struct feed *f);
/* The same as a program's pointer and length: now and then NULL, or a length that can't be. */
struct bytes feed_input(struct feed *f);
CK_OBJECT_HANDLE feed_object(struct feed *f);

/* A template of *ret_n; `depth` of arrays in arrays. */
CK_ATTRIBUTE *feed_template(struct feed *f, int depth, CK_ULONG *ret_n);
/* One of the table with a parameter that mostly has its shape, or any. */
CK_MECHANISM *feed_mechanism(struct feed *f);
/* An AEAD with the parameter of a message: what C_WrapKeyAuthenticated takes. */
CK_MECHANISM *feed_sealing(struct feed *f);
/* The parameter of one message of an AEAD: a structure of one of the shapes. */
struct bytes feed_message(struct feed *f);

#endif
