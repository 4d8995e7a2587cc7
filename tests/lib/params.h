/*
 * params - parameters for libcrypto's own functions, the judges of ours.
 *
 * Each value has a room of its own that lasts for the next three of its kind.
 */
#ifndef INRO_TESTS_LIB_PARAMS_H
#define INRO_TESTS_LIB_PARAMS_H

#include <openssl/params.h>

#include "base/bytes.h"

OSSL_PARAM params_octets(const char *name, struct bytes x); /* up to 512 bytes */
OSSL_PARAM params_text(const char *name, const char *value);
/* One behind the other, in b. */
struct bytes params_joined(struct buf *b, struct bytes x, struct bytes y, struct bytes z);

#endif
