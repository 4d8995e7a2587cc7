/* made_key - what the verbs about keys have in common: a token opened, a key named, a key made. */
#ifndef INRO_TOOLS_MADE_KEY_H
#define INRO_TOOLS_MADE_KEY_H

#include "backoffice/token/token.h"
#include "tools/cmd.h"

struct made_key {
	struct p11_uri uri;
	struct token_key_plan plan;
	uint8_t id[64];
	struct token *token;
	struct token_key *key;
};

void made_key_clear(struct made_key *n);
/* --label, --id, and the token of --token, logged in. */
MUST_CHECK enum inro_err plan_key(const struct call *c, struct made_key *n);
/* The new key as a document; NULL when memory is short. */
json_t *key_json(const struct token *t, const struct token_key *k);

/* The same for what is no struct token_key: a secret key, a certificate alone, a key of a kind that
 * certificates don't have. */
json_t *plain_json(const struct token *t, const char *type, enum p11_uri_type uri_type,
		   const struct token_key_plan *plan);

/* The token of a URI, logged in with the URI's PIN or else with the usual one. */
MUST_CHECK enum inro_err open_logged_in(const struct call *c, const struct p11_uri *uri,
					struct token **ret);
/* The same when --login is given; else without a login. */
MUST_CHECK enum inro_err open_for_list(const struct call *c, const struct p11_uri *uri,
				       struct token **ret);
/* The one entry that a URI names; `text` is the URI as it was given. */
MUST_CHECK enum inro_err one_entry(struct token *t, const struct p11_uri *uri, const char *text,
				   struct token_entry *ret);
/* The same of the URI that is the first argument, after open_for_list(): who has not logged in is told what that
 * hides. */
MUST_CHECK enum inro_err one_seen(const struct call *c, struct token *t, const struct p11_uri *uri,
				  struct token_entry *ret);
void free_entries(struct token_entry **p); /* for AUTO() */

#endif
