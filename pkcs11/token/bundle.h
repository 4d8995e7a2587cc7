/*
 * bundle - a file encrypted under a passphrase: how a token is saved.
 *
 * 8 bytes "inrobak1", the scrypt parameters log2 N, r, p (a byte each), 16 bytes of salt; then
 * segments of at most 64 KiB: four bytes (big endian; the highest bit is set in the last one, the
 * rest is the length), the ciphertext, a tag of 16 bytes.  The key is scrypt(passphrase, salt),
 * AES-256-GCM, the nonce the number of the segment, the associated data the head of the file and of
 * the segment: none can be changed, left out, moved or cut off.
 */
#ifndef INRO_PKCS11_TOKEN_BUNDLE_H
#define INRO_PKCS11_TOKEN_BUNDLE_H

#include <stdbool.h>

#include "base/bytes.h"

#define BUNDLE_PASS_MIN 8

/* Encrypts the file `from` into the new file `to` (0600), on disk and read back before this
 * returns.  INRO_E_EXISTS, INRO_E_PIN_FORMAT for a passphrase of less than BUNDLE_PASS_MIN bytes.
 */
MUST_CHECK enum inro_err bundle_write(const char *from, const char *to, struct bytes passphrase);
/* The reverse, into the new file `to`.  INRO_E_PIN_WRONG, INRO_E_DAMAGED; nothing is left then. */
MUST_CHECK enum inro_err bundle_read(const char *from, const char *to, struct bytes passphrase);

#endif
