/*
 * rounds - what it costs to try a passphrase, which a key file says itself (RFC 8018 §5.2, RFC 7914 §7, RFC 7292
 * §5.1): bounded before any of it is spent, since whoever wrote the file may want to stop whoever reads it.
 */
#ifndef INRO_TOOLS_IMPORT_ROUNDS_H
#define INRO_TOOLS_IMPORT_ROUNDS_H

#include <openssl/x509.h>

#include "base/err.h"

/* Of all parts of a file together.  Programs write 2 000 to 1 000 000 a part, openssl's scrypt counts for 131 072. */
#define ROUNDS_MAX UINT64_C(20000000)

/* Adds what a passphrase costs under that algorithm (PBES1, PBES2, PBMAC1, those of PKCS#12) to *spent.
 * INRO_E_TOO_BIG, with *spent as it was: it would be more than ROUNDS_MAX, or more memory than libcrypto gives to
 * scrypt. */
MUST_CHECK enum inro_err rounds_spend(const X509_ALGOR *algorithm, uint64_t *spent);
/* The same for a number that is known. */
MUST_CHECK enum inro_err rounds_spend_count(const ASN1_INTEGER *count, uint64_t times,
					    uint64_t *spent);

#endif
