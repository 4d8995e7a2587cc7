/*
 * bytes - borrowed bytes, bounded reading of them, and a bounded buffer to write into.
 *
 * 1. struct bytes owns nothing; it is passed by value and lives as long as what it points to.
 * 2. A reader is a struct bytes that shrinks from the front; it never moves past its end.
 * 3. struct buf remembers its first failure; a builder checks once, with buf_err().
 *    Its memory is wiped whenever it is given up, so that it may hold anything.
 */
#ifndef INRO_BASE_BYTES_H
#define INRO_BASE_BYTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/own.h"

struct bytes {
	const uint8_t *p;
	size_t n;
};

#define BYTES(ptr, len) ((struct bytes) { .p = (const uint8_t *)(ptr), .n = (len) })
#define BYTES_NONE	((struct bytes) { 0 })
/* An initialiser, also of static data: the octets of a string literal without its NUL. */
#define BYTES_LIT(s)                                                                               \
	{                                                                                          \
		.p = (const uint8_t *)(s), .n = sizeof(s) - 1                                      \
	}

struct bytes bytes_of(const char *s);		  /* without the NUL; NULL gives none */
bool bytes_equal(struct bytes a, struct bytes b); /* not for secrets: see secret_equal() */
bool bytes_is(struct bytes a, const char *s);
int bytes_compare(struct bytes a, struct bytes b); /* memcmp order, shorter first */

/* Takes n bytes, a big-endian number or everything off the front of *in.
 * INRO_E_SYNTAX and nothing taken when there are not that many. */
MUST_CHECK enum inro_err read_bytes(struct bytes *in, size_t n, struct bytes *ret);
MUST_CHECK enum inro_err read_u8(struct bytes *in, uint8_t *ret);
MUST_CHECK enum inro_err read_u32(struct bytes *in, uint32_t *ret);
MUST_CHECK enum inro_err read_u64(struct bytes *in, uint64_t *ret);
/* What write_field() wrote: a u32 length and that many bytes. */
MUST_CHECK enum inro_err read_field(struct bytes *in, struct bytes *ret);

/* The next piece of something long, which stays as it is until the next call; empty: the end. */
typedef enum inro_err bytes_pull(void *arg, struct bytes *ret);

struct buf {
	uint8_t *p;
	size_t n, cap;
	size_t max;	   /* 0: BUF_MAX */
	bool secret;	   /* in memory as that of a struct secret; not for buf_take_str() */
	enum inro_err err; /* the first failure; later writes do nothing */
};

#define BUF_MAX ((size_t)64 << 20)

void buf_clear(struct buf *b); /* wipes and frees; b is empty and usable again */
void buf_reset(struct buf *b); /* wipes the content and forgets the failure, keeps the memory */
MUST_CHECK enum inro_err buf_err(const struct buf *b);
struct bytes buf_bytes(const struct buf *b);
void buf_truncate(struct buf *b, size_t n); /* n <= b->n */

void buf_add(struct buf *b, struct bytes x);
void buf_add_u8(struct buf *b, uint8_t x);
void buf_add_u32(struct buf *b, uint32_t x); /* big endian */
void buf_add_u64(struct buf *b, uint64_t x);
void buf_add_field(struct buf *b, struct bytes x); /* u32 length, then the bytes */
void buf_add_str(struct buf *b, const char *s);
void buf_addf(struct buf *b, const char *format, ...) PRINTF_LIKE(2, 3);
void buf_add_hex(struct buf *b, struct bytes x); /* lower case */
/* n bytes of room at the end, counted as written; NULL after a failure. */
uint8_t *buf_extend(struct buf *b, size_t n);
/* Makes room for n more bytes, which are then written without what is there being moved. */
void buf_reserve(struct buf *b, size_t n);
/* Opens n bytes of room at offset `at`. */
uint8_t *buf_insert(struct buf *b, size_t at, size_t n);
/* The content as a C string of the caller's (free()); b is left empty.  NULL after a failure. */
char *buf_take_str(struct buf *b);

/* Hex text of any case, nothing between the digits.  *ret_n bytes written to out. */
MUST_CHECK enum inro_err hex_decode(struct bytes text, uint8_t *out, size_t cap, size_t *ret_n);

/* Digits, '-' before them or not, as *ret; what is behind them.  NULL when there are none, or when it is no int64_t: where
 * strtoll() would pass over blanks and '+', and give the greatest for what is greater. */
const char *number_take(const char *text, int64_t *ret);
/* True when the text is that and nothing else. */
MUST_CHECK bool number_read(const char *text, int64_t *ret);

#endif
