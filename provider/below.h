/*
 * below - the libcrypto beneath the provider: a library context of our own.
 *
 * 1. It holds the default provider, loaded by hand, and reads no configuration: it never meets
 *    this provider again and takes no part in the application's property queries.
 * 2. It is made at the first need, without a lock: a program that uses no token key pays nothing,
 *    and a fork can't leave it half made.
 */
#ifndef INRO_PROVIDER_BELOW_H
#define INRO_PROVIDER_BELOW_H

#include <stdatomic.h>

#include <openssl/evp.h>
#include <openssl/provider.h>

#include "base/bytes.h"
#include "base/cryptoki/cryptoki.h"

/* A digest as the token side knows it. */
struct digest {
	const char *names[5];	/* as libcrypto calls it, the canonical name first */
	CK_MECHANISM_TYPE mech; /* the hash's row in base/cryptoki/hashes.h; 0: Cryptoki has none */
};

#define BELOW_DIGESTS 13

struct below {
	_Atomic(struct below_ctx *) ctx;
	_Atomic(EVP_MD *) md[BELOW_DIGESTS];
};

void below_clear(struct below *b);

MUST_CHECK enum inro_err below_libctx(struct below *b, OSSL_LIB_CTX **ret);

/* What libcrypto's default provider says it is capable of. */
MUST_CHECK enum inro_err below_capabilities(struct below *b, const char *capability,
					    OSSL_CALLBACK *callback, void *arg, int *ret_ok);

/* The digest of that name with a reference of the caller's, and its row if we have one. */
MUST_CHECK enum inro_err below_digest(struct below *b, const char *name, EVP_MD **ret_md,
				      const struct digest **ret_row);

/* The row of that name, NULL when we have none. */
const struct digest *digest_named(const char *name);
/* The row of that hash of Cryptoki, NULL when we have none. */
const struct digest *digest_of(CK_MECHANISM_TYPE mech);

/* An error of our own for what libcrypto has just failed at, with the reason it gave last.  The
 * queue, which is the program's too, is left as it is. */
enum inro_err below_failed(const char *what);

#endif
