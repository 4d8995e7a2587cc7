/*
 * signer - who signs for a CA what is neither a certificate nor a list: CMP messages, keys that were
 * made for devices.
 *
 * 1. It is the newest good certificate that the CA's present key issued by the profile ra-signer and
 *    whose key is in a token known here.  The CA's own key does it only where its certificate
 *    says that it may (digitalSignature), in whichever of the CA's tokens works.
 */
#ifndef INRO_BACKOFFICE_CORE_SIGNER_H
#define INRO_BACKOFFICE_CORE_SIGNER_H

#include "backoffice/core/core.h"
#include "backoffice/pki/cert.h"
#include "backoffice/store/record.h"

#define SIGNER_PROFILE "ra-signer"

struct token_key;
struct signer {
	struct cert cert;
	const struct pki_sig *sig;
	struct token_key *key; /* the core's */
	struct core *core;
	struct ca ca; /* whose own key it is; id 0: a delegate's */
};
void signer_clear(struct signer *s);
/* INRO_E_CONFIG says how to make one. */
MUST_CHECK enum inro_err signer_of(struct core *c, const char *ca, struct signer *ret);
/* Of a struct signer, as keypack.h and cmp_message.h call it. */
MUST_CHECK enum inro_err signer_sign(void *signer, const struct pki_sig *sig, struct bytes message,
				     struct buf *ret);

#endif
