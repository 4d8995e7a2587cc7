/*
 * signature - one signature operation, whatever the key: digest, sign, verify.
 *
 * 1. A digest is computed in software, in the context below; the token is given the digest.
 * 2. A verification is done in software from the public half, and so is what RSA recovers of a
 *    signature; for a software key all is.
 * 3. Settings (padding, salt, MGF1, names or numbers) are parsed by libcrypto's own signature
 *    operation on the public half, `model`; a token signature reads them back from it.  It is made
 *    when it is first needed, from one that the key keeps: an ECDSA signature by a token needs none.
 */
#ifndef INRO_PROVIDER_SIGNATURE_H
#define INRO_PROVIDER_SIGNATURE_H

#include "provider/key.h"

struct signature;

struct signature_type {
	/* All settings go to the model, not the digest alone. */
	bool has_settings;
	/* *n is the room in out, then the length; at least the key's maximum is there. */
	enum inro_err (*sign)(struct signature *s, struct bytes input, uint8_t *out, size_t *n);
};

#define SIGNATURE_NAME 50 /* libcrypto's own limit */

enum signature_use { SIGNATURE_VERIFY, SIGNATURE_SIGN, SIGNATURE_RECOVER };

struct signature {
	struct prov *prov;
	const struct signature_type *type;
	struct key *key; /* borrowed: it outlives the operation in the caller's EVP_PKEY_CTX */
	enum signature_use use;
	bool digesting;		  /* the digest is fixed from the start on */
	bool copied;		  /* from another operation, which may have ended */
	EVP_MD *md;		  /* NULL: the input is signed as it is */
	char md_name[SIGNATURE_NAME]; /* what the program calls it, and is told again */
	const struct digest *row; /* of md; NULL: Cryptoki does not know it */
	EVP_MD_CTX *hash;
	EVP_PKEY_CTX *model;
};

extern const struct signature_type signature_rsa, signature_ecdsa;

MUST_CHECK enum inro_err signature_model(struct signature *s, EVP_PKEY_CTX **ret);
/* What the key keeps, at its end. */
void signature_models_free(struct key *k);

#endif
