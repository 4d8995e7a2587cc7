/*
 * asker - who has called libcrypto, which has called us.
 *
 * libcrypto tells a provider nothing about that.  For a key of a TLS handshake it makes the
 * difference between a key in a token and one in memory, and from OpenSSL 3.2 on nothing else shows
 * it (keygen.h).
 */
#ifndef INRO_PROVIDER_ASKER_H
#define INRO_PROVIDER_ASKER_H

#include <stdbool.h>

/* The first function on this thread's stack that is neither ours nor in the library which called us
 * is one of libssl.  False where libssl is part of the program itself. */
bool asker_is_libssl(void);

/* The program is openssl(1), which reads, makes and lists whatever there is. */
bool asker_is_openssl(void);

#endif
