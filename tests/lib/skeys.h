/* skeys - what tests of symmetric keys share. */
#ifndef INRO_TESTS_LIB_SKEYS_H
#define INRO_TESTS_LIB_SKEYS_H

#include "pkcs11/token/skey.h"

size_t skeys_unhex(const char *hex, uint8_t *out, size_t cap);
bool skeys_is_aead(CK_MECHANISM_TYPE mech);
/* An AES key of 256 bits, always the same. */
struct skey *skeys_aes(void);

#endif
