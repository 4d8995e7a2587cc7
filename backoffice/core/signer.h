/*
 * signer - who signs for a CA what is neither a certificate nor a list: CMP messages, keys that were
 * made for devices.
 *
 * 1. It is the newest certificate that the CA's present key issued by the profile ra-signer for a key in
 *    a token, of those that have not expired; nobody while that one is revoked.  A server makes and renews one for each CA whose token it can open; one that a person had
 *    made takes over until a third of its time is left.
 * 2. The CA's own key does it where the CA's settings say so, and while there is no other one; in
 *    whichever of the CA's tokens works.  Its certificate must say that it may (digitalSignature).
 * 3. For a CA elsewhere it is one that a person had that CA certify (cert issue), and no other one.
 */
#ifndef INRO_BACKOFFICE_CORE_SIGNER_H
#define INRO_BACKOFFICE_CORE_SIGNER_H

#include "backoffice/core/ca.h"
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
/* INRO_E_CONFIG: nobody signs for this CA; err_detail() says what its administrator has to do. */
MUST_CHECK enum inro_err signer_of(struct core *c, const char *ca, struct signer *ret);
/* Of a struct signer, as keypack.h and cmp_message.h call it. */
MUST_CHECK enum inro_err signer_sign(void *signer, const struct pki_sig *sig, struct bytes message,
				     struct buf *ret);

/* Whose certificate it is that signs for the CA now: a delegate's, or the CA's own; *ret stays empty while there is
 * none.  Keys and tokens are not looked at. */
struct ca_messages {
	char *key_uri;
	struct blob cert;
	bool itself;
};
void ca_messages_clear(struct ca_messages *m);
MUST_CHECK enum inro_err ca_messages(struct core *c, const struct ca *ca, struct ca_messages *ret);

/* A duty (duty.h), of one tenant: makes and renews their certificates. */
MUST_CHECK enum inro_err message_signers_renew(struct core *c);

/* ---- settings ---- */

struct ca_cmp {
	const char *signs;	      /* of ocsp_signs_names; NULL: as it is */
	const char *token, *key_type; /* "": the CA's; both NULL: as they are */
};
/* Who signs from now on; one whose key or token is another is made anew.  INRO_E_POLICY: the CA's own key is to, and
 * its certificate does not let it.  INRO_E_STATE: the CA is elsewhere, where no server makes a key, and its own is not
 * here. */
MUST_CHECK enum inro_err ca_set_cmp(struct core *c, const char *name, const struct ca_cmp *in,
				    struct ca_view *ret);

#endif
