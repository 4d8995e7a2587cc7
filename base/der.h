/*
 * der - the DER that the hot paths read and write (X.690): definite lengths, minimal, bounded.
 *
 * Reading takes elements off the front of a struct bytes.  Writing appends to a struct buf;
 * der_begin/der_end nest, and the length is put right at der_end.
 */
#ifndef INRO_BASE_DER_H
#define INRO_BASE_DER_H

#include "base/bytes.h"

enum {
	DER_BOOLEAN = 0x01,
	DER_INTEGER = 0x02,
	DER_BIT_STRING = 0x03,
	DER_OCTET_STRING = 0x04,
	DER_NULL = 0x05,
	DER_OID = 0x06,
	DER_ENUMERATED = 0x0a,
	DER_UTF8_STRING = 0x0c,
	DER_PRINTABLE_STRING = 0x13,
	DER_IA5_STRING = 0x16,
	DER_UTC_TIME = 0x17,
	DER_GENERALIZED_TIME = 0x18,
	DER_SEQUENCE = 0x30,
	DER_SET = 0x31,
	DER_CONTEXT = 0x80,		/* | number: primitive */
	DER_CONTEXT_CONSTRUCTED = 0xa0, /* | number */
};

/* The tag around one element, in modules with explicit tags. */
#define DER_EXPLICIT(n) ((uint8_t)(DER_CONTEXT_CONSTRUCTED | (n)))

struct der {
	uint8_t tag;
	struct bytes value; /* the content octets */
	struct bytes whole; /* tag, length and content */
};

/* The next element, whatever it is.  One-byte tags, lengths below 2^28. */
MUST_CHECK enum inro_err der_next(struct bytes *in, struct der *ret);
/* The next element, which must have this tag. */
MUST_CHECK enum inro_err der_take(struct bytes *in, uint8_t tag, struct bytes *ret_value);
/* The same, with the header: for what is copied or hashed as it stands. */
MUST_CHECK enum inro_err der_take_whole(struct bytes *in, uint8_t tag, struct bytes *ret_whole);
/* The next element's tag, -1 at the end. */
int der_peek(struct bytes in);
/* Exactly one element of this tag and nothing behind it. */
MUST_CHECK enum inro_err der_only(struct bytes in, uint8_t tag, struct bytes *ret_value);
/* A non-negative INTEGER's magnitude, without the leading zero. */
MUST_CHECK enum inro_err der_take_unsigned(struct bytes *in, struct bytes *ret_magnitude);
MUST_CHECK enum inro_err der_take_int(struct bytes *in, int64_t *ret);
/* A BIT STRING of whole octets. */
MUST_CHECK enum inro_err der_take_bits(struct bytes *in, struct bytes *ret_octets);

size_t der_begin(struct buf *b, uint8_t tag);
void der_end(struct buf *b, size_t mark);
void der_add(struct buf *b, uint8_t tag, struct bytes value);
void der_add_unsigned(struct buf *b, struct bytes magnitude); /* leading zeros are dropped */
void der_add_int(struct buf *b, int64_t value);
void der_add_bool(struct buf *b, bool value);
void der_add_bits(struct buf *b, struct bytes octets); /* no unused bits */
/* "1.2.840.10045.2.1" as an OID element; buf fails with INRO_E_SYNTAX on nonsense. */
void der_add_oid(struct buf *b, const char *dotted);
/* UTCTime up to 2049, GeneralizedTime from 2050 (RFC 5280 4.1.2.5). Seconds since 1970. */
void der_add_time(struct buf *b, int64_t unix_seconds);
/* The octets of such a time, utc: of UTCTime, written to out; how many, 0 for one that has none. */
#define DER_TIME_MAX 15
size_t der_put_time(uint8_t out[static DER_TIME_MAX], int64_t unix_seconds, bool utc);
bool der_time_is_utc(int64_t unix_seconds);
MUST_CHECK enum inro_err der_take_time(struct bytes *in, int64_t *ret_unix_seconds);
/* The content octets of an OID as dotted text. */
MUST_CHECK enum inro_err der_oid_text(struct bytes oid, char *out, size_t cap);

#endif
