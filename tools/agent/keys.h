/* keys - the device's own pairs in its token, one a generation, and requests signed by them. */
#ifndef INRO_TOOLS_AGENT_KEYS_H
#define INRO_TOOLS_AGENT_KEYS_H

#include "backoffice/token/token.h"
#include "tools/agent/settings.h"

/* The token, with the PIN of pin-source. */
MUST_CHECK enum inro_err keys_open(const struct agent_settings *s, struct token **ret);

/* The token of one round, opened when something is needed of it. */
struct keys_hold {
	const struct agent_settings *s;
	int64_t *refused_pin; /* status.h: asked and kept there */
	struct token *token;  /* NULL: not opened yet */
};
void keys_hold_clear(struct keys_hold *h);
/* Each wrong try counts in the token: a PIN that it refused is not tried again by itself, but
 * INRO_E_PIN_WRONG until its file is another one. */
MUST_CHECK enum inro_err keys_need(struct keys_hold *h);

/* Whether keys of that kind unwrap others; where the device has symmetric keys, its pair may. */
bool keys_unwrap(const struct pki_key_kind *kind);
/* The pair of that generation: made, or found where a round was cut short. */
MUST_CHECK enum inro_err keys_make(const struct agent_settings *s, struct token *t,
				   unsigned generation, struct token_key **ret);
MUST_CHECK enum inro_err keys_find(struct token *t, const char *uri, struct token_key **ret);
/* The URI that programs use, with pin-source; the caller's. */
MUST_CHECK enum inro_err keys_uri(const struct agent_settings *s, const struct token_key *k,
				  char **ret);
/* Key and certificate go.  What is not there is no error. */
MUST_CHECK enum inro_err keys_drop(struct token *t, const char *uri);

/* A request for these names (DER Name, GeneralNames content). */
MUST_CHECK enum inro_err keys_csr(struct token_key *k, struct bytes subject, struct bytes sans,
				  struct buf *ret);

#endif
