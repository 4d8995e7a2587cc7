/*
 * tlskey - a certificate whose key stays in its token, for TLS: by our provider, in libcrypto's
 * default context, which is this program's own.
 */
#ifndef INRO_TOOLS_AGENT_TLSKEY_H
#define INRO_TOOLS_AGENT_TLSKEY_H

#include <openssl/ssl.h>

#include "base/err.h"

/* cert: PEM file, chain behind it.  INRO_E_CONFIG, INRO_E_NOT_FOUND … */
MUST_CHECK enum inro_err tlskey_use(SSL_CTX *ctx, const char *cert, const char *key_uri);

/* Lets go of what the first tlskey_use() loaded; nothing that it made may be in use. */
void tlskey_end(void);

#endif
