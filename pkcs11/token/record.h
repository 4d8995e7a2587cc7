/*
 * record - attributes as the store keeps them: the same on every machine.
 *
 * Each is a u64 type and a field (u32 length, bytes); a CK_ULONG is eight bytes, big endian, a list
 * of them so many times eight, everything else as it is.
 */
#ifndef INRO_PKCS11_TOKEN_RECORD_H
#define INRO_PKCS11_TOKEN_RECORD_H

#include "pkcs11/token/rule.h"

/* The attributes whose rule has all the flags `with` and none of `without`, appended; not those
 * that are implied. */
void record_write(const struct object_kind *kind, const struct attrs *attrs, unsigned with,
		  unsigned without, struct buf *ret);
/* All of them, whatever object they belong to. */
void record_write_all(const struct attrs *attrs, struct buf *ret);
/* Adds to *ret; INRO_E_DAMAGED for what record_write() did not write. */
MUST_CHECK enum inro_err record_read(const struct object_kind *kind, struct bytes in,
				     struct attrs *ret);

/* Takes one attribute off the front of *in: INRO_E_SYNTAX. */
MUST_CHECK enum inro_err record_read_any(struct bytes *in, struct attrs *ret);

/* The SHA-256 by which objects of a public key are found: of an RSA modulus or an EC point. */
MUST_CHECK enum inro_err record_hash(struct bytes value, uint8_t ret[32]);
/* The same from a SubjectPublicKeyInfo.  INRO_E_UNSUPPORTED for other kinds of key. */
MUST_CHECK enum inro_err record_hash_spki(struct bytes spki, uint8_t ret[32]);

#endif
