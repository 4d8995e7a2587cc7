/*
 * ca_signer - a CA's key at work, in the first of its tokens that works.
 *
 * 1. It is the key of the CA's certificate, wherever it is: what a token offers is compared with it,
 *    and one that takes another's place has signed something that was verified before.
 * 2. A place that failed is left alone for a while, and one that refused the PIN as long as the core
 *    is open: nobody's tries are used up by trying again.  Where no other works it is tried again.
 * 3. That a place is left, and that it is back, is one event each ("ca.key.away", "ca.key.back").
 * 4. Never inside a transaction.
 */
#ifndef INRO_BACKOFFICE_CORE_CA_SIGNER_H
#define INRO_BACKOFFICE_CORE_CA_SIGNER_H

#include "backoffice/core/authority.h"

#define CA_PLACES_MAX 8

struct ca_signer {
	const struct ca *ca;   /* borrowed; NULL: a key alone, which has no other place */
	struct token_key *key; /* the core's, as long as it is open */
};

/* INRO_E_CONFIG: the one token that it has doesn't have the certificate's key.  With several, the
 * error names each and why. */
MUST_CHECK enum inro_err ca_signer_open(struct core *c, const struct ca *ca, const struct cert *cert,
					struct ca_signer *ret);
/* As token_key_sign() and token_key_sign_hashed(); s->key is what signed. */
MUST_CHECK enum inro_err ca_sign(struct core *c, struct ca_signer *s, const struct pki_sig *sig,
				 struct bytes message, struct buf *ret);
MUST_CHECK enum inro_err ca_sign_hashed(struct core *c, struct ca_signer *s,
					const struct pki_sig *sig, struct bytes hashed,
					struct buf *ret);

/* The key at this URI, when it is this one.  `prove`: it has signed something, and that is verified.
 * INRO_E_CONFIG: it is another. */
MUST_CHECK enum inro_err ca_key_at(struct core *c, const char *uri, struct bytes spki, bool prove,
				   struct token_key **ret);
/* Where the key is of the CA as it is given (ca_as_of()), the first place first. */
MUST_CHECK enum inro_err ca_places_of(struct core *c, const struct ca *ca, struct ca_places *ret);

#endif
