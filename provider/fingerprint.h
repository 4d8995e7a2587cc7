/*
 * fingerprint - whether an object of a token is the one of a fingerprint (OSSL_STORE_SEARCH(3)).
 *
 * A fingerprint is the digest of one of these: the public key (SubjectPublicKeyInfo, as openssl
 * pkey -pubout -outform DER writes it), the bits of the key in there (which with SHA-1 are the
 * subject key identifier of RFC 5280), or a whole certificate.
 */
#ifndef INRO_PROVIDER_FINGERPRINT_H
#define INRO_PROVIDER_FINGERPRINT_H

#include "provider/token.h"

struct fingerprint {
	const char *digest; /* its name, "" when there is none */
	struct bytes value; /* empty: there is none */
};

/* INRO_E_ARG when the digest's name is missing or the value is not of its length; INRO_E_UNSUPPORTED
 * when libcrypto has no such digest. */
MUST_CHECK enum inro_err fingerprint_check(struct prov *p, const struct fingerprint *f);

/* `certificate`: the object is one. */
MUST_CHECK enum inro_err fingerprint_fits(struct token *t, struct seat *s, CK_OBJECT_HANDLE object,
					  bool certificate, const struct fingerprint *f,
					  bool *ret_fits);

#endif
