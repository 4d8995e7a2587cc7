/*
 * secrets - the device's symmetric keys: had from the service, kept in the token, renewed.
 *
 * 1. A key comes wrapped to the device's certificate, or by AES key wrap under another of its keys
 *    ("NAME=TYPE under NAME"), and is unwrapped into the token in one call; its value is in no file and not
 *    in this process.
 * 2. In the token it has the label NAME and as id the service's serial.  What is there, and what the
 *    service lists, is all that is known: a round that was cut short anywhere is gone on with.
 * 3. A new key takes the label before the old one loses it, which is NAME.old from then on: who looks
 *    for NAME finds a key that works at every moment, for one of them two.
 * 4. NAME.old goes when the policy's overlap is over, or the next one takes its place.  A key that the
 *    agent did not put there is never deleted, whatever its label: the ids of those that it brought are in
 *    DIR/secrets.own before they are in the token; those that the service lists, before they are renewed there.
 */
#ifndef INRO_TOOLS_AGENT_SECRETS_H
#define INRO_TOOLS_AGENT_SECRETS_H

#include <jansson.h>

#include "backoffice/token/token.h"
#include "tools/agent/due.h"
#include "backoffice/fetch/fetch.h"
#include "tools/agent/settings.h"

struct secrets_work {
	const struct agent_settings *s;
	const struct fetch_way *way;
	const struct fetch_who *who; /* by the live certificate */
	struct token *token;
	const char *key_uri;   /* of that certificate's key */
	struct bytes serial;   /* of that certificate */
	struct due_rules rules;
	int64_t believed, overlap; /* seconds */
	int64_t now;		   /* what the clock says, believed or not */
	bool renew;		   /* now, due or not */
	const json_t *listed;	   /* by the service */
	const json_t *before;	   /* what the last round told; may be NULL */
	/* out */
	json_t *told;  /* the caller's */
	int64_t wake; /* when something is to be done again; 0: never */
};

/* All of them, also where one fails; the first error. */
MUST_CHECK enum inro_err secrets_run(struct secrets_work *w);

/* INRO_E_CONFIG for a type that is none, or a pair that can't unwrap. */
MUST_CHECK enum inro_err secrets_check(const struct agent_settings *s);

/* Runs the commands behind a renewal when keys are others since they ran last. */
MUST_CHECK enum inro_err secrets_hooks(const struct agent_settings *s, unsigned generation);

#endif
