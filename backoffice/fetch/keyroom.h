/*
 * keyroom - keys of TLS that stay in their tokens, or are in files: by our provider, in a library
 * context of its own.
 *
 * 1. What the process does elsewhere with libcrypto is not changed by it.
 * 2. The key stays where it is; a signature in a handshake is made by its token.
 * 3. A room is used by one thread at a time, and outlives what was made in it.
 * 4. While it is open the process has the Cryptoki module open too: the provider, unloaded, does not
 *    finalise it below others.
 */
#ifndef INRO_BACKOFFICE_FETCH_KEYROOM_H
#define INRO_BACKOFFICE_FETCH_KEYROOM_H

#include <openssl/ssl.h>

#include "base/secret.h"

struct keyroom;
MUST_CHECK enum inro_err keyroom_open(struct keyroom **ret);
void keyroom_close(struct keyroom *r); /* NULL is fine */
void keyroom_close_ptr(struct keyroom **r);
OSSL_LIB_CTX *keyroom_lib(const struct keyroom *r);
/* Another one, for an SSL_CTX that uses such a key: our provider is not in it, so that reading the
 * certificates of others costs what it costs without a token. */
OSSL_LIB_CTX *keyroom_tls(const struct keyroom *r);

/* Asked for a PIN or passphrase; `token` is a label, or words for what is to be opened. */
typedef enum inro_err keyroom_pin_fn(void *arg, const char *token, struct secret *ret);
struct keyroom_pins {
	keyroom_pin_fn *ask; /* NULL: only what the URI and the provider's settings say */
	void *arg;
};
/* A pkcs11: URI, or a file (its path, or file:) of at most 256 KiB; `what` names it in errors.  The
 * caller's. */
MUST_CHECK enum inro_err keyroom_key(const struct keyroom *r, const char *uri, const char *what,
				     const struct keyroom_pins *pins, EVP_PKEY **ret);

/* A certificate and its chain, PEM, and its key, in `ctx`; lib NULL: the default one.
 * INRO_E_CONFIG: `what` is no certificate, or the key is another's. */
MUST_CHECK enum inro_err keyroom_use(SSL_CTX *ctx, OSSL_LIB_CTX *lib, struct bytes chain,
				     EVP_PKEY *key, const char *what);

/* `what` and libcrypto's own words for what went wrong, which are forgotten then. */
enum inro_err keyroom_error(enum inro_err code, const char *what);

#endif
