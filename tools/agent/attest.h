/*
 * attest - a certificate by nothing but the TPM of the device's token: what the service challenges it
 * with is answered in the TPM, and its word about the request's key sent along.
 *
 * 1. Nothing here looks into what the TPM says: the token makes it, the service checks it.
 * 2. What the TPM finds in a challenge is in no file.
 */
#ifndef INRO_TOOLS_AGENT_ATTEST_H
#define INRO_TOOLS_AGENT_ATTEST_H

#include "backoffice/fetch/est_ask.h"
#include "backoffice/token/token.h"
#include "tools/agent/settings.h"

struct attest_asking {
	const struct agent_settings *s;
	struct token *token;
	const char *key_uri; /* of the key that made the request */
	struct bytes renews; /* DER of the certificate that the new one takes the place of; none: a first one */
};
/* As est_enroll(). */
MUST_CHECK enum inro_err attest_enroll(const struct fetch_way *way, const struct attest_asking *asking,
				       struct est_asked *a);

/* What the TPM says of that key. */
MUST_CHECK enum inro_err attest_which(struct token *t, const char *key_uri, struct buf *ret);

/* Whether that error of attest_which() is of the key itself: it will never do. */
bool attest_never(enum inro_err e);

#endif
